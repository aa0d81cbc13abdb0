/* Signatures of messages under a secret that both sides know. */
#ifndef TW_SECRET_SIGN_H
#define TW_SECRET_SIGN_H

#include <stddef.h>

#define SIGN_TEXT_MAX 64 /* of secret_sign_webhook, with its NUL */

/*
 * The signature of Standard Webhooks (https://www.standardwebhooks.com): "v1," and the base64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY". A
 * secret that begins with "whsec_" is base64 behind that; any other is taken as its bytes. -ERR_INVALID: no base64.
 */
int secret_sign_webhook(const char *secret, const char *id, long long timestamp, const void *body,
                        size_t n, char ret[static SIGN_TEXT_MAX]);

#endif
