/*
 * The history of a DAG's runs as an event log (src/analysis): a case per run, an activity per task. Blocks: not on a loop's thread.
 */
#ifndef TW_HOME_RUN_LOG_H
#define TW_HOME_RUN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/log_write.h"

struct buf;
struct err;
struct plog;
struct store;

struct run_log_query {
    int64_t dag_key;
    int64_t from_us, to_us; /* run_after in between; TIME_NONE: open */
    unsigned states;        /* of runs: bit per enum run_state; 0 = all */
    size_t newest;          /* so many at most, the newest; 0 = all */
};

/*
 * For analysis: every try that began and ended is an execution, `ate_abort` when it failed; all instances of a mapped task together are one, from the
 * first start to the last end. What was skipped was not carried out. The versions of the runs are told by their numbers.
 */
int run_log_read(struct store *s, const struct run_log_query *q, struct plog *ret, struct err *e);
/*
 * For other tools: all events, oldest run first, each instance of a mapped task by itself: schedule, start, then complete, ate_abort, autoskip or
 * withdraw. Piece by piece: run_log_next appends some (whole runs) to the buf, which the caller empties. The store is borrowed until
 * run_log_close (NULL is allowed).
 */
struct run_log_writer;
int run_log_open(struct store *s, const struct run_log_query *q, enum log_format f,
                 const char *dag_id, struct run_log_writer **ret, struct err *e);
int run_log_next(struct run_log_writer *w, struct buf *out, bool *ret_more, struct err *e);
void run_log_close(struct run_log_writer *w);

#endif
