/*
 * A schedule by assets on the first line, any JSON, and a partition key on the rest: an error in words, or a condition that says what it lacks, and a
 * key that is no longer than keys are.
 */
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "fuzz.h"
#include "model/asset_expr.h"
#include "model/partition.h"

static void condition(struct arena *a, const struct value *schedule)
{
    const struct asset_expr *x;
    struct err e = {0};
    uint64_t *bits;
    struct buf out;
    int rc = asset_expr_parse(a, value_get(schedule, "condition"), &x, &e);

    FUZZ_CHECK(rc == 0 || (rc == e.code && e.text[0] != 0));
    bits = rc == 0 ? arena_array(a, ASSET_BITS_WORDS(x->leaves_len) + 1, sizeof *bits) : NULL;
    if (bits == NULL) {
        return;
    }
    FUZZ_CHECK(x->leaves_len > 0 && !asset_expr_holds(x, bits));
    for (uint32_t i = 0; i < x->leaves_len; i++) {
        buf_init(&out, MiB(16));
        asset_expr_describe(x, bits, &out);
        /* It lacks something exactly as long as it does not hold. */
        FUZZ_CHECK((out.len == 0) == asset_expr_holds(x, bits) || buf_status(&out) != 0);
        buf_fini(&out);
        bits[i / 64] |= UINT64_C(1) << (i % 64);
    }
    FUZZ_CHECK(asset_expr_holds(x, bits));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *end = memchr(data, '\n', n);
    size_t line = end != NULL ? (size_t)(end - data) : n;
    char key[400] = "", out[PARTITION_KEY_MAX];
    struct partition_map *m;
    struct value *v = NULL;
    struct arena a;
    struct err e = {0};
    int rc;

    arena_init(&a, MiB(64));
    if (end != NULL && n - line - 1 < sizeof key) {
        memcpy(key, end + 1, n - line - 1);
    }
    if (value_parse(&a, (const char *)data, line, &v, &e) == 0 && v->kind == VALUE_OBJECT) {
        condition(&a, v);
        rc = partition_map_parse(&a, v, &m, &e);
        rc = rc == 0 ? partition_map_key(m, "a", "b", key, out, &e) : rc;
        FUZZ_CHECK(rc == 0 ? strlen(out) < PARTITION_KEY_MAX : e.text[0] != 0);
    }
    arena_fini(&a);
    return 0;
}
