/* Scheduled runs: within the engine. */
#ifndef TW_ENGINE_SCHEDULE_H
#define TW_ENGINE_SCHEDULE_H

#include <stdint.h>

struct engine;
struct due_run;
struct err;
struct run_row;
struct schedule;

int schedule_new(struct engine *g, struct err *e); /* g->schedule */
void schedule_free(struct engine *g);
/* Its coroutine, once the runs that the store has are read back. */
int schedule_start(struct engine *g, struct err *e);
/* A run of any DAG is queued, runs or has finished. -ERR_NOMEM */
int schedule_saw(struct engine *g, const struct run_row *run);
/* What a time table of Python answered: NULL, no run comes. */
void schedule_answered(struct engine *g, int64_t dag_key, const struct due_run *run);
/* How many runs of a DAG count for max_active_runs now. */
int32_t schedule_active_runs(const struct engine *g, int64_t dag_key);

#endif
