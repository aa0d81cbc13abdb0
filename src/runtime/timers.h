/*
 * Timers of a loop: a binary heap ordered by time, then by the order of starting, so that equal
 * times fire in a known order. Nothing allocates when a timer starts: an owner reserves its place
 * once.
 */
#ifndef TW_RUNTIME_TIMERS_H
#define TW_RUNTIME_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t at_us;
    uint64_t seq;
    size_t place; /* position in the heap + 1; 0 = not started */
    void (*fire)(struct timer *t);
};

struct timers {
    struct timer **v;
    size_t len, cap, owners;
    uint64_t seq;
};

void timers_fini(struct timers *ts);
int timers_reserve(struct timers *ts); /* before an owner's first start; -ERR_NOMEM */
void timers_unreserve(struct timers *ts);
void timer_start(struct timers *ts, struct timer *t, int64_t at_us); /* not started yet */
void timer_stop(struct timers *ts, struct timer *t); /* does nothing when not started */
int64_t timers_next_us(const struct timers *ts);     /* INT64_MAX when there is none */
void timers_fire(struct timers *ts, int64_t now_us); /* all that are due, in order */

#endif
