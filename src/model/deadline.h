/*
 * Deadlines of runs: Airflow's DeadlineAlert, as data of a DAG's document (member `deadline`, an object each):
 *
 *   reference: {type: dagrun_logical_date | dagrun_queued_at}        or {type: fixed_datetime, datetime: "2026-01-31T12:00:00Z"}
 *              or {type: average_runtime, max_runs: 10, min_runs: 10}
 *   interval: a duration, which may be negative       name: a text
 *   callback: {type: SyncCallback | AsyncCallback, path: "module.function", kwargs: {...}}, or channels: names of channels; or both
 *
 * The moment is reference + interval. Of average_runtime it is counted from when the run is made: the mean time of the last max_runs
 * runs that ended, if there are min_runs of them, else there is no deadline; of dagrun_logical_date there is none for a run without one.
 * A run that has not ended then has missed it, once. Pure.
 */
#ifndef TW_MODEL_DEADLINE_H
#define TW_MODEL_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct run_row;
struct value;

enum deadline_reference {
    DEADLINE_LOGICAL_DATE,
    DEADLINE_QUEUED_AT,
    DEADLINE_FIXED,
    DEADLINE_AVERAGE,
};

#define DEADLINES_MAX 64 /* of one DAG */

struct deadline {
    enum deadline_reference reference;
    int64_t fixed_us;           /* FIXED */
    int32_t max_runs, min_runs; /* AVERAGE */
    int64_t interval_us;
    const char *name;             /* or NULL */
    const struct value *callback; /* an object, or NULL */
    const char *const *channels;
    size_t channels_len;
};

/* A list, or one. Texts are borrowed from v. -ERR_INVALID with place and remedy. */
int deadlines_parse(struct arena *a, const struct value *v, struct deadline **ret, size_t *ret_len,
                    struct err *e);
/* The moment of a run. us: what the last runs took, newest first (AVERAGE alone looks at them). False: it has none. */
bool deadline_moment(const struct deadline *d, const struct run_row *run, int64_t now_us,
                     const int64_t *us, size_t n, int64_t *ret_us);

#endif
