/*
 * Replay of all variants, in the order of their activities: what two have in common at their beginnings is replayed once. A stack holds the
 * marking behind each event of the variant at hand.
 */
#include "analysis/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/replay_priv.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"

struct level { /* behind so many events */
    tokens *marking;
    uint64_t missing, consumed, produced, unknown;
};

struct replayer {
    struct walker w;
    struct arena arena;
    const struct variants *v;
    const struct variant **sorted;
    struct level *levels;
    size_t levels_len;
    struct map enabled; /* marking -> bool by activity */
    bool *next;         /* scratch, by activity */
    double allowed, escaping;
    struct replay *r;
    double fitness_sum;
};

static int by_activities(const void *x, const void *y)
{
    const struct variant *a = *(const struct variant *const *)x,
                         *b = *(const struct variant *const *)y;

    for (uint32_t i = 0; i < a->len && i < b->len; i++) {
        if (a->acts[i] != b->acts[i]) {
            return a->acts[i] < b->acts[i] ? -1 : 1;
        }
    }
    return a->len < b->len ? -1 : a->len > b->len;
}

static void fire(struct replayer *x, struct level *l, uint32_t t, uint64_t n)
{
    const struct pnet_transition *tr = &x->w.net->transitions[t];

    walk_fire(&x->w, l->marking, t);
    l->consumed += tr->in.len;
    l->produced += tr->out.len;
    x->r->fired[t] += n;
}

static void fire_plan(struct replayer *x, struct level *l, uint64_t n)
{
    for (uint32_t i = 0; i < x->w.plan_len; i++) {
        fire(x, l, x->w.plan[i], n);
    }
}

/* One event, for n traces. */
static int step(struct replayer *x, struct level *l, uint32_t activity, uint64_t n)
{
    uint32_t t = x->w.transition_of[activity];
    const struct pnet_list *in;
    int rc;

    if (t == UINT32_MAX) {
        l->unknown++;
        return 0;
    }
    in = &x->w.net->transitions[t].in;
    rc = walk_plan(&x->w, l->marking, in);
    if (rc < 0) {
        return rc;
    }
    fire_plan(x, l, n);
    for (uint32_t i = 0; i < in->len; i++) {
        if (l->marking[in->at[i]] == 0) {
            l->marking[in->at[i]] = 1;
            l->missing++;
        }
    }
    fire(x, l, t, n);
    return 0;
}

/* ---- precision ---- */

static int enabled_in(struct replayer *x, const tokens *m, const bool **ret)
{
    size_t bytes = x->w.net->places_len * sizeof *m;
    const struct map_entry *found = map_find_entry(&x->enabled, (const char *)m, bytes);
    bool *set;
    tokens *key;
    int rc;

    if (found != NULL) {
        *ret = found->value;
        return 0;
    }
    set = arena_array(&x->arena, x->w.activities + 1, sizeof *set);
    key = arena_alloc(&x->arena, bytes + 1);
    if (set == NULL || key == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(key, m, bytes);
    rc = walk_visible(&x->w, m, set);
    *ret = set;
    return rc != 0 ? rc : map_add(&x->enabled, (const char *)key, bytes, set, NULL);
}

/* The variants sorted[from .. to - 1] share the first `depth` events, which fit. */
static int look_ahead(struct replayer *x, size_t from, size_t to, uint32_t depth, const tokens *m)
{
    const bool *enabled;
    uint64_t going_on = 0, all = 0, n = 0, escapes = 0;
    int rc;

    memset(x->next, 0, x->w.activities * sizeof *x->next);
    for (size_t i = from; i < to; i++) {
        all += x->sorted[i]->n;
        if (x->sorted[i]->len > depth) {
            going_on += x->sorted[i]->n;
            x->next[x->sorted[i]->acts[depth]] = true;
        }
    }
    going_on = depth == 0 ? all : going_on; /* the beginning counts for every trace */
    if (going_on == 0) {
        return 0;
    }
    rc = enabled_in(x, m, &enabled);
    for (uint32_t i = 0; rc == 0 && i < x->w.activities; i++) {
        n += enabled[i];
        escapes += enabled[i] && !x->next[i];
    }
    x->allowed += (double)n * (double)going_on;
    x->escaping += (double)escapes * (double)going_on;
    return rc;
}

/* ---- one variant ---- */

static struct level *level_at(struct replayer *x, uint32_t depth)
{
    while (x->levels_len <= depth) {
        x->levels[x->levels_len].marking =
            arena_array(&x->arena, x->w.net->places_len + 1, sizeof(tokens));
        if (x->levels[x->levels_len].marking == NULL) {
            return NULL;
        }
        x->levels_len++;
    }
    return &x->levels[depth];
}

static int next_level(struct replayer *x, uint32_t depth, struct level **ret)
{
    struct level *l = level_at(x, depth + 1), *before = &x->levels[depth];
    tokens *m;

    if (l == NULL) {
        return -ERR_NOMEM;
    }
    m = l->marking;
    *l = *before;
    l->marking = m;
    memcpy(m, before->marking, x->w.net->places_len * sizeof *m);
    *ret = l;
    return 0;
}

static double fitness_of(double missing, double consumed, double remaining, double produced)
{
    return 0.5 * (consumed > 0 ? 1 - missing / consumed : 1) +
           0.5 * (produced > 0 ? 1 - remaining / produced : 1);
}

/* Silent steps to the sink; what is left then. Uses the level behind the last one. */
static int finish(struct replayer *x, const struct variant *v)
{
    uint32_t sink = x->w.net->sink;
    struct pnet_list last = {.at = &sink, .len = 1};
    struct replay *r = x->r;
    struct level *l;
    uint64_t remaining = 0;
    int rc = next_level(x, v->len, &l);

    rc = rc == 0 ? walk_plan(&x->w, l->marking, &last) : rc;
    if (rc < 0) {
        return rc;
    }
    fire_plan(x, l, v->n);
    if (l->marking[sink] == 0) {
        l->missing++;
        l->marking[sink]++;
    }
    l->marking[sink]--;
    l->consumed++;
    for (uint32_t i = 0; i < x->w.net->places_len; i++) {
        remaining += l->marking[i];
    }
    r->traces += v->n;
    r->fitting += l->missing == 0 && remaining == 0 ? v->n : 0;
    r->missing += l->missing * v->n;
    r->remaining += remaining * v->n;
    r->consumed += l->consumed * v->n;
    r->produced += l->produced * v->n;
    r->unknown += l->unknown * v->n;
    x->fitness_sum += (double)v->n * fitness_of((double)l->missing, (double)l->consumed,
                                                (double)remaining, (double)l->produced);
    return 0;
}

static uint32_t common(const struct variant *a, const struct variant *b)
{
    uint32_t n = 0;

    while (n < a->len && n < b->len && a->acts[n] == b->acts[n]) {
        n++;
    }
    return n;
}

static int replay_variant(struct replayer *x, size_t at)
{
    const struct variant *v = x->sorted[at];
    uint32_t from = at > 0 ? common(v, x->sorted[at - 1]) : 0;
    size_t end = x->v->len;
    int rc = 0;

    for (uint32_t d = from; rc == 0 && d < v->len; d++) {
        uint64_t n = 0;
        size_t to = at;
        struct level *l;

        /* Those behind it that share one event more; they are among those that shared the event before. */
        for (; to < end && x->sorted[to]->len > d && x->sorted[to]->acts[d] == v->acts[d] &&
               (d > from || common(v, x->sorted[to]) > d);
             to++) {
            n += x->sorted[to]->n;
        }
        end = to;
        x->w.work += to - at;
        rc = next_level(x, d, &l);
        rc = rc == 0 ? step(x, l, v->acts[d], n) : rc;
        if (rc == 0 && l->missing == 0) {
            rc = look_ahead(x, at, to, d + 1, l->marking);
        }
    }
    rc = rc == 0 ? finish(x, v) : rc;
    return rc == 0 && x->w.work > LIMIT_ANALYSIS_STEPS ? -ERR_LIMIT : rc;
}

/* ---- the whole ---- */

double replay_simplicity(const struct pnet *p)
{
    double arcs = 0, nodes = (double)p->places_len + (double)p->transitions_len, mean;

    for (uint32_t t = 0; t < p->transitions_len; t++) {
        arcs += p->transitions[t].in.len + p->transitions[t].out.len;
    }
    mean = nodes > 0 ? 2 * arcs / nodes : 0;
    return mean > 2 ? 1 / (1 + mean - 2) : 1;
}

static void sum_up(struct replayer *x, struct replay *r)
{
    double sum = 0;

    for (uint32_t t = 0; t < x->w.net->transitions_len; t++) {
        sum += r->fired[t] > 0 ? 1 / sqrt((double)r->fired[t]) : 1;
    }
    r->generalization =
        x->w.net->transitions_len > 0 ? 1 - sum / (double)x->w.net->transitions_len : 1;
    r->precision = x->allowed > 0 ? 1 - x->escaping / x->allowed : 1;
    r->fitness = fitness_of((double)r->missing, (double)r->consumed, (double)r->remaining,
                            (double)r->produced);
    r->average_fitness = r->traces > 0 ? x->fitness_sum / (double)r->traces : 1;
    r->simplicity = replay_simplicity(x->w.net);
}

static int prepare(struct replayer *x, const struct pnet *p, struct arena *a)
{
    uint32_t activities = 0, longest = 0;
    const struct variants *v = x->v;

    for (size_t i = 0; i < v->len; i++) {
        longest = v->v[i].len > longest ? v->v[i].len : longest;
        for (uint32_t k = 0; k < v->v[i].len; k++) {
            activities = v->v[i].acts[k] >= activities ? v->v[i].acts[k] + 1 : activities;
        }
    }
    for (uint32_t t = 0; t < p->transitions_len; t++) {
        uint32_t act = p->transitions[t].activity;

        activities = act != PNET_SILENT && act >= activities ? act + 1 : activities;
    }
    x->r->fired = arena_array(a, p->transitions_len + 1, sizeof *x->r->fired);
    x->sorted = arena_array(&x->arena, v->len + 1, sizeof(struct variant *));
    x->levels = arena_array(&x->arena, longest + 2, sizeof *x->levels);
    x->next = arena_array(&x->arena, activities + 1, sizeof *x->next);
    if (x->r->fired == NULL || x->sorted == NULL || x->levels == NULL || x->next == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < v->len; i++) {
        x->sorted[i] = &v->v[i];
    }
    if (v->len > 0) {
        qsort(x->sorted, v->len, sizeof(struct variant *), by_activities);
    }
    return walker_init(&x->w, p, activities, &x->arena);
}

int replay_measure(const struct pnet *p, const struct variants *v, struct arena *a,
                   struct replay *ret, struct err *e)
{
    struct replayer x = {.v = v, .r = ret};
    struct level *first = NULL;
    int rc;

    *ret = (struct replay){0};
    arena_init(&x.arena, LIMIT_ANALYSIS_BYTES);
    map_init(&x.enabled);
    rc = prepare(&x, p, a);
    if (rc == 0) {
        first = level_at(&x, 0);
        rc = first == NULL ? -ERR_NOMEM : 0;
    }
    if (rc == 0) {
        first->marking[p->source] = 1;
        first->produced = 1;
        rc = v->len > 0 ? look_ahead(&x, 0, v->len, 0, first->marking) : 0;
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = replay_variant(&x, i);
    }
    if (rc == 0) {
        sum_up(&x, ret);
    }
    map_fini(&x.enabled);
    arena_fini(&x.arena);
    if (rc == -ERR_LIMIT) {
        return err_set(e, ERR_LIMIT, "the log is too large to be replayed: ask for a shorter time");
    }
    return rc != 0 ? err_set(e, ERR_NOMEM, "out of memory for a replay") : 0;
}
