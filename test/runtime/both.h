/* Runs each test as the main coroutine of a loop: once on libuv, once on virtual time. */
#ifndef TW_TEST_RUNTIME_BOTH_H
#define TW_TEST_RUNTIME_BOTH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co.h"
#include "runtime/loop.h"

#define MS 1000

/* The sanitizers are slow, ThreadSanitizer most of all. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MANY 2000
#elif __has_feature(thread_sanitizer)
#define MANY 300
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MANY 2000
#elif defined(__SANITIZE_THREAD__)
#define MANY 300
#endif
#ifndef MANY
#define MANY 10000
#endif

static inline void run_on(int (*new)(const struct loop_config *, struct loop **, struct err *),
                          co_fn fn)
{
    struct loop *l;
    struct err e;

    assert_int_equal(new (NULL, &l, &e), 0);
    assert_int_equal(loop_main(l, fn, l, &e), 0);
    loop_free(l);
}

#define TEST_BOTH(name)                      \
    static int name(void *arg);              \
    static void name##_uv(void **state)      \
    {                                        \
        (void)state;                         \
        run_on(loop_uv_new, name);           \
    }                                        \
    static void name##_virtual(void **state) \
    {                                        \
        (void)state;                         \
        run_on(loop_virtual_new, name);      \
    }                                        \
    static int name(void *arg)

#define TEST_UV(name)                   \
    static int name(void *arg);         \
    static void name##_uv(void **state) \
    {                                   \
        (void)state;                    \
        run_on(loop_uv_new, name);      \
    }                                   \
    static int name(void *arg)

#define BOTH(name)    cmocka_unit_test(name##_uv), cmocka_unit_test(name##_virtual)
#define ONLY_UV(name) cmocka_unit_test(name##_uv)

#endif
