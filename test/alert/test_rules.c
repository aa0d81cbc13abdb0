/* Rules, globs, what is slow, deadlines, the configuration, and how often a channel speaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "model/deadline.h"
#include "model/rows.h"

static struct arena arena;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, MiB(16));
    e = (struct err){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct value *json(const char *text)
{
    struct value *v;

    assert_int_equal(value_parse(&arena, text, strlen(text), &v, &e), 0);
    return v;
}

static struct alert_rule rule(const char *text)
{
    struct alert_rule *r;
    size_t n;

    if (alert_rules_parse(&arena, json(text), false, &r, &n, &e) != 0) {
        fail_msg("%s", e.text);
    }
    assert_int_equal(n, 1);
    return r[0];
}

static bool matches(const char *text, enum alert_kind kind, const char *dag, const char *task,
                    const char *owner)
{
    static const char *const tags[] = {"prod", "sales"};
    struct alert_rule r = rule(text);
    struct alert_subject s = {
        .kind = kind, .dag_id = dag, .tags = tags, .tags_len = 2, .task_id = task, .owner = owner};

    return alert_rule_matches(&r, &s);
}

static void test_matching(void **state)
{
    (void)state;
    assert_true(matches("{\"on\": \"task_failure\", \"channels\": \"c\"}", ALERT_TASK_FAILURE, "d",
                        "t", "me"));
    assert_false(matches("{\"on\": \"task_failure\", \"channels\": \"c\"}", ALERT_TASK_RETRY, "d",
                         "t", "me"));
    assert_true(matches("{\"on\": [\"run_slow\", \"run_failure\"], \"dags\": \"sales_*\","
                        " \"channels\": [\"c\"]}",
                        ALERT_RUN_FAILURE, "sales_eu", NULL, NULL));
    assert_false(matches("{\"on\": \"run_failure\", \"dags\": \"sales_*\", \"channels\": \"c\"}",
                         ALERT_RUN_FAILURE, "stock", NULL, NULL));
    assert_true(matches("{\"on\": \"task_failure\", \"tags\": \"prod\", \"owner\": \"an*\","
                        " \"tasks\": \"load.*\", \"channels\": \"c\"}",
                        ALERT_TASK_FAILURE, "d", "load.eu", "anna"));
    assert_false(matches("{\"on\": \"task_failure\", \"tags\": [\"dev\"], \"channels\": \"c\"}",
                         ALERT_TASK_FAILURE, "d", "t", "me"));
    /* A run has no task: a rule for tasks is not for it. */
    assert_false(matches("{\"on\": \"run_failure\", \"tasks\": \"*\", \"channels\": \"c\"}",
                         ALERT_RUN_FAILURE, "d", NULL, NULL));
    assert_false(matches("{\"on\": \"import_error\", \"dags\": \"*\", \"channels\": \"c\"}",
                         ALERT_IMPORT_ERROR, NULL, NULL, NULL));
}

static void refused(const char *text, bool of_dag, const char *word)
{
    struct alert_rule *r;
    size_t n;

    e = (struct err){0};
    assert_int_equal(alert_rules_parse(&arena, json(text), of_dag, &r, &n, &e), -ERR_INVALID);
    if (strstr(e.text, word) == NULL || e.line != 1 || e.col == 0) {
        fail_msg("%d:%d: %s", e.line, e.col, e.text);
    }
}

static void test_refused(void **state)
{
    (void)state;
    refused("{\"channels\": \"c\"}", false, "must have 'on'");
    refused("{\"on\": \"task_failure\"}", false, "must have 'channels'");
    refused("{\"on\": \"task_fialure\", \"channels\": \"c\"}", false,
            "did you mean 'task_failure'");
    refused("{\"on\": \"test\", \"channels\": \"c\"}", false, "there is no 'test'");
    refused("{\"on\": \"task_retry\", \"chanels\": \"c\"}", false, "did you mean 'channels'");
    refused("{\"on\": \"task_retry\", \"dags\": \"a\", \"channels\": \"c\"}", true, "no 'dags'");
    refused("{\"on\": \"task_slow\", \"channels\": \"c\", \"last\": 0}", false, "'last'");
    refused("{\"on\": \"task_slow\", \"channels\": \"c\", \"last\": 3}", false, "'at_least' (5)");
    refused("{\"on\": \"task_slow\", \"channels\": \"c\", \"factor\": -1}", false, "'factor'");
    refused("{\"on\": \"task_slow\", \"channels\": \"c\", \"margin\": \"-1m\"}", false, "'margin'");
    refused("[\"task_failure\"]", false, "must be an object");
}

/* The same by recursion. */
static bool naive(const char *p, const char *s)
{
    if (*p == '\0') {
        return *s == '\0';
    }
    if (*p == '*') {
        return naive(p + 1, s) || (*s != '\0' && naive(p, s + 1));
    }
    return *s != '\0' && (*p == '?' || *p == *s) && naive(p + 1, s + 1);
}

static void test_globs(void **state)
{
    struct prng p;

    (void)state;
    prng_seed(&p, 1);
    for (int i = 0; i < 200000; i++) {
        char pattern[9] = "", text[9] = "";

        for (uint64_t k = 0, n = prng_below(&p, 9); k < n; k++) {
            pattern[k] = "ab*?"[prng_below(&p, 4)];
        }
        for (uint64_t k = 0, n = prng_below(&p, 9); k < n; k++) {
            text[k] = "ab"[prng_below(&p, 2)];
        }
        if (alert_glob(pattern, text) != naive(pattern, text)) {
            fail_msg("'%s' and '%s'", pattern, text);
        }
    }
}

/* ---- slow ---- */

static void test_slow(void **state)
{
    struct alert_slow s = {.last = 20, .at_least = 5, .factor = 3, .margin_us = 10};
    int64_t usual, limit;

    (void)state;
    {
        int64_t us[] = {100, 110, 90, 105};

        assert_false(alert_slow_limit(&s, us, 4, &usual, &limit));
    }
    {
        int64_t us[] = {100, 110, 90, 105, 95}; /* median 100; distances 0 5 5 10 10: MAD 5 */

        assert_true(alert_slow_limit(&s, us, 5, &usual, &limit));
        assert_int_equal(usual, 100);
        assert_int_equal(limit, 100 + (int64_t)(3 * 1.4826 * 5));
    }
    {
        int64_t us[] = {100, 100, 100, 100, 100, 1000000}; /* one outlier moves nothing */

        assert_true(alert_slow_limit(&s, us, 6, &usual, &limit));
        assert_int_equal(usual, 100);
        assert_int_equal(limit, 110);
    }
    s.last = 5;
    {
        int64_t us[] = {1, 1, 1, 1, 1, 500, 500, 500, 500, 500}; /* the newest are first */

        assert_true(alert_slow_limit(&s, us, 10, &usual, &limit));
        assert_int_equal(usual, 1);
    }
}

/* Whatever the values: never below the median and its margin, the same in any order, and found by a naive computation. */
static void test_slow_random(void **state)
{
    struct prng p;

    (void)state;
    prng_seed(&p, 2);
    for (int i = 0; i < 20000; i++) {
        struct alert_slow s = {
            .last = 50, .at_least = 1, .factor = 3, .margin_us = (int64_t)prng_below(&p, 50)};
        int64_t us[50], again[50], usual, limit, usual2, limit2;
        size_t n = 1 + prng_below(&p, 50), below = 0, above = 0;

        for (size_t k = 0; k < n; k++) {
            us[k] = (int64_t)prng_below(&p, 1000);
            again[n - 1 - k] = us[k];
        }
        for (size_t k = 0; k < n; k++) {
            int64_t v = again[k];

            (void)v;
        }
        assert_true(alert_slow_limit(&s, us, n, &usual, &limit));
        for (size_t k = 0; k < n; k++) {
            below += again[k] < usual;
            above += again[k] > usual;
        }
        assert_true(below <= n / 2 && above <= n / 2);
        assert_true(limit >= usual + s.margin_us);
        assert_true(alert_slow_limit(&s, again, n, &usual2, &limit2));
        assert_int_equal(usual, usual2);
        assert_int_equal(limit, limit2);
    }
}

/* ---- deadlines ---- */

static bool moment(const char *text, const struct run_row *run, const int64_t *us, size_t n,
                   int64_t *ret)
{
    struct deadline *d;
    size_t len;

    if (deadlines_parse(&arena, json(text), &d, &len, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return deadline_moment(d, run, 5000 * TIME_SECOND, us, n, ret);
}

#define DEADLINE(reference, interval) \
    "{\"reference\": {" reference "}, \"interval\": " interval ", \"channels\": \"c\"}"

static void test_deadlines(void **state)
{
    struct run_row run = {.logical_date_us = 1000 * TIME_SECOND, .queued_us = 2000 * TIME_SECOND};
    int64_t us[] = {10 * TIME_SECOND, 20 * TIME_SECOND, 60 * TIME_SECOND}, at;

    (void)state;
    assert_true(
        moment(DEADLINE("\"type\": \"dagrun_logical_date\"", "\"1m\""), &run, NULL, 0, &at));
    assert_int_equal(at, 1060 * TIME_SECOND);
    assert_true(moment(DEADLINE("\"type\": \"dagrun_queued_at\"", "0.5"), &run, NULL, 0, &at));
    assert_int_equal(at, 2000500000);
    assert_true(
        moment(DEADLINE("\"type\": \"fixed_datetime\", \"datetime\": \"1970-01-01T01:00:00Z\"",
                        "\"-10m\""),
               &run, NULL, 0, &at));
    assert_int_equal(at, 3000 * TIME_SECOND);
    assert_true(
        moment(DEADLINE("\"type\": \"average_runtime\", \"max_runs\": 2", "5"), &run, us, 3, &at));
    assert_int_equal(at, 5020 * TIME_SECOND);
    assert_false(
        moment(DEADLINE("\"type\": \"average_runtime\"", "5"), &run, us, 3, &at)); /* 10 runs */
    assert_true(
        moment(DEADLINE("\"type\": \"average_runtime\", \"min_runs\": 3", "-5"), &run, us, 3, &at));
    assert_int_equal(at, 5025 * TIME_SECOND);
    run.logical_date_us = TIME_NONE;
    assert_false(moment(DEADLINE("\"type\": \"dagrun_logical_date\"", "60"), &run, NULL, 0, &at));
}

static void test_deadlines_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"interval\": 1, \"channels\": \"c\"}", "must have 'reference'"},
        {DEADLINE("\"type\": \"dagrun_started\"", "1"), "dagrun_queued_at"},
        {DEADLINE("\"type\": \"fixed_datetime\"", "1"), "'datetime'"},
        {DEADLINE("\"type\": \"average_runtime\", \"min_runs\": 0", "1"), "'min_runs'"},
        {"{\"reference\": {\"type\": \"dagrun_queued_at\"}, \"channels\": \"c\"}", "'interval'"},
        {"{\"reference\": {\"type\": \"dagrun_queued_at\"}, \"interval\": 1}", "who is told"},
        {"{\"reference\": {\"type\": \"dagrun_queued_at\"}, \"interval\": 1, \"callback\": "
         "{\"path\":"
         " \"a;b\"}}",
         "'path'"},
        {"{\"reference\": {\"type\": \"dagrun_queued_at\"}, \"interval\": 1, \"callbak\": 1}",
         "did you mean 'callback'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct deadline *d;
        size_t n;

        e = (struct err){0};
        assert_int_equal(deadlines_parse(&arena, json(wrong[i][0]), &d, &n, &e), -ERR_INVALID);
        if (strstr(e.text, wrong[i][1]) == NULL) {
            fail_msg("%s: %s", wrong[i][0], e.text);
        }
    }
}

/* ---- configuration ---- */

static void test_config(void **state)
{
    struct alert_config *c;
    struct alert_channel ch;

    (void)state;
    assert_int_equal(
        alert_config_parse(
            json(
                "{\"channels\": {\"ops\": {\"type\": \"email\", \"to\": [\"a@x.org\", \"b@x.org\"],"
                " \"interval\": \"1m\"}, \"run\": {\"type\": \"command\", \"command\": [\"page\","
                " \"-v\"], \"env\": {\"A\": \"1\"}}}, \"rules\": {\"on\": \"run_failure\","
                " \"channels\": [\"ops\", \"run\"]}, \"retention\": \"2d\"}"),
            "f.yaml", &c, &e),
        0);
    assert_int_equal(c->channels_len, 2);
    assert_int_equal(c->channels[0].interval_us, 60 * TIME_SECOND);
    assert_int_equal(c->channels[0].to_len, 2);
    assert_string_equal(c->channels[1].command[1], "-v");
    assert_null(c->channels[1].command[2]);
    assert_string_equal(c->channels[1].env[0], "A=1");
    assert_memory_equal(c->channels[1].env[1], "PATH=", 5);
    assert_null(c->channels[1].env[2]);
    assert_int_equal(c->retention_us, 2 * 86400 * TIME_SECOND);
    assert_int_equal(alert_channel_find(c, "run", &arena, &ch, &e), 0);
    assert_int_equal(alert_channel_find(c, "email:a@x.org,b@x.org", &arena, &ch, &e), 0);
    assert_int_equal(ch.to_len, 2);
    assert_string_equal(ch.to[1], "b@x.org");
    assert_int_equal(alert_channel_find(c, "email:nobody", &arena, &ch, &e), -ERR_INVALID);
    assert_int_equal(alert_channel_find(c, "else", &arena, &ch, &e), -ERR_NOTFOUND);
    alert_config_free(c);
    assert_int_equal(alert_config_parse(NULL, NULL, &c, &e), 0);
    assert_int_equal(c->rules_len, 0);
    alert_config_free(c);
}

static void test_config_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"chanels\": {}}", "did you mean 'channels'"},
        {"{\"channels\": {\"a b\": {\"type\": \"slack\"}}}", "name of a channel"},
        {"{\"channels\": {\"a\": {\"type\": \"sms\"}}}", "email, webhook, slack or command"},
        {"{\"channels\": {\"a\": {\"type\": \"slack\"}}}", "'url' or 'connection'"},
        {"{\"channels\": {\"a\": {\"type\": \"webhook\", \"url\": \"ftp://x\"}}}", "https://"},
        {"{\"channels\": {\"a\": {\"type\": \"email\"}}}", "'to'"},
        {"{\"channels\": {\"a\": {\"type\": \"email\", \"to\": \"a@b\\r\\nBcc: c@d\"}}}",
         "no mail address"},
        {"{\"channels\": {\"a\": {\"type\": \"command\"}}}", "'command'"},
        {"{\"channels\": {\"a\": {\"type\": \"command\", \"command\": [\"x\"], \"url\": \"y\"}}}",
         "has no 'url'"},
        {"{\"channels\": {\"a\": {\"type\": \"command\", \"command\": \"x\", \"timeout\": 0}}}",
         "'timeout'"},
        {"{\"channels\": {\"ops\": {\"type\": \"command\", \"command\": \"x\"}}, \"rules\": "
         "[{\"on\":"
         " \"run_failure\", \"channels\": \"opps\"}]}",
         "did you mean 'ops'"},
    };
    struct alert_config *c;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        e = (struct err){0};
        assert_true(alert_config_parse(json(wrong[i][0]), "f.yaml", &c, &e) < 0);
        if (strstr(e.text, wrong[i][1]) == NULL || strncmp(e.text, "f.yaml:1:", 9) != 0) {
            fail_msg("%s: %s", wrong[i][0], e.text);
        }
    }
}

/* ---- how often ---- */

/* Whenever things happen: at most 3 messages in any minute, and what happens is told within the gap. */
static void test_pace(void **state)
{
    struct prng p;

    (void)state;
    prng_seed(&p, 3);
    for (int i = 0; i < 2000; i++) {
        struct alert_pace pace = {0};
        int64_t sent[400], now = 1000 * TIME_SECOND, waits_since = 0;
        uint64_t rate = 1 + prng_below(&p, 60);
        size_t n = 0;

        for (int second = 0; second < 1200 && n < 400; second++, now += TIME_SECOND) {
            if (prng_below(&p, rate) == 0 && waits_since == 0) {
                waits_since = now;
            }
            if (waits_since != 0 && now >= pace.next_us) {
                alert_pace_sent(&pace, 30 * TIME_SECOND, now);
                sent[n++] = now;
                waits_since = 0;
            }
            assert_true(waits_since == 0 || now - waits_since < ALERT_GAP_MAX_US);
        }
        for (size_t k = 3; k < n; k++) {
            assert_true(sent[k] - sent[k - 3] > 60 * TIME_SECOND);
        }
    }
}

static void test_retries(void **state)
{
    struct alert_channel c = {.retries = 3, .retry_delay_us = 5 * TIME_SECOND};

    (void)state;
    assert_int_equal(alert_retry_delay(&c, 1), 5 * TIME_SECOND);
    assert_int_equal(alert_retry_delay(&c, 2), 10 * TIME_SECOND);
    assert_int_equal(alert_retry_delay(&c, 3), 20 * TIME_SECOND);
    assert_int_equal(alert_retry_delay(&c, 4), -1);
    c.retries = 100;
    assert_int_equal(alert_retry_delay(&c, 90), 300 * TIME_SECOND);
    c.retries = 0;
    assert_int_equal(alert_retry_delay(&c, 1), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_matching),    T(test_refused),   T(test_globs),          T(test_slow),
        T(test_slow_random), T(test_deadlines), T(test_pace),           T(test_deadlines_refused),
        T(test_config),      T(test_retries),   T(test_config_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
