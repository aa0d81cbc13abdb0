/* dags pause, dags unpause, dags next-execution. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/defined.h"
#include "cli/session.h"
#include "cli/waiting.h"
#include "dagfile/ask.h"
#include "dagfile/dagfile.h"
#include "engine/asking.h"
#include "engine/engine.h"
#include "engine/timing.h"
#include "home/home.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

#define WAITING_SHOWN 20 /* partitions */

/* ---- pause ---- */

struct pausing {
    char home[4096];
    const char *dag_id;
    bool paused;
};

/* A DAG of the DAGs folder that nobody has run or scheduled yet. */
static int pause_new(struct engine *g, const struct pausing *p, struct err *e)
{
    struct session paths = {0};
    struct loaded l = {0};
    struct buf b BUF_CLEANUP;
    int64_t key;
    struct load_env env = session_load_env(&paths, p->home);
    int rc;

    (void)snprintf(paths.home, sizeof paths.home, "%s", p->home);
    rc = session_find_parts(&paths, NULL, e);
    buf_init(&b, LIMIT_DOC_BYTES);
    rc = rc == 0 ? folder_load_target(p->dag_id, NULL, &env, NULL, &l, e) : rc;
    rc = rc == 0 ? folder_register(g, p->home, &l, e) : rc;
    rc = rc == 0 ? dagfile_document(l.dag, &b) : rc;
    rc = rc == 0 ? engine_add_dag(g, l.dag, buf_cstr(&b), b.len, &key, e) : rc;
    rc = rc == 0 ? engine_pause_dag(g, l.dag->dag_id, p->paused, session_actor(), e) : rc;
    loaded_fini(&l);
    return rc;
}

static int pause_here(struct engine *g, void *arg, struct err *e)
{
    const struct pausing *p = arg;
    int rc = engine_pause_dag(g, p->dag_id, p->paused, session_actor(), e);

    if (rc == -ERR_NOTFOUND) {
        struct err first = *e;

        *e = (struct err){0};
        rc = pause_new(g, p, e);
        if (rc == -ERR_NOTFOUND) {
            *e = first;
        }
    }
    return rc;
}

static int pause_one(struct pausing *p, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, KiB(8));
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, p->paused ? "pause" : "unpause");
    json_key(&w, "dag_id");
    json_string(&w, p->dag_id);
    json_object_end(&w);
    return session_command(p->home, "command", &b, pause_here, p, NULL, e);
}

static int set_paused(struct cli *cli, bool paused)
{
    struct pausing p = {.paused = paused};
    const char *const *ids;
    size_t n = cli_args(cli, "DAG", &ids);
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), p.home, sizeof p.home, &e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        p.dag_id = ids[i];
        rc = pause_one(&p, &e);
        if (rc == 0 && !cli_flag(cli, "quiet")) {
            (void)printf("DAG %s is %s.\n", ids[i], paused ? "paused" : "not paused");
        }
    }
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

int cmd_dags_pause(struct cli *cli)
{
    return set_paused(cli, true);
}

int cmd_dags_unpause(struct cli *cli)
{
    return set_paused(cli, false);
}

/* ---- what comes next ---- */

struct coming {
    struct arena arena;
    struct store *store;
    struct dag_row row;
    struct dag *dag;
    struct timing *timing;
    struct session paths;
    struct due_run last, next;
    bool has_last;
    int found; /* 1: there is a next one; 0: there is none */
    struct err e;
};

/* As the store has it, which is what a scheduler goes by; one that it does not know as it is defined. */
static int open_coming(struct cli *cli, struct coming *c, const char *home, const char *dag_id)
{
    struct run_row run;
    int rc = store_open_for_reading(home, &c->store, &c->e);

    rc = rc == 0 ? c->store->ops->find_dag(c->store, dag_id, &c->arena, &c->row, &c->e) : rc;
    rc = rc == 0 ? home_load_version(c->store, c->row.version_key, &c->dag, &c->e) : rc;
    if (rc == -ERR_NOTFOUND) {
        c->e = (struct err){0};
        rc = cli_defined_dag(cli, dag_id, home, &c->dag, &c->e);
    }
    rc = rc == 0 ? timing_new(c->dag, &c->timing, &c->e) : rc;
    if (rc == 0 && c->row.dag_key != 0 &&
        c->store->ops->last_scheduled_run(c->store, c->row.dag_key, &c->arena, &run, NULL) == 0) {
        c->last = (struct due_run){run.dag_key, run.logical_date_us, run.data_interval_start_us,
                                   run.data_interval_end_us, run.run_after_us};
        c->has_last = true;
    }
    return rc;
}

static void close_coming(struct coming *c)
{
    timing_free(c->timing);
    dag_unref(c->dag);
    store_close(c->store);
    arena_fini(&c->arena);
}

static void write_time(struct json_writer *w, const char *name, int64_t us)
{
    char text[TIME_TEXT_MAX];

    json_key(w, name);
    json_string(w, us != TIME_NONE ? time_format(us, text) : NULL);
}

static void show_run(struct json_writer *w, const struct due_run *r)
{
    char text[TIME_TEXT_MAX];

    if (w == NULL) {
        (void)puts(time_format(r->run_after_us, text));
        return;
    }
    json_object(w);
    write_time(w, "run_after", r->run_after_us);
    write_time(w, "logical_date", r->logical_us);
    write_time(w, "data_interval_start", r->start_us);
    write_time(w, "data_interval_end", r->end_us);
    json_object_end(w);
}

/* Its class is asked here, too. */
static int ask(void *arg)
{
    struct coming *c = arg;
    struct ask_config config = {.python = c->paths.python, .python_path = c->paths.python_path};
    struct buf question BUF_CLEANUP;
    const char *answer;
    size_t n;
    int rc;

    buf_init(&question, MiB(16));
    asking_next(c->dag, c->has_last ? &c->last : NULL, &question);
    rc = buf_status(&question) != 0 ? err_set(&c->e, ERR_LIMIT, "the time table is too large")
                                    : ask_python(&config, buf_cstr(&question), question.len,
                                                 &c->arena, &answer, &n, &c->e);
    c->found = rc == 0 ? asking_read(answer, n, &c->next, &c->e) : rc;
    return 0;
}

static int ask_class(struct coming *c)
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = c->paths.python[0] == '\0' ? session_find_parts(&c->paths, NULL, &c->e) : 0;

    rc = rc == 0 ? loop_uv_new(&lc, &l, &c->e) : rc;
    if (rc == 0) {
        rc = loop_main(l, ask, c, &c->e);
        loop_free(l);
    }
    if (rc == 0 && c->found < 0) {
        rc = err_prefix(&c->e, c->found, "the time table of DAG '%s'", c->dag->dag_id);
    }
    return rc;
}

static int show_coming(struct coming *c, int64_t n, struct json_writer *w)
{
    int64_t now_us = (int64_t)time(NULL) * TIME_SECOND;
    int rc = 0;

    for (int64_t i = 0; rc == 0 && i < n && c->timing != NULL; i++) {
        if (asking_needed(c->dag)) {
            rc = ask_class(c);
        } else {
            c->found = timing_next(c->timing, c->dag, c->has_last ? &c->last : NULL, now_us,
                                   &c->next) == DUE_FOUND;
        }
        if (rc != 0 || c->found == 0) {
            break;
        }
        show_run(w, &c->next);
        c->last = c->next;
        c->has_last = true;
    }
    return rc;
}

/* What it waits for beside the clock: to people as words, before the times. */
static int show_waiting(struct coming *c)
{
    const struct value *schedule =
        c->dag->document != NULL ? value_get(c->dag->document, "schedule") : NULL;
    struct waiting_row *rows;
    struct buf words BUF_CLEANUP;
    size_t n;
    int rc;

    buf_init(&words, MiB(64));
    if (!waiting_is_schedule(schedule)) {
        if (c->timing == NULL) {
            (void)fprintf(stderr, "DAG %s has no schedule.\n", c->dag->dag_id);
        }
        return 0;
    }
    rc = waiting_rows(c->store, c->row.dag_key, schedule, &c->arena, &rows, &n, &c->e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        buf_clear(&words);
        waiting_words(&rows[i], &words);
        if (i == WAITING_SHOWN) {
            (void)printf("... %zu more partitions: `tradewind assets queue %s`\n", n - i,
                         c->dag->dag_id);
            break;
        }
        (void)printf("%s%s%s%s\n", rows[i].partition != NULL ? "partition " : "",
                     rows[i].partition != NULL ? rows[i].partition : "",
                     rows[i].partition != NULL ? " " : "", buf_cstr(&words));
    }
    return rc;
}

int cmd_dags_next(struct cli *cli)
{
    struct coming c = {0};
    char home[4096];
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    bool json = cli_flag(cli, "json");
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &c.e);

    arena_init(&c.arena, MiB(64));
    buf_init(&b, MiB(16));
    rc = rc == 0 ? open_coming(cli, &c, home, cli_arg(cli, "DAG")) : rc;
    rc = rc == 0 && !json ? show_waiting(&c) : rc;
    if (rc == 0) {
        json_writer_init(&w, &b, 2);
        json_array(&w);
        rc = show_coming(&c, cli_opt_int(cli, "num-executions"), json ? &w : NULL);
        json_array_end(&w);
    }
    if (rc == 0) {
        if (json) {
            (void)puts(buf_cstr(&b));
        }
        if (c.row.paused && !cli_flag(cli, "quiet")) {
            (void)fprintf(stderr,
                          "DAG %s is paused; `tradewind dags unpause %s` lets its runs be made.\n",
                          c.dag->dag_id, c.dag->dag_id);
        }
    }
    close_coming(&c);
    return rc != 0 ? cli_fail(rc, &c.e) : 0;
}
