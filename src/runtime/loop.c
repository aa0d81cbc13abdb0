/* What both loops share: the ready FIFO, running, the end. */
#include "runtime/loop.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co_san.h"
#include "runtime/loop_priv.h"

/* So many resumes between two looks at the world: a turn costs about a microsecond, a resume 50 ns.
 */
#define BATCH 256

/* The thread's running loop. A coroutine never leaves its thread, so this is part of its context,
 * not shared state. */
static _Thread_local struct loop *current;

struct loop *loop_current(void)
{
    return current;
}

struct loop *loop_enter(struct loop *l)
{
    struct loop *old = current;

    current = l;
    return old;
}

int loop_init(struct loop *l, const struct loop_ops *ops, const struct loop_config *c)
{
    l->ops = ops;
    l->batch = BATCH;
    l->ready_last = &l->ready_first;
    stack_pool_init(&l->stacks, c != NULL ? c->stack_bytes : 0);
    co_group_init(&l->root, l);
    return 0;
}

static void free_kept(struct loop *l)
{
    struct co *next;

    for (struct co *c = l->root.first; c != NULL; c = next) {
        next = c->group_next;
        assert(c->state == CO_DONE);
        mem_free(c);
    }
    l->root.first = NULL;
}

void loop_free(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    assert(l->live == 0 && !l->running_loop);
    free_kept(l);
    stack_pool_fini(&l->stacks);
    assert(l->timers.len == 0);
    timers_fini(&l->timers);
    l->ops->free(l);
}

void loop_abandon(struct loop *l)
{
    l->ready_first = NULL;
    l->ready_last = &l->ready_first;
    l->running = NULL;
    while (l->all != NULL) {
        struct co *c = l->all;

        if (c->group == &l->root) { /* other groups lie in memory that may be gone */
            if (c->group_prev != NULL) {
                c->group_prev->group_next = c->group_next;
            } else {
                l->root.first = c->group_next;
            }
            if (c->group_next != NULL) {
                c->group_next->group_prev = c->group_prev;
            }
            l->root.live--;
        }
        co_discard(c);
    }
    l->root.waiter = NULL;
}

struct co_group *loop_root(struct loop *l)
{
    return &l->root;
}

int64_t loop_now_us(struct loop *l)
{
    return l->ops->now_us(l);
}

int64_t loop_wall_us(struct loop *l)
{
    return l->ops->wall_us(l);
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

static void drain(struct loop *l)
{
    for (int i = 0; i < l->batch && l->ready_first != NULL && !l->crashed; i++) {
        struct co *c = l->ready_first;

        l->ready_first = c->ready_next;
        if (l->ready_first == NULL) {
            l->ready_last = &l->ready_first;
        }
        c->queued = false;
        co_resume(c);
        if (l->crashed) {
            l->running = NULL;
        }
    }
}

static bool finished(const struct loop *l, const size_t *live, const struct co *until)
{
    return l->stop || l->crashed || *live == 0 || (until != NULL && until->state == CO_DONE);
}

/* Runs until *live is 0 (or `until` is done), a stop, a crash or a deadlock; the last two abandon
 * all coroutines. */
static int run(struct loop *l, const size_t *live, const struct co *until, struct err *e)
{
    struct loop *outer = loop_enter(l);
    int rc = 0;

    assert(!l->running_loop);
    l->running_loop = true;
    l->main_fiber = san_fiber_current();
    while (rc == 0 && !finished(l, live, until)) {
        drain(l);
        if (!finished(l, live, until)) {
            rc = l->ops->turn(l, e);
        }
    }
    if (l->crashed) {
        rc = err_set(e, ERR_CANCELED, "crashed at suspension %llu",
                     (unsigned long long)l->suspensions);
    }
    if (rc != 0) {
        loop_abandon(l);
    }
    l->crashed = false;
    l->running_loop = false;
    (void)loop_enter(outer);
    return rc;
}

int loop_run(struct loop *l, struct err *e)
{
    int rc = run(l, &l->live, NULL, e);

    l->stop = false;
    return rc;
}

int loop_main(struct loop *l, co_fn fn, void *arg, struct err *e)
{
    struct co *c;
    int rc = co_spawn(&l->root, "main", fn, arg, &c, e);
    int result;

    if (rc != 0) {
        return rc;
    }
    rc = run(l, &l->live, c, e);
    l->stop = false;
    if (rc != 0) {
        return rc; /* abandoned: c is gone */
    }
    if (c->state != CO_DONE) {
        return err_set(e, ERR_CANCELED, "the loop was stopped");
    }
    result = c->result;
    co_group_cancel(&l->root); /* leaving the scope: cancel and join */
    rc = run(l, &l->root.live, NULL, e);
    l->stop = false;
    l->root.canceled = false;
    if (rc == 0 && l->root.live == 0) {
        free_kept(l);
    }
    return rc != 0 ? rc : result;
}
