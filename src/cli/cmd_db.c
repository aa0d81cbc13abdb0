/* db migrate, check, clean, backup: looking after the store. */
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
#include "store/lock.h"
#include "store/store.h"

#define CLEAN_SLICE 100

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

int cmd_db_migrate(struct cli *cli)
{
    char home[4096], path[4200];
    struct lock *lock = NULL;
    const char *copy = NULL;
    struct arena a;
    struct err e = {0};
    int from = 0, to = 0;
    int rc = path_of(cli, home, path, sizeof path, &e);

    arena_init(&a, MiB(1));
    rc = rc == 0 ? lock_home(home, &lock, &e) : rc;
    rc = rc == 0 ? store_sqlite_migrate(path, &a, &copy, &from, &to, &e) : rc;
    if (rc == 0 && from == to) {
        (void)printf("The store has form %d, the newest.\n", to);
    } else if (rc == 0) {
        (void)printf("Migrated from form %d to %d; the copy from before is %s.\n", from, to,
                     copy != NULL ? copy : "-");
    }
    lock_release(lock);
    arena_fini(&a);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

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
    const char *to = cli_arg(cli, "FILE");
    char home[4096];
    struct store *s = NULL;
    struct err e = {0};
    int rc = open_reading(cli, home, &s, &e);

    if (rc == 0 && access(to, F_OK) == 0) {
        rc = err_set(&e, ERR_EXISTS, "%s exists already; a backup never overwrites", to);
    }
    rc = rc == 0 ? s->ops->backup(s, to, &e) : rc;
    if (rc == 0) {
        (void)printf("The store was copied to %s.\n", to);
    }
    store_close(s);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- clean ---- */

/* What hangs on old runs outside of the store: their logs and spilled XComs. */
static void remove_files(const char *home, const char *dag_id, const struct run_row *run)
{
    char path[4700];

    (void)snprintf(path, sizeof path, "%s/logs/dag_id=%s/run_id=%s", home, dag_id, run->run_id);
    if (access(path, F_OK) == 0) {
        home_remove(path);
    }
    (void)snprintf(path, sizeof path, "%s/xcom/%lld", home, (long long)run->run_key);
    if (access(path, F_OK) == 0) {
        home_remove(path);
    }
}

static int remove_all_files(struct store *s, const char *home, int64_t before_us, struct err *e)
{
    struct arena a;
    struct dag_row *dags;
    struct run_row *runs;
    size_t dags_len, len;
    int rc;

    arena_init(&a, (size_t)1 << 30);
    rc = s->ops->get_dags(s, &a, &dags, &dags_len, e);
    for (size_t d = 0; rc == 0 && d < dags_len; d++) {
        rc = s->ops->get_runs(s, dags[d].dag_key, 1u << RUN_SUCCESS | 1u << RUN_FAILED, 0, 1000000,
                              &a, &runs, &len, e);
        for (size_t i = 0; rc == 0 && i < len; i++) {
            if (runs[i].end_us != TIME_NONE && runs[i].end_us < before_us) {
                remove_files(home, dags[d].dag_id, &runs[i]);
            }
        }
    }
    arena_fini(&a);
    return rc;
}

static int clean(struct cli *cli, struct store *s, const char *home, int64_t before_us,
                 int64_t *total, struct err *e)
{
    bool dry = cli_flag(cli, "dry-run");
    int64_t n = 1;
    int rc = dry ? 0 : remove_all_files(s, home, before_us, e);

    *total = 0;
    while (rc == 0 && n > 0) {
        rc = s->ops->clean(s, before_us, dry ? 1000000 : CLEAN_SLICE, dry, &n, e);
        *total += rc == 0 ? n : 0;
        n = dry ? 0 : n;
    }
    return rc;
}

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

int cmd_db_clean(struct cli *cli)
{
    const char *keep = cli_opt(cli, "keep");
    char home[4096], path[4200];
    struct lock *lock = NULL;
    struct store *s = NULL;
    struct err e = {0};
    int64_t keep_us = 0, total = 0;
    bool dry = cli_flag(cli, "dry-run");
    int rc = path_of(cli, home, path, sizeof path, &e);

    if (rc == 0 && (keep == NULL || duration_parse(keep, strlen(keep), &keep_us) != 0)) {
        rc = err_set(&e, ERR_USAGE, "--keep is a duration such as 30d or 12h, not '%s'",
                     keep != NULL ? keep : "");
    }
    if (rc == 0 && !dry && !cli_flag(cli, "yes")) {
        rc = err_set(&e, ERR_USAGE,
                     "this removes runs, their history and their logs for good; add --yes, or look "
                     "first with --dry-run");
    }
    rc = rc == 0 && !dry ? lock_home(home, &lock, &e) : rc;
    rc = rc == 0 ? store_sqlite_open(path, dry ? STORE_READ_ONLY : 0, &s, &e) : rc;
    rc = rc == 0 ? clean(cli, s, home, now_us() - keep_us, &total, &e) : rc;
    if (rc == 0) {
        (void)printf("%s %lld run%s that ended more than %s ago.\n",
                     dry ? "Would remove" : "Removed", (long long)total, total == 1 ? "" : "s",
                     keep);
    }
    store_close(s);
    lock_release(lock);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
