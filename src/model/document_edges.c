/* Edges: upstream ids, and XComs that are arguments, as compressed rows. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/document_priv.h"

#define BIG       10000 /* tasks */
#define BIG_HINTS 10

static void unknown_task(struct doc *d, const struct value *v, const char *what)
{
    const char **words = NULL;
    const char *hint = "";

    if (map_find(&d->groups, v->text, v->len) != NULL) {
        doc_finding(d, v->line, v->col, "%s '%.80s' is a task group; name its tasks", what,
                    v->text);
        return;
    }
    /* A hint looks at every task: in a big DAG only the first findings get one. */
    if (d->errors->len < (d->dag->tasks_len > BIG ? BIG_HINTS : LIMIT_DOC_ERRORS)) {
        words = mem_array(d->dag->tasks_len, sizeof *words);
    }
    if (words != NULL) {
        for (uint32_t i = 0; i < d->dag->tasks_len; i++) {
            words[i] = d->dag->tasks[i].task_id;
        }
        hint = doc_hint(d, v->text, words, d->dag->tasks_len);
    }
    doc_finding(d, v->line, v->col, "%s '%.80s' is not a task of this DAG%s", what, v->text, hint);
    mem_free(words);
}

static int add_edge(struct doc *d, const struct value *v, const char *what)
{
    const struct task *t = map_find(&d->dag->by_id, v->text, v->len);

    if (t == NULL) {
        unknown_task(d, v, what);
        return 0;
    }
    if (d->up_len >= LIMIT_EDGES) {
        return err_at(d->e, ERR_LIMIT, v->line, v->col, "more than %d edges", LIMIT_EDGES);
    }
    return VEC_PUSH(d->up, d->up_len, d->up_cap, t->index) != 0 ? doc_nomem(d) : 0;
}

/* An XCom as an argument makes its task upstream, as in Airflow. */
static int add_xcom(struct doc *d, const struct value *xcom)
{
    const struct value *id = value_get(xcom, "task_id");

    if (id == NULL || id->kind != VALUE_STRING) {
        doc_finding(d, xcom->line, xcom->col, "'__xcom__' must have 'task_id', a string");
        return 0;
    }
    return add_edge(d, id, "the task of an XCom");
}

struct level {
    const struct value *v;
    size_t next;
};

/* All XComs within one parameter. The walk before has checked the depth. */
static int walk_xcoms(struct doc *d, const struct value *v)
{
    struct level stack[LIMIT_JSON_DEPTH];
    int depth = 0, rc = 0;

    for (;;) {
        if (v->kind == VALUE_OBJECT && v->len == 1 && strcmp(v->keys[0].text, "__xcom__") == 0) {
            rc = add_xcom(d, v->elems[0]);
        } else if ((v->kind == VALUE_OBJECT || v->kind == VALUE_ARRAY) && v->len != 0 &&
                   depth < LIMIT_JSON_DEPTH) {
            stack[depth++] = (struct level){v, 0};
        }
        while (depth > 0 && stack[depth - 1].next == stack[depth - 1].v->len) {
            depth--;
        }
        if (depth == 0 || rc != 0) {
            return rc;
        }
        v = stack[depth - 1].v->elems[stack[depth - 1].next++];
    }
}

static int compare_indices(const void *px, const void *py)
{
    uint32_t x = *(const uint32_t *)px, y = *(const uint32_t *)py;

    return (x > y) - (x < y);
}

/* Ascending, each once. */
static void sort_row(struct doc *d, size_t from)
{
    size_t n = from;

    if (d->up_len - from < 2) {
        return;
    }
    qsort(d->up + from, d->up_len - from, sizeof *d->up, compare_indices);
    for (size_t i = from; i < d->up_len; i++) {
        if (i == from || d->up[i] != d->up[n - 1]) {
            d->up[n++] = d->up[i];
        }
    }
    d->up_len = n;
}

/* What a mapped group is mapped over is upstream of the tasks that it begins with. */
static int group_edges(struct doc *d, const struct task *t, size_t from)
{
    const struct task_group *g = task_map_group(d->dag, t);

    for (size_t i = from; i < d->up_len; i++) {
        if (d->dag->tasks[d->up[i]].map_group == t->map_group) {
            return 0;
        }
    }
    return walk_xcoms(d, g->expand != NULL ? g->expand : g->expand_kwargs);
}

static int task_edges(struct doc *d, const struct task *t)
{
    size_t from = d->up_len;
    int rc = 0;

    for (size_t i = 0; t->spec != NULL && i < t->spec->len && rc == 0; i++) {
        const struct value *v = t->spec->elems[i];

        if (v->kind == VALUE_ARRAY && strcmp(t->spec->keys[i].text, "upstream") == 0) {
            for (size_t j = 0; j < v->len && rc == 0; j++) {
                rc = v->elems[j]->kind == VALUE_STRING ? add_edge(d, v->elems[j], "upstream") : 0;
            }
        } else if (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) {
            rc = walk_xcoms(d, v);
        }
    }
    if (rc == 0 && t->map_group != UINT32_MAX) {
        rc = group_edges(d, t, from);
    }
    sort_row(d, from);
    return rc;
}

/* "Setup tasks must be followed with trigger rule all_success": Airflow's rule. */
static void check_setups(struct doc *d, const struct task *t)
{
    for (uint32_t i = d->dag->up_off[t->index]; i < d->dag->up_off[t->index + 1]; i++) {
        const struct task *up = &d->dag->tasks[d->dag->up[i]];

        if (up->is_setup && !t->is_teardown && t->trigger_rule != RULE_ALL_SUCCESS) {
            doc_finding(d, t->line, t->col,
                        "it follows the setup '%.80s': its trigger rule must be all_success",
                        up->task_id);
            return;
        }
    }
}

int doc_edges(struct doc *d)
{
    struct dag *dag = d->dag;
    int rc = 0;

    dag->up_off = arena_array(d->arena, (size_t)dag->tasks_len + 1, sizeof *dag->up_off);
    if (dag->up_off == NULL) {
        return doc_nomem(d);
    }
    for (uint32_t t = 0; t < dag->tasks_len && rc == 0; t++) {
        d->task_id = dag->tasks[t].task_id;
        rc = task_edges(d, &dag->tasks[t]);
        dag->up_off[t + 1] = (uint32_t)d->up_len;
    }
    dag->up = rc == 0 ? arena_array(d->arena, d->up_len, sizeof *dag->up) : NULL;
    if (rc == 0 && dag->up == NULL) {
        d->task_id = NULL;
        return doc_nomem(d);
    }
    if (rc == 0 && d->up_len != 0) {
        memcpy(dag->up, d->up, d->up_len * sizeof *dag->up);
    }
    for (uint32_t t = 0; t < dag->tasks_len && rc == 0; t++) {
        d->task_id = dag->tasks[t].task_id;
        check_setups(d, &dag->tasks[t]);
    }
    d->task_id = NULL;
    return rc;
}
