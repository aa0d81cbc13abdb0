/*
 * What is late: deadlines of runs, and runs and tasks that take longer than they used to. Within the engine.
 *
 * A live run of a DAG that has deadlines, or that a rule of run_slow or task_slow is for, is watched. When it is first seen a coroutine reads
 * what is known (deadlines that an earlier engine wrote, how long runs and tasks took), writes the deadlines, and sets the run's moments;
 * the earliest moment of all runs is one timer. Nothing is looked through as time goes by: an end takes its own moments away.
 *
 * Invariants
 *  1. A deadline's moment is durable before it can be missed, and stays as it is; of runs that come back it is read, not computed again.
 *  2. That it was missed is written once, in the commit that holds its alerts. Its callback is started after that; `told` is written when it
 *     was. Killed in between, the next engine starts it (at least once).
 *     A run that ends after a deadline has missed it in the commit of its end: nobody looks at it again.
 *  3. task_slow and run_slow are told once by an engine; a try that is still slow when the next engine begins is told by that one, too.
 */
#ifndef TW_ENGINE_LATE_H
#define TW_ENGINE_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dag;
struct engine;
struct err;
struct run_row;
struct ti_row;
struct transition_row;

int late_new(struct engine *g, unsigned on, struct err *e); /* g->late; on: as late_set_rules */
void late_set_rules(struct engine *g,
                    unsigned on); /* kinds (bits) that rules of the configuration name */
int late_start(struct engine *g, struct err *e); /* its coroutine */
void late_free(struct engine *g);
/* A row of a run: true when it says that the run has just ended. */
bool late_saw_run(struct engine *g, const struct run_row *run, const struct dag *d);
/* Before the engine's loop runs: a run that goes on, with its instances. */
int late_restored(struct engine *g, const struct run_row *run, const struct dag *d,
                  const struct ti_row *tis, size_t n);
/* Whether a transition can matter to it; then it is to be seen. */
bool late_wants(const struct engine *g, const struct transition_row *t);
void late_saw_task(struct engine *g, const struct transition_row *t);

#endif
