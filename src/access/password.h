/* Passwords: Argon2id, with its parameters in the hash. Hashing blocks for some tens of milliseconds and takes PASSWORD_MEMORY: not on a loop. */
#ifndef TW_ACCESS_PASSWORD_H
#define TW_ACCESS_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* More than OWASP's least for Argon2id (19 MiB, 2 passes). Kept small enough that sign-ins do not need more memory than all else here. */
#define PASSWORD_MEMORY ((size_t)32 << 20)
#define PASSWORD_PASSES 3
#define PASSWORD_HASH   128 /* bytes, with the NUL */
#define PASSWORD_MIN    10  /* bytes of a password */
#define PASSWORD_MAX    1024
#define PASSWORD_MADE   28 /* bytes of a made one, with the NUL */

/* Is it one that may be chosen? -ERR_INVALID with why not. */
int password_may_be(const char *user, const char *password, struct err *e);
/* Blocks. -ERR_NOMEM */
int password_hash(const char *password, char ret[PASSWORD_HASH], struct err *e);
/* Blocks. hash NULL: there is no such user; takes the same time, and is false. */
bool password_matches(const char *hash, const char *password);
/* The hash of no password, with the parameters of today: what somebody who does not exist is checked against. */
const char *password_nobody(void);
/* It was made with less than is asked for today: to be made anew when the password is known. */
bool password_is_outdated(const char *hash);
/* A hash in our form; whoever gives another one gives no password. */
bool password_is_hash(const char *text);
/* 120 bits in letters and digits that are not taken for each other, in groups: "xkfd-..." */
void password_make(char ret[PASSWORD_MADE]);

#endif
