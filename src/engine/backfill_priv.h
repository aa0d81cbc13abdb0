/* Between the files of the engine that carry out backfills. */
#ifndef TW_ENGINE_BACKFILL_PRIV_H
#define TW_ENGINE_BACKFILL_PRIV_H

#include "engine/backfill.h"
#include "runtime/co.h"

struct live_run {
    int64_t run_key;
    uint8_t state; /* RUN_QUEUED or RUN_RUNNING */
};

/* A backfill that has not ended, as the store has it. */
struct active_backfill {
    struct backfill_row row; /* conf and actor: owned */
    int64_t first_run;       /* the run of its first date, or 0 */
    bool carried;            /* its runs are made here */
    bool exhausted;          /* no date of it is planned any more */
    bool ended;              /* that is durable: it leaves the list */
    struct live_run *live;   /* its queued and running runs */
    size_t live_len, live_cap;
    uint32_t queued;       /* of them */
    uint64_t saws;         /* changes of them that were seen */
    int64_t not_before_us; /* after something went wrong (loop clock); 0: at once */
};

struct claimed_date {
    int64_t dag_key, logical_us;
};

struct backfills {
    struct co *co; /* NULL until the engine's coroutine runs */
    bool waiting;
    bool busy; /* one is being asked for, or changed: others wait */
    struct co_cond free;
    struct active_backfill **list;
    size_t len, cap;
    struct claimed_date *claims;
    size_t claims_len, claims_cap;
    /* Runs of the DAG at hand that changed since they were read: they are read once more. */
    int64_t watched_dag; /* 0: none */
    int64_t *changed;
    size_t changed_len, changed_cap;
    bool missed; /* there was no memory to write one down */
};

/* Made when it is not there. NULL: out of memory. */
struct backfills *backfills_get(struct engine *g);
struct active_backfill *backfills_find(const struct engine *g, int64_t backfill_key);
/* Takes a row in (copies it). NULL: out of memory. */
struct active_backfill *backfills_add(struct engine *g, const struct backfill_row *row);
void backfills_look(struct engine *g); /* wakes who carries them out */
/* SUSPENDS. One at a time; unlock wakes the next. */
int backfills_lock(struct engine *g, struct err *e);
void backfills_unlock(struct engine *g);
/* The event that makes the scheduler know its limit; ended: that it has none any more. */
struct sched_event backfills_limit(const struct active_backfill *b, bool ended);

/*
 * SUSPENDS. backfill_slice.c: decides the next dates, and makes their runs. *ret_done: how many; 0: none is left. An error: nothing is
 * lost, it is to be tried again in a while.
 */
int backfill_slice(struct engine *g, struct active_backfill *b, uint32_t room, size_t *ret_done,
                   struct err *e);

#endif
