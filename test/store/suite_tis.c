/* The suite of the store, on every driver: instances, history, XComs, pools, durations. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "model/states.h"

/* ---- instances and history ---- */

static void test_tis(void **state)
{
    struct fixture *f = *state;
    struct ti_row rows[5] = {sample_ti(1, 2, -1), sample_ti(1, 0, 1), sample_ti(1, 0, 0),
                             sample_ti(2, 0, -1), sample_ti(1, UINT32_MAX - 1, INT32_MAX)};
    struct store_batch b = {.tis = rows, .tis_len = 5};
    struct ti_row *got;
    size_t n;

    fixture_dag(f, 2);
    rows[0].reason = "exit code 3: ümlaut";
    rows[4].attempt = (struct uuid){{0}};
    rows[4].try_number = rows[4].max_tries = rows[4].requeues = UINT16_MAX;
    rows[0].map_len = 10000;
    rows[4].exit_code = INT32_MIN, rows[4].worker = INT64_MAX, rows[4].next_us = INT64_MAX;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_tis(f->s, 1, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 4);
    assert_int_equal(got[0].key.map_index, 0);
    assert_int_equal(got[1].key.map_index, 1);
    assert_int_equal(got[2].key.task, 2);
    assert_string_equal(got[2].reason, "exit code 3: ümlaut");
    assert_memory_equal(&got[2].attempt, &rows[0].attempt, 16);
    assert_int_equal(got[2].map_len, 10000);
    assert_int_equal(got[3].key.task, UINT32_MAX - 1);
    assert_int_equal(got[3].key.map_index, INT32_MAX);
    assert_true(uuid_is_zero(&got[3].attempt));
    assert_int_equal(got[3].requeues, UINT16_MAX);
    assert_int_equal(got[3].exit_code, INT32_MIN);
    assert_int_equal(got[3].worker, INT64_MAX);
    assert_int_equal(got[3].next_us, INT64_MAX);
    assert_int_equal(got[3].start_us, TIME_NONE);
    assert_null(got[3].reason);
    rows[0].state = TASK_SUCCESS, rows[0].reason = NULL, rows[0].end_us = T0;
    b.tis_len = 1;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_tis(f->s, 1, 1u << TASK_SUCCESS | 1u << TASK_FAILED, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].end_us, T0);
    assert_null(got[0].reason);
    OK(OPS(f)->get_tis(f->s, 1, 1u << TASK_DEFERRED, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
    OK(OPS(f)->get_tis(f->s, 99, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_states(void **state)
{
    struct fixture *f = *state;
    struct ti_row rows[3] = {sample_ti(1, 2, -1), sample_ti(1, 0, 1), sample_ti(2, 0, -1)};
    struct store_batch b = {.tis = rows, .tis_len = 3};
    int64_t before, after;
    struct ti_state *got;
    size_t n;

    fixture_dag(f, 2);
    rows[0].map_len = 7, rows[0].state = TASK_RUNNING, rows[0].try_number = 3;
    OK(OPS(f)->get_change(f->s, &before, &f->e), f);
    OK(OPS(f)->get_change(f->s, &after, &f->e), f);
    assert_int_equal(before, after);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_change(f->s, &after, &f->e), f);
    assert_int_not_equal(before, after);
    OK(OPS(f)->get_ti_states(f->s, 1, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(got[0].task, 0);
    assert_int_equal(got[0].map_index, 1);
    assert_int_equal(got[1].task, 2);
    assert_int_equal(got[1].map_len, 7);
    assert_int_equal(got[1].state, TASK_RUNNING);
    assert_int_equal(got[1].try_number, 3);
    OK(OPS(f)->get_ti_states(f->s, 99, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_history(void **state)
{
    struct fixture *f = *state;
    struct transition_row *got;
    struct ti_key key = {1, 3, -1};
    size_t n;

    fixture_dag(f, 2);
    for (int i = 0; i < 40; i++) { /* a reason that repeats, one that does not, none */
        char once[32];
        struct transition_row t[3] = {sample_transition(1, 3, T0 - i, "worker lost"),
                                      sample_transition(1, 4, T0, once),
                                      sample_transition(2, 3, TIME_NONE, NULL)};
        struct store_batch b = {.transitions = t, .transitions_len = 3};

        snprintf(once, sizeof once, "reason %d", i);
        t[0].to = (uint8_t)(i % 13);
        OK(fixture_commit(f, &b), f);
    }
    OK(OPS(f)->get_transitions(f->s, 1, NULL, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 80);
    for (int i = 0; i < 40; i++) {
        char once[32];

        snprintf(once, sizeof once, "reason %d", i);
        assert_int_equal(got[2 * i].at_us, T0 - i); /* in order of commits, not of times */
        assert_int_equal(got[2 * i].to, i % 13);
        assert_string_equal(got[2 * i].reason, "worker lost");
        assert_string_equal(got[2 * i + 1].reason, once);
    }
    OK(OPS(f)->get_transitions(f->s, 1, &key, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 40);
    OK(OPS(f)->get_transitions(f->s, 1, &key, 7, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 7);
    assert_int_equal(got[6].at_us, T0 - 6);
    OK(OPS(f)->get_transitions(f->s, 2, NULL, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 40);
    assert_null(got[0].reason);
    assert_int_equal(got[0].at_us, TIME_NONE);
    key.map_index = 0;
    OK(OPS(f)->get_transitions(f->s, 1, &key, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_tries_attempts(void **state)
{
    struct fixture *f = *state;
    struct ti_row tries[3] = {sample_ti(1, 0, -1), sample_ti(1, 0, -1), sample_ti(1, 1, -1)}, *got;
    struct attempt_row attempts[3] = {
        {.key = {1, 1, -1},
         .try_number = 1,
         .attempt = {{9}},
         .holder = "h1",
         .pid = 4,
         .log_path = "logs/a"},
        {.key = {1, 0, -1}, .try_number = 2, .attempt = {{8}}, .pid = 5},
        {.key = {1, 0, -1},
         .try_number = 1,
         .attempt = {{7}},
         .holder = "h2",
         .pid = 6,
         .log_path = "logs/b"}};
    struct store_batch b = {
        .tries = tries, .tries_len = 3, .attempts = attempts, .attempts_len = 3};
    struct attempt_row *as;
    struct ti_key key = {1, 0, -1};
    size_t n;

    fixture_dag(f, 1);
    tries[0].reason = tries[1].reason = "exit code 1";
    tries[1].try_number = 2;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_tries(f->s, &key, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(got[0].try_number, 1);
    assert_int_equal(got[1].try_number, 2);
    assert_string_equal(got[1].reason, "exit code 1");
    key.map_index = 4;
    OK(OPS(f)->get_tries(f->s, &key, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
    attempts[1].pid = 55, attempts[1].holder = "h9";
    b = (struct store_batch){.attempts = attempts, .attempts_len = 2};
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_attempts(f->s, 1, &f->a, &as, &n, &f->e), f);
    assert_int_equal(n, 3);
    assert_int_equal(as[0].attempt.b[0], 7);
    assert_string_equal(as[0].log_path, "logs/b");
    assert_int_equal(as[1].pid, 55);
    assert_string_equal(as[1].holder, "h9");
    assert_null(as[1].log_path);
    assert_int_equal(as[2].key.task, 1);
    OK(OPS(f)->get_attempts(f->s, 2, &f->a, &as, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_xcoms(void **state)
{
    struct fixture *f = *state;
    char *big = mem_alloc(200000);
    struct xcom_row x[4] = {
        {.key = {1, 0, -1}, .name = "return_value", .value = "a\0b", .value_len = 3, .at_us = T0},
        {.key = {1, 0, -1}, .name = "näme", .value = "", .value_len = 0},
        {.key = {1, 0, 0}, .name = "return_value", .spill = "xcom/1", .at_us = T0},
        {.key = {1, 1, -1}, .name = "big", .value = big, .value_len = 200000}};
    struct store_batch b = {.xcoms = x, .xcoms_len = 4};
    struct ti_key clears[2] = {{1, 0, -1}, {1, 77, -1}};
    struct xcom_row got;

    fixture_dag(f, 1);
    memset(big, 0xe5, 200000);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_xcom(f->s, &x[0].key, "return_value", &f->a, &got, &f->e), f);
    assert_int_equal(got.value_len, 3);
    assert_memory_equal(got.value, "a\0b", 3);
    assert_int_equal(got.at_us, T0);
    assert_int_equal(got.key.run_key, 1);
    OK(OPS(f)->get_xcom(f->s, &x[1].key, "näme", &f->a, &got, &f->e), f);
    assert_int_equal(got.value_len, 0);
    assert_non_null(got.value); /* empty is not spilled */
    OK(OPS(f)->get_xcom(f->s, &x[2].key, "return_value", &f->a, &got, &f->e), f);
    assert_null(got.value);
    assert_string_equal(got.spill, "xcom/1");
    OK(OPS(f)->get_xcom(f->s, &x[3].key, "big", &f->a, &got, &f->e), f);
    assert_int_equal(got.value_len, 200000);
    assert_memory_equal(got.value, big, 200000);
    assert_int_equal(OPS(f)->get_xcom(f->s, &x[3].key, "return_value", &f->a, &got, &f->e),
                     -ERR_NOTFOUND);
    /* Clears come before the upserts of the same batch. */
    x[0].value = "new";
    b = (struct store_batch){
        .xcom_clears = clears, .xcom_clears_len = 2, .xcoms = x, .xcoms_len = 1};
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_xcom(f->s, &x[0].key, "return_value", &f->a, &got, &f->e), f);
    assert_memory_equal(got.value, "new", 3);
    assert_int_equal(OPS(f)->get_xcom(f->s, &x[1].key, "näme", &f->a, &got, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->get_xcom(f->s, &x[2].key, "return_value", &f->a, &got, &f->e),
       f); /* another map index */
    mem_free(big);
}

static void test_xcoms_of_map(void **state)
{
    struct fixture *f = *state;
    struct xcom_row x[5] = {
        {.key = {1, 0, 10}, .name = "return_value", .value = "10", .value_len = 2, .at_us = T0},
        {.key = {1, 0, 2}, .name = "return_value", .value = "2", .value_len = 1},
        {.key = {1, 0, -1}, .name = "return_value", .value = "all", .value_len = 3},
        {.key = {1, 0, 3}, .name = "other", .value = "x", .value_len = 1},
        {.key = {1, 1, 0}, .name = "return_value", .value = "y", .value_len = 1}};
    struct store_batch b = {.xcoms = x, .xcoms_len = 5};
    struct ti_key from = {1, 0, -1};
    struct xcom_row *got;
    size_t n;

    fixture_dag(f, 1);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_map_xcoms(f->s, &from, "return_value", 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(got[0].key.map_index, 2);
    assert_int_equal(got[1].key.map_index, 10);
    assert_memory_equal(got[1].value, "10", 2);
    from.map_index = 3;
    OK(OPS(f)->get_map_xcoms(f->s, &from, "return_value", 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].key.map_index, 10);
    from.map_index = -1;
    OK(OPS(f)->get_map_xcoms(f->s, &from, "return_value", 1, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].key.map_index, 2);
    from.task = 7;
    OK(OPS(f)->get_map_xcoms(f->s, &from, "return_value", 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_rendered_commands(void **state)
{
    struct fixture *f = *state;
    struct rendered_row r = {.key = {1, 0, -1}, .json = "{\"bash_command\": \"echo ü\"}"};
    struct command_row c = {.key = "idem-1", .result = "{\"ok\": true}", .at_us = T0};
    struct audit_row au = {.actor = "anna",
                           .action = "dag.pause",
                           .subject = "etl",
                           .before = NULL,
                           .after = "{}",
                           .at_us = T0};
    struct store_batch b = {.rendered = &r,
                            .rendered_len = 1,
                            .commands = &c,
                            .commands_len = 1,
                            .audits = &au,
                            .audits_len = 1};
    const char *text;

    fixture_dag(f, 1);
    assert_int_equal(OPS(f)->get_rendered(f->s, &r.key, &f->a, &text, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->find_command(f->s, "idem-1", &f->a, &text, &f->e), -ERR_NOTFOUND);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_rendered(f->s, &r.key, &f->a, &text, &f->e), f);
    assert_string_equal(text, r.json);
    OK(OPS(f)->find_command(f->s, "idem-1", &f->a, &text, &f->e), f);
    assert_string_equal(text, "{\"ok\": true}");
    r.json = "{}";
    b = (struct store_batch){.rendered = &r, .rendered_len = 1};
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_rendered(f->s, &r.key, &f->a, &text, &f->e), f);
    assert_string_equal(text, "{}");
}

static void test_pools(void **state)
{
    struct fixture *f = *state;
    struct pool_row p[2] = {
        {.name = "z", .slots = -1, .include_deferred = true, .description = "all"},
        {.name = "default_pool", .slots = 128}};
    struct store_batch b = {.pools = p, .pools_len = 2};
    struct pool_row *got;
    size_t n;

    OK(fixture_commit(f, &b), f);
    p[0].slots = 4, p[0].description = NULL, p[0].include_deferred = false;
    b.pools_len = 1;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_pools(f->s, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(got[0].name, "default_pool");
    assert_int_equal(got[0].slots, 128);
    assert_string_equal(got[1].name, "z");
    assert_int_equal(got[1].slots, 4);
    assert_false(got[1].include_deferred);
    assert_null(got[1].description);
}

static void test_durations(void **state)
{
    struct fixture *f = *state;
    int64_t *us;
    size_t n;

    fixture_dag(f, 4);
    for (int run = 1; run <= 4; run++) {
        struct run_row r = sample_run(run, 1);
        struct ti_row t[3] = {sample_ti(run, 0, -1), sample_ti(run, 2, 0), sample_ti(run, 2, 1)};
        struct store_batch b = {.runs = &r, .runs_len = 1, .tis = t, .tis_len = 3};

        for (int i = 0; i < 3; i++) {
            t[i].state = TASK_SUCCESS, t[i].start_us = T0, t[i].end_us = T0 + 100 * run + i;
        }
        t[0].state = run == 3 ? TASK_FAILED : TASK_SUCCESS;
        r.state = run == 4 ? RUN_RUNNING : RUN_SUCCESS; /* the fourth is live: it does not count */
        OK(fixture_commit(f, &b), f);
    }
    OK(OPS(f)->get_durations(f->s, 1, 2, &f->a, &us, &n, &f->e), f);
    assert_int_equal(n, 3);
    assert_int_equal(us[0], 200);
    assert_int_equal(us[1], -1);
    assert_int_equal(us[2], (201 + 202 + 301 + 302) / 4);
    OK(OPS(f)->get_durations(f->s, 1, 0, &f->a, &us, &n, &f->e), f);
    assert_int_equal(us[0], 150);
    OK(OPS(f)->get_durations(f->s, 5, 2, &f->a, &us, &n, &f->e), f);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_tis),   BOTH(test_states), BOTH(test_history),      BOTH(test_tries_attempts),
        BOTH(test_xcoms), BOTH(test_xcoms_of_map), BOTH(test_rendered_commands),
        BOTH(test_pools), BOTH(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
