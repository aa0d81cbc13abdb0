#include "server/api.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/timing.h"

/* ---- arguments ---- */

int api_page(struct call *c, struct api_page *ret, struct err *e)
{
    int64_t limit, offset;
    int rc = call_query_int(c, "limit", 0, INT64_MAX, API_PAGE_DEFAULT, &limit, e);

    rc = rc == 0 ? call_query_int(c, "offset", 0, INT64_MAX, 0, &offset, e) : rc;
    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    ret->limit = limit > LIMIT_API_PAGE ? LIMIT_API_PAGE : (size_t)limit; /* as Airflow: cut */
    ret->offset = (size_t)offset;
    return 0;
}

int api_order(struct call *c, const char *const *fields, size_t dflt, bool dflt_down, size_t *ret,
              bool *ret_down, struct err *e)
{
    size_t at = 0;
    const char *text = call_query_next(c, "order_by", &at);

    if (text != NULL && call_query_next(c, "order_by", &at) != NULL) {
        return call_invalid(c, e, "This list is ordered by one field");
    }
    *ret = dflt;
    *ret_down = dflt_down;
    if (text == NULL || *text == '\0') {
        return 0;
    }
    *ret_down = *text == '-';
    for (size_t i = 0; fields[i] != NULL; i++) {
        if (strcmp(fields[i], text + *ret_down) == 0) {
            *ret = i;
            return 0;
        }
    }
    return call_invalid(c, e, "Ordering with '%.100s' is not possible here", text);
}

static bool like(const char *p, const char *s)
{
    const char *star = NULL, *back = NULL;

    while (*s != '\0') {
        if (*p == '%') {
            star = p++;
            back = s;
        } else if (*p != '\0' && (*p == '_' || strncasecmp(p, s, 1) == 0)) {
            p++;
            s++;
        } else if (star != NULL) {
            p = star + 1;
            s = ++back;
        } else {
            return false;
        }
    }
    return p[strspn(p, "%")] == '\0';
}

bool api_like(const char *pattern, const char *text)
{
    char all[600];

    if (pattern == NULL || strcmp(pattern, "~") == 0) {
        return true;
    }
    (void)snprintf(all, sizeof all, "%%%.*s%%", 590, pattern);
    return text != NULL && like(all, text);
}

int api_range(struct call *c, const char *name, struct time_range *ret, struct err *e)
{
    static const char *const ends[] = {"_gte", "_gt", "_lte", "_lt"};
    char full[64];
    int rc = 0;

    *ret = (struct time_range){TIME_NONE, TIME_NONE};
    for (int i = 0; rc == 0 && i < 4; i++) {
        int64_t t;

        (void)snprintf(full, sizeof full, "%s%s", name, ends[i]);
        rc = call_query_time(c, full, &t, e);
        if (rc == 0 && t != TIME_NONE && i < 2) {
            t += i == 1;
            ret->from_us = t > ret->from_us ? t : ret->from_us;
        } else if (rc == 0 && t != TIME_NONE) {
            t -= i == 3;
            ret->to_us = ret->to_us == TIME_NONE || t < ret->to_us ? t : ret->to_us;
        }
    }
    if (rc != 0) {
        c->status = 422;
    }
    return rc;
}

int api_list_by_body(struct call *c, const char *const *names,
                     int (*fn)(struct call *c, struct err *e), struct err *e)
{
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? call_take_body(c, body, names, e) : rc;
    return rc == 0 ? fn(c, e) : rc;
}

static int duration_end(struct call *c, const char *name, int64_t *ret, struct err *e)
{
    const char *text = call_query(c, name);
    char *end;
    double s;

    *ret = -1;
    if (text == NULL) {
        return 0;
    }
    s = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(s >= 0) || s > 1e12) {
        return call_invalid(c, e, "%s must be a number of seconds", name);
    }
    *ret = (int64_t)(s * 1e6 + 0.5);
    return 0;
}

int api_duration(struct call *c, bool *ret, int64_t *ret_from_us, int64_t *ret_to_us, struct err *e)
{
    int64_t gte, gt, lte, lt;
    int rc = duration_end(c, "duration_gte", &gte, e);

    rc = rc == 0 ? duration_end(c, "duration_gt", &gt, e) : rc;
    rc = rc == 0 ? duration_end(c, "duration_lte", &lte, e) : rc;
    rc = rc == 0 ? duration_end(c, "duration_lt", &lt, e) : rc;
    if (rc != 0) {
        return rc;
    }
    *ret = gte >= 0 || gt >= 0 || lte >= 0 || lt >= 0;
    *ret_from_us = gt >= gte ? gt + (gt >= 0) : gte;
    *ret_to_us = lte >= 0 ? lte : INT64_MAX;
    if (lt >= 0 && lt - 1 < *ret_to_us) {
        *ret_to_us = lt - 1;
    }
    return 0;
}

bool api_pattern(struct call *c, const char *name, const char *text)
{
    char full[64];
    const char *prefix;

    (void)snprintf(full, sizeof full, "%s_pattern", name);
    if (!api_like(call_query(c, full), text)) {
        return false;
    }
    (void)snprintf(full, sizeof full, "%s_prefix_pattern", name);
    prefix = call_query(c, full);
    return prefix == NULL || strcmp(prefix, "~") == 0 ||
           (text != NULL && strncmp(text, prefix, strlen(prefix)) == 0);
}

bool api_any_of(struct call *c, const char *name, const char *text)
{
    const char *word;
    size_t at = 0;
    bool asked = false;

    while ((word = call_query_next(c, name, &at)) != NULL) {
        asked = true;
        if (text != NULL && strcmp(word, text) == 0) {
            return true;
        }
    }
    return !asked;
}

int api_run_types(struct call *c, unsigned *ret, struct err *e)
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

int api_run_states(struct call *c, const char *name, unsigned *ret, struct err *e)
{
    const char *word;
    size_t at = 0;

    *ret = 0;
    while ((word = call_query_next(c, name, &at)) != NULL) {
        int s = run_state_from_string(word);

        if (s < 0) {
            return call_invalid(
                c, e, "Invalid value for state. Valid values are queued, running, success, failed");
        }
        *ret |= 1U << s;
    }
    return 0;
}

/* ---- what the path names ---- */

int api_find_dag(struct call *c, struct dag_row *ret, struct err *e)
{
    const char *dag_id = call_param(c, "dag_id");
    struct store *s;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &c->arena, ret, e) : rc;
    return rc == -ERR_NOTFOUND
               ? err_set(e, ERR_NOTFOUND, "The DAG with ID: `%s` was not found", dag_id)
               : rc;
}

int api_find_run(struct call *c, struct dag_row *ret_dag, struct run_row *ret, struct err *e)
{
    const char *run_id = call_param(c, "dag_run_id");
    struct store *s;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->find_dag(s, call_param(c, "dag_id"), &c->arena, ret_dag, e) : rc;
    rc = rc == 0 ? s->ops->find_run(s, ret_dag->dag_key, run_id, &c->arena, ret, e) : rc;
    return rc == -ERR_NOTFOUND
               ? err_set(e, ERR_NOTFOUND,
                         "The DagRun with dag_id: `%s` and run_id: `%s` was not found",
                         call_param(c, "dag_id"), run_id)
               : rc;
}

int api_load_run(struct call *c, struct api_run *r, struct err *e)
{
    struct store *s;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_tis(s, r->run.run_key, 0, &c->arena, &r->tis, &r->tis_len, e) : rc;
    return rc == 0 ? api_load_facts(c, r, e) : rc;
}

int api_load_facts(struct call *c, struct api_run *r, struct err *e)
{
    struct store *s;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? server_dag(c, r->run.version_key, &r->dag, e) : rc;
    rc = rc == 0
             ? s->ops->get_attempts(s, r->run.run_key, &c->arena, &r->attempts, &r->attempts_len, e)
             : rc;
    return rc == 0 ? s->ops->get_notes(s, r->run.run_key, &c->arena, &r->notes, &r->notes_len, e)
                   : rc;
}

int api_open_run(struct call *c, struct api_run *r, struct err *e)
{
    int rc = api_find_run(c, &r->row, &r->run, e);

    return rc == 0 ? api_load_run(c, r, e) : rc;
}

struct ti_row api_ti(const struct api_run *r, uint32_t task, int32_t map_index, bool *ret_found)
{
    size_t lo = 0, hi = r->tis_len;

    while (lo < hi) { /* by (task, map_index) */
        size_t mid = (lo + hi) / 2;
        const struct ti_key *k = &r->tis[mid].key;

        if (k->task < task || (k->task == task && k->map_index < map_index)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo < r->tis_len && r->tis[lo].key.task == task && r->tis[lo].key.map_index == map_index) {
        *ret_found = true;
        return r->tis[lo];
    }
    *ret_found = false;
    return (struct ti_row){.key = {r->run.run_key, task, map_index},
                           .max_tries = (uint16_t)r->dag->tasks[task].retries,
                           .scheduled_us = TIME_NONE,
                           .queued_us = TIME_NONE,
                           .start_us = TIME_NONE,
                           .end_us = TIME_NONE,
                           .next_us = TIME_NONE};
}

int api_find_task(struct call *c, const struct api_run *r, const struct task **ret,
                  int32_t *ret_map_index, struct err *e)
{
    const char *task_id = call_param(c, "task_id"), *index = call_param(c, "map_index");
    int64_t n = -1;
    bool found;
    int rc = 0;

    if (index != NULL) { /* of the path */
        char *end;

        n = strtoll(index, &end, 10);
        if (*index == '\0' || *end != '\0' || n < -1 || n > INT32_MAX) {
            return call_invalid(c, e, "map_index must be an integer from -1");
        }
    } else {
        rc = call_query_int(c, "map_index", -1, INT32_MAX, -1, &n, e);
    }
    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    *ret = dag_task(r->dag, task_id);
    *ret_map_index = (int32_t)n;
    if (*ret != NULL && n >= 0) {
        (void)api_ti(r, (*ret)->index, (int32_t)n, &found);
    }
    return *ret == NULL || (n >= 0 && !found)
               ? err_set(e, ERR_NOTFOUND,
                         "The Task Instance with dag_id: `%s`, run_id: `%s`, task_id: `%s` and "
                         "map_index: `%lld` was not found",
                         r->row.dag_id, r->run.run_id, task_id, (long long)n)
               : 0;
}

/* ---- objects ---- */

static void open_object(struct call *c, const char *name)
{
    if (name != NULL) {
        json_key(&c->w, name);
    }
    json_object(&c->w);
}

/* Ids of Airflow are UUIDs where ours are numbers: a UUIDv8 that holds the number. */
static void put_uuid(struct call *c, const char *name, int64_t high, uint32_t task, int32_t map)
{
    char text[UUID_TEXT_MAX];
    struct uuid u = {{0}};

    for (int i = 0; i < 6; i++) {
        u.b[i] = (uint8_t)((uint64_t)high >> (40 - 8 * i));
    }
    u.b[6] = 0x80;
    u.b[8] = 0x80;
    for (int i = 0; i < 3; i++) {
        u.b[9 + i] = (uint8_t)(task >> (16 - 8 * i));
    }
    for (int i = 0; i < 4; i++) {
        u.b[12 + i] = (uint8_t)((uint32_t)map >> (24 - 8 * i));
    }
    put_text(c, name, uuid_format(&u, text));
}

void api_put_version(struct call *c, const char *name, const char *dag_id, int64_t version_key)
{
    struct version_facts v = {0};
    bool known = server_version(c, version_key, &v, NULL) == 0;

    open_object(c, name);
    put_uuid(c, "id", version_key, 0, 0);
    put_int(c, "version_number", known ? v.number : 0);
    put_text(c, "dag_id", dag_id);
    put_text(c, "dag_display_name", dag_id);
    put_text(c, "bundle_name", v.bundle != NULL ? v.bundle : API_BUNDLE);
    put_text(c, "bundle_version", v.bundle_version);
    put_null(c, "bundle_url");
    put_time(c, "created_at", known ? v.created_us : 0);
    json_object_end(&c->w);
}

int64_t api_version_number(struct call *c, int64_t version_key)
{
    struct version_facts v;

    return server_version(c, version_key, &v, NULL) == 0 ? v.number : 0;
}

static const char *note_of(const struct note_row *rows, size_t n, uint32_t task, int32_t map)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].key.task == task && rows[i].key.map_index == map) {
            return rows[i].text;
        }
    }
    return NULL;
}

/* Where nobody wrote it down it follows from what kind of run it is. */
static const char *trigger_of(const struct run_row *r)
{
    static const uint8_t of_type[] = {[RUN_TYPE_MANUAL] = TRIGGERED_BY_UNKNOWN,
                                      [RUN_TYPE_SCHEDULED] = TRIGGERED_BY_TIMETABLE,
                                      [RUN_TYPE_BACKFILL] = TRIGGERED_BY_BACKFILL,
                                      [RUN_TYPE_ASSET_TRIGGERED] = TRIGGERED_BY_ASSET,
                                      [RUN_TYPE_ASSET_MATERIALIZATION] = TRIGGERED_BY_UNKNOWN};
    uint8_t by = r->triggered_by != TRIGGERED_BY_UNKNOWN ? r->triggered_by
                 : r->type < sizeof of_type              ? of_type[r->type]
                                                         : TRIGGERED_BY_UNKNOWN;

    return by != TRIGGERED_BY_UNKNOWN ? run_trigger_to_string(by) : NULL;
}

int api_run_notes(struct call *c, const struct run_row *rows, size_t n, const char ***ret,
                  struct err *e)
{
    int64_t *keys = arena_array(&c->arena, n + 1, sizeof *keys);
    const char **texts = arena_array(&c->arena, n + 1, sizeof *texts);
    struct note_row *notes = NULL;
    struct store *s;
    size_t len = 0;
    int rc = keys != NULL && texts != NULL ? server_store(c, &s, e)
                                           : err_set(e, ERR_NOMEM, "out of memory for notes");

    for (size_t i = 0; rc == 0 && i < n; i++) {
        keys[i] = rows[i].run_key;
    }
    rc = rc == 0 ? s->ops->get_run_notes(s, keys, n, &c->arena, &notes, &len, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct note_row *note = store_run_note(notes, len, keys[i]);

        texts[i] = note != NULL ? note->text : NULL;
    }
    *ret = texts;
    return rc;
}

int api_put_one_run(struct call *c, const struct run_row *r, struct err *e)
{
    const struct dag *d;
    const char **notes;
    int rc = api_run_notes(c, r, 1, &notes, e);

    rc = rc == 0 ? server_dag(c, r->version_key, &d, e) : rc;
    if (rc == 0) {
        api_put_run(c, NULL, d, r, notes[0]);
    }
    return rc;
}

/* Of what its schedule's clock made: the tick that its partition is of. */
static int64_t partition_date(const struct dag *d, const struct run_row *r)
{
    struct timing *timing = NULL;
    struct err e = {0};
    int64_t at = TIME_NONE;

    if (r->partition_key != NULL && r->type == RUN_TYPE_SCHEDULED &&
        timing_new(d, &timing, &e) == 0 && timing != NULL) {
        at = timing_partition_date(timing, r->run_after_us, r->partition_key);
    }
    timing_free(timing);
    return at;
}

void api_put_run(struct call *c, const char *name, const struct dag *d, const struct run_row *r,
                 const char *note)
{
    struct version_facts v = {0};

    (void)server_version(c, r->version_key, &v, NULL);
    open_object(c, name);
    put_text(c, "dag_run_id", r->run_id);
    put_text(c, "dag_id", d->dag_id);
    put_text(c, "dag_display_name", d->display_name);
    put_time(c, "logical_date", r->logical_date_us);
    put_time(c, "queued_at", r->queued_us);
    put_time(c, "start_date", r->start_us);
    put_time(c, "end_date", r->end_us);
    put_seconds(c, "duration", r->start_us, r->end_us);
    put_time(c, "data_interval_start", r->data_interval_start_us);
    put_time(c, "data_interval_end", r->data_interval_end_us);
    put_time(c, "run_after", r->run_after_us);
    put_null(c, "last_scheduling_decision");
    put_text(c, "run_type", run_type_to_string(r->type));
    put_text(c, "state", run_state_to_string(r->state));
    put_text(c, "triggered_by", trigger_of(r));
    put_text(c, "triggering_user_name", r->triggering_user);
    api_put_masked(c, "conf", r->conf, "{}");
    put_text(c, "note", note);
    json_key(&c->w, "dag_versions");
    json_array(&c->w);
    api_put_version(c, NULL, d->dag_id, r->version_key);
    json_array_end(&c->w);
    put_text(c, "bundle_version", v.bundle_version);
    put_text(c, "partition_key", r->partition_key);
    put_time(c, "partition_date", partition_date(d, r));
    json_object_end(&c->w);
}

static const struct attempt_row *attempt_of(const struct api_run *r, const struct ti_row *t)
{
    for (size_t i = 0; i < r->attempts_len; i++) {
        const struct attempt_row *a = &r->attempts[i];

        if (a->key.task == t->key.task && a->key.map_index == t->key.map_index &&
            a->try_number == t->try_number) {
            return a;
        }
    }
    return NULL;
}

/* With one store on one machine the tasks run where this server does. */
const char *api_host(struct call *c)
{
    char name[256];

    if (gethostname(name, sizeof name) != 0) {
        return "localhost";
    }
    name[sizeof name - 1] = '\0';
    return arena_strdup(&c->arena, name);
}

static void put_task_facts(struct call *c, const struct task *t)
{
    put_text(c, "pool", t->pool);
    put_int(c, "pool_slots", t->pool_slots);
    put_text(c, "queue", t->queue != NULL ? t->queue : "default");
    put_int(c, "priority_weight", t->effective_weight);
    put_text(c, "operator", t->operator_name);
    put_text(c, "operator_name", t->operator_name);
    put_null(c, "executor");
    put_text(c, "executor_config", "{}");
    put_null(c, "unixname");
}

const char *api_map_name(struct call *c, const struct dag *d, const struct ti_key *key)
{
    struct ti_key at = engine_record_key(key);
    struct xcom_row row;
    struct store *s;
    struct value *v;

    if (key->map_index < 0 || d->tasks[key->task].map_index_template == NULL ||
        server_store(c, &s, NULL) != 0 ||
        s->ops->get_xcom(s, &at, ENGINE_RECORD_NAME, &c->arena, &row, NULL) != 0 ||
        row.value == NULL || value_parse(&c->arena, row.value, row.value_len, &v, NULL) != 0) {
        return NULL;
    }
    v = value_get(v, "name");
    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

void api_put_ti(struct call *c, const char *name, const struct api_run *r, const struct ti_row *t,
                const char *rendered)
{
    const struct task *task = &r->dag->tasks[t->key.task];
    const struct attempt_row *a = attempt_of(r, t);
    char text[UUID_TEXT_MAX];

    open_object(c, name);
    if (uuid_is_zero(&t->attempt)) {
        put_uuid(c, "id", t->key.run_key, t->key.task, t->key.map_index);
    } else {
        put_text(c, "id", uuid_format(&t->attempt, text));
    }
    put_text(c, "task_id", task->task_id);
    put_text(c, "task_display_name", task->display_name);
    put_text(c, "dag_id", r->dag->dag_id);
    put_text(c, "dag_display_name", r->dag->display_name);
    put_text(c, "dag_run_id", r->run.run_id);
    put_int(c, "map_index", t->key.map_index);
    put_time(c, "logical_date", r->run.logical_date_us);
    put_time(c, "run_after", r->run.run_after_us);
    put_time(c, "start_date", t->start_us);
    put_time(c, "end_date", t->end_us);
    put_seconds(c, "duration", t->start_us, t->end_us);
    put_text(c, "state", t->state != TASK_NONE ? task_state_to_string(t->state) : NULL);
    put_int(c, "try_number", t->try_number);
    put_int(c, "max_tries", t->max_tries);
    put_text(c, "hostname", a != NULL ? api_host(c) : NULL);
    if (a != NULL && a->pid > 0) {
        put_int(c, "pid", a->pid);
    } else {
        put_null(c, "pid");
    }
    put_task_facts(c, task);
    put_time(c, "scheduled_when", t->scheduled_us);
    put_time(c, "queued_when", t->queued_us);
    put_text(c, "note", note_of(r->notes, r->notes_len, t->key.task, t->key.map_index));
    put_text(c, "rendered_map_index", api_map_name(c, r->dag, &t->key));
    api_put_masked(c, "rendered_fields", rendered, "{}");
    put_null(c, "trigger");
    put_null(c, "triggerer_job");
    put_text(c, "state_reason", t->reason);
    api_put_version(c, "dag_version", r->dag->dag_id, r->run.version_key);
    json_object_end(&c->w);
}

void api_list(struct call *c, const char *name)
{
    json_object(&c->w);
    json_key(&c->w, name);
    json_array(&c->w);
}

void api_list_end(struct call *c, int64_t total)
{
    json_array_end(&c->w);
    put_int(c, "total_entries", total);
    json_object_end(&c->w);
}

/* ---- bodies ---- */

int body_text(struct call *c, const struct value *body, const char *name, const char **ret,
              struct err *e)
{
    const struct value *v = value_get(body, name);

    *ret = NULL;
    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (v->kind != VALUE_STRING) {
        return call_invalid(c, e, "%s must be a string", name);
    }
    if (strlen(v->text) != v->len) { /* what we see of it would not be what was sent */
        return call_invalid(c, e, "%s must not contain NUL", name);
    }
    *ret = v->text;
    return 0;
}

int body_bool(struct call *c, const struct value *body, const char *name, bool dflt, bool *ret,
              struct err *e)
{
    const struct value *v = value_get(body, name);

    *ret = dflt;
    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (v->kind != VALUE_BOOL) {
        return call_invalid(c, e, "%s must be true or false", name);
    }
    *ret = v->boolean;
    return 0;
}

int body_only(struct call *c, const struct value *body, const char *const *names, struct err *e)
{
    for (size_t i = 0; i < body->len; i++) {
        size_t k = 0;

        while (names[k] != NULL && strcmp(names[k], body->keys[i].text) != 0) {
            k++;
        }
        if (names[k] == NULL) {
            return call_invalid(c, e, "'%.100s' is not a member of this body", body->keys[i].text);
        }
    }
    return 0;
}

/* ---- commands ---- */

void api_command(struct call *c, struct buf *b, struct json_writer *w)
{
    buf_init(b, LIMIT_MESSAGE / 2);
    json_writer_init(w, b, 0);
    json_object(w);
    json_key(w, "actor");
    json_string(w, c->actor);
}

void api_put_key(struct call *c, struct json_writer *w, const char *op, int64_t run_key)
{
    const char *key = call_header(c, "Idempotency-Key");

    if (key != NULL && key[0] != '\0' && strlen(key) <= API_KEY_MAX) {
        json_key(w, "key");
        json_string(w, arena_printf(&c->arena, "api:%s:%s:%lld", key, op, (long long)run_key));
    }
}

void api_ti_command(struct call *c, const struct ti_key *key, struct buf *b, struct json_writer *w)
{
    api_command(c, b, w);
    json_key(w, "run_key");
    json_int(w, key->run_key);
    json_key(w, "task");
    json_int(w, key->task);
    json_key(w, "map_index");
    json_int(w, key->map_index);
}

int api_send(struct call *c, const char *type, struct buf *b, struct json_writer *w,
             struct value **ret, bool *ret_later, struct err *e)
{
    json_object_end(w);
    if (buf_status(b) == 0) { /* the members alone, without their braces */
        b->p[b->len - 1] = '\0';
        buf_consume(b, 1);
    }
    return server_command(c, type, b, ret, ret_later, e);
}
