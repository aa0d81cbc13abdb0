/* Running one query: rows into the caller's arena. */
#ifndef TW_STORE_SQLITE_READ_H
#define TW_STORE_SQLITE_READ_H

#include "store/sqlite/bind.h"
#include "store/sqlite/priv.h"

struct reader {
    struct sql_store *s;
    sqlite3_stmt *st;
    struct binder b; /* of st */
    struct arena *a;
    struct err *e;
    int rc; /* of reading a row: 0 or -ERR_NOMEM */
};

/* Fills one row (zeroed) from the statement's present one. */
typedef int read_row_fn(struct reader *r, void *to);

int reader_init(struct reader *r, struct store *s, enum sql_stmt_id id, struct arena *a,
                struct err *e);
/* A text column in the arena, with its NUL; NULL for NULL. Failure goes into r->rc. */
const char *read_text(struct reader *r, int column);
/* All rows, as one array in the arena. The statement is reset. */
int read_all(struct reader *r, read_row_fn *fn, size_t size, void **ret, size_t *ret_len);
/* The first row into *to, or -ERR_NOTFOUND with a text. The statement is reset. */
int read_one(struct reader *r, read_row_fn *fn, void *to, const char *missing, ...)
    __attribute__((format(printf, 4, 5)));

read_row_fn sql_read_run; /* of SQL_RUN_COLUMNS */

/* For IN (SELECT value FROM json_each(?)): a JSON array, which SQLite copies. */
void sql_put_list(struct binder *b, const int64_t *list, size_t n);

/* LIMIT: 0 is none. */
static inline void put_limit(struct binder *b, size_t limit)
{
    put_int(b, limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit);
}

#endif
