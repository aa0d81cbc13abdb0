/* Variables, connections and pools. Read from the store; changes go to the engine (engine/settings.h). Secrets are masked in every answer. */
#include <stdio.h>
#include <string.h>

#include "base/sensitive.h"
#include "engine/settings.h"
#include "runtime/loop.h"
#include "server/api.h"
#include "server/api_bulk.h"

/* ---- asking ---- */

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static bool is_found(const struct value *answer)
{
    const struct value *v = answer != NULL ? value_get(answer, "found") : NULL;

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

/* Of the store alone: what else is in the environment of this process is not the user's to see. */
static int read_setting(struct call *c, const char *op, const char *member, const char *name,
                        struct value **ret, struct err *e)
{
    struct value *rq = value_new(&c->arena, VALUE_OBJECT);
    struct value *stored = value_bool(&c->arena, true);
    struct value *v = value_string(&c->arena, name, strlen(name));
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct store *s;
    char *copy;
    int rc = server_store(c, &s, e);

    if (rc == 0 &&
        (rq == NULL || v == NULL || stored == NULL || value_set(&c->arena, rq, member, v) != 0 ||
         value_set(&c->arena, rq, "stored", stored) != 0)) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a setting");
    }
    buf_init(&b, LIMIT_SETTING_BYTES * 8);
    json_writer_init(&w, &b, 0);
    rc = rc == 0 ? settings_do(s, c->thread->server->config.home, op, rq,
                               loop_wall_us(loop_current()), &c->arena, &w, e)
                 : rc;
    copy = rc == 0 ? arena_strdup(&c->arena, buf_cstr(&b)) : NULL;
    if (rc == 0 && copy == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a setting");
    }
    return rc == 0 ? value_parse(&c->arena, copy, strlen(copy), ret, e) : rc;
}

static void begin(struct call *c, struct buf *b, struct json_writer *w, const char *op)
{
    api_command(c, b, w);
    json_key(w, "op");
    json_string(w, op);
}

static int send(struct call *c, struct buf *b, struct json_writer *w, struct value **ret,
                bool *ret_later, struct err *e)
{
    int rc = api_send(c, "settings", b, w, ret, ret_later, e);

    return rc == -ERR_INVALID ? call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text)) : rc;
}

/* id: the argument, and the field, that is the name. Its order is the only one: values are sealed. */
static int names_of(struct call *c, const char *kind, const char *id, struct setting_row **ret,
                    size_t *ret_n, struct err *e)
{
    const char *orders[] = {id, strcmp(id, "variable_key") == 0 ? "key" : "conn_id", "id", NULL};
    struct store *s;
    size_t n = 0, kept = 0, order;
    bool down;
    int rc = api_order(c, orders, 0, false, &order, &down, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;

    rc = rc == 0 ? s->ops->get_settings(s, kind, NULL, &c->arena, ret, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (api_pattern(c, id, (*ret)[i].name)) {
            (*ret)[kept++] = (*ret)[i];
        }
    }
    for (size_t i = 0; rc == 0 && down && i < kept / 2; i++) {
        struct setting_row row = (*ret)[i];

        (*ret)[i] = (*ret)[kept - 1 - i];
        (*ret)[kept - 1 - i] = row;
    }
    *ret_n = kept;
    return rc;
}

/* update_mask: only these members of the body count; NULL: all. */
static bool in_mask(struct call *c, const char *name)
{
    const char *word;
    size_t at = 0;
    bool asked = false;

    while ((word = call_query_next(c, "update_mask", &at)) != NULL) {
        asked = true;
        if (strcmp(word, name) == 0) {
            return true;
        }
    }
    return !asked;
}

/* ---- variables ---- */

static void put_variable(struct call *c, const char *key, const struct value *answer)
{
    const char *value = text_of(answer, "value");

    json_object(&c->w);
    put_text(c, "key", key);
    if (sensitive_name(key)) {
        put_text(c, "value", value != NULL ? "***" : NULL);
    } else {
        api_put_masked_text(c, "value", value);
    }
    put_text(c, "description", text_of(answer, "description"));
    put_bool(c, "is_encrypted", true);
    put_null(c, "team_name");
    json_object_end(&c->w);
}

static int get_variable(struct call *c, const char *key, struct value **ret, struct err *e)
{
    int rc = read_setting(c, "var_get", "key", key, ret, e);

    return rc == 0 && !is_found(*ret)
               ? err_set(e, ERR_NOTFOUND, "The Variable with key: `%s` was not found", key)
               : rc;
}

int api_variables(struct call *c, struct err *e)
{
    struct setting_row *rows;
    struct value *answer;
    struct api_page p;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? names_of(c, "variable", "variable_key", &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "variables");
    for (size_t i = p.offset; rc == 0 && i < n && i - p.offset < p.limit; i++) {
        rc = get_variable(c, rows[i].name, &answer, e);
        if (rc == 0) {
            put_variable(c, rows[i].name, answer);
        }
    }
    api_list_end(c, (int64_t)n);
    return rc;
}

int api_variable(struct call *c, struct err *e)
{
    struct value *answer;
    int rc = get_variable(c, call_param(c, "variable_key"), &answer, e);

    if (rc == 0) {
        put_variable(c, call_param(c, "variable_key"), answer);
    }
    return rc;
}

/* A value that is no text is kept as its JSON, as in Airflow. */
static void write_value(struct json_writer *w, const struct value *v)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer inner;

    if (v->kind == VALUE_STRING) {
        json_value(w, v);
        return;
    }
    buf_init(&b, LIMIT_SETTING_BYTES);
    json_writer_init(&inner, &b, 0);
    json_value(&inner, v);
    json_string(w, buf_cstr(&b));
}

static int set_variable(struct call *c, const struct value *body, const char *key, bool is_new,
                        const struct value *old, bool *ret_later, struct err *e)
{
    const struct value *v = in_mask(c, "value") ? value_get(body, "value") : NULL;
    const char *about = NULL;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc = in_mask(c, "description") ? body_text(c, body, "description", &about, e) : 0;

    begin(c, &b, &w, "var_set");
    if (rc != 0) {
        return rc;
    }
    v = v != NULL ? v : old != NULL ? value_get(old, "value") : NULL;
    if (v == NULL || v->kind == VALUE_NULL) {
        return call_invalid(c, e, "value must be given");
    }
    about = about != NULL ? about : text_of(old, "description");
    json_key(&w, "key");
    json_string(&w, key);
    json_key(&w, "value");
    write_value(&w, v);
    if (about != NULL) {
        json_key(&w, "description");
        json_string(&w, about);
    }
    json_key(&w, "is_new");
    json_bool(&w, is_new);
    return send(c, &b, &w, &answer, ret_later, e);
}

static const char *const variable_members[] = {"key", "value", "description", "team_name", NULL};

int api_variable_post(struct call *c, struct err *e)
{
    const char *key = NULL;
    struct value *body, *answer;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, variable_members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "key", &key, e) : rc;
    if (rc == 0 && (key == NULL || *key == '\0')) {
        return call_invalid(c, e, "key must be given");
    }
    rc = rc == 0 ? set_variable(c, body, key, true, NULL, &later, e) : rc;
    if (rc == -ERR_EXISTS) {
        return err_set(e, ERR_EXISTS, "The Variable with key: `%s` already exists", key);
    }
    if (rc == 0 && !later) {
        c->status = 201;
        rc = get_variable(c, key, &answer, e);
        if (rc == 0) {
            put_variable(c, key, answer);
        }
    }
    return rc;
}

int api_variable_patch(struct call *c, struct err *e)
{
    const char *key = call_param(c, "variable_key"), *given = NULL;
    struct value *body, *old = NULL;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, variable_members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "key", &given, e) : rc;
    if (rc == 0 && given != NULL && strcmp(given, key) != 0) {
        c->status = 0;
        return err_set(e, ERR_INVALID,
                       "Invalid body, key from request body doesn't match uri parameter");
    }
    rc = rc == 0 ? get_variable(c, key, &old, e) : rc;
    rc = rc == 0 ? set_variable(c, body, key, false, old, &later, e) : rc;
    return rc == 0 && !later ? api_variable(c, e) : rc;
}

/* The op of a deletion whose answer says whether there was one. */
static int drop(struct call *c, const char *op, const char *member, const char *name,
                const char *missing, bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer = NULL;
    int rc;

    begin(c, &b, &w, op);
    json_key(&w, member);
    json_string(&w, name);
    rc = send(c, &b, &w, &answer, ret_later, e);
    if (rc == 0 && !*ret_later && value_get(answer, "found") != NULL && !is_found(answer)) {
        rc = -ERR_NOTFOUND;
    }
    if (rc == -ERR_NOTFOUND) {
        return err_set(e, ERR_NOTFOUND, missing, name);
    }
    if (rc == 0 && !*ret_later) {
        c->status = 204;
    }
    return rc;
}

int api_variable_delete(struct call *c, struct err *e)
{
    bool later = false;

    return drop(c, "var_delete", "key", call_param(c, "variable_key"),
                "The Variable with key: `%s` was not found", &later, e);
}

/* ---- connections ---- */

static const char *const connection_fields[] = {
    "connection_id", "conn_type", "description", "host",      "login", "schema",
    "port",          "password",  "extra",       "team_name", NULL};

static void put_connection(struct call *c, const char *id, const struct value *conn)
{
    static const char *const texts[] = {"description", "host", "login", "schema"};
    const struct value *port = value_get(conn, "port");

    json_object(&c->w);
    put_text(c, "connection_id", id);
    put_text(c, "conn_type", text_of(conn, "conn_type") != NULL ? text_of(conn, "conn_type") : "");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_text(c, texts[i], text_of(conn, texts[i]));
    }
    json_key(&c->w, "port");
    if (port != NULL) {
        json_value(&c->w, port);
    } else {
        json_null(&c->w);
    }
    put_text(c, "password", text_of(conn, "password") != NULL ? "***" : NULL);
    api_put_masked_text(c, "extra", text_of(conn, "extra"));
    put_null(c, "team_name");
    json_object_end(&c->w);
}

static int get_connection(struct call *c, const char *id, struct value **ret, struct err *e)
{
    struct value *answer = NULL;
    int rc = read_setting(c, "conn_get", "conn_id", id, &answer, e);

    if (rc == 0 && !is_found(answer)) {
        return err_set(e, ERR_NOTFOUND, "The Connection with connection_id: `%s` was not found",
                       id);
    }
    *ret = rc == 0 ? value_get(answer, "conn") : NULL;
    return rc;
}

int api_connections(struct call *c, struct err *e)
{
    struct setting_row *rows;
    struct value *conn = NULL;
    struct api_page p;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? names_of(c, "connection", "connection_id", &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "connections");
    for (size_t i = p.offset; rc == 0 && i < n && i - p.offset < p.limit; i++) {
        rc = get_connection(c, rows[i].name, &conn, e);
        if (rc == 0) {
            put_connection(c, rows[i].name, conn);
        }
    }
    api_list_end(c, (int64_t)n);
    return rc;
}

int api_connection(struct call *c, struct err *e)
{
    struct value *conn = NULL;
    int rc = get_connection(c, call_param(c, "connection_id"), &conn, e);

    if (rc == 0) {
        put_connection(c, call_param(c, "connection_id"), conn);
    }
    return rc;
}

/* The members of the body that the mask lets through, over those that are there. A password of *** is the one that was shown: it stays. */
static int set_connection(struct call *c, const struct value *body, const char *id, bool is_new,
                          const struct value *old, bool *ret_later, struct err *e)
{
    static const char *const members[] = {"conn_type", "description", "host",     "login",
                                          "schema",    "port",        "password", "extra"};
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    begin(c, &b, &w, "conn_set");
    json_key(&w, "conn_id");
    json_string(&w, id);
    json_key(&w, "is_new");
    json_bool(&w, is_new);
    json_key(&w, "conn");
    json_object(&w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct value *was = old != NULL ? value_get(old, members[i]) : NULL;
        const struct value *v = in_mask(c, members[i]) ? value_get(body, members[i]) : NULL;

        if (v != NULL && v->kind == VALUE_STRING && strcmp(v->text, "***") == 0) {
            v = NULL;
        }
        v = v != NULL ? v : was;
        if (v != NULL && v->kind != VALUE_NULL) {
            json_key(&w, members[i]);
            json_value(&w, v);
        }
    }
    json_object_end(&w);
    return send(c, &b, &w, &answer, ret_later, e);
}

int api_connection_post(struct call *c, struct err *e)
{
    const char *id = NULL, *type = NULL;
    struct value *body, *conn = NULL;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, connection_fields, e) : rc;
    rc = rc == 0 ? body_text(c, body, "connection_id", &id, e) : rc;
    rc = rc == 0 ? body_text(c, body, "conn_type", &type, e) : rc;
    if (rc == 0 && (id == NULL || *id == '\0' || type == NULL)) {
        return call_invalid(c, e, "connection_id and conn_type must be given");
    }
    rc = rc == 0 ? set_connection(c, body, id, true, NULL, &later, e) : rc;
    if (rc == -ERR_EXISTS) {
        return err_set(e, ERR_EXISTS, "The Connection with connection_id: `%s` already exists", id);
    }
    if (rc == 0 && !later) {
        c->status = 201;
        rc = get_connection(c, id, &conn, e);
        if (rc == 0) {
            put_connection(c, id, conn);
        }
    }
    return rc;
}

int api_connection_patch(struct call *c, struct err *e)
{
    const char *id = call_param(c, "connection_id"), *given = NULL;
    struct value *body, *old = NULL;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, connection_fields, e) : rc;
    rc = rc == 0 ? body_text(c, body, "connection_id", &given, e) : rc;
    if (rc == 0 && given != NULL && strcmp(given, id) != 0) {
        return err_set(e, ERR_INVALID,
                       "The connection_id in the request body does not match the URL parameter");
    }
    rc = rc == 0 ? get_connection(c, id, &old, e) : rc;
    rc = rc == 0 ? set_connection(c, body, id, false, old, &later, e) : rc;
    return rc == 0 && !later ? api_connection(c, e) : rc;
}

int api_connection_delete(struct call *c, struct err *e)
{
    bool later = false;

    return drop(c, "conn_delete", "conn_id", call_param(c, "connection_id"),
                "The Connection with connection_id: `%s` was not found", &later, e);
}

/* ---- in bulk ---- */

static int read_found(struct call *c, const char *op, const char *member, const char *id, bool *ret,
                      struct err *e)
{
    struct value *answer = NULL;
    int rc = read_setting(c, op, member, id, &answer, e);

    *ret = rc == 0 && is_found(answer);
    return rc;
}

static int variable_exists(struct call *c, const char *id, bool *ret, struct err *e)
{
    return read_found(c, "var_get", "key", id, ret, e);
}

static int variable_create(struct call *c, const struct value *body, const char *id, bool overwrite,
                           bool *ret_later, struct err *e)
{
    int rc = body_only(c, body, variable_members, e);

    return rc == 0 ? set_variable(c, body, id, !overwrite, NULL, ret_later, e) : rc;
}

static int variable_update(struct call *c, const struct value *body, const char *id,
                           bool *ret_later, struct err *e)
{
    struct value *old = NULL;
    int rc = body_only(c, body, variable_members, e);

    rc = rc == 0 ? get_variable(c, id, &old, e) : rc;
    return rc == 0 ? set_variable(c, body, id, false, old, ret_later, e) : rc;
}

static int variable_drop(struct call *c, const char *id, bool *ret_later, struct err *e)
{
    return drop(c, "var_delete", "key", id, "The Variable with key: `%s` was not found", ret_later,
                e);
}

const struct bulk_kind api_bulk_variables = {"Variable",      "key",           variable_exists,
                                             variable_create, variable_update, variable_drop};

static int connection_exists(struct call *c, const char *id, bool *ret, struct err *e)
{
    return read_found(c, "conn_get", "conn_id", id, ret, e);
}

static int connection_create(struct call *c, const struct value *body, const char *id,
                             bool overwrite, bool *ret_later, struct err *e)
{
    const char *type = NULL;
    int rc = body_only(c, body, connection_fields, e);

    rc = rc == 0 ? body_text(c, body, "conn_type", &type, e) : rc;
    if (rc == 0 && type == NULL) {
        return call_invalid(c, e, "conn_type must be given");
    }
    return rc == 0 ? set_connection(c, body, id, !overwrite, NULL, ret_later, e) : rc;
}

static int connection_update(struct call *c, const struct value *body, const char *id,
                             bool *ret_later, struct err *e)
{
    struct value *old = NULL;
    int rc = body_only(c, body, connection_fields, e);

    rc = rc == 0 ? get_connection(c, id, &old, e) : rc;
    return rc == 0 ? set_connection(c, body, id, false, old, ret_later, e) : rc;
}

static int connection_drop(struct call *c, const char *id, bool *ret_later, struct err *e)
{
    return drop(c, "conn_delete", "conn_id", id,
                "The Connection with connection_id: `%s` was not found", ret_later, e);
}

const struct bulk_kind api_bulk_connections = {"Connection",      "connection_id",
                                               connection_exists, connection_create,
                                               connection_update, connection_drop};
