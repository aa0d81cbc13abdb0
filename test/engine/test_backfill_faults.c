/* Backfills with a crash at every suspension, with errors of the store at every call, and drawn ones with many crashes and commands.
 * Whatever happens: no date missing, none twice, the limit never exceeded. */
#include "backfill_world.h"

#include <string.h>

#include "base/log.h"
#include "base/prng.h"
#include "runtime/loop.h"

#define LIVES_MAX 60

/* ---- a crash at every suspension ---- */

static void crash_everywhere(const char *older, const char *spec, enum backfill_reprocess r,
                             bool backwards)
{
    uint64_t all = 1;

    for (uint64_t at = 0; at <= all; at++) {
        struct err e = {0};

        bf_begin(spec, 5, 2);
        it.reprocess = r;
        it.backwards = backwards;
        it.older = older;
        it.before[1] = RUN_SUCCESS;
        it.before[3] = RUN_FAILED;
        bf_live(bf_life_before);
        world.crash_at = at;
        if (at == 0) {
            bf_live(bf_life);
            all = world.suspensions;
        } else {
            assert_int_equal(world_live(bf_life, &e), -ERR_CANCELED);
            world.crash_at = 0;
            bf_check();
            bf_live(bf_life);
        }
        bf_check_end();
        bf_end();
    }
    assert_true(all > 50);
}

static void a_crash_at_every_suspension(void **state)
{
    (void)state;
    crash_everywhere(NULL, "@shop; a; b <- a", BACKFILL_NONE, false);
    crash_everywhere(NULL, "@shop; a; b <- a", BACKFILL_COMPLETED, true);
    crash_everywhere(NULL, "@shop catchup; a past", BACKFILL_FAILED, false);
}

/* Tasks that stand elsewhere, are gone, are new. */
static void runs_of_an_older_version_go_on_with_the_newest(void **state)
{
    static const char older[] = "@shop; gone; a <- gone; b <- a";

    (void)state;
    crash_everywhere(older, "@shop; b; fresh <- b; a <- b", BACKFILL_COMPLETED, false);
    crash_everywhere(older, "@shop catchup; b past; fresh <- b; a <- b", BACKFILL_FAILED, false);
}

/* ---- an error of the store at every call ---- */

static void errors_everywhere(int rc, uint64_t more, bool after)
{
    uint64_t all;

    bf_begin("@shop; a", 5, 2);
    it.reprocess = BACKFILL_FAILED;
    it.before[3] = RUN_FAILED;
    bf_live(bf_life_before);
    world.calls = 0;
    world.trip_at = UINT64_MAX;
    bf_live(bf_life);
    all = world.calls;
    bf_end();
    assert_true(all > 30);
    for (uint64_t n = 1; n <= all; n++) {
        struct err e = {0};

        bf_begin("@shop; a", 5, 2);
        it.reprocess = BACKFILL_FAILED;
        it.before[3] = RUN_FAILED;
        bf_live(bf_life_before);
        world.calls = 0;
        world.trip_at = n;
        world.trip_more = more;
        world.trip_rc = rc;
        world.trip_after = after;
        (void)world_live(bf_life, &e); /* it ends well, or not at all: then the next one goes on */
        world.trip_at = 0;
        bf_check();
        bf_live(bf_life);
        bf_check_end();
        bf_end();
    }
}

static void an_error_of_the_store_at_every_call(void **state)
{
    (void)state;
    errors_everywhere(-ERR_IO, 0, false);
    errors_everywhere(-ERR_BUSY, 3, false);
    errors_everywhere(-ERR_IO, 0, true);
}

/* ---- drawn ---- */

static struct prng chance;

/* Commands in between, as people give them. */
static int drawn_life(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = bf_ensure_dag(g, &dag_key, e);

    engine_on_commit(g, bf_on_commit, NULL);
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    for (int i = 0; rc == 0 && i < 3; i++) {
        struct err ignored = {0};
        uint64_t what = prng_below(&chance, 12);

        (void)co_sleep((int64_t)prng_below(&chance, 4000) * 1000);
        if (what < 3) {
            (void)engine_change_backfill(g, it.key, BACKFILL_PAUSE, "x", &ignored);
            (void)co_sleep((int64_t)prng_below(&chance, 3000) * 1000);
        }
        if (what < 2 || what == 11) {
            (void)engine_change_backfill(g, it.key, BACKFILL_CANCEL, "x", &ignored);
        } else {
            (void)engine_change_backfill(g, it.key, BACKFILL_UNPAUSE, "x", &ignored);
        }
    }
    return rc == 0 ? bf_wait_over(g, e) : rc;
}

static void one_seed(uint64_t seed)
{
    static const char *const specs[] = {"@shop; a", "@shop; a; b <- a retries=1 delay=1",
                                        "@shop max_active_runs=1; a; b; c <- a,b",
                                        "@shop catchup; a past; b <- a"};
    uint64_t which = prng_below(&chance, 4);
    int rc = -ERR_CANCELED;

    bf_begin(specs[which], 1 + (uint32_t)prng_below(&chance, 40),
             1 + (int32_t)prng_below(&chance, 5));
    it.reprocess = which == 3 ? 1 + (int)prng_below(&chance, 2) : (int)prng_below(&chance, 3);
    it.backwards = which != 3 && prng_below(&chance, 2) == 0;
    for (uint32_t i = 0; i < it.dates; i++) {
        it.before[i] = prng_below(&chance, 4) == 0 ? RUN_SUCCESS + (int)prng_below(&chance, 2) : -1;
    }
    if (which == 1) {
        world.fails = "b";
        world.fail_tries = 1;
    }
    bf_live(bf_life_before);
    for (int i = 0; rc != 0; i++) {
        struct err e = {0};

        if (i > LIVES_MAX) {
            fail_msg("seed %llu: no end: %s", (unsigned long long)seed, err_str(&e));
        }
        world.crash_at = i < 8 ? 1 + prng_below(&chance, 600) : 0;
        world.calls = 0;
        world.trip_rc = -ERR_IO;
        world.trip_at = i < 8 && prng_below(&chance, 3) == 0 ? 1 + prng_below(&chance, 60) : 0;
        world.trip_after = prng_below(&chance, 2) == 0;
        rc = world_live(i < 8 ? drawn_life : bf_life, &e);
        world.trip_at = 0;
        world.crash_at = 0;
        bf_check();
    }
    bf_check_end();
    bf_end();
}

static void drawn_ones_with_crashes_and_commands(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        prng_seed(&chance, seed);
        one_seed(seed);
    }
}

/* ---- somebody else clears runs that are about to run again ---- */

static int meddle(void *arg)
{
    struct engine *g = arg;

    for (int i = 0; i < 12; i++) {
        uint32_t task = 0;
        struct engine_command c = {.op = i % 4 == 0 ? ENGINE_CLEAR : ENGINE_MARK,
                                   .actor = "bert",
                                   .tasks = &task,
                                   .tasks_len = 1,
                                   .state = i % 2 == 1 ? TASK_SKIPPED : TASK_SUCCESS};
        struct err e = {0};
        struct seen s;
        uint32_t n;

        (void)co_sleep((int64_t)prng_below(&chance, 3));
        bf_see(&s);
        if (s.runs_len > 0) {
            c.run_key = s.runs[prng_below(&chance, s.runs_len)].run_key;
        }
        bf_unsee(&s);
        if (c.run_key != 0) {
            (void)engine_command(g, &c, &n, &e);
        }
    }
    return 0;
}

static int meddled_life(struct engine *g, struct err *e)
{
    struct co_group group;
    int64_t dag_key;
    int rc = bf_ensure_dag(g, &dag_key, e);

    co_group_init(&group, loop_current());
    engine_on_commit(g, bf_on_commit, NULL);
    for (int i = 0; i < 6; i++) {
        (void)co_spawn(&group, "meddler", meddle, g, NULL, NULL);
    }
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    rc = rc == 0 ? bf_wait_over(g, e) : rc;
    co_group_close(&group);
    return rc;
}

/* Each change of an instance starts where the one before it ended: nobody went on from rows that were read before a change. */
static void check_history(void)
{
    struct seen s;

    bf_see(&s);
    for (size_t i = 0; i < s.runs_len; i++) {
        uint8_t at[2] = {TASK_NONE, TASK_NONE};
        struct transition_row *ts;
        size_t n;

        assert_int_equal(world.store->ops->get_transitions(world.store, s.runs[i].run_key, NULL, 0,
                                                           &s.arena, &ts, &n, NULL),
                         0);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(ts[k].from, at[ts[k].key.task]);
            at[ts[k].key.task] = ts[k].to;
        }
    }
    bf_unsee(&s);
}

static void others_clear_and_mark_the_same_runs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        prng_seed(&chance, seed);
        bf_begin("@shop; a; b", 6, 1 + (int32_t)prng_below(&chance, 3));
        it.reprocess = BACKFILL_COMPLETED;
        for (uint32_t i = 0; i < it.dates; i++) {
            it.before[i] = RUN_SUCCESS;
        }
        bf_live(bf_life_before);
        world.process_us = (int64_t)prng_below(&chance, 3);
        world.loop_seed = seed;
        bf_live(meddled_life);
        bf_check();
        check_history();
        world_check();
        bf_end();
    }
}

/* ---- changes as it ends ---- */

static int change_all_the_time(void *arg)
{
    struct engine *g = arg;
    struct seen s = {0};
    bool over = false;

    for (int i = 0; i < 2000 && !over; i++) {
        struct err e = {0};

        bf_see(&s);
        over = s.row.backfill_key != 0 && s.row.completed_us != TIME_NONE;
        bf_unsee(&s);
        if (s.row.backfill_key == 0) {
            (void)co_sleep(1);
            continue;
        }
        (void)engine_change_backfill(g, s.row.backfill_key, BACKFILL_PAUSE, "anna", &e);
        (void)engine_change_backfill(g, s.row.backfill_key, BACKFILL_UNPAUSE, "anna", &e);
        if (co_sleep((int64_t)prng_below(&chance, 3)) != 0) {
            break;
        }
    }
    return 0;
}

static int changed_life(struct engine *g, struct err *e)
{
    struct co_group group;
    int64_t dag_key;
    int rc = bf_ensure_dag(g, &dag_key, e);

    co_group_init(&group, loop_current());
    (void)co_spawn(&group, "anna", change_all_the_time, g, NULL, NULL);
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    rc = rc == 0 ? bf_wait_over(g, e) : rc;
    co_group_close(&group);
    return rc;
}

/* Its end and a change that was read before are two rows of it: the end must stay. */
static void a_change_as_it_ends_does_not_undo_the_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        prng_seed(&chance, seed);
        bf_begin("@shop; a", 2, 2);
        world.loop_seed = seed;
        world.process_us = (int64_t)prng_below(&chance, 3);
        bf_live(changed_life);
        bf_check_end();
        bf_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_as_it_ends_does_not_undo_the_end),
        cmocka_unit_test(a_crash_at_every_suspension),
        cmocka_unit_test(runs_of_an_older_version_go_on_with_the_newest),
        cmocka_unit_test(an_error_of_the_store_at_every_call),
        cmocka_unit_test(drawn_ones_with_crashes_and_commands),
        cmocka_unit_test(others_clear_and_mark_the_same_runs),
    };

    log_setup(-1, LOG_LEVEL_ERROR, false, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
