/*
 * A task that asks a person: its question is a record of its instance, the answer is written into it. The task waits deferred; its
 * trigger asks for the answer (hitl_get).
 *
 *   {"try", "asked_us", "request": {"subject", "options", "body", "defaults", "multiple", "params", "timeout_us", "assigned_users"},
 *    "response": null | {"chosen_options", "params_input", "responded_at", "by"}}
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "engine/world.h"
#include "model/dag.h"

#define QUESTION_MAX MiB(1)

static int read_record(struct engine *g, const struct ti_key *key, struct arena *a,
                       struct value **ret, struct err *e)
{
    struct ti_key at = engine_record_key(key);
    const char *json = NULL;
    size_t n = 0;
    int rc = facts_xcom(g, &at, ENGINE_RECORD_HITL, a, &json, &n, e);

    *ret = NULL;
    return rc == 0 && json != NULL ? value_parse(a, json, n, ret, e) : rc;
}

static int write_record(struct engine *g, const struct ti_key *key, struct buf *b,
                        const struct audit_row *audit, struct err *e)
{
    struct xcom_row row = {.key = engine_record_key(key),
                           .name = ENGINE_RECORD_HITL,
                           .value = buf_cstr(b),
                           .value_len = b->len,
                           .at_us = engine_now(g)};
    struct request r = {.row = &row, .audit = audit};

    return buf_status(b) != 0 ? err_set(e, ERR_LIMIT, "a question to a person may take 1 MiB")
                              : engine_ask(g, &r, e);
}

/* Questions and answers are read, judged and written one after another: of two answers the first counts. SUSPENDS. */
static int begin_change(struct engine *g, struct err *e)
{
    while (g->answering) {
        int rc = co_cond_wait(&g->answered);

        if (rc != 0) {
            return err_set(e, (enum err_code) - rc, "interrupted");
        }
    }
    g->answering = true;
    return 0;
}

static void end_change(struct engine *g)
{
    g->answering = false;
    co_cond_signal(&g->answered);
}

static void begin_record(struct json_writer *w, int64_t try_number, int64_t asked_us,
                         const struct value *request)
{
    json_object(w);
    json_key(w, "try");
    json_int(w, try_number);
    json_key(w, "asked_us");
    json_int(w, asked_us);
    json_key(w, "request");
    json_value(w, request);
    json_key(w, "response");
}

static int64_t number_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);
    int64_t n;

    return v != NULL && value_int(v, 0, INT64_MAX, &n) == 0 ? n : 0;
}

static const struct value *response_of(const struct value *record)
{
    const struct value *v = record != NULL ? value_get(record, "response") : NULL;

    return v != NULL && v->kind == VALUE_OBJECT ? v : NULL;
}

/* The same question again (the answer to the first may have been lost) keeps what was answered. */
static int ask(const struct world_call *c, struct err *e)
{
    const struct value *request = value_get(c->rq, "request");
    struct value *old;
    struct ti_row row;
    struct json_writer w;
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, QUESTION_MAX);
    if (request == NULL || request->kind != VALUE_OBJECT) {
        return err_set(e, ERR_PROTOCOL, "hitl_request needs request");
    }
    rc = read_record(c->g, &c->key, c->arena, &old, e);
    if (rc == 0 && sched_get_ti(c->g->sched, &c->key, &row) != 0) {
        rc = err_set(e, ERR_STALE, "this attempt is not live any more");
    }
    if (rc == 0 && (response_of(old) == NULL || number_of(old, "try") != row.try_number)) {
        json_writer_init(&w, &b, 0);
        begin_record(&w, row.try_number, engine_now(c->g), request);
        json_null(&w);
        json_object_end(&w);
        rc = write_record(c->g, &c->key, &b, NULL, e);
    }
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_object_end(c->w);
    }
    return rc;
}

int hitl_request(const struct world_call *c, struct err *e)
{
    int rc = begin_change(c->g, e);

    if (rc == 0) {
        rc = ask(c, e);
        end_change(c->g);
    }
    return rc;
}

int hitl_get(const struct world_call *c, struct err *e)
{
    struct value *record;
    int rc = read_record(c->g, &c->key, c->arena, &record, e);

    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "found");
        json_bool(c->w, record != NULL);
        json_key(c->w, "response");
        if (response_of(record) != NULL) {
            json_value(c->w, response_of(record));
        } else {
            json_null(c->w);
        }
        json_object_end(c->w);
    }
    return rc;
}

/* ---- answers ---- */

static bool has(const struct value *list, const char *text)
{
    for (size_t i = 0; list != NULL && list->kind == VALUE_ARRAY && i < list->len; i++) {
        if (list->elems[i]->kind == VALUE_STRING && strcmp(list->elems[i]->text, text) == 0) {
            return true;
        }
    }
    return false;
}

static int check_options(const struct value *request, const struct value *chosen, struct err *e)
{
    const struct value *options = value_get(request, "options");
    const struct value *multiple = value_get(request, "multiple");
    bool several = multiple != NULL && multiple->kind == VALUE_BOOL && multiple->boolean;

    if (chosen->len == 0) {
        return err_set(e, ERR_INVALID, "choose one of the options");
    }
    if (chosen->len > 1 && !several) {
        return err_set(e, ERR_INVALID, "only one option may be chosen");
    }
    for (size_t i = 0; i < chosen->len; i++) {
        if (chosen->elems[i]->kind != VALUE_STRING || !has(options, chosen->elems[i]->text)) {
            return err_set(e, ERR_INVALID, "'%s' is not one of the options",
                           chosen->elems[i]->text != NULL ? chosen->elems[i]->text : "?");
        }
    }
    return 0;
}

static int check_params(const struct value *request, const struct value *given, struct err *e)
{
    const struct value *params = value_get(request, "params");

    for (size_t i = 0; given != NULL && i < given->len; i++) {
        if (params == NULL || value_get(params, given->keys[i].text) == NULL) {
            return err_set(e, ERR_INVALID, "the question has no parameter '%s'",
                           given->keys[i].text);
        }
    }
    return 0;
}

struct row_call {
    struct engine *g;
    const struct ti_key *key;
    struct arena *arena;
    bool waits;
    struct err *e;
};

static int do_get_row(void *arg)
{
    struct row_call *c = arg;
    struct ti_row *rows;
    size_t n = 0;
    int rc = c->g->store->ops->get_tis(c->g->store, c->key->run_key,
                                       1u << TASK_DEFERRED | 1u << TASK_RUNNING, c->arena, &rows,
                                       &n, c->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        c->waits = c->waits ||
                   (rows[i].key.task == c->key->task && rows[i].key.map_index == c->key->map_index);
    }
    return rc;
}

static void put_response(struct json_writer *w, const struct engine_response *r,
                         const struct value *chosen, int64_t now)
{
    char text[TIME_TEXT_MAX];

    json_object(w);
    json_key(w, "chosen_options");
    json_value(w, chosen);
    json_key(w, "params_input");
    if (r->params != NULL) {
        json_value(w, r->params);
    } else {
        json_object(w);
        json_object_end(w);
    }
    json_key(w, "responded_at");
    json_string(w, time_format(now, text));
    json_key(w, "by");
    json_string(w, r->by);
    json_object_end(w);
}

static int answered_already(const struct value *response, struct err *e)
{
    const struct value *by = value_get(response, "by"), *at = value_get(response, "responded_at");
    const struct value *chosen = value_get(response, "chosen_options");
    const struct value *one =
        chosen != NULL && chosen->kind == VALUE_ARRAY && chosen->len > 0 ? chosen->elems[0] : NULL;

    return err_set(e, ERR_CONFLICT, "the task has been answered already%s%.80s%s%.80s%s%.80s",
                   by != NULL && by->kind == VALUE_STRING ? " by " : "",
                   by != NULL && by->kind == VALUE_STRING ? by->text : "",
                   at != NULL && at->kind == VALUE_STRING ? " at " : "",
                   at != NULL && at->kind == VALUE_STRING ? at->text : "",
                   one != NULL && one->kind == VALUE_STRING ? ": " : "",
                   one != NULL && one->kind == VALUE_STRING ? one->text : "");
}

static int check(struct engine *g, const struct engine_response *r, struct arena *a,
                 struct value **ret_record, const struct value **ret_chosen, struct err *e)
{
    struct row_call row = {.g = g, .key = &r->key, .arena = a, .e = e};
    const struct value *request;
    int rc = read_record(g, &r->key, a, ret_record, e);

    if (rc == 0 && *ret_record == NULL) {
        return err_set(e, ERR_NOTFOUND, "the task does not ask anybody");
    }
    rc = rc == 0 ? engine_on_store(g, do_get_row, &row) : rc;
    if (rc != 0) {
        return rc;
    }
    if (response_of(*ret_record) != NULL) {
        return answered_already(response_of(*ret_record), e);
    }
    if (!row.waits) {
        return err_set(e, ERR_CONFLICT, "the task does not wait for an answer any more");
    }
    request = value_get(*ret_record, "request");
    *ret_chosen = r->options;
    if (r->options == NULL || r->options->len == 0) {
        *ret_chosen = value_get(request, "options");
        if (*ret_chosen == NULL || (*ret_chosen)->len != 1) {
            return err_set(e, ERR_INVALID, "choose one of the options");
        }
    }
    rc = check_options(request, *ret_chosen, e);
    return rc == 0 ? check_params(request, r->params, e) : rc;
}

static int respond(struct engine *g, const struct engine_response *r, struct err *e)
{
    struct audit_row audit = {
        .actor = r->by != NULL ? r->by : "cli", .action = "respond", .at_us = engine_now(g)};
    const struct value *chosen = NULL;
    struct value *record = NULL;
    struct json_writer w;
    struct arena a;
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, 2 * QUESTION_MAX);
    arena_init(&a, MiB(64));
    rc = check(g, r, &a, &record, &chosen, e);
    if (rc == 0) {
        json_writer_init(&w, &b, 0);
        begin_record(&w, number_of(record, "try"), number_of(record, "asked_us"),
                     value_get(record, "request"));
        put_response(&w, r, chosen, engine_now(g));
        json_object_end(&w);
        audit.subject = arena_printf(&a, "run %lld task %u[%d]", (long long)r->key.run_key,
                                     r->key.task, r->key.map_index);
        rc = write_record(g, &r->key, &b, audit.subject != NULL ? &audit : NULL, e);
    }
    arena_fini(&a);
    return rc;
}

int engine_respond(struct engine *g, const struct engine_response *r, struct err *e)
{
    int rc = begin_change(g, e);

    if (rc == 0) {
        rc = respond(g, r, e);
        end_change(g);
    }
    return rc;
}

int hitl_respond(const struct world_call *c, struct err *e)
{
    const struct value *run = value_get(c->rq, "run_key"), *task = value_get(c->rq, "task"),
                       *map = value_get(c->rq, "map_index"), *by = value_get(c->rq, "by");
    struct engine_response r = {.options = value_get(c->rq, "options"),
                                .params = value_get(c->rq, "params")};
    int64_t t = 0, index = -1;
    int rc;

    if (run == NULL || task == NULL || value_int(run, 1, INT64_MAX, &r.key.run_key) != 0 ||
        value_int(task, 0, LIMIT_TASKS, &t) != 0 ||
        (map != NULL && value_int(map, -1, INT32_MAX, &index) != 0) ||
        (r.options != NULL && r.options->kind != VALUE_ARRAY) ||
        (r.params != NULL && r.params->kind != VALUE_OBJECT)) {
        return err_set(e, ERR_PROTOCOL, "hitl_respond needs run_key, task, options and params");
    }
    r.key.task = (uint32_t)t;
    r.key.map_index = (int32_t)index;
    r.by = by != NULL && by->kind == VALUE_STRING ? by->text : NULL;
    rc = engine_respond(c->g, &r, e);
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_object_end(c->w);
    }
    return rc;
}
