/* The home: its folder, the disk, who works in it, the store, the key. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/doctor.h"
#include "runtime/co.h"
#include "store/store.h"

#define WAL_WARN MiB(256)

/* ---- the folder ---- */

static bool check_file(struct doctor *d, const char *name)
{
    char path[4300];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", d->paths.home, name);
    if (lstat(path, &st) == 0 && st.st_uid != geteuid()) {
        char remedy[4500];

        (void)snprintf(remedy, sizeof remedy, "chown -R %d %s", (int)geteuid(), d->paths.home);
        doctor_add(d, DOCTOR_FAIL, "home", remedy, "%s belongs to user %d, this is user %d", path,
                   (int)st.st_uid, (int)geteuid());
        return false;
    }
    return true;
}

void doctor_home(struct doctor *d)
{
    static const char *const names[] = {"",     "tradewind.db", "tradewind.db-wal", "lock",
                                        "logs", "holders",      "secret.key"};
    char remedy[4500];
    struct stat st;

    if (stat(d->paths.home, &st) != 0) {
        doctor_add(d, errno == ENOENT ? DOCTOR_WARN : DOCTOR_FAIL, "home",
                   errno == ENOENT ? "it is made by the first `tradewind run` or `standalone`" : "",
                   "%s: %s", d->paths.home, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        doctor_add(d, DOCTOR_FAIL, "home", "set TRADEWIND_HOME to a folder", "%s is not a folder",
                   d->paths.home);
        return;
    }
    d->has_home = true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!check_file(d, names[i])) {
            return;
        }
    }
    if (access(d->paths.home, R_OK | W_OK | X_OK) != 0) {
        doctor_add(d, DOCTOR_FAIL, "home", "give this user the right to write in it",
                   "%s cannot be written: %s", d->paths.home, strerror(errno));
    } else if ((st.st_mode & 022) != 0) {
        (void)snprintf(remedy, sizeof remedy, "chmod go-w %s", d->paths.home);
        doctor_add(d, DOCTOR_FAIL, "home", remedy,
                   "others may write in %s: they can run tasks as this user", d->paths.home);
    } else if ((st.st_mode & 055) != 0) {
        (void)snprintf(remedy, sizeof remedy, "chmod 700 %s", d->paths.home);
        doctor_add(d, DOCTOR_WARN, "home", remedy, "others may read in %s, logs and results too",
                   d->paths.home);
    } else {
        doctor_add(d, DOCTOR_OK, "home", "", "%s", d->paths.home);
    }
}

/* ---- the disk ---- */

void doctor_disk(struct doctor *d)
{
    const char *remedy =
        "make room: `tradewind db clean --keep 30d` deletes old runs with their logs";
    struct statvfs s;
    uint64_t free_bytes;
    double part, nodes;

    if (!d->has_home || statvfs(d->paths.home, &s) != 0 || s.f_blocks == 0) {
        return;
    }
    free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
    part = 100.0 * (double)s.f_bavail / (double)s.f_blocks;
    nodes = s.f_files != 0 ? 100.0 * (double)s.f_favail / (double)s.f_files : 100;
    doctor_add(d,
               free_bytes < MiB(100) || nodes < 1    ? DOCTOR_FAIL
               : free_bytes < MiB(1024) || nodes < 5 ? DOCTOR_WARN
                                                     : DOCTOR_OK,
               "disk", free_bytes < MiB(1024) || nodes < 5 ? remedy : "",
               "%.1f GiB free (%.0f %%), %.0f %% of the inodes", (double)free_bytes / 1073741824.0,
               part, nodes);
}

/* ---- who works here ---- */

/* The process that holds the lock file, from /proc/locks; 0: none, or it cannot be told. */
static int64_t lock_holder(const char *home)
{
    char path[4200], line[256];
    struct stat st;
    int64_t found = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/lock", home);
    f = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (f != NULL && found == 0 && fgets(line, sizeof line, f) != NULL) {
        unsigned major_of, minor_of;
        unsigned long inode;
        long long pid;
        char *p = strstr(line, "FLOCK");

        if (p != NULL &&
            sscanf(p, "FLOCK %*s %*s %lld %x:%x:%lu", &pid, &major_of, &minor_of, &inode) == 4 &&
            inode == st.st_ino && major_of == major(st.st_dev) && minor_of == minor(st.st_dev)) {
            found = pid;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return found;
}

/* SUSPENDS. A member of an answer, or 0. */
static int64_t ask(struct doctor *d, const char *type, const char *members, const char *member,
                   int *ret_rc)
{
    struct co_deadline limit;
    struct err e = {0};
    struct value *v;
    char *answer = NULL;
    int64_t n = 0;

    co_deadline_begin(&limit, 5 * TIME_SECOND);
    *ret_rc = engine_request(d->paths.home, type, members, &answer, &e);
    co_deadline_end(&limit);
    if (*ret_rc == 0 && answer != NULL &&
        value_parse(&d->arena, answer, strlen(answer), &v, &e) == 0 &&
        value_get(v, member) != NULL) {
        (void)value_int(value_get(v, member), 0, INT64_MAX, &n);
    }
    mem_free(answer);
    return n;
}

void doctor_engine(struct doctor *d)
{
    int64_t holder = d->has_home ? lock_holder(d->paths.home) : 0;
    int rc = 0;

    d->engine_pid = d->has_home ? ask(d, "ping", "", "pid", &rc) : 0;
    if (d->engine_pid != 0) {
        (void)ask(d, "service", "\"op\":\"status\"", "pid", &rc);
        d->engine_is_service = rc == 0;
        doctor_add(d, DOCTOR_OK, "engine", "", "process %lld works in the home%s",
                   (long long)d->engine_pid, rc == 0 ? "" : " (no scheduler: it is a `run`)");
    } else if (holder != 0) {
        char remedy[120];

        (void)snprintf(remedy, sizeof remedy,
                       "look at its log; `kill -9 %lld` frees the home, its tasks go on",
                       (long long)holder);
        doctor_add(d, DOCTOR_FAIL, "engine", remedy,
                   "process %lld holds the lock of the home and does not answer",
                   (long long)holder);
    } else {
        doctor_add(d, DOCTOR_WARN, "engine", "start it with `tradewind standalone`",
                   "no scheduler works here: nothing runs when it is due");
    }
}

/* ---- the store ---- */

static void check_wal(struct doctor *d, const char *path)
{
    char wal[4300];
    struct stat st;

    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    if (stat(wal, &st) == 0 && (uint64_t)st.st_size > WAL_WARN) {
        doctor_add(d, DOCTOR_WARN, "store",
                   "a reader that never ends keeps it: look with `fuser`, or restart the service",
                   "the write-ahead log is %lld MiB: it is not moved into the file",
                   (long long)st.st_size >> 20);
    }
}

void doctor_store(struct doctor *d)
{
    char path[4200];
    struct err e = {0};
    struct stat st;
    int form = 0, newest = 0, rc;

    (void)snprintf(path, sizeof path, "%s/%s", d->paths.home, STORE_FILE);
    if (!d->has_home || stat(path, &st) != 0) {
        doctor_add(d, DOCTOR_OK, "store", "", "there is none yet");
        return;
    }
    rc = store_sqlite_open(path, STORE_READ_ONLY, &d->store, &e);
    if (rc == -ERR_VERSION) {
        doctor_add(d, DOCTOR_FAIL, "store", "`tradewind db migrate`, or the program that made it",
                   "%s", err_str(&e));
        return;
    }
    rc = rc == 0 ? d->store->ops->schema_version(d->store, &form, &newest, &e) : rc;
    rc = rc == 0 ? d->store->ops->check(d->store, &e) : rc;
    if (rc != 0) {
        doctor_add(d, DOCTOR_FAIL, "store",
                   "stop the service, keep a copy of the home, and put the last backup "
                   "(`tradewind db backup`) in its place",
                   "%s: %s", path, err_str(&e));
        return;
    }
    doctor_add(d, DOCTOR_OK, "store", "", "whole, form %d, %.1f MiB", form,
               (double)st.st_size / 1048576.0);
    check_wal(d, path);
}

/* ---- the key ---- */

void doctor_secrets(struct doctor *d)
{
    struct setting_row *rows;
    struct err e = {0};
    char path[4200];
    struct stat st;
    size_t n = 0, m = 0;
    bool has_env =
        getenv("TRADEWIND_SECRET_KEYS") != NULL || getenv("TRADEWIND_SECRET_KEY") != NULL;

    if (d->store == NULL ||
        d->store->ops->get_settings(d->store, "variable", NULL, &d->arena, &rows, &n, &e) != 0 ||
        d->store->ops->get_settings(d->store, "connection", NULL, &d->arena, &rows, &m, &e) != 0 ||
        n + m == 0) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/secret.key", d->paths.home);
    if (stat(path, &st) != 0) {
        doctor_add(d, has_env ? DOCTOR_OK : DOCTOR_FAIL, "secrets",
                   has_env ? "" : "put your copy of the key back, or set TRADEWIND_SECRET_KEYS",
                   has_env ? "%zu sealed values, with the key of the environment"
                           : "%zu sealed values cannot be opened: secret.key is not there",
                   n + m);
    } else if ((st.st_mode & 077) != 0) {
        doctor_add(d, DOCTOR_FAIL, "secrets", "chmod 600 it, then `tradewind db rotate-key`",
                   "others may read %s, which opens %zu sealed values", path, n + m);
    } else {
        doctor_add(d, DOCTOR_OK, "secrets", "", "%zu sealed values; keep a copy of secret.key",
                   n + m);
    }
}
