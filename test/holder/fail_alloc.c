/* Linked into a holder of its own: makes its Nth allocation after setting up fail, N from the
 * environment. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

static void __attribute__((constructor)) fail_alloc(void)
{
    const char *n = getenv("TW_FAIL_ALLOC");

    if (n != NULL) {
        mem_fail_at(strtoull(n, NULL, 10), getenv("TW_FAIL_FOREVER") != NULL);
    }
}
