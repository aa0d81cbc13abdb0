/*
 * Places: the graph without what leads back, as a DAG for the layout. An edge that closes a circle, in a walk from the start, is laid out the
 * other way round; its arrow is turned back. An edge to its own node has no way of its own: a bow over the box.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/drawing_priv.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/dag.h"
#include "model/layout.h"

#define BOX_HEIGHT 36
#define GATEWAY    28
#define CHAR_WIDTH 8
#define BOX_MIN    60
#define BOX_MAX    280
#define BOX_GAP    20
#define EDGE_GAP   12
#define RANK_GAP   56
#define BOW        18

struct placer {
    struct drawing *g;
    struct dag d;
    bool *back;              /* by edge */
    uint32_t *out, *out_off; /* edges by their first node */
    uint32_t *edge_of;       /* by edge: its index in d.down; UINT32_MAX: none */
    int32_t *x, *column;     /* by rank */
};

static int by_first_node(struct placer *p, struct arena *a)
{
    struct drawing *g = p->g;

    p->out_off = arena_array(a, (size_t)g->nodes_len + 2, sizeof *p->out_off);
    p->out = arena_array(a, (size_t)g->edges_len + 1, sizeof *p->out);
    if (p->out_off == NULL || p->out == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < g->edges_len; i++) {
        p->out_off[g->edges[i].from + 1]++;
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        p->out_off[i + 1] += p->out_off[i];
    }
    for (uint32_t i = g->edges_len;
         i-- > 0;) { /* fills each from its end; then the offsets are beginnings */
        p->out[--p->out_off[g->edges[i].from + 1]] = i;
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        p->out_off[i] = p->out_off[i + 1];
    }
    p->out_off[g->nodes_len] = g->edges_len;
    return 0;
}

/* A walk in depth with its path on a stack; an edge to a node on the path leads back. */
static int find_back(struct placer *p, struct arena *a)
{
    uint32_t n = p->g->nodes_len, depth;
    uint8_t *state = arena_array(a, (size_t)n + 1, 1); /* 1: on the path, 2: done */
    uint32_t *path = arena_array(a, (size_t)n + 1, sizeof *path);
    uint32_t *next = arena_array(a, (size_t)n + 1, sizeof *next);

    p->back = arena_array(a, (size_t)p->g->edges_len + 1, sizeof *p->back);
    if (state == NULL || path == NULL || next == NULL || p->back == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t root = 0; root < n; root++) {
        if (state[root] != 0) {
            continue;
        }
        state[root] = 1;
        path[0] = root;
        depth = 1;
        while (depth > 0) {
            uint32_t at = path[depth - 1], edge, to;

            if (next[at] == p->out_off[at + 1] - p->out_off[at]) {
                state[at] = 2;
                depth--;
                continue;
            }
            edge = p->out[p->out_off[at] + next[at]++];
            to = p->g->edges[edge].to;
            p->back[edge] = state[to] == 1;
            if (state[to] == 0) {
                state[to] = 1;
                path[depth++] = to;
            }
        }
    }
    return 0;
}

struct pair {
    uint32_t from, to, edge;
};

static int by_ends(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;

    if (a->from != b->from) {
        return a->from < b->from ? -1 : 1;
    }
    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    return a->edge < b->edge ? -1 : a->edge > b->edge;
}

/* The edges of the DAG: each pair of nodes once. */
static int add_edges(struct placer *p, struct arena *a)
{
    struct drawing *g = p->g;
    struct pair *all = arena_array(a, (size_t)g->edges_len + 1, sizeof *all);
    uint32_t n = 0, kept = 0;

    p->edge_of = arena_array(a, (size_t)g->edges_len + 1, sizeof *p->edge_of);
    p->d.down = arena_array(a, (size_t)g->edges_len + 1, sizeof *p->d.down);
    p->d.up = arena_array(a, (size_t)g->edges_len + 1, sizeof *p->d.up);
    p->d.down_off = arena_array(a, (size_t)g->nodes_len + 2, sizeof *p->d.down_off);
    p->d.up_off = arena_array(a, (size_t)g->nodes_len + 2, sizeof *p->d.up_off);
    if (all == NULL || p->edge_of == NULL || p->d.down == NULL || p->d.up == NULL ||
        p->d.down_off == NULL || p->d.up_off == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < g->edges_len; i++) {
        const struct drawing_edge *x = &g->edges[i];

        p->edge_of[i] = UINT32_MAX;
        if (x->from != x->to) {
            all[n++] =
                p->back[i] ? (struct pair){x->to, x->from, i} : (struct pair){x->from, x->to, i};
        }
    }
    if (n > 0) {
        qsort(all, n, sizeof *all, by_ends);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || all[i].from != all[i - 1].from || all[i].to != all[i - 1].to) {
            p->d.down[kept++] = all[i].to;
            p->d.down_off[all[i].from + 1]++;
            p->d.up_off[all[i].to + 1]++;
        }
        p->edge_of[all[i].edge] = kept - 1;
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        p->d.down_off[i + 1] += p->d.down_off[i];
        p->d.up_off[i + 1] += p->d.up_off[i];
    }
    for (uint32_t t = g->nodes_len; t-- > 0;) { /* from the back: each list of `up` is ascending */
        for (uint32_t k = p->d.down_off[t]; k < p->d.down_off[t + 1]; k++) {
            p->d.up[--p->d.up_off[p->d.down[k] + 1]] = t;
        }
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        p->d.up_off[i] = p->d.up_off[i + 1];
    }
    p->d.up_off[g->nodes_len] = kept;
    return 0;
}

/* Nodes whose predecessors are placed, the smallest number first among those that are ready together. */
static int order(struct placer *p, struct arena *a)
{
    uint32_t n = p->g->nodes_len, len = 0;
    uint32_t *waits = arena_array(a, (size_t)n + 1, sizeof *waits);

    p->d.topo = arena_array(a, (size_t)n + 1, sizeof *p->d.topo);
    p->d.tasks = arena_array(a, (size_t)n + 1, sizeof *p->d.tasks);
    p->d.tasks_len = n;
    if (waits == NULL || p->d.topo == NULL || p->d.tasks == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        p->d.tasks[i].index = i;
        p->d.tasks[i].group = UINT32_MAX;
        waits[i] = dag_up_len(&p->d, i);
        if (waits[i] == 0) {
            p->d.topo[len++] = i;
        }
    }
    for (uint32_t at = 0; at < len; at++) {
        uint32_t t = p->d.topo[at];

        for (uint32_t k = p->d.down_off[t]; k < p->d.down_off[t + 1]; k++) {
            if (--waits[p->d.down[k]] == 0) {
                p->d.topo[len++] = p->d.down[k];
            }
        }
    }
    return len == n ? 0 : -ERR_INVALID;
}

static void size_boxes(struct drawing *g, const char *const *names, int32_t *extent)
{
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        struct drawing_node *n = &g->nodes[i];
        size_t columns = 0;

        n->w = n->h = GATEWAY;
        if (n->kind == DRAWING_ACTIVITY) {
            for (const char *s = names[n->activity]; *s != '\0'; s++) {
                columns += ((unsigned char)*s & 0xc0) != 0x80;
            }
            n->h = BOX_HEIGHT;
            n->w = columns * CHAR_WIDTH + 28 > BOX_MAX ? BOX_MAX
                                                       : (int32_t)(columns * CHAR_WIDTH + 28);
            n->w = n->w < BOX_MIN ? BOX_MIN : n->w;
        }
        extent[i] = n->h;
    }
}

static void put_boxes(struct placer *p, const struct layout *l)
{
    struct drawing *g = p->g;
    int32_t x = 0;

    for (uint32_t i = 0; i < g->nodes_len; i++) {
        int32_t *c = &p->column[l->rank[i]];

        *c = g->nodes[i].w > *c ? g->nodes[i].w : *c;
    }
    for (uint32_t r = 0; r < l->ranks_len; r++) {
        p->x[r] = x;
        x += p->column[r] + RANK_GAP;
    }
    for (uint32_t i = 0; i < g->nodes_len; i++) {
        struct drawing_node *n = &g->nodes[i];

        n->x = p->x[l->rank[i]] + (p->column[l->rank[i]] - n->w) / 2;
        n->y = l->pos[i] - n->h / 2 + BOW;
        g->height = n->y + n->h > g->height ? n->y + n->h : g->height;
    }
    g->width = x > 0 ? x - RANK_GAP : 0;
    g->height += BOW;
}

static void point(struct drawing_edge *x, int32_t px, int32_t py)
{
    x->points[x->points_len][0] = px;
    x->points[x->points_len++][1] = py;
}

static void bow(struct drawing *g, struct drawing_edge *x)
{
    const struct drawing_node *n = &g->nodes[x->from];

    point(x, n->x + 2 * n->w / 3, n->y);
    point(x, n->x + 2 * n->w / 3, n->y - BOW / 2);
    point(x, n->x + n->w / 3, n->y - BOW / 2);
    point(x, n->x + n->w / 3, n->y);
}

static int put_arrow(struct placer *p, const struct layout *l, uint32_t edge, struct arena *a)
{
    struct drawing_edge *x = &p->g->edges[edge];
    uint32_t k = p->edge_of[edge], from = p->back[edge] ? x->to : x->from;
    uint32_t to = p->back[edge] ? x->from : x->to, r = l->rank[from];
    const struct drawing_node *n = &p->g->nodes[from], *m = &p->g->nodes[to];
    uint32_t ways = k != UINT32_MAX ? l->way_off[k + 1] - l->way_off[k] : 0;

    x->points = arena_array(a, 4 + 2 * (size_t)ways, sizeof *x->points);
    if (x->points == NULL) {
        return -ERR_NOMEM;
    }
    if (k == UINT32_MAX) {
        bow(p->g, x);
        return 0;
    }
    point(x, n->x + n->w, n->y + n->h / 2);
    if (n->w < p->column[r]) {
        point(x, p->x[r] + p->column[r], n->y + n->h / 2);
    }
    for (uint32_t w = l->way_off[k]; w < l->way_off[k + 1]; w++) {
        r++;
        point(x, p->x[r], l->way[w] + BOW);
        point(x, p->x[r] + p->column[r], l->way[w] + BOW);
    }
    point(x, m->x, m->y + m->h / 2);
    for (uint32_t i = 0; p->back[edge] && i < x->points_len / 2; i++) {
        int32_t keep[2];

        memcpy(keep, x->points[i], sizeof keep);
        memcpy(x->points[i], x->points[x->points_len - 1 - i], sizeof keep);
        memcpy(x->points[x->points_len - 1 - i], keep, sizeof keep);
    }
    return 0;
}

int drawing_place(struct drawing *g, const char *const *names, struct arena *a, struct err *e)
{
    struct placer p = {.g = g};
    struct layout_options o = {.gap = BOX_GAP, .edge_gap = EDGE_GAP};
    struct layout *l = NULL;
    int32_t *extent = arena_array(a, (size_t)g->nodes_len + 1, sizeof *extent);
    int rc = extent == NULL ? -ERR_NOMEM : by_first_node(&p, a);

    rc = rc == 0 ? find_back(&p, a) : rc;
    rc = rc == 0 ? add_edges(&p, a) : rc;
    rc = rc == 0 ? order(&p, a) : rc;
    if (rc == 0) {
        size_boxes(g, names, extent);
        o.extent = extent;
        rc = layout_build(&p.d, &o, &l, e);
    }
    if (rc == 0) {
        p.x = arena_array(a, (size_t)l->ranks_len + 1, sizeof *p.x);
        p.column = arena_array(a, (size_t)l->ranks_len + 1, sizeof *p.column);
        rc = p.x == NULL || p.column == NULL ? -ERR_NOMEM : 0;
    }
    if (rc == 0) {
        put_boxes(&p, l);
    }
    for (uint32_t i = 0; rc == 0 && i < g->edges_len; i++) {
        rc = put_arrow(&p, l, i, a);
    }
    layout_free(l);
    return rc != 0 ? err_set(e, (enum err_code) - rc, "a drawing of the process cannot be made")
                   : 0;
}
