#include "server/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

/* Owned; the caller's to tls_fini. what: of the PEM block that must be inside. */
static int read_pem(const char *path, const char *what, bool secret, char **ret, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t n = -1;
    char *text;

    if (fd < 0 || fstat(fd, &st) != 0) {
        int errnum = errno;

        if (fd >= 0) {
            (void)close(fd);
        }
        return err_errno(e, errnum, "%s", path);
    }
    if (secret && (st.st_mode & 07) != 0) {
        (void)close(fd);
        return err_set(e, ERR_PERM, "%s: everybody may read this key; `chmod o-rwx` it", path);
    }
    text = mem_zalloc(LIMIT_TLS_PEM + 1);
    n = text != NULL ? read(fd, text, LIMIT_TLS_PEM) : -1;
    (void)close(fd);
    if (n < 0 || n == LIMIT_TLS_PEM || strstr(text, what) == NULL) {
        if (text != NULL) {
            sodium_memzero(text, LIMIT_TLS_PEM);
        }
        mem_free(text);
        return err_set(e, ERR_INVALID, "%s: no PEM with `%s` of at most %d KiB", path, what,
                       LIMIT_TLS_PEM / 1024);
    }
    *ret = text;
    return 0;
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
