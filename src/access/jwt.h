/*
 * JSON Web Tokens as an OpenID provider signs them: RFC 7519 in the compact form of RFC 7515, and what OpenID Connect Core 1.0, 3.1.3.7,
 * has a client check. Pure; the signature itself is checked elsewhere (server/rsa_module.h).
 */
#ifndef TW_ACCESS_JWT_H
#define TW_ACCESS_JWT_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct value;

#define JWT_MAX    65536 /* bytes of a token */
#define JWT_SKEW_S 60    /* clocks differ by so much */

struct jwt {
    const struct value *header, *claims; /* objects, in the arena */
    const char *signed_text;             /* borrowed of the token */
    size_t signed_len;
    const unsigned char *signature; /* in the arena */
    size_t signature_len;
};

/* -ERR_INVALID: no such token. Nothing of it may be believed yet. */
int jwt_parse(const char *text, struct arena *a, struct jwt *ret, struct err *e);
/* The algorithm must be RS256: what a token says of itself chooses nothing. *ret_kid: which key, or NULL. */
int jwt_check_algorithm(const struct jwt *t, const char **ret_kid, struct err *e);
/* iss, aud, azp, exp, iat, nbf, nonce, sub. -ERR_PERM with what is wrong. */
int jwt_check_claims(const struct jwt *t, const char *issuer, const char *client_id,
                     const char *nonce, int64_t now_s, struct err *e);
/* base64url without padding. *ret in the arena. */
int jwt_decode(const char *text, size_t n, struct arena *a, unsigned char **ret, size_t *ret_len,
               struct err *e);

#endif
