/* A run from its beginning to its result, on a loop of its own on the caller's thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/priv.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "home/home.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "store/store.h"

/* One call of tw_runner_run or tw_runner_resume. */
struct job {
    struct tw_runner *r;
    struct session s;
    struct dag *dag;    /* run: what runs; resume: of the run that goes on. One reference */
    const char *dag_id; /* resume */
    const char *run_id, *conf;
    int64_t run_key;
    bool failed; /* resume: the run had failed */
    struct tw_result *result;
    struct err *e;
};

/* ---- handles ---- */

static tw_runner *runner_new(const char *home, bool in_memory)
{
    tw_runner *r = mem_zalloc(sizeof *r);

    if (r == NULL) {
        return NULL;
    }
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->in_memory = in_memory;
    r->home = home != NULL ? mem_strdup(home) : NULL;
    if (r->wake < 0 || (home != NULL && r->home == NULL)) {
        tw_runner_free(r);
        return NULL;
    }
    return r;
}

tw_runner *tw_runner_new(const char *home)
{
    return runner_new(home, false);
}

tw_runner *tw_runner_new_in_memory(void)
{
    return runner_new(NULL, true);
}

void tw_runner_free(tw_runner *r)
{
    if (r != NULL) {
        if (r->wake >= 0) {
            (void)close(r->wake);
        }
        mem_free(r->home);
        mem_free(r);
    }
}

void tw_runner_set_jobs(tw_runner *r, int jobs)
{
    r->jobs = jobs;
}

void tw_runner_keep_values(tw_runner *r, int keep)
{
    r->keep_values = keep != 0;
}

void tw_runner_on_transition(tw_runner *r, void (*fn)(void *arg, const tw_transition *t), void *arg)
{
    r->on_transition = fn;
    r->arg = arg;
}

void tw_runner_cancel(tw_runner *r)
{
    uint64_t one = 1;
    int saved = errno;

    __atomic_store_n(&r->canceled, 1, __ATOMIC_RELEASE);
    (void)!write(r->wake, &one, sizeof one);
    errno = saved;
}

/* ---- transitions ---- */

static void committed(void *arg, const struct sched_actions *a)
{
    struct job *j = arg;

    for (size_t i = 0; i < a->transitions_len; i++) {
        struct tw_transition t = {.row = &a->transitions[i], .dag = j->dag};

        /* While the run is being made its key is not known yet, and no other run is live. */
        if (j->run_key == 0 || t.row->key.run_key == j->run_key) {
            j->r->on_transition(j->r->arg, &t);
        }
    }
}

const char *tw_transition_task(const tw_transition *t)
{
    return t->dag->tasks[t->row->key.task].task_id;
}

int tw_transition_map_index(const tw_transition *t)
{
    return t->row->key.map_index;
}

const char *tw_transition_from(const tw_transition *t)
{
    return task_state_to_string(t->row->from);
}

const char *tw_transition_to(const tw_transition *t)
{
    return task_state_to_string(t->row->to);
}

int tw_transition_try(const tw_transition *t)
{
    return t->row->try_number;
}

int64_t tw_transition_time_us(const tw_transition *t)
{
    return t->row->at_us;
}

const char *tw_transition_reason(const tw_transition *t)
{
    return t->row->reason;
}

/* ---- the run ---- */

static bool is_canceled(const struct tw_runner *r)
{
    return __atomic_load_n(&r->canceled, __ATOMIC_ACQUIRE) != 0;
}

static int watch_cancel(void *arg)
{
    struct job *j = arg;
    int rc = 0;

    while (rc == 0 && !is_canceled(j->r)) {
        rc = co_wait_fd(j->r->wake, LOOP_READ, NULL);
    }
    if (is_canceled(j->r)) {
        engine_interrupt(j->s.engine);
    }
    return rc;
}

static int create(struct job *j)
{
    struct engine_run_request rq = {.run_id = j->run_id,
                                    .type = RUN_TYPE_MANUAL,
                                    .logical_date_us = TIME_NONE,
                                    .conf = j->conf};
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, LIMIT_DOC_BYTES);
    rc = dagfile_document(j->dag, &b);
    rc = rc == 0 ? engine_add_dag(j->s.engine, j->dag, buf_cstr(&b), b.len, &rq.dag_key, j->e) : rc;
    return rc == 0 ? engine_create_run(j->s.engine, &rq, &j->run_key, j->e) : rc;
}

static int wait_for_it(struct job *j)
{
    struct co_group g;
    enum run_state state;
    int rc;

    co_group_init(&g, j->s.loop);
    rc = co_spawn(&g, "cancel", watch_cancel, j, NULL, j->e);
    rc = rc == 0 ? engine_wait_run(j->s.engine, j->run_key, &state, j->e) : rc;
    co_group_close(&g);
    if (rc == -ERR_CANCELED) {
        (void)err_set(j->e, ERR_CANCELED, "canceled; what ran was ended%s",
                      j->r->in_memory ? "" : "; tw_runner_resume goes on from here");
    }
    return rc == 0 ? api_result(&j->s, j->run_key, j->r->keep_values, &j->result, j->e) : rc;
}

/* ---- resume ---- */

static int find_run(void *arg, struct store *st, int64_t *ret_key, struct err *e)
{
    struct job *j = arg;
    struct run_row run = {0}, *rows;
    struct dag_row d;
    struct arena a;
    size_t n = 0;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 2);
    rc = st->ops->find_dag(st, j->dag_id, &a, &d, NULL);
    if (rc == 0 && j->run_id != NULL) {
        rc = st->ops->find_run(st, d.dag_key, j->run_id, &a, &run, NULL);
    } else if (rc == 0) {
        rc = st->ops->get_runs(st, d.dag_key, 0, 0, 1, &a, &rows, &n, NULL);
        rc = rc == 0 && n == 0 ? -ERR_NOTFOUND : rc;
        run = rc == 0 ? rows[0] : run;
    }
    if (rc != 0) {
        rc = err_set(e, (enum err_code) - rc, "run %s of '%.80s': %s",
                     j->run_id != NULL ? j->run_id : "", j->dag_id, err_text(rc));
    } else if (run.state == RUN_SUCCESS) {
        rc =
            err_set(e, ERR_INVALID, "run %s has succeeded; there is nothing to resume", run.run_id);
    }
    rc = rc == 0 ? home_load_version(st, run.version_key, &j->dag, e) : rc;
    j->run_key = run.run_key;
    j->failed = run.state == RUN_FAILED;
    *ret_key = j->failed ? 0 : run.run_key;
    arena_fini(&a);
    return rc;
}

struct failures {
    struct job *j;
    struct arena arena;
    uint32_t *tasks;
    size_t len;
};

static int find_failures(void *arg)
{
    struct failures *f = arg;
    struct store *st = f->j->s.store;
    struct ti_row *rows = NULL;
    size_t n = 0;
    int rc = st->ops->get_tis(st, f->j->run_key, 1u << TASK_FAILED | 1u << TASK_UPSTREAM_FAILED,
                              &f->arena, &rows, &n, f->j->e);

    f->tasks = rc == 0 ? arena_array(&f->arena, n + 1, sizeof *f->tasks) : NULL;
    for (size_t i = 0; f->tasks != NULL && i < n; i++) {
        if (f->len == 0 || f->tasks[f->len - 1] != rows[i].key.task) {
            f->tasks[f->len++] = rows[i].key.task;
        }
    }
    return rc;
}

static int clear_failures(struct job *j)
{
    struct engine_command cmd = {.op = ENGINE_CLEAR, .run_key = j->run_key, .actor = "program"};
    struct failures f = {.j = j};
    uint32_t affected;
    int rc;

    arena_init(&f.arena, MiB(256));
    rc = engine_on_store(j->s.engine, find_failures, &f);
    cmd.tasks = f.tasks;
    cmd.tasks_len = f.len;
    if (rc == 0 && f.len == 0) {
        rc = err_set(j->e, ERR_INVALID, "the run failed, but none of its tasks did");
    }
    rc = rc == 0 ? engine_command(j->s.engine, &cmd, &affected, j->e) : rc;
    arena_fini(&f.arena);
    return rc;
}

/* ---- the calls ---- */

static int job_main(void *arg)
{
    struct job *j = arg;
    bool resumed = j->dag_id != NULL;
    int rc = api_session_open(&j->s, j->r, resumed ? find_run : NULL, j, j->e);

    if (rc != 0) {
        return rc;
    }
    if (j->r->on_transition != NULL) {
        engine_on_commit(j->s.engine, committed, j);
    }
    rc = !resumed ? create(j) : j->failed ? clear_failures(j) : 0;
    rc = rc == 0 ? wait_for_it(j) : rc;
    api_session_close(&j->s);
    return rc;
}

static int go(struct job *j, tw_result **ret, tw_error **error)
{
    struct loop_config lc = {0};
    struct loop *l;
    uint64_t n;
    int rc = loop_uv_new(&lc, &l, j->e);

    if (rc == 0) {
        rc = loop_main(l, job_main, j, j->e);
        loop_free(l);
    }
    dag_unref(j->dag);
    __atomic_store_n(&j->r->canceled, 0, __ATOMIC_RELEASE);
    (void)!read(j->r->wake, &n, sizeof n);
    if (rc != 0) {
        tw_result_free(j->result);
        return api_fail(error, rc, j->e);
    }
    if (ret != NULL) {
        *ret = j->result;
    } else {
        tw_result_free(j->result);
    }
    return TW_OK;
}

static int refuse(tw_error **error, enum err_code code, const char *text)
{
    struct err e = {0};

    return api_fail(error, err_set(&e, code, "%s", text), &e);
}

static int check_conf(const char *conf, struct err *e)
{
    struct value *v;
    struct arena a;
    int rc;

    if (conf == NULL) {
        return 0;
    }
    arena_init(&a, MiB(64));
    rc = value_parse(&a, conf, strlen(conf), &v, e);
    if (rc == 0 && v->kind != VALUE_OBJECT) {
        rc = err_set(e, ERR_INVALID, "it is a JSON object");
    }
    arena_fini(&a);
    return rc != 0 ? err_prefix(e, rc, "conf") : 0;
}

int tw_runner_run(tw_runner *r, tw_pipeline *p, const char *run_id, const char *conf,
                  tw_result **ret, tw_error **error)
{
    struct err e = {0};
    struct job j = {.r = r, .run_id = run_id, .conf = conf, .e = &e};
    struct err refused = {0};
    int rc;

    if (r == NULL || p == NULL) {
        return refuse(error, ERR_NOMEM, "there is no runner or no pipeline");
    }
    if (api_is_task()) {
        return refuse(
            error, ERR_INVALID,
            "this process is a task: main must begin with tw_init, which does not return here");
    }
    api_discover(r, &refused);
    rc = api_build(p, &j.dag, &e);
    if (rc != 0 && refused.code != 0) {
        struct err first = e;

        (void)err_set(&e, (enum err_code) - rc, "%.600s\n%.400s", first.text, refused.text);
    }
    rc = rc == 0 ? check_conf(conf, &e) : rc;
    if (rc != 0) {
        dag_unref(j.dag);
        return api_fail(error, rc, &e);
    }
    return go(&j, ret, error);
}

int tw_runner_resume(tw_runner *r, const char *dag_id, const char *run_id, tw_result **ret,
                     tw_error **error)
{
    struct err e = {0};
    struct job j = {.r = r, .dag_id = dag_id, .run_id = run_id, .e = &e};

    if (r == NULL || dag_id == NULL) {
        return refuse(error, ERR_INVALID, "there is no runner, or no DAG is named");
    }
    api_discover(r, NULL);
    if (api_is_task() || r->in_memory) {
        return refuse(error, ERR_INVALID,
                      r->in_memory ? "what ran in memory cannot be resumed"
                                   : "this process is a task: main must begin with tw_init");
    }
    return go(&j, ret, error);
}
