/* The previous run: depends_on_past, wait_for_downstream, questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

static void none_before(void **state)
{
    world_init(&w, "a past; b <- a");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 none", "a:none>scheduled a:scheduled>queued");
    world_fini(&w);
}

static void follows_a_live_run(void **state)
{
    world_init(&w, "a past; b <- a");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 none", "a:none>scheduled a:scheduled>queued");
    EXPECT(&w, "create 2", "run 2 running ask 2 previous of 2");
    EXPECT(&w, "answer 2 run=1", "");
    EXPECT(&w, "why a@2", "depends_on_past: a has not succeeded in the previous run r1\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a",
           "a:running>success b:none>scheduled a@2:none>scheduled a@2:scheduled>queued "
           "b:scheduled>queued");
    world_fini(&w);
}

static void copies_a_run_that_is_gone(void **state)
{
    world_init(&w, "a past; b past");
    EXPECT(&w, "create 2", "run 2 running ask 1 previous of 2");
    EXPECT(&w, "why a@2", "depends on the previous run, which is not known yet\n");
    EXPECT(&w, "answer 1 run=1 a=success b=failed", "a@2:none>scheduled a@2:scheduled>queued");
    EXPECT(&w, "why b@2", "depends_on_past: b has not succeeded in the previous run\n");
    world_fini(&w);
}

static void unknown_fails_closed(void **state)
{
    world_init(&w, "a past");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 unknown", "");
    EXPECT(&w, "tick 59", "");
    EXPECT(&w, "tick 1", "ask 2 previous of 1");
    EXPECT(&w, "answer 1 none", "");
    EXPECT(&w, "answer 2 none", "a:none>scheduled a:scheduled>queued");
    world_fini(&w);
}

static void ignore_first(void **state)
{
    world_init(&w, "a past ignore_first; b past");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 run=9", "a:none>scheduled a:scheduled>queued");
    world_fini(&w);
}

static void ignore_first_only_without_earlier(void **state)
{
    world_init(&w, "a past ignore_first");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 run=9 any_earlier", "");
    world_fini(&w);
}

static void ignore_first_of_the_run(void **state)
{
    world_init(&w, "a past");
    EXPECT(&w, "create 1 ignore_first", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 run=9", "a:none>scheduled a:scheduled>queued");
    world_fini(&w);
}

static void waits_for_downstream(void **state)
{
    world_init(&w, "a downstream; b <- a");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 none", "a:none>scheduled a:scheduled>queued");
    EXPECT(&w, "create 2", "run 2 running ask 2 previous of 2");
    EXPECT(&w, "answer 2 run=1", "");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed run 1 failed(task b failed)");
    EXPECT(&w, "mark success b",
           "b:failed>success(marked success) a@2:none>scheduled a@2:scheduled>queued run 1 success "
           "reply ok n=1");
    world_fini(&w);
}

static void skip_waits_for_past(void **state)
{
    world_init(&w, "a; b <- a past wait_skip");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 previous of 1");
    EXPECT(&w, "answer 1 none", "b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "create 2", "a@2:none>scheduled a@2:scheduled>queued run 2 running");
    EXPECT(&w, "start a@2", "a@2:queued>running");
    EXPECT(&w, "skip a@2", "a@2:running>skipped ask 2 previous of 2");
    EXPECT(&w, "answer 2 run=1", "");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success b@2:none>skipped run 2 success run 1 success");
    world_fini(&w);
}

static void skip_does_not_wait_otherwise(void **state)
{
    world_init(&w, "a; b <- a past");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "skip a", "a:running>skipped b:none>skipped run 1 success");
    world_fini(&w);
}

static void previous_is_forgotten_and_loaded_again(void **state)
{
    world_init(&w, "a past");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 none", "a:none>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>failed run 1 failed(task a failed)");
    EXPECT(&w, "create 2", "run 2 running ask 2 previous of 2");
    EXPECT(&w, "answer 2 run=1", "");
    EXPECT(&w, "forget 1", "forgotten");
    EXPECT(&w, "clear a@1", "ask 3 run 1");
    EXPECT(&w, "answer 3 run=1 load",
           "a:failed>none run 1 running ask 4 previous of 1 reply ok n=1");
    EXPECT(&w, "answer 4 none", "a:none>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success a@2:none>scheduled a@2:scheduled>queued run 1 success");
    world_fini(&w);
}

static void past_waiting_is_no_deadlock(void **state)
{
    world_init(&w, "a past; b <- a");
    EXPECT(&w, "create 2", "run 2 running ask 1 previous of 2");
    EXPECT(&w, "answer 1 run=1 a=failed", "");
    EXPECT(&w, "tick 1000", "");
    assert_int_equal(w.runs[0].state, RUN_RUNNING);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_before),
        cmocka_unit_test(follows_a_live_run),
        cmocka_unit_test(copies_a_run_that_is_gone),
        cmocka_unit_test(unknown_fails_closed),
        cmocka_unit_test(ignore_first),
        cmocka_unit_test(ignore_first_only_without_earlier),
        cmocka_unit_test(ignore_first_of_the_run),
        cmocka_unit_test(waits_for_downstream),
        cmocka_unit_test(skip_waits_for_past),
        cmocka_unit_test(skip_does_not_wait_otherwise),
        cmocka_unit_test(previous_is_forgotten_and_loaded_again),
        cmocka_unit_test(past_waiting_is_no_deadlock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
