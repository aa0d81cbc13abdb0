/* The worker of this machine: processes in holders, waits as coroutines, decisions at once. */
#ifndef TW_WORKER_LOCAL_H
#define TW_WORKER_LOCAL_H

#include "worker/worker.h"

struct loop;

struct local_worker_config {
    struct loop *loop;
    const char *home; /* TRADEWIND_HOME, absolute; borrowed like all strings here */
    const char *holder_program;
    const char *python;         /* interpreter of the runner */
    const char *python_path;    /* folder that holds the tradewind package */
    const char *lookup_program; /* answers importers (cli/cmd_lookup.c); NULL = nobody does */
    int slots;
    const char *const
        *extra_env;   /* names to pass beyond the defined environment, NULL-terminated; or NULL */
    int64_t grace_us; /* between SIGTERM and SIGKILL */
    int idle_exit_s;  /* of holders without work and engine */
    int64_t worker_id;
};

/* Does not suspend. */
int local_worker_new(const struct local_worker_config *c, struct worker **ret, struct err *e);
/* SUSPENDS. Has the Python runner import a file: its documents and errors (docs/internals/python.md). *ret: mem_free. */
int local_worker_parse(struct worker *w, const char *path, char **ret_json, struct err *e);

#endif
