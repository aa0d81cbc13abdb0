/* What must not be shown: values under names such as password or token, wherever somebody has written them. */
#include <string.h>

#include "base/limits.h"
#include "base/sensitive.h"
#include "server/api.h"

/* Yes and no hide nothing: "password": true says that there is one. */
static bool hides(const char *name, const struct value *v)
{
    return v->kind != VALUE_BOOL && v->kind != VALUE_NULL && sensitive_name(name);
}

/* A JSON value, with what stands under a sensitive name as ***. Its depth is that of a document. */
static void put_masked(struct json_writer *w, const struct value *v, int depth)
{
    if (v->kind != VALUE_OBJECT && v->kind != VALUE_ARRAY) {
        json_value(w, v);
        return;
    }
    if (depth == LIMIT_JSON_DEPTH) {
        json_string(w, "***");
        return;
    }
    if (v->kind == VALUE_OBJECT) {
        json_object(w);
    } else {
        json_array(w);
    }
    for (size_t i = 0; i < v->len; i++) {
        if (v->kind == VALUE_OBJECT) {
            json_key(w, v->keys[i].text);
        }
        if (v->kind == VALUE_OBJECT && hides(v->keys[i].text, v->elems[i])) {
            json_string(w, "***");
        } else {
            put_masked(w, v->elems[i], depth + 1);
        }
    }
    if (v->kind == VALUE_OBJECT) {
        json_object_end(w);
    } else {
        json_array_end(w);
    }
}

/* Most texts have no such name: they need no reading. A name with an escape may be any. */
static bool is_plain(const char *json)
{
    return strchr(json, '\\') == NULL && !sensitive_name(json);
}

void api_put_masked_text(struct call *c, const char *name, const char *text)
{
    struct value *v;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;

    if (text == NULL || is_plain(text) ||
        value_parse(&c->arena, text, strlen(text), &v, NULL) != 0 ||
        (v->kind != VALUE_OBJECT && v->kind != VALUE_ARRAY)) {
        put_text(c, name, text);
        return;
    }
    buf_init(&b, LIMIT_SETTING_BYTES * 8);
    json_writer_init(&w, &b, 0);
    put_masked(&w, v, 0);
    put_text(c, name, buf_status(&b) == 0 ? buf_cstr(&b) : "***");
}

void api_put_masked(struct call *c, const char *name, const char *json, const char *dflt)
{
    struct value *v;

    if (json == NULL || json[0] == '\0' || is_plain(json)) {
        put_json(c, name, json, dflt);
        return;
    }
    if (name != NULL) {
        json_key(&c->w, name);
    }
    if (value_parse(&c->arena, json, strlen(json), &v, NULL) == 0) {
        put_masked(&c->w, v, 0);
    } else {
        json_string(&c->w, "***");
    }
}
