/* Alerts, deadlines of runs, and how long runs and tasks took. */
#include <string.h>

#include "base/arena.h"
#include "store/sqlite/read.h"

/* ---- read ---- */

static int read_alert(struct reader *r, void *to)
{
    struct alert_row *row = to;

    row->alert_key = sqlite3_column_int64(r->st, 0);
    row->channel = read_text(r, 1);
    row->kind = read_text(r, 2);
    row->dag_id = read_text(r, 3);
    row->run_id = read_text(r, 4);
    row->task_id = read_text(r, 5);
    row->map_index = sqlite3_column_int(r->st, 6);
    row->try_number = (uint16_t)sqlite3_column_int(r->st, 7);
    row->at_us = col_time(r->st, 8);
    row->last_us = col_time(r->st, 9);
    row->count = sqlite3_column_int64(r->st, 10);
    row->reason = read_text(r, 11);
    row->state = (uint8_t)sqlite3_column_int(r->st, 12);
    row->message = col_uuid(r->st, 13);
    row->tries = (uint16_t)sqlite3_column_int(r->st, 14);
    row->next_us = col_time(r->st, 15);
    row->sent_us = col_time(r->st, 16);
    row->error = read_text(r, 17);
    return r->rc;
}

int sqlite_get_alerts(struct store *s, const struct alert_query *q, struct arena *a,
                      struct alert_row **ret, size_t *ret_len, struct err *e)
{
    bool waits = q->states != 0 && (q->states & STORE_ALERT_ENDED) == 0;
    struct reader r;
    int rc = reader_init(&r, s,
                         waits             ? ST_ALERTS_WAITING
                         : q->newest_first ? ST_ALERTS_NEWEST
                                           : ST_ALERTS_OLDEST,
                         a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, q->states != 0 ? q->states : 0xff);
    put_text(&r.b, q->channel);
    put_int(&r.b, q->above_key);
    put_int(&r.b, q->below_key != 0 ? q->below_key : INT64_MAX);
    put_limit(&r.b, q->limit);
    return read_all(&r, read_alert, sizeof **ret, (void **)ret, ret_len);
}

static int read_deadline(struct reader *r, void *to)
{
    struct deadline_row *row = to;

    row->run_key = sqlite3_column_int64(r->st, 0);
    row->n = sqlite3_column_int(r->st, 1);
    row->name = read_text(r, 2);
    row->due_us = col_time(r->st, 3);
    row->missed_us = col_time(r->st, 4);
    row->told = sqlite3_column_int(r->st, 5) != 0;
    return r->rc;
}

int sqlite_get_deadlines(struct store *s, int64_t run_key, struct arena *a,
                         struct deadline_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, run_key != 0 ? ST_DEADLINES : ST_DEADLINES_UNTOLD, a, e);

    if (rc != 0) {
        return rc;
    }
    if (run_key != 0) {
        put_int(&r.b, run_key);
    }
    return read_all(&r, read_deadline, sizeof **ret, (void **)ret, ret_len);
}

static int read_runtime(struct reader *r, void *to)
{
    struct runtime_row *row = to;

    row->run_key = sqlite3_column_int64(r->st, 0);
    row->version_key = sqlite3_column_int64(r->st, 1);
    row->task = (uint32_t)sqlite3_column_int64(r->st, 2);
    row->us = sqlite3_column_int64(r->st, 3);
    return r->rc;
}

int sqlite_get_runtimes(struct store *s, const struct runtime_query *q, struct arena *a,
                        struct runtime_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, q->tasks ? ST_RUNTIMES_TASKS : ST_RUNTIMES_RUNS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, q->dag_key);
    put_int(&r.b, q->states);
    put_int(&r.b, (int64_t)q->runs);
    put_int(&r.b, STORE_RUNTIMES_LOOK);
    if (q->tasks) {
        put_limit(&r.b, q->limit);
    }
    return read_all(&r, read_runtime, sizeof **ret, (void **)ret, ret_len);
}

/* ---- written ---- */

static int run(struct sql_store *s, struct binder *b, struct err *e)
{
    return b->rc == SQLITE_OK ? sql_run(s, b->st, e) : sql_err(s->db, SQLITE_NOMEM, e, "store");
}

static int put_alert(struct sql_store *s, const struct alert_row *r, struct err *e)
{
    struct binder b = {0};
    int rc;

    if (r->channel == NULL || r->kind == NULL) {
        return err_set(e, ERR_INVALID, "store: an alert without %s",
                       r->channel == NULL ? "channel" : "kind");
    }
    rc = sql_stmt(s, ST_PUT_ALERT, &b.st, e);
    if (rc != 0) {
        return rc;
    }
    put_int(&b, r->alert_key);
    put_text(&b, r->channel);
    put_text(&b, r->kind);
    put_text(&b, r->dag_id);
    put_text(&b, r->run_id);
    put_text(&b, r->task_id);
    put_int(&b, r->map_index);
    put_int(&b, r->try_number);
    put_time(&b, r->at_us);
    put_time(&b, r->last_us);
    put_int(&b, r->count);
    put_text(&b, r->reason);
    put_int(&b, r->state);
    put_uuid(&b, &r->message);
    put_int(&b, r->tries);
    put_time(&b, r->next_us);
    put_time(&b, r->sent_us);
    put_text(&b, r->error);
    return run(s, &b, e);
}

static int put_deadline(struct sql_store *s, const struct deadline_row *r, struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_PUT_DEADLINE, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, r->run_key);
    put_int(&b, r->n);
    put_text(&b, r->name);
    put_time(&b, r->due_us);
    put_time(&b, r->missed_us);
    put_int(&b, r->told);
    return run(s, &b, e);
}

int sqlite_put_alerts(struct sql_store *s, const struct store_batch *batch, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->alerts_len; i++) {
        rc = put_alert(s, &batch->alerts[i], e);
    }
    for (size_t i = 0; rc == 0 && i < batch->deadlines_len; i++) {
        rc = put_deadline(s, &batch->deadlines[i], e);
    }
    return rc;
}

int sqlite_prune_alerts(struct store *store, int64_t before_us, size_t keep, size_t limit,
                        int64_t *ret_rows, struct err *e)
{
    struct sql_store *s = sql_store(store);
    struct binder b = {0};
    int rc;

    if ((s->flags & STORE_READ_ONLY) != 0) {
        return err_set(e, ERR_PERM, "store: this handle is read-only");
    }
    rc = sql_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    rc = sql_stmt(s, ST_PRUNE_ALERTS, &b.st, e);
    if (rc == 0) {
        put_int(&b, before_us);
        put_int(&b, (int64_t)keep);
        put_limit(&b, limit);
        rc = run(s, &b, e);
        *ret_rows = rc == 0 ? sqlite3_changes64(s->db) : 0;
    }
    rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
    if (rc != 0) {
        sql_rollback(s);
    }
    return rc;
}
