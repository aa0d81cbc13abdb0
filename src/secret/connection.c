#include "secret/connection.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"

const char *const connection_members[] = {"conn_type", "description", "host",  "schema", "login",
                                          "password",  "port",        "extra", NULL};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory for a connection");
}

/* `-` stands for `_` in a type; postgresql is written for postgres. */
static struct value *type_of(struct arena *a, const char *text)
{
    char *type = arena_strdup(a, strcmp(text, "postgresql") == 0 ? "postgres" : text);

    for (char *p = type; p != NULL && *p != '\0'; p++) {
        *p = *p == '-' ? '_' : *p;
    }
    return type != NULL ? value_string(a, type, strlen(type)) : NULL;
}

/* A port, as a number or as digits. */
static int port_of(const struct value *v, struct arena *a, struct value **ret, struct err *e)
{
    struct value *n = v->text != NULL ? value_number_text(a, v->text) : NULL;
    int64_t port;

    if (v->kind == VALUE_STRING && v->len == 0) {
        return 0;
    }
    if ((v->kind != VALUE_NUMBER && v->kind != VALUE_STRING) || v->text == NULL ||
        (v->kind == VALUE_STRING && v->len != strspn(v->text, "0123456789"))) {
        return err_set(e, ERR_INVALID, "the port of a connection is a number");
    }
    if (n == NULL) {
        return no_memory(e);
    }
    if (value_int(n, 0, 65535, &port) != 0) {
        return err_set(e, ERR_INVALID, "the port of a connection is a number from 0 to 65535");
    }
    *ret = n;
    return 0;
}

static int extra_of(const struct value *v, struct arena *a, struct value **ret, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_SETTING_BYTES);
    if (v->kind == VALUE_STRING) {
        *ret = v->len != 0 ? (struct value *)v : NULL;
        return 0;
    }
    if (v->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "the extra of a connection is an object, or JSON as a text");
    }
    if (v->len == 0) {
        return 0;
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    *ret = buf_status(&b) == 0 ? value_string(a, buf_cstr(&b), b.len) : NULL;
    return *ret != NULL ? 0 : no_memory(e);
}

static int member_of(const char *name, const struct value *v, struct arena *a, struct value **ret,
                     struct err *e)
{
    if (strcmp(name, "port") == 0) {
        return port_of(v, a, ret, e);
    }
    if (strcmp(name, "extra") == 0) {
        return extra_of(v, a, ret, e);
    }
    if (v->kind != VALUE_STRING && v->kind != VALUE_NUMBER) {
        return err_set(e, ERR_INVALID, "the %s of a connection is a text", name);
    }
    *ret = strcmp(name, "conn_type") == 0 ? type_of(a, v->text) : value_string(a, v->text, v->len);
    return *ret != NULL ? 0 : no_memory(e);
}

static bool is_member(const char *name)
{
    for (const char *const *p = connection_members; *p != NULL; p++) {
        if (strcmp(*p, name) == 0) {
            return true;
        }
    }
    return strcmp(name, "conn_id") == 0;
}

int connection_from_value(const struct value *o, struct arena *a, struct value **ret, struct err *e)
{
    struct value *c = value_new(a, VALUE_OBJECT);
    int rc = c == NULL ? no_memory(e) : 0;

    if (o->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "a connection is an object");
    }
    for (size_t i = 0; rc == 0 && i < o->len; i++) {
        if (!is_member(o->keys[i].text)) {
            rc = err_set(e, ERR_INVALID, "a connection has no member '%.60s'", o->keys[i].text);
        }
    }
    for (const char *const *p = connection_members; rc == 0 && *p != NULL; p++) {
        const struct value *v = value_get(o, *p);
        struct value *out = NULL;

        if (v == NULL || v->kind == VALUE_NULL) {
            continue;
        }
        rc = member_of(*p, v, a, &out, e);
        if (rc == 0 && out != NULL) {
            rc = value_set(a, c, *p, out) != 0 ? no_memory(e) : 0;
        }
    }
    *ret = c;
    return rc;
}

int connection_parse(const char *text, size_t n, struct arena *a, struct value **ret, struct err *e)
{
    struct value *v;
    char *copy;

    while (n != 0 && strchr(" \t\r\n", text[0]) != NULL) {
        text++;
        n--;
    }
    while (n != 0 && strchr(" \t\r\n", text[n - 1]) != NULL) {
        n--;
    }
    if (n != 0 && text[0] == '{') {
        if (value_parse(a, text, n, &v, NULL) != 0) {
            return err_set(e, ERR_INVALID, "a connection that begins with { is not JSON");
        }
        return connection_from_value(v, a, ret, e);
    }
    copy = arena_strndup(a, text, n);
    return copy == NULL ? no_memory(e) : connection_parse_uri(copy, a, ret, e);
}
