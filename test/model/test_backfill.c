/* Backfills, the pure part: which dates, in which order, and what is done with each; against counting by hand, with drawn ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "model/backfill.h"
#include "model/dag.h"
#include "model/states.h"
#include "model/timetable.h"
#include "model/zone.h"

#define MINUTE (60 * TIME_SECOND)
#define DAY    (1440 * MINUTE)
#define ROUNDS 2000

static struct arena arena;
static struct zone *utc;

static int64_t at(const char *text)
{
    int64_t t;

    assert_int_equal(time_parse(text, strlen(text), &t), 0);
    return t;
}

static const struct timetable *parse(const char *text, bool intervals)
{
    struct timetable_options o = {.cron_data_intervals = intervals,
                                  .delta_data_intervals = intervals};
    const struct timetable *t = NULL;
    struct value *v = NULL;
    struct err e = {0};

    assert_int_equal(value_parse(&arena, text, strlen(text), &v, &e), 0);
    if (timetable_parse(&arena, v, &o, &t, &e) != 0) {
        fail_msg("%s: %s", text, err_str(&e));
    }
    return t;
}

static struct backfill_row range(int64_t from, int64_t to)
{
    return (struct backfill_row){.backfill_key = 7,
                                 .from_us = from,
                                 .to_us = to,
                                 .max_active_runs = 3,
                                 .completed_us = TIME_NONE,
                                 .cancelled_us = TIME_NONE};
}

/* ---- dates ---- */

static size_t dates_of(const struct backfill_row *b, const struct timetable *t, int64_t now,
                       struct backfill_run_row **ret)
{
    struct err e = {0};
    size_t n = 0;
    int rc = backfill_dates(b, t, utc, now, &arena, ret, &n, &e);

    if (rc != 0) {
        fail_msg("%s", err_str(&e));
    }
    return n;
}

/* Every minute from `from` on is looked at: is it one at which the expression fires, as we read it? */
static bool fires(int64_t us, int minute, int hour)
{
    int64_t m = us / MINUTE;

    return us % MINUTE == 0 && m % 60 == minute && (hour < 0 || m / 60 % 24 == hour);
}

static void compare(struct prng *p)
{
    int minute = (int)prng_below(p, 60), hour = prng_below(p, 2) == 0 ? -1 : (int)prng_below(p, 24);
    int64_t step = hour < 0 ? 60 * MINUTE : DAY;
    int64_t from = at("2026-01-01T00:00:00Z") + (int64_t)prng_below(p, 200 * 1440) * MINUTE +
                   (int64_t)prng_below(p, 2);
    int64_t to = from + (int64_t)prng_below(p, 12 * 1440) * MINUTE;
    int64_t now = from + (int64_t)prng_below(p, 14 * 1440) * MINUTE + 1;
    bool intervals = prng_below(p, 2) == 0, backwards = prng_below(p, 2) == 0;
    struct backfill_row b = range(from, to);
    struct backfill_run_row *rows = NULL;
    char text[40];
    size_t n, seen = 0;

    b.backwards = backwards;
    (void)snprintf(text, sizeof text, hour < 0 ? "\"%d * * * *\"" : "\"%d %d * * *\"", minute,
                   hour);
    n = dates_of(&b, parse(text, intervals), now, &rows);
    for (int64_t us = (from + MINUTE - 1) / MINUTE * MINUTE; us <= to; us += MINUTE) {
        const struct backfill_run_row *r;
        int64_t end = intervals ? us + step : us;

        if (!fires(us, minute, hour) || end >= now) {
            continue;
        }
        if (seen == n) {
            fail_msg("%s: %zu dates, and there are more", text, n);
        }
        r = &rows[backwards ? n - 1 - seen : seen];
        assert_int_equal(r->logical_us, us);
        assert_int_equal(r->start_us, us);
        assert_int_equal(r->end_us, end);
        assert_int_equal(r->run_after_us, end);
        assert_int_equal(r->ordinal, (backwards ? n - 1 - seen : seen) + 1);
        assert_int_equal(r->outcome, BACKFILL_PLANNED);
        assert_int_equal(r->run_key, 0);
        assert_int_equal(r->backfill_key, 7);
        seen++;
    }
    assert_int_equal(seen, n);
}

static void dates_are_those_of_counting_by_hand(void **state)
{
    struct prng p;

    (void)state;
    prng_seed(&p, 42);
    for (int i = 0; i < ROUNDS; i++) {
        compare(&p);
        arena_fini(&arena);
        arena_init(&arena, MiB(64));
    }
}

static void both_ends_are_in_it(void **state)
{
    struct backfill_row b = range(at("2026-07-01T00:00:00Z"), at("2026-09-30T00:00:00Z"));
    struct backfill_run_row *rows;

    (void)state;
    assert_int_equal(dates_of(&b, parse("\"@daily\"", false), at("2026-11-01T00:00:00Z"), &rows),
                     92);
    assert_int_equal(rows[0].logical_us, b.from_us);
    assert_int_equal(rows[91].logical_us, b.to_us);
    b.to_us -= 1;
    assert_int_equal(dates_of(&b, parse("\"@daily\"", false), at("2026-11-01T00:00:00Z"), &rows),
                     91);
}

static void listed_events_have_dates_too(void **state)
{
    const struct timetable *t =
        parse("{\"type\": \"events\", \"event_dates\": [\"2026-01-05T00:00:00Z\", "
              "\"2026-01-02T06:00:00Z\", \"2026-03-01T00:00:00Z\"]}",
              false);
    struct backfill_row b = range(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    struct backfill_run_row *rows;

    (void)state;
    assert_int_equal(dates_of(&b, t, at("2026-11-01T00:00:00Z"), &rows), 2);
    assert_int_equal(rows[0].logical_us, at("2026-01-02T06:00:00Z"));
}

static void too_many_dates_are_refused(void **state)
{
    struct backfill_row b = range(at("2020-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    struct backfill_run_row *rows;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(backfill_dates(&b, parse("\"* * * * *\"", false), utc,
                                    at("2026-11-01T00:00:00Z"), &arena, &rows, &n, &e),
                     -ERR_LIMIT);
    b.to_us = b.from_us + (LIMIT_BACKFILL_DATES - 1) * MINUTE;
    assert_int_equal(dates_of(&b, parse("\"* * * * *\"", false), at("2026-11-01T00:00:00Z"), &rows),
                     LIMIT_BACKFILL_DATES);
}

/* ---- may it be ---- */

static int check_schedule(const char *text)
{
    struct err e = {0};
    int rc = backfill_check_timetable(parse(text, false), &e);

    assert_true(rc == 0 || strlen(err_str(&e)) > 20);
    return rc;
}

static void schedules_without_dates_are_refused(void **state)
{
    (void)state;
    assert_int_equal(check_schedule("\"0 0 * * *\""), 0);
    assert_int_equal(check_schedule("\"@hourly\""), 0);
    assert_int_equal(check_schedule("null"), -ERR_UNSUPPORTED);
    assert_int_equal(check_schedule("\"@once\""), -ERR_UNSUPPORTED);
    assert_int_equal(check_schedule("\"@continuous\""), -ERR_UNSUPPORTED);
}

static void ranges_and_the_past(void **state)
{
    struct task tasks[2] = {{.task_id = "a"}, {.task_id = "b"}};
    struct dag d = {.dag_id = "shop", .tasks = tasks, .tasks_len = 2};
    struct backfill_row b = range(10 * DAY, 20 * DAY);
    struct err e = {0};

    (void)state;
    assert_int_equal(backfill_check(&b, &d, 15 * DAY, &e), 0);
    assert_int_equal(backfill_check(&b, &d, 10 * DAY, &e), -ERR_INVALID); /* all in the future */
    b.to_us = 9 * DAY;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), -ERR_INVALID);
    b.to_us = 20 * DAY;
    b.max_active_runs = 0;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), -ERR_INVALID);
    b.max_active_runs = LIMIT_BACKFILL_ACTIVE + 1;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), -ERR_INVALID);
    b.max_active_runs = 1;
    b.backwards = true;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), 0);
    tasks[1].depends_on_past = true;
    b.reprocess = BACKFILL_COMPLETED;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), -ERR_INVALID);
    b.backwards = false;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), 0);
    b.reprocess = BACKFILL_NONE;
    assert_int_equal(backfill_check(&b, &d, 30 * DAY, &e), -ERR_INVALID);
}

/* ---- each date ---- */

static void what_is_done_with_a_date(void **state)
{
    static const enum backfill_outcome expected[BACKFILL_REPROCESS_MAX_][4] = {
        /*                     queued              running             success           failed */
        [BACKFILL_NONE] = {BACKFILL_IN_FLIGHT, BACKFILL_IN_FLIGHT, BACKFILL_EXISTS,
                           BACKFILL_EXISTS},
        [BACKFILL_FAILED] = {BACKFILL_IN_FLIGHT, BACKFILL_IN_FLIGHT, BACKFILL_EXISTS,
                             BACKFILL_CLEARED},
        [BACKFILL_COMPLETED] = {BACKFILL_IN_FLIGHT, BACKFILL_IN_FLIGHT, BACKFILL_CLEARED,
                                BACKFILL_CLEARED},
    };
    static const int states[4] = {RUN_QUEUED, RUN_RUNNING, RUN_SUCCESS, RUN_FAILED};

    (void)state;
    for (int r = 0; r < BACKFILL_REPROCESS_MAX_; r++) {
        assert_int_equal(backfill_decide(r, false, 0), BACKFILL_CREATED);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(backfill_decide(r, true, states[i]), expected[r][i]);
        }
        assert_int_equal(backfill_reprocess_from_string(backfill_reprocess_to_string(r)), r);
    }
    assert_int_equal(backfill_reprocess_from_string("all"), -1);
}

/* However runs come and go: never more than the limit and what may wait, and never none while there is room. */
static void room_is_kept_and_used(void **state)
{
    struct prng p;

    (void)state;
    prng_seed(&p, 7);
    for (int i = 0; i < ROUNDS; i++) {
        int32_t max = 1 + (int32_t)prng_below(&p, LIMIT_BACKFILL_ACTIVE);
        uint32_t active = (uint32_t)prng_below(&p, (uint64_t)max + LIMIT_BACKFILL_AHEAD + 9);
        uint32_t room = backfill_room(max, active);

        assert_true(room == 0 || active + room == (uint32_t)max + LIMIT_BACKFILL_AHEAD);
        assert_true(active >= (uint32_t)max + LIMIT_BACKFILL_AHEAD / 2 || room > 0);
    }
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, MiB(64));
    return zone_fixed("UTC", &utc, NULL);
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    zone_free(utc);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dates_are_those_of_counting_by_hand, begin, end),
        cmocka_unit_test_setup_teardown(both_ends_are_in_it, begin, end),
        cmocka_unit_test_setup_teardown(listed_events_have_dates_too, begin, end),
        cmocka_unit_test_setup_teardown(too_many_dates_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(schedules_without_dates_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(ranges_and_the_past, begin, end),
        cmocka_unit_test(what_is_done_with_a_date),
        cmocka_unit_test(room_is_kept_and_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
