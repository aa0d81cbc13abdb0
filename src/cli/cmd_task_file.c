/* tasks render, tasks test: one task of a file, alone. */
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
#include "bundle/load.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/session.h"
#include "cli/test_home.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "home/logfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "runtime/loop.h"
#include "worker/paths.h"
#include "worker/render_task.h"

struct one_task {
    struct cli *cli;
    struct session paths;
    struct loaded loaded;
    struct dag *dag;
    const struct task *task;
    char *conf;
    int64_t logical_date_us;
    char home[4096]; /* test: of its own */
    enum run_state state;
    int rc;
    struct err e;
};

static int open_task(struct one_task *o)
{
    const char *file = cli_arg(o->cli, "FILE"), *id = cli_arg(o->cli, "TASK"),
               *date = cli_opt(o->cli, "logical-date");
    const char *const *params;
    char home[4096];
    size_t n = cli_opt_all(o->cli, "param", &params);
    struct load_env env = session_load_env(&o->paths, home);
    int rc = home_resolve(cli_opt(o->cli, "home"), home, sizeof home, &o->e);

    if (rc == 0) {
        (void)snprintf(o->paths.home, sizeof o->paths.home, "%s", home);
    }
    rc = rc == 0 ? session_find_parts(&o->paths, cli_opt(o->cli, "python"), &o->e) : rc;
    o->logical_date_us = (int64_t)time(NULL) * TIME_SECOND;
    if (date != NULL) {
        (void)time_parse(date, strlen(date), &o->logical_date_us);
    }
    rc = rc == 0 ? load_target_alone(file, cli_opt(o->cli, "dag"), &env, NULL, &o->loaded, &o->e)
                 : rc;
    o->dag = o->loaded.dag;
    rc = rc == 0 ? conf_build(o->dag, cli_opt(o->cli, "conf"), params, n, &o->conf, &o->e) : rc;
    if (rc == 0) {
        o->task = dag_task(o->dag, id);
        rc = o->task == NULL ? err_set(&o->e, ERR_NOTFOUND, "%s: DAG '%s' has no task '%s'", file,
                                       o->dag->dag_id, id)
                             : 0;
    }
    return rc;
}

static void close_task(struct one_task *o)
{
    mem_free(o->conf);
    loaded_fini(&o->loaded);
}

int cmd_tasks_render(struct cli *cli)
{
    struct one_task o = {.cli = cli};
    struct run_row run = {.run_id = "render", .run_key = 1, .state = RUN_RUNNING};
    struct buf out BUF_CLEANUP;
    bool jinja = false;
    int rc = open_task(&o);

    buf_init(&out, MiB(64));
    run.logical_date_us = run.data_interval_start_us = run.data_interval_end_us = o.logical_date_us;
    run.run_after_us = run.start_us = o.logical_date_us;
    run.conf = o.conf;
    rc = rc == 0 ? worker_render_task(o.dag, o.task, &run, &out, &jinja, &o.e) : rc;
    if (rc == 0 && jinja) {
        rc = err_set(&o.e, ERR_UNSUPPORTED,
                     "a template of '%s' needs Jinja2 itself; it is rendered by Python when the "
                     "task runs (`tasks test`)",
                     o.task->task_id);
    }
    if (rc == 0) {
        (void)printf("%s\n", buf_cstr(&out));
    }
    close_task(&o);
    return rc != 0 ? cli_fail(rc, &o.e) : 0;
}

/* ---- test ---- */

/* The document with this task alone, waiting for nothing. */
static int single(struct one_task *o, struct dag **ret)
{
    struct value *doc, *tasks, *t;
    const struct value *old = o->dag->document;
    const struct value *spec = value_get(value_get(old, "tasks"), o->task->task_id);
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    int rc = 0;

    arena_init(&a, LIMIT_DOC_BYTES);
    doc = value_new(&a, VALUE_OBJECT);
    tasks = value_new(&a, VALUE_OBJECT);
    t = value_new(&a, VALUE_OBJECT);
    rc = doc == NULL || tasks == NULL || t == NULL ? -ERR_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < spec->len; i++) {
        if (strcmp(spec->keys[i].text, "upstream") != 0 &&
            strcmp(spec->keys[i].text, "trigger_rule") != 0) {
            rc = value_set(&a, t, spec->keys[i].text, spec->elems[i]);
        }
    }
    for (size_t i = 0; rc == 0 && i < old->len; i++) {
        bool is_tasks = strcmp(old->keys[i].text, "tasks") == 0;

        rc = value_set(&a, doc, old->keys[i].text, is_tasks ? tasks : old->elems[i]);
    }
    rc = rc == 0 ? value_set(&a, tasks, o->task->task_id, t) : rc;
    rc = rc == 0 ? dagfile_build(doc, o->dag->file, operators_table(), ret, &errors, &o->e) : rc;
    if (rc == -ERR_INVALID && errors.len != 0) {
        rc = err_set(&o->e, ERR_INVALID, "%s", errors.items[0].text);
    }
    arena_fini(&a);
    return rc;
}

static int test_main(void *arg)
{
    struct one_task *o = arg;
    struct session_options so = {
        .home = o->home, .jobs = 1, .python = cli_opt(o->cli, "python"), .gather_us = -1};
    struct engine_run_request rq = {.run_id = "test",
                                    .type = RUN_TYPE_MANUAL,
                                    .logical_date_us = o->logical_date_us,
                                    .conf = o->conf};
    struct session s;
    struct dag *d = NULL;
    struct buf b BUF_CLEANUP;
    int64_t pid, run_key;

    buf_init(&b, LIMIT_DOC_BYTES);
    o->rc = single(o, &d);
    o->rc = o->rc == 0 ? session_open(&s, loop_current(), &so, NULL, 0, &pid, &o->e) : o->rc;
    if (o->rc != 0) {
        dag_unref(d);
        return 0;
    }
    o->rc = home_serve(s.engine, s.home, NULL, NULL, &o->e);
    o->rc = o->rc == 0 ? dagfile_document(d, &b) : o->rc;
    o->rc =
        o->rc == 0 ? engine_add_dag(s.engine, d, buf_cstr(&b), b.len, &rq.dag_key, &o->e) : o->rc;
    o->rc = o->rc == 0 ? engine_create_run(s.engine, &rq, &run_key, &o->e) : o->rc;
    o->rc = o->rc == 0 ? engine_wait_run(s.engine, run_key, &o->state, &o->e) : o->rc;
    session_close(&s);
    dag_unref(d);
    return 0;
}

static void show_output(const struct one_task *o)
{
    char path[4300];

    for (unsigned n = 1; n <= (unsigned)o->task->retries + 1; n++) {
        if (worker_log_path(o->home, o->dag->dag_id, "test", o->task->task_id, -1, n, path,
                            sizeof path) == 0) {
            (void)logfile_cat(path, STDOUT_FILENO, NULL);
        }
    }
}

int cmd_tasks_test(struct cli *cli)
{
    struct one_task o = {.cli = cli};
    struct loop_config lc = {0};
    struct loop *l;
    int rc = open_task(&o);

    rc = rc == 0 ? test_home_make(cli, o.home, sizeof o.home, &o.e) : rc;
    if (rc == 0) {
        rc = loop_uv_new(&lc, &l, &o.e);
        if (rc == 0) {
            rc = loop_main(l, test_main, &o, &o.e);
            loop_free(l);
        }
        rc = rc == 0 ? o.rc : rc;
        show_output(&o);
        session_remove(o.home);
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)fprintf(stderr, "%s: %s\n", o.task->task_id,
                      o.state == RUN_SUCCESS ? "success" : "failed");
    }
    close_task(&o);
    return rc != 0 ? cli_fail(rc, &o.e) : o.state == RUN_SUCCESS ? 0 : 1;
}
