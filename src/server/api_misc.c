/* Assets and their events; import errors, the audit trail, and what this program has none of. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"

/* ---- assets ---- */

static void put_asset(struct call *c, const struct asset_row *a)
{
    json_object(&c->w);
    put_int(c, "id", a->asset_key);
    put_text(c, "name", a->name);
    put_text(c, "uri", a->uri);
    put_text(c, "group", a->group);
    put_json(c, "extra", a->extra, "{}");
    put_time(c, "created_at", a->created_us);
    put_time(c, "updated_at", a->created_us);
    put_json(c, "scheduled_dags", NULL, "[]");
    put_json(c, "producing_tasks", NULL, "[]");
    put_json(c, "consuming_tasks", NULL, "[]");
    put_json(c, "aliases", NULL, "[]");
    put_json(c, "watchers", NULL, "[]");
    json_key(&c->w, "last_asset_event");
    json_object(&c->w);
    put_null(c, "id");
    put_time(c, "timestamp", a->last_event_us > 0 ? a->last_event_us : TIME_NONE);
    json_object_end(&c->w);
    json_object_end(&c->w);
}

int api_assets(struct call *c, struct err *e)
{
    struct asset_row *rows;
    struct api_page p;
    struct store *s;
    int64_t total = 0;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_assets(s, 0, 0, &c->arena, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "assets");
    for (size_t i = 0; i < n; i++) {
        if (!api_like(call_query(c, "name_pattern"), rows[i].name) ||
            !api_like(call_query(c, "uri_pattern"), rows[i].uri)) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            put_asset(c, &rows[i]);
        }
        total++;
    }
    api_list_end(c, total);
    return 0;
}

static int find_asset(struct call *c, int64_t key, struct asset_row *ret, struct err *e)
{
    struct asset_row *rows;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_assets(s, 0, 0, &c->arena, &rows, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].asset_key == key) {
            *ret = rows[i];
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND, "The Asset with ID: `%lld` was not found",
                             (long long)key);
}

int api_asset(struct call *c, struct err *e)
{
    struct asset_row a;
    int rc = find_asset(c, strtoll(call_param(c, "asset_id"), NULL, 10), &a, e);

    if (rc == 0) {
        put_asset(c, &a);
    }
    return rc;
}

static void put_event(struct call *c, const struct asset_event_row *r)
{
    json_object(&c->w);
    put_int(c, "id", r->event_key);
    put_int(c, "asset_id", r->asset_key);
    put_text(c, "uri", r->uri);
    put_text(c, "name", r->name);
    put_text(c, "group", r->group);
    put_json(c, "extra", r->extra, "{}");
    put_text(c, "source_dag_id", r->dag_id);
    put_text(c, "source_task_id", r->task_id);
    put_text(c, "source_run_id", r->run_id);
    put_int(c, "source_map_index", r->map_index);
    put_json(c, "created_dagruns", NULL, "[]");
    put_time(c, "timestamp", r->at_us);
    put_text(c, "partition_key", r->partition_key);
    json_object_end(&c->w);
}

int api_asset_events(struct call *c, struct err *e)
{
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
    rc = s->ops->count_asset_events(s, &q, &total, &newest, e);
    q.offset = p.offset;
    q.limit = p.limit;
    rc = rc == 0 && p.limit != 0 ? s->ops->get_asset_events(s, &q, &c->arena, &rows, &n, e) : rc;
    if (rc == 0) {
        api_list(c, "asset_events");
        for (size_t i = 0; i < n; i++) {
            put_event(c, &rows[i]);
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
    if (rc == 0 && n == 1) {
        put_event(c, &rows[0]);
    }
    return rc;
}

/* ---- import errors: of the scheduler that looks at the folder ---- */

static void put_import_error(struct call *c, const struct value *v)
{
    static const char *const texts[] = {"filename", "stack_trace"};
    int64_t us = TIME_NONE;

    json_object(&c->w);
    json_key(&c->w, "import_error_id");
    json_value(&c->w, value_get(v, "import_error_id"));
    (void)value_int(value_get(v, "timestamp_us"), 0, INT64_MAX, &us);
    put_time(c, "timestamp", us);
    put_text(c, "bundle_name", "dags-folder");
    for (size_t i = 0; i < 2; i++) {
        json_key(&c->w, texts[i]);
        json_value(&c->w, value_get(v, texts[i]));
    }
    json_object_end(&c->w);
}

int api_import_errors(struct call *c, struct err *e)
{
    struct value *all = NULL;
    struct api_page p;
    int64_t total = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? server_ask(c, "import_errors", NULL, &all, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "import_errors");
    for (size_t i = 0; all != NULL && i < all->len; i++) {
        const struct value *name = value_get(all->elems[i], "filename");

        if (name == NULL || !api_like(call_query(c, "filename_pattern"), name->text)) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            put_import_error(c, all->elems[i]);
        }
        total++;
    }
    api_list_end(c, total);
    return 0;
}

int api_import_error(struct call *c, struct err *e)
{
    const char *id = call_param(c, "import_error_id");
    struct value *all = NULL;
    int rc = server_ask(c, "import_errors", NULL, &all, e);

    for (size_t i = 0; rc == 0 && all != NULL && i < all->len; i++) {
        const struct value *v = value_get(all->elems[i], "import_error_id");

        if (v != NULL && strcmp(v->text, id) == 0) {
            put_import_error(c, all->elems[i]);
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND,
                             "The ImportError with import_error_id: `%s` was not found", id);
}

/* ---- the audit trail ---- */

static void put_audit(struct call *c, const struct audit_row *r)
{
    json_object(&c->w);
    put_int(c, "event_log_id", r->audit_key);
    put_time(c, "when", r->at_us);
    put_null(c, "dag_id");
    put_null(c, "task_id");
    put_null(c, "run_id");
    put_null(c, "map_index");
    put_null(c, "try_number");
    put_text(c, "event", r->action != NULL ? r->action : "");
    put_null(c, "logical_date");
    put_text(c, "owner", r->actor);
    put_text(c, "extra", r->after);
    put_text(c, "subject", r->subject);
    put_json(c, "before", r->before, "null");
    put_json(c, "after", r->after, "null");
    put_null(c, "dag_display_name");
    put_null(c, "task_display_name");
    json_object_end(&c->w);
}

/* Newest first. */
int api_event_logs(struct call *c, struct err *e)
{
    struct audit_row *rows;
    struct api_page p;
    struct store *s;
    int64_t total = 0;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_audits(s, 0, p.offset, p.limit != 0 ? p.limit : 1, &c->arena, &rows,
                                      &n, &total, e)
                 : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "event_logs");
    for (size_t i = 0; i < n && i < p.limit; i++) {
        put_audit(c, &rows[i]);
    }
    api_list_end(c, total);
    return 0;
}

int api_event_log(struct call *c, struct err *e)
{
    int64_t key = strtoll(call_param(c, "event_log_id"), NULL, 10);
    struct audit_row *rows;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 && key > 0 && key < INT64_MAX
             ? s->ops->get_audits(s, key + 1, 0, 1, &c->arena, &rows, &n, NULL, e)
             : rc;
    if (rc != 0) {
        return rc;
    }
    if (n != 1 || rows[0].audit_key != key) {
        return err_set(e, ERR_NOTFOUND, "The Event Log with id: `%s` not found",
                       call_param(c, "event_log_id"));
    }
    put_audit(c, &rows[0]);
    return 0;
}

/* ---- what there is none of here: no providers are installed, no plugins of Airflow's loaded, nothing is warned of ---- */

static int put_none(struct call *c, const char *name, struct err *e)
{
    (void)e;
    api_list(c, name);
    api_list_end(c, 0);
    return 0;
}

int api_providers(struct call *c, struct err *e)
{
    return put_none(c, "providers", e);
}

int api_plugins(struct call *c, struct err *e)
{
    return put_none(c, "plugins", e);
}

int api_plugin_errors(struct call *c, struct err *e)
{
    return put_none(c, "import_errors", e);
}

int api_dag_warnings(struct call *c, struct err *e)
{
    return put_none(c, "dag_warnings", e);
}

int api_asset_aliases(struct call *c, struct err *e)
{
    return put_none(c, "asset_aliases", e);
}

/* The processes that work: the scheduler, if it answers. */
int api_jobs(struct call *c, struct err *e)
{
    const struct value *stats = NULL, *pid;
    int64_t id = 0, us = TIME_NONE;
    bool alive = server_stats(c, &stats, NULL) == 0 && stats != NULL;
    const struct value *started = alive ? value_get(stats, "started") : NULL;

    (void)e;
    api_list(c, "jobs");
    pid = alive ? value_get(stats, "pid") : NULL;
    if (alive) {
        (void)value_int(pid, 0, INT64_MAX, &id);
        if (started != NULL && started->kind == VALUE_STRING) {
            (void)time_parse(started->text, started->len, &us);
        }
        json_object(&c->w);
        put_int(c, "id", id);
        put_null(c, "dag_id");
        put_text(c, "state", "running");
        put_text(c, "job_type", "SchedulerJob");
        put_time(c, "start_date", us);
        put_null(c, "end_date");
        put_null(c, "latest_heartbeat");
        put_text(c, "executor_class", "LocalExecutor");
        put_text(c, "hostname", "localhost");
        put_null(c, "unixname");
        put_null(c, "dag_display_name");
        json_object_end(&c->w);
    }
    api_list_end(c, alive);
    return 0;
}
