/*
 * Setups and teardowns, precomputed for the scheduler.
 *
 * A setup is relevant to a task when the task is downstream of it and, if the setup has teardowns
 * (direct downstream of it), one of them is downstream of the task. task->setups are the relevant
 * ones that are not direct upstream; a teardown has none. task->scope of a teardown: all tasks
 * downstream of one of its setups (direct upstream of it) and upstream of itself, but for its
 * direct upstream.
 *
 * Each setup and each teardown is one search forward and one back, bounded by positions in the
 * topological order; together at most LIMIT_SCOPE_STEPS edges.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/document_priv.h"

struct pair {
    uint32_t task, other;
};

struct search {
    struct dag *dag;
    struct err *e;
    uint32_t *position;  /* in topo */
    uint32_t *down, *up; /* the number of the search that reached the task forward, and back */
    uint32_t *queue;
    uint32_t number;
    uint64_t steps;
    struct pair *setups, *scopes;
    size_t setups_len, setups_cap, scopes_len, scopes_cap;
};

static bool is_upstream(const struct dag *dag, uint32_t t, uint32_t up)
{
    for (uint32_t i = dag->up_off[t]; i < dag->up_off[t + 1]; i++) {
        if (dag->up[i] == up) {
            return true;
        }
    }
    return false;
}

/* Marks what follows the `n` tasks at the head of the queue, as far as position `last`; returns how
 * many are in the queue. */
static uint32_t reach(struct search *s, bool back, uint32_t n, uint32_t bound)
{
    const uint32_t *off = back ? s->dag->up_off : s->dag->down_off;
    const uint32_t *row = back ? s->dag->up : s->dag->down;
    uint32_t *mark = back ? s->up : s->down;

    for (uint32_t i = 0; i < n; i++) {
        mark[s->queue[i]] = s->number; /* the heads too: one may be reached from another */
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = off[s->queue[i]]; j < off[s->queue[i] + 1]; j++) {
            uint32_t t = row[j], at = s->position[t];

            if (mark[t] != s->number && (back ? at >= bound : at <= bound)) {
                mark[t] = s->number;
                s->queue[n++] = t;
            }
        }
        s->steps += off[s->queue[i] + 1] - off[s->queue[i]] + 1;
        if (s->steps > LIMIT_SCOPE_STEPS) {
            break; /* the caller looks at steps */
        }
    }
    return n;
}

static int too_much(struct search *s, uint32_t t)
{
    const struct task *task = &s->dag->tasks[t];

    return err_at(s->e, ERR_LIMIT, task->line, task->col,
                  "too many tasks between setups and teardowns (at '%.80s')", task->task_id);
}

static int push(struct search *s, struct pair **pairs, size_t *len, size_t *cap, struct pair p)
{
    if (*len >= LIMIT_SCOPE_PAIRS) {
        return too_much(s, p.task);
    }
    return VEC_PUSH(*pairs, *len, *cap, p);
}

/* The tasks to which setup `t` is relevant. */
static int search_setup(struct search *s, uint32_t t)
{
    const struct dag *dag = s->dag;
    uint32_t last = 0, n = 0;
    bool teardowns = false;

    s->number++;
    for (uint32_t i = dag->down_off[t]; i < dag->down_off[t + 1]; i++) {
        uint32_t x = dag->down[i];

        if (dag->tasks[x].is_teardown) {
            teardowns = true;
            s->queue[n++] = x;
            last = s->position[x] > last ? s->position[x] : last;
        }
    }
    if (teardowns) {
        (void)reach(s, true, n, s->position[t]);
    }
    s->queue[0] = t;
    n = reach(s, false, 1, teardowns ? last : UINT32_MAX);
    if (s->steps > LIMIT_SCOPE_STEPS) {
        return too_much(s, t);
    }
    for (uint32_t i = 1; i < n; i++) {
        uint32_t x = s->queue[i];
        int rc = 0;

        if (!dag->tasks[x].is_teardown && (!teardowns || s->up[x] == s->number) &&
            !is_upstream(dag, x, t)) {
            rc = push(s, &s->setups, &s->setups_len, &s->setups_cap, (struct pair){x, t});
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* What is between the setups of teardown `t` and itself. */
static int search_teardown(struct search *s, uint32_t t)
{
    const struct dag *dag = s->dag;
    uint32_t first = UINT32_MAX, n = 0;

    s->number++;
    for (uint32_t i = dag->up_off[t]; i < dag->up_off[t + 1]; i++) {
        uint32_t x = dag->up[i];

        if (dag->tasks[x].is_setup) {
            s->queue[n++] = x;
            first = s->position[x] < first ? s->position[x] : first;
        }
    }
    if (n == 0) {
        return 0;
    }
    (void)reach(s, false, n, s->position[t]);
    s->queue[0] = t;
    n = reach(s, true, 1, first);
    if (s->steps > LIMIT_SCOPE_STEPS) {
        return too_much(s, t);
    }
    for (uint32_t i = 1; i < n; i++) {
        uint32_t x = s->queue[i];
        int rc = 0;

        if (s->down[x] == s->number && !is_upstream(dag, t, x)) {
            rc = push(s, &s->scopes, &s->scopes_len, &s->scopes_cap, (struct pair){t, x});
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int compare_pairs(const void *px, const void *py)
{
    const struct pair *x = px, *y = py;

    if (x->task != y->task) {
        return x->task < y->task ? -1 : 1;
    }
    return (x->other > y->other) - (x->other < y->other);
}

/* Hands the pairs to their tasks, as arrays in the DAG's arena. */
static int give(struct dag *dag, struct pair *pairs, size_t len, bool scope)
{
    uint32_t *all = arena_array(&dag->arena, len, sizeof *all);

    if (all == NULL) {
        return -ERR_NOMEM;
    }
    if (len != 0) {
        qsort(pairs, len, sizeof *pairs, compare_pairs);
    }
    for (size_t i = 0; i < len; i++) {
        struct task *t = &dag->tasks[pairs[i].task];
        bool first = i == 0 || pairs[i - 1].task != pairs[i].task;

        all[i] = pairs[i].other;
        if (scope) {
            t->scope = first ? &all[i] : t->scope;
            t->scope_len++;
        } else {
            t->setups = first ? &all[i] : t->setups;
            t->setups_len++;
        }
    }
    return 0;
}

static int search_all(struct search *s)
{
    uint32_t n = s->dag->tasks_len;
    int rc = 0;

    for (uint32_t i = 0; i < n; i++) {
        s->position[s->dag->topo[i]] = i;
    }
    for (uint32_t t = 0; t < n && rc == 0; t++) {
        if (s->dag->tasks[t].is_setup) {
            rc = search_setup(s, t);
        } else if (s->dag->tasks[t].is_teardown) {
            rc = search_teardown(s, t);
        }
    }
    if (rc == 0) {
        rc = give(s->dag, s->setups, s->setups_len, false);
    }
    if (rc == 0) {
        rc = give(s->dag, s->scopes, s->scopes_len, true);
    }
    return rc;
}

int graph_scopes(struct dag *dag, struct err *e)
{
    struct search s = {.dag = dag, .e = e};
    uint32_t n = dag->tasks_len;
    bool any = false;
    int rc = -ERR_NOMEM;

    for (uint32_t t = 0; t < n; t++) {
        any |= dag->tasks[t].is_setup;
    }
    if (!any) {
        return 0;
    }
    s.position = mem_array(n, sizeof *s.position);
    s.down = mem_array(n, sizeof *s.down);
    s.up = mem_array(n, sizeof *s.up);
    s.queue = mem_array((size_t)n + 1, sizeof *s.queue);
    if (s.position != NULL && s.down != NULL && s.up != NULL && s.queue != NULL) {
        rc = search_all(&s);
    }
    mem_free(s.position);
    mem_free(s.down);
    mem_free(s.up);
    mem_free(s.queue);
    mem_free(s.setups);
    mem_free(s.scopes);
    return rc;
}
