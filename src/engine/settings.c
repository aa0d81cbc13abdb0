#include "engine/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/accounts.h"
#include "engine/engine_priv.h"
#include "engine/settings_audit.h"
#include "secret/connection.h"
#include "secret/outside.h"
#include "secret/secret.h"

#define NAME_MAX_LEN 250

static const char variable[] = "variable", connection[] = "connection";

struct asked {
    struct store *s;
    const char *home;
    const struct value *rq;
    int64_t now_us;
    struct arena *a;
    struct json_writer *w;
    struct err *e;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static bool flag_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

static int no_memory(struct asked *q)
{
    return err_set(q->e, ERR_NOMEM, "out of memory for a setting");
}

/* The name of what is asked for. */
static int name_of(struct asked *q, const char *member, const char **ret)
{
    *ret = text_of(q->rq, member);
    if (*ret == NULL || **ret == '\0') {
        return err_set(q->e, ERR_INVALID, "a setting needs a name (%s)", member);
    }
    return strlen(*ret) > NAME_MAX_LEN
               ? err_set(q->e, ERR_LIMIT, "a name has at most %d bytes", NAME_MAX_LEN)
               : 0;
}

/* ---- sealed rows ---- */

static int open_row(struct asked *q, const struct secret_keys *k, const struct setting_row *row,
                    struct value **ret)
{
    char *text;
    size_t n;
    int rc =
        secret_open(k, row->kind, row->name, row->value, row->value_len, q->a, &text, &n, q->e);

    return rc == 0 ? value_parse(q->a, text, n, ret, q->e) : rc;
}

/* The stored object of a name; *ret NULL when there is none. */
static int find_stored(struct asked *q, const char *kind, const char *name, struct value **ret)
{
    struct secret_keys *k = NULL;
    struct setting_row *row;
    size_t n;
    int rc = q->s->ops->get_settings(q->s, kind, name, q->a, &row, &n, q->e);

    *ret = NULL;
    if (rc != 0 || n == 0) {
        return rc;
    }
    rc = secret_keys_load(q->home, false, &k, q->e);
    rc = rc == 0 ? open_row(q, k, row, ret) : rc;
    secret_keys_free(k);
    return rc;
}

static int seal_row(struct asked *q, const struct secret_keys *k, const char *kind,
                    const char *name, const struct value *v, struct setting_row *row)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    void *sealed;
    int rc;

    buf_init(&b, LIMIT_SETTING_BYTES);
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    if (buf_status(&b) != 0) {
        return err_set(q->e, ERR_LIMIT, "%s '%s' is larger than %zu KiB", kind, name,
                       LIMIT_SETTING_BYTES >> 10);
    }
    rc = secret_seal(k, kind, name, buf_cstr(&b), b.len, q->a, &sealed, &row->value_len, q->e);
    row->kind = kind;
    row->name = name;
    row->value = sealed;
    row->updated_us = q->now_us;
    return rc;
}

/* A wrong key must not be found out by values that nobody can read any more: the first stored row must open. */
static int check_key(struct asked *q, const struct secret_keys *k, const char *kind)
{
    struct setting_row *rows;
    struct value *v;
    size_t n;
    int rc = q->s->ops->get_settings(q->s, kind, NULL, q->a, &rows, &n, q->e);

    return rc == 0 && n != 0 ? open_row(q, k, &rows[0], &v) : rc;
}

/* What was there, redacted; NULL: nothing, or nobody can read it any more. */
static const char *shown_before(struct asked *q, const char *kind, const char *name)
{
    struct err ignored = {0}, *e = q->e;
    struct value *old = NULL;
    int rc;

    q->e = &ignored;
    rc = find_stored(q, kind, name, &old);
    q->e = e;
    return rc == 0 && old != NULL ? settings_redacted(q->a, kind, old) : NULL;
}

/* A row that is put, or removed (value NULL), with its trace. */
static int commit(struct asked *q, const char *kind, const char *name,
                  const struct setting_row *row, const char *before, const char *after)
{
    struct audit_row audit;
    const struct settings_change c = {
        .rows = row, .rows_len = 1, .audits = &audit, .audits_len = 1};

    settings_trace(q->rq, kind, name, before, after, q->now_us, &audit);
    return q->s->ops->change_settings(q->s, &c, q->e);
}

static int store_value(struct asked *q, const char *kind, const char *name, const struct value *v)
{
    struct setting_row row = {.version = flag_of(q->rq, "is_new") ? 0 : -1};
    struct secret_keys *k = NULL;
    const char *before;
    int rc = secret_keys_load(q->home, true, &k, q->e);

    rc = rc == 0 ? check_key(q, k, kind) : rc;
    rc = rc == 0 ? seal_row(q, k, kind, name, v, &row) : rc;
    secret_keys_free(k);
    before = rc == 0 ? shown_before(q, kind, name) : NULL;
    rc = rc == 0 ? commit(q, kind, name, &row, before, settings_redacted(q->a, kind, v)) : rc;
    return rc == -ERR_STALE ? err_set(q->e, ERR_EXISTS, "there is a %s '%s' already", kind, name)
                            : rc;
}

static int delete_value(struct asked *q, const char *kind, const char *member)
{
    struct setting_row row = {.kind = kind, .version = -1};
    int rc = name_of(q, member, &row.name);

    rc = rc == 0 ? commit(q, kind, row.name, &row, shown_before(q, kind, row.name), NULL) : rc;
    if (rc == 0 || rc == -ERR_NOTFOUND) {
        json_key(q->w, "found");
        json_bool(q->w, rc == 0);
        rc = 0;
    }
    return rc;
}

static int list_names(struct asked *q, const char *kind, const char *member)
{
    struct setting_row *rows;
    size_t n;
    int rc = q->s->ops->get_settings(q->s, kind, NULL, q->a, &rows, &n, q->e);

    if (rc == 0) {
        json_key(q->w, member);
        json_array(q->w);
        for (size_t i = 0; i < n; i++) {
            json_string(q->w, rows[i].name);
        }
        json_array_end(q->w);
    }
    return rc;
}

static int find_outside(struct asked *q, enum outside_kind kind, const char *name, const char **ret)
{
    return flag_of(q->rq, "stored")   ? 0
           : flag_of(q->rq, "folder") ? outside_folder(q->home, kind, name, q->a, ret, q->e)
                                      : outside_find(q->home, kind, name, q->a, ret, q->e);
}

/* ---- variables ---- */

static int find_variable(struct asked *q, const char *key, const char **ret,
                         const char **ret_description)
{
    struct value *v = NULL;
    int rc = find_outside(q, OUTSIDE_VARIABLE, key, ret);

    if (rc == 0 && *ret == NULL && !flag_of(q->rq, "folder")) {
        rc = find_stored(q, variable, key, &v);
        if (rc == 0 && v != NULL) {
            *ret = text_of(v, "value");
            *ret_description = text_of(v, "description");
        }
    }
    return rc;
}

static int var_get(struct asked *q)
{
    const char *key, *text = NULL, *description = NULL;
    int rc = name_of(q, "key", &key);

    rc = rc == 0 ? find_variable(q, key, &text, &description) : rc;
    if (rc == 0) {
        json_key(q->w, "found");
        json_bool(q->w, text != NULL);
        json_key(q->w, "value");
        json_string(q->w, text);
        json_key(q->w, "description");
        json_string(q->w, description);
    }
    return rc;
}

static int var_set(struct asked *q)
{
    const struct value *text = value_get(q->rq, "value"), *about = value_get(q->rq, "description");
    struct value *v = value_new(q->a, VALUE_OBJECT);
    const char *key;
    int rc = name_of(q, "key", &key);

    if (rc == 0 && (text == NULL || text->kind != VALUE_STRING)) {
        return err_set(q->e, ERR_INVALID, "the value of a variable is a text");
    }
    if (rc == 0 && (v == NULL || value_set(q->a, v, "value", (struct value *)text) != 0 ||
                    (about != NULL && about->kind == VALUE_STRING &&
                     value_set(q->a, v, "description", (struct value *)about) != 0))) {
        return no_memory(q);
    }
    return rc == 0 ? store_value(q, variable, key, v) : rc;
}

static int var_delete(struct asked *q)
{
    return delete_value(q, variable, "key");
}

static int var_list(struct asked *q)
{
    return list_names(q, variable, "keys");
}

/* ---- connections ---- */

static int find_connection(struct asked *q, const char *id, struct value **ret)
{
    const char *text = NULL;
    int rc = find_outside(q, OUTSIDE_CONNECTION, id, &text);

    if (rc != 0 || text == NULL) {
        return rc == 0 && !flag_of(q->rq, "folder") ? find_stored(q, connection, id, ret) : rc;
    }
    rc = connection_parse(text, strlen(text), q->a, ret, q->e);
    return rc != 0 ? err_prefix(q->e, rc, "connection '%s'", id) : 0;
}

static int conn_get(struct asked *q)
{
    struct value *c = NULL;
    const char *id;
    int rc = name_of(q, "conn_id", &id);

    rc = rc == 0 ? find_connection(q, id, &c) : rc;
    if (rc != 0) {
        return rc;
    }
    json_key(q->w, "found");
    json_bool(q->w, c != NULL);
    json_key(q->w, "conn");
    if (c == NULL) {
        json_null(q->w);
        return 0;
    }
    json_object(q->w);
    json_key(q->w, "conn_id");
    json_string(q->w, id);
    for (const char *const *p = connection_members; *p != NULL; p++) {
        const struct value *v = value_get(c, *p);

        json_key(q->w, *p);
        if (v != NULL) {
            json_value(q->w, v);
        } else {
            json_null(q->w);
        }
    }
    json_object_end(q->w);
    return 0;
}

static int conn_set(struct asked *q)
{
    const struct value *in = value_get(q->rq, "conn");
    struct value *c;
    const char *id;
    int rc = name_of(q, "conn_id", &id);

    if (rc == 0 && in == NULL) {
        rc = err_set(q->e, ERR_INVALID, "conn_set needs conn");
    }
    rc = rc == 0 ? connection_from_value(in, q->a, &c, q->e) : rc;
    return rc == 0 ? store_value(q, connection, id, c) : rc;
}

static int conn_delete(struct asked *q)
{
    return delete_value(q, connection, "conn_id");
}

static int conn_list(struct asked *q)
{
    return list_names(q, connection, "ids");
}

/* ---- pools ---- */

#define DEFAULT_POOL "default_pool"

static int change_pool(struct asked *q, const struct pool_row *row, bool gone)
{
    const char *before = settings_pool_before(q->s, q->a, row->name);
    const char *after = gone ? NULL : settings_pool_shown(q->a, row);
    struct audit_row audit;
    const struct settings_change c = {
        .pool = row, .pool_gone = gone, .audits = &audit, .audits_len = 1};

    settings_trace(q->rq, "pool", row->name, before, after, q->now_us, &audit);
    return q->s->ops->change_settings(q->s, &c, q->e);
}

static int pool_set(struct asked *q)
{
    const struct value *slots = value_get(q->rq, "slots");
    struct pool_row row = {.description = text_of(q->rq, "description"),
                           .include_deferred = flag_of(q->rq, "include_deferred")};
    int rc = name_of(q, "name", &row.name);

    if (rc == 0 && (slots == NULL || value_int(slots, -1, 1000000, &row.slots) != 0)) {
        return err_set(q->e, ERR_INVALID,
                       "the slots of a pool are a number from -1 (no limit) to 1000000");
    }
    return rc == 0 ? change_pool(q, &row, false) : rc;
}

static int pool_delete(struct asked *q)
{
    struct pool_row row = {0};
    int rc = name_of(q, "name", &row.name);

    if (rc == 0 && strcmp(row.name, DEFAULT_POOL) == 0) {
        return err_set(q->e, ERR_INVALID, DEFAULT_POOL " cannot be deleted");
    }
    return rc == 0 ? change_pool(q, &row, true) : rc;
}

/* ---- favorites: not sealed, for they are no secrets ---- */

static int favorite_name(struct asked *q, char *buf, size_t cap)
{
    const char *dag_id, *actor = text_of(q->rq, "actor");
    int rc = name_of(q, "dag_id", &dag_id);

    if (rc == 0 && (actor == NULL || strlen(actor) > NAME_MAX_LEN)) {
        return err_set(q->e, ERR_INVALID, "whose favorite?");
    }
    if (rc == 0) {
        (void)snprintf(buf, cap, "%s\n%s", actor, dag_id);
    }
    return rc;
}

static int favorite_set(struct asked *q)
{
    char name[2 * NAME_MAX_LEN + 2];
    struct setting_row row = {.kind = SETTING_FAVORITE,
                              .name = name,
                              .value = "1",
                              .value_len = 1,
                              .version = -1,
                              .updated_us = q->now_us};
    int rc = favorite_name(q, name, sizeof name);

    return rc == 0 ? q->s->ops->put_settings(q->s, &row, 1, q->e) : rc;
}

static int favorite_delete(struct asked *q)
{
    char name[2 * NAME_MAX_LEN + 2];
    struct setting_row row = {.kind = SETTING_FAVORITE, .name = name, .version = -1};
    int rc = favorite_name(q, name, sizeof name);

    rc = rc == 0 ? q->s->ops->put_settings(q->s, &row, 1, q->e) : rc;
    if (rc == 0 || rc == -ERR_NOTFOUND) {
        json_key(q->w, "found");
        json_bool(q->w, rc == 0);
        rc = 0;
    }
    return rc;
}

/* ---- rotation ---- */

/* The rows of a kind, sealed anew; their versions guard against a change meanwhile. */
static int reseal(struct asked *q, const struct secret_keys *k, struct setting_row *rows, size_t n)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        void *sealed;
        char *text;
        size_t len;

        rc = secret_open(k, rows[i].kind, rows[i].name, rows[i].value, rows[i].value_len, q->a,
                         &text, &len, q->e);
        rc = rc == 0 ? secret_seal(k, rows[i].kind, rows[i].name, text, len, q->a, &sealed,
                                   &rows[i].value_len, q->e)
                     : rc;
        rows[i].value = rc == 0 ? sealed : NULL;
        rows[i].updated_us = q->now_us;
    }
    return rc;
}

/* All rows that are sealed, of both kinds. */
static int sealed_rows(struct asked *q, struct setting_row **ret, size_t *ret_n)
{
    struct setting_row *lists[2], *all;
    size_t n[2];
    int rc = q->s->ops->get_settings(q->s, variable, NULL, q->a, &lists[0], &n[0], q->e);

    rc = rc == 0 ? q->s->ops->get_settings(q->s, connection, NULL, q->a, &lists[1], &n[1], q->e)
                 : rc;
    if (rc != 0) {
        return rc;
    }
    all = arena_array(q->a, n[0] + n[1] + 1, sizeof *all);
    if (all == NULL) {
        return no_memory(q);
    }
    for (size_t i = 0; i < n[0] + n[1]; i++) {
        all[i] = i < n[0] ? lists[0][i] : lists[1][i - n[0]];
    }
    *ret = all;
    *ret_n = n[0] + n[1];
    return 0;
}

/*
 * The key of the file that is to seal everything: a new one. What a rotation that failed or was killed has left behind does not pile up: a
 * first key that seals nothing yet is taken, and others that seal nothing any more are dropped.
 */
static int new_key(struct asked *q, struct secret_keys *k, const struct setting_row *rows, size_t n)
{
    size_t first = 0;
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        first += secret_sealed_by_first(k, rows[i].value, rows[i].value_len);
    }
    if (secret_keys_count(k) > 1 && n != 0 && first == 0) {
        return 0;
    }
    if (secret_keys_count(k) > 1 && first == n) {
        rc = secret_keys_drop_old(q->home, k, q->e);
    }
    return rc == 0 ? secret_keys_add(q->home, k, q->e) : rc;
}

/* Killed between any two steps, the file still has every key that a value needs. */
static int rotate(struct asked *q)
{
    struct setting_row *rows = NULL;
    struct secret_keys *k = NULL;
    size_t n = 0;
    int rc = secret_keys_load(q->home, true, &k, q->e);

    rc = rc == 0 ? check_key(q, k, variable) : rc;
    rc = rc == 0 ? check_key(q, k, connection) : rc;
    rc = rc == 0 ? sealed_rows(q, &rows, &n) : rc;
    if (rc == 0 && secret_keys_of_file(k)) {
        rc = new_key(q, k, rows, n);
    }
    rc = rc == 0 ? reseal(q, k, rows, n) : rc;
    rc = rc == 0 && n != 0 ? q->s->ops->put_settings(q->s, rows, n, q->e) : rc;
    if (rc == 0 && secret_keys_of_file(k)) {
        rc = secret_keys_drop_old(q->home, k, q->e);
    }
    secret_keys_free(k);
    if (rc == 0) {
        json_key(q->w, "rotated");
        json_int(q->w, (int64_t)n);
    }
    return rc;
}

/* ---- asked ---- */

static const struct {
    const char *op;
    int (*fn)(struct asked *q);
} operations[] = {
    {"var_get", var_get},
    {"var_set", var_set},
    {"var_delete", var_delete},
    {"var_list", var_list},
    {"conn_get", conn_get},
    {"conn_set", conn_set},
    {"conn_delete", conn_delete},
    {"conn_list", conn_list},
    {"pool_set", pool_set},
    {"pool_delete", pool_delete},
    {"rotate", rotate},
    {"favorite_set", favorite_set},
    {"favorite_delete", favorite_delete},
};

int settings_do(struct store *s, const char *home, const char *op, const struct value *rq,
                int64_t now_us, struct arena *a, struct json_writer *w, struct err *e)
{
    struct asked q = {s, home, rq, now_us, a, w, e};
    int rc = -ERR_UNSUPPORTED;

    json_object(w);
    if (accounts_know(op)) {
        rc = accounts_do(s, op, rq, now_us, a, w, e);
        json_object_end(w);
        return rc;
    }
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].op, op) == 0) {
            rc = operations[i].fn(&q);
            json_object_end(w);
            return rc;
        }
    }
    json_object_end(w);
    return err_set(e, ERR_UNSUPPORTED, "unknown question about settings '%s'", op);
}

struct store_part {
    struct engine *g;
    const char *op;
    const struct value *rq;
    int64_t now_us;
    struct arena *a;
    struct json_writer *w;
    struct err *e;
};

static int on_store(void *arg)
{
    struct store_part *p = arg;

    return settings_do(p->g->store, p->g->config.home, p->op, p->rq, p->now_us, p->a, p->w, p->e);
}

static int tell_scheduler(struct engine *g, const char *op, const struct value *rq, struct err *e)
{
    struct request r = {.event.type = SCHED_RESOURCE};
    int64_t slots = 0;

    if (strcmp(op, "pool_set") == 0) {
        (void)value_int(value_get(rq, "slots"), -1, 1000000, &slots);
    } else if (strcmp(op, "pool_delete") != 0) {
        return 0;
    }
    r.event.resource.name = text_of(rq, "name");
    g->has_default_pool = g->has_default_pool || strcmp(r.event.resource.name, DEFAULT_POOL) == 0;
    r.event.resource.slots = (int32_t)slots;
    r.event.resource.granted = (int32_t)slots;
    r.event.resource.exclusive = true;
    r.event.resource.include_deferred = flag_of(rq, "include_deferred");
    r.event.resource.gone = strcmp(op, "pool_delete") == 0;
    return engine_ask(g, &r, e);
}

int settings_answer(struct engine *g, const char *op, const struct value *rq, struct arena *a,
                    struct json_writer *w, struct err *e)
{
    struct store_part p = {g, op, rq, engine_now(g), a, w, e};
    int rc;

    json_key(w, "result");
    rc = engine_on_store(g, on_store, &p);
    if (rc == 0 && g->keeper.settings_changed != NULL &&
        (strcmp(op, "var_set") == 0 || strcmp(op, "var_delete") == 0 ||
         strcmp(op, "conn_set") == 0 || strcmp(op, "conn_delete") == 0)) {
        g->keeper.settings_changed(g->keeper.arg);
    }
    return rc == 0 ? tell_scheduler(g, op, rq, e) : rc;
}

int settings_variable(void *arg, const char *key, bool folder, struct arena *a, const char **ret,
                      struct err *e)
{
    struct engine *g = arg;
    struct value *rq = value_new(a, VALUE_OBJECT), *name = value_string(a, key, strlen(key)),
                 *answer;
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct store_part p = {g, "var_get", rq, engine_now(g), a, &w, e};
    int rc;

    *ret = NULL;
    buf_init(&b, LIMIT_SETTING_BYTES * 7);
    json_writer_init(&w, &b, 0);
    struct value *flag = value_new(a, VALUE_BOOL);

    if (rq == NULL || name == NULL || flag == NULL || value_set(a, rq, "key", name) != 0 ||
        value_set(a, rq, "folder", flag) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for a variable");
    }
    flag->boolean = folder;
    rc = engine_on_store(g, on_store, &p);
    rc = rc == 0 ? value_parse(a, buf_cstr(&b), b.len, &answer, e) : rc;
    if (rc == 0 && flag_of(answer, "found")) {
        *ret = text_of(answer, "value");
    }
    return rc;
}
