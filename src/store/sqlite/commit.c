/*
 * commit: one batch, one transaction, one sync (rules 1 and 3).
 *
 * | the shard's row says            | commit does                                  |
 * |---------------------------------|----------------------------------------------|
 * | other epoch, or no row          | -ERR_STALE                                   |
 * | same epoch, seq is this one     | nothing, returns 0: it was committed before  |
 * | same epoch, seq is one less     | all rows, seq becomes this one, COMMIT       |
 * | same epoch, anything else       | -ERR_CONFLICT                                |
 *
 * Whatever fails, before or in COMMIT, ends in sql_rollback. If the last sync failed, the log may
 * still hold the whole transaction and a crash right then may bring it back: the outcome is
 * unknown, and the same seq settles it.
 */
#include <assert.h>
#include <stdio.h>

#include "base/limits.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"

struct commit {
    struct sql_store *s;
    int shard;
    int64_t next_n; /* of the next history row */
    struct err *e;
};

static int begin(struct commit *c, enum sql_stmt_id id, struct binder *b)
{
    *b = (struct binder){0};
    return sql_stmt(c->s, id, &b->st, c->e);
}

static int end(struct commit *c, struct binder *b, int rc)
{
    if (rc == 0 && b->rc != SQLITE_OK) {
        rc = sql_err(c->s->db, SQLITE_NOMEM, c->e, "store");
    }
    b->i = 0;
    return rc != 0 ? rc : sql_run(c->s, b->st, c->e);
}

static int put_dags(struct commit *c, const struct dag_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_PUT_DAG, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        put_int(&b, r[i].dag_key);
        put_text(&b, r[i].dag_id);
        put_text(&b, r[i].file);
        put_int(&b, r[i].paused);
        put_int(&b, r[i].version_key);
        put_time(&b, r[i].updated_us);
        rc = err_prefix(c->e, end(c, &b, 0), "DAG %s", r[i].dag_id);
    }
    return rc;
}

static int put_versions(struct commit *c, const struct version_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_PUT_VERSION, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        put_int(&b, r[i].version_key);
        put_int(&b, r[i].dag_key);
        put_text(&b, r[i].hash);
        b.rc |= sqlite3_bind_text64(b.st, ++b.i, r[i].document, r[i].document_len, SQLITE_STATIC,
                                    SQLITE_UTF8);
        put_time(&b, r[i].created_us);
        put_text(&b, r[i].bundle);
        put_text(&b, r[i].bundle_version);
        put_text(&b, r[i].file);
        rc = err_prefix(c->e, end(c, &b, 0), "version %lld of DAG %lld",
                        (long long)r[i].version_key, (long long)r[i].dag_key);
    }
    return rc;
}

static int put_runs(struct commit *c, const struct run_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_PUT_RUN, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        put_int(&b, r[i].run_key);
        put_int(&b, r[i].dag_key);
        put_int(&b, r[i].version_key);
        put_text(&b, r[i].run_id);
        put_int(&b, r[i].state);
        put_int(&b, r[i].type);
        put_time(&b, r[i].logical_date_us);
        put_time(&b, r[i].data_interval_start_us);
        put_time(&b, r[i].data_interval_end_us);
        put_int(&b, r[i].run_after_us); /* as it is: the order of runs */
        put_time(&b, r[i].queued_us);
        put_time(&b, r[i].start_us);
        put_time(&b, r[i].end_us);
        put_int(&b, r[i].backfill_key);
        put_int(&b, r[i].clear_number);
        put_text(&b, r[i].reason);
        put_text(&b, r[i].conf);
        put_text(&b, r[i].partition_key);
        put_int(&b, r[i].triggered_by);
        put_text(&b, r[i].triggering_user);
        rc = err_prefix(c->e, end(c, &b, 0), "run %s of DAG %lld", r[i].run_id,
                        (long long)r[i].dag_key);
    }
    return rc;
}

static int put_ti(struct commit *c, struct binder *b, const struct ti_row *r)
{
    put_key(b, &r->key);
    put_int(b, r->state);
    put_int(b, r->try_number);
    put_int(b, r->max_tries);
    put_int(b, r->requeues);
    put_uuid(b, &r->attempt);
    put_int(b, r->worker);
    put_time(b, r->scheduled_us);
    put_time(b, r->queued_us);
    put_time(b, r->start_us);
    put_time(b, r->end_us);
    put_time(b, r->next_us);
    put_int(b, r->exit_code);
    put_int(b, r->map_len);
    return reasons_bind(c->s, b->st, ++b->i, r->reason, c->e);
}

static int put_tis(struct commit *c, const struct ti_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_PUT_TI, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = put_ti(c, &b, &r[i]);
        rc = end(c, &b, rc);
    }
    return rc;
}

static int add_tries(struct commit *c, const struct ti_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_ADD_TRY, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = put_ti(c, &b, &r[i]);
        put_int(&b, c->next_n++);
        rc = end(c, &b, rc);
    }
    return rc;
}

static int add_transitions(struct commit *c, const struct transition_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_ADD_TRANSITION, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        put_int(&b, r[i].key.run_key);
        put_int(&b, c->next_n++);
        put_int(&b, r[i].key.task);
        put_int(&b, r[i].key.map_index);
        put_int(&b, r[i].from);
        put_int(&b, r[i].to);
        put_int(&b, r[i].try_number);
        put_time(&b, r[i].at_us);
        rc = reasons_bind(c->s, b.st, ++b.i, r[i].reason, c->e);
        rc = end(c, &b, rc);
    }
    return rc;
}

static int put_xcoms(struct commit *c, const struct store_batch *batch)
{
    struct binder b;
    int rc = batch->xcom_clears_len > 0 ? begin(c, ST_CLEAR_XCOM, &b) : 0;

    for (size_t i = 0; i < batch->xcom_clears_len && rc == 0; i++) {
        put_key(&b, &batch->xcom_clears[i]);
        rc = end(c, &b, 0);
    }
    if (rc == 0 && batch->xcoms_len > 0) {
        rc = begin(c, ST_PUT_XCOM, &b);
    }
    for (size_t i = 0; i < batch->xcoms_len && rc == 0; i++) {
        const struct xcom_row *r = &batch->xcoms[i];

        put_key(&b, &r->key);
        put_text(&b, r->name);
        b.rc |= sqlite3_bind_blob64(b.st, ++b.i, r->value, r->value_len, SQLITE_STATIC);
        put_text(&b, r->spill);
        put_time(&b, r->at_us);
        rc = end(c, &b, 0);
    }
    return rc;
}

static int put_attempts(struct commit *c, const struct store_batch *batch)
{
    struct binder b;
    int rc = batch->rendered_len > 0 ? begin(c, ST_PUT_RENDERED, &b) : 0;

    for (size_t i = 0; i < batch->rendered_len && rc == 0; i++) {
        put_key(&b, &batch->rendered[i].key);
        put_text(&b, batch->rendered[i].json);
        rc = end(c, &b, 0);
    }
    if (rc == 0 && batch->attempts_len > 0) {
        rc = begin(c, ST_PUT_ATTEMPT, &b);
    }
    for (size_t i = 0; i < batch->attempts_len && rc == 0; i++) {
        const struct attempt_row *r = &batch->attempts[i];

        put_key(&b, &r->key);
        put_int(&b, r->try_number);
        put_uuid(&b, &r->attempt);
        put_text(&b, r->holder);
        put_int(&b, r->pid);
        put_text(&b, r->log_path);
        rc = end(c, &b, 0);
    }
    return rc;
}

static int put_pools(struct commit *c, const struct pool_row *r, size_t n)
{
    struct binder b;
    int rc = n > 0 ? begin(c, ST_PUT_POOL, &b) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        put_text(&b, r[i].name);
        put_int(&b, r[i].slots);
        put_int(&b, r[i].include_deferred);
        put_text(&b, r[i].description);
        rc = end(c, &b, 0);
    }
    return rc;
}

static int add_others(struct commit *c, const struct store_batch *batch)
{
    struct binder b;
    int rc = batch->commands_len > 0 ? begin(c, ST_ADD_COMMAND, &b) : 0;

    for (size_t i = 0; i < batch->commands_len && rc == 0; i++) {
        put_text(&b, batch->commands[i].key);
        put_text(&b, batch->commands[i].result);
        put_time(&b, batch->commands[i].at_us);
        rc = err_prefix(c->e, end(c, &b, 0), "command %s", batch->commands[i].key);
    }
    if (rc == 0 && batch->audits_len > 0) {
        rc = begin(c, ST_ADD_AUDIT, &b);
    }
    for (size_t i = 0; i < batch->audits_len && rc == 0; i++) {
        const struct audit_row *r = &batch->audits[i];

        put_text(&b, r->actor);
        put_text(&b, r->action);
        put_text(&b, r->subject);
        put_text(&b, r->before);
        put_text(&b, r->after);
        put_time(&b, r->at_us);
        rc = end(c, &b, 0);
    }
    return rc;
}

/* May this shard hold n slots of a resource? Giving back is always allowed, also where the slots
 * were lowered meanwhile. */
static int may_grant(struct commit *c, const struct grant_row *r)
{
    struct binder b;
    int rc = begin(c, ST_GRANT_SUM, &b);
    int64_t slots, others, mine;

    if (rc != 0) {
        return rc;
    }
    if (r->n < 0) {
        return err_set(c->e, ERR_INVALID, "grant of %s is negative", r->resource);
    }
    put_text(&b, r->resource);
    put_int(&b, c->shard);
    rc = b.rc == SQLITE_OK ? sqlite3_step(b.st) : SQLITE_NOMEM;
    if (rc != SQLITE_ROW) {
        rc = sql_err(c->s->db, rc, c->e, "store");
        (void)sqlite3_reset(b.st);
        return rc;
    }
    slots = sqlite3_column_int64(b.st, 0); /* no pool: NULL, so 0 */
    others = sqlite3_column_int64(b.st, 1);
    mine = sqlite3_column_int64(b.st, 2);
    (void)sqlite3_reset(b.st);
    if (r->n > mine && slots >= 0 && (r->n > slots || others > slots - r->n)) {
        return err_set(c->e, ERR_CONFLICT,
                       "%s has %lld slots, others hold %lld: %lld cannot be granted", r->resource,
                       (long long)slots, (long long)others, (long long)r->n);
    }
    return 0;
}

static int put_grants(struct commit *c, const struct grant_row *r, size_t n)
{
    struct binder b;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = may_grant(c, &r[i]);
        if (rc == 0) {
            rc = begin(c, r[i].n > 0 ? ST_PUT_GRANT : ST_DROP_GRANT, &b);
        }
        if (rc == 0) {
            put_text(&b, r[i].resource);
            put_int(&b, c->shard);
            if (r[i].n > 0) {
                put_int(&b, r[i].n);
            }
            rc = end(c, &b, 0);
        }
    }
    return rc;
}

/* next <- the first of n keys of a kind. Inside a transaction. */
static int take_keys(struct sql_store *s, const char *kind, int64_t n, int64_t *ret_first,
                     struct err *e)
{
    struct binder b = {0};
    int rc = sql_stmt(s, ST_TAKE_KEYS, &b.st, e);

    if (rc != 0) {
        return rc;
    }
    put_text(&b, kind);
    put_int(&b, n);
    rc = b.rc == SQLITE_OK ? sqlite3_step(b.st) : SQLITE_NOMEM;
    if (rc == SQLITE_ROW) {
        *ret_first = sqlite3_column_int64(b.st, 0);
        rc = sqlite3_step(b.st);
    }
    rc = rc == SQLITE_DONE ? 0 : sql_err(s->db, rc, e, "store");
    (void)sqlite3_reset(b.st);
    return rc;
}

static int put_assets(struct commit *c, const struct store_batch *b)
{
    int64_t n = (int64_t)b->asset_events_len, first = 0;
    int rc = n > 0 ? take_keys(c->s, "asset_event", n, &first, c->e) : 0;

    rc = rc == 0 && (n > 0 || b->assets_len > 0) ? sqlite_put_assets(c->s, b, first, c->e) : rc;
    return rc == 0 ? sqlite_put_queue(c->s, b, first, c->e) : rc;
}

/* None. In one of the simulator's canaries now and then an edge of the history. */
static size_t left_out(const struct store_batch *b)
{
#if defined(STORE_CANARY) && STORE_CANARY == 3
    static unsigned n;

    return b->transitions_len > 0 && ++n % 50 == 0 ? 1 : 0;
#endif
    (void)b;
    return 0;
}

static int put_rows(struct commit *c, const struct store_batch *b)
{
    int64_t history = (int64_t)(b->transitions_len + b->tries_len);
    int rc = history > 0 ? take_keys(c->s, "history", history, &c->next_n, c->e) : 0;

    rc = rc != 0 ? rc : put_dags(c, b->dags, b->dags_len);
    rc = rc != 0 ? rc : put_versions(c, b->versions, b->versions_len);
    rc = rc != 0 ? rc : put_pools(c, b->pools, b->pools_len);
    rc = rc != 0 || b->moves_len == 0 ? rc : sqlite_put_moves(c->s, b, c->e);
    rc = rc != 0 ? rc : put_runs(c, b->runs, b->runs_len);
    rc = rc != 0 ? rc : put_tis(c, b->tis, b->tis_len);
    rc = rc != 0 ? rc : add_transitions(c, b->transitions, b->transitions_len - left_out(b));
    rc = rc != 0 ? rc : add_tries(c, b->tries, b->tries_len);
    rc = rc != 0 ? rc : put_xcoms(c, b);
    rc = rc != 0 ? rc : put_attempts(c, b);
    rc = rc != 0 || b->arrivals_len == 0 ? rc : sqlite_put_arrivals(c->s, b, c->e);
    rc = rc != 0 || b->notes_len == 0 ? rc : sqlite_put_notes(c->s, b, c->e);
    rc = rc != 0 ? rc : put_grants(c, b->grants, b->grants_len);
    rc = rc != 0 ? rc : add_others(c, b);
    rc = rc != 0 ? rc : put_assets(c, b);
    if (rc == 0 && (b->backfills_len != 0 || b->backfill_runs_len != 0)) {
        rc = sqlite_put_backfills(c->s, b, c->e);
    }
    rc = rc != 0 ? rc : sqlite_put_alerts(c->s, b, c->e);
    return rc != 0 ? rc : sqlite_put_deletes(c->s, b, c->e);
}

/* 1: go on; 0: this seq was committed before; negative: refused. */
static int check_seq(struct commit *c, int64_t epoch, int64_t seq)
{
    struct binder b;
    int rc = begin(c, ST_GET_SHARD, &b);
    int64_t has_epoch = 0, has_seq = 0;

    if (rc != 0) {
        return rc;
    }
    put_int(&b, c->shard);
    rc = sqlite3_step(b.st);
    if (rc == SQLITE_ROW) {
        has_epoch = sqlite3_column_int64(b.st, 0);
        has_seq = sqlite3_column_int64(b.st, 1);
    } else if (rc != SQLITE_DONE) {
        rc = sql_err(c->s->db, rc, c->e, "store");
        (void)sqlite3_reset(b.st);
        return rc;
    }
    (void)sqlite3_reset(b.st);
    if (has_epoch == 0 || has_epoch != epoch) {
        return err_set(c->e, ERR_STALE, "shard %d has epoch %lld, the commit has %lld", c->shard,
                       (long long)has_epoch, (long long)epoch);
    }
    if (seq == has_seq) {
        return 0;
    }
    if (seq != has_seq + 1) {
        return err_set(c->e, ERR_CONFLICT, "shard %d is at seq %lld, the commit has %lld", c->shard,
                       (long long)has_seq, (long long)seq);
    }
    return 1;
}

/* Never. In one of the simulator's canaries (sim/meson.build), which it must find, every seventh commit is acknowledged and then forgotten. */
static bool held_back(const struct commit *c)
{
#if defined(STORE_CANARY) && STORE_CANARY == 2
    static unsigned n;

    if (++n % 7 == 0) {
        sql_rollback(c->s);
        return true;
    }
#endif
    (void)c;
    return false;
}

static int in_transaction(struct commit *c, int64_t epoch, int64_t seq,
                          const struct store_batch *batch)
{
    struct binder b;
    int rc = sql_begin(c->s, c->e);

    if (rc != 0) {
        return rc;
    }
    rc = check_seq(c, epoch, seq);
    if (rc <= 0) {
        sql_rollback(c->s);
        return rc;
    }
    rc = put_rows(c, batch);
    if (rc == 0) {
        rc = begin(c, ST_SET_SEQ, &b);
    }
    if (rc == 0) {
        put_int(&b, c->shard);
        put_int(&b, seq);
        rc = end(c, &b, 0);
    }
    return rc != 0 || held_back(c) ? rc : sql_simple(c->s, ST_COMMIT, c->e);
}

static int may_write(struct sql_store *s, int shard, struct err *e)
{
    if ((s->flags & STORE_READ_ONLY) != 0) {
        return err_set(e, ERR_PERM, "store: this handle is read-only");
    }
    if (shard < 0 || shard >= STORE_SHARDS) {
        return err_set(e, ERR_INVALID, "store: there is no shard %d", shard);
    }
    return 0;
}

int sql_commit(struct store *store, int shard, int64_t epoch, int64_t seq,
               const struct store_batch *b, struct err *e)
{
    struct err own = {0};
    struct commit c = {.s = sql_store(store), .shard = shard, .e = e != NULL ? e : &own};
    int rc = may_write(c.s, shard, c.e);

    if (rc == 0 && seq < 1) {
        rc = err_set(c.e, ERR_INVALID, "store: seq %lld: they begin at 1", (long long)seq);
    }
    if (rc != 0) {
        return rc;
    }
    rc = in_transaction(&c, epoch, seq, b);
    if (rc != 0) {
        sql_rollback(c.s);
        return rc;
    }
    assert(sqlite3_get_autocommit(c.s->db)); /* invariant 3 */
    if (c.s->wal_frames - c.s->wal_checkpointed >= LIMIT_STORE_WAL_COMMIT) {
        bool more;

        /* The batch is durable whatever becomes of this. */
        (void)sql_upkeep(store, &more, NULL);
    }
    return 0;
}

int sql_acquire(struct store *store, int shard, const char *owner, int64_t *ret_epoch,
                int64_t *ret_seq, struct err *e)
{
    struct sql_store *s = sql_store(store);
    struct binder b = {0};
    int64_t epoch = 0, seq = 0;
    int rc = may_write(s, shard, e);

    rc = rc != 0 ? rc : sql_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    rc = sql_stmt(s, ST_ACQUIRE, &b.st, e);
    if (rc == 0) {
        put_int(&b, shard);
        put_text(&b, owner);
        rc = b.rc == SQLITE_OK ? sqlite3_step(b.st) : SQLITE_NOMEM;
        if (rc == SQLITE_ROW) {
            epoch = sqlite3_column_int64(b.st, 0);
            seq = sqlite3_column_int64(b.st, 1);
            rc = sqlite3_step(b.st);
        }
        rc = rc == SQLITE_DONE ? 0 : sql_err(s->db, rc, e, "store");
        (void)sqlite3_reset(b.st);
    }
    rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
    if (rc != 0) {
        sql_rollback(s);
        return rc;
    }
    *ret_epoch = epoch;
    *ret_seq = seq;
    return 0;
}

int sql_reserve_keys(struct store *store, const char *kind, int64_t n, int64_t *ret_first,
                     struct err *e)
{
    struct sql_store *s = sql_store(store);
    int64_t first = 0;
    int rc = may_write(s, 0, e);

    if (rc == 0 && n < 1) {
        rc = err_set(e, ERR_INVALID, "store: a block of %lld keys", (long long)n);
    }
    rc = rc != 0 ? rc : sql_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    rc = take_keys(s, kind, n, &first, e);
    rc = rc != 0 ? rc : sql_simple(s, ST_COMMIT, e);
    if (rc != 0) {
        sql_rollback(s);
        return rc;
    }
    *ret_first = first;
    return 0;
}
