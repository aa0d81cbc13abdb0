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

static void count_one(struct counts *c, const struct dag *d, uint8_t st, uint32_t t)
{
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

bool oracle_same_group(const struct dag *d, uint32_t a, uint32_t b)
{
    return d->tasks[a].map_group != UINT32_MAX && d->tasks[a].map_group == d->tasks[b].map_group;
}

/* The instances of an upstream that matter to this one: all, and in its own mapped group the one of its index, if it has one. */
static void count_task(struct counts *c, const struct oracle_run *r, uint32_t task, int32_t index,
                       uint32_t up, bool any_index)
{
    const struct oracle_map *m = &r->maps[up];

    if (m->len == 0) {
        count_one(c, r->dag, r->states[up], up);
        return;
    }
    for (int32_t i = 0; i < m->len; i++) {
        if (any_index || index < 0 || i == index || !oracle_same_group(r->dag, task, up)) {
            count_one(c, r->dag, r->states[m->slots[i]], up);
        }
    }
}

/* Fast triggered: the one_* rules look at every index, of setups too, of a task that is directly in a mapped group. */
static bool is_fast(const struct task *t)
{
    return t->group == t->map_group &&
           (t->trigger_rule == RULE_ONE_SUCCESS || t->trigger_rule == RULE_ONE_FAILED ||
            t->trigger_rule == RULE_ONE_DONE);
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
static enum oracle_verdict setups_verdict(const struct oracle_run *r, uint32_t task, int32_t index)
{
    const struct dag *d = r->dag;
    MEM_CLEANUP uint8_t *mark = new_marks(d);
    struct counts c = {0};

    oracle_setups(d, task, mark);
    for (uint32_t i = d->up_off[task]; i < d->up_off[task + 1]; i++) {
        mark[d->up[i]] = 0; /* a direct one is held by the trigger rule */
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (mark[t]) {
            count_task(&c, r, task, index, t, is_fast(&d->tasks[task]));
        }
    }
    return rule_all(RULE_ALL_SUCCESS, &c);
}

static bool scope_done(const struct oracle_run *r, uint32_t task, int32_t index)
{
    MEM_CLEANUP uint8_t *mark = new_marks(r->dag);
    struct counts c = {0};

    oracle_scope(r->dag, task, mark);
    for (uint32_t t = 0; t < r->dag->tasks_len; t++) {
        if (mark[t]) {
            count_task(&c, r, task, index, t, false);
        }
    }
    return c.d == c.n;
}

static enum oracle_verdict rule_verdict(const struct oracle_run *r, uint32_t task, int32_t index)
{
    const struct dag *d = r->dag;
    uint8_t rule = d->tasks[task].trigger_rule;
    enum oracle_verdict setups = ORACLE_RUN, direct;
    struct counts c = {0};
    bool flags = has_setup_flags(d);

    if (dag_up_len(d, task) == 0 || rule == RULE_ALWAYS) {
        return ORACLE_RUN;
    }
    for (uint32_t i = d->up_off[task]; i < d->up_off[task + 1]; i++) {
        count_task(&c, r, task, index, d->up[i], is_fast(&d->tasks[task]));
    }
    if (flags && !scope_done(r, task, index)) {
        return ORACLE_WAIT;
    }
    setups = flags ? setups_verdict(r, task, index) : ORACLE_RUN;
    if (setups == ORACLE_SKIPPED || setups == ORACLE_UPSTREAM_FAILED) {
        return setups;
    }
    direct = rule_one_or_done(rule, &c);
    return direct == ORACLE_RUN ? setups : direct;
}

enum oracle_verdict oracle_sources(const struct oracle_run *r, uint32_t task)
{
    const struct task *t = &r->dag->tasks[task];
    bool failed = false, skipped = false, unfinished = false;

    for (uint32_t k = 0; k < t->map_sources_len; k++) {
        uint32_t source = t->map_sources[k];
        const struct oracle_map *m = &r->maps[source];
        uint8_t st = r->states[source];

        if (m->len == 0) { /* one that is expanded was neither skipped nor failed as a whole */
            failed = failed || st == TASK_FAILED || st == TASK_UPSTREAM_FAILED;
            skipped = skipped || st == TASK_SKIPPED;
            unfinished = unfinished || !task_state_finished(st);
        }
        for (int32_t i = 0; i < m->len; i++) {
            unfinished = unfinished || !task_state_finished(r->states[m->slots[i]]);
        }
    }
    return failed       ? ORACLE_UPSTREAM_FAILED
           : skipped    ? ORACLE_SKIPPED
           : unfinished ? ORACLE_WAIT
                        : ORACLE_RUN;
}

enum oracle_verdict oracle_verdict(const struct oracle_run *r, uint32_t task, int32_t index)
{
    const struct task *t = &r->dag->tasks[task];
    enum oracle_verdict rule, sources;

    if (!t->mapped) {
        return rule_verdict(r, task, index);
    }
    sources = oracle_sources(r, task);
    rule =
        index < 0 && t->map_group != UINT32_MAX && !(r->maps[task].empty && sources == ORACLE_RUN)
            ? ORACLE_RUN
            : rule_verdict(r, task, index);
    if (index >= 0 && (rule == ORACLE_WAIT || sources == ORACLE_WAIT)) {
        return rule; /* it has its length */
    }
    if (rule == ORACLE_UPSTREAM_FAILED || sources == ORACLE_UPSTREAM_FAILED) {
        return ORACLE_UPSTREAM_FAILED;
    }
    if (rule == ORACLE_SKIPPED || sources == ORACLE_SKIPPED) {
        return ORACLE_SKIPPED;
    }
    return rule == ORACLE_WAIT ? rule : sources;
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

static bool stuck(const struct oracle_run *r, uint32_t t, int32_t index, uint8_t state)
{
    const struct task *task = &r->dag->tasks[t];

    return state == TASK_NONE && oracle_verdict(r, t, index) == ORACLE_WAIT &&
           !task->depends_on_past && !task->wait_for_downstream &&
           task->max_active_tis_per_dag <= 0 && task->max_active_tis_per_dagrun <= 0;
}

bool oracle_deadlocked(const struct oracle_run *r)
{
    bool unfinished = false;

    for (uint32_t t = 0; t < r->dag->tasks_len; t++) {
        const struct oracle_map *m = &r->maps[t];

        for (int32_t i = m->len > 0 ? 0 : -1; i < m->len; i++) {
            uint8_t st = r->states[i < 0 ? t : m->slots[i]];

            if (task_state_finished(st)) {
                continue;
            }
            unfinished = true;
            if (!stuck(r, t, i, st)) {
                return false;
            }
        }
    }
    return unfinished;
}

uint8_t oracle_task_state(const struct oracle_run *r, uint32_t task)
{
    const struct oracle_map *m = &r->maps[task];
    bool failed = false, upstream = false, other = false;

    if (m->len == 0) {
        return r->states[task];
    }
    for (int32_t i = 0; i < m->len; i++) {
        uint8_t st = r->states[m->slots[i]];

        if (!task_state_finished(st)) {
            return TASK_NONE;
        }
        failed = failed || st == TASK_FAILED;
        upstream = upstream || st == TASK_UPSTREAM_FAILED;
        other = other || st != TASK_SKIPPED;
    }
    return failed     ? TASK_FAILED
           : upstream ? TASK_UPSTREAM_FAILED
           : other    ? TASK_SUCCESS
                      : TASK_SKIPPED;
}

enum run_state oracle_run_state(const struct oracle_run *r)
{
    const struct dag *d = r->dag;
    bool failed = false, unfinished = false, effective;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        unfinished = unfinished || !task_state_finished(oracle_task_state(r, t));
    }
    if (unfinished) {
        return oracle_deadlocked(r) ? RUN_FAILED : RUN_RUNNING;
    }
    effective = has_effective_leaf(d);
    for (uint32_t t = 0; d->fail_fast && t < d->tasks_len; t++) { /* whatever the leaves say */
        failed = failed || (oracle_task_state(r, t) == TASK_FAILED &&
                            (!d->tasks[t].is_teardown || d->tasks[t].on_failure_fail_dagrun));
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        bool leaf = effective ? effective_leaf(d, t) : dag_down_len(d, t) == 0;
        uint8_t st = oracle_task_state(r, t);

        failed = failed || (leaf && (st == TASK_FAILED || st == TASK_UPSTREAM_FAILED));
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
        to_set = TO(QUEUED) | TO(NONE) | TO(REMOVED) | by_hand;
        break;
    case TASK_QUEUED:
        to_set = TO(RUNNING) | TO(SCHEDULED) | TO(RESTARTING) | TO(NONE) | ended |
                 TO(UP_FOR_RESCHEDULE) | TO(DEFERRED) | TO(REMOVED);
        break;
    case TASK_RUNNING:
        to_set = ended | TO(UP_FOR_RESCHEDULE) | TO(DEFERRED) | TO(RESTARTING) | TO(SCHEDULED) |
                 TO(REMOVED);
        break;
    case TASK_RESTARTING:
        to_set = TO(NONE) | TO(REMOVED) | by_hand;
        break;
    case TASK_UP_FOR_RETRY:
    case TASK_UP_FOR_RESCHEDULE:
        to_set = TO(SCHEDULED) | TO(NONE) | TO(REMOVED) | by_hand | TO(UPSTREAM_FAILED);
        break;
    case TASK_DEFERRED:
        to_set = TO(SCHEDULED) | TO(NONE) | TO(RESTARTING) | TO(REMOVED) | ended;
        break;
    default: /* finished: only by hand; restarting while its killed attempt lives; removed by a shorter length */
        to_set = TO(NONE) | TO(RESTARTING) | TO(REMOVED) | (finished & by_hand);
        break;
    }
#undef TO
    return (to_set >> to & 1) != 0;
}
