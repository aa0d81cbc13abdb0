/* What lets an instance of a mapped task go, in stories that the random DAGs told first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

static void an_empty_group_waits_for_its_rules(void **state)
{
    world_init(&w, "a; b; x <- a,b map=-1 src=0 mgroup=0; z <- x");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of x");
    EXPECT(&w, "answer 1 len=0", "");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed ask 2 length of x");
    EXPECT(&w, "answer 2 len=0",
           "x:none>upstream_failed z:none>upstream_failed run 1 failed(task b failed)");
    world_fini(&w);
    world_init(&w, "b; x <- b map=0 mgroup=0; z <- x");
    EXPECT(&w, "create 1", "b:none>scheduled b:scheduled>queued run 1 running");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b",
           "b:running>success x:none>skipped(nothing to map over: its length is 0) z:none>skipped "
           "run 1 success");
    world_fini(&w);
}

static void a_failure_goes_before_a_skip(void **state)
{
    world_init(&w, "a; b; m <- a,b map=-1 src=0");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "skip a", "a:running>skipped m:none>skipped");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "fail b", "b:running>failed run 1 success");
    EXPECT(&w, "clear m",
           "m:skipped>none m:none>upstream_failed run 1 failed(task b failed) reply ok n=1");
    world_fini(&w);
}

static void mapped_over_those_that_ended_well(void **state)
{
    world_init(&w, "a map=2; m <- a map=-1 src=0 rule=all_done; n <- a map=-1 src=0");
    EXPECT(&w, "create 1",
           "a[0]:none>scheduled a[1]:none>scheduled a[0]:scheduled>queued a[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "start a[0]", "a[0]:queued>running");
    EXPECT(&w, "fail a[0]", "a[0]:running>failed n:none>upstream_failed");
    EXPECT(&w, "start a[1]", "a[1]:queued>running");
    EXPECT(&w, "ok a[1]", "a[1]:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=1", "m[0]:none>scheduled m[0]:scheduled>queued");
    world_fini(&w);
}

static void a_child_follows_what_it_is_mapped_over(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0 rule=all_done");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=1", "m[0]:none>scheduled m[0]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success run 1 success");
    EXPECT(&w, "mark failed a", "a:success>failed(marked failed) reply ok n=1");
    EXPECT(&w, "clear m[0]",
           "m[0]:success>none m[0]:none>upstream_failed run 1 failed(task a failed) reply ok n=1");
    world_fini(&w);
}

static void setups_go_by_index(void **state)
{
    world_init(&w, "s setup map=2 mgroup=0; x <- s map=2 mgroup=0; y <- x map=2 mgroup=0; "
                   "t <- s,y teardown map=2 mgroup=0");
    EXPECT(&w, "create 1",
           "s[0]:none>scheduled s[1]:none>scheduled s[0]:scheduled>queued s[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "start s[0]", "s[0]:queued>running");
    EXPECT(&w, "ok s[0]", "s[0]:running>success x[0]:none>scheduled x[0]:scheduled>queued");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "ok x[0]", "x[0]:running>success y[0]:none>scheduled y[0]:scheduled>queued");
    EXPECT(&w, "start s[1]", "s[1]:queued>running");
    EXPECT(&w, "fail s[1]",
           "s[1]:running>failed x[1]:none>upstream_failed y[1]:none>upstream_failed "
           "t[1]:none>upstream_failed");
    EXPECT(&w, "start y[0]", "y[0]:queued>running");
    EXPECT(&w, "ok y[0]", "y[0]:running>success t[0]:none>scheduled t[0]:scheduled>queued");
    world_fini(&w);
}

static void fast_rules_look_at_every_index(void **state)
{
    world_init(&w, "x map=2 mgroup=0; f <- x map=2 mgroup=0 rule=one_failed; "
                   "s <- x map=2 mgroup=0 rule=one_success; o <- x map=2 mgroup=0 rule=all_failed");
    EXPECT(&w, "create 1",
           "x[0]:none>scheduled x[1]:none>scheduled x[0]:scheduled>queued x[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "start x[1]", "x[1]:queued>running");
    EXPECT(&w, "fail x[1]",
           "x[1]:running>failed f[0]:none>scheduled f[1]:none>scheduled o[1]:none>scheduled "
           "f[0]:scheduled>queued f[1]:scheduled>queued o[1]:scheduled>queued");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "ok x[0]",
           "x[0]:running>success s[0]:none>scheduled s[1]:none>scheduled o[0]:none>skipped "
           "s[0]:scheduled>queued s[1]:scheduled>queued");
    world_fini(&w);
}

/* At the setups above them, too. */
static void fast_rules_look_at_every_setup(void **state)
{
    world_init(&w, "s setup map=2 mgroup=0; x <- s map=2 mgroup=0; "
                   "f <- x map=2 mgroup=0 rule=one_done; g <- x map=2 mgroup=0 rule=all_done");
    EXPECT(&w, "create 1",
           "s[0]:none>scheduled s[1]:none>scheduled s[0]:scheduled>queued s[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "start s[1]", "s[1]:queued>running");
    EXPECT(&w, "skip s[1]",
           "s[1]:running>skipped x[1]:none>skipped f[0]:none>skipped f[1]:none>skipped "
           "g[1]:none>skipped");
    world_fini(&w);
}

static void as_many_at_once_as_a_run_may(void **state)
{
    world_init(&w, "m map=3 per_run=1; n map=2; z per_run=1");
    EXPECT(&w, "create 1",
           "m[0]:none>scheduled m[1]:none>scheduled m[2]:none>scheduled n[0]:none>scheduled "
           "n[1]:none>scheduled z:none>scheduled m[0]:scheduled>queued n[0]:scheduled>queued "
           "n[1]:scheduled>queued z:scheduled>queued run 1 running");
    EXPECT(&w, "why m[1]", "1 of it run, as many as max_active_tis_per_dagrun allows\n");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "defer m[0]", "m[0]:running>deferred m[1]:scheduled>queued");
    EXPECT(&w, "fire m[0] ok", "m[0]:deferred>success");
    EXPECT(&w, "create 2",
           "m[0]@2:none>scheduled m[1]@2:none>scheduled m[2]@2:none>scheduled "
           "n[0]@2:none>scheduled n[1]@2:none>scheduled z@2:none>scheduled m[0]@2:scheduled>queued "
           "n[0]@2:scheduled>queued n[1]@2:scheduled>queued z@2:scheduled>queued run 2 running");
    EXPECT(&w, "restore",
           "dispatch m[1] dispatch n[0] dispatch n[1] dispatch z dispatch m[0]@2 dispatch n[0]@2 "
           "dispatch n[1]@2 dispatch z@2");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "ok m[1]", "m[1]:running>success m[2]:scheduled>queued");
    world_fini(&w);
}

static void a_removed_one_keeps_its_tries(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0 retries=1");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=2",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "fatal m[1]", "m[1]:running>failed run 1 failed(task m failed)");
    EXPECT(&w, "clear m[0]", "m[0]:success>none run 1 running ask 2 length of m reply ok n=1");
    EXPECT(
        &w, "answer 2 len=1",
        "m[1]:failed>removed(it is mapped over 1 now) m[0]:none>scheduled m[0]:scheduled>queued");
    EXPECT(&w, "restore", "dispatch m[0]");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success run 1 success");
    EXPECT(&w, "clear m[0]", "m[0]:success>none run 1 running ask 1 length of m reply ok n=1");
    EXPECT(&w, "answer 1 len=2",
           "m[1]:removed>none m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued "
           "m[1]:scheduled>queued");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "fail m[1]", "m[1]:running>up_for_retry");
    world_fini(&w);
}

static void the_group_goes_on_without_the_one_that_asked(void **state)
{
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- a map=-1 src=0 mgroup=0");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of x");
    EXPECT(&w, "mark success x", "x:none>success(marked success) reply ok n=1");
    EXPECT(&w, "answer 1 len=1", "y[0]:none>scheduled y[0]:scheduled>queued");
    world_fini(&w);
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- a map=-1 src=0 mgroup=0");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of x");
    EXPECT(&w, "mark success x", "x:none>success(marked success) reply ok n=1");
    EXPECT(&w, "tick 61", "ask 2 length of y");
    world_fini(&w);
}

static void all_of_a_group_hear_of_its_source(void **state)
{
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "skip a", "a:running>skipped x:none>skipped y:none>skipped run 1 success");
    EXPECT(&w, "clear a,y",
           "a:skipped>none y:skipped>none a:none>scheduled a:scheduled>queued run 1 running reply "
           "ok n=2");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of y");
    world_fini(&w);
}

static void a_group_has_one_length(void **state)
{
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of x");
    EXPECT(&w, "answer 1 len=2",
           "x[0]:none>scheduled x[1]:none>scheduled x[0]:scheduled>queued x[1]:scheduled>queued");
    EXPECT(&w, "start x[1]", "x[1]:queued>running");
    EXPECT(&w, "ok x[1]", "x[1]:running>success y[1]:none>scheduled y[1]:scheduled>queued");
    EXPECT(&w, "start y[1]", "y[1]:queued>running");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "ok x[0]", "x[0]:running>success y[0]:none>scheduled y[0]:scheduled>queued");
    EXPECT(&w, "clear x[0]", "x[0]:success>none run 1 running ask 2 length of x reply ok n=1");
    EXPECT(&w, "answer 2 len=1",
           "x[1]:success>removed(it is mapped over 1 now) y[1]:running>removed(it is mapped over 1 "
           "now) x[0]:none>scheduled x[0]:scheduled>queued kill y[1]");
    EXPECT(&w, "fail y[1]", "");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "ok x[0]", "x[0]:running>success");
    EXPECT(&w, "start y[0]", "y[0]:queued>running");
    EXPECT(&w, "ok y[0]", "y[0]:running>success run 1 success");
    world_fini(&w);
}

static void shorter_and_done(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0; n <- m map=-1 src=1 mgroup=0; "
                   "o <- n map=-1 src=1 mgroup=0 rule=all_done");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=2",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "mark failed n", "n:none>failed(marked failed) reply ok n=1");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "clear m[1]",
           "m[1]:running>restarting(cleared while running) run 1 running kill m[1] reply ok n=1");
    EXPECT(&w, "killed m[1]", "m[1]:restarting>none ask 2 length of m");
    EXPECT(&w, "answer 2 len=1", "m[1]:none>removed(it is mapped over 1 now) ask 3 length of o");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_group_waits_for_its_rules),
        cmocka_unit_test(a_failure_goes_before_a_skip),
        cmocka_unit_test(mapped_over_those_that_ended_well),
        cmocka_unit_test(a_child_follows_what_it_is_mapped_over),
        cmocka_unit_test(setups_go_by_index),
        cmocka_unit_test(fast_rules_look_at_every_index),
        cmocka_unit_test(fast_rules_look_at_every_setup),
        cmocka_unit_test(as_many_at_once_as_a_run_may),
        cmocka_unit_test(a_removed_one_keeps_its_tries),
        cmocka_unit_test(the_group_goes_on_without_the_one_that_asked),
        cmocka_unit_test(all_of_a_group_hear_of_its_source),
        cmocka_unit_test(a_group_has_one_length),
        cmocka_unit_test(shorter_and_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
