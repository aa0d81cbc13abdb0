/*
 * What the engine counts of itself, cheaply: a few additions per row that was committed. Asked for by the request `stats`
 * (docs/internals/wire.md), which the API server turns into /health and /metrics. Since the engine started; nothing is kept.
 */
#ifndef TW_ENGINE_METRICS_H
#define TW_ENGINE_METRICS_H

#include <stdint.h>

#include "model/states.h"

struct engine;
struct err;
struct sched_event;
struct world_call;

#define METRICS_BUCKETS 14
/* Upper bounds in microseconds; what is longer is in the last bucket. */
extern const int64_t metrics_bounds_us[METRICS_BUCKETS];

struct metrics_histogram {
    uint64_t n[METRICS_BUCKETS + 1]; /* of each bucket alone */
    int64_t sum_us;
};

struct engine_metrics {
    struct metrics_histogram task_scheduled; /* scheduled -> running */
    struct metrics_histogram task_queued;    /* queued -> running */
    struct metrics_histogram task_duration;  /* running -> the end of the try */
    struct metrics_histogram run_delay;      /* a scheduled run's due time -> running */
    struct metrics_histogram run_duration[RUN_STATE_MAX_]; /* by the state that it ended in */
    struct metrics_histogram commit;
    uint64_t task_starts;
    uint64_t task_ends[TASK_STATE_MAX_]; /* instances that came into this finished state */
    int64_t tasks[TASK_STATE_MAX_];      /* instances of runs at hand in this unfinished state */
    uint64_t store_errors;               /* commits that had to be repeated */
    int64_t last_commit_us;              /* wall clock; TIME_NONE: none yet */
    int64_t started_us;
    /* What the process around the engine knows (engine_report_dags). */
    int64_t dags, files, import_errors, parse_us;
    int64_t parses;
    struct metrics_histogram parse;
};

/* Of the engine alone: a durable batch; a run that was read back; a commit that failed. */
void metrics_committed(struct engine *g, int64_t took_us);
void metrics_restored(struct engine *g, const struct sched_event *ev);

/* SUSPENDS. The request `import_errors`: an array, as the store has them. */
int metrics_answer_import_errors(const struct world_call *c, struct err *e);
/* The request `stats`. SUSPENDS for a moment: it measures how late the loop is. */
int metrics_answer(const struct world_call *c, struct err *e);

#endif
