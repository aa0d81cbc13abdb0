#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static _Atomic uint64_t count;
static _Atomic uint64_t fail_at;
static _Atomic int fail_forever;

static int must_fail(void)
{
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    uint64_t n;

    if (at == 0) {
        return 0; /* the common case costs one load: counting is on only while a test asks for faults */
    }
    n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;
    return n == at || (n > at && atomic_load_explicit(&fail_forever, memory_order_relaxed));
}

void mem_fail_at(uint64_t n, int forever)
{
    atomic_store(&count, 0);
    atomic_store(&fail_forever, forever);
    atomic_store(&fail_at, n);
}

uint64_t mem_count(void)
{
    return atomic_load(&count);
}

void *mem_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(size != 0 ? size : 1);
}

void *mem_zalloc(size_t size)
{
    return must_fail() ? NULL : calloc(1, size != 0 ? size : 1);
}

void *mem_realloc(void *p, size_t size)
{
    return must_fail() ? NULL : realloc(p, size != 0 ? size : 1);
}

void *mem_array(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : mem_zalloc(bytes);
}

char *mem_strndup(const char *s, size_t n)
{
    char *p = mem_alloc(n + 1);

    if (p != NULL) {
        memcpy(p, s, n);
        p[n] = '\0';
    }
    return p;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
    free(p);
}

void *mem_resize(void *p, size_t n, size_t elem_size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, elem_size, &bytes) ? NULL : mem_realloc(p, bytes);
}

int mem_grow(void **ptr, size_t *cap, size_t need, size_t elem_size)
{
    size_t n = mem_grown(*cap, need);
    void *p = mem_resize(*ptr, n, elem_size);

    if (p == NULL) {
        return -ERR_NOMEM;
    }
    *ptr = p;
    *cap = n;
    return 0;
}
