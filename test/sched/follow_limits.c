/* What is used of every limit, counted anew, and who could go on. */
#include <string.h>

#include "base/time.h"
#include "follow_priv.h"
#include "model/dag.h"

struct usage {
    int64_t sure;  /* queued, running, restarting (and deferred where the pool says so) */
    int64_t dying; /* attempts that were told to end, of instances that have left those states */
};

static bool holds(uint8_t state)
{
    return state == TASK_QUEUED || state == TASK_RUNNING || state == TASK_RESTARTING;
}

/* One instance's share of a limit. */
static void add(struct usage *u, const struct follow_run *run, uint32_t i, int64_t n, bool deferred)
{
    uint8_t st = run->states[i];

    if (!follow_counts(run, i)) {
        u->dying += run->tis[i].dying ? n : 0; /* one that was removed while it lived */
        return;
    }
    if (holds(st) || (deferred && st == TASK_DEFERRED)) {
        u->sure += n;
    } else if (run->tis[i].dying) {
        u->dying += n;
    }
}

static struct usage resource_usage(const struct follow *f, const struct follow_resource *r)
{
    bool all = strcmp(r->name, "parallelism") == 0;
    struct usage u = {0};

    for (size_t k = 0; k < f->runs_len; k++) {
        const struct follow_run *run = f->runs[k];

        for (uint32_t i = 0; i < run->len; i++) {
            const struct task *t = follow_task(run, i);

            if (all) {
                add(&u, run, i, 1, false);
            } else if (strcmp(t->pool, r->name) == 0) {
                add(&u, run, i, t->pool_slots, r->include_deferred);
            }
        }
    }
    return u;
}

static int64_t room(const struct follow_resource *r)
{
    int64_t n = r->exclusive ? r->slots : r->granted;

    return n < 0 ? INT64_MAX : n;
}

static struct usage run_usage(const struct follow_run *run)
{
    struct usage u = {0};

    for (uint32_t i = 0; i < run->len; i++) {
        add(&u, run, i, 1, false);
    }
    return u;
}

/* Of one task in one run. */
static void add_task(struct usage *u, const struct follow_run *run, uint32_t task)
{
    add(u, run, task, 1, false);
    for (int32_t i = 0; i < run->made[task]; i++) {
        add(u, run, run->maps[task].slots[i], 1, false);
    }
}

static struct usage task_usage(const struct follow *f, const struct follow_run *run, uint32_t task)
{
    struct usage u = {0};

    for (size_t k = 0; k < f->runs_len; k++) {
        if (f->runs[k]->row.dag_key == run->row.dag_key && task < f->runs[k]->dag->tasks_len) {
            add_task(&u, f->runs[k], task);
        }
    }
    return u;
}

static int check_sums(struct follow *f, struct usage *resources)
{
    for (size_t k = 0; k < f->resources_len; k++) {
        const struct follow_resource *r = &f->resources[k];

        resources[k] = resource_usage(f, r);
        if (resources[k].sure > room(r)) {
            return follow_wrong(f, "S5: %s: %lld used of %lld", r->name,
                                (long long)resources[k].sure, (long long)room(r));
        }
    }
    for (size_t k = 0; k < f->runs_len; k++) {
        const struct follow_run *run = f->runs[k];
        int64_t used = run_usage(run).sure;

        if (used > run->dag->max_active_tasks) {
            return follow_wrong(f, "S5: run %lld: %lld active of %d", (long long)run->run_key,
                                (long long)used, run->dag->max_active_tasks);
        }
        for (uint32_t t = 0; t < run->dag->tasks_len; t++) {
            int32_t cap = run->dag->tasks[t].max_active_tis_per_dag;
            int32_t own = run->dag->tasks[t].max_active_tis_per_dagrun;
            struct usage u = {0};

            add_task(&u, run, t);
            if (cap > 0 && u.sure > 0 && task_usage(f, run, t).sure > cap) {
                return follow_wrong(f, "S5: t%u: more than %d active in the DAG", t, cap);
            }
            if (own > 0 && u.sure > own) {
                return follow_wrong(f, "S5: run %lld t%u: more than %d active in the run",
                                    (long long)run->run_key, t, own);
            }
        }
    }
    return 0;
}

/* A waiting one that needs more slots than are free may keep the rest of its pool for itself. */
static bool big_one_waits(const struct follow *f, const char *pool, int64_t free_slots)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        const struct follow_run *run = f->runs[k];

        for (uint32_t i = 0; i < run->len; i++) {
            const struct task *t = follow_task(run, i);

            if (follow_counts(run, i) && run->states[i] == TASK_SCHEDULED &&
                strcmp(t->pool, pool) == 0 && t->pool_slots > free_slots) {
                return true;
            }
        }
    }
    return false;
}

static bool blocked(const struct follow *f, const struct follow_run *run, uint32_t i,
                    const struct usage *resources)
{
    const struct task *t = follow_task(run, i);
    struct usage u, own = {0};

    for (size_t k = 0; k < f->resources_len; k++) {
        const struct follow_resource *r = &f->resources[k];
        int64_t used = resources[k].sure + resources[k].dying;
        bool parallelism = strcmp(r->name, "parallelism") == 0;

        if (!parallelism && strcmp(r->name, t->pool) != 0) {
            continue;
        }
        if (!r->exclusive || used + (parallelism ? 1 : t->pool_slots) > room(r)) {
            return true;
        }
        if (!parallelism && r->slots >= 0 && big_one_waits(f, t->pool, room(r) - used)) {
            return true;
        }
    }
    u = run_usage(run);
    if (u.sure + u.dying >= run->dag->max_active_tasks) {
        return true;
    }
    u = task_usage(f, run, t->index);
    if (t->max_active_tis_per_dag > 0 && u.sure + u.dying >= t->max_active_tis_per_dag) {
        return true;
    }
    add_task(&own, run, t->index);
    return t->max_active_tis_per_dagrun > 0 && own.sure + own.dying >= t->max_active_tis_per_dagrun;
}

/* max_active_runs, per (DAG, backfill): kept, and used. */
static int check_runs(struct follow *f)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        const struct follow_run *run = f->runs[k];
        int32_t active = 0;

        for (size_t j = 0; j < f->runs_len; j++) {
            active += f->runs[j]->state == RUN_RUNNING &&
                      f->runs[j]->row.dag_key == run->row.dag_key &&
                      f->runs[j]->row.backfill_key == run->row.backfill_key;
        }
        if (active > run->dag->max_active_runs) {
            return follow_wrong(f, "S5: %d runs active of %d", active, run->dag->max_active_runs);
        }
        if (run->state == RUN_QUEUED && active < run->dag->max_active_runs && !f->paused &&
            !f->full && !f->shutdown && !f->restoring) {
            return follow_wrong(f, "L2: run %lld is queued while %d of %d are active",
                                (long long)run->run_key, active, run->dag->max_active_runs);
        }
    }
    return 0;
}

int follow_limits(struct follow *f)
{
    struct usage resources[16];

    if (check_sums(f, resources) < 0 || check_runs(f) < 0) {
        return -1;
    }
    if (f->full || f->paused || f->shutdown || f->restoring) {
        return 0;
    }
    for (size_t k = 0; k < f->runs_len; k++) {
        const struct follow_run *run = f->runs[k];

        for (uint32_t i = 0; run->state == RUN_RUNNING && i < run->len; i++) {
            if (follow_counts(run, i) && run->states[i] == TASK_SCHEDULED &&
                !blocked(f, run, i, resources)) {
                return follow_wrong(f,
                                    "L2: run %lld t%u[%d] is scheduled while there is room for it",
                                    (long long)run->run_key, run->at[i].task, run->at[i].map_index);
            }
        }
    }
    return 0;
}
