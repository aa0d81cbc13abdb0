#include "cli/execute.h"

#include <signal.h>
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
#include "cli/lookup.h"
#include "cli/term.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "store/store.h"
#include "worker/worker.h"

#define CLIENT_POLL_US   100000
#define CLIENT_LOOK_US   TIME_SECOND       /* whether somebody still carries the run out */
#define CLIENT_GONE_US   (5 * TIME_SECOND) /* a service that is restarted is back by then */
#define CALLBACK_POLL_US 10000
#define ESTIMATE_RUNS    5

enum progress_mode progress_mode_of(struct cli *cli)
{
    if (cli_flag(cli, "json")) {
        return strcmp(cli_command(cli)->name, "dags trigger") == 0 ? PROGRESS_NONE : PROGRESS_JSON;
    }
    if (cli_flag(cli, "quiet")) {
        return PROGRESS_QUIET;
    }
    return cli_flag(cli, "plain") || !term_is_tty(STDOUT_FILENO) ? PROGRESS_PLAIN : PROGRESS_LIVE;
}

/* A task's instances by state: one, or those of a mapped task. */
static void add_states(const struct found *f, uint32_t task, uint32_t ret[TASK_STATE_MAX_])
{
    uint32_t n[TASK_STATE_MAX_];

    if (!f->dag->tasks[task].mapped || found_counts(f, task, n) == 0) {
        ret[found_ti(f, task).state]++;
        return;
    }
    for (int s = 0; s < TASK_STATE_MAX_; s++) {
        ret[s] += n[s];
    }
}

/* ---- signals ---- */

static void on_interrupt(void *arg, int signum)
{
    struct interrupts *i = arg;

    if (i->last == signum) {
        _exit(128 + signum); /* tasks go on in their holders; a resume adopts them */
    }
    i->last = signum;
    engine_interrupt(i->engine);
}

void execute_watch(struct interrupts *i, struct session *s)
{
    *i = (struct interrupts){.engine = s->engine};
    co_group_init(&i->watches, s->loop);
    (void)co_on_signal(&i->watches, SIGINT, on_interrupt, i, NULL);
    (void)co_on_signal(&i->watches, SIGTERM, on_interrupt, i, NULL);
}

void execute_unwatch(struct interrupts *i)
{
    co_group_close(&i->watches);
}

/* ---- means of earlier runs, for the estimate ---- */

struct means {
    struct session *s;
    int64_t version_key, *us;
    size_t len;
    struct arena arena;
};

static int load_means(void *arg)
{
    struct means *m = arg;

    return m->s->store->ops->get_durations(m->s->store, m->version_key, ESTIMATE_RUNS, &m->arena,
                                           &m->us, &m->len, NULL);
}

/* ---- runs that came over the socket: we stay until they are finished ---- */

static int wait_for_one(struct session *s, int64_t run_key)
{
    enum run_state state;

    return engine_run_dag(s->engine, run_key) != NULL
               ? engine_wait_run(s->engine, run_key, &state, NULL)
               : 0;
}

/* And for those that tasks made, which may make more. */
static int wait_for_others(struct session *s)
{
    size_t children, others = 0, seen = 0;
    int rc = 0;

    while (rc == 0) {
        const int64_t *keys = engine_children(s->engine, &children);

        if (others < s->others_len) {
            rc = wait_for_one(s, s->others[others++]);
        } else if (seen < children) {
            rc = wait_for_one(s, keys[seen++]);
        } else {
            break;
        }
    }
    while (rc == 0 && s->worker->callbacks > 0) {
        rc = co_sleep(CALLBACK_POLL_US);
    }
    return rc;
}

int execute_run_file(void *arg, const char *request_json, char **ret_json, struct err *e)
{
    struct session *s = arg;
    struct value *rq;
    struct arena a;
    struct load_env env = session_load_env(s, s->home);
    struct loaded l = {0};
    struct engine_run_request r = {.type = RUN_TYPE_MANUAL, .logical_date_us = TIME_NONE};
    struct buf b;
    int64_t run_key = 0;
    const struct value *file, *dag_id, *v;
    int rc;

    buf_init(&b, LIMIT_DOC_BYTES);
    arena_init(&a, MiB(64));
    rc = value_parse(&a, request_json, strlen(request_json), &rq, e);
    file = rc == 0 ? value_get(rq, "file") : NULL;
    dag_id = rc == 0 ? value_get(rq, "dag_id") : NULL;
    if (rc == 0 && (file == NULL || file->kind != VALUE_STRING)) {
        rc = err_set(e, ERR_PROTOCOL, "run needs a file");
    }
    if (rc == 0) { /* who keeps DAG files knows the others of its folder */
        rc = (engine_keeps_dags(s->engine) ? load_target_alone : folder_load_target)(
            file->text, dag_id != NULL ? dag_id->text : NULL, &env, s->worker, &l, e);
    }
    rc = rc == 0 ? folder_register(s->engine, s->home, &l, e) : rc;
    rc = rc == 0 ? dagfile_document(l.dag, &b) : rc;
    rc = rc == 0 ? engine_add_dag(s->engine, l.dag, buf_cstr(&b), b.len, &r.dag_key, e) : rc;
    if (rc == 0) {
        v = value_get(rq, "run_id");
        r.run_id = v != NULL ? v->text : NULL;
        v = value_get(rq, "conf");
        r.conf = v != NULL ? v->text : NULL;
        v = value_get(rq, "partition_key");
        r.partition_key = v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
        v = value_get(rq, "logical_date_us");
        if (v != NULL && value_int(v, INT64_MIN + 1, INT64_MAX, &r.logical_date_us) != 0) {
            r.logical_date_us = TIME_NONE;
        }
        rc = engine_create_run(s->engine, &r, &run_key, e);
    }
    if (rc == 0) {
        (void)VEC_PUSH(s->others, s->others_len, s->others_cap, run_key);
        buf_clear(&b);
        (void)buf_printf(&b, "{\"run_key\":%lld}", (long long)run_key);
        *ret_json = buf_take(&b);
    }
    loaded_fini(&l);
    buf_fini(&b);
    arena_fini(&a);
    return rc;
}

/* ---- here ---- */

/* Of a run that ended in the commit that made it: there was nothing to show meanwhile, the store has all of it. */
static void tell_result(struct session *s, enum progress_mode mode, int64_t run_key)
{
    struct progress_summary sum = {.mode = mode};
    struct found f;

    if (found_open_key(&f, s->home, run_key, NULL) == 0) {
        sum.dag_id = f.dag->dag_id;
        sum.run_id = f.run.run_id;
        sum.word = run_state_to_string(f.run.state);
        sum.elapsed_us = f.run.end_us - f.run.queued_us;
        for (uint32_t t = 0; t < f.dag->tasks_len; t++) {
            add_states(&f, t, sum.by_state);
        }
        progress_summary(&sum, s->engine);
    }
    found_fini(&f);
}

int execute_run(struct session *s, struct cli *cli, int64_t run_key, const char *run_id)
{
    struct means m = {.s = s};
    struct progress *p = NULL;
    enum run_state state = RUN_FAILED;
    struct run_row row;
    const struct dag *d;
    struct err e = {0};
    struct progress_options o = {.mode = progress_mode_of(cli),
                                 .home = s->home,
                                 .run_key = run_key,
                                 .run_id = run_id,
                                 .slots = s->worker->slots};
    int rc;

    arena_init(&m.arena, MiB(256));
    if (o.mode == PROGRESS_LIVE && sched_get_run(engine_sched(s->engine), run_key, &row, &d) == 0) {
        m.version_key = row.version_key;
        (void)engine_on_store(s->engine, load_means, &m);
        o.mean_us = m.us;
        o.mean_len = m.len;
    }
    if (engine_run_dag(s->engine, run_key) != NULL) {
        (void)progress_start(s->loop, s->engine, &o, &p, &e); /* else the result alone is told */
    }
    rc = engine_wait_run(s->engine, run_key, &state, &e);
    if (p == NULL && rc == 0) {
        tell_result(s, o.mode, run_key);
    }
    progress_finish(p, rc == 0 ? state : RUN_RUNNING, rc == 0 ? NULL : "interrupted");
    if (rc == 0) {
        rc = wait_for_others(s);
    }
    arena_fini(&m.arena);
    if (rc == -ERR_CANCELED) {
        (void)fprintf(
            stderr,
            "Interrupted; what ran was ended. `tradewind runs resume` goes on from here.\n");
        return 130;
    }
    if (rc != 0) {
        (void)fprintf(stderr, "tradewind: %s\n", err_str(&e));
        return err_exit_code(rc);
    }
    return state == RUN_SUCCESS ? 0 : 1;
}

/* ---- as a client of the engine that lives ---- */

static void show_new(struct found *f, size_t *shown, bool json)
{
    struct buf scratch BUF_CLEANUP;
    struct transition_row *t;
    size_t n;

    buf_init(&scratch, KiB(64));

    if (f->store->ops->get_transitions(f->store, f->run.run_key, NULL, 1000000, &f->arena, &t, &n,
                                       NULL) != 0) {
        return;
    }
    for (; *shown < n; (*shown)++) {
        char when[32] = "";
        const struct transition_row *r = &t[*shown];

        if (json) {
            progress_json_line(f->run.run_id, f->dag->tasks[r->key.task].task_id, r, &scratch);
            continue;
        }
        if (r->to == TASK_SCHEDULED || r->to == TASK_QUEUED || r->to == TASK_NONE) {
            continue;
        }
        (void)time_strftime(r->at_us, "%H:%M:%S", when, sizeof when);
        (void)printf("%s %s %s%s%s\n", when, f->dag->tasks[r->key.task].task_id,
                     task_state_to_string(r->to), r->reason != NULL ? ": " : "",
                     r->reason != NULL ? r->reason : "");
    }
    (void)fflush(stdout);
}

static void show_end(const struct found *f, enum progress_mode mode)
{
    struct progress_summary s = {
        .mode = mode,
        .dag_id = f->dag->dag_id,
        .run_id = f->run.run_id,
        .word = run_state_to_string(f->run.state),
        .elapsed_us = f->run.start_us != TIME_NONE ? f->run.end_us - f->run.start_us : 0,
    };

    for (uint32_t i = 0; i < f->dag->tasks_len; i++) {
        add_states(f, i, s.by_state);
    }
    progress_summary(&s, NULL);
}

/* Nobody carries the run out any more: *alive_us is when somebody was last seen to. */
static int check_alive(const char *home, int64_t *alive_us, int64_t *looked_us, struct err *e)
{
    int64_t now = loop_now_us(loop_current());
    struct err ignored = {0};
    char *answer = NULL;

    if (now - *looked_us < CLIENT_LOOK_US) {
        return 0;
    }
    *looked_us = now;
    if (engine_request(home, "ping", "", &answer, &ignored) == 0) {
        *alive_us = now;
    }
    mem_free(answer);
    return now - *alive_us < CLIENT_GONE_US
               ? 0
               : err_set(
                     e, ERR_BUSY,
                     "the process that ran it is gone: the run goes on when a service starts in "
                     "this home, or by `tradewind runs resume`");
}

int execute_follow(struct cli *cli, const char *home, int64_t run_key, struct err *e)
{
    int64_t alive_us = loop_now_us(loop_current()), looked_us = alive_us;
    size_t shown = 0;
    int rc = 0;

    for (;;) {
        struct found f;

        rc = found_open_key(&f, home, run_key, e);
        if (rc == 0 && !cli_flag(cli, "quiet")) {
            show_new(&f, &shown, cli_flag(cli, "json"));
        }
        if (rc != 0 || run_state_finished(f.run.state)) {
            if (rc == 0) {
                show_end(&f, progress_mode_of(cli));
                rc = f.run.state == RUN_SUCCESS ? 0 : 1;
            }
            found_fini(&f);
            return rc;
        }
        found_fini(&f);
        rc = check_alive(home, &alive_us, &looked_us, e);
        rc = rc == 0 ? co_sleep(CLIENT_POLL_US) : rc;
        if (rc != 0) {
            return rc;
        }
    }
}

int execute_ask(const char *home, const char *members, int64_t *ret_run, struct err *e)
{
    struct value *answer;
    struct arena a;
    char *json = NULL;
    int rc;

    arena_init(&a, MiB(1));
    rc = engine_request(home, "command", members, &json, e);
    if (rc == 0 && json != NULL) {
        const struct value *v;

        rc = value_parse(&a, json, strlen(json), &answer, e);
        v = rc == 0 ? value_get(answer, "run_key") : NULL;
        if (v == NULL || value_int(v, 1, INT64_MAX, ret_run) != 0) {
            rc = err_set(e, ERR_PROTOCOL, "the running engine gave no run");
        }
    }
    mem_free(json);
    arena_fini(&a);
    return rc;
}

int execute_as_client(struct cli *cli, struct loop *l, const char *home, const char *members)
{
    struct err e = {0};
    int64_t run_key = 0;
    int rc = execute_ask(home, members, &run_key, &e);

    (void)l;
    rc = rc == 0 ? execute_follow(cli, home, run_key, &e) : rc;
    if (rc < 0) {
        (void)fprintf(stderr, "tradewind: %s\n", err_str(&e));
        return err_exit_code(rc);
    }
    return rc;
}
