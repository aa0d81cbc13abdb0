/* Time zones: what Python's zoneinfo says of some, gaps and folds, far years, damaged files, lack of memory. */
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
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "model/zone.h"
#include "schedule_files.h"

static int64_t at(const char *text)
{
    int64_t t;

    assert_int_equal(time_parse(text, strlen(text), &t), 0);
    return t;
}

static void test_recorded(void **state)
{
    size_t n;
    char *text = schedule_file("cases/zones.tsv", &n);
    int rows = 0;

    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char name[64], abbreviation[16];
        long long s, offset, early, late;
        int64_t got_early, got_late;
        const char *got;
        int kind;

        if (line[0] == '#') {
            continue;
        }
        assert_int_equal(sscanf(line, "%63s %lld %lld %15s %d %lld %lld", name, &s, &offset,
                                abbreviation, &kind, &early, &late),
                         7);
        if (zone_offset(schedule_zone(name), s * TIME_SECOND, &got, NULL) != offset ||
            strcmp(got, abbreviation) != 0) {
            fail_msg("%s: not %s", line, got);
        }
        if ((int)zone_to_utc(schedule_zone(name), s * TIME_SECOND, &got_early, &got_late) != kind ||
            got_early != early * TIME_SECOND || got_late != late * TIME_SECOND) {
            fail_msg("%s: not %lld %lld", line, (long long)got_early, (long long)got_late);
        }
        rows++;
    }
    free(text);
    assert_true(rows > 1000);
}

static void test_gap_and_fold(void **state)
{
    const struct zone *z = schedule_zone("Europe/Berlin");
    int64_t early, late;

    /* 29 March 2026: 02:00 becomes 03:00. */
    assert_int_equal(zone_to_utc(z, at("2026-03-29T02:30:00"), &early, &late), ZONE_GAP);
    assert_int_equal(early, at("2026-03-29T00:30:00"));
    assert_int_equal(late, at("2026-03-29T01:30:00"));
    assert_int_equal(zone_to_wall(z, late), at("2026-03-29T03:30:00"));
    assert_int_equal(zone_to_utc(z, at("2026-03-29T03:00:00"), &early, &late), ZONE_ONCE);
    assert_int_equal(early, at("2026-03-29T01:00:00"));
    /* 25 October 2026: 03:00 becomes 02:00. */
    assert_int_equal(zone_to_utc(z, at("2026-10-25T02:30:00"), &early, &late), ZONE_FOLD);
    assert_int_equal(early, at("2026-10-25T00:30:00"));
    assert_int_equal(late, at("2026-10-25T01:30:00"));
    assert_int_equal(zone_to_utc(z, at("2026-10-25T03:00:00"), &early, &late), ZONE_ONCE);
    /* Half an hour only. */
    z = schedule_zone("Australia/Lord_Howe");
    assert_int_equal(zone_to_utc(z, at("2026-04-05T01:45:00"), &early, &late), ZONE_FOLD);
    assert_int_equal(late - early, 1800 * TIME_SECOND);
}

static void test_far_years(void **state)
{
    const struct zone *z = schedule_zone("Europe/Berlin");
    int64_t change;
    bool dst;

    assert_int_equal(zone_offset(z, at("2499-07-01T00:00:00"), NULL, &dst), 7200);
    assert_true(dst);
    assert_int_equal(zone_offset(z, at("9999-12-31T00:00:00"), NULL, NULL), 3600);
    assert_int_equal(zone_offset(z, at("9999-07-01T00:00:00"), NULL, NULL), 7200);
    assert_int_equal(zone_offset(z, at("1880-01-01T00:00:00"), NULL, NULL), 3208);
    /* 27 March 2495 is the last Sunday of that month. */
    assert_true(zone_next_change(z, at("2495-01-01T00:00:00"), &change));
    assert_int_equal(change, at("2495-03-27T01:00:00"));
    assert_false(zone_next_change(schedule_zone("Asia/Kolkata"), 0, &change));
}

/* Every instant comes back from the wall as one of the two it names; changes lie where offsets differ. */
static void test_there_and_back(void **state)
{
    static const char *const names[] = {"Europe/Berlin",     "America/New_York",
                                        "Africa/Casablanca", "Australia/Lord_Howe",
                                        "America/Santiago",  "+05:30"};
    struct prng p;

    prng_seed(&p, 7);
    for (int i = 0; i < 60000; i++) {
        const struct zone *z = schedule_zone(names[i % 6]);
        int64_t t = (int64_t)prng_below(&p, UINT64_C(40000000000)) * TIME_SECOND - at("2100-01-01");
        int64_t early, late, change;

        (void)zone_to_utc(z, zone_to_wall(z, t), &early, &late);
        assert_true(t == early || t == late);
        if (i % 10 == 0 && zone_next_change(z, t, &change)) {
            assert_true(change > t);
            assert_int_equal(zone_offset(z, t, NULL, NULL), zone_offset(z, change - 1, NULL, NULL));
            assert_int_not_equal(zone_offset(z, change, NULL, NULL),
                                 zone_offset(z, change - 1, NULL, NULL));
        }
    }
}

static void test_fixed(void **state)
{
    static const struct {
        const char *name;
        int offset;
    } good[] = {{"UTC", 0},          {"Z", 0},
                {"+02:00", 7200},    {"-0330", -12600},
                {"UTC+02:00", 7200}, {"+05:30:15", 19815},
                {"-11", -39600}};
    static const char *const bad[] = {"",       "+",       "+2",     "+24:00",
                                      "+02:60", "+02:00x", "Berlin", "UTC2"};
    struct zone *z;
    struct err e;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(zone_fixed(good[i].name, &z, &e), 0);
        assert_int_equal(zone_offset(z, 0, NULL, NULL), good[i].offset);
        zone_free(z);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(zone_fixed(bad[i], &z, &e), -ERR_INVALID);
    }
}

static void test_names(void **state)
{
    assert_true(zone_name_is_valid("Europe/Berlin"));
    assert_true(zone_name_is_valid("America/Argentina/Buenos_Aires"));
    assert_true(zone_name_is_valid("Etc/GMT+5"));
    assert_true(zone_name_is_valid("+02:00"));
    assert_false(zone_name_is_valid(""));
    assert_false(zone_name_is_valid("/etc/passwd"));
    assert_false(zone_name_is_valid("../etc/passwd"));
    assert_false(zone_name_is_valid("Europe//Berlin"));
    assert_false(zone_name_is_valid("Europe/"));
    assert_false(zone_name_is_valid("Europe/Ber lin"));
}

/* Whatever is cut off or changed in a file: an error, or a zone that answers. */
static void test_damaged(void **state)
{
    size_t n;
    char *data = schedule_file("zoneinfo/Europe/Berlin", &n);
    struct zone *z;
    struct err e;
    struct prng p;

    for (size_t i = 0; i < n; i++) {
        assert_true(zone_load("x", NULL, data, i, &z, &e) < 0);
        assert_true(strstr(e.text, "'x'") != NULL);
    }
    assert_int_equal(zone_load("x", NULL, data, LIMIT_ZONE_BYTES + 1, &z, &e), -ERR_LIMIT);
    prng_seed(&p, 3);
    for (int i = 0; i < 20000; i++) {
        size_t place = (size_t)prng_below(&p, n);
        char kept = data[place];
        int64_t early, late;

        data[place] = (char)prng_next(&p);
        if (zone_load("x", NULL, data, n, &z, &e) == 0) {
            (void)zone_to_utc(z, at("2026-03-29T02:30:00"), &early, &late);
            assert_true(early <= late);
            zone_free(z);
        }
        data[place] = kept;
    }
    data[4] = '\0';
    assert_int_equal(zone_load("x", NULL, data, n, &z, &e), -ERR_UNSUPPORTED);
    free(data);
}

static void test_memory(void **state)
{
    size_t n;
    char *data = schedule_file("zoneinfo/Europe/Berlin", &n);
    struct zone *z = NULL;
    struct err e;
    int rc = -ERR_NOMEM, i = 0;

    for (i = 1; rc != 0; i++) {
        mem_fail_at((uint64_t)i, 0);
        rc = zone_load("Europe/Berlin", "2025b", data, n, &z, &e);
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
    }
    assert_true(i > 5);
    assert_string_equal(zone_name(z), "Europe/Berlin");
    assert_string_equal(zone_release(z), "2025b");
    zone_free(z);
    free(data);
}

static int teardown(void **state)
{
    schedule_zones_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),  cmocka_unit_test(test_gap_and_fold),
        cmocka_unit_test(test_far_years), cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_fixed),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
