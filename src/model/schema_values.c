/* Numbers, equality and formats of JSON Schema. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "model/schema_priv.h"

/* ---- numbers ---- */

#define DIGITS_MAX 36 /* fit in 128 bits with room for one multiplication by ten */

struct decimal { /* units * 10^exp */
    __int128 units;
    int64_t exp;
    bool exact; /* false: it has more digits */
};

static struct decimal decimal_of(const char *p)
{
    struct decimal d = {.exact = true};
    bool negative = *p == '-', fraction = false;
    int digits = 0;
    int64_t exp = 0;

    for (p += negative; *p != '\0' && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        if (*p != '0' || d.units != 0) {
            d.exact = d.exact && digits < DIGITS_MAX;
            digits++;
        }
        if (d.exact) {
            d.units = d.units * 10 + (*p - '0');
            d.exp -= fraction;
        }
    }
    if (*p != '\0') {
        exp = strtoll(p + 1, NULL, 10);
        d.exact = d.exact && exp > -1000000 && exp < 1000000;
    }
    d.exp += d.exact ? exp : 0;
    while (d.exact && d.units != 0 && d.units % 10 == 0) {
        d.units /= 10;
        d.exp++;
    }
    if (d.units == 0) {
        d.exp = 0;
    }
    d.units = negative ? -d.units : d.units;
    return d;
}

static int digits_of(__int128 units)
{
    int n = 0;

    for (; units != 0; units /= 10) {
        n++;
    }
    return n;
}

static __int128 scaled(struct decimal d, int64_t exp)
{
    for (; d.exp > exp; d.exp--) {
        d.units *= 10;
    }
    return d.units;
}

static double double_of(const struct value *v)
{
    double d = 0;

    (void)value_double(v, &d);
    return d;
}

int schema_compare(const struct value *a, const struct value *b)
{
    struct decimal x = decimal_of(a->text), y = decimal_of(b->text);
    int64_t exp = x.exp < y.exp ? x.exp : y.exp;
    double p, q;

    if (x.exact && y.exact) {
        int sx = (x.units > 0) - (x.units < 0), sy = (y.units > 0) - (y.units < 0);
        int64_t mx = digits_of(x.units) + x.exp, my = digits_of(y.units) + y.exp;

        if (sx != sy || sx == 0) {
            return (sx > sy) - (sx < sy);
        }
        if (mx != my) { /* one is longer before its point */
            return (mx > my ? 1 : -1) * sx;
        }
        if (mx - exp <= DIGITS_MAX) {
            __int128 u = scaled(x, exp), w = scaled(y, exp);

            return (u > w) - (u < w);
        }
    }
    p = double_of(a);
    q = double_of(b);
    return (p > q) - (p < q);
}

bool schema_is_integer(const struct value *v)
{
    struct decimal d = decimal_of(v->text);
    double x;

    if (d.exact) {
        return d.exp >= 0;
    }
    x = double_of(v);
    return isinf(x) || floor(x) == x;
}

/* units * 10^exp modulo m, where m has at most 18 digits. */
static bool divides(struct decimal d, __int128 m)
{
    __int128 rest = d.units % m;

    for (int64_t i = 0; i < d.exp && rest != 0; i++) {
        rest = rest * 10 % m;
    }
    return rest == 0;
}

bool schema_is_multiple(const struct value *v, const struct value *of)
{
    struct decimal d = decimal_of(v->text), m = decimal_of(of->text);
    double q;

    if (m.units == 0) {
        return false;
    }
    m.units = m.units < 0 ? -m.units : m.units;
    if (d.exact && m.exact && digits_of(m.units) <= 18) {
        /* d / m is whole when d * 10^(d.exp - m.exp) is divided by m's digits. Those do not end in 0, so that with fewer decimals than d
         * has there is no way. */
        d.exp -= m.exp;
        if (d.exp >= 0) {
            return divides(d, m.units);
        }
        if (d.units == 0) {
            return true;
        }
        return false;
    }
    q = double_of(v) / double_of(of);
    return floor(q) == q;
}

/* ---- equality ---- */

bool schema_equal(const struct value *a, const struct value *b, size_t *steps)
{
    ++*steps;
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a->boolean == b->boolean;
    case VALUE_NUMBER:
        return schema_compare(a, b) == 0;
    case VALUE_STRING:
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    if (a->len != b->len) {
        return false;
    }
    for (size_t i = 0; i < a->len; i++) {
        const struct value *other =
            a->kind == VALUE_ARRAY ? b->elems[i] : value_get(b, a->keys[i].text);

        if (other == NULL || !schema_equal(a->elems[i], other, steps)) {
            return false;
        }
    }
    return true;
}

/* ---- formats ---- */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static int number(const char *p, int digits)
{
    int v = 0;

    for (int i = 0; i < digits; i++) {
        if (!digit(p[i])) {
            return -1;
        }
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static bool is_date(const char *p, size_t n)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;

    if (n != 10 || p[4] != '-' || p[7] != '-') {
        return false;
    }
    y = number(p, 4);
    m = number(p + 5, 2);
    d = number(p + 8, 2);
    if (y < 1 || m < 1 || m > 12 || d < 1) {
        return false;
    }
    return d <= days[m - 1] ||
           (m == 2 && d == 29 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)));
}

/* HH:MM:SS, a fraction, and Z or an offset, which may be missing where `bare`. */
static bool is_time(const char *p, size_t n, bool bare)
{
    size_t i = 8;
    int h = n >= 8 ? number(p, 2) : -1, m = n >= 8 ? number(p + 3, 2) : -1,
        s = n >= 8 ? number(p + 6, 2) : -1;

    if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 || p[2] != ':' || p[5] != ':') {
        return false;
    }
    if (i < n && p[i] == '.') {
        size_t from = ++i;

        while (i < n && digit(p[i])) {
            i++;
        }
        if (i == from) {
            return false;
        }
    }
    if (i == n) {
        return bare;
    }
    if (p[i] == 'Z' || p[i] == 'z') {
        return i + 1 == n;
    }
    return (p[i] == '+' || p[i] == '-') && n - i == 6 && p[i + 3] == ':' &&
           number(p + i + 1, 2) >= 0 && number(p + i + 1, 2) <= 23 && number(p + i + 4, 2) >= 0 &&
           number(p + i + 4, 2) <= 59;
}

static bool is_date_time(const char *p, size_t n)
{
    return n > 11 && (p[10] == 'T' || p[10] == 't') && is_date(p, 10) &&
           is_time(p + 11, n - 11, false);
}

static bool is_email(const char *p, size_t n)
{
    const char *at = memchr(p, '@', n);

    return at != NULL && at != p && at + 1 < p + n &&
           memchr(at + 1, '@', (size_t)(p + n - at - 1)) == NULL && memchr(p, ' ', n) == NULL;
}

static bool is_hostname(const char *p, size_t n)
{
    size_t label = 0;

    for (size_t i = 0; i < n; i++) {
        bool letter = digit(p[i]) || (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z');

        if (p[i] == '.') {
            if (label == 0 || p[i - 1] == '-') {
                return false;
            }
            label = 0;
            continue;
        }
        if ((!letter && (p[i] != '-' || label == 0)) || ++label > 63) {
            return false;
        }
    }
    return n > 0 && n <= 253 && label > 0 && p[n - 1] != '-';
}

static bool is_ipv4(const char *p, size_t n)
{
    size_t i = 0;

    for (int part = 0; part < 4; part++) {
        size_t from = i;
        int v = 0;

        while (i < n && digit(p[i]) && i - from < 3) {
            v = v * 10 + (p[i++] - '0');
        }
        if (i == from || v > 255 || (i - from > 1 && p[from] == '0')) {
            return false;
        }
        if (part < 3 && (i >= n || p[i++] != '.')) {
            return false;
        }
    }
    return i == n;
}

static bool is_hex(char c)
{
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_ipv6(const char *p, size_t n)
{
    int groups = 0;
    bool gap = false;
    size_t i = 0;

    if (n >= 2 && p[0] == ':' && p[1] == ':') {
        gap = true;
        i = 2;
    }
    while (i < n) {
        size_t from = i;

        while (i < n && is_hex(p[i]) && i - from < 5) {
            i++;
        }
        if (i < n && p[i] == '.') {
            return is_ipv4(p + from, n - from) && (gap ? groups + 2 < 8 : groups + 2 == 8);
        }
        if (i == from || i - from > 4 || ++groups > 8) {
            return false;
        }
        if (i == n) {
            break;
        }
        if (p[i++] != ':' || i == n) {
            return false;
        }
        if (p[i] == ':') {
            if (gap) {
                return false;
            }
            gap = true;
            i++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

static bool is_uri(const char *p, size_t n, bool reference)
{
    size_t i = 0;

    for (size_t k = 0; k < n; k++) {
        unsigned char c = (unsigned char)p[k];

        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL ||
            (c == '%' && (k + 2 >= n || !is_hex(p[k + 1]) || !is_hex(p[k + 2])))) {
            return false;
        }
    }
    while (i < n && (digit(p[i]) || ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z') || p[i] == '+' ||
                     p[i] == '-' || p[i] == '.')) {
        i++;
    }
    return reference || (i > 0 && i < n && p[i] == ':' && !digit(p[0]) && p[0] != '+' &&
                         p[0] != '-' && p[0] != '.');
}

static bool is_uuid(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? p[i] != '-' : !is_hex(p[i])) {
            return false;
        }
    }
    return n == 36;
}

static bool is_pointer(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '~' && (i + 1 >= n || (p[i + 1] != '0' && p[i + 1] != '1'))) {
            return false;
        }
    }
    return n == 0 || p[0] == '/';
}

static bool is_uri_text(const char *p, size_t n)
{
    return is_uri(p, n, false);
}

static bool is_uri_reference(const char *p, size_t n)
{
    return is_uri(p, n, true);
}

static bool is_any_time(const char *p, size_t n)
{
    return is_time(p, n, true); /* Airflow's form writes it without an offset */
}

bool schema_format(const char *format, const char *text, size_t n, bool *ret_met)
{
    static const struct {
        const char *name;
        bool (*met)(const char *p, size_t n);
    } formats[] = {
        {"date", is_date},   {"time", is_any_time},        {"date-time", is_date_time},
        {"email", is_email}, {"hostname", is_hostname},    {"ipv4", is_ipv4},
        {"ipv6", is_ipv6},   {"uri", is_uri_text},         {"uri-reference", is_uri_reference},
        {"uuid", is_uuid},   {"json-pointer", is_pointer},
    };

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, format) == 0) {
            *ret_met = formats[i].met(text, n);
            return true;
        }
    }
    return false;
}
