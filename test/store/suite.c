/*
 * The one suite of the store: every operation and query, on every driver. Here commits, DAGs, runs
 * and maintenance; suite_tis.c has what hangs on runs.
 */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "model/states.h"

/* ---- commit ---- */

static void test_seq(void **state)
{
    struct fixture *f = *state;
    struct store_batch b = {0};
    struct pool_row pool = {.name = "p", .slots = 1};
    struct pool_row *pools;
    size_t n;
    int64_t epoch2, seq2;

    assert_int_equal(f->epoch, 1);
    assert_int_equal(f->seq, 0);
    assert_int_equal(OPS(f)->commit(f->s, 0, f->epoch, 0, &b, &f->e), -ERR_INVALID);
    assert_int_equal(OPS(f)->commit(f->s, 0, f->epoch, 2, &b, &f->e), -ERR_CONFLICT);
    assert_int_equal(OPS(f)->commit(f->s, 0, f->epoch + 1, 1, &b, &f->e), -ERR_STALE);
    assert_int_equal(OPS(f)->commit(f->s, 1, 1, 1, &b, &f->e), -ERR_STALE);
    assert_int_equal(OPS(f)->commit(f->s, 64, 1, 1, &b, &f->e), -ERR_INVALID);
    assert_int_equal(OPS(f)->commit(f->s, -1, 1, 1, &b, &f->e), -ERR_INVALID);
    OK(OPS(f)->commit(f->s, 0, f->epoch, 1, &b, &f->e), f);
    /* The same seq again is a no-op, even with other rows. */
    b = (struct store_batch){.pools = &pool, .pools_len = 1};
    OK(OPS(f)->commit(f->s, 0, f->epoch, 1, &b, &f->e), f);
    OK(OPS(f)->get_pools(f->s, &f->a, &pools, &n, &f->e), f);
    assert_int_equal(n, 0);
    assert_null(pools);
    OK(OPS(f)->commit(f->s, 0, f->epoch, 2, &b, &f->e), f);
    assert_int_equal(OPS(f)->commit(f->s, 0, f->epoch, 1, &b, &f->e), -ERR_CONFLICT);
    /* A new owner goes on with the seq; the old one is refused, also with the seq that it
     * committed. */
    OK(OPS(f)->acquire(f->s, 0, "other", &epoch2, &seq2, &f->e), f);
    assert_int_equal(epoch2, 2);
    assert_int_equal(seq2, 2);
    assert_int_equal(OPS(f)->commit(f->s, 0, 1, 3, &b, &f->e), -ERR_STALE);
    assert_int_equal(OPS(f)->commit(f->s, 0, 1, 2, &b, &f->e), -ERR_STALE);
    OK(OPS(f)->commit(f->s, 0, 2, 3, &b, &f->e), f);
    /* Shards count by themselves. */
    OK(OPS(f)->acquire(f->s, 63, "other", &epoch2, &seq2, &f->e), f);
    assert_int_equal(epoch2, 1);
    assert_int_equal(seq2, 0);
    OK(OPS(f)->commit(f->s, 63, 1, 1, &b, &f->e), f);
    assert_int_equal(OPS(f)->acquire(f->s, 64, "other", &epoch2, &seq2, &f->e), -ERR_INVALID);
}

static void test_keys(void **state)
{
    struct fixture *f = *state;
    int64_t first;

    OK(OPS(f)->reserve_keys(f->s, "run", 100, &first, &f->e), f);
    assert_int_equal(first, 1);
    OK(OPS(f)->reserve_keys(f->s, "run", 1, &first, &f->e), f);
    assert_int_equal(first, 101);
    OK(OPS(f)->reserve_keys(f->s, "dag", 10, &first, &f->e), f);
    assert_int_equal(first, 1);
    OK(OPS(f)->reserve_keys(f->s, "run", 5, &first, &f->e), f);
    assert_int_equal(first, 102);
    assert_int_equal(OPS(f)->reserve_keys(f->s, "run", 0, &first, &f->e), -ERR_INVALID);
}

static void test_refused_batches(void **state)
{
    struct fixture *f = *state;
    struct dag_row dag = {.dag_key = 2, .dag_id = "etl"};
    struct version_row version = {
        .version_key = 9, .dag_key = 9, .hash = "h", .document = "", .document_len = 0};
    struct run_row run = sample_run(5, 1);
    struct ti_row ti = sample_ti(1, 0, -1);
    struct command_row twice[2] = {{.key = "k", .result = "{}"}, {.key = "k", .result = "{}"}};
    struct store_batch b = {.tis = &ti, .tis_len = 1};
    struct ti_row *tis;
    size_t n;

    fixture_dag(f, 1);
    b.dags = &dag, b.dags_len = 1;
    assert_int_equal(fixture_commit(f, &b), -ERR_EXISTS); /* dag_id under another key */
    b.dags_len = 0;
    b.versions = &version, b.versions_len = 1;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID); /* no such DAG */
    version.dag_key = 1, version.hash = "abc";
    assert_int_equal(fixture_commit(f, &b), -ERR_EXISTS); /* this hash has another key */
    b.versions_len = 0;
    b.runs = &run, b.runs_len = 1;
    run.dag_key = 3;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID);
    run.dag_key = 1, run.version_key = 77;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID);
    run.version_key = 1, run.run_id = "scheduled__1";
    assert_int_equal(fixture_commit(f, &b), -ERR_EXISTS);
    run.run_id = NULL;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID);
    b.runs_len = 0;
    b.commands = twice, b.commands_len = 2;
    assert_int_equal(fixture_commit(f, &b), -ERR_EXISTS);
    /* All or nothing: the instance that stood before the refused row is not there. */
    OK(OPS(f)->get_tis(f->s, 1, 0, &f->a, &tis, &n, &f->e), f);
    assert_int_equal(n, 0);
    b.commands_len = 1;
    OK(fixture_commit(f, &b), f);
    assert_int_equal(fixture_commit(f, &b), -ERR_EXISTS);
    OK(OPS(f)->get_tis(f->s, 1, 0, &f->a, &tis, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void test_grants(void **state)
{
    struct fixture *f = *state;
    struct pool_row pool = {.name = "db", .slots = 10};
    struct grant_row g = {.resource = "db", .n = 6};
    struct store_batch b = {.grants = &g, .grants_len = 1};
    struct store_batch pools = {.pools = &pool, .pools_len = 1};
    int64_t epoch, seq;

    assert_int_equal(fixture_commit(f, &b), -ERR_CONFLICT); /* no such pool: no slots */
    b.pools = &pool, b.pools_len = 1;
    OK(fixture_commit(f, &b), f); /* pools come before grants */
    b.pools_len = 0;
    OK(OPS(f)->acquire(f->s, 1, "b", &epoch, &seq, &f->e), f);
    g.n = 5;
    assert_int_equal(OPS(f)->commit(f->s, 1, epoch, 1, &b, &f->e), -ERR_CONFLICT); /* 6 + 5 > 10 */
    g.n = 4;
    OK(OPS(f)->commit(f->s, 1, epoch, 1, &b, &f->e), f);
    g.n = 7;
    assert_int_equal(fixture_commit(f, &b), -ERR_CONFLICT);
    g.n = 6; /* as before */
    OK(fixture_commit(f, &b), f);
    /* The slots shrink: nobody grows, everybody may give back. */
    pool.slots = 3;
    OK(fixture_commit(f, &pools), f);
    g.n = 5;
    OK(fixture_commit(f, &b), f);
    g.n = 6;
    assert_int_equal(fixture_commit(f, &b), -ERR_CONFLICT);
    g.n = 0;
    OK(fixture_commit(f, &b), f);
    OK(fixture_commit(f, &b), f);
    g.n = 1;
    assert_int_equal(fixture_commit(f, &b), -ERR_CONFLICT); /* 4 of 3 are held */
    g.n = INT64_MAX;
    assert_int_equal(fixture_commit(f, &b), -ERR_CONFLICT);
    g.n = -1;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID);
    pool.slots = -1; /* unlimited */
    OK(fixture_commit(f, &pools), f);
    g.n = 1000000;
    OK(fixture_commit(f, &b), f);
}

/* ---- DAGs and versions ---- */

static void test_dags(void **state)
{
    struct fixture *f = *state;
    struct dag_row dags[3] = {
        {.dag_key = 3,
         .dag_id = "b",
         .file = NULL,
         .paused = true,
         .version_key = 0,
         .updated_us = T0},
        {.dag_key = 1, .dag_id = "a", .file = "a.py", .version_key = 4, .updated_us = TIME_NONE},
        {.dag_key = 2, .dag_id = "Ünïcødé/日本", .file = "x y", .updated_us = -5}};
    struct store_batch b = {.dags = dags, .dags_len = 3};
    struct dag_row *got, one;
    size_t n;

    OK(OPS(f)->get_dags(f->s, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 0);
    assert_int_equal(OPS(f)->find_dag(f->s, "a", &f->a, &one, &f->e), -ERR_NOTFOUND);
    assert_non_null(strstr(f->e.text, "a"));
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_dags(f->s, &f->a, &got, &n, &f->e), f);
    assert_int_equal(n, 3);
    assert_string_equal(got[0].dag_id, "a");
    assert_string_equal(got[1].dag_id, "b");
    assert_string_equal(got[2].dag_id, "Ünïcødé/日本");
    assert_true(got[1].paused);
    assert_null(got[1].file);
    assert_int_equal(got[0].updated_us, TIME_NONE);
    assert_int_equal(got[2].updated_us, -5);
    /* An upsert, with a new name. */
    dags[0].dag_id = "c", dags[0].paused = false, dags[0].file = "c.yaml";
    b.dags_len = 1;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->find_dag(f->s, "c", &f->a, &one, &f->e), f);
    assert_int_equal(one.dag_key, 3);
    assert_false(one.paused);
    assert_string_equal(one.file, "c.yaml");
    assert_int_equal(OPS(f)->find_dag(f->s, "b", &f->a, &one, &f->e), -ERR_NOTFOUND);
}

static void test_versions(void **state)
{
    struct fixture *f = *state;
    size_t big = 3000000;
    char *document = mem_alloc(big);
    struct version_row v = {.version_key = 2,
                            .dag_key = 1,
                            .hash = "h2",
                            .document = document,
                            .document_len = big,
                            .created_us = T0};
    struct store_batch b = {.versions = &v, .versions_len = 1};
    struct version_row got;
    int64_t key;

    fixture_dag(f, 0);
    memset(document, 'x', big);
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_version(f->s, 2, &f->a, &got, &f->e), f);
    assert_int_equal(got.document_len, big);
    assert_memory_equal(got.document, document, big);
    assert_int_equal(got.document[big], 0);
    assert_string_equal(got.hash, "h2");
    /* Immutable: the same key again changes nothing. */
    v.document = "other", v.document_len = 5, v.hash = "h3";
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->find_version(f->s, 1, "h2", &key, &f->e), f);
    assert_int_equal(key, 2);
    assert_int_equal(OPS(f)->find_version(f->s, 1, "h3", &key, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->find_version(f->s, 2, "h2", &key, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->get_version(f->s, 3, &f->a, &got, &f->e), -ERR_NOTFOUND);
    mem_free(document);
}

/* ---- runs ---- */

static void expect_runs(struct fixture *f, int64_t dag, unsigned states, int64_t after,
                        size_t limit, const char *want)
{
    struct run_row *runs;
    size_t n;
    char got[400] = "";

    OK(OPS(f)->get_runs(f->s, dag, states, after, limit, &f->a, &runs, &n, &f->e), f);
    for (size_t i = 0; i < n; i++) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%lld", i > 0 ? " " : "",
                 (long long)runs[i].run_key);
    }
    assert_string_equal(got, want);
}

static void test_runs(void **state)
{
    struct fixture *f = *state;
    struct dag_row dag = {.dag_key = 2, .dag_id = "two"};
    struct version_row version = {
        .version_key = 2, .dag_key = 2, .hash = "x", .document = "", .document_len = 0};
    struct run_row runs[3] = {sample_run(7, 2), sample_run(8, 2), sample_run(9, 2)};
    struct store_batch b = {.dags = &dag,
                            .dags_len = 1,
                            .versions = &version,
                            .versions_len = 1,
                            .runs = runs,
                            .runs_len = 3};
    struct run_row *none;
    size_t n;

    fixture_dag(f, 5);
    runs[0].run_after_us = runs[1].run_after_us =
        T0; /* equal: the key decides; and older than all */
    runs[1].state = RUN_QUEUED;
    runs[2].state = RUN_FAILED, runs[2].run_after_us = INT64_MIN;
    OK(fixture_commit(f, &b), f);
    runs[0] = sample_run(3, 1), runs[0].state = RUN_SUCCESS, runs[0].end_us = T0;
    b = (struct store_batch){.runs = runs, .runs_len = 1};
    OK(fixture_commit(f, &b), f);

    expect_runs(f, 0, 0, 0, 0, "5 4 3 2 1 8 7 9");
    expect_runs(f, 1, 0, 0, 0, "5 4 3 2 1");
    expect_runs(f, 2, 0, 0, 0, "8 7 9");
    expect_runs(f, 3, 0, 0, 0, "");
    expect_runs(f, 0, 1u << RUN_RUNNING | 1u << RUN_QUEUED, 0, 0, "5 4 2 1 8 7");
    expect_runs(f, 2, 1u << RUN_RUNNING | 1u << RUN_QUEUED, 0, 0, "8 7");
    expect_runs(f, 0, 1u << RUN_QUEUED, 0, 0, "8");
    expect_runs(f, 0, 1u << RUN_SUCCESS | 1u << RUN_FAILED, 0, 0, "3 9");
    expect_runs(f, 2, 1u << RUN_FAILED | 1u << RUN_RUNNING, 0, 0, "7 9");
    expect_runs(f, 0, 0, 0, 2, "5 4");
    expect_runs(f, 0, 0, 4, 3, "3 2 1");
    expect_runs(f, 0, 0, 8, 9, "7 9");
    expect_runs(f, 0, 1u << RUN_RUNNING, 2, 2, "1 7");
    expect_runs(f, 1, 0, 3, 1, "2");
    expect_runs(f, 0, 0, 9, 0, "");
    assert_int_equal(OPS(f)->get_runs(f->s, 0, 0, 99, 0, &f->a, &none, &n, &f->e), -ERR_NOTFOUND);
}

static void test_run_fields(void **state)
{
    struct fixture *f = *state;
    struct run_row run = sample_run(7, 1), got;
    struct store_batch b = {.runs = &run, .runs_len = 1};

    fixture_dag(f, 0);
    run.run_id = "manual__2026-01-01T00:00:00+00:00", run.type = RUN_TYPE_MANUAL;
    run.logical_date_us = TIME_NONE, run.data_interval_start_us = TIME_NONE,
    run.data_interval_end_us = TIME_NONE;
    run.backfill_key = INT64_C(1) << 40, run.clear_number = UINT32_MAX, run.conf = "{\"a\": \"ü\"}",
    run.reason = "because";
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->find_run(f->s, 1, run.run_id, &f->a, &got, &f->e), f);
    assert_int_equal(got.run_key, 7);
    assert_int_equal(got.logical_date_us, TIME_NONE);
    assert_int_equal(got.backfill_key, INT64_C(1) << 40);
    assert_int_equal(got.clear_number, UINT32_MAX);
    assert_string_equal(got.conf, "{\"a\": \"ü\"}");
    assert_string_equal(got.reason, "because");
    assert_int_equal(got.type, RUN_TYPE_MANUAL);
    /* An upsert changes what may change, and only that. */
    run.state = RUN_SUCCESS, run.end_us = T0 + 9, run.reason = NULL, run.clear_number = 1;
    run.run_id = "x", run.run_after_us = 1, run.backfill_key = 3, run.logical_date_us = 4,
    run.type = RUN_TYPE_SCHEDULED;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_run(f->s, 7, &f->a, &got, &f->e), f);
    assert_int_equal(got.state, RUN_SUCCESS);
    assert_int_equal(got.end_us, T0 + 9);
    assert_null(got.reason);
    assert_int_equal(got.clear_number, 1);
    assert_string_equal(got.run_id, "manual__2026-01-01T00:00:00+00:00");
    assert_int_equal(got.backfill_key, 3);
    assert_int_equal(got.logical_date_us, TIME_NONE);
    assert_int_equal(got.type, RUN_TYPE_MANUAL);
    assert_int_equal(OPS(f)->get_run(f->s, 8, &f->a, &got, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->find_run(f->s, 1, "y", &f->a, &got, &f->e), -ERR_NOTFOUND);
    assert_int_equal(
        OPS(f)->find_run(f->s, 2, "manual__2026-01-01T00:00:00+00:00", &f->a, &got, &f->e),
        -ERR_NOTFOUND);
}

static void test_previous_run(void **state)
{
    struct fixture *f = *state;
    struct run_row more[3] = {sample_run(6, 1), sample_run(7, 1), sample_run(10, 1)};
    struct store_batch b = {.runs = more, .runs_len = 3};
    struct run_row got;

    fixture_dag(f, 3);
    more[0].type = RUN_TYPE_MANUAL, more[0].logical_date_us = sample_run(3, 1).logical_date_us - 5;
    more[1].type = RUN_TYPE_ASSET_TRIGGERED, more[1].logical_date_us = TIME_NONE;
    more[2].type = RUN_TYPE_BACKFILL,
    more[2].logical_date_us = sample_run(1, 1).logical_date_us - 5;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->previous_run(f->s, 3, true, &f->a, &got, &f->e), f);
    assert_int_equal(got.run_key, 6);
    OK(OPS(f)->previous_run(f->s, 3, false, &f->a, &got, &f->e), f);
    assert_int_equal(got.run_key, 2);
    OK(OPS(f)->previous_run(f->s, 1, false, &f->a, &got, &f->e), f);
    assert_int_equal(got.run_key, 10);
    assert_int_equal(OPS(f)->previous_run(f->s, 10, true, &f->a, &got, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->previous_run(f->s, 7, true, &f->a, &got, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->previous_run(f->s, 99, true, &f->a, &got, &f->e), -ERR_NOTFOUND);
}

static void test_last_scheduled_run(void **state)
{
    struct fixture *f = *state;
    struct run_row more[3] = {sample_run(6, 1), sample_run(7, 1), sample_run(10, 1)};
    struct store_batch b = {.runs = more, .runs_len = 3};
    struct run_row got;

    fixture_dag(f, 0);
    assert_int_equal(OPS(f)->last_scheduled_run(f->s, 1, &f->a, &got, &f->e), -ERR_NOTFOUND);
    more[0].type = RUN_TYPE_SCHEDULED, more[0].run_after_us = T0 + 20;
    more[1].type = RUN_TYPE_SCHEDULED, more[1].run_after_us = T0 + 10;
    more[2].type = RUN_TYPE_MANUAL, more[2].run_after_us = T0 + 30;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->last_scheduled_run(f->s, 1, &f->a, &got, &f->e), f);
    assert_int_equal(got.run_key, 6);
    assert_int_equal(got.data_interval_end_us, more[0].data_interval_end_us);
    assert_int_equal(OPS(f)->last_scheduled_run(f->s, 9, &f->a, &got, &f->e), -ERR_NOTFOUND);
}

/* ---- maintenance ---- */

/* Until nothing is left to sweep; takes no further run. */
static void sweep(struct fixture *f)
{
    bool more = true;
    int64_t n;

    while (more) {
        OK(OPS(f)->clean(f->s, INT64_MIN, 0, &n, &more, &f->e), f);
        assert_int_equal(n, 0);
    }
}

static void expect_garbage(struct fixture *f, const char *run_ids)
{
    struct run_name *rows;
    char text[200] = "";
    size_t len;

    OK(OPS(f)->get_garbage(f->s, 0, &f->a, &rows, &len, &f->e), f);
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
                       rows[i].run_id);
        assert_string_equal(rows[i].dag_id, "etl");
    }
    assert_string_equal(text, run_ids);
}

static void test_clean(void **state)
{
    struct fixture *f = *state;
    int64_t n;
    bool more;
    size_t len;
    struct ti_row *tis;
    struct transition_row *ts;
    const char *text;
    struct xcom_row xcom;

    fixture_dag(f, 6);
    for (int run = 1; run <= 6; run++) {
        struct run_row r = sample_run(run, 1);
        struct ti_row t = sample_ti(run, 0, -1);
        struct transition_row tr = sample_transition(run, 0, T0, "r");
        struct xcom_row x = {.key = {run, 0, -1}, .name = "x", .value = "1", .value_len = 1};
        struct rendered_row rr = {.key = {run, 0, -1}, .json = "{}"};
        struct attempt_row at = {.key = {run, 0, -1}, .try_number = 1};
        struct store_batch b = {.runs = &r,
                                .runs_len = 1,
                                .tis = &t,
                                .tis_len = 1,
                                .transitions = &tr,
                                .transitions_len = 1,
                                .tries = &t,
                                .tries_len = 1,
                                .xcoms = &x,
                                .xcoms_len = 1,
                                .rendered = &rr,
                                .rendered_len = 1,
                                .attempts = &at,
                                .attempts_len = 1};

        r.state = run == 2 ? RUN_RUNNING : RUN_FAILED;
        r.end_us = run == 2 ? TIME_NONE : T0 + run;
        OK(fixture_commit(f, &b), f);
    }
    OK(OPS(f)->count_old_runs(f->s, T0 + 5, &n, &f->e), f);
    assert_int_equal(n, 3); /* 1, 3, 4 */
    OK(OPS(f)->clean(f->s, T0 + 5, 2, &n, &more, &f->e), f);
    assert_int_equal(n, 2);
    assert_true(more);
    expect_runs(f, 0, 0, 0, 0, "6 5 4 2"); /* not seen any more, with their rows or without */
    sweep(f);
    expect_runs(f, 0, 0, 0, 0, "6 5 4 2");
    OK(OPS(f)->get_tis(f->s, 1, 0, &f->a, &tis, &len, &f->e), f);
    assert_int_equal(len, 0);
    OK(OPS(f)->get_transitions(f->s, 1, NULL, 0, &f->a, &ts, &len, &f->e), f);
    assert_int_equal(len, 0);
    OK(OPS(f)->get_tries(f->s, &(struct ti_key){1, 0, -1}, &f->a, &tis, &len, &f->e), f);
    assert_int_equal(len, 0);
    assert_int_equal(OPS(f)->get_rendered(f->s, &(struct ti_key){1, 0, -1}, &f->a, &text, &f->e),
                     -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->get_xcom(f->s, &(struct ti_key){1, 0, -1}, "x", &f->a, &xcom, &f->e),
                     -ERR_NOTFOUND);
    OK(OPS(f)->get_xcom(f->s, &(struct ti_key){4, 0, -1}, "x", &f->a, &xcom, &f->e), f);
    OK(OPS(f)->clean(f->s, INT64_MAX, 0, &n, &more, &f->e), f);
    assert_int_equal(n, 2);
    sweep(f);
    expect_runs(f, 0, 0, 0, 0, "6 2"); /* the newest scheduled run stays, and what lives */
    OK(OPS(f)->clean(f->s, INT64_MAX, 0, &n, &more, &f->e), f);
    assert_int_equal(n, 0);
    assert_false(more);
    expect_garbage(f, "scheduled__1 scheduled__3 scheduled__4 scheduled__5");
    OK(OPS(f)->drop_garbage(f->s, (int64_t[]){1, 4, 77}, 3, &f->e), f);
    expect_garbage(f, "scheduled__3 scheduled__5");
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void test_delete_dag(void **state)
{
    struct fixture *f = *state;
    struct dag_row other = {.dag_key = 2, .dag_id = "other", .version_key = 20};
    struct version_row v = {
        .version_key = 20, .dag_key = 2, .hash = "h2", .document = "{}", .document_len = 2};
    struct run_row runs[3];
    struct ti_row t = sample_ti(2, 0, -1);
    struct store_batch b = {.dags = &other,
                            .dags_len = 1,
                            .versions = &v,
                            .versions_len = 1,
                            .runs = runs,
                            .runs_len = 3,
                            .tis = &t,
                            .tis_len = 1};
    struct dag_row *dags;
    struct ti_row *tis;
    struct version_row got;
    size_t len;
    int64_t n;

    fixture_dag(f, 2);
    for (int i = 0; i < 3; i++) {
        runs[i] = sample_run(3 - i, i == 0 ? 2 : 1);
        runs[i].state = i == 2 ? RUN_RUNNING : RUN_SUCCESS;
        runs[i].end_us = i == 2 ? TIME_NONE : T0;
    }
    runs[0].version_key = 20;
    OK(fixture_commit(f, &b), f);
    assert_int_equal(OPS(f)->delete_dag(f->s, 1, &n, &f->e), -ERR_CONFLICT);
    expect_runs(f, 0, 0, 0, 0, "3 2 1");
    runs[2].state = RUN_FAILED;
    runs[2].end_us = T0;
    b = (struct store_batch){.runs = &runs[2], .runs_len = 1};
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->delete_dag(f->s, 1, &n, &f->e), f);
    assert_int_equal(n, 2);
    expect_garbage(f, "scheduled__1 scheduled__2");
    expect_runs(f, 0, 0, 0, 0, "3");
    OK(OPS(f)->get_dags(f->s, &f->a, &dags, &len, &f->e), f);
    assert_int_equal(len, 1);
    assert_string_equal(dags[0].dag_id, "other");
    OK(OPS(f)->get_version(f->s, 20, &f->a, &got, &f->e), f);
    OK(OPS(f)->get_tis(f->s, 2, 0, &f->a, &tis, &len, &f->e), f);
    assert_int_equal(len, 0);
    assert_int_equal(OPS(f)->delete_dag(f->s, 1, &n, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void test_prune(void **state)
{
    struct fixture *f = *state;
    struct version_row versions[3];
    struct audit_row audits[3];
    struct command_row commands[3];
    struct asset_event_row events[3];
    struct store_batch b = {.versions = versions,
                            .versions_len = 3,
                            .audits = audits,
                            .audits_len = 3,
                            .commands = commands,
                            .commands_len = 3,
                            .asset_events = events,
                            .asset_events_len = 3};
    struct run_row run = sample_run(1, 1);
    static const char *const keys[] = {"k0", "k1", "k2"};
    static const int64_t left[PRUNE_MAX_] = {1, 1, 2, 2};
    struct version_row got;
    const char *result;
    int64_t n, newest;

    fixture_dag(f, 2);
    for (int i = 0; i < 3; i++) {
        versions[i] = (struct version_row){.version_key = 30 + i,
                                           .dag_key = 1,
                                           .hash = keys[i],
                                           .document = "{}",
                                           .document_len = 2,
                                           .created_us = T0 + i};
        audits[i] = (struct audit_row){.actor = "a", .action = "b", .at_us = T0 + i};
        commands[i] = (struct command_row){.key = keys[i], .result = "{}", .at_us = T0 + i};
        events[i] = (struct asset_event_row){.name = i < 2 ? "x" : "y",
                                             .uri = "u",
                                             .group = "asset",
                                             .map_index = -1,
                                             .aliases = i == 0 ? "al" : NULL,
                                             .aliases_len = i == 0 ? 3 : 0,
                                             .at_us = T0 + i};
    }
    OK(fixture_commit(f, &b), f);
    run.version_key = 31;
    b = (struct store_batch){.runs = &run, .runs_len = 1};
    OK(fixture_commit(f, &b), f);
    for (enum prune_kind k = 0; k < PRUNE_MAX_; k++) {
        OK(OPS(f)->prune(f->s, k, T0 + 2, 1, &n, &f->e), f);
        assert_int_equal(n, 1);
        OK(OPS(f)->prune(f->s, k, T0 + 2, 100, &n, &f->e), f);
        assert_int_equal(n, 2 - left[k]);
        OK(OPS(f)->prune(f->s, k, T0 + 2, 100, &n, &f->e), f);
        assert_int_equal(n, 0);
    }
    assert_int_equal(OPS(f)->find_command(f->s, "k1", &f->a, &result, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->find_command(f->s, "k2", &f->a, &result, &f->e), f);
    OK(OPS(f)->count_asset_events(
           f->s, &(struct asset_event_query){.from_us = TIME_NONE, .to_us = TIME_NONE}, &n, &newest,
           &f->e),
       f);
    assert_int_equal(n, 2);
    assert_int_equal(OPS(f)->get_version(f->s, 30, &f->a, &got, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->get_version(f->s, 31, &f->a, &got, &f->e), f); /* a run has it */
    OK(OPS(f)->get_version(f->s, 32, &f->a, &got, &f->e), f); /* it is young */
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void test_small_things(void **state)
{
    struct fixture *f = *state;
    int have, newest;
    bool more = true;
    struct err small = {0};

    OK(OPS(f)->schema_version(f->s, &have, &newest, &f->e), f);
    assert_int_equal(have, newest);
    OK(OPS(f)->upkeep(f->s, &more, &f->e), f);
    assert_false(more);
    OK(OPS(f)->check(f->s, &small), f);
    assert_string_equal(f->s->driver, f->driver);
    /* Errors without a place for their text. */
    assert_int_equal(OPS(f)->commit(f->s, 0, 99, 1, &(struct store_batch){0}, NULL), -ERR_STALE);
    assert_int_equal(OPS(f)->find_dag(f->s, "a", &f->a, &(struct dag_row){0}, NULL), -ERR_NOTFOUND);
}

static int put(struct fixture *f, const char *kind, const char *name, const char *value,
               int64_t version)
{
    struct setting_row row = {.kind = kind,
                              .name = name,
                              .value = value,
                              .value_len = value != NULL ? strlen(value) : 0,
                              .version = version,
                              .updated_us = T0};

    return OPS(f)->put_settings(f->s, &row, 1, &f->e);
}

static void test_settings(void **state)
{
    struct fixture *f = *state;
    struct setting_row *rows,
        two[2] = {{.kind = "variable", .name = "a", .value = "3", .value_len = 1, .version = 2},
                  {.kind = "variable", .name = "b", .value = "9", .value_len = 1, .version = 7}};
    struct xcom_row *xcoms;
    size_t n;

    OK(put(f, "variable", "b", "1", 0), f);
    OK(put(f, "variable", "a", "1", -1), f);
    OK(put(f, "connection", "a", "c", 0), f);
    assert_int_equal(put(f, "variable", "a", "2", 0), -ERR_STALE);
    OK(put(f, "variable", "a", "2", 1), f);
    assert_int_equal(put(f, "variable", "a", "2", 1), -ERR_STALE);
    OK(OPS(f)->get_settings(f->s, "variable", NULL, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].name, "a");
    assert_int_equal(rows[0].version, 2);
    assert_memory_equal(rows[0].value, "2", 1);
    /* All or none. */
    assert_int_equal(OPS(f)->put_settings(f->s, two, 2, &f->e), -ERR_STALE);
    OK(OPS(f)->get_settings(f->s, "variable", "a", &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_memory_equal(rows[0].value, "2", 1);
    two[1].version = 1;
    OK(OPS(f)->put_settings(f->s, two, 2, &f->e), f);
    OK(put(f, "variable", "a", NULL, -1), f);
    assert_int_equal(put(f, "variable", "a", NULL, -1), -ERR_NOTFOUND);
    OK(OPS(f)->get_settings(f->s, "variable", "a", &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 0);
    OK(OPS(f)->get_settings(f->s, "connection", "a", &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(OPS(f)->get_xcoms(f->s, &(struct ti_key){1, 0, -1}, &f->a, &xcoms, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_pools_alone(void **state)
{
    struct fixture *f = *state;
    struct pool_row p = {.name = "p", .slots = 3, .description = "d"}, *rows;
    size_t n;

    OK(OPS(f)->put_pool(f->s, &p, false, &f->e), f);
    p.slots = 4;
    OK(OPS(f)->put_pool(f->s, &p, false, &f->e), f);
    OK(OPS(f)->get_pools(f->s, &f->a, &rows, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].slots, 4);
    OK(OPS(f)->put_pool(f->s, &p, true, &f->e), f);
    assert_int_equal(OPS(f)->put_pool(f->s, &p, true, &f->e), -ERR_NOTFOUND);
}

static void test_a_change_of_settings_is_whole(void **state)
{
    struct fixture *f = *state;
    struct setting_row row = {.kind = "user", .name = "a", .value = "1", .value_len = 1};
    struct pool_row p = {.name = "p", .slots = 3}, *pools;
    struct audit_row audit = {.actor = "x",
                              .action = "made",
                              .subject = "a",
                              .after = "{}",
                              .at_us = T0},
                     *audits;
    struct settings_change c = {
        .rows = &row, .rows_len = 1, .pool = &p, .audits = &audit, .audits_len = 1};
    struct setting_row *rows;
    int64_t all;
    size_t n;

    OK(OPS(f)->change_settings(f->s, &c, &f->e), f);
    OK(OPS(f)->get_audits(f->s, 0, 0, 0, &f->a, &audits, &n, &all, &f->e), f);
    assert_int_equal(all, 1);
    assert_string_equal(audits[0].subject, "a");
    assert_null(audits[0].before);
    OK(OPS(f)->get_pools(f->s, &f->a, &pools, &n, &f->e), f);
    assert_int_equal(n, 1);
    /* The row is there already: neither the pool nor the audit changes. */
    p.slots = 5;
    assert_int_equal(OPS(f)->change_settings(f->s, &c, &f->e), -ERR_STALE);
    /* The pool is not there: neither the row nor the audit changes. */
    row.version = 1;
    row.value = "2";
    p.name = "other";
    c.pool_gone = true;
    assert_int_equal(OPS(f)->change_settings(f->s, &c, &f->e), -ERR_NOTFOUND);
    OK(OPS(f)->get_settings(f->s, "user", "a", &f->a, &rows, &n, &f->e), f);
    assert_memory_equal(rows[0].value, "1", 1);
    OK(OPS(f)->get_pools(f->s, &f->a, &pools, &n, &f->e), f);
    assert_int_equal(pools[0].slots, 3);
    OK(OPS(f)->get_audits(f->s, 0, 0, 0, &f->a, &audits, &n, &all, &f->e), f);
    assert_int_equal(all, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_seq),
        BOTH(test_keys),
        BOTH(test_refused_batches),
        BOTH(test_grants),
        BOTH(test_dags),
        BOTH(test_versions),
        BOTH(test_runs),
        BOTH(test_run_fields),
        BOTH(test_previous_run),
        BOTH(test_last_scheduled_run),
        BOTH(test_clean),
        BOTH(test_small_things),
        BOTH(test_settings),
        BOTH(test_pools_alone),
        BOTH(test_a_change_of_settings_is_whole),
        BOTH(test_delete_dag),
        BOTH(test_prune),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
