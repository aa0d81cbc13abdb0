/*
 * What the worker's tests share: the local worker on the virtual loop over an executor that starts nothing, and everything that it tells
 * its engine, as text.
 */
#ifndef TW_TEST_WORKER_FAKE_H
#define TW_TEST_WORKER_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "exec/executor.h"
#include "worker/worker.h"

#define STARTS_MAX 64

/* One exec_start, as lines of text. */
struct fake_start {
    struct uuid attempt;
    char *argv;    /* words joined by "|"; NULL for python */
    char *script;  /* or NULL */
    char *python;  /* JSON, or NULL */
    char *env;     /* "\nNAME=value\nNAME=value\n" */
    char *secrets; /* the same form */
    char *cwd, *log;
    bool last_line;
    int64_t timeout_us, grace_us;
};

struct fake {
    struct executor exec;
    struct exec_callbacks cb;
    struct arena arena;
    struct fake_start starts[STARTS_MAX];
    size_t starts_len;
    char killed[128]; /* reason of the last exec_kill */
    size_t kills, acks;
    bool adopt_unknown; /* adoption answers that no holder ever heard of any */
    size_t adopted;
    int start_rc;

    char home[64];
    struct worker *worker;
    struct dag *dag;
    struct run_row run;
    struct buf told;  /* a line per callback */
    char *rendered;   /* of the last end, or NULL */
    char *record;     /* of the last end that had one, and what a try that goes on reads; or NULL */
    const char *xcom; /* what a pull gives; NULL = none */
    uint32_t next_token;
};

/* One at a time; valid between open and close, which are called on the loop's coroutine. */
extern struct fake fake;

/* Runs body on the virtual loop with a worker for this YAML document. */
void fake_run(const char *yaml, void (*body)(void));
/* Starts (or adopts) an attempt of a task; its token. */
struct uuid fake_start(const char *task_id);
/* The same for a try that goes on, since start_us. */
struct uuid fake_go_on(const char *task_id, int64_t start_us);
struct uuid fake_adopt(const char *task_id, bool started, int64_t start_us);
/* The executor tells that its process runs: pid 100. */
void fake_begin(const struct uuid *token);
/* The one that was handed to the executor last. */
const struct fake_start *fake_last(void);
/* An end of a process that ran and exited with this code. */
struct exec_end fake_exit(const struct uuid *token, int code);
void fake_end(const struct exec_end *x);
/* Puts a result file where the runner would, for fake_end to find. */
void fake_result(const struct uuid *token, const char *json);
/* What was told since the last call, and forgets it. Valid until the next. */
const char *fake_told(void);
void fake_expect(const char *want);

#endif
