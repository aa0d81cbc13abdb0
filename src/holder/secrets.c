#include "holder/secrets.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "holder/mask.h"

/* A derived form shorter than this says too little to be a secret's, and would mask half of the
 * log. */
#define FORM_MIN 6

static int add_form(struct mask *m, struct buf *form, size_t min)
{
    int rc = buf_status(form);

    if (rc == 0 && form->len >= min) {
        rc = mask_add(m, form->p, form->len);
    }
    buf_clear(form);
    return rc;
}

static const char json_short[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                  ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};

static void unicode_escape(struct buf *out, uint32_t c)
{
    if (c > 0xffff) {
        c -= 0x10000;
        (void)buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
    } else {
        (void)buf_printf(out, "\\u%04x", c);
    }
}

/* One character of UTF-8; a byte that is none stands for itself. */
static size_t utf8_take(const unsigned char *p, size_t n, uint32_t *ret)
{
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;

    if (len == 1 || len > n) {
        *ret = p[0];
        return 1;
    }
    *ret = p[0] & (0xff >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        *ret = *ret << 6 | (p[i] & 0x3f);
    }
    return len;
}

enum json_flags { JSON_ASCII = 1, JSON_SLASH = 2 };

static void form_json(struct buf *out, const char *s, size_t n, unsigned flags)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        uint32_t code;
        size_t len = 1;

        if (c < sizeof json_short && json_short[c] != 0) {
            (void)buf_char(out, '\\');
            (void)buf_char(out, json_short[c]);
        } else if (c == '/' && (flags & JSON_SLASH) != 0) {
            (void)buf_str(out, "\\/");
        } else if (c < 0x20 || (c >= 0x80 && (flags & JSON_ASCII) != 0)) {
            len = utf8_take((const unsigned char *)s + i, n - i, &code);
            unicode_escape(out, code);
        } else {
            (void)buf_char(out, (char)c);
        }
        i += len;
    }
}

enum url_flags { URL_PLUS = 1, URL_SLASH = 2, URL_LOWER = 4 };

static void form_url(struct buf *out, const char *s, size_t n, unsigned flags)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~", c) != NULL) ||
                     (c == '/' && (flags & URL_SLASH) != 0);

        if (plain) {
            (void)buf_char(out, (char)c);
        } else if (c == ' ' && (flags & URL_PLUS) != 0) {
            (void)buf_char(out, '+');
        } else {
            (void)buf_printf(out, (flags & URL_LOWER) != 0 ? "%%%02x" : "%%%02X", c);
        }
    }
}

/*
 * Base64 of the secret as it stands inside a longer text, `shift` bytes into a group of three: only
 * those digits that depend on the secret alone.
 */
static void form_base64(struct buf *out, const char *s, size_t n, size_t shift, const char *digits)
{
    size_t first = (shift * 8 + 5) / 6; /* digits before it hold bits of what stands in front */
    size_t last = (shift + n) * 8 / 6;  /* those from here on hold bits of what follows */

    for (size_t d = first; d < last; d++) {
        unsigned value = 0;

        for (size_t bit = d * 6; bit < d * 6 + 6; bit++) {
            unsigned char byte = (unsigned char)s[bit / 8 - shift];

            value = value << 1 | (byte >> (7 - bit % 8) & 1u);
        }
        (void)buf_char(out, digits[value]);
    }
}

static void form_replace(struct buf *out, const char *s, size_t n, char what, const char *with)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == what) {
            (void)buf_str(out, with);
        } else {
            (void)buf_char(out, s[i]);
        }
    }
}

/* As bash's printf %q writes it. */
static void form_backslash(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != 0 && strchr(" \t!\"#$&'()*,;<=>?[\\]^`{|}~", s[i]) != NULL) {
            (void)buf_char(out, '\\');
        }
        (void)buf_char(out, s[i]);
    }
}

/* Inside double quotes, as a shell's trace or a generated script has it. */
static void form_double_quoted(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != 0 && strchr("\"$\\`", s[i]) != NULL) {
            (void)buf_char(out, '\\');
        }
        (void)buf_char(out, s[i]);
    }
}

static int add_escaped(struct mask *m, const char *s, size_t n, struct buf *form)
{
    int rc = 0;

    for (unsigned flags = 0; rc == 0 && flags < 4; flags++) {
        form_json(form, s, n, flags);
        rc = add_form(m, form, 1);
    }
    for (unsigned flags = 0; rc == 0 && flags < 8; flags++) {
        form_url(form, s, n, flags);
        rc = add_form(m, form, 1);
    }
    for (size_t shift = 0; rc == 0 && shift < 3; shift++) {
        form_base64(form, s, n, shift,
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        rc = add_form(m, form, FORM_MIN);
        if (rc == 0) {
            form_base64(form, s, n, shift,
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
            rc = add_form(m, form, FORM_MIN);
        }
    }
    return rc;
}

static int add_quoted(struct mask *m, const char *s, size_t n, struct buf *form)
{
    int rc;

    form_replace(form, s, n, '\'', "'\\''");
    rc = add_form(m, form, 1);
    if (rc == 0) {
        form_replace(form, s, n, '\'', "'\"'\"'");
        rc = add_form(m, form, 1);
    }
    if (rc == 0) {
        form_replace(form, s, n, '\'', "\\'"); /* a C or Python string */
        rc = add_form(m, form, 1);
    }
    if (rc == 0) {
        form_backslash(form, s, n);
        rc = add_form(m, form, 1);
    }
    if (rc == 0) {
        form_double_quoted(form, s, n);
        rc = add_form(m, form, 1);
    }
    return rc;
}

/* A key of several lines is often shown line by line, indented or prefixed. */
static int add_lines(struct mask *m, const char *s, size_t n)
{
    const char *end = s + n;

    if (memchr(s, '\n', n) == NULL) {
        return 0;
    }
    while (s < end) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        size_t len = (size_t)((newline != NULL ? newline : end) - s);

        if (len != 0 && s[len - 1] == '\r') {
            len--;
        }
        if (len >= 8) {
            int rc = mask_add(m, s, len);

            if (rc != 0) {
                return rc;
            }
        }
        s = newline != NULL ? newline + 1 : end;
    }
    return 0;
}

int secrets_add(struct mask *m, const char *secret, size_t n, struct err *e)
{
    struct buf form BUF_CLEANUP = {0};
    int rc;

    buf_init(&form, 8 * LIMIT_SECRET_BYTES);
    if (n == 0) {
        return 0;
    }
    if (n > LIMIT_SECRET_BYTES) {
        return err_set(e, ERR_LIMIT, "a secret of %zu bytes; at most %zu can be masked", n,
                       LIMIT_SECRET_BYTES);
    }
    rc = mask_add(m, secret, n);
    if (rc == 0) {
        rc = add_escaped(m, secret, n, &form);
    }
    if (rc == 0) {
        rc = add_quoted(m, secret, n, &form);
    }
    if (rc == 0) {
        rc = add_lines(m, secret, n);
    }
    if (form.p != NULL) {
        explicit_bzero(form.p, form.cap);
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "no memory to mask a secret");
    }
    return 0;
}
