/*
 * Binding of values to statements, and reading of columns. A binder remembers the first failure
 * (which can only be a lack of memory or a value over SQLite's limit), so that a row's writer
 * checks once.
 */
#ifndef TW_STORE_SQLITE_BIND_H
#define TW_STORE_SQLITE_BIND_H

#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

#include "base/time.h"
#include "model/rows.h"

struct binder {
    sqlite3_stmt *st;
    int i; /* of the last parameter bound */
    int rc;
};

static inline void put_int(struct binder *b, int64_t v)
{
    b->rc |= sqlite3_bind_int64(b->st, ++b->i, v);
}

/* TIME_NONE is NULL. */
static inline void put_time(struct binder *b, int64_t t)
{
    b->i++;
    b->rc |= t == TIME_NONE ? sqlite3_bind_null(b->st, b->i) : sqlite3_bind_int64(b->st, b->i, t);
}

/* Borrowed until the statement was stepped; NULL is NULL. */
static inline void put_text(struct binder *b, const char *s)
{
    b->rc |= sqlite3_bind_text(b->st, ++b->i, s, -1, SQLITE_STATIC);
}

static inline void put_uuid(struct binder *b, const struct uuid *u)
{
    b->i++;
    b->rc |= uuid_is_zero(u) ? sqlite3_bind_null(b->st, b->i)
                             : sqlite3_bind_blob(b->st, b->i, u->b, sizeof u->b, SQLITE_STATIC);
}

static inline void put_key(struct binder *b, const struct ti_key *k)
{
    put_int(b, k->run_key);
    put_int(b, k->task);
    put_int(b, k->map_index);
}

static inline int64_t col_time(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(st, i);
}

static inline struct uuid col_uuid(sqlite3_stmt *st, int i)
{
    struct uuid u = {{0}};
    const void *p = sqlite3_column_blob(st, i);

    if (p != NULL && sqlite3_column_bytes(st, i) == (int)sizeof u.b) {
        memcpy(u.b, p, sizeof u.b);
    }
    return u;
}

static inline struct ti_key col_key(sqlite3_stmt *st, int i)
{
    return (struct ti_key){.run_key = sqlite3_column_int64(st, i),
                           .task = (uint32_t)sqlite3_column_int64(st, i + 1),
                           .map_index = sqlite3_column_int(st, i + 2)};
}

#endif
