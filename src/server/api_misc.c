/* Import errors, the audit trail, and what this program has none of. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"

/* ---- import errors: of the scheduler that looks at the folder ---- */

static void put_import_error(struct call *c, const struct value *v, enum api_known known)
{
    int64_t us = TIME_NONE;

    json_object(&c->w);
    json_key(&c->w, "import_error_id");
    json_value(&c->w, value_get(v, "import_error_id"));
    (void)value_int(value_get(v, "timestamp_us"), 0, INT64_MAX, &us);
    put_time(c, "timestamp", us);
    put_text(c, "bundle_name", "dags-folder");
    json_key(&c->w, "filename");
    json_value(&c->w, value_get(v, "filename"));
    if (known == API_ALL_OF_IT) {
        json_key(&c->w, "stack_trace");
        json_value(&c->w, value_get(v, "stack_trace"));
    } else {
        put_text(c, "stack_trace", API_REDACTED);
    }
    json_object_end(&c->w);
}

int api_import_errors(struct call *c, struct err *e)
{
    struct value *all = NULL;
    struct api_files k;
    struct api_page p;
    int64_t total = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_files(c, &k, e) : rc;
    rc = rc == 0 ? server_ask(c, "import_errors", NULL, &all, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "import_errors");
    for (size_t i = 0; all != NULL && i < all->len; i++) {
        const struct value *name = value_get(all->elems[i], "filename");

        if (name == NULL || !api_pattern(c, "filename", name->text) ||
            api_file_known(&k, name->text) == API_NOTHING) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            put_import_error(c, all->elems[i], api_file_known(&k, name->text));
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
    struct api_files k;
    int rc = api_files(c, &k, e);

    rc = rc == 0 ? server_ask(c, "import_errors", NULL, &all, e) : rc;
    for (size_t i = 0; rc == 0 && all != NULL && i < all->len; i++) {
        const struct value *v = value_get(all->elems[i], "import_error_id");
        const struct value *name = value_get(all->elems[i], "filename");
        enum api_known known = name != NULL ? api_file_known(&k, name->text) : API_NOTHING;

        if (v != NULL && strcmp(v->text, id) == 0 && known != API_NOTHING) {
            put_import_error(c, all->elems[i], known);
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND,
                             "The ImportError with import_error_id: `%s` was not found", id);
}

/* ---- the audit trail ---- */

/* What a row is about, where it is about a DAG: its subject names a DAG, or a run and a task by their keys. */
struct place {
    const char *dag_id, *run_id, *task_id;
    int map_index;
};

static bool of_dag(const char *action)
{
    static const char *const first[] = {"trigger", "pause", "unpause", "backfill", "delete DAG"};

    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        if (strncmp(action, first[i], strlen(first[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* What rows have in common is read once: the DAGs, and the run of neighbours. */
struct trail {
    struct call *c;
    struct store *s;
    struct dag_row *dags;
    size_t dags_len;
    struct api_visible v;
    int64_t run_key; /* of `run`; 0: none yet */
    bool there;      /* that run was not deleted since */
    struct run_row run;
    int64_t after_us, before_us;
    bool by_place;
};

static int find_place_run(struct trail *t, int64_t key, struct err *e)
{
    struct err why = {0};
    int rc;

    if (t->run_key == key) {
        return 0;
    }
    rc = t->s->ops->get_run(t->s, key, &t->c->arena, &t->run, &why);
    t->run_key = key;
    t->there = rc == 0;
    return rc == 0 || rc == -ERR_NOTFOUND ? 0 : err_set(e, -rc, "%s", err_str(&why));
}

static int place_of(struct trail *t, const struct audit_row *r, struct place *ret, struct err *e)
{
    const struct dag *d;
    long long key;
    uint32_t task = UINT32_MAX;
    int rc = 0;

    *ret = (struct place){.map_index = -1};
    if (r->subject == NULL || r->action == NULL) {
        return 0;
    }
    if (of_dag(r->action)) {
        ret->dag_id = r->subject;
        return 0;
    }
    if (sscanf(r->subject, "run %lld task %u index %d", &key, &task, &ret->map_index) < 1) {
        return 0;
    }
    rc = find_place_run(t, key, e);
    if (rc != 0 || !t->there) {
        return rc;
    }
    for (size_t i = 0; i < t->dags_len; i++) {
        if (t->dags[i].dag_key == t->run.dag_key) {
            ret->dag_id = t->dags[i].dag_id;
        }
    }
    ret->run_id = t->run.run_id;
    if (task != UINT32_MAX) {
        rc = server_dag(t->c, t->run.version_key, &d, e);
        ret->task_id = rc == 0 && task < d->tasks_len
                           ? arena_strdup(&t->c->arena, d->tasks[task].task_id)
                           : NULL;
    }
    return rc;
}

static void put_audit(struct call *c, const struct audit_row *r, const struct place *at)
{
    json_object(&c->w);
    put_int(c, "event_log_id", r->audit_key);
    put_time(c, "when", r->at_us);
    put_text(c, "dag_id", at->dag_id);
    put_text(c, "task_id", at->task_id);
    put_text(c, "run_id", at->run_id);
    if (at->map_index >= 0) {
        put_int(c, "map_index", at->map_index);
    } else {
        put_null(c, "map_index");
    }
    put_null(c, "try_number");
    put_text(c, "event", r->action != NULL ? r->action : "");
    put_null(c, "logical_date");
    put_text(c, "owner", r->actor);
    put_text(c, "extra", r->after);
    put_text(c, "subject", r->subject);
    put_json(c, "before", r->before, "null");
    put_json(c, "after", r->after, "null");
    put_text(c, "dag_display_name", at->dag_id);
    put_text(c, "task_display_name", at->task_id);
    json_object_end(&c->w);
}

static bool named(struct call *c, const char *name, const char *text)
{
    return api_any_of(c, name, text) && api_pattern(c, name, text);
}

static bool event_fits(const struct trail *t, const struct audit_row *r)
{
    return (t->after_us == TIME_NONE || r->at_us > t->after_us) &&
           (t->before_us == TIME_NONE || r->at_us < t->before_us) &&
           named(t->c, "event", r->action) && api_any_of(t->c, "included_events", r->action) &&
           named(t->c, "owner", r->actor);
}

static bool place_fits(const struct trail *t, const struct place *at)
{
    struct call *c = t->c;

    return api_sees_id(&t->v, at->dag_id) && named(c, "dag_id", at->dag_id) &&
           named(c, "run_id", at->run_id) && named(c, "task_id", at->task_id);
}

static int open_trail(struct trail *t, struct call *c, struct err *e)
{
    static const char *const places[] = {"dag_id",         "run_id",         "task_id",
                                         "dag_id_pattern", "run_id_pattern", "task_id_pattern"};
    int rc = call_query_time(c, "after", &t->after_us, e);

    t->c = c;
    rc = rc == 0 ? call_query_time(c, "before", &t->before_us, e) : rc;
    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        t->by_place = t->by_place || call_query(c, places[i]) != NULL;
    }
    rc = server_store(c, &t->s, e);
    rc = rc == 0 ? api_visible(c, &t->v, e) : rc;
    t->by_place = t->by_place || !t->v.all;
    return rc == 0 ? t->s->ops->get_dags(t->s, &c->arena, &t->dags, &t->dags_len, e) : rc;
}

enum { AUDIT_BATCH = 500, AUDIT_LOOKED = 10000 };

static bool filtered(const struct trail *t)
{
    static const char *const others[] = {"event", "event_pattern", "included_events", "owner",
                                         "owner_pattern"};
    bool any = t->by_place || t->after_us != TIME_NONE || t->before_us != TIME_NONE;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        any = any || call_query(t->c, others[i]) != NULL;
    }
    return any;
}

static int put_all_events(struct trail *t, const struct api_page *p, struct err *e)
{
    struct audit_row *rows;
    struct place at;
    int64_t total = 0;
    size_t n = 0;
    int rc = t->s->ops->get_audits(t->s, 0, p->offset, p->limit != 0 ? p->limit : 1, &t->c->arena,
                                   &rows, &n, &total, e);

    for (size_t i = 0; rc == 0 && i < n && i < p->limit; i++) {
        rc = place_of(t, &rows[i], &at, e);
        if (rc == 0) {
            put_audit(t->c, &rows[i], &at);
        }
    }
    api_list_end(t->c, total);
    return rc;
}

/* Newest first. A filter looks at the newest AUDIT_LOOKED. */
int api_event_logs(struct call *c, struct err *e)
{
    struct trail t = {.after_us = TIME_NONE, .before_us = TIME_NONE};
    struct api_page p;
    int64_t total = 0, below = 0;
    size_t n = AUDIT_BATCH;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? open_trail(&t, c, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "event_logs");
    if (!filtered(&t)) {
        return put_all_events(&t, &p, e);
    }
    for (size_t looked = 0; rc == 0 && n == AUDIT_BATCH && looked < AUDIT_LOOKED; looked += n) {
        struct audit_row *rows;

        rc = t.s->ops->get_audits(t.s, below, 0, AUDIT_BATCH, &c->arena, &rows, &n, NULL, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            bool shown = total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit;
            struct place at = {.map_index = -1};

            below = rows[i].audit_key;
            if (!event_fits(&t, &rows[i])) {
                continue;
            }
            rc = t.by_place || shown ? place_of(&t, &rows[i], &at, e) : 0;
            if (rc != 0 || !place_fits(&t, &at)) {
                continue;
            }
            if (shown) {
                put_audit(c, &rows[i], &at);
            }
            total++;
        }
    }
    if (rc == 0) {
        api_list_end(c, total);
    }
    return rc;
}

int api_event_log(struct call *c, struct err *e)
{
    int64_t key = strtoll(call_param(c, "event_log_id"), NULL, 10);
    struct trail t = {.after_us = TIME_NONE, .before_us = TIME_NONE};
    struct audit_row *rows;
    struct place at;
    size_t n = 0;
    int rc = open_trail(&t, c, e);

    rc = rc == 0 && key > 0 && key < INT64_MAX
             ? t.s->ops->get_audits(t.s, key + 1, 0, 1, &c->arena, &rows, &n, NULL, e)
             : rc;
    if (rc != 0) {
        return rc;
    }
    rc = n == 1 && rows[0].audit_key == key ? place_of(&t, &rows[0], &at, e) : -ERR_NOTFOUND;
    if (rc == -ERR_NOTFOUND || (rc == 0 && !api_sees_id(&t.v, at.dag_id))) {
        return err_set(e, ERR_NOTFOUND, "The Event Log with id: `%s` not found",
                       call_param(c, "event_log_id"));
    }
    if (rc == 0) {
        put_audit(c, &rows[0], &at);
    }
    return rc;
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
        put_text(c, "hostname", api_host(c));
        put_null(c, "unixname");
        put_null(c, "dag_display_name");
        json_object_end(&c->w);
    }
    api_list_end(c, alive);
    return 0;
}
