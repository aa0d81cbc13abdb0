/* What a look at the DAG files found: DAGs, and what is wrong with files. A look's changes are one transaction (rule 4). */
#include "base/arena.h"
#include "store/sqlite/read.h"

static int read_dag(struct reader *r, void *to)
{
    struct parsed_dag_row *row = to;

    row->dag_id = read_text(r, 0);
    row->bundle = read_text(r, 1);
    row->bundle_version = read_text(r, 2);
    row->file = read_text(r, 3);
    row->active = sqlite3_column_int(r->st, 4) != 0;
    row->parsed_us = col_time(r->st, 5);
    row->tags = read_text(r, 6);
    row->owners = read_text(r, 7);
    return r->rc;
}

int sql_get_parsed_dags(struct store *s, const char *dag_id, struct arena *a,
                        struct parsed_dag_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_PARSED_DAGS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, dag_id);
    return read_all(&r, read_dag, sizeof **ret, (void **)ret, ret_len);
}

static int read_error(struct reader *r, void *to)
{
    struct import_error_row *row = to;

    row->bundle = read_text(r, 0);
    row->file = read_text(r, 1);
    row->text = read_text(r, 2);
    row->at_us = col_time(r->st, 3);
    row->error_key = sqlite3_column_int64(r->st, 4);
    return r->rc;
}

int sql_get_import_errors(struct store *s, int64_t error_key, size_t offset, size_t limit,
                          struct arena *a, struct import_error_row **ret, size_t *ret_len,
                          struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_IMPORT_ERRORS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, error_key);
    put_limit(&r.b, limit);
    put_int(&r.b, (int64_t)offset);
    return read_all(&r, read_error, sizeof **ret, (void **)ret, ret_len);
}

static int read_version_name(struct reader *r, void *to)
{
    *(const char **)to = read_text(r, 0);
    return r->rc;
}

int sql_get_bundle_versions(struct store *s, const char *bundle, struct arena *a, const char ***ret,
                            size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_BUNDLE_VERSIONS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, bundle);
    return read_all(&r, read_version_name, sizeof **ret, (void **)ret, ret_len);
}

static int end(struct sql_store *s, struct binder *b, struct err *e)
{
    return b->rc == SQLITE_OK ? sql_run(s, b->st, e)
                              : err_set(e, ERR_NOMEM, "store: out of memory");
}

static int put_dag(struct sql_store *s, const struct parsed_dag_row *row, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_PUT_PARSED_DAG, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&b, row->dag_id);
    put_text(&b, row->bundle);
    put_text(&b, row->bundle_version);
    put_text(&b, row->file);
    put_int(&b, row->active);
    put_time(&b, row->parsed_us);
    put_text(&b, row->tags);
    put_text(&b, row->owners);
    return end(s, &b, e);
}

static int put_error(struct sql_store *s, const struct import_error_row *row, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, row->text != NULL ? ST_PUT_IMPORT_ERROR : ST_DROP_IMPORT_ERROR, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&b, row->bundle);
    put_text(&b, row->file);
    if (row->text != NULL) {
        put_text(&b, row->text);
        put_time(&b, row->at_us);
    }
    return end(s, &b, e);
}

int sql_put_parsed(struct store *store, const struct parsed_batch *batch, struct err *e)
{
    struct sql_store *s = sql_store(store);
    struct err own = {0};
    int rc;

    e = e != NULL ? e : &own;
    if ((s->flags & STORE_READ_ONLY) != 0) {
        return err_set(e, ERR_PERM, "store: this handle is read-only");
    }
    rc = sql_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < batch->dags_len; i++) {
        rc = put_dag(s, &batch->dags[i], e);
    }
    for (size_t i = 0; rc == 0 && i < batch->errors_len; i++) {
        rc = put_error(s, &batch->errors[i], e);
    }
    rc = rc == 0 ? sql_simple(s, ST_COMMIT, e) : rc;
    if (rc != 0) {
        sql_rollback(s);
    }
    return rc;
}
