/*
 * Private to the in-memory driver. A row is a node: one allocation that holds the row and copies of
 * its strings. Nodes hang in hash tables (their key), and those of a run or DAG in a list of it
 * too; both by links inside the node, so that linking and unlinking never allocate and a batch can
 * always be undone.
 */
#ifndef TW_STORE_MEM_PRIV_H
#define TW_STORE_MEM_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct arena;

enum kind {
    KIND_DAG,
    KIND_VERSION,
    KIND_RUN,
    KIND_TI,
    KIND_XCOM,
    KIND_RENDERED,
    KIND_ATTEMPT,
    KIND_COMMAND,
    KIND_POOL,
    KIND_GRANT,
    KIND_ASSET,
    KIND_BACKFILL,
    KIND_BACKFILL_RUN,

    KIND_ALERT,
    KIND_DEADLINE,
    KIND_CONSUMER,
    KIND_NOTE,
    KIND_ARRIVAL,
    KIND_TABLES_, /* kinds up to here are found by key */
    KIND_TRANSITION = KIND_TABLES_,
    KIND_TRY,
    KIND_AUDIT,
    KIND_SETTING,
    KIND_ASSET_EVENT,
    KIND_PARSED_DAG,
    KIND_IMPORT_ERROR,
    KIND_QUEUED,
    KIND_RUN_EVENT,
    KIND_GARBAGE,
    KIND_GONE,
    KIND_MAX_
};

struct held_grant { /* the row of KIND_GRANT */
    const char *resource;
    int shard;
    int64_t n;
};

struct queued { /* of KIND_QUEUED: an event that waits for a run */
    int64_t dag_key, event_key;
    const char *partition;
};

struct run_event { /* of KIND_RUN_EVENT */
    int64_t run_key, event_key;
};

struct node;

struct list { /* in order of arrival */
    struct node *first, *last;
};

struct node {
    struct node *chain[2]; /* next in the bucket: by key, by name */
    uint32_t hash[2];
    enum kind kind;
    struct list *list; /* the owner's, or NULL */
    struct node *prev, *next;
};

/* The row lies behind the node. */
static inline void *node_row(const struct node *n)
{
    return (void *)(n + 1);
}

struct table {
    struct node **buckets;
    size_t buckets_len; /* a power of two */
    size_t len;
};

/* What hangs on a run or a DAG. Made when first needed, kept until close (a run's: until it is
 * cleaned). */
struct owner {
    struct owner *chain;
    int64_t key;
    struct list lists[KIND_MAX_]; /* of a run: by kind. Of a DAG: its runs */
    const struct run_row *newest; /* of a DAG, only during clean: see there */
};

struct owners {
    struct owner **buckets;
    size_t buckets_len, len;
};

struct undo { /* was taken out, was put in */
    struct node *old, *new;
};

struct mem_store {
    struct store head;
    struct shard {
        int64_t epoch, seq;
    } shards[STORE_SHARDS];
    struct table keys[KIND_TABLES_];  /* by key */
    struct table names[KIND_TABLES_]; /* DAG, version, run: by (owner, name); XCom: by instance */
    struct owners runs, dags;
    struct list audits, settings, events, parsed_dags, import_errors, queued, garbage;
    int64_t changes;          /* of anything */
    int64_t audits_gone;      /* pruned */
    int64_t import_error_key; /* the last one given */
    struct asset_keys {       /* the last ones given */
        int64_t asset, event;
    } asset_keys;
    struct counter {
        char *kind; /* owned */
        int64_t next;
    } * counters;
    size_t counters_len, counters_cap;
    struct undo *undo; /* of the commit at hand; the memory is kept */
    size_t undo_len, undo_cap;
};

static inline struct mem_store *mem_store(struct store *s)
{
    return (struct mem_store *)s;
}

/* ---- table.c ---- */

int mem_table_init(struct table *t);            /* -ERR_NOMEM */
void mem_table_fini(struct table *t, int link); /* frees the nodes only for link 0 */
/* Adds; link 0 = by key, 1 = by name. Grows when it can; being unable to is no failure, only
 * slower. */
void mem_table_add(struct table *t, struct node *n, int link);
void mem_table_remove(struct table *t, struct node *n, int link);
/* The node whose key (name) equals that of a probe: a row of that kind with its key fields set.
 * NULL if none. */
struct node *mem_table_find(const struct table *t, enum kind kind, const void *probe, int link);

uint32_t row_hash(enum kind kind, const void *row, int link);

void list_append(struct list *l, struct node *n);
void list_remove(struct node *n);

int owners_init(struct owners *o);
void owners_fini(struct owners *o);
struct owner *owners_find(const struct owners *o, int64_t key);
/* Finds or makes it; NULL when out of memory. */
struct owner *owners_get(struct owners *o, int64_t key);
void owners_remove(struct owners *o, struct owner *owner); /* frees it; its lists are empty */

/* ---- rows.c ---- */

/* The name of a string that must be there and is not, or NULL. */
const char *row_missing(enum kind kind, const void *row);
/* A node with a copy of a row, its strings included; NULL when out of memory. */
struct node *mem_node_new(enum kind kind, const void *row);
size_t row_size(enum kind kind);
/* A copy of a row of a kind into *to, its strings in the arena. 0 or -ERR_NOMEM. */
int row_copy(enum kind kind, const void *row, struct arena *a, void *to);

/* ---- commit.c ---- */

int mem_commit(struct store *s, int shard, int64_t epoch, int64_t seq, const struct store_batch *b,
               struct err *e);
int mem_acquire(struct store *s, int shard, const char *owner, int64_t *ret_epoch, int64_t *ret_seq,
                struct err *e);
int mem_reserve_keys(struct store *s, const char *kind, int64_t n, int64_t *ret_first,
                     struct err *e);
/* Takes a node out of every table and list, and frees it. */
void mem_drop(struct mem_store *m, struct node *n);

/* Puts a row in the place of the one with its key; noted for undo. -ERR_INVALID without a text that must be there. */
int mem_put(struct mem_store *m, enum kind kind, const void *row, struct err *e);

/* ---- delete.c ---- */

int mem_put_deletes(struct mem_store *m, const struct store_batch *b, struct err *e);

/* ---- parsed.c ---- */

int mem_put_parsed(struct store *s, const struct parsed_batch *b, struct err *e);
int mem_get_parsed_dags(struct store *s, const char *dag_id, struct arena *a,
                        struct parsed_dag_row **ret, size_t *ret_len, struct err *e);
int mem_get_import_errors(struct store *s, int64_t error_key, size_t offset, size_t limit,
                          struct arena *a, struct import_error_row **ret, size_t *ret_len,
                          struct err *e);
int mem_get_bundle_versions(struct store *s, const char *bundle, struct arena *a, const char ***ret,
                            size_t *ret_len, struct err *e);
void mem_forget_parsed(struct mem_store *m, const char *dag_id);
/* Takes a row out; noted for undo. */
int mem_take_out(struct mem_store *m, struct node *old, struct err *e);

/* ---- queue.c ---- */

/* first_key: of the first of the batch's events. */
int mem_put_queue(struct mem_store *m, const struct store_batch *b, int64_t first_key,
                  struct err *e);
void mem_drop_consumer(struct mem_store *m, int64_t dag_key); /* and what waits for it */
int mem_get_asset_consumers(struct store *s, struct arena *a, struct asset_consumer_row **ret,
                            size_t *ret_len, struct err *e);
int mem_get_asset_queue(struct store *s, int64_t dag_key, struct arena *a,
                        struct asset_queue_shape **ret, size_t *ret_len, struct err *e);
int mem_get_run_events(struct store *s, int64_t run_key, size_t offset, size_t limit,
                       struct arena *a, struct asset_event_row **ret, size_t *ret_len,
                       struct err *e);

/* ---- moves.c ---- */

int mem_put_moves(struct mem_store *m, const struct store_batch *b, struct err *e);
int mem_put_arrivals(struct mem_store *m, const struct store_batch *b, struct err *e);
int mem_get_arrivals(struct store *s, const char *watcher, struct arena *a,
                     struct arrival_row **ret, size_t *ret_len, struct err *e);
int mem_put_notes(struct mem_store *m, const struct store_batch *b, struct err *e);
int mem_get_gone(struct store *s, int64_t run_key, struct arena *a, struct gone_row **ret,
                 size_t *ret_len, struct err *e);
int mem_get_notes(struct store *s, int64_t run_key, struct arena *a, struct note_row **ret,
                  size_t *ret_len, struct err *e);
int mem_get_run_notes(struct store *s, const int64_t *run_keys, size_t n, struct arena *a,
                      struct note_row **ret, size_t *ret_len, struct err *e);

/* ---- assets.c ---- */

/* A copy of an event, with what its asset is now. */
int mem_give_event(struct mem_store *m, const struct asset_event_row *row, struct arena *a,
                   struct asset_event_row *ret);

int mem_put_assets(struct mem_store *m, const struct store_batch *b, struct err *e);
int mem_get_assets(struct store *s, size_t offset, size_t limit, struct arena *a,
                   struct asset_row **ret, size_t *ret_len, struct err *e);
int mem_find_asset(struct store *s, const char *name, const char *uri, struct arena *a,
                   struct asset_row *ret, struct err *e);
int mem_get_asset_events(struct store *s, const struct asset_event_query *q, struct arena *a,
                         struct asset_event_row **ret, size_t *ret_len, struct err *e);
int mem_count_asset_events(struct store *s, const struct asset_event_query *q, int64_t *ret,
                           int64_t *ret_newest, struct err *e);

/* ---- backfill.c ---- */

int mem_put_backfills(struct mem_store *m, const struct store_batch *b, struct err *e);
bool mem_has_active_backfill(const struct mem_store *m, int64_t dag_key);
void mem_drop_backfills(struct mem_store *m, int64_t dag_key);
size_t mem_prune_backfills(struct mem_store *m, int64_t before_us, size_t limit);
int mem_get_backfills(struct store *s, int64_t dag_key, bool active, size_t limit, struct arena *a,
                      struct backfill_row **ret, size_t *ret_len, struct err *e);
int mem_get_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                     struct backfill_row *ret, struct err *e);
int mem_get_backfill_runs(struct store *s, int64_t backfill_key, bool planned, uint32_t from,
                          size_t limit, struct arena *a, struct backfill_run_row **ret,
                          size_t *ret_len, struct err *e);
int mem_count_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                       struct backfill_count **ret, size_t *ret_len, struct err *e);
int mem_find_run_by_date(struct store *s, int64_t dag_key, int64_t logical_us, struct arena *a,
                         struct run_row *ret, struct err *e);

/* ---- alerts.c ---- */

int mem_get_alerts(struct store *s, const struct alert_query *q, struct arena *a,
                   struct alert_row **ret, size_t *ret_len, struct err *e);
int mem_prune_alerts(struct store *s, int64_t before_us, size_t keep, size_t limit,
                     int64_t *ret_rows, struct err *e);
int mem_get_deadlines(struct store *s, int64_t run_key, struct arena *a, struct deadline_row **ret,
                      size_t *ret_len, struct err *e);
int mem_get_runtimes(struct store *s, const struct runtime_query *q, struct arena *a,
                     struct runtime_row **ret, size_t *ret_len, struct err *e);

/* ---- query.c ---- */

int mem_get_dags(struct store *s, struct arena *a, struct dag_row **ret, size_t *ret_len,
                 struct err *e);
int mem_find_dag(struct store *s, const char *dag_id, struct arena *a, struct dag_row *ret,
                 struct err *e);
int mem_get_version(struct store *s, int64_t version_key, struct arena *a, struct version_row *ret,
                    struct err *e);
int mem_get_versions(struct store *s, int64_t after_key, size_t limit, struct arena *a,
                     struct version_row **ret, size_t *ret_len, struct err *e);
int mem_find_version(struct store *s, int64_t dag_key, const char *hash, int64_t *ret_version_key,
                     struct err *e);
int mem_get_runs(struct store *s, int64_t dag_key, unsigned states, int64_t after_key, size_t limit,
                 struct arena *a, struct run_row **ret, size_t *ret_len, struct err *e);
int mem_get_run(struct store *s, int64_t run_key, struct arena *a, struct run_row *ret,
                struct err *e);
int mem_find_run(struct store *s, int64_t dag_key, const char *run_id, struct arena *a,
                 struct run_row *ret, struct err *e);
/* query.c */
int mem_query_runs(struct store *s, const struct run_query *q, struct arena *a,
                   struct run_row **ret, size_t *ret_len, struct err *e);
int mem_count_runs(struct store *s, const struct run_query *q, int64_t *ret, struct err *e);
int mem_get_dag_versions(struct store *s, int64_t dag_key, struct arena *a,
                         struct version_row **ret, size_t *ret_len, struct err *e);
int mem_get_audits(struct store *s, int64_t below_key, size_t offset, size_t limit, struct arena *a,
                   struct audit_row **ret, size_t *ret_len, int64_t *ret_all, struct err *e);
int mem_last_scheduled_run(struct store *s, int64_t dag_key, struct arena *a, struct run_row *ret,
                           struct err *e);
int mem_previous_run(struct store *s, int64_t run_key, bool any_type, struct arena *a,
                     struct run_row *ret, struct err *e);
int mem_get_tis(struct store *s, int64_t run_key, unsigned states, struct arena *a,
                struct ti_row **ret, size_t *ret_len, struct err *e);
int mem_get_ti_states(struct store *s, int64_t run_key, struct arena *a, struct ti_state **ret,
                      size_t *ret_len, struct err *e);
int mem_get_run_times(struct store *s, int64_t dag_key, int64_t from_us, int64_t to_us,
                      size_t limit, struct arena *a, struct run_time **ret, size_t *ret_len,
                      struct err *e);
int mem_get_change(struct store *s, int64_t *ret, struct err *e);
int mem_get_tries(struct store *s, const struct ti_key *key, struct arena *a, struct ti_row **ret,
                  size_t *ret_len, struct err *e);
int mem_get_attempts(struct store *s, int64_t run_key, struct arena *a, struct attempt_row **ret,
                     size_t *ret_len, struct err *e);
int mem_get_transitions(struct store *s, int64_t run_key, const struct ti_key *key, size_t limit,
                        struct arena *a, struct transition_row **ret, size_t *ret_len,
                        struct err *e);
int mem_get_map_xcoms(struct store *s, const struct ti_key *from, const char *name, size_t limit,
                      struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e);
int mem_get_xcom(struct store *s, const struct ti_key *key, const char *name, struct arena *a,
                 struct xcom_row *ret, struct err *e);
int mem_get_rendered(struct store *s, const struct ti_key *key, struct arena *a,
                     const char **ret_json, struct err *e);
int mem_find_command(struct store *s, const char *key, struct arena *a, const char **ret_result,
                     struct err *e);
int mem_get_pools(struct store *s, struct arena *a, struct pool_row **ret, size_t *ret_len,
                  struct err *e);
int mem_get_xcoms(struct store *s, const struct ti_key *key, struct arena *a, struct xcom_row **ret,
                  size_t *ret_len, struct err *e);
int mem_get_settings(struct store *s, const char *kind, const char *name, struct arena *a,
                     struct setting_row **ret, size_t *ret_len, struct err *e);
int mem_put_settings(struct store *s, const struct setting_row *rows, size_t n, struct err *e);
int mem_change_settings(struct store *s, const struct settings_change *c, struct err *e);
int mem_put_pool(struct store *s, const struct pool_row *row, bool remove, struct err *e);
int mem_delete_dag(struct store *s, int64_t dag_key, int64_t *ret_runs, struct err *e);
int mem_clean(struct store *s, int64_t before_us, size_t limit, int64_t *ret_runs, bool *ret_more,
              struct err *e);
int mem_get_ended_runs(struct store *s, int64_t after_us, int64_t after_key, int64_t before_us,
                       size_t limit, struct arena *a, struct run_name **ret, size_t *ret_len,
                       struct err *e);
int mem_count_old_runs(struct store *s, int64_t before_us, int64_t *ret, struct err *e);
int mem_get_durations(struct store *s, int64_t version_key, size_t runs, struct arena *a,
                      int64_t **ret_us_by_task, size_t *ret_len, struct err *e);

/* ---- garbage.c ---- */

/* That a run, which is there, is about to be deleted. -ERR_NOMEM */
int mem_note_garbage(struct mem_store *m, const struct run_row *run);
int mem_get_garbage(struct store *s, size_t limit, struct arena *a, struct run_name **ret,
                    size_t *ret_len, struct err *e);
int mem_drop_garbage(struct store *s, const int64_t *run_keys, size_t n, struct err *e);
int mem_prune(struct store *s, enum prune_kind kind, int64_t before_us, size_t limit,
              int64_t *ret_rows, struct err *e);

#endif
