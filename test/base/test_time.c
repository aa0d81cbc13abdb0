/* Points in time and durations, as text and as values. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/time.h"

static int64_t parse(const char *s)
{
    int64_t t = -1;

    assert_int_equal(time_parse(s, strlen(s), &t), 0);
    return t;
}

static void civil_there_and_back(void **state)
{
    static const int64_t times[] = {0,
                                    -1,
                                    INT64_C(951782400000000),
                                    INT64_C(1709164800000000),
                                    INT64_C(-62135596800000000),
                                    INT64_MAX,
                                    INT64_MIN + 1,
                                    INT64_C(253402300799999999)};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct civil c;

        time_to_civil(times[i], &c);
        assert_int_equal(time_from_civil(&c), times[i]);
    }
    for (int64_t day = -200000; day < 200000; day += 37) {
        struct civil c;

        time_to_civil(day * 86400 * TIME_SECOND + 5, &c);
        assert_int_equal(time_from_civil(&c), day * 86400 * TIME_SECOND + 5);
        assert_int_equal(c.us, 5);
        assert_int_equal(c.weekday, ((day + 4) % 7 + 7) % 7);
    }
}

static void civil_fields(void **state)
{
    struct civil c;

    time_to_civil(parse("2024-12-31T23:59:58.000001Z"), &c);
    assert_int_equal(c.year, 2024);
    assert_int_equal(c.month, 12);
    assert_int_equal(c.day, 31);
    assert_int_equal(c.hour, 23);
    assert_int_equal(c.minute, 59);
    assert_int_equal(c.second, 58);
    assert_int_equal(c.us, 1);
    assert_int_equal(c.weekday, 2);
    assert_int_equal(c.yearday, 365);
}

static void civil_fields_carry_over(void **state)
{
    struct civil c = {.year = 2026, .month = 14, .day = 0, .hour = 25, .minute = -1, .second = 61};

    assert_int_equal(time_from_civil(&c), parse("2027-02-01T01:00:01Z")); /* 31 January and 25 h */
    c = (struct civil){.year = 2026, .month = 0, .day = 1};
    assert_int_equal(time_from_civil(&c), parse("2025-12-01"));
    c = (struct civil){.year = INT_MAX, .month = INT_MAX, .day = INT_MAX};
    assert_int_equal(time_from_civil(&c), INT64_MAX);
    c = (struct civil){.year = INT_MIN, .month = INT_MIN, .day = INT_MIN};
    assert_int_equal(time_from_civil(&c), INT64_MIN + 1);
}

static void times_parse(void **state)
{
    assert_int_equal(parse("1970-01-01"), 0);
    assert_int_equal(parse("1970-01-01T00:00:01Z"), TIME_SECOND);
    assert_int_equal(parse("1970-01-01 00:00:01"), TIME_SECOND);
    assert_int_equal(parse("1970-01-01t01:00z"), 3600 * TIME_SECOND);
    assert_int_equal(parse("1970-01-01T01:00:00+01:00"), 0);
    assert_int_equal(parse("1970-01-01T00:00:00-0130"), 5400 * TIME_SECOND);
    assert_int_equal(parse("1970-01-01T00:00:00+00"), 0);
    assert_int_equal(parse("1970-01-01T00:00:00.5Z"), TIME_SECOND / 2);
    assert_int_equal(parse("1970-01-01T00:00:00.123456789Z"), 123456);
    assert_int_equal(parse("2000-02-29"), INT64_C(951782400) * TIME_SECOND);
}

static void bad_times(void **state)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-1-1",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-02-29",
                                      "1900-02-29",
                                      "2026-01-32",
                                      "0000-01-01",
                                      "2026-01-01T",
                                      "2026-01-01T24:00:00",
                                      "2026-01-01T00:60:00",
                                      "2026-01-01T00:00:60",
                                      "2026-01-01T00:00:00.",
                                      "2026-01-01T00:00:00+1",
                                      "2026-01-01T00:00:00+24:00",
                                      "2026-01-01T00:00:00Zx",
                                      "2026-01-01x",
                                      " 2026-01-01",
                                      "+026-01-01"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t t;

        assert_int_equal(time_parse(bad[i], strlen(bad[i]), &t), -ERR_INVALID);
    }
}

static void times_format(void **state)
{
    char buf[TIME_TEXT_MAX];

    assert_string_equal(time_format(0, buf), "1970-01-01T00:00:00+00:00");
    assert_string_equal(time_format(-1, buf), "1969-12-31T23:59:59.999999+00:00");
    assert_string_equal(time_format(parse("2026-01-31T12:00:00.5Z"), buf),
                        "2026-01-31T12:00:00.500000+00:00");
    assert_string_equal(time_format(TIME_NONE, buf), "");
    assert_true(strlen(time_format(INT64_MAX, buf)) < TIME_TEXT_MAX);
    assert_true(strlen(time_format(INT64_MIN + 1, buf)) < TIME_TEXT_MAX);
}

static void strftime_subset(void **state)
{
    int64_t t = parse("2026-03-05T14:07:09.000042Z");
    char out[200];

    assert_int_equal(time_strftime(t, "%Y %m %d %H %M %S %f %j %y %b %B %a %A %p %I %Z %z %s %%",
                                   out, sizeof out),
                     0);
    assert_string_equal(out,
                        "2026 03 05 14 07 09 000042 064 26 Mar March Thu Thursday PM 02 UTC +0000 "
                        "1772719629 %");
    assert_int_equal(time_strftime(t, "", out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_int_equal(time_strftime(t, "%Q", out, sizeof out), -ERR_INVALID);
    assert_int_equal(time_strftime(t, "%", out, sizeof out), -ERR_INVALID);
    assert_int_equal(time_strftime(t, "%Y", out, 4), -ERR_LIMIT);
    assert_int_equal(time_strftime(t, "abcd", out, 4), -ERR_LIMIT);
    assert_int_equal(time_strftime(t, "%Y", out, 5), 0);
    assert_int_equal(time_strftime(t, "x", out, 0), -ERR_LIMIT);
}

static void durations_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"90", 90 * TIME_SECOND},
                {"0", 0},
                {"1.5", TIME_SECOND * 3 / 2},
                {"1h30m", 5400 * TIME_SECOND},
                {"1h 30m", 5400 * TIME_SECOND},
                {"500ms", 500000},
                {"7us", 7},
                {"2d", 172800 * TIME_SECOND},
                {"1w", 604800 * TIME_SECOND},
                {"0.1h", 360 * TIME_SECOND},
                {"1m1ms", 60 * TIME_SECOND + 1000},
                {"PT1H30M", 5400 * TIME_SECOND},
                {"PT0.5S", TIME_SECOND / 2},
                {"P1DT2H", 93600 * TIME_SECOND},
                {"P2W", 1209600 * TIME_SECOND},
                {"0.0000005", 1}};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t us = -1;

        assert_int_equal(duration_parse(good[i].text, strlen(good[i].text), &us), 0);
        assert_int_equal(us, good[i].us);
    }
}

static void bad_durations(void **state)
{
    static const char *const bad[] = {"",     "-1",    "h",     "1x",     "30m1h",
                                      "1h2h", "P",     "PT",    "P1H",    "PT1D",
                                      "P1M",  "1.",    ".5",    "1h30",   "1 h",
                                      "1e3",  "PT1H ", "P1DT",  " 1h",    "99999999999999999999",
                                      "9e9",  "1hh",   "PTT1S", "PT1S1S", "9223372036854775807w"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us;

        assert_int_equal(duration_parse(bad[i], strlen(bad[i]), &us), -ERR_INVALID);
    }
}

static void durations_format(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } good[] = {{0, "0s"},
                {7, "7us"},
                {12000, "12ms"},
                {1200000, "1.2s"},
                {59990000, "59.9s"},
                {200 * TIME_SECOND, "3m 20s"},
                {7500 * TIME_SECOND, "2h 05m"},
                {90000 * TIME_SECOND, "1d 01h"},
                {-1200000, "-1.2s"}};
    char buf[TIME_TEXT_MAX];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_string_equal(duration_format(good[i].us, buf), good[i].text);
    }
    assert_string_equal(duration_format(INT64_MIN, buf), "-106751991d 04h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_there_and_back),
        cmocka_unit_test(civil_fields),
        cmocka_unit_test(civil_fields_carry_over),
        cmocka_unit_test(times_parse),
        cmocka_unit_test(bad_times),
        cmocka_unit_test(times_format),
        cmocka_unit_test(strftime_subset),
        cmocka_unit_test(durations_parse),
        cmocka_unit_test(bad_durations),
        cmocka_unit_test(durations_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
