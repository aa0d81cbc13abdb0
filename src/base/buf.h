/*
 * A growing byte buffer with a maximum. The first failure sticks: later appends do nothing and return the same error,
 * so that a writer may check once at the end (buf_status). The bytes are always followed by a NUL that does not count.
 */
#ifndef TW_BASE_BUF_H
#define TW_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *p;         /* owned; NULL while empty */
    size_t len, cap; /* bytes */
    size_t max;      /* limit of len */
    int status;      /* 0, -ERR_NOMEM or -ERR_LIMIT; sticky */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* len = 0, status = 0; keeps the memory */
int buf_append(struct buf *b, const void *p, size_t n);
int buf_str(struct buf *b, const char *s);
int buf_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap);
int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes at b->p + b->len */
void buf_consume(struct buf *b, size_t n);   /* drops the first n bytes */
char *
buf_take(struct buf *b); /* hands the NUL-terminated bytes over; mem_free them; NULL if failed */
static inline int buf_status(const struct buf *b)
{
    return b->status;
}
/* The bytes as a string, "" while empty; valid until the next change. */
static inline const char *buf_cstr(const struct buf *b)
{
    return b->p != NULL ? b->p : "";
}
#define BUF_CLEANUP __attribute__((cleanup(buf_fini)))

#endif
