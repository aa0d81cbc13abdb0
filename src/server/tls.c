#include "server/tls.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "secret/file.h"

/* Owned; the caller's to tls_fini. what: of the PEM block that must be inside. */
static int read_pem(const char *path, const char *what, bool secret, char **ret, struct err *e)
{
    char *text = mem_zalloc(LIMIT_TLS_PEM);
    int rc = text == NULL
                 ? err_set(e, ERR_NOMEM, "out of memory for %s", path)
                 : secret_file_read(path, secret ? 0 : SECRET_FILE_PUBLIC, text, LIMIT_TLS_PEM, e);

    if (rc == 0 && strstr(text, what) == NULL) {
        rc = err_set(e, ERR_INVALID, "%s: no PEM with `%s`", path, what);
    }
    if (rc != 0 && text != NULL) {
        sodium_memzero(text, LIMIT_TLS_PEM);
        mem_free(mem_take(text));
    }
    *ret = text;
    return rc;
}

int tls_read(const char *cert_file, const char *key_file, struct httpd_tls *ret, struct err *e)
{
    bool cert = cert_file != NULL && cert_file[0] != '\0';
    bool key = key_file != NULL && key_file[0] != '\0';
    char *c = NULL, *k = NULL;
    int rc;

    *ret = (struct httpd_tls){0};
    if (!cert && !key) {
        return 0;
    }
    if (!cert || !key) {
        return err_set(e, ERR_INVALID, "api.ssl_cert and api.ssl_key go together: %s is missing",
                       cert ? "api.ssl_key" : "api.ssl_cert");
    }
    rc = read_pem(cert_file, "-----BEGIN CERTIFICATE-----", false, &c, e);
    rc = rc == 0 ? read_pem(key_file, "PRIVATE KEY-----", true, &k, e) : rc;
    if (rc != 0) {
        mem_free(c);
        return rc;
    }
    *ret = (struct httpd_tls){.certificate = c, .key = k};
    return 0;
}

void tls_fini(struct httpd_tls *t)
{
    if (t->key != NULL) {
        sodium_memzero((char *)(uintptr_t)t->key, LIMIT_TLS_PEM);
    }
    mem_free((char *)(uintptr_t)t->key);
    mem_free((char *)(uintptr_t)t->certificate);
    *t = (struct httpd_tls){0};
}
