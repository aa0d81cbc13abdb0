/* What the miner's parts share: logs of a part, their graphs, cuts. Activities are numbered by their names' order here. */
#ifndef TW_ANALYSIS_INDUCTIVE_PRIV_H
#define TW_ANALYSIS_INDUCTIVE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/ptree.h"
#include "base/arena.h"
#include "base/map.h"

struct part { /* a log: different traces, each with how often */
    struct arena arena;
    struct map index;
    struct trace {
        const uint32_t *acts;
        uint32_t len;
        uint64_t n;
    } * traces;
    size_t len, cap;
    uint64_t total; /* of n */
    size_t events;  /* of traces */
};
struct part *part_new(void);
void part_free(struct part *p);
int part_add(struct part *p, const uint32_t *acts, uint32_t len, uint64_t n);

#define GROUP_NONE UINT32_MAX

struct
    graph { /* the directly-follows graph of a part: its own numbers, in the order of the miner's */
    struct arena arena;
    uint32_t n;
    uint32_t *ids;   /* to the miner's number */
    uint32_t *local; /* from it; GROUP_NONE: not in this part */
    uint64_t *count; /* n * n */
    uint64_t *start, *end;
    uint64_t *work; /* counts up */
    /* Sets of activities as bits, made by cut_find: by activity, where its edges go and come from; those that have any or are a border; starts; ends. */
    size_t words;
    uint64_t *out, *in, *members, *starts, *ends;
};
/* all: how many activities the miner has. skip: one that is left out of the traces, or GROUP_NONE. */
int graph_of(const struct part *p, uint32_t all, uint32_t skip, uint64_t *work, struct graph *ret);
void graph_fini(struct graph *g);
/* Drops what is rare beside what goes out of the same activity. */
void graph_filter(struct graph *g, double noise);
static inline bool graph_edge(const struct graph *g, uint32_t a, uint32_t b)
{
    return g->count[(size_t)a * g->n + b] > 0;
}
struct cut {
    enum ptree_op op;
    uint32_t groups;
    uint32_t *of; /* by the graph's number; GROUP_NONE: in none. In the graph's arena */
};
/* 1: there is one, 0: none; -ERR_NOMEM, -ERR_LIMIT. */
int cut_find(struct graph *g, struct cut *ret);
/* Parts by group, in parts[0 .. groups - 1]; on an error none is left. */
int cut_split(const struct part *p, const struct graph *g, const struct cut *c,
              struct part **parts);

#endif
