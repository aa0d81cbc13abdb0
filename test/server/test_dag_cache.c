/* What a thread of the server keeps of DAGs: found again, never more than the bound, the newest never driven out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/dag.h"
#include "model/document.h"
#include "server/dag_cache.h"

static struct dag *dag_of(int tasks)
{
    static const struct operator_param none[] = {{0}};
    static const struct operator_desc empty = {"empty", "EmptyOperator", "Nothing.", none,
                                               .instant = true};
    static const struct operator_desc *const list[] = {&empty};
    static const struct operator_table table = {.operators = list, .len = 1};
    struct buf text BUF_CLEANUP;
    struct arena arena;
    struct doc_errors errors = {.arena = &arena};
    struct value *document;
    struct dag *d = NULL;
    struct err e = {0};

    buf_init(&text, MiB(4));
    arena_init(&arena, MiB(64));
    (void)buf_str(&text, "{\"dag_id\":\"d\",\"tasks\":{");
    for (int i = 0; i < tasks; i++) {
        (void)buf_printf(&text, "%s\"t%d\":{\"operator\":\"empty\"}", i > 0 ? "," : "", i);
    }
    (void)buf_str(&text, "}}");
    assert_int_equal(value_parse(&arena, buf_cstr(&text), text.len, &document, &e), 0);
    assert_int_equal(document_build(document, NULL, &table, &d, &errors, &e), 0);
    arena_fini(&arena);
    return d;
}

static void test_found_again(void **state)
{
    struct dag_cache *c = mem_zalloc(sizeof *c);

    (void)state;
    assert_null(server_dags_get(c, 1));
    for (int64_t key = 1; key <= DAG_CACHE_SETS * DAG_CACHE_WAYS; key++) {
        struct dag *d = dag_of(1);

        server_dags_put(c, key, d);
        assert_ptr_equal(server_dags_get(c, key), d);
    }
    assert_non_null(server_dags_get(c, 1)); /* all of them have room */
    /* One more of the same set takes the place that was used longest ago: not the one just used. */
    server_dags_put(c, 1 + DAG_CACHE_SETS * DAG_CACHE_WAYS, dag_of(1));
    assert_non_null(server_dags_get(c, 1));
    assert_null(server_dags_get(c, 1 + DAG_CACHE_SETS));
    server_dags_clear(c);
    assert_int_equal(c->tasks, 0);
    assert_null(server_dags_get(c, 1));
    mem_free(c);
}

static void test_bound(void **state)
{
    const int tasks = 5000, fit = DAG_CACHE_TASKS / tasks;
    struct dag_cache *c = mem_zalloc(sizeof *c);

    (void)state;
    for (int64_t key = 1; key <= 2 * fit; key++) {
        server_dags_put(c, key, dag_of(tasks));
        assert_true(c->tasks <= DAG_CACHE_TASKS);
        for (int64_t new = key; new > 0 && new > key - DAG_CACHE_WAYS; new --) {
            assert_non_null(server_dags_get(c, new));
        }
    }
    assert_null(server_dags_get(c, 1));
    server_dags_clear(c);
    mem_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_found_again),
                                       cmocka_unit_test(test_bound)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
