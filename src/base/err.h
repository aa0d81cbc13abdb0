/*
 * Errors are values. A function returns 0 or a negative code from err.def; the detail, when the caller wants one, goes
 * into a struct err that the caller owns. Lower layers never log and never exit.
 */
#ifndef TW_BASE_ERR_H
#define TW_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum err_code {
    ERR_OK = 0,
#define X(name, text, retryable, http, exit) ERR_##name,
#include "base/err.def"
#undef X
    ERR_MAX_
};

#define ERR_TEXT_MAX 1024

/* The detail of one error. line and col count from 1; 0 means that there is no position. */
struct err {
    int code; /* -ERR_x, or 0 */
    int line, col;
    char text[ERR_TEXT_MAX];
};

/* Sets *e (may be NULL) and returns -code, so that `return err_set(e, ERR_IO, "...")` reads as one step. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_setv(struct err *e, enum err_code code, const char *fmt, va_list ap);
/* As err_set, with a position in the input. */
int err_at(struct err *e, enum err_code code, int line, int col, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Sets *e from a system errno value: ENOMEM, ENOSPC, EACCES ... map to their codes; the text ends in strerror. */
int err_errno(struct err *e, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts `prefix: ` before the text of *e; keeps the code. Returns e->code. e may be NULL. */
int err_prefix(struct err *e, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* All take a code of either sign. */
const char *err_name(int code); /* "NOMEM" */
const char *err_text(int code); /* "out of memory" */
bool err_retryable(int code);
int err_http_status(int code);
int err_exit_code(int code);
/* The detail text if there is one, else the code's own text. Never NULL. */
const char *err_str(const struct err *e);

#ifdef __clang_analyzer__
/* It does not look into err.c: that these never return 0 is what every path after an error rests on. */
#define err_set(e, code, ...)  ((void)(err_set)(e, code, __VA_ARGS__), -(int)(code))
#define err_errno(e, n, ...)   ((void)(err_errno)(e, n, __VA_ARGS__), -(int)ERR_IO)
#define err_prefix(e, rc, ...) ((void)(err_prefix)(e, rc, __VA_ARGS__), (rc))
#endif

#endif
