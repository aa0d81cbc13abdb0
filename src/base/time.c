#include "base/time.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define DAY_US (INT64_C(86400) * TIME_SECOND)

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/*
 * Days since 1970-01-01 of a proleptic Gregorian date. Years begin in March, so that the leap day
 * is the last of its year; 400 years have 146,097 days.
 */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t era, yoe, doy;

    year += floor_div(month - 1, 12);
    month = month - 1 - floor_div(month - 1, 12) * 12 + 1;
    year -= month <= 2;
    era = floor_div(year, 400);
    yoe = year - era * 400;
    doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy + day - 1 - 719468;
}

void time_to_civil(int64_t t_us, struct civil *ret)
{
    int64_t days = floor_div(t_us, DAY_US), us = (t_us % DAY_US + DAY_US) % DAY_US;
    int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t year;

    ret->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    ret->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    year = yoe + era * 400 + (ret->month <= 2);
    ret->year = (int)year;
    ret->hour = (int)(us / (3600 * TIME_SECOND));
    ret->minute = (int)(us / (60 * TIME_SECOND) % 60);
    ret->second = (int)(us / TIME_SECOND % 60);
    ret->us = (int)(us % TIME_SECOND);
    ret->weekday = (int)(((days + 4) % 7 + 7) % 7);
    ret->yearday = (int)(days - days_from_date(year, 1, 1));
}

int64_t time_from_civil(const struct civil *c)
{
    int64_t days = days_from_date(c->year, c->month, c->day);
    __int128 us =
        ((__int128)days * 86400 + (__int128)c->hour * 3600 + (__int128)c->minute * 60 + c->second) *
            TIME_SECOND +
        c->us;

    if (us > INT64_MAX) {
        return INT64_MAX;
    }
    return us <= INT64_MIN ? INT64_MIN + 1 : (int64_t)us; /* never TIME_NONE */
}

/* ---- parsing ---- */

struct scan {
    const char *p, *end;
};

/* Exactly n digits. */
static bool scan_digits(struct scan *s, int n, int *ret)
{
    int x = 0;

    if (s->end - s->p < n) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') {
            return false;
        }
        x = x * 10 + (s->p[i] - '0');
    }
    s->p += n;
    *ret = x;
    return true;
}

static bool scan_char(struct scan *s, char c)
{
    if (s->p < s->end && *s->p == c) {
        s->p++;
        return true;
    }
    return false;
}

/* Digits of a fraction in microseconds; what is finer is cut off. At least one digit. */
static bool scan_fraction(struct scan *s, int *ret_us)
{
    int us = 0, digits = 0;

    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, digits++) {
        if (digits < 6) {
            us = us * 10 + (*s->p - '0');
        }
    }
    for (int i = digits; i < 6; i++) {
        us *= 10;
    }
    *ret_us = us;
    return digits > 0;
}

static bool scan_zone(struct scan *s, int *ret_offset_s)
{
    int hours, minutes = 0, sign;

    *ret_offset_s = 0;
    if (s->p == s->end || scan_char(s, 'Z') || scan_char(s, 'z')) {
        return true;
    }
    sign = *s->p == '-' ? -1 : 1;
    if (!scan_char(s, '+') && !scan_char(s, '-')) {
        return false;
    }
    if (!scan_digits(s, 2, &hours)) {
        return false;
    }
    if (s->p < s->end) {
        (void)scan_char(s, ':');
        if (!scan_digits(s, 2, &minutes)) {
            return false;
        }
    }
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

static bool scan_clock(struct scan *s, struct civil *c)
{
    if (!scan_digits(s, 2, &c->hour) || !scan_char(s, ':') || !scan_digits(s, 2, &c->minute)) {
        return false;
    }
    if (scan_char(s, ':')) {
        if (!scan_digits(s, 2, &c->second)) {
            return false;
        }
        if ((scan_char(s, '.') || scan_char(s, ',')) && !scan_fraction(s, &c->us)) {
            return false;
        }
    }
    return c->hour < 24 && c->minute < 60 && c->second < 60;
}

static int days_of_month(int year, int month)
{
    return (int)(days_from_date(year, month + 1, 1) - days_from_date(year, month, 1));
}

int time_parse(const char *text, size_t n, int64_t *ret_us)
{
    struct scan s = {text, text + n};
    struct civil c = {0};
    int offset_s = 0;

    if (!scan_digits(&s, 4, &c.year) || !scan_char(&s, '-') || !scan_digits(&s, 2, &c.month) ||
        !scan_char(&s, '-') || !scan_digits(&s, 2, &c.day)) {
        return -ERR_INVALID;
    }
    if (c.year < 1 || c.month < 1 || c.month > 12 || c.day < 1 ||
        c.day > days_of_month(c.year, c.month)) {
        return -ERR_INVALID;
    }
    if (s.p < s.end) {
        if (!scan_char(&s, 'T') && !scan_char(&s, 't') && !scan_char(&s, ' ')) {
            return -ERR_INVALID;
        }
        if (!scan_clock(&s, &c) || !scan_zone(&s, &offset_s) || s.p != s.end) {
            return -ERR_INVALID;
        }
    }
    *ret_us = time_from_civil(&c) - offset_s * TIME_SECOND;
    return 0;
}

/* ---- formatting ---- */

/* n digits at p; returns what follows them. No printf: a page of a list has a thousand times. */
static char *put_digits(char *p, int n, int value)
{
    for (int i = n - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + n;
}

char *time_format(int64_t t_us, char *buf)
{
    static const char marks[] = "--T::";
    struct civil c;
    char *p = buf;

    if (t_us == TIME_NONE) {
        buf[0] = '\0';
        return buf;
    }
    time_to_civil(t_us, &c);
    if (c.year < 0 || c.year > 9999) {
        (void)snprintf(buf, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%s%.*d+00:00", c.year,
                       c.month, c.day, c.hour, c.minute, c.second, c.us != 0 ? "." : "",
                       c.us != 0 ? 6 : 0, c.us);
        return buf;
    }
    p = put_digits(p, 4, c.year);
    for (int i = 0; i < 5; i++) {
        const int parts[] = {c.month, c.day, c.hour, c.minute, c.second};

        *p++ = marks[i];
        p = put_digits(p, 2, parts[i]);
    }
    if (c.us != 0) {
        *p++ = '.';
        p = put_digits(p, 6, c.us);
    }
    memcpy(p, "+00:00", sizeof "+00:00");
    return buf;
}

static int format_field(const struct civil *c, int64_t t_us, char field, char *out, size_t cap)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

    switch (field) {
    case 'Y':
        return snprintf(out, cap, "%04d", c->year);
    case 'm':
        return snprintf(out, cap, "%02d", c->month);
    case 'd':
        return snprintf(out, cap, "%02d", c->day);
    case 'H':
        return snprintf(out, cap, "%02d", c->hour);
    case 'I':
        return snprintf(out, cap, "%02d", c->hour % 12 == 0 ? 12 : c->hour % 12);
    case 'M':
        return snprintf(out, cap, "%02d", c->minute);
    case 'S':
        return snprintf(out, cap, "%02d", c->second);
    case 'f':
        return snprintf(out, cap, "%06d", c->us);
    case 'j':
        return snprintf(out, cap, "%03d", c->yearday + 1);
    case 'y':
        return snprintf(out, cap, "%02d", (c->year % 100 + 100) % 100);
    case 'B':
        return snprintf(out, cap, "%s", months[c->month - 1]);
    case 'b':
        return snprintf(out, cap, "%.3s", months[c->month - 1]);
    case 'A':
        return snprintf(out, cap, "%s", days[c->weekday]);
    case 'a':
        return snprintf(out, cap, "%.3s", days[c->weekday]);
    case 'p':
        return snprintf(out, cap, "%s", c->hour < 12 ? "AM" : "PM");
    case 'Z':
        return snprintf(out, cap, "UTC");
    case 'z':
        return snprintf(out, cap, "+0000");
    case 's':
        return snprintf(out, cap, "%" PRId64, floor_div(t_us, TIME_SECOND));
    case '%':
        return snprintf(out, cap, "%%");
    default:
        return -1;
    }
}

int time_strftime(int64_t t_us, const char *fmt, char *out, size_t cap)
{
    struct civil c;
    size_t n = 0;

    if (cap == 0) {
        return -ERR_LIMIT;
    }
    time_to_civil(t_us, &c);
    for (; *fmt != '\0'; fmt++) {
        int len = 1;

        if (*fmt == '%') {
            len = format_field(&c, t_us, *++fmt, out + n, cap - n);
        } else if (cap - n > 1) {
            out[n] = *fmt;
        }
        if (len < 0) {
            return -ERR_INVALID;
        }
        if ((size_t)len >= cap - n) {
            return -ERR_LIMIT;
        }
        n += (size_t)len;
    }
    out[n] = '\0';
    return 0;
}
