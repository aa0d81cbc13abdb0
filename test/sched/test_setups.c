/*
 * What the model precomputes of setups and teardowns (task->setups, task->scope) against the
 * oracle, which walks the edges: every DAG of four tasks with every role, and larger ones from
 * seeds, each loaded as a document.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/prng.h"
#include "model/dag.h"
#include "model/document.h"
#include "oracle.h"

#define TASKS_MAX 14

static const struct operator_param no_params[] = {{.name = NULL}};
static const struct operator_desc work = {.name = "work", .doc = "Works.", .params = no_params};
static const struct operator_desc *const all_operators[] = {&work};
static const struct operator_table operators = {all_operators, 1};

struct plan {
    uint32_t n;
    uint8_t role[TASKS_MAX];         /* 0 work, 1 setup, 2 teardown */
    bool edge[TASKS_MAX][TASKS_MAX]; /* [up][down] */
};

static void write_document(const struct plan *p, struct buf *out)
{
    static const char *const roles[] = {"", ",\"setup\":true", ",\"teardown\":true"};

    buf_str(out, "{\"dag_id\":\"d\",\"tasks\":{");
    for (uint32_t t = 0; t < p->n; t++) {
        bool first = true;

        buf_printf(out, "%s\"t%u\":{\"operator\":\"work\"%s,\"upstream\":[", t > 0 ? "," : "", t,
                   roles[p->role[t]]);
        for (uint32_t u = 0; u < t; u++) {
            if (p->edge[u][t]) {
                buf_printf(out, "%s\"t%u\"", first ? "" : ",", u);
                first = false;
            }
        }
        buf_str(out, "]}");
    }
    buf_str(out, "}}");
}

static void check_list(const struct dag *d, uint32_t t, uint8_t *mark, const uint32_t *list,
                       uint32_t len, const char *document)
{
    for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
        mark[d->up[i]] = 0; /* the direct ones are the trigger rule's */
    }
    for (uint32_t k = 0; k < len; k++) {
        if (!mark[list[k]]) {
            print_error("t%u: t%u is too much in %s\n", t, list[k], document);
            fail();
        }
        mark[list[k]] = 0;
    }
    for (uint32_t k = 0; k < d->tasks_len; k++) {
        if (mark[k]) {
            print_error("t%u: t%u is missing in %s\n", t, k, document);
            fail();
        }
    }
}

/* 1 when it was compared, 0 when the document was refused. */
static uint32_t check_plan(const struct plan *p)
{
    BUF_CLEANUP struct buf text;
    struct arena arena;
    struct doc_errors errors = {.arena = &arena};
    struct value *v;
    struct dag *d = NULL;
    struct err e = {0};
    uint8_t mark[TASKS_MAX];
    int rc;

    buf_init(&text, KiB(64));
    arena_init(&arena, MiB(1));
    write_document(p, &text);
    assert_int_equal(value_parse(&arena, buf_cstr(&text), text.len, &v, &e), 0);
    rc = document_build(v, NULL, &operators, &d, &errors, &e);
    for (uint32_t t = 0; rc == 0 && t < p->n; t++) {
        oracle_setups(d, t, mark);
        check_list(d, t, mark, d->tasks[t].setups, d->tasks[t].setups_len, buf_cstr(&text));
        oracle_scope(d, t, mark);
        check_list(d, t, mark, d->tasks[t].scope, d->tasks[t].scope_len, buf_cstr(&text));
    }
    dag_unref(d);
    arena_fini(&arena);
    return rc == 0;
}

static void four_tasks(void **state)
{
    uint32_t compared = 0;

    for (uint32_t edges = 0; edges < 64; edges++) {
        for (uint32_t roles = 0; roles < 81; roles++) {
            struct plan p = {.n = 4};
            uint32_t k = 0;

            for (uint32_t j = 1; j < 4; j++) {
                for (uint32_t i = 0; i < j; i++, k++) {
                    p.edge[i][j] = edges >> k & 1;
                }
            }
            for (uint32_t t = 0, r = roles; t < 4; t++, r /= 3) {
                p.role[t] = (uint8_t)(r % 3);
            }
            compared += check_plan(&p);
        }
    }
    print_message("4 tasks: %u documents compared of %u\n", compared, 64 * 81);
    assert_true(compared > 64 * 16);
}

static void drawn(void **state)
{
    struct prng prng;
    uint32_t compared = 0;

    prng_seed(&prng, 1);
    for (int k = 0; k < 1000; k++) {
        struct plan p = {.n = 5 + (uint32_t)prng_below(&prng, TASKS_MAX - 4)};
        uint64_t dense = 10 + prng_below(&prng, 40);

        for (uint32_t t = 0; t < p.n; t++) {
            p.role[t] = (uint8_t)(prng_below(&prng, 6) < 4 ? 0 : 1 + prng_below(&prng, 2));
            for (uint32_t u = 0; u < t; u++) {
                p.edge[u][t] = prng_below(&prng, 100) < dense;
            }
        }
        compared += check_plan(&p);
    }
    print_message("drawn: %u documents compared of 1000\n", compared);
    assert_true(compared > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_tasks),
        cmocka_unit_test(drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
