/* A run as a trace: what stands in it, ids, what is left out, bounded requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/states.h"
#include "trace/trace.h"

#define T0 (INT64_C(1772323200) * TIME_SECOND)

static const struct trace_source source = {"orders \"etl\"", "1.2.3", "host-1"};

static struct run_row a_run(void)
{
    return (struct run_row){.run_key = 7,
                            .run_id = "manual__1",
                            .state = RUN_FAILED,
                            .logical_date_us = TIME_NONE,
                            .data_interval_start_us = TIME_NONE,
                            .data_interval_end_us = TIME_NONE,
                            .run_after_us = T0,
                            .queued_us = T0 + 1,
                            .start_us = T0 + 2,
                            .end_us = T0 + 9 * TIME_SECOND,
                            .reason = "task load failed"};
}

static struct ti_row a_try(uint32_t task, uint8_t state, int64_t start_us, int64_t end_us)
{
    return (struct ti_row){.key = {7, task, -1},
                           .state = state,
                           .try_number = 1,
                           .scheduled_us = T0,
                           .queued_us = T0 + 1,
                           .start_us = start_us,
                           .end_us = end_us,
                           .exit_code = state == TASK_FAILED ? 3 : 0,
                           .reason = state == TASK_FAILED ? "exit code 3" : NULL};
}

/* The spans of a request, read back. */
static const struct value *spans_of(struct arena *a, const struct trace_run *r, bool first,
                                    size_t from, size_t n)
{
    struct value *doc;
    const struct value *v;
    struct err e = {0};
    struct buf b;

    buf_init(&b, MiB(1));
    trace_request(&source, r, first, from, n, &b);
    assert_int_equal(buf_status(&b), 0);
    assert_int_equal(value_parse(a, b.p, b.len, &doc, &e), 0);
    buf_fini(&b);
    v = value_get(doc, "resourceSpans")->elems[0];
    assert_string_equal(
        value_get(value_get(value_get(v, "resource"), "attributes")->elems[0], "key")->text,
        "service.name");
    return value_get(value_get(v, "scopeSpans")->elems[0], "spans");
}

static const char *text_of(const struct value *v, const char *name)
{
    const struct value *member = value_get(v, name);

    return member != NULL ? member->text : NULL;
}

static void test_spans(void **state)
{
    const struct ti_row tries[] = {
        a_try(0, TASK_SUCCESS, T0 + 5, T0 + TIME_SECOND),
        a_try(1, TASK_SKIPPED, TIME_NONE, T0 + TIME_SECOND), /* never started: no span */
        a_try(2, TASK_FAILED, T0 + 6, T0 + 8 * TIME_SECOND),
    };
    struct run_row run = a_run();
    struct trace_run r = {.dag_id = "sales", .run = &run, .attempts = tries, .attempts_len = 3};
    const struct value *spans;
    struct arena a;

    (void)state;
    arena_init(&a, MiB(4));
    spans = spans_of(&a, &r, true, 0, 3);
    assert_int_equal(spans->len, 3);
    assert_string_equal(text_of(spans->elems[0], "name"), "sales");
    assert_null(text_of(spans->elems[0], "parentSpanId"));
    assert_string_equal(text_of(spans->elems[0], "startTimeUnixNano"), "1772323200000002000");
    assert_string_equal(text_of(spans->elems[0], "endTimeUnixNano"), "1772323209000000000");
    assert_string_equal(text_of(value_get(spans->elems[0], "status"), "message"),
                        "task load failed");
    assert_string_equal(text_of(value_get(spans->elems[0], "status"), "code"), "2");
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(text_of(spans->elems[i], "traceId"),
                            text_of(spans->elems[0], "traceId"));
        assert_string_equal(text_of(spans->elems[i], "parentSpanId"),
                            text_of(spans->elems[0], "spanId"));
    }
    assert_string_equal(text_of(spans->elems[1], "name"), "task 0");
    assert_string_equal(text_of(value_get(spans->elems[1], "status"), "code"), "1");
    assert_string_equal(text_of(value_get(spans->elems[2], "status"), "message"), "exit code 3");
    /* In pieces: every attempt once, the run's span once. */
    assert_int_equal(spans_of(&a, &r, true, 0, 1)->len, 2);
    assert_int_equal(spans_of(&a, &r, false, 1, 1)->len, 0);
    assert_int_equal(spans_of(&a, &r, false, 2, 1)->len, 1);
    arena_fini(&a);
}

static void test_ids(void **state)
{
    struct run_row run = a_run(), other = a_run();
    struct ti_row try = a_try(0, TASK_SUCCESS, T0, T0 + 1), again = try;
    struct trace_run r = {.dag_id = "sales", .run = &run}, o = {.dag_id = "sales", .run = &other};
    char x[33], y[33];

    (void)state;
    trace_id_of_run(&r, x);
    trace_id_of_run(&o, y);
    assert_string_equal(x, y); /* sent twice: the same */
    assert_int_equal(strlen(x), 32);
    other.run_key = 8;
    trace_id_of_run(&o, y);
    assert_string_not_equal(x, y);
    other.run_key = 7,
    other.clear_number = 1; /* cleared: the same trace, another span of the run */
    trace_id_of_run(&o, y);
    assert_string_equal(x, y);
    trace_span_of_run(&r, x);
    trace_span_of_run(&o, y);
    assert_string_not_equal(x, y);
    again.try_number = 2;
    trace_span_of_attempt(&r, &try, x);
    trace_span_of_attempt(&r, &again, y);
    assert_string_not_equal(x, y);
    assert_int_equal(strlen(x), 16);
}

/* A clock that was set back: a span never ends before it starts. */
static void test_backward(void **state)
{
    struct run_row run = a_run();
    struct trace_run r = {.dag_id = "sales", .run = &run};
    const struct value *spans;
    struct arena a;

    (void)state;
    run.end_us = run.start_us - TIME_SECOND;
    arena_init(&a, MiB(1));
    spans = spans_of(&a, &r, true, 0, 0);
    assert_string_equal(text_of(spans->elems[0], "startTimeUnixNano"),
                        text_of(spans->elems[0], "endTimeUnixNano"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spans), cmocka_unit_test(test_ids),
                                       cmocka_unit_test(test_backward)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
