/* The border to tradewind-rsa.so, which alone links OpenSSL's libcrypto: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), which "RS256" is. */
#ifndef TW_SERVER_RSA_MODULE_H
#define TW_SERVER_RSA_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#define RSA_MODULE_VERSION 1
#define RSA_MODULE_FILE    "tradewind-rsa.so"
#define RSA_MODULE_SYMBOL  "tradewind_rsa_module"
#define RSA_BITS_MIN       2048
#define RSA_BITS_MAX       8192

struct rsa_module {
    int version;
    /* Modulus and exponent as unsigned big-endian numbers. false also for keys that are too small or too large. */
    bool (*verify)(const unsigned char *n, size_t n_len, const unsigned char *e, size_t e_len,
                   const void *text, size_t text_len, const unsigned char *signature,
                   size_t signature_len);
};

#endif
