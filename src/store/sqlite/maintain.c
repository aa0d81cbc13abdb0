/* Maintenance: integrity, backup, and moving the write-ahead log into the file. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"

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
