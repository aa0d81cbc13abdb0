/*
 * Simulation, level 2: the real engine with its coroutines on the virtual loop, over the memory store and a simulated worker
 * (docs/internals/simulation.md). The world outlives the engine: the store, and processes that go on while nobody watches.
 *
 * A crash drops the engine and all of its coroutines at one suspension; the next engine recovers and goes on. `--every` takes every
 * suspension of a run as the crash point, one after another; `--seeds` takes many crashes per run at random, with faults of the store
 * (errors before and after the commit), lost and doubled messages, and jumps of the clock.
 *
 * Checked, besides that every run ends (liveness):
 *   S1  at most one live process per instance; a token starts at most once
 *   R1  nothing starts whose claim is not durable (commit before effect)
 *   S9  after all crashes, what the store says of a run is what the world did: every process that ended is accounted for
 *   S11 the same seed gives the same trace
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "engine/engine.h"
#include "front.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sim2_seeds.h"
#include "sim2_single.h"
#include "store/store.h"
#include "worker/worker.h"

#define LIVES_MAX    400
#define RUN_BOUND_US (30 * 86400 * TIME_SECOND)

struct options {
    uint64_t seed;
    int crashes;       /* at random points */
    uint64_t horizon;  /* of the suspensions at which one comes */
    uint64_t crash_at; /* 0 = none: this suspension of the first life */
    bool cut;          /* crash_at counts calls that change the disk: the power goes within one */
    bool faults;
    bool disk; /* SQLite on a disk that fails */
    const char *spec;
    bool trace;
};

struct life {
    struct single *single;
    const struct options *o;
    struct store *store;
    struct engine *engine;
    uint64_t crash_at, suspensions;
    bool done;
};

static int load_spec(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    char *spec = mem_strndup(src->document, src->len);

    (void)arg;
    (void)e;
    *ret = world_dag(spec);
    mem_free(spec);
    return 0;
}

static bool crash_now(void *arg, uint64_t n)
{
    struct life *l = arg;

    l->suspensions = n;
    return (l->crash_at != 0 && n >= l->crash_at) || front_is_off(l->single->world.front);
}

/* The run is created once in the world's life: a second try finds it, by its id. */
static int ensure_run(struct life *l, struct engine *g, int64_t *ret, struct err *e)
{
    struct single *w = l->single;
    struct dag *d = world_dag(l->o->spec);
    struct engine_run_request rq = {
        .run_id = "sim", .type = RUN_TYPE_MANUAL, .logical_date_us = TIME_SECOND};
    struct arena a;
    struct run_row row;
    int rc;

    if (w->run_key != 0 && engine_run_dag(g, w->run_key) != NULL) {
        *ret = w->run_key;
        dag_unref(d);
        return 0;
    }
    arena_init(&a, MiB(64));
    rc = engine_add_dag(g, d, l->o->spec, strlen(l->o->spec), &rq.dag_key, e);
    if (rc == 0) {
        rc = engine_create_run(g, &rq, ret, e);
    }
    if (rc == -ERR_EXISTS) {
        rc = w->world.store->ops->find_run(w->world.store, rq.dag_key, "sim", &a, &row, e);
        *ret = row.run_key;
    }
    if (rc == 0) {
        w->run_key = *ret;
    }
    arena_fini(&a);
    dag_unref(d);
    return rc;
}

static void draw_intent(struct single *s)
{
    static const int states[] = {TASK_SUCCESS, TASK_FAILED, TASK_SKIPPED};
    struct prng *p = &s->world.prng;
    uint64_t dice = prng_below(p, 8);

    s->commands--;
    s->world.commanded = true;
    s->intent = (struct intent){
        .op = dice < 4   ? ENGINE_CLEAR
              : dice < 7 ? ENGINE_MARK
                         : ENGINE_STOP_RUN,
        .task = (uint32_t)prng_below(p, s->dag->tasks_len),
        .state = states[prng_below(p, 3)],
        .number = s->intent.number + 1,
        .open = true,
    };
    s->cleared += s->intent.op == ENGINE_CLEAR;
}

/* A person with commands, each sent until it is known to be done. What is refused is done, too. */
static int person_main(void *arg)
{
    struct life *l = arg;
    struct single *s = l->single;

    while ((s->intent.open || s->commands > 0) &&
           co_sleep((int64_t)prng_below(&s->world.prng, 4000000)) == 0) {
        char key[32];
        struct err e = {0};
        uint32_t affected;
        int rc;

        if (!s->intent.open) {
            draw_intent(s);
        }
        (void)snprintf(key, sizeof key, "c%u", s->intent.number);
        rc = engine_command(l->engine,
                            &(struct engine_command){.op = (enum engine_op)s->intent.op,
                                                     .key = key,
                                                     .run_key = s->run_key,
                                                     .tasks = &s->intent.task,
                                                     .tasks_len = 1,
                                                     .state = (enum task_state)s->intent.state,
                                                     .reason = "by a person"},
                            &affected, &e);
        world_trace(&s->world, "command %s op %d task %u: %d", key, s->intent.op, s->intent.task,
                    rc);
        s->intent.open = rc == -ERR_CLOSED || rc == -ERR_IO || rc == -ERR_BUSY || rc == -ERR_FULL;
    }
    return 0;
}

static int life_main(void *arg)
{
    struct life *l = arg;
    struct single *s = l->single;
    struct world *w = &s->world;
    struct engine *g;
    struct err e = {0};
    enum run_state state;
    int64_t run_key = 0;
    struct worker *worker = world_worker(w, SINGLE_PARALLELISM);
    struct co_group people;
    struct engine_config c = {
        .loop = loop_current(),
        .store = l->store,
        .worker = worker,
        .owner = "sim",
        .seed = prng_next(&w->prng),
        .parallelism = SINGLE_PARALLELISM,
        .gather_us = w->gather_us,
    };
    int rc = engine_open(&c, &g, &e);

    if (rc != 0) {
        worker->ops->close(worker);
        return rc;
    }
    rc = engine_recover(g, NULL, SIZE_MAX, load_spec, NULL, &e);
    rc = rc == 0 ? ensure_run(l, g, &run_key, &e) : rc;
    l->engine = g;
    co_group_init(&people, loop_current());
    if (rc == 0 && (s->commands > 0 || s->intent.open) && !w->healed) {
        rc = co_spawn(&people, "person", person_main, l, NULL, &e);
    }
    if (rc == 0 && engine_run_dag(g, run_key) != NULL) {
        rc = engine_wait_run(g, run_key, &state, &e);
    }
    co_group_close(&people);
    /* A command may have begun it again. */
    while (rc == 0 && engine_run_dag(g, run_key) != NULL) {
        rc = engine_wait_run(g, run_key, &state, &e);
    }
    world_trace(w, "life: %d %s", rc, rc != 0 ? err_str(&e) : "");
    l->done = rc == 0;
    engine_close(g);
    worker->ops->close(worker);
    return rc;
}

/* One life of the engine: until the run is finished, or the crash. 1: crashed, or the disk made it give up, and it is started again. */
static int live_once(struct single *s, const struct options *o, uint64_t crash_at, uint64_t cut,
                     uint64_t *ret_suspensions)
{
    struct world *w = &s->world;
    struct loop_config lc = {.wall_start_us = w->now_us, .seed = prng_next(&w->prng)};
    struct life l = {.single = s, .o = o, .crash_at = crash_at};
    struct loop *loop;
    struct err e = {0};
    int rc = loop_virtual_new(&lc, &loop, &e);

    assert(rc == 0);
    world_begin_life(w, loop);
    loop_virtual_on_suspend(loop, crash_now, &l);
    rc = front_open(w->front, w->healed || !w->faults, cut, &l.store, &e);
    rc = rc == 0 ? loop_main(loop, life_main, &l, &e) : rc;
    w->crashes += rc == -ERR_CANCELED;
    world_end_life(w, rc == -ERR_CANCELED);
    if (ret_suspensions != NULL) {
        *ret_suspensions = l.suspensions;
    }
    loop_free(loop);
    if (l.done) {
        return 0;
    }
    if ((rc == -ERR_CANCELED && (crash_at != 0 || cut != 0)) ||
        (o->disk && o->faults && !w->healed)) {
        return 1;
    }
    world_fail(w, "a life ended without finishing its run: %s (%s)", err_name(rc), err_str(&e));
    return rc;
}

/* From an empty store to the finished run, through all its crashes. The trace's hash. */
static uint64_t simulate(const struct options *o, uint64_t *ret_suspensions, bool *ret_ok)
{
    struct single s;
    struct world *w = &s.world;
    int rc = 1, crashes = o->crashes;
    uint64_t hash;

    single_init(&s, o->seed, o->spec, o->faults, o->disk, o->trace);
    for (int life = 0; rc == 1 && life < LIVES_MAX && !w->failed; life++) {
        uint64_t at = 0, cut = 0;

        if (life == 0 && o->crash_at != 0) {
            at = o->cut ? 0 : o->crash_at;
            cut = o->cut ? o->crash_at : 0;
        } else if (crashes > 0) {
            at = 1 + prng_below(&w->prng, o->horizon);
            cut = o->disk && prng_below(&w->prng, 2) == 0 ? 1 + prng_below(&w->prng, 2 * o->horizon)
                                                          : 0;
            crashes--;
        } else {
            world_heal(w);
        }
        rc = live_once(&s, o, at, cut, life == 0 ? ret_suspensions : NULL);
        if (rc == 1 && o->disk && !w->failed && prng_below(&w->prng, 4) == 0) {
            front_check(w->front);
        }
    }
    if (rc == 1 && !w->failed) {
        world_fail(w, "no end after %d lives", LIVES_MAX);
    }
    if (!w->failed) {
        front_check(w->front);
        single_check_end(&s);
    }
    seeds_count(w->front, w->crashes);
    *ret_ok = !w->failed;
    hash = w->hash;
    if (w->failed) {
        (void)fprintf(stderr, "seed %llu crash %llu spec: %s\n", (unsigned long long)o->seed,
                      (unsigned long long)o->crash_at, o->spec);
    }
    single_fini(&s);
    return hash;
}

/* ---- what is simulated ---- */

static const char *const every_specs[] = {
    "@chain; a; b <- a; c <- b",
    "@diamond; a; b <- a; c <- a retries=2 delay=1; d <- b,c rule=all_done",
    "@wide max_active_tasks=3; a; b; c; d; e; f <- a,b,c,d,e rule=none_failed_min_one_success",
    "@mapped; a; b <- a map=-1 src=0 retries=1 delay=1; c <- b map=-1 src=1; d <- c; e map=2; f <- "
    "e,b rule=all_done",
    "@group; a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0 retries=1 delay=1; z <- "
    "y rule=all_done",
    "@tear; s setup; w <- s retries=1 delay=1; t <- s,w teardown; z <- w",
};

/* A random layered DAG as a spec text. */
static void random_spec(struct prng *p, char *out, size_t cap)
{
    static const char *const rules[] = {
        "all_success", "all_done",   "none_failed",  "one_success",
        "one_failed",  "all_failed", "none_skipped", "none_failed_min_one_success"};
    enum { MAPS = 1, RETRIES = 2, RULES = 4, INSTANT = 8, TEARDOWN = 16 };
    uint64_t n = 2 + prng_below(p, 14), on = prng_next(p);
    size_t used =
        (size_t)snprintf(out, cap, "@random max_active_tasks=%d", (int)(1 + prng_below(p, 8)));

    /* Three neighbours may be a mapped group over one of those before them. */
    uint64_t group = 1 + prng_below(p, n);
    int source = prng_below(p, 2) == 0 ? (int)prng_below(p, group) : -1;

    for (uint64_t t = 0; t < n; t++) {
        uint64_t last = 0;
        bool first = true;

        used += (size_t)snprintf(out + used, cap - used, "; t%d", (int)t);
        for (uint64_t u = 0; u < t; u++) {
            if (prng_below(p, 4) == 0 ||
                (t >= group && t < group + 3 && (int64_t)u == (int64_t)source)) {
                last = u;
                used +=
                    (size_t)snprintf(out + used, cap - used, "%st%d", first ? " <- " : ",", (int)u);
                first = false;
            }
        }
        used += (size_t)snprintf(out + used, cap - used, " rule=%s retries=%d delay=1",
                                 rules[(on & RULES) != 0 ? prng_below(p, 8) : 0],
                                 (on & RETRIES) != 0 ? (int)prng_below(p, 3) : 0);
        if ((on & TEARDOWN) != 0 && t == 0) {
            used += (size_t)snprintf(out + used, cap - used, " setup");
        }
        if ((on & INSTANT) != 0 && prng_below(p, 6) == 0) {
            used += (size_t)snprintf(out + used, cap - used, " instant");
        }
        if ((on & MAPS) == 0) {
            continue;
        }
        if (source >= 0 && t >= group && t < group + 3) {
            used += (size_t)snprintf(out + used, cap - used, " map=-1 src=%d mgroup=0", source);
        } else if (!first && prng_below(p, 3) == 0) {
            used += (size_t)snprintf(out + used, cap - used, " map=-1 src=%d", (int)last);
        } else if (prng_below(p, 6) == 0) {
            used += (size_t)snprintf(out + used, cap - used, " map=%d", (int)prng_below(p, 4));
        }
    }
    if ((on & TEARDOWN) != 0) {
        (void)snprintf(out + used, cap - used, "; down <- t0,t%d teardown", (int)n - 1);
    }
}

static int every(bool disk, bool trace)
{
    size_t points = 0;

    for (size_t i = 0; i < sizeof every_specs / sizeof every_specs[0]; i++) {
        struct options o = {.seed = 7 + i, .spec = every_specs[i], .disk = disk, .trace = trace};
        uint64_t n = 0, again;
        bool ok;

        (void)simulate(&o, &n, &ok);
        for (uint64_t at = 1; ok && at <= n; at++) {
            o.crash_at = at;
            (void)simulate(&o, &again, &ok);
            points++;
        }
        if (!ok) {
            return 1;
        }
    }
    (void)printf("sim2: every one of %zu suspensions as the crash point: no violation\n", points);
    return 0;
}

static bool one_seed(const struct seeds *s, uint64_t seed, uint64_t *ret_hash)
{
    char spec[4096];
    struct prng p;
    struct options o = {
        .seed = seed, .faults = true, .spec = spec, .disk = s->disk, .trace = s->trace};
    bool ok;

    prng_seed(&p, seed);
    random_spec(&p, spec, sizeof spec);
    o.horizon = (uint64_t)20 << prng_below(&p, 5);
    o.crashes = (int)prng_below(&p, prng_below(&p, 2) == 0 ? 12 : 100);
    *ret_hash = simulate(&o, NULL, &ok);
    return ok;
}

int main(int argc, char **argv)
{
    bool all = false;
    struct seeds s;

    seeds_init(&s, "sim2");
    s.one = one_seed;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--every") == 0) {
            all = true;
        } else if (!seeds_option(&s, argc, argv, &i)) {
            (void)fprintf(
                stderr,
                "usage: sim2 [--disk] [--every] [--seeds N] [--seed FIRST] [--find] [--trace]\n");
            return 64;
        }
    }
    if (all && every(s.disk, s.trace) != 0) {
        return 1;
    }
    return s.count != 0 ? seeds_run(&s) : 0;
}
