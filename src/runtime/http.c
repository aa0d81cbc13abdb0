/*
 * HTTP client: loads the module that links libcurl, lends it the loop's descriptors and a timer,
 * and lets coroutines wait for its transfers. A transfer lies in the waiting frame; if the wait
 * ends early it is cancelled before the frame goes.
 */
#include "runtime/http.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/http_module.h"
#include "runtime/loop_priv.h"
#include "runtime/module.h"

#define TIMEOUT_DEFAULT_US INT64_C(60000000)

struct http_client {
    struct loop *loop;
    void *library; /* stays loaded when closed last: TLS libraries do not unload well */
    const struct http_module *module;
    void *impl;
    struct timer timer;
    size_t active; /* transfers */
};

/* ---- loading ---- */

static int load(struct http_client *c, struct err *e)
{
    static const struct module_spec spec = {
        .file = HTTP_MODULE_FILE,
        .symbol = HTTP_MODULE_SYMBOL,
        .version = HTTP_MODULE_VERSION,
        .what = "HTTP",
        .needs = "libcurl (Debian package libcurl4)",
        .folder = "runtime",
    };
    const void *object = NULL;
    const char *why;
    int rc = module_load(&spec, &c->library, &object, e);

    if (rc != 0) {
        return rc;
    }
    c->module = object;
    why = c->module->check();
    return why != NULL ? err_set(e, ERR_UNSUPPORTED, "HTTP: %s", why) : 0;
}

/* ---- what the module borrows ---- */

static void fd_ready(void *arg, int fd, int events)
{
    struct http_client *c = arg;

    c->module->on_fd(c->impl, fd, events);
}

static int host_watch(void *arg, int fd, int events)
{
    struct http_client *c = arg;

    return loop_watch_fd(c->loop, fd, events, fd_ready, c);
}

static void host_timer(void *arg, int64_t after_us)
{
    struct http_client *c = arg;

    timer_stop(&c->loop->timers, &c->timer);
    if (after_us >= 0) {
        timer_start(&c->loop->timers, &c->timer, loop_now_us(c->loop) + after_us);
    }
}

static void timer_fired(struct timer *t)
{
    struct http_client *c = (struct http_client *)((char *)t - offsetof(struct http_client, timer));

    c->module->on_timer(c->impl);
}

/* ---- clients ---- */

int http_client_new(struct loop *l, int max_connections, struct http_client **ret, struct err *e)
{
    struct http_client *c;
    struct http_host host = {.watch = host_watch, .timer = host_timer};
    int rc = loop_want_uv(l, "HTTP", e);

    if (rc != 0) {
        return rc;
    }
    c = mem_zalloc(sizeof *c);
    if (c == NULL || timers_reserve(&l->timers) != 0) {
        mem_free(c);
        return err_set(e, ERR_NOMEM, "HTTP: out of memory");
    }
    c->loop = l;
    c->timer.fire = timer_fired;
    rc = load(c, e);
    if (rc == 0) {
        host.arg = c;
        c->impl = c->module->open(&host, max_connections);
        if (c->impl == NULL) {
            rc = err_set(e, ERR_NOMEM, "HTTP: out of memory");
        }
    }
    if (rc != 0) {
        http_client_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL) {
        return;
    }
    assert(c->active == 0);
    if (c->impl != NULL) {
        c->module->close(c->impl);
    }
    timer_stop(&c->loop->timers, &c->timer);
    timers_unreserve(&c->loop->timers);
    module_unload(c->library);
    mem_free(c);
}

/* ---- requests ---- */

struct exchange {
    struct http_transfer t;
    struct co *co;
    struct buf body;
    char *content_type;
    bool done, no_memory;
};

static int on_body(void *arg, const char *p, size_t n)
{
    struct exchange *x = arg;

    return buf_append(&x->body, p, n);
}

static void on_restart(void *arg)
{
    struct exchange *x = arg;

    buf_clear(&x->body);
}

static void on_done(void *arg)
{
    struct exchange *x = arg;
    const char *type = x->t.content_type;

    if (type != NULL) {
        x->content_type = mem_strdup(type);
        x->no_memory = x->content_type == NULL;
    }
    x->done = true;
    co_ready(x->co);
}

static int outcome(const struct exchange *x, const struct http_request *r, struct err *e)
{
    switch (x->t.failure) {
    case HTTP_OK:
        return x->no_memory ? err_set(e, ERR_NOMEM, "%s: out of memory", r->url) : 0;
    case HTTP_BAD_REQUEST:
        return err_set(e, ERR_INVALID, "%s: %s", r->url, x->t.text);
    case HTTP_NOMEM:
        return err_set(e, ERR_NOMEM, "%s: out of memory", r->url);
    case HTTP_TOO_MANY_REDIRECTS:
        return err_set(e, ERR_LIMIT, "%s: more than %d redirects", r->url, r->follow);
    case HTTP_ABORTED:
        if (buf_status(&x->body) == -ERR_LIMIT) {
            return err_set(e, ERR_LIMIT, "%s: the answer is larger than %zu bytes", r->url,
                           x->body.max);
        }
        return err_set(e, ERR_NOMEM, "%s: out of memory", r->url);
    case HTTP_BROKEN:
        break;
    }
    return err_set(e, ERR_IO, "%s: %s", r->url, x->t.text);
}

static int wait_done(struct http_client *c, struct exchange *x, int64_t timeout_us, struct err *e)
{
    const char *url = x->t.request->url;
    struct co_deadline d;
    int rc = 0;

    co_deadline_begin(&d, timeout_us);
    while (rc == 0 && !x->done) {
        rc = co_block(x->co, INT64_MAX, CO_BLOCK);
    }
    co_deadline_end(&d);
    if (!x->done) {
        c->module->cancel(c->impl, &x->t);
    }
    if (rc == -ERR_TIMEOUT) {
        return err_set(e, ERR_TIMEOUT, "%s: no complete answer within %.1f s", url,
                       (double)timeout_us / 1e6);
    }
    return rc != 0 ? err_set(e, (enum err_code) - rc, "%s: %s", url, err_text(rc)) : 0;
}

static int hand_over(struct exchange *x, struct http_response *ret)
{
    ret->status = x->t.status;
    ret->body_len = x->body.len;
    ret->body = x->body.len > 0 ? buf_take(&x->body) : mem_strdup("");
    if (ret->body == NULL) {
        return -ERR_NOMEM;
    }
    ret->content_type = mem_take(x->content_type);
    return 0;
}

int http_perform(struct http_client *c, const struct http_request *r, struct http_response *ret,
                 struct err *e)
{
    struct co *me = co_self();
    struct exchange p = {.co = me};
    int rc = co_check(me);

    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "%s: %s", r->url, err_text(rc));
    }
    buf_init(&p.body, r->max_body != 0 ? r->max_body : LIMIT_HTTP_BODY);
    p.t.request = r;
    p.t.body = on_body;
    p.t.restart = on_restart;
    p.t.done = on_done;
    p.t.arg = &p;
    if (c->module->start(c->impl, &p.t) == 0) {
        c->active++;
        rc = wait_done(c, &p, r->timeout_us > 0 ? r->timeout_us : TIMEOUT_DEFAULT_US, e);
        c->active--;
    }
    if (rc == 0) {
        rc = outcome(&p, r, e);
    }
    *ret = (struct http_response){.status = p.t.status};
    if (rc == 0 && hand_over(&p, ret) != 0) {
        rc = err_set(e, ERR_NOMEM, "%s: out of memory", r->url);
    }
    buf_fini(&p.body);
    mem_free(p.content_type);
    return rc;
}

void http_response_fini(struct http_response *r)
{
    mem_free(r->content_type);
    mem_free(r->body);
    *r = (struct http_response){0};
}
