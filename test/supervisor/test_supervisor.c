#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <cmocka.h>

#include "base/prng.h"
#include "supervisor/supervisor.h"

static const struct supervisor_policy policy = {.pause_min_us = 10,
                                                .pause_max_us = 80,
                                                .steady_us = 1000,
                                                .watchdog_us = 200,
                                                .stop_us = 50,
                                                .starts_max = 6};

static void make(struct supervisor_child *c)
{
    supervisor_init(c, &policy);
    supervisor_start(c, 0);
    assert_int_equal(supervisor_next(c, 0), SUPERVISOR_SPAWN);
    assert_int_equal(supervisor_next(c, 0), SUPERVISOR_NOTHING);
    supervisor_spawned(c, 0);
    assert_int_equal(c->state, SUPERVISOR_STARTING);
}

static void test_pauses_double_until_the_limit_of_starts(void **state)
{
    static const int64_t pauses[] = {10, 20, 40, 80, 80};
    struct supervisor_child c;
    int64_t now = 0;

    (void)state;
    make(&c);
    for (int i = 0; i < 5; i++) {
        supervisor_exited(&c, 1, 0, now);
        assert_int_equal(c.state, SUPERVISOR_WAITING);
        assert_true(supervisor_until(&c) == now + pauses[i]);
        assert_int_equal(supervisor_next(&c, now + pauses[i] - 1), SUPERVISOR_NOTHING);
        now += pauses[i];
        assert_int_equal(supervisor_next(&c, now), SUPERVISOR_SPAWN);
        supervisor_spawned(&c, now);
    }
    supervisor_exited(&c, 1, 0, now);
    assert_int_equal(c.state, SUPERVISOR_FAILED);
    assert_int_equal(supervisor_next(&c, now + 1000), SUPERVISOR_NOTHING);
    assert_true(supervisor_until(&c) == INT64_MAX);
    supervisor_revive(&c, now);
    assert_int_equal(supervisor_next(&c, now), SUPERVISOR_SPAWN);
}

static void test_a_steady_child_begins_anew(void **state)
{
    struct supervisor_child c;
    int64_t now = 0;

    (void)state;
    make(&c);
    for (int i = 0; i < 20; i++) {
        supervisor_ready(&c, now);
        now += 1000;
        supervisor_exited(&c, -1, 9, now);
        assert_int_equal(c.state, SUPERVISOR_WAITING);
        assert_true(c.next_us == now + 10);
        now += 10;
        assert_int_equal(supervisor_next(&c, now), SUPERVISOR_SPAWN);
        supervisor_spawned(&c, now);
    }
    assert_true(c.restarts == 20);
}

static void test_a_final_exit_code_is_not_tried_again_unless_it_was_ready(void **state)
{
    struct supervisor_child c;

    (void)state;
    make(&c);
    supervisor_exited(&c, 65, 0, 1);
    assert_int_equal(c.state, SUPERVISOR_FAILED);
    make(&c);
    supervisor_exited(&c, 75, 0, 1);
    assert_int_equal(c.state, SUPERVISOR_WAITING);
    make(&c);
    supervisor_ready(&c, 1);
    supervisor_exited(&c, 65, 0, 2);
    assert_int_equal(c.state, SUPERVISOR_WAITING);
}

static void test_a_silent_child_is_killed_once_and_started_again(void **state)
{
    struct supervisor_child c;

    (void)state;
    make(&c);
    assert_int_equal(supervisor_next(&c, 10000), SUPERVISOR_NOTHING); /* not ready yet */
    supervisor_ready(&c, 10000);
    supervisor_heard(&c, 10100);
    assert_true(supervisor_until(&c) == 10300);
    assert_int_equal(supervisor_next(&c, 10299), SUPERVISOR_NOTHING);
    assert_int_equal(supervisor_next(&c, 10300), SUPERVISOR_KILL);
    assert_int_equal(supervisor_next(&c, 10400), SUPERVISOR_NOTHING);
    supervisor_exited(&c, -1, 9, 10401);
    assert_int_equal(c.state, SUPERVISOR_WAITING);
}

static void test_stop_terms_then_kills_and_never_spawns(void **state)
{
    struct supervisor_child c;

    (void)state;
    make(&c);
    supervisor_ready(&c, 1);
    supervisor_stop(&c, 10);
    assert_int_equal(supervisor_next(&c, 10), SUPERVISOR_TERM);
    assert_int_equal(supervisor_next(&c, 59), SUPERVISOR_NOTHING);
    assert_true(supervisor_until(&c) == 60);
    assert_int_equal(supervisor_next(&c, 60), SUPERVISOR_KILL);
    assert_int_equal(supervisor_next(&c, 61), SUPERVISOR_NOTHING);
    supervisor_exited(&c, -1, 9, 62);
    assert_int_equal(c.state, SUPERVISOR_ENDED);

    make(&c);
    supervisor_stop(&c, 10);
    assert_int_equal(supervisor_next(&c, 10), SUPERVISOR_TERM);
    supervisor_hurry(&c, 11);
    assert_int_equal(supervisor_next(&c, 11), SUPERVISOR_KILL);

    make(&c);
    supervisor_exited(&c, 1, 0, 1);
    supervisor_stop(&c, 2);
    assert_int_equal(c.state, SUPERVISOR_ENDED);
    assert_int_equal(supervisor_next(&c, 1000), SUPERVISOR_NOTHING);
}

/* S1, S2, and that every child that lives can be ended, over random events. */
static void test_random_events_never_make_a_second_process(void **state)
{
    struct prng r;

    (void)state;
    prng_seed(&r, 7);
    for (int round = 0; round < 3000; round++) {
        struct supervisor_child c;
        int processes = 0;
        bool stopped = false, spawning = false;
        int64_t now = 0;

        supervisor_init(&c, &policy);
        supervisor_start(&c, 0);
        for (int i = 0; i < 60; i++) {
            enum supervisor_action a = supervisor_next(&c, now);

            if (a == SUPERVISOR_SPAWN) {
                assert_int_equal(processes, 0);
                assert_false(stopped || spawning);
                spawning = true;
            } else if (a == SUPERVISOR_KILL) {
                assert_int_equal(processes, 1);
            }
            switch (prng_below(&r, 8)) {
            case 0:
            case 1:
                if (spawning) {
                    spawning = false;
                    processes = 1;
                    supervisor_spawned(&c, now);
                }
                break;
            case 2:
                if (spawning || processes > 0) {
                    spawning = false;
                    processes = 0;
                    supervisor_exited(&c, (int)prng_below(&r, 3) == 0 ? 65 : 1, 0, now);
                }
                break;
            case 3:
                if (processes > 0) {
                    supervisor_ready(&c, now);
                }
                break;
            case 4:
                if (processes > 0) {
                    supervisor_heard(&c, now);
                }
                break;
            case 5:
                if (prng_below(&r, 6) == 0) {
                    stopped = true;
                    supervisor_stop(&c, now);
                }
                break;
            default:
                now += (int64_t)prng_below(&r, 100);
            }
            assert_int_equal(supervisor_lives(&c) && !spawning, processes > 0);
        }
        supervisor_stop(&c, now);
        if (spawning) {
            supervisor_spawned(&c, now);
        }
        for (int i = 0; i < 4 && c.state != SUPERVISOR_ENDED; i++) {
            now += 100;
            if (supervisor_next(&c, now) == SUPERVISOR_KILL) {
                supervisor_exited(&c, -1, 9, now);
            }
        }
        assert_true(c.state == SUPERVISOR_ENDED || c.killed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses_double_until_the_limit_of_starts),
        cmocka_unit_test(test_a_steady_child_begins_anew),
        cmocka_unit_test(test_a_final_exit_code_is_not_tried_again_unless_it_was_ready),
        cmocka_unit_test(test_a_silent_child_is_killed_once_and_started_again),
        cmocka_unit_test(test_stop_terms_then_kills_and_never_spawns),
        cmocka_unit_test(test_random_events_never_make_a_second_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
