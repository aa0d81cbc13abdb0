/*
 * Two years of 500 random schedules in zones whose clocks change: the runs, one after the other,
 * are those that a walk over every minute finds: none is missing, early or double. The walk knows
 * the sets that an expression was written from, and nothing of how it is searched.
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
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "model/timetable.h"
#include "model/zone.h"
#include "schedule_files.h"

#define LEN(a)    (sizeof(a) / sizeof(a)[0])
#define MINUTE    (60 * TIME_SECOND)
#define SCHEDULES 500
#define DAYS      (2 * 365)
#define MINUTES   ((DAYS + 400) * 1440)                  /* with the end of a last interval */
#define FROM      (INT64_C(20454) * 86400 * TIME_SECOND) /* 2026-01-01 */
#define TO        (FROM + (int64_t)DAYS * 1440 * MINUTE)
#define WALL_FROM (FROM - 2880 * MINUTE)

static const char *const zones[] = {"UTC",
                                    "Europe/Berlin",
                                    "America/New_York",
                                    "Europe/London",
                                    "Asia/Kolkata",
                                    "Africa/Casablanca",
                                    "America/Santiago",
                                    "Australia/Lord_Howe",
                                    "Pacific/Chatham",
                                    "Africa/Cairo"};

/* What is meant, as flags by value; the text is made from it. */
struct meant {
    bool minutes[60], hours[24], days[32], months[13], weekdays[7];
    bool every_hour, any_day, any_weekday;
    const char *zone;
    bool is_interval;
    char text[400];
};

/* A minute on the wall. */
struct wall {
    uint8_t minute, hour, day, month, weekday;
};

static struct wall *walls;

/* Writes a field: a star, or one to three values. */
static bool field(struct prng *p, struct buf *out, int low, int high, unsigned star, bool *set)
{
    bool any = prng_below(p, 100) < star;

    if (out->len > 0) {
        buf_str(out, " ");
    }
    for (int v = low; v <= high; v++) {
        set[v] = any;
    }
    if (any) {
        buf_str(out, "*");
        return true;
    }
    for (int i = 0, n = 1 + (int)prng_below(p, 3); i < n; i++) {
        int v = low + (int)prng_below(p, (uint64_t)(high - low + 1));

        buf_printf(out, "%s%d", i > 0 ? "," : "", v);
        set[v] = true;
    }
    return false;
}

static void make(struct prng *p, struct meant *m)
{
    struct buf text;

    memset(m, 0, sizeof *m);
    buf_init(&text, KiB(4));
    m->zone = zones[prng_below(p, sizeof zones / sizeof zones[0])];
    m->is_interval = prng_below(p, 3) == 0;
    (void)field(p, &text, 0, 59, 1, m->minutes);
    /* Intervals across a gap are another story (docs/internals/timetables.md): theirs lie after all gaps. */
    m->every_hour = field(p, &text, m->is_interval ? 4 : 0, m->is_interval ? 23 : 5, 30, m->hours);
    if (m->every_hour) {
        memset(m->hours, true, sizeof m->hours);
    }
    m->any_day = field(p, &text, 1, 28, 70, m->days);
    (void)field(p, &text, 1, 12, 85, m->months);
    m->any_weekday = field(p, &text, 0, 6, 60, m->weekdays);
    (void)snprintf(m->text, sizeof m->text, "%s", buf_cstr(&text));
    buf_fini(&text);
}

static bool is_meant(const struct meant *m, const struct wall *w)
{
    bool day = m->any_day || m->days[w->day], weekday = m->any_weekday || m->weekdays[w->weekday];

    return m->minutes[w->minute] && m->hours[w->hour] && m->months[w->month] &&
           (m->any_day || m->any_weekday ? day && weekday : day || weekday);
}

static uint32_t index_of(int64_t wall_us)
{
    return (uint32_t)((wall_us - WALL_FROM) / MINUTE);
}

/* The first tick after t, minute by minute: of time that passes, or of the wall. */
static int64_t walk(const struct meant *m, const struct zone *z, int64_t t)
{
    uint32_t i = index_of(zone_to_wall(z, t)) + 1;
    int64_t early, late, change = t;

    if (m->every_hour) {
        for (t += MINUTE;; t += MINUTE, i++) {
            if (t >= change) { /* the wall is looked at anew only where it may have changed */
                i = index_of(zone_to_wall(z, t));
                change = zone_next_change(z, t, &change) ? change : INT64_MAX;
            }
            assert_true(i < MINUTES);
            if (is_meant(m, &walls[i])) {
                return t;
            }
        }
    }
    while (!is_meant(m, &walls[i])) {
        i += m->hours[walls[i].hour] ? 1u : 60u - walls[i].minute; /* not one of its hours */
        assert_true(i < MINUTES);
    }
    (void)zone_to_utc(z, WALL_FROM + i * MINUTE, &early, &late);
    return late;
}

static const struct timetable *parse(struct arena *a, const struct meant *m)
{
    const struct timetable *t = NULL;
    struct value *v;
    struct err e = {0};
    char text[600];
    int n = snprintf(text, sizeof text, "{\"type\":\"%s\",\"cron\":\"%s\",\"timezone\":\"%s\"}",
                     m->is_interval ? "cron_data_interval" : "cron_trigger", m->text, m->zone);

    assert_int_equal(value_parse(a, text, (size_t)n, &v, &e), 0);
    if (timetable_parse(a, v, NULL, &t, &e) != 0) {
        fail_msg("%s: %s", m->text, e.text);
    }
    return t;
}

/* One schedule from the first of its runs to the last; how many there were. */
static uint64_t years(struct prng *p, const struct meant *m, bool catchup)
{
    const struct zone *z = schedule_zone(m->zone);
    struct timetable_question q = {.zone = z, .restriction = {FROM, TIME_NONE, catchup}};
    struct timetable_run run, last;
    const struct timetable *t;
    struct arena a;
    struct err e;
    int64_t tick = walk(m, z, FROM - MINUTE);
    uint64_t runs = 0;

    arena_init(&a, MiB(1));
    t = parse(&a, m);
    q.now_us = FROM;
    for (; tick < TO; runs++) {
        int64_t end = m->is_interval ? walk(m, z, tick) : tick;

        assert_int_equal(timetable_next(t, &q, &run, &e), 1);
        if (run.start_us != tick || run.end_us != end || run.run_after_us != end) {
            char x[TIME_TEXT_MAX], y[TIME_TEXT_MAX];

            fail_msg("'%s' in %s: the run after %s is not %s", m->text, m->zone,
                     time_format(run.start_us, x), time_format(tick, y));
        }
        last = run;
        q.last = &last;
        q.now_us = run.run_after_us + (int64_t)prng_below(p, 30) * TIME_SECOND;
        tick = m->is_interval ? end : walk(m, z, tick);
    }
    arena_fini(&a);
    return runs;
}

static void test_years(void **state)
{
    struct prng p;
    struct meant m;
    uint64_t runs = 0;

    walls = calloc(MINUTES, sizeof *walls);
    assert_non_null(walls);
    for (uint32_t i = 0; i < MINUTES; i++) {
        struct civil c;

        time_to_civil(WALL_FROM + i * MINUTE, &c);
        walls[i] = (struct wall){(uint8_t)c.minute, (uint8_t)c.hour, (uint8_t)c.day,
                                 (uint8_t)c.month, (uint8_t)c.weekday};
    }
    prng_seed(&p, 2026);
    for (int i = 0; i < SCHEDULES; i++) {
        make(&p, &m);
        runs += years(&p, &m, i % 2 == 0);
    }
    assert_true(runs > 100000);
    free(walls);
}

/* The run that is asked for without catchup at now, while `last` was the last: of the list, the newest that is due, or else the next. */
static void check_newest(const struct timetable *t, const struct zone *z,
                         const struct timetable_run *list, size_t n, size_t last, int64_t now)
{
    struct timetable_question q = {
        .zone = z, .last = &list[last], .restriction = {FROM, TIME_NONE, false}};
    size_t want = last + 1;
    struct timetable_run run;
    struct err e = {0};
    char x[TIME_TEXT_MAX], y[TIME_TEXT_MAX], w[TIME_TEXT_MAX];

    while (want + 1 < n && list[want + 1].run_after_us <= now) {
        want++;
    }
    q.now_us = now;
    if (want + 1 >= n || timetable_next(t, &q, &run, &e) != 1 ||
        run.start_us == list[want].start_us) {
        return;
    }
    fail_msg("'%s' in %s at %s: %s, not %s", t->expressions[0], t->zone, time_format(now, w),
             time_format(run.start_us, x), time_format(list[want].start_us, y));
}

/* Without catchup, asked in the hours around a change of clocks: none is passed over, and none is taken twice. */
static void test_newest(void **state)
{
    static struct timetable_run list[2000];
    struct prng p;
    struct meant m;

    prng_seed(&p, 7);
    for (int i = 0; i < 60; i++) {
        const struct zone *z;
        const struct timetable *t;
        struct timetable_question q = {.restriction = {FROM, TIME_NONE, true}};
        struct arena a;
        struct err e;
        int64_t change = FROM;
        size_t n = 0;

        make(&p, &m);
        m.is_interval = i % 2 == 0;
        arena_init(&a, MiB(1));
        t = parse(&a, &m);
        q.zone = z = schedule_zone(m.zone);
        while (n < LEN(list) && (n == 0 || list[n - 1].run_after_us < TO) &&
               timetable_next(t, &q, &list[n], &e) == 1) {
            q.last = &list[n++];
        }
        while (n > 2 && zone_next_change(z, change, &change) && change < list[n - 2].run_after_us) {
            for (int64_t now = change - 5 * 60 * MINUTE; now < change + 30 * 60 * MINUTE;
                 now += 37 * MINUTE) {
                size_t last = 0;

                while (last + 1 < n && list[last + 1].run_after_us <= now) {
                    last++;
                }
                for (int k = 0; k < 4 && last > 0; k++, last--) {
                    check_newest(t, z, list, n, last, now);
                }
            }
        }
        arena_fini(&a);
    }
}

static int teardown(void **state)
{
    schedule_zones_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_years), cmocka_unit_test(test_newest)};

    return cmocka_run_group_tests(tests, NULL, teardown);
}
