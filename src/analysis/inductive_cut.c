/* The four cuts of a graph. */
#include <stdlib.h>
#include <string.h>

#include "analysis/inductive_priv.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- sets of bits ---- */

static void set_bit(uint64_t *bits, uint32_t a)
{
    bits[a / 64] |= UINT64_C(1) << (a % 64);
}

static bool has_bit(const uint64_t *bits, uint32_t a)
{
    return (bits[a / 64] >> (a % 64) & 1) != 0;
}

/* The graph's edges and borders as sets. */
static int make_sets(struct graph *g)
{
    size_t rows;

    g->words = g->n / 64 + 1;
    rows = (size_t)g->n * g->words + 1;
    g->out = arena_array(&g->arena, rows, sizeof *g->out);
    g->in = arena_array(&g->arena, rows, sizeof *g->in);
    g->members = arena_array(&g->arena, g->words, sizeof *g->members);
    g->starts = arena_array(&g->arena, g->words, sizeof *g->starts);
    g->ends = arena_array(&g->arena, g->words, sizeof *g->ends);
    if (g->out == NULL || g->in == NULL || g->members == NULL || g->starts == NULL ||
        g->ends == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t b = 0; b < g->n; b++) {
            if (graph_edge(g, a, b)) {
                set_bit(g->out + a * g->words, b);
                set_bit(g->in + b * g->words, a);
                set_bit(g->members, a);
                set_bit(g->members, b);
            }
        }
        if (g->start[a] > 0) {
            set_bit(g->starts, a);
            set_bit(g->members, a);
        }
        if (g->end[a] > 0) {
            set_bit(g->ends, a);
            set_bit(g->members, a);
        }
    }
    return 0;
}

enum near {
    ALONG,
    BACK,
    BOTH,
    NOT_BOTH
}; /* over an edge, against one, either way; where there are not edges both ways */

static uint64_t near_word(const struct graph *g, uint32_t a, size_t w, enum near way)
{
    uint64_t out = g->out[a * g->words + w], in = g->in[a * g->words + w];

    return way == ALONG ? out : way == BACK ? in : way == BOTH ? out | in : ~(out & in);
}

/* Takes out of `left` what is near the first one, near that, and so on: of[..] = group. How many. */
static uint32_t take_group(const struct graph *g, uint32_t first, enum near way, uint64_t *left,
                           uint32_t *of, uint32_t group, uint32_t *queue)
{
    uint32_t len = 1, at;

    queue[0] = first;
    of[first] = group;
    left[first / 64] &= ~(UINT64_C(1) << (first % 64));
    for (at = 0; at < len; at++) {
        for (size_t w = 0; w < g->words; w++) {
            uint64_t found = near_word(g, queue[at], w, way) & left[w];

            left[w] &= ~found;
            for (; found != 0; found &= found - 1) {
                uint32_t b = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(found);

                of[b] = group;
                queue[len++] = b;
            }
        }
    }
    *g->work += (uint64_t)at * g->words;
    return len;
}

/* All that are left in groups, in the order of their first member; of the others GROUP_NONE. */
static int group_all(struct graph *g, enum near way, uint64_t *left, struct cut *c)
{
    uint32_t *queue = arena_array(&g->arena, g->n + 1, sizeof *queue);

    c->groups = 0;
    c->of = arena_array(&g->arena, g->n + 1, sizeof *c->of);
    if (queue == NULL || c->of == NULL) {
        return -ERR_NOMEM;
    }
    memset(c->of, 0xff, (g->n + 1) * sizeof *c->of);
    for (uint32_t a = 0; a < g->n; a++) {
        if (has_bit(left, a)) {
            (void)take_group(g, a, way, left, c->of, c->groups++, queue);
        }
    }
    return 0;
}

/* A copy to take from. */
static uint64_t *all_members(struct graph *g)
{
    uint64_t *left = arena_array(&g->arena, g->words, sizeof *left);

    if (left != NULL) {
        memcpy(left, g->members, g->words * sizeof *left);
    }
    return left;
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
        c->of[a] = has_bit(g->members, a) ? 0 : GROUP_NONE;
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
    uint64_t *left = all_members(g);
    int rc = left == NULL ? -ERR_NOMEM : group_all(g, BOTH, left, c);

    c->op = PTREE_CHOICE;
    return rc != 0 ? rc : c->groups > 1;
}

/* ---- sequence: what is reached one way only ---- */

struct reach {
    size_t words;
    uint64_t *bits; /* n rows: what is reached over one edge or more */
};

static bool reaches(const struct reach *r, uint32_t a, uint32_t b)
{
    return has_bit(r->bits + a * r->words, b);
}

static int close_reach(struct graph *g, struct reach *r)
{
    r->words = g->words;
    r->bits = arena_array(&g->arena, (size_t)g->n * r->words + 1, sizeof *r->bits);
    if (r->bits == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(r->bits, g->out, (size_t)g->n * r->words * sizeof *r->bits);
    for (uint32_t via = 0; via < g->n; via++) {
        for (uint32_t a = 0; a < g->n; a++) {
            if (a == via || !reaches(r, a, via)) {
                continue;
            }
            for (size_t w = 0; w < r->words; w++) {
                r->bits[a * r->words + w] |= r->bits[via * r->words + w];
            }
            *g->work += r->words;
        }
    }
    *g->work += (uint64_t)g->n * g->n;
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

/* Whether there is a way from each activity to each: then they are one group. Mostly so where a log has much disorder, and found at once. */
static int is_one(struct graph *g)
{
    uint32_t *queue = arena_array(&g->arena, g->n + 1, sizeof *queue);
    uint32_t *of = arena_array(&g->arena, g->n + 1, sizeof *of), first = 0, n = 0;
    bool all = true;

    for (uint32_t a = g->n; a-- > 0;) {
        first = has_bit(g->members, a) ? a : first;
        n += has_bit(g->members, a);
    }
    for (int back = 0; all && n > 0 && back < 2; back++) {
        uint64_t *left = all_members(g);

        if (queue == NULL || of == NULL || left == NULL) {
            return -ERR_NOMEM;
        }
        all = take_group(g, first, back ? BACK : ALONG, left, of, 0, queue) == n;
    }
    return all;
}

static int cut_sequence(struct graph *g, struct cut *c)
{
    uint32_t *parent = alone(g, c);
    struct reach r;
    int one = parent == NULL ? -ERR_NOMEM : is_one(g), rc;

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
    uint64_t *left = all_members(g);
    int rc = left == NULL ? -ERR_NOMEM : group_all(g, NOT_BOTH, left, c);

    rc = rc == 0 && c->groups > 1 ? complete_groups(g, c) : rc;
    c->op = PTREE_PARALLEL;
    return rc != 0 ? rc : c->groups > 1;
}

/* ---- loop: what leads from ends back to starts ---- */

/* A part of the rest belongs to the body when an edge enters it from where the body does not end, or leaves it to where it does not begin ... */
static bool in_body(const struct graph *g, uint32_t a)
{
    bool back = false, forth = false, back_all = true, forth_all = true;

    for (size_t w = 0; w < g->words; w++) {
        uint64_t out = g->out[a * g->words + w], in = g->in[a * g->words + w];

        if ((in & g->starts[w] & ~g->ends[w]) != 0 || (out & g->ends[w] & ~g->starts[w]) != 0) {
            return true;
        }
        back = back || (out & g->starts[w]) != 0;
        back_all = back_all && (g->starts[w] & ~out) == 0;
        forth = forth || (in & g->ends[w]) != 0;
        forth_all = forth_all && (g->ends[w] & ~in) == 0;
    }
    /* ... or when it leads back to some start but not to all, or comes from some end but not from all. */
    return (back && !back_all) || (forth && !forth_all);
}

static int cut_loop(struct graph *g, struct cut *c)
{
    uint64_t *left = all_members(g);
    bool *body, edges = false, rest = false;
    int rc;

    for (size_t w = 0; left != NULL && w < g->words; w++) {
        left[w] &= ~(g->starts[w] | g->ends[w]);
    }
    rc = left == NULL ? -ERR_NOMEM : group_all(g, BOTH, left, c);
    body = rc == 0 ? arena_array(&g->arena, c->groups + 1, sizeof *body) : NULL;
    if (body == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t a = 0; a < g->n; a++) {
        if (c->of[a] != GROUP_NONE && in_body(g, a)) {
            body[c->of[a]] = true;
        }
    }
    for (uint32_t a = 0; a < g->n; a++) {
        if (has_bit(g->members, a)) {
            c->of[a] = c->of[a] == GROUP_NONE || body[c->of[a]] ? 0 : 1;
            rest = rest || c->of[a] == 1;
        }
    }
    for (size_t i = 0; !edges && i < (size_t)g->n * g->words; i++) {
        edges = g->out[i] != 0;
    }
    c->op = PTREE_LOOP;
    c->groups = 2;
    return edges && rest;
}

int cut_find(struct graph *g, struct cut *ret)
{
    int rc = make_sets(g);

    rc = rc == 0 ? cut_choice(g, ret) : rc;
    rc = rc == 0 ? cut_sequence(g, ret) : rc;
    rc = rc == 0 ? cut_parallel(g, ret) : rc;
    rc = rc == 0 ? cut_loop(g, ret) : rc;
    return rc >= 0 && *g->work > LIMIT_ANALYSIS_STEPS ? -ERR_LIMIT : rc;
}
