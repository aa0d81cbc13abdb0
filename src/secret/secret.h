/*
 * Values that must not be readable in the store: sealed with XChaCha20-Poly1305 under a master key that is kept outside of it
 * (docs/internals/secrets.md). A sealed value names its key, so that several keys can be known while they are rotated, and is bound to
 * the table and the name of its row: moved to another row it does not open.
 */
#ifndef TW_SECRET_SECRET_H
#define TW_SECRET_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct err;

#define SECRET_KEY_FILE \
    "secret.key" /* in TRADEWIND_HOME, mode 0600: a key a line, as 64 hex digits; the first one seals */

struct secret_keys; /* opaque; its memory is wiped when it is freed */

/*
 * The keys: of TRADEWIND_SECRET_KEYS (several, by commas; the first one seals) or TRADEWIND_SECRET_KEY, else of the home's key file.
 * make: a key file that is not there is made with a new key; else that is -ERR_NOTFOUND. -ERR_PERM: others may read the file.
 */
int secret_keys_load(const char *home, bool make, struct secret_keys **ret, struct err *e);
void secret_keys_free(struct secret_keys *k);          /* NULL is allowed */
bool secret_keys_of_file(const struct secret_keys *k); /* false: they are the environment's */

/* Puts a new key before the others, in memory and in the file; or leaves only the first one there. Durable on return. */
int secret_keys_add(const char *home, struct secret_keys *k, struct err *e);
int secret_keys_drop_old(const char *home, struct secret_keys *k, struct err *e);
size_t secret_keys_count(const struct secret_keys *k);
/* Whether the value was sealed with the first key, the one that seals. */
bool secret_sealed_by_first(const struct secret_keys *k, const void *sealed, size_t n);

/* The sealed form, in the arena. */
int secret_seal(const struct secret_keys *k, const char *table, const char *name, const void *text,
                size_t n, struct arena *a, void **ret, size_t *ret_len, struct err *e);
/* The text, with a NUL behind it, in the arena. -ERR_PERM: no key opens it (a wrong or lost key); -ERR_CORRUPT: it was changed, or is
 * another row's. */
int secret_open(const struct secret_keys *k, const char *table, const char *name,
                const void *sealed, size_t n, struct arena *a, char **ret, size_t *ret_len,
                struct err *e);

#endif
