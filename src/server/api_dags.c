/* /api/v2/dags: DAGs as they are stored now, their tasks, versions and sources. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/timing.h"
#include "runtime/loop.h"
#include "sched/due.h"
#include "server/api.h"

/* ---- facts of a DAG ---- */

static void put_owners(struct call *c, const struct dag *d)
{
    const char *owners[OWNERS_MAX];
    size_t n = dag_owners(d, owners, OWNERS_MAX);

    json_key(&c->w, "owners");
    json_array(&c->w);
    for (size_t i = 0; i < n; i++) {
        json_string(&c->w, owners[i]);
    }
    json_array_end(&c->w);
}

static void put_tags(struct call *c, const struct dag *d)
{
    json_key(&c->w, "tags");
    json_array(&c->w);
    for (uint32_t i = 0; i < d->tags_len; i++) {
        json_object(&c->w);
        put_text(c, "name", d->tags[i]);
        put_text(c, "dag_id", d->dag_id);
        put_text(c, "dag_display_name", d->display_name);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

/* What the clock does next; all null for a DAG that it does not start. */
static void put_next_run(struct call *c, const struct dag_row *row, const struct dag *d)
{
    struct due_run last = {0}, next = {0};
    struct timing *p = NULL;
    struct run_row run;
    struct store *s;
    bool has_last, found = false;

    if (server_store(c, &s, NULL) == 0 && timing_new(d, &p, NULL) == 0 && p != NULL) {
        has_last = s->ops->last_scheduled_run(s, row->dag_key, &c->arena, &run, NULL) == 0;
        if (has_last) {
            last = (struct due_run){run.dag_key, run.logical_date_us, run.data_interval_start_us,
                                    run.data_interval_end_us, run.run_after_us};
        }
        found = timing_next(p, d, has_last ? &last : NULL, loop_wall_us(loop_current()), &next) ==
                DUE_FOUND;
    }
    timing_free(p);
    put_time(c, "next_dagrun_logical_date", found ? next.logical_us : TIME_NONE);
    put_time(c, "next_dagrun_data_interval_start", found ? next.start_us : TIME_NONE);
    put_time(c, "next_dagrun_data_interval_end", found ? next.end_us : TIME_NONE);
    put_time(c, "next_dagrun_run_after", found ? next.run_after_us : TIME_NONE);
}

static bool has_task_caps(const struct dag *d)
{
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        if (d->tasks[i].max_active_tis_per_dag > 0 || d->tasks[i].max_active_tis_per_dagrun > 0) {
            return true;
        }
    }
    return false;
}

static void put_members(struct call *c, const struct dag_row *row, const struct dag *d)
{
    const char *slash = row->file != NULL ? strrchr(row->file, '/') : NULL;

    put_text(c, "dag_id", row->dag_id);
    put_text(c, "dag_display_name", d->display_name);
    put_bool(c, "is_paused", row->paused);
    put_bool(c, "is_stale", false);
    put_time(c, "last_parsed_time", row->updated_us);
    put_null(c, "last_parse_duration");
    put_null(c, "last_expired");
    put_text(c, "bundle_name", "dags-folder");
    put_null(c, "bundle_version");
    put_text(c, "relative_fileloc", slash != NULL ? slash + 1 : row->file);
    put_text(c, "fileloc", row->file != NULL ? row->file : "");
    put_text(c, "file_token", row->dag_id);
    put_text(c, "description", d->description);
    put_text(c, "timetable_summary", d->schedule);
    put_null(c, "timetable_description");
    put_bool(c, "timetable_partitioned", false);
    put_bool(c, "timetable_periodic", d->schedule != NULL);
    put_tags(c, d);
    put_int(c, "max_active_tasks", d->max_active_tasks);
    put_int(c, "max_active_runs", d->max_active_runs);
    put_int(c, "max_consecutive_failed_dag_runs", d->max_consecutive_failed_dag_runs);
    put_bool(c, "has_task_concurrency_limits", has_task_caps(d));
    put_bool(c, "has_import_errors", server_has_import_error(c, row->file));
    put_bool(c, "is_backfillable", d->schedule != NULL);
    put_null(c, "allowed_run_types");
    put_owners(c, d);
    put_next_run(c, row, d);
}

static void put_dag(struct call *c, const struct dag_row *row, const struct dag *d)
{
    json_object(&c->w);
    put_members(c, row, d);
    json_object_end(&c->w);
}

/* ---- the list: which (api_dag_list.c) ---- */

int api_dags(struct call *c, struct err *e)
{
    struct dag_row *rows;
    struct api_page p;
    size_t n;
    int rc = api_list_dags(c, false, &rows, &n, &p, e);

    if (rc != 0) {
        return rc;
    }
    api_list(c, "dags");
    for (size_t i = p.offset; rc == 0 && i < n && i - p.offset < p.limit; i++) {
        const struct dag *d;

        rc = server_dag(c, rows[i].version_key, &d, e);
        if (rc == 0) {
            put_dag(c, &rows[i], d);
        }
    }
    api_list_end(c, (int64_t)n);
    return rc;
}

int api_dag(struct call *c, struct err *e)
{
    struct dag_row row;
    const struct dag *d;
    int rc = api_find_dag(c, &row, e);

    server_know_import_errors(c);

    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    if (rc == 0) {
        put_dag(c, &row, d);
    }
    return rc;
}

/* ---- details ---- */

/* As Airflow writes a param: its value, and what is known of it. */
static void put_params(struct call *c, const struct dag *d)
{
    json_key(&c->w, "params");
    json_object(&c->w);
    for (uint32_t i = 0; i < d->params_len; i++) {
        const struct dag_param *p = &d->params[i];

        json_key(&c->w, p->name);
        json_object(&c->w);
        json_key(&c->w, "value");
        if (p->value != NULL) {
            json_value(&c->w, p->value);
        } else {
            json_null(&c->w);
        }
        json_key(&c->w, "schema");
        if (p->schema != NULL) {
            json_value(&c->w, p->schema);
        } else {
            json_object(&c->w);
            json_object_end(&c->w);
        }
        put_null(c, "description");
        json_object_end(&c->w);
    }
    json_object_end(&c->w);
}

static int put_details(struct call *c, const struct dag_row *row, const struct dag *d,
                       struct err *e)
{
    const struct value *args = d->document != NULL ? value_get(d->document, "default_args") : NULL;
    struct run_query q = {.dag_key = row->dag_key, .states = 1U << RUN_RUNNING | 1U << RUN_QUEUED};
    struct store *s;
    int64_t active = 0;
    int rc = server_store(c, &s, e);

    q.logical_date = q.run_after = q.start = q.end = (struct time_range){TIME_NONE, TIME_NONE};
    rc = rc == 0 ? s->ops->count_runs(s, &q, &active, e) : rc;
    if (rc != 0) {
        return rc;
    }
    put_bool(c, "catchup", d->catchup);
    put_int(c, "concurrency", d->max_active_tasks);
    if (d->dagrun_timeout_us > 0) {
        put_text(c, "dag_run_timeout",
                 arena_printf(&c->arena, "PT%gS", (double)d->dagrun_timeout_us / 1e6));
    } else {
        put_null(c, "dag_run_timeout");
    }
    put_null(c, "asset_expression");
    put_text(c, "doc_md", d->doc_md);
    put_time(c, "start_date", d->start_date_us);
    put_time(c, "end_date", d->end_date_us);
    put_bool(c, "is_paused_upon_creation", d->is_paused_upon_creation);
    put_bool(c, "render_template_as_native_obj", false);
    put_null(c, "template_search_path");
    put_text(c, "timezone", d->timezone != NULL ? d->timezone : "UTC");
    put_time(c, "last_parsed", row->updated_us);
    json_key(&c->w, "default_args");
    if (args != NULL) {
        json_value(&c->w, args);
    } else {
        json_null(&c->w);
    }
    put_null(c, "owner_links");
    put_bool(c, "is_favorite", api_is_favorite(c, row->dag_id));
    put_int(c, "active_runs_count", active);
    put_params(c, d);
    api_put_version(c, "latest_dag_version", row->dag_id, row->version_key);
    return 0;
}

int api_dag_details(struct call *c, struct err *e)
{
    struct dag_row row;
    const struct dag *d;
    int rc = api_find_dag(c, &row, e);

    server_know_import_errors(c);

    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    if (rc == 0) {
        json_object(&c->w);
        put_members(c, &row, d);
        rc = put_details(c, &row, d, e);
        json_object_end(&c->w);
    }
    return rc;
}

/* ---- pause ---- */

static int set_paused(struct call *c, const char *dag_id, bool paused, bool *ret_later,
                      struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, paused ? "pause" : "unpause");
    json_key(&w, "dag_id");
    json_string(&w, dag_id);
    return api_send(c, "command", &b, &w, &answer, ret_later, e);
}

static int paused_of(struct call *c, bool *ret, struct err *e)
{
    static const char *const members[] = {"is_paused", NULL};
    const struct value *v;
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    v = rc == 0 ? value_get(body, "is_paused") : NULL;
    if (rc == 0 && (v == NULL || v->kind != VALUE_BOOL)) {
        return call_invalid(c, e, "is_paused must be true or false");
    }
    *ret = v != NULL && v->boolean;
    return rc;
}

int api_dag_patch(struct call *c, struct err *e)
{
    struct dag_row row;
    bool paused = false, later = false;
    int rc = paused_of(c, &paused, e);

    rc = rc == 0 ? api_find_dag(c, &row, e) : rc;
    rc = rc == 0 ? set_paused(c, row.dag_id, paused, &later, e) : rc;
    return rc == 0 && !later ? api_dag(c, e) : rc;
}

/* All that the arguments ask for: dag_id_pattern must be there, ~ for all. */
int api_dags_patch(struct call *c, struct err *e)
{
    struct dag_row *rows;
    struct api_page p = {0};
    bool paused = false, later = false;
    size_t n = 0;
    int rc = paused_of(c, &paused, e);

    rc = rc == 0 ? api_list_dags(c, true, &rows, &n, &p, e) : rc;
    for (size_t i = p.offset; rc == 0 && !later && i < n && i - p.offset < p.limit; i++) {
        rc = set_paused(c, rows[i].dag_id, paused, &later, e);
    }
    return rc == 0 && !later ? api_dags(c, e) : rc;
}

/* ---- tags, stats, versions, source ---- */

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

int api_dag_tags(struct call *c, struct err *e)
{
    const char **tags = NULL;
    size_t n, len = 0, cap = 0, kept = 0;
    struct dag_row *rows;
    struct api_page p;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_get_dags(c, false, &rows, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct dag *d;

        rc = server_dag(c, rows[i].version_key, &d, e);
        for (uint32_t k = 0; rc == 0 && k < d->tags_len; k++) {
            const char *tag = arena_strdup(&c->arena, d->tags[k]);

            if (api_pattern(c, "tag_name", tag)) {
                rc = tag != NULL ? VEC_PUSH(tags, len, cap, tag) : -ERR_NOMEM;
            }
        }
    }
    if (len > 1) {
        qsort(tags, len, sizeof *tags, by_text);
    }
    for (size_t i = 0; i < len; i++) {
        if (i == 0 || strcmp(tags[i], tags[i - 1]) != 0) {
            tags[kept++] = tags[i];
        }
    }
    api_list(c, "tags");
    for (size_t i = p.offset; rc == 0 && i < kept && i - p.offset < p.limit; i++) {
        json_string(&c->w, tags[i]);
    }
    api_list_end(c, (int64_t)kept);
    mem_free(tags);
    return rc;
}

int api_dag_stats(struct call *c, struct err *e)
{
    struct dag_row *rows;
    struct store *s;
    size_t n = 0, total = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? api_get_dags(c, false, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "dags");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *id;
        size_t at = 0;
        bool asked = call_query(c, "dag_ids") == NULL;

        while (!asked && (id = call_query_next(c, "dag_ids", &at)) != NULL) {
            asked = strcmp(id, rows[i].dag_id) == 0;
        }
        if (!asked) {
            continue;
        }
        total++;
        json_object(&c->w);
        put_text(c, "dag_id", rows[i].dag_id);
        put_text(c, "dag_display_name", rows[i].dag_id);
        json_key(&c->w, "stats");
        json_array(&c->w);
        for (int k = 0; rc == 0 && k < RUN_STATE_MAX_; k++) {
            struct run_query q = {.dag_key = rows[i].dag_key, .states = 1U << k};
            int64_t count = 0;

            q.logical_date = q.run_after = q.start = q.end =
                (struct time_range){TIME_NONE, TIME_NONE};
            rc = s->ops->count_runs(s, &q, &count, e);
            json_object(&c->w);
            put_text(c, "state", run_state_to_string(k));
            put_int(c, "count", count);
            json_object_end(&c->w);
        }
        json_array_end(&c->w);
        json_object_end(&c->w);
    }
    api_list_end(c, (int64_t)total);
    return rc;
}

/* The version of the path's number, which counts from 1 in the order that they came. */
static int find_version(struct call *c, const char *text, const struct dag_row *row,
                        struct version_row *ret, int64_t *ret_number, struct err *e)
{
    struct version_row *all;
    struct store *s;
    size_t n = 0;
    long long number = text != NULL ? strtoll(text, NULL, 10) : 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_dag_versions(s, row->dag_key, &c->arena, &all, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (text == NULL ? all[i].version_key == row->version_key
                         : number == (long long)all[i].number) {
            *ret = all[i];
            *ret_number = all[i].number;
            return 0;
        }
    }
    return rc != 0
               ? rc
               : err_set(e, ERR_NOTFOUND,
                         "The DagVersion with dag_id: `%s` and version_number: `%s` was not found",
                         row->dag_id, text != NULL ? text : "");
}

int api_dag_versions(struct call *c, struct err *e)
{
    struct version_row *all;
    struct api_page p;
    struct dag_row row;
    struct store *s;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_find_dag(c, &row, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_dag_versions(s, row.dag_key, &c->arena, &all, &n, e) : rc;
    if (rc == 0) {
        api_list(c, "dag_versions");
        for (size_t i = p.offset; i < n && i - p.offset < p.limit; i++) {
            api_put_version(c, NULL, row.dag_id, all[i].version_key);
        }
        api_list_end(c, (int64_t)n);
    }
    return rc;
}

int api_dag_version(struct call *c, struct err *e)
{
    struct version_row v;
    struct dag_row row;
    int64_t number;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? find_version(c, call_param(c, "version_number"), &row, &v, &number, e) : rc;
    if (rc == 0) {
        api_put_version(c, NULL, row.dag_id, v.version_key);
    }
    return rc;
}

/* What the version was made from: the document, which is kept for each. Accept: text/plain gives it alone. */
int api_dag_source(struct call *c, struct err *e)
{
    const char *accept = call_header(c, "Accept");
    struct version_row v, full;
    struct dag_row row;
    struct store *s;
    int64_t number;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? find_version(c, call_query(c, "version_number"), &row, &v, &number, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_version(s, v.version_key, &c->arena, &full, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (accept != NULL && strstr(accept, "text/plain") != NULL) {
        c->content_type = "text/plain; charset=utf-8";
        return buf_append(&c->out, full.document, full.document_len);
    }
    json_object(&c->w);
    put_text(c, "dag_id", row.dag_id);
    put_text(c, "dag_display_name", row.dag_id);
    put_int(c, "version_number", number);
    json_key(&c->w, "content");
    json_string_n(&c->w, full.document, full.document_len);
    json_object_end(&c->w);
    return 0;
}

/* ---- tasks ---- */

static void put_delta(struct call *c, const char *name, int64_t us)
{
    json_key(&c->w, name);
    if (us <= 0) {
        json_null(&c->w);
        return;
    }
    json_object(&c->w);
    put_text(c, "__type", "TimeDelta");
    put_int(c, "days", us / (86400 * TIME_SECOND));
    put_int(c, "seconds", us / TIME_SECOND % 86400);
    put_int(c, "microseconds", us % TIME_SECOND);
    json_object_end(&c->w);
}

static void put_task(struct call *c, const struct dag *d, const struct task *t)
{
    json_object(&c->w);
    put_text(c, "task_id", t->task_id);
    put_text(c, "task_display_name", t->display_name);
    put_text(c, "owner", task_owner(t));
    put_time(c, "start_date", d->start_date_us);
    put_time(c, "end_date", d->end_date_us);
    put_text(c, "trigger_rule", trigger_rule_to_string(t->trigger_rule));
    put_bool(c, "depends_on_past", t->depends_on_past);
    put_bool(c, "wait_for_downstream", t->wait_for_downstream);
    put_int(c, "retries", t->retries);
    put_text(c, "queue", t->queue != NULL ? t->queue : "default");
    put_text(c, "pool", t->pool);
    put_int(c, "pool_slots", t->pool_slots);
    put_delta(c, "execution_timeout", t->execution_timeout_us);
    put_delta(c, "retry_delay", t->retry_delay_us);
    json_key(&c->w, "retry_exponential_backoff");
    json_double(&c->w, t->retry_multiplier);
    put_int(c, "priority_weight", t->priority_weight);
    put_text(c, "weight_rule", weight_rule_to_string(t->weight_rule));
    put_null(c, "ui_color");
    put_null(c, "ui_fgcolor");
    put_json(c, "template_fields", NULL, "[]");
    put_json(c, "extra_links", NULL, "[]");
    json_key(&c->w, "downstream_task_ids");
    json_array(&c->w);
    for (uint32_t k = d->down_off[t->index]; k < d->down_off[t->index + 1]; k++) {
        json_string(&c->w, d->tasks[d->down[k]].task_id);
    }
    json_array_end(&c->w);
    put_json(c, "params", NULL, "{}");
    put_text(c, "operator_name", t->operator_name);
    json_key(&c->w, "class_ref");
    json_object(&c->w);
    put_text(c, "class_name", t->operator_name);
    put_null(c, "module_path");
    json_object_end(&c->w);
    put_null(c, "doc_md");
    put_bool(c, "is_mapped", t->mapped);
    json_object_end(&c->w);
}

int api_tasks(struct call *c, struct err *e)
{
    struct dag_row row;
    const struct dag *d;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    if (rc == 0) {
        api_list(c, "tasks");
        for (uint32_t i = 0; i < d->tasks_len; i++) {
            put_task(c, d, &d->tasks[i]);
        }
        api_list_end(c, d->tasks_len);
    }
    return rc;
}

int api_task(struct call *c, struct err *e)
{
    const struct task *t;
    struct dag_row row;
    const struct dag *d;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    t = rc == 0 ? dag_task(d, call_param(c, "task_id")) : NULL;
    if (rc == 0 && t == NULL) {
        return err_set(e, ERR_NOTFOUND, "Task with id %s was not found", call_param(c, "task_id"));
    }
    if (rc == 0) {
        put_task(c, d, t);
    }
    return rc;
}
