#include "trace/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/sha1.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/states.h"

#define KIND_INTERNAL 1
#define STATUS_OK     1
#define STATUS_ERROR  2

/* ---- ids ---- */

/* The first digits of SHA-1: spread evenly is all that is asked of them. */
static void derive(const struct trace_run *r, const char *what, char *ret, size_t digits)
{
    char text[1200];
    uint8_t sum[20];
    int n = snprintf(text, sizeof text, "%s\n%s\n%" PRId64 "\n%s", r->dag_id, r->run->run_id,
                     r->run->run_key, what);

    sha1(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, sum);
    sum[0] |= 1; /* all zero is no id */
    for (size_t i = 0; i < digits / 2; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", sum[i]);
    }
}

void trace_id_of_run(const struct trace_run *r, char ret[33])
{
    derive(r, "trace", ret, 32);
}

void trace_span_of_run(const struct trace_run *r, char ret[17])
{
    char what[32];

    (void)snprintf(what, sizeof what, "run %u", r->run->clear_number);
    derive(r, what, ret, 16);
}

void trace_span_of_attempt(const struct trace_run *r, const struct ti_row *t, char ret[17])
{
    char what[64];

    (void)snprintf(what, sizeof what, "%u %d %u %" PRId64, t->key.task, t->key.map_index,
                   t->try_number, t->start_us);
    derive(r, what, ret, 16);
}

/* ---- members ---- */

static void put(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_nanos(struct json_writer *w, const char *name, int64_t us)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64 "000", us);
    put(w, name, text); /* OTLP's JSON has 64-bit numbers as text */
}

static void attribute(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL) {
        json_object(w);
        put(w, "key", name);
        json_key(w, "value");
        json_object(w);
        put(w, "stringValue", text);
        json_object_end(w);
        json_object_end(w);
    }
}

static void attribute_int(struct json_writer *w, const char *name, int64_t n)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64, n);
    json_object(w);
    put(w, "key", name);
    json_key(w, "value");
    json_object(w);
    put(w, "intValue", text);
    json_object_end(w);
    json_object_end(w);
}

static void attribute_time(struct json_writer *w, const char *name, int64_t us)
{
    char text[TIME_TEXT_MAX];

    if (us != TIME_NONE) {
        attribute(w, name, time_format(us, text));
    }
}

static void event(struct json_writer *w, const char *name, int64_t us)
{
    if (us != TIME_NONE) {
        json_object(w);
        put_nanos(w, "timeUnixNano", us);
        put(w, "name", name);
        json_object_end(w);
    }
}

static void status(struct json_writer *w, bool ok, bool failed, const char *message)
{
    json_key(w, "status");
    json_object(w);
    if (ok || failed) {
        json_key(w, "code");
        json_int(w, failed ? STATUS_ERROR : STATUS_OK);
    }
    if (failed && message != NULL) {
        put(w, "message", message);
    }
    json_object_end(w);
}

static void begin_span(struct json_writer *w, const struct trace_run *r, const char *span,
                       const char *parent, const char *name, int64_t start_us, int64_t end_us)
{
    char trace[33];

    trace_id_of_run(r, trace);
    json_object(w);
    put(w, "traceId", trace);
    put(w, "spanId", span);
    if (parent != NULL) {
        put(w, "parentSpanId", parent);
    }
    put(w, "name", name);
    json_key(w, "kind");
    json_int(w, KIND_INTERNAL);
    put_nanos(w, "startTimeUnixNano", start_us);
    put_nanos(w, "endTimeUnixNano", end_us >= start_us ? end_us : start_us);
    json_key(w, "attributes");
    json_array(w);
    attribute(w, "tradewind.dag_id", r->dag_id);
    attribute(w, "tradewind.run_id", r->run->run_id);
}

/* ---- spans ---- */

static void put_run(struct json_writer *w, const struct trace_run *r)
{
    const struct run_row *run = r->run;
    int64_t start_us = run->start_us != TIME_NONE ? run->start_us : run->end_us;
    char span[17];

    trace_span_of_run(r, span);
    begin_span(w, r, span, NULL, r->dag_id, start_us, run->end_us);
    attribute(w, "tradewind.run_type", run_type_to_string(run->type));
    attribute(w, "tradewind.state", run_state_to_string(run->state));
    attribute_time(w, "tradewind.logical_date", run->logical_date_us);
    attribute_time(w, "tradewind.data_interval_start", run->data_interval_start_us);
    attribute_time(w, "tradewind.data_interval_end", run->data_interval_end_us);
    attribute(w, "tradewind.partition_key", run->partition_key);
    attribute_int(w, "tradewind.clear_number", run->clear_number);
    json_array_end(w);
    json_key(w, "events");
    json_array(w);
    event(w, "due", run->run_after_us);
    event(w, "queued", run->queued_us);
    json_array_end(w);
    status(w, run->state == RUN_SUCCESS, run->state == RUN_FAILED, run->reason);
    json_object_end(w);
}

static void put_attempt(struct json_writer *w, const struct trace_run *r, const struct ti_row *t)
{
    const struct task *task =
        r->dag != NULL && t->key.task < r->dag->tasks_len ? &r->dag->tasks[t->key.task] : NULL;
    bool failed = t->state == TASK_FAILED || t->state == TASK_UP_FOR_RETRY ||
                  t->state == TASK_UPSTREAM_FAILED;
    char span[17], parent[17], name[16];

    (void)snprintf(name, sizeof name, "task %u", t->key.task);
    trace_span_of_attempt(r, t, span);
    trace_span_of_run(r, parent);
    begin_span(w, r, span, parent, task != NULL ? task->task_id : name, t->start_us, t->end_us);
    attribute(w, "tradewind.task_id", task != NULL ? task->task_id : name);
    if (task != NULL) {
        attribute(w, "tradewind.operator", task->operator_name);
    }
    attribute_int(w, "tradewind.map_index", t->key.map_index);
    attribute_int(w, "tradewind.try_number", t->try_number);
    attribute(w, "tradewind.state", task_state_to_string(t->state));
    if (t->exit_code > 0) {
        attribute_int(w, "tradewind.exit_code", t->exit_code);
    }
    json_array_end(w);
    json_key(w, "events");
    json_array(w);
    event(w, "scheduled", t->scheduled_us);
    event(w, "queued", t->queued_us);
    json_array_end(w);
    status(w, t->state == TASK_SUCCESS, failed, t->reason);
    json_object_end(w);
}

static void put_resource(struct json_writer *w, const struct trace_source *s)
{
    json_key(w, "resource");
    json_object(w);
    json_key(w, "attributes");
    json_array(w);
    attribute(w, "service.name", s->service);
    attribute(w, "service.version", s->version);
    attribute(w, "host.name", s->host);
    json_array_end(w);
    json_object_end(w);
}

void trace_request(const struct trace_source *s, const struct trace_run *r, bool first, size_t from,
                   size_t n, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_object(&w);
    json_key(&w, "resourceSpans");
    json_array(&w);
    json_object(&w);
    put_resource(&w, s);
    json_key(&w, "scopeSpans");
    json_array(&w);
    json_object(&w);
    json_key(&w, "scope");
    json_object(&w);
    put(&w, "name", "tradewind");
    put(&w, "version", s->version);
    json_object_end(&w);
    json_key(&w, "spans");
    json_array(&w);
    if (first) {
        put_run(&w, r);
    }
    for (size_t i = from; i < from + n && i < r->attempts_len; i++) {
        const struct ti_row *t = &r->attempts[i];

        if (t->start_us != TIME_NONE && t->end_us != TIME_NONE) {
            put_attempt(&w, r, t);
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
}
