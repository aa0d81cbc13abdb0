/* What waits for runs by assets, and what runs consumed. */
#include "store/sqlite/read.h"

/* ---- read ---- */

static int read_consumer(struct reader *r, void *to)
{
    struct asset_consumer_row *row = to;

    row->dag_key = sqlite3_column_int64(r->st, 0);
    row->schedule = read_text(r, 1);
    row->dag_id = read_text(r, 2);
    row->paused = sqlite3_column_int(r->st, 3) != 0;
    return r->rc;
}

int sqlite_get_asset_consumers(struct store *s, struct arena *a, struct asset_consumer_row **ret,
                               size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_CONSUMERS, a, e);

    return rc != 0 ? rc : read_all(&r, read_consumer, sizeof **ret, (void **)ret, ret_len);
}

static int read_shape(struct reader *r, void *to)
{
    struct asset_queue_shape *row = to;

    row->partition = read_text(r, 0);
    row->asset_key = sqlite3_column_int64(r->st, 1);
    row->name = read_text(r, 2);
    row->uri = read_text(r, 3);
    row->count = sqlite3_column_int64(r->st, 5);
    row->first_us = col_time(r->st, 6);
    row->last_us = col_time(r->st, 7);
    return sqlite_read_aliases(r, 4, &row->aliases, &row->aliases_len);
}

int sqlite_get_asset_queue(struct store *s, int64_t dag_key, struct arena *a,
                           struct asset_queue_shape **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_QUEUE, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    return read_all(&r, read_shape, sizeof **ret, (void **)ret, ret_len);
}

int sqlite_get_run_events(struct store *s, int64_t run_key, size_t offset, size_t limit,
                          struct arena *a, struct asset_event_row **ret, size_t *ret_len,
                          struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_RUN_EVENTS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    put_limit(&r.b, limit);
    put_int(&r.b, (int64_t)offset);
    return read_all(&r, sqlite_read_event, sizeof **ret, (void **)ret, ret_len);
}

/* ---- written ---- */

static int run(struct sql_store *s, struct binder *b, struct err *e)
{
    return b->rc != SQLITE_OK ? sql_err(s->db, SQLITE_NOMEM, e, "store") : sql_run(s, b->st, e);
}

static int put_consumer(struct sql_store *s, const struct asset_queue_row *r, struct err *e)
{
    static const enum sql_stmt_id gone[] = {ST_DROP_CONSUMER, ST_DROP_QUEUES};
    struct binder b = {0};
    int rc = 0;

    for (int i = 0; rc == 0 && r->schedule == NULL && i < 2; i++) {
        b = (struct binder){0};
        rc = sql_stmt(s, gone[i], &b.st, e);
        if (rc == 0) {
            put_int(&b, r->dag_key);
            rc = run(s, &b, e);
        }
    }
    if (r->schedule == NULL) {
        return rc;
    }
    rc = sql_stmt(s, ST_PUT_CONSUMER, &b.st, e);
    if (rc == 0) {
        put_int(&b, r->dag_key);
        put_text(&b, r->schedule);
        rc = err_prefix(e, run(s, &b, e), "consumer %lld", (long long)r->dag_key);
    }
    return rc;
}

static int change(struct sql_store *s, enum sql_stmt_id id, const struct asset_queue_row *r,
                  int64_t third, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, id, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, r->dag_key);
    put_text(&b, r->partition);
    if (id != ST_DROP_QUEUE) {
        put_int(&b, third);
    }
    if (id == ST_DROP_QUEUED) {
        b.rc |= sqlite3_bind_blob64(b.st, ++b.i, r->aliases_len > 0 ? r->aliases : NULL,
                                    r->aliases_len, SQLITE_STATIC);
    }
    return run(s, &b, e);
}

static int put_queued(struct sql_store *s, const struct store_batch *batch,
                      const struct asset_queue_row *r, int64_t first_key, struct err *e)
{
    int rc;

    if (r->op == ASSET_QUEUE_CONSUMER) {
        return put_consumer(s, r, e);
    }
    if (r->partition == NULL || (r->op == ASSET_QUEUE_ADD && r->event >= batch->asset_events_len)) {
        return err_set(e, ERR_INVALID, "store: a queue without partition, or of no event");
    }
    switch (r->op) {
    case ASSET_QUEUE_ADD:
        return change(s, ST_QUEUE_EVENT, r, first_key + (int64_t)r->event, e);
    case ASSET_QUEUE_TAKE:
        rc = change(s, ST_TAKE_QUEUE, r, r->run_key, e);
        return rc == 0 ? change(s, ST_DROP_QUEUE, r, 0, e) : rc;
    default:
        return change(s, ST_DROP_QUEUED, r, r->asset_key, e);
    }
}

int sqlite_put_queue(struct sql_store *s, const struct store_batch *batch, int64_t first_key,
                     struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->asset_queue_len; i++) {
        rc = put_queued(s, batch, &batch->asset_queue[i], first_key, e);
    }
    return rc;
}
