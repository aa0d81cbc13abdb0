/* Passwords and credentials: their form, and what they are compared by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "access/credential.h"
#include "access/password.h"
#include "base/err.h"

/* OWASP's least is m=19456, t=2. Fails with crypto_pwhash_str's own defaults for MIN, and when the constants are lowered. */
static void test_hashes_are_argon2id_with_parameters_of_today(void **state)
{
    char hash[PASSWORD_HASH], other[PASSWORD_HASH];
    struct err e = {0};

    (void)state;
    assert_int_equal(password_hash("correct horse", hash, &e), 0);
    assert_int_equal(password_hash("correct horse", other, &e), 0);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=32768,t=3,p=1$", 31), 0);
    assert_string_not_equal(hash, other); /* a salt */
    assert_true(PASSWORD_MEMORY >= (size_t)19456 << 10 && PASSWORD_PASSES >= 2);
    assert_true(password_matches(hash, "correct horse"));
    assert_false(password_matches(hash, "correct horsf"));
    assert_false(password_matches(hash, ""));
    assert_true(password_is_hash(hash) && !password_is_outdated(hash));
    assert_false(password_is_hash("correct horse"));
}

/* Who does not exist costs what who exists costs: the same parameters, and a form that libsodium computes rather than refuses at once. */
static void test_nobodys_hash_costs_the_same(void **state)
{
    char hash[PASSWORD_HASH];
    struct err e = {0};

    (void)state;
    assert_int_equal(password_hash("x", hash, &e), 0);
    assert_int_equal(strlen(hash), strlen(password_nobody()));
    assert_int_equal(strncmp(hash, password_nobody(), 31), 0);
    assert_false(password_is_outdated(password_nobody()));
    assert_false(password_matches(NULL, ""));
    assert_false(password_matches(NULL, "x"));
}

static void test_old_parameters_are_seen(void **state)
{
    char hash[PASSWORD_HASH];

    (void)state;
    assert_int_equal(crypto_pwhash_str(hash, "x", 1, crypto_pwhash_OPSLIMIT_MIN, 1U << 20), 0);
    assert_true(password_is_outdated(hash));
    assert_true(password_matches(hash, "x"));
}

static void test_which_passwords_may_be_chosen(void **state)
{
    struct err e = {0};
    char long_one[PASSWORD_MAX + 2];

    (void)state;
    memset(long_one, 'a', sizeof long_one);
    long_one[0] = 'b';
    long_one[PASSWORD_MAX + 1] = '\0';
    assert_int_equal(password_may_be("anna", "ninebytes", &e), -ERR_INVALID);
    assert_int_equal(password_may_be("anna", "aaaaaaaaaaaaaa", &e), -ERR_INVALID);
    assert_int_equal(password_may_be("anna@example.org", "Anna@Example.org", &e), -ERR_INVALID);
    assert_int_equal(password_may_be("anna", long_one, &e), -ERR_INVALID);
    long_one[PASSWORD_MAX] = '\0';
    assert_int_equal(password_may_be("anna", long_one, &e), 0);
    assert_int_equal(password_may_be("anna", "ten bytes!", &e), 0);
}

static void test_made_passwords_are_strong_and_differ(void **state)
{
    char a[PASSWORD_MADE], b[PASSWORD_MADE];
    struct err e = {0};

    (void)state;
    password_make(a);
    password_make(b);
    assert_int_equal(strlen(a), 27);
    assert_string_not_equal(a, b);
    assert_int_equal(password_may_be("admin", a, &e), 0);
}

static void test_credentials(void **state)
{
    char a[CREDENTIAL_TEXT], b[CREDENTIAL_TEXT], id[CREDENTIAL_ID], id2[CREDENTIAL_ID];
    char csrf[CREDENTIAL_CSRF], csrf2[CREDENTIAL_CSRF];

    (void)state;
    credential_new(CREDENTIAL_SESSION, a);
    credential_new(CREDENTIAL_SESSION, b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 47);
    assert_true(credential_is(CREDENTIAL_SESSION, a));
    assert_false(credential_is(CREDENTIAL_TOKEN, a));
    assert_false(credential_is(CREDENTIAL_SESSION, "tws_"));
    credential_id(a, id);
    credential_id(b, id2);
    assert_string_not_equal(id, id2);
    assert_int_equal(strlen(id), 64);
    credential_csrf(a, csrf);
    credential_csrf(b, csrf2);
    assert_string_not_equal(csrf, csrf2);
    assert_null(strstr(a, csrf)); /* who sees it knows nothing of the session */
}

/* That it takes the same time wherever they differ is by construction: hashes of fixed length, and sodium_memcmp. */
static void test_same(void **state)
{
    (void)state;
    assert_true(credential_same("abc", "abc"));
    assert_false(credential_same("abc", "abd"));
    assert_false(credential_same("abc", "ab"));
    assert_false(credential_same("", "abc"));
    assert_false(credential_same("abc", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes_are_argon2id_with_parameters_of_today),
        cmocka_unit_test(test_nobodys_hash_costs_the_same),
        cmocka_unit_test(test_old_parameters_are_seen),
        cmocka_unit_test(test_which_passwords_may_be_chosen),
        cmocka_unit_test(test_made_passwords_are_strong_and_differ),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_same),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
