/*
 * Trigger rules: from the counters of an instance to a verdict. Nothing is searched: each end of an
 * upstream changed one counter.
 *
 * n direct upstreams; of those that are finished s succeeded, k were skipped, f failed, uf are
 * upstream_failed, r were removed; d = s + k + f + uf + r. The table is Airflow's
 * (trigger_rule_dep.py), including what its documentation leaves out: the early verdict does not
 * wait for the others.
 *
 *   1. No upstream, or `always`: runs at once, even before its indirect setups.
 *   2. Indirect setups (not of teardowns): an implicit all_success on them, before the rule itself
 * is looked at.
 *   3. The rule.
 *   4. A teardown that may run waits until all tasks of its scope are done; an early verdict does
 * not wait for them.
 */
#include "sched/sched_priv.h"

enum upstream_class state_class(uint8_t state)
{
    static const uint8_t classes[TASK_STATE_MAX_] = {
        [TASK_NONE] = UP_NONE,
        [TASK_REMOVED] = UP_REMOVED,
        [TASK_SCHEDULED] = UP_NONE,
        [TASK_QUEUED] = UP_NONE,
        [TASK_RUNNING] = UP_NONE,
        [TASK_SUCCESS] = UP_SUCCESS,
        [TASK_RESTARTING] = UP_NONE,
        [TASK_FAILED] = UP_FAILED,
        [TASK_UP_FOR_RETRY] = UP_NONE,
        [TASK_UP_FOR_RESCHEDULE] = UP_NONE,
        [TASK_UPSTREAM_FAILED] = UP_UPSTREAM_FAILED,
        [TASK_SKIPPED] = UP_SKIPPED,
        [TASK_DEFERRED] = UP_NONE,
    };

    return classes[state];
}

static enum verdict setups_verdict(const uint32_t up[UP_CLASSES], uint32_t n)
{
    if (up[UP_FAILED] + up[UP_UPSTREAM_FAILED] > 0) {
        return VERDICT_UPSTREAM_FAILED;
    }
    if (up[UP_SKIPPED] > 0) {
        return VERDICT_SKIP;
    }
    return up[UP_SUCCESS] == n ? VERDICT_RUN : VERDICT_WAIT;
}

/*
 * Setups and scopes as one instance sees them. The counters are one for all instances of a task; of a child in a mapped group only
 * what has its index counts, and that is looked up: there are few of them.
 */
struct seen {
    uint32_t up[UP_CLASSES];
    uint32_t n;
};

static bool sees_its_index(const struct run *r, const struct ti *ti)
{
    return ti->map_index >= 0 && ti_task(r, ti)->map_group != UINT32_MAX;
}

static void see_state(struct seen *seen, uint8_t state, uint32_t n)
{
    enum upstream_class c = state_class(state);

    seen->n += n;
    if (c != UP_NONE) {
        seen->up[c] += n;
    }
}

static void see(const struct run *r, const struct ti *ti, uint32_t task, struct seen *seen)
{
    const struct mapping *m = map_expanded(r, task);

    if (m == NULL) {
        see_state(seen, r->tis[task].state, 1);
    } else if (!task_same_group(r->dag, ti->task, task)) {
        for (int i = 0; i < TASK_STATE_MAX_; i++) {
            see_state(seen, (uint8_t)i, m->counts[i]);
        }
    } else if (ti->map_index < m->len) {
        see_state(seen, map_child(m, ti->map_index)->state, 1);
    }
}

static const struct extra *extra_of(const struct run *r, const struct ti *ti)
{
    const struct plan *p = r->plan;

    return p->extra_of != NULL && p->extra_of[ti->task] != TASK_INDEX_NONE
               ? &r->extras[p->extra_of[ti->task]]
               : NULL;
}

static enum verdict indirect_setups(const struct run *r, const struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    struct seen seen = {0};

    if (!sees_its_index(r, ti)) {
        return setups_verdict(extra_of(r, ti)->setup, extra_of(r, ti)->setups);
    }
    for (uint32_t i = 0; i < t->setups_len; i++) {
        see(r, ti, t->setups[i], &seen);
    }
    return setups_verdict(seen.up, seen.n);
}

static bool scope_done(const struct run *r, const struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    struct seen seen = {0};
    uint32_t done = 0;

    if (!sees_its_index(r, ti)) {
        return extra_of(r, ti)->scope_done >= extra_of(r, ti)->scope;
    }
    for (uint32_t i = 0; i < t->scope_len; i++) {
        see(r, ti, t->scope[i], &seen);
    }
    for (int i = 0; i < UP_CLASSES; i++) {
        done += seen.up[i];
    }
    return done == seen.n;
}

static enum verdict setup_success_verdict(const struct run *r, const struct ti *ti)
{
    const struct extra *x = extra_of(r, ti);
    const struct dag *d = r->dag;
    struct seen seen = {0};

    if (x == NULL) {
        return VERDICT_RUN;
    }
    if (!sees_its_index(r, ti)) {
        seen.n = x->direct_setups;
        seen.up[UP_SUCCESS] = x->direct_setup_success;
        seen.up[UP_SKIPPED] = x->direct_setup_skipped;
    }
    for (uint32_t i = d->up_off[ti->task]; sees_its_index(r, ti) && i < d->up_off[ti->task + 1];
         i++) {
        if (d->tasks[d->up[i]].is_setup) {
            see(r, ti, d->up[i], &seen);
        }
    }
    if (seen.n == 0 || seen.up[UP_SUCCESS] > 0) {
        return VERDICT_RUN;
    }
    return seen.up[UP_SKIPPED] >= seen.n ? VERDICT_SKIP : VERDICT_UPSTREAM_FAILED;
}

/* The rules that wait for nothing once one upstream ended well (or badly). */
static enum verdict one_verdict(uint8_t rule, const uint32_t *up, bool done)
{
    uint32_t s = up[UP_SUCCESS], f = up[UP_FAILED], uf = up[UP_UPSTREAM_FAILED];

    switch (rule) {
    case RULE_ONE_SUCCESS:
        if (s > 0) {
            return VERDICT_RUN;
        }
        if (!done) {
            return VERDICT_WAIT;
        }
        return f + uf + up[UP_REMOVED] == 0 ? VERDICT_SKIP : VERDICT_UPSTREAM_FAILED;
    case RULE_ONE_FAILED:
        if (f + uf > 0 && (SCHED_CANARY != 3 || done)) {
            return VERDICT_RUN;
        }
        return done ? VERDICT_SKIP : VERDICT_WAIT;
    default:
        assert(rule == RULE_ONE_DONE);
        if (s + f > 0) {
            return VERDICT_RUN;
        }
        return done ? VERDICT_SKIP : VERDICT_WAIT;
    }
}

static enum verdict when(bool run)
{
    return run ? VERDICT_RUN : VERDICT_WAIT;
}

/* A child waits for what its task waits for, and in a mapped group for what has its index. */
static const uint32_t *upstream_counts(const struct run *r, const struct ti *ti,
                                       uint32_t sum[UP_CLASSES])
{
    if (ti->map_index < 0) {
        return ti->up;
    }
    for (int i = 0; i < UP_CLASSES; i++) {
        sum[i] = r->tis[ti->task].up[i] + ti->up[i];
    }
    return sum;
}

static enum verdict direct_verdict(const struct run *r, const struct ti *ti, uint32_t n)
{
    const struct task *t = ti_task(r, ti);
    uint32_t sum[UP_CLASSES];
    const uint32_t *up = upstream_counts(r, ti, sum);
    uint32_t s = up[UP_SUCCESS], k = up[UP_SKIPPED], f = up[UP_FAILED];
    uint32_t uf = up[UP_UPSTREAM_FAILED];
    bool done = s + k + f + uf + up[UP_REMOVED] >= n;

    switch ((enum trigger_rule)t->trigger_rule) {
    case RULE_ALL_SUCCESS:
        if (uf + f > 0) {
            return VERDICT_UPSTREAM_FAILED;
        }
        return k > 0 ? VERDICT_SKIP : when(s == n);
    case RULE_ALL_FAILED:
        return s + k > 0 ? VERDICT_SKIP : when(f + uf == n);
    case RULE_ALL_DONE:
        return when(done);
    case RULE_ALL_DONE_MIN_ONE_SUCCESS:
        if (k > 0) {
            return VERDICT_SKIP;
        }
        if (!done) {
            return VERDICT_WAIT;
        }
        return s > 0 ? VERDICT_RUN : VERDICT_UPSTREAM_FAILED;
    case RULE_ALL_DONE_SETUP_SUCCESS:
        if (!done) {
            return VERDICT_WAIT;
        }
        return setup_success_verdict(r, ti);
    case RULE_ALL_SKIPPED:
        return s + f + uf > 0 ? VERDICT_SKIP : when(k == n);
    case RULE_ONE_SUCCESS:
    case RULE_ONE_FAILED:
    case RULE_ONE_DONE:
        return one_verdict(t->trigger_rule, up, done);
    case RULE_NONE_FAILED:
        return f + uf > 0 ? VERDICT_UPSTREAM_FAILED : when(s + k == n);
    case RULE_NONE_FAILED_MIN_ONE_SUCCESS:
        if (f + uf > 0) {
            return VERDICT_UPSTREAM_FAILED;
        }
        return k == n ? VERDICT_SKIP : when(s + k == n);
    case RULE_NONE_SKIPPED:
        return k > 0 ? VERDICT_SKIP : when(done);
    case RULE_ALWAYS:
        return VERDICT_RUN;
    case TRIGGER_RULE_MAX_:
        break;
    }
    return VERDICT_WAIT; /* a rule of a later version: never runs, shown by sched_why */
}

enum verdict rule_verdict(const struct run *r, const struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    uint32_t n = r->need != NULL ? r->need[ti->task] : dag_up_len(r->dag, ti->task);
    enum verdict setups = VERDICT_RUN, v;

    if (dag_up_len(r->dag, ti->task) == 0 || t->trigger_rule == RULE_ALWAYS) {
        return VERDICT_RUN;
    }
    if (ti->map_index >= 0 && map_of(r, ti->task)->uneven) {
        n -= sched_map_missing(r, ti);
    }
    if (t->setups_len > 0 && !t->is_teardown) {
        setups = indirect_setups(r, ti);
        if (setups == VERDICT_SKIP || setups == VERDICT_UPSTREAM_FAILED) {
            return setups;
        }
    }
    v = direct_verdict(r, ti, n);
    if (t->is_teardown && t->scope_len > 0 && !scope_done(r, ti)) {
        return VERDICT_WAIT;
    }
    return v == VERDICT_RUN ? setups : v;
}
