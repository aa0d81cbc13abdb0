/*
 * The store: durable state behind one interface; drivers in mem/, sqlite/ (and postgres/). One test
 * suite runs on every driver.
 *
 * commit(shard, epoch, seq, batch) is the only way that owned tables change (rules 1, 3): all of
 * the batch or nothing. The store keeps the last seq of each shard in the same transaction. The
 * same seq again is a no-op that returns 0 (a commit of unknown outcome is simply sent again); a
 * stale epoch returns -ERR_STALE; a gap in seq returns -ERR_CONFLICT; a full disk -ERR_FULL and
 * nothing changed.
 *
 * Order within a batch: dags, versions, pools, moves, runs, tis, transitions, tries, xcom_clears, xcoms,
 * rendered, attempts, notes, commands, grants, audits, assets, asset_events, asset_queue, backfills, backfill_runs, alerts, deadlines, ti_deletes, run_deletes. What is refused, always the whole batch: a version
 * or run whose DAG or version does not exist, a queue row whose event is not in the batch, a consumer whose DAG does not exist (-ERR_INVALID); a dag_id, a (dag, run_id), a (dag,
 * hash) that another key has, or an idempotency key that was applied before (-ERR_EXISTS); a grant
 * that grows over its resource's slots, which are those of the pool row of that name (no row: none)
 * (-ERR_CONFLICT). A version is immutable: the same version_key again changes nothing. A run keeps
 * what its first row said of its dag_key, run_id, type and dates.
 *
 * After any other error of commit (-ERR_IO, -ERR_FULL, -ERR_BUSY, -ERR_NOMEM) nothing of the batch
 * is visible and the handle is usable; the batch is to be sent again with the same seq.
 *
 * Threads: a store handle belongs to one thread at a time. Drivers block; the engine calls them
 * through the runtime's offload on the store's own thread. Reads by other processes use store_open
 * with STORE_READ_ONLY, short transactions, their own handle.
 *
 * Ownership: batches are borrowed for the call. Query results are made in the caller's arena.
 */
#ifndef TW_STORE_STORE_H
#define TW_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "model/backfill.h"
#include "model/rows.h"

struct arena;
struct err;
struct store;

#define STORE_SHARDS 64 /* shards are 0 .. 63 */

enum store_flags { STORE_READ_ONLY = 1, STORE_NO_MIGRATE = 2 /* refuse instead of migrating */ };

/* ---- what is written ---- */

struct dag_row {
    int64_t dag_key;
    const char *dag_id;
    const char *file; /* or NULL */
    bool paused;
    int64_t version_key; /* current */
    int64_t updated_us;
};
struct version_row {
    int64_t version_key, dag_key;
    const char *hash;     /* hex SHA-256 of the canonical document */
    const char *document; /* canonical JSON */
    size_t document_len;
    int64_t created_us;
    /* Of a bundle that has versions of its own (git), else NULL: what its tasks import from is kept while a row refers to it. */
    const char *bundle, *bundle_version; /* name; commit */
    const char *file;                    /* path of the DAG file in that commit's tree */
    int64_t number; /* of results, the store's own: 1, 2 ... of its DAG, whatever was pruned */
};
struct xcom_row {
    struct ti_key key;
    const char *name;  /* "return_value" */
    const void *value; /* opaque bytes; NULL when spilled */
    size_t value_len;
    const char *spill; /* path below TRADEWIND_HOME, or NULL */
    int64_t at_us;
};
struct rendered_row {
    struct ti_key key;
    const char *json; /* rendered fields, secrets masked */
};
/* What pictures of a run need of an instance. */
struct ti_state {
    uint32_t task;
    int32_t map_index, map_len;
    uint16_t try_number;
    uint8_t state;
};
struct run_time {  /* what a calendar needs of a run */
    int64_t at_us; /* its logical date, or, of one without, its run_after */
    uint8_t state;
};
struct attempt_row { /* facts of one attempt that the scheduler does not need */
    struct ti_key key;
    uint16_t try_number;
    struct uuid attempt;
    const char *holder; /* holder id, or NULL */
    int64_t pid;
    const char *log_path; /* below TRADEWIND_HOME */
};

struct command_row {
    const char *key;    /* idempotency key */
    const char *result; /* JSON */
    int64_t at_us;
};
struct grant_row {
    const char *resource;
    int64_t n;
};
struct audit_row {
    const char *actor, *action, *subject;
    const char *before, *after; /* redacted JSON, or NULL */
    int64_t at_us;
    int64_t audit_key; /* of results, the store's own: grows */
};

/* Which runs, and in which order. What is zero (a range: both TIME_NONE) is not asked for. */
enum run_order {
    RUN_BY_RUN_AFTER, /* ties, as in all of them, by run_key in the same direction */
    RUN_BY_KEY,
    RUN_BY_LOGICAL_DATE, /* TIME_NONE is less than any time */
    RUN_BY_START,
    RUN_BY_END,
    RUN_BY_STATE, /* by its number */
    RUN_BY_RUN_ID
};
struct time_range {
    int64_t from_us,
        to_us; /* both included; TIME_NONE: open. A time that is not set is in none that is not open on both sides */
};
struct run_query {
    int64_t dag_key;
    unsigned states, types;  /* a bit per state, per type */
    const char *run_id_part; /* the run_id contains it (bytes) */
    struct time_range logical_date, run_after, start, end;
    const int64_t *dag_keys; /* one of these; NULL: any */
    size_t dag_keys_len;
    const char *run_id_prefix;
    const char *conf_part, *partition_part, *partition_prefix, *user_part, *user_prefix;
    const char *asset_part;     /* it consumed an event of an asset whose name or URI contains it */
    const char *bundle_version; /* of its version */
    const int64_t *version_numbers; /* its version is one of these of its DAG */
    size_t version_numbers_len;
    bool by_duration;
    int64_t duration_from_us, duration_to_us; /* by_duration: of what has ended, both included */
    bool by_updated;
    struct time_range updated; /* by_updated: when it ended, else began, else was queued */
    enum run_order order;
    bool descending;
    int64_t
        after_key; /* only those behind this run in that order; -ERR_NOTFOUND if it is gone. 0: all */
    size_t offset, limit;
};

/* What the last look at the DAG files found of a DAG. It outlives its file: then it is not active. */
struct parsed_dag_row {
    const char *dag_id, *bundle;
    const char *bundle_version; /* commit, or NULL: the bundle has none */
    const char *file;           /* path below the bundle's folder */
    bool active;                /* a file has it */
    int64_t parsed_us;          /* when that file was read last */
    const char *tags, *owners;  /* JSON arrays of texts */
};
/* What is wrong with a DAG file: all of its findings. */
struct import_error_row {
    const char *bundle, *file; /* its path below the bundle's folder */
    const char *text;  /* a finding a line. In put_parsed NULL: the file is mended, or gone */
    int64_t at_us;     /* since when it says so */
    int64_t error_key; /* of results, the store's own: stays while the file has errors */
};
struct parsed_batch {
    const struct parsed_dag_row *dags; /* upsert by dag_id */
    size_t dags_len;
    const struct import_error_row *errors; /* upsert by (bundle, file), or removed */
    size_t errors_len;
};

/* A variable or a connection: its value is sealed before it comes here (src/secret). */
struct setting_row {
    const char *kind; /* "variable", "connection"; "installation": not sealed (engine/zones.h) */
    const char *name;
    const void *value; /* NULL in put_settings: the row is removed */
    size_t value_len;
    int64_t
        version; /* grows by one with each change. In put_settings: that of the row that is replaced; 0: there is none;
                        -1: whatever there is */
    int64_t updated_us;
};

/* One change of settings, with what the audit trail tells of it. */
struct settings_change {
    const struct setting_row *rows;
    size_t rows_len;
    const struct pool_row *pool; /* or NULL */
    bool pool_gone;              /* it is removed: -ERR_NOTFOUND */
    const struct audit_row *audits;
    size_t audits_len;
};

/* An asset, by name and URI. */
struct asset_row {
    const char *name, *uri, *group;
    const char *extra;  /* JSON, or NULL */
    int64_t created_us; /* of the first row with this name and URI, which stays */
    /* Of results, the store's own: */
    int64_t asset_key; /* grows with each asset that is new */
    int64_t last_event_us;
};

/* That an asset was changed. Its texts say where from: they outlive the run. */
struct asset_event_row {
    const char *name, *uri;                /* the asset; one that is not there is made */
    const char *group, *asset_extra;       /* of an asset that is made; of results: as it is now */
    const char *extra;                     /* JSON, or NULL */
    const char *dag_id, *task_id, *run_id; /* NULL: not from a task */
    int32_t map_index;
    const char *aliases;       /* that it came through, each with its NUL; or NULL */
    size_t aliases_len;        /* with all NULs */
    const char *partition_key; /* or NULL */
    int64_t at_us;
    /* Of results, the store's own: */
    int64_t event_key; /* grows in the order of commits: who has seen one has seen all below it */
    int64_t asset_key;
};

/* A DAG that waits for assets. */
struct asset_consumer_row {
    int64_t dag_key;
    const char *schedule; /* that of its document: JSON */
    const char *dag_id;
    bool paused;
};

enum asset_queue_op {
    ASSET_QUEUE_CONSUMER, /* the DAG waits for the assets of this schedule; NULL: it waits no more, and what was queued for it goes */
    ASSET_QUEUE_ADD,      /* an event of this batch waits for a run of the DAG */
    ASSET_QUEUE_TAKE,     /* all that waits is the run's: what it consumed */
    ASSET_QUEUE_DROP,     /* events of a shape wait no more */
};
/* What changes in the queues of a DAG; applied in order, after the events. */
struct asset_queue_row {
    enum asset_queue_op op;
    int64_t dag_key;
    const char *schedule;  /* CONSUMER */
    const char *partition; /* the others; "": without */
    size_t event;          /* ADD: which of the batch's asset_events */
    int64_t run_key;       /* TAKE */
    int64_t asset_key;     /* DROP: events of this asset, through exactly these aliases */
    const char *aliases;
    size_t aliases_len;
};

/* Events of one asset, through the same aliases, that wait for the same run. */
struct asset_queue_shape {
    const char *partition;
    int64_t asset_key;
    const char *name, *uri;
    const char *aliases;
    size_t aliases_len;
    int64_t count;
    int64_t first_us, last_us; /* the times of the first and the last of them */
};

struct asset_event_query {
    int64_t asset_key;         /* 0: of all assets */
    const int64_t *asset_keys; /* of one of these; NULL: of any */
    size_t asset_keys_len;
    const char *alias;            /* through this alias; NULL: through any or none */
    int64_t from_us, to_us;       /* both included; TIME_NONE: open */
    int64_t above_key, below_key; /* neither included; 0: open */
    bool newest_first;            /* by event_key; else the oldest is first */
    size_t offset, limit;
};

/*
 * A run goes on with another version of its DAG: all that is kept of its tasks (instances, tries, history, XComs, rendered fields, attempts,
 * notes) gets their new indices. A task that the version does not have is gone: what is kept of it goes to an index from
 * STORE_GONE_TASK on, of its own, its instances become removed, and get_gone names it. Queries that list a run show no gone tasks; those
 * that are asked for an instance answer for that index. The run's row, with its new version, is another row of the batch.
 */
struct move_row {
    int64_t run_key, version_key;
    int64_t at_us;
    const uint32_t *to;          /* by the old index: the new one; TASK_GONE */
    const char *const *task_ids; /* by the old index */
    size_t len;
};
#define TASK_GONE       UINT32_MAX
#define STORE_GONE_TASK (UINT32_C(1) << 30) /* beyond LIMIT_TASKS; up to twice that */
struct gone_row {
    int64_t run_key;
    uint32_t task; /* from STORE_GONE_TASK on */
    const char *task_id;
    int64_t version_key; /* the first that did not have it */
    int64_t at_us;
};

/* What a person wrote about an instance, or about a run: then the task is NOTE_OF_RUN and the map index -1. */
struct note_row {
    struct ti_key key;
    const char *text;  /* in a batch NULL: it is removed */
    const char *actor; /* or NULL */
    int64_t at_us;
};
#define NOTE_OF_RUN UINT32_MAX

/* The map index under which records of an instance are kept as XComs that are none (engine.h). */
#define STORE_RECORD_INDEX(map_index) (-3 - (map_index))

/* A file that a watcher of an asset has told: as it was then. It is told again once it is another (written anew, replaced). */
struct arrival_row {
    const char *watcher; /* "name\nuri\nwatcher" */
    const char *path;
    int64_t mtime_ns, size;
    int64_t inode; /* in a batch -1: the row is removed, the file is gone */
    int64_t at_us;
};

/* One thing that somebody is to be told of through one channel (src/model/alert.h, docs/internals/alerts.md). Texts outlive the run. */
struct alert_row {
    int64_t alert_key; /* of the kind "alert"; grows */
    const char *channel, *kind;
    const char *dag_id, *run_id, *task_id; /* or NULL */
    int32_t map_index;                     /* of the last one; -1 none */
    uint16_t try_number;
    int64_t at_us, last_us; /* of the first and of the last that it stands for */
    int64_t count;          /* how many */
    const char *reason;     /* in words, or NULL */
    uint8_t state;          /* enum alert_state */
    struct uuid message;    /* that it is part of; zero: of none yet */
    uint16_t tries;         /* to send it */
    int64_t next_us;        /* not before; or TIME_NONE */
    int64_t sent_us;        /* when it was sent, or given up; or TIME_NONE */
    const char *error;      /* of the last try, masked; or NULL */
};
#define STORE_ALERT_ENDED (1u << 2 | 1u << 3) /* states: sent, failed */

struct alert_query {
    unsigned states; /* bit per enum alert_state; 0 = all */
    const char *channel;
    int64_t above_key, below_key; /* neither included; 0: open */
    bool newest_first;            /* by alert_key; of those that wait the oldest is always first */
    size_t limit;
};

/* When a run should have ended. */
struct deadline_row {
    int64_t run_key;
    int32_t n;        /* which of its DAG's deadlines */
    const char *name; /* or NULL */
    int64_t due_us;
    int64_t
        missed_us; /* when it was seen that the run had not ended by then; TIME_NONE: it was not */
    bool told;     /* its callback was started */
};

/* How long runs of a DAG took, or their tasks that ended well: newest run first. */
struct runtime_query {
    int64_t dag_key;
    unsigned states; /* of runs: bit per enum run_state */
    size_t runs;     /* so many at most, of the newest STORE_RUNTIMES_LOOK */
    bool tasks;      /* a row each, instead of one for the run */
    size_t limit;    /* of rows of tasks; 0 = no limit */
};
#define STORE_RUNTIMES_LOOK 1000
struct runtime_row {
    int64_t run_key, version_key;
    uint32_t task; /* index in that version; UINT32_MAX: the run */
    int64_t us;
};

/* A run by what its files are named after. */
struct run_name {
    int64_t run_key;
    const char *dag_id, *run_id;
    int64_t end_us; /* of one that is garbage: TIME_NONE */
};

/* Rows that nothing hangs on, which grow old. */
enum prune_kind {
    PRUNE_AUDITS,
    PRUNE_COMMANDS,     /* idempotency keys: the same command again is a new one */
    PRUNE_ASSET_EVENTS, /* but for the newest of each asset, and those that wait for a run */
    PRUNE_VERSIONS, /* that no run has, of DAGs that changed before that time, but for the current one */
    PRUNE_BACKFILLS, /* that were completed before, and none of whose runs is there: a row of it for each date, then itself */
    PRUNE_MAX_
};

struct store_batch {
    const struct dag_row *dags;
    size_t dags_len;
    const struct version_row *versions;
    size_t versions_len;
    const struct run_row *runs;
    size_t runs_len; /* upsert */
    const struct ti_row *tis;
    size_t tis_len; /* upsert */
    const struct transition_row *transitions;
    size_t transitions_len; /* append */
    const struct ti_row *tries;
    size_t tries_len; /* append: ended tries that another follows */
    const struct xcom_row *xcoms;
    size_t xcoms_len; /* upsert */
    const struct ti_key *xcom_clears;
    size_t xcom_clears_len; /* before the upserts */
    const struct rendered_row *rendered;
    size_t rendered_len; /* upsert */
    const struct attempt_row *attempts;
    size_t attempts_len; /* upsert by (key, try) */
    const struct command_row *commands;
    size_t commands_len; /* idempotency keys that were applied */
    const struct grant_row *grants;
    size_t grants_len; /* this shard's grant of a resource becomes n; refused (-ERR_CONFLICT) if the
                          sum would exceed its slots */
    const struct pool_row *pools;
    size_t pools_len; /* upsert */
    const struct audit_row *audits;
    size_t audits_len; /* append */
    const struct move_row *moves;
    size_t moves_len; /* before the rows of runs and instances */
    const struct note_row *notes;
    size_t notes_len; /* upsert */
    const struct arrival_row *arrivals;
    size_t arrivals_len; /* upsert by (watcher, path) */
    const struct asset_row *assets;
    size_t assets_len; /* upsert by (name, uri) */
    const struct asset_event_row *asset_events;
    size_t asset_events_len; /* append */
    const struct asset_queue_row *asset_queue;
    size_t asset_queue_len; /* in order */
    const struct backfill_row *backfills;
    size_t backfills_len; /* upsert; their DAG exists, else -ERR_INVALID */
    const struct backfill_run_row *backfill_runs;
    size_t backfill_runs_len; /* upsert by (backfill_key, ordinal) */
    const struct alert_row *alerts;
    size_t alerts_len; /* upsert by alert_key */
    const struct deadline_row *deadlines;
    size_t deadlines_len; /* upsert by (run_key, n) */
    const struct ti_key *ti_deletes;
    size_t ti_deletes_len; /* all that is kept of these instances goes */
    const int64_t *run_deletes;
    size_t run_deletes_len; /* those of them that are finished go and are garbage; last of all */
};

struct backfill_count { /* dates of a backfill that are alike */
    uint8_t outcome;    /* enum backfill_outcome */
    int8_t
        run_state; /* of CREATED and CLEARED ones: enum run_state; -1: the run is gone. Else -1 */
    uint32_t n;
};

/* ---- driver interface ---- */

struct store_ops {
    void (*close)(struct store *s);
    int (*commit)(struct store *s, int shard, int64_t epoch, int64_t seq,
                  const struct store_batch *b, struct err *e);
    /* Takes the shard over: raises its epoch (the first is 1) and returns it with the last seq (0
     * before the first commit). */
    int (*acquire)(struct store *s, int shard, const char *owner, int64_t *ret_epoch,
                   int64_t *ret_seq, struct err *e);
    /* A block of n keys of a kind ("run", "dag", "version"); the first of them (keys begin at 1).
     * Durable before it returns. */
    int (*reserve_keys)(struct store *s, const char *kind, int64_t n, int64_t *ret_first,
                        struct err *e);

    int (*get_dags)(struct store *s, struct arena *a, struct dag_row **ret, size_t *ret_len,
                    struct err *e); /* by dag_id */
    int (*find_dag)(struct store *s, const char *dag_id, struct arena *a, struct dag_row *ret,
                    struct err *e); /* -ERR_NOTFOUND */
    int (*get_version)(struct store *s, int64_t version_key, struct arena *a,
                       struct version_row *ret, struct err *e);
    /* Versions of all DAGs behind the given one, by version_key. */
    int (*get_versions)(struct store *s, int64_t after_key, size_t limit, struct arena *a,
                        struct version_row **ret, size_t *ret_len, struct err *e);
    int (*find_version)(struct store *s, int64_t dag_key, const char *hash,
                        int64_t *ret_version_key, struct err *e);

    /* In every query limit 0 means no limit; no rows give *ret NULL and *ret_len 0; one row that is
     * not there, -ERR_NOTFOUND. */

    /* Newest first by (run_after, run_key); after_key (0, or the last run of the page before;
     * -ERR_NOTFOUND if it is gone) pages. States: bit per enum run_state; 0 = all. dag_key 0 = all.
     */
    int (*get_runs)(struct store *s, int64_t dag_key, unsigned states, int64_t after_key,
                    size_t limit, struct arena *a, struct run_row **ret, size_t *ret_len,
                    struct err *e);
    int (*query_runs)(struct store *s, const struct run_query *q, struct arena *a,
                      struct run_row **ret, size_t *ret_len, struct err *e);
    int (*count_runs)(struct store *s, const struct run_query *q, int64_t *ret,
                      struct err *e); /* whatever its order, offset and limit */
    /* Runs of a DAG with such a time in the range (both included); in no order. */
    int (*get_run_times)(struct store *s, int64_t dag_key, int64_t from_us, int64_t to_us,
                         size_t limit, struct arena *a, struct run_time **ret, size_t *ret_len,
                         struct err *e);
    /* The versions of a DAG, oldest first, without their documents. */
    int (*get_dag_versions)(struct store *s, int64_t dag_key, struct arena *a,
                            struct version_row **ret, size_t *ret_len, struct err *e);
    /* Newest first; those below below_key (0: all). *ret_all (may be NULL): how many there are of all. */
    int (*get_audits)(struct store *s, int64_t below_key, size_t offset, size_t limit,
                      struct arena *a, struct audit_row **ret, size_t *ret_len, int64_t *ret_all,
                      struct err *e);
    int (*get_run)(struct store *s, int64_t run_key, struct arena *a, struct run_row *ret,
                   struct err *e);
    int (*find_run)(struct store *s, int64_t dag_key, const char *run_id, struct arena *a,
                    struct run_row *ret, struct err *e);
    /* The run of the DAG with the nearest earlier logical date; any_type false: only scheduled runs and
     * those of backfills. -ERR_NOTFOUND when there is none, or this one has no logical date. */
    int (*previous_run)(struct store *s, int64_t run_key, bool any_type, struct arena *a,
                        struct run_row *ret, struct err *e);
    /* The scheduled run of the DAG that comes last by (run_after, run_key). -ERR_NOTFOUND. */
    int (*last_scheduled_run)(struct store *s, int64_t dag_key, struct arena *a,
                              struct run_row *ret, struct err *e);
    /* Finished runs that ended before a time, behind the given one (after_us TIME_NONE: from the first), by (end_us, run_key). */
    int (*get_ended_runs)(struct store *s, int64_t after_us, int64_t after_key, int64_t before_us,
                          size_t limit, struct arena *a, struct run_name **ret, size_t *ret_len,
                          struct err *e);
    /* Rows that exist, by (task, map_index); states: bit per enum task_state, 0 = all. */
    int (*get_tis)(struct store *s, int64_t run_key, unsigned states, struct arena *a,
                   struct ti_row **ret, size_t *ret_len, struct err *e);
    /* The same of all of them, with little of each: for many. */
    int (*get_ti_states)(struct store *s, int64_t run_key, struct arena *a, struct ti_state **ret,
                         size_t *ret_len, struct err *e);
    int (*get_tries)(struct store *s, const struct ti_key *key, struct arena *a,
                     struct ti_row **ret, size_t *ret_len, struct err *e);
    int (*get_attempts)(struct store *s, int64_t run_key, struct arena *a, struct attempt_row **ret,
                        size_t *ret_len, struct err *e);
    /* History, oldest first; key NULL = all of the run. */
    int (*get_transitions)(struct store *s, int64_t run_key, const struct ti_key *key, size_t limit,
                           struct arena *a, struct transition_row **ret, size_t *ret_len,
                           struct err *e);
    int (*get_xcom)(struct store *s, const struct ti_key *key, const char *name, struct arena *a,
                    struct xcom_row *ret, struct err *e);
    /* One XCom of the instances of a mapped task: those from from->map_index on (at least 0), by
     * map_index. */
    int (*get_map_xcoms)(struct store *s, const struct ti_key *from, const char *name, size_t limit,
                         struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e);
    int (*get_rendered)(struct store *s, const struct ti_key *key, struct arena *a,
                        const char **ret_json, struct err *e);
    /* Tasks that versions of a run had once and its version has no more, by index. */
    int (*get_gone)(struct store *s, int64_t run_key, struct arena *a, struct gone_row **ret,
                    size_t *ret_len, struct err *e);
    /* Notes of a run: by (task, map_index), its own (NOTE_OF_RUN) last. */
    int (*get_notes)(struct store *s, int64_t run_key, struct arena *a, struct note_row **ret,
                     size_t *ret_len, struct err *e);
    /* Of many runs their own notes alone: by run_key. */
    int (*get_run_notes)(struct store *s, const int64_t *run_keys, size_t n, struct arena *a,
                         struct note_row **ret, size_t *ret_len, struct err *e);
    /* Of a watcher, by path. */
    int (*get_arrivals)(struct store *s, const char *watcher, struct arena *a,
                        struct arrival_row **ret, size_t *ret_len, struct err *e);
    int (*find_command)(struct store *s, const char *key, struct arena *a, const char **ret_result,
                        struct err *e);
    int (*get_pools)(struct store *s, struct arena *a, struct pool_row **ret, size_t *ret_len,
                     struct err *e);
    /* XComs of an instance, by name; without their values (value_len tells the size of what is not spilled). */
    int (*get_xcoms)(struct store *s, const struct ti_key *key, struct arena *a,
                     struct xcom_row **ret, size_t *ret_len, struct err *e);
    /* Settings (rule 4), by name; name NULL = all of the kind. */
    int (*get_settings)(struct store *s, const char *kind, const char *name, struct arena *a,
                        struct setting_row **ret, size_t *ret_len, struct err *e);
    /* Mean durations of the successful instances of each task over the last n finished runs of this
     * version, for estimates: by task index; -1 = none known. The array ends at the last task with
     * a known one. */
    int (*get_durations)(struct store *s, int64_t version_key, size_t runs, struct arena *a,
                         int64_t **ret_us_by_task, size_t *ret_len, struct err *e);

    /* Assets by (name, uri), those after the first `offset`. */
    int (*get_assets)(struct store *s, size_t offset, size_t limit, struct arena *a,
                      struct asset_row **ret, size_t *ret_len, struct err *e);
    /* name or uri may be NULL: any. Of several that fit, the one that was made last. */
    int (*find_asset)(struct store *s, const char *name, const char *uri, struct arena *a,
                      struct asset_row *ret, struct err *e);
    int (*get_asset_events)(struct store *s, const struct asset_event_query *q, struct arena *a,
                            struct asset_event_row **ret, size_t *ret_len, struct err *e);
    /* How many there are, and the newest one's key (0: none), whatever q's offset and limit. */
    int (*count_asset_events)(struct store *s, const struct asset_event_query *q, int64_t *ret,
                              int64_t *ret_newest, struct err *e);

    /* Backfills, newest first. dag_key 0 = all; active: only those that have not ended. */
    int (*get_backfills)(struct store *s, int64_t dag_key, bool active, size_t limit,
                         struct arena *a, struct backfill_row **ret, size_t *ret_len,
                         struct err *e);
    int (*get_backfill)(struct store *s, int64_t backfill_key, struct arena *a,
                        struct backfill_row *ret, struct err *e);
    /* Its dates in its order, those from an ordinal on. planned: only those whose turn has not come. */
    int (*get_backfill_runs)(struct store *s, int64_t backfill_key, bool planned, uint32_t from,
                             size_t limit, struct arena *a, struct backfill_run_row **ret,
                             size_t *ret_len, struct err *e);
    /* By (outcome, run_state). */
    int (*count_backfill)(struct store *s, int64_t backfill_key, struct arena *a,
                          struct backfill_count **ret, size_t *ret_len, struct err *e);
    /* The newest run (by run_key) of the DAG with this logical date. */
    int (*find_run_by_date)(struct store *s, int64_t dag_key, int64_t logical_us, struct arena *a,
                            struct run_row *ret, struct err *e);
    int (*get_alerts)(struct store *s, const struct alert_query *q, struct arena *a,
                      struct alert_row **ret, size_t *ret_len, struct err *e);
    /* By n. run_key 0: of all runs those that were missed, and not told. */
    int (*get_deadlines)(struct store *s, int64_t run_key, struct arena *a,
                         struct deadline_row **ret, size_t *ret_len, struct err *e);
    int (*get_runtimes)(struct store *s, const struct runtime_query *q, struct arena *a,
                        struct runtime_row **ret, size_t *ret_len, struct err *e);
    /* By dag_key. */
    int (*get_asset_consumers)(struct store *s, struct arena *a, struct asset_consumer_row **ret,
                               size_t *ret_len, struct err *e);
    /* What waits for runs of a DAG: by (partition, asset_key, aliases). */
    int (*get_asset_queue)(struct store *s, int64_t dag_key, struct arena *a,
                           struct asset_queue_shape **ret, size_t *ret_len, struct err *e);
    /* What a run consumed, by event_key, after the first `offset`. */
    int (*get_run_events)(struct store *s, int64_t run_key, size_t offset, size_t limit,
                          struct arena *a, struct asset_event_row **ret, size_t *ret_len,
                          struct err *e);

    /* Settings change in a transaction of their own, durable on return: all rows or none. -ERR_STALE: a row has another version than was
     * said; -ERR_NOTFOUND: one to be removed is not there. A row stands at most once among them. */
    int (*put_settings)(struct store *s, const struct setting_row *rows, size_t n, struct err *e);
    /* The same for settings, a pool and the audit's rows of one change, in one transaction. */
    int (*change_settings)(struct store *s, const struct settings_change *c, struct err *e);
    /* What a look at the DAG files found, likewise: written by the process that has the engine. */
    int (*put_parsed)(struct store *s, const struct parsed_batch *b, struct err *e);
    /* By dag_id; dag_id NULL: all. */
    int (*get_parsed_dags)(struct store *s, const char *dag_id, struct arena *a,
                           struct parsed_dag_row **ret, size_t *ret_len, struct err *e);
    /* By (bundle, file), those after the first `offset`. error_key 0: all. */
    int (*get_import_errors)(struct store *s, int64_t error_key, size_t offset, size_t limit,
                             struct arena *a, struct import_error_row **ret, size_t *ret_len,
                             struct err *e);
    /* The bundle's versions that a run, or the current version of a DAG, refers to: sorted. */
    int (*get_bundle_versions)(struct store *s, const char *bundle, struct arena *a,
                               const char ***ret, size_t *ret_len, struct err *e);
    /* Likewise a pool: made or changed; remove: by its name (-ERR_NOTFOUND). */
    int (*put_pool)(struct store *s, const struct pool_row *row, bool remove, struct err *e);

    /* A number that is another one whenever something was changed since it was asked for: by other handles, or by any. */
    int (*get_change)(struct store *s, int64_t *ret, struct err *e);

    /* Maintenance. */
    int (*check)(struct store *s, struct err *e); /* integrity; -ERR_CORRUPT with what is wrong */
    int (*backup)(struct store *s, const char *path, struct err *e);
    /*
     * Cleaning, a bounded piece at a call (at most LIMIT_STORE_CLEAN_ROWS rows): to be called again while *ret_more. It takes at most `limit`
     * (0: as many as a piece may) finished runs that ended before a time out of sight, oldest end first, and deletes what hangs on runs that
     * are out of sight. *ret_runs: how many it took. The newest run of each DAG that was not started by hand is kept: its schedule goes on
     * from it. Killed in between, it goes on when asked again.
     */
    int (*clean)(struct store *s, int64_t before_us, size_t limit, int64_t *ret_runs,
                 bool *ret_more, struct err *e);
    /* How many runs clean would take in all. */
    int (*count_old_runs)(struct store *s, int64_t before_us, int64_t *ret, struct err *e);
    /* Runs that clean and delete_dag took, whose rows are gone, by run_key: what they named outside of the store (logs, spilled XComs) is the
     * caller's to remove, who then drops them. Until then they are told again. */
    int (*get_garbage)(struct store *s, size_t limit, struct arena *a, struct run_name **ret,
                       size_t *ret_len, struct err *e);
    int (*drop_garbage)(struct store *s, const int64_t *run_keys, size_t n, struct err *e);
    /* Deletes at most `limit` rows of a kind that are older than a time, oldest first. How many. */
    int (*prune)(struct store *s, enum prune_kind kind, int64_t before_us, size_t limit,
                 int64_t *ret_rows, struct err *e);
    /* Deletes a DAG with its versions, its backfills, its runs and all that hangs on them, in bounded transactions:
     * killed in between, it goes on when asked again. -ERR_CONFLICT: a run or a backfill of it is not finished,
     * nothing was deleted; -ERR_NOTFOUND. How many runs; they become garbage. */
    int (*delete_dag)(struct store *s, int64_t dag_key, int64_t *ret_runs, struct err *e);
    /* Deletes alerts that have ended (sent, failed): those that did before a time, and the oldest beyond `keep`; at most
     * `limit` (0: all), in one transaction. How many. */
    int (*prune_alerts)(struct store *s, int64_t before_us, size_t keep, size_t limit,
                        int64_t *ret_rows, struct err *e);
    int (*schema_version)(struct store *s, int *ret, int *ret_newest, struct err *e);
    /* A bounded piece of work that keeps later commits fast (SQLite: moves the write-ahead log into
     * the file). To be called when there is nothing to commit; commit does it itself only when it
     * can wait no longer. *ret_more: call again. */
    int (*upkeep)(struct store *s, bool *ret_more, struct err *e);
};

struct store { /* the head of every driver's own struct */
    const struct store_ops *ops;
    const char *driver; /* "mem", "sqlite" */
};

/* An empty in-memory store. Same semantics, lost at close. */
int store_mem_open(struct store **ret, struct err *e);
/* A database file; made and migrated unless flags say otherwise. -ERR_VERSION: made by a newer
 * program. */
int store_sqlite_open(const char *path, unsigned flags, struct store **ret, struct err *e);
/* The same over a registered SQLite VFS (NULL: the default one): for tests and simulation. */
int store_sqlite_open_vfs(const char *path, const char *vfs, unsigned flags, struct store **ret,
                          struct err *e);
/* Only migrates (a copy of the file first, named in *ret_copy in the arena, or NULL when nothing
 * was to do). */
int store_sqlite_migrate(const char *path, struct arena *a, const char **ret_copy, int *ret_from,
                         int *ret_to, struct err *e);

static inline void store_close(struct store *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

/* Of what get_run_notes gave: a run's note, or NULL. */
static inline const struct note_row *store_run_note(const struct note_row *rows, size_t n,
                                                    int64_t run_key)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (rows[mid].key.run_key < run_key) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < n && rows[lo].key.run_key == run_key ? &rows[lo] : NULL;
}

#endif
