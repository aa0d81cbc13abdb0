/* Which boxes and arrows. */
#include "analysis/drawing.h"

#include "analysis/drawing_priv.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"

const char *const drawing_kind_words[] = {"start", "end", "activity", "choice", "parallel"};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory for a drawing");
}

/* ---- of a graph ---- */

static void connect(struct drawing *g, uint32_t from, uint32_t to, uint64_t n)
{
    g->edges[g->edges_len++] = (struct drawing_edge){.from = from, .to = to, .frequency = n};
}

static bool shown(const struct dfg *d, const struct heuristics *h, uint32_t x)
{
    return h != NULL ? h->node[x] : d->occurs[x] > 0;
}

static bool joined(const struct dfg *d, const struct heuristics *h, uint32_t x, uint32_t y)
{
    return h != NULL ? h->edge[(size_t)x * d->n + y] : dfg_count(d, x, y) > 0;
}

int drawing_of_graph(const struct dfg *d, const struct heuristics *h, const char *const *names,
                     struct arena *a, struct drawing *ret, struct err *e)
{
    MEM_CLEANUP uint32_t *node = mem_array(d->n + 1, sizeof *node);
    size_t edges = 2 * (size_t)d->n;

    *ret = (struct drawing){.nodes = arena_array(a, (size_t)d->n + 2, sizeof *ret->nodes)};
    for (uint32_t x = 0; x < d->n; x++) {
        for (uint32_t y = 0; y < d->n; y++) {
            edges += joined(d, h, x, y);
        }
    }
    ret->edges = arena_array(a, edges + 1, sizeof *ret->edges);
    if (node == NULL || ret->nodes == NULL || ret->edges == NULL) {
        return no_memory(e);
    }
    ret->nodes[ret->nodes_len++] =
        (struct drawing_node){.kind = DRAWING_START, .activity = UINT32_MAX, .frequency = d->cases};
    for (uint32_t x = 0; x < d->n; x++) {
        node[x] = ret->nodes_len;
        if (shown(d, h, x)) {
            ret->nodes[ret->nodes_len++] = (struct drawing_node){
                .kind = DRAWING_ACTIVITY, .activity = x, .frequency = d->occurs[x]};
        }
    }
    ret->nodes[ret->nodes_len++] =
        (struct drawing_node){.kind = DRAWING_END, .activity = UINT32_MAX, .frequency = d->cases};
    for (uint32_t x = 0; x < d->n; x++) {
        if (shown(d, h, x) && d->start[x] > 0) {
            connect(ret, 0, node[x], d->start[x]);
        }
        for (uint32_t y = 0; y < d->n; y++) {
            if (joined(d, h, x, y)) {
                connect(ret, node[x], node[y], dfg_count(d, x, y));
            }
        }
        if (shown(d, h, x) && d->end[x] > 0) {
            connect(ret, node[x], ret->nodes_len - 1, d->end[x]);
        }
    }
    return drawing_place(ret, names, a, e);
}

/* ---- of a net ---- */

#define NONE UINT32_MAX

struct net_maker {
    const struct pnet *p;
    const struct replay *r;
    uint32_t *place, *transition; /* their nodes; NONE: an arrow */
};

static bool place_passes(const struct pnet *p, uint32_t i)
{
    return i != p->source && i != p->sink && p->places[i].in.len == 1 && p->places[i].out.len == 1;
}

static bool transition_passes(const struct pnet_transition *t)
{
    return t->activity == PNET_SILENT && t->in.len == 1 && t->out.len == 1;
}

static uint64_t flow_of(const struct net_maker *m, const struct pnet_list *l)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < l->len; i++) {
        n += m->r->fired[l->at[i]];
    }
    return n;
}

static void add_nodes(struct net_maker *m, const struct dfg *d, struct drawing *g)
{
    const struct pnet *p = m->p;

    for (uint32_t i = 0; i < p->places_len; i++) {
        uint64_t in = flow_of(m, &p->places[i].in), out = flow_of(m, &p->places[i].out);
        uint8_t kind = i == p->source ? DRAWING_START : i == p->sink ? DRAWING_END : DRAWING_CHOICE;

        m->place[i] = NONE;
        if (!place_passes(p, i)) {
            m->place[i] = g->nodes_len;
            g->nodes[g->nodes_len++] = (struct drawing_node){
                .kind = kind,
                .activity = UINT32_MAX,
                .frequency = kind == DRAWING_CHOICE ? (in > out ? in : out) : m->r->traces};
        }
    }
    for (uint32_t t = 0; t < p->transitions_len; t++) {
        const struct pnet_transition *x = &p->transitions[t];
        bool silent = x->activity == PNET_SILENT;

        m->transition[t] = NONE;
        if (!transition_passes(x)) {
            m->transition[t] = g->nodes_len;
            g->nodes[g->nodes_len++] = (struct drawing_node){
                .kind = silent ? DRAWING_PARALLEL : DRAWING_ACTIVITY,
                .activity = silent ? UINT32_MAX : x->activity,
                .frequency = silent ? m->r->fired[t] : d->occurs[x->activity]};
        }
    }
}

/* From a transition's token in a place on to the node where it is taken; arrows have one way on each. */
static uint32_t node_behind(const struct net_maker *m, uint32_t place)
{
    for (uint32_t steps = 0; steps <= m->p->places_len; steps++) {
        uint32_t t;

        if (m->place[place] != NONE) {
            return m->place[place];
        }
        t = m->p->places[place].out.at[0];
        if (m->transition[t] != NONE) {
            return m->transition[t];
        }
        place = m->p->transitions[t].out.at[0];
    }
    return NONE; /* a ring of silent steps that nothing enters */
}

static void add_edges(struct net_maker *m, struct drawing *g)
{
    const struct pnet *p = m->p;

    for (uint32_t t = 0; t < p->transitions_len; t++) {
        const struct pnet_transition *x = &p->transitions[t];

        for (uint32_t i = 0; m->transition[t] != NONE && i < x->out.len; i++) {
            uint32_t to = node_behind(m, x->out.at[i]);

            if (to != NONE) {
                connect(g, m->transition[t], to, m->r->fired[t]);
            }
        }
    }
    for (uint32_t i = 0; i < p->places_len; i++) {
        for (uint32_t k = 0; m->place[i] != NONE && k < p->places[i].out.len; k++) {
            uint32_t t = p->places[i].out.at[k];
            uint32_t to = m->transition[t] != NONE ? m->transition[t]
                                                   : node_behind(m, p->transitions[t].out.at[0]);

            if (to != NONE) {
                connect(g, m->place[i], to, m->r->fired[t]);
            }
        }
    }
}

int drawing_of_net(const struct pnet *p, const struct replay *r, const struct dfg *d,
                   const char *const *names, struct arena *a, struct drawing *ret, struct err *e)
{
    struct net_maker m = {.p = p, .r = r};
    size_t arcs = 1;

    m.place = arena_array(a, (size_t)p->places_len + 1, sizeof *m.place);
    m.transition = arena_array(a, (size_t)p->transitions_len + 1, sizeof *m.transition);
    for (uint32_t t = 0; t < p->transitions_len; t++) {
        arcs += p->transitions[t].in.len + p->transitions[t].out.len;
    }
    *ret = (struct drawing){
        .nodes = arena_array(a, (size_t)p->places_len + p->transitions_len + 1, sizeof *ret->nodes),
        .edges = arena_array(a, arcs, sizeof *ret->edges)};
    if (m.place == NULL || m.transition == NULL || ret->nodes == NULL || ret->edges == NULL) {
        return no_memory(e);
    }
    add_nodes(&m, d, ret);
    add_edges(&m, ret);
    return drawing_place(ret, names, a, e);
}
