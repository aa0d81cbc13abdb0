/* The periodic look at what the store says is unfinished: whoever should act on it may have died,
 * or its message been lost. */
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "sim.h"

#define SWEEP_US (10 * TIME_SECOND)

static void sweep_lost(struct sim *sim, uint32_t i, const struct ti_row *row)
{
    struct sched_event ev = {0};

    /* What only waits or reads is repeated; the try of anything else has failed. */
    if (row->state == TASK_QUEUED || (row->state == TASK_RUNNING && row->key.task % 3 == 0)) {
        ev.type = SCHED_LOST;
        ev.attempt.key = row->key;
        ev.attempt.token = row->attempt;
        ev.attempt.worker = row->worker;
        ev.attempt.at_us = sim->now_us;
    } else {
        ev.type = SCHED_ENDED;
        ev.ended.key = row->key;
        ev.ended.token = row->attempt;
        ev.ended.outcome = row->state == TASK_RUNNING ? SCHED_OUTCOME_FAILED : SCHED_OUTCOME_KILLED;
        ev.ended.at_us = sim->now_us;
        ev.ended.exit_code = -1;
        ev.ended.reason = "worker lost";
    }
    sim_driver_event(sim, i, &ev);
}

static void fire(struct sim *sim, uint32_t i, const struct ti_row *row)
{
    static const enum sched_outcome outcomes[] = {SCHED_OUTCOME_RESUME, SCHED_OUTCOME_RESUME,
                                                  SCHED_OUTCOME_SUCCESS, SCHED_OUTCOME_FAILED};
    struct sched_event ev = {.type = SCHED_FIRED};

    ev.ended.key = row->key;
    ev.ended.token = row->attempt;
    ev.ended.outcome = outcomes[prng_below(&sim->prng, 4)];
    ev.ended.at_us = sim->now_us;
    ev.ended.exit_code = -1;
    sim_send(sim, i, &ev);
}

/* One row that the store says is live: whoever should act on it may have died, or the message been
 * lost. */
static void sweep_row(struct sim *sim, uint32_t i, const struct ti_row *stored)
{
    struct ti_row row = *stored; /* events may grow the store */

    switch (row.state) {
    case TASK_QUEUED:
    case TASK_RUNNING:
    case TASK_RESTARTING:
        if (row.worker == 0 && row.state == TASK_QUEUED) {
            sim_offer(sim, i, &row.key, &row.attempt);
        } else if (row.worker == 0 && row.state == TASK_RESTARTING) {
            sim_self_kill(sim, i, &(struct sched_kill){row.key, row.attempt, NULL});
        } else if (!sim_worker_lives(sim, row.worker)) {
            sweep_lost(sim, i, &row);
        } else if (row.state == TASK_RESTARTING) {
            sim_kill_attempt(sim, i, &(struct sched_kill){row.key, row.attempt, NULL}, row.worker);
        }
        break;
    case TASK_DEFERRED:
        if (sim->healing || sim_chance(sim, 40)) {
            fire(sim, i, &row);
        }
        break;
    default:
        /* Ended by hand while its attempt lives: the end must still be seen. */
        if (!uuid_is_zero(&row.attempt) && task_state_finished(row.state)) {
            if (row.worker == 0 || !sim_worker_lives(sim, row.worker)) {
                sim_self_kill(sim, i, &(struct sched_kill){row.key, row.attempt, NULL});
            } else {
                sim_kill_attempt(sim, i, &(struct sched_kill){row.key, row.attempt, NULL},
                                 row.worker);
            }
        }
    }
}

void sim_sweep(struct sim *sim, uint32_t i)
{
    struct sim_store *st = &sim->store;
    size_t n = st->runs_len;

    for (size_t k = 0; k < n; k++) {
        for (size_t t = 0; st->runs[k].owner == i && t < st->runs[k].tis_len && !sim->failed; t++) {
            if (st->runs[k].tis[t].key.run_key != 0) {
                sweep_row(sim, i, &st->runs[k].tis[t]);
            }
        }
    }
    sim_take_grants(sim, i);
    sim_set_timer(sim, i); /* the clock may have jumped */
    sim_to_self(sim, i, MSG_SWEEP, SWEEP_US);
}
