#include <stdlib.h>
#include <string.h>

#include "analysis/insight.h"
#include "analysis/stats.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/time.h"

struct group { /* cases of one version, or of a half */
    const char *version;
    int64_t since_us;
    size_t first; /* the order in which it was met */
    uint64_t cases;
};

struct finder {
    const struct plog *l;
    struct arena *a;
    struct group *groups;
    size_t len;
    uint32_t *of;        /* by case: its group, by place in time */
    uint64_t *counts[2]; /* edges, then starts, then ends */
    bool *has[2];
    double *x, *y; /* samples */
};

static bool same(const char *x, const char *y)
{
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

static int by_since(const void *x, const void *y)
{
    const struct group *a = x, *b = y;

    if (a->since_us != b->since_us) {
        return a->since_us < b->since_us ? -1 : 1;
    }
    return a->first < b->first ? -1 : a->first > b->first;
}

static int by_versions(struct finder *f)
{
    size_t cap = 0;
    MEM_CLEANUP uint32_t *place = NULL;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->l->cases_len; i++) {
        const struct plog_case *c = &f->l->cases[i];
        size_t g = 0;

        while (g < f->len && !same(f->groups[g].version, c->version)) {
            g++;
        }
        if (g == f->len) {
            struct group fresh = {c->version, c->start_us, g, 0};

            rc = VEC_PUSH(f->groups, f->len, cap, fresh);
        }
        if (rc == 0) {
            struct group *x = &f->groups[g];

            x->cases++;
            x->since_us =
                c->start_us != TIME_NONE && (x->since_us == TIME_NONE || c->start_us < x->since_us)
                    ? c->start_us
                    : x->since_us;
            f->of[i] = (uint32_t)g;
        }
    }
    if (rc != 0 || f->len == 0) {
        return rc;
    }
    qsort(f->groups, f->len, sizeof *f->groups, by_since);
    place = mem_array(f->len, sizeof *place);
    if (place == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t g = 0; g < f->len; g++) {
        place[f->groups[g].first] = (uint32_t)g;
    }
    for (size_t i = 0; i < f->l->cases_len; i++) {
        f->of[i] = place[f->of[i]];
    }
    return 0;
}

struct dated {
    int64_t at_us;
    size_t of;
};

static int by_date(const void *x, const void *y)
{
    const struct dated *a = x, *b = y;

    if (a->at_us != b->at_us) {
        return a->at_us < b->at_us ? -1 : 1;
    }
    return a->of < b->of ? -1 : a->of > b->of;
}

static int by_halves(struct finder *f)
{
    size_t n = f->l->cases_len;
    MEM_CLEANUP struct dated *d = mem_array(n + 1, sizeof *d);
    struct group *two = mem_array(2, sizeof *two);

    mem_free(f->groups);
    f->groups = two;
    f->len = 0;
    if (d == NULL || two == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        d[i] = (struct dated){f->l->cases[i].start_us, i};
    }
    if (n > 0) {
        qsort(d, n, sizeof *d, by_date);
    }
    for (size_t i = 0; i < n; i++) {
        f->of[d[i].of] = i >= n / 2;
        f->groups[i >= n / 2].cases++;
    }
    f->groups[0].since_us = n > 0 ? d[0].at_us : TIME_NONE;
    f->groups[1].since_us = n > 0 ? d[n / 2].at_us : TIME_NONE;
    f->len = 2;
    return 0;
}

/* ---- one pair ---- */

static void count(struct finder *f, uint32_t pair)
{
    const struct plog *l = f->l;
    uint32_t n = l->activities_len;
    size_t square = (size_t)n * n;

    for (int side = 0; side < 2; side++) {
        memset(f->counts[side], 0, (square + 2 * (size_t)n) * sizeof *f->counts[side]);
        memset(f->has[side], 0, n * sizeof *f->has[side]);
    }
    for (size_t i = 0; i < l->cases_len; i++) {
        const struct plog_case *c = &l->cases[i];
        int side = (int)f->of[i] - (int)pair;
        const struct plog_step *s = &l->steps[c->first];

        if ((side != 0 && side != 1) || c->len == 0) {
            continue;
        }
        f->counts[side][square + s[0].activity]++;
        f->counts[side][square + n + s[c->len - 1].activity]++;
        for (size_t k = 0; k < c->len; k++) {
            f->has[side][s[k].activity] = true;
            if (k > 0) {
                f->counts[side][(size_t)s[k - 1].activity * n + s[k].activity]++;
            }
        }
    }
}

static int by_change(const void *x, const void *y)
{
    const struct drift_flow *a = x, *b = y;
    double da = a->after - a->before, db = b->after - b->before;

    da = da < 0 ? -da : da;
    db = db < 0 ? -db : db;
    if (da != db) {
        return da > db ? -1 : 1;
    }
    if (a->from != b->from) {
        return a->from < b->from ? -1 : 1;
    }
    return a->to < b->to ? -1 : a->to > b->to;
}

static int flows(struct finder *f, struct drift *d)
{
    uint32_t n = f->l->activities_len;
    size_t square = (size_t)n * n, len = 0, cap = 0;
    struct drift_flow *all = NULL;

    for (size_t i = 0; i < square + 2 * (size_t)n; i++) {
        struct drift_flow x = {.from = i < square       ? (uint32_t)(i / n)
                                       : i < square + n ? UINT32_MAX
                                                        : (uint32_t)(i - square - n),
                               .to = i < square       ? (uint32_t)(i % n)
                                     : i < square + n ? (uint32_t)(i - square)
                                                      : UINT32_MAX,
                               .before = (double)f->counts[0][i] / (double)d->cases_before,
                               .after = (double)f->counts[1][i] / (double)d->cases_after};

        if (x.before != x.after && VEC_PUSH(all, len, cap, x) != 0) {
            mem_free(all);
            return -ERR_NOMEM;
        }
    }
    if (len > 0) {
        qsort(all, len, sizeof *all, by_change);
    }
    d->flows_len = len < DRIFT_FLOWS_MAX ? len : DRIFT_FLOWS_MAX;
    d->flows = arena_array(f->a, d->flows_len + 1, sizeof *d->flows);
    for (size_t i = 0; d->flows != NULL && i < d->flows_len; i++) {
        d->flows[i] = all[i];
    }
    mem_free(all);
    return d->flows == NULL ? -ERR_NOMEM : 0;
}

/* What one execution takes: where starts are not known, what passed since the one before it. -1: not known. */
static double taken_s(const struct plog_step *before, const struct plog_step *s)
{
    int64_t us = s->start_us != TIME_NONE ? dfg_service_us(s) : dfg_wait_us(before, s);

    return us >= 0 ? (double)us / 1e6 : -1;
}

/* Samples of a group's executions by activity: those of activity i are ret[off[i]] .. ret[off[i + 1] - 1]. */
static void samples(const struct finder *f, uint32_t group, double *ret, size_t *off)
{
    const struct plog *l = f->l;
    uint32_t n = l->activities_len;

    memset(off, 0, (n + 2) * sizeof *off);
    for (int fill = 0; fill < 2;
         fill++) { /* off[i + 2] counts, then off[i + 1] is where the next one goes */
        for (size_t i = 0; i < l->cases_len; i++) {
            const struct plog_case *c = &l->cases[i];

            for (size_t k = c->first; f->of[i] == group && k < c->first + c->len; k++) {
                const struct plog_step *s = &l->steps[k];
                double x = taken_s(k > c->first ? s - 1 : NULL, s);

                if (x >= 0 && fill == 0) {
                    off[s->activity + 2]++;
                } else if (x >= 0) {
                    ret[off[s->activity + 1]++] = x;
                }
            }
        }
        for (uint32_t i = 0; fill == 0 && i < n; i++) {
            off[i + 2] += off[i + 1];
        }
    }
}

static int times(struct finder *f, uint32_t pair, struct drift *d, double threshold)
{
    uint32_t acts = f->l->activities_len;
    size_t *off[2];

    d->times = arena_array(f->a, acts + 1, sizeof *d->times);
    off[0] = arena_array(f->a, acts + 2, sizeof **off);
    off[1] = arena_array(f->a, acts + 2, sizeof **off);
    if (d->times == NULL || off[0] == NULL || off[1] == NULL) {
        return -ERR_NOMEM;
    }
    samples(f, pair, f->x, off[0]);
    samples(f, pair + 1, f->y, off[1]);
    for (uint32_t i = 0; i < acts; i++) {
        double *x = f->x + off[0][i], *y = f->y + off[1][i], p;
        size_t n = off[0][i + 1] - off[0][i], m = off[1][i + 1] - off[1][i];

        if (n < DRIFT_CASES || m < DRIFT_CASES) {
            continue;
        }
        p = stats_mann_whitney(x, n, y, m);
        if (p < 0) {
            return -ERR_NOMEM;
        }
        if (p < threshold) {
            d->times[d->times_len++] = (struct drift_time){.activity = i,
                                                           .before_s = stats_median(x, n),
                                                           .after_s = stats_median(y, m),
                                                           .p = p};
        }
    }
    return 0;
}

static int compare(struct finder *f, uint32_t pair, struct drift *d)
{
    uint32_t n = f->l->activities_len;
    double tests = 1;
    int rc = 0;

    *d = (struct drift){.before = f->groups[pair].version,
                        .after = f->groups[pair + 1].version,
                        .cases_before = f->groups[pair].cases,
                        .cases_after = f->groups[pair + 1].cases,
                        .since_us = f->groups[pair + 1].since_us,
                        .flow_p = 1,
                        .added = arena_array(f->a, n + 1, sizeof *d->added),
                        .removed = arena_array(f->a, n + 1, sizeof *d->removed)};
    if (d->added == NULL || d->removed == NULL) {
        return -ERR_NOMEM;
    }
    count(f, pair);
    for (uint32_t i = 0; i < n; i++) {
        tests += f->has[0][i] && f->has[1][i];
        if (f->has[1][i] && !f->has[0][i]) {
            d->added[d->added_len++] = i;
        } else if (f->has[0][i] && !f->has[1][i]) {
            d->removed[d->removed_len++] = i;
        }
    }
    if (d->cases_before < DRIFT_CASES || d->cases_after < DRIFT_CASES) {
        return 0;
    }
    d->tested = true;
    d->flow_p = stats_same_counts(f->counts[0], f->counts[1], (size_t)n * n + 2 * (size_t)n,
                                  &d->flow_x, &d->flow_df);
    d->flow_changed = d->flow_p < DRIFT_P / tests;
    rc = d->flow_changed ? flows(f, d) : 0;
    return rc == 0 ? times(f, pair, d, DRIFT_P / tests) : rc;
}

int drift_find(const struct plog *l, struct arena *a, struct drift **ret, size_t *ret_len,
               struct err *e)
{
    size_t n = (size_t)l->activities_len * l->activities_len + 2 * (size_t)l->activities_len + 1;
    struct finder f = {.l = l, .a = a};
    struct drift *all;
    int rc = 0;

    *ret_len = 0;
    f.of = arena_array(a, l->cases_len + 1, sizeof *f.of);
    all = arena_array(a, DRIFT_PAIRS_MAX, sizeof *all);
    for (int side = 0; side < 2; side++) {
        f.counts[side] = arena_array(a, n, sizeof *f.counts[side]);
        f.has[side] = arena_array(a, l->activities_len + 1, sizeof *f.has[side]);
        rc = f.counts[side] == NULL || f.has[side] == NULL ? -ERR_NOMEM : rc;
    }
    f.x = arena_array(a, l->steps_len + 1, sizeof *f.x);
    f.y = arena_array(a, l->steps_len + 1, sizeof *f.y);
    rc = f.of == NULL || all == NULL || f.x == NULL || f.y == NULL ? -ERR_NOMEM : rc;
    rc = rc == 0 ? by_versions(&f) : rc;
    if (rc == 0 && f.len < 2 && l->cases_len > 1 && l->timed) {
        rc = by_halves(&f);
    }
    for (size_t i = f.len > DRIFT_PAIRS_MAX ? f.len - 1 - DRIFT_PAIRS_MAX : 0;
         rc == 0 && i + 1 < f.len; i++) {
        rc = compare(&f, (uint32_t)i, &all[*ret_len]);
        *ret_len += rc == 0;
    }
    mem_free(f.groups);
    *ret = all;
    return rc != 0 ? err_set(e, ERR_NOMEM, "out of memory for drift") : 0;
}
