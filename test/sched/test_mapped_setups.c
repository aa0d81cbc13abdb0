/* Setups, teardowns and the rule `always` in mapped groups: each index by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

/* v waits for the setup of its index indirectly; t's scope is the w of its index. */
#define GROUP                                                                              \
    "s setup map=2 mgroup=0; w <- s map=2 mgroup=0; v <- w map=2 mgroup=0 rule=all_done; " \
    "t teardown <- s,v map=2 mgroup=0"

static void begin(const char *spec)
{
    world_init(&w, spec);
    EXPECT(&w, "create 1",
           "s[0]:none>scheduled s[1]:none>scheduled s[0]:scheduled>queued s[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "start s[0]", "s[0]:queued>running");
    EXPECT(&w, "start s[1]", "s[1]:queued>running");
}

static void runs(const char *task, const char *expected)
{
    char text[64];

    snprintf(text, sizeof text, "start %s", task);
    world_do(&w, text);
    snprintf(text, sizeof text, "ok %s", task);
    EXPECT(&w, text, expected);
}

static void each_index_by_itself(void **state)
{
    begin(GROUP);
    EXPECT(&w, "ok s[1]", "s[1]:running>success w[1]:none>scheduled w[1]:scheduled>queued");
    runs("w[1]", "w[1]:running>success v[1]:none>scheduled v[1]:scheduled>queued");
    EXPECT(&w, "restore", "dispatch v[1]");
    runs("v[1]", "v[1]:running>success t[1]:none>scheduled t[1]:scheduled>queued");
    runs("t[1]", "t[1]:running>success");
    EXPECT(&w, "why t[0]",
           "waits for s (1 of 2 ended), v (1 of 2 ended)\n"
           "waits for its scope: w (1 of 2 ended)\n");
    EXPECT(&w, "ok s[0]", "s[0]:running>success w[0]:none>scheduled w[0]:scheduled>queued");
    runs("w[0]", "w[0]:running>success v[0]:none>scheduled v[0]:scheduled>queued");
    runs("v[0]", "v[0]:running>success t[0]:none>scheduled t[0]:scheduled>queued");
    runs("t[0]", "t[0]:running>success run 1 success");
    world_fini(&w);
}

/* There is nothing to tear down, and of the other index everything is as ever. */
static void a_setup_fails(void **state)
{
    begin(GROUP);
    EXPECT(&w, "fail s[0]",
           "s[0]:running>failed w[0]:none>upstream_failed v[0]:none>upstream_failed "
           "t[0]:none>upstream_failed");
    EXPECT(&w, "restore", "");
    EXPECT(&w, "ok s[1]", "s[1]:running>success w[1]:none>scheduled w[1]:scheduled>queued");
    runs("w[1]", "w[1]:running>success v[1]:none>scheduled v[1]:scheduled>queued");
    runs("v[1]", "v[1]:running>success t[1]:none>scheduled t[1]:scheduled>queued");
    runs("t[1]", "t[1]:running>success run 1 failed(task s failed)");
    world_fini(&w);
}

static void a_setup_is_skipped(void **state)
{
    begin(GROUP);
    EXPECT(&w, "skip s[1]",
           "s[1]:running>skipped w[1]:none>skipped v[1]:none>skipped t[1]:none>skipped");
    EXPECT(&w, "ok s[0]", "s[0]:running>success w[0]:none>scheduled w[0]:scheduled>queued");
    world_fini(&w);
}

/* The teardown runs all the same, and only that of its index. */
static void work_fails(void **state)
{
    begin(
        "s setup map=2 mgroup=0; w <- s map=2 mgroup=0; t teardown <- s,w map=2 mgroup=0; z <- w");
    EXPECT(&w, "ok s[0]", "s[0]:running>success w[0]:none>scheduled w[0]:scheduled>queued");
    EXPECT(&w, "ok s[1]", "s[1]:running>success w[1]:none>scheduled w[1]:scheduled>queued");
    EXPECT(&w, "start w[0]", "w[0]:queued>running");
    EXPECT(&w, "fail w[0]",
           "w[0]:running>failed t[0]:none>scheduled z:none>upstream_failed t[0]:scheduled>queued");
    runs("t[0]", "t[0]:running>success");
    EXPECT(&w, "restore", "dispatch w[1]");
    runs("w[1]", "w[1]:running>success t[1]:none>scheduled t[1]:scheduled>queued");
    runs("t[1]", "t[1]:running>success run 1 failed(task w failed)");
    world_fini(&w);
}

/* Its work again, with its setup and teardown; the other index is left alone. */
static void one_index_is_cleared(void **state)
{
    begin(GROUP);
    for (int i = 0; i < 2; i++) {
        static const char *const commands[2][7] = {
            {"ok s[0]", "start w[0]", "ok w[0]", "start v[0]", "ok v[0]", "start t[0]", "ok t[0]"},
            {"ok s[1]", "start w[1]", "fail w[1]", "start v[1]", "ok v[1]", "start t[1]",
             "ok t[1]"}};

        for (int k = 0; k < 7; k++) {
            world_do(&w, commands[i][k]);
        }
    }
    EXPECT(&w, "clear s[1],w[1],v[1],t[1]",
           "s[1]:success>none w[1]:failed>none v[1]:success>none t[1]:success>none "
           "s[1]:none>scheduled s[1]:scheduled>queued run 1 running reply ok n=4");
    EXPECT(&w, "restore", "dispatch s[1]");
    runs("s[1]", "s[1]:running>success w[1]:none>scheduled w[1]:scheduled>queued");
    EXPECT(&w, "start w[1]", "w[1]:queued>running");
    EXPECT(&w, "ok w[1]", "w[1]:running>success v[1]:none>scheduled v[1]:scheduled>queued");
    runs("v[1]", "v[1]:running>success t[1]:none>scheduled t[1]:scheduled>queued");
    runs("t[1]", "t[1]:running>success run 1 success");
    world_fini(&w);
}

/* A setup outside of the group is that of all indices; one within, with its teardown outside, ends with all of them. */
static void half_outside(void **state)
{
    world_init(&w, "s setup; w <- s map=2 mgroup=0; v <- w map=2 mgroup=0; t teardown <- s,v; "
                   "i setup map=2 mgroup=1; j <- i map=2 mgroup=1; u teardown <- i,j");
    EXPECT(&w, "create 1",
           "s:none>scheduled i[0]:none>scheduled i[1]:none>scheduled s:scheduled>queued "
           "i[0]:scheduled>queued i[1]:scheduled>queued run 1 running");
    runs("s", "s:running>success w[0]:none>scheduled w[1]:none>scheduled w[0]:scheduled>queued "
              "w[1]:scheduled>queued");
    runs("w[0]", "w[0]:running>success v[0]:none>scheduled v[0]:scheduled>queued");
    runs("v[0]", "v[0]:running>success");
    runs("w[1]", "w[1]:running>success v[1]:none>scheduled v[1]:scheduled>queued");
    runs("v[1]", "v[1]:running>success t:none>scheduled t:scheduled>queued");
    runs("i[1]", "i[1]:running>success j[1]:none>scheduled j[1]:scheduled>queued");
    runs("j[1]", "j[1]:running>success");
    EXPECT(&w, "start i[0]", "i[0]:queued>running");
    EXPECT(&w, "fail i[0]",
           "i[0]:running>failed j[0]:none>upstream_failed u:none>scheduled u:scheduled>queued");
    world_fini(&w);
}

/* A run that is stopped tears down what was set up, by index. */
static void stopped(void **state)
{
    begin("s setup map=2 mgroup=0; w <- s map=2 mgroup=0; t teardown <- s,w map=2 mgroup=0");
    EXPECT(&w, "ok s[0]", "s[0]:running>success w[0]:none>scheduled w[0]:scheduled>queued");
    EXPECT(&w, "stop",
           "w[0]:queued>skipped(stopped) w[1]:none>skipped(stopped) t[0]:none>scheduled "
           "t[0]:scheduled>queued run 1 running(stopped) kill s[1] reply ok n=3");
    EXPECT(&w, "restore", "dispatch t[0] kill s[1]");
    EXPECT(&w, "killed s[1]", "s[1]:running>skipped(stopped) t[1]:none>skipped");
    runs("t[0]", "t[0]:running>success run 1 failed(stopped)");
    world_fini(&w);
}

/* It waits for its length and for nothing else. */
static void the_rule_always(void **state)
{
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0 rule=always");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of x");
    EXPECT(&w, "answer 1 len=2",
           "x[0]:none>scheduled x[1]:none>scheduled y[0]:none>scheduled y[1]:none>scheduled "
           "x[0]:scheduled>queued x[1]:scheduled>queued y[0]:scheduled>queued "
           "y[1]:scheduled>queued");
    world_fini(&w);
}

/* It was asked for, and becomes shorter and longer again: setups and scopes are counted as if it had always been so. */
static void lengths_change(void **state)
{
    world_init(&w, "a; s setup <- a map=-1 src=0 mgroup=0; w <- s map=-1 src=0 mgroup=0; "
                   "v <- w map=-1 src=0 mgroup=0; t teardown <- s,v map=-1 src=0 mgroup=0");
    world_do(&w, "create 1");
    for (int32_t round = 0; round < 3; round++) {
        static const char *const answers[] = {"answer 1 len=3", "answer 1 len=1", "answer 1 len=2"};
        static const int lens[] = {3, 1, 2};

        world_do(&w, "start a");
        EXPECT(&w, "ok a",
               round == 0 ? "a:running>success ask 1 length of s"
                          : "a:running>success ask 1 length of s");
        world_do(&w, answers[round]);
        for (int i = 0; i < lens[round]; i++) {
            static const char *const tasks[] = {"s", "w", "v", "t"};

            for (int k = 0; k < 4; k++) {
                char text[32];

                snprintf(text, sizeof text, "start %s[%d]", tasks[k], i);
                world_do(&w, text);
                snprintf(text, sizeof text, "ok %s[%d]", tasks[k], i);
                world_do(&w, text);
            }
        }
        assert_int_equal(w.runs[0].state, RUN_SUCCESS);
        world_do(&w, "clear a,s,w,v,t");
        world_do(&w, "restore");
    }
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_index_by_itself),
        cmocka_unit_test(a_setup_fails),
        cmocka_unit_test(a_setup_is_skipped),
        cmocka_unit_test(work_fails),
        cmocka_unit_test(one_index_is_cleared),
        cmocka_unit_test(half_outside),
        cmocka_unit_test(stopped),
        cmocka_unit_test(the_rule_always),
        cmocka_unit_test(lengths_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
