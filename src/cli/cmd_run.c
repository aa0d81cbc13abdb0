/* run, runs resume, dags test: what carries a run to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/producers.h"
#include "cli/test_home.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "home/client.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "store/store.h"

#define TRIGGER_US (60 * TIME_SECOND)

struct job {
    struct cli *cli;
    char home[4096];
    int64_t resume; /* run key, or 0 */
    char resume_id[LIMIT_ID_BYTES + 1];
    bool clear_failed; /* resume of a finished run: what failed runs again */
    char file[4096], dag_id[LIMIT_ID_BYTES + 1]; /* of the run; as the command line says */
    bool trigger; /* the run is made; where another process carries it out, nothing is waited for */
    int64_t made; /* run key, or 0 */
    char config_home[4096]; /* where the configuration is, if it is not `home`'s; or "" */
    int exit_code;
};

static struct session_options options_of(const struct job *j)
{
    return (struct session_options){
        .home = j->home,
        .jobs = (int)cli_opt_int(j->cli, "jobs"),
        .python = cli_opt(j->cli, "python"),
        .gather_us = -1,
    };
}

static int64_t logical_date(struct cli *cli)
{
    const char *text = cli_opt(cli, "logical-date");
    int64_t t = TIME_NONE;

    return text != NULL && time_parse(text, strlen(text), &t) == 0 ? t : TIME_NONE;
}

/* Of the file that the run is of; NULL: it has one only. */
static const char *dag_of(const struct job *j)
{
    return j->dag_id[0] != '\0' ? j->dag_id : NULL;
}

/* FILE and --dag of the command line. */
static int take_target(struct job *j, struct err *e)
{
    const char *file = cli_arg(j->cli, "FILE"), *dag = cli_opt(j->cli, "dag");

    if (strlen(file) >= sizeof j->file || (dag != NULL && strlen(dag) >= sizeof j->dag_id)) {
        return err_set(e, ERR_LIMIT, "FILE or --dag is too long");
    }
    (void)snprintf(j->file, sizeof j->file, "%s", file);
    (void)snprintf(j->dag_id, sizeof j->dag_id, "%s", dag != NULL ? dag : "");
    return 0;
}

static const char *partition_key(const struct job *j)
{
    return cli_opt(j->cli, "partition-key");
}

/* ---- as a client ---- */

static void tell_client(const struct job *j, int64_t pid)
{
    if (!cli_flag(j->cli, "quiet") && !cli_flag(j->cli, "json")) {
        (void)fprintf(stderr, "Process %lld works in this home; it runs the file%s.\n",
                      (long long)pid, j->trigger ? "" : ", this one shows it");
    }
}

static int client_members(struct job *j, const struct dag *d, const char *conf, struct buf *b)
{
    struct json_writer w;

    json_writer_init(&w, b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, "run");
    json_key(&w, "file");
    json_string(&w, d->file);
    json_key(&w, "dag_id");
    json_string(&w, d->dag_id);
    if (cli_opt(j->cli, "run-id") != NULL) {
        json_key(&w, "run_id");
        json_string(&w, cli_opt(j->cli, "run-id"));
    }
    if (conf != NULL) {
        json_key(&w, "conf");
        json_string(&w, conf);
    }
    if (partition_key(j) != NULL) {
        json_key(&w, "partition_key");
        json_string(&w, partition_key(j));
    }
    if (logical_date(j->cli) != TIME_NONE) {
        json_key(&w, "logical_date_us");
        json_int(&w, logical_date(j->cli));
    }
    json_object_end(&w);
    return buf_status(b);
}

/* What is kept of a DAG by the service of this home is what its file says: it needs not be read to make a run of it. *ret_done: the run is made,
 * or refused. Params by NAME=VALUE need the DAG here. SUSPENDS. */
static int run_kept(struct job *j, bool *ret_done, struct err *e)
{
    const char *const *params, *conf = cli_opt(j->cli, "conf");
    char text[TIME_TEXT_MAX], *answer = NULL;
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct value *result;
    struct arena a;
    bool refused = false;
    int rc;

    *ret_done = false;
    if (dag_of(j) != NULL || access(j->file, F_OK) == 0 ||
        cli_opt_all(j->cli, "param", &params) != 0) {
        return 0;
    }
    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "kept");
    json_bool(&w, true);
    json_key(&w, "dag_id");
    json_string(&w, j->file);
    json_key(&w, "run_id");
    json_string(&w, cli_opt(j->cli, "run-id"));
    json_key(&w, "partition_key");
    json_string(&w, partition_key(j));
    json_key(&w, "logical_date");
    json_string(&w,
                logical_date(j->cli) != TIME_NONE ? time_format(logical_date(j->cli), text) : NULL);
    json_object_end(&w);
    if (conf != NULL) {
        b.len--; /* the brace */
        (void)buf_printf(&b, ",\"conf\":%s}", conf);
    }
    arena_init(&a, MiB(1));
    rc = buf_status(&b) == 0 ? value_parse(&a, buf_cstr(&b), b.len, &result, e)
                             : err_set(e, ERR_LIMIT, "--conf is too large");
    *ret_done = rc != 0;
    if (rc == 0) {
        b.p[b.len - 1] = '\0';
        rc = home_request(j->home, "run_create", b.p + 1, TRIGGER_US, &answer, &refused, e);
        *ret_done = rc == 0 || rc == -ERR_TIMEOUT || (refused && rc != -ERR_NOTFOUND);
        rc = *ret_done ? rc : 0;
    }
    if (rc == 0 && *ret_done) {
        rc = value_parse(&a, answer, strlen(answer), &result, e);
        rc = rc == 0 ? value_int(value_get(result, "run_key"), 1, INT64_MAX, &j->made) : rc;
    }
    mem_free(answer);
    arena_fini(&a);
    return rc;
}

/* Another process works in this home: it runs the file, we show it. The file is checked here first, where its errors are read. */
static int run_as_client(struct job *j, int64_t pid, struct err *e)
{
    struct session paths = {0};
    struct loaded l = {0};
    const char *const *params;
    struct buf b BUF_CLEANUP;
    char *conf = NULL;
    size_t params_len = cli_opt_all(j->cli, "param", &params);
    struct load_env env = session_load_env(&paths, j->home);
    int rc;

    (void)snprintf(paths.home, sizeof paths.home, "%s", j->home);
    rc = session_find_parts(&paths, cli_opt(j->cli, "python"), e);
    buf_init(&b, LIMIT_MESSAGE / 2);
    rc = rc == 0 ? load_target_alone(j->file, dag_of(j), &env, NULL, &l, e) : rc;
    rc = rc == 0 ? conf_build(l.dag, cli_opt(j->cli, "conf"), params, params_len, &conf, e) : rc;
    rc = rc == 0 ? client_members(j, l.dag, conf, &b) : rc;
    if (rc == 0) {
        tell_client(j, pid);
        b.p[b.len - 1] = '\0'; /* the members alone, without their braces */
        if (j->trigger) {
            rc = execute_ask(j->home, b.p + 1, &j->made, e);
        } else {
            j->exit_code = execute_as_client(j->cli, loop_current(), j->home, b.p + 1);
        }
    }
    mem_free(conf);
    loaded_fini(&l);
    return rc;
}

/* ---- here ---- */

static int add_and_create(struct session *s, struct job *j, struct dag *d, const char *conf,
                          int64_t *ret_run, struct err *e)
{
    struct engine_run_request rq = {.run_id = cli_opt(j->cli, "run-id"),
                                    .type = RUN_TYPE_MANUAL,
                                    .logical_date_us = logical_date(j->cli),
                                    .partition_key = partition_key(j),
                                    .conf = conf};
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, LIMIT_DOC_BYTES);
    rc = dagfile_document(d, &b);
    rc = rc == 0 ? engine_add_dag(s->engine, d, buf_cstr(&b), b.len, &rq.dag_key, e) : rc;
    return rc == 0 ? engine_create_run(s->engine, &rq, ret_run, e) : rc;
}

static int run_file(struct session *s, struct job *j, struct err *e)
{
    struct loaded l = {0};
    const char *const *params;
    char *conf = NULL;
    size_t params_len = cli_opt_all(j->cli, "param", &params);
    int64_t run_key = 0;
    struct interrupts i;
    struct load_env env = session_load_env(s, s->home);
    int rc;

    env.config_home = j->config_home[0] != '\0' ? j->config_home : NULL;
    rc = folder_load_target(j->file, dag_of(j), &env, s->worker, &l, e);

    rc = rc == 0 ? conf_build(l.dag, cli_opt(j->cli, "conf"), params, params_len, &conf, e) : rc;
    rc = rc == 0 ? home_serve(s->engine, s->home, execute_run_file, s, e) : rc;
    rc = rc == 0 ? folder_register(s->engine, s->home, &l, e) : rc;
    execute_watch(&i, s);
    rc = rc == 0 ? add_and_create(s, j, l.dag, conf, &run_key, e) : rc;
    if (rc == 0) {
        struct run_row row;
        const struct dag *ignored;
        char id[LIMIT_ID_BYTES + 1] = "";

        if (sched_get_run(engine_sched(s->engine), run_key, &row, &ignored) == 0) {
            (void)snprintf(id, sizeof id, "%s", row.run_id);
        } else {
            (void)snprintf(id, sizeof id, "%s",
                           cli_opt(j->cli, "run-id") != NULL ? cli_opt(j->cli, "run-id") : "run");
        }
        j->made = run_key;
        if (j->trigger && !cli_flag(j->cli, "quiet")) {
            (void)fprintf(stderr, "No other tradewind works in this home: the run is carried out "
                                  "here, to its end.\n");
        }
        j->exit_code = execute_run(s, j->cli, run_key, id);
    }
    execute_unwatch(&i);
    mem_free(conf);
    loaded_fini(&l);
    return rc;
}

static int resume(struct session *s, struct job *j, struct err *e)
{
    struct interrupts i;
    uint32_t affected;
    int rc;

    execute_watch(&i, s);
    rc = home_serve(s->engine, s->home, execute_run_file, s, e);
    if (rc == 0 && j->clear_failed) {
        rc = resume_failed(s, j->resume, &affected, e);
    }
    if (rc == 0) {
        j->exit_code = execute_run(s, j->cli, j->resume, j->resume_id);
    }
    execute_unwatch(&i);
    return rc;
}

static int job_main(void *arg)
{
    struct job *j = arg;
    struct session_options o = options_of(j);
    struct session s;
    struct err e = {0};
    int64_t pid = 0;
    bool live = j->resume != 0 && !j->clear_failed;
    int rc = session_open(&s, loop_current(), &o, &j->resume, live ? 1 : 0, &pid, &e);

    if (rc == -ERR_BUSY && j->resume == 0) {
        bool done = false;

        rc = run_kept(j, &done, &e);
        if (done && rc == 0) {
            tell_client(j, pid);
        }
        if (done && rc == 0 && !j->trigger) {
            rc = execute_follow(j->cli, j->home, j->made, &e);
            j->exit_code = rc > 0 ? rc : 0;
            rc = rc > 0 ? 0 : rc;
        }
        rc = done ? rc : run_as_client(j, pid, &e);
    } else if (rc == -ERR_BUSY) {
        rc = err_set(&e, ERR_BUSY, "process %lld works in this home already; the run goes on there",
                     (long long)pid);
    } else if (rc == 0) {
        rc = j->resume != 0 ? resume(&s, j, &e) : run_file(&s, j, &e);
        session_close(&s);
    }
    if (rc != 0) {
        j->exit_code = cli_fail(rc, &e);
    }
    return 0;
}

static int run_job(struct job *j)
{
    struct loop_config lc = {0};
    struct loop *l;
    struct err e = {0};
    int rc = loop_uv_new(&lc, &l, &e);

    if (rc == 0) {
        rc = loop_main(l, job_main, j, &e);
        loop_free(l);
    }
    return rc != 0 ? cli_fail(rc, &e) : j->exit_code;
}

int cmd_run(struct cli *cli)
{
    struct job j = {.cli = cli};
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), j.home, sizeof j.home, &e);

    rc = rc == 0 ? take_target(&j, &e) : rc;
    return rc != 0 ? cli_fail(rc, &e) : run_job(&j);
}

/* The run as it is now. */
static int tell_run(struct job *j, struct err *e)
{
    struct found f;
    struct buf out BUF_CLEANUP;
    struct json_writer w;
    int rc = found_open_key(&f, j->home, j->made, e);

    buf_init(&out, MiB(16));
    json_writer_init(&w, &out, 2);
    if (rc == 0 && cli_flag(j->cli, "json")) {
        json_object(&w);
        print_run_members(&w, &f.run, f.dag->dag_id);
        json_object_end(&w);
        (void)printf("%s\n", buf_cstr(&out));
    } else if (rc == 0 && !run_state_finished(f.run.state)) { /* else its end was told */
        (void)printf("%s %s is %s; `tradewind runs show` tells how it goes.\n", f.dag->dag_id,
                     f.run.run_id, run_state_to_string(f.run.state));
    }
    found_fini(&f);
    return rc;
}

static int trigger(struct job *j, int rc, struct err *e)
{
    int code = rc == 0 ? run_job(j) : cli_fail(rc, e);

    if (j->made != 0) {
        rc = tell_run(j, e);
        code = rc != 0 ? cli_fail(rc, e) : code;
    }
    return code;
}

int cmd_dags_trigger(struct cli *cli)
{
    struct job j = {.cli = cli, .trigger = true};
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), j.home, sizeof j.home, &e);

    rc = rc == 0 ? take_target(&j, &e) : rc;
    return trigger(&j, rc, &e);
}

/* The one DAG that has a task with this outlet. */
static int find_producer(struct job *j, const char *word, struct err *e)
{
    const struct asset_mention *by = NULL;
    struct asset_mention *m = NULL;
    struct asset_row row = {0};
    struct store *s = NULL;
    struct arena a;
    size_t n = 0;
    int rc = store_open_for_reading(j->home, &s, e);

    arena_init(&a, MiB(512));
    rc = rc == 0 ? s->ops->find_asset(s, word, NULL, &a, &row, e) : rc;
    rc = rc == -ERR_NOTFOUND && s != NULL ? s->ops->find_asset(s, NULL, word, &a, &row, e) : rc;
    rc = rc == 0 ? producers_find(s, row.name, row.uri, &a, &m, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (m[i].role != ASSET_MADE) {
            continue;
        }
        if (by != NULL && strcmp(by->dag_id, m[i].dag_id) != 0) {
            rc = err_set(e, ERR_CONFLICT,
                         "the asset '%s' is made by several DAGs ('%s', '%s' ...): trigger one of "
                         "them",
                         row.name, by->dag_id, m[i].dag_id);
        }
        by = &m[i];
    }
    if (rc == 0 && (by == NULL || by->file == NULL)) {
        rc = err_set(e, ERR_NOTFOUND, "no DAG that is known here makes the asset '%s'", row.name);
    }
    if (rc == 0) {
        (void)snprintf(j->file, sizeof j->file, "%s", by->file);
        (void)snprintf(j->dag_id, sizeof j->dag_id, "%s", by->dag_id);
    }
    store_close(s);
    arena_fini(&a);
    return rc;
}

int cmd_assets_materialize(struct cli *cli)
{
    struct job j = {.cli = cli, .trigger = true};
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), j.home, sizeof j.home, &e);

    rc = rc == 0 ? find_producer(&j, cli_arg(cli, "ASSET"), &e) : rc;
    return trigger(&j, rc, &e);
}

/* The newest unfinished run when none is named; else the named one, finished or not. */
static int choose_resume(struct job *j, struct err *e)
{
    const char *dag_id = cli_arg(j->cli, "DAG"), *run_id = cli_arg(j->cli, "RUN");
    struct run_row *rows, run;
    struct found f = {0};
    size_t n = 0;
    int rc;

    rc = found_open(&f, j->home, dag_id, run_id, NULL, e);
    run = f.run;
    if (rc == 0 && run_id == NULL) {
        rc = f.store->ops->get_runs(f.store, dag_id != NULL ? f.dag_row.dag_key : 0,
                                    1u << RUN_QUEUED | 1u << RUN_RUNNING, 0, 1, &f.arena, &rows, &n,
                                    e);
        run = n != 0 ? rows[0] : f.run;
    }
    if (rc == 0 && run.state == RUN_SUCCESS) {
        rc = err_set(e, ERR_CONFLICT, "run %s has succeeded; there is nothing to resume",
                     run.run_id);
    }
    if (rc == 0) {
        j->resume = run.run_key;
        j->clear_failed = run.state == RUN_FAILED;
        (void)snprintf(j->resume_id, sizeof j->resume_id, "%s", run.run_id);
    }
    found_fini(&f);
    return rc;
}

int cmd_runs_resume(struct cli *cli)
{
    struct job j = {.cli = cli};
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), j.home, sizeof j.home, &e);

    rc = rc == 0 ? choose_resume(&j, &e) : rc;
    return rc != 0 ? cli_fail(rc, &e) : run_job(&j);
}

int run_on(struct cli *cli, const char *home, int64_t run_key, const char *run_id)
{
    struct job j = {.cli = cli, .resume = run_key};

    (void)snprintf(j.home, sizeof j.home, "%s", home);
    (void)snprintf(j.resume_id, sizeof j.resume_id, "%s", run_id);
    return run_job(&j);
}

/* A home of its own, removed at the end. */
int cmd_dags_test(struct cli *cli)
{
    struct job j = {.cli = cli};
    struct err e = {0};
    int code, rc = take_target(&j, &e);

    rc = rc == 0 ? home_resolve(cli_opt(cli, "home"), j.config_home, sizeof j.config_home, &e) : rc;
    rc = rc == 0 ? test_home_make(cli, j.home, sizeof j.home, &e) : rc;
    if (rc != 0) {
        return cli_fail(rc, &e);
    }
    code = run_job(&j);
    session_remove(j.home);
    return code;
}
