/*
 * The SQLite driver: opening, connection settings, statements, errors.
 *
 * One process has the writing handle (store/lock.h sees to it), any number have read-only ones. WAL
 * with synchronous=FULL: a commit is one sync of the log. Checkpoints are ours (upkeep), not
 * SQLite's, so that no commit pays for one unasked.
 *
 * Invariants:
 * 1. Between two calls no statement is active and no transaction is open on the handle: readers
 * never hold the log back.
 * 2. A write transaction begins with BEGIN IMMEDIATE: it waits for the lock (bounded by
 * LIMIT_STORE_BUSY_MS) before it reads.
 * 3. Every path out of a write transaction is COMMIT or sql_rollback.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/sqlite/priv.h"

static const char *const stmt_sql[ST_MAX_] = {
#define X(name, sql) [ST_##name] = sql,
#include "store/sqlite/stmt.def"
#undef X
};

static enum err_code code_of(sqlite3 *db, int rc)
{
    int sys = db != NULL ? sqlite3_system_errno(db) : 0;

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERR_PERM;
    case SQLITE_TOOBIG:
        return ERR_LIMIT;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ? ERR_EXISTS
                                                                                    : ERR_INVALID;
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM) {
            return ERR_NOMEM;
        }
        return sys == ENOSPC || sys == EDQUOT ? ERR_FULL : ERR_IO;
    case SQLITE_CANTOPEN:
        return sys == EACCES || sys == EPERM    ? ERR_PERM
               : sys == ENOSPC || sys == EDQUOT ? ERR_FULL
                                                : ERR_IO;
    default:
        return ERR_IO;
    }
}

int sql_err(sqlite3 *db, int rc, struct err *e, const char *what)
{
    enum err_code code = code_of(db, rc);

    if (code == ERR_NOMEM) {
        return err_set(e, code, "%s: out of memory", what);
    }
    return err_set(e, code, "%s: %s (SQLite %d)", what,
                   db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc), rc);
}

int sql_exec(sqlite3 *db, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : sql_err(db, rc, e, "store");
}

int sql_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(st);
    }
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(st, 0);
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_INTERNAL;
    }
    if (rc != SQLITE_OK) {
        rc = sql_err(db, rc, e, "store");
    }
    (void)sqlite3_finalize(st);
    return rc;
}

int sql_stmt(struct sql_store *s, enum sql_stmt_id id, sqlite3_stmt **ret, struct err *e)
{
    if (s->stmts[id] == NULL) {
        int rc = sqlite3_prepare_v3(s->db, stmt_sql[id], -1, SQLITE_PREPARE_PERSISTENT,
                                    &s->stmts[id], NULL);

        if (rc != SQLITE_OK) {
            return sql_err(s->db, rc, e, "store");
        }
    }
    *ret = s->stmts[id];
    return 0;
}

int sql_run(struct sql_store *s, sqlite3_stmt *st, struct err *e)
{
    int rc = sqlite3_step(st);

    if (rc != SQLITE_DONE) {
        rc = sql_err(s->db, rc == SQLITE_ROW ? SQLITE_INTERNAL : rc, e, "store");
        (void)sqlite3_reset(st);
        return rc;
    }
    (void)sqlite3_reset(st);
    return 0;
}

int sql_simple(struct sql_store *s, enum sql_stmt_id id, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_stmt(s, id, &st, e);

    return rc != 0 ? rc : sql_run(s, st, e);
}

int sql_begin(struct sql_store *s, struct err *e)
{
    int rc;

    if (!sqlite3_get_autocommit(s->db)) {
        sql_rollback(s); /* an earlier one could not be ended for lack of memory */
    }
    rc = sql_simple(s, ST_BEGIN_WRITE, e);
    if (rc != 0) {
        sql_rollback(s); /* it may have begun and then failed: memory can run out between */
    }
    return rc;
}

void sql_rollback(struct sql_store *s)
{
    for (int i = 0; i < ST_MAX_; i++) {
        if (s->stmts[i] != NULL) {
            (void)sqlite3_reset(s->stmts[i]);
        }
    }
    /* SQLite itself rolls back after some errors (full, I/O, memory). Prepared at open, so that it
     * needs no memory now; if it fails all the same, the transaction does no harm until sql_begin
     * tries again. */
    if (!sqlite3_get_autocommit(s->db)) {
        (void)sql_simple(s, ST_ROLLBACK, NULL);
    }
    reasons_forget(s);
}

int sql_connect(const char *path, const char *vfs, int open_flags, sqlite3 **ret, struct err *e)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, open_flags | SQLITE_OPEN_NOMUTEX, vfs);

    if (rc == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(db, 1);
        rc = sqlite3_busy_timeout(db, LIMIT_STORE_BUSY_MS);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    }
    if (rc != SQLITE_OK) {
        (void)sql_err(db, rc, e, path);
        (void)sqlite3_close(db);
        return e != NULL ? e->code : -(int)ERR_IO;
    }
    *ret = db;
    return 0;
}

static void store_fini(struct sql_store *s)
{
    for (int i = 0; i < ST_MAX_; i++) {
        (void)sqlite3_finalize(s->stmts[i]);
    }
    reasons_free(s->reasons);
    sql_counts_free(s->counts);
    /* No statement is left: this cannot be refused. The last writer out moves the log into the
     * file. */
    (void)sqlite3_close(s->db);
    mem_free(s);
}

static void op_close(struct store *s)
{
    store_fini(sql_store(s));
}

static const struct store_ops ops = {
    .close = op_close,
    .commit = sql_commit,
    .acquire = sql_acquire,
    .reserve_keys = sql_reserve_keys,
    .get_dags = sql_get_dags,
    .find_dag = sql_find_dag,
    .get_version = sql_get_version,
    .get_versions = sql_get_versions,
    .find_version = sql_find_version,
    .get_runs = sql_get_runs,
    .query_runs = sql_query_runs,
    .count_runs = sql_count_runs,
    .get_dag_versions = sql_get_dag_versions,
    .get_audits = sql_get_audits,
    .get_run = sql_get_run,
    .get_ended_runs = sql_get_ended_runs,
    .find_run = sql_find_run,
    .previous_run = sql_previous_run,
    .last_scheduled_run = sql_last_scheduled_run,
    .get_tis = sql_get_tis,
    .get_ti_states = sql_get_ti_states,
    .get_run_times = sql_get_run_times,
    .get_change = sql_get_change,
    .get_tries = sql_get_tries,
    .get_attempts = sql_get_attempts,
    .get_transitions = sql_get_transitions,
    .get_xcom = sql_get_xcom,
    .get_map_xcoms = sql_get_map_xcoms,
    .get_rendered = sql_get_rendered,
    .get_gone = sqlite_get_gone,
    .get_notes = sqlite_get_notes,
    .get_run_notes = sqlite_get_run_notes,
    .get_arrivals = sqlite_get_arrivals,
    .find_command = sql_find_command,
    .get_pools = sql_get_pools,
    .get_xcoms = sql_get_xcoms,
    .get_settings = sql_get_settings,
    .put_settings = sql_put_settings,
    .put_pool = sql_put_pool,
    .change_settings = sql_change_settings,
    .put_parsed = sql_put_parsed,
    .get_parsed_dags = sql_get_parsed_dags,
    .get_import_errors = sql_get_import_errors,
    .get_bundle_versions = sql_get_bundle_versions,
    .get_durations = sql_get_durations,
    .get_assets = sqlite_get_assets,
    .find_asset = sqlite_find_asset,
    .get_asset_events = sqlite_get_asset_events,
    .get_backfills = sqlite_get_backfills,
    .get_backfill = sqlite_get_backfill,
    .get_backfill_runs = sqlite_get_backfill_runs,
    .count_backfill = sqlite_count_backfill,
    .find_run_by_date = sqlite_find_run_by_date,
    .count_asset_events = sqlite_count_asset_events,
    .get_alerts = sqlite_get_alerts,
    .get_deadlines = sqlite_get_deadlines,
    .get_runtimes = sqlite_get_runtimes,
    .prune_alerts = sqlite_prune_alerts,
    .get_asset_consumers = sqlite_get_asset_consumers,
    .get_asset_queue = sqlite_get_asset_queue,
    .get_run_events = sqlite_get_run_events,
    .check = sql_check,
    .backup = sql_backup,
    .clean = sql_clean,
    .count_old_runs = sql_count_old_runs,
    .get_garbage = sql_get_garbage,
    .drop_garbage = sql_drop_garbage,
    .prune = sql_prune,
    .delete_dag = sq_delete_dag,
    .schema_version = sql_schema_version,
    .upkeep = sql_upkeep,
};

#define BEGIN_LOG_MS 20

/* SQLite says after each commit how many pages its log holds; upkeep's limits count from there. */
static int note_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
    struct sql_store *s = arg;

    s->wal_frames = frames;
    if (frames < s->wal_checkpointed) {
        s->wal_checkpointed = 0; /* the log began anew */
    }
    return SQLITE_OK;
}

/* The store holds what tasks print into XComs: nobody else's business. SQLite gives the log and its
 * index the file's mode. */
static int make_private(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return err_errno(e, errno, "store %s", path);
    }
    (void)close(fd);
    return 0;
}

static int is_wal(sqlite3 *db, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
    const char *mode;

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(st);
    }
    if (rc != SQLITE_ROW) {
        rc = sql_err(db, rc, e, "store");
    } else {
        mode = (const char *)sqlite3_column_text(st, 0);
        rc = mode != NULL && strcmp(mode, "wal") == 0
                 ? 0
                 : err_set(e, ERR_UNSUPPORTED,
                           "store: this file system cannot hold a write-ahead log");
    }
    (void)sqlite3_finalize(st);
    return rc;
}

/* Writes the log's own bytes into it again, and syncs them. */
static int rewrite_log(sqlite3 *db)
{
    static const int piece = 65536;
    sqlite3_file *f = NULL;
    sqlite3_int64 size = 0;
    char *bytes;
    int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&f);

    if (rc != SQLITE_OK || f == NULL || f->pMethods == NULL) {
        return rc;
    }
    bytes = mem_alloc((size_t)piece);
    if (bytes == NULL) {
        return SQLITE_NOMEM;
    }
    rc = f->pMethods->xFileSize(f, &size);
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += piece) {
        int n = size - at < piece ? (int)(size - at) : piece;

        rc = f->pMethods->xRead(f, bytes, n, at);
        rc = rc == SQLITE_OK ? f->pMethods->xWrite(f, bytes, n, at) : rc;
    }
    mem_free(bytes);
    return rc == SQLITE_OK && size > 0 ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : rc;
}

/*
 * What another process left in the log is moved into the file, so that the log begins anew. A kernel that once failed to write a page of it
 * shows that page to us all the same, and takes it for written: first all of it is written again. Otherwise the file, or later commits, would
 * stand on what the disk does not have. Where a reader is in the way, the log stays.
 */
static int begin_log(sqlite3 *db, struct err *e)
{
    int frames = -1, rc;
    sqlite3_vfs *vfs = NULL; /* with its clock: in a simulation nobody sleeps */

    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, (void *)&vfs);
    rc = rewrite_log(db);
    if (rc != SQLITE_OK) {
        return sql_err(db, rc, e, "store");
    }
    rc = SQLITE_BUSY;
    /* Busy before a frame was looked at: a reader rebuilds the log's index, which does not last. */
    for (int ms = 0; rc == SQLITE_BUSY && frames < 0 && ms < LIMIT_STORE_BUSY_MS;
         ms += BEGIN_LOG_MS) {
        if (ms > 0 && vfs != NULL) {
            (void)vfs->xSleep(vfs, BEGIN_LOG_MS * 1000);
        }
        rc =
            sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, &frames, (int *)NULL);
    }
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? 0 : sql_err(db, rc, e, "store");
}

/* In one of the simulator's canaries (sim/meson.build), which it must find, commits are not synced. */
#if defined(STORE_CANARY) && STORE_CANARY == 1
#define SYNCHRONOUS "OFF"
#else
#define SYNCHRONOUS "FULL"
#endif

static int set_up_writer(struct sql_store *s, const char *path, struct err *e)
{
    int version;
    int rc = sql_version(s->db, &version,
                         e); /* before anything is changed: is it a store, and not a newer one? */

    if (rc == 0 && version != 0 && version < sql_migrations_len &&
        (s->flags & STORE_NO_MIGRATE) != 0) {
        return err_set(e, ERR_VERSION,
                       "store %s has schema %d, this program needs %d: migrate it first", path,
                       version, sql_migrations_len);
    }
    if (rc == 0) {
        rc = is_wal(s->db, e);
    }
    if (rc == 0) {
        rc = sql_exec(
            s->db,
            "PRAGMA synchronous = " SYNCHRONOUS
            "; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0;"
            "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
            "PRAGMA journal_size_limit = 33554432",
            e);
    }
    if (rc == 0) {
        sqlite3_stmt *st;

        (void)sqlite3_wal_hook(s->db, note_wal, s);
        rc = begin_log(s->db, e);
        rc = rc == 0 ? sql_stmt(s, ST_ROLLBACK, &st, e) : rc;
    }
    return rc != 0
               ? rc
               : sql_migrate(s->db, path, sql_migrations, sql_migrations_len, NULL, NULL, NULL, e);
}

static int set_up_reader(struct sql_store *s, const char *path, struct err *e)
{
    int version;
    int rc = sql_exec(s->db, "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY", e);

    /* The last one out must not checkpoint: that is the writer's. */
    if (rc == 0 &&
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL) != SQLITE_OK) {
        rc = err_set(e, ERR_IO, "store %s: cannot be configured", path);
    }
    if (rc == 0) {
        rc = sql_version(s->db, &version, e);
    }
    if (rc == 0 && version < sql_migrations_len) {
        rc = err_set(e, ERR_VERSION,
                     "store %s has schema %d, this program needs %d: migrate it first", path,
                     version, sql_migrations_len);
    }
    return rc;
}

int store_sqlite_open_vfs(const char *path, const char *vfs, unsigned flags, struct store **ret,
                          struct err *e)
{
    bool read_only = (flags & STORE_READ_ONLY) != 0;
    struct sql_store *s = NULL;
    struct err own = {0};
    int rc = 0;

    e = e != NULL ? e : &own;
    if (vfs == NULL && !read_only) {
        rc = make_private(path, e);
    } else if (vfs == NULL && access(path, F_OK) != 0) {
        rc = err_errno(e, errno, "store %s", path);
    }
    if (rc != 0) {
        return rc;
    }
    s = mem_zalloc(sizeof *s);
    if (s == NULL) {
        return err_set(e, ERR_NOMEM, "store %s: out of memory", path);
    }
    s->head = (struct store){.ops = &ops, .driver = "sqlite"};
    s->flags = flags;
    rc = sql_connect(path, vfs, SQLITE_OPEN_READWRITE | (read_only ? 0 : SQLITE_OPEN_CREATE),
                     &s->db, e);
    if (rc == 0) {
        rc = read_only ? set_up_reader(s, path, e) : set_up_writer(s, path, e);
    }
    if (rc != 0) {
        store_fini(s);
        return rc;
    }
    *ret = &s->head;
    return 0;
}

int store_sqlite_open(const char *path, unsigned flags, struct store **ret, struct err *e)
{
    return store_sqlite_open_vfs(path, NULL, flags, ret, e);
}

int store_sqlite_migrate(const char *path, struct arena *a, const char **ret_copy, int *ret_from,
                         int *ret_to, struct err *e)
{
    struct err own = {0};
    sqlite3 *db = NULL;
    int rc;

    e = e != NULL ? e : &own;
    if (access(path, F_OK) != 0) {
        return err_errno(e, errno, "store %s", path);
    }
    rc = sql_connect(path, NULL, SQLITE_OPEN_READWRITE, &db, e);
    if (rc == 0) {
        rc = sql_exec(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", e);
    }
    if (rc == 0) {
        rc = sql_migrate(db, path, sql_migrations, sql_migrations_len, a, ret_copy, ret_from, e);
    }
    if (rc == 0 && ret_to != NULL) {
        *ret_to = sql_migrations_len;
    }
    (void)sqlite3_close(db);
    return rc;
}
