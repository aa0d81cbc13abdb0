/*
 * tasks clear, tasks mark, and what `runs resume` does to a run that failed. The living engine is asked; where none lives, this process becomes it
 * for the moment, without starting anything.
 */
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/lookup.h"
#include "cli/session.h"
#include "cli/term.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

/* What is changed in one run. */
struct change {
    struct cli *cli;
    enum engine_op op;
    enum task_state state; /* MARK: what it becomes */
    char home[4096];
    struct found f;
    bool *named;     /* by task: what the command line says; in f.arena */
    uint32_t *tasks; /* what is changed; in f.arena */
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

/* ---- what is changed ---- */

/* With --map-index: of the named tasks and of those in their mapped groups that index, as in Airflow; of others all. */
static int32_t index_of(const struct change *c, uint32_t t)
{
    const struct dag *d = c->f.dag;
    bool same = c->named[t];

    for (uint32_t i = 0; !same && d->tasks[t].map_group != UINT32_MAX && i < d->tasks_len; i++) {
        same = c->named[i] && d->tasks[i].map_group == d->tasks[t].map_group;
    }
    return same ? (int32_t)cli_opt_int(c->cli, "map-index") : -1;
}

/* TASK, or with --regex the tasks in whose id it is found. */
static int name_tasks(struct change *c)
{
    const char *pattern = cli_arg(c->cli, "TASK");
    const struct dag *d = c->f.dag;
    regex_t re;
    char text[200];
    int rc;

    c->named = arena_array(&c->f.arena, d->tasks_len, sizeof *c->named);
    if (c->named == NULL) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    if (!cli_flag(c->cli, "regex")) {
        c->named[c->f.task->index] = true;
        return 0;
    }
    rc = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        (void)regerror(rc, &re, text, sizeof text);
        return err_set(&c->e, ERR_USAGE, "\"%.60s\" is no pattern: %s", pattern, text);
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        c->named[t] = regexec(&re, d->tasks[t].task_id, 0, NULL, 0) == 0;
    }
    regfree(&re);
    return 0;
}

static bool is_taken(const struct change *c, uint32_t task)
{
    uint8_t state = found_ti(&c->f, task).state;

    return (!cli_flag(c->cli, "failed") || is_failed(state)) &&
           (!cli_flag(c->cli, "running") || state == TASK_RUNNING);
}

static bool is_below_too(const struct change *c)
{
    return c->op == ENGINE_CLEAR ? !cli_flag(c->cli, "only") : cli_flag(c->cli, "downstream");
}

static int choose(struct change *c)
{
    const struct dag *d = c->f.dag;
    bool *below, *above;
    int rc = name_tasks(c);

    below = arena_array(&c->f.arena, d->tasks_len, sizeof *below);
    above = arena_array(&c->f.arena, d->tasks_len, sizeof *above);
    c->tasks = arena_array(&c->f.arena, d->tasks_len, sizeof *c->tasks);
    c->maps = arena_array(&c->f.arena, d->tasks_len, sizeof *c->maps);
    c->tasks_len = 0;
    if (rc == 0 && (below == NULL || above == NULL || c->tasks == NULL || c->maps == NULL)) {
        rc = err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    if (rc != 0) {
        return rc;
    }
    memcpy(below, c->named, d->tasks_len * sizeof *below);
    memcpy(above, c->named, d->tasks_len * sizeof *above);
    if (is_below_too(c)) {
        mark_below(d, below);
    }
    if (cli_flag(c->cli, "upstream")) {
        mark_above(d, above);
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if ((below[t] || above[t]) && is_taken(c, t)) {
            c->maps[c->tasks_len] = index_of(c, t);
            c->tasks[c->tasks_len++] = t;
        }
    }
    return 0;
}

/* ---- how it is applied ---- */

static int ask_engine(struct change *c)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    char *answer = NULL;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, c->op == ENGINE_CLEAR ? "clear" : "mark");
    if (c->op == ENGINE_MARK) {
        json_key(&w, "state");
        json_string(&w, task_state_to_string(c->state));
    }
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

static int change_main(void *arg)
{
    struct change *c = arg;
    struct session_options o = {.home = c->home, .gather_us = -1};
    struct engine_command cmd = {.op = c->op,
                                 .run_key = c->f.run.run_key,
                                 .tasks = c->tasks,
                                 .map_indexes = c->maps,
                                 .tasks_len = c->tasks_len,
                                 .state = c->state,
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

static int apply(struct change *c)
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &c->e);

    if (rc == 0) {
        rc = loop_main(l, change_main, c, &c->e);
        loop_free(l);
    }
    return rc == 0 ? c->rc : rc;
}

/* "cleared load (was failed)", a line each. */
static void tell(const struct change *c, bool done)
{
    char to[40] = "";

    if (c->op == ENGINE_MARK) {
        (void)snprintf(to, sizeof to, " %s", task_state_to_string(c->state));
    }
    for (size_t i = 0; i < c->tasks_len; i++) {
        char index[24] = "";

        if (c->maps[i] >= 0) {
            (void)snprintf(index, sizeof index, "[%d]", c->maps[i]);
        }
        (void)printf("%s %s%s%s%s%s (%s %s)\n",
                     c->op == ENGINE_CLEAR ? (done ? "cleared" : "would clear")
                                           : (done ? "marked" : "would mark"),
                     c->f.dag->tasks[c->tasks[i]].task_id, index, to,
                     cli_flag(c->cli, "all-runs") ? " of " : "",
                     cli_flag(c->cli, "all-runs") ? c->f.run.run_id : "", done ? "was" : "is",
                     task_state_to_string(found_child(&c->f, c->tasks[i], c->maps[i]).state));
    }
}

/* ---- clear ---- */

static int clear_run(struct change *c)
{
    bool dry = cli_flag(c->cli, "dry-run");
    int rc = choose(c);

    if (rc == 0 && c->tasks_len != 0 && !dry) {
        rc = apply(c);
    }
    if (rc == 0 && (dry || !cli_flag(c->cli, "quiet"))) {
        tell(c, !dry);
    }
    return rc;
}

static int64_t time_option(struct cli *cli, const char *name, int64_t dflt)
{
    const char *text = cli_opt(cli, name);
    int64_t t = dflt;

    return text != NULL && time_parse(text, strlen(text), &t) == 0 ? t : dflt;
}

/* The DAG's runs whose logical date is in the range. *ret in the arena. */
static int runs_in_range(struct change *c, struct arena *a, struct run_row **ret, size_t *ret_len)
{
    int64_t from = time_option(c->cli, "from", INT64_MIN),
            to = time_option(c->cli, "to", INT64_MAX);
    struct store *s = NULL;
    struct dag_row dag;
    struct run_row *rows = NULL;
    size_t n = 0, kept = 0;
    int rc = store_open_for_reading(c->home, &s, &c->e);

    rc = rc == 0 ? s->ops->find_dag(s, cli_arg(c->cli, "DAG"), a, &dag, &c->e) : rc;
    if (rc == -ERR_NOTFOUND && s != NULL) {
        rc = err_set(&c->e, ERR_NOTFOUND, "there is no DAG '%s'; see `tradewind dags list`",
                     cli_arg(c->cli, "DAG"));
    }
    rc = rc == 0 ? s->ops->get_runs(s, dag.dag_key, 0, 0, 0, a, &rows, &n, &c->e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].logical_date_us >= from && rows[i].logical_date_us <= to) {
            rows[kept++] = rows[i];
        }
    }
    store_close(s);
    *ret = rows;
    *ret_len = kept;
    return rc;
}

static int clear_all(struct change *c, size_t *ret_cleared)
{
    struct run_row *runs = NULL;
    struct arena a;
    size_t n = 0;
    int rc;

    arena_init(&a, (size_t)1 << 30);
    rc = runs_in_range(c, &a, &runs, &n);
    for (size_t i = n; rc == 0 && i-- > 0;) { /* the oldest first */
        rc = found_open_key(&c->f, c->home, runs[i].run_key, &c->e);
        if (rc == 0 && !cli_flag(c->cli, "regex")) {
            c->f.task = dag_task(c->f.dag, cli_arg(c->cli, "TASK"));
        }
        if (rc == 0 && (cli_flag(c->cli, "regex") || c->f.task != NULL)) {
            rc = clear_run(c);
            *ret_cleared += c->tasks_len;
        }
        found_fini(&c->f);
    }
    arena_fini(&a);
    return rc;
}

static int clear_one(struct change *c, size_t *ret_cleared)
{
    bool regex = cli_flag(c->cli, "regex");
    int rc = found_open(&c->f, c->home, cli_arg(c->cli, "DAG"), cli_arg(c->cli, "RUN"),
                        regex ? NULL : cli_arg(c->cli, "TASK"), &c->e);

    if (rc == 0 && !regex) {
        rc = found_check_index(&c->f, (int)cli_opt_int(c->cli, "map-index"), &c->e);
    }
    rc = rc == 0 ? clear_run(c) : rc;
    *ret_cleared = c->tasks_len;
    if (rc == 0 && c->tasks_len != 0 && !cli_flag(c->cli, "dry-run") &&
        !cli_flag(c->cli, "quiet")) {
        (void)printf("`tradewind runs resume %s %s` goes on with the run.\n", c->f.dag->dag_id,
                     c->f.run.run_id);
    }
    found_fini(&c->f);
    return rc;
}

int cmd_tasks_clear(struct cli *cli)
{
    struct change c = {.cli = cli, .op = ENGINE_CLEAR};
    bool all = cli_flag(cli, "all-runs");
    size_t cleared = 0;
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &c.e);

    if (rc == 0 && all && cli_arg(cli, "RUN") != NULL) {
        rc = err_set(&c.e, ERR_USAGE, "--all-runs takes no run");
    } else if (rc == 0 && !all && (cli_given(cli, "from") || cli_given(cli, "to"))) {
        rc = err_set(&c.e, ERR_USAGE, "--from and --to need --all-runs");
    }
    if (rc == 0) {
        rc = all ? clear_all(&c, &cleared) : clear_one(&c, &cleared);
    }
    if (rc == 0 && cleared == 0) {
        (void)printf("Nothing to clear.\n");
    } else if (rc == 0 && all && !cli_flag(cli, "dry-run") && !cli_flag(cli, "quiet")) {
        (void)printf("`tradewind runs resume %s RUN` goes on with a run.\n", cli_arg(cli, "DAG"));
    }
    return rc != 0 ? cli_fail(rc, &c.e) : 0;
}

/* ---- mark ---- */

static bool is_agreed(void)
{
    char line[16];

    (void)fprintf(stderr, "Proceed? (y/n) ");
    return fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

static int mark_run(struct change *c)
{
    bool yes = cli_flag(c->cli, "yes"), dry = cli_flag(c->cli, "dry-run");
    int rc = choose(c);

    if (rc != 0 || c->tasks_len == 0) {
        return rc;
    }
    if (!yes || dry) {
        tell(c, false);
    }
    if (dry) {
        return 0;
    }
    if (!yes && !term_is_tty(STDIN_FILENO)) {
        return err_set(&c->e, ERR_USAGE, "this changes what is stored of the run; add --yes");
    }
    if (!yes && !is_agreed()) {
        return err_set(&c->e, ERR_CANCELED, "nothing was changed");
    }
    rc = apply(c);
    if (rc == 0 && !cli_flag(c->cli, "quiet")) {
        tell(c, true);
    }
    return rc;
}

int cmd_tasks_mark(struct cli *cli)
{
    struct change c = {.cli = cli, .op = ENGINE_MARK};
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &c.e);

    c.state = (enum task_state)task_state_from_string(cli_arg(cli, "STATE"));
    if (rc == 0) {
        rc = found_open(&c.f, c.home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"),
                        cli_arg(cli, "TASK"), &c.e);
    }
    rc = rc == 0 ? found_check_index(&c.f, (int)cli_opt_int(cli, "map-index"), &c.e) : rc;
    rc = rc == 0 ? mark_run(&c) : rc;
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
