/*
 * The world of simulation level 2: what outlives a crash of the engine. The store with its faults, processes that go on while nobody
 * watches, the trace. sim2 has one run in it (sim2_single.h), fleet many (fleet.h).
 */
#ifndef TW_SIM_SIM2_WORLD_H
#define TW_SIM_SIM2_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "model/rows.h"

struct dag;
struct engine;
struct front;
struct loop;
struct store;
struct store_batch;
struct task;
struct worker;
struct worker_callback;
struct worker_end;

/* One process that was ever started. */
struct process {
    struct uuid token;
    struct ti_key key;
    int64_t dag_key;
    const struct task *task; /* of the world's own DAG, which outlives all */
    uint16_t try_number;
    int64_t started_us, ends_us;
    int outcome;  /* enum worker_outcome, decided at its start */
    int length;   /* of the list that a success returns */
    bool resumed; /* the same try as the one before */
    bool waiting; /* it deferred itself, and that is durable: what it waits for comes at ends_us */
    bool killed;  /* the engine asked for its end */
    bool dead;    /* it went with its machine: nobody saw its exit */
    bool told;    /* its end was told in this life */
    bool acked;   /* the worker was told to forget it */
};

struct world;
struct world_hooks {
    /* The task of the world's own copy of a DAG. */
    const struct task *(*task)(struct world *w, int64_t dag_key, uint32_t index);
    /* A batch is durable, told once. wall_us: the latest that the clock on the wall showed to who made it. */
    void (*durable)(struct world *w, const struct store_batch *b, int64_t wall_us);
    /* SUSPENDS. A process is about to end: what it does by then in other places. -ERR_CLOSED: the engine ends. Or NULL. */
    int (*work)(struct world *w, size_t process);
    /* What a success leaves behind besides its result; or NULL. */
    void (*give)(struct world *w, const struct process *p, struct worker_end *end);
    /* Callbacks are to be run; or NULL. */
    void (*callback)(struct world *w, const struct worker_callback *c);
};

struct world {
    const struct world_hooks *hooks;
    struct front *front; /* the store with its faults */
    struct store *store; /* what is durable of it */
    struct prng prng;
    int64_t now_us, gather_us;
    int64_t wall_us,
        wall_last_us; /* the latest that the wall clock showed in this life, and the last */
    bool faults, healed, failed, trace;
    bool defers; /* tasks may defer and reschedule themselves */
    bool
        commanded; /* somebody cleared, marked or stopped: what the world did is not all that counts */
    struct process *processes;
    size_t processes_len, processes_cap;
    struct loop *loop; /* of this life */
    uint64_t hash, crashes;
};

/* A DAG of the spec (dag_builder.h), with what mapped tasks are mapped over, and its hash; one reference. */
struct dag *world_dag(const char *spec);
void world_init(struct world *w, const struct world_hooks *hooks, uint64_t seed, bool faults,
                bool disk, bool trace);
void world_fini(struct world *w);
void world_begin_life(struct world *w, struct loop *loop);
void world_end_life(struct world *w, bool crashed);
void world_heal(struct world *w); /* no more faults */
/* Between two lives: the machine went, too. All that ran on it is dead, and nobody saw how it ended. */
void world_reboot(struct world *w);
int64_t world_now(const struct world *w);
bool world_fault(struct world *w, unsigned one_in);
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* sim2_worker.c: a new life's worker with so many slots. */
struct worker *world_worker(struct world *w, int slots);

static inline bool process_is_of(const struct process *p, const struct ti_key *k)
{
    return p->key.run_key == k->run_key && p->key.task == k->task &&
           p->key.map_index == k->map_index;
}
/* It deferred or rescheduled itself: the same try goes on later. */
bool process_goes_on(const struct process *p);

#endif
