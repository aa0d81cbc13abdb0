/*
 * backfill create, resume, pause, unpause, cancel. The living engine is asked; where none lives, create and resume become it and carry the
 * backfill out to its end, and the others change it in the store.
 */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "cli/backfill_view.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"
#include "dagfile/dagfile.h"
#include "engine/backfill.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "worker/worker.h"

#define POLL_US   100000  /* how it goes is looked at */
#define TELL_US   1000000 /* and told, at most */
#define LIVE_RUNS 100000

struct job {
    struct cli *cli;
    char home[4096];
    int64_t key; /* 0: not there yet */
    bool created;
    int exit_code;
    struct err e;
};

static const char *user_name(void)
{
    const struct passwd *p = getpwuid(geteuid());

    return p != NULL ? p->pw_name : NULL;
}

static int request_of(struct cli *cli, struct backfill_request *ret, struct err *e)
{
    int reprocess = backfill_reprocess_from_string(cli_opt(cli, "reprocess-behavior"));

    if (reprocess < 0) {
        return err_set(e, ERR_USAGE, "--reprocess-behavior is none, failed or completed, not '%s'",
                       cli_opt(cli, "reprocess-behavior"));
    }
    *ret = (struct backfill_request){
        .dag_id = cli_arg(cli, "DAG"),
        .from = cli_opt(cli, "from"),
        .to = cli_opt(cli, "to"),
        .max_active_runs = (int32_t)cli_opt_int(cli, "max-active-runs"),
        .reprocess = (enum backfill_reprocess)reprocess,
        .backwards = cli_flag(cli, "run-backwards"),
        .own_version = cli_flag(cli, "own-version"),
        .actor = user_name(),
    };
    if (ret->from == NULL || ret->to == NULL) {
        return err_set(e, ERR_USAGE,
                       "a backfill needs --from and --to: --from 2026-07-01 --to "
                       "2026-09-30");
    }
    return 0;
}

static int build_conf(struct cli *cli, const struct dag *d, char **ret, struct err *e)
{
    const char *const *params;
    size_t n = cli_opt_all(cli, "param", &params);

    return conf_build(d, cli_opt(cli, "conf"), params, n, ret, e);
}

/* ---- the DAG ---- */

static int stored_dag(const char *home, const char *dag_id, struct dag **ret, struct err *e)
{
    struct store *s = NULL;
    struct dag_row row;
    struct arena a;
    int rc;

    arena_init(&a, MiB(4));
    rc = store_open_for_reading(home, &s, e);
    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &a, &row, e) : rc;
    rc = rc == 0 ? home_load_version(s, row.version_key, ret, e) : rc;
    if (rc == -ERR_NOTFOUND) {
        rc = err_set(e, ERR_NOTFOUND,
                     "there is no DAG '%s', neither in the DAGs folder nor in this home", dag_id);
    }
    store_close(s);
    arena_fini(&a);
    return rc;
}

/* SUSPENDS. Of the DAGs folder, as its file is now; else as it was stored. s: the session, or only its paths. One reference. */
static int find_dag(struct job *j, struct session *s, struct loaded *l, struct dag **ret)
{
    const char *dag_id = cli_arg(j->cli, "DAG");
    struct load_env env = session_load_env(s, j->home);
    struct err first = {0};
    int rc = folder_load_target(dag_id, NULL, &env, s->worker, l, &first);

    if (rc == 0) {
        *ret = dag_ref(l->dag);
        return 0;
    }
    if (rc != -ERR_NOTFOUND) {
        j->e = first;
        return rc;
    }
    return stored_dag(j->home, dag_id, ret, &j->e);
}

/* ---- dry run ---- */

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

/* What would be done with a date as things are; s NULL: nothing has run in this home yet. */
static enum backfill_outcome would_do(struct store *s, int64_t dag_key,
                                      const struct backfill_request *q,
                                      const struct backfill_run_row *d, struct arena *a,
                                      struct run_row *run)
{
    bool has = s != NULL && dag_key != 0 &&
               s->ops->find_run_by_date(s, dag_key, d->logical_us, a, run, NULL) == 0;

    if (!has) {
        *run = (struct run_row){0};
    }
    return backfill_decide(q->reprocess, has, has ? run->state : 0);
}

static const char *would_word(enum backfill_outcome o)
{
    return o == BACKFILL_CREATED   ? "would be created"
           : o == BACKFILL_CLEARED ? "would run again"
                                   : backfill_outcome_to_string(o);
}

static void dry_json(struct store *s, int64_t dag_key, const struct backfill_request *q,
                     const struct backfill_run_row *dates, size_t n, struct arena *a,
                     struct buf *out)
{
    char text[TIME_TEXT_MAX];
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct run_row run;
        enum backfill_outcome o = would_do(s, dag_key, q, &dates[i], a, &run);

        json_object(&w);
        json_key(&w, "logical_date");
        json_string(&w, time_format(dates[i].logical_us, text));
        json_key(&w, "data_interval_start");
        json_string(&w, time_format(dates[i].start_us, text));
        json_key(&w, "data_interval_end");
        json_string(&w, time_format(dates[i].end_us, text));
        json_key(&w, "outcome");
        json_string(&w, backfill_outcome_to_string(o));
        json_key(&w, "run_id");
        json_string(&w, run.run_id);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static void dry_text(struct store *s, int64_t dag_key, const struct backfill_request *q,
                     const struct backfill_run_row *dates, size_t n, struct arena *a,
                     struct buf *out)
{
    static const struct table_column columns[] = {
        {.title = "LOGICAL DATE"}, {.title = "WHAT"}, {.title = "RUN", .wide = true}};
    struct table *t = table_new(columns, 3);
    size_t made = 0;

    for (size_t i = 0; t != NULL && i < n; i++) {
        char text[TIME_TEXT_MAX];
        struct run_row run;
        enum backfill_outcome o = would_do(s, dag_key, q, &dates[i], a, &run);

        made += o == BACKFILL_CREATED || o == BACKFILL_CLEARED;
        table_cell(t, print_time(dates[i].logical_us, text));
        table_cell(t, would_word(o));
        table_cell(t, run.run_id);
    }
    print_table(t, out);
    (void)buf_printf(out, "%zu of %zu dates would run. Nothing was changed.\n", made, n);
}

static int dry_run(struct job *j, const struct backfill_request *q, const struct dag *d)
{
    struct backfill_run_row *dates;
    struct backfill_row row;
    struct store *s = NULL;
    struct dag_row dag = {0};
    struct buf out BUF_CLEANUP;
    struct arena a;
    size_t n = 0;
    int rc;

    arena_init(&a, MiB(512));
    buf_init(&out, MiB(256));
    rc = backfill_plan(q, d, now_us(), &a, &row, &dates, &n, &j->e);
    if (rc == 0) {
        (void)store_open_for_reading(j->home, &s, NULL); /* there may be none yet */
        if (s != NULL) {
            (void)s->ops->find_dag(s, q->dag_id, &a, &dag, NULL);
        }
        if (cli_flag(j->cli, "json")) {
            dry_json(s, dag.dag_key, q, dates, n, &a, &out);
        } else {
            dry_text(s, dag.dag_key, q, dates, n, &a, &out);
        }
        (void)fputs(buf_cstr(&out), stdout);
    }
    store_close(s);
    arena_fini(&a);
    return rc;
}

static int dry_main(void *arg)
{
    struct job *j = arg;
    struct session paths = {0};
    struct loaded l = {0};
    struct backfill_request q;
    struct dag *d = NULL;
    char *conf = NULL;
    int rc = request_of(j->cli, &q, &j->e);

    rc = rc == 0 ? session_find_parts(&paths, cli_opt(j->cli, "python"), &j->e) : rc;
    rc = rc == 0 ? find_dag(j, &paths, &l, &d) : rc;
    rc = rc == 0 ? build_conf(j->cli, d, &conf, &j->e) : rc;
    rc = rc == 0 ? dry_run(j, &q, d) : rc;
    mem_free(conf);
    dag_unref(d);
    loaded_fini(&l);
    j->exit_code = rc != 0 ? cli_fail(rc, &j->e) : 0;
    return 0;
}

/* ---- how it goes ---- */

static void tell(struct job *j, const struct backfill_view *v, struct backfill_tally *told,
                 bool last)
{
    struct buf b BUF_CLEANUP;

    if (cli_flag(j->cli, "quiet") || cli_flag(j->cli, "json") ||
        (!last && memcmp(told, &v->tally, sizeof *told) == 0)) {
        return;
    }
    *told = v->tally;
    buf_init(&b, KiB(1));
    backfill_tally_text(&v->row, &v->tally, &b);
    (void)printf("backfill %lld: %s\n", (long long)v->row.backfill_key, buf_cstr(&b));
    (void)fflush(stdout);
}

static void tell_end(struct job *j, const struct backfill_view *v)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, KiB(64));
    if (cli_flag(j->cli, "json")) {
        json_writer_init(&w, &b, 2);
        json_object(&w);
        backfill_members(&w, &v->row, v->dag.dag_id, &v->tally);
        json_object_end(&w);
        (void)printf("%s\n", buf_cstr(&b));
    } else if (!cli_flag(j->cli, "quiet")) {
        (void)printf("backfill %lld of %s: %s\n", (long long)v->row.backfill_key, v->dag.dag_id,
                     backfill_state_word(&v->row, &v->tally));
    }
}

static bool has_ended(const struct backfill_view *v)
{
    return v->row.completed_us != TIME_NONE && v->tally.running == 0 && v->tally.queued == 0;
}

struct follow {
    struct job *j;
    struct session *s; /* it is carried out here; or NULL */
    bool stopped;      /* by a signal */
};

/* One look at the store. *ret_ended: it has ended, and the exit code is set. */
static int look(struct follow *f, struct backfill_tally *told, bool *ret_ended)
{
    struct job *j = f->j;
    struct backfill_view v = {0};
    char text[24];
    int rc;

    (void)snprintf(text, sizeof text, "%lld", (long long)j->key);
    rc = backfill_view_open(&v, j->home, text, &j->e);
    *ret_ended = rc == 0 && has_ended(&v);
    if (rc == 0) {
        tell(j, &v, told, *ret_ended);
    }
    if (*ret_ended) {
        tell_end(j, &v);
        j->exit_code = backfill_exit_code(&v.row, &v.tally);
    }
    backfill_view_fini(&v);
    return rc;
}

/* SUSPENDS. Until it has ended, or a signal stopped us. What is carried out here is looked at often, the store seldom. */
static int follow(struct follow *f)
{
    struct backfill_tally told = {0};
    struct job *j = f->j;
    int64_t next_us = 0;
    bool ended = false;
    int rc = 0;

    while (rc == 0 && !f->stopped) {
        int64_t now = loop_now_us(loop_current());

        if (now >= next_us || f->s == NULL || !engine_carries_backfill(f->s->engine, j->key)) {
            rc = look(f, &told, &ended);
            next_us = now + TELL_US;
        }
        if (ended) {
            return 0;
        }
        rc = rc == 0 ? co_sleep(POLL_US) : rc;
    }
    if (f->stopped) {
        (void)fprintf(stderr,
                      f->s != NULL
                          ? "Interrupted; its tasks go on. `tradewind backfill resume %lld` or a "
                            "scheduler goes on from here.\n"
                          : "The backfill goes on; `tradewind backfill show %lld` tells how.\n",
                      (long long)j->key);
        j->exit_code = 130;
    }
    return f->stopped ? 0 : rc;
}

static void on_stop(void *arg, int signum)
{
    struct follow *f = arg;

    (void)signum;
    f->stopped = true;
    if (f->s != NULL) {
        engine_interrupt(f->s->engine);
    }
}

static int follow_to_end(struct job *j, struct session *s)
{
    struct follow f = {.j = j, .s = s};
    struct co_group signals;
    int rc;

    co_group_init(&signals, loop_current());
    (void)co_on_signal(&signals, SIGINT, on_stop, &f, NULL);
    (void)co_on_signal(&signals, SIGTERM, on_stop, &f, NULL);
    rc = follow(&f);
    while (rc == 0 && !f.stopped && s != NULL && s->worker->callbacks > 0) {
        rc = co_sleep(POLL_US / 10);
    }
    co_group_close(&signals);
    return rc;
}

/* ---- create, here ---- */

static int create_here(struct job *j, struct session *s)
{
    struct loaded l = {0};
    struct backfill_request q;
    struct dag *d = NULL;
    struct buf b BUF_CLEANUP;
    char *conf = NULL;
    int64_t dag_key;
    uint32_t dates = 0;
    int rc = request_of(j->cli, &q, &j->e);

    buf_init(&b, LIMIT_DOC_BYTES);
    rc = rc == 0 ? find_dag(j, s, &l, &d) : rc;
    rc = rc == 0 ? build_conf(j->cli, d, &conf, &j->e) : rc;
    rc = rc == 0 ? home_serve(s->engine, s->home, execute_run_file, s, &j->e) : rc;
    if (rc == 0 && l.dag != NULL) {
        rc = folder_register(s->engine, s->home, &l, &j->e);
        rc = rc == 0 ? dagfile_document(d, &b) : rc;
        rc = rc == 0 ? engine_add_dag(s->engine, d, buf_cstr(&b), b.len, &dag_key, &j->e) : rc;
    }
    q.conf = conf;
    rc = rc == 0 ? engine_create_backfill(s->engine, &q, &j->key, &dates, &j->e) : rc;
    rc = rc == 0 ? engine_carry_backfill(s->engine, j->key, &j->e) : rc;
    if (rc == 0) {
        if (!cli_flag(j->cli, "quiet") && !cli_flag(j->cli, "json")) {
            (void)fprintf(stderr,
                          "No other tradewind works in this home: backfill %lld is carried out "
                          "here, to its end.\n",
                          (long long)j->key);
        }
        rc = follow_to_end(j, s);
    }
    mem_free(conf);
    dag_unref(d);
    loaded_fini(&l);
    return rc;
}

/* ---- create, in the engine that lives ---- */

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL) {
        json_key(w, name);
        json_string(w, text);
    }
}

static int ask_members(const struct backfill_request *q, struct buf *b)
{
    struct json_writer w;

    json_writer_init(&w, b, 0);
    json_object(&w);
    put_text(&w, "dag_id", q->dag_id);
    put_text(&w, "from_date", q->from);
    put_text(&w, "to_date", q->to);
    if (q->max_active_runs != 0) { /* else as it is configured where it is carried out */
        json_key(&w, "max_active_runs");
        json_int(&w, q->max_active_runs);
    }
    put_text(&w, "reprocess_behavior", backfill_reprocess_to_string(q->reprocess));
    json_key(&w, "run_backwards");
    json_bool(&w, q->backwards);
    json_key(&w, "own_version");
    json_bool(&w, q->own_version);
    put_text(&w, "dag_run_conf", q->conf);
    put_text(&w, "actor", q->actor);
    json_object_end(&w);
    if (buf_status(b) != 0) {
        return buf_status(b);
    }
    b->p[b->len - 1] = '\0'; /* the members alone, without their braces */
    return 0;
}

/* *ret_carried: the engine that lives makes its runs. */
static int ask(struct job *j, const struct backfill_request *q, bool *ret_carried)
{
    struct buf b BUF_CLEANUP;
    struct value *answer = NULL;
    const struct value *v;
    char *json = NULL;
    struct arena a;
    int rc;

    arena_init(&a, MiB(1));
    buf_init(&b, LIMIT_MESSAGE / 2);
    rc = ask_members(q, &b);
    rc = rc == 0 ? engine_request(j->home, "backfill_create", b.p + 1, &json, &j->e) : rc;
    rc = rc == 0 && json != NULL ? value_parse(&a, json, strlen(json), &answer, &j->e) : rc;
    v = answer != NULL ? value_get(answer, "id") : NULL;
    if (rc == 0 && (v == NULL || value_int(v, 1, INT64_MAX, &j->key) != 0)) {
        rc = err_set(&j->e, ERR_PROTOCOL, "the running engine gave no backfill");
    }
    v = answer != NULL ? value_get(answer, "carried") : NULL;
    *ret_carried = v != NULL && v->boolean;
    mem_free(json);
    arena_fini(&a);
    return rc;
}

static int tell_created(struct job *j, bool carried)
{
    struct backfill_view v = {0};
    char text[24], from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    int rc;

    (void)snprintf(text, sizeof text, "%lld", (long long)j->key);
    rc = backfill_view_open(&v, j->home, text, &j->e);
    if (rc == 0 && cli_flag(j->cli, "json")) {
        tell_end(j, &v);
    } else if (rc == 0) {
        (void)printf("backfill %lld of %s: %u dates from %s to %s.\n", (long long)j->key,
                     v.dag.dag_id, v.row.dates, print_time(v.row.from_us, from),
                     print_time(v.row.to_us, to));
    }
    if (rc == 0 && !carried && !cli_flag(j->cli, "quiet")) {
        (void)fprintf(stderr, "It begins as soon as a scheduler works in this home.\n");
    } else if (rc == 0 && v.dag.paused && !cli_flag(j->cli, "quiet")) {
        (void)fprintf(stderr,
                      "DAG %s is paused; `tradewind dags unpause %s` lets its runs start.\n",
                      v.dag.dag_id, v.dag.dag_id);
    }
    backfill_view_fini(&v);
    return rc;
}

static int create_there(struct job *j)
{
    struct backfill_request q;
    struct dag *d = NULL;
    char *conf = NULL;
    bool carried = false, wait = cli_flag(j->cli, "wait");
    int rc = request_of(j->cli, &q, &j->e);

    rc = rc == 0 ? stored_dag(j->home, q.dag_id, &d, &j->e) : rc;
    rc = rc == 0 ? build_conf(j->cli, d, &conf, &j->e) : rc;
    q.conf = conf;
    rc = rc == 0 ? ask(j, &q, &carried) : rc;
    if (rc == 0 && (!wait || !cli_flag(j->cli, "json"))) {
        rc = tell_created(j, carried);
    }
    rc = rc == 0 && wait ? follow_to_end(j, NULL) : rc;
    mem_free(conf);
    dag_unref(d);
    return rc;
}

static int create_main(void *arg)
{
    struct job *j = arg;
    struct session_options o = {.home = j->home,
                                .jobs = (int)cli_opt_int(j->cli, "jobs"),
                                .python = cli_opt(j->cli, "python"),
                                .gather_us = -1};
    struct session s;
    int64_t pid = 0;
    int rc = session_open(&s, loop_current(), &o, NULL, 0, &pid, &j->e);

    if (rc == -ERR_BUSY) {
        j->e = (struct err){0};
        rc = create_there(j);
    } else if (rc == 0) {
        rc = create_here(j, &s);
        session_close(&s);
    }
    if (rc != 0) {
        j->exit_code = cli_fail(rc, &j->e);
    }
    return 0;
}

static int run_job(struct job *j, int (*main)(void *arg))
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &j->e);

    if (rc == 0) {
        rc = loop_main(l, main, j, &j->e);
        loop_free(l);
    }
    return rc != 0 ? cli_fail(rc, &j->e) : j->exit_code;
}

int cmd_backfill_create(struct cli *cli)
{
    struct job j = {.cli = cli};
    int rc = home_resolve(cli_opt(cli, "home"), j.home, sizeof j.home, &j.e);

    if (rc != 0) {
        return cli_fail(rc, &j.e);
    }
    return run_job(&j, cli_flag(cli, "dry-run") ? dry_main : create_main);
}

/* ---- resume ---- */

/* Its runs that live: they go on here. */
static int live_runs(struct backfill_view *v, int64_t **ret, size_t *ret_len, struct err *e)
{
    struct run_row *runs;
    size_t n = 0, len = 0;
    int64_t *keys;
    int rc = v->store->ops->get_runs(v->store, v->row.dag_key, 1u << RUN_QUEUED | 1u << RUN_RUNNING,
                                     0, LIVE_RUNS, &v->arena, &runs, &n, e);

    keys = rc == 0 ? mem_array(n + 1, sizeof *keys) : NULL;
    if (rc == 0 && keys == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (runs[i].backfill_key == v->row.backfill_key) {
            keys[len++] = runs[i].run_key;
        }
    }
    *ret = keys;
    *ret_len = len;
    return rc;
}

struct resuming {
    struct job j;
    int64_t *keys;
    size_t len;
};

static int resume_main(void *arg)
{
    struct resuming *r = arg;
    struct job *j = &r->j;
    struct session_options o = {.home = j->home,
                                .jobs = (int)cli_opt_int(j->cli, "jobs"),
                                .python = cli_opt(j->cli, "python"),
                                .gather_us = -1};
    struct session s;
    int64_t pid = 0;
    int rc = session_open(&s, loop_current(), &o, r->keys, r->len, &pid, &j->e);

    if (rc == -ERR_BUSY) { /* it goes on there, or not: shown until it has ended */
        j->e = (struct err){0};
        rc = follow_to_end(j, NULL);
    } else if (rc == 0) {
        rc = home_serve(s.engine, s.home, execute_run_file, &s, &j->e);
        rc = rc == 0 ? engine_carry_backfill(s.engine, j->key, &j->e) : rc;
        rc = rc == 0 ? follow_to_end(j, &s) : rc;
        session_close(&s);
    }
    if (rc != 0) {
        j->exit_code = cli_fail(rc, &j->e);
    }
    return 0;
}

int cmd_backfill_resume(struct cli *cli)
{
    struct resuming r = {.j.cli = cli};
    struct job *j = &r.j;
    struct backfill_view v = {0};
    int rc = home_resolve(cli_opt(cli, "home"), j->home, sizeof j->home, &j->e), code;

    rc = rc == 0 ? backfill_view_open(&v, j->home, cli_arg(cli, "BACKFILL"), &j->e) : rc;
    rc = rc == 0 ? live_runs(&v, &r.keys, &r.len, &j->e) : rc;
    j->key = v.row.backfill_key;
    backfill_view_fini(&v);
    code = rc != 0 ? cli_fail(rc, &j->e) : run_job(j, resume_main);
    mem_free(r.keys);
    return code;
}

/* ---- pause, unpause, cancel ---- */

struct changing {
    char home[4096];
    int64_t key;
    enum backfill_change change;
};

/* Cancelling is over when its queued runs have failed. */
static int change_here(struct engine *g, void *arg, struct err *e)
{
    const struct changing *c = arg;
    int rc = engine_change_backfill(g, c->key, c->change, user_name(), e);

    while (rc == 0 && c->change == BACKFILL_CANCEL && engine_carries_backfill(g, c->key)) {
        rc = co_sleep(POLL_US / 10);
    }
    return rc;
}

static int change(struct cli *cli, enum backfill_change what)
{
    static const char *const words[] = {"pause", "unpause", "cancel"};
    static const char *const done[] = {"paused", "not paused any more", "cancelled"};
    struct changing c = {.change = what};
    struct backfill_view v = {0};
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), c.home, sizeof c.home, &e);

    rc = rc == 0 ? backfill_view_open(&v, c.home, cli_arg(cli, "BACKFILL"), &e) : rc;
    c.key = v.row.backfill_key;
    backfill_view_fini(&v);
    buf_init(&b, KiB(8));
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "backfill");
    json_int(&w, c.key);
    put_text(&w, "change", words[what]);
    put_text(&w, "actor", user_name());
    json_object_end(&w);
    rc = rc == 0 ? session_command(c.home, "backfill_change", &b, change_here, &c, NULL, &e) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("backfill %lld is %s.\n", (long long)c.key, done[what]);
    }
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

int cmd_backfill_pause(struct cli *cli)
{
    return change(cli, BACKFILL_PAUSE);
}

int cmd_backfill_unpause(struct cli *cli)
{
    return change(cli, BACKFILL_UNPAUSE);
}

int cmd_backfill_cancel(struct cli *cli)
{
    return change(cli, BACKFILL_CANCEL);
}
