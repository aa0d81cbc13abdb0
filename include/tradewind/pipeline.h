/*
 * libtradewind: author a pipeline and run it to its end inside a program.
 *
 * A task is a command, a bash line, any operator of the DAG document, or a C function. A C function runs in a process of its own: the
 * program itself, started again by the process that keeps it (tradewind-holder), which `tw_init` turns into the function at the
 * start of main. So a function that crashes, leaks or never returns harms nothing but its own try; it has a log, a timeout, and outlives
 * the program that started it: a resumed run adopts it like any command.
 *
 * Ownership: what a function named *_new returns is freed by the *_free of the same type. A `char **` result is the caller's: tw_free. Every
 * `const char *` result is borrowed from the handle that was asked and lives as long. Strings given are copied. *_free takes NULL.
 *
 * Errors: functions that can fail return TW_OK or a negative code; those with a `tw_error **` (may be NULL) leave the words there: tw_error_free.
 * While a pipeline is written the first error sticks to it and is what tw_pipeline_check and tw_runner_run return: its functions
 * accept a NULL task, so that only the end needs a look.
 *
 * Threads: a handle belongs to one thread at a time; different handles may be used by different threads. tw_runner_cancel may be called from any
 * thread and from a signal handler. One home folder has one running program at a time (TW_ERR_BUSY). The library installs no signal handler,
 * and waits for no process that it did not start.
 *
 * Needs -ltradewind: `pkg-config --cflags --libs tradewind`.
 */
#ifndef TRADEWIND_PIPELINE_H
#define TRADEWIND_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a program compiled before would not work any more. The library's file name carries it too (libtradewind.so.1). */
#define TW_ABI_VERSION 1

#ifndef TW_API
#if defined(__GNUC__)
#define TW_API __attribute__((visibility("default")))
#else
#define TW_API
#endif
#endif

/* What functions return when they fail. */
enum tw_code {
    TW_OK = 0,
    TW_ERR_NOMEM = -1,
    TW_ERR_LIMIT = -2,
    TW_ERR_INVALID = -3,
    TW_ERR_NOTFOUND = -4,
    TW_ERR_EXISTS = -5,
    TW_ERR_BUSY = -6,     /* another process works in this home folder */
    TW_ERR_CANCELED = -7, /* tw_runner_cancel: the run can be resumed */
    TW_ERR_IO = -8,
    TW_ERR_FULL = -9,
    TW_ERR_UNSUPPORTED = -10,
    TW_ERR_VERSION = -11, /* the library, or what is stored, is of another version */
    TW_ERR_FAILED = -12
};

/* How a task function ends. Any other value is TW_FAILED. */
enum tw_outcome {
    TW_SUCCESS = 0,
    TW_FAILED = 1,          /* retries apply */
    TW_FAILED_NO_RETRY = 2, /* they do not */
    TW_SKIPPED = 3
};

/* One error, in words. */
typedef struct tw_error tw_error;
/* A DAG that is being written. */
typedef struct tw_pipeline tw_pipeline;
/* One of its tasks; belongs to it and is freed with it. */
typedef struct tw_task tw_task;
/* Where and how runs are made. */
typedef struct tw_runner tw_runner;
/* One change of one task, during the callback. */
typedef struct tw_transition tw_transition;
/* What became of a run. */
typedef struct tw_result tw_result;
/* What a task function is given. */
typedef struct tw_context tw_context;

/* A task as a C function. Runs alone in its process: it may block, fork, exit (then its exit code decides) or crash. */
typedef int (*tw_function)(tw_context *c);

/* One row of the table of task functions; the table ends with name NULL and must live as long as the program. */
struct tw_function_entry {
    const char *name;
    tw_function function;
};

/* ---- the library ---- */

/* The ABI version of the library that is loaded. */
TW_API int tw_abi_version(void);
/* The program's version, as text. */
TW_API const char *tw_version(void);
/* As tw_init, with the ABI version that the caller was compiled for. */
TW_API int tw_init_abi(int abi_version, const struct tw_function_entry *functions,
                       tw_error **error);
/*
 * First thing in main, before threads, output or options. Checks the ABI version (TW_ERR_VERSION) and names the task functions. In a process that was
 * started to be a task it runs the function and exits: it does not return there. functions may be NULL when there are none.
 */
static inline int tw_init(const struct tw_function_entry *functions, tw_error **error)
{
    return tw_init_abi(TW_ABI_VERSION, functions, error);
}
/* Frees a text that was handed over. */
TW_API void tw_free(char *text);

/* The code of an error (enum tw_code). */
TW_API int tw_error_code(const tw_error *error);
/* Its words: what is wrong and what to do. */
TW_API const char *tw_error_text(const tw_error *error);
/* Frees an error. */
TW_API void tw_error_free(tw_error *error);

/* ---- writing a pipeline ---- */

/* A new, empty one. NULL only when out of memory; a bad id is told by tw_pipeline_check. */
TW_API tw_pipeline *tw_pipeline_new(const char *dag_id);
/* Frees it with its tasks. */
TW_API void tw_pipeline_free(tw_pipeline *p);
/* Any member of the DAG document (docs/reference/dag-document.md) as JSON text, as in tw_pipeline_set(p, "max_active_tasks", "4"). */
TW_API int tw_pipeline_set(tw_pipeline *p, const char *member, const char *json);
/* A param with its default, or a JSON Schema object with one, as JSON text. */
TW_API int tw_pipeline_param(tw_pipeline *p, const char *name, const char *json);
/* Checks all of it. TW_ERR_INVALID with every finding in words. */
TW_API int tw_pipeline_check(tw_pipeline *p, tw_error **error);
/* The DAG document as JSON: what `tradewind run FILE.json` takes. */
TW_API int tw_pipeline_document(tw_pipeline *p, char **ret_json, tw_error **error);

/* A program and its arguments, run directly; argv ends with NULL. */
TW_API tw_task *tw_task_command(tw_pipeline *p, const char *task_id, const char *const *argv);
/* A line for bash. May hold templates: {{ params.x }}, {{ ds }}, {{ ti.xcom_pull('a') }}. Its last line of output is its XCom. */
TW_API tw_task *tw_task_bash(tw_pipeline *p, const char *task_id, const char *command);
/* A function of the table given to tw_init, by its name there. */
TW_API tw_task *tw_task_function(tw_pipeline *p, const char *task_id, const char *function);
/* Nothing: for joins. */
TW_API tw_task *tw_task_empty(tw_pipeline *p, const char *task_id);
/* Any operator, built in or a plug-in, with its parameters as a JSON object (NULL: none). Plug-ins are looked for when the pipeline runs:
 * tw_pipeline_check does not know them before. */
TW_API tw_task *tw_task_operator(tw_pipeline *p, const char *task_id, const char *operator_name,
                                 const char *params_json);

/* The task runs after `upstream` (by its trigger rule). */
TW_API int tw_task_after(tw_task *t, const tw_task *upstream);
/* Any member of a task of the DAG document, or parameter of its operator, as JSON text. */
TW_API int tw_task_set(tw_task *t, const char *member, const char *json);
/* What the function gets as tw_context_args: any JSON; strings in it may be templates. */
TW_API int tw_task_args(tw_task *t, const char *json);
/*
 * One instance of the task for each element of a JSON list (of an object for each member, as [key, value]). It gets the element as `param`: "args" of
 * a function, "bash_command", "env" ...; do not set it otherwise. Called for several params: all combinations, the last one varying fastest.
 */
TW_API int tw_task_expand(tw_task *t, const char *param, const char *json);
/*
 * As tw_task_expand, over a value of another task, which it runs after: its return value (key NULL), a list or an object whose length is known only
 * then. Of a mapped task: the values of all its instances. Without elements the task is skipped; with more than 1024 it fails, unless
 * $TRADEWIND__CORE__MAX_MAP_LENGTH says otherwise. tw_xcom_get of a mapped task gives the list of its instances' values.
 */
TW_API int tw_task_expand_over(tw_task *t, const char *param, const tw_task *upstream,
                               const char *key);
/* "all_success" (the default), "all_done", "one_failed" ... */
TW_API int tw_task_trigger_rule(tw_task *t, const char *rule);
/* How often a failed try is followed by another, and after how many seconds. */
TW_API int tw_task_retries(tw_task *t, int retries, double delay_s);
/* A try that runs longer is ended with its whole process tree, and has failed. */
TW_API int tw_task_timeout(tw_task *t, double seconds);
/* The pool whose slots it takes, and how many. */
TW_API int tw_task_pool(tw_task *t, const char *pool, int slots);
/* An entry of the environment of a command. */
TW_API int tw_task_env(tw_task *t, const char *name, const char *value);

/* ---- running ---- */

/* home: the folder that keeps store, logs and holders; NULL: $TRADEWIND_HOME, else ~/.tradewind. NULL only when out of memory. */
TW_API tw_runner *tw_runner_new(const char *home);
/* The store is memory alone; logs stand in a temporary folder that is removed after the run. Nothing can be resumed. */
TW_API tw_runner *tw_runner_new_in_memory(void);
/* Frees it. Not while a run is under way. */
TW_API void tw_runner_free(tw_runner *r);
/* How many processes run at once (32). */
TW_API void tw_runner_set_jobs(tw_runner *r, int jobs);
/* Keeps each task's return value in the result (tw_result_value). */
TW_API void tw_runner_keep_values(tw_runner *r, int keep);
/* Called for every change once it is durable, on the thread that runs; with at most 128 KiB of stack. It may call tw_runner_cancel, and no other
 * function of this runner. */
TW_API void tw_runner_on_transition(tw_runner *r, void (*fn)(void *arg, const tw_transition *t),
                                    void *arg);
/*
 * Runs the pipeline to its end and returns then. run_id NULL: made from the time; TW_ERR_EXISTS when this home has it. conf: JSON object that
 * overrides params, or NULL. TW_OK: the run has ended, in whatever state: ask *ret (tw_result_free).
 */
TW_API int tw_runner_run(tw_runner *r, tw_pipeline *p, const char *run_id, const char *conf,
                         tw_result **ret, tw_error **error);
/*
 * Goes on with a run of this home: one that was cut off by a crash or a cancel continues, with tasks that still run adopted; of one that
 * failed, what failed runs again. run_id NULL: the newest run of the DAG. The pipeline is the one stored with the run.
 */
TW_API int tw_runner_resume(tw_runner *r, const char *dag_id, const char *run_id, tw_result **ret,
                            tw_error **error);
/* Ends what runs and makes the run return TW_ERR_CANCELED. Before a run: the next one. Any thread; async-signal-safe. */
TW_API void tw_runner_cancel(tw_runner *r);

/* Which task. */
TW_API const char *tw_transition_task(const tw_transition *t);
/* Which of a mapped task's instances; -1: it is not mapped. */
TW_API int tw_transition_map_index(const tw_transition *t);
/* From which state ("queued"). */
TW_API const char *tw_transition_from(const tw_transition *t);
/* To which state ("running"). */
TW_API const char *tw_transition_to(const tw_transition *t);
/* Of which try, from 1. */
TW_API int tw_transition_try(const tw_transition *t);
/* When, in microseconds since 1970. */
TW_API int64_t tw_transition_time_us(const tw_transition *t);
/* Why, in words; NULL for a plain change. */
TW_API const char *tw_transition_reason(const tw_transition *t);

/* "success" or "failed". */
TW_API const char *tw_result_state(const tw_result *r);
/* The run's id: what tw_runner_resume takes. */
TW_API const char *tw_result_run_id(const tw_result *r);
/* How many task instances it has. */
TW_API size_t tw_result_len(const tw_result *r);
/* The instance of a task by its id (the first of a mapped one), or tw_result_len when there is none. */
TW_API size_t tw_result_find(const tw_result *r, const char *task_id);
/* Of instance i: its task. */
TW_API const char *tw_result_task(const tw_result *r, size_t i);
/* Of instance i: its map index; -1: not mapped. */
TW_API int tw_result_map_index(const tw_result *r, size_t i);
/* Of instance i: its state ("success", "failed", "skipped", "upstream_failed" ...). */
TW_API const char *tw_result_task_state(const tw_result *r, size_t i);
/* Of instance i: tries made. */
TW_API int tw_result_tries(const tw_result *r, size_t i);
/* Of instance i: exit code of its last try; -1: none, or not known. */
TW_API int tw_result_exit_code(const tw_result *r, size_t i);
/* Of instance i: why it is in its state, in words; or NULL. */
TW_API const char *tw_result_reason(const tw_result *r, size_t i);
/* Of instance i: seconds from its start to its end; 0: never started. */
TW_API double tw_result_seconds(const tw_result *r, size_t i);
/* Of instance i: its return value as JSON, when tw_runner_keep_values asked for it; else NULL. */
TW_API const char *tw_result_value(const tw_result *r, size_t i);
/* Frees it. */
TW_API void tw_result_free(tw_result *r);

/* ---- inside a task function ---- */

/* The DAG's id. */
TW_API const char *tw_context_dag_id(const tw_context *c);
/* The run's id. */
TW_API const char *tw_context_run_id(const tw_context *c);
/* The task's id. */
TW_API const char *tw_context_task_id(const tw_context *c);
/* The number of this try, from 1. */
TW_API int tw_context_try_number(const tw_context *c);
/* The map index; -1: not mapped. */
TW_API int tw_context_map_index(const tw_context *c);
/* The logical date as ISO text; NULL: none. */
TW_API const char *tw_context_logical_date(const tw_context *c);
/* What tw_task_args gave, rendered, as JSON; "null" when nothing was given. */
TW_API const char *tw_context_args(const tw_context *c);
/* The run's params as a JSON object. */
TW_API const char *tw_context_params(const tw_context *c);
/* A line in the task's log. Output to stdout and stderr goes there too. */
TW_API void tw_log(tw_context *c, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* Keeps a value (JSON text) under a key; others see it once the task has ended. */
TW_API int tw_xcom_push(tw_context *c, const char *key, const char *json, tw_error **error);
/* Shorthand: tw_xcom_push of "return_value". */
TW_API int tw_return(tw_context *c, const char *json, tw_error **error);
/* Another task's value as JSON text (tw_free). TW_ERR_NOTFOUND: there is none. While the program that runs the pipeline is away, waits for it. */
TW_API int tw_xcom_get(tw_context *c, const char *task_id, const char *key, char **ret_json,
                       tw_error **error);
/* Why the function ends as it does: one line, shown with its state. */
TW_API void tw_reason(tw_context *c, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#ifdef __cplusplus
}
#endif

#endif
