#include "server/api_bulk.h"

#include <stdio.h>
#include <string.h>

#include "server/api_change.h"
#include "server/api_delete.h"

#define ACTIONS 3

static const char *const actions[ACTIONS] = {"create", "update", "delete"};

/* ---- what became of it ---- */

struct outcome {
    const char **success;
    size_t len, cap;
    struct failure {
        int status;
        const char *text;
    } * errors;
    size_t errors_len, errors_cap;
    bool asked;
};

struct bulk {
    struct call *c;
    struct outcome of[ACTIONS];
    bool later;
};

static int grow(struct call *c, void **list, size_t len, size_t *cap, size_t size)
{
    size_t more = *cap != 0 ? 2 * *cap : 16;
    void *p;

    if (len < *cap) {
        return 0;
    }
    p = arena_array(&c->arena, more, size);
    if (p == NULL) {
        return -ERR_NOMEM;
    }
    if (len != 0) {
        memcpy(p, *list, len * size);
    }
    *list = p;
    *cap = more;
    return 0;
}

static int succeed(struct bulk *b, int action, const char *id)
{
    struct outcome *o = &b->of[action];
    int rc = grow(b->c, (void **)&o->success, o->len, &o->cap, sizeof *o->success);

    if (rc == 0) {
        o->success[o->len++] = id;
    }
    return rc;
}

static int fail(struct bulk *b, int action, int status, const char *text)
{
    struct outcome *o = &b->of[action];
    int rc = grow(b->c, (void **)&o->errors, o->errors_len, &o->errors_cap, sizeof *o->errors);

    if (rc == 0) {
        o->errors[o->errors_len++] = (struct failure){status, text};
    }
    return rc;
}

/* An entity's error is told; one that is not its own (no scheduler, no memory) ends the whole. */
static int fail_with(struct bulk *b, int action, int rc, struct err *e)
{
    int status = b->c->status == 422 && rc == -ERR_INVALID ? 422 : err_http_status(rc);

    b->c->status = 0;
    if (rc == -ERR_CLOSED || rc == -ERR_NOMEM || rc == -ERR_TIMEOUT || rc == -ERR_BUSY ||
        rc == -ERR_CANCELED) {
        return rc;
    }
    rc = fail(b, action, status, arena_strdup(&b->c->arena, err_str(e)));
    *e = (struct err){0};
    return rc;
}

static void put_outcome(struct call *c, const char *name, const struct outcome *o)
{
    if (!o->asked) {
        put_null(c, name);
        return;
    }
    json_key(&c->w, name);
    json_object(&c->w);
    json_key(&c->w, "success");
    json_array(&c->w);
    for (size_t i = 0; i < o->len; i++) {
        json_string(&c->w, o->success[i]);
    }
    json_array_end(&c->w);
    json_key(&c->w, "errors");
    json_array(&c->w);
    for (size_t i = 0; i < o->errors_len; i++) {
        json_object(&c->w);
        put_text(c, "error", o->errors[i].text);
        put_int(c, "status_code", o->errors[i].status);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    json_object_end(&c->w);
}

/* ---- one action ---- */

struct action {
    int which;
    const struct value *entities;
    bool skip, overwrite;
};

static int read_action(struct call *c, const struct value *v, struct action *ret, struct err *e)
{
    static const char *const members[] = {
        "action",      "entities", "action_on_existence", "action_on_non_existence",
        "update_mask", NULL};
    static const char *const mask[] = {"update_mask",
                                       "update_mask",
                                       "action",
                                       "-",
                                       "entities",
                                       "-",
                                       "action_on_existence",
                                       "-",
                                       "action_on_non_existence",
                                       "-",
                                       NULL};
    const char *word = NULL, *on = NULL, *not_on = NULL;
    struct value only = {.kind = VALUE_OBJECT};
    int rc = v->kind == VALUE_OBJECT ? body_only(c, v, members, e)
                                     : call_invalid(c, e, "an action is an object");

    *ret = (struct action){.which = -1};
    rc = rc == 0 ? body_text(c, v, "action", &word, e) : rc;
    rc = rc == 0 ? body_text(c, v, "action_on_existence", &on, e) : rc;
    rc = rc == 0 ? body_text(c, v, "action_on_non_existence", &not_on, e) : rc;
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; word != NULL && i < ACTIONS; i++) {
        ret->which = strcmp(word, actions[i]) == 0 ? i : ret->which;
    }
    ret->entities = value_get(v, "entities");
    if (ret->which < 0 || ret->entities == NULL || ret->entities->kind != VALUE_ARRAY) {
        return call_invalid(c, e, "an action is create, update or delete, with a list of entities");
    }
    if ((on != NULL && strcmp(on, "fail") != 0 && strcmp(on, "skip") != 0 &&
         strcmp(on, "overwrite") != 0) ||
        (not_on != NULL && strcmp(not_on, "fail") != 0 && strcmp(not_on, "skip") != 0)) {
        return call_invalid(c, e,
                            "action_on_existence is fail, skip or overwrite, "
                            "action_on_non_existence fail or skip");
    }
    ret->skip = ret->which == 0 ? on != NULL && strcmp(on, "skip") == 0
                                : not_on != NULL && strcmp(not_on, "skip") == 0;
    ret->overwrite = on != NULL && strcmp(on, "overwrite") == 0;
    /* The mask stands where a single change has it: among the arguments. */
    for (size_t i = 0; i < v->len; i++) {
        if (strcmp(v->keys[i].text, "update_mask") == 0) {
            only.keys = &v->keys[i];
            only.elems = &v->elems[i];
            only.len = 1;
        }
    }
    return call_take_body(c, &only, mask, e);
}

static int id_of(struct call *c, const struct bulk_kind *k, const struct action *a,
                 const struct value *v, const char **ret, struct err *e)
{
    *ret = NULL;
    if (v->kind == VALUE_STRING && a->which == 2) {
        *ret = v->text;
        return 0;
    }
    if (v->kind == VALUE_OBJECT) {
        int rc = body_text(c, v, k->id_member, ret, e);

        if (rc == 0 && *ret == NULL &&
            strcmp(k->id_member, "name") == 0) { /* Airflow's pools have both */
            rc = body_text(c, v, "pool", ret, e);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return *ret != NULL && **ret != '\0'
               ? 0
               : call_invalid(c, e, "an entity needs its %s", k->id_member);
}

/* What of it is there and should not be, or is not and should: nothing is done then, unless it is to be skipped. */
static int check(struct bulk *b, const struct bulk_kind *k, const struct action *a,
                 const char *const *ids, bool *there, bool *ret_ok, struct err *e)
{
    struct buf odd BUF_CLEANUP = {0};
    size_t n = 0;
    int rc = 0;

    buf_init(&odd, KiB(64));
    for (size_t i = 0; rc == 0 && i < a->entities->len; i++) {
        rc = k->exists(b->c, ids[i], &there[i], e);
        if (rc == 0 && there[i] == (a->which == 0)) {
            (void)buf_printf(&odd, "%s'%s'", n++ != 0 ? ", " : "", ids[i]);
        }
    }
    *ret_ok = n == 0 || a->skip || (a->which == 0 && a->overwrite);
    if (rc == 0 && !*ret_ok) {
        rc = fail(b, a->which, a->which == 0 ? 409 : 404,
                  arena_printf(&b->c->arena,
                               a->which == 0 ? "The %ss with these %ss already exist: {%s}"
                                             : "The %ss with these %ss were not found: {%s}",
                               k->what, k->id_member, buf_cstr(&odd)));
    }
    return rc;
}

static int act(struct bulk *b, const struct bulk_kind *k, const struct value *v, struct err *e)
{
    const char **ids;
    struct action a;
    bool *there, ok = false;
    int rc = read_action(b->c, v, &a, e);

    if (rc != 0) {
        return rc;
    }
    b->of[a.which].asked = true;
    ids = arena_array(&b->c->arena, a.entities->len + 1, sizeof *ids);
    there = arena_array(&b->c->arena, a.entities->len + 1, sizeof *there);
    if (ids == NULL || there == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a bulk change");
    }
    for (size_t i = 0; rc == 0 && i < a.entities->len; i++) {
        rc = id_of(b->c, k, &a, a.entities->elems[i], &ids[i], e);
    }
    rc = rc == 0 ? check(b, k, &a, ids, there, &ok, e) : rc;
    for (size_t i = 0; rc == 0 && ok && !b->later && i < a.entities->len; i++) {
        const struct value *body = a.entities->elems[i];

        if (there[i] == (a.which == 0) && a.skip) {
            continue;
        }
        rc = a.which == 0   ? k->create(b->c, body, ids[i], a.overwrite, &b->later, e)
             : a.which == 1 ? k->update(b->c, body, ids[i], &b->later, e)
                            : k->drop(b->c, ids[i], &b->later, e);
        rc = rc == 0 ? succeed(b, a.which, ids[i]) : fail_with(b, a.which, rc, e);
    }
    return rc;
}

static int answer(struct bulk *b)
{
    if (!b->later) {
        b->c->status = 0;
        json_object(&b->c->w);
        for (int i = 0; i < ACTIONS; i++) {
            put_outcome(b->c, actions[i], &b->of[i]);
        }
        json_object_end(&b->c->w);
    }
    return 0;
}

static int list_of(struct call *c, const struct value **ret, struct err *e)
{
    static const char *const members[] = {"actions", NULL};
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    *ret = rc == 0 ? value_get(body, "actions") : NULL;
    return rc == 0 && (*ret == NULL || (*ret)->kind != VALUE_ARRAY)
               ? call_invalid(c, e, "actions must be a list")
               : rc;
}

static int change_all(struct call *c, const struct bulk_kind *k, struct err *e)
{
    const struct value *list;
    struct bulk b = {.c = c};
    int rc = list_of(c, &list, e);

    for (size_t i = 0; rc == 0 && !b.later && i < list->len; i++) {
        rc = act(&b, k, list->elems[i], e);
    }
    return rc == 0 ? answer(&b) : rc;
}

int api_variables_bulk(struct call *c, struct err *e)
{
    return change_all(c, &api_bulk_variables, e);
}

int api_connections_bulk(struct call *c, struct err *e)
{
    return change_all(c, &api_bulk_connections, e);
}

int api_pools_bulk(struct call *c, struct err *e)
{
    return change_all(c, &api_bulk_pools, e);
}

/* ---- task instances: their names are those of the path unless the entity says others ---- */

struct named {
    const char *dag_id, *run_id, *task_id, *text;
    int64_t map_index;
};

static int name_ti(struct call *c, const struct value *v, struct named *n, struct err *e)
{
    const struct value *map;
    int rc = 0;

    *n = (struct named){call_param(c, "dag_id"), call_param(c, "dag_run_id"), NULL, NULL, -1};
    if (v->kind == VALUE_STRING) {
        n->task_id = v->text;
    } else if (v->kind == VALUE_OBJECT) {
        const char *dag_id = NULL, *run_id = NULL;

        rc = body_text(c, v, "dag_id", &dag_id, e);
        rc = rc == 0 ? body_text(c, v, "dag_run_id", &run_id, e) : rc;
        rc = rc == 0 ? body_text(c, v, "task_id", &n->task_id, e) : rc;
        n->dag_id = dag_id != NULL ? dag_id : n->dag_id;
        n->run_id = run_id != NULL ? run_id : n->run_id;
        map = value_get(v, "map_index");
        if (rc == 0 && map != NULL && map->kind != VALUE_NULL &&
            value_int(map, -1, INT32_MAX, &n->map_index) != 0) {
            return call_invalid(c, e, "map_index must be an integer from -1");
        }
    }
    if (rc == 0 && identity_is_limited(&c->who) &&
        strcmp(n->dag_id, call_param(c, "dag_id")) != 0) { /* only the path's DAG was checked */
        return err_set(e, ERR_PERM, "You may change only the DAG of the path");
    }
    if (rc == 0 && n->task_id == NULL) {
        return call_invalid(c, e, "an entity needs its task_id");
    }
    if (rc == 0 && (strcmp(n->dag_id, "~") == 0 || strcmp(n->run_id, "~") == 0)) {
        return call_invalid(c, e, "an entity needs its dag_id and dag_run_id where the path has ~");
    }
    n->text = rc == 0 ? arena_printf(&c->arena, "%s.%s.%s[%lld]", n->dag_id, n->run_id, n->task_id,
                                     (long long)n->map_index)
                      : NULL;
    return rc;
}

static int find_named(struct call *c, const struct named *n, struct api_run *r, struct ti_key *ret,
                      struct err *e)
{
    const struct task *t;
    struct store *s;
    bool found;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->find_dag(s, n->dag_id, &c->arena, &r->row, e) : rc;
    rc = rc == 0 ? s->ops->find_run(s, r->row.dag_key, n->run_id, &c->arena, &r->run, e) : rc;
    rc = rc == 0 ? api_load_run(c, r, e) : rc;
    t = rc == 0 ? dag_task(r->dag, n->task_id) : NULL;
    if (t != NULL) {
        (void)api_ti(r, t->index, (int32_t)n->map_index, &found);
        *ret = (struct ti_key){r->run.run_key, t->index, (int32_t)n->map_index};
    }
    return rc == -ERR_NOTFOUND || (rc == 0 && (t == NULL || (n->map_index >= 0 && !found)))
               ? err_set(e, ERR_NOTFOUND, "The task instance %s was not found", n->text)
               : rc;
}

static int update_ti(struct bulk *b, const struct named *n, const struct value *v, struct err *e)
{
    static const char *const members[] = {"dag_id",
                                          "dag_run_id",
                                          "task_id",
                                          "map_index",
                                          "new_state",
                                          "note",
                                          "include_upstream",
                                          "include_downstream",
                                          "include_future",
                                          "include_past",
                                          NULL};
    const char *note = NULL;
    struct api_plan p = {0};
    struct plan_query q;
    struct api_run r = {0};
    struct ti_key key = {0};
    bool has_note = false;
    int rc = v->kind == VALUE_OBJECT
                 ? api_read_mark(b->c, v, members, &q, &note, &has_note, e)
                 : call_invalid(b->c, e, "an entity to be updated is an object");

    rc = rc == 0 ? find_named(b->c, n, &r, &key, e) : rc;
    if (rc != 0) {
        return rc;
    }
    q.dag_id = n->dag_id;
    q.run_id = n->run_id;
    return api_mark(b->c, &q, &key, n->task_id, note, has_note, &p, &b->later, e);
}

static int delete_ti(struct bulk *b, const struct named *n, struct err *e)
{
    struct api_run r = {0};
    struct ti_key key = {0};
    int rc = find_named(b->c, n, &r, &key, e);

    return rc == 0 ? api_send_delete_ti(b->c, &key, &b->later, e) : rc;
}

static int act_on_tis(struct bulk *b, const struct value *v, struct err *e)
{
    struct action a;
    int rc = read_action(b->c, v, &a, e);

    if (rc != 0) {
        return rc;
    }
    b->of[a.which].asked = true;
    if (a.which == 0) {
        return fail(b, 0, 405, "Task instances bulk create is not supported");
    }
    for (size_t i = 0; rc == 0 && !b->later && i < a.entities->len; i++) {
        struct named n;

        rc = name_ti(b->c, a.entities->elems[i], &n, e);
        if (rc == 0) {
            rc = a.which == 1 ? update_ti(b, &n, a.entities->elems[i], e) : delete_ti(b, &n, e);
        }
        if (rc == -ERR_NOTFOUND && a.skip) {
            *e = (struct err){0};
            rc = 0;
            continue;
        }
        rc = rc == 0 ? succeed(b, a.which, n.text) : fail_with(b, a.which, rc, e);
    }
    return rc;
}

int api_tis_bulk(struct call *c, struct err *e)
{
    const struct value *list;
    struct bulk b = {.c = c};
    int rc = list_of(c, &list, e);

    for (size_t i = 0; rc == 0 && !b.later && i < list->len; i++) {
        rc = act_on_tis(&b, list->elems[i], e);
    }
    return rc == 0 ? answer(&b) : rc;
}
