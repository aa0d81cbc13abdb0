/*
 * The engine's order of things, as in sched.h: feed events; collect the actions of any number of
 * steps; commit them; only then act.
 *
 *   IDLE --(something to write)--> SENT --(applied, answered)--> IDLE: effects are released
 *                                  SENT --(no answer)----------> SENT: the same seq again
 *                                  SENT --(full)---------------> SENT: the core is told; again
 * later any  --(crash)---------------> dead: the batch may or may not reach the store; a restart
 * takes a new epoch
 *
 *   1. What is in `next` or `sent` has had no effect outside.
 *   2. A message of an earlier life reaches nobody.
 *   3. granted (as told to the core) = granted in the store - what the core gave back and is not
 * yet written.
 */
#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_draw.h"
#include "model/dag.h"
#include "sim.h"

#define COMMIT_US 3000

const char *const sim_resources[SIM_RESOURCES] = {"parallelism", "default_pool", "pool_a",
                                                  "pool_b"};

static const struct sched_config base_config = {.queued_timeout_us = 600 * TIME_SECOND,
                                                .queued_retries = 2,
                                                .question_timeout_us = 60 * TIME_SECOND,
                                                .max_map_length = DRAW_MAP_MAX};

static void event(struct sim *sim, uint32_t i, struct sched_event *ev);

static int64_t wall(const struct sim *sim, uint32_t i)
{
    return sim->now_us + sim->schedulers[i].skew_us;
}

void sim_to_self(struct sim *sim, uint32_t i, enum sim_msg_type type, int64_t delay_us)
{
    struct sim_msg m = {.type = type, .to = i, .life = sim->schedulers[i].life};

    sim_after(sim, delay_us, &m);
}

/* ---- grants ---- */

static void tell_granted(struct sim *sim, uint32_t i, size_t r)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sched_event ev = {.type = SCHED_RESOURCE};

    ev.resource.name = sim_resources[r];
    ev.resource.slots = sim->store.slots[r];
    ev.resource.exclusive = sim->schedulers_len == 1;
    ev.resource.granted = ev.resource.exclusive
                              ? ev.resource.slots
                              : sim->store.grants[r][i] - me->next.gives[r] - me->sent.gives[r];
    event(sim, i, &ev);
}

/* The conditional update: as much of what is wanted as is free. */
void sim_take_grants(struct sim *sim, uint32_t i)
{
    struct sim_store *st = &sim->store;

    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        int32_t free_slots = st->slots[r], n = sim->schedulers[i].wanted[r];

        for (uint32_t k = 0; k < sim->schedulers_len; k++) {
            free_slots -= st->grants[r][k];
        }
        n = n > free_slots ? free_slots : n;
        if (n > 0) {
            st->grants[r][i] += n;
            sim->schedulers[i].wanted[r] -= n;
            sim_note(sim, "scheduler %u: granted %d of %s", i, n, sim_resources[r]);
            tell_granted(sim, i, r);
        }
    }
}

static void take_wants(struct sim_batch *b, const struct sched_grant *g)
{
    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        if (strcmp(g->resource, sim_resources[r]) == 0) {
            b->wants[r] += g->n > 0 ? g->n : 0;
            b->gives[r] += g->n < 0 ? -g->n : 0;
        }
    }
}

/* ---- commits ---- */

#define APPEND(b, a, name)                                                              \
    for (size_t k_ = 0; k_ < (a)->name##_len; k_++) {                                   \
        if (VEC_PUSH((b)->name, (b)->name##_len, (b)->name##_cap, (a)->name[k_]) < 0) { \
            sim_checked(NULL);                                                          \
        }                                                                               \
    }

static bool nothing(const struct sim_batch *b)
{
    int32_t grants = 0;

    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        grants += b->wants[r] + b->gives[r];
    }
    return grants == 0 && b->tis_len + b->runs_len + b->transitions_len + b->dispatches_len +
                                  b->kills_len + b->questions_len + b->claims_len ==
                              0;
}

static void send_commit(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sim_batch empty = me->sent;

    if (me->s == NULL || me->commit == COMMIT_SENT || nothing(&me->next)) {
        return;
    }
    me->sent = me->next;
    me->next = empty;
    sim_batch_clear(&me->next);
    me->sent.seq = ++me->seq;
    me->sent.epoch = sim->store.epoch[i];
    me->commit = COMMIT_SENT;
    sim_to_self(sim, i, MSG_APPLY,
                COMMIT_US +
                    (int64_t)prng_below(&sim->prng, sim_on(sim, SIM_LATE, 10) ? 2000000 : 4000));
}

static void apply(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];

    if (sim_on(sim, SIM_FULL, 4)) {
        struct sched_event ev = {.type = SCHED_STORE_FULL, .full.full = true};

        sim_note(sim, "scheduler %u: store full", i);
        me->full = true;
        event(sim, i, &ev);
        sim_to_self(sim, i, MSG_APPLY, 5 * TIME_SECOND);
        return;
    }
    if (!sim_store_apply(sim, i, &me->sent)) {
        sim_fail(sim, "a live scheduler's commit is refused");
    }
    if (sim->schedulers_len == 1 && sim_chance(sim, 3)) {
        sim_rebuild(sim, i);
    }
    memset(me->sent.gives, 0, sizeof me->sent.gives); /* the store has them back */
    if (sim_on(sim, SIM_UNKNOWN, 8)) {
        sim_to_self(sim, i, MSG_APPLY, TIME_SECOND); /* no answer came: the same again */
        return;
    }
    sim_to_self(sim, i, MSG_DONE, 500 + (int64_t)prng_below(&sim->prng, 2000));
}

static void done(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sim_batch b = me->sent;

    memset(&me->sent, 0, sizeof me->sent);
    me->commit = COMMIT_IDLE;
    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        me->wanted[r] += b.wants[r];
    }
    if (me->full) {
        struct sched_event ev = {.type = SCHED_STORE_FULL};

        me->full = false;
        event(sim, i, &ev);
    }
    sim_release(sim, i, &b);
    sim_take_grants(sim, i);
    sim_batch_fini(&b);
    send_commit(sim, i);
}

/* ---- steps ---- */

static void hash_actions(struct sim *sim, const struct sched_event *ev,
                         const struct sched_actions *a)
{
    uint64_t x[4] = {sim->hash, (uint64_t)ev->type, (uint64_t)ev->now_us, a->dispatches_len};

    sim->hash = (uint64_t)hash_bytes(x, sizeof x) << 32 ^ sim->hash * 31;
    for (size_t k = 0; k < a->transitions_len; k++) {
        const struct transition_row *t = &a->transitions[k];
        int64_t y[7] = {t->key.run_key, t->key.task,      t->from, t->to,
                        t->try_number,  t->key.map_index, t->at_us};

        sim->hash = (sim->hash ^ hash_bytes(y, sizeof y)) * UINT64_C(0x100000001b3);
        sim_note(sim, "  run %lld t%u[%d] %s -> %s (try %u) %s", (long long)t->key.run_key,
                 t->key.task, t->key.map_index, task_state_to_string(t->from),
                 task_state_to_string(t->to), t->try_number, t->reason != NULL ? t->reason : "");
    }
    for (size_t k = 0; k < a->runs_len; k++) {
        sim_note(sim, "  run %lld is %s %s", (long long)a->runs[k].run_key,
                 run_state_to_string(a->runs[k].state),
                 a->runs[k].reason != NULL ? a->runs[k].reason : "");
    }
}

static void collect(struct sim *sim, uint32_t i, const struct sched_actions *a)
{
    struct sim_batch *b = &sim->schedulers[i].next;

    APPEND(b, a, tis);
    APPEND(b, a, runs);
    APPEND(b, a, transitions);
    APPEND(b, a, dispatches);
    APPEND(b, a, kills);
    APPEND(b, a, questions);
    for (size_t k = 0; k < b->transitions_len; k++) {
        b->transitions[k].reason = NULL;
    }
    for (size_t k = b->tis_len - a->tis_len; k < b->tis_len; k++) {
        b->tis[k].reason = sim_keep(sim, b->tis[k].reason);
    }
    for (size_t k = b->runs_len - a->runs_len; k < b->runs_len; k++) {
        b->runs[k].reason = sim_keep(sim, b->runs[k].reason);
    }
    for (size_t k = 0; k < a->grants_len; k++) {
        take_wants(b, &a->grants[k]);
    }
}

/* A claim that the core accepted is told to the worker once it is durable; another is refused at
 * once. */
static void claim(struct sim *sim, uint32_t i, const struct sched_event *ev)
{
    const struct follow_run *run = follow_find(&sim->schedulers[i].f, ev->attempt.key.run_key);
    uint32_t slot = run != NULL ? follow_slot(run, &ev->attempt.key) : UINT32_MAX;
    const struct follow_ti *ti = slot != UINT32_MAX ? &run->tis[slot] : NULL;
    struct sim_claim c = {ev->attempt.key, ev->attempt.token, ev->attempt.worker};
    struct sim_batch *b = &sim->schedulers[i].next;

    if (ti != NULL && run->states[slot] == TASK_QUEUED && ti->worker == c.worker &&
        uuid_cmp(&ti->token, &c.token) == 0) {
        if (VEC_PUSH(b->claims, b->claims_len, b->claims_cap, c) < 0) {
            sim_checked(NULL);
        }
    } else {
        sim_answer_claim(sim, &c, MSG_REFUSED);
    }
}

void sim_set_timer(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    int64_t timer = sched_next_timer(me->s), at;

    if (timer == TIME_NONE) {
        return;
    }
    at = timer - me->skew_us;
    at = at < sim->now_us ? sim->now_us : at;
    if (me->timer_us == TIME_NONE || me->timer_us > at) {
        me->timer_us = at;
        sim_to_self(sim, i, MSG_TIMER, at - sim->now_us);
    }
}

static void event(struct sim *sim, uint32_t i, struct sched_event *ev)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sched_actions a = {0};

    if (me->s == NULL || sim->failed) {
        return;
    }
    ev->now_us = wall(sim, i);
    sim_note(sim, "scheduler %u: event %d", i, ev->type);
    if (follow_step(&me->f, me->s, ev, &a, me->steps++ % 8 == 0 ? FOLLOW_ALL : FOLLOW_CHANGED) <
        0) {
        sim_fail(sim, "scheduler %u: %s", i, me->f.text);
    }
    sim->steps++;
    hash_actions(sim, ev, &a);
    collect(sim, i, &a);
    sched_actions_fini(&a);
    if (ev->type == SCHED_CLAIM) {
        claim(sim, i, ev);
    }
    sim_set_timer(sim, i);
    send_commit(sim, i);
}

void sim_driver_event(struct sim *sim, uint32_t i, const struct sched_event *ev)
{
    struct sched_event copy = *ev;

    event(sim, i, &copy);
}

/* ---- life and death ---- */

/* Ended by hand, with attempts that are told to end: their slots are theirs until they have. */
static bool has_attempts(const struct sim_run *run)
{
    for (size_t t = 0; t < run->tis_len; t++) {
        if (!uuid_is_zero(&run->tis[t].attempt)) {
            return true;
        }
    }
    return false;
}

void sim_driver_start(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sched_config config = base_config;
    struct sched_event ev = {.type = SCHED_DAG};
    size_t n = sim->store.runs_len;

    config.seed = sim->seed * 1000 + ++me->life * 10 + i;
    config.map_slice = sim->seed % 4 == 0 ? 1 + (uint32_t)(sim->seed / 4 % 3) : 0;
    me->s = sim_checked(sched_new(&config));
    follow_init(&me->f, &config);
    me->timer_us = TIME_NONE;
    me->commit = COMMIT_IDLE;
    me->full = false;
    me->seq = sim->store.seq[i];
    sim->store.epoch[i]++;
    memset(me->wanted, 0, sizeof me->wanted);
    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        tell_granted(sim, i, r);
    }
    ev.dag.dag_key = ev.dag.version_key = i + 1;
    ev.dag.dag = me->dag;
    event(sim, i, &ev);
    for (size_t k = 0; k < n; k++) {
        struct sim_run *run = &sim->store.runs[k];

        if (run->owner == i && (!run_state_finished(run->row.state) || has_attempts(run))) {
            sim_restore_run(sim, i, run, 0);
        }
    }
    sim_to_self(sim, i, MSG_SWEEP, TIME_SECOND);
}

void sim_driver_crash(struct sim *sim, uint32_t i)
{
    struct sim_scheduler *me = &sim->schedulers[i];
    struct sim_msg m = {.type = MSG_RESTART, .to = i, .life = me->life};

    if (me->s == NULL) {
        return;
    }
    sim_note(sim, "scheduler %u dies", i);
    sim->crashes++;
    if (me->commit == COMMIT_SENT && sim_chance(sim, 50)) {
        (void)sim_store_apply(sim, i, &me->sent); /* it was on its way, and arrives */
    }
    sched_free(me->s);
    me->s = NULL;
    follow_fini(&me->f);
    sim_batch_clear(&me->sent);
    sim_batch_clear(&me->next);
    sim_after(sim, TIME_SECOND + (int64_t)prng_below(&sim->prng, 60000000), &m);
}

void sim_driver_msg(struct sim *sim, struct sim_msg *m)
{
    struct sim_scheduler *me = &sim->schedulers[m->to];
    struct sched_event tick = {.type = SCHED_TICK};

    if ((m->life != 0 && m->life != me->life) || (me->s == NULL && m->type != MSG_RESTART)) {
        return;
    }
    switch (m->type) {
    case MSG_EVENT:
        if (m->ev.type == SCHED_ANSWER) {
            sim_answer(sim, m->to, m);
        } else {
            event(sim, m->to, &m->ev);
        }
        break;
    case MSG_TIMER:
        me->timer_us = TIME_NONE;
        event(sim, m->to, &tick);
        break;
    case MSG_APPLY:
        apply(sim, m->to);
        break;
    case MSG_DONE:
        done(sim, m->to);
        break;
    case MSG_RESTART:
        sim_driver_start(sim, m->to);
        break;
    default:
        sim_sweep(sim, m->to);
    }
}

void sim_send(struct sim *sim, uint32_t to, const struct sched_event *ev)
{
    struct sim_msg m = {.type = MSG_EVENT, .to = to, .ev = *ev};
    int copies = 1 + (sim_on(sim, SIM_DOUBLE, 10) ? 1 : 0);

    if (ev->type == SCHED_ENDED) {
        memcpy(m.skip, ev->ended.skip, ev->ended.skip_len * sizeof *m.skip);
    }
    for (int k = 0; k < copies; k++) {
        if (!sim_on(sim, SIM_LOSS, 10)) {
            sim_after(
                sim,
                500 + (int64_t)prng_below(&sim->prng, sim_on(sim, SIM_LATE, 15) ? 60000000 : 5000),
                &m);
        }
    }
}
