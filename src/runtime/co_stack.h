/*
 * Stacks of coroutines: address space reserved by mmap, resident only where touched, a guard below,
 * and a LIFO pool of used ones. The guard is MADV_GUARD_INSTALL where the kernel has it (6.13):
 * neighbouring stacks stay one mapping, so vm.max_map_count does not limit their number; elsewhere
 * mprotect, two mappings each.
 */
#ifndef TW_RUNTIME_CO_STACK_H
#define TW_RUNTIME_CO_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Lies at the top of its own mapping. */
struct stack {
    char *map;          /* the mapping: guard, then the stack, then this struct */
    char *lo;           /* lowest usable byte */
    size_t size;        /* usable bytes from lo */
    struct stack *next; /* in the pool */
    void *fiber;        /* ThreadSanitizer's */
    unsigned valgrind_id;
    uint32_t uses;
};

struct stack_pool {
    size_t map_bytes, guard_bytes, watermark_bytes;
    size_t pooled, pooled_max, live; /* stacks kept, their maximum, stacks in use */
    struct stack *first;
    bool guard_by_madvise;
};

/* stack_bytes: address space of each, 0 = LIMIT_CO_STACK. */
void stack_pool_init(struct stack_pool *p, size_t stack_bytes);
void stack_pool_fini(struct stack_pool *p); /* frees the pooled ones; none may be in use */
/* -ERR_LIMIT when the kernel gives no more, with the limit's name; -ERR_NOMEM. */
int stack_get(struct stack_pool *p, struct stack **ret, struct err *e);
void stack_put(struct stack_pool *p, struct stack *s); /* never the one that runs */

#endif
