#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "exec/local/local.h"

static void begin(struct json_writer *w, struct buf *out, size_t *mark, const char *type)
{
    (void)wire_begin(out, mark);
    json_writer_init(w, out, 0);
    json_object(w);
    json_key(w, "v");
    json_int(w, WIRE_VERSION_OLDEST);
    json_key(w, "type");
    json_string(w, type);
}

static void strings(struct json_writer *w, const char *key, const char *const *list)
{
    json_key(w, key);
    json_array(w);
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        json_string(w, list[i]);
    }
    json_array_end(w);
}

static void integer(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_int(w, n);
}

static void string(struct json_writer *w, const char *key, const char *s)
{
    json_key(w, key);
    json_string(w, s);
}

int message_start(struct local *l, const struct exec_spec *s, const char *id, struct buf *out,
                  struct err *e)
{
    struct json_writer w;
    size_t mark;
    int rc;

    begin(&w, out, &mark, "start");
    string(&w, "attempt", id);
    if (s->argv != NULL) {
        strings(&w, "argv", s->argv);
        if (s->script != NULL) {
            string(&w, "script", s->script);
        }
    } else {
        json_key(&w, "python");
        json_raw(&w, s->python, strlen(s->python));
    }
    string(&w, "cwd", s->cwd);
    strings(&w, "env", s->env);
    if (s->bare_env) {
        json_key(&w, "bare_env");
        json_bool(&w, true);
    }
    string(&w, "log", s->log);
    integer(&w, "log_max", (int64_t)LIMIT_LOG_BYTES);
    json_key(&w, "last_line");
    json_bool(&w, s->last_line);
    strings(&w, "secrets", s->secrets);
    integer(&w, "timeout_us", s->timeout_us > 0 ? s->timeout_us : 0);
    integer(&w, "grace_us", s->grace_us > 0 ? s->grace_us : 0);
    json_object_end(&w);
    rc = wire_end(out, mark);
    if (rc == -ERR_LIMIT) {
        return err_set(
            e, ERR_LIMIT,
            "the command, environment and secrets of the attempt take more than %zu bytes",
            LIMIT_MESSAGE);
    }
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "no memory for the attempt's message");
}

int message_setup(struct local *l, const struct link *k, struct buf *out)
{
    struct json_writer w;
    char mark[HOLDER_MARK_MAX];
    size_t at;

    link_mark(k->id, mark);
    begin(&w, out, &at, "setup");
    integer(&w, "speaks", WIRE_VERSION);
    strings(&w, "env", (const char *const *)l->base_env);
    integer(&w, "idle_exit_s", l->idle_exit_s);
    json_key(&w, "python");
    if (!k->python || k->retiring || l->python_argv == NULL) {
        json_null(&w);
    } else {
        json_object(&w);
        json_key(&w, "argv");
        json_array(&w);
        json_string(&w, k->interpreter != NULL ? k->interpreter : l->python_argv[0]);
        for (size_t i = 1; l->python_argv[0] != NULL && l->python_argv[i] != NULL; i++) {
            json_string(&w, l->python_argv[i]);
        }
        json_array_end(&w);
        json_key(&w, "env");
        json_array(&w);
        json_string(&w, mark);
        for (char *const *p = l->python_env; p != NULL && *p != NULL; p++) {
            json_string(&w, *p);
        }
        json_array_end(&w);
        string(&w, "cwd", NULL);
        json_object_end(&w);
    }
    json_object_end(&w);
    return wire_end(out, at);
}

int message_parse(int64_t id, const char *request_json, struct buf *out)
{
    struct json_writer w;
    size_t mark;

    begin(&w, out, &mark, "parse");
    integer(&w, "id", id);
    json_key(&w, "request");
    json_raw(&w, request_json, strlen(request_json));
    json_object_end(&w);
    return wire_end(out, mark);
}

int link_send_kill(struct link *k, const char *id, const char *reason, int64_t grace_us)
{
    struct buf out BUF_CLEANUP = {0};
    struct json_writer w;
    size_t mark;
    int rc;

    buf_init(&out, KiB(64));
    begin(&w, &out, &mark, "kill");
    string(&w, "attempt", id);
    string(&w, "reason", reason);
    integer(&w, "grace_us", grace_us > 0 ? grace_us : 0);
    json_object_end(&w);
    rc = wire_end(&out, mark);
    return rc == 0 ? link_send(k, out.p, out.len) : rc;
}

int link_send_ack(struct link *k, const char *id)
{
    struct buf out BUF_CLEANUP = {0};
    struct json_writer w;
    size_t mark;
    int rc;

    buf_init(&out, KiB(4));
    begin(&w, &out, &mark, "ack");
    string(&w, "attempt", id);
    json_object_end(&w);
    rc = wire_end(&out, mark);
    return rc == 0 ? link_send(k, out.p, out.len) : rc;
}

int link_send_simple(struct link *k, const char *type)
{
    struct buf out BUF_CLEANUP = {0};
    struct json_writer w;
    size_t mark;
    int rc;

    buf_init(&out, KiB(4));
    begin(&w, &out, &mark, type);
    json_object_end(&w);
    rc = wire_end(&out, mark);
    return rc == 0 ? link_send(k, out.p, out.len) : rc;
}

/* ---- reading ---- */

static int64_t int_or(const struct value *message, const char *key, int64_t otherwise)
{
    const struct value *v = value_get(message, key);
    int64_t n;

    return v != NULL && v->kind == VALUE_NUMBER && value_int(v, INT64_MIN, INT64_MAX, &n) == 0
               ? n
               : otherwise;
}

static const char *text_or_null(const struct value *message, const char *key, size_t *ret_len)
{
    const struct value *v = value_get(message, key);

    if (v == NULL || v->kind != VALUE_STRING) {
        return NULL;
    }
    if (ret_len != NULL) {
        *ret_len = v->len;
    }
    return v->text;
}

int message_started_read(const struct value *message, struct uuid *ret_attempt, int64_t *ret_pid,
                         uint64_t *ret_pid_start, int64_t *ret_at_us)
{
    const char *id = text_or_null(message, "attempt", NULL);

    if (id == NULL || uuid_parse(id, ret_attempt) != 0) {
        return -ERR_PROTOCOL;
    }
    *ret_pid = int_or(message, "pid", 0);
    *ret_pid_start = (uint64_t)int_or(message, "pid_start", 0);
    *ret_at_us = int_or(message, "at_us", 0);
    return 0;
}

int message_ended_read(const struct value *message, struct exec_end *ret)
{
    const struct value *oom = value_get(message, "oom");
    const char *id = text_or_null(message, "attempt", NULL);
    struct exec_end end = {
        .pid = int_or(message, "pid", 0),
        .exit_code = (int)int_or(message, "exit_code", -1),
        .signal = (int)int_or(message, "signal", 0),
        .oom = oom != NULL && oom->kind == VALUE_BOOL && oom->boolean,
        .killed = text_or_null(message, "killed", NULL),
        .error = text_or_null(message, "error", NULL),
        .at_us = int_or(message, "at_us", 0),
        .duration_us = int_or(message, "duration_us", 0),
        .log_bytes = int_or(message, "log_bytes", 0),
        .log_dropped = int_or(message, "log_dropped", 0),
    };

    if (id == NULL || uuid_parse(id, &end.attempt) != 0) {
        return -ERR_PROTOCOL;
    }
    end.last_line = text_or_null(message, "last_line", &end.last_line_len);
    if (end.error != NULL && strcmp(end.error, HOLDER_NOT_SEEN) == 0) {
        end.not_seen = true;
        end.error = NULL;
    }
    /* Exactly one of the three is told; anything else is not to be taken for a success. */
    if ((end.exit_code >= 0) + (end.signal > 0) + (end.error != NULL || end.not_seen) != 1) {
        return -ERR_PROTOCOL;
    }
    *ret = end;
    return 0;
}
