/*
 * What the sanitizers and valgrind must be told about stacks, each in one place; nothing in other
 * builds. AddressSanitizer: san_leave before a switch (NULL for `fake` when the leaving side dies),
 * san_arrive after it, on the other side. ThreadSanitizer: a fiber for each stack, switched just
 * before the stack is. Valgrind: stacks are registered.
 */
#ifndef TW_RUNTIME_CO_SAN_H
#define TW_RUNTIME_CO_SAN_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CO_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define CO_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CO_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define CO_TSAN 1
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define CO_VALGRIND 1
#endif
#endif

#ifdef CO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CO_TSAN
#include <sanitizer/tsan_interface.h>
#endif

static inline void san_leave(void **fake, const void *dest_lo, size_t dest_size)
{
#ifdef CO_ASAN
    __sanitizer_start_switch_fiber(fake, dest_lo, dest_size);
#else
    (void)fake;
    (void)dest_lo;
    (void)dest_size;
#endif
}

static inline void san_arrive(void *fake, const void **from_lo, size_t *from_size)
{
#ifdef CO_ASAN
    __sanitizer_finish_switch_fiber(fake, from_lo, from_size);
#else
    (void)fake;
    (void)from_lo;
    (void)from_size;
#endif
}

/* A stack whose frames are gone may carry poison of their redzones. */
static inline void san_unpoison(void *lo, size_t size)
{
#ifdef CO_ASAN
    __asan_unpoison_memory_region(lo, size);
#else
    (void)lo;
    (void)size;
#endif
}

static inline void *san_fiber_new(void)
{
#ifdef CO_TSAN
    return __tsan_create_fiber(0);
#else
    return NULL;
#endif
}

static inline void san_fiber_free(void *fiber)
{
#ifdef CO_TSAN
    __tsan_destroy_fiber(fiber);
#else
    (void)fiber;
#endif
}

static inline void *san_fiber_current(void)
{
#ifdef CO_TSAN
    return __tsan_get_current_fiber();
#else
    return NULL;
#endif
}

static inline void san_fiber_switch(void *fiber)
{
#ifdef CO_TSAN
    __tsan_switch_to_fiber(fiber, 0);
#else
    (void)fiber;
#endif
}

static inline unsigned san_stack_register(void *lo, void *hi)
{
#ifdef CO_VALGRIND
    return (unsigned)VALGRIND_STACK_REGISTER(lo, hi);
#else
    (void)lo;
    (void)hi;
    return 0;
#endif
}

static inline void san_stack_deregister(unsigned id)
{
#ifdef CO_VALGRIND
    VALGRIND_STACK_DEREGISTER(id);
#else
    (void)id;
#endif
}

#endif
