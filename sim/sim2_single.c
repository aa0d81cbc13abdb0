#include "sim2_single.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"
#include "engine/engine_priv.h"
#include "ledger.h"
#include "model/dag.h"
#include "store/store.h"
#include "worker/worker.h"

/* ---- what is durable ---- */

static struct single *single_of(struct world *w)
{
    return (struct single *)w;
}

static int32_t length_of(const struct single *s, uint32_t task);

/* M1: a length is written once, and is that of what the world returned; no instance is beyond it. */
static void check_lengths(struct single *s, const struct store_batch *b)
{
    for (size_t i = 0; i < b->tis_len; i++) {
        const struct ti_row *row = &b->tis[i];
        int32_t *len = &s->lengths[row->key.task];

        if (row->key.map_index >= 0 || row->map_len == *len) {
            continue;
        }
        if (s->world.commanded) {
            *len = row->map_len; /* asked again after a clear, of what ran again */
            continue;
        }
        if (*len != 0 || row->map_len != length_of(s, row->key.task)) {
            world_fail(&s->world, "M1: task %u has %d instances, then %d; the world says %d",
                       row->key.task, *len, row->map_len, length_of(s, row->key.task));
        }
        *len = row->map_len;
    }
    for (size_t i = 0; i < b->tis_len; i++) {
        const struct ti_row *row = &b->tis[i];

        if (row->key.map_index >= s->lengths[row->key.task] && row->state != TASK_REMOVED) {
            world_fail(&s->world, "M1: task %u has %d instances, and a row of [%d]", row->key.task,
                       s->lengths[row->key.task], row->key.map_index);
        }
    }
}

static void durable(struct world *w, const struct store_batch *b, int64_t wall_us)
{
    ledger_batch(single_of(w)->ledger, b, wall_us);
    check_lengths(single_of(w), b);
}

static const struct task *task_of(struct world *w, int64_t dag_key, uint32_t index)
{
    (void)dag_key;
    return &single_of(w)->dag->tasks[index];
}

static void give_event(struct world *w, const struct process *p, struct worker_end *end)
{
    (void)w;
    (void)p;
    end->asset_events = arena_array(&end->arena, 1, sizeof *end->asset_events);
    assert(end->asset_events != NULL);
    end->asset_events[end->asset_events_len++] =
        (struct worker_asset_event){.name = "sim", .uri = "sim", .group = "asset"};
}

static const struct world_hooks hooks = {
    .task = task_of,
    .durable = durable,
    .give = give_event,
};

/* ---- birth and death ---- */

static const struct dag *ledger_dag(void *arg, int64_t dag_key)
{
    (void)dag_key;
    return ((struct single *)arg)->dag;
}

static void violated(void *arg, const char *text)
{
    world_fail(arg, "%s", text);
}

void single_init(struct single *s, uint64_t seed, const char *spec, bool faults, bool disk,
                 bool trace)
{
    const struct ledger_config c = {.dag = ledger_dag,
                                    .violated = violated,
                                    .arg = s,
                                    .parallelism = (int32_t)engine_parallelism(SINGLE_PARALLELISM)};

    *s = (struct single){.spec = spec, .dag = world_dag(spec)};
    s->lengths = mem_array(s->dag->tasks_len + 1, sizeof *s->lengths);
    assert(s->lengths != NULL);
    s->ledger = ledger_new(&c);
    world_init(&s->world, &hooks, seed, faults, disk, trace);
    s->commands = faults && prng_below(&s->world.prng, 3) == 0
                      ? 1 + (unsigned)prng_below(&s->world.prng, 4)
                      : 0;
}

void single_fini(struct single *s)
{
    world_fini(&s->world);
    ledger_free(s->ledger);
    dag_unref(s->dag);
    mem_free(s->lengths);
}

/* ---- at the end: the store says what the world did ---- */

/* One event of a success that its process told, none of anything else; however often it was told or committed. */
static void check_events(struct single *s, const struct ti_row *row, bool succeeded)
{
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    const char *task_id = s->dag->tasks[row->key.task].task_id;
    struct asset_event_row *events;
    struct arena a;
    size_t n = 0, mine = 0;

    arena_init(&a, MiB(64));
    if (s->world.store->ops->get_asset_events(s->world.store, &q, &a, &events, &n, NULL) != 0) {
        world_fail(&s->world, "S9: the asset events cannot be read");
    }
    for (size_t i = 0; i < n; i++) {
        mine +=
            strcmp(events[i].task_id, task_id) == 0 && events[i].map_index == row->key.map_index;
        if (events[i].event_key != (int64_t)i + 1) {
            world_fail(&s->world, "S9: asset event %zu has the key %lld", i,
                       (long long)events[i].event_key);
        }
    }
    if (mine != (succeeded ? 1 : 0)) {
        world_fail(&s->world, "S9: task %u[%d] has %zu asset events, %d expected", row->key.task,
                   row->key.map_index, mine, (int)succeeded);
    }
    arena_fini(&a);
}

static void check_instance(struct single *s, const struct ti_row *row)
{
    const struct process *last = NULL;
    unsigned ran = 0;

    for (size_t i = 0; i < s->world.processes_len; i++) {
        const struct process *p = &s->world.processes[i];

        if (process_is_of(p, &row->key)) {
            ran += !p->resumed;
            last = last == NULL || p->try_number >= last->try_number ? p : last;
        }
    }
    if (!s->world.commanded && last != NULL && last->try_number == row->try_number) {
        static const uint8_t states[] = {[WORKER_SUCCESS] = TASK_SUCCESS,
                                         [WORKER_FAILED] = TASK_FAILED,
                                         [WORKER_SKIPPED] = TASK_SKIPPED};

        if (last->outcome <= WORKER_SKIPPED && states[last->outcome] != row->state &&
            last->outcome != WORKER_FAILED_NO_RETRY) {
            world_fail(&s->world, "S9: task %u: the world ended try %u with %d, the store says %s",
                       row->key.task, last->try_number, last->outcome,
                       task_state_to_string(row->state));
        }
    }
    if (!s->world.commanded) {
        check_events(s, row,
                     last != NULL && last->try_number == row->try_number &&
                         last->outcome == WORKER_SUCCESS && row->state == TASK_SUCCESS);
    }
    if (!s->world.commanded && last != NULL && process_goes_on(last) &&
        last->try_number == row->try_number) {
        world_fail(&s->world, "S9: task %u[%d] was to go on, and did not: it is %s", row->key.task,
                   row->key.map_index, task_state_to_string(row->state));
    }
    if (ran > 1u + row->max_tries) {
        world_fail(&s->world, "S6: task %u ran %u times, allowed %u", row->key.task, ran,
                   1u + row->max_tries);
    }
    if (!task_state_finished(row->state)) {
        world_fail(&s->world, "S3: the run is finished, task %u is %s", row->key.task,
                   task_state_to_string(row->state));
    }
}

void single_check_end(struct single *s)
{
    struct arena a;
    struct run_row run;
    struct ti_row *rows;
    size_t n = 0, must = s->dag->tasks_len, removed = 0;

    arena_init(&a, MiB(64));
    if (s->world.store->ops->get_run(s->world.store, s->run_key, &a, &run, NULL) != 0 ||
        !run_state_finished(run.state)) {
        world_fail(&s->world, "L1: the run is not finished in the store");
    } else if (run.clear_number > s->cleared) {
        world_fail(&s->world, "S9: the run was cleared %u times, asked for %u", run.clear_number,
                   s->cleared);
    }
    if (s->world.store->ops->get_tis(s->world.store, s->run_key, 0, &a, &rows, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            /* The row of an expanded task is no instance: it says how many there are. */
            if (rows[i].key.map_index >= 0 || rows[i].map_len == 0) {
                check_instance(s, &rows[i]);
            }
            removed += rows[i].state == TASK_REMOVED; /* after a clear there may be fewer */
            must += rows[i].key.map_index < 0 ? (size_t)rows[i].map_len : 0;
        }
    }
    if (n - removed != must) {
        world_fail(&s->world, "S3: %zu of %zu instances have a row", n - removed, must);
    }
    arena_fini(&a);
}

/* How many the task must become: what is written, or what the last process of its source returned; of a mapped one, how many succeeded. */
static int32_t length_of(const struct single *s, uint32_t task)
{
    const struct task *t = &s->dag->tasks[task];
    int32_t n = 0;

    if (t->map_len >= 0) {
        return t->map_len;
    }
    for (size_t i = 0; i < s->world.processes_len; i++) {
        const struct process *p = &s->world.processes[i];

        if (p->key.task == t->map_sources[0] && p->outcome == WORKER_SUCCESS) {
            n = p->key.map_index < 0 ? p->length : n + 1;
        }
    }
    return n;
}
