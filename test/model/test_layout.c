/* The layout: ranks, order, distances, determinism, lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/prng.h"
#include "builder.h"
#include "model/layout.h"

static const struct layout_options options = {.gap = 1, .edge_gap = 1};

/* A DAG of n tasks t0 .. with up to `degree` edges each from one of the `window` tasks before. */
static void random_dag(struct built *b, uint64_t seed, uint32_t n, uint32_t degree, uint32_t window)
{
    struct prng p;
    struct buf text;

    prng_seed(&p, seed);
    buf_init(&text, MiB(64));
    buf_str(&text, "{'dag_id': 'd', 'tasks': {");
    for (uint32_t t = 0; t < n; t++) {
        uint32_t edges = t == 0 ? 0 : (uint32_t)prng_below(&p, degree + 1);

        buf_printf(&text, "%s't%u': {'operator': 'empty', 'upstream': [", t > 0 ? ", " : "", t);
        for (uint32_t k = 0; k < edges && k < t; k++) {
            uint32_t span = window < t ? window : t;
            uint32_t up = t - 1 - (uint32_t)((prng_below(&p, span) / degree) * degree + k) % span;

            buf_printf(&text, "%s't%u'", k > 0 ? ", " : "", up);
            if (span <= degree) {
                break;
            }
        }
        buf_str(&text, "]}");
    }
    buf_str(&text, "}}");
    builder_build(b, buf_cstr(&text));
    buf_fini(&text);
    if (b->rc != 0) {
        fail_msg("%s", builder_report(b));
    }
}

static void check(const struct dag *d, const struct layout *l, int32_t gap)
{

    assert_int_equal(l->tasks_len, d->tasks_len);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        assert_true(l->rank[t] < l->ranks_len);
        assert_true(l->pos[t] >= 0 && l->pos[t] <= l->breadth);
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            uint32_t to = d->down[k];

            assert_true(l->rank[to] > l->rank[t]);
            if (!l->simplified) {
                assert_int_equal(l->way_off[k + 1] - l->way_off[k], l->rank[to] - l->rank[t] - 1);
            }
        }
    }
    for (uint32_t a = 0; d->tasks_len <= 400 && a < d->tasks_len;
         a++) { /* nothing stands on another, and order says how */
        for (uint32_t b = 0; b < a; b++) {
            if (l->rank[a] == l->rank[b]) {
                assert_true(abs(l->pos[a] - l->pos[b]) >= gap);
                assert_int_equal(l->order[a] < l->order[b], l->pos[a] < l->pos[b]);
            }
        }
    }
}

static void test_shapes(void **state)
{
    struct built b;
    struct layout *l;

    (void)state;
    builder_build(
        &b, "{'dag_id': 'd', 'tasks': {'a': {'operator': 'empty'}, 'b': {'operator': 'empty', "
            "'upstream': ['a']}, 'c': "
            "{'operator': 'empty', 'upstream': ['a']}, 'd': {'operator': 'empty', 'upstream': "
            "['b', 'c']}, 'late': "
            "{'operator': 'empty'}, 'e': {'operator': 'empty', 'upstream': ['d', 'late', 'a']}}}");
    assert_int_equal(layout_build(b.dag, &options, &l, NULL), 0);
    check(b.dag, l, 1);
    assert_int_equal(l->ranks_len, 4);
    assert_int_equal(l->rank[0], 0);
    assert_int_equal(l->rank[3], 2);
    assert_int_equal(l->rank[4], 2); /* pulled to what waits for it */
    assert_int_equal(l->crossings, 0);
    layout_free(l);
    builder_fini(&b);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct layout *x, *y;
        struct built b;

        random_dag(&b, seed, 5 + (uint32_t)seed * 7, 1 + (uint32_t)seed % 4,
                   3 + (uint32_t)seed % 30);
        assert_int_equal(layout_build(b.dag, &options, &x, NULL), 0);
        assert_int_equal(layout_build(b.dag, &options, &y, NULL), 0);
        check(b.dag, x, 1);
        assert_memory_equal(x->pos, y->pos,
                            x->tasks_len * sizeof *x->pos); /* the same every time */
        assert_memory_equal(x->order, y->order, x->tasks_len * sizeof *x->order);
        layout_free(x);
        layout_free(y);
        builder_fini(&b);
    }
}

/* Every task waits for the one before and for the first: 4 million places where edges pass would be
 * needed. */
static void test_simplified(void **state)
{
    struct buf text;
    struct layout *l;
    struct built b;

    (void)state;
    buf_init(&text, MiB(8));
    buf_str(&text, "{'dag_id': 'd', 'tasks': {'t0': {'operator': 'empty'}");
    for (int t = 1; t < 3000; t++) {
        buf_printf(&text, ", 't%d': {'operator': 'empty', 'upstream': ['t0'%s", t,
                   t > 1 ? ", " : "");
        if (t > 1) {
            buf_printf(&text, "'t%d'", t - 1);
        }
        buf_str(&text, "]}");
    }
    buf_str(&text, "}}");
    builder_build(&b, buf_cstr(&text));
    buf_fini(&text);
    assert_int_equal(layout_build(b.dag, &options, &l, NULL), 0);
    assert_true(l->simplified);
    assert_int_equal(l->ranks_len, 3000);
    check(b.dag, l, 1);
    layout_free(l);
    builder_fini(&b);
}

static void test_large(void **state)
{
    struct layout *l;
    struct built b;

    (void)state;
    random_dag(&b, 7, 20000, 2, 50);
    assert_int_equal(layout_build(b.dag, &options, &l, NULL), 0);
    check(b.dag, l, 1);
    layout_free(l);
    builder_fini(&b);
}

static void test_no_memory(void **state)
{
    struct built b;

    (void)state;
    random_dag(&b, 3, 60, 3, 20);
    for (uint64_t n = 1;; n++) {
        struct layout *l = NULL;
        uint64_t made;
        int rc;

        mem_fail_at(n, 0);
        rc = layout_build(b.dag, &options, &l, NULL);
        made = mem_count();
        mem_fail_at(0, 0);
        assert_int_equal(rc, made >= n ? -ERR_NOMEM : 0);
        if (rc == 0) {
            layout_free(l);
            break;
        }
    }
    builder_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),     cmocka_unit_test(test_random),
        cmocka_unit_test(test_simplified), cmocka_unit_test(test_large),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
