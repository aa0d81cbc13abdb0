/*
 * What the engine's tests share: a memory store whose calls can be made to fail, a worker that starts nothing and whose processes outlive
 * the engine, and lives: an engine on a loop, opened, recovered, given to a test, closed.
 */
#ifndef TW_TEST_ENGINE_WORLD_H
#define TW_TEST_ENGINE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"
#include "worker/worker.h"

#define PROCESSES_MAX 512

struct process {
    struct uuid token;
    struct ti_key key;
    uint16_t try_number;
    int64_t ends_us;
    enum worker_outcome outcome;
    bool told, acked;
};

struct world {
    struct store *store;
    struct dag *dag;
    const char *spec;
    const char *home;                    /* or NULL */
    int64_t now_us, run_key, process_us; /* how long a process takes */
    struct process processes[PROCESSES_MAX];
    size_t processes_len;
    const char *fails; /* this task fails in its first `fail_tries` tries */
    unsigned fail_tries;
    const char *asset; /* whose event every process that succeeds leaves behind; or NULL */
    const char *xcom;  /* what every process returns, JSON; or NULL */
    bool uv, paused;
    bool schedules;       /* the engine makes scheduled runs, and carries out backfills */
    uint64_t loop_seed;   /* when offloaded work runs (loop_config.seed) */
    uint64_t crash_at;    /* the life ends at this suspension as by kill -9; 0 = none */
    uint64_t suspensions; /* of the life at hand */

    /* The store's call number trip_at fails with trip_rc (all later ones too, for trip_more more); 0 = none does. */
    uint64_t commits, calls, trip_at, trip_more, tripped;
    int trip_rc;
    bool trip_after;   /* a commit fails after it was done: its outcome is unknown */
    bool trip_commits; /* only commits are counted */

    /* Of the life at hand. */
    struct worker *worker;
    struct worker_callbacks cb;
};

extern struct world world;

void world_open(const char *spec);
void world_close(void);
/* One life: 0 or the first error of opening, recovering and fn. */
int world_live(int (*fn)(struct engine *g, struct err *e), struct err *e);
/* A DAG of a spec, with its hash (one reference). */
struct dag *world_dag_of(const char *spec);
/* Creates the run "r" if it is not there, and waits for its end. */
int world_finish(struct engine *g, struct err *e);
int world_add(struct engine *g, struct err *e); /* creates it only */
/* The store's rows of the run, "a success 1; b failed 2" in order of tasks. Valid until the next call. */
const char *world_rows(void);
enum run_state world_run_state(void);
/* How many asset events the store has. */
int64_t world_events(void);
/* The worker tells the end of a process once more, as a success with an event. */
void world_tell_again(const struct process *p);
size_t world_started(const char *task_id);
const struct process *world_process(const char *task_id); /* the newest */
/* No token started twice, no try of an instance twice. */
void world_check(void);

#endif
