/*
 * Each box is a level: a graph of what stands in it directly, with a port in the first rank for each of these that an edge reaches from outside,
 * and in the last rank for each that an edge leaves from. The level of no box is the picture.
 *
 *   1. each edge: the innermost level that holds both its ends, and which children of it they are in
 *   2. each level: circles are broken (some of its edges are turned); an edge of it that is turned leaves boxes to the left
 *   3. levels from the inside out: ports, layout, size of the box
 *   4. from the outside in: places; then the points of the edges
 */
#include "model/layout_nested.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/dag.h"
#include "model/layout.h"

#define NONE      UINT32_MAX
#define ARENA_MAX MiB(1024)

struct link { /* between two members of a level, in the direction of the picture */
    uint32_t from, to;
};

struct level {
    uint32_t
        *members; /* nodes, then ports: nodes_len + 2 * node (in), nodes_len + 2 * node + 1 (out) */
    uint32_t members_len, nodes_len;
    struct link *links;
    size_t links_len, links_cap;
    struct dag dag; /* members as tasks */
    struct layout *layout;
    int32_t *x, *column; /* by rank */
    int32_t width, height;
};

struct work {
    struct nested_node *nodes;
    struct nested_edge *edges;
    const struct nested_gaps *gaps;
    uint32_t nodes_len, edges_len;
    struct arena arena;
    struct level *levels; /* by node; [nodes_len]: the picture. Those of no box are empty */
    uint32_t *depth;      /* by node */
    uint32_t *slot;       /* by node, and by port (2 a node): its index in its level; or NONE */
    uint32_t *meet;       /* by edge: its level */
    bool *turned;         /* by edge: it goes from right to left there */
    struct nested *out;
    size_t points_cap;
};

static struct level *level_of(struct work *w, uint32_t node)
{
    uint32_t parent = w->nodes[node].parent;

    return &w->levels[parent != NONE ? parent : w->nodes_len];
}

static uint32_t port_of(const struct work *w, uint32_t node, bool out)
{
    return w->nodes_len + 2 * node + (out ? 1 : 0);
}

/* ---- 1: levels and edges ---- */

static int find_levels(struct work *w, struct err *e)
{
    size_t all = (size_t)w->nodes_len + 1;
    uint32_t *count;

    w->levels = arena_array(&w->arena, all, sizeof *w->levels);
    w->depth = arena_array(&w->arena, all, sizeof *w->depth);
    w->slot = arena_array(&w->arena, 3 * all, sizeof *w->slot);
    w->meet = arena_array(&w->arena, (size_t)w->edges_len + 1, sizeof *w->meet);
    w->turned = arena_array(&w->arena, (size_t)w->edges_len + 1, sizeof *w->turned);
    count = arena_array(&w->arena, all, sizeof *count);
    if (w->levels == NULL || w->depth == NULL || w->slot == NULL || w->meet == NULL ||
        w->turned == NULL || count == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a picture");
    }
    for (uint32_t i = 0; i < w->nodes_len; i++) {
        uint32_t p = w->nodes[i].parent;

        if (p != NONE && (p >= i || !w->nodes[p].box)) {
            return err_set(e, ERR_INVALID, "node %u has a parent that is no box before it", i);
        }
        w->depth[i] = p != NONE ? w->depth[p] + 1 : 0;
        count[p != NONE ? p : w->nodes_len]++;
    }
    for (uint32_t i = 0; i <= w->nodes_len; i++) { /* room for the ports */
        w->levels[i].members =
            arena_array(&w->arena, 3 * (size_t)count[i] + 1, sizeof *w->levels[i].members);
        if (w->levels[i].members == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for a picture");
        }
    }
    memset(w->slot, 0xff, 3 * all * sizeof *w->slot);
    for (uint32_t i = 0; i < w->nodes_len; i++) {
        struct level *l = level_of(w, i);

        w->slot[i] = l->members_len;
        l->members[l->members_len++] = i;
        l->nodes_len = l->members_len;
    }
    return 0;
}

/* Raises both ends to the children of the innermost level that holds both. */
static uint32_t meet(const struct work *w, uint32_t *a, uint32_t *b)
{
    while (w->nodes[*a].parent != w->nodes[*b].parent) {
        if (w->depth[*a] >= w->depth[*b]) {
            *a = w->nodes[*a].parent;
        } else {
            *b = w->nodes[*b].parent;
        }
    }
    return w->nodes[*a].parent != NONE ? w->nodes[*a].parent : w->nodes_len;
}

static int add_link(struct level *l, uint32_t from, uint32_t to)
{
    return VEC_PUSH(l->links, l->links_len, l->links_cap, ((struct link){from, to}));
}

static int by_ends(const void *x, const void *y)
{
    const struct link *a = x, *b = y;

    return a->from != b->from ? (a->from < b->from ? -1 : 1) : (a->to > b->to) - (a->to < b->to);
}

static void unique(struct level *l)
{
    size_t kept = 0;

    if (l->links_len > 1) {
        qsort(l->links, l->links_len, sizeof *l->links, by_ends);
    }
    for (size_t i = 0; i < l->links_len; i++) {
        if (kept == 0 || by_ends(&l->links[kept - 1], &l->links[i]) != 0) {
            l->links[kept++] = l->links[i];
        }
    }
    l->links_len = kept;
}

static int link_edges(struct work *w)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < w->edges_len; i++) {
        uint32_t a = w->edges[i].from, b = w->edges[i].to;

        w->meet[i] = meet(w, &a, &b);
        rc = add_link(&w->levels[w->meet[i]], w->slot[a], w->slot[b]);
    }
    for (uint32_t i = 0; rc == 0 && i <= w->nodes_len; i++) {
        unique(&w->levels[i]);
    }
    return rc;
}

/* ---- 2: circles ---- */

/* An order of the members in which as good as all links go forward: whoever waits for nobody that is left is next; in a circle, whoever waits for
 * the fewest. */
static int order_members(const struct level *l, uint32_t *place)
{
    uint32_t n = l->members_len, next = 0, head = 0;
    uint32_t *waits = mem_array((size_t)n + 1, sizeof *waits);
    uint32_t *off = mem_array((size_t)n + 2, sizeof *off);
    uint32_t *queue = mem_array((size_t)n + 1, sizeof *queue);
    bool *placed = mem_array((size_t)n + 1, sizeof *placed);
    int rc = waits != NULL && off != NULL && queue != NULL && placed != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < l->links_len; i++) { /* links are by `from` */
        waits[l->links[i].to]++;
        off[l->links[i].from + 1]++;
    }
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        off[i + 1] += off[i];
        if (waits[i] == 0) {
            placed[i] = true;
            queue[next++] = i;
        }
    }
    while (rc == 0 && head < n) {
        uint32_t t;

        if (head == next) { /* all that are left are behind a circle */
            uint32_t best = NONE;

            for (uint32_t i = 0; i < n; i++) {
                if (!placed[i] && (best == NONE || waits[i] < waits[best])) {
                    best = i;
                }
            }
            placed[best] = true;
            queue[next++] = best;
        }
        t = queue[head];
        place[t] = head++;
        for (uint32_t k = off[t]; k < off[t + 1]; k++) {
            uint32_t to = l->links[k].to;

            if (!placed[to] && --waits[to] == 0) {
                placed[to] = true;
                queue[next++] = to;
            }
        }
    }
    mem_free(waits);
    mem_free(off);
    mem_free(queue);
    mem_free(placed);
    return rc;
}

static int break_circles(struct work *w)
{
    uint32_t *place = mem_array((size_t)w->nodes_len + 1, sizeof *place); /* by node */
    uint32_t *own = mem_array((size_t)w->nodes_len + 1, sizeof *own);
    int rc = place != NULL && own != NULL ? 0 : -ERR_NOMEM;

    for (uint32_t i = 0; rc == 0 && i <= w->nodes_len; i++) {
        struct level *l = &w->levels[i];

        rc = order_members(l, own);
        for (uint32_t k = 0; rc == 0 && k < l->members_len; k++) {
            place[l->members[k]] = own[k];
        }
        for (size_t k = 0; rc == 0 && k < l->links_len; k++) {
            struct link *x = &l->links[k];

            if (own[x->from] > own[x->to]) {
                *x = (struct link){x->to, x->from};
            }
        }
    }
    for (uint32_t i = 0; rc == 0 && i < w->edges_len; i++) {
        uint32_t a = w->edges[i].from, b = w->edges[i].to;

        (void)meet(w, &a, &b);
        w->turned[i] = place[a] > place[b];
    }
    mem_free(place);
    mem_free(own);
    return rc;
}

/* ---- ports ---- */

static int add_port(struct work *w, uint32_t node, bool out)
{
    struct level *l = level_of(w, node);
    uint32_t port = port_of(w, node, out);

    if (w->slot[port] != NONE) {
        return 0;
    }
    w->slot[port] = l->members_len;
    l->members[l->members_len++] = port;
    return out ? add_link(l, w->slot[node], w->slot[port])
               : add_link(l, w->slot[port], w->slot[node]);
}

/* From a node outwards, up to the level of the edge: each box on the way is left by a port. */
static int add_ports(struct work *w, uint32_t node, uint32_t meet_level, bool out)
{
    int rc = 0;

    while (rc == 0 &&
           (w->nodes[node].parent != NONE ? w->nodes[node].parent : w->nodes_len) != meet_level) {
        rc = add_port(w, node, out);
        node = w->nodes[node].parent;
    }
    return rc;
}

static int add_all_ports(struct work *w)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < w->edges_len; i++) {
        rc = add_ports(w, w->edges[i].from, w->meet[i], !w->turned[i]);
        rc = rc == 0 ? add_ports(w, w->edges[i].to, w->meet[i], w->turned[i]) : rc;
    }
    for (uint32_t i = 0; rc == 0 && i <= w->nodes_len; i++) {
        unique(&w->levels[i]);
    }
    return rc;
}

/* ---- 3: layouts ---- */

/* The level as layout.h takes it. */
static int make_dag(struct work *w, struct level *l)
{
    struct dag *d = &l->dag;
    uint32_t n = l->members_len;
    size_t edges = l->links_len;
    uint32_t *at = arena_array(&w->arena, (size_t)n + 2, sizeof *at);

    d->tasks_len = n;
    d->tasks = arena_array(&w->arena, (size_t)n + 1, sizeof *d->tasks);
    d->up_off = arena_array(&w->arena, (size_t)n + 2, sizeof *d->up_off);
    d->down_off = arena_array(&w->arena, (size_t)n + 2, sizeof *d->down_off);
    d->up = arena_array(&w->arena, edges + 1, sizeof *d->up);
    d->down = arena_array(&w->arena, edges + 1, sizeof *d->down);
    d->topo = arena_array(&w->arena, (size_t)n + 1, sizeof *d->topo);
    if (at == NULL || d->tasks == NULL || d->up_off == NULL || d->down_off == NULL ||
        d->up == NULL || d->down == NULL || d->topo == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        d->tasks[i].index = i;
        d->tasks[i].group = NONE;
    }
    for (size_t i = 0; i < edges; i++) {
        d->down_off[l->links[i].from + 1]++;
        d->up_off[l->links[i].to + 1]++;
        d->down[i] = l->links[i].to;
    }
    for (uint32_t i = 0; i < n; i++) {
        d->down_off[i + 1] += d->down_off[i];
        d->up_off[i + 1] += d->up_off[i];
        at[i] = d->up_off[i];
    }
    for (size_t i = 0; i < edges; i++) {
        d->up[at[l->links[i].to]++] = l->links[i].from;
    }
    if (order_members(l, at) != 0) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        d->topo[at[i]] = i;
    }
    return 0;
}

/* Columns as wide as the widest in them; beside ports alone there is less room. */
static void place_columns(const struct work *w, struct level *l, const bool *has_node)
{
    const struct layout *y = l->layout;
    int32_t x = l == &w->levels[w->nodes_len] ? 0 : w->gaps->pad;

    for (uint32_t r = 0; r < y->ranks_len; r++) {
        bool wide = has_node[r] && r + 1 < y->ranks_len && has_node[r + 1];

        l->x[r] = x;
        x += l->column[r];
        l->width = x;
        x += wide ? w->gaps->column : w->gaps->column / 2;
    }
}

static int lay_out(struct work *w, uint32_t index, struct err *e)
{
    struct level *l = &w->levels[index];
    bool root = index == w->nodes_len;
    size_t n = (size_t)l->members_len + 1;
    int32_t *extent = arena_array(&w->arena, n, sizeof *extent);
    uint8_t *pin = arena_array(&w->arena, n, sizeof *pin);
    struct layout_options o = {
        .extent = extent, .gap = w->gaps->row, .edge_gap = w->gaps->edge, .pin = pin};
    bool *has_node;
    int rc = extent != NULL && pin != NULL ? make_dag(w, l) : -ERR_NOMEM;

    for (uint32_t i = 0; rc == 0 && i < l->members_len; i++) {
        bool port = i >= l->nodes_len;

        extent[i] = port ? 0 : w->nodes[l->members[i]].h; /* as an edge that passes */
        pin[i] = !port                                     ? LAYOUT_FREE
                 : (l->members[i] - w->nodes_len) % 2 == 1 ? LAYOUT_LAST
                                                           : LAYOUT_FIRST;
    }
    rc = rc == 0 ? layout_build(&l->dag, &o, &l->layout, e) : rc;
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for a picture");
    }
    l->x = arena_array(&w->arena, (size_t)l->layout->ranks_len + 1, sizeof *l->x);
    l->column = arena_array(&w->arena, (size_t)l->layout->ranks_len + 1, sizeof *l->column);
    has_node = arena_array(&w->arena, (size_t)l->layout->ranks_len + 1, sizeof *has_node);
    if (l->x == NULL || l->column == NULL || has_node == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a picture");
    }
    for (uint32_t i = 0; i < l->nodes_len; i++) {
        uint32_t r = l->layout->rank[i];
        int32_t width = w->nodes[l->members[i]].w;

        has_node[r] = true;
        l->column[r] = width > l->column[r] ? width : l->column[r];
    }
    place_columns(w, l, has_node);
    w->out->simplified = w->out->simplified || l->layout->simplified;
    l->height = l->layout->breadth;
    if (!root) {
        l->width += w->gaps->pad;
        l->height += 2 * w->gaps->pad + w->gaps->title;
        w->nodes[index].w = l->width > w->nodes[index].w ? l->width : w->nodes[index].w;
        w->nodes[index].h = l->height > w->nodes[index].h ? l->height : w->nodes[index].h;
    }
    return 0;
}

/* What is in a box stands behind it: from the last to the first, each box is done before the one around it. */
static int lay_out_all(struct work *w, struct err *e)
{
    int rc = 0;

    for (uint32_t i = w->nodes_len; rc == 0 && i-- > 0;) {
        if (w->nodes[i].box && w->levels[i].members_len > 0) {
            rc = lay_out(w, i, e);
        }
    }
    return rc == 0 ? lay_out(w, w->nodes_len, e) : rc;
}

/* ---- 4: places ---- */

/* The top of what is in a level. */
static int32_t top_of(const struct work *w, uint32_t level)
{
    return level == w->nodes_len ? 0 : w->nodes[level].y + w->gaps->pad + w->gaps->title;
}

static int32_t left_of(const struct work *w, uint32_t level)
{
    return level == w->nodes_len ? 0 : w->nodes[level].x;
}

static void place_nodes(struct work *w)
{
    for (uint32_t i = 0; i < w->nodes_len; i++) {
        uint32_t level = w->nodes[i].parent != NONE ? w->nodes[i].parent : w->nodes_len;
        const struct level *l = &w->levels[level];
        uint32_t slot = w->slot[i];

        w->nodes[i].x = left_of(w, level) + l->x[l->layout->rank[slot]];
        w->nodes[i].y = top_of(w, level) + l->layout->pos[slot] - w->nodes[i].h / 2;
    }
}

static int put_point(struct work *w, int64_t x, int64_t y)
{
    const struct nested_point p = {(int32_t)x, (int32_t)y};
    size_t n = w->out->points_len;

    if (n > 0 && w->out->points[n - 1].x == p.x && w->out->points[n - 1].y == p.y) {
        return 0; /* its own edge's: the next one begins with a point that is never left out */
    }
    return VEC_PUSH(w->out->points, w->out->points_len, w->points_cap, p);
}

/* The way of a link of a level, between its ends: through the gaps, level within each column. */
static int put_way(struct work *w, uint32_t level, uint32_t from, uint32_t to)
{
    const struct level *l = &w->levels[level];
    const struct layout *y = l->layout;
    int32_t left = left_of(w, level), top = top_of(w, level);
    const uint32_t *down = l->dag.down;
    uint32_t lo = l->dag.down_off[from], hi = l->dag.down_off[from + 1], r = y->rank[from];
    int rc = 0;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (down[mid] < to) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (uint32_t k = y->way_off[lo]; rc == 0 && k < y->way_off[lo + 1]; k++) {
        r++;
        rc = put_point(w, (int64_t)left + l->x[r], (int64_t)top + y->way[k]);
        rc = rc == 0
                 ? put_point(w, (int64_t)left + l->x[r] + l->column[r], (int64_t)top + y->way[k])
                 : rc;
    }
    return rc;
}

/* From the right side of a member to the end of its column, so that nothing that is wider there is met. */
static int put_column_end(struct work *w, uint32_t level, uint32_t slot, int64_t y)
{
    const struct level *l = &w->levels[level];
    uint32_t r = l->layout->rank[slot];

    return put_point(w, (int64_t)left_of(w, level) + l->x[r] + l->column[r], y);
}

/* Where a link that leaves a node to the right begins: its middle, or the port of what is in it. */
static int64_t end_y(const struct work *w, uint32_t node, uint32_t inner, bool out)
{
    uint32_t slot;

    if (node == inner) {
        return (int64_t)w->nodes[node].y + w->nodes[node].h / 2;
    }
    slot = w->slot[port_of(w, inner, out)];
    return (int64_t)top_of(w, node) + w->levels[node].layout->pos[slot];
}

/*
 * Outwards from a node to the border of the child of the level that holds it: for each box its way to the port, and the port. Points go from
 * left to right. *ret_inner: the child of that box that it came through.
 */
static int put_out(struct work *w, uint32_t node, uint32_t meet_level, uint32_t *ret_child,
                   uint32_t *ret_inner)
{
    uint32_t inner = node;
    int rc = put_point(w, (int64_t)w->nodes[node].x + w->nodes[node].w, end_y(w, node, node, true));

    for (;;) {
        uint32_t parent = w->nodes[node].parent, level = parent != NONE ? parent : w->nodes_len;
        int64_t y = end_y(w, node, inner, true);

        rc = rc == 0 ? put_column_end(w, level, w->slot[node], y) : rc;
        if (level == meet_level || rc != 0) {
            break;
        }
        rc = put_way(w, level, w->slot[node], w->slot[port_of(w, node, true)]);
        inner = node;
        node = parent;
        rc = rc == 0 ? put_point(w, (int64_t)w->nodes[node].x + w->nodes[node].w,
                                 end_y(w, node, inner, true))
                     : rc;
    }
    *ret_child = node;
    *ret_inner = inner;
    return rc;
}

/* Inwards from the border of the child of the level to a node: the boxes around it from the outermost. */
static int put_in(struct work *w, uint32_t node, uint32_t meet_level)
{
    uint32_t chain[LIMIT_JSON_DEPTH * 4], n = 0;
    uint32_t at = node;
    int rc = 0;

    for (;;) {
        uint32_t parent = w->nodes[at].parent;

        if (n == sizeof chain / sizeof chain[0]) {
            return -ERR_LIMIT;
        }
        chain[n++] = at;
        if ((parent != NONE ? parent : w->nodes_len) == meet_level) {
            break;
        }
        at = parent;
    }
    for (uint32_t i = n; rc == 0 && i-- > 0;) {
        uint32_t inner = i > 0 ? chain[i - 1] : chain[i];

        rc = put_point(w, w->nodes[chain[i]].x, end_y(w, chain[i], inner, false));
        if (rc == 0 && i > 0) { /* level through the first column, where others may stand */
            rc = put_column_end(w, chain[i], w->slot[port_of(w, inner, false)],
                                end_y(w, chain[i], inner, false));
            rc = rc != 0 ? rc
                         : put_way(w, chain[i], w->slot[port_of(w, inner, false)], w->slot[inner]);
        }
    }
    return rc;
}

static int put_edge(struct work *w, uint32_t i)
{
    struct nested_edge *x = &w->edges[i];
    uint32_t from = w->turned[i] ? x->to : x->from, to = w->turned[i] ? x->from : x->to;
    uint32_t a = from, b = to, child, inner;
    int rc;

    (void)meet(w, &a, &b);
    x->at = (uint32_t)w->out->points_len;
    rc = VEC_PUSH(w->out->points, w->out->points_len, w->points_cap,
                  ((struct nested_point){w->nodes[from].x + w->nodes[from].w,
                                         w->nodes[from].y + w->nodes[from].h / 2}));
    rc = rc == 0 ? put_out(w, from, w->meet[i], &child, &inner) : rc;
    rc = rc == 0 ? put_way(w, w->meet[i], w->slot[a], w->slot[b]) : rc;
    rc = rc == 0 ? put_in(w, to, w->meet[i]) : rc;
    x->len = (uint32_t)w->out->points_len - x->at;
    for (uint32_t k = 0; rc == 0 && w->turned[i] && k < x->len / 2; k++) {
        struct nested_point *p = &w->out->points[x->at + k],
                            *q = &w->out->points[x->at + x->len - 1 - k], was = *p;

        *p = *q;
        *q = was;
    }
    return rc;
}

/* ---- the whole ---- */

static int build(struct work *w, struct err *e)
{
    int rc = find_levels(w, e);

    if (rc != 0) {
        return rc;
    }
    rc = link_edges(w);
    rc = rc == 0 ? break_circles(w) : rc;
    rc = rc == 0 ? add_all_ports(w) : rc;
    rc = rc == 0 ? lay_out_all(w, e) : rc;
    if (rc == 0) {
        place_nodes(w);
        w->out->width = w->levels[w->nodes_len].width;
        w->out->height = w->levels[w->nodes_len].height;
    }
    for (uint32_t i = 0; rc == 0 && i < w->edges_len; i++) {
        rc = put_edge(w, i);
    }
    return rc == 0 ? 0
                   : err_set(e, rc == -ERR_LIMIT ? ERR_LIMIT : ERR_NOMEM,
                             rc == -ERR_LIMIT ? "boxes are nested too deep for a picture"
                                              : "out of memory for a picture");
}

int nested_build(struct nested_node *nodes, uint32_t nodes_len, struct nested_edge *edges,
                 uint32_t edges_len, const struct nested_gaps *gaps, struct nested **ret,
                 struct err *e)
{
    struct work w = {.nodes = nodes,
                     .nodes_len = nodes_len,
                     .edges = edges,
                     .edges_len = edges_len,
                     .gaps = gaps,
                     .out = mem_zalloc(sizeof *w.out)};
    int rc;

    if (w.out == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a picture");
    }
    arena_init(&w.arena, ARENA_MAX);
    rc = build(&w, e);
    for (uint32_t i = 0; w.levels != NULL && i <= nodes_len; i++) {
        layout_free(w.levels[i].layout);
        mem_free(w.levels[i].links);
    }
    arena_fini(&w.arena);
    if (rc != 0) {
        nested_free(w.out);
        return rc;
    }
    *ret = w.out;
    return 0;
}

void nested_free(struct nested *n)
{
    if (n != NULL) {
        mem_free(n->points);
        mem_free(n);
    }
}
