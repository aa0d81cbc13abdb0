/* Durations as text. Units must fall from one part to the next, so that "30m1h" and "1h2h" are seen
 * as the slips they are. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"

struct unit {
    const char *name;
    int64_t us;
};

static const struct unit units[] = {
    {"w", 604800 * TIME_SECOND},
    {"d", 86400 * TIME_SECOND},
    {"h", 3600 * TIME_SECOND},
    {"m", 60 * TIME_SECOND},
    {"s", TIME_SECOND},
    {"ms", 1000},
    {"us", 1},
};
/* ISO 8601: those before the T, those behind it. Months and years have no length of their own. */
static const struct unit iso_date[] = {{"W", 604800 * TIME_SECOND}, {"D", 86400 * TIME_SECOND}};
static const struct unit iso_time[] = {
    {"H", 3600 * TIME_SECOND}, {"M", 60 * TIME_SECOND}, {"S", TIME_SECOND}};

#define LEN(a) (sizeof(a) / sizeof(a)[0])

struct scan {
    const char *p, *end;
    int64_t sum; /* microseconds */
};

/* A decimal number: whole part, and the fraction in millionths of millionths, so that 0.1h is
 * exact. */
struct decimal {
    int64_t whole;
    int64_t pico;
};

static bool scan_decimal(struct scan *s, struct decimal *ret)
{
    const char *start = s->p;
    int64_t scale = INT64_C(100000000000);

    *ret = (struct decimal){0};
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        if (__builtin_mul_overflow(ret->whole, 10, &ret->whole) ||
            __builtin_add_overflow(ret->whole, *s->p - '0', &ret->whole)) {
            return false;
        }
    }
    if (s->p == start) {
        return false;
    }
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        start = s->p;
        for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, scale /= 10) {
            ret->pico += (*s->p - '0') * scale;
        }
        return s->p != start;
    }
    return true;
}

static bool add_part(struct scan *s, const struct decimal *d, int64_t unit_us)
{
    __int128 us = (__int128)d->whole * unit_us +
                  ((__int128)d->pico * unit_us + INT64_C(500000000000)) / INT64_C(1000000000000);

    us += s->sum;
    if (us > INT64_MAX) {
        return false;
    }
    s->sum = (int64_t)us;
    return true;
}

/* The unit at s->p that is smaller than the one before (index `from` and up): the longest name that
 * fits, or -1. */
static int scan_unit(struct scan *s, const struct unit *table, int from, int len)
{
    int best = -1;
    size_t best_n = 0;

    for (int i = from; i < len; i++) {
        size_t n = strlen(table[i].name);

        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, table[i].name, n) == 0 && n > best_n) {
            best = i;
            best_n = n;
        }
    }
    s->p += best_n;
    return best;
}

static bool scan_parts(struct scan *s, const struct unit *table, int len, char stop)
{
    int from = 0;

    while (s->p < s->end && *s->p != stop) {
        struct decimal d;
        int u;

        if (!scan_decimal(s, &d)) {
            return false;
        }
        u = scan_unit(s, table, from, len);
        if (u < 0 || !add_part(s, &d, table[u].us)) {
            return false;
        }
        from = u + 1;
        while (stop == '\0' && s->p < s->end && *s->p == ' ') {
            s->p++;
        }
    }
    return true;
}

static bool parse_iso(struct scan *s)
{
    const char *start = ++s->p;

    if (!scan_parts(s, iso_date, (int)LEN(iso_date), 'T')) {
        return false;
    }
    if (s->p == s->end) {
        return s->p != start;
    }
    s->p++;
    return s->p < s->end && scan_parts(s, iso_time, (int)LEN(iso_time), 'T') && s->p == s->end;
}

int duration_parse(const char *text, size_t n, int64_t *ret_us)
{
    struct scan s = {.p = text, .end = text + n};
    struct decimal d;

    if (n == 0) {
        return -ERR_INVALID;
    }
    if (*text == 'P') {
        if (!parse_iso(&s)) {
            return -ERR_INVALID;
        }
        *ret_us = s.sum;
        return 0;
    }
    if (scan_decimal(&s, &d) && s.p == s.end) {
        if (!add_part(&s, &d, TIME_SECOND)) {
            return -ERR_INVALID;
        }
        *ret_us = s.sum;
        return 0;
    }
    s.p = text;
    if (!scan_parts(&s, units, (int)LEN(units), '\0')) {
        return -ERR_INVALID;
    }
    *ret_us = s.sum;
    return 0;
}

char *duration_format(int64_t d_us, char *buf)
{
    const char *sign = d_us < 0 ? "-" : "";
    uint64_t us = d_us < 0 ? 0 - (uint64_t)d_us : (uint64_t)d_us, s = us / 1000000;
    unsigned long long x;

    if (us < 1000) {
        (void)snprintf(buf, TIME_TEXT_MAX, us == 0 ? "0s" : "%s%lluus", sign,
                       (unsigned long long)us);
    } else if (us < 1000000) {
        (void)snprintf(buf, TIME_TEXT_MAX, "%s%llums", sign, (unsigned long long)(us / 1000));
    } else if (s < 60) {
        x = us / 100000;
        (void)snprintf(buf, TIME_TEXT_MAX, "%s%llu.%llus", sign, x / 10, x % 10);
    } else if (s < 3600) {
        x = s;
        (void)snprintf(buf, TIME_TEXT_MAX, "%s%llum %02llus", sign, x / 60, x % 60);
    } else if (s < 86400) {
        x = s / 60;
        (void)snprintf(buf, TIME_TEXT_MAX, "%s%lluh %02llum", sign, x / 60, x % 60);
    } else {
        x = s / 3600;
        (void)snprintf(buf, TIME_TEXT_MAX, "%s%llud %02lluh", sign, x / 24, x % 24);
    }
    return buf;
}
