/*
 * After a commit another scheduler is made, of the store's rows alone. It must have what the living one has (where that has nothing
 * more to write), and what it does from there is judged by the oracle as any step is.
 */
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "dag_draw.h"
#include "model/dag.h"
#include "sim.h"

struct rebuilt {
    struct sched *s;
    struct follow f;
    struct sched_actions a;
    int64_t now_us;
};

static void step(struct sim *sim, struct rebuilt *b, struct sched_event *ev)
{
    ev->now_us = b->now_us;
    sched_actions_clear(&b->a);
    if (!sim->failed && follow_step(&b->f, b->s, ev, &b->a, FOLLOW_ALL) < 0) {
        sim_fail(sim, "rebuilt: %s", b->f.text);
    }
}

static void restore(struct sim *sim, struct rebuilt *b, const struct sim_run *run)
{
    struct sched_event ev = {.type = SCHED_RUN_RESTORE};
    struct ti_row *rows = sim_checked(mem_array(run->tis_len + 1, sizeof *rows));
    struct run_row row = run->row;

    for (size_t t = 0; t < run->tis_len; t++) {
        if (run->tis[t].key.run_key != 0) {
            rows[ev.run.tis_len++] = run->tis[t];
        }
    }
    ev.run.row = &row;
    ev.run.dag = run->dag;
    ev.run.tis = rows;
    step(sim, b, &ev);
    mem_free(rows);
}

/* Every instance of the living one, with its try and its attempt. */
static void compare(struct sim *sim, const struct rebuilt *b, const struct follow_run *run)
{
    for (uint32_t i = 0; i < run->len && !sim->failed; i++) {
        const struct ti_key *key = &run->at[i];
        struct ti_row row = {0};

        if (follow_counts(run, i) &&
            (sched_get_ti(b->s, key, &row) < 0 || row.state != run->states[i] ||
             row.try_number != run->tis[i].try_number ||
             uuid_cmp(&row.attempt, &run->tis[i].token) != 0)) {
            sim_fail(sim, "S9: run %lld t%u[%d] is %s, rebuilt it is %s", (long long)run->run_key,
                     key->task, key->map_index, task_state_to_string(run->states[i]),
                     task_state_to_string(row.state));
        }
    }
}

static void resources(struct sim *sim, struct rebuilt *b, struct dag *dag, uint32_t i)
{
    struct sched_event ev = {.type = SCHED_DAG};

    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        struct sched_event e = {.type = SCHED_RESOURCE};

        e.resource.name = sim_resources[r];
        e.resource.slots = e.resource.granted = sim->store.slots[r];
        e.resource.exclusive = true;
        step(sim, b, &e);
    }
    ev.dag.dag_key = ev.dag.version_key = i + 1;
    ev.dag.dag = dag;
    step(sim, b, &ev);
}

/* Some of its instances are looked at with the next tick only. */
static bool in_slices(const struct sim_scheduler *me)
{
    int64_t timer = sched_next_timer(me->s);

    return me->f.slices && timer != TIME_NONE && timer <= me->f.now_us;
}

void sim_rebuild(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sched_config config = {.seed = sim->hash,
                                  .max_map_length = DRAW_MAP_MAX,
                                  .queued_timeout_us = 600 * TIME_SECOND,
                                  .queued_retries = 2};
    struct rebuilt b = {.now_us = me->f.now_us};
    struct sched_event tick = {.type = SCHED_TICK};

    b.s = sim_checked(sched_new(&config));
    follow_init(&b.f, &config);
    resources(sim, &b, me->dag, i);
    for (size_t k = 0; k < sim->store.runs_len; k++) {
        if (sim->store.runs[k].owner == i && !run_state_finished(sim->store.runs[k].row.state)) {
            restore(sim, &b, &sim->store.runs[k]);
        }
    }
    for (size_t k = 0;
         k < me->f.runs_len && me->next.tis_len + me->next.runs_len == 0 && !in_slices(me); k++) {
        if (!run_state_finished(me->f.runs[k]->state)) {
            compare(sim, &b, me->f.runs[k]);
        }
    }
    step(sim, &b, &tick);
    sim->rebuilt++;
    sched_free(b.s);
    follow_fini(&b.f);
    sched_actions_fini(&b.a);
}
