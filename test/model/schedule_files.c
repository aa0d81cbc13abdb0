#include "schedule_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "model/zone.h"

#define ZONES 32

static struct zone *zones[ZONES];

char *schedule_file(const char *name, size_t *ret_n)
{
    char path[1000], *data;
    long n;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", SCHEDULE_FILES, name);
    f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("%s cannot be read", path);
    }
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    n = ftell(f);
    assert_true(n >= 0);
    rewind(f);
    data = malloc((size_t)n + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)n, f), n);
    data[n] = '\0';
    (void)fclose(f);
    *ret_n = (size_t)n;
    return data;
}

const struct zone *schedule_zone(const char *name)
{
    struct err e = {0};
    int i = 0;

    while (i < ZONES && zones[i] != NULL && strcmp(zone_name(zones[i]), name) != 0) {
        i++;
    }
    assert_true(i < ZONES);
    if (zones[i] != NULL) {
        return zones[i];
    }
    if (zone_is_fixed(name)) {
        assert_int_equal(zone_fixed(name, &zones[i], &e), 0);
    } else {
        char path[200], *data;
        size_t n;

        (void)snprintf(path, sizeof path, "zoneinfo/%s", name);
        data = schedule_file(path, &n);
        if (zone_load(name, "2025b", data, n, &zones[i], &e) != 0) {
            fail_msg("%s: %s", name, e.text);
        }
        free(data);
    }
    return zones[i];
}

void schedule_zones_free(void)
{
    for (int i = 0; i < ZONES; i++) {
        zone_free(zones[i]);
        zones[i] = NULL;
    }
}
