#include "secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "secret/file.h"

#define KEYS_MAX   16
#define KEY_BYTES  crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE      crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG        crypto_aead_xchacha20poly1305_ietf_ABYTES
#define ID_BYTES   8
#define MAGIC      "TW1"
#define MAGIC_LEN  3
#define HEAD       (MAGIC_LEN + ID_BYTES + NONCE)
#define FILE_MAX   (KEYS_MAX * (KEY_BYTES * 2 + 2))
#define PATH_BYTES 4200

struct secret_keys {
    bool of_file;
    size_t len;
    unsigned char keys[KEYS_MAX][KEY_BYTES];
};

static void key_id(const unsigned char *key, unsigned char id[ID_BYTES])
{
    unsigned char hash[crypto_generichash_BYTES];

    (void)crypto_generichash(hash, sizeof hash, key, KEY_BYTES, (const unsigned char *)"key id", 6);
    memcpy(id, hash, ID_BYTES);
}

/* ---- keys ---- */

/* The keys of a text, separated by commas or white space. */
static int parse_keys(struct secret_keys *k, const char *text, const char *where, struct err *e)
{
    while (*(text += strspn(text, ", \t\r\n")) != '\0') {
        size_t n = strcspn(text, ", \t\r\n"), got = 0;

        if (k->len == KEYS_MAX) {
            return err_set(e, ERR_LIMIT, "%s: more than %d keys", where, KEYS_MAX);
        }
        if (n != KEY_BYTES * 2 ||
            sodium_hex2bin(k->keys[k->len], KEY_BYTES, text, n, NULL, &got, NULL) != 0 ||
            got != KEY_BYTES) {
            return err_set(e, ERR_INVALID, "%s: a key is %u hexadecimal digits", where,
                           (unsigned)KEY_BYTES * 2);
        }
        k->len++;
        text += n;
    }
    return k->len != 0 ? 0 : err_set(e, ERR_INVALID, "%s: there is no key in it", where);
}

static int read_file(const char *path, struct secret_keys *k, struct err *e)
{
    char text[FILE_MAX + 1];
    int rc = secret_file_read(path, SECRET_FILE_OWNER | SECRET_FILE_NO_LINK, text, sizeof text, e);

    rc = rc == 0 ? parse_keys(k, text, path, e) : rc;
    sodium_memzero(text, sizeof text);
    return rc;
}

static int sync_folder(const char *home, struct err *e)
{
    int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? err_errno(e, errno, "%s", home) : 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* The first n keys become the file: all of it or nothing. fresh: fails (-ERR_EXISTS) when there is one already. */
static int write_file(const char *home, const struct secret_keys *k, size_t n, bool fresh,
                      struct err *e)
{
    char path[PATH_BYTES], part[PATH_BYTES + 16], line[KEY_BYTES * 2 + 1];
    int fd, rc = 0;

    (void)snprintf(path, sizeof path, "%s/" SECRET_KEY_FILE, home);
    (void)snprintf(part, sizeof part, "%s.%d", path, (int)getpid());
    (void)unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "%s", part);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        (void)sodium_bin2hex(line, sizeof line, k->keys[i], KEY_BYTES);
        line[KEY_BYTES * 2] = '\n';
        rc = write(fd, line, sizeof line) == (ssize_t)sizeof line ? 0
                                                                  : err_errno(e, errno, "%s", part);
    }
    sodium_memzero(line, sizeof line);
    rc = rc == 0 && fsync(fd) != 0 ? err_errno(e, errno, "%s", part) : rc;
    (void)close(fd);
    if (rc == 0 && fresh) {
        rc = link(part, path) != 0 ? err_errno(e, errno, "%s", path) : 0;
    } else if (rc == 0) {
        rc = rename(part, path) != 0 ? err_errno(e, errno, "%s", path) : 0;
    }
    (void)unlink(part);
    return rc == 0 ? sync_folder(home, e) : rc;
}

static int load_file(const char *home, bool make, struct secret_keys *k, struct err *e)
{
    char path[PATH_BYTES];
    int rc;

    (void)snprintf(path, sizeof path, "%s/" SECRET_KEY_FILE, home);
    k->of_file = true;
    if (access(path, F_OK) == 0) {
        return read_file(path, k, e);
    }
    if (!make) {
        return err_set(e, ERR_NOTFOUND, "the master key %s is not there", path);
    }
    randombytes_buf(k->keys[0], KEY_BYTES);
    k->len = 1;
    rc = write_file(home, k, 1, true, e);
    if (rc == -ERR_EXISTS) { /* another process was first */
        k->len = 0;
        rc = read_file(path, k, e);
    }
    return rc;
}

int secret_keys_load(const char *home, bool make, struct secret_keys **ret, struct err *e)
{
    const char *many = getenv("TRADEWIND_SECRET_KEYS"), *one = getenv("TRADEWIND_SECRET_KEY");
    struct secret_keys *k;
    int rc;

    if (sodium_init() < 0) {
        return err_set(e, ERR_UNSUPPORTED, "libsodium cannot be used on this machine");
    }
    k = mem_zalloc(sizeof *k);
    if (k == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for keys");
    }
    if (many != NULL && many[0] != '\0') {
        rc = parse_keys(k, many, "TRADEWIND_SECRET_KEYS", e);
    } else if (one != NULL && one[0] != '\0') {
        rc = parse_keys(k, one, "TRADEWIND_SECRET_KEY", e);
    } else {
        rc = load_file(home, make, k, e);
    }
    if (rc != 0) {
        secret_keys_free(k);
        return rc;
    }
    *ret = k;
    return 0;
}

void secret_keys_free(struct secret_keys *k)
{
    if (k != NULL) {
        sodium_memzero(k, sizeof *k);
        mem_free(k);
    }
}

bool secret_keys_of_file(const struct secret_keys *k)
{
    return k->of_file;
}

int secret_keys_add(const char *home, struct secret_keys *k, struct err *e)
{
    if (k->len == KEYS_MAX) {
        return err_set(e, ERR_LIMIT, "there are %d keys already", KEYS_MAX);
    }
    memmove(k->keys[1], k->keys[0], k->len * KEY_BYTES);
    randombytes_buf(k->keys[0], KEY_BYTES);
    k->len++;
    return write_file(home, k, k->len, false, e);
}

int secret_keys_drop_old(const char *home, struct secret_keys *k, struct err *e)
{
    int rc = write_file(home, k, 1, false, e);

    if (rc == 0) {
        sodium_memzero(k->keys[1], (k->len - 1) * KEY_BYTES);
        k->len = 1;
    }
    return rc;
}

size_t secret_keys_count(const struct secret_keys *k)
{
    return k->len;
}

/* ---- values ---- */

/* What a value is bound to: table, NUL, name. */
static unsigned char *bound_to(struct arena *a, const char *table, const char *name,
                               size_t *ret_len)
{
    size_t t = strlen(table) + 1, n = strlen(name);
    unsigned char *p = arena_alloc(a, t + n);

    if (p != NULL) {
        memcpy(p, table, t);
        memcpy(p + t, name, n);
    }
    *ret_len = t + n;
    return p;
}

int secret_seal(const struct secret_keys *k, const char *table, const char *name, const void *text,
                size_t n, struct arena *a, void **ret, size_t *ret_len, struct err *e)
{
    size_t bound_len;
    unsigned char *bound = bound_to(a, table, name, &bound_len);
    unsigned char *out = arena_alloc(a, HEAD + n + TAG);
    unsigned long long len = 0;

    if (bound == NULL || out == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a sealed value");
    }
    memcpy(out, MAGIC, MAGIC_LEN);
    key_id(k->keys[0], out + MAGIC_LEN);
    randombytes_buf(out + MAGIC_LEN + ID_BYTES, NONCE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + HEAD, &len, text, n, bound, bound_len,
                                                     NULL, out + MAGIC_LEN + ID_BYTES, k->keys[0]);
    *ret = out;
    *ret_len = HEAD + (size_t)len;
    return 0;
}

static const unsigned char *key_of(const struct secret_keys *k, const unsigned char *id)
{
    unsigned char own[ID_BYTES];

    for (size_t i = 0; i < k->len; i++) {
        key_id(k->keys[i], own);
        if (memcmp(own, id, ID_BYTES) == 0) {
            return k->keys[i];
        }
    }
    return NULL;
}

bool secret_sealed_by_first(const struct secret_keys *k, const void *sealed, size_t n)
{
    unsigned char own[ID_BYTES];

    if (n < HEAD + TAG) {
        return false;
    }
    key_id(k->keys[0], own);
    return memcmp((const unsigned char *)sealed + MAGIC_LEN, own, ID_BYTES) == 0;
}

int secret_open(const struct secret_keys *k, const char *table, const char *name,
                const void *sealed, size_t n, struct arena *a, char **ret, size_t *ret_len,
                struct err *e)
{
    const unsigned char *in = sealed, *key;
    unsigned char *bound, *out;
    unsigned long long len = 0;
    size_t bound_len;

    if (n < HEAD + TAG || memcmp(in, MAGIC, MAGIC_LEN) != 0) {
        return err_set(e, ERR_CORRUPT, "%s '%s': what is stored is not a sealed value", table,
                       name);
    }
    key = key_of(k, in + MAGIC_LEN);
    if (key == NULL) {
        return err_set(e, ERR_PERM,
                       "%s '%s' was encrypted with a master key that is not known here "
                       "(TRADEWIND_SECRET_KEYS, or " SECRET_KEY_FILE " in TRADEWIND_HOME)",
                       table, name);
    }
    bound = bound_to(a, table, name, &bound_len);
    out = arena_alloc(a, n - HEAD - TAG + 1);
    if (bound == NULL || out == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a sealed value");
    }
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, &len, NULL, in + HEAD, n - HEAD, bound,
                                                   bound_len, in + MAGIC_LEN + ID_BYTES,
                                                   key) != 0) {
        return err_set(e, ERR_CORRUPT,
                       "%s '%s': what is stored was changed, or moved from another row", table,
                       name);
    }
    out[len] = '\0';
    *ret = (char *)out;
    *ret_len = (size_t)len;
    return 0;
}
