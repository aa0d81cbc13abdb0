/*
 * Clears across runs, with a crash at every suspension of the whole: each run is cleared once, a later run waits for the cleared earlier
 * one, and what goes on with another version of its DAG keeps its past.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/plan.h"

#define RUNS  3
#define SPEC  "@shop; a past; b <- a; gone"
#define NEWER "@shop; b <- a; new; a past"

static bool newest;

static int create(struct engine *g, struct err *e)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < RUNS; i++) {
        char id[16];
        struct engine_run_request rq = {
            .run_id = id, .type = RUN_TYPE_MANUAL, .logical_date_us = (i + 1) * TIME_SECOND};
        enum run_state state;
        int64_t key;

        (void)snprintf(id, sizeof id, "r%d", i);
        rc = engine_add_dag(g, world.dag, world.spec, strlen(world.spec), &rq.dag_key, e);
        rc = rc == 0 ? engine_create_run(g, &rq, &key, e) : rc;
        rc = rc == 0 ? engine_wait_run(g, key, &state, e) : rc;
        assert_int_equal(key, i + 1);
    }
    return rc;
}

static int load(struct store *s, int64_t version_key, struct dag **ret, struct err *e)
{
    struct version_row row;
    struct arena a;
    char spec[1000];
    int rc;

    arena_init(&a, MiB(1));
    rc = s->ops->get_version(s, version_key, &a, &row, e);
    if (rc == 0) {
        (void)snprintf(spec, sizeof spec, "%.*s", (int)row.document_len, row.document);
        *ret = world_dag_of(spec);
    }
    arena_fini(&a);
    return rc;
}

/* The whole as a command would do it, and again after a crash with the same key. */
static int clear_all(struct engine *g, struct err *e)
{
    struct plan_query q = {.op = ENGINE_CLEAR,
                           .dag_id = "shop",
                           .all_runs = true,
                           .from_us = TIME_NONE,
                           .to_us = TIME_NONE,
                           .map_index = -1,
                           .newest = newest};
    const struct plan_run *r;
    struct plan *p;
    int64_t dag_key;
    struct dag *newer = newest ? world_dag_of(NEWER) : NULL;
    int rc = newest ? engine_add_dag(g, newer, NEWER, strlen(NEWER), &dag_key, e) : 0;

    dag_unref(newer);
    rc = rc == 0 ? plan_open(world.store, &q, load, &p, e) : rc;
    if (rc != 0) {
        return rc;
    }
    while (rc == 0 && (rc = plan_next(p, &r, e)) == 1) {
        struct engine_command cmd;
        uint32_t affected;

        rc = r->refused == NULL ? plan_command(p, r, "k", "test", &cmd, e) : 0;
        rc = rc == 0 && r->refused == NULL ? engine_command(g, &cmd, &affected, e) : rc;
    }
    plan_close(p);
    for (int64_t key = 1; rc == 0 && key <= RUNS; key++) {
        enum run_state state;

        rc = engine_wait_run(g, key, &state, e);
    }
    return rc;
}

static const struct process *try_of(int64_t run_key, uint32_t task, uint16_t n)
{
    for (size_t i = 0; i < world.processes_len; i++) {
        const struct process *p = &world.processes[i];

        if (p->key.run_key == run_key && p->key.task == task && p->try_number == n) {
            return p;
        }
    }
    return NULL;
}

static void check(uint64_t crash)
{
    uint32_t a = newest ? 2 : 0; /* where it stands */
    struct arena arena;
    struct err e = {0};

    arena_init(&arena, MiB(16));
    for (int64_t key = 1; key <= RUNS; key++) {
        struct run_row run;
        struct ti_row *tis;
        struct gone_row *gone;
        size_t n, gone_len;

        assert_int_equal(world.store->ops->get_run(world.store, key, &arena, &run, &e), 0);
        if (run.state != RUN_SUCCESS || run.clear_number != 1 || (run.version_key != 1) != newest) {
            fail_msg("crash %llu: run %lld is %d, cleared %u times, of version %lld",
                     (unsigned long long)crash, (long long)key, run.state, run.clear_number,
                     (long long)run.version_key);
        }
        assert_int_equal(world.store->ops->get_tis(world.store, key, 0, &arena, &tis, &n, &e), 0);
        assert_int_equal(n, 3);
        for (size_t i = 0; i < n; i++) {
            bool fresh = newest && tis[i].key.task == 1;

            assert_int_equal(tis[i].state, TASK_SUCCESS);
            if (tis[i].try_number != (fresh ? 1 : 2)) {
                fail_msg("crash %llu: run %lld task %u has %u tries", (unsigned long long)crash,
                         (long long)key, tis[i].key.task, tis[i].try_number);
            }
        }
        assert_int_equal(world.store->ops->get_gone(world.store, key, &arena, &gone, &gone_len, &e),
                         0);
        assert_int_equal(gone_len, newest ? 1 : 0);
        if (key > 1) { /* depends_on_past: after that of the run before */
            const struct process *own = try_of(key, a, 2), *before = try_of(key - 1, a, 2);

            assert_non_null(own);
            assert_non_null(before);
            assert_true(own > before && own->ends_us - world.process_us >= before->ends_us);
        }
    }
    if (!newest) { /* else an index is another task's */
        world_check();
    }
    arena_fini(&arena);
}

static uint64_t whole(uint64_t crash)
{
    struct err e = {0};
    uint64_t n;
    int rc;

    world_open(SPEC);
    world.process_us = TIME_SECOND;
    assert_int_equal(world_live(create, &e), 0);
    world.crash_at = crash;
    rc = world_live(clear_all, &e);
    n = world.suspensions;
    world.crash_at = 0;
    if (rc != 0) {
        assert_true(crash != 0);
        e = (struct err){0};
        rc = world_live(clear_all, &e);
        if (rc != 0) {
            fail_msg("crash %llu: %s: %s", (unsigned long long)crash, err_name(rc), err_str(&e));
        }
    }
    check(crash);
    world_close();
    return n;
}

static void at_every_suspension(bool on_newest)
{
    uint64_t all;

    newest = on_newest;
    all = whole(0);
    assert_true(all > 20);
    for (uint64_t n = 1; n <= all; n++) {
        (void)whole(n);
    }
}

static void cleared_runs_wait_for_one_another(void **state)
{
    (void)state;
    at_every_suspension(false);
}

static void runs_go_on_with_the_newest_version(void **state)
{
    (void)state;
    at_every_suspension(true);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleared_runs_wait_for_one_another),
        cmocka_unit_test(runs_go_on_with_the_newest_version),
    };

    log_setup(2, LOG_LEVEL_OFF, 0, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
