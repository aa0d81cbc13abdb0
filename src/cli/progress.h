/*
 * What `run` and `runs resume` show: a live picture on a terminal, plain lines in a pipe. It watches the engine's commits, so that it
 * never shows what is not durable.
 */
#ifndef TW_CLI_PROGRESS_H
#define TW_CLI_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

#include "model/states.h"

struct engine;
struct err;
struct loop;
struct progress;
struct store;

enum progress_mode {
    PROGRESS_NONE,  /* nothing: the command tells the end itself */
    PROGRESS_QUIET, /* only the last line */
    PROGRESS_PLAIN, /* a line per change of state */
    PROGRESS_LIVE,  /* redrawn in place */
    PROGRESS_JSON,  /* a JSON object per change of state, and one at the end */
};

struct progress_options {
    enum progress_mode mode;
    const char *home;
    int64_t run_key;
    const char *run_id;
    int slots;              /* for the estimate */
    const int64_t *mean_us; /* by task: mean durations of earlier runs, or NULL; borrowed */
    size_t mean_len;
};

/* Begins to show; spawns what it needs in the loop's root group. */
int progress_start(struct loop *l, struct engine *g, const struct progress_options *o,
                   struct progress **ret, struct err *e);
/* SUSPENDS. Says how it ended; frees. */
void progress_finish(struct progress *p, enum run_state state, const char *problem);

/* The last line of a run, as text or JSON: how it ended, how long it took, its tasks by state, and the engine's commits. */
struct progress_summary {
    enum progress_mode mode;
    const char *dag_id, *run_id, *word;
    int64_t elapsed_us;
    uint32_t by_state[TASK_STATE_MAX_];
};
/* g: NULL for a client, which does not know its commits. */
void progress_summary(const struct progress_summary *s, struct engine *g);

/* One change of state as a JSON object on a line. */
struct buf;
struct transition_row;
void progress_json_line(const char *run_id, const char *task_id, const struct transition_row *t,
                        struct buf *scratch);

#endif
