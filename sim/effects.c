/* What a driver does once a batch is durable: offers, grants of claims, kills, questions and their
 * answers. */
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
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

static void give_rows(struct sim *sim, uint32_t i, struct sched_event *ev, int64_t before)
{
    const struct follow_run *live = follow_find(&sim->schedulers[i].f, before);
    struct sim_run *stored = sim_store_find(&sim->store, before);
    uint32_t n = sim->schedulers[i].dag->tasks_len;
    struct ti_row *rows = sim_checked(mem_array(n, sizeof *rows));

    for (uint32_t t = 0; t < n; t++) {
        rows[t] = stored != NULL ? stored->tis[t] : (struct ti_row){0};
        rows[t].key = (struct ti_key){before, t, -1};
        if (live != NULL) {
            rows[t].state = live->states[t];
        }
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
    uint32_t n = run->dag->tasks_len;
    struct ti_row *rows = sim_checked(mem_array(n + 1, sizeof *rows));

    for (uint32_t t = 0; t < n; t++) {
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
    m.ev.type = SCHED_ANSWER;
    m.ev.answer.question = q->question;
    m.ev.answer.run_key = q->run_key;
    m.ev.answer.live = q->kind == SCHED_ASK_RUN;
    sim_after(sim,
              1000 + (int64_t)prng_below(&sim->prng, sim_on(sim, SIM_LATE, 10) ? 90000000 : 50000),
              &m);
}

void sim_answer(struct sim *sim, uint32_t i, struct sched_event *ev)
{
    int64_t key = ev->answer.run_key, before = 0;
    struct sim_store *st = &sim->store;

    if (ev->answer.live) { /* SCHED_ASK_RUN */
        struct sim_run *run = sim_store_find(st, key);

        if (run != NULL && follow_find(&sim->schedulers[i].f, key) == NULL) {
            sim_restore_run(sim, i, run, ev->answer.question);
            return;
        }
        ev->answer.live = false;
        ev->answer.unknown = true;
        ev->answer.run_key = 0;
        sim_driver_event(sim, i, ev);
        return;
    }
    for (size_t k = 0; k < st->runs_len; k++) {
        if (st->runs[k].owner == i && st->runs[k].row.run_key < key &&
            st->runs[k].row.run_key > before) {
            before = st->runs[k].row.run_key;
        }
    }
    if (before != 0) {
        give_rows(sim, i, ev, before);
        return;
    }
    ev->answer.run_key = 0;
    sim_driver_event(sim, i, ev);
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
