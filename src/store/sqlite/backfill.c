/* Backfills and their dates: written within a commit, read by key and in their order. */
#include "base/arena.h"
#include "store/sqlite/read.h"

/* ---- read ---- */

static int read_backfill(struct reader *r, void *to)
{
    struct backfill_row *row = to;

    row->backfill_key = sqlite3_column_int64(r->st, 0);
    row->dag_key = sqlite3_column_int64(r->st, 1);
    row->from_us = sqlite3_column_int64(r->st, 2);
    row->to_us = sqlite3_column_int64(r->st, 3);
    row->max_active_runs = sqlite3_column_int(r->st, 4);
    row->reprocess = (uint8_t)sqlite3_column_int(r->st, 5);
    row->backwards = sqlite3_column_int(r->st, 6) != 0;
    row->own_version = sqlite3_column_int(r->st, 7) != 0;
    row->paused = sqlite3_column_int(r->st, 8) != 0;
    row->dates = (uint32_t)sqlite3_column_int64(r->st, 9);
    row->conf = read_text(r, 10);
    row->actor = read_text(r, 11);
    row->created_us = col_time(r->st, 12);
    row->completed_us = col_time(r->st, 13);
    row->cancelled_us = col_time(r->st, 14);
    return r->rc;
}

static int read_date(struct reader *r, void *to)
{
    struct backfill_run_row *row = to;

    row->backfill_key = sqlite3_column_int64(r->st, 0);
    row->ordinal = (uint32_t)sqlite3_column_int64(r->st, 1);
    row->outcome = (uint8_t)sqlite3_column_int(r->st, 2);
    row->run_key = sqlite3_column_int64(r->st, 3);
    row->logical_us = sqlite3_column_int64(r->st, 4);
    row->start_us = sqlite3_column_int64(r->st, 5);
    row->end_us = sqlite3_column_int64(r->st, 6);
    row->run_after_us = sqlite3_column_int64(r->st, 7);
    return r->rc;
}

static int read_count(struct reader *r, void *to)
{
    struct backfill_count *row = to;

    row->outcome = (uint8_t)sqlite3_column_int(r->st, 0);
    row->run_state = (int8_t)sqlite3_column_int(r->st, 1);
    row->n = (uint32_t)sqlite3_column_int64(r->st, 2);
    return r->rc;
}

int sqlite_get_backfills(struct store *s, int64_t dag_key, bool active, size_t limit,
                         struct arena *a, struct backfill_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, active ? ST_BACKFILLS_ACTIVE : ST_BACKFILLS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    put_limit(&r.b, limit);
    return read_all(&r, read_backfill, sizeof **ret, (void **)ret, ret_len);
}

int sqlite_get_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                        struct backfill_row *ret, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_BACKFILL, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, backfill_key);
    return read_one(&r, read_backfill, ret, "there is no backfill %lld", (long long)backfill_key);
}

int sqlite_get_backfill_runs(struct store *s, int64_t backfill_key, bool planned, uint32_t from,
                             size_t limit, struct arena *a, struct backfill_run_row **ret,
                             size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, planned ? ST_BACKFILL_PLANNED : ST_BACKFILL_RUNS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, backfill_key);
    put_int(&r.b, from);
    put_limit(&r.b, limit);
    return read_all(&r, read_date, sizeof **ret, (void **)ret, ret_len);
}

int sqlite_count_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                          struct backfill_count **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_BACKFILL_COUNT, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, backfill_key);
    return read_all(&r, read_count, sizeof **ret, (void **)ret, ret_len);
}

int sqlite_find_run_by_date(struct store *s, int64_t dag_key, int64_t logical_us, struct arena *a,
                            struct run_row *ret, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_RUN_BY_DATE, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, dag_key);
    put_int(&r.b, logical_us);
    return read_one(&r, sql_read_run, ret, "there is no run of this date");
}

/* ---- written ---- */

static int run(struct sql_store *s, struct binder *b, struct err *e)
{
    int rc = b->rc == SQLITE_OK ? 0 : sql_err(s->db, SQLITE_NOMEM, e, "store");

    b->i = 0;
    return rc != 0 ? rc : sql_run(s, b->st, e);
}

static int put_backfill(struct sql_store *s, const struct backfill_row *r, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_PUT_BACKFILL, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, r->backfill_key);
    put_int(&b, r->dag_key);
    put_int(&b, r->from_us);
    put_int(&b, r->to_us);
    put_int(&b, r->max_active_runs);
    put_int(&b, r->reprocess);
    put_int(&b, r->backwards);
    put_int(&b, r->own_version);
    put_int(&b, r->paused);
    put_int(&b, r->dates);
    put_text(&b, r->conf);
    put_text(&b, r->actor);
    put_time(&b, r->created_us);
    put_time(&b, r->completed_us);
    put_time(&b, r->cancelled_us);
    return err_prefix(e, run(s, &b, e), "backfill %lld", (long long)r->backfill_key);
}

static int put_dates(struct sql_store *s, const struct backfill_run_row *r, size_t n, struct err *e)
{
    struct binder b = {0};
    int rc = n > 0 ? sql_stmt(s, ST_PUT_BACKFILL_RUN, &b.st, e) : 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        put_int(&b, r[i].backfill_key);
        put_int(&b, r[i].ordinal);
        put_int(&b, r[i].outcome);
        put_int(&b, r[i].run_key);
        put_int(&b, r[i].logical_us);
        put_int(&b, r[i].start_us);
        put_int(&b, r[i].end_us);
        put_int(&b, r[i].run_after_us);
        rc = run(s, &b, e);
    }
    return rc;
}

int sqlite_put_backfills(struct sql_store *s, const struct store_batch *batch, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->backfills_len; i++) {
        rc = put_backfill(s, &batch->backfills[i], e);
    }
    return rc == 0 ? put_dates(s, batch->backfill_runs, batch->backfill_runs_len, e) : rc;
}
