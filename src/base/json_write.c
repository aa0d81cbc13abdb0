/* The JSON writer. It never fails by itself: the buffer's sticky status tells at the end. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"

void json_writer_init(struct json_writer *w, struct buf *out, int indent)
{
    *w = (struct json_writer){.out = out, .indent = indent};
}

static void new_line(struct json_writer *w)
{
    if (w->indent > 0) {
        (void)buf_printf(w->out, "\n%*s", w->indent * w->depth, "");
    }
}

/* What stands between this value or key and the one before. */
static void begin(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0) {
        return;
    }
    if (w->nonempty >> (w->depth - 1) & 1) {
        (void)buf_char(w->out, ',');
    }
    w->nonempty |= UINT64_C(1) << (w->depth - 1);
    new_line(w);
}

static void open_level(struct json_writer *w, char c)
{
    begin(w);
    (void)buf_char(w->out, c);
    assert(w->depth < 64);
    w->nonempty &= ~(UINT64_C(1) << w->depth);
    w->depth++;
}

static void close_level(struct json_writer *w, char c)
{
    bool nonempty;

    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    nonempty = w->nonempty >> w->depth & 1;
    if (nonempty) {
        new_line(w);
    }
    (void)buf_char(w->out, c);
}

void json_object(struct json_writer *w)
{
    open_level(w, '{');
}

void json_object_end(struct json_writer *w)
{
    close_level(w, '}');
}

void json_array(struct json_writer *w)
{
    open_level(w, '[');
}

void json_array_end(struct json_writer *w)
{
    close_level(w, ']');
}

static void write_escaped(struct buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = c != '\0' ? strchr(from, c) : NULL;

    if (found != NULL) {
        char two[2] = {'\\', to[found - from]};

        (void)buf_append(out, two, 2);
    } else {
        (void)buf_printf(out, "\\u%04x", c);
    }
}

/* Nearly all that is written: printable ASCII without quotes. */
static bool is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((signed char)s[i] < 0x20 || s[i] == 0x7f || s[i] == '"' || s[i] == '\\') {
            return false;
        }
    }
    return true;
}

static void write_string(struct buf *out, const char *s, size_t n)
{
    size_t run = 0, i = 0;

    if (is_plain(s, n)) {
        if (buf_reserve(out, n + 2) == 0) {
            char *p = out->p + out->len;

            *p++ = '"';
            p = n != 0 ? (char *)memcpy(p, s, n) + n : p;
            memcpy(p, "\"", 2);
            out->len += n + 2;
        }
        return;
    }
    (void)buf_char(out, '"');
    while (i < n) {
        unsigned char c = (unsigned char)s[i];
        size_t len = utf8_char_len(s + i, n - i);

        if (len != 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += len;
            continue;
        }
        (void)buf_append(out, s + run, i - run);
        if (len == 0) {
            (void)buf_str(out, "\xef\xbf\xbd"); /* U+FFFD: what is no UTF-8 stays visible */
        } else {
            write_escaped(out, c);
        }
        run = ++i;
    }
    if (n != 0) {
        (void)buf_append(out, s + run, i - run);
    }
    (void)buf_char(out, '"');
}

void json_key(struct json_writer *w, const char *key)
{
    assert(!w->after_key);
    begin(w);
    write_string(w->out, key, strlen(key));
    (void)buf_str(w->out, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

void json_string_n(struct json_writer *w, const char *s, size_t n)
{
    begin(w);
    write_string(w->out, s, n);
}

void json_string(struct json_writer *w, const char *s)
{
    if (s == NULL) {
        json_null(w);
    } else {
        json_string_n(w, s, strlen(s));
    }
}

void json_int(struct json_writer *w, int64_t n)
{
    char text[24], *p = text + sizeof text;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    begin(w);
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (n < 0) {
        *--p = '-';
    }
    (void)buf_append(w->out, p, (size_t)(text + sizeof text - p));
}

void json_double(struct json_writer *w, double d)
{
    char text[40];

    if (!isfinite(d)) {
        json_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d) { /* the program never leaves the C locale */
            break;
        }
    }
    begin(w);
    (void)buf_str(w->out, text);
}

void json_raw(struct json_writer *w, const char *text, size_t n)
{
    begin(w);
    (void)buf_append(w->out, text, n);
}

void json_bool(struct json_writer *w, bool b)
{
    begin(w);
    (void)buf_str(w->out, b ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    begin(w);
    (void)buf_str(w->out, "null");
}

/* ---- trees ---- */

/* One level of a walk: containers are walked without recursion, at most 64 deep (the depth of the
 * writer). */
struct level {
    const struct value *v;
    size_t next;
};

static void write_scalar(struct json_writer *w, const struct value *v)
{
    switch (v->kind) {
    case VALUE_BOOL:
        json_bool(w, v->boolean);
        break;
    case VALUE_NUMBER:
        json_raw(w, v->text, v->len);
        break;
    case VALUE_STRING:
        json_string_n(w, v->text, v->len);
        break;
    default:
        json_null(w);
        break;
    }
}

static void write_key_n(struct json_writer *w, const struct value_key *k)
{
    begin(w);
    write_string(w->out, k->text, k->len);
    (void)buf_str(w->out, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

void json_value(struct json_writer *w, const struct value *v)
{
    struct level stack[64];
    int depth = 0;

    for (;;) {
        if (v == NULL) {
            json_null(w);
        } else if (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) {
            if (w->depth >= 64) { /* made by a program, not read: deeper than any document can be */
                w->out->status = w->out->status != 0 ? w->out->status : -ERR_LIMIT;
                return;
            }
            open_level(w, v->kind == VALUE_ARRAY ? '[' : '{');
            stack[depth++] = (struct level){v, 0};
        } else {
            write_scalar(w, v);
        }
        while (depth > 0 && stack[depth - 1].next == stack[depth - 1].v->len) {
            close_level(w, stack[--depth].v->kind == VALUE_ARRAY ? ']' : '}');
        }
        if (depth == 0) {
            return;
        }
        v = stack[depth - 1].v;
        if (v->kind == VALUE_OBJECT) {
            write_key_n(w, &v->keys[stack[depth - 1].next]);
        }
        v = v->elems[stack[depth - 1].next++];
    }
}
