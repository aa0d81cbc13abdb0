/* The rule at the end of a TZif file: "CET-1CEST,M3.5.0,M10.5.0/3". */
#include <string.h>

#include "base/time.h"
#include "model/zone_priv.h"

struct scan {
    const char *p, *end;
};

static bool take(struct scan *s, char c)
{
    if (s->p < s->end && *s->p == c) {
        s->p++;
        return true;
    }
    return false;
}

static bool number(struct scan *s, int min, int max, int *ret)
{
    int x = 0;
    const char *start = s->p;

    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9' && s->p - start < 4; s->p++) {
        x = x * 10 + (*s->p - '0');
    }
    *ret = x;
    return s->p > start && x >= min && x <= max;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Letters, or anything in angle brackets. */
static bool abbreviation(struct scan *s, char *ret)
{
    bool quoted = take(s, '<');
    const char *start = s->p;
    size_t n;

    while (s->p < s->end && (quoted ? *s->p != '>' : is_letter(*s->p))) {
        s->p++;
    }
    n = (size_t)(s->p - start);
    if (n < 3 || n > ZONE_ABBREVIATION_MAX || (quoted && !take(s, '>'))) {
        return false;
    }
    memcpy(ret, start, n);
    ret[n] = '\0';
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool clock(struct scan *s, int hours_max, int32_t *ret_s)
{
    int sign = 1, hours, minutes = 0, seconds = 0;

    if (take(s, '-')) {
        sign = -1;
    } else {
        (void)take(s, '+');
    }
    if (!number(s, 0, hours_max, &hours)) {
        return false;
    }
    if (take(s, ':') &&
        (!number(s, 0, 59, &minutes) || (take(s, ':') && !number(s, 0, 59, &seconds)))) {
        return false;
    }
    *ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool date(struct scan *s, struct zone_date *ret)
{
    bool ok;

    *ret = (struct zone_date){.kind = 'D', .time_s = 7200};
    if (take(s, 'M')) {
        ret->kind = 'M';
        ok = number(s, 1, 12, &ret->month) && take(s, '.') && number(s, 1, 5, &ret->week) &&
             take(s, '.') && number(s, 0, 6, &ret->day);
    } else if (take(s, 'J')) {
        ret->kind = 'J';
        ok = number(s, 1, 365, &ret->day);
    } else {
        ok = number(s, 0, 365, &ret->day);
    }
    return ok && (!take(s, '/') || clock(s, 167, &ret->time_s));
}

bool zone_rule_parse(const char *text, size_t n, struct zone_rule *ret)
{
    struct scan s = {text, text + n};
    struct zone_rule r = {0};
    int32_t west;

    if (!abbreviation(&s, r.std) || !clock(&s, 24, &west)) {
        return false;
    }
    r.std_s = -west;
    r.dst_s = r.std_s + 3600;
    if (s.p < s.end) {
        if (!abbreviation(&s, r.dst)) {
            return false;
        }
        if (s.p < s.end && *s.p != ',') {
            if (!clock(&s, 24, &west)) {
                return false;
            }
            r.dst_s = -west;
        }
        r.has_dst = true;
        if (!take(&s, ',') || !date(&s, &r.start) || !take(&s, ',') || !date(&s, &r.end)) {
            return false;
        }
    }
    if (s.p != s.end) {
        return false;
    }
    *ret = r;
    return true;
}

/* Seconds from 1970 to midnight of the day, on the wall. */
static int64_t day_of(const struct zone_date *d, int year)
{
    struct civil c = {.year = year, .month = 1, .day = 1 + d->day};

    if (d->kind == 'J') {
        bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        c.day = d->day + (is_leap && d->day >= 60);
    } else if (d->kind == 'M') {
        struct civil first = {.year = year, .month = d->month, .day = 1};
        struct civil last = {.year = year, .month = d->month + 1, .day = 0};

        time_to_civil(time_from_civil(&first), &first);
        time_to_civil(time_from_civil(&last), &last);
        c.month = d->month;
        c.day = 1 + (d->day - first.weekday + 7) % 7 + 7 * (d->week - 1);
        c.day -= c.day > last.day ? 7 : 0;
    }
    return time_from_civil(&c) / TIME_SECOND;
}

void zone_rule_year(const struct zone_rule *r, int year, int64_t *ret_start_s, int64_t *ret_end_s)
{
    *ret_start_s = day_of(&r->start, year) + r->start.time_s - r->std_s;
    *ret_end_s = day_of(&r->end, year) + r->end.time_s - r->dst_s;
}
