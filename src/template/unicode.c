/* Characters: UTF-8, and case as Python's str methods have it, from tables made from Python's own.
 */
#include "unicode_data.h" /* made at build by tools/make-unicode */

#include <string.h>

#include "template/rt.h"

uint32_t utf8_next(const char *s, size_t n, size_t *i)
{
    const unsigned char *p = (const unsigned char *)s + *i;
    size_t left = n - *i, len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = p[0];

    if (len == 1 || p[0] < 0xc0 || left < len) { /* ASCII, or not UTF-8: the byte itself */
        *i += 1;
        return c;
    }
    c &= 0xffu >> (len + 1);
    for (size_t k = 1; k < len; k++) {
        c = c << 6 | (p[k] & 0x3f);
    }
    *i += len;
    return c;
}

void utf8_put(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_char(b, (char)c);
    } else if (c < 0x800) {
        buf_char(b, (char)(0xc0 | c >> 6));
        buf_char(b, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_char(b, (char)(0xe0 | c >> 12));
        buf_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(b, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_char(b, (char)(0xf0 | c >> 18));
        buf_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(b, (char)(0x80 | (c & 0x3f)));
    }
}

size_t utf8_count(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; count++) {
        (void)utf8_next(s, n, &i);
    }
    return count;
}

size_t utf8_offset(const char *s, size_t n, size_t chars)
{
    size_t i = 0;

    while (chars-- > 0 && i < n) {
        (void)utf8_next(s, n, &i);
    }
    return i;
}

static bool in_ranges(const uint32_t (*ranges)[2], size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (c > ranges[mid][1]) {
            lo = mid + 1;
        } else if (c < ranges[mid][0]) {
            hi = mid;
        } else {
            return true;
        }
    }
    return false;
}
#define IN(table, c) in_ranges(table, sizeof(table) / sizeof *(table), c)

bool char_is_alpha(uint32_t c)
{
    return IN(alpha_ranges, c);
}

bool char_is_printable(uint32_t c)
{
    return IN(printable_ranges, c);
}

bool char_is_digit(uint32_t c)
{
    return IN(digit_ranges, c);
}

bool char_is_decimal(uint32_t c)
{
    return IN(decimal_ranges, c);
}

bool char_is_numeric(uint32_t c)
{
    return IN(numeric_ranges, c);
}

bool char_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

static uint32_t map_run(const uint32_t (*runs)[4], size_t n, uint32_t c)
{
    for (size_t i = 0; i < n && c >= runs[i][0]; i++) {
        if (c <= runs[i][1] && (c - runs[i][0]) % runs[i][2] == 0) {
            return c + runs[i][3];
        }
    }
    return c;
}
#define MAP(table, c) map_run(table, sizeof(table) / sizeof *(table), c)

static bool put_special(const uint32_t (*table)[4], size_t n, uint32_t c, struct buf *out)
{
    for (size_t i = 0; i < n && table[i][0] <= c; i++) {
        if (table[i][0] == c) {
            for (int k = 1; k < 4 && table[i][k] != 0; k++) {
                utf8_put(out, table[i][k]);
            }
            return true;
        }
    }
    return false;
}
#define SPECIAL(table, c, out) put_special(table, sizeof(table) / sizeof *(table), c, out)

uint32_t char_simple(uint32_t c, bool upper)
{
    if (c < 0x80) {
        return upper ? (c >= 'a' && c <= 'z' ? c - 32 : c) : (c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return upper ? MAP(to_upper, c) : MAP(to_lower, c);
}

void text_upper(const char *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n;) {
        uint32_t c = utf8_next(s, n, &i);

        if (c < 0x80 || !SPECIAL(upper_special, c, out)) {
            utf8_put(out, char_simple(c, true));
        }
    }
}

/* A capital sigma ends a word: a cased letter before it, none behind it, case-ignorable ones aside.
 */
static bool final_sigma(const char *s, size_t n, size_t from, size_t after)
{
    bool before = false;

    for (size_t i = 0; i < from;) {
        uint32_t c = utf8_next(s, n, &i);

        if (!IN(ignorable_ranges, c)) {
            before = IN(cased_ranges, c);
        }
    }
    while (before && after < n) {
        uint32_t c = utf8_next(s, n, &after);

        if (!IN(ignorable_ranges, c)) {
            return !IN(cased_ranges, c);
        }
    }
    return before;
}

static void put_lower(const char *s, size_t n, size_t *i, struct buf *out)
{
    size_t from = *i;
    uint32_t c = utf8_next(s, n, i);

    if (c == 0x3a3) {
        utf8_put(out, final_sigma(s, n, from, *i) ? 0x3c2 : 0x3c3);
    } else if (c < 0x80 || !SPECIAL(lower_special, c, out)) {
        utf8_put(out, char_simple(c, false));
    }
}

void text_lower(const char *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n;) {
        put_lower(s, n, &i, out);
    }
}

static void put_title(uint32_t c, struct buf *out)
{
    uint32_t t = MAP(to_title, c);

    if (t != c || c < 0x80 || !SPECIAL(title_special, c, out)) {
        utf8_put(out, t != c ? t : char_simple(c, true));
    }
}

void text_capitalize(const char *s, size_t n, struct buf *out)
{
    size_t i = 0;

    if (n > 0) {
        put_title(utf8_next(s, n, &i), out);
    }
    while (i < n) {
        put_lower(s, n, &i, out);
    }
}

/* str.title(): a letter after something without case is a title's first. */
void text_title(const char *s, size_t n, struct buf *out)
{
    bool cased = false;

    for (size_t i = 0; i < n;) {
        size_t at = i;
        uint32_t c = utf8_next(s, n, &i);

        if (cased) {
            put_lower(s, n, &at, out);
        } else {
            put_title(c, out);
        }
        cased = IN(cased_ranges, c);
    }
}

void text_swapcase(const char *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n;) {
        size_t from = i;
        uint32_t c = utf8_next(s, n, &i);

        if (char_simple(c, false) != c) {
            i = from;
            put_lower(s, n, &i, out);
        } else {
            text_upper(s + from, i - from, out);
        }
    }
}

/* All cased letters are upper (or lower), and there is one. */
bool text_is_case(const char *s, size_t n, bool upper)
{
    bool any = false;

    for (size_t i = 0; i < n;) {
        uint32_t c = utf8_next(s, n, &i);

        if (IN(cased_ranges, c)) {
            if (char_simple(c, upper) != c || (char_simple(c, !upper) == c && c < 0x80)) {
                return false;
            }
            any = true;
        }
    }
    return any;
}

void text_escape(const char *s, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        switch (s[i]) {
        case '&':
            buf_str(out, "&amp;");
            break;
        case '<':
            buf_str(out, "&lt;");
            break;
        case '>':
            buf_str(out, "&gt;");
            break;
        case '\'':
            buf_str(out, "&#39;");
            break;
        case '"':
            buf_str(out, "&#34;");
            break;
        default:
            buf_char(out, s[i]);
        }
    }
}
