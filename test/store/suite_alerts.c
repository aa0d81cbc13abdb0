/* The suite of the store, continued: alerts, deadlines of runs, and how long runs and tasks took. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "model/alert.h"

static struct alert_row alert(int64_t key, const char *channel, enum alert_state state)
{
    return (struct alert_row){.alert_key = key,
                              .channel = channel,
                              .kind = "task_failure",
                              .dag_id = "etl",
                              .run_id = "manual__1",
                              .task_id = "load",
                              .map_index = -1,
                              .try_number = 2,
                              .at_us = T0 + key,
                              .last_us = T0 + key + 5,
                              .count = 3,
                              .reason = "exit code 1",
                              .state = (uint8_t)state,
                              .next_us = TIME_NONE,
                              .sent_us = state >= ALERT_SENT ? T0 + 100 * key : TIME_NONE};
}

static void commit_alerts(struct fixture *f, const struct alert_row *rows, size_t n)
{
    OK(fixture_commit(f, &(struct store_batch){.alerts = rows, .alerts_len = n}), f);
}

static size_t count(struct fixture *f, const struct alert_query *q)
{
    struct alert_row *rows;
    size_t n;

    OK(OPS(f)->get_alerts(f->s, q, &f->a, &rows, &n, &f->e), f);
    return n;
}

static void test_alerts(void **state)
{
    struct fixture *f = *state;
    struct alert_row rows[] = {alert(1, "ops", ALERT_SENT), alert(2, "ops", ALERT_FAILED),
                               alert(3, "page", ALERT_PENDING), alert(4, "ops", ALERT_PENDING),
                               alert(5, "ops", ALERT_SENDING)};
    struct alert_query all = {0}, newest = {.newest_first = true, .limit = 2},
                       waiting = {.states = 1u << ALERT_PENDING | 1u << ALERT_SENDING,
                                  .channel = "ops"};
    struct alert_row *found;
    size_t n;

    rows[1].error = "refused";
    rows[4].message = (struct uuid){{7, 8, 9}};
    rows[4].tries = 3;
    rows[4].next_us = T0 + 77;
    commit_alerts(f, rows, LEN(rows));
    assert_int_equal(count(f, &all), 5);
    OK(OPS(f)->get_alerts(f->s, &newest, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].alert_key, 5);
    assert_int_equal(found[0].tries, 3);
    assert_int_equal(found[0].next_us, T0 + 77);
    assert_int_equal(uuid_cmp(&found[0].message, &rows[4].message), 0);
    assert_string_equal(found[1].task_id, "load");
    assert_int_equal(found[1].sent_us, TIME_NONE);
    OK(OPS(f)->get_alerts(f->s, &waiting, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].alert_key, 4);
    assert_true(uuid_is_zero(&found[0].message));
    /* A row that comes again is as it is now. */
    rows[3].state = ALERT_SENT;
    rows[3].sent_us = T0 + 9;
    rows[3].count = 12;
    commit_alerts(f, &rows[3], 1);
    assert_int_equal(count(f, &waiting), 1);
    OK(OPS(f)->get_alerts(f->s, &(struct alert_query){.above_key = 3, .below_key = 5}, &f->a,
                          &found, &n, &f->e),
       f);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].count, 12);
    /* Without a channel or a kind none is taken. */
    rows[0].channel = NULL;
    assert_int_equal(fixture_commit(f, &(struct store_batch){.alerts = rows, .alerts_len = 1}),
                     -ERR_INVALID);
}

static void test_prune(void **state)
{
    struct fixture *f = *state;
    struct alert_row rows[10];
    struct alert_query all = {0};
    int64_t gone = 0;

    for (int i = 0; i < 10; i++) {
        rows[i] = alert(i + 1, "ops", i % 2 == 0 ? ALERT_SENT : ALERT_PENDING);
    }
    commit_alerts(f, rows, LEN(rows));
    /* By time: those that wait stay, however old. */
    OK(OPS(f)->prune_alerts(f->s, T0 + 301, 100, 0, &gone, &f->e), f);
    assert_int_equal(gone, 2);
    assert_int_equal(count(f, &all), 8);
    /* By number, the oldest first, in bounded pieces. */
    OK(OPS(f)->prune_alerts(f->s, 0, 1, 1, &gone, &f->e), f);
    assert_int_equal(gone, 1);
    OK(OPS(f)->prune_alerts(f->s, 0, 1, 0, &gone, &f->e), f);
    assert_int_equal(gone, 1);
    OK(OPS(f)->prune_alerts(f->s, 0, 1, 0, &gone, &f->e), f);
    assert_int_equal(gone, 0);
    assert_int_equal(count(f, &(struct alert_query){.states = 1u << ALERT_PENDING}), 5);
    assert_int_equal(count(f, &(struct alert_query){.states = STORE_ALERT_ENDED}), 1);
}

static void test_deadlines(void **state)
{
    struct fixture *f = *state;
    struct deadline_row rows[] = {
        {.run_key = 2, .n = 1, .name = "late", .due_us = T0, .missed_us = TIME_NONE},
        {.run_key = 2, .n = 0, .due_us = T0 - 5, .missed_us = TIME_NONE},
        {.run_key = 1, .n = 0, .due_us = T0 + 1, .missed_us = T0 + 2, .told = true},
    };
    struct deadline_row *found;
    int64_t runs;
    size_t n;

    fixture_dag(f, 2);
    OK(fixture_commit(f, &(struct store_batch){.deadlines = rows, .deadlines_len = LEN(rows)}), f);
    OK(OPS(f)->get_deadlines(f->s, 2, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].n, 0);
    assert_null(found[0].name);
    assert_string_equal(found[1].name, "late");
    assert_int_equal(found[1].missed_us, TIME_NONE);
    OK(OPS(f)->get_deadlines(f->s, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 0);
    rows[0].missed_us = T0 + 3;
    OK(fixture_commit(f, &(struct store_batch){.deadlines = rows, .deadlines_len = 1}), f);
    OK(OPS(f)->get_deadlines(f->s, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].run_key, 2);
    /* They go with their runs. */
    for (int64_t k = 1; k <= 2; k++) {
        struct run_row run = sample_run(k, 1);

        run.state = RUN_SUCCESS;
        run.end_us = T0;
        run.type = RUN_TYPE_MANUAL;
        OK(fixture_commit(f, &(struct store_batch){.runs = &run, .runs_len = 1}), f);
    }
    OK(OPS(f)->delete_dag(f->s, 1, &runs, &f->e), f);
    OK(OPS(f)->get_deadlines(f->s, 2, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 0);
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void end_run(struct fixture *f, int64_t key, enum run_state state, int64_t took_us)
{
    struct run_row run = sample_run(key, 1);
    struct ti_row tis[2] = {sample_ti(key, 0, -1), sample_ti(key, 1, -1)};

    run.state = (uint8_t)state;
    run.start_us = T0;
    run.end_us = T0 + took_us;
    for (int i = 0; i < 2; i++) {
        tis[i].start_us = T0;
        tis[i].end_us = T0 + took_us / 2 + i;
        tis[i].state = i == 0 || state == RUN_SUCCESS ? TASK_SUCCESS : TASK_FAILED;
    }
    OK(fixture_commit(f,
                      &(struct store_batch){.runs = &run, .runs_len = 1, .tis = tis, .tis_len = 2}),
       f);
}

static void test_runtimes(void **state)
{
    struct fixture *f = *state;
    struct runtime_query q = {.dag_key = 1, .states = 1u << RUN_SUCCESS, .runs = 10};
    struct runtime_row *found;
    size_t n;

    fixture_dag(f, 4);
    end_run(f, 1, RUN_SUCCESS, 100);
    end_run(f, 2, RUN_FAILED, 200);
    end_run(f, 3, RUN_SUCCESS, 300);
    OK(OPS(f)->get_runtimes(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].run_key, 3); /* the newest first */
    assert_int_equal(found[0].us, 300);
    assert_int_equal(found[0].task, UINT32_MAX);
    assert_int_equal(found[1].us, 100);
    q.states |= 1u << RUN_FAILED;
    q.runs = 2;
    OK(OPS(f)->get_runtimes(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[1].run_key, 2);
    q.runs = 10;
    q.tasks = true;
    OK(OPS(f)->get_runtimes(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 5); /* the failed one is none of them */
    assert_int_equal(found[0].run_key, 3);
    assert_int_equal(found[0].version_key, 1);
    q.limit = 2;
    OK(OPS(f)->get_runtimes(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    q.dag_key = 99;
    OK(OPS(f)->get_runtimes(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_alerts),
        BOTH(test_prune),
        BOTH(test_deadlines),
        BOTH(test_runtimes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
