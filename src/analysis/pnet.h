/*
 * Petri nets with one token at the source at first and one at the sink at last; arcs of weight 1. Made from process trees and from
 * heuristics nets, then reduced by fusing silent transitions in series (T. Murata, "Petri nets: Properties, analysis and applications", 1989).
 */
#ifndef TW_ANALYSIS_PNET_H
#define TW_ANALYSIS_PNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct err;
struct ptree;

#define PNET_SILENT UINT32_MAX

struct pnet_list {
    uint32_t *at;
    uint32_t len, cap;
};
struct pnet_transition {
    uint32_t activity;        /* or PNET_SILENT */
    struct pnet_list in, out; /* places */
    bool gone;
};
struct pnet_place {
    struct pnet_list in, out; /* transitions that put a token here, that take it */
    bool gone;
};
struct pnet {
    struct arena *arena;
    struct pnet_place *places;
    struct pnet_transition *transitions;
    uint32_t places_len, transitions_len; /* after pnet_reduce none of them is gone */
    size_t places_cap, transitions_cap;
    uint32_t source, sink;
    bool failed; /* memory ran out while it was made */
};

int pnet_from_tree(struct arena *a, struct ptree *root, struct pnet *ret, struct err *e);
/* PNML 2009 (ISO/IEC 15909-2), with the final marking as process mining tools keep it. */
void pnet_pnml(const struct pnet *p, const char *const *names, const char *title, struct buf *out);

/* For those who make nets. Indices; when memory runs out the net is `failed`, and they do nothing. */
uint32_t pnet_place(struct pnet *p);
uint32_t pnet_transition(struct pnet *p, uint32_t activity);
void pnet_to_place(struct pnet *p, uint32_t transition, uint32_t place);
void pnet_to_transition(struct pnet *p, uint32_t place, uint32_t transition);
/* Drops a silent transition that takes the same as another one, and puts only a part of what that one puts. */
void pnet_drop_contained(struct pnet *p);
/* Fuses, and forgets what is gone. */
void pnet_reduce(struct pnet *p);

#endif
