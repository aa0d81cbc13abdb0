/* Queries of DAGs, versions, runs, pools and commands. Each is one statement: a read transaction as
 * short as can be. */
#include <assert.h>

#include "base/arena.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"
#include "store/sqlite/read.h"

static int read_dag(struct reader *r, void *to)
{
    struct dag_row *row = to;

    row->dag_key = sqlite3_column_int64(r->st, 0);
    row->dag_id = read_text(r, 1);
    row->file = read_text(r, 2);
    row->paused = sqlite3_column_int(r->st, 3) != 0;
    row->version_key = sqlite3_column_int64(r->st, 4);
    row->updated_us = col_time(r->st, 5);
    return r->rc;
}

int sql_read_run(struct reader *r, void *to)
{
    struct run_row *row = to;

    row->run_key = sqlite3_column_int64(r->st, 0);
    row->dag_key = sqlite3_column_int64(r->st, 1);
    row->version_key = sqlite3_column_int64(r->st, 2);
    row->run_id = read_text(r, 3);
    row->state = (uint8_t)sqlite3_column_int(r->st, 4);
    row->type = (uint8_t)sqlite3_column_int(r->st, 5);
    row->logical_date_us = col_time(r->st, 6);
    row->data_interval_start_us = col_time(r->st, 7);
    row->data_interval_end_us = col_time(r->st, 8);
    row->run_after_us = sqlite3_column_int64(r->st, 9);
    row->queued_us = col_time(r->st, 10);
    row->start_us = col_time(r->st, 11);
    row->end_us = col_time(r->st, 12);
    row->backfill_key = sqlite3_column_int64(r->st, 13);
    row->clear_number = (uint32_t)sqlite3_column_int64(r->st, 14);
    row->reason = read_text(r, 15);
    row->conf = read_text(r, 16);
    row->partition_key = read_text(r, 17);
    row->triggered_by = (uint8_t)sqlite3_column_int(r->st, 18);
    row->triggering_user = read_text(r, 19);
    return r->rc;
}

static int read_version(struct reader *r, void *to)
{
    struct version_row *row = to;

    row->version_key = sqlite3_column_int64(r->st, 0);
    row->dag_key = sqlite3_column_int64(r->st, 1);
    row->hash = read_text(r, 2);
    row->document = read_text(r, 3);
    row->document_len = (size_t)sqlite3_column_bytes(r->st, 3);
    row->created_us = col_time(r->st, 4);
    row->bundle = read_text(r, 5);
    row->bundle_version = read_text(r, 6);
    row->file = read_text(r, 7);
    row->number = sqlite3_column_int64(r->st, 8);
    return r->rc;
}

static int read_pool(struct reader *r, void *to)
{
    struct pool_row *row = to;

    row->name = read_text(r, 0);
    row->slots = sqlite3_column_int64(r->st, 1);
    row->include_deferred = sqlite3_column_int(r->st, 2) != 0;
    row->description = read_text(r, 3);
    return r->rc;
}

static int read_result(struct reader *r, void *to)
{
    *(const char **)to = read_text(r, 0);
    return r->rc;
}

int sql_get_dags(struct store *s, struct arena *a, struct dag_row **ret, size_t *ret_len,
                 struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_DAGS, a, e);

    return rc != 0 ? rc : read_all(&r, read_dag, sizeof **ret, (void **)ret, ret_len);
}

int sql_find_dag(struct store *s, const char *dag_id, struct arena *a, struct dag_row *ret,
                 struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_FIND_DAG, a, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, dag_id);
    return read_one(&r, read_dag, ret, "there is no DAG %s", dag_id);
}

int sql_get_version(struct store *s, int64_t version_key, struct arena *a, struct version_row *ret,
                    struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_VERSION, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, version_key);
    return read_one(&r, read_version, ret, "there is no DAG version %lld", (long long)version_key);
}

int sql_get_versions(struct store *s, int64_t after_key, size_t limit, struct arena *a,
                     struct version_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_VERSIONS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, after_key);
    put_limit(&r.b, limit);
    return read_all(&r, read_version, sizeof **ret, (void **)ret, ret_len);
}

static int read_key(struct reader *r, void *to)
{
    *(int64_t *)to = sqlite3_column_int64(r->st, 0);
    return r->rc;
}

int sql_find_version(struct store *s, int64_t dag_key, const char *hash, int64_t *ret_version_key,
                     struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_FIND_VERSION, NULL, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    put_text(&r.b, hash);
    return read_one(&r, read_key, ret_version_key, "DAG %lld has no version %s", (long long)dag_key,
                    hash);
}

int sql_get_run(struct store *s, int64_t run_key, struct arena *a, struct run_row *ret,
                struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_RUN, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    return read_one(&r, sql_read_run, ret, "there is no run %lld", (long long)run_key);
}

int sql_find_run(struct store *s, int64_t dag_key, const char *run_id, struct arena *a,
                 struct run_row *ret, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_FIND_RUN, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    put_text(&r.b, run_id);
    return read_one(&r, sql_read_run, ret, "there is no run %s", run_id);
}

/* The states that are few have an index of their own. */
static enum sql_stmt_id runs_statement(int64_t dag_key, unsigned states)
{
    const unsigned live = 1u << RUN_QUEUED | 1u << RUN_RUNNING;

    if (states != 0 && (states & ~live) == 0) {
        return ST_RUNS_LIVE;
    }
    if (states == 1u << RUN_FAILED) {
        return dag_key != 0 ? ST_RUNS_FAILED_OF_DAG : ST_RUNS_FAILED;
    }
    return dag_key != 0 ? ST_RUNS_OF_DAG : ST_RUNS_ALL;
}

int sql_get_runs(struct store *s, int64_t dag_key, unsigned states, int64_t after_key, size_t limit,
                 struct arena *a, struct run_row **ret, size_t *ret_len, struct err *e)
{
    enum sql_stmt_id id = runs_statement(dag_key, states);
    struct run_row after = {.run_after_us = INT64_MAX, .run_key = INT64_MAX};
    struct reader r;
    int rc = after_key != 0 ? sql_get_run(s, after_key, a, &after, e) : 0;

    if (rc == 0) {
        rc = reader_init(&r, s, id, a, e);
    }
    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, after.run_after_us);
    put_int(&r.b, after.run_key);
    put_int(&r.b, states != 0 ? states : UINT32_MAX);
    put_limit(&r.b, limit);
    if (id == ST_RUNS_LIVE || dag_key != 0) {
        put_int(&r.b, dag_key);
    }
    return read_all(&r, sql_read_run, sizeof **ret, (void **)ret, ret_len);
}

static int read_run_time(struct reader *r, void *to)
{
    struct run_time *row = to;

    row->at_us = sqlite3_column_int64(r->st, 0);
    row->state = (uint8_t)sqlite3_column_int(r->st, 1);
    return r->rc;
}

int sql_get_run_times(struct store *s, int64_t dag_key, int64_t from_us, int64_t to_us, size_t limit,
                      struct arena *a, struct run_time **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_RUN_TIMES, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    put_int(&r.b, from_us);
    put_int(&r.b, to_us);
    put_limit(&r.b, limit);
    return read_all(&r, read_run_time, sizeof **ret, (void **)ret, ret_len);
}

int sql_previous_run(struct store *s, int64_t run_key, bool any_type, struct arena *a,
                     struct run_row *ret, struct err *e)
{
    struct run_row run;
    struct reader r;
    int rc = sql_get_run(s, run_key, a, &run, e);

    if (rc == 0 && run.logical_date_us == TIME_NONE) {
        rc = err_set(e, ERR_NOTFOUND, "run %lld has no logical date, so no previous run",
                     (long long)run_key);
    }
    if (rc == 0) {
        rc = reader_init(&r, s, ST_PREVIOUS_RUN, a, e);
    }
    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run.dag_key);
    put_int(&r.b, run.logical_date_us);
    put_int(&r.b, any_type);
    return read_one(&r, sql_read_run, ret, "run %lld has no previous run", (long long)run_key);
}

int sql_last_scheduled_run(struct store *s, int64_t dag_key, struct arena *a, struct run_row *ret,
                           struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_LAST_SCHEDULED, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    put_int(&r.b, RUN_TYPE_SCHEDULED);
    return read_one(&r, sql_read_run, ret, "DAG %lld has no scheduled run", (long long)dag_key);
}

int sql_get_pools(struct store *s, struct arena *a, struct pool_row **ret, size_t *ret_len,
                  struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_POOLS, a, e);

    return rc != 0 ? rc : read_all(&r, read_pool, sizeof **ret, (void **)ret, ret_len);
}

int sql_find_command(struct store *s, const char *key, struct arena *a, const char **ret_result,
                     struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_FIND_COMMAND, a, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, key);
    return read_one(&r, read_result, ret_result, "no command %s was applied", key);
}
