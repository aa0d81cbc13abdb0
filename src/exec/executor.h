/*
 * How an attempt reaches a worker. An executor takes claimed attempts, runs at most `slots` at once in the order given, and tells what
 * became of each by callbacks on the loop's thread. Commit before effect (rule 1): the engine calls exec_start only for attempts whose
 * claim is durable; exec_ack only once the end is durable.
 */
#ifndef TW_EXEC_EXECUTOR_H
#define TW_EXEC_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"

struct err;
struct loop;
struct executor;

/* What to run. Everything is copied by exec_start. Exactly one of argv and python is set. */
struct exec_spec {
    struct uuid attempt;
    const char *const *argv; /* NULL-terminated */
    const char
        *script; /* with argv: becomes the content of its descriptor 3, to be read once; or NULL */
    const char *python;         /* JSON object for the Python runner (docs/internals/wire.md) */
    const char *interpreter;    /* for python: NULL = the configured one */
    const char *cwd;            /* or NULL */
    const char *const *env;     /* "NAME=value", NULL-terminated, added to the base; or NULL */
    bool bare_env;              /* of the base environment only PATH stays; with argv only */
    const char *const *secrets; /* values to mask, NULL-terminated; or NULL */
    const char *log;            /* absolute path; its folder exists or is made */
    bool last_line;
    int64_t timeout_us; /* execution_timeout; 0 = none */
    int64_t grace_us;
    bool urgent; /* starts while paused, too: what belongs to an end that was seen */
};

struct exec_end {
    struct uuid attempt;
    int64_t pid;   /* 0 = never started */
    int exit_code; /* -1 unless it exited */
    int signal;    /* 0 unless a signal ended it */
    bool oom;
    bool not_seen;      /* nobody saw the exit (the holder died): never a success (rule 8) */
    const char *killed; /* "timeout", the reason of exec_kill, or NULL */
    const char *error;  /* why it could not start, or NULL */
    int64_t at_us, duration_us;
    const char *last_line; /* or NULL */
    size_t last_line_len;
    int64_t log_bytes, log_dropped;
};

struct exec_callbacks {
    void *arg;
    /* It runs. After an adoption, again for each that lives. holder is borrowed. */
    void (*started)(void *arg, const struct uuid *attempt, int64_t pid, const char *holder,
                    int64_t at_us);
    /* It ended; may come again for the same attempt until exec_ack. Borrowed for the call. */
    void (*ended)(void *arg, const struct exec_end *end);
};

struct executor_ops {
    void (*close)(struct executor *x);
    int (*start)(struct executor *x, const struct exec_spec *spec, struct err *e);
    void (*kill)(struct executor *x, const struct uuid *attempt, const char *reason,
                 int64_t grace_us);
    void (*ack)(struct executor *x, const struct uuid *attempt);
    int (*adopt)(struct executor *x, const struct uuid *live, size_t n,
                 struct uuid *ret_never_started, size_t *ret_n, struct err *e);
    int (*parse)(struct executor *x, const char *request_json, char **ret_response_json,
                 struct err *e);
    void (*pause)(struct executor *x, bool paused);
    void (*resize)(struct executor *x, int slots);
};

struct executor {
    const struct executor_ops *ops;
    struct exec_callbacks callbacks;
    int slots;
    int running,
        waiting; /* started and not ended; taken and not started. Kept by the driver, for the engine's claims */
};

struct exec_local_config {
    struct loop *loop;
    const char *home;           /* TRADEWIND_HOME: holders in home/holders */
    const char *holder_program; /* path of tradewind-holder */
    int slots;
    const char *const *base_env; /* the defined environment of tasks, NULL-terminated */
    const char *const *
        python_argv; /* the interpreter's command line of the runner, e.g. {"/usr/bin/python3", "-m", "tradewind.runner"} */
    const char *const *python_env; /* its environment, NULL-terminated */
    int idle_exit_s;               /* of holders without engine and work */
};

/* The local executor: holders on this machine, made on demand, reused. Does not suspend; talks to nobody yet. Everything in the config but
 * the loop is copied. */
int exec_local_open(const struct exec_local_config *c, const struct exec_callbacks *cb,
                    struct executor **ret, struct err *e);

/*
 * SUSPENDS. After a start of the engine, once, before any exec_start: finds all holders, the living (connects) and the dead (reads their
 * journals, ends what they left behind). `live` are the attempts that the store holds as claimed or running. For each that lives `started`
 * is called; for each that ended `ended`; for each whose holder died without seeing its end `ended` with not_seen; those that no holder
 * ever heard of are returned in ret_never_started (room for n): they may be started with the same token. Attempts that holders
 * have and `live` does not name are killed and acknowledged (rule 2).
 */
static inline int exec_adopt(struct executor *x, const struct uuid *live, size_t n,
                             struct uuid *ret_never_started, size_t *ret_n, struct err *e)
{
    return x->ops->adopt(x, live, n, ret_never_started, ret_n, e);
}
/* Takes an attempt; it starts when a slot is free. Never suspends. */
static inline int exec_start(struct executor *x, const struct exec_spec *spec, struct err *e)
{
    return x->ops->start(x, spec, e);
}
/* Ends an attempt's whole process tree; a waiting one ends without having started (pid 0, killed set). Never suspends; `ended` follows. */
static inline void exec_kill(struct executor *x, const struct uuid *attempt, const char *reason,
                             int64_t grace_us)
{
    x->ops->kill(x, attempt, reason, grace_us);
}
/* While true, waiting attempts are not started; what runs goes on, and kills and ends work. */
static inline void exec_pause(struct executor *x, bool paused)
{
    x->ops->pause(x, paused);
}
/* More or fewer slots from now on; what runs goes on. */
static inline void exec_resize(struct executor *x, int slots)
{
    x->ops->resize(x, slots);
}
static inline void exec_ack(struct executor *x, const struct uuid *attempt)
{
    x->ops->ack(x, attempt);
}
/* SUSPENDS. Has the Python runner import a file: {file, env} -> its documents and errors (docs/internals/python.md). *ret: mem_free. */
static inline int exec_parse(struct executor *x, const char *request_json, char **ret_response_json,
                             struct err *e)
{
    return x->ops->parse(x, request_json, ret_response_json, e);
}
/* SUSPENDS. Lets go of the holders: what runs goes on without us, idle ones are told to exit. Frees. */
static inline void exec_close(struct executor *x)
{
    if (x != NULL) {
        x->ops->close(x);
    }
}

#endif
