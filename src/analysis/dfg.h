/*
 * The directly-follows graph of a log: how often an activity came next after another in a case, which ones began and ended cases, and how
 * long it took. Waiting is from the end of the one to the start of the next (0 when they overlap); where starts are not known, to its end.
 */
#ifndef TW_ANALYSIS_DFG_H
#define TW_ANALYSIS_DFG_H

#include <stdint.h>

#include "analysis/log.h"

struct dfg {
    uint32_t n;      /* activities of the log */
    uint64_t *count; /* n * n, [from * n + to] */
    uint64_t *start, *end, *occurs;
    uint64_t cases, empty; /* of them without an activity */
};

/* What an activity, or one following another, took: microseconds; -1 = not known. */
struct spans {
    uint64_t n;
    int64_t median_us, mean_us, total_us;
};
struct timing_of {
    struct spans *service; /* by activity: start to end */
    struct spans *
        wait; /* by activity: from when it was scheduled, or else from the end before it, to its start */
    struct spans *follows; /* n * n: waiting between the two */
    struct spans cases;    /* from the first start to the last end */
};

static inline uint64_t dfg_count(const struct dfg *d, uint32_t from, uint32_t to)
{
    return d->count[(size_t)from * d->n + to];
}

/* In the arena. */
int dfg_build(const struct plog *l, const struct variants *v, struct arena *a, struct dfg *ret,
              struct err *e);
/* keep by case; NULL: all. */
int dfg_timing(const struct plog *l, const bool *keep, struct arena *a, struct timing_of *ret,
               struct err *e);
/* Waiting of a step before it starts, as above; -1: not known. `before`: the one before it in its case, or NULL. */
int64_t dfg_wait_us(const struct plog_step *before, const struct plog_step *s);
int64_t dfg_service_us(const struct plog_step *s);

#endif
