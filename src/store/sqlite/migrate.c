/*
 * Migrations: from any older schema to this program's. Each migration and its number are one
 * transaction, so a program that dies between two leaves a store of a known version, and the next
 * start goes on. Runs may be in flight: rows are only moved, never interpreted.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/sqlite/priv.h"

int sql_version(sqlite3 *db, int *ret, struct err *e)
{
    int64_t version = 0, id = 0, tables = 0;
    int rc = sql_int(db, "PRAGMA user_version", &version, e);

    if (rc == 0) {
        rc = sql_int(db, "PRAGMA application_id", &id, e);
    }
    if (rc == 0) {
        rc = sql_int(db, "SELECT COUNT(*) FROM sqlite_schema", &tables, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (tables == 0 && version == 0) {
        *ret = 0;
        return 0;
    }
    if (id != SQL_APPLICATION_ID || version <= 0) {
        return err_set(e, ERR_INVALID, "store: this SQLite database was not made by Tradewind");
    }
    if (version > sql_migrations_len) {
        return err_set(e, ERR_VERSION,
                       "store: made by a newer Tradewind (schema %lld; this program knows up to "
                       "%d): use that one",
                       (long long)version, sql_migrations_len);
    }
    *ret = (int)version;
    return 0;
}

static int sync_dir_of(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    MEM_CLEANUP char *dir =
        slash == NULL ? mem_strdup(".") : mem_strndup(path, slash == path ? 1 : slash - path);
    int fd;
    int rc = 0;

    if (dir == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(e, errno, "%s", dir);
    }
    if (fsync(fd) != 0) {
        rc = err_errno(e, errno, "%s", dir);
    }
    (void)close(fd);
    return rc;
}

static int copy_pages(sqlite3 *db, const char *part, const char *vfs, struct err *e)
{
    sqlite3 *to = NULL;
    sqlite3_backup *backup;
    int rc = sql_connect(part, vfs, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &to, e);
    int sql_rc;

    if (rc != 0) {
        return rc;
    }
    rc = sql_exec(to, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL", e);
    if (rc == 0) {
        backup = sqlite3_backup_init(to, "main", db, "main");
        if (backup == NULL) {
            rc = sql_err(to, sqlite3_errcode(to), e, part);
        } else {
            /* All pages in one read transaction: in WAL it blocks no writer, and never starts over.
             */
            (void)sqlite3_backup_step(backup, -1);
            sql_rc = sqlite3_backup_finish(backup);
            if (sql_rc != SQLITE_OK) {
                rc = sql_err(to, sql_rc, e, part);
            }
        }
    }
    (void)sqlite3_close(to);
    return rc;
}

static int sync_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0) {
        return err_errno(e, errno, "%s", path);
    }
    if (fsync(fd) != 0) {
        rc = err_errno(e, errno, "%s", path);
    }
    (void)close(fd);
    return rc;
}

static int copy_file(sqlite3 *db, const char *path, bool replace, struct err *e)
{
    size_t n = strlen(path);
    MEM_CLEANUP char *part = mem_alloc(n + sizeof ".part");
    int fd, rc;

    if (part == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (!replace && access(path, F_OK) == 0) {
        return err_set(e, ERR_EXISTS, "%s exists already", path);
    }
    memcpy(part, path, n);
    memcpy(part + n, ".part", sizeof ".part");
    fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "%s", part);
    }
    (void)close(fd);
    rc = copy_pages(db, part, NULL, e);
    if (rc == 0) {
        rc = sync_file(part, e);
    }
    if (rc == 0 && rename(part, path) != 0) {
        rc = err_errno(e, errno, "%s", path);
    }
    if (rc == 0) {
        return sync_dir_of(path, e);
    }
    (void)unlink(part);
    return rc;
}

int sql_copy(sqlite3 *db, const char *path, bool replace, struct err *e)
{
    sqlite3_vfs *vfs = NULL;
    struct err own = {0};

    e = e != NULL ? e : &own;
    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
    if (vfs == NULL || vfs == sqlite3_vfs_find(NULL)) {
        return copy_file(db, path, replace, e);
    }
    return copy_pages(db, path, vfs->zName, e); /* a simulated disk has no folders to sync */
}

static int copy_before(sqlite3 *db, const char *path, int newest, struct arena *a,
                       const char **ret_copy, struct err *e)
{
    char name[4096];
    int n = snprintf(name, sizeof name, "%s.before-v%d", path, newest);
    int rc;

    if (n < 0 || (size_t)n >= sizeof name) {
        return err_set(e, ERR_LIMIT, "store: its path is too long");
    }
    rc = sql_copy(db, name, true, e);
    if (rc != 0) {
        return err_prefix(e, rc, "no copy before migrating");
    }
    if (a != NULL && ret_copy != NULL) {
        *ret_copy = arena_strdup(a, name);
        if (*ret_copy == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory");
        }
    }
    return 0;
}

static int migrate_one(sqlite3 *db, const struct sql_migration *m, int version, struct err *e)
{
    char pragma[96];
    int rc = sql_exec(db, "BEGIN IMMEDIATE", e);

    if (rc != 0) {
        return rc;
    }
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d; PRAGMA application_id = %d",
                   version, SQL_APPLICATION_ID);
    rc = sql_exec(db, m->sql, e);
    if (rc == 0) {
        rc = sql_exec(db, pragma, e);
    }
    if (rc == 0) {
        rc = sql_exec(db, "COMMIT", e);
    }
    if (rc != 0) {
        if (!sqlite3_get_autocommit(db)) {
            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        }
        return err_prefix(e, rc, "migration %d (%s)", version, m->what);
    }
    return 0;
}

int sql_migrate(sqlite3 *db, const char *path, const struct sql_migration *table, int newest,
                struct arena *a, const char **ret_copy, int *ret_from, struct err *e)
{
    int version;
    int rc = sql_version(db, &version, e);

    if (rc != 0) {
        return rc;
    }
    if (ret_from != NULL) {
        *ret_from = version;
    }
    if (ret_copy != NULL) {
        *ret_copy = NULL;
    }
    if (version >= newest) {
        return 0;
    }
    if (version > 0) {
        rc = copy_before(db, path, newest, a, ret_copy, e);
    }
    for (int v = version; v < newest && rc == 0; v++) {
        rc = migrate_one(db, &table[v], v + 1, e);
    }
    return rc;
}
