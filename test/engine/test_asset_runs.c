/*
 * Runs by asset events on the virtual loop, through crashes: at every suspension of a life, and at random ones again and again. In the end each event
 * is of exactly one run of each DAG that waits for its asset, or waits for one where the condition does not hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/prng.h"
#include "base/time.h"
#include "dag_builder.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"
#include "worker/worker.h"

#define A                 "{\"type\":\"asset\",\"name\":\"a\",\"uri\":\"a\"}"
#define B                 "{\"type\":\"asset\",\"name\":\"b\",\"uri\":\"b\"}"
#define ASSETS(condition) "{\"schedule\":{\"type\":\"assets\",\"condition\":" condition "}}"

/* What each DAG waits for: the events of these assets concern it. */
static const struct spec {
    const char *id, *spec, *document;
    const char *waits;    /* names of assets, or NULL */
    bool only_partitions; /* by partition: events with a key, the others without */
} specs[] = {
    {"pa", "@pa; t", "{}", NULL, false},
    {"one", "@one max_active_runs=2; t", ASSETS(A), "a", false},
    {"all", "@all; t", ASSETS("{\"type\":\"all\",\"of\":[" A "," B "]}"), "ab", false},
    {"any", "@any max_active_runs=1; t", ASSETS("{\"type\":\"any\",\"of\":[" A "," B "]}"), "ab",
     false},
    {"alias", "@alias; t", ASSETS("{\"type\":\"asset_alias\",\"name\":\"al\"}"), "x", false},
    {"part", "@part; t",
     "{\"schedule\":{\"type\":\"partitioned_assets\",\"condition\":{\"type\":\"all\",\"of\":[" A
     "," B "]}}}",
     "ab", true},
};
#define DAGS (sizeof specs / sizeof specs[0])

static struct world {
    struct store *store;
    struct arena arena;
    struct dag *dags[DAGS];
    int64_t keys[DAGS], now_us;
    struct prng prng;
    int made; /* events and runs by hand, so far */
    int wanted;
    bool done;
    uint64_t crash_at, suspensions;
    struct worker_callbacks cb;
} world;

/* ---- the worker: each process takes a moment, and leaves events of a (twice in the alias) and b behind, if it is of pa ---- */

struct process {
    struct ti_key key;
    struct uuid token;
    bool makes;
};

static struct co_group processes;

static int process_main(void *arg)
{
    struct process *p = arg;
    struct worker_end *end;

    world.cb.started(world.cb.arg, &p->key, &p->token, 100, "h1", NULL, 0);
    if (co_sleep(TIME_SECOND / 100) == 0) {
        end = worker_end_new(&p->key, &p->token, WORKER_SUCCESS);
        end->exit_code = 0;
        if (p->makes) {
            end->asset_events = arena_array(&end->arena, 2, sizeof *end->asset_events);
            end->asset_events[0] =
                (struct worker_asset_event){.name = "a", .uri = "a", .group = "asset"};
            end->asset_events[1] = (struct worker_asset_event){
                .name = "x", .uri = "x", .group = "asset", .aliases = "al\0", .aliases_len = 3};
            end->asset_events_len = 2;
        }
        world.cb.ended(world.cb.arg, end);
    }
    free(p);
    return 0;
}

static int w_start(struct worker *w, const struct worker_job *job, struct err *e)
{
    struct process *p = malloc(sizeof *p);

    *p = (struct process){job->key, job->token, job->run->dag_key == world.keys[0]};
    return co_spawn(&processes, "process", process_main, p, NULL, e);
}

static int w_adopt(struct worker *w, const struct worker_job *jobs, size_t n,
                   const struct uuid *others, size_t others_len, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = w_start(w, &jobs[i], e);
    }
    return rc;
}

static void w_kill(struct worker *w, const struct uuid *token, const char *reason)
{
}

static void w_ack(struct worker *w, const struct uuid *token)
{
}

static bool w_find(struct worker *w, const struct uuid *token, struct ti_key *ret)
{
    return false;
}

static void w_pause(struct worker *w, bool paused)
{
}

static void w_set_callbacks(struct worker *w, const struct worker_callbacks *cb)
{
    world.cb = *cb;
}

static const struct worker_ops w_ops = {
    .set_callbacks = w_set_callbacks,
    .adopt = w_adopt,
    .start = w_start,
    .kill = w_kill,
    .ack = w_ack,
    .find = w_find,
    .pause = w_pause,
};

/* ---- lives ---- */

static int load_same(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    for (size_t i = 0; i < DAGS; i++) {
        if (strlen(specs[i].spec) == src->len &&
            memcmp(specs[i].spec, src->document, src->len) == 0) {
            *ret = dag_ref(world.dags[i]);
            return 0;
        }
    }
    return err_set(e, ERR_NOTFOUND, "no such DAG");
}

static int add_dags(struct engine *g, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < DAGS; i++) {
        rc = engine_add_dag(g, world.dags[i], specs[i].spec, strlen(specs[i].spec), &world.keys[i],
                            e);
        rc = rc == 0 ? engine_schedule_dag(g, world.keys[i], e) : rc;
    }
    return rc;
}

/* An event by hand, one of several at once, or a run of pa; each may be in the store when the crash comes, or not. */
static int make_one(struct engine *g, int what, struct err *e)
{
    struct engine_asset_event ev = {.name = what % 2 == 0 ? "a" : "b", .actor = "test"};
    struct engine_run_request rq = {
        .dag_key = world.keys[0], .type = RUN_TYPE_MANUAL, .logical_date_us = TIME_NONE};
    char run_id[16];
    int64_t run_key;

    (void)snprintf(run_id, sizeof run_id, "m%d", what);
    rq.run_id = run_id;
    ev.uri = ev.name;
    if (what % 5 == 4) {
        return engine_create_run(g, &rq, &run_key, e);
    }
    ev.partition_key = what % 5 == 3 ? "2026" : what % 5 == 2 ? "2027" : NULL;
    return engine_create_asset_event(g, &ev, NULL, e);
}

static int quiet(void *arg)
{
    struct arena a;
    struct run_row *rows;
    size_t n = 1;

    arena_init(&a, MiB(16));
    assert_int_equal(world.store->ops->get_runs(world.store, 0,
                                                1u << RUN_QUEUED | 1u << RUN_RUNNING, 0, 0, &a,
                                                &rows, &n, NULL),
                     0);
    arena_fini(&a);
    *(bool *)arg = n == 0;
    return 0;
}

static int scenario(struct engine *g, struct err *e)
{
    bool is_quiet = false;
    /* The files are read a while after the start: what goes on from the life before ends meanwhile, and is not lost. */
    int rc = world.made > 0 ? co_sleep((int64_t)prng_below(&world.prng, TIME_SECOND / 10)) : 0;

    rc = rc == 0 ? add_dags(g, e) : rc;

    while (rc == 0 && world.made < world.wanted) {
        rc = make_one(g, world.made++, e);
        if (rc == 0 && prng_below(&world.prng, 3) == 0) {
            rc = co_sleep((int64_t)prng_below(&world.prng, TIME_SECOND / 50));
        }
    }
    for (int i = 0; rc == 0 && !is_quiet; i++) {
        assert_true(i < 1000);
        rc = co_sleep(TIME_SECOND);
        rc = rc == 0 ? engine_on_store(g, quiet, &is_quiet) : rc;
    }
    return rc;
}

static int life_main(void *arg)
{
    struct worker w = {.ops = &w_ops, .id = 1, .slots = 4};
    struct engine_config c = {.loop = loop_current(),
                              .store = world.store,
                              .worker = &w,
                              .owner = "test",
                              .seed = prng_next(&world.prng),
                              .parallelism = 4,
                              .schedules = true};
    struct err *e = arg;
    struct engine *g;
    int rc = engine_open(&c, &g, e);

    co_group_init(&processes, c.loop);
    if (rc == 0) {
        rc = engine_recover(g, NULL, SIZE_MAX, load_same, NULL, e);
        rc = rc == 0 ? scenario(g, e) : rc;
        world.done = rc == 0;
        engine_close(g);
    }
    co_group_close(&processes);
    return rc;
}

static bool crash_now(void *arg, uint64_t n)
{
    world.suspensions = n;
    return world.crash_at != 0 && n >= world.crash_at;
}

/* Whether it came to its end. */
static bool live(uint64_t crash_at)
{
    struct loop_config lc = {.wall_start_us = world.now_us, .seed = prng_next(&world.prng)};
    struct loop *loop;
    struct err e = {0};
    int rc;

    world.crash_at = crash_at;
    world.done = false;
    assert_int_equal(loop_virtual_new(&lc, &loop, &e), 0);
    loop_virtual_on_suspend(loop, crash_now, NULL);
    rc = loop_main(loop, life_main, &e, &e);
    world.now_us = loop_wall_us(loop) + TIME_SECOND;
    loop_free(loop);
    if (!world.done && !(crash_at != 0 && rc == -ERR_CANCELED)) {
        fail_msg("a life ended: %s %s", err_name(rc), err_str(&e));
    }
    return world.done;
}

static void begin(uint64_t seed, int wanted)
{
    static const struct asset_row assets[] = {{.name = "a", .uri = "a", .group = "asset"},
                                              {.name = "b", .uri = "b", .group = "asset"}};
    struct store_batch b = {.assets = assets, .assets_len = 2};
    int64_t epoch, seq;
    struct err e = {0};

    memset(&world, 0, sizeof world);
    prng_seed(&world.prng, seed);
    arena_init(&world.arena, MiB(16));
    world.now_us = 1000000 * TIME_SECOND;
    world.wanted = wanted;
    assert_int_equal(store_mem_open(&world.store, &e), 0);
    assert_int_equal(world.store->ops->acquire(world.store, 0, "t", &epoch, &seq, &e), 0);
    assert_int_equal(world.store->ops->commit(world.store, 0, epoch, seq + 1, &b, &e), 0);
    for (size_t i = 0; i < DAGS; i++) {
        struct dag *d = test_dag(specs[i].spec);
        struct value *v;

        assert_int_equal(
            value_parse(&world.arena, specs[i].document, strlen(specs[i].document), &v, &e), 0);
        d->document = v;
        (void)snprintf(d->hash, sizeof d->hash, "%08x",
                       hash_bytes(specs[i].spec, strlen(specs[i].spec)));
        world.dags[i] = d;
    }
}

/* ---- what must hold ---- */

static bool concerns(const struct spec *s, const struct asset_event_row *ev)
{
    return s->waits != NULL && strchr(s->waits, ev->name[0]) != NULL &&
           s->only_partitions == (ev->partition_key != NULL) &&
           (strcmp(s->id, "alias") != 0 || ev->aliases_len > 0);
}

/* How many runs of a DAG consumed each event. */
static void count_consumed(int64_t dag_key, struct arena *a, int *count, size_t *ret_runs)
{
    struct asset_event_row *events;
    struct run_row *runs;
    size_t n, m;

    assert_int_equal(world.store->ops->get_runs(world.store, dag_key, 0, 0, 0, a, &runs, &n, NULL),
                     0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(runs[i].state, RUN_SUCCESS);
        assert_int_equal(runs[i].type, RUN_TYPE_ASSET_TRIGGERED);
        assert_int_equal(runs[i].logical_date_us, TIME_NONE);
        assert_int_equal(world.store->ops->get_run_events(world.store, runs[i].run_key, 0, 0, a,
                                                          &events, &m, NULL),
                         0);
        assert_true(m > 0); /* no run for nothing */
        for (size_t k = 0; k < m; k++) {
            count[events[k].event_key]++;
        }
    }
    *ret_runs = n;
}

static void check(void)
{
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    struct asset_event_row *events;
    struct arena a;
    size_t n, runs;

    arena_init(&a, MiB(64));
    assert_int_equal(world.store->ops->get_asset_events(world.store, &q, &a, &events, &n, NULL), 0);
    for (size_t d = 0; d < DAGS; d++) {
        struct asset_queue_shape *shapes;
        int *count = calloc(n + 2, sizeof *count), waiting = 0, missing = 0;
        size_t m;

        if (specs[d].waits == NULL) {
            free(count);
            continue;
        }
        count_consumed(world.keys[d], &a, count, &runs);
        assert_int_equal(
            world.store->ops->get_asset_queue(world.store, world.keys[d], &a, &shapes, &m, NULL),
            0);
        for (size_t i = 0; i < m; i++) {
            waiting += (int)shapes[i].count;
        }
        for (size_t i = 0; i < n; i++) {
            int expected = concerns(&specs[d], &events[i]);

            if (count[events[i].event_key] > expected) {
                fail_msg("DAG %s consumed event %lld %d times", specs[d].id,
                         (long long)events[i].event_key, count[events[i].event_key]);
            }
            missing += expected - count[events[i].event_key];
        }
        /* What no run has waits; and only where both are needed may anything wait. */
        if (missing != waiting ||
            (waiting > 0 && strcmp(specs[d].id, "all") != 0 && !specs[d].only_partitions)) {
            fail_msg("DAG %s: %d events are of no run, %d wait", specs[d].id, missing, waiting);
        }
        free(count);
    }
    arena_fini(&a);
}

static void end(void)
{
    check();
    store_close(world.store);
    for (size_t i = 0; i < DAGS; i++) {
        dag_unref(world.dags[i]);
    }
    arena_fini(&world.arena);
}

static void test_every_suspension(void **state)
{
    uint64_t all;

    (void)state;
    begin(1, 12);
    assert_true(live(0));
    all = world.suspensions;
    end();
    assert_true(all > 100);
    for (uint64_t at = 1; at <= all; at++) {
        begin(1, 12);
        if (!live(at)) {
            world.wanted += 3; /* events go on in the next life */
            assert_true(live(0));
        }
        end();
    }
}

static void test_random_crashes(void **state)
{
    const char *text = getenv("SEEDS");
    long seeds = text != NULL ? strtol(text, NULL, 10) : 300;

    (void)state;
    for (long seed = 1; seed <= seeds; seed++) {
        begin((uint64_t)seed, 30);
        for (int i = 0; i < 12 && !live(1 + prng_below(&world.prng, 600)); i++) {
            world.wanted += 2;
        }
        assert_true(world.done || live(0));
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_suspension),
        cmocka_unit_test(test_random_crashes),
    };

    log_setup(2, LOG_LEVEL_OFF, 0, NULL);
    return cmocka_run_group_tests_name("asset runs", tests, NULL, NULL);
}
