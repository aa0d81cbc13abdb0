/*
 * Backfills: asked for, changed, and carried out by the engine (docs/internals/backfills.md). The state is in the store: whoever carries
 * one out goes on exactly where the one before stopped.
 */
#ifndef TW_ENGINE_BACKFILL_H
#define TW_ENGINE_BACKFILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/backfill.h"

struct arena;
struct dag;
struct engine;
struct err;
struct run_row;

struct backfill_request {
    const char *dag_id;
    /* Times (RFC 3339), or dates: `from` the day's beginning, `to` its end, in the time zone of the DAG's schedule. */
    const char *from, *to;
    int32_t max_active_runs; /* 0: engine_settings.backfill_active */
    enum backfill_reprocess reprocess;
    bool backwards, own_version;
    const char *conf;  /* JSON object, or NULL */
    const char *actor; /* or NULL */
};

/*
 * What the request means for this DAG at this time, without its keys: the row, and the dates in their order, in the arena. Strings of the
 * request are borrowed. Blocks for a small file. -ERR_UNSUPPORTED, -ERR_INVALID, -ERR_LIMIT in words; -ERR_NOTFOUND: there are no dates.
 */
int backfill_plan(const struct backfill_request *q, const struct dag *d, int64_t now_us,
                  struct arena *a, struct backfill_row *ret, struct backfill_run_row **ret_dates,
                  size_t *ret_len, struct err *e);

/*
 * SUSPENDS until durable. The DAG must be in the store. This engine carries it out from now on if it makes scheduled runs
 * (config.schedules), or else after engine_carry_backfill. -ERR_CONFLICT: another one of the DAG has not ended. *ret_dates: how many.
 */
int engine_create_backfill(struct engine *g, const struct backfill_request *q, int64_t *ret_key,
                           uint32_t *ret_dates, struct err *e);

enum backfill_change { BACKFILL_PAUSE, BACKFILL_UNPAUSE, BACKFILL_CANCEL };
/*
 * SUSPENDS until durable. PAUSE: no further runs are made, and queued ones stay queued; running ones go on. CANCEL: queued ones are failed, and
 * then it has ended; running ones go on. Need not be carried out here. -ERR_NOTFOUND; -ERR_CONFLICT: it has ended.
 */
int engine_change_backfill(struct engine *g, int64_t backfill_key, enum backfill_change c,
                           const char *actor, struct err *e);

/* SUSPENDS. From now on this engine carries it out. -ERR_NOTFOUND; nothing happens if it has ended. */
int engine_carry_backfill(struct engine *g, int64_t backfill_key, struct err *e);
/* It has not ended, and is carried out here. */
bool engine_carries_backfill(const struct engine *g, int64_t backfill_key);

/* ---- within the engine ---- */

/* SUSPENDS. Before runs are restored: the active backfills of these runs, and with config.schedules all of them. */
int backfills_recover(struct engine *g, const struct run_row *runs, const bool *chosen, size_t n,
                      struct err *e);
int backfills_start(struct engine *g, struct err *e); /* once the engine's coroutine runs */
/* A run of any kind is queued, runs or has finished, and that is durable (or was read back). */
void backfills_saw(struct engine *g, const struct run_row *run);
void backfills_free(struct engine *g);

/*
 * Whoever makes a run for a date of a DAG claims the date until the run is durable, so that no date gets two. False: somebody else has it
 * claimed, or there is no memory: to be tried again in a while.
 */
bool backfills_claim_date(struct engine *g, int64_t dag_key, int64_t logical_us);
void backfills_release_date(struct engine *g, int64_t dag_key, int64_t logical_us);

#endif
