/*
 * The JSON reader: a state machine over the bytes, one event a call.
 *
 *   state        the next thing may be                                    then
 *   VALUE        a value                                                  the container's AFTER, or
 * DONE FIRST_ELEM   a value or ]                                             AFTER_ELEM, or what
 * was around it AFTER_ELEM   , (then VALUE) or ] FIRST_KEY    a key or } COLON COLON        : (then
 * VALUE) AFTER_MEMBER , (then KEY) or } KEY          a key COLON DONE         only white space:
 * JSON_END, again and again BROKEN       an error was reported: the same error again
 *
 * Invariants:
 * 1. depth <= LIMIT_JSON_DEPTH, and bit i of `objects` says what level i is: no recursion, no
 * allocation per level.
 * 2. `at` only moves forward and (line, col) is the position of `at`: finding positions is linear
 * in the input.
 * 3. `text` holds the unescaped string of the last event; nothing else is allocated.
 */
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

enum reader_state {
    STATE_VALUE,
    STATE_FIRST_ELEM,
    STATE_AFTER_ELEM,
    STATE_FIRST_KEY,
    STATE_COLON,
    STATE_AFTER_MEMBER,
    STATE_KEY,
    STATE_DONE,
    STATE_BROKEN,
};

struct json_reader {
    const char *p, *end; /* the next byte to read; the end of the input */
    const char *at;      /* invariant 2 */
    int line, col;
    enum reader_state state;
    int depth;
    uint64_t objects;
    struct buf text;
    int broken; /* the error that was reported */
};

_Static_assert(LIMIT_JSON_DEPTH <= 64, "one bit per level");

struct json_reader *json_reader_new(const char *input, size_t n)
{
    struct json_reader *r = mem_zalloc(sizeof *r);

    if (r == NULL) {
        return NULL;
    }
    r->p = input;
    r->end = input + n;
    if (n >= 3 && memcmp(input, "\xef\xbb\xbf", 3) == 0) {
        r->p += 3; /* a byte order mark: RFC 8259 lets readers ignore it */
    }
    r->at = r->p;
    r->line = r->col = 1;
    buf_init(&r->text, n + 1);
    return r;
}

void json_reader_free(struct json_reader *r)
{
    if (r != NULL) {
        buf_fini(&r->text);
        mem_free(r);
    }
}

void json_position(const struct json_reader *r, int *ret_line, int *ret_col)
{
    *ret_line = r->line;
    *ret_col = r->col;
}

/* Moves the position to `to`; columns count characters, so continuation bytes do not count. */
static void advance(struct json_reader *r, const char *to)
{
    for (; r->at < to; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->col = 1;
        } else if ((*r->at & 0xc0) != 0x80) {
            r->col++;
        }
    }
}

static int fail(struct json_reader *r, struct err *e, const char *where, const char *text)
{
    advance(r, where);
    r->state = STATE_BROKEN;
    r->broken = -ERR_SYNTAX;
    return err_at(e, ERR_SYNTAX, r->line, r->col, "%s", text);
}

static int fail_at_char(struct json_reader *r, struct err *e, const char *expected)
{
    char text[120];
    unsigned char c;

    if (r->p == r->end) {
        (void)snprintf(text, sizeof text, "the document ends where %s is expected", expected);
        return fail(r, e, r->p, text);
    }
    c = (unsigned char)*r->p;
    if (c > 0x20 && c < 0x7f) {
        (void)snprintf(text, sizeof text, "found '%c' where %s is expected", c, expected);
    } else {
        (void)snprintf(text, sizeof text, "found byte 0x%02x where %s is expected", c, expected);
    }
    return fail(r, e, r->p, text);
}

static int fail_nomem(struct json_reader *r, struct err *e, int rc)
{
    r->state = STATE_BROKEN;
    r->broken = rc;
    return err_set(e, (enum err_code) - rc, "%s", err_text(rc));
}

static void skip_space(struct json_reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')) {
        r->p++;
    }
}

/* Four hex digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
    int x = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int c = p[i] | 0x20;

        if (p[i] >= '0' && p[i] <= '9') {
            x = x << 4 | (p[i] - '0');
        } else if (c >= 'a' && c <= 'f') {
            x = x << 4 | (c - 'a' + 10);
        } else {
            return -1;
        }
    }
    return x;
}

/* \uXXXX, r->p behind the 'u'; a pair of surrogates is one character. */
static int read_unicode_escape(struct json_reader *r, struct err *e)
{
    const char *start = r->p - 2;
    int hi = hex4(r->p, r->end);
    uint32_t cp;
    char utf8[4];

    if (hi < 0) {
        return fail(r, e, start, "\\u must be followed by four hex digits");
    }
    r->p += 4;
    cp = (uint32_t)hi;
    if (cp >= 0xd800 && cp <= 0xdfff) {
        int lo = -1;

        if (cp < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
            lo = hex4(r->p + 2, r->end);
        }
        if (lo < 0xdc00 || lo > 0xdfff) {
            return fail(r, e, start, "half of a surrogate pair: this is not a character");
        }
        r->p += 6;
        cp = 0x10000 + ((cp - 0xd800) << 10) + ((uint32_t)lo - 0xdc00);
    }
    return buf_append(&r->text, utf8, utf8_encode(cp, utf8));
}

static int read_escape(struct json_reader *r, struct err *e)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (r->p + 1 == r->end) {
        return fail(r, e, r->p, "the document ends within a string");
    }
    r->p += 2;
    if (r->p[-1] == 'u') {
        return read_unicode_escape(r, e);
    }
    found = r->p[-1] != '\0' ? strchr(from, r->p[-1]) : NULL;
    if (found == NULL) {
        return fail(r, e, r->p - 2, "unknown escape in a string");
    }
    return buf_char(&r->text, to[found - from]);
}

/* r->p at the opening quote. */
static int read_string(struct json_reader *r, struct err *e)
{
    int rc = 0;

    r->p++;
    buf_clear(&r->text);
    while (rc == 0) {
        const char *run = r->p;

        while (r->p < r->end && (unsigned char)*r->p >= 0x20 && *r->p != '"' && *r->p != '\\') {
            size_t len = utf8_char_len(r->p, (size_t)(r->end - r->p));

            if (len == 0) {
                return fail(r, e, r->p, "a string must be UTF-8");
            }
            r->p += len;
        }
        rc = buf_append(&r->text, run, (size_t)(r->p - run));
        if (rc != 0) {
            break;
        }
        if (r->p == r->end) {
            return fail(r, e, r->p, "the document ends within a string");
        }
        if (*r->p == '"') {
            r->p++;
            return 0;
        }
        if (*r->p != '\\') {
            return fail(r, e, r->p, "a control character in a string must be escaped");
        }
        rc = read_escape(r, e);
    }
    return r->state == STATE_BROKEN ? rc : fail_nomem(r, e, rc);
}

static bool is_digit(const struct json_reader *r, const char *p)
{
    return p < r->end && *p >= '0' && *p <= '9';
}

static int read_number(struct json_reader *r, struct err *e)
{
    const char *p = r->p;
    int rc;

    if (*p == '-') {
        p++;
    }
    if (!is_digit(r, p)) {
        return fail(r, e, p, "a digit must follow the sign of a number");
    }
    if (*p == '0' && is_digit(r, p + 1)) {
        return fail(r, e, p, "a number must not begin with 0");
    }
    while (is_digit(r, p)) {
        p++;
    }
    if (p < r->end && *p == '.') {
        if (!is_digit(r, ++p)) {
            return fail(r, e, p, "a digit must follow the decimal point");
        }
        while (is_digit(r, p)) {
            p++;
        }
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < r->end && (*p == '+' || *p == '-')) {
            p++;
        }
        if (!is_digit(r, p)) {
            return fail(r, e, p, "a digit must follow the exponent's mark");
        }
        while (is_digit(r, p)) {
            p++;
        }
    }
    buf_clear(&r->text);
    rc = buf_append(&r->text, r->p, (size_t)(p - r->p));
    r->p = p;
    return rc != 0 ? fail_nomem(r, e, rc) : 0;
}

static void after_value(struct json_reader *r)
{
    if (r->depth == 0) {
        r->state = STATE_DONE;
    } else {
        r->state = r->objects >> (r->depth - 1) & 1 ? STATE_AFTER_MEMBER : STATE_AFTER_ELEM;
    }
}

static int open_container(struct json_reader *r, bool object, struct err *e)
{
    uint64_t bit;

    if (r->depth == LIMIT_JSON_DEPTH) {
        r->state = STATE_BROKEN;
        r->broken = -ERR_LIMIT;
        return err_at(e, ERR_LIMIT, r->line, r->col, "nested deeper than %d levels",
                      LIMIT_JSON_DEPTH);
    }
    bit = UINT64_C(1) << r->depth++;
    r->objects = object ? r->objects | bit : r->objects & ~bit;
    r->state = object ? STATE_FIRST_KEY : STATE_FIRST_ELEM;
    r->p++;
    return object ? JSON_OBJECT_START : JSON_ARRAY_START;
}

static int close_container(struct json_reader *r, enum json_event ev)
{
    assert(r->depth > 0);
    r->p++;
    r->depth--;
    after_value(r);
    return (int)ev;
}

static int read_word(struct json_reader *r, const char *word, enum json_event ev, struct err *e)
{
    size_t n = strlen(word);

    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) {
        return fail_at_char(r, e, "a value");
    }
    r->p += n;
    after_value(r);
    return (int)ev;
}

static int read_value(struct json_reader *r, struct err *e)
{
    int rc;

    if (r->p == r->end) {
        return fail_at_char(r, e, "a value");
    }
    switch (*r->p) {
    case '{':
        return open_container(r, true, e);
    case '[':
        return open_container(r, false, e);
    case '"':
        rc = read_string(r, e);
        if (rc == 0) {
            after_value(r);
        }
        return rc != 0 ? rc : JSON_STRING;
    case 't':
        return read_word(r, "true", JSON_TRUE, e);
    case 'f':
        return read_word(r, "false", JSON_FALSE, e);
    case 'n':
        return read_word(r, "null", JSON_NULL, e);
    default:
        break;
    }
    if (*r->p != '-' && !is_digit(r, r->p)) {
        return fail_at_char(r, e, "a value");
    }
    rc = read_number(r, e);
    if (rc == 0) {
        after_value(r);
    }
    return rc != 0 ? rc : JSON_NUMBER;
}

static int read_key(struct json_reader *r, const char *expected, struct err *e)
{
    int rc;

    if (r->p == r->end || *r->p != '"') {
        return fail_at_char(r, e, expected);
    }
    rc = read_string(r, e);
    if (rc == 0) {
        r->state = STATE_COLON;
    }
    return rc != 0 ? rc : JSON_KEY;
}

/* Passes the separators, so that r->p is where the next event begins; -1 when an error was set. */
static int skip_separator(struct json_reader *r, struct err *e)
{
    skip_space(r);
    if (r->state == STATE_COLON) {
        if (r->p == r->end || *r->p != ':') {
            return fail_at_char(r, e, "':'");
        }
        r->state = STATE_VALUE;
    } else if (r->state == STATE_AFTER_ELEM && r->p < r->end && *r->p == ',') {
        r->state = STATE_VALUE;
    } else if (r->state == STATE_AFTER_MEMBER && r->p < r->end && *r->p == ',') {
        r->state = STATE_KEY;
    } else {
        return 0;
    }
    r->p++;
    skip_space(r);
    return 0;
}

static int next_event(struct json_reader *r, struct err *e)
{
    char c = r->p < r->end ? *r->p : '\0';

    switch (r->state) {
    case STATE_VALUE:
        return read_value(r, e);
    case STATE_FIRST_ELEM:
        return c == ']' ? close_container(r, JSON_ARRAY_END) : read_value(r, e);
    case STATE_AFTER_ELEM:
        return c == ']' ? close_container(r, JSON_ARRAY_END) : fail_at_char(r, e, "',' or ']'");
    case STATE_FIRST_KEY:
        return c == '}' ? close_container(r, JSON_OBJECT_END) : read_key(r, "a key or '}'", e);
    case STATE_KEY:
        return read_key(r, "a key", e);
    case STATE_AFTER_MEMBER:
        return c == '}' ? close_container(r, JSON_OBJECT_END) : fail_at_char(r, e, "',' or '}'");
    case STATE_DONE:
        return r->p == r->end ? JSON_END : fail_at_char(r, e, "the end of the document");
    case STATE_COLON:
    case STATE_BROKEN:
        break;
    }
    return err_at(e, (enum err_code) - r->broken, r->line, r->col, "%s", err_text(r->broken));
}

int json_next(struct json_reader *r, const char **ret_text, size_t *ret_len, struct err *e)
{
    int ev = skip_separator(r, e);

    if (ev != 0) {
        return ev;
    }
    if (r->state != STATE_BROKEN) {
        advance(r, r->p);
    }
    ev = next_event(r, e);
    if (ev == JSON_KEY || ev == JSON_STRING || ev == JSON_NUMBER) {
        *ret_text = buf_cstr(&r->text);
        *ret_len = r->text.len;
    }
    return ev;
}
