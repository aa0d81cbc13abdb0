/*
 * What every durable batch of level 2 must keep, of any number of runs: looked at once for each batch, when it has become durable.
 *   S1  tries only grow; a live attempt's token is given to one instance
 *   S2  each transition is an edge of the states table, from where the instance was
 *   S3  a run that has ended has no instance that has not
 *   S4  an instance that is not mapped, nor is over mapped ones, becomes scheduled only when its trigger rule holds over the states of that moment
 *   S5  what is live fits the DAG's max_active_tasks and the pool
 *   S10 the rows of a batch are where its transitions lead
 */
#ifndef TW_SIM_LEDGER_H
#define TW_SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dag;
struct ledger;
struct store_batch;

/* All runs are of this DAG (borrowed). violated(arg, text): what does not hold. Ends the program when out of memory. */
struct ledger *ledger_new(const struct dag *d, void (*violated)(void *arg, const char *text),
                          void *arg);
void ledger_free(struct ledger *l);
void ledger_batch(struct ledger *l, const struct store_batch *b);

#endif
