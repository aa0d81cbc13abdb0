/* Mapped tasks whose length changes when they are cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

static struct world w;

/* m is mapped over a: three instances, the first has ended well, the last runs. */
static void three(const char *spec)
{
    world_init(&w, spec);
    world_do(&w, "create 1");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    world_do(&w, "answer 1 len=3");
    world_do(&w, "start m[0]");
    world_do(&w, "start m[2]");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
}

/* The core dies after the clear: the length is asked for all the same. */
static void asked_after_a_restart(void **state)
{
    three("a; m <- a map=-1 src=0; z <- m");
    EXPECT(&w, "clear a,m[0]",
           "a:success>none m[0]:success>none a:none>scheduled a:scheduled>queued run 1 running "
           "reply ok n=2");
    EXPECT(&w, "restore", "dispatch a dispatch m[1]");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "restore", "dispatch m[1] ask 1 length of m");
    EXPECT(&w, "answer 1 len=4",
           "m[0]:none>scheduled m[3]:none>scheduled m[0]:scheduled>queued m[3]:scheduled>queued");
    EXPECT(&w, "restore", "dispatch m[0] dispatch m[1] dispatch m[3]");
    EXPECT(&w, "why m", "is mapped, 4 instances: 3 queued 1 running\n");
    world_fini(&w);
}

/* What lives of those that are too many is killed, and counts no more. */
static void removed_while_it_runs(void **state)
{
    three("a; m <- a map=-1 src=0; z <- m");
    world_do(&w, "clear a,m[0]");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 2 length of m");
    EXPECT(&w, "answer 2 len=1",
           "m[1]:queued>removed(it is mapped over 1 now) m[2]:running>removed(it is mapped over 1 "
           "now) m[0]:none>scheduled m[0]:scheduled>queued kill m[2]");
    EXPECT(&w, "restore", "dispatch m[0] kill m[2]");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success z:none>scheduled z:scheduled>queued");
    EXPECT(&w, "start z", "z:queued>running");
    EXPECT(&w, "ok z", "z:running>success run 1 success");
    EXPECT(&w, "forget 1", "CONFLICT"); /* its process is not known to have ended */
    EXPECT(&w, "ok m[2]", "");
    EXPECT(&w, "why m[2]", "has ended: removed: it is mapped over 1 now\n");
    EXPECT(&w, "forget 1", "forgotten");
    world_fini(&w);
}

/* It is wanted again before it has ended: then it runs anew when it has. */
static void wanted_again(void **state)
{
    three("a; m <- a map=-1 src=0; z <- m");
    world_do(&w, "clear a,m[0]");
    world_do(&w, "start a");
    world_do(&w, "ok a");
    world_do(&w, "answer 2 len=1");
    world_do(&w, "clear a,m");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 3 length of m");
    EXPECT(&w, "answer 3 len=3",
           "m[1]:removed>none m[2]:removed>restarting m[0]:none>scheduled m[1]:none>scheduled "
           "m[0]:scheduled>queued m[1]:scheduled>queued");
    EXPECT(&w, "restore", "dispatch m[0] dispatch m[1] kill m[2]");
    EXPECT(&w, "killed m[2]", "m[2]:restarting>none m[2]:none>scheduled m[2]:scheduled>queued");
    for (int i = 0; i < 3; i++) {
        static const char *const commands[] = {"start m[0]", "ok m[0]",    "start m[1]",
                                               "ok m[1]",    "start m[2]", "ok m[2]"};

        world_do(&w, commands[2 * i]);
        world_do(&w, commands[2 * i + 1]);
    }
    EXPECT(&w, "why z", "is queued: no worker has taken it yet\n");
    world_fini(&w);
}

/* All of a mapped group, whatever the order of its tasks; to nothing, and back. */
static void groups_shrink_together(void **state)
{
    world_init(&w, "a; y <- x map=-1 src=0 mgroup=0; x <- a map=-1 src=0 mgroup=0; z <- y "
                   "rule=none_failed");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of y");
    EXPECT(&w, "answer 1 len=3",
           "x[0]:none>scheduled x[1]:none>scheduled x[2]:none>scheduled x[0]:scheduled>queued "
           "x[1]:scheduled>queued x[2]:scheduled>queued");
    world_do(&w, "start x[2]");
    EXPECT(&w, "ok x[2]", "x[2]:running>success y[2]:none>scheduled y[2]:scheduled>queued");
    world_do(&w, "start y[2]");
    world_do(&w, "start x[1]");
    EXPECT(&w, "ok x[1]", "x[1]:running>success y[1]:none>scheduled y[1]:scheduled>queued");
    world_do(&w, "start x[0]");
    world_do(&w, "ok x[0]");
    world_do(&w, "clear a,x[0]");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 2 length of x");
    EXPECT(&w, "restore", "dispatch y[0] dispatch y[1] ask 1 length of x");
    EXPECT(&w, "answer 1 len=2",
           "y[2]:running>removed(it is mapped over 2 now) x[2]:success>removed(it is mapped over 2 "
           "now) x[0]:none>scheduled x[0]:scheduled>queued kill y[2]");
    world_do(&w, "start x[0]");
    world_do(&w, "ok x[0]");
    world_do(&w, "clear a,x,y");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success ask 2 length of x");
    EXPECT(&w, "answer 2 len=0",
           "y[0]:none>removed(it is mapped over 0 now) y[1]:none>removed(it is mapped over 0 now) "
           "x[0]:none>removed(it is mapped over 0 now) x[1]:none>removed(it is mapped over 0 now) "
           "x:none>skipped(nothing to map over: its length is 0) y:none>skipped z:none>scheduled "
           "z:scheduled>queued");
    EXPECT(&w, "restore", "dispatch z kill y[2]");
    world_do(&w, "clear a,x,y,z");
    EXPECT(&w, "killed y[2]", "");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of y");
    EXPECT(&w, "answer 1 len=3",
           "y[0]:removed>none y[1]:removed>none y[2]:removed>none x[0]:removed>none "
           "x[1]:removed>none x[2]:removed>none x[0]:none>scheduled x[1]:none>scheduled "
           "x[2]:none>scheduled x[0]:scheduled>queued x[1]:scheduled>queued "
           "x[2]:scheduled>queued");
    world_do(&w, "start x[1]");
    EXPECT(&w, "ok x[1]", "x[1]:running>success y[1]:none>scheduled y[1]:scheduled>queued");
    world_fini(&w);
}

/* A task within a group waits for what the group is mapped over, though it is not downstream of it. */
static void cleared_within_a_group(void **state)
{
    world_init(&w, "a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0 rule=all_done");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    EXPECT(&w, "fail a",
           "a:running>failed x:none>upstream_failed y:none>upstream_failed run 1 failed(task a "
           "failed)");
    EXPECT(&w, "clear a,y",
           "a:failed>none y:upstream_failed>none a:none>scheduled a:scheduled>queued run 1 running "
           "reply ok n=2");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success ask 1 length of y");
    EXPECT(&w, "answer 1 len=2",
           "y[0]:none>scheduled y[1]:none>scheduled y[0]:scheduled>queued y[1]:scheduled>queued");
    EXPECT(&w, "clear x", "x:upstream_failed>none run 1 running ask 2 length of x reply ok n=1");
    EXPECT(&w, "answer 2 len=3",
           "x[0]:none>scheduled x[1]:none>scheduled x[2]:none>scheduled x[0]:scheduled>queued "
           "x[1]:scheduled>queued x[2]:scheduled>queued");
    EXPECT(&w, "start x[2]", "x[2]:queued>running");
    EXPECT(&w, "ok x[2]", "x[2]:running>success y[2]:none>scheduled y[2]:scheduled>queued");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asked_after_a_restart),  cmocka_unit_test(removed_while_it_runs),
        cmocka_unit_test(wanted_again),           cmocka_unit_test(groups_shrink_together),
        cmocka_unit_test(cleared_within_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
