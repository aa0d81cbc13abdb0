/* Params of a run: given as JSON or as NAME=VALUE, checked against what the DAG says of them. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/execute.h"
#include "model/dag.h"
#include "model/document.h"
#include "model/params.h"

static const struct dag_param *find_param(const struct dag *d, const char *name)
{
    for (uint32_t i = 0; i < d->params_len; i++) {
        if (strcmp(d->params[i].name, name) == 0) {
            return &d->params[i];
        }
    }
    return NULL;
}

/* NAME=VALUE: text where the param is text or VALUE is no JSON; else JSON. */
static int add_param(const struct dag *d, struct arena *a, struct value *conf, const char *text,
                     struct err *e)
{
    const char *eq = strchr(text, '='), *ids[256], *near;
    const struct dag_param *p;
    const struct value *type;
    struct value *v = NULL;
    char *name;
    uint32_t n = d->params_len < 256 ? d->params_len : 256;

    if (eq == NULL || eq == text) {
        return err_set(e, ERR_USAGE, "--param is NAME=VALUE, not '%s'", text);
    }
    name = arena_strndup(a, text, (size_t)(eq - text));
    if (name == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for params");
    }
    p = find_param(d, name);
    if (p == NULL) {
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = d->params[i].name;
        }
        near = nearest_word(name, ids, n);
        return near != NULL
                   ? err_set(e, ERR_USAGE, "DAG '%s' has no param '%s'; did you mean '%s'?",
                             d->dag_id, name, near)
                   : err_set(e, ERR_USAGE, "DAG '%s' has no param '%s'", d->dag_id, name);
    }
    type = p->schema != NULL ? value_get(p->schema, "type") : NULL;
    if ((type != NULL && type->kind == VALUE_STRING && strcmp(type->text, "string") == 0) ||
        (type == NULL && p->value != NULL && p->value->kind == VALUE_STRING) ||
        value_parse(a, eq + 1, strlen(eq + 1), &v, NULL) != 0) {
        v = value_string(a, eq + 1, strlen(eq + 1));
    }
    return v == NULL || value_set(a, conf, name, v) != 0
               ? err_set(e, ERR_NOMEM, "out of memory for params")
               : 0;
}

int conf_build(const struct dag *d, const char *conf, const char *const *params, size_t params_len,
               char **ret, struct err *e)
{
    struct value *v = NULL;
    struct arena a;
    struct json_writer w;
    struct buf b BUF_CLEANUP;
    int rc = 0;

    *ret = NULL;
    buf_init(&b, LIMIT_STRING_BYTES);
    arena_init(&a, MiB(64));
    if (conf != NULL) {
        rc = value_parse(&a, conf, strlen(conf), &v, e);
        if (rc == 0 && v->kind != VALUE_OBJECT) {
            rc = err_set(e, ERR_USAGE, "--conf is a JSON object");
        } else if (rc != 0) {
            rc = err_prefix(e, rc, "--conf");
        }
    } else {
        v = value_new(&a, VALUE_OBJECT);
        rc = v == NULL ? err_set(e, ERR_NOMEM, "out of memory for params") : 0;
    }
    for (size_t i = 0; rc == 0 && i < params_len; i++) {
        rc = add_param(d, &a, v, params[i], e);
    }
    rc = rc == 0 ? dag_check_params(d, v, e) : rc;
    if (rc == 0 && v->len != 0) {
        json_writer_init(&w, &b, 0);
        json_value(&w, v);
        rc = buf_status(&b) != 0 ? err_set(e, ERR_LIMIT, "the params are too large") : 0;
        *ret = rc == 0 ? buf_take(&b) : NULL;
    }
    arena_fini(&a);
    return rc;
}
