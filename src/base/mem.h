/*
 * Every allocation of the program passes here: it counts, and tests make the Nth one fail. All return NULL when out of
 * memory, which the caller turns into -ERR_NOMEM. Thread-safe.
 */
#ifndef TW_BASE_MEM_H
#define TW_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t size) __attribute__((malloc, warn_unused_result)); /* zero-filled */
void *mem_realloc(void *p, size_t size) __attribute__((warn_unused_result));
/* n * size with an overflow check (NULL on overflow); zero-filled. */
void *mem_array(size_t n, size_t size) __attribute__((malloc, warn_unused_result));
char *mem_strdup(const char *s) __attribute__((malloc, warn_unused_result));
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, warn_unused_result));
void mem_free(void *p); /* NULL is allowed */

/* Makes allocation number n from now fail (1 = the next one), and all later ones too if `forever`; n = 0 ends it. */
void mem_fail_at(uint64_t n, int forever);
/* How many allocations were made since mem_fail_at was last called. */
uint64_t mem_count(void);

static inline void mem_freep(void *pp)
{
    mem_free(*(void **)pp);
}

/* A local that is freed when it goes out of scope; mem_take hands it over. */
#define MEM_CLEANUP __attribute__((cleanup(mem_freep)))
#define mem_take(p)             \
    ({                          \
        __typeof__(p) p_ = (p); \
        (p) = NULL;             \
        p_;                     \
    })

/*
 * Growth of arrays: VEC_PUSH(ptr, len, cap, value) appends; evaluates to 0 or -ERR_NOMEM. ptr, len and cap are lvalues
 * of the owner (len and cap of type size_t or uint32_t).
 */
int mem_grow(void **ptr, size_t *cap, size_t need, size_t elem_size);
/* How many elements an array of `cap` grows to, so that `need` fit. */
static inline size_t mem_grown(size_t cap, size_t need)
{
    size_t n = cap < 8 ? 8 : cap + cap / 2;

    return n < need ? need : n;
}
/* realloc of n elements, with an overflow check. */
void *mem_resize(void *p, size_t n, size_t elem_size) __attribute__((warn_unused_result));
/* No address of a local is taken: compilers take such for dangling once the macro's scope has ended. */
#define VEC_PUSH(ptr, len, cap, value)                                 \
    ({                                                                 \
        int vec_rc_ = 0;                                               \
        if ((size_t)(len) >= (size_t)(cap)) {                          \
            size_t vec_cap_ = mem_grown((cap), (size_t)(len) + 1);     \
            void *vec_p_ = mem_resize((ptr), vec_cap_, sizeof *(ptr)); \
            vec_rc_ = vec_p_ != NULL ? 0 : -ERR_NOMEM;                 \
            if (vec_rc_ == 0) {                                        \
                (ptr) = vec_p_;                                        \
                (cap) = (__typeof__(cap))vec_cap_;                     \
            }                                                          \
        }                                                              \
        if (vec_rc_ == 0) {                                            \
            (ptr)[(len)++] = (value);                                  \
        }                                                              \
        vec_rc_;                                                       \
    })

#endif
