/* tradewind-schema: writes schema/dag.schema.json to standard output. */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "model/document.h"
#include "operators/operators.h"

int main(void)
{
    struct buf out BUF_CLEANUP;
    int rc;

    buf_init(&out, MiB(16));
    rc = document_schema(operators_table(), &out);
    if (rc != 0 || fwrite(out.p, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        (void)fprintf(stderr, "tradewind-schema: %s\n", rc != 0 ? err_text(rc) : "cannot write");
        return 1;
    }
    return 0;
}
