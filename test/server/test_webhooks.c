/* Deliveries, genuine and not; each refusal by a guard of its own. The signatures were made with Python's hmac. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "dagfile/dagfile.h"
#include "server/webhooks.h"

#define NOW    INT64_C(1700000000)
#define SECRET "It's a Secret to Everybody"
#define BODY   "Hello, World!"
#define PLAIN \
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" /* GitHub's own example */

/* Of "TIME." and the body, at NOW, 300 s before, 301 s after. */
#define TIMED_SIGNATURE "sha256=76c83fd0acdf22faed320674fe8e04d528cfe8a17905e720a9611e40677c03b7"
#define OLD_SIGNATURE   "sha256=545bb6ac6c19d3f1f7c50edf3bf09a98cc0a36ebd0a47acf323e723e69ece735"
#define AHEAD_SIGNATURE "sha256=95e60ef71d4b135961d5f3daa0855e34fca30e9de95e0e017bf7c5803a61ebbe"

static struct webhook hook = {.name = "h", .window_us = WEBHOOK_WINDOW_US};

static int check(const struct webhook *h, const char *signature, const char *timestamp,
                 const char *body, char *id)
{
    struct webhook_proof p = {body, strlen(body), signature, timestamp, NOW * TIME_SECOND};
    struct err e = {0};

    return webhook_check(h, SECRET, strlen(SECRET), &p, id, &e);
}

static void test_github_signs_the_body(void **state)
{
    char id[WEBHOOK_ID_SIZE], again[WEBHOOK_ID_SIZE];

    (void)state;
    assert_int_equal(check(&hook, PLAIN, NULL, BODY, id), 0);
    assert_int_equal(check(&hook, PLAIN, NULL, BODY, again), 0);
    assert_string_equal(id, again); /* whoever replays it is known by it */
}

static void test_what_is_forged_is_refused(void **state)
{
    char id[WEBHOOK_ID_SIZE], cut[80], longer[90];

    (void)state;
    assert_int_equal(check(&hook, PLAIN, NULL, "Hello, World?", id), -ERR_PERM);
    assert_int_equal(check(&hook, NULL, NULL, BODY, id), -ERR_PERM);
    assert_int_equal(check(&hook, "", NULL, BODY, id), -ERR_PERM);
    assert_int_equal(check(&hook, "sha256=", NULL, BODY, id), -ERR_PERM);
    assert_int_equal(check(&hook, "sha1=757107ea0eb2509fc211221cce984b8a37570b6d", NULL, BODY, id),
                     -ERR_PERM);
    (void)snprintf(cut, sizeof cut, "%.*s", 60, PLAIN);
    assert_int_equal(check(&hook, cut, NULL, BODY, id), -ERR_PERM);
    (void)snprintf(longer, sizeof longer, "%s00", PLAIN);
    assert_int_equal(check(&hook, longer, NULL, BODY, id), -ERR_PERM);
}

static void test_a_time_is_signed_with_the_body(void **state)
{
    char id[WEBHOOK_ID_SIZE];

    (void)state;
    assert_int_equal(check(&hook, TIMED_SIGNATURE, "1700000000", BODY, id), 0);
    assert_int_equal(check(&hook, TIMED_SIGNATURE, "1700000001", BODY, id),
                     -ERR_PERM); /* not what was signed */
    assert_int_equal(check(&hook, TIMED_SIGNATURE, NULL, BODY, id), -ERR_PERM);
    assert_int_equal(check(&hook, PLAIN, "1700000000", BODY, id), -ERR_PERM);
}

static void test_what_is_old_is_refused(void **state)
{
    struct webhook wide = hook;
    char id[WEBHOOK_ID_SIZE];

    (void)state;
    wide.window_us = 301 * TIME_SECOND;
    assert_int_equal(check(&wide, OLD_SIGNATURE, "1699999700", BODY, id), 0);
    wide.window_us = 299 * TIME_SECOND;
    assert_int_equal(check(&wide, OLD_SIGNATURE, "1699999700", BODY, id), -ERR_PERM);
    assert_int_equal(check(&wide, AHEAD_SIGNATURE, "1700000301", BODY, id), -ERR_PERM);
}

static void test_a_time_can_be_required(void **state)
{
    struct webhook strict = hook;
    char id[WEBHOOK_ID_SIZE];

    (void)state;
    strict.require_timestamp = true;
    assert_int_equal(check(&strict, PLAIN, NULL, BODY, id), -ERR_PERM);
    assert_int_equal(check(&strict, TIMED_SIGNATURE, "1700000000", BODY, id), 0);
}

static void test_stripe(void **state)
{
    struct webhook stripe = hook;
    char id[WEBHOOK_ID_SIZE], text[400];

    (void)state;
    stripe.signature = WEBHOOK_STRIPE;
    (void)snprintf(text, sizeof text, "t=1700000000,v1=%s", TIMED_SIGNATURE + 7);
    assert_int_equal(check(&stripe, text, NULL, BODY, id), 0);
    (void)snprintf(text, sizeof text, "t=1700000000,v1=%064d,v1=%s", 0, TIMED_SIGNATURE + 7);
    assert_int_equal(check(&stripe, text, NULL, BODY, id),
                     0); /* while a secret is changed: one of them */
    (void)snprintf(text, sizeof text, "t=1700000001,v1=%s", TIMED_SIGNATURE + 7);
    assert_int_equal(check(&stripe, text, NULL, BODY, id), -ERR_PERM);
    (void)snprintf(text, sizeof text, "t=1699999700,v1=%s", OLD_SIGNATURE + 7);
    stripe.window_us = 60 * TIME_SECOND;
    assert_int_equal(check(&stripe, text, NULL, BODY, id), -ERR_PERM);
    (void)snprintf(text, sizeof text, "v1=%s", TIMED_SIGNATURE + 7);
    assert_int_equal(check(&stripe, text, NULL, BODY, id), -ERR_PERM);
    assert_int_equal(check(&stripe, "t=1700000000", NULL, BODY, id), -ERR_PERM);
}

/* ---- the configuration ---- */

static int read(const char *yaml, struct webhook **ret, size_t *n, struct err *e)
{
    static struct arena a;
    struct value *v;

    arena_fini(&a);
    arena_init(&a, MiB(1));
    assert_int_equal(yaml_parse(&a, yaml, strlen(yaml), &v, e), 0);
    return webhook_read(v, &a, ret, n, e);
}

static void test_the_configuration_is_checked(void **state)
{
    static const char *const bad[] = {
        "a: b",
        "- {name: a/b, secret: {file: x}, dag_id: d}",
        "- {secret: {file: x}, dag_id: d}",
        "- {name: a, dag_id: d}",
        "- {name: a, secret: plain, dag_id: d}",
        "- {name: a, secret: {text: x}, dag_id: d}",
        "- {name: a, secret: {file: x}}",
        "- {name: a, secret: {file: x}, dag_id: d, asset: s}",
        "- {name: a, secret: {file: x}, dag_id: d, signature: md5}",
        "- {name: a, secret: {file: x}, dag_id: d, window: 2d}",
        "- {name: a, secret: {file: x}, dag_id: d, max_body: 9999999}",
        "- {name: a, secret: {file: x}, dag_id: d, colour: red}",
        "- {name: a, secret: {file: x}, dag_id: d}\n- {name: a, secret: {file: x}, dag_id: e}",
    };
    struct webhook *all;
    struct err e = {0};
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (read(bad[i], &all, &n, &e) != -ERR_INVALID || e.line == 0) {
            fail_msg("%s: %s", bad[i], e.text);
        }
    }
    assert_int_equal(read("- {name: a, secret: {variable: v}, signature: stripe, asset: s3://x, "
                          "window: 30, max_body: 10}",
                          &all, &n, &e),
                     0);
    assert_int_equal(n, 1);
    assert_int_equal(all[0].signature, WEBHOOK_STRIPE);
    assert_int_equal(all[0].secret_kind, WEBHOOK_VARIABLE);
    assert_int_equal(all[0].window_us, 30 * TIME_SECOND);
    assert_int_equal(all[0].body_max, 10);
    assert_string_equal(all[0].asset, "s3://x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_github_signs_the_body),
        cmocka_unit_test(test_what_is_forged_is_refused),
        cmocka_unit_test(test_a_time_is_signed_with_the_body),
        cmocka_unit_test(test_what_is_old_is_refused),
        cmocka_unit_test(test_a_time_can_be_required),
        cmocka_unit_test(test_stripe),
        cmocka_unit_test(test_the_configuration_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
