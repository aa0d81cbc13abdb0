/*
 * A discovered process as boxes and arrows, placed by model/layout.h: from left to right, in pixels, y downwards, (x, y) the left upper corner.
 * Of a Petri net the places and silent steps that only pass a token on become arrows; the others gateways.
 */
#ifndef TW_ANALYSIS_DRAWING_H
#define TW_ANALYSIS_DRAWING_H

#include "analysis/dfg.h"
#include "analysis/heuristics.h"
#include "analysis/replay.h"

enum drawing_kind {
    DRAWING_START,
    DRAWING_END,
    DRAWING_ACTIVITY,
    DRAWING_CHOICE,
    DRAWING_PARALLEL
};
extern const char
    *const drawing_kind_words[]; /* "start", "end", "activity", "choice", "parallel" */

struct drawing_node {
    uint8_t kind;
    uint32_t activity; /* UINT32_MAX: none */
    uint64_t frequency;
    int32_t x, y, w, h;
};
struct drawing_edge {
    uint32_t from, to; /* nodes */
    uint64_t frequency;
    int32_t (*points)[2];
    uint32_t points_len;
};
struct drawing { /* in an arena */
    struct drawing_node *nodes;
    struct drawing_edge *edges;
    uint32_t nodes_len, edges_len;
    int32_t width, height;
};

int drawing_of_net(const struct pnet *p, const struct replay *r, const struct dfg *d,
                   const char *const *names, struct arena *a, struct drawing *ret, struct err *e);
/* What the heuristics miner kept; h NULL: the whole directly-follows graph. */
int drawing_of_graph(const struct dfg *d, const struct heuristics *h, const char *const *names,
                     struct arena *a, struct drawing *ret, struct err *e);

#endif
