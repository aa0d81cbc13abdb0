/* People who ask for things, each sent until it is known to be done. What is refused is done, too. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "engine/backfill.h"
#include "engine/engine.h"
#include "engine/settings.h"
#include "fleet.h"
#include "ledger.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

#define KEY_MAX 32

static const char *key_of(const struct fleet_intent *x, char *key)
{
    (void)snprintf(key, KEY_MAX, "intent%u", x->number);
    return key;
}

static int ask_run(struct fleet *f, const struct fleet_intent *x, struct err *e)
{
    char id[KEY_MAX];
    const struct engine_run_request rq = {.dag_key = f->dags[x->dag].dag_key,
                                          .run_id = key_of(x, id),
                                          .key = x->number % 2 == 0 ? id : NULL,
                                          .type = RUN_TYPE_MANUAL,
                                          .partition_key = x->partition,
                                          .logical_date_us = x->first_us};
    int64_t run_key;

    return engine_create_run(f->engine, &rq, &run_key, e);
}

static int ask_event(struct fleet *f, const struct fleet_intent *x, struct err *e)
{
    char key[KEY_MAX], extra[KEY_MAX], name[2] = {x->letter, '\0'};
    const struct engine_asset_event ev = {.name = name,
                                          .uri = name,
                                          .partition_key = x->partition,
                                          .actor = "somebody",
                                          .extra = extra,
                                          .keys = {key_of(x, key)}};

    (void)snprintf(extra, sizeof extra, "{\"n\":%u}", x->number);
    return engine_create_asset_event(f->engine, &ev, NULL, e);
}

/* ---- backfills ---- */

struct found {
    int64_t key; /* of the newest that has not ended, or 0 */
    bool made;   /* this one was made, by its conf */
};

static void find_backfill(struct fleet *f, const char *conf, struct found *ret)
{
    struct backfill_row *rows;
    struct arena a;
    size_t n = 0;

    *ret = (struct found){0};
    arena_init(&a, MiB(16));
    if (f->w.store->ops->get_backfills(f->w.store, 0, false, 0, &a, &rows, &n, NULL) != 0) {
        n = 0;
    }
    for (size_t i = n; i-- > 0;) {
        ret->key = rows[i].completed_us == TIME_NONE ? rows[i].backfill_key : ret->key;
        ret->made = ret->made || (rows[i].conf != NULL && strcmp(rows[i].conf, conf) == 0);
    }
    arena_fini(&a);
}

static int ask_backfill(struct fleet *f, const struct fleet_intent *x, struct err *e)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], conf[KEY_MAX];
    struct backfill_request q = {.dag_id = f->dags[x->dag].id,
                                 .from = time_format(x->first_us, from),
                                 .to = time_format(x->last_us, to),
                                 .max_active_runs = x->n,
                                 .reprocess = (enum backfill_reprocess)x->reprocess,
                                 .backwards = x->backwards,
                                 .conf = conf};
    struct found found;
    uint32_t dates;
    int64_t key;

    (void)snprintf(conf, sizeof conf, "{\"n\":%u}", x->number);
    find_backfill(f, conf, &found);
    return found.made ? 0 : engine_create_backfill(f->engine, &q, &key, &dates, e);
}

static int ask_change(struct fleet *f, const struct fleet_intent *x, struct err *e)
{
    static const enum backfill_change changes[] = {BACKFILL_PAUSE, BACKFILL_UNPAUSE,
                                                   BACKFILL_CANCEL};
    struct found found;

    find_backfill(f, "", &found);
    return found.key != 0
               ? engine_change_backfill(f->engine, found.key, changes[x->n], "somebody", e)
               : 0;
}

/* ---- commands ---- */

/* A run of any DAG and state; its own as soon as it was asked for once. */
static bool draw_run(struct fleet *f, struct fleet_intent *x)
{
    const struct fleet_dag *d;
    struct run_row *rows, run;
    struct arena a;
    size_t n = 0;

    arena_init(&a, MiB(64));
    if (x->run_key == 0 &&
        f->w.store->ops->get_runs(f->w.store, 0, 0, 0, 0, &a, &rows, &n, NULL) == 0 && n > 0) {
        run = rows[prng_below(&f->w.prng, n)];
        d = fleet_dag_of(f, run.dag_key);
        x->run_key = run.run_key;
        x->task %= d->dag->tasks_len;
    }
    arena_fini(&a);
    return x->run_key != 0;
}

static int ask_command(struct fleet *f, struct fleet_intent *x, struct err *e)
{
    char key[KEY_MAX];
    struct engine_command c = {.op = x->kind == INTENT_CLEAR  ? ENGINE_CLEAR
                                     : x->kind == INTENT_MARK ? ENGINE_MARK
                                                              : ENGINE_STOP_RUN,
                               .key = key_of(x, key),
                               .tasks = &x->task,
                               .tasks_len = x->number % 4 == 0 ? 0 : 1,
                               .state = (enum task_state)x->n};
    uint32_t affected;

    if (!draw_run(f, x)) {
        return 0;
    }
    c.tasks = c.tasks_len == 0 ? NULL : c.tasks;
    c.run_key = x->run_key;
    return engine_command(f->engine, &c, &affected, e);
}

/* ---- pools ---- */

static int ask_pool(struct fleet *f, const struct fleet_intent *x, struct err *e)
{
    struct fleet_pool *p = &f->pools[x->dag];
    struct buf out BUF_CLEANUP;
    struct json_writer w;
    struct arena a;
    struct value *rq = NULL;
    char text[96];
    int rc;

    /* Until it is durable either size may hold; a larger one that came before may be in use yet. */
    if (p->slots < x->n) {
        ledger_pool(f->ledger, p->name, x->n);
        p->slots = x->n;
    }
    (void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"slots\":%d}", p->name, x->n);
    arena_init(&a, MiB(1));
    buf_init(&out, KiB(64));
    json_writer_init(&w, &out, 0);
    rc = value_parse(&a, text, strlen(text), &rq, e);
    rc = rc == 0 ? settings_answer(f->engine, "pool_set", rq, &a, &w, e) : rc;
    arena_fini(&a);
    return rc;
}

/* ---- a person ---- */

static int ask(struct fleet *f, struct fleet_intent *x, struct err *e)
{
    switch (x->kind) {
    case INTENT_RUN:
        return ask_run(f, x, e);
    case INTENT_EVENT:
        return ask_event(f, x, e);
    case INTENT_BACKFILL:
        return ask_backfill(f, x, e);
    case INTENT_CHANGE:
        return ask_change(f, x, e);
    case INTENT_PAUSE:
        f->dags[x->dag].paused = f->dags[x->dag].paused || x->n != 0;
        return engine_pause_dag(f->engine, f->dags[x->dag].id, x->n != 0, "somebody", e);
    case INTENT_POOL:
        return ask_pool(f, x, e);
    default:
        return ask_command(f, x, e);
    }
}

static bool is_unknown(int rc)
{
    return rc == -ERR_CLOSED || rc == -ERR_IO || rc == -ERR_BUSY || rc == -ERR_FULL ||
           rc == -ERR_CANCELED;
}

static struct fleet_intent *next_intent(struct fleet *f)
{
    for (size_t i = 0; i < f->intents_len; i++) {
        struct fleet_intent *x = &f->intents[i];

        if (!x->done && !x->open) {
            x->open = true;
            return x;
        }
    }
    return NULL;
}

int fleet_person(struct fleet *f)
{
    struct fleet_intent *x;
    int rc = 0;

    while (rc == 0 && (x = next_intent(f)) != NULL) {
        struct err e = {0};

        if (x->number > 0 && !f->w.healed) {
            rc = co_sleep((int64_t)prng_below(&f->w.prng, 2000000));
        }
        rc = rc == 0 ? ask(f, x, &e) : rc;
        world_trace(&f->w, "intent %u kind %d: %d %s", x->number, x->kind, rc,
                    rc != 0 ? err_str(&e) : "");
        x->open = false;
        x->done = !is_unknown(rc);
        x->rc = rc;
        rc = rc == -ERR_CLOSED || rc == -ERR_CANCELED ? rc : 0;
        if (!x->done && rc == 0) {
            rc = co_sleep(TIME_SECOND / 10);
        }
    }
    return rc;
}

/* ---- at the end ---- */

static int resume_backfills(struct fleet *f, struct err *e)
{
    struct backfill_row *rows;
    struct arena a;
    size_t n = 0;
    int rc;

    arena_init(&a, MiB(16));
    rc = f->w.store->ops->get_backfills(f->w.store, 0, true, 0, &a, &rows, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = engine_change_backfill(f->engine, rows[i].backfill_key, BACKFILL_UNPAUSE, "somebody",
                                    e);
        rc = rc == -ERR_CONFLICT ? 0 : rc; /* it has ended meanwhile */
    }
    arena_fini(&a);
    return rc;
}

/* The pools are as they will stay. */
static int settle_pools(struct fleet *f, struct err *e)
{
    struct pool_row *rows;
    struct arena a;
    size_t n = 0;
    int rc;

    arena_init(&a, MiB(1));
    rc = f->w.store->ops->get_pools(f->w.store, &a, &rows, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        ledger_pool(f->ledger, rows[i].name, rows[i].slots);
    }
    arena_fini(&a);
    return rc;
}

int fleet_resume(struct fleet *f, struct err *e)
{
    int rc = settle_pools(f, e);

    for (size_t i = 0; rc == 0 && i < f->dags_len; i++) {
        rc = engine_pause_dag(f->engine, f->dags[i].id, false, "somebody", e);
    }
    return rc == 0 ? resume_backfills(f, e) : rc;
}

int fleet_stop_oldest(struct fleet *f, unsigned number, struct err *e)
{
    char key[KEY_MAX];
    struct engine_command c = {.op = ENGINE_STOP_RUN, .key = key};
    uint32_t affected;
    int rc;

    (void)snprintf(key, sizeof key, "stop%u", number);
    c.run_key = ledger_unfinished(f->ledger, 0);
    if (c.run_key == 0) {
        return 0;
    }
    rc = engine_command(f->engine, &c, &affected, e);
    world_trace(&f->w, "stop run %lld: %d", (long long)c.run_key, rc);
    return rc == -ERR_CLOSED ? rc : 0;
}
