/* What waits for runs by assets: a list in the order of commits; what runs consumed: in the run's list. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/mem/priv.h"

static bool is_of(const struct queued *q, int64_t dag_key, const char *partition)
{
    return q->dag_key == dag_key && (partition == NULL || strcmp(q->partition, partition) == 0);
}

static const struct asset_event_row *event_of(struct mem_store *m, int64_t event_key)
{
    for (struct node *n = m->events.last; n != NULL; n = n->prev) {
        const struct asset_event_row *r = node_row(n);

        if (r->event_key == event_key) {
            return r;
        }
    }
    return NULL;
}

static struct node *consumer(struct mem_store *m, int64_t dag_key)
{
    struct asset_consumer_row probe = {.dag_key = dag_key};

    return mem_table_find(&m->keys[KIND_CONSUMER], KIND_CONSUMER, &probe, 0);
}

static struct node *dag_of(struct mem_store *m, int64_t dag_key)
{
    struct dag_row probe = {.dag_key = dag_key};

    return mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0);
}

/* ---- written ---- */

static int put_consumer(struct mem_store *m, const struct asset_queue_row *r, struct err *e)
{
    struct asset_consumer_row row = {.dag_key = r->dag_key, .schedule = r->schedule};
    struct node *old = consumer(m, r->dag_key);
    int rc = 0;

    if (r->schedule != NULL) {
        return dag_of(m, r->dag_key) != NULL
                   ? mem_put(m, KIND_CONSUMER, &row, e)
                   : err_set(e, ERR_INVALID, "consumer %lld: there is no such DAG",
                             (long long)r->dag_key);
    }
    rc = old != NULL ? mem_take_out(m, old, e) : 0;
    for (struct node *n = m->queued.first, *next; rc == 0 && n != NULL; n = next) {
        next = n->next;
        rc = is_of(node_row(n), r->dag_key, NULL) ? mem_take_out(m, n, e) : 0;
    }
    return rc;
}

static int take(struct mem_store *m, const struct asset_queue_row *r, struct err *e)
{
    int rc = 0;

    for (struct node *n = m->queued.first, *next; rc == 0 && n != NULL; n = next) {
        const struct queued *q = node_row(n);

        next = n->next;
        if (is_of(q, r->dag_key, r->partition)) {
            struct run_event x = {r->run_key, q->event_key};

            rc = mem_put(m, KIND_RUN_EVENT, &x, e);
            rc = rc == 0 ? mem_take_out(m, n, e) : rc;
        }
    }
    return rc;
}

static int drop(struct mem_store *m, const struct asset_queue_row *r, struct err *e)
{
    int rc = 0;

    for (struct node *n = m->queued.first, *next; rc == 0 && n != NULL; n = next) {
        const struct queued *q = node_row(n);
        const struct asset_event_row *x = event_of(m, q->event_key);

        next = n->next;
        if (is_of(q, r->dag_key, r->partition) && x != NULL && x->asset_key == r->asset_key &&
            x->aliases_len == r->aliases_len &&
            (x->aliases_len == 0 || memcmp(x->aliases, r->aliases, x->aliases_len) == 0)) {
            rc = mem_take_out(m, n, e);
        }
    }
    return rc;
}

static int put_queued(struct mem_store *m, const struct store_batch *b,
                      const struct asset_queue_row *r, int64_t first_key, struct err *e)
{
    struct queued q = {r->dag_key, first_key + (int64_t)r->event, r->partition};

    if (r->op == ASSET_QUEUE_CONSUMER) {
        return put_consumer(m, r, e);
    }
    if (r->partition == NULL || (r->op == ASSET_QUEUE_ADD && r->event >= b->asset_events_len)) {
        return err_set(e, ERR_INVALID, "store: a queue without partition, or of no event");
    }
    switch (r->op) {
    case ASSET_QUEUE_ADD:
        return mem_put(m, KIND_QUEUED, &q, e);
    case ASSET_QUEUE_TAKE:
        return take(m, r, e);
    default:
        return drop(m, r, e);
    }
}

int mem_put_queue(struct mem_store *m, const struct store_batch *b, int64_t first_key,
                  struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->asset_queue_len; i++) {
        rc = put_queued(m, b, &b->asset_queue[i], first_key, e);
    }
    return rc;
}

void mem_drop_consumer(struct mem_store *m, int64_t dag_key)
{
    struct node *old = consumer(m, dag_key);

    if (old != NULL) {
        mem_drop(m, old);
    }
    for (struct node *n = m->queued.first, *next; n != NULL; n = next) {
        next = n->next;
        if (is_of(node_row(n), dag_key, NULL)) {
            mem_drop(m, n);
        }
    }
}

/* ---- read ---- */

static int by_dag(const void *x, const void *y)
{
    int64_t a = ((const struct asset_consumer_row *)x)->dag_key,
            b = ((const struct asset_consumer_row *)y)->dag_key;

    return a < b ? -1 : a > b;
}

int mem_get_asset_consumers(struct store *s, struct arena *a, struct asset_consumer_row **ret,
                            size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    const struct table *t = &m->keys[KIND_CONSUMER];
    struct asset_consumer_row *out = t->len > 0 ? arena_array(a, t->len, sizeof *out) : NULL;
    size_t n = 0;
    int rc = t->len == 0 || out != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < t->buckets_len; i++) {
        for (const struct node *x = t->buckets[i]; rc == 0 && x != NULL; x = x->chain[0]) {
            struct asset_consumer_row r = *(struct asset_consumer_row *)node_row(x);
            const struct dag_row *d = node_row(dag_of(m, r.dag_key));

            r.dag_id = d->dag_id;
            r.paused = d->paused;
            rc = row_copy(KIND_CONSUMER, &r, a, &out[n++]);
        }
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (out != NULL && n > 1) {
        qsort(out, n, sizeof *out, by_dag);
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

static int by_shape(const void *x, const void *y)
{
    const struct asset_queue_shape *a = x, *b = y;
    size_t n = a->aliases_len < b->aliases_len ? a->aliases_len : b->aliases_len;
    int c = strcmp(a->partition, b->partition);

    if (c != 0 || a->asset_key != b->asset_key) {
        return c != 0 ? c : a->asset_key < b->asset_key ? -1 : 1;
    }
    c = n > 0 ? memcmp(a->aliases, b->aliases, n) : 0;
    return c != 0 ? c : a->aliases_len < b->aliases_len ? -1 : a->aliases_len > b->aliases_len;
}

/* Neighbours of one shape become one. */
static size_t merge(struct asset_queue_shape *rows, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        struct asset_queue_shape *last = len > 0 ? &rows[len - 1] : NULL;

        if (last == NULL || by_shape(last, &rows[i]) != 0) {
            rows[len++] = rows[i];
            continue;
        }
        last->count++;
        last->first_us = rows[i].first_us < last->first_us ? rows[i].first_us : last->first_us;
        last->last_us = rows[i].last_us > last->last_us ? rows[i].last_us : last->last_us;
    }
    return len;
}

static int give_shape(struct mem_store *m, const struct queued *q, struct arena *a,
                      struct asset_queue_shape *ret)
{
    struct asset_event_row x = {0};
    int rc = mem_give_event(m, event_of(m, q->event_key), a, &x);

    *ret = (struct asset_queue_shape){.partition = arena_strdup(a, q->partition),
                                      .asset_key = x.asset_key,
                                      .name = x.name,
                                      .uri = x.uri,
                                      .aliases = x.aliases,
                                      .aliases_len = x.aliases_len,
                                      .count = 1,
                                      .first_us = x.at_us,
                                      .last_us = x.at_us};
    return rc == 0 && ret->partition == NULL ? -ERR_NOMEM : rc;
}

int mem_get_asset_queue(struct store *s, int64_t dag_key, struct arena *a,
                        struct asset_queue_shape **ret, size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    struct asset_queue_shape *out = NULL;
    size_t n = 0, i = 0;
    int rc = 0;

    for (struct node *x = m->queued.first; x != NULL; x = x->next) {
        n += is_of(node_row(x), dag_key, NULL);
    }
    if (n > 0) {
        out = arena_array(a, n, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (struct node *x = m->queued.first; rc == 0 && x != NULL; x = x->next) {
        if (is_of(node_row(x), dag_key, NULL)) {
            rc = give_shape(m, node_row(x), a, &out[i++]);
        }
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (n > 1) {
        qsort(out, n, sizeof *out, by_shape);
    }
    *ret_len = merge(out, n);
    *ret = out;
    return 0;
}

static int by_event(const void *x, const void *y)
{
    int64_t a = ((const struct asset_event_row *)x)->event_key,
            b = ((const struct asset_event_row *)y)->event_key;

    return a < b ? -1 : a > b;
}

int mem_get_run_events(struct store *s, int64_t run_key, size_t offset, size_t limit,
                       struct arena *a, struct asset_event_row **ret, size_t *ret_len,
                       struct err *e)
{
    struct mem_store *m = mem_store(s);
    struct owner *owner = owners_find(&m->runs, run_key);
    struct node *first = owner != NULL ? owner->lists[KIND_RUN_EVENT].first : NULL;
    struct asset_event_row *out = NULL;
    size_t n = 0, i = 0;
    int rc = 0;

    for (struct node *x = first; x != NULL; x = x->next) {
        n++;
    }
    if (n > 0) {
        out = arena_array(a, n, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (struct node *x = first; rc == 0 && x != NULL; x = x->next) {
        const struct asset_event_row *row =
            event_of(m, ((struct run_event *)node_row(x))->event_key);

        if (row != NULL) { /* it may have been pruned */
            rc = mem_give_event(m, row, a, &out[i++]);
        }
    }
    n = i;
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (n > 1) {
        qsort(out, n, sizeof *out, by_event);
    }
    offset = offset < n ? offset : n;
    n -= offset;
    *ret_len = limit != 0 && limit < n ? limit : n;
    *ret = *ret_len > 0 ? out + offset : NULL;
    return 0;
}
