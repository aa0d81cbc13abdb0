/* Ranks, the graph with its long edges cut into segments, and the result. Ordering and placing:
 * layout_order.c, layout_place.c. */
#include "model/layout.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/layout_priv.h"

/* Long edges become this many extra nodes at most: beyond, they are left out of ordering and
 * placing. */
#define PASSES_MAX(tasks) ((uint64_t)(tasks)*4 + 20000)

static bool is_pinned(const uint8_t *pin, uint32_t t, enum layout_pin how)
{
    return pin != NULL && pin[t] == how;
}

/* Longest path from the start; then what starts late is pulled towards what waits for it. */
static uint32_t rank_tasks(const struct dag *d, const uint8_t *pin, uint32_t *rank)
{
    uint32_t max = 0;
    bool last = false, other = false;

    for (uint32_t i = 0; i < d->tasks_len; i++) {
        uint32_t t = d->topo[i];

        rank[t] = 0;
        for (uint32_t k = d->up_off[t]; k < d->up_off[t + 1]; k++) {
            uint32_t after = rank[d->up[k]] + 1;

            rank[t] = after > rank[t] ? after : rank[t];
        }
        if (is_pinned(pin, t, LAYOUT_LAST)) {
            last = true;
        } else {
            other = true;
            max = rank[t] > max ? rank[t] : max;
        }
    }
    max += last && other;
    for (uint32_t t = 0; last && t < d->tasks_len; t++) {
        rank[t] = is_pinned(pin, t, LAYOUT_LAST) ? max : rank[t];
    }
    for (uint32_t i = d->tasks_len; i-- > 0;) {
        uint32_t t = d->topo[i], least = UINT32_MAX;

        if (dag_up_len(d, t) > 0 || dag_down_len(d, t) == 0 || is_pinned(pin, t, LAYOUT_FIRST)) {
            continue;
        }
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            least = rank[d->down[k]] < least ? rank[d->down[k]] : least;
        }
        rank[t] = least - 1;
    }
    return d->tasks_len == 0 ? 0 : max + 1;
}

static uint32_t outer_group(const struct dag *d, uint32_t t)
{
    uint32_t g = d->tasks[t].group;

    for (uint32_t i = 0; g != UINT32_MAX && d->groups[g].parent != UINT32_MAX && i < d->groups_len;
         i++) {
        g = d->groups[g].parent;
    }
    return g;
}

static uint64_t count_passes(const struct dag *d, const uint32_t *rank)
{
    uint64_t n = 0;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            n += rank[d->down[k]] - rank[t] - 1;
        }
    }
    return n;
}

static int add_nodes(struct graph *g, struct layout *l)
{
    const struct dag *d = g->dag;
    uint64_t passes = count_passes(d, l->rank);
    uint32_t next = d->tasks_len;

    l->simplified = passes > PASSES_MAX(d->tasks_len);
    passes = l->simplified ? 0 : passes;
    g->nodes_len = d->tasks_len + (uint32_t)passes;
    g->nodes = arena_array(&g->arena, g->nodes_len + 1, sizeof *g->nodes);
    l->way = mem_array(passes + 1, sizeof *l->way);
    if (g->nodes == NULL || l->way == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        g->nodes[t] = (struct lnode){.rank = l->rank[t],
                                     .group = outer_group(d, t),
                                     .inner = d->tasks[t].group,
                                     .extent = g->o->extent != NULL ? g->o->extent[t] : 1};
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            uint32_t to = d->down[k];
            const struct lnode *a = &g->nodes[t], *b = &g->nodes[to];
            uint32_t group = a->group == b->group ? a->group : NO_GROUP;
            uint32_t inner = a->inner == b->inner ? a->inner : NO_GROUP;

            l->way_off[k] = next - d->tasks_len;
            for (uint32_t r = l->rank[t] + 1; !l->simplified && r < l->rank[to]; r++) {
                g->nodes[next++] = (struct lnode){.rank = r, .group = group, .inner = inner};
            }
        }
    }
    l->way_off[d->down_off[d->tasks_len]] = next - d->tasks_len;
    return 0;
}

/* Calls for every segment: from and to stand in neighbouring ranks. pass 0 counts, pass 1 fills. */
static void segment(struct graph *g, uint32_t from, uint32_t to, uint32_t *up_at, uint32_t *down_at,
                    bool fill)
{
    if (fill) {
        g->down[down_at[from]] = to;
        g->up[up_at[to]] = from;
    }
    down_at[from]++;
    up_at[to]++;
}

static void walk_segments(struct graph *g, const struct layout *l, uint32_t *up_at,
                          uint32_t *down_at, bool fill)
{
    const struct dag *d = g->dag;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            uint32_t from = t, to = d->down[k];

            if (l->simplified && l->rank[to] - l->rank[t] > 1) {
                continue;
            }
            for (uint32_t w = l->way_off[k]; w < l->way_off[k + 1]; w++) {
                segment(g, from, d->tasks_len + w, up_at, down_at, fill);
                from = d->tasks_len + w;
            }
            segment(g, from, to, up_at, down_at, fill);
        }
    }
}

static int add_segments(struct graph *g, const struct layout *l)
{
    size_t n = (size_t)g->nodes_len + 2;
    uint32_t *up_at = arena_array(&g->arena, n, sizeof *up_at);
    uint32_t *down_at = arena_array(&g->arena, n, sizeof *down_at);

    g->up_off = arena_array(&g->arena, n, sizeof *g->up_off);
    g->down_off = arena_array(&g->arena, n, sizeof *g->down_off);
    if (up_at == NULL || down_at == NULL || g->up_off == NULL || g->down_off == NULL) {
        return -ERR_NOMEM;
    }
    walk_segments(g, l, up_at, down_at, false);
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        g->up_off[i + 1] = g->up_off[i] + up_at[i];
        g->down_off[i + 1] = g->down_off[i] + down_at[i];
    }
    g->segments = g->down_off[g->nodes_len];
    g->up = arena_array(&g->arena, (size_t)g->segments + 1, sizeof *g->up);
    g->down = arena_array(&g->arena, (size_t)g->segments + 1, sizeof *g->down);
    if (g->up == NULL || g->down == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(up_at, g->up_off, n * sizeof *up_at);
    memcpy(down_at, g->down_off, n * sizeof *down_at);
    walk_segments(g, l, up_at, down_at, true);
    return 0;
}

/* The first order of each rank: as the nodes are numbered. */
static int add_ranks(struct graph *g)
{
    uint32_t *at;

    g->rank_off = arena_array(&g->arena, (size_t)g->ranks_len + 2, sizeof *g->rank_off);
    at = arena_array(&g->arena, (size_t)g->ranks_len + 2, sizeof *at);
    g->row = arena_array(&g->arena, (size_t)g->nodes_len + 1, sizeof *g->row);
    g->group_sum = arena_array(&g->arena, (size_t)g->dag->groups_len + 1, sizeof *g->group_sum);
    g->group_n = arena_array(&g->arena, (size_t)g->dag->groups_len + 1, sizeof *g->group_n);
    if (g->rank_off == NULL || at == NULL || g->row == NULL || g->group_sum == NULL ||
        g->group_n == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        g->rank_off[g->nodes[i].rank + 1]++;
    }
    for (uint32_t r = 0; r < g->ranks_len; r++) {
        g->rank_off[r + 1] += g->rank_off[r];
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        struct lnode *n = &g->nodes[i];

        n->order = at[n->rank]++;
        g->row[g->rank_off[n->rank] + n->order] = i;
    }
    return 0;
}

static void take_result(const struct graph *g, struct layout *l)
{
    int32_t least = INT32_MAX, most = INT32_MIN;

    for (uint32_t i = 0; i < g->nodes_len; i++) {
        int32_t from = (int32_t)g->nodes[i].pos - g->nodes[i].extent / 2,
                to = from + g->nodes[i].extent;

        least = from < least ? from : least;
        most = to > most ? to : most;
    }
    l->breadth = g->nodes_len == 0 ? 0 : most - least;
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        int32_t pos = (int32_t)g->nodes[i].pos - least;

        if (i < l->tasks_len) {
            l->pos[i] = pos;
            l->order[i] = g->nodes[i].order;
        } else {
            l->way[i - l->tasks_len] = pos;
        }
    }
}

static int build(struct graph *g, struct layout *l)
{
    const struct dag *d = g->dag;
    int rc;

    l->tasks_len = d->tasks_len;
    l->rank = mem_array((size_t)d->tasks_len + 1, sizeof *l->rank);
    l->order = mem_array((size_t)d->tasks_len + 1, sizeof *l->order);
    l->pos = mem_array((size_t)d->tasks_len + 1, sizeof *l->pos);
    l->way_off = mem_array((size_t)d->down_off[d->tasks_len] + 1, sizeof *l->way_off);
    if (l->rank == NULL || l->order == NULL || l->pos == NULL || l->way_off == NULL) {
        return -ERR_NOMEM;
    }
    g->ranks_len = l->ranks_len = rank_tasks(d, g->o->pin, l->rank);
    rc = add_nodes(g, l);
    rc = rc != 0 ? rc : add_segments(g, l);
    rc = rc != 0 ? rc : add_ranks(g);
    rc = rc != 0 ? rc : layout_order(g, &l->crossings);
    rc = rc != 0 ? rc : layout_place(g);
    if (rc == 0) {
        take_result(g, l);
    }
    return rc;
}

int layout_build(const struct dag *d, const struct layout_options *o, struct layout **ret,
                 struct err *e)
{
    struct graph g = {.dag = d, .o = o};
    struct layout *l = mem_zalloc(sizeof *l);
    int rc = -ERR_NOMEM;

    if (l != NULL) {
        arena_init(&g.arena, MiB(2048));
        rc = build(&g, l);
        arena_fini(&g.arena);
    }
    if (rc != 0) {
        layout_free(l);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    *ret = l;
    return 0;
}

void layout_free(struct layout *l)
{
    if (l != NULL) {
        mem_free(l->rank);
        mem_free(l->order);
        mem_free(l->pos);
        mem_free(l->way_off);
        mem_free(l->way);
        mem_free(l);
    }
}
