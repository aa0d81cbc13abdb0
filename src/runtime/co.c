/*
 * Coroutines: their life, suspension, cancellation, deadlines.
 *
 * States (struct co.state)
 *   SUSPENDED  a new one, and one inside co_block; either queued (in the loop's FIFO) or waiting
 *   RUNNING    the one that the loop resumed; at most one of a loop
 *   DONE       its function returned; the stack is back in the pool; the struct stays while
 *              somebody may ask for the result
 *
 *   transition              function
 *   (none)    → SUSPENDED   co_spawn, queued
 *   SUSPENDED → RUNNING     co_resume, called by loop_run only
 *   RUNNING   → SUSPENDED   co_block, co_yield
 *   RUNNING   → DONE        co_entry; co_finish then runs on the loop's stack
 *   any       → (none)      co_discard, a simulated crash: the stack goes, nothing runs
 *
 * Invariants
 *   1. A coroutine runs only between co_resume's switch and the next switch_out; nothing else
 *      changes stacks.
 *   2. queued is true exactly while it is in the FIFO; RUNNING and DONE are never queued.
 *   3. canceled is never reset. While it is set and no shield stands, co_check returns
 *      -ERR_CANCELED whatever else happened.
 *   4. co->deadline->at_us is already the earliest of its chain up to the innermost shield; a
 *      shield hides deadlines around it, as it hides cancellation, but not the deadline of an
 *      outer shield: cleanup as a whole is bounded.
 *   5. Its timer is started only inside co_block.
 *   6. Once spawned, its function runs, even if it was cancelled before it started (the first
 *      suspending call says so): the function may own its argument, and only it can let it go.
 *   7. A group's `live` counts its coroutines that are not DONE; it stays in scope until that is 0.
 */
#include "runtime/co.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co_san.h"
#include "runtime/co_switch.h"
#include "runtime/loop_priv.h"

#define IO_STREAK_MAX 64

struct co *co_self(void)
{
    struct loop *l = loop_current();

    return l != NULL ? l->running : NULL;
}

static struct co *self(void)
{
    struct co *c = co_self();

    assert(c != NULL);
    return c;
}

/* ---- life ---- */

static void switch_out(struct co *c)
{
    struct loop *l = c->loop;

    san_leave(c->state == CO_DONE ? NULL : &c->fake, l->main_lo, l->main_size);
    san_fiber_switch(l->main_fiber);
    (void)co_switch(&c->sp, l->main_sp, NULL);
    san_arrive(c->fake, &l->main_lo, &l->main_size);
}

static void co_entry(void *arg)
{
    struct co *c = arg;

    san_arrive(NULL, &c->loop->main_lo, &c->loop->main_size);
    c->result = c->fn(c->arg);
    c->state = CO_DONE;
    switch_out(c);
    abort();
}

static void group_unlink(struct co *c)
{
    if (c->group_prev != NULL) {
        c->group_prev->group_next = c->group_next;
    } else {
        c->group->first = c->group_next;
    }
    if (c->group_next != NULL) {
        c->group_next->group_prev = c->group_prev;
    }
    c->group = NULL;
}

static void retire(struct co *c)
{
    struct loop *l = c->loop;

    if (c->all_prev != NULL) {
        c->all_prev->all_next = c->all_next;
    } else {
        l->all = c->all_next;
    }
    if (c->all_next != NULL) {
        c->all_next->all_prev = c->all_prev;
    }
    timer_stop(&l->timers, &c->timer);
    timers_unreserve(&l->timers);
    stack_put(&l->stacks, c->stack);
    c->stack = NULL;
    l->live--;
}

/* On the loop's stack, after the coroutine's last switch. The awaiter comes before the joiner,
 * which frees. */
static void co_finish(struct co *c)
{
    struct co_group *g = c->group;

    assert(c->deadline == NULL); /* every deadline and shield was ended */
    retire(c);
    g->live--;
    if (c->awaiter != NULL) {
        co_ready(c->awaiter);
    }
    if (g->live == 0 && g->waiter != NULL) {
        co_ready(g->waiter);
    }
    if (!c->keep) {
        group_unlink(c);
        mem_free(c);
    }
}

void co_resume(struct co *c)
{
    struct loop *l = c->loop;

    assert(l->running == NULL && c->state == CO_SUSPENDED);
    c->state = CO_RUNNING;
    c->io_streak = 0;
    l->running = c;
    san_leave(&l->main_fake, c->stack->lo, c->stack->size);
    san_fiber_switch(c->stack->fiber);
    (void)co_switch(&l->main_sp, c->sp, c);
    san_arrive(l->main_fake, NULL, NULL);
    l->running = NULL;
    if (c->state == CO_DONE) {
        co_finish(c);
    }
}

void co_discard(struct co *c)
{
    retire(c);
    mem_free(c);
}

static void timer_fired(struct timer *t)
{
    co_ready((struct co *)((char *)t - offsetof(struct co, timer)));
}

int co_spawn(struct co_group *g, const char *name, co_fn fn, void *arg, struct co **ret_co,
             struct err *e)
{
    struct loop *l = g->loop;
    struct co *c;
    int rc;

    if (g->canceled) {
        return err_set(e, ERR_CANCELED, "%s: its group is canceled", name);
    }
    c = mem_zalloc(sizeof *c);
    if (c == NULL || timers_reserve(&l->timers) != 0) {
        mem_free(c);
        return err_set(e, ERR_NOMEM, "%s: out of memory", name);
    }
    rc = stack_get(&l->stacks, &c->stack, e);
    if (rc != 0) {
        timers_unreserve(&l->timers);
        mem_free(c);
        return err_prefix(e, rc, "%s", name);
    }
    c->loop = l;
    c->name = name;
    c->fn = fn;
    c->arg = arg;
    c->timer.fire = timer_fired;
    c->sp = co_context(c->stack->lo, c->stack->size, co_entry);
    c->all_next = l->all;
    if (l->all != NULL) {
        l->all->all_prev = c;
    }
    l->all = c;
    l->live++;
    c->group = g;
    c->group_next = g->first;
    if (g->first != NULL) {
        g->first->group_prev = c;
    }
    g->first = c;
    g->live++;
    if (ret_co != NULL) {
        c->keep = true;
        *ret_co = c;
    }
    co_ready(c);
    return 0;
}

/* ---- suspension ---- */

void co_ready(struct co *c)
{
    struct loop *l = c->loop;

    if (c->state != CO_SUSPENDED || c->queued) {
        return;
    }
    c->queued = true;
    c->ready_next = NULL;
    *l->ready_last = c;
    l->ready_last = &c->ready_next;
}

int co_check(struct co *c)
{
    assert(c->no_suspend == 0);
    if (c->canceled && c->shield == NULL) {
        return -ERR_CANCELED;
    }
    if (c->deadline != NULL && c->deadline->at_us <= loop_now_us(c->loop)) {
        return -ERR_TIMEOUT;
    }
    return 0;
}

static void suspend(struct co *c)
{
    struct loop *l = c->loop;

    assert(c->no_suspend == 0);
    if (l->on_suspend != NULL && l->on_suspend(l->on_suspend_arg, ++l->suspensions)) {
        l->crashed = true; /* the loop sees it at once, and nothing here ever runs again */
    }
    c->state = CO_SUSPENDED;
    switch_out(c);
}

int co_block(struct co *c, int64_t at_us, enum co_block how)
{
    struct timers *ts = &c->loop->timers;

    if (how == CO_BLOCK && c->deadline != NULL && c->deadline->at_us < at_us) {
        at_us = c->deadline->at_us;
    }
    if (at_us != INT64_MAX) {
        timer_start(ts, &c->timer, at_us);
    }
    c->interruptible = how == CO_BLOCK;
    suspend(c);
    timer_stop(ts, &c->timer);
    return how == CO_BLOCK ? co_check(c) : 0;
}

int co_suspend(void)
{
    struct co *c = self();
    int rc = co_check(c);

    while (rc == 0 && !c->permit) {
        rc = co_block(c, INT64_MAX, CO_BLOCK);
    }
    if (rc == 0) {
        c->permit = false;
    }
    return rc;
}

void co_wake(struct co *c)
{
    if (c->state != CO_DONE) {
        c->permit = true;
        co_ready(c);
    }
}

int co_yield (void)
{
    struct co *c = self();
    int rc = co_check(c);

    if (rc != 0) {
        return rc;
    }
    c->state = CO_SUSPENDED;
    co_ready(c);
    suspend(c);
    return co_check(c);
}

int co_io_fair(struct co *c)
{
    return ++c->io_streak < IO_STREAK_MAX ? 0 : co_yield ();
}

static int64_t later(const struct loop *l, int64_t us)
{
    int64_t now = loop_now_us((struct loop *)l);

    if (us <= 0) {
        return now;
    }
    return us < INT64_MAX - now ? now + us : INT64_MAX - 1;
}

int co_sleep(int64_t us)
{
    struct co *c = self();
    int64_t end;
    int rc;

    if (us <= 0) {
        return co_yield ();
    }
    rc = co_check(c);
    end = later(c->loop, us);
    while (rc == 0 && loop_now_us(c->loop) < end) {
        rc = co_block(c, end, CO_BLOCK);
    }
    return rc;
}

int co_await (struct co *c, int *ret_result)
{
    struct co *me = self();
    int rc = co_check(me);

    assert(c->keep && c->awaiter == NULL && c != me);
    c->awaiter = me;
    while (rc == 0 && c->state != CO_DONE) {
        rc = co_block(me, INT64_MAX, CO_BLOCK);
    }
    c->awaiter = NULL;
    if (rc == 0) {
        *ret_result = c->result;
        if (c->group != NULL) {
            group_unlink(c);
        }
        mem_free(c);
    } else if (c->group == NULL) {
        mem_free(c); /* its group was joined meanwhile and left it to us */
    }
    return rc;
}

/* ---- cancellation, deadlines, shields ---- */

void co_cancel(struct co *c)
{
    if (c->state == CO_DONE) {
        return;
    }
    c->canceled = true;
    if (c->interruptible && c->shield == NULL) {
        co_ready(c);
    }
}

bool co_canceled(void)
{
    struct co *c = co_self();

    return c != NULL && c->canceled && c->shield == NULL;
}

const char *co_name(const struct co *c)
{
    return c->name;
}

void co_deadline_begin(struct co_deadline *d, int64_t us)
{
    struct co *c = self();

    d->outer = c->deadline;
    d->at_us = later(c->loop, us);
    if (d->outer != NULL && d->outer->at_us < d->at_us) {
        d->at_us = d->outer->at_us;
    }
    c->deadline = d;
}

void co_deadline_end(struct co_deadline *d)
{
    struct co *c = self();

    assert(c->deadline == d);
    c->deadline = d->outer;
}

void co_shield_begin(struct co_shield *s, int64_t us)
{
    struct co *c = self();

    s->outer = c->shield;
    s->deadline.outer = c->deadline;
    s->deadline.at_us = later(c->loop, us);
    if (s->outer != NULL && s->outer->deadline.at_us < s->deadline.at_us) {
        s->deadline.at_us = s->outer->deadline.at_us;
    }
    c->deadline = &s->deadline;
    c->shield = s;
}

void co_shield_end(struct co_shield *s)
{
    struct co *c = self();

    assert(c->shield == s && c->deadline == &s->deadline);
    c->shield = s->outer;
    c->deadline = s->deadline.outer;
}

void co_no_suspend_begin(void)
{
    struct co *c = co_self();

    if (c != NULL) {
        c->no_suspend++;
    }
}

void co_no_suspend_end(void)
{
    struct co *c = co_self();

    if (c != NULL) {
        assert(c->no_suspend > 0);
        c->no_suspend--;
    }
}

/* ---- groups ---- */

void co_group_init(struct co_group *g, struct loop *loop)
{
    *g = (struct co_group){.loop = loop};
}

void co_group_cancel(struct co_group *g)
{
    g->canceled = true;
    for (struct co *c = g->first; c != NULL; c = c->group_next) {
        co_cancel(c);
    }
}

/* Forgets results that nobody took. One that is being awaited is freed by its awaiter. */
static void group_reap(struct co_group *g)
{
    while (g->first != NULL) {
        struct co *c = g->first;

        assert(c->state == CO_DONE);
        group_unlink(c);
        if (c->awaiter == NULL) {
            mem_free(c);
        }
    }
}

int co_group_join(struct co_group *g)
{
    struct co *c = self();
    int rc = co_check(c);

    assert(g->waiter == NULL);
    g->waiter = c;
    while (rc == 0 && g->live > 0) {
        rc = co_block(c, INT64_MAX, CO_BLOCK);
    }
    if (rc != 0) {
        co_group_cancel(g);
        while (g->live > 0) {
            (void)co_block(c, INT64_MAX, CO_BLOCK_FIRMLY);
        }
    }
    g->waiter = NULL;
    group_reap(g);
    return rc;
}

void co_group_close(struct co_group *g)
{
    struct co *c = self();

    assert(g->waiter == NULL && c->no_suspend == 0);
    co_group_cancel(g);
    g->waiter = c;
    while (g->live > 0) {
        (void)co_block(c, INT64_MAX, CO_BLOCK_FIRMLY);
    }
    g->waiter = NULL;
    group_reap(g);
}
