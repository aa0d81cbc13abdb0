#include "model/params.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/dag.h"

static const struct dag_param *find_param(const struct dag *d, const char *name)
{
    for (uint32_t i = 0; i < d->params_len; i++) {
        if (strcmp(d->params[i].name, name) == 0) {
            return &d->params[i];
        }
    }
    return NULL;
}

static bool type_matches(const char *type, const struct value *v)
{
    int64_t n;

    switch (v->kind) {
    case VALUE_NULL:
        return strcmp(type, "null") == 0;
    case VALUE_BOOL:
        return strcmp(type, "boolean") == 0;
    case VALUE_NUMBER:
        return strcmp(type, "number") == 0 ||
               (strcmp(type, "integer") == 0 && value_int(v, INT64_MIN, INT64_MAX, &n) == 0);
    case VALUE_STRING:
        return strcmp(type, "string") == 0;
    case VALUE_ARRAY:
        return strcmp(type, "array") == 0;
    case VALUE_OBJECT:
        return strcmp(type, "object") == 0;
    }
    return false;
}

static int check_type(const struct dag_param *p, const struct value *v, struct err *e)
{
    const struct value *type = value_get(p->schema, "type");
    bool ok = type == NULL;

    if (type != NULL && type->kind == VALUE_STRING) {
        ok = type_matches(type->text, v);
    }
    for (size_t i = 0; type != NULL && type->kind == VALUE_ARRAY && i < type->len; i++) {
        ok = ok || (type->elems[i]->kind == VALUE_STRING && type_matches(type->elems[i]->text, v));
    }
    return ok ? 0
              : err_set(e, ERR_INVALID, "param '%s': expected %s, got %s", p->name,
                        type->kind == VALUE_STRING ? type->text : "another type",
                        value_kind_name(v->kind));
}

static int check_range(const struct dag_param *p, const struct value *v, struct err *e)
{
    static const char *const words[] = {"minimum", "maximum"};
    double n, bound;

    for (int i = 0; i < 2 && v->kind == VALUE_NUMBER && value_double(v, &n) == 0; i++) {
        const struct value *b = value_get(p->schema, words[i]);

        if (b != NULL && b->kind == VALUE_NUMBER && value_double(b, &bound) == 0 &&
            (i == 0 ? n < bound : n > bound)) {
            return err_set(e, ERR_INVALID, "param '%s': %s is %s its %s %s", p->name, v->text,
                           i == 0 ? "below" : "above", words[i], b->text);
        }
    }
    return 0;
}

static int check_enum(const struct dag_param *p, const struct value *v, struct err *e)
{
    const struct value *list = value_get(p->schema, "enum");

    if (list == NULL || list->kind != VALUE_ARRAY) {
        return 0;
    }
    for (size_t i = 0; i < list->len; i++) {
        if (value_equal(list->elems[i], v)) {
            return 0;
        }
    }
    return err_set(e, ERR_INVALID, "param '%s': not one of its %zu allowed values", p->name,
                   list->len);
}

static int check(const struct dag *d, const char *name, const struct value *v, struct err *e)
{
    const struct dag_param *p = find_param(d, name);
    int rc = 0;

    if (p != NULL && p->schema != NULL) {
        rc = check_type(p, v, e);
        rc = rc == 0 ? check_range(p, v, e) : rc;
        rc = rc == 0 ? check_enum(p, v, e) : rc;
    }
    return rc;
}

int dag_check_params(const struct dag *d, const struct value *conf, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < conf->len; i++) {
        rc = check(d, conf->keys[i].text, conf->elems[i], e);
    }
    for (uint32_t i = 0; rc == 0 && i < d->params_len; i++) {
        if (d->params[i].value == NULL && value_get(conf, d->params[i].name) == NULL) {
            rc = err_set(e, ERR_INVALID, "param '%s' has no default, so it must be given",
                         d->params[i].name);
        }
    }
    return rc;
}
