/*
 * The schedule of a document, any JSON: an error with its place, or a time table whose runs go
 * forward, whatever its bounds are.
 */
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "fuzz.h"
#include "model/timetable.h"
#include "model/zone.h"

#define DAY_US (86400 * TIME_SECOND)

static void runs(const struct timetable *t, const struct zone *z, bool catchup)
{
    struct timetable_question q = {.zone = z,
                                   .restriction = {20000 * DAY_US, 21000 * DAY_US, catchup},
                                   .now_us = 20088 * DAY_US + 3600 * TIME_SECOND};
    struct timetable_run run, last;
    struct err e = {0};
    int64_t start, end;
    int rc;

    for (int i = 0; i < 20; i++) {
        rc = timetable_next(t, &q, &run, &e);
        FUZZ_CHECK(rc >= 0 ? rc <= 1 : rc == e.code && e.text[0] != 0);
        if (rc != 1) {
            break;
        }
        FUZZ_CHECK(run.partition_us != TIME_NONE || run.logical_us == run.start_us);
        if (q.last != NULL && t->kind != TIMETABLE_CONTINUOUS) {
            FUZZ_CHECK(run.run_after_us > last.run_after_us);
        }
        last = run;
        q.last = &last;
        q.now_us = run.run_after_us > q.now_us ? run.run_after_us : q.now_us + DAY_US;
    }
    rc = timetable_manual_interval(t, z, q.now_us, &start, &end, &e);
    FUZZ_CHECK(rc <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct timetable_options o = {.dag_id = "d"};
    const struct timetable *t = NULL;
    struct value *v = NULL;
    struct zone *z = NULL;
    struct arena a;
    struct err e = {0};
    struct buf out;
    int rc;

    arena_init(&a, MiB(64));
    if (value_parse(&a, (const char *)data, n, &v, &e) == 0) {
        rc = timetable_parse(&a, v, &o, &t, &e);
        if (rc != 0) {
            FUZZ_CHECK(rc == e.code && e.text[0] != 0 && (rc == -ERR_NOMEM || e.line > 0));
        } else {
            FUZZ_CHECK(zone_fixed("UTC", &z, &e) == 0);
            runs(t, z, true);
            runs(t, z, false);
            zone_free(z);
            buf_init(&out, MiB(16));
            timetable_describe(t, &out);
            buf_fini(&out);
        }
    }
    arena_fini(&a);
    return 0;
}
