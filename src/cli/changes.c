/*
 * Clears and marks: what will be touched is told first; then each run is changed by a command of its own, to the engine that lives in the home, or to one
 * that this process becomes for the moment and which starts nothing.
 */
#include "cli/changes.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/session.h"
#include "cli/term.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

#define STARTS_US  (TIME_SECOND / 20)
#define STARTS_MAX 100
#define TOLD_RUNS  50   /* with more of them, runs are counted and not told one by one */
#define TOLD_EVERY 1000 /* of so many runs */

struct work {
    struct changes *c;
    struct store *store;
    struct plan *plan;
    struct engine *engine; /* NULL: over the socket */
    const char *key;
    struct json_writer *w; /* --json: told at the end */
    int rc;
};

static bool flag(const struct changes *c, const char *name)
{
    return cli_flag(c->cli, name);
}

static int open_plan(struct work *w)
{
    int rc = w->store == NULL ? store_open_for_reading(w->c->home, &w->store, &w->c->e) : 0;

    return rc == 0 ? plan_open(w->store, &w->c->q, home_load_version, &w->plan, &w->c->e) : rc;
}

/* ---- telling ---- */

static const char *verb(const struct changes *c, bool done)
{
    if (c->q.op == ENGINE_CLEAR) {
        return done ? "cleared" : "would clear";
    }
    return done ? "marked" : "would mark";
}

static void put_plan(struct json_writer *w, const struct changes *c, const struct plan_run *r)
{
    json_object(w);
    json_key(w, "dag_id");
    json_string(w, c->q.dag_id);
    json_key(w, "run_id");
    json_string(w, r->run->run_id);
    json_key(w, "state");
    json_string(w, run_state_to_string(r->run->state));
    json_key(w, "refused");
    json_string(w, r->refused);
    json_key(w, "newest_version");
    json_bool(w, r->moves);
    json_key(w, "tasks");
    json_array(w);
    for (size_t i = 0; i < r->tis_len; i++) {
        json_object(w);
        json_key(w, "task_id");
        json_string(w, r->dag->tasks[r->tis[i].task].task_id);
        json_key(w, "map_index");
        json_int(w, r->tis[i].map_index);
        json_key(w, "state");
        json_string(w, task_state_to_string(r->tis[i].state));
        json_object_end(w);
    }
    json_array_end(w);
    for (int gone = 0; gone < 2; gone++) {
        json_key(w, gone ? "removed" : "new");
        json_array(w);
        for (size_t i = 0; i < (gone ? r->gone_len : r->fresh_len); i++) {
            json_string(w, gone ? r->gone[i] : r->fresh[i]);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

/* "cleared load (was failed)", a line each. */
static void tell(const struct changes *c, const struct plan *p, const struct plan_run *r, bool done)
{
    const char *of = plan_runs(p) > 1 || c->q.all_runs ? " of " : "";
    const char *run_id = of[0] != '\0' ? r->run->run_id : "";
    char to[40] = "";

    if (c->q.op == ENGINE_MARK) {
        (void)snprintf(to, sizeof to, " %s", task_state_to_string((int)c->q.state));
    }
    if (r->refused != NULL) {
        (void)printf("run %s stays as it is: %s\n", r->run->run_id, r->refused);
    }
    for (size_t i = 0; i < r->tis_len; i++) {
        char index[24] = "";

        if (r->tis[i].map_index >= 0) {
            (void)snprintf(index, sizeof index, "[%d]", r->tis[i].map_index);
        }
        (void)printf("%s %s%s%s%s%s (%s %s)%s\n", verb(c, done),
                     r->dag->tasks[r->tis[i].task].task_id, index, to, of, run_id,
                     done ? "was" : "is", task_state_to_string(r->tis[i].state),
                     r->tis[i].related ? ", as it goes with one of these" : "");
    }
    for (size_t i = 0; i < r->gone_len; i++) {
        (void)printf("%s %s%s%s: the newest version does not have it as it was\n",
                     done ? "removed" : "would remove", r->gone[i], of, run_id);
    }
    for (size_t i = 0; i < r->fresh_len; i++) {
        (void)printf("%s %s%s%s: it is new\n", done ? "added" : "would add", r->fresh[i], of,
                     run_id);
    }
}

/* All of it, up to TOLD_RUNS runs in words. ret_runs: of which something would be touched. */
static int preview(struct work *w, size_t *ret_runs)
{
    const struct plan_run *r;
    uint64_t instances = 0;
    size_t n = 0;
    int rc = open_plan(w);

    while (rc == 0 && (rc = plan_next(w->plan, &r, &w->c->e)) == 1) {
        rc = 0;
        n++;
        instances += r->instances;
        if (w->w != NULL) {
            put_plan(w->w, w->c, r);
        } else if (n <= TOLD_RUNS) {
            tell(w->c, w->plan, r, false);
        }
    }
    if (rc == 0 && w->w == NULL && n > TOLD_RUNS) {
        (void)printf("... %zu runs and %llu task instances in all\n", n,
                     (unsigned long long)instances);
    }
    plan_close(w->plan);
    w->plan = NULL;
    *ret_runs = n;
    return rc;
}

/* ---- applying ---- */

static int over_socket(const struct changes *c, const struct engine_command *cmd, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    char *answer = NULL;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, cmd->op == ENGINE_CLEAR ? "clear" : "mark");
    if (cmd->op == ENGINE_MARK) {
        json_key(&w, "state");
        json_string(&w, task_state_to_string((int)cmd->state));
    }
    if (cmd->key != NULL) {
        json_key(&w, "key");
        json_string(&w, cmd->key);
    }
    json_key(&w, "actor");
    json_string(&w, cmd->actor);
    json_key(&w, "run_key");
    json_int(&w, cmd->run_key);
    json_key(&w, "version_key");
    json_int(&w, cmd->version_key);
    json_key(&w, "move");
    json_bool(&w, cmd->move);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < cmd->tasks_len; i++) {
        json_int(&w, cmd->tasks[i]);
    }
    json_array_end(&w);
    json_key(&w, "map_indexes");
    json_array(&w);
    for (size_t i = 0; i < cmd->tasks_len; i++) {
        json_int(&w, cmd->map_indexes[i]);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (buf_status(&b) != 0 || b.len < 2) {
        return err_set(e, ERR_LIMIT, "the command is too large");
    }
    b.p[b.len - 1] = '\0'; /* the members alone, without their braces */
    rc = engine_request(c->home, "command", b.p + 1, &answer, e);
    mem_free(answer);
    return rc;
}

static int apply_run(struct work *w, const struct plan_run *r)
{
    struct changes *c = w->c;
    struct engine_command cmd;
    struct err e = {0};
    uint32_t affected = 0;
    int rc = plan_command(w->plan, r, w->key, session_actor(), &cmd, &c->e);

    if (rc != 0) {
        return rc;
    }
    if (r->refused == NULL) {
        rc = w->engine != NULL ? engine_command(w->engine, &cmd, &affected, &e)
                               : over_socket(c, &cmd, &e);
    }
    if (rc == -ERR_CLOSED || rc == -ERR_NOMEM || (rc != 0 && plan_runs(w->plan) == 1)) {
        c->e = e;
        return rc;
    }
    if (rc != 0 || r->refused != NULL) {
        c->refused++;
        (void)fprintf(stderr, "run %s stays as it is: %s\n", r->run->run_id,
                      r->refused != NULL ? r->refused : err_str(&e));
        return 0;
    }
    c->runs++;
    c->instances += r->instances;
    c->run_key = r->run->run_key;
    (void)snprintf(c->run_id, sizeof c->run_id, "%s", r->run->run_id);
    if (w->w != NULL) {
        put_plan(w->w, c, r);
    } else if (!flag(c, "quiet") && plan_runs(w->plan) <= TOLD_RUNS) {
        tell(c, w->plan, r, true);
    } else if (!flag(c, "quiet") && c->runs % TOLD_EVERY == 0) {
        (void)printf("%s %zu of %zu runs\n", verb(c, true), c->runs, plan_runs(w->plan));
        (void)fflush(stdout);
    }
    return 0;
}

static int apply_all(struct work *w)
{
    const struct plan_run *r;
    int rc = open_plan(w);

    while (rc == 0 && (rc = plan_next(w->plan, &r, &w->c->e)) == 1) {
        rc = apply_run(w, r);
    }
    if (rc == 0 && w->w == NULL && !flag(w->c, "quiet") && plan_runs(w->plan) > TOLD_RUNS) {
        (void)printf("%s %llu task instances of %zu runs\n", verb(w->c, true),
                     (unsigned long long)w->c->instances, w->c->runs);
    }
    if (rc != 0 && w->key != NULL && w->c->runs > 0) {
        (void)fprintf(stderr, "%zu of %zu runs are done; the same command with --key %s goes on\n",
                      w->c->runs, plan_runs(w->plan), w->key);
    }
    plan_close(w->plan);
    w->plan = NULL;
    return rc;
}

/* One that has just begun has the lock before it listens. */
static void wait_for_engine(const struct changes *c)
{
    for (int i = 0; i < STARTS_MAX; i++) {
        struct err e = {0};
        int rc = engine_request(c->home, "ping", "", NULL, &e);

        if (rc == 0 || co_sleep(STARTS_US) != 0) {
            return;
        }
    }
}

static int apply_main(void *arg)
{
    struct work *w = arg;
    struct session_options o = {.home = w->c->home, .gather_us = -1};
    struct session s;
    int64_t pid;

    w->rc = session_open(&s, loop_current(), &o, NULL, 0, &pid, &w->c->e);
    w->c->alive = w->rc == -ERR_BUSY;
    if (w->c->alive) {
        w->c->e = (struct err){0};
        wait_for_engine(w->c);
        w->rc = apply_all(w);
    } else if (w->rc == 0) {
        engine_interrupt(s.engine); /* nothing starts here */
        w->engine = s.engine;
        w->rc = apply_all(w);
        session_close(&s);
    }
    return 0;
}

static int apply(struct work *w)
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &w->c->e);

    if (rc == 0) {
        rc = loop_main(l, apply_main, w, &w->c->e);
        loop_free(l);
    }
    return rc == 0 ? w->rc : rc;
}

/* ---- the whole ---- */

static bool says_yes(void)
{
    char line[16];

    (void)fflush(stdout);
    (void)fprintf(stderr, "Proceed? (y/n) ");
    return fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

/* Told, and agreed to; *ret: go on. */
static int agree(struct work *w, bool *ret)
{
    struct changes *c = w->c;
    bool dry = flag(c, "dry-run"), yes = flag(c, "yes"), asks = term_is_tty(STDIN_FILENO);
    struct json_writer *writer = w->w;
    size_t runs = 0;
    int rc;

    *ret = true;
    if (!dry && (yes || (!asks && !c->must_agree))) {
        return 0;
    }
    w->w = dry ? writer : NULL;
    rc = preview(w, &runs);
    w->w = writer;
    *ret = rc == 0 && !dry && runs > 0;
    if (rc == 0 && dry) {
        c->runs = runs;
    }
    if (!*ret) {
        return rc;
    }
    if (!asks) {
        return err_set(&c->e, ERR_USAGE, "this changes what is stored of the run; add --yes");
    }
    return says_yes() ? 0 : err_set(&c->e, ERR_CANCELED, "nothing was changed");
}

int changes_run(struct changes *c)
{
    struct work w = {.c = c, .key = cli_opt(c->cli, "key")};
    struct json_writer writer;
    struct buf out BUF_CLEANUP;
    char own_key[64];
    bool go = true;
    int rc;

    buf_init(&out, MiB(256));
    if (flag(c, "json")) {
        json_writer_init(&writer, &out, 2);
        json_array(&writer);
        w.w = &writer;
    }
    if (w.key == NULL && (c->q.all_runs || c->q.past || c->q.future)) {
        (void)snprintf(own_key, sizeof own_key, "%s-%lld-%d",
                       c->q.op == ENGINE_CLEAR ? "clear" : "mark", (long long)time(NULL),
                       (int)getpid());
        w.key = own_key;
    }
    rc = agree(&w, &go);
    rc = rc == 0 && go ? apply(&w) : rc;
    if (rc == 0 && w.w != NULL) {
        json_array_end(&writer);
        (void)printf("%s\n", buf_cstr(&out));
    }
    store_close(w.store);
    return rc;
}

/* ---- options ---- */

static int64_t time_option(struct cli *cli, const char *name)
{
    const char *text = cli_opt(cli, name);
    int64_t t = TIME_NONE;

    return text != NULL && time_parse(text, strlen(text), &t) == 0 ? t : TIME_NONE;
}

int changes_options(struct changes *c)
{
    struct plan_query *q = &c->q;
    const char *run = cli_arg(c->cli, "RUN");

    q->dag_id = cli_arg(c->cli, "DAG");
    q->run_id = run;
    q->past = flag(c, "past");
    q->future = flag(c, "future");
    q->all_runs = flag(c, "all-runs");
    q->from_us = time_option(c->cli, "from");
    q->to_us = time_option(c->cli, "to");
    q->upstream = flag(c, "upstream");
    q->only_failed = flag(c, "failed");
    q->only_running = flag(c, "running");
    q->newest = flag(c, "newest");
    q->map_index =
        cli_opt(c->cli, "map-index") != NULL ? (int32_t)cli_opt_int(c->cli, "map-index") : -1;
    if (q->all_runs && run != NULL) {
        return err_set(&c->e, ERR_USAGE, "--all-runs takes no run");
    }
    if (q->all_runs && (q->past || q->future)) {
        return err_set(&c->e, ERR_USAGE, "--all-runs has --from and --to, not --past and --future");
    }
    if (!q->all_runs && (cli_given(c->cli, "from") || cli_given(c->cli, "to"))) {
        return err_set(&c->e, ERR_USAGE, "--from and --to need --all-runs");
    }
    return 0;
}
