/*
 * tradewind-httpd.so: libmicrohttpd with its external event loop (epoll), driven by the host's. See httpd_module.h.
 *
 * A request:  uri -> head -> body pieces -> whole --host.request--> held (suspended) --reply--> sending -> gone
 * A stream's sending: pull says LATER -> held --kick--> pull again
 *
 * libmicrohttpd's own timeout begins anew with each byte. What it lacks is here: `sweep` closes connections by the time since their
 * phase began, whatever trickles in; and when nearly all are taken, those that only rest.
 */
#include "server/httpd_module.h"

extern const struct httpd_files httpd_page; /* made by tools/ui-pack */

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <zlib.h>

#define BODY_SLACK (1U << 20) /* read and dropped beyond the limit, so that the client hears why */

enum phase { PHASE_REST, PHASE_BODY, PHASE_HOST, PHASE_SEND, PHASE_STREAM };

struct link { /* a connection */
    struct link *prev, *next;
    struct module *m;
    int fd;
    enum phase phase;
    int64_t since_s; /* since it is in this phase */
    bool cut;        /* it was shut down already */
};

struct request {
    struct httpd_request pub;
    struct module *m;
    struct link *link;
    struct MHD_Connection *connection;
    struct MHD_Response *response;
    char *uri;
    size_t body_cap, body_max, dropped;
    bool head_done, with_host, held, answered, too_large;
    int status;
};

struct module {
    struct httpd_host host;
    struct httpd_limits limits;
    struct MHD_Daemon *daemon;
    struct link links; /* ring */
    unsigned connections;
    int fd;
};

static int64_t now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void enter(struct link *l, enum phase phase)
{
    if (l != NULL) {
        l->phase = phase;
        l->since_s = now_s();
    }
}

static const char *module_check(void)
{
    return MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES
               ? NULL
               : "this libmicrohttpd was built without epoll";
}

/* ---- connections ---- */

static void on_connection(void *arg, struct MHD_Connection *c, void **link_out,
                          enum MHD_ConnectionNotificationCode what)
{
    struct module *m = arg;
    struct link *l = *link_out;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

        l = calloc(1, sizeof *l);
        if (l == NULL || info == NULL) {
            free(l);
            return; /* it is only not swept */
        }
        l->m = m;
        l->fd = info->connect_fd;
        l->next = m->links.next;
        l->prev = &m->links;
        l->next->prev = l->prev->next = l;
        enter(l, PHASE_REST);
        *link_out = l;
        m->connections++;
    } else if (l != NULL) {
        l->prev->next = l->next;
        l->next->prev = l->prev;
        m->connections--;
        free(l);
        *link_out = NULL;
    }
}

static unsigned allowed_s(const struct module *m, enum phase phase, bool crowded)
{
    switch (phase) {
    case PHASE_REST:
        return crowded ? m->limits.crowded_s : m->limits.idle_s;
    case PHASE_BODY:
        return m->limits.body_s;
    case PHASE_SEND:
        return m->limits.reply_s;
    case PHASE_HOST:
    case PHASE_STREAM:
        break;
    }
    return 0;
}

static void module_sweep(void *arg)
{
    struct module *m = arg;
    bool crowded = m->connections >= m->limits.connections - m->limits.connections / 10;
    int64_t now = now_s();

    for (struct link *l = m->links.next; l != &m->links; l = l->next) {
        unsigned s = allowed_s(m, l->phase, crowded);

        if (s != 0 && !l->cut && now - l->since_s >= s) {
            l->cut = true;
            (void)shutdown(l->fd, SHUT_RDWR);
        }
    }
}

/* ---- requests ---- */

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *c)
{
    struct request *r = calloc(1, sizeof *r);

    if (r == NULL || (r->uri = strdup(uri)) == NULL) {
        free(r);
        return NULL;
    }
    r->m = arg;
    r->connection = c;
    r->pub.uri = r->uri;
    r->pub.impl = r;
    return r;
}

static size_t no_unescape(void *arg, struct MHD_Connection *c, char *s)
{
    (void)arg;
    (void)c;
    return strlen(s);
}

static void find_peer(struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info != NULL ? info->client_addr : NULL;

    if (a != NULL && a->sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr,
                        r->pub.peer, sizeof r->pub.peer);
    } else if (a != NULL && a->sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                        r->pub.peer, sizeof r->pub.peer);
    }
}

static enum MHD_Result refuse_large(struct request *r)
{
    static char text[] = "{\"detail\":\"The body of the request is larger than allowed here\"}";
    struct MHD_Response *p =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc;

    if (p == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(p, "Content-Type", "application/json");
    (void)MHD_add_response_header(p, "Connection", "close");
    enter(r->link, PHASE_SEND);
    rc = MHD_queue_response(r->connection, 413, p);
    MHD_destroy_response(p);
    return rc;
}

static enum MHD_Result take_head(struct request *r, const char *method)
{
    const char *length =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Length");
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    r->head_done = true;
    r->link = info != NULL ? info->socket_context : NULL;
    r->pub.method = method;
    enter(r->link, PHASE_BODY);
    find_peer(r);
    if (!r->m->host.head(r->m->host.arg, &r->pub, &r->body_max)) {
        return MHD_NO;
    }
    r->with_host = true;
    if (length != NULL && strtoull(length, NULL, 10) > r->body_max) {
        return refuse_large(r);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct request *r, const char *p, size_t *n)
{
    size_t need = r->pub.body_len + *n + 1;

    if (r->too_large || need - 1 > r->body_max) {
        r->too_large = true;
        r->dropped += *n;
        *n = 0;
        return r->dropped > BODY_SLACK ? MHD_NO : MHD_YES;
    }
    if (need > r->body_cap) {
        size_t cap = r->body_cap * 2 > need ? r->body_cap * 2 : need;
        char *more = realloc(r->pub.body, cap);

        if (more == NULL) {
            return MHD_NO;
        }
        r->pub.body = more;
        r->body_cap = cap;
    }
    memcpy(r->pub.body + r->pub.body_len, p, *n);
    r->pub.body_len += *n;
    r->pub.body[r->pub.body_len] = '\0';
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result send_answer(struct request *r)
{
    return MHD_queue_response(r->connection, (unsigned)r->status, r->response);
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *c, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *n, void **request)
{
    struct request *r = *request;

    (void)arg;
    (void)c;
    (void)url;
    (void)version;
    if (r == NULL) {
        return MHD_NO;
    }
    if (!r->head_done) {
        return take_head(r, method);
    }
    if (*n != 0) {
        return take_body(r, data, n);
    }
    if (r->too_large) {
        return refuse_large(r);
    }
    if (!r->answered) {
        enter(r->link, PHASE_HOST);
        r->m->host.request(r->m->host.arg, &r->pub);
        if (!r->answered) {
            r->held = true;
            MHD_suspend_connection(r->connection);
            return MHD_YES;
        }
    }
    return send_answer(r);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct request *r = *request;

    (void)c;
    (void)why;
    if (r == NULL) {
        return;
    }
    *request = NULL;
    if (r->with_host) {
        r->m->host.gone(((struct module *)arg)->host.arg, &r->pub);
    }
    if (r->response != NULL) {
        MHD_destroy_response(r->response);
    }
    enter(r->link, PHASE_REST);
    free(r->pub.body);
    free(r->uri);
    free(r);
}

/* ---- answers ---- */

static ssize_t on_pull(void *arg, uint64_t at, char *p, size_t cap)
{
    struct request *r = arg;
    ptrdiff_t n = r->m->host.pull(r->m->host.arg, &r->pub, p, cap);

    (void)at;
    if (n == HTTPD_PULL_END) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (n < 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (n == 0) {
        r->held = true;
        MHD_suspend_connection(r->connection);
    }
    return n;
}

static int module_reply(void *arg, struct httpd_request *rq, const struct httpd_reply *a)
{
    struct request *r = rq->impl;

    (void)arg;
    r->response = a->stream
                      ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, on_pull, r, NULL)
                      : MHD_create_response_from_buffer(a->len, (void *)(uintptr_t)a->body,
                                                        MHD_RESPMEM_PERSISTENT);
    if (r->response == NULL) {
        return -1;
    }
    for (const char *const *h = a->headers; h != NULL && h[0] != NULL; h += 2) {
        if (MHD_add_response_header(r->response, h[0], h[1]) != MHD_YES) {
            MHD_destroy_response(r->response);
            r->response = NULL;
            return -1;
        }
    }
    r->status = a->status;
    r->answered = true;
    enter(r->link, a->stream ? PHASE_STREAM : PHASE_SEND);
    if (r->held) {
        r->held = false;
        MHD_resume_connection(r->connection);
    }
    return 0;
}

static void module_kick(void *arg, struct httpd_request *rq)
{
    struct request *r = rq->impl;

    (void)arg;
    if (r->held) {
        r->held = false;
        MHD_resume_connection(r->connection);
    }
}

static const char *module_header(void *arg, struct httpd_request *rq, const char *name)
{
    struct request *r = rq->impl;

    (void)arg;
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static size_t module_gzip(const char *in, size_t n, char *p, size_t cap)
{
    z_stream z = {0};
    size_t done = 0;

    if (n > UINT32_MAX || cap > UINT32_MAX ||
        deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)p;
    z.avail_out = (uInt)cap;
    if (deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < n) {
        done = z.total_out;
    }
    (void)deflateEnd(&z);
    return done;
}

static size_t module_gunzip(const char *in, size_t n, char *p, size_t cap)
{
    z_stream z = {0};
    size_t done = 0;

    if (n > UINT32_MAX || cap > UINT32_MAX || inflateInit2(&z, 15 + 16) != Z_OK) {
        return 0;
    }
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)p;
    z.avail_out = (uInt)cap;
    if (inflate(&z, Z_FINISH) == Z_STREAM_END) {
        done = z.total_out;
    }
    (void)inflateEnd(&z);
    return done;
}

/* ---- the daemon ---- */

static void no_log(void *arg, const char *format, va_list ap)
{
    (void)arg;
    (void)format;
    (void)ap; /* what clients do wrong; what we do wrong comes back as an error */
}

static void *module_open(const struct httpd_host *host, const struct httpd_limits *l, int listen_fd,
                         int *ret_errno)
{
    struct module *m = calloc(1, sizeof *m);
    const union MHD_DaemonInfo *info;

    if (m == NULL) {
        *ret_errno = ENOMEM;
        return NULL;
    }
    m->host = *host;
    m->limits = *l;
    m->links.prev = m->links.next = &m->links;
    errno = 0;
    m->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_access, m,
        MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, l->connections, MHD_OPTION_CONNECTION_TIMEOUT, l->idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, l->header_bytes, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, m, MHD_OPTION_NOTIFY_CONNECTION, on_connection, m,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, m, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    info = m->daemon != NULL ? MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info == NULL) {
        *ret_errno = errno != 0 ? errno : EIO;
        if (m->daemon != NULL) {
            MHD_stop_daemon(m->daemon);
        }
        free(m);
        return NULL;
    }
    m->fd = info->epoll_fd;
    return m;
}

static void module_quiesce(void *arg)
{
    struct module *m = arg;

    (void)MHD_quiesce_daemon(m->daemon);
}

static void module_close(void *arg)
{
    struct module *m = arg;

    MHD_stop_daemon(m->daemon);
    free(m);
}

static int module_fd(void *arg)
{
    return ((struct module *)arg)->fd;
}

static bool module_run(void *arg)
{
    struct module *m = arg;
    MHD_UNSIGNED_LONG_LONG ms = 1;

    (void)MHD_run(m->daemon);
    return MHD_get_timeout(m->daemon, &ms) == MHD_YES && ms == 0;
}

static int64_t module_timeout_us(void *arg)
{
    struct module *m = arg;
    MHD_UNSIGNED_LONG_LONG ms;

    return MHD_get_timeout(m->daemon, &ms) == MHD_YES ? (int64_t)ms * 1000 : -1;
}

static unsigned module_connections(void *arg)
{
    return ((struct module *)arg)->connections;
}

__attribute__((visibility("default"))) const struct httpd_module tradewind_httpd_module = {
    .version = HTTPD_MODULE_VERSION,
    .check = module_check,
    .open = module_open,
    .quiesce = module_quiesce,
    .close = module_close,
    .fd = module_fd,
    .run = module_run,
    .timeout_us = module_timeout_us,
    .sweep = module_sweep,
    .connections = module_connections,
    .header = module_header,
    .reply = module_reply,
    .kick = module_kick,
    .gzip = module_gzip,
    .gunzip = module_gunzip,
    .page = &httpd_page,
};
