/*
 * Runs by asset events: within the engine. sched/asset_due.h decides; here it meets the store. Every engine keeps the queues, so that no event is lost
 * whoever commits it; only one with config.schedules creates the runs.
 */
#ifndef TW_ENGINE_CONSUMERS_H
#define TW_ENGINE_CONSUMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct consumers;
struct engine;
struct err;

/* SUSPENDS. g->consumers, with what the store has: who waits, and for what. */
int consumers_open(struct engine *g, struct err *e);
void consumers_free(struct engine *g);
/* Its coroutine (config.schedules), once the runs that the store has are read back. */
int consumers_start(struct engine *g, struct err *e);

/* SUSPENDS. A known DAG is there, or it changed: what it waits for from now on. */
int consumers_set(struct engine *g, int64_t dag_key, struct err *e);
/* Its file is gone: it is queued for, as it may come back; no runs are made. */
void consumers_gone(struct engine *g, int64_t dag_key);
void consumers_paused(struct engine *g, int64_t dag_key, bool paused);
void consumers_active(struct engine *g, int64_t dag_key, int32_t change);

/* Of the batch at hand: the event with this index in g->extras.asset_events was added. -ERR_NOMEM */
int consumers_event(struct engine *g, size_t index);
/* Looks up the keys that an event would be queued under, so that what its DAGs' mappers are to be asked first is known (mappers.h). */
struct asset_event_row;
struct mappers;
void consumers_probe(struct engine *g, const struct asset_event_row *row);
struct mappers *consumers_mappers(struct engine *g); /* NULL: no DAG has a mapper of Python's */
/* Of the effects: what became due is created. */
void consumers_look(struct engine *g);

#endif
