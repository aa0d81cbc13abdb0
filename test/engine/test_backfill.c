/*
 * Backfills through the engine, on the virtual loop: what is made, in which order, how many at once; what becomes of runs that are there;
 * pause and cancel. Then the same with a crash at every suspension, with errors of the store at every call, and drawn ones with many crashes
 * and commands. Whatever happens: no date missing, none twice, the limit never exceeded.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/prng.h"
#include "engine/backfill.h"
#include "sched/sched.h"

#define DAY       (86400 * TIME_SECOND)
#define DATES_MAX 64
#define LIVES_MAX 60

/* What a test is about. */
static struct {
    struct arena arena; /* of the DAG's document */
    int64_t day0;       /* of the first date */
    uint32_t dates;
    int32_t limit;
    enum backfill_reprocess reprocess;
    bool backwards;
    int before[DATES_MAX];   /* by day: -1, or the state of the run that is there before */
    bool failing[DATES_MAX]; /* unused days are false */
    int64_t key;
    int worst; /* most of its runs that ran at once */
    int most;  /* most that were queued or running */
} it;

static void set_schedule(const char *text)
{
    struct value *v = NULL;

    assert_int_equal(value_parse(&it.arena, text, strlen(text), &v, NULL), 0);
    world.dag->document = v;
}

static void begin(const char *spec, uint32_t dates, int32_t limit)
{
    memset(&it, 0, sizeof it);
    arena_init(&it.arena, MiB(1));
    world_open(spec);
    world.schedules = true;
    assert_int_equal(time_parse("2026-01-01T00:00:00Z", 20, &it.day0), 0);
    world.now_us = it.day0 + 400 * DAY;
    it.dates = dates;
    it.limit = limit;
    for (int i = 0; i < DATES_MAX; i++) {
        it.before[i] = -1;
    }
    set_schedule("{\"schedule\": \"0 0 * * *\"}");
}

static void end(void)
{
    world_close();
    arena_fini(&it.arena);
}

/* ---- what the store says ---- */

struct seen {
    struct arena arena;
    struct backfill_row row;
    struct backfill_run_row *dates;
    size_t len;
    struct run_row *runs;
    size_t runs_len;
};

static void see(struct seen *s)
{
    struct backfill_row *rows;
    size_t n = 0;
    struct store *st = world.store;
    uint64_t trip = world.trip_at;

    world.trip_at = 0;
    memset(s, 0, sizeof *s);
    arena_init(&s->arena, MiB(64));
    assert_int_equal(st->ops->get_backfills(st, 0, false, 1, &s->arena, &rows, &n, NULL), 0);
    if (n > 0) {
        s->row = rows[0];
        it.key = s->row.backfill_key;
        assert_int_equal(st->ops->get_backfill_runs(st, it.key, false, 1, 0, &s->arena, &s->dates,
                                                    &s->len, NULL),
                         0);
    }
    assert_int_equal(st->ops->get_runs(st, 0, 0, 0, 0, &s->arena, &s->runs, &s->runs_len, NULL), 0);
    world.trip_at = trip;
}

static void unsee(struct seen *s)
{
    arena_fini(&s->arena);
}

static const struct run_row *run_of(const struct seen *s, int64_t run_key)
{
    for (size_t i = 0; i < s->runs_len; i++) {
        if (s->runs[i].run_key == run_key) {
            return &s->runs[i];
        }
    }
    return NULL;
}

/* At any time: each date once, in order; what was made has a run of that date; no date has two runs of a backfill; the limit holds. */
static void check_now(const struct seen *s)
{
    int running = 0, live = 0;

    for (size_t i = 0; i < s->len; i++) {
        const struct backfill_run_row *d = &s->dates[i];
        int64_t day = it.backwards ? it.dates - 1 - (int64_t)i : (int64_t)i;
        const struct run_row *r = run_of(s, d->run_key);

        assert_int_equal(d->ordinal, i + 1);
        assert_int_equal(d->logical_us, it.day0 + day * DAY);
        if (d->outcome == BACKFILL_CREATED || d->outcome == BACKFILL_CLEARED) {
            assert_non_null(r);
            assert_int_equal(r->logical_date_us, d->logical_us);
            assert_int_equal(r->backfill_key, it.key);
            running += r->state == RUN_RUNNING;
            live += r->state == RUN_RUNNING || r->state == RUN_QUEUED;
        }
    }
    for (size_t i = 0; i < s->runs_len; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(s->runs[i].logical_date_us != s->runs[j].logical_date_us);
        }
    }
    if (s->row.completed_us != TIME_NONE) {
        return; /* whoever clears a run of it now has the DAG's limit */
    }
    assert_true(running <= it.limit);
    assert_true(live <= it.limit + LIMIT_BACKFILL_AHEAD);
    it.worst = running > it.worst ? running : it.worst;
    it.most = live > it.most ? live : it.most;
}

static void check(void)
{
    struct seen s;

    see(&s);
    check_now(&s);
    unsee(&s);
}

static void on_commit(void *arg, const struct sched_actions *a)
{
    (void)arg;
    (void)a;
    check();
}

/* ---- the life ---- */

static int ensure_dag(struct engine *g, int64_t *ret, struct err *e)
{
    return engine_add_dag(g, world.dag, world.spec, strlen(world.spec), ret, e);
}

/* Runs that are there before: made by hand, with their dates, and brought to their state. */
static int ensure_before(struct engine *g, int64_t dag_key, struct err *e)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < it.dates; i++) {
        char id[32];
        struct engine_run_request rq = {.dag_key = dag_key,
                                        .run_id = id,
                                        .type = RUN_TYPE_MANUAL,
                                        .logical_date_us = it.day0 + (int64_t)i * DAY};
        struct engine_command stop = {.op = ENGINE_STOP_RUN, .reason = "before"};
        uint32_t n;
        enum run_state state;

        if (it.before[i] < 0) {
            continue;
        }
        (void)snprintf(id, sizeof id, "before%u", i);
        rc = engine_create_run(g, &rq, &stop.run_key, e);
        if (rc == 0 && it.before[i] == RUN_FAILED) {
            rc = engine_command(g, &stop, &n, e);
        }
        rc = rc == 0 ? engine_wait_run(g, stop.run_key, &state, e) : rc;
        assert_true(rc != 0 || state == (enum run_state)it.before[i]);
    }
    return rc;
}

static int ensure_backfill(struct engine *g, struct err *e)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    struct backfill_request q = {.dag_id = world.dag->dag_id,
                                 .from = time_format(it.day0, from),
                                 .to = time_format(it.day0 + (it.dates - 1) * DAY, to),
                                 .max_active_runs = it.limit,
                                 .reprocess = it.reprocess,
                                 .backwards = it.backwards,
                                 .conf = "{\"n\": 1}",
                                 .actor = "anna"};
    struct seen s;
    int64_t key;
    uint32_t dates = 0;
    int rc = 0;

    see(&s);
    if (s.row.backfill_key == 0) {
        rc = engine_create_backfill(g, &q, &key, &dates, e);
        assert_true(rc != 0 || dates == it.dates);
    }
    unsee(&s);
    return rc;
}

static bool is_over(void)
{
    struct seen s;
    bool over;

    see(&s);
    over = s.row.backfill_key != 0 && s.row.completed_us != TIME_NONE;
    for (size_t i = 0; i < s.runs_len; i++) {
        over = over && run_state_finished(s.runs[i].state);
    }
    unsee(&s);
    return over;
}

static int wait_over(struct engine *g, struct err *e)
{
    for (int i = 0; i < 100000 && !is_over(); i++) {
        struct engine_stats st;

        engine_get_stats(g, &st);
        if (co_sleep(TIME_SECOND / 2) != 0 || engine_run_dag(g, -1) != NULL) {
            return err_set(e, ERR_CLOSED, "interrupted");
        }
        if (engine_pause_dag(g, "nobody's", false, "x", e) == -ERR_CLOSED) {
            return -ERR_CLOSED; /* the engine has stopped: the next life goes on */
        }
        *e = (struct err){0};
    }
    return is_over() ? 0 : err_set(e, ERR_TIMEOUT, "the backfill does not end");
}

static int life(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = ensure_dag(g, &dag_key, e);

    engine_on_commit(g, on_commit, NULL);
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
    return rc == 0 ? wait_over(g, e) : rc;
}

static int life_before(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = ensure_dag(g, &dag_key, e);

    return rc == 0 ? ensure_before(g, dag_key, e) : rc;
}

static void live(int (*fn)(struct engine *g, struct err *e))
{
    struct err e = {0};
    int rc = world_live(fn, &e);

    if (rc != 0) {
        fail_msg("%s: %s", err_name(rc), err_str(&e));
    }
}

/* At the end: every date has what the rules say. */
static void check_end(void)
{
    struct seen s;

    see(&s);
    check_now(&s);
    assert_int_equal(s.len, it.dates);
    assert_int_equal(s.row.dates, it.dates);
    for (size_t i = 0; i < s.len; i++) {
        const struct backfill_run_row *d = &s.dates[i];
        size_t day = it.backwards ? it.dates - 1 - i : i;
        const struct run_row *r = run_of(&s, d->run_key);
        enum backfill_outcome o =
            backfill_decide(it.reprocess, it.before[day] >= 0, it.before[day]);

        if (s.row.cancelled_us != TIME_NONE && d->outcome == BACKFILL_PLANNED) {
            continue;
        }
        assert_int_equal(d->outcome, o);
        assert_non_null(r);
        assert_true(s.row.cancelled_us != TIME_NONE || o == BACKFILL_EXISTS ||
                    r->state == RUN_SUCCESS);
        if (o != BACKFILL_EXISTS) {
            assert_string_equal(r->conf, "{\"n\": 1}");
            assert_int_equal(r->clear_number, o == BACKFILL_CLEARED);
        }
    }
    world_check();
    unsee(&s);
}

/* ---- plain ---- */

static void every_date_runs_once_in_order(void **state)
{
    struct seen s;

    (void)state;
    begin("@shop max_active_runs=1; a; b <- a", 10, 3);
    live(life);
    check_end();
    assert_int_equal(it.worst, 3); /* its own limit, not the DAG's 1 */
    see(&s);
    for (size_t i = 1; i < s.len; i++) {
        assert_true(run_of(&s, s.dates[i].run_key)->start_us >=
                    run_of(&s, s.dates[i - 1].run_key)->start_us);
    }
    assert_int_equal(s.runs[0].type, RUN_TYPE_BACKFILL);
    unsee(&s);
    end();
}

static void backwards_the_last_date_is_first(void **state)
{
    struct seen s;

    (void)state;
    begin("@shop; a", 6, 1);
    it.backwards = true;
    live(life);
    check_end();
    see(&s);
    assert_int_equal(s.dates[0].logical_us, it.day0 + 5 * DAY);
    for (size_t i = 1; i < s.len; i++) {
        assert_true(run_of(&s, s.dates[i].run_key)->start_us >=
                    run_of(&s, s.dates[i - 1].run_key)->end_us);
    }
    unsee(&s);
    end();
}

static void runs_that_are_there(enum backfill_reprocess r)
{
    begin("@shop; a; b <- a", 6, 2);
    it.reprocess = r;
    it.before[1] = RUN_SUCCESS;
    it.before[2] = RUN_FAILED;
    it.before[5] = RUN_SUCCESS;
    live(life_before);
    live(life);
    check_end();
    end();
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
    int rc = ensure_dag(g, &rq.dag_key, e);

    world.process_us = 3600 * TIME_SECOND;
    rc = rc == 0 ? engine_create_run(g, &rq, &key, e) : rc;
    (void)co_sleep(TIME_SECOND);
    world.process_us = TIME_SECOND;
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
    return rc == 0 ? wait_over(g, e) : rc;
}

static void a_run_in_flight_is_never_doubled(void **state)
{
    struct seen s;

    (void)state;
    begin("@shop; a", 3, 2);
    it.reprocess = BACKFILL_COMPLETED;
    live(with_one_in_flight);
    see(&s);
    assert_int_equal(s.dates[0].outcome, BACKFILL_CREATED);
    assert_int_equal(s.dates[1].outcome, BACKFILL_IN_FLIGHT);
    assert_int_equal(s.dates[2].outcome, BACKFILL_CREATED);
    assert_int_equal(s.runs_len, 3);
    unsee(&s);
    end();
}

/* ---- the past ---- */

static void the_past_is_waited_for(void **state)
{
    struct seen s;

    (void)state;
    begin("@shop catchup; a past", 5, 4);
    it.reprocess = BACKFILL_COMPLETED;
    for (int i = 0; i < 5; i++) {
        it.before[i] = RUN_SUCCESS;
    }
    live(life_before);
    live(life);
    check_end();
    see(&s);
    for (size_t i = 1; i < s.len; i++) { /* each waited for the rerun of the one before */
        assert_true(run_of(&s, s.dates[i].run_key)->end_us >
                    run_of(&s, s.dates[i - 1].run_key)->end_us);
    }
    unsee(&s);
    end();
}

/* The first date of a backfill depends on no earlier run, however that ended. */
static int with_a_failed_past(struct engine *g, struct err *e)
{
    struct engine_run_request rq = {
        .run_id = "old", .type = RUN_TYPE_SCHEDULED, .logical_date_us = it.day0 - DAY};
    struct engine_command stop = {.op = ENGINE_STOP_RUN, .reason = "before"};
    enum run_state state;
    uint32_t n;
    int rc = ensure_dag(g, &rq.dag_key, e);

    rc = rc == 0 ? engine_create_run(g, &rq, &stop.run_key, e) : rc;
    rc = rc == 0 ? engine_command(g, &stop, &n, e) : rc;
    rc = rc == 0 ? engine_wait_run(g, stop.run_key, &state, e) : rc;
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
    return rc == 0 ? wait_over(g, e) : rc;
}

static void the_first_date_depends_on_nothing(void **state)
{
    (void)state;
    begin("@shop catchup; a past; b <- a", 3, 2);
    it.reprocess = BACKFILL_FAILED;
    live(with_a_failed_past);
    check_end();
    end();
}

/* ---- refused ---- */

static int refused(struct engine *g, struct err *e)
{
    struct backfill_request q = {.dag_id = "shop", .from = "2026-01-01", .to = "2026-01-03"};
    int64_t key, dag_key;
    uint32_t n;

    q.dag_id = "nobody's";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_NOTFOUND);
    assert_int_equal(ensure_dag(g, &dag_key, e), 0);
    q.dag_id = "shop";
    q.from = "soon";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_INVALID);
    q.from = "2026-02-01";
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_INVALID);
    q.from = "2026-01-01";
    set_schedule("{\"schedule\": \"@continuous\"}");
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_UNSUPPORTED);
    set_schedule("{}");
    assert_int_equal(engine_create_backfill(g, &q, &key, &n, e), -ERR_UNSUPPORTED);
    set_schedule("{\"schedule\": \"0 0 * * *\"}");
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
    return wait_over(g, e);
}

static void what_is_refused(void **state)
{
    (void)state;
    begin("@shop; a", 3, 10);
    live(refused);
    end();
}

/* ---- pause, cancel ---- */

static size_t count_state(enum run_state state)
{
    struct seen s;
    size_t n = 0;

    see(&s);
    for (size_t i = 0; i < s.runs_len; i++) {
        n += s.runs[i].state == state;
    }
    unsee(&s);
    return n;
}

static int pauses(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = ensure_dag(g, &dag_key, e);
    size_t made;

    engine_on_commit(g, on_commit, NULL);
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
    (void)co_sleep(TIME_SECOND / 2);
    check();
    assert_int_equal(count_state(RUN_RUNNING), 2);
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_PAUSE, "anna", e), 0);
    (void)co_sleep(3600 * TIME_SECOND);
    made = count_state(RUN_SUCCESS);
    assert_int_equal(made, 2); /* what ran went on, and nothing else began */
    assert_int_equal(count_state(RUN_RUNNING), 0);
    assert_true(count_state(RUN_QUEUED) > 0);
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_UNPAUSE, "anna", e), 0);
    return rc == 0 ? wait_over(g, e) : rc;
}

static void a_pause_holds_what_is_queued(void **state)
{
    (void)state;
    begin("@shop; a", 50, 2);
    live(pauses);
    check_end();
    end();
}

static int cancels(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = ensure_dag(g, &dag_key, e);

    engine_on_commit(g, on_commit, NULL);
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
    (void)co_sleep(TIME_SECOND / 2);
    check();
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_CANCEL, "anna", e), 0);
    rc = rc == 0 ? wait_over(g, e) : rc;
    assert_int_equal(engine_change_backfill(g, it.key, BACKFILL_UNPAUSE, "anna", e), -ERR_CONFLICT);
    *e = (struct err){0};
    return rc;
}

static void a_cancel_fails_what_is_queued(void **state)
{
    struct seen s;

    (void)state;
    begin("@shop; a", 60, 2);
    live(cancels);
    check_end();
    see(&s);
    assert_int_equal(count_state(RUN_SUCCESS), 2); /* they ran, and went on */
    assert_int_equal(count_state(RUN_FAILED), s.runs_len - 2);
    assert_int_equal(world.processes_len, 2);
    assert_true(s.runs_len < s.len);
    unsee(&s);
    end();
}

/* ---- a crash at every suspension ---- */

static void crash_everywhere(const char *spec, enum backfill_reprocess r, bool backwards)
{
    uint64_t all = 1;

    for (uint64_t at = 0; at <= all; at++) {
        struct err e = {0};

        begin(spec, 5, 2);
        it.reprocess = r;
        it.backwards = backwards;
        it.before[1] = RUN_SUCCESS;
        it.before[3] = RUN_FAILED;
        live(life_before);
        world.crash_at = at;
        if (at == 0) {
            live(life);
            all = world.suspensions;
        } else {
            assert_int_equal(world_live(life, &e), -ERR_CANCELED);
            world.crash_at = 0;
            check();
            live(life);
        }
        check_end();
        end();
    }
    assert_true(all > 50);
}

static void a_crash_at_every_suspension(void **state)
{
    (void)state;
    crash_everywhere("@shop; a; b <- a", BACKFILL_NONE, false);
    crash_everywhere("@shop; a; b <- a", BACKFILL_COMPLETED, true);
    crash_everywhere("@shop catchup; a past", BACKFILL_FAILED, false);
}

/* ---- an error of the store at every call ---- */

static void errors_everywhere(int rc, uint64_t more, bool after)
{
    uint64_t all;

    begin("@shop; a", 5, 2);
    it.reprocess = BACKFILL_FAILED;
    it.before[3] = RUN_FAILED;
    live(life_before);
    world.calls = 0;
    world.trip_at = UINT64_MAX;
    live(life);
    all = world.calls;
    end();
    assert_true(all > 30);
    for (uint64_t n = 1; n <= all; n++) {
        struct err e = {0};

        begin("@shop; a", 5, 2);
        it.reprocess = BACKFILL_FAILED;
        it.before[3] = RUN_FAILED;
        live(life_before);
        world.calls = 0;
        world.trip_at = n;
        world.trip_more = more;
        world.trip_rc = rc;
        world.trip_after = after;
        (void)world_live(life, &e); /* it ends well, or not at all: then the next one goes on */
        world.trip_at = 0;
        check();
        live(life);
        check_end();
        end();
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
    int rc = ensure_dag(g, &dag_key, e);

    engine_on_commit(g, on_commit, NULL);
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
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
    return rc == 0 ? wait_over(g, e) : rc;
}

static void one_seed(uint64_t seed)
{
    static const char *const specs[] = {"@shop; a", "@shop; a; b <- a retries=1 delay=1",
                                        "@shop max_active_runs=1; a; b; c <- a,b",
                                        "@shop catchup; a past; b <- a"};
    uint64_t which = prng_below(&chance, 4);
    int rc = -ERR_CANCELED;

    begin(specs[which], 1 + (uint32_t)prng_below(&chance, 40), 1 + (int32_t)prng_below(&chance, 5));
    it.reprocess = which == 3 ? 1 + (int)prng_below(&chance, 2) : (int)prng_below(&chance, 3);
    it.backwards = which != 3 && prng_below(&chance, 2) == 0;
    for (uint32_t i = 0; i < it.dates; i++) {
        it.before[i] = prng_below(&chance, 4) == 0 ? RUN_SUCCESS + (int)prng_below(&chance, 2) : -1;
    }
    if (which == 1) {
        world.fails = "b";
        world.fail_tries = 1;
    }
    live(life_before);
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
        rc = world_live(i < 8 ? drawn_life : life, &e);
        world.trip_at = 0;
        world.crash_at = 0;
        check();
    }
    check_end();
    end();
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
        struct engine_command c = {.op = ENGINE_CLEAR, .actor = "bert"};
        struct err e = {0};
        struct seen s;
        uint32_t n;

        (void)co_sleep((int64_t)prng_below(&chance, 3));
        see(&s);
        if (s.runs_len > 0) {
            c.run_key = s.runs[prng_below(&chance, s.runs_len)].run_key;
        }
        unsee(&s);
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
    int rc = ensure_dag(g, &dag_key, e);

    co_group_init(&group, loop_current());
    engine_on_commit(g, on_commit, NULL);
    for (int i = 0; i < 3; i++) {
        (void)co_spawn(&group, "meddler", meddle, g, NULL, NULL);
    }
    rc = rc == 0 ? ensure_backfill(g, e) : rc;
    rc = rc == 0 ? wait_over(g, e) : rc;
    co_group_close(&group);
    return rc;
}

static void others_clear_the_same_runs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        prng_seed(&chance, seed);
        begin("@shop; a", 12, 1 + (int32_t)prng_below(&chance, 5));
        it.reprocess = BACKFILL_COMPLETED;
        for (uint32_t i = 0; i < it.dates; i++) {
            it.before[i] = RUN_SUCCESS;
        }
        live(life_before);
        world.process_us = (int64_t)prng_below(&chance, 3);
        live(meddled_life);
        check();
        world_check();
        end();
    }
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
        cmocka_unit_test(a_crash_at_every_suspension),
        cmocka_unit_test(an_error_of_the_store_at_every_call),
        cmocka_unit_test(drawn_ones_with_crashes_and_commands),
        cmocka_unit_test(others_clear_the_same_runs),
    };

    log_setup(-1, LOG_LEVEL_ERROR, false, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
