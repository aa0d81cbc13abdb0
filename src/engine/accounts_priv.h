/* What accounts.c (users) and accounts_credentials.c (sessions and tokens) share. */
#ifndef TW_ENGINE_ACCOUNTS_PRIV_H
#define TW_ENGINE_ACCOUNTS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "store/store.h"

struct account;
struct arena;
struct err;
struct json_writer;
struct value;

#define ACCOUNTS_USER    "user"
#define ACCOUNTS_SESSION "session"
#define ACCOUNTS_TOKEN   "token"

struct accounts_call {
    struct store *s;
    const struct value *rq;
    int64_t now_us;
    struct arena *a;
    struct json_writer *w;
    struct err *e;
    /* The change that is made. */
    struct setting_row rows[LIMIT_ACCOUNT_CHANGE];
    size_t rows_len;
};

/* Members of the request; an empty text is none. */
const char *accounts_text_of(const struct accounts_call *q, const char *name);
bool accounts_flag_of(const struct accounts_call *q, const char *name);
int64_t accounts_int_of(const struct accounts_call *q, const char *name, int64_t dflt);
int accounts_name_of(struct accounts_call *q, const char *member,
                     const char **ret); /* must be there */
int accounts_no_memory(struct accounts_call *q);
void accounts_put_found(struct accounts_call *q, bool found);

/* A row of the change. value NULL: it goes. version: as of setting_row. */
int accounts_add_row(struct accounts_call *q, const char *kind, const char *name, const char *value,
                     int64_t version);
/* An object as text in the arena. NULL: out of memory, or too large. */
typedef void (*accounts_write_fn)(struct json_writer *w, const void *p);
const char *accounts_as_text(struct accounts_call *q, accounts_write_fn fn, const void *p);
/* The same for such a text: NULL is -ERR_LIMIT. */
int accounts_put_row(struct accounts_call *q, const char *kind, const char *name, const char *value,
                     int64_t version);
/* The rows, with a row of the audit trail. action NULL: no trace is left of it. */
int accounts_commit(struct accounts_call *q, const char *action, const char *subject,
                    const char *before, const char *after);
/* *ret_version 0: there is none. */
int accounts_find_user(struct accounts_call *q, const char *name, struct account *ret,
                       int64_t *ret_version);

/* accounts_credentials.c: removes what is a user's, as far as there is room in the change: *ret_more. */
int accounts_drop_of(struct accounts_call *q, const char *kind, const char *user, bool *ret_more);
int accounts_session_add(struct accounts_call *q);
int accounts_session_touch(struct accounts_call *q);
int accounts_session_delete(struct accounts_call *q);
int accounts_token_add(struct accounts_call *q);
int accounts_token_touch(struct accounts_call *q);
int accounts_token_delete(struct accounts_call *q);
int accounts_token_list(struct accounts_call *q);

#endif
