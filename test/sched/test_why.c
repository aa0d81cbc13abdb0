/* sched_why: what users read when a task does not run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "transcript.h"

static struct world w;

static void upstreams_are_named(void **state)
{
    world_init(&w, "load; transform; report <- load,transform; many <- "
                   "load,transform,report,x1,x2,x3,x4; x1; x2; x3; x4");
    world_do(&w, "create 1");
    world_do(&w, "start load");
    EXPECT(&w, "why report", "waits for load (running), transform (queued)\n");
    EXPECT(&w, "why many",
           "waits for load (running), transform (queued), report (none), x1 (queued), x2 (queued) "
           "and 2 more\n");
    EXPECT(&w, "why load", "runs\n");
    EXPECT(&w, "why transform", "is queued: no worker has taken it yet\n");
    world_do(&w, "claim transform");
    EXPECT(&w, "why transform", "a worker has taken it and starts it\n");
    world_do(&w, "fail load exit code 2");
    EXPECT(&w, "why load", "has ended: failed: exit code 2\n");
    world_fini(&w);
}

static void waiting_states(void **state)
{
    world_init(&w, "@d max_active_tasks=4; a retries=3 delay=90; b; c; d; e weight=0; f weight=0");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    EXPECT(&w, "why e", "all 4 slots of max_active_tasks are taken\n");
    EXPECT(
        &w, "why f",
        "all 4 slots of max_active_tasks are taken\n1 of higher or equal priority wait with it\n");
    world_do(&w, "fail a");
    EXPECT(&w, "why a", "next try at 1970-01-01 00:01:30 UTC, in 1m 30s (try 2 of 4)\n");
    world_do(&w, "start b");
    world_do(&w, "resched b 10");
    EXPECT(&w, "why b", "looks again at 1970-01-01 00:00:10 UTC, in 10.0s (try 1 of 1)\n");
    world_do(&w, "start c");
    world_do(&w, "defer c");
    EXPECT(&w, "why c", "is deferred: waits for an event without taking a slot\n");
    world_do(&w, "start d");
    world_do(&w, "clear d");
    EXPECT(&w, "why d", "was cleared while running: it runs again when it has ended\n");
    world_do(&w, "shutdown");
    EXPECT(&w, "why f", "is queued: no worker has taken it yet\n");
    world_fini(&w);
}

static void setups_and_scopes(void **state)
{
    world_init(&w, "s setup; x <- s; y <- x; t <- y,s teardown; u <- s teardown");
    world_do(&w, "create 1");
    EXPECT(&w, "why y", "waits for x (none)\nwaits for the setup s (queued)\n");
    EXPECT(&w, "why t", "waits for s (queued), y (none)\nwaits for its scope: x (none)\n");
    world_fini(&w);
}

static void a_retry_whose_upstream_was_cleared(void **state)
{
    world_init(&w, "a; b <- a retries=1 delay=10");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    world_do(&w, "ok a");
    world_do(&w, "start b");
    world_do(&w, "fail b");
    world_do(&w, "clear a");
    EXPECT(&w, "tick 10", "");
    EXPECT(&w, "why b",
           "its time has come, but an upstream task was cleared\nwaits for a (queued)\n");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success b:up_for_retry>scheduled b:scheduled>queued");
    world_fini(&w);
}

static void unknown_instances(void **state)
{
    struct ti_key k = {7, 0, -1};

    world_init(&w, "a");
    assert_int_equal(sched_why(w.s, &k, 0, &w.out), -ERR_NOTFOUND);
    world_do(&w, "create 7");
    k.map_index = 0;
    assert_int_equal(sched_why(w.s, &k, 0, &w.out), -ERR_NOTFOUND);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upstreams_are_named), cmocka_unit_test(waiting_states),
        cmocka_unit_test(setups_and_scopes),   cmocka_unit_test(a_retry_whose_upstream_was_cleared),
        cmocka_unit_test(unknown_instances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
