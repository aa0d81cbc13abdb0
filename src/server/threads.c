/* One thread of the server: its loop, its store, and what happens to each call. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "home/home.h"
#include "model/dag.h"
#include "runtime/http.h"
#include "runtime/loop.h"
#include "server/httpd.h"
#include "server/httpd_module.h"
#include "server/server_priv.h"
#include "store/store.h"

const int64_t http_bucket_us[HTTP_BUCKETS] = {500,   1000,   2500,   5000,    10000,
                                              50000, 100000, 500000, 1000000, 5000000};

/* ---- the store ---- */

static void drop_version(struct version_kept *k)
{
    mem_free(k->texts[0]);
    mem_free(k->texts[1]);
    *k = (struct version_kept){0};
}

static void drop_store(struct server_thread *t)
{
    server_dags_clear(&t->dags);
    for (size_t i = 0; i < SERVER_VERSIONS_KEPT; i++) {
        drop_version(&t->versions[i]);
    }
    store_close(t->store);
    t->store = NULL;
}

/* A file that was put in its place (a restore) is another store. */
int server_store(struct call *c, struct store **ret, struct err *e)
{
    struct server_thread *t = c->thread;
    char path[4200];
    struct stat st;
    int rc = 0;

    (void)snprintf(path, sizeof path, "%s/%s", t->server->config.home, STORE_FILE);
    if (stat(path, &st) != 0) {
        drop_store(t);
        return err_set(e, ERR_BUSY, "There is no store yet: start `tradewind scheduler`");
    }
    if (t->store != NULL && (st.st_ino != t->store_ino || st.st_dev != t->store_dev)) {
        drop_store(t);
    }
    if (t->store == NULL) {
        struct err own = {0};

        e = e != NULL ? e : &own;
        rc = store_sqlite_open(path, STORE_READ_ONLY, &t->store, e);
        if (rc != 0) {
            struct err why = *e;

            t->store =
                NULL; /* it is just being made, or of another version: not the client's fault */
            return err_set(e, ERR_BUSY, "The store cannot be read: %s", err_str(&why));
        }
        t->store_ino = st.st_ino;
        t->store_dev = st.st_dev;
    }
    *ret = t->store;
    return 0;
}

int server_dag(struct call *c, int64_t version_key, const struct dag **ret, struct err *e)
{
    struct dag_cache *kept = &c->thread->dags;
    struct store *s;
    struct dag *d;
    int rc = 0;

    *ret = server_dags_get(kept, version_key);
    if (*ret == NULL) {
        rc = server_store(c, &s, e);
        rc = rc == 0 ? home_load_version(s, version_key, &d, e) : rc;
        if (rc == 0) {
            server_dags_put(kept, version_key, d);
            *ret = d;
        }
    }
    return rc;
}

int server_version(struct call *c, int64_t version_key, struct version_facts *ret, struct err *e)
{
    struct version_kept *k = &c->thread->versions[(uint64_t)version_key % SERVER_VERSIONS_KEPT];
    struct version_row v;
    struct store *s;
    int rc = 0;

    if (k->version_key != version_key) {
        rc = server_store(c, &s, e);
        rc = rc == 0 ? s->ops->get_version(s, version_key, &c->arena, &v, e) : rc;
        if (rc != 0) {
            return rc;
        }
        drop_version(k);
        k->version_key = version_key;
        k->texts[0] = v.bundle != NULL ? mem_strdup(v.bundle) : NULL;
        k->texts[1] = v.bundle_version != NULL ? mem_strdup(v.bundle_version) : NULL;
        k->facts = (struct version_facts){v.number, v.created_us, k->texts[0], k->texts[1]};
    }
    if (rc == 0) {
        *ret = k->facts;
        ret->bundle = ret->bundle != NULL ? arena_strdup(&c->arena, ret->bundle) : NULL;
        ret->bundle_version =
            ret->bundle_version != NULL ? arena_strdup(&c->arena, ret->bundle_version) : NULL;
    }
    return rc;
}

/* ---- calls ---- */

static void on_begin(void *arg, struct call *c, size_t *ret_body_max)
{
    struct server_thread *t = arg;
    struct uuid id = uuid_v7(loop_wall_us(t->loop), &t->ids);

    c->thread = t;
    c->actor = "anonymous";
    (void)uuid_format(&id, c->id);
    arena_init(&c->arena, LIMIT_HTTPD_ARENA);
    buf_init(&c->out, LIMIT_HTTPD_ANSWER);
    json_writer_init(&c->w, &c->out, 0);
    if (router_parse(c, c->rq->method, c->rq->uri) != 0) {
        c->bad = "Out of memory";
    }
    c->long_lived = c->route != NULL && (c->route->flags & ROUTE_STREAM) != 0;
    *ret_body_max =
        c->route != NULL && c->route->body_max != 0 ? c->route->body_max : LIMIT_HTTPD_BODY;
}

static int handle(void *arg, struct call *c)
{
    struct err e = {0};
    struct store *s;
    int rc = 0;

    (void)arg;
    if (c->bad != NULL) {
        call_fail(c, 400, "%s", c->bad);
    } else if (c->wrong_method) {
        (void)call_set_header(c, "Allow", router_allowed(c));
        call_fail(c, 405, "Method Not Allowed");
    } else if (c->route == NULL) {
        call_fail(c, 404, "Not Found");
    } else if (access_check(c)) {
        rc = (c->route->flags & ROUTE_STORE) != 0 ? server_store(c, &s, &e) : 0;
        rc = rc == 0 ? c->route->fn(c, &e) : rc;
        if (rc != 0 && !c->streaming) {
            call_error(c, rc, &e);
        }
    }
    return rc;
}

/* ---- the access log, and what is counted ---- */

static void count(struct server_thread *t, const struct call *c, int64_t us)
{
    struct server_counts *n = &t->counts;
    size_t i = 0;

    while (i < HTTP_BUCKETS && us > http_bucket_us[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&n->seconds[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&n->us_sum, (unsigned long long)us, memory_order_relaxed);
    i = (size_t)c->status / 100;
    atomic_fetch_add_explicit(&n->by_class[i < 6 ? i : 0], 1, memory_order_relaxed);
    atomic_store_explicit(&n->connections, httpd_connections(t->httpd), memory_order_relaxed);
}

/* The path is the client's: nothing of it may end the line or the quotes. Arguments are left out, they may hold secrets. */
static void printable(const char *path, char *out, size_t cap)
{
    size_t n = 0;

    for (; n + 1 < cap && path != NULL && path[n] != '\0'; n++) {
        out[n] = path[n] > ' ' && path[n] < 0x7f && path[n] != '"' ? path[n] : '?';
    }
    out[n] = '\0';
}

static void on_end(void *arg, struct call *c)
{
    struct server_thread *t = arg;
    int64_t us = loop_now_us(t->loop) - c->began_us;
    int status = c->replied ? c->status : 0;
    char path[512];

    count(t, c, us);
    printable(c->path, path, sizeof path);
    log_line(status >= 500 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "access",
             "method=%s path=\"%s\" status=%d bytes=%llu us=%lld peer=%s actor=%s request=%s",
             c->rq->method, path, status, (unsigned long long)c->bytes_out, (long long)us,
             c->rq->peer[0] != '\0' ? c->rq->peer : "-", c->actor, c->id);
}

/* ---- the thread ---- */

static int thread_co(void *arg)
{
    struct server_thread *t = arg;
    struct httpd_config c = {
        .loop = t->loop,
        .listen_fd = t->listen_fd,
        .connections = t->server->config.connections / (unsigned)t->server->config.threads,
        .idle_s = t->server->config.idle_s,
        .tls = tls_is_set(&t->server->tls) ? &t->server->tls : NULL,
        .begin = on_begin,
        .handle = handle,
        .end = on_end,
        .arg = t,
    };
    int rc = pool_new(t->loop, "passwords", 1, &t->pool, &t->e);

    rc = rc == 0 ? events_join(t->server->events, &t->events, t->loop, &t->e) : rc;

    if (rc != 0) {
        (void)close(t->listen_fd);
        return rc;
    }
    rc = httpd_new(&c, &t->httpd, &t->e);
    if (rc != 0) {
        events_leave(&t->events);
        (void)close(t->listen_fd);
        return rc;
    }
    rc = co_wait_fd(t->stop_fd, LOOP_READ, NULL);
    events_leave(&t->events); /* streams would hold up what is drained */
    httpd_free(t->httpd, t->server->config.grace_us);
    http_client_free(t->http);
    return rc;
}

static void *thread_main(void *arg)
{
    struct server_thread *t = arg;
    struct loop_config lc = {0};
    uint64_t one = 1;

    t->known = identities_new();
    t->rc = t->known != NULL ? loop_uv_new(&lc, &t->loop, &t->e)
                             : err_set(&t->e, ERR_NOMEM, "out of memory for a thread");
    if (t->rc == 0) {
        t->rc = loop_main(t->loop, thread_co, t, &t->e);
        drop_store(t);
        pool_free(t->pool);
        loop_free(t->loop);
    }
    identities_free(t->known);
    if (t->rc != 0) {
        (void)!write(t->server->failed_fd, &one, sizeof one);
    }
    return NULL;
}

int server_thread_start(struct server_thread *t, struct err *e)
{
    uint64_t seed;
    int errnum;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        return err_errno(e, errno, "cannot get random bytes");
    }
    prng_seed(&t->ids, seed);
    errnum = pthread_create(&t->thread, NULL, thread_main, t);
    t->started = errnum == 0;
    return errnum == 0 ? 0 : err_errno(e, errnum, "cannot start a thread");
}
