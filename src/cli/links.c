/* Links of operators to other systems: XComs named `_link_NAME`, which the runner keeps as they are. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/lookup.h"
#include "cli/print.h"

static const char prefix[] = "_link_";

static void print_link(struct found *f, const struct ti_key *key, const char *name, struct buf *out)
{
    struct store *s = f->store;
    struct value *v = NULL;
    struct xcom_row row;

    /* A spilled one is no address. */
    if (s->ops->get_xcom(s, key, name, &f->arena, &row, NULL) != 0 || row.value == NULL ||
        value_parse(&f->arena, row.value, row.value_len, &v, NULL) != 0 ||
        v->kind != VALUE_STRING) {
        return;
    }
    (void)buf_printf(out, "Link %s: %s\n", name + strlen(prefix), v->text);
}

void print_links(struct found *f, uint32_t task, int map_index, struct buf *out)
{
    struct ti_key key = {f->run.run_key, task, (int32_t)map_index};
    struct xcom_row *rows;
    size_t n = 0;

    if (f->store->ops->get_xcoms(f->store, &key, &f->arena, &rows, &n, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (strncmp(rows[i].name, prefix, strlen(prefix)) == 0) {
            print_link(f, &key, rows[i].name, out);
        }
    }
}
