/* Queries that are put together: runs by what was asked for, in the order that was asked for. Each is prepared for its one use. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"
#include "store/sqlite/read.h"

#define SQL_MAX KiB(8)
#define COLUMNS                                                                                 \
    "run_key, dag_key, version_key, run_id, state, type, logical_date_us,"                      \
    " data_interval_start_us, data_interval_end_us, run_after_us, queued_us, start_us, end_us," \
    " backfill_key, clear_number, reason, conf, partition_key, triggered_by, triggering_user"
#define UPDATED "COALESCE(end_us, start_us, queued_us)"
#define CONSUMED                                                                            \
    " AND EXISTS (SELECT 1 FROM run_asset_event AS x CROSS JOIN asset_event AS ev ON"       \
    " ev.event_key = x.event_key CROSS JOIN asset AS a ON a.asset_key = ev.asset_key WHERE" \
    " x.run_key = run.run_key AND (instr(a.name, ?) OR instr(a.uri, ?)))"

static const char *const columns[] = {
    [RUN_BY_RUN_AFTER] = "run_after_us",
    [RUN_BY_KEY] = "run_key",
    [RUN_BY_LOGICAL_DATE] = "logical_date_us",
    [RUN_BY_START] = "start_us",
    [RUN_BY_END] = "end_us",
    [RUN_BY_STATE] = "state",
    [RUN_BY_RUN_ID] = "run_id",
};

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

static int64_t value_of(const struct run_query *q, const struct run_row *r)
{
    switch (q->order) {
    case RUN_BY_LOGICAL_DATE:
        return r->logical_date_us;
    case RUN_BY_START:
        return r->start_us;
    case RUN_BY_END:
        return r->end_us;
    case RUN_BY_STATE:
        return r->state;
    case RUN_BY_RUN_AFTER:
        return r->run_after_us;
    default:
        return r->run_key;
    }
}

static bool is_null(const struct run_query *q, const struct run_row *r)
{
    return q->order != RUN_BY_RUN_ID && value_of(q, r) == TIME_NONE;
}

static void add_text(struct buf *b, const char *condition, const char *text)
{
    if (text != NULL) {
        (void)buf_printf(b, " AND %s", condition);
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
    if (q->by_updated) {
        add_range(b, UPDATED, &q->updated);
    }
    if (q->dag_keys != NULL) {
        (void)buf_str(b, " AND dag_key IN (SELECT value FROM json_each(?))");
    }
    add_text(b, "substr(run_id, 1, length(?)) = ?", q->run_id_prefix);
    add_text(b, "instr(conf, ?)", q->conf_part);
    add_text(b, "instr(partition_key, ?)", q->partition_part);
    add_text(b, "substr(partition_key, 1, length(?)) = ?", q->partition_prefix);
    add_text(b, "instr(triggering_user, ?)", q->user_part);
    add_text(b, "substr(triggering_user, 1, length(?)) = ?", q->user_prefix);
    add_text(b,
             "(SELECT bundle_version FROM version AS v WHERE v.version_key = run.version_key) = ?",
             q->bundle_version);
    if (q->asset_part != NULL) {
        (void)buf_str(b, CONSUMED);
    }
    if (q->version_numbers != NULL) {
        (void)buf_str(b, " AND (SELECT number FROM version AS v WHERE v.version_key ="
                         " run.version_key) IN (SELECT value FROM json_each(?))");
    }
    if (q->by_duration) {
        (void)buf_str(b, " AND end_us - start_us >= ? AND end_us - start_us <= ?");
    }
}

/* Behind a run in the order of the query, which holds that run's own value. A time that is not set is less than any. */
static void add_after(struct buf *b, const struct run_query *q, const struct run_row *after)
{
    const char *c = columns[q->order], *than = q->descending ? "<" : ">";

    if (q->order == RUN_BY_KEY) {
        (void)buf_printf(b, " AND run_key %s ?", than);
    } else if (q->order == RUN_BY_RUN_AFTER) {
        (void)buf_printf(b, " AND (run_after_us, run_key) %s (?, ?)", than);
    } else if (is_null(q, after)) {
        (void)buf_printf(b,
                         q->descending ? " AND %s IS NULL AND run_key < ?"
                                       : " AND (%s IS NOT NULL OR run_key > ?)",
                         c);
    } else {
        (void)buf_printf(b, " AND (%s %s ? OR (%s = ? AND run_key %s ?)", c, than, c, than);
        (void)buf_printf(b, q->descending ? " OR %s IS NULL)" : ")", c);
    }
}

static void bind_value(struct binder *b, const struct run_query *q, const struct run_row *r)
{
    if (q->order == RUN_BY_RUN_ID) {
        put_text(b, r->run_id);
    } else {
        put_int(b, value_of(q, r));
    }
}

static void bind_after(struct binder *b, const struct run_query *q, const struct run_row *after)
{
    if (q->order == RUN_BY_RUN_AFTER) {
        put_int(b, after->run_after_us);
    } else if (q->order != RUN_BY_KEY && !is_null(q, after)) {
        bind_value(b, q, after);
        bind_value(b, q, after);
    }
    put_int(b, after->run_key);
}

static void put_texts(struct binder *b, const char *text, int times)
{
    for (int i = 0; text != NULL && i < times; i++) {
        put_text(b, text);
    }
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
    if (q->by_updated) {
        bind_range(b, &q->updated);
    }
    if (q->dag_keys != NULL) {
        sql_put_list(b, q->dag_keys, q->dag_keys_len);
    }
    put_texts(b, q->run_id_prefix, 2);
    put_texts(b, q->conf_part, 1);
    put_texts(b, q->partition_part, 1);
    put_texts(b, q->partition_prefix, 2);
    put_texts(b, q->user_part, 1);
    put_texts(b, q->user_prefix, 2);
    put_texts(b, q->bundle_version, 1);
    put_texts(b, q->asset_part, 2);
    if (q->version_numbers != NULL) {
        sql_put_list(b, q->version_numbers, q->version_numbers_len);
    }
    if (q->by_duration) {
        put_int(b, q->duration_from_us);
        put_int(b, q->duration_to_us);
    }
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
    const char *way = q->descending ? "DESC" : "ASC";
    struct buf b BUF_CLEANUP;
    struct run_row after;
    struct reader r;
    int rc = q->after_key != 0 ? sql_get_run(s, q->after_key, a, &after, e) : 0;

    if (rc != 0) {
        return rc;
    }
    buf_init(&b, SQL_MAX);
    (void)buf_str(&b, "SELECT " COLUMNS);
    add_where(&b, q);
    if (q->after_key != 0) {
        add_after(&b, q, &after);
    }
    (void)buf_printf(&b, " ORDER BY %s %s, run_key %s LIMIT ? OFFSET ?", columns[q->order], way,
                     way);
    rc = prepare(&r, s, &b, a, e);
    if (rc == 0) {
        bind_where(&r.b, q);
        if (q->after_key != 0) {
            bind_after(&r.b, q, &after);
        }
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
    row->number = sqlite3_column_int64(r->st, 4);
    row->bundle = read_text(r, 5);
    row->bundle_version = read_text(r, 6);
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
