/*
 * A worker runs claimed attempts and tells what became of each. The engine knows only this interface: the local worker (this
 * folder), a simulated one (sim/), and later one on another host stand behind it. Commit before effect (rule 1): the engine
 * calls start only for an attempt whose claim is durable, and ack only once its end is durable.
 *
 * All calls and callbacks happen on the loop's thread. Callbacks may come from inside a call.
 */
#ifndef TW_WORKER_WORKER_H
#define TW_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/rows.h"

struct dag;
struct err;
struct task;
struct worker;
struct value;

/* One attempt to run. The worker copies what it keeps and takes its own reference of the DAG. */
struct worker_job {
    struct ti_key key;
    struct uuid token;
    uint16_t try_number, max_tries;
    struct dag *dag;
    const struct run_row *run;
    bool resumed;     /* the same try goes on: after a deferral, or rescheduled */
    bool started;     /* adopt: the store has it as running or deferred */
    bool deferred;    /* adopt: the store has it as deferred */
    int64_t start_us; /* when the try began first; TIME_NONE: it begins now */
};

enum worker_outcome {
    WORKER_SUCCESS,
    WORKER_FAILED, /* retries apply */
    WORKER_FAILED_NO_RETRY,
    WORKER_SKIPPED,
    WORKER_KILLED,     /* ended because the engine asked */
    WORKER_LOST,       /* never started, or interrupted with us: the same try may run again */
    WORKER_RESCHEDULE, /* comes again at until_us */
    WORKER_DEFERRED, /* its process ended; it waits, until until_us at most. The attempt is still the worker's: after
                          ack it waits for what was asked */
    WORKER_RESUME, /* of a deferred one: what it waited for has come, the same try goes on */
};

struct worker_xcom {
    const char *name;
    const void *value; /* JSON, opaque here */
    size_t len;
};

/* That an outlet was changed; its texts are JSON where they are `extra`. */
struct worker_asset_event {
    const char *name, *uri, *group, *asset_extra, *extra;
    const char *aliases; /* each with its NUL; or NULL */
    size_t aliases_len;
};

/* What became of an attempt. Made by the worker; the engine owns it from the callback on and frees it with worker_end_free. */
struct worker_end {
    struct arena arena; /* everything below lives here */
    struct ti_key key;
    struct uuid token;
    enum worker_outcome outcome;
    bool from_wait;      /* it was deferred: its wait ended */
    int64_t at_us;       /* 0 = now */
    int64_t duration_us; /* boot clock; 0 = unknown */
    int64_t until_us;    /* RESCHEDULE; DEFERRED: TIME_NONE = for ever */
    int32_t exit_code;   /* -1 unknown */
    const char *reason;  /* in words; NULL for a plain success */
    struct worker_xcom *xcoms;
    size_t xcoms_len;
    struct worker_asset_event *asset_events; /* of a success alone */
    size_t asset_events_len;
    uint32_t *skip; /* tasks that a branch or short circuit leaves out */
    size_t skip_len;
    int32_t *skip_map;    /* of each the instance, -1 = all of it; or NULL: all of each */
    const char *rendered; /* JSON of rendered fields, secrets masked, or NULL */
    const char *map_name; /* of a mapped instance, {"name": TEXT}, secrets masked; or NULL */
    const char
        *record; /* JSON that the same try needs to go on (worker_callbacks.record_get), or NULL */
};

struct worker_callbacks {
    void *arg;
    /* It runs since at_us (0 = now). pid 0: without a process of its own. */
    void (*started)(void *arg, const struct ti_key *key, const struct uuid *token, int64_t pid,
                    const char *holder, const char *log, int64_t at_us);
    /* It waits without a process or slot until timeout_us (TIME_NONE: for ever). */
    void (*deferred)(void *arg, const struct ti_key *key, const struct uuid *token,
                     int64_t timeout_us);
    void (*ended)(void *arg, struct worker_end *end);
    /* SUSPENDS. The XCom of a task of the same run, as JSON in the arena; *ret NULL when there is none. */
    int (*xcom_get)(void *arg, const struct ti_key *asking, const char *task_id, const char *name,
                    struct arena *a, const char **ret, size_t *ret_len, struct err *e);
    /* SUSPENDS. A variable of the secrets folder, the environment or the store (`folder`: of that folder alone), as text in the arena; *ret NULL
     * when there is none.
     * NULL: this engine has none. */
    int (*variable_get)(void *arg, const char *key, bool folder, struct arena *a, const char **ret,
                        struct err *e);
    /* A trigger that is watched (worker_ops.watch) fired: its payload as JSON. It goes on when worker_ops.watch_next says so. */
    void (*watched)(void *arg, const char *id, const char *payload);
    /* SUSPENDS. The last worker_end.record of an instance, as JSON in the arena; *ret NULL when there is none. */
    int (*record_get)(void *arg, const struct ti_key *key, struct arena *a, const char **ret,
                      size_t *ret_len, struct err *e);
    /* SUSPENDS. The asset events that a run consumed, as a JSON array in the arena. NULL: this engine has none. */
    int (*events_get)(void *arg, int64_t run_key, struct arena *a, const char **ret,
                      size_t *ret_len, struct err *e);
};

/* Callbacks of a DAG after its run, or of a task whose process could not run them itself; or what listeners of the installation hear of a
 * run, or of the events of a task. */
struct worker_callback {
    struct uuid token; /* of this alone */
    struct dag *dag;
    const struct run_row *run;
    struct ti_key key; /* the instance that the context is of */
    uint16_t try_number, max_tries;
    bool of_task;
    bool listeners; /* these are told, no callbacks called */
    bool deadline;  /* the callback of a missed deadline: `events` says which, and of what */
    const char
        *word; /* "success", "failure" ...; of listeners a word of the document's `listeners` */
    const char *reason; /* or NULL */
    const char *events; /* what listeners hear of assets, or what was missed: JSON; else NULL */
};

struct worker_ops {
    void (*set_callbacks)(struct worker *w, const struct worker_callbacks *cb);
    /* SUSPENDS. Once, before any start: jobs that the store holds as claimed, running or deferred. Each gets started, deferred or ended. */
    int (*adopt)(struct worker *w, const struct worker_job *jobs, size_t n,
                 const struct uuid *others, size_t others_len, struct err *e);
    int (*start)(struct worker *w, const struct worker_job *job, struct err *e);
    void (*kill)(struct worker *w, const struct uuid *token, const char *reason);
    void (*ack)(struct worker *w, const struct uuid *token);
    /* Whose attempt a token is; false: none that lives here. */
    bool (*find)(struct worker *w, const struct uuid *token, struct ti_key *ret);
    /* Whose callbacks a token is of while their process lives: key, dag and run of *ret, borrowed until the next suspension; false: no callbacks'.
     * NULL: never. */
    bool (*find_callback)(struct worker *w, const struct uuid *token, struct worker_callback *ret);
    /* Takes nothing new from its queue while true (disk full, shutdown). */
    void (*pause)(struct worker *w, bool paused);
    /* Runs callbacks in a process of their own. Nothing follows from how it ends, but a line in the log. NULL: this worker cannot. */
    int (*callback)(struct worker *w, const struct worker_callback *c, struct err *e);
    /* Processes of attempts and callbacks that live now: what a drain waits for. NULL: none. */
    int (*busy)(struct worker *w);
    /* More or fewer processes at once, from now on; what runs goes on. NULL: as many as at its birth. */
    void (*resize)(struct worker *w, int slots);

    /* Runs a trigger (JSON: classpath, kwargs) again and again, and tells each event (worker_callbacks.watched). file: of the DAG, or NULL. Once an
     * id. NULL: this worker cannot. */
    int (*watch)(struct worker *w, const char *id, const char *trigger, const char *file,
                 struct err *e);
    void (*watch_next)(struct worker *w, const char *id); /* its event is durable */
    void (*unwatch)(struct worker *w, const char *id);
    void (*close)(struct worker *w); /* SUSPENDS: lets go of what runs; frees */
};

struct worker {
    const struct worker_ops *ops;
    int64_t id;
    int slots;     /* processes at once */
    int callbacks; /* processes of callbacks that have not ended */
    int waiting;   /* taken and not started: how far ahead the engine has claimed */
};

void worker_end_free(struct worker_end *end);
/* An end with an empty arena; NULL when out of memory. */
struct worker_end *worker_end_new(const struct ti_key *key, const struct uuid *token,
                                  enum worker_outcome outcome);

#endif
