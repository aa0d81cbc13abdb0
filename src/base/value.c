/*
 * Trees of values. Arrays and objects have no capacity field: an array of len n has room for
 * capacity(n), the next power of two and at least 2, so that appending is amortised and every maker
 * of arrays must follow the rule.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

static size_t capacity(size_t len)
{
    size_t cap = 2;

    while (cap < len) {
        cap *= 2;
    }
    return cap;
}

struct value *value_new(struct arena *a, enum value_kind kind)
{
    struct value *v = arena_alloc(a, sizeof *v);

    if (v != NULL) {
        v->kind = kind;
    }
    return v;
}

struct value *value_string(struct arena *a, const char *text, size_t n)
{
    struct value *v = value_new(a, VALUE_STRING);

    if (v != NULL) {
        v->text = arena_strndup(a, text, n);
        v->len = n;
    }
    return v != NULL && v->text != NULL ? v : NULL;
}

struct value *value_number_text(struct arena *a, const char *text)
{
    struct value *v = value_string(a, text, strlen(text));

    if (v != NULL) {
        v->kind = VALUE_NUMBER;
    }
    return v;
}

struct value *value_bool(struct arena *a, bool b)
{
    struct value *v = value_new(a, VALUE_BOOL);

    if (v != NULL) {
        v->boolean = b;
    }
    return v;
}

/* Makes room for one more: the array is full when len is 0 or the capacity itself. */
static int grow(struct arena *a, void **items, size_t len, size_t size)
{
    void *p;

    if (len != 0 && capacity(len) > len) {
        return 0;
    }
    p = arena_array(a, capacity(len + 1), size);
    if (p == NULL) {
        return -ERR_NOMEM;
    }
    if (len != 0) {
        memcpy(p, *items, len * size);
    }
    *items = p;
    return 0;
}

int value_append(struct arena *a, struct value *array, struct value *elem)
{
    void *p = array->elems;

    assert(array->kind == VALUE_ARRAY || array->kind == VALUE_OBJECT);
    if (elem == NULL || grow(a, &p, array->len, sizeof *array->elems) != 0) {
        return -ERR_NOMEM;
    }
    array->elems = p;
    array->elems[array->len++] = elem;
    return 0;
}

int value_set_key(struct arena *a, struct value *object, const struct value_key *key,
                  struct value *member)
{
    void *keys = object->keys, *elems = object->elems;

    assert(object->kind == VALUE_OBJECT);
    if (member == NULL || grow(a, &keys, object->len, sizeof *object->keys) != 0 ||
        grow(a, &elems, object->len, sizeof *object->elems) != 0) {
        return -ERR_NOMEM;
    }
    object->keys = keys;
    object->elems = elems;
    object->keys[object->len] = *key;
    object->elems[object->len++] = member;
    return 0;
}

int value_set(struct arena *a, struct value *object, const char *key, struct value *member)
{
    struct value_key k = {.len = strlen(key)};

    k.text = arena_strndup(a, key, k.len);
    return k.text == NULL ? -ERR_NOMEM : value_set_key(a, object, &k, member);
}

struct value *value_get(const struct value *object, const char *key)
{
    size_t n = strlen(key);

    if (object == NULL || object->kind != VALUE_OBJECT) {
        return NULL;
    }
    for (size_t i = object->len; i-- > 0;) {
        if (object->keys[i].len == n && memcmp(object->keys[i].text, key, n) == 0) {
            return object->elems[i];
        }
    }
    return NULL;
}

int value_int(const struct value *v, int64_t min, int64_t max, int64_t *ret)
{
    char *end;
    long long x;

    if (v == NULL || v->kind != VALUE_NUMBER || v->len == 0 || strpbrk(v->text, ".eE") != NULL) {
        return -ERR_INVALID;
    }
    errno = 0;
    x = strtoll(v->text, &end, 10);
    if (errno != 0 || *end != '\0' || x < min || x > max) {
        return -ERR_INVALID;
    }
    *ret = x;
    return 0;
}

int value_double(const struct value *v, double *ret)
{
    char *end;
    double d;

    if (v == NULL || v->kind != VALUE_NUMBER || v->len == 0) {
        return -ERR_INVALID;
    }
    d = strtod(v->text, &end); /* the program never leaves the C locale */
    if (*end != '\0' || !isfinite(d)) {
        return -ERR_INVALID;
    }
    *ret = d;
    return 0;
}

const char *value_kind_name(enum value_kind k)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};

    return names[k];
}

/* ---- parsing ---- */

/* The containers that are open, innermost last, and the key that waits for its value in each. */
struct open_level {
    struct value *v;
    struct value_key key;
};

struct parser {
    struct arena *a;
    struct json_reader *r;
    struct open_level stack[LIMIT_JSON_DEPTH];
    int depth;
    struct value *root;
};

static struct value *make(struct parser *p, int ev, const char *text, size_t n)
{
    struct value *v;

    switch (ev) {
    case JSON_STRING:
    case JSON_NUMBER:
        v = value_string(p->a, text, n);
        if (v != NULL && ev == JSON_NUMBER) {
            v->kind = VALUE_NUMBER;
        }
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        v = value_bool(p->a, ev == JSON_TRUE);
        break;
    case JSON_ARRAY_START:
        v = value_new(p->a, VALUE_ARRAY);
        break;
    case JSON_OBJECT_START:
        v = value_new(p->a, VALUE_OBJECT);
        break;
    default:
        v = value_new(p->a, VALUE_NULL);
        break;
    }
    if (v != NULL) {
        json_position(p->r, &v->line, &v->col);
    }
    return v;
}

static int add(struct parser *p, struct value *v)
{
    struct open_level *top = p->depth > 0 ? &p->stack[p->depth - 1] : NULL;

    if (v == NULL) {
        return -ERR_NOMEM;
    }
    if (top == NULL) {
        p->root = v;
        return 0;
    }
    return top->v->kind == VALUE_ARRAY ? value_append(p->a, top->v, v)
                                       : value_set_key(p->a, top->v, &top->key, v);
}

/* One event; 1 when the document is complete. */
static int parse_event(struct parser *p, struct err *e)
{
    const char *text = NULL;
    size_t n = 0;
    int ev = json_next(p->r, &text, &n, e);
    struct value *v;

    if (ev <= JSON_END) {
        return ev == JSON_END ? 1 : ev;
    }
    if (ev == JSON_KEY) {
        struct value_key *k = &p->stack[p->depth - 1].key;

        *k = (struct value_key){.text = arena_strndup(p->a, text, n), .len = n};
        json_position(p->r, &k->line, &k->col);
        return k->text != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    }
    if (ev == JSON_ARRAY_END || ev == JSON_OBJECT_END) {
        p->depth--;
        return 0;
    }
    v = make(p, ev, text, n);
    if (add(p, v) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (ev == JSON_ARRAY_START || ev == JSON_OBJECT_START) {
        assert(p->depth < LIMIT_JSON_DEPTH);
        p->stack[p->depth++].v = v;
    }
    return 0;
}

int value_parse(struct arena *a, const char *input, size_t n, struct value **ret, struct err *e)
{
    struct parser p = {.a = a, .r = json_reader_new(input, n)};
    int rc;

    if (p.r == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    do {
        rc = parse_event(&p, e);
    } while (rc == 0);
    json_reader_free(p.r);
    if (rc < 0) {
        return rc;
    }
    *ret = p.root;
    return 0;
}
