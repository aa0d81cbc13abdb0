/*
 * An arena: many small allocations, freed together. Memory comes in chunks; a maximum is fixed at init, and going over
 * it looks like being out of memory (NULL). Not thread-safe: one owner at a time.
 */
#ifndef TW_BASE_ARENA_H
#define TW_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *head; /* the chunk allocated from; older ones behind it */
    size_t used, max;         /* bytes taken in chunks, and their limit */
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_fini(struct arena *a); /* frees all; the arena may be used again as after arena_init */
void *arena_alloc(struct arena *a, size_t size)
    __attribute__((warn_unused_result)); /* 16-byte aligned, zero-filled */
void *arena_array(struct arena *a, size_t n, size_t size)
    __attribute__((warn_unused_result)); /* overflow-checked */
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((warn_unused_result));
char *arena_strdup(struct arena *a, const char *s) __attribute__((warn_unused_result));
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

#endif
