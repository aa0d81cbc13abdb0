/* A context for operators' functions, made from one task of a YAML document. */
#ifndef TW_TEST_OPERATORS_CONTEXT_H
#define TW_TEST_OPERATORS_CONTEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operator.h"
#include "operators/operators.h"

struct ground {
    struct arena arena;
    struct dag *dag;
    struct operator_context c;
    const struct operator_impl *op;
    struct err e;
};

static inline void ground_open(struct ground *g, const char *yaml, const char *task_id)
{
    struct doc_errors errors = {.arena = &g->arena};
    const struct task *t;

    *g = (struct ground){.dag = NULL};
    arena_init(&g->arena, MiB(64));
    if (dagfile_load_text(yaml, strlen(yaml), false, "f.yaml", operators_table(), &g->dag, &errors,
                          &g->e) != 0) {
        fail_msg("document: %s", errors.len != 0 ? errors.items[0].text : err_str(&g->e));
    }
    t = dag_task(g->dag, task_id);
    assert_non_null(t);
    g->op = operator_find(t->operator_name);
    assert_non_null(g->op);
    g->c = (struct operator_context){.dag = g->dag,
                                     .task = t,
                                     .params = t->spec,
                                     .arena = &g->arena,
                                     .logical_date_us = TIME_NONE};
}

static inline void ground_close(struct ground *g)
{
    dag_unref(g->dag);
    arena_fini(&g->arena);
}

#endif
