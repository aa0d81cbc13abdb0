/*
 * tasks clear, tasks mark, runs rerun, runs mark; and what `runs resume` does to a run that failed. The living engine is asked; where none lives, this
 * process becomes it for the moment, without starting anything.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/lookup.h"
#include "cli/session.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "store/store.h"

static bool is_failed(int state)
{
    return state == TASK_FAILED || state == TASK_UPSTREAM_FAILED;
}

/* What to do next, where no tradewind works in the home. */
static void tell_end(const struct changes *c, struct cli *cli)
{
    bool quiet = cli_flag(cli, "quiet") || cli_flag(cli, "json");

    if (c->runs == 0 && c->refused == 0 && !cli_flag(cli, "json")) {
        (void)printf("Nothing to %s.\n", c->q.op == ENGINE_CLEAR ? "clear" : "mark");
    } else if (c->q.op == ENGINE_CLEAR && !c->alive && !quiet && !cli_flag(cli, "dry-run")) {
        (void)printf(c->runs > 1 || c->q.all_runs
                         ? "`tradewind runs resume %s RUN` goes on with a run.\n"
                         : "`tradewind runs resume %s %s` goes on with the run.\n",
                     c->q.dag_id, c->run_id);
    }
}

/* A run that refuses is an error of its own. */
static int end_of(const struct changes *c, int rc)
{
    if (rc != 0) {
        return cli_fail(rc, &c->e);
    }
    return c->refused > 0 ? 1 : 0;
}

int cmd_tasks_clear(struct cli *cli)
{
    struct changes c = {.cli = cli, .q.op = ENGINE_CLEAR};
    const char *task = cli_arg(cli, "TASK");
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &c.e);

    rc = rc == 0 ? changes_options(&c) : rc;
    c.q.tasks = &task;
    c.q.tasks_len = 1;
    c.q.regex = cli_flag(cli, "regex");
    c.q.downstream = cli_flag(cli, "downstream") || !cli_flag(cli, "only");
    rc = rc == 0 ? changes_run(&c) : rc;
    if (rc == 0) {
        tell_end(&c, cli);
    }
    return end_of(&c, rc);
}

int cmd_tasks_mark(struct cli *cli)
{
    struct changes c = {.cli = cli, .q.op = ENGINE_MARK, .must_agree = true};
    const char *task = cli_arg(cli, "TASK");
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &c.e);

    c.q.state = (enum task_state)task_state_from_string(cli_arg(cli, "STATE"));
    rc = rc == 0 ? changes_options(&c) : rc;
    c.q.tasks = &task;
    c.q.tasks_len = 1;
    c.q.downstream = cli_flag(cli, "downstream");
    rc = rc == 0 ? changes_run(&c) : rc;
    if (rc == 0) {
        tell_end(&c, cli);
    }
    return end_of(&c, rc);
}

int cmd_runs_rerun(struct cli *cli)
{
    struct changes c = {.cli = cli, .q.op = ENGINE_CLEAR};
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &c.e);

    rc = rc == 0 ? changes_options(&c) : rc;
    c.q.downstream = c.q.only_failed;
    rc = rc == 0 ? changes_run(&c) : rc;
    if (rc == 0 && c.runs == 1 && !c.alive && !cli_flag(cli, "dry-run") && !cli_flag(cli, "json")) {
        return run_on(cli, c.home, c.run_key, c.run_id); /* to its end, here */
    }
    if (rc == 0) {
        tell_end(&c, cli);
    }
    return end_of(&c, rc);
}

/* ---- a run as a whole ---- */

struct run_mark {
    struct found f;
    bool failed;
};

static int mark_here(struct engine *g, void *arg, struct err *e)
{
    struct run_mark *m = arg;
    struct engine_command cmd = {.op = m->failed ? ENGINE_STOP_RUN : ENGINE_MARK,
                                 .run_key = m->f.run.run_key,
                                 .state = m->failed ? TASK_FAILED : TASK_SUCCESS,
                                 .actor = session_actor()};
    uint32_t affected;

    return engine_command(g, &cmd, &affected, e);
}

int cmd_runs_mark(struct cli *cli)
{
    struct run_mark m = {.failed = strcmp(cli_arg(cli, "STATE"), "failed") == 0};
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct err e = {0};
    char home[4096];
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    buf_init(&b, LIMIT_MESSAGE / 2);
    rc = rc == 0 ? found_open(&m.f, home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"), NULL, &e) : rc;
    if (rc == 0 && cli_flag(cli, "dry-run")) {
        (void)printf("would mark run %s %s (is %s)\n", m.f.run.run_id, cli_arg(cli, "STATE"),
                     run_state_to_string(m.f.run.state));
    } else if (rc == 0) {
        json_writer_init(&w, &b, 0);
        json_object(&w);
        json_key(&w, "op");
        json_string(&w, m.failed ? "stop" : "mark");
        json_key(&w, "state");
        json_string(&w, m.failed ? "failed" : "success");
        json_key(&w, "actor");
        json_string(&w, session_actor());
        json_key(&w, "run_key");
        json_int(&w, m.f.run.run_key);
        json_object_end(&w);
        rc = session_command(home, "command", &b, mark_here, &m, NULL, &e);
        if (rc == 0 && !cli_flag(cli, "quiet")) {
            (void)printf("marked run %s %s (was %s)\n", m.f.run.run_id, cli_arg(cli, "STATE"),
                         run_state_to_string(m.f.run.state));
        }
    }
    found_fini(&m.f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- for `runs resume` ---- */

int resume_failed(struct session *s, int64_t run_key, uint32_t *ret_affected, struct err *e)
{
    struct found f;
    struct engine_command cmd = {.op = ENGINE_CLEAR, .run_key = run_key, .actor = session_actor()};
    uint32_t *tasks = NULL;
    int32_t *maps = NULL;
    int rc = found_open_key(&f, s->home, run_key, e);

    if (rc == 0) {
        tasks = arena_array(&f.arena, f.dag->tasks_len + f.tis_len, sizeof *tasks);
        maps = arena_array(&f.arena, f.dag->tasks_len + f.tis_len, sizeof *maps);
        rc = tasks == NULL || maps == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
    }
    for (uint32_t t = 0; rc == 0 && t < f.dag->tasks_len; t++) {
        struct ti_row row = found_ti(&f, t);

        if (is_failed(row.state) && row.map_len == 0) {
            maps[cmd.tasks_len] = -1;
            tasks[cmd.tasks_len++] = t;
        }
    }
    for (size_t i = 0; rc == 0 && i < f.tis_len; i++) { /* of mapped tasks those that failed */
        const struct ti_key *k = &f.tis[i].key;

        if (k->map_index >= 0 && is_failed(f.tis[i].state) &&
            k->map_index < found_ti(&f, k->task).map_len) {
            maps[cmd.tasks_len] = k->map_index;
            tasks[cmd.tasks_len++] = k->task;
        }
    }
    cmd.tasks = tasks;
    cmd.map_indexes = maps;
    if (rc == 0 && cmd.tasks_len == 0) {
        rc = err_set(e, ERR_CONFLICT,
                     "run %s failed, but none of its tasks did; clear what should run again",
                     f.run.run_id);
    }
    rc = rc == 0 ? engine_command(s->engine, &cmd, ret_affected, e) : rc;
    found_fini(&f);
    return rc;
}
