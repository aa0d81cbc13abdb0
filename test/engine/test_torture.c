/*
 * The Nth allocation fails, or the Nth call of the store, once or from then on, through a whole run: the engine ends with an error or goes
 * on, never anything else; and the next start finishes the run, with every attempt run once.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define SPEC       "@shop; a; b <- a; c <- a retries=1 delay=1; d <- b,c"
#define ROWS       "a success 1; b success 1; c success 2; d success 1"
#define SUCCESSES  4
#define TRIALS_MAX 400

static void begin(void)
{
    world_open(SPEC);
    world.fails = "c";
    world.fail_tries = 1;
    world.xcom = "[1, 2, 3]";
    world.asset = "s3://x";
}

static void end(uint64_t n, const char *what)
{
    struct err e = {0};
    int rc = world_live(world_finish, &e);

    if (rc != 0 || strcmp(world_rows(), ROWS) != 0) {
        fail_msg("%s %llu: %s %s: %s", what, (unsigned long long)n, err_name(rc), err_str(&e),
                 world_rows());
    }
    assert_int_equal(world_run_state(), RUN_SUCCESS);
    /* An event of each success: never two; none only where memory failed the simulated process itself. */
    assert_true(world_events() <= SUCCESSES);
    assert_true(world_events() == SUCCESSES || strcmp(what, "allocation") == 0);
    world_check();
    world_close();
}

static void allocations(int forever)
{
    struct err e = {0};
    uint64_t all, step, failed = 0;

    begin();
    mem_fail_at(UINT64_MAX, 0); /* only counts */
    assert_int_equal(world_live(world_finish, &e), 0);
    all = mem_count();
    mem_fail_at(0, 0);
    end(0, "allocation");
    step = all / TRIALS_MAX + 1;
    for (uint64_t n = 1; n <= all; n += step) {
        int rc;

        begin();
        e = (struct err){0};
        mem_fail_at(n, forever);
        rc = world_live(world_finish, &e);
        mem_fail_at(0, 0);
        if (rc != 0) {
            failed++;
            assert_true(rc > -ERR_MAX_);
        }
        end(n, "allocation");
    }
    assert_true(failed > 0);
}

static void any_allocation_fails_once(void **state)
{
    (void)state;
    allocations(0);
}

static void all_allocations_fail_from_one_on(void **state)
{
    (void)state;
    allocations(1);
}

static void calls(int rc, uint64_t more, bool after)
{
    struct err e = {0};
    uint64_t all, failed = 0;

    begin();
    world.trip_at = UINT64_MAX;
    assert_int_equal(world_live(world_finish, &e), 0);
    all = world.calls;
    world.trip_at = 0;
    end(0, "call");
    assert_true(all > 10);
    for (uint64_t n = 1; n <= all; n++) {
        begin();
        e = (struct err){0};
        world.trip_at = n;
        world.trip_more = more;
        world.trip_rc = rc;
        world.trip_after = after;
        failed += world_live(world_finish, &e) != 0;
        assert_true(world.tripped > 0);
        world.trip_at = 0;
        end(n, "call");
    }
    assert_true(failed > 0);
}

static void any_call_of_the_store_fails_once(void **state)
{
    (void)state;
    calls(-ERR_IO, 0, false);
    calls(-ERR_BUSY, 0, false);
    calls(-ERR_NOMEM, 0, false);
}

static void any_call_fails_after_it_was_done(void **state)
{
    (void)state;
    calls(-ERR_IO, 0, true);
}

static void any_call_is_refused(void **state)
{
    (void)state;
    calls(-ERR_CORRUPT, UINT64_C(1) << 40, false);
    calls(-ERR_STALE, UINT64_C(1) << 40, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_fails_once),
        cmocka_unit_test(all_allocations_fail_from_one_on),
        cmocka_unit_test(any_call_of_the_store_fails_once),
        cmocka_unit_test(any_call_fails_after_it_was_done),
        cmocka_unit_test(any_call_is_refused),
    };

    log_setup(2, LOG_LEVEL_OFF, 0, NULL);
    return cmocka_run_group_tests_name("engine torture", tests, NULL, NULL);
}
