/*
 * Where the tasks of a DAG stand in a picture: a layered layout. Tasks are in ranks (what waits
 * stands behind what it waits for); within a rank they are ordered so that few edges cross, and
 * placed so that edges are straight. Pure and deterministic; near linear in tasks and edges. Ranks
 * may be drawn from left to right or from top to bottom: the layout knows ranks and the place
 * across only.
 */
#ifndef TW_MODEL_LAYOUT_H
#define TW_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct dag;
struct err;

struct layout_options {
    const int32_t *extent; /* by task: its size across, in the caller's units; NULL: 1 each */
    int32_t gap;           /* between neighbours */
    int32_t edge_gap;      /* beside an edge that passes a rank */
    int32_t group_gap;     /* added where another task group begins */
    const uint8_t *pin;    /* by task: enum layout_pin; NULL: none */
};
enum layout_pin {
    LAYOUT_FREE,
    LAYOUT_FIRST, /* in the first rank; it waits for nothing */
    LAYOUT_LAST   /* in the last rank, in which no other stands; nothing waits for it */
};

struct layout {
    uint32_t tasks_len, ranks_len;
    uint32_t *rank;  /* by task */
    uint32_t *order; /* by task: its place within its rank, edges that pass counted */
    int32_t *pos;    /* by task: the middle of it, across; the smallest edge of all is 0 */
    int32_t breadth; /* of the whole, across */
    /*
     * Edge i is dag->down[i]. Where it passes the ranks between its ends: way[way_off[i]] ..
     * way[way_off[i + 1] - 1], places across. Empty for edges between neighbouring ranks, and for
     * all when `simplified`.
     */
    uint32_t *way_off;
    int32_t *way;
    bool simplified; /* too many edges are long: they pass straight, under what stands between */
    uint64_t crossings;
};

/* *ret: the caller's, layout_free. -ERR_NOMEM. */
int layout_build(const struct dag *d, const struct layout_options *o, struct layout **ret,
                 struct err *e);
void layout_free(struct layout *l); /* NULL is allowed */

#endif
