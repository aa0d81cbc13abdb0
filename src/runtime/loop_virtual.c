/*
 * The loop on virtual time, for simulation. Nothing waits: when no coroutine is ready the clock
 * jumps to the next timer. Everything happens in one fixed order, so that a seed repeats a run:
 *   1. timers that are due, by time and order of starting
 *   2. ready coroutines, first in first out
 *   3. offloaded work, one item, first in first out, on the loop's own stack (with a seed it
 *      sometimes comes before 2)
 *   4. otherwise the clock jumps to the next timer; without one all wait for each other: deadlock
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/prng.h"
#include "runtime/loop_priv.h"

#define START_US  INT64_C(1000000) /* the monotonic clock's beginning; 0 is often "never" */
#define NAMED_MAX 8                /* waiting coroutines named in the text of a deadlock */

struct loop_virtual {
    struct loop base;
    int64_t now_us, wall_offset_us;
    bool shuffle;
    struct prng prng;
    struct work *first, **last;
};

static struct loop_virtual *self(struct loop *l)
{
    assert(!loop_is_uv(l));
    return (struct loop_virtual *)l;
}

static int64_t virtual_now_us(struct loop *l)
{
    return self(l)->now_us;
}

static int64_t virtual_wall_us(struct loop *l)
{
    return self(l)->now_us + self(l)->wall_offset_us;
}

void loop_work_queue(struct loop *l, struct work *w)
{
    struct loop_virtual *v = self(l);

    w->next = NULL;
    *v->last = w;
    v->last = &w->next;
}

static void work_run(struct loop_virtual *v)
{
    struct work *w = v->first;
    struct loop *l = &v->base;

    v->first = w->next;
    if (v->first == NULL) {
        v->last = &v->first;
    }
    w->result = w->fn(w->arg);
    w->done = true;
    /* Done, but its caller does not know yet: the moment at which a crash leaves an outcome
     * unknown. */
    if (l->on_suspend != NULL && l->on_suspend(l->on_suspend_arg, ++l->suspensions)) {
        l->crashed = true;
        return;
    }
    co_ready(w->co);
}

static int deadlock(const struct loop *l, struct err *e)
{
    char names[512];
    size_t n = 0;
    int count = 0;

    for (const struct co *c = l->all; c != NULL && count < NAMED_MAX; c = c->all_next, count++) {
        int k = snprintf(names + n, sizeof names - n, "%s%s", count > 0 ? ", " : "", c->name);

        n += k > 0 && (size_t)k < sizeof names - n ? (size_t)k : 0;
    }
    names[n] = '\0';
    return err_set(e, ERR_FAILED, "deadlock: %zu coroutines wait and no timer is left: %s%s",
                   l->live, names, l->live > NAMED_MAX ? ", ..." : "");
}

static int virtual_turn(struct loop *l, struct err *e)
{
    struct loop_virtual *v = self(l);
    int64_t next;

    timers_fire(&l->timers, v->now_us);
    if (l->ready_first != NULL &&
        (v->first == NULL || !v->shuffle || prng_below(&v->prng, 2) == 0)) {
        return 0;
    }
    if (v->first != NULL) {
        work_run(v);
        return 0;
    }
    next = timers_next_us(&l->timers);
    if (next == INT64_MAX) {
        return deadlock(l, e);
    }
    v->now_us = next;
    timers_fire(&l->timers, v->now_us);
    return 0;
}

static void virtual_free(struct loop *l)
{
    mem_free(self(l));
}

static const struct loop_ops virtual_ops = {
    .now_us = virtual_now_us,
    .wall_us = virtual_wall_us,
    .turn = virtual_turn,
    .free = virtual_free,
};

bool loop_is_uv(const struct loop *l)
{
    return l->ops != &virtual_ops;
}

int loop_want_uv(const struct loop *l, const char *what, struct err *e)
{
    if (!loop_is_uv(l)) {
        return err_set(e, ERR_UNSUPPORTED, "%s: not on the virtual loop", what);
    }
    return 0;
}

int loop_virtual_new(const struct loop_config *c, struct loop **ret, struct err *e)
{
    struct loop_virtual *v = mem_zalloc(sizeof *v);
    int rc;

    if (v == NULL) {
        return err_set(e, ERR_NOMEM, "loop: out of memory");
    }
    rc = loop_init(&v->base, &virtual_ops, c);
    assert(rc == 0);
    v->now_us = START_US;
    v->wall_offset_us = (c != NULL ? c->wall_start_us : 0) - START_US;
    v->shuffle = c != NULL && c->seed != 0;
    if (v->shuffle) {
        v->base.batch = 1;
    }
    v->last = &v->first;
    prng_seed(&v->prng, c != NULL ? c->seed : 0);
    *ret = &v->base;
    return 0;
}

void loop_virtual_jump_wall(struct loop *l, int64_t by_us)
{
    self(l)->wall_offset_us += by_us;
}

void loop_virtual_advance(struct loop *l, int64_t by_us)
{
    assert(by_us >= 0);
    self(l)->now_us += by_us;
}

void loop_virtual_on_suspend(struct loop *l, bool (*fn)(void *arg, uint64_t n), void *arg)
{
    assert(!loop_is_uv(l));
    l->on_suspend = fn;
    l->on_suspend_arg = arg;
}
