/* Points in time (UTC), dates and durations, with the manners of pendulum and datetime. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "template/rt.h"

#define DAY_US (INT64_C(86400) * TIME_SECOND)

static void put_clock(const struct civil *c, struct buf *out)
{
    buf_printf(out, "%02d:%02d:%02d", c->hour, c->minute, c->second);
    if (c->us != 0) {
        buf_printf(out, ".%06d", c->us);
    }
}

static void put_iso(int64_t t_us, char sep, struct buf *out)
{
    struct civil c;

    time_to_civil(t_us, &c);
    buf_printf(out, "%04d-%02d-%02d%c", c.year, c.month, c.day, sep);
    put_clock(&c, out);
    buf_str(out, "+00:00");
}

static void split_delta(int64_t us, int64_t *days, int64_t *seconds, int64_t *micros)
{
    *days = us / DAY_US - (us % DAY_US < 0);
    us -= *days * DAY_US;
    *seconds = us / TIME_SECOND;
    *micros = us % TIME_SECOND;
}

int tvtime_print(const struct tv *v, struct buf *out)
{
    int64_t days, s, us;
    struct civil c;

    if (v->kind == TV_TIME) {
        put_iso(v->i, ' ', out);
    } else if (v->kind == TV_DATE) {
        time_to_civil(v->i, &c);
        buf_printf(out, "%04d-%02d-%02d", c.year, c.month, c.day);
    } else {
        split_delta(v->i, &days, &s, &us);
        if (days != 0) {
            buf_printf(out, "%lld day%s, ", (long long)days, days == 1 || days == -1 ? "" : "s");
        }
        buf_printf(out, "%lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60),
                   (long long)(s % 60));
        if (us != 0) {
            buf_printf(out, ".%06lld", (long long)us);
        }
    }
    return 0;
}

int tvtime_repr(const struct tv *v, struct buf *out)
{
    int64_t part[3];
    struct civil c;

    if (v->kind == TV_DELTA) {
        static const char *const names[] = {"days", "seconds", "microseconds"};
        bool any = false;

        split_delta(v->i, &part[0], &part[1], &part[2]);
        buf_str(out, "datetime.timedelta(");
        for (int i = 0; i < 3; i++) {
            if (part[i] != 0) {
                buf_printf(out, "%s%s=%lld", any ? ", " : "", names[i], (long long)part[i]);
                any = true;
            }
        }
        buf_str(out, any ? ")" : "0)");
        return 0;
    }
    time_to_civil(v->i, &c);
    if (v->kind == TV_DATE) {
        buf_printf(out, "Date(%d, %d, %d)", c.year, c.month, c.day);
        return 0;
    }
    buf_printf(out, "DateTime(%d, %d, %d, %d, %d, %d", c.year, c.month, c.day, c.hour, c.minute,
               c.second);
    if (c.us != 0) {
        buf_printf(out, ", %d", c.us);
    }
    buf_str(out, ", tzinfo=Timezone('UTC'))");
    return 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* The ISO week of the year. */
static int iso_week(const struct civil *c)
{
    int weekday = (c->weekday + 6) % 7; /* 0 = Monday */
    int week = (c->yearday - weekday + 10) / 7;
    struct civil other;

    if (week < 1) {
        other = (struct civil){.year = c->year - 1, .month = 12, .day = 31};
        time_to_civil(time_from_civil(&other), &other);
        return iso_week(&other);
    }
    if (week == 53) {
        other = (struct civil){.year = c->year + 1, .month = 1, .day = 1};
        time_to_civil(time_from_civil(&other), &other);
        if ((other.weekday + 6) % 7 <= 3) {
            return 1;
        }
    }
    return week;
}

static bool named(const char *name, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(name, word, n) == 0;
}

int tvtime_attr(struct rt *r, const struct tv *v, const char *name, size_t n, struct tv *ret)
{
    struct civil c;

    (void)r;
    if (v->kind == TV_DELTA) {
        static const char *const names[] = {"days", "seconds", "microseconds"};
        int64_t part[3];

        split_delta(v->i, &part[0], &part[1], &part[2]);
        for (int i = 0; i < 3; i++) {
            if (named(name, n, names[i])) {
                *ret = tv_int(part[i]);
                return 1;
            }
        }
        return 0;
    }
    time_to_civil(v->i, &c);
    const struct {
        const char *name;
        int64_t v;
        bool time_only;
    } parts[] = {
        {"year", c.year, false},
        {"month", c.month, false},
        {"day", c.day, false},
        {"hour", c.hour, true},
        {"minute", c.minute, true},
        {"second", c.second, true},
        {"microsecond", c.us, true},
        {"int_timestamp", v->i / TIME_SECOND - (v->i % TIME_SECOND < 0), true},
        {"day_of_week", c.weekday, false},
        {"day_of_year", c.yearday + 1, false},
        {"week_of_year", iso_week(&c), false},
        {"quarter", (c.month + 2) / 3, false},
        {"days_in_month", days_in_month(c.year, c.month), false},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (named(name, n, parts[i].name) && (v->kind == TV_TIME || !parts[i].time_only)) {
            *ret = tv_int(parts[i].v);
            return 1;
        }
    }
    if (v->kind == TV_TIME && named(name, n, "float_timestamp")) {
        *ret = tv_float((double)v->i / 1e6);
        return 1;
    }
    return 0;
}

static int check_range(struct rt *r, int64_t t_us)
{
    if (t_us < INT64_C(-62135596800) * TIME_SECOND || t_us >= INT64_C(253402300800) * TIME_SECOND) {
        return rt_fail(r, ERR_INVALID, "date value out of range");
    }
    return 0;
}

int tvtime_add(struct rt *r, const struct tv *v, int64_t delta_us, struct tv *ret)
{
    int64_t t;

    if (__builtin_add_overflow(v->i, delta_us, &t)) {
        return rt_fail(r, ERR_INVALID, "date value out of range");
    }
    if (v->kind == TV_DATE) { /* whole days only */
        t = v->i + (delta_us / DAY_US - (delta_us % DAY_US < 0)) * DAY_US;
    }
    *ret = tv_of_kind(v->kind, t);
    return check_range(r, t);
}

/* fmt: strftime's, or "iso", or "iso-nodash" (without - and :). */
int tvtime_text(struct rt *r, const struct tv *v, const char *fmt, struct tv *ret)
{
    char text[512], *w = text;
    struct buf b;
    int rc;

    if (strncmp(fmt, "iso", 3) != 0) {
        if (time_strftime(v->i, fmt, text, sizeof text) < 0) {
            return rt_fail(r, ERR_UNSUPPORTED,
                           "strftime: \"%.60s\" has a part that is not supported", fmt);
        }
        return tv_strdup(r, text, strlen(text), ret);
    }
    buf_init(&b, KiB(1));
    put_iso(v->i, 'T', &b);
    if (fmt[3] == 0) {
        return tv_take_buf(r, &b, ret);
    }
    for (const char *p = buf_cstr(&b); *p != 0; p++) {
        if (*p != '-' && *p != ':') {
            *w++ = *p;
        }
    }
    rc = rt_buf_check(r, &b);
    buf_fini(&b);
    if (rc != 0) {
        return rc;
    }
    return tv_strdup(r, text, (size_t)(w - text), ret);
}
