/* Assets: what the store has of them, where DAGs name them, their events, and what waits for runs. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"
#include "server/api_trigger.h"
#include "server/asset_refs.h"

/* ---- assets ---- */

static void put_refs(struct call *c, const char *name, const struct asset_ref *refs, size_t n,
                     size_t asset, enum asset_role role)
{
    json_key(&c->w, name);
    json_array(&c->w);
    for (size_t i = 0; i < n; i++) {
        if (refs[i].asset != asset || refs[i].role != role) {
            continue;
        }
        json_object(&c->w);
        put_text(c, "dag_id", refs[i].dag_id);
        if (role != ASSET_STARTS) {
            put_text(c, "task_id", refs[i].task_id);
        }
        put_time(c, "created_at", refs[i].at_us);
        put_time(c, "updated_at", refs[i].at_us);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

static void put_asset(struct call *c, const struct asset_row *a, const struct asset_ref *refs,
                      size_t n, size_t index)
{
    json_object(&c->w);
    put_int(c, "id", a->asset_key);
    put_text(c, "name", a->name);
    put_text(c, "uri", a->uri);
    put_text(c, "group", a->group);
    api_put_masked(c, "extra", a->extra, "{}");
    put_time(c, "created_at", a->created_us);
    put_time(c, "updated_at", a->created_us);
    put_refs(c, "scheduled_dags", refs, n, index, ASSET_STARTS);
    put_refs(c, "producing_tasks", refs, n, index, ASSET_MADE);
    put_refs(c, "consuming_tasks", refs, n, index, ASSET_USED);
    put_json(c, "aliases", NULL, "[]");
    put_json(c, "watchers", NULL, "[]");
    json_key(&c->w, "last_asset_event");
    json_object(&c->w);
    put_null(c, "id");
    put_time(c, "timestamp", a->last_event_us > 0 ? a->last_event_us : TIME_NONE);
    json_object_end(&c->w);
    json_object_end(&c->w);
}

/* dag_ids: those that one of these DAGs names. Who is limited to some DAGs sees those that one of these names. */
static int keep_named(struct call *c, struct asset_row *rows, size_t *n, struct err *e)
{
    struct asset_ref *refs;
    size_t len = 0, kept = 0;
    int rc;

    if (access_sees_all(c) && call_query(c, "dag_ids") == NULL) {
        return 0;
    }
    rc = api_asset_refs(c, rows, *n, &refs, &len, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < *n; i++) {
        bool named = false;

        for (size_t k = 0; k < len; k++) {
            named = named || (refs[k].asset == i && api_any_of(c, "dag_ids", refs[k].dag_id));
        }
        if (named) {
            rows[kept++] = rows[i];
        }
    }
    *n = kept;
    return 0;
}

static int by_key(const void *x, const void *y)
{
    const struct asset_row *a = x, *b = y;

    return (a->asset_key > b->asset_key) - (a->asset_key < b->asset_key);
}

static int by_uri(const void *x, const void *y)
{
    return strcmp(((const struct asset_row *)x)->uri, ((const struct asset_row *)y)->uri);
}

static int by_created(const void *x, const void *y)
{
    const struct asset_row *a = x, *b = y;

    return a->created_us != b->created_us ? (a->created_us > b->created_us ? 1 : -1) : by_key(x, y);
}

int api_assets(struct call *c, struct err *e)
{
    static const char *const orders[] = {"id", "name", "uri", "created_at", "updated_at", NULL};
    static int (*const compare[])(const void *, const void *) = {by_key, NULL, by_uri, by_created,
                                                                 by_created};
    struct asset_row *rows;
    struct asset_ref *refs = NULL;
    struct api_page p;
    struct store *s;
    size_t n = 0, kept = 0, order, len = 0, from, shown;
    bool down;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_order(c, orders, 1, false, &order, &down, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_assets(s, 0, 0, &c->arena, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        if (api_pattern(c, "name", rows[i].name) && api_pattern(c, "uri", rows[i].uri)) {
            rows[kept++] = rows[i];
        }
    }
    rc = keep_named(c, rows, &kept, e);
    if (rc == 0 && compare[order] != NULL && kept > 1) {
        qsort(rows, kept, sizeof *rows, compare[order]);
    }
    for (size_t i = 0; rc == 0 && down && i < kept / 2; i++) {
        struct asset_row row = rows[i];

        rows[i] = rows[kept - 1 - i];
        rows[kept - 1 - i] = row;
    }
    from = p.offset < kept ? p.offset : kept;
    shown = p.limit < kept - from ? p.limit : kept - from;
    rc = rc == 0 ? api_asset_refs(c, kept != 0 ? rows + from : NULL, shown, &refs, &len, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "assets");
    for (size_t i = 0; i < shown; i++) {
        put_asset(c, &rows[from + i], refs, len, i);
    }
    api_list_end(c, (int64_t)kept);
    return 0;
}

static int find_asset(struct call *c, int64_t key, struct asset_row *ret, struct err *e)
{
    struct asset_row *rows;
    struct asset_ref *refs;
    struct store *s;
    size_t n = 0, len = 0;
    bool found = false;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_assets(s, 0, 0, &c->arena, &rows, &n, e) : rc;
    for (size_t i = 0; rc == 0 && !found && i < n; i++) {
        found = rows[i].asset_key == key;
        *ret = rows[i];
    }
    if (rc == 0 && found && !access_sees_all(c)) {
        rc = api_asset_refs(c, ret, 1, &refs, &len, e);
        found = len != 0;
    }
    return rc != 0 || found ? rc
                            : err_set(e, ERR_NOTFOUND, "The Asset with ID: `%lld` was not found",
                                      (long long)key);
}

static int find_asked(struct call *c, struct asset_row *ret, struct err *e)
{
    char *end;
    const char *text = call_param(c, "asset_id");
    long long key = strtoll(text, &end, 10);

    return *text == '\0' || *end != '\0' ? call_invalid(c, e, "asset_id must be an integer")
                                         : find_asset(c, key, ret, e);
}

int api_asset(struct call *c, struct err *e)
{
    struct asset_ref *refs;
    struct asset_row a;
    size_t n = 0;
    int rc = find_asked(c, &a, e);

    rc = rc == 0 ? api_asset_refs(c, &a, 1, &refs, &n, e) : rc;
    if (rc == 0) {
        put_asset(c, &a, refs, n, 0);
    }
    return rc;
}

/* ---- aliases ---- */

static void put_alias(struct call *c, const struct asset_alias_ref *a)
{
    json_object(&c->w);
    put_int(c, "id", a->id);
    put_text(c, "name", a->name);
    put_text(c, "group", a->group);
    json_object_end(&c->w);
}

int api_asset_aliases(struct call *c, struct err *e)
{
    static const char *const orders[] = {"id", "name", NULL};
    struct asset_alias_ref *all;
    struct api_page p;
    int64_t total = 0;
    size_t n = 0, order;
    bool down;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_order(c, orders, 1, false, &order, &down, e) : rc;
    rc = rc == 0 ? api_asset_alias_refs(c, &all, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "asset_aliases");
    for (size_t i = 0; i < n; i++) {
        const struct asset_alias_ref *a = &all[down ? n - 1 - i : i];

        if (api_pattern(c, "name", a->name)) {
            if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
                put_alias(c, a);
            }
            total++;
        }
    }
    api_list_end(c, total);
    return 0;
}

int api_asset_alias(struct call *c, struct err *e)
{
    long long id = strtoll(call_param(c, "asset_alias_id"), NULL, 10);
    struct asset_alias_ref *all;
    size_t n = 0;
    int rc = api_asset_alias_refs(c, &all, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (all[i].id == id) {
            put_alias(c, &all[i]);
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND, "The asset alias with ID: `%lld` was not found", id);
}

/* ---- events ---- */

/* Where it came from is told of DAGs that who asks may see. */
static void put_event(struct call *c, const struct asset_event_row *r, const struct api_visible *v)
{
    bool from = api_sees_id(v, r->dag_id);

    json_object(&c->w);
    put_int(c, "id", r->event_key);
    put_int(c, "asset_id", r->asset_key);
    put_text(c, "uri", r->uri);
    put_text(c, "name", r->name);
    put_text(c, "group", r->group);
    api_put_masked(c, "extra", r->extra, "{}");
    put_text(c, "source_dag_id", from ? r->dag_id : NULL);
    put_text(c, "source_task_id", from ? r->task_id : NULL);
    put_text(c, "source_run_id", from ? r->run_id : NULL);
    put_int(c, "source_map_index", from ? r->map_index : -1);
    put_json(c, "created_dagruns", NULL, "[]");
    put_time(c, "timestamp", r->at_us);
    put_text(c, "partition_key", r->partition_key);
    json_object_end(&c->w);
}

/* The events of assets that who is limited may see: *q is of these. */
static int limit_events(struct call *c, struct asset_event_query *q, struct err *e)
{
    struct asset_row *rows;
    int64_t *keys;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    if (rc != 0 || access_sees_all(c)) {
        return rc;
    }
    rc = s->ops->get_assets(s, 0, 0, &c->arena, &rows, &n, e);
    rc = rc == 0 ? keep_named(c, rows, &n, e) : rc;
    keys = arena_array(&c->arena, n + 1, sizeof *keys);
    if (rc == 0 && keys == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for assets");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        keys[i] = rows[i].asset_key;
    }
    q->asset_keys = keys;
    q->asset_keys_len = n;
    return rc;
}

int api_asset_events(struct call *c, struct err *e)
{
    struct api_visible v;
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    static const char *const orders[] = {"timestamp", "id", NULL};
    struct asset_event_row *rows;
    struct time_range at;
    struct api_page p;
    struct store *s;
    int64_t total = 0, newest = 0;
    size_t order, n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_order(c, orders, 0, false, &order, &q.newest_first, e) : rc;
    rc = rc == 0 ? api_range(c, "timestamp", &at, e) : rc;
    rc = rc == 0 ? call_query_int(c, "asset_id", 1, INT64_MAX, 0, &q.asset_key, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc != 0) {
        c->status = rc == -ERR_INVALID ? 422 : c->status;
        return rc;
    }
    q.from_us = at.from_us;
    q.to_us = at.to_us;
    rc = api_visible(c, &v, e);
    rc = rc == 0 ? limit_events(c, &q, e) : rc;
    rc = rc == 0 ? s->ops->count_asset_events(s, &q, &total, &newest, e) : rc;
    q.offset = p.offset;
    q.limit = p.limit;
    rc = rc == 0 && p.limit != 0 ? s->ops->get_asset_events(s, &q, &c->arena, &rows, &n, e) : rc;
    if (rc == 0) {
        api_list(c, "asset_events");
        for (size_t i = 0; i < n; i++) {
            put_event(c, &rows[i], &v);
        }
        api_list_end(c, total);
    }
    return rc;
}

int api_asset_event_post(struct call *c, struct err *e)
{
    static const char *const members[] = {"asset_id", "extra", "partition_key", "access_control",
                                          NULL};
    struct asset_event_query q = {
        .from_us = TIME_NONE, .to_us = TIME_NONE, .newest_first = true, .limit = 1};
    const struct value *extra, *id;
    const char *partition = NULL;
    struct api_visible v;
    struct asset_event_row *rows;
    struct asset_row a;
    struct value *body, *answer;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct store *s;
    bool later = false;
    int64_t key = 0;
    size_t n = 0;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "partition_key", &partition, e) : rc;
    api_command(c, &b, &w);
    if (rc != 0) {
        return rc;
    }
    id = value_get(body, "asset_id");
    extra = value_get(body, "extra");
    if (id == NULL || value_int(id, 1, INT64_MAX, &key) != 0) {
        return call_invalid(c, e, "asset_id must be an integer");
    }
    if (extra != NULL && extra->kind != VALUE_OBJECT && extra->kind != VALUE_NULL) {
        return call_invalid(c, e, "extra must be an object");
    }
    rc = find_asset(c, key, &a, e);
    if (rc != 0) {
        return rc;
    }
    json_key(&w, "name");
    json_string(&w, a.name);
    json_key(&w, "uri");
    json_string(&w, a.uri);
    if (partition != NULL) {
        json_key(&w, "partition_key");
        json_string(&w, partition);
    }
    if (extra != NULL && extra->kind == VALUE_OBJECT) {
        json_key(&w, "extra");
        json_value(&w, extra);
    }
    rc = api_send(c, "asset_event_report", &b, &w, &answer, &later, e);
    if (rc != 0 || later) {
        return rc;
    }
    q.asset_key = key;
    rc = server_store(c, &s, e);
    rc = rc == 0 ? s->ops->get_asset_events(s, &q, &c->arena, &rows, &n, e) : rc;
    rc = rc == 0 ? api_visible(c, &v, e) : rc;
    if (rc == 0 && n == 1) {
        put_event(c, &rows[0], &v);
    }
    return rc;
}

/* What a run consumed. */
int api_upstream_events(struct call *c, struct err *e)
{
    struct asset_event_row *rows;
    struct api_visible v;
    struct run_row run;
    struct dag_row row;
    struct store *s;
    size_t n = 0;
    int rc = api_find_run(c, &row, &run, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_run_events(s, run.run_key, 0, 0, &c->arena, &rows, &n, e) : rc;
    rc = rc == 0 ? api_visible(c, &v, e) : rc;
    if (rc == 0) {
        api_list(c, "asset_events");
        for (size_t i = 0; i < n; i++) {
            put_event(c, &rows[i], &v);
        }
        api_list_end(c, (int64_t)n);
    }
    return rc;
}

/* ---- what waits for runs ---- */

struct waiting {
    const char *dag_id;
    int64_t asset_key, first_us;
};

/* Of a DAG an entry for each asset of which events wait, whatever their partition. */
static int waiting_of(struct call *c, int64_t dag_key, const char *dag_id, struct waiting **ret,
                      size_t *ret_len, struct err *e)
{
    struct asset_queue_shape *shapes;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    *ret_len = 0;
    rc = rc == 0 ? s->ops->get_asset_queue(s, dag_key, &c->arena, &shapes, &n, e) : rc;
    *ret = rc == 0 ? arena_array(&c->arena, n + 1, sizeof **ret) : NULL;
    if (rc == 0 && *ret == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for asset events");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t k = 0;

        while (k < *ret_len && (*ret)[k].asset_key != shapes[i].asset_key) {
            k++;
        }
        if (k == *ret_len) {
            (*ret)[(*ret_len)++] =
                (struct waiting){dag_id, shapes[i].asset_key, shapes[i].first_us};
        }
        (*ret)[k].first_us =
            shapes[i].first_us < (*ret)[k].first_us ? shapes[i].first_us : (*ret)[k].first_us;
    }
    return rc;
}

/* asset_key 0: of all assets. before: only what came before it. How many were put. */
static int64_t put_waiting(struct call *c, const struct waiting *w, size_t n, int64_t asset_key,
                           int64_t before_us)
{
    int64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        if ((asset_key != 0 && w[i].asset_key != asset_key) ||
            (before_us != TIME_NONE && w[i].first_us >= before_us)) {
            continue;
        }
        json_object(&c->w);
        put_text(c, "dag_id", w[i].dag_id);
        put_text(c, "dag_display_name", w[i].dag_id);
        put_int(c, "asset_id", w[i].asset_key);
        put_time(c, "created_at", w[i].first_us);
        json_object_end(&c->w);
        total++;
    }
    return total;
}

static int before_of(struct call *c, int64_t *ret, struct err *e)
{
    int rc = call_query_time(c, "before", ret, e);

    c->status = rc != 0 ? 422 : c->status;
    return rc;
}

int api_dag_queued_events(struct call *c, struct err *e)
{
    struct waiting *w;
    struct dag_row row;
    int64_t before, total;
    size_t n = 0;
    int rc = before_of(c, &before, e);

    rc = rc == 0 ? api_find_dag(c, &row, e) : rc;
    rc = rc == 0 ? waiting_of(c, row.dag_key, row.dag_id, &w, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "queued_events");
    total = put_waiting(c, w, n, 0, before);
    if (total == 0) {
        return err_set(e, ERR_NOTFOUND, "Queue event with dag_id: `%s` was not found", row.dag_id);
    }
    api_list_end(c, total);
    return 0;
}

int api_dag_queued_event(struct call *c, struct err *e)
{
    struct waiting *w;
    struct asset_row a;
    struct dag_row row;
    int64_t before;
    size_t n = 0;
    int rc = before_of(c, &before, e);

    rc = rc == 0 ? api_find_dag(c, &row, e) : rc;
    rc = rc == 0 ? find_asked(c, &a, e) : rc;
    rc = rc == 0 ? waiting_of(c, row.dag_key, row.dag_id, &w, &n, e) : rc;
    return rc == 0 && put_waiting(c, w, n, a.asset_key, before) == 0
               ? err_set(e, ERR_NOTFOUND,
                         "Queued event with dag_id: `%s` and asset_id: `%lld` was not found",
                         row.dag_id, (long long)a.asset_key)
               : rc;
}

int api_asset_queued_events(struct call *c, struct err *e)
{
    struct asset_consumer_row *all;
    struct api_visible v;
    struct asset_row a;
    struct store *s;
    int64_t before, total = 0;
    size_t n = 0;
    int rc = before_of(c, &before, e);

    rc = rc == 0 ? find_asked(c, &a, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_asset_consumers(s, &c->arena, &all, &n, e) : rc;
    rc = rc == 0 ? api_visible(c, &v, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "queued_events");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct waiting *w;
        size_t len;

        if (!api_sees_id(&v, all[i].dag_id)) {
            continue;
        }
        rc = waiting_of(c, all[i].dag_key, all[i].dag_id, &w, &len, e);
        total += rc == 0 ? put_waiting(c, w, len, a.asset_key, before) : 0;
    }
    if (rc == 0 && total == 0) {
        return err_set(e, ERR_NOTFOUND, "Queue event with asset_id: `%lld` was not found",
                       (long long)a.asset_key);
    }
    api_list_end(c, total);
    return rc;
}

/* Events of an asset (0: all), for a DAG (0: for all that it waits for), wait no more. */
static int drop_waiting(struct call *c, int64_t dag_key, int64_t asset_key, const char *missing,
                        struct err *e)
{
    const struct value *n;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer = NULL;
    int64_t before, dropped = 0;
    bool later = false;
    int rc = before_of(c, &before, e);

    if (rc != 0) {
        return rc;
    }
    api_command(c, &b, &w);
    json_key(&w, "dag_key");
    json_int(&w, dag_key);
    json_key(&w, "asset_key");
    json_int(&w, asset_key);
    if (before != TIME_NONE) {
        json_key(&w, "before_us");
        json_int(&w, before);
    }
    rc = api_send(c, "asset_queue_drop", &b, &w, &answer, &later, e);
    n = rc == 0 && !later && answer != NULL ? value_get(answer, "dropped") : NULL;
    if (n != NULL && value_int(n, 0, INT64_MAX, &dropped) == 0 && dropped == 0) {
        return err_set(e, ERR_NOTFOUND, "%s", missing);
    }
    if (rc == 0 && !later) {
        c->status = 204;
    }
    return rc;
}

int api_dag_queued_events_delete(struct call *c, struct err *e)
{
    struct dag_row row;
    int rc = api_find_dag(c, &row, e);

    return rc == 0
               ? drop_waiting(c, row.dag_key, 0,
                              arena_printf(&c->arena, "Queue event with dag_id: `%s` was not found",
                                           row.dag_id),
                              e)
               : rc;
}

int api_dag_queued_event_delete(struct call *c, struct err *e)
{
    struct asset_row a;
    struct dag_row row;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? find_asked(c, &a, e) : rc;
    return rc == 0 ? drop_waiting(
                         c, row.dag_key, a.asset_key,
                         arena_printf(
                             &c->arena,
                             "Queued event with dag_id: `%s` and asset_id: `%lld` was not found",
                             row.dag_id, (long long)a.asset_key),
                         e)
                   : rc;
}

int api_asset_queued_events_delete(struct call *c, struct err *e)
{
    struct asset_row a;
    int rc = find_asked(c, &a, e);

    return rc == 0 ? drop_waiting(c, 0, a.asset_key,
                                  arena_printf(&c->arena,
                                               "Queue event with asset_id: `%lld` was not found",
                                               (long long)a.asset_key),
                                  e)
                   : rc;
}

/* ---- a run of the DAG that makes it ---- */

int api_asset_materialize(struct call *c, struct err *e)
{
    const char *dag_id = NULL;
    struct asset_ref *refs;
    struct asset_row a;
    size_t n = 0;
    int rc = find_asked(c, &a, e);

    rc = rc == 0 ? api_asset_refs(c, &a, 1, &refs, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (refs[i].role != ASSET_MADE || (dag_id != NULL && strcmp(dag_id, refs[i].dag_id) == 0)) {
            continue;
        }
        if (dag_id != NULL) {
            return err_set(e, ERR_INVALID, "More than one DAG materializes asset with ID: %lld",
                           (long long)a.asset_key);
        }
        dag_id = refs[i].dag_id;
    }
    if (rc == 0 && dag_id == NULL) {
        return err_set(e, ERR_NOTFOUND, "No DAG materializes asset with ID: %lld",
                       (long long)a.asset_key);
    }
    return rc == 0 ? api_trigger(c, dag_id, "asset_materialization", e) : rc;
}
