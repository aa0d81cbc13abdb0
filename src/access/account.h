/*
 * Users, their sessions, and tokens, as the store keeps them: settings of the kinds "user" (by name), "session" and "token" (by the id of the
 * credential), each a JSON object. Parsed ones live in the caller's arena and borrow nothing of the input.
 */
#ifndef TW_ACCESS_ACCOUNT_H
#define TW_ACCESS_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/role.h"

struct arena;
struct err;
struct json_writer;
struct value;

#define ACCOUNT_NAME_MAX 128 /* bytes of a user's name, without the NUL */
#define ACCOUNT_TAGS_MAX 100

struct account {
    const char *name;
    const char *hash; /* of the password; NULL: nobody signs in with one */
    const char *email, *first_name, *last_name;
    const char *issuer, *subject; /* who it is elsewhere (OpenID Connect); both or none */
    enum role role;
    int64_t epoch;       /* grows with each password: sessions of another epoch are over */
    bool first_password; /* it was chosen by another: to be changed before anything else */
    bool disabled;
    const struct value *read_tags, *write_tags; /* NULL: all DAGs. Else those with one of them */
    int64_t created_us, password_us, login_us;  /* the last two may be TIME_NONE */
};

struct account_session {
    const char *user, *peer, *agent;
    int64_t epoch, created_us, seen_us, expires_us;
};

struct account_token {
    const char *id;   /* the first digits of its credential's id */
    const char *user; /* whose: it may never more than the user. NULL: nobody's */
    const char *name;
    enum role role;
    const struct value *read_tags, *write_tags;
    int64_t epoch; /* of a sign-in: over with the password. 0: made by hand, and outlives it */
    int64_t created_us, expires_us, used_us; /* the last two may be TIME_NONE */
};

/* -ERR_CORRUPT: it is no such row. */
int account_parse(const char *name, const void *p, size_t n, struct arena *a, struct account *ret,
                  struct err *e);
int account_session_parse(const void *p, size_t n, struct arena *a, struct account_session *ret,
                          struct err *e);
int account_token_parse(const char *credential_id, const void *p, size_t n, struct arena *a,
                        struct account_token *ret, struct err *e);
/* What the store keeps: whole objects. */
void account_write(struct json_writer *w, const struct account *u);
void account_session_write(struct json_writer *w, const struct account_session *s);
void account_token_write(struct json_writer *w, const struct account_token *t);
/* What people see, in answers and in the audit trail: no hash. */
void account_show(struct json_writer *w, const struct account *u);
void account_token_show(struct json_writer *w, const struct account_token *t);

/* Letters, digits and . _ - @ +, up to ACCOUNT_NAME_MAX; not as a token or the command line call themselves. -ERR_INVALID */
int account_name_may_be(const char *name, struct err *e);
/* A list of tags from outside: NULL and JSON's null are no limit. -ERR_INVALID */
int account_tags_of(const struct value *v, const struct value **ret, struct err *e);
/* Does one of the tags stand in the limit? NULL: always. */
bool account_tags_allow(const struct value *limit, const char *const *tags, size_t n);

#endif
