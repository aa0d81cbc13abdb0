/*
 * Questions about other runs and DAGs, read from the store (a state that a task sees is durable), and runs that tasks make. A run that a
 * task made remembers the run that it was made in: who continues that one continues it too (recover.c).
 */
#include "engine/world.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "model/dag.h"

#define RUNS_LOOKED_AT 10000 /* of a DAG, newest first, when runs are asked for by date */
#define PREVIOUS_MAX   1000
#define CONF_MAX       MiB(1)

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static const struct value *list_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_ARRAY ? v : NULL;
}

static bool flag_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

/* A list that is not there contains everything. */
static bool contains(const struct value *list, const char *text)
{
    if (list == NULL) {
        return true;
    }
    for (size_t i = 0; i < list->len; i++) {
        if (list->elems[i]->kind == VALUE_STRING && strcmp(list->elems[i]->text, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool contains_time(const struct value *list, int64_t t)
{
    if (list == NULL) {
        return true;
    }
    for (size_t i = 0; i < list->len; i++) {
        const struct value *v = list->elems[i];
        int64_t at;

        if (v->kind == VALUE_STRING && time_parse(v->text, strlen(v->text), &at) == 0 && at == t) {
            return true;
        }
    }
    return false;
}

/* ---- on the store's thread ---- */

struct lookup {
    struct engine *g;
    struct arena *arena;
    const char *dag_id, *run_id; /* run_id NULL: the DAG alone */
    int64_t run_key;
    bool found;
    struct dag_row dag;
    struct run_row run, *runs;
    size_t runs_len;
    struct ti_row *tis;
    size_t tis_len;
    struct err *e;
};

static int do_find(void *arg)
{
    struct lookup *l = arg;
    struct store *s = l->g->store;
    int rc = s->ops->find_dag(s, l->dag_id, l->arena, &l->dag, l->e);

    if (rc == 0 && l->run_id != NULL) {
        rc = s->ops->find_run(s, l->dag.dag_key, l->run_id, l->arena, &l->run, l->e);
    }
    l->found = rc == 0;
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int do_runs(void *arg)
{
    struct lookup *l = arg;
    struct store *s = l->g->store;

    return s->ops->get_runs(s, l->dag.dag_key, 0, 0, RUNS_LOOKED_AT, l->arena, &l->runs,
                            &l->runs_len, l->e);
}

static int do_tis(void *arg)
{
    struct lookup *l = arg;

    return l->g->store->ops->get_tis(l->g->store, l->run_key, 0, l->arena, &l->tis, &l->tis_len,
                                     l->e);
}

static int do_previous(void *arg)
{
    struct lookup *l = arg;
    int rc = l->g->store->ops->previous_run(l->g->store, l->run_key, true, l->arena, &l->run, l->e);

    l->found = rc == 0;
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int find(const struct world_call *c, const char *dag_id, const char *run_id,
                struct lookup *l, struct err *e)
{
    *l = (struct lookup){.g = c->g, .arena = c->arena, .dag_id = dag_id, .run_id = run_id, .e = e};
    return engine_on_store(c->g, do_find, l);
}

static int find_asked(const struct world_call *c, bool with_run, struct lookup *l, struct err *e)
{
    const char *dag_id = text_of(c->rq, "dag_id"), *run_id = text_of(c->rq, "run_id");

    if (dag_id == NULL || (with_run && run_id == NULL)) {
        return err_set(e, ERR_PROTOCOL, "the question needs dag_id%s",
                       with_run ? " and run_id" : "");
    }
    return find(c, dag_id, with_run ? run_id : NULL, l, e);
}

/* ---- writing ---- */

static void put_time(struct json_writer *w, const char *name, int64_t t)
{
    char text[TIME_TEXT_MAX];

    json_key(w, name);
    json_string(w, t == TIME_NONE ? NULL : time_format(t, text));
}

static void put_found(struct json_writer *w, bool found)
{
    json_key(w, "result");
    json_object(w);
    json_key(w, "found");
    json_bool(w, found);
}

static void put_run(struct json_writer *w, const struct run_row *r)
{
    json_key(w, "run_id");
    json_string(w, r->run_id);
    json_key(w, "state");
    json_string(w, run_state_to_string(r->state));
    json_key(w, "run_type");
    json_string(w, run_type_to_string(r->type));
    put_time(w, "logical_date", r->logical_date_us);
    put_time(w, "data_interval_start", r->data_interval_start_us);
    put_time(w, "data_interval_end", r->data_interval_end_us);
    put_time(w, "run_after", r->run_after_us);
    put_time(w, "start_date", r->start_us);
    put_time(w, "end_date", r->end_us);
    json_key(w, "clear_number");
    json_int(w, r->clear_number);
    json_key(w, "partition_key");
    json_string(w, r->partition_key);
    json_key(w, "conf");
    if (r->conf != NULL) {
        json_raw(w, r->conf, strlen(r->conf));
    } else {
        json_object(w);
        json_object_end(w);
    }
}

/* ---- runs ---- */

static int op_dag_run_get(const struct world_call *c, struct err *e)
{
    struct lookup l;
    int rc = find_asked(c, true, &l, e);

    if (rc == 0) {
        put_found(c->w, l.found);
        if (l.found) {
            put_run(c->w, &l.run);
        }
        json_object_end(c->w);
    }
    return rc;
}

static int op_dag_run_state(const struct world_call *c, struct err *e)
{
    struct lookup l;
    int rc = find_asked(c, true, &l, e);

    if (rc == 0) {
        put_found(c->w, l.found);
        json_key(c->w, "state");
        json_string(c->w, l.found ? run_state_to_string(l.run.state) : NULL);
        json_object_end(c->w);
    }
    return rc;
}

/* Runs of the DAG that the question means: run_id, run_ids, logical_dates, states; each as far as it is given. */
static int asked_runs(const struct world_call *c, struct lookup *l, struct err *e)
{
    const char *run_id = text_of(c->rq, "run_id");
    const struct value *run_ids = list_of(c->rq, "run_ids"),
                       *dates = list_of(c->rq, "logical_dates"), *states = list_of(c->rq, "states");
    int rc = find_asked(c, false, l, e);
    size_t n = 0;

    rc = rc == 0 && l->found ? engine_on_store(c->g, do_runs, l) : rc;
    for (size_t i = 0; rc == 0 && i < l->runs_len; i++) {
        const struct run_row *r = &l->runs[i];

        if ((run_id == NULL || strcmp(run_id, r->run_id) == 0) && contains(run_ids, r->run_id) &&
            contains_time(dates, r->logical_date_us) &&
            contains(states, run_state_to_string(r->state))) {
            l->runs[n++] = *r;
        }
    }
    l->runs_len = n;
    return rc;
}

static int op_dag_run_count(const struct world_call *c, struct err *e)
{
    struct lookup l;
    int rc = asked_runs(c, &l, e);

    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "count");
        json_int(c->w, (int64_t)l.runs_len);
        json_object_end(c->w);
    }
    return rc;
}

static int op_previous_run(const struct world_call *c, struct err *e)
{
    const char *state = text_of(c->rq, "state");
    struct lookup l = {.g = c->g, .arena = c->arena, .run_key = c->key.run_key, .e = e};
    int rc = 0;

    state = state != NULL ? state : "success";
    for (int i = 0; rc == 0 && i < PREVIOUS_MAX; i++) {
        rc = engine_on_store(c->g, do_previous, &l);
        if (rc != 0 || !l.found || strcmp(state, "any") == 0 ||
            strcmp(state, run_state_to_string(l.run.state)) == 0) {
            break;
        }
        l.found = false;
        l.run_key = l.run.run_key;
    }
    if (rc == 0) {
        put_found(c->w, l.found);
        if (l.found) {
            put_run(c->w, &l.run);
        }
        json_object_end(c->w);
    }
    return rc;
}

/* ---- DAGs and instances ---- */

static bool in_group(const struct dag *d, const struct task *t, const char *group_id)
{
    const char *id = t->group != UINT32_MAX ? d->groups[t->group].group_id : NULL;
    size_t n = group_id != NULL ? strlen(group_id) : 0;

    return id != NULL && n != 0 && strncmp(id, group_id, n) == 0 && (id[n] == '\0' || id[n] == '.');
}

/* Asked by id, or by a group that holds it; without either all are. */
static bool is_asked(const struct world_call *c, const struct dag *d, const struct task *t)
{
    const struct value *ids = list_of(c->rq, "task_ids");
    const char *group = text_of(c->rq, "task_group_id");

    if (ids == NULL && group == NULL) {
        return true;
    }
    return (ids != NULL && contains(ids, t->task_id)) || in_group(d, t, group);
}

static int op_dag_get(const struct world_call *c, struct err *e)
{
    const struct value *ids = list_of(c->rq, "task_ids");
    const char *group = text_of(c->rq, "task_group_id");
    struct dag *d = NULL;
    struct lookup l;
    bool has_group = group == NULL;
    int rc = find_asked(c, false, &l, e);

    if (rc == 0 && l.found && (ids != NULL || group != NULL)) {
        rc = facts_load_version(c->g, l.dag.dag_key, l.dag.version_key, &d, e);
    }
    if (rc != 0) {
        return rc;
    }
    put_found(c->w, l.found);
    json_key(c->w, "paused");
    json_bool(c->w, l.found && l.dag.paused);
    json_key(c->w, "missing");
    json_array(c->w);
    for (size_t i = 0; d != NULL && ids != NULL && i < ids->len; i++) {
        if (ids->elems[i]->kind == VALUE_STRING && dag_task(d, ids->elems[i]->text) == NULL) {
            json_string(c->w, ids->elems[i]->text);
        }
    }
    json_array_end(c->w);
    for (uint32_t i = 0; d != NULL && i < d->groups_len; i++) {
        has_group = has_group || strcmp(d->groups[i].group_id, group) == 0;
    }
    json_key(c->w, "has_group");
    json_bool(c->w, has_group);
    json_object_end(c->w);
    dag_unref(d);
    return 0;
}

/* The states of one run's instances: those that have a row, and the tasks without any. */
static void put_states(const struct world_call *c, const struct dag *d, const struct lookup *l)
{
    json_object(c->w);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        const char *word = NULL;

        if (!is_asked(c, d, &d->tasks[t])) {
            continue;
        }
        for (size_t i = 0; i < l->tis_len; i++) {
            char name[LIMIT_ID_BYTES + 24];

            if (l->tis[i].key.task != t) {
                continue;
            }
            if (l->tis[i].key.map_index < 0) {
                word = l->tis[i].state == TASK_NONE ? NULL : task_state_to_string(l->tis[i].state);
                continue;
            }
            (void)snprintf(name, sizeof name, "%s[%d]", d->tasks[t].task_id,
                           l->tis[i].key.map_index);
            json_key(c->w, name);
            json_string(c->w, task_state_to_string(l->tis[i].state));
        }
        json_key(c->w, d->tasks[t].task_id);
        json_string(c->w, word);
    }
    json_object_end(c->w);
}

static int own_states(const struct world_call *c, struct err *e)
{
    const struct value *ids = list_of(c->rq, "task_ids");
    const struct dag *d = engine_run_dag(c->g, c->key.run_key);
    struct ti_row row;

    if (ids == NULL || d == NULL) {
        return err_set(e, ERR_PROTOCOL, "ti_states needs task_ids");
    }
    json_key(c->w, "result");
    json_object(c->w);
    for (size_t i = 0; i < ids->len; i++) {
        const struct task *t =
            ids->elems[i]->kind == VALUE_STRING ? dag_task(d, ids->elems[i]->text) : NULL;
        struct ti_key key = {c->key.run_key, t != NULL ? t->index : 0, -1};

        if (t != NULL && sched_get_ti(c->g->sched, &key, &row) == 0) {
            json_key(c->w, t->task_id);
            json_string(c->w, task_state_to_string(row.state));
        }
    }
    json_object_end(c->w);
    return 0;
}

/* Of other runs: {"runs": [{run_id, logical_date, state ..., "tasks": {task_id: state}}...]}. */
static int op_ti_states(const struct world_call *c, struct err *e)
{
    struct dag *d = NULL;
    int64_t version = 0;
    struct lookup l;
    int rc;

    if (text_of(c->rq, "dag_id") == NULL) {
        return own_states(c, e);
    }
    rc = asked_runs(c, &l, e);
    if (rc != 0) {
        return rc;
    }
    json_key(c->w, "result");
    json_object(c->w);
    json_key(c->w, "runs");
    json_array(c->w);
    for (size_t i = 0; rc == 0 && i < l.runs_len; i++) {
        l.run_key = l.runs[i].run_key;
        l.tis_len = 0;
        rc = engine_on_store(c->g, do_tis, &l);
        if (rc == 0 && version != l.runs[i].version_key) {
            dag_unref(d);
            d = NULL;
            version = l.runs[i].version_key;
            rc = facts_load_version(c->g, l.dag.dag_key, version, &d, e);
        }
        if (rc == 0) {
            json_object(c->w);
            put_run(c->w, &l.runs[i]);
            json_key(c->w, "tasks");
            put_states(c, d, &l);
            json_object_end(c->w);
        }
    }
    json_array_end(c->w);
    json_object_end(c->w);
    dag_unref(d);
    return rc;
}

/* The XCom of a task in the nearest earlier run that has one; the own run is the first to be looked at. */
static int op_xcom_prior(const struct world_call *c, struct err *e)
{
    const char *task_id = text_of(c->rq, "task_id"), *name = text_of(c->rq, "key"), *json = NULL;
    const struct value *map = value_get(c->rq, "map_index");
    struct lookup l = {.g = c->g, .arena = c->arena, .run_key = c->key.run_key, .e = e};
    struct ti_key key = {.map_index = -1};
    int64_t n, version = 0;
    size_t len = 0;
    int rc = task_id != NULL && name != NULL
                 ? 0
                 : err_set(e, ERR_PROTOCOL, "xcom_prior needs task_id and key");
    const struct task *t;
    struct dag *d = NULL;

    if (map != NULL && value_int(map, -1, INT32_MAX, &n) == 0) {
        key.map_index = (int32_t)n;
    }
    if (rc == 0) {
        d = dag_ref((struct dag *)engine_run_dag(c->g, c->key.run_key));
    }
    for (int i = 0; rc == 0 && i < PREVIOUS_MAX; i++) {
        t = d != NULL ? dag_task(d, task_id) : NULL;
        key.run_key = l.run_key;
        key.task = t != NULL ? t->index : 0;
        if (t != NULL) {
            rc = facts_xcom(c->g, &key, name, c->arena, &json, &len, e);
        }
        if (rc != 0 || json != NULL || engine_on_store(c->g, do_previous, &l) != 0 || !l.found) {
            break;
        }
        l.run_key = l.run.run_key;
        if (l.run.version_key != version) {
            dag_unref(d);
            d = NULL;
            version = l.run.version_key;
            rc = facts_load_version(c->g, l.run.dag_key, version, &d, e);
        }
    }
    dag_unref(d);
    if (rc == 0) {
        put_found(c->w, json != NULL);
        json_key(c->w, "value");
        if (json != NULL) {
            json_raw(c->w, json, len);
        } else {
            json_null(c->w);
        }
        json_object_end(c->w);
    }
    return rc;
}

/* ---- runs that tasks make ---- */

static int put_conf(const struct world_call *c, const char **ret, struct err *e)
{
    const struct value *conf = value_get(c->rq, "conf");
    struct json_writer w;
    struct buf b BUF_CLEANUP = {0};

    *ret = NULL;
    if (conf == NULL || conf->kind == VALUE_NULL) {
        return 0;
    }
    if (conf->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "conf must be an object");
    }
    buf_init(&b, CONF_MAX);
    json_writer_init(&w, &b, 0);
    json_value(&w, conf);
    *ret = buf_status(&b) == 0 ? arena_strndup(c->arena, buf_cstr(&b), b.len) : NULL;
    return *ret == NULL ? err_set(e, ERR_LIMIT, "conf is too large") : 0;
}

static int make_run(const struct world_call *c, const struct lookup *l, int64_t *ret_key,
                    struct err *e)
{
    const char *date = text_of(c->rq, "logical_date");
    char token[UUID_TEXT_MAX];
    struct engine_run_request rq = {.type = RUN_TYPE_MANUAL,
                                    .dag_key = l->dag.dag_key,
                                    .run_id = l->run_id,
                                    .logical_date_us = TIME_NONE,
                                    .parent = c->key.run_key};
    int rc = put_conf(c, &rq.conf, e);

    if (rc == 0 && date != NULL && time_parse(date, strlen(date), &rq.logical_date_us) != 0) {
        rc = err_set(e, ERR_INVALID, "logical_date '%s' is not a time", date);
    }
    rq.key = arena_printf(c->arena, "trigger:%s:%lld:%s", uuid_format(&c->token, token),
                          (long long)l->dag.dag_key, l->run_id);
    rc = rc == 0 ? register_stored_dag(c->g, &l->dag, e) : rc;
    return rc == 0 ? engine_create_run(c->g, &rq, ret_key, e) : rc;
}

static int clear_run(const struct world_call *c, const struct lookup *l, struct err *e)
{
    char token[UUID_TEXT_MAX];
    struct engine_command cmd = {.op = ENGINE_CLEAR, .actor = "task", .run_key = l->run.run_key};
    uint32_t affected;

    cmd.key = arena_printf(c->arena, "reset:%s:%lld", uuid_format(&c->token, token),
                           (long long)l->run.run_key);
    return engine_command(c->g, &cmd, &affected, e);
}

static int op_dag_run_trigger(const struct world_call *c, struct err *e)
{
    bool created = false;
    struct lookup l;
    struct err exists = {0};
    int64_t run_key = 0;
    int rc = find_asked(c, true, &l, e);

    if (rc == 0 && l.dag.dag_key == 0) {
        rc = err_set(e, ERR_NOTFOUND,
                     "there is no DAG '%s' in this home; a DAG is known once its file was run",
                     l.dag_id);
    }
    if (rc == 0 && l.found && flag_of(c->rq, "reset")) {
        run_key = l.run.run_key;
        rc = clear_run(c, &l, e);
        created = rc == 0;
    } else if (rc == 0) {
        rc = make_run(c, &l, &run_key, &exists);
        created = rc == 0;
        if (rc != 0 && rc != -ERR_EXISTS) {
            return err_set(e, (enum err_code) - rc, "%s", err_str(&exists));
        }
        rc = 0;
    }
    if (rc == 0 && created) {
        rc = VEC_PUSH(c->g->children, c->g->children_len, c->g->children_cap, run_key);
    }
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "run_id");
        json_string(c->w, l.run_id);
        json_key(c->w, "created");
        json_bool(c->w, created);
        json_object_end(c->w);
    }
    return rc;
}

/* ---- of whoever keeps the DAG files ---- */

void engine_set_keeper(struct engine *g, const struct engine_keeper *k)
{
    g->keeper = k != NULL ? *k : (struct engine_keeper){0};
}

bool engine_keeps_dags(const struct engine *g)
{
    return g->keeper.answer != NULL;
}

static int op_bundles(const struct world_call *c, struct err *e)
{
    return c->g->keeper.answer != NULL
               ? c->g->keeper.answer(c->g->keeper.arg, c, e)
               : err_set(e, ERR_UNSUPPORTED,
                         "this process does not keep DAG files: start `tradewind scheduler`");
}

/* ---- which ---- */

static const struct {
    const char *type;
    enum asker by;
    int (*fn)(const struct world_call *c, struct err *e);
} operations[] = {
    {"ti_states", ASKED_BY_ATTEMPT, op_ti_states},
    {"dag_get", ASKED_BY_CALLBACK, op_dag_get},
    {"dag_run_get", ASKED_BY_CALLBACK, op_dag_run_get},
    {"dag_run_state", ASKED_BY_CALLBACK, op_dag_run_state},
    {"dag_run_count", ASKED_BY_CALLBACK, op_dag_run_count},
    {"dag_run_trigger", ASKED_BY_ATTEMPT, op_dag_run_trigger},
    {"previous_run", ASKED_BY_CALLBACK, op_previous_run},
    {"xcom_prior", ASKED_BY_ATTEMPT, op_xcom_prior},
    {"hitl_request", ASKED_BY_ATTEMPT, hitl_request},
    {"hitl_get", ASKED_BY_ATTEMPT, hitl_get},
    {"hitl_respond", ASKED_BY_ANYBODY, hitl_respond},
    {"asset_get", ASKED_BY_CALLBACK, engine_asset_get},
    {"asset_count", ASKED_BY_CALLBACK, engine_asset_count},
    {"asset_events", ASKED_BY_CALLBACK, engine_asset_events},
    {"xcom_delete", ASKED_BY_ANYBODY, engine_answer_xcom_delete},
    {"xcom_put", ASKED_BY_ANYBODY, engine_answer_xcom_put},
    {"ti_delete", ASKED_BY_ANYBODY, engine_answer_ti_delete},
    {"run_delete", ASKED_BY_ANYBODY, engine_answer_run_delete},
    {"dag_delete", ASKED_BY_ANYBODY, engine_answer_dag_delete},
    {"asset_queue_drop", ASKED_BY_ANYBODY, engine_answer_queue_drop},
    {"bundles", ASKED_BY_ANYBODY, op_bundles},
    {"service", ASKED_BY_ANYBODY, engine_answer_service},
    {"backfill_create", ASKED_BY_ANYBODY, engine_answer_backfill_create},
    {"backfill_change", ASKED_BY_ANYBODY, engine_answer_backfill_change},
    {"note", ASKED_BY_ANYBODY, engine_answer_note},
    {"stats", ASKED_BY_ANYBODY, metrics_answer},
    {"import_errors", ASKED_BY_ANYBODY, metrics_answer_import_errors},
    {"why", ASKED_BY_ANYBODY, engine_answer_why},
    {"upcoming", ASKED_BY_ANYBODY, engine_answer_upcoming},
    {"run_create", ASKED_BY_ANYBODY, engine_answer_run_create},
    {"asset_event_report", ASKED_BY_ANYBODY, engine_answer_asset_event},
};

bool world_knows(const char *type, enum asker *ret_by)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].type, type) == 0) {
            *ret_by = operations[i].by;
            return true;
        }
    }
    return false;
}

int world_answer(const struct world_call *c, const char *type, struct err *e)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].type, type) == 0) {
            return operations[i].fn(c, e);
        }
    }
    return err_set(e, ERR_UNSUPPORTED, "unknown request '%s'", type);
}
