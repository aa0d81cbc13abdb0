/*
 * A map from strings to pointers that remembers insertion order, so that iteration is deterministic. Keys are borrowed:
 * they must outlive the map (they live in the owner's arena, as a rule). No removal: the maps of this program only grow.
 */
#ifndef TW_BASE_MAP_H
#define TW_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_entry {
    const char *key;
    size_t key_len;
    void *value;
    uint32_t hash;
};

struct map {
    struct map_entry *entries; /* in insertion order */
    size_t len, cap;
    uint32_t *slots;  /* index + 1 into entries; 0 = empty */
    size_t slots_len; /* a power of two */
};

void map_init(struct map *m);
void map_fini(struct map *m);
/* Adds; -ERR_EXISTS (and *ret_old set, if not NULL) when the key is there already. */
int map_add(struct map *m, const char *key, size_t key_len, void *value, void **ret_old);
void *map_find(const struct map *m, const char *key, size_t key_len); /* NULL if absent */
struct map_entry *map_find_entry(const struct map *m, const char *key, size_t key_len);

uint32_t hash_bytes(const void *p, size_t n); /* FNV-1a; the same on every machine */

#endif
