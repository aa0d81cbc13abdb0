/* YAML to values: the core schema, its traps, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"

/* The value as JSON, or "line:col error". */
static const char *convert(struct buf *out, const char *text)
{
    struct value *v = NULL;
    struct json_writer w;
    struct err e = {0};
    struct arena a;
    int rc;

    arena_init(&a, MiB(64));
    buf_clear(out);
    rc = yaml_parse(&a, text, strlen(text), &v, &e);
    if (rc != 0) {
        assert_int_equal(rc, e.code);
        (void)buf_printf(out, "%d:%d %s", e.line, e.col, e.text);
    } else {
        json_writer_init(&w, out, 0);
        json_value(&w, v);
    }
    arena_fini(&a);
    return buf_cstr(out);
}

static const char *const values[][2] = {
    {"a: 1", "{\"a\":1}"},
    {"- a\n- 'b'\n- \"c\\n\"\n- |\n  d\n  e\n- >\n  f\n  g\n",
     "[\"a\",\"b\",\"c\\n\",\"d\\ne\\n\",\"f g\\n\"]"},
    {"[~, null, Null, NULL, , '']", "1:23 flow sequence with invalid extra comma"},
    {"[~, null, Null, NULL, '']", "[null,null,null,null,\"\"]"},
    {"a:\nb:", "{\"a\":null,\"b\":null}"},
    {"[true, True, TRUE, false, tRUE, yes, no, on, off, y]",
     "[true,true,true,false,\"tRUE\",\"yes\",\"no\",\"on\",\"off\",\"y\"]"},
    {"[0, -1, +1, 007, -0, 0x1F, 0o17, 0b1, 1_000]", "[0,-1,1,7,-0,31,15,\"0b1\",\"1_000\"]"},
    {"[1.5, .5, 1., -.5e3, 1e3, +12e+3, 1.5.2, ., +, 1e, .e1]",
     "[1.5,0.5,1.0,-0.5e3,1e3,12e+3,\"1.5.2\",\".\",\"+\",\"1e\",\".e1\"]"},
    {"['1', \"true\", '~']", "[\"1\",\"true\",\"~\"]"},
    {"[2026-01-01, 12:30, 1:2:3]", "[\"2026-01-01\",\"12:30\",\"1:2:3\"]"},
    {"[!!str 1, !!int '7', !!float '1.5', !!bool 'true', !!null '', ! 5]",
     "[\"1\",7,1.5,true,null,\"5\"]"},
    {"0xffffffffffffffffff", "\"0xffffffffffffffffff\""},
    {"1: a\ntrue: b", "{\"1\":\"a\",\"true\":\"b\"}"},
    {"a: &x {b: 1}\nc: *x", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}"},
    {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
    {"a: &x {p: 1, q: 2}\nb: {q: 3, <<: *x, r: 4}",
     "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"r\":4,\"p\":1}}"},
    {"a: &x {p: 1}\nb: &y {p: 2, q: 3}\nc: {<<: [*x, *y]}",
     "{\"a\":{\"p\":1},\"b\":{\"p\":2,\"q\":3},\"c\":{\"p\":1,\"q\":3}}"},
    {"a: {'<<': 1}", "{\"a\":{\"<<\":1}}"},
    {"{<<: {a: 1}, <<: {b: 2}}", "{\"a\":1,\"b\":2}"},
    {"a: 1\na: 2", "{\"a\":1,\"a\":2}"}, /* kept: the document's builder reports them */
    {"%YAML 1.2\n---\na: 1\n...\n", "{\"a\":1}"},
    {"a: \"\\u00e9\\x41\"", "{\"a\":\"\xc3\xa9"
                            "A\"}"},
    {"a: {{ x }}",
     "1:5 a key must be a single word or string; a template ({{ x }}) must be in quotes"},
    {"", "1:1 the file is empty"},
    {"# nothing\n", "1:1 the file is empty"},
    {"a: 1\n---\nb: 2", "2:1 a second document begins here: a file holds one DAG"},
    {"a: *x", "1:5 alias '*x' has no complete anchor '&x' before it"},
    {"a: &x [*x]", "1:9 alias '*x' has no complete anchor '&x' before it"},
    {"a: .inf", "1:4 .inf is not a number that a document can hold"},
    {"a: -.NaN", "1:4 -.NaN is not a number that a document can hold"},
    {"a: !x 1", "1:7 unknown tag '!x': a DAG document is plain data (known: !!str !!int !!float "
                "!!bool !!null)"},
    {"a: !!python/name:os.system x", "1:28 unknown tag 'tag:yaml.org,2002:python/name:os.system': "
                                     "a DAG document is plain data (known: "
                                     "!!str !!int !!float !!bool !!null)"},
    {"a: !!int x", "1:10 'x' does not fit its tag 'tag:yaml.org,2002:int'"},
    {"a: !x {b: 1}", "1:7 unknown tag '!x': a DAG document is plain data"},
    {"? [a]\n: 1",
     "1:3 a key must be a single word or string; a template ({{ x }}) must be in quotes"},
    {": 1", "1:1 a key is missing before ':' in this mapping"},
    {"a: 1\nb: {<<: 2}", "2:9 << must name a mapping, or a list of mappings"},
    {"a: {<<: [1]}", "1:10 << must name a mapping, or a list of mappings"},
    {"a: \xff", "1:4 byte 0xff is not UTF-8: save the file as UTF-8"},
    {"a: \x01", "1:4 control character 0x01"},
    {"\xc3\xa9: \x01", "1:4 control character 0x01"},
};

static void scalars_and_structures(void **state)
{
    struct buf out BUF_CLEANUP;
    int bad = 0;

    buf_init(&out, MiB(1));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(convert(&out, values[i][0]), values[i][1]) != 0) {
            print_error("%s\n=> %s\n", values[i][0], buf_cstr(&out));
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void tabs_are_named(void **state)
{
    struct buf out BUF_CLEANUP;

    buf_init(&out, MiB(1));
    assert_non_null(
        strstr(convert(&out, "a:\n  b: 1\n\tc: 2\n"), "a tab does not indent in YAML: use spaces"));
    assert_non_null(
        strstr(convert(&out, "a:\n\tb: 1\n"), "a tab does not indent in YAML: use spaces"));
}

static void places(void **state)
{
    struct value *v = NULL, *tasks;
    struct arena a;
    struct err e;
    static const char text[] = "dag_id: x\ntasks:\n  \xc3\xa9: {operator: bash}\n  b:\n";

    arena_init(&a, MiB(1));
    assert_int_equal(yaml_parse(&a, text, sizeof text - 1, &v, &e), 0);
    tasks = value_get(v, "tasks");
    assert_int_equal(v->keys[1].line, 2);
    assert_int_equal(tasks->keys[0].line, 3);
    assert_int_equal(tasks->keys[0].col, 3);
    assert_int_equal(tasks->elems[0]->col, 6);  /* columns count characters */
    assert_int_equal(tasks->elems[1]->line, 4); /* nothing is there: the key's place */
    assert_int_equal(tasks->elems[1]->col, 3);
    arena_fini(&a);
}

/* Ten levels of ten aliases each would be 10^10 values. */
static void laughs_are_bounded(void **state)
{
    struct buf text BUF_CLEANUP, out BUF_CLEANUP;

    buf_init(&text, MiB(1));
    buf_init(&out, MiB(256));
    (void)buf_str(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        (void)buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++) {
            (void)buf_printf(&text, "%s*a%d", j == 0 ? "" : ", ", i - 1);
        }
        (void)buf_str(&text, "]\n");
    }
    assert_non_null(
        strstr(convert(&out, buf_cstr(&text)), "aliases stand for more than 1000000 values"));
}

static void depth_is_bounded(void **state)
{
    struct buf text BUF_CLEANUP, out BUF_CLEANUP;
    const char *report;

    buf_init(&text, MiB(1));
    buf_init(&out, MiB(1));
    for (int i = 0; i < LIMIT_JSON_DEPTH + 1; i++) {
        (void)buf_printf(&text, "%*sa:\n", i, "");
    }
    report = convert(&out, buf_cstr(&text));
    assert_non_null(strstr(report, "nested deeper than 64 levels"));
    buf_clear(&text);
    for (int i = 0; i < 5000; i++) {
        (void)buf_char(&text, '[');
    }
    report = convert(&out, buf_cstr(&text));
    assert_non_null(strchr(report, ':')); /* refused, in whatever words */
    buf_clear(&text);
    (void)buf_str(&text, "a0: &a0 [x]\n"); /* depth that aliases bring */
    for (int i = 1; i < 70; i++) {
        (void)buf_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    }
    report = convert(&out, buf_cstr(&text));
    assert_non_null(strstr(report, "nested deeper than 64 levels"));
}

static void many_merges_are_bounded(void **state)
{
    struct buf text BUF_CLEANUP, out BUF_CLEANUP;

    buf_init(&text, MiB(4));
    buf_init(&out, MiB(256));
    (void)buf_str(&text, "a: &a {");
    for (int i = 0; i < 2000; i++) {
        (void)buf_printf(&text, "%sk%d: 1", i == 0 ? "" : ", ", i);
    }
    (void)buf_str(&text, "}\n");
    for (int i = 0; i < 1000; i++) {
        (void)buf_printf(&text, "b%d: {<<: *a}\n", i);
    }
    assert_non_null(
        strstr(convert(&out, buf_cstr(&text)), "aliases stand for more than 1000000 values"));
}

static void every_allocation_may_fail(void **state)
{
    static const char text[] = "a: &x {p: 1, q: [1, 0x2, 3.]}\nb: {<<: *x, r: 'x'}\nc: *x\n";
    int rc = -1;

    for (uint64_t n = 1; rc != 0; n++) {
        struct value *v = NULL;
        struct arena a;
        struct err e;

        assert_true(n < 200);
        arena_init(&a, MiB(1));
        mem_fail_at(n, 0);
        rc = yaml_parse(&a, text, sizeof text - 1, &v, &e);
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_and_structures),
        cmocka_unit_test(tabs_are_named),
        cmocka_unit_test(places),
        cmocka_unit_test(laughs_are_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(many_merges_are_bounded),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
