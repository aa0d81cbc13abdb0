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
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/folder.h"
#include "cli/session.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "engine/timing.h"
#include "home/home.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

/* ---- pause ---- */

struct pausing {
    struct cli *cli;
    char home[4096];
    const char *dag_id;
    bool paused;
    struct err e;
};

static int ask_engine(struct pausing *p)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    char *answer = NULL;
    int rc;

    buf_init(&b, KiB(8));
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, p->paused ? "pause" : "unpause");
    json_key(&w, "dag_id");
    json_string(&w, p->dag_id);
    json_object_end(&w);
    b.p[b.len - 1] = '\0'; /* the members alone, without their braces */
    rc = engine_request(p->home, "command", b.p + 1, &answer, &p->e);
    mem_free(answer);
    return rc;
}

/* A DAG of the DAGs folder that nobody has run or scheduled yet. */
static int pause_new(struct session *s, struct pausing *p)
{
    struct loaded l = {0};
    struct buf b BUF_CLEANUP;
    int64_t key;
    int rc;

    p->e = (struct err){0};
    buf_init(&b, LIMIT_DOC_BYTES);
    rc = folder_load_target(p->dag_id, NULL, p->home, s, s->worker, &l, &p->e);
    rc = rc == 0 ? folder_register(s->engine, p->home, &l, &p->e) : rc;
    rc = rc == 0 ? dagfile_document(l.dag, &b) : rc;
    rc = rc == 0 ? engine_add_dag(s->engine, l.dag, buf_cstr(&b), b.len, &key, &p->e) : rc;
    rc = rc == 0 ? engine_pause_dag(s->engine, l.dag->dag_id, p->paused, "cli", &p->e) : rc;
    loaded_fini(&l);
    return rc;
}

static int pause_main(void *arg)
{
    struct pausing *p = arg;
    struct session_options o = {.home = p->home, .gather_us = -1};
    struct session s;
    int64_t pid;
    int rc = session_open(&s, loop_current(), &o, NULL, 0, &pid, &p->e);

    if (rc == -ERR_BUSY) {
        p->e.text[0] = '\0';
        return ask_engine(p);
    }
    if (rc == 0) {
        engine_interrupt(s.engine); /* nothing starts here */
        rc = engine_pause_dag(s.engine, p->dag_id, p->paused, "cli", &p->e);
        rc = rc == -ERR_NOTFOUND ? pause_new(&s, p) : rc;
        session_close(&s);
    }
    return rc;
}

static int set_paused(struct cli *cli, bool paused)
{
    struct pausing p = {.cli = cli, .paused = paused};
    const char *const *ids;
    size_t n = cli_args(cli, "DAG", &ids);
    struct loop_config lc = {0};
    struct loop *l;
    int rc = home_resolve(cli_opt(cli, "home"), p.home, sizeof p.home, &p.e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        p.dag_id = ids[i];
        rc = loop_uv_new(&lc, &l, &p.e);
        if (rc == 0) {
            rc = loop_main(l, pause_main, &p, &p.e);
            loop_free(l);
        }
        if (rc == 0 && !cli_flag(cli, "quiet")) {
            (void)printf("DAG %s is %s.\n", ids[i], paused ? "paused" : "not paused");
        }
    }
    return rc != 0 ? cli_fail(rc, &p.e) : 0;
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
    struct due_run last;
    bool has_last;
    struct err e;
};

static int open_coming(struct coming *c, const char *home, const char *dag_id)
{
    struct run_row run;
    int rc = store_open_for_reading(home, &c->store, &c->e);

    rc = rc == 0 ? c->store->ops->find_dag(c->store, dag_id, &c->arena, &c->row, &c->e) : rc;
    rc = rc == 0 ? home_load_version(c->store, c->row.version_key, &c->dag, &c->e) : rc;
    rc = rc == 0 ? timing_new(c->dag, &c->timing, &c->e) : rc;
    if (rc == 0 &&
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

static void show_coming(struct coming *c, int64_t n, struct json_writer *w)
{
    int64_t now_us = (int64_t)time(NULL) * TIME_SECOND;
    struct due_run r;

    for (int64_t i = 0; i < n && c->timing != NULL; i++) {
        if (timing_next(c->timing, c->dag, c->has_last ? &c->last : NULL, now_us, &r) !=
            DUE_FOUND) {
            break;
        }
        show_run(w, &r);
        c->last = r;
        c->has_last = true;
    }
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
    rc = rc == 0 ? open_coming(&c, home, cli_arg(cli, "DAG")) : rc;
    if (rc == 0) {
        json_writer_init(&w, &b, 2);
        json_array(&w);
        show_coming(&c, cli_opt_int(cli, "num-executions"), json ? &w : NULL);
        json_array_end(&w);
        if (json) {
            (void)puts(buf_cstr(&b));
        } else if (c.timing == NULL) {
            (void)fprintf(stderr, "DAG %s has no schedule by the clock.\n", c.dag->dag_id);
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
