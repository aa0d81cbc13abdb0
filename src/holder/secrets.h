/*
 * The forms in which a secret may show up in output: as it is, escaped in JSON, in a URL, in
 * base64, quoted for a shell.
 */
#ifndef TW_HOLDER_SECRETS_H
#define TW_HOLDER_SECRETS_H

#include <stddef.h>

struct err;
struct mask;

/* Adds the secret and its forms. -ERR_LIMIT: longer than LIMIT_SECRET_BYTES; -ERR_NOMEM. */
int secrets_add(struct mask *m, const char *secret, size_t n, struct err *e);

#endif
