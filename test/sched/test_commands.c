/* Clear, mark, stop, timeouts, deadlocks, consecutive failures, loaded runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

static void clear_of_a_running_one(void **state)
{
    world_init(&w, "a retries=1 delay=5; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "clear a",
           "a:running>restarting(cleared while running) run 1 running kill a reply ok n=1");
    EXPECT(&w, "clear a", "run 1 running reply ok n=1");
    EXPECT(&w, "begin a", "");
    EXPECT(&w, "killed a", "a:restarting>none a:none>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>up_for_retry");
    EXPECT(&w, "tick 5", "a:up_for_retry>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>failed b:none>upstream_failed run 1 failed(task a failed)");
    world_fini(&w);
}

static void clear_of_a_finished_run(void **state)
{
    world_init(&w, "a; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed run 1 failed(task b failed)");
    EXPECT(&w, "clear b",
           "b:failed>none b:none>scheduled b:scheduled>queued run 1 running reply ok n=1");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success run 1 success");
    assert_int_equal(w.runs[0].clear_number, 1);
    assert_int_equal(w.tis[1].try_number, 2);
    world_fini(&w);
}

static void clear_of_one_in_the_middle(void **state)
{
    world_init(&w, "a; b <- a; c <- b");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success c:none>scheduled c:scheduled>queued");
    EXPECT(&w, "clear a",
           "a:success>none a:none>scheduled a:scheduled>queued run 1 running reply ok n=1");
    EXPECT(&w, "start c", "c:queued>running");
    EXPECT(&w, "ok c", "c:running>success");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success run 1 success");
    world_fini(&w);
}

static void clear_all_kinds(void **state)
{
    world_init(&w, "@d max_active_tasks=4; a retries=1; b; c; d; e; f <- a");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled d:none>scheduled e:none>scheduled "
           "a:scheduled>queued b:scheduled>queued c:scheduled>queued d:scheduled>queued run 1 "
           "running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>up_for_retry e:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "defer b 50", "b:running>deferred");
    EXPECT(&w, "start c", "c:queued>running");
    EXPECT(&w, "resched c 50", "c:running>up_for_reschedule");
    EXPECT(&w, "claim d", "");
    EXPECT(&w, "clear *",
           "a:up_for_retry>none b:deferred>none c:up_for_reschedule>none "
           "d:queued>restarting(cleared while running) e:queued>none a:none>scheduled "
           "b:none>scheduled c:none>scheduled e:none>scheduled a:scheduled>queued "
           "b:scheduled>queued c:scheduled>queued run 1 running kill b kill d reply ok n=5");
    EXPECT(&w, "killed d", "d:restarting>none d:none>scheduled d:scheduled>queued");
    world_fini(&w);
}

static void clear_unclaimed(void **state)
{
    world_init(&w, "a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "clear a",
           "a:queued>none a:none>scheduled a:scheduled>queued run 1 running reply ok n=1");
    world_fini(&w);
}

static void mark_states(void **state)
{
    world_init(&w, "a; b <- a; c <- b");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "mark success a",
           "a:running>success(marked success) b:none>scheduled b:scheduled>queued kill a reply ok "
           "n=1");
    EXPECT(&w, "forget 1", "CONFLICT");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "mark failed b",
           "b:running>failed(marked failed) c:none>upstream_failed run 1 failed(task b failed) "
           "kill b reply ok n=1");
    EXPECT(&w, "killed a", "");
    EXPECT(&w, "killed b", "");
    EXPECT(&w, "forget 1", "forgotten");
    world_fini(&w);
}

static void mark_in_a_finished_run(void **state)
{
    world_init(&w, "a; b");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed run 1 failed(task b failed)");
    EXPECT(&w, "mark success b", "b:failed>success(marked success) run 1 success reply ok n=1");
    EXPECT(&w, "mark failed a,b",
           "a:success>failed(marked failed) b:success>failed(marked failed) run 1 failed(task a "
           "failed) reply ok n=2");
    world_fini(&w);
}

static void clear_of_a_marked_one_that_still_lives(void **state)
{
    world_init(&w, "a; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "mark success a",
           "a:running>success(marked success) b:none>scheduled b:scheduled>queued kill a reply ok "
           "n=1");
    EXPECT(&w, "clear a", "a:success>restarting(cleared while running) run 1 running reply ok n=1");
    EXPECT(&w, "killed a", "a:restarting>none a:none>scheduled a:scheduled>queued");
    world_fini(&w);
}

static void stop(void **state)
{
    world_init(&w, "a; b <- a; c");
    EXPECT(&w, "create 1",
           "a:none>scheduled c:none>scheduled a:scheduled>queued c:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "stop",
           "b:none>skipped(stopped) c:queued>skipped(stopped) run 1 running(stopped) kill a reply "
           "ok n=3");
    EXPECT(&w, "clear a", "reply CONFLICT n=0");
    EXPECT(&w, "killed a", "a:running>skipped(stopped) run 1 failed(stopped)");
    assert_int_equal(w.runs[0].state, RUN_FAILED);
    EXPECT(&w, "stop", "reply CONFLICT n=0");
    world_fini(&w);
}

static void stop_lets_a_result_stand(void **state)
{
    world_init(&w, "a; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "stop", "b:none>skipped(stopped) run 1 running(stopped) kill a reply ok n=2");
    EXPECT(&w, "ok a", "a:running>success run 1 failed(stopped)");
    world_fini(&w);
}

static void stop_of_a_queued_run(void **state)
{
    world_init(&w, "@d max_active_runs=1; a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "create 2", "run 2 queued");
    EXPECT(&w, "stop @2", "a@2:none>skipped(stopped) run 2 failed(stopped) reply ok n=1");
    EXPECT(&w, "forget 2", "forgotten");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success run 1 success");
    world_fini(&w);
}

static void timeout(void **state)
{
    world_init(&w, "@d timeout=60; a retries=3; b <- a; c");
    EXPECT(&w, "create 1",
           "a:none>scheduled c:none>scheduled a:scheduled>queued c:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "start c", "c:queued>running");
    EXPECT(&w, "tick 59", "");
    EXPECT(&w, "tick 1",
           "b:none>skipped(timed out after 1m 00s) run 1 running(timed out after 1m 00s) kill a "
           "kill c");
    EXPECT(&w, "fail a", "a:running>skipped(timed out after 1m 00s)");
    EXPECT(&w, "ok c", "c:running>success run 1 failed(timed out after 1m 00s)");
    world_fini(&w);
}

static void pause_after_failures(void **state)
{
    world_init(&w, "@d max_failed=2; a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "create 2", "a@2:none>scheduled a@2:scheduled>queued run 2 running");
    EXPECT(&w, "create 3", "a@3:none>scheduled a@3:scheduled>queued run 3 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>failed run 1 failed(task a failed)");
    EXPECT(&w, "start a@2", "a@2:queued>running");
    EXPECT(&w, "fail a@2", "a@2:running>failed run 2 failed(task a failed) pause dag 1");
    EXPECT(&w, "pause 1", "");
    EXPECT(&w, "create 4", "run 4 queued");
    EXPECT(&w, "unpause 1", "a@4:none>scheduled a@4:scheduled>queued run 4 running");
    world_fini(&w);
}

static void commands_for_runs_not_here(void **state)
{
    world_init(&w, "a");
    EXPECT(&w, "clear a@5", "ask 1 run 5");
    EXPECT(&w, "answer 1 unknown", "reply NOTFOUND n=0");
    EXPECT(&w, "mark success a@5", "ask 2 run 5");
    EXPECT(&w, "tick 60", "reply TIMEOUT n=0");
    EXPECT(&w, "stop @5", "ask 3 run 5");
    EXPECT(&w, "answer 3 none", "reply NOTFOUND n=0");
    world_fini(&w);
}

static void no_such_task(void **state)
{
    world_init(&w, "a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "clear zzz", "reply NOTFOUND n=0");
    world_fini(&w);
}

static void a_run_twice(void **state)
{
    world_init(&w, "a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "create 1", "");
    world_fini(&w);
}

static void clear_a_run_that_was_forgotten(void **state)
{
    world_init(&w, "a; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed run 1 failed(task b failed)");
    EXPECT(&w, "forget 1", "forgotten");
    EXPECT(&w, "clear b", "ask 1 run 1");
    EXPECT(&w, "answer 1 run=1 load",
           "b:failed>none b:none>scheduled b:scheduled>queued run 1 running reply ok n=1");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success run 1 success");
    world_fini(&w);
}

static void stop_before_it_began_tears_nothing_down(void **state)
{
    world_init(&w, "@d max_active_runs=1; s setup; a <- s; t <- a,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success a:none>scheduled a:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "clear t",
           "t:running>restarting(cleared while running) run 1 running kill t reply ok n=1");
    EXPECT(&w, "create 2", "run 2 queued");
    EXPECT(&w, "stop @2",
           "s@2:none>skipped(stopped) a@2:none>skipped(stopped) t@2:none>skipped(stopped) run 2 "
           "failed(stopped) reply ok n=3");
    EXPECT(&w, "create 3", "run 3 queued");
    EXPECT(&w, "clear *",
           "s:success>none a:success>none s:none>scheduled s:scheduled>queued run 1 running reply "
           "ok n=3");
    EXPECT(&w, "stop @3",
           "s@3:none>skipped(stopped) a@3:none>skipped(stopped) t@3:none>skipped(stopped) run 3 "
           "failed(stopped) reply ok n=3");
    EXPECT(&w, "killed t", "t:restarting>none");
    world_fini(&w);
}

static void waiting_commands_keep_their_order(void **state)
{
    world_init(&w, "a; b");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    world_do(&w, "ok a");
    world_do(&w, "start b");
    world_do(&w, "ok b");
    world_do(&w, "forget 1");
    EXPECT(&w, "clear a@1", "ask 1 run 1");
    EXPECT(&w, "mark failed b@1", "ask 2 run 1");
    EXPECT(&w, "stop @1", "ask 3 run 1");
    EXPECT(&w, "answer 2 run=1 load",
           "a:success>none b:success>failed(marked failed) a:none>skipped(stopped) run 1 "
           "failed(stopped) reply ok n=1 reply ok n=1 reply ok n=1");
    EXPECT(&w, "answer 1 unknown", "");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_of_a_running_one),
        cmocka_unit_test(clear_of_a_finished_run),
        cmocka_unit_test(clear_of_one_in_the_middle),
        cmocka_unit_test(clear_all_kinds),
        cmocka_unit_test(clear_unclaimed),
        cmocka_unit_test(mark_states),
        cmocka_unit_test(mark_in_a_finished_run),
        cmocka_unit_test(clear_of_a_marked_one_that_still_lives),
        cmocka_unit_test(stop),
        cmocka_unit_test(stop_lets_a_result_stand),
        cmocka_unit_test(stop_of_a_queued_run),
        cmocka_unit_test(timeout),
        cmocka_unit_test(pause_after_failures),
        cmocka_unit_test(commands_for_runs_not_here),
        cmocka_unit_test(no_such_task),
        cmocka_unit_test(a_run_twice),
        cmocka_unit_test(clear_a_run_that_was_forgotten),
        cmocka_unit_test(stop_before_it_began_tears_nothing_down),
        cmocka_unit_test(waiting_commands_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
