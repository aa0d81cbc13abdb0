/* The model of the store: what is durable. All of a batch or nothing, once, by the owner of the
 * epoch only. */
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "oracle.h"
#include "sim.h"

struct sim_run *sim_store_find(struct sim_store *st, int64_t run_key)
{
    for (size_t k = st->runs_len; k-- > 0;) {
        if (st->runs[k].row.run_key == run_key) {
            return &st->runs[k];
        }
    }
    return NULL;
}

static struct ti_row *row_of(struct sim_run *run, const struct ti_key *key)
{
    if (key->map_index < 0) {
        return &run->tis[key->task];
    }
    for (size_t k = run->dag->tasks_len; k < run->tis_len; k++) {
        if (run->tis[k].key.task == key->task && run->tis[k].key.map_index == key->map_index) {
            return &run->tis[k];
        }
    }
    return NULL;
}

/* A row for it: none has been written where its run_key is 0. */
static struct ti_row *row_make(struct sim_run *run, const struct ti_key *key)
{
    struct ti_row fresh = {.key = {0, key->task, key->map_index}};
    struct ti_row *row = row_of(run, key);

    if (row == NULL) {
        if (VEC_PUSH(run->tis, run->tis_len, run->tis_cap, fresh) < 0) {
            sim_checked(NULL);
        }
        row = &run->tis[run->tis_len - 1];
    }
    return row;
}

const struct ti_row *sim_store_ti(struct sim_store *st, const struct ti_key *key)
{
    struct sim_run *run = sim_store_find(st, key->run_key);
    const struct ti_row *row = run != NULL ? row_of(run, key) : NULL;

    return row != NULL && row->key.run_key != 0 ? row : NULL;
}

static void put_run(struct sim *sim, uint32_t owner, const struct run_row *row)
{
    struct sim_store *st = &sim->store;
    struct sim_run *run = sim_store_find(st, row->run_key), fresh = {.owner = owner};

    if (run == NULL) {
        fresh.dag = sim->schedulers[owner].dag;
        fresh.tis_len = fresh.tis_cap = fresh.dag->tasks_len;
        fresh.tis = sim_checked(mem_array(fresh.tis_cap + 1, sizeof *fresh.tis));
        for (uint32_t t = 0; t < fresh.dag->tasks_len; t++) {
            fresh.tis[t].key = (struct ti_key){0, t, -1};
        }
        if (VEC_PUSH(st->runs, st->runs_len, st->runs_cap, fresh) < 0) {
            sim_checked(NULL);
        }
        run = &st->runs[st->runs_len - 1];
    }
    run->row = *row;
    run->row.run_id = "r";
    run->row.conf = NULL;
}

/* S10: the history, read in order, is what the rows say; S2: each of its edges exists. */
static void put_transition(struct sim *sim, const struct transition_row *t)
{
    struct sim_run *run = sim_store_find(&sim->store, t->key.run_key);
    struct ti_row *row = run != NULL ? row_make(run, &t->key) : NULL;

    if (row == NULL) {
        sim_fail(sim, "S10: a transition of a run that the store does not have");
        return;
    }
    if (row->state != t->from || !oracle_edge(t->from, t->to)) {
        sim_fail(sim, "S10: run %lld t%u[%d] is %s in the store; committed: %s -> %s",
                 (long long)t->key.run_key, t->key.task, t->key.map_index,
                 task_state_to_string(row->state), task_state_to_string(t->from),
                 task_state_to_string(t->to));
    }
    row->state = t->to;
}

static void put_ti(struct sim *sim, const struct ti_row *ti)
{
    struct sim_run *run = sim_store_find(&sim->store, ti->key.run_key);
    struct ti_row *row;

    if (run == NULL) {
        sim_fail(sim, "S10: a row of a run that the store does not have");
        return;
    }
    sim->mapped += ti->key.map_index >= 0;
    row = row_make(run, &ti->key);
    if (row->key.run_key != 0 && ti->try_number < row->try_number) {
        sim_fail(sim, "S1: run %lld t%u: try %u after %u", (long long)ti->key.run_key, ti->key.task,
                 ti->try_number, row->try_number);
    }
    *row = *ti;
}

static void put_grants(struct sim *sim, uint32_t owner, const struct sim_batch *b)
{
    struct sim_store *st = &sim->store;

    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        st->grants[r][owner] -= b->gives[r];
        if (st->grants[r][owner] < 0) {
            sim_fail(sim, "S5: %s: more is given back than was granted", sim_resources[r]);
        }
    }
}

/* Each changed instance is written, and its row says what its transitions said. */
static void compare(struct sim *sim, const struct sim_batch *b)
{
    for (size_t k = 0; k < b->transitions_len; k++) {
        const struct ti_key *key = &b->transitions[k].key;
        struct sim_run *run = sim_store_find(&sim->store, key->run_key);
        uint8_t said = row_of(run, key)->state;
        const struct ti_row *row = NULL;

        for (size_t j = b->tis_len; j-- > 0 && row == NULL;) {
            row = b->tis[j].key.run_key == key->run_key && b->tis[j].key.task == key->task &&
                          b->tis[j].key.map_index == key->map_index
                      ? &b->tis[j]
                      : NULL;
        }
        if (row == NULL || row->state != said) {
            sim_fail(sim, "S10: run %lld t%u: the history says %s, the row %s",
                     (long long)key->run_key, key->task, task_state_to_string(said),
                     row != NULL ? task_state_to_string(row->state) : "is missing");
            return;
        }
    }
}

/* S5 over all schedulers: what the store holds as live fits the slots; so does the sum of the
 * grants. */
static void check_slots(struct sim *sim)
{
    struct sim_store *st = &sim->store;

    for (size_t r = 0; r < SIM_RESOURCES; r++) {
        int64_t used = 0, granted = 0;

        for (size_t k = 0; k < st->runs_len; k++) {
            const struct sim_run *run = &st->runs[k];

            for (size_t t = 0; t < run->tis_len; t++) {
                const struct task *task = &run->dag->tasks[run->tis[t].key.task];
                uint8_t s = run->tis[t].state;
                bool live = s == TASK_QUEUED || s == TASK_RUNNING || s == TASK_RESTARTING;

                if (live && r == 0) {
                    used++;
                } else if (live && strcmp(task->pool, sim_resources[r]) == 0) {
                    used += task->pool_slots;
                }
            }
        }
        for (uint32_t i = 0; i < sim->schedulers_len; i++) {
            granted += st->grants[r][i];
        }
        if (used > st->slots[r] || (sim->schedulers_len > 1 && granted > st->slots[r])) {
            sim_fail(sim, "S5: %s: %lld used, %lld granted, of %d", sim_resources[r],
                     (long long)used, (long long)granted, st->slots[r]);
        }
    }
}

/*
 * Mapped tasks, after every commit: an instance that is written has an index below the length in its task's row, or is removed; the
 * task's own row is none from its length on; and where a run has ended, so have all of its instances.
 */
static void check_mapped(struct sim *sim, struct sim_run *run)
{
    bool ended = run_state_finished(run->row.state);

    for (size_t k = 0; k < run->tis_len; k++) {
        const struct ti_row *row = &run->tis[k];
        int32_t len = run->tis[row->key.task].map_len;
        bool counts = row->key.map_index < 0 ? len == 0 : row->key.map_index < len;

        if (row->key.map_index < 0
                ? len > 0 && row->state != TASK_NONE
                : !counts && row->state != TASK_REMOVED && row->key.run_key != 0) {
            sim_fail(sim, "M1: run %lld t%u[%d] is %s, and its task has %d instances",
                     (long long)run->row.run_key, row->key.task, row->key.map_index,
                     task_state_to_string(row->state), len);
        }
        if (ended && counts && !task_state_finished(row->state)) {
            sim_fail(sim, "S3: run %lld has ended, t%u[%d] is %s", (long long)run->row.run_key,
                     row->key.task, row->key.map_index, task_state_to_string(row->state));
        }
    }
    for (uint32_t t = 0; ended && t < run->dag->tasks_len; t++) {
        for (int32_t i = 0; i < run->tis[t].map_len; i++) {
            if (row_of(run, &(struct ti_key){0, t, i}) == NULL) {
                sim_fail(sim, "S3: run %lld has ended, t%u[%d] was never written",
                         (long long)run->row.run_key, t, i);
            }
        }
    }
}

bool sim_store_apply(struct sim *sim, uint32_t owner, const struct sim_batch *b)
{
    struct sim_store *st = &sim->store;

    if (b->epoch != st->epoch[owner]) {
        return false;
    }
    if (b->seq == st->seq[owner]) {
        return true;
    }
    if (b->seq != st->seq[owner] + 1) {
        sim_fail(sim, "a gap in the commits of scheduler %u", owner);
        return false;
    }
    st->seq[owner] = b->seq;
    st->commits++;
    for (size_t k = 0; k < b->runs_len; k++) {
        put_run(sim, owner, &b->runs[k]);
    }
    for (size_t k = 0; k < b->transitions_len && !sim->failed; k++) {
        put_transition(sim, &b->transitions[k]);
    }
    if (!sim->failed) {
        compare(sim, b);
    }
    for (size_t k = 0; k < b->tis_len && !sim->failed; k++) {
        put_ti(sim, &b->tis[k]);
    }
    put_grants(sim, owner, b);
    check_slots(sim);
    for (size_t k = 0; k < b->tis_len && !sim->failed; k++) {
        if (k == 0 || b->tis[k].key.run_key != b->tis[k - 1].key.run_key) {
            check_mapped(sim, sim_store_find(st, b->tis[k].key.run_key));
        }
    }
    return true;
}

void sim_store_fini(struct sim_store *st)
{
    for (size_t k = 0; k < st->runs_len; k++) {
        mem_free(st->runs[k].tis);
    }
    mem_free(st->runs);
}

void sim_batch_clear(struct sim_batch *b)
{
    b->tis_len = b->runs_len = b->transitions_len = b->dispatches_len = 0;
    b->kills_len = b->questions_len = b->claims_len = 0;
    memset(b->wants, 0, sizeof b->wants);
    memset(b->gives, 0, sizeof b->gives);
}

void sim_batch_fini(struct sim_batch *b)
{
    mem_free(b->tis);
    mem_free(b->runs);
    mem_free(b->transitions);
    mem_free(b->dispatches);
    mem_free(b->kills);
    mem_free(b->questions);
    mem_free(b->claims);
    memset(b, 0, sizeof *b);
}
