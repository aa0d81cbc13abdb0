/* The workload and the faults: one deed after another, drawn from the seed. Which kinds happen at
 * all is the seed's swarm. */
#include "base/time.h"
#include "dag_draw.h"
#include "model/dag.h"
#include "sim.h"

/* Enough runs for the length of the simulation. */
#define RUNS_MIN      12
#define STEPS_PER_RUN 60

bool sim_chance(struct sim *sim, uint32_t percent)
{
    return prng_below(&sim->prng, 100) < percent;
}

bool sim_on(struct sim *sim, unsigned feature, uint32_t percent)
{
    return !sim->healing && (sim->features & feature) != 0 && sim_chance(sim, percent);
}

void sim_after(struct sim *sim, int64_t delay_us, struct sim_msg *m)
{
    m->at_us = sim->now_us + delay_us;
    sim_queue_push(&sim->queue, m);
}

static void create_run(struct sim *sim)
{
    uint32_t i = (uint32_t)prng_below(&sim->prng, sim->schedulers_len);
    struct sched_event ev = {.type = SCHED_RUN_CREATE};
    struct run_row row = {.run_key = ++sim->run_keys,
                          .dag_key = i + 1,
                          .version_key = i + 1,
                          .run_id = "r",
                          .state = RUN_QUEUED,
                          .type = RUN_TYPE_SCHEDULED,
                          .start_us = TIME_NONE,
                          .end_us = TIME_NONE};

    row.logical_date_us = row.run_after_us = row.queued_us = sim->now_us;
    row.data_interval_start_us = row.data_interval_end_us = sim->now_us;
    ev.run.row = &row;
    ev.run.dag = sim->schedulers[i].dag;
    sim_driver_event(sim, i, &ev);
}

static void command(struct sim *sim, enum sched_event_type type)
{
    static const uint8_t marks[] = {TASK_SUCCESS, TASK_FAILED, TASK_SKIPPED};
    struct sched_event ev = {.type = type};
    const struct sim_run *run;
    uint32_t tasks[4];
    int32_t indexes[4];

    if (sim->store.runs_len == 0) {
        return;
    }
    run = &sim->store.runs[prng_below(&sim->prng, sim->store.runs_len)];
    ev.command.command = ++sim->commands;
    ev.command.run_key = run->row.run_key;
    ev.command.tasks = tasks;
    ev.command.tasks_len = 1 + prng_below(&sim->prng, 4);
    ev.command.state = marks[prng_below(&sim->prng, 3)];
    ev.command.map_indexes = sim_chance(sim, 70) ? indexes : NULL;
    for (size_t k = 0; k < ev.command.tasks_len; k++) {
        const struct ti_key *key = &run->tis[prng_below(&sim->prng, run->tis_len)].key;
        int32_t len = run->tis[key->task].map_len;

        tasks[k] = key->task;
        indexes[k] = key->map_index < len ? key->map_index : -1;
    }
    sim_driver_event(sim, run->owner, &ev);
}

/* A finished run leaves the core once its end is durable. */
static void forget(struct sim *sim)
{
    const struct sim_run *run;
    struct sim_scheduler *me;

    if (sim->store.runs_len == 0) {
        return;
    }
    run = &sim->store.runs[prng_below(&sim->prng, sim->store.runs_len)];
    me = &sim->schedulers[run->owner];
    if (me->s == NULL || me->commit != COMMIT_IDLE || !run_state_finished(run->row.state) ||
        follow_find(&me->f, run->row.run_key) == NULL) {
        return;
    }
    if (sched_forget_run(me->s, run->row.run_key) == 0) {
        sim_note(sim, "scheduler %u forgets run %lld", run->owner, (long long)run->row.run_key);
        follow_drop(&me->f, run->row.run_key);
    }
}

static void jump(struct sim *sim)
{
    uint32_t i = (uint32_t)prng_below(&sim->prng, sim->schedulers_len);

    sim->schedulers[i].skew_us = ((int64_t)prng_below(&sim->prng, 600) - 300) * TIME_SECOND;
    sim_note(sim, "clock of scheduler %u: %lld us off", i, (long long)sim->schedulers[i].skew_us);
}

static void deed(struct sim *sim)
{
    uint32_t w = (uint32_t)prng_below(&sim->prng, sim->workers_len);
    uint32_t i = (uint32_t)prng_below(&sim->prng, sim->schedulers_len);

    switch (prng_below(&sim->prng, 8)) {
    case 0:
    case 1:
        if (sim->run_keys < sim->runs_max) {
            create_run(sim);
        }
        break;
    case 2:
        if (sim_on(sim, SIM_CLEARS, 60)) {
            command(sim, SCHED_CLEAR);
        }
        break;
    case 3:
        if (sim_on(sim, SIM_MARKS, 60)) {
            command(sim, SCHED_MARK);
        }
        break;
    case 4:
        if (sim_on(sim, SIM_STOPS, 10)) {
            command(sim, SCHED_RUN_STOP);
        } else if (sim_on(sim, SIM_FORGETS, 100)) {
            forget(sim);
        }
        break;
    case 5:
        if (sim_on(sim, SIM_DEATHS, 40)) {
            sim_worker_die(sim, w);
        }
        break;
    case 6:
        if (sim_on(sim, SIM_CRASHES, 40)) {
            sim_driver_crash(sim, i);
        }
        break;
    default:
        if (sim_on(sim, SIM_CLOCKS, 60)) {
            jump(sim);
        }
    }
}

void sim_chaos(struct sim *sim)
{
    struct sim_msg m = {.type = MSG_CHAOS};

    if (sim->healing) {
        return;
    }
    deed(sim);
    sim_after(sim, (int64_t)prng_below(&sim->prng, 20000000), &m);
}

void sim_workload_start(struct sim *sim)
{
    struct sim_msg m = {.type = MSG_CHAOS};
    uint32_t tasks;

    sim->runs_max = RUNS_MIN + (int64_t)(sim->steps_max / STEPS_PER_RUN);
    sim->features = (unsigned)prng_below(&sim->prng, SIM_FEATURES + 1);
    sim->dag_features = (unsigned)prng_below(&sim->prng, DRAW_FEATURES + 1);
    sim->schedulers_len = 1 + (uint32_t)prng_below(&sim->prng, SIM_SCHEDULERS);
    sim->workers_len = 1 + (uint32_t)prng_below(&sim->prng, SIM_WORKERS);
    for (uint32_t w = 0; w < sim->workers_len; w++) {
        sim->workers[w].id = ++sim->worker_ids;
    }
    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        sim->store.slots[r] = 3 + (int32_t)prng_below(&sim->prng, r == 0 ? 20 : 10);
    }
    for (uint32_t i = 0; i < sim->schedulers_len; i++) {
        tasks = 1 + (uint32_t)prng_below(&sim->prng, SIM_TASKS_MAX);
        sim->schedulers[i].dag = dag_draw(&sim->prng, tasks, sim->dag_features);
        sim_driver_start(sim, i);
    }
    create_run(sim);
    sim_after(sim, 0, &m);
}
