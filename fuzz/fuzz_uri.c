/*
 * URIs of connections: any text. What is read is valid text, and written again and read back it is the same connection; its extra is so as
 * a value. What cannot be read has an error that tells nothing of it.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "secret/connection.h"

static bool same_extra(struct arena *a, const struct value *x, const struct value *y)
{
    struct value *v = NULL, *w = NULL;
    struct err e;

    if (x->len == y->len && memcmp(x->text, y->text, x->len) == 0) {
        return true;
    }
    return value_parse(a, x->text, x->len, &v, &e) == 0 &&
           value_parse(a, y->text, y->len, &w, &e) == 0 && value_equal(v, w);
}

static void check(struct arena *a, const struct value *c)
{
    struct value *again = NULL;
    struct buf uri BUF_CLEANUP;
    struct err e = {0};

    buf_init(&uri, MiB(64));
    FUZZ_CHECK(connection_to_uri(c, &uri) == 0);
    FUZZ_CHECK(connection_parse_uri(buf_cstr(&uri), a, &again, &e) == 0);
    for (const char *const *p = connection_members; *p != NULL; p++) {
        const struct value *x = value_get(c, *p), *y = value_get(again, *p);

        if (x != NULL && x->kind == VALUE_STRING) {
            FUZZ_CHECK(utf8_valid(x->text, x->len) && strlen(x->text) == x->len);
        }
        if (x == NULL && y != NULL && strcmp(*p, "login") == 0 && y->len == 0) {
            continue; /* a port alone is written as `@:80`, as Airflow does */
        }
        FUZZ_CHECK((x == NULL) == (y == NULL));
        if (x != NULL && strcmp(*p, "extra") == 0) {
            FUZZ_CHECK(same_extra(a, x, y));
        } else if (x != NULL) {
            FUZZ_CHECK(value_equal(x, y));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct value *c = NULL;
    struct arena a;
    struct err e = {0};
    char *text;
    int rc;

    arena_init(&a, MiB(256));
    text = arena_strndup(&a, (const char *)data, n);
    FUZZ_CHECK(text != NULL);
    rc = connection_parse_uri(text, &a, &c, &e);
    if (rc == 0 && value_get(c, "conn_type") == NULL) {
        /* one without a type has no URI that can be read, in Airflow neither */
    } else if (rc == 0 && utf8_valid(text, strlen(text))) {
        check(&a, c);
    } else if (rc != 0) {
        FUZZ_CHECK(rc == e.code && strstr(err_str(&e), "type://login:password@host") != NULL);
    }
    (void)connection_parse(text, strlen(text), &a, &c, &e);
    arena_fini(&a);
    return 0;
}
