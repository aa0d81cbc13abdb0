/* XComs of an instance. */
#include <string.h>

#include "engine/engine.h"
#include "server/api.h"

static void put_head(struct call *c, const struct api_run *r, const struct task *t,
                     const struct xcom_row *x)
{
    put_text(c, "key", x->name);
    put_time(c, "timestamp", x->at_us);
    put_time(c, "logical_date", r->run.logical_date_us);
    put_time(c, "run_after", r->run.run_after_us);
    put_int(c, "map_index", x->key.map_index);
    put_text(c, "task_id", t->task_id);
    put_text(c, "task_display_name", t->display_name);
    put_text(c, "dag_id", r->dag->dag_id);
    put_text(c, "dag_display_name", r->dag->display_name);
    put_text(c, "run_id", r->run.run_id);
}

int api_xcoms(struct call *c, struct err *e)
{
    struct xcom_row *rows;
    const struct task *t;
    struct api_run r = {0};
    struct api_page p;
    struct ti_key key;
    struct store *s;
    int32_t map;
    int64_t total = 0;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_open_run(c, &r, e) : rc;
    rc = rc == 0 ? api_find_task(c, &r, &t, &map, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0) {
        key = (struct ti_key){r.run.run_key, t->index, map};
        rc = s->ops->get_xcoms(s, &key, &c->arena, &rows, &n, e);
    }
    if (rc != 0) {
        return rc;
    }
    api_list(c, "xcom_entries");
    for (size_t i = 0; i < n; i++) {
        const char *name = call_query(c, "xcom_key");

        if ((name != NULL && strcmp(name, rows[i].name) != 0) ||
            !api_pattern(c, "xcom_key", rows[i].name)) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            json_object(&c->w);
            put_head(c, &r, t, &rows[i]);
            json_object_end(&c->w);
        }
        total++;
    }
    api_list_end(c, total);
    return 0;
}

int api_xcom(struct call *c, struct err *e)
{
    const char *json = NULL, *name = call_param(c, "xcom_key");
    const struct task *t;
    struct xcom_row row;
    struct api_run r = {0};
    struct ti_key key;
    struct store *s;
    int32_t map;
    size_t n = 0;
    int rc = api_open_run(c, &r, e);

    rc = rc == 0 ? api_find_task(c, &r, &t, &map, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0) {
        key = (struct ti_key){r.run.run_key, t->index, map};
        rc = s->ops->get_xcom(s, &key, name, &c->arena, &row, e);
        if (rc == -ERR_NOTFOUND) {
            return err_set(e, ERR_NOTFOUND, "XCom entry with key: `%s` not found", name);
        }
    }
    rc = rc == 0 ? engine_read_xcom(c->thread->server->config.home, &row, &c->arena, &json, &n, e)
                 : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    put_head(c, &r, t, &row);
    json_key(&c->w, "value");
    if (call_query_bool(c, "stringify", false)) {
        json_string_n(&c->w, json, n);
    } else {
        json_raw(&c->w, json, n);
    }
    json_object_end(&c->w);
    return 0;
}

int api_xcom_delete(struct call *c, struct err *e)
{
    const struct task *t;
    struct api_run r = {0};
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int32_t map;
    bool later = false;
    int rc = api_open_run(c, &r, e);

    rc = rc == 0 ? api_find_task(c, &r, &t, &map, e) : rc;
    api_command(c, &b, &w);
    if (rc != 0) {
        return rc;
    }
    json_key(&w, "run_key");
    json_int(&w, r.run.run_key);
    json_key(&w, "task");
    json_int(&w, t->index);
    json_key(&w, "map_index");
    json_int(&w, map);
    json_key(&w, "key");
    json_string(&w, call_param(c, "xcom_key"));
    rc = api_send(c, "xcom_delete", &b, &w, &answer, &later, e);
    if (rc == 0 && !later) {
        c->status = 204;
    }
    return rc;
}

/* ---- written ---- */

/* map_index of the body, where Airflow has it; of the arguments as elsewhere. */
static int find_for_body(struct call *c, const struct value *body, struct api_run *r,
                         const struct task **ret, int32_t *ret_map, struct err *e)
{
    const struct value *map = value_get(body, "map_index");
    int64_t index = -1;
    bool found;
    int rc = api_open_run(c, r, e);

    rc = rc == 0 ? api_find_task(c, r, ret, ret_map, e) : rc;
    if (rc != 0 || map == NULL || map->kind == VALUE_NULL) {
        return rc;
    }
    if (value_int(map, -1, INT32_MAX, &index) != 0) {
        return call_invalid(c, e, "map_index must be an integer from -1");
    }
    *ret_map = (int32_t)index;
    (void)api_ti(r, (*ret)->index, *ret_map, &found);
    return index >= 0 && !found ? err_set(e, ERR_NOTFOUND, "Task %s has no map index %lld",
                                          (*ret)->task_id, (long long)index)
                                : 0;
}

static int put_value(struct call *c, const struct ti_key *key, const char *name,
                     const struct value *v, bool is_new, bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_ti_command(c, key, &b, &w);
    json_key(&w, "key");
    json_string(&w, name);
    json_key(&w, "value");
    json_value(&w, v);
    json_key(&w, "is_new");
    json_bool(&w, is_new);
    return api_send(c, "xcom_put", &b, &w, &answer, ret_later, e);
}

static int put_stored(struct call *c, const struct api_run *r, const struct task *t,
                      const struct ti_key *key, const char *name, struct err *e)
{
    const char *json = NULL;
    struct xcom_row row;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_xcom(s, key, name, &c->arena, &row, e) : rc;
    rc = rc == 0 ? engine_read_xcom(c->thread->server->config.home, &row, &c->arena, &json, &n, e)
                 : rc;
    if (rc == 0) {
        json_object(&c->w);
        put_head(c, r, t, &row);
        json_key(&c->w, "value");
        json_raw(&c->w, json, n);
        json_object_end(&c->w);
    }
    return rc;
}

static int write_xcom(struct call *c, const char *name, const struct value *body, bool is_new,
                      struct err *e)
{
    const struct value *v = value_get(body, "value");
    const struct task *t;
    struct api_run r = {0};
    struct ti_key key;
    int32_t map;
    bool later = false;
    int rc;

    if (v == NULL) {
        return call_invalid(c, e, "value must be given");
    }
    rc = find_for_body(c, body, &r, &t, &map, e);
    if (rc != 0) {
        return rc;
    }
    key = (struct ti_key){r.run.run_key, t->index, map};
    rc = put_value(c, &key, name, v, is_new, &later, e);
    if (rc == -ERR_EXISTS) {
        return err_set(e, ERR_EXISTS,
                       "The XCom with key: `%s` with mentioned task instance already "
                       "exists.",
                       name);
    }
    if (rc == -ERR_NOTFOUND) {
        return err_set(e, ERR_NOTFOUND,
                       "The XCom with key: `%s` with mentioned task instance doesn't exist.", name);
    }
    rc = rc == 0 && !later ? api_load_run(c, &r, e) : rc;
    if (rc == 0 && !later) {
        c->status = is_new ? 201 : 0;
        rc = put_stored(c, &r, &r.dag->tasks[key.task], &key, name, e);
    }
    return rc;
}

int api_xcom_post(struct call *c, struct err *e)
{
    static const char *const members[] = {"key", "value", "map_index", NULL};
    const char *name = NULL;
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "key", &name, e) : rc;
    if (rc == 0 && (name == NULL || *name == '\0')) {
        return call_invalid(c, e, "key must be given");
    }
    return rc == 0 ? write_xcom(c, name, body, true, e) : rc;
}

int api_xcom_patch(struct call *c, struct err *e)
{
    static const char *const members[] = {"value", "map_index", NULL};
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    return rc == 0 ? write_xcom(c, call_param(c, "xcom_key"), body, false, e) : rc;
}
