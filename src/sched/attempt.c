/*
 * Events of attempts. Each names its attempt by token; what does not fit the present state and
 * token changes nothing and is counted (rule 2): late, doubled and reordered messages end here.
 */
#include "sched/sched_priv.h"

static struct ti *find(struct sched *s, const struct ti_key *key, const struct uuid *token,
                       struct run **ret_run)
{
    struct run *r = run_find(s, key->run_key);
    struct ti *ti;

    if (r == NULL || key->task >= r->dag->tasks_len) {
        return NULL;
    }
    ti = run_ti(r, key->task, key->map_index);
    if (ti == NULL || uuid_is_zero(&ti->attempt) || uuid_is_zero(token)) {
        return NULL;
    }
    if (SCHED_CANARY != 1 && uuid_cmp(&ti->attempt, token) != 0) {
        return NULL;
    }
    *ret_run = r;
    return ti;
}

static bool on_claim(struct sched *s, struct run *r, struct ti *ti, int64_t worker)
{
    if (ti->state != TASK_QUEUED || ti->worker != 0 || worker == 0) {
        return false;
    }
    ti->worker = worker;
    timer_clear(s, &ti->timer);
    touch_ti(s, r, ti);
    return true;
}

static void start(struct sched *s, struct run *r, struct ti *ti, int64_t worker, int64_t at_us)
{
    if (ti->worker == 0) {
        ti->worker = worker;
    }
    if (ti->start_us == TIME_NONE) {
        ti->start_us = at_us; /* one that goes on after a deferral keeps its first start */
    }
    ti_set(s, r, ti, TASK_RUNNING, NULL);
}

/* Over without a result, and we had asked for its end. */
static bool end_as_asked(struct sched *s, struct run *r, struct ti *ti, int64_t at_us)
{
    if (ti->kill_state == TASK_NONE) {
        return false;
    }
    uint8_t to = ti->kill_state;
    struct text *why =
        r->reason != NULL ? text_ref(r->reason) : text_make(s, "the run was stopped");

    ti_finish(s, r, ti, to, at_us, why);
    text_unref(why);
    return true;
}

static void release_dying(struct sched *s, struct run *r, struct ti *ti)
{
    assert(r->dying > 0);
    r->dying--;
    ti_detach(s, r, ti);
}

/* An attempt that is to be killed is over, whatever it says last: deferred, rescheduled, lost. */
static bool end_of_killed(struct sched *s, struct run *r, struct ti *ti)
{
    if (task_state_finished(ti->state)) {
        release_dying(s, r, ti);
        return true;
    }
    if (ti->state == TASK_RESTARTING) {
        if (!end_as_asked(s, r, ti, s->now_us)) {
            ti_cleared(s, r, ti);
        }
        return true;
    }
    return false;
}

/* It says that it waits, and the message of its start was lost: it did run. */
static void start_unheard(struct sched *s, struct run *r, struct ti *ti, int64_t worker)
{
    if (ti->state == TASK_QUEUED) {
        start(s, r, ti, worker, s->now_us);
    }
}

static bool on_deferred(struct sched *s, struct run *r, struct ti *ti, int64_t until_us)
{
    if (ti->state != TASK_RUNNING) {
        return end_of_killed(s, r, ti);
    }
    if (end_as_asked(s, r, ti, s->now_us)) {
        return true;
    }
    ti->next_us = until_us;
    slots_give(s, r, ti, true);
    if (SCHED_CANARY == 2) {
        s->parallelism.used--;
    }
    ti_set(s, r, ti, TASK_DEFERRED, NULL);
    return true;
}

static bool on_reschedule(struct sched *s, struct run *r, struct ti *ti, int64_t until_us)
{
    if (ti->state != TASK_RUNNING) {
        return end_of_killed(s, r, ti);
    }
    if (!end_as_asked(s, r, ti, s->now_us)) {
        ti_detach(s, r, ti);
        ti->next_us = until_us;
        ti_set(s, r, ti, TASK_UP_FOR_RESCHEDULE, NULL);
    }
    return true;
}

/* The worker is gone, or was told to stop: nothing of the attempt lives, and the same try runs again. */
static bool on_lost(struct sched *s, struct run *r, struct ti *ti)
{
    struct text *why;

    if (ti->state != TASK_QUEUED && ti->state != TASK_RUNNING) {
        return end_of_killed(s, r, ti);
    }
    if (!end_as_asked(s, r, ti, s->now_us)) {
        why = text_make(s,
                        ti->state == TASK_QUEUED ? "worker lost before it started" : "interrupted");
        ti->start_us = TIME_NONE;
        ti_requeue(s, r, ti, why);
        text_unref(why);
    }
    return true;
}

void on_attempt(struct sched *s, const struct sched_event *ev)
{
    struct run *r;
    struct ti *ti = find(s, &ev->attempt.key, &ev->attempt.token, &r);
    int64_t at_us = ev->attempt.at_us;
    bool done = false;

    if (ti != NULL) {
        switch (ev->type) {
        case SCHED_CLAIM:
            done = on_claim(s, r, ti, ev->attempt.worker);
            break;
        case SCHED_STARTED:
            done = ti->state == TASK_QUEUED;
            if (done) {
                start(s, r, ti, ev->attempt.worker, at_us);
            }
            break;
        case SCHED_DEFERRED:
            start_unheard(s, r, ti, ev->attempt.worker);
            done = on_deferred(s, r, ti, at_us);
            break;
        case SCHED_RESCHEDULE:
            start_unheard(s, r, ti, ev->attempt.worker);
            done = on_reschedule(s, r, ti, at_us);
            break;
        default:
            assert(ev->type == SCHED_LOST);
            done = on_lost(s, r, ti);
            break;
        }
    }
    s->stats.ignored += !done;
}

/* ---- ends ---- */

static bool begun(const struct ti *ti)
{
    return ti->state != TASK_NONE && !(ti->state == TASK_SCHEDULED && ti->start_us == TIME_NONE);
}

static void leave_out(struct sched *s, struct run *r, struct ti *ti, struct text *why)
{
    if (ti != NULL && !begun(ti)) {
        ti_finish(s, r, ti, TASK_SKIPPED, s->now_us, why);
    }
}

static void skip_left_out(struct sched *s, struct run *r, const struct ti *branch,
                          const struct sched_event *ev)
{
    size_t n = ev->ended.skip_len;
    struct text *why = n > 0 ? text_make(s, LEFT_OUT "%s", ti_task(r, branch)->task_id) : NULL;

    for (size_t i = 0; i < n && ev->ended.skip[i] < r->dag->tasks_len; i++) {
        uint32_t t = ev->ended.skip[i];
        int32_t index = ev->ended.skip_map != NULL ? ev->ended.skip_map[i] : -1;
        struct mapping *m = map_expanded(r, t);

        if (index < 0 && branch->map_index >= 0 && m != NULL &&
            r->dag->tasks[t].map_group != UINT32_MAX &&
            r->dag->tasks[t].map_group == ti_task(r, branch)->map_group) {
            index = branch->map_index; /* within a mapped group each index is by itself */
        }
        if (m != NULL) {
            (void)sched_map_make(s, r, m, index >= 0 ? index + 1 : m->len);
        }
        if (index >= 0 || m == NULL) {
            leave_out(s, r, run_ti(r, t, index), why);
            continue;
        }
        for (int32_t k = 0; k < map_walk(m); k++) {
            leave_out(s, r, map_child(m, k), why);
        }
    }
    text_unref(why);
}

static void end(struct sched *s, struct run *r, struct ti *ti, const struct sched_event *ev)
{
    int64_t at_us = ev->ended.at_us != TIME_NONE ? ev->ended.at_us : s->now_us;
    enum sched_outcome outcome = ev->ended.outcome;
    struct text *why = ev->ended.reason != NULL ? text_make(s, "%s", ev->ended.reason) : NULL;

    ti->exit_code = ev->ended.exit_code;
    if (outcome == SCHED_OUTCOME_SUCCESS || outcome == SCHED_OUTCOME_SKIPPED) {
        if (ti->state == TASK_QUEUED) {
            start(s, r, ti, ti->worker, at_us); /* the message of its start was lost: it did run */
        }
        ti_finish(s, r, ti, outcome == SCHED_OUTCOME_SUCCESS ? TASK_SUCCESS : TASK_SKIPPED, at_us,
                  why);
        if (outcome == SCHED_OUTCOME_SUCCESS) {
            skip_left_out(s, r, ti, ev);
        }
    } else if (!end_as_asked(s, r, ti, at_us)) {
        if (outcome == SCHED_OUTCOME_KILLED && why == NULL) {
            why = text_make(s, "killed");
        }
        ti_fail(s, r, ti, at_us, why, outcome != SCHED_OUTCOME_FAILED_NO_RETRY);
    }
    text_unref(why);
}

static bool on_fired(struct sched *s, struct run *r, struct ti *ti, const struct sched_event *ev)
{
    if (ti->state != TASK_DEFERRED) {
        return false;
    }
    if (ev->ended.outcome == SCHED_OUTCOME_RESUME) {
        ti_requeue(s, r, ti, NULL);
    } else {
        end(s, r, ti, ev);
    }
    return true;
}

void on_ended(struct sched *s, const struct sched_event *ev)
{
    struct run *r;
    struct ti *ti = find(s, &ev->ended.key, &ev->ended.token, &r);
    bool done = false;

    if (ti != NULL && ev->type == SCHED_FIRED) {
        done = on_fired(s, r, ti, ev);
    } else if (ti != NULL && ev->ended.outcome != SCHED_OUTCOME_RESUME) {
        done = true;
        if (task_state_finished(ti->state)) {
            release_dying(s, r, ti);
        } else if (ti->state == TASK_RESTARTING) {
            ti->exit_code = ev->ended.exit_code;
            ti->end_us = ev->ended.at_us;
            if (!end_as_asked(s, r, ti, ev->ended.at_us)) {
                ti_cleared(s, r, ti);
            }
        } else if (ti->state == TASK_QUEUED || ti->state == TASK_RUNNING) {
            end(s, r, ti, ev);
        } else {
            done = false;
        }
    }
    s->stats.ignored += !done;
}
