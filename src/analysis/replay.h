/*
 * Conformance of a log to a Petri net by token-based replay, and the quality of the net.
 *
 * Fitness: A. Rozinat, W. M. P. van der Aalst, "Conformance checking of processes based on monitoring real behavior", Information Systems 33 (2008):
 * 1/2 (1 - missing/consumed) + 1/2 (1 - remaining/produced), over all traces, and the share of those that fit.
 * Precision: J. Munoz-Gama, J. Carmona, "A fresh look at precision in process conformance", BPM 2010: for each prefix that fits, how much of
 * what the net allows next the log did.
 * Generalization: J. C. A. M. Buijs, B. F. van Dongen, W. M. P. van der Aalst, "Quality dimensions in process discovery", IJCIS 23 (2014):
 * 1 - the mean over transitions of 1 / sqrt(how often it fired).
 * Simplicity: by the mean number of arcs of a node, beyond 2 (B. Vazquez-Barreiros et al., "ProDiGen", Information Sciences 294 (2015)).
 *
 * Silent transitions fire only to enable what comes next: the fewest levels of them, found by what their places wait for; where two would
 * take the same token, by a bounded search through the markings.
 */
#ifndef TW_ANALYSIS_REPLAY_H
#define TW_ANALYSIS_REPLAY_H

#include "analysis/log.h"
#include "analysis/pnet.h"

struct replay {
    uint64_t traces, fitting;
    double fitness;         /* over the log; 1 without traces */
    double average_fitness; /* of the traces */
    double precision, generalization, simplicity;
    uint64_t missing, remaining, consumed, produced;
    uint64_t unknown; /* events of activities that the net does not have; they change nothing */
    uint64_t *fired;  /* by transition */
};

/* fired in the arena. -ERR_LIMIT: too much work; -ERR_NOMEM. */
int replay_measure(const struct pnet *p, const struct variants *v, struct arena *a,
                   struct replay *ret, struct err *e);
double replay_simplicity(const struct pnet *p);

#endif
