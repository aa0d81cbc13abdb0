/*
 * Runs that asset events have made due: each is created by a coroutine of its own, in a commit that takes its events from the queue
 * (invariant 1 of consumers.c).
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/consumers.h"
#include "engine/consumers_priv.h"
#include "engine/engine_priv.h"
#include "engine/mappers.h"
#include "engine/schedule.h"
#include "engine/timing.h"
#include "model/asset_expr.h"
#include "model/dag.h"
#include "model/partition.h"
#include "model/zone.h"
#include "sched/asset_due.h"

#define CREATE_MAX 256                /* runs that are being created at once */
#define AGAIN_US   (10 * TIME_SECOND) /* until a run that could not be made is tried again */
#define RUN_KEYS   256
#define ID_LETTERS 8 /* at the end of a run's id, as Airflow's */

struct creation {
    struct request r; /* first: the request is the creation */
    struct engine *g;
    int64_t dag_key;
    char partition[PARTITION_KEY_MAX];
    char run_id[TIME_TEXT_MAX + 40];
    struct asset_queue_row take;
    struct run_row run;
};

/* Its turn in the batch: what waits now is the run's (invariant 1). */
static int take_queue(struct engine *g, struct request *r)
{
    struct creation *c = (struct creation *)r;
    const struct known_dag *k = register_known(g, c->dag_key);

    if (k == NULL || k->version_key != c->run.version_key) {
        return -ERR_CONFLICT; /* a new version came meanwhile: the run is to be its */
    }
    r->event.run.dag = k->dag;
    return asset_due_consume(g->consumers->due, c->dag_key, c->partition) ? 0 : -ERR_STALE;
}

static void name_run(struct creation *c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char when[TIME_TEXT_MAX], tail[ID_LETTERS + 1];

    for (size_t i = 0; i < ID_LETTERS; i++) {
        tail[i] = letters[prng_below(&c->g->consumers->ids, sizeof letters - 1)];
    }
    tail[ID_LETTERS] = '\0';
    (void)snprintf(c->run_id, sizeof c->run_id, "%s__%s_%s",
                   run_type_to_string(RUN_TYPE_ASSET_TRIGGERED),
                   time_format(c->run.run_after_us, when), tail);
}

static int create(struct creation *c, struct err *e)
{
    struct engine *g = c->g;
    const struct known_dag *k;
    int64_t run_key;
    int rc = engine_next_key(g, &g->run_keys, "run", RUN_KEYS, &run_key, e);

    k = register_known(g, c->dag_key);
    if (rc != 0 || k == NULL) {
        return rc != 0 ? rc : -ERR_STALE;
    }
    c->run = (struct run_row){.run_key = run_key,
                              .dag_key = c->dag_key,
                              .version_key = k->version_key,
                              .run_id = c->run_id,
                              .type = RUN_TYPE_ASSET_TRIGGERED,
                              .state = RUN_QUEUED,
                              .logical_date_us = TIME_NONE,
                              .data_interval_start_us = TIME_NONE,
                              .data_interval_end_us = TIME_NONE,
                              .run_after_us = engine_now(g),
                              .queued_us = engine_now(g),
                              .start_us = TIME_NONE,
                              .end_us = TIME_NONE,
                              .partition_key = c->partition[0] != '\0' ? c->partition : NULL};
    name_run(c);
    c->take = (struct asset_queue_row){.op = ASSET_QUEUE_TAKE,
                                       .dag_key = c->dag_key,
                                       .partition = c->partition,
                                       .run_key = run_key};
    c->r = (struct request){.event.type = SCHED_RUN_CREATE,
                            .queue = &c->take,
                            .queue_len = ENGINE_CANARY != 5,
                            .turn = take_queue};
    c->r.event.run.row = &c->run;
    return engine_ask(g, &c->r, e);
}

static int create_one(void *arg)
{
    struct creation *c = arg;
    struct engine *g = c->g;
    struct err e = {0};
    int rc = create(c, &e), again = 0;

    if (rc != 0 && rc != -ERR_STALE && rc != -ERR_CONFLICT && rc != -ERR_CLOSED &&
        rc != -ERR_CANCELED) {
        log_error("assets", "a run of DAG %lld could not be created: %s", (long long)c->dag_key,
                  err_str(&e));
        again = co_sleep(AGAIN_US);
    }
    g->consumers->creating--;
    asset_due_made(g->consumers->due, c->dag_key, c->partition);
    if (rc != -ERR_CLOSED && again == 0) {
        consumers_look(g);
    }
    mem_free(c);
    return 0;
}

static bool start_creating(struct engine *g, const struct asset_due_run *r)
{
    struct creation *c = mem_zalloc(sizeof *c);

    if (c != NULL) {
        c->g = g;
        c->dag_key = r->dag_key;
        (void)snprintf(c->partition, sizeof c->partition, "%s", r->partition);
    }
    if (c == NULL || co_spawn(&g->group, "asset run", create_one, c, NULL, NULL) != 0) {
        mem_free(c);
        asset_due_made(g->consumers->due, r->dag_key, r->partition);
        return false;
    }
    g->consumers->creating++;
    return true;
}

static int consumers_main(void *arg)
{
    struct engine *g = arg;
    struct consumers *s = g->consumers;
    struct asset_due_run r;
    int rc = 0;

    while (rc == 0 && !g->closing && g->fatal == 0) {
        bool fits = true;

        while (fits && s->creating < CREATE_MAX && asset_due_take(s->due, &r)) {
            fits = start_creating(g, &r);
        }
        if (!fits) {
            rc = co_sleep(AGAIN_US);
            continue;
        }
        s->waiting = true;
        rc = co_suspend();
        s->waiting = false;
    }
    return 0;
}

int consumers_start(struct engine *g, struct err *e)
{
    return co_spawn(&g->group, "asset runs", consumers_main, g, &g->consumers->co, e);
}

void consumers_look(struct engine *g)
{
    if (g->consumers != NULL && g->consumers->waiting) {
        co_wake(g->consumers->co);
    }
}
