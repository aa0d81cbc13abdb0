/* One seed from its beginning to its end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "sim.h"

#define START_US    (INT64_C(1700000000) * TIME_SECOND)
#define SAFETY_US   (INT64_C(6) * 3600 * TIME_SECOND)
#define HEAL_MAX_US (INT64_C(30) * 86400 * TIME_SECOND)
#define HEAL_STEPS  400000
#define STILL_MAX   2000                 /* messages at one moment */
#define QUIET_US    (1200 * TIME_SECOND) /* more than clocks are apart */

void *sim_checked(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

const char *sim_keep(struct sim *sim, const char *reason)
{
    size_t n = reason != NULL ? strlen(reason) : 0;
    char *copy = reason != NULL ? map_find(&sim->reasons, reason, n) : NULL;

    if (reason == NULL || copy != NULL) {
        return copy;
    }
    copy = sim_checked(arena_strdup(&sim->arena, reason));
    if (map_add(&sim->reasons, copy, n, copy, NULL) < 0) {
        sim_checked(NULL);
    }
    return copy;
}

void sim_fail(struct sim *sim, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (sim->failed) {
        return; /* the first one counts */
    }
    sim->failed = true;
    n = snprintf(sim->text, sizeof sim->text,
                 "seed %llu, step %llu, +%.6f s%s: ", (unsigned long long)sim->seed,
                 (unsigned long long)sim->steps, (double)(sim->now_us - START_US) / 1e6,
                 sim->healing ? " (healing)" : "");
    va_start(ap, fmt);
    vsnprintf(sim->text + n, sizeof sim->text - (size_t)n, fmt, ap);
    va_end(ap);
}

void sim_note(struct sim *sim, const char *fmt, ...)
{
    va_list ap;

    if (!sim->trace) {
        return;
    }
    printf("%12.6f ", (double)(sim->now_us - START_US) / 1e6);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

static void deliver(struct sim *sim, struct sim_msg *m)
{
    sim->still = m->at_us > sim->now_us ? 0 : sim->still + 1;
    sim->now_us = m->at_us;
    if (sim->still > STILL_MAX) {
        sim_fail(sim, "L3: time stands still: the last message is of type %d to %u", m->type,
                 m->to);
    }
    if (m->type == MSG_CHAOS) {
        sim_chaos(sim);
    } else if (m->type >= MSG_OFFER) {
        sim_worker_msg(sim, m);
    } else {
        sim_driver_msg(sim, m);
    }
}

static bool turn(struct sim *sim)
{
    struct sim_msg m;

    if (sim->failed || !sim_queue_pop(&sim->queue, &m)) {
        return false;
    }
    deliver(sim, &m);
    return !sim->failed;
}

static bool all_ended(const struct sim *sim)
{
    for (size_t k = 0; k < sim->store.runs_len; k++) {
        if (!run_state_finished(sim->store.runs[k].row.state)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < sim->schedulers_len; i++) {
        const struct sim_scheduler *me = &sim->schedulers[i];

        if (me->s == NULL || me->commit != COMMIT_IDLE) {
            return false;
        }
        for (size_t k = 0; k < me->f.runs_len; k++) {
            if (!run_state_finished(me->f.runs[k]->state)) {
                return false;
            }
        }
    }
    return true;
}

/* Says who is stuck: the first run that has not ended, and its instances that are not at rest. */
static void fail_stuck(struct sim *sim, const char *what)
{
    char text[400] = "";
    size_t n = 0;

    for (size_t k = 0; k < sim->store.runs_len; k++) {
        const struct sim_run *run = &sim->store.runs[k];

        for (size_t t = 0; !run_state_finished(run->row.state) && t < run->tis_len; t++) {
            if (!task_state_finished(run->tis[t].state) && n < sizeof text - 60) {
                n += (size_t)snprintf(text + n, sizeof text - n, " run %lld (%s) t%u[%d] %s;",
                                      (long long)run->row.run_key,
                                      run_state_to_string(run->row.state), run->tis[t].key.task,
                                      run->tis[t].key.map_index,
                                      task_state_to_string(run->tis[t].state));
            }
        }
    }
    sim_fail(sim, "%s:%s", what, text);
}

/* Runs that wait for an earlier one that failed would wait for a person: here, to stop them, then
 * to mark what is left (a teardown that waits for the past outlives the stop). */
static void stop_run(struct sim *sim, uint32_t i, const struct follow_run *run)
{
    struct sched_event ev = {.type = SCHED_RUN_STOP};
    uint32_t task;

    for (uint32_t t = 0; run->by_hand && t < run->len; t++) {
        if (follow_counts(run, t) && !task_state_finished(run->states[t]) &&
            !follow_past_ok(&sim->schedulers[i].f, run, t)) {
            task = run->at[t].task;
            ev.type = SCHED_MARK;
            ev.command.tasks = &task;
            ev.command.tasks_len = 1;
            ev.command.state = TASK_FAILED;
        }
    }
    ev.command.command = ++sim->commands;
    ev.command.run_key = run->run_key;
    sim_driver_event(sim, i, &ev);
}

static void stop_held(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->schedulers_len; i++) {
        struct sim_scheduler *me = &sim->schedulers[i];

        for (size_t k = 0; me->s != NULL && k < me->f.runs_len; k++) {
            const struct follow_run *run = me->f.runs[k];

            if (!run_state_finished(run->state) && follow_held_by_past(&me->f, run)) {
                stop_run(sim, i, run);
            }
        }
    }
}

/* L1: without faults every run ends within the bound. L3: then nothing wakes anybody. */
static void heal(struct sim *sim)
{
    int64_t until = sim->now_us + HEAL_MAX_US;
    uint64_t steps_max = sim->steps + HEAL_STEPS, turns = 0;
    struct sched_event tick = {.type = SCHED_TICK};

    sim->healing = true;
    sim_note(sim, "healing");
    while (!all_ended(sim)) {
        if (!turn(sim)) {
            return;
        }
        if (++turns % 64 == 0) {
            stop_held(sim);
        }
        if (sim->now_us > until || sim->steps > steps_max) {
            fail_stuck(sim, "L1: runs do not end");
            return;
        }
    }
    until = sim->now_us + QUIET_US;
    while (sim->now_us < until && turn(sim)) {
    }
    for (uint32_t i = 0; i < sim->schedulers_len && !sim->failed; i++) {
        sim->schedulers[i].steps = 0; /* the next step looks at everything */
        sim_driver_event(sim, i, &tick);
        if (!sim->failed && sched_next_timer(sim->schedulers[i].s) != TIME_NONE) {
            sim_fail(sim, "L3: all is done, and scheduler %u has a timer", i);
        }
    }
    if (!sim->failed && !all_ended(sim)) {
        fail_stuck(sim, "S3: a run goes on after its end");
    }
}

void sim_run(const struct sim_options *options, struct sim_result *ret)
{
    struct sim *sim = sim_checked(mem_zalloc(sizeof *sim));

    sim->seed = options->seed;
    sim->trace = options->trace;
    sim->steps_max = options->steps;
    sim->now_us = START_US;
    arena_init(&sim->arena, MiB(64));
    map_init(&sim->reasons);
    prng_seed(&sim->prng, options->seed);
    sim_workload_start(sim);
    while (sim->steps < sim->steps_max && sim->now_us < START_US + SAFETY_US && turn(sim)) {
    }
    heal(sim);
    memset(ret, 0, sizeof *ret);
    ret->failed = sim->failed;
    memcpy(ret->text, sim->text, sizeof ret->text);
    ret->hash = sim->hash;
    ret->steps = sim->steps;
    ret->commits = sim->store.commits;
    ret->starts = sim->starts;
    ret->crashes = sim->crashes;
    ret->deaths = sim->deaths;
    ret->rebuilt = sim->rebuilt;
    ret->mapped = sim->mapped;
    for (uint32_t i = 0; i < sim->schedulers_len; i++) {
        struct sim_scheduler *me = &sim->schedulers[i];

        sched_free(me->s);
        follow_fini(&me->f);
        sim_batch_fini(&me->sent);
        sim_batch_fini(&me->next);
        dag_unref(me->dag);
    }
    sim_store_fini(&sim->store);
    map_fini(&sim->reasons);
    arena_fini(&sim->arena);
    sim_queue_fini(&sim->queue);
    mem_free(sim->processes);
    mem_free(sim);
}
