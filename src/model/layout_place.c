/*
 * The place across. Each node wishes to stand at the mean of its neighbours; a rank is then placed
 * as near to the wishes as its order and the least distances allow (least squares: neighbours that
 * would stand too close form a block that moves as one). A few passes down and up; edges that pass
 * count more, so that they are straight.
 */
#include <math.h>

#include "base/err.h"
#include "model/layout_priv.h"

#define PASSES       8
#define PASSES_LARGE 4
#define LARGE        20000 /* nodes */

struct block {
    double sum, weight; /* of wishes, with the distances taken off */
    uint32_t len;
};

/* The least distance of the middles of two neighbours. */
static double distance(const struct graph *g, uint32_t a, uint32_t b)
{
    const struct lnode *x = &g->nodes[a], *y = &g->nodes[b];
    bool passes = x->extent == 0 || y->extent == 0;
    int32_t halves = x->extent - x->extent / 2 + y->extent / 2;

    return (double)halves + (passes ? g->o->edge_gap : g->o->gap) +
           (x->inner != y->inner ? g->o->group_gap : 0);
}

static double wish(const struct graph *g, uint32_t node, int sides, double *weight)
{
    double sum = 0, all = 0;

    for (int side = 1; side <= 2; side++) {
        const uint32_t *off = side == 1 ? g->up_off : g->down_off,
                       *list = side == 1 ? g->up : g->down;

        for (uint32_t k = off[node]; (sides & side) != 0 && k < off[node + 1]; k++) {
            const struct lnode *other = &g->nodes[list[k]];
            double w = g->nodes[node].extent == 0 && other->extent == 0   ? 8
                       : g->nodes[node].extent == 0 || other->extent == 0 ? 2
                                                                          : 1;

            sum += w * other->pos;
            all += w;
        }
    }
    *weight = all > 0 ? all : 0.01;
    return all > 0 ? sum / all : g->nodes[node].pos;
}

/* sides: 1 wishes from above, 2 from below, 3 both. */
static void place_rank(struct graph *g, uint32_t rank, int sides, struct block *blocks,
                       double *offset)
{
    uint32_t from = g->rank_off[rank], n = g->rank_off[rank + 1] - from, used = 0, i = 0;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t node = g->row[from + k];
        double w, want = wish(g, node, sides, &w);

        offset[k] = k == 0 ? 0 : offset[k - 1] + distance(g, g->row[from + k - 1], node);
        blocks[used++] = (struct block){.sum = w * (want - offset[k]), .weight = w, .len = 1};
        while (used > 1 && blocks[used - 2].sum / blocks[used - 2].weight >
                               blocks[used - 1].sum / blocks[used - 1].weight) {
            blocks[used - 2].sum += blocks[used - 1].sum;
            blocks[used - 2].weight += blocks[used - 1].weight;
            blocks[used - 2].len += blocks[used - 1].len;
            used--;
        }
    }
    for (uint32_t b = 0; b < used; b++) {
        double at = floor(blocks[b].sum / blocks[b].weight + 0.5);

        for (uint32_t k = 0; k < blocks[b].len; k++, i++) {
            g->nodes[g->row[from + i]].pos = at + offset[i];
        }
    }
}

int layout_place(struct graph *g)
{
    size_t n = (size_t)g->nodes_len + 1;
    struct block *blocks = arena_array(&g->arena, n, sizeof *blocks);
    double *offset = arena_array(&g->arena, n, sizeof *offset);
    int passes = g->nodes_len > LARGE ? PASSES_LARGE : PASSES;

    if (blocks == NULL || offset == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t r = 0; r < g->ranks_len; r++) { /* packed, each rank around 0 */
        uint32_t from = g->rank_off[r], to = g->rank_off[r + 1];
        double at = 0;

        for (uint32_t i = from; i < to; i++) {
            at += i == from ? 0 : distance(g, g->row[i - 1], g->row[i]);
            g->nodes[g->row[i]].pos = at;
        }
        for (uint32_t i = from; i < to; i++) {
            g->nodes[g->row[i]].pos -= floor(at / 2);
        }
    }
    for (int p = 0; p < passes; p++) {
        bool last = p == passes - 1;

        for (uint32_t i = 0; i < g->ranks_len; i++) {
            uint32_t r = p % 2 == 0 ? i : g->ranks_len - 1 - i;

            place_rank(g, r, last ? 3 : p % 2 == 0 ? 1 : 2, blocks, offset);
        }
    }
    return 0;
}
