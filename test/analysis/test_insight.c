/* Bottlenecks, drift, and the statistics below it: figures of other programs, and cases with a known answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/insight.h"
#include "analysis/process.h"
#include "analysis/stats.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "logs.h"

static void expect_near(double x, double y, double tolerance)
{
    if (!(fabs(x - y) < tolerance)) {
        fail_msg("%.17g is not %.17g", x, y);
    }
}

static void test_statistics(void **state)
{
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8}, y[] = {5, 6, 7, 8, 9, 10, 11, 12};
    const uint64_t a[] = {10, 20, 30}, b[] = {20, 20, 20}, few[] = {10, 20, 2};
    double chi, df;

    (void)state;
    /* scipy.stats: chi2.sf, mannwhitneyu(method="asymptotic"), chi2_contingency(correction=False) */
    expect_near(stats_chi_square_p(3.841458820694124, 1), 0.05, 1e-12);
    expect_near(stats_chi_square_p(100, 80), 0.064570368921133, 1e-12);
    expect_near(stats_chi_square_p(5, 100), 1, 1e-10);
    expect_near(stats_mann_whitney(x, 8, y, 8), 0.013313002763816655, 1e-12);
    expect_near(stats_mann_whitney(x, 8, x, 8), 1, 1e-12);
    expect_near(stats_same_counts(a, b, 3, &chi, &df), 0.0694834512228015, 1e-12);
    expect_near(chi, 5.333333333333334, 1e-12);
    expect_near(df, 2, 1e-12);
    (void)stats_same_counts(a, few, 2, &chi, &df);
    expect_near(stats_same_counts(a, a, 3, &chi, &df), 1, 1e-12);
}

/* Runs of a, then b, then c: a takes 10 s, b waits `wait` and takes 5 s, c as in the second version. */
static void add_run(struct plog *l, int n, const char *version, int64_t wait_s, int64_t b_s)
{
    static const char *const names[] = {"a", "b", "c"};
    int64_t at = (int64_t)n * 1000 * TIME_SECOND;
    struct err e = {0};
    uint32_t c, act;
    char id[20];

    (void)snprintf(id, sizeof id, "run %d", n);
    assert_int_equal(plog_case(l, id, strlen(id), &c, &e), 0);
    assert_int_equal(plog_set_version(l, c, version, &e), 0);
    for (int i = 0; i < (strcmp(version, "2") == 0 ? 3 : 2); i++) {
        int64_t takes = i == 1 ? b_s : 10;

        at += i == 1 ? wait_s * TIME_SECOND : 0;
        assert_int_equal(plog_activity(l, names[i], 1, &act, &e), 0);
        assert_int_equal(plog_event(l, c, act, PLOG_START, at, NULL, &e), 0);
        at += takes * TIME_SECOND;
        assert_int_equal(plog_event(l, c, act, PLOG_COMPLETE, at, NULL, &e), 0);
    }
}

static void test_bottlenecks(void **state)
{
    struct plog l;
    struct arena a;
    struct bottleneck *b;
    struct err e = {0};
    size_t n;

    (void)state;
    plog_init(&l);
    for (int i = 0; i < 4; i++) {
        add_run(&l, i, "1", 25, 5);
    }
    assert_int_equal(plog_finish(&l, &e), 0);
    arena_init(&a, MiB(1));
    assert_int_equal(bottlenecks_find(&l, &a, &b, &n, &e), 0);
    assert_int_equal(n, 2);
    /* A path takes 10 + 25 + 5 s; b has 30 of them, and all of the waiting. */
    assert_int_equal(b[0].activity, 1);
    expect_near(b[0].path_share, 30.0 / 40, 1e-12);
    expect_near(b[0].wait_share, 1, 1e-12);
    assert_int_equal(b[0].path_wait_us, 4 * 25 * TIME_SECOND);
    assert_int_equal(b[1].path_service_us, 4 * 10 * TIME_SECOND);
    arena_fini(&a);
    plog_fini(&l);
}

static void test_drift_between_versions(void **state)
{
    struct plog l;
    struct arena a;
    struct drift *d;
    struct err e = {0};
    size_t n;

    (void)state;
    plog_init(&l);
    for (int i = 0; i < 40; i++) {
        add_run(&l, i, i < 20 ? "1" : "2", 1, (i < 20 ? 5 : 9) + i % 3);
    }
    assert_int_equal(plog_finish(&l, &e), 0);
    arena_init(&a, MiB(4));
    assert_int_equal(drift_find(&l, &a, &d, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(d->before, "1");
    assert_string_equal(d->after, "2");
    assert_int_equal(d->cases_after, 20);
    assert_true(d->tested && d->flow_changed); /* it goes on to c */
    assert_int_equal(d->added_len, 1);
    assert_int_equal(d->removed_len, 0);
    assert_int_equal(d->times_len, 1); /* b takes longer, a does not */
    assert_int_equal(d->times[0].activity, 1);
    expect_near(d->times[0].before_s, 6, 1e-12);
    expect_near(d->times[0].after_s, 10, 1e-12);
    arena_fini(&a);
    plog_fini(&l);
}

static void test_no_drift_where_nothing_changed(void **state)
{
    struct plog l;
    struct arena a;
    struct drift *d;
    struct err e = {0};
    size_t n;

    (void)state;
    plog_init(&l);
    for (int i = 0; i < 40; i++) {
        add_run(&l, i, "1", 1, 5 + i % 4);
    }
    assert_int_equal(plog_finish(&l, &e), 0);
    arena_init(&a, MiB(4));
    assert_int_equal(drift_find(&l, &a, &d, &n, &e), 0);
    assert_int_equal(n, 1); /* the halves */
    assert_null(d->after);
    assert_true(d->tested && !d->flow_changed);
    assert_int_equal(d->times_len + d->added_len + d->removed_len, 0);
    arena_fini(&a);
    plog_fini(&l);
}

/* Every allocation fails once: an error, or the same result; nothing leaks (the sanitizers say so). */
static void test_memory_runs_out_anywhere(void **state)
{
    static const enum process_algorithm all[] = {PROCESS_INDUCTIVE, PROCESS_HEURISTIC, PROCESS_DFG};
    struct plog l;

    (void)state;
    log_of(&l, "abcd acbd aedbcd abbd aebcabd");
    for (int i = 0; i < 3; i++) {
        bool failed = true;

        for (uint64_t n = 1; failed && n < 5000; n++) {
            struct process_options o = {.algorithm = all[i]};
            struct process p;
            struct err e = {0};
            int rc;

            mem_fail_at(n, 0);
            rc = process_discover(&l, &o, &p, &e);
            failed = mem_count() >= n;
            mem_fail_at(0, 0);
            assert_true(rc == 0 || rc == -ERR_NOMEM);
            assert_true(rc != 0 || !failed || p.drawing.nodes_len > 0);
            process_fini(&p);
        }
        assert_false(failed);
    }
    plog_fini(&l);
}

static void test_the_report_is_json_and_text(void **state)
{
    struct plog l;
    struct process p;
    struct process_options o = {0};
    struct err e = {0};
    struct arena a;
    struct value *v;
    struct json_writer w;
    struct buf out BUF_CLEANUP;

    (void)state;
    buf_init(&out, MiB(4));
    arena_init(&a, MiB(16));
    log_of(&l, "abc acb ");
    assert_int_equal(process_discover(&l, &o, &p, &e), 0);
    json_writer_init(&w, &out, 0);
    json_object(&w);
    process_json(&p, &w);
    json_object_end(&w);
    assert_int_equal(value_parse(&a, buf_cstr(&out), out.len, &v, &e), 0);
    assert_string_equal(value_get(v, "traces")->text, "3");
    assert_string_equal(value_get(v, "fitness")->text, "1");
    assert_int_equal(value_get(v, "variants")->len, 3);
    buf_clear(&out);
    process_text(&p, &out);
    assert_non_null(strstr(buf_cstr(&out), "X( ->( 'a', +( 'b', 'c' ) ), tau )"));
    process_fini(&p);
    plog_fini(&l);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_bottlenecks),
        cmocka_unit_test(test_drift_between_versions),
        cmocka_unit_test(test_no_drift_where_nothing_changed),
        cmocka_unit_test(test_memory_runs_out_anywhere),
        cmocka_unit_test(test_the_report_is_json_and_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
