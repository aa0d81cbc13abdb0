/*
 * Logs of a try. Accept: application/x-ndjson streams all of it, a JSON object a line; else a page as JSON, with a token for the next one.
 * What lies between the log's head and the segments that are left is told in its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "home/logfile.h"
#include "server/api.h"

#define PAGE_BYTES   KiB(256)
#define PIECE        KiB(32)
#define LINE_MAX_LEN ((int64_t)KiB(64)) /* longer ones are cut into several */

struct source {
    struct logfile_part parts[LOGFILE_PARTS_MAX];
    size_t n;
    int64_t gap;
    int64_t end; /* behind the last line that may be told */
};

static bool is_written(const struct api_run *r, const struct ti_key *key, long number)
{
    bool found;
    struct ti_row now = api_ti(r, key->task, key->map_index, &found);

    return found && now.try_number == number && now.state == TASK_RUNNING;
}

static int find_log(struct call *c, struct source *ret, bool *ret_written, struct err *e)
{
    long number = strtol(call_param(c, "try_number"), NULL, 10);
    const struct task *t;
    struct api_run r = {0};
    int32_t map;
    char path[4200];
    int rc = api_open_run(c, &r, e);

    rc = rc == 0 ? api_find_task(c, &r, &t, &map, e) : rc;
    for (size_t i = 0; rc == 0 && i < r.attempts_len; i++) {
        const struct attempt_row *a = &r.attempts[i];

        if (a->key.task == t->index && a->key.map_index == map && a->try_number == number &&
            a->log_path != NULL) {
            (void)snprintf(path, sizeof path, "%s%s%s",
                           a->log_path[0] == '/' ? "" : c->thread->server->config.home,
                           a->log_path[0] == '/' ? "" : "/", a->log_path);
            *ret_written = is_written(&r, &a->key, number); /* first: it only ends */
            ret->n = logfile_parts(path, ret->parts, &ret->gap);
            return 0; /* no file: nothing was written */
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND, "Try %ld of task `%s` has no log: it has not started",
                             number, call_param(c, "task_id"));
}

/* A line as Airflow's structured message. What is no UTF-8 becomes U+FFFD. */
static void put_line(struct json_writer *w, const char *p, size_t n)
{
    json_object(w);
    json_key(w, "timestamp");
    json_null(w);
    json_key(w, "event");
    json_string_n(w, p, n > 0 && p[n - 1] == '\r' ? n - 1 : n);
    json_object_end(w);
}

/* Bytes from `at` of all parts together, at most n. */
static int read_at(const struct source *s, int64_t at, char *p, size_t n, size_t *ret,
                   struct err *e)
{
    *ret = 0;
    for (size_t i = 0; i < s->n; i++) {
        ssize_t got;
        int fd;

        if (at >= s->parts[i].size) {
            at -= s->parts[i].size;
            continue;
        }
        fd = open(s->parts[i].path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return err_errno(e, errno, "a log cannot be read");
        }
        n = (int64_t)n < s->parts[i].size - at ? n : (size_t)(s->parts[i].size - at);
        got = pread(fd, p, n, at);
        (void)close(fd);
        if (got < 0) {
            return err_errno(e, errno, "a log cannot be read");
        }
        *ret = (size_t)got;
        return 0;
    }
    return 0;
}

static int64_t size_of(const struct source *s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        n += s->parts[i].size;
    }
    return n;
}

/* While the log is written its last line may lack its end: it is told later, whole. Longer lines are cut in any case. */
static int settle_end(struct source *s, bool written, struct err *e)
{
    MEM_CLEANUP char *p = written ? mem_alloc((size_t)LINE_MAX_LEN) : NULL;
    size_t n, tail;
    int rc = 0;

    s->end = size_of(s);
    if (!written || s->end == 0) {
        return 0;
    }
    tail = s->parts[s->n - 1].size < LINE_MAX_LEN ? (size_t)s->parts[s->n - 1].size : LINE_MAX_LEN;
    rc = p != NULL ? read_at(s, s->end - (int64_t)tail, p, tail, &n, e)
                   : err_set(e, ERR_NOMEM, "out of memory for a log");
    if (rc == 0 && n != 0) {
        const char *nl = memrchr(p, '\n', n);

        if (nl != NULL || tail < LINE_MAX_LEN) {
            s->end -= (int64_t)(nl != NULL ? n - (size_t)(nl + 1 - p) : n);
        }
    }
    return rc;
}

/* One piece of the log as lines; *at moves behind what was used. A last line without its end is used only at the end of all. */
static int next_piece(const struct source *s, struct json_writer *w, struct buf *lines_of,
                      bool newlines, int64_t *at, struct err *e)
{
    MEM_CLEANUP char *p = mem_alloc((size_t)LINE_MAX_LEN);
    int64_t end = s->end;
    size_t most = end - *at < LINE_MAX_LEN ? (size_t)(end - *at) : LINE_MAX_LEN;
    size_t n = 0, used = 0;
    int rc = p != NULL ? read_at(s, *at, p, most, &n, e)
                       : err_set(e, ERR_NOMEM, "out of memory for a log");

    if (rc != 0 || n == 0) {
        *at = rc == 0 ? end : *at;
        return rc;
    }
    if (s->gap > 0 && *at == s->parts[0].size) {
        char text[80];
        int len = snprintf(text, sizeof text, "... %lld bytes left out ...", (long long)s->gap);

        put_line(w, text, (size_t)len);
        if (newlines) {
            (void)buf_char(lines_of, '\n');
            json_writer_init(w, lines_of, 0);
        }
    }
    while (used < n) {
        const char *nl = memchr(p + used, '\n', n - used);
        size_t len = nl != NULL ? (size_t)(nl - p) - used : n - used;

        if (nl == NULL && used > 0 && *at + (int64_t)n < end) {
            break; /* the rest of this line comes with the next piece */
        }
        put_line(w, p + used, len);
        if (newlines) {
            (void)buf_char(lines_of, '\n');
            json_writer_init(w, lines_of, 0);
        }
        used += len + (nl != NULL);
    }
    *at += (int64_t)used;
    return 0;
}

/* From `at` to where the log ends now. The header tells that end: the token with which a follower asks for what comes behind it. */
static int stream(struct call *c, const struct source *s, int64_t at, struct err *e)
{
    int64_t end = s->end > at ? s->end : at;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    int rc;

    buf_init(&b, MiB(2));
    c->no_store = true;
    rc = call_set_header(c, "Continuation-Token", arena_printf(&c->arena, "%lld", (long long)end));
    rc = rc == 0 ? call_stream(c, "application/x-ndjson") : rc;
    while (rc == 0 && at < end) {
        buf_clear(&b);
        json_writer_init(&w, &b, 0);
        rc = next_piece(s, &w, &b, true, &at, e);
        rc = rc == 0 ? buf_status(&b) : rc;
        rc = rc == 0 ? call_write(c, b.p, b.len) : rc;
    }
    return rc;
}

/* As JSON: a page, or as much of it as one answer may hold; the line behind that tells how to go on, for those who look at no token. */
static int put_content(struct call *c, const struct source *s, int64_t at, bool full, struct err *e)
{
    int64_t end = s->end;
    size_t most = full ? LIMIT_HTTPD_LOG : PAGE_BYTES;
    int rc = 0;

    json_object(&c->w);
    json_key(&c->w, "content");
    json_array(&c->w);
    while (rc == 0 && at < end && c->out.len < most) {
        rc = next_piece(s, &c->w, NULL, false, &at, e);
    }
    if (rc == 0 && full && at < end) {
        char text[160];
        int n = snprintf(text, sizeof text,
                         "... %lld bytes follow: ask again with token=%lld, or for all of it with "
                         "Accept: application/x-ndjson ...",
                         (long long)(end - at), (long long)at);

        put_line(&c->w, text, (size_t)n);
    }
    json_array_end(&c->w);
    put_text(c, "continuation_token",
             at < end ? arena_printf(&c->arena, "%lld", (long long)at) : NULL);
    json_object_end(&c->w);
    c->no_store = true;
    return rc;
}

int api_ti_log(struct call *c, struct err *e)
{
    const char *accept = call_header(c, "Accept"), *token = call_query(c, "token");
    struct source *s = arena_alloc(&c->arena, sizeof *s);
    bool written = false;
    int64_t at = 0;
    int rc =
        s != NULL ? find_log(c, s, &written, e) : err_set(e, ERR_NOMEM, "out of memory for a log");

    rc = rc == 0 ? settle_end(s, written, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (token != NULL) {
        char *stop;

        at = strtoll(token, &stop, 10);
        if (*token == '\0' || *stop != '\0' || at < 0 || at > size_of(s)) {
            return call_invalid(c, e, "This token is of another log");
        }
    }
    if (accept != NULL && strstr(accept, "application/x-ndjson") != NULL) {
        return stream(c, s, at, e);
    }
    return put_content(c, s, at, call_query_bool(c, "full_content", false), e);
}
