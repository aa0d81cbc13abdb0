#include "cli/test_home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/session.h"
#include "secret/secret.h"
#include "store/store.h"

/* What both homes have in common. */
static int link_parts(const char *real, const char *home, struct err *e)
{
    static const char *const parts[] = {"secrets", "plugins", "config", "venvs", "operators"};
    char from[4300], to[4300];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(from, sizeof from, "%s/%s", real, parts[i]);
        (void)snprintf(to, sizeof to, "%s/%s", home, parts[i]);
        if (access(from, F_OK) == 0 && symlink(from, to) != 0) {
            return err_errno(e, errno, "cannot make the link %s", to);
        }
    }
    return 0;
}

/* The keys that open the copied values; those of the environment are there anyway. */
static int copy_keys(const char *real, const char *home, struct err *e)
{
    char from[4300], to[4300], text[8192];
    int in, out, rc = 0;
    ssize_t n;

    (void)snprintf(from, sizeof from, "%s/" SECRET_KEY_FILE, real);
    (void)snprintf(to, sizeof to, "%s/" SECRET_KEY_FILE, home);
    in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return errno == ENOENT ? 0 : err_errno(e, errno, "%s", from);
    }
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    n = out >= 0 ? read(in, text, sizeof text) : -1;
    if (n < 0 || write(out, text, (size_t)n) != n) {
        rc = err_errno(e, errno, "%s", to);
    }
    explicit_bzero(text, sizeof text);
    (void)close(in);
    if (out >= 0) {
        (void)close(out);
    }
    return rc;
}

static int copy_settings(struct store *from, struct store *to, struct arena *a, struct err *e)
{
    static const char *const kinds[] = {"variable", "connection"};
    struct pool_row *pools;
    size_t n;
    int rc = 0;

    for (size_t k = 0; rc == 0 && k < sizeof kinds / sizeof kinds[0]; k++) {
        struct setting_row *rows;

        rc = from->ops->get_settings(from, kinds[k], NULL, a, &rows, &n, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            rows[i].version = 0;
        }
        rc = rc == 0 && n != 0 ? to->ops->put_settings(to, rows, n, e) : rc;
    }
    rc = rc == 0 ? from->ops->get_pools(from, a, &pools, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = to->ops->put_pool(to, &pools[i], false, e);
    }
    return rc;
}

static int copy_store(const char *real, const char *home, struct err *e)
{
    char path[4300];
    struct store *from, *to = NULL;
    struct arena a;
    int rc;

    (void)snprintf(path, sizeof path, "%s/%s", real, STORE_FILE);
    if (access(path, F_OK) != 0) {
        return 0; /* nothing is stored yet */
    }
    rc = store_sqlite_open(path, STORE_READ_ONLY, &from, e);
    if (rc != 0) {
        return rc;
    }
    arena_init(&a, MiB(512));
    (void)snprintf(path, sizeof path, "%s/%s", home, STORE_FILE);
    rc = store_sqlite_open(path, 0, &to, e);
    rc = rc == 0 ? copy_settings(from, to, &a, e) : rc;
    store_close(to);
    store_close(from);
    arena_fini(&a);
    return rc;
}

/* Without bundles of their own, all DAG files are in the DAGs folder: then it is named for whatever is started. */
static bool is_only_folder(const char *home, const char *folder)
{
    const char **list = NULL;
    struct arena a;
    size_t n = 0;
    bool only;

    arena_init(&a, MiB(16));
    only = folder_list(home, &a, &list, &n, NULL) != 0 || n == 0 ||
           (n == 1 && strcmp(list[0], folder) == 0);
    arena_fini(&a);
    return only;
}

int test_home_make(const struct cli *cli, char *buf, size_t cap, struct err *e)
{
    char real[4096], folder[4096];
    int rc = home_resolve(cli_opt(cli, "home"), real, sizeof real, e);

    buf[0] = '\0';
    rc = rc == 0 ? folder_resolve(real, folder, sizeof folder, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (is_only_folder(real, folder)) {
        (void)setenv("TRADEWIND_DAGS", folder, 1);
    }
    rc = home_temporary(buf, cap, e);
    if (rc != 0) {
        buf[0] = '\0';
        return rc;
    }
    rc = link_parts(real, buf, e);
    rc = rc == 0 ? copy_keys(real, buf, e) : rc;
    rc = rc == 0 ? copy_store(real, buf, e) : rc;
    if (rc != 0) {
        home_remove(buf);
        buf[0] = '\0';
    }
    return rc;
}
