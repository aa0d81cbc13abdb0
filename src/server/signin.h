/*
 * Passwords asked for and made. Looking at one takes tens of milliseconds and PASSWORD_MEMORY: on a thread beside the loop, SIGNIN_AT_ONCE at a
 * time of all threads together; of one thread SIGNIN_WAITING wait at most, more are answered 503. A wrong user, a wrong password and
 * a disabled user are one answer, after the same work.
 */
#ifndef TW_SERVER_SIGNIN_H
#define TW_SERVER_SIGNIN_H

#include "access/account.h"
#include "access/password.h"
#include <stdbool.h>

struct call;
struct err;

#define SIGNIN_AT_ONCE 2
#define SIGNIN_WAITING 16

/* SUSPENDS. The user whose password this is, in the call's arena. An error: the answer is set (401, 429, 503 ...), with *e. */
int signin_check(struct call *c, const char *user, const char *password, struct account *ret,
                 struct err *e);
/* SUSPENDS. -ERR_BUSY: too many at once. */
int signin_hash(struct call *c, const char *password, char ret[PASSWORD_HASH], struct err *e);

/* api_auth.c: SUSPENDS. A session of the user from now on: the cookie is set, *ret_csrf is in the arena. */
int api_open_session(struct call *c, const struct account *u, const char **ret_csrf, struct err *e);
/* A place of this server: nothing that a browser takes for another site. NULL is none. */
bool api_is_ours(const char *next);
/* Adds "name=value", escaped, to an address that has its '?', or to the body of a form. */
struct buf;
void api_add_query(struct buf *b, const char *name, const char *value);

#endif
