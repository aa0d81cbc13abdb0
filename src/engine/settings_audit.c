#include "engine/settings_audit.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/store.h"

#define HIDDEN "***"

static bool is_secret(const char *member)
{
    static const char *const words[] = {"value", "password", "extra"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], member) == 0) {
            return true;
        }
    }
    return false;
}

static const char *taken(struct arena *a, const struct buf *b)
{
    return buf_status(b) == 0 ? arena_strndup(a, b->p, b->len) : NULL;
}

const char *settings_redacted(struct arena *a, const char *kind, const struct value *v)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;

    (void)kind;
    if (v == NULL || v->kind != VALUE_OBJECT) {
        return NULL;
    }
    buf_init(&b, LIMIT_SETTING_BYTES);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    for (size_t i = 0; i < v->len; i++) {
        json_key(&w, v->keys[i].text);
        if (is_secret(v->keys[i].text) && v->elems[i]->kind != VALUE_NULL) {
            json_string(&w, HIDDEN);
        } else {
            json_value(&w, v->elems[i]);
        }
    }
    json_object_end(&w);
    return taken(a, &b);
}

const char *settings_pool_shown(struct arena *a, const struct pool_row *p)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;

    buf_init(&b, LIMIT_SETTING_BYTES);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "slots");
    json_int(&w, p->slots);
    json_key(&w, "include_deferred");
    json_bool(&w, p->include_deferred);
    json_key(&w, "description");
    json_string(&w, p->description);
    json_object_end(&w);
    return taken(a, &b);
}

const char *settings_pool_before(struct store *s, struct arena *a, const char *name)
{
    struct pool_row *rows;
    size_t n = 0;

    if (s->ops->get_pools(s, a, &rows, &n, NULL) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return settings_pool_shown(a, &rows[i]);
        }
    }
    return NULL;
}

static const char *action_of(const char *kind, bool before, bool after)
{
    static const char *const words[3][3] = {
        {"variable create", "variable change", "variable delete"},
        {"connection create", "connection change", "connection delete"},
        {"pool create", "pool change", "pool delete"}};
    int k = strcmp(kind, "variable") == 0 ? 0 : strcmp(kind, "connection") == 0 ? 1 : 2;

    return words[k][!after ? 2 : before ? 1 : 0];
}

void settings_trace(const struct value *rq, const char *kind, const char *name, const char *before,
                    const char *after, int64_t now_us, struct audit_row *ret)
{
    const struct value *actor = value_get(rq, "actor");

    *ret = (struct audit_row){.actor = actor != NULL && actor->kind == VALUE_STRING ? actor->text
                                                                                    : "cli",
                              .action = action_of(kind, before != NULL, after != NULL),
                              .subject = name,
                              .before = before,
                              .after = after,
                              .at_us = now_us};
}
