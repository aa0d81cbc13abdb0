/*
 * States of a queue (of a DAG and partition):
 *
 *   GATHERING  the condition does not hold for what is in it
 *   READY      it holds; in the DAG's list, in the order in which that became so
 *   OUT        given out by asset_due_take; -> asset_due_consume takes it away; asset_due_made without that: READY again
 *
 *   absent --event--> GATHERING --condition holds--> READY --take--> OUT --consume--> absent
 *
 * Invariants
 *  1. A queue has a bit for each leaf that an event in it is of; bits are set only, until it is taken away.
 *  2. A DAG is in the list of those to be served exactly when something of it is READY and may be taken (may_take).
 *  3. A queue is given out by at most one take at a time: it is OUT until consume or made.
 *  4. What consume takes away is what was queued by then: an event that comes later makes a new queue.
 */
#include "sched/asset_due.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/asset_expr.h"
#include "model/partition.h"

enum queue_state { GATHERING, READY, OUT };

struct queue {
    struct queue *next; /* READY */
    enum queue_state state;
    uint32_t count; /* events in it */
    char *partition;
    uint64_t bits[]; /* of the leaves */
};

struct entry {
    int64_t dag_key;
    const struct asset_expr *expr;
    const struct partition_map *partitions;
    bool paused, here, restoring, listed, touched;
    int32_t max_active, active, out;
    struct queue **queues; /* by partition */
    size_t len, cap;
    struct queue *first, **last; /* READY ones */
    struct entry *next, *prev;   /* of those to be served */
    uint64_t *bits;              /* of the event at hand */
};

/* Who waits for a name, a URI, an asset or an alias. */
struct watchers {
    struct watch {
        struct entry *entry;
        uint32_t leaf;
    } * of;
    size_t len, cap;
};

struct asset_due {
    struct arena names;
    struct map watched; /* a letter and texts: struct watchers; owned */
    struct buf key;
    struct entry **entries; /* by dag_key */
    size_t len, cap;
    struct entry *first, *last; /* to be served */
    struct entry **touched;
    size_t touched_len, touched_cap;
    char *given; /* the partition that take gave out last */
};

/* ---- entries ---- */

static size_t place_of(const struct asset_due *d, int64_t dag_key)
{
    size_t low = 0, high = d->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->entries[mid]->dag_key < dag_key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct entry *find(const struct asset_due *d, int64_t dag_key)
{
    size_t i = place_of(d, dag_key);

    return i < d->len && d->entries[i]->dag_key == dag_key ? d->entries[i] : NULL;
}

static bool may_take(const struct entry *e)
{
    return e->first != NULL && e->here && !e->paused && !e->restoring &&
           (e->max_active <= 0 || e->active + e->out < e->max_active);
}

/* Invariant 2. */
static void list(struct asset_due *d, struct entry *e)
{
    bool should = may_take(e);

    if (should == e->listed) {
        return;
    }
    e->listed = should;
    if (should) {
        e->next = NULL;
        e->prev = d->last;
        *(d->last != NULL ? &d->last->next : &d->first) = e;
        d->last = e;
        return;
    }
    *(e->prev != NULL ? &e->prev->next : &d->first) = e->next;
    *(e->next != NULL ? &e->next->prev : &d->last) = e->prev;
}

/* ---- queues ---- */

static size_t queue_place(const struct entry *e, const char *partition, bool *ret_there)
{
    size_t low = 0, high = e->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(e->queues[mid]->partition, partition) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *ret_there = low < e->len && strcmp(e->queues[low]->partition, partition) == 0;
    return low;
}

static struct queue *queue_find(const struct entry *e, const char *partition)
{
    bool there;
    size_t i = queue_place(e, partition, &there);

    return there ? e->queues[i] : NULL;
}

static void queue_free(struct queue *q)
{
    mem_free(q->partition);
    mem_free(q);
}

static struct queue *queue_add(struct entry *e, const char *partition)
{
    size_t words = ASSET_BITS_WORDS(e->expr->leaves_len), i;
    struct queue *q = mem_zalloc(sizeof *q + words * sizeof q->bits[0]);
    bool there;

    if (q != NULL) {
        q->partition = mem_strdup(partition);
    }
    if (q == NULL || q->partition == NULL || VEC_PUSH(e->queues, e->len, e->cap, q) != 0) {
        mem_free(q != NULL ? q->partition : NULL);
        mem_free(q);
        return NULL;
    }
    e->len--; /* it stands behind the others; its place is further up */
    i = queue_place(e, partition, &there);
    memmove(e->queues + i + 1, e->queues + i, (e->len - i) * sizeof(struct queue *));
    e->queues[i] = q;
    e->len++;
    return q;
}

static void unready(struct entry *e, struct queue *q)
{
    struct queue **p = &e->first;

    while (*p != q) {
        p = &(*p)->next;
    }
    *p = q->next;
    e->last = q->next == NULL ? p : e->last;
    q->next = NULL;
    q->state = GATHERING;
}

static void ready(struct entry *e, struct queue *q)
{
    q->state = READY;
    q->next = NULL;
    *e->last = q;
    e->last = &q->next;
}

/* It became GATHERING, or its bits grew. */
static void settle(struct asset_due *d, struct entry *e, struct queue *q)
{
    if (q->state == GATHERING && asset_expr_holds(e->expr, q->bits)) {
        ready(e, q);
    }
    list(d, e);
}

static void queue_remove(struct entry *e, struct queue *q)
{
    bool there;
    size_t i = queue_place(e, q->partition, &there);

    assert(there);
    if (q->state == READY) {
        unready(e, q);
    }
    e->len--;
    memmove(e->queues + i, e->queues + i + 1, (e->len - i) * sizeof(struct queue *));
    queue_free(q);
}

static void empty(struct asset_due *d, struct entry *e)
{
    for (size_t i = 0; i < e->len; i++) {
        queue_free(e->queues[i]);
    }
    e->len = 0;
    e->first = NULL;
    e->last = &e->first;
    list(d, e);
}

/* ---- who waits for what ---- */

/* A letter and one or two texts, with their NULs, in d->key. */
static int make_key(struct asset_due *d, char letter, const char *a, const char *b)
{
    const char *texts[] = {a, b};

    buf_clear(&d->key);
    (void)buf_char(&d->key, letter);
    for (size_t i = 0; i < 2 && texts[i] != NULL; i++) {
        (void)buf_append(&d->key, texts[i], strlen(texts[i]) + 1);
    }
    return buf_status(&d->key) != 0 ? -ERR_NOMEM : 0;
}

static int leaf_key(struct asset_due *d, const struct asset_leaf *l)
{
    static const char letters[] = {[ASSET_LEAF_ASSET] = 's',
                                   [ASSET_LEAF_NAME] = 'n',
                                   [ASSET_LEAF_URI] = 'u',
                                   [ASSET_LEAF_ALIAS] = 'a'};

    return make_key(d, letters[l->kind], l->name != NULL ? l->name : l->uri,
                    l->kind == ASSET_LEAF_ASSET ? l->uri : NULL);
}

static int map_put(struct asset_due *d, void *value)
{
    char *key = arena_alloc(&d->names, d->key.len);

    if (key == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(key, d->key.p, d->key.len);
    return map_add(&d->watched, key, d->key.len, value, NULL);
}

static int watch(struct asset_due *d, struct entry *e, uint32_t leaf)
{
    struct watch w = {e, leaf};
    struct watchers *to;
    int rc = leaf_key(d, &e->expr->leaves[leaf]);

    if (rc != 0) {
        return rc;
    }
    to = map_find(&d->watched, buf_cstr(&d->key), d->key.len);
    if (to == NULL) {
        to = mem_zalloc(sizeof *to);
        rc = to != NULL ? map_put(d, to) : -ERR_NOMEM;
        if (rc != 0) {
            mem_free(to);
            return rc;
        }
    }
    return VEC_PUSH(to->of, to->len, to->cap, w);
}

static void unwatch(struct asset_due *d, struct entry *e)
{
    for (uint32_t i = 0; i < e->expr->leaves_len; i++) {
        struct watchers *of = NULL;

        if (leaf_key(d, &e->expr->leaves[i]) == 0) {
            of = map_find(&d->watched, buf_cstr(&d->key), d->key.len);
        }
        for (size_t k = 0; of != NULL && k < of->len; k++) {
            if (of->of[k].entry == e) {
                of->len--;
                memmove(of->of + k, of->of + k + 1, (of->len - k) * sizeof of->of[0]);
                break;
            }
        }
    }
}

/* ---- the contract: DAGs ---- */

struct asset_due *asset_due_new(void)
{
    struct asset_due *d = mem_zalloc(sizeof *d);

    if (d != NULL) {
        arena_init(&d->names, MiB(1024));
        map_init(&d->watched);
        buf_init(&d->key, MiB(8));
    }
    return d;
}

static void entry_free(struct entry *e)
{
    for (size_t i = 0; i < e->len; i++) {
        queue_free(e->queues[i]);
    }
    mem_free(e->queues);
    mem_free(e->bits);
    mem_free(e);
}

void asset_due_free(struct asset_due *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->len; i++) {
        entry_free(d->entries[i]);
    }
    for (size_t i = 0; i < d->watched.len; i++) {
        struct watchers *w = d->watched.entries[i].value;

        mem_free(w->of);
        mem_free(w);
    }
    map_fini(&d->watched);
    arena_fini(&d->names);
    buf_fini(&d->key);
    mem_free(d->entries);
    mem_free(d->touched);
    mem_free(d->given);
    mem_free(d);
}

static int set_expr(struct asset_due *d, struct entry *e, const struct asset_expr *expr)
{
    size_t words = ASSET_BITS_WORDS(expr->leaves_len);
    uint64_t *bits = mem_array(words + 1, sizeof *bits);
    int rc = bits != NULL ? 0 : -ERR_NOMEM;

    if (rc != 0) {
        return rc;
    }
    if (e->expr != NULL) {
        unwatch(d, e);
    }
    empty(d, e);
    mem_free(e->bits);
    e->bits = bits;
    e->expr = expr;
    e->restoring = true;
    for (uint32_t i = 0; rc == 0 && i < expr->leaves_len; i++) {
        rc = watch(d, e, i);
    }
    return rc;
}

static int add(struct asset_due *d, int64_t dag_key, struct entry **ret)
{
    size_t i = place_of(d, dag_key);
    struct entry *e = mem_zalloc(sizeof *e);

    if (e == NULL || VEC_PUSH(d->entries, d->len, d->cap, e) != 0) {
        mem_free(e);
        return -ERR_NOMEM;
    }
    d->len--;
    memmove(d->entries + i + 1, d->entries + i, (d->len - i) * sizeof(struct entry *));
    d->entries[i] = e;
    d->len++;
    e->dag_key = dag_key;
    e->last = &e->first;
    *ret = e;
    return 0;
}

int asset_due_set(struct asset_due *d, const struct asset_due_dag *dag)
{
    struct entry *e = find(d, dag->dag_key);
    int rc = e == NULL ? add(d, dag->dag_key, &e) : 0;

    if (rc != 0) {
        return rc;
    }
    if (e->expr != dag->expr) {
        rc = set_expr(d, e, dag->expr);
        if (rc != 0) {
            e->expr = e->bits != NULL ? e->expr : NULL;
            asset_due_remove(d, dag->dag_key);
            return rc;
        }
    }
    e->partitions = dag->partitions;
    e->paused = dag->paused;
    e->here = dag->here;
    e->max_active = dag->max_active_runs;
    e->active = dag->active;
    list(d, e);
    return 0;
}

void asset_due_remove(struct asset_due *d, int64_t dag_key)
{
    size_t i = place_of(d, dag_key);
    struct entry *e = find(d, dag_key);

    if (e == NULL) {
        return;
    }
    empty(d, e);
    if (e->expr != NULL) {
        unwatch(d, e);
    }
    d->len--;
    memmove(d->entries + i, d->entries + i + 1, (d->len - i) * sizeof(struct entry *));
    entry_free(e);
}

void asset_due_paused(struct asset_due *d, int64_t dag_key, bool paused)
{
    struct entry *e = find(d, dag_key);

    if (e != NULL) {
        e->paused = paused;
        list(d, e);
    }
}

void asset_due_here(struct asset_due *d, int64_t dag_key, bool here)
{
    struct entry *e = find(d, dag_key);

    if (e != NULL) {
        e->here = here;
        list(d, e);
    }
}

void asset_due_active(struct asset_due *d, int64_t dag_key, int32_t change)
{
    struct entry *e = find(d, dag_key);

    if (e != NULL) {
        e->active += change;
        e->active = e->active > 0 ? e->active : 0;
        list(d, e);
    }
}

/* ---- the contract: events ---- */

static void mark(struct asset_due *d, struct entry *e, uint32_t leaf, int *rc)
{
    if (!e->touched) {
        if (VEC_PUSH(d->touched, d->touched_len, d->touched_cap, e) != 0) {
            *rc = -ERR_NOMEM;
            return;
        }
        e->touched = true;
        memset(e->bits, 0, ASSET_BITS_WORDS(e->expr->leaves_len) * sizeof e->bits[0]);
    }
    e->bits[leaf / 64] |= UINT64_C(1) << (leaf % 64);
}

/* Those who wait for the key at hand. */
static int mark_all(struct asset_due *d)
{
    struct watchers *of = map_find(&d->watched, buf_cstr(&d->key), d->key.len);
    int rc = 0;

    for (size_t i = 0; of != NULL && rc == 0 && i < of->len; i++) {
        mark(d, of->of[i].entry, of->of[i].leaf, &rc);
    }
    return rc;
}

static void unmark(struct asset_due *d)
{
    for (size_t i = 0; i < d->touched_len; i++) {
        d->touched[i]->touched = false;
    }
    d->touched_len = 0;
}

static int by_key(const void *x, const void *y)
{
    int64_t a = (*(struct entry *const *)x)->dag_key, b = (*(struct entry *const *)y)->dag_key;

    return a < b ? -1 : a > b;
}

/* d->touched: the DAGs that the event concerns, with its leaves in their bits. */
static int touch(struct asset_due *d, const struct asset_due_event *ev)
{
    int rc = make_key(d, 's', ev->name, ev->uri);

    rc = rc == 0 ? mark_all(d) : rc;
    rc = rc == 0 ? make_key(d, 'n', ev->name, NULL) : rc;
    rc = rc == 0 ? mark_all(d) : rc;
    rc = rc == 0 ? make_key(d, 'u', ev->uri, NULL) : rc;
    rc = rc == 0 ? mark_all(d) : rc;
    for (size_t at = 0; rc == 0 && at < ev->aliases_len; at += strlen(ev->aliases + at) + 1) {
        rc = make_key(d, 'a', ev->aliases + at, NULL);
        rc = rc == 0 ? mark_all(d) : rc;
    }
    if (d->touched_len > 1) {
        qsort(d->touched, d->touched_len, sizeof(struct entry *), by_key);
    }
    return rc;
}

static void put_bits(struct asset_due *d, struct entry *e, struct queue *q)
{
    for (size_t i = 0; i < ASSET_BITS_WORDS(e->expr->leaves_len); i++) {
        q->bits[i] |= e->bits[i];
    }
    settle(d, e, q);
}

static int queue_event(struct asset_due *d, struct entry *e, const char *partition,
                       asset_due_fn *fn, void *arg)
{
    struct queue *q = queue_find(e, partition);
    int rc;

    if (q != NULL ? q->count >= LIMIT_ASSET_QUEUE : e->len >= LIMIT_ASSET_PARTITIONS) {
        return fn(arg, e->dag_key, ASSET_DUE_FULL, partition);
    }
    q = q != NULL ? q : queue_add(e, partition);
    if (q == NULL) {
        return -ERR_NOMEM;
    }
    rc = fn(arg, e->dag_key, ASSET_DUE_QUEUED, partition);
    q->count++;
    put_bits(d, e, q);
    return rc;
}

static int concern(struct asset_due *d, struct entry *e, const struct asset_due_event *ev,
                   asset_due_fn *fn, void *arg)
{
    char partition[PARTITION_KEY_MAX];
    struct err err = {0};

    if (e->paused || (e->partitions == NULL && ev->partition_key != NULL)) {
        return 0;
    }
    if (e->partitions == NULL) {
        return queue_event(d, e, "", fn, arg);
    }
    if (ev->partition_key == NULL) {
        return fn(arg, e->dag_key, ASSET_DUE_NO_KEY, "");
    }
    if (partition_map_key(e->partitions, ev->name, ev->uri, ev->partition_key, partition, &err) !=
        0) {
        return fn(arg, e->dag_key, ASSET_DUE_BAD_KEY, err_str(&err));
    }
    return queue_event(d, e, partition, fn, arg);
}

int asset_due_event(struct asset_due *d, const struct asset_due_event *ev, asset_due_fn *fn,
                    void *arg)
{
    int rc = touch(d, ev);

    for (size_t i = 0; rc == 0 && i < d->touched_len; i++) {
        rc = concern(d, d->touched[i], ev, fn, arg);
    }
    unmark(d);
    return rc;
}

int asset_due_restore(struct asset_due *d, int64_t dag_key, const char *partition,
                      const struct asset_due_event *shape, uint32_t count, bool *ret_kept)
{
    struct entry *e = find(d, dag_key);
    struct queue *q;
    int rc = 0;

    *ret_kept = true;
    if (e == NULL) {
        return 0;
    }
    for (uint32_t i = 0; rc == 0 && i < e->expr->leaves_len; i++) {
        if (asset_leaf_is(&e->expr->leaves[i], shape->name, shape->uri, shape->aliases,
                          shape->aliases_len)) {
            mark(d, e, i, &rc);
        }
    }
    /* A DAG that is by partition now has no use for what was queued without one, nor the other way. */
    *ret_kept = e->touched && (e->partitions != NULL) == (partition[0] != '\0');
    if (rc == 0 && *ret_kept) {
        q = queue_find(e, partition);
        q = q != NULL ? q : queue_add(e, partition);
        rc = q != NULL ? 0 : -ERR_NOMEM;
        if (q != NULL) {
            q->count = count < UINT32_MAX - q->count ? q->count + count : UINT32_MAX;
            put_bits(d, e, q);
        }
    }
    unmark(d);
    return rc;
}

void asset_due_restored(struct asset_due *d, int64_t dag_key)
{
    struct entry *e = find(d, dag_key);

    if (e != NULL) {
        e->restoring = false;
        list(d, e);
    }
}

/* ---- the contract: runs ---- */

bool asset_due_take(struct asset_due *d, struct asset_due_run *ret)
{
    struct entry *e = d->first;
    struct queue *q;

    if (e == NULL) {
        return false;
    }
    mem_free(d->given);
    d->given = mem_strdup(e->first->partition);
    if (d->given == NULL) {
        return false; /* it stays ready */
    }
    q = e->first;
    unready(e, q);
    q->state = OUT;
    e->out++;
    /* to the end of the list: the others are next */
    e->listed = false;
    d->first = e->next;
    *(d->first != NULL ? &d->first->prev : &d->last) = NULL;
    list(d, e);
    *ret = (struct asset_due_run){e->dag_key, d->given};
    return true;
}

bool asset_due_consume(struct asset_due *d, int64_t dag_key, const char *partition)
{
    struct entry *e = find(d, dag_key);
    struct queue *q = e != NULL ? queue_find(e, partition) : NULL;

    if (q == NULL || q->state != OUT || e->paused || !e->here || e->restoring ||
        !asset_expr_holds(e->expr, q->bits)) {
        return false;
    }
    queue_remove(e, q);
    return true;
}

void asset_due_made(struct asset_due *d, int64_t dag_key, const char *partition)
{
    struct entry *e = find(d, dag_key);
    struct queue *q = e != NULL ? queue_find(e, partition) : NULL;

    if (e == NULL) {
        return;
    }
    e->out -= e->out > 0;
    if (q != NULL && q->state == OUT) {
        q->state = GATHERING;
        settle(d, e, q);
    }
    list(d, e);
}
