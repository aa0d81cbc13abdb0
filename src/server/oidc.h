/*
 * Sign-in by an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636), ID tokens signed by RS256.
 *
 *   GET /ui/oidc/start --state, nonce, verifier sealed in a cookie--> provider --code--> GET /ui/oidc/callback
 *     state is the cookie's, seen for the first time -> code and verifier for an ID token -> signature -> claims -> user -> session
 *
 * O1  What a token says is looked at only after its signature was checked with a key of the issuer's own address.
 * O2  A callback starts a session only in the browser that began the sign-in (the cookie), once (the ring of states), for its own token
 *     (the nonce), with a code that nobody else can redeem (the verifier).
 * O3  A user is found by issuer and subject, never by a name or an address that the provider's users may choose.
 */
#ifndef TW_SERVER_OIDC_H
#define TW_SERVER_OIDC_H

#include <stddef.h>

struct err;
struct oidc;
struct value;

/* v: the section `oidc` of the configuration. NULL: *ret is NULL. -ERR_INVALID with the place. */
int oidc_new(const struct value *v, const char *home, struct oidc **ret, struct err *e);
void oidc_free(struct oidc *o);              /* NULL is allowed */
const char *oidc_name(const struct oidc *o); /* for people: "Sign in with ..." */

#endif
