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

static enum verdict setup_success_verdict(const struct extra *x)
{
    if (x->direct_setups == 0 || x->direct_setup_success > 0) {
        return VERDICT_RUN;
    }
    return x->direct_setup_skipped >= x->direct_setups ? VERDICT_SKIP : VERDICT_UPSTREAM_FAILED;
}

/* What its task counts of setups and scope, and in a mapped group what has its index; all zero where nothing is counted. */
static struct extra extras_of(const struct run *r, const struct ti *ti)
{
    const struct extra *own = ti->map_index >= 0 && ti->map_index < map_of(r, ti->task)->made
                                  ? map_extra(map_of(r, ti->task), ti->map_index)
                                  : NULL;
    struct extra x;

    if (r->plan->extra_of == NULL || r->plan->extra_of[ti->task] == TASK_INDEX_NONE) {
        return (struct extra){0};
    }
    x = r->extras[r->plan->extra_of[ti->task]];
    if (own != NULL) {
        for (int i = 0; i < UP_CLASSES; i++) {
            x.setup[i] += own->setup[i];
        }
        x.direct_setup_success += own->direct_setup_success;
        x.direct_setup_skipped += own->direct_setup_skipped;
        x.scope_done += own->scope_done;
    }
    return x;
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

static enum verdict direct_verdict(const struct run *r, const struct ti *ti, uint32_t n,
                                   const struct extra *x)
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
        return done ? setup_success_verdict(x) : VERDICT_WAIT;
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
    struct extra x;

    if (dag_up_len(r->dag, ti->task) == 0 || t->trigger_rule == RULE_ALWAYS) {
        return VERDICT_RUN;
    }
    x = extras_of(r, ti);
    if (t->setups_len > 0 && !t->is_teardown) {
        setups = setups_verdict(x.setup, x.setups);
        if (setups == VERDICT_SKIP || setups == VERDICT_UPSTREAM_FAILED) {
            return setups;
        }
    }
    v = direct_verdict(r, ti, n, &x);
    if (t->is_teardown && x.scope_done < x.scope) {
        return VERDICT_WAIT;
    }
    return v == VERDICT_RUN ? setups : v;
}
