/*
 * The JSON reader, writer and value tree on any bytes. What parses must survive: written and read
 * again it is the same value with the same canonical form, and so is its copy.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "fuzz.h"

static void check(const struct value *v)
{
    struct value *again = NULL, *copy = NULL;
    struct buf text BUF_CLEANUP, canonical BUF_CLEANUP, canonical2 BUF_CLEANUP;
    struct json_writer w;
    struct arena a;
    struct err e;

    arena_init(&a, MiB(256));
    buf_init(&text, MiB(64));
    buf_init(&canonical, MiB(64));
    buf_init(&canonical2, MiB(64));
    json_writer_init(&w, &text, 2);
    json_value(&w, v);
    FUZZ_CHECK(buf_status(&text) == 0);
    FUZZ_CHECK(value_parse(&a, text.p, text.len, &again, &e) == 0);
    FUZZ_CHECK(value_equal(v, again));
    FUZZ_CHECK(value_copy(&a, v, &copy) == 0 && value_equal(v, copy));
    FUZZ_CHECK(value_canonical(v, &canonical) == 0 && value_canonical(again, &canonical2) == 0);
    FUZZ_CHECK(canonical.len == canonical2.len &&
               memcmp(canonical.p, canonical2.p, canonical.len) == 0);
    FUZZ_CHECK(value_parse(&a, canonical.p, canonical.len, &again, &e) == 0 &&
               value_equal(v, again));
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct value *v = NULL;
    struct arena a;
    struct err e = {0};
    int rc;

    arena_init(&a, MiB(256));
    rc = value_parse(&a, (const char *)data, n, &v, &e);
    if (rc == 0) {
        check(v);
    } else {
        FUZZ_CHECK(rc == e.code && e.line > 0 && e.col > 0);
    }
    arena_fini(&a);
    return 0;
}
