/* branch and short_circuit: what they leave out, as Airflow's do. */
#include "context.h"

#include <stdio.h>

#include "base/buf.h"

/* The tasks left out, in their order, as "a b"; or the error's name. */
static const char *left_out(const char *yaml, const char *task_id)
{
    static char text[256];
    struct operator_process none = {.argv = NULL};
    struct operator_result r = {.skip = NULL};
    struct buf b BUF_CLEANUP;
    struct ground g;
    int rc;

    buf_init(&b, sizeof text - 1);
    ground_open(&g, yaml, task_id);
    assert_int_equal(g.op->prepare(&g.c, &none, &g.e),
                     -ERR_UNSUPPORTED); /* decided here, not by the runner */
    rc = g.op->decide(&g.c, &r, &g.e);
    for (size_t i = 0; rc == 0 && i < r.skip_len; i++) {
        (void)buf_printf(&b, "%s%s", i != 0 ? " " : "", g.dag->tasks[r.skip[i]].task_id);
    }
    (void)snprintf(text, sizeof text, "%s", rc == 0 ? buf_cstr(&b) : err_name(rc));
    ground_close(&g);
    return text;
}

#define FORK(follow)                                                                            \
    "dag_id: d\ntask_groups: {g: {}, g.in: {parent: g}}\ntasks:\n  f: {operator: branch, "      \
    "follow: " follow "}\n"                                                                     \
    "  a: {operator: empty, upstream: [f]}\n  b: {operator: empty, upstream: [f]}\n"            \
    "  c: {operator: empty, upstream: [f, a]}\n  e: {operator: empty, upstream: [b]}\n"         \
    "  g.x: {operator: empty, upstream: [f], group: g}\n  g.in.y: {operator: empty, upstream: " \
    "[f], group: g.in}\n"

static void a_branch_follows(void **state)
{
    (void)state;
    assert_string_equal(left_out(FORK("b"), "f"), "a c g.x g.in.y");
    assert_string_equal(left_out(FORK("a"), "f"),
                        "b g.x g.in.y"); /* c comes after a: it is not left out */
    assert_string_equal(left_out(FORK("[a, b]"), "f"), "g.x g.in.y");
    assert_string_equal(left_out(FORK("'a,b'"), "f"), "g.x g.in.y");
    assert_string_equal(left_out(FORK("\"['a', 'b']\""), "f"), "g.x g.in.y");
    assert_string_equal(left_out(FORK("g"), "f"),
                        "a b c"); /* a group: all that are directly downstream */
    assert_string_equal(left_out(FORK("g.in"), "f"), "a b c g.x");
}

static void a_branch_may_follow_none(void **state)
{
    (void)state;
    assert_string_equal(left_out(FORK("''"), "f"), "a b c g.x g.in.y");
    assert_string_equal(left_out(FORK("None"), "f"), "a b c g.x g.in.y");
    assert_string_equal(left_out(FORK("[]"), "f"), "a b c g.x g.in.y");
}

static void a_branch_follows_only_what_is_next(void **state)
{
    (void)state;
    assert_string_equal(left_out(FORK("e"), "f"), "INVALID");
    assert_string_equal(left_out(FORK("nobody"), "f"), "INVALID");
    assert_string_equal(left_out(FORK("[a, nobody]"), "f"), "INVALID");
}

#define GATE(more)                                                                   \
    "dag_id: d\ntasks:\n  s: {operator: empty, setup: true}\n"                       \
    "  g: {operator: short_circuit, upstream: [s], " more "}\n"                      \
    "  a: {operator: empty, upstream: [g]}\n  b: {operator: empty, upstream: [a]}\n" \
    "  t: {operator: empty, upstream: [s, b], teardown: true}\n"

static void a_short_circuit_stops(void **state)
{
    static const char *const no[] = {"'false'", "'False'", "false", "''",  "'0'",
                                     "'None'",  "'no'",    "'[]'",  "null"};

    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        char yaml[512];

        (void)snprintf(yaml, sizeof yaml, GATE("condition: %s"), no[i]);
        assert_string_equal(left_out(yaml, "g"), "a b"); /* the teardown is kept */
    }
    assert_string_equal(
        left_out(GATE("condition: 'false', ignore_downstream_trigger_rules: false"), "g"), "a");
}

static void a_short_circuit_goes_on(void **state)
{
    (void)state;
    assert_string_equal(left_out(GATE("condition: 'true'"), "g"), "");
    assert_string_equal(left_out(GATE("condition: '3'"), "g"), "");
    assert_string_equal(left_out(GATE("condition: true"), "g"), "");
}

static void a_callable_is_for_the_runner(void **state)
{
    struct operator_process p = {.argv = NULL};
    struct ground g;

    (void)state;
    ground_open(
        &g, "dag_id: d\ntasks:\n  t: {operator: branch, python_callable: 'm:f', python: /opt/py}\n",
        "t");
    assert_int_equal(g.op->prepare(&g.c, &p, &g.e), 0);
    assert_true(p.python);
    assert_string_equal(p.python_interpreter, "/opt/py");
    ground_close(&g);
    assert_null(operator_find("nobody"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_follows),
        cmocka_unit_test(a_branch_may_follow_none),
        cmocka_unit_test(a_branch_follows_only_what_is_next),
        cmocka_unit_test(a_short_circuit_stops),
        cmocka_unit_test(a_short_circuit_goes_on),
        cmocka_unit_test(a_callable_is_for_the_runner),
    };

    return cmocka_run_group_tests_name("operator branch", tests, NULL, NULL);
}
