#include "holder/last_line.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

int last_line_init(struct last_line *l, bool wanted)
{
    *l = (struct last_line){0};
    if (wanted) {
        l->p = mem_alloc(2 * LIMIT_LAST_LINE);
        if (l->p == NULL) {
            return -ERR_NOMEM;
        }
    }
    return 0;
}

void last_line_fini(struct last_line *l)
{
    mem_free(l->p);
    *l = (struct last_line){0};
}

void last_line_clear(struct last_line *l)
{
    l->len = 0;
    l->ended = false;
}

/* Goes on with the line; only the last LIMIT_LAST_LINE bytes need be known. */
static void append(struct last_line *l, const char *p, size_t n)
{
    if (n >= LIMIT_LAST_LINE) {
        memcpy(l->p, p + n - LIMIT_LAST_LINE, LIMIT_LAST_LINE);
        l->len = LIMIT_LAST_LINE;
        return;
    }
    if (l->len + n > 2 * LIMIT_LAST_LINE) {
        size_t old = LIMIT_LAST_LINE - n;

        memmove(l->p, l->p + l->len - old, old);
        l->len = old;
    }
    memcpy(l->p + l->len, p, n);
    l->len += n;
}

void last_line_feed(struct last_line *l, const char *p, size_t n)
{
    const char *newline, *before;

    if (l->p == NULL || n == 0) {
        return;
    }
    if (l->ended) {
        l->len = 0;
        l->ended = false;
    }
    newline = memrchr(p, '\n', n);
    if (newline == NULL) {
        append(l, p, n);
        return;
    }
    if (newline != p + n - 1) {
        l->len = 0;
        append(l, newline + 1, n - (size_t)(newline + 1 - p));
        return;
    }
    before = memrchr(p, '\n', n - 1);
    if (before != NULL) {
        l->len = 0;
        p = before + 1;
    }
    append(l, p, (size_t)(newline - p));
    l->ended = true;
}

const char *last_line_get(const struct last_line *l, size_t *ret_len)
{
    const char *p = l->p;
    size_t n = l->len;

    if (p == NULL) {
        *ret_len = 0;
        return NULL;
    }
    while (n != 0 && strchr(" \t\r\n\v\f", p[n - 1]) != NULL && p[n - 1] != '\0') {
        n--;
    }
    if (n > LIMIT_LAST_LINE) {
        p += n - LIMIT_LAST_LINE;
        n = LIMIT_LAST_LINE;
        while (n != 0 && ((unsigned char)*p & 0xc0) == 0x80) {
            p++;
            n--;
        }
    }
    *ret_len = n;
    return p;
}
