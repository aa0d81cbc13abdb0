/*
 * Operators as shared objects. A plug-in is a file NAME.so in $TRADEWIND_HOME/operators, or named by TRADEWIND_OPERATORS (paths, separated by
 * colons), that exports one function, `tradewind_operator`. DAG documents then say `operator: NAME`.
 *
 * Where it runs: each plug-in has one process of its own, tradewind-operator-host. Every attempt is a coroutine there: run() is called on a stack of
 * 1 MiB, and the services that may wait (tw_host: sleep, wait_fd, xcom_get, offload) let the other attempts go on meanwhile. All attempts share one
 * thread: a run() that computes or blocks without them holds up the others; give such work to `offload`. A crash ends the process: its
 * attempts fail ("operator host died: ..."), their retries apply, and the next attempt starts it again.
 *
 * Cancel: after a timeout or a kill the services that wait return TW_OPERATOR_CANCELED: clean up and return. What has not returned after 3 s is ended with
 * its process, and so are the other attempts in it.
 *
 * Needs no library: the services come as a table. The interface grows at the ends of its structs only; `abi_version` is raised where that is not enough.
 */
#ifndef TRADEWIND_OPERATOR_H
#define TRADEWIND_OPERATOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What tw_operator.abi_version must be. */
#define TW_OPERATOR_ABI 1

/* How run() ends. Any other value is TW_OPERATOR_FAILED. */
enum tw_operator_outcome {
    TW_OPERATOR_SUCCESS = 0,
    TW_OPERATOR_FAILED = 1,          /* retries apply */
    TW_OPERATOR_FAILED_NO_RETRY = 2, /* they do not */
    TW_OPERATOR_SKIPPED = 3
};

/* What services return. */
enum tw_operator_code {
    TW_OPERATOR_OK = 0,
    TW_OPERATOR_CANCELED = -1, /* the attempt is to end: return soon */
    TW_OPERATOR_TIMEOUT = -2,
    TW_OPERATOR_NOTFOUND = -3,
    TW_OPERATOR_INVALID = -4,
    TW_OPERATOR_NOMEM = -5,
    TW_OPERATOR_ERROR = -6
};

/* For wait_fd. */
enum tw_operator_events { TW_OPERATOR_READ = 1, TW_OPERATOR_WRITE = 2 };

/* tw_operator.flags */
enum tw_operator_flags {
    /* It only waits: its attempts are `deferred` meanwhile and hold no slot. Without it they are `running` and hold one like a process. */
    TW_OPERATOR_WAITS = 1,
    /* An attempt whose worker was lost begins again as the same try. Without it the try has failed ("worker lost"), and retries apply. */
    TW_OPERATOR_REPEATS = 2
};

/* One attempt, while run() has it. */
typedef struct tw_attempt tw_attempt;

/* The services, valid for the life of the process; only from run()'s own thread, except where it says otherwise. */
struct tw_host {
    size_t size;     /* of this struct: a member beyond it is not there */
    int abi_version; /* of the host */
    /* The operator's parameters, rendered, as a JSON object. Borrowed until run() returns. */
    const char *(*params)(const tw_attempt *a);
    /* "dag_id", "run_id", "task_id", "attempt", "logical_date", "try_number" ... as text; NULL: there is none. Borrowed likewise. */
    const char *(*info)(const tw_attempt *a, const char *name);
    /* A line in the attempt's log; secrets in it are masked. */
    void (*log)(tw_attempt *a, const char *text);
    /* Why it ends as it does: one line, shown with its state. */
    void (*reason)(tw_attempt *a, const char *text);
    /* Keeps a value (JSON text) under a key; "return_value" is the usual one. Others see it once the attempt has ended. */
    int (*xcom_push)(tw_attempt *a, const char *key, const char *json);
    /* Waits. Another task's value as JSON text; give it back to `release`. */
    int (*xcom_get)(tw_attempt *a, const char *task_id, const char *key, char **ret_json);
    void (*release)(char *json);
    /* Waits. */
    int (*sleep)(tw_attempt *a, double seconds);
    /* Waits until a non-blocking descriptor is ready, at most so long (< 0: for ever). */
    int (*wait_fd)(tw_attempt *a, int fd, int events, double timeout_s);
    /* Not 0 once the attempt is to end. */
    int (*canceled)(const tw_attempt *a);
    /* Waits until fn(arg) has run on another thread, where it may block or compute but call no service. It is not interrupted. */
    int (*offload)(tw_attempt *a, void (*fn)(void *arg), void *arg);
};

/* A plug-in. Everything in it lives as long as the process. */
struct tw_operator {
    int abi_version;  /* TW_OPERATOR_ABI */
    unsigned flags;   /* enum tw_operator_flags */
    const char *name; /* what documents call it: letters, digits, '_' */
    const char *doc;  /* one sentence */
    const char *
        schema; /* JSON Schema of its parameters: an object with "properties" and "required"; see docs/guide/c.md */
    int (*run)(const struct tw_host *host, tw_attempt *a); /* enum tw_operator_outcome */
};

/* What the shared object exports. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct tw_operator *
tradewind_operator(void);

#ifdef __cplusplus
}
#endif

#endif
