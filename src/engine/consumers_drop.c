/* A person says that events of assets are not to be waited with any more (docs/internals/wire.md, asset_queue_drop). */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/world.h"

struct all_call {
    struct engine *g;
    struct arena *arena;
    struct asset_consumer_row *rows;
    size_t len;
    struct err *e;
};

static int do_get_consumers(void *arg)
{
    struct all_call *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_asset_consumers(s, c->arena, &c->rows, &c->len, c->e);
}

static int number_of(const struct world_call *c, const char *name, int64_t dflt, int64_t *ret)
{
    const struct value *v = value_get(c->rq, name);

    *ret = dflt;
    return v == NULL || v->kind == VALUE_NULL ? 0 : value_int(v, 0, INT64_MAX, ret);
}

int engine_answer_queue_drop(const struct world_call *c, struct err *e)
{
    struct all_call all = {.g = c->g, .arena = c->arena, .e = e};
    const struct value *actor = value_get(c->rq, "actor");
    char subject[96];
    struct audit_row audit = {.actor = actor != NULL && actor->kind == VALUE_STRING ? actor->text
                                                                                    : "api",
                              .action = "drop queued asset events",
                              .subject = subject,
                              .at_us = engine_now(c->g)};
    int64_t dag_key, asset_key, before_us;
    size_t dropped = 0, n;
    int rc = 0;

    if (number_of(c, "dag_key", 0, &dag_key) != 0 ||
        number_of(c, "asset_key", 0, &asset_key) != 0 ||
        number_of(c, "before_us", TIME_NONE, &before_us) != 0 || (dag_key == 0 && asset_key == 0)) {
        return err_set(e, ERR_PROTOCOL, "asset_queue_drop needs a dag_key or an asset_key");
    }
    (void)snprintf(subject, sizeof subject, "DAG %lld asset %lld", (long long)dag_key,
                   (long long)asset_key);
    if (dag_key != 0) {
        rc = consumers_drop(c->g, dag_key, asset_key, before_us, &audit, &dropped, e);
    } else {
        rc = engine_on_store(c->g, do_get_consumers, &all);
    }
    for (size_t i = 0; rc == 0 && i < all.len; i++) {
        rc = consumers_drop(c->g, all.rows[i].dag_key, asset_key, before_us, &audit, &n, e);
        dropped += rc == 0 ? n : 0;
    }
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "dropped");
        json_int(c->w, (int64_t)dropped);
        json_object_end(c->w);
    }
    return rc;
}
