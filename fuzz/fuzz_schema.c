/* JSON Schema: any [schema, value] gives an answer, in bounded work, with a text that is UTF-8 when it is no. */
#include "fuzz.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct value *v = NULL;
    struct err e = {0};

    arena_init(&a, (size_t)64 << 20);
    if (value_parse(&a, (const char *)data, n, &v, NULL) == 0 && v->kind == VALUE_ARRAY &&
        v->len == 2) {
        int rc = schema_check(v->elems[0], v->elems[1], &e);

        FUZZ_CHECK(rc == 0 || rc == -ERR_INVALID || rc == -ERR_UNSUPPORTED || rc == -ERR_LIMIT ||
                   rc == -ERR_NOMEM);
        FUZZ_CHECK(rc == 0 || (e.text[0] != '\0' && utf8_valid(e.text, strlen(e.text))));
    }
    arena_fini(&a);
    return 0;
}
