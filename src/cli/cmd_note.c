/* runs note, tasks note: what people write about a run or an instance. */
#include <stdio.h>
#include <string.h>

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
#include "engine/engine.h"
#include "model/dag.h"
#include "store/store.h"

struct writing {
    struct ti_key key;
    const char *text; /* NULL: it is removed */
};

static int write_here(struct engine *g, void *arg, struct err *e)
{
    const struct writing *w = arg;

    return engine_note(g, &w->key, w->text, session_actor(), e);
}

static int write_note(const char *home, struct writing *n, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "run_key");
    json_int(&w, n->key.run_key);
    if (n->key.task != NOTE_OF_RUN) {
        json_key(&w, "task");
        json_int(&w, n->key.task);
        json_key(&w, "map_index");
        json_int(&w, n->key.map_index);
    }
    json_key(&w, "text");
    json_string(&w, n->text);
    json_key(&w, "actor");
    json_string(&w, session_actor());
    json_object_end(&w);
    return session_command(home, "note", &b, write_here, n, NULL, e);
}

static int show_note(const struct found *f, const struct ti_key *key, bool json, struct err *e)
{
    const struct note_row *note = found_note(f, key);
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, MiB(1));
    if (json) {
        json_writer_init(&w, &b, 2);
        json_object(&w);
        print_note_members(&w, note);
        json_object_end(&w);
        (void)printf("%s\n", buf_cstr(&b));
        return 0;
    }
    if (note == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no note; --set TEXT writes one");
    }
    (void)printf("%s\n", note->text);
    return 0;
}

static int note(struct cli *cli, bool of_task)
{
    const char *text = cli_opt(cli, "set");
    struct writing n = {.key = {0, NOTE_OF_RUN, -1}, .text = text};
    struct found f = {0};
    struct err e = {0};
    char home[4096];
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    if (rc == 0 && text != NULL && cli_flag(cli, "delete")) {
        rc = err_set(&e, ERR_USAGE, "--set and --delete exclude each other");
    }
    rc = rc == 0 ? found_open(&f, home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"),
                              of_task ? cli_arg(cli, "TASK") : NULL, &e)
                 : rc;
    if (rc == 0 && of_task) {
        rc = found_check_index(&f, (int)cli_opt_int(cli, "map-index"), &e);
        n.key.task = f.task != NULL ? f.task->index : 0;
        n.key.map_index = (int32_t)cli_opt_int(cli, "map-index");
    }
    n.key.run_key = f.run.run_key;
    if (rc == 0) {
        rc = text != NULL || cli_flag(cli, "delete")
                 ? write_note(home, &n, &e)
                 : show_note(&f, &n.key, cli_flag(cli, "json"), &e);
    }
    found_fini(&f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

int cmd_runs_note(struct cli *cli)
{
    return note(cli, false);
}

int cmd_tasks_note(struct cli *cli)
{
    return note(cli, true);
}
