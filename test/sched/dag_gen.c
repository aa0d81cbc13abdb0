#include "dag_gen.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "oracle.h"

static void *checked(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

static void task_defaults(struct dag *d, uint32_t i)
{
    struct task *t = &d->tasks[i];

    t->task_id = checked(arena_printf(&d->arena, "t%u", i));
    t->display_name = t->task_id;
    t->operator_name = "bash";
    t->index = i;
    t->group = UINT32_MAX;
    t->trigger_rule = RULE_ALL_SUCCESS;
    t->weight_rule = WEIGHT_ABSOLUTE;
    t->retry_delay_us = DEFAULT_RETRY_DELAY_S * TIME_SECOND;
    t->priority_weight = 1;
    t->pool = "default_pool";
    t->pool_slots = 1;
    t->map_group = UINT32_MAX;
}

void dag_gen_init(struct dag_gen *g, uint32_t tasks)
{
    struct dag *d = checked(mem_zalloc(sizeof *d));

    memset(g, 0, sizeof *g);
    d->refs = 1;
    arena_init(&d->arena, MiB(64));
    map_init(&d->by_id);
    d->dag_id = "generated";
    d->display_name = d->dag_id;
    d->tasks_len = tasks;
    d->tasks = checked(arena_array(&d->arena, tasks, sizeof *d->tasks));
    d->start_date_us = d->end_date_us = TIME_NONE;
    d->max_active_tasks = 1 << 20;
    d->max_active_runs = 1 << 20;
    for (uint32_t i = 0; i < tasks; i++) {
        task_defaults(d, i);
    }
    g->dag = d;
}

void dag_gen_edge(struct dag_gen *g, uint32_t up, uint32_t down)
{
    assert(up < down && down < g->dag->tasks_len);
    if (g->edges_len == g->edges_cap) {
        g->edges_cap = g->edges_cap == 0 ? 16 : g->edges_cap * 2;
        g->edges = checked(mem_realloc(g->edges, g->edges_cap * sizeof *g->edges));
    }
    g->edges[g->edges_len][0] = up;
    g->edges[g->edges_len][1] = down;
    g->edges_len++;
}

static void map_over(struct dag_gen *g, uint32_t task, int32_t len, uint32_t source)
{
    struct task *t = &g->dag->tasks[task];
    uint32_t n = t->map_sources_len, *list;

    t->mapped = true;
    t->map_len = len;
    if (len >= 0) {
        return;
    }
    list = checked(arena_array(&g->dag->arena, n + 1, sizeof *list));
    if (n > 0) {
        memcpy(list, t->map_sources, n * sizeof *list);
    }
    list[n] = source;
    t->map_sources = list;
    t->map_sources_len = n + 1;
}

void dag_gen_map(struct dag_gen *g, uint32_t task, int32_t len, uint32_t source)
{
    map_over(g, task, len, source);
    if (len < 0) {
        dag_gen_edge(g, source, task);
    }
}

void dag_gen_map_group(struct dag_gen *g, uint32_t group, uint32_t from, uint32_t to, int32_t len,
                       uint32_t source)
{
    for (uint32_t t = from; t < to; t++) {
        bool root = true;

        map_over(g, t, len, source);
        g->dag->tasks[t].map_group = g->dag->tasks[t].group = group;
        for (size_t k = 0; k < g->edges_len; k++) {
            root = root && !(g->edges[k][1] == t && g->edges[k][0] >= from);
        }
        if (root && len < 0) {
            dag_gen_edge(g, source, t);
        }
    }
}

static int by_down(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    if (x[1] != y[1]) {
        return x[1] < y[1] ? -1 : 1;
    }
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

static void edges_unique(struct dag_gen *g)
{
    size_t n = 0;

    if (g->edges_len > 0) {
        qsort(g->edges, g->edges_len, sizeof *g->edges, by_down);
    }
    for (size_t i = 0; i < g->edges_len; i++) {
        if (n == 0 || memcmp(g->edges[n - 1], g->edges[i], sizeof *g->edges) != 0) {
            memcpy(g->edges[n++], g->edges[i], sizeof *g->edges);
        }
    }
    g->edges_len = n;
}

/* Compressed rows in both directions: the edges are sorted by (down, up), so both lists come out
 * ascending. */
static void rows(struct dag_gen *g)
{
    struct dag *d = g->dag;
    uint32_t n = d->tasks_len, *fill = checked(mem_array(n + 1, sizeof *fill));

    d->up_off = checked(arena_array(&d->arena, n + 1, sizeof *d->up_off));
    d->down_off = checked(arena_array(&d->arena, n + 1, sizeof *d->down_off));
    d->up = checked(arena_array(&d->arena, g->edges_len + 1, sizeof *d->up));
    d->down = checked(arena_array(&d->arena, g->edges_len + 1, sizeof *d->down));
    d->topo = checked(arena_array(&d->arena, n + 1, sizeof *d->topo));
    for (size_t i = 0; i < g->edges_len; i++) {
        d->down_off[g->edges[i][0] + 1]++;
        d->up_off[g->edges[i][1] + 1]++;
        d->up[i] = g->edges[i][0];
    }
    for (uint32_t t = 0; t < n; t++) {
        d->up_off[t + 1] += d->up_off[t];
        d->down_off[t + 1] += d->down_off[t];
        d->topo[t] = t;
    }
    for (size_t i = 0; i < g->edges_len; i++) {
        uint32_t up = g->edges[i][0];

        d->down[d->down_off[up] + fill[up]++] = g->edges[i][1];
    }
    mem_free(fill);
}

static void weights(struct dag *d)
{
    uint8_t *mark = checked(mem_alloc(d->tasks_len + 1));

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        int64_t sum = d->tasks[t].priority_weight;
        enum oracle_direction dir =
            d->tasks[t].weight_rule == WEIGHT_UPSTREAM ? ORACLE_UP : ORACLE_DOWN;

        if (d->tasks[t].weight_rule != WEIGHT_ABSOLUTE) {
            oracle_relatives(d, t, dir, mark);
            for (uint32_t u = 0; u < d->tasks_len; u++) {
                sum += mark[u] ? d->tasks[u].priority_weight : 0;
            }
        }
        sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
        d->tasks[t].effective_weight = (int32_t)sum;
    }
    mem_free(mark);
}

static const uint32_t *copy(struct dag *d, const uint8_t *mark, uint32_t *ret_len)
{
    uint32_t *list = checked(arena_array(&d->arena, d->tasks_len + 1, sizeof *list));
    uint32_t len = 0;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (mark[t]) {
            list[len++] = t;
        }
    }
    *ret_len = len;
    return list;
}

static void setups_and_scopes(struct dag *d)
{
    uint8_t *mark = checked(mem_alloc(d->tasks_len + 1));

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        struct task *task = &d->tasks[t];

        oracle_setups(d, t, mark);
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            mark[d->up[i]] = 0; /* the direct ones are held by the trigger rule */
        }
        task->setups = copy(d, mark, &task->setups_len);
        oracle_scope(d, t, mark);
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            mark[d->up[i]] = 0;
        }
        task->scope = copy(d, mark, &task->scope_len);
    }
    mem_free(mark);
}

struct dag *dag_gen_finish(struct dag_gen *g)
{
    struct dag *d = g->dag;
    bool setups = false;

    edges_unique(g);
    rows(g);
    weights(d);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        setups = setups || d->tasks[t].is_setup || d->tasks[t].is_teardown;
        if (map_add(&d->by_id, d->tasks[t].task_id, strlen(d->tasks[t].task_id), &d->tasks[t],
                    NULL) < 0) {
            abort();
        }
    }
    if (setups) {
        setups_and_scopes(d);
    }
    mem_free(g->edges);
    memset(g, 0, sizeof *g);
    return d;
}
