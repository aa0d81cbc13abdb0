/*
 * Conditions and channels.
 *
 * A channel hands nothing over directly: a signalled waiter takes from the buffer when it runs. So
 * that nobody who comes later takes it first, what a signalled waiter was promised is counted
 * (promised_items, promised_slots) and others leave that many alone. A waiter that was signalled
 * but ends by cancellation or a deadline passes its promise on. Closing voids all promises.
 */
#include <assert.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co.h"
#include "runtime/loop_priv.h"

enum signaled { WAITING, SIGNALED, BROADCAST };

/* Lives in the waiting frame. */
struct co_waiter {
    struct co *co;
    enum signaled signaled;
    struct co_waiter *next, **pprev;
};

void co_cond_init(struct co_cond *c)
{
    c->first = NULL;
    c->last = &c->first;
}

/* Not inlined: gcc would see a local's address stored, but not that waiter_unlink always takes it
 * back. */
__attribute__((noinline)) static void waiter_link(struct co_cond *c, struct co_waiter *w)
{
    w->pprev = c->last;
    *c->last = w;
    c->last = &w->next;
}

static void waiter_unlink(struct co_cond *c, struct co_waiter *w)
{
    *w->pprev = w->next;
    if (w->next != NULL) {
        w->next->pprev = w->pprev;
    } else {
        c->last = w->pprev;
    }
}

/* As co_cond_wait, but tells whether it was signalled, so that the caller passes a signal on that
 * it cannot use. */
static int cond_wait(struct co_cond *c, enum signaled *ret)
{
    struct co *me = co_self();
    struct co_waiter w = {.co = me};
    int rc = co_check(me);

    *ret = WAITING;
    if (rc != 0) {
        return rc;
    }
    waiter_link(c, &w);
    while (rc == 0 && w.signaled == WAITING) {
        rc = co_block(me, INT64_MAX, CO_BLOCK);
    }
    if (w.signaled == WAITING) {
        waiter_unlink(c, &w);
    }
    *ret = w.signaled;
    return rc;
}

int co_cond_wait(struct co_cond *c)
{
    enum signaled s;
    int rc = cond_wait(c, &s);

    if (rc != 0 && s == SIGNALED) {
        co_cond_signal(c);
    }
    return rc;
}

static void wake_first(struct co_cond *c, enum signaled how)
{
    struct co_waiter *w = c->first;

    waiter_unlink(c, w);
    w->signaled = how;
    co_ready(w->co);
}

void co_cond_signal(struct co_cond *c)
{
    if (c->first != NULL) {
        wake_first(c, SIGNALED);
    }
}

void co_cond_broadcast(struct co_cond *c)
{
    while (c->first != NULL) {
        wake_first(c, BROADCAST);
    }
}

struct chan {
    void **items; /* a ring */
    size_t cap, head, len;
    size_t promised_items, promised_slots;
    bool closed;
    struct co_cond receivers, senders;
};

struct chan *chan_new(size_t capacity)
{
    struct chan *c = mem_zalloc(sizeof *c);

    assert(capacity >= 1);
    if (c == NULL) {
        return NULL;
    }
    c->items = mem_array(capacity, sizeof *c->items);
    if (c->items == NULL) {
        mem_free(c);
        return NULL;
    }
    c->cap = capacity;
    co_cond_init(&c->receivers);
    co_cond_init(&c->senders);
    return c;
}

void chan_free(struct chan *c)
{
    if (c == NULL) {
        return;
    }
    assert(c->receivers.first == NULL && c->senders.first == NULL);
    assert(c->promised_items == 0 && c->promised_slots == 0);
    mem_free(c->items);
    mem_free(c);
}

static void promise_item(struct chan *c)
{
    if (c->receivers.first != NULL && c->len > c->promised_items) {
        c->promised_items++;
        co_cond_signal(&c->receivers);
    }
}

static void promise_slot(struct chan *c)
{
    if (c->senders.first != NULL && c->cap - c->len > c->promised_slots) {
        c->promised_slots++;
        co_cond_signal(&c->senders);
    }
}

static void put(struct chan *c, void *item)
{
    c->items[(c->head + c->len) % c->cap] = item;
    c->len++;
    promise_item(c);
}

static void *take(struct chan *c)
{
    void *item = c->items[c->head];

    c->head = (c->head + 1) % c->cap;
    c->len--;
    promise_slot(c);
    return item;
}

int chan_try_send(struct chan *c, void *item)
{
    if (c->closed) {
        return -ERR_CLOSED;
    }
    if (c->cap - c->len <= c->promised_slots) {
        return -ERR_BUSY;
    }
    put(c, item);
    return 0;
}

int chan_try_recv(struct chan *c, void **ret)
{
    if (c->closed) {
        if (c->len == 0) {
            return -ERR_CLOSED;
        }
    } else if (c->len <= c->promised_items) {
        return -ERR_BUSY;
    }
    *ret = take(c);
    return 0;
}

int chan_send(struct chan *c, void *item)
{
    enum signaled s;
    int rc = co_check(co_self());

    if (rc != 0) {
        return rc;
    }
    rc = chan_try_send(c, item);
    while (rc == -ERR_BUSY) {
        rc = cond_wait(&c->senders, &s);
        if (s == SIGNALED) {
            c->promised_slots--;
        }
        if (rc == 0) {
            rc = chan_try_send(c, item);
        } else if (!c->closed) {
            promise_slot(c);
        }
    }
    return rc;
}

int chan_recv(struct chan *c, void **ret)
{
    enum signaled s;
    int rc = co_check(co_self());

    if (rc != 0) {
        return rc;
    }
    rc = chan_try_recv(c, ret);
    while (rc == -ERR_BUSY) {
        rc = cond_wait(&c->receivers, &s);
        if (s == SIGNALED) {
            c->promised_items--;
        }
        if (rc == 0) {
            rc = chan_try_recv(c, ret);
        } else if (!c->closed) {
            promise_item(c);
        }
    }
    return rc;
}

void chan_close(struct chan *c)
{
    c->closed = true;
    co_cond_broadcast(&c->receivers);
    co_cond_broadcast(&c->senders);
}

size_t chan_len(const struct chan *c)
{
    return c->len;
}
