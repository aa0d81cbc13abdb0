/*
 * Every small DAG against the oracle, step by step (drive.h). What is covered is stated at each
 * test; the whole is printed as numbers of drives (runs) and steps (events, each followed by a
 * comparison of everything).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "dag_gen.h"
#include "drive.h"

/* `test-exhaustive mapped` drives the mapped ones in full, for minutes, and nothing else. */
static bool in_full;

/* Bit k of edges: the k-th pair (i, j), i < j, in lexical order by j. */
static struct dag_gen shape(uint32_t n, uint32_t edges)
{
    struct dag_gen g;
    uint32_t k = 0;

    dag_gen_init(&g, n);
    for (uint32_t j = 1; j < n; j++) {
        for (uint32_t i = 0; i < j; i++, k++) {
            if (edges >> k & 1) {
                dag_gen_edge(&g, i, j);
            }
        }
    }
    return g;
}

static uint32_t pairs(uint32_t n)
{
    return n * (n - 1) / 2;
}

static bool has_upstream(const struct dag_gen *g, uint32_t task)
{
    for (size_t k = 0; k < g->edges_len; k++) {
        if (g->edges[k][1] == task) {
            return true;
        }
    }
    return false;
}

/* The rule of a task by choice; one without upstream keeps the default (its rule is looked at by
 * rules_of_roots). */
static void choose_rules(struct odometer *o, struct dag_gen *g)
{
    for (uint32_t t = 0; t < g->dag->tasks_len; t++) {
        if (has_upstream(g, t)) {
            g->dag->tasks[t].trigger_rule = (uint8_t)odometer_choose(o, TRIGGER_RULE_MAX_);
        }
    }
}

/* Every DAG of n tasks with every combination of rules. */
static void every_rule(struct drive *w, uint32_t n, const struct drive_options *options)
{
    for (uint32_t edges = 0; edges < 1u << pairs(n); edges++) {
        struct odometer o = {0};

        do {
            struct dag_gen g = shape(n, edges);

            choose_rules(&o, &g);
            drive_all(w, dag_gen_finish(&g), options);
        } while (odometer_next(&o));
    }
}

static void report(const struct drive *w, const char *what)
{
    print_message("%s: %llu drives, %llu steps\n", what, (unsigned long long)w->drives,
                  (unsigned long long)w->steps);
}

/* A task without upstream starts at once, whatever its rule says. */
static void rules_of_roots(void **state)
{
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 3};
    struct drive w = {0};

    for (uint8_t rule = 0; rule < TRIGGER_RULE_MAX_; rule++) {
        struct dag_gen g = shape(2, 1);

        g.dag->tasks[0].trigger_rule = rule;
        drive_all(&w, dag_gen_finish(&g), &options);
    }
    report(&w, "roots");
}

/* Complete: 1 to 3 tasks, all edges, all rules, all outcomes, all orders of ends. */
static void three_tasks(void **state)
{
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 3};
    struct drive w = {0};

    for (uint32_t n = 1; n <= 3; n++) {
        every_rule(&w, n, &options);
    }
    report(&w, "3 tasks");
}

static uint32_t pair(uint32_t i, uint32_t j)
{
    return j * (j - 1) / 2 + i;
}

/* The edge set with task t renamed to name[t], or UINT32_MAX when an edge would go backwards. */
static uint32_t renamed(uint32_t edges, const uint8_t name[4])
{
    uint32_t out = 0;

    for (uint32_t j = 1; j < 4; j++) {
        for (uint32_t i = 0; i < j; i++) {
            if (!(edges >> pair(i, j) & 1)) {
                continue;
            }
            if (name[i] > name[j]) {
                return UINT32_MAX;
            }
            out |= 1u << pair(name[i], name[j]);
        }
    }
    return out;
}

/* Of DAGs that differ only in the names of their tasks, the one with the smallest edge set, then
 * rules, is driven. */
static bool is_first_of_its_kind(uint32_t edges, const struct task *tasks)
{
    for (uint32_t code = 0; code < 256; code++) {
        const uint8_t name[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3};
        uint64_t mine = 0, theirs = 0;
        uint32_t other;

        if ((1u << name[0] | 1u << name[1] | 1u << name[2] | 1u << name[3]) != 15) {
            continue;
        }
        other = renamed(edges, name);
        for (uint32_t t = 0; t < 4; t++) {
            mine |= (uint64_t)tasks[t].trigger_rule << 8 * t;
            theirs |= (uint64_t)tasks[t].trigger_rule << 8 * name[t];
        }
        if (other < edges || (other == edges && theirs < mine)) {
            return false;
        }
    }
    return true;
}

/*
 * Complete up to names: 4 tasks, all edges, all rules on all tasks, all outcomes; the running task
 * that ends next is always the first, then, once more, always the last.
 */
static void four_tasks(void **state)
{
    const struct drive_options first = {.order = DRIVE_FIRST, .outcomes = 3};
    const struct drive_options last = {.order = DRIVE_LAST, .outcomes = 3};
    struct drive w = {0};

    for (uint32_t edges = 0; edges < 64; edges++) {
        struct odometer o = {0};

        do {
            struct dag_gen g = shape(4, edges);
            bool of_its_kind;
            struct dag *dag;

            choose_rules(&o, &g);
            of_its_kind = is_first_of_its_kind(edges, g.dag->tasks);
            dag = dag_gen_finish(&g);
            if (of_its_kind) {
                drive_all(&w, dag_ref(dag), &first);
                drive_all(&w, dag_ref(dag), &last);
            }
            dag_unref(dag);
        } while (odometer_next(&o));
    }
    report(&w, "4 tasks");
}

/* 4 tasks, all edges, default rules, all outcomes, all orders of ends. */
static void four_tasks_orders(void **state)
{
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 3};
    struct drive w = {0};

    for (uint32_t edges = 0; edges < 64; edges++) {
        struct dag_gen g = shape(4, edges);

        drive_all(&w, dag_gen_finish(&g), &options);
    }
    report(&w, "4 tasks, all orders");
}

/* 3 tasks, all rules: every success may skip any set of the task's descendants, as branches and
 * short circuits do. */
static void branches(void **state)
{
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 2, .skips = true};
    struct drive w = {0};

    every_rule(&w, 3, &options);
    report(&w, "branches");
}

/* 3 tasks, all rules, all outcomes: the scheduler dies once, before any of the ends, and goes on
 * from its rows. */
static void restores(void **state)
{
    const struct drive_options options = {.order = DRIVE_FIRST, .outcomes = 3, .restores = true};
    struct drive w = {0};

    every_rule(&w, 3, &options);
    report(&w, "restores");
}

/* 3 tasks, all edges, default rules, one retry each; all outcomes of every try. One slot, so that
 * waiting for it is met too. */
static void retries(void **state)
{
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 3};
    const struct drive_options narrow = {.order = DRIVE_ALL, .outcomes = 2, .parallelism = 1};
    struct drive w = {0};

    for (uint32_t edges = 0; edges < 8; edges++) {
        for (int k = 0; k < 2; k++) {
            struct dag_gen g = shape(3, edges);

            for (uint32_t t = 0; t < 3; t++) {
                g.dag->tasks[t].retries = 1;
            }
            drive_all(&w, dag_gen_finish(&g), k == 0 ? &options : &narrow);
        }
    }
    report(&w, "retries");
}

/* 3 tasks, default rules, all outcomes of both rounds: any set of tasks is cleared once the run has
 * ended. */
static void clears(void **state)
{
    const struct drive_options options = {.order = DRIVE_FIRST, .outcomes = 3, .clears = true};
    struct drive w = {0};

    for (uint32_t edges = 0; edges < 8; edges++) {
        struct dag_gen g = shape(3, edges);

        drive_all(&w, dag_gen_finish(&g), &options);
    }
    report(&w, "clears");
}

enum role { ROLE_WORK, ROLE_SETUP, ROLE_TEARDOWN, ROLE_TEARDOWN_COUNTS, ROLE_INSTANT, ROLES };

static void give_role(struct dag_gen *g, uint32_t t, enum role role)
{
    struct task *task = &g->dag->tasks[t];

    task->is_setup = role == ROLE_SETUP;
    task->is_teardown = role == ROLE_TEARDOWN || role == ROLE_TEARDOWN_COUNTS;
    task->on_failure_fail_dagrun = role == ROLE_TEARDOWN_COUNTS;
    task->instant = role == ROLE_INSTANT;
    if (task->is_teardown) {
        task->trigger_rule = RULE_ALL_DONE_SETUP_SUCCESS;
    }
}

static void every_role(struct drive *w, uint32_t n, const struct drive_options *options,
                       bool fail_fast)
{
    for (uint32_t edges = 0; edges < 1u << pairs(n); edges++) {
        struct odometer o = {0};

        do {
            struct dag_gen g = shape(n, edges);

            g.dag->fail_fast = fail_fast;
            for (uint32_t t = 0; t < n; t++) {
                give_role(&g, t, (enum role)odometer_choose(&o, n == 4 ? ROLE_INSTANT : ROLES));
            }
            drive_all(w, dag_gen_finish(&g), options);
        } while (odometer_next(&o));
    }
}

/*
 * 1 to 3 tasks, every task work, setup, teardown (counting for the run or not) or instant, all
 * edges, all outcomes, all orders; 4 tasks without instant ones, in the order of the tasks. Rules
 * are the defaults of the roles.
 */
static void setups_and_teardowns(void **state)
{
    const struct drive_options restores = {.order = DRIVE_FIRST, .outcomes = 3, .restores = true};
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 3};
    const struct drive_options first = {.order = DRIVE_FIRST, .outcomes = 3};
    struct drive w = {0};

    for (uint32_t n = 1; n <= 3; n++) {
        every_role(&w, n, &options, false);
    }
    every_role(&w, 4, &first, false);
    every_role(&w, 3, &restores, false);
    report(&w, "setups and teardowns");
}

/* 1 to 3 tasks with fail_fast: all roles, all outcomes, all orders; and with one retry. */
static void fail_fast(void **state)
{
    const struct drive_options restores = {.order = DRIVE_FIRST, .outcomes = 3, .restores = true};
    const struct drive_options options = {.order = DRIVE_ALL, .outcomes = 3};
    struct drive w = {0};

    for (uint32_t n = 1; n <= 3; n++) {
        every_role(&w, n, &options, true);
        every_role(&w, n, &restores, true);
    }
    for (uint32_t edges = 0; edges < 8; edges++) {
        struct dag_gen g = shape(3, edges);

        g.dag->fail_fast = true;
        for (uint32_t t = 0; t < 3; t++) {
            g.dag->tasks[t].retries = (int32_t)(t % 2);
        }
        drive_all(&w, dag_gen_finish(&g), &options);
    }
    report(&w, "fail_fast");
}

/* Which tasks are mapped, and how: over two values, over none, over what the task before it returned, as one group over that. */
enum mapping { MAP_NOT, MAP_TWO, MAP_NONE, MAP_ASKED, MAPPINGS };

static uint32_t last_upstream(const struct dag_gen *g, uint32_t task)
{
    uint32_t up = task;

    for (size_t k = 0; k < g->edges_len; k++) {
        up = g->edges[k][1] == task ? g->edges[k][0] : up;
    }
    return up;
}

/* False: there is nothing that it could be mapped over. */
static bool give_mapping(struct dag_gen *g, uint32_t t, enum mapping m)
{
    uint32_t up = last_upstream(g, t);

    switch (m) {
    case MAP_TWO:
        dag_gen_map(g, t, 2, 0);
        return true;
    case MAP_NONE:
        dag_gen_map(g, t, 0, 0);
        return true;
    case MAP_ASKED:
        if (up != t) {
            dag_gen_map(g, t, -1, up);
        }
        return up != t;
    default:
        return true;
    }
}

/* Every DAG of n tasks of which one or two are mapped, in every way, with every rule of those below another. */
static void every_mapping(struct drive *w, uint32_t n, const struct drive_options *options,
                          bool rules)
{
    for (uint32_t edges = 0; edges < 1u << pairs(n); edges++) {
        struct odometer o = {0};

        do {
            struct dag_gen g = shape(n, edges);
            uint32_t mapped = 0;
            bool possible = true;

            for (uint32_t t = 0; t < n; t++) {
                enum mapping m = (enum mapping)odometer_choose(&o, MAPPINGS);

                mapped += m != MAP_NOT;
                possible = possible && give_mapping(&g, t, m);
            }
            possible = possible && mapped >= 1 && mapped <= 2;
            if (possible && rules) {
                choose_rules(&o, &g);
            }
            if (possible) {
                drive_all(w, dag_gen_finish(&g), options);
            } else {
                dag_unref(dag_gen_finish(&g));
            }
        } while (odometer_next(&o));
    }
}

/* The two tasks below the first are a mapped group over it, or over two values; every edge, every rule. */
static void every_group(struct drive *w, const struct drive_options *options, bool rules)
{
    for (uint32_t edges = 0; edges < 8; edges++) {
        struct odometer o = {0};

        do {
            struct dag_gen g = shape(3, edges);
            bool asked = odometer_choose(&o, 2) == 1;

            dag_gen_map_group(&g, 0, 1, 3, asked ? -1 : 2, 0);
            if (rules) {
                choose_rules(&o, &g);
            }
            drive_all(w, dag_gen_finish(&g), options);
        } while (odometer_next(&o));
    }
}

/* 1 to 3 tasks, one or two of them mapped over 0 to 2, all edges, all rules, all outcomes of each instance. */
static void mapped(void **state)
{
    const struct drive_options first = {.order = DRIVE_FIRST, .outcomes = 3, .lengths = 3};
    const struct drive_options last = {.order = DRIVE_LAST, .outcomes = 2, .lengths = 3};
    const struct drive_options all = {.order = DRIVE_ALL, .outcomes = 2, .lengths = 3};
    const struct drive_options slices = {
        .order = DRIVE_FIRST, .outcomes = 3, .lengths = 3, .slice = 1};
    const struct drive_options late = {
        .order = DRIVE_LAST, .outcomes = 2, .lengths = 3, .slice = 1};
    struct drive w = {0};

    for (uint32_t n = 1; n <= 2; n++) {
        every_mapping(&w, n, &first, true);
        every_mapping(&w, n, &all, true);
    }
    every_mapping(&w, 3, &first, in_full);
    every_mapping(&w, 3, in_full ? &all : &last, true);
    every_mapping(&w, 3, &slices, in_full);
    every_mapping(&w, 3, &late, in_full);
    report(&w, "mapped");
}

static void mapped_groups(void **state)
{
    const struct drive_options last = {.order = DRIVE_LAST, .outcomes = 2, .lengths = 3};
    const struct drive_options skips = {
        .order = DRIVE_FIRST, .outcomes = 2, .lengths = 3, .skips = true};
    const struct drive_options restores = {
        .order = DRIVE_FIRST, .outcomes = 2, .lengths = 3, .restores = true};
    const struct drive_options clears = {
        .order = DRIVE_FIRST, .outcomes = 1, .lengths = 3, .clears = true};
    const struct drive_options all = {.order = DRIVE_ALL, .outcomes = 3, .lengths = 3};
    const struct drive_options slices = {
        .order = DRIVE_FIRST, .outcomes = 2, .lengths = 3, .slice = 1};
    const struct drive_options late = {
        .order = DRIVE_LAST, .outcomes = 2, .lengths = 3, .slice = 1};
    struct drive w = {0};

    every_group(&w, &last, true);
    every_group(&w, &slices, true);
    every_group(&w, &late, true);
    every_group(&w, &restores, in_full);
    every_group(&w, &skips, in_full);
    every_group(&w, in_full ? &all : &clears, in_full);
    report(&w, "mapped groups");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_roots),
        cmocka_unit_test(three_tasks),
        cmocka_unit_test(branches),
        cmocka_unit_test(restores),
        cmocka_unit_test(retries),
        cmocka_unit_test(clears),
        cmocka_unit_test(setups_and_teardowns),
        cmocka_unit_test(fail_fast),
        cmocka_unit_test(mapped),
        cmocka_unit_test(mapped_groups),
        cmocka_unit_test(four_tasks),
        cmocka_unit_test(four_tasks_orders),
    };

    const struct CMUnitTest in_full_only[] = {cmocka_unit_test(mapped),
                                              cmocka_unit_test(mapped_groups)};

    in_full = argc > 1 && strcmp(argv[1], "mapped") == 0;
    return in_full ? cmocka_run_group_tests(in_full_only, NULL, NULL)
                   : cmocka_run_group_tests(tests, NULL, NULL);
}
