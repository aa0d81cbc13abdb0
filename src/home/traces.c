/*
 * A look: the runs that ended since the mark, in the order of their ends, each read on the store's thread and sent in requests of a bounded
 * number of spans; then the mark moves. What the collector cannot take now (no answer, 429, 502, 503, 504) is tried again, later and later;
 * what it refuses is logged and passed over: a run that it never takes would stop all that come after it.
 */
#include "home/traces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "config/config.h"
#include "engine/engine.h"
#include "home/home.h"
#include "home/mark.h"
#include "model/dag.h"
#include "runtime/http.h"
#include "runtime/loop.h"
#include "secret/file.h"
#include "store/store.h"
#include "trace/trace.h"

#define MARK_NAME    "traces"
#define PATH         "/v1/traces"
#define NAMES_PIECE  64
#define SPANS        256 /* in a request */
#define TIMEOUT_US   (10 * TIME_SECOND)
#define WAIT_MIN_US  TIME_SECOND
#define WAIT_MAX_US  (60 * TIME_SECOND)
#define COMPLAIN_US  (600 * TIME_SECOND)
#define HEADERS_MAX  32
#define HEADERS_FILE KiB(16)

struct sender {
    const struct traces *t;
    struct engine *g;
    struct loop *l;
    struct http_client *http;
    struct trace_source source;
    struct mark mark;
    bool marked;
    int64_t now_us, complained_us;
    /* of a look */
    struct arena names_arena;
    struct run_name *names;
    size_t names_len;
    /* of a run */
    struct arena arena;
    const struct run_name *name;
    struct run_row row;
    struct trace_run run;
    struct dag *dag;
    bool gone;
    struct err *e;
};

/* ---- settings ---- */

static const char *env_of(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value : "";
}

/* OpenTelemetry's rule: an address of the traces is taken as it is, one of all signals gets the path. */
static int set_url(const char *base, bool with_path, struct traces *ret, struct err *e)
{
    size_t n = strlen(base);

    if (n != 0 && strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0) {
        return err_set(e, ERR_INVALID,
                       "traces.endpoint: '%.200s' is no address; say http://HOST:4318", base);
    }
    if (n + sizeof PATH > sizeof ret->url) {
        return err_set(e, ERR_LIMIT, "traces.endpoint: at most %zu characters", sizeof ret->url);
    }
    while (with_path && n > 0 && base[n - 1] == '/') {
        n--;
    }
    (void)snprintf(ret->url, sizeof ret->url, "%.*s%s", (int)n, base,
                   n > 0 && with_path ? PATH : "");
    return 0;
}

int traces_of(const struct config *c, const char *version, struct traces *ret, struct err *e)
{
    const char *endpoint = config_text(c, "traces.endpoint");
    const char *exact = env_of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    const char *service = config_text(c, "traces.service_name");
    int rc;

    *ret = (struct traces){.interval_us = config_us(c, "traces.interval"), .version = version};
    if (endpoint[0] == '\0' && exact[0] != '\0') {
        rc = set_url(exact, false, ret, e);
    } else {
        rc = set_url(endpoint[0] != '\0' ? endpoint : env_of("OTEL_EXPORTER_OTLP_ENDPOINT"), true,
                     ret, e);
    }
    service = service[0] != '\0' ? service : env_of("OTEL_SERVICE_NAME");
    (void)snprintf(ret->service, sizeof ret->service, "%s",
                   service[0] != '\0' ? service : "tradewind");
    (void)snprintf(ret->headers_file, sizeof ret->headers_file, "%s",
                   config_text(c, "traces.headers_file"));
    return rc;
}

/* ---- on the store's thread ---- */

static int read_names(void *arg)
{
    struct sender *s = arg;
    struct store *st = engine_store(s->g);
    int rc = 0;

    if (!s->marked) {
        bool found;

        rc = mark_read(st, MARK_NAME, &s->names_arena, &s->mark, &found, s->e);
        if (rc == 0 && !found) {
            s->mark = (struct mark){s->now_us, 0};
            rc = mark_write(st, MARK_NAME, &s->mark, s->now_us, s->e);
        }
        s->marked = rc == 0;
    }
    return rc == 0 ? st->ops->get_ended_runs(st, s->mark.end_us, s->mark.run_key, s->now_us + 1,
                                             NAMES_PIECE, &s->names_arena, &s->names, &s->names_len,
                                             s->e)
                   : rc;
}

static int write_mark(void *arg)
{
    struct sender *s = arg;

    return mark_write(engine_store(s->g), MARK_NAME, &s->mark, s->now_us, s->e);
}

/* All tries of all instances; those that were tried again have their earlier ones elsewhere. */
static int read_attempts(struct sender *s, struct store *st)
{
    struct ti_row *tis, *all;
    size_t n, len = 0, cap;
    int rc = st->ops->get_tis(st, s->name->run_key, 0, &s->arena, &tis, &n, s->e);

    cap = n;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        cap += tis[i].try_number < LIMIT_TRACE_TRIES ? tis[i].try_number : LIMIT_TRACE_TRIES;
    }
    all = rc == 0 ? arena_array(&s->arena, cap + 1, sizeof *all) : NULL;
    if (rc == 0 && all == NULL) {
        rc = err_set(s->e, ERR_NOMEM, "out of memory for the trace of a run");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct ti_row *tries = NULL;
        size_t tries_len = 0;

        if (tis[i].try_number > 1) {
            rc = st->ops->get_tries(st, &tis[i].key, &s->arena, &tries, &tries_len, s->e);
        }
        for (size_t k = tries_len > LIMIT_TRACE_TRIES - 1 ? tries_len - (LIMIT_TRACE_TRIES - 1) : 0;
             rc == 0 && k < tries_len; k++) {
            all[len++] = tries[k];
        }
        if (rc == 0) {
            all[len++] = tis[i];
        }
    }
    s->run.attempts = all;
    s->run.attempts_len = len;
    return rc;
}

static int read_run(void *arg)
{
    struct sender *s = arg;
    struct store *st = engine_store(s->g);
    struct err ignored = {0};
    int rc = st->ops->get_run(st, s->name->run_key, &s->arena, &s->row, s->e);

    s->gone = rc == -ERR_NOTFOUND || (rc == 0 && s->row.end_us != s->name->end_us);
    if (s->gone) {
        return 0; /* removed, or cleared: it is told again when it has ended again */
    }
    s->run = (struct trace_run){.dag_id = s->name->dag_id, .run = &s->row};
    rc = rc == 0 ? read_attempts(s, st) : rc;
    if (rc == 0 && home_load_version(st, s->row.version_key, &s->dag, &ignored) == 0) {
        s->run.dag = s->dag;
    }
    return rc;
}

/* ---- requests ---- */

/* The lines of the file of headers; NULL-terminated, into the run's arena. */
static int read_headers(struct sender *s, const char **ret, struct err *e)
{
    char *text, *rest, *line;
    size_t n = 0;
    int rc;

    ret[n++] = "Content-Type: application/json";
    ret[n] = NULL;
    if (s->t->headers_file[0] == '\0') {
        return 0;
    }
    text = arena_alloc(&s->arena, HEADERS_FILE);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for headers");
    }
    rc = secret_file_read(s->t->headers_file, 0, text, HEADERS_FILE, e);
    if (rc != 0) {
        return err_prefix(e, rc, "traces.headers_file");
    }
    for (line = strtok_r(text, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest)) {
        if (strchr(line, ':') == NULL || n == HEADERS_MAX) {
            return err_set(e, ERR_INVALID,
                           "traces.headers_file: %.200s: each line is `Name: value`, at most %d",
                           s->t->headers_file, HEADERS_MAX - 1);
        }
        ret[n++] = line;
    }
    ret[n] = NULL;
    return 0;
}

static bool is_temporary(int status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static void complain(struct sender *s, const char *what)
{
    int64_t now = loop_now_us(s->l);

    if (s->complained_us == 0 || now - s->complained_us >= COMPLAIN_US) {
        s->complained_us = now;
        log_warning("traces", "not sent, tried again: %s", what);
    }
}

/* 0: it was taken, or refused for good. */
static int send_once(struct sender *s, const struct buf *body, struct err *e)
{
    const char *headers[HEADERS_MAX + 1];
    struct http_request q = {.method = "POST",
                             .url = s->t->url,
                             .headers = headers,
                             .body = body->p,
                             .body_len = body->len,
                             .timeout_us = TIMEOUT_US,
                             .max_body = KiB(64)};
    struct http_response a = {0};
    int rc = read_headers(s, headers, e);

    rc = rc == 0 ? http_perform(s->http, &q, &a, e) : rc;
    if (rc == 0 && is_temporary(a.status)) {
        rc = err_set(e, ERR_BUSY, "%s answers %d", s->t->url, a.status);
    } else if (rc == 0 && (a.status < 200 || a.status > 299)) {
        log_error("traces", "%s refuses run %s of %s for good: %d %.200s", s->t->url, s->row.run_id,
                  s->name->dag_id, a.status, a.body != NULL ? a.body : "");
    } else if (rc == 0 && a.body != NULL && strstr(a.body, "rejectedSpans") != NULL) {
        log_warning("traces", "%s: %.200s", s->t->url, a.body);
    }
    http_response_fini(&a);
    return rc;
}

/* -ERR_CANCELED, or 0. */
static int send_part(struct sender *s, bool first, size_t from)
{
    int64_t wait_us = WAIT_MIN_US;
    struct buf body;
    int rc;

    buf_init(&body, MiB(8));
    trace_request(&s->source, &s->run, first, from, SPANS, &body);
    rc = buf_status(&body);
    if (rc != 0) {
        log_error("traces", "a part of run %s of %s is too large to be sent", s->row.run_id,
                  s->name->dag_id);
        rc = 0;
    } else {
        struct err e = {0};

        while ((rc = send_once(s, &body, &e)) != 0 && rc != -ERR_CANCELED) {
            complain(s, err_str(&e));
            if ((rc = co_sleep(wait_us)) != 0) {
                break;
            }
            wait_us = wait_us * 2 > WAIT_MAX_US ? WAIT_MAX_US : wait_us * 2;
            e = (struct err){0};
        }
        s->complained_us = rc == 0 ? 0 : s->complained_us;
    }
    buf_fini(&body);
    return rc;
}

static int send_run(struct sender *s)
{
    int rc;

    arena_init(&s->arena, MiB(256));
    s->dag = NULL;
    rc = engine_on_store(s->g, read_run, s);
    for (size_t at = 0; rc == 0 && !s->gone && (at == 0 || at < s->run.attempts_len); at += SPANS) {
        rc = send_part(s, at == 0, at);
    }
    dag_unref(s->dag);
    arena_fini(&s->arena);
    return rc;
}

static int look(struct sender *s)
{
    int rc = engine_on_store(s->g, read_names, s);

    for (size_t i = 0; rc == 0 && i < s->names_len; i++) {
        s->name = &s->names[i];
        rc = send_run(s);
        if (rc == 0) {
            s->mark = (struct mark){s->name->end_us, s->name->run_key};
        }
    }
    return rc == 0 && s->names_len != 0 ? engine_on_store(s->g, write_mark, s) : rc;
}

int traces_keep(struct engine *g, struct loop *l, const struct traces *t)
{
    char host[256] = "";
    struct err e = {0};
    struct sender s = {.t = t, .g = g, .l = l, .e = &e};
    int rc;

    if (t->url[0] == '\0') {
        return 0;
    }
    (void)gethostname(host, sizeof host - 1);
    s.source = (struct trace_source){t->service, t->version, host};
    rc = http_client_new(l, 1, &s.http, &e);
    if (rc != 0) {
        log_error("traces", "none are sent: %s", err_str(&e));
        return rc;
    }
    log_info("traces", "are sent to %s", t->url);
    while (rc == 0) {
        e = (struct err){0};
        s.now_us = loop_wall_us(l);
        arena_init(&s.names_arena, MiB(1));
        rc = look(&s);
        arena_fini(&s.names_arena);
        if (rc != 0 && rc != -ERR_CANCELED && rc != -ERR_CLOSED) {
            log_error("traces", "the store: %s", err_str(&e));
            rc = 0;
        }
        if (rc == 0 && (s.names_len < NAMES_PIECE)) {
            rc = co_sleep(t->interval_us);
        }
    }
    http_client_free(s.http);
    return rc;
}
