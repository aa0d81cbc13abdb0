/* Partition keys: what the Python SDK's mappers say of the same keys (NULL: they refuse), and what a schedule may not say. */
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
#include "model/partition.h"
#include "model/zone.h"

static const struct {
    const char *mapper, *key, *expected;
} cases[] = {
    {"{\"type\":\"IdentityMapper\"}", "eu", "eu"},
    {"{\"type\":\"IdentityMapper\"}", "2026-03-13T10:42:15", "2026-03-13T10:42:15"},
    {"{\"type\":\"IdentityMapper\"}", "2024-12-30T23:59:59", "2024-12-30T23:59:59"},
    {"{\"type\":\"IdentityMapper\"}", "2027-01-01T00:00:00", "2027-01-01T00:00:00"},
    {"{\"type\":\"IdentityMapper\"}", "2026-02-30T00:00:00", "2026-02-30T00:00:00"},
    {"{\"type\":\"IdentityMapper\"}", "2026-03-13T10:42:15+0530", "2026-03-13T10:42:15+0530"},
    {"{\"type\":\"IdentityMapper\"}", "2026-03-13T22:42:15Z", "2026-03-13T22:42:15Z"},
    {"{\"type\":\"IdentityMapper\"}", "2026-03-13T00:42:15-01:00", "2026-03-13T00:42:15-01:00"},
    {"{\"type\":\"IdentityMapper\"}", "20260313", "20260313"},
    {"{\"type\":\"IdentityMapper\"}", "2026313", "2026313"},
    {"{\"type\":\"IdentityMapper\"}", "eu|2026-03-13T10:42:15", "eu|2026-03-13T10:42:15"},
    {"{\"type\":\"IdentityMapper\"}", "eu::2026-03-13T10:42:15", "eu::2026-03-13T10:42:15"},
    {"{\"type\":\"IdentityMapper\"}", "a|b|c", "a|b|c"},
    {"{\"type\":\"IdentityMapper\"}", "xx::2026-03-13T10:42:15", "xx::2026-03-13T10:42:15"},
    {"{\"type\":\"IdentityMapper\"}", "31 Dec 68 12AM", "31 Dec 68 12AM"},
    {"{\"type\":\"IdentityMapper\"}", "1 jan 70 1pm", "1 jan 70 1pm"},
    {"{\"type\":\"IdentityMapper\"}", "2024-366", "2024-366"},
    {"{\"type\":\"IdentityMapper\"}", "2026-366", "2026-366"},
    {"{\"type\":\"IdentityMapper\"}", "", ""},
    {"{\"type\":\"IdentityMapper\"}", "2026-3-3T1:2:3", "2026-3-3T1:2:3"},
    {"{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%dT%H\"}",
     "2026-03-13T10:42:15", "2026-03-13T10"},
    {"{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%dT%H\"}",
     "2024-12-30T23:59:59", "2024-12-30T23"},
    {"{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%dT%H\"}",
     "2027-01-01T00:00:00", "2027-01-01T00"},
    {"{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%dT%H\"}",
     "2026-03-13T22:42:15Z", NULL},
    {"{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%dT%H\"}",
     "2026-3-3T1:2:3", "2026-03-03T01"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d\"}",
     "eu", NULL},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d\"}",
     "2026-03-13T10:42:15", "2026-03-13"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d\"}",
     "2024-12-30T23:59:59", "2024-12-30"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d\"}",
     "2027-01-01T00:00:00", "2027-01-01"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d\"}",
     "2026-3-3T1:2:3", "2026-03-03"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d (W%V)\"}",
     "2026-03-13T10:42:15", "2026-03-09 (W11)"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d (W%V)\"}",
     "2024-12-30T23:59:59", "2024-12-30 (W01)"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d (W%V)\"}",
     "2027-01-01T00:00:00", "2026-12-28 (W53)"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d (W%V)\"}",
     "2026-02-30T00:00:00", NULL},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m-%d (W%V)\"}",
     "2026-3-3T1:2:3", "2026-03-02 (W10)"},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m\"}",
     "2026-03-13T10:42:15", "2026-03"},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m\"}",
     "2024-12-30T23:59:59", "2024-12"},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m\"}",
     "2027-01-01T00:00:00", "2027-01"},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m\"}",
     "2026-02-30T00:00:00", NULL},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m\"}",
     "31 Dec 68 12AM", NULL},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y-%m\"}",
     "2026-3-3T1:2:3", "2026-03"},
    {"{\"type\":\"StartOfQuarterMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%"
     "S\",\"output_format\":\"%Y-Q{quarter}\"}",
     "2026-03-13T10:42:15", "2026-Q1"},
    {"{\"type\":\"StartOfQuarterMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%"
     "S\",\"output_format\":\"%Y-Q{quarter}\"}",
     "2024-12-30T23:59:59", "2024-Q4"},
    {"{\"type\":\"StartOfQuarterMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%"
     "S\",\"output_format\":\"%Y-Q{quarter}\"}",
     "2027-01-01T00:00:00", "2027-Q1"},
    {"{\"type\":\"StartOfQuarterMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%"
     "S\",\"output_format\":\"%Y-Q{quarter}\"}",
     "2026-03-13T10:42:15+0530", NULL},
    {"{\"type\":\"StartOfQuarterMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%"
     "S\",\"output_format\":\"%Y-Q{quarter}\"}",
     "2026-3-3T1:2:3", "2026-Q1"},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y\"}",
     "2026-03-13T10:42:15", "2026"},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y\"}",
     "2024-12-30T23:59:59", "2024"},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y\"}",
     "2027-01-01T00:00:00", "2027"},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y\"}",
     "2026-366", NULL},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%Y\"}",
     "2026-3-3T1:2:3", "2026"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"+02:00\",\"input_format\":\"%Y-%m-%dT%H:%M:%S%"
     "z\",\"output_format\":\"%Y-%m-%d\"}",
     "2026-03-13T10:42:15+0530", "2026-03-13"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"+02:00\",\"input_format\":\"%Y-%m-%dT%H:%M:%S%"
     "z\",\"output_format\":\"%Y-%m-%d\"}",
     "2026-03-13T22:42:15Z", "2026-03-14"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"+02:00\",\"input_format\":\"%Y-%m-%dT%H:%M:%S%"
     "z\",\"output_format\":\"%Y-%m-%d\"}",
     "2026-03-13T00:42:15-01:00", "2026-03-13"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"+02:00\",\"input_format\":\"%Y-%m-%dT%H:%M:%S%"
     "z\",\"output_format\":\"%Y-%m-%d\"}",
     "20260313", NULL},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y%m%d\",\"output_"
     "format\":\"%d.%m.%Y\"}",
     "2026-03-13T00:42:15-01:00", NULL},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y%m%d\",\"output_"
     "format\":\"%d.%m.%Y\"}",
     "20260313", "13.03.2026"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y%m%d\",\"output_"
     "format\":\"%d.%m.%Y\"}",
     "2026313", "13.03.2026"},
    {"{\"type\":\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y%m%d\",\"output_"
     "format\":\"%d.%m.%Y\"}",
     "eu|2026-03-13T10:42:15", NULL},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "2026-03-13T10:42:15", "2026-W11"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "2024-12-30T23:59:59", "2025-W01"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "2027-01-01T00:00:00", "2026-W53"},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "eu|2026-03-13T10:42:15", NULL},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "eu::2026-03-13T10:42:15", NULL},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "a|b|c", NULL},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "xx::2026-03-13T10:42:15", NULL},
    {"{\"type\":\"StartOfWeekMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\","
     "\"output_format\":\"%G-W%V\"}",
     "2026-3-3T1:2:3", "2026-W10"},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "2026-03-13T10:42:15", NULL},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "2026-02-30T00:00:00", NULL},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "2026-03-13T00:42:15-01:00", NULL},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "20260313", NULL},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "eu|2026-03-13T10:42:15", "eu|2026-03-13"},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "31 Dec 68 12AM", NULL},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"IdentityMapper\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_"
     "format\":\"%Y-%m-%d\"}],\"delimiter\":\"|\"}",
     "2026-366", NULL},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"AllowedKeyMapper\",\"allowed_keys\":["
     "\"eu\",\"us\"]},{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%"
     "m-%dT%H:%M:%S\",\"output_format\":\"%Y-%m-%dT%H\"}],\"delimiter\":\"::\"}",
     "eu::2026-03-13T10:42:15", "eu::2026-03-13T10"},
    {"{\"type\":\"ProductMapper\",\"mappers\":[{\"type\":\"AllowedKeyMapper\",\"allowed_keys\":["
     "\"eu\",\"us\"]},{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%"
     "m-%dT%H:%M:%S\",\"output_format\":\"%Y-%m-%dT%H\"}],\"delimiter\":\"::\"}",
     "", NULL},
    {"{\"type\":\"ChainMapper\",\"mappers\":[{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\","
     "\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_format\":\"%Y-%m-%dT%H\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H\",\"output_format\":"
     "\"%Y-%m-%d\"}]}",
     "2026-03-13T10:42:15", "2026-03-13"},
    {"{\"type\":\"ChainMapper\",\"mappers\":[{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\","
     "\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_format\":\"%Y-%m-%dT%H\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H\",\"output_format\":"
     "\"%Y-%m-%d\"}]}",
     "2024-12-30T23:59:59", "2024-12-30"},
    {"{\"type\":\"ChainMapper\",\"mappers\":[{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\","
     "\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_format\":\"%Y-%m-%dT%H\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H\",\"output_format\":"
     "\"%Y-%m-%d\"}]}",
     "2027-01-01T00:00:00", "2027-01-01"},
    {"{\"type\":\"ChainMapper\",\"mappers\":[{\"type\":\"StartOfHourMapper\",\"timezone\":\"UTC\","
     "\"input_format\":\"%Y-%m-%dT%H:%M:%S\",\"output_format\":\"%Y-%m-%dT%H\"},{\"type\":"
     "\"StartOfDayMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%m-%dT%H\",\"output_format\":"
     "\"%Y-%m-%d\"}]}",
     "2026-3-3T1:2:3", "2026-03-03"},
    {"{\"type\":\"AllowedKeyMapper\",\"allowed_keys\":[\"eu\",\"us\"]}", "eu", "eu"},
    {"{\"type\":\"AllowedKeyMapper\",\"allowed_keys\":[\"eu\",\"us\"]}", "31 Dec 68 12AM", NULL},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%d %b %y "
     "%I%p\",\"output_format\":\"%Y-%m\"}",
     "a|b|c", NULL},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%d %b %y "
     "%I%p\",\"output_format\":\"%Y-%m\"}",
     "31 Dec 68 12AM", "2068-12"},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%d %b %y "
     "%I%p\",\"output_format\":\"%Y-%m\"}",
     "1 jan 70 1pm", "1970-01"},
    {"{\"type\":\"StartOfMonthMapper\",\"timezone\":\"UTC\",\"input_format\":\"%d %b %y "
     "%I%p\",\"output_format\":\"%Y-%m\"}",
     "2024-366", NULL},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%j\",\"output_"
     "format\":\"%y%%\"}",
     "2024-12-30T23:59:59", NULL},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%j\",\"output_"
     "format\":\"%y%%\"}",
     "2027-01-01T00:00:00", NULL},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%j\",\"output_"
     "format\":\"%y%%\"}",
     "eu|2026-03-13T10:42:15", NULL},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%j\",\"output_"
     "format\":\"%y%%\"}",
     "2024-366", "24%"},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%j\",\"output_"
     "format\":\"%y%%\"}",
     "2026-366", "27%"},
    {"{\"type\":\"StartOfYearMapper\",\"timezone\":\"UTC\",\"input_format\":\"%Y-%j\",\"output_"
     "format\":\"%y%%\"}",
     "2026-3-3T1:2:3", NULL},
};

static int load_zone(void *arg, struct partition_mapper *m)
{
    struct zone *z = NULL;

    if (m->needs_zone && zone_fixed(m->zone_name, &z, NULL) == 0) {
        *(struct zone **)arg = z;
        m->zone = z;
    }
    return 0;
}

static int map(const char *schedule, const char *key, char *out, struct err *e)
{
    struct arena a;
    struct value *v;
    struct partition_map *m;
    struct zone *z = NULL;
    int rc;

    arena_init(&a, 1 << 20);
    assert_int_equal(value_parse(&a, schedule, strlen(schedule), &v, e), 0);
    rc = partition_map_parse(&a, v, &m, e);
    rc = rc == 0 ? partition_map_each(m, load_zone, &z) : rc;
    rc = rc == 0 ? partition_map_key(m, "orders", "s3://orders", key, out, e) : rc;
    zone_free(z);
    arena_fini(&a);
    return rc;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char schedule[1024], out[PARTITION_KEY_MAX];
        struct err e = {0};
        int rc;

        (void)snprintf(schedule, sizeof schedule, "{\"default_mapper\":%s}", cases[i].mapper);
        rc = map(schedule, cases[i].key, out, &e);
        if ((rc == 0) != (cases[i].expected != NULL) ||
            (rc == 0 && strcmp(out, cases[i].expected) != 0)) {
            fail_msg("%s of '%s': %s, expected %s", cases[i].mapper, cases[i].key,
                     rc == 0 ? out : err_str(&e),
                     cases[i].expected != NULL ? cases[i].expected : "an error");
        }
    }
}

static void test_rules(void **state)
{
    static const char schedule[] =
        "{\"default_mapper\":{\"type\":\"IdentityMapper\"},\"mappers\":["
        "{\"asset\":{\"type\":\"asset\",\"name\":\"other\",\"uri\":\"s3://orders\"},"
        "\"mapper\":{\"type\":\"AllowedKeyMapper\",\"allowed_keys\":[]}},"
        "{\"asset\":{\"type\":\"asset_ref\",\"uri\":\"s3://orders\"},"
        "\"mapper\":{\"type\":\"StartOfYearMapper\"}}]}";
    char out[PARTITION_KEY_MAX], key[400];
    struct err e = {0};

    (void)state;
    assert_int_equal(map(schedule, "2026-03-13T10:42:15", out, &e), 0);
    assert_string_equal(out, "2026");
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_int_equal(map("{}", key, out, &e), -ERR_LIMIT);
    assert_int_equal(map("{}", "k", out, &e), 0);
    assert_string_equal(out, "k");
    assert_int_equal(map("{\"default_mapper\":{\"type\":\"shop.Mine\"}}", "k", out, &e),
                     -ERR_UNSUPPORTED);
    assert_int_equal(map("{\"default_mapper\":{\"type\":\"Mine\"}}", "k", out, &e), -ERR_INVALID);
    assert_int_equal(map("{\"default_mapper\":{\"type\":\"ChainMapper\"}}", "k", out, &e),
                     -ERR_INVALID);
    assert_int_equal(map("{\"mappers\":[{}]}", "k", out, &e), -ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_rules)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
