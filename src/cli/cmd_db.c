/* db migrate, check, clean, backup, restore, reset; dags delete: looking after the store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/session.h"
#include "home/backup.h"
#include "home/retention.h"
#include "store/lock.h"
#include "store/store.h"

static int path_of(struct cli *cli, char *home, char *path, size_t cap, struct err *e)
{
    int rc = home_resolve(cli_opt(cli, "home"), home, 4096, e);

    if (rc == 0) {
        (void)snprintf(path, cap, "%s/%s", home, STORE_FILE);
        rc = access(path, F_OK) != 0
                 ? err_set(e, ERR_NOTFOUND,
                           "there is no store in %s yet; start with `tradewind run FILE`", home)
                 : 0;
    }
    return rc;
}

/* Commands that write need the lock: one process writes. */
static int lock_home(const char *home, struct lock **ret, struct err *e)
{
    pid_t pid = 0;
    int rc = lock_acquire(home, ret, &pid, e);

    return rc == -ERR_BUSY
               ? err_set(e, ERR_BUSY, "process %d works in this home; try again when it has ended",
                         (int)pid)
               : rc;
}

static int make_store(const char *home, const char *path, struct err *e)
{
    struct lock *lock = NULL;
    struct store *s = NULL;
    int rc = home_prepare(home, e);

    rc = rc == 0 ? lock_home(home, &lock, e) : rc;
    rc = rc == 0 ? store_sqlite_open(path, 0, &s, e) : rc;
    store_close(s);
    lock_release(lock);
    if (rc == 0) {
        (void)printf("The store is made: %s.\n", path);
    }
    return rc;
}

static int migrate(const char *home, const char *path, struct err *e)
{
    struct lock *lock = NULL;
    const char *copy = NULL;
    struct arena a;
    int from = 0, to = 0, rc;

    arena_init(&a, MiB(1));
    rc = lock_home(home, &lock, e);
    rc = rc == 0 ? store_sqlite_migrate(path, &a, &copy, &from, &to, e) : rc;
    if (rc == 0 && from == to) {
        (void)printf("The store has form %d, the newest.\n", to);
    } else if (rc == 0) {
        (void)printf("Migrated from form %d to %d; the copy from before is %s.\n", from, to,
                     copy != NULL ? copy : "-");
    }
    lock_release(lock);
    arena_fini(&a);
    return rc;
}

int cmd_db_migrate(struct cli *cli)
{
    char home[4096], path[4200];
    struct err e = {0};
    int rc = path_of(cli, home, path, sizeof path, &e);

    if (rc == -ERR_NOTFOUND) {
        rc = make_store(home, path, &e);
    } else if (rc == 0) {
        rc = migrate(home, path, &e);
    }
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- reset ---- */

/* Processes of unfinished runs may live in their holders: nobody would know them any more. */
static int check_idle(const char *path, struct err *e)
{
    struct store *s = NULL;
    struct run_row *runs;
    struct arena a;
    size_t n = 0;
    int rc = store_sqlite_open(path, STORE_READ_ONLY, &s, e);

    arena_init(&a, MiB(16));
    rc = rc == 0
             ? s->ops->get_runs(s, 0, 1u << RUN_QUEUED | 1u << RUN_RUNNING, 0, 1, &a, &runs, &n, e)
             : rc;
    if (rc == 0 && n != 0) {
        rc = err_set(e, ERR_CONFLICT,
                     "run %s is not finished, and what it started may live; `tradewind runs "
                     "resume` goes on with it",
                     runs[0].run_id);
    }
    store_close(s);
    arena_fini(&a);
    return rc;
}

/* The store, and what belongs to runs: not the keys, settings and DAGs that people put into a home. */
static int remove_store(const char *home, struct err *e)
{
    static const char *const files[] = {"", "-wal", "-shm"};
    static const char *const folders[] = {"logs", "results", "xcom"};
    char path[4300];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", home, STORE_FILE, files[i]);
        if (unlink(path) != 0 && errno != ENOENT) {
            return err_errno(e, errno, "%s", path);
        }
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", home, folders[i]);
        if (access(path, F_OK) == 0) {
            session_remove(path);
        }
    }
    return 0;
}

int cmd_db_reset(struct cli *cli)
{
    char home[4096], path[4200];
    struct lock *lock = NULL;
    struct err e = {0};
    int rc = path_of(cli, home, path, sizeof path, &e);

    if (rc == 0 && !cli_flag(cli, "yes")) {
        rc = err_set(&e, ERR_USAGE,
                     "this removes all runs, logs, variables, connections and pools of %s for "
                     "good; add --yes",
                     home);
    }
    if (rc == 0) {
        rc = lock_home(home, &lock, &e);
        rc = rc == 0 ? check_idle(path, &e) : rc;
        rc = rc == 0 ? remove_store(home, &e) : rc;
        lock_release(lock);
    }
    rc = rc == 0 || rc == -ERR_NOTFOUND ? make_store(home, path, &e) : rc;
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- check, backup ---- */

static int open_reading(struct cli *cli, char *home, struct store **ret, struct err *e)
{
    char path[4200];
    int rc = path_of(cli, home, path, sizeof path, e);

    return rc == 0 ? store_sqlite_open(path, STORE_READ_ONLY, ret, e) : rc;
}

int cmd_db_check(struct cli *cli)
{
    char home[4096];
    struct store *s = NULL;
    struct err e = {0};
    int have = 0, newest = 0;
    int rc = open_reading(cli, home, &s, &e);

    rc = rc == 0 ? s->ops->schema_version(s, &have, &newest, &e) : rc;
    rc = rc == 0 ? s->ops->check(s, &e) : rc;
    if (rc == 0) {
        (void)printf("The store is whole: form %d of %d.\n", have, newest);
    }
    store_close(s);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

int cmd_db_backup(struct cli *cli)
{
    const char *to = cli_arg(cli, "FOLDER");
    bool key = cli_flag(cli, "with-key");
    char home[4096], path[4200];
    struct err e = {0};
    int rc = path_of(cli, home, path, sizeof path, &e);

    rc = rc == 0 ? home_backup(home, to, key, &e) : rc;
    if (rc == 0) {
        (void)printf("The store, and the files that it names, were copied to %s.\n", to);
        (void)printf("%s",
                     key ? "" : "The master key is not in it: keep a copy of it elsewhere.\n");
    }
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

int cmd_db_restore(struct cli *cli)
{
    const char *from = cli_arg(cli, "FOLDER");
    struct lock *lock = NULL;
    char home[4096];
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    rc = rc == 0 ? home_prepare(home, &e) : rc;
    rc = rc == 0 ? lock_home(home, &lock, &e) : rc;
    rc = rc == 0 ? home_restore(home, from, cli_flag(cli, "yes"), &e) : rc;
    if (rc == 0) {
        (void)printf("%s has the store of %s. Runs that were not finished then go on with the next "
                     "start; `tradewind runs list --state running` lists them.\n",
                     home, from);
    }
    lock_release(lock);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- clean ---- */

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

/* The time before which a run must have ended: --before, else --keep ago. */
static int before_of(struct cli *cli, int64_t *ret, struct err *e)
{
    const char *before = cli_opt(cli, "before"), *keep = cli_opt(cli, "keep");
    int64_t keep_us = 0;

    if (before != NULL) {
        return time_parse(before, strlen(before), ret);
    }
    if (keep == NULL || duration_parse(keep, strlen(keep), &keep_us) != 0) {
        return err_set(e, ERR_USAGE, "--keep is a duration such as 30d or 12h, not '%s'",
                       keep != NULL ? keep : "");
    }
    *ret = now_us() - keep_us;
    return 0;
}

static void tell_cleaned(struct cli *cli, int64_t total)
{
    const char *before = cli_opt(cli, "before");

    (void)printf("%s %lld run%s that ended %s%s%s.\n",
                 cli_flag(cli, "dry-run") ? "Would remove" : "Removed", (long long)total,
                 total == 1 ? "" : "s", before != NULL ? "before " : "more than ",
                 before != NULL ? before : cli_opt(cli, "keep"), before != NULL ? "" : " ago");
}

int cmd_db_clean(struct cli *cli)
{
    char home[4096], path[4200];
    struct lock *lock = NULL;
    struct store *s = NULL;
    struct err e = {0};
    int64_t before_us = 0, total = 0;
    bool dry = cli_flag(cli, "dry-run");
    int rc = path_of(cli, home, path, sizeof path, &e);

    rc = rc == 0 ? before_of(cli, &before_us, &e) : rc;
    if (rc == 0 && !dry && !cli_flag(cli, "yes")) {
        rc = err_set(&e, ERR_USAGE,
                     "this removes runs, their history and their logs for good; add --yes, or look "
                     "first with --dry-run");
    }
    rc = rc == 0 && !dry ? lock_home(home, &lock, &e) : rc;
    rc = rc == 0 ? store_sqlite_open(path, dry ? STORE_READ_ONLY : 0, &s, &e) : rc;
    if (rc == 0) {
        rc = dry ? s->ops->count_old_runs(s, before_us, &total, &e)
                 : retention_clean(s, home, before_us, &total, &e);
    }
    if (rc == 0) {
        tell_cleaned(cli, total);
    }
    store_close(s);
    lock_release(lock);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- a DAG ---- */

static int check_dag(struct store *s, const char *dag_id, int64_t *ret_key, struct err *e)
{
    const unsigned live = 1u << RUN_QUEUED | 1u << RUN_RUNNING;
    struct arena a;
    struct dag_row dag;
    struct run_row *runs;
    size_t n = 0;
    int rc;

    arena_init(&a, MiB(16));
    rc = s->ops->find_dag(s, dag_id, &a, &dag, e);
    if (rc == -ERR_NOTFOUND) {
        rc = err_set(e, ERR_NOTFOUND, "the store has no DAG '%s'; see `tradewind dags list`",
                     dag_id);
    }
    rc = rc == 0 ? s->ops->get_runs(s, dag.dag_key, live, 0, 1, &a, &runs, &n, e) : rc;
    if (rc == 0 && n != 0) {
        rc = err_set(e, ERR_CONFLICT,
                     "run %s is not finished; `tradewind runs resume %s %s` goes on with it",
                     runs[0].run_id, dag_id, runs[0].run_id);
    }
    *ret_key = rc == 0 ? dag.dag_key : 0;
    arena_fini(&a);
    return rc;
}

/* What is left after a kill in between goes with the next cleaning. */
static int delete_dag(struct store *s, const char *home, const char *dag_id, int64_t *ret_runs,
                      struct err *e)
{
    int64_t key, none;
    int rc = check_dag(s, dag_id, &key, e);

    rc = rc == 0 ? s->ops->delete_dag(s, key, ret_runs, e) : rc;
    return rc == 0 ? retention_clean(s, home, INT64_MIN, &none, e) : rc;
}

int cmd_dags_delete(struct cli *cli)
{
    const char *dag_id = cli_arg(cli, "DAG");
    char home[4096], path[4200];
    struct lock *lock = NULL;
    struct store *s = NULL;
    struct err e = {0};
    int64_t n = 0;
    int rc = path_of(cli, home, path, sizeof path, &e);

    if (rc == 0 && !cli_flag(cli, "yes")) {
        rc = err_set(&e, ERR_USAGE,
                     "this removes all runs of '%s', their history and their logs for good; add "
                     "--yes",
                     dag_id);
    }
    rc = rc == 0 ? lock_home(home, &lock, &e) : rc;
    rc = rc == 0 ? store_sqlite_open(path, 0, &s, &e) : rc;
    rc = rc == 0 ? delete_dag(s, home, dag_id, &n, &e) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Deleted DAG %s with %lld run%s. Its file stays.\n", dag_id, (long long)n,
                     n == 1 ? "" : "s");
    }
    store_close(s);
    lock_release(lock);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
