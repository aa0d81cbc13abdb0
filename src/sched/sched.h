/*
 * The scheduler: sched_step(state, event) -> actions. Pure: no clock, I/O, randomness or threads; the same events give the
 * same decisions in the same order (rule 5). Time, ids and facts arrive in events; what the core lacks it asks for.
 *
 * The driver (engine, or a simulator) does, in this order: feeds events; collects the actions of any number of steps into one
 * batch; commits rows and transitions; only then acts on the effects: dispatch, kill, reply (rule 1). Timers: the driver sends
 * SCHED_TICK when the clock reaches sched_next_timer().
 *
 * Long mapped tasks: a step makes and looks at no more than LIMIT_MAP_SLICE of their instances; the rest is done by the ticks that
 * sched_next_timer then asks for at once. Other events come in between as they may.
 *
 * Recovery: after sched_new the driver sends SCHED_DAG, SCHED_RESOURCE and SCHED_BACKFILL, then SCHED_RUN_RESTORE for each unfinished run. A restored
 * run queues and starts nothing (slots may belong to runs that are not read back yet); the first event of another kind, or the TICK
 * that sched_next_timer then asks for at once, goes on. An unfinished run with a reason is being failed: rows must keep their reasons.
 *
 * Ownership: strings and rows in events are borrowed for the call and copied; a DAG in an event is referenced by the core. Strings
 * and rows in actions belong to the actions: they stay valid until sched_actions_clear or _fini, however many steps come in between,
 * and after sched_free. A driver may fill one struct sched_actions while another is being committed.
 * Errors: only -ERR_NOMEM (the state may be half changed: the driver must drop the core and reload from the store) and
 * -ERR_INVALID (an event that breaks the contract: nothing changed). A stale token, an unknown run, an event that comes twice
 * or late is not an error: it changes nothing (rule 2) and is counted in sched_stats.ignored.
 */
#ifndef TW_SCHED_SCHED_H
#define TW_SCHED_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/prng.h"
#include "model/rows.h"
#include "model/states.h"

struct dag;
struct sched;

/* ---- events ---- */

enum sched_event_type {
    SCHED_TICK = 1, /* time passed; fires due timers */
    SCHED_DAG, /* .dag: a DAG of ours: version to use for new runs, paused or not. Again: an update */
    SCHED_RESOURCE,   /* .resource: slots of a pool or of parallelism are set or granted */
    SCHED_RUN_CREATE, /* .run: a new run (state QUEUED); instances are made as none */
    SCHED_RUN_RESTORE, /* .run: a run read back from the store, with its rows (recovery, or answer to SCHED_ASK_RUN) */
    SCHED_CLAIM, /* .attempt: a worker took the queued attempt (token, worker). Durable before it starts (rule 2) */
    SCHED_STARTED, /* .attempt: it runs since at_us: queued -> running (restarting stays: its kill is on the way) */
    SCHED_ENDED, /* .ended: it ended with an outcome */
    SCHED_DEFERRED, /* .attempt: running -> deferred; gives its slots back; at_us = its timeout or TIME_NONE */
    SCHED_FIRED, /* .ended: what a deferred attempt waited for came: outcome SUCCESS/FAILED/SKIPPED ends it, RESUME schedules it */
    SCHED_RESCHEDULE, /* .attempt: running -> up_for_reschedule until at_us; same try */
    SCHED_LOST, /* .attempt: nothing of it lives: it never started (its worker is gone), or was ended with its worker: back to scheduled, same
	                       try, new token */
    SCHED_CLEAR, /* .command: tasks of a run run again, perhaps of a newer version; the run is queued again */
    SCHED_MARK, /* .command: tasks set to SUCCESS, FAILED or SKIPPED by hand; live ones are killed */
    SCHED_RUN_STOP, /* .command: run failed by hand: live attempts killed, unfinished instances skipped (teardowns kept). With state FAILED as
	                       Airflow marks a run failed: what lived is failed; one that has ended becomes failed and keeps its tasks */
    SCHED_ANSWER,   /* .answer */
    SCHED_SHUTDOWN, /* from now on nothing new is queued; what lives goes on */
    SCHED_BACKFILL, /* .backfill: its runs have a limit of their own from now on, or an ended one has none any more */
    SCHED_STORE_FULL, /* .full: true = queue nothing new (disk full, store unreachable, drained); false = go on */
};

enum sched_outcome {
    SCHED_OUTCOME_SUCCESS = 1,
    SCHED_OUTCOME_FAILED,          /* retries apply */
    SCHED_OUTCOME_FAILED_NO_RETRY, /* AirflowFailException, a refused input: no retry */
    SCHED_OUTCOME_SKIPPED,
    SCHED_OUTCOME_RESUME, /* only in SCHED_FIRED */
    SCHED_OUTCOME_KILLED, /* ended because we asked (clear, mark, stop): no retry is counted against it */
};

struct sched_event {
    enum sched_event_type type;
    int64_t
        now_us; /* wall time of the event; where it goes back, the core uses the latest it has seen */
    union {
        struct {
            int64_t dag_key, version_key;
            struct dag *dag;
            bool
                paused; /* creates no scheduled runs; queued runs stay queued; live runs go on but queue nothing new, as in Airflow */
        } dag;
        struct {
            const char *name;      /* a pool's name, or "parallelism" */
            int32_t slots;         /* total; -1 = unlimited */
            int32_t granted;       /* how many of them are ours */
            bool exclusive;        /* all are ours for good: never ask (a single scheduler) */
            bool include_deferred; /* deferred instances keep their pool slots */
            bool
                gone; /* a pool that was deleted: what waits for it waits until it comes again, as in Airflow; the others say nothing */
        } resource;
        struct {
            const struct run_row *row;
            struct dag *dag;          /* the run's version */
            const struct ti_row *tis; /* RESTORE: rows in any order; absent ones are none */
            size_t tis_len;
            bool ignore_first_depends_on_past;
            int64_t question; /* RESTORE as the answer to an ask; else 0 */
        } run;
        struct {
            struct ti_key key;
            struct uuid token;
            int64_t worker;
            int64_t at_us;
        } attempt;
        struct {
            struct ti_key key;
            struct uuid token;
            enum sched_outcome outcome;
            int64_t at_us;      /* when it ended */
            int32_t exit_code;  /* -1 unknown */
            const char *reason; /* in words; NULL for a plain success */
            /* What a branch or short circuit decided, with SUCCESS: these become skipped. */
            const uint32_t *
                skip; /* task indices, each a descendant; those already begun or finished are left alone */
            size_t skip_len;
            const int32_t *skip_map; /* their map_index, -1 = all of the task; or NULL */
        } ended;
        struct {
            int64_t command; /* id for the reply */
            int64_t run_key;
            const uint32_t
                *tasks; /* CLEAR, MARK: indices; NULL with len 0 = all tasks of the run */
            size_t tasks_len;
            const int32_t *map_indexes; /* one per task, -1 = all of the task; or NULL */
            /* The version that `tasks` are indices of; 0: whatever the run has. A run of another one: -ERR_CONFLICT, or with `dag` (CLEAR; that
             * version) the run is moved to it first: its instances go over by their task ids, see sched_move. Only a finished run of which
             * nothing lives can be (-ERR_CONFLICT). */
            int64_t version_key;
            struct dag *dag;
            uint8_t state;      /* MARK: enum task_state */
            const char *reason; /* "marked success by anna", or NULL */
            /* CLEAR: a run that has ended becomes one of this backfill, with this conf if it is not NULL; one that has not is refused
             * (-ERR_CONFLICT), as is one that was not restored before (-ERR_NOTFOUND). 0: it stays what it is. */
            int64_t backfill_key;
            const char *conf;
        } command;
        struct {
            int64_t dag_key, backfill_key;
            int32_t max_active_runs; /* instead of the DAG's; 0: it has ended */
            bool paused;             /* its queued runs stay queued; live ones go on */
            bool backwards;          /* later dates start first */
            int64_t
                first_run; /* the run of its first date, which depends on no earlier run; 0: none yet */
        } backfill;
        struct {
            int64_t question;
            bool unknown; /* could not be answered (timeout): fails closed */
            /* SCHED_ASK_PREVIOUS: the previous run (0 = there is none) and the rows of its tasks, by task_id of the asking DAG. */
            int64_t run_key;
            const struct ti_row
                *tis; /* key.task = index in the asking run's DAG; absent = no such instance */
            size_t tis_len;
            bool
                live; /* it is a run that this core holds too: states are then followed, not copied */
            bool
                any_earlier; /* some earlier instance of the task exists (for ignore_first_depends_on_past) */
            /* SCHED_ASK_MAP: the length, or why there is none. */
            int64_t map_len;
            const char *error;
        } answer;
        struct {
            bool full;
            bool draining; /* because an operator wants it so: why says it */
        } full;
    };
};

/* ---- actions ---- */

enum sched_ask {
    SCHED_ASK_PREVIOUS, /* the previous run of this one and the states in it (depends_on_past, wait_for_downstream) */
    SCHED_ASK_MAP, /* how many instances a mapped task (of a mapped group: any of its tasks) becomes */
    SCHED_ASK_RUN, /* a run that is not loaded (to clear it): answer with SCHED_RUN_RESTORE, or SCHED_ANSWER unknown */
};

struct
    sched_dispatch { /* an instance that became queued: offer it to workers once this batch is durable */
    struct ti_key key;
    struct uuid token;
    uint16_t try_number;
    bool resumed; /* the same try goes on: deferred or rescheduled */
    int32_t weight;
};

/*
 * A live attempt to end; its SCHED_ENDED (KILLED) must follow (or SCHED_LOST): its slots stay taken until then. An attempt that nobody
 * claimed needs no kill: its token is void at once. A deferred one is killed too, and its end, which is then stale, does no harm.
 */
struct sched_kill {
    struct ti_key key;
    struct uuid token;
    const char *reason;
};

struct sched_question {
    int64_t question;
    enum sched_ask kind;
    int64_t run_key;
    uint32_t task;       /* SCHED_ASK_MAP */
    int64_t deadline_us; /* the core treats it as unknown from then on */
};

/*
 * n > 0: we want n more of a resource than we are granted now; it replaces an earlier wish. The driver answers by SCHED_RESOURCE with what
 * is granted then, at once or later; unanswered or short, the wish comes again after a second. n < 0: we give n back, count them as given, and take back any open wish.
 */
struct sched_grant {
    const char *resource;
    int32_t n;
};

/*
 * A run that goes on with another version of its DAG. Rows of its instances are known by the index of their task, so the store gives
 * them their new ones, in the commit and before everything else that is in it: the driver must not have anything else of that run in the
 * batch from before the step that moved it.
 */
struct sched_move {
    int64_t run_key, version_key;
    int64_t at_us;
    const uint32_t *to; /* by the old index: the new one, or TASK_INDEX_NONE: the task is gone */
    const char *const *task_ids; /* by the old index */
    uint32_t to_len;
};

/* Whether a task's instances are kept in a move: the other is mapped in the same way. */
struct task;
bool sched_same_shape(const struct dag *a, const struct task *x, const struct dag *b,
                      const struct task *y);

struct sched_reply { /* a command was applied (rc 0) or refused (-ERR_x) */
    int64_t command;
    int rc;
    const char *text;
    uint32_t affected; /* instances */
};

struct sched_actions {
    /* The core's own: the strings of all rows below, and which batch this is. A zeroed struct is ready for use. */
    struct arena strings;
    uint64_t batch;
    /* To commit: each instance and run that changed in the step, once, as it is now. */
    struct ti_row *tis;
    size_t tis_len, tis_cap;
    struct run_row *runs;
    size_t runs_len, runs_cap;
    struct transition_row *transitions;
    size_t transitions_len, transitions_cap;
    struct ti_row
        *tries; /* a try that ended and will be followed by another: for the history of tries */
    size_t tries_len, tries_cap;
    struct sched_grant *grants;
    size_t grants_len, grants_cap;
    struct sched_move *moves; /* before the rows */
    size_t moves_len, moves_cap;
    /* To do once that is durable, in this order. */
    struct sched_dispatch *dispatches;
    size_t dispatches_len, dispatches_cap;
    struct sched_kill *kills;
    size_t kills_len, kills_cap;
    struct sched_question *questions;
    size_t questions_len, questions_cap;
    struct sched_reply *replies;
    size_t replies_len, replies_cap;
    struct {
        int64_t dag_key;
        const char *reason;
    } * pauses; /* max_consecutive_failed_dag_runs reached */
    size_t pauses_len, pauses_cap;
};

struct sched_config {
    uint64_t seed;               /* of the attempts' ids */
    int64_t queued_timeout_us;   /* Airflow's task_queued_timeout; 600 s; 0 = never */
    uint16_t queued_retries;     /* num_stuck_in_queued_retries; 2 */
    int64_t question_timeout_us; /* 60 s */
    int32_t max_map_length;      /* 1024 */
    uint32_t map_slice;          /* LIMIT_MAP_SLICE; 0 = that */
    uint16_t
        tis_per_step; /* unused slack for bounded work: at most this many instances become queued a step; 0 = no limit */
};

struct sched_stats {
    uint64_t steps, transitions, ignored;
    uint32_t runs, instances; /* held */
    uint32_t live;            /* queued and running attempts */
    uint32_t ready, parked;   /* scheduled ones: eligible, and waiting for a limit */
    size_t bytes;             /* of instances and runs */
};

/* NULL when out of memory. */
struct sched *sched_new(const struct sched_config *config);
void sched_free(struct sched *s);
/* Appends to *a; the driver empties it with sched_actions_clear. See above for ownership and errors. */
int sched_step(struct sched *s, const struct sched_event *ev, struct sched_actions *a);
void sched_actions_clear(struct sched_actions *a); /* lengths to 0; memory is kept */
void sched_actions_fini(struct sched_actions *a);
int64_t sched_next_timer(const struct sched *s); /* TIME_NONE: none */
void sched_get_stats(const struct sched *s, struct sched_stats *ret);

/* Reads; -ERR_NOTFOUND for an unknown run or instance. Rows borrow strings until the next step. */
int sched_get_run(const struct sched *s, int64_t run_key, struct run_row *ret,
                  const struct dag **ret_dag);
int sched_get_ti(const struct sched *s, const struct ti_key *key, struct ti_row *ret);
struct sched_pool {   /* of a pool, or of "parallelism": the first one */
    const char *name; /* borrowed until the next step */
    int64_t slots, used,
        waiting; /* -1 = unlimited; waiting: slots that parked instances could use */
};
/* Those that exist, at most cap; how many. */
size_t sched_get_pools(const struct sched *s, struct sched_pool *ret, size_t cap);
/* A finished run leaves the core by this; -ERR_CONFLICT while it is live. */
int sched_forget_run(struct sched *s, int64_t run_key);

/*
 * Why an instance does not run, as facts in order of weight. Written as sentences into *out (struct buf), one a line: "waits for
 * load, transform (running)", "all 16 slots of max_active_tasks are taken", "next try at 12:00:05 (try 2 of 4)" ...
 */
struct buf;
int sched_why(const struct sched *s, const struct ti_key *key, int64_t now_us, struct buf *out);

/* The same, fact by fact: for programs, which show it in words of their own. What is not said is NULL, 0 or TIME_NONE. */
#define SCHED_REASON_NAMES 5
struct sched_reason {
    const char *code; /* "upstream", "pool_full" ...: docs/internals/scheduler.md */
    const char *text; /* the sentence; borrowed for the call, as all of it */
    const char *name; /* what it is about: a pool, a run, a state */
    const char *names[SCHED_REASON_NAMES]; /* tasks, the first of them */
    size_t names_len, more;                /* and how many more there are */
    const char *rule;                      /* the trigger rule that waits for them */
    int64_t n, of, needs;                  /* slots, runs, tries */
    int64_t at_us;
};
typedef void sched_reason_fn(void *arg, const struct sched_reason *r);
int sched_reasons(const struct sched *s, const struct ti_key *key, int64_t now_us,
                  sched_reason_fn *fn, void *arg);
/* As an object: {"code", "text", ...}, without what is not said. */
struct json_writer;
void sched_reason_json(const struct sched_reason *r, struct json_writer *w);

#endif
