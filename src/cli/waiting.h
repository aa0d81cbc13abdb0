/* What a DAG waits for among assets, and what is there already: in words. */
#ifndef TW_CLI_WAITING_H
#define TW_CLI_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct err;
struct store;
struct value;

struct waiting_row {
    const char *partition; /* NULL: without, or none has begun */
    int64_t events;        /* that are there */
    const char *there;     /* "asset a (3 events)", or "" */
    const char *missing;   /* "asset b or alias x"; "": nothing */
};

/* Whether a document's `schedule` names assets. */
bool waiting_is_schedule(const struct value *schedule);
/* A row, or one for each partition that has begun. Reads the store; all is in the arena. Errors: the schedule's, the store's. */
int waiting_rows(struct store *s, int64_t dag_key, const struct value *schedule, struct arena *a,
                 struct waiting_row **ret, size_t *ret_len, struct err *e);
/* A line, or one for each partition that has begun, of a DAG that is started by assets, as far as a scheduler knows it; else nothing. `what`
 * begins each: "its next run". What cannot be read is left out. */
void waiting_put(struct store *s, const char *dag_id, const char *what, struct buf *out);
/* "waits for asset b; there: asset a (3 events)" */
void waiting_words(const struct waiting_row *r, struct buf *out);

#endif
