/* What messages say, as text, JSON, Slack's and mail; and their signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "secret/sign.h"
#include "store/store.h"

#define T0 INT64_C(1700000000000000)

static struct alert_row row(int64_t key, const char *kind, const char *dag, const char *task)
{
    return (struct alert_row){.alert_key = key,
                              .channel = "ops",
                              .kind = kind,
                              .dag_id = dag,
                              .run_id = "r1",
                              .task_id = task,
                              .map_index = -1,
                              .try_number = task != NULL ? 1 : 0,
                              .at_us = T0 + key * TIME_SECOND,
                              .last_us = T0 + key * TIME_SECOND,
                              .count = 1,
                              .reason = "exit code 1"};
}

static struct alert_message message(const struct alert_row *rows, size_t n)
{
    return (struct alert_message){.id = "id-1", .rows = rows, .len = n, .host = "vm"};
}

static void contains(const struct buf *b, const char *text)
{
    assert_int_equal(buf_status(b), 0);
    if (strstr(buf_cstr(b), text) == NULL) {
        fail_msg("no '%s' in\n%s", text, buf_cstr(b));
    }
}

static void test_one(void **state)
{
    struct alert_row r = row(1, "task_failure", "etl", "load");
    struct alert_message m = message(&r, 1);
    struct buf b BUF_CLEANUP;

    (void)state;
    buf_init(&b, MiB(1));
    r.map_index = 7;
    r.reason = "line one\nline two\x1b[31m";
    alert_put_text(&m, &b);
    contains(&b,
             "task failed: etl.load\n\n2023-11-14 22:13:21Z  etl.load[7]: task failed: line one "
             "line two [31m (run r1, try 1)\n");
    contains(&b, "tradewind tasks logs etl load --run r1\n");
    contains(&b, "from vm, message id-1\n");
}

static void test_digest(void **state)
{
    struct alert_row rows[5] = {
        row(1, "task_failure", "etl", "load"), row(2, "task_failure", "etl", "load"),
        row(3, "run_failure", "etl", NULL), row(4, "import_error", NULL, NULL),
        row(5, "import_error", NULL, NULL)};
    struct alert_message m = message(rows, 5);
    struct buf b BUF_CLEANUP;

    (void)state;
    buf_init(&b, MiB(1));
    rows[1].run_id = "r2";
    rows[1].count = 40;
    rows[3].run_id = rows[4].run_id = NULL;
    rows[3].reason = "a.py:1: error";
    rows[4].reason = "b.py:1: error";
    alert_put_title(&m, &b);
    assert_string_equal(buf_cstr(&b), "41 x task failed, 1 x run failed, 2 x import error");
    buf_clear(&b);
    alert_put_text(&m, &b);
    contains(&b,
             "etl.load: task failed, 41 times in 2 runs, last at 2023-11-14 22:13:22Z: exit code "
             "1 (last run r2, try 1)\n");
    contains(&b, "import error: a.py:1: error\n");
    contains(&b, "import error: b.py:1: error\n");
    buf_clear(&b);
    alert_put_json(&m, &b);
    contains(&b, "\"count\":44");
    contains(&b, "\"more\":0");
}

/* However much there is, a message stays small, says how much it leaves out, and is JSON. */
static void test_random(void **state)
{
    static struct alert_row rows[3000];
    static char names[3000][16];
    struct prng p;

    (void)state;
    prng_seed(&p, 5);
    for (int i = 0; i < 60; i++) {
        size_t n = 1 + prng_below(&p, 3000), kinds = 1 + prng_below(&p, 400);
        struct alert_message m = message(rows, n);
        struct buf b BUF_CLEANUP, again BUF_CLEANUP;
        struct value *v;
        struct arena a;
        struct err e = {0};
        int64_t count = 0, said;

        for (size_t k = 0; k < n; k++) {
            (void)snprintf(names[k], sizeof names[k], "t%llu\xff<&",
                           (unsigned long long)prng_below(&p, kinds));
            rows[k] = row((int64_t)k, alert_kind_to_string((enum alert_kind)prng_below(&p, 5)), "d",
                          names[k]);
            rows[k].count = 1 + (int64_t)prng_below(&p, 5);
            count += rows[k].count;
        }
        arena_init(&a, MiB(16));
        buf_init(&b, KiB(512));
        buf_init(&again, KiB(512));
        alert_put_json(&m, &b);
        alert_put_json(&m, &again);
        assert_int_equal(buf_status(&b), 0);
        assert_string_equal(buf_cstr(&b), buf_cstr(&again));
        assert_int_equal(value_parse(&a, buf_cstr(&b), b.len, &v, &e), 0);
        assert_int_equal(value_int(value_get(v, "count"), 0, INT64_MAX, &said), 0);
        assert_int_equal(said, count);
        assert_true(value_get(v, "alerts")->len <= ALERT_LINES_MAX);
        assert_int_equal(value_int(value_get(v, "more"), 0, INT64_MAX, &said), 0);
        assert_int_equal(said, n - value_get(v, "alerts")->len);
        buf_clear(&b);
        alert_put_slack(&m, &b);
        assert_int_equal(value_parse(&a, buf_cstr(&b), b.len, &v, &e), 0);
        assert_null(strchr(value_get(v, "text")->text, '<'));
        arena_fini(&a);
    }
}

static void test_mail(void **state)
{
    static const char *const to[] = {"a@x.org", "b@x.org"};
    struct alert_row r = row(1, "run_failure", "täglich", NULL);
    struct alert_message m = message(&r, 1);
    struct buf b BUF_CLEANUP;

    (void)state;
    buf_init(&b, MiB(1));
    alert_put_mail(&m, "tw@x.org", to, 2, T0, &b);
    contains(&b, "From: tw@x.org\r\nTo: a@x.org,\r\n b@x.org\r\nSubject: =?utf-8?B?");
    contains(&b, "\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <id-1@tradewind>\r\n");
    for (const char *p = buf_cstr(&b); *p != '\0'; p++) {
        assert_true(*p != '\n' || p[-1] == '\r');
        assert_true((unsigned char)*p < 0x80);
    }
    /* A line's end in a name ends no header. */
    r.dag_id = "x\r\nBcc: evil@x.org";
    buf_clear(&b);
    alert_put_mail(&m, "tw@x.org", to, 1, T0, &b);
    assert_null(strstr(buf_cstr(&b), "\nBcc"));
}

static void test_signature(void **state)
{
    char text[SIGN_TEXT_MAX];

    (void)state;
    /* The example of the specification of Standard Webhooks. */
    assert_int_equal(secret_sign_webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                         "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                         "{\"test\": 2432232314}", 20, text),
                     0);
    assert_string_equal(text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(secret_sign_webhook("whsec_***", "a", 1, "", 0, text), -ERR_INVALID);
    assert_int_equal(secret_sign_webhook("any text", "a", 1, "", 0, text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),       cmocka_unit_test(test_digest),
        cmocka_unit_test(test_random),    cmocka_unit_test(test_mail),
        cmocka_unit_test(test_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
