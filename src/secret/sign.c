/* Signatures of messages: HMAC-SHA256 by libsodium. */
#include "secret/sign.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define PREFIX  "whsec_"
#define KEY_MAX 512

static int key_of(const char *secret, unsigned char *key, size_t *ret_len)
{
    size_t n = strlen(secret), at = sizeof PREFIX - 1;

    if (n > at && memcmp(secret, PREFIX, at) == 0) {
        return sodium_base642bin(key, KEY_MAX, secret + at, n - at, "=", ret_len, NULL,
                                 sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0
                   ? 0
                   : -ERR_INVALID;
    }
    if (n > KEY_MAX) {
        return -ERR_INVALID;
    }
    memcpy(key, secret, n);
    *ret_len = n;
    return 0;
}

int secret_sign_webhook(const char *secret, const char *id, long long timestamp, const void *body,
                        size_t n, char ret[static SIGN_TEXT_MAX])
{
    unsigned char key[KEY_MAX], mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state st;
    char head[128];
    size_t key_len;
    int len = snprintf(head, sizeof head, "%s.%lld.", id, timestamp), rc;

    if (len < 0 || len >= (int)sizeof head) {
        return -ERR_INVALID;
    }
    rc = key_of(secret, key, &key_len);
    if (rc == 0) {
        (void)crypto_auth_hmacsha256_init(&st, key, key_len);
        (void)crypto_auth_hmacsha256_update(&st, (const unsigned char *)head, (size_t)len);
        (void)crypto_auth_hmacsha256_update(&st, body, n);
        (void)crypto_auth_hmacsha256_final(&st, mac);
        memcpy(ret, "v1,", 3);
        (void)sodium_bin2base64(ret + 3, SIGN_TEXT_MAX - 3, mac, sizeof mac,
                                sodium_base64_VARIANT_ORIGINAL);
    }
    sodium_memzero(key, sizeof key);
    return rc;
}
