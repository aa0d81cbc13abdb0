/* Transitions of one instance. See step.c for the states and the invariants by number. */
#include "sched/sched_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define BIT(s) (1u << (s))
#define MARKS  (BIT(TASK_SUCCESS) | BIT(TASK_FAILED) | BIT(TASK_SKIPPED))

/* Every edge that exists. What is not here is a fault of this program (I2). */
static const uint16_t edges[TASK_STATE_MAX_] = {
    [TASK_NONE] = BIT(TASK_SCHEDULED) | BIT(TASK_UPSTREAM_FAILED) | BIT(TASK_REMOVED) | MARKS,
    [TASK_SCHEDULED] = BIT(TASK_QUEUED) | BIT(TASK_NONE) | BIT(TASK_REMOVED) | MARKS,
    [TASK_QUEUED] = BIT(TASK_RUNNING) | BIT(TASK_SCHEDULED) | BIT(TASK_UP_FOR_RETRY) |
                    BIT(TASK_RESTARTING) | BIT(TASK_NONE) | BIT(TASK_REMOVED) | MARKS,
    [TASK_RUNNING] = BIT(TASK_REMOVED) | BIT(TASK_UP_FOR_RETRY) | BIT(TASK_UP_FOR_RESCHEDULE) |
                     BIT(TASK_DEFERRED) | BIT(TASK_SCHEDULED) | BIT(TASK_RESTARTING) | MARKS,
    [TASK_RESTARTING] = BIT(TASK_NONE) | BIT(TASK_REMOVED) | MARKS,
    [TASK_DEFERRED] =
        BIT(TASK_REMOVED) | BIT(TASK_SCHEDULED) | BIT(TASK_UP_FOR_RETRY) | BIT(TASK_NONE) | MARKS,
    [TASK_UP_FOR_RETRY] = BIT(TASK_SCHEDULED) | BIT(TASK_REMOVED) | BIT(TASK_UPSTREAM_FAILED) |
                          BIT(TASK_NONE) | MARKS,
    [TASK_UP_FOR_RESCHEDULE] = BIT(TASK_SCHEDULED) | BIT(TASK_REMOVED) | BIT(TASK_UPSTREAM_FAILED) |
                               BIT(TASK_NONE) | MARKS,
    [TASK_SUCCESS] = BIT(TASK_NONE) | BIT(TASK_REMOVED) | BIT(TASK_RESTARTING) | MARKS,
    [TASK_FAILED] = BIT(TASK_NONE) | BIT(TASK_REMOVED) | BIT(TASK_RESTARTING) | MARKS,
    [TASK_SKIPPED] = BIT(TASK_NONE) | BIT(TASK_REMOVED) | BIT(TASK_RESTARTING) | MARKS,
    [TASK_UPSTREAM_FAILED] = BIT(TASK_NONE) | BIT(TASK_REMOVED) | MARKS,
    [TASK_REMOVED] = BIT(TASK_NONE) | MARKS,
};

bool edge_allowed(uint8_t from, uint8_t to)
{
    return from != to && (edges[from] & BIT(to)) != 0;
}

struct text *text_make(struct sched *s, const char *fmt, ...)
{
    char line[LIMIT_REASON_BYTES + LIMIT_ID_BYTES];
    struct text *t;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    t = text_new(line, LIMIT_REASON_BYTES);
    s->nomem |= t == NULL;
    return t;
}

/* ---- counters of the dependents ---- */

static void count_one(uint32_t *up, enum upstream_class from, enum upstream_class to)
{
    if (from != UP_NONE) {
        assert(up[from] > 0);
        up[from]--;
    }
    if (to != UP_NONE) {
        up[to]++;
    }
}

/*
 * Whether another task of its mapped group has instances by index, too: *ret is the one of its index, or NULL where it has none (lengths of
 * a group are one; rows of old may differ).
 */
static bool same_index(struct run *r, const struct ti *ti, uint32_t task, struct ti **ret)
{
    const struct mapping *m = map_expanded(r, task);

    if (ti->map_index < 0 || m == NULL || ti_task(r, ti)->map_group == UINT32_MAX ||
        r->dag->tasks[task].map_group != ti_task(r, ti)->map_group) {
        return false;
    }
    assert(ti->map_index >= m->len || ti->map_index < m->made);
    *ret = ti->map_index < m->len ? map_child(m, ti->map_index) : NULL;
    return true;
}

/* Whether only the instance of its index of a dependent waits for it: *ret, as above. */
static bool by_its_index(struct run *r, const struct ti *ti, uint32_t down, struct ti **ret)
{
    return task_by_index(&r->dag->tasks[down]) && same_index(r, ti, down, ret);
}

/* Where a dependent counts it as a setup or in its scope; NULL: nowhere. */
static struct extra *extra_for(struct run *r, const struct ti *ti, uint32_t to)
{
    struct ti *same;

    if (by_its_index(r, ti, to, &same)) {
        return same != NULL ? map_extra(map_of(r, to), ti->map_index) : NULL;
    }
    return &r->extras[r->plan->extra_of[to]];
}

static void count_extras(struct run *r, const struct ti *ti, enum upstream_class from,
                         enum upstream_class to)
{
    const struct plan *p = r->plan;
    const struct dag *d = r->dag;

    if (ti_task(r, ti)->is_setup) {
        for (uint32_t i = d->down_off[ti->task]; i < d->down_off[ti->task + 1]; i++) {
            struct extra *x = extra_for(r, ti, d->down[i]);

            if (x != NULL) {
                x->direct_setup_success += (to == UP_SUCCESS) - (from == UP_SUCCESS);
                x->direct_setup_skipped += (to == UP_SKIPPED) - (from == UP_SKIPPED);
            }
        }
    }
    for (uint32_t i = p->setup_off[ti->task]; i < p->setup_off[ti->task + 1]; i++) {
        struct extra *x = extra_for(r, ti, p->setup_to[i]);

        if (x != NULL) {
            count_one(x->setup, from, to);
        }
    }
    for (uint32_t i = p->scope_off[ti->task]; i < p->scope_off[ti->task + 1]; i++) {
        struct extra *x = extra_for(r, ti, p->scope_to[i]);

        if (x != NULL) {
            x->scope_done += (to != UP_NONE) - (from != UP_NONE);
        }
    }
}

void ti_count(struct run *r, const struct ti *ti, enum upstream_class from, enum upstream_class to)
{
    const struct dag *d = r->dag;

    for (uint32_t i = d->down_off[ti->task]; i < d->down_off[ti->task + 1]; i++) {
        struct ti *same;

        if (!by_its_index(r, ti, d->down[i], &same)) {
            count_one(r->tis[d->down[i]].up, from, to);
        } else if (same != NULL) {
            count_one(same->up, from, to);
        }
    }
    if (r->plan->extra_of != NULL) {
        count_extras(r, ti, from, to);
    }
}

void sched_task_work(struct sched *s, struct run *r, uint32_t task)
{
    struct mapping *m = map_expanded(r, task);

    if (m == NULL) {
        ti_work(s, r, &r->tis[task]);
        return;
    }
    if (m->counts[TASK_NONE] + m->counts[TASK_UP_FOR_RETRY] + m->counts[TASK_UP_FOR_RESCHEDULE] ==
            0 ||
        (!task_by_index(&r->dag->tasks[task]) && rule_verdict(r, &r->tis[task]) == VERDICT_WAIT)) {
        return; /* one look for all: they share their counters */
    }
    sched_map_work(s, r, m);
}

/* What waits for it: of its own index, or all of the task. */
static void wake_one(struct sched *s, struct run *r, const struct ti *ti, uint32_t down)
{
    struct ti *same;

    if (!by_its_index(r, ti, down, &same)) {
        sched_task_work(s, r, down);
    } else if (same != NULL) {
        ti_work(s, r, same);
    }
}

/* What is mapped over it, and need not be downstream of it: a task within a mapped group. */
static void wake_mapped(struct sched *s, struct run *r, uint32_t task)
{
    const struct plan *p = r->plan;

    if (p->source_off == NULL || p->source_off[task] == p->source_off[task + 1] ||
        state_class(task_state_of(r, task)) == UP_NONE) {
        return;
    }
    for (uint32_t i = p->source_off[task]; i < p->source_off[task + 1]; i++) {
        sched_task_work(s, r, p->source_to[i]);
    }
}

void ti_wake_dependents(struct sched *s, struct run *r, const struct ti *ti)
{
    const struct plan *p = r->plan;
    const struct dag *d = r->dag;

    for (uint32_t i = d->down_off[ti->task]; i < d->down_off[ti->task + 1]; i++) {
        wake_one(s, r, ti, d->down[i]);
    }
    wake_mapped(s, r, ti->task);
    if (p->extra_of != NULL) {
        for (uint32_t i = p->setup_off[ti->task]; i < p->setup_off[ti->task + 1]; i++) {
            wake_one(s, r, ti, p->setup_to[i]);
        }
        for (uint32_t i = p->scope_off[ti->task]; i < p->scope_off[ti->task + 1]; i++) {
            wake_one(s, r, ti, p->scope_to[i]);
        }
    }
}

void ti_count_run(struct run *r, const struct ti *ti, uint8_t state, uint32_t by)
{
    bool failed = state == TASK_FAILED || state == TASK_UPSTREAM_FAILED;

    if (ti->map_index >= 0) {
        map_of(r, ti->task)->counts[state] += by;
    }

    r->unfinished += task_state_finished(state) ? 0 : by;
    r->none += state == TASK_NONE ? by : 0;
    r->failed += state == TASK_FAILED && task_counts(ti_task(r, ti)) ? by : 0;
    r->leaf_failed += failed && r->plan->leaf[ti->task] ? by : 0;
}

/* One that was removed because its task became shorter does not count. */
static enum upstream_class class_of(const struct run *r, const struct ti *ti, uint8_t state)
{
    if (state == TASK_REMOVED && ti->map_index >= 0 && ti->map_index >= map_of(r, ti->task)->len) {
        return UP_NONE;
    }
    return state_class(state);
}

/* ---- the one place ---- */

void ti_set(struct sched *s, struct run *r, struct ti *ti, uint8_t to, struct text *reason)
{
    uint8_t from = ti->state;
    enum upstream_class was = class_of(r, ti, from), is = class_of(r, ti, to);
    struct text *old = ti->reason;

    assert(edge_allowed(from, to));
    ti->reason = text_ref(reason);
    text_unref(old);
    ti->state = to;
    ti->flags &= (uint8_t)~TI_DUE;
    if ((ti->flags & TI_PAST) != 0) {
        ti->flags &= (uint8_t)~TI_PAST;
        r->past_waiting--;
    }
    timer_clear(s, &ti->timer);
    if (from == TASK_SCHEDULED) {
        lane_drop(s, r, ti);
    }
    ti_count_run(r, ti, from, (uint32_t)-1);
    ti_count_run(r, ti, to, 1);
    touch_ti(s, r, ti);
    out_transition(s, r, ti, from);
    if (was != is) {
        ti_count(r, ti, was, is);
    }
    if (to == TASK_SCHEDULED) {
        lane_add(s, r, ti);
    }
    ti_timer(s, ti);
    if (is != UP_NONE) {
        ti_wake_dependents(s, r, ti);
        past_notify(s, r, ti->task);
        run_check(s, r);
    }
}

void ti_timer(struct sched *s, struct ti *ti)
{
    int64_t at_us = TIME_NONE;

    switch (ti->state) {
    case TASK_QUEUED:
        if (ti->worker == 0 && s->config.queued_timeout_us > 0) {
            at_us = ti->queued_us + s->config.queued_timeout_us;
        }
        break;
    case TASK_UP_FOR_RETRY:
    case TASK_UP_FOR_RESCHEDULE:
        at_us = ti->next_us == TIME_NONE ? s->now_us : ti->next_us;
        break;
    case TASK_DEFERRED:
        at_us = ti->next_us;
        break;
    default:
        break;
    }
    if (at_us != TIME_NONE) {
        timer_set(s, TIMER_TI, ti, &ti->timer, at_us);
    }
}

/* ---- none -> ... ---- */

static bool settles(const struct ti *ti)
{
    return ti->state == TASK_NONE || (ti->flags & TI_DUE) != 0;
}

/* Its length, too, may be what it waits for. */
static bool unexpanded(const struct run *r, const struct ti *ti)
{
    return ti->map_index < 0 && map_of(r, ti->task) != NULL;
}

void ti_work(struct sched *s, struct run *r, struct ti *ti)
{
    if (r->state != RUN_RUNNING || (ti->flags & TI_WORK) != 0 || !settles(ti) ||
        (!unexpanded(r, ti) && rule_verdict(r, ti) == VERDICT_WAIT)) {
        return;
    }
    if (VEC_PUSH(s->work, s->work_len, s->work_cap, ti) != 0) {
        s->nomem = true;
        return;
    }
    ti->flags |= TI_WORK;
}

static void schedule(struct sched *s, struct run *r, struct ti *ti)
{
    if (ti->state != TASK_UP_FOR_RESCHEDULE) {
        ti->try_number = (uint16_t)(ti->try_number + (ti->try_number < UINT16_MAX));
        ti->requeues = 0;
        ti->end_us = TIME_NONE;
        ti->exit_code = -1;
        ti->start_us = TIME_NONE; /* a try that comes again keeps its first start */
    }
    ti->next_us = TIME_NONE;
    ti->scheduled_us = s->now_us;
    ti_set(s, r, ti, TASK_SCHEDULED, NULL);
}

static void run_instant(struct sched *s, struct run *r, struct ti *ti)
{
    ti->start_us = s->now_us;
    ti_finish(s, r, ti, TASK_SUCCESS, s->now_us, NULL);
}

static bool wait_past(struct sched *s, struct run *r, struct ti *ti)
{
    if (past_met(s, r, ti)) {
        return false;
    }
    if ((ti->flags & TI_PAST) == 0) {
        ti->flags |= TI_PAST;
        r->past_waiting++;
    }
    return true;
}

static const struct ti *same_index_up(const struct run *r, const struct ti *ti, uint32_t up)
{
    struct ti *same;

    return same_index((struct run *)(uintptr_t)r, ti, up, &same) ? same : NULL;
}

/* Skipped by a branch before and cleared alone: the branch's word stands as long as the branch
 * itself was not cleared. */
static bool left_out(const struct run *r, const struct ti *ti)
{
    const struct dag *d = r->dag;

    if (ti->state != TASK_NONE || ti->reason == NULL ||
        strncmp(ti->reason->s, LEFT_OUT, sizeof LEFT_OUT - 1) != 0) {
        return false;
    }
    for (uint32_t i = d->up_off[ti->task]; i < d->up_off[ti->task + 1]; i++) {
        if (strcmp(d->tasks[d->up[i]].task_id, ti->reason->s + sizeof LEFT_OUT - 1) == 0) {
            const struct ti *same = same_index_up(r, ti, d->up[i]);

            return (same != NULL ? same->state : task_state_of(r, d->up[i])) == TASK_SUCCESS;
        }
    }
    return false;
}

void sched_ti_skip(struct sched *s, struct run *r, struct ti *ti, struct text *reason)
{
    if (ti_task(r, ti)->wait_for_past_depends_before_skipping && wait_past(s, r, ti)) {
        return;
    }
    ti_finish(s, r, ti, TASK_SKIPPED, s->now_us, reason);
}

void ti_settle(struct sched *s, struct run *r, struct ti *ti)
{
    enum verdict v;

    ti->flags &= (uint8_t)~TI_WORK;
    if (r->state != RUN_RUNNING || !settles(ti) ||
        (ti->map_index < 0 && map_expanded(r, ti->task) != NULL)) {
        return;
    }
    if (unexpanded(r, ti)) {
        if (left_out(r, ti) && rule_verdict(r, ti) == VERDICT_RUN) {
            sched_ti_skip(s, r, ti, ti->reason);
        } else {
            map_settle(s, r, ti);
        }
        return;
    }
    v = sched_map_child_verdict(r, ti, rule_verdict(r, ti));
    if (v == VERDICT_RUN && r->stopping && !ti_task(r, ti)->is_teardown) {
        v = VERDICT_SKIP;
    }
    switch (v) {
    case VERDICT_WAIT:
        break;
    case VERDICT_RUN:
        if (left_out(r, ti)) {
            sched_ti_skip(s, r, ti, ti->reason);
        } else if (wait_past(s, r, ti) || map_stale(s, r, ti)) {
            break;
        } else if (ti_task(r, ti)->instant) {
            run_instant(s, r, ti);
        } else {
            schedule(s, r, ti);
        }
        break;
    case VERDICT_SKIP:
        sched_ti_skip(s, r, ti, NULL);
        break;
    case VERDICT_UPSTREAM_FAILED:
        ti_finish(s, r, ti, TASK_UPSTREAM_FAILED, s->now_us, NULL);
        break;
    }
}

/* ---- queued and back ---- */

void ti_queue(struct sched *s, struct run *r, struct ti *ti)
{
    assert(ti->state == TASK_SCHEDULED && uuid_is_zero(&ti->attempt));
    ti->attempt = uuid_v7(s->now_us, &s->prng);
    ti->worker = 0;
    ti->queued_us = s->now_us;
    ti_set(s, r, ti, TASK_QUEUED, NULL);
    out_dispatch(s, r, ti);
}

void ti_detach(struct sched *s, struct run *r, struct ti *ti)
{
    ti->attempt = (struct uuid){0};
    ti->worker = 0;
    ti->kill_state = TASK_NONE;
    ti->flags &= (uint8_t)~TI_KILLING;
    slots_give(s, r, ti, false);
    touch_ti(s, r, ti);
}

void ti_requeue(struct sched *s, struct run *r, struct ti *ti, struct text *reason)
{
    ti_detach(s, r, ti);
    ti->scheduled_us = s->now_us;
    ti->next_us = TIME_NONE;
    ti_set(s, r, ti, TASK_SCHEDULED, reason);
}

static void stuck(struct sched *s, struct run *r, struct ti *ti)
{
    struct text *why;

    if (ti->requeues < s->config.queued_retries) {
        why = text_make(s, "no worker took it for %lld s",
                        (long long)(s->config.queued_timeout_us / TIME_SECOND));
        ti->requeues++;
        ti_requeue(s, r, ti, why);
    } else {
        why = text_make(s, "no worker took it, %u times over", ti->requeues + 1u);
        ti_fail(s, r, ti, s->now_us, why, false);
    }
    text_unref(why);
}

void ti_due(struct sched *s, struct run *r, struct ti *ti)
{
    struct text *why;

    switch (ti->state) {
    case TASK_UP_FOR_RETRY:
    case TASK_UP_FOR_RESCHEDULE:
        ti->flags |= TI_DUE;
        ti_work(s, r, ti);
        break;
    case TASK_QUEUED:
        stuck(s, r, ti);
        break;
    case TASK_DEFERRED:
        why = text_make(s, "deferral timed out");
        out_kill(s, r, ti, "deferral timed out");
        ti_fail(s, r, ti, s->now_us, why, true);
        text_unref(why);
        break;
    default:
        assert(false); /* a timer in a state that has none */
    }
}

/* ---- ends ---- */

void ti_finish(struct sched *s, struct run *r, struct ti *ti, uint8_t to, int64_t at_us,
               struct text *reason)
{
    ti_detach(s, r, ti);
    ti->end_us = at_us;
    ti->next_us = TIME_NONE;
    ti_set(s, r, ti, to, reason);
}

void ti_fail(struct sched *s, struct run *r, struct ti *ti, int64_t at_us, struct text *reason,
             bool may_retry)
{
    const struct task *t = ti_task(r, ti);
    bool stopped = r->stopping && !t->is_teardown;

    if (!may_retry || stopped || t->retries <= 0 ||
        ti->try_number > ti->max_tries + (SCHED_CANARY == 9)) {
        ti_finish(s, r, ti, TASK_FAILED, at_us, reason);
        run_task_failed(s, r, ti);
        return;
    }
    ti_detach(s, r, ti);
    ti->end_us = at_us;
    text_unref(ti->reason);
    ti->reason = text_ref(reason);
    out_try(s, r, ti);
    ti->next_us = at_us + retry_delay_us(r->dag, t, r->logical_date_us, ti->try_number) /
                              (SCHED_CANARY == 10 ? 2 : 1);
    ti_set(s, r, ti, TASK_UP_FOR_RETRY, reason);
}

/* ---- from outside ---- */

static void kill_attempt(struct sched *s, struct run *r, struct ti *ti, const char *reason)
{
    if ((ti->flags & TI_KILLING) == 0) {
        ti->flags |= TI_KILLING;
        out_kill(s, r, ti, reason);
    }
}

/* Somebody may be running it: it is over only when its end was reported. */
static bool claimed(const struct ti *ti)
{
    return ti->state == TASK_RUNNING || ti->state == TASK_RESTARTING ||
           (ti->state == TASK_QUEUED && ti->worker != 0) ||
           (task_state_finished(ti->state) && !uuid_is_zero(&ti->attempt));
}

void ti_stop(struct sched *s, struct run *r, struct ti *ti, uint8_t to, struct text *reason)
{
    if (claimed(ti)) {
        ti->kill_state = to;
        kill_attempt(s, r, ti, reason != NULL ? reason->s : "stopped");
        return;
    }
    if (ti->state == TASK_DEFERRED) {
        out_kill(s, r, ti, reason != NULL ? reason->s : "stopped");
    }
    /* What never lived is skipped, whatever the live ones become. */
    ti_finish(s, r, ti, TASK_SKIPPED, s->now_us, reason);
}

static const char *word_of_mark(uint8_t to)
{
    return to == TASK_REMOVED ? "removed" : "marked";
}

static void set_max_tries(const struct run *r, struct ti *ti)
{
    uint32_t n =
        ti->try_number + (uint32_t)(ti_task(r, ti)->retries > 0 ? ti_task(r, ti)->retries : 0);

    ti->max_tries = (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

/* As one that never began, but for its tries. */
static void begin_anew(const struct run *r, struct ti *ti)
{
    set_max_tries(r, ti);
    ti->scheduled_us = ti->queued_us = ti->start_us = ti->end_us = ti->next_us = TIME_NONE;
    ti->exit_code = -1;
    ti->requeues = 0;
}

static void to_none(struct sched *s, struct run *r, struct ti *ti)
{
    struct text *keep = NULL;

    if (ti->try_number > 0 && ti->state != TASK_SCHEDULED && ti->state != TASK_QUEUED &&
        ti->state != TASK_UP_FOR_RETRY) {
        out_try(s, r,
                ti); /* the try of up_for_retry is in the history already; the others never ran */
    }
    if (ti->state == TASK_SKIPPED && ti->reason != NULL &&
        strncmp(ti->reason->s, LEFT_OUT, sizeof LEFT_OUT - 1) == 0) {
        keep = text_ref(ti->reason);
    }
    ti_detach(s, r, ti);
    begin_anew(r, ti);
    ti_set(s, r, ti, TASK_NONE, keep);
    text_unref(keep);
    run_check(s, r);
}

void ti_clear(struct sched *s, struct run *r, struct ti *ti)
{
    if (ti->state == TASK_RESTARTING) {
        ti->kill_state = TASK_NONE;
        return;
    }
    if (claimed(ti)) {
        struct text *why = text_make(s, "cleared while running");

        if (task_state_finished(ti->state)) {
            r->dying--;
        }
        ti->kill_state = TASK_NONE;
        kill_attempt(s, r, ti, "cleared");
        ti_set(s, r, ti, TASK_RESTARTING, why);
        text_unref(why);
        return;
    }
    if (ti->state == TASK_DEFERRED) {
        out_kill(s, r, ti, "cleared");
    }
    to_none(s, r, ti);
}

void ti_cleared(struct sched *s, struct run *r, struct ti *ti)
{
    assert(ti->state == TASK_RESTARTING);
    to_none(s, r, ti);
    ti_work(s, r, ti);
}

void sched_ti_return(struct sched *s, struct run *r, struct ti *ti)
{
    assert(ti->state == TASK_REMOVED);
    text_unref(ti->reason);
    ti->reason = NULL;
    if (!uuid_is_zero(&ti->attempt)) {
        r->dying--;
        ti->kill_state = TASK_NONE;
        ti->state = TASK_RESTARTING;
    } else {
        if (ti->start_us != TIME_NONE) {
            out_try(s, r, ti); /* it ran, and was removed before it had ended */
        }
        begin_anew(r, ti);
        ti->state = TASK_NONE;
    }
    out_transition(s, r, ti, TASK_REMOVED);
    touch_ti(s, r, ti);
}

void ti_mark(struct sched *s, struct run *r, struct ti *ti, uint8_t to, struct text *reason)
{
    bool was_dying = task_state_finished(ti->state) && !uuid_is_zero(&ti->attempt);

    if (!claimed(ti)) {
        if (ti->state == TASK_DEFERRED) {
            out_kill(s, r, ti, word_of_mark(to));
        }
        ti_finish(s, r, ti, to, s->now_us, reason);
        return;
    }
    /* The state is what the user says, at once; token and slots stay until the process has ended
     * (I5). */
    kill_attempt(s, r, ti, word_of_mark(to));
    ti->kill_state = TASK_NONE;
    r->dying += !was_dying;
    ti->end_us = s->now_us;
    ti_set(s, r, ti, to, reason);
}
