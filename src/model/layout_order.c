/*
 * The order within each rank. Sweeps down and up: every node moves to the mean place of its
 * neighbours in the rank just done; the best order met is kept. Nodes of one outermost task group
 * stay together in a rank.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/layout_priv.h"

#define SWEEPS       12
#define SWEEPS_LARGE 3
#define LARGE        20000 /* nodes */
#define NO_BETTER    3     /* sweeps without an improvement end it */

struct sort_item {
    double group_key, inner_key, key; /* means of the groups, and the node's own */
    uint32_t group, inner, order, node;
};

static int compare_items(const void *a, const void *b)
{
    const struct sort_item *x = a, *y = b;

    if (x->group_key < y->group_key || x->group_key > y->group_key) {
        return x->group_key < y->group_key ? -1 : 1;
    }
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->inner_key < y->inner_key || x->inner_key > y->inner_key) {
        return x->inner_key < y->inner_key ? -1 : 1;
    }
    if (x->inner != y->inner) {
        return x->inner < y->inner ? -1 : 1;
    }
    if (x->key < y->key || x->key > y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The mean place of a node's neighbours above (or below); its own place when it has none. */
static double mean_of(const struct graph *g, uint32_t node, bool above)
{
    const uint32_t *off = above ? g->up_off : g->down_off, *list = above ? g->up : g->down;
    double sum = 0;

    if (off[node] == off[node + 1]) {
        return g->nodes[node].order;
    }
    for (uint32_t k = off[node]; k < off[node + 1]; k++) {
        sum += g->nodes[list[k]].order;
    }
    return sum / (off[node + 1] - off[node]);
}

/* The mean key of every group that stands in the rank, outermost or innermost, into group_key or
 * inner_key. */
static void group_means(struct graph *g, struct sort_item *items, uint32_t n, bool inner)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t group = inner ? items[i].inner : items[i].group;

        if (group != NO_GROUP) {
            g->group_sum[group] += items[i].key;
            g->group_n[group]++;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t group = inner ? items[i].inner : items[i].group;
        double mean = group == NO_GROUP ? items[i].key : g->group_sum[group] / g->group_n[group];

        *(inner ? &items[i].inner_key : &items[i].group_key) = mean;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t group = inner ? items[i].inner : items[i].group;

        if (group != NO_GROUP) {
            g->group_sum[group] = 0;
            g->group_n[group] = 0;
        }
    }
}

static void sort_rank(struct graph *g, uint32_t rank, bool above, struct sort_item *items)
{
    uint32_t from = g->rank_off[rank], n = g->rank_off[rank + 1] - from;

    for (uint32_t i = 0; i < n; i++) {
        const struct lnode *node = &g->nodes[g->row[from + i]];

        items[i] = (struct sort_item){.key = mean_of(g, g->row[from + i], above),
                                      .group = node->group,
                                      .inner = node->inner,
                                      .order = i,
                                      .node = g->row[from + i]};
    }
    if (g->dag->groups_len > 0) {
        group_means(g, items, n, false);
        group_means(g, items, n, true);
    }
    qsort(items, n, sizeof *items, compare_items);
    for (uint32_t i = 0; i < n; i++) {
        g->row[from + i] = items[i].node;
        g->nodes[items[i].node].order = i;
    }
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Crossings between a rank and the next: inversions, by a binary indexed tree. */
static uint64_t count_rank(const struct graph *g, uint32_t rank, uint32_t *tree, uint32_t *ends)
{
    uint32_t below = g->rank_off[rank + 2] - g->rank_off[rank + 1];
    uint64_t crossings = 0, seen = 0;

    memset(tree, 0, ((size_t)below + 1) * sizeof *tree);
    for (uint32_t i = g->rank_off[rank]; i < g->rank_off[rank + 1]; i++) {
        uint32_t node = g->row[i], n = g->down_off[node + 1] - g->down_off[node];

        for (uint32_t k = 0; k < n; k++) {
            ends[k] = g->nodes[g->down[g->down_off[node] + k]].order;
        }
        qsort(ends, n, sizeof *ends, compare_u32);
        for (uint32_t k = 0; k < n; k++) { /* those before that end further along */
            uint64_t not_after = 0;

            for (uint32_t at = ends[k] + 1; at > 0; at -= at & -at) {
                not_after += tree[at];
            }
            crossings += seen - not_after;
        }
        for (uint32_t k = 0; k < n; k++) {
            for (uint32_t at = ends[k] + 1; at <= below; at += at & -at) {
                tree[at]++;
            }
        }
        seen += n;
    }
    return crossings;
}

static uint64_t count_all(const struct graph *g, uint32_t *tree, uint32_t *ends)
{
    uint64_t n = 0;

    for (uint32_t r = 0; r + 1 < g->ranks_len; r++) {
        n += count_rank(g, r, tree, ends);
    }
    return n;
}

static void sweep(struct graph *g, bool down, struct sort_item *items)
{
    for (uint32_t i = 1; i < g->ranks_len; i++) {
        sort_rank(g, down ? i : g->ranks_len - 1 - i, down, items);
    }
}

int layout_order(struct graph *g, uint64_t *ret_crossings)
{
    int sweeps = g->nodes_len > LARGE ? SWEEPS_LARGE : SWEEPS, worse = 0;
    size_t n = (size_t)g->nodes_len + 2, bytes = (size_t)g->nodes_len * sizeof *g->row;
    struct sort_item *items = arena_array(&g->arena, n, sizeof *items);
    uint32_t *tree = arena_array(&g->arena, n, sizeof *tree),
             *best = arena_array(&g->arena, n, sizeof *best);
    uint32_t *ends = arena_array(&g->arena, (size_t)g->segments + 1, sizeof *ends);
    uint64_t least;

    if (items == NULL || tree == NULL || best == NULL || ends == NULL) {
        return -ERR_NOMEM;
    }
    if (g->ranks_len > 0) { /* so that groups stand together from the start */
        sort_rank(g, 0, true, items);
        sweep(g, true, items);
    }
    least = count_all(g, tree, ends);
    memcpy(best, g->row, bytes);
    for (int i = 0; i < sweeps && worse < NO_BETTER && least > 0; i++) {
        uint64_t now;

        sweep(g, i % 2 == 1, items);
        now = count_all(g, tree, ends);
        worse++;
        if (now < least) {
            least = now;
            worse = 0;
            memcpy(best, g->row, bytes);
        }
    }
    memcpy(g->row, best, bytes);
    for (uint32_t r = 0; r < g->ranks_len; r++) {
        for (uint32_t i = g->rank_off[r]; i < g->rank_off[r + 1]; i++) {
            g->nodes[g->row[i]].order = i - g->rank_off[r];
        }
    }
    *ret_crossings = least;
    return 0;
}
