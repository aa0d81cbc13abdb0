/*
 * What every durable batch of level 2 must keep, of any number of runs and DAGs: looked at once for each batch, when it has become durable.
 *   S1  tries only grow; a token is given to one instance
 *   S2  each transition is an edge of the states table, from where the instance was
 *   S3  a run that has ended has no instance that has not; a success is what its leaves give
 *   S4  an instance that is not mapped, nor is over mapped ones, becomes scheduled only when its trigger rule holds over the states of that moment
 *   S5  what is live fits parallelism, pools, the DAG's max_active_tasks, a task's own limits; what runs fits max_active_runs
 *   S6  after a try that failed another follows exactly while tries are left, not before its time, which is what the task says
 *   S7  no run is there twice, by its id or by its date; none of a schedule comes before its time
 *   S8  a try ends once, whoever tells it how often; a token that has ended does not come back
 *   S10 the rows of a batch are where its transitions lead
 *   L2  (ledger_idle) nothing waits that could go on
 */
#ifndef TW_SIM_LEDGER_H
#define TW_SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dag;
struct run_row;
struct ledger;
struct store_batch;

struct ledger_config {
    /* What runs of a DAG are made of, always; borrowed, and there as long as the ledger. */
    const struct dag *(*dag)(void *arg, int64_t dag_key);
    void (*violated)(void *arg, const char *text); /* what does not hold */
    void *arg;
    int32_t parallelism; /* with what may be claimed ahead (engine_parallelism) */
};

/* Ends the program when out of memory. */
struct ledger *ledger_new(const struct ledger_config *c);
void ledger_free(struct ledger *l);
/* A pool has so many slots, from now on; one that was never named has no limit. */
void ledger_pool(struct ledger *l, const char *name, int64_t slots);
/* wall_us: the latest that the wall clock showed in this life. */
void ledger_batch(struct ledger *l, const struct store_batch *b, int64_t wall_us);
/* L2, to be asked now and then while there are no faults: what could go on did so within LEDGER_IDLE_US. */
#define LEDGER_IDLE_US (5 * TIME_SECOND)
void ledger_idle(struct ledger *l, int64_t now_us);
/* A run as it is durable, without texts; NULL: there is none. Borrowed until the next batch, as is its id. */
const struct run_row *ledger_run(const struct ledger *l, int64_t run_key, const char **ret_run_id);
/* Grows with every batch that says something of a run. */
uint64_t ledger_changes(const struct ledger *l);
/* The nth run that has not ended, or 0. */
int64_t ledger_unfinished(const struct ledger *l, size_t n);

#endif
