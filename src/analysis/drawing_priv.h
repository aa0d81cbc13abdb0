#ifndef TW_ANALYSIS_DRAWING_PRIV_H
#define TW_ANALYSIS_DRAWING_PRIV_H

#include "analysis/drawing.h"

/* Nodes and edges are there: gives them their places. */
int drawing_place(struct drawing *g, const char *const *names, struct arena *a, struct err *e);

#endif
