/* What other processes ask for as users of the whole: a run of a DAG that is stored, an event of an asset (docs/internals/wire.md). */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/utf8.h"
#include "engine/engine_priv.h"
#include "engine/world.h"
#include "model/dag.h"
#include "model/params.h"

#define CONF_MAX MiB(1)

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static int json_of(const struct world_call *c, const char *name, size_t max, const char **ret,
                   struct err *e)
{
    const struct value *v = value_get(c->rq, name);
    struct json_writer w;
    struct buf b BUF_CLEANUP = {0};

    *ret = NULL;
    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (v->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "%s must be an object", name);
    }
    buf_init(&b, max);
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    *ret = buf_status(&b) == 0 ? arena_strndup(c->arena, buf_cstr(&b), b.len) : NULL;
    return *ret == NULL ? err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", name, max) : 0;
}

/* ---- on the store's thread ---- */

struct finding {
    struct engine *g;
    const char *dag_id, *key;
    struct arena *arena;
    struct dag_row dag;
    struct run_row run;
    int64_t run_key;
    bool applied;
    struct err *e;
};

static int do_find_dag(void *arg)
{
    struct finding *f = arg;

    return f->g->store->ops->find_dag(f->g->store, f->dag_id, f->arena, &f->dag, f->e);
}

static int do_get_run(void *arg)
{
    struct finding *f = arg;

    return f->g->store->ops->get_run(f->g->store, f->run_key, f->arena, &f->run, f->e);
}

/* ---- a run ---- */

static int check_params(const struct world_call *c, const struct dag *d, struct err *e)
{
    const struct value *conf = value_get(c->rq, "conf");
    const struct value none = {.kind = VALUE_OBJECT};

    return params_check(d, conf != NULL && conf->kind == VALUE_OBJECT ? conf : &none, e);
}

static int write_audit(const struct world_call *c, const char *action, const char *subject,
                       const char *after, struct err *e)
{
    struct audit_row audit = {.actor = text_of(c->rq, "actor"),
                              .action = action,
                              .subject = subject,
                              .after = after,
                              .at_us = engine_now(c->g)};
    struct request r = {.audit = &audit};

    audit.actor = audit.actor != NULL ? audit.actor : "api";
    return engine_ask(c->g, &r, e);
}

/* The run as it is now, and whether this request made it. */
static void tell_run(const struct world_call *c, const struct finding *f, bool created)
{
    json_key(c->w, "result");
    json_object(c->w);
    json_key(c->w, "run_key");
    json_int(c->w, f->run_key);
    json_key(c->w, "run_id");
    json_string(c->w, f->run.run_id);
    json_key(c->w, "created");
    json_bool(c->w, created);
    json_object_end(c->w);
}

/* What kind of a run it is, who asks for it, and its data interval: as far as they are said. */
static int read_kind(const struct world_call *c, struct engine_run_request *rq, struct err *e)
{
    const char *type = text_of(c->rq, "run_type"), *by = text_of(c->rq, "triggered_by");
    const char *start = text_of(c->rq, "data_interval_start"),
               *end = text_of(c->rq, "data_interval_end");

    if (type != NULL && strcmp(type, "asset_materialization") == 0) {
        rq->type = RUN_TYPE_ASSET_MATERIALIZATION;
    } else if (type != NULL && strcmp(type, "manual") != 0) {
        return err_set(e, ERR_INVALID, "a run by hand is manual or asset_materialization");
    }
    if (by != NULL && run_trigger_from_string(by) < 0) {
        return err_set(e, ERR_INVALID, "unknown triggered_by '%s'", by);
    }
    rq->triggered_by =
        by != NULL ? (enum run_trigger)run_trigger_from_string(by) : TRIGGERED_BY_CLI;
    rq->has_interval = start != NULL && end != NULL;
    if (rq->has_interval && (time_parse(start, strlen(start), &rq->interval_start_us) != 0 ||
                             time_parse(end, strlen(end), &rq->interval_end_us) != 0 ||
                             rq->interval_start_us > rq->interval_end_us)) {
        return err_set(e, ERR_INVALID,
                       "a data interval is two times, the first not after the other");
    }
    return 0;
}

int engine_answer_run_create(const struct world_call *c, struct err *e)
{
    struct finding f = {.g = c->g,
                        .dag_id = text_of(c->rq, "dag_id"),
                        .key = text_of(c->rq, "key"),
                        .arena = c->arena,
                        .e = e};
    struct engine_run_request rq = {.run_id = text_of(c->rq, "run_id"),
                                    .type = RUN_TYPE_MANUAL,
                                    .logical_date_us = TIME_NONE,
                                    .key = f.key,
                                    .partition_key = text_of(c->rq, "partition_key"),
                                    .triggering_user = text_of(c->rq, "actor"),
                                    .ret_found = &f.applied};
    const char *note = text_of(c->rq, "note");
    const char *date = text_of(c->rq, "logical_date");
    const struct value *kept = value_get(c->rq, "kept");
    const struct known_dag *known;
    int rc = f.dag_id != NULL ? 0 : err_set(e, ERR_PROTOCOL, "run_create needs a dag_id");

    if (rc == 0 && date != NULL && time_parse(date, strlen(date), &rq.logical_date_us) != 0) {
        rc = err_set(e, ERR_INVALID, "logical_date '%s' is not a time", date);
    }
    rc = rc == 0 ? read_kind(c, &rq, e) : rc;
    if (rc == 0 && note != NULL &&
        (strlen(note) > LIMIT_NOTE_BYTES || !utf8_valid(note, strlen(note)))) {
        rc = err_set(e, ERR_INVALID, "a note is UTF-8 text of at most %zu bytes", LIMIT_NOTE_BYTES);
    }
    if (rc == 0 && kept != NULL && kept->kind == VALUE_BOOL && kept->boolean &&
        c->g->keeper.answer == NULL) {
        rc = err_set(e, ERR_NOTFOUND,
                     "this process does not keep DAG files: what is stored may be old");
    }
    rc = rc == 0 ? engine_on_store(c->g, do_find_dag, &f) : rc;
    rc = rc == 0 ? json_of(c, "conf", CONF_MAX, &rq.conf, e) : rc;
    rc = rc == 0 ? register_stored_dag(c->g, &f.dag, e) : rc;
    known = rc == 0 ? register_known(c->g, f.dag.dag_key) : NULL;
    rc = known != NULL ? check_params(c, known->dag, e) : rc;
    rq.dag_key = f.dag.dag_key;
    rc = rc == 0 ? engine_create_run(c->g, &rq, &f.run_key, e) : rc;
    rc = rc == 0 ? engine_on_store(c->g, do_get_run, &f) : rc;
    if (rc == 0 && !f.applied) {
        rc = write_audit(c, "trigger", arena_printf(c->arena, "%s %s", f.dag_id, f.run.run_id),
                         rq.conf, e);
    }
    if (rc == 0 && !f.applied && note != NULL) {
        const struct ti_key run = {f.run_key, NOTE_OF_RUN, -1};

        rc = engine_note(c->g, &run, note, text_of(c->rq, "actor"), e);
    }
    if (rc == 0) {
        tell_run(c, &f, !f.applied);
    }
    return rc;
}

/* ---- why an instance does not run ---- */

struct telling {
    struct buf text, json;
    struct json_writer w;
};

static void tell_reason(void *arg, const struct sched_reason *r)
{
    struct telling *t = arg;

    (void)buf_printf(&t->text, "%s\n", r->text);
    sched_reason_json(r, &t->w);
}

/* {"reasons": [sched_reason_json ...], "text": the same as lines} */
int engine_answer_why(const struct world_call *c, struct err *e)
{
    struct ti_key key = {0};
    struct telling t;
    int64_t task = 0, map = 0;
    int rc;

    if (value_int(value_get(c->rq, "run_key"), 1, INT64_MAX, &key.run_key) != 0 ||
        value_int(value_get(c->rq, "task"), 0, UINT32_MAX, &task) != 0 ||
        value_int(value_get(c->rq, "map_index"), -1, INT32_MAX, &map) != 0) {
        return err_set(e, ERR_PROTOCOL, "why needs run_key, task and map_index");
    }
    key.task = (uint32_t)task;
    key.map_index = (int32_t)map;
    buf_init(&t.text, KiB(64));
    buf_init(&t.json, KiB(256));
    json_writer_init(&t.w, &t.json, 0);
    json_array(&t.w);
    rc = sched_reasons(c->g->sched, &key, engine_now(c->g), tell_reason, &t);
    json_array_end(&t.w);
    rc = rc == 0 ? buf_status(&t.json) : rc;
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "reasons");
        json_raw(c->w, buf_cstr(&t.json), t.json.len);
        json_key(c->w, "text");
        json_string(c->w, buf_cstr(&t.text));
        json_object_end(c->w);
    }
    buf_fini(&t.text);
    buf_fini(&t.json);
    return rc == 0 ? 0
                   : err_set(e, (enum err_code) - rc, "this instance is of no run that is at work");
}

/* ---- an event of an asset ---- */

int engine_answer_asset_event(const struct world_call *c, struct err *e)
{
    struct engine_asset_event ev = {.name = text_of(c->rq, "name"),
                                    .uri = text_of(c->rq, "uri"),
                                    .partition_key = text_of(c->rq, "partition_key"),
                                    .actor = text_of(c->rq, "actor"),
                                    .keys = {text_of(c->rq, "key"), text_of(c->rq, "key2")}};
    bool created;
    int rc = json_of(c, "extra", LIMIT_ASSET_EXTRA, &ev.extra, e);

    ev.actor = ev.actor != NULL ? ev.actor : "api";
    rc = rc == 0 ? engine_create_asset_event(c->g, &ev, &created, e) : rc;
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "created");
        json_bool(c->w, created);
        json_object_end(c->w);
    }
    return rc;
}
