/* The engine as a service: drain, and what of the configuration changes while it runs. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine_priv.h"
#include "engine/world.h"

static void post_event(struct engine *g, const struct sched_event *ev)
{
    struct msg *m = mem_zalloc(sizeof *m);

    if (m !=
        NULL) { /* without memory nothing is queued either: the worker is paused all the same */
        m->type = MSG_EVENT;
        m->event = *ev;
        engine_post(g, m);
    }
}

void engine_drain(struct engine *g, bool on)
{
    const struct sched_event ev = {.type = SCHED_STORE_FULL, .full.full = on, .full.draining = on};

    if (g->draining == on || g->closing) {
        return;
    }
    g->draining = on;
    post_event(g, &ev);
    g->worker->ops->pause(g->worker, on || g->interrupted || g->stats.store_error != 0);
}

int engine_busy(struct engine *g)
{
    return g->worker->callbacks +
           (g->worker->ops->busy != NULL ? g->worker->ops->busy(g->worker) : 0);
}

static int set_slots(struct engine *g, const char *name, int64_t slots, struct err *e)
{
    struct request r = {.event.type = SCHED_RESOURCE};

    r.event.resource.name = name;
    r.event.resource.slots = (int32_t)slots;
    r.event.resource.granted = (int32_t)slots;
    r.event.resource.exclusive = true;
    return engine_ask(g, &r, e);
}

int engine_reconfigure(struct engine *g, const struct engine_settings *s, int32_t parallelism,
                       struct err *e)
{
    int rc = 0;

    g->settings.backfill_active = s->backfill_active;
    if (parallelism > 0 && parallelism != g->config.parallelism && g->worker->ops->resize != NULL) {
        rc = set_slots(g, "parallelism", engine_parallelism(parallelism), e);
        if (rc == 0) {
            g->config.parallelism = parallelism;
            g->worker->ops->resize(g->worker, parallelism);
        }
    }
    if (rc == 0 && s->default_pool_slots != g->settings.default_pool_slots) {
        rc = g->has_default_pool ? 0 : set_slots(g, "default_pool", s->default_pool_slots, e);
        if (rc == 0) {
            g->settings.default_pool_slots = s->default_pool_slots;
        }
    }
    return rc;
}

void engine_on_service(struct engine *g,
                       int (*fn)(void *arg, const char *op, struct json_writer *w, struct err *e),
                       void *arg)
{
    g->service = fn;
    g->service_arg = arg;
}

int engine_answer_service(const struct world_call *c, struct err *e)
{
    const struct value *op = value_get(c->rq, "op");
    int rc;

    if (op == NULL || op->kind != VALUE_STRING) {
        return err_set(e, ERR_PROTOCOL, "a request to the service needs op");
    }
    if (c->g->service == NULL) {
        return err_set(e, ERR_UNSUPPORTED,
                       "what works in this home is not a service; it ends by itself");
    }
    json_key(c->w, "result");
    json_object(c->w);
    rc = c->g->service(c->g->service_arg, op->text, c->w, e);
    json_object_end(c->w);
    return rc;
}
