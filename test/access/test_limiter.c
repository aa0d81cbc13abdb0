/* Sign-ins that fail are slowed down, in fixed memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "access/limiter.h"

#define T0 (INT64_C(1000) * TIME_SECOND)

static struct limiter l;

static int begin(void **state)
{
    (void)state;
    limiter_init(&l, (const unsigned char *)"0123456789abcdef");
    return 0;
}

/* How many of n attempts at one time are let through. */
static int tried(const char *user, const char *address, int n, int64_t now)
{
    int let = 0;

    for (int i = 0; i < n; i++) {
        let += limiter_attempt(&l, user, address, now) == 0;
    }
    return let;
}

static void test_a_user_from_one_address_is_slowed_down(void **state)
{
    int64_t now = T0, wait = 0, last = 0;

    (void)state;
    assert_int_equal(tried("anna", "::1", 100, now), 5);
    for (int i = 0; i < 12; i++) { /* each one that is let through doubles the pause */
        wait = limiter_attempt(&l, "anna", "::1", now);
        assert_true(wait > last || wait == 15 * 60 * TIME_SECOND);
        last = wait;
        now += wait;
        assert_int_equal(limiter_attempt(&l, "anna", "::1", now), 0);
    }
    assert_int_equal(wait, 15 * 60 * TIME_SECOND);
}

static void test_refused_attempts_do_not_lengthen_the_pause(void **state)
{
    (void)state;
    assert_int_equal(tried("anna", "::1", 10000, T0), 5);
    assert_int_equal(limiter_attempt(&l, "anna", "::1", T0), TIME_SECOND);
    assert_int_equal(limiter_attempt(&l, "anna", "::1", T0 + TIME_SECOND), 0);
}

static void test_an_address_that_tries_many_users(void **state)
{
    char user[32];
    int let = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(user, sizeof user, "user%d", i);
        let += limiter_attempt(&l, user, "192.0.2.1", T0) == 0;
    }
    assert_int_equal(let, 20);
    assert_int_equal(limiter_attempt(&l, "anna", "192.0.2.2", T0), 0); /* others are not held up */
}

/* From many addresses, and the user's own is held up for a minute at most. */
static void test_a_user_that_many_addresses_try(void **state)
{
    char address[32];
    int let = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(address, sizeof address, "192.0.%d.%d", i / 250, i % 250);
        let += limiter_attempt(&l, "anna", address, T0) == 0;
    }
    assert_int_equal(let, 30);
    assert_true(limiter_attempt(&l, "anna", "::1", T0) <= 60 * TIME_SECOND);
}

static void test_a_right_password_forgets_the_pair(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(limiter_attempt(&l, "anna", "::1", T0), 0);
        limiter_right(&l, "anna", "::1");
    }
}

/* Who has an account of his own does not free himself to guess another's. */
static void test_ones_own_right_password_frees_no_guesses(void **state)
{
    int let = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        let += limiter_attempt(&l, "victim", "192.0.2.1", T0) == 0;
        if (limiter_attempt(&l, "mallory", "192.0.2.1", T0) == 0) {
            limiter_right(&l, "mallory", "192.0.2.1");
        }
    }
    assert_int_equal(let, 5);
}

static void test_it_is_forgotten_after_an_hour(void **state)
{
    (void)state;
    (void)tried("anna", "::1", 6, T0);
    assert_int_equal(tried("anna", "::1", 100, T0 + LIMITER_FORGET_US), 5);
}

/* A flood of names takes no memory and does not free one that failed often. */
static void test_a_flood_of_names(void **state)
{
    char user[32], address[32];

    (void)state;
    for (int i = 0; i < 8; i++) {
        int64_t wait = limiter_attempt(&l, "victim", "::1", T0);

        (void)limiter_attempt(&l, "victim", "::1", T0 + wait);
    }
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(user, sizeof user, "u%d", i);
        (void)snprintf(address, sizeof address, "a%d", i);
        (void)limiter_attempt(&l, user, address, T0 + 1);
    }
    assert_true(limiter_attempt(&l, "victim", "::1", T0 + 2) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_user_from_one_address_is_slowed_down, begin),
        cmocka_unit_test_setup(test_refused_attempts_do_not_lengthen_the_pause, begin),
        cmocka_unit_test_setup(test_an_address_that_tries_many_users, begin),
        cmocka_unit_test_setup(test_a_user_that_many_addresses_try, begin),
        cmocka_unit_test_setup(test_a_right_password_forgets_the_pair, begin),
        cmocka_unit_test_setup(test_ones_own_right_password_frees_no_guesses, begin),
        cmocka_unit_test_setup(test_it_is_forgotten_after_an_hour, begin),
        cmocka_unit_test_setup(test_a_flood_of_names, begin),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
