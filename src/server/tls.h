/* The certificate and the key of the server, read once at its start. A new certificate is taken by a restart: runs and tasks do not notice it. */
#ifndef TW_SERVER_TLS_H
#define TW_SERVER_TLS_H

#include "server/httpd_module.h"

struct err;

/* Both files "" : *ret is empty, plain HTTP. -ERR_INVALID: one without the other, or no PEM. -ERR_PERM: everybody may read the key. */
int tls_read(const char *cert_file, const char *key_file, struct httpd_tls *ret, struct err *e);
void tls_fini(struct httpd_tls *t);
static inline bool tls_is_set(const struct httpd_tls *t)
{
    return t->certificate != NULL;
}

#endif
