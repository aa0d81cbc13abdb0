/*
 * Building a DAG from a document, in steps: the whole tree (document_walk.c), the DAG's members
 * (document_dag.c), default_args and tasks (document_task.c), the graph (graph*.c).
 *
 * 1. Findings never stop a step: all of a file are reported at once. Only out of memory and limits
 * stop.
 * 2. A step reads only values that were checked; a member with a finding keeps its default.
 * 3. A DAG with findings is never handed out.
 */
#include "model/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/document_priv.h"

const struct dag_defaults dag_defaults_builtin = {
    .max_active_tasks = DEFAULT_MAX_ACTIVE_TASKS,
    .max_active_runs = DEFAULT_MAX_ACTIVE_RUNS,
    .retry_delay_us = DEFAULT_RETRY_DELAY_S * TIME_SECOND,
    .weight_rule = WEIGHT_DOWNSTREAM,
};

static const struct dag_defaults *defaults_of(const struct operator_table *ops)
{
    return ops->defaults != NULL ? ops->defaults : &dag_defaults_builtin;
}

static struct dag *new_dag(const struct operator_table *ops)
{
    const struct dag_defaults *defaults = defaults_of(ops);
    struct dag *dag = mem_zalloc(sizeof *dag);

    if (dag == NULL) {
        return NULL;
    }
    dag->refs = 1;
    arena_init(&dag->arena, LIMIT_DAG_BYTES);
    map_init(&dag->by_id);
    dag->start_date_us = dag->end_date_us = TIME_NONE;
    dag->max_active_tasks = defaults->max_active_tasks;
    dag->max_active_runs = defaults->max_active_runs;
    dag->max_consecutive_failed_dag_runs = defaults->max_consecutive_failed_dag_runs;
    dag->catchup = defaults->catchup;
    dag->is_paused_upon_creation = defaults->paused;
    return dag;
}

static int init_doc(struct doc *d)
{
    const struct dag_defaults *defaults = defaults_of(d->ops);

    for (size_t i = 0; i < doc_task_members.len; i++) {
        const struct doc_member *m = &doc_task_members.items[i];

        if (map_add(&d->task_members, m->name, strlen(m->name), (void *)m, NULL) != 0) {
            return doc_nomem(d);
        }
    }
    d->proto = (struct task){
        .group = UINT32_MAX,
        .map_group = UINT32_MAX,
        .trigger_rule = RULE_ALL_SUCCESS,
        .weight_rule = defaults->weight_rule,
        .do_xcom_push = true,
        .retries = defaults->retries,
        .retry_delay_us = defaults->retry_delay_us,
        .execution_timeout_us = defaults->execution_timeout_us,
        .priority_weight = 1,
        .pool = "default_pool",
        .pool_slots = 1,
    };
    return 0;
}

static int set_file(struct doc *d, const char *file)
{
    if (file != NULL && d->dag->file == NULL) {
        d->dag->file = arena_strdup(d->arena, file);
        if (d->dag->file == NULL) {
            return doc_nomem(d);
        }
    }
    return 0;
}

static int build_graph(struct doc *d)
{
    uint32_t sorted = 0;
    int rc = graph_link(d->dag);

    if (rc == 0) {
        rc = graph_sort(d->dag, &sorted);
    }
    if (rc == 0 && sorted < d->dag->tasks_len) {
        return graph_report_cycles(d);
    }
    if (rc == 0 && doc_findings(d) == 0) {
        rc = graph_weights(d->dag);
        if (rc == 0) {
            rc = graph_scopes(d->dag, d->e);
        }
    }
    return rc == -ERR_NOMEM ? doc_nomem(d) : rc;
}

/* What the file means by the zone that it does not name is written down with it. */
static int add_timezone(struct doc *d)
{
    const char *name = defaults_of(d->ops)->timezone;
    struct value *root = d->dag->document, *zone;

    if (name == NULL || d->ops->stored || root->kind != VALUE_OBJECT ||
        value_get(root, "timezone") != NULL) {
        return 0;
    }
    zone = value_string(d->arena, name, strlen(name));
    return zone == NULL || value_set(d->arena, root, "timezone", zone) != 0 ? doc_nomem(d) : 0;
}

static int build(struct doc *d, const char *file)
{
    int rc = init_doc(d);

    rc = rc == 0 ? add_timezone(d) : rc;
    if (rc != 0) {
        return rc;
    }
    if (d->root->kind != VALUE_OBJECT) {
        doc_finding(d, d->root->line, d->root->col,
                    "a DAG document is an object with dag_id and tasks; found %s",
                    d->root->kind == VALUE_ARRAY ? "a list" : value_kind_name(d->root->kind));
        return 0;
    }
    rc = doc_walk(d);
    if (rc == 0) {
        rc = doc_dag(d);
    }
    if (rc == 0) {
        rc = set_file(d, file);
    }
    if (rc == 0) {
        rc = doc_tasks(d);
    }
    if (rc == 0) {
        rc = build_graph(d);
    }
    return rc;
}

static int compare_findings(const void *px, const void *py)
{
    const struct doc_error *x = px, *y = py;

    if (x->line != y->line) {
        return (x->line > y->line) - (x->line < y->line);
    }
    if (x->col != y->col) {
        return (x->col > y->col) - (x->col < y->col);
    }
    return strcmp(x->text, y->text); /* a total order: the same report each time */
}

/* Builds into d->dag, whose arena and document are set. */
static int run_build(struct doc *d, const char *file)
{
    size_t before = doc_findings(d);
    size_t first = d->errors->len;
    int rc;

    map_init(&d->task_members);
    map_init(&d->groups);
    rc = build(d, file);
    map_fini(&d->task_members);
    map_fini(&d->groups);
    mem_free(d->up);
    if (d->errors->len > first) {
        qsort(d->errors->items + first, d->errors->len - first, sizeof *d->errors->items,
              compare_findings);
    }
    if (rc == 0 && doc_findings(d) != before) {
        size_t n = doc_findings(d) - before;

        rc = err_set(d->e, ERR_INVALID, "%zu error%s in the document", n, n == 1 ? "" : "s");
    }
    return rc;
}

int document_build(const struct value *document, const char *file, const struct operator_table *ops,
                   struct dag **ret, struct doc_errors *errors, struct err *e)
{
    struct dag *dag = new_dag(ops);
    struct doc d = {.dag = dag, .ops = ops, .errors = errors, .e = e};
    int rc;

    if (dag == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    d.arena = &dag->arena;
    rc = value_copy(&dag->arena, document, &dag->document);
    if (rc != 0) {
        rc = rc == -ERR_NOMEM
                 ? doc_nomem(&d)
                 : err_set(e, ERR_LIMIT, "nested deeper than %d levels", LIMIT_JSON_DEPTH);
    } else {
        d.root = dag->document;
        rc = run_build(&d, file);
    }
    if (rc != 0) {
        dag_unref(dag);
        return rc;
    }
    *ret = dag;
    return 0;
}

int document_build_take(struct arena *arena, struct value *document, const char *file,
                        const struct operator_table *ops, struct dag **ret,
                        struct doc_errors *errors, struct err *e)
{
    struct dag *dag = new_dag(ops);
    struct doc d = {.dag = dag, .ops = ops, .errors = errors, .e = e, .root = document};
    int rc;

    if (dag == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    dag->arena = *arena;
    dag->document = document;
    d.arena = &dag->arena;
    rc = run_build(&d, file);
    if (rc != 0) {
        *arena = dag->arena; /* back to the caller, with what was added */
        arena_init(&dag->arena, 0);
        dag_unref(dag);
        return rc;
    }
    arena_init(arena, arena->max);
    *ret = dag;
    return 0;
}
