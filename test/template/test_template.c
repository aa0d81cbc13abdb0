/* Templates: what compare.py cannot say: positions and words of errors, limits, XCom, what is found
 * at compile time, lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "template/template.h"

static const char *const times[] = {"logical_date", NULL};
static const char variables_json[] =
    "{\"ds\": \"2026-01-31\", \"logical_date\": \"2026-01-31T12:00:00Z\", \"x\": 5, \"params\": "
    "{\"a\": [1, 2], \"logical_date\": "
    "\"text\"}, \"dag_run\": {\"logical_date\": \"2026-01-31T00:00:00Z\", \"conf\": "
    "{\"logical_date\": \"text\"}}, \"big\": "
    "123456789012345678901234567890}";

struct pulls {
    char log[400];
    int rc;
};

static int pull(void *arg, const char *task_id, const char *key, struct arena *a,
                struct value **ret, struct err *e)
{
    struct pulls *p = arg;

    (void)snprintf(p->log + strlen(p->log), sizeof p->log - strlen(p->log), "%s/%s ",
                   task_id != NULL ? task_id : "(own)", key);
    *ret = value_string(a, "v", 1);
    return p->rc != 0     ? err_set(e, (enum err_code) - p->rc, "pulling failed")
           : *ret == NULL ? -ERR_NOMEM
                          : 0;
}

/* Compiles and renders; *out is the text or what is wrong: "CODE line:col words". */
static int render(const char *text, struct pulls *pulls, struct buf *out)
{
    struct template_context c = {
        .times = times, .xcom_pull = pulls != NULL ? pull : NULL, .arg = pulls};
    struct template *t = NULL;
    struct err e = {0};
    struct value *v = NULL;
    struct arena a;
    int rc;

    arena_init(&a, MiB(1));
    buf_clear(out);
    rc = value_parse(&a, variables_json, sizeof variables_json - 1, &v, &e);
    c.variables = v;
    rc = rc != 0 ? rc : template_compile(text, strlen(text), &t, &e);
    rc = rc != 0 ? rc : template_render(t, &c, out, &e);
    if (rc != 0 && rc != -ERR_NOMEM) {
        buf_clear(out);
        buf_printf(out, "%s %d:%d %s", err_name(rc), e.line, e.col, err_str(&e));
    }
    template_free(t);
    arena_fini(&a);
    return rc;
}

static void expect(const char *text, const char *want)
{
    struct pulls pulls = {0};
    struct buf out;

    buf_init(&out, MiB(4));
    (void)render(text, &pulls, &out);
    assert_string_equal(buf_cstr(&out), want);
    buf_fini(&out);
}

static void begins(const char *text, const char *want)
{
    struct buf out;

    buf_init(&out, MiB(4));
    assert_int_not_equal(render(text, NULL, &out), 0);
    if (strncmp(buf_cstr(&out), want, strlen(want)) != 0) {
        fail_msg("%.80s: got \"%s\", not \"%s\"", text, buf_cstr(&out), want);
    }
    buf_fini(&out);
}

static void test_needed(void **state)
{
    (void)state;
    assert_false(template_needed("plain { text } %}", 17));
    assert_false(template_needed("", 0));
    assert_false(template_needed("{", 1));
    assert_true(template_needed("a {{ x }}", 9));
    assert_true(template_needed("{%", 2));
    assert_true(template_needed("x{#", 3));
}

static void test_positions(void **state)
{
    (void)state;
    begins("a\n  {{ x | nope }}", "UNSUPPORTED 2:10 filter \"nope\" is not supported");
    begins("{{ x is nope }}", "UNSUPPORTED 1:9 test \"nope\"");
    begins("{{ x.frobnicate() }}", "UNSUPPORTED 1:");
    begins("{{ macros.random() }}", "UNSUPPORTED 1:");
    begins("{% macro m() %}{% endmacro %}", "UNSUPPORTED 1:4 statement \"macro\"");
    begins("{% include 'x' %}", "UNSUPPORTED");
    begins("{{ x", "SYNTAX 1:");
    begins("\n\n{{ 1 + }}", "SYNTAX 3:8 expected an expression");
    begins("{% if x %}", "SYNTAX 1:11 the template ends where {% endif %} is needed");
    begins("{{ missing }}", "INVALID 1:4 'missing' is undefined, in {{ missing }}");
    begins("ok {{ x }}\n{{ params.b }}",
           "INVALID 2:11 'dict object' has no attribute 'b', in {{ params.b }}");
    begins("{{ 1 + 'a' }}",
           "INVALID 1:6 unsupported operand type(s) for +: 'int' and 'str', in {{ 1 + 'a' }}");
    begins("{{ big }}", "UNSUPPORTED 1:4 integers beyond 64 bits");
    begins("{% for i in [1] %}{{ i.x }}{% endfor %}",
           "INVALID 1:24 'int object' has no attribute 'x', in {{ i.x }}");
}

static void test_times(void **state)
{
    (void)state;
    expect("{{ logical_date }}", "2026-01-31 12:00:00+00:00");
    expect("{{ dag_run.logical_date }}", "2026-01-31 00:00:00+00:00");
    expect("{{ params.logical_date }} {{ dag_run.conf.logical_date }}",
           "text text"); /* a user's own word */
    expect("{{ logical_date | ts_nodash_with_tz }}", "20260131T120000+0000");
}

static void test_xcom(void **state)
{
    struct pulls pulls = {0};
    struct buf out;

    (void)state;
    buf_init(&out, MiB(1));
    assert_int_equal(render("{{ ti.xcom_pull('a') }}{{ ti.xcom_pull(key='k') }}{{ "
                            "task_instance.xcom_pull(['b', 'c'], 'k') }}"
                            "{{ ti.xcom_pull(task_ids='abc'[1:2]) }}",
                            &pulls, &out),
                     0);
    assert_string_equal(pulls.log, "a/return_value (own)/k b/k c/k b/return_value ");
    assert_string_equal(buf_cstr(&out), "vv['v', 'v']v");
    pulls.rc = -ERR_CANCELED; /* it suspends: its errors are the render's */
    assert_int_equal(render("{{ ti.xcom_pull('a') }}", &pulls, &out), -ERR_CANCELED);
    buf_fini(&out);
}

static void test_xcom_tasks(void **state)
{
    static const char text[] = "{{ ti.xcom_pull('a') }}{% if ti.xcom_pull(['b', 'a']) %}{{ "
                               "[ti.xcom_pull(task_ids='c')]|length }}{% endif %}";
    static const char any[] = "{% for i in [1] %}{{ ti.xcom_pull(params.x) }}{% endfor %}";
    const char *const *ids;
    struct template *t;
    struct arena a;
    bool all;
    size_t n;

    (void)state;
    arena_init(&a, MiB(1));
    assert_int_equal(template_compile(text, sizeof text - 1, &t, NULL), 0);
    assert_int_equal(template_xcom_tasks(t, &a, &ids, &n, &all), 0);
    assert_int_equal(n, 3);
    assert_string_equal(ids[0], "a");
    assert_string_equal(ids[1], "b");
    assert_string_equal(ids[2], "c");
    assert_false(all);
    template_free(t);
    assert_int_equal(template_compile(any, sizeof any - 1, &t, NULL), 0);
    assert_int_equal(template_xcom_tasks(t, &a, &ids, &n, &all), 0);
    assert_true(all);
    template_free(t);
    arena_fini(&a);
}

/* `piece` n times between two texts. */
static void repeated(const char *before, const char *piece, int n, const char *after,
                     const char *want)
{
    struct buf b;

    buf_init(&b, MiB(8));
    buf_str(&b, before);
    for (int i = 0; i < n; i++) {
        buf_str(&b, piece);
    }
    buf_str(&b, after);
    begins(buf_cstr(&b), want);
    buf_fini(&b);
}

static void test_limits(void **state)
{
    (void)state;
    begins(
        "{{ ((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))) "
        "}}",
        "LIMIT");
    begins(
        "{{ [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] "
        "}}",
        "LIMIT");
    repeated("{{ ", "-", 5000, "1 }}", "LIMIT");
    repeated("{{ ", "not ", 5000, "1 }}", "LIMIT");
    repeated("{{ 1", " + 1", 5000, " }}", "LIMIT");
    repeated("{{ x", "|string", 5000, " }}", "LIMIT");
    repeated("{{ x", ".a", 5000, " }}", "LIMIT");
    repeated("{{ 1", " if 1 else 1", 5000, " }}", "LIMIT");
    repeated("{{ 1", " < 2", 5000, " }}", "LIMIT");
    repeated("", "{% if 1 %}", 500, "", "LIMIT");
    repeated("", "{% for i in [1] %}", 500, "", "LIMIT");
    begins("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
           "LIMIT");
    begins("{{ 'x' * 100000000 }}", "LIMIT");
    begins("{{ [1] * 100000000 }}", "LIMIT");
    begins("{% for i in range(9999) %}{{ 'xxxxxxxxxx' * 1000 }}{% endfor %}", "LIMIT");
    begins("{% set ns = namespace(s='x') %}{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% "
           "endfor %}",
           "LIMIT");
    begins("{% set ns = namespace(v=1) %}{% for i in range(999) %}{% set ns.v = [ns.v] %}{% endfor "
           "%}{{ ns.v }}",
           "LIMIT");
    begins("{{ '%999999999d' % 1 }}", "LIMIT");
    begins("{{ 'x'.ljust(100000000) }}", "LIMIT");
    begins("{{ range(1000000) }}", "LIMIT");
    begins("{{ 'aaaa'.replace('', 'b' * 1000000) }}", "LIMIT");
}

static void test_many_statements(void **state)
{
    struct buf b, out;

    (void)state;
    buf_init(&b, MiB(2));
    buf_init(&out, MiB(4));
    for (int i = 0; i < 20000; i++) { /* long, not deep */
        buf_str(&b, "{% if x == 1 %}a{% elif x == 2 %}b{% elif x == 5 %}c{% endif %}" +
                        (i % 2 == 0 ? 0 : 0));
        if (b.len > LIMIT_STRING_BYTES - 100) {
            break;
        }
    }
    assert_int_equal(render(buf_cstr(&b), NULL, &out), 0);
    assert_int_equal(out.p[0], 'c');
    buf_fini(&b);
    buf_fini(&out);
}

/* Each allocation fails in turn, once and for good: -ERR_NOMEM, or the right text; never anything
 * else, and nothing leaks. */
static void test_no_memory(void **state)
{
    static const char text[] = "{% set a = {'k': [1, 2.5, 'x']} %}{% for i in params.a if i %}{{ "
                               "loop.index }}{{ i ~ 'b' }}{{ '%s' % i }}{% endfor %}"
                               "{{ a|tojson }}{{ logical_date.add(days=1)|ds }}{{ [3, "
                               "1]|sort|join(',') }}{{ 'AbC'|lower|replace('b', 'x') }}"
                               "{{ ti.xcom_pull('t') }}{{ '{:>5}'.format('x') }}{% filter upper "
                               "%}q{% endfilter %}{{ 'a b'.split() }}";
    const char *want = "11b122b2{\"k\": [1, 2.5, \"x\"]}2026-02-011,3axcv    xQ['a', 'b']";

    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        for (uint64_t n = 1;; n++) {
            struct pulls pulls = {0};
            struct buf out;
            uint64_t made;
            int rc;

            buf_init(&out, MiB(1));
            mem_fail_at(n, forever);
            rc = render(text, &pulls, &out);
            made = mem_count();
            mem_fail_at(0, 0);
            if (rc == 0) {
                assert_string_equal(buf_cstr(&out), want);
            } else {
                assert_int_equal(rc, -ERR_NOMEM);
            }
            buf_fini(&out);
            if (made < n) {
                assert_int_equal(rc, 0);
                break;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needed),          cmocka_unit_test(test_positions),
        cmocka_unit_test(test_times),           cmocka_unit_test(test_xcom),
        cmocka_unit_test(test_xcom_tasks),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_statements), cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
