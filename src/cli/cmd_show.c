/* dags show: the graph of a DAG file, or of a run with the states of its tasks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/graph.h"
#include "cli/load.h"
#include "cli/lookup.h"
#include "cli/session.h"
#include "cli/term.h"
#include "model/dag.h"

static bool is_file_name(const char *text)
{
    const char *dot = strrchr(text, '.');

    return strchr(text, '/') != NULL ||
           (dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 ||
                            strcmp(dot, ".json") == 0 || strcmp(dot, ".py") == 0));
}

static int draw(struct cli *cli, const struct dag *d, const uint8_t *states, struct buf *out,
                struct err *e)
{
    const char *format = cli_opt(cli, "format");
    struct graph_options o = {
        .states = states,
        .width = cli_opt(cli, "output") == NULL && term_is_tty(STDOUT_FILENO) ? term_width() : 0,
        .unicode = term_unicode(),
    };

    return graph_render(format != NULL ? format : "text", d, &o, out, e);
}

static int show_file(struct cli *cli, const char *path, struct buf *out, struct err *e)
{
    struct session paths = {0};
    struct dag **dags = NULL, *d;
    size_t n = 0;
    int rc = session_find_parts(&paths, cli_opt(cli, "python"), e);

    rc = rc == 0 ? load_file(path, NULL, paths.python, paths.python_path,
                             &(struct findings){.text = stderr}, &dags, &n, e)
                 : rc;
    rc = rc == 0 ? load_choose(dags, n, cli_opt(cli, "dag"), path, &d, e) : rc;
    rc = rc == 0 ? draw(cli, d, NULL, out, e) : rc;
    load_free(dags, n);
    return rc;
}

static int show_stored(struct cli *cli, const char *dag_id, struct buf *out, struct err *e)
{
    char home[4096];
    struct found f = {0};
    uint8_t *states = NULL;
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, e);

    if (rc != 0) {
        return rc;
    }
    rc = found_open(&f, home, dag_id, cli_opt(cli, "run"), NULL, e);
    if (rc == 0 && cli_opt(cli, "run") != NULL) {
        states = arena_array(&f.arena, f.dag->tasks_len, 1);
        rc = states == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
        for (uint32_t t = 0; rc == 0 && t < f.dag->tasks_len; t++) {
            states[t] = found_ti(&f, t).state;
        }
    }
    rc = rc == 0 ? draw(cli, f.dag, states, out, e) : rc;
    found_fini(&f);
    return rc;
}

static int write_out(const char *path, const struct buf *b, struct err *e)
{
    FILE *f = path != NULL ? fopen(path, "we") : stdout;
    int rc = 0;

    if (f == NULL) {
        return err_errno(e, errno, "cannot write %s", path);
    }
    if (fwrite(buf_cstr(b), 1, b->len, f) != b->len || fflush(f) != 0) {
        rc = err_errno(e, errno, "cannot write %s", path != NULL ? path : "the output");
    }
    if (path != NULL) {
        (void)fclose(f);
    }
    return rc;
}

int cmd_dags_show(struct cli *cli)
{
    const char *dag = cli_arg(cli, "DAG");
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    int rc;

    buf_init(&out, MiB(256));
    rc = is_file_name(dag) ? show_file(cli, dag, &out, &e) : show_stored(cli, dag, &out, &e);
    rc = rc == 0 ? write_out(cli_opt(cli, "output"), &out, &e) : rc;
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
