/* What a driver does once a batch is durable: offers, grants of claims, kills, questions and their
 * answers. */
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_draw.h"
#include "model/dag.h"
#include "sim.h"

void sim_self_kill(struct sim *sim, uint32_t i, const struct sched_kill *kill)
{
    struct sched_event ev = {.type = SCHED_ENDED};

    ev.ended.key = kill->key;
    ev.ended.token = kill->token;
    ev.ended.outcome = SCHED_OUTCOME_KILLED;
    ev.ended.at_us = sim->now_us;
    ev.ended.exit_code = -1;
    sim_driver_event(sim, i, &ev);
}

static uint32_t worker_slot(const struct sim *sim, int64_t id)
{
    for (uint32_t w = 0; w < sim->workers_len; w++) {
        if (sim->workers[w].id == id) {
            return w;
        }
    }
    return UINT32_MAX;
}

/* To the worker that has it; an attempt that nobody claimed, or a deferred one, is withdrawn by the
 * driver itself. */
void sim_kill_attempt(struct sim *sim, uint32_t i, const struct sched_kill *kill, int64_t worker)
{
    struct sim_msg m = {.type = MSG_KILL, .to = worker_slot(sim, worker)};

    if (worker == 0 || m.to == UINT32_MAX) {
        sim_self_kill(sim, i, kill);
        return;
    }
    m.ev.attempt.key = kill->key;
    m.ev.attempt.token = kill->token;
    m.ev.attempt.worker = worker;
    sim_after(sim, 1000 + (int64_t)prng_below(&sim->prng, 20000), &m);
}

void sim_offer(struct sim *sim, uint32_t i, const struct ti_key *key, const struct uuid *token)
{
    struct sim_msg m = {.type = MSG_OFFER};

    m.to = (uint32_t)prng_below(&sim->prng, sim->workers_len);
    m.life = i;
    m.ev.attempt.key = *key;
    m.ev.attempt.token = *token;
    if (!sim_on(sim, SIM_LOSS, 15)) {
        sim_after(sim, 500 + (int64_t)prng_below(&sim->prng, 5000), &m);
    }
    if (sim_on(sim, SIM_DOUBLE, 15)) {
        m.to = (uint32_t)prng_below(&sim->prng, sim->workers_len);
        sim_after(sim, 500 + (int64_t)prng_below(&sim->prng, 50000), &m);
    }
}

void sim_answer_claim(struct sim *sim, const struct sim_claim *c, enum sim_msg_type type)
{
    struct sim_msg m = {.type = type, .to = worker_slot(sim, c->worker)};

    if (m.to == UINT32_MAX || sim_on(sim, SIM_LOSS, 15)) {
        return;
    }
    m.ev.attempt.key = c->key;
    m.ev.attempt.token = c->token;
    m.ev.attempt.worker = c->worker;
    sim_after(sim, 500 + (int64_t)prng_below(&sim->prng, 5000), &m);
}

/* The rows of the run before, as they are in the core where that holds it. */
static void give_rows(struct sim *sim, uint32_t i, struct sched_event *ev, int64_t before)
{
    const struct follow_run *live = follow_find(&sim->schedulers[i].f, before);
    struct sim_run *stored = sim_store_find(&sim->store, before);
    size_t n = live != NULL ? live->len : stored->tis_len;
    struct ti_row *rows = sim_checked(mem_array(n, sizeof *rows));

    for (size_t t = 0; t < n; t++) {
        if (live == NULL) {
            rows[t] = stored->tis[t];
        } else {
            rows[t].key = live->at[t];
            rows[t].state = live->states[t];
            rows[t].map_len = live->at[t].map_index < 0 ? live->maps[live->at[t].task].len : 0;
        }
        rows[t].key.run_key = before;
    }
    ev->answer.run_key = before;
    ev->answer.live = live != NULL;
    ev->answer.any_earlier = true;
    ev->answer.tis = rows;
    ev->answer.tis_len = n;
    sim_driver_event(sim, i, ev);
    mem_free(rows);
}

void sim_restore_run(struct sim *sim, uint32_t i, const struct sim_run *run, int64_t question)
{
    struct sched_event ev = {.type = SCHED_RUN_RESTORE};
    struct run_row row = run->row;
    struct ti_row *rows = sim_checked(mem_array(run->tis_len + 1, sizeof *rows));

    for (size_t t = 0; t < run->tis_len; t++) {
        if (run->tis[t].key.run_key != 0) {
            rows[ev.run.tis_len++] = run->tis[t];
        }
    }
    ev.run.row = &row;
    ev.run.dag = run->dag;
    ev.run.tis = rows;
    ev.run.question = question;
    sim_driver_event(sim, i, &ev);
    mem_free(rows);
}

/* A question comes back later as a message to itself, whose event tells which. */
static void ask(struct sim *sim, uint32_t i, const struct sched_question *q)
{
    struct sim_msg m = {.type = MSG_EVENT, .to = i, .life = sim->schedulers[i].life};

    if (sim_on(sim, SIM_SILENCE, 30)) {
        return;
    }
    m.ask = q->kind;
    m.task = q->task;
    m.ev.type = SCHED_ANSWER;
    m.ev.answer.question = q->question;
    m.ev.answer.run_key = q->run_key;
    sim_after(sim,
              1000 + (int64_t)prng_below(&sim->prng, sim_on(sim, SIM_LATE, 10) ? 90000000 : 50000),
              &m);
}

/* The whole run, if it is there. */
static void answer_run(struct sim *sim, uint32_t i, struct sched_event *ev)
{
    struct sim_run *run = sim_store_find(&sim->store, ev->answer.run_key);

    if (run != NULL && follow_find(&sim->schedulers[i].f, ev->answer.run_key) == NULL) {
        sim_restore_run(sim, i, run, ev->answer.question);
        return;
    }
    ev->answer.unknown = true;
    ev->answer.run_key = 0;
    sim_driver_event(sim, i, ev);
}

/* What the tries of its sources returned: the same length as long as none ran again. */
static void answer_length(struct sim *sim, uint32_t i, struct sched_event *ev, uint32_t task)
{
    struct sim_run *run = sim_store_find(&sim->store, ev->answer.run_key);
    const struct task *t = run != NULL ? &run->dag->tasks[task] : NULL;
    uint64_t x[3] = {sim->seed, (uint64_t)ev->answer.run_key, 0}, h;

    for (size_t k = 0; run != NULL && k < run->tis_len; k++) {
        for (uint32_t s = 0; s < t->map_sources_len; s++) {
            x[2] += run->tis[k].key.task == t->map_sources[s]
                        ? run->tis[k].try_number * UINT64_C(1000003) * (t->map_sources[s] + 1)
                        : 0;
        }
    }
    h = hash_bytes(x, sizeof x);
    ev->answer.run_key = 0;
    ev->answer.unknown = run == NULL;
    ev->answer.map_len = h % 16 == 0 ? DRAW_MAP_MAX + 1 : (int64_t)(h / 16 % 5);
    ev->answer.error = h % 19 == 0 ? "it is no list" : NULL;
    sim_driver_event(sim, i, ev);
}

void sim_answer(struct sim *sim, uint32_t i, const struct sim_msg *m)
{
    struct sched_event ev = m->ev;
    int64_t key = ev.answer.run_key, before = 0;
    struct sim_store *st = &sim->store;

    if (m->ask == SCHED_ASK_RUN) {
        answer_run(sim, i, &ev);
        return;
    }
    if (m->ask == SCHED_ASK_MAP) {
        answer_length(sim, i, &ev, m->task);
        return;
    }
    for (size_t k = 0; k < st->runs_len; k++) {
        if (st->runs[k].owner == i && st->runs[k].row.run_key < key &&
            st->runs[k].row.run_key > before) {
            before = st->runs[k].row.run_key;
        }
    }
    if (before != 0) {
        give_rows(sim, i, &ev, before);
        return;
    }
    ev.answer.run_key = 0;
    sim_driver_event(sim, i, &ev);
}

void sim_release(struct sim *sim, uint32_t i, struct sim_batch *b)
{
    for (size_t k = 0; k < b->dispatches_len; k++) {
        sim_offer(sim, i, &b->dispatches[k].key, &b->dispatches[k].token);
    }
    for (size_t k = 0; k < b->claims_len; k++) {
        sim_answer_claim(sim, &b->claims[k], MSG_GRANTED);
    }
    for (size_t k = 0; k < b->kills_len; k++) {
        const struct ti_row *row = sim_store_ti(&sim->store, &b->kills[k].key);

        sim_kill_attempt(sim, i, &b->kills[k], row != NULL ? row->worker : 0);
    }
    for (size_t k = 0; k < b->questions_len; k++) {
        ask(sim, i, &b->questions[k]);
    }
}
