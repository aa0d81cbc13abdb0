#include "store/sqlite/read.h"

#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

int reader_init(struct reader *r, struct store *s, enum sql_stmt_id id, struct arena *a,
                struct err *e)
{
    int rc;

    *r = (struct reader){.s = sql_store(s), .a = a, .e = e};
    rc = sql_stmt(r->s, id, &r->st, e);
    r->b = (struct binder){.st = r->st};
    return rc;
}

const char *read_text(struct reader *r, int column)
{
    const char *text;
    char *copy;

    if (sqlite3_column_type(r->st, column) == SQLITE_NULL) {
        return NULL;
    }
    text = (const char *)sqlite3_column_text(r->st, column);
    copy = text != NULL ? arena_strndup(r->a, text, (size_t)sqlite3_column_bytes(r->st, column))
                        : NULL;
    if (copy == NULL) {
        r->rc = -ERR_NOMEM;
    }
    return copy;
}

static int fail(struct reader *r, int rc)
{
    if (rc == -ERR_NOMEM || r->rc != 0 || r->b.rc != SQLITE_OK) {
        return err_set(r->e, ERR_NOMEM, "store: out of memory");
    }
    return rc;
}

int read_all(struct reader *r, read_row_fn *fn, size_t size, void **ret, size_t *ret_len)
{
    MEM_CLEANUP char *rows = NULL;
    size_t len = 0, cap = 0;
    void *out = NULL;
    int rc = r->b.rc == SQLITE_OK ? 0 : -ERR_NOMEM;
    int step = SQLITE_DONE;

    while (rc == 0 && (step = sqlite3_step(r->st)) == SQLITE_ROW) {
        if (len == cap) {
            void *p = rows;

            rc = mem_grow(&p, &cap, len + 1, size);
            rows = p;
        }
        if (rc == 0) {
            memset(rows + len * size, 0, size);
            rc = fn(r, rows + len * size);
            len++;
        }
    }
    if (rc == 0 && step != SQLITE_DONE) {
        rc = sql_err(r->s->db, step, r->e, "store");
    }
    (void)sqlite3_reset(r->st);
    if (rc == 0 && len > 0) {
        out = arena_array(r->a, len, size);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    if (rc != 0) {
        return fail(r, rc);
    }
    if (len > 0) {
        memcpy(out, rows, len * size);
    }
    *ret = out;
    *ret_len = len;
    return 0;
}

int read_one(struct reader *r, read_row_fn *fn, void *to, const char *missing, ...)
{
    int rc = r->b.rc == SQLITE_OK ? 0 : -ERR_NOMEM;
    int step;
    va_list ap;

    if (rc == 0) {
        step = sqlite3_step(r->st);
        if (step == SQLITE_ROW) {
            rc = fn(r, to);
        } else if (step == SQLITE_DONE) {
            va_start(ap, missing);
            rc = err_setv(r->e, ERR_NOTFOUND, missing, ap);
            va_end(ap);
        } else {
            rc = sql_err(r->s->db, step, r->e, "store");
        }
    }
    (void)sqlite3_reset(r->st);
    return rc == -ERR_NOTFOUND ? rc : fail(r, rc);
}

void sql_put_list(struct binder *b, const int64_t *list, size_t n)
{
    struct buf text BUF_CLEANUP;

    buf_init(&text, MiB(16));
    (void)buf_char(&text, '[');
    for (size_t i = 0; i < n; i++) {
        (void)buf_printf(&text, "%s%lld", i != 0 ? "," : "", (long long)list[i]);
    }
    (void)buf_char(&text, ']');
    b->rc |= buf_status(&text) == 0
                 ? sqlite3_bind_text(b->st, ++b->i, buf_cstr(&text), -1, SQLITE_TRANSIENT)
                 : SQLITE_NOMEM;
}
