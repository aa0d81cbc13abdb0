/*
 * libtradewind's own declarations. Everything public is in include/tradewind/pipeline.h; this folder carries it to the engine.
 *
 *   pipeline.c  a document in the making          runner.c   a run from its beginning to its result
 *   session.c   a home opened for one run         result.c   what became of it
 *   task.c      inside a task's own process       error.c    codes and words
 */
#ifndef TW_API_PRIV_H
#define TW_API_PRIV_H

#include <stdbool.h>
#include <tradewind/pipeline.h>

#include "base/arena.h"
#include "base/err.h"
#include "dagfile/ask.h"
#include "model/rows.h"

struct dag;
struct engine;
struct lock;
struct loop;
struct store;
struct value;
struct worker;

/* ---- error.c ---- */

/* The public code of an -ERR_x; puts code and words into *ret when it is wanted. Returns the code. */
int api_fail(tw_error **ret, int rc, const struct err *e);
int api_code(int rc);

/* ---- task.c ---- */

bool api_is_task(void);
/* Of the table given to tw_init; NULL when it is not there. */
const struct tw_function_entry *api_function(const char *name);

/* ---- pipeline.c ---- */

struct tw_pipeline {
    struct arena arena;
    struct value *document, *tasks;
    struct tw_task *last; /* all of them, newest first */
    struct err error;     /* the first; sticks */
};

/* The DAG (one reference), or why there is none: all findings in words. */
int api_build(struct tw_pipeline *p, struct dag **ret, struct err *e);

/* ---- runner.c ---- */

struct tw_runner {
    char *home; /* as given, or NULL */
    bool in_memory, keep_values;
    int jobs;
    void (*on_transition)(void *arg, const tw_transition *t);
    void *arg;
    int wake;     /* eventfd */
    int canceled; /* atomic; set by any thread or signal handler */
};

struct tw_transition {
    const struct transition_row *row;
    const struct dag *dag;
};

/* ---- session.c ---- */

struct session {
    struct loop *loop;
    char home[4096], holder[4096], python[4096], python_path[4096];
    bool in_memory, made; /* made: the folder is ours and goes with us */
    int jobs;
    struct ask_config ask;
    struct lock *lock;
    struct store *store;
    struct worker *worker;
    struct engine *engine;
};

/* SUSPENDS. Opens home, lock, store, worker and engine, and serves the engine's socket. -ERR_BUSY: another process works there. find_run, when
 * not NULL, is asked between store and engine for the run to continue. */
int api_session_open(struct session *s, const struct tw_runner *r,
                     int (*find_run)(void *arg, struct store *st, int64_t *ret_key, struct err *e),
                     void *arg, struct err *e);
/* Makes the plug-ins of the runner's home known. *ret_refused: the last that cannot be used, in words. */
void api_discover(const struct tw_runner *r, struct err *ret_refused);
void api_session_close(struct session *s); /* SUSPENDS */

/* ---- result.c ---- */

struct result_task {
    const char *task_id;
    struct ti_row row; /* its strings in the arena */
    const char *value; /* JSON, or NULL */
};
struct tw_result {
    struct arena arena;
    const char *run_id;
    enum run_state state;
    struct result_task *tasks;
    size_t len;
};

/* Reads it from the store, on the store's thread. *ret is tw_result_free's. */
int api_result(struct session *s, int64_t run_key, bool values, struct tw_result **ret,
               struct err *e);

#endif
