/*
 * Recovery: what the store holds as unfinished goes on. In this order, so that nothing runs twice: read the runs; give them to the scheduler;
 * ask the worker what became of the live attempts; only then let the engine's loop run, and with it new starts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/backfill.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/late.h"
#include "engine/schedule.h"
#include "model/dag.h"

#define RECOVER_ARENA_MAX ((size_t)2 << 30)
#define RUNS_MAX          100000

struct recovery {
    struct engine *g;
    struct arena arena;
    struct run_row *runs;
    size_t runs_len;
    struct worker_job *jobs;
    size_t jobs_len, jobs_cap;
    struct dag **dags; /* references to give back */
    size_t dags_len, dags_cap;
    struct uuid *others; /* attempts of runs that are left alone */
    size_t others_len, others_cap;
    int64_t run_key; /* of the call */
    struct ti_row *tis;
    size_t tis_len;
    struct xcom_row parent;
    struct err *e;
};

static int do_get_runs(void *arg)
{
    struct recovery *r = arg;
    struct store *s = r->g->store;

    return s->ops->get_runs(s, 0, 1u << RUN_QUEUED | 1u << RUN_RUNNING, 0, RUNS_MAX, &r->arena,
                            &r->runs, &r->runs_len, r->e);
}

static int do_get_live(void *arg)
{
    struct recovery *r = arg;
    struct store *s = r->g->store;

    return s->ops->get_tis(s, r->run_key,
                           1u << TASK_QUEUED | 1u << TASK_RUNNING | 1u << TASK_RESTARTING |
                               1u << TASK_DEFERRED,
                           &r->arena, &r->tis, &r->tis_len, r->e);
}

static bool is_live_attempt(const struct ti_row *t)
{
    return !uuid_is_zero(&t->attempt) &&
           ((t->state == TASK_QUEUED && t->worker != 0) || t->state == TASK_RUNNING ||
            t->state == TASK_RESTARTING || t->state == TASK_DEFERRED);
}

static int leave_alone(struct recovery *r, const struct run_row *run)
{
    int rc;

    r->run_key = run->run_key;
    rc = engine_on_store(r->g, do_get_live, r);
    for (size_t i = 0; rc == 0 && i < r->tis_len; i++) {
        if (is_live_attempt(&r->tis[i])) {
            rc = VEC_PUSH(r->others, r->others_len, r->others_cap, r->tis[i].attempt);
        }
    }
    return rc;
}

static int add_jobs(struct recovery *r, const struct run_row *run, struct dag *d)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->tis_len; i++) {
        const struct ti_row *t = &r->tis[i];
        struct worker_job job = {.key = t->key,
                                 .token = t->attempt,
                                 .try_number = t->try_number,
                                 .max_tries = t->max_tries,
                                 .dag = d,
                                 .run = run,
                                 .started = t->state != TASK_QUEUED,
                                 .deferred = t->state == TASK_DEFERRED,
                                 .resumed = t->state == TASK_QUEUED && t->start_us != TIME_NONE,
                                 .start_us = t->start_us};

        if (is_live_attempt(t)) {
            rc = VEC_PUSH(r->jobs, r->jobs_len, r->jobs_cap, job);
        }
    }
    return rc;
}

static int restore(struct recovery *r, const struct run_row *run)
{
    struct sched_event know = {.type = SCHED_DAG}, ev = {.type = SCHED_RUN_RESTORE};
    struct dag *d;
    int rc = facts_load_run(r->g, run, &r->arena, &d, &r->tis, &r->tis_len, r->e);

    if (rc != 0) {
        return err_prefix(r->e, rc, "run %s", run->run_id);
    }
    rc = VEC_PUSH(r->dags, r->dags_len, r->dags_cap, d);
    if (rc != 0) {
        dag_unref(d);
        return rc;
    }
    know.dag.dag_key = run->dag_key;
    know.dag.version_key = run->version_key;
    know.dag.dag = d;
    rc = engine_feed(r->g, &know);
    if (rc == 0) {
        ev.run.row = run;
        ev.run.dag = d;
        ev.run.tis = r->tis;
        ev.run.tis_len = r->tis_len;
        rc = engine_feed(r->g, &ev);
    }
    rc = rc == 0 ? schedule_saw(r->g, run) : rc;
    backfills_saw(r->g, run);
    rc = rc == 0 ? late_restored(r->g, run, d, r->tis, r->tis_len) : rc;
    return rc == 0 ? add_jobs(r, run, d) : rc;
}

static int do_get_parent(void *arg)
{
    struct recovery *r = arg;
    struct store *s = r->g->store;
    struct ti_key key = parent_key(r->run_key);

    return s->ops->get_xcom(s, &key, PARENT_RECORD, &r->arena, &r->parent, r->e);
}

/* The run whose task made it, or 0. */
static int64_t parent_of(struct recovery *r, const struct run_row *run)
{
    char text[24] = "";

    r->run_key = run->run_key;
    if (engine_on_store(r->g, do_get_parent, r) != 0 || r->parent.value_len >= sizeof text) {
        return 0;
    }
    memcpy(text, r->parent.value, r->parent.value_len);
    return strtoll(text, NULL, 10);
}

static bool is_chosen(const struct run_row *run, const int64_t *keys, size_t n)
{
    if (n == SIZE_MAX) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (keys[i] == run->run_key) {
            return true;
        }
    }
    return false;
}

/* Those that were asked for, and what their tasks made. The list is newest first, and a child is never older than its parent. */
static int choose(struct recovery *r, const int64_t *keys, size_t n, bool *chosen)
{
    int rc = 0;

    for (size_t i = r->runs_len; rc == 0 && i-- > 0;) {
        int64_t parent;

        chosen[i] = is_chosen(&r->runs[i], keys, n);
        if (chosen[i] || n == 0) {
            continue;
        }
        parent = parent_of(r, &r->runs[i]);
        for (size_t j = r->runs_len; parent != 0 && !chosen[i] && j-- > i + 1;) {
            chosen[i] = chosen[j] && r->runs[j].run_key == parent;
        }
        if (chosen[i]) {
            rc = VEC_PUSH(r->g->children, r->g->children_len, r->g->children_cap,
                          r->runs[i].run_key);
        }
    }
    return rc;
}

int engine_recover(struct engine *g, const int64_t *run_keys, size_t n,
                   int (*load_dag)(void *arg, const struct dag_source *src, struct dag **ret,
                                   struct err *e),
                   void *arg, struct err *e)
{
    struct recovery r = {.g = g, .e = e};
    bool *chosen;
    int rc;

    g->load_dag = load_dag;
    g->load_dag_arg = arg;
    arena_init(&r.arena, RECOVER_ARENA_MAX);
    rc = engine_on_store(g, do_get_runs, &r);
    chosen = rc == 0 ? mem_array(r.runs_len + 1, sizeof *chosen) : NULL;
    rc = rc == 0 && chosen == NULL ? -ERR_NOMEM : rc;
    rc = rc == 0 ? choose(&r, run_keys, n, chosen) : rc;
    rc = rc == 0 ? backfills_recover(g, r.runs, chosen, r.runs_len, e) : rc;
    for (size_t i = 0; rc == 0 && i < r.runs_len; i++) {
        rc = chosen[i] ? restore(&r, &r.runs[i]) : leave_alone(&r, &r.runs[i]);
    }
    if (rc == 0) {
        rc = g->worker->ops->adopt(g->worker, r.jobs, r.jobs_len, r.others, r.others_len, e);
    }
    rc = rc == 0 ? alerts_start(g, e) : rc;
    if (rc == 0) {
        rc = engine_start_main(g, e);
    }
    rc = rc == 0 && g->schedule != NULL ? schedule_start(g, e) : rc;
    rc = rc == 0 ? backfills_start(g, e) : rc;
    rc = rc == 0 && g->schedule != NULL ? consumers_start(g, e) : rc;
    for (size_t i = 0; i < r.dags_len; i++) {
        dag_unref(r.dags[i]);
    }
    mem_free(chosen);
    mem_free(r.dags);
    mem_free(r.jobs);
    mem_free(r.others);
    arena_fini(&r.arena);
    return rc == -ERR_NOMEM && e != NULL && e->code == 0
               ? err_set(e, ERR_NOMEM, "out of memory in recovery")
               : rc;
}
