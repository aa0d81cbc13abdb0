/* The methods of points in time, dates and durations. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "template/rt.h"

#define DAY_US (INT64_C(86400) * TIME_SECOND)

static int m_strftime(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv fmt;
    char *text;
    int rc = arg_str(r, c, 0, &fmt);

    if (rc != 0) {
        return rc;
    }
    text = arena_strndup(&r->arena, fmt.s, fmt.n);
    if (text == NULL) {
        return rt_nomem(r);
    }
    if (strncmp(text, "iso", 3) == 0) { /* tvtime_text's own words */
        return rt_fail(r, ERR_UNSUPPORTED, "strftime: a format that begins with \"iso\"");
    }
    return tvtime_text(r, &c->self, text, ret);
}

static int m_isoformat(struct rt *r, const struct call *c, struct tv *ret)
{
    return c->self.kind == TV_TIME ? tvtime_text(r, &c->self, "iso", ret)
                                   : tvtime_text(r, &c->self, "%Y-%m-%d", ret);
}

static int m_fixed(struct rt *r, const struct call *c, struct tv *ret)
{
    static const char *const formats[][2] = {
        {"to_date_string", "%Y-%m-%d"},
        {"to_datetime_string", "%Y-%m-%d %H:%M:%S"},
        {"to_time_string", "%H:%M:%S"},
    };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(c->fn->name, formats[i][0]) == 0) {
            return tvtime_text(r, &c->self, formats[i][1], ret);
        }
    }
    return rt_fail(r, ERR_UNSUPPORTED, "%s is not supported", c->fn->name);
}

/* pendulum's format: tokens, text in [brackets], longest token first. */
static int token_text(int64_t t, const char *p, char *out, size_t cap, size_t *len)
{
    static const struct {
        const char *token, *strftime;
        bool strip; /* the leading zero */
    } tokens[] = {
        {"YYYY", "%Y", false}, {"YY", "%y", false},     {"MMMM", "%B", false},
        {"MMM", "%b", false},  {"MM", "%m", false},     {"M", "%m", true},
        {"DDDD", "%j", false}, {"DD", "%d", false},     {"D", "%d", true},
        {"dddd", "%A", false}, {"ddd", "%a", false},    {"HH", "%H", false},
        {"H", "%H", true},     {"hh", "%I", false},     {"h", "%I", true},
        {"mm", "%M", false},   {"m", "%M", true},       {"ss", "%S", false},
        {"s", "%S", true},     {"SSSSSS", "%f", false}, {"A", "%p", false},
    };

    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        size_t n = strlen(tokens[i].token);

        if (strncmp(p, tokens[i].token, n) == 0 && p[n] != tokens[i].token[n - 1]) {
            if (time_strftime(t, tokens[i].strftime, out, cap) < 0) {
                return -ERR_UNSUPPORTED;
            }
            if (tokens[i].strip && out[0] == '0') {
                memmove(out, out + 1, strlen(out));
            }
            *len = n;
            return 0;
        }
    }
    return -ERR_UNSUPPORTED;
}

static int m_format(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv fmt;
    struct buf b;
    char *text, part[64];
    int rc = arg_str(r, c, 0, &fmt);

    text = rc != 0 ? NULL : arena_strndup(&r->arena, fmt.s, fmt.n);
    if (text == NULL) {
        return rc != 0 ? rc : rt_nomem(r);
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    for (const char *p = text; rc == 0 && *p != 0;) {
        const char *close = *p == '[' ? strchr(p, ']') : NULL;
        size_t n = 1;

        if (close != NULL) {
            buf_append(&b, p + 1, (size_t)(close - p - 1));
            p = close + 1;
            continue;
        }
        if ((*p | 32) < 'a' || (*p | 32) > 'z' || (*p == 'T')) {
            buf_char(&b, *p++);
            continue;
        }
        rc = token_text(c->self.i, p, part, sizeof part, &n);
        if (rc != 0) {
            rc = rt_fail(r, ERR_UNSUPPORTED, "format: \"%.10s\" is not supported", p);
        }
        buf_str(&b, rc == 0 ? part : "");
        p += n;
    }
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

static int m_date(struct rt *r, const struct call *c, struct tv *ret)
{
    int64_t days = c->self.i / DAY_US - (c->self.i % DAY_US < 0);

    (void)r;
    *ret = tv_of_kind(TV_DATE, days * DAY_US);
    return 0;
}

static int m_timestamp(struct rt *r, const struct call *c, struct tv *ret)
{
    (void)r;
    *ret = tv_float((double)c->self.i / 1e6);
    return 0;
}

static int m_weekday(struct rt *r, const struct call *c, struct tv *ret)
{
    struct civil v;

    (void)r;
    time_to_civil(c->self.i, &v);
    *ret = tv_int((v.weekday + 6) % 7 + (c->fn->name[0] == 'i'));
    return 0;
}

static int add_us(struct rt *r, int64_t n, int64_t unit, int64_t *us)
{
    int64_t part;

    if (__builtin_mul_overflow(n, unit, &part) || __builtin_add_overflow(*us, part, us)) {
        return rt_fail(r, ERR_INVALID, "date value out of range");
    }
    return 0;
}

static int add_months(struct rt *r, const struct tv *v, int64_t months, struct tv *ret)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct civil c;
    int64_t all;
    int last;

    time_to_civil(v->i, &c);
    if (months > 120000 || months < -120000) {
        return rt_fail(r, ERR_INVALID, "date value out of range");
    }
    all = (int64_t)c.year * 12 + c.month - 1 + months;
    if (all < 12 || all >= 120000) {
        return rt_fail(r, ERR_INVALID, "date value out of range");
    }
    c.year = (int)(all / 12);
    c.month = (int)(all % 12) + 1;
    last = days[c.month - 1] +
           (c.month == 2 && ((c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0));
    c.day = c.day > last ? last : c.day;
    *ret = tv_of_kind(v->kind, time_from_civil(&c));
    return 0;
}

/* add and subtract: years months weeks days hours minutes seconds microseconds. */
static int m_add(struct rt *r, const struct call *c, struct tv *ret)
{
    static const int64_t units[] = {
        0, 0, 7 * DAY_US, DAY_US, 3600 * TIME_SECOND, 60 * TIME_SECOND, TIME_SECOND, 1};
    int64_t sign = c->fn->name[0] == 's' ? -1 : 1, us = 0, n[8] = {0};
    struct tv v;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 8; i++) {
        rc = arg_int(r, c, i, 0, &n[i]);
        if (rc == 0 && (n[i] > INT64_C(1) << 52 || n[i] < -(INT64_C(1) << 52))) {
            rc = rt_fail(r, ERR_INVALID, "date value out of range");
        }
        rc = rc != 0 ? rc : add_us(r, sign * n[i], units[i], &us);
    }
    rc = rc != 0 ? rc : add_months(r, &c->self, sign * (n[0] * 12 + n[1]), &v);
    return rc != 0 ? rc : tvtime_add(r, &v, us, ret);
}

static int m_replace(struct rt *r, const struct call *c, struct tv *ret)
{
    struct civil v;
    int64_t n[7], back;
    int rc = 0;

    time_to_civil(c->self.i, &v);
    const int now[] = {v.year, v.month, v.day, v.hour, v.minute, v.second, v.us};
    static const int64_t max[] = {9999, 12, 31, 23, 59, 59, 999999}, min[] = {1, 1, 1, 0, 0, 0, 0};

    for (size_t i = 0; rc == 0 && i < 7; i++) {
        rc = arg_int(r, c, i, now[i], &n[i]);
        if (rc == 0 && (n[i] < min[i] || n[i] > max[i])) {
            rc = rt_fail(r, ERR_INVALID, "replace: a part is out of range");
        }
    }
    if (rc != 0) {
        return rc;
    }
    v = (struct civil){.year = (int)n[0],
                       .month = (int)n[1],
                       .day = (int)n[2],
                       .hour = (int)n[3],
                       .minute = (int)n[4],
                       .second = (int)n[5],
                       .us = (int)n[6]};
    back = time_from_civil(&v);
    time_to_civil(back, &v);
    if (v.day != (int)n[2]) {
        return rt_fail(r, ERR_INVALID, "day is out of range for month");
    }
    *ret = tv_of_kind(c->self.kind, back);
    return 0;
}

static int m_start_end(struct rt *r, const struct call *c, struct tv *ret)
{
    static const char *const units[] = {"second", "minute", "hour", "day",
                                        "week",   "month",  "year", NULL};
    bool end = c->fn->name[0] == 'e';
    int64_t day, last;
    struct civil v;
    struct tv unit, start, next;
    int u = 0, rc = arg_str(r, c, 0, &unit);

    while (rc == 0 && units[u] != NULL &&
           !(strlen(units[u]) == unit.n && memcmp(units[u], unit.s, unit.n) == 0)) {
        u++;
    }
    if (rc != 0 || units[u] == NULL) {
        return rc != 0 ? rc : rt_fail(r, ERR_UNSUPPORTED, "%s: this unit", c->fn->name);
    }
    time_to_civil(c->self.i, &v);
    v.us = 0;
    v.second = u >= 1 ? 0 : v.second;
    v.minute = u >= 2 ? 0 : v.minute;
    v.hour = u >= 3 ? 0 : v.hour;
    v.day = u >= 5 ? 1 : v.day;
    v.month = u >= 6 ? 1 : v.month;
    day = time_from_civil(&v) - (u == 4 ? (v.weekday + 6) % 7 * DAY_US : 0);
    start = tv_of_kind(TV_TIME, day);
    if (!end) {
        *ret = start;
        return 0;
    }
    if (u >= 5) {
        rc = add_months(r, &start, u == 5 ? 1 : 12, &next);
        last = next.i;
    } else {
        static const int64_t lengths[] = {TIME_SECOND, 60 * TIME_SECOND, 3600 * TIME_SECOND, DAY_US,
                                          7 * DAY_US};
        last = day + lengths[u];
    }
    *ret = tv_of_kind(TV_TIME, last - 1);
    return rc;
}

static int m_total_seconds(struct rt *r, const struct call *c, struct tv *ret)
{
    return m_timestamp(r, c, ret);
}

#define ADD_PARAMS "years months weeks days hours minutes seconds microseconds"
const struct fn_desc methods_time[] = {
    {"strftime", "format", 1, m_strftime},
    {"isoformat", "", 0, m_isoformat},
    {"format", "fmt", 1, m_format},
    {"date", "", 0, m_date},
    {"timestamp", "", 0, m_timestamp},
    {"weekday", "", 0, m_weekday},
    {"isoweekday", "", 0, m_weekday},
    {"add", ADD_PARAMS, 0, m_add},
    {"subtract", ADD_PARAMS, 0, m_add},
    {"replace", "year month day hour minute second microsecond", 0, m_replace},
    {"start_of", "unit", 1, m_start_end},
    {"end_of", "unit", 1, m_start_end},
    {"to_date_string", "", 0, m_fixed},
    {"to_datetime_string", "", 0, m_fixed},
    {"to_time_string", "", 0, m_fixed},
    {NULL, NULL, 0, NULL},
};
const struct fn_desc methods_date[] = {
    {"strftime", "format", 1, m_strftime},
    {"isoformat", "", 0, m_isoformat},
    {"weekday", "", 0, m_weekday},
    {"isoweekday", "", 0, m_weekday},
    {"add", ADD_PARAMS, 0, m_add},
    {"subtract", ADD_PARAMS, 0, m_add},
    {NULL, NULL, 0, NULL},
};
const struct fn_desc methods_delta[] = {
    {"total_seconds", "", 0, m_total_seconds},
    {NULL, NULL, 0, NULL},
};
