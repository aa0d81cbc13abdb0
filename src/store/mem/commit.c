/*
 * commit in memory: rows are put in one after the other, each noted in the undo log; a row that is
 * refused, or memory that runs out, takes all of them back. Taking back relinks nodes that exist,
 * so it cannot fail.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "store/mem/priv.h"

static bool has_name(enum kind kind)
{
    return kind == KIND_DAG || kind == KIND_VERSION || kind == KIND_RUN || kind == KIND_XCOM;
}

static int64_t run_of(enum kind kind, const void *row)
{
    switch (kind) {
    case KIND_TI:
    case KIND_TRY:
        return ((const struct ti_row *)row)->key.run_key;
    case KIND_TRANSITION:
        return ((const struct transition_row *)row)->key.run_key;
    case KIND_XCOM:
        return ((const struct xcom_row *)row)->key.run_key;
    case KIND_RENDERED:
        return ((const struct rendered_row *)row)->key.run_key;
    case KIND_DEADLINE:
        return ((const struct deadline_row *)row)->run_key;
    case KIND_RUN_EVENT:
        return ((const struct run_event *)row)->run_key;
    case KIND_NOTE:
        return ((const struct note_row *)row)->key.run_key;
    case KIND_GONE:
        return ((const struct gone_row *)row)->run_key;
    default:
        assert(kind == KIND_ATTEMPT);
        return ((const struct attempt_row *)row)->key.run_key;
    }
}

/* The list that a row hangs in; *ret is NULL for a kind without one. */
static int list_of(struct mem_store *m, enum kind kind, const void *row, struct list **ret)
{
    struct owner *owner;

    switch (kind) {
    case KIND_AUDIT:
        *ret = &m->audits;
        return 0;
    case KIND_ASSET_EVENT:
        *ret = &m->events;
        return 0;
    case KIND_QUEUED:
        *ret = &m->queued;
        return 0;
    case KIND_RUN:
        owner = owners_get(&m->dags, ((const struct run_row *)row)->dag_key);
        break;
    case KIND_TI:
    case KIND_TRY:
    case KIND_TRANSITION:
    case KIND_XCOM:
    case KIND_RENDERED:
    case KIND_ATTEMPT:
    case KIND_DEADLINE:
    case KIND_RUN_EVENT:
    case KIND_NOTE:
    case KIND_GONE:
        owner = owners_get(&m->runs, run_of(kind, row));
        break;
    default:
        *ret = NULL;
        return 0;
    }
    *ret = owner != NULL ? &owner->lists[kind] : NULL;
    return owner != NULL ? 0 : -ERR_NOMEM;
}

static void link_node(struct mem_store *m, struct node *n)
{
    struct list *list = NULL;
    int rc = list_of(m, n->kind, node_row(n), &list); /* the owner is there: put made it */

    assert(rc == 0);
    (void)rc;
    if (list != NULL) {
        list_append(list, n);
    }
    if (n->kind < KIND_TABLES_) {
        mem_table_add(&m->keys[n->kind], n, 0);
        if (has_name(n->kind)) {
            mem_table_add(&m->names[n->kind], n, 1);
        }
    }
}

static void unlink_node(struct mem_store *m, struct node *n)
{
    list_remove(n);
    if (n->kind < KIND_TABLES_) {
        mem_table_remove(&m->keys[n->kind], n, 0);
        if (has_name(n->kind)) {
            mem_table_remove(&m->names[n->kind], n, 1);
        }
    }
}

void mem_drop(struct mem_store *m, struct node *n)
{
    unlink_node(m, n);
    mem_free(n);
}

static int note(struct mem_store *m, struct node *old, struct node *new)
{
    struct undo u = {old, new};

    return VEC_PUSH(m->undo, m->undo_len, m->undo_cap, u);
}

static void take_back(struct mem_store *m)
{
    while (m->undo_len > 0) {
        struct undo *u = &m->undo[--m->undo_len];

        if (u->new != NULL) {
            mem_drop(m, u->new);
        }
        if (u->old != NULL) {
            link_node(m, u->old);
        }
    }
}

static void keep(struct mem_store *m)
{
    for (size_t i = 0; i < m->undo_len; i++) {
        mem_free(m->undo[i].old);
    }
    m->undo_len = 0;
}

int mem_put(struct mem_store *m, enum kind kind, const void *row, struct err *e)
{
    struct node *old = kind < KIND_TABLES_ ? mem_table_find(&m->keys[kind], kind, row, 0) : NULL;
    const char *missing = row_missing(kind, row);
    struct list *list;
    struct node *n;

    if (missing != NULL) {
        return err_set(e, ERR_INVALID, "store: a row without %s", missing);
    }
    n = mem_node_new(kind, row);
    if (n == NULL || list_of(m, kind, row, &list) != 0 || note(m, old, n) != 0) {
        mem_free(n);
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (old != NULL) {
        unlink_node(m, old);
    }
    link_node(m, n);
    return 0;
}

int mem_take_out(struct mem_store *m, struct node *old, struct err *e)
{
    if (note(m, old, NULL) != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    unlink_node(m, old);
    return 0;
}

static int put_rows(struct mem_store *m, enum kind kind, const void *rows, size_t len,
                    struct err *e)
{
    const char *p = rows;
    int rc = 0;

    for (size_t i = 0; i < len && rc == 0; i++) {
        rc = mem_put(m, kind, p + i * row_size(kind), e);
    }
    return rc;
}

static bool has_dag(struct mem_store *m, int64_t dag_key)
{
    struct dag_row probe = {.dag_key = dag_key};

    return mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0) != NULL;
}

static bool has_version(struct mem_store *m, int64_t version_key)
{
    struct version_row probe = {.version_key = version_key};

    return mem_table_find(&m->keys[KIND_VERSION], KIND_VERSION, &probe, 0) != NULL;
}

static int put_dags(struct mem_store *m, const struct dag_row *r, size_t n, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        struct node *same =
            r[i].dag_id != NULL ? mem_table_find(&m->names[KIND_DAG], KIND_DAG, &r[i], 1) : NULL;

        if (same != NULL && ((struct dag_row *)node_row(same))->dag_key != r[i].dag_key) {
            return err_set(e, ERR_EXISTS, "DAG %s exists under another key", r[i].dag_id);
        }
        rc = mem_put(m, KIND_DAG, &r[i], e);
    }
    return rc;
}

static int64_t next_number(struct mem_store *m, int64_t dag_key)
{
    const struct table *t = &m->keys[KIND_VERSION];
    int64_t most = 0;

    for (size_t i = 0; i < t->buckets_len; i++) {
        for (const struct node *n = t->buckets[i]; n != NULL; n = n->chain[0]) {
            const struct version_row *v = node_row(n);

            most = v->dag_key == dag_key && v->number > most ? v->number : most;
        }
    }
    return most + 1;
}

static int put_versions(struct mem_store *m, const struct version_row *r, size_t n, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        if (has_version(m, r[i].version_key)) {
            continue; /* immutable */
        }
        if (!has_dag(m, r[i].dag_key)) {
            return err_set(e, ERR_INVALID, "version %lld: there is no DAG %lld",
                           (long long)r[i].version_key, (long long)r[i].dag_key);
        }
        if (r[i].hash != NULL &&
            mem_table_find(&m->names[KIND_VERSION], KIND_VERSION, &r[i], 1) != NULL) {
            return err_set(e, ERR_EXISTS, "version %s exists under another key", r[i].hash);
        }
        struct version_row row = r[i];

        row.number = next_number(m, row.dag_key);
        rc = mem_put(m, KIND_VERSION, &row, e);
    }
    return rc;
}

/* A run keeps what its first row said of its identity. */
static struct run_row merged(const struct run_row *old, const struct run_row *new)
{
    struct run_row r = *new;

    r.dag_key = old->dag_key;
    r.run_id = old->run_id;
    r.type = old->type;
    r.logical_date_us = old->logical_date_us;
    r.data_interval_start_us = old->data_interval_start_us;
    r.data_interval_end_us = old->data_interval_end_us;
    r.run_after_us = old->run_after_us;
    r.partition_key = old->partition_key;
    r.triggered_by = old->triggered_by;
    r.triggering_user = old->triggering_user;
    return r;
}

static int put_run(struct mem_store *m, const struct run_row *row, struct err *e)
{
    struct node *old = mem_table_find(&m->keys[KIND_RUN], KIND_RUN, row, 0);
    struct run_row r = old != NULL ? merged(node_row(old), row) : *row;

    if (row->run_id == NULL) {
        return err_set(e, ERR_INVALID, "store: a row without run_id");
    }
    if (old == NULL && mem_table_find(&m->names[KIND_RUN], KIND_RUN, row, 1) != NULL) {
        return err_set(e, ERR_EXISTS, "run %s of DAG %lld exists under another key", row->run_id,
                       (long long)row->dag_key);
    }
    if (!has_dag(m, r.dag_key) || !has_version(m, r.version_key)) {
        return err_set(e, ERR_INVALID, "run %s: there is no DAG %lld or version %lld", row->run_id,
                       (long long)r.dag_key, (long long)r.version_key);
    }
    return mem_put(m, KIND_RUN, &r, e);
}

static int put_xcoms(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < b->xcom_clears_len && rc == 0; i++) {
        struct xcom_row probe = {.key = b->xcom_clears[i]};
        struct node *n = mem_table_find(&m->names[KIND_XCOM], KIND_XCOM, &probe, 1);

        while (n != NULL && rc == 0) {
            rc = mem_take_out(m, n, e);
            n = mem_table_find(&m->names[KIND_XCOM], KIND_XCOM, &probe, 1);
        }
    }
    return rc != 0 ? rc : put_rows(m, KIND_XCOM, b->xcoms, b->xcoms_len, e);
}

static int add_commands(struct mem_store *m, const struct command_row *r, size_t n, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        if (r[i].key != NULL &&
            mem_table_find(&m->keys[KIND_COMMAND], KIND_COMMAND, &r[i], 0) != NULL) {
            return err_set(e, ERR_EXISTS, "command %s was applied before", r[i].key);
        }
        rc = mem_put(m, KIND_COMMAND, &r[i], e);
    }
    return rc;
}

static int put_grant(struct mem_store *m, int shard, const struct grant_row *row, struct err *e)
{
    struct held_grant g = {.resource = row->resource, .shard = 0, .n = row->n};
    struct pool_row probe = {.name = row->resource};
    struct node *pool, *mine = NULL;
    int64_t slots, others = 0, held = 0;

    if (row->resource == NULL || row->n < 0) {
        return err_set(e, ERR_INVALID, "store: a grant without resource, or negative");
    }
    for (g.shard = 0; g.shard < STORE_SHARDS; g.shard++) {
        struct node *n = mem_table_find(&m->keys[KIND_GRANT], KIND_GRANT, &g, 0);

        if (n != NULL && g.shard == shard) {
            mine = n;
            held = ((struct held_grant *)node_row(n))->n;
        } else if (n != NULL) {
            others += ((struct held_grant *)node_row(n))->n;
        }
    }
    g.shard = shard;
    pool = mem_table_find(&m->keys[KIND_POOL], KIND_POOL, &probe, 0);
    slots = pool != NULL ? ((struct pool_row *)node_row(pool))->slots : 0;
    if (row->n > held && slots >= 0 && (row->n > slots || others > slots - row->n)) {
        return err_set(e, ERR_CONFLICT,
                       "%s has %lld slots, others hold %lld: %lld cannot be granted", row->resource,
                       (long long)slots, (long long)others, (long long)row->n);
    }
    if (row->n > 0) {
        return mem_put(m, KIND_GRANT, &g, e);
    }
    return mine != NULL ? mem_take_out(m, mine, e) : 0;
}

static int put_batch(struct mem_store *m, int shard, const struct store_batch *b, struct err *e)
{
    int rc = put_dags(m, b->dags, b->dags_len, e);

    rc = rc != 0 ? rc : put_versions(m, b->versions, b->versions_len, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_POOL, b->pools, b->pools_len, e);
    rc = rc != 0 ? rc : mem_put_moves(m, b, e);
    for (size_t i = 0; i < b->runs_len && rc == 0; i++) {
        rc = put_run(m, &b->runs[i], e);
    }
    rc = rc != 0 ? rc : put_rows(m, KIND_TI, b->tis, b->tis_len, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_TRANSITION, b->transitions, b->transitions_len, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_TRY, b->tries, b->tries_len, e);
    rc = rc != 0 ? rc : put_xcoms(m, b, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_RENDERED, b->rendered, b->rendered_len, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_ATTEMPT, b->attempts, b->attempts_len, e);
    rc = rc != 0 ? rc : mem_put_arrivals(m, b, e);
    rc = rc != 0 ? rc : mem_put_notes(m, b, e);
    for (size_t i = 0; i < b->grants_len && rc == 0; i++) {
        rc = put_grant(m, shard, &b->grants[i], e);
    }
    rc = rc != 0 ? rc : add_commands(m, b->commands, b->commands_len, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_AUDIT, b->audits, b->audits_len, e);
    rc = rc != 0 ? rc : mem_put_assets(m, b, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_ALERT, b->alerts, b->alerts_len, e);
    rc = rc != 0 ? rc : put_rows(m, KIND_DEADLINE, b->deadlines, b->deadlines_len, e);
    rc = rc != 0 ? rc : mem_put_backfills(m, b, e);
    rc = rc != 0 ? rc
                 : mem_put_queue(m, b, m->asset_keys.event + 1 - (int64_t)b->asset_events_len, e);
    return rc != 0 ? rc : mem_put_deletes(m, b, e);
}

static int check_shard(int shard, struct err *e)
{
    if (shard < 0 || shard >= STORE_SHARDS) {
        return err_set(e, ERR_INVALID, "store: there is no shard %d", shard);
    }
    return 0;
}

int mem_commit(struct store *store, int shard, int64_t epoch, int64_t seq,
               const struct store_batch *b, struct err *e)
{
    struct mem_store *m = mem_store(store);
    struct asset_keys keys = m->asset_keys;
    struct shard *s;
    int rc = check_shard(shard, e);

    if (rc == 0 && seq < 1) {
        rc = err_set(e, ERR_INVALID, "store: seq %lld: they begin at 1", (long long)seq);
    }
    if (rc != 0) {
        return rc;
    }
    s = &m->shards[shard];
    if (s->epoch == 0 || s->epoch != epoch) {
        return err_set(e, ERR_STALE, "shard %d has epoch %lld, the commit has %lld", shard,
                       (long long)s->epoch, (long long)epoch);
    }
    if (seq == s->seq) {
        return 0;
    }
    if (seq != s->seq + 1) {
        return err_set(e, ERR_CONFLICT, "shard %d is at seq %lld, the commit has %lld", shard,
                       (long long)s->seq, (long long)seq);
    }
    rc = put_batch(m, shard, b, e);
    if (rc != 0) {
        take_back(m);
        m->asset_keys = keys;
        return rc;
    }
    keep(m);
    m->changes++;
    s->seq = seq;
    return 0;
}

int mem_acquire(struct store *store, int shard, const char *owner, int64_t *ret_epoch,
                int64_t *ret_seq, struct err *e)
{
    struct mem_store *m = mem_store(store);
    int rc = check_shard(shard, e);

    if (rc == 0 && owner == NULL) {
        rc = err_set(e, ERR_INVALID, "store: a shard without owner");
    }
    if (rc == 0) {
        *ret_epoch = ++m->shards[shard].epoch;
        *ret_seq = m->shards[shard].seq;
    }
    return rc;
}

int mem_reserve_keys(struct store *store, const char *kind, int64_t n, int64_t *ret_first,
                     struct err *e)
{
    struct mem_store *m = mem_store(store);
    struct counter c = {.next = 1};
    size_t i = 0;

    if (n < 1) {
        return err_set(e, ERR_INVALID, "store: a block of %lld keys", (long long)n);
    }
    while (i < m->counters_len && strcmp(m->counters[i].kind, kind) != 0) {
        i++;
    }
    if (i == m->counters_len) {
        c.kind = mem_strdup(kind);
        if (c.kind == NULL || VEC_PUSH(m->counters, m->counters_len, m->counters_cap, c) != 0) {
            mem_free(c.kind);
            return err_set(e, ERR_NOMEM, "store: out of memory");
        }
    }
    *ret_first = m->counters[i].next;
    m->counters[i].next += n;
    return 0;
}

/* A change of a pool outside of any shard's commits (rule 4). */
int mem_put_pool(struct store *store, const struct pool_row *row, bool remove, struct err *e)
{
    struct mem_store *m = mem_store(store);
    struct node *old = mem_table_find(&m->keys[KIND_POOL], KIND_POOL, row, 0);
    int rc;

    if (remove && old == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no pool '%s'", row->name);
    }
    rc = remove ? mem_take_out(m, old, e) : mem_put(m, KIND_POOL, row, e);
    if (rc != 0) {
        take_back(m);
    } else {
        keep(m);
        m->changes++;
    }
    return rc;
}
