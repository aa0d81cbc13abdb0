#include "sim2_world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"
#include "front.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"
#include "worker/worker.h"

void world_fail(struct world *w, const char *fmt, ...)
{
    va_list ap;

    w->failed = true;
    va_start(ap, fmt);
    (void)fprintf(stderr, "VIOLATION: ");
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
}

void world_trace(struct world *w, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    w->hash = w->hash * UINT64_C(1099511628211) ^ hash_bytes(line, strlen(line));
    if (w->trace) {
        (void)fprintf(stderr, "[%10.3f] %s\n",
                      (double)(w->loop != NULL ? loop_now_us(w->loop) : 0) / 1e6, line);
    }
}

bool world_fault(struct world *w, unsigned one_in)
{
    return w->faults && !w->healed && prng_below(&w->prng, one_in) == 0;
}

int64_t world_now(const struct world *w)
{
    return w->now_us + (w->loop != NULL ? loop_now_us(w->loop) : 0);
}

bool process_goes_on(const struct process *p)
{
    return p->outcome == WORKER_DEFERRED || p->outcome == WORKER_RESCHEDULE;
}

/* What a task, or the group that it is in, is mapped over, as a document says it: the XCom of its first source. */
static void give_expand(struct dag *d, struct task *t)
{
    const char *of = d->tasks[t->map_sources[0]].task_id;
    char *json = arena_printf(&d->arena, "{\"__xcom__\":{\"task_id\":\"%s\"}}", of);
    struct value *v;

    if (json == NULL || value_parse(&d->arena, json, strlen(json), &v, NULL) != 0) {
        assert(!"a reference");
        return;
    }
    t->expand_kwargs = v;
    if (t->map_group != UINT32_MAX) {
        d->groups[t->map_group].expand_kwargs = v;
        d->groups[t->map_group].map_len = -1;
    }
}

struct dag *world_dag(const char *spec)
{
    struct dag *d = test_dag(spec);

    d->groups = arena_array(&d->arena, 2, sizeof *d->groups);
    assert(d->groups != NULL);
    d->groups_len = 2;
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (d->tasks[t].mapped && d->tasks[t].map_len < 0) {
            give_expand(d, &d->tasks[t]);
        }
    }

    (void)snprintf(d->hash, sizeof d->hash, "%08x", hash_bytes(spec, strlen(spec)));
    return d;
}

/* ---- the store ---- */

static bool due_fault(void *arg, unsigned one_in)
{
    return world_fault(arg, one_in);
}

static void see_wall(struct world *w)
{
    int64_t now = loop_wall_us(w->loop);

    w->wall_us = now > w->wall_us ? now : w->wall_us;
}

/* Somebody sets the wall clock: up to two days, either way. */
static void before_commit(void *arg)
{
    struct world *w = arg;

    w->wall_last_us = 0; /* what the life before left open is settled */
    see_wall(w);

    if (world_fault(w, 10)) {
        loop_virtual_jump_wall(w->loop, (int64_t)prng_below(&w->prng, 4 * 86400) * TIME_SECOND -
                                            2 * 86400 * TIME_SECOND);
    }
    see_wall(w);
}

static void durable(void *arg, int64_t seq, const struct store_batch *b)
{
    struct world *w = arg;

    (void)seq;
    w->hooks->durable(w, b, w->wall_us > w->wall_last_us ? w->wall_us : w->wall_last_us);
    for (size_t i = 0; i < b->transitions_len; i++) {
        const struct transition_row *t = &b->transitions[i];

        world_trace(w, "  run %lld task %u[%d] try %u: %s -> %s %s", (long long)t->key.run_key,
                    t->key.task, t->key.map_index, t->try_number, task_state_to_string(t->from),
                    task_state_to_string(t->to), t->reason != NULL ? t->reason : "");
    }
}

static void told(void *arg, int64_t seq, int rc, const char *what)
{
    world_trace(arg, "commit %lld: %s %d", (long long)seq, what, rc);
}

static void violated(void *arg, const char *text)
{
    world_fail(arg, "%s", text);
}

/* ---- birth, lives ---- */

void world_init(struct world *w, const struct world_hooks *hooks, uint64_t seed, bool faults,
                bool disk, bool trace)
{
    struct front_config c = {
        .disk = disk,
        .arg = w,
        .fault = due_fault,
        .before = before_commit,
        .durable = durable,
        .told = told,
        .violated = violated,
    };

    *w = (struct world){
        .hooks = hooks, .faults = faults, .trace = trace, .now_us = 1000 * TIME_SECOND};
    prng_seed(&w->prng, seed);
    w->gather_us = prng_below(&w->prng, 2) == 0 ? 0 : 4000;
    w->defers = !faults || prng_below(&w->prng, 2) == 0;
    c.seed = prng_next(&w->prng);
    w->front = front_new(&c);
    w->store = front_model(w->front);
}

void world_fini(struct world *w)
{
    front_free(w->front);
    mem_free(w->processes);
}

void world_heal(struct world *w)
{
    w->healed = true;
    front_calm(w->front);
}

void world_begin_life(struct world *w, struct loop *loop)
{
    w->loop = loop;
    w->wall_last_us = w->wall_us;
    w->wall_us = loop_wall_us(loop);
    w->now_us -= loop_now_us(loop); /* so that now_us + the loop's clock is the world's time */
    for (size_t i = 0; i < w->processes_len; i++) {
        w->processes[i].told = false;
    }
    world_trace(w, "-- a life begins");
}

void world_end_life(struct world *w, bool crashed)
{
    w->now_us += loop_now_us(w->loop);
    world_trace(w, "-- a life ends");
    w->loop = NULL;
    w->now_us += (int64_t)prng_below(&w->prng, 2000000);
    front_close(w->front, crashed);
}

void world_reboot(struct world *w)
{
    for (size_t i = 0; i < w->processes_len; i++) {
        struct process *p = &w->processes[i];

        if (!p->waiting && !p->acked && p->ends_us > w->now_us) {
            p->dead = true;
            p->outcome = WORKER_FAILED;
            p->ends_us = w->now_us;
        }
    }
    world_trace(w, "-- the machine went, too");
}
