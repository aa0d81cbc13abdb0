#include <string.h>

#include "operators/plugins.h"
#include "operators/table.h"

static const struct operator_impl *const all[] = {
    &op_bash,      &op_python,    &op_branch,    &op_short_circuit, &op_empty,
    &op_wait_time, &op_wait_file, &op_wait_http, &op_function,
};

const struct operator_impl *operator_find(const char *name)
{
    const struct operator_plugin *p;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    p = operators_plugin_find(name);
    return p != NULL ? &p->impl : NULL;
}
