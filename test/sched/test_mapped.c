/* Mapped tasks and groups, as transcripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

static void literal_lengths(void **state)
{
    world_init(&w, "m map=2; z <- m");
    EXPECT(&w, "create 1",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued "
           "m[1]:scheduled>queued run 1 running");
    EXPECT(&w, "why z", "waits for m (0 of 2 ended)\n");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "ok m[1]", "m[1]:running>success");
    EXPECT(&w, "restore", "");
    EXPECT(&w, "ok m[0]", "m[0]:running>success z:none>scheduled z:scheduled>queued");
    EXPECT(&w, "start z", "z:queued>running");
    EXPECT(&w, "ok z", "z:running>success run 1 success");
    world_fini(&w);
}

static void asked_lengths(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0; z <- m");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "why m", "its length is being asked for\n");
    EXPECT(&w, "restore", "ask 1 length of m");
    EXPECT(&w, "answer 1 unknown", "");
    EXPECT(&w, "tick 61", "ask 2 length of m");
    EXPECT(&w, "answer 2 len=2",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued "
           "m[1]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "fail m[1]",
           "m[1]:running>failed z:none>upstream_failed run 1 failed(task m "
           "failed)");
    EXPECT(&w, "clear m[1]", "m[1]:failed>none run 1 running ask 3 length of m reply ok n=1");
    world_fini(&w);
}

static void no_length(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0; z <- m; y <- m rule=none_failed");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=0",
           "m:none>skipped(nothing to map over: its length is 0) "
           "z:none>skipped y:none>scheduled y:scheduled>queued");
    world_fini(&w);
}

static void too_long(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0; z <- m");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=1025",
           "m:none>failed(1025 instances, and at most 1024 are allowed: raise "
           "TRADEWIND__CORE__MAX_MAP_LENGTH) z:none>upstream_failed run 1 "
           "failed(task m failed)");
    world_fini(&w);
}

static void error_in_words(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 error cannot map over a: its XCom is text",
           "m:none>failed(cannot map over a: its XCom is text) run 1 "
           "failed(task m failed)");
    world_fini(&w);
}

static void sources_fail_and_skip(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0 rule=all_done; b; n <- b map=-1 src=2 rule=all_done");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued "
           "b:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "fail a", "a:running>failed m:none>upstream_failed");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "skip b", "b:running>skipped n:none>skipped run 1 failed(task a failed)");
    world_fini(&w);
}

static void mapped_over_mapped(void **state)
{
    world_init(&w, "a map=2; m <- a map=-1 src=0; z <- m rule=all_done");
    EXPECT(&w, "create 1",
           "a[0]:none>scheduled a[1]:none>scheduled a[0]:scheduled>queued "
           "a[1]:scheduled>queued run 1 running");
    EXPECT(&w, "start a[0]", "a[0]:queued>running");
    EXPECT(&w, "start a[1]", "a[1]:queued>running");
    EXPECT(&w, "ok a[0]", "a[0]:running>success");
    EXPECT(&w, "ok a[1]", "a[1]:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=3",
           "m[0]:none>scheduled m[1]:none>scheduled m[2]:none>scheduled "
           "m[0]:scheduled>queued m[1]:scheduled>queued m[2]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "start m[2]", "m[2]:queued>running");
    EXPECT(&w, "fail m[0]", "m[0]:running>failed");
    EXPECT(&w, "ok m[1]", "m[1]:running>success");
    EXPECT(&w, "ok m[2]", "m[2]:running>success z:none>scheduled z:scheduled>queued");
    world_fini(&w);
}

static void groups_go_by_index(void **state)
{
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0; z <- y");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of x");
    EXPECT(&w, "answer 1 len=2",
           "x[0]:none>scheduled x[1]:none>scheduled x[0]:scheduled>queued "
           "x[1]:scheduled>queued");
    EXPECT(&w, "start x[1]", "x[1]:queued>running");
    EXPECT(&w, "ok x[1]", "x[1]:running>success y[1]:none>scheduled y[1]:scheduled>queued");
    EXPECT(&w, "start y[1]", "y[1]:queued>running");
    EXPECT(&w, "restore", "dispatch x[0]");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "fail x[0]", "x[0]:running>failed y[0]:none>upstream_failed z:none>upstream_failed");
    EXPECT(&w, "ok y[1]", "y[1]:running>success run 1 failed(task x failed)");
    world_fini(&w);
}

/* A rule that one upstream meets looks at all of them, whatever their index: so does Airflow. */
static void one_of_all_indices(void **state)
{
    world_init(&w, "x map=2 mgroup=0; y <- x map=2 mgroup=0 rule=one_failed; v <- x map=2 mgroup=0 "
                   "rule=one_success; u <- x map=2 mgroup=0 rule=all_done");
    EXPECT(&w, "create 1",
           "x[0]:none>scheduled x[1]:none>scheduled x[0]:scheduled>queued x[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "start x[1]", "x[1]:queued>running");
    EXPECT(&w, "fail x[1]",
           "x[1]:running>failed y[0]:none>scheduled y[1]:none>scheduled u[1]:none>scheduled "
           "y[0]:scheduled>queued y[1]:scheduled>queued u[1]:scheduled>queued");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "ok x[0]",
           "x[0]:running>success v[0]:none>scheduled v[1]:none>scheduled u[0]:none>scheduled "
           "v[0]:scheduled>queued v[1]:scheduled>queued u[0]:scheduled>queued");
    world_fini(&w);
}

static void retries_and_marks(void **state)
{
    world_init(&w, "m map=2 retries=1 delay=10; z <- m");
    EXPECT(&w, "create 1",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued "
           "m[1]:scheduled>queued run 1 running");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "fail m[0]", "m[0]:running>up_for_retry");
    EXPECT(&w, "tick 10", "m[0]:up_for_retry>scheduled m[0]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "mark failed m[1]",
           "m[1]:queued>failed(marked failed) z:none>upstream_failed reply ok n=1");
    EXPECT(&w, "clear m[1]",
           "m[1]:failed>none m[1]:none>scheduled m[1]:scheduled>queued run 1 "
           "running reply ok n=1");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "ok m[1]", "m[1]:running>success");
    EXPECT(&w, "ok m[0]", "m[0]:running>success run 1 failed(a leaf is upstream_failed)");
    EXPECT(&w, "clear m",
           "m[0]:success>none m[1]:success>none m[0]:none>scheduled "
           "m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued "
           "run 1 running reply ok n=2");
    EXPECT(&w, "mark success m",
           "m[0]:queued>success(marked success) m[1]:queued>success(marked "
           "success) run 1 failed(a leaf is upstream_failed) reply ok n=2");
    EXPECT(&w, "stop", "reply CONFLICT n=0");
    world_fini(&w);
}

static void branches(void **state)
{
    world_init(&w, "b map=2 mgroup=0; x <- b map=2 mgroup=0; y <- b map=2 mgroup=0; z <- x,y "
                   "rule=none_failed");
    EXPECT(&w, "create 1",
           "b[0]:none>scheduled b[1]:none>scheduled b[0]:scheduled>queued "
           "b[1]:scheduled>queued run 1 running");
    EXPECT(&w, "start b[0]", "b[0]:queued>running");
    EXPECT(&w, "ok b[0] skip=x",
           "b[0]:running>success x[0]:none>skipped(left out by b) "
           "y[0]:none>scheduled y[0]:scheduled>queued");
    EXPECT(&w, "start b[1]", "b[1]:queued>running");
    EXPECT(&w, "ok b[1] skip=y",
           "b[1]:running>success y[1]:none>skipped(left out by b) "
           "x[1]:none>scheduled x[1]:scheduled>queued");
    EXPECT(&w, "start y[0]", "y[0]:queued>running");
    EXPECT(&w, "start x[1]", "x[1]:queued>running");
    EXPECT(&w, "ok y[0]", "y[0]:running>success");
    EXPECT(&w, "ok x[1]", "x[1]:running>success z:none>scheduled z:scheduled>queued");
    world_fini(&w);
}

static void shrinks_and_grows(void **state)
{
    world_init(&w, "a; m <- a map=-1 src=0; z <- m");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=3",
           "m[0]:none>scheduled m[1]:none>scheduled m[2]:none>scheduled "
           "m[0]:scheduled>queued m[1]:scheduled>queued m[2]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "start m[2]", "m[2]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "ok m[1]", "m[1]:running>success");
    EXPECT(&w, "ok m[2]", "m[2]:running>success z:none>scheduled z:scheduled>queued");
    EXPECT(&w, "clear a,m,z",
           "a:success>none m[0]:success>none m[1]:success>none "
           "m[2]:success>none z:queued>none a:none>scheduled "
           "a:scheduled>queued run 1 running reply ok n=5");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 2 length of m");
    EXPECT(&w, "answer 2 len=2",
           "m[2]:none>removed(it is mapped over 2 now) m[0]:none>scheduled "
           "m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "ok m[1]", "m[1]:running>success z:none>scheduled z:scheduled>queued");
    EXPECT(&w, "start z", "z:queued>running");
    EXPECT(&w, "ok z", "z:running>success run 1 success");
    EXPECT(&w, "clear a,m,z",
           "a:success>none m[0]:success>none m[1]:success>none z:success>none "
           "a:none>scheduled a:scheduled>queued run 1 running reply ok n=4");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 3 length of m");
    EXPECT(&w, "answer 3 len=4",
           "m[2]:removed>none m[0]:none>scheduled m[1]:none>scheduled "
           "m[2]:none>scheduled m[3]:none>scheduled m[0]:scheduled>queued "
           "m[1]:scheduled>queued m[2]:scheduled>queued m[3]:scheduled>queued");
    world_fini(&w);
}

static void limits_count_children(void **state)
{
    world_init(&w, "@d max_active_tasks=2; m map=3; z");
    EXPECT(&w, "create 1",
           "m[0]:none>scheduled m[1]:none>scheduled m[2]:none>scheduled "
           "z:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued run 1 "
           "running");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success m[2]:scheduled>queued");
    EXPECT(&w, "why m", "is mapped, 3 instances: 2 queued 1 success\n");
    world_fini(&w);
}

static void setups_count_children(void **state)
{
    world_init(&w, "s setup map=2; w <- s; t teardown <- s,w");
    EXPECT(&w, "create 1",
           "s[0]:none>scheduled s[1]:none>scheduled s[0]:scheduled>queued "
           "s[1]:scheduled>queued run 1 running");
    EXPECT(&w, "start s[0]", "s[0]:queued>running");
    EXPECT(&w, "ok s[0]", "s[0]:running>success");
    EXPECT(&w, "start s[1]", "s[1]:queued>running");
    EXPECT(&w, "ok s[1]", "s[1]:running>success w:none>scheduled w:scheduled>queued");
    EXPECT(&w, "start w", "w:queued>running");
    EXPECT(&w, "ok w", "w:running>success t:none>scheduled t:scheduled>queued");
    EXPECT(&w, "start t", "t:queued>running");
    EXPECT(&w, "ok t", "t:running>success run 1 success");
    world_fini(&w);
}

static void past_sees_all(void **state)
{
    world_init(&w, "m map=2 past");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "answer 1 none",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued "
           "m[1]:scheduled>queued");
    EXPECT(&w, "create 2", "run 2 running ask 2 previous of 2");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "start m[1]", "m[1]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "answer 2 run=1", "");
    EXPECT(&w, "ok m[1]",
           "m[1]:running>success m[0]@2:none>scheduled m[1]@2:none>scheduled "
           "m[0]@2:scheduled>queued m[1]@2:scheduled>queued run 1 success");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_lengths),
        cmocka_unit_test(asked_lengths),
        cmocka_unit_test(no_length),
        cmocka_unit_test(too_long),
        cmocka_unit_test(error_in_words),
        cmocka_unit_test(sources_fail_and_skip),
        cmocka_unit_test(mapped_over_mapped),
        cmocka_unit_test(groups_go_by_index),
        cmocka_unit_test(one_of_all_indices),
        cmocka_unit_test(retries_and_marks),
        cmocka_unit_test(branches),
        cmocka_unit_test(shrinks_and_grows),
        cmocka_unit_test(limits_count_children),
        cmocka_unit_test(setups_count_children),
        cmocka_unit_test(past_sees_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
