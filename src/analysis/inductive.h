/*
 * The Inductive Miner (IM), and with a noise threshold above 0 the Inductive Miner - infrequent (IMf).
 *
 * S. J. J. Leemans, "Robust Process Mining with Guarantees", PhD thesis, Eindhoven 2017 (cuts: page 188; strict sequence: page 233; IMf: chapter 6);
 * S. J. J. Leemans, D. Fahland, W. M. P. van der Aalst, "Discovering Block-Structured Process Models from Event Logs", Petri Nets 2013.
 *
 * The log is cut by its directly-follows graph into parts that exclude, follow, accompany or repeat each other, in this order, each part is mined
 * alike; where no cut fits: an activity once per trace, an activity beside the others, a loop around all (strict, then any), any order of all.
 */
#ifndef TW_ANALYSIS_INDUCTIVE_H
#define TW_ANALYSIS_INDUCTIVE_H

#include "analysis/log.h"
#include "analysis/ptree.h"

/* The folded tree, in the arena. noise: 0 .. 1. -ERR_LIMIT: too much work; -ERR_NOMEM. */
int inductive_mine(const struct plog *l, const struct variants *v, double noise, struct arena *a,
                   struct ptree **ret, struct err *e);

#endif
