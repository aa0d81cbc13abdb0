#include "access/role.h"

#include <string.h>
#include <strings.h>

static const char *const words[] = {"none", "viewer", "user", "operator", "admin"};

const char *role_to_string(enum role r)
{
    return words[r];
}

int role_from_string(const char *word)
{
    for (int i = ROLE_VIEWER; i <= ROLE_ADMIN; i++) {
        if (strcasecmp(words[i], word) == 0) {
            return i;
        }
    }
    return strcasecmp(word, "op") == 0 ? ROLE_OP : -1;
}
