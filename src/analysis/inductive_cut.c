/* The graph of a part, and the four cuts. */
#include <stdlib.h>
#include <string.h>

#include "analysis/inductive_priv.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

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

bool graph_has(const struct graph *g, uint32_t a)
{
    bool has = g->start[a] > 0 || g->end[a] > 0;

    for (uint32_t b = 0; !has && b < g->n; b++) {
        has = graph_edge(g, a, b) || graph_edge(g, b, a);
    }
    return has;
}

/* ---- sets of activities that belong together ---- */

static uint32_t root_of(uint32_t *parent, uint32_t x)
{
    while (parent[x] != x) {
        parent[x] = parent[parent[x]];
        x = parent[x];
    }
    return x;
}

/* The smaller number is the root: roots come in the order of names. */
static void join(uint32_t *parent, uint32_t x, uint32_t y)
{
    x = root_of(parent, x);
    y = root_of(parent, y);
    if (x != y) {
        parent[x > y ? x : y] = x > y ? y : x;
    }
}

/* Groups in the order of their first member; c->of may leave out those that are GROUP_NONE already. */
static void number(struct cut *c, uint32_t *parent, uint32_t n)
{
    c->groups = 0;
    for (uint32_t a = 0; a < n; a++) {
        if (c->of[a] == GROUP_NONE) {
            continue;
        }
        c->of[a] = parent[a] == a ? c->groups++ : c->of[root_of(parent, a)];
    }
}

/* Every activity of the graph in a set of its own. */
static uint32_t *alone(struct graph *g, struct cut *c)
{
    uint32_t *parent = arena_array(&g->arena, g->n + 1, sizeof *parent);

    c->of = arena_array(&g->arena, g->n + 1, sizeof *c->of);
    if (parent == NULL || c->of == NULL) {
        return NULL;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        parent[a] = a;
        c->of[a] = graph_has(g, a) ? 0 : GROUP_NONE;
    }
    return parent;
}

static void renumber(struct cut *c, uint32_t n, const uint32_t *place)
{
    for (uint32_t a = 0; a < n; a++) {
        c->of[a] = c->of[a] != GROUP_NONE ? place[c->of[a]] : GROUP_NONE;
    }
}

/* ---- exclusive choice: what no edge connects ---- */

static int cut_choice(struct graph *g, struct cut *c)
{
    uint32_t *parent = alone(g, c);

    if (parent == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t b = 0; b < g->n; b++) {
            if (graph_edge(g, a, b)) {
                join(parent, a, b);
            }
        }
    }
    number(c, parent, g->n);
    c->op = PTREE_CHOICE;
    return c->groups > 1;
}

/* ---- sequence: what is reached one way only ---- */

struct reach {
    size_t words;
    uint64_t *bits; /* n rows: what is reached over one edge or more */
};

static bool reaches(const struct reach *r, uint32_t a, uint32_t b)
{
    return (r->bits[a * r->words + b / 64] >> (b % 64) & 1) != 0;
}

static int close_reach(struct graph *g, struct reach *r)
{
    r->words = g->n / 64 + 1;
    r->bits = arena_array(&g->arena, (size_t)g->n * r->words + 1, sizeof *r->bits);
    if (r->bits == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t b = 0; b < g->n; b++) {
            if (graph_edge(g, a, b)) {
                r->bits[a * r->words + b / 64] |= UINT64_C(1) << (b % 64);
            }
        }
    }
    for (uint32_t via = 0; via < g->n; via++) {
        for (uint32_t a = 0; a < g->n; a++) {
            for (size_t w = 0; reaches(r, a, via) && w < r->words; w++) {
                r->bits[a * r->words + w] |= r->bits[via * r->words + w];
            }
        }
    }
    *g->work += (uint64_t)g->n * g->n * r->words;
    return 0;
}

/* The place of each group: behind all that reach it. */
static int order_groups(struct graph *g, struct cut *c, const struct reach *r)
{
    uint32_t *first = arena_array(&g->arena, c->groups + 1, sizeof *first);
    uint32_t *place = arena_array(&g->arena, c->groups + 1, sizeof *place);

    if (first == NULL || place == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = g->n; a-- > 0;) {
        if (c->of[a] != GROUP_NONE) {
            first[c->of[a]] = a;
        }
    }
    for (uint32_t x = 0; x < c->groups; x++) {
        for (uint32_t y = 0; y < c->groups; y++) {
            place[x] += x != y && reaches(r, first[y], first[x]);
        }
    }
    renumber(c, g->n, place);
    return 0;
}

/* Page 233: bounds of a group's neighbours, and whether all of it can be passed by. */
struct strict {
    int64_t *from, *to; /* by group: the least one before it, the last one behind it */
};

static int strict_bounds(struct graph *g, const struct cut *c, struct strict *s)
{
    s->from = arena_array(&g->arena, c->groups + 1, sizeof *s->from);
    s->to = arena_array(&g->arena, c->groups + 1, sizeof *s->to);
    if (s->from == NULL || s->to == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t x = 0; x < c->groups; x++) {
        s->from[x] = INT64_MAX;
        s->to[x] = INT64_MIN;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        if (c->of[a] == GROUP_NONE) {
            continue;
        }
        s->from[c->of[a]] = g->start[a] > 0 ? INT64_MIN : s->from[c->of[a]];
        s->to[c->of[a]] = g->end[a] > 0 ? INT64_MAX : s->to[c->of[a]];
        for (uint32_t b = 0; b < g->n; b++) {
            if (graph_edge(g, a, b)) {
                int64_t x = c->of[a], y = c->of[b];

                s->from[y] = x < s->from[y] ? x : s->from[y];
                s->to[x] = y > s->to[x] ? y : s->to[x];
            }
        }
    }
    return 0;
}

static bool skippable(const struct graph *g, const struct cut *c, const uint32_t *now, uint32_t p)
{
    for (uint32_t a = 0; a < g->n; a++) {
        uint32_t x = c->of[a] != GROUP_NONE ? now[c->of[a]] : p;

        if ((x > p && g->start[a] > 0) || (x < p && g->end[a] > 0)) {
            return true;
        }
        for (uint32_t b = 0; x < p && b < g->n; b++) {
            if (graph_edge(g, a, b) && now[c->of[b]] > p) {
                return true;
            }
        }
    }
    return false;
}

/* now[x]: the group that x was put into. */
static int make_strict(struct graph *g, struct cut *c)
{
    uint32_t *now = arena_array(&g->arena, c->groups + 1, sizeof *now);
    uint32_t *place = arena_array(&g->arena, c->groups + 1, sizeof *place), n = 0;
    struct strict s;
    int rc = now == NULL || place == NULL ? -ERR_NOMEM : strict_bounds(g, c, &s);

    if (rc != 0) {
        return rc;
    }
    for (uint32_t x = 0; x < c->groups; x++) {
        now[x] = x;
    }
    for (uint32_t p = 0; p < c->groups; p++) {
        if (!skippable(g, c, now, p)) {
            continue;
        }
        for (int64_t q = (int64_t)p - 1; q >= 0 && s.to[q] <= (int64_t)p; q--) {
            for (uint32_t x = 0; x < c->groups; x++) {
                now[x] = now[x] == (uint32_t)q ? p : now[x];
            }
        }
        for (uint32_t q = p + 1; q < c->groups && s.from[q] >= (int64_t)p; q++) {
            for (uint32_t x = 0; x < c->groups; x++) {
                now[x] = now[x] == q ? p : now[x];
            }
        }
    }
    for (uint32_t x = 0; x < c->groups; x++) {
        bool used = false;

        for (uint32_t y = 0; y < c->groups; y++) {
            used = used || now[y] == x;
        }
        place[x] = used ? n++ : 0;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        c->of[a] = c->of[a] != GROUP_NONE ? place[now[c->of[a]]] : GROUP_NONE;
    }
    c->groups = n;
    return 0;
}

/* Whether there is a way from the first activity to all n (back: from all to it). */
static bool connected(const struct graph *g, uint32_t first, uint32_t n, bool back, uint32_t *queue,
                      bool *seen)
{
    uint32_t len = 1, at;

    memset(seen, 0, g->n * sizeof *seen);
    seen[first] = true;
    queue[0] = first;
    for (at = 0; at < len && len < n; at++) {
        for (uint32_t b = 0; b < g->n; b++) {
            if (!seen[b] && (back ? graph_edge(g, b, queue[at]) : graph_edge(g, queue[at], b))) {
                seen[b] = true;
                queue[len++] = b;
            }
        }
    }
    *g->work += (uint64_t)at * g->n;
    return len == n;
}

/* Whether there is a way from each activity to each: then they are one group. Mostly so where a log has much disorder, and found at once. */
static int is_one(struct graph *g, const struct cut *c)
{
    uint32_t *queue = arena_array(&g->arena, g->n + 1, sizeof *queue), first = 0, n = 0;
    bool *seen = arena_array(&g->arena, g->n + 1, sizeof *seen);

    if (queue == NULL || seen == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = g->n; a-- > 0;) {
        if (c->of[a] != GROUP_NONE) {
            first = a;
            n++;
        }
    }
    return n == 0 || (connected(g, first, n, false, queue, seen) &&
                      connected(g, first, n, true, queue, seen));
}

static int cut_sequence(struct graph *g, struct cut *c)
{
    uint32_t *parent = alone(g, c);
    struct reach r;
    int one = parent == NULL ? -ERR_NOMEM : is_one(g, c), rc;

    if (one != 0) {
        return one < 0 ? one : 0;
    }
    rc = close_reach(g, &r);
    if (rc != 0) {
        return rc;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t b = a + 1; b < g->n; b++) {
            if (c->of[a] != GROUP_NONE && c->of[b] != GROUP_NONE &&
                reaches(&r, a, b) == reaches(&r, b, a)) {
                join(parent, a, b);
            }
        }
    }
    number(c, parent, g->n);
    if (c->groups < 2) {
        return 0;
    }
    rc = order_groups(g, c, &r);
    rc = rc == 0 ? make_strict(g, c) : rc;
    c->op = PTREE_SEQUENCE;
    return rc != 0 ? rc : c->groups > 1;
}

/* ---- parallel: what follows each other both ways ---- */

struct sized {
    uint32_t group, size;
    bool starts, ends;
};

static int by_size(const void *x, const void *y)
{
    const struct sized *a = x, *b = y;

    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return a->group < b->group ? -1 : a->group > b->group;
}

/* A group in which no trace begins, or none ends, goes to its neighbour: the next one if it is the first, else the one before. */
static int complete_groups(struct graph *g, struct cut *c)
{
    struct sized *s = arena_array(&g->arena, c->groups + 1, sizeof *s);
    uint32_t *place = arena_array(&g->arena, c->groups + 1, sizeof *place), n = c->groups;

    if (s == NULL || place == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t x = 0; x < n; x++) {
        s[x].group = x;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        if (c->of[a] != GROUP_NONE) {
            struct sized *x = &s[c->of[a]];

            x->size++;
            x->starts = x->starts || g->start[a] > 0;
            x->ends = x->ends || g->end[a] > 0;
        }
    }
    qsort(s, n, sizeof *s, by_size);
    for (uint32_t x = 0; x < n; x++) {
        place[s[x].group] = x;
    }
    renumber(c, g->n, place);
    for (uint32_t i = 0; i < n && n > 1;) {
        uint32_t into = i == 0 ? 0 : i - 1; /* after it was taken out */

        if (s[i].starts && s[i].ends) {
            i++;
            continue;
        }
        s[i == 0 ? 1 : i - 1].starts |= s[i].starts;
        s[i == 0 ? 1 : i - 1].ends |= s[i].ends;
        memmove(&s[i], &s[i + 1], (n - i - 1) * sizeof *s);
        for (uint32_t a = 0; a < g->n; a++) {
            if (c->of[a] != GROUP_NONE) {
                c->of[a] = c->of[a] == i ? into : c->of[a] > i ? c->of[a] - 1 : c->of[a];
            }
        }
        n--;
    }
    c->groups = n;
    return 0;
}

static int cut_parallel(struct graph *g, struct cut *c)
{
    uint32_t *parent = alone(g, c);
    int rc;

    if (parent == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t b = a + 1; b < g->n; b++) {
            if (c->of[a] != GROUP_NONE && c->of[b] != GROUP_NONE &&
                !(graph_edge(g, a, b) && graph_edge(g, b, a))) {
                join(parent, a, b);
            }
        }
    }
    number(c, parent, g->n);
    rc = c->groups > 1 ? complete_groups(g, c) : 0;
    c->op = PTREE_PARALLEL;
    return rc != 0 ? rc : c->groups > 1;
}

/* ---- loop: what leads from ends back to starts ---- */

/* A part of the rest belongs to the body when an edge enters it from where the body does not end, or leaves it to where it does not begin ... */
static bool in_body(const struct graph *g, uint32_t a)
{
    bool back = false, forth = false, back_all = true, forth_all = true;

    for (uint32_t b = 0; b < g->n; b++) {
        bool starts = g->start[b] > 0, ends = g->end[b] > 0;

        if ((graph_edge(g, b, a) && starts && !ends) || (graph_edge(g, a, b) && ends && !starts)) {
            return true;
        }
        back = back || (starts && graph_edge(g, a, b));
        back_all = back_all && (!starts || graph_edge(g, a, b));
        forth = forth || (ends && graph_edge(g, b, a));
        forth_all = forth_all && (!ends || graph_edge(g, b, a));
    }
    /* ... or when it leads back to some start but not to all, or comes from some end but not from all. */
    return (back && !back_all) || (forth && !forth_all);
}

static int cut_loop(struct graph *g, struct cut *c)
{
    uint32_t *parent = alone(g, c);
    bool *body, edges = false, rest = false;

    body = arena_array(&g->arena, g->n + 1, sizeof *body);
    if (parent == NULL || body == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t b = 0; b < g->n; b++) {
            bool border = g->start[a] > 0 || g->end[a] > 0 || g->start[b] > 0 || g->end[b] > 0;

            edges = edges || graph_edge(g, a, b);
            if (graph_edge(g, a, b) && !border) {
                join(parent, a, b);
            }
        }
    }
    for (uint32_t a = 0; a < g->n; a++) {
        if (c->of[a] != GROUP_NONE && (g->start[a] > 0 || g->end[a] > 0 || in_body(g, a))) {
            body[root_of(parent, a)] = true;
        }
    }
    for (uint32_t a = 0; a < g->n; a++) {
        if (c->of[a] != GROUP_NONE) {
            c->of[a] = body[root_of(parent, a)] ? 0 : 1;
            rest = rest || c->of[a] == 1;
        }
    }
    c->op = PTREE_LOOP;
    c->groups = 2;
    return edges && rest;
}

int cut_find(struct graph *g, struct cut *ret)
{
    int rc = cut_choice(g, ret);

    rc = rc == 0 ? cut_sequence(g, ret) : rc;
    rc = rc == 0 ? cut_parallel(g, ret) : rc;
    rc = rc == 0 ? cut_loop(g, ret) : rc;
    return rc >= 0 && *g->work > LIMIT_ANALYSIS_STEPS ? -ERR_LIMIT : rc;
}
