/*
 * What listeners of the installation hear: that runs began and ended, and the events of assets. The document says which there are (the import
 * of its file found them). Each is told in a process of its own once what it hears of is durable; nothing follows from how that ends, and
 * nobody waits for it.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "model/dag.h"

static bool hears(const struct dag *d, const char *word)
{
    const struct value *list =
        d->is_python && d->document != NULL ? value_get(d->document, "listeners") : NULL;

    for (size_t i = 0; list != NULL && list->kind == VALUE_ARRAY && i < list->len; i++) {
        if (list->elems[i]->kind == VALUE_STRING && strcmp(list->elems[i]->text, word) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- runs ---- */

#define PRUNE_FIRST 64

static void prune(struct engine *g)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->heard_len; i++) {
        struct run_row row;
        const struct dag *d;

        if (sched_get_run(g->sched, g->heard[i].run_key, &row, &d) == 0) {
            g->heard[kept++] = g->heard[i];
        }
    }
    g->heard_len = kept;
    g->heard_prune = kept < PRUNE_FIRST / 2 ? PRUNE_FIRST : 2 * kept;
}

/* Whether this row says that the run has just begun, or ended: it may come again while it runs, and while something of it still ends. */
static bool is_news(struct engine *g, const struct run_row *run)
{
    struct heard new = {run->run_key, run->state};
    size_t i = 0;

    while (i < g->heard_len && g->heard[i].run_key != run->run_key) {
        i++;
    }
    if (i < g->heard_len) {
        bool same = g->heard[i].state == (int)run->state;

        g->heard[i] = new;
        return !same;
    }
    if (g->heard_len >= g->heard_prune) {
        prune(g);
    }
    if (VEC_PUSH(g->heard, g->heard_len, g->heard_cap, new) != 0) {
        return false;
    }
    /* What began before this engine was told by that one. */
    return run->state != RUN_RUNNING ||
           (run->start_us != TIME_NONE && run->start_us >= g->wall_base_us);
}

static const char *word_of(const struct run_row *run)
{
    return run->state == RUN_RUNNING ? "running" : run->state == RUN_SUCCESS ? "success" : "failed";
}

static void tell_run(struct engine *g, const struct run_row *run)
{
    struct worker_callback c = {.run = run, .listeners = true, .reason = run->reason};
    struct run_row ignored;
    const struct dag *d;
    struct err e = {0};

    if (sched_get_run(g->sched, run->run_key, &ignored, &d) != 0 || d->document == NULL ||
        value_get(d->document, "listeners") == NULL || !is_news(g, run) ||
        !hears(d, word_of(run))) {
        return;
    }
    c.word = word_of(run);
    c.dag = (struct dag *)d;
    c.token = uuid_v7(engine_now(g), &g->callback_ids);
    engine_choose_instance(g, run, d, &c);
    if (g->worker->ops->callback(g->worker, &c, &e) != 0) {
        const struct log_about about = {.dag_id = d->dag_id, .run_id = run->run_id};

        log_about(LOG_LEVEL_WARNING, "engine", &about, "a listener (%s) cannot be told: %s", c.word,
                  err_str(&e));
    }
}

void batch_tell_runs(struct engine *g)
{
    for (size_t i = 0; g->worker->ops->callback != NULL && i < g->actions.runs_len; i++) {
        const struct run_row *run = &g->actions.runs[i];

        if (run->state == RUN_RUNNING || run_state_finished(run->state)) {
            tell_run(g, run);
        }
    }
}

/* ---- events ---- */

/* The events of one attempt, copied: the run may be forgotten before they are told. */
struct telling {
    struct engine *g;
    struct arena arena;
    struct worker_callback c;
    struct dag *dag; /* one reference */
    struct run_row run;
    struct asset_event_row *rows;
    size_t len;
    struct buf json;
};

static int copy_text(struct telling *t, const char **text)
{
    if (*text == NULL) {
        return 0;
    }
    *text = arena_strdup(&t->arena, *text);
    return *text != NULL ? 0 : -ERR_NOMEM;
}

static int copy_event(struct telling *t, const struct asset_event_row *from)
{
    struct asset_event_row *r = &t->rows[t->len++];
    const char *const *texts[] = {&r->name,   &r->uri,     &r->group,  &r->asset_extra,  &r->extra,
                                  &r->dag_id, &r->task_id, &r->run_id, &r->partition_key};
    int rc = 0;

    *r = *from;
    for (size_t i = 0; rc == 0 && i < sizeof texts / sizeof texts[0]; i++) {
        rc = copy_text(t, (const char **)texts[i]);
    }
    if (rc == 0 && r->aliases_len > 0) {
        r->aliases = arena_strndup(&t->arena, from->aliases, from->aliases_len);
        rc = r->aliases != NULL ? 0 : -ERR_NOMEM;
    }
    return rc;
}

static void telling_free(struct telling *t)
{
    buf_fini(&t->json);
    dag_unref(t->dag);
    arena_fini(&t->arena);
    mem_free(t);
}

static bool is_same(const struct asset_event_row *a, const struct asset_event_row *b)
{
    return a->at_us == b->at_us && a->map_index == b->map_index && a->dag_id != NULL &&
           strcmp(a->dag_id, b->dag_id) == 0 && strcmp(a->task_id, b->task_id) == 0 &&
           strcmp(a->run_id, b->run_id) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->uri, b->uri) == 0;
}

/* Whether the event is the first one of its asset (alias NULL), or through the alias. */
static int is_first(struct telling *t, const struct asset_event_row *r, const char *alias,
                    bool *ret, struct err *e)
{
    struct store *s = t->g->store;
    struct asset_event_query q = {
        .alias = alias, .from_us = TIME_NONE, .to_us = TIME_NONE, .limit = 1};
    struct asset_event_row *found = NULL;
    struct asset_row asset;
    struct arena a;
    size_t n = 0;
    int rc = 0;

    arena_init(&a, MiB(16));
    if (alias == NULL) {
        rc = s->ops->find_asset(s, r->name, r->uri, &a, &asset, e);
        q.asset_key = rc == 0 ? asset.asset_key : 0;
    }
    rc = rc == 0 ? s->ops->get_asset_events(s, &q, &a, &found, &n, e) : rc;
    *ret = rc == 0 && n == 1 && is_same(found, r);
    arena_fini(&a);
    return rc;
}

static int put_first(struct telling *t, struct json_writer *w, const struct asset_event_row *r,
                     struct err *e)
{
    bool first;
    int rc = is_first(t, r, NULL, &first, e);

    json_key(w, "created");
    json_bool(w, first);
    json_key(w, "aliases_created");
    json_array(w);
    for (size_t at = 0; rc == 0 && at < r->aliases_len; at += strlen(r->aliases + at) + 1) {
        rc = is_first(t, r, r->aliases + at, &first, e);
        if (rc == 0 && first) {
            json_string(w, r->aliases + at);
        }
    }
    json_array_end(w);
    return rc;
}

/* On the store's thread. */
static int do_write(void *arg)
{
    struct telling *t = arg;
    struct json_writer w;
    struct err e = {0};
    int rc = 0;

    json_writer_init(&w, &t->json, 0);
    json_array(&w);
    for (size_t i = 0; rc == 0 && i < t->len; i++) {
        json_object(&w);
        engine_put_event(&w, &t->rows[i]);
        rc = put_first(t, &w, &t->rows[i], &e);
        json_object_end(&w);
    }
    json_array_end(&w);
    return rc != 0 ? rc : buf_status(&t->json);
}

static int tell_main(void *arg)
{
    struct telling *t = arg;
    struct engine *g = t->g;
    struct err e = {0};
    int rc = engine_on_store(g, do_write, t);

    g->worker->callbacks--;
    t->c.events = rc == 0 ? buf_cstr(&t->json) : NULL;
    rc = rc == 0 ? g->worker->ops->callback(g->worker, &t->c, &e) : rc;
    if (rc != 0) {
        log_warning("engine", "listeners cannot be told of the assets of %s in run %s: %s",
                    t->dag->dag_id, t->run.run_id, e.code != 0 ? err_str(&e) : err_text(rc));
    }
    telling_free(t);
    return 0;
}

static int fill(struct telling *t, const struct event_group *x, const struct run_row *run,
                const struct ti_row *ti)
{
    struct engine *g = t->g;
    int rc;

    t->run = *run;
    t->rows = arena_array(&t->arena, x->len, sizeof *t->rows);
    rc = t->rows != NULL ? 0 : -ERR_NOMEM;
    rc = rc == 0 ? copy_text(t, &t->run.run_id) : rc;
    rc = rc == 0 ? copy_text(t, &t->run.reason) : rc;
    rc = rc == 0 ? copy_text(t, &t->run.conf) : rc;
    rc = rc == 0 ? copy_text(t, &t->run.partition_key) : rc;
    for (size_t i = 0; rc == 0 && i < x->len; i++) {
        rc = copy_event(t, &g->extras.asset_events[x->first + i]);
    }
    t->c = (struct worker_callback){.token = uuid_v7(engine_now(g), &g->callback_ids),
                                    .dag = t->dag,
                                    .run = &t->run,
                                    .key = x->key,
                                    .try_number = ti->try_number,
                                    .max_tries = ti->max_tries,
                                    .of_task = true,
                                    .listeners = true,
                                    .word = "assets"};
    return rc;
}

static void tell_group(struct engine *g, const struct event_group *x)
{
    struct telling *t;
    struct run_row run;
    struct ti_row ti;
    const struct dag *d;
    int rc;

    if (sched_get_run(g->sched, x->key.run_key, &run, &d) != 0 ||
        sched_get_ti(g->sched, &x->key, &ti) != 0 || !hears(d, "assets")) {
        return;
    }
    t = mem_zalloc(sizeof *t);
    rc = t != NULL ? 0 : -ERR_NOMEM;
    if (t != NULL) {
        t->g = g;
        t->dag = dag_ref((struct dag *)d);
        arena_init(&t->arena, 2 * LIMIT_XCOM_BYTES);
        buf_init(&t->json, LIMIT_MESSAGE / 4);
        rc = fill(t, x, &run, &ti);
    }
    if (rc == 0) {
        g->worker->callbacks++; /* of the end of a command that waits for them */
        rc = co_spawn(&g->group, "listeners", tell_main, t, NULL, NULL);
        g->worker->callbacks -= rc != 0;
    }
    if (rc != 0) {
        log_warning("engine", "listeners cannot be told of the assets of %s in run %s: %s",
                    d->dag_id, run.run_id, err_text(rc));
    }
    if (rc != 0 && t != NULL) {
        telling_free(t);
    }
}

void batch_tell_events(struct engine *g)
{
    for (size_t i = 0; g->worker->ops->callback != NULL && i < g->extras.event_groups_len; i++) {
        tell_group(g, &g->extras.event_groups[i]);
    }
}
