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

/*
 * A run: a state for each slot. Slot t is task t, or, of a mapped task, what it is before it is expanded; the slots of its
 * instances are listed in maps[t]. Where that has any, slot t itself is no instance and is not looked at.
 */
struct oracle_map {
    int32_t len; /* instances that count; 0 = not expanded */
    uint32_t *slots;
    bool empty; /* its length is known to be 0 */
};
struct oracle_run {
    const struct dag *dag;
    const uint8_t *states;
    const struct oracle_map *maps; /* one per task */
};

/*
 * What the trigger rule (with setups and scope) says of an instance in state none; index -1: of a task that is not mapped.
 * Of a mapped task that is not expanded (index -1) RUN means: its length is due. A mapped group is expanded before the rules
 * of its tasks are looked at; where there is nothing to expand to they are.
 */
enum oracle_verdict oracle_verdict(const struct oracle_run *r, uint32_t task, int32_t index);
/* What a mapped task is mapped over: RUN = all of it has ended well; SKIPPED, UPSTREAM_FAILED: there will be no length. */
enum oracle_verdict oracle_sources(const struct oracle_run *r, uint32_t task);
const char *oracle_verdict_to_string(enum oracle_verdict v);
bool oracle_same_group(const struct dag *d, uint32_t a, uint32_t b);
/* Of all instances of a task: failed before upstream_failed; skipped when all are; none while one has not ended. */
uint8_t oracle_task_state(const struct oracle_run *r, uint32_t task);

/* The state that a run must have that was not ended by hand or by a timeout: RUN_RUNNING,
 * RUN_SUCCESS or RUN_FAILED. */
enum run_state oracle_run_state(const struct oracle_run *r);
/* Unfinished, and nothing will ever happen any more by itself. */
bool oracle_deadlocked(const struct oracle_run *r);

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
