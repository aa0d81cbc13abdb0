/*
 * /ui/plan shows what a clear or a mark would touch, /ui/apply does it: both by the same plan (engine/plan.h). A call reads through a store
 * handle of its own: that of the thread may be replaced while it waits for the engine.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/plan.h"
#include "home/home.h"
#include "server/ui.h"

#define SHOWN_MAX   2000 /* instances that are listed; all are counted */
#define RUNS_MAX    1000 /* of one call; beyond it: the command line */
#define LIST_MAX    1000 /* elements of a list of the body */
#define INDEXES_MAX 100

struct work {
    struct call *c;
    struct store *store;
    struct plan_query q;
    const char *op;
    const struct value *run_ids, *map_indexes;
    bool apply;
    const char *key;
    /* What was found so far. */
    size_t runs, shown;
    uint64_t total;
    bool truncated;
    struct buf refused; /* a JSON array */
    struct json_writer refused_w;
};

/* ---- the body ---- */

static int list_of(struct work *w, const struct value *body, const char *name, size_t max,
                   const struct value **ret, struct err *e)
{
    const struct value *v = value_get(body, name);

    *ret = v != NULL && v->kind == VALUE_ARRAY && v->len > 0 ? v : NULL;
    if (v != NULL && v->kind != VALUE_ARRAY && v->kind != VALUE_NULL) {
        return call_invalid(w->c, e, "%s must be a list", name);
    }
    if (*ret != NULL && v->len > max) {
        return call_invalid(w->c, e, "%s may have %zu elements", name, max);
    }
    return 0;
}

static int texts_of(struct work *w, const struct value *list, const char *name,
                    const char *const **ret, struct err *e)
{
    const char **out = arena_array(&w->c->arena, list->len, sizeof *out);

    if (out == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a plan");
    }
    for (size_t i = 0; i < list->len; i++) {
        if (list->elems[i]->kind != VALUE_STRING) {
            return call_invalid(w->c, e, "%s must be a list of texts", name);
        }
        out[i] = list->elems[i]->text;
    }
    *ret = out;
    return 0;
}

static int read_op(struct work *w, const struct value *body, struct err *e)
{
    static const struct {
        const char *word;
        enum engine_op op;
        enum task_state state;
    } ops[] = {{"clear", ENGINE_CLEAR, TASK_NONE},
               {"mark_success", ENGINE_MARK, TASK_SUCCESS},
               {"mark_failed", ENGINE_MARK, TASK_FAILED},
               {"mark_skipped", ENGINE_MARK, TASK_SKIPPED}};
    int rc = body_text(w->c, body, "op", &w->op, e);

    for (size_t i = 0; rc == 0 && w->op != NULL && i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i].word, w->op) == 0) {
            w->q.op = ops[i].op;
            w->q.state = ops[i].state;
            return 0;
        }
    }
    return rc != 0 ? rc
                   : call_invalid(w->c, e,
                                  "op must be clear, mark_success, mark_failed or mark_skipped");
}

static int read_time(struct work *w, const struct value *body, const char *name, int64_t *ret,
                     struct err *e)
{
    const char *text;
    int rc = body_text(w->c, body, name, &text, e);

    *ret = TIME_NONE;
    if (rc == 0 && text != NULL && time_parse(text, strlen(text), ret) != 0) {
        return call_invalid(w->c, e, "%s must be a time such as 2026-01-31T12:00:00Z", name);
    }
    return rc;
}

static int read_flags(struct work *w, const struct value *body, struct err *e)
{
    const struct {
        const char *name;
        bool *to;
    } flags[] = {{"upstream", &w->q.upstream},
                 {"downstream", &w->q.downstream},
                 {"past", &w->q.past},
                 {"future", &w->q.future},
                 {"only_failed", &w->q.only_failed},
                 {"newest", &w->q.newest},
                 {"only_running", &w->q.only_running}};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof flags / sizeof flags[0]; i++) {
        rc = body_bool(w->c, body, flags[i].name, false, flags[i].to, e);
    }
    return rc;
}

static int read_lists(struct work *w, const struct value *body, struct err *e)
{
    const struct value *tasks;
    const char *const *texts;
    int rc = list_of(w, body, "run_ids", RUNS_MAX, &w->run_ids, e);

    rc = rc == 0 ? list_of(w, body, "task_ids", LIST_MAX, &tasks, e) : rc;
    rc = rc == 0 ? list_of(w, body, "map_indexes", INDEXES_MAX, &w->map_indexes, e) : rc;
    rc = rc == 0 && w->run_ids != NULL ? texts_of(w, w->run_ids, "run_ids", &texts, e) : rc;
    if (rc == 0 && tasks != NULL) {
        rc = texts_of(w, tasks, "task_ids", &w->q.tasks, e);
        w->q.tasks_len = tasks->len;
    }
    for (size_t i = 0; rc == 0 && w->map_indexes != NULL && i < w->map_indexes->len; i++) {
        int64_t n;

        if (value_int(w->map_indexes->elems[i], -1, INT32_MAX, &n) != 0) {
            rc = call_invalid(w->c, e, "map_indexes are integers from -1");
        }
    }
    return rc;
}

static int read_body(struct work *w, struct err *e)
{
    static const char *const members[] = {
        "op",       "dag_id",      "run_ids",  "from",         "to",
        "task_ids", "map_indexes", "upstream", "downstream",   "past",
        "future",   "only_failed", "newest",   "only_running", NULL};
    struct value *body;
    size_t runs;
    int rc = call_body(w->c, &body, e);

    rc = rc == 0 ? body_only(w->c, body, members, e) : rc;
    rc = rc == 0 ? read_op(w, body, e) : rc;
    rc = rc == 0 ? body_text(w->c, body, "dag_id", &w->q.dag_id, e) : rc;
    rc = rc == 0 ? read_time(w, body, "from", &w->q.from_us, e) : rc;
    rc = rc == 0 ? read_time(w, body, "to", &w->q.to_us, e) : rc;
    rc = rc == 0 ? read_flags(w, body, e) : rc;
    rc = rc == 0 ? read_lists(w, body, e) : rc;
    if (rc != 0) {
        return rc;
    }
    runs = w->run_ids != NULL ? w->run_ids->len : 0;
    w->q.map_index = -1;
    w->q.all_runs = runs == 0;
    if (w->q.dag_id == NULL) {
        return call_invalid(w->c, e, "dag_id must be given");
    }
    if (runs == 0 && w->q.from_us == TIME_NONE && w->q.to_us == TIME_NONE) {
        return call_invalid(w->c, e, "run_ids, or from and to, must be given");
    }
    if (runs != 0 && (w->q.from_us != TIME_NONE || w->q.to_us != TIME_NONE)) {
        return call_invalid(w->c, e, "run_ids and a range are not given together");
    }
    if (runs != 1 && (w->q.past || w->q.future)) {
        return call_invalid(w->c, e, "past and future go with one run");
    }
    if (w->map_indexes != NULL && w->map_indexes->len > 1 &&
        (runs == 0 || w->q.past || w->q.future)) {
        return call_invalid(w->c, e, "several map_indexes go with runs that are named");
    }
    if (w->map_indexes != NULL && w->q.tasks_len == 0) {
        return call_invalid(w->c, e, "map_indexes go with task_ids");
    }
    return 0;
}

/* ---- what of a run ---- */

static void put_instances(struct work *w, const struct plan_run *r)
{
    struct call *c = w->c;

    for (size_t i = 0; i < r->tis_len && r->refused == NULL; i++) {
        const struct plan_ti *t = &r->tis[i];

        if (w->shown == SHOWN_MAX) {
            w->truncated = true;
            return;
        }
        w->shown++;
        json_object(&c->w);
        put_text(c, "run_id", r->run->run_id);
        put_text(c, "task_id", r->dag->tasks[t->task].task_id);
        put_int(c, "map_index", t->map_index);
        put_text(c, "state", t->state != TASK_NONE ? task_state_to_string(t->state) : NULL);
        put_text(c, "after", w->q.op == ENGINE_MARK ? task_state_to_string((int)w->q.state) : NULL);
        put_int(c, "instances", t->instances);
        put_bool(c, "related", t->related);
        json_object_end(&c->w);
    }
    for (int gone = 1; gone >= 0 && r->moves && r->refused == NULL; gone--) {
        size_t n = gone ? r->gone_len : r->fresh_len;

        for (size_t i = 0; i < n && w->shown < SHOWN_MAX; i++, w->shown++) {
            json_object(&c->w);
            put_text(c, "run_id", r->run->run_id);
            put_text(c, "task_id", gone ? r->gone[i] : r->fresh[i]);
            put_int(c, "map_index", -1);
            put_null(c, "state");
            put_text(c, "after", gone ? "removed" : NULL);
            put_int(c, "instances", 1);
            put_bool(c, "related", true);
            json_object_end(&c->w);
        }
    }
}

static void put_refused(struct work *w, const char *run_id, const char *text)
{
    json_object(&w->refused_w);
    json_key(&w->refused_w, "run_id");
    json_string(&w->refused_w, run_id);
    json_key(&w->refused_w, "text");
    json_string(&w->refused_w, text);
    json_object_end(&w->refused_w);
}

static void put_numbers(struct json_writer *j, const char *name, const uint32_t *tasks,
                        const int32_t *maps, size_t n)
{
    json_key(j, name);
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_int(j, tasks != NULL ? (int64_t)tasks[i] : maps[i]);
    }
    json_array_end(j);
}

/* SUSPENDS. *ret_later: the engine has it, and is busy. */
static int send(struct work *w, const struct engine_command *cmd, bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer j;
    struct value *answer;

    api_command(w->c, &b, &j);
    json_key(&j, "op");
    json_string(&j, cmd->op == ENGINE_CLEAR ? "clear" : "mark");
    if (cmd->op == ENGINE_MARK) {
        json_key(&j, "state");
        json_string(&j, task_state_to_string((int)cmd->state));
    }
    if (cmd->key != NULL) {
        json_key(&j, "key");
        json_string(&j, cmd->key);
    }
    json_key(&j, "run_key");
    json_int(&j, cmd->run_key);
    json_key(&j, "version_key");
    json_int(&j, cmd->version_key);
    json_key(&j, "move");
    json_bool(&j, cmd->move);
    put_numbers(&j, "tasks", cmd->tasks, NULL, cmd->tasks_len);
    put_numbers(&j, "map_indexes", NULL, cmd->map_indexes, cmd->tasks_len);
    return api_send(w->c, "command", &b, &j, &answer, ret_later, e);
}

static int apply(struct work *w, struct plan *p, const struct plan_run *r, const char *key,
                 bool *ret_later, struct err *e)
{
    struct engine_command cmd;
    struct err why = {0};
    int rc = plan_command(p, r, key, w->c->actor, &cmd, e);

    if (rc != 0) {
        return rc;
    }
    rc = send(w, &cmd, ret_later, &why);
    if (rc == -ERR_CLOSED || rc == -ERR_NOMEM || rc == -ERR_CANCELED || rc == -ERR_TIMEOUT) {
        *e = why;
        return rc;
    }
    if (rc != 0) {
        put_refused(w, r->run->run_id, err_str(&why));
    }
    return 0;
}

/* One plan to its end. */
static int run_plan(struct work *w, const char *key, bool *ret_later, struct err *e)
{
    const struct plan_run *r;
    struct plan *p;
    int rc = plan_open(w->store, &w->q, home_load_version, &p, e);

    if (rc == -ERR_USAGE) {
        return call_invalid(w->c, e, "%s", arena_strdup(&w->c->arena, e->text));
    }
    if (rc != 0) {
        return rc;
    }
    if (plan_runs(p) > RUNS_MAX) {
        rc = call_invalid(w->c, e, "%zu runs are meant, more than %d: do it on the command line",
                          plan_runs(p), RUNS_MAX);
    }
    while (rc == 0 && !*ret_later && (rc = plan_next(p, &r, e)) == 1) {
        rc = 0;
        if (r->refused != NULL) {
            put_refused(w, r->run->run_id, r->refused);
            continue;
        }
        w->runs++;
        w->total += r->instances;
        put_instances(w, r);
        rc = w->apply ? apply(w, p, r, key, ret_later, e) : 0;
    }
    plan_close(p);
    return rc;
}

static int run_all(struct work *w, bool *ret_later, struct err *e)
{
    size_t runs = w->run_ids != NULL ? w->run_ids->len : 1;
    size_t maps = w->map_indexes != NULL ? w->map_indexes->len : 1;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < runs; i++) {
        w->q.run_id = w->run_ids != NULL ? w->run_ids->elems[i]->text : NULL;
        for (size_t k = 0; rc == 0 && !*ret_later && k < maps; k++) {
            int64_t index = -1;

            if (w->map_indexes != NULL) {
                (void)value_int(w->map_indexes->elems[k], -1, INT32_MAX, &index);
            }
            w->q.map_index = (int32_t)index;
            w->runs -= k > 0 && w->runs > 0; /* the same run */
            rc = run_plan(w, arena_printf(&w->c->arena, "%s-%zu-%zu", w->key, i, k), ret_later, e);
        }
    }
    return rc;
}

static int open_store(struct work *w, struct err *e)
{
    char path[4200];

    (void)snprintf(path, sizeof path, "%s/%s", w->c->thread->server->config.home, STORE_FILE);
    return store_sqlite_open(path, STORE_READ_ONLY, &w->store, e);
}

static int answer(struct call *c, bool does, struct err *e)
{
    struct work w = {.c = c, .apply = does};
    const char *key = call_header(c, "Idempotency-Key");
    bool later = false;
    int rc = read_body(&w, e);

    w.key = arena_printf(&c->arena, "ui:%.200s", key != NULL ? key : c->id);
    rc = rc == 0 ? open_store(&w, e) : rc;
    if (rc != 0) {
        return rc;
    }
    buf_init(&w.refused, MiB(16));
    json_writer_init(&w.refused_w, &w.refused, 0);
    json_array(&w.refused_w);
    c->no_store = true;
    json_object(&c->w);
    json_key(&c->w, "instances");
    json_array(&c->w);
    rc = run_all(&w, &later, e);
    json_array_end(&w.refused_w);
    if (rc == 0 && !later) {
        json_array_end(&c->w);
        put_int(c, "runs", (int64_t)w.runs);
        put_int(c, "total", (int64_t)w.total);
        put_bool(c, "truncated", w.truncated);
        put_json(c, "refused", buf_cstr(&w.refused), "[]");
        put_bool(c, "applied", does);
        json_object_end(&c->w);
    }
    buf_fini(&w.refused);
    store_close(w.store);
    return rc;
}

int ui_plan(struct call *c, struct err *e)
{
    return answer(c, false, e);
}

int ui_apply(struct call *c, struct err *e)
{
    return answer(c, true, e);
}
