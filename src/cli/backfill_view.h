/* A backfill as commands show it: read from the store. */
#ifndef TW_CLI_BACKFILL_VIEW_H
#define TW_CLI_BACKFILL_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/store.h"

struct buf;
struct err;
struct json_writer;

struct backfill_tally { /* its dates */
    uint32_t planned, queued, running, success, failed;
    uint32_t left;   /* left alone: a run exists, or is in flight */
    uint32_t broken; /* no run could be made, or made to run again */
    uint32_t gone;   /* its run was deleted meanwhile */
};

struct backfill_view {
    struct arena arena;
    struct store *store;
    struct dag_row dag;
    struct backfill_row row;
    struct backfill_tally tally;
};

/* text: its number, or a DAG's id: the newest one of it. -ERR_NOTFOUND. Close it with backfill_view_fini, also after an error. */
int backfill_view_open(struct backfill_view *v, const char *home, const char *text, struct err *e);
void backfill_view_fini(struct backfill_view *v);
/* Reads row and tally anew. */
int backfill_view_refresh(struct backfill_view *v, struct err *e);

/* "running", "paused", "cancelled", "success", "failed" */
const char *backfill_state_word(const struct backfill_row *r, const struct backfill_tally *t);
/* "12 of 92 done: 11 success, 1 failed; 4 running, 6 queued, 70 to come" */
void backfill_tally_text(const struct backfill_row *r, const struct backfill_tally *t,
                         struct buf *out);
int backfill_tally_of(struct store *s, int64_t backfill_key, struct arena *a,
                      struct backfill_tally *ret, struct err *e);
/* The members of one, inside an open object. */
void backfill_members(struct json_writer *w, const struct backfill_row *r, const char *dag_id,
                      const struct backfill_tally *t);
/* 0: all is well so far; 1: something has failed, or it was cancelled. */
int backfill_exit_code(const struct backfill_row *r, const struct backfill_tally *t);

#endif
