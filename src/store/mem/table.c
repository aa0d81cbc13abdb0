/* Hash tables and lists whose links lie in the nodes: adding and removing never fail. */
#include <assert.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "store/mem/priv.h"

#define BUCKETS_FIRST 64

static uint32_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32);
}

static uint32_t mix2(int64_t a, uint64_t b)
{
    return mix((uint64_t)a * UINT64_C(0x2545f4914f6cdd1d) + b);
}

static uint32_t hash_text(const char *s)
{
    return hash_bytes(s, strlen(s));
}

static uint32_t hash_key(const struct ti_key *k)
{
    return mix2(k->run_key, (uint64_t)k->task << 32 | (uint32_t)k->map_index);
}

uint32_t row_hash(enum kind kind, const void *row, int link)
{
    assert(kind < KIND_TABLES_);
    switch (kind) {
    case KIND_DAG: {
        const struct dag_row *r = row;

        return link == 0 ? mix2(r->dag_key, 0) : hash_text(r->dag_id);
    }
    case KIND_VERSION: {
        const struct version_row *r = row;

        return link == 0 ? mix2(r->version_key, 0) : mix2(r->dag_key, hash_text(r->hash));
    }
    case KIND_RUN: {
        const struct run_row *r = row;

        return link == 0 ? mix2(r->run_key, 0) : mix2(r->dag_key, hash_text(r->run_id));
    }
    case KIND_TI:
        return hash_key(&((const struct ti_row *)row)->key);
    case KIND_XCOM: {
        const struct xcom_row *r = row;

        return link == 0 ? mix2(hash_key(&r->key), hash_text(r->name)) : hash_key(&r->key);
    }
    case KIND_RENDERED:
        return hash_key(&((const struct rendered_row *)row)->key);
    case KIND_ATTEMPT: {
        const struct attempt_row *r = row;

        return mix2(hash_key(&r->key), r->try_number);
    }
    case KIND_COMMAND:
        return hash_text(((const struct command_row *)row)->key);
    case KIND_POOL:
        return hash_text(((const struct pool_row *)row)->name);
    case KIND_GRANT:
        return hash_text(((const struct held_grant *)row)->resource);
    case KIND_ASSET: {
        const struct asset_row *r = row;

        return mix2(hash_text(r->name), hash_text(r->uri));
    }
    case KIND_BACKFILL:
        return mix2(((const struct backfill_row *)row)->backfill_key, 0);
    case KIND_BACKFILL_RUN: {
        const struct backfill_run_row *r = row;

        return mix2(r->backfill_key, r->ordinal);
    }
    case KIND_ALERT:
        return mix2(((const struct alert_row *)row)->alert_key, 0);
    case KIND_DEADLINE: {
        const struct deadline_row *r = row;

        return mix2(r->run_key, (uint64_t)r->n);
    }
    case KIND_CONSUMER:
        return mix2(((const struct asset_consumer_row *)row)->dag_key, 0);
    case KIND_ARRIVAL: {
        const struct arrival_row *r = row;

        return mix2(hash_text(r->watcher), hash_text(r->path));
    }
    case KIND_NOTE:
        return hash_key(&((const struct note_row *)row)->key);
    default:
        return 0; /* no other kind has a key */
    }
}

static bool same_key(const struct ti_key *a, const struct ti_key *b)
{
    return a->run_key == b->run_key && a->task == b->task && a->map_index == b->map_index;
}

static bool same_name(enum kind kind, const void *x, const void *y)
{
    if (kind == KIND_DAG) {
        return strcmp(((const struct dag_row *)x)->dag_id, ((const struct dag_row *)y)->dag_id) ==
               0;
    }
    if (kind == KIND_VERSION) {
        const struct version_row *a = x, *b = y;

        return a->dag_key == b->dag_key && strcmp(a->hash, b->hash) == 0;
    }
    if (kind == KIND_XCOM) { /* by instance, so that clearing one finds its own */
        return same_key(&((const struct xcom_row *)x)->key, &((const struct xcom_row *)y)->key);
    }
    assert(kind == KIND_RUN);
    return ((const struct run_row *)x)->dag_key == ((const struct run_row *)y)->dag_key &&
           strcmp(((const struct run_row *)x)->run_id, ((const struct run_row *)y)->run_id) == 0;
}

static bool same(enum kind kind, const void *x, const void *y)
{
    switch (kind) {
    case KIND_DAG:
        return ((const struct dag_row *)x)->dag_key == ((const struct dag_row *)y)->dag_key;
    case KIND_VERSION:
        return ((const struct version_row *)x)->version_key ==
               ((const struct version_row *)y)->version_key;
    case KIND_RUN:
        return ((const struct run_row *)x)->run_key == ((const struct run_row *)y)->run_key;
    case KIND_TI:
        return same_key(&((const struct ti_row *)x)->key, &((const struct ti_row *)y)->key);
    case KIND_XCOM: {
        const struct xcom_row *a = x, *b = y;

        return same_key(&a->key, &b->key) && strcmp(a->name, b->name) == 0;
    }
    case KIND_RENDERED:
        return same_key(&((const struct rendered_row *)x)->key,
                        &((const struct rendered_row *)y)->key);
    case KIND_ATTEMPT: {
        const struct attempt_row *a = x, *b = y;

        return same_key(&a->key, &b->key) && a->try_number == b->try_number;
    }
    case KIND_COMMAND:
        return strcmp(((const struct command_row *)x)->key, ((const struct command_row *)y)->key) ==
               0;
    case KIND_POOL:
        return strcmp(((const struct pool_row *)x)->name, ((const struct pool_row *)y)->name) == 0;
    case KIND_GRANT: {
        const struct held_grant *a = x, *b = y;

        return a->shard == b->shard && strcmp(a->resource, b->resource) == 0;
    }
    case KIND_BACKFILL:
        return ((const struct backfill_row *)x)->backfill_key ==
               ((const struct backfill_row *)y)->backfill_key;
    case KIND_BACKFILL_RUN: {
        const struct backfill_run_row *a = x, *b = y;

        return a->backfill_key == b->backfill_key && a->ordinal == b->ordinal;
    }
    case KIND_ASSET: {
        const struct asset_row *a = x, *b = y;

        return strcmp(a->name, b->name) == 0 && strcmp(a->uri, b->uri) == 0;
    }
    case KIND_ALERT:
        return ((const struct alert_row *)x)->alert_key == ((const struct alert_row *)y)->alert_key;
    case KIND_DEADLINE: {
        const struct deadline_row *a = x, *b = y;

        return a->run_key == b->run_key && a->n == b->n;
    }
    case KIND_CONSUMER:
        return ((const struct asset_consumer_row *)x)->dag_key ==
               ((const struct asset_consumer_row *)y)->dag_key;
    case KIND_ARRIVAL: {
        const struct arrival_row *a = x, *b = y;

        return strcmp(a->watcher, b->watcher) == 0 && strcmp(a->path, b->path) == 0;
    }
    case KIND_NOTE:
        return same_key(&((const struct note_row *)x)->key, &((const struct note_row *)y)->key);
    default:
        return false;
    }
}

int mem_table_init(struct table *t)
{
    t->buckets = mem_array(BUCKETS_FIRST, sizeof(struct node *));
    t->buckets_len = BUCKETS_FIRST;
    t->len = 0;
    return t->buckets != NULL ? 0 : -ERR_NOMEM;
}

void mem_table_fini(struct table *t, int link)
{
    for (size_t i = 0; t->buckets != NULL && link == 0 && i < t->buckets_len; i++) {
        struct node *n = t->buckets[i];

        while (n != NULL) {
            struct node *next = n->chain[0];

            mem_free(n);
            n = next;
        }
    }
    mem_free(t->buckets);
    *t = (struct table){0};
}

static void grow(struct table *t, int link)
{
    size_t len = t->buckets_len * 4;
    struct node **buckets = mem_array(len, sizeof *buckets);

    if (buckets == NULL) {
        return; /* chains get longer; nothing is lost */
    }
    for (size_t i = 0; i < t->buckets_len; i++) {
        struct node *n = t->buckets[i];

        while (n != NULL) {
            struct node *next = n->chain[link];
            size_t b = n->hash[link] & (len - 1);

            n->chain[link] = buckets[b];
            buckets[b] = n;
            n = next;
        }
    }
    mem_free(t->buckets);
    t->buckets = buckets;
    t->buckets_len = len;
}

void mem_table_add(struct table *t, struct node *n, int link)
{
    size_t b;

    if (t->len >= t->buckets_len) {
        grow(t, link);
    }
    n->hash[link] = row_hash(n->kind, node_row(n), link);
    b = n->hash[link] & (t->buckets_len - 1);
    n->chain[link] = t->buckets[b];
    t->buckets[b] = n;
    t->len++;
}

void mem_table_remove(struct table *t, struct node *n, int link)
{
    struct node **p = &t->buckets[n->hash[link] & (t->buckets_len - 1)];

    while (*p != n) {
        assert(*p != NULL);
        p = &(*p)->chain[link];
    }
    *p = n->chain[link];
    t->len--;
}

struct node *mem_table_find(const struct table *t, enum kind kind, const void *probe, int link)
{
    uint32_t hash = row_hash(kind, probe, link);
    struct node *n = t->buckets[hash & (t->buckets_len - 1)];

    for (; n != NULL; n = n->chain[link]) {
        if (n->hash[link] == hash &&
            (link == 0 ? same(kind, node_row(n), probe) : same_name(kind, node_row(n), probe))) {
            return n;
        }
    }
    return NULL;
}

void list_append(struct list *l, struct node *n)
{
    n->list = l;
    n->prev = l->last;
    n->next = NULL;
    if (l->last != NULL) {
        l->last->next = n;
    } else {
        l->first = n;
    }
    l->last = n;
}

void list_remove(struct node *n)
{
    if (n->list == NULL) {
        return;
    }
    if (n->prev != NULL) {
        n->prev->next = n->next;
    } else {
        n->list->first = n->next;
    }
    if (n->next != NULL) {
        n->next->prev = n->prev;
    } else {
        n->list->last = n->prev;
    }
    n->list = NULL;
}

int owners_init(struct owners *o)
{
    o->buckets = mem_array(BUCKETS_FIRST, sizeof(struct owner *));
    o->buckets_len = BUCKETS_FIRST;
    o->len = 0;
    return o->buckets != NULL ? 0 : -ERR_NOMEM;
}

void owners_fini(struct owners *o)
{
    for (size_t i = 0; o->buckets != NULL && i < o->buckets_len; i++) {
        struct owner *owner = o->buckets[i];

        while (owner != NULL) {
            struct owner *next = owner->chain;

            mem_free(owner);
            owner = next;
        }
    }
    mem_free(o->buckets);
    *o = (struct owners){0};
}

struct owner *owners_find(const struct owners *o, int64_t key)
{
    struct owner *owner = o->buckets[mix2(key, 0) & (o->buckets_len - 1)];

    while (owner != NULL && owner->key != key) {
        owner = owner->chain;
    }
    return owner;
}

static void grow_owners(struct owners *o)
{
    size_t len = o->buckets_len * 4;
    struct owner **buckets = mem_array(len, sizeof *buckets);

    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < o->buckets_len; i++) {
        struct owner *owner = o->buckets[i];

        while (owner != NULL) {
            struct owner *next = owner->chain;
            size_t b = mix2(owner->key, 0) & (len - 1);

            owner->chain = buckets[b];
            buckets[b] = owner;
            owner = next;
        }
    }
    mem_free(o->buckets);
    o->buckets = buckets;
    o->buckets_len = len;
}

struct owner *owners_get(struct owners *o, int64_t key)
{
    struct owner *owner = owners_find(o, key);
    size_t b;

    if (owner != NULL) {
        return owner;
    }
    owner = mem_zalloc(sizeof *owner);
    if (owner == NULL) {
        return NULL;
    }
    if (o->len >= o->buckets_len) {
        grow_owners(o);
    }
    b = mix2(key, 0) & (o->buckets_len - 1);
    owner->key = key;
    owner->chain = o->buckets[b];
    o->buckets[b] = owner;
    o->len++;
    return owner;
}

void owners_remove(struct owners *o, struct owner *owner)
{
    struct owner **p = &o->buckets[mix2(owner->key, 0) & (o->buckets_len - 1)];

    while (*p != owner) {
        assert(*p != NULL);
        p = &(*p)->chain;
    }
    *p = owner->chain;
    o->len--;
    mem_free(owner);
}
