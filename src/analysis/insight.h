/* What a log tells beside its model: where time goes, and what changed. */
#ifndef TW_ANALYSIS_INSIGHT_H
#define TW_ANALYSIS_INSIGHT_H

#include "analysis/dfg.h"

/*
 * Where the time goes. The critical path of a case is walked from its last end back: before an execution stands the one that ended last before it
 * began. Its shares are of the time of all critical paths, waiting and work apart.
 */
struct bottleneck {
    uint32_t activity;
    int64_t wait_us, service_us;           /* sums over all executions */
    int64_t path_wait_us, path_service_us; /* of them those on critical paths */
    double wait_share, path_share;         /* of all waiting; of all critical paths */
};
/* By path_share downwards, then wait_share, then number; one per activity that took or waited at all. In the arena. */
int bottlenecks_find(const struct plog *l, struct arena *a, struct bottleneck **ret,
                     size_t *ret_len, struct err *e);

/*
 * Drift: cases of one version of the process beside those of the next; where all have the same, the earlier half beside the later one.
 * Flow: are steps, starts and ends as frequent (chi-square)? Times: does the activity take as long (Mann-Whitney, two sides)? A change is told
 * when p < DRIFT_P / the number of tests of the pair (Bonferroni). Fewer than DRIFT_CASES cases on a side: nothing is tested.
 */
#define DRIFT_P     0.01
#define DRIFT_CASES 5
struct drift_time {
    uint32_t activity;
    double before_s, after_s; /* medians */
    double p;
};
struct drift_flow {       /* one step that is more or less frequent than before */
    uint32_t from, to;    /* UINT32_MAX: the start or the end of a case */
    double before, after; /* per case */
};
struct drift {
    const char *before, *after; /* versions, or NULL: halves */
    uint64_t cases_before, cases_after;
    int64_t since_us; /* when the first case of `after` began; TIME_NONE */
    bool tested, flow_changed;
    double flow_p, flow_x, flow_df;
    struct drift_flow *flows; /* of a flow that changed: the largest differences */
    size_t flows_len;
    struct drift_time *times; /* those that changed */
    size_t times_len;
    uint32_t *added, *removed; /* activities that the one has and the other does not */
    size_t added_len, removed_len;
};
#define DRIFT_PAIRS_MAX 20 /* the last ones */
#define DRIFT_FLOWS_MAX 10
int drift_find(const struct plog *l, struct arena *a, struct drift **ret, size_t *ret_len,
               struct err *e);

#endif
