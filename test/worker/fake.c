#include "fake.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "runtime/loop.h"
#include "worker/local.h"

struct fake fake;

/* ---- the executor: linked in the place of the real one ---- */

static char *joined(const char *const *list, const char *between)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(8));
    if (list == NULL) {
        return NULL;
    }
    (void)buf_str(&b, between[0] == '\n' ? between : "");
    for (size_t i = 0; list[i] != NULL; i++) {
        (void)buf_str(&b, i != 0 && between[0] != '\n' ? between : "");
        (void)buf_str(&b, list[i]);
        (void)buf_str(&b, between[0] == '\n' ? between : "");
    }
    return arena_strdup(&fake.arena, buf_cstr(&b));
}

static char *copied(const char *s)
{
    return s != NULL ? arena_strdup(&fake.arena, s) : NULL;
}

static int x_start(struct executor *x, const struct exec_spec *s, struct err *e)
{
    (void)x;
    if (fake.start_rc != 0) {
        return err_set(e, (enum err_code) - fake.start_rc, "simulated: cannot start");
    }
    assert_true(fake.starts_len < STARTS_MAX);
    fake.starts[fake.starts_len++] = (struct fake_start){
        .attempt = s->attempt,
        .argv = joined(s->argv, "|"),
        .script = copied(s->script),
        .python = copied(s->python),
        .env = joined(s->env, "\n"),
        .secrets = joined(s->secrets, "\n"),
        .cwd = copied(s->cwd),
        .log = copied(s->log),
        .last_line = s->last_line,
        .timeout_us = s->timeout_us,
        .grace_us = s->grace_us,
    };
    return 0;
}

static void x_kill(struct executor *x, const struct uuid *attempt, const char *reason,
                   int64_t grace_us)
{
    (void)x;
    (void)attempt;
    (void)grace_us;
    (void)snprintf(fake.killed, sizeof fake.killed, "%s", reason);
    fake.kills++;
}

static void x_ack(struct executor *x, const struct uuid *attempt)
{
    (void)x;
    (void)attempt;
    fake.acks++;
}

static int x_adopt(struct executor *x, const struct uuid *live, size_t n, struct uuid *never,
                   size_t *ret_n, struct err *e)
{
    (void)x;
    (void)e;
    fake.adopted += n;
    for (size_t i = 0; fake.adopt_unknown && i < n; i++) {
        never[(*ret_n)++] = live[i];
    }
    return 0;
}

static void x_close(struct executor *x)
{
    (void)x;
}

static void x_pause(struct executor *x, bool paused)
{
    (void)x;
    (void)paused;
}

static const struct executor_ops x_ops = {.close = x_close,
                                          .start = x_start,
                                          .kill = x_kill,
                                          .ack = x_ack,
                                          .adopt = x_adopt,
                                          .pause = x_pause};

int exec_local_open(const struct exec_local_config *c, const struct exec_callbacks *cb,
                    struct executor **ret, struct err *e)
{
    (void)c;
    (void)e;
    fake.exec.ops = &x_ops;
    fake.cb = *cb;
    *ret = &fake.exec;
    return 0;
}

/* ---- the engine's side ---- */

static const char *task_name(const struct ti_key *key)
{
    return fake.dag->tasks[key->task].task_id;
}

static void on_started(void *arg, const struct ti_key *key, const struct uuid *token, int64_t pid,
                       const char *holder, const char *log, int64_t at_us)
{
    (void)arg;
    (void)token;
    (void)log;
    (void)at_us;
    (void)buf_printf(&fake.told, "%s started pid %lld%s%s\n", task_name(key), (long long)pid,
                     holder != NULL ? " in " : "", holder != NULL ? holder : "");
}

static void on_deferred(void *arg, const struct ti_key *key, const struct uuid *token,
                        int64_t timeout_us)
{
    (void)arg;
    (void)token;
    (void)timeout_us;
    (void)buf_printf(&fake.told, "%s deferred\n", task_name(key));
}

static void on_ended(void *arg, struct worker_end *end)
{
    static const char *const words[] = {
        [WORKER_SUCCESS] = "success",
        [WORKER_FAILED] = "failed",
        [WORKER_FAILED_NO_RETRY] = "failed for good",
        [WORKER_SKIPPED] = "skipped",
        [WORKER_KILLED] = "killed",
        [WORKER_LOST] = "lost",
        [WORKER_RESCHEDULE] = "reschedule",
        [WORKER_DEFERRED] = "deferred",
        [WORKER_RESUME] = "resumes",
    };

    (void)arg;
    (void)buf_printf(&fake.told, "%s %s", task_name(&end->key), words[end->outcome]);
    if (end->outcome == WORKER_RESCHEDULE ||
        (end->outcome == WORKER_DEFERRED && end->until_us != TIME_NONE)) {
        (void)buf_printf(&fake.told, " at %lld", (long long)end->until_us);
    }
    if (end->reason != NULL) {
        (void)buf_printf(&fake.told, ": %s", end->reason);
    }
    for (size_t i = 0; i < end->xcoms_len; i++) {
        (void)buf_printf(&fake.told, " [%s=%.*s]", end->xcoms[i].name, (int)end->xcoms[i].len,
                         (const char *)end->xcoms[i].value);
    }
    for (size_t i = 0; i < end->asset_events_len; i++) {
        const struct worker_asset_event *x = &end->asset_events[i];

        (void)buf_printf(&fake.told, " {%s %s %s %s %s", x->name, x->uri, x->group,
                         x->asset_extra != NULL ? x->asset_extra : "-",
                         x->extra != NULL ? x->extra : "-");
        for (size_t at = 0; at < x->aliases_len; at += strlen(x->aliases + at) + 1) {
            (void)buf_printf(&fake.told, " by %s", x->aliases + at);
        }
        (void)buf_printf(&fake.told, "}");
    }
    for (size_t i = 0; i < end->skip_len; i++) {
        (void)buf_printf(&fake.told, " -%s", fake.dag->tasks[end->skip[i]].task_id);
    }
    (void)buf_printf(&fake.told, "%s\n", end->from_wait ? " (waited)" : "");
    fake.rendered = copied(end->rendered);
    fake.record = end->record != NULL ? copied(end->record) : fake.record;
    worker_end_free(end);
}

static int on_xcom_get(void *arg, const struct ti_key *asking, const char *task_id,
                       const char *name, struct arena *a, const char **ret, size_t *ret_len,
                       struct err *e)
{
    (void)arg;
    (void)asking;
    (void)task_id;
    (void)name;
    (void)a;
    (void)e;
    *ret = fake.xcom;
    *ret_len = fake.xcom != NULL ? strlen(fake.xcom) : 0;
    return co_sleep(1000); /* reading the store suspends */
}

static int on_record_get(void *arg, const struct ti_key *key, struct arena *a, const char **ret,
                         size_t *ret_len, struct err *e)
{
    (void)arg;
    (void)key;
    (void)a;
    (void)e;
    *ret = fake.record;
    *ret_len = fake.record != NULL ? strlen(fake.record) : 0;
    return co_sleep(1000);
}

/* ---- one test ---- */

struct body {
    const char *yaml;
    void (*fn)(void);
};

static int body_main(void *arg)
{
    const struct body *b = arg;
    struct worker_callbacks cb = {.started = on_started,
                                  .deferred = on_deferred,
                                  .ended = on_ended,
                                  .xcom_get = on_xcom_get,
                                  .record_get = on_record_get};
    struct local_worker_config c = {
        .loop = loop_current(),
        .home = fake.home,
        .holder_program = "/nowhere/holder",
        .python = "python3",
        .python_path = "/nowhere/python",
        .slots = 4,
        .grace_us = TIME_SECOND,
        .worker_id = 1,
    };
    struct err e = {0};
    int rc = local_worker_new(&c, &fake.worker, &e);

    assert_int_equal(rc, 0);
    fake.worker->ops->set_callbacks(fake.worker, &cb);
    b->fn();
    fake.worker->ops->close(fake.worker);
    return 0;
}

static struct dag *load(const char *yaml)
{
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    struct dag *d = NULL;
    struct err e = {0};
    int rc;

    arena_init(&a, MiB(16));
    rc = dagfile_load_text(yaml, strlen(yaml), false, "/dags/f.yaml", operators_table(), &d,
                           &errors, &e);
    if (rc != 0) {
        fail_msg("document: %s", errors.len != 0 ? errors.items[0].text : err_str(&e));
    }
    arena_fini(&a);
    return d;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fake_run(const char *yaml, void (*fn)(void))
{
    struct loop_config lc = {.wall_start_us = 1767225600 * TIME_SECOND}; /* 2026-01-01 */
    struct body b = {yaml, fn};
    struct loop *loop;
    struct err e = {0};

    fake = (struct fake){.next_token = 1};
    arena_init(&fake.arena, MiB(64));
    buf_init(&fake.told, MiB(1));
    (void)snprintf(fake.home, sizeof fake.home, "/tmp/tw-worker-XXXXXX");
    assert_non_null(mkdtemp(fake.home));
    fake.dag = load(yaml);
    fake.run = (struct run_row){.run_key = 7,
                                .dag_key = 1,
                                .version_key = 1,
                                .run_id = "manual__1",
                                .type = RUN_TYPE_MANUAL,
                                .state = RUN_RUNNING,
                                .logical_date_us = 1767225600 * TIME_SECOND,
                                .data_interval_start_us = 1767225600 * TIME_SECOND,
                                .data_interval_end_us = 1767225600 * TIME_SECOND,
                                .conf = "{\"go\": \"false\", \"key\": \"confsecret\"}"};
    assert_int_equal(loop_virtual_new(&lc, &loop, &e), 0);
    assert_int_equal(loop_main(loop, body_main, &b, &e), 0);
    loop_free(loop);
    dag_unref(fake.dag);
    buf_fini(&fake.told);
    arena_fini(&fake.arena);
    assert_int_equal(nftw(fake.home, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct worker_job job_of(const char *task_id)
{
    const struct task *t = dag_task(fake.dag, task_id);
    struct worker_job job = {.key = {7, 0, -1},
                             .try_number = 1,
                             .dag = fake.dag,
                             .run = &fake.run,
                             .start_us = TIME_NONE};

    assert_non_null(t);
    job.key.task = t->index;
    job.max_tries = (uint16_t)t->retries;
    job.token.b[15] = (uint8_t)fake.next_token++;
    return job;
}

struct uuid fake_start(const char *task_id)
{
    return fake_go_on(task_id, TIME_NONE);
}

struct uuid fake_go_on(const char *task_id, int64_t start_us)
{
    struct worker_job job = job_of(task_id);
    struct err e = {0};

    job.resumed = start_us != TIME_NONE;
    job.start_us = start_us;
    if (fake.worker->ops->start(fake.worker, &job, &e) != 0) {
        (void)buf_printf(&fake.told, "%s not taken: %s\n", task_id, err_str(&e));
    }
    (void)co_sleep(TIME_SECOND / 100);
    return job.token;
}

struct uuid fake_adopt(const char *task_id, bool started, int64_t start_us)
{
    struct worker_job job = job_of(task_id);
    struct err e = {0};

    job.started = started;
    job.start_us = start_us;
    assert_int_equal(fake.worker->ops->adopt(fake.worker, &job, 1, NULL, 0, &e), 0);
    (void)co_sleep(TIME_SECOND / 100);
    return job.token;
}

const struct fake_start *fake_last(void)
{
    assert_true(fake.starts_len > 0);
    return &fake.starts[fake.starts_len - 1];
}

struct exec_end fake_exit(const struct uuid *token, int code)
{
    return (struct exec_end){
        .attempt = *token, .pid = 100, .exit_code = code, .at_us = 1, .duration_us = 1000};
}

void fake_begin(const struct uuid *token)
{
    fake.cb.started(fake.cb.arg, token, 100, "h1", 1);
}

void fake_end(const struct exec_end *x)
{
    fake.cb.ended(fake.cb.arg, x);
}

void fake_result(const struct uuid *token, const char *json)
{
    char text[UUID_TEXT_MAX], path[256];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/results/%s.json", fake.home, uuid_format(token, text));
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(json, f) >= 0);
    (void)fclose(f);
}

const char *fake_told(void)
{
    char *text = arena_strdup(&fake.arena, buf_cstr(&fake.told));

    buf_clear(&fake.told);
    return text;
}

void fake_expect(const char *want)
{
    assert_string_equal(fake_told(), want);
}
