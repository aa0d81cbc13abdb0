/*
 * Assets: those that DAGs name become rows with their version; the events of a task's outlets are committed with its end; later tasks ask for
 * them, a page at a time.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/mappers.h"
#include "engine/world.h"
#include "model/dag.h"

#define EVENTS_PAGE 128 /* events of an answer: with the largest extras still a message */

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 ? v->text : NULL;
}

/* ---- of documents ---- */

struct gathering {
    struct arena *arena;
    struct map seen; /* "name\nuri": its row */
    struct asset_row *rows;
    size_t len, cap;
    int64_t now_us;
    struct err *e;
};

static int put_extra(struct gathering *x, const struct value *extra, struct asset_row *row)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_ASSET_EXTRA);
    if (extra == NULL || extra->kind != VALUE_OBJECT || extra->len == 0) {
        return 0;
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, extra);
    if (buf_status(&b) == -ERR_LIMIT) {
        return err_set(x->e, ERR_LIMIT, "the extra of asset '%s' is larger than %zu KiB", row->name,
                       LIMIT_ASSET_EXTRA >> 10);
    }
    row->extra = buf_status(&b) == 0 ? arena_strndup(x->arena, buf_cstr(&b), b.len) : NULL;
    return row->extra != NULL ? 0 : err_set(x->e, ERR_NOMEM, "out of memory for assets");
}

static int gather_one(struct gathering *x, const struct value *v)
{
    struct asset_row row = {.name = text_of(v, "name"),
                            .uri = text_of(v, "uri"),
                            .group = text_of(v, "group"),
                            .created_us = x->now_us};
    const char *key;
    int rc;

    row.name = row.name != NULL ? row.name : row.uri;
    row.uri = row.uri != NULL ? row.uri : row.name;
    row.group = row.group != NULL ? row.group : "asset";
    if (row.name == NULL) {
        return 0; /* whoever wrote it: it names nothing */
    }
    key = arena_printf(x->arena, "%s\n%s", row.name, row.uri);
    if (key == NULL) {
        return err_set(x->e, ERR_NOMEM, "out of memory for assets");
    }
    rc = map_add(&x->seen, key, strlen(key), x, NULL);
    if (rc == -ERR_EXISTS) {
        return 0;
    }
    rc = rc == 0 ? put_extra(x, value_get(v, "extra"), &row) : rc;
    if (rc == 0 && VEC_PUSH(x->rows, x->len, x->cap, row) != 0) {
        rc = err_set(x->e, ERR_NOMEM, "out of memory for assets");
    }
    return rc;
}

/* Every object of type "asset" within v: its depth is that of a document. */
static int gather(struct gathering *x, const struct value *v)
{
    const char *type;
    int rc = 0;

    if (v == NULL || (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT)) {
        return 0;
    }
    type = v->kind == VALUE_OBJECT ? text_of(v, "type") : NULL;
    if (type != NULL && strcmp(type, "asset") == 0) {
        return gather_one(x, v);
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = gather(x, v->elems[i]);
    }
    return rc;
}

int engine_assets_of(const struct dag *d, int64_t now_us, struct arena *a, struct asset_row **ret,
                     size_t *ret_len, struct err *e)
{
    struct gathering x = {.arena = a, .now_us = now_us, .e = e};
    struct asset_row *out = NULL;
    int rc;

    map_init(&x.seen);
    rc = d->document != NULL ? gather(&x, value_get(d->document, "schedule")) : 0;
    for (uint32_t i = 0; rc == 0 && i < d->tasks_len; i++) {
        rc = d->tasks[i].spec != NULL ? gather(&x, value_get(d->tasks[i].spec, "inlets")) : 0;
        rc = rc == 0 && d->tasks[i].spec != NULL
                 ? gather(&x, value_get(d->tasks[i].spec, "outlets"))
                 : rc;
    }
    if (rc == 0 && x.len > 0) {
        out = arena_array(a, x.len, sizeof *out);
        rc = out != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for assets");
    }
    if (out != NULL) {
        memcpy(out, x.rows, x.len * sizeof *out);
    }
    *ret = out;
    *ret_len = rc == 0 ? x.len : 0;
    map_fini(&x.seen);
    mem_free(x.rows);
    return rc;
}

/* ---- of an attempt that ended ---- */

int batch_add_event(struct engine *g, const struct asset_event_row *row)
{
    int rc = VEC_PUSH(g->extras.asset_events, g->extras.asset_events_len,
                      g->extras.asset_events_cap, *row);

    return rc == 0 ? consumers_event(g, g->extras.asset_events_len - 1) : rc;
}

/* What the process said of its outlets. */
static int each_told(struct engine *g, const struct worker_end *end, struct asset_event_row *row,
                     asset_event_fn *fn, void *arg)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < end->asset_events_len; i++) {
        const struct worker_asset_event *x = &end->asset_events[i];

        row->name = x->name;
        row->uri = x->uri;
        row->group = x->group;
        row->asset_extra = x->asset_extra;
        row->extra = x->extra;
        row->aliases = x->aliases;
        row->aliases_len = x->aliases_len;
        rc = fn(g, row, arg);
    }
    return rc;
}

/* The outlets of a task of a document: nobody in its process knows of them. */
static int each_outlet(struct engine *g, const struct value *outlets, struct arena *a,
                       struct asset_event_row *row, asset_event_fn *fn, void *arg)
{
    struct err e = {0};
    struct gathering x = {.arena = a, .now_us = row->at_us, .e = &e};
    int rc;

    map_init(&x.seen);
    rc = gather(&x, outlets);
    for (size_t i = 0; rc == 0 && i < x.len; i++) {
        row->name = x.rows[i].name;
        row->uri = x.rows[i].uri;
        row->group = x.rows[i].group;
        row->asset_extra = x.rows[i].extra;
        rc = fn(g, row, arg);
    }
    map_fini(&x.seen);
    mem_free(x.rows);
    return rc == -ERR_LIMIT ? 0 : rc; /* refused when the DAG was registered */
}

/* Texts of the rows are the end's, or in the arena. */
static int each_event(struct engine *g, const struct worker_end *end, struct arena *a,
                      asset_event_fn *fn, void *arg)
{
    struct asset_event_row row = {.map_index = end->key.map_index, .at_us = engine_now(g)};
    const struct value *outlets;
    const struct task *t;
    const struct dag *d;
    struct run_row run;
    int rc;

    if (sched_get_run(g->sched, end->key.run_key, &run, &d) != 0) {
        return 0; /* it holds the token, so its run is known; else it is stale */
    }
    t = &d->tasks[end->key.task];
    outlets = !d->is_python && t->spec != NULL ? value_get(t->spec, "outlets") : NULL;
    if (end->asset_events_len == 0 && outlets == NULL) {
        return 0;
    }
    row.dag_id = arena_strdup(a, d->dag_id);
    row.task_id = arena_strdup(a, t->task_id);
    row.run_id = arena_strdup(a, run.run_id);
    rc = row.dag_id != NULL && row.task_id != NULL && row.run_id != NULL ? 0 : -ERR_NOMEM;
    if (rc == 0 && run.partition_key != NULL) {
        row.partition_key = arena_strdup(a, run.partition_key);
        rc = row.partition_key != NULL ? 0 : -ERR_NOMEM;
    }
    return rc != 0                     ? rc
           : end->asset_events_len > 0 ? each_told(g, end, &row, fn, arg)
                                       : each_outlet(g, outlets, a, &row, fn, arg);
}

int engine_each_asset_event(struct engine *g, const struct worker_end *end, asset_event_fn *fn,
                            void *arg)
{
    struct arena a;
    int rc;

    arena_init(&a, MiB(64));
    rc = each_event(g, end, &a, fn, arg);
    arena_fini(&a);
    return rc;
}

static int add_one(struct engine *g, const struct asset_event_row *row, void *arg)
{
    (void)arg;
    return batch_add_event(g, row);
}

int batch_add_asset_events(struct engine *g, const struct worker_end *end)
{
    struct event_group group = {.key = end->key, .first = g->extras.asset_events_len};
    int rc = each_event(g, end, &g->extras.arena, add_one, NULL);

    group.len = g->extras.asset_events_len - group.first;
    return rc != 0 || group.len == 0 ? rc
                                     : VEC_PUSH(g->extras.event_groups, g->extras.event_groups_len,
                                                g->extras.event_groups_cap, group);
}

/* ---- what a run consumed ---- */

struct consumed {
    struct engine *g;
    int64_t run_key;
    struct arena arena;
    struct asset_event_row *rows;
    size_t len;
    struct err *e;
};

static int do_run_events(void *arg)
{
    struct consumed *x = arg;
    struct store *s = x->g->store;

    return s->ops->get_run_events(s, x->run_key, 0, 0, &x->arena, &x->rows, &x->len, x->e);
}

/* All that fit: of too many the oldest are left out. */
static int put_consumed(const struct consumed *x, struct buf *b)
{
    struct json_writer w;
    size_t first = x->len, bytes = 0;

    while (first > 0) {
        const struct asset_event_row *r = &x->rows[first - 1];
        size_t n = 512 + (r->extra != NULL ? strlen(r->extra) : 0) +
                   (r->asset_extra != NULL ? strlen(r->asset_extra) : 0) + r->aliases_len +
                   2 * strlen(r->name) + 2 * strlen(r->uri);

        if (bytes + n > LIMIT_RUN_EVENTS_BYTES) {
            log_warning("assets", "a run consumed %zu events; its tasks see the last %zu", x->len,
                        x->len - first);
            break;
        }
        bytes += n;
        first--;
    }
    json_writer_init(&w, b, 0);
    json_array(&w);
    for (size_t i = first; i < x->len; i++) {
        json_object(&w);
        engine_put_event(&w, &x->rows[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    return buf_status(b);
}

int engine_run_events(void *arg, int64_t run_key, struct arena *a, const char **ret,
                      size_t *ret_len, struct err *e)
{
    struct consumed x = {.g = arg, .run_key = run_key, .e = e};
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, 4 * LIMIT_RUN_EVENTS_BYTES);
    arena_init(&x.arena, MiB(2048));
    *ret = NULL;
    rc = engine_on_store(x.g, do_run_events, &x);
    if (rc == 0) {
        rc = put_consumed(&x, &b);
        *ret = rc == 0 ? arena_strndup(a, buf_cstr(&b), b.len) : NULL;
        *ret_len = b.len;
        rc = *ret == NULL ? err_set(e, ERR_NOMEM, "out of memory for asset events") : 0;
    }
    arena_fini(&x.arena);
    return rc;
}

/* ---- what tasks ask ---- */

struct question {
    struct engine *g;
    const char *name, *uri;
    struct arena *arena;
    bool found;
    struct asset_row asset;
    struct asset_event_query q;
    struct asset_event_row *rows;
    size_t rows_len;
    int64_t count, newest;
    struct err *e;
};

static int do_find(void *arg)
{
    struct question *x = arg;
    struct store *s = x->g->store;
    int rc = s->ops->find_asset(s, x->name, x->uri, x->arena, &x->asset, x->e);

    x->found = rc == 0;
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

/* The asset that the question names, unless it names an alias. */
static int do_which(struct question *x)
{
    int rc = x->q.alias == NULL ? do_find(x) : 0;

    x->q.asset_key = x->asset.asset_key;
    x->found = x->found || x->q.alias != NULL;
    return rc;
}

static int do_count(void *arg)
{
    struct question *x = arg;
    struct store *s = x->g->store;
    int rc = do_which(x);

    return rc == 0 && x->found ? s->ops->count_asset_events(s, &x->q, &x->count, &x->newest, x->e)
                               : rc;
}

static int do_events(void *arg)
{
    struct question *x = arg;
    struct store *s = x->g->store;
    int rc = do_which(x);

    return rc == 0 && x->found
               ? s->ops->get_asset_events(s, &x->q, x->arena, &x->rows, &x->rows_len, x->e)
               : rc;
}

static int time_of(const struct world_call *c, const char *name, int64_t *ret, struct err *e)
{
    const char *text = text_of(c->rq, name);

    *ret = TIME_NONE;
    return text == NULL || time_parse(text, strlen(text), ret) == 0
               ? 0
               : err_set(e, ERR_INVALID, "%s: '%s' is not a time", name, text);
}

static int number_of(const struct world_call *c, const char *name, int64_t *ret, struct err *e)
{
    const struct value *v = value_get(c->rq, name);

    *ret = 0;
    return v == NULL || v->kind == VALUE_NULL || value_int(v, 0, INT64_MAX - 1, ret) == 0
               ? 0
               : err_set(e, ERR_PROTOCOL, "%s is a number from 0 on", name);
}

static int read_question(const struct world_call *c, struct question *x, struct err *e)
{
    const struct value *newest = value_get(c->rq, "newest_first");
    int64_t offset, limit;
    int rc;

    *x = (struct question){.g = c->g,
                           .arena = c->arena,
                           .name = text_of(c->rq, "name"),
                           .uri = text_of(c->rq, "uri"),
                           .q = {.alias = text_of(c->rq, "alias")},
                           .e = e};
    if (x->name == NULL && x->uri == NULL && x->q.alias == NULL) {
        return err_set(e, ERR_PROTOCOL, "a question about assets needs name, uri or alias");
    }
    rc = time_of(c, "from", &x->q.from_us, e);
    rc = rc == 0 ? time_of(c, "to", &x->q.to_us, e) : rc;
    rc = rc == 0 ? number_of(c, "above", &x->q.above_key, e) : rc;
    rc = rc == 0 ? number_of(c, "below", &x->q.below_key, e) : rc;
    rc = rc == 0 ? number_of(c, "offset", &offset, e) : rc;
    rc = rc == 0 ? number_of(c, "limit", &limit, e) : rc;
    if (rc == 0) {
        x->q.offset = (size_t)offset;
        x->q.limit = limit == 0 || limit > EVENTS_PAGE ? EVENTS_PAGE : (size_t)limit;
        x->q.newest_first = newest != NULL && newest->kind == VALUE_BOOL && newest->boolean;
    }
    return rc;
}

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_json(struct json_writer *w, const char *name, const char *json)
{
    json_key(w, name);
    json_raw(w, json != NULL ? json : "{}", json != NULL ? strlen(json) : 2);
}

int engine_asset_get(const struct world_call *c, struct err *e)
{
    struct question x;
    int rc = read_question(c, &x, e);

    rc = rc == 0 ? engine_on_store(c->g, do_find, &x) : rc;
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "found");
        json_bool(c->w, x.found);
        if (x.found) {
            put_text(c->w, "name", x.asset.name);
            put_text(c->w, "uri", x.asset.uri);
            put_text(c->w, "group", x.asset.group);
            put_json(c->w, "extra", x.asset.extra);
        }
        json_object_end(c->w);
    }
    return rc;
}

int engine_asset_count(const struct world_call *c, struct err *e)
{
    struct question x;
    int rc = read_question(c, &x, e);

    rc = rc == 0 ? engine_on_store(c->g, do_count, &x) : rc;
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "count");
        json_int(c->w, x.count);
        json_key(c->w, "newest");
        json_int(c->w, x.newest);
        json_object_end(c->w);
    }
    return rc;
}

void engine_put_event(struct json_writer *w, const struct asset_event_row *r)
{
    char at[TIME_TEXT_MAX];

    json_key(w, "id");
    json_int(w, r->event_key);
    put_text(w, "timestamp", time_format(r->at_us, at));
    put_text(w, "name", r->name);
    put_text(w, "uri", r->uri);
    put_text(w, "group", r->group);
    put_json(w, "asset_extra", r->asset_extra);
    put_json(w, "extra", r->extra);
    put_text(w, "dag_id", r->dag_id);
    put_text(w, "task_id", r->task_id);
    put_text(w, "run_id", r->run_id);
    json_key(w, "map_index");
    json_int(w, r->map_index);
    put_text(w, "partition_key", r->partition_key);
    json_key(w, "aliases");
    json_array(w);
    for (size_t at_alias = 0; at_alias < r->aliases_len;
         at_alias += strlen(r->aliases + at_alias) + 1) {
        json_string(w, r->aliases + at_alias);
    }
    json_array_end(w);
}

int engine_asset_events(const struct world_call *c, struct err *e)
{
    struct question x;
    int rc = read_question(c, &x, e);

    rc = rc == 0 ? engine_on_store(c->g, do_events, &x) : rc;
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "events");
        json_array(c->w);
        for (size_t i = 0; i < x.rows_len; i++) {
            json_object(c->w);
            engine_put_event(c->w, &x.rows[i]);
            json_object_end(c->w);
        }
        json_array_end(c->w);
        json_object_end(c->w);
    }
    return rc;
}

/* ---- events by hand ---- */

struct by_hand {
    struct request r; /* first: the request is the event */
    struct asset_event_row row;
};

static int add_by_hand(struct engine *g, struct request *r)
{
    struct by_hand *x = (struct by_hand *)r;

    if (mappers_wanted(g, &x->row)) {
        return -ERR_BUSY; /* who waits for it changed meanwhile */
    }
    x->row.at_us = engine_now(g);
    return batch_add_event(g, &x->row);
}

struct told_before {
    struct engine *g;
    const char *const *keys;
    struct arena *arena;
    bool found;
    struct err *e;
};

static int do_told_before(void *arg)
{
    struct told_before *t = arg;
    struct store *s = t->g->store;
    const char *result;
    int rc = 0;

    for (int i = 0; i < 2 && rc == 0 && !t->found; i++) {
        if (t->keys[i] != NULL) {
            rc = s->ops->find_command(s, t->keys[i], t->arena, &result, t->e);
            t->found = rc == 0;
            rc = rc == -ERR_NOTFOUND ? 0 : rc;
        }
    }
    return rc;
}

static int check_event(const struct engine_asset_event *ev, struct err *e)
{
    const char *names[] = {ev->name, ev->uri};
    struct arena a;
    struct value *v;
    int rc = 0;

    for (int i = 0; i < 2; i++) {
        if ((ev->name == NULL && ev->uri == NULL) ||
            (names[i] != NULL && (names[i][0] == '\0' || strlen(names[i]) > LIMIT_ASSET_NAME))) {
            return err_set(e, ERR_INVALID, "an asset has a name or uri of 1 to %d bytes",
                           LIMIT_ASSET_NAME);
        }
    }
    if (ev->partition_key != NULL &&
        (ev->partition_key[0] == '\0' || strlen(ev->partition_key) > LIMIT_ID_BYTES)) {
        return err_set(e, ERR_INVALID, "partition_key: 1 to %d bytes", LIMIT_ID_BYTES);
    }
    arena_init(&a, MiB(4));
    if (ev->extra != NULL &&
        (strlen(ev->extra) > LIMIT_ASSET_EXTRA ||
         value_parse(&a, ev->extra, strlen(ev->extra), &v, NULL) != 0 || v->kind != VALUE_OBJECT)) {
        rc =
            err_set(e, ERR_INVALID, "extra: an object of at most %zu KiB", LIMIT_ASSET_EXTRA >> 10);
    }
    arena_fini(&a);
    return rc;
}

/* Under engine_make_begin: who tells the same waits. */
static int insert_event(struct engine *g, const struct engine_asset_event *ev, struct question *q,
                        bool *ret_created)
{
    int64_t at_us = engine_now(g);
    struct command_row done[2] = {{ev->keys[0], "{}", at_us}, {ev->keys[1], "{}", at_us}};
    struct told_before before = {.g = g, .keys = ev->keys, .arena = q->arena, .e = q->e};
    struct by_hand x = {.r = {.turn = add_by_hand}};
    struct audit_row audit = {
        .actor = ev->actor, .action = "asset event", .after = ev->extra, .at_us = at_us};
    int rc = ev->keys[0] != NULL || ev->keys[1] != NULL
                 ? engine_on_store(g, do_told_before, &before)
                 : 0;

    *ret_created = rc == 0 && !before.found;
    rc = *ret_created ? engine_on_store(g, do_find, q) : rc;
    if (rc == 0 && *ret_created) {
        x.row = (struct asset_event_row){.name = q->found           ? q->asset.name
                                                 : ev->name != NULL ? ev->name
                                                                    : ev->uri,
                                         .uri = q->found          ? q->asset.uri
                                                : ev->uri != NULL ? ev->uri
                                                                  : ev->name,
                                         .group = q->found ? q->asset.group : "asset",
                                         .asset_extra = q->found ? q->asset.extra : NULL,
                                         .extra = ev->extra,
                                         .map_index = -1,
                                         .partition_key = ev->partition_key};
        audit.subject = x.row.name;
        x.r.audit = &audit;
        x.r.command = ev->keys[0] != NULL ? &done[0] : NULL;
        x.r.command2 = ev->keys[1] != NULL ? &done[1] : NULL;
        do {
            x.r.rc = 0;
            x.r.done = false;
            rc = mappers_ask_of(g, &x.row, q->e);
            rc = rc == 0 ? engine_ask(g, &x.r, q->e) : rc;
        } while (rc == -ERR_BUSY);
    }
    return rc;
}

int engine_create_asset_event(struct engine *g, const struct engine_asset_event *ev,
                              bool *ret_created, struct err *e)
{
    struct arena a;
    struct question q = {.g = g, .name = ev->name, .uri = ev->uri, .arena = &a, .e = e};
    struct making m = {.keys = {ev->keys[0], ev->keys[1]}};
    bool created = false;
    int rc = check_event(ev, e);

    arena_init(&a, MiB(4));
    rc = rc == 0 ? engine_make_begin(g, &m, e) : rc;
    if (rc == 0) {
        rc = insert_event(g, ev, &q, &created);
        engine_make_end(g, &m);
    }
    arena_fini(&a);
    if (rc == 0 && ret_created != NULL) {
        *ret_created = created;
    }
    return rc;
}
