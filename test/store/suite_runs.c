/* Runs by filter and order, versions of a DAG, the audit trail; on both drivers. */
#include <stdlib.h>

#include "fixture.h"

static void test_query_runs(void **state)
{
    struct fixture *f = *state;
    struct run_row more[2] = {sample_run(6, 1), sample_run(7, 1)}, *rows;
    struct store_batch b = {.runs = more, .runs_len = 2};
    struct run_query q = {.dag_key = 1, .descending = true, .limit = 2};
    struct time_range open = {TIME_NONE, TIME_NONE};
    int64_t count;
    size_t n;

    fixture_dag(f, 3);
    more[0].type = RUN_TYPE_MANUAL, more[0].logical_date_us = TIME_NONE;
    more[0].state = RUN_FAILED, more[0].end_us = T0;
    more[1].run_id = "manual__7";
    OK(fixture_commit(f, &b), f);
    q.logical_date = q.run_after = q.start = q.end = open;
    OK(OPS(f)->query_runs(f->s, &q, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].run_key, 7);
    OK(OPS(f)->count_runs(f->s, &q, &count, &f->e), f);
    assert_int_equal(count, 5);
    q.offset = 4;
    OK(OPS(f)->query_runs(f->s, &q, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].run_key, 1);
    q.offset = 9;
    OK(OPS(f)->query_runs(f->s, &q, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 0);
    q.offset = 0, q.limit = 0, q.states = 1U << RUN_FAILED;
    OK(OPS(f)->query_runs(f->s, &q, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].run_key, 6);
    q.states = 0, q.order = RUN_BY_LOGICAL_DATE, q.descending = false;
    OK(OPS(f)->query_runs(f->s, &q, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(rows[0].run_key, 6); /* without a date: less than any */
    assert_int_equal(rows[1].run_key, 1);
    q.logical_date.from_us = sample_run(2, 1).logical_date_us;
    q.logical_date.to_us = sample_run(3, 1).logical_date_us;
    OK(OPS(f)->query_runs(f->s, &q, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].run_key, 2);
    q.logical_date = open, q.run_id_part = "ual__7";
    OK(OPS(f)->count_runs(f->s, &q, &count, &f->e), f);
    assert_int_equal(count, 1);
    q.dag_key = 9;
    OK(OPS(f)->count_runs(f->s, &q, &count, &f->e), f);
    assert_int_equal(count, 0);
}

static int by_time(const void *x, const void *y)
{
    const struct run_time *a = x, *b = y;

    return (a->at_us > b->at_us) - (a->at_us < b->at_us);
}

static void test_run_times(void **state)
{
    struct fixture *f = *state;
    struct run_row rows[4] = {sample_run(1, 1), sample_run(2, 1), sample_run(3, 1), sample_run(4, 1)};
    struct store_batch b = {.runs = rows, .runs_len = 4};
    struct run_time *got;
    size_t n;

    fixture_dag(f, 0);
    for (int i = 0; i < 4; i++) {
        rows[i].logical_date_us = T0 + i * 100;
        rows[i].run_after_us = T0 + 5000;
        rows[i].state = RUN_SUCCESS;
    }
    rows[1].state = RUN_FAILED;
    rows[2].logical_date_us = TIME_NONE;
    rows[2].run_after_us = T0 + 50;
    rows[2].state = RUN_QUEUED;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_run_times(f->s, 1, T0, T0 + 100, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 3);
    qsort(got, n, sizeof *got, by_time);
    assert_int_equal(got[0].at_us, T0);
    assert_int_equal(got[1].at_us, T0 + 50);
    assert_int_equal(got[1].state, RUN_QUEUED);
    assert_int_equal(got[2].at_us, T0 + 100);
    assert_int_equal(got[2].state, RUN_FAILED);
    OK(OPS(f)->get_run_times(f->s, 1, T0, T0 + 100, 2, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 2);
    OK(OPS(f)->get_run_times(f->s, 2, T0, T0 + 100, 0, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_versions_of_a_dag(void **state)
{
    struct fixture *f = *state;
    struct version_row v = {.version_key = 5,
                            .dag_key = 1,
                            .hash = "beef",
                            .document = "{}",
                            .document_len = 2,
                            .created_us = T0},
                       *rows;
    struct store_batch b = {.versions = &v, .versions_len = 1};
    size_t n;

    fixture_dag(f, 0);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_dag_versions(f->s, 1, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].version_key, 1);
    assert_int_equal(rows[1].version_key, 5);
    assert_string_equal(rows[1].hash, "beef");
    assert_null(rows[1].document);
    OK(OPS(f)->get_dag_versions(f->s, 9, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_audits(void **state)
{
    struct fixture *f = *state;
    struct audit_row a[3] = {{.actor = "anna", .action = "clear", .subject = "run 1", .at_us = T0},
                             {.actor = "bert", .action = "pause", .subject = "etl", .at_us = T0},
                             {.actor = "cleo", .action = "mark", .subject = "run 2", .at_us = T0}},
                     *rows;
    struct store_batch b = {.audits = a, .audits_len = 3};
    int64_t all;
    size_t n;

    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_audits(f->s, 0, 0, 2, &f->a, &rows, &n, &all, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].actor, "cleo");
    assert_string_equal(rows[1].subject, "etl");
    assert_int_equal(all, 3);
    OK(OPS(f)->get_audits(f->s, 0, 1, 1, &f->a, &rows, &n, NULL, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].actor, "bert");
    OK(OPS(f)->get_audits(f->s, 0, 0, 2, &f->a, &rows, &n, NULL, &f->e), f);
    OK(OPS(f)->get_audits(f->s, rows[1].audit_key, 0, 0, &f->a, &rows, &n, NULL, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].actor, "anna");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_query_runs),
        BOTH(test_run_times),
        BOTH(test_versions_of_a_dag),
        BOTH(test_audits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
