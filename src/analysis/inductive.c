/*
 * The miner: a stack of parts, each with the node that its tree becomes.
 *
 *   a part -> empty traces?      X( tau, rest )
 *          -> one event, or none: a leaf
 *          -> a cut              op( parts )                 cut_find, cut_split
 *          -> IMf: a cut of the graph without what is rare
 *          -> what always fits   once, beside, loops, flower
 *
 * Every branch ends: each takes an activity, an empty trace or a repetition out of its part.
 */
#include "analysis/inductive.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/inductive_priv.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

struct job {
    struct part *part;
    struct ptree *node;
};

struct miner {
    struct arena *arena; /* of the tree */
    double noise;
    uint32_t acts;        /* how many */
    const uint32_t *back; /* from the order of names to the log's numbers */
    struct job *jobs;
    size_t len, cap;
    uint64_t work;
};

static void set_leaf(const struct miner *m, struct ptree *node, const struct trace *t)
{
    node->op = t == NULL || t->len == 0 ? PTREE_TAU : PTREE_ACTIVITY;
    node->activity = t == NULL || t->len == 0 ? 0 : m->back[t->acts[0]];
}

/* A child of the node that a part is to become; takes the part, also on an error. NULL: a silent leaf. */
static int add_child(struct miner *m, struct ptree *node, struct part *p)
{
    struct ptree *child = ptree_new(m->arena, PTREE_TAU, 0);
    struct job j = {p, child};
    int rc = child == NULL ? -ERR_NOMEM : ptree_add(m->arena, node, child);

    if (rc == 0 && p != NULL) {
        rc = VEC_PUSH(m->jobs, m->len, m->cap, j);
    }
    if (rc != 0) {
        part_free(p);
    }
    return rc;
}

static int add_children(struct miner *m, struct ptree *node, struct part **parts, uint32_t n)
{
    int rc = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (rc == 0) {
            rc = add_child(m, node, parts[i]);
        } else {
            part_free(parts[i]);
        }
    }
    return rc;
}

/* 1: the part was taken apart by a cut. */
static int try_cut(struct miner *m, const struct job *j, struct graph *g)
{
    struct cut c;
    struct part **parts;
    int rc = cut_find(g, &c);

    if (rc <= 0) {
        return rc;
    }
    parts = mem_array(c.groups, sizeof(struct part *));
    rc = parts == NULL ? -ERR_NOMEM : cut_split(j->part, g, &c, parts);
    if (rc == 0) {
        j->node->op = (uint8_t)c.op;
        rc = add_children(m, j->node, parts, c.groups);
    }
    mem_free(parts);
    return rc == 0 ? 1 : rc;
}

/* ---- where no cut fits ---- */

/* The part without one activity, and what remains of it alone. */
static int without(const struct part *p, uint32_t act, struct part **ret_alone,
                   struct part **ret_others)
{
    MEM_CLEANUP uint32_t *buf = NULL;
    struct part *alone = part_new(), *others = part_new();
    uint32_t longest = 0;
    int rc = others == NULL || alone == NULL ? -ERR_NOMEM : 0;

    for (size_t i = 0; i < p->len; i++) {
        longest = p->traces[i].len > longest ? p->traces[i].len : longest;
    }
    buf = mem_array(longest + 1, sizeof *buf);
    rc = buf == NULL ? -ERR_NOMEM : rc;
    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        const struct trace *t = &p->traces[i];
        uint32_t n = 0, k;

        for (k = 0; k < t->len; k++) {
            if (t->acts[k] != act) {
                buf[n++] = t->acts[k];
            }
        }
        rc = part_add(others, buf, n, t->n);
        for (k = n; k < t->len; k++) {
            buf[k - n] = act;
        }
        rc = rc == 0 ? part_add(alone, buf, t->len - n, t->n) : rc;
    }
    if (rc != 0) {
        part_free(alone);
        part_free(others);
        return rc;
    }
    *ret_alone = alone;
    *ret_others = others;
    return 0;
}

static int beside(struct miner *m, const struct job *j, uint32_t act)
{
    struct part *both[2];
    int rc = without(j->part, act, &both[0], &both[1]);

    j->node->op = PTREE_PARALLEL;
    rc = rc == 0 ? add_children(m, j->node, both, 2) : rc;
    return rc == 0 ? 1 : rc;
}

static bool once_in_each(const struct part *p, uint32_t act)
{
    for (size_t i = 0; i < p->len; i++) {
        uint32_t n = 0;

        for (uint32_t k = 0; k < p->traces[i].len; k++) {
            n += p->traces[i].acts[k] == act;
        }
        if (n != 1) {
            return false;
        }
    }
    return true;
}

static int try_once(struct miner *m, const struct job *j, const struct graph *g)
{
    m->work += (uint64_t)g->n * j->part->events;
    for (uint32_t a = 0; a < g->n; a++) {
        if (once_in_each(j->part, g->ids[a])) {
            return beside(m, j, g->ids[a]);
        }
    }
    return 0;
}

/* The first activity without which a cut fits. */
static int try_beside(struct miner *m, const struct job *j, const struct graph *g)
{
    int rc = 0;

    for (uint32_t a = 0; rc == 0 && a < g->n; a++) {
        struct graph of_others = {0};
        struct cut c;

        rc = graph_of(j->part, m->acts, g->ids[a], &m->work, &of_others);
        rc = rc == 0 ? cut_find(&of_others, &c) : rc;
        graph_fini(&of_others);
        if (rc == 1) {
            return beside(m, j, g->ids[a]);
        }
    }
    return rc;
}

/* A loop of all: a trace is cut where a start follows (strict: an end). */
static int try_tau_loop(struct miner *m, const struct job *j, const struct graph *g, bool strict)
{
    struct part *body = part_new();
    int rc = body == NULL ? -ERR_NOMEM : 0;

    for (size_t i = 0; rc == 0 && i < j->part->len; i++) {
        const struct trace *t = &j->part->traces[i];
        uint32_t from = 0;

        for (uint32_t k = 1; rc == 0 && k < t->len; k++) {
            if (g->start[g->local[t->acts[k]]] > 0 &&
                (!strict || g->end[g->local[t->acts[k - 1]]] > 0)) {
                rc = part_add(body, t->acts + from, k - from, t->n);
                from = k;
            }
        }
        rc = rc == 0 ? part_add(body, t->acts + from, t->len - from, t->n) : rc;
    }
    if (rc != 0 || body->total <= j->part->total) {
        part_free(body);
        return rc;
    }
    j->node->op = PTREE_LOOP;
    rc = add_child(m, j->node, body);
    rc = rc == 0 ? add_child(m, j->node, NULL) : rc;
    return rc == 0 ? 1 : rc;
}

static int flower(struct miner *m, const struct job *j, const struct graph *g)
{
    struct ptree *any = ptree_new(m->arena, PTREE_CHOICE, 0);
    int rc = any == NULL ? -ERR_NOMEM : 0;

    j->node->op = PTREE_LOOP;
    rc = rc == 0 ? add_child(m, j->node, NULL) : rc;
    rc = rc == 0 ? ptree_add(m->arena, j->node, any) : rc;
    for (uint32_t a = 0; rc == 0 && a < g->n; a++) {
        struct ptree *leaf = ptree_new(m->arena, PTREE_ACTIVITY, m->back[g->ids[a]]);

        rc = leaf == NULL ? -ERR_NOMEM : ptree_add(m->arena, any, leaf);
    }
    return rc == 0 ? 1 : rc;
}

/* ---- one part ---- */

static uint64_t empty_traces(const struct part *p)
{
    const struct map_entry *found = map_find_entry(&p->index, "", 0);

    return found != NULL ? p->traces[(uintptr_t)found->value - 1].n : 0;
}

static int without_empty(const struct part *p, struct part **ret)
{
    struct part *rest = part_new();
    int rc = rest == NULL ? -ERR_NOMEM : 0;

    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        if (p->traces[i].len > 0) {
            rc = part_add(rest, p->traces[i].acts, p->traces[i].len, p->traces[i].n);
        }
    }
    if (rc != 0) {
        part_free(rest);
        return rc;
    }
    *ret = rest;
    return 0;
}

static int take_apart(struct miner *m, const struct job *j, struct graph *g)
{
    int rc = try_cut(m, j, g);

    if (rc == 0 && m->noise > 0) {
        struct graph frequent;

        rc = graph_of(j->part, m->acts, GROUP_NONE, &m->work, &frequent);
        if (rc == 0) {
            graph_filter(&frequent, m->noise);
            rc = try_cut(m, j, &frequent);
        }
        graph_fini(&frequent);
    }
    rc = rc == 0 ? try_once(m, j, g) : rc;
    rc = rc == 0 ? try_beside(m, j, g) : rc;
    rc = rc == 0 ? try_tau_loop(m, j, g, true) : rc;
    rc = rc == 0 ? try_tau_loop(m, j, g, false) : rc;
    return rc == 0 ? flower(m, j, g) : rc;
}

static int mine_part(struct miner *m, struct job *j)
{
    struct graph g;
    uint64_t empty = empty_traces(j->part);
    int rc = 0;

    if (empty > 0 && j->part->len > 1) {
        bool may_skip = m->noise <= 0 || (double)empty > m->noise * (double)j->part->total;
        struct part *rest;

        rc = without_empty(j->part, &rest);
        if (rc != 0) {
            return rc;
        }
        if (may_skip) {
            struct part *both[2] = {NULL, rest};

            j->node->op = PTREE_CHOICE;
            return add_children(m, j->node, both, 2);
        }
        part_free(j->part);
        j->part = rest;
    }
    if (j->part->len == 0 || (j->part->len == 1 && j->part->traces[0].len <= 1)) {
        set_leaf(m, j->node, j->part->len > 0 ? &j->part->traces[0] : NULL);
        return 0;
    }
    rc = graph_of(j->part, m->acts, GROUP_NONE, &m->work, &g);
    rc = rc == 0 ? take_apart(m, j, &g) : rc;
    graph_fini(&g);
    return rc < 0 ? rc : m->work > LIMIT_ANALYSIS_STEPS ? -ERR_LIMIT : 0;
}

/* ---- the whole ---- */

struct named {
    const char *name;
    uint32_t activity;
};

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct named *)x)->name, ((const struct named *)y)->name);
}

/* The log as a part, its activities numbered in the order of their names. */
static int first_part(const struct plog *l, const struct variants *v, uint32_t *back,
                      struct part **ret)
{
    MEM_CLEANUP struct named *names = mem_array(l->activities_len + 1, sizeof *names);
    MEM_CLEANUP uint32_t *rank = mem_array(l->activities_len + 1, sizeof *rank);
    MEM_CLEANUP uint32_t *buf = mem_array(LIMIT_ANALYSIS_TRACE + 1, sizeof *buf);
    struct part *p = part_new();
    int rc = names == NULL || rank == NULL || buf == NULL || p == NULL ? -ERR_NOMEM : 0;

    for (uint32_t i = 0; rc == 0 && i < l->activities_len; i++) {
        names[i] = (struct named){l->activities[i], i};
    }
    if (rc == 0 && l->activities_len > 0) {
        qsort(names, l->activities_len, sizeof *names, by_name);
    }
    for (uint32_t i = 0; rc == 0 && i < l->activities_len; i++) {
        rank[names[i].activity] = i;
        back[i] = names[i].activity;
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        for (uint32_t k = 0; k < v->v[i].len; k++) {
            buf[k] = rank[v->v[i].acts[k]];
        }
        rc = part_add(p, buf, v->v[i].len, v->v[i].n);
    }
    if (rc != 0) {
        part_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

int inductive_mine(const struct plog *l, const struct variants *v, double noise, struct arena *a,
                   struct ptree **ret, struct err *e)
{
    uint32_t *back = arena_array(a, l->activities_len + 1, sizeof *back);
    struct miner m = {.arena = a, .noise = noise, .acts = l->activities_len, .back = back};
    struct ptree *root = ptree_new(a, PTREE_TAU, 0);
    struct job first = {NULL, root};
    int rc = back == NULL || root == NULL ? -ERR_NOMEM : first_part(l, v, back, &first.part);

    if (rc == 0 && VEC_PUSH(m.jobs, m.len, m.cap, first) != 0) {
        part_free(first.part);
        rc = -ERR_NOMEM;
    }
    while (rc == 0 && m.len > 0) {
        struct job j = m.jobs[--m.len];

        rc = mine_part(&m, &j);
        part_free(j.part);
    }
    while (m.len > 0) {
        part_free(m.jobs[--m.len].part);
    }
    mem_free(m.jobs);
    rc = rc == 0 ? ptree_fold(a, root) : rc;
    if (rc == -ERR_LIMIT) {
        return err_set(e, ERR_LIMIT,
                       "the log is too complex for the inductive miner: take the heuristic one, or "
                       "a shorter time");
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for the inductive miner");
    }
    *ret = root;
    return 0;
}
