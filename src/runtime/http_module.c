/* tradewind-http.so: libcurl's multi interface, driven by the host's loop. See http_module.h. */
#include "runtime/http_module.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/http.h"
#include "runtime/loop.h"

struct module {
    struct http_host host;
    CURLM *multi;
    bool closing;
};

struct transfer {
    CURL *easy;
    struct curl_slist *headers; /* of a mail: who gets it */
    const struct http_request *request;
    size_t sent; /* of a mail's body */
    char error[CURL_ERROR_SIZE];
};

/* Without the threaded (or c-ares) resolver a name look-up would stop the whole loop. */
static const char *module_check(void)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

    return v->features & CURL_VERSION_ASYNCHDNS ? NULL
                                                : "this libcurl resolves names synchronously";
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct module *m = arg;
    int events = 0;

    (void)easy;
    (void)socket_arg;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= LOOP_READ;
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= LOOP_WRITE;
    }
    return m->host.watch(m->host.arg, fd, events) == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct module *m = arg;

    (void)multi;
    m->host.timer(m->host.arg, timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000);
    return 0;
}

static void *module_open(const struct http_host *host, int max_connections)
{
    struct module *m = calloc(1, sizeof *m);

    if (m == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(m);
        return NULL;
    }
    m->host = *host;
    m->multi = curl_multi_init();
    if (m->multi == NULL) {
        curl_global_cleanup();
        free(m);
        return NULL;
    }
    (void)curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
    (void)curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
    (void)curl_multi_setopt(m->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    (void)curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    return m;
}

static void module_close(void *arg)
{
    struct module *m = arg;

    (void)curl_multi_cleanup(m->multi);
    curl_global_cleanup();
    free(m);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_transfer *t = arg;

    return t->body(t->arg, p, size * n) == 0 ? size * n : 0;
}

/* A status line begins an answer; what came before it belonged to a redirect, whose body is not
 * wanted. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct http_transfer *t = arg;

    if (size * n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
        t->restart(t->arg);
    }
    return size * n;
}

static bool add_header(struct transfer *x, const char *line)
{
    struct curl_slist *more = curl_slist_append(x->headers, line);

    if (more == NULL) {
        return false;
    }
    x->headers = more;
    return true;
}

/* The caller's headers, and nothing that curl would add by itself for a body. */
static bool set_headers(struct transfer *x, const struct http_request *r)
{
    bool typed = false, ok = add_header(x, "Expect:");

    for (const char *const *h = r->headers; h != NULL && *h != NULL && ok; h++) {
        typed = typed || strncasecmp(*h, "Content-Type:", 13) == 0;
        ok = add_header(x, *h);
    }
    if (ok && !typed) {
        ok = add_header(x, "Content-Type:");
    }
    (void)curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
    return ok;
}

static void set_method(CURL *easy, const struct http_request *r)
{
    const char *method = r->method != NULL ? r->method : "GET";

    if (r->body_len > 0 || strcmp(method, "POST") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body_len > 0 ? r->body : "");
        if (strcmp(method, "POST") != 0) {
            (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
        }
    } else if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
}

static size_t on_mail(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *x = arg;
    size_t left = x->request->body_len - x->sent, some = size * n < left ? size * n : left;

    memcpy(p, (const char *)x->request->body + x->sent, some);
    x->sent += some;
    return some;
}

static bool set_mail(struct transfer *x, const struct http_mail *m)
{
    CURL *c = x->easy;
    bool ok = true;

    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(c, CURLOPT_USE_SSL,
                           m->starttls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    if (m->user != NULL) {
        (void)curl_easy_setopt(c, CURLOPT_USERNAME, m->user);
        (void)curl_easy_setopt(c, CURLOPT_PASSWORD, m->password != NULL ? m->password : "");
    }
    (void)curl_easy_setopt(c, CURLOPT_MAIL_FROM, m->from);
    for (const char *const *to = m->to; ok && *to != NULL; to++) {
        ok = add_header(x, *to);
    }
    (void)curl_easy_setopt(c, CURLOPT_MAIL_RCPT, x->headers);
    (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_mail);
    (void)curl_easy_setopt(c, CURLOPT_READDATA, x);
    (void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->request->body_len);
    return ok;
}

static void transfer_free(struct transfer *x)
{
    if (x->easy != NULL) {
        curl_easy_cleanup(x->easy);
    }
    curl_slist_free_all(x->headers);
    free(x);
}

static int fail(struct http_transfer *t, enum http_failure failure, const char *text)
{
    t->failure = failure;
    (void)snprintf(t->text, sizeof t->text, "%s", text);
    return -1;
}

static bool set_options(struct transfer *x, struct http_transfer *t)
{
    const struct http_request *r = t->request;
    CURL *c = x->easy;

    (void)curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_QUICK_EXIT,
                           1L); /* a cancel does not wait for the resolver's thread */
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "tradewind");
    (void)curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, r->follow > 0 ? 1L : 0L);
    (void)curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)r->follow);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                           86400000L); /* the host has the one deadline */
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    if (r->ca_file != NULL) {
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
    }
    x->request = r;
    if (r->mail != NULL) {
        return set_mail(x, r->mail) && curl_easy_setopt(c, CURLOPT_URL, r->url) == CURLE_OK;
    }
    set_method(c, r);
    return set_headers(x, r) && curl_easy_setopt(c, CURLOPT_URL, r->url) == CURLE_OK;
}

static int module_start(void *arg, struct http_transfer *t)
{
    struct module *m = arg;
    struct transfer *x = calloc(1, sizeof *x);

    if (x == NULL) {
        return fail(t, HTTP_NOMEM, "out of memory");
    }
    x->easy = curl_easy_init();
    if (x->easy == NULL || !set_options(x, t)) {
        transfer_free(x);
        return fail(t, HTTP_NOMEM, "out of memory");
    }
    t->impl = x;
    if (curl_multi_add_handle(m->multi, x->easy) != CURLM_OK) {
        t->impl = NULL;
        transfer_free(x);
        return fail(t, HTTP_NOMEM, "out of memory");
    }
    return 0;
}

static void module_cancel(void *arg, struct http_transfer *t)
{
    struct module *m = arg;
    struct transfer *x = t->impl;

    (void)curl_multi_remove_handle(m->multi, x->easy);
    transfer_free(x);
    t->impl = NULL;
}

static enum http_failure classify(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_OK;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return HTTP_BAD_REQUEST;
    case CURLE_OUT_OF_MEMORY:
        return HTTP_NOMEM;
    case CURLE_TOO_MANY_REDIRECTS:
        return HTTP_TOO_MANY_REDIRECTS;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
        return HTTP_ABORTED;
    default:
        return HTTP_BROKEN;
    }
}

static void finish(struct module *m, CURL *easy, CURLcode code)
{
    struct http_transfer *t = NULL;
    struct transfer *x;
    long status = 0;
    char *type = NULL;

    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    x = t->impl;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    t->failure = classify(code);
    t->status = (int)status;
    t->content_type = type;
    if (code != CURLE_OK) {
        (void)snprintf(t->text, sizeof t->text, "%s",
                       x->error[0] != '\0' ? x->error : curl_easy_strerror(code));
    }
    t->done(t->arg);
    module_cancel(m, t);
}

static void reap(struct module *m)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(m->multi, &left)) != NULL) {
        if (msg->msg == CURLMSG_DONE) {
            finish(m, msg->easy_handle, msg->data.result);
        }
    }
}

static void module_on_fd(void *arg, int fd, int events)
{
    struct module *m = arg;
    int running, mask = 0;

    if (events & LOOP_READ) {
        mask |= CURL_CSELECT_IN;
    }
    if (events & LOOP_WRITE) {
        mask |= CURL_CSELECT_OUT;
    }
    (void)curl_multi_socket_action(m->multi, fd, mask, &running);
    reap(m);
}

static void module_on_timer(void *arg)
{
    struct module *m = arg;
    int running;

    (void)curl_multi_socket_action(m->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(m);
}

__attribute__((visibility("default"))) const struct http_module tradewind_http_module = {
    .version = HTTP_MODULE_VERSION,
    .check = module_check,
    .open = module_open,
    .close = module_close,
    .start = module_start,
    .cancel = module_cancel,
    .on_fd = module_on_fd,
    .on_timer = module_on_timer,
};
