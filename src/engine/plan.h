/*
 * What a clear or a mark would touch, and its carrying out: plan -> look at it -> apply, run by run.
 *
 *     plan_open(store, &query, ...)                  which runs
 *     while (plan_next(plan, &run, e) == 1)          what of each: exactly what will be touched, and nothing has changed yet
 *         show it, or plan_command(plan, run, key, ...) and engine_command
 *     plan_close(plan)
 *
 * A plan only reads. Runs come one after another, those with the earliest logical date first, so 10,000 of them need the memory of one, and a
 * later run that depends on an earlier one finds that one cleared. Each run's change is one commit; with a key it is applied once,
 * however often the whole is asked for again: after a kill the same query with the same key goes on where it stopped.
 *
 * Indices are those of plan_run.version_key; the engine refuses them (-ERR_CONFLICT) where the run got another version meanwhile.
 */
#ifndef TW_ENGINE_PLAN_H
#define TW_ENGINE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "model/rows.h"

struct dag;
struct err;
struct plan;
struct store;

/* Words are borrowed until plan_close. */
struct plan_query {
    enum engine_op op;     /* ENGINE_CLEAR, ENGINE_MARK */
    enum task_state state; /* MARK: what they become */
    const char *dag_id;

    /* Which runs: run_id (NULL: the last run; a time: the run of that logical date), and with past and future those of the DAG before and
     * after it; or, with all_runs, all of the DAG whose logical date lies in the range (both included). */
    const char *run_id;
    bool past, future;
    bool all_runs;
    int64_t from_us, to_us; /* TIME_NONE: open */

    /* Which tasks: words that are task ids or groups' ids (all tasks in it), or, with regex, POSIX extended regular expressions that are looked
     * for in task ids; none: all tasks. Of several runs those that have no such task are left out; else it is -ERR_NOTFOUND. */
    const char *const *tasks;
    size_t tasks_len;
    bool regex;
    bool upstream, downstream; /* and what is reachable from them */
    int32_t
        map_index; /* of the named tasks, and of those in their mapped group, this index alone; -1: all */
    bool only_failed,
        only_running; /* only instances that failed or were upstream_failed; that are running */

    /* CLEAR: on the newest version of the DAG; else on the run's own. */
    bool newest;
};

struct plan_ti {
    uint32_t task;
    int32_t map_index; /* -1: all of the task */
    uint8_t state;     /* as it is; of a mapped task as one: the worst */
    uint32_t instances;
    bool related; /* a setup or teardown that goes with a chosen task */
};

/* What is to happen to one run; borrowed until the next plan_next. */
struct plan_run {
    const struct run_row *run;
    const struct dag *dag; /* what the indices are of */
    int64_t version_key;
    bool moves;                /* it goes on with that version, which is not its own */
    const struct plan_ti *tis; /* by (task, map_index) */
    size_t tis_len;
    uint64_t instances;
    const char *const *gone; /* moves: tasks that become removed */
    size_t gone_len;
    const char *const *fresh; /* moves: tasks that the run did not have: they run */
    size_t fresh_len;
    const char *refused; /* why this run cannot be changed (nothing is applied to it), or NULL */
};

/* load: the DAG of a stored version (one reference). Blocks. -ERR_NOTFOUND with what there is not; -ERR_USAGE for a query that makes no sense;
 * -ERR_LIMIT: more than LIMIT_PLAN_RUNS runs. */
int plan_open(struct store *s, const struct plan_query *q,
              int (*load)(struct store *s, int64_t version_key, struct dag **ret, struct err *e),
              struct plan **ret, struct err *e);
void plan_close(struct plan *p);        /* NULL is allowed */
size_t plan_runs(const struct plan *p); /* how many runs are looked at */
/* 1: the next run of which something is to be touched, or that is refused; 0: there is none. Blocks. */
int plan_next(struct plan *p, const struct plan_run **ret, struct err *e);
/* The command that does it; its arrays belong to the plan until the next plan_next. key: of the whole, or NULL; the run's own is made of it. */
int plan_command(struct plan *p, const struct plan_run *r, const char *key, const char *actor,
                 struct engine_command *ret, struct err *e);

#endif
