/*
 * Cron expressions of any bytes, in both dialects: an error with its place, or sets with a tick; then
 * next and previous find each other, and nothing that is meant lies between.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "fuzz.h"
#include "model/cron.h"

#define DAY_US (86400 * TIME_SECOND)

static void check(const struct cron *c, int64_t from)
{
    int64_t unit = c->has_seconds ? TIME_SECOND : 60 * TIME_SECOND, next, back;

    if (cron_next(c, from, &next) != 0) {
        return;
    }
    FUZZ_CHECK(next > from && next % unit == 0 && cron_matches(c, next));
    FUZZ_CHECK(cron_next(c, next - 1, &back) == 0 && back == next);
    FUZZ_CHECK(cron_previous(c, next + 1, &back) == 0 && back == next);
    FUZZ_CHECK(cron_previous(c, next, &back) != 0 || back <= from);
    for (int i = 1; i < 200 && next - i * unit > from; i++) {
        FUZZ_CHECK(!cron_matches(c, next - i * unit));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (int dialect = 0; dialect < 2; dialect++) {
        struct cron c;
        struct err e = {0};
        int rc = cron_parse((const char *)data, n, (enum cron_dialect)dialect, &c, &e);

        if (rc != 0) {
            FUZZ_CHECK(rc == e.code && e.text[0] != 0 && e.line == 1 && e.col > 0);
            continue;
        }
        FUZZ_CHECK(c.hours != 0 && c.minutes != 0 && c.seconds != 0 && c.months != 0);
        for (int64_t t = 19723 * DAY_US; t < 30000 * DAY_US; t += 1511 * DAY_US + 12345678901) {
            check(&c, t);
        }
    }
    return 0;
}
