/*
 * Passwords asked for and made. Looking at one takes tens of milliseconds and PASSWORD_MEMORY: on a thread beside the loop, SIGNIN_AT_ONCE at a
 * time of all threads together; of one thread SIGNIN_WAITING wait at most, more are answered 503. A wrong user, a wrong password and
 * a disabled user are one answer, after the same work.
 */
#ifndef TW_SERVER_SIGNIN_H
#define TW_SERVER_SIGNIN_H

#include "access/account.h"
#include "access/password.h"

struct call;
struct err;

#define SIGNIN_AT_ONCE 2
#define SIGNIN_WAITING 16

/* SUSPENDS. The user whose password this is, in the call's arena. An error: the answer is set (401, 429, 503 ...), with *e. */
int signin_check(struct call *c, const char *user, const char *password, struct account *ret,
                 struct err *e);
/* SUSPENDS. -ERR_BUSY: too many at once. */
int signin_hash(struct call *c, const char *password, char ret[PASSWORD_HASH], struct err *e);

#endif
