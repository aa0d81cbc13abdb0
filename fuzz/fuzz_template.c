/*
 * Templates on any bytes: compiling and rendering either work or fail with a code, text and
 * position; what renders does so again the same way, within the limit of its output.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "fuzz.h"
#include "template/template.h"

static const char variables[] =
    "{\"x\": 5, \"s\": \"a b\\u00e9\\u03a3\", \"logical_date\": \"2026-01-31T00:00:00.5Z\", "
    "\"params\": {\"n\": 7, \"f\": 2.5, \"l\": [3, 1, "
    "\"b\", null], \"d\": {\"k\": [1, {\"z\": true}]}}}";

static int pull(void *arg, const char *task_id, const char *key, struct arena *a,
                struct value **ret, struct err *e)
{
    (void)arg;
    (void)e;
    FUZZ_CHECK(key != NULL && (task_id == NULL || strlen(task_id) < 100000));
    *ret = value_string(a, key, strlen(key));
    return *ret != NULL ? 0 : -ERR_NOMEM;
}

static void render(const struct template *t)
{
    static const char *const times[] = {"logical_date", NULL};
    struct template_context c = {.times = times, .xcom_pull = pull};
    struct buf out BUF_CLEANUP, again BUF_CLEANUP;
    struct value *v = NULL;
    struct arena a;
    struct err e = {0};
    int rc;

    arena_init(&a, MiB(16));
    buf_init(&out, MiB(2));
    buf_init(&again, MiB(2));
    FUZZ_CHECK(value_parse(&a, variables, sizeof variables - 1, &v, &e) == 0);
    c.variables = v;
    rc = template_render(t, &c, &out, &e);
    if (rc != 0) {
        FUZZ_CHECK(e.code == rc && e.text[0] != 0 && e.line > 0);
    } else {
        FUZZ_CHECK(out.len <= LIMIT_TEMPLATE_OUTPUT);
        FUZZ_CHECK(template_render(t, &c, &again, &e) == 0);
        FUZZ_CHECK(out.len == again.len && (out.len == 0 || memcmp(out.p, again.p, out.len) == 0));
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *const *ids;
    struct template *t = NULL;
    struct arena a;
    struct err e = {0};
    size_t len;
    bool all;
    int rc = template_compile((const char *)data, n, &t, &e);

    (void)template_needed((const char *)data, n);
    if (rc != 0) {
        FUZZ_CHECK(rc == e.code && e.line > 0 && e.col > 0);
        return 0;
    }
    arena_init(&a, MiB(64));
    FUZZ_CHECK(template_xcom_tasks(t, &a, &ids, &len, &all) == 0);
    arena_fini(&a);
    render(t);
    template_free(t);
    return 0;
}
