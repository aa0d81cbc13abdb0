/* Users, sessions and tokens as the store keeps them; roles; limits by tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "access/account.h"
#include "access/role.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

static struct arena a;

static const struct value *json(const char *text)
{
    struct value *v;

    assert_int_equal(value_parse(&a, text, strlen(text), &v, NULL), 0);
    return v;
}

static void test_roles(void **state)
{
    (void)state;
    for (int r = ROLE_VIEWER; r <= ROLE_ADMIN; r++) {
        assert_int_equal(role_from_string(role_to_string((enum role)r)), r);
    }
    assert_int_equal(role_from_string("Op"), ROLE_OP);
    assert_int_equal(role_from_string("Admin"), ROLE_ADMIN);
    assert_int_equal(role_from_string("none"), -1);
    assert_int_equal(role_from_string("Public"), -1);
    assert_int_equal(role_from_string(""), -1);
}

static void test_a_user_reads_back(void **state)
{
    struct account u = {.name = "anna",
                        .hash = "$argon2id$x",
                        .role = ROLE_OP,
                        .epoch = 3,
                        .first_password = true,
                        .read_tags = json("[\"sales\"]"),
                        .created_us = 5,
                        .password_us = 6,
                        .login_us = TIME_NONE},
                   got;
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct err e = {0};

    (void)state;
    buf_init(&b, KiB(16));
    json_writer_init(&w, &b, 0);
    account_write(&w, &u);
    assert_int_equal(account_parse("anna", b.p, b.len, &a, &got, &e), 0);
    assert_string_equal(got.name, "anna");
    assert_string_equal(got.hash, "$argon2id$x");
    assert_int_equal(got.role, ROLE_OP);
    assert_int_equal(got.epoch, 3);
    assert_true(got.first_password && !got.disabled);
    assert_int_equal(got.read_tags->len, 1);
    assert_null(got.write_tags);
    assert_int_equal(got.login_us, TIME_NONE);
    /* What people see has no hash. */
    buf_clear(&b);
    json_writer_init(&w, &b, 0);
    account_show(&w, &u);
    assert_null(strstr(buf_cstr(&b), "argon2"));
}

static void test_what_is_damaged_is_nobody(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"v\":1}",
                                      "{\"v\":2,\"role\":\"admin\"}",
                                      "{\"v\":1,\"role\":\"none\"}",
                                      "{\"v\":1,\"role\":\"root\"}"};
    struct account u;
    struct account_token t;
    struct account_session s;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(account_parse("x", bad[i], strlen(bad[i]), &a, &u, &e), -ERR_CORRUPT);
        assert_int_equal(
            account_token_parse("0123456789abcdef", bad[i], strlen(bad[i]), &a, &t, &e),
            -ERR_CORRUPT);
    }
    assert_int_equal(account_session_parse("{\"v\":1}", 7, &a, &s, &e), -ERR_CORRUPT);
}

static void test_limits_by_tags(void **state)
{
    static const char *const tags[] = {"sales", "daily"};

    (void)state;
    assert_true(account_tags_allow(NULL, tags, 2));
    assert_true(account_tags_allow(NULL, NULL, 0));
    assert_true(account_tags_allow(json("[\"hr\",\"daily\"]"), tags, 2));
    assert_false(account_tags_allow(json("[\"hr\"]"), tags, 2));
    assert_false(account_tags_allow(json("[\"sale\"]"), tags, 2));
    assert_false(account_tags_allow(json("[\"hr\"]"), NULL, 0));
    assert_false(account_tags_allow(json("[]"), tags, 2));
    assert_false(
        account_tags_allow(json("\"sales\""), tags, 2)); /* what cannot be read allows nothing */
}

static void test_tags_from_outside(void **state)
{
    const struct value *v;
    struct err e = {0};

    (void)state;
    assert_int_equal(account_tags_of(NULL, &v, &e), 0);
    assert_null(v);
    assert_int_equal(account_tags_of(json("null"), &v, &e), 0);
    assert_null(v);
    assert_int_equal(account_tags_of(json("[\"a\"]"), &v, &e), 0);
    assert_non_null(v);
    assert_int_equal(account_tags_of(json("\"a\""), &v, &e), -ERR_INVALID);
    assert_int_equal(account_tags_of(json("[1]"), &v, &e), -ERR_INVALID);
    assert_int_equal(account_tags_of(json("[\"\"]"), &v, &e), -ERR_INVALID);
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "anna@example.org", "svc-load_1.x+y"};
    static const char *const bad[] = {"", "a b", "a/b", "a\"b", "a\nb", "token", "cli", "\xc3\xa9"};
    char long_one[ACCOUNT_NAME_MAX + 2] = "";
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(account_name_may_be(good[i], &e), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(account_name_may_be(bad[i], &e), -ERR_INVALID);
    }
    memset(long_one, 'a', ACCOUNT_NAME_MAX + 1);
    assert_int_equal(account_name_may_be(long_one, &e), -ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_a_user_reads_back),
        cmocka_unit_test(test_what_is_damaged_is_nobody),
        cmocka_unit_test(test_limits_by_tags),
        cmocka_unit_test(test_tags_from_outside),
        cmocka_unit_test(test_names),
    };
    int rc;

    arena_init(&a, MiB(16));
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&a);
    return rc;
}
