/*
 * A try that waits without a process: deferred, or rescheduled. What it needs to go on is its record, a JSON object that is stored
 * with the end of the process that asked, and read by the next process of the same try, also after a crash:
 *
 *   {"try", "first_start_us", "reschedules",
 *    "trigger": {"classpath", "kwargs", "file"}, "timeout_us", "method", "kwargs",       deferred
 *    "event"}                                                                            what it waited for has come
 *
 * A record of another try is of no use to this one and is not looked at.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/dag.h"
#include "worker/local_priv.h"

#define BACKSTOP_US (60 * TIME_SECOND) /* the trigger process ends a wait itself; the core later, if it does not */

static int64_t number_of(const struct value *o, const char *name, int64_t other)
{
    const struct value *v = o != NULL ? value_get(o, name) : NULL;
    int64_t n;

    return v != NULL && value_int(v, INT64_MIN + 1, INT64_MAX, &n) == 0 ? n : other;
}

static int64_t first_start(const struct attempt *a, const struct worker_end *end)
{
    int64_t now = loop_wall_us(a->worker->config.loop);

    if (a->first_start_us != TIME_NONE) {
        return a->first_start_us;
    }
    return number_of(a->record, "first_start_us", now - (end != NULL ? end->duration_us : 0));
}

/* What every record has. */
static void begin_record(const struct attempt *a, const struct worker_end *end, int64_t more,
                         struct json_writer *w)
{
    json_object(w);
    json_key(w, "try");
    json_int(w, a->try_number);
    json_key(w, "first_start_us");
    json_int(w, first_start(a, end));
    json_key(w, "reschedules");
    json_int(w, number_of(a->record, "reschedules", 0) + more);
}

static void copy_member(struct json_writer *w, const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    json_key(w, name);
    if (v != NULL) {
        json_value(w, v);
    } else {
        json_null(w);
    }
}

static int keep_record(struct worker_end *end, struct buf *b)
{
    int rc = buf_status(b);

    end->record = rc == 0 ? arena_strndup(&end->arena, buf_cstr(b), b->len) : NULL;
    return rc == 0 && end->record == NULL ? -ERR_NOMEM : rc;
}

int deferral_reschedule(struct attempt *a, struct worker_end *end)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, KiB(4));
    json_writer_init(&w, &b, 0);
    begin_record(a, end, 1, &w);
    json_object_end(&w);
    return keep_record(end, &b);
}

/* Until when it waits at most: what the task asked, and no longer than the whole try may take. */
static int64_t wait_until(const struct attempt *a, const struct worker_end *end,
                          const struct value *result)
{
    int64_t until = number_of(result, "timeout_us", TIME_NONE);
    int64_t all = a->task->execution_timeout_us;
    int64_t last = all != 0 ? first_start(a, end) + all : TIME_NONE;

    return until == TIME_NONE || (last != TIME_NONE && last < until) ? last : until;
}

int deferral_ask(struct attempt *a, struct worker_end *end, const struct value *result,
                 struct err *e)
{
    const struct value *trigger = value_get(result, "trigger");
    const struct value *path = trigger != NULL ? value_get(trigger, "classpath") : NULL;
    const struct value *method = value_get(result, "method");
    int64_t until = wait_until(a, end, result);
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 4);
    if (path == NULL || path->kind != VALUE_STRING || method == NULL ||
        method->kind != VALUE_STRING) {
        return err_set(e, ERR_INVALID, "the task deferred itself without a trigger and a method");
    }
    json_writer_init(&w, &b, 0);
    begin_record(a, end, 0, &w);
    copy_member(&w, result, "trigger");
    copy_member(&w, result, "method");
    copy_member(&w, result, "kwargs");
    json_key(&w, "timeout_us");
    if (until != TIME_NONE) {
        json_int(&w, until);
    } else {
        json_null(&w);
    }
    json_object_end(&w);
    rc = keep_record(end, &b);
    rc = rc == 0 ? value_parse(&a->arena, end->record, strlen(end->record), &a->record, e) : rc;
    end->until_us = until != TIME_NONE ? until + BACKSTOP_US : TIME_NONE;
    return rc != 0 ? err_set(e, (enum err_code) - rc, "the deferral cannot be kept: %s",
                             err_text(rc))
                   : 0;
}

int deferral_read(struct attempt *a, struct err *e)
{
    struct local_worker *w = a->worker;
    const char *json = NULL;
    size_t n = 0;
    int rc = w->cb.record_get != NULL
                 ? w->cb.record_get(w->cb.arg, &a->key, &a->arena, &json, &n, e)
                 : 0;

    a->record = NULL;
    if (rc == 0 && json != NULL) {
        rc = value_parse(&a->arena, json, n, &a->record, e);
    }
    if (rc == 0 && number_of(a->record, "try", 0) != a->try_number) {
        a->record = NULL;
    }
    return rc;
}

void deferral_members(struct attempt *a, struct json_writer *w)
{
    int64_t now = loop_wall_us(a->worker->config.loop);

    json_key(w, "reschedule_count");
    json_int(w, number_of(a->record, "reschedules", 0));
    json_key(w, "first_start_us");
    json_int(w, a->first_start_us != TIME_NONE ? a->first_start_us
                                               : number_of(a->record, "first_start_us", now));
    json_key(w, "resume");
    if (a->record == NULL || value_get(a->record, "method") == NULL) {
        json_null(w);
        return;
    }
    json_object(w);
    copy_member(w, a->record, "method");
    copy_member(w, a->record, "kwargs");
    copy_member(w, a->record, "event");
    json_object_end(w);
}

/* ---- what the trigger process tells ---- */

static int resume_record(struct attempt *a, struct worker_end *end, const struct value *message)
{
    const struct value *error = value_get(message, "error");
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_MESSAGE / 4);
    json_writer_init(&w, &b, 0);
    begin_record(a, end, 0, &w);
    json_key(&w, "method");
    if (error != NULL && error->kind == VALUE_STRING) {
        json_string(&w, "__fail__");
        json_key(&w, "kwargs");
        json_object(&w);
        copy_member(&w, message, "error");
        json_object_end(&w);
    } else {
        json_value(&w, value_get(a->record, "method"));
        copy_member(&w, a->record, "kwargs");
        copy_member(&w, message, "event");
    }
    json_object_end(&w);
    return keep_record(end, &b);
}

static int end_xcoms(struct worker_end *end, const struct value *list)
{
    end->xcoms = arena_array(&end->arena, list->len, sizeof *end->xcoms);
    for (size_t i = 0; end->xcoms != NULL && i < list->len; i++) {
        struct buf b BUF_CLEANUP;
        struct json_writer w;
        struct worker_xcom x = {.name = arena_strdup(&end->arena, list->keys[i].text)};

        buf_init(&b, LIMIT_XCOM_BYTES);
        json_writer_init(&w, &b, 0);
        json_value(&w, list->elems[i]);
        x.value = buf_status(&b) == 0 ? arena_strndup(&end->arena, buf_cstr(&b), b.len) : NULL;
        x.len = b.len;
        if (x.name == NULL || x.value == NULL) {
            return -ERR_NOMEM;
        }
        end->xcoms[end->xcoms_len++] = x;
    }
    return end->xcoms != NULL ? 0 : -ERR_NOMEM;
}

/* A trigger that ends its task itself (TaskSuccessEvent and the like), or lets it go on. */
static enum worker_outcome outcome_of(const struct value *message)
{
    const struct value *v = value_get(message, "end");

    if (v == NULL || v->kind != VALUE_STRING) {
        return WORKER_RESUME;
    }
    if (strcmp(v->text, "success") == 0) {
        return WORKER_SUCCESS;
    }
    return strcmp(v->text, "skipped") == 0 ? WORKER_SKIPPED : WORKER_FAILED_NO_RETRY;
}

void deferral_fired(struct attempt *a, const struct value *message)
{
    enum worker_outcome outcome = outcome_of(message);
    struct worker_end *end = worker_end_new(&a->key, &a->token, outcome);
    const struct value *xcoms = value_get(message, "xcoms");
    int rc = 0;

    if (end == NULL) {
        return; /* the core's own timeout, or the next start, sees to it */
    }
    if (outcome == WORKER_RESUME) {
        rc = resume_record(a, end, message);
    } else if (xcoms != NULL && xcoms->kind == VALUE_OBJECT && xcoms->len != 0) {
        rc = end_xcoms(end, xcoms);
    }
    if (rc == 0 && outcome == WORKER_FAILED_NO_RETRY) {
        end->reason = "its trigger ended it as failed";
    }
    if (rc != 0) {
        end->outcome = WORKER_FAILED;
        end->record = NULL;
        end->reason = arena_printf(&end->arena, "what the trigger told cannot be kept: %s",
                                   err_text(rc));
    }
    attempt_end(a, end);
}
