/*
 * Whether a connection can be opened: only where api.test_connection says "enabled". What is tried is said in the answer: that a port takes
 * connections, that a file or folder is there. Nothing is signed in to. Default connections: those of Airflow's that operators look for.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/loop.h"
#include "server/api_bulk.h"

#define CONNECT_MS 5000

struct trial {
    const char *type, *host, *path;
    char port[16];
    bool ok;
    char text[400];
};

static const struct {
    const char *type, *port;
} ports[] = {{"http", "80"},
             {"https", "443"},
             {"postgres", "5432"},
             {"mysql", "3306"},
             {"redis", "6379"},
             {"ssh", "22"},
             {"sftp", "22"},
             {"ftp", "21"},
             {"smtp", "25"},
             {"mongo", "27017"},
             {"mssql", "1433"},
             {"oracle", "1521"},
             {"imap", "993"},
             {"livy", "8998"},
             {"trino", "8080"},
             {"presto", "8080"},
             {"elasticsearch", "9200"},
             {"kafka", "9092"},
             {"amqp", "5672"}};

/* ---- on a thread of its own: it blocks ---- */

static int connect_one(const struct addrinfo *a)
{
    int errnum = 0, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t n = sizeof errnum;

    if (fd < 0) {
        return errno;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        errnum = errno;
        if (errnum == EINPROGRESS) {
            errnum = poll(&p, 1, CONNECT_MS) == 1
                         ? (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &n) == 0 ? errnum : errno)
                         : ETIMEDOUT;
        }
    }
    (void)close(fd);
    return errnum;
}

static int try_host(void *arg)
{
    struct trial *t = arg;
    struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
    int rc = getaddrinfo(t->host, t->port, &want, &all), errnum = ENOENT;

    if (rc != 0) {
        (void)snprintf(t->text, sizeof t->text, "%.200s: %s", t->host, gai_strerror(rc));
        return 0;
    }
    for (const struct addrinfo *a = all; a != NULL && errnum != 0; a = a->ai_next) {
        errnum = connect_one(a);
    }
    freeaddrinfo(all);
    t->ok = errnum == 0;
    if (t->ok) {
        (void)snprintf(t->text, sizeof t->text,
                       "%.200s takes connections on port %s; nobody signed in", t->host, t->port);
    } else {
        char why[100];

        (void)snprintf(t->text, sizeof t->text, "%.200s port %s: %s", t->host, t->port,
                       strerror_r(errnum, why, sizeof why));
    }
    return 0;
}

static int try_path(void *arg)
{
    struct trial *t = arg;
    struct stat st;
    char why[100];

    t->ok = stat(t->path, &st) == 0 && access(t->path, R_OK) == 0;
    if (t->ok) {
        (void)snprintf(t->text, sizeof t->text, "%.300s is there and can be read", t->path);
    } else {
        (void)snprintf(t->text, sizeof t->text, "%.250s: %s", t->path,
                       strerror_r(errno, why, sizeof why));
    }
    return 0;
}

/* ---- what is asked ---- */

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING && v->len != 0 ? v->text : NULL;
}

/* The path of a connection of files: of its extra, or its host. */
static const char *path_of(struct call *c, const struct value *body)
{
    const char *extra = text_of(body, "extra");
    struct value *v = NULL;

    if (extra != NULL && value_parse(&c->arena, extra, strlen(extra), &v, NULL) == 0 &&
        text_of(v, "path") != NULL) {
        return text_of(v, "path");
    }
    return text_of(body, "host");
}

static int port_of(const struct value *body, struct trial *t)
{
    const struct value *v = value_get(body, "port");
    int64_t n;

    if (v != NULL && v->kind != VALUE_NULL) {
        if (value_int(v, 1, 65535, &n) != 0) {
            return -ERR_INVALID;
        }
        (void)snprintf(t->port, sizeof t->port, "%lld", (long long)n);
        return 0;
    }
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (strcmp(ports[i].type, t->type) == 0) {
            (void)snprintf(t->port, sizeof t->port, "%s", ports[i].port);
        }
    }
    return 0;
}

static int run(struct call *c, struct trial *t, struct err *e)
{
    bool files = strcmp(t->type, "fs") == 0 || strcmp(t->type, "sqlite") == 0;
    struct pool *p = NULL;
    int rc;

    if (files && t->path == NULL) {
        (void)snprintf(t->text, sizeof t->text, "it names no path");
        return 0;
    }
    if (!files && (t->host == NULL || t->port[0] == '\0')) {
        (void)snprintf(t->text, sizeof t->text,
                       "a connection of type %.100s without a host and a port cannot be tested "
                       "here",
                       t->type);
        return 0;
    }
    rc = pool_new(loop_current(), "connection test", 1, &p, e);
    if (rc == 0) {
        rc = co_offload(p, files ? try_path : try_host, t);
        pool_free(p);
    }
    (void)c;
    return rc;
}

/* Airflow's host of http may have its scheme. */
static const char *host_of(struct call *c, const char *host)
{
    const char *p = host != NULL ? strstr(host, "://") : NULL;

    p = p != NULL ? p + 3 : host;
    return p != NULL ? arena_strndup(&c->arena, p, strcspn(p, "/:")) : NULL;
}

int api_connection_test(struct call *c, struct err *e)
{
    const char *allowed = c->thread->server->config.test_connection, *id = NULL, *type = NULL;
    struct trial t = {0};
    struct value *body;
    int rc;

    if (allowed == NULL || strcmp(allowed, "enabled") != 0) {
        return err_set(e, ERR_PERM,
                       "Testing connections is disabled in Airflow configuration. Contact your "
                       "deployment admin to enable it.");
    }
    rc = call_body(c, &body, e);
    rc = rc == 0 ? body_text(c, body, "connection_id", &id, e) : rc;
    rc = rc == 0 ? body_text(c, body, "conn_type", &type, e) : rc;
    if (rc == 0 && type == NULL) {
        return call_invalid(c, e, "conn_type must be given");
    }
    if (rc != 0) {
        return rc;
    }
    t.type = type;
    t.host = host_of(c, text_of(body, "host"));
    t.path = path_of(c, body);
    if (port_of(body, &t) != 0) {
        return call_invalid(c, e, "port must be a number from 1 to 65535");
    }
    rc = run(c, &t, e);
    if (rc == 0) {
        json_object(&c->w);
        put_bool(c, "status", t.ok);
        put_text(c, "message", t.text);
        json_object_end(&c->w);
    }
    return rc;
}

/* ---- default connections ---- */

/* Of the systems that operators here reach: Airflow's ids, so that DAG files which name none find one. */
static const struct {
    const char *id, *type, *host, *extra;
} defaults[] = {
    {"fs_default", "fs", NULL, "{\"path\": \"/\"}"},
    {"http_default", "http", "https://www.httpbin.org/", NULL},
    {"postgres_default", "postgres", "postgres", NULL},
    {"mysql_default", "mysql", "mysql", NULL},
    {"sqlite_default", "sqlite", "/tmp/sqlite_default.db", NULL},
    {"redis_default", "redis", "redis", NULL},
    {"ssh_default", "ssh", "localhost", NULL},
    {"sftp_default", "sftp", "localhost", NULL},
    {"ftp_default", "ftp", "localhost", NULL},
    {"aws_default", "aws", NULL, NULL},
};

static int set(struct value *o, struct call *c, const char *name, const char *text)
{
    struct value *v = text != NULL ? value_string(&c->arena, text, strlen(text)) : NULL;

    return text == NULL ? 0 : v != NULL ? value_set(&c->arena, o, name, v) : -ERR_NOMEM;
}

/* Those that are not there. */
int api_connection_defaults(struct call *c, struct err *e)
{
    bool later = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && !later && i < sizeof defaults / sizeof defaults[0]; i++) {
        struct value *body = value_new(&c->arena, VALUE_OBJECT);
        bool there = false;

        rc = bulk_connections.exists(c, defaults[i].id, &there, e);
        if (rc != 0 || there) {
            continue;
        }
        if (body == NULL || set(body, c, "conn_type", defaults[i].type) != 0 ||
            set(body, c, "host", defaults[i].host) != 0 ||
            set(body, c, "extra", defaults[i].extra) != 0) {
            return err_set(e, ERR_NOMEM, "out of memory for connections");
        }
        rc = bulk_connections.create(c, body, defaults[i].id, false, &later, e);
        rc = rc == -ERR_EXISTS ? 0 : rc; /* made meanwhile */
    }
    if (rc == 0 && !later) {
        c->status = 204;
    }
    return rc;
}
