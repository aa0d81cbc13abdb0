#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#undef err_set /* the analyzer's view of them */
#undef err_errno
#undef err_prefix

struct err_info {
    const char *name, *text;
    int retryable, http, exit_code;
};

static const struct err_info infos[ERR_MAX_] = {
    [ERR_OK] = {"OK", "no error", 0, 200, 0},
#define X(n, t, r, h, x) [ERR_##n] = {#n, t, r, h, x},
#include "base/err.def"
#undef X
};

static const struct err_info *info(int code)
{
    if (code < 0) {
        code = -code;
    }
    return &infos[code < ERR_MAX_ ? code : ERR_FAILED];
}

int err_setv(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
    if (e != NULL) {
        e->code = -(int)code;
        e->line = 0;
        e->col = 0;
        (void)vsnprintf(e->text, sizeof e->text, fmt, ap);
    }
    return -(int)code;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)err_setv(e, code, fmt, ap);
    va_end(ap);
    return -(int)code;
}

int err_at(struct err *e, enum err_code code, int line, int col, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)err_setv(e, code, fmt, ap);
    va_end(ap);
    if (e != NULL) {
        e->line = line;
        e->col = col;
    }
    return -(int)code;
}

static enum err_code from_errno(int errnum)
{
    switch (errnum) {
    case ENOMEM:
        return ERR_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_PERM;
    case ENOENT:
        return ERR_NOTFOUND;
    case EEXIST:
        return ERR_EXISTS;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EAGAIN:
    case EBUSY:
        return ERR_BUSY;
    case ECANCELED:
        return ERR_CANCELED;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
        return ERR_CLOSED;
    case EINVAL:
        return ERR_INVALID;
    default:
        return ERR_IO;
    }
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    enum err_code code = from_errno(errnum);
    size_t n;
    va_list ap;

    if (e == NULL) {
        return -(int)code;
    }
    va_start(ap, fmt);
    (void)err_setv(e, code, fmt, ap);
    va_end(ap);
    n = strlen(e->text);
    (void)snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(errnum));
    return -(int)code;
}

int err_prefix(struct err *e, int rc, const char *fmt, ...)
{
    char old[ERR_TEXT_MAX];
    size_t n;
    va_list ap;

    if (e == NULL || rc == 0) {
        return rc;
    }
    memcpy(old, err_str(e), strlen(err_str(e)) + 1);
    va_start(ap, fmt);
    (void)vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    n = strlen(e->text);
    (void)snprintf(e->text + n, sizeof e->text - n, ": %s", old);
    e->code = rc;
    return rc;
}

const char *err_name(int code)
{
    return info(code)->name;
}

const char *err_text(int code)
{
    return info(code)->text;
}

bool err_retryable(int code)
{
    return info(code)->retryable != 0;
}

int err_http_status(int code)
{
    return info(code)->http;
}

int err_exit_code(int code)
{
    return info(code)->exit_code;
}

const char *err_str(const struct err *e)
{
    return e->text[0] != '\0' ? e->text : err_text(e->code);
}
