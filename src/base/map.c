#include "base/map.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

uint32_t hash_bytes(const void *p, size_t n)
{
    const unsigned char *b = p;
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * 16777619u;
    }
    return h;
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    mem_free(m->entries);
    mem_free(m->slots);
    *m = (struct map){0};
}

static size_t find_slot(const struct map *m, const char *key, size_t n, uint32_t hash)
{
    size_t i = hash & (m->slots_len - 1);

    for (; m->slots[i] != 0; i = (i + 1) & (m->slots_len - 1)) {
        const struct map_entry *e = &m->entries[m->slots[i] - 1];

        if (e->hash == hash && e->key_len == n && memcmp(e->key, key, n) == 0) {
            break;
        }
    }
    return i;
}

static int rehash(struct map *m)
{
    size_t n = m->slots_len == 0 ? 16 : m->slots_len * 2;
    uint32_t *slots = mem_array(n, sizeof *slots);

    if (slots == NULL) {
        return -ERR_NOMEM;
    }
    mem_free(m->slots);
    m->slots = slots;
    m->slots_len = n;
    for (size_t i = 0; i < m->len; i++) {
        size_t s = m->entries[i].hash & (n - 1);

        while (slots[s] != 0) {
            s = (s + 1) & (n - 1);
        }
        slots[s] = (uint32_t)(i + 1);
    }
    return 0;
}

int map_add(struct map *m, const char *key, size_t key_len, void *value, void **ret_old)
{
    struct map_entry e = {.key = key, .key_len = key_len, .value = value};
    size_t s;

    if (m->len * 4 >= m->slots_len * 3 && rehash(m) != 0) {
        return -ERR_NOMEM;
    }
    e.hash = hash_bytes(key, key_len);
    s = find_slot(m, key, key_len, e.hash);
    if (m->slots[s] != 0) {
        if (ret_old != NULL) {
            *ret_old = m->entries[m->slots[s] - 1].value;
        }
        return -ERR_EXISTS;
    }
    if (VEC_PUSH(m->entries, m->len, m->cap, e) != 0) {
        return -ERR_NOMEM;
    }
    m->slots[s] = (uint32_t)m->len;
    return 0;
}

struct map_entry *map_find_entry(const struct map *m, const char *key, size_t key_len)
{
    size_t s;

    if (m->slots_len == 0) {
        return NULL;
    }
    s = find_slot(m, key, key_len, hash_bytes(key, key_len));
    return m->slots[s] != 0 ? &m->entries[m->slots[s] - 1] : NULL;
}

void *map_find(const struct map *m, const char *key, size_t key_len)
{
    struct map_entry *e = map_find_entry(m, key, key_len);

    return e != NULL ? e->value : NULL;
}
