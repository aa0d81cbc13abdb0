/* The HTTP client against a small server of coroutines; skipped where libcurl is absent. */
#include "both.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "runtime/http.h"

struct server {
    struct loop *loop;
    struct co_group conns;
    int listen_fd, port, accepted, requests;
    char last[2000]; /* the last request as it came */
};

struct conn {
    struct server *s;
    int fd;
};

static int answer(struct server *s, int fd, const char *request)
{
    char b[600];

    if (strstr(request, " /late ") != NULL) {
        int rc = co_sleep(50 * MS);

        if (rc != 0) {
            return rc;
        }
    }
    if (strstr(request, " /never ") != NULL) {
        return co_suspend();
    }
    if (strstr(request, " /cut ") != NULL) {
        (void)co_write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 44);
        return -ERR_CLOSED;
    }
    if (strstr(request, " /moved ") != NULL) {
        (void)snprintf(b, sizeof b,
                       "HTTP/1.1 302 Found\r\nLocation: /here\r\nContent-Length: 4\r\n\r\ngone");
    } else if (strstr(request, " /round ") != NULL) {
        (void)snprintf(b, sizeof b,
                       "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
    } else if (strstr(request, " /empty ") != NULL) {
        (void)snprintf(b, sizeof b, "HTTP/1.1 204 No Content\r\n\r\n");
    } else if (strstr(request, " /missing ") != NULL) {
        (void)snprintf(b, sizeof b, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
    } else {
        (void)snprintf(b, sizeof b,
                       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
                       "13\r\n\r\nhello, world\n");
    }
    return co_write_all(fd, b, strlen(b));
}

static int serves(void *arg)
{
    struct conn *c = arg;
    struct server *s = c->s;
    char in[2000];
    size_t len = 0, n;
    int rc = 0;

    while (rc == 0) {
        rc = co_read(c->fd, in + len, sizeof in - 1 - len, &n);
        if (rc != 0 || n == 0) {
            break;
        }
        len += n;
        in[len] = '\0';
        if (strstr(in, "\r\n\r\n") != NULL &&
            (strstr(in, "Length: 4\r") == NULL || strstr(in, "\r\n\r\nbody") != NULL)) {
            memcpy(s->last, in, len + 1);
            s->requests++;
            len = 0;
            rc = answer(s, c->fd, in);
        }
    }
    (void)close(c->fd);
    mem_free(c);
    return 0;
}

static int accepts(void *arg)
{
    struct server *s = arg;
    int fd, rc;

    while ((rc = co_accept(s->listen_fd, &fd)) == 0) {
        struct conn *c = mem_zalloc(sizeof *c);

        if (c == NULL) {
            (void)close(fd);
            continue;
        }
        c->s = s;
        c->fd = fd;
        s->accepted++;
        if (co_spawn(&s->conns, "connection", serves, c, NULL, NULL) != 0) {
            (void)close(fd);
            mem_free(c);
        }
    }
    co_group_close(&s->conns);
    return rc;
}

static void start(struct server *s, struct loop *l, struct co_group *g)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    memset(s, 0, sizeof *s);
    s->loop = l;
    co_group_init(&s->conns, l);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->listen_fd, 128), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    co_group_init(g, l);
    assert_int_equal(co_spawn(g, "server", accepts, s, NULL, NULL), 0);
}

static int get(struct http_client *c, const struct server *s, const char *path,
               struct http_request *r, struct http_response *ret, struct err *e)
{
    char url[200];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", s->port, path);
    r->url = url;
    return http_perform(c, r, ret, e);
}

static void answers(struct http_client *c, struct server *s)
{
    const char *headers[] = {"X-Mine: yes", NULL};
    struct http_request r = {.method = NULL};
    struct http_response a;
    struct err e;

    assert_int_equal(get(c, s, "/x", &r, &a, &e), 0);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.content_type, "text/plain");
    assert_string_equal(a.body, "hello, world\n");
    assert_int_equal(a.body_len, 13);
    http_response_fini(&a);
    assert_int_equal(get(c, s, "/missing", &r, &a, &e), 0);
    assert_int_equal(a.status, 404);
    assert_null(a.content_type);
    http_response_fini(&a);
    assert_int_equal(get(c, s, "/empty", &r, &a, &e), 0);
    assert_int_equal(a.status, 204);
    assert_string_equal(a.body, "");
    http_response_fini(&a);
    assert_int_equal(get(c, s, "/moved", &r, &a, &e), 0);
    assert_int_equal(a.status, 302);
    http_response_fini(&a);
    r.follow = 3;
    assert_int_equal(get(c, s, "/moved", &r, &a, &e), 0);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "hello, world\n");
    http_response_fini(&a);
    assert_int_equal(get(c, s, "/round", &r, &a, &e), -ERR_LIMIT);
    r = (struct http_request){.method = "PUT", .headers = headers, .body = "body", .body_len = 4};
    assert_int_equal(get(c, s, "/put", &r, &a, &e), 0);
    http_response_fini(&a);
    assert_memory_equal(s->last, "PUT /put ", 9);
    assert_non_null(strstr(s->last, "X-Mine: yes\r\n"));
    assert_non_null(strstr(s->last, "Content-Length: 4\r\n"));
    assert_null(strstr(s->last, "Content-Type"));
    r = (struct http_request){.method = "HEAD"};
    assert_int_equal(get(c, s, "/empty", &r, &a, &e), 0);
    assert_memory_equal(s->last, "HEAD ", 5);
    http_response_fini(&a);
    assert_int_equal(s->accepted, 1); /* one connection served all */
}

static void failures(struct http_client *c, struct server *s)
{
    struct http_request r = {.max_body = 5};
    struct http_response a;
    struct err e;

    assert_int_equal(get(c, s, "/x", &r, &a, &e), -ERR_LIMIT);
    r = (struct http_request){.timeout_us = 20 * MS};
    assert_int_equal(get(c, s, "/never", &r, &a, &e), -ERR_TIMEOUT);
    r = (struct http_request){.method = NULL};
    assert_int_equal(get(c, s, "/cut", &r, &a, &e), -ERR_IO);
    r.url = "http://127.0.0.1:1/";
    assert_int_equal(http_perform(c, &r, &a, &e), -ERR_IO);
    assert_non_null(strstr(e.text, "127.0.0.1:1"));
    r.url = "file:///etc/passwd";
    assert_int_equal(http_perform(c, &r, &a, &e), -ERR_INVALID);
    r.url = "http://";
    assert_int_equal(http_perform(c, &r, &a, &e), -ERR_INVALID);
    r.url = "http://no-such-host.invalid/";
    assert_int_equal(http_perform(c, &r, &a, &e), -ERR_IO);
}

struct many {
    struct http_client *c;
    struct server *s;
    int ok, canceled;
};

static int gets_late(void *arg)
{
    struct many *m = arg;
    struct http_request r = {.method = NULL};
    struct http_response a;
    int rc = get(m->c, m->s, "/late", &r, &a, NULL);

    if (rc == 0) {
        m->ok += strcmp(a.body, "hello, world\n") == 0;
        http_response_fini(&a);
    }
    m->canceled += rc == -ERR_CANCELED;
    return rc;
}

static void many_at_once(struct http_client *c, struct server *s)
{
    struct many m = {c, s, 0, 0};
    struct co *all[100];
    struct co_group g;
    int64_t start_us = loop_now_us(s->loop);

    co_group_init(&g, s->loop);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(co_spawn(&g, "get", gets_late, &m, &all[i], NULL), 0);
    }
    assert_int_equal(co_sleep(5 * MS), 0);
    for (int i = 0; i < 100; i += 4) {
        co_cancel(all[i]);
    }
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(m.ok, 75);
    assert_int_equal(m.canceled, 25);
    assert_true(loop_now_us(s->loop) - start_us >= 50 * MS);
}

TEST_UV(http)
{
    struct http_client *c;
    struct co_group g;
    struct server s;
    struct err e;

    assert_int_equal(http_client_new(arg, 200, &c, &e), 0);
    start(&s, arg, &g);
    answers(c, &s);
    failures(c, &s);
    many_at_once(c, &s);
    http_client_free(c);
    co_group_close(&g);
    (void)close(s.listen_fd);
    return 0;
}

/* Allocations of our own side fail one after another; curl's are its own. */
TEST_UV(http_without_memory)
{
    struct http_request r = {.method = NULL};
    struct http_client *c;
    struct http_response a;
    struct co_group g;
    struct server s;
    struct err e;
    int rc;

    assert_int_equal(http_client_new(arg, 10, &c, &e), 0);
    start(&s, arg, &g);
    assert_int_equal(get(c, &s, "/x", &r, &a, &e), 0); /* the connection and its server stand */
    http_response_fini(&a);
    for (int n = 1; n < 20; n++) {
        mem_fail_at((uint64_t)n, 0);
        rc = get(c, &s, "/x", &r, &a, &e);
        mem_fail_at(0, 0);
        if (rc == 0) {
            assert_string_equal(a.body, "hello, world\n");
            http_response_fini(&a);
        }
    }
    assert_int_equal(rc, 0);
    http_client_free(c);
    co_group_close(&g);
    (void)close(s.listen_fd);
    return 0;
}

TEST_UV(not_here)
{
    char *dir =
        mem_strdup(getenv("TRADEWIND_MODULE_DIR") != NULL ? getenv("TRADEWIND_MODULE_DIR") : "");
    struct http_client *c;
    struct err e;

    assert_non_null(dir);
    (void)setenv("TRADEWIND_MODULE_DIR", "/nowhere", 1);
    assert_int_equal(http_client_new(arg, 10, &c, &e), -ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "libcurl4"));
    (void)setenv("TRADEWIND_MODULE_DIR", dir, 1);
    mem_free(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONLY_UV(http),
        ONLY_UV(http_without_memory),
        ONLY_UV(not_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
