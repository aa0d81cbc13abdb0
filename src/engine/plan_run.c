/*
 * A plan's run: which of its instances. In this order: the named tasks, what is reachable from them, the setups and teardowns that go with
 * them (a clear), and of those tasks the instances in the states that are asked for. With the newest version the tasks are that one's, and
 * instances are known by task id.
 */
#include <string.h>

#include "base/err.h"
#include "engine/plan_priv.h"
#include "model/states.h"
#include "sched/sched.h"

struct choice {
    struct plan *p;
    const struct dag *d; /* what the indices are of */
    const uint32_t
        *own_of; /* by index in d: the index in the run's own version, or TASK_INDEX_NONE */
    bool *named, *taken, *related;
    struct plan_ti *out;
    size_t len, cap;
};

/* ---- tasks ---- */

static bool in_group(const struct dag *d, const struct task *t, const char *group_id)
{
    for (uint32_t g = t->group; g != UINT32_MAX; g = d->groups[g].parent) {
        if (strcmp(d->groups[g].group_id, group_id) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct plan *p, const struct dag *d, const struct task *t, size_t word)
{
    if (p->q.regex) {
        return regexec(&p->patterns[word], t->task_id, 0, NULL, 0) == 0;
    }
    return strcmp(t->task_id, p->q.tasks[word]) == 0 || in_group(d, t, p->q.tasks[word]);
}

static int name_tasks(struct choice *c, struct err *e)
{
    const struct plan *p = c->p;

    for (uint32_t t = 0; p->q.tasks_len == 0 && t < c->d->tasks_len; t++) {
        c->named[t] = true;
    }
    for (size_t w = 0; w < p->q.tasks_len; w++) {
        bool any = false;

        for (uint32_t t = 0; t < c->d->tasks_len; t++) {
            if (is_named(p, c->d, &c->d->tasks[t], w)) {
                c->named[t] = any = true;
            }
        }
        if (!any && !p->q.regex && p->keys_len == 1) {
            return err_set(e, ERR_NOTFOUND,
                           "DAG '%s' has no task or group '%s'; see `tradewind tasks list %s`",
                           p->q.dag_id, p->q.tasks[w], p->q.dag_id);
        }
    }
    return 0;
}

/* Marks by reachability; `topo` visits every edge after its source (or before, from the end). */
static void mark_below(const struct dag *d, bool *mark)
{
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        uint32_t t = d->topo[i];

        for (uint32_t j = d->down_off[t]; mark[t] && j < d->down_off[t + 1]; j++) {
            mark[d->down[j]] = true;
        }
    }
}

static void mark_above(const struct dag *d, bool *mark)
{
    for (uint32_t i = d->tasks_len; i-- > 0;) {
        uint32_t t = d->topo[i];

        for (uint32_t j = d->up_off[t]; mark[t] && j < d->up_off[t + 1]; j++) {
            mark[d->up[j]] = true;
        }
    }
}

static void relate(struct choice *c, uint32_t t)
{
    c->related[t] = c->related[t] || !c->taken[t];
}

static void relate_setup(struct choice *c, uint32_t setup)
{
    const struct dag *d = c->d;

    relate(c, setup);
    for (uint32_t j = d->down_off[setup]; j < d->down_off[setup + 1]; j++) {
        if (d->tasks[d->down[j]].is_teardown) {
            relate(c, d->down[j]);
        }
    }
}

/* As Airflow: with a task its setups and their teardowns; with a setup its teardowns. */
static void relate_all(struct choice *c)
{
    const struct dag *d = c->d;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        const struct task *task = &d->tasks[t];

        if (!c->taken[t] || task->is_teardown) {
            continue;
        }
        if (task->is_setup) {
            relate_setup(c, t);
        }
        for (uint32_t i = 0; i < task->setups_len; i++) {
            relate_setup(c, task->setups[i]);
        }
        for (uint32_t j = d->up_off[t]; j < d->up_off[t + 1]; j++) {
            if (d->tasks[d->up[j]].is_setup) {
                relate_setup(c, d->up[j]);
            }
        }
    }
}

static size_t first_row(const struct plan *p, uint32_t task)
{
    size_t lo = 0, hi = p->tis_len;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (p->tis[mid].key.task < task) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Of one run: --map-index names an instance that is there. */
static int check_index(const struct choice *c, struct err *e)
{
    const struct plan *p = c->p;
    int32_t one = p->q.map_index;

    for (uint32_t t = 0; one >= 0 && p->keys_len == 1 && t < c->d->tasks_len; t++) {
        const char *id = c->d->tasks[t].task_id;
        size_t at = c->own_of[t] != TASK_INDEX_NONE ? first_row(p, c->own_of[t]) : p->tis_len;
        bool found = at < p->tis_len && p->tis[at].key.task == c->own_of[t];
        int32_t len = found ? p->tis[at].map_len : 0;

        if (!c->named[t] || one < len) {
            continue;
        }
        if (!c->d->tasks[t].mapped) {
            return err_set(e, ERR_NOTFOUND, "task '%s' is not mapped: it has no --map-index", id);
        }
        return len == 0 ? err_set(e, ERR_NOTFOUND, "task '%s' has no instances yet", id)
                        : err_set(e, ERR_NOTFOUND,
                                  "task '%s' has no instance %d: its %d have --map-index 0 to %d",
                                  id, one, len, len - 1);
    }
    return 0;
}

static int choose_tasks(struct choice *c, struct err *e)
{
    const struct plan_query *q = &c->p->q;
    const struct dag *d = c->d;
    struct arena *a = &c->p->run_arena;
    bool *above;
    int rc;

    c->named = arena_array(a, (size_t)d->tasks_len + 1, sizeof *c->named);
    c->taken = arena_array(a, (size_t)d->tasks_len + 1, sizeof *c->taken);
    c->related = arena_array(a, (size_t)d->tasks_len + 1, sizeof *c->related);
    above = arena_array(a, (size_t)d->tasks_len + 1, sizeof *above);
    if (c->named == NULL || c->taken == NULL || c->related == NULL || above == NULL) {
        return -ERR_NOMEM;
    }
    rc = name_tasks(c, e);
    rc = rc == 0 ? check_index(c, e) : rc;
    memcpy(c->taken, c->named, d->tasks_len * sizeof *c->taken);
    memcpy(above, c->named, d->tasks_len * sizeof *above);
    if (q->downstream) {
        mark_below(d, c->taken);
    }
    if (q->upstream) {
        mark_above(d, above);
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        c->taken[t] = c->taken[t] || above[t];
    }
    if (q->op == ENGINE_CLEAR) {
        relate_all(c);
    }
    return rc;
}

/* ---- instances ---- */

static bool is_failed(uint8_t state)
{
    return state == TASK_FAILED || state == TASK_UPSTREAM_FAILED;
}

/* Whether an instance in this state is to be touched. */
static bool is_wanted(const struct plan_query *q, uint8_t state, bool related)
{
    if (q->op == ENGINE_MARK) {
        return state != q->state && state != TASK_REMOVED;
    }
    if (state == TASK_NONE || state == TASK_REMOVED) {
        return false;
    }
    if (related || (!q->only_failed && !q->only_running)) {
        return true;
    }
    return (q->only_failed && is_failed(state)) || (q->only_running && state == TASK_RUNNING);
}

static int add(struct choice *c, uint32_t task, int32_t index, uint8_t state, uint32_t instances)
{
    struct plan_ti *grown;
    struct plan_ti ti = {task, index, state, instances, !c->taken[task]};

    if (c->len == c->cap) {
        size_t cap = c->cap == 0 ? 64 : c->cap * 2;

        grown = arena_array(&c->p->run_arena, cap, sizeof *grown);
        if (grown == NULL) {
            return -ERR_NOMEM;
        }
        if (c->len > 0) {
            memcpy(grown, c->out, c->len * sizeof *grown);
        }
        c->out = grown;
        c->cap = cap;
    }
    c->out[c->len++] = ti;
    c->p->out.instances += instances;
    return 0;
}

/* Of the named tasks, and of those in their mapped groups, the one index; of others all. */
static int32_t index_of(const struct choice *c, uint32_t t)
{
    const struct dag *d = c->d;
    bool same = c->named[t];

    for (uint32_t i = 0; !same && d->tasks[t].map_group != UINT32_MAX && i < d->tasks_len; i++) {
        same = c->named[i] && d->tasks[i].map_group == d->tasks[t].map_group;
    }
    return same ? c->p->q.map_index : -1;
}

/* The worse of two states, for a mapped task as one. */
static uint8_t worse(uint8_t a, uint8_t b)
{
    static const uint8_t order[] = {TASK_FAILED,  TASK_UPSTREAM_FAILED, TASK_RUNNING,
                                    TASK_QUEUED,  TASK_SCHEDULED,       TASK_DEFERRED,
                                    TASK_SUCCESS, TASK_SKIPPED};

    for (size_t i = 0; i < sizeof order; i++) {
        if (a == order[i] || b == order[i]) {
            return order[i];
        }
    }
    return a;
}

/* An expanded task: as one where all of its instances are wanted, else one by one. */
static int add_mapped(struct choice *c, uint32_t task, size_t at, bool related)
{
    const struct plan *p = c->p;
    int32_t len = p->tis[at].map_len, one = index_of(c, task);
    uint32_t wanted = 0, rows = 0;
    uint8_t state = TASK_NONE;
    int rc = 0;

    for (size_t i = at + 1; i < p->tis_len && p->tis[i].key.task == p->tis[at].key.task; i++) {
        if (p->tis[i].key.map_index < len) {
            rows++;
            if (is_wanted(&p->q, p->tis[i].state, related)) {
                state = wanted++ == 0 ? p->tis[i].state : worse(state, p->tis[i].state);
            }
        }
    }
    if (p->q.op == ENGINE_MARK && one < 0) {
        wanted += (uint32_t)len - rows; /* those without a row are none */
    }
    if (one < 0 &&
        (wanted == (uint32_t)len || (wanted > 0 && !p->q.only_failed && !p->q.only_running))) {
        return add(c, task, -1, state, wanted);
    }
    for (size_t i = at + 1; rc == 0 && i < p->tis_len && p->tis[i].key.task == p->tis[at].key.task;
         i++) {
        const struct ti_row *r = &p->tis[i];

        if (r->key.map_index < len && (one < 0 || r->key.map_index == one) &&
            is_wanted(&p->q, r->state, related)) {
            rc = add(c, task, r->key.map_index, r->state, 1);
        }
    }
    return rc;
}

static int add_task(struct choice *c, uint32_t task)
{
    const struct plan *p = c->p;
    uint32_t own = c->own_of[task];
    size_t at = own != TASK_INDEX_NONE ? first_row(p, own) : p->tis_len;
    bool found = at < p->tis_len && p->tis[at].key.task == own, related = !c->taken[task];
    uint8_t state = found ? p->tis[at].state : TASK_NONE;

    if (own == TASK_INDEX_NONE) {
        return 0; /* the run did not have it: it runs by itself */
    }
    if (found && p->tis[at].key.map_index < 0 && p->tis[at].map_len > 0) {
        return add_mapped(c, task, at, related);
    }
    return is_wanted(&p->q, state, related) ? add(c, task, -1, state, 1) : 0;
}

/* ---- versions ---- */

static int add_word(struct plan *p, const char *const **list, size_t *len, const char *word,
                    size_t max)
{
    const char **words = (const char **)(uintptr_t)*list;

    if (words == NULL) {
        words = arena_array(&p->run_arena, max + 1, sizeof *words);
        *list = words;
    }
    if (words == NULL) {
        return -ERR_NOMEM;
    }
    words[(*len)++] = word;
    return 0;
}

/* By index in d: where the run has it. Says what is gone, and what is new. */
static int match(struct choice *c)
{
    struct plan *p = c->p;
    uint32_t n = c->d->tasks_len;
    uint32_t *own_of = arena_array(&p->run_arena, (size_t)n + 1, sizeof *own_of);
    int rc = own_of != NULL ? 0 : -ERR_NOMEM;

    for (uint32_t t = 0; rc == 0 && t < n; t++) {
        const struct task *own = dag_task(p->own, c->d->tasks[t].task_id);

        own_of[t] = t;
        if (p->out.moves) {
            bool goes = own != NULL && sched_same_shape(p->own, own, c->d, &c->d->tasks[t]);

            own_of[t] = goes ? own->index : TASK_INDEX_NONE;
            rc =
                goes ? 0 : add_word(p, &p->out.fresh, &p->out.fresh_len, c->d->tasks[t].task_id, n);
        }
    }
    for (uint32_t t = 0; rc == 0 && p->out.moves && t < p->own->tasks_len; t++) {
        const struct task *own = &p->own->tasks[t], *new = dag_task(c->d, own->task_id);

        if (new == NULL || !sched_same_shape(p->own, own, c->d, new)) {
            rc = add_word(p, &p->out.gone, &p->out.gone_len, own->task_id, p->own->tasks_len);
        }
    }
    c->own_of = own_of;
    return rc;
}

int plan_make_run(struct plan *p, struct err *e)
{
    bool moves = p->newest != NULL && p->run.version_key != p->dag.version_key;
    struct choice c = {.p = p, .d = moves ? p->newest : p->own};
    int rc;

    p->out = (struct plan_run){.run = &p->run,
                               .dag = c.d,
                               .version_key = moves ? p->dag.version_key : p->run.version_key,
                               .moves = moves};
    if (moves && !run_state_finished(p->run.state)) {
        p->out.refused = "it is at work: it can go on with another version when it has ended";
        return 0;
    }
    rc = match(&c);
    rc = rc == 0 ? choose_tasks(&c, e) : rc;
    for (uint32_t t = 0; rc == 0 && t < c.d->tasks_len; t++) {
        rc = c.taken[t] || c.related[t] ? add_task(&c, t) : 0;
    }
    p->out.tis = c.out;
    p->out.tis_len = c.len;
    if (c.len == 0 && !(p->q.tasks_len == 0 && !p->q.only_failed && !p->q.only_running)) {
        p->out.fresh_len = 0; /* nothing of it was asked for: it stays as it is */
    }
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for a plan") : rc;
}
