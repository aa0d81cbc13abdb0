/*
 * Where nodes stand in a picture in which boxes hold others: boxes never overlap, each has its own layered layout (layout.h), and an edge that
 * crosses borders goes through a place of its own on each. Left to right. Pure and deterministic; the work is that of the layouts.
 *
 * Edges between boxes may form a circle although those between nodes do not (a task of A before one of B before another of A): some then go from
 * right to left.
 */
#ifndef TW_MODEL_LAYOUT_NESTED_H
#define TW_MODEL_LAYOUT_NESTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct nested_node {
    uint32_t parent; /* a box that stands before it, or UINT32_MAX */
    bool box;        /* its size is found; one that holds nothing keeps that which was given */
    int32_t w, h;
    /* Found: */
    int32_t x, y;
};
struct nested_edge {
    uint32_t from, to; /* nodes that are no boxes, and not the same */
    /* Found: points[at] .. points[at + len - 1], from the right side of `from` to the left side of `to`. */
    uint32_t at, len;
};
struct nested_point {
    int32_t x, y;
};

struct nested_gaps {
    int32_t column; /* between ranks */
    int32_t row;    /* between neighbours of a rank */
    int32_t edge;   /* beside an edge that passes */
    int32_t pad;    /* within a box, at all sides */
    int32_t title;  /* and above */
};

struct nested {
    int32_t width, height;
    struct nested_point *points;
    size_t points_len;
    bool simplified; /* some edges go straight, under what stands between */
};

/* Fills nodes and edges. *ret: nested_free. -ERR_NOMEM; -ERR_INVALID: a parent that is no box or stands behind. */
int nested_build(struct nested_node *nodes, uint32_t nodes_len, struct nested_edge *edges,
                 uint32_t edges_len, const struct nested_gaps *gaps, struct nested **ret,
                 struct err *e);
void nested_free(struct nested *n); /* NULL is allowed */

#endif
