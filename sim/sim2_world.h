/* The world of simulation level 2: what outlives a crash of the engine. See sim2.c. */
#ifndef TW_SIM_SIM2_WORLD_H
#define TW_SIM_SIM2_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "model/rows.h"

struct dag;
struct front;
struct ledger;
struct loop;
struct store;
struct worker;

enum process_state { PROCESS_RUNNING, PROCESS_ENDED };

/* One process that was ever started. */
struct process {
    struct uuid token;
    struct ti_key key;
    uint16_t try_number;
    enum process_state state;
    int64_t started_us, ends_us;
    int outcome;  /* enum worker_outcome, decided at its start */
    int length;   /* of the list that a success returns */
    bool resumed; /* the same try as the one before */
    bool waiting; /* it deferred itself, and that is durable: what it waits for comes at ends_us */
    bool told;    /* its end was told in this life */
    bool acked;   /* the worker was told to forget it */
};

/* What a person asks for, under a key of its own: again after a crash, until it is known to be done. */
struct intent {
    int op; /* enum engine_op */
    uint32_t task;
    int state;
    unsigned number;
    bool open;
};

struct world {
    struct front *front; /* the store with its faults */
    struct ledger *ledger;
    struct store *store; /* what is durable of it */
    struct prng prng;
    const char *spec;
    struct dag *dag;
    int64_t now_us, run_key, gather_us;
    bool faults, healed, failed, trace;
    bool defers; /* tasks may defer and reschedule themselves */
    bool
        commanded; /* somebody cleared, marked or stopped: what the world did is not all that counts */
    unsigned commands; /* still to come */
    unsigned cleared;  /* intents to clear */
    struct intent intent;
    int32_t *lengths; /* per task: as committed last; 0 = not expanded */
    struct process *processes;
    size_t processes_len, processes_cap;
    struct loop *loop; /* of this life */
    uint64_t hash, crashes;
};

struct dag *world_dag(const char *spec); /* one reference */
void world_init(struct world *w, uint64_t seed, const char *spec, bool faults, bool disk,
                bool trace);
void world_fini(struct world *w);
void world_begin_life(struct world *w, struct loop *loop);
void world_end_life(struct world *w, bool crashed);
void world_heal(struct world *w); /* no more faults */
struct worker *world_worker(struct world *w);
void world_check_end(struct world *w);
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
