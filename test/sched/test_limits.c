/* Limits, priorities, parking and waking, big ones in pools, grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "transcript.h"

static struct world w;

static void priority_order(void **state)
{
    world_init(&w, "@d max_active_tasks=1; low weight=1; high weight=9; mid weight=5");
    EXPECT(&w, "create 1",
           "low:none>scheduled high:none>scheduled mid:none>scheduled high:scheduled>queued run 1 "
           "running");
    EXPECT(&w, "start high", "high:queued>running");
    EXPECT(&w, "ok high", "high:running>success mid:scheduled>queued");
    EXPECT(&w, "start mid", "mid:queued>running");
    EXPECT(&w, "ok mid", "mid:running>success low:scheduled>queued");
    world_fini(&w);
}

static void earlier_run_first(void **state)
{
    /* Two runs, one slot of parallelism: equal weights go by logical date, then by run, then by
     * task. */
    world_init(&w, "a; b");
    EXPECT(&w, "full", "");
    EXPECT(&w, "create 1 at=20", "a:none>scheduled b:none>scheduled run 1 running");
    EXPECT(&w, "create 2 at=10", "a@2:none>scheduled b@2:none>scheduled run 2 running");
    EXPECT(&w, "parallelism 1", "");
    EXPECT(&w, "notfull", "a@2:scheduled>queued");
    EXPECT(&w, "start a@2", "a@2:queued>running");
    EXPECT(&w, "ok a@2", "a@2:running>success b@2:scheduled>queued");
    EXPECT(&w, "start b@2", "b@2:queued>running");
    EXPECT(&w, "ok b@2", "b@2:running>success a:scheduled>queued run 2 success");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:scheduled>queued");
    world_fini(&w);
}

static void parallelism_over_dags(void **state)
{
    world_init(&w, "a; b");
    world_dag(&w, "@e; c weight=5");
    EXPECT(&w, "parallelism 2", "");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "create 2 dag=2", "c@2:none>scheduled run 2 running");
    EXPECT(&w, "why c@2", "all 2 slots of parallelism are taken\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success c@2:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success run 1 success");
    world_fini(&w);
}

static void a_full_pool_blocks_nobody_else(void **state)
{
    world_init(&w, "a pool=p weight=9; b pool=p weight=8; c; d");
    EXPECT(&w, "pool p 1", "");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled d:none>scheduled a:scheduled>queued "
           "c:scheduled>queued d:scheduled>queued run 1 running");
    EXPECT(&w, "why b", "1 of 1 slots of the pool p are taken, and it needs 1\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:scheduled>queued");
    world_fini(&w);
}

/* What runs in it goes on; the others wait until it comes again. */
static void a_deleted_pool(void **state)
{
    world_init(&w, "a pool=p; b pool=p");
    EXPECT(&w, "pool p 1", "");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "pool p gone", "");
    EXPECT(&w, "why b", "the pool p does not exist\n");
    EXPECT(&w, "restore", "");
    EXPECT(&w, "ok a", "a:running>success");
    EXPECT(&w, "why b", "the pool p does not exist\n");
    EXPECT(&w, "pool p 2", "b:scheduled>queued");
    world_fini(&w);
}

static void an_unknown_pool_waits(void **state)
{
    world_init(&w, "a pool=nowhere; b");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled b:scheduled>queued run 1 running");
    EXPECT(&w, "why a", "the pool nowhere does not exist\n");
    EXPECT(&w, "pool nowhere 1", "a:scheduled>queued");
    world_fini(&w);
}

static void pool_slots_add_up(void **state)
{
    world_init(&w, "a pool=p slots=2; b pool=p slots=2; c pool=p slots=1");
    EXPECT(&w, "pool p 4", "");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled a:scheduled>queued "
           "b:scheduled>queued run 1 running");
    EXPECT(&w, "why c", "4 of 4 slots of the pool p are taken, and it needs 1\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success c:scheduled>queued");
    world_fini(&w);
}

static void more_than_the_pool_has(void **state)
{
    /* It never fits, and keeps nobody from going on. */
    world_init(&w, "a pool=p slots=5 weight=9; b pool=p");
    EXPECT(&w, "pool p 2", "");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled b:scheduled>queued run 1 running");
    EXPECT(&w, "why a", "needs 5 slots, and the pool p has only 2\n");
    EXPECT(&w, "pool p 5", "");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success a:scheduled>queued");
    world_fini(&w);
}

static void max_active_tasks_per_run(void **state)
{
    world_init(&w, "@d max_active_tasks=2; a; b; c");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled a:scheduled>queued "
           "b:scheduled>queued run 1 running");
    EXPECT(&w, "create 2",
           "a@2:none>scheduled b@2:none>scheduled c@2:none>scheduled a@2:scheduled>queued "
           "b@2:scheduled>queued run 2 running");
    EXPECT(&w, "why c", "all 2 slots of max_active_tasks are taken\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success c:scheduled>queued");
    world_fini(&w);
}

static void per_dag_cap_over_runs(void **state)
{
    world_init(&w, "a per_dag=1; b");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled a:scheduled>queued b:scheduled>queued run 1 running");
    EXPECT(&w, "create 2",
           "a@2:none>scheduled b@2:none>scheduled b@2:scheduled>queued run 2 running");
    EXPECT(&w, "create 3",
           "a@3:none>scheduled b@3:none>scheduled b@3:scheduled>queued run 3 running");
    EXPECT(&w, "why a@2", "1 of it run in all runs, as many as max_active_tis_per_dag allows\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success a@2:scheduled>queued");
    EXPECT(&w, "start a@2", "a@2:queued>running");
    EXPECT(&w, "fail a@2", "a@2:running>failed a@3:scheduled>queued");
    world_fini(&w);
}

static void per_run_cap_holds_by_itself(void **state)
{
    /* A task that is not mapped has one instance in a run. */
    world_init(&w, "a per_run=1");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "create 2", "a@2:none>scheduled a@2:scheduled>queued run 2 running");
    world_fini(&w);
}

static void max_active_runs(void **state)
{
    world_init(&w, "@d max_active_runs=1; a");
    EXPECT(&w, "create 1 at=5", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "create 2 at=9", "run 2 queued");
    EXPECT(&w, "create 3 at=7", "run 3 queued");
    /* backfills are counted apart */
    EXPECT(&w, "create 4 backfill=8", "a@4:none>scheduled a@4:scheduled>queued run 4 running");
    EXPECT(&w, "why a@2", "the run is queued: all 1 of max_active_runs are running\n");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a",
           "a:running>success a@3:none>scheduled a@3:scheduled>queued run 1 success run 3 running");
    EXPECT(&w, "start a@3", "a@3:queued>running");
    EXPECT(
        &w, "ok a@3",
        "a@3:running>success a@2:none>scheduled a@2:scheduled>queued run 3 success run 2 running");
    world_fini(&w);
}

static void paused(void **state)
{
    world_init(&w, "a; b <- a");
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "pause 1", "");
    EXPECT(&w, "create 2", "run 2 queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:none>scheduled");
    EXPECT(&w, "why b", "the DAG is paused\n");
    EXPECT(&w, "why a@2", "the run is queued and the DAG is paused\n");
    EXPECT(&w, "unpause 1",
           "a@2:none>scheduled a@2:scheduled>queued b:scheduled>queued run 2 running");
    world_fini(&w);
}

static void full_store_and_shutdown(void **state)
{
    world_init(&w, "a; b; c");
    EXPECT(&w, "full", "");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled c:none>scheduled run 1 running");
    EXPECT(&w, "why a",
           "the store takes nothing new now (full or out of reach)\nis about to be queued\n");
    EXPECT(&w, "notfull", "a:scheduled>queued b:scheduled>queued c:scheduled>queued");
    EXPECT(&w, "shutdown", "");
    EXPECT(&w, "create 2", "run 2 queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success");
    world_fini(&w);
}

static void grants(void **state)
{
    world_init(&w, "a pool=p slots=2; b pool=p slots=2; c pool=p");
    EXPECT(&w, "pool p 10 0", "");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled run 1 running want p 5");
    EXPECT(&w, "why a", "waits for slots of the pool p from the other schedulers\n");
    EXPECT(&w, "pool p 10 3", "a:scheduled>queued c:scheduled>queued");
    EXPECT(&w, "tick 1", "want p 2");
    EXPECT(&w, "pool p 10 5", "b:scheduled>queued");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success want p -2");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success want p -2");
    EXPECT(&w, "start c", "c:queued>running");
    EXPECT(&w, "ok c", "c:running>success run 1 success want p -1");
    world_fini(&w);
}

static void grants_of_parallelism(void **state)
{
    world_init(&w, "a; b");
    EXPECT(&w, "parallelism 8 0", "");
    EXPECT(&w, "create 1", "a:none>scheduled b:none>scheduled run 1 running want parallelism 2");
    EXPECT(&w, "parallelism 8 1", "a:scheduled>queued");
    EXPECT(&w, "tick 1", "want parallelism 1");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success b:scheduled>queued");
    EXPECT(&w, "start b", "b:queued>running");
    EXPECT(&w, "ok b", "b:running>success run 1 success want parallelism -1");
    world_fini(&w);
}

static void skipped_while_it_waits(void **state)
{
    world_init(&w, "@d max_active_tasks=1; a weight=9; b weight=5; c");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "mark skipped b", "b:scheduled>skipped(marked skipped) reply ok n=1");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success c:scheduled>queued");
    world_fini(&w);
}

static void stop_while_parked(void **state)
{
    world_init(&w, "a pool=p; b pool=p; c pool=p");
    EXPECT(&w, "pool p 1", "");
    EXPECT(&w, "create 1",
           "a:none>scheduled b:none>scheduled c:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "create 2",
           "a@2:none>scheduled b@2:none>scheduled c@2:none>scheduled run 2 running");
    EXPECT(&w, "stop @1",
           "a:queued>skipped(stopped) b:scheduled>skipped(stopped) c:scheduled>skipped(stopped) "
           "a@2:scheduled>queued run 1 failed(stopped) reply ok n=3");
    EXPECT(&w, "start a@2", "a@2:queued>running");
    EXPECT(&w, "ok a@2", "a@2:running>success b@2:scheduled>queued");
    world_fini(&w);
}

/* Small ones may pass a big one, but only so many: then the pool drains for it. */
static void a_big_one_does_not_starve(void **state)
{
    static char spec[4096];
    size_t n = (size_t)snprintf(spec, sizeof spec, "a; big <- a pool=p slots=2 weight=9");
    const char *account = "";
    int passed = 0, running[2] = {0, 1};

    for (int i = 0; i < 60; i++) {
        n += (size_t)snprintf(spec + n, sizeof spec - n, "; s%d pool=p", i);
    }
    world_init(&w, spec);
    world_do(&w, "parallelism -1");
    world_do(&w, "pool p 2");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    EXPECT(&w, "ok a", "a:running>success big:none>scheduled");
    for (int i = 2; strstr(account, "big:scheduled>queued") == NULL; i++) {
        char command[32];

        assert_true(i < 60);
        snprintf(command, sizeof command, "start s%d", running[i % 2]);
        world_do(&w, command);
        snprintf(command, sizeof command, "ok s%d", running[i % 2]);
        account = world_do(&w, command);
        if (strstr(account, "s") != NULL && strstr(account, "big") == NULL &&
            strstr(account, ":scheduled>queued") != NULL) {
            running[i % 2] = 2 + passed++;
        }
    }
    assert_int_equal(passed, LIMIT_POOL_BYPASS);
    world_fini(&w);
}

static void a_part_too_small_is_given_back(void **state)
{
    world_init(&w, "a pool=p slots=3");
    EXPECT(&w, "pool p 3 0", "");
    EXPECT(&w, "create 1", "a:none>scheduled run 1 running want p 3");
    EXPECT(&w, "pool p 3 2", "");
    EXPECT(&w, "tick 1", "want p -2");
    EXPECT(&w, "pool p 3 1", "want p -1");
    EXPECT(&w, "tick 1", "");
    EXPECT(&w, "tick 1", "want p 3");
    EXPECT(&w, "pool p 3 3", "a:scheduled>queued");
    world_fini(&w);
}

static void no_parallelism_while_waiting_for_a_pool(void **state)
{
    world_init(&w, "a pool=p");
    EXPECT(&w, "pool p 1 0", "");
    EXPECT(&w, "parallelism 4 0", "");
    EXPECT(&w, "create 1", "a:none>scheduled run 1 running want p 1 want parallelism 1");
    EXPECT(&w, "parallelism 4 1", "want parallelism -1");
    EXPECT(&w, "pool p 1 1", "want parallelism 1");
    EXPECT(&w, "parallelism 4 1", "a:scheduled>queued");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priority_order),
        cmocka_unit_test(earlier_run_first),
        cmocka_unit_test(parallelism_over_dags),
        cmocka_unit_test(a_full_pool_blocks_nobody_else),
        cmocka_unit_test(an_unknown_pool_waits),
        cmocka_unit_test(a_deleted_pool),
        cmocka_unit_test(pool_slots_add_up),
        cmocka_unit_test(more_than_the_pool_has),
        cmocka_unit_test(max_active_tasks_per_run),
        cmocka_unit_test(per_dag_cap_over_runs),
        cmocka_unit_test(per_run_cap_holds_by_itself),
        cmocka_unit_test(max_active_runs),
        cmocka_unit_test(paused),
        cmocka_unit_test(full_store_and_shutdown),
        cmocka_unit_test(grants),
        cmocka_unit_test(grants_of_parallelism),
        cmocka_unit_test(skipped_while_it_waits),
        cmocka_unit_test(stop_while_parked),
        cmocka_unit_test(a_big_one_does_not_starve),
        cmocka_unit_test(a_part_too_small_is_given_back),
        cmocka_unit_test(no_parallelism_while_waiting_for_a_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
