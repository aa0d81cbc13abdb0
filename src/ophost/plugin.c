/* A shared object and what it says of itself. */
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "ophost/ophost.h"

static int check_name(const char *name, struct err *e)
{
    size_t n = name != NULL ? strlen(name) : 0;

    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            n = 0;
        }
    }
    return n == 0 || n > LIMIT_ID_BYTES
               ? err_set(e, ERR_INVALID, "its name is not made of letters, digits and '_'")
               : 0;
}

int ophost_load(const char *path, const struct tw_operator **ret, struct err *e)
{
    const struct tw_operator *(*get)(void);
    const struct tw_operator *op;
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (so == NULL) {
        return err_set(e, ERR_INVALID, "cannot be loaded: %s", dlerror());
    }
    *(void **)&get = dlsym(so, "tradewind_operator");
    if (get == NULL) {
        return err_set(e, ERR_INVALID, "does not export tradewind_operator");
    }
    op = get();
    if (op == NULL) {
        return err_set(e, ERR_INVALID, "tradewind_operator returned NULL");
    }
    if (op->abi_version != TW_OPERATOR_ABI) {
        return err_set(e, ERR_VERSION,
                       "was compiled for version %d of the operator interface; this program has "
                       "version %d: compile it again",
                       op->abi_version, TW_OPERATOR_ABI);
    }
    if (op->run == NULL || op->schema == NULL) {
        return err_set(e, ERR_INVALID, "has no run function or no schema");
    }
    *ret = op;
    return check_name(op->name, e);
}

int ophost_describe(const struct tw_operator *op, struct err *e)
{
    struct json_writer w;
    struct value *schema;
    struct arena a;
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, MiB(4));
    arena_init(&a, MiB(16));
    rc = value_parse(&a, op->schema, strlen(op->schema), &schema, e);
    if (rc != 0) {
        arena_fini(&a);
        return err_prefix(e, rc, "its schema");
    }
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "name");
    json_string(&w, op->name);
    json_key(&w, "doc");
    json_string(&w, op->doc);
    json_key(&w, "flags");
    json_int(&w, op->flags);
    json_key(&w, "schema");
    json_value(&w, schema);
    json_object_end(&w);
    arena_fini(&a);
    if (buf_status(&b) != 0 || fwrite(b.p, 1, b.len, stdout) != b.len || fflush(stdout) != 0) {
        return err_set(e, ERR_IO, "its description cannot be written");
    }
    return 0;
}
