/*
 * The process: listens, starts a thread per loop, waits for a signal, stops them.
 *
 *   LISTENING --all threads run--> READY --SIGTERM, SIGINT--> DRAINING: no new connections, what is at work has grace_us --> ended
 *   a thread that cannot go on ends the process with its error
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "server/server_priv.h"
#include "server/signin.h"

#define BACKLOG     1024
#define OTHER_FILES 64 /* beside connections: loops, stores, logs */

/* ---- listening ---- */

static int listen_one(const struct addrinfo *a, bool shared, int *ret)
{
    int on = 1, errnum = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        bind(fd, a->ai_addr, a->ai_addrlen) != 0 || (shared && listen(fd, BACKLOG) != 0)) {
        errnum = errno;
        (void)close(fd);
        return errnum;
    }
    *ret = fd;
    return 0;
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char text[16];

    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0 ||
        getnameinfo((struct sockaddr *)&a, n, NULL, 0, text, sizeof text,
                    NI_NUMERICSERV | NI_NUMERICHOST) != 0) {
        return 0;
    }
    return (int)strtol(text, NULL, 10);
}

static int resolve(const char *host, int port, struct addrinfo **ret, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char text[16];
    int n;

    (void)snprintf(text, sizeof text, "%d", port);
    n = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, text, &hints, ret);
    return n == 0 ? 0 : err_set(e, ERR_INVALID, "api.host '%s': %s", host, gai_strerror(n));
}

/* SO_REUSEPORT would let us share the port with another server of the same user: a socket without it is bound first, and tells. */
static int listen_all(struct server *s, struct err *e)
{
    const struct server_config *c = &s->config;
    int port = c->port;

    for (int i = -1; i < c->threads; i++) {
        struct addrinfo *a;
        int fd = -1, errnum, rc;

        if (i < 0 && port == 0) {
            continue;
        }
        rc = resolve(c->host, port, &a, e);
        if (rc != 0) {
            return rc;
        }
        errnum = listen_one(a, i >= 0, &fd);
        freeaddrinfo(a);
        if (errnum != 0) {
            return err_errno(e, errnum, "cannot listen on %s port %d", c->host, port);
        }
        if (i < 0) {
            (void)close(fd);
        } else {
            s->threads[i].listen_fd = fd;
            port = port_of(fd);
        }
    }
    s->port = port;
    return 0;
}

/* ---- the main loop ---- */

struct waiting {
    struct server *s;
    struct co *main;
    bool stop;
};

static int stop_on(struct waiting *w, int rc)
{
    w->stop = w->stop || rc == 0;
    co_wake(w->main);
    return rc;
}

static void on_signal(void *arg, int signum)
{
    (void)signum;
    (void)stop_on(arg, 0);
}

static void on_reload(void *arg, int signum)
{
    const struct waiting *w = arg;

    (void)signum;
    w->s->config.reload(w->s->config.arg);
}

static int on_failure(void *arg)
{
    struct waiting *w = arg;

    return stop_on(w, co_wait_fd(w->s->failed_fd, LOOP_READ, NULL));
}

static int on_input(void *arg)
{
    struct waiting *w = arg;
    char some[64];
    size_t n = 1;
    int rc = w->s->config.end_with_input ? 0 : -ERR_CLOSED;

    while (rc == 0 && n > 0) {
        rc = co_read(STDIN_FILENO, some, sizeof some, &n);
    }
    return stop_on(w, rc);
}

static int beat(void *arg)
{
    const struct waiting *w = arg;
    const struct server_config *c = &w->s->config;

    while (c->beat_us > 0 && co_sleep(c->beat_us) == 0) {
        c->beat(c->arg);
    }
    return 0;
}

/* It works without: who has the token can make users. */
static int on_first(void *arg)
{
    const struct waiting *w = arg;
    struct err e = {0};
    int rc = first_admin(w->s, &e);

    if (rc != 0 && rc != -ERR_CANCELED) {
        log_error("api", "the first user cannot be made: %s", err_str(&e));
    }
    return 0;
}

static int main_co(void *arg)
{
    static const struct {
        const char *name;
        co_fn fn;
    } all[] = {
        {"failure", on_failure}, {"input", on_input}, {"beat", beat}, {"first user", on_first}};
    struct server *s = arg;
    struct waiting w = {.s = s, .main = co_self()};
    struct co_group g;
    int rc = 0;

    if (s->config.end_with_input) {
        (void)fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    }
    co_group_init(&g, loop_current());
    rc = co_on_signal(&g, SIGTERM, on_signal, &w, NULL);
    rc = rc == 0 ? co_on_signal(&g, SIGINT, on_signal, &w, NULL) : rc;
    rc = rc == 0 ? co_on_signal(&g, SIGHUP, on_reload, &w, NULL) : rc;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof all[0]; i++) {
        rc = co_spawn(&g, all[i].name, all[i].fn, &w, NULL, NULL);
    }
    if (rc == 0) {
        (void)co_yield (); /* the signals are caught from here on */
        s->config.ready(s->config.arg, s->config.host, s->port);
    }
    while (rc == 0 && !w.stop) {
        rc = co_suspend();
    }
    co_group_close(&g);
    return rc;
}

/* ---- threads ---- */

static int start_threads(struct server *s, struct err *e)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < s->config.threads; i++) {
        struct server_thread *t = &s->threads[i];

        t->server = s;
        t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (t->stop_fd < 0) {
            return err_errno(e, errno, "eventfd");
        }
        rc = server_thread_start(t, e);
    }
    return rc;
}

static int stop_threads(struct server *s, struct err *e)
{
    int rc = 0;

    for (int i = 0; i < s->config.threads; i++) {
        uint64_t one = 1;

        if (s->threads[i].started) {
            (void)!write(s->threads[i].stop_fd, &one, sizeof one);
        }
    }
    for (int i = 0; i < s->config.threads; i++) {
        struct server_thread *t = &s->threads[i];

        if (t->started) {
            (void)pthread_join(t->thread, NULL);
        } else if (t->listen_fd >= 0) {
            (void)close(t->listen_fd);
        }
        if (t->stop_fd >= 0) {
            (void)close(t->stop_fd);
        }
        if (rc == 0 && t->rc != 0) {
            rc = t->rc;
            *e = t->e;
        }
    }
    return rc;
}

/* A login shell gives 1024, of which a process may take more by itself: connections are what we are for. */
static void take_descriptors(const struct server_config *c)
{
    rlim_t want = (rlim_t)c->connections + OTHER_FILES;
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
        return;
    }
    if (r.rlim_cur < r.rlim_max) {
        struct rlimit all = {.rlim_cur = r.rlim_max, .rlim_max = r.rlim_max};

        r = setrlimit(RLIMIT_NOFILE, &all) == 0 ? all : r;
    }
    if (r.rlim_cur < want) {
        log_warning("api",
                    "api.max_connections is %u, but this process may have %llu files open at once "
                    "(ulimit -n, LimitNOFILE): more connections than that wait",
                    c->connections, (unsigned long long)r.rlim_cur);
    }
}

static int prepare(struct server *s, struct err *e)
{
    bool made = false;
    int rc;

    take_descriptors(&s->config);
    if (sodium_init() < 0) {
        return err_set(e, ERR_FAILED, "libsodium cannot start");
    }
    s->threads = mem_array((size_t)s->config.threads, sizeof *s->threads);
    if (s->threads == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the server");
    }
    for (int i = 0; i < s->config.threads; i++) {
        s->threads[i].listen_fd = s->threads[i].stop_fd = -1;
    }
    s->failed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->failed_fd < 0) {
        return err_errno(e, errno, "eventfd");
    }
    rc = tls_read(s->config.cert_file, s->config.key_file, &s->tls, e);
    rc = rc != 0 ? rc : access_token(s->config.home, s->token, sizeof s->token, &made, e);
    if (rc == 0 && made) {
        log_info("api", "a token for scripts was made: it is in %s/%s", s->config.home,
                 SERVER_TOKEN_FILE);
    }
    s->limiter = rc == 0 ? mem_zalloc(sizeof *s->limiter) : NULL;
    if (rc == 0 && (s->limiter == NULL || sem_init(&s->hashing, 0, SIGNIN_AT_ONCE) != 0)) {
        return err_set(e, ERR_NOMEM, "out of memory for sign-ins");
    }
    if (rc == 0) {
        unsigned char secret[16];

        randombytes_buf(secret, sizeof secret);
        limiter_init(s->limiter, secret);
    }
    rc = rc == 0 ? webhooks_new(&s->config, &s->hooks, e) : rc;
    rc = rc == 0 ? ui_graphs_new(&s->graphs, e) : rc;
    rc = rc == 0 ? oidc_new(s->config.oidc, s->config.home, &s->oidc, e) : rc;
    rc = rc == 0 ? events_new(s->config.home, &s->events, e) : rc;
    return rc == 0 ? listen_all(s, e) : rc;
}

static int serve(struct server *s, struct err *e)
{
    struct loop_config lc = {0};
    struct err stopped = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, e), rc2;

    if (rc != 0) {
        return rc;
    }
    rc = events_start(s->events, e);
    rc = rc == 0 ? start_threads(s, e) : rc;
    rc = rc == 0 ? loop_main(l, main_co, s, e) : rc;
    log_info("api", "stops: what is at work has %.0f s", (double)s->config.grace_us / 1e6);
    rc2 = stop_threads(s, &stopped);
    loop_free(l);
    if (rc == 0 && rc2 != 0) {
        *e = stopped;
        rc = rc2;
    }
    return rc;
}

int server_run(const struct server_config *c, struct err *e)
{
    struct server s = {.config = *c, .failed_fd = -1};
    int rc;

    (void)pthread_mutex_init(&s.stats_lock, NULL);
    (void)pthread_mutex_init(&s.installed_lock, NULL);
    (void)pthread_mutex_init(&s.limiter_lock, NULL);
    rc = prepare(&s, e);
    (void)signal(SIGPIPE, SIG_IGN);
    rc = rc == 0 ? serve(&s, e) : rc;
    if (s.failed_fd >= 0) {
        (void)close(s.failed_fd);
    }
    tls_fini(&s.tls);
    oidc_free(s.oidc);
    mem_free(s.stats);
    (void)pthread_mutex_destroy(&s.stats_lock);
    (void)pthread_mutex_destroy(&s.installed_lock);
    mem_free(s.installed);
    webhooks_free(s.hooks);
    events_free(s.events);
    ui_graphs_free(s.graphs);
    sodium_memzero(s.token, sizeof s.token);
    mem_free(s.threads);
    mem_free(s.limiter);
    (void)pthread_mutex_destroy(&s.limiter_lock);
    return rc;
}
