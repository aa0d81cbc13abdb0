/*
 * Files of time zones of any bytes: an error, or a zone in which a wall time names instants that show
 * it, and changes lie where they say.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "fuzz.h"
#include "model/zone.h"

static void check(const struct zone *z, int64_t t)
{
    const char *name;
    int64_t early, late, change;
    enum zone_wall kind = zone_to_utc(z, t, &early, &late);

    FUZZ_CHECK(early <= late && (kind == ZONE_ONCE) == (early == late));
    (void)zone_offset(z, t, &name, NULL);
    FUZZ_CHECK(strlen(name) < 32);
    if (zone_next_change(z, t, &change)) {
        FUZZ_CHECK(change > t &&
                   zone_offset(z, change, NULL, NULL) != zone_offset(z, change - 1, NULL, NULL));
        FUZZ_CHECK(zone_offset(z, t, NULL, NULL) == zone_offset(z, change - 1, NULL, NULL));
    }
    if (zone_last_change(z, t, &change)) {
        FUZZ_CHECK(change <= t &&
                   zone_offset(z, t, NULL, NULL) == zone_offset(z, change, NULL, NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct zone *z = NULL;
    struct err e = {0};
    char name[64] = {0};
    int rc = zone_load("Fuzz/Zone", NULL, data, n, &z, &e);

    if (rc != 0) {
        FUZZ_CHECK(rc == e.code && e.text[0] != 0);
    } else {
        for (int64_t year = -70; year < 900; year += 9) {
            check(z, (year * 31556952 + year * 86413) * TIME_SECOND);
        }
        zone_free(z);
    }
    memcpy(name, data, n < sizeof name - 1 ? n : sizeof name - 1);
    (void)zone_name_is_valid(name);
    if (zone_is_fixed(name)) {
        FUZZ_CHECK(zone_fixed(name, &z, &e) == 0);
        zone_free(z);
    }
    return 0;
}
