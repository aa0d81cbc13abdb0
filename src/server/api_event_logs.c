/* The audit trail: who did what, and about which DAG, run and task. */
#include <stdio.h>
#include <string.h>

#include "model/backfill.h"
#include "server/api.h"

/* What a row is about, where it is about a DAG: its subject names a DAG, or a run and a task by their keys. */
struct place {
    const char *dag_id, *run_id, *task_id;
    int map_index;
};

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

static const char *dag_id_of(const struct trail *t, int64_t dag_key)
{
    for (size_t i = 0; i < t->dags_len; i++) {
        if (t->dags[i].dag_key == dag_key) {
            return t->dags[i].dag_id;
        }
    }
    return NULL;
}

/* "DAG", or "DAG RUN": a dag_id has no spaces. */
static void by_names(struct trail *t, const char *subject, struct place *ret)
{
    const char *space = strchr(subject, ' ');

    ret->dag_id =
        space != NULL ? arena_strndup(&t->c->arena, subject, (size_t)(space - subject)) : subject;
    ret->run_id = space != NULL ? space + 1 : NULL;
}

static int by_backfill(struct trail *t, int64_t key, struct place *ret, struct err *e)
{
    struct backfill_row b;
    struct err why = {0};
    int rc = t->s->ops->get_backfill(t->s, key, &t->c->arena, &b, &why);

    ret->dag_id = rc == 0 ? dag_id_of(t, b.dag_key) : NULL;
    return rc == 0 || rc == -ERR_NOTFOUND ? 0 : err_set(e, -rc, "%s", err_str(&why));
}

static int by_run(struct trail *t, int64_t key, uint32_t task, struct place *ret, struct err *e)
{
    const struct dag *d;
    int rc = find_place_run(t, key, e);

    if (rc != 0 || !t->there) {
        return rc;
    }
    ret->dag_id = dag_id_of(t, t->run.dag_key);
    ret->run_id = t->run.run_id;
    if (task != UINT32_MAX) {
        rc = server_dag(t->c, t->run.version_key, &d, e);
        ret->task_id = rc == 0 && task < d->tasks_len
                           ? arena_strdup(&t->c->arena, d->tasks[task].task_id)
                           : NULL;
    }
    return rc;
}

static bool has_names(const char *action)
{
    static const char *const all[] = {"trigger",         "pause",      "unpause",
                                      "backfill create", "delete DAG", "delete run"};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(action, all[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What was written of a row's subject, by its action (src/engine). What was deleted since has no names any more, but for its deletion. */
static int place_of(struct trail *t, const struct audit_row *r, struct place *ret, struct err *e)
{
    long long key;
    uint32_t task = UINT32_MAX;
    int index = -1;

    *ret = (struct place){.map_index = -1};
    if (r->subject == NULL || r->action == NULL) {
        return 0;
    }
    if (has_names(r->action)) {
        by_names(t, r->subject, ret);
        return 0;
    }
    if (sscanf(r->subject, "backfill %lld", &key) == 1) {
        return by_backfill(t, key, ret, e);
    }
    if (sscanf(r->subject, "DAG %lld", &key) == 1) {
        ret->dag_id = dag_id_of(t, key);
        return 0;
    }
    if (sscanf(r->subject, "run %lld task %u index %d", &key, &task, &index) == 3 ||
        sscanf(r->subject, "run %lld task %u[%d]", &key, &task, &index) >= 1) {
        ret->map_index = index;
        return by_run(t, key, task, ret, e);
    }
    return 0;
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
    api_put_masked_text(c, "extra", r->after);
    put_text(c, "subject", r->subject);
    api_put_masked(c, "before", r->before, "null");
    api_put_masked(c, "after", r->after, "null");
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
