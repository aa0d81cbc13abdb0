/*
 * An instance of a mapped task whose operator runs without Python: which arguments it has. Those that it is mapped over stand for members
 * of the task's object and are not rendered, as in Airflow; the others are. Tasks of the Python runner get their object as it is
 * written, and resolve it there.
 */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/dag.h"
#include "model/mapping.h"
#include "worker/local_priv.h"

struct expanding {
    struct attempt *a;
    struct err *e;
};

static int resolve(struct expanding *x, const struct value *v, struct value **ret);

static int no_memory(struct expanding *x)
{
    return err_set(x->e, ERR_NOMEM, "out of memory for the arguments of an instance");
}

static const struct value *inside(const struct value *v, const char *name)
{
    const struct value *o = v->kind == VALUE_OBJECT && v->len == 1 ? value_get(v, name) : NULL;

    return o != NULL && o->kind == VALUE_OBJECT ? o : NULL;
}

/* Lists as they are; tuples and sets as the Python side writes them. */
static struct value *as_list(struct value *v)
{
    struct value *inner = v->kind == VALUE_OBJECT && value_get(v, "__type__") != NULL
                              ? value_get(v, "value")
                              : NULL;

    return inner != NULL && inner->kind == VALUE_ARRAY ? inner : v;
}

static int pull(struct expanding *x, const struct value *ref, struct value **ret)
{
    const struct value *id = value_get(ref, "task_id"), *key = value_get(ref, "key");
    struct attempt *a = x->a;
    const char *json = NULL;
    size_t n = 0;
    int rc;

    if (id == NULL || id->kind != VALUE_STRING) {
        return err_set(x->e, ERR_INVALID, "__xcom__ needs a task_id");
    }
    rc = a->worker->cb.xcom_get(a->worker->cb.arg, &a->key, id->text,
                                key != NULL && key->kind == VALUE_STRING ? key->text
                                                                         : "return_value",
                                &a->arena, &json, &n, x->e);
    if (rc == 0 && json == NULL) {
        *ret = value_new(&a->arena, VALUE_NULL);
        return *ret != NULL ? 0 : no_memory(x);
    }
    return rc == 0 ? value_parse(&a->arena, json, n, ret, x->e) : rc;
}

static int resolve_all(struct expanding *x, const struct value *of, struct value **ret)
{
    struct value *out = value_new(&x->a->arena, VALUE_ARRAY);
    int rc = out == NULL ? no_memory(x) : 0;

    for (size_t i = 0; rc == 0 && of != NULL && i < of->len; i++) {
        struct value *v;

        rc = resolve(x, of->elems[i], &v);
        rc = rc == 0 && value_append(&x->a->arena, out, v) != 0 ? no_memory(x) : rc;
    }
    *ret = out;
    return rc;
}

static int concat(struct expanding *x, const struct value *lists, struct value **ret)
{
    struct value *out = value_new(&x->a->arena, VALUE_ARRAY);
    int rc = out == NULL ? no_memory(x) : 0;

    for (size_t i = 0; rc == 0 && i < lists->len; i++) {
        for (size_t k = 0; rc == 0 && k < lists->elems[i]->len; k++) {
            rc = value_append(&x->a->arena, out, lists->elems[i]->elems[k]) != 0 ? no_memory(x) : 0;
        }
    }
    *ret = out;
    return rc;
}

static int zip(struct expanding *x, const struct value *lists, struct value *fill,
               struct value **ret)
{
    struct arena *m = &x->a->arena;
    struct value *out = value_new(m, VALUE_ARRAY);
    size_t n = lists->len > 0 ? lists->elems[0]->len : 0;
    int rc = out == NULL ? no_memory(x) : 0;

    for (size_t i = 1; i < lists->len; i++) {
        size_t len = lists->elems[i]->len;

        n = fill != NULL ? (len > n ? len : n) : (len < n ? len : n);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct value *row = value_new(m, VALUE_ARRAY);

        rc = row == NULL || value_append(m, out, row) != 0 ? no_memory(x) : 0;
        for (size_t k = 0; rc == 0 && k < lists->len; k++) {
            struct value *list = lists->elems[k];

            rc = value_append(m, row, i < list->len ? list->elems[i] : fill) != 0 ? no_memory(x) : 0;
        }
    }
    *ret = out;
    return rc;
}

/* The list or object that an argument is. */
static int resolve(struct expanding *x, const struct value *v, struct value **ret)
{
    const struct value *o = inside(v, "__xcom__"), *of;
    struct value *lists;
    bool is_zip;
    int rc;

    if (o != NULL) {
        rc = pull(x, o, ret);
        *ret = rc == 0 ? as_list(*ret) : NULL;
        return rc;
    }
    if (inside(v, "__map__") != NULL) {
        return err_set(x->e, ERR_UNSUPPORTED, "a function on an XCom needs the Python runner");
    }
    is_zip = inside(v, "__zip__") != NULL;
    o = is_zip ? inside(v, "__zip__") : inside(v, "__concat__");
    if (o == NULL) {
        *ret = (struct value *)v;
        return 0;
    }
    of = value_get(o, "of");
    rc = resolve_all(x, of, &lists);
    for (size_t i = 0; rc == 0 && i < lists->len; i++) {
        if (lists->elems[i]->kind != VALUE_ARRAY) {
            rc = err_set(x->e, ERR_INVALID, "only lists can be zipped or concatenated");
        }
    }
    if (rc != 0) {
        return rc;
    }
    return is_zip ? zip(x, lists, value_get(o, "fillvalue"), ret) : concat(x, lists, ret);
}

/* The element of an argument; of an object a pair [key, value]. */
static int element(struct expanding *x, const struct value *list, size_t i, struct value **ret)
{
    struct arena *m = &x->a->arena;
    struct value *key;

    if (i >= list->len) {
        return err_set(x->e, ERR_CONFLICT,
                       "there is nothing to map over at index %d any more: clear the task",
                       x->a->key.map_index);
    }
    if (list->kind == VALUE_ARRAY) {
        *ret = list->elems[i];
        return 0;
    }
    *ret = value_new(m, VALUE_ARRAY);
    key = value_string(m, list->keys[i].text, list->keys[i].len);
    if (*ret == NULL || key == NULL || value_append(m, *ret, key) != 0 ||
        value_append(m, *ret, list->elems[i]) != 0) {
        return no_memory(x);
    }
    return 0;
}

/* One of the product of all arguments: the last one varies fastest. */
static int by_product(struct expanding *x, const struct value *expand, struct value *out)
{
    size_t at = (size_t)x->a->key.map_index;
    int rc = 0;

    for (size_t i = expand->len; rc == 0 && i-- > 0;) {
        struct value *list, *v;

        rc = resolve(x, expand->elems[i], &list);
        if (rc == 0 && (list->kind != VALUE_ARRAY && list->kind != VALUE_OBJECT)) {
            rc = err_set(x->e, ERR_INVALID, "'%s' cannot be mapped over: it is a %s",
                         expand->keys[i].text, value_kind_name(list->kind));
        }
        if (rc == 0) {
            size_t n = list->len > 0 ? list->len : 1;

            rc = element(x, list, i == 0 ? at : at % n, &v);
            at /= n;
        }
        rc = rc == 0 && value_set(&x->a->arena, out, expand->keys[i].text, v) != 0 ? no_memory(x)
                                                                                     : rc;
    }
    return rc;
}

static int by_kwargs(struct expanding *x, const struct value *kwargs, struct value *out)
{
    struct value *list, *v;
    int rc = resolve(x, kwargs, &list);

    if (rc == 0 && list->kind != VALUE_ARRAY) {
        rc = err_set(x->e, ERR_INVALID, "expand_kwargs needs a list of objects, not a %s",
                     value_kind_name(list->kind));
    }
    rc = rc == 0 ? element(x, list, (size_t)x->a->key.map_index, &v) : rc;
    if (rc == 0 && v->kind != VALUE_OBJECT) {
        rc = err_set(x->e, ERR_INVALID, "expand_kwargs needs a list of objects, not of a %s",
                     value_kind_name(v->kind));
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = value_set(&x->a->arena, out, v->keys[i].text, v->elems[i]) != 0 ? no_memory(x) : 0;
    }
    return rc;
}

bool attempt_expands(const struct attempt *a)
{
    bool python = a->op != NULL && strcmp(a->op->name, "python") == 0;

    return a->key.map_index >= 0 && !python && a->task->mapped;
}

int attempt_expand(struct attempt *a, struct value **ret, struct err *e)
{
    const struct dag *d = a->dag;
    bool group = a->task->map_group != UINT32_MAX;
    const struct value *expand = group ? d->groups[a->task->map_group].expand : a->task->expand;
    const struct value *kwargs =
        group ? d->groups[a->task->map_group].expand_kwargs : a->task->expand_kwargs;
    struct expanding x = {a, e};

    *ret = value_new(&a->arena, VALUE_OBJECT);
    if (*ret == NULL) {
        return no_memory(&x);
    }
    return expand != NULL ? by_product(&x, expand, *ret) : by_kwargs(&x, kwargs, *ret);
}

/* {"__mapped__": name} within the object of a task of a mapped group. */
static int substitute(struct attempt *a, const struct value *args, const struct value *in, int depth,
                      struct value **ret, struct err *e)
{
    const struct value *name =
        in->kind == VALUE_OBJECT && in->len == 1 ? value_get(in, "__mapped__") : NULL;
    struct value *out, *v;
    int rc = 0;

    if (name != NULL && name->kind == VALUE_STRING) {
        *ret = value_get(args, name->text);
        return *ret != NULL ? 0
                            : err_set(e, ERR_INVALID, "the group is not mapped over '%s'", name->text);
    }
    if ((in->kind != VALUE_ARRAY && in->kind != VALUE_OBJECT) || depth == 0) {
        *ret = (struct value *)in;
        return 0;
    }
    out = value_new(&a->arena, in->kind);
    for (size_t i = 0; out != NULL && rc == 0 && i < in->len; i++) {
        rc = substitute(a, args, in->elems[i], depth - 1, &v, e);
        if (rc == 0) {
            rc = in->kind == VALUE_ARRAY ? value_append(&a->arena, out, v)
                                         : value_set(&a->arena, out, in->keys[i].text, v);
        }
    }
    *ret = out;
    return out == NULL || rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for arguments")
                                            : rc;
}

int attempt_merge(struct attempt *a, const struct value *args, struct err *e)
{
    struct value *out;
    int rc;

    if (a->task->map_group != UINT32_MAX) {
        return substitute(a, args, a->params, EXPAND_DEPTH_MAX, &a->params, e);
    }
    out = value_new(&a->arena, VALUE_OBJECT);
    rc = out == NULL ? -ERR_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < a->params->len; i++) {
        const char *name = a->params->keys[i].text;

        if (value_get(args, name) == NULL) {
            rc = value_set(&a->arena, out, name, a->params->elems[i]);
        }
    }
    for (size_t i = 0; rc == 0 && i < args->len; i++) {
        rc = value_set(&a->arena, out, args->keys[i].text, args->elems[i]);
    }
    a->params = out;
    return rc != 0 ? err_set(e, ERR_NOMEM, "out of memory for arguments") : 0;
}
