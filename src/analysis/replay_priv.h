/* The net as replay walks it: markings, and the search through silent transitions. */
#ifndef TW_ANALYSIS_REPLAY_PRIV_H
#define TW_ANALYSIS_REPLAY_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/pnet.h"

typedef uint16_t tokens; /* in one place; no more are counted than fit */

struct walker {
    const struct pnet *net;
    uint32_t *transition_of; /* by activity; UINT32_MAX: none */
    uint32_t activities;
    /* of one search */
    uint32_t *waits;    /* by transition: inputs that are not there yet */
    uint32_t *producer; /* by place: UINT32_MAX none, PLACE_MARKED */
    uint32_t *queue;
    bool *wanted;   /* by transition: part of the plan */
    tokens *trial;  /* a marking */
    uint32_t *plan; /* transitions, in order */
    uint32_t plan_len;
    struct pnet_list some;
    uint64_t work;
};
#define PLACE_MARKED (UINT32_MAX - 1)

int walker_init(struct walker *w, const struct pnet *p, uint32_t activities, struct arena *a);
bool walk_enabled(const struct walker *w, const tokens *m, uint32_t t);
void walk_fire(const struct walker *w, tokens *m, uint32_t t);
/*
 * Silent transitions after which all of `inputs` are marked: in w->plan. 1: there are; 0: none were found, then those after which the most of
 * them are that can be; -ERR_NOMEM. The marking stays.
 */
int walk_plan(struct walker *w, const tokens *m, const struct pnet_list *inputs);
/* All visible transitions that silent ones can enable: sets by activity. */
int walk_visible(struct walker *w, const tokens *m, bool *ret_activities);

#endif
