/* What looks at whole trees: copy, comparison, canonical form. Recursion is bounded: nothing deeper
 * than TREE_DEPTH. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#define TREE_DEPTH 64

/* The order of a canonical object: by key bytes; of equal keys the one written later is last, and
 * it alone counts. */
static int compare_keys(const struct value_key *x, const struct value_key *y)
{
    size_t n = x->len < y->len ? x->len : y->len;
    int c = n != 0 ? memcmp(x->text, y->text, n) : 0;

    if (c != 0) {
        return c;
    }
    return (x->len > y->len) - (x->len < y->len);
}

struct sort_item {
    const struct value_key *key;
    size_t index;
};

static int compare_items(const void *px, const void *py)
{
    const struct sort_item *x = px, *y = py;
    int c = compare_keys(x->key, y->key);

    return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

/* The members in order of their keys, each once (the last of equal ones). *ret: mem_free. */
static int sorted_members(const struct value *object, struct sort_item **ret, size_t *ret_n)
{
    struct sort_item *items = mem_array(object->len, sizeof *items);
    size_t n = 0;

    if (items == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < object->len; i++) {
        items[i] = (struct sort_item){&object->keys[i], i};
    }
    qsort(items, object->len, sizeof *items,
          compare_items); /* no two are equal: the index decides */
    for (size_t i = 0; i < object->len; i++) {
        if (i + 1 < object->len && compare_keys(items[i].key, items[i + 1].key) == 0) {
            continue;
        }
        items[n++] = items[i];
    }
    *ret = items;
    *ret_n = n;
    return 0;
}

static int canonical(const struct value *v, struct buf *out, int depth);

static int canonical_object(const struct value *v, struct buf *out, int depth)
{
    MEM_CLEANUP struct sort_item *items = NULL;
    size_t n;
    int rc = sorted_members(v, &items, &n);

    if (rc != 0) {
        return rc;
    }
    (void)buf_char(out, '{');
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct json_writer w;

        if (i != 0) {
            (void)buf_char(out, ',');
        }
        json_writer_init(&w, out, 0);
        json_string_n(&w, items[i].key->text, items[i].key->len);
        (void)buf_char(out, ':');
        rc = canonical(v->elems[items[i].index], out, depth + 1);
    }
    (void)buf_char(out, '}');
    return rc;
}

static int canonical(const struct value *v, struct buf *out, int depth)
{
    struct json_writer w;
    int rc = 0;

    if (depth > TREE_DEPTH) {
        return -ERR_LIMIT;
    }
    if (v->kind == VALUE_OBJECT) {
        return canonical_object(v, out, depth);
    }
    if (v->kind == VALUE_ARRAY) {
        (void)buf_char(out, '[');
        for (size_t i = 0; i < v->len && rc == 0; i++) {
            if (i != 0) {
                (void)buf_char(out, ',');
            }
            rc = canonical(v->elems[i], out, depth + 1);
        }
        (void)buf_char(out, ']');
        return rc;
    }
    json_writer_init(&w, out, 0);
    json_value(&w, v);
    return 0;
}

int value_canonical(const struct value *v, struct buf *out)
{
    int rc = canonical(v, out, 0);

    return rc != 0 ? rc : buf_status(out);
}

/* ---- equality ---- */

static bool equal(const struct value *x, const struct value *y, int depth);

static bool equal_objects(const struct value *x, const struct value *y, int depth)
{
    MEM_CLEANUP struct sort_item *xs = NULL;
    MEM_CLEANUP struct sort_item *ys = NULL;
    size_t xn, yn;

    if (sorted_members(x, &xs, &xn) != 0 || sorted_members(y, &ys, &yn) != 0 || xn != yn) {
        return false; /* out of memory counts as different: the caller does its work once more */
    }
    for (size_t i = 0; i < xn; i++) {
        if (compare_keys(xs[i].key, ys[i].key) != 0 ||
            !equal(x->elems[xs[i].index], y->elems[ys[i].index], depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool equal(const struct value *x, const struct value *y, int depth)
{
    if (x->kind != y->kind || depth > TREE_DEPTH) {
        return false;
    }
    switch (x->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return x->boolean == y->boolean;
    case VALUE_NUMBER:
    case VALUE_STRING:
        return x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
    case VALUE_ARRAY:
        for (size_t i = 0; i < x->len && x->len == y->len; i++) {
            if (!equal(x->elems[i], y->elems[i], depth + 1)) {
                return false;
            }
        }
        return x->len == y->len;
    case VALUE_OBJECT:
        return equal_objects(x, y, depth);
    }
    return false;
}

bool value_equal(const struct value *x, const struct value *y)
{
    return equal(x, y, 0);
}

/* ---- copy ---- */

static int copy_into(struct arena *a, const struct value *v, struct value **ret, int depth);

static int copy_members(struct arena *a, const struct value *v, struct value *to, int depth)
{
    for (size_t i = 0; i < v->len; i++) {
        struct value *elem = NULL;
        int rc = copy_into(a, v->elems[i], &elem, depth + 1);

        if (rc == 0 && v->kind == VALUE_OBJECT) {
            struct value_key k = v->keys[i];

            k.text = arena_strndup(a, k.text, k.len);
            rc = k.text != NULL ? value_set_key(a, to, &k, elem) : -ERR_NOMEM;
        } else if (rc == 0) {
            rc = value_append(a, to, elem);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int copy_into(struct arena *a, const struct value *v, struct value **ret, int depth)
{
    struct value *to;

    if (depth > TREE_DEPTH) {
        return -ERR_LIMIT;
    }
    to = value_new(a, v->kind);
    if (to == NULL) {
        return -ERR_NOMEM;
    }
    to->line = v->line;
    to->col = v->col;
    to->boolean = v->boolean;
    *ret = to;
    if (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) {
        return copy_members(a, v, to, depth);
    }
    if (v->text != NULL) {
        to->text = arena_strndup(a, v->text, v->len);
        to->len = v->len;
        return to->text != NULL ? 0 : -ERR_NOMEM;
    }
    return 0;
}

int value_copy(struct arena *a, const struct value *v, struct value **ret)
{
    return copy_into(a, v, ret, 0);
}
