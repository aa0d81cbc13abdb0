/* What time tables are made of: ticks of a cron expression in a zone, and lengths of time that are added to a date. */
#include "model/timetable.h"

#include "base/err.h"
#include "base/limits.h"
#include "model/timetable_priv.h"
#include "model/zone.h"

/* ---- ticks of a cron expression ---- */

/*
 * Expressions for every hour: an instant is a tick when the clock on the wall then shows what is
 * meant. So both hours of a fold have their ticks, and times in a gap have none. Between two changes
 * of its offset a zone is as plain as UTC.
 */
static int64_t hourly_after(const struct cron *c, const struct zone *zone, int64_t utc_us)
{
    int64_t change, tick, offset = zone_offset(zone, utc_us, NULL, NULL) * TIME_SECOND;
    int64_t wall = utc_us + offset;

    while (cron_next(c, wall, &tick) == 0) {
        if (!zone_next_change(zone, utc_us, &change) || tick - offset < change) {
            return tick - offset;
        }
        utc_us = change;
        offset = zone_offset(zone, change, NULL, NULL) * TIME_SECOND;
        wall = change + offset - 1; /* the change itself may be a tick */
    }
    return NEVER;
}

static int64_t hourly_before(const struct cron *c, const struct zone *zone, int64_t utc_us)
{
    int64_t change, tick, offset = zone_offset(zone, utc_us - 1, NULL, NULL) * TIME_SECOND;

    while (cron_previous(c, utc_us + offset, &tick) == 0) {
        if (!zone_last_change(zone, utc_us - 1, &change) || tick - offset >= change) {
            return tick - offset;
        }
        utc_us = change;
        offset = zone_offset(zone, change - 1, NULL, NULL) * TIME_SECOND;
    }
    return EVER;
}

/* Others are looked up on the wall. In a fold the second time counts; a time in a gap is moved
 * forward by it. */
static int64_t from_wall(const struct zone *zone, int64_t wall_us)
{
    int64_t early, late;

    (void)zone_to_utc(zone, wall_us, &early, &late);
    return late;
}

int64_t timetable_tick_after(const struct cron *c, const struct zone *zone, int64_t utc_us)
{
    int64_t tick;

    if (utc_us < TIME_MIN || utc_us >= TIME_MAX) {
        return NEVER;
    }
    if (c->every_hour) {
        return hourly_after(c, zone, utc_us);
    }
    return cron_next(c, zone_to_wall(zone, utc_us), &tick) == 0 ? from_wall(zone, tick) : NEVER;
}

int64_t timetable_tick_before(const struct cron *c, const struct zone *zone, int64_t utc_us)
{
    int64_t tick;

    if (utc_us < TIME_MIN || utc_us >= TIME_MAX) {
        return EVER;
    }
    if (c->every_hour) {
        return hourly_before(c, zone, utc_us);
    }
    return cron_previous(c, zone_to_wall(zone, utc_us), &tick) == 0 ? from_wall(zone, tick) : EVER;
}

/* ---- lengths of time ---- */

static int days_in(int year, int month)
{
    struct civil last = {.year = year, .month = month + 1, .day = 0};

    time_to_civil(time_from_civil(&last), &last);
    return last.day;
}

int timetable_add(int64_t t_us, const struct timetable_delta *delta, int sign, int64_t *ret_us)
{
    __int128 t = t_us;

    if (t_us < TIME_MIN || t_us >= TIME_MAX) {
        return -ERR_INVALID;
    }
    if (delta->years != 0 || delta->months != 0) {
        struct civil c;
        int64_t month;
        int days;

        time_to_civil(t_us, &c);
        month = c.year * INT64_C(12) + c.month - 1 +
                sign * (delta->years * INT64_C(12) + delta->months);
        if (month < 12 || month >= 120000) {
            return -ERR_INVALID;
        }
        c.year = (int)(month / 12);
        c.month = (int)(month % 12) + 1;
        days = days_in(c.year, c.month);
        c.day = c.day < days ? c.day : days;
        t = time_from_civil(&c);
    }
    t += (__int128)sign * delta->us;
    if (t < TIME_MIN || t >= TIME_MAX) {
        return -ERR_INVALID;
    }
    if (delta->weekday >= 0) {
        struct civil c;
        int monday_first, jump, nth = delta->nth;

        time_to_civil((int64_t)t, &c);
        monday_first = (c.weekday + 6) % 7;
        jump = ((nth > 0 ? nth : -nth) - 1) * 7;
        jump += nth > 0 ? (7 - monday_first + delta->weekday) % 7
                        : (monday_first - delta->weekday + 7) % 7;
        t += (__int128)(nth > 0 ? jump : -jump) * DAY_US;
    }
    if (t < TIME_MIN || t >= TIME_MAX) {
        return -ERR_INVALID;
    }
    *ret_us = (int64_t)t;
    return 0;
}
