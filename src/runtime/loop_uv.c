/*
 * The loop on libuv, embedded: it waits in one epoll set of our own, in which libuv's loop is one
 * member (uv_backend_fd). In it are
 *   - descriptors. A wait costs one epoll_ctl (one-shot rearm) and no handle: with a uv_poll it
 *     would be two, and a uv_run more. A descriptor that was closed and whose number came back is
 *     noticed (ENOENT), so nobody need say that he closes one
 *   - time, by one timerfd on CLOCK_BOOTTIME: microseconds, and a suspended machine counts. It is
 *     moved only to an earlier time; firing too early is harmless
 *   - libuv, for threads (offload: one uv_async) and signals (one uv_signal each, made at the first
 *     wait and kept, so that a signal between two waits is not lost). It looks at its own handles
 *     only in uv_run, so a new one sets uv_news
 *
 * What arrives only stores a fact and puts coroutines on the FIFO; loop_run drains it.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/loop_priv.h"

#define EVENTS_MAX  128
#define SIGNALS_MAX 65
#define TIMER_ID    UINT64_MAX
#define UV_ID       (UINT64_MAX - 1)

struct fd_slot {
    struct co *reader, *writer;
    fd_fn watch;
    void *watch_arg;
    int watch_events;
    bool added; /* it was in the epoll set, and is still unless it was closed */
};

struct signal_slot {
    uv_signal_t handle;
    bool pending; /* came while nobody waited */
    struct signal_waiter *first;
};

struct signal_waiter {
    struct co *co;
    bool fired;
    struct signal_waiter *next;
};

struct loop_uv {
    struct loop base;
    uv_loop_t uv;
    uv_async_t async;
    bool uv_news; /* libuv must look at its handles before we wait */
    int epoll_fd, timer_fd;
    int64_t timer_at_us; /* what timer_fd is set to; INT64_MAX = nothing */
    struct fd_slot *slots;
    size_t slots_cap;
    struct signal_slot *signals[SIGNALS_MAX];
    pthread_mutex_t done_lock;
    struct work *done_first; /* under done_lock; newest first */
    struct child *orphans;
};

static struct loop_uv *self(struct loop *l)
{
    assert(loop_is_uv(l));
    return (struct loop_uv *)l;
}

/* ---- clocks ---- */

static int64_t clock_us(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t uv_now_us(struct loop *l)
{
    (void)l;
    return clock_us(CLOCK_BOOTTIME);
}

static int64_t uv_wall_us(struct loop *l)
{
    (void)l;
    return clock_us(CLOCK_REALTIME);
}

static void timer_arm(struct loop_uv *u, int64_t at_us)
{
    struct itimerspec t = {0};

    if (at_us >= u->timer_at_us) {
        return;
    }
    t.it_value.tv_sec = at_us / 1000000;
    t.it_value.tv_nsec = at_us % 1000000 * 1000 + 1; /* never all zero, which would disarm it */
    (void)timerfd_settime(u->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
    u->timer_at_us = at_us;
}

static void timer_expired(struct loop_uv *u)
{
    uint64_t n;

    (void)!read(u->timer_fd, &n, sizeof n);
    u->timer_at_us = INT64_MAX;
}

/* ---- descriptors ---- */

static uint32_t to_epoll(int events)
{
    return (events & LOOP_READ ? EPOLLIN | EPOLLRDHUP : 0) | (events & LOOP_WRITE ? EPOLLOUT : 0);
}

static int from_epoll(uint32_t events)
{
    int r = 0;

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI)) {
        r |= LOOP_READ;
    }
    if (events & EPOLLOUT) {
        r |= LOOP_WRITE;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        r |= LOOP_READ | LOOP_WRITE; /* the next call on it says what happened */
    }
    return r;
}

static int slot_get(struct loop_uv *u, int fd, struct fd_slot **ret)
{
    size_t old = u->slots_cap;
    void *p = u->slots;

    if ((size_t)fd >= old) {
        if (mem_grow(&p, &u->slots_cap, (size_t)fd + 1, sizeof *u->slots) != 0) {
            return -ERR_NOMEM;
        }
        u->slots = p;
        memset(u->slots + old, 0, (u->slots_cap - old) * sizeof *u->slots);
    }
    *ret = &u->slots[fd];
    return 0;
}

/* EPERM: a kind of file that is always ready. Returns 0 or an errno. */
static int slot_arm(struct loop_uv *u, int fd)
{
    struct fd_slot *s = &u->slots[fd];
    struct epoll_event ev = {.data.u64 = (uint64_t)fd};
    int rc;

    if (s->watch != NULL) {
        ev.events = to_epoll(s->watch_events);
    } else {
        ev.events = EPOLLONESHOT | to_epoll((s->reader != NULL ? LOOP_READ : 0) |
                                            (s->writer != NULL ? LOOP_WRITE : 0));
    }
    rc = epoll_ctl(u->epoll_fd, s->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    if (rc != 0 && errno == ENOENT) {
        rc = epoll_ctl(u->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    } else if (rc != 0 && errno == EEXIST) {
        rc = epoll_ctl(u->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
    }
    s->added = rc == 0;
    return rc == 0 ? 0 : errno;
}

static void tell(struct co **waiter, int events)
{
    struct co *c = *waiter;

    c->fd_events |= events;
    *waiter = NULL;
    co_ready(c);
}

static void slot_fired(struct loop_uv *u, int fd, int events)
{
    struct fd_slot *s = &u->slots[fd];

    if (s->watch != NULL) {
        s->watch(s->watch_arg, fd, events);
        return;
    }
    if (s->reader != NULL && (events & LOOP_READ)) {
        tell(&s->reader, events);
    }
    if (s->writer != NULL && (events & LOOP_WRITE)) {
        tell(&s->writer, events);
    }
    if (s->reader != NULL || s->writer != NULL) {
        (void)slot_arm(u, fd); /* one-shot: the other direction waits on */
    }
}

static void look(struct loop_uv *u, bool wait)
{
    struct epoll_event ev[EVENTS_MAX];
    int n = epoll_wait(u->epoll_fd, ev, EVENTS_MAX, wait ? -1 : 0);

    for (int i = 0; i < n; i++) {
        if (ev[i].data.u64 == TIMER_ID) {
            timer_expired(u);
        } else if (ev[i].data.u64 == UV_ID) {
            (void)uv_run(&u->uv, UV_RUN_NOWAIT);
        } else {
            slot_fired(u, (int)ev[i].data.u64, from_epoll(ev[i].events));
        }
    }
}

int loop_watch_fd(struct loop *l, int fd, int events, fd_fn fn, void *arg)
{
    struct loop_uv *u = self(l);
    struct fd_slot *s;
    int rc = slot_get(u, fd, &s);

    if (rc != 0) {
        return rc;
    }
    if (events == 0) {
        s->watch = NULL;
        (void)epoll_ctl(u->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        s->added = false;
        return 0;
    }
    assert(s->reader == NULL && s->writer == NULL);
    s->watch = fn;
    s->watch_arg = arg;
    s->watch_events = events;
    rc = slot_arm(u, fd);
    if (rc != 0) {
        s->watch = NULL;
        return err_errno(NULL, rc, "epoll");
    }
    return 0;
}

/* A coroutine has one fd_events, so both directions of one wait end together. */
static void slot_leave(struct loop_uv *u, int fd, const struct co *c)
{
    struct fd_slot *s = &u->slots[fd];

    if (s->reader == c) {
        s->reader = NULL;
    }
    if (s->writer == c) {
        s->writer = NULL;
    }
}

int loop_wait_fd(struct loop *l, int fd, int events, int *ret_events)
{
    struct loop_uv *u = self(l);
    struct co *c = l->running;
    struct fd_slot *s;
    int rc = slot_get(u, fd, &s);

    if (rc != 0) {
        return rc;
    }
    assert(s->watch == NULL);
    c->fd_events = 0;
    if (events & LOOP_READ) {
        assert(s->reader == NULL);
        s->reader = c;
    }
    if (events & LOOP_WRITE) {
        assert(s->writer == NULL);
        s->writer = c;
    }
    rc = slot_arm(u, fd);
    if (rc != 0) {
        slot_leave(u, fd, c);
        if (rc != EPERM) {
            return err_errno(NULL, rc, "epoll");
        }
        *ret_events = events; /* a regular file: always ready */
        return co_yield ();
    }
    rc = 0;
    while (rc == 0 && c->fd_events == 0) {
        rc = co_block(c, INT64_MAX, CO_BLOCK);
    }
    slot_leave(u, fd, c);
    if (rc == 0) {
        *ret_events = c->fd_events & events;
    }
    return rc;
}

/* ---- threads ---- */

void loop_work_done(struct loop *l, struct work *w)
{
    struct loop_uv *u = self(l);

    pthread_mutex_lock(&u->done_lock);
    w->next = u->done_first;
    u->done_first = w;
    /* Under the lock: once the last work of the loop is seen done, nobody touches the handle any
     * more. */
    (void)uv_async_send(&u->async);
    pthread_mutex_unlock(&u->done_lock);
}

static void on_async(uv_async_t *h)
{
    struct loop_uv *u = h->data;
    struct work *w, *in_order = NULL;

    pthread_mutex_lock(&u->done_lock);
    w = u->done_first;
    u->done_first = NULL;
    pthread_mutex_unlock(&u->done_lock);
    while (w != NULL) {
        struct work *next = w->next;

        w->next = in_order;
        in_order = w;
        w = next;
    }
    for (w = in_order; w != NULL; w = w->next) {
        w->done = true;
        co_ready(w->co);
    }
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *h, int signum)
{
    struct signal_slot *s = h->data;

    (void)signum;
    s->pending = s->first == NULL;
    for (struct signal_waiter *w = s->first; w != NULL; w = w->next) {
        w->fired = true;
        co_ready(w->co);
    }
}

static int signal_slot_get(struct loop_uv *u, int signum, struct signal_slot **ret)
{
    struct signal_slot *s = u->signals[signum];
    int rc;

    if (s == NULL) {
        s = mem_zalloc(sizeof *s);
        if (s == NULL) {
            return -ERR_NOMEM;
        }
        rc = uv_signal_init(&u->uv, &s->handle);
        assert(rc == 0);
        s->handle.data = s;
        u->signals[signum] = s;
        u->uv_news = true;
        rc = uv_signal_start(&s->handle, on_signal, signum);
        if (rc != 0) {
            return err_errno(NULL, -rc, "signal");
        }
    }
    *ret = s;
    return 0;
}

int loop_wait_signal(struct loop *l, int signum)
{
    struct loop_uv *u = self(l);
    struct signal_waiter w = {.co = l->running}, **pp;
    struct signal_slot *s = NULL;
    int rc;

    if (signum <= 0 || signum >= SIGNALS_MAX) {
        return -ERR_INVALID;
    }
    rc = signal_slot_get(u, signum, &s);
    if (rc != 0) {
        return rc;
    }
    if (s->pending) {
        s->pending = false;
        return 0;
    }
    w.next = s->first;
    s->first = &w;
    while (rc == 0 && !w.fired) {
        rc = co_block(w.co, INT64_MAX, CO_BLOCK);
    }
    for (pp = &s->first; *pp != &w; pp = &(*pp)->next) {
    }
    *pp = w.next;
    if (rc != 0 && w.fired && s->first == NULL) {
        s->pending = true; /* it came, but this wait ended otherwise */
    }
    return rc;
}

/* ---- life ---- */

static int uv_turn(struct loop *l, struct err *e)
{
    struct loop_uv *u = self(l);
    bool wait;

    (void)e;
    if (u->uv_news) {
        u->uv_news = false;
        (void)uv_run(&u->uv, UV_RUN_NOWAIT);
    }
    wait = l->ready_first == NULL;
    if (wait) {
        timer_arm(u, timers_next_us(&l->timers));
    }
    look(u, wait);
    if (l->timers.len > 0) {
        timers_fire(&l->timers, uv_now_us(l));
    }
    return 0;
}

struct child **loop_orphans(struct loop *l)
{
    return &self(l)->orphans;
}

static void uv_loop_end(struct loop_uv *u)
{
    int rc;

    if (u->async.data != NULL) {
        uv_close((uv_handle_t *)&u->async, NULL);
    }
    for (int i = 0; i < SIGNALS_MAX; i++) {
        if (u->signals[i] != NULL) {
            uv_close((uv_handle_t *)&u->signals[i]->handle, NULL);
        }
    }
    (void)uv_run(&u->uv, UV_RUN_DEFAULT);
    rc = uv_loop_close(&u->uv);
    assert(rc == 0);
    for (int i = 0; i < SIGNALS_MAX; i++) {
        mem_free(u->signals[i]);
    }
}

static void uv_free(struct loop *l)
{
    struct loop_uv *u = self(l);

    child_drop_orphans(u->orphans);
    uv_loop_end(u);
    if (u->timer_fd >= 0) {
        (void)close(u->timer_fd);
    }
    if (u->epoll_fd >= 0) {
        (void)close(u->epoll_fd);
    }
    (void)pthread_mutex_destroy(&u->done_lock);
    mem_free(u->slots);
    mem_free(u);
}

static const struct loop_ops uv_ops = {
    .now_us = uv_now_us,
    .wall_us = uv_wall_us,
    .turn = uv_turn,
    .free = uv_free,
};

static int uv_start(struct loop_uv *u, struct err *e)
{
    struct epoll_event time = {.events = EPOLLIN, .data.u64 = TIMER_ID};
    struct epoll_event uv = {.events = EPOLLIN, .data.u64 = UV_ID};
    int rc;

    u->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    u->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (u->epoll_fd < 0 || u->timer_fd < 0 ||
        epoll_ctl(u->epoll_fd, EPOLL_CTL_ADD, u->timer_fd, &time) != 0 ||
        epoll_ctl(u->epoll_fd, EPOLL_CTL_ADD, uv_backend_fd(&u->uv), &uv) != 0) {
        return err_errno(e, errno, "loop: epoll or timerfd");
    }
    rc = uv_async_init(&u->uv, &u->async, on_async);
    if (rc != 0) {
        return err_errno(e, -rc, "loop: uv_async_init");
    }
    u->async.data = u;
    u->uv_news = true;
    return 0;
}

int loop_uv_new(const struct loop_config *c, struct loop **ret, struct err *e)
{
    struct loop_uv *u = mem_zalloc(sizeof *u);
    int rc;

    if (u == NULL) {
        return err_set(e, ERR_NOMEM, "loop: out of memory");
    }
    u->epoll_fd = -1;
    u->timer_fd = -1;
    u->timer_at_us = INT64_MAX;
    rc = uv_loop_init(&u->uv);
    if (rc != 0) {
        mem_free(u);
        return err_errno(e, -rc, "loop: uv_loop_init");
    }
    (void)pthread_mutex_init(&u->done_lock, NULL);
    rc = loop_init(&u->base, &uv_ops, c);
    assert(rc == 0);
    rc = uv_start(u, e);
    if (rc != 0) {
        loop_free(&u->base);
        return rc;
    }
    *ret = &u->base;
    return 0;
}
