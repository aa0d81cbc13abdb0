/* Runs and commands through the engine: from a request to durable rows; what is refused; interrupt and recovery; errors of the store. */
#include "world.h"

#include <string.h>

#include "base/log.h"
#include "engine/engine_priv.h"

static void live(int (*fn)(struct engine *g, struct err *e))
{
    struct err e = {0};
    int rc = world_live(fn, &e);

    if (rc != 0) {
        fail_msg("%s: %s", err_name(rc), err_str(&e));
    }
}

/* ---- runs ---- */

static int one_run(struct engine *g, struct err *e)
{
    struct engine_stats s;
    int rc = world_finish(g, e);

    engine_get_stats(g, &s);
    assert_true(s.commits > 0 && s.store_error == 0);
    return rc;
}

static void a_run_from_request_to_end(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a; c <- a retries=1 delay=1; d <- b,c");
    world.fails = "c";
    world.fail_tries = 1;
    live(one_run);
    assert_string_equal(world_rows(), "a success 1; b success 1; c success 2; d success 1");
    assert_int_equal(world_run_state(), RUN_SUCCESS);
    for (size_t i = 0; i < world.processes_len; i++) {
        assert_true(world.processes[i].acked);
    }
    world_check();
    world_close();
}

/* All of its tasks are instant: the commit that makes the run ends it, before anyone can wait for it. */
static int ended_at_birth(struct engine *g, struct err *e)
{
    enum run_state state = RUN_FAILED;

    assert_int_equal(world_add(g, e), 0);
    assert_null(engine_run_dag(g, world.run_key));
    assert_int_equal(engine_wait_run(g, world.run_key, &state, e), 0);
    assert_int_equal(state, RUN_SUCCESS);
    assert_int_equal(engine_wait_run(g, 4711, &state, e), -ERR_NOTFOUND);
    return 0;
}

static void a_run_that_ends_at_its_birth(void **state)
{
    (void)state;
    world_open("@shop; a instant; b <- a instant");
    live(ended_at_birth);
    assert_string_equal(world_rows(), "a success 0; b success 0");
    world_close();
}

static int refusals(struct engine *g, struct err *e)
{
    struct engine_run_request rq = {
        .run_id = "r", .type = RUN_TYPE_MANUAL, .logical_date_us = TIME_SECOND};
    static const char *const bad[] = {"", ".hidden", "a/b", "a b", "a\nb", "\xc3\xa9"};
    int64_t key, again;

    assert_int_equal(engine_create_run(g, &rq, &key, e), -ERR_NOTFOUND);
    assert_int_equal(engine_add_dag(g, world.dag, world.spec, strlen(world.spec), &rq.dag_key, e),
                     0);
    assert_int_equal(engine_add_dag(g, world.dag, world.spec, strlen(world.spec), &again, e), 0);
    assert_int_equal(again, rq.dag_key);
    assert_int_equal(engine_create_run(g, &rq, &key, e), 0);
    assert_int_equal(engine_create_run(g, &rq, &again, e), -ERR_EXISTS);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rq.run_id = bad[i];
        assert_int_equal(engine_create_run(g, &rq, &again, e), -ERR_INVALID);
    }
    rq.run_id = NULL;
    assert_int_equal(engine_create_run(g, &rq, &again, e), 0);
    assert_true(again > key);
    *e = (struct err){0};
    world.run_key = key;
    return world_finish(g, e);
}

static void what_is_refused(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a");
    live(refusals);
    assert_int_equal(world_run_state(), RUN_SUCCESS);
    world_close();
}

/* ---- commands ---- */

static int command(struct engine *g, enum engine_op op, const char *key, const char *task_id,
                   uint32_t *n, struct err *e)
{
    uint32_t task = task_id != NULL ? dag_task(world.dag, task_id)->index : 0;
    struct engine_command c = {.op = op,
                               .key = key,
                               .actor = "anna",
                               .run_key = world.run_key,
                               .tasks = task_id != NULL ? &task : NULL,
                               .tasks_len = task_id != NULL,
                               .state = TASK_SUCCESS,
                               .reason = "by anna"};

    return engine_command(g, &c, n, e);
}

static int clears(struct engine *g, struct err *e)
{
    uint32_t n = 0;

    assert_int_equal(world_finish(g, e), 0);
    assert_int_equal(command(g, ENGINE_CLEAR, "k1", "b", &n, e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(world_finish(g, e), 0);
    assert_int_equal(command(g, ENGINE_CLEAR, "k1", "b", &n, e),
                     0); /* the same key: applied before */
    assert_int_equal(n, 0);
    return world_finish(g, e);
}

static void a_clear_runs_again_once(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a; c <- b");
    live(clears);
    assert_string_equal(world_rows(), "a success 1; b success 2; c success 1");
    assert_int_equal(world_started("b"), 2);
    assert_int_equal(world_run_state(), RUN_SUCCESS);
    world_check();
    world_close();
}

static int marks(struct engine *g, struct err *e)
{
    uint32_t n = 0;

    world.process_us = 3600 * TIME_SECOND;
    assert_int_equal(world_add(g, e), 0);
    (void)co_sleep(TIME_SECOND);
    world.process_us = TIME_SECOND;
    assert_int_equal(command(g, ENGINE_MARK, NULL, "a", &n, e), 0);
    assert_int_equal(n, 1);
    return world_finish(g, e);
}

static void a_mark_ends_what_lives(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a");
    live(marks);
    assert_string_equal(world_rows(), "a success 1; b success 1");
    assert_int_equal(world.processes[0].outcome, WORKER_KILLED);
    world_close();
}

static int stops(struct engine *g, struct err *e)
{
    uint32_t n = 0;

    world.process_us = 3600 * TIME_SECOND;
    assert_int_equal(world_add(g, e), 0);
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(command(g, ENGINE_STOP_RUN, NULL, NULL, &n, e), 0);
    return world_finish(g, e);
}

static void a_stop_fails_the_run(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a");
    live(stops);
    assert_int_equal(world_run_state(), RUN_FAILED);
    assert_int_equal(world_started("b"), 0);
    assert_int_equal(world.processes[0].outcome, WORKER_KILLED);
    world_close();
}

/* The last task is marked while it lives: the run is over with that, and known no longer than its attempt lives. */
static int marks_the_last(struct engine *g, struct err *e)
{
    enum run_state state = RUN_RUNNING;
    struct msg read = {.forgets = g->forgets}, other = {.forgets = g->forgets};
    uint32_t n = 0;

    world.process_us = 3600 * TIME_SECOND;
    assert_int_equal(world_add(g, e), 0);
    read.read_key = world.run_key;
    other.read_key = world.run_key + 1;
    (void)co_sleep(TIME_SECOND);
    assert_false(facts_stale(g, &read));
    assert_int_equal(command(g, ENGINE_MARK, NULL, "a", &n, e), 0);
    assert_int_equal(engine_wait_run(g, world.run_key, &state, e), 0);
    assert_int_equal(state, RUN_SUCCESS);
    (void)co_sleep(TIME_SECOND);
    assert_null(engine_run_dag(g, world.run_key));
    assert_true(facts_stale(g, &read)); /* who read its rows before reads them again */
    assert_false(facts_stale(g, &other));
    read.forgets = g->forgets;
    assert_false(facts_stale(g, &read));
    return engine_wait_run(g, world.run_key, &state, e);
}

static void a_run_ended_by_hand_is_forgotten_with_its_last_attempt(void **state)
{
    (void)state;
    world_open("@shop; a");
    live(marks_the_last);
    assert_int_equal(world_run_state(), RUN_SUCCESS);
    world_close();
}

/* Read back for a mark that changes an instance and not the run, or nothing at all: it leaves again. */
static int marks_after_the_end(struct engine *g, struct err *e)
{
    uint32_t n = 0;

    assert_int_equal(world_finish(g, e), 0);
    assert_null(engine_run_dag(g, world.run_key));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(command(g, ENGINE_MARK, NULL, "a", &n, e), 0);
        assert_int_equal(n, i == 0);
        (void)co_sleep(TIME_SECOND);
        assert_null(engine_run_dag(g, world.run_key));
    }
    return 0;
}

static void a_run_marked_after_its_end_is_forgotten(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a rule=all_done");
    world.fails = "a";
    world.fail_tries = 1;
    live(marks_after_the_end);
    assert_string_equal(world_rows(), "a success 1; b success 1");
    world_close();
}

static int unknown_run(struct engine *g, struct err *e)
{
    uint32_t n = 9;
    int rc;

    world.run_key = 4711;
    rc = command(g, ENGINE_CLEAR, NULL, NULL, &n, e);
    assert_int_equal(rc, -ERR_NOTFOUND);
    assert_int_equal(n, 0);
    return 0;
}

static void a_command_for_no_run_is_refused(void **state)
{
    (void)state;
    world_open("@shop; a");
    live(unknown_run);
    world_close();
}

/* ---- asset events ---- */

static int finished_and_told_again(struct engine *g, struct err *e)
{
    assert_int_equal(world_finish(g, e), 0);
    assert_int_equal(world_events(), 3);
    for (size_t i = 0; i < world.processes_len; i++) {
        world_tell_again(&world.processes[i]); /* the failed try too: all tokens are stale */
    }
    (void)co_sleep(TIME_SECOND);
    return 0;
}

static void events_of_successes_are_kept_once(void **state)
{
    struct asset_event_query q = {.alias = "two", .from_us = TIME_NONE, .to_us = TIME_NONE};
    struct asset_event_row *rows;
    struct arena a;
    size_t n;

    (void)state;
    world_open("@shop; a; b <- a; c <- a retries=1 delay=1");
    world.asset = "s3://x";
    world.fails = "c";
    world.fail_tries = 1;
    live(finished_and_told_again);
    assert_int_equal(world_events(), 3);
    arena_init(&a, MiB(1));
    assert_int_equal(world.store->ops->get_asset_events(world.store, &q, &a, &rows, &n, NULL), 0);
    assert_int_equal(n, 3);
    assert_string_equal(rows[0].uri, "s3://x");
    assert_string_equal(rows[0].dag_id, "shop");
    assert_string_equal(rows[0].task_id, "a");
    assert_string_equal(rows[0].run_id, "r");
    assert_string_equal(rows[0].extra, "{\"n\":1}");
    assert_string_equal(rows[2].task_id, "c");
    arena_fini(&a);
    world_close();
}

static int marked_while_it_ran(struct engine *g, struct err *e)
{
    int rc = marks(g, e);

    world_tell_again(&world.processes[0]); /* its own success comes too late */
    (void)co_sleep(TIME_SECOND);
    return rc;
}

static void a_marked_task_has_no_event(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a");
    world.asset = "s3://x";
    live(marked_while_it_ran);
    assert_int_equal(world_events(), 1); /* b's */
    world_close();
}

/* ---- interrupt and recovery ---- */

static int interrupter(void *arg)
{
    (void)co_sleep(TIME_SECOND * 3 / 2); /* a is done, b and c run */
    engine_interrupt(arg);
    engine_interrupt(arg);
    return 0;
}

static int interrupts(struct engine *g, struct err *e)
{
    struct co_group group;
    enum run_state state;

    assert_int_equal(world_add(g, e), 0);
    co_group_init(&group, loop_current());
    assert_int_equal(co_spawn(&group, "interrupter", interrupter, g, NULL, NULL), 0);
    assert_int_equal(engine_wait_run(g, world.run_key, &state, e), -ERR_CANCELED);
    assert_int_equal(co_group_join(&group), 0);
    *e = (struct err){0};
    return 0;
}

static void an_interrupted_run_goes_on(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a; c <- a; d <- b,c");
    live(interrupts);
    assert_int_equal(world_run_state(), RUN_RUNNING);
    assert_int_equal(world_started("d"), 0);
    live(one_run);
    assert_string_equal(world_rows(),
                        "a success 1; b success 1; c success 1; d success 1"); /* the same try */
    assert_int_equal(world_started("a"), 1);
    assert_int_equal(world_started("b"), 2);
    world_check();
    world_close();
}

static int leaves(struct engine *g, struct err *e)
{
    int rc = world_add(g, e);

    (void)co_sleep(TIME_SECOND / 2);
    return rc; /* closed in the midst: what runs goes on without us */
}

static void processes_go_on_without_the_engine(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a");
    live(leaves);
    assert_int_equal(world.processes_len, 1);
    live(one_run);
    assert_string_equal(world_rows(), "a success 1; b success 1");
    assert_int_equal(world_started("a"), 1); /* adopted, not run twice */
    world_close();
}

/* ---- the store fails for a while, or for good ---- */

static int watched(struct engine *g, struct err *e)
{
    struct engine_stats s = {0};
    size_t started;

    assert_int_equal(world_add(g, e), 0);
    world.trip_commits = true;
    world.trip_rc = -ERR_FULL;
    world.trip_at = 1;
    world.trip_more = 5;
    (void)co_sleep(TIME_SECOND * 3 / 2);
    started = world.processes_len;
    engine_get_stats(g, &s);
    assert_int_equal(s.store_error, -ERR_FULL);
    assert_true(world.paused);
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(world.processes_len,
                     started); /* nothing starts while it cannot be written down */
    return world_finish(g, e);
}

static void a_full_store_is_waited_for(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a; c <- b");
    live(watched);
    assert_int_equal(world.tripped, 6);
    assert_false(world.paused);
    assert_string_equal(world_rows(), "a success 1; b success 1; c success 1");
    world_close();
}

static int unknown_outcomes(struct engine *g, struct err *e)
{
    world.trip_commits = world.trip_after = true;
    world.trip_rc = -ERR_IO;
    world.trip_at = 1;
    world.trip_more = 1000;
    world.calls = 0;
    (void)co_sleep(0);
    world.trip_more = 3;
    return world_finish(g, e);
}

static void a_commit_of_unknown_outcome_is_sent_again(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a; c <- b");
    world.asset = "s3://x";
    live(unknown_outcomes);
    assert_int_equal(world.tripped, 4);
    assert_int_equal(world_events(), 3);
    assert_string_equal(world_rows(), "a success 1; b success 1; c success 1");
    world_check();
    world_close();
}

static int taken_over(struct engine *g, struct err *e)
{
    enum run_state state;
    int64_t epoch, seq;
    uint32_t n;
    int rc;

    assert_int_equal(world_add(g, e), 0);
    assert_int_equal(world.store->ops->acquire(world.store, 0, "another", &epoch, &seq, e), 0);
    rc = engine_wait_run(g, world.run_key, &state, e);
    assert_true(rc != 0 && err_str(e)[0] != '\0');
    assert_int_equal(command(g, ENGINE_CLEAR, NULL, NULL, &n, e), -ERR_CLOSED);
    return 0;
}

static void an_engine_that_lost_its_shard_stops(void **state)
{
    (void)state;
    world_open("@shop; a; b <- a");
    live(taken_over);
    assert_int_equal(world_started("b"), 0);
    live(one_run);
    assert_string_equal(world_rows(), "a success 1; b success 1");
    assert_int_equal(world_started("a"), 1);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_from_request_to_end),
        cmocka_unit_test(a_run_that_ends_at_its_birth),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(a_clear_runs_again_once),
        cmocka_unit_test(a_mark_ends_what_lives),
        cmocka_unit_test(a_stop_fails_the_run),
        cmocka_unit_test(a_run_ended_by_hand_is_forgotten_with_its_last_attempt),
        cmocka_unit_test(a_run_marked_after_its_end_is_forgotten),
        cmocka_unit_test(a_command_for_no_run_is_refused),
        cmocka_unit_test(events_of_successes_are_kept_once),
        cmocka_unit_test(a_marked_task_has_no_event),
        cmocka_unit_test(an_interrupted_run_goes_on),
        cmocka_unit_test(processes_go_on_without_the_engine),
        cmocka_unit_test(a_full_store_is_waited_for),
        cmocka_unit_test(a_commit_of_unknown_outcome_is_sent_again),
        cmocka_unit_test(an_engine_that_lost_its_shard_stops),
    };

    log_setup(2, LOG_LEVEL_OFF, 0, NULL);
    return cmocka_run_group_tests_name("engine runs", tests, NULL, NULL);
}
