/* Filters of numbers, and those that cut lists in parts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "template/rt.h"

/* A Python number's text, without the white space around it and single underscores between digits.
 */
static bool clean_number(const struct tv *s, char *out, size_t cap)
{
    const char *p = s->s, *end = s->s + s->n;
    size_t n = 0;

    while (p < end && char_is_space((unsigned char)*p)) {
        p++;
    }
    while (end > p && char_is_space((unsigned char)end[-1])) {
        end--;
    }
    for (; p < end; p++) {
        bool between =
            n > 0 && p + 1 < end && out[n - 1] != '_' && p[-1] != '_' &&
            ((p[-1] | 32) >= '0' && p[-1] != '.' && p[1] != '.' && p[-1] != '-' && p[-1] != '+') &&
            p[1] != '_';

        if (*p == '_' && between) {
            continue;
        }
        if ((unsigned char)*p >= 0x80 || *p == '_' || n + 1 >= cap) {
            return false;
        }
        out[n++] = *p;
    }
    out[n] = 0;
    return n > 0;
}

/* float(text); false when it is none. */
static bool parse_float(const struct tv *s, double *ret)
{
    static const char *const words[] = {"inf", "infinity", "nan"};
    char text[400], *end;
    const char *p = text;

    if (!clean_number(s, text, sizeof text)) {
        return false;
    }
    p += *p == '-' || *p == '+';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(p, words[i]) == 0) {
            *ret = i == 2 ? NAN : text[0] == '-' ? -INFINITY : INFINITY;
            return true;
        }
    }
    if (strspn(p, "0123456789.eE+-") != strlen(p)) { /* not hex, not words */
        return false;
    }
    *ret = strtod(text, &end);
    return *end == 0 && end != text;
}

/* int(text, base): 1 parsed, 0 not a number, -ERR_UNSUPPORTED beyond 64 bits. */
static int parse_int(struct rt *r, const struct tv *s, int64_t base, int64_t *ret)
{
    char text[400];
    const char *p = text;
    bool negative;
    uint64_t v = 0;
    int n = 0;

    if (!clean_number(s, text, sizeof text)) {
        return 0;
    }
    negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (p[0] == '0' && p[1] != 0 && p[2] != 0 &&
        ((base == 16 && (p[1] | 32) == 'x') || (base == 8 && (p[1] | 32) == 'o') ||
         (base == 2 && (p[1] | 32) == 'b'))) {
        p += 2;
    }
    for (; *p != 0; p++, n++) {
        int64_t d = *p >= '0' && *p <= '9'                 ? *p - '0'
                    : (*p | 32) >= 'a' && (*p | 32) <= 'z' ? (*p | 32) - 'a' + 10
                                                           : 99;

        if (d >= base) {
            return 0;
        }
        if (v > ((uint64_t)INT64_MAX - (uint64_t)d) / (uint64_t)base) {
            return rt_fail(r, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported");
        }
        v = v * (uint64_t)base + (uint64_t)d;
    }
    *ret = negative ? -(int64_t)v : (int64_t)v;
    return n > 0;
}

static int truncate_double(struct rt *r, double f, struct tv *ret)
{
    if (isnan(f) || isinf(f)) {
        return rt_fail(r, ERR_INVALID, "cannot convert float %s to integer",
                       isnan(f) ? "NaN" : "infinity");
    }
    if (fabs(f) >= 9.2e18) {
        return rt_fail(r, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported");
    }
    *ret = tv_int((int64_t)f);
    return 0;
}

static int f_int(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *v = &c->self;
    int64_t base, i = 0;
    double f;
    int rc = rt_defined(r, v);

    rc = rc != 0 ? rc : arg_int(r, c, 1, 10, &base);
    if (rc == 0 && (base < 2 || base > 36)) {
        rc = rt_fail(r, ERR_UNSUPPORTED, "int: a base from 2 to 36 is supported");
    }
    if (rc != 0) {
        return rc;
    }
    if (tv_is_int(v)) {
        *ret = tv_int(tv_as_int(v));
        return 0;
    }
    if (v->kind == TV_FLOAT && !isnan(v->f)) {
        return truncate_double(r, v->f, ret);
    }
    if (v->kind == TV_STR) {
        rc = parse_int(r, v, base, &i);
        if (rc != 0) {
            *ret = tv_int(i);
            return rc < 0 ? rc : 0;
        }
        if (parse_float(v, &f) && !isnan(f)) {
            return truncate_double(r, f, ret);
        }
    }
    *ret = c->argv[0].kind != TV_ABSENT ? c->argv[0] : tv_int(0);
    return 0;
}

static int f_float(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *v = &c->self;
    double f;
    int rc = rt_defined(r, v);

    if (rc != 0) {
        return rc;
    }
    if (tv_is_number(v)) {
        *ret = tv_float(tv_as_double(v));
    } else if (v->kind == TV_STR && parse_float(v, &f)) {
        *ret = tv_float(f);
    } else {
        *ret = c->argv[0].kind != TV_ABSENT ? c->argv[0] : tv_float(0);
    }
    return 0;
}

static int f_abs(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *v = &c->self;
    int rc = rt_defined(r, v);

    if (rc != 0) {
        return rc;
    }
    if (v->kind == TV_FLOAT) {
        *ret = tv_float(fabs(v->f));
        return 0;
    }
    if (tv_is_int(v) || v->kind == TV_DELTA) {
        struct tv i = v->kind == TV_DELTA ? *v : tv_int(tv_as_int(v));

        return op_negate(r, &i, i.i < 0, ret);
    }
    return rt_fail(r, ERR_INVALID, "bad operand type for abs(): '%s'", tv_type_name(v));
}

/* round(): half to even on the exact value, as Python. */
static double round_half_even(double f, int64_t digits)
{
    char text[400];
    double scale;

    if (isnan(f) || isinf(f) || digits > 300) {
        return f;
    }
    if (digits >= 0) {
        (void)snprintf(text, sizeof text, "%.*f", (int)digits, f);
        return strtod(text, NULL);
    }
    if (digits < -308) {
        return copysign(0.0, f);
    }
    scale = pow(10, (double)-digits);
    return rint(f / scale) * scale;
}

static int64_t round_int(int64_t i, int64_t digits)
{
    int64_t scale = 1, down, rest;

    for (; digits < 0; digits++) {
        if (__builtin_mul_overflow(scale, 10, &scale)) {
            return 0;
        }
    }
    down = i / scale;
    rest = i % scale;
    if (rest < 0) {
        rest += scale;
        down--;
    }
    if (rest > scale / 2 || (rest == scale - rest && down % 2 != 0)) {
        down++;
    }
    return down * scale;
}

static int f_round(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *v = &c->self;
    struct tv method = tv_str("common", 6);
    int64_t digits;
    double scale;
    int rc = rt_defined(r, v);

    rc = rc != 0 ? rc : arg_int(r, c, 0, 0, &digits);
    rc = rc != 0 || c->argv[1].kind == TV_ABSENT ? rc : arg_str(r, c, 1, &method);
    if (rc == 0 && !tv_is_number(v)) {
        rc = rt_fail(r, ERR_INVALID, "type %s doesn't define __round__ method", tv_type_name(v));
    }
    if (rc != 0) {
        return rc;
    }
    if (method.n == 6 && memcmp(method.s, "common", 6) == 0) {
        *ret = tv_is_int(v) ? tv_int(digits >= 0 ? tv_as_int(v) : round_int(tv_as_int(v), digits))
                            : tv_float(round_half_even(v->f, digits));
        return 0;
    }
    if (!(method.n == 4 && memcmp(method.s, "ceil", 4) == 0) &&
        !(method.n == 5 && memcmp(method.s, "floor", 5) == 0)) {
        return rt_fail(r, ERR_INVALID, "method must be common, ceil or floor");
    }
    if (digits < -300 || digits > 300 || isnan(tv_as_double(v)) || isinf(tv_as_double(v))) {
        return rt_fail(r, ERR_INVALID, "round: out of range");
    }
    scale = pow(10, (double)digits);
    scale = method.n == 4 ? ceil(tv_as_double(v) * scale) / scale
                          : floor(tv_as_double(v) * scale) / scale;
    *ret = tv_float(scale + 0.0); /* the integer between has no negative zero */
    return 0;
}

static int f_batch(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list, item, row;
    int64_t n, count = 0;
    int rc = tv_iterate(r, &c->self, &list);

    rc = rc != 0 ? rc : arg_int(r, c, 0, 1, &n);
    rc = rc != 0 ? rc : tv_list_new(r, TV_ITER, 0, ret);
    rc = rc != 0 ? rc : tv_list_new(r, TV_LIST, 0, &row);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        if (count == n) {
            rc = tv_list_push(r, ret, &row);
            rc = rc != 0 ? rc : tv_list_new(r, TV_LIST, 0, &row);
            count = 0;
        }
        rc = rc != 0 ? rc : tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc : tv_list_push(r, &row, &item);
        count++;
    }
    while (rc == 0 && count > 0 && count < n && arg_given(c, 1)) {
        rc = tv_list_push(r, &row, &c->argv[1]);
        count++;
    }
    return rc != 0 || count == 0 ? rc : tv_list_push(r, ret, &row);
}

static int f_slice(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list, item, column;
    int64_t slices, length, extra, at = 0;
    int rc = tv_iterate(r, &c->self, &list);

    rc = rc != 0 ? rc : arg_int(r, c, 0, 1, &slices);
    if (rc == 0 && slices <= 0) {
        rc = rt_fail(r, ERR_INVALID, "slice: a number of slices above 0 is needed");
    }
    rc = rc != 0 ? rc : tv_list_new(r, TV_ITER, 0, ret);
    length = rc != 0 ? 0 : (int64_t)tv_list_len(&list);
    extra = rc != 0 ? 0 : length % slices;
    for (int64_t s = 0; rc == 0 && s < slices; s++) {
        int64_t n = length / slices + (s < extra);

        rc = tv_list_new(r, TV_LIST, 0, &column);
        for (; rc == 0 && n > 0; n--) {
            rc = tv_list_at(r, &list, (size_t)at++, &item);
            rc = rc != 0 ? rc : tv_list_push(r, &column, &item);
        }
        if (rc == 0 && arg_given(c, 1) && s >= extra) {
            rc = tv_list_push(r, &column, &c->argv[1]);
        }
        rc = rc != 0 ? rc : tv_list_push(r, ret, &column);
    }
    return rc;
}

const struct fn_desc filters_more[] = {
    {"int", "default base", 0, f_int},
    {"float", "default", 0, f_float},
    {"abs", "", 0, f_abs},
    {"round", "precision method", 0, f_round},
    {"batch", "linecount fill_with", 1, f_batch},
    {"slice", "slices fill_with", 1, f_slice},
    {NULL, NULL, 0, NULL},
};
