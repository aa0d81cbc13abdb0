/*
 * The arguments of one instance of a mapped task, or of the mapped group that it is in: what its map index says of lists that are
 * literal or XComs. For operators that run without Python; the Python runner does the same for its own.
 */
#include "worker/mapped.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"

static bool is(const struct value *v, const char *name)
{
    return v->kind == VALUE_OBJECT && v->len == 1 && strcmp(v->keys[0].text, name) == 0;
}

bool attempt_is_mapped(const struct attempt *a)
{
    const struct operator_desc *d = operators_find(a->task->operator_name);
    bool python = value_get(a->task->spec, "python_callable") != NULL ||
                  value_get(a->task->spec, "operator_class") != NULL || attempt_in_python(a);

    for (const struct operator_param *p = d != NULL ? d->params : NULL;
         p != NULL && p->name != NULL; p++) {
        python |= a->dag->is_python && strcmp(p->name, "python_callable") == 0;
    }
    return a->key.map_index >= 0 && a->task->mapped && !python;
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory for mapped arguments");
}

/* A list stays; an object becomes the list of its members, each [key, value]. */
static int as_list(struct attempt *a, struct value *v, struct value **ret, struct err *e)
{
    struct arena *m = &a->arena;
    struct value *list;

    *ret = v;
    if (v->kind == VALUE_ARRAY) {
        return 0;
    }
    if (v->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "what it is mapped over is %s, not a list or an object",
                       value_kind_name(v->kind));
    }
    list = value_new(m, VALUE_ARRAY);
    for (size_t i = 0; list != NULL && i < v->len; i++) {
        struct value *pair = value_new(m, VALUE_ARRAY);
        struct value *key = value_string(m, v->keys[i].text, v->keys[i].len);

        if (pair == NULL || key == NULL || value_append(m, pair, key) != 0 ||
            value_append(m, pair, v->elems[i]) != 0 || value_append(m, list, pair) != 0) {
            return no_memory(e);
        }
    }
    *ret = list;
    return list != NULL ? 0 : no_memory(e);
}

static int list_of(struct attempt *a, struct value *v, struct value **ret, struct err *e);

static int pull_list(struct attempt *a, const struct value *xcom, struct value **ret, struct err *e)
{
    const struct value *id = value_get(xcom, "task_id"), *key = value_get(xcom, "key");
    const char *json = NULL;
    struct value *v;
    size_t n = 0;
    int rc;

    if (id == NULL || id->kind != VALUE_STRING) {
        return err_set(e, ERR_INVALID, "an XCom reference has no task_id");
    }
    rc = a->worker->cb.xcom_get(a->worker->cb.arg, &a->key, id->text,
                                key != NULL && key->kind == VALUE_STRING ? key->text
                                                                         : "return_value",
                                &a->arena, &json, &n, e);
    if (rc == 0 && json == NULL) {
        return err_set(e, ERR_INVALID, "it is mapped over %s, which has no XCom any more",
                       id->text);
    }
    rc = rc == 0 ? value_parse(&a->arena, json, n, &v, e) : rc;
    return rc == 0 ? as_list(a, v, ret, e) : rc;
}

static int zip(struct attempt *a, const struct value *o, struct value **ret, struct err *e)
{
    const struct value *of = value_get(o, "of");
    struct value *fill = value_get(o, "fillvalue"), *out = value_new(&a->arena, VALUE_ARRAY);
    struct value **lists =
        of != NULL ? arena_array(&a->arena, of->len + 1, sizeof(struct value *)) : NULL;
    size_t len = 0;

    if (out == NULL || lists == NULL) {
        return no_memory(e);
    }
    for (size_t i = 0; i < of->len; i++) {
        int rc = list_of(a, of->elems[i], &lists[i], e);

        if (rc != 0) {
            return rc;
        }
        if (i == 0 || (fill != NULL ? lists[i]->len > len : lists[i]->len < len)) {
            len = lists[i]->len;
        }
    }
    for (size_t k = 0; k < len; k++) {
        struct value *one = value_new(&a->arena, VALUE_ARRAY);

        for (size_t i = 0; one != NULL && i < of->len; i++) {
            struct value *x = k < lists[i]->len ? lists[i]->elems[k] : fill;

            if (value_append(&a->arena, one, x) != 0) {
                return no_memory(e);
            }
        }
        if (one == NULL || value_append(&a->arena, out, one) != 0) {
            return no_memory(e);
        }
    }
    *ret = out;
    return 0;
}

static int concat(struct attempt *a, const struct value *o, struct value **ret, struct err *e)
{
    const struct value *of = value_get(o, "of");
    struct value *out = value_new(&a->arena, VALUE_ARRAY), *list;

    for (size_t i = 0; out != NULL && of != NULL && i < of->len; i++) {
        int rc = list_of(a, of->elems[i], &list, e);

        for (size_t k = 0; rc == 0 && k < list->len; k++) {
            rc = value_append(&a->arena, out, list->elems[k]) != 0 ? no_memory(e) : 0;
        }
        if (rc != 0) {
            return rc;
        }
    }
    *ret = out;
    return out != NULL ? 0 : no_memory(e);
}

/* References nest as deep as documents do. */
static int list_of(struct attempt *a, struct value *v, struct value **ret, struct err *e)
{
    if (is(v, "__xcom__")) {
        return pull_list(a, v->elems[0], ret, e);
    }
    if (is(v, "__zip__")) {
        return zip(a, v->elems[0], ret, e);
    }
    if (is(v, "__concat__")) {
        return concat(a, v->elems[0], ret, e);
    }
    if (is(v, "__map__")) {
        return err_set(e, ERR_INVALID,
                       "it is mapped over the results of a Python function (.map): only Python "
                       "operators can be");
    }
    return as_list(a, v, ret, e);
}

static int pick_kwargs(struct attempt *a, const struct value *kwargs, struct value **ret,
                       struct err *e)
{
    struct value *list;
    int rc = list_of(a, (struct value *)kwargs, &list, e);

    if (rc != 0) {
        return rc;
    }
    if ((size_t)a->key.map_index >= list->len) {
        return err_set(e, ERR_INVALID, "what it is mapped over has only %zu elements now",
                       list->len);
    }
    *ret = list->elems[a->key.map_index];
    return (*ret)->kind == VALUE_OBJECT
               ? 0
               : err_set(e, ERR_INVALID, "element %d of expand_kwargs is %s, not an object",
                         a->key.map_index, value_kind_name((*ret)->kind));
}

/* The last argument varies fastest. */
static int pick(struct attempt *a, const struct value *expand, struct value **ret, struct err *e)
{
    struct value *out = value_new(&a->arena, VALUE_OBJECT);
    size_t left = (size_t)a->key.map_index;
    struct value **picked = arena_array(&a->arena, expand->len, sizeof(struct value *));

    if (out == NULL || picked == NULL) {
        return no_memory(e);
    }
    for (size_t i = expand->len; i-- > 0;) {
        struct value *list;
        int rc = list_of(a, expand->elems[i], &list, e);

        if (rc != 0) {
            return rc;
        }
        if (list->len == 0) {
            return err_set(e, ERR_INVALID, "%s has nothing to map over now", expand->keys[i].text);
        }
        picked[i] = list->elems[left % list->len];
        left /= list->len;
    }
    if (left != 0) {
        return err_set(e, ERR_INVALID, "what it is mapped over is shorter now");
    }
    for (size_t i = 0; i < expand->len; i++) {
        if (value_set(&a->arena, out, expand->keys[i].text, picked[i]) != 0) {
            return no_memory(e);
        }
    }
    *ret = out;
    return 0;
}

int attempt_mapped(struct attempt *a, struct value **ret, struct err *e)
{
    const struct task_group *g = task_map_group(a->dag, a->task);
    const struct value *expand = g != NULL ? g->expand : a->task->expand;

    return expand != NULL
               ? pick(a, expand, ret, e)
               : pick_kwargs(a, g != NULL ? g->expand_kwargs : a->task->expand_kwargs, ret, e);
}
