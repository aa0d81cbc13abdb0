/* What a request for a backfill means for a DAG: its range in the time zone of the schedule, and its dates. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "engine/backfill.h"
#include "engine/timing.h"
#include "model/dag.h"
#include "model/timetable.h"
#include "model/zone.h"

#define DATE_BYTES 10 /* "2026-07-01" */
#define DAY_US     (24 * 3600 * TIME_SECOND)

static bool is_date(const char *text)
{
    return strlen(text) == DATE_BYTES;
}

/* The first instant of a day as clocks show it there; where midnight is skipped, the first after it. */
static int64_t day_begin(const struct zone *zone, int64_t wall_us)
{
    int64_t early = wall_us, late = wall_us;

    if (zone == NULL) {
        return wall_us;
    }
    return zone_to_utc(zone, wall_us, &early, &late) == ZONE_GAP ? late : early;
}

static int set_bound(const char *name, const char *text, bool last, const struct zone *zone,
                     int64_t *ret, struct err *e)
{
    int64_t t;

    if (text == NULL || time_parse(text, strlen(text), &t) != 0) {
        return err_set(e, ERR_INVALID,
                       "%s is a date (2026-07-01) or a time (2026-07-01T06:00:00Z), not '%s'", name,
                       text != NULL ? text : "");
    }
    if (!is_date(text)) {
        *ret = t;
    } else {
        *ret = last ? day_begin(zone, t + DAY_US) - 1 : day_begin(zone, t);
    }
    return 0;
}

static int plan(const struct backfill_request *q, const struct dag *d, const struct timing *timing,
                int64_t now_us, struct arena *a, struct backfill_row *row,
                struct backfill_run_row **ret_dates, size_t *ret_len, struct err *e)
{
    const struct zone *zone = timing_zone(timing);
    int rc = backfill_check_timetable(timing_timetable(timing), e);

    rc = rc == 0 ? set_bound("the first date", q->from, false, zone, &row->from_us, e) : rc;
    rc = rc == 0 ? set_bound("the last date", q->to, true, zone, &row->to_us, e) : rc;
    rc = rc == 0 ? backfill_check(row, d, now_us, e) : rc;
    rc = rc == 0
             ? backfill_dates(row, timing_timetable(timing), zone, now_us, a, ret_dates, ret_len, e)
             : rc;
    if (rc == 0 && *ret_len == 0) {
        rc = err_set(e, ERR_NOTFOUND,
                     "the schedule has no date from %s to %s whose data interval has ended",
                     q->from, q->to);
    }
    return rc;
}

int backfill_plan(const struct backfill_request *q, const struct dag *d, int64_t now_us,
                  struct arena *a, struct backfill_row *ret, struct backfill_run_row **ret_dates,
                  size_t *ret_len, struct err *e)
{
    struct backfill_row row = {
        .max_active_runs = q->max_active_runs != 0 ? q->max_active_runs : DEFAULT_BACKFILL_ACTIVE,
        .reprocess = (uint8_t)q->reprocess,
        .backwards = q->backwards,
        .own_version = q->own_version,
        .conf = q->conf,
        .actor = q->actor,
        .created_us = now_us,
        .completed_us = TIME_NONE,
        .cancelled_us = TIME_NONE,
    };
    struct timing *timing = NULL;
    int rc = timing_new(d, &timing, e);

    if (rc == 0 && timing == NULL) {
        rc = err_set(e, ERR_UNSUPPORTED,
                     "it has no schedule by the clock, so no dates; `tradewind dags trigger "
                     "--logical-date` makes one run");
    }
    rc = rc == 0 ? plan(q, d, timing, now_us, a, &row, ret_dates, ret_len, e) : rc;
    timing_free(timing);
    if (rc == 0) {
        row.dates = (uint32_t)*ret_len;
        *ret = row;
    }
    return err_prefix(e, rc, "DAG '%s' cannot have this backfill", d->dag_id);
}
