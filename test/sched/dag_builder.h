/*
 * DAGs for tests, from a compact text:
 *
 *     "@sales max_active_tasks=2 fail_fast; a; b <- a rule=all_done retries=2; c <- a,b pool=p
 * slots=2"
 *
 * Tasks are separated by `;` and named in topological order or any other. The optional first item
 * `@dag_id key=value ...` sets the DAG: max_active_tasks, max_active_runs, max_failed
 * (consecutive), timeout (seconds), fail_fast, catchup. Of a task: rule, retries, delay (seconds,
 * 300), backoff (multiplier), max_delay (seconds), weight, weight_rule, pool, slots, per_dag,
 * per_run, and the flags setup, teardown, fail_dagrun, past (depends_on_past), ignore_first,
 * downstream (wait_for_downstream; implies past), wait_skip
 * (wait_for_past_depends_before_skipping), instant. Without a rule a teardown has
 * all_done_setup_success. Mapped tasks: map (length, or -1: it is asked), src (index of the task
 * that it is mapped over), mgroup (number of its mapped group). Weights are effective weights as in Airflow.
 */
#ifndef TW_TEST_SCHED_DAG_BUILDER_H
#define TW_TEST_SCHED_DAG_BUILDER_H

#include "model/dag.h"

/* One reference, the caller's. A text that is wrong ends the program with a message: it is the
 * test's own. */
struct dag *test_dag(const char *spec);

/*
 * For generated DAGs: `test_dag_new(n)` makes n tasks with ids t0..tn-1 and Airflow's defaults; the
 * caller sets their members, then test_dag_link gives the edges (up_off, up: compressed rows,
 * ascending, no duplicates; copied) and computes all that follows from them: downstream rows,
 * order, effective weights, indirect setups, scopes of teardowns.
 */
struct dag *test_dag_new(const char *dag_id, uint32_t tasks);
void test_dag_link(struct dag *d, const uint32_t *up_off, const uint32_t *up);

#endif
