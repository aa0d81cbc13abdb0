/*
 * Simulation, level 1: the scheduler alone in a world of messages, workers, a store and faults, all
 * from one seed (docs/internals/simulation.md). Nothing here reads a clock, and no decision depends
 * on an address: the same seed gives the same trace, byte by byte.
 *
 * Parts: queue.c (what happens next), store.c (what is durable), driver.c (the engine's order of
 * things: step, commit, effect), workers.c (claims, processes, results), chaos.c (workload and
 * faults), sim1.c (the main program).
 */
#ifndef TW_SIM_SIM_H
#define TW_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "follow.h"

struct dag;

#define SIM_SCHEDULERS 3
#define SIM_WORKERS    6
#define SIM_RESOURCES  4
#define SIM_SKIPS      8
#define SIM_TASKS_MAX  40

/* ---- messages ---- */

enum sim_msg_type {
    MSG_EVENT = 1, /* to a scheduler: .ev */
    MSG_TIMER,     /* its clock reached sched_next_timer */
    MSG_APPLY,     /* its batch reaches the store */
    MSG_DONE,      /* the store's answer reaches it */
    MSG_RESTART,   /* it comes back after a crash */
    MSG_SWEEP,     /* its periodic look at what the store says is unfinished */
    MSG_OFFER,     /* to a worker: an attempt may be claimed */
    MSG_GRANTED,   /* to a worker: its claim is durable */
    MSG_REFUSED,   /* to a worker: another one has it, or nobody may */
    MSG_KILL,      /* to a worker */
    MSG_PROCESS,   /* a process comes to its end */
    MSG_RESEND,    /* a worker reports once more what was not acknowledged */
    MSG_CHAOS,     /* the next of the workload's or the faults' deeds */
};

struct sim_msg {
    int64_t at_us;
    uint64_t order; /* breaks ties */
    enum sim_msg_type type;
    uint32_t to;    /* scheduler or worker */
    uint64_t life;  /* of the scheduler when it was sent to itself; a message of an earlier life is
                       dropped */
    size_t process; /* MSG_PROCESS, MSG_RESEND */
    struct sched_event ev;
    uint32_t skip[SIM_SKIPS];
    enum sched_ask ask; /* an answer that comes: to what, about which task */
    uint32_t task;
};

struct sim_queue {
    struct sim_msg *items; /* a heap by (at_us, order) */
    size_t len, cap;
    uint64_t order;
};

void sim_queue_push(struct sim_queue *q, const struct sim_msg *m);
bool sim_queue_pop(struct sim_queue *q, struct sim_msg *ret);
void sim_queue_fini(struct sim_queue *q);

/* ---- the store ---- */

/* One step's or several steps' actions, to be durable together; the effects wait for it. */
struct sim_batch {
    uint64_t seq, epoch;
    struct ti_row *tis;
    size_t tis_len, tis_cap;
    struct run_row *runs;
    size_t runs_len, runs_cap;
    struct transition_row *transitions;
    size_t transitions_len, transitions_cap;
    struct sched_dispatch *dispatches;
    size_t dispatches_len, dispatches_cap;
    struct sched_kill *kills;
    size_t kills_len, kills_cap;
    struct sched_question *questions;
    size_t questions_len, questions_cap;
    struct sim_claim {
        struct ti_key key;
        struct uuid token;
        int64_t worker;
    } * claims;
    size_t claims_len, claims_cap;
    int32_t wants[SIM_RESOURCES], gives[SIM_RESOURCES];
};

struct sim_run {
    uint32_t owner; /* the scheduler of its DAG */
    struct run_row row;
    struct dag *dag; /* borrowed from the scheduler's slot */
    struct ti_row
        *tis; /* one per task, then the instances of mapped ones; key.run_key = 0: no row */
    size_t tis_len, tis_cap;
};

struct sim_store {
    struct sim_run *runs;
    size_t runs_len, runs_cap;
    uint64_t epoch[SIM_SCHEDULERS], seq[SIM_SCHEDULERS];
    int32_t slots[SIM_RESOURCES], grants[SIM_RESOURCES][SIM_SCHEDULERS];
    uint64_t commits;
};

struct sim;
/* After a commit: a scheduler made from the store alone has what the living one has, and does what the oracle says. */
void sim_rebuild(struct sim *sim, uint32_t i);
struct sim_run *sim_store_find(struct sim_store *st, int64_t run_key); /* NULL if absent */
const struct ti_row *sim_store_ti(struct sim_store *st,
                                  const struct ti_key *key); /* NULL: no row */
/* Applies once (rule 1): the same seq again changes nothing; a stale epoch is refused (false).
 * Checks S2, S5, S10. */
bool sim_store_apply(struct sim *sim, uint32_t owner, const struct sim_batch *b);
void sim_store_fini(struct sim_store *st);
void sim_batch_clear(struct sim_batch *b);
void sim_batch_fini(struct sim_batch *b);

/* ---- schedulers ---- */

enum sim_commit { COMMIT_IDLE, COMMIT_SENT };

struct sim_scheduler {
    struct sched *s; /* NULL while it is dead */
    struct follow f;
    struct dag *dag;
    uint64_t life;
    int64_t skew_us;  /* of its wall clock */
    int64_t timer_us; /* the real time for which a MSG_TIMER is on its way, or TIME_NONE */
    enum sim_commit commit;
    bool full; /* it was told that the store is full */
    struct sim_batch sent, next;
    uint64_t seq;
    int32_t wanted[SIM_RESOURCES]; /* asked for, not yet granted */
    uint64_t steps;
};

void sim_driver_start(struct sim *sim, uint32_t i); /* from what the store has */
void sim_driver_crash(struct sim *sim, uint32_t i);
void sim_driver_event(struct sim *sim, uint32_t i, const struct sched_event *ev);
void sim_driver_msg(struct sim *sim, struct sim_msg *m); /* MSG_EVENT to MSG_SWEEP */
void sim_to_self(struct sim *sim, uint32_t i, enum sim_msg_type type, int64_t delay_us);
void sim_set_timer(struct sim *sim, uint32_t i);
void sim_take_grants(struct sim *sim, uint32_t i);
/* effects.c */
void sim_release(struct sim *sim, uint32_t i, struct sim_batch *b);
void sim_offer(struct sim *sim, uint32_t i, const struct ti_key *key, const struct uuid *token);
void sim_answer_claim(struct sim *sim, const struct sim_claim *c, enum sim_msg_type type);
void sim_kill_attempt(struct sim *sim, uint32_t i, const struct sched_kill *kill, int64_t worker);
void sim_self_kill(struct sim *sim, uint32_t i, const struct sched_kill *kill);
void sim_restore_run(struct sim *sim, uint32_t i, const struct sim_run *run, int64_t question);
void sim_answer(struct sim *sim, uint32_t i, const struct sim_msg *m);
/* sweep.c */
void sim_sweep(struct sim *sim, uint32_t i);
/* A message with an event to a scheduler, with the network's faults. */
void sim_send(struct sim *sim, uint32_t to, const struct sched_event *ev);

/* ---- workers ---- */

enum sim_phase { PROC_CLAIMING, PROC_RUNNING, PROC_REPORTING, PROC_GONE };

struct sim_process { /* an attempt at a worker */
    uint32_t worker; /* slot */
    int64_t worker_id;
    uint32_t owner;
    struct ti_key key;
    struct uuid token;
    enum sim_phase phase;
    struct sched_event report; /* PROC_REPORTING */
    uint32_t skip[SIM_SKIPS];
};

struct sim_worker {
    int64_t id; /* 0 = none yet; a new one after each death */
};

void sim_worker_msg(struct sim *sim, struct sim_msg *m); /* MSG_OFFER to MSG_RESEND */
void sim_worker_die(struct sim *sim, uint32_t w);
bool sim_worker_lives(const struct sim *sim, int64_t id);

/* ---- the whole ---- */

enum sim_feature {                       /* beside those of dag_draw.h; drawn for each seed */
                   SIM_LOSS = 1 << 0,    /* messages are lost */
                   SIM_DOUBLE = 1 << 1,  /* and doubled */
                   SIM_LATE = 1 << 2,    /* and late, hence reordered */
                   SIM_DEATHS = 1 << 3,  /* workers die */
                   SIM_CRASHES = 1 << 4, /* schedulers die */
                   SIM_CLOCKS = 1 << 5,  /* wall clocks jump */
                   SIM_FULL = 1 << 6,    /* the store is full for a while */
                   SIM_UNKNOWN = 1 << 7, /* the store's answer is lost: the commit is sent again */
                   SIM_CLEARS = 1 << 8,
                   SIM_MARKS = 1 << 9,
                   SIM_STOPS = 1 << 10,
                   SIM_DEFERS = 1 << 11,  /* deferrals and reschedules */
                   SIM_SILENCE = 1 << 12, /* questions are not answered */
                   SIM_FORGETS = 1
                                 << 13, /* finished runs leave the core; a clear loads them again */
                   SIM_SKIPPING = 1 << 14, /* branches */
                   SIM_FEATURES = (1 << 15) - 1,
};

struct sim {
    uint64_t seed;
    struct prng prng;
    unsigned features, dag_features;
    bool healing; /* phase 2: no more faults, no more commands */
    bool trace;
    int64_t now_us;
    struct sim_queue queue;
    struct sim_store store;
    struct sim_scheduler schedulers[SIM_SCHEDULERS];
    uint32_t schedulers_len;
    struct sim_worker workers[SIM_WORKERS];
    uint32_t workers_len;
    uint64_t steps_max; /* of phase 1 */
    int64_t worker_ids, run_keys, runs_max, commands;
    struct sim_process *processes;
    size_t processes_len, processes_cap;
    struct arena arena; /* reasons, once each */
    struct map reasons;
    uint64_t still; /* messages since time went on */
    uint64_t hash, steps, starts, crashes, deaths, rebuilt, mapped;
    bool failed;
    char text[640];
};

struct sim_options {
    uint64_t seed, steps;
    bool trace;
};

struct sim_result {
    bool failed;
    char text[640];
    uint64_t hash, steps, commits, starts, crashes, deaths, transitions, rebuilt, mapped;
};

/* One seed: safety for `steps` messages, then healing until every run has ended. */
void sim_run(const struct sim_options *options, struct sim_result *ret);

bool sim_on(struct sim *sim, unsigned feature, uint32_t percent); /* a fault happens now */
bool sim_chance(struct sim *sim, uint32_t percent);
void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_note(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_after(struct sim *sim, int64_t delay_us, struct sim_msg *m);
void sim_chaos(struct sim *sim);
void sim_workload_start(struct sim *sim);
const char *sim_keep(struct sim *sim,
                     const char *reason); /* a copy for as long as the world lasts; NULL of NULL */
void *sim_checked(void *p);               /* ends the program when out of memory */

extern const char *const sim_resources[SIM_RESOURCES];

#endif
