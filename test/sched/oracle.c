#include "oracle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The letters of the reference table: how many of the direct upstreams ended how. */
struct counts {
    uint32_t n, d, s, k, f, uf, r;
    uint32_t setups, setups_s, setups_k;
};

static void count_one(struct counts *c, const struct dag *d, const uint8_t *states, uint32_t t)
{
    uint8_t st = states[t];

    c->n++;
    c->d += task_state_finished(st);
    c->s += st == TASK_SUCCESS;
    c->k += st == TASK_SKIPPED;
    c->f += st == TASK_FAILED;
    c->uf += st == TASK_UPSTREAM_FAILED;
    c->r += st == TASK_REMOVED;
    if (d->tasks[t].is_setup) {
        c->setups++;
        c->setups_s += st == TASK_SUCCESS;
        c->setups_k += st == TASK_SKIPPED;
    }
}

/* Early verdicts come first: a task that may run has none, so the order does not matter for it. */
static enum oracle_verdict rule_all(uint8_t rule, const struct counts *c)
{
    bool failed = c->f + c->uf > 0;

    switch (rule) {
    case RULE_ALL_SUCCESS:
        return failed         ? ORACLE_UPSTREAM_FAILED
               : c->k > 0     ? ORACLE_SKIPPED
               : c->s == c->n ? ORACLE_RUN
                              : ORACLE_WAIT;
    case RULE_ALL_FAILED:
        return c->s + c->k > 0 ? ORACLE_SKIPPED : c->f + c->uf == c->n ? ORACLE_RUN : ORACLE_WAIT;
    case RULE_ALL_SKIPPED:
        return c->s > 0 || failed ? ORACLE_SKIPPED : c->k == c->n ? ORACLE_RUN : ORACLE_WAIT;
    case RULE_NONE_FAILED:
        return failed ? ORACLE_UPSTREAM_FAILED : c->s + c->k == c->n ? ORACLE_RUN : ORACLE_WAIT;
    case RULE_NONE_FAILED_MIN_ONE_SUCCESS:
        return failed                ? ORACLE_UPSTREAM_FAILED
               : c->k == c->n        ? ORACLE_SKIPPED
               : c->s + c->k == c->n ? ORACLE_RUN
                                     : ORACLE_WAIT;
    case RULE_NONE_SKIPPED:
        return c->k > 0 ? ORACLE_SKIPPED : c->d >= c->n ? ORACLE_RUN : ORACLE_WAIT;
    default:
        abort();
    }
}

static enum oracle_verdict rule_one_or_done(uint8_t rule, const struct counts *c)
{
    bool done = c->d >= c->n;

    switch (rule) {
    case RULE_ALL_DONE:
        return done ? ORACLE_RUN : ORACLE_WAIT;
    case RULE_ALL_DONE_MIN_ONE_SUCCESS:
        return c->k > 0    ? ORACLE_SKIPPED
               : !done     ? ORACLE_WAIT
               : c->s == 0 ? ORACLE_UPSTREAM_FAILED
                           : ORACLE_RUN;
    case RULE_ALL_DONE_SETUP_SUCCESS:
        return !done                                       ? ORACLE_WAIT
               : c->setups > 0 && c->setups_k >= c->setups ? ORACLE_SKIPPED
               : c->setups > 0 && c->setups_s == 0         ? ORACLE_UPSTREAM_FAILED
                                                           : ORACLE_RUN;
    case RULE_ONE_SUCCESS:
        return c->s > 0       ? ORACLE_RUN
               : !done        ? ORACLE_WAIT
               : c->k == c->n ? ORACLE_SKIPPED
                              : ORACLE_UPSTREAM_FAILED;
    case RULE_ONE_FAILED:
        return c->f + c->uf > 0 ? ORACLE_RUN : done ? ORACLE_SKIPPED : ORACLE_WAIT;
    case RULE_ONE_DONE:
        return c->s + c->f > 0 ? ORACLE_RUN : done ? ORACLE_SKIPPED : ORACLE_WAIT;
    default:
        return rule_all(rule, c);
    }
}

void oracle_relatives(const struct dag *d, uint32_t task, enum oracle_direction dir, uint8_t *mark)
{
    /* The indices are in topological order where this is used with edges from small to large; in
     * general it is not known, so the marking is repeated until nothing changes. */
    bool changed = true;

    memset(mark, 0, d->tasks_len);
    while (changed) {
        changed = false;
        for (uint32_t k = 0; k < d->tasks_len; k++) {
            uint32_t t = dir == ORACLE_UP ? d->tasks_len - 1 - k : k;
            const uint32_t *list = dir == ORACLE_UP ? d->up : d->down;
            const uint32_t *off = dir == ORACLE_UP ? d->up_off : d->down_off;

            for (uint32_t i = off[t]; (t == task || mark[t]) && i < off[t + 1]; i++) {
                changed = changed || !mark[list[i]];
                mark[list[i]] = 1;
            }
        }
    }
}

/* A setup above a task counts for it while it has no teardown, or one of its teardowns comes after
 * the task. */
static bool setup_is_relevant(const struct dag *d, uint32_t setup, const uint8_t *below)
{
    bool has_teardown = false, below_task = false;

    for (uint32_t i = d->down_off[setup]; i < d->down_off[setup + 1]; i++) {
        if (d->tasks[d->down[i]].is_teardown) {
            has_teardown = true;
            below_task = below_task || below[d->down[i]];
        }
    }
    return !has_teardown || below_task;
}

static uint8_t *new_marks(const struct dag *d)
{
    uint8_t *mark = mem_zalloc(d->tasks_len + 1);

    if (mark == NULL) {
        abort();
    }
    return mark;
}

void oracle_setups(const struct dag *d, uint32_t task, uint8_t *mark)
{
    MEM_CLEANUP uint8_t *below = new_marks(d);

    memset(mark, 0, d->tasks_len);
    if (d->tasks[task].is_teardown) {
        return;
    }
    oracle_relatives(d, task, ORACLE_UP, mark);
    oracle_relatives(d, task, ORACLE_DOWN, below);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        mark[t] = mark[t] && d->tasks[t].is_setup && setup_is_relevant(d, t, below);
    }
}

void oracle_scope(const struct dag *d, uint32_t task, uint8_t *mark)
{
    MEM_CLEANUP uint8_t *above = new_marks(d), *below = new_marks(d);

    memset(mark, 0, d->tasks_len);
    if (!d->tasks[task].is_teardown) {
        return;
    }
    oracle_relatives(d, task, ORACLE_UP, above);
    for (uint32_t i = d->up_off[task]; i < d->up_off[task + 1]; i++) {
        if (d->tasks[d->up[i]].is_setup) {
            oracle_relatives(d, d->up[i], ORACLE_DOWN, below);
            for (uint32_t t = 0; t < d->tasks_len; t++) {
                mark[t] = mark[t] || (above[t] && below[t]);
            }
        }
    }
}

static bool has_setup_flags(const struct dag *d)
{
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (d->tasks[t].is_setup || d->tasks[t].is_teardown) {
            return true;
        }
    }
    return false;
}

/* The implicit all_success on the indirect setups above. */
static enum oracle_verdict setups_verdict(const struct dag *d, const uint8_t *states, uint32_t task)
{
    MEM_CLEANUP uint8_t *mark = new_marks(d);
    struct counts c = {0};

    oracle_setups(d, task, mark);
    for (uint32_t i = d->up_off[task]; i < d->up_off[task + 1]; i++) {
        mark[d->up[i]] = 0; /* a direct one is held by the trigger rule */
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (mark[t]) {
            count_one(&c, d, states, t);
        }
    }
    return rule_all(RULE_ALL_SUCCESS, &c);
}

static bool scope_done(const struct dag *d, const uint8_t *states, uint32_t task)
{
    MEM_CLEANUP uint8_t *mark = new_marks(d);

    oracle_scope(d, task, mark);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (mark[t] && !task_state_finished(states[t])) {
            return false;
        }
    }
    return true;
}

enum oracle_verdict oracle_verdict(const struct dag *d, const uint8_t *states, uint32_t task)
{
    uint8_t rule = d->tasks[task].trigger_rule;
    enum oracle_verdict setups = ORACLE_RUN, direct;
    struct counts c = {0};
    bool flags = has_setup_flags(d);

    for (uint32_t i = d->up_off[task]; i < d->up_off[task + 1]; i++) {
        count_one(&c, d, states, d->up[i]);
    }
    if (c.n == 0 || rule == RULE_ALWAYS) {
        return ORACLE_RUN;
    }
    if (flags && !scope_done(d, states, task)) {
        return ORACLE_WAIT;
    }
    setups = flags ? setups_verdict(d, states, task) : ORACLE_RUN;
    if (setups == ORACLE_SKIPPED || setups == ORACLE_UPSTREAM_FAILED) {
        return setups;
    }
    direct = rule_one_or_done(rule, &c);
    return direct == ORACLE_RUN ? setups : direct;
}

const char *oracle_verdict_to_string(enum oracle_verdict v)
{
    static const char *const words[] = {"wait", "run", "skipped", "upstream_failed"};

    return words[v];
}

/* A leaf for the run's state: nothing below it but teardowns that do not count, and itself not such
 * a one. */
static bool effective_leaf(const struct dag *d, uint32_t t)
{
    for (uint32_t i = d->down_off[t]; i < d->down_off[t + 1]; i++) {
        const struct task *down = &d->tasks[d->down[i]];

        if (!down->is_teardown || down->on_failure_fail_dagrun) {
            return false;
        }
    }
    return !d->tasks[t].is_teardown || d->tasks[t].on_failure_fail_dagrun;
}

/* Where no task is an effective leaf (teardowns only), those without downstream are the leaves. */
static bool has_effective_leaf(const struct dag *d)
{
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (effective_leaf(d, t)) {
            return true;
        }
    }
    return false;
}

bool oracle_deadlocked(const struct dag *d, const uint8_t *states)
{
    bool unfinished = false;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (task_state_finished(states[t])) {
            continue;
        }
        unfinished = true;
        if (states[t] != TASK_NONE || oracle_verdict(d, states, t) != ORACLE_WAIT ||
            d->tasks[t].depends_on_past || d->tasks[t].wait_for_downstream ||
            d->tasks[t].max_active_tis_per_dag > 0 || d->tasks[t].max_active_tis_per_dagrun > 0) {
            return false;
        }
    }
    return unfinished;
}

enum run_state oracle_run_state(const struct dag *d, const uint8_t *states)
{
    bool failed = false, unfinished = false, effective;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        unfinished = unfinished || !task_state_finished(states[t]);
    }
    if (unfinished) {
        return oracle_deadlocked(d, states) ? RUN_FAILED : RUN_RUNNING;
    }
    effective = has_effective_leaf(d);
    for (uint32_t t = 0; d->fail_fast && t < d->tasks_len; t++) { /* whatever the leaves say */
        failed = failed || (states[t] == TASK_FAILED &&
                            (!d->tasks[t].is_teardown || d->tasks[t].on_failure_fail_dagrun));
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        bool leaf = effective ? effective_leaf(d, t) : dag_down_len(d, t) == 0;

        failed =
            failed || (leaf && (states[t] == TASK_FAILED || states[t] == TASK_UPSTREAM_FAILED));
    }
    return failed ? RUN_FAILED : RUN_SUCCESS;
}

bool oracle_edge(uint8_t from, uint8_t to)
{
#define TO(s) (1u << TASK_##s)
    static const unsigned finished =
        TO(SUCCESS) | TO(FAILED) | TO(SKIPPED) | TO(UPSTREAM_FAILED) | TO(REMOVED);
    static const unsigned by_hand = TO(SUCCESS) | TO(FAILED) | TO(SKIPPED);
    static const unsigned ended = TO(SUCCESS) | TO(FAILED) | TO(SKIPPED) | TO(UP_FOR_RETRY);
    unsigned to_set;

    switch (from) {
    case TASK_NONE:
        to_set = TO(SCHEDULED) | by_hand | TO(UPSTREAM_FAILED) | TO(REMOVED);
        break;
    case TASK_SCHEDULED:
        to_set = TO(QUEUED) | TO(NONE) | by_hand;
        break;
    case TASK_QUEUED:
        to_set = TO(RUNNING) | TO(SCHEDULED) | TO(RESTARTING) | TO(NONE) | ended |
                 TO(UP_FOR_RESCHEDULE) | TO(DEFERRED);
        break;
    case TASK_RUNNING:
        to_set = ended | TO(UP_FOR_RESCHEDULE) | TO(DEFERRED) | TO(RESTARTING) | TO(SCHEDULED);
        break;
    case TASK_RESTARTING:
        to_set = TO(NONE) | by_hand;
        break;
    case TASK_UP_FOR_RETRY:
    case TASK_UP_FOR_RESCHEDULE:
        to_set = TO(SCHEDULED) | TO(NONE) | by_hand | TO(UPSTREAM_FAILED);
        break;
    case TASK_DEFERRED:
        to_set = TO(SCHEDULED) | TO(NONE) | TO(RESTARTING) | ended;
        break;
    default: /* finished: only by hand; restarting while its killed attempt lives */
        to_set = TO(NONE) | TO(RESTARTING) | (finished & by_hand);
        break;
    }
#undef TO
    return (to_set >> to & 1) != 0;
}
