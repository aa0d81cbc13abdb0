/*
 * Wire frames from any bytes, cut anywhere: the frames taken do not depend on the cuts, and what is
 * a message parses and can be framed again. The first byte seeds the cuts.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/wire.h"
#include "fuzz.h"

static void check_message(const char *body, size_t n)
{
    const struct value *v = NULL;
    const char *type = NULL;
    struct arena a;
    struct err e = {0};
    int rc;

    arena_init(&a, MiB(64));
    rc = wire_parse(&a, body, n, &v, &type, &e);
    FUZZ_CHECK(rc == 0 ? v != NULL && type != NULL && v->kind == VALUE_OBJECT
                       : rc == -ERR_PROTOCOL || rc == -ERR_NOMEM);
    arena_fini(&a);
}

/* Feeds data in pieces; gives the bodies in one buffer, each after its length, and how the stream
 * ended. */
static int frames(const uint8_t *data, size_t n, size_t piece, struct buf *bodies)
{
    struct wire_reader r;
    int rc = 0;

    wire_reader_init(&r);
    for (size_t at = 0; at < n && rc == 0; at += piece) {
        const char *body;
        size_t len;

        FUZZ_CHECK(wire_reader_put(&r, data + at, piece < n - at ? piece : n - at) == 0);
        while ((rc = wire_reader_next(&r, &body, &len)) == 1) {
            FUZZ_CHECK(len != 0 && len <= LIMIT_MESSAGE && body[-4] == (char)(len & 255));
            check_message(body, len);
            FUZZ_CHECK(wire_append(bodies, body, len) == 0);
        }
        FUZZ_CHECK(rc == 0 || rc == -ERR_PROTOCOL);
    }
    wire_reader_fini(&r);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole BUF_CLEANUP = {0}, cut BUF_CLEANUP = {0};

    if (n == 0) {
        return 0;
    }
    buf_init(&whole, MiB(64));
    buf_init(&cut, MiB(64));
    FUZZ_CHECK(frames(data + 1, n - 1, n, &whole) ==
               frames(data + 1, n - 1, (size_t)data[0] % 37 + 1, &cut));
    FUZZ_CHECK(whole.len == cut.len && (whole.len == 0 || memcmp(whole.p, cut.p, whole.len) == 0));
    FUZZ_CHECK(whole.len <= n - 1 && (whole.len == 0 || memcmp(whole.p, data + 1, whole.len) == 0));
    return 0;
}
