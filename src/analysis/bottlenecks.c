#include <stdlib.h>

#include "analysis/insight.h"
#include "base/err.h"
#include "base/time.h"

static int by_share(const void *x, const void *y)
{
    const struct bottleneck *a = x, *b = y;

    if (a->path_share != b->path_share) {
        return a->path_share > b->path_share ? -1 : 1;
    }
    if (a->wait_share != b->wait_share) {
        return a->wait_share > b->wait_share ? -1 : 1;
    }
    return a->activity < b->activity ? -1 : a->activity > b->activity;
}

static int64_t began(const struct plog_step *s)
{
    return s->start_us != TIME_NONE ? s->start_us : s->end_us;
}

/* The step that ended last before this one began: steps are sorted by their ends. NULL: none. */
static const struct plog_step *before(const struct plog_step *first, const struct plog_step *s)
{
    size_t lo = 0, hi = (size_t)(s - first);

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (first[mid].end_us <= began(s)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo > 0 ? &first[lo - 1] : NULL;
}

static void walk_case(const struct plog *l, const struct plog_case *c, struct bottleneck *of)
{
    const struct plog_step *first = &l->steps[c->first];

    for (size_t i = 0; i < c->len; i++) {
        const struct plog_step *s = &first[i];
        int64_t wait = dfg_wait_us(i > 0 ? s - 1 : NULL, s), service = dfg_service_us(s);

        of[s->activity].wait_us += wait > 0 ? wait : 0;
        of[s->activity].service_us += service > 0 ? service : 0;
    }
    if (c->len == 0 || c->end_us == TIME_NONE) {
        return;
    }
    for (const struct plog_step *s = &first[c->len - 1], *b; s != NULL; s = b) {
        struct bottleneck *o = &of[s->activity];
        int64_t service = dfg_service_us(s), from;

        b = before(first, s);
        from = b != NULL ? b->end_us : s->ready_us;
        o->path_service_us += service > 0 ? service : 0;
        o->path_wait_us += from != TIME_NONE && began(s) > from ? began(s) - from : 0;
    }
}

int bottlenecks_find(const struct plog *l, struct arena *a, struct bottleneck **ret,
                     size_t *ret_len, struct err *e)
{
    struct bottleneck *of = arena_array(a, l->activities_len + 1, sizeof *of);
    double waits = 0, paths = 0;
    size_t n = 0;

    if (of == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for bottlenecks");
    }
    for (size_t i = 0; i < l->cases_len; i++) {
        walk_case(l, &l->cases[i], of);
    }
    for (uint32_t i = 0; i < l->activities_len; i++) {
        waits += (double)of[i].wait_us;
        paths += (double)of[i].path_wait_us + (double)of[i].path_service_us;
    }
    for (uint32_t i = 0; i < l->activities_len; i++) {
        struct bottleneck b = of[i];

        b.activity = i;
        b.wait_share = waits > 0 ? (double)b.wait_us / waits : 0;
        b.path_share = paths > 0 ? ((double)b.path_wait_us + (double)b.path_service_us) / paths : 0;
        if (b.wait_us > 0 || b.service_us > 0) {
            of[n++] = b;
        }
    }
    if (n > 0) {
        qsort(of, n, sizeof *of, by_share);
    }
    *ret = of;
    *ret_len = n;
    return 0;
}
