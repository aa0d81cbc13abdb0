/*
 * Time as values; nothing here reads a clock. A point in time is int64 microseconds since 1970-01-01T00:00:00Z
 * (time_us); a duration is int64 microseconds too. TIME_NONE means "not set".
 */
#ifndef TW_BASE_TIME_H
#define TW_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_NONE     INT64_MIN
#define TIME_SECOND   INT64_C(1000000)
#define TIME_TEXT_MAX 40

struct civil {            /* proleptic Gregorian, UTC */
    int year, month, day; /* 1-12, 1-31 */
    int hour, minute, second, us;
    int weekday; /* 0 = Sunday; output only */
    int yearday; /* 0 = 1 January; output only */
};

void time_to_civil(int64_t t_us, struct civil *ret);
int64_t time_from_civil(const struct civil *c); /* fields beyond their range carry over */

/* RFC 3339: "2026-01-31T12:00:00Z", with fraction, offset, or a date alone (midnight UTC); a missing zone is UTC. */
int time_parse(const char *s, size_t n, int64_t *ret_us);
/* Airflow's isoformat: 2026-01-31T12:00:00+00:00, with .ffffff when there is a fraction. buf: TIME_TEXT_MAX bytes. */
char *time_format(int64_t t_us, char *buf);
/* A subset of strftime: %Y %m %d %H %M %S %f %j %y %b %B %a %A %p %I %Z %z %s %%; -ERR_INVALID for another one. */
int time_strftime(int64_t t_us, const char *fmt, char *out, size_t cap);

/* Durations: "90" and 90 are seconds; "1h30m", "500ms", "2d"; ISO 8601 "PT1H30M". -ERR_INVALID otherwise. */
int duration_parse(const char *s, size_t n, int64_t *ret_us);
/* For people: "1.2s", "3m 20s", "2h 05m". buf: TIME_TEXT_MAX bytes. */
char *duration_format(int64_t d_us, char *buf);

#endif
