/*
 * Many HTTP requests at once to a server that answers late: what waiting costs. See fanout.py,
 * which compares.
 *
 *   bench-fanout serve DELAY_MS     prints its port, serves until its standard input closes
 *   bench-fanout get PORT N         N requests at once; fails unless all are answered
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co.h"
#include "runtime/http.h"
#include "runtime/loop.h"

struct bench {
    struct loop *loop;
    struct http_client *client;
    struct co_group group;
    int listen_fd, port, n, answered;
    int64_t delay_us;
};

struct conn {
    struct bench *b;
    int fd;
};

static int serve_conn(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct conn *c = arg;
    char in[4096];
    size_t len = 0, n;

    while (co_read(c->fd, in + len, sizeof in - 1 - len, &n) == 0 && n > 0) {
        len += n;
        in[len] = '\0';
        if (strstr(in, "\r\n\r\n") == NULL) {
            continue;
        }
        len = 0;
        if (co_sleep(c->b->delay_us) != 0 || co_write_all(c->fd, answer, sizeof answer - 1) != 0) {
            break;
        }
    }
    (void)close(c->fd);
    mem_free(c);
    return 0;
}

static int accept_all(void *arg)
{
    struct bench *b = arg;
    struct conn *c;
    int fd;

    while (co_accept(b->listen_fd, &fd) == 0) {
        c = mem_zalloc(sizeof *c);
        if (c == NULL) {
            return -ERR_NOMEM;
        }
        c->b = b;
        c->fd = fd;
        if (co_spawn(&b->group, "connection", serve_conn, c, NULL, NULL) != 0) {
            return -ERR_LIMIT;
        }
    }
    return 0;
}

static int serve(void *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct bench *b = arg;
    struct co_group g;
    size_t n;
    char c;

    b->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(b->listen_fd, (struct sockaddr *)&a, len) != 0 || listen(b->listen_fd, 4096) != 0 ||
        getsockname(b->listen_fd, (struct sockaddr *)&a, &len) != 0) {
        return -ERR_IO;
    }
    (void)printf("%d\n", ntohs(a.sin_port));
    (void)fflush(stdout);
    co_group_init(&b->group, b->loop);
    co_group_init(&g, b->loop);
    if (co_spawn(&g, "accept", accept_all, b, NULL, NULL) != 0) {
        return -ERR_NOMEM;
    }
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    (void)co_read(STDIN_FILENO, &c, 1, &n);
    co_group_close(&g);
    co_group_close(&b->group);
    (void)close(b->listen_fd);
    return 0;
}

static int get_one(void *arg)
{
    struct bench *b = arg;
    struct http_request r = {.method = NULL};
    struct http_response a;
    struct err e;
    char url[64];
    int rc;

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", b->port);
    r.url = url;
    rc = http_perform(b->client, &r, &a, &e);
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", err_str(&e));
        return rc;
    }
    b->answered += a.status == 200 && strcmp(a.body, "ok") == 0;
    http_response_fini(&a);
    return 0;
}

static int get_all(void *arg)
{
    struct bench *b = arg;
    struct err e;
    int rc = http_client_new(b->loop, b->n, &b->client, &e);

    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", err_str(&e));
        return rc;
    }
    co_group_init(&b->group, b->loop);
    for (int i = 0; i < b->n && rc == 0; i++) {
        rc = co_spawn(&b->group, "get", get_one, b, NULL, &e);
    }
    (void)co_group_join(&b->group);
    http_client_free(b->client);
    return rc == 0 && b->answered == b->n ? 0 : -ERR_FAILED;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct err e = {0};
    int rc;

    if (!(argc == 3 && strcmp(argv[1], "serve") == 0) &&
        !(argc == 4 && strcmp(argv[1], "get") == 0)) {
        (void)fprintf(stderr, "usage: bench-fanout serve DELAY_MS | get PORT N\n");
        return 64;
    }
    if (loop_uv_new(NULL, &b.loop, &e) != 0) {
        (void)fprintf(stderr, "%s\n", err_str(&e));
        return 1;
    }
    if (argc == 3) {
        b.delay_us = strtol(argv[2], NULL, 10) * 1000;
        rc = loop_main(b.loop, serve, &b, &e);
    } else {
        b.port = (int)strtol(argv[2], NULL, 10);
        b.n = (int)strtol(argv[3], NULL, 10);
        rc = loop_main(b.loop, get_all, &b, &e);
    }
    loop_free(b.loop);
    return rc == 0 ? 0 : 1;
}
