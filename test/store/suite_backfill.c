/* The suite of the store, continued: backfills and their dates. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"

static void second_dag(struct fixture *f)
{
    struct dag_row dag = {.dag_key = 2, .dag_id = "shop", .version_key = 2, .updated_us = T0};
    struct version_row version = {.version_key = 2,
                                  .dag_key = 2,
                                  .hash = "def",
                                  .document = "{}",
                                  .document_len = 2,
                                  .created_us = T0};
    struct store_batch b = {.dags = &dag, .dags_len = 1, .versions = &version, .versions_len = 1};

    OK(fixture_commit(f, &b), f);
}

static struct backfill_row sample(int64_t key, int64_t dag_key)
{
    return (struct backfill_row){.backfill_key = key,
                                 .dag_key = dag_key,
                                 .from_us = T0,
                                 .to_us = T0 + 9,
                                 .max_active_runs = 4,
                                 .reprocess = BACKFILL_FAILED,
                                 .backwards = true,
                                 .own_version = true,
                                 .dates = 5,
                                 .conf = "{\"a\": \"ü\"}",
                                 .actor = "anna",
                                 .created_us = T0 + 1,
                                 .completed_us = TIME_NONE,
                                 .cancelled_us = TIME_NONE};
}

static struct backfill_run_row date(int64_t key, uint32_t ordinal)
{
    return (struct backfill_run_row){.backfill_key = key,
                                     .ordinal = ordinal,
                                     .logical_us = T0 + ordinal,
                                     .start_us = T0 + ordinal,
                                     .end_us = T0 + ordinal + 1,
                                     .run_after_us = T0 + ordinal + 2};
}

static void commit_backfills(struct fixture *f, const struct backfill_row *b, size_t n,
                             const struct backfill_run_row *d, size_t m)
{
    struct store_batch batch = {
        .backfills = b, .backfills_len = n, .backfill_runs = d, .backfill_runs_len = m};

    OK(fixture_commit(f, &batch), f);
}

static void expect_list(struct fixture *f, int64_t dag_key, bool active, size_t limit,
                        const char *keys)
{
    struct backfill_row *rows;
    char text[64] = "";
    size_t n = 0;

    OK(OPS(f)->get_backfills(f->s, dag_key, active, limit, &f->a, &rows, &n, &f->e), f);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lld", i > 0 ? " " : "",
                       (long long)rows[i].backfill_key);
    }
    assert_string_equal(text, keys);
}

static void test_backfills(void **state)
{
    struct fixture *f = *state;
    struct backfill_row rows[3], got;

    fixture_dag(f, 0);
    second_dag(f);
    rows[0] = sample(1, 1), rows[1] = sample(2, 2), rows[2] = sample(3, 1);
    commit_backfills(f, rows, 3, NULL, 0);
    OK(OPS(f)->get_backfill(f->s, 1, &f->a, &got, &f->e), f);
    assert_int_equal(got.dag_key, 1);
    assert_int_equal(got.from_us, T0);
    assert_int_equal(got.to_us, T0 + 9);
    assert_int_equal(got.max_active_runs, 4);
    assert_int_equal(got.reprocess, BACKFILL_FAILED);
    assert_true(got.backwards && got.own_version && !got.paused);
    assert_int_equal(got.dates, 5);
    assert_string_equal(got.conf, "{\"a\": \"ü\"}");
    assert_string_equal(got.actor, "anna");
    assert_int_equal(got.created_us, T0 + 1);
    assert_int_equal(got.completed_us, TIME_NONE);
    assert_int_equal(got.cancelled_us, TIME_NONE);
    assert_int_equal(OPS(f)->get_backfill(f->s, 9, &f->a, &got, &f->e), -ERR_NOTFOUND);
    expect_list(f, 0, false, 0, "3 2 1");
    expect_list(f, 1, false, 0, "3 1");
    expect_list(f, 0, false, 2, "3 2");
    rows[2].completed_us = T0 + 50, rows[2].cancelled_us = T0 + 40, rows[2].paused = true;
    rows[2].conf = NULL, rows[2].actor = NULL;
    commit_backfills(f, &rows[2], 1, NULL, 0);
    OK(OPS(f)->get_backfill(f->s, 3, &f->a, &got, &f->e), f);
    assert_int_equal(got.completed_us, T0 + 50);
    assert_int_equal(got.cancelled_us, T0 + 40);
    assert_true(got.paused);
    assert_null(got.conf);
    expect_list(f, 0, true, 0, "2 1");
    expect_list(f, 1, true, 0, "1");
    expect_list(f, 3, true, 0, "");
}

static void test_without_dag(void **state)
{
    struct fixture *f = *state;
    struct backfill_row row = sample(1, 77);
    struct store_batch b = {.backfills = &row, .backfills_len = 1};

    assert_true(fixture_commit(f, &b) != 0);
    expect_list(f, 0, false, 0, "");
}

static void expect_dates(struct fixture *f, bool planned, uint32_t from, size_t limit,
                         const char *ordinals)
{
    struct backfill_run_row *rows;
    char text[64] = "";
    size_t n = 0;

    OK(OPS(f)->get_backfill_runs(f->s, 1, planned, from, limit, &f->a, &rows, &n, &f->e), f);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", i > 0 ? " " : "",
                       rows[i].ordinal);
        assert_int_equal(rows[i].logical_us, T0 + rows[i].ordinal);
        assert_int_equal(rows[i].end_us, T0 + rows[i].ordinal + 1);
        assert_int_equal(rows[i].run_after_us, T0 + rows[i].ordinal + 2);
    }
    assert_string_equal(text, ordinals);
}

static void test_dates(void **state)
{
    struct fixture *f = *state;
    struct backfill_row rows[2];
    struct backfill_run_row dates[6];

    fixture_dag(f, 0);
    rows[0] = sample(1, 1), rows[1] = sample(2, 1);
    for (uint32_t i = 0; i < 5; i++) {
        dates[i] = date(1, 5 - i);
    }
    dates[5] = date(2, 1);
    commit_backfills(f, rows, 2, dates, 6);
    expect_dates(f, false, 1, 0, "1 2 3 4 5");
    expect_dates(f, true, 1, 0, "1 2 3 4 5");
    expect_dates(f, false, 2, 2, "2 3");
    dates[4].outcome = BACKFILL_CREATED, dates[4].run_key = 4711;
    dates[3].outcome = BACKFILL_EXISTS;
    commit_backfills(f, NULL, 0, &dates[3], 2);
    expect_dates(f, true, 1, 0, "3 4 5");
    expect_dates(f, true, 4, 0, "4 5");
    expect_dates(f, true, 1, 1, "3");
    expect_dates(f, false, 1, 0, "1 2 3 4 5");
}

static struct run_row run_of(int64_t key, int64_t date_us, enum run_state state, const char *id)
{
    return (struct run_row){.run_key = key,
                            .dag_key = 1,
                            .version_key = 1,
                            .run_id = id,
                            .state = (uint8_t)state,
                            .type = RUN_TYPE_BACKFILL,
                            .logical_date_us = date_us,
                            .data_interval_start_us = date_us,
                            .data_interval_end_us = date_us,
                            .run_after_us = date_us,
                            .queued_us = T0,
                            .start_us = TIME_NONE,
                            .end_us = TIME_NONE,
                            .backfill_key = 1};
}

static void test_counts(void **state)
{
    struct fixture *f = *state;
    struct backfill_row row = sample(1, 1);
    struct run_row runs[3];
    struct backfill_run_row dates[5];
    struct backfill_count *counts;
    struct store_batch b = {.runs = runs, .runs_len = 3};
    size_t n;

    fixture_dag(f, 0);
    runs[0] = run_of(11, T0, RUN_SUCCESS, "a"), runs[1] = run_of(12, T0 + 1, RUN_SUCCESS, "b"),
    runs[2] = run_of(13, T0 + 2, RUN_RUNNING, "c");
    for (uint32_t i = 0; i < 5; i++) {
        dates[i] = date(1, i + 1);
        dates[i].outcome = i < 3 ? BACKFILL_CREATED : BACKFILL_PLANNED;
        dates[i].run_key = i < 3 ? 11 + (int64_t)i : 0;
    }
    dates[3].outcome = BACKFILL_EXISTS, dates[3].run_key = 11;
    OK(fixture_commit(f, &b), f);
    commit_backfills(f, &row, 1, dates, 5);
    OK(OPS(f)->count_backfill(f->s, 1, &f->a, &counts, &n, &f->e), f);
    assert_int_equal(n, 4);
    assert_true(counts[0].outcome == BACKFILL_PLANNED && counts[0].run_state == -1);
    assert_int_equal(counts[0].n, 1);
    assert_true(counts[1].outcome == BACKFILL_CREATED && counts[1].run_state == RUN_RUNNING);
    assert_int_equal(counts[1].n, 1);
    assert_true(counts[2].outcome == BACKFILL_CREATED && counts[2].run_state == RUN_SUCCESS);
    assert_int_equal(counts[2].n, 2);
    assert_true(counts[3].outcome == BACKFILL_EXISTS && counts[3].run_state == -1);
    OK(OPS(f)->count_backfill(f->s, 2, &f->a, &counts, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_run_by_date(void **state)
{
    struct fixture *f = *state;
    struct run_row runs[3], got;
    struct store_batch b = {.runs = runs, .runs_len = 3};

    fixture_dag(f, 0);
    second_dag(f);
    runs[0] = run_of(11, T0, RUN_SUCCESS, "a"), runs[1] = run_of(13, T0, RUN_FAILED, "b"),
    runs[2] = run_of(12, T0 + 1, RUN_RUNNING, "c");
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->find_run_by_date(f->s, 1, T0, &f->a, &got, &f->e), f);
    assert_int_equal(got.run_key, 13);
    assert_string_equal(got.run_id, "b");
    assert_int_equal(OPS(f)->find_run_by_date(f->s, 1, T0 + 2, &f->a, &got, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->find_run_by_date(f->s, 2, T0, &f->a, &got, &f->e), -ERR_NOTFOUND);
    /* A run may become one of a backfill. */
    runs[0].backfill_key = 9;
    b.runs_len = 1;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_run(f->s, 11, &f->a, &got, &f->e), f);
    assert_int_equal(got.backfill_key, 9);
}

static void test_deleted_with_its_dag(void **state)
{
    struct fixture *f = *state;
    struct backfill_row rows[2], got;
    struct backfill_run_row dates[2] = {date(1, 1), date(2, 1)}, *left;
    int64_t runs;
    size_t n;

    fixture_dag(f, 0);
    second_dag(f);
    rows[0] = sample(1, 1), rows[1] = sample(2, 2);
    commit_backfills(f, rows, 2, dates, 2);
    assert_int_equal(OPS(f)->delete_dag(f->s, 1, &runs, &f->e), -ERR_CONFLICT);
    rows[0].completed_us = T0 + 5;
    commit_backfills(f, rows, 1, NULL, 0);
    OK(OPS(f)->delete_dag(f->s, 1, &runs, &f->e), f);
    assert_int_equal(OPS(f)->get_backfill(f->s, 1, &f->a, &got, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->get_backfill_runs(f->s, 1, false, 1, 0, &f->a, &left, &n, &f->e), f);
    assert_int_equal(n, 0);
    OK(OPS(f)->get_backfill_runs(f->s, 2, false, 1, 0, &f->a, &left, &n, &f->e), f);
    assert_int_equal(n, 1);
}

/* Old ones go once none of their runs is there, a piece at a time. */
static void test_pruned(void **state)
{
    struct fixture *f = *state;
    struct backfill_row rows[4], got;
    struct backfill_run_row dates[5] = {date(1, 1), date(1, 2), date(1, 3), date(2, 1), date(3, 1)};
    struct run_row run = sample_run(7, 1);
    struct store_batch b = {.runs = &run, .runs_len = 1};
    int64_t n;

    fixture_dag(f, 0);
    for (int i = 0; i < 4; i++) {
        rows[i] = sample(i + 1, 1);
        rows[i].completed_us = i < 3 ? T0 + i : TIME_NONE;
    }
    dates[4].run_key = 7;
    rows[2].completed_us = T0; /* it is old, but a run of it is there */
    commit_backfills(f, rows, 4, dates, 5);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->prune(f->s, PRUNE_BACKFILLS, T0 + 1, 2, &n, &f->e), f);
    assert_int_equal(n, 2); /* two of its dates */
    OK(OPS(f)->get_backfill(f->s, 1, &f->a, &got, &f->e), f);
    OK(OPS(f)->prune(f->s, PRUNE_BACKFILLS, T0 + 1, 2, &n, &f->e), f);
    assert_int_equal(n, 2); /* the third, and itself */
    assert_int_equal(OPS(f)->get_backfill(f->s, 1, &f->a, &got, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->prune(f->s, PRUNE_BACKFILLS, T0 + 1, 2, &n, &f->e), f);
    assert_int_equal(n, 0);
    expect_list(f, 0, false, 0, "4 3 2");
    OK(OPS(f)->prune(f->s, PRUNE_BACKFILLS, T0 + 100, 100, &n, &f->e), f);
    assert_int_equal(n, 2);
    expect_list(f, 0, false, 0, "4 3"); /* not completed; a run is there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_backfills), BOTH(test_without_dag), BOTH(test_dates),
        BOTH(test_counts),    BOTH(test_run_by_date), BOTH(test_deleted_with_its_dag),
        BOTH(test_pruned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
