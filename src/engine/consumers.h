/*
 * Runs by asset events: within the engine. sched/asset_due.h decides; here it meets the store. Every engine keeps the queues, so that no event is lost
 * whoever commits it; only one with config.schedules creates the runs.
 */
#ifndef TW_ENGINE_CONSUMERS_H
#define TW_ENGINE_CONSUMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_row;
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
/* It is no more. */
void consumers_forget(struct engine *g, int64_t dag_key);
/* SUSPENDS until durable. What waits for a run of the DAG of an asset (0: of all) waits no more; before_us: only what came before (TIME_NONE: all).
 * *ret: how many assets' events. */
int consumers_drop(struct engine *g, int64_t dag_key, int64_t asset_key, int64_t before_us,
                   const struct audit_row *audit, size_t *ret, struct err *e);
void consumers_paused(struct engine *g, int64_t dag_key, bool paused);
void consumers_active(struct engine *g, int64_t dag_key, int32_t change);

/* Of the batch at hand: the event with this index in g->extras.asset_events was added. -ERR_NOMEM */
int consumers_event(struct engine *g, size_t index);
/* Of the effects: what became due is created. */
void consumers_look(struct engine *g);

#endif
