/*
 * What somebody proves himself with: 256 random bits as text, behind a prefix that says what it is ("tws_": a session's cookie, "twt_": a
 * token; secret scanners find them by it). The store keeps a hash of it, its id: who reads the store has no credential. A plain hash is
 * enough, there is nothing to guess.
 */
#ifndef TW_ACCESS_CREDENTIAL_H
#define TW_ACCESS_CREDENTIAL_H

#include <stdbool.h>

#define CREDENTIAL_SESSION "tws_"
#define CREDENTIAL_TOKEN   "twt_"
#define CREDENTIAL_TEXT    48 /* bytes, with the NUL */
#define CREDENTIAL_ID      65
#define CREDENTIAL_CSRF    44
#define CREDENTIAL_SHORT   16 /* so many digits of the id name a token for people */

/* sodium_init() was called. prefix: of four bytes. */
void credential_new(const char *prefix, char ret[CREDENTIAL_TEXT]);
/* What has this form: other text is nobody's, and is not looked up. */
bool credential_is(const char *prefix, const char *text);
void credential_id(const char *text, char ret[CREDENTIAL_ID]);
/* Bound to the session: what a page of ours knows, and another site does not. Nothing is to be kept of it. */
void credential_csrf(const char *session, char ret[CREDENTIAL_CSRF]);
/* In time that does not depend on where they differ, nor on their lengths. */
bool credential_same(const char *given, const char *want);

#endif
