/* Attempts: claims, stale tokens, retries, backoff, deferral, reschedule, lost workers, stuck ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"
#include "transcript.h"

static struct world w;

static struct ti_row row_of(uint32_t task)
{
    struct ti_key k = {1, task, -1};
    struct ti_row row;

    assert_int_equal(sched_get_ti(w.s, &k, &row), 0);
    return row;
}

static uint64_t ignored(void)
{
    struct sched_stats stats;

    sched_get_stats(w.s, &stats);
    return stats.ignored;
}

static void stale_tokens_change_nothing(void **state)
{
    world_init(&w, "a retries=1 delay=10; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "stale a", "");
    EXPECT(&w, "claim a", "");
    EXPECT(&w, "claim a", ""); /* taken already */
    EXPECT(&w, "begin a", "a:queued>running");
    EXPECT(&w, "begin a", "");
    EXPECT(&w, "stale a", "");
    assert_int_equal(ignored(), 4);
    EXPECT(&w, "fail a", "a:running>up_for_retry");
    EXPECT(&w, "ok a", ""); /* its token is void */
    EXPECT(&w, "tick 10", "a:up_for_retry>scheduled a:scheduled>queued");
    EXPECT(&w, "stale a", "");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "ok a", "");
    world_fini(&w);
}

static void retries(void **state)
{
    world_init(&w, "a retries=2 delay=60; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a one", "a:running>up_for_retry(one)");
    assert_int_equal(row_of(0).try_number, 1);
    EXPECT(&w, "tick 59", "");
    EXPECT(&w, "tick 1", "a:up_for_retry>scheduled a:scheduled>queued");
    assert_int_equal(row_of(0).try_number, 2);
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a two", "a:running>up_for_retry(two)");
    EXPECT(&w, "tick 60", "a:up_for_retry>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a three",
           "a:running>failed(three) b:none>upstream_failed run 1 failed(task a failed)");
    assert_int_equal(row_of(0).try_number, 3);
    world_fini(&w);
}

static void no_retry_asked(void **state)
{
    world_init(&w, "a retries=5; b <- a rule=all_failed");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fatal a bad input",
           "a:running>failed(bad input) b:none>scheduled b:scheduled>queued");
    world_fini(&w);
}

static void end_without_start_message(void **state)
{
    world_init(&w, "a; b <- a; c retries=1");
    EXPECT(&w, "create 1",
           "a:none>scheduled c:none>scheduled a:scheduled>queued c:scheduled>queued run 1 running");
    EXPECT(&w, "claim a", "");
    EXPECT(&w, "ok a", "a:queued>running a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "claim c", "");
    EXPECT(&w, "fail c could not be started", "c:queued>up_for_retry(could not be started)");
    world_fini(&w);
    world_init(&w, "a; b");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "claim a", "");
    EXPECT(&w, "defer a", "a:queued>running a:running>deferred");
    EXPECT(&w, "claim b", "");
    EXPECT(&w, "resched b 5", "b:queued>running b:running>up_for_reschedule");
    world_fini(&w);
}

static void deferral(void **state)
{
    world_init(&w, "@d max_active_tasks=1; a retries=1 delay=5; b");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "defer a", "a:running>deferred b:scheduled>queued"); /* frees its slot: b goes */
    EXPECT(&w, "begin a", "");
    EXPECT(&w, "fire a resume", "a:deferred>scheduled");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success a:scheduled>queued resumed a");
    assert_int_equal(row_of(0).try_number, 1);
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "defer a 30", "a:running>deferred");
    EXPECT(&w, "tick 30", "a:deferred>up_for_retry(deferral timed out) kill a");
    EXPECT(&w, "fire a ok", "");
    EXPECT(&w, "tick 5", "a:up_for_retry>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "defer a 30", "a:running>deferred");
    EXPECT(&w, "fire a ok", "a:deferred>success run 1 success");
    world_fini(&w);
}

static void deferred_keeps_pool_slots(void **state)
{
    world_init(&w, "a pool=p; b pool=p");
    EXPECT(&w, "pool p 1 deferred", "");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "defer a", "a:running>deferred");
    EXPECT(&w, "why b", "1 of 1 slots of the pool p are taken, and it needs 1\n");
    EXPECT(&w, "pool p 1", "b:scheduled>queued");
    EXPECT(&w, "pool p 1 deferred", "");
    EXPECT(&w, "fire a resume", "a:deferred>scheduled");
    world_fini(&w);
}

static void reschedule(void **state)
{
    world_init(&w, "a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "resched a 60", "a:running>up_for_reschedule");
    EXPECT(&w, "tick 60", "a:up_for_reschedule>scheduled a:scheduled>queued resumed a");
    assert_int_equal(row_of(0).try_number, 1);
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success run 1 success");
    world_fini(&w);
}

static void lost_before_start(void **state)
{
    struct uuid token, next;

    world_init(&w, "a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    token = row_of(0).attempt;
    EXPECT(&w, "claim a", "");
    EXPECT(&w, "lost a", "a:queued>scheduled(worker lost before it started) a:scheduled>queued");
    assert_int_equal(row_of(0).try_number, 1);
    assert_int_equal(row_of(0).worker, 0);
    next = row_of(0).attempt;
    assert_int_not_equal(uuid_cmp(&token, &next), 0);
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "lost a", "a:running>scheduled(interrupted) a:scheduled>queued"); /* the same try */
    assert_int_equal(row_of(0).try_number, 1);
    world_fini(&w);
}

static void nobody_takes_it(void **state)
{
    world_init(&w, "a; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "tick 600", "a:queued>scheduled(no worker took it for 600 s) a:scheduled>queued");
    EXPECT(&w, "tick 600", "a:queued>scheduled(no worker took it for 600 s) a:scheduled>queued");
    assert_int_equal(row_of(0).requeues, 2);
    assert_int_equal(row_of(0).try_number, 1);
    EXPECT(&w, "tick 600",
           "a:queued>failed(no worker took it, 3 times over) b:none>upstream_failed run 1 "
           "failed(task a failed)");
    world_fini(&w);
}

static void claimed_ones_are_not_stuck(void **state)
{
    world_init(&w, "a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "claim a", "");
    assert_true(sched_next_timer(w.s) == TIME_NONE);
    EXPECT(&w, "tick 6000", "");
    world_fini(&w);
}

static void clock_goes_back(void **state)
{
    world_init(&w, "a retries=1 delay=10");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "tick 100", "");
    EXPECT(&w, "tick -50", "");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>up_for_retry");
    assert_true(sched_next_timer(w.s) == 60 * TIME_SECOND);
    EXPECT(&w, "tick 10",
           "a:up_for_retry>scheduled a:scheduled>queued"); /* the core is at 100: due */
    world_fini(&w);
}

static void at_most_so_many_a_step(void **state)
{
    world_init(&w, "a; b; c");
    w.config.tis_per_step = 2;
    sched_free(w.s);
    w.s = sched_new(&w.config);
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled a:scheduled>queued "
           "b:scheduled>queued run 1 running");
    assert_true(sched_next_timer(w.s) == w.now_us);
    EXPECT(&w, "tick 0", "c:scheduled>queued");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stale_tokens_change_nothing),
        cmocka_unit_test(retries),
        cmocka_unit_test(no_retry_asked),
        cmocka_unit_test(end_without_start_message),
        cmocka_unit_test(deferral),
        cmocka_unit_test(deferred_keeps_pool_slots),
        cmocka_unit_test(reschedule),
        cmocka_unit_test(lost_before_start),
        cmocka_unit_test(nobody_takes_it),
        cmocka_unit_test(claimed_ones_are_not_stuck),
        cmocka_unit_test(clock_goes_back),
        cmocka_unit_test(at_most_so_many_a_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
