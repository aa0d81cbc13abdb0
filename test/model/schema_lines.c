/* For test_schema.py: each line of standard input is [schema, value]; a line of output says "ok", or the error's name and text. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "model/schema.h"

int main(void)
{
    static char line[1 << 20];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct arena a;
        struct value *v;
        struct err e = {0};
        int rc;

        arena_init(&a, (size_t)64 << 20);
        rc = value_parse(&a, line, strcspn(line, "\n"), &v, &e);
        rc = rc == 0 ? schema_check(v->elems[0], v->elems[1], &e) : rc;
        if (rc == 0) {
            (void)printf("ok\n");
        } else {
            (void)printf("%s %s\n", err_name(rc), e.text);
        }
        arena_fini(&a);
    }
    return 0;
}
