/* Setups, teardowns, scopes, effective leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

static void work_fails_teardown_runs(void **state)
{
    world_init(&w, "s setup; w <- s; t <- w,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "start w", "w:queued>running");
    EXPECT(&w, "fail w", "w:running>failed t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "ok t", "t:running>success run 1 failed(task w failed)");
    world_fini(&w);
}

static void setup_fails(void **state)
{
    world_init(&w, "s setup; w <- s; t <- w,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "fail s",
           "s:running>failed w:none>upstream_failed t:none>upstream_failed run 1 failed(task s "
           "failed)");
    world_fini(&w);
}

static void setup_skipped(void **state)
{
    world_init(&w, "s setup; w <- s; t <- w,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "skip s", "s:running>skipped w:none>skipped t:none>skipped run 1 success");
    world_fini(&w);
}

static void indirect_setup_is_needed(void **state)
{
    /* v has all_done, but its indirect setup failed. */
    world_init(&w, "s setup; w <- s rule=all_done; v <- w rule=all_done; t <- v,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "fail s",
           "s:running>failed w:none>scheduled v:none>upstream_failed w:scheduled>queued");
    world_fini(&w);
}

static void scope_is_waited_for(void **state)
{
    /* w goes on after the first of x and y; t waits for both, which are in its scope. */
    world_init(&w, "s setup; x <- s; y <- s; w <- x,y rule=one_success; t <- s,w teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s",
           "s:running>success x:none>scheduled y:none>scheduled x:scheduled>queued "
           "y:scheduled>queued");
    EXPECT(&w, "start x", "x:queued>running");
    EXPECT(&w, "ok x", "x:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "start w", "w:queued>running");
    EXPECT(&w, "ok w", "w:running>success");
    EXPECT(&w, "why t", "waits for its scope: y (queued)\n");
    EXPECT(&w, "start y", "y:queued>running");
    EXPECT(&w, "fail y", "y:running>failed t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "fail t", "t:running>failed run 1 success");
    world_fini(&w);
}

static void teardown_failure_can_count(void **state)
{
    world_init(&w, "s setup; w <- s; t <- w,s teardown fail_dagrun");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "start w", "w:queued>running");
    EXPECT(&w, "ok w", "w:running>success t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "fail t disk gone", "t:running>failed(disk gone) run 1 failed(task t failed)");
    world_fini(&w);
}

static void teardowns_only(void **state)
{
    world_init(&w, "a teardown; b <- a teardown");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>failed b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success run 1 success");
    world_fini(&w);
}

static void timeout_keeps_teardowns(void **state)
{
    world_init(&w, "@d timeout=100; s setup; w <- s; v <- w; t <- v,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "start w", "w:queued>running");
    EXPECT(&w, "tick 100",
           "v:none>skipped(timed out after 1m 40s) run 1 running(timed out after 1m 40s) kill w");
    EXPECT(&w, "ok t", "");
    EXPECT(&w, "killed w",
           "w:running>skipped(timed out after 1m 40s) t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "ok t", "t:running>success run 1 failed(timed out after 1m 40s)");
    world_fini(&w);
}

static void stop_keeps_teardowns(void **state)
{
    world_init(&w, "s setup; w <- s; v <- w; t <- v,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "stop",
           "w:queued>skipped(stopped) v:none>skipped(stopped) t:none>scheduled t:scheduled>queued "
           "run 1 running(stopped) reply ok n=2");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "ok t", "t:running>success run 1 failed(stopped)");
    world_fini(&w);
}

static void marked_run_keeps_teardowns(void **state)
{
    world_init(&w, "s setup; w <- s; t <- w,s teardown");
    EXPECT(&w, "create 1", "s:none>scheduled s:scheduled>queued run 1 running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "start w", "w:queued>running");
    EXPECT(&w, "mark success *",
           "w:running>success(marked success) t:none>scheduled t:scheduled>queued kill w reply ok "
           "n=1");
    EXPECT(&w, "killed w", "");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "ok t", "t:running>success run 1 success");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_fails_teardown_runs),
        cmocka_unit_test(setup_fails),
        cmocka_unit_test(setup_skipped),
        cmocka_unit_test(indirect_setup_is_needed),
        cmocka_unit_test(scope_is_waited_for),
        cmocka_unit_test(teardown_failure_can_count),
        cmocka_unit_test(teardowns_only),
        cmocka_unit_test(timeout_keeps_teardowns),
        cmocka_unit_test(stop_keeps_teardowns),
        cmocka_unit_test(marked_run_keeps_teardowns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
