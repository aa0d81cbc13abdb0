#include "cli/waiting.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/asset_expr.h"
#include "store/store.h"

#define NAMED_MAX 20 /* assets that are there, named */

struct reading {
    const struct asset_expr *expr;
    const struct asset_queue_shape *shapes;
    size_t shapes_len;
    uint64_t *bits;
    struct arena *a;
};

static const char *type_of(const struct value *schedule)
{
    const struct value *v =
        schedule != NULL && schedule->kind == VALUE_OBJECT ? value_get(schedule, "type") : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : "";
}

bool waiting_is_schedule(const struct value *schedule)
{
    const char *type = type_of(schedule);

    return strcmp(type, "assets") == 0 || strcmp(type, "partitioned_assets") == 0 ||
           strcmp(type, "asset_or_time") == 0;
}

static void set_bits(struct reading *r, const struct asset_queue_shape *x)
{
    for (uint32_t i = 0; i < r->expr->leaves_len; i++) {
        if (asset_leaf_is(&r->expr->leaves[i], x->name, x->uri, x->aliases, x->aliases_len)) {
            r->bits[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
}

/* Shapes first to end - 1 are of one partition. */
static int fill(struct reading *r, size_t first, size_t end, struct waiting_row *ret)
{
    struct buf there BUF_CLEANUP, missing BUF_CLEANUP;

    buf_init(&there, MiB(4));
    buf_init(&missing, MiB(16));
    memset(r->bits, 0, ASSET_BITS_WORDS(r->expr->leaves_len) * sizeof r->bits[0]);
    for (size_t i = first; i < end; i++) {
        const struct asset_queue_shape *x = &r->shapes[i];

        set_bits(r, x);
        ret->events += x->count;
        if (i - first < NAMED_MAX) {
            (void)buf_printf(&there, "%sasset %s (%lld event%s)", i > first ? ", " : "", x->name,
                             (long long)x->count, x->count == 1 ? "" : "s");
        } else if (i - first == NAMED_MAX) {
            (void)buf_printf(&there, " and %zu more", end - i);
        }
    }
    asset_expr_describe(r->expr, r->bits, &missing);
    ret->there = arena_strdup(r->a, buf_cstr(&there));
    ret->missing = arena_strdup(r->a, buf_cstr(&missing));
    return buf_status(&there) == 0 && buf_status(&missing) == 0 && ret->there != NULL &&
                   ret->missing != NULL
               ? 0
               : -ERR_NOMEM;
}

static int make_rows(struct reading *r, bool by_partition, struct waiting_row **ret,
                     size_t *ret_len)
{
    struct waiting_row *rows = arena_array(r->a, r->shapes_len + 1, sizeof *rows);
    size_t n = 0, end;
    int rc = rows != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < r->shapes_len; i = end) {
        const char *partition = r->shapes[i].partition;

        for (end = i + 1; end < r->shapes_len && strcmp(r->shapes[end].partition, partition) == 0;
             end++) {
        }
        rows[n].partition = by_partition ? partition : NULL;
        rc = fill(r, i, end, &rows[n++]);
    }
    if (rc == 0 && n == 0) {
        rc = fill(r, 0, 0, &rows[n++]);
    }
    *ret = rows;
    *ret_len = n;
    return rc;
}

int waiting_rows(struct store *s, int64_t dag_key, const struct value *schedule, struct arena *a,
                 struct waiting_row **ret, size_t *ret_len, struct err *e)
{
    struct reading r = {.a = a};
    struct asset_queue_shape *shapes = NULL;
    int rc = asset_expr_parse(a, value_get(schedule, "condition"), &r.expr, e);

    if (rc == 0 && s != NULL) {
        rc = s->ops->get_asset_queue(s, dag_key, a, &shapes, &r.shapes_len, e);
    }
    if (rc != 0) {
        return rc;
    }
    r.shapes = shapes;
    r.bits = arena_array(a, ASSET_BITS_WORDS(r.expr->leaves_len) + 1, sizeof r.bits[0]);
    rc = r.bits != NULL
             ? make_rows(&r, strcmp(type_of(schedule), "partitioned_assets") == 0, ret, ret_len)
             : -ERR_NOMEM;
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "out of memory for what a DAG waits for");
}

void waiting_words(const struct waiting_row *r, struct buf *out)
{
    if (r->missing[0] != '\0') {
        (void)buf_printf(out, "waits for %s", r->missing);
    } else {
        (void)buf_str(out, "has all that it waits for");
    }
    if (r->there[0] != '\0') {
        (void)buf_printf(out, "; there: %s", r->there);
    }
}

void waiting_put(struct store *s, const char *dag_id, const char *what, struct buf *out)
{
    struct asset_consumer_row *all = NULL;
    struct waiting_row *rows = NULL;
    struct value *schedule;
    struct arena a;
    size_t n = 0, len = 0;

    arena_init(&a, MiB(256));
    if (s->ops->get_asset_consumers(s, &a, &all, &n, NULL) != 0) {
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(all[i].dag_id, dag_id) == 0 &&
            value_parse(&a, all[i].schedule, strlen(all[i].schedule), &schedule, NULL) == 0 &&
            waiting_rows(s, all[i].dag_key, schedule, &a, &rows, &len, NULL) != 0) {
            len = 0;
        }
    }
    for (size_t i = 0; i < len; i++) {
        (void)buf_str(out, what);
        if (rows[i].partition != NULL) {
            (void)buf_printf(out, " (partition %s)", rows[i].partition);
        }
        (void)buf_char(out, ' ');
        waiting_words(&rows[i], out);
        (void)buf_char(out, '\n');
    }
    arena_fini(&a);
}
