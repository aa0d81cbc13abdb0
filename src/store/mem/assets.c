/* Assets, found by name and URI, and their events, in a list in the order of their keys. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/mem/priv.h"

static struct node *find(const struct mem_store *m, const char *name, const char *uri)
{
    struct asset_row probe = {.name = name, .uri = uri};

    return mem_table_find(&m->keys[KIND_ASSET], KIND_ASSET, &probe, 0);
}

/* ---- written ---- */

static int put_asset(struct mem_store *m, const struct asset_row *row, struct err *e)
{
    const char *missing = row_missing(KIND_ASSET, row);
    struct asset_row r = *row;
    struct node *old;

    if (missing != NULL) {
        return err_set(e, ERR_INVALID, "store: an asset without %s", missing);
    }
    old = find(m, r.name, r.uri);
    r.last_event_us = TIME_NONE;
    if (old != NULL) {
        r.asset_key = ((struct asset_row *)node_row(old))->asset_key;
        r.created_us = ((struct asset_row *)node_row(old))->created_us;
    } else {
        r.asset_key = ++m->asset_keys.asset;
    }
    return mem_put(m, KIND_ASSET, &r, e);
}

static int add_event(struct mem_store *m, const struct asset_event_row *row, struct err *e)
{
    struct asset_row asset = {.name = row->name,
                              .uri = row->uri,
                              .group = row->group,
                              .extra = row->asset_extra,
                              .created_us = row->at_us};
    struct asset_event_row r = *row;
    int rc = 0;

    if (row_missing(KIND_ASSET, &asset) != NULL || find(m, r.name, r.uri) == NULL) {
        rc = put_asset(m, &asset, e);
    }
    if (rc == 0) {
        r.event_key = ++m->asset_keys.event;
        r.asset_key = ((struct asset_row *)node_row(find(m, r.name, r.uri)))->asset_key;
        rc = mem_put(m, KIND_ASSET_EVENT, &r, e);
    }
    return rc;
}

int mem_put_assets(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->assets_len; i++) {
        rc = put_asset(m, &b->assets[i], e);
    }
    for (size_t i = 0; rc == 0 && i < b->asset_events_len; i++) {
        rc = add_event(m, &b->asset_events[i], e);
    }
    return rc;
}

/* ---- assets read ---- */

static int by_name(const void *x, const void *y)
{
    const struct asset_row *a = *(const struct asset_row *const *)x,
                           *b = *(const struct asset_row *const *)y;
    int c = strcmp(a->name, b->name);

    return c != 0 ? c : strcmp(a->uri, b->uri);
}

/* A copy of an asset, with the time of its newest event. */
static int give_asset(struct mem_store *m, const struct asset_row *row, struct arena *a,
                      struct asset_row *ret)
{
    int rc = row_copy(KIND_ASSET, row, a, ret);

    for (struct node *n = m->events.last; rc == 0 && n != NULL; n = n->prev) {
        const struct asset_event_row *event = node_row(n);

        if (event->asset_key == row->asset_key) {
            ret->last_event_us = event->at_us;
            break;
        }
    }
    return rc;
}

int mem_get_assets(struct store *s, size_t offset, size_t limit, struct arena *a,
                   struct asset_row **ret, size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    const struct table *t = &m->keys[KIND_ASSET];
    MEM_CLEANUP const struct asset_row **all = mem_array(t->len + 1, sizeof *all);
    struct asset_row *out = NULL;
    size_t n = 0;
    int rc = all != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < t->buckets_len; i++) {
        for (const struct node *x = t->buckets[i]; x != NULL; x = x->chain[0]) {
            all[n++] = node_row(x);
        }
    }
    if (n > 1) {
        qsort(all, n, sizeof *all, by_name);
    }
    offset = offset < n ? offset : n;
    n -= offset;
    n = limit != 0 && limit < n ? limit : n;
    if (rc == 0 && n > 0) {
        out = arena_array(a, n, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = give_asset(m, all[offset + i], a, &out[i]);
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

int mem_find_asset(struct store *s, const char *name, const char *uri, struct arena *a,
                   struct asset_row *ret, struct err *e)
{
    struct mem_store *m = mem_store(s);
    const struct table *t = &m->keys[KIND_ASSET];
    const struct asset_row *best = NULL;

    for (size_t i = 0; (name != NULL || uri != NULL) && i < t->buckets_len; i++) {
        for (const struct node *x = t->buckets[i]; x != NULL; x = x->chain[0]) {
            const struct asset_row *r = node_row(x);

            if ((name == NULL || strcmp(r->name, name) == 0) &&
                (uri == NULL || strcmp(r->uri, uri) == 0) &&
                (best == NULL || r->asset_key > best->asset_key)) {
                best = r;
            }
        }
    }
    if (best == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no asset '%s'", name != NULL ? name : uri);
    }
    return give_asset(m, best, a, ret) == 0 ? 0 : err_set(e, ERR_NOMEM, "store: out of memory");
}

/* ---- events read ---- */

static bool has_alias(const struct asset_event_row *r, const char *alias)
{
    for (size_t at = 0; at < r->aliases_len; at += strlen(r->aliases + at) + 1) {
        if (strcmp(r->aliases + at, alias) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_one_of(const struct asset_event_query *q, int64_t asset_key)
{
    for (size_t i = 0; i < q->asset_keys_len; i++) {
        if (q->asset_keys[i] == asset_key) {
            return true;
        }
    }
    return q->asset_keys == NULL;
}

static bool fits(const struct asset_event_row *r, const struct asset_event_query *q)
{
    return (q->asset_key == 0 || r->asset_key == q->asset_key) && is_one_of(q, r->asset_key) &&
           r->event_key > q->above_key && (q->below_key == 0 || r->event_key < q->below_key) &&
           (q->from_us == TIME_NONE || r->at_us >= q->from_us) &&
           (q->to_us == TIME_NONE || r->at_us <= q->to_us) &&
           (q->alias == NULL || has_alias(r, q->alias));
}

static struct node *next_fit(struct node *n, const struct asset_event_query *q)
{
    while (n != NULL && !fits(node_row(n), q)) {
        n = q->newest_first ? n->prev : n->next;
    }
    return n;
}

int mem_give_event(struct mem_store *m, const struct asset_event_row *row, struct arena *a,
                   struct asset_event_row *ret)
{
    const struct asset_row *asset = node_row(find(m, row->name, row->uri));
    struct asset_event_row r = *row;

    r.group = asset->group;
    r.asset_extra = asset->extra;
    return row_copy(KIND_ASSET_EVENT, &r, a, ret);
}

int mem_get_asset_events(struct store *s, const struct asset_event_query *q, struct arena *a,
                         struct asset_event_row **ret, size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    struct node *first = q->newest_first ? m->events.last : m->events.first, *n;
    struct asset_event_row *out = NULL;
    size_t skipped = 0, len = 0, i = 0;
    int rc = 0;

    n = next_fit(first, q);
    for (; n != NULL && skipped < q->offset; skipped++) {
        n = next_fit(q->newest_first ? n->prev : n->next, q);
    }
    first = n;
    for (; n != NULL && (q->limit == 0 || len < q->limit); len++) {
        n = next_fit(q->newest_first ? n->prev : n->next, q);
    }
    if (len > 0) {
        out = arena_array(a, len, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (n = first; rc == 0 && i < len; i++) {
        rc = mem_give_event(m, node_row(n), a, &out[i]);
        n = next_fit(q->newest_first ? n->prev : n->next, q);
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = out;
    *ret_len = len;
    return 0;
}

int mem_count_asset_events(struct store *s, const struct asset_event_query *q, int64_t *ret,
                           int64_t *ret_newest, struct err *e)
{
    struct mem_store *m = mem_store(s);

    (void)e;
    *ret = *ret_newest = 0;
    for (const struct node *n = m->events.first; n != NULL; n = n->next) {
        const struct asset_event_row *r = node_row(n);

        if (fits(r, q)) {
            (*ret)++;
            *ret_newest = r->event_key;
        }
    }
    return 0;
}
