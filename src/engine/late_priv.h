/* late.c (which runs, and when), late_read.c (what is read before), late_tell.c (what is told then). */
#ifndef TW_ENGINE_LATE_PRIV_H
#define TW_ENGINE_LATE_PRIV_H

#include "alert/alert.h"
#include "model/rows.h"

struct co;
struct engine;

enum late_kind { LATE_DEADLINE, LATE_RUN, LATE_TASK };

struct late_item {
    enum late_kind kind;
    int32_t n;     /* DEADLINE: which of the DAG's */
    uint32_t task; /* TASK */
    int32_t map_index;
    uint16_t try_number;
    int64_t from_us;  /* RUN, TASK: since when */
    int64_t usual_us; /* and how long it used to take */
    size_t successes; /* of so many */
    int64_t due_us;   /* TIME_NONE: not known yet */
};

struct late_limit {       /* of a task, or of the run */
    int64_t us, usual_us; /* us 0: too little is known */
    size_t successes;
};

struct late_run {
    unsigned refs;
    int64_t run_key;
    struct run_row row; /* run_id is owned; no reason, no conf */
    struct dag *dag;    /* one reference */
    bool tasks;         /* it has tasks that rules of task_slow are for */
    bool ready;         /* what is known was read */
    bool ended;
    struct late_limit slow;    /* of the run */
    struct late_limit *limits; /* by task; NULL: none is known */
    struct late_item *items;
    size_t items_len, items_cap;
    int64_t not_before_us; /* nothing is told before; 0 */
    int64_t due_us;        /* the earliest of its items, while it is in the heap */
    size_t heap_at;        /* SIZE_MAX: it is not */
};

struct late {
    struct late_slot {
        int64_t run_key; /* 0: free; -1: was used */
        struct late_run *run;
    } * slots;
    size_t slots_len, slots_used, live, watched;
    struct late_run **heap;
    size_t heap_len, heap_cap;
    unsigned slow_rules; /* kinds of slowness that rules of the configuration name */
    struct co *co;
    bool waiting;
};

struct late_run *late_find(const struct engine *g, int64_t run_key); /* NULL: it is not watched */
void late_run_unref(struct late_run *r);
int late_push(struct late_run *r, const struct late_item *item);
void late_set_due(struct engine *g, struct late_run *r); /* after a change of its items */

/* late_read.c */
void late_prepare(struct engine *g, struct late_run *r); /* starts reading; ready when it is done */
void late_add_run_slow(struct engine *g, struct late_run *r);
void late_task_due(const struct late_run *r, struct late_item *item);

/* late_tell.c */
int late_tell(struct engine *g, struct late_run *r); /* SUSPENDS. Its items that are due */
/* In the batch that holds the run's end: deadlines that it has missed, and their alerts; callbacks after it. */
void late_ended(struct engine *g, struct late_run *r);
void late_call_again(
    struct engine *g); /* SUSPENDS. Callbacks that an earlier engine did not start */

#endif
