/*
 * Partition mappers that are classes of Python's: within the engine. Which run an event is for must be known when the event is committed, and only the
 * class knows. So it is asked first, and what tells of the event waits: an attempt's end in the engine (its holder keeps it until it is
 * committed), an event by hand with who makes it.
 *
 * Invariants
 *  1. An event is committed with a run's key, or because the class takes no such key, or could not be asked; never because nobody asked.
 *  2. Nothing is durable here: after a kill the end is told again, and asked about again.
 *  3. The same key of the same mapper is asked once until the DAG is read anew; what it refuses, once a minute at most.
 */
#ifndef TW_ENGINE_MAPPERS_H
#define TW_ENGINE_MAPPERS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/partition.h"

struct asset_event_row;
struct engine;
struct err;
struct mappers;
struct msg;

struct mappers *mappers_new(struct engine *g); /* NULL: out of memory */
void mappers_free(struct mappers *x);          /* NULL is allowed */
/* The DAG was read anew, or is gone: what its mappers answered is forgotten. */
void mappers_forget(struct mappers *x);

/* A partition_mapper's `answered`; its `arg`: */
struct mapper_of {
    struct mappers *all;
    int64_t dag_key;
    const char *dag_id;
};
int mappers_answered(void *of, const struct partition_mapper *m, const char *key,
                     char ret[PARTITION_KEY_MAX], struct err *e);

/* SUSPENDS until all that an event of this row is to be asked about is known. -ERR_CANCELED, -ERR_CLOSED, -ERR_NOMEM. */
int mappers_ask_of(struct engine *g, const struct asset_event_row *row, struct err *e);
/* Whether an event of this row is still to be asked about: looked at when its turn in a batch has come. */
bool mappers_wanted(struct engine *g, const struct asset_event_row *row);
/* An attempt's end whose events are to be asked about first: it is taken, and posted again then. False: there is nothing to ask. */
bool mappers_park(struct engine *g, struct msg *m);

#endif
