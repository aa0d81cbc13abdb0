/* New runs. */
#include "server/api_trigger.h"

#include <string.h>

#include "runtime/loop.h"
#include "server/api_change.h"

struct asked {
    const char *run_id, *date, *start, *end, *partition, *note;
    const struct value *conf;
};

static int check_time(struct call *c, const char *name, const char *text, int64_t *ret,
                      struct err *e)
{
    *ret = TIME_NONE;
    return text == NULL || time_parse(text, strlen(text), ret) == 0
               ? 0
               : call_invalid(c, e, "%s must be a time such as 2026-01-31T12:00:00Z", name);
}

static int read_body(struct call *c, const struct value *body, struct asked *x, struct err *e)
{
    static const char *const members[] = {
        "dag_run_id",          "logical_date",      "conf",          "note", "run_after",
        "data_interval_start", "data_interval_end", "partition_key", NULL};
    const char *run_after = NULL;
    int64_t t, start = TIME_NONE, end = TIME_NONE, after = TIME_NONE;
    int rc = body_only(c, body, members, e);

    rc = rc == 0 ? body_text(c, body, "dag_run_id", &x->run_id, e) : rc;
    rc = rc == 0 ? body_text(c, body, "logical_date", &x->date, e) : rc;
    rc = rc == 0 ? body_text(c, body, "data_interval_start", &x->start, e) : rc;
    rc = rc == 0 ? body_text(c, body, "data_interval_end", &x->end, e) : rc;
    rc = rc == 0 ? body_text(c, body, "run_after", &run_after, e) : rc;
    rc = rc == 0 ? body_text(c, body, "partition_key", &x->partition, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", &x->note, e) : rc;
    rc = rc == 0 ? check_time(c, "logical_date", x->date, &t, e) : rc;
    rc = rc == 0 ? check_time(c, "data_interval_start", x->start, &start, e) : rc;
    rc = rc == 0 ? check_time(c, "data_interval_end", x->end, &end, e) : rc;
    rc = rc == 0 ? check_time(c, "run_after", run_after, &after, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if ((start == TIME_NONE) != (end == TIME_NONE)) {
        return call_invalid(
            c, e,
            "Either both data_interval_start and data_interval_end must be provided or both "
            "must be None");
    }
    if (start != TIME_NONE && start > end) {
        return call_invalid(c, e, "data_interval_start must not be after data_interval_end");
    }
    if (after != TIME_NONE && after > loop_wall_us(loop_current())) {
        return call_invalid(c, e, "run_after lies ahead: a run is made when it may begin");
    }
    x->conf = value_get(body, "conf");
    if (x->conf != NULL && x->conf->kind != VALUE_OBJECT && x->conf->kind != VALUE_NULL) {
        return call_invalid(c, e, "conf must be an object");
    }
    return 0;
}

static void put_member(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL) {
        json_key(w, name);
        json_string(w, text);
    }
}

static void write_request(struct call *c, struct json_writer *w, const char *dag_id,
                          const char *type, const struct asked *x)
{
    const char *key = call_header(c, "Idempotency-Key");

    put_member(w, "dag_id", dag_id);
    put_member(w, "run_type", type);
    put_member(w, "triggered_by", c->who.by == BY_SESSION ? "ui" : "rest_api");
    put_member(w, "run_id", x->run_id);
    put_member(w, "logical_date", x->date);
    put_member(w, "data_interval_start", x->start);
    put_member(w, "data_interval_end", x->end);
    put_member(w, "partition_key", x->partition);
    put_member(w, "note", x->note);
    if (x->conf != NULL && x->conf->kind == VALUE_OBJECT) {
        json_key(w, "conf");
        json_value(w, x->conf);
    }
    if (key != NULL && key[0] != '\0' && strlen(key) <= API_KEY_MAX) {
        put_member(w, "key", arena_printf(&c->arena, "api:%s", key));
    }
}

static int put_made(struct call *c, const struct value *answer, struct err *e)
{
    const struct value *v = answer != NULL ? value_get(answer, "run_key") : NULL;
    struct run_row run;
    struct store *s;
    int64_t key = 0;
    int rc = v != NULL ? value_int(v, 1, INT64_MAX, &key) : -ERR_PROTOCOL;

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_run(s, key, &c->arena, &run, e) : rc;
    return rc == 0 ? api_put_one_run(c, &run, e) : rc;
}

int api_trigger(struct call *c, const char *dag_id, const char *type, struct err *e)
{
    struct asked x = {0};
    struct value *body, *answer = NULL;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? read_body(c, body, &x, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_command(c, &b, &w);
    write_request(c, &w, dag_id, type, &x);
    rc = api_send(c, "run_create", &b, &w, &answer, &later, e);
    if (rc == -ERR_INVALID) {
        return call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text));
    }
    if (rc == -ERR_EXISTS) {
        return err_set(e, ERR_EXISTS,
                       "The DagRun with dag_id: `%s` and dag_run_id: `%s` already exists", dag_id,
                       x.run_id != NULL ? x.run_id : "");
    }
    return rc == 0 && !later ? put_made(c, answer, e) : rc;
}

int api_dag_run_post(struct call *c, struct err *e)
{
    struct dag_row row;
    int rc = api_find_dag(c, &row, e);

    return rc == 0 ? api_trigger(c, row.dag_id, "manual", e) : rc;
}
