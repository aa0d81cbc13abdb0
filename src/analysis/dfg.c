/* Frequencies from variants, times from steps. */
#include "analysis/dfg.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/stats.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/time.h"

int dfg_build(const struct plog *l, const struct variants *v, struct arena *a, struct dfg *ret,
              struct err *e)
{
    uint32_t n = l->activities_len;

    *ret = (struct dfg){.n = n,
                        .count = arena_array(a, (size_t)n * n + 1, sizeof *ret->count),
                        .start = arena_array(a, n + 1, sizeof *ret->start),
                        .end = arena_array(a, n + 1, sizeof *ret->end),
                        .occurs = arena_array(a, n + 1, sizeof *ret->occurs)};
    if (ret->count == NULL || ret->start == NULL || ret->end == NULL || ret->occurs == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a directly-follows graph");
    }
    for (size_t i = 0; i < v->len; i++) {
        const struct variant *t = &v->v[i];

        ret->cases += t->n;
        if (t->len == 0) {
            ret->empty += t->n;
            continue;
        }
        ret->start[t->acts[0]] += t->n;
        ret->end[t->acts[t->len - 1]] += t->n;
        for (uint32_t k = 0; k < t->len; k++) {
            ret->occurs[t->acts[k]] += t->n;
            if (k > 0) {
                ret->count[(size_t)t->acts[k - 1] * n + t->acts[k]] += t->n;
            }
        }
    }
    return 0;
}

/* ---- times ---- */

int64_t dfg_service_us(const struct plog_step *s)
{
    if (s->start_us == TIME_NONE || s->end_us == TIME_NONE) {
        return -1;
    }
    return s->end_us > s->start_us ? s->end_us - s->start_us : 0;
}

int64_t dfg_wait_us(const struct plog_step *before, const struct plog_step *s)
{
    int64_t began = s->start_us != TIME_NONE ? s->start_us : s->end_us, from;

    from = s->ready_us != TIME_NONE ? s->ready_us : before != NULL ? before->end_us : TIME_NONE;
    if (began == TIME_NONE || from == TIME_NONE) {
        return -1;
    }
    return began > from ? began - from : 0;
}

/* A measured span and what it is of. */
struct sample {
    uint64_t of;
    int64_t us;
};

static int by_of(const void *x, const void *y)
{
    const struct sample *a = x, *b = y;

    if (a->of != b->of) {
        return a->of < b->of ? -1 : 1;
    }
    return a->us < b->us ? -1 : a->us > b->us;
}

/* Sorts the samples and fills what each is of. */
static void summarise(struct sample *s, size_t n, struct spans *ret)
{
    if (n > 0) {
        qsort(s, n, sizeof *s, by_of);
    }
    for (size_t i = 0, end; i < n; i = end) {
        struct spans *r = &ret[s[i].of];
        int64_t total = 0;

        for (end = i; end < n && s[end].of == s[i].of; end++) {
            total += s[end].us;
        }
        *r =
            (struct spans){.n = end - i,
                           .median_us = (s[i + (end - i - 1) / 2].us + s[i + (end - i) / 2].us) / 2,
                           .mean_us = total / (int64_t)(end - i),
                           .total_us = total};
    }
}

enum kind { SERVICE, WAIT, FOLLOWS, CASES };

static size_t gather(const struct plog *l, const bool *keep, enum kind k, struct sample *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < l->cases_len; i++) {
        const struct plog_case *c = &l->cases[i];

        if (keep != NULL && !keep[i]) {
            continue;
        }
        if (k == CASES && c->start_us != TIME_NONE && c->end_us != TIME_NONE) {
            ret[n++] = (struct sample){0, c->end_us - c->start_us};
        }
        for (size_t at = c->first; k != CASES && at < c->first + c->len; at++) {
            const struct plog_step *s = &l->steps[at], *before = at > c->first ? s - 1 : NULL;
            struct plog_step unready = *s;
            struct sample x = {s->activity, -1};

            unready.ready_us = TIME_NONE;
            if (k == SERVICE) {
                x.us = dfg_service_us(s);
            } else if (k == WAIT) {
                x.us = dfg_wait_us(before, s);
            } else if (before != NULL) {
                x = (struct sample){(uint64_t)before->activity * l->activities_len + s->activity,
                                    dfg_wait_us(before, &unready)};
            }
            if (x.us >= 0) {
                ret[n++] = x;
            }
        }
    }
    return n;
}

static void unknown(struct spans *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct spans){0, -1, -1, 0};
    }
}

int dfg_timing(const struct plog *l, const bool *keep, struct arena *a, struct timing_of *ret,
               struct err *e)
{
    uint32_t n = l->activities_len;
    MEM_CLEANUP struct sample *s = mem_array(l->steps_len + l->cases_len + 1, sizeof *s);
    struct spans *const of[] = {arena_array(a, n + 1, sizeof(struct spans)),
                                arena_array(a, n + 1, sizeof(struct spans)),
                                arena_array(a, (size_t)n * n + 1, sizeof(struct spans))};

    *ret = (struct timing_of){of[SERVICE], of[WAIT], of[FOLLOWS], {0, -1, -1, 0}};
    if (s == NULL || of[SERVICE] == NULL || of[WAIT] == NULL || of[FOLLOWS] == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the times of a log");
    }
    for (int k = SERVICE; k <= FOLLOWS; k++) {
        unknown(of[k], k == FOLLOWS ? (size_t)n * n : n);
        summarise(s, gather(l, keep, (enum kind)k, s), of[k]);
    }
    summarise(s, gather(l, keep, CASES, s), &ret->cases);
    return 0;
}
