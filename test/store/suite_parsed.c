/* The suite of the store, continued: what looks at the DAG files found, and which versions of a bundle are referred to. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"

static struct parsed_dag_row parsed(const char *dag_id, bool active)
{
    return (struct parsed_dag_row){.dag_id = dag_id,
                                   .bundle = "dags-folder",
                                   .file = "a.py",
                                   .active = active,
                                   .parsed_us = T0,
                                   .tags = "[\"x\"]",
                                   .owners = "[\"airflow\"]"};
}

static struct import_error_row wrong(const char *file, const char *text, int64_t at_us)
{
    return (struct import_error_row){
        .bundle = "dags-folder", .file = file, .text = text, .at_us = at_us};
}

static void put(struct fixture *f, const struct parsed_dag_row *dags, size_t dags_len,
                const struct import_error_row *errors, size_t errors_len)
{
    const struct parsed_batch b = {dags, dags_len, errors, errors_len};

    OK(OPS(f)->put_parsed(f->s, &b, &f->e), f);
}

static void test_parsed_dags(void **state)
{
    struct fixture *f = *state;
    struct parsed_dag_row rows[] = {parsed("b", true), parsed("a", true)}, *found;
    size_t n;

    rows[1].bundle_version = "0123";
    put(f, rows, LEN(rows), NULL, 0);
    rows[0].active = false;
    rows[0].tags = "[]";
    put(f, rows, 1, NULL, 0);
    OK(OPS(f)->get_parsed_dags(f->s, NULL, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(found[0].dag_id, "a");
    assert_string_equal(found[0].bundle_version, "0123");
    assert_true(found[0].active);
    assert_false(found[1].active);
    assert_null(found[1].bundle_version);
    assert_string_equal(found[1].tags, "[]");
    assert_string_equal(found[1].owners, "[\"airflow\"]");
    assert_int_equal(found[1].parsed_us, T0);
    OK(OPS(f)->get_parsed_dags(f->s, "b", &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(OPS(f)->get_parsed_dags(f->s, "c", &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_import_errors(void **state)
{
    struct fixture *f = *state;
    struct import_error_row rows[] = {wrong("b.py", "b.py:1: no", T0), wrong("a.py", "a", T0)};
    struct import_error_row again[] = {wrong("b.py", "b.py:1: no", T0 + 5),
                                       wrong("a.py", "z", T0 + 5)};
    struct import_error_row gone = wrong("b.py", NULL, T0 + 7), *found;
    int64_t key;
    size_t n;

    put(f, NULL, 0, rows, LEN(rows));
    put(f, NULL, 0, again, LEN(again));
    OK(OPS(f)->get_import_errors(f->s, 0, 0, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(found[0].file, "a.py");
    assert_string_equal(found[0].text, "z");
    assert_int_equal(found[0].at_us, T0 + 5);
    assert_int_equal(found[1].at_us, T0); /* it says the same since then */
    assert_true(found[0].error_key != found[1].error_key);
    key = found[0].error_key;
    OK(OPS(f)->get_import_errors(f->s, key, 0, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(found[0].file, "a.py");
    OK(OPS(f)->get_import_errors(f->s, 0, 1, 5, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(found[0].file, "b.py");
    put(f, NULL, 0, &gone, 1);
    put(f, NULL, 0, &gone, 1); /* mended already */
    OK(OPS(f)->get_import_errors(f->s, 0, 0, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].error_key, key);
}

static void test_a_deleted_dag_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct dag_row *dags;
    struct parsed_dag_row row, *found;
    int64_t runs;
    size_t n;

    fixture_dag(f, 0);
    OK(OPS(f)->get_dags(f->s, &f->a, &dags, &n, &f->e), f);
    row = parsed(dags[0].dag_id, true);
    put(f, &row, 1, NULL, 0);
    OK(OPS(f)->delete_dag(f->s, dags[0].dag_key, &runs, &f->e), f);
    OK(OPS(f)->get_parsed_dags(f->s, NULL, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 0);
}

static void test_versions_of_a_bundle(void **state)
{
    struct fixture *f = *state;
    struct dag_row dag = {.dag_id = "d", .dag_key = 1, .version_key = 3, .updated_us = T0};
    struct version_row v[] = {
        {.version_key = 1, .hash = "1", .bundle_version = "c1"},
        {.version_key = 2, .hash = "2", .bundle_version = "c2"},
        {.version_key = 3, .hash = "3", .bundle_version = "c3"},
        {.version_key = 4, .hash = "4"},
        {.version_key = 5, .hash = "5", .bundle_version = "c0"},
    };
    struct run_row run = {.run_key = 1,
                          .dag_key = 1,
                          .version_key = 2,
                          .run_id = "r",
                          .state = RUN_SUCCESS,
                          .logical_date_us = TIME_NONE,
                          .data_interval_start_us = TIME_NONE,
                          .data_interval_end_us = TIME_NONE,
                          .run_after_us = T0,
                          .queued_us = T0,
                          .start_us = T0,
                          .end_us = T0};
    struct version_row found;
    const char **names;
    size_t n;

    for (size_t i = 0; i < LEN(v); i++) {
        v[i].dag_key = 1;
        v[i].document = "{}";
        v[i].document_len = 2;
        v[i].created_us = T0;
        v[i].bundle = i != 3 ? i != 4 ? "repo" : "other" : NULL;
        v[i].file = i != 3 ? "dags/a.py" : NULL;
    }
    OK(fixture_commit(f, &(struct store_batch){.dags = &dag,
                                               .dags_len = 1,
                                               .versions = v,
                                               .versions_len = LEN(v),
                                               .runs = &run,
                                               .runs_len = 1}),
       f);
    OK(OPS(f)->get_version(f->s, 2, &f->a, &found, &f->e), f);
    assert_string_equal(found.bundle, "repo");
    assert_string_equal(found.bundle_version, "c2");
    assert_string_equal(found.file, "dags/a.py");
    OK(OPS(f)->get_version(f->s, 4, &f->a, &found, &f->e), f);
    assert_null(found.bundle_version);
    OK(OPS(f)->get_bundle_versions(f->s, "repo", &f->a, &names, &n, &f->e), f);
    assert_int_equal(n, 2); /* a run's, and the DAG's own */
    assert_string_equal(names[0], "c2");
    assert_string_equal(names[1], "c3");
    OK(OPS(f)->get_bundle_versions(f->s, "other", &f->a, &names, &n, &f->e), f);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_parsed_dags),
        BOTH(test_import_errors),
        BOTH(test_a_deleted_dag_is_forgotten),
        BOTH(test_versions_of_a_bundle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
