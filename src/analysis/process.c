#include "analysis/process.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/inductive.h"
#include "analysis/stats.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"

int process_algorithm_from_string(const char *s)
{
    static const char *const words[] = {"inductive", "heuristic", "dfg"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(words[i], s) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- the model ---- */

static int discover_model(struct process *p, double noise, struct err *e)
{
    const struct plog *l = p->log;
    int rc = 0;

    if (p->algorithm == PROCESS_DFG) {
        return drawing_of_graph(&p->dfg, NULL, l->activities, &p->arena, &p->drawing, e);
    }
    if (p->algorithm == PROCESS_HEURISTIC) {
        rc = heuristics_mine(l, &p->variants, &p->dfg, &heuristics_defaults, &p->arena, &p->heu, e);
        rc = rc == 0 ? pnet_from_heuristics(&p->arena, &p->heu, &p->net, e) : rc;
    } else {
        rc = inductive_mine(l, &p->variants, noise, &p->arena, &p->tree, e);
        rc = rc == 0 ? pnet_from_tree(&p->arena, p->tree, &p->net, e) : rc;
    }
    rc = rc == 0 ? replay_measure(&p->net, &p->variants, &p->arena, &p->replay, e) : rc;
    p->measured = rc == 0;
    if (rc == 0 && p->algorithm == PROCESS_HEURISTIC) {
        rc = drawing_of_graph(&p->dfg, &p->heu, l->activities, &p->arena, &p->drawing, e);
    } else if (rc == 0) {
        rc = drawing_of_net(&p->net, &p->replay, &p->dfg, l->activities, &p->arena, &p->drawing, e);
    }
    return rc;
}

/* ---- variants ---- */

static int time_variants(struct process *p, struct err *e)
{
    const struct plog *l = p->log;
    MEM_CLEANUP double *x = mem_array(l->cases_len + 1, sizeof *x);

    p->variant_us = arena_array(&p->arena, p->shown + 1, sizeof *p->variant_us);
    if (x == NULL || p->variant_us == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for variants");
    }
    for (size_t v = 0; v < p->shown; v++) {
        size_t n = 0;

        for (size_t i = 0; i < l->cases_len; i++) {
            const struct plog_case *c = &l->cases[i];

            if (p->variants.of[i] == v && c->start_us != TIME_NONE && c->end_us != TIME_NONE) {
                x[n++] = (double)(c->end_us - c->start_us);
            }
        }
        p->variant_us[v] = n > 0 ? (int64_t)stats_median(x, n) : -1;
    }
    return 0;
}

/* ---- what follows what ---- */

struct counted {
    struct process_step s;
    uint64_t n;
};

static int by_count(const void *x, const void *y)
{
    const struct counted *a = x, *b = y;

    if (a->n != b->n) {
        return a->n > b->n ? -1 : 1;
    }
    if (a->s.from != b->s.from) {
        return a->s.from < b->s.from ? -1 : 1;
    }
    return a->s.to < b->s.to ? -1 : a->s.to > b->s.to;
}

static bool has_edge(const struct dag *d, const struct task *from, const struct task *to)
{
    for (uint32_t k = d->down_off[from->index]; k < d->down_off[from->index + 1]; k++) {
        if (d->down[k] == to->index) {
            return true;
        }
    }
    return false;
}

static int list_steps(struct process *p, const struct dag *d, struct err *e)
{
    uint32_t n = p->dfg.n;
    struct counted *all = NULL;
    size_t len = 0, cap = 0;

    for (uint32_t x = 0; x < n; x++) {
        const struct task *from = d != NULL ? dag_task(d, p->log->activities[x]) : NULL;

        for (uint32_t y = 0; y < n; y++) {
            const struct task *to = d != NULL ? dag_task(d, p->log->activities[y]) : NULL;
            struct counted c = {{x, y, from != NULL && to != NULL && has_edge(d, from, to)},
                                dfg_count(&p->dfg, x, y)};

            if (c.n > 0 && VEC_PUSH(all, len, cap, c) != 0) {
                mem_free(all);
                return err_set(e, ERR_NOMEM, "out of memory for what follows what");
            }
        }
    }
    p->steps = arena_array(&p->arena, len + 1, sizeof *p->steps);
    if (len > 0) {
        qsort(all, len, sizeof *all, by_count);
    }
    for (size_t i = 0; p->steps != NULL && i < len; i++) {
        p->steps[p->steps_len++] = all[i].s;
    }
    mem_free(all);
    return p->steps != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for what follows what");
}

int process_discover(const struct plog *l, const struct process_options *o, struct process *ret,
                     struct err *e)
{
    struct process *p = ret;
    size_t most = o->variants_max > 0 ? o->variants_max : 20;
    int rc;

    *p = (struct process){.log = l, .algorithm = o->algorithm, .beside_dag = o->dag != NULL};
    arena_init(&p->arena, LIMIT_ANALYSIS_BYTES);
    rc = variants_build(l, NULL, &p->arena, &p->variants, e);
    p->shown = p->variants.len < most ? p->variants.len : most;
    rc = rc == 0 ? dfg_build(l, &p->variants, &p->arena, &p->dfg, e) : rc;
    rc = rc == 0 ? dfg_timing(l, NULL, &p->arena, &p->timing, e) : rc;
    rc = rc == 0 ? discover_model(p, o->noise, e) : rc;
    rc = rc == 0 ? time_variants(p, e) : rc;
    rc = rc == 0 ? bottlenecks_find(l, &p->arena, &p->bottlenecks, &p->bottlenecks_len, e) : rc;
    rc = rc == 0 ? drift_find(l, &p->arena, &p->drift, &p->drift_len, e) : rc;
    return rc == 0 ? list_steps(p, o->dag, e) : rc;
}

void process_fini(struct process *p)
{
    arena_fini(&p->arena);
}
