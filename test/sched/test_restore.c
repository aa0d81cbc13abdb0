/* A core that is rebuilt from its rows, at any point, decides as the one that lived on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"
#include "transcript.h"

static struct world w;

/* Does all commands; after number `at` the core is dropped and restored. Compares each account with
 * the lived one, or keeps it. */
static void play(const char *spec, const char *const *commands, int at, char **accounts)
{
    world_init(&w, spec);
    for (int i = 0; commands[i] != NULL; i++) {
        const char *got = world_do(&w, commands[i]);

        assert_int_equal(w.rc, 0);
        if (at < 0) {
            accounts[i] = mem_strdup(got);
        } else if (strcmp(got, accounts[i]) != 0) {
            fprintf(stderr, "restored after %d (%s); %d: %s\n  lived:    %s\n  restored: %s\n", at,
                    commands[at], i, commands[i], accounts[i], got);
            fail();
        }
        if (i == at) {
            world_do(&w, "restore");
            assert_int_equal(w.rc, 0);
        }
    }
    world_fini(&w);
}

static void play_all(const char *spec, const char *const *commands)
{
    char *accounts[128];
    int n = 0;

    play(spec, commands, -1, accounts);
    while (commands[n] != NULL) {
        n++;
    }
    for (int at = 0; at < n; at++) {
        play(spec, commands, at, accounts);
    }
    for (int i = 0; i < n; i++) {
        mem_free(accounts[i]);
    }
}

static void retries_pools_and_rules(void **state)
{
    static const char *const commands[] = {
        "pool p 2",      "create 1 at=1",
        "create 2 at=2", "start a",
        "start a@2",     "fail a",
        "tick 10",       "start b",
        "defer b 100",   "claim c",
        "ok a@2",        "tick 20",
        "fire b resume", "begin c",
        "resched c 30",  "start b",
        "ok b",          "tick 30",
        "start a",       "ok a",
        "start c",       "fail c",
        "tick 60",       "start d@2",
        "ok d@2",        "start d",
        "ok d",          "start b@2",
        "skip b@2",      "start c@2",
        "ok c@2",        "start e",
        "ok e",          "start c",
        "ok c",          "tick 700",
        "tick 700",      NULL,
    };

    play_all("@d max_active_tasks=4; a retries=2 delay=20; b pool=p weight=3; c pool=p retries=1 "
             "delay=60; "
             "d <- a,b rule=none_failed; e <- b,c rule=all_done; f <- d,e instant; g <- f",
             commands);
}

static void commands_and_kills(void **state)
{
    static const char *const commands[] = {
        "create 1",       "create 2",   "create 3",   "start a",   "clear a",  "start b",
        "mark success b", "killed a",   "start a",    "killed b",  "ok a",     "start c",
        "start a@2",      "stop @2",    "killed a@2", "start s@2", "ok c",     "clear b",
        "start b",        "skip b",     "start t",    "ok t",      "tick 100", "start a@3",
        "tick 4000",      "killed a@3", NULL,
    };

    play_all(
        "@d timeout=3600 max_active_runs=2; a; b; c <- a,b; s setup instant; t <- c,s teardown",
        commands);
}

static void branches_and_fail_fast(void **state)
{
    static const char *const commands[] = {
        "create 1",    "start pick",  "ok pick skip=left",  "clear left",
        "start right", "start other", "fail right",         "killed other",
        "clear *",     "start pick",  "ok pick skip=right", "start left",
        "ok left",     "start other", "ok other",           "start join",
        "ok join",     NULL,
    };

    play_all("@d fail_fast; pick; left <- pick; right <- pick; other; "
             "join <- left,right rule=none_failed_min_one_success",
             commands);
}

static void unclaimed_is_offered_again(void **state)
{
    struct ti_key k = {1, 0, -1};
    struct ti_row before, after;

    world_init(&w, "a; b");
    world_do(&w, "create 1");
    world_do(&w, "claim b");
    assert_int_equal(sched_get_ti(w.s, &k, &before), 0);
    EXPECT(&w, "restore", "dispatch a");
    assert_int_equal(sched_get_ti(w.s, &k, &after), 0);
    assert_int_equal(uuid_cmp(&before.attempt, &after.attempt), 0);
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok b", "b:queued>running b:running>success");
    world_fini(&w);
}

static void kills_are_said_again(void **state)
{
    world_init(&w, "a; b; c");
    world_do(&w, "create 1");
    world_do(&w, "start a");
    world_do(&w, "clear a");
    world_do(&w, "start b");
    world_do(&w, "mark success b");
    world_do(&w, "start c");
    EXPECT(&w, "restore", "kill a kill b");
    EXPECT(&w, "stop", "run 1 running(stopped) kill c reply ok n=2");
    EXPECT(&w, "restore", "kill a kill b kill c");
    world_fini(&w);
}

static void questions_are_asked_again(void **state)
{
    world_init(&w, "a past");
    EXPECT(&w, "create 1", "run 1 running ask 1 previous of 1");
    EXPECT(&w, "restore", "ask 1 previous of 1");
    EXPECT(&w, "answer 1 none", "a:none>scheduled a:scheduled>queued");
    world_fini(&w);
}

/* Instances of tasks that are gone from the DAG, as another version may leave them, are dead ends
 * for those below. */
static void deadlock_by_removed(void **state)
{
    struct sched_event ev = {.type = SCHED_RUN_RESTORE};
    struct run_row row = {
        .run_key = 1, .dag_key = 1, .run_id = "r", .state = RUN_RUNNING, .start_us = 1};
    struct ti_row ti = {.key = {1, 0, -1}, .state = TASK_REMOVED};
    struct sched_actions a = {0};

    world_init(&w, "a; b <- a; c <- b");
    ev.run.row = &row;
    ev.run.dag = w.dags[0];
    ev.run.tis = &ti;
    ev.run.tis_len = 1;
    assert_int_equal(sched_step(w.s, &ev, &a), 0);
    assert_int_equal(a.runs_len, 1);
    assert_int_equal(a.runs[0].state, RUN_FAILED);
    assert_string_equal(a.runs[0].reason, "deadlocked: no task of the run can ever start");
    assert_string_equal(world_states(&w, 1), "a=removed b=upstream_failed c=upstream_failed");
    sched_actions_fini(&a);
    world_fini(&w);
}

static void broken_rows_are_refused(void **state)
{
    struct sched_event ev = {.type = SCHED_RUN_RESTORE};
    struct run_row row = {.run_key = 1, .dag_key = 1, .run_id = "r", .state = RUN_RUNNING};
    struct ti_row ti = {.key = {1, 9, -1}};
    struct sched_actions a = {0};
    struct sched_stats stats;

    world_init(&w, "a");
    ev.run.row = &row;
    ev.run.dag = w.dags[0];
    ev.run.tis = &ti;
    ev.run.tis_len = 1;
    assert_int_equal(sched_step(w.s, &ev, &a), -ERR_INVALID);
    ti.key.task = 0;
    ti.state = TASK_RUNNING; /* without a token */
    assert_int_equal(sched_step(w.s, &ev, &a), -ERR_INVALID);
    ev.type = (enum sched_event_type)99;
    assert_int_equal(sched_step(w.s, &ev, &a), -ERR_INVALID);
    sched_get_stats(w.s, &stats);
    assert_int_equal(stats.runs, 0);
    sched_actions_fini(&a);
    world_fini(&w);
}

/* Rows of several steps in one batch: each instance once, as it is at the end; strings live as long
 * as the actions. */
static void a_batch_of_many_steps(void **state)
{
    struct sched_actions a = {0};
    struct sched_event ev = {.type = SCHED_RUN_CREATE};
    struct run_row row = {.run_key = 1, .dag_key = 1, .run_id = "r", .state = RUN_QUEUED};

    world_init(&w, "a retries=1; b <- a");
    ev.run.row = &row;
    ev.run.dag = w.dags[0];
    assert_int_equal(sched_step(w.s, &ev, &a), 0);
    ev = (struct sched_event){.type = SCHED_ENDED};
    ev.ended.key = a.dispatches[0].key;
    ev.ended.token = a.dispatches[0].token;
    ev.ended.outcome = SCHED_OUTCOME_FAILED;
    ev.ended.reason = "because";
    assert_int_equal(sched_step(w.s, &ev, &a), 0);
    ev = (struct sched_event){.type = SCHED_TICK, .now_us = 1000 * TIME_SECOND};
    assert_int_equal(sched_step(w.s, &ev, &a), 0);
    assert_int_equal(a.tis_len, 1);
    assert_int_equal(a.tis[0].state, TASK_QUEUED);
    assert_int_equal(a.tis[0].try_number, 2);
    assert_int_equal(a.runs_len, 1);
    assert_int_equal(a.transitions_len, 5);
    assert_string_equal(a.transitions[2].reason, "because");
    assert_int_equal(a.tries_len, 1);
    assert_int_equal(a.tries[0].state, TASK_FAILED);
    assert_string_equal(a.tries[0].reason, "because");
    sched_actions_clear(&a);
    sched_actions_fini(&a);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_pools_and_rules), cmocka_unit_test(commands_and_kills),
        cmocka_unit_test(branches_and_fail_fast),  cmocka_unit_test(unclaimed_is_offered_again),
        cmocka_unit_test(kills_are_said_again),    cmocka_unit_test(questions_are_asked_again),
        cmocka_unit_test(deadlock_by_removed),     cmocka_unit_test(broken_rows_are_refused),
        cmocka_unit_test(a_batch_of_many_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
