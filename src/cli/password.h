/* A password from a person: never an argument, which every process of the machine can see. */
#ifndef TW_CLI_PASSWORD_H
#define TW_CLI_PASSWORD_H

#include <stddef.h>

struct err;

/* Asked for twice without echo where standard input is a terminal, else its first line. Wipe it. -ERR_INVALID: they differ, it is too long. */
int cli_password_read(const char *user, char *ret, size_t cap, struct err *e);

#endif
