/*
 * tasks clear, and what `runs resume` does to a run that failed. The living engine is asked; where none lives, this process becomes it for the
 * moment, without starting anything.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/lookup.h"
#include "cli/session.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"

struct clearing {
    struct cli *cli;
    char home[4096];
    struct found f;
    uint32_t *tasks; /* in f.arena */
    int32_t *maps;   /* of the named task the one instance; -1 = all */
    size_t tasks_len;
    uint32_t affected;
    int rc;
    struct err e;
};

static bool is_failed(int state)
{
    return state == TASK_FAILED || state == TASK_UPSTREAM_FAILED;
}

/* Marks by reachability; `topo` visits every edge after its source (or before, from the end). */
static void mark_below(const struct dag *d, bool *mark)
{
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        uint32_t t = d->topo[i];

        for (uint32_t j = d->down_off[t]; mark[t] && j < d->down_off[t + 1]; j++) {
            mark[d->down[j]] = true;
        }
    }
}

static void mark_above(const struct dag *d, bool *mark)
{
    for (uint32_t i = d->tasks_len; i-- > 0;) {
        uint32_t t = d->topo[i];

        for (uint32_t j = d->up_off[t]; mark[t] && j < d->up_off[t + 1]; j++) {
            mark[d->up[j]] = true;
        }
    }
}

/* With --map-index: of the task and of those in its mapped group that index, as in Airflow; of others all. */
static int32_t index_of(const struct clearing *c, uint32_t t)
{
    uint32_t group = c->f.task->map_group;
    bool same =
        t == c->f.task->index || (group != UINT32_MAX && c->f.dag->tasks[t].map_group == group);

    return same ? (int32_t)cli_opt_int(c->cli, "map-index") : -1;
}

static int choose(struct clearing *c)
{
    const struct dag *d = c->f.dag;
    bool *below = arena_array(&c->f.arena, d->tasks_len, sizeof *below);
    bool *above = arena_array(&c->f.arena, d->tasks_len, sizeof *above);

    c->tasks = arena_array(&c->f.arena, d->tasks_len, sizeof *c->tasks);
    c->maps = arena_array(&c->f.arena, d->tasks_len, sizeof *c->maps);
    if (below == NULL || above == NULL || c->tasks == NULL || c->maps == NULL) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    below[c->f.task->index] = above[c->f.task->index] = true;
    if (!cli_flag(c->cli, "only")) {
        mark_below(d, below);
    }
    if (cli_flag(c->cli, "upstream")) {
        mark_above(d, above);
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if ((below[t] || above[t]) &&
            (!cli_flag(c->cli, "failed") || is_failed(found_ti(&c->f, t).state))) {
            c->maps[c->tasks_len] = index_of(c, t);
            c->tasks[c->tasks_len++] = t;
        }
    }
    return 0;
}

/* ---- how it is applied ---- */

static int ask_engine(struct clearing *c)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    char *answer = NULL;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, "clear");
    json_key(&w, "run_key");
    json_int(&w, c->f.run.run_key);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < c->tasks_len; i++) {
        json_int(&w, c->tasks[i]);
    }
    json_array_end(&w);
    json_key(&w, "map_indexes");
    json_array(&w);
    for (size_t i = 0; i < c->tasks_len; i++) {
        json_int(&w, c->maps[i]);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (buf_status(&b) != 0) {
        return err_set(&c->e, ERR_LIMIT, "too many tasks for one command");
    }
    b.p[b.len - 1] = '\0'; /* the members alone, without their braces */
    rc = engine_request(c->home, "command", b.p + 1, &answer, &c->e);
    mem_free(answer);
    c->affected = (uint32_t)c->tasks_len;
    return rc;
}

static int clear_main(void *arg)
{
    struct clearing *c = arg;
    struct session_options o = {.home = c->home, .gather_us = -1};
    struct engine_command cmd = {.op = ENGINE_CLEAR,
                                 .run_key = c->f.run.run_key,
                                 .tasks = c->tasks,
                                 .map_indexes = c->maps,
                                 .tasks_len = c->tasks_len,
                                 .actor = "cli"};
    struct session s;
    int64_t pid;

    c->rc = session_open(&s, loop_current(), &o, NULL, 0, &pid, &c->e);
    if (c->rc == -ERR_BUSY) {
        c->e.text[0] = '\0';
        c->rc = ask_engine(c);
        return 0;
    }
    if (c->rc == 0) {
        engine_interrupt(s.engine); /* nothing starts here */
        c->rc = engine_command(s.engine, &cmd, &c->affected, &c->e);
        session_close(&s);
    }
    return 0;
}

static int apply(struct clearing *c)
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &c->e);

    if (rc == 0) {
        rc = loop_main(l, clear_main, c, &c->e);
        loop_free(l);
    }
    return rc == 0 ? c->rc : rc;
}

int cmd_tasks_clear(struct cli *cli)
{
    struct clearing c = {.cli = cli};
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &c.e);

    if (rc == 0) {
        rc = found_open(&c.f, c.home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"),
                        cli_arg(cli, "TASK"), &c.e);
    }
    rc = rc == 0 ? choose(&c) : rc;
    if (rc == 0 && c.tasks_len == 0) {
        (void)printf("Nothing to clear.\n");
    } else if (rc == 0) {
        bool dry = cli_flag(cli, "dry-run");

        rc = dry ? 0 : apply(&c);
        for (size_t i = 0; rc == 0 && i < c.tasks_len && !cli_flag(cli, "quiet"); i++) {
            (void)printf("%s %s (was %s)\n", dry ? "would clear" : "cleared",
                         c.f.dag->tasks[c.tasks[i]].task_id,
                         task_state_to_string(found_ti(&c.f, c.tasks[i]).state));
        }
        if (rc == 0 && !dry && !cli_flag(cli, "quiet")) {
            (void)printf("`tradewind runs resume %s %s` goes on with the run.\n", c.f.dag->dag_id,
                         c.f.run.run_id);
        }
    }
    found_fini(&c.f);
    return rc != 0 ? cli_fail(rc, &c.e) : 0;
}

/* ---- for `runs resume` ---- */

int resume_failed(struct session *s, int64_t run_key, uint32_t *ret_affected, struct err *e)
{
    struct found f;
    struct engine_command cmd = {.op = ENGINE_CLEAR, .run_key = run_key, .actor = "cli"};
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
