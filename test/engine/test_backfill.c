/* Backfills through the engine, on the virtual loop: what is made, in which order, how many at once; what becomes of runs that are there;
 * pause and cancel. */
#include "backfill_world.h"

#include <string.h>

#include "base/log.h"
#include "runtime/loop.h"

/* ---- plain ---- */

static void every_date_runs_once_in_order(void **state)
{
    struct seen s;

    (void)state;
    bf_begin("@shop max_active_runs=1; a; b <- a", 10, 3);
    bf_live(bf_life);
    bf_check_end();
    assert_int_equal(it.worst, 3); /* its own limit, not the DAG's 1 */
    bf_see(&s);
    for (size_t i = 1; i < s.len; i++) {
        assert_true(bf_run_of(&s, s.dates[i].run_key)->start_us >=
                    bf_run_of(&s, s.dates[i - 1].run_key)->start_us);
    }
    assert_int_equal(s.runs[0].type, RUN_TYPE_BACKFILL);
    bf_unsee(&s);
    bf_end();
}

static void backwards_the_last_date_is_first(void **state)
{
    struct seen s;

    (void)state;
    bf_begin("@shop; a", 6, 1);
    it.backwards = true;
    bf_live(bf_life);
    bf_check_end();
    bf_see(&s);
    assert_int_equal(s.dates[0].logical_us, it.day0 + 5 * DAY);
    for (size_t i = 1; i < s.len; i++) {
        assert_true(bf_run_of(&s, s.dates[i].run_key)->start_us >=
                    bf_run_of(&s, s.dates[i - 1].run_key)->end_us);
    }
    bf_unsee(&s);
    bf_end();
}

static void runs_that_are_there(enum backfill_reprocess r)
{
    bf_begin("@shop; a; b <- a", 6, 2);
    it.reprocess = r;
    it.before[1] = RUN_SUCCESS;
    it.before[2] = RUN_FAILED;
    it.before[5] = RUN_SUCCESS;
    bf_live(bf_life_before);
    bf_live(bf_life);
    bf_check_end();
    bf_end();
}

static void what_becomes_of_runs_that_are_there(void **state)
{
    (void)state;
    runs_that_are_there(BACKFILL_NONE);
    runs_that_are_there(BACKFILL_FAILED);
    runs_that_are_there(BACKFILL_COMPLETED);
}

/* ---- in flight ---- */

static int with_one_in_flight(struct engine *g, struct err *e)
{
    struct engine_run_request rq = {
        .run_id = "mine", .type = RUN_TYPE_MANUAL, .logical_date_us = it.day0 + DAY};
    int64_t key;
    int rc = bf_ensure_dag(g, &rq.dag_key, e);

    world.process_us = 3600 * TIME_SECOND;
    rc = rc == 0 ? engine_create_run(g, &rq, &key, e) : rc;
    (void)co_sleep(TIME_SECOND);
    world.process_us = TIME_SECOND;
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    return rc == 0 ? bf_wait_over(g, e) : rc;
}

static void a_run_in_flight_is_never_doubled(void **state)
{
    struct seen s;

    (void)state;
    bf_begin("@shop; a", 3, 2);
    it.reprocess = BACKFILL_COMPLETED;
    bf_live(with_one_in_flight);
    bf_see(&s);
    assert_int_equal(s.dates[0].outcome, BACKFILL_CREATED);
    assert_int_equal(s.dates[1].outcome, BACKFILL_IN_FLIGHT);
    assert_int_equal(s.dates[2].outcome, BACKFILL_CREATED);
    assert_int_equal(s.runs_len, 3);
    bf_unsee(&s);
    bf_end();
}

/* ---- the past ---- */

static void the_past_is_waited_for(void **state)
{
    struct seen s;

    (void)state;
    bf_begin("@shop catchup; a past", 5, 4);
    it.reprocess = BACKFILL_COMPLETED;
    for (int i = 0; i < 5; i++) {
        it.before[i] = RUN_SUCCESS;
    }
    bf_live(bf_life_before);
    bf_live(bf_life);
    bf_check_end();
    bf_see(&s);
    for (size_t i = 1; i < s.len; i++) { /* each waited for the rerun of the one before */
        assert_true(bf_run_of(&s, s.dates[i].run_key)->end_us >
                    bf_run_of(&s, s.dates[i - 1].run_key)->end_us);
    }
    bf_unsee(&s);
    bf_end();
}

/* The first date of a backfill depends on no earlier run, however that ended. */
static int with_a_failed_past(struct engine *g, struct err *e)
{
    struct engine_run_request rq = {
        .run_id = "old", .type = RUN_TYPE_SCHEDULED, .logical_date_us = it.day0 - DAY};
    struct engine_command stop = {.op = ENGINE_STOP_RUN, .reason = "before"};
    enum run_state state;
    uint32_t n;
    int rc = bf_ensure_dag(g, &rq.dag_key, e);

    rc = rc == 0 ? engine_create_run(g, &rq, &stop.run_key, e) : rc;
    rc = rc == 0 ? engine_command(g, &stop, &n, e) : rc;
    rc = rc == 0 ? engine_wait_run(g, stop.run_key, &state, e) : rc;
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    return rc == 0 ? bf_wait_over(g, e) : rc;
}

static void the_first_date_depends_on_nothing(void **state)
{
    (void)state;
    bf_begin("@shop catchup; a past; b <- a", 3, 2);
    it.reprocess = BACKFILL_FAILED;
    bf_live(with_a_failed_past);
    bf_check_end();
    bf_end();
}

/* ---- refused ---- */

static int refused(struct engine *g, struct err *e)
{
    struct backfill_request q = {.dag_id = "shop", .from = "2026-01-01", .to = "2026-01-03"};
    int64_t key, dag_key;
    uint32_t n;

    q.dag_id = "nobody's";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_NOTFOUND);
    assert_int_equal(bf_ensure_dag(g, &dag_key, e), 0);
    q.dag_id = "shop";
    q.from = "soon";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_INVALID);
    q.from = "2026-02-01";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_INVALID);
    q.from = "2026-01-01";
    bf_set_schedule("{\"schedule\": \"@continuous\"}");
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_UNSUPPORTED);
    bf_set_schedule("{}");
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_UNSUPPORTED);
    bf_set_schedule("{\"schedule\": \"0 0 * * *\"}");
    q.from = "2026-01-01T01:00:00Z";
    q.to = "2026-01-01T02:00:00Z";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_NOTFOUND);
    q.from = "2026-01-01";
    q.to = "2026-01-03";
    world.process_us = 3600 * TIME_SECOND;
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), 0);
    assert_int_equal(n, 3); /* a date alone is the whole day */
    assert_true(engine_carries_backfill(g, key));
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_CONFLICT);
    assert_int_equal(engine_change_backfill(g, 99, BACKFILL_PAUSE, "x", e), -ERR_NOTFOUND);
    assert_int_equal(engine_change_backfill(g, key, BACKFILL_CANCEL, "x", e), 0);
    *e = (struct err){0};
    return bf_wait_over(g, e);
}

static void what_is_refused(void **state)
{
    (void)state;
    bf_begin("@shop; a", 3, 10);
    bf_live(refused);
    bf_end();
}

/* ---- pause, cancel ---- */

static size_t count_state(enum run_state state)
{
    struct seen s;
    size_t n = 0;

    bf_see(&s);
    for (size_t i = 0; i < s.runs_len; i++) {
        n += s.runs[i].state == state;
    }
    bf_unsee(&s);
    return n;
}

static int pauses(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = bf_ensure_dag(g, &dag_key, e);
    size_t made;

    engine_on_commit(g, bf_on_commit, NULL);
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    (void)co_sleep(TIME_SECOND / 2);
    bf_check();
    assert_int_equal(count_state(RUN_RUNNING), 2);
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_PAUSE, "anna", e), 0);
    (void)co_sleep(3600 * TIME_SECOND);
    made = count_state(RUN_SUCCESS);
    assert_int_equal(made, 2); /* what ran went on, and nothing else began */
    assert_int_equal(count_state(RUN_RUNNING), 0);
    assert_true(count_state(RUN_QUEUED) > 0);
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_UNPAUSE, "anna", e), 0);
    return rc == 0 ? bf_wait_over(g, e) : rc;
}

static void a_pause_holds_what_is_queued(void **state)
{
    (void)state;
    bf_begin("@shop; a", 50, 2);
    bf_live(pauses);
    bf_check_end();
    bf_end();
}

static int cancels(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = bf_ensure_dag(g, &dag_key, e);

    engine_on_commit(g, bf_on_commit, NULL);
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    (void)co_sleep(TIME_SECOND / 2);
    bf_check();
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_CANCEL, "anna", e), 0);
    rc = rc == 0 ? bf_wait_over(g, e) : rc;
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_UNPAUSE, "anna", e), -ERR_CONFLICT);
    *e = (struct err){0};
    return rc;
}

static void a_cancel_fails_what_is_queued(void **state)
{
    struct seen s;

    (void)state;
    bf_begin("@shop; a", 60, 2);
    bf_live(cancels);
    bf_check_end();
    bf_see(&s);
    assert_int_equal(count_state(RUN_SUCCESS), 2); /* they ran, and went on */
    assert_int_equal(count_state(RUN_FAILED), s.runs_len - 2);
    assert_int_equal(world.processes_len, 2);
    assert_true(s.runs_len < s.len);
    bf_unsee(&s);
    bf_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_date_runs_once_in_order),
        cmocka_unit_test(backwards_the_last_date_is_first),
        cmocka_unit_test(what_becomes_of_runs_that_are_there),
        cmocka_unit_test(a_run_in_flight_is_never_doubled),
        cmocka_unit_test(the_past_is_waited_for),
        cmocka_unit_test(the_first_date_depends_on_nothing),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(a_pause_holds_what_is_queued),
        cmocka_unit_test(a_cancel_fails_what_is_queued),
    };

    log_setup(-1, LOG_LEVEL_ERROR, false, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
