/* Backfills: their runs are counted apart from the DAG's others, with a limit and a pause of their own. */
#include "sched/sched_priv.h"

#include "sched/heap.h"

static struct group *group_of(const struct run *r)
{
    for (size_t i = 0; i < r->owner->groups_len; i++) {
        if (r->owner->groups[i].backfill_key == r->backfill_key) {
            return &r->owner->groups[i];
        }
    }
    return NULL;
}

bool sched_backfill_is_first(const struct run *r)
{
    const struct group *g = r->backfill_key != 0 ? group_of(r) : NULL;

    return g != NULL && g->first_run == r->key;
}

/* Without runs nothing is left of it. */
static void forget(struct dag_state *d, struct group *g)
{
    if (g->queued_len == 0 && g->active == 0) {
        mem_free(g->queued);
        *g = d->groups[--d->groups_len];
    }
}

void sched_on_backfill(struct sched *s, const struct sched_event *ev)
{
    struct dag_state *d = dag_get(s, ev->backfill.dag_key);
    struct group *g = d != NULL ? group_get(s, d, ev->backfill.backfill_key) : NULL;

    if (g == NULL || ev->backfill.backfill_key == 0) {
        return;
    }
    g->max_active_runs = ev->backfill.max_active_runs;
    g->paused = ev->backfill.max_active_runs > 0 && ev->backfill.paused;
    g->backwards = ev->backfill.backwards;
    g->first_run = ev->backfill.first_run;
    if (ev->backfill.max_active_runs == 0) {
        forget(d, g);
    }
    dag_check(s, d);
}
