#include "base/sensitive.h"

#include <stddef.h>
#include <string.h>

bool sensitive_name(const char *name)
{
    static const char *const words[] = {
        "access_token", "api_key",     "apikey", "authorization", "passphrase",   "passwd",
        "password",     "private_key", "secret", "token",         "keyfile_dict", "service_account",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(name, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}
