#include "server/dag_cache.h"

#include <stddef.h>

#include "model/dag.h"

static struct dag_kept *set_of(struct dag_cache *c, int64_t version_key)
{
    return c->kept[(uint64_t)version_key % DAG_CACHE_SETS];
}

static void drop(struct dag_cache *c, struct dag_kept *k)
{
    if (k->dag != NULL) {
        c->tasks -= k->dag->tasks_len;
        dag_unref(k->dag);
        *k = (struct dag_kept){0};
    }
}

const struct dag *server_dags_get(struct dag_cache *c, int64_t version_key)
{
    struct dag_kept *set = set_of(c, version_key);

    for (int i = 0; i < DAG_CACHE_WAYS; i++) {
        if (set[i].dag != NULL && set[i].version_key == version_key) {
            set[i].used = ++c->uses;
            return set[i].dag;
        }
    }
    return NULL;
}

/* The one that was used longest ago and is none of the newest; NULL: all are new. */
static struct dag_kept *oldest_of(struct dag_cache *c)
{
    struct dag_kept *all = &c->kept[0][0], *oldest = NULL;

    for (int i = 0; i < DAG_CACHE_SETS * DAG_CACHE_WAYS; i++) {
        if (all[i].dag != NULL && all[i].used + DAG_CACHE_WAYS <= c->uses &&
            (oldest == NULL || all[i].used < oldest->used)) {
            oldest = &all[i];
        }
    }
    return oldest;
}

void server_dags_put(struct dag_cache *c, int64_t version_key, struct dag *d)
{
    struct dag_kept *set = set_of(c, version_key), *place = &set[0], *old;

    for (int i = 1; i < DAG_CACHE_WAYS; i++) {
        if (set[i].used < place->used) {
            place = &set[i];
        }
    }
    drop(c, place);
    c->tasks += d->tasks_len;
    *place = (struct dag_kept){version_key, d, ++c->uses};
    while (c->tasks > DAG_CACHE_TASKS && (old = oldest_of(c)) != NULL) {
        drop(c, old);
    }
}

void server_dags_clear(struct dag_cache *c)
{
    for (int i = 0; i < DAG_CACHE_SETS * DAG_CACHE_WAYS; i++) {
        drop(c, &c->kept[0][0] + i);
    }
}
