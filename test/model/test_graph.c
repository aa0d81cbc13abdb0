/* The graph: order, weights, setups and teardowns, each against a naive oracle over random DAGs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/prng.h"
#include "builder.h"

struct shape {
    uint32_t tasks;
    uint32_t edges; /* upstream per task, at most */
    uint32_t reach; /* upstream are at most so far back; 0 = anywhere */
    bool weights;   /* random weights and rules */
    bool setups;    /* random setups and teardowns */
    bool shuffled;  /* the document's order is not a topological one */
};

static void random_dag(struct built *b, struct prng *p, const struct shape *s)
{
    struct buf text BUF_CLEANUP;

    buf_init(&text, MiB(64));
    (void)buf_str(&text, "{'dag_id':'d','tasks':{");
    for (uint32_t i = 0; i < s->tasks; i++) {
        uint32_t id = s->shuffled ? (i * 7919u) % s->tasks : i;
        uint32_t n = id == 0 ? 0 : (uint32_t)prng_below(p, s->edges + 1);

        (void)buf_printf(&text, "%s't%u':{'operator':'empty','upstream':[", i == 0 ? "" : ",", id);
        for (uint32_t j = 0; j < n; j++) {
            uint32_t back = s->reach != 0 && s->reach < id ? s->reach : id;

            (void)buf_printf(&text, "%s't%u'", j == 0 ? "" : ",",
                             id - 1 - (uint32_t)prng_below(p, back));
        }
        (void)buf_str(&text, "]");
        if (s->weights) {
            static const char *const rules[] = {"downstream", "upstream", "absolute"};

            (void)buf_printf(&text, ",'priority_weight':%d,'weight_rule':'%s'",
                             (int)prng_below(p, 2000) - 1000, rules[prng_below(p, 3)]);
        }
        if (s->setups && prng_below(p, 3) == 0) {
            (void)buf_printf(&text, ",'%s':true", prng_below(p, 2) == 0 ? "setup" : "teardown");
        }
        (void)buf_str(&text, "}");
    }
    (void)buf_str(&text, "}}");
    assert_int_equal(buf_status(&text), 0);
    builder_build(b, buf_cstr(&text));
    if (b->rc != 0) {
        fail_msg("%s", builder_report(b));
    }
}

/* reach[x] = 1 for all tasks that `from` reaches. */
static void flood(const struct dag *d, uint32_t from, bool up, uint8_t *reached)
{
    uint32_t *stack = mem_array((size_t)d->tasks_len + 1, sizeof *stack), n = 0;

    assert_non_null(stack);
    memset(reached, 0, d->tasks_len);
    stack[n++] = from;
    while (n > 0) {
        uint32_t t = stack[--n];
        const uint32_t *off = up ? d->up_off : d->down_off, *row = up ? d->up : d->down;

        for (uint32_t i = off[t]; i < off[t + 1]; i++) {
            if (!reached[row[i]]) {
                reached[row[i]] = 1;
                stack[n++] = row[i];
            }
        }
    }
    mem_free(stack);
}

static bool is_up(const struct dag *d, uint32_t t, uint32_t up)
{
    for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
        if (d->up[i] == up) {
            return true;
        }
    }
    return false;
}

static void check_rows(const struct dag *d)
{
    uint32_t *position = mem_array(d->tasks_len, sizeof *position);
    uint8_t *seen = mem_array(d->tasks_len, 1);

    assert_non_null(position);
    assert_non_null(seen);
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        assert_int_equal(seen[d->topo[i]]++, 0);
        position[d->topo[i]] = i;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        assert_int_equal(d->tasks[t].index, t);
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            assert_true(position[d->up[i]] < position[t]);
            assert_true(i == d->up_off[t] || d->up[i - 1] < d->up[i]);
        }
        for (uint32_t i = d->down_off[t]; i < d->down_off[t + 1]; i++) {
            assert_true(is_up(d, d->down[i], t));
            assert_true(i == d->down_off[t] || d->down[i - 1] < d->down[i]);
        }
    }
    assert_int_equal(d->up_off[d->tasks_len], d->down_off[d->tasks_len]);
    mem_free(position);
    mem_free(seen);
}

static void check_weights(const struct dag *d)
{
    uint8_t *reached = mem_array(d->tasks_len, 1);

    assert_non_null(reached);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        int64_t sum = d->tasks[t].priority_weight;

        if (d->tasks[t].weight_rule != WEIGHT_ABSOLUTE) {
            flood(d, t, d->tasks[t].weight_rule == WEIGHT_UPSTREAM, reached);
            for (uint32_t x = 0; x < d->tasks_len; x++) {
                sum += reached[x] ? d->tasks[x].priority_weight : 0;
            }
        }
        assert_int_equal(d->tasks[t].effective_weight, sum);
    }
    mem_free(reached);
}

static void order_and_weights(void **state)
{
    static const struct shape shapes[] = {
        {.tasks = 1},
        {.tasks = 2, .edges = 1},
        {.tasks = 50, .edges = 3, .weights = true, .shuffled = true},
        {.tasks = 600, .edges = 1, .weights = true},
        {.tasks = 1500, .edges = 3, .reach = 20, .weights = true, .shuffled = true},
        {.tasks = 511, .edges = 4},
        {.tasks = 513, .edges = 2, .weights = true},
    };
    struct prng p;

    prng_seed(&p, 1);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int round = 0; round < 3; round++) {
            struct built b;

            random_dag(&b, &p, &shapes[i]);
            check_rows(b.dag);
            check_weights(b.dag);
            builder_fini(&b);
        }
    }
}

static void topo_prefers_small_indices(void **state)
{
    struct built b;
    static const uint32_t expected[] = {1, 2, 0, 4, 3};

    builder_build(
        &b,
        "{'dag_id':'d','tasks':{'a':{'operator':'empty','upstream':['c']},'b':{'operator':'empty'},"
        "'c':{'operator':'empty'},'d':{'operator':'empty','upstream':['e']},"
        "'e':{'operator':'empty','upstream':['b']}}}");
    assert_int_equal(b.rc, 0);
    assert_memory_equal(b.dag->topo, expected, sizeof expected);
    builder_fini(&b);
}

static void weights_are_clamped(void **state)
{
    struct built b;

    builder_build(&b, "{'dag_id':'d','default_args':{'priority_weight':2147483647},'tasks':{'a':{'"
                      "operator':'empty'},"
                      "'b':{'operator':'empty','upstream':['a']}}}");
    assert_int_equal(b.dag->tasks[0].effective_weight, INT32_MAX);
    builder_fini(&b);
    builder_build(&b, "{'dag_id':'d','default_args':{'priority_weight':-2147483648},'tasks':{'a':{'"
                      "operator':'empty'},"
                      "'b':{'operator':'empty','upstream':['a']}}}");
    assert_int_equal(b.dag->tasks[0].effective_weight, INT32_MIN);
    builder_fini(&b);
}

static bool contains(const uint32_t *list, uint32_t n, uint32_t x)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i] == x) {
            return true;
        }
    }
    return false;
}

/* Airflow's definitions, word for word: get_upstreams_only_setups, and what is between setups and a
 * teardown. */
static bool needs_setup(const struct dag *d, uint32_t t, uint32_t s, const uint8_t *below_s)
{
    uint8_t *below_t = mem_array(d->tasks_len, 1);
    bool any = false, ours = false;

    assert_non_null(below_t);
    flood(d, t, false, below_t);
    for (uint32_t i = d->down_off[s]; i < d->down_off[s + 1]; i++) {
        if (d->tasks[d->down[i]].is_teardown) {
            any = true;
            ours |= below_t[d->down[i]];
        }
    }
    mem_free(below_t);
    return !d->tasks[t].is_teardown && below_s[t] && (!any || ours) && !is_up(d, t, s);
}

static void check_setups(const struct dag *d)
{
    uint8_t *below = mem_array(d->tasks_len, 1), *above = mem_array(d->tasks_len, 1);

    assert_non_null(below);
    assert_non_null(above);
    for (uint32_t s = 0; s < d->tasks_len; s++) {
        if (!d->tasks[s].is_setup) {
            continue;
        }
        flood(d, s, false, below);
        for (uint32_t t = 0; t < d->tasks_len; t++) {
            assert_int_equal(contains(d->tasks[t].setups, d->tasks[t].setups_len, s),
                             needs_setup(d, t, s, below));
        }
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        uint8_t *between = mem_array(d->tasks_len, 1);

        assert_non_null(between);
        flood(d, t, true, above);
        for (uint32_t i = d->up_off[t]; d->tasks[t].is_teardown && i < d->up_off[t + 1]; i++) {
            if (d->tasks[d->up[i]].is_setup) {
                flood(d, d->up[i], false, below);
                for (uint32_t x = 0; x < d->tasks_len; x++) {
                    between[x] |= below[x] && above[x] && !is_up(d, t, x);
                }
            }
        }
        for (uint32_t x = 0; x < d->tasks_len; x++) {
            assert_int_equal(contains(d->tasks[t].scope, d->tasks[t].scope_len, x), between[x]);
        }
        mem_free(between);
    }
    mem_free(below);
    mem_free(above);
}

static void setups_and_scopes(void **state)
{
    static const struct shape shapes[] = {
        {.tasks = 8, .edges = 3, .setups = true},
        {.tasks = 20, .edges = 2, .setups = true, .shuffled = true},
        {.tasks = 60, .edges = 3, .reach = 6, .setups = true, .shuffled = true},
    };
    struct prng p;

    prng_seed(&p, 2);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int round = 0; round < 60; round++) {
            struct built b;

            random_dag(&b, &p, &shapes[i]);
            check_setups(b.dag);
            builder_fini(&b);
        }
    }
}

/* s >> a >> b >> t, s >> t: b waits for s too, t for a. */
static void one_setup(void **state)
{
    struct built b;

    builder_build(
        &b, "{'dag_id':'d','tasks':{'s':{'operator':'empty','setup':true},"
            "'a':{'operator':'empty','upstream':['s']},'b':{'operator':'empty','upstream':['a']},"
            "'t':{'operator':'empty','teardown':true,'upstream':['s','b']},"
            "'z':{'operator':'empty','upstream':['b']}}}");
    assert_int_equal(b.rc, 0);
    assert_int_equal(b.dag->tasks[1].setups_len, 0);
    assert_int_equal(b.dag->tasks[2].setups_len, 1);
    assert_int_equal(b.dag->tasks[2].setups[0], 0);
    assert_int_equal(b.dag->tasks[4].setups_len, 0); /* the teardown is not downstream of z */
    assert_int_equal(b.dag->tasks[3].scope_len, 1);
    assert_int_equal(b.dag->tasks[3].scope[0], 1);
    assert_int_equal(b.dag->tasks[3].trigger_rule, RULE_ALL_DONE_SETUP_SUCCESS);
    builder_fini(&b);
}

/* A chain and a fan of many tasks: exact and linear. */
static void long_chain(void **state)
{
    struct prng p;
    struct built b;
    struct shape s = {.tasks = 20000, .edges = 1, .reach = 1};

    prng_seed(&p, 3);
    random_dag(&b, &p, &s);
    for (uint32_t t = 0; t + 1 < s.tasks; t++) {
        int32_t below = dag_down_len(b.dag, t) != 0 ? b.dag->tasks[t + 1].effective_weight : 0;

        assert_int_equal(b.dag->tasks[t].effective_weight, 1 + below);
    }
    builder_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_weights),   cmocka_unit_test(topo_prefers_small_indices),
        cmocka_unit_test(weights_are_clamped), cmocka_unit_test(setups_and_scopes),
        cmocka_unit_test(one_setup),           cmocka_unit_test(long_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
