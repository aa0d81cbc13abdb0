/* An executor with real holders in a folder of its own, and what it told. */
#ifndef TW_TEST_EXEC_WORLD_H
#define TW_TEST_EXEC_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/prng.h"
#include "exec/executor.h"
#include "runtime/co.h"
#include "runtime/loop.h"

#define SEEN_MAX 512

struct seen {
    struct uuid attempt;
    int started, ended; /* how often it was told */
    int order;          /* of its start among all */
    int64_t pid;
    char holder[80];
    struct exec_end end; /* texts are copied: */
    char killed[64], error[256], last_line[256];
};

struct world {
    struct loop *loop;
    struct executor *x;
    int opened; /* 0, or why not */
    struct co_cond changed;
    struct seen *seen; /* SEEN_MAX of them: too many for a coroutine's stack */
    size_t seen_len;
    int starts;
    bool ack_at_once;
    struct prng prng;
};

extern char world_home[64]; /* the test's own folder */
void world_home_make(void);
void world_home_remove(void); /* ends holders that still live, too */

/* On a coroutine. */
void world_open(struct world *w, int slots);
void world_close(struct world *w);
struct uuid world_uuid(struct world *w);
struct uuid world_start(struct world *w, const char *shell_command);
/* As world_start, with options set in *spec beforehand. */
struct uuid world_start_spec(struct world *w, struct exec_spec *spec);
struct seen *world_seen(struct world *w, const struct uuid *attempt);
struct seen *world_wait_started(struct world *w, const struct uuid *attempt);
struct seen *world_wait_ended(struct world *w, const struct uuid *attempt);
/* The log's text (static buffer). */
const char *world_log(const struct uuid *attempt);
int64_t world_number_in(const char *path); /* waits for the file to have a number in it */
bool world_lives(int64_t pid);
void world_wait_dead(int64_t pid);
int64_t world_holder_pid(const char *holder); /* from the lock on its journal */

/* Runs fn as the main coroutine of a loop; in a process of its own for world_run_process, which
 * then just exits, as if killed. */
void world_run(co_fn fn);
void world_run_process(co_fn fn);

#endif
