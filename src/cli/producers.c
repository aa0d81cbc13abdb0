#include "cli/producers.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/store.h"

struct search {
    const char *name, *uri;
    struct arena *a;
    struct asset_mention *found; /* grows by VEC_PUSH */
    size_t len, cap;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 ? v->text : NULL;
}

/* Whether v, or something within it, is the asset or a reference to it: its depth is that of a document. */
static bool names(const struct search *s, const struct value *v)
{
    const char *type, *name, *uri;

    if (v == NULL || (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT)) {
        return false;
    }
    type = v->kind == VALUE_OBJECT ? text_of(v, "type") : NULL;
    if (type != NULL && (strcmp(type, "asset") == 0 || strcmp(type, "asset_ref") == 0)) {
        name = text_of(v, "name");
        uri = text_of(v, "uri");
        if (strcmp(type, "asset") == 0) {
            name = name != NULL ? name : uri;
            uri = uri != NULL ? uri : name;
        }
        return (name == NULL || strcmp(name, s->name) == 0) &&
               (uri == NULL || strcmp(uri, s->uri) == 0) && (name != NULL || uri != NULL);
    }
    for (size_t i = 0; i < v->len; i++) {
        if (names(s, v->elems[i])) {
            return true;
        }
    }
    return false;
}

static int add(struct search *s, enum asset_role role, const struct dag_row *d, const char *task_id)
{
    struct asset_mention m = {.role = role, .dag_id = d->dag_id, .file = d->file};

    m.task_id = task_id != NULL ? arena_strdup(s->a, task_id) : NULL;
    return task_id != NULL && m.task_id == NULL ? -ERR_NOMEM
                                                : VEC_PUSH(s->found, s->len, s->cap, m);
}

static int look(struct search *s, const struct dag_row *d, const struct value *document)
{
    const struct value *schedule = value_get(document, "schedule"),
                       *tasks = value_get(document, "tasks");
    int rc = 0;

    for (size_t i = 0; tasks != NULL && tasks->kind == VALUE_OBJECT && rc == 0 && i < tasks->len;
         i++) {
        const struct value *t = tasks->elems[i];

        if (t->kind != VALUE_OBJECT) {
            continue;
        }
        rc = names(s, value_get(t, "outlets")) ? add(s, ASSET_MADE, d, tasks->keys[i].text) : rc;
        rc = rc == 0 && names(s, value_get(t, "inlets"))
                 ? add(s, ASSET_USED, d, tasks->keys[i].text)
                 : rc;
    }
    if (rc == 0 && schedule != NULL && schedule->kind == VALUE_OBJECT &&
        names(s, value_get(schedule, "condition"))) {
        rc = add(s, ASSET_STARTS, d, NULL);
    }
    return rc;
}

static int look_at(struct search *s, struct store *st, const struct dag_row *d, struct err *e)
{
    struct version_row version;
    struct value *document;
    struct arena a;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = st->ops->get_version(st, d->version_key, &a, &version, e);
    if (rc == 0 && memmem(version.document, version.document_len, "\"asset", 6) != NULL) {
        rc = value_parse(&a, version.document, version.document_len, &document, e);
        rc = rc == 0 && document->kind == VALUE_OBJECT ? look(s, d, document) : rc;
    }
    arena_fini(&a);
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

int producers_find(struct store *s, const char *name, const char *uri, struct arena *a,
                   struct asset_mention **ret, size_t *ret_len, struct err *e)
{
    struct search x = {.name = name, .uri = uri, .a = a};
    struct dag_row *dags;
    size_t n = 0;
    int rc = s->ops->get_dags(s, a, &dags, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = look_at(&x, s, &dags[i], e);
    }
    *ret = rc == 0 && x.len > 0 ? arena_array(a, x.len, sizeof **ret) : NULL;
    *ret_len = *ret != NULL ? x.len : 0;
    if (*ret != NULL) {
        memcpy(*ret, x.found, x.len * sizeof **ret);
    } else if (rc == 0 && x.len > 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for assets");
    }
    mem_free(x.found);
    return rc;
}
