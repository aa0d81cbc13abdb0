/*
 * Callbacks in a process of their own: those of a DAG after its run has ended, and those of a task whose process was killed or lost before it
 * could run them. Nobody waits for the process: its end is a line in the log. An engine that dies forgets it.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "model/dag.h"
#include "worker/local_priv.h"

#define CALLBACK_TIMEOUT_US (300 * TIME_SECOND)
#define NAME_MAX_           64

void callback_members(struct attempt *a, struct json_writer *w)
{
    if (a->callback == NULL) {
        return;
    }
    json_key(w, "callback");
    json_string(w, a->callback);
    json_key(w, "callback_of");
    json_string(w, a->callback_listeners  ? "listeners"
                   : a->callback_deadline ? "deadline"
                   : a->callback_of_task  ? "task"
                                          : "dag");
    if (a->callback_events != NULL) {
        json_key(w, "events");
        json_raw(w, a->callback_events, strlen(a->callback_events));
    }
    json_key(w, "reason");
    json_string(w, a->callback_reason);
}

/* What it is, for a line of the log. */
static const char *name_of(const struct attempt *a, char buf[static NAME_MAX_])
{
    (void)snprintf(buf, NAME_MAX_,
                   a->callback_listeners  ? "a listener (%s)"
                   : a->callback_deadline ? "the callback of a missed %s"
                                          : "on_%s_callback",
                   a->callback);
    return buf;
}

static int log_path(struct attempt *a)
{
    if (a->callback_listeners && a->callback_of_task) {
        a->log = arena_printf(&a->arena, "%s.listeners", a->log);
    } else if (a->callback_listeners) {
        a->log = arena_printf(&a->arena, "%s/logs/dag_id=%s/run_id=%s/listeners_%s.log",
                              a->worker->config.home, a->dag->dag_id, a->run.run_id, a->callback);
    } else if (a->callback_of_task) {
        a->log = arena_printf(&a->arena, "%s.on_%s_callback", a->log, a->callback);
    } else if (a->callback_deadline) { /* a run may miss several */
        char token[UUID_TEXT_MAX];

        a->log = arena_printf(&a->arena, "%s/logs/dag_id=%s/run_id=%s/deadline_callback_%s.log",
                              a->worker->config.home, a->dag->dag_id, a->run.run_id,
                              uuid_format(&a->token, token));
    } else {
        a->log = arena_printf(&a->arena, "%s/logs/dag_id=%s/run_id=%s/on_%s_callback.log",
                              a->worker->config.home, a->dag->dag_id, a->run.run_id, a->callback);
    }
    return a->log != NULL ? 0 : -ERR_NOMEM;
}

int callback_run(struct worker *base, const struct worker_callback *c, struct err *e)
{
    struct local_worker *w = (struct local_worker *)base;
    struct worker_job job = {
        .key = c->key,
        .token = c->token,
        .try_number = c->try_number,
        .max_tries = c->max_tries,
        .dag = c->dag,
        .run = c->run,
        .start_us = TIME_NONE,
    };
    struct attempt *a;
    int rc = attempt_take(w, &job, &a, e);

    if (rc != 0) {
        return rc;
    }
    a->phase = ATTEMPT_CALLBACK;
    a->callback = arena_strdup(&a->arena, c->word);
    a->callback_reason = c->reason != NULL ? arena_strdup(&a->arena, c->reason) : NULL;
    a->callback_of_task = c->of_task;
    a->callback_listeners = c->listeners;
    a->callback_deadline = c->deadline;
    a->callback_events = c->events != NULL ? arena_strdup(&a->arena, c->events) : NULL;
    if (a->callback == NULL || (c->events != NULL && a->callback_events == NULL) ||
        log_path(a) != 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a callback");
    }
    rc = rc == 0 ? attempt_spawn_callback(a, CALLBACK_TIMEOUT_US, e) : rc;
    if (rc != 0) {
        attempt_forget(a);
        return rc;
    }
    w->base.callbacks++;
    return 0;
}

bool worker_find_callback(struct worker *base, const struct uuid *token,
                          struct worker_callback *ret)
{
    const struct attempt *a = attempt_find((struct local_worker *)base, token);

    if (a == NULL || a->phase != ATTEMPT_CALLBACK) {
        return false;
    }
    *ret = (struct worker_callback){.key = a->key, .dag = a->dag, .run = &a->run};
    return true;
}

void callback_ended(struct attempt *a, const struct exec_end *x)
{
    struct local_worker *w = a->worker;
    char name[NAME_MAX_];

    w->base.callbacks--;
    if (x->exit_code != 0) {
        log_warning("worker", "%s of %s%s%s in run %s failed%s%s; its output: %s", name_of(a, name),
                    a->dag->dag_id, a->callback_of_task ? "." : "",
                    a->callback_of_task ? a->task->task_id : "", a->run.run_id,
                    x->killed != NULL || x->error != NULL ? ": " : "",
                    x->error != NULL    ? x->error
                    : x->killed != NULL ? x->killed
                                        : "",
                    a->log);
    }
    exec_ack(w->exec, &a->token);
    attempt_remove_result(a);
    attempt_forget(a);
}

void callback_of_lost(struct attempt *a, const char *reason)
{
    struct worker_callback c = {.token = a->token,
                                .dag = a->dag,
                                .run = &a->run,
                                .key = a->key,
                                .try_number = a->try_number,
                                .max_tries = a->max_tries,
                                .of_task = true,
                                .word = a->try_number <= a->max_tries ? "retry" : "failure",
                                .reason = reason};
    struct err e = {0};

    if (!dag_calls_back(value_get(a->task->spec, "callbacks"), c.word)) {
        return;
    }
    for (size_t i = 8; i < sizeof c.token.b; i++) {
        c.token.b[i] ^= 0x5a; /* one of its own, the same whenever it is made */
    }
    if (callback_run(&a->worker->base, &c, &e) != 0) {
        log_warning("worker", "on_%s_callback of %s.%s cannot run: %s", c.word, a->dag->dag_id,
                    a->task->task_id, err_str(&e));
    }
}
