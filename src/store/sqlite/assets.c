/* Assets and their events: written within a commit, read by key, by asset, by alias. */
#include <string.h>

#include "base/arena.h"
#include "store/sqlite/read.h"

/* ---- read ---- */

static int read_asset(struct reader *r, void *to)
{
    struct asset_row *row = to;

    row->name = read_text(r, 0);
    row->uri = read_text(r, 1);
    row->group = read_text(r, 2);
    row->extra = read_text(r, 3);
    row->created_us = col_time(r->st, 4);
    row->asset_key = sqlite3_column_int64(r->st, 5);
    row->last_event_us = col_time(r->st, 6);
    return r->rc;
}

int sqlite_read_aliases(struct reader *r, int column, const char **ret, size_t *ret_len)
{
    size_t n = (size_t)sqlite3_column_bytes(r->st, column);
    const void *bytes = sqlite3_column_blob(r->st, column);
    char *copy = n > 0 ? arena_alloc(r->a, n) : NULL;

    if (n > 0 && (copy == NULL || bytes == NULL)) {
        return r->rc = -ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(copy, bytes, n);
    }
    *ret = copy;
    *ret_len = n;
    return r->rc;
}

int sqlite_read_event(struct reader *r, void *to)
{
    struct asset_event_row *row = to;

    row->name = read_text(r, 0);
    row->uri = read_text(r, 1);
    row->group = read_text(r, 2);
    row->asset_extra = read_text(r, 3);
    row->extra = read_text(r, 4);
    row->dag_id = read_text(r, 5);
    row->task_id = read_text(r, 6);
    row->run_id = read_text(r, 7);
    row->map_index = sqlite3_column_int(r->st, 8);
    row->partition_key = read_text(r, 10);
    row->at_us = col_time(r->st, 11);
    row->event_key = sqlite3_column_int64(r->st, 12);
    row->asset_key = sqlite3_column_int64(r->st, 13);
    return sqlite_read_aliases(r, 9, &row->aliases, &row->aliases_len);
}

int sqlite_get_assets(struct store *s, size_t offset, size_t limit, struct arena *a,
                      struct asset_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_ASSETS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_limit(&r.b, limit);
    put_int(&r.b, (int64_t)offset);
    return read_all(&r, read_asset, sizeof **ret, (void **)ret, ret_len);
}

int sqlite_find_asset(struct store *s, const char *name, const char *uri, struct arena *a,
                      struct asset_row *ret, struct err *e)
{
    struct asset_row row = {0};
    struct reader r;
    int rc = reader_init(&r, s, name != NULL ? ST_ASSET_BY_NAME : ST_ASSET_BY_URI, a, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, name);
    put_text(&r.b, uri);
    rc = read_one(&r, read_asset, &row, "there is no asset '%s'", name != NULL ? name : uri);
    if (rc == 0) {
        *ret = row;
    }
    return rc;
}

static void put_query(struct binder *b, const struct asset_event_query *q)
{
    put_int(b, q->asset_key);
    put_text(b, q->alias);
    put_int(b, q->above_key);
    put_int(b, q->below_key != 0 ? q->below_key : INT64_MAX);
    put_int(b, q->from_us != TIME_NONE ? q->from_us : INT64_MIN);
    put_int(b, q->to_us != TIME_NONE ? q->to_us : INT64_MAX);
    if (q->asset_keys != NULL) {
        sql_put_list(b, q->asset_keys, q->asset_keys_len);
    } else {
        put_text(b, NULL);
    }
}

int sqlite_get_asset_events(struct store *s, const struct asset_event_query *q, struct arena *a,
                            struct asset_event_row **ret, size_t *ret_len, struct err *e)
{
    enum sql_stmt_id oldest = q->alias != NULL    ? ST_EVENTS_ALIAS_OLDEST
                              : q->asset_key != 0 ? ST_EVENTS_OF_OLDEST
                                                  : ST_EVENTS_OLDEST;
    enum sql_stmt_id newest = q->alias != NULL    ? ST_EVENTS_ALIAS_NEWEST
                              : q->asset_key != 0 ? ST_EVENTS_OF_NEWEST
                                                  : ST_EVENTS_NEWEST;
    struct reader r;
    int rc = reader_init(&r, s, q->newest_first ? newest : oldest, a, e);

    if (rc != 0) {
        return rc;
    }
    put_query(&r.b, q);
    put_limit(&r.b, q->limit);
    put_int(&r.b, (int64_t)q->offset);
    return read_all(&r, sqlite_read_event, sizeof **ret, (void **)ret, ret_len);
}

struct count {
    int64_t n, newest;
};

static int read_count(struct reader *r, void *to)
{
    struct count *c = to;

    c->n = sqlite3_column_int64(r->st, 0);
    c->newest = sqlite3_column_int64(r->st, 1);
    return r->rc;
}

int sqlite_count_asset_events(struct store *s, const struct asset_event_query *q, int64_t *ret,
                              int64_t *ret_newest, struct err *e)
{
    enum sql_stmt_id id = q->alias != NULL    ? ST_EVENTS_ALIAS_COUNT
                          : q->asset_key != 0 ? ST_EVENTS_OF_COUNT
                                              : ST_EVENTS_COUNT;
    struct count c = {0};
    struct reader r;
    int rc = reader_init(&r, s, id, NULL, e);

    if (rc != 0) {
        return rc;
    }
    put_query(&r.b, q);
    rc = read_one(&r, read_count, &c, "store: no count");
    if (rc == 0) {
        *ret = c.n;
        *ret_newest = c.newest;
    }
    return rc;
}

/* ---- written ---- */

static int run(struct sql_store *s, struct binder *b, struct err *e)
{
    int rc = b->rc == SQLITE_OK ? 0 : sql_err(s->db, SQLITE_NOMEM, e, "store");

    b->i = 0;
    return rc != 0 ? rc : sql_run(s, b->st, e);
}

static int put_asset(struct sql_store *s, enum sql_stmt_id id, const struct asset_row *r,
                     struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, id, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&b, r->name);
    put_text(&b, r->uri);
    put_text(&b, r->group);
    put_text(&b, r->extra);
    put_time(&b, r->created_us);
    return err_prefix(e, run(s, &b, e), "asset %s", r->name != NULL ? r->name : "without a name");
}

static int add_aliases(struct sql_store *s, const struct asset_event_row *r, int64_t event_key,
                       struct err *e)
{
    struct binder b = {0};
    int rc = r->aliases_len > 0 ? sql_stmt(s, ST_ADD_EVENT_ALIAS, &b.st, e) : 0;

    for (size_t at = 0; rc == 0 && at < r->aliases_len; at += strlen(r->aliases + at) + 1) {
        put_text(&b, r->aliases + at);
        put_int(&b, event_key);
        rc = run(s, &b, e);
    }
    return rc;
}

static int add_event(struct sql_store *s, const struct asset_event_row *r, int64_t event_key,
                     struct err *e)
{
    struct asset_row asset = {.name = r->name,
                              .uri = r->uri,
                              .group = r->group,
                              .extra = r->asset_extra,
                              .created_us = r->at_us};
    struct binder b = {0};
    int rc = put_asset(s, ST_NEW_ASSET, &asset, e);

    rc = rc == 0 ? sql_stmt(s, ST_ADD_EVENT, &b.st, e) : rc;
    if (rc != 0) {
        return rc;
    }
    put_int(&b, event_key);
    put_text(&b, r->name);
    put_text(&b, r->uri);
    put_text(&b, r->extra);
    put_text(&b, r->dag_id);
    put_text(&b, r->task_id);
    put_text(&b, r->run_id);
    put_int(&b, r->map_index);
    b.rc |= sqlite3_bind_blob64(b.st, ++b.i, r->aliases_len > 0 ? r->aliases : NULL, r->aliases_len,
                                SQLITE_STATIC);
    put_text(&b, r->partition_key);
    put_int(&b, r->at_us);
    rc = run(s, &b, e);
    return rc == 0 ? add_aliases(s, r, event_key, e) : rc;
}

int sqlite_put_assets(struct sql_store *s, const struct store_batch *batch, int64_t first_key,
                      struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->assets_len; i++) {
        rc = put_asset(s, ST_PUT_ASSET, &batch->assets[i], e);
    }
    for (size_t i = 0; rc == 0 && i < batch->asset_events_len; i++) {
        rc = add_event(s, &batch->asset_events[i], first_key + (int64_t)i, e);
    }
    return rc;
}
