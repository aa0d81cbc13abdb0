#include "server/asset_refs.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct search {
    struct call *c;
    const struct asset_row *assets; /* NULL: aliases are looked for */
    size_t assets_len;
    const struct dag_row *dag;
    struct asset_ref *found;
    size_t len, cap;
    struct asset_alias_ref *aliases;
    size_t aliases_len, aliases_cap;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 ? v->text : NULL;
}

static int add_alias(struct search *s, const struct value *v)
{
    struct asset_alias_ref a = {text_of(v, "name"), text_of(v, "group"), 0};

    if (a.name == NULL) {
        return 0;
    }
    for (size_t i = 0; i < s->aliases_len; i++) {
        if (strcmp(s->aliases[i].name, a.name) == 0) {
            return 0;
        }
    }
    a.id = hash_bytes(a.name, strlen(a.name)) & 0x7fffffff;
    a.name = arena_strdup(&s->c->arena, a.name);
    a.group = arena_strdup(&s->c->arena, a.group != NULL ? a.group : "asset");
    return a.name != NULL && a.group != NULL
               ? VEC_PUSH(s->aliases, s->aliases_len, s->aliases_cap, a)
               : -ERR_NOMEM;
}

static int add_asset(struct search *s, const struct value *v, bool whole, enum asset_role role,
                     const char *task_id)
{
    const char *name = text_of(v, "name"), *uri = text_of(v, "uri");
    int rc = 0;

    if (whole) {
        name = name != NULL ? name : uri;
        uri = uri != NULL ? uri : name;
    }
    for (size_t i = 0; rc == 0 && (name != NULL || uri != NULL) && i < s->assets_len; i++) {
        struct asset_ref r = {i, role, s->dag->dag_id, NULL, s->dag->updated_us};

        if ((name != NULL && strcmp(name, s->assets[i].name) != 0) ||
            (uri != NULL && strcmp(uri, s->assets[i].uri) != 0)) {
            continue;
        }
        r.task_id = task_id != NULL ? arena_strdup(&s->c->arena, task_id) : NULL;
        rc = task_id != NULL && r.task_id == NULL ? -ERR_NOMEM
                                                  : VEC_PUSH(s->found, s->len, s->cap, r);
    }
    return rc;
}

/* v, and what is within it: its depth is that of a document. */
static int walk(struct search *s, const struct value *v, enum asset_role role, const char *task_id)
{
    const char *type;
    int rc = 0;

    if (v == NULL || (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT)) {
        return 0;
    }
    type = v->kind == VALUE_OBJECT ? text_of(v, "type") : NULL;
    if (type != NULL && strcmp(type, "asset_alias") == 0) {
        return s->assets == NULL ? add_alias(s, v) : 0;
    }
    if (type != NULL && (strcmp(type, "asset") == 0 || strcmp(type, "asset_ref") == 0)) {
        return add_asset(s, v, strcmp(type, "asset") == 0, role, task_id);
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = walk(s, v->elems[i], role, task_id);
    }
    return rc;
}

static int look(struct search *s, const struct value *document)
{
    const struct value *tasks = value_get(document, "tasks");
    int rc = walk(s, value_get(document, "schedule"), ASSET_STARTS, NULL);

    for (size_t i = 0; rc == 0 && tasks != NULL && tasks->kind == VALUE_OBJECT && i < tasks->len;
         i++) {
        const struct value *t = tasks->elems[i];

        if (t->kind == VALUE_OBJECT) {
            rc = walk(s, value_get(t, "outlets"), ASSET_MADE, tasks->keys[i].text);
            rc = rc == 0 ? walk(s, value_get(t, "inlets"), ASSET_USED, tasks->keys[i].text) : rc;
        }
    }
    return rc;
}

static int look_at(struct search *s, struct store *st, const struct dag_row *d, struct err *e)
{
    struct version_row version;
    struct value *document;
    struct arena a;
    int rc;

    s->dag = d;
    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = st->ops->get_version(st, d->version_key, &a, &version, e);
    if (rc == 0 && memmem(version.document, version.document_len, "\"asset", 6) != NULL) {
        rc = value_parse(&a, version.document, version.document_len, &document, e);
        rc = rc == 0 && document->kind == VALUE_OBJECT ? look(s, document) : rc;
    }
    arena_fini(&a);
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int look_at_all(struct search *s, struct err *e)
{
    struct dag_row *dags;
    struct store *st;
    size_t n = 0;
    int rc = server_store(s->c, &st, e);

    rc = rc == 0 ? api_get_dags(s->c, false, &dags, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = look_at(s, st, &dags[i], e);
    }
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for assets") : rc;
}

static int give(struct call *c, void *list, size_t n, size_t size, void **ret, size_t *ret_len,
                int rc, struct err *e)
{
    *ret = NULL;
    *ret_len = 0;
    if (rc == 0 && n != 0) {
        *ret = arena_array(&c->arena, n, size);
        rc = *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for assets");
    }
    if (rc == 0 && n != 0) {
        memcpy(*ret, list, n * size);
        *ret_len = n;
    }
    mem_free(list);
    return rc;
}

int api_asset_refs(struct call *c, const struct asset_row *assets, size_t n, struct asset_ref **ret,
                   size_t *ret_len, struct err *e)
{
    struct search s = {.c = c, .assets = assets, .assets_len = n};
    int rc = n != 0 ? look_at_all(&s, e) : 0;

    return give(c, s.found, s.len, sizeof *s.found, (void **)ret, ret_len, rc, e);
}

static int by_name(const void *x, const void *y)
{
    const struct asset_alias_ref *a = x, *b = y;

    return strcmp(a->name, b->name);
}

int api_asset_alias_refs(struct call *c, struct asset_alias_ref **ret, size_t *ret_len,
                         struct err *e)
{
    struct search s = {.c = c};
    int rc = look_at_all(&s, e);

    if (s.aliases_len > 1) {
        qsort(s.aliases, s.aliases_len, sizeof *s.aliases, by_name);
    }
    mem_free(s.found);
    return give(c, s.aliases, s.aliases_len, sizeof *s.aliases, (void **)ret, ret_len, rc, e);
}
