/*
 * Resources: pools and parallelism, what we are granted of them, and wishes for more (rule 3).
 *
 * Of a resource that is exclusively ours all slots are ours. Of a shared one we use at most what is
 * granted. At the end of each step that changed it: needed = used + what waiting instances could
 * use now. More than is granted: we wish for the difference, up to the resource's total; the wish
 * is repeated every LIMIT_GRANT_RETRY_S until it is met, so a lost answer does no harm. Less: we
 * give the rest back at once, so that others have it.
 */
#include "sched/sched_priv.h"

struct limit *pool_get(struct sched *s, const char *name)
{
    struct limit *l;

    for (size_t i = 0; i < s->pools_len; i++) {
        if (strcmp(s->pools[i]->name, name) == 0) {
            return s->pools[i];
        }
    }
    l = mem_zalloc(sizeof *l);
    if (l == NULL) {
        s->nomem = true;
        return NULL;
    }
    limit_init(l, LIMIT_OF_POOL, 0);
    l->known = false;
    l->name = mem_strdup(name);
    if (l->name == NULL || VEC_PUSH(s->pools, s->pools_len, s->pools_cap, l) != 0) {
        mem_free(l->name);
        mem_free(l);
        s->nomem = true;
        return NULL;
    }
    return l;
}

static void tell(const struct limit *l, const char *name, struct sched_pool *ret)
{
    *ret = (struct sched_pool){name, l->slots, l->used, l->waiting};
}

size_t sched_get_pools(const struct sched *s, struct sched_pool *ret, size_t cap)
{
    size_t n = 0;

    if (cap > 0) {
        tell(&s->parallelism, PARALLELISM, &ret[n++]);
    }
    for (size_t i = 0; i < s->pools_len && n < cap; i++) {
        if (s->pools[i]->known) {
            tell(s->pools[i], s->pools[i]->name, &ret[n++]);
        }
    }
    return n;
}

/* One that changed settles its grants at the end of the step. */
void resource_changed(struct sched *s, struct limit *l)
{
    if (l->exclusive || l->changed || l->slots < 0) {
        return;
    }
    if (VEC_PUSH(s->changed, s->changed_len, s->changed_cap, l) != 0) {
        s->nomem = true;
        return;
    }
    l->changed = true;
}

void on_resource(struct sched *s, const struct sched_event *ev)
{
    struct limit *l = strcmp(ev->resource.name, PARALLELISM) == 0 ? &s->parallelism
                                                                  : pool_get(s, ev->resource.name);

    if (l == NULL) {
        return;
    }
    l->known = !ev->resource.gone;
    l->slots = ev->resource.gone ? 0 : ev->resource.slots;
    l->granted = ev->resource.gone ? 0 : ev->resource.granted;
    l->exclusive = ev->resource.exclusive || ev->resource.gone;
    if (l->exclusive) {
        l->asked = 0;
        timer_clear(s, &l->timer);
    }
    if (l->include_deferred != ev->resource.include_deferred) {
        l->include_deferred = ev->resource.include_deferred;
        pool_deferred(s, l);
    }
    resource_changed(s, l);
    limit_wake(s, l);
    l->backoff &= l->woken == 0; /* enough for somebody at last */
}

static int64_t needed(const struct limit *l)
{
    int64_t n = l->used + l->waiting;

    return n > l->slots ? (l->used > l->slots ? l->used : l->slots) : n;
}

static void give_back(struct sched *s, struct limit *l, int64_t keep)
{
    if (l->granted > keep) {
        out_grant(s, l->name, keep - l->granted);
        l->granted = keep;
    }
}

static void settle(struct sched *s, struct limit *l)
{
    int64_t n = needed(l);

    l->changed = false;
    if (l->exclusive || l->slots < 0) {
        return;
    }
    if (n <= l->granted) {
        l->asked = 0;
        l->backoff = false;
        timer_clear(s, &l->timer);
        give_back(s, l, n);
    } else if (l->backoff) {
        give_back(s, l, l->used);
    } else if (n - l->granted > l->asked || l->timer == 0) {
        l->asked = n - l->granted;
        out_grant(s, l->name, l->asked);
        timer_set(s, TIMER_GRANT, l, &l->timer, s->now_us + LIMIT_GRANT_RETRY_S * TIME_SECOND);
    }
}

void grants_settle(struct sched *s)
{
    for (size_t i = 0; i < s->changed_len; i++) {
        settle(s, s->changed[i]);
    }
    s->changed_len = 0;
}

/*
 * The wish was not met in time. It is said again; but where some slots were granted, too few for
 * whoever waits, two schedulers may each hold a part: then they are given back first, for a time
 * that differs between schedulers.
 */
void grant_retry(struct sched *s, struct limit *l)
{
    int64_t rest_us = LIMIT_GRANT_RETRY_S * TIME_SECOND;

    l->asked = 0;
    l->backoff = !l->backoff && limit_free(l) > 0 && l->parked > 0;
    if (l->backoff) {
        rest_us += (int64_t)prng_below(&s->prng, (uint64_t)rest_us);
        timer_set(s, TIMER_GRANT, l, &l->timer, s->now_us + rest_us);
    }
    resource_changed(s, l);
}
