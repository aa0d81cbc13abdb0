/*
 * Notes, file arrivals; and runs that go on with another version of their DAG. The rows of a run are clustered by (run_key, task): its tasks' indices are
 * changed in two passes over that range, first out of the way (an index that another task has still is never met), then to where they
 * belong. Where no index changes, nothing is touched.
 */
#include "model/states.h"
#include "store/sqlite/read.h"

static int begin(struct sql_store *s, enum sql_stmt_id id, struct binder *b, struct err *e)
{
    *b = (struct binder){0};
    return sql_stmt(s, id, &b->st, e);
}

static int end(struct sql_store *s, struct binder *b, struct err *e)
{
    if (b->rc != SQLITE_OK) {
        return sql_err(s->db, SQLITE_NOMEM, e, "store");
    }
    b->i = 0;
    return sql_run(s, b->st, e);
}

/* ---- moves ---- */

static bool changes_nothing(const struct move_row *m)
{
    for (size_t i = 0; i < m->len; i++) {
        if (m->to[i] != i) {
            return false;
        }
    }
    return true;
}

static int next_gone(struct sql_store *s, int64_t run_key, int64_t *ret, struct err *e)
{
    struct binder b;
    int rc = begin(s, ST_NEXT_GONE, &b, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, run_key);
    rc = b.rc == SQLITE_OK ? sqlite3_step(b.st) : SQLITE_NOMEM;
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(b.st, 0);
        rc = 0;
    } else {
        rc = sql_err(s->db, rc, e, "store");
    }
    (void)sqlite3_reset(b.st);
    return rc;
}

static int add_gone(struct sql_store *s, const struct move_row *m, size_t old, int64_t task,
                    struct err *e)
{
    struct binder b;
    int rc = begin(s, ST_ADD_GONE, &b, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&b, m->run_key);
    put_int(&b, task);
    put_text(&b, m->task_ids[old]);
    put_int(&b, m->version_key);
    put_time(&b, m->at_us);
    return end(s, &b, e);
}

static int write_map(struct sql_store *s, const struct move_row *m, struct err *e)
{
    int64_t gone = 0;
    int rc = next_gone(s, m->run_key, &gone, e);

    for (size_t i = 0; rc == 0 && i < m->len; i++) {
        int64_t to = m->to[i] != TASK_GONE ? m->to[i] : gone;
        struct binder b;

        if (m->to[i] == TASK_GONE) {
            rc = add_gone(s, m, i, gone++, e);
        }
        rc = rc == 0 ? begin(s, ST_ADD_MOVE, &b, e) : rc;
        if (rc == 0) {
            put_int(&b, (int64_t)i);
            put_int(&b, to);
            rc = end(s, &b, e);
        }
    }
    return rc;
}

static int move_rows(struct sql_store *s, int64_t run_key, struct err *e)
{
    static const enum sql_stmt_id steps[] = {
        ST_AWAY_TI,   ST_BACK_TI,       ST_AWAY_TRY,       ST_BACK_TRY,     ST_AWAY_XCOM,
        ST_BACK_XCOM, ST_AWAY_RENDERED, ST_BACK_RENDERED,  ST_AWAY_ATTEMPT, ST_BACK_ATTEMPT,
        ST_AWAY_NOTE, ST_BACK_NOTE,     ST_MOVE_TRANSITION};
    struct binder b;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof steps[0]; i++) {
        rc = begin(s, steps[i], &b, e);
        if (rc == 0) {
            put_int(&b, run_key);
            rc = end(s, &b, e);
        }
    }
    rc = rc == 0 ? begin(s, ST_MOVE_REMOVED, &b, e) : rc;
    if (rc == 0) {
        put_int(&b, run_key);
        put_int(&b, TASK_REMOVED);
        rc = end(s, &b, e);
    }
    return rc;
}

int sqlite_put_moves(struct sql_store *s, const struct store_batch *batch, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->moves_len; i++) {
        const struct move_row *m = &batch->moves[i];

        if (!changes_nothing(m)) {
            rc = write_map(s, m, e);
            rc = rc == 0 ? move_rows(s, m->run_key, e) : rc;
            rc = rc == 0 ? sql_simple(s, ST_DROP_MOVES, e) : rc;
        }
    }
    return rc;
}

static int read_gone(struct reader *r, void *to)
{
    struct gone_row *row = to;

    row->run_key = sqlite3_column_int64(r->st, 0);
    row->task = (uint32_t)sqlite3_column_int64(r->st, 1);
    row->task_id = read_text(r, 2);
    row->version_key = sqlite3_column_int64(r->st, 3);
    row->at_us = col_time(r->st, 4);
    return r->rc;
}

int sqlite_get_gone(struct store *s, int64_t run_key, struct arena *a, struct gone_row **ret,
                    size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_GONE, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    return read_all(&r, read_gone, sizeof **ret, (void **)ret, ret_len);
}

/* ---- notes ---- */

int sqlite_put_notes(struct sql_store *s, const struct store_batch *batch, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->notes_len; i++) {
        const struct note_row *n = &batch->notes[i];
        struct binder b;

        rc = begin(s, n->text != NULL ? ST_PUT_NOTE : ST_DROP_NOTE, &b, e);
        if (rc != 0) {
            return rc;
        }
        put_key(&b, &n->key);
        if (n->text != NULL) {
            put_text(&b, n->text);
            put_text(&b, n->actor);
            put_time(&b, n->at_us);
        }
        rc = end(s, &b, e);
    }
    return rc;
}

static int read_note(struct reader *r, void *to)
{
    struct note_row *row = to;

    row->key = col_key(r->st, 0);
    row->text = read_text(r, 3);
    row->actor = read_text(r, 4);
    row->at_us = col_time(r->st, 5);
    return r->rc;
}

int sqlite_get_notes(struct store *s, int64_t run_key, struct arena *a, struct note_row **ret,
                     size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_NOTES, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    return read_all(&r, read_note, sizeof **ret, (void **)ret, ret_len);
}

int sqlite_get_run_notes(struct store *s, const int64_t *run_keys, size_t n, struct arena *a,
                         struct note_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_RUN_NOTES, a, e);

    if (rc != 0) {
        return rc;
    }
    sql_put_list(&r.b, run_keys, n);
    return read_all(&r, read_note, sizeof **ret, (void **)ret, ret_len);
}

/* ---- arrivals ---- */

int sqlite_put_arrivals(struct sql_store *s, const struct store_batch *batch, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->arrivals_len; i++) {
        const struct arrival_row *r = &batch->arrivals[i];
        struct binder b;

        rc = begin(s, r->inode >= 0 ? ST_PUT_ARRIVAL : ST_DROP_ARRIVAL, &b, e);
        if (rc != 0) {
            return rc;
        }
        put_text(&b, r->watcher);
        put_text(&b, r->path);
        if (r->inode >= 0) {
            put_int(&b, r->mtime_ns);
            put_int(&b, r->size);
            put_int(&b, r->inode);
            put_time(&b, r->at_us);
        }
        rc = end(s, &b, e);
    }
    return rc;
}

static int read_arrival(struct reader *r, void *to)
{
    struct arrival_row *row = to;

    row->watcher = read_text(r, 0);
    row->path = read_text(r, 1);
    row->mtime_ns = sqlite3_column_int64(r->st, 2);
    row->size = sqlite3_column_int64(r->st, 3);
    row->inode = sqlite3_column_int64(r->st, 4);
    row->at_us = col_time(r->st, 5);
    return r->rc;
}

int sqlite_get_arrivals(struct store *s, const char *watcher, struct arena *a,
                        struct arrival_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_ARRIVALS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&r.b, watcher);
    return read_all(&r, read_arrival, sizeof **ret, (void **)ret, ret_len);
}
