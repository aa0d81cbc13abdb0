/* Python's two ways to format: "%05.2f" % x, and format(x, ">8,d"). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "template/rt.h"

struct spec {
    char fill[5]; /* one character; "" = none given */
    char align;   /* < > ^ =, or 0 */
    char sign;    /* + - space, or 0 */
    bool alt, zero, comma;
    int width, precision; /* -1: not given */
    char type;            /* 0: none */
};

static void pad(const char *s, size_t n, const struct spec *f, char align, struct buf *out)
{
    size_t chars = utf8_count(s, n), width = f->width > 0 ? (size_t)f->width : 0;
    size_t all = width > chars ? width - chars : 0;
    size_t left = align == '<' ? 0 : align == '^' ? all / 2 : all;
    const char *fill = f->fill[0] != 0 ? f->fill : " ";
    size_t sign = align == '=' && n > 0 && strchr("+- ", s[0]) != NULL ? 1 : 0;

    if (align == '=') {
        buf_append(out, s, sign);
    }
    for (size_t i = 0; i < left && buf_status(out) == 0; i++) {
        buf_str(out, fill);
    }
    buf_append(out, s + sign, n - sign);
    for (size_t i = left; i < all && buf_status(out) == 0; i++) {
        buf_str(out, fill);
    }
}

/* Puts commas between groups of three digits before the point. */
static void put_grouped(const char *digits, struct buf *out)
{
    size_t whole = strspn(digits, "0123456789");

    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0) {
            buf_char(out, ',');
        }
        buf_char(out, digits[i]);
    }
    buf_str(out, digits + whole);
}

/* |f| in the given type; C's printf agrees with Python's for e f g. */
static void put_double(double f, char type, int precision, bool alt, struct buf *out)
{
    char fmt[8] = {'%', '.', '*', type, 0};

    if (isnan(f) || isinf(f)) {
        bool upper = type == 'E' || type == 'F' || type == 'G';

        buf_str(out, isnan(f) ? (upper ? "NAN" : "nan") : upper ? "INF" : "inf");
        return;
    }
    (void)alt;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    buf_printf(out, fmt, precision < 0 ? 6 : precision, fabs(f));
#pragma GCC diagnostic pop
}

static void put_based(uint64_t v, char type, bool alt, struct buf *out)
{
    char digits[70];
    unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : 2;
    size_t n = sizeof digits;

    do {
        digits[--n] = (type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[v % base];
        v /= base;
    } while (v > 0);
    if (alt) {
        buf_char(out, '0');
        buf_char(out, type);
    }
    buf_append(out, digits + n, sizeof digits - n);
}

static void put_sign(bool negative, char sign, struct buf *out)
{
    if (negative) {
        buf_char(out, '-');
    } else if (sign == '+' || sign == ' ') {
        buf_char(out, sign);
    }
}

static int put_int(struct rt *r, int64_t i, const struct spec *f, struct buf *out)
{
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    char text[24];

    put_sign(i < 0, f->sign, out);
    switch (f->type) {
    case 0:
    case 'd':
    case 'i':
    case 'u':
    case 'n':
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)u);
        for (int k = (int)strlen(text); k < f->precision && buf_status(out) == 0; k++) {
            buf_char(out, '0');
        }
        if (f->comma) {
            put_grouped(text, out);
        } else {
            buf_str(out, text);
        }
        return 0;
    case 'x':
    case 'X':
    case 'o':
    case 'b':
        put_based(u, f->type, f->alt, out);
        return 0;
    default:
        return rt_fail(r, ERR_UNSUPPORTED, "format: type '%c' of an int is not supported", f->type);
    }
}

static int put_float(struct rt *r, double d, const struct spec *f, struct buf *out)
{
    struct buf b BUF_CLEANUP;
    bool percent = f->type == '%';

    buf_init(&b, KiB(8));
    put_sign(signbit(d) != 0 && !isnan(d), f->sign, out);
    if (f->precision > 1000) {
        return rt_fail(r, ERR_LIMIT, "format: a precision of more than 1000");
    }
    if (f->type == 0 && f->precision < 0) {
        repr_double(fabs(d), &b);
    } else if (f->type == 0) {
        return rt_fail(r, ERR_UNSUPPORTED, "format: a precision needs a type, as in .2f");
    } else if (strchr("eEfFgG%", f->type) != NULL) {
        int precision = strchr("gG", f->type) != NULL && f->precision == 0 ? 1 : f->precision;

        put_double(percent ? d * 100 : d, percent ? 'f' : f->type, precision, f->alt, &b);
    } else {
        return rt_fail(r, ERR_UNSUPPORTED, "format: type '%c' of a float is not supported",
                       f->type);
    }
    if (f->comma) {
        put_grouped(buf_cstr(&b), out);
    } else {
        buf_append(out, buf_cstr(&b), b.len);
    }
    buf_str(out, percent ? "%" : "");
    return rt_buf_check(r, &b);
}

/* The number with its sign, then padded. */
static int put_number(struct rt *r, const struct tv *v, const struct spec *f, char dflt_align,
                      struct buf *out)
{
    struct buf b BUF_CLEANUP;
    char align = f->align != 0 ? f->align : dflt_align;
    int rc;

    buf_init(&b, KiB(16));
    if (tv_is_int(v) && (f->type == 0 || strchr("eEfFgG%", f->type) == NULL)) {
        rc = put_int(r, tv_as_int(v), f, &b);
    } else {
        rc = put_float(r, tv_as_double(v), f, &b);
    }
    rc = rc != 0 ? rc : rt_buf_check(r, &b);
    if (rc == 0) {
        pad(buf_cstr(&b), b.len, f, align, out);
    }
    return rc;
}

static int width_at(const char **p, const char *end)
{
    int w = -1;

    while (*p < end && **p >= '0' && **p <= '9') {
        w = (w < 0 ? 0 : w) * 10 + (**p - '0');
        w = w > 10000000 ? 10000000 : w; /* beyond any text's limit */
        (*p)++;
    }
    return w;
}

static bool parse_spec(const struct tv *text, struct spec *f)
{
    const char *p = text->s, *end = p + text->n;
    size_t first = 0;

    *f = (struct spec){.width = -1, .precision = -1};
    if (p < end) {
        (void)utf8_next(p, text->n, &first);
    }
    if (p + first < end && first > 0 && strchr("<>^=", p[first]) != NULL) {
        memcpy(f->fill, p, first);
        f->align = p[first];
        p += first + 1;
    } else if (p < end && strchr("<>^=", *p) != NULL) {
        f->align = *p++;
    }
    if (p < end && strchr("+- ", *p) != NULL) {
        f->sign = *p++;
    }
    if (p < end && *p == '#') {
        f->alt = true;
        p++;
    }
    if (p < end && *p == '0') {
        f->zero = true;
        if (f->fill[0] == 0) {
            f->fill[0] = '0';
        }
        p++;
    }
    f->width = width_at(&p, end);
    if (p < end && *p == ',') {
        f->comma = true;
        p++;
    }
    if (p < end && *p == '.') {
        p++;
        f->precision = width_at(&p, end);
        if (f->precision < 0) {
            return false;
        }
    }
    if (p < end) {
        f->type = *p++;
    }
    return p == end;
}

int format_spec(struct rt *r, const struct tv *v, const struct tv *spec, struct buf *out)
{
    struct spec f;
    struct tv s = {0};
    int rc;

    if (spec->n == 0) {
        return tv_print(r, v, out);
    }
    if (v->kind == TV_TIME || v->kind == TV_DATE) {
        char *fmt = arena_strndup(&r->arena, spec->s, spec->n);

        rc = fmt == NULL ? rt_nomem(r) : tvtime_text(r, v, fmt, &s);
        if (rc == 0) {
            buf_append(out, s.s, s.n);
        }
        return rc;
    }
    if (!parse_spec(spec, &f)) {
        return rt_fail(r, ERR_INVALID, "Invalid format specifier '%.*s'",
                       (int)(spec->n > 60 ? 60 : spec->n), spec->s);
    }
    if (f.comma && f.zero) {
        return rt_fail(r, ERR_UNSUPPORTED, "format: zeros with commas are not supported");
    }
    if (v->kind == TV_BOOL && f.type == 0) {
        return rt_fail(r, ERR_UNSUPPORTED, "format: a bool with a width is not supported");
    }
    if (tv_is_number(v)) {
        if (tv_is_int(v) && f.precision >= 0 && strchr("eEfFgG%", f.type) == NULL) {
            return rt_fail(r, ERR_INVALID, "Precision not allowed in integer format specifier");
        }
        return put_number(r, v, &f, f.zero ? '=' : '>', out);
    }
    if (v->kind != TV_STR || (f.type != 0 && f.type != 's') || f.sign != 0 || f.comma || f.alt ||
        f.align == '=') {
        return rt_fail(r, ERR_INVALID, "this format is not one of '%s'", tv_type_name(v));
    }
    s = *v;
    if (f.precision >= 0) {
        s.n = utf8_offset(s.s, s.n, (size_t)f.precision);
    }
    pad(s.s, s.n, &f, f.align != 0 ? f.align : '<', out);
    return 0;
}

struct percent {
    const struct tv *args; /* the tuple, dict or single value */
    size_t next;
};

static int next_arg(struct rt *r, struct percent *p, struct tv *ret)
{
    if (p->args->kind == TV_TUPLE) {
        if (p->next >= tv_list_len(p->args)) {
            return rt_fail(r, ERR_INVALID, "not enough arguments for format string");
        }
        return tv_list_at(r, p->args, p->next++, ret);
    }
    if (p->next++ > 0) {
        return rt_fail(r, ERR_INVALID, "not enough arguments for format string");
    }
    *ret = *p->args;
    return 0;
}

static int percent_value(struct rt *r, const struct tv *v, struct spec *f, struct buf *out)
{
    struct buf b BUF_CLEANUP;
    struct tv s, n = *v;
    int rc = rt_defined(r, v);

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    if (rc != 0) {
        return rc;
    }
    if (f->type == 's' || f->type == 'r') {
        rc = f->type == 's' ? tv_print(r, v, &b) : tv_repr(r, v, &b);
        rc = rc != 0 ? rc : rt_buf_check(r, &b);
        s = tv_str(buf_cstr(&b), b.len);
        if (f->precision >= 0) {
            s.n = utf8_offset(s.s, s.n, (size_t)f->precision);
        }
        f->fill[0] = ' ';
        if (rc == 0) {
            pad(s.s, s.n, f, f->align == '<' ? '<' : '>', out);
        }
        return rc;
    }
    if (strchr("diuxXoeEfFgG", f->type) == NULL) {
        return rt_fail(r, ERR_UNSUPPORTED, "format character '%c' is not supported", f->type);
    }
    if (!tv_is_number(v)) {
        return rt_fail(r, ERR_INVALID, "%%%c format: a number is required, not %s", f->type,
                       tv_type_name(v));
    }
    if (v->kind == TV_FLOAT && strchr("diu", f->type) != NULL) {
        if (!(fabs(v->f) < 9.2e18)) {
            return rt_fail(r, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported");
        }
        n = tv_int((int64_t)v->f);
    } else if (v->kind == TV_FLOAT && strchr("xXo", f->type) != NULL) {
        return rt_fail(r, ERR_INVALID, "%%%c format: an integer is required, not float", f->type);
    }
    f->fill[0] = f->zero && f->align != '<' ? '0' : ' ';
    return put_number(r, &n, f, f->zero ? '=' : '>', out);
}

/* One conversion, from behind its '%'; *pp is moved behind it. */
static int percent_one(struct rt *r, struct percent *args, const char **pp, const char *end,
                       struct buf *out)
{
    struct spec f = {.width = -1, .precision = -1};
    const char *p = *pp, *close;
    struct tv v;
    int rc = 0;
    bool named = false;

    if (p < end && *p == '(') {
        struct tv key;

        close = memchr(p, ')', (size_t)(end - p));
        if (close == NULL || args->args->kind != TV_DICT) {
            return rt_fail(r, ERR_INVALID, "format requires a mapping");
        }
        key = tv_str(p + 1, (size_t)(close - p - 1));
        rc = tv_dict_find(r, args->args, &key, &v);
        if (rc <= 0) {
            return rc < 0 ? rc : rt_fail(r, ERR_INVALID, "KeyError: '%.*s'", (int)key.n, key.s);
        }
        named = true;
        p = close + 1;
    }
    for (; p < end && strchr("#0- +", *p) != NULL; p++) {
        f.alt = f.alt || *p == '#';
        f.zero = f.zero || *p == '0';
        f.align = *p == '-' ? '<' : f.align;
        f.sign = *p == '+' || (*p == ' ' && f.sign == 0) ? *p : f.sign;
    }
    f.width = width_at(&p, end);
    if (p < end && *p == '.') {
        p++;
        f.precision = width_at(&p, end);
        f.precision = f.precision < 0 ? 0 : f.precision;
    }
    if (p >= end) {
        return rt_fail(r, ERR_INVALID, "incomplete format");
    }
    f.type = *p++;
    *pp = p;
    if (f.type == '%') {
        buf_char(out, '%');
        return 0;
    }
    rc = named ? 0 : next_arg(r, args, &v);
    return rc != 0 ? rc : percent_value(r, &v, &f, out);
}

int op_format(struct rt *r, const struct tv *fmt, const struct tv *args, struct tv *ret)
{
    const char *p = fmt->s, *end = p + fmt->n;
    struct percent a = {.args = args};
    struct buf b;
    int rc = rt_defined(r, args);

    if (rc == 0 && fmt->markup) {
        return rt_fail(r, ERR_UNSUPPORTED, "formatting escaped text is not supported");
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    while (rc == 0 && p < end) {
        if (*p != '%') {
            buf_char(&b, *p++);
            continue;
        }
        p++;
        rc = percent_one(r, &a, &p, end, &b);
        rc = rc != 0 ? rc : rt_buf_check(r, &b);
    }
    if (rc == 0 && ((args->kind == TV_TUPLE && a.next < tv_list_len(args)) ||
                    (args->kind != TV_TUPLE && args->kind != TV_DICT && args->kind != TV_LIST &&
                     a.next == 0))) {
        rc = rt_fail(r, ERR_INVALID, "not all arguments converted during string formatting");
    }
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}
