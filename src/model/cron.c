/*
 * The search: months one by one, the days of a month as bits, then hours, minutes and seconds as
 * bits. A month costs a few operations, so that the rarest expression (29 February on a Monday) is
 * found in microseconds and the bound on years is never felt.
 */
#include "model/cron.h"

#include <assert.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"

#define MINUTE_US (60 * TIME_SECOND)
#define DAY_US    (86400 * TIME_SECOND)
#define MONTHS    (12 * LIMIT_CRON_YEARS)

/* The lowest bit from n up, the highest from n down; -1 if there is none. */
static int bit_from(uint64_t set, int n)
{
    if (n > 63) {
        return -1;
    }
    set &= ~UINT64_C(0) << n;
    return set != 0 ? __builtin_ctzll(set) : -1;
}

static int bit_to(uint64_t set, int n)
{
    if (n < 0) {
        return -1;
    }
    set &= n >= 63 ? ~UINT64_C(0) : (UINT64_C(1) << (n + 1)) - 1;
    return set != 0 ? 63 - __builtin_clzll(set) : -1;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t first_of(int year, int month)
{
    struct civil c = {.year = year, .month = month, .day = 1};

    return time_from_civil(&c) / DAY_US - (time_from_civil(&c) % DAY_US < 0);
}

/* The day from Monday to Friday nearest to `day`, within its month of `len` days; first: the
 * weekday of the first. 0 if the month has none. */
static int nearest_weekday(const struct cron *c, int day, int first, int len)
{
    int weekday;

    if (day > len) {
        if (c->nearest_in_month) {
            return 0;
        }
        day = len;
    }
    weekday = (first + day - 1) % 7;
    if (weekday == 6) {
        return day > 1 ? day - 1 : day + 2;
    }
    if (weekday == 0) {
        return day < len ? day + 1 : day - 2;
    }
    return day;
}

static uint32_t by_day(const struct cron *c, int first, int len)
{
    uint32_t set = c->days;

    for (int n = bit_from(c->last, 0); n >= 0; n = bit_from(c->last, n + 1)) {
        set |= n < len ? UINT32_C(1) << (len - n) : 0;
    }
    for (int n = bit_from(c->nearest, 0); n >= 0; n = bit_from(c->nearest, n + 1)) {
        int day = nearest_weekday(c, n, first, len);

        set |= day > 0 ? UINT32_C(1) << day : 0;
    }
    if (c->last_weekday) {
        int weekday = (first + len - 1) % 7;

        set |= UINT32_C(1) << (len - (weekday == 6 ? 1 : weekday == 0 ? 2 : 0));
    }
    return set;
}

static uint32_t by_weekday(const struct cron *c, int first, int len)
{
    uint64_t week = (((uint64_t)c->weekdays | (uint64_t)c->weekdays << 7) >> first) & 127;
    uint64_t set = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;

    for (int w = 0; w < 7; w++) {
        int day = 1 + (w - first + 7) % 7;

        for (int n = 1; c->nth[w] != 0 && day <= len; n++, day += 7) {
            bool is_last = day + 7 > len && (c->nth[w] & 64) != 0;

            set |= (c->nth[w] >> n & 1) != 0 || is_last ? UINT64_C(1) << day : 0;
        }
    }
    return (uint32_t)set;
}

/* Adds (or takes away) the dates of a list that are in the month that begins at `first_day`. */
static uint32_t dates_in(const struct cron_dates *dates, int64_t first_day, int len)
{
    uint32_t low = 0, high = dates->len, set = 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (dates->days[middle] < first_day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < dates->len && dates->days[low] < first_day + len; low++) {
        set |= UINT32_C(1) << (dates->days[low] - first_day + 1);
    }
    return set;
}

uint32_t cron_days_of(const struct cron *c, int year, int month)
{
    int len = days_in(year, month);
    int64_t first_day = first_of(year, month);
    int first = (int)(((first_day + 4) % 7 + 7) % 7);
    uint32_t all = (uint32_t)((UINT64_C(1) << (len + 1)) - 2), set;
    uint32_t day = c->any_day ? all : by_day(c, first, len);
    uint32_t weekday = c->any_weekday ? all : by_weekday(c, first, len);

    set = day & weekday;
    switch (c->rule) {
    case CRON_BOTH:
        break;
    case CRON_EITHER:
        set = day | weekday;
        break;
    case CRON_DAY_ONLY:
        set = day;
        break;
    case CRON_WEEKDAY_ONLY:
        set = weekday;
        break;
    }
    return set & all;
}

/* The days of a month that are meant; none if its month or year is not. */
static uint32_t month_days(const struct cron *c, int year, int month)
{
    int n = year - CRON_YEAR_MIN;
    uint32_t set = 0;

    if (c->any_year || (n >= 0 && n < 192 && (c->years[n / 64] >> (n % 64) & 1) != 0)) {
        set = (c->months >> month & 1) != 0 ? cron_days_of(c, year, month) : 0;
    }
    if (c->except.len > 0 && set != 0) {
        set &= ~dates_in(&c->except, first_of(year, month), days_in(year, month));
    }
    if (c->also.len > 0) {
        set |= dates_in(&c->also, first_of(year, month), days_in(year, month));
    }
    return set;
}

/* The first time of day at or after that of *at; false when the day has none. */
static bool clock_from(const struct cron *c, struct civil *at)
{
    int hour = bit_from(c->hours, at->hour), minute, second;

    if (hour == at->hour) {
        minute = bit_from(c->minutes, at->minute);
        if (minute == at->minute) {
            second = bit_from(c->seconds, at->second);
            if (second >= 0) {
                at->second = second;
                return true;
            }
            minute = bit_from(c->minutes, at->minute + 1);
        }
        if (minute >= 0) {
            at->minute = minute;
            at->second = bit_from(c->seconds, 0);
            return true;
        }
        hour = bit_from(c->hours, at->hour + 1);
    }
    at->hour = hour;
    at->minute = bit_from(c->minutes, 0);
    at->second = bit_from(c->seconds, 0);
    return hour >= 0;
}

/* The last time of day at or before that of *at. */
static bool clock_to(const struct cron *c, struct civil *at)
{
    int hour = bit_to(c->hours, at->hour), minute, second;

    if (hour == at->hour) {
        minute = bit_to(c->minutes, at->minute);
        if (minute == at->minute) {
            second = bit_to(c->seconds, at->second);
            if (second >= 0) {
                at->second = second;
                return true;
            }
            minute = bit_to(c->minutes, at->minute - 1);
        }
        if (minute >= 0) {
            at->minute = minute;
            at->second = bit_to(c->seconds, 59);
            return true;
        }
        hour = bit_to(c->hours, at->hour - 1);
    }
    at->hour = hour;
    at->minute = bit_to(c->minutes, 59);
    at->second = bit_to(c->seconds, 59);
    return hour >= 0;
}

static int64_t unit_of(const struct cron *c)
{
    return c->has_seconds ? TIME_SECOND : MINUTE_US;
}

/* The unit that t is in begins here. */
static int64_t floor_to(int64_t t, int64_t unit)
{
    return t - ((t % unit) + unit) % unit;
}

#define LOCAL_MAX (INT64_C(253402300800) * TIME_SECOND) /* the year 10000 */
#define LOCAL_MIN (-INT64_C(62135596800) * TIME_SECOND) /* the year 1 */

int cron_next(const struct cron *c, int64_t local_us, int64_t *ret_us)
{
    struct civil at;

    if (local_us < LOCAL_MIN || local_us >= LOCAL_MAX) {
        return -ERR_NOTFOUND;
    }
    time_to_civil(floor_to(local_us, unit_of(c)) + unit_of(c), &at);
    for (int months = 0; months <= MONTHS; months++) {
        uint32_t days = month_days(c, at.year, at.month);
        int day = bit_from(days, at.day);

        if (day == at.day && clock_from(c, &at)) {
            *ret_us = time_from_civil(&at);
            return 0;
        }
        day = day == at.day ? bit_from(days, at.day + 1) : day;
        if (day > 0) {
            at.day = day;
            at.hour = at.minute = at.second = 0;
            (void)clock_from(c, &at); /* a whole day always has one */
            *ret_us = time_from_civil(&at);
            return 0;
        }
        at = (struct civil){.year = at.year + at.month / 12, .month = at.month % 12 + 1, .day = 1};
    }
    return -ERR_NOTFOUND;
}

int cron_previous(const struct cron *c, int64_t local_us, int64_t *ret_us)
{
    struct civil at;

    if (local_us <= LOCAL_MIN || local_us >= LOCAL_MAX) {
        return -ERR_NOTFOUND;
    }
    time_to_civil(floor_to(local_us - 1, unit_of(c)), &at);
    at.us = 0;
    for (int months = 0; months <= MONTHS; months++) {
        uint32_t days = month_days(c, at.year, at.month);
        int day = bit_to(days, at.day);

        if (day == at.day && clock_to(c, &at)) {
            *ret_us = time_from_civil(&at);
            return 0;
        }
        day = day == at.day ? bit_to(days, at.day - 1) : day;
        if (day > 0) {
            at.day = day;
            at.hour = 23;
            at.minute = at.second = 59;
            (void)clock_to(c, &at);
            *ret_us = time_from_civil(&at);
            return 0;
        }
        at = (struct civil){.year = at.year - (at.month == 1),
                            .month = at.month == 1 ? 12 : at.month - 1,
                            .day = 31,
                            .hour = 23,
                            .minute = 59,
                            .second = 59};
    }
    return -ERR_NOTFOUND;
}

bool cron_matches(const struct cron *c, int64_t local_us)
{
    struct civil at;

    time_to_civil(local_us, &at);
    return (c->minutes >> at.minute & 1) != 0 && (c->hours >> at.hour & 1) != 0 &&
           (!c->has_seconds || (c->seconds >> at.second & 1) != 0) &&
           (month_days(c, at.year, at.month) >> at.day & 1) != 0;
}
