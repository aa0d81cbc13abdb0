/*
 * The engine: carries events to the scheduler and its decisions to the world. One coroutine does, for ever:
 *
 *   inbox -> sched_step ... -> one batch -> commit (one sync) -> effects: start, kill, acknowledge, answer, wake who waits
 *
 * While a commit is under way the inbox fills: that is the group commit. Everything that the engine touches is given at its birth: the
 * loop (and with it the clocks), the store, the worker, the seed; so a simulator runs it unchanged.
 *
 * All functions are called on coroutines of the engine's loop.
 */
#ifndef TW_ENGINE_ENGINE_H
#define TW_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/time.h"
#include "model/rows.h"

struct alert_channel;
struct alert_config;
struct alert_message;
struct arena;
struct dag;
struct engine;
struct err;
struct loop;
struct store;
struct value;
struct worker;
struct xcom_row;

/* Where a run's DAG is made from. */
struct dag_source {
    int64_t dag_key, version_key;
    const char *document; /* JSON */
    size_t len;
    const char *file; /* where it came from, or NULL */
};

/* What the configuration says. */
struct engine_settings {
    int32_t max_map_length;     /* instances of a mapped task */
    int32_t default_pool_slots; /* while the store has no row of default_pool */
    int32_t queued_retries;     /* how often a task that a worker does not start is queued again */
    int64_t queued_timeout_us;  /* ... after this time */
    int32_t backfill_active;    /* runs at once of a backfill that does not say it */
};
#define ENGINE_SETTINGS_DEFAULT                                            \
    {                                                                      \
        LIMIT_MAP_LENGTH, DEFAULT_POOL_SLOTS, DEFAULT_QUEUED_RETRIES,      \
            DEFAULT_QUEUED_TIMEOUT_S *TIME_SECOND, DEFAULT_BACKFILL_ACTIVE \
    }

struct engine_config {
    struct loop *loop;
    struct store *store;
    struct worker *worker;
    const char *home;    /* TRADEWIND_HOME, for spilled XComs; NULL = none are spilled */
    const char *owner;   /* who holds the lease: "host:pid" */
    uint64_t seed;       /* of attempts' ids */
    int32_t parallelism; /* core.parallelism: processes at once; the worker's slots */
    /* While the worker has claimed work ahead, a commit may wait this long for company: fewer syncs, no slot idle. 0 = never. */
    int64_t gather_us;
    bool schedules; /* creates the runs that are due (engine_schedule_dag) */
    /* SUSPENDS. Asks a time table of Python (engine/asking.h): a line of JSON, and one as the answer, in the arena. NULL: they cannot be asked. */
    int (*ask)(void *arg, const char *question, size_t n, struct arena *a, const char **ret,
               size_t *ret_len, struct err *e);
    void *ask_arg;
    const struct engine_settings *settings; /* borrowed until it is open; NULL = the defaults */
    struct alert_config *
        alerts; /* taken, also on failure; NULL: nobody is told of anything, and no deadline is watched */
    /* In place of alert_send, for tests: arg is the engine. NULL: alert_send. */
    int (*send_alert)(void *arg, const struct alert_channel *c, const struct alert_message *m,
                      bool *ret_final, struct err *e);
};

/* SUSPENDS. Takes the shard, loads settings, starts the engine's coroutine. */
int engine_open(const struct engine_config *c, struct engine **ret, struct err *e);
/* SUSPENDS. Ends the engine's coroutine after what is in its inbox is committed; lets go of the worker's attempts; frees. */
void engine_close(struct engine *g);

/*
 * SUSPENDS. Once, before anything else: brings runs back. `run_keys` are continued (NULL with n 0: none; n == SIZE_MAX: all unfinished ones);
 * the attempts of other unfinished runs are left alone where they are. load_dag gives the DAG of a version (one reference).
 */
int engine_recover(struct engine *g, const int64_t *run_keys, size_t n,
                   int (*load_dag)(void *arg, const struct dag_source *src, struct dag **ret,
                                   struct err *e),
                   void *arg, struct err *e);

/* SUSPENDS. Stores the DAG's version if it is new (by hash) and makes the scheduler know it. `document` is its
 * JSON in the order of its tasks. */
int engine_add_dag(struct engine *g, struct dag *d, const char *document, size_t n,
                   int64_t *ret_dag_key, struct err *e);

struct engine_run_request {
    int64_t dag_key;
    const char *run_id; /* NULL = "manual__<logical date>" */
    enum run_type type;
    int64_t logical_date_us; /* TIME_NONE = now */
    const char *conf;        /* JSON object, or NULL */
    const char
        *key; /* idempotency key: the same request again finds the run that it made; NULL = none */
    int64_t
        parent; /* the run whose task asked for it, or 0: who continues that one continues this one too */
    const char *partition_key;       /* what it is for, or NULL; at most LIMIT_ID_BYTES */
    const struct due_run *scheduled; /* its times, in place of logical_date_us and now; or NULL */
    bool has_interval;               /* a run by hand: its data interval is this one */
    int64_t interval_start_us, interval_end_us;
    enum run_trigger triggered_by;
    const char *triggering_user; /* or NULL */
    bool *ret_found;             /* it was made by an earlier request of this key; or NULL */
};
struct due_run;
/* SUSPENDS until the run is durable. -ERR_EXISTS: a run of that id is there. */
int engine_create_run(struct engine *g, const struct engine_run_request *r, int64_t *ret_run_key,
                      struct err *e);
/* SUSPENDS until the run is finished and that is durable, or the engine stops (-ERR_CLOSED). A run that has finished before is read from
 * the store. */
int engine_wait_run(struct engine *g, int64_t run_key, enum run_state *ret, struct err *e);

/* ---- who keeps the DAG files of this engine's home ---- */

struct world_call;
struct engine_keeper {
    void *arg;
    /* SUSPENDS. The socket's request `bundles`: a handler as those of world.h. */
    int (*answer)(void *arg, const struct world_call *c, struct err *e);
    void (*settings_changed)(
        void *arg); /* a variable or a connection: DAG files may have read it */
    void (*dag_deleted)(void *arg,
                        int64_t dag_key); /* its file, if it is there, is to be told again */
};
void engine_set_keeper(struct engine *g, const struct engine_keeper *k); /* NULL: nobody any more */
bool engine_keeps_dags(const struct engine *g);                          /* there is one */

/* ---- runs that are due (config.schedules) ---- */

/*
 * SUSPENDS. From now on runs of a known DAG (engine_add_dag) are created when its schedule says so, unless it is paused: again for
 * a DAG that changed. A DAG that no clock starts is left alone. Errors are the DAG's: a time zone that is not there ...
 */
int engine_schedule_dag(struct engine *g, int64_t dag_key, struct err *e);
void engine_unschedule_dag(struct engine *g, int64_t dag_key); /* its runs go on */
/* SUSPENDS until durable. A paused DAG creates no scheduled runs, and its runs queue no further tasks. -ERR_NOTFOUND. The DAG need not be
 * known to this engine. */
int engine_pause_dag(struct engine *g, const char *dag_id, bool paused, const char *actor,
                     struct err *e);

enum engine_op { ENGINE_CLEAR, ENGINE_MARK, ENGINE_STOP_RUN };
struct engine_command {
    enum engine_op op;
    const char *key;   /* idempotency key: applied once; NULL = none */
    const char *actor; /* for the audit */
    int64_t run_key;
    const uint32_t *tasks; /* NULL with 0 = all */
    size_t tasks_len;
    const int32_t *map_indexes; /* one per task, -1 = all of it; or NULL */
    int64_t
        version_key; /* that tasks are indices of; 0 = whatever the run has. Of another: -ERR_CONFLICT, */
    bool move;       /* CLEAR: or the run goes on with that version (sched.h, SCHED_CLEAR) */
    enum task_state state; /* MARK */
    const char *reason;
};
/* SUSPENDS until applied and durable. *ret_affected: instances. The run must be known to the scheduler or in the store (it is loaded). */
int engine_command(struct engine *g, const struct engine_command *c, uint32_t *ret_affected,
                   struct err *e);

/* Under which key (actor, id of the request) the store keeps what a command came to whose asker had ceased to wait: the message of the answer. */
#define COMMAND_ANSWER_KEY "answer:%s:%s"

/* SUSPENDS until it is durable. A note on an instance, or (task NOTE_OF_RUN) on a run; NULL or "": it is removed. The run need not be known to
 * the scheduler. -ERR_NOTFOUND: there is no such run; -ERR_LIMIT. */
int engine_note(struct engine *g, const struct ti_key *key, const char *text, const char *actor,
                struct err *e);

/* Runs that tasks of runs of this engine made, or that were made so before and go on here. Borrowed until the next suspension. */
const int64_t *engine_children(struct engine *g, size_t *ret_len);

/* What is kept for an instance beside its XComs, as an XCom of an instance that cannot be: nobody can pull or clear it, and it goes with its
 * run. What a deferred try needs to go on, what it asked a person, and what it is called by its map_index_template (JSON all). */
#define ENGINE_RECORD_STATE "state"
#define ENGINE_RECORD_HITL  "hitl"
#define ENGINE_RECORD_NAME  "name" /* of a mapped instance: {"name": TEXT} */
static inline struct ti_key engine_record_key(const struct ti_key *of)
{
    return (struct ti_key){of->run_key, of->task, -3 - of->map_index}; /* STORE_RECORD_INDEX */
}

/* The JSON text of an XCom row, read back from its file if it was spilled, in the arena. Blocks. home NULL: nothing is spilled. -ERR_IO,
 * -ERR_CORRUPT: the file. */
int engine_read_xcom(const char *home, const struct xcom_row *row, struct arena *a,
                     const char **ret, size_t *ret_len, struct err *e);
/* SUSPENDS until it is durable. Deletes an XCom of an instance, and its file. -ERR_NOTFOUND: it has none of that name; -ERR_CONFLICT: the
 * instance is at work. The run need not be known to the scheduler. */
int engine_delete_xcom(struct engine *g, const struct ti_key *key, const char *name,
                       const char *actor, struct err *e);

/* A person's answer to what a task asked. */
struct engine_response {
    struct ti_key key;
    const struct value *options; /* array of the chosen options, or NULL: the only one there is */
    const struct value *params;  /* object, or NULL */
    const char *by;
};
/* SUSPENDS until it is durable. -ERR_NOTFOUND: the task asks nobody; -ERR_CONFLICT: it was answered, or waits no more; -ERR_INVALID: no such
 * option. The run need not be known to the scheduler. */
int engine_respond(struct engine *g, const struct engine_response *r, struct err *e);

/* Watchers that a DAG's assets say and that cannot be: told with their place and in words. Pure. */
typedef void engine_watcher_fn(void *arg, const struct value *watcher, const char *text);
void engine_check_watchers(const struct dag *d, engine_watcher_fn *wrong, void *arg);

/* An event of an asset that no task made. */
struct engine_asset_event {
    const char *name,
        *uri;          /* one of them may be NULL: as the store has the asset, else the other one */
    const char *extra; /* JSON object, or NULL */
    const char *partition_key;
    const char *actor;
    const char *keys[2]; /* idempotency keys, or NULL: it is one event under either */
};
/* SUSPENDS until it is durable, with what it starts. An asset that no DAG has named is taken as it is said. *ret_created, which may be NULL:
 * false if there was one under a key. -ERR_INVALID. */
int engine_create_asset_event(struct engine *g, const struct engine_asset_event *ev,
                              bool *ret_created, struct err *e);

/* From now on nothing new starts. Live attempts of the runs that somebody waits for (engine_wait_run) are ended and go back to
 * `scheduled`, so that a later resume continues; those of other runs go on in their holders. Idempotent. */
void engine_interrupt(struct engine *g);

/* ---- the service: drain and reload (service.c) ---- */

/* While on, nothing new is queued and nothing that is claimed starts; what runs goes on. Runs are created all the same, and wait. */
void engine_drain(struct engine *g, bool on);
/* Processes of attempts and callbacks that live. */
int engine_busy(struct engine *g);
/* SUSPENDS until it is durable what follows. Takes over what may change while it runs: parallelism (0: as it is), and the slots of default_pool
 * where the store has no row of it. The rest of `s` has no effect before the next start. */
int engine_reconfigure(struct engine *g, const struct engine_settings *s, int32_t parallelism,
                       struct err *e);
/* In place of the engine's configuration of alerts, which it had from its start on; takes the reference. Holds for what happens from now on;
 * runs at work are held against rules of slowness only if there were any when they began. */
void engine_set_alerts(struct engine *g, struct alert_config *c);
/* Who answers the socket's request `service` {op}: drain, cancel_drain, reload, status. Writes the members of "result". Without one such
 * requests are refused. */
struct json_writer;
void engine_on_service(struct engine *g,
                       int (*fn)(void *arg, const char *op, struct json_writer *w, struct err *e),
                       void *arg);

/* SUSPENDS until it is durable. A DAG file cannot be read: those whom rules of import_error name are told (docs/guide/alerts.md). text: one
 * line, which names the file. Without alerts nothing is done. */
int engine_tell_import_error(struct engine *g, const char *text, struct err *e);

/* ---- for displays and tests: facts of the moment, read on the loop's thread ---- */

const struct dag *engine_run_dag(struct engine *g, int64_t run_key); /* borrowed; NULL if unknown */
struct sched *engine_sched(struct engine *g);

/* SUSPENDS. Runs fn(arg) on the store's thread: reads beside the engine's own. */
int engine_on_store(struct engine *g, int (*fn)(void *arg), void *arg);
struct store *engine_store(struct engine *g); /* to be used there only */

struct engine_stats {
    uint64_t commits, events, rows, transitions;
    int64_t commit_us; /* spent in commits */
    int store_error;   /* the commit at hand fails with this and is repeated; 0 = fine */
};
void engine_get_stats(const struct engine *g, struct engine_stats *ret);
/* What the process around the engine found when it last looked at its DAG files: for /health and /metrics. */
struct engine_dags_report {
    int64_t dags, files, errors, took_us;
};
void engine_report_dags(struct engine *g, const struct engine_dags_report *r);
/* Told after every durable batch (a display, a simulator's checker). Borrowed for the call. */
struct sched_actions;
void engine_on_commit(struct engine *g, void (*fn)(void *arg, const struct sched_actions *a),
                      void *arg);
/* What the scheduler has decided already and on_commit will tell: the states of engine_sched are ahead by that. */
const struct sched_actions *engine_untold(const struct engine *g);

/* ---- engine socket (docs/internals/wire.md) ---- */

/* SUSPENDS only to bind. Serves $HOME/engine.sock until engine_close: questions of tasks, commands of other processes. run_file: how a `run`
 * command of another process is carried out (reads a DAG file, creates a run), given by the command line. */
int engine_serve(struct engine *g, const char *path,
                 int (*run_file)(void *arg, const char *request_json, char **ret_json,
                                 struct err *e),
                 void *arg, struct err *e);

#endif
