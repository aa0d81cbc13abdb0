/* Files to DAGs with the real operators: YAML and JSON are one document, hashes, reports, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"

struct loaded {
    int rc;
    struct dag *dag;
    struct arena arena;
    struct doc_errors errors;
    struct err e;
};

static void load_text(struct loaded *l, const char *text, bool json)
{
    *l = (struct loaded){0};
    arena_init(&l->arena, MiB(16));
    l->errors.arena = &l->arena;
    l->rc = dagfile_load_text(text, strlen(text), json, "f.yaml", operators_table(), &l->dag,
                              &l->errors, &l->e);
}

static void load_file(struct loaded *l, const char *path)
{
    *l = (struct loaded){0};
    arena_init(&l->arena, MiB(16));
    l->errors.arena = &l->arena;
    l->rc = dagfile_load(path, operators_table(), &l->dag, &l->errors, &l->e);
}

static void unload(struct loaded *l)
{
    dag_unref(l->dag);
    arena_fini(&l->arena);
}

static const char sales_yaml[] = "dag_id: sales\n"
                                 "schedule: \"@daily\"\n"
                                 "start_date: 2026-01-01\n"
                                 "params:\n"
                                 "  limit: {default: 10, type: integer, minimum: 1}\n"
                                 "default_args: {retries: 2, retry_delay: 30s}\n"
                                 "tasks:\n"
                                 "  extract:\n"
                                 "    operator: bash\n"
                                 "    bash_command: curl {{ params.limit }}\n"
                                 "  load:\n"
                                 "    operator: bash\n"
                                 "    bash_command: sqlite3 w.db \".import sales.csv sales\"\n"
                                 "    upstream: [extract]\n"
                                 "    execution_timeout: 10m\n";

static void one_document_two_forms(void **state)
{
    struct loaded y, j, b;
    struct buf text BUF_CLEANUP;
    char hash[65];

    buf_init(&text, MiB(1));
    load_text(&y, sales_yaml, false);
    assert_int_equal(y.rc, 0);
    assert_string_equal(y.dag->file, "f.yaml");
    assert_int_equal(y.dag->tasks[1].execution_timeout_us, INT64_C(600000000));
    assert_int_equal(y.dag->tasks[1].line, 11);
    assert_int_equal(dagfile_canonical(y.dag, &text, hash), 0);
    assert_string_equal(hash, y.dag->hash);
    load_text(&j, buf_cstr(&text), true);
    assert_int_equal(j.rc, 0);
    assert_string_equal(j.dag->hash, y.dag->hash);
    b = (struct loaded){0};
    arena_init(&b.arena, MiB(1));
    b.errors.arena = &b.arena;
    assert_int_equal(
        dagfile_build(y.dag->document, NULL, operators_table(), &b.dag, &b.errors, &b.e), 0);
    assert_string_equal(b.dag->hash, y.dag->hash);
    assert_null(b.dag->file);
    unload(&y);
    unload(&j);
    unload(&b);
}

static void hash_is_sha256_of_the_canonical_form(void **state)
{
    struct loaded l;

    /* printf '%s' '{"dag_id":"d","tasks":{}}' | sha256sum */
    load_text(&l, "tasks: {}\ndag_id: 'd'\n", false);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.dag->hash,
                        "2006d1a4857f521c964f628895ea36c698c15e44cd42d294b307ab114a2ddc04");
    unload(&l);
}

static void syntax_errors_are_findings_too(void **state)
{
    struct loaded l;

    load_text(&l, "dag_id: [1\n", false);
    assert_int_equal(l.rc, -ERR_SYNTAX);
    assert_int_equal(l.errors.len, 1);
    assert_int_equal(l.errors.items[0].line, l.e.line);
    assert_string_equal(l.errors.items[0].text, l.e.text);
    unload(&l);
    load_text(&l, "{\"dag_id\" 1}", true);
    assert_int_equal(l.rc, -ERR_SYNTAX);
    assert_int_equal(l.errors.items[0].col, 11);
    unload(&l);
}

static void all_findings_in_order_of_the_file(void **state)
{
    struct loaded l;

    load_text(&l,
              "dag_id: x\n"
              "catchup: yes\n"
              "tasks:\n"
              "  a: {operator: bash, bash_command: x, retrys: 2, upstream: [c]}\n"
              "  b: {operator: bash, upstream: [a, zz]}\n"
              "  c: {operator: empty, upstream: [b]}\n"
              "  a: {operator: empty}\n",
              false);
    assert_int_equal(l.rc, -ERR_INVALID);
    assert_string_equal(l.e.text, "6 errors in the document");
    assert_int_equal(l.errors.len, 6);
    for (size_t i = 1; i < l.errors.len; i++) {
        assert_true(l.errors.items[i - 1].line <= l.errors.items[i].line);
    }
    assert_string_equal(l.errors.items[1].text, "cycle: a -> b -> c -> a");
    assert_string_equal(l.errors.items[5].text, "duplicate task id 'a': it is on line 4 already");
    unload(&l);
}

static void shared_values_build(void **state)
{
    struct loaded l;

    load_text(&l,
              "dag_id: x\n"
              "tasks:\n"
              "  a: &t {operator: bash, bash_command: x, retries: 1}\n"
              "  b: *t\n"
              "  c: {<<: *t, retries: 3, upstream: [a, b]}\n",
              false);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.dag->tasks[1].retries, 1);
    assert_int_equal(l.dag->tasks[2].retries, 3);
    assert_string_equal(l.dag->tasks[2].operator_name, "bash");
    unload(&l);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void files(void **state)
{
    char dir[] = "/tmp/tw-dagfile-XXXXXX", path[100];
    struct loaded l;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/a.yaml", dir);
    load_file(&l, path);
    assert_int_equal(l.rc, -ERR_NOTFOUND);
    assert_int_equal(l.errors.len, 0);
    unload(&l);
    write_file(path, sales_yaml);
    load_file(&l, path);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.dag->file, path);
    unload(&l);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    load_file(&l, path);
    assert_int_equal(l.rc, -ERR_INVALID);
    unload(&l);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    load_file(&l, path); /* does not wait for a writer */
    assert_int_equal(l.rc, -ERR_INVALID);
    unload(&l);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/a.json", dir);
    write_file(path, "{\"dag_id\":\"d\",\"tasks\":{}}");
    load_file(&l, path);
    assert_int_equal(l.rc, 0);
    unload(&l);
    assert_int_equal(truncate(path, (off_t)LIMIT_DOC_BYTES + 1), 0);
    load_file(&l, path);
    assert_int_equal(l.rc, -ERR_LIMIT);
    assert_int_equal(l.errors.len, 1);
    unload(&l);
    assert_int_equal(unlink(path), 0);
    load_file(&l, "x.py");
    assert_int_equal(l.rc, -ERR_UNSUPPORTED);
    unload(&l);
    load_file(&l, "x.txt");
    assert_int_equal(l.rc, -ERR_UNSUPPORTED);
    unload(&l);
    assert_int_equal(rmdir(dir), 0);
}

static void fail_from(int forever)
{
    int rc = -1;

    for (uint64_t n = 1; rc != 0; n++) {
        struct loaded l;

        assert_true(n < 1000);
        mem_fail_at(n, forever);
        load_text(&l, sales_yaml, false);
        mem_fail_at(0, 0);
        rc = l.rc;
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        assert_int_equal(l.errors.len + l.errors.more, 0);
        unload(&l);
    }
}

static void every_allocation_may_fail(void **state)
{
    fail_from(0);
    fail_from(1);
}

/* A big document: memory is what it says in docs; time is measured by the benchmark, not here. */
static void many_tasks(void **state)
{
    struct buf text BUF_CLEANUP;
    struct loaded l;

    buf_init(&text, MiB(64));
    (void)buf_str(&text, "dag_id: big\ntasks:\n");
    for (int i = 0; i < 5000; i++) {
        (void)buf_printf(&text, "  t%d: {operator: empty, upstream: [%s%d, t%d, t%d]}\n", i + 3,
                         "t", i, i + 1, i + 2);
    }
    (void)buf_str(&text,
                  "  t0: {operator: empty}\n  t1: {operator: empty}\n  t2: {operator: empty}\n");
    load_text(&l, buf_cstr(&text), false);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.dag->up_off[l.dag->tasks_len], 15000);
    assert_int_equal(dag_task(l.dag, "t0")->effective_weight, 5001);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_document_two_forms),
        cmocka_unit_test(hash_is_sha256_of_the_canonical_form),
        cmocka_unit_test(syntax_errors_are_findings_too),
        cmocka_unit_test(all_findings_in_order_of_the_file),
        cmocka_unit_test(shared_values_build),
        cmocka_unit_test(files),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(many_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
