/* dags show: the graph of a DAG file, or of a run with the states of its tasks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/defined.h"
#include "cli/graph.h"
#include "cli/lookup.h"
#include "cli/session.h"
#include "cli/term.h"
#include "cli/waiting.h"
#include "model/dag.h"
#include "store/store.h"

static int draw(struct cli *cli, const struct dag *d, const uint8_t *states, struct buf *out,
                struct err *e)
{
    const char *format = cli_opt(cli, "format");
    struct json_writer w;
    struct graph_options o = {
        .states = states,
        .width = cli_opt(cli, "output") == NULL && term_is_tty(STDOUT_FILENO) ? term_width() : 0,
        .unicode = term_unicode(),
    };

    if (cli_flag(cli, "json") || (format != NULL && strcmp(format, "json") == 0)) {
        json_writer_init(&w, out, 2);
        json_value(&w, d->document);
        return buf_char(out, '\n');
    }
    return graph_render(format != NULL ? format : "text", d, &o, out, e);
}

/* Below the picture: what the next run of a DAG that is started by assets waits for. */
static void put_waiting(struct cli *cli, const char *home, const char *dag_id, struct buf *out)
{
    const char *format = cli_opt(cli, "format");
    struct store *s = NULL;

    if (cli_flag(cli, "json") || (format != NULL && strcmp(format, "text") != 0) ||
        store_open_for_reading(home, &s, NULL) != 0) {
        return;
    }
    waiting_put(s, dag_id, "Its next run", out);
    store_close(s);
}

/* What a file says, or the bundles, or else the store. */
static int show_defined(struct cli *cli, const char *arg, const char *home, struct buf *out,
                        struct err *e)
{
    struct dag *d = NULL;
    int rc = cli_defined_dag(cli, arg, home, &d, e);

    rc = rc == 0 ? draw(cli, d, NULL, out, e) : rc;
    if (rc == 0) {
        put_waiting(cli, home, d->dag_id, out);
    }
    dag_unref(d);
    return rc;
}

/* A run, with its states. */
static int show_run(struct cli *cli, const char *dag_id, const char *home, struct buf *out,
                    struct err *e)
{
    struct found f = {0};
    uint8_t *states = NULL;
    int rc;

    rc = found_open(&f, home, dag_id, cli_opt(cli, "run"), NULL, e);
    if (rc == 0) {
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
    char home[4096];
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    int rc;

    buf_init(&out, MiB(256));
    rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);
    if (rc == 0) {
        rc = cli_opt(cli, "run") != NULL ? show_run(cli, cli_arg(cli, "DAG"), home, &out, &e)
                                         : show_defined(cli, cli_arg(cli, "DAG"), home, &out, &e);
    }
    rc = rc == 0 ? write_out(cli_opt(cli, "output"), &out, &e) : rc;
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
