/* The engine's own declarations. */
#ifndef TW_ENGINE_ENGINE_PRIV_H
#define TW_ENGINE_ENGINE_PRIV_H

#include "base/arena.h"
#include "engine/engine.h"
#include "engine/metrics.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "store/store.h"
#include "worker/worker.h"

/* Builds of the simulator break one rule on purpose (sim/meson.build), to prove that it finds the fault. 0 in the product. */
#ifndef ENGINE_CANARY
#define ENGINE_CANARY 0
#endif

/* With one scheduler, shard 0 stands for all of them (docs/decisions/0003-one-shard.md). */
#define ENGINE_SHARD 0

enum msg_type {
    MSG_STARTED, /* from the worker */
    MSG_DEFERRED,
    MSG_ENDED,
    MSG_REQUEST, /* from a coroutine that waits for the commit */
    MSG_EVENT,   /* an event of our own, nobody waits */
};

struct json_writer;

/* A run, or a key, that is about to be made: who wants the same waits. A commit with one of them twice would be refused as a whole. */
struct making {
    struct making *next;
    int64_t dag_key;
    const char *run_id;  /* or NULL */
    const char *keys[2]; /* idempotency keys, or NULL */
};

/* What a caller of the engine waits for. Lives in the caller's frame until done. */
struct request {
    struct sched_event event;
    const struct dag_row *dag; /* rows to commit with it, or NULL */
    const struct version_row *version;
    const struct command_row *command;
    const struct command_row *command2; /* a second key of the same, or NULL */
    const struct audit_row *audit;
    const struct worker_xcom *xcom; /* of a live attempt, or NULL */
    struct ti_key xcom_key;
    struct uuid xcom_token;
    const struct asset_row *assets; /* that the version names */
    size_t assets_len;
    const struct backfill_row *backfill;          /* or NULL */
    const struct backfill_run_row *backfill_runs; /* of a command: only if it is not refused */
    size_t backfill_runs_len;
    const struct alert_row *alerts;
    size_t alerts_len;
    const struct deadline_row *deadlines;
    size_t deadlines_len;
    const struct ti_key *clear;          /* the instance whose XComs go first, or NULL */
    const struct xcom_row *row;          /* a record that is nobody's XCom, or NULL */
    size_t row_more;                     /* that follow it */
    const struct asset_queue_row *queue; /* once its event was taken */
    size_t queue_len;
    const struct note_row *note;    /* or NULL */
    const struct ti_key *ti_delete; /* or NULL */
    const int64_t *run_deletes;
    size_t run_deletes_len;
    const struct arrival_row *arrivals;
    size_t arrivals_len;
    /* Its turn in the batch has come: looks whether it still holds, and what it changes beside rows. Not 0: it is refused with that. Or NULL. */
    int (*turn)(struct engine *g, struct request *r);
    struct co *co;
    bool done;
    bool
        wants_reply; /* the scheduler answers it with a reply of command id `event.command.command` */
    int rc;
    uint32_t affected;
    char text[256];
    struct request *next_waiting;
};

struct msg {
    struct msg *next;
    enum msg_type type;
    struct ti_key key;
    struct uuid token;
    int64_t at_us, pid;
    char *holder, *log;     /* owned */
    struct worker_end *end; /* owned */
    struct request *request;
    struct sched_event event; /* MSG_EVENT; what it points to lives in `arena` */
    struct arena arena;
    /* MSG_EVENT that answers with rows of a run read from the store: what was asked, whose rows they are (0: none), and how many
     * runs had left the scheduler before they were read. */
    struct sched_question asked;
    int64_t read_key;
    uint64_t forgets;
};

/* Rows that the scheduler does not know, gathered for the batch at hand; they borrow from the messages in `consumed`. */
struct extras {
    struct dag_row *dags;
    size_t dags_len, dags_cap;
    struct version_row *versions;
    size_t versions_len, versions_cap;
    struct xcom_row *xcoms;
    size_t xcoms_len, xcoms_cap;
    struct ti_key *xcom_clears;
    size_t xcom_clears_len, xcom_clears_cap;
    struct rendered_row *rendered;
    size_t rendered_len, rendered_cap;
    struct attempt_row *attempts;
    size_t attempts_len, attempts_cap;
    struct command_row *commands;
    size_t commands_len, commands_cap;
    struct audit_row *audits;
    size_t audits_len, audits_cap;
    struct note_row *notes;
    size_t notes_len, notes_cap;
    struct ti_key *ti_deletes;
    size_t ti_deletes_len, ti_deletes_cap;
    int64_t *run_deletes;
    size_t run_deletes_len, run_deletes_cap;
    struct arrival_row *arrivals;
    size_t arrivals_len, arrivals_cap;
    struct asset_row *assets;
    size_t assets_len, assets_cap;
    struct asset_event_row *asset_events;
    size_t asset_events_len, asset_events_cap;
    struct backfill_row *backfills;
    size_t backfills_len, backfills_cap;
    struct backfill_run_row *backfill_runs;
    size_t backfill_runs_len, backfill_runs_cap;
    struct alert_row *alerts;
    size_t alerts_len, alerts_cap;
    struct deadline_row *deadlines;
    size_t deadlines_len, deadlines_cap;
    struct asset_queue_row *asset_queue;
    size_t asset_queue_len, asset_queue_cap;
    struct event_group { /* the events of one attempt among them */
        struct ti_key key;
        size_t first, len;
    } * event_groups;
    size_t event_groups_len, event_groups_cap;
    struct spill {
        char *path; /* absolute, owned */
        const void *data;
        size_t len;
    } * spills;
    size_t spills_len, spills_cap;
    struct uuid *acks; /* attempts whose end is in this batch, or is stale */
    size_t acks_len, acks_cap;
    struct arena arena; /* paths and the like */
};

struct run_waiter {
    struct run_waiter *next;
    struct co *co;
    int64_t run_key;
    int state; /* -1 until known */
};

struct key_block {
    int64_t next, end;
    bool reserving;
};

/* The version that new runs of a DAG get. */
struct known_dag {
    int64_t dag_key, version_key;
    struct dag *dag;       /* one reference */
    struct timing *timing; /* owned; NULL: nothing is created by the clock */
    uint64_t question;     /* that is open about its time table; 0: none */
};

#define FORGOTTEN_KEPT 64

struct engine {
    struct engine_config config;
    struct engine_settings settings;
    struct loop *loop;
    struct store *store;
    struct worker *worker;
    struct sched *sched;
    struct pool *pool; /* the store's thread */
    struct co_group group;
    struct co *main;
    int64_t epoch, seq;
    int64_t wall_base_us,
        mono_base_us; /* the engine's clock: wall at birth, then monotonic (a jump harms nothing) */
    struct known_dag *dags;
    size_t dags_len, dags_cap;
    struct schedule *schedule;   /* NULL without config.schedules */
    struct backfills *backfills; /* NULL until there is one */
    struct alerts *alerts;       /* NULL without config.alerts; and so is late */
    struct late *late;
    struct arrivals *arrivals; /* watchers of files; NULL while there are none */
    struct consumers *consumers;
    uint64_t questions; /* about time tables, so far */
    unsigned asking;    /* that are being asked */
    struct co_cond asked;
    struct key_block run_keys, dag_keys, version_keys, backfill_keys;

    struct msg *inbox, **inbox_last;
    size_t urgent;            /* messages in the inbox that are worth a commit of their own */
    int64_t hold_until_us;    /* the others wait for company until then (loop clock) */
    struct msg *consumed;     /* of the batch at hand; freed after its commit */
    struct request *requests; /* of the batch at hand */
    struct request *replies;  /* fed, the scheduler has not replied yet */
    int64_t next_command;
    uint64_t forgets; /* runs that left the scheduler; the last of them: */
    int64_t forgotten[FORGOTTEN_KEPT];
    struct sched_actions actions;
    size_t claimed; /* dispatches of `actions` that are claimed already */
    struct extras extras;
    struct run_waiter *waiters;
    struct making *making;
    struct co_cond made;
    bool answering; /* somebody changes a question to a person (hitl.c); others wait */
    struct co_cond answered;
    int64_t *children; /* runs that tasks made */
    size_t children_len, children_cap;
    int64_t *called_back; /* finished runs whose callbacks were started */
    size_t called_back_len, called_back_cap;
    struct heard { /* what listeners were told last of a run that the scheduler knows */
        int64_t run_key;
        int state;
    } * heard;
    size_t heard_len, heard_cap,
        heard_prune; /* from this length on those of forgotten runs are taken out */
    struct prng callback_ids;

    bool started, closing, interrupted, waiting;
    int fatal; /* the engine cannot go on: -ERR_x */
    char fatal_text[512];
    int64_t last_commit_us;
    int64_t
        close_by_us; /* while closing: a commit that fails is repeated until then; the next start goes on from the store */
    struct engine_stats stats;
    bool draining, has_default_pool;
    char zone_release[64]; /* zones.c: what schedules were made with; "" not yet known */
    int (*service)(void *arg, const char *op, struct json_writer *w, struct err *e);
    void *service_arg;
    struct engine_metrics metrics;
    void (*on_commit)(void *arg, const struct sched_actions *a);
    void *on_commit_arg;
    int (*load_dag)(void *arg, const struct dag_source *src, struct dag **ret, struct err *e);
    void *load_dag_arg;
    struct engine_keeper keeper;  /* all NULL: nobody */
    struct socket_server *server; /* or NULL */
};

int64_t engine_now(const struct engine *g);
void engine_post(struct engine *g, struct msg *m);
/* SUSPENDS until the request's batch is durable. The request's rc, or why it could not be. */
int engine_ask(struct engine *g, struct request *r, struct err *e);
/* The same in two steps, for many at once: after engine_send the request must be waited for. */
int engine_send(struct engine *g, struct request *r, struct err *e);
int engine_await(struct request *r, struct err *e);
int engine_feed(struct engine *g, struct sched_event *ev); /* one step; -ERR_NOMEM becomes fatal */
/* SUSPENDS perhaps. The next key of a kind. */
/* SUSPENDS until nobody else makes what m says; then end it in any case. m lives in the caller's frame. */
int engine_make_begin(struct engine *g, struct making *m, struct err *e);
void engine_make_end(struct engine *g, struct making *m);
/* commands.c: SUSPENDS. What a command came to, for who did not wait for it; of several under one key the first. */
int engine_keep_answer(struct engine *g, const char *key, const char *answer, struct err *e);
struct known_dag *register_known(struct engine *g, int64_t dag_key); /* NULL: it is not */
int engine_next_key(struct engine *g, struct key_block *b, const char *kind, int64_t n,
                    int64_t *ret, struct err *e);
int engine_start_main(struct engine *g, struct err *e);
/* Slots that parallelism is fed as: what is claimed ahead of a free slot is queued, and counts. */
int64_t engine_parallelism(int32_t slots);

/* batch.c */
int batch_consume(struct engine *g, struct msg *m); /* a message becomes an event and rows */
int batch_settle_commands(
    struct engine *g); /* of commands with a reply: recorded, with what they change */
/* Whether the token is that of the instance's attempt, which has not ended; *row: the instance. */
bool batch_is_live(struct engine *g, const struct ti_key *key, const struct uuid *token,
                   struct ti_row *row);
int batch_claim(struct engine *g); /* claims what was dispatched, within the worker's reach */
/* It may move a run to another version: nothing may be in the batch before it (sched.h, struct sched_move). */
bool batch_is_alone(const struct msg *m);
bool batch_empty(const struct engine *g);
int batch_commit(struct engine *g); /* SUSPENDS; repeats until durable or fatal */
void batch_effects(struct engine *g);
void batch_start(struct engine *g); /* of the effects: what was dispatched */
void batch_ack(struct engine *g);   /* of the effects: what has ended */
void batch_clear(struct engine *g);
void batch_free_message(struct engine *g, struct msg *m);

/* facts.c */
/* A finished run leaves the scheduler. -ERR_INVALID, and other codes of sched_forget_run: it does not yet. */
int facts_forget(struct engine *g, int64_t run_key);
/* Rows of a run that the scheduler does not know go with the batch at hand: what was read of it before is no longer what is. */
void facts_changed(struct engine *g, int64_t run_key);
/* The run left the scheduler after its rows were read: they are no longer what is. */
bool facts_stale(struct engine *g, const struct msg *m);
void facts_answer(struct engine *g, const struct sched_question *q);
/* SUSPENDS. A run with its instances and its DAG (one reference), in the arena. */
int facts_load_run(struct engine *g, const struct run_row *row, struct arena *a,
                   struct dag **ret_dag, struct ti_row **ret_tis, size_t *ret_len, struct err *e);
int facts_load_version(struct engine *g, int64_t dag_key, int64_t version_key, struct dag **ret,
                       struct err *e);
/* SUSPENDS. An XCom as JSON, read back from its file if it was spilled; *ret NULL when there is none. */
int facts_xcom(struct engine *g, const struct ti_key *key, const char *name, struct arena *a,
               const char **ret, size_t *ret_len, struct err *e);
/* SUSPENDS. Those of a mapped task's instances from from->map_index on, as JSON in value and value_len; limit 0 = all. */
int facts_xcoms(struct engine *g, const struct ti_key *from, const char *name, size_t limit,
                struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e);

/* mapping.c */
/* SUSPENDS. SCHED_ASK_MAP: counts what the task's (or its group's) arguments are; *ev becomes the answer. An error only where nothing
 * could be read: it is asked again. */
int mapping_answer(struct engine *g, const struct sched_question *q, struct sched_event *ev,
                   struct arena *a, struct err *e);
/* SUSPENDS. The XCom of all instances of a mapped task, by map_index: one JSON array in the arena. */
int mapping_list(struct engine *g, const struct ti_key *key, const char *name, struct arena *a,
                 const char **ret, size_t *ret_len, struct err *e);

/* assets.c */
/* The assets that a DAG's document names: as inlets and outlets of its tasks, and in its schedule. In the arena. -ERR_LIMIT. */
int engine_assets_of(const struct dag *d, int64_t now_us, struct arena *a, struct asset_row **ret,
                     size_t *ret_len, struct err *e);
/* SUSPENDS. worker_callbacks.events_get */
int engine_run_events(void *arg, int64_t run_key, struct arena *a, const char **ret,
                      size_t *ret_len, struct err *e);
/* One event becomes a row of the batch at hand. */
int batch_add_event(struct engine *g, const struct asset_event_row *row);
/* The events that an attempt's end tells of. Stops with fn's error. */
typedef int asset_event_fn(struct engine *g, const struct asset_event_row *row, void *arg);
int engine_each_asset_event(struct engine *g, const struct worker_end *end, asset_event_fn *fn,
                            void *arg);
/* arrival.c: the files that a DAG's assets wait for are watched from now on, and those that it named before no more. d NULL: none. */
int arrivals_of(struct engine *g, int64_t dag_key, const struct dag *d, struct err *e);
/* worker_callbacks.watched: a trigger of an asset fired. */
void arrivals_heard(void *arg, const char *id, const char *payload);
void arrivals_free(struct engine *g); /* after the engine's coroutines have ended */
/* The events of an attempt's end become rows of the batch at hand. */
int batch_add_asset_events(struct engine *g, const struct worker_end *end);

struct worker_callbacks facts_callbacks(struct engine *g);

/* register.c: SUSPENDS. Makes the scheduler know the current version of a DAG that the store has. */
int register_stored_dag(struct engine *g, const struct dag_row *row, struct err *e);
/* A DAG is no more. */
void register_forget(struct engine *g, int64_t dag_key);
/* The run whose task made a run is written down at this key, under this name. */
#define PARENT_RECORD "parent"
static inline struct ti_key parent_key(int64_t run_key)
{
    return (struct ti_key){run_key, 0, INT32_MIN};
}

/* deferral.c: SUSPENDS. worker_callbacks.record_get */
int deferral_record(void *arg, const struct ti_key *key, struct arena *a, const char **ret,
                    size_t *ret_len, struct err *e);

#define RUN_KEYS 256 /* reserved at once */

/* callbacks.c: of the effects, before finished runs leave the scheduler */
void callbacks_of_runs(struct engine *g);

/* listeners.c: of the effects likewise; what listeners of the installation hear */
void batch_tell_runs(struct engine *g);
void batch_tell_events(struct engine *g);
/* The instance whose context callbacks of a run get: the last one that ended as the run did. */
void engine_choose_instance(struct engine *g, const struct run_row *run, const struct dag *d,
                            struct worker_callback *c);
/* The members of an event, inside an open object; id 0: not known. */
void engine_put_event(struct json_writer *w, const struct asset_event_row *r);

/* socket.c */
void socket_close(struct engine *g);

#endif
