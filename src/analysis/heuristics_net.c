/* From what the miner kept to a Petri net. */
#include <stdlib.h>
#include <string.h>

#include "analysis/heuristics.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

#define BINDINGS_MAX 2000 /* of one activity on one side */

struct side {       /* what comes before (or after) one activity */
    uint32_t *acts; /* by name */
    uint32_t len;
    bool border;        /* it begins (ends) cases too */
    bool *bound;        /* by acts: it is in a binding */
    uint64_t *bindings; /* rows of `words`: which of acts */
    size_t bindings_len, words;
};

struct maker {
    const struct heuristics *h;
    struct pnet *p;
    uint32_t *transition; /* by activity */
    uint64_t *rows;       /* for the bindings of one side after the other */
    uint32_t
        *place; /* n * n: where the one puts a token for the other; 0 = none (0 is the source) */
};

static bool bit(const uint64_t *row, uint32_t i)
{
    return (row[i / 64] >> (i % 64) & 1) != 0;
}

static bool is_subset(const uint64_t *x, const uint64_t *y, size_t words)
{
    for (size_t w = 0; w < words; w++) {
        if ((x[w] & ~y[w]) != 0) {
            return false;
        }
    }
    return true;
}

static void remove_row(struct side *s, size_t i)
{
    memmove(s->bindings + i * s->words, s->bindings + (i + 1) * s->words,
            (s->bindings_len - i - 1) * s->words * sizeof *s->bindings);
    s->bindings_len--;
}

/* Adds a set unless another holds it; drops those that it holds. */
static void add_maximal(struct side *s, const uint64_t *row)
{
    for (size_t i = 0; i < s->bindings_len; i++) {
        if (is_subset(row, s->bindings + i * s->words, s->words)) {
            return;
        }
    }
    for (size_t i = s->bindings_len; i-- > 0;) {
        if (is_subset(s->bindings + i * s->words, row, s->words)) {
            remove_row(s, i);
        }
    }
    memcpy(s->bindings + s->bindings_len++ * s->words, row, s->words * sizeof *row);
}

/* All maximal cliques of the relation "parallel", one activity after the other. */
static int bind(const struct maker *m, uint32_t act, bool in, struct side *s, struct err *e)
{
    struct arena *a = m->p->arena;
    uint64_t *near, *row;

    s->words = s->len / 64 + 1;
    s->bound = arena_array(a, s->len + 1, sizeof *s->bound);
    s->bindings = m->rows;
    near = arena_array(a, s->words, sizeof *near);
    row = arena_array(a, s->words, sizeof *row);
    if (s->bound == NULL || near == NULL || row == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a Petri net");
    }
    for (uint32_t i = 0; i < s->len; i++) {
        size_t old = s->bindings_len;

        memset(near, 0, s->words * sizeof *near);
        for (uint32_t k = 0; k < i; k++) {
            if (heuristics_parallel(m->h, act, s->acts[i], s->acts[k], in)) {
                near[k / 64] |= UINT64_C(1) << (k % 64);
                s->bound[i] = s->bound[k] = true;
            }
        }
        memset(row, 0, s->words * sizeof *row);
        row[i / 64] |= UINT64_C(1) << (i % 64);
        for (size_t x = 0; x < old; x++) { /* kept apart: adding drops rows */
            uint64_t both[LIMIT_ANALYSIS_ACTIVITIES / 64 + 1] = {0};

            for (size_t w = 0; w < s->words; w++) {
                both[w] = s->bindings[x * s->words + w] & near[w];
            }
            both[i / 64] |= UINT64_C(1) << (i % 64);
            memcpy(s->bindings + (BINDINGS_MAX + 1 + x) * s->words, both, s->words * sizeof *both);
        }
        for (size_t x = 0; x < old; x++) {
            add_maximal(s, s->bindings + (BINDINGS_MAX + 1 + x) * s->words);
            if (s->bindings_len > BINDINGS_MAX) {
                return err_set(e, ERR_LIMIT, "too many combinations of parallel activities at '%s'",
                               m->h->names[act]);
            }
        }
        add_maximal(s, row);
    }
    return 0;
}

static int side_of(const struct maker *m, uint32_t act, bool in, struct side *s, struct err *e)
{
    const struct heuristics *h = m->h;

    *s = (struct side){.acts = arena_array(m->p->arena, h->n + 1, sizeof *s->acts),
                       .border = (in ? h->start[act] : h->end[act]) > 0};
    if (s->acts == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a Petri net");
    }
    for (uint32_t x = 0; x < h->n; x++) {
        if (h->edge[in ? (size_t)x * h->n + act : (size_t)act * h->n + x]) {
            uint32_t k = s->len++;

            for (; k > 0 && strcmp(h->names[s->acts[k - 1]], h->names[x]) > 0; k--) {
                s->acts[k] = s->acts[k - 1];
            }
            s->acts[k] = x;
        }
    }
    return bind(m, act, in, s, e);
}

static size_t members(const struct side *s, size_t binding)
{
    size_t n = 0;

    for (uint32_t i = 0; i < s->len; i++) {
        n += bit(s->bindings + binding * s->words, i);
    }
    return n;
}

/* The place between two activities; made when it is first asked for. */
static uint32_t between(struct maker *m, uint32_t from, uint32_t to)
{
    uint32_t *p = &m->place[(size_t)from * m->h->n + to];

    if (*p == 0) {
        *p = pnet_place(m->p);
    }
    return *p;
}

static int enter(struct maker *m, uint32_t act, struct err *e)
{
    struct side s;
    uint32_t master = 0, t;
    int rc = side_of(m, act, true, &s, e);

    if (rc != 0) {
        return rc;
    }
    if (s.len == 0) {
        if (s.border) {
            pnet_to_transition(m->p, m->p->source, m->transition[act]);
        }
        return 0;
    }
    master = pnet_place(m->p);
    pnet_to_transition(m->p, master, m->transition[act]);
    for (size_t b = 0; b < s.bindings_len; b++) {
        if (members(&s, b) < 2) {
            continue;
        }
        t = pnet_transition(m->p, PNET_SILENT);
        pnet_to_place(m->p, t, master);
        for (uint32_t i = 0; i < s.len; i++) {
            if (bit(s.bindings + b * s.words, i)) {
                pnet_to_transition(m->p, between(m, s.acts[i], act), t);
            }
        }
    }
    for (uint32_t i = 0; i < s.len; i++) {
        if (!s.bound[i] && s.len == 1 && !s.border) {
            m->place[(size_t)s.acts[i] * m->h->n + act] = master;
        } else if (!s.bound[i]) {
            t = pnet_transition(m->p, PNET_SILENT);
            pnet_to_transition(m->p, between(m, s.acts[i], act), t);
            pnet_to_place(m->p, t, master);
        }
    }
    if (s.border) {
        t = pnet_transition(m->p, PNET_SILENT);
        pnet_to_transition(m->p, m->p->source, t);
        pnet_to_place(m->p, t, master);
    }
    return 0;
}

static int leave(struct maker *m, uint32_t act, struct err *e)
{
    struct side s;
    uint32_t choice, t;
    int rc = side_of(m, act, false, &s, e);

    if (rc != 0) {
        return rc;
    }
    if (s.len + s.border == 1) {
        pnet_to_place(m->p, m->transition[act], s.border ? m->p->sink : between(m, act, s.acts[0]));
        return 0;
    }
    choice = pnet_place(
        m->p); /* where nothing follows and nothing ends, a token stays: no case with it fits */
    pnet_to_place(m->p, m->transition[act], choice);
    for (size_t b = 0; b < s.bindings_len; b++) {
        if (members(&s, b) < 2) {
            continue;
        }
        t = pnet_transition(m->p, PNET_SILENT);
        pnet_to_transition(m->p, choice, t);
        for (uint32_t i = 0; i < s.len; i++) {
            if (bit(s.bindings + b * s.words, i)) {
                pnet_to_place(m->p, t, between(m, act, s.acts[i]));
            }
        }
    }
    for (uint32_t i = 0; i < s.len; i++) {
        if (!s.bound[i]) {
            t = pnet_transition(m->p, PNET_SILENT);
            pnet_to_transition(m->p, choice, t);
            pnet_to_place(m->p, t, between(m, act, s.acts[i]));
        }
    }
    if (s.border) {
        t = pnet_transition(m->p, PNET_SILENT);
        pnet_to_transition(m->p, choice, t);
        pnet_to_place(m->p, t, m->p->sink);
    }
    return 0;
}

int pnet_from_heuristics(struct arena *a, const struct heuristics *h, struct pnet *ret,
                         struct err *e)
{
    struct maker m = {.h = h, .p = ret};
    int rc = 0;

    *ret = (struct pnet){.arena = a};
    m.transition = arena_array(a, h->n + 1, sizeof *m.transition);
    m.place = arena_array(a, (size_t)h->n * h->n + 1, sizeof *m.place);
    m.rows = arena_array(a, (BINDINGS_MAX * 2 + 2) * (h->n / 64 + 1), sizeof *m.rows);
    if (m.transition == NULL || m.place == NULL || m.rows == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a Petri net");
    }
    ret->source = pnet_place(ret);
    ret->sink = pnet_place(ret);
    for (uint32_t x = 0; x < h->n; x++) {
        m.transition[x] = h->node[x] ? pnet_transition(ret, x) : 0;
    }
    for (uint32_t x = 0; rc == 0 && x < h->n; x++) {
        rc = h->node[x] ? enter(&m, x, e) : 0;
    }
    for (uint32_t x = 0; rc == 0 && x < h->n; x++) {
        rc = h->node[x] ? leave(&m, x, e) : 0;
    }
    if (rc == 0) {
        pnet_drop_contained(ret);
        pnet_reduce(ret);
    }
    return rc != 0 ? rc : ret->failed ? err_set(e, ERR_NOMEM, "out of memory for a Petri net") : 0;
}
