/*
 * Which scheduled runs are due: the DAGs of one scheduler that have a time table, each with the run that comes next. Pure, as sched.h is:
 * time and what a time table says arrive from outside; the same calls give the same runs in the same order (by run_after, then dag_key).
 *
 * The driver takes what is due, creates those runs, and tells which of them are durable; the next run of a DAG follows from its last one,
 * so that a restart goes on from what the store has. A logical date is given out once, whatever the clock does.
 *
 * Errors: -ERR_NOMEM only (nothing changed). Unknown DAGs, late answers: nothing happens.
 */
#ifndef TW_SCHED_DUE_H
#define TW_SCHED_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct due;

struct due_run {
    int64_t dag_key;
    int64_t logical_us;       /* of a time table that gives none: TIME_NONE */
    int64_t start_us, end_us; /* data interval */
    int64_t run_after_us;     /* not before */
};

enum due_next {
    DUE_NONE = 0, /* no run comes any more, as things are */
    DUE_FOUND,
    DUE_ASK, /* the time table is not ours to read: the driver has asked, and calls due_answer */
};

/*
 * What a DAG's time table says comes after `last` (NULL: there was none yet), when it is now_us. With DUE_FOUND *ret is set but for its
 * dag_key. Without catchup this skips what would be late, so its answer changes with time: where the run after it
 * is due, too, it is asked again when the run is taken.
 */
typedef enum due_next due_next_fn(void *arg, int64_t dag_key, const struct due_run *last,
                                  int64_t now_us, struct due_run *ret);

struct due_dag {
    int64_t dag_key;
    bool paused;
    int32_t max_active_runs;    /* of its queued and running runs; 0 = no limit */
    int32_t active;             /* how many there are now */
    const struct due_run *last; /* its newest scheduled run, or NULL */
};

struct due *due_new(due_next_fn *next, void *arg); /* NULL: out of memory */
void due_free(struct due *d);

/* A DAG is here, or its time table, limit or pause changed. active and last count for a DAG that was not known only. */
int due_set(struct due *d, const struct due_dag *dag, int64_t now_us);
void due_remove(struct due *d, int64_t dag_key);

/* When due_take has something next; TIME_NONE: never, as things are. */
int64_t due_at(const struct due *d);
/* The next run to create now, if any. It is out until due_made; that it became active is told by due_active, before. */
bool due_take(struct due *d, int64_t now_us, struct due_run *ret);
/* The run that was taken is durable; or it could not be made, and is to be tried again in a while. */
void due_made(struct due *d, int64_t dag_key, bool durable, int64_t now_us);
/* A run of the DAG that counts became active (+1), or finished (-1). */
void due_active(struct due *d, int64_t dag_key, int32_t change, int64_t now_us);
/* The answer to DUE_ASK: r NULL, no run comes. */
void due_answer(struct due *d, int64_t dag_key, const struct due_run *r, int64_t now_us);

enum due_state {
    DUE_STATE_IDLE,
    DUE_STATE_ASKING,
    DUE_STATE_WAITING,
    DUE_STATE_FULL,
    DUE_STATE_OUT
};
/* What comes next of a DAG, for showing: false if it is not known. *ret only with WAITING, FULL and OUT. */
bool due_look(const struct due *d, int64_t dag_key, enum due_state *ret_state, struct due_run *ret);

#endif
