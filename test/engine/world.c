#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "dag_builder.h"

#define MEMORY_BACK 60 /* commits; a run needs fewer */

struct world world;

/* ---- the store: its own operations, each of which may be made to fail ---- */

static const struct store_ops *real;
static struct store_ops patched;

static int trip(struct err *e, bool commit)
{
    if (world.trip_at == 0 || (world.trip_commits && !commit)) {
        return 0;
    }
    world.calls++;
    if (world.calls < world.trip_at || world.calls > world.trip_at + world.trip_more) {
        return 0;
    }
    world.tripped++;
    return err_set(e, (enum err_code) - world.trip_rc, "simulated error of the store");
}

static int t_commit(struct store *s, int shard, int64_t epoch, int64_t seq,
                    const struct store_batch *b, struct err *e)
{
    int rc = trip(e, true);

    if (++world.commits == MEMORY_BACK) {
        mem_fail_at(
            0, 0); /* a commit is repeated for as long as it takes: memory comes back at last */
    }
    if (rc != 0 && !world.trip_after) {
        return rc;
    }
    return rc != 0 ? (void)real->commit(s, shard, epoch, seq, b, NULL),
           rc      : real->commit(s, shard, epoch, seq, b, e);
}

#define TRIP(name, params, args)               \
    static int t_##name params                 \
    {                                          \
        int rc = trip(e, false);               \
                                               \
        return rc != 0 ? rc : real->name args; \
    }
TRIP(acquire, (struct store * s, int shard, const char *o, int64_t *p, int64_t *q, struct err *e),
     (s, shard, o, p, q, e))
TRIP(reserve_keys, (struct store * s, const char *k, int64_t n, int64_t *f, struct err *e),
     (s, k, n, f, e))
TRIP(find_dag,
     (struct store * s, const char *id, struct arena *a, struct dag_row *r, struct err *e),
     (s, id, a, r, e))
TRIP(get_version,
     (struct store * s, int64_t k, struct arena *a, struct version_row *r, struct err *e),
     (s, k, a, r, e))
TRIP(find_version, (struct store * s, int64_t d, const char *h, int64_t *r, struct err *e),
     (s, d, h, r, e))
TRIP(get_runs,
     (struct store * s, int64_t d, unsigned st, int64_t k, size_t l, struct arena *a,
      struct run_row **r, size_t *n, struct err *e),
     (s, d, st, k, l, a, r, n, e))
TRIP(get_run, (struct store * s, int64_t k, struct arena *a, struct run_row *r, struct err *e),
     (s, k, a, r, e))
TRIP(find_run,
     (struct store * s, int64_t d, const char *id, struct arena *a, struct run_row *r,
      struct err *e),
     (s, d, id, a, r, e))
TRIP(get_tis,
     (struct store * s, int64_t k, unsigned st, struct arena *a, struct ti_row **r, size_t *n,
      struct err *e),
     (s, k, st, a, r, n, e))
TRIP(get_dags, (struct store * s, struct arena *a, struct dag_row **r, size_t *n, struct err *e),
     (s, a, r, n, e))
TRIP(get_pools, (struct store * s, struct arena *a, struct pool_row **r, size_t *n, struct err *e),
     (s, a, r, n, e))
TRIP(get_xcom,
     (struct store * s, const struct ti_key *k, const char *name, struct arena *a,
      struct xcom_row *r, struct err *e),
     (s, k, name, a, r, e))
TRIP(get_backfills,
     (struct store * s, int64_t d, bool active, size_t l, struct arena *a, struct backfill_row **r,
      size_t *n, struct err *e),
     (s, d, active, l, a, r, n, e))
TRIP(get_backfill,
     (struct store * s, int64_t k, struct arena *a, struct backfill_row *r, struct err *e),
     (s, k, a, r, e))
TRIP(get_backfill_runs,
     (struct store * s, int64_t k, bool planned, uint32_t from, size_t l, struct arena *a,
      struct backfill_run_row **r, size_t *n, struct err *e),
     (s, k, planned, from, l, a, r, n, e))
TRIP(find_run_by_date,
     (struct store * s, int64_t d, int64_t t, struct arena *a, struct run_row *r, struct err *e),
     (s, d, t, a, r, e))
TRIP(previous_run,
     (struct store * s, int64_t k, bool any, struct arena *a, struct run_row *r, struct err *e),
     (s, k, any, a, r, e))
TRIP(find_command,
     (struct store * s, const char *k, struct arena *a, const char **r, struct err *e),
     (s, k, a, r, e))

static void patch(struct store *s)
{
    real = s->ops;
    patched = *real;
    patched.commit = t_commit;
    patched.acquire = t_acquire;
    patched.reserve_keys = t_reserve_keys;
    patched.find_dag = t_find_dag;
    patched.get_version = t_get_version;
    patched.find_version = t_find_version;
    patched.get_runs = t_get_runs;
    patched.get_run = t_get_run;
    patched.find_run = t_find_run;
    patched.get_tis = t_get_tis;
    patched.get_dags = t_get_dags;
    patched.get_pools = t_get_pools;
    patched.get_xcom = t_get_xcom;
    patched.find_command = t_find_command;
    patched.get_backfills = t_get_backfills;
    patched.get_backfill = t_get_backfill;
    patched.get_backfill_runs = t_get_backfill_runs;
    patched.find_run_by_date = t_find_run_by_date;
    patched.previous_run = t_previous_run;
    s->ops = &patched;
}

/* ---- the worker ---- */

struct test_worker {
    struct worker base;
    struct co_group group;
};

static struct process *find(const struct uuid *token)
{
    for (size_t i = 0; i < world.processes_len; i++) {
        if (uuid_cmp(&world.processes[i].token, token) == 0) {
            return &world.processes[i];
        }
    }
    return NULL;
}

static void add_event(struct worker_end *end)
{
    if (world.asset == NULL || end->outcome != WORKER_SUCCESS) {
        return;
    }
    end->asset_events = arena_array(&end->arena, 1, sizeof *end->asset_events);
    if (end->asset_events != NULL) {
        end->asset_events[0] = (struct worker_asset_event){.name = world.asset,
                                                           .uri = world.asset,
                                                           .group = "asset",
                                                           .extra = "{\"n\":1}",
                                                           .aliases = "one\0two",
                                                           .aliases_len = 8};
        end->asset_events_len = 1;
    }
}

void world_tell_again(const struct process *p)
{
    struct worker_end *end = worker_end_new(&p->key, &p->token, WORKER_SUCCESS);

    assert_non_null(end);
    add_event(end);
    assert_int_equal(end->asset_events_len, 1);
    world.cb.ended(world.cb.arg, end);
}

int64_t world_events(void)
{
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    int64_t n = -1, newest;

    assert_int_equal(world.store->ops->count_asset_events(world.store, &q, &n, &newest, NULL), 0);
    return n;
}

static void tell_end(struct process *p)
{
    struct worker_end *end = worker_end_new(&p->key, &p->token, p->outcome);

    if (p->told || end == NULL) {
        worker_end_free(end);
        return; /* told in the next life */
    }
    p->told = true;
    end->exit_code = p->outcome == WORKER_SUCCESS ? 0 : 1;
    end->at_us = p->ends_us;
    end->reason = p->outcome == WORKER_SUCCESS ? NULL : "simulated";
    if (world.xcom != NULL && p->outcome == WORKER_SUCCESS) {
        end->xcoms = arena_array(&end->arena, 1, sizeof *end->xcoms);
        if (end->xcoms != NULL) {
            end->xcoms[0] = (struct worker_xcom){"return_value", world.xcom, strlen(world.xcom)};
            end->xcoms_len = 1;
        }
    }
    add_event(end);
    world.cb.ended(world.cb.arg, end);
}

static int process_main(void *arg)
{
    struct process *p = arg;

    while (p->ends_us > loop_wall_us(loop_current())) {
        if (co_sleep(p->ends_us - loop_wall_us(loop_current())) != 0) {
            return 0;
        }
    }
    tell_end(p);
    return 0;
}

static void watch(struct worker *w, struct process *p)
{
    world.cb.started(world.cb.arg, &p->key, &p->token, 100, "h1", NULL, 0);
    (void)co_spawn(&((struct test_worker *)w)->group, "process", process_main, p, NULL, NULL);
}

static int w_start(struct worker *w, const struct worker_job *job, struct err *e)
{
    struct process *p = &world.processes[world.processes_len];

    (void)e;
    assert_true(world.processes_len < PROCESSES_MAX);
    assert_false(world.paused);
    world.processes_len++;
    *p = (struct process){.token = job->token, .key = job->key, .try_number = job->try_number};
    p->ends_us = loop_wall_us(loop_current()) + world.process_us;
    p->outcome = world.fails != NULL &&
                         strcmp(world.dag->tasks[job->key.task].task_id, world.fails) == 0 &&
                         job->try_number <= world.fail_tries
                     ? WORKER_FAILED
                     : WORKER_SUCCESS;
    watch(w, p);
    return 0;
}

static int w_adopt(struct worker *w, const struct worker_job *jobs, size_t n,
                   const struct uuid *others, size_t others_len, struct err *e)
{
    (void)others;
    (void)others_len;
    for (size_t i = 0; i < n; i++) {
        struct process *p = find(&jobs[i].token);

        if (p != NULL && !p->acked) {
            watch(w, p);
        } else {
            (void)w_start(w, &jobs[i], e);
        }
    }
    return 0;
}

static void w_kill(struct worker *w, const struct uuid *token, const char *reason)
{
    struct process *p = find(token);

    (void)w;
    if (p != NULL && !p->told) {
        p->outcome = strcmp(reason, "interrupted") == 0 ? WORKER_LOST : WORKER_KILLED;
        p->ends_us = loop_wall_us(loop_current());
        tell_end(p);
    }
}

static void w_ack(struct worker *w, const struct uuid *token)
{
    struct process *p = find(token);

    (void)w;
    if (p != NULL) {
        p->acked = true;
    }
}

static bool w_find(struct worker *w, const struct uuid *token, struct ti_key *ret)
{
    const struct process *p = find(token);

    (void)w;
    if (p == NULL || p->told) {
        return false;
    }
    *ret = p->key;
    return true;
}

static void w_pause(struct worker *w, bool paused)
{
    (void)w;
    world.paused = paused;
}

static void w_set_callbacks(struct worker *w, const struct worker_callbacks *cb)
{
    (void)w;
    world.cb = *cb;
}

static void w_close(struct worker *w)
{
    co_group_close(&((struct test_worker *)w)->group);
}

static const struct worker_ops w_ops = {
    .set_callbacks = w_set_callbacks,
    .adopt = w_adopt,
    .start = w_start,
    .kill = w_kill,
    .ack = w_ack,
    .find = w_find,
    .pause = w_pause,
    .close = w_close,
};

/* ---- lives ---- */

struct dag *world_dag_of(const char *spec)
{
    struct dag *d = test_dag(spec);

    (void)snprintf(d->hash, sizeof d->hash, "%08x", hash_bytes(spec, strlen(spec)));
    return d;
}

void world_open(const char *spec)
{
    struct err e = {0};

    world = (struct world){.spec = spec, .now_us = 1000 * TIME_SECOND, .process_us = TIME_SECOND};
    world.dag = world_dag_of(spec);
    assert_int_equal(store_mem_open(&world.store, &e), 0);
    patch(world.store);
}

void world_close(void)
{
    store_close(world.store);
    dag_unref(world.dag);
}

static int load_same(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    char spec[1000];

    (void)arg;
    (void)e;
    (void)snprintf(spec, sizeof spec, "%.*s", (int)src->len, src->document);
    *ret = strcmp(spec, world.spec) == 0 ? dag_ref(world.dag) : world_dag_of(spec);
    return 0;
}

struct life {
    int (*fn)(struct engine *g, struct err *e);
    struct err *e;
};

static int life_main(void *arg)
{
    struct life *l = arg;
    struct test_worker w = {.base = {.ops = &w_ops, .id = 1, .slots = 2}};
    struct engine_config c = {.loop = loop_current(),
                              .store = world.store,
                              .worker = &w.base,
                              .owner = "test",
                              .home = world.home,
                              .seed = (uint64_t)world.now_us,
                              .parallelism = 2,
                              .schedules = world.schedules};
    struct engine *g;
    int rc;

    co_group_init(&w.group, c.loop);
    world.worker = &w.base;
    rc = engine_open(&c, &g, l->e);
    if (rc == 0) {
        rc = engine_recover(g, NULL, SIZE_MAX, load_same, NULL, l->e);
        rc = rc == 0 ? l->fn(g, l->e) : rc;
        engine_close(g);
    }
    w_close(&w.base);
    return rc;
}

static bool crash_now(void *arg, uint64_t n)
{
    (void)arg;
    world.suspensions = n;
    return world.crash_at != 0 && n >= world.crash_at;
}

int world_live(int (*fn)(struct engine *g, struct err *e), struct err *e)
{
    struct loop_config lc = {.wall_start_us = world.now_us, .seed = world.loop_seed};
    struct life l = {fn, e};
    struct loop *loop;
    struct err made = {0};
    int rc;

    world.paused = false;
    for (size_t i = 0; i < world.processes_len; i++) {
        world.processes[i].told = false;
    }
    rc = world.uv ? loop_uv_new(&lc, &loop, &made) : loop_virtual_new(&lc, &loop, &made);
    if (rc != 0) {
        return rc;
    }
    if (!world.uv) {
        loop_virtual_on_suspend(loop, crash_now, NULL);
    }
    rc = loop_main(loop, life_main, &l, &made);
    world.now_us = loop_wall_us(loop) + TIME_SECOND;
    loop_free(loop);
    if (rc != 0 && e->code == 0) {
        *e = made;
    }
    return rc;
}

int world_add(struct engine *g, struct err *e)
{
    struct engine_run_request rq = {
        .run_id = "r", .type = RUN_TYPE_MANUAL, .logical_date_us = TIME_SECOND};
    struct arena a;
    struct run_row row;
    int rc;

    if (world.run_key != 0 && engine_run_dag(g, world.run_key) != NULL) {
        return 0;
    }
    rc = engine_add_dag(g, world.dag, world.spec, strlen(world.spec), &rq.dag_key, e);
    rc = rc == 0 ? engine_create_run(g, &rq, &world.run_key, e) : rc;
    if (rc == -ERR_EXISTS) {
        arena_init(&a, MiB(1));
        rc = world.store->ops->find_run(world.store, rq.dag_key, "r", &a, &row, e);
        world.run_key = rc == 0 ? row.run_key : 0;
        arena_fini(&a);
    }
    return rc;
}

int world_finish(struct engine *g, struct err *e)
{
    struct co_deadline d;
    enum run_state state;
    int rc = world_add(g, e);

    if (rc == 0 && engine_run_dag(g, world.run_key) != NULL) {
        co_deadline_begin(&d, 86400 * TIME_SECOND);
        rc = engine_wait_run(g, world.run_key, &state, e);
        co_deadline_end(&d);
    }
    return rc;
}

/* ---- what the store says ---- */

const char *world_rows(void)
{
    static char text[1024];
    struct arena a;
    struct ti_row *rows;
    size_t n = 0, used = 0;

    arena_init(&a, MiB(4));
    text[0] = '\0';
    assert_int_equal(real->get_tis(world.store, world.run_key, 0, &a, &rows, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s %u", i != 0 ? "; " : "",
                                 world.dag->tasks[rows[i].key.task].task_id,
                                 task_state_to_string(rows[i].state), rows[i].try_number);
    }
    arena_fini(&a);
    return text;
}

enum run_state world_run_state(void)
{
    struct arena a;
    struct run_row row;

    arena_init(&a, MiB(4));
    assert_int_equal(real->get_run(world.store, world.run_key, &a, &row, NULL), 0);
    arena_fini(&a);
    return row.state;
}

size_t world_started(const char *task_id)
{
    size_t n = 0;

    for (size_t i = 0; i < world.processes_len; i++) {
        n += strcmp(world.dag->tasks[world.processes[i].key.task].task_id, task_id) == 0;
    }
    return n;
}

const struct process *world_process(const char *task_id)
{
    for (size_t i = world.processes_len; i > 0; i--) {
        if (strcmp(world.dag->tasks[world.processes[i - 1].key.task].task_id, task_id) == 0) {
            return &world.processes[i - 1];
        }
    }
    fail_msg("%s never started", task_id);
    return NULL;
}

void world_check(void)
{
    for (size_t i = 0; i < world.processes_len; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct process *p = &world.processes[i], *q = &world.processes[j];

            assert_true(uuid_cmp(&p->token, &q->token) != 0);
            assert_false(p->key.run_key == q->key.run_key && p->key.task == q->key.task &&
                         p->try_number == q->try_number && q->outcome != WORKER_LOST);
        }
    }
}
