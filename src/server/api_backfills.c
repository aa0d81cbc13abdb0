/* /api/v2/backfills: read from the store; made and changed by the engine. */
#include <stdio.h>
#include <string.h>

#include "engine/backfill.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "server/api.h"

#define BACKFILLS_MAX 10000 /* of a DAG, looked at for a list */

static int put_backfill(struct call *c, const char *dag_id, const char *display_name,
                        const struct backfill_row *b)
{
    json_object(&c->w);
    put_int(c, "id", b->backfill_key);
    put_text(c, "dag_id", dag_id);
    put_text(c, "dag_display_name", display_name);
    put_time(c, "from_date", b->from_us);
    put_time(c, "to_date", b->to_us);
    api_put_masked(c, "dag_run_conf", b->conf, "{}");
    put_bool(c, "is_paused", b->paused);
    put_text(c, "reprocess_behavior",
             backfill_reprocess_to_string((enum backfill_reprocess)b->reprocess));
    put_int(c, "max_active_runs", b->max_active_runs);
    put_time(c, "created_at", b->created_us);
    put_time(c, "completed_at", b->completed_us);
    put_time(c, "updated_at",
             b->completed_us != TIME_NONE   ? b->completed_us
             : b->cancelled_us != TIME_NONE ? b->cancelled_us
                                            : b->created_us);
    json_object_end(&c->w);
    return 0;
}

/* Of a DAG that who asks may see, or change. */
static int find_backfill(struct call *c, int64_t key, bool changing, struct backfill_row *ret,
                         struct dag_row *ret_dag, struct err *e)
{
    struct dag_row *dags;
    struct store *s;
    bool found = false;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_backfill(s, key, &c->arena, ret, e) : rc;
    rc = rc == 0 ? s->ops->get_dags(s, &c->arena, &dags, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n && !found; i++) {
        found = dags[i].dag_key == ret->dag_key;
        *ret_dag = dags[i];
    }
    rc = rc == 0 && !found ? -ERR_NOTFOUND : rc;
    rc = rc == 0 ? api_may(c, ret_dag, changing, e) : rc;
    return rc == -ERR_NOTFOUND
               ? err_set(e, ERR_NOTFOUND, "Could not find backfill with id %lld", (long long)key)
               : rc;
}

static int put_stored(struct call *c, int64_t key, struct err *e)
{
    struct backfill_row b;
    const struct dag *d;
    struct dag_row row;
    int rc = find_backfill(c, key, false, &b, &row, e);

    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    return rc == 0 ? put_backfill(c, d->dag_id, d->display_name, &b) : rc;
}

static int key_of(struct call *c, int64_t *ret, struct err *e)
{
    char *end;
    const char *text = call_param(c, "backfill_id");

    *ret = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0' && *ret > 0
               ? 0
               : call_invalid(c, e, "backfill_id must be a positive integer");
}

int api_backfills(struct call *c, struct err *e)
{
    static const char *const orders[] = {"id", "created_at", "from_date", "to_date", NULL};
    const char *dag_id = call_query(c, "dag_id");
    struct backfill_row *rows = NULL;
    struct api_page p;
    struct dag_row row;
    const struct dag *d;
    struct store *s;
    size_t order, n = 0;
    bool down;
    int rc = api_page(c, &p, e);

    if (rc == 0 && dag_id == NULL) {
        return call_invalid(c, e, "dag_id must be given");
    }
    rc = rc == 0 ? api_order(c, orders, 0, false, &order, &down, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &c->arena, &row, e) : rc;
    rc = rc == 0 ? api_may(c, &row, false, e) : rc;
    if (rc == -ERR_NOTFOUND) { /* as Airflow: of a DAG that is not there, none */
        api_list(c, "backfills");
        api_list_end(c, 0);
        return 0;
    }
    rc = rc == 0
             ? s->ops->get_backfills(s, row.dag_key, false, BACKFILLS_MAX, &c->arena, &rows, &n, e)
             : rc;
    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "backfills");
    for (size_t i = p.offset; i < n && i - p.offset < p.limit; i++) { /* rows: newest first */
        (void)put_backfill(c, row.dag_id, d->display_name, &rows[down ? i : n - 1 - i]);
    }
    api_list_end(c, (int64_t)n);
    return 0;
}

int api_backfill(struct call *c, struct err *e)
{
    int64_t key;
    int rc = key_of(c, &key, e);

    return rc == 0 ? put_stored(c, key, e) : rc;
}

/* ---- a new one ---- */

struct asked {
    struct backfill_request q;
    const struct value *conf;
    int64_t most;
};

static int read_body(struct call *c, struct asked *ret, struct err *e)
{
    static const char *const members[] = {"dag_id",
                                          "from_date",
                                          "to_date",
                                          "run_backwards",
                                          "dag_run_conf",
                                          "max_active_runs",
                                          "reprocess_behavior",
                                          "run_on_latest_version",
                                          NULL};
    const char *word = NULL;
    const struct value *most;
    struct value *body;
    bool latest = true;
    int which = BACKFILL_NONE;
    int rc = call_body(c, &body, e);

    *ret = (struct asked){.most = 10};
    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "dag_id", &ret->q.dag_id, e) : rc;
    rc = rc == 0 ? body_text(c, body, "from_date", &ret->q.from, e) : rc;
    rc = rc == 0 ? body_text(c, body, "to_date", &ret->q.to, e) : rc;
    rc = rc == 0 ? body_text(c, body, "reprocess_behavior", &word, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "run_backwards", false, &ret->q.backwards, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "run_on_latest_version", true, &latest, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (ret->q.dag_id == NULL || ret->q.from == NULL || ret->q.to == NULL) {
        return call_invalid(c, e, "dag_id, from_date and to_date must be given");
    }
    which = word != NULL ? backfill_reprocess_from_string(word) : which;
    if (which < 0) {
        return call_invalid(c, e, "reprocess_behavior must be none, failed or completed");
    }
    most = value_get(body, "max_active_runs");
    if (most != NULL && most->kind != VALUE_NULL &&
        value_int(most, 1, LIMIT_BACKFILL_ACTIVE, &ret->most) != 0) {
        return call_invalid(c, e, "max_active_runs must be an integer from 1 to %d",
                            LIMIT_BACKFILL_ACTIVE);
    }
    ret->conf = value_get(body, "dag_run_conf");
    if (ret->conf != NULL && ret->conf->kind == VALUE_NULL) {
        ret->conf = NULL;
    }
    if (ret->conf != NULL && ret->conf->kind != VALUE_OBJECT) {
        return call_invalid(c, e, "dag_run_conf must be an object");
    }
    ret->q.reprocess = (enum backfill_reprocess)which;
    ret->q.max_active_runs = (int32_t)ret->most;
    ret->q.own_version = !latest;
    return 0;
}

static int find_dag(struct call *c, const char *dag_id, bool changing, struct dag_row *ret,
                    struct err *e)
{
    struct store *s;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &c->arena, ret, e) : rc;
    rc = rc == 0 ? api_may(c, ret, changing, e) : rc;
    return rc == -ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND, "Could not find dag %s", dag_id) : rc;
}

/* What the request is, as Airflow tells it: all that is wrong with it is 422. */
static int refused(struct call *c, int rc, struct err *e)
{
    return rc == -ERR_INVALID || rc == -ERR_UNSUPPORTED || rc == -ERR_NOTFOUND || rc == -ERR_LIMIT
               ? call_invalid(c, e, "%s", arena_strdup(&c->arena, err_str(e)))
               : rc;
}

static void write_request(struct json_writer *w, const struct asked *x)
{
    struct buf text BUF_CLEANUP;
    struct json_writer inner;

    json_key(w, "dag_id");
    json_string(w, x->q.dag_id);
    json_key(w, "from_date");
    json_string(w, x->q.from);
    json_key(w, "to_date");
    json_string(w, x->q.to);
    json_key(w, "max_active_runs");
    json_int(w, x->most);
    json_key(w, "reprocess_behavior");
    json_string(w, backfill_reprocess_to_string(x->q.reprocess));
    json_key(w, "run_backwards");
    json_bool(w, x->q.backwards);
    json_key(w, "own_version");
    json_bool(w, x->q.own_version);
    buf_init(&text, MiB(1));
    if (x->conf != NULL) {
        json_writer_init(&inner, &text, 0);
        json_value(&inner, x->conf);
        json_key(w, "dag_run_conf");
        json_string(w, buf_cstr(&text));
    }
}

int api_backfill_post(struct call *c, struct err *e)
{
    struct asked x;
    struct dag_row row;
    struct value *answer = NULL;
    const struct value *id;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    int64_t key = 0;
    bool later = false;
    int rc = read_body(c, &x, e);

    rc = rc == 0 ? find_dag(c, x.q.dag_id, true, &row, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_command(c, &b, &w);
    write_request(&w, &x);
    rc = api_send(c, "backfill_create", &b, &w, &answer, &later, e);
    if (rc == -ERR_CONFLICT) {
        return err_set(e, ERR_CONFLICT, "There is already a running backfill for dag %s",
                       x.q.dag_id);
    }
    if (rc != 0 || later) {
        return refused(c, rc, e);
    }
    id = answer != NULL ? value_get(answer, "id") : NULL;
    rc = id != NULL ? value_int(id, 1, INT64_MAX, &key) : -ERR_PROTOCOL;
    return rc == 0 ? put_stored(c, key, e) : rc;
}

/* Only the dates of which a run would be made, or run again. */
int api_backfill_dry(struct call *c, struct err *e)
{
    struct backfill_run_row *dates = NULL;
    struct backfill_row plan;
    struct dag_row row;
    const struct dag *d;
    struct asked x;
    struct store *s;
    int64_t total = 0;
    size_t n = 0;
    int rc = read_body(c, &x, e);

    rc = rc == 0 ? find_dag(c, x.q.dag_id, false, &row, e) : rc;
    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = backfill_plan(&x.q, d, loop_wall_us(loop_current()), &c->arena, &plan, &dates, &n, e);
    if (rc != 0) {
        return refused(c, rc, e);
    }
    rc = server_store(c, &s, e);
    if (rc != 0) {
        return rc;
    }
    api_list(c, "backfills");
    for (size_t i = 0; i < n; i++) {
        struct run_row run;
        bool has = s->ops->find_run_by_date(s, row.dag_key, dates[i].logical_us, &c->arena, &run,
                                            NULL) == 0;
        enum backfill_outcome o = backfill_decide(x.q.reprocess, has, has ? run.state : 0);

        if (o == BACKFILL_CREATED || o == BACKFILL_CLEARED) {
            total++;
            json_object(&c->w);
            put_time(c, "logical_date", dates[i].logical_us);
            put_null(c, "partition_key");
            put_null(c, "partition_date");
            json_object_end(&c->w);
        }
    }
    api_list_end(c, total);
    return 0;
}

/* ---- changes ---- */

static int change(struct call *c, const char *word, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    struct backfill_row was;
    struct dag_row row;
    int64_t key;
    bool later = false;
    int rc = key_of(c, &key, e);

    rc = rc == 0 ? find_backfill(c, key, true, &was, &row, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_command(c, &b, &w);
    json_key(&w, "backfill");
    json_int(&w, key);
    json_key(&w, "change");
    json_string(&w, word);
    rc = api_send(c, "backfill_change", &b, &w, &answer, &later, e);
    if (rc == -ERR_NOTFOUND) {
        return err_set(e, ERR_NOTFOUND, "Could not find backfill with id %lld", (long long)key);
    }
    if (rc == -ERR_CONFLICT) {
        return err_set(e, ERR_CONFLICT, "Backfill is already completed.");
    }
    return rc == 0 && !later ? put_stored(c, key, e) : rc;
}

int api_backfill_pause(struct call *c, struct err *e)
{
    return change(c, "pause", e);
}

int api_backfill_unpause(struct call *c, struct err *e)
{
    return change(c, "unpause", e);
}

int api_backfill_cancel(struct call *c, struct err *e)
{
    return change(c, "cancel", e);
}
