/* Runs and instances that somebody deletes: of a batch. What hangs on a run is swept as after a cleaning (clean.c). */
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"

static int run_one(struct sql_store *s, enum sql_stmt_id id, const struct ti_key *key,
                   struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, id, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_key(&b, key);
    return sql_run(s, b.st, e);
}

/* With the records that are kept beside its XComs. */
static int delete_ti(struct sql_store *s, const struct ti_key *key, struct err *e)
{
    static const enum sql_stmt_id tables[] = {
        ST_DELETE_TI,       ST_DELETE_TRY,     ST_DELETE_TRANSITION, ST_CLEAR_XCOM,
        ST_DELETE_RENDERED, ST_DELETE_ATTEMPT, ST_DELETE_NOTE};
    struct ti_key record = {key->run_key, key->task, STORE_RECORD_INDEX(key->map_index)};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++) {
        rc = run_one(s, tables[i], key, e);
    }
    return rc == 0 ? run_one(s, ST_CLEAR_XCOM, &record, e) : rc;
}

int sqlite_put_deletes(struct sql_store *s, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->ti_deletes_len; i++) {
        rc = delete_ti(s, &b->ti_deletes[i], e);
    }
    for (size_t i = 0; rc == 0 && i < b->run_deletes_len; i++) {
        struct binder st = {0};

        rc = sql_stmt(s, ST_DELETE_RUN, &st.st, e);
        if (rc == 0) {
            put_int(&st, b->run_deletes[i]);
            rc = sql_run(s, st.st, e);
        }
    }
    return rc == 0 && b->run_deletes_len != 0 ? sql_simple(s, ST_CLEAN_RUNS, e) : rc;
}
