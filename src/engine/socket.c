/*
 * The engine's socket: questions of running tasks and commands of other processes (docs/internals/wire.md). One coroutine per
 * connection; frames in, frames out, in order. A task proves itself by its attempt's token; a command by having been able to open the
 * socket (mode 0600, in TRADEWIND_HOME).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/wire.h"
#include "engine/engine_priv.h"
#include "engine/settings.h"
#include "engine/world.h"
#include "model/dag.h"

#define CONNECTIONS_MAX 1024
#define LATE_US         TIME_SECOND /* before its time is over an answer may cross with it */
#define ANSWER_KEPT_MAX KiB(16)

struct socket_server {
    struct engine *g;
    struct co_group group;
    int fd;
    char *path;
    size_t connections;
    int (*run_file)(void *arg, const char *request_json, char **ret_json, struct err *e);
    void *run_arg;
};

struct connection {
    struct socket_server *server;
    int fd;
    struct wire_reader in;
    struct buf out;
};

/* One request at hand. The handler writes the members of the answer after "id" and "ok". */
struct call {
    struct engine *g;
    struct socket_server *server;
    const struct value *rq;
    struct arena *arena;
    struct json_writer *w;
    struct ti_key key; /* of the attempt, for tasks' questions */
    struct uuid token;
    struct dag *own; /* of callbacks, whose run may be gone: one reference; or NULL */
    const char *own_run_id;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

/* ---- who asks ---- */

/* A process of callbacks or listeners reads what a task may read; what belongs to an attempt has ended with it. */
static int authenticate_callback(struct call *c, const char *type, enum asker by, struct err *e)
{
    struct worker_callback cb;

    if (c->g->worker->ops->find_callback == NULL ||
        !c->g->worker->ops->find_callback(c->g->worker, &c->token, &cb)) {
        return err_set(e, ERR_STALE, "this attempt is not live any more");
    }
    if (by != ASKED_BY_CALLBACK) {
        return err_set(e, ERR_PERM,
                       "callbacks and listeners in a process of their own cannot ask for %s: their "
                       "task has ended",
                       type);
    }
    c->key = cb.key;
    c->own_run_id = arena_strdup(c->arena, cb.run->run_id);
    if (c->own_run_id == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a question");
    }
    c->own = dag_ref(cb.dag);
    return 0;
}

/* The token proves it; a stale one is refused (rule 2). */
static int authenticate(struct call *c, const char *type, enum asker by, struct err *e)
{
    const char *token = text_of(c->rq, "attempt");
    struct ti_row row;

    if (by == ASKED_BY_ANYBODY) {
        return 0;
    }
    if (token == NULL || uuid_parse(token, &c->token) != 0) {
        return err_set(e, ERR_PROTOCOL, "the request names no attempt");
    }
    if (c->g->worker->ops->find(c->g->worker, &c->token, &c->key) &&
        sched_get_ti(c->g->sched, &c->key, &row) == 0 && uuid_cmp(&row.attempt, &c->token) == 0) {
        return 0;
    }
    return authenticate_callback(c, type, by, e);
}

/* ---- where an XCom or a state is asked for ---- */

struct place {
    struct engine *g;
    const char *dag_id, *run_id;
    struct arena *arena;
    struct dag_row dag;
    struct run_row run;
    struct err *e;
};

static int do_find_place(void *arg)
{
    struct place *p = arg;
    struct store *s = p->g->store;
    int rc = s->ops->find_dag(s, p->dag_id, p->arena, &p->dag, p->e);

    return rc != 0 ? rc : s->ops->find_run(s, p->dag.dag_key, p->run_id, p->arena, &p->run, p->e);
}

/* The DAG and run that the request means: its own, or another one by name. *ret_dag: one reference. */
static int locate(struct call *c, int64_t *ret_run_key, struct dag **ret_dag, struct err *e)
{
    const char *dag_id = text_of(c->rq, "dag_id"), *run_id = text_of(c->rq, "run_id");
    struct run_row own = {.run_id = c->own_run_id};
    const struct dag *d = c->own;
    struct place p = {.g = c->g, .arena = c->arena, .e = e};
    int rc = d != NULL ? 0 : sched_get_run(c->g->sched, c->key.run_key, &own, &d);

    if (rc != 0) {
        return err_set(e, ERR_STALE, "this attempt's run is not live any more");
    }
    if ((dag_id == NULL || strcmp(dag_id, d->dag_id) == 0) &&
        (run_id == NULL || strcmp(run_id, own.run_id) == 0)) {
        *ret_run_key = c->key.run_key;
        *ret_dag = dag_ref((struct dag *)d);
        return 0;
    }
    p.dag_id = arena_strdup(c->arena, dag_id != NULL ? dag_id : d->dag_id);
    p.run_id = arena_strdup(c->arena, run_id != NULL ? run_id : own.run_id);
    if (p.dag_id == NULL || p.run_id == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a question");
    }
    rc = engine_on_store(c->g, do_find_place, &p);
    if (rc == 0) {
        *ret_run_key = p.run.run_key;
        rc = facts_load_version(c->g, p.run.dag_key, p.run.version_key, ret_dag, e);
    }
    return rc;
}

static int op_xcom_get(struct call *c, struct err *e)
{
    const char *task_id = text_of(c->rq, "task_id"), *name = text_of(c->rq, "key"), *json = NULL;
    const struct value *map = value_get(c->rq, "map_index");
    struct ti_key key = {.map_index = -1};
    const struct task *t;
    int64_t map_index = -1;
    struct dag *d;
    size_t n = 0;
    int rc = locate(c, &key.run_key, &d, e);

    if (rc != 0) {
        return rc;
    }
    t = task_id != NULL ? dag_task(d, task_id) : &d->tasks[c->key.task];
    if (t == NULL) {
        rc = err_set(e, ERR_NOTFOUND, "xcom_pull: there is no task '%s' in '%s'", task_id,
                     d->dag_id);
    } else {
        if (map != NULL && map->kind == VALUE_NUMBER &&
            value_int(map, -1, INT32_MAX, &map_index) == 0) {
            key.map_index = (int32_t)map_index;
        }
        key.task = t->index;
        rc = facts_xcom(c->g, &key, name != NULL ? name : "return_value", c->arena, &json, &n, e);
    }
    dag_unref(d);
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "found");
        json_bool(c->w, json != NULL);
        json_key(c->w, "value");
        if (json != NULL) {
            json_raw(c->w, json, n);
        } else {
            json_null(c->w);
        }
        json_object_end(c->w);
    }
    return rc;
}

#define LIST_PAGE 1000

/* The XCom of a mapped task's instances, a page of them; of a task that is not mapped its own, if there is one. */
static int op_xcom_list(struct call *c, struct err *e)
{
    const char *task_id = text_of(c->rq, "task_id"), *name = text_of(c->rq, "key");
    const struct value *offset = value_get(c->rq, "offset");
    struct xcom_row *rows = NULL, one = {.key.map_index = -1};
    struct ti_key key = {.map_index = -1};
    const struct task *t;
    int64_t from = 0;
    struct dag *d;
    size_t n = 0, len = 0;
    int rc = locate(c, &key.run_key, &d, e);

    if (rc != 0) {
        return rc;
    }
    name = name != NULL ? name : "return_value";
    t = task_id != NULL ? dag_task(d, task_id) : NULL;
    if (offset != NULL && value_int(offset, 0, INT32_MAX, &from) != 0) {
        rc = err_set(e, ERR_PROTOCOL, "offset is how many to leave out");
    } else if (t == NULL) {
        rc = err_set(e, ERR_NOTFOUND, "there is no task '%s' in '%s'",
                     task_id != NULL ? task_id : "", d->dag_id);
    } else if (t->mapped) {
        key = (struct ti_key){key.run_key, t->index, 0};
        rc = facts_xcoms(c->g, &key, name, (size_t)from + LIST_PAGE + 1, c->arena, &rows, &n, e);
        from = (size_t)from < n ? from : (int64_t)n;
        rows += rc == 0 ? from : 0;
        n -= rc == 0 ? (size_t)from : 0;
    } else {
        const char *json = NULL;

        key.task = t->index;
        rc = facts_xcom(c->g, &key, name, c->arena, &json, &len, e);
        one.value = json;
        one.value_len = len;
        rows = &one;
        n = rc == 0 && json != NULL;
    }
    if (rc == 0) {
        bool more = n > LIST_PAGE;

        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "mapped");
        json_bool(c->w, t->mapped);
        json_key(c->w, "more");
        json_bool(c->w, more);
        json_key(c->w, "values");
        json_array(c->w);
        for (size_t i = 0; i < n - more; i++) {
            json_object(c->w);
            json_key(c->w, "map_index");
            json_int(c->w, rows[i].key.map_index);
            json_key(c->w, "value");
            json_raw(c->w, rows[i].value, rows[i].value_len);
            json_object_end(c->w);
        }
        json_array_end(c->w);
        json_object_end(c->w);
    }
    dag_unref(d);
    return rc;
}

static int op_xcom_set(struct call *c, struct err *e)
{
    const char *name = text_of(c->rq, "key");
    const struct value *v = value_get(c->rq, "value");
    struct worker_xcom x = {.name = name};
    struct request r = {.xcom = &x, .xcom_key = c->key, .xcom_token = c->token};
    struct json_writer w;
    struct buf b BUF_CLEANUP;

    buf_init(&b, LIMIT_XCOM_BYTES);
    if (name == NULL || v == NULL) {
        return err_set(e, ERR_PROTOCOL, "xcom_set needs key and value");
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    if (buf_status(&b) != 0) {
        return err_set(e, ERR_LIMIT, "the XCom is larger than %zu MiB", LIMIT_XCOM_BYTES >> 20);
    }
    x.value = buf_cstr(&b);
    x.len = b.len;
    return engine_ask(c->g, &r, e);
}

/* ---- commands ---- */

/* "map_indexes": one for each of the tasks, -1 all of it; may be left out. */
static int map_indexes_of(struct call *c, size_t n, const int32_t **ret, struct err *e)
{
    const struct value *list = value_get(c->rq, "map_indexes");
    int32_t *out;

    *ret = NULL;
    if (list == NULL || list->kind == VALUE_NULL) {
        return 0;
    }
    if (list->kind != VALUE_ARRAY || list->len != n) {
        return err_set(e, ERR_PROTOCOL, "map_indexes are as many as tasks");
    }
    out = arena_array(c->arena, n, sizeof *out);
    for (size_t i = 0; out != NULL && i < n; i++) {
        int64_t index;

        if (value_int(list->elems[i], -1, INT32_MAX, &index) != 0) {
            return err_set(e, ERR_PROTOCOL, "map_indexes are numbers");
        }
        out[i] = (int32_t)index;
    }
    *ret = out;
    return out != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a command");
}

static int tasks_of(struct call *c, const uint32_t **ret, size_t *ret_len, struct err *e)
{
    const struct value *list = value_get(c->rq, "tasks");
    uint32_t *tasks;

    *ret = NULL;
    *ret_len = 0;
    if (list == NULL || list->kind != VALUE_ARRAY) {
        return 0; /* all; an empty list is none */
    }
    tasks = arena_array(c->arena, list->len + 1, sizeof *tasks);
    if (tasks == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a command");
    }
    for (size_t i = 0; i < list->len; i++) {
        int64_t n;

        if (value_int(list->elems[i], 0, LIMIT_TASKS, &n) != 0) {
            return err_set(e, ERR_PROTOCOL, "tasks are indices");
        }
        tasks[i] = (uint32_t)n;
    }
    *ret = tasks;
    *ret_len = list->len;
    return 0;
}

static int op_run(struct call *c, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    char *json = NULL;
    int rc;

    buf_init(&b, LIMIT_MESSAGE);
    json_writer_init(&w, &b, 0);
    json_value(&w, c->rq);
    if (buf_status(&b) != 0) {
        return err_set(e, ERR_LIMIT, "the request is too large");
    }
    rc = c->server->run_file(c->server->run_arg, buf_cstr(&b), &json, e);
    if (rc == 0) {
        json_key(c->w, "result");
        json_raw(c->w, json, strlen(json));
    }
    mem_free(json);
    return rc;
}

static int op_pause(struct call *c, bool paused, struct err *e)
{
    const char *dag_id = text_of(c->rq, "dag_id");

    return dag_id != NULL ? engine_pause_dag(c->g, dag_id, paused, text_of(c->rq, "actor"), e)
                          : err_set(e, ERR_PROTOCOL, "pause needs a dag_id");
}

/* "version_key": of the tasks' indices; "move": the run goes on with that version. */
static void version_of(struct call *c, struct engine_command *cmd)
{
    const struct value *v = value_get(c->rq, "version_key"), *move = value_get(c->rq, "move");

    if (v != NULL) {
        (void)value_int(v, 0, INT64_MAX, &cmd->version_key);
    }
    cmd->move = move != NULL && move->kind == VALUE_BOOL && move->boolean;
}

static int op_command(struct call *c, struct err *e)
{
    static const char *const words[] = {"clear", "mark", "stop"};
    const char *op = text_of(c->rq, "op"), *state = text_of(c->rq, "state");
    const struct value *run = value_get(c->rq, "run_key");
    struct engine_command cmd = {.key = text_of(c->rq, "key"),
                                 .actor = text_of(c->rq, "actor"),
                                 .reason = text_of(c->rq, "reason")};
    uint32_t affected = 0;
    int rc;

    if (op != NULL && strcmp(op, "run") == 0 && c->server->run_file != NULL) {
        return op_run(c, e);
    }
    if (op != NULL && (strcmp(op, "pause") == 0 || strcmp(op, "unpause") == 0)) {
        return op_pause(c, op[0] == 'p', e);
    }
    for (cmd.op = ENGINE_CLEAR; op != NULL && cmd.op <= ENGINE_STOP_RUN; cmd.op++) {
        if (strcmp(words[cmd.op], op) == 0) {
            break;
        }
    }
    if (op == NULL || cmd.op > ENGINE_STOP_RUN || run == NULL ||
        value_int(run, 1, INT64_MAX, &cmd.run_key) != 0) {
        return err_set(e, ERR_PROTOCOL,
                       "a command needs op (clear, mark, stop, run, pause, unpause) and run_key");
    }
    rc = state != NULL ? task_state_from_string(state) : 0;
    if (rc < 0) {
        return err_set(e, ERR_PROTOCOL, "unknown state '%s'", state);
    }
    cmd.state = (enum task_state)rc;
    version_of(c, &cmd);
    rc = tasks_of(c, &cmd.tasks, &cmd.tasks_len, e);
    rc = rc == 0 ? map_indexes_of(c, cmd.tasks_len, &cmd.map_indexes, e) : rc;
    if (rc == 0) {
        rc = engine_command(c->g, &cmd, &affected, e);
    }
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "affected");
        json_int(c->w, affected);
        json_object_end(c->w);
    }
    return rc;
}

static int op_ping(struct call *c, struct err *e)
{
    (void)e;
    json_key(c->w, "result");
    json_object(c->w);
    json_key(c->w, "pid");
    json_int(c->w, getpid());
    json_object_end(c->w);
    return 0;
}

static int op_settings(struct call *c, struct err *e)
{
    const char *op = text_of(c->rq, "op");

    return op != NULL ? settings_answer(c->g, op, c->rq, c->arena, c->w, e)
                      : err_set(e, ERR_PROTOCOL, "a question about settings needs op");
}

static int op_var_get(struct call *c, struct err *e)
{
    return settings_answer(c->g, "var_get", c->rq, c->arena, c->w, e);
}

static int op_var_set(struct call *c, struct err *e)
{
    return settings_answer(c->g, "var_set", c->rq, c->arena, c->w, e);
}

static int op_var_delete(struct call *c, struct err *e)
{
    return settings_answer(c->g, "var_delete", c->rq, c->arena, c->w, e);
}

static int op_var_list(struct call *c, struct err *e)
{
    return settings_answer(c->g, "var_list", c->rq, c->arena, c->w, e);
}

static int op_conn_get(struct call *c, struct err *e)
{
    return settings_answer(c->g, "conn_get", c->rq, c->arena, c->w, e);
}

static const struct {
    const char *type;
    enum asker by;
    int (*fn)(struct call *c, struct err *e);
} operations[] = {
    {"ping", ASKED_BY_ANYBODY, op_ping},
    {"command", ASKED_BY_ANYBODY, op_command},
    {"xcom_get", ASKED_BY_CALLBACK, op_xcom_get},
    {"xcom_list", ASKED_BY_CALLBACK, op_xcom_list},
    {"xcom_set", ASKED_BY_ATTEMPT, op_xcom_set},
    {"settings", ASKED_BY_ANYBODY, op_settings},
    {"var_get", ASKED_BY_CALLBACK, op_var_get},
    {"var_set", ASKED_BY_CALLBACK, op_var_set},
    {"var_delete", ASKED_BY_CALLBACK, op_var_delete},
    {"var_list", ASKED_BY_CALLBACK, op_var_list},
    {"conn_get", ASKED_BY_CALLBACK, op_conn_get},
};

/* ---- frames ---- */

static int dispatch(struct call *c, const char *type, struct err *e)
{
    enum asker by;

    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].type, type) == 0) {
            int rc = authenticate(c, type, operations[i].by, e);

            return rc != 0 ? rc : operations[i].fn(c, e);
        }
    }
    if (world_knows(type, &by)) {
        int rc = authenticate(c, type, by, e);
        struct world_call w = {c->g, c->rq, c->arena, c->w, c->key, c->token};

        return rc != 0 ? rc : world_answer(&w, type, e);
    }
    return err_set(e, ERR_UNSUPPORTED, "unknown request '%s'", type);
}

static void write_head(struct json_writer *w, struct buf *b, const struct value *id, bool ok)
{
    json_writer_init(w, b, 0);
    json_object(w);
    json_key(w, "v");
    json_int(w, WIRE_VERSION);
    json_key(w, "type");
    json_string(w, "answer");
    json_key(w, "id");
    if (id != NULL) {
        json_value(w, id);
    } else {
        json_null(w);
    }
    json_key(w, "ok");
    json_bool(w, ok);
}

/* Who asked has by now told his own client that he will not know: the answer is kept under the command's id. That it could not be kept changes
 * nothing of what was done. */
static void keep_late(struct call *c, const struct buf *b)
{
    const char *id = text_of(c->rq, "command_id"), *actor = text_of(c->rq, "actor");
    const struct value *until = value_get(c->rq, "until_us");
    struct err e = {0};
    int64_t until_us = 0;
    const char *key;

    if (id == NULL || actor == NULL || until == NULL || buf_status(b) != 0 ||
        value_int(until, 0, INT64_MAX, &until_us) != 0 || engine_now(c->g) < until_us - LATE_US) {
        return;
    }
    key = arena_printf(c->arena, COMMAND_ANSWER_KEY, actor, id);
    if (key != NULL && strlen(id) < UUID_TEXT_MAX && b->len <= ANSWER_KEPT_MAX) {
        int rc = engine_keep_answer(c->g, key, buf_cstr(b), &e);

        if (rc != 0) {
            log_warning("command", "what command %s came to is not kept: %s", id, err_str(&e));
        }
    }
}

static int answer(struct connection *k, const char *body, size_t n)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct arena a;
    struct call c = {.g = k->server->g, .server = k->server, .arena = &a, .w = &w};
    struct err e = {0};
    const char *type;
    int rc;

    buf_init(&b, LIMIT_XCOM_BYTES * 2);
    arena_init(&a, LIMIT_XCOM_BYTES * 3);
    rc = wire_parse(&a, body, n, &c.rq, &type, &e);
    if (rc == 0) {
        const struct value *id = value_get(c.rq, "id");

        write_head(&w, &b, id, true);
        rc = dispatch(&c, type, &e);
        if (rc != 0) {
            buf_clear(&b);
            write_head(&w, &b, id, false);
            json_key(&w, "error");
            json_string(&w, err_str(&e));
            json_key(&w, "code");
            json_string(&w, err_name(rc));
        }
        if (rc == 0 && b.len > LIMIT_MESSAGE - 16) {
            buf_clear(&b); /* said, not dropped: who asks would ask again for ever */
            write_head(&w, &b, id, false);
            json_key(&w, "error");
            json_string(&w, "the answer is larger than a message may be");
            json_key(&w, "code");
            json_string(&w, err_name(-ERR_LIMIT));
        }
        json_object_end(&w);
        rc = buf_status(&b);
        keep_late(&c, &b);
    }
    if (rc == 0) {
        rc = wire_append(&k->out, b.p, b.len);
    }
    dag_unref(c.own);
    if (rc == 0) {
        rc = co_write_all(k->fd, k->out.p, k->out.len);
        buf_clear(&k->out);
    }
    arena_fini(&a);
    return rc;
}

static int serve_connection(void *arg)
{
    struct connection *k = arg;
    int rc = 0;

    while (rc == 0) {
        const char *body;
        char *p;
        size_t n, got;

        rc = wire_reader_next(&k->in, &body, &n);
        if (rc == 1) {
            rc = answer(k, body, n);
            continue;
        }
        if (rc == 0) {
            rc = wire_reader_room(&k->in, 4096, &p, &n);
        }
        if (rc == 0) {
            rc = co_read(k->fd, p, n, &got);
        }
        if (rc == 0 && got == 0) {
            break;
        }
        if (rc == 0) {
            wire_reader_filled(&k->in, got);
        }
    }
    (void)close(k->fd);
    wire_reader_fini(&k->in);
    buf_fini(&k->out);
    k->server->connections--;
    mem_free(k);
    return 0;
}

static int accept_all(void *arg)
{
    struct socket_server *s = arg;
    int fd, rc;

    while ((rc = co_accept(s->fd, &fd)) == 0) {
        struct connection *k = s->connections < CONNECTIONS_MAX ? mem_zalloc(sizeof *k) : NULL;

        if (k == NULL) {
            (void)close(fd);
            continue;
        }
        k->server = s;
        k->fd = fd;
        wire_reader_init(&k->in);
        buf_init(&k->out, LIMIT_XCOM_BYTES * 2);
        s->connections++;
        if (co_spawn(&s->group, "connection", serve_connection, k, NULL, NULL) != 0) {
            s->connections--;
            (void)close(fd);
            mem_free(k);
        }
    }
    return rc;
}

int engine_serve(struct engine *g, const char *path,
                 int (*run_file)(void *arg, const char *request_json, char **ret_json,
                                 struct err *e),
                 void *arg, struct err *e)
{
    struct socket_server *s = mem_zalloc(sizeof *s);
    int rc;

    if (s == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the socket");
    }
    s->g = g;
    s->run_file = run_file;
    s->run_arg = arg;
    s->path = mem_strdup(path);
    co_group_init(&s->group, g->loop);
    rc = s->path == NULL ? err_set(e, ERR_NOMEM, "out of memory for the socket")
                         : listen_unix(path, &s->fd, e);
    if (rc == 0) {
        rc = co_spawn(&s->group, "accept", accept_all, s, NULL, e);
        if (rc != 0) {
            (void)close(s->fd);
        }
    }
    if (rc != 0) {
        mem_free(s->path);
        mem_free(s);
        return rc;
    }
    g->server = s;
    return 0;
}

void socket_close(struct engine *g)
{
    struct socket_server *s = g->server;

    if (s == NULL) {
        return;
    }
    g->server = NULL;
    co_group_close(&s->group);
    (void)close(s->fd);
    (void)unlink(s->path);
    mem_free(s->path);
    mem_free(s);
}
