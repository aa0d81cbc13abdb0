#include "access/credential.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define RANDOM  32
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(sodium_base64_ENCODED_LEN(RANDOM, VARIANT) + 4 == CREDENTIAL_TEXT, "4 + 43 + NUL");
_Static_assert(sodium_base64_ENCODED_LEN(RANDOM, VARIANT) == CREDENTIAL_CSRF, "43 + NUL");

void credential_new(const char *prefix, char ret[CREDENTIAL_TEXT])
{
    unsigned char random[RANDOM];

    randombytes_buf(random, sizeof random);
    memcpy(ret, prefix, 4);
    (void)sodium_bin2base64(ret + 4, CREDENTIAL_TEXT - 4, random, sizeof random, VARIANT);
    sodium_memzero(random, sizeof random);
}

bool credential_is(const char *prefix, const char *text)
{
    return strnlen(text, CREDENTIAL_TEXT) == CREDENTIAL_TEXT - 1 && strncmp(prefix, text, 4) == 0;
}

static void hash(const char *use, const char *text, unsigned char ret[RANDOM])
{
    crypto_generichash_state s;

    (void)crypto_generichash_init(&s, (const unsigned char *)use, strlen(use), RANDOM);
    (void)crypto_generichash_update(&s, (const unsigned char *)text, strlen(text));
    (void)crypto_generichash_final(&s, ret, RANDOM);
}

void credential_id(const char *text, char ret[CREDENTIAL_ID])
{
    unsigned char h[RANDOM];

    hash("tradewind credential", text, h);
    (void)sodium_bin2hex(ret, CREDENTIAL_ID, h, sizeof h);
}

void credential_csrf(const char *session, char ret[CREDENTIAL_CSRF])
{
    unsigned char h[RANDOM];

    hash("tradewind csrf token", session, h);
    (void)sodium_bin2base64(ret, CREDENTIAL_CSRF, h, sizeof h, VARIANT);
}

bool credential_same(const char *given, const char *want)
{
    unsigned char a[RANDOM], b[RANDOM];

    hash("tradewind comparison", given, a);
    hash("tradewind comparison", want, b);
    return sodium_memcmp(a, b, sizeof a) == 0;
}
