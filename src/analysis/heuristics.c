#include "analysis/heuristics.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"

const struct heuristics_options heuristics_defaults = {0.5, 0.65, 0.5, 0.05, 1, 1};

static size_t at(const struct heuristics *h, uint32_t from, uint32_t to)
{
    return (size_t)from * h->n + to;
}

/* Most often on any edge of the activity. */
static uint64_t most(const struct dfg *d, uint32_t a)
{
    uint64_t n = 0;

    for (uint32_t b = 0; b < d->n; b++) {
        n = dfg_count(d, a, b) > n ? dfg_count(d, a, b) : n;
        n = dfg_count(d, b, a) > n ? dfg_count(d, b, a) : n;
    }
    return n;
}

static void clean(struct heuristics *h, const struct dfg *d, double noise, const uint64_t *max)
{
    for (uint32_t a = 0; a < h->n; a++) {
        for (uint32_t b = 0; b < h->n; b++) {
            uint64_t c = dfg_count(d, a, b), least = max[a] < max[b] ? max[a] : max[b];

            h->count[at(h, a, b)] = (double)c < noise * (double)least ? 0 : c;
        }
    }
}

static void measure(struct heuristics *h)
{
    for (uint32_t a = 0; a < h->n; a++) {
        for (uint32_t b = 0; b < h->n; b++) {
            double there = (double)h->count[at(h, a, b)], back = (double)h->count[at(h, b, a)];

            if (there > 0) {
                h->dependency[at(h, a, b)] =
                    a == b ? there / (there + 1) : (there - back) / (there + back + 1);
            }
        }
    }
}

static void keep(struct heuristics *h, uint32_t a, uint32_t b)
{
    h->edge[at(h, a, b)] = true;
    h->node[a] = h->node[b] = true;
}

/* How often b stood between two a. */
static uint64_t *between(const struct variants *v, uint32_t n)
{
    uint64_t *triples = mem_array((size_t)n * n + 1, sizeof *triples);

    for (size_t i = 0; triples != NULL && i < v->len; i++) {
        const struct variant *t = &v->v[i];

        for (uint32_t k = 2; k < t->len; k++) {
            if (t->acts[k] == t->acts[k - 2] && t->acts[k] != t->acts[k - 1]) {
                triples[(size_t)t->acts[k] * n + t->acts[k - 1]] += t->n;
            }
        }
    }
    return triples;
}

/* Of the activities that a dependency connects already (`known`). */
static void loops_of_two(struct heuristics *h, const bool *known, const uint64_t *triples,
                         const struct dfg *d, const struct heuristics_options *o)
{
    for (uint32_t a = 0; a < h->n; a++) {
        for (uint32_t b = 0; known[a] && b < h->n; b++) {
            double n = (double)(triples[at(h, a, b)] + triples[at(h, b, a)]);
            bool frequent = h->count[at(h, a, b)] >= o->min_follows && h->count[at(h, a, b)] > 0 &&
                            d->occurs[a] >= o->min_activity && d->occurs[b] >= o->min_activity;

            if (triples[at(h, a, b)] > 0 && n / (n + 1) >= o->loop_two && frequent &&
                !h->strong[at(h, a, b)] && !h->strong[at(h, b, a)]) {
                keep(h, a, b);
                keep(h, b, a);
            }
        }
    }
}

int heuristics_mine(const struct plog *l, const struct variants *v, const struct dfg *d,
                    const struct heuristics_options *o, struct arena *a, struct heuristics *ret,
                    struct err *e)
{
    size_t square = (size_t)d->n * d->n + 1;
    MEM_CLEANUP uint64_t *max = mem_array(d->n + 1, sizeof *max);
    MEM_CLEANUP uint64_t *triples = between(v, d->n);
    MEM_CLEANUP bool *known = mem_array(d->n + 1, sizeof *known);
    struct heuristics *h = ret;
    bool any = false;

    *h = (struct heuristics){.n = d->n,
                             .names = l->activities,
                             .node = arena_array(a, d->n + 1, sizeof *h->node),
                             .edge = arena_array(a, square, sizeof *h->edge),
                             .strong = arena_array(a, square, sizeof *h->strong),
                             .dependency = arena_array(a, square, sizeof *h->dependency),
                             .count = arena_array(a, square, sizeof *h->count),
                             .start = d->start,
                             .end = d->end,
                             .and_measure = o->and_measure};
    if (max == NULL || triples == NULL || known == NULL || h->node == NULL || h->edge == NULL ||
        h->strong == NULL || h->dependency == NULL || h->count == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the heuristics miner");
    }
    for (uint32_t x = 0; x < d->n; x++) {
        max[x] = most(d, x);
    }
    clean(h, d, o->noise, max);
    measure(h);
    for (uint32_t x = 0; x < h->n; x++) {
        for (uint32_t y = 0; y < h->n; y++) {
            uint64_t c = h->count[at(h, x, y)];

            if (c > 0 && c >= o->min_follows && h->dependency[at(h, x, y)] >= o->dependency &&
                d->occurs[x] >= o->min_activity && d->occurs[y] >= o->min_activity) {
                keep(h, x, y);
                h->strong[at(h, x, y)] = true;
            }
        }
    }
    memcpy(known, h->node, d->n * sizeof *known);
    loops_of_two(h, known, triples, d, o);
    for (uint32_t x = 0; x < h->n; x++) {
        any = any || h->node[x];
    }
    for (uint32_t x = 0; !any && x < h->n; x++) {
        h->node[x] = d->occurs[x] > 0;
    }
    return 0;
}

bool heuristics_parallel(const struct heuristics *h, uint32_t act, uint32_t x, uint32_t y, bool in)
{
    double both = (double)(h->count[at(h, x, y)] + h->count[at(h, y, x)]);
    double one = (double)h->count[in ? at(h, x, act) : at(h, act, x)];
    double other = (double)h->count[in ? at(h, y, act) : at(h, act, y)];

    /* Only of those that a dependency connects. */
    return x != y && h->strong[in ? at(h, x, act) : at(h, act, x)] &&
           h->strong[in ? at(h, y, act) : at(h, act, y)] &&
           both / (one + other + 1) >= h->and_measure;
}
