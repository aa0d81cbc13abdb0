/* Airflow's macros, and the globals range, dict and namespace. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "template/rt.h"

#define DAY_US (INT64_C(86400) * TIME_SECOND)

static int digits(const char **p, const char *end, int max, int *ret)
{
    int n = 0;

    *ret = 0;
    while (*p < end && n < max && **p >= '0' && **p <= '9') {
        *ret = *ret * 10 + (*(*p)++ - '0');
        n++;
    }
    return n;
}

static bool month_name(const char **p, const char *end, int *month)
{
    static const char names[12][10] = {"january",   "february", "march",    "april",
                                       "may",       "june",     "july",     "august",
                                       "september", "october",  "november", "december"};

    for (int m = 0; m < 12; m++) {
        size_t n = strlen(names[m]);

        if ((size_t)(end - *p) >= n && strncasecmp(*p, names[m], n) == 0) {
            *month = m + 1;
            *p += n;
            return true;
        }
        if (end - *p >= 3 && strncasecmp(*p, names[m], 3) == 0) {
            *month = m + 1;
            *p += 3;
            return true;
        }
    }
    return false;
}

/* One conversion of strptime: 0 matched, -1 not matched, -ERR_UNSUPPORTED. */
/* NOLINTNEXTLINE(readability-function-cognitive-complexity): one case per conversion, each short */
static int parse_part(char kind, const char **p, const char *end, struct civil *c)
{
    int *const field = kind == 'Y' || kind == 'y' ? &c->year
                       : kind == 'm'              ? &c->month
                       : kind == 'd'              ? &c->day
                       : kind == 'H'              ? &c->hour
                       : kind == 'M'              ? &c->minute
                       : kind == 'S'              ? &c->second
                                                  : NULL;
    int n;

    if (kind == 'b' || kind == 'B') {
        return month_name(p, end, &c->month) ? 0 : -1;
    }
    if (kind == 'f') {
        n = digits(p, end, 6, &c->us);
        for (int i = n; i < 6; i++) {
            c->us *= 10;
        }
        return n > 0 ? 0 : -1;
    }
    if (kind == '%') {
        return *p < end && *(*p)++ == '%' ? 0 : -1;
    }
    if (field == NULL) {
        return -ERR_UNSUPPORTED;
    }
    n = digits(p, end, kind == 'Y' ? 4 : 2, field);
    if (kind == 'y') {
        *field += *field < 69 ? 2000 : 1900;
    }
    return n > 0 && (kind != 'Y' || n == 4) ? 0 : -1;
}

/* datetime.strptime, for the conversions above. */
static int parse_time(struct rt *r, const struct tv *text, const struct tv *fmt, int64_t *ret)
{
    const char *p = text->s, *end = p + text->n, *f = fmt->s, *f_end = f + fmt->n;
    struct civil c = {.year = 1900, .month = 1, .day = 1}, back;
    int rc = 0;

    while (rc == 0 && f < f_end) {
        if (*f == '%' && f + 1 < f_end) {
            rc = parse_part(f[1], &p, end, &c);
            if (rc == -ERR_UNSUPPORTED) {
                return rt_fail(r, ERR_UNSUPPORTED, "the format %%%c is not supported", f[1]);
            }
            f += 2;
        } else if (char_is_space((unsigned char)*f)) {
            for (f++; p < end && char_is_space((unsigned char)*p); p++) {
            }
        } else {
            rc = p < end && *p == *f ? 0 : -1;
            p++;
            f++;
        }
    }
    *ret = time_from_civil(&c);
    time_to_civil(*ret, &back);
    if (rc != 0 || p != end || back.month != c.month || back.day != c.day || c.hour > 23 ||
        c.minute > 59 || c.second > 59 || c.year < 1) {
        return rt_fail(r, ERR_INVALID, "time data '%.*s' does not match format '%.*s'",
                       (int)(text->n > 60 ? 60 : text->n), text->s,
                       (int)(fmt->n > 60 ? 60 : fmt->n), fmt->s);
    }
    return 0;
}

static int ds_add(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv ds, day, fmt = tv_str("%Y-%m-%d", 8);
    int64_t days, t;
    int rc = arg_str(r, c, 0, &ds);

    rc = rc != 0 ? rc : arg_int(r, c, 1, 0, &days);
    if (rc == 0 && c->argv[1].kind == TV_NONE) {
        rc = rt_fail(r, ERR_INVALID, "ds_add: days must be an integer");
    }
    if (rc == 0 && days == 0) {
        *ret = ds;
        return 0;
    }
    rc = rc != 0 ? rc : parse_time(r, &ds, &fmt, &t);
    if (rc == 0 && (days > 4000000 || days < -4000000)) {
        rc = rt_fail(r, ERR_INVALID, "date value out of range");
    }
    day = tv_of_kind(TV_TIME, rc == 0 ? t : 0);
    rc = rc != 0 ? rc : tvtime_add(r, &day, days * DAY_US, &day);
    return rc != 0 ? rc : tvtime_text(r, &day, fmt.s, ret);
}

static int ds_format(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv ds, in, out, time;
    int64_t t;
    char *fmt;
    int rc = tv_to_str(r, &c->argv[0], &ds);

    rc = rc != 0 ? rc : arg_str(r, c, 1, &in);
    rc = rc != 0 ? rc : arg_str(r, c, 2, &out);
    rc = rc != 0 ? rc : parse_time(r, &ds, &in, &t);
    if (rc != 0) {
        return rc;
    }
    fmt = arena_strndup(&r->arena, out.s, out.n);
    if (fmt == NULL) {
        return rt_nomem(r);
    }
    time = tv_of_kind(TV_TIME, t);
    if (strncmp(fmt, "iso", 3) == 0) {
        return rt_fail(r, ERR_UNSUPPORTED, "a format that begins with \"iso\"");
    }
    return tvtime_text(r, &time, fmt, ret);
}

static int timedelta(struct rt *r, const struct call *c, struct tv *ret)
{
    static const int64_t units[] = {DAY_US,           TIME_SECOND,        1,         1000,
                                    60 * TIME_SECOND, 3600 * TIME_SECOND, 7 * DAY_US};
    double part;
    int64_t us = 0, whole;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 7; i++) {
        const struct tv *v = &c->argv[i];

        if (v->kind == TV_ABSENT) {
            continue;
        }
        rc = rt_defined(r, v);
        if (rc == 0 && !tv_is_number(v)) {
            rc = rt_fail(r, ERR_INVALID, "timedelta: numbers are needed, not %s", tv_type_name(v));
        }
        part = rc == 0 ? tv_as_double(v) * (double)units[i] : 0;
        if (!(fabs(part) < 8.6e19 / 10)) {
            rc = rt_fail(r, ERR_INVALID, "timedelta: out of range");
        }
        whole = rc != 0 ? 0 : tv_is_int(v) ? tv_as_int(v) * units[i] : (int64_t)rint(part);
        if (__builtin_add_overflow(us, whole, &us)) {
            rc = rt_fail(r, ERR_INVALID, "timedelta: out of range");
        }
    }
    *ret = tv_of_kind(TV_DELTA, us);
    return rc;
}

static int json_dumps(struct rt *r, const struct call *c, struct tv *ret)
{
    struct buf b;
    bool sort;
    int64_t indent;
    int rc = arg_int(r, c, 1, -1, &indent);

    rc = rc != 0 ? rc : arg_bool(r, c, 2, false, &sort);
    if (rc == 0 && indent > 64) {
        rc = rt_fail(r, ERR_LIMIT, "an indent of more than 64");
    }
    if (rc != 0) {
        return rc;
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    rc = tv_json(r, &c->argv[0], sort, (int)indent, &b);
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

const struct fn_desc macros_table[] = {
    {"ds_add", "ds days", 2, ds_add},
    {"ds_format", "ds input_format output_format", 3, ds_format},
    {"timedelta", "days seconds microseconds milliseconds minutes hours weeks", 0, timedelta},
    {"json.dumps", "obj indent sort_keys", 1, json_dumps},
    {NULL, NULL, 0, NULL},
};

#define RANGE_MAX 100000 /* as Jinja2's sandbox */

static int g_range(struct rt *r, const struct call *c, struct tv *ret)
{
    int64_t a, b, step, n = 0;
    struct tv i;
    int rc = arg_int(r, c, 0, 0, &a);

    rc = rc != 0 ? rc : arg_int(r, c, 1, 0, &b);
    rc = rc != 0 ? rc : arg_int(r, c, 2, 1, &step);
    if (rc != 0) {
        return rc;
    }
    if (!arg_given(c, 1)) {
        b = a;
        a = 0;
    }
    if (step == 0) {
        return rt_fail(r, ERR_INVALID, "range() arg 3 must not be zero");
    }
    rc = tv_list_new(r, TV_RANGE, 0, ret);
    if (rc != 0) {
        return rc;
    }
    ret->list->from = a;
    ret->list->to = b;
    ret->list->step = step;
    while (rc == 0 && (step > 0 ? a < b : a > b)) {
        if (n++ >= RANGE_MAX) {
            return rt_fail(r, ERR_LIMIT, "Range too big. The maximum size is %d.", RANGE_MAX);
        }
        i = tv_int(a);
        rc = tv_list_push(r, ret, &i);
        if (__builtin_add_overflow(a, step, &a)) {
            break;
        }
    }
    return rc;
}

static int g_dict(struct rt *r, const struct call *c, struct tv *ret)
{
    int rc = tv_dict_new(r, ret);

    for (size_t i = 0; rc == 0 && i < c->kw_len; i++) {
        struct tv key = tv_str(c->kw[i].name, c->kw[i].len);

        rc = tv_dict_set(r, ret, &key, &c->argv[c->argc - c->kw_len + i]);
    }
    if (c->fn->name[0] == 'n') {
        ret->kind = TV_NAMESPACE;
    }
    return rc;
}

const struct fn_desc globals_table[] = {
    {"range", "start stop step", 1, g_range},
    {"dict", "**", 0, g_dict},
    {"namespace", "**", 0, g_dict},
    {NULL, NULL, 0, NULL},
};
