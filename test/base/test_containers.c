/* buf, arena, map, mem: the containers that everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

static void buf_grows_and_ends_in_nul(void **state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, 1000);
    assert_string_equal(buf_cstr(&b), "");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(buf_printf(&b, "%02d,", i), 0);
    }
    assert_int_equal(b.len, 300);
    assert_int_equal(b.p[300], '\0');
    assert_memory_equal(b.p + 297, "99,", 3);
}

static void buf_limit_sticks(void **state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, 10);
    assert_int_equal(buf_str(&b, "0123456789"), 0);
    assert_int_equal(buf_char(&b, 'x'), -ERR_LIMIT);
    assert_int_equal(buf_str(&b, ""), -ERR_LIMIT);
    assert_int_equal(buf_status(&b), -ERR_LIMIT);
    assert_null(buf_take(&b));
    assert_int_equal(b.len, 0);
}

static void buf_clear_ends_an_error(void **state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, 4);
    (void)buf_str(&b, "hello");
    buf_clear(&b);
    assert_int_equal(buf_str(&b, "hell"), 0);
    assert_string_equal(buf_cstr(&b), "hell");
}

static void buf_consume_drops_the_head(void **state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, 100);
    (void)buf_str(&b, "abcdef");
    buf_consume(&b, 2);
    assert_string_equal(buf_cstr(&b), "cdef");
    buf_consume(&b, 100);
    assert_string_equal(buf_cstr(&b), "");
}

static void buf_take_hands_over(void **state)
{
    struct buf b BUF_CLEANUP;
    char *p;

    buf_init(&b, 100);
    p = buf_take(&b); /* an empty one is a string too */
    assert_string_equal(p, "");
    mem_free(p);
    (void)buf_str(&b, "x");
    p = buf_take(&b);
    assert_string_equal(p, "x");
    mem_free(p);
    assert_null(b.p);
}

static void buf_survives_no_memory(void **state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, 1000);
    mem_fail_at(1, 0);
    assert_int_equal(buf_str(&b, "x"), -ERR_NOMEM);
    mem_fail_at(0, 0);
    assert_int_equal(buf_str(&b, "x"), -ERR_NOMEM);
}

static void arena_aligns_and_zeroes(void **state)
{
    struct arena a;

    arena_init(&a, 1u << 20);
    for (size_t n = 0; n < 3000; n += 7) {
        char *p = arena_alloc(&a, n);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xff, n);
    }
    arena_fini(&a);
}

static void arena_has_a_maximum(void **state)
{
    struct arena a;
    size_t got = 0;

    arena_init(&a, 10000);
    while (arena_alloc(&a, 100) != NULL) {
        got++;
    }
    assert_in_range(got, 50, 100);
    assert_true(a.used <= 10000);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    arena_fini(&a);
    assert_non_null(arena_alloc(&a, 100));
    arena_fini(&a);
}

static void arena_strings(void **state)
{
    struct arena a;

    arena_init(&a, 10000);
    assert_string_equal(arena_strdup(&a, "abc"), "abc");
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 5), "x-5");
    assert_null(arena_strndup(&a, "", SIZE_MAX));
    mem_fail_at(1, 1);
    assert_null(arena_alloc(&a, 9000));
    mem_fail_at(0, 0);
    arena_fini(&a);
}

static void map_finds_and_keeps_order(void **state)
{
    static char keys[5000][16];
    struct map m;

    map_init(&m);
    assert_null(map_find(&m, "x", 1));
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
        assert_int_equal(map_add(&m, keys[i], strlen(keys[i]), &keys[i], NULL), 0);
    }
    for (int i = 0; i < 5000; i++) {
        assert_ptr_equal(map_find(&m, keys[i], strlen(keys[i])), &keys[i]);
        assert_ptr_equal(m.entries[i].key, keys[i]);
    }
    assert_null(map_find(&m, "k5000", 5));
    assert_null(map_find(&m, "k", 1));
    map_fini(&m);
}

static void map_refuses_a_key_twice(void **state)
{
    struct map m;
    void *old = NULL;
    int x, y;

    map_init(&m);
    assert_int_equal(map_add(&m, "a\0b", 3, &x, NULL), 0);
    assert_int_equal(map_add(&m, "a\0c", 3, &y, NULL), 0); /* keys are bytes */
    assert_int_equal(map_add(&m, "a\0b", 3, &y, &old), -ERR_EXISTS);
    assert_ptr_equal(old, &x);
    assert_int_equal(m.len, 2);
    map_fini(&m);
}

static void map_survives_no_memory(void **state)
{
    struct map m;
    int x;

    for (uint64_t n = 1; n <= 2; n++) {
        map_init(&m);
        mem_fail_at(n, 0);
        assert_int_equal(map_add(&m, "a", 1, &x, NULL), -ERR_NOMEM);
        mem_fail_at(0, 0);
        assert_null(map_find(&m, "a", 1));
        assert_int_equal(map_add(&m, "a", 1, &x, NULL), 0);
        map_fini(&m);
    }
}

static void hash_is_fnv1a(void **state)
{
    assert_int_equal(hash_bytes("", 0), 0x811c9dc5u);
    assert_int_equal(hash_bytes("a", 1), 0xe40c292cu);
    assert_int_equal(hash_bytes("foobar", 6), 0xbf9cf968u);
}

static void mem_fails_on_request(void **state)
{
    void *p;

    mem_fail_at(2, 0);
    p = mem_alloc(1);
    assert_non_null(p);
    mem_free(p);
    assert_null(mem_zalloc(1));
    p = mem_strdup("x");
    assert_non_null(p);
    mem_free(p);
    assert_int_equal(mem_count(), 3);
    mem_fail_at(1, 1);
    assert_null(mem_realloc(NULL, 1));
    assert_null(mem_array(1, 1));
    mem_fail_at(0, 0);
    assert_null(mem_array(SIZE_MAX / 2, 4));
}

static void vec_push_grows(void **state)
{
    int *v = NULL;
    size_t len = 0, cap = 0;

    for (int i = 0; i < 1000; i++) {
        assert_int_equal(VEC_PUSH(v, len, cap, i), 0);
    }
    assert_int_equal(len, 1000);
    assert_int_equal(v[999], 999);
    mem_free(v);
}

static void take_empties(void **state)
{
    MEM_CLEANUP char *p = mem_strdup("x");
    char *q = mem_take(p);

    assert_null(p);
    mem_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows_and_ends_in_nul),
        cmocka_unit_test(buf_limit_sticks),
        cmocka_unit_test(buf_clear_ends_an_error),
        cmocka_unit_test(buf_consume_drops_the_head),
        cmocka_unit_test(buf_take_hands_over),
        cmocka_unit_test(buf_survives_no_memory),
        cmocka_unit_test(arena_aligns_and_zeroes),
        cmocka_unit_test(arena_has_a_maximum),
        cmocka_unit_test(arena_strings),
        cmocka_unit_test(map_finds_and_keeps_order),
        cmocka_unit_test(map_refuses_a_key_twice),
        cmocka_unit_test(map_survives_no_memory),
        cmocka_unit_test(hash_is_fnv1a),
        cmocka_unit_test(mem_fails_on_request),
        cmocka_unit_test(vec_push_grows),
        cmocka_unit_test(take_empties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
