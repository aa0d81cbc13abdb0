/*
 * Which runs are due because of asset events. Pure, as sched.h is: the same calls give the same answers in the same order.
 *
 * A DAG that waits for assets has a queue for each partition (without partitions: one, ""). An event goes into the queue of each DAG whose
 * condition names it or an alias that it came through, unless the DAG is paused. When the condition holds for what is in a queue, a run is due: it takes the whole queue.
 *
 * The driver writes down what is queued in the commit of the event, and that a run took a queue in the commit of the run (asset_due_consume
 * says that it may): so what the store has is always what stands here, and after a restart it is put in again.
 *
 * Errors: -ERR_NOMEM only; the queues may then lack what the call was about. Unknown DAGs: nothing happens.
 */
#ifndef TW_SCHED_ASSET_DUE_H
#define TW_SCHED_ASSET_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct asset_due;
struct asset_expr;
struct partition_map;

struct asset_due_dag {
    int64_t dag_key;
    const struct asset_expr *expr;          /* borrowed until the DAG is set again or removed */
    const struct partition_map *partitions; /* likewise; NULL: not by partition */
    bool paused; /* nothing is queued, no run is due; what is queued stays */
    bool
        here; /* false: it is queued for, but its runs cannot be made: its file is not (yet) there */
    int32_t max_active_runs; /* of its queued and running runs; 0 = no limit */
    int32_t active;          /* how many there are now */
};

struct asset_due_event {
    const char *name, *uri;
    const char *aliases; /* each with its NUL; or NULL */
    size_t aliases_len;
    const char *partition_key; /* NULL: none */
};

enum asset_due_verdict {
    ASSET_DUE_QUEUED,
    ASSET_DUE_FULL,   /* not queued: LIMIT_ASSET_QUEUE or LIMIT_ASSET_PARTITIONS */
    ASSET_DUE_NO_KEY, /* not queued: the DAG is by partition, the event is not */
    ASSET_DUE_BAD_KEY /* not queued: no mapper takes its key */
};
/* For each DAG that an event concerns, by dag_key. text: QUEUED and FULL: the partition ("" without); BAD_KEY: why. Borrowed for the call. */
typedef int asset_due_fn(void *arg, int64_t dag_key, enum asset_due_verdict v, const char *text);

struct asset_due *asset_due_new(void); /* NULL: out of memory */
void asset_due_free(struct asset_due *d);

/* A DAG is here, or it changed. `expr` another one than before: its queues are empty, and nothing is due until asset_due_restored. */
int asset_due_set(struct asset_due *d, const struct asset_due_dag *dag);
/* What a queue had: `count` events of this shape. *ret_kept false: no leaf of the condition is theirs, they are in no queue. */
int asset_due_restore(struct asset_due *d, int64_t dag_key, const char *partition,
                      const struct asset_due_event *shape, uint32_t count, bool *ret_kept);
void asset_due_restored(struct asset_due *d, int64_t dag_key);
void asset_due_remove(struct asset_due *d, int64_t dag_key);
void asset_due_paused(struct asset_due *d, int64_t dag_key, bool paused);
/* Its file is there, or is gone. */
void asset_due_here(struct asset_due *d, int64_t dag_key, bool here);
/* A run of the DAG that counts became active (+1), or finished (-1). */
void asset_due_active(struct asset_due *d, int64_t dag_key, int32_t change);

/* An event: fn for each DAG that it concerns. Stops with fn's error. */
int asset_due_event(struct asset_due *d, const struct asset_due_event *ev, asset_due_fn *fn,
                    void *arg);

struct asset_due_run {
    int64_t dag_key;
    const char *partition; /* "" without; borrowed until the next call */
};
/* The next run to create now, if any: a DAG at a time in turns, of one DAG that whose condition held first. It is out until asset_due_made. */
bool asset_due_take(struct asset_due *d, struct asset_due_run *ret);
/* The run is written down now, with all that is in its queue: which is empty then. false: it is not due any more; leave it. */
bool asset_due_consume(struct asset_due *d, int64_t dag_key, const char *partition);
/* The run that was taken was made (asset_due_consume), or could not be: then it is due again. */
void asset_due_made(struct asset_due *d, int64_t dag_key, const char *partition);

#endif
