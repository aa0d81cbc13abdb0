/* The layout while it is made: tasks and the places where long edges pass a rank, both as nodes.
 * Internal to layout*.c. */
#ifndef TW_MODEL_LAYOUT_PRIV_H
#define TW_MODEL_LAYOUT_PRIV_H

#include "base/arena.h"
#include "model/dag.h"
#include "model/layout.h"

#define NO_GROUP UINT32_MAX

struct lnode {
    uint32_t rank, order;  /* order: index within its rank */
    uint32_t group, inner; /* outermost and innermost task group, or NO_GROUP */
    int32_t extent;        /* 0: an edge passes */
    double key, pos;
};

struct graph {
    const struct dag *dag;
    const struct layout_options *o;
    struct arena arena;
    struct lnode *nodes; /* tasks first, by index; then the places of long edges */
    uint32_t nodes_len;
    /* Segments between neighbouring ranks, both ways, as compressed rows. */
    uint32_t *up_off, *up, *down_off, *down;
    uint32_t segments;
    /* The ranks: row[rank_off[r]] .. are its nodes in order. */
    uint32_t *rank_off, *row;
    uint32_t ranks_len;
    double *group_sum; /* scratch: by group */
    uint32_t *group_n;
};

int layout_order(struct graph *g, uint64_t *ret_crossings);
int layout_place(struct graph *g);

#endif
