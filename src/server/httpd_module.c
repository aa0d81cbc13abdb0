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
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <zlib.h>

#define BODY_SLACK  (1U << 20) /* read and dropped beyond the limit, so that the client hears why */
#define BODY_SMALL  (16U << 10) /* has room even where large ones of others have taken all */
#define LONGEST_GAP (1U << 10)  /* between a header's name and its value */

enum phase { PHASE_REST, PHASE_BODY, PHASE_HOST, PHASE_SEND, PHASE_STREAM };

struct link { /* a connection */
    struct link *prev, *next;
    struct module *m;
    int fd;
    enum phase phase;
    int64_t since_ms; /* since it is in this phase */
    bool cut;         /* it was shut down already */
};

struct request {
    struct httpd_request pub;
    struct module *m;
    struct link *link;
    struct MHD_Connection *connection;
    struct MHD_Response *response;
    char *uri;
    size_t body_cap, body_max, dropped;
    bool head_done, with_host, held, answered, too_large, crowded_out;
    int status;
};

struct module {
    struct httpd_host host;
    struct httpd_limits limits;
    struct MHD_Daemon *daemon;
    struct link links; /* ring */
    unsigned connections;
    size_t bodies; /* bytes that are held for bodies of all requests */
    int fd;
};

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void enter(struct link *l, enum phase phase)
{
    if (l != NULL) {
        l->phase = phase;
        l->since_ms = now_ms();
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

static int64_t allowed_ms(const struct module *m, enum phase phase, bool crowded)
{
    switch (phase) {
    case PHASE_REST:
        return crowded ? m->limits.crowded_ms : m->limits.idle_s * 1000LL;
    case PHASE_BODY:
        return m->limits.body_s * 1000LL;
    case PHASE_SEND:
        return m->limits.reply_s * 1000LL;
    case PHASE_HOST:
    case PHASE_STREAM:
        break;
    }
    return 0;
}

static bool module_sweep(void *arg)
{
    struct module *m = arg;
    bool crowded = m->connections >= m->limits.connections - m->limits.connections / 10;
    int64_t now = now_ms();

    for (struct link *l = m->links.next; l != &m->links; l = l->next) {
        int64_t ms = allowed_ms(m, l->phase, crowded);

        if (ms != 0 && !l->cut && now - l->since_ms >= ms) {
            l->cut = true;
            (void)shutdown(l->fd, SHUT_RDWR);
        }
    }
    return crowded;
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

/* The answer that needs no host. The connection ends with it: what follows on it may be no request. */
static enum MHD_Result refuse(struct request *r, unsigned status, const char *text)
{
    struct MHD_Response *p = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc;

    if (p == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(p, "Content-Type", "application/json");
    (void)MHD_add_response_header(p, "Connection", "close");
    enter(r->link, PHASE_SEND);
    rc = MHD_queue_response(r->connection, status, p);
    MHD_destroy_response(p);
    return rc;
}

static enum MHD_Result refuse_large(struct request *r)
{
    return refuse(r, 413, "{\"detail\":\"The body of the request is larger than allowed here\"}");
}

static enum MHD_Result add_size(void *arg, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    size_t *sum = arg;

    (void)kind;
    *sum += strlen(name) + (value != NULL ? strlen(value) : 0) + 4; /* ": " and the line's end */
    return MHD_YES;
}

/* libmicrohttpd takes somewhat more than we allow, so that it is we who refuse it, in JSON; what is beyond that it refuses itself. */
static unsigned too_long(const struct request *r)
{
    size_t half = r->m->limits.header_bytes / 2, sum = 0;

    if (strlen(r->uri) > half) {
        return 414;
    }
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, add_size, &sum);
    return sum > half ? 431 : 0;
}

static enum MHD_Result refuse_crowd(struct request *r)
{
    return refuse(r, 503,
                  "{\"detail\":\"Too many bodies of requests are on their way: try again later\"}");
}

/* ---- heads that two programs may read differently ---- */

struct framing {
    unsigned lengths, codings, hosts;
    bool chunked, odd;
};

static bool is_token(const char *p)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    bool ok = *p != '\0';

    for (; ok && *p != '\0'; p++) {
        ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
             strchr(others, *p) != NULL;
    }
    return ok;
}

static bool is_field(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (((unsigned char)p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/*
 * A line that begins with a space goes on with the header before. libmicrohttpd before 0.9.77 adds it to the header's name: `Content-Leng: 5`,
 * ` th` is a length to it alone. Then the name stands elsewhere, no longer right before its value.
 */
static bool is_folded(const char *name, size_t name_len, const char *value)
{
    const char *p = name + name_len;

    if (strverscmp(MHD_get_version(), "0.9.77") >= 0 || value == NULL) {
        return false;
    }
    if ((uintptr_t)value <= (uintptr_t)p || (uintptr_t)value - (uintptr_t)p > LONGEST_GAP) {
        return true;
    }
    while (p < value && (*p == '\0' || *p == ' ' || *p == '\t')) {
        p++;
    }
    return p != value;
}

static enum MHD_Result look_at_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    struct framing *f = arg;

    (void)kind;
    f->odd = f->odd || !is_token(name) || is_folded(name, name_len, value) ||
             (value != NULL && !is_field(value, value_len));
    f->lengths += strcasecmp(name, "Content-Length") == 0;
    f->hosts += strcasecmp(name, "Host") == 0;
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->codings++;
        f->chunked = value != NULL && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/*
 * Where the body ends must be beyond doubt: a proxy before us that sees another end takes our next request from somebody else's body. RFC 9112,
 * 6.3, has such requests refused; libmicrohttpd takes the first length of several, and a space before the colon for a part of the name.
 */
static bool is_ambiguous(struct request *r, const char *version)
{
    struct framing f = {0};

    (void)MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, look_at_header, &f);
    return f.odd || f.hosts > 1 || f.lengths + f.codings > 1 ||
           (f.codings == 1 && (!f.chunked || strcmp(version, "HTTP/1.1") != 0));
}

static enum MHD_Result take_head(struct request *r, const char *method, const char *version)
{
    const char *length =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Length");
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    unsigned status = too_long(r);

    r->head_done = true;
    r->link = info != NULL ? info->socket_context : NULL;
    if (status != 0) {
        return refuse(r, status,
                      status == 414 ? "{\"detail\":\"The URL is longer than allowed here\"}"
                                    : "{\"detail\":\"The headers are larger than allowed here\"}");
    }
    r->pub.method = method;
    enter(r->link, PHASE_BODY);
    find_peer(r);
    if (!is_token(method) || is_ambiguous(r, version)) {
        return refuse(r, 400, "{\"detail\":\"The head of the request is malformed\"}");
    }
    if (!r->m->host.head(r->m->host.arg, &r->pub, &r->body_max)) {
        return MHD_NO;
    }
    r->with_host = true;
    if (length != NULL && strtoull(length, NULL, 10) > r->body_max) {
        return refuse_large(r);
    }
    return MHD_YES;
}

/* Reads on, so that the client hears why; but not for ever. */
static enum MHD_Result drop(struct request *r, size_t *n)
{
    r->dropped += *n;
    *n = 0;
    return r->dropped > BODY_SLACK ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(struct request *r, const char *p, size_t *n)
{
    size_t need = r->pub.body_len + *n + 1;

    if (r->too_large || need - 1 > r->body_max) {
        r->too_large = true;
        return drop(r, n);
    }
    if (r->crowded_out) {
        return drop(r, n);
    }
    if (need > r->body_cap) {
        size_t cap = r->body_cap * 2 > need ? r->body_cap * 2 : need;
        char *more;

        cap = cap < r->body_max + 1 ? cap : r->body_max + 1;
        if (need > BODY_SMALL && r->m->bodies + cap - r->body_cap > r->m->limits.bodies_bytes) {
            r->crowded_out = true;
            return drop(r, n);
        }
        more = realloc(r->pub.body, cap);
        if (more == NULL) {
            return MHD_NO;
        }
        r->m->bodies += cap - r->body_cap;
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
    if (r == NULL) {
        return MHD_NO;
    }
    if (!r->head_done) {
        return take_head(r, method, version);
    }
    if (*n != 0) {
        return take_body(r, data, n);
    }
    if (r->too_large) {
        return refuse_large(r);
    }
    if (r->crowded_out) {
        return refuse_crowd(r);
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
    r->m->bodies -= r->body_cap;
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

static _Thread_local char why_text[256];

/* What clients do wrong is nobody's concern; at the start it is what we did wrong. */
static void keep_log(void *arg, const char *format, va_list ap)
{
    const struct module *m = arg;

    if (m->daemon == NULL) {
        (void)vsnprintf(why_text, sizeof why_text, format, ap);
        why_text[strcspn(why_text, "\r\n")] = '\0';
    }
}

static const char *module_why(void)
{
    return why_text;
}

static void *module_open(const struct httpd_host *host, const struct httpd_limits *l,
                         const struct httpd_tls *tls, int listen_fd, int *ret_errno)
{
    /* TLS 1.2 and later, with forward secrecy. The last entry ends the list. */
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls != NULL ? (void *)(uintptr_t)tls->certificate : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls != NULL ? (void *)(uintptr_t)tls->key : NULL},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct module *m = calloc(1, sizeof *m);
    const union MHD_DaemonInfo *info;

    why_text[0] = '\0';
    if (m == NULL) {
        *ret_errno = ENOMEM;
        return NULL;
    }
    m->host = *host;
    m->limits = *l;
    m->links.prev = m->links.next = &m->links;
    errno = 0;
    m->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (tls != NULL ? (unsigned)MHD_USE_TLS : 0),
        0, NULL, NULL, on_access, m, MHD_OPTION_EXTERNAL_LOGGER, keep_log, m,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, l->connections,
        MHD_OPTION_CONNECTION_TIMEOUT, l->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        2 * l->header_bytes, MHD_OPTION_NOTIFY_COMPLETED, on_completed, m,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, m, MHD_OPTION_URI_LOG_CALLBACK, on_uri, m,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, tls != NULL ? secure : none, MHD_OPTION_END);
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
    .why = module_why,
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
