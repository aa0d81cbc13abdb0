/*
 * The host of the HTTP module on one loop. Two coroutines drive it: the pump waits for its descriptor and its time, the kicker runs it once
 * after any number of handlers have answered in a turn. Each request is a coroutine of its own (handle).
 *
 * A call is freed when both are true: its coroutine has ended (done), and the module has let go of the request (gone).
 *
 *   begin -> [coroutine] -> reply ----------------------------> gone      an answer in one piece
 *                        -> stream head -> writes -> end -----> gone      gone may come first: the writer gets -ERR_CLOSED
 */
#include "server/httpd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "runtime/loop.h"
#include "runtime/module.h"
#include "server/call.h"
#include "server/httpd_module.h"

#define STREAM_HIGH    KiB(256) /* a writer waits while so much is unsent */
#define RUNS_AT_ONCE   16       /* of the module, before others have their turn */
#define SWEEP_US       TIME_SECOND
#define CROWDED_US     (TIME_SECOND / 10)
#define HANDLER_US     (30 * TIME_SECOND) /* an answer in one piece takes so long at most */
#define CLOSE_GRACE_US (2 * TIME_SECOND)

struct httpd {
    struct httpd_config config;
    void *library;
    const struct httpd_module *module;
    void *impl;
    struct co_group pumps, calls;
    struct co_cond kick;
    bool kicked, closing;
    struct call *first; /* all that are not freed */
    size_t calls_len;
};

static const struct httpd_limits limits = {
    .body_s = 60,
    .reply_s = 120,
    .crowded_ms = 500,
    .header_bytes = LIMIT_HTTPD_HEAD,
    .bodies_bytes = LIMIT_HTTPD_BODIES,
};

/* ---- driving the module ---- */

static void run(struct httpd *h)
{
    for (int i = 0; i < RUNS_AT_ONCE && h->module->run(h->impl); i++) {
    }
}

static void want_run(struct httpd *h)
{
    h->kicked = true;
    co_cond_signal(&h->kick);
}

static int pump(void *arg)
{
    struct httpd *h = arg;
    int rc = 0;

    while (rc == 0 || rc == -ERR_TIMEOUT) {
        int64_t us = h->module->timeout_us(h->impl);
        struct co_deadline d;

        if (us == 0) {
            rc = co_yield ();
        } else {
            co_deadline_begin(&d, us > 0 && us < SWEEP_US ? us : SWEEP_US);
            rc = co_wait_fd(h->module->fd(h->impl), LOOP_READ, NULL);
            co_deadline_end(&d);
        }
        if (rc == 0 || rc == -ERR_TIMEOUT) {
            run(h);
        }
    }
    return rc;
}

static int kicker(void *arg)
{
    struct httpd *h = arg;
    int rc = 0;

    while (rc == 0) {
        if (h->kicked) {
            h->kicked = false;
            run(h);
        } else {
            rc = co_cond_wait(&h->kick);
        }
    }
    return rc;
}

static int sweeper(void *arg)
{
    struct httpd *h = arg;

    bool crowded = false;

    while (co_sleep(crowded ? CROWDED_US : SWEEP_US) == 0) {
        crowded = h->module->sweep(h->impl);
        run(h);
    }
    return 0;
}

/* ---- calls ---- */

static void free_call(struct call *c)
{
    struct httpd *h = c->httpd;

    if (!c->done || !c->gone) {
        return;
    }
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        h->first = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    h->calls_len--;
    call_release(c);
    mem_free(c);
}

static bool on_head(void *arg, struct httpd_request *rq, size_t *ret_body_max)
{
    struct httpd *h = arg;
    struct call *c = mem_zalloc(sizeof *c);

    if (c == NULL) {
        return false;
    }
    c->httpd = h;
    c->rq = rq;
    c->done = true; /* its coroutine does not live yet */
    c->began_us = loop_now_us(h->config.loop);
    c->next = h->first;
    if (h->first != NULL) {
        h->first->prev = c;
    }
    h->first = c;
    h->calls_len++;
    rq->host = c;
    h->config.begin(h->config.arg, c, ret_body_max);
    return true;
}

static int send_reply(struct call *c)
{
    struct httpd_reply r = {.status = c->status != 0 ? c->status : 200,
                            .headers = c->reply_headers,
                            .stream = c->streaming,
                            .body = c->fixed != NULL    ? c->fixed
                                    : c->packed != NULL ? c->packed
                                                        : buf_cstr(&c->out),
                            .len = c->fixed != NULL ? c->fixed_len : c->out.len};
    int rc = c->httpd->module->reply(c->httpd->impl, c->rq, &r);

    c->replied = rc == 0;
    c->bytes_out = c->streaming ? 0 : r.len;
    want_run(c->httpd);
    return rc == 0 ? 0 : -ERR_NOMEM;
}

/* Out of memory in the worst place: a fixed answer, and if not even that, the client's time runs out. */
static void send_something(struct call *c)
{
    static const struct httpd_reply busy = {.status = 503,
                                            .body = "{\"detail\":\"Out of memory\"}",
                                            .len = sizeof "{\"detail\":\"Out of memory\"}" - 1};

    c->replied = c->httpd->module->reply(c->httpd->impl, c->rq, &busy) == 0;
    want_run(c->httpd);
}

static int handle(void *arg)
{
    struct call *c = arg;
    struct httpd *h = c->httpd;
    struct co_deadline d;
    int rc;

    c->co = co_self();
    co_deadline_begin(&d, c->long_lived ? INT64_MAX / 4 : HANDLER_US);
    rc = h->config.handle(h->config.arg, c);
    co_deadline_end(&d);
    if (!c->replied) {
        call_finish(c);
        if (send_reply(c) != 0) {
            send_something(c);
        }
    } else {
        c->stream_failed = rc != 0;
        c->stream_end = true;
        if (!c->gone) {
            h->module->kick(h->impl, c->rq);
            want_run(h);
        }
    }
    c->done = true;
    c->co = NULL;
    free_call(c);
    return 0;
}

static void on_request(void *arg, struct httpd_request *rq)
{
    struct httpd *h = arg;
    struct call *c = rq->host;

    c->done = false;
    if (co_spawn(&h->calls, "call", handle, c, NULL, NULL) != 0) {
        c->done = true;
        send_something(c);
    }
}

static ptrdiff_t on_pull(void *arg, struct httpd_request *rq, char *p, size_t cap)
{
    struct call *c = rq->host;
    size_t n = c->stream.len < cap ? c->stream.len : cap;

    (void)arg;
    if (n == 0) {
        return !c->stream_end     ? HTTPD_PULL_LATER
               : c->stream_failed ? HTTPD_PULL_FAIL
                                  : HTTPD_PULL_END;
    }
    memcpy(p, c->stream.p, n);
    buf_consume(&c->stream, n);
    c->bytes_out += n;
    if (c->co != NULL && c->stream.len < STREAM_HIGH / 2) {
        co_wake(c->co);
    }
    return (ptrdiff_t)n;
}

static void on_gone(void *arg, struct httpd_request *rq)
{
    struct httpd *h = arg;
    struct call *c = rq->host;

    h->config.end(h->config.arg, c);
    c->gone = true;
    c->rq = NULL;
    if (c->co != NULL) {
        co_wake(c->co);
    }
    free_call(c);
}

/* ---- streams ---- */

int httpd_stream_begin(struct call *c)
{
    if (c->gone) {
        return -ERR_CLOSED;
    }
    buf_init(&c->stream, MiB(64));
    c->streaming = true;
    call_finish(c);
    return send_reply(c);
}

int httpd_stream_write(struct call *c, const void *p, size_t n)
{
    int rc = c->gone ? -ERR_CLOSED : buf_append(&c->stream, p, n);

    if (rc == 0) {
        c->httpd->module->kick(c->httpd->impl, c->rq);
        want_run(c->httpd);
    }
    while (rc == 0 && !c->gone && c->stream.len >= STREAM_HIGH) {
        rc = co_suspend();
    }
    return rc == 0 && c->gone ? -ERR_CLOSED : rc;
}

/* ---- for calls ---- */

const char *httpd_header(struct call *c, const char *name)
{
    return c->rq != NULL ? c->httpd->module->header(c->httpd->impl, c->rq, name) : NULL;
}

size_t httpd_gzip(struct call *c, const char *in, size_t n, char *p, size_t cap)
{
    return c->httpd->module->gzip(in, n, p, cap);
}

size_t httpd_gunzip(struct call *c, const char *in, size_t n, char *p, size_t cap)
{
    return c->httpd->module->gunzip(in, n, p, cap);
}

const struct httpd_files *httpd_files(const struct call *c)
{
    return c->httpd->module->page;
}

/* ---- birth and end ---- */

static int load(struct httpd *h, struct err *e)
{
    static const struct module_spec spec = {
        .file = HTTPD_MODULE_FILE,
        .symbol = HTTPD_MODULE_SYMBOL,
        .version = HTTPD_MODULE_VERSION,
        .what = "The API server",
        .needs = "GNU libmicrohttpd (Debian package libmicrohttpd12)",
        .folder = "server",
    };
    const void *object = NULL;
    const char *why;
    int rc = module_load(&spec, &h->library, &object, e);

    if (rc != 0) {
        return rc;
    }
    h->module = object;
    why = h->module->check();
    return why != NULL ? err_set(e, ERR_UNSUPPORTED, "The API server: %s", why) : 0;
}

int httpd_check(struct err *e)
{
    struct httpd h = {0};
    int rc = load(&h, e);

    module_unload(h.library);
    return rc;
}

static int open_module(struct httpd *h, struct err *e)
{
    struct httpd_host host = {
        .arg = h, .head = on_head, .request = on_request, .pull = on_pull, .gone = on_gone};
    struct httpd_limits l = limits;
    int errnum = 0;

    l.connections = h->config.connections;
    l.idle_s = h->config.idle_s;
    l.body_s = l.body_s < l.idle_s ? l.body_s : l.idle_s;
    h->impl = h->module->open(&host, &l, h->config.tls, h->config.listen_fd, &errnum);
    if (h->impl == NULL && h->config.tls != NULL && h->module->why()[0] != '\0') {
        return err_set(e, ERR_INVALID,
                       "api.ssl_cert and api.ssl_key cannot be used: %s. Are they PEM, and do they "
                       "belong together?",
                       h->module->why());
    }
    return h->impl != NULL ? 0 : err_errno(e, errnum, "the HTTP server cannot start");
}

int httpd_new(const struct httpd_config *c, struct httpd **ret, struct err *e)
{
    struct httpd *h = mem_zalloc(sizeof *h);
    int rc;

    if (h == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the HTTP server");
    }
    h->config = *c;
    co_cond_init(&h->kick);
    co_group_init(&h->pumps, c->loop);
    co_group_init(&h->calls, c->loop);
    rc = load(h, e);
    rc = rc == 0 ? open_module(h, e) : rc;
    rc = rc == 0 ? co_spawn(&h->pumps, "http pump", pump, h, NULL, e) : rc;
    rc = rc == 0 ? co_spawn(&h->pumps, "http kicker", kicker, h, NULL, e) : rc;
    rc = rc == 0 ? co_spawn(&h->pumps, "http sweeper", sweeper, h, NULL, e) : rc;
    if (rc != 0) {
        co_group_close(&h->pumps);
        if (h->impl != NULL) {
            h->module->close(h->impl);
        }
        module_unload(h->library);
        mem_free(h);
        return rc;
    }
    *ret = h;
    return 0;
}

/* Until every answer has left, or the time is over. */
static void drain(struct httpd *h, int64_t us)
{
    int64_t until = loop_now_us(h->config.loop) + us;

    while (h->calls_len != 0 && loop_now_us(h->config.loop) < until) {
        if (co_sleep(20000) != 0) {
            break;
        }
    }
}

void httpd_free(struct httpd *h, int64_t grace_us)
{
    struct co_shield s;

    if (h == NULL) {
        return;
    }
    co_shield_begin(&s, grace_us + 4 * CLOSE_GRACE_US);
    h->module->quiesce(h->impl);
    (void)close(h->config.listen_fd);
    drain(h, grace_us);
    co_group_close(&h->calls); /* each has answered or ended its stream now */
    drain(h, CLOSE_GRACE_US);
    co_shield_end(&s);
    co_group_close(&h->pumps);
    run(h); /* what was resumed last */
    h->module->close(h->impl);
    module_unload(h->library);
    mem_free(h);
}

unsigned httpd_connections(const struct httpd *h)
{
    return h->module->connections(h->impl);
}
