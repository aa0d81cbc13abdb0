/* Private to the SQLite driver (and its tests): the handle, its statements, migrations. */
#ifndef TW_STORE_SQLITE_PRIV_H
#define TW_STORE_SQLITE_PRIV_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct arena;

enum sql_stmt_id {
#define X(name, sql) ST_##name,
#include "store/sqlite/stmt.def"
#undef X
    ST_MAX_
};

struct counts;  /* counts.c */
struct reasons; /* reason.c */

struct sql_store {
    struct store head;
    sqlite3 *db;
    unsigned flags; /* enum store_flags */
    sqlite3_stmt *stmts[ST_MAX_];
    struct reasons *reasons; /* writer only; made by the first commit */
    struct counts *counts;   /* read-only connections; made by the first count */
    int wal_frames;          /* in the WAL after the last commit */
    int wal_checkpointed;    /* wal_frames when the last checkpoint was tried */
};

static inline struct sql_store *sql_store(struct store *s)
{
    return (struct sql_store *)s;
}

/* ---- sqlite.c ---- */

/* Sets *e from the handle's last error and returns the code of err.def that rc stands for. */
int sql_err(sqlite3 *db, int rc, struct err *e, const char *what);
/* One or several statements without results. */
int sql_exec(sqlite3 *db, const char *sql, struct err *e);
/* A PRAGMA or query that gives one integer. */
int sql_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *e);
/* The statement, reset and ready to bind; NULL with *e set (the code is e's, or -ERR_NOMEM). */
int sql_stmt(struct sql_store *s, enum sql_stmt_id id, sqlite3_stmt **ret, struct err *e);
/* Steps a statement that gives no rows, and resets it. */
int sql_run(struct sql_store *s, sqlite3_stmt *st, struct err *e);
/* The same for a statement without parameters. */
int sql_simple(struct sql_store *s, enum sql_stmt_id id, struct err *e);
/* Begins a write transaction; after a failure none is open. */
int sql_begin(struct sql_store *s, struct err *e);
/* Ends a failed write transaction; the handle is usable afterwards. Keeps *e. */
void sql_rollback(struct sql_store *s);
/* Opens and configures a connection: SQLITE_OPEN_x flags. */
int sql_connect(const char *path, const char *vfs, int open_flags, sqlite3 **ret, struct err *e);

/* ---- schema.c ---- */

struct sql_migration {
    const char *what;
    const char *sql;
};
extern const struct sql_migration sql_migrations[];
extern const int sql_migrations_len;

/* ---- migrate.c ---- */

#define SQL_APPLICATION_ID 0x54576e64 /* "TWnd" */

/*
 * Brings a database to migration `newest` (0 < newest <= the table's length): each migration in one
 * transaction; before the first one a copy of an existing store, named <path>.before-v<newest>, is
 * made and its name put in *ret_copy (arena; NULL without an arena or when no copy was made).
 * -ERR_VERSION when the store is newer.
 */
int sql_migrate(sqlite3 *db, const char *path, const struct sql_migration *table, int newest,
                struct arena *a, const char **ret_copy, int *ret_from, struct err *e);
/* Is it ours, and of which version (0 = empty)? */
int sql_version(sqlite3 *db, int *ret, struct err *e);
/* Copies the whole database to a new file, durably; -ERR_EXISTS when there is one unless replace.
 */
int sql_copy(sqlite3 *db, const char *path, bool replace, struct err *e);

/* ---- reason.c ---- */

void reasons_free(struct reasons *r);
/* Binds a reason to a statement: NULL, its text, or its number. Within a write transaction. */
int reasons_bind(struct sql_store *s, sqlite3_stmt *st, int index, const char *text, struct err *e);
/* After a rollback: numbers given in it are void. */
void reasons_forget(struct sql_store *s);

/* ---- counts.c ---- */

struct counts_key {
    char *sql; /* SQLite's; NULL: nothing is remembered */
    int64_t version;
};
/* The count that this statement, with its values bound, gave when nothing has been committed since. The key is for sql_counts_put, and the
 * caller's to sql_counts_key_fini, whatever is returned. */
bool sql_counts_get(struct sql_store *s, sqlite3_stmt *st, struct counts_key *ret_key,
                    int64_t *ret);
void sql_counts_put(struct sql_store *s, struct counts_key *key, int64_t n);
void sql_counts_key_fini(struct counts_key *key);
void sql_counts_free(struct counts *c);

/* ---- operations, by file ---- */

int sql_commit(struct store *s, int shard, int64_t epoch, int64_t seq, const struct store_batch *b,
               struct err *e);
int sql_acquire(struct store *s, int shard, const char *owner, int64_t *ret_epoch, int64_t *ret_seq,
                struct err *e);
int sql_reserve_keys(struct store *s, const char *kind, int64_t n, int64_t *ret_first,
                     struct err *e);

int sql_get_dags(struct store *s, struct arena *a, struct dag_row **ret, size_t *ret_len,
                 struct err *e);
int sql_find_dag(struct store *s, const char *dag_id, struct arena *a, struct dag_row *ret,
                 struct err *e);
int sql_get_version(struct store *s, int64_t version_key, struct arena *a, struct version_row *ret,
                    struct err *e);
int sql_get_versions(struct store *s, int64_t after_key, size_t limit, struct arena *a,
                     struct version_row **ret, size_t *ret_len, struct err *e);
int sql_find_version(struct store *s, int64_t dag_key, const char *hash, int64_t *ret_version_key,
                     struct err *e);
int sql_get_runs(struct store *s, int64_t dag_key, unsigned states, int64_t after_key, size_t limit,
                 struct arena *a, struct run_row **ret, size_t *ret_len, struct err *e);
int sql_get_run(struct store *s, int64_t run_key, struct arena *a, struct run_row *ret,
                struct err *e);
int sql_find_run(struct store *s, int64_t dag_key, const char *run_id, struct arena *a,
                 struct run_row *ret, struct err *e);
int sql_last_scheduled_run(struct store *s, int64_t dag_key, struct arena *a, struct run_row *ret,
                           struct err *e);
int sql_previous_run(struct store *s, int64_t run_key, bool any_type, struct arena *a,
                     struct run_row *ret, struct err *e);
int sql_get_pools(struct store *s, struct arena *a, struct pool_row **ret, size_t *ret_len,
                  struct err *e);
int sql_find_command(struct store *s, const char *key, struct arena *a, const char **ret_result,
                     struct err *e);

int sql_get_tis(struct store *s, int64_t run_key, unsigned states, struct arena *a,
                struct ti_row **ret, size_t *ret_len, struct err *e);
int sql_get_ti_states(struct store *s, int64_t run_key, struct arena *a, struct ti_state **ret,
                      size_t *ret_len, struct err *e);
int sql_get_run_times(struct store *s, int64_t dag_key, int64_t from_us, int64_t to_us,
                      size_t limit, struct arena *a, struct run_time **ret, size_t *ret_len,
                      struct err *e);
int sql_get_change(struct store *s, int64_t *ret, struct err *e);
int sql_get_tries(struct store *s, const struct ti_key *key, struct arena *a, struct ti_row **ret,
                  size_t *ret_len, struct err *e);
int sql_get_attempts(struct store *s, int64_t run_key, struct arena *a, struct attempt_row **ret,
                     size_t *ret_len, struct err *e);
int sql_get_transitions(struct store *s, int64_t run_key, const struct ti_key *key, size_t limit,
                        struct arena *a, struct transition_row **ret, size_t *ret_len,
                        struct err *e);
int sql_get_map_xcoms(struct store *s, const struct ti_key *from, const char *name, size_t limit,
                      struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e);
int sql_get_xcom(struct store *s, const struct ti_key *key, const char *name, struct arena *a,
                 struct xcom_row *ret, struct err *e);
int sql_get_rendered(struct store *s, const struct ti_key *key, struct arena *a,
                     const char **ret_json, struct err *e);
int sql_get_durations(struct store *s, int64_t version_key, size_t runs, struct arena *a,
                      int64_t **ret_us_by_task, size_t *ret_len, struct err *e);

int sql_get_xcoms(struct store *s, const struct ti_key *key, struct arena *a, struct xcom_row **ret,
                  size_t *ret_len, struct err *e);
int sql_get_settings(struct store *s, const char *kind, const char *name, struct arena *a,
                     struct setting_row **ret, size_t *ret_len, struct err *e);
int sql_put_parsed(struct store *store, const struct parsed_batch *batch, struct err *e);
int sql_get_parsed_dags(struct store *s, const char *dag_id, struct arena *a,
                        struct parsed_dag_row **ret, size_t *ret_len, struct err *e);
int sql_get_import_errors(struct store *s, int64_t error_key, size_t offset, size_t limit,
                          struct arena *a, struct import_error_row **ret, size_t *ret_len,
                          struct err *e);
int sql_get_bundle_versions(struct store *s, const char *bundle, struct arena *a, const char ***ret,
                            size_t *ret_len, struct err *e);
int sql_put_settings(struct store *s, const struct setting_row *rows, size_t n, struct err *e);
int sql_change_settings(struct store *s, const struct settings_change *c, struct err *e);
int sql_put_pool(struct store *s, const struct pool_row *row, bool remove, struct err *e);

/* query.c */
int sql_query_runs(struct store *s, const struct run_query *q, struct arena *a,
                   struct run_row **ret, size_t *ret_len, struct err *e);
int sql_count_runs(struct store *s, const struct run_query *q, int64_t *ret, struct err *e);
int sql_get_dag_versions(struct store *s, int64_t dag_key, struct arena *a,
                         struct version_row **ret, size_t *ret_len, struct err *e);
int sql_get_audits(struct store *s, int64_t below_key, size_t offset, size_t limit, struct arena *a,
                   struct audit_row **ret, size_t *ret_len, int64_t *ret_all, struct err *e);

/* assets.c */
int sqlite_get_assets(struct store *s, size_t offset, size_t limit, struct arena *a,
                      struct asset_row **ret, size_t *ret_len, struct err *e);
int sqlite_find_asset(struct store *s, const char *name, const char *uri, struct arena *a,
                      struct asset_row *ret, struct err *e);
int sqlite_get_asset_events(struct store *s, const struct asset_event_query *q, struct arena *a,
                            struct asset_event_row **ret, size_t *ret_len, struct err *e);
int sqlite_count_asset_events(struct store *s, const struct asset_event_query *q, int64_t *ret,
                              int64_t *ret_newest, struct err *e);
/* moves.c; the puts are of a commit, within its transaction. */
int sqlite_put_moves(struct sql_store *s, const struct store_batch *b, struct err *e);
int sqlite_put_arrivals(struct sql_store *s, const struct store_batch *b, struct err *e);
int sqlite_get_arrivals(struct store *s, const char *watcher, struct arena *a,
                        struct arrival_row **ret, size_t *ret_len, struct err *e);
/* delete.c */
int sqlite_put_deletes(struct sql_store *s, const struct store_batch *b, struct err *e);
int sqlite_put_notes(struct sql_store *s, const struct store_batch *b, struct err *e);
int sqlite_get_gone(struct store *s, int64_t run_key, struct arena *a, struct gone_row **ret,
                    size_t *ret_len, struct err *e);
int sqlite_get_notes(struct store *s, int64_t run_key, struct arena *a, struct note_row **ret,
                     size_t *ret_len, struct err *e);
int sqlite_get_run_notes(struct store *s, const int64_t *run_keys, size_t n, struct arena *a,
                         struct note_row **ret, size_t *ret_len, struct err *e);
/* Of a commit, within its transaction: first_key is the first of the events' keys. */
struct reader;
int sqlite_read_event(struct reader *r, void *to); /* one row */
int sqlite_read_aliases(struct reader *r, int column, const char **ret, size_t *ret_len);
int sqlite_put_assets(struct sql_store *s, const struct store_batch *b, int64_t first_key,
                      struct err *e);

/* backfill.c */
int sqlite_get_backfills(struct store *s, int64_t dag_key, bool active, size_t limit,
                         struct arena *a, struct backfill_row **ret, size_t *ret_len,
                         struct err *e);
int sqlite_get_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                        struct backfill_row *ret, struct err *e);
int sqlite_get_backfill_runs(struct store *s, int64_t backfill_key, bool planned, uint32_t from,
                             size_t limit, struct arena *a, struct backfill_run_row **ret,
                             size_t *ret_len, struct err *e);
int sqlite_count_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                          struct backfill_count **ret, size_t *ret_len, struct err *e);
int sqlite_find_run_by_date(struct store *s, int64_t dag_key, int64_t logical_us, struct arena *a,
                            struct run_row *ret, struct err *e);
/* Of a commit, within its transaction. */
int sqlite_put_backfills(struct sql_store *s, const struct store_batch *b, struct err *e);

/* alerts.c */
int sqlite_get_alerts(struct store *s, const struct alert_query *q, struct arena *a,
                      struct alert_row **ret, size_t *ret_len, struct err *e);
int sqlite_get_deadlines(struct store *s, int64_t run_key, struct arena *a,
                         struct deadline_row **ret, size_t *ret_len, struct err *e);
int sqlite_get_runtimes(struct store *s, const struct runtime_query *q, struct arena *a,
                        struct runtime_row **ret, size_t *ret_len, struct err *e);
int sqlite_prune_alerts(struct store *s, int64_t before_us, size_t keep, size_t limit,
                        int64_t *ret_rows, struct err *e);
/* Of a commit, within its transaction. */
int sqlite_put_alerts(struct sql_store *s, const struct store_batch *b, struct err *e);
/* queue.c */
int sqlite_get_asset_consumers(struct store *s, struct arena *a, struct asset_consumer_row **ret,
                               size_t *ret_len, struct err *e);
int sqlite_get_asset_queue(struct store *s, int64_t dag_key, struct arena *a,
                           struct asset_queue_shape **ret, size_t *ret_len, struct err *e);
int sqlite_get_run_events(struct store *s, int64_t run_key, size_t offset, size_t limit,
                          struct arena *a, struct asset_event_row **ret, size_t *ret_len,
                          struct err *e);
/* first_key: of the first of the batch's events. */
int sqlite_put_queue(struct sql_store *s, const struct store_batch *b, int64_t first_key,
                     struct err *e);

int sql_check(struct store *s, struct err *e);
int sql_backup(struct store *s, const char *path, struct err *e);

/* clean.c */
int sql_clean(struct store *s, int64_t before_us, size_t limit, int64_t *ret_runs, bool *ret_more,
              struct err *e);
int sql_count_old_runs(struct store *s, int64_t before_us, int64_t *ret, struct err *e);
int sql_get_garbage(struct store *s, size_t limit, struct arena *a, struct run_name **ret,
                    size_t *ret_len, struct err *e);
int sql_get_ended_runs(struct store *s, int64_t after_us, int64_t after_key, int64_t before_us,
                       size_t limit, struct arena *a, struct run_name **ret, size_t *ret_len,
                       struct err *e);
int sql_drop_garbage(struct store *s, const int64_t *run_keys, size_t n, struct err *e);
int sql_prune(struct store *s, enum prune_kind kind, int64_t before_us, size_t limit,
              int64_t *ret_rows, struct err *e);
int sq_delete_dag(struct store *s, int64_t dag_key, int64_t *ret_runs, struct err *e);

int sql_schema_version(struct store *s, int *ret, int *ret_newest, struct err *e);
int sql_upkeep(struct store *s, bool *ret_more, struct err *e);

#endif
