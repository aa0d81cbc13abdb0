/*
 * The trigger process: one Python process in which the triggers of all deferred tasks wait (python/tradewind/runner/triggers.py), on one
 * stream socket with frames as everywhere (docs/internals/wire.md).
 *
 *   DOWN --a trigger to run--> UP --end of stream--> DOWN (at once again while triggers live, with growing pauses)
 *
 * Invariants
 *  1. The attempts in phase ATTEMPT_TRIGGER are what should run; each new process is given all of them, so its death loses nothing.
 *  2. A trigger tells one end (deferral_fired); what it tells later finds no attempt in that phase and is dropped.
 *  3. Triggers of assets (watches) run in it as well, until they are dropped: each tells an event and waits for "next", which follows when the event is
 *     durable. A new process is told them again.
 *  4. The process has no life of its own: it ends when its socket closes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/wire.h"
#include "model/dag.h"
#include "worker/local_priv.h"

#define PAUSE_FIRST_US (TIME_SECOND / 10)
#define PAUSE_MAX_US   (10 * TIME_SECOND)
#define STEADY_US      (10 * TIME_SECOND) /* who lived so long did not die of its start */
#define STARTS_MAX     8                  /* deaths in a row before what it should run fails */

struct watched { /* one allocation */
    struct watched *next;
    const char *id, *message; /* JSON, as it is told */
};

struct triggers {
    struct watched *watches;
    struct local_worker *worker;
    struct co_group group;
    struct co_cond more; /* there is something to write */
    struct buf out;
    int fd; /* -1 while down */
    int deaths;
};

/* ---- messages ---- */

static int put_add(struct attempt *a, struct buf *out)
{
    const struct value *timeout = value_get(a->record, "timeout_us");
    char token[UUID_TEXT_MAX];
    struct json_writer w;
    size_t mark;
    int rc = wire_begin(out, &mark);

    json_writer_init(&w, out, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, WIRE_VERSION);
    json_key(&w, "type");
    json_string(&w, "trigger");
    json_key(&w, "attempt");
    json_string(&w, uuid_format(&a->token, token));
    json_key(&w, "trigger");
    json_value(&w, value_get(a->record, "trigger"));
    json_key(&w, "timeout_us");
    if (timeout != NULL) {
        json_value(&w, timeout);
    } else {
        json_null(&w);
    }
    json_key(&w, "dag_id");
    json_string(&w, a->dag->dag_id);
    json_key(&w, "run_id");
    json_string(&w, a->run.run_id);
    json_key(&w, "task_id");
    json_string(&w, a->task->task_id);
    json_key(&w, "map_index");
    json_int(&w, a->key.map_index);
    json_key(&w, "try_number");
    json_int(&w, a->try_number);
    json_key(&w, "file");
    json_string(&w, a->dag->file);
    json_key(&w, "engine");
    json_string(&w, arena_printf(&a->arena, "%s/engine.sock", a->worker->config.home));
    json_key(&w, "log");
    json_string(&w, a->log);
    json_object_end(&w);
    return rc == 0 ? wire_end(out, mark) : rc;
}

static void put_drop(const struct attempt *a, struct buf *out)
{
    char token[UUID_TEXT_MAX];
    size_t mark;

    if (wire_begin(out, &mark) == 0) {
        (void)buf_printf(out, "{\"v\":%d,\"type\":\"drop\",\"attempt\":\"%s\"}", WIRE_VERSION,
                         uuid_format(&a->token, token));
        (void)wire_end(out, mark);
    }
}

static struct watched *find_watch(const struct triggers *t, const char *id)
{
    struct watched *x = t->watches;

    while (x != NULL && strcmp(x->id, id) != 0) {
        x = x->next;
    }
    return x;
}

static void hear_event(struct triggers *t, const struct value *message)
{
    const struct value *id = value_get(message, "id"), *event = value_get(message, "event");
    const struct worker_callbacks *cb = &t->worker->cb;
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_MESSAGE);
    if (id == NULL || id->kind != VALUE_STRING || find_watch(t, id->text) == NULL ||
        cb->watched == NULL) {
        return;
    }
    json_writer_init(&w, &b, 0);
    if (event != NULL) {
        json_value(&w, event);
    } else {
        json_null(&w);
    }
    if (buf_status(&b) == 0) {
        cb->watched(cb->arg, id->text, buf_cstr(&b));
    }
}

static void hear(struct triggers *t, const char *body, size_t n)
{
    const struct value *message, *token;
    struct attempt *a = NULL;
    const char *type;
    struct uuid u;
    struct arena arena;
    struct err e = {0};

    arena_init(&arena, LIMIT_MESSAGE * 4);
    if (wire_parse(&arena, body, n, &message, &type, &e) != 0) {
        log_warning("triggers", "a message of the trigger process is not right: %s", err_str(&e));
    } else if (strcmp(type, "fired") == 0) {
        token = value_get(message, "attempt");
        if (token != NULL && token->kind == VALUE_STRING && uuid_parse(token->text, &u) == 0) {
            a = attempt_find(t->worker, &u);
        }
        if (a != NULL && a->phase == ATTEMPT_TRIGGER) {
            t->deaths = 0;
            deferral_fired(a, message);
        }
    } else if (strcmp(type, "event") == 0) {
        t->deaths = 0;
        hear_event(t, message);
    }
    arena_fini(&arena);
}

/* ---- all that should run ---- */

static size_t each(struct local_worker *w, void (*fn)(struct attempt *a, void *arg), void *arg)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof w->buckets / sizeof w->buckets[0]; i++) {
        struct attempt *next;

        for (struct attempt *a = w->buckets[i]; a != NULL; a = next) {
            next = a->next;
            if (a->phase == ATTEMPT_TRIGGER) {
                n++;
                if (fn != NULL) {
                    fn(a, arg);
                }
            }
        }
    }
    return n;
}

static void add_one(struct attempt *a, void *arg)
{
    struct triggers *t = arg;
    int rc = put_add(a, &t->out);

    if (rc != 0) {
        attempt_fail(a, WORKER_FAILED, "its trigger cannot be started: %s", err_text(rc));
    }
}

static void fail_one(struct attempt *a, void *arg)
{
    attempt_fail(a, WORKER_FAILED, "the trigger process cannot run: %s", (const char *)arg);
}

/* ---- one life of the process ---- */

static int start_process(struct triggers *t, struct child **ret, struct err *e)
{
    const struct local_worker *w = t->worker;
    const char *argv[] = {w->config.python, "-m", "tradewind.runner.triggers", NULL};
    struct child_spec spec = {
        .argv = argv, .env = w->python_env, .extra_fd = -1, .new_session = true};
    char log[4200];
    int fds[2], log_fd, rc;

    (void)snprintf(log, sizeof log, "%s/logs/triggers.log", w->config.home);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        return err_set(e, ERR_IO, "no socket for the trigger process");
    }
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    spec.stdio[0] = fds[1];
    spec.stdio[1] = spec.stdio[2] = log_fd;
    rc = child_spawn(w->config.loop, &spec, ret, e);
    (void)close(fds[1]);
    if (log_fd >= 0) {
        (void)close(log_fd);
    }
    if (rc != 0) {
        (void)close(fds[0]);
        return rc;
    }
    t->fd = fds[0];
    return 0;
}

static int write_all(void *arg)
{
    struct triggers *t = arg;
    int rc = 0;

    while (rc == 0) {
        struct buf now = t->out;

        if (now.len == 0) {
            rc = co_cond_wait(&t->more);
            continue;
        }
        buf_init(&t->out, SIZE_MAX / 4);
        rc = co_write_all(t->fd, now.p, now.len);
        buf_fini(&now);
    }
    return rc;
}

static int read_all(struct triggers *t)
{
    struct wire_reader in;
    const char *body;
    size_t n;
    int rc = 0;

    wire_reader_init(&in);
    while (rc == 0) {
        size_t got = 0;
        char *p;

        rc = wire_reader_next(&in, &body, &n);
        if (rc == 1) {
            hear(t, body, n);
            rc = 0;
            continue;
        }
        rc = rc == 0 ? wire_reader_room(&in, 4096, &p, &n) : rc;
        rc = rc == 0 ? co_read(t->fd, p, n, &got) : rc;
        if (rc == 0 && got == 0) {
            rc = -ERR_CLOSED;
        }
        if (rc == 0) {
            wire_reader_filled(&in, got);
        }
    }
    wire_reader_fini(&in);
    return rc;
}

static void put_text(struct triggers *t, const char *message)
{
    size_t mark;

    if (wire_begin(&t->out, &mark) == 0) {
        (void)buf_str(&t->out, message);
        (void)wire_end(&t->out, mark);
    }
}

static int live(struct triggers *t, struct err *e)
{
    struct co_group writer;
    struct child *child;
    int code = 0, signum = 0, rc = start_process(t, &child, e);

    if (rc != 0) {
        return rc;
    }
    co_group_init(&writer, t->worker->config.loop);
    buf_clear(&t->out);
    (void)each(t->worker, add_one, t);
    for (const struct watched *x = t->watches; x != NULL; x = x->next) {
        put_text(t, x->message);
    }
    rc = co_spawn(&writer, "triggers out", write_all, t, NULL, e);
    rc = rc == 0 ? read_all(t) : rc;
    co_group_close(&writer);
    (void)close(t->fd);
    t->fd = -1;
    if (rc != -ERR_CANCELED) {
        (void)child_wait(child, &code, &signum);
        (void)err_set(e, ERR_CLOSED, "it ended with %s %d (see logs/triggers.log)",
                      signum != 0 ? "signal" : "exit code", signum != 0 ? signum : code);
    }
    child_release(child);
    return rc;
}

static int triggers_main(void *arg)
{
    struct triggers *t = arg;
    int64_t pause = PAUSE_FIRST_US;
    int rc = 0;

    while (rc == 0 && !co_canceled()) {
        int64_t began = loop_now_us(t->worker->config.loop);
        struct err e = {0};

        if (each(t->worker, NULL, NULL) == 0 && t->watches == NULL) {
            rc = co_cond_wait(&t->more);
            continue;
        }
        if (live(t, &e) == -ERR_CANCELED) {
            break;
        }
        t->deaths = loop_now_us(t->worker->config.loop) - began > STEADY_US ? 0 : t->deaths + 1;
        pause = t->deaths <= 1             ? PAUSE_FIRST_US
                : pause * 2 > PAUSE_MAX_US ? PAUSE_MAX_US
                                           : pause * 2;
        log_warning("triggers", "the trigger process is started again: %s", err_str(&e));
        if (t->deaths >= STARTS_MAX) {
            (void)each(t->worker, fail_one, e.text);
            t->deaths = 0;
        }
        rc = co_sleep(pause);
    }
    return 0;
}

/* ---- for the worker ---- */

static struct triggers *make(struct local_worker *w)
{
    struct triggers *t = mem_zalloc(sizeof *t);

    if (t == NULL) {
        return NULL;
    }
    t->worker = w;
    t->fd = -1;
    buf_init(&t->out, SIZE_MAX / 4);
    co_cond_init(&t->more);
    co_group_init(&t->group, w->config.loop);
    if (co_spawn(&t->group, "triggers", triggers_main, t, NULL, NULL) != 0) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void triggers_add(struct attempt *a)
{
    struct local_worker *w = a->worker;

    if (w->triggers == NULL) {
        w->triggers = make(w);
    }
    if (w->triggers == NULL) {
        attempt_fail(a, WORKER_FAILED, "out of memory for its trigger");
        return;
    }
    if (w->triggers->fd >= 0) {
        add_one(a, w->triggers);
    }
    co_cond_broadcast(&w->triggers->more);
}

void triggers_drop(struct attempt *a)
{
    struct triggers *t = a->worker->triggers;

    if (t != NULL && t->fd >= 0) {
        put_drop(a, &t->out);
        co_cond_broadcast(&t->more);
    }
}

/* ---- triggers of assets ---- */

static int put_watch(const char *type, const char *id, const char *trigger, const char *file,
                     struct buf *b)
{
    struct json_writer w;

    json_writer_init(&w, b, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, WIRE_VERSION);
    json_key(&w, "type");
    json_string(&w, type);
    json_key(&w, "id");
    json_string(&w, id);
    if (trigger != NULL) {
        json_key(&w, "trigger");
        json_raw(&w, trigger, strlen(trigger));
        json_key(&w, "file");
        json_string(&w, file);
    }
    json_object_end(&w);
    return buf_status(b);
}

int worker_watch(struct local_worker *w, const char *id, const char *trigger, const char *file,
                 struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct watched *x;
    struct triggers *t;

    buf_init(&b, LIMIT_MESSAGE);
    if (w->triggers == NULL) {
        w->triggers = make(w);
    }
    t = w->triggers;
    if (t == NULL || put_watch("watch", id, trigger, file, &b) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for a trigger");
    }
    if (find_watch(t, id) != NULL) {
        return 0;
    }
    x = mem_zalloc(sizeof *x + strlen(id) + b.len + 2);
    if (x == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a trigger");
    }
    memcpy(x + 1, id, strlen(id) + 1);
    memcpy((char *)(x + 1) + strlen(id) + 1, buf_cstr(&b), b.len + 1);
    x->id = (const char *)(x + 1);
    x->message = x->id + strlen(id) + 1;
    x->next = t->watches;
    t->watches = x;
    if (t->fd >= 0) {
        put_text(t, x->message);
    }
    co_cond_broadcast(&t->more);
    return 0;
}

static void say(struct triggers *t, const char *type, const char *id)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(1));
    if (t->fd >= 0 && put_watch(type, id, NULL, NULL, &b) == 0) {
        put_text(t, buf_cstr(&b));
        co_cond_broadcast(&t->more);
    }
}

void worker_watch_next(struct local_worker *w, const char *id)
{
    if (w->triggers != NULL) {
        say(w->triggers, "next", id);
    }
}

void worker_unwatch(struct local_worker *w, const char *id)
{
    struct watched **p = w->triggers != NULL ? &w->triggers->watches : NULL;

    while (p != NULL && *p != NULL && strcmp((*p)->id, id) != 0) {
        p = &(*p)->next;
    }
    if (p != NULL && *p != NULL) {
        struct watched *x = *p;

        *p = x->next;
        say(w->triggers, "unwatch", id);
        mem_free(x);
    }
}

void triggers_close(struct local_worker *w)
{
    struct triggers *t = w->triggers;

    if (t != NULL) {
        w->triggers = NULL;
        co_group_close(&t->group);
        buf_fini(&t->out);
        for (struct watched *x = t->watches; x != NULL; x = t->watches) {
            t->watches = x->next;
            mem_free(x);
        }
        mem_free(t);
    }
}
