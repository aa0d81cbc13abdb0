/*
 * The local worker. Per attempt:
 *
 *   start/adopt -> TAKEN --render--> PROCESS --holder tells--> ENDED --ack--> gone
 *                        \--------> WAIT ----its coroutine----> ENDED
 *                         \-------> (decision) ---------------> ENDED
 *
 * Invariants
 *  1. An attempt is in the table from start/adopt until ack; a token stands there once. A second start of it is ignored.
 *  2. `ended` is told once per attempt and life of this worker; the executor may tell an end again until acked, which is dropped.
 *  3. No process starts while paused, claimed or not: attempts wait in the executor's queue.
 *  4. A kill before the process exists ends the attempt as KILLED without ever starting it.
 *  5. Of a process the engine hears that it started before it hears its end, also when both happened while no engine lived: what the
 *     start means (its time, the attempt's row, XComs of the try before) is not lost.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "operators/operators.h"
#include "operators/plugins.h"
#include "runtime/http.h"
#include "worker/environment.h"
#include "worker/local_priv.h"
#include "worker/mapped.h"
#include "worker/paths.h"

#define ARENA_MAX        (MiB(4) + LIMIT_XCOM_BYTES)
#define HTTP_CONNECTIONS 256

static struct attempt **bucket_of(struct local_worker *w, const struct uuid *token)
{
    return &w->buckets[(token->b[14] << 8 | token->b[15]) & 4095];
}

struct attempt *attempt_find(struct local_worker *w, const struct uuid *token)
{
    struct attempt *a = *bucket_of(w, token);

    while (a != NULL && uuid_cmp(&a->token, token) != 0) {
        a = a->next;
    }
    return a;
}

static void attempt_free(struct attempt *a)
{
    dag_unref(a->dag);
    arena_fini(&a->arena);
    mem_free(a);
}

static void forget(struct local_worker *w, struct attempt *a)
{
    struct attempt **p = bucket_of(w, &a->token);

    while (*p != a) {
        p = &(*p)->next;
    }
    *p = a->next;
    attempt_free(a);
}

void attempt_forget(struct attempt *a)
{
    forget(a->worker, a);
}

static int copy_run(struct attempt *a, const struct run_row *run)
{
    const char **strings[] = {&a->run.run_id, &a->run.reason, &a->run.conf, &a->run.partition_key};

    a->run = *run;
    for (size_t i = 0; i < 4; i++) {
        if (*strings[i] != NULL) {
            *strings[i] = arena_strdup(&a->arena, *strings[i]);
            if (*strings[i] == NULL) {
                return -ERR_NOMEM;
            }
        }
    }
    return 0;
}

static int log_path(struct attempt *a)
{
    char path[4096];
    int rc = worker_log_path(a->worker->config.home, a->dag->dag_id, a->run.run_id,
                             a->task->task_id, a->key.map_index, a->try_number, path, sizeof path);

    a->log = rc == 0 ? arena_strdup(&a->arena, path) : NULL;
    return rc == 0 && a->log == NULL ? -ERR_NOMEM : rc;
}

bool attempt_in_python(const struct attempt *a)
{
    const struct operator_desc *d = operators_find(a->task->operator_name);
    bool own = false;

    for (const struct operator_param *p = d != NULL ? d->params : NULL;
         p != NULL && p->name != NULL; p++) {
        own |= strcmp(p->name, "python_callable") == 0;
    }
    return !a->dag->is_python && a->task->effects && !own;
}

int attempt_take(struct local_worker *w, const struct worker_job *job, struct attempt **ret,
                 struct err *e)
{
    struct attempt *a = mem_zalloc(sizeof *a);

    if (a == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an attempt");
    }
    arena_init(&a->arena, ARENA_MAX);
    a->worker = w;
    a->key = job->key;
    a->token = job->token;
    a->try_number = job->try_number;
    a->max_tries = job->max_tries;
    a->resumed = job->resumed;
    a->first_start_us = job->start_us;
    a->dag = dag_ref(job->dag);
    a->task = &job->dag->tasks[job->key.task];
    a->op = attempt_in_python(a) ? &op_python : operator_find(a->task->operator_name);
    if (copy_run(a, job->run) != 0 || log_path(a) != 0) {
        attempt_free(a);
        return err_set(e, ERR_NOMEM, "out of memory for an attempt");
    }
    a->next = *bucket_of(w, &a->token);
    *bucket_of(w, &a->token) = a;
    *ret = a;
    return 0;
}

/* What an instance of a mapped group leaves out of its own group is left out of its own index only. */
static void skip_in_group(const struct attempt *a, struct worker_end *end)
{
    if (a->key.map_index < 0 || a->task->map_group == UINT32_MAX || end->skip_map != NULL ||
        end->skip_len == 0) {
        return;
    }
    end->skip_map = arena_array(&end->arena, end->skip_len, sizeof *end->skip_map);
    for (size_t i = 0; end->skip_map != NULL && i < end->skip_len; i++) {
        bool same = a->dag->tasks[end->skip[i]].map_group == a->task->map_group;

        end->skip_map[i] = same ? a->key.map_index : -1;
    }
}

void attempt_end(struct attempt *a, struct worker_end *end)
{
    if (a->phase == ATTEMPT_ENDED) {
        worker_end_free(end);
        return;
    }
    skip_in_group(a, end);
    end->from_wait = (a->phase == ATTEMPT_WAIT && !a->holds_slot) || a->phase == ATTEMPT_TRIGGER;
    a->phase = end->outcome == WORKER_DEFERRED ? ATTEMPT_DEFERRED : ATTEMPT_ENDED;
    end->rendered = a->rendered != NULL ? arena_strdup(&end->arena, a->rendered) : NULL;
    end->map_name = a->map_name != NULL ? arena_strdup(&end->arena, a->map_name) : NULL;
    a->worker->cb.ended(a->worker->cb.arg, end);
}

void attempt_fail(struct attempt *a, enum worker_outcome outcome, const char *fmt, ...)
{
    struct worker_end *end = worker_end_new(&a->key, &a->token, outcome);
    char text[ERR_TEXT_MAX];
    va_list ap;

    if (end == NULL) {
        return; /* stays live; the scheduler's timeouts and the next start see to it */
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    end->reason = arena_strdup(&end->arena, text);
    attempt_end(a, end);
}

/* ---- decisions and waits ---- */

static int64_t clock_us(void *arg)
{
    return loop_wall_us(arg);
}

static struct http_client *http_of(void *arg)
{
    struct local_worker *w = arg;

    if (w->http == NULL && http_client_new(w->config.loop, HTTP_CONNECTIONS, &w->http, NULL) != 0) {
        w->http = NULL;
    }
    return w->http;
}

static struct operator_context context_of(struct attempt *a)
{
    return (struct operator_context){
        .dag = a->dag,
        .task = a->task,
        .params = a->params,
        .arena = &a->arena,
        .logical_date_us = a->run.logical_date_us,
        .start_us = a->start_us,
        .now_us = loop_wall_us(a->worker->config.loop),
        .clock = clock_us,
        .clock_arg = a->worker->config.loop,
        .http = http_of,
        .http_arg = a->worker,
    };
}

static void end_by_result(struct attempt *a, const struct operator_result *r, int rc,
                          const struct err *e)
{
    static const enum worker_outcome outcomes[] = {
        [VERDICT_SUCCESS] = WORKER_SUCCESS,
        [VERDICT_SKIPPED] = WORKER_SKIPPED,
        [VERDICT_FAILED] = WORKER_FAILED,
        [VERDICT_FAILED_NO_RETRY] = WORKER_FAILED_NO_RETRY,
    };
    struct worker_end *end;

    if (a->kill_reason != NULL) {
        bool ours = strcmp(a->kill_reason, "interrupted") == 0;

        attempt_fail(a, ours ? WORKER_LOST : WORKER_KILLED, "%s", a->kill_reason);
        return;
    }
    if (rc != 0) {
        attempt_fail(a, rc == -ERR_INVALID ? WORKER_FAILED_NO_RETRY : WORKER_FAILED, "%s",
                     err_str(e));
        return;
    }
    end = worker_end_new(&a->key, &a->token, outcomes[r->verdict]);
    if (end == NULL) {
        return;
    }
    end->reason = r->reason != NULL ? arena_strdup(&end->arena, r->reason) : NULL;
    if (attempt_xcoms(end, r->xcoms) != 0) {
        end->xcoms_len = 0;
        end->outcome = WORKER_FAILED_NO_RETRY;
        end->reason = "its XComs cannot be kept";
    }
    if (r->skip_len != 0) {
        end->skip = arena_array(&end->arena, r->skip_len, sizeof *end->skip);
        if (end->skip != NULL) {
            memcpy(end->skip, r->skip, r->skip_len * sizeof *end->skip);
            end->skip_len = r->skip_len;
        }
    }
    attempt_end(a, end);
}

static int do_wait(struct attempt *a, const struct operator_context *c, struct operator_result *r,
                   struct err *e)
{
    return a->op->plugin != NULL ? attempt_in_host(a, r, e) : a->op->wait(c, r, e);
}

/* Tells that it waits, then waits. Runs on the attempt's coroutine. */
static void wait_for_it(struct attempt *a)
{
    struct local_worker *w = a->worker;
    struct operator_result r = {0};
    struct operator_context c;
    struct err e = {0};
    int rc;

    a->phase = ATTEMPT_WAIT;
    a->holds_slot = a->op->plugin != NULL && !a->op->plugin->waits;
    if (!a->adopted) {
        a->start_us = loop_wall_us(w->config.loop);
        w->cb.started(w->cb.arg, &a->key, &a->token, 0, NULL, a->op->plugin != NULL ? a->log : NULL,
                      0);
        if (!a->holds_slot) {
            w->cb.deferred(w->cb.arg, &a->key, &a->token, TIME_NONE);
        }
    }
    c = context_of(a);
    if (a->task->execution_timeout_us != 0) {
        struct co_deadline d;

        co_deadline_begin(&d, a->task->execution_timeout_us);
        rc = do_wait(a, &c, &r, &e);
        co_deadline_end(&d);
        if (rc == -ERR_TIMEOUT && a->kill_reason == NULL) {
            char t[TIME_TEXT_MAX];

            attempt_fail(a, WORKER_FAILED, "execution_timeout of %s exceeded",
                         duration_format(a->task->execution_timeout_us, t));
            return;
        }
    } else {
        rc = do_wait(a, &c, &r, &e);
    }
    end_by_result(a, &r, rc, &e);
}

static void decide(struct attempt *a)
{
    struct operator_context c = context_of(a);
    struct operator_result r = {0};
    struct err e = {0};

    if (!a->adopted) {
        a->worker->cb.started(a->worker->cb.arg, &a->key, &a->token, 0, NULL, NULL, 0);
    }
    end_by_result(a, &r, a->op->decide(&c, &r, &e), &e);
}

/* ---- start ---- */

/* From rendered parameters on. */
static void run_rendered(struct attempt *a, bool jinja)
{
    struct err e = {0};
    int rc;

    if (a->op->wait != NULL) {
        if (jinja) {
            attempt_fail(a, WORKER_FAILED_NO_RETRY,
                         "a template of %s is outside of the subset that waits can render",
                         a->task->task_id);
            return;
        }
        wait_for_it(a);
        return;
    }
    rc = a->op->prepare != NULL ? attempt_spawn(a, jinja, &e) : -ERR_UNSUPPORTED;
    if (rc == -ERR_UNSUPPORTED && a->op->decide != NULL && !jinja) {
        decide(a);
    } else if (rc != 0) {
        attempt_fail(a, rc == -ERR_INVALID ? WORKER_FAILED_NO_RETRY : WORKER_FAILED, "%s",
                     err_str(&e));
    }
}

/* Its process is to be told what its run consumed. */
static bool has_events(const struct attempt *a)
{
    return a->run.type == RUN_TYPE_ASSET_TRIGGERED && a->op->prepare != NULL &&
           a->worker->cb.events_get != NULL;
}

static int attempt_main(void *arg)
{
    struct attempt *a = arg;
    struct err e = {0};
    bool jinja = false;
    int rc = 0;

    a->co = co_self();
    if (has_events(a)) {
        rc = a->worker->cb.events_get(a->worker->cb.arg, a->run.run_key, &a->arena, &a->events,
                                      &a->events_len, &e);
    }
    if (rc == 0 && a->params == NULL) {
        rc = attempt_render(a, &jinja, &e);
    }
    if (rc == 0 && a->resumed && a->op->prepare != NULL) {
        rc = deferral_read(a, &e);
    }
    if (a->kill_reason != NULL) {
        struct operator_result none = {0};

        end_by_result(a, &none, 0, NULL);
    } else if (rc == -ERR_CANCELED) {
        /* the worker closes: the attempt stays as it is in the store and is adopted later */
    } else if (rc != 0) {
        attempt_fail(a, err_retryable(rc) ? WORKER_FAILED : WORKER_FAILED_NO_RETRY, "%s",
                     err_str(&e));
    } else {
        run_rendered(a, jinja);
    }
    a->co = NULL;
    return 0;
}

/* A coroutine only where something may suspend: a plain command goes straight to the executor. */
int attempt_launch(struct attempt *a, struct err *e)
{
    struct local_worker *w = a->worker;

    if (a->op == NULL) {
        attempt_fail(a, WORKER_FAILED_NO_RETRY, "operator '%s' is not known to this worker",
                     a->task->operator_name);
        return 0;
    }
    if (!attempt_needs_render(a)) {
        a->params = (struct value *)a->task->spec; /* read only from here on */
        if (a->op->wait == NULL && !a->resumed && !has_events(a)) {
            run_rendered(a, false);
            return 0;
        }
    }
    /* Its coroutine is not awaited, so it is not asked for: its memory goes with its end. */
    return co_spawn(&w->group, "attempt", attempt_main, a, NULL, e);
}

static int local_start(struct worker *base, const struct worker_job *job, struct err *e)
{
    struct local_worker *w = (struct local_worker *)base;
    struct attempt *a;
    int rc;

    if (attempt_find(w, &job->token) != NULL) {
        return 0;
    }
    rc = attempt_take(w, job, &a, e);
    if (rc == 0) {
        rc = attempt_launch(a, e);
        if (rc != 0) {
            forget(w, a);
        }
    }
    w->base.waiting = w->exec->waiting;
    return rc;
}

static void local_kill(struct worker *base, const struct uuid *token, const char *reason)
{
    struct local_worker *w = (struct local_worker *)base;
    struct attempt *a = attempt_find(w, token);

    if (a == NULL || a->phase == ATTEMPT_ENDED) {
        return;
    }
    a->kill_reason = arena_strdup(&a->arena, reason);
    if (a->kill_reason == NULL) {
        a->kill_reason = "killed";
    }
    if (a->phase == ATTEMPT_PROCESS) {
        exec_kill(w->exec, token, a->kill_reason, w->config.grace_us);
    } else if (a->phase == ATTEMPT_TRIGGER) {
        triggers_drop(a);
        attempt_fail(a, WORKER_KILLED, "%s", a->kill_reason);
    } else if (a->co != NULL) {
        co_cancel(a->co);
    }
}

/* Its deferral is durable: what it asked for may begin. */
static void begin_trigger(struct attempt *a)
{
    a->phase = ATTEMPT_TRIGGER;
    if (a->kill_reason != NULL) {
        attempt_fail(a, WORKER_KILLED, "%s", a->kill_reason);
    } else {
        triggers_add(a);
    }
}

static void local_ack(struct worker *base, const struct uuid *token)
{
    struct local_worker *w = (struct local_worker *)base;
    struct attempt *a = attempt_find(w, token);

    exec_ack(w->exec, token);
    if (a != NULL) {
        attempt_remove_result(a);
    }
    if (a != NULL && a->phase == ATTEMPT_DEFERRED) {
        begin_trigger(a);
    } else if (a != NULL && a->co == NULL) {
        forget(w, a);
    }
}

static bool local_find(struct worker *base, const struct uuid *token, struct ti_key *ret)
{
    const struct attempt *a = attempt_find((struct local_worker *)base, token);

    if (a == NULL || a->phase == ATTEMPT_ENDED) {
        return false;
    }
    *ret = a->key;
    return true;
}

static void local_pause(struct worker *base, bool paused)
{
    exec_pause(((struct local_worker *)base)->exec, paused);
}

/* In holders and in operator hosts. */
static int local_busy(struct worker *base)
{
    struct local_worker *w = (struct local_worker *)base;

    return w->exec->running + attempt_guests(w);
}

static void local_resize(struct worker *base, int slots)
{
    base->slots = slots;
    exec_resize(((struct local_worker *)base)->exec, slots);
}

/* ---- from the executor ---- */

static void exec_started(void *arg, const struct uuid *token, int64_t pid, const char *holder,
                         int64_t at_us)
{
    struct local_worker *w = arg;
    struct attempt *a = attempt_find(w, token);

    w->base.waiting = w->exec->waiting;
    if (a != NULL && a->phase == ATTEMPT_PROCESS) {
        a->told_started = true;
        w->cb.started(w->cb.arg, &a->key, token, pid, holder, a->log, at_us);
    }
}

/* Invariant 5. A process whose exit nobody saw may have begun although its pid is not known. */
static void tell_late_start(struct local_worker *w, struct attempt *a, const struct exec_end *x)
{
    if (!a->told_started && (x->pid != 0 || x->not_seen)) {
        a->told_started = true;
        w->cb.started(w->cb.arg, &a->key, &a->token, x->pid, NULL, a->log,
                      x->at_us - x->duration_us);
    }
}

static void exec_ended(void *arg, const struct exec_end *x)
{
    struct local_worker *w = arg;
    struct attempt *a = attempt_find(w, &x->attempt);

    w->base.waiting = w->exec->waiting;
    if (a != NULL && a->phase == ATTEMPT_PROCESS) {
        tell_late_start(w, a, x);
        attempt_exec_ended(a, x);
    } else if (a != NULL && a->phase == ATTEMPT_CALLBACK) {
        callback_ended(a, x);
    }
}

static void local_set_callbacks(struct worker *base, const struct worker_callbacks *cb)
{
    ((struct local_worker *)base)->cb = *cb;
}

/* ---- the end: whoever was told is gone already, and what still happens is for the next one to find ---- */

static void tell_nobody_started(void *arg, const struct ti_key *key, const struct uuid *token,
                                int64_t pid, const char *holder, const char *log, int64_t at_us)
{
    (void)arg;
    (void)key;
    (void)token;
    (void)pid;
    (void)holder;
    (void)log;
    (void)at_us;
}

static void tell_nobody_deferred(void *arg, const struct ti_key *key, const struct uuid *token,
                                 int64_t timeout_us)
{
    (void)arg;
    (void)key;
    (void)token;
    (void)timeout_us;
}

static void tell_nobody_ended(void *arg, struct worker_end *end)
{
    (void)arg;
    worker_end_free(end);
}

static int ask_nobody(void *arg, const struct ti_key *asking, const char *task_id, const char *name,
                      struct arena *a, const char **ret, size_t *ret_len, struct err *e)
{
    (void)arg;
    (void)asking;
    (void)task_id;
    (void)name;
    (void)a;
    (void)ret;
    (void)ret_len;
    return err_set(e, ERR_CANCELED, "the worker closes");
}

static int record_of_nobody(void *arg, const struct ti_key *key, struct arena *a, const char **ret,
                            size_t *ret_len, struct err *e)
{
    return ask_nobody(arg, key, NULL, NULL, a, ret, ret_len, e);
}

static void free_worker(struct local_worker *w)
{
    worker_mapped_fini(w);
    environment_free(w->base_env);
    environment_free(w->secrets);
    mem_free(w->python_env);
    mem_free(w->python_path_entry);
    mem_free(w->lookup_entry);
    mem_free(w->home_entry);
    mem_free(w);
}

static void local_close(struct worker *base)
{
    struct local_worker *w = (struct local_worker *)base;

    w->closing = true;
    w->cb = (struct worker_callbacks){
        .started = tell_nobody_started,
        .deferred = tell_nobody_deferred,
        .ended = tell_nobody_ended,
        .xcom_get = ask_nobody,
        .record_get = record_of_nobody,
    };
    triggers_close(w);
    co_group_close(&w->group);
    exec_close(w->exec);
    for (size_t i = 0; i < sizeof w->buckets / sizeof w->buckets[0]; i++) {
        while (w->buckets[i] != NULL) {
            forget(w, w->buckets[i]);
        }
    }
    if (w->http != NULL) {
        http_client_free(w->http);
    }
    free_worker(w);
}

static int local_watch(struct worker *base, const char *id, const char *trigger, const char *file,
                       struct err *e)
{
    return worker_watch((struct local_worker *)base, id, trigger, file, e);
}

static void local_watch_next(struct worker *base, const char *id)
{
    worker_watch_next((struct local_worker *)base, id);
}

static void local_unwatch(struct worker *base, const char *id)
{
    worker_unwatch((struct local_worker *)base, id);
}

static const struct worker_ops local_ops = {
    .set_callbacks = local_set_callbacks,
    .adopt = worker_adopt,
    .start = local_start,
    .kill = local_kill,
    .ack = local_ack,
    .find = local_find,
    .find_callback = worker_find_callback,
    .pause = local_pause,
    .callback = callback_run,
    .busy = local_busy,
    .resize = local_resize,
    .watch = local_watch,
    .watch_next = local_watch_next,
    .unwatch = local_unwatch,
    .close = local_close,
};

static char *entry_of(const char *name, const char *value)
{
    size_t room = strlen(name) + strlen(value != NULL ? value : "") + 2;
    char *entry = mem_alloc(room);

    if (entry != NULL) {
        (void)snprintf(entry, room, "%s=%s", name, value != NULL ? value : "");
    }
    return entry;
}

/* The environment of our own Python processes: the base, with the package on the path, and what reads settings for their imports. */
static int make_python_env(struct local_worker *w)
{
    const struct local_worker_config *c = &w->config;
    const char *old = "";
    size_t n = 0, room;

    while (w->base_env[n] != NULL) {
        if (strncmp(w->base_env[n], "PYTHONPATH=", 11) == 0) {
            old = w->base_env[n] + 11;
        }
        n++;
    }
    w->python_env = mem_array(n + 4, sizeof *w->python_env);
    room = strlen(c->python_path) + strlen(old) + sizeof "PYTHONPATH=:";
    w->python_path_entry = mem_alloc(room);
    w->lookup_entry = entry_of("TRADEWIND_LOOKUP", c->lookup_program);
    w->home_entry = entry_of("TRADEWIND_HOME", c->home);
    if (w->python_env == NULL || w->python_path_entry == NULL || w->lookup_entry == NULL ||
        w->home_entry == NULL) {
        return -ERR_NOMEM;
    }
    (void)snprintf(w->python_path_entry, room, "PYTHONPATH=%s%s%s", c->python_path,
                   old[0] != '\0' ? ":" : "", old);
    n = 0;
    for (size_t i = 0; w->base_env[i] != NULL; i++) {
        if (strncmp(w->base_env[i], "PYTHONPATH=", 11) != 0) {
            w->python_env[n++] = w->base_env[i];
        }
    }
    w->python_env[n++] = w->python_path_entry;
    w->python_env[n++] = w->home_entry;
    w->python_env[n] = w->lookup_entry;
    return 0;
}

static int open_executor(struct local_worker *w, struct err *e)
{
    const struct local_worker_config *c = &w->config;
    const char *python_argv[] = {c->python, "-m", "tradewind.runner", NULL};
    struct exec_callbacks cb = {.arg = w, .started = exec_started, .ended = exec_ended};

    if (make_python_env(w) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for the runner's environment");
    }
    return exec_local_open(
        &(struct exec_local_config){
            .loop = c->loop,
            .home = c->home,
            .holder_program = c->holder_program,
            .slots = c->slots,
            .base_env = (const char *const *)w->base_env,
            .python_argv = python_argv,
            .python_env = w->python_env,
            .idle_exit_s = c->idle_exit_s,
        },
        &cb, &w->exec, e);
}

int local_worker_new(const struct local_worker_config *c, struct worker **ret, struct err *e)
{
    struct local_worker *w = mem_zalloc(sizeof *w);
    int rc;

    if (w == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the worker");
    }
    w->base.ops = &local_ops;
    w->base.id = c->worker_id;
    w->base.slots = c->slots;
    w->config = *c;
    co_group_init(&w->group, c->loop);
    w->base_env = environment_base(c->extra_env, c->home);
    w->secrets = w->base_env != NULL ? environment_secrets((const char *const *)w->base_env) : NULL;
    rc = w->secrets == NULL ? err_set(e, ERR_NOMEM, "out of memory for the environment")
                            : open_executor(w, e);
    if (rc != 0) {
        free_worker(w);
        return rc;
    }
    *ret = &w->base;
    return 0;
}

/* ---- Python files ---- */

int local_worker_parse(struct worker *base, const char *path, char **ret_json, struct err *e)
{
    struct local_worker *w = (struct local_worker *)base;
    struct json_writer j;
    struct buf b;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&j, &b, 0);
    json_object(&j);
    json_key(&j, "file");
    json_string(&j, path);
    json_key(&j, "env");
    json_array(&j);
    for (char **p = w->base_env; *p != NULL; p++) {
        json_string(&j, *p);
    }
    json_array_end(&j);
    json_object_end(&j);
    rc = buf_status(&b);
    if (rc == 0) {
        rc = exec_parse(w->exec, buf_cstr(&b), ret_json, e);
    } else {
        rc = err_set(e, (enum err_code) - rc, "out of memory for a parse request");
    }
    buf_fini(&b);
    return rc;
}
