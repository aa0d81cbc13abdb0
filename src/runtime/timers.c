#include "runtime/timers.h"

#include <assert.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

void timers_fini(struct timers *ts)
{
    mem_free(ts->v);
    *ts = (struct timers){0};
}

int timers_reserve(struct timers *ts)
{
    if (ts->owners >= ts->cap) {
        void *p = ts->v;
        int rc = mem_grow(&p, &ts->cap, ts->owners + 1, sizeof *ts->v);

        if (rc != 0) {
            return rc;
        }
        ts->v = p;
    }
    ts->owners++;
    return 0;
}

void timers_unreserve(struct timers *ts)
{
    assert(ts->owners > 0);
    ts->owners--;
}

static bool before(const struct timer *x, const struct timer *y)
{
    return x->at_us != y->at_us ? x->at_us < y->at_us : x->seq < y->seq;
}

static void put(struct timers *ts, size_t i, struct timer *t)
{
    ts->v[i] = t;
    t->place = i + 1;
}

static void sift_up(struct timers *ts, size_t i, struct timer *t)
{
    while (i > 0 && before(t, ts->v[(i - 1) / 2])) {
        put(ts, i, ts->v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(ts, i, t);
}

static void sift_down(struct timers *ts, size_t i, struct timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= ts->len) {
            break;
        }
        if (child + 1 < ts->len && before(ts->v[child + 1], ts->v[child])) {
            child++;
        }
        if (!before(ts->v[child], t)) {
            break;
        }
        put(ts, i, ts->v[child]);
        i = child;
    }
    put(ts, i, t);
}

void timer_start(struct timers *ts, struct timer *t, int64_t at_us)
{
    assert(t->place == 0);
    assert(ts->len < ts->cap);
    t->at_us = at_us;
    t->seq = ++ts->seq;
    ts->len++;
    sift_up(ts, ts->len - 1, t);
}

void timer_stop(struct timers *ts, struct timer *t)
{
    struct timer *last;
    size_t i;

    if (t->place == 0) {
        return;
    }
    i = t->place - 1;
    assert(ts->v[i] == t);
    t->place = 0;
    last = ts->v[--ts->len];
    if (last == t) {
        return;
    }
    if (i > 0 && before(last, ts->v[(i - 1) / 2])) {
        sift_up(ts, i, last);
    } else {
        sift_down(ts, i, last);
    }
}

int64_t timers_next_us(const struct timers *ts)
{
    return ts->len > 0 ? ts->v[0]->at_us : INT64_MAX;
}

void timers_fire(struct timers *ts, int64_t now_us)
{
    while (ts->len > 0 && ts->v[0]->at_us <= now_us) {
        struct timer *t = ts->v[0];

        timer_stop(ts, t);
        t->fire(t);
    }
}
