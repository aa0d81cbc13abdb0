/*
 * Blocking calls on threads. Each pool has its own threads and its own queue, so that one use never
 * waits behind another. A work lies in the frame of the coroutine that waits for it, which cannot
 * return before it is done.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/loop_priv.h"

struct pool {
    struct loop *loop;
    const char *name;
    bool threaded;
    int threads_len;
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct work *first, **last; /* under lock */
    bool stop;                  /* under lock */
};

static struct work *take(struct pool *p)
{
    struct work *w;

    pthread_mutex_lock(&p->lock);
    while (p->first == NULL && !p->stop) {
        pthread_cond_wait(&p->more, &p->lock);
    }
    w = p->first;
    if (w != NULL) {
        p->first = w->next;
        if (p->first == NULL) {
            p->last = &p->first;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return w;
}

static void *serve(void *arg)
{
    struct pool *p = arg;
    struct work *w;

    while ((w = take(p)) != NULL) {
        w->result = w->fn(w->arg);
        loop_work_done(p->loop, w);
    }
    return NULL;
}

/* Signals are the loop's: its threads take none. */
static int start_threads(struct pool *p, int n, struct err *e)
{
    sigset_t all, old;
    char name[16];
    int rc = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    while (rc == 0 && p->threads_len < n) {
        rc = pthread_create(&p->threads[p->threads_len], NULL, serve, p);
        if (rc == 0) {
            (void)snprintf(name, sizeof name, "%s", p->name);
            (void)pthread_setname_np(p->threads[p->threads_len], name);
            p->threads_len++;
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0 ? 0 : err_errno(e, rc, "%s: cannot start a thread", p->name);
}

int pool_new(struct loop *l, const char *name, int threads, struct pool **ret, struct err *e)
{
    struct pool *p = mem_zalloc(sizeof *p);
    int rc;

    assert(threads >= 1);
    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "%s: out of memory", name);
    }
    p->loop = l;
    p->name = name;
    p->last = &p->first;
    p->threaded = loop_is_uv(l);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->more, NULL);
    if (p->threaded) {
        p->threads = mem_array((size_t)threads, sizeof *p->threads);
        rc = p->threads == NULL ? err_set(e, ERR_NOMEM, "%s: out of memory", name)
                                : start_threads(p, threads, e);
        if (rc != 0) {
            pool_free(p);
            return rc;
        }
    }
    *ret = p;
    return 0;
}

void pool_free(struct pool *p)
{
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads_len; i++) {
        (void)pthread_join(p->threads[i], NULL);
    }
    assert(p->first == NULL);
    (void)pthread_cond_destroy(&p->more);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p->threads);
    mem_free(p);
}

static void submit(struct pool *p, struct work *w)
{
    w->next = NULL;
    pthread_mutex_lock(&p->lock);
    *p->last = w;
    p->last = &w->next;
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
}

int co_offload(struct pool *p, int (*fn)(void *arg), void *arg)
{
    struct co *c = co_self();
    struct work w = {.fn = fn, .arg = arg, .co = c};
    int rc = co_check(c);

    if (rc != 0) {
        return rc;
    }
    if (p->threaded) {
        submit(p, &w);
    } else {
        loop_work_queue(p->loop, &w);
    }
    while (!w.done) {
        (void)co_block(c, INT64_MAX, CO_BLOCK_FIRMLY);
    }
    return w.result;
}
