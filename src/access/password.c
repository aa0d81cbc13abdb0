#include "access/password.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

_Static_assert(PASSWORD_HASH >= crypto_pwhash_STRBYTES, "libsodium's hash fits");

/* A test compares it with one that is made. */
const char *password_nobody(void)
{
    return "$argon2id$v=19$m=32768,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}

int password_may_be(const char *user, const char *password, struct err *e)
{
    size_t n = strlen(password), same = 0;

    if (n < PASSWORD_MIN || n > PASSWORD_MAX) {
        return err_set(e, ERR_INVALID, "a password has %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX);
    }
    while (same < n && password[same] == password[0]) {
        same++;
    }
    if (same == n || (user != NULL && strcasecmp(user, password) == 0)) {
        return err_set(e, ERR_INVALID, "a password is not the user's name, nor one character");
    }
    return 0;
}

int password_hash(const char *password, char ret[PASSWORD_HASH], struct err *e)
{
    return crypto_pwhash_str_alg(ret, password, strlen(password), PASSWORD_PASSES, PASSWORD_MEMORY,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for the hash of a password");
}

bool password_matches(const char *hash, const char *password)
{
    bool fits = crypto_pwhash_str_verify(hash != NULL ? hash : password_nobody(), password,
                                         strlen(password)) == 0;

    return fits && hash != NULL;
}

bool password_is_outdated(const char *hash)
{
    return crypto_pwhash_str_needs_rehash(hash, PASSWORD_PASSES, PASSWORD_MEMORY) != 0;
}

bool password_is_hash(const char *text)
{
    return strncmp(text, crypto_pwhash_STRPREFIX, strlen(crypto_pwhash_STRPREFIX)) == 0 &&
           strlen(text) < crypto_pwhash_STRBYTES;
}

void password_make(char ret[PASSWORD_MADE])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32: no l, o, 0, 1 */
    size_t n = 0;

    for (int i = 0; i < 24; i++) {
        if (i != 0 && i % 6 == 0) {
            ret[n++] = '-';
        }
        ret[n++] = letters[randombytes_uniform(sizeof letters - 1)];
    }
    ret[n] = '\0';
}
