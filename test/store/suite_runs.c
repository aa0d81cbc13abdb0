/* Runs by filter and order, versions of a DAG, the audit trail; on both drivers. */
#include <stdio.h>
#include <string.h>
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

static void runs_of_query(struct fixture *f, const struct run_query *q, const char *want)
{
    struct run_row *rows;
    int64_t count;
    size_t n;
    char got[64] = "";

    OK(OPS(f)->query_runs(f->s, q, &f->a, &rows, &n, &f->e), f);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%lld", i != 0 ? " " : "",
                       (long long)rows[i].run_key);
    }
    assert_string_equal(got, want);
    if (q->after_key == 0 && q->limit == 0 && q->offset == 0) {
        OK(OPS(f)->count_runs(f->s, q, &count, &f->e), f);
        assert_int_equal(count, n);
    }
}

#define NO_TIMES                                                                 \
    .logical_date = {TIME_NONE, TIME_NONE}, .run_after = {TIME_NONE, TIME_NONE}, \
    .start = {TIME_NONE, TIME_NONE}, .end = {TIME_NONE, TIME_NONE}

static void put_many(struct fixture *f)
{
    struct run_row r[5];
    struct store_batch b = {.runs = r, .runs_len = 5};

    fixture_dag(f, 0);
    for (int i = 0; i < 5; i++) {
        r[i] = (struct run_row){.run_key = 11 + i,
                                .dag_key = 1,
                                .version_key = 1,
                                .run_id = i < 3 ? (const char *[]){"a1", "a2", "a3"}[i]
                                                : (const char *[]){"b1", "b2"}[i - 3],
                                .state = i < 4 ? RUN_SUCCESS : RUN_QUEUED,
                                .type = RUN_TYPE_MANUAL,
                                .logical_date_us = i % 2 == 0 ? TIME_NONE : T0 + i,
                                .data_interval_start_us = TIME_NONE,
                                .data_interval_end_us = TIME_NONE,
                                .run_after_us = T0 + 10 - i,
                                .queued_us = T0,
                                .start_us = i < 4 ? T0 : TIME_NONE,
                                .end_us = i < 4 ? T0 + i * TIME_SECOND : TIME_NONE,
                                .conf = i == 1 ? "{\"colour\":\"red\"}" : NULL,
                                .partition_key = i == 2 ? "2026-01-01" : NULL,
                                .triggered_by = TRIGGERED_BY_CLI,
                                .triggering_user = i == 3 ? "anna" : NULL};
    }
    OK(fixture_commit(f, &b), f);
}

static void test_filters_of_runs(void **state)
{
    struct fixture *f = *state;
    const int64_t own[] = {7, 1}, other[] = {7}, first[] = {1}, second[] = {2};

    put_many(f);
    runs_of_query(f, &(struct run_query){NO_TIMES}, "15 14 13 12 11");
    runs_of_query(f, &(struct run_query){NO_TIMES, .dag_keys = own, .dag_keys_len = 2},
                  "15 14 13 12 11");
    runs_of_query(f, &(struct run_query){NO_TIMES, .dag_keys = other, .dag_keys_len = 1}, "");
    runs_of_query(f, &(struct run_query){NO_TIMES, .run_id_prefix = "b"}, "15 14");
    runs_of_query(f, &(struct run_query){NO_TIMES, .conf_part = "red"}, "12");
    runs_of_query(f, &(struct run_query){NO_TIMES, .partition_part = "01-01"}, "13");
    runs_of_query(f, &(struct run_query){NO_TIMES, .partition_prefix = "01-01"}, "");
    runs_of_query(f, &(struct run_query){NO_TIMES, .user_part = "nn"}, "14");
    runs_of_query(f, &(struct run_query){NO_TIMES, .user_prefix = "an"}, "14");
    runs_of_query(f,
                  &(struct run_query){NO_TIMES, .version_numbers = first, .version_numbers_len = 1},
                  "15 14 13 12 11");
    runs_of_query(
        f, &(struct run_query){NO_TIMES, .version_numbers = second, .version_numbers_len = 1}, "");
    runs_of_query(f, &(struct run_query){NO_TIMES, .bundle_version = "x"}, "");
    runs_of_query(f, &(struct run_query){NO_TIMES, .asset_part = "x"}, "");
    runs_of_query(f,
                  &(struct run_query){NO_TIMES, .by_duration = true,
                                      .duration_from_us = TIME_SECOND,
                                      .duration_to_us = 2 * TIME_SECOND},
                  "13 12");
    runs_of_query(
        f,
        &(struct run_query){NO_TIMES, .by_updated = true, .updated = {T0 + TIME_SECOND, TIME_NONE}},
        "14 13 12");
}

/* Page by page, one run a page, each order gives what it gives as a whole; downwards and upwards. */
static void test_runs_behind_a_run(void **state)
{
    struct fixture *f = *state;

    put_many(f);
    for (int k = 0; k < 14; k++) {
        struct run_query q = {NO_TIMES, .order = (enum run_order)(k / 2), .descending = k % 2 != 0};
        struct run_row *all, *one;
        size_t n, m;

        OK(OPS(f)->query_runs(f->s, &q, &f->a, &all, &n, &f->e), f);
        assert_int_equal(n, 5);
        q.limit = 1;
        for (size_t i = 0; i < n; i++) {
            OK(OPS(f)->query_runs(f->s, &q, &f->a, &one, &m, &f->e), f);
            assert_int_equal(m, 1);
            assert_int_equal(one[0].run_key, all[i].run_key);
            q.after_key = all[i].run_key;
        }
        OK(OPS(f)->query_runs(f->s, &q, &f->a, &one, &m, &f->e), f);
        assert_int_equal(m, 0);
        q.after_key = 99;
        assert_int_equal(OPS(f)->query_runs(f->s, &q, &f->a, &one, &m, &f->e), -ERR_NOTFOUND);
    }
}

static void test_deleting_runs_and_instances(void **state)
{
    struct fixture *f = *state;
    const int64_t keys[] = {12, 15, 77}; /* 15 is not finished, 77 is not there */
    struct ti_row t[2] = {{.key = {11, 0, -1}, .state = TASK_SUCCESS, .scheduled_us = T0},
                          {.key = {11, 1, -1}, .state = TASK_SUCCESS, .scheduled_us = T0}};
    struct xcom_row x[2] = {
        {.key = {11, 0, -1}, .name = "x", .value = "1", .value_len = 1},
        {.key = {11, 0, STORE_RECORD_INDEX(-1)}, .name = "hitl", .value = "{}", .value_len = 2}};
    struct note_row note = {.key = {11, 0, -1}, .text = "why", .at_us = T0};
    struct store_batch b = {
        .tis = t, .tis_len = 2, .xcoms = x, .xcoms_len = 2, .notes = &note, .notes_len = 1};
    struct store_batch d = {
        .run_deletes = keys, .run_deletes_len = 3, .ti_deletes = &t[0].key, .ti_deletes_len = 1};
    struct run_name *names;
    struct ti_row *tis;
    struct note_row *notes;
    struct xcom_row row;
    int64_t taken;
    bool more = true;
    size_t n;

    put_many(f);
    OK(fixture_commit(f, &b), f);
    OK(fixture_commit(f, &d), f);
    runs_of_query(f, &(struct run_query){NO_TIMES}, "15 14 13 11");
    OK(OPS(f)->get_tis(f->s, 11, 0, &f->a, &tis, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(tis[0].key.task, 1);
    assert_int_equal(OPS(f)->get_xcom(f->s, &x[0].key, "x", &f->a, &row, NULL), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->get_xcom(f->s, &x[1].key, "hitl", &f->a, &row, NULL), -ERR_NOTFOUND);
    OK(OPS(f)->get_notes(f->s, 11, &f->a, &notes, &n, &f->e), f);
    assert_int_equal(n, 0);
    while (more) {
        OK(OPS(f)->clean(f->s, INT64_MIN, 1, &taken, &more, &f->e), f);
        assert_int_equal(taken, 0);
    }
    OK(OPS(f)->get_garbage(f->s, 0, &f->a, &names, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(names[0].run_key, 12);
    assert_string_equal(names[0].run_id, "a2");
    OK(OPS(f)->check(f->s, &f->e), f);
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
    assert_int_equal(rows[0].number, 1);
    assert_int_equal(rows[1].number, 2);
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
        BOTH(test_query_runs),        BOTH(test_filters_of_runs),
        BOTH(test_runs_behind_a_run), BOTH(test_deleting_runs_and_instances),
        BOTH(test_versions_of_a_dag), BOTH(test_audits),
        BOTH(test_query_runs),
        BOTH(test_run_times),
        BOTH(test_versions_of_a_dag),
        BOTH(test_audits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
