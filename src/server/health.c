/*
 * Whether this installation works, as this process can tell: it asks the scheduler by its socket, and reads the store. A scheduler that
 * does not answer within a while is unhealthy, whatever its process does.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "runtime/loop.h"
#include "server/handlers.h"
#include "server/server_priv.h"
#include "server/ui.h"
#include "store/store.h"

struct health {
    bool store_ok, scheduler_ok, dags_ok;
    struct err store_error, scheduler_error;
    const struct value *stats; /* of the scheduler */
    int64_t now_us;
};

static void look(struct call *c, struct health *h)
{
    struct store *s;
    const struct value *stats = NULL;
    struct pool_row *pools;
    size_t n;

    h->now_us = loop_wall_us(loop_current());
    h->store_ok = server_store(c, &s, &h->store_error) == 0 &&
                  s->ops->get_pools(s, &c->arena, &pools, &n, &h->store_error) == 0;
    h->scheduler_ok = server_stats(c, &stats, &h->scheduler_error) == 0;
    h->stats = stats;
    if (stats != NULL) {
        const struct value *v = value_get(stats, "store_error");

        if (v != NULL && v->kind == VALUE_STRING) { /* it lives, and cannot write */
            h->store_ok = false;
            (void)err_set(&h->store_error, ERR_IO, "%s", v->text);
        }
    }
}

static void put_part(struct call *c, const char *name, const char *heartbeat, bool ok,
                     const struct health *h)
{
    json_key(&c->w, name);
    json_object(&c->w);
    put_text(c, "status", ok ? "healthy" : "unhealthy");
    if (heartbeat != NULL && ok) {
        put_time(c, heartbeat, h->now_us);
    } else if (heartbeat != NULL) {
        put_null(c, heartbeat);
    }
    json_object_end(&c->w);
}

/* Triggers and DAG files are parts of the scheduler's process here, so they live when it does. */
static void put_parts(struct call *c, const struct health *h)
{
    put_part(c, "metadatabase", NULL, h->store_ok, h);
    put_part(c, "scheduler", "latest_scheduler_heartbeat", h->scheduler_ok, h);
    put_part(c, "triggerer", "latest_triggerer_heartbeat", h->scheduler_ok, h);
    put_part(c, "dag_processor", "latest_dag_processor_heartbeat", h->scheduler_ok, h);
}

int api_monitor_health(struct call *c, struct err *e)
{
    struct health h = {0};

    (void)e;
    look(c, &h);
    c->no_store = true;
    json_object(&c->w);
    put_parts(c, &h);
    json_object_end(&c->w);
    return 0;
}

void api_put_health(struct call *c)
{
    struct health h = {0};

    look(c, &h);
    json_key(&c->w, "health");
    json_object(&c->w);
    put_parts(c, &h);
    put_text(c, "message",
             !h.store_ok       ? arena_strdup(&c->arena, err_str(&h.store_error))
             : !h.scheduler_ok ? arena_strdup(&c->arena, err_str(&h.scheduler_error))
                               : NULL);
    json_object_end(&c->w);
}

int api_health(struct call *c, struct err *e)
{
    struct health h = {0};

    (void)e;
    look(c, &h);
    c->no_store = true;
    c->status = h.store_ok && h.scheduler_ok ? 200 : 503;
    json_object(&c->w);
    put_text(c, "status", c->status == 200 ? "healthy" : "unhealthy");
    put_parts(c, &h);
    json_key(&c->w, "errors");
    json_array(&c->w);
    if (!h.store_ok) {
        json_string(&c->w, err_str(&h.store_error));
    }
    if (!h.scheduler_ok) {
        json_string(&c->w, err_str(&h.scheduler_error));
    }
    json_array_end(&c->w);
    json_key(&c->w, "engine");
    if (h.stats != NULL) {
        json_value(&c->w, h.stats);
    } else {
        json_null(&c->w);
    }
    json_object_end(&c->w);
    return 0;
}

int api_version(struct call *c, struct err *e)
{
    (void)e;
    json_object(&c->w);
    put_text(c, "version", c->thread->server->config.version);
    put_null(c, "git_version");
    json_object_end(&c->w);
    return 0;
}
