/* Masking: against a naive reference over random patterns, texts and cuts; and the forms of
 * secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/prng.h"
#include "holder/mask.h"
#include "holder/secrets.h"

#define TEXT_MAX 4096

/* Every byte of every occurrence is covered; a stretch of covered bytes becomes one "***". */
static void naive(const char *const *patterns, int n, const char *text, size_t len, struct buf *out)
{
    static bool covered[TEXT_MAX];

    memset(covered, 0, sizeof covered);
    for (size_t i = 0; i < len; i++) {
        for (int p = 0; p < n; p++) {
            size_t plen = strlen(patterns[p]);

            if (plen <= len - i && memcmp(text + i, patterns[p], plen) == 0) {
                memset(covered + i, 1, plen);
            }
        }
    }
    for (size_t i = 0; i < len; i++) {
        if (!covered[i]) {
            (void)buf_char(out, text[i]);
        } else if (i == 0 || !covered[i - 1]) {
            (void)buf_str(out, "***");
        }
    }
}

static void feed(struct mask *m, const char *p, size_t n, struct buf *out)
{
    const char *got;
    size_t len;

    mask_feed(m, p, n, &got, &len);
    assert_int_equal(buf_append(out, got, len), 0);
}

static void flush(struct mask *m, struct buf *out)
{
    const char *got;
    size_t len;

    mask_flush(m, &got, &len);
    assert_int_equal(buf_append(out, got, len), 0);
}

static void compare_with_naive(void **state)
{
    struct prng r;

    prng_seed(&r, 20);
    for (int round = 0; round < 4000; round++) {
        char words[6][12], text[300];
        const char *patterns[6];
        int n = 1 + (int)prng_below(&r, 6);
        size_t len = prng_below(&r, sizeof text), letters = 1 + prng_below(&r, 3);
        struct buf want BUF_CLEANUP, got BUF_CLEANUP;
        struct mask m;

        buf_init(&want, 1 << 20);
        buf_init(&got, 1 << 20);
        mask_init(&m);
        for (int p = 0; p < n; p++) {
            size_t plen = 1 + prng_below(&r, sizeof words[0] - 1);

            for (size_t i = 0; i < plen; i++) {
                words[p][i] = (char)('a' + prng_below(&r, letters));
            }
            words[p][plen] = '\0';
            patterns[p] = words[p];
            assert_int_equal(mask_add(&m, words[p], plen), 0);
        }
        assert_int_equal(mask_build(&m), 0);
        for (size_t i = 0; i < len; i++) {
            text[i] = (char)('a' + prng_below(&r, letters + 1));
        }
        for (size_t at = 0; at < len;) {
            size_t piece = 1 + prng_below(&r, 1 + prng_below(&r, 40));

            piece = piece < len - at ? piece : len - at;
            feed(&m, text + at, piece, &got);
            at += piece;
        }
        flush(&m, &got);
        naive(patterns, n, text, len, &want);
        assert_string_equal(buf_cstr(&got), buf_cstr(&want));
        mask_fini(&m);
    }
}

/* What cannot be part of a secret any more is let go at once: the wait is bounded by the longest
 * pattern. */
static void holds_no_more_than_needed(void **state)
{
    struct buf got BUF_CLEANUP;
    struct mask m;

    buf_init(&got, 1 << 20);
    mask_init(&m);
    assert_int_equal(mask_add(&m, "password", 8), 0);
    assert_int_equal(mask_build(&m), 0);
    feed(&m, "my pass", 7, &got);
    assert_string_equal(buf_cstr(&got), "my ");
    feed(&m, "ion ", 4, &got);
    assert_string_equal(buf_cstr(&got), "my passion ");
    feed(&m, "passwor", 7, &got);
    assert_string_equal(buf_cstr(&got), "my passion ");
    feed(&m, "d!", 2, &got);
    assert_string_equal(buf_cstr(&got), "my passion ***!");
    feed(&m, "pass", 4, &got);
    flush(&m, &got);
    assert_string_equal(buf_cstr(&got), "my passion ***!pass");
    mask_fini(&m);
}

static void added_in_the_middle(void **state)
{
    struct buf got BUF_CLEANUP;
    struct mask m;

    buf_init(&got, 1 << 20);
    mask_init(&m);
    assert_int_equal(mask_add(&m, "abcdef", 6), 0);
    assert_int_equal(mask_build(&m), 0);
    feed(&m, "xxabcd", 6, &got);
    assert_int_equal(mask_add(&m, "bcd", 3), 0);
    assert_int_equal(mask_build(&m), 0);
    feed(&m, "yy", 2, &got);
    flush(&m, &got);
    assert_string_equal(buf_cstr(&got), "xxa***yy");
    mask_fini(&m);
}

static void check_form(const char *secret, const char *shown)
{
    struct buf got BUF_CLEANUP, text BUF_CLEANUP;
    struct mask m;

    buf_init(&got, 1 << 20);
    buf_init(&text, 1 << 20);
    mask_init(&m);
    assert_int_equal(secrets_add(&m, secret, strlen(secret), NULL), 0);
    assert_int_equal(mask_build(&m), 0);
    (void)buf_printf(&text, "<%s>", shown);
    for (size_t i = 0; i < text.len; i++) { /* byte by byte */
        feed(&m, text.p + i, 1, &got);
    }
    flush(&m, &got);
    if (strstr(buf_cstr(&got), "***") == NULL || got.len >= 8) {
        fail_msg("%s shows: %s", secret, buf_cstr(&got));
    }
    mask_fini(&m);
}

static void forms(void **state)
{
    check_form("s3cret", "s3cret");
    check_form("a\"b\\c\n", "a\\\"b\\\\c\\n");
    check_form("pässwörd", "p\\u00e4ssw\\u00f6rd");
    check_form("\xf0\x9f\x94\x91key", "\\ud83d\\udd11key");
    check_form("a/b/c/d", "a\\/b\\/c\\/d");
    check_form("a b&c/d", "a%20b%26c%2Fd");
    check_form("a b&c/d", "a+b%26c%2Fd");
    check_form("a b&c/d", "a%20b%26c/d");
    check_form("a b&c/d", "a%20b%26c%2fd");
    check_form("it's mine", "it'\\''s mine");
    check_form("it's mine", "it'\"'\"'s mine");
    check_form("it's mine", "it\\'s\\ mine");
    check_form("a$b`c\"d", "a\\$b\\`c\\\"d");
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64(const char *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned char)s[i] << 16;

        v |= i + 1 < n ? (unsigned)(unsigned char)s[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned)(unsigned char)s[i + 2] : 0;
        (void)buf_char(out, digits[v >> 18]);
        (void)buf_char(out, digits[v >> 12 & 63]);
        (void)buf_char(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
        (void)buf_char(out, i + 2 < n ? digits[v & 63] : '=');
    }
}

/* In base64 a secret looks different at each of three places in a longer text ("user:password"). */
static void forms_base64(void **state)
{
    static const char secret[] = "correct horse battery";

    for (int before = 0; before < 4; before++) {
        for (int after = 0; after < 4; after++) {
            char whole[64];
            struct buf text BUF_CLEANUP, got BUF_CLEANUP;
            struct mask m;

            buf_init(&text, 1 << 20);
            buf_init(&got, 1 << 20);
            (void)snprintf(whole, sizeof whole, "%.*s%s%.*s", before, "xyz", secret, after, "uvw");
            base64(whole, strlen(whole), &text);
            mask_init(&m);
            assert_int_equal(secrets_add(&m, secret, strlen(secret), NULL), 0);
            assert_int_equal(mask_build(&m), 0);
            feed(&m, text.p, text.len, &got);
            flush(&m, &got);
            assert_non_null(strstr(buf_cstr(&got), "***"));
            /* At most the digits at the edges, which hold bits of the neighbours too, are shown. */
            assert_true(got.len <= 3 + 2 * 6);
            mask_fini(&m);
        }
    }
}

static void lines_of_a_key(void **state)
{
    check_form("-----BEGIN-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n", "AAAABBBBCCCC");
    check_form("-----BEGIN-----\r\nAAAABBBBCCCC\r\n", "AAAABBBBCCCC");
}

static void limits(void **state)
{
    static char big[8193];
    struct err e = {0};
    struct mask m;

    memset(big, 'x', sizeof big);
    mask_init(&m);
    assert_int_equal(secrets_add(&m, big, 8193, &e), -ERR_LIMIT);
    assert_int_equal(secrets_add(&m, big, 8192, &e), 0);
    assert_int_equal(secrets_add(&m, "", 0, &e), 0);
    assert_int_equal(mask_build(&m), 0);
    mask_fini(&m);
}

/* A text made to be slow: matches everywhere, patterns that share long beginnings. */
static void linear_in_the_worst_case(void **state)
{
    static char pattern[4097], text[16384];
    struct mask m;
    const char *got;
    size_t n;

    memset(pattern, 'a', 4096);
    memset(text, 'a', sizeof text);
    mask_init(&m);
    for (size_t i = 1; i < 4096; i += 97) {
        assert_int_equal(mask_add(&m, pattern, i), 0);
    }
    pattern[4095] = 'b';
    assert_int_equal(mask_add(&m, pattern, 4096), 0);
    assert_int_equal(mask_build(&m), 0);
    for (int i = 0; i < 200; i++) {
        mask_feed(&m, text, sizeof text, &got, &n);
    }
    mask_flush(&m, &got, &n);
    mask_fini(&m);
}

static void out_of_memory(void **state)
{
    for (uint64_t nth = 1;; nth++) {
        struct mask m;
        int rc;

        mask_init(&m);
        mem_fail_at(nth, 0);
        rc = secrets_add(&m, "it's a \"secret\"", 15, NULL);
        if (rc == 0) {
            rc = mask_build(&m);
        }
        mem_fail_at(0, 0);
        if (rc == 0) {
            mask_fini(&m);
            break;
        }
        assert_int_equal(rc, -ERR_NOMEM);
        /* The patterns are as before: the same again works. */
        assert_int_equal(secrets_add(&m, "it's a \"secret\"", 15, NULL), 0);
        assert_int_equal(mask_build(&m), 0);
        mask_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_with_naive),
        cmocka_unit_test(holds_no_more_than_needed),
        cmocka_unit_test(added_in_the_middle),
        cmocka_unit_test(forms),
        cmocka_unit_test(forms_base64),
        cmocka_unit_test(lines_of_a_key),
        cmocka_unit_test(limits),
        cmocka_unit_test(linear_in_the_worst_case),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests_name("holder-mask", tests, NULL, NULL);
}
