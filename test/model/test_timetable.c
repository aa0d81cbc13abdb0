/* Time tables: what Airflow answered to many questions, what has no peer in it, texts, errors, lack of memory. */
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
#include "base/mem.h"
#include "base/time.h"
#include "model/timetable.h"
#include "model/zone.h"
#include "schedule_files.h"

static struct arena arena;

static int64_t at(const char *text)
{
    int64_t t;

    assert_int_equal(time_parse(text, strlen(text), &t), 0);
    return t;
}

/* Single quotes stand for double ones. */
static struct value *json(const char *text)
{
    char *copy = arena_strdup(&arena, text);
    struct value *v = NULL;
    struct err e = {0};

    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    if (value_parse(&arena, copy, strlen(copy), &v, &e) != 0) {
        fail_msg("%s: %s", text, e.text);
    }
    return v;
}

static const struct timetable *parse_with(const char *text, const struct timetable_options *o)
{
    const struct timetable *t = NULL;
    struct err e = {0};

    if (timetable_parse(&arena, json(text), o, &t, &e) != 0) {
        fail_msg("%s: %s", text, e.text);
    }
    return t;
}

static const struct timetable *parse(const char *text)
{
    return parse_with(text, NULL);
}

/* ---- what Airflow answered ---- */

static int64_t number(const struct value *v)
{
    int64_t n;

    if (v->kind == VALUE_NULL) {
        return TIME_NONE;
    }
    assert_int_equal(value_int(v, INT64_MIN, INT64_MAX, &n), 0);
    return n;
}

static void run_of(const struct value *v, struct timetable_run *ret)
{
    *ret = (struct timetable_run){.run_after_us = number(v->elems[0]),
                                  .start_us = number(v->elems[1]),
                                  .end_us = number(v->elems[2])};
    (void)snprintf(ret->partition, sizeof ret->partition, "%s", v->elems[3]->text);
}

static void one_schedule(const struct value *row, uint64_t *count)
{
    const struct zone *z = schedule_zone(row->elems[1]->text);
    const struct value *asked = row->elems[2], *manual = row->elems[3];
    const struct timetable *t;
    struct timetable_run run, last = {0}, wanted = {0};
    struct err e = {0};

    assert_int_equal(timetable_parse(&arena, row->elems[0], NULL, &t, &e), 0);
    for (size_t i = 0; i < asked->len; i++) {
        struct value **v = asked->elems[i]->elems;
        struct timetable_question q = {.zone = z,
                                       .restriction = {number(v[0]), number(v[1]), v[2]->boolean},
                                       .now_us = number(v[3])};
        int rc;

        if (v[4]->kind == VALUE_NUMBER) {
            last = wanted;
        } else if (v[4]->kind == VALUE_ARRAY) {
            run_of(v[4], &last);
        }
        q.last = v[4]->kind != VALUE_NULL ? &last : NULL;
        rc = timetable_next(t, &q, &run, &e);
        assert_int_equal(rc, v[5]->kind != VALUE_NULL);
        if (rc == 1) {
            run_of(v[5], &wanted);
            if (run.run_after_us != wanted.run_after_us || run.start_us != wanted.start_us ||
                run.end_us != wanted.end_us || strcmp(run.partition, wanted.partition) != 0) {
                fail_msg("line %d, question %zu", row->line, i + 1);
            }
        }
        ++*count;
    }
    for (size_t i = 0; i < manual->len; i++) {
        struct value **v = manual->elems[i]->elems;
        int64_t start, end;

        assert_int_equal(timetable_manual_interval(t, z, number(v[0]), &start, &end, &e), 0);
        if (start != number(v[1]) || end != number(v[2])) {
            fail_msg("line %d, run by hand %zu", row->line, i + 1);
        }
        ++*count;
    }
}

static void test_airflow(void **state)
{
    static const char *const files[] = {"cases/airflow-3.2.json", "cases/airflow-3.3.json"};
    uint64_t count = 0;

    for (int f = 0; f < 2; f++) {
        struct value *rows;
        struct err e;
        size_t n;
        char *text = schedule_file(files[f], &n);

        assert_int_equal(value_parse(&arena, text, n, &rows, &e), 0);
        for (size_t i = 0; i < rows->len; i++) {
            one_schedule(rows->elems[i], &count);
        }
        free(text);
    }
    assert_true(count > 4000);
}

/* ---- one by one ---- */

/* The next run of a schedule that has had none: its run_after, or TIME_NONE. */
static int64_t first(const char *text, const char *zone, const char *start, bool catchup,
                     const char *now)
{
    struct timetable_question q = {
        .zone = schedule_zone(zone),
        .restriction = {start != NULL ? at(start) : TIME_NONE, TIME_NONE, catchup},
        .now_us = at(now)};
    struct timetable_run run;
    struct err e = {0};
    int rc = timetable_next(parse(text), &q, &run, &e);

    if (rc < 0) {
        fail_msg("%s: %s", text, e.text);
    }
    return rc == 1 ? run.run_after_us : TIME_NONE;
}

static void test_catchup(void **state)
{
    const char *daily = "'0 6 * * *'";
    const char *interval = "{'type':'cron_data_interval','cron':'@daily'}";

    assert_int_equal(first(daily, "UTC", "2026-01-01", true, "2026-03-01"), at("2026-01-01T06:00"));
    assert_int_equal(first(daily, "UTC", "2026-01-01", false, "2026-03-01"),
                     at("2026-02-28T06:00"));
    assert_int_equal(first(daily, "UTC", "2026-06-01", false, "2026-03-01"),
                     at("2026-06-01T06:00"));
    assert_int_equal(first(daily, "UTC", NULL, true, "2026-03-01T07:00"), at("2026-03-01T06:00"));
    assert_int_equal(first(daily, "UTC", NULL, true, "2026-03-01T09:00"), at("2026-03-02T06:00"));
    assert_int_equal(first(interval, "UTC", "2026-01-01", false, "2026-03-01T10:00"),
                     at("2026-03-01"));
    assert_int_equal(first(interval, "UTC", NULL, true, "2026-03-01"), TIME_NONE);
}

/* Spring and autumn in Berlin: docs/internals/timetables.md tells these. */
static void test_clock_changes(void **state)
{
    static const struct {
        const char *cron, *from, *runs[4];
    } cases[] = {
        {"30 2 * * *", "2026-03-28T12:00", {"2026-03-29T01:30", "2026-03-30T00:30"}},
        {"15,30 2 * * *", "2026-03-28T12:00", {"2026-03-29T01:15", "2026-03-30T00:15"}},
        {"30 * * * *", "2026-03-29T00:00", {"2026-03-29T00:30", "2026-03-29T01:30"}},
        {"30 2 * * *", "2026-10-24T12:00", {"2026-10-25T01:30", "2026-10-26T01:30"}},
        {"30 * * * *",
         "2026-10-24T23:35",
         {"2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"}},
        {"0 */2 * * *", "2026-10-24T22:00", {"2026-10-25T01:00", "2026-10-25T03:00"}},
    };
    const struct zone *z = schedule_zone("Europe/Berlin");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron c;
        int64_t t = at(cases[i].from);

        assert_int_equal(cron_parse(cases[i].cron, strlen(cases[i].cron), CRON_AIRFLOW, &c, NULL),
                         0);
        for (int k = 0; k < 4 && cases[i].runs[k] != NULL; k++) {
            t = timetable_tick_after(&c, z, t);
            if (t != at(cases[i].runs[k])) {
                char buf[TIME_TEXT_MAX];

                fail_msg("%s: %s, not %s", cases[i].cron, time_format(t, buf), cases[i].runs[k]);
            }
        }
    }
}

static void test_calendar(void **state)
{
    const struct timetable *t = parse(
        "{'type':'calendar','name':'bank','cron':'0 6 * * mon-fri','timezone':'Europe/Berlin',"
        "'except':['2026-12-25','2026-12-24','2026-12-24'],'also':['2026-12-27']}");
    static const char *const wanted[] = {"2026-12-23T05:00", "2026-12-27T05:00",
                                         "2026-12-28T05:00"};
    struct timetable_question q = {.zone = schedule_zone("Europe/Berlin"),
                                   .restriction = {at("2026-12-22T12:00"), TIME_NONE, true}};
    struct timetable_run run, last;
    struct err e;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(timetable_next(t, &q, &run, &e), 1);
        assert_int_equal(run.run_after_us, at(wanted[i]));
        last = run;
        q.last = &last;
    }
}

static void test_jitter(void **state)
{
    const char *text = "{'type':'cron_trigger','cron':'0 6 * * *','jitter':'1h'}";
    struct timetable_options o = {.dag_id = "a"};
    const struct timetable *a = parse_with(text, &o), *again = parse_with(text, &o), *b;
    struct timetable_question q = {.zone = schedule_zone("UTC"),
                                   .restriction = {at("2026-01-01"), TIME_NONE, true}};
    struct timetable_run run;
    struct err e;

    o.dag_id = "b";
    b = parse_with(text, &o);
    assert_int_equal(a->delay_us, again->delay_us);
    assert_int_not_equal(a->delay_us, b->delay_us);
    assert_in_range(a->delay_us, 0, 3600 * TIME_SECOND);
    assert_int_equal(parse(text)->delay_us, 0);
    assert_int_equal(timetable_next(a, &q, &run, &e), 1);
    assert_int_equal(run.run_after_us, at("2026-01-01T06:00") + a->delay_us);
    assert_int_equal(run.logical_us, at("2026-01-01T06:00"));
}

/* Partitions: the delay is no part of the tick that the next one is counted from. */
static void test_partition(void **state)
{
    struct timetable_options o = {.dag_id = "a"};
    const struct timetable *t = parse_with(
        "{'type':'cron_partition','cron':'0 0 * * *','timezone':'Europe/Berlin','run_offset':-1,"
        "'key_format':'%Y-%m-%d','jitter':600}",
        &o);
    struct timetable_question q = {.zone = schedule_zone("Europe/Berlin"),
                                   .restriction = {at("2026-06-01"), TIME_NONE, true}};
    struct timetable_run run, last;
    struct err e;

    assert_int_equal(timetable_next(t, &q, &run, &e), 1);
    assert_string_equal(run.partition, "2026-06-01");
    assert_int_equal(run.partition_us, at("2026-05-31T22:00"));
    assert_int_equal(run.logical_us, TIME_NONE);
    last = run;
    q.last = &last;
    assert_int_equal(timetable_next(t, &q, &run, &e), 1);
    assert_string_equal(run.partition, "2026-06-02");
    assert_int_equal(run.run_after_us, at("2026-06-02T22:00") + t->delay_us);
}

static void test_others(void **state)
{
    struct timetable_question q = {.restriction = {TIME_NONE, TIME_NONE, false},
                                   .now_us = at("2026-01-01")};
    struct timetable_run run;
    struct err e;

    assert_int_equal(timetable_next(parse("null"), &q, &run, &e), 0);
    assert_int_equal(timetable_next(parse("{'type':'assets','condition':1}"), &q, &run, &e), 0);
    assert_int_equal(
        timetable_next(parse("{'type':'python','classpath':'a.B','data':{}}"), &q, &run, &e),
        -ERR_UNSUPPORTED);
    assert_int_equal(timetable_next(parse("'@once'"), &q, &run, &e), 1);
    assert_int_equal(run.run_after_us, q.now_us);
    assert_int_equal(timetable_active_runs_limit(parse("'@continuous'")), 1);
    assert_false(timetable_is_timed(parse("{'type':'assets'}")));
    assert_true(timetable_is_timed(parse("{'type':'asset_or_time','timetable':'0 0 * * *'}")));
    /* A relativedelta that ends in a weekday. */
    assert_int_equal(first("{'type':'delta_trigger','delta':{'days':1,'weekday':'MO'}}", "UTC",
                           "2026-01-01", true, "2026-03-01"),
                     at("2026-01-01"));
}

static void test_options(void **state)
{
    struct timetable_options o = {
        .zone = "Europe/Berlin", .cron_data_intervals = true, .delta_data_intervals = true};

    assert_int_equal(parse_with("'0 0 * * *'", &o)->kind, TIMETABLE_CRON_DATA_INTERVAL);
    assert_string_equal(parse_with("'0 0 * * *'", &o)->zone, "Europe/Berlin");
    assert_int_equal(parse_with("'every 5m'", &o)->kind, TIMETABLE_DELTA_DATA_INTERVAL);
    assert_string_equal(parse("'0 0 * * *'")->zone, "UTC");
    o.dialect = CRON_SPRING;
    assert_true(parse_with("'0 0 6 * * *'", &o)->crons[0].has_seconds);
    assert_int_equal(
        parse("{'type':'cron_trigger','cron':'1 2 3 * * *','dialect':'spring'}")->crons[0].hours,
        1 << 3);
}

static void test_add(void **state)
{
    static const struct {
        const char *delta, *from, *to, *back;
    } cases[] = {
        {"{'months':1}", "2026-01-31", "2026-02-28", "2025-12-31"},
        {"{'months':1}", "2024-01-31T05:00", "2024-02-29T05:00", "2023-12-31T05:00"},
        {"{'years':1}", "2024-02-29", "2025-02-28", "2023-02-28"},
        {"{'months':14,'days':1}", "2026-01-31", "2027-04-01", "2024-11-29"},
        {"{'hours':1.5}", "2026-01-31", "2026-01-31T01:30", "2026-01-30T22:30"},
        {"{'weeks':1,'minutes':2}", "2026-01-31", "2026-02-07T00:02", "2026-01-23T23:58"},
        {"90.5", "2026-01-01", "2026-01-01T00:01:30.5", "2025-12-31T23:58:29.5"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        const struct timetable *t;
        int64_t found;

        (void)snprintf(text, sizeof text, "{'type':'delta_trigger','delta':%s}", cases[i].delta);
        t = parse(text);
        assert_int_equal(timetable_add(at(cases[i].from), &t->delta, 1, &found), 0);
        assert_int_equal(found, at(cases[i].to));
        assert_int_equal(timetable_add(at(cases[i].from), &t->delta, -1, &found), 0);
        assert_int_equal(found, at(cases[i].back));
    }
    assert_int_equal(timetable_add(at("9999-12-31"), &parse("'every 1d'")->delta, 1, &(int64_t){0}),
                     -ERR_INVALID);
}

static void test_describe(void **state)
{
    static const char *const cases[][2] = {
        {"null", "None"},
        {"'@once'", "@once"},
        {"'0 6 * * *'", "0 6 * * *"},
        {"'every 1 day, 0:00:00'", "1 day, 0:00:00"},
        {"'every 5m'", "0:05:00"},
        {"'every 3 days'", "3 days, 0:00:00"},
        {"'every 0:00:00.500000'", "0:00:00.500000"},
        {"{'type':'delta_trigger','delta':{'months':1}}", "1 month"},
        {"{'type':'delta_trigger','delta':{'years':2,'hours':1}}", "2 years 1:00:00"},
        {"{'type':'delta_trigger','delta':{'days':1,'weekday':'FR'}}", "FR(+1) 1 day, 0:00:00"},
        {"{'type':'multiple_cron_trigger','crons':['0 1 * * *','0 2 * * *']}",
         "0 1 * * *, 0 2 * * *"},
        {"{'type':'events','event_dates':['2026-01-01']}", "1 events"},
        {"{'type':'events','event_dates':[],'description':'games'}", "games"},
        {"{'type':'asset_or_time','timetable':{'type':'cron_trigger','cron':'@daily'}}",
         "Asset or @daily"},
        {"{'type':'python','classpath':'a.B','summary':'workdays'}", "workdays"},
        {"{'type':'calendar','cron':'0 6 * * 1-5','name':'bank'}", "0 6 * * 1-5, bank"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;

        buf_init(&out, KiB(1));
        timetable_describe(parse(cases[i][0]), &out);
        assert_string_equal(buf_cstr(&out), cases[i][1]);
        buf_fini(&out);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int code, line, col;
        const char *part;
    } cases[] = {
        {"3", ERR_INVALID, 1, 1, "a schedule must be"},
        {"''", ERR_SYNTAX, 1, 1, "has 0 fields"},
        {"'0 0 30 2 *'", ERR_INVALID, 1, 1, "no date that ever comes"},
        {"'every now and then'", ERR_INVALID, 1, 1, "must be a length of time"},
        {"'every 0s'", ERR_INVALID, 1, 1, "positive"},
        {"{'cron':'@daily'}", ERR_INVALID, 1, 1, "must have 'type'"},
        {"{'type':'crom'}", ERR_INVALID, 1, 9, "no type of schedule 'crom'"},
        {"{'type':'cron_trigger'}", ERR_INVALID, 1, 1, "'cron' is missing"},
        {"{'type':'cron_trigger',\n'cron':5}", ERR_SYNTAX, 2, 8, ""},
        {"{'type':'cron_trigger','cron':'61 * * * *'}", ERR_SYNTAX, 1, 31,
         "61 is not from 0 to 59"},
        {"{'type':'cron_trigger','cron':'H * * * *'}", ERR_UNSUPPORTED, 1, 31, "hashed"},
        {"{'type':'cron_trigger','cron':'@daily','timezone':'../x'}", ERR_INVALID, 1, 51,
         "'timezone'"},
        {"{'type':'cron_trigger','cron':'@daily','catch':true}", ERR_INVALID, 1, 48,
         "no member 'catch'"},
        {"{'type':'cron_trigger','cron':'@daily','dialect':'quartz'}", ERR_INVALID, 1, 50,
         "airflow or spring"},
        {"{'type':'cron_trigger','cron':'@daily','run_immediately':'x'}", ERR_INVALID, 1, 58,
         "run_immediately"},
        {"{'type':'multiple_cron_trigger','crons':[]}", ERR_INVALID, 1, 41, "list of 1 to"},
        {"{'type':'multiple_cron_trigger','crons':'@daily'}", ERR_INVALID, 1, 41, "a list of cron"},
        {"{'type':'delta_trigger','delta':-5}", ERR_INVALID, 1, 33, "positive"},
        {"{'type':'delta_trigger','delta':{'month':1}}", ERR_INVALID, 1, 42, "no member 'month'"},
        {"{'type':'delta_trigger','delta':{'weekday':'XX'}}", ERR_INVALID, 1, 44, "MO or FR(-1)"},
        {"{'type':'events','event_dates':['tomorrow']}", ERR_INVALID, 1, 33, "dates like"},
        {"{'type':'cron_partition','cron':'@daily','run_offset':{'duration':60}}", ERR_INVALID, 1,
         55, "number of ticks"},
        {"{'type':'cron_partition','cron':'@daily','key_format':'%Q'}", ERR_INVALID, 1, 55,
         "key_format"},
        {"{'type':'calendar','cron':'@daily','except':['2026-01-01T01:00:00']}", ERR_INVALID, 1, 45,
         "without a time"},
        {"{'type':'asset_or_time','timetable':{'type':'assets'}}", ERR_INVALID, 1, 37, "nested"},
        {"{'type':'asset_or_time','timetable':{'type':'asset_or_time','timetable':{}}}",
         ERR_INVALID, 1, 73, "nested"},
        {"{'type':'python'}", ERR_INVALID, 1, 1, "'classpath' is missing"},
        {"{'type':'cron_trigger','cron':'@daily','jitter':-1}", ERR_INVALID, 1, 49, "'jitter'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct timetable *t = NULL;
        struct err e = {0};
        int rc = timetable_parse(&arena, json(cases[i].text), NULL, &t, &e);
        int code = cases[i].code;

        if (cases[i].part[0] == '\0') { /* a number where text must be */
            code = ERR_INVALID;
        }
        if (rc != -code || strstr(e.text, cases[i].part) == NULL || e.line != cases[i].line ||
            e.col != cases[i].col) {
            fail_msg("%s: %d at %d:%d: %s", cases[i].text, rc, e.line, e.col, e.text);
        }
        assert_null(t);
    }
}

static void test_limits(void **state)
{
    struct timetable_question q = {.restriction = {at("0002-01-01"), TIME_NONE, false},
                                   .now_us = at("9998-01-01")};
    struct timetable_run run;
    struct err e;

    /* 120000 months are counted; out of the calendar is said. */
    assert_int_equal(
        timetable_next(parse("{'type':'delta_data_interval','delta':{'months':1}}"), &q, &run, &e),
        1);
    assert_int_equal(timetable_next(parse("{'type':'delta_data_interval','delta':{'years':4000}}"),
                                    &q, &run, &e),
                     -ERR_INVALID);
    assert_true(strstr(e.text, "calendar") != NULL);
}

/* Each allocation fails in turn: an error, and nothing else. */
static void test_memory(void **state)
{
    struct value *v =
        json("{'type':'asset_or_time','timetable':{'type':'calendar','name':'x',"
             "'cron':'0 6 * * 1-5','except':['2026-01-01'],'timezone':'Asia/Kolkata'}}");
    int rc = -ERR_NOMEM;

    for (size_t room = 0; rc != 0; room += 64) {
        const struct timetable *t = NULL;
        struct arena small;
        struct err e;

        arena_init(&small, room);
        rc = timetable_parse(&small, v, NULL, &t, &e);
        assert_true(rc == 0 ? t != NULL : rc == -ERR_NOMEM && t == NULL);
        arena_fini(&small);
        assert_true(room < KiB(64));
    }
}

static int setup(void **state)
{
    arena_init(&arena, MiB(256));
    return 0;
}

static int teardown(void **state)
{
    arena_fini(&arena);
    schedule_zones_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_airflow),       cmocka_unit_test(test_catchup),
        cmocka_unit_test(test_clock_changes), cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_jitter),        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_others),        cmocka_unit_test(test_options),
        cmocka_unit_test(test_add),           cmocka_unit_test(test_describe),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
