/* err, prng, uuid, sha1. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/sha1.h"

static void err_carries_its_detail(void **state)
{
    struct err e = {0};

    assert_int_equal(err_set(&e, ERR_IO, "cannot %s", "read"), -ERR_IO);
    assert_int_equal(e.code, -ERR_IO);
    assert_string_equal(err_str(&e), "cannot read");
    assert_int_equal(err_prefix(&e, -ERR_IO, "file %d", 3), -ERR_IO);
    assert_string_equal(err_str(&e), "file 3: cannot read");
    assert_int_equal(err_at(&e, ERR_SYNTAX, 3, 7, "x"), -ERR_SYNTAX);
    assert_int_equal(e.line, 3);
    assert_int_equal(e.col, 7);
    assert_int_equal(err_set(NULL, ERR_IO, "x"), -ERR_IO);
    assert_int_equal(err_prefix(NULL, -ERR_IO, "x"), -ERR_IO);
}

static void err_cuts_long_texts(void **state)
{
    static char long_text[3 * ERR_TEXT_MAX];
    struct err e = {0};

    memset(long_text, 'x', sizeof long_text - 1);
    (void)err_set(&e, ERR_IO, "%s", long_text);
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
    (void)err_prefix(&e, -ERR_IO, "%s", long_text);
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
    (void)err_errno(&e, ENOSPC, "%s", long_text);
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

static void err_table(void **state)
{
    struct err e = {0};

    assert_string_equal(err_name(-ERR_NOMEM), "NOMEM");
    assert_string_equal(err_name(ERR_NOMEM), "NOMEM");
    assert_string_equal(err_name(0), "OK");
    assert_string_equal(err_name(-9999), "FAILED");
    assert_true(err_retryable(-ERR_NOMEM));
    assert_false(err_retryable(-ERR_INVALID));
    assert_int_equal(err_exit_code(-ERR_USAGE), 64);
    assert_int_equal(err_http_status(-ERR_NOTFOUND), 404);
    assert_int_equal(err_errno(&e, ENOENT, "open"), -ERR_NOTFOUND);
    assert_string_equal(err_str(&e), "open: No such file or directory");
    e.text[0] = '\0';
    assert_string_equal(err_str(&e), err_text(ERR_NOTFOUND));
}

static void prng_repeats(void **state)
{
    struct prng a, b, c;

    prng_seed(&a, 42);
    prng_seed(&b, 42);
    prng_seed(&c, 43);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(prng_next(&a), prng_next(&b));
    }
    assert_int_not_equal(prng_next(&a), prng_next(&c));
}

/* The reference: xoshiro256** from the state {1, 2, 3, 4}. */
static void prng_is_xoshiro(void **state)
{
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    struct prng p = {{1, 2, 3, 4}};

    for (int i = 0; i < 4; i++) {
        assert_int_equal(prng_next(&p), expected[i]);
    }
}

static void prng_below_is_below(void **state)
{
    struct prng p;
    int seen[7] = {0};

    prng_seed(&p, 1);
    for (int i = 0; i < 7000; i++) {
        uint64_t x = prng_below(&p, 7);

        assert_true(x < 7);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 800, 1200);
    }
    assert_int_equal(prng_below(&p, 1), 0);
}

static void prng_forks_by_label(void **state)
{
    struct prng a, b, x, y;

    prng_seed(&a, 5);
    b = a;
    x = prng_fork(&a, "one");
    y = prng_fork(&b, "one");
    assert_int_equal(prng_next(&x), prng_next(&y));
    prng_seed(&b, 5);
    y = prng_fork(&b, "two");
    assert_int_not_equal(prng_next(&x), prng_next(&y));
}

static void uuid_is_version_7(void **state)
{
    char text[UUID_TEXT_MAX];
    struct uuid u, v;
    struct prng p;

    prng_seed(&p, 1);
    u = uuid_v7(INT64_C(0x017F22E279B0) * 1000, &p); /* the time of RFC 9562's example */
    (void)uuid_format(&u, text);
    assert_memory_equal(text, "017f22e2-79b0-7", 15);
    assert_non_null(strchr("89ab", text[19]));
    assert_int_equal(uuid_parse(text, &v), 0);
    assert_int_equal(uuid_cmp(&u, &v), 0);
    assert_false(uuid_is_zero(&u));
    v = uuid_v7(INT64_C(0x017F22E279B1) * 1000, &p);
    assert_true(uuid_cmp(&u, &v) < 0); /* they sort by time */
    assert_int_equal(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", &v), 0);
    assert_int_equal(uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398", &v), -ERR_INVALID);
    assert_int_equal(uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398g", &v), -ERR_INVALID);
    assert_int_equal(uuid_parse("017f22e2+79b0-7cc3-98c4-dc0c0c07398f", &v), -ERR_INVALID);
    assert_int_equal(uuid_parse("", &v), -ERR_INVALID);
}

static void check_sha1(const char *text, size_t n, const char *expected)
{
    uint8_t h[20];
    char hex[41];

    sha1(text, n, h);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", h[i]);
    }
    assert_string_equal(hex, expected);
}

/* FIPS 180-4's examples, and the lengths around a block. */
static void sha1_vectors(void **state)
{
    char *million = mem_alloc(1000000);

    check_sha1("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    check_sha1("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    assert_non_null(million);
    memset(million, 'a', 1000000);
    check_sha1(million, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    check_sha1(million, 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    check_sha1(million, 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
    check_sha1(million, 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    mem_free(million);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_carries_its_detail),
        cmocka_unit_test(err_cuts_long_texts),
        cmocka_unit_test(err_table),
        cmocka_unit_test(prng_repeats),
        cmocka_unit_test(prng_is_xoshiro),
        cmocka_unit_test(prng_below_is_below),
        cmocka_unit_test(prng_forks_by_label),
        cmocka_unit_test(uuid_is_version_7),
        cmocka_unit_test(sha1_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
