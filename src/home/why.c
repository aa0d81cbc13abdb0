#include "home/why.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/dag.h"
#include "store/store.h"

/* What pools there are. */
static int tell_pools(const struct why_facts *f, struct sched *s, struct sched_actions *actions)
{
    struct pool_row *pools;
    struct err e = {0};
    size_t n = 0;
    int rc = f->store->ops->get_pools(f->store, f->arena, &pools, &n, &e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sched_event ev = {.type = SCHED_RESOURCE, .now_us = f->run->queued_us};

        ev.resource.name = pools[i].name;
        ev.resource.slots = (int32_t)pools[i].slots;
        ev.resource.granted = (int32_t)pools[i].slots;
        ev.resource.exclusive = true;
        ev.resource.include_deferred = pools[i].include_deferred;
        rc = sched_step(s, &ev, actions);
    }
    return rc;
}

/* The limit of its backfill, if it is of one. */
static int tell_backfill(const struct why_facts *f, struct sched *s, struct sched_actions *actions)
{
    struct sched_event ev = {.type = SCHED_BACKFILL, .now_us = f->run->queued_us};
    struct backfill_row b;
    int rc = f->run->backfill_key != 0
                 ? f->store->ops->get_backfill(f->store, f->run->backfill_key, f->arena, &b, NULL)
                 : -ERR_NOTFOUND;

    if (rc != 0 || b.completed_us != TIME_NONE) {
        return rc == -ERR_NOTFOUND ? 0 : rc;
    }
    ev.backfill.dag_key = b.dag_key;
    ev.backfill.backfill_key = b.backfill_key;
    ev.backfill.max_active_runs = b.max_active_runs;
    ev.backfill.paused = b.paused;
    return sched_step(s, &ev, actions);
}

#define RUNNING_MAX 1000

/* Of a run that is queued: what it is counted with, the running ones of its DAG or backfill; of these nothing but that they run. */
static int tell_running(const struct why_facts *f, struct sched *s, struct sched_actions *actions)
{
    struct run_row *runs;
    size_t n = 0;
    int rc = tell_backfill(f, s, actions);

    rc = rc == 0 ? f->store->ops->get_runs(f->store, f->run->dag_key, 1u << RUN_RUNNING, 0,
                                           RUNNING_MAX, f->arena, &runs, &n, NULL)
                 : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sched_event ev = {.type = SCHED_RUN_RESTORE, .now_us = f->run->queued_us};

        ev.run.row = &runs[i];
        ev.run.dag = f->dag;
        if (runs[i].backfill_key == f->run->backfill_key) {
            rc = sched_step(s, &ev, actions);
        }
    }
    return rc;
}

int home_why(const struct why_facts *f, uint32_t task, int32_t map_index, int64_t now_us,
             sched_reason_fn *fn, void *arg)
{
    struct sched_config config = {0};
    struct sched_actions actions = {0};
    struct sched *s = sched_new(&config);
    struct sched_event ev = {.type = SCHED_DAG, .now_us = f->run->queued_us};
    struct ti_key key = {f->run->run_key, task, map_index};
    int rc = s == NULL ? -ERR_NOMEM : 0;

    ev.dag.dag_key = f->run->dag_key;
    ev.dag.version_key = f->run->version_key;
    ev.dag.dag = f->dag;
    ev.dag.paused = f->run->state == RUN_QUEUED && f->dag_row->paused;
    rc = rc == 0 ? sched_step(s, &ev, &actions) : rc;
    rc = rc == 0 ? tell_pools(f, s, &actions) : rc;
    rc = rc == 0 && f->run->state == RUN_QUEUED ? tell_running(f, s, &actions) : rc;
    if (rc == 0) {
        ev = (struct sched_event){.type = SCHED_RUN_RESTORE, .now_us = f->run->queued_us};
        ev.run.row = f->run;
        ev.run.dag = f->dag;
        ev.run.tis = f->tis;
        ev.run.tis_len = f->tis_len;
        rc = sched_step(s, &ev, &actions);
    }
    rc = rc == 0 ? sched_reasons(s, &key, now_us, fn, arg) : rc;
    sched_actions_fini(&actions);
    sched_free(s);
    return rc;
}

/* The row of an instance, or what an absent row means. */
static struct ti_row row_of(const struct why_facts *f, uint32_t task, int32_t map_index)
{
    for (size_t i = 0; i < f->tis_len; i++) {
        if (f->tis[i].key.task == task && f->tis[i].key.map_index == map_index) {
            return f->tis[i];
        }
    }
    return (struct ti_row){.key = {f->run->run_key, task, map_index}};
}

void home_why_upstream(const struct why_facts *f, uint32_t task, int32_t map_index,
                       sched_reason_fn *fn, void *arg)
{
    const struct dag *d = f->dag;
    uint8_t state = row_of(f, task, map_index).state;
    struct buf b BUF_CLEANUP = {0};

    if (state != TASK_UPSTREAM_FAILED && state != TASK_SKIPPED) {
        return;
    }
    buf_init(&b, KiB(16));
    for (uint32_t i = d->up_off[task]; i < d->up_off[task + 1]; i++) {
        struct ti_row row = row_of(f, d->up[i], -1);
        struct sched_reason r = {.code = "upstream_state", .at_us = TIME_NONE};

        if (row.state == TASK_SUCCESS) {
            continue;
        }
        buf_clear(&b);
        (void)buf_printf(&b, "upstream %s is %s%s%s", d->tasks[d->up[i]].task_id,
                         task_state_to_string(row.state), row.reason != NULL ? ": " : "",
                         row.reason != NULL ? row.reason : "");
        r.text = buf_cstr(&b);
        r.name = task_state_to_string(row.state);
        r.names[0] = d->tasks[d->up[i]].task_id;
        r.names_len = 1;
        fn(arg, &r);
    }
}
