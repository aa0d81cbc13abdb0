/* Settings: variables and connections, each change in a transaction of its own (rule 4); pools; an instance's XComs. */
#include "base/arena.h"
#include "base/mem.h"
#include "store/sqlite/read.h"

static int may_change(struct sql_store *s, struct err *e)
{
    return (s->flags & STORE_READ_ONLY) != 0
               ? err_set(e, ERR_PERM, "store: this handle is read-only")
               : 0;
}

/* ---- read ---- */

static int read_xcom_head(struct reader *r, void *to)
{
    struct xcom_row *x = to;

    x->name = read_text(r, 0);
    x->at_us = col_time(r->st, 1);
    x->spill = read_text(r, 2);
    x->value_len = (size_t)sqlite3_column_int64(r->st, 3);
    return r->rc;
}

int sql_get_xcoms(struct store *s, const struct ti_key *key, struct arena *a, struct xcom_row **ret,
                  size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_XCOMS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_key(&r.b, key);
    rc = read_all(&r, read_xcom_head, sizeof **ret, (void **)ret, ret_len);
    for (size_t i = 0; rc == 0 && i < *ret_len; i++) {
        (*ret)[i].key = *key;
    }
    return rc;
}

static int read_setting(struct reader *r, void *to)
{
    struct setting_row *x = to;
    size_t n = (size_t)sqlite3_column_bytes(r->st, 1);
    void *value = arena_alloc(r->a, n + 1);

    x->name = read_text(r, 0);
    if (value == NULL) {
        return r->rc = -ERR_NOMEM;
    }
    if (n != 0) {
        memcpy(value, sqlite3_column_blob(r->st, 1), n);
    }
    x->value = value;
    x->value_len = n;
    x->version = sqlite3_column_int64(r->st, 2);
    x->updated_us = col_time(r->st, 3);
    return r->rc;
}

int sql_get_settings(struct store *s, const char *kind, const char *name, struct arena *a,
                     struct setting_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_SETTINGS, a, e);
    char *own = rc == 0 ? arena_strdup(a, kind) : NULL;

    if (rc == 0 && own == NULL) {
        rc = err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, kind);
    put_text(&r.b, name);
    rc = read_all(&r, read_setting, sizeof **ret, (void **)ret, ret_len);
    for (size_t i = 0; rc == 0 && i < *ret_len; i++) {
        (*ret)[i].kind = own;
    }
    return rc;
}

/* ---- changed ---- */

/* The version of the row that is there, 0 for none. */
static int version_of(struct sql_store *s, const struct setting_row *row, int64_t *ret,
                      struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_SETTING_VERSION, &b.st, e), step;

    *ret = 0;
    if (rc != 0) {
        return rc;
    }
    put_text(&b, row->kind);
    put_text(&b, row->name);
    step = b.rc == SQLITE_OK ? sqlite3_step(b.st) : SQLITE_NOMEM;
    if (step == SQLITE_ROW) {
        *ret = sqlite3_column_int64(b.st, 0);
    } else if (step != SQLITE_DONE) {
        rc = sql_err(s->db, step, e, "store");
    }
    (void)sqlite3_reset(b.st);
    return rc;
}

static int put_setting(struct sql_store *s, const struct setting_row *row, struct err *e)
{
    struct binder b = {0};
    int64_t have = 0;
    int rc = version_of(s, row, &have, e);

    if (rc == 0 && row->value == NULL && have == 0) {
        rc = err_set(e, ERR_NOTFOUND, "there is no %s '%s'", row->kind, row->name);
    } else if (rc == 0 && row->version >= 0 && row->version != have) {
        rc = err_set(e, ERR_STALE, "%s '%s' was changed meanwhile", row->kind, row->name);
    }
    rc =
        rc == 0 ? sql_stmt(s, row->value == NULL ? ST_DROP_SETTING : ST_PUT_SETTING, &b.st, e) : rc;
    if (rc != 0) {
        return rc;
    }
    put_text(&b, row->kind);
    put_text(&b, row->name);
    if (row->value != NULL) {
        b.rc |= sqlite3_bind_blob64(b.st, ++b.i, row->value, row->value_len, SQLITE_STATIC);
        put_int(&b, have + 1);
        put_time(&b, row->updated_us);
    }
    return b.rc == SQLITE_OK ? sql_run(s, b.st, e) : err_set(e, ERR_NOMEM, "store: out of memory");
}

static int finish(struct sql_store *s, int rc, struct err *e)
{
    rc = rc == 0 ? sql_simple(s, ST_COMMIT, e) : rc;
    if (rc != 0) {
        sql_rollback(s);
    }
    return rc;
}

static int put_pool(struct sql_store *s, const struct pool_row *row, bool remove, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, remove ? ST_DROP_POOL : ST_PUT_POOL, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&b, row->name);
    if (!remove) {
        put_int(&b, row->slots);
        put_int(&b, row->include_deferred);
        put_text(&b, row->description);
    }
    rc = b.rc == SQLITE_OK ? sql_run(s, b.st, e) : err_set(e, ERR_NOMEM, "store: out of memory");
    return rc == 0 && remove && sqlite3_changes(s->db) == 0
               ? err_set(e, ERR_NOTFOUND, "there is no pool '%s'", row->name)
               : rc;
}

static int add_audit(struct sql_store *s, const struct audit_row *row, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_ADD_AUDIT, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&b, row->actor);
    put_text(&b, row->action);
    put_text(&b, row->subject);
    put_text(&b, row->before);
    put_text(&b, row->after);
    put_time(&b, row->at_us);
    return b.rc == SQLITE_OK ? sql_run(s, b.st, e) : err_set(e, ERR_NOMEM, "store: out of memory");
}

int sql_change_settings(struct store *store, const struct settings_change *c, struct err *e)
{
    struct sql_store *s = sql_store(store);
    struct err own = {0};
    int rc;

    e = e != NULL ? e : &own;
    rc = may_change(s, e);
    rc = rc == 0 ? sql_begin(s, e) : rc;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < c->rows_len; i++) {
        rc = put_setting(s, &c->rows[i], e);
    }
    rc = rc == 0 && c->pool != NULL ? put_pool(s, c->pool, c->pool_gone, e) : rc;
    for (size_t i = 0; rc == 0 && i < c->audits_len; i++) {
        rc = add_audit(s, &c->audits[i], e);
    }
    return finish(s, rc, e);
}

int sql_put_settings(struct store *s, const struct setting_row *rows, size_t n, struct err *e)
{
    const struct settings_change c = {.rows = rows, .rows_len = n};

    return sql_change_settings(s, &c, e);
}

int sql_put_pool(struct store *s, const struct pool_row *row, bool remove, struct err *e)
{
    const struct settings_change c = {.pool = row, .pool_gone = remove};

    return sql_change_settings(s, &c, e);
}
