/* tradewind-rsa.so: signatures of OpenID providers, by OpenSSL. */
#include "server/rsa_module.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

static EVP_PKEY *public_key(const unsigned char *n, size_t n_len, const unsigned char *e,
                            size_t e_len)
{
    BIGNUM *bn = BN_bin2bn(n, (int)n_len, NULL), *be = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (bn != NULL && be != NULL && b != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be) == 1) {
        params = OSSL_PARAM_BLD_to_param(b);
    }
    if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(bn);
    BN_free(be);
    return key;
}

static bool verify(const unsigned char *n, size_t n_len, const unsigned char *e, size_t e_len,
                   const void *text, size_t text_len, const unsigned char *signature,
                   size_t signature_len)
{
    EVP_PKEY *key = n_len <= RSA_BITS_MAX / 8 + 1 && e_len >= 1 && e_len <= 8
                        ? public_key(n, n_len, e, e_len)
                        : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL;
    bool good = key != NULL && ctx != NULL && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
                EVP_DigestVerifyInit(ctx, &padding, EVP_sha256(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PADDING) == 1 &&
                EVP_DigestVerify(ctx, signature, signature_len, text, text_len) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good;
}

__attribute__((visibility("default"))) extern const struct rsa_module tradewind_rsa_module;
const struct rsa_module tradewind_rsa_module = {RSA_MODULE_VERSION, verify};
