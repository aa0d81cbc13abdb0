/* Why an instance does not run: facts for people, the weightiest first. */
#include "sched/sched_priv.h"

#include "base/buf.h"

#define NAMES_MAX 5 /* upstreams named; then "and N more" */

static void name_one(const struct run *r, const struct ti *u, const char *before, struct buf *out)
{
    const struct mapping *m = map_expanded(r, u->task);

    if (m == NULL) {
        buf_printf(out, "%s%s (%s)", before, ti_task(r, u)->task_id,
                   task_state_to_string(u->state));
    } else {
        uint32_t ended = 0;

        for (int i = 0; i < TASK_STATE_MAX_; i++) {
            ended += task_state_finished((uint8_t)i) ? m->counts[i] : 0;
        }
        buf_printf(out, "%s%s (%u of %d ended)", before, ti_task(r, u)->task_id, ended, m->len);
    }
}

/* "load (running), transform (none) and 3 more" for the upstreams of a list whose states count as
 * not yet there. */
static void name_unfinished(const struct run *r, const uint32_t *list, uint32_t n,
                            const char *before, struct buf *out)
{
    uint32_t named = 0, more = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct ti *u = &r->tis[list[i]];

        if (state_class(task_state_of(r, list[i])) != UP_NONE) {
            continue;
        }
        if (named == NAMES_MAX) {
            more++;
            continue;
        }
        name_one(r, u, named == 0 ? before : ", ", out);
        named++;
    }
    if (more > 0) {
        buf_printf(out, " and %u more", more);
    }
    if (named > 0) {
        buf_char(out, '\n');
    }
}

/* The runs that this one is counted among: those of its DAG, or of its backfill. */
static const struct group *group_of(const struct run *r)
{
    for (size_t i = 0; i < r->owner->groups_len; i++) {
        if (r->owner->groups[i].backfill_key == r->backfill_key) {
            return &r->owner->groups[i];
        }
    }
    return NULL;
}

static void why_queued(const struct run *r, struct buf *out)
{
    const struct group *g = group_of(r);
    int32_t max = g != NULL ? sched_group_limit(g, r->owner, r) : 0;

    if (r->owner->paused) {
        buf_printf(out, "the run is queued and the DAG is paused\n");
    } else if (g != NULL && g->paused) {
        buf_printf(out, "the run is queued and backfill %lld is paused\n",
                   (long long)r->backfill_key);
    } else if (g != NULL && r->backfill_key != 0 && max > 0 && g->active >= (uint32_t)max) {
        buf_printf(out, "the run is queued: backfill %lld has %u of %d active runs\n",
                   (long long)r->backfill_key, g->active, max);
    } else if (g != NULL && g->active >= (uint32_t)max) {
        buf_printf(out, "the run is queued: all %d of max_active_runs are running\n", max);
    } else {
        buf_printf(out, "the run is queued\n");
    }
}

static void why_none(const struct sched *s, const struct run *r, const struct ti *ti,
                     struct buf *out)
{
    const struct task *t = ti_task(r, ti);
    const struct dag *d = r->dag;

    if (r->state == RUN_QUEUED) {
        why_queued(r, out);
    }
    name_unfinished(r, d->up + d->up_off[ti->task], dag_up_len(d, ti->task), "waits for ", out);
    name_unfinished(r, t->setups, t->setups_len, "waits for the setup ", out);
    if (t->is_teardown) {
        name_unfinished(r, t->scope, t->scope_len, "waits for its scope: ", out);
    }
    if (map_of(r, ti->task) != NULL && map_of(r, ti->task)->question != 0) {
        buf_printf(out, "its length is being asked for\n");
    }
    if ((ti->flags & TI_PAST) != 0) {
        if (r->previous != PREVIOUS_KNOWN) {
            buf_printf(out, "depends on the previous run, which is not known yet\n");
        } else if (r->previous_run != NULL) {
            buf_printf(out, "depends_on_past: %s has not succeeded in the previous run %s\n",
                       t->task_id, r->previous_run->run_id);
        } else {
            buf_printf(out, "depends_on_past: %s has not succeeded in the previous run\n",
                       t->task_id);
        }
    }
    if (run_state_finished(r->state)) {
        buf_printf(out, "the run has ended (%s)\n", run_state_to_string(r->state));
    }
    (void)s;
}

static void why_pool(const struct limit *p, const struct lane *l, struct buf *out)
{
    if (!p->known) {
        buf_printf(out, "the pool %s does not exist\n", p->name);
    } else if (p->slots >= 0 && l->slots > p->slots) {
        buf_printf(out, "needs %d slots, and the pool %s has only %lld\n", l->slots, p->name,
                   (long long)p->slots);
    } else if (limit_free(p) >= l->slots) {
        buf_printf(out, "the pool %s is kept free for a task that needs more slots\n", p->name);
    } else if (!p->exclusive && p->granted < p->slots) {
        buf_printf(out, "waits for slots of the pool %s from the other schedulers\n", p->name);
    } else {
        buf_printf(out, "%lld of %lld slots of the pool %s are taken, and it needs %d\n",
                   (long long)p->used, (long long)p->slots, p->name, l->slots);
    }
}

static void why_scheduled(const struct sched *s, const struct run *r, const struct ti *ti,
                          struct buf *out)
{
    const struct lane *l = &r->lanes[r->plan->lane_of[ti->task]];
    const struct limit *on = l->pool->known ? lane_blocker(s, l) : l->pool;

    if (s->shutdown || s->full) {
        buf_printf(out, "%s\n",
                   s->shutdown   ? "the scheduler is shutting down: nothing new is queued"
                   : s->draining ? "the scheduler is drained: nothing new is queued until "
                                   "`tradewind drain --cancel`"
                                 : "the store takes nothing new now (full or out of reach)");
    }
    if (on == NULL) {
        buf_printf(out, "is about to be queued\n");
    } else if (on == &s->parallelism) {
        buf_printf(out, "all %lld slots of parallelism are taken\n", (long long)on->slots);
    } else if (on->kind == LIMIT_OF_RUN) {
        buf_printf(out, "all %lld slots of max_active_tasks are taken\n", (long long)on->slots);
    } else if (on->kind == LIMIT_OF_TASK) {
        buf_printf(out, "%lld of it run in all runs, as many as max_active_tis_per_dag allows\n",
                   (long long)on->used);
    } else if (on->kind == LIMIT_OF_TASK_IN_RUN) {
        buf_printf(out, "%lld of it run, as many as max_active_tis_per_dagrun allows\n",
                   (long long)on->used);
    } else if (on->kind == LIMIT_OF_PAUSE) {
        buf_printf(out, "the DAG is paused\n");
    } else {
        why_pool(on, l, out);
    }
    if (on != NULL &&
        (ti->task != l->head.task || (uint32_t)(ti->map_index + 1) != l->head.index)) {
        buf_printf(out, "%u of higher or equal priority wait with it\n", l->count - 1);
    }
}

static const char *clock_of(int64_t at_us, char *text)
{
    time_strftime(at_us, "%Y-%m-%d %H:%M:%S UTC", text, TIME_TEXT_MAX);
    return text;
}

static void why_waiting(const struct run *r, const struct ti *ti, int64_t now_us, struct buf *out)
{
    char at[TIME_TEXT_MAX], left[TIME_TEXT_MAX];
    const char *what = ti->state == TASK_UP_FOR_RETRY ? "next try" : "looks again";

    if ((ti->flags & TI_DUE) != 0) {
        buf_printf(out, "its time has come, but an upstream task was cleared\n");
        name_unfinished(r, r->dag->up + r->dag->up_off[ti->task], dag_up_len(r->dag, ti->task),
                        "waits for ", out);
        return;
    }
    buf_printf(out, "%s at %s, in %s (try %u of %u)\n", what, clock_of(ti->next_us, at),
               duration_format(ti->next_us > now_us ? ti->next_us - now_us : 0, left),
               ti->try_number + (ti->state == TASK_UP_FOR_RETRY), ti->max_tries + 1u);
}

/* A mapped task as a whole: how its instances stand. */
static void why_mapped(const struct mapping *m, struct buf *out)
{
    buf_printf(out, "is mapped, %d instance%s:", m->len, m->len == 1 ? "" : "s");
    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        if (m->counts[i] > 0) {
            buf_printf(out, " %u %s", m->counts[i], task_state_to_string((uint8_t)i));
        }
    }
    buf_char(out, '\n');
}

int sched_why(const struct sched *s, const struct ti_key *key, int64_t now_us, struct buf *out)
{
    const struct run *r = run_find(s, key->run_key);
    const struct ti *ti;
    struct ti unmade;

    if (r == NULL || key->task >= r->dag->tasks_len) {
        return -ERR_NOTFOUND;
    }
    ti = run_ti((struct run *)(uintptr_t)r, key->task, key->map_index);
    if (ti == NULL && sched_map_unmade(r, key->task, key->map_index, &unmade)) {
        ti = &unmade;
    }
    if (ti == NULL) {
        return -ERR_NOTFOUND;
    }
    if (key->map_index < 0 && map_expanded(r, key->task) != NULL) {
        why_mapped(map_expanded(r, key->task), out);
        return buf_status(out);
    }
    switch ((enum task_state)ti->state) {
    case TASK_NONE:
        why_none(s, r, ti, out);
        break;
    case TASK_SCHEDULED:
        why_scheduled(s, r, ti, out);
        break;
    case TASK_QUEUED:
        buf_printf(out, ti->worker == 0 ? "is queued: no worker has taken it yet\n"
                                        : "a worker has taken it and starts it\n");
        break;
    case TASK_RUNNING:
        buf_printf(out, (ti->flags & TI_KILLING) != 0 ? "runs, and is being ended\n" : "runs\n");
        break;
    case TASK_RESTARTING:
        buf_printf(out, "was cleared while running: it runs again when it has ended\n");
        break;
    case TASK_UP_FOR_RETRY:
    case TASK_UP_FOR_RESCHEDULE:
        why_waiting(r, ti, now_us, out);
        break;
    case TASK_DEFERRED:
        buf_printf(out, "is deferred: waits for an event without taking a slot\n");
        break;
    default:
        buf_printf(out, "has ended: %s%s%s\n", task_state_to_string(ti->state),
                   ti->reason != NULL ? ": " : "", ti->reason != NULL ? ti->reason->s : "");
        break;
    }
    return buf_status(out);
}
