/* man: one page for the program and one for each command, or the reference in Markdown. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/airflow.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "server/metrics.h"

/* mkdir -p */
static int make_folders(const char *path, struct err *e)
{
    char part[4096];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof part) {
        return err_set(e, ERR_USAGE, "\"%.60s\" is no folder's name", path);
    }
    for (size_t i = 1; i <= n; i++) {
        if (path[i] == '/' || path[i] == 0) {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0777) != 0 && errno != EEXIST) {
                return err_errno(e, errno, "%s", part);
            }
        }
    }
    return 0;
}

static int write_file(const char *dir, const char *name, const struct buf *b, struct err *e)
{
    char path[4400];
    FILE *f;
    bool ok;

    if (buf_status(b) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "we");
    if (f == NULL) {
        return err_errno(e, errno, "%s", path);
    }
    ok = fwrite(buf_cstr(b), 1, b->len, f) == b->len;
    ok = fclose(f) == 0 && ok;
    return ok ? 0 : err_set(e, ERR_IO, "%s could not be written", path);
}

static int write_page(const char *dir, const struct command *c, struct err *e)
{
    struct buf b BUF_CLEANUP;
    char name[160] = "tradewind.1";

    buf_init(&b, MiB(1));
    (void)man_page(c, &b);
    if (c != NULL) {
        (void)snprintf(name, sizeof name, "tradewind-%s.1", c->name);
        for (char *p = name; *p != 0; p++) {
            *p = *p == ' ' ? '-' : *p;
        }
    }
    return write_file(dir, name, &b, e);
}

int cmd_man(struct cli *cli)
{
    const char *dir = cli_arg(cli, "DIR");
    struct buf b BUF_CLEANUP;
    struct err e = {0};
    int rc = make_folders(dir, &e);

    buf_init(&b, MiB(1));
    if (rc == 0 && cli_flag(cli, "markdown")) {
        (void)cli_reference(&b);
        rc = write_file(dir, "cli.md", &b, &e);
        buf_clear(&b);
        (void)cli_airflow_reference(&b);
        rc = rc == 0 ? write_file(dir, "airflow-command.md", &b, &e) : rc;
        buf_clear(&b);
        (void)metrics_reference(&b);
        rc = rc == 0 ? write_file(dir, "metrics.md", &b, &e) : rc;
        return rc != 0 ? cli_fail(rc, &e) : 0;
    }
    rc = rc != 0 ? rc : write_page(dir, NULL, &e);
    for (const struct command *c = command_table; rc == 0 && c->name != NULL; c++) {
        rc = write_page(dir, c, &e);
    }
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
