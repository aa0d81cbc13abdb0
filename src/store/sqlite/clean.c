/*
 * Cleaning: old runs go, in pieces of one transaction each, so that readers never see half a run and a crash leaves nothing behind.
 *
 * | step  | what                                                                                      | function   |
 * |-------|-------------------------------------------------------------------------------------------|------------|
 * | take  | keys and names of runs go into `garbage`, their rows leave `run`                          | take_runs  |
 * | sweep | at most LIMIT_STORE_CLEAN_ROWS rows of garbage runs are deleted; a run that has none left | sweep_rows |
 * |       | is swept                                                                                  |            |
 * | drop  | swept runs whose files are gone leave `garbage`                                           | sql_drop_garbage |
 *
 * A piece sweeps; only when nothing is left to sweep it takes.
 */
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"
#include "store/sqlite/read.h"

#define TAKE_MAX 500 /* runs taken in one transaction */

static int check_writable(const struct sql_store *s, struct err *e)
{
    return (s->flags & STORE_READ_ONLY) == 0
               ? 0
               : err_set(e, ERR_PERM, "store: this handle is read-only");
}

/* Ends the transaction: commits when rc is 0. */
static int finish(struct sql_store *s, int rc, struct err *e)
{
    rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
    if (rc != 0) {
        sql_rollback(s);
    }
    return rc;
}

/* A statement that changes rows, with one or two numbers. */
static int change(struct sql_store *s, enum sql_stmt_id id, int64_t first, int64_t second,
                  int64_t *ret_changed, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, id, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, first);
    if (sqlite3_bind_parameter_count(b.st) > 1) {
        put_int(&b, second);
    }
    rc = sql_run(s, b.st, e);
    *ret_changed = rc == 0 ? sqlite3_changes64(s->db) : 0;
    return rc;
}

/* The first number of the first row; -ERR_NOTFOUND: there is none. */
static int ask(struct sql_store *s, enum sql_stmt_id id, const int64_t *key, int64_t *ret,
               struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, id, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    if (key != NULL) {
        put_int(&b, *key);
    }
    rc = sqlite3_step(b.st);
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(b.st, 0);
        rc = 0;
    } else {
        rc = rc == SQLITE_DONE ? -ERR_NOTFOUND : sql_err(s->db, rc, e, "clean");
    }
    (void)sqlite3_reset(b.st);
    return rc;
}

int sql_count_old_runs(struct store *store, int64_t before_us, int64_t *ret, struct err *e)
{
    return ask(sql_store(store), ST_CLEAN_COUNT, &before_us, ret, e);
}

/* Deletes up to *budget rows of a run and lowers it by as many. */
static int sweep_run(struct sql_store *s, int64_t run_key, int64_t *budget, struct err *e)
{
    static const enum sql_stmt_id tables[] = {
        ST_CLEAN_TI,      ST_CLEAN_TRY,      ST_CLEAN_TRANSITION, ST_CLEAN_XCOM, ST_CLEAN_RENDERED,
        ST_CLEAN_ATTEMPT, ST_CLEAN_DEADLINE, ST_CLEAN_RUN_EVENT,  ST_CLEAN_NOTE, ST_CLEAN_GONE};
    int64_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && rc == 0 && *budget > 0; i++) {
        rc = change(s, tables[i], run_key, *budget, &n, e);
        *budget -= n;
    }
    return rc;
}

/* Within a transaction. *ret_more: rows are left. */
static int sweep_rows(struct sql_store *s, bool *ret_more, struct err *e)
{
    int64_t budget = LIMIT_STORE_CLEAN_ROWS, run_key = 0, n;
    int rc = 0;

    *ret_more = true;
    while (rc == 0 && budget > 0) {
        rc = ask(s, ST_GARBAGE, NULL, &run_key, e);
        if (rc == -ERR_NOTFOUND) {
            *ret_more = false;
            return 0;
        }
        rc = rc != 0 ? rc : sweep_run(s, run_key, &budget, e);
        if (rc == 0 && budget > 0) {
            rc = change(s, ST_SWEPT, run_key, 0, &n, e);
            budget--;
        }
    }
    return rc;
}

static int take_runs(struct sql_store *s, int64_t before_us, size_t limit, int64_t *ret_runs,
                     struct err *e)
{
    int64_t max = limit == 0 || limit > TAKE_MAX ? TAKE_MAX : (int64_t)limit;
    int rc = change(s, ST_CLEAN_MOVE, before_us, max, ret_runs, e);

    return rc != 0 ? rc : sql_simple(s, ST_CLEAN_RUNS, e);
}

int sql_clean(struct store *store, int64_t before_us, size_t limit, int64_t *ret_runs,
              bool *ret_more, struct err *e)
{
    struct sql_store *s = sql_store(store);
    int64_t taken = 0;
    bool more = true;
    int rc = check_writable(s, e);

    rc = rc == 0 ? sql_begin(s, e) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = sweep_rows(s, &more, e);
    if (rc == 0 && !more) {
        rc = take_runs(s, before_us, limit, &taken, e);
        more = taken > 0;
    }
    rc = finish(s, rc, e);
    if (rc == 0) {
        *ret_runs = taken;
        *ret_more = more;
    }
    return rc;
}

/* ---- garbage ---- */

static int read_name(struct reader *r, void *to)
{
    struct run_name *row = to;

    row->run_key = sqlite3_column_int64(r->st, 0);
    row->dag_id = read_text(r, 1);
    row->run_id = read_text(r, 2);
    row->end_us = col_time(r->st, 3);
    return r->rc;
}

int sql_get_ended_runs(struct store *s, int64_t after_us, int64_t after_key, int64_t before_us,
                       size_t limit, struct arena *a, struct run_name **ret, size_t *ret_len,
                       struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_ENDED_RUNS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, after_us);
    put_int(&r.b, after_key);
    put_int(&r.b, before_us);
    put_limit(&r.b, limit);
    return read_all(&r, read_name, sizeof **ret, (void **)ret, ret_len);
}

int sql_get_garbage(struct store *s, size_t limit, struct arena *a, struct run_name **ret,
                    size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_GARBAGE, a, e);

    if (rc != 0) {
        return rc;
    }
    put_limit(&r.b, limit);
    return read_all(&r, read_name, sizeof **ret, (void **)ret, ret_len);
}

int sql_drop_garbage(struct store *store, const int64_t *run_keys, size_t n, struct err *e)
{
    struct sql_store *s = sql_store(store);
    int64_t gone;
    int rc = check_writable(s, e);

    rc = rc == 0 ? sql_begin(s, e) : rc;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = change(s, ST_DROP_GARBAGE, run_keys[i], 0, &gone, e);
    }
    return finish(s, rc, e);
}

/* ---- rows that nothing hangs on ---- */

static int drop_events(struct sql_store *s, int64_t before_us, int64_t limit, int64_t *ret_rows,
                       struct err *e)
{
    int64_t keys[256], n = 0, gone;
    struct binder b = {0};
    int rc = sql_stmt(s, ST_OLD_EVENTS, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, before_us);
    put_int(&b, limit < 256 ? limit : 256);
    while ((rc = sqlite3_step(b.st)) == SQLITE_ROW) {
        keys[n++] = sqlite3_column_int64(b.st, 0);
    }
    rc = rc == SQLITE_DONE ? 0 : sql_err(s->db, rc, e, "prune");
    (void)sqlite3_reset(b.st);
    for (int64_t i = 0; i < n && rc == 0; i++) {
        rc = change(s, ST_DROP_EVENT_ALIASES, keys[i], 0, &gone, e);
        rc = rc == 0 ? change(s, ST_DROP_EVENT, keys[i], 0, &gone, e) : rc;
    }
    *ret_rows = n;
    return rc;
}

static int drop_backfill(struct sql_store *s, int64_t before_us, int64_t limit, int64_t *ret_rows,
                         struct err *e)
{
    int64_t key = 0, n = 0, gone = 0;
    int rc = ask(s, ST_OLD_BACKFILL, &before_us, &key, e);

    *ret_rows = 0;
    if (rc != 0) {
        return rc == -ERR_NOTFOUND ? 0 : rc;
    }
    rc = change(s, ST_DROP_BACKFILL_RUNS, key, limit, &n, e);
    if (rc == 0 && n < limit) {
        rc = change(s, ST_DROP_BACKFILL, key, 0, &gone, e);
    }
    *ret_rows = n + gone;
    return rc;
}

int sql_prune(struct store *store, enum prune_kind kind, int64_t before_us, size_t limit,
              int64_t *ret_rows, struct err *e)
{
    static const enum sql_stmt_id of_kind[PRUNE_MAX_] = {[PRUNE_AUDITS] = ST_PRUNE_AUDITS,
                                                         [PRUNE_COMMANDS] = ST_PRUNE_COMMANDS,
                                                         [PRUNE_VERSIONS] = ST_PRUNE_VERSIONS};
    struct sql_store *s = sql_store(store);
    int64_t n = 0, max = limit > INT32_MAX ? INT32_MAX : (int64_t)limit;
    int rc = check_writable(s, e);

    rc = rc == 0 ? sql_begin(s, e) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = kind == PRUNE_ASSET_EVENTS ? drop_events(s, before_us, max, &n, e)
         : kind == PRUNE_BACKFILLS  ? drop_backfill(s, before_us, max, &n, e)
                                    : change(s, of_kind[kind], before_us, max, &n, e);
    rc = finish(s, rc, e);
    *ret_rows = rc == 0 ? n : 0;
    return rc;
}

/* ---- deleting a DAG ---- */

static int check_none(struct sql_store *s, enum sql_stmt_id id, int64_t dag_key, const char *what,
                      struct err *e)
{
    int64_t live = 0;
    int rc = ask(s, id, &dag_key, &live, e);

    return rc == 0 && live != 0 ? err_set(e, ERR_CONFLICT, "a %s of the DAG is not finished", what)
                                : rc;
}

/* A slice of its runs; when none is left, itself. */
static int delete_slice(struct sql_store *s, int64_t dag_key, int64_t *ret_moved, struct err *e)
{
    int64_t gone = 0;
    int rc = sql_begin(s, e);

    *ret_moved = 0;
    if (rc != 0) {
        return rc;
    }
    rc = check_none(s, ST_DELETE_LIVE, dag_key, "run", e);
    rc = rc == 0 ? check_none(s, ST_DELETE_ACTIVE, dag_key, "backfill", e) : rc;
    rc = rc == 0 ? change(s, ST_DELETE_MOVE, dag_key, TAKE_MAX, ret_moved, e) : rc;
    rc = rc == 0 ? sql_simple(s, ST_CLEAN_RUNS, e) : rc;
    if (rc == 0 && *ret_moved == 0) {
        rc = change(s, ST_DROP_PARSED_DAG, dag_key, 0, &gone, e);
        rc = rc == 0 ? change(s, ST_DELETE_BACKFILL_RUNS, dag_key, 0, &gone, e) : rc;
        rc = rc == 0 ? change(s, ST_DELETE_BACKFILLS, dag_key, 0, &gone, e) : rc;
        rc = rc == 0 ? change(s, ST_DROP_CONSUMER, dag_key, 0, &gone, e) : rc;
        rc = rc == 0 ? change(s, ST_DROP_QUEUES, dag_key, 0, &gone, e) : rc;
        rc = rc == 0 ? change(s, ST_DELETE_VERSIONS, dag_key, 0, &gone, e) : rc;
        rc = rc == 0 ? change(s, ST_DELETE_DAG, dag_key, 0, &gone, e) : rc;
        if (rc == 0 && gone == 0) {
            rc = err_set(e, ERR_NOTFOUND, "store: there is no such DAG");
        }
    }
    return finish(s, rc, e);
}

static int sweep_all(struct sql_store *s, struct err *e)
{
    bool more = true;
    int rc = 0;

    while (more && rc == 0) {
        rc = sql_begin(s, e);
        if (rc != 0) {
            return rc;
        }
        rc = finish(s, sweep_rows(s, &more, e), e);
    }
    return rc;
}

int sq_delete_dag(struct store *store, int64_t dag_key, int64_t *ret_runs, struct err *e)
{
    struct sql_store *s = sql_store(store);
    int64_t moved = 1, total = 0;
    int rc = check_writable(s, e);

    rc = rc == 0 ? sweep_all(s, e) : rc;
    while (rc == 0 && moved > 0) {
        rc = delete_slice(s, dag_key, &moved, e);
        rc = rc == 0 && moved > 0 ? sweep_all(s, e) : rc;
        total += moved;
    }
    if (rc == 0) {
        *ret_runs = total;
    }
    return rc;
}
