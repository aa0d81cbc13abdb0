/*
 * Backups. Order is what makes them whole:
 *
 *   backup    spilled XComs, the store, spilled XComs again (what is new), sources: a file that the copied store names was there before or after
 *             the moment of the copy; sources are kept a day longer than any version needs them
 *   restore   files first, under names that the present store does not use or with the same contents; then the store, by one rename
 *
 * Of spilled XComs that a clear removed in the very moment of a backup the file may be missing: their rows are gone an instant later.
 */
#include "home/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "home/home.h"
#include "secret/secret.h"
#include "store/store.h"

#define PATH_CAP   4600
#define COPY_BYTES MiB(1)

static int join(char *out, const char *folder, const char *name, struct err *e)
{
    return snprintf(out, PATH_CAP, "%s/%s", folder, name) < PATH_CAP
               ? 0
               : err_set(e, ERR_LIMIT, "%.200s...: the path is too long", folder);
}

static int copy_bytes(int from, int to, const char *path, struct err *e)
{
    MEM_CLEANUP char *buf = mem_alloc(COPY_BYTES);
    ssize_t n = 1, done;
    int rc = buf != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a copy");

    while (rc == 0 && (n = read(from, buf, COPY_BYTES)) > 0) {
        for (ssize_t at = 0; rc == 0 && at < n; at += done) {
            done = write(to, buf + at, (size_t)(n - at));
            rc = done < 0 ? err_errno(e, errno, "%s", path) : 0;
        }
    }
    return rc == 0 && n < 0 ? err_errno(e, errno, "%s", path) : rc;
}

/* What is there already is the same: names are of contents, or of values that never change. A file that is gone meanwhile is none. */
static int copy_file(const char *from, const char *to, struct err *e)
{
    char part[PATH_CAP + 8];
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out, rc;

    if (in < 0) {
        return errno == ENOENT ? 0 : err_errno(e, errno, "%s", from);
    }
    if (access(to, F_OK) == 0) {
        (void)close(in);
        return 0;
    }
    (void)snprintf(part, sizeof part, "%s.part", to);
    out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) {
        rc = err_errno(e, errno, "%s", part);
        (void)close(in);
        return rc;
    }
    rc = copy_bytes(in, out, part, e);
    if (rc == 0 && fsync(out) != 0) {
        rc = err_errno(e, errno, "%s", part);
    }
    (void)close(in);
    if (close(out) != 0 && rc == 0) {
        rc = err_errno(e, errno, "%s", part);
    }
    if (rc == 0 && rename(part, to) != 0) {
        rc = err_errno(e, errno, "%s", to);
    }
    if (rc != 0) {
        (void)unlink(part);
    }
    return rc;
}

static int sync_folder(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0 || fsync(fd) != 0) {
        rc = err_errno(e, errno, "%s", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int copy_tree(const char *from, const char *to, int depth, struct err *e);

static int copy_entry(const char *from, const char *to, const char *name, int depth, struct err *e)
{
    char source[PATH_CAP], target[PATH_CAP];
    struct stat st;
    int rc = join(source, from, name, e);

    rc = rc == 0 ? join(target, to, name, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (lstat(source, &st) != 0) {
        return errno == ENOENT ? 0 : err_errno(e, errno, "%s", source);
    }
    if (S_ISDIR(st.st_mode)) {
        return copy_tree(source, target, depth + 1, e);
    }
    return S_ISREG(st.st_mode) && name[0] != '.' ? copy_file(source, target, e) : 0;
}

/* Files and folders below; names that begin with a dot are half written. */
static int copy_tree(const char *from, const char *to, int depth, struct err *e)
{
    DIR *d = opendir(from);
    struct dirent *entry;
    int rc = 0;

    if (d == NULL) {
        return errno == ENOENT ? 0 : err_errno(e, errno, "%s", from);
    }
    if (depth > 8) {
        rc = err_set(e, ERR_LIMIT, "%.200s: folders are nested too deeply", from);
    } else if (mkdir(to, 0700) != 0 && errno != EEXIST) {
        rc = err_errno(e, errno, "cannot make %s", to);
    }
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] != '.') {
            rc = copy_entry(from, to, entry->d_name, depth, e);
        }
    }
    (void)closedir(d);
    return rc == 0 ? sync_folder(to, e) : rc;
}

static int copy_sub(const char *from, const char *to, const char *name, struct err *e)
{
    char source[PATH_CAP], target[PATH_CAP];
    int rc = join(source, from, name, e);

    rc = rc == 0 ? join(target, to, name, e) : rc;
    return rc == 0 ? copy_tree(source, target, 0, e) : rc;
}

/* ---- backup ---- */

static int copy_store(const char *home, const char *to, struct err *e)
{
    char source[PATH_CAP], target[PATH_CAP];
    struct store *s = NULL;
    int rc = join(source, home, STORE_FILE, e);

    rc = rc == 0 ? join(target, to, STORE_FILE, e) : rc;
    rc = rc == 0 ? store_sqlite_open(source, STORE_READ_ONLY, &s, e) : rc;
    rc = rc == 0 ? s->ops->backup(s, target, e) : rc;
    store_close(s);
    return rc;
}

static int copy_key(const char *home, const char *to, struct err *e)
{
    char source[PATH_CAP], target[PATH_CAP];
    int rc = join(source, home, SECRET_KEY_FILE, e);

    rc = rc == 0 ? join(target, to, SECRET_KEY_FILE, e) : rc;
    return rc == 0 ? copy_file(source, target, e) : rc;
}

static int fill(const char *home, const char *to, bool with_key, struct err *e)
{
    int rc = copy_sub(home, to, "xcom", e);

    rc = rc == 0 ? copy_store(home, to, e) : rc;
    rc = rc == 0 ? copy_sub(home, to, "xcom", e) : rc;
    rc = rc == 0 ? copy_sub(home, to, "sources", e) : rc;
    rc = rc == 0 && with_key ? copy_key(home, to, e) : rc;
    return rc == 0 ? sync_folder(to, e) : rc;
}

int home_backup(const char *home, const char *to, bool with_key, struct err *e)
{
    char part[PATH_CAP];
    int rc;

    if (access(to, F_OK) == 0) {
        return err_set(e, ERR_EXISTS, "%s exists already; a backup never overwrites", to);
    }
    if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part) {
        return err_set(e, ERR_LIMIT, "%.200s...: the path is too long", to);
    }
    (void)home_remove(part); /* of one that was killed */
    if (mkdir(part, 0700) != 0) {
        return err_errno(e, errno, "cannot make %s", part);
    }
    rc = fill(home, part, with_key, e);
    if (rc == 0 && rename(part, to) != 0) {
        rc = err_errno(e, errno, "%s", to);
    }
    if (rc != 0) {
        (void)home_remove(part);
    }
    return rc;
}

/* ---- restore ---- */

static int check_backup(const char *path, struct err *e)
{
    struct store *s = NULL;
    int rc;

    if (access(path, F_OK) != 0) {
        return err_set(e, ERR_NOTFOUND,
                       "%s is not there: a backup is a folder that `tradewind db backup` made",
                       path);
    }
    rc = store_sqlite_open(path, STORE_READ_ONLY | STORE_NO_MIGRATE, &s, e);
    rc = rc == 0 ? s->ops->check(s, e) : rc;
    store_close(s);
    return rc != 0 ? err_prefix(e, rc, "%s", path) : 0;
}

/* The last writer out moves the write-ahead log into the file: it is one file then. */
static int settle(const char *path, struct err *e)
{
    char log[PATH_CAP + 8];
    struct store *s = NULL;
    int rc = store_sqlite_open(path, STORE_NO_MIGRATE, &s, e);

    store_close(s);
    (void)snprintf(log, sizeof log, "%s-wal", path);
    return rc == 0 && access(log, F_OK) == 0
               ? err_set(e, ERR_BUSY, "somebody reads %s; try again", path)
               : rc;
}

/* The store of the home stays under another name, the new one takes its place. */
static int put_in_place(const char *store, const char *fresh, bool there, struct err *e)
{
    char aside[PATH_CAP + 16];
    int rc = there ? settle(store, e) : 0;

    (void)snprintf(aside, sizeof aside, "%s.before-restore", store);
    if (rc == 0 && there && unlink(aside) != 0 && errno != ENOENT) {
        rc = err_errno(e, errno, "%s", aside);
    }
    if (rc == 0 && there && link(store, aside) != 0) {
        rc = err_errno(e, errno, "%s", aside);
    }
    if (rc == 0 && rename(fresh, store) != 0) {
        rc = err_errno(e, errno, "%s", store);
    }
    return rc;
}

int home_restore(const char *home, const char *from, bool replace, struct err *e)
{
    char backup[PATH_CAP], store[PATH_CAP], fresh[PATH_CAP];
    bool there;
    int rc = join(backup, from, STORE_FILE, e);

    rc = rc == 0 ? join(store, home, STORE_FILE, e) : rc;
    rc = rc == 0 ? join(fresh, home, STORE_FILE ".restoring", e) : rc;
    rc = rc == 0 ? check_backup(backup, e) : rc;
    there = rc == 0 && access(store, F_OK) == 0;
    if (there && !replace) {
        return err_set(e, ERR_EXISTS,
                       "%s has a store already; with --yes it becomes %s.before-restore", home,
                       STORE_FILE);
    }
    if (rc != 0) {
        return rc;
    }
    (void)unlink(fresh);
    rc = copy_sub(from, home, "sources", e);
    rc = rc == 0 ? copy_sub(from, home, "xcom", e) : rc;
    rc = rc == 0 ? copy_key(from, home, e) : rc; /* one that is there stays */
    rc = rc == 0 ? copy_file(backup, fresh, e) : rc;
    rc = rc == 0 ? put_in_place(store, fresh, there, e) : rc;
    if (rc != 0) {
        (void)unlink(fresh);
    }
    return rc == 0 ? sync_folder(home, e) : rc;
}
