#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->status = 0;
    if (b->p != NULL) {
        b->p[0] = '\0';
    }
}

int buf_reserve(struct buf *b, size_t more)
{
    size_t need, cap;
    char *p;

    if (b->status != 0) {
        return b->status;
    }
    if (more > b->max - b->len) {
        return b->status = -ERR_LIMIT;
    }
    need = b->len + more + 1;
    if (need <= b->cap) {
        return 0;
    }
    cap = b->cap < 64 ? 64 : b->cap * 2;
    if (cap < need) {
        cap = need;
    }
    p = mem_realloc(b->p, cap);
    if (p == NULL) {
        return b->status = -ERR_NOMEM;
    }
    b->p = p;
    b->cap = cap;
    b->p[b->len] = '\0';
    return 0;
}

int buf_append(struct buf *b, const void *p, size_t n)
{
    int rc = buf_reserve(b, n);

    if (rc == 0 && n != 0) {
        memcpy(b->p + b->len, p, n);
        b->len += n;
        b->p[b->len] = '\0';
    }
    return rc;
}

int buf_str(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

int buf_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    size_t room = b->cap - b->len;
    va_list again;
    int n, rc;

    if (b->status != 0) {
        return b->status;
    }
    va_copy(again, ap);
    n = vsnprintf(room != 0 ? b->p + b->len : NULL, room, fmt, again);
    va_end(again);
    if (n < 0) {
        rc = b->status = -ERR_LIMIT;
    } else {
        rc = buf_reserve(b, (size_t)n);
    }
    if (rc == 0) {
        if ((size_t)n >= room) {
            (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
        }
        b->len += (size_t)n;
    } else if (room != 0) {
        b->p[b->len] = '\0';
    }
    return rc;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        n = b->len;
    }
    if (n != 0) {
        memmove(b->p, b->p + n, b->len - n + 1);
        b->len -= n;
    }
}

char *buf_take(struct buf *b)
{
    char *p = NULL;

    if (b->status == 0 && buf_reserve(b, 0) == 0) {
        p = b->p;
        b->p = NULL;
    }
    buf_fini(b);
    return p;
}
