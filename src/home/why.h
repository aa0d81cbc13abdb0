/*
 * Why an instance does not run, without a scheduler to ask: the run is given to a core of its own, made from what is stored, which then
 * explains. It sees the limits of pools and of the run's DAG, but not what other runs hold of them at this moment.
 */
#ifndef TW_HOME_WHY_H
#define TW_HOME_WHY_H

#include "sched/sched.h"

struct arena;
struct dag;
struct dag_row;
struct run_row;
struct store;
struct ti_row;

struct why_facts { /* all borrowed for the call */
    struct store *store;
    struct arena *arena;
    const struct dag_row *dag_row;
    const struct run_row *run;
    struct dag *dag; /* of the run's version */
    const struct ti_row *tis;
    size_t tis_len;
};

int home_why(const struct why_facts *f, uint32_t task, int32_t map_index, int64_t now_us,
             sched_reason_fn *fn, void *arg);
/* Of an instance that ended without running: an upstream that did not succeed, one after another. code "upstream_state". */
void home_why_upstream(const struct why_facts *f, uint32_t task, int32_t map_index,
                       sched_reason_fn *fn, void *arg);

#endif
