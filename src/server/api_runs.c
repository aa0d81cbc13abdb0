/* /api/v2/dags/{dag_id}/dagRuns: lists, triggers, changes of state, clears. */
#include <stdio.h>
#include <string.h>

#include "runtime/loop.h"
#include "server/api.h"

#define WAIT_POLL_US (TIME_SECOND / 2)

/* ---- lists ---- */

static const char *const orders[] = {"id",    "run_after", "logical_date", "start_date", "end_date",
                                     "state", "run_id",    "dag_run_id",   NULL};
static const enum run_order order_of[] = {RUN_BY_KEY,    RUN_BY_RUN_AFTER, RUN_BY_LOGICAL_DATE,
                                          RUN_BY_START,  RUN_BY_END,       RUN_BY_STATE,
                                          RUN_BY_RUN_ID, RUN_BY_RUN_ID};

static int types_of(struct call *c, unsigned *ret, struct err *e)
{
    const char *word;
    size_t at = 0;

    *ret = 0;
    while ((word = call_query_next(c, "run_type", &at)) != NULL) {
        int t = run_type_from_string(word);

        if (t < 0) {
            return call_invalid(c, e, "Invalid value for run_type: '%.100s'", word);
        }
        *ret |= 1U << t;
    }
    return 0;
}

/* The pattern of the arguments without its wildcards at the ends: a part of the id. */
static const char *part_of(struct call *c)
{
    const char *p = call_query(c, "run_id_pattern");
    size_t n;

    if (p == NULL || strcmp(p, "~") == 0) {
        return NULL;
    }
    p += strspn(p, "%");
    n = strlen(p);
    while (n > 0 && p[n - 1] == '%') {
        n--;
    }
    return n > 0 ? arena_strndup(&c->arena, p, n) : NULL;
}

static int read_query(struct call *c, struct run_query *q, struct err *e)
{
    size_t order;
    int rc = api_order(c, orders, 0, false, &order, &q->descending, e);

    q->order = rc == 0 ? order_of[order] : RUN_BY_KEY;
    q->run_id_part = part_of(c);
    rc = rc == 0 ? api_run_states(c, "state", &q->states, e) : rc;
    rc = rc == 0 ? types_of(c, &q->types, e) : rc;
    rc = rc == 0 ? api_range(c, "logical_date", &q->logical_date, e) : rc;
    rc = rc == 0 ? api_range(c, "run_after", &q->run_after, e) : rc;
    rc = rc == 0 ? api_range(c, "start_date", &q->start, e) : rc;
    return rc == 0 ? api_range(c, "end_date", &q->end, e) : rc;
}

static int put_runs(struct call *c, const struct run_query *q, struct err *e)
{
    struct run_row *rows = NULL;
    struct store *s;
    int64_t total = 0;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->count_runs(s, q, &total, e) : rc;
    rc = rc == 0 && q->limit != 0 ? s->ops->query_runs(s, q, &c->arena, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "dag_runs");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct dag *d;

        rc = server_dag(c, rows[i].version_key, &d, e);
        if (rc == 0) {
            api_put_run(c, NULL, d, &rows[i]);
        }
    }
    api_list_end(c, total);
    return rc;
}

int api_dag_runs(struct call *c, struct err *e)
{
    struct run_query q = {0};
    struct dag_row row;
    struct api_page p;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? read_query(c, &q, e) : rc;
    if (rc == 0 && strcmp(call_param(c, "dag_id"), "~") != 0) { /* ~: of all DAGs */
        rc = api_find_dag(c, &row, e);
        q.dag_key = rc == 0 ? row.dag_key : 0;
    }
    q.limit = p.limit;
    q.offset = p.offset;
    return rc == 0 ? put_runs(c, &q, e) : rc;
}

int api_dag_run(struct call *c, struct err *e)
{
    struct run_row run;
    struct dag_row row;
    const struct dag *d;
    int rc = api_find_run(c, &row, &run, e);

    rc = rc == 0 ? server_dag(c, run.version_key, &d, e) : rc;
    if (rc == 0) {
        api_put_run(c, NULL, d, &run);
    }
    return rc;
}

/* ---- trigger ---- */

static int check_trigger(struct call *c, const struct value *body, const char **ret_run_id,
                         const char **ret_date, struct err *e)
{
    static const char *const members[] = {
        "dag_run_id",          "logical_date",      "conf",          "note", "run_after",
        "data_interval_start", "data_interval_end", "partition_key", NULL};
    static const char *const not_yet[] = {"note", "run_after", "data_interval_start",
                                          "data_interval_end", "partition_key"};
    const struct value *conf = value_get(body, "conf");
    int64_t t;
    int rc = body_only(c, body, members, e);

    rc = rc == 0 ? body_text(c, body, "dag_run_id", ret_run_id, e) : rc;
    rc = rc == 0 ? body_text(c, body, "logical_date", ret_date, e) : rc;
    if (rc == 0 && *ret_date != NULL && time_parse(*ret_date, strlen(*ret_date), &t) != 0) {
        return call_invalid(c, e, "logical_date must be a time such as 2026-01-31T12:00:00Z");
    }
    if (rc == 0 && conf != NULL && conf->kind != VALUE_OBJECT && conf->kind != VALUE_NULL) {
        return call_invalid(c, e, "conf must be an object");
    }
    for (size_t i = 0; rc == 0 && i < sizeof not_yet / sizeof not_yet[0]; i++) {
        const struct value *v = value_get(body, not_yet[i]);

        if (v != NULL && v->kind != VALUE_NULL) {
            return call_invalid(c, e, "%s cannot be given for a run yet", not_yet[i]);
        }
    }
    return rc;
}

static void write_trigger(struct call *c, struct json_writer *w, const struct value *body,
                          const char *run_id, const char *date)
{
    const char *key = call_header(c, "Idempotency-Key");
    const struct value *conf = value_get(body, "conf");

    json_key(w, "dag_id");
    json_string(w, call_param(c, "dag_id"));
    if (run_id != NULL) {
        json_key(w, "run_id");
        json_string(w, run_id);
    }
    if (date != NULL) {
        json_key(w, "logical_date");
        json_string(w, date);
    }
    if (conf != NULL && conf->kind == VALUE_OBJECT) {
        json_key(w, "conf");
        json_value(w, conf);
    }
    if (key != NULL && strlen(key) <= 200) {
        json_key(w, "key");
        json_string(w, arena_printf(&c->arena, "api:%s", key));
    }
}

int api_dag_run_post(struct call *c, struct err *e)
{
    const char *run_id, *date;
    const struct value *v;
    struct value *body, *answer = NULL;
    struct run_row run;
    struct dag_row row;
    const struct dag *d;
    struct store *s;
    int64_t key = 0;
    bool later = false;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? check_trigger(c, body, &run_id, &date, e) : rc;
    rc = rc == 0 ? api_find_dag(c, &row, e) : rc;
    api_command(c, &b, &w);
    if (rc == 0) {
        write_trigger(c, &w, body, run_id, date);
        rc = api_send(c, "run_create", &b, &w, &answer, &later, e);
    }
    if (rc == -ERR_INVALID) {
        return call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text));
    }
    if (rc == -ERR_EXISTS) {
        return err_set(e, ERR_EXISTS,
                       "The DagRun with dag_id: `%s` and dag_run_id: `%s` already exists",
                       row.dag_id, run_id != NULL ? run_id : "");
    }
    if (rc != 0 || later) {
        return rc;
    }
    v = answer != NULL ? value_get(answer, "run_key") : NULL;
    rc = v != NULL ? value_int(v, 1, INT64_MAX, &key) : -ERR_PROTOCOL;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_run(s, key, &c->arena, &run, e) : rc;
    rc = rc == 0 ? server_dag(c, run.version_key, &d, e) : rc;
    if (rc == 0) {
        api_put_run(c, NULL, d, &run);
    }
    return rc;
}

/* ---- state ---- */

int api_send_change(struct call *c, const char *op, const char *state, int64_t run_key,
                    const uint32_t *tasks, const int32_t *maps, size_t n, bool *ret_later,
                    struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, op);
    json_key(&w, "run_key");
    json_int(&w, run_key);
    if (state != NULL) {
        json_key(&w, "state");
        json_string(&w, state);
    }
    if (n != 0) {
        json_key(&w, "tasks");
        json_array(&w);
        for (size_t i = 0; i < n; i++) {
            json_int(&w, tasks[i]);
        }
        json_array_end(&w);
        json_key(&w, "map_indexes");
        json_array(&w);
        for (size_t i = 0; i < n; i++) {
            json_int(&w, maps[i]);
        }
        json_array_end(&w);
    }
    return api_send(c, "command", &b, &w, &answer, ret_later, e);
}

int api_dag_run_patch(struct call *c, struct err *e)
{
    static const char *const members[] = {"state", "note", NULL};
    const char *state, *note;
    struct value *body;
    struct run_row run;
    struct dag_row row;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "state", &state, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", &note, e) : rc;
    if (rc == 0 && note != NULL) {
        return call_invalid(c, e, "Notes cannot be kept yet");
    }
    rc = rc == 0 ? api_find_run(c, &row, &run, e) : rc;
    if (rc != 0 || state == NULL) {
        return rc == 0 ? api_dag_run(c, e) : rc;
    }
    if (strcmp(state, "queued") == 0) { /* as in Airflow: from the beginning */
        rc = api_send_change(c, "clear", NULL, run.run_key, NULL, NULL, 0, &later, e);
    } else if (strcmp(state, "success") == 0 || strcmp(state, "failed") == 0) {
        rc = api_send_change(c, "mark", state, run.run_key, NULL, NULL, 0, &later, e);
    } else {
        return call_invalid(c, e, "state must be queued, success or failed");
    }
    if (rc == 0 && !later && run_state_finished(run.state) && strcmp(state, "queued") != 0) {
        rc = api_find_run(c, &row, &run, e);
        if (rc == 0 && strcmp(run_state_to_string(run.state), state) != 0) {
            return err_set(
                e, ERR_CONFLICT,
                "The run has finished as %s, as all of its tasks have; mark a task instead",
                run_state_to_string(run.state));
        }
    }
    return rc == 0 && !later ? api_dag_run(c, e) : rc;
}

/* Tasks in a state that only_failed asks for; all of the run without it. */
static size_t choose(struct call *c, const struct api_run *r, bool only_failed, uint32_t **ret,
                     int32_t **ret_maps)
{
    uint32_t *tasks = arena_array(&c->arena, r->tis_len + 1, sizeof *tasks);
    int32_t *maps = arena_array(&c->arena, r->tis_len + 1, sizeof *maps);
    size_t n = 0;

    for (size_t i = 0; tasks != NULL && maps != NULL && only_failed && i < r->tis_len; i++) {
        if (r->tis[i].state == TASK_FAILED || r->tis[i].state == TASK_UPSTREAM_FAILED) {
            tasks[n] = r->tis[i].key.task;
            maps[n++] = r->tis[i].key.map_index;
        }
    }
    *ret = tasks;
    *ret_maps = maps;
    return n;
}

int api_dag_run_clear(struct call *c, struct err *e)
{
    static const char *const members[] = {"dry_run", "only_failed",           "only_new",
                                          "note",    "run_on_latest_version", NULL};
    bool dry, only_failed, only_new, latest, later = false;
    struct api_run r = {0};
    struct value *body;
    uint32_t *tasks;
    int32_t *maps;
    size_t n;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "dry_run", true, &dry, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_failed", false, &only_failed, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_new", false, &only_new, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "run_on_latest_version", false, &latest, e) : rc;
    if (rc == 0 && (only_new || latest)) {
        return call_invalid(
            c, e,
            "only_new and run_on_latest_version are not possible yet: a run keeps its version");
    }
    rc = rc == 0 ? api_open_run(c, &r, e) : rc;
    if (rc != 0) {
        return rc;
    }
    n = choose(c, &r, only_failed, &tasks, &maps);
    if (dry) {
        return api_put_tis(c, &r, only_failed ? tasks : NULL, maps, n);
    }
    if (!only_failed || n != 0) {
        rc = api_send_change(c, "clear", NULL, r.run.run_key, tasks, maps, n, &later, e);
    }
    return rc == 0 && !later ? api_dag_run(c, e) : rc;
}

/* ---- wait ---- */

/* A line each time its state is another one, the last when it has finished. */
int api_dag_run_wait(struct call *c, struct err *e)
{
    struct run_row run;
    struct dag_row row;
    int last = -1;
    int rc = api_find_run(c, &row, &run, e);

    rc = rc == 0 ? call_stream(c, "application/x-ndjson") : rc;
    while (rc == 0) {
        if (run.state != last) {
            char line[64];
            int n =
                snprintf(line, sizeof line, "{\"state\":\"%s\"}\n", run_state_to_string(run.state));

            last = run.state;
            rc = call_write(c, line, (size_t)n);
        }
        if (rc != 0 || run_state_finished(run.state)) {
            break;
        }
        rc = co_sleep(WAIT_POLL_US);
        rc = rc == 0 ? api_find_run(c, &row, &run, e) : rc;
    }
    return rc;
}
