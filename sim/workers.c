/*
 * Workers: an attempt at a worker goes
 *
 *   CLAIMING --(its claim is durable)--> RUNNING --(the process ends)--> REPORTING
 * --(acknowledged)--> GONE CLAIMING --(refused, or taken by another)--> GONE CLAIMING, RUNNING
 * --(kill)--> REPORTING (killed) any --(the worker dies)--> GONE
 *
 *   S1 (in the world, not in the books): at most one process of an instance lives at any time.
 *   A worker repeats itself until the store shows that what it says is known, or is of no interest
 * any more.
 */
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "sim.h"

#define RESEND_US (5 * TIME_SECOND)

bool sim_worker_lives(const struct sim *sim, int64_t id)
{
    for (uint32_t w = 0; w < sim->workers_len; w++) {
        if (sim->workers[w].id == id) {
            return true;
        }
    }
    return false;
}

static struct sim_process *find(struct sim *sim, uint32_t w, const struct uuid *token)
{
    for (size_t k = sim->processes_len; k-- > 0;) {
        struct sim_process *p = &sim->processes[k];

        if (p->worker == w && p->worker_id == sim->workers[w].id &&
            uuid_cmp(&p->token, token) == 0) {
            return p;
        }
    }
    return NULL;
}

static void later(struct sim *sim, const struct sim_process *p, enum sim_msg_type type,
                  int64_t delay_us)
{
    struct sim_msg m = {.type = type, .to = p->worker};

    m.process = (size_t)(p - sim->processes);
    sim_after(sim, delay_us, &m);
}

static void say(struct sim *sim, const struct sim_process *p, enum sched_event_type type)
{
    struct sched_event ev = {.type = type};

    ev.attempt.key = p->key;
    ev.attempt.token = p->token;
    ev.attempt.worker = p->worker_id;
    ev.attempt.at_us = sim->now_us;
    sim_send(sim, p->owner, &ev);
}

static void report(struct sim *sim, struct sim_process *p)
{
    p->phase = PROC_REPORTING;
    if (p->report.type == SCHED_ENDED) {
        p->report.ended.skip = p->skip; /* the process may have moved */
    }
    sim_send(sim, p->owner, &p->report);
}

static struct sim_process *new_process(struct sim *sim, uint32_t w, const struct sim_msg *m)
{
    struct sim_process p = {.worker = w, .worker_id = sim->workers[w].id};

    p.key = m->ev.attempt.key;
    p.token = m->ev.attempt.token;
    p.owner = sim_store_find(&sim->store, p.key.run_key)->owner;
    if (VEC_PUSH(sim->processes, sim->processes_len, sim->processes_cap, p) < 0) {
        sim_checked(NULL);
    }
    later(sim, &sim->processes[sim->processes_len - 1], MSG_RESEND, RESEND_US);
    return &sim->processes[sim->processes_len - 1];
}

static void killed(struct sim *sim, struct sim_process *p)
{
    memset(&p->report, 0, sizeof p->report);
    p->report.type = SCHED_ENDED;
    p->report.ended.key = p->key;
    p->report.ended.token = p->token;
    p->report.ended.outcome = SCHED_OUTCOME_KILLED;
    p->report.ended.at_us = sim->now_us;
    p->report.ended.exit_code = -1;
    report(sim, p);
}

static void start(struct sim *sim, struct sim_process *p)
{
    const struct ti_row *row = sim_store_ti(&sim->store, &p->key);

    for (size_t k = 0; k < sim->processes_len; k++) {
        const struct sim_process *other = &sim->processes[k];

        if (other != p && other->phase == PROC_RUNNING && other->key.run_key == p->key.run_key &&
            other->key.task == p->key.task && other->key.map_index == p->key.map_index) {
            sim_fail(sim, "S1: run %lld t%u[%d] runs twice at once", (long long)p->key.run_key,
                     p->key.task, p->key.map_index);
        }
    }
    if (row == NULL || row->worker == 0) {
        sim_fail(sim, "S1: run %lld t%u starts without a durable claim", (long long)p->key.run_key,
                 p->key.task);
    }
    sim_note(sim, "worker %u starts run %lld t%u[%d]", p->worker, (long long)p->key.run_key,
             p->key.task, p->key.map_index);
    sim->starts++;
    p->phase = PROC_RUNNING;
    say(sim, p, SCHED_STARTED);
    later(sim, p, MSG_PROCESS, 10000 + (int64_t)prng_below(&sim->prng, 40000000));
}

static void draw_skips(struct sim *sim, struct sim_process *p)
{
    const struct dag *d = sim->schedulers[p->owner].dag;
    uint32_t t = p->key.task;

    if (!(sim->features & SIM_SKIPPING) || !sim_chance(sim, 15)) {
        return;
    }
    for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
        if (p->report.ended.skip_len < SIM_SKIPS && sim_chance(sim, 50)) {
            p->skip[p->report.ended.skip_len++] = d->down[k];
        }
    }
}

/* The process is over, in one way or another. */
static void process_ends(struct sim *sim, struct sim_process *p)
{
    uint64_t x = prng_below(&sim->prng, 100);

    memset(&p->report, 0, sizeof p->report);
    if (sim->features & SIM_DEFERS && x < 20) {
        p->report.type = x < 10 ? SCHED_DEFERRED : SCHED_RESCHEDULE;
        p->report.attempt.key = p->key;
        p->report.attempt.token = p->token;
        p->report.attempt.worker = p->worker_id;
        p->report.attempt.at_us =
            x < 5 ? TIME_NONE : sim->now_us + (int64_t)prng_below(&sim->prng, 300000000);
    } else {
        p->report.type = SCHED_ENDED;
        p->report.ended.key = p->key;
        p->report.ended.token = p->token;
        p->report.ended.at_us = sim->now_us;
        p->report.ended.outcome = x < 80   ? SCHED_OUTCOME_SUCCESS
                                  : x < 92 ? SCHED_OUTCOME_FAILED
                                  : x < 95 ? SCHED_OUTCOME_FAILED_NO_RETRY
                                           : SCHED_OUTCOME_SKIPPED;
        p->report.ended.exit_code = x < 80 ? 0 : 1;
        if (x < 80) {
            draw_skips(sim, p);
        }
    }
    report(sim, p);
}

/* What the store shows decides whether there is anything left to say. */
static void resend(struct sim *sim, struct sim_process *p)
{
    const struct ti_row *row = sim_store_ti(&sim->store, &p->key);
    bool mine = row != NULL && uuid_cmp(&row->attempt, &p->token) == 0;

    switch (p->phase) {
    case PROC_CLAIMING:
        if (!mine || (row->worker != 0 && row->worker != p->worker_id)) {
            p->phase = PROC_GONE;
            return;
        }
        say(sim, p, SCHED_CLAIM);
        break;
    case PROC_RUNNING:
        if (!mine) { /* nobody waits for it: an orphan is ended */
            killed(sim, p);
        } else if (row->state == TASK_QUEUED) {
            say(sim, p, SCHED_STARTED);
        }
        break;
    case PROC_REPORTING:
        if (!mine || row->state == TASK_SCHEDULED || row->state == TASK_UP_FOR_RESCHEDULE ||
            (row->state == TASK_DEFERRED && p->report.type == SCHED_DEFERRED)) {
            p->phase = PROC_GONE;
            return;
        }
        if (row->state == TASK_QUEUED) {
            say(sim, p, SCHED_STARTED);
        }
        report(sim, p);
        break;
    case PROC_GONE:
        return;
    }
    later(sim, p, MSG_RESEND, RESEND_US);
}

static void offered(struct sim *sim, uint32_t w, const struct sim_msg *m)
{
    struct sim_process *p = find(sim, w, &m->ev.attempt.token);

    if (p == NULL) {
        p = new_process(sim, w, m);
        p->phase = PROC_CLAIMING;
        say(sim, p, SCHED_CLAIM);
    }
}

static void kill(struct sim *sim, uint32_t w, const struct sim_msg *m)
{
    struct sim_process *p = find(sim, w, &m->ev.attempt.token);

    if (p == NULL) { /* never heard of: it will never start */
        p = new_process(sim, w, m);
        p->phase = PROC_CLAIMING;
    }
    if (p->phase == PROC_GONE) { /* it was acknowledged in another sense: say it again */
        later(sim, p, MSG_RESEND, RESEND_US);
    }
    if (p->phase != PROC_REPORTING) {
        killed(sim, p);
    }
}

void sim_worker_msg(struct sim *sim, struct sim_msg *m)
{
    struct sim_process *p;

    if (m->type == MSG_PROCESS || m->type == MSG_RESEND) {
        p = &sim->processes[m->process];
        if (m->type == MSG_RESEND) {
            resend(sim, p);
        } else if (p->phase == PROC_RUNNING) {
            process_ends(sim, p);
        }
        return;
    }
    if (sim->workers[m->to].id == 0 ||
        (m->ev.attempt.worker != 0 && m->ev.attempt.worker != sim->workers[m->to].id)) {
        return;
    }
    p = find(sim, m->to, &m->ev.attempt.token);
    switch (m->type) {
    case MSG_OFFER:
        offered(sim, m->to, m);
        break;
    case MSG_GRANTED:
        if (p != NULL && p->phase == PROC_CLAIMING) {
            start(sim, p);
        }
        break;
    case MSG_REFUSED:
        if (p != NULL && p->phase == PROC_CLAIMING) {
            p->phase = PROC_GONE;
        }
        break;
    default:
        kill(sim, m->to, m);
    }
}

void sim_worker_die(struct sim *sim, uint32_t w)
{
    sim_note(sim, "worker %u dies", w);
    sim->deaths++;
    for (size_t k = 0; k < sim->processes_len; k++) {
        if (sim->processes[k].worker == w) {
            sim->processes[k].phase = PROC_GONE;
        }
    }
    sim->workers[w].id = ++sim->worker_ids;
}
