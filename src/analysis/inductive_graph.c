/* The graph of a part. */
#include "analysis/inductive_priv.h"
#include "base/err.h"
#include "base/limits.h"

/* The traces into the counts, as if `skip` did not happen in them. */
static void count_traces(struct graph *g, const struct part *p, uint32_t skip)
{
    for (size_t i = 0; i < p->len; i++) {
        const struct trace *t = &p->traces[i];
        uint32_t last = GROUP_NONE;

        for (uint32_t k = 0; k < t->len; k++) {
            uint32_t now = t->acts[k] != skip ? g->local[t->acts[k]] : GROUP_NONE;

            if (now == GROUP_NONE) {
                continue;
            }
            if (last != GROUP_NONE) {
                g->count[(size_t)last * g->n + now] += t->n;
            } else {
                g->start[now] += t->n;
            }
            last = now;
        }
        if (last != GROUP_NONE) {
            g->end[last] += t->n;
        }
    }
}

int graph_of(const struct part *p, uint32_t all, uint32_t skip, uint64_t *work, struct graph *ret)
{
    struct graph *g = ret;

    *g = (struct graph){.work = work};
    arena_init(&g->arena, LIMIT_ANALYSIS_BYTES);
    g->local = arena_array(&g->arena, all + 1, sizeof *g->local);
    g->ids = arena_array(&g->arena, all + 1, sizeof *g->ids);
    if (g->local == NULL || g->ids == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < p->len; i++) {
        for (uint32_t k = 0; k < p->traces[i].len; k++) {
            g->local[p->traces[i].acts[k]] = 1;
        }
    }
    for (uint32_t i = 0; i < all; i++) {
        bool in = g->local[i] != 0 && i != skip;

        g->local[i] = in ? g->n : GROUP_NONE;
        if (in) {
            g->ids[g->n++] = i;
        }
    }
    g->count = arena_array(&g->arena, (size_t)g->n * g->n + 1, sizeof *g->count);
    g->start = arena_array(&g->arena, g->n + 1, sizeof *g->start);
    g->end = arena_array(&g->arena, g->n + 1, sizeof *g->end);
    if (g->count == NULL || g->start == NULL || g->end == NULL) {
        return -ERR_NOMEM;
    }
    count_traces(g, p, skip);
    *work += p->events + (uint64_t)g->n * g->n;
    return 0;
}

void graph_fini(struct graph *g)
{
    arena_fini(&g->arena);
}

void graph_filter(struct graph *g, double noise)
{
    uint64_t most = 0;

    for (uint32_t a = 0; a < g->n; a++) {
        uint64_t out = g->end[a];

        most = g->start[a] > most ? g->start[a] : most;
        for (uint32_t b = 0; b < g->n; b++) {
            uint64_t c = g->count[(size_t)a * g->n + b];

            out = c > out ? c : out;
        }
        for (uint32_t b = 0; b < g->n; b++) {
            uint64_t *c = &g->count[(size_t)a * g->n + b];

            *c = (double)*c > noise * (double)out ? *c : 0;
        }
    }
    for (uint32_t a = 0; a < g->n; a++) {
        g->start[a] = (double)g->start[a] >= noise * (double)most ? g->start[a] : 0;
    }
}
