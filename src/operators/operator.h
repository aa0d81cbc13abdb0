/*
 * What an operator does with its rendered parameters: either it describes a process that a holder runs, or it decides at once, or it waits
 * as a coroutine. One file per operator; the parameters are described in table.c and checked at load.
 */
#ifndef TW_OPERATORS_OPERATOR_H
#define TW_OPERATORS_OPERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct dag;
struct err;
struct http_client;
struct operator_plugin;
struct task;
struct value;

/* What happens to an attempt of this operator when its worker is lost (rule 7). */
enum operator_loss {
    LOSS_ADOPT,  /* a process: goes on in its holder */
    LOSS_REPEAT, /* a wait or a decision: the same try goes on from its beginning */
    LOSS_LOST,   /* a plug-in's attempt: the try has failed, "worker lost" */
};

/* A process to run. Lives in the arena of the call. */
struct operator_process {
    const char *const *argv; /* NULL-terminated; or NULL when `python` */
    const char *shell_text;  /* argv stands for this text of a shell; or NULL */
    bool python;             /* the Python runner runs it */
    bool reports; /* with argv: gets the start message, and leaves a result file, as Python does */
    const char *python_interpreter; /* NULL = configured */
    const char *cwd;                /* or NULL */
    const char *const *env;         /* NULL-terminated, or NULL */
    bool bare_env;         /* append_env: false: only `env`, PATH and what Tradewind sets */
    const int *skip_codes; /* exit codes that mean skipped */
    size_t skip_codes_len;
    bool last_line_is_xcom;
};

enum operator_verdict { VERDICT_SUCCESS, VERDICT_SKIPPED, VERDICT_FAILED, VERDICT_FAILED_NO_RETRY };

/* What a decision or a wait came to. */
struct operator_result {
    enum operator_verdict verdict;
    const char *reason; /* in the arena, or NULL */
    const char *xcom;   /* JSON in the arena, or NULL */
    uint32_t *skip;     /* in the arena */
    size_t skip_len;
    const struct value *xcoms; /* array of {key, value}, or NULL */
};

struct operator_context {
    const struct dag *dag;
    const struct task *task;
    const struct value *params; /* the task's object, rendered */
    struct arena *arena;
    int64_t logical_date_us;     /* TIME_NONE: none */
    int64_t start_us;            /* when the attempt first began to wait */
    int64_t now_us;              /* at the call */
    int64_t (*clock)(void *arg); /* wall time, steady within the process; for waits */
    void *clock_arg;
    struct http_client *(*http)(
        void *arg); /* the client, made on first use; NULL when it cannot be had */
    void *http_arg;
};

struct operator_impl {
    const char *name;
    enum operator_loss loss;
    /* Exactly one of these; python-or-decide operators have two: prepare returns -ERR_UNSUPPORTED where decide is meant. */
    int (*prepare)(const struct operator_context *c, struct operator_process *ret, struct err *e);
    int (*decide)(const struct operator_context *c, struct operator_result *ret, struct err *e);
    int (*wait)(const struct operator_context *c, struct operator_result *ret,
                struct err *e);           /* SUSPENDS */
    const struct operator_plugin *plugin; /* the worker sends it to its host (plugins.h); or NULL */
};

/* NULL for an unknown name. */
const struct operator_impl *operator_find(const char *name);

extern const struct operator_impl op_bash, op_python, op_branch, op_short_circuit, op_empty;
extern const struct operator_impl op_function;
extern const struct operator_impl op_wait_time, op_wait_file, op_wait_http;

/* Shared by branch and short circuit. Direct downstream tasks of t that are not followed nor reachable from a followed one become skipped,
 * as Airflow's BaseBranchOperator does. follow: ids of tasks or of task groups. -ERR_INVALID: one is not directly downstream. */
int operator_branch_skips(const struct operator_context *c, const char *const *follow,
                          size_t follow_len, struct operator_result *ret, struct err *e);
/* All descendants (teardowns kept), or only the direct downstream when their own trigger rules count. */
int operator_stop_skips(const struct operator_context *c, bool ignore_downstream_trigger_rules,
                        struct operator_result *ret, struct err *e);

#endif
