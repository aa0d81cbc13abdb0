#include "server/call.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "server/httpd.h"
#include "server/httpd_module.h"

#define GZIP_FROM  KiB(1) /* smaller answers are not worth it */
#define ETAG_BYTES 16

/* ---- what was asked ---- */

static const char *find(const struct call_pair *p, size_t n, const char *name)
{
    for (size_t i = n; i > 0; i--) {
        if (strcmp(p[i - 1].name, name) == 0) {
            return p[i - 1].value;
        }
    }
    return NULL;
}

const char *call_param(const struct call *c, const char *name)
{
    return find(c->params, c->params_len, name);
}

const char *call_query(const struct call *c, const char *name)
{
    return find(c->query, c->query_len, name);
}

const char *call_query_next(const struct call *c, const char *name, size_t *at)
{
    for (; *at < c->query_len; (*at)++) {
        if (strcmp(c->query[*at].name, name) == 0) {
            return c->query[(*at)++].value;
        }
    }
    return NULL;
}

const char *call_header(struct call *c, const char *name)
{
    return httpd_header(c, name);
}

/* A plain value as an argument has it; null: "". */
static const char *as_argument(struct call *c, const struct value *v)
{
    switch (v->kind) {
    case VALUE_STRING:
    case VALUE_NUMBER:
        return v->text;
    case VALUE_BOOL:
        return v->boolean ? "true" : "false";
    case VALUE_NULL:
        return "";
    default:
        break;
    }
    (void)c;
    return NULL;
}

static int add_argument(struct call *c, const char *name, const struct value *v, struct err *e)
{
    const char *text = as_argument(c, v);

    if (text == NULL) {
        return call_invalid(c, e, "%s must be plain values", name);
    }
    if (c->query_len == CALL_BODY_ARGS) {
        return call_invalid(c, e, "the body has more than %d values", CALL_BODY_ARGS);
    }
    c->query[c->query_len++] = (struct call_pair){name, text};
    return 0;
}

int call_take_body(struct call *c, const struct value *body, const char *const *names,
                   struct err *e)
{
    int rc = 0;

    c->query = arena_array(&c->arena, CALL_BODY_ARGS, sizeof *c->query);
    c->query_len = 0;
    if (c->query == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    }
    for (size_t i = 0; rc == 0 && i < body->len; i++) {
        const struct value *v = body->elems[i];
        size_t k = 0;

        while (names[k] != NULL && strcmp(names[k], body->keys[i].text) != 0) {
            k += 2;
        }
        if (names[k] == NULL) {
            return call_invalid(c, e, "'%.100s' is not a member of this body", body->keys[i].text);
        }
        for (size_t j = 0; rc == 0 && v->kind == VALUE_ARRAY && j < v->len; j++) {
            rc = add_argument(c, names[k + 1], v->elems[j], e);
        }
        if (rc == 0 && v->kind != VALUE_ARRAY && v->kind != VALUE_NULL) {
            rc = add_argument(c, names[k + 1], v, e);
        }
    }
    return rc;
}

bool call_query_bool(const struct call *c, const char *name, bool dflt)
{
    const char *v = call_query(c, name);

    if (v == NULL) {
        return dflt;
    }
    return strcmp(v, "true") == 0 || strcmp(v, "True") == 0 || strcmp(v, "1") == 0;
}

int call_query_int(const struct call *c, const char *name, int64_t min, int64_t max, int64_t dflt,
                   int64_t *ret, struct err *e)
{
    const char *v = call_query(c, name);
    char *end;
    long long n;

    *ret = dflt;
    if (v == NULL) {
        return 0;
    }
    n = strtoll(v, &end, 10);
    if (*v == '\0' || *end != '\0' || n < min || n > max) {
        return err_set(e, ERR_INVALID, "%s must be an integer from %lld to %lld", name,
                       (long long)min, (long long)max);
    }
    *ret = n;
    return 0;
}

int call_query_time(const struct call *c, const char *name, int64_t *ret, struct err *e)
{
    const char *v = call_query(c, name);

    *ret = TIME_NONE;
    if (v == NULL || *v == '\0') {
        return 0;
    }
    return time_parse(v, strlen(v), ret) == 0
               ? 0
               : err_set(e, ERR_INVALID, "%s must be a time such as 2026-01-31T12:00:00Z", name);
}

int call_body(struct call *c, struct value **ret, struct err *e)
{
    int rc;

    if (c->rq->body_len == 0) {
        *ret = value_new(&c->arena, VALUE_OBJECT);
        return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a request");
    }
    rc = value_parse(&c->arena, c->rq->body, c->rq->body_len, ret, e);
    if (rc != 0 && rc != -ERR_NOMEM) {
        struct err was = *e;

        return call_invalid(c, e, "The body is no JSON: line %d, column %d: %s", was.line, was.col,
                            was.text);
    }
    return rc == 0 && (*ret)->kind != VALUE_OBJECT
               ? call_invalid(c, e, "The body must be a JSON object")
               : rc;
}

/* ---- the answer ---- */

int call_set_header(struct call *c, const char *name, const char *value)
{
    if (c->headers_len == CALL_HEADERS_MAX - 12) { /* what call_finish adds has its room */
        return -ERR_LIMIT;
    }
    c->headers[c->headers_len++] = (struct call_pair){name, value};
    return 0;
}

int call_invalid(struct call *c, struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)err_setv(e, ERR_INVALID, fmt, ap);
    va_end(ap);
    c->status = 422;
    return -ERR_INVALID;
}

static void write_detail(struct call *c, int status, const char *text)
{
    buf_clear(&c->out);
    json_writer_init(&c->w, &c->out, 0);
    json_object(&c->w);
    json_key(&c->w, "detail");
    json_string(&c->w, text);
    json_object_end(&c->w);
    c->status = status;
    c->content_type = NULL;
    c->no_store = true;
}

void call_fail(struct call *c, int status, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    write_detail(c, status, text);
}

void call_error(struct call *c, int rc, const struct err *e)
{
    int status = rc == -ERR_INVALID && c->status == 422                      ? 422
                 : rc == -ERR_PERM && (c->status == 401 || c->status == 429) ? c->status
                 : rc == -ERR_CLOSED   ? 503 /* the scheduler is gone */
                 : rc == -ERR_CANCELED ? 503 /* we are about to end */
                                       : err_http_status(rc);

    write_detail(c, status, err_str(e));
}

static void key(struct call *c, const char *name)
{
    if (name != NULL) {
        json_key(&c->w, name);
    }
}

void put_text(struct call *c, const char *name, const char *value)
{
    key(c, name);
    json_string(&c->w, value);
}

void put_int(struct call *c, const char *name, int64_t n)
{
    key(c, name);
    json_int(&c->w, n);
}

void put_bool(struct call *c, const char *name, bool b)
{
    key(c, name);
    json_bool(&c->w, b);
}

void put_null(struct call *c, const char *name)
{
    key(c, name);
    json_null(&c->w);
}

/* As pydantic writes a time of UTC: "2026-01-31T12:00:00.5Z". */
void put_time(struct call *c, const char *name, int64_t t_us)
{
    char text[TIME_TEXT_MAX], *offset;

    if (t_us == TIME_NONE) {
        put_null(c, name);
        return;
    }
    offset = strstr(time_format(t_us, text), "+00:00");
    if (offset != NULL) {
        memcpy(offset, "Z", 2);
    }
    put_text(c, name, text);
}

void put_seconds(struct call *c, const char *name, int64_t from_us, int64_t to_us)
{
    key(c, name);
    if (from_us == TIME_NONE || to_us == TIME_NONE) {
        json_null(&c->w);
    } else {
        json_double(&c->w, (double)(to_us - from_us) / 1e6);
    }
}

void put_json(struct call *c, const char *name, const char *json, const char *dflt)
{
    key(c, name);
    json = json != NULL && json[0] != '\0' ? json : dflt;
    json_raw(&c->w, json, strlen(json));
}

int call_stream(struct call *c, const char *content_type)
{
    c->content_type = content_type;
    c->no_store = true;
    return httpd_stream_begin(c);
}

int call_write(struct call *c, const void *p, size_t n)
{
    return c->still == NULL || c->still(c) ? httpd_stream_write(c, p, n) : -ERR_PERM;
}

/* ---- finishing ---- */

/* Whether a header names the word, and not with q=0. */
static bool lists(const char *header, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = header; p != NULL && *p != '\0'; p += strcspn(p, ",")) {
        const char *q;
        size_t len;

        p += strspn(p, " ,\t");
        len = strcspn(p, ",");
        if (len >= n && strncasecmp(p, word, n) == 0 && strchr(" ,;\t", p[n]) != NULL) {
            q = memmem(p, len, "q=", 2);
            return q == NULL || strtod(q + 2, NULL) > 0;
        }
    }
    return false;
}

static bool etag_matches(const char *header, const char *tag)
{
    const char *p = header != NULL ? strstr(header, tag) : NULL;

    return header != NULL && (strcmp(header, "*") == 0 || p != NULL);
}

bool call_accepts_gzip(struct call *c)
{
    return lists(httpd_header(c, "Accept-Encoding"), "gzip");
}

bool call_etag_matches(struct call *c, const char *tag)
{
    return etag_matches(httpd_header(c, "If-None-Match"), tag);
}

/* A hash of what is answered: nothing must be known of what changed. The client that has it already gets 304. */
static void add_etag(struct call *c)
{
    unsigned char hash[ETAG_BYTES];
    char hex[2 * ETAG_BYTES + 1], *tag;

    if (c->no_store || c->status != 200 ||
        (strcmp(c->rq->method, "GET") != 0 && strcmp(c->rq->method, "HEAD") != 0)) {
        return;
    }
    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)buf_cstr(&c->out),
                             c->out.len, NULL, 0);
    (void)sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    tag = arena_printf(&c->arena, "W/\"%s\"", hex);
    if (tag == NULL) {
        return;
    }
    c->headers[c->headers_len++] = (struct call_pair){"ETag", tag};
    if (etag_matches(httpd_header(c, "If-None-Match"), tag + 2)) {
        c->status = 304;
        buf_clear(&c->out);
    }
}

static void pack(struct call *c)
{
    size_t n;

    if (c->streaming || c->fixed != NULL || c->out.len < GZIP_FROM || !call_accepts_gzip(c)) {
        return;
    }
    c->packed = mem_alloc(c->out.len);
    n = c->packed != NULL ? httpd_gzip(c, c->out.p, c->out.len, c->packed, c->out.len) : 0;
    if (n == 0) {
        mem_free(mem_take(c->packed));
        return;
    }
    c->out.len = n;
    c->headers[c->headers_len++] = (struct call_pair){"Content-Encoding", "gzip"};
    c->headers[c->headers_len++] = (struct call_pair){"Vary", "Accept-Encoding"};
}

static bool has_header(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->headers_len; i++) {
        if (strcasecmp(c->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_header(struct call *c, const char *name, const char *value)
{
    if (!has_header(c, name)) {
        c->headers[c->headers_len++] = (struct call_pair){name, value};
    }
}

/* What a browser may do with the answer. A handler that knows better has set its own. */
static void add_guards(struct call *c)
{
    bool page = c->content_type != NULL && strncmp(c->content_type, "text/html", 9) == 0;

    add_header(c, "X-Content-Type-Options", "nosniff");
    add_header(c, "X-Frame-Options", "DENY");
    add_header(c, "Referrer-Policy", "same-origin");
    add_header(c, "Content-Security-Policy",
               page ? "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
                      "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
                      "'none'"
                    : "default-src 'none'; frame-ancestors 'none'");
    /* With an ETag the browser asks each time whether its copy still holds, as who it is now. */
    add_header(c, "Cache-Control", c->no_store ? "no-store" : "private, no-cache");
}

void call_finish(struct call *c)
{
    size_t n = 0;

    if (c->status == 0) {
        c->status = 200;
    }
    if (!c->streaming && buf_status(&c->out) != 0) {
        call_fail(c, 500, "The answer is larger than the server may send");
    }
    if (!c->streaming) {
        add_etag(c);
        pack(c);
    }
    add_guards(c);
    for (size_t i = 0; i < c->headers_len; i++) {
        c->reply_headers[n++] = c->headers[i].name;
        c->reply_headers[n++] = c->headers[i].value;
    }
    if (c->out.len != 0 || c->fixed != NULL || c->streaming) {
        c->reply_headers[n++] = "Content-Type";
        c->reply_headers[n++] = c->content_type != NULL ? c->content_type : "application/json";
    }
    c->reply_headers[n++] = "X-Request-Id";
    c->reply_headers[n++] = c->id;
    c->reply_headers[n] = NULL;
}

void call_release(struct call *c)
{
    mem_free(c->packed);
    buf_fini(&c->out);
    buf_fini(&c->stream);
    arena_fini(&c->arena);
}
