/* Cron expressions: what croniter says of many, each part of both dialects, errors with their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "model/cron.h"
#include "schedule_files.h"

static int64_t at(const char *text)
{
    int64_t t;

    assert_int_equal(time_parse(text, strlen(text), &t), 0);
    return t;
}

static struct cron parse(const char *text, enum cron_dialect dialect)
{
    struct cron c;
    struct err e = {0};

    if (cron_parse(text, strlen(text), dialect, &c, &e) != 0) {
        fail_msg("%s: %s", text, e.text);
    }
    return c;
}

/* The next n ticks after a time, as text. */
static void expect(const char *text, enum cron_dialect dialect, const char *from, int n, ...)
{
    struct cron c = parse(text, dialect);
    int64_t t = at(from), back;
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        const char *wanted = va_arg(ap, const char *);
        int64_t before = t;
        char buf[TIME_TEXT_MAX];

        assert_int_equal(cron_next(&c, t, &t), 0);
        if (t != at(wanted)) {
            fail_msg("%s: %s, not %s", text, time_format(t, buf), wanted);
        }
        assert_true(cron_matches(&c, t));
        /* and backwards */
        assert_int_equal(cron_previous(&c, t + 1, &back), 0);
        assert_int_equal(back, t);
        assert_true(cron_previous(&c, t, &back) != 0 || back <= before);
    }
    va_end(ap);
}

static void refuse(const char *text, enum cron_dialect dialect, int code, int col, const char *part)
{
    struct cron c;
    struct err e = {0};

    assert_int_equal(cron_parse(text, strlen(text), dialect, &c, &e), -code);
    if (e.col != col || strstr(e.text, part) == NULL) {
        fail_msg("%s: column %d, not %d: %s", text, e.col, col, e.text);
    }
}

static void test_recorded(void **state)
{
    size_t n;
    char *text = schedule_file("cases/cron.tsv", &n);
    int rows = 0, errors = 0;

    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *tab = strchr(line, '\t'), next[32], previous[32];
        long long from;
        int64_t found;
        struct cron c;
        struct err e;
        int rc;

        if (line[0] == '#') {
            continue;
        }
        rows++;
        rc = cron_parse(line, (size_t)(tab - line), CRON_AIRFLOW, &c, &e);
        if (strcmp(tab + 1, "error") == 0) {
            assert_true(rc < 0 && e.col > 0);
            errors++;
            continue;
        }
        if (rc < 0) {
            fail_msg("%s: %s", line, e.text);
        }
        assert_int_equal(sscanf(tab + 1, "%lld\t%31s\t%31s", &from, next, previous), 3);
        rc = cron_next(&c, from * TIME_SECOND, &found);
        if (rc == 0 ? found != atoll(next) * TIME_SECOND : strcmp(next, "none") != 0) {
            fail_msg("%s: next is %lld", line, (long long)(found / TIME_SECOND));
        }
        rc = cron_previous(&c, from * TIME_SECOND, &found);
        if (rc == 0 ? found != atoll(previous) * TIME_SECOND : strcmp(previous, "none") != 0) {
            fail_msg("%s: previous is %lld", line, (long long)(found / TIME_SECOND));
        }
    }
    free(text);
    assert_true(rows > 2000 && errors > 10);
}

static void test_airflow(void **state)
{
    const enum cron_dialect a = CRON_AIRFLOW;

    expect("0 0 * * *", a, "2026-01-31T23:59:59", 2, "2026-02-01", "2026-02-02");
    expect("*/20 9-10 * * mon-fri", a, "2026-02-06T10:00", 4, "2026-02-06T10:20",
           "2026-02-06T10:40", "2026-02-09T09:00", "2026-02-09T09:20");
    expect("0 0 1 * mon", a, "2026-01-30", 3, "2026-02-01", "2026-02-02", "2026-02-09"); /* OR */
    expect("0 0 1-31 * mon", a, "2026-01-30", 2, "2026-01-31", "2026-02-01");
    expect("0 0 */2 * */1", a, "2026-01-30", 2, "2026-01-31", "2026-02-01");
    expect("0 0 l * *", a, "2024-01-31T00:00", 2, "2024-02-29", "2024-03-31");
    expect("0 0 29 2 *", a, "2026-01-01", 2, "2028-02-29", "2032-02-29");
    expect("0 0 15w * *", a, "2026-02-01", 2, "2026-02-16", "2026-03-16"); /* a Sunday */
    expect("0 0 w1 8 *", a, "2026-02-01", 1, "2026-08-03");                /* a Saturday */
    expect("0 0 31w * *", a, "2026-01-01", 3, "2026-01-30", "2026-02-27", "2026-03-31");
    expect("0 0 * * fri#2", a, "2026-01-01", 2, "2026-01-09", "2026-02-13");
    expect("0 0 * * mon#5", a, "2026-01-01", 2, "2026-03-30", "2026-06-29");
    expect("0 0 * * L5", a, "2026-01-01", 2, "2026-01-30", "2026-02-27");
    expect("0 0 13 * fri#2", a, "2026-01-01", 1, "2026-01-09"); /* # leaves no OR */
    expect("0 22-2 * * *", a, "2026-01-01T21:30", 4, "2026-01-01T22:00", "2026-01-01T23:00",
           "2026-01-02T00:00", "2026-01-02T01:00");
    expect("0 0 * * FRI-TUE/2", a, "2026-01-01", 3, "2026-01-02", "2026-01-04", "2026-01-06");
    expect("0 0 1 nov-feb *", a, "2026-03-01", 3, "2026-11-01", "2026-12-01", "2027-01-01");
    expect("* * * * * */30", a, "2026-01-01T00:00:00", 2, "2026-01-01T00:00:30",
           "2026-01-01T00:01:00");
    expect("0 12 1 1 * 0 2027-2028", a, "2026-01-01", 2, "2027-01-01T12:00", "2028-01-01T12:00");
    expect("59/15 * * * *", a, "2026-01-01", 2, "2026-01-01T00:59", "2026-01-01T01:59");
    expect("5-5 * * * *", a, "2026-01-01", 2, "2026-01-01T00:01", "2026-01-01T00:02");
    expect("@Weekly", a, "2026-01-01", 2, "2026-01-04", "2026-01-11");
    expect("@quarterly", a, "2026-01-01", 2, "2026-04-01", "2026-07-01");
    expect("@annually", a, "2026-01-01", 1, "2027-01-01");
    expect(" 0\t0 ? *  7 ", a, "2026-01-01", 2, "2026-01-04", "2026-01-11");
    expect("* * * * *", a, "2026-01-01T00:00:30", 1, "2026-01-01T00:01");
    expect("* * * * *", a, "1969-12-31T23:58:59.5", 1, "1969-12-31T23:59");
}

static void test_spring(void **state)
{
    const enum cron_dialect s = CRON_SPRING;

    expect("0 0 6,19 * * *", s, "2026-01-01", 2, "2026-01-01T06:00", "2026-01-01T19:00");
    expect("*/10 * * * * *", s, "2026-01-01", 2, "2026-01-01T00:00:10", "2026-01-01T00:00:20");
    expect("0 0 0 13 * FRI", s, "2026-01-01", 2, "2026-02-13", "2026-03-13"); /* AND */
    expect("0 0 0 L-2 * *", s, "2026-02-01", 2, "2026-02-26", "2026-03-29");
    expect("0 0 0 LW * *", s, "2026-01-01", 3, "2026-01-30", "2026-02-27", "2026-03-31");
    expect("0 0 0 ? * FRIL", s, "2026-01-01", 1, "2026-01-30");
    expect("0 0 0 ? * 5L", s, "2026-01-01", 1, "2026-01-30");
    expect("0 0 0 ? * MON#1", s, "2026-01-01", 1, "2026-01-05");
    expect("0 0 0 31W * *", s, "2026-02-01", 1, "2026-03-31"); /* February has none */
    expect("0 0 0 1W,15W * *", s, "2026-08-01", 2, "2026-08-03", "2026-08-14");
    expect("0 5-5 * * * *", s, "2026-01-01", 2, "2026-01-01T00:05", "2026-01-01T01:05");
    expect("@daily", s, "2026-01-01", 1, "2026-01-02");
}

static void test_refused(void **state)
{
    const enum cron_dialect a = CRON_AIRFLOW;

    refuse("", a, ERR_SYNTAX, 1, "has 0 fields");
    refuse("* * * *", a, ERR_SYNTAX, 1, "has 4 fields");
    refuse("* * * * * * * *", a, ERR_SYNTAX, 1, "has 8 fields");
    refuse("* * * * *", CRON_SPRING, ERR_SYNTAX, 1, "there must be 6");
    refuse("61 * * * *", a, ERR_SYNTAX, 1, "61 is not from 0 to 59 in its field 'minute'");
    refuse("* 1,24 * * *", a, ERR_SYNTAX, 5, "24 is not from 0 to 23 in its field 'hour'");
    refuse("* * 0 * *", a, ERR_SYNTAX, 5, "0 is not from 1 to 31");
    refuse("* * * 13 *", a, ERR_SYNTAX, 7, "'month'");
    refuse("* * * * 8", a, ERR_SYNTAX, 9, "8 is not from 0 to 7");
    refuse("* * * foo *", a, ERR_SYNTAX, 7, "jan to dec");
    refuse("*/0 * * * *", a, ERR_SYNTAX, 3, "the step '0'");
    refuse("1- * * * *", a, ERR_SYNTAX, 3, "a value is missing");
    refuse("-1 * * * *", a, ERR_SYNTAX, 1, "negative");
    refuse("1,,2 * * * *", a, ERR_SYNTAX, 3, "empty place");
    refuse("? * * * *", a, ERR_SYNTAX, 1, "'?'");
    refuse("* * 1,? * *", a, ERR_SYNTAX, 7, "'?'");
    refuse("H * * * *", a, ERR_UNSUPPORTED, 1, "hashed expressions");
    refuse("* h(0-5) * * *", a, ERR_UNSUPPORTED, 3, "hashed expressions");
    refuse("0 R/2 * * *", a, ERR_UNSUPPORTED, 3, "hashed expressions");
    refuse("* * * * 1#6", a, ERR_SYNTAX, 11, "from 1 to 5");
    refuse("* * * * 1,2#1", a, ERR_SYNTAX, 9, "beside # or L");
    refuse("* * 1w,2 * *", a, ERR_SYNTAX, 5, "cannot stand in a list");
    refuse("* * LW * *", a, ERR_SYNTAX, 5, "is not known");
    refuse("0 0 30 2 *", a, ERR_INVALID, 5, "no date that ever comes");
    refuse("0 0 31 2,4,6,9,11 *", a, ERR_INVALID, 5, "no date that ever comes");
    refuse("0 0 29 2 * 0 2025,2026", a, ERR_INVALID, 5, "no date that ever comes");
    refuse("@sometimes", a, ERR_SYNTAX, 1, "there is no cron name");
}

static void test_limits(void **state)
{
    char text[LIMIT_CRON_BYTES + 2];
    struct cron c;
    struct err e;

    memset(text, ' ', sizeof text);
    assert_int_equal(cron_parse(text, sizeof text, CRON_AIRFLOW, &c, &e), -ERR_LIMIT);
    memcpy(text, "* * * * *", 9);
    assert_int_equal(cron_parse(text, LIMIT_CRON_BYTES, CRON_AIRFLOW, &c, &e), 0);
    c = parse("0 0 1 1 * 0 2027", CRON_AIRFLOW);
    assert_int_equal(cron_next(&c, at("2027-01-01"), &(int64_t){0}), -ERR_NOTFOUND);
    assert_int_equal(cron_previous(&c, at("2027-01-01"), &(int64_t){0}), -ERR_NOTFOUND);
    c = parse("* * * * *", CRON_AIRFLOW);
    assert_int_equal(cron_next(&c, INT64_MAX, &(int64_t){0}), -ERR_NOTFOUND);
    assert_int_equal(cron_previous(&c, TIME_NONE, &(int64_t){0}), -ERR_NOTFOUND);
}

static void test_dates(void **state)
{
    static const int32_t off[] = {20454, 20455}, on[] = {20457}; /* 1, 2 and 4 January 2026 */
    struct cron c = parse("0 6 * * mon-fri", CRON_AIRFLOW);
    int64_t t;

    c.except = (struct cron_dates){off, 2};
    c.also = (struct cron_dates){on, 1};
    assert_int_equal(cron_next(&c, at("2026-01-01"), &t), 0);
    assert_int_equal(t, at("2026-01-04T06:00"));
    assert_int_equal(cron_next(&c, t, &t), 0);
    assert_int_equal(t, at("2026-01-05T06:00"));
    assert_int_equal(cron_previous(&c, at("2026-01-03"), &t), 0);
    assert_int_equal(t, at("2025-12-31T06:00"));
}

/* Next and previous against a walk over minutes. */
static void test_walk(void **state)
{
    static const char *const texts[] = {"*/7 3,4 * * *", "0 */5 l * *",   "13 13 13w * *",
                                        "59 23 31 * *",  "0 0 * * fri#3", "30 4 */9 2-3 1"};
    struct prng p;

    prng_seed(&p, 5);
    for (int i = 0; i < 60; i++) {
        struct cron c = parse(texts[i % 6], CRON_AIRFLOW);
        int64_t minute = 60 * TIME_SECOND;
        int64_t from = at("2024-01-01") + (int64_t)prng_below(&p, 60 * 24 * 700) * minute, t = from,
                found;

        do {
            t += minute;
        } while (!cron_matches(&c, t));
        assert_int_equal(cron_next(&c, from, &found), 0);
        assert_int_equal(found, t);
        t = from;
        do {
            t -= minute;
        } while (!cron_matches(&c, t));
        assert_int_equal(cron_previous(&c, from, &found), 0);
        assert_int_equal(found, t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_airflow),
        cmocka_unit_test(test_spring),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_dates),
        cmocka_unit_test(test_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
