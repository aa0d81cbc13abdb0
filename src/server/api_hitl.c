/*
 * Questions that tasks ask people (engine/hitl.c): a record of the instance, with the answer in it. An instance without attempts has asked
 * nobody, so only those with one are looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "server/api.h"

#define HITL_RUNS_MAX 2000 /* of many runs (~) the newest are looked at; those at work come first */

struct detail {
    struct ti_row row;
    const struct run_row *run;
    const struct dag_row *dag;
    const struct value *record, *request, *response; /* response NULL: not answered */
    int64_t asked_us;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static int64_t number_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL ? value_get(o, name) : NULL;
    int64_t n;

    return v != NULL && value_int(v, 0, INT64_MAX, &n) == 0 ? n : 0;
}

/* *ret_found false: it asks nobody. */
static int read_detail(struct call *c, const struct ti_row *t, struct detail *d, bool *ret_found,
                       struct err *e)
{
    struct ti_key key = engine_record_key(&t->key);
    const char *json = NULL;
    struct xcom_row row;
    struct store *s;
    struct value *v;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    *ret_found = false;
    rc = rc == 0 ? s->ops->get_xcom(s, &key, ENGINE_RECORD_HITL, &c->arena, &row, e) : rc;
    if (rc == -ERR_NOTFOUND) {
        return 0;
    }
    rc = rc == 0 ? engine_read_xcom(c->thread->server->config.home, &row, &c->arena, &json, &n, e)
                 : rc;
    rc = rc == 0 ? value_parse(&c->arena, json, n, &v, e) : rc;
    if (rc == 0) {
        d->row = *t;
        d->record = v;
        d->request = value_get(v, "request");
        d->response = value_get(v, "response");
        d->response = d->response != NULL && d->response->kind == VALUE_OBJECT ? d->response : NULL;
        d->asked_us = number_of(v, "asked_us");
        *ret_found = d->request != NULL && d->request->kind == VALUE_OBJECT;
    }
    return rc;
}

/* ---- writing ---- */

static void put_list(struct call *c, const char *name, const struct value *v)
{
    json_key(&c->w, name);
    if (v != NULL && v->kind == VALUE_ARRAY) {
        json_value(&c->w, v);
    } else {
        json_null(&c->w);
    }
}

/* A name, or an object with id and name. */
static void put_user(struct call *c, const struct value *v)
{
    const char *id = v->kind == VALUE_STRING ? v->text : text_of(v, "id");
    const char *name = v->kind == VALUE_STRING ? v->text : text_of(v, "name");

    json_object(&c->w);
    put_text(c, "id", id != NULL ? id : name != NULL ? name : "");
    put_text(c, "name", name != NULL ? name : id != NULL ? id : "");
    json_object_end(&c->w);
}

static void put_by(struct call *c, const char *name, const struct value *response)
{
    const struct value *by = response != NULL ? value_get(response, "by") : NULL;

    json_key(&c->w, name);
    if (by != NULL && by->kind == VALUE_STRING) {
        put_user(c, by);
    } else {
        json_null(&c->w);
    }
}

static void put_object(struct call *c, const char *name, const struct value *v)
{
    json_key(&c->w, name);
    if (v != NULL && v->kind == VALUE_OBJECT) {
        json_value(&c->w, v);
    } else {
        json_object(&c->w);
        json_object_end(&c->w);
    }
}

/* As Airflow writes a param: its value, and what is known of it. */
static void put_params(struct call *c, const struct value *params)
{
    json_key(&c->w, "params");
    json_object(&c->w);
    for (size_t i = 0; params != NULL && params->kind == VALUE_OBJECT && i < params->len; i++) {
        const struct value *p = params->elems[i];
        const struct value *dflt = p->kind == VALUE_OBJECT ? value_get(p, "default") : p;

        json_key(&c->w, params->keys[i].text);
        json_object(&c->w);
        json_key(&c->w, "value");
        if (dflt != NULL) {
            json_value(&c->w, dflt);
        } else {
            json_null(&c->w);
        }
        put_text(c, "description", text_of(p, "description"));
        json_key(&c->w, "schema");
        json_object(&c->w);
        for (size_t k = 0; p->kind == VALUE_OBJECT && k < p->len; k++) {
            if (strcmp(p->keys[k].text, "default") != 0 &&
                strcmp(p->keys[k].text, "description") != 0) {
                json_key(&c->w, p->keys[k].text);
                json_value(&c->w, p->elems[k]);
            }
        }
        json_object_end(&c->w);
        json_object_end(&c->w);
    }
    json_object_end(&c->w);
}

static void put_detail(struct call *c, const struct api_run *r, const struct detail *d)
{
    const struct value *multiple = value_get(d->request, "multiple");
    const struct value *users = value_get(d->request, "assigned_users");

    json_object(&c->w);
    put_list(c, "options", value_get(d->request, "options"));
    put_text(c, "subject",
             text_of(d->request, "subject") != NULL ? text_of(d->request, "subject") : "");
    put_text(c, "body", text_of(d->request, "body"));
    put_list(c, "defaults", value_get(d->request, "defaults"));
    put_bool(c, "multiple", multiple != NULL && multiple->kind == VALUE_BOOL && multiple->boolean);
    put_params(c, value_get(d->request, "params"));
    json_key(&c->w, "assigned_users");
    json_array(&c->w);
    for (size_t i = 0; users != NULL && users->kind == VALUE_ARRAY && i < users->len; i++) {
        put_user(c, users->elems[i]);
    }
    json_array_end(&c->w);
    put_time(c, "created_at", d->asked_us);
    put_by(c, "responded_by_user", d->response);
    put_text(c, "responded_at", d->response != NULL ? text_of(d->response, "responded_at") : NULL);
    put_list(c, "chosen_options",
             d->response != NULL ? value_get(d->response, "chosen_options") : NULL);
    put_object(c, "params_input",
               d->response != NULL ? value_get(d->response, "params_input") : NULL);
    put_bool(c, "response_received", d->response != NULL);
    api_put_ti(c, "task_instance", r, &d->row, NULL);
    json_object_end(&c->w);
}

/* ---- one ---- */

static int find_detail(struct call *c, struct api_run *r, struct detail *d, struct err *e)
{
    struct ti_row t;
    bool found = false;
    int rc = api_find_ti(c, r, &t, e);

    rc = rc == 0 ? read_detail(c, &t, d, &found, e) : rc;
    return rc == 0 && !found
               ? err_set(e, ERR_NOTFOUND,
                         "Human-in-the-loop detail does not exist for task instance with dag_id "
                         "'%s', run_id '%s', task_id '%s' and map_index '%d'",
                         r->row.dag_id, r->run.run_id, call_param(c, "task_id"), t.key.map_index)
               : rc;
}

int api_hitl(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct detail d;
    int rc = find_detail(c, &r, &d, e);

    if (rc == 0) {
        put_detail(c, &r, &d);
    }
    return rc;
}

/* What is kept is the question of the last try that asked. */
int api_hitl_try(struct call *c, struct err *e)
{
    long number = strtol(call_param(c, "try_number"), NULL, 10);
    struct api_run r = {0};
    struct detail d;
    int rc = find_detail(c, &r, &d, e);

    if (rc == 0 && number_of(d.record, "try") != number) {
        return err_set(e, ERR_NOTFOUND,
                       "Try %ld of task '%s' asked nobody, or a later try asked again", number,
                       call_param(c, "task_id"));
    }
    if (rc == 0) {
        put_detail(c, &r, &d);
    }
    return rc;
}

/* ---- an answer ---- */

static bool is_assigned(struct call *c, const struct value *request)
{
    const struct value *users = value_get(request, "assigned_users");

    if (users == NULL || users->kind != VALUE_ARRAY || users->len == 0) {
        return true;
    }
    for (size_t i = 0; i < users->len; i++) {
        const struct value *u = users->elems[i];
        const char *id = u->kind == VALUE_STRING ? u->text : text_of(u, "id");
        const char *name = u->kind == VALUE_OBJECT ? text_of(u, "name") : NULL;

        if ((id != NULL && strcmp(id, c->actor) == 0) ||
            (name != NULL && strcmp(name, c->actor) == 0)) {
            return true;
        }
    }
    return strcmp(c->actor, "token") ==
           0; /* who has the installation's own token may do everything */
}

static int send_response(struct call *c, const struct ti_key *key, const struct value *options,
                         const struct value *params, bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_ti_command(c, key, &b, &w);
    json_key(&w, "by");
    json_string(&w, c->actor);
    json_key(&w, "options");
    json_value(&w, options);
    if (params != NULL && params->kind == VALUE_OBJECT) {
        json_key(&w, "params");
        json_value(&w, params);
    }
    return api_send(c, "hitl_respond", &b, &w, &answer, ret_later, e);
}

int api_hitl_patch(struct call *c, struct err *e)
{
    static const char *const members[] = {"chosen_options", "params_input", NULL};
    const struct value *options, *params;
    struct api_run r = {0};
    struct detail d;
    struct value *body;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    if (rc != 0) {
        return rc;
    }
    options = value_get(body, "chosen_options");
    params = value_get(body, "params_input");
    if (options == NULL || options->kind != VALUE_ARRAY || options->len == 0) {
        return call_invalid(c, e, "chosen_options must be a list of at least one option");
    }
    if (params != NULL && params->kind != VALUE_OBJECT && params->kind != VALUE_NULL) {
        return call_invalid(c, e, "params_input must be an object");
    }
    rc = find_detail(c, &r, &d, e);
    if (rc == 0 && !is_assigned(c, d.request)) {
        return err_set(e, ERR_PERM, "User '%s' is not a respondent for the task", c->actor);
    }
    rc = rc == 0 ? send_response(c, &d.row.key, options, params, &later, e) : rc;
    if (rc == -ERR_INVALID) {
        return call_invalid(c, e, "%s", arena_strdup(&c->arena, err_str(e)));
    }
    rc = rc == 0 && !later ? find_detail(c, &r, &d, e) : rc;
    if (rc == 0 && !later) {
        json_object(&c->w);
        put_by(c, "responded_by", d.response);
        put_text(c, "responded_at", text_of(d.response, "responded_at"));
        put_list(c, "chosen_options", value_get(d.response, "chosen_options"));
        put_object(c, "params_input", value_get(d.response, "params_input"));
        json_object_end(&c->w);
    }
    return rc;
}

/* ---- lists ---- */

struct listing {
    struct call *c;
    unsigned states;
    int64_t map_index; /* -2: any */
    struct time_range created;
    struct detail *all;
    size_t len, cap;
    struct err *e;
};

static bool created_fits(const struct time_range *r, int64_t t)
{
    return (r->from_us == TIME_NONE || t >= r->from_us) && (r->to_us == TIME_NONE || t <= r->to_us);
}

static bool answer_fits(struct call *c, const struct detail *d)
{
    const char *by = d->response != NULL ? text_of(d->response, "by") : NULL;

    return (call_query(c, "response_received") == NULL ||
            call_query_bool(c, "response_received", false) == (d->response != NULL)) &&
           api_any_of(c, "responded_by_user_id", by) &&
           api_any_of(c, "responded_by_user_name", by) &&
           api_like(call_query(c, "subject_search"), text_of(d->request, "subject")) &&
           (call_query(c, "body_search") == NULL ||
            api_like(call_query(c, "body_search"), text_of(d->request, "body")));
}

static int add(struct listing *l, const struct detail *d)
{
    if (l->len == l->cap) {
        size_t cap = l->cap != 0 ? 2 * l->cap : 64;
        struct detail *grown = arena_array(&l->c->arena, cap, sizeof *grown);

        if (grown == NULL) {
            return err_set(l->e, ERR_NOMEM, "out of memory for a list");
        }
        if (l->len != 0) {
            memcpy(grown, l->all, l->len * sizeof *grown);
        }
        l->all = grown;
        l->cap = cap;
    }
    l->all[l->len++] = *d;
    return 0;
}

static int gather(struct listing *l, const struct dag_row *dag, const struct run_row *run)
{
    const struct dag *d;
    struct ti_row *tis;
    struct store *s;
    size_t n = 0;
    int rc = server_store(l->c, &s, l->e);

    rc = rc == 0 ? server_dag(l->c, run->version_key, &d, l->e) : rc;
    rc = rc == 0 ? s->ops->get_tis(s, run->run_key, l->states, &l->c->arena, &tis, &n, l->e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct task *t = tis[i].key.task < d->tasks_len ? &d->tasks[tis[i].key.task] : NULL;
        struct detail x = {.run = run, .dag = dag};
        bool found = false;

        if (t == NULL || tis[i].try_number == 0 ||
            (l->map_index != -2 && tis[i].key.map_index != l->map_index) ||
            !api_any_of(l->c, "task_id", t->task_id) || !api_pattern(l->c, "task_id", t->task_id)) {
            continue;
        }
        rc = read_detail(l->c, &tis[i], &x, &found, l->e);
        if (rc == 0 && found && created_fits(&l->created, x.asked_us) && answer_fits(l->c, &x)) {
            rc = add(l, &x);
        }
    }
    return rc;
}

/* Of many runs. */
static int gather_runs(struct listing *l, const char *dag_id, const char *run_id)
{
    struct run_query q = {.order = RUN_BY_KEY, .descending = true, .limit = HITL_RUNS_MAX};
    struct dag_row *dags;
    struct run_row *runs;
    struct store *s;
    size_t n = 0, all = 0;
    int rc = server_store(l->c, &s, l->e);

    q.logical_date = q.run_after = q.start = q.end = (struct time_range){TIME_NONE, TIME_NONE};
    if (call_query(l->c, "response_received") != NULL &&
        !call_query_bool(l->c, "response_received", false)) {
        q.states = 1U << RUN_RUNNING | 1U << RUN_QUEUED; /* only these can wait for an answer */
    }
    rc = rc == 0 ? api_get_dags(l->c, false, &dags, &all, l->e) : rc;
    for (size_t i = 0; rc == 0 && i < all; i++) {
        if ((strcmp(dag_id, "~") == 0 || strcmp(dag_id, dags[i].dag_id) == 0) &&
            api_pattern(l->c, "dag_id", dags[i].dag_id)) {
            dags[q.dag_keys_len++] = dags[i];
        }
    }
    rc = rc == 0 ? api_dag_keys(l->c, dags, q.dag_keys_len, &q.dag_keys, l->e) : rc;
    rc = rc == 0 ? s->ops->query_runs(s, &q, &l->c->arena, &runs, &n, l->e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct dag_row *dag = NULL;

        for (size_t k = 0; k < q.dag_keys_len && dag == NULL; k++) {
            dag = dags[k].dag_key == runs[i].dag_key ? &dags[k] : NULL;
        }
        if (dag != NULL && (strcmp(run_id, "~") == 0 || strcmp(run_id, runs[i].run_id) == 0)) {
            rc = gather(l, dag, &runs[i]);
        }
    }
    return rc;
}

static int by_time(const void *x, const void *y)
{
    const struct detail *a = x, *b = y;

    return (a->asked_us > b->asked_us) - (a->asked_us < b->asked_us);
}

static int states_of(struct call *c, unsigned *ret, struct err *e)
{
    const char *word;
    size_t at = 0;

    while ((word = call_query_next(c, "state", &at)) != NULL) {
        int s = task_state_from_string(word);

        if (s < 0) {
            return call_invalid(c, e, "Invalid value for state: '%.100s'", word);
        }
        *ret |= 1U << s;
    }
    return 0;
}

static int put_page(struct listing *l, const struct api_page *p, bool down)
{
    struct api_run r = {0};
    int rc = 0;

    api_list(l->c, "hitl_details");
    for (size_t i = p->offset; rc == 0 && i < l->len && i - p->offset < p->limit; i++) {
        const struct detail *d = &l->all[down ? l->len - 1 - i : i];

        if (r.run.run_key != d->run->run_key) {
            r = (struct api_run){.row = *d->dag, .run = *d->run};
            rc = api_load_run(l->c, &r, l->e);
        }
        if (rc == 0) {
            put_detail(l->c, &r, d);
        }
    }
    api_list_end(l->c, (int64_t)l->len);
    return rc;
}

int api_hitls(struct call *c, struct err *e)
{
    static const char *const orders[] = {"created_at", "ti_id", NULL};
    const char *dag_id = call_param(c, "dag_id"), *run_id = call_param(c, "dag_run_id");
    struct listing l = {.c = c, .e = e};
    struct api_page p;
    struct dag_row row;
    struct run_row run;
    size_t order;
    bool down;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_order(c, orders, 0, false, &order, &down, e) : rc;
    rc = rc == 0 ? api_range(c, "created_at", &l.created, e) : rc;
    rc = rc == 0 ? states_of(c, &l.states, e) : rc;
    rc = rc == 0 ? call_query_int(c, "map_index", -1, INT32_MAX, -2, &l.map_index, e) : rc;
    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    if (strcmp(dag_id, "~") == 0 || strcmp(run_id, "~") == 0) {
        rc = gather_runs(&l, dag_id, run_id);
    } else {
        rc = api_find_run(c, &row, &run, e);
        rc = rc == 0 ? gather(&l, &row, &run) : rc;
    }
    if (rc == 0 && l.len > 1) {
        qsort(l.all, l.len, sizeof *l.all, by_time);
    }
    return rc == 0 ? put_page(&l, &p, down) : rc;
}
