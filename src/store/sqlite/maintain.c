/*
 * Maintenance: integrity, backup, cleaning, and moving the write-ahead log into the file.
 *
 * Cleaning, so that readers never see half a run and a crash leaves nothing behind:
 *
 * | step  | transaction                                                        | function   |
 * |-------|--------------------------------------------------------------------|------------|
 * | move  | keys of old runs go into `garbage`, their rows leave `run`         | move_runs  |
 * | sweep | at most LIMIT_STORE_CLEAN_ROWS rows of garbage runs are deleted;   | sweep      |
 * |       | a run that has none left leaves `garbage`                          |            |
 *
 * A later call sweeps first what an earlier one left.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"

#define MOVE_MAX 500 /* runs moved in one transaction */

static int check_text(struct sql_store *s, const char *sql, const char *good, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    const char *text;

    if (rc != SQLITE_OK) {
        return sql_err(s->db, rc, e, "check");
    }
    rc = sqlite3_step(st);
    text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (rc == SQLITE_DONE && good == NULL) {
        rc = 0;
    } else if (text != NULL && good != NULL && strcmp(text, good) == 0) {
        rc = 0;
    } else if (rc == SQLITE_ROW) {
        rc = err_set(e, ERR_CORRUPT, "store: %s", text != NULL ? text : "damaged");
    } else {
        rc = sql_err(s->db, rc, e, "check");
    }
    (void)sqlite3_finalize(st);
    return rc;
}

#define ORPHANS(table)                                                                         \
    "SELECT 'rows of run ' || run_key || ' in " table " whose run is missing' FROM " table     \
    " WHERE run_key NOT IN (SELECT run_key FROM run) AND run_key NOT IN (SELECT run_key FROM " \
    "garbage) LIMIT 1"

int sql_check(struct store *store, struct err *e)
{
    static const char *const rules[] = {
        "SELECT 'a foreign key of ' || \"table\" || ' is broken' FROM pragma_foreign_key_check "
        "LIMIT 1",
        ORPHANS("ti"),
        ORPHANS("try"),
        ORPHANS("transition"),
        ORPHANS("xcom"),
        ORPHANS("rendered"),
        ORPHANS("attempt"),
        ORPHANS("note"),
        ORPHANS("gone"),
        "SELECT 'number ' || reason || ' has no reason' FROM (SELECT reason FROM ti UNION SELECT "
        "reason FROM try "
        "UNION SELECT reason FROM transition) WHERE typeof(reason) = 'integer' AND reason NOT IN "
        "(SELECT reason_id FROM reason) LIMIT 1",
    };
    struct sql_store *s = sql_store(store);
    int rc = check_text(s, "PRAGMA integrity_check(1)", "ok", e);

    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && rc == 0; i++) {
        rc = check_text(s, rules[i], NULL, e);
    }
    return rc;
}

int sql_backup(struct store *s, const char *path, struct err *e)
{
    return sql_copy(sql_store(s)->db, path, false, e);
}

int sql_schema_version(struct store *store, int *ret, int *ret_newest, struct err *e)
{
    int rc = sql_version(sql_store(store)->db, ret, e);

    if (rc == 0) {
        *ret_newest = sql_migrations_len;
    }
    return rc;
}

int sql_upkeep(struct store *store, bool *ret_more, struct err *e)
{
    struct sql_store *s = sql_store(store);
    int frames = 0, done = 0;
    int rc;

    *ret_more = false;
    if ((s->flags & STORE_READ_ONLY) != 0 ||
        s->wal_frames - s->wal_checkpointed < LIMIT_STORE_WAL_IDLE) {
        return 0;
    }
    /* Passive waits for nobody: what a reader still needs stays in the log until a later time.
     * Nobody else writes, so after a whole one the next commit begins the log anew. */
    rc = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &done);
    s->wal_checkpointed = s->wal_frames;
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? 0 : sql_err(s->db, rc, e, "checkpoint");
}

/* ---- cleaning ---- */

static int count_old(struct sql_store *s, int64_t before_us, int64_t *ret_runs, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_CLEAN_COUNT, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, before_us);
    rc = sqlite3_step(b.st);
    if (rc == SQLITE_ROW) {
        *ret_runs = sqlite3_column_int64(b.st, 0);
        rc = 0;
    } else {
        rc = sql_err(s->db, rc, e, "clean");
    }
    (void)sqlite3_reset(b.st);
    return rc;
}

static int move_rows(struct sql_store *s, int64_t before_us, int64_t max, int64_t *ret_moved,
                     struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_CLEAN_MOVE, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, before_us);
    put_int(&b, max);
    rc = sql_run(s, b.st, e);
    *ret_moved = rc == 0 ? sqlite3_changes64(s->db) : 0;
    return rc != 0 ? rc : sql_simple(s, ST_CLEAN_RUNS, e);
}

static int move_runs(struct sql_store *s, int64_t before_us, int64_t max, int64_t *ret_moved,
                     struct err *e)
{
    int rc = sql_begin(s, e);

    *ret_moved = 0;
    if (rc != 0) {
        return rc;
    }
    rc = move_rows(s, before_us, max < MOVE_MAX ? max : MOVE_MAX, ret_moved, e);
    rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
    if (rc != 0) {
        sql_rollback(s);
    }
    return rc;
}

/* Deletes up to *budget rows of a run and lowers it by as many. */
static int sweep_run(struct sql_store *s, int64_t run_key, int64_t *budget, struct err *e)
{
    static const enum sql_stmt_id tables[] = {ST_CLEAN_TI,   ST_CLEAN_TRY,      ST_CLEAN_TRANSITION,
                                              ST_CLEAN_XCOM, ST_CLEAN_RENDERED, ST_CLEAN_ATTEMPT,
                                              ST_CLEAN_NOTE, ST_CLEAN_GONE};
    int rc = 0;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && rc == 0 && *budget > 0; i++) {
        struct binder b = {0};

        rc = sql_stmt(s, tables[i], &b.st, e);
        if (rc == 0) {
            put_int(&b, run_key);
            put_int(&b, *budget);
            rc = sql_run(s, b.st, e);
        }
        if (rc == 0) {
            *budget -= sqlite3_changes64(s->db);
        }
    }
    return rc;
}

static int next_garbage(struct sql_store *s, int64_t *ret_run_key, struct err *e)
{
    sqlite3_stmt *st;
    int rc = sql_stmt(s, ST_GARBAGE, &st, e);

    if (rc != 0) {
        return rc;
    }
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *ret_run_key = sqlite3_column_int64(st, 0);
        rc = 0;
    } else {
        rc = rc == SQLITE_DONE ? -ERR_NOTFOUND : sql_err(s->db, rc, e, "clean");
    }
    (void)sqlite3_reset(st);
    return rc;
}

static int sweep_rows(struct sql_store *s, bool *ret_more, struct err *e)
{
    int64_t budget = LIMIT_STORE_CLEAN_ROWS;
    int64_t run_key = 0;
    int rc = 0;

    while (rc == 0 && budget > 0) {
        rc = next_garbage(s, &run_key, e);
        if (rc == -ERR_NOTFOUND) {
            *ret_more = false;
            return 0;
        }
        rc = rc != 0 ? rc : sweep_run(s, run_key, &budget, e);
        if (rc == 0 && budget > 0) {
            struct binder b = {0};

            rc = sql_stmt(s, ST_DROP_GARBAGE, &b.st, e);
            if (rc == 0) {
                put_int(&b, run_key);
                rc = sql_run(s, b.st, e);
            }
            budget--;
        }
    }
    return rc;
}

static int sweep(struct sql_store *s, struct err *e)
{
    bool more = true;
    int rc = 0;

    while (more && rc == 0) {
        rc = sql_begin(s, e);
        if (rc != 0) {
            return rc;
        }
        rc = sweep_rows(s, &more, e);
        rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
        if (rc != 0) {
            sql_rollback(s);
        }
    }
    return rc;
}

int sql_clean(struct store *store, int64_t before_us, size_t limit, bool dry, int64_t *ret_runs,
              struct err *e)
{
    struct sql_store *s = sql_store(store);
    int64_t left = limit == 0 || limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
    int64_t moved, total = 0;
    int rc;

    if (dry) {
        return count_old(s, before_us, ret_runs, e);
    }
    if ((s->flags & STORE_READ_ONLY) != 0) {
        return err_set(e, ERR_PERM, "store: this handle is read-only");
    }
    rc = sweep(s, e);
    do {
        moved = 0;
        if (rc == 0) {
            rc = move_runs(s, before_us, left, &moved, e);
        }
        if (rc == 0 && moved > 0) {
            rc = sweep(s, e);
        }
        total += moved;
        left -= moved;
    } while (rc == 0 && moved > 0 && left > 0);
    if (rc == 0) {
        *ret_runs = total;
    }
    return rc;
}

/* ---- deleting a DAG ---- */

static int check_finished(struct sql_store *s, int64_t dag_key, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_DELETE_LIVE, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, dag_key);
    rc = sqlite3_step(b.st);
    if (rc == SQLITE_ROW) {
        rc = sqlite3_column_int64(b.st, 0) != 0
                 ? err_set(e, ERR_CONFLICT, "a run of the DAG is not finished")
                 : 0;
    } else {
        rc = sql_err(s->db, rc, e, "delete");
    }
    (void)sqlite3_reset(b.st);
    return rc;
}

static int run_of_dag(struct sql_store *s, enum sql_stmt_id id, int64_t dag_key, int64_t limit,
                      int64_t *ret_changed, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, id, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, dag_key);
    if (limit > 0) {
        put_int(&b, limit);
    }
    rc = sql_run(s, b.st, e);
    *ret_changed = rc == 0 ? sqlite3_changes64(s->db) : 0;
    return rc;
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
    rc = check_finished(s, dag_key, e);
    rc = rc == 0 ? run_of_dag(s, ST_DELETE_MOVE, dag_key, MOVE_MAX, ret_moved, e) : rc;
    rc = rc == 0 ? sql_simple(s, ST_CLEAN_RUNS, e) : rc;
    if (rc == 0 && *ret_moved == 0) {
        rc = run_of_dag(s, ST_DELETE_VERSIONS, dag_key, 0, &gone, e);
        rc = rc == 0 ? run_of_dag(s, ST_DELETE_DAG, dag_key, 0, &gone, e) : rc;
        if (rc == 0 && gone == 0) {
            rc = err_set(e, ERR_NOTFOUND, "store: there is no such DAG");
        }
    }
    rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
    if (rc != 0) {
        sql_rollback(s);
    }
    return rc;
}

int sq_delete_dag(struct store *store, int64_t dag_key, int64_t *ret_runs, struct err *e)
{
    struct sql_store *s = sql_store(store);
    int64_t moved = 1, total = 0;
    int rc;

    if ((s->flags & STORE_READ_ONLY) != 0) {
        return err_set(e, ERR_PERM, "store: this handle is read-only");
    }
    rc = sweep(s, e);
    while (rc == 0 && moved > 0) {
        rc = delete_slice(s, dag_key, &moved, e);
        rc = rc == 0 && moved > 0 ? sweep(s, e) : rc;
        total += moved;
    }
    if (rc == 0) {
        *ret_runs = total;
    }
    return rc;
}
