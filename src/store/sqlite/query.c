/* Queries that are put together: runs by what was asked for, in the order that was asked for. Each is prepared for its one use. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"
#include "store/sqlite/read.h"

#define SQL_MAX 2048
#define COLUMNS                                                                                 \
    "run_key, dag_key, version_key, run_id, state, type, logical_date_us,"                      \
    " data_interval_start_us, data_interval_end_us, run_after_us, queued_us, start_us, end_us," \
    " backfill_key, clear_number, reason, conf"

static void add_range(struct buf *b, const char *column, const struct time_range *r)
{
    if (r->from_us != TIME_NONE) {
        (void)buf_printf(b, " AND %s >= ?", column);
    }
    if (r->to_us != TIME_NONE) {
        (void)buf_printf(b, " AND %s <= ?", column);
    }
}

static void bind_range(struct binder *b, const struct time_range *r)
{
    if (r->from_us != TIME_NONE) {
        put_int(b, r->from_us);
    }
    if (r->to_us != TIME_NONE) {
        put_int(b, r->to_us);
    }
}

static void add_where(struct buf *b, const struct run_query *q)
{
    (void)buf_str(b, " FROM run WHERE 1");
    if (q->dag_key != 0) {
        (void)buf_str(b, " AND dag_key = ?");
    }
    if (q->states != 0) {
        (void)buf_str(b, " AND ? >> state & 1");
    }
    if (q->types != 0) {
        (void)buf_str(b, " AND ? >> type & 1");
    }
    if (q->run_id_part != NULL) {
        (void)buf_str(b, " AND instr(run_id, ?)");
    }
    add_range(b, "logical_date_us", &q->logical_date);
    add_range(b, "run_after_us", &q->run_after);
    add_range(b, "start_us", &q->start);
    add_range(b, "end_us", &q->end);
}

static void bind_where(struct binder *b, const struct run_query *q)
{
    if (q->dag_key != 0) {
        put_int(b, q->dag_key);
    }
    if (q->states != 0) {
        put_int(b, q->states);
    }
    if (q->types != 0) {
        put_int(b, q->types);
    }
    if (q->run_id_part != NULL) {
        put_text(b, q->run_id_part);
    }
    bind_range(b, &q->logical_date);
    bind_range(b, &q->run_after);
    bind_range(b, &q->start);
    bind_range(b, &q->end);
}

static int prepare(struct reader *r, struct store *s, const struct buf *sql, struct arena *a,
                   struct err *e)
{
    int rc;

    *r = (struct reader){.s = sql_store(s), .a = a, .e = e};
    if (buf_status(sql) != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    rc = sqlite3_prepare_v2(r->s->db, buf_cstr(sql), (int)sql->len + 1, &r->st, NULL);
    r->b = (struct binder){.st = r->st};
    return rc == SQLITE_OK ? 0 : sql_err(r->s->db, rc, e, "store");
}

int sql_query_runs(struct store *s, const struct run_query *q, struct arena *a,
                   struct run_row **ret, size_t *ret_len, struct err *e)
{
    static const char *const orders[] = {
        [RUN_BY_RUN_AFTER] = "run_after_us",
        [RUN_BY_KEY] = "run_key",
        [RUN_BY_LOGICAL_DATE] = "logical_date_us",
        [RUN_BY_START] = "start_us",
        [RUN_BY_END] = "end_us",
        [RUN_BY_STATE] = "state",
        [RUN_BY_RUN_ID] = "run_id",
    };
    const char *way = q->descending ? "DESC" : "ASC";
    struct buf b BUF_CLEANUP;
    struct reader r;
    int rc;

    buf_init(&b, SQL_MAX);
    (void)buf_str(&b, "SELECT " COLUMNS);
    add_where(&b, q);
    (void)buf_printf(&b, " ORDER BY %s %s, run_key %s LIMIT ? OFFSET ?", orders[q->order], way,
                     way);
    rc = prepare(&r, s, &b, a, e);
    if (rc == 0) {
        bind_where(&r.b, q);
        put_limit(&r.b, q->limit);
        put_int(&r.b, q->offset > INT64_MAX ? INT64_MAX : (int64_t)q->offset);
        rc = read_all(&r, sql_read_run, sizeof **ret, (void **)ret, ret_len);
    }
    (void)sqlite3_finalize(r.st);
    return rc;
}

static int read_count(struct reader *r, void *to)
{
    *(int64_t *)to = sqlite3_column_int64(r->st, 0);
    return r->rc;
}

int sql_count_runs(struct store *s, const struct run_query *q, int64_t *ret, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct counts_key key = {0};
    struct reader r;
    int rc;

    buf_init(&b, SQL_MAX);
    (void)buf_str(&b, "SELECT count(*)");
    add_where(&b, q);
    rc = prepare(&r, s, &b, NULL, e);
    if (rc == 0) {
        bind_where(&r.b, q);
        if (!sql_counts_get(r.s, r.st, &key, ret)) {
            rc = read_one(&r, read_count, ret, "no count");
            if (rc == 0) {
                sql_counts_put(r.s, &key, *ret);
            }
        }
        sql_counts_key_fini(&key);
    }
    (void)sqlite3_finalize(r.st);
    return rc;
}

static int read_dag_version(struct reader *r, void *to)
{
    struct version_row *row = to;

    row->version_key = sqlite3_column_int64(r->st, 0);
    row->dag_key = sqlite3_column_int64(r->st, 1);
    row->hash = read_text(r, 2);
    row->created_us = col_time(r->st, 3);
    return r->rc;
}

int sql_get_dag_versions(struct store *s, int64_t dag_key, struct arena *a,
                         struct version_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_DAG_VERSIONS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    return read_all(&r, read_dag_version, sizeof **ret, (void **)ret, ret_len);
}

static int read_audit(struct reader *r, void *to)
{
    struct audit_row *row = to;

    row->audit_key = sqlite3_column_int64(r->st, 0);
    row->at_us = col_time(r->st, 1);
    row->actor = read_text(r, 2);
    row->action = read_text(r, 3);
    row->subject = read_text(r, 4);
    row->before = read_text(r, 5);
    row->after = read_text(r, 6);
    return r->rc;
}

int sql_get_audits(struct store *s, int64_t below_key, size_t offset, size_t limit, struct arena *a,
                   struct audit_row **ret, size_t *ret_len, int64_t *ret_all, struct err *e)
{
    struct reader r;
    int rc = 0;

    if (ret_all != NULL) {
        rc = reader_init(&r, s, ST_COUNT_AUDITS, a, e);
        rc = rc == 0 ? read_one(&r, read_count, ret_all, "no count") : rc;
    }
    rc = rc == 0 ? reader_init(&r, s, ST_GET_AUDITS, a, e) : rc;
    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, below_key != 0 ? below_key : INT64_MAX);
    put_limit(&r.b, limit);
    put_int(&r.b, offset > INT64_MAX ? INT64_MAX : (int64_t)offset);
    return read_all(&r, read_audit, sizeof **ret, (void **)ret, ret_len);
}
