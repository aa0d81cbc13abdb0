/* Queries of task instances and what hangs on them: tries, attempts, history, XComs, rendered
 * fields, durations. */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "store/sqlite/read.h"

static int read_ti(struct reader *r, void *to)
{
    struct ti_row *row = to;
    sqlite3_stmt *st = r->st;

    row->key = col_key(st, 0);
    row->state = (uint8_t)sqlite3_column_int(st, 3);
    row->try_number = (uint16_t)sqlite3_column_int(st, 4);
    row->max_tries = (uint16_t)sqlite3_column_int(st, 5);
    row->requeues = (uint16_t)sqlite3_column_int(st, 6);
    row->attempt = col_uuid(st, 7);
    row->worker = sqlite3_column_int64(st, 8);
    row->scheduled_us = col_time(st, 9);
    row->queued_us = col_time(st, 10);
    row->start_us = col_time(st, 11);
    row->end_us = col_time(st, 12);
    row->next_us = col_time(st, 13);
    row->exit_code = sqlite3_column_int(st, 14);
    row->map_len = sqlite3_column_int(st, 15);
    row->reason = read_text(r, 16);
    return r->rc;
}

static int read_transition(struct reader *r, void *to)
{
    struct transition_row *row = to;

    row->key = col_key(r->st, 0);
    row->from = (uint8_t)sqlite3_column_int(r->st, 3);
    row->to = (uint8_t)sqlite3_column_int(r->st, 4);
    row->try_number = (uint16_t)sqlite3_column_int(r->st, 5);
    row->at_us = col_time(r->st, 6);
    row->reason = read_text(r, 7);
    return r->rc;
}

static int read_attempt(struct reader *r, void *to)
{
    struct attempt_row *row = to;

    row->key = col_key(r->st, 0);
    row->try_number = (uint16_t)sqlite3_column_int(r->st, 3);
    row->attempt = col_uuid(r->st, 4);
    row->holder = read_text(r, 5);
    row->pid = sqlite3_column_int64(r->st, 6);
    row->log_path = read_text(r, 7);
    return r->rc;
}

static int read_xcom(struct reader *r, void *to)
{
    struct xcom_row *row = to;

    row->name = read_text(r, 0);
    row->spill = read_text(r, 2);
    row->at_us = col_time(r->st, 3);
    if (sqlite3_column_type(r->st, 1) != SQLITE_NULL) {
        const void *value = sqlite3_column_blob(r->st, 1);
        char *copy;

        row->value_len = (size_t)sqlite3_column_bytes(r->st, 1);
        copy = arena_alloc(r->a, row->value_len + 1);
        if (copy == NULL || (value == NULL && row->value_len > 0)) {
            r->rc = -ERR_NOMEM;
            return r->rc;
        }
        if (row->value_len > 0) {
            memcpy(copy, value, row->value_len);
        }
        row->value = copy;
    }
    return r->rc;
}

static int read_json(struct reader *r, void *to)
{
    *(const char **)to = read_text(r, 0);
    return r->rc;
}

int sql_get_tis(struct store *s, int64_t run_key, unsigned states, struct arena *a,
                struct ti_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_TIS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    put_int(&r.b, states != 0 ? states : UINT32_MAX);
    return read_all(&r, read_ti, sizeof **ret, (void **)ret, ret_len);
}

static int read_ti_state(struct reader *r, void *to)
{
    struct ti_state *row = to;

    row->task = (uint32_t)sqlite3_column_int64(r->st, 0);
    row->map_index = sqlite3_column_int(r->st, 1);
    row->map_len = sqlite3_column_int(r->st, 2);
    row->try_number = (uint16_t)sqlite3_column_int(r->st, 3);
    row->state = (uint8_t)sqlite3_column_int(r->st, 4);
    return r->rc;
}

int sql_get_ti_states(struct store *s, int64_t run_key, struct arena *a, struct ti_state **ret,
                      size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_TI_STATES, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    return read_all(&r, read_ti_state, sizeof **ret, (void **)ret, ret_len);
}

static int read_change(struct reader *r, void *to)
{
    *(int64_t *)to = sqlite3_column_int64(r->st, 0);
    return r->rc;
}

/* data_version tells of other connections' commits, total_changes of our own. */
int sql_get_change(struct store *s, int64_t *ret, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_CHANGE, NULL, e);

    rc = rc == 0 ? read_one(&r, read_change, ret, "no data_version") : rc;
    if (rc == 0) {
        *ret = (int64_t)((uint64_t)*ret << 32) + sqlite3_total_changes(sql_store(s)->db);
    }
    return rc;
}

int sql_get_tries(struct store *s, const struct ti_key *key, struct arena *a, struct ti_row **ret,
                  size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_TRIES, a, e);

    if (rc != 0) {
        return rc;
    }
    put_key(&r.b, key);
    return read_all(&r, read_ti, sizeof **ret, (void **)ret, ret_len);
}

int sql_get_attempts(struct store *s, int64_t run_key, struct arena *a, struct attempt_row **ret,
                     size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_ATTEMPTS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    return read_all(&r, read_attempt, sizeof **ret, (void **)ret, ret_len);
}

int sql_get_transitions(struct store *s, int64_t run_key, const struct ti_key *key, size_t limit,
                        struct arena *a, struct transition_row **ret, size_t *ret_len,
                        struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_TRANSITIONS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, run_key);
    put_time(&r.b, key != NULL ? (int64_t)key->task : TIME_NONE);
    put_time(&r.b, key != NULL ? (int64_t)key->map_index : TIME_NONE);
    put_limit(&r.b, limit);
    return read_all(&r, read_transition, sizeof **ret, (void **)ret, ret_len);
}

static int read_xcom_of_map(struct reader *r, void *to)
{
    struct xcom_row *row = to;

    row->key.map_index = sqlite3_column_int(r->st, 4);
    return read_xcom(r, to);
}

int sql_get_map_xcoms(struct store *s, const struct ti_key *from, const char *name, size_t limit,
                      struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_MAP_XCOMS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, from->run_key);
    put_int(&r.b, from->task);
    put_int(&r.b, from->map_index < 0 ? 0 : from->map_index);
    put_text(&r.b, name);
    put_limit(&r.b, limit);
    rc = read_all(&r, read_xcom_of_map, sizeof **ret, (void **)ret, ret_len);
    for (size_t i = 0; rc == 0 && i < *ret_len; i++) {
        (*ret)[i].key.run_key = from->run_key;
        (*ret)[i].key.task = from->task;
    }
    return rc;
}

int sql_get_xcom(struct store *s, const struct ti_key *key, const char *name, struct arena *a,
                 struct xcom_row *ret, struct err *e)
{
    struct xcom_row row = {.key = *key};
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_XCOM, a, e);

    if (rc != 0) {
        return rc;
    }
    put_key(&r.b, key);
    put_text(&r.b, name);
    rc = read_one(&r, read_xcom, &row, "there is no XCom %s", name);
    if (rc == 0) {
        *ret = row;
    }
    return rc;
}

int sql_get_rendered(struct store *s, const struct ti_key *key, struct arena *a,
                     const char **ret_json, struct err *e)
{
    struct reader r;
    int rc = reader_init(&r, s, ST_GET_RENDERED, a, e);

    if (rc != 0) {
        return rc;
    }
    put_key(&r.b, key);
    return read_one(&r, read_json, ret_json, "nothing rendered is kept of this instance");
}

struct mean { /* duration of one task's successful instances */
    int64_t task, us;
};

static int read_mean(struct reader *r, void *to)
{
    struct mean *m = to;

    m->task = sqlite3_column_int64(r->st, 0);
    m->us = sqlite3_column_int64(r->st, 1);
    return r->rc;
}

int sql_get_durations(struct store *s, int64_t version_key, size_t runs, struct arena *a,
                      int64_t **ret_us_by_task, size_t *ret_len, struct err *e)
{
    struct mean *means = NULL;
    struct reader r;
    size_t n = 0, len;
    int64_t *out;
    int rc = reader_init(&r, s, ST_GET_DURATIONS, a, e);

    if (rc != 0) {
        return rc;
    }
    put_int(&r.b, version_key);
    put_limit(&r.b, runs);
    rc = read_all(&r, read_mean, sizeof *means, (void **)&means, &n);
    if (rc != 0 || n == 0) {
        *ret_us_by_task = NULL;
        *ret_len = 0;
        return rc;
    }
    len = (size_t)means[n - 1].task + 1;
    out = arena_array(a, len, sizeof *out);
    if (out == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    memset(out, 0xff, len * sizeof *out); /* -1 each */
    for (size_t i = 0; i < n; i++) {
        out[means[i].task] = means[i].us;
    }
    *ret_us_by_task = out;
    *ret_len = len;
    return 0;
}
