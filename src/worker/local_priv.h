/*
 * The local worker's own declarations. An attempt goes: taken -> (rendering) -> process | decision | wait -> ended -> acked.
 */
#ifndef TW_WORKER_LOCAL_PRIV_H
#define TW_WORKER_LOCAL_PRIV_H

#include "exec/executor.h"
#include "operators/operator.h"
#include "runtime/loop.h"
#include "worker/local.h"

struct json_writer;
struct ophost;

enum attempt_phase {
    ATTEMPT_TAKEN,    /* rendering, or about to be handed to the executor */
    ATTEMPT_PROCESS,  /* the executor has it */
    ATTEMPT_WAIT,     /* a coroutine waits */
    ATTEMPT_DEFERRED, /* its process ended and asked for a trigger; told, not acked */
    ATTEMPT_TRIGGER,  /* the trigger process waits for it */
    ATTEMPT_CALLBACK, /* no attempt at all: the process of callbacks, which nobody waits for */
    ATTEMPT_ENDED,    /* told; kept until acked */
};

struct attempt {
    struct attempt *next; /* in its bucket */
    struct local_worker *worker;
    struct ti_key key;
    struct uuid token;
    enum attempt_phase phase;
    uint16_t try_number, max_tries;
    bool adopted;      /* was running before we started */
    bool told_started; /* by us, or adopted */
    struct dag *dag;   /* referenced */
    const struct task *task;
    const struct operator_impl *op;
    struct run_row run; /* its strings in the arena */
    struct arena arena;
    struct value *mapped; /* arguments of this instance of a mapped task, or NULL */
    struct value *
        runner_spec; /* params as the runner gets them to render: with those marked that are no templates; or NULL: as they are */
    struct value *params; /* the task's object, rendered */
    const char *rendered; /* JSON, masked; or NULL */
    const char *map_name; /* likewise: of its map_index_template */
    const char
        *found_secrets[16]; /* values that templates looked up by names that say so; in the arena */
    size_t found_secrets_len;
    char *log;          /* absolute */
    const char *result; /* python: path of the result file */
    const int *skip_codes;
    size_t skip_codes_len;
    bool last_line_is_xcom;
    bool holds_slot; /* in WAIT: running, not deferred */
    bool reports;    /* operator.h: a start message and a result file */
    int64_t start_us;
    int64_t first_start_us; /* of the try; TIME_NONE: it begins now */
    bool resumed;           /* the try goes on: its record says with what */
    const char *events;     /* that its run consumed: JSON, or NULL */
    size_t events_len;
    struct value *record; /* what the try keeps between its processes (deferral.c), or NULL */
    const char *callback, *callback_reason; /* of ATTEMPT_CALLBACK: which ones, and why */
    const char *callback_events;
    bool callback_of_task, callback_listeners, callback_deadline;
    struct co *co; /* rendering or waiting, or NULL */
    const char *kill_reason;
};

/* Lists that tasks are mapped over, as they were pulled and what they are: one of the same text is not read again for each instance. */
#define LISTS_KEPT 2
struct kept_list {
    char *text; /* in the arena; NULL: none */
    size_t len;
    struct value *list; /* read only; valid until the next pull */
    struct arena arena;
};

struct local_worker {
    struct worker base;
    struct kept_list lists[LISTS_KEPT];
    unsigned next_list;
    struct local_worker_config config;
    struct worker_callbacks cb;
    struct executor *exec;
    struct co_group group;
    struct attempt *buckets[4096];
    char **base_env; /* owned */
    char **secrets;  /* owned: values of sensitive names in the base environment */
    const char **
        python_env; /* owned: of the runner and the trigger process; its entries are borrowed but for this */
    char *python_path_entry, *lookup_entry, *home_entry; /* owned */
    struct triggers *triggers;                           /* or NULL: nothing was deferred yet */
    struct http_client *http;
    struct ophost *hosts; /* ophost.c: of plug-ins, those that live */
    bool closing;
};

/* A new attempt in the table. */
/* True for a task of a document whose callbacks, inlets or outlets are Python's although its operator is not: the runner executes it. */
bool attempt_in_python(const struct attempt *a);
/* render.c: what a mapped instance is called, once its map_index_template is rendered. */
void attempt_name(struct attempt *a, const struct value *text);
int attempt_take(struct local_worker *w, const struct worker_job *job, struct attempt **ret,
                 struct err *e);
int attempt_launch(struct attempt *a, struct err *e);
struct attempt *attempt_find(struct local_worker *w, const struct uuid *token);
void attempt_end(struct attempt *a, struct worker_end *end); /* tells the engine; takes `end` */
void attempt_fail(struct attempt *a, enum worker_outcome outcome, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* adopt.c: worker_ops.adopt. SUSPENDS. */
int worker_adopt(struct worker *base, const struct worker_job *jobs, size_t n,
                 const struct uuid *others, size_t others_len, struct err *e);

/* render.c: SUSPENDS where a template pulls XComs. Sets a->params and a->rendered. *ret_jinja: something is outside of the
 * closed subset; the runner renders all of it. */
int attempt_render(struct attempt *a, bool *ret_jinja, struct err *e);
/* The run's conf as a value, NULL when there is none; and the DAG's params, each overridden by it (Airflow's
 * dag_run_conf_overrides_params). In the attempt's arena. */
int attempt_conf(struct attempt *a, struct value **ret, struct err *e);
int attempt_params(struct attempt *a, const struct value *conf, struct value **ret);
bool attempt_needs_render(const struct attempt *a);
/* lookup.c: the text of a variable of the environment in the arena, as template_context.variable; -ERR_UNSUPPORTED when it has none: the
 * runner looks further. The value of a sensitive name is remembered as a secret of the attempt. */
int attempt_variable(void *arg, const char *key, struct arena *m, const char **ret, struct err *e);
/* True if the text holds one of the secrets. */
bool attempt_has_secret(const char *const *secrets, const char *text);
/* Rendered fields as JSON without secrets, in the attempt's arena; NULL with *e: out of memory, or too large. */
const char *attempt_masked(struct attempt *a, const struct value *fields, struct err *e);

/* deferral.c: a try that waits without a process. */
/* The end of a process that deferred itself: `end` becomes WORKER_DEFERRED with its record. */
int deferral_ask(struct attempt *a, struct worker_end *end, const struct value *result,
                 struct err *e);
/* The end of a process that comes again later: counts it in the record. */
int deferral_reschedule(struct attempt *a, struct worker_end *end);
/* SUSPENDS. Reads the record of a try that goes on. */
int deferral_read(struct attempt *a, struct err *e);
/* The members of the start message that say with what it goes on. */
void deferral_members(struct attempt *a, struct json_writer *w);
/* Of a deferred attempt: what it waited for came (event: JSON value), or will not (error). */
void deferral_fired(struct attempt *a, const struct value *message);

/* triggers.c: the process in which triggers run. */
struct triggers;
/* Has the attempt's trigger run; it ends with deferral_fired. */
void triggers_add(struct attempt *a);
void triggers_drop(struct attempt *a);
int worker_watch(struct local_worker *w, const char *id, const char *trigger, const char *file,
                 struct err *e);
void worker_watch_next(struct local_worker *w, const char *id);
void worker_unwatch(struct local_worker *w, const char *id);
void triggers_close(struct local_worker *w); /* SUSPENDS */

/* ophost.c: attempts that live in operator hosts */
int attempt_guests(const struct local_worker *w);

/* callbacks.c */
int callback_run(struct worker *base, const struct worker_callback *c, struct err *e);
/* Those of a task whose process is gone without having run them. */
void callback_of_lost(struct attempt *a, const char *reason);
bool worker_find_callback(struct worker *base, const struct uuid *token,
                          struct worker_callback *ret);
void callback_ended(struct attempt *a, const struct exec_end *x);
void callback_members(struct attempt *a, struct json_writer *w);
int attempt_spawn_callback(struct attempt *a, int64_t timeout_us, struct err *e); /* process.c */
void attempt_forget(struct attempt *a);

/* process.c, process_end.c: from parameters to a process, and from its end to an outcome. */
const char *
attempt_start_path(struct attempt *a); /* of the file that the runner reads; in the arena */
int attempt_spawn(struct attempt *a, bool jinja, struct err *e);
/* What an adopted process needs to be judged at its end, without starting it. */
int attempt_spawn_facts(struct attempt *a, struct err *e);
void attempt_exec_ended(struct attempt *a, const struct exec_end *x);
/* assets.c: "asset_events" of a result. -ERR_PROTOCOL, -ERR_LIMIT, -ERR_NOMEM. */
int attempt_asset_events(struct worker_end *end, const struct value *list, struct err *e);
/* For attempts in an operator host: XComs into their end; the start message, and what to mask in the log (in the arena). */
int attempt_xcoms(struct worker_end *end, const struct value *list);
int attempt_message(struct attempt *a, char **ret, struct err *e);
int attempt_secrets(struct attempt *a, const char *const **ret, struct err *e);

/* ophost.c: SUSPENDS. Runs an attempt in the host of its plug-in. *r as from an operator's wait. */
int attempt_in_host(struct attempt *a, struct operator_result *r, struct err *e);

/* The files in which the runner told the outcome; once it is in the store. */
void attempt_remove_result(struct attempt *a);

#endif
