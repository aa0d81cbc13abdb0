/*
 * The oracle: what Airflow's rules say of one run, computed anew from the DAG and the states of all
 * instances, without counters, queues or memory. It is slow and plain on purpose: the scheduler is
 * compared with it. Of the DAG it reads tasks, flags and edges only, never what the model
 * precomputed (setups, scope).
 */
#ifndef TW_TEST_SCHED_ORACLE_H
#define TW_TEST_SCHED_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/dag.h"
#include "model/states.h"

enum oracle_verdict {
    ORACLE_WAIT,
    ORACLE_RUN,
    ORACLE_SKIPPED,
    ORACLE_UPSTREAM_FAILED,
};

/* What the trigger rule (with setups and scope) says of a task in state none. states: one per task.
 */
enum oracle_verdict oracle_verdict(const struct dag *d, const uint8_t *states, uint32_t task);
const char *oracle_verdict_to_string(enum oracle_verdict v);

/* The state that a run must have that was not ended by hand or by a timeout: RUN_RUNNING,
 * RUN_SUCCESS or RUN_FAILED. */
enum run_state oracle_run_state(const struct dag *d, const uint8_t *states);
/* Unfinished, and nothing will ever happen any more by itself. */
bool oracle_deadlocked(const struct dag *d, const uint8_t *states);

/* Whether the states table has this edge at all (invariant S2). */
bool oracle_edge(uint8_t from, uint8_t to);

/* Sets: mark has a byte per task. */
enum oracle_direction { ORACLE_UP, ORACLE_DOWN };
void oracle_relatives(const struct dag *d, uint32_t task, enum oracle_direction dir, uint8_t *mark);
void oracle_setups(const struct dag *d, uint32_t task,
                   uint8_t *mark); /* relevant setups above it; none of a teardown */
void oracle_scope(const struct dag *d, uint32_t task,
                  uint8_t *mark); /* between a teardown and its setups */

#endif
