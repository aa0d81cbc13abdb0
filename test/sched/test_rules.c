/* Trigger rules, early verdicts, branches, skips, instants, run states: as transcripts. The
 * exhaustive tests prove the table; these tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

static void success_and_failure(void **state)
{
    world_init(&w, "a; b <- a; c <- b");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b exit code 3",
           "b:running>failed(exit code 3) c:none>upstream_failed run 1 failed(task b failed)");
    assert_string_equal(world_states(&w, 1), "a=success b=failed c=upstream_failed");
    world_fini(&w);
}

static void early_verdicts_do_not_wait(void **state)
{
    /* a failed: all_success and none_failed know at once, all_done and one_success wait for b. */
    world_init(&w,
               "a; b; s <- a,b; d <- a,b rule=all_done; o <- a,b rule=one_success; f <- a,b "
               "rule=one_failed; "
               "n <- a,b rule=none_failed; x <- a,b rule=all_failed; k <- a,b rule=all_skipped");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail a",
           "a:running>failed s:none>upstream_failed f:none>scheduled n:none>upstream_failed "
           "k:none>skipped f:scheduled>queued");
    EXPECT(&w, "ok b",
           "b:running>success d:none>scheduled o:none>scheduled x:none>skipped d:scheduled>queued "
           "o:scheduled>queued");
    world_fini(&w);
}

static void skips_propagate(void **state)
{
    world_init(
        &w,
        "a; b <- a; c <- b; d <- b rule=none_failed; e <- b rule=none_failed_min_one_success; "
        "f <- b rule=none_skipped; g <- b rule=all_skipped; h <- b rule=all_done_min_one_success");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "skip a no data today",
           "a:running>skipped(no data today) b:none>skipped c:none>skipped d:none>scheduled "
           "e:none>skipped f:none>skipped g:none>scheduled h:none>skipped d:scheduled>queued "
           "g:scheduled>queued");
    world_fini(&w);
}

static void one_rules_go_first(void **state)
{
    world_init(
        &w,
        "a; b; c; s <- a,b,c rule=one_success; d <- a,b,c rule=one_done; v <- a,b,c rule=always");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled v:none>scheduled a:scheduled>queued "
           "b:scheduled>queued c:scheduled>queued v:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "skip a", "a:running>skipped");
    EXPECT(&w, "ok b",
           "b:running>success s:none>scheduled d:none>scheduled s:scheduled>queued "
           "d:scheduled>queued");
    world_fini(&w);
}

static void all_skipped_upstreams_of_one_rules(void **state)
{
    world_init(&w,
               "a; b; s <- a,b rule=one_success; f <- a,b rule=one_failed; d <- a,b rule=one_done");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "skip a", "a:running>skipped");
    EXPECT(&w, "skip b",
           "b:running>skipped s:none>skipped f:none>skipped d:none>skipped run 1 success");
    world_fini(&w);
}

static void branch_leaves_out(void **state)
{
    /* left is not followed, join is reachable from right and waits with
     * none_failed_min_one_success. */
    world_init(
        &w,
        "pick; left <- pick; right <- pick; join <- left,right rule=none_failed_min_one_success");
    EXPECT(&w, "create 1", "pick:none>scheduled pick:scheduled>queued run 1 running");
    EXPECT(&w, "start pick", "pick:queued>running");
    EXPECT(&w, "ok pick skip=left",
           "pick:running>success left:none>skipped(left out by pick) right:none>scheduled "
           "right:scheduled>queued");
    EXPECT(&w, "start right", "right:queued>running");
    EXPECT(&w, "ok right", "right:running>success join:none>scheduled join:scheduled>queued");
    EXPECT(&w, "clear left",
           "left:skipped>none(left out by pick) left:none>skipped(left out by pick) run 1 running "
           "reply ok n=1");
    assert_string_equal(world_states(&w, 1), "pick=success left=skipped right=success join=queued");
    world_fini(&w);
}

static void branch_leaves_alone_what_began(void **state)
{
    world_init(&w, "a; pick; b; c <- pick,a rule=one_success");
    EXPECT(&w, "create 1",
           "a:none>scheduled pick:none>scheduled b:none>scheduled a:scheduled>queued "
           "pick:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start pick", "pick:queued>running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok pick skip=a,b,c", "pick:running>success c:none>skipped(left out by pick)");
    world_fini(&w);
}

static void instants_never_leave(void **state)
{
    world_init(&w, "a instant; b <- a; c <- b instant; d <- c instant");
    EXPECT(&w, "create 1", "a:none>success b:none>scheduled b:scheduled>queued run 1 running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success c:none>success d:none>success run 1 success");
    world_fini(&w);
}

static void no_tasks_succeed_at_once(void **state)
{
    world_init(&w, "@empty");
    EXPECT(&w, "create 1", "run 1 success");
    world_fini(&w);
}

static void leaves_decide(void **state)
{
    /* b failed, but the leaf that watches it succeeded. */
    world_init(&w, "a; b <- a; watch <- b rule=all_done");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed watch:none>scheduled watch:scheduled>queued");
    EXPECT(&w, "start watch", "watch:queued>running");
    EXPECT(&w, "ok watch", "watch:running>success run 1 success");
    world_fini(&w);
}

static void fail_fast(void **state)
{
    world_init(&w, "@d fail_fast; a; b; c <- a; s setup; t <- s teardown");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled s:none>scheduled a:scheduled>queued "
           "s:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "start s", "s:queued>running");
    EXPECT(&w, "ok s", "s:running>success t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "fail a",
           "a:running>failed c:none>skipped(task a failed) run 1 running(task a failed) kill b");
    EXPECT(&w, "killed b", "b:running>failed(task a failed)");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "ok t", "t:running>success run 1 failed(task a failed)");
    world_fini(&w);
}

static void deep_chain_of_instants(void **state)
{
    static char spec[200000];
    size_t n = (size_t)sprintf(spec, "t0 instant");

    for (int i = 1; i < 4000; i++) {
        n += (size_t)sprintf(spec + n, "; t%d <- t%d instant weight_rule=absolute", i, i - 1);
    }
    world_init(&w, spec);
    world_do(&w, "create 1");
    assert_int_equal(w.rc, 0);
    assert_int_equal(w.runs[0].state, RUN_SUCCESS);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_and_failure),
        cmocka_unit_test(early_verdicts_do_not_wait),
        cmocka_unit_test(skips_propagate),
        cmocka_unit_test(one_rules_go_first),
        cmocka_unit_test(all_skipped_upstreams_of_one_rules),
        cmocka_unit_test(branch_leaves_out),
        cmocka_unit_test(branch_leaves_alone_what_began),
        cmocka_unit_test(instants_never_leave),
        cmocka_unit_test(no_tasks_succeed_at_once),
        cmocka_unit_test(leaves_decide),
        cmocka_unit_test(fail_fast),
        cmocka_unit_test(deep_chain_of_instants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
