/*
 * The Heuristics Miner.
 *
 * A. J. M. M. Weijters, W. M. P. van der Aalst, A. K. Alves de Medeiros, "Process Mining with the Heuristics Miner-algorithm", BETA working
 * paper 166, Eindhoven 2006: dependency a => b = (|a>b| - |b>a|) / (|a>b| + |b>a| + 1), loops of length one and two, and the AND measure by which
 * branches are taken to be parallel. What is rare beside what its activities do most is left out first.
 */
#ifndef TW_ANALYSIS_HEURISTICS_H
#define TW_ANALYSIS_HEURISTICS_H

#include "analysis/dfg.h"
#include "analysis/pnet.h"

struct heuristics_options {
    double dependency, and_measure, loop_two, noise;
    uint64_t min_activity, min_follows;
};
extern const struct heuristics_options heuristics_defaults; /* 0.5, 0.65, 0.5, 0.05, 1, 1 */

struct heuristics { /* in an arena */
    uint32_t n;
    const char *const *names;
    bool *node;         /* by activity: it is part of the net */
    bool *edge;         /* n * n */
    bool *strong;       /* n * n: of them those by dependency, not as a loop of length two */
    double *dependency; /* n * n */
    uint64_t *count;    /* n * n: without noise */
    const uint64_t *start, *end;
    double and_measure;
};

int heuristics_mine(const struct plog *l, const struct variants *v, const struct dfg *d,
                    const struct heuristics_options *o, struct arena *a, struct heuristics *ret,
                    struct err *e);
/* Whether two that follow (in: come before) an activity are taken to be parallel. */
bool heuristics_parallel(const struct heuristics *h, uint32_t act, uint32_t x, uint32_t y, bool in);
/* Bindings (maximal sets of parallel ones) become silent transitions. -ERR_LIMIT: too many of them. */
int pnet_from_heuristics(struct arena *a, const struct heuristics *h, struct pnet *ret,
                         struct err *e);

#endif
