/* Making and reading values; views of struct value are converted where they are touched. */
#include "template/tv.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "template/rt.h"

const char *tv_type_name(const struct tv *v)
{
    static const char *const names[] = {
        [TV_ABSENT] = "nothing",
        [TV_UNDEFINED] = "Undefined",
        [TV_NONE] = "NoneType",
        [TV_BOOL] = "bool",
        [TV_INT] = "int",
        [TV_FLOAT] = "float",
        [TV_STR] = "str",
        [TV_LIST] = "list",
        [TV_TUPLE] = "tuple",
        [TV_ITER] = "generator",
        [TV_RANGE] = "range",
        [TV_DICT] = "dict",
        [TV_NAMESPACE] = "Namespace",
        [TV_LOOP] = "LoopContext",
        [TV_OBJECT] = "object",
        [TV_TIME] = "DateTime",
        [TV_DATE] = "Date",
        [TV_DELTA] = "timedelta",
    };

    return v->kind == TV_VIEW ? v->list->view : names[v->kind];
}

static int from_number(struct rt *r, const struct value *v, struct tv *ret)
{
    int64_t i;

    if (strpbrk(v->text, ".eE") != NULL) {
        *ret = tv_float(strtod(v->text, NULL));
        return 0;
    }
    if (value_int(v, INT64_MIN, INT64_MAX, &i) != 0) {
        return rt_fail(r, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported: %.40s",
                       v->text);
    }
    *ret = tv_int(i);
    return 0;
}

int tv_from_value(struct rt *r, const struct value *v, const char *const *times, struct tv *ret)
{
    switch (v->kind) {
    case VALUE_NULL:
        *ret = tv_none();
        return 0;
    case VALUE_BOOL:
        *ret = tv_bool(v->boolean);
        return 0;
    case VALUE_NUMBER:
        return from_number(r, v, ret);
    case VALUE_STRING:
        *ret = tv_str(v->text, v->len);
        return 0;
    case VALUE_ARRAY:
        *ret = (struct tv){.kind = TV_LIST, .list = rt_alloc(r, sizeof(struct tv_list))};
        if (ret->list == NULL) {
            return rt_nomem(r);
        }
        ret->list->src = v;
        return 0;
    case VALUE_OBJECT:
        *ret = (struct tv){.kind = TV_DICT, .dict = rt_alloc(r, sizeof(struct tv_dict))};
        if (ret->dict == NULL) {
            return rt_nomem(r);
        }
        ret->dict->src = v;
        ret->dict->times = times;
        return 0;
    }
    return rt_fail(r, ERR_INVALID, "a value of no kind");
}

int tv_strdup(struct rt *r, const char *s, size_t n, struct tv *ret)
{
    char *p = rt_alloc(r, n + 1);

    if (p == NULL) {
        return rt_nomem(r);
    }
    memcpy(p, s, n);
    *ret = tv_str(p, n);
    return 0;
}

int tv_take_buf(struct rt *r, struct buf *b, struct tv *ret)
{
    int rc = rt_buf_check(r, b);

    rc = rc != 0 ? rc : tv_strdup(r, buf_cstr(b), b->len, ret);
    buf_fini(b);
    return rc;
}

int tv_list_new(struct rt *r, enum tv_kind kind, size_t cap, struct tv *ret)
{
    struct tv_list *l = rt_alloc(r, sizeof *l);

    if (l == NULL) {
        return rt_nomem(r);
    }
    if (cap > 0) {
        l->items = rt_alloc(r, cap * sizeof *l->items);
        if (l->items == NULL) {
            return rt_nomem(r);
        }
        l->cap = cap;
    }
    *ret = (struct tv){.kind = (uint8_t)kind, .list = l};
    return 0;
}

int tv_list_push(struct rt *r, struct tv *list, const struct tv *item)
{
    struct tv_list *l = list->list;
    int rc = rt_step(r, 1);

    if (rc != 0) {
        return rc;
    }
    if (l->len == l->cap) {
        size_t cap = l->cap == 0 ? 8 : l->cap * 2;
        struct tv *items = rt_alloc(r, cap * sizeof *items);

        if (items == NULL) {
            return rt_nomem(r);
        }
        if (l->len > 0) {
            memcpy(items, l->items, l->len * sizeof *items);
        }
        l->items = items;
        l->cap = cap;
    }
    l->items[l->len++] = *item;
    return 0;
}

size_t tv_list_len(const struct tv *list)
{
    return list->list->src != NULL ? list->list->src->len : list->list->len;
}

int tv_list_at(struct rt *r, const struct tv *list, size_t i, struct tv *ret)
{
    if (list->list->src != NULL) {
        return tv_from_value(r, list->list->src->elems[i], NULL, ret);
    }
    *ret = list->list->items[i];
    return 0;
}

int tv_dict_new(struct rt *r, struct tv *ret)
{
    *ret = (struct tv){.kind = TV_DICT, .dict = rt_alloc(r, sizeof(struct tv_dict))};
    return ret->dict == NULL ? rt_nomem(r) : 0;
}

static int find_index(struct rt *r, const struct tv_dict *d, const struct tv *key, size_t *ret)
{
    for (size_t i = 0; i < d->len; i++) {
        bool same;
        int rc = tv_equal(r, &d->keys[i], key, &same);

        if (rc != 0) {
            return rc;
        }
        if (same) {
            *ret = i;
            return 1;
        }
    }
    return 0;
}

static int check_hashable(struct rt *r, const struct tv *key)
{
    int rc = rt_defined(r, key);

    if (rc == 0 && (key->kind == TV_LIST || key->kind == TV_DICT)) {
        rc = rt_fail(r, ERR_INVALID, "unhashable type: '%s'", tv_type_name(key));
    }
    return rc;
}

int tv_dict_set(struct rt *r, struct tv *dict, const struct tv *key, const struct tv *value)
{
    struct tv_dict *d = dict->dict;
    size_t i = 0;
    int rc = check_hashable(r, key);

    rc = rc != 0 ? rc : rt_step(r, 1 + d->len / 8);
    rc = rc != 0 ? rc : find_index(r, d, key, &i);
    if (rc != 0) {
        if (rc == 1) {
            d->values[i] = *value;
        }
        return rc < 0 ? rc : 0;
    }
    if (d->len == d->cap) {
        size_t cap = d->cap == 0 ? 8 : d->cap * 2;
        struct tv *keys = rt_alloc(r, 2 * cap * sizeof *keys);

        if (keys == NULL) {
            return rt_nomem(r);
        }
        if (d->len > 0) {
            memcpy(keys, d->keys, d->len * sizeof *keys);
            memcpy(keys + cap, d->values, d->len * sizeof *keys);
        }
        d->keys = keys;
        d->values = keys + cap;
        d->cap = cap;
    }
    d->keys[d->len] = *key;
    d->values[d->len++] = *value;
    return 0;
}

size_t tv_dict_len(const struct tv *dict)
{
    return dict->dict->src != NULL ? dict->dict->src->len : dict->dict->len;
}

/* Member i of a view: a string in a member of a time's name is that time. */
static int member(struct rt *r, const struct tv_dict *d, size_t i, struct tv *ret)
{
    const struct value *v = d->src->elems[i];
    int64_t t;

    for (const char *const *n = d->times; v->kind == VALUE_STRING && n != NULL && *n != NULL; n++) {
        if (strcmp(*n, d->src->keys[i].text) == 0) {
            if (time_parse(v->text, v->len, &t) != 0) {
                return rt_fail(r, ERR_INVALID, "\"%s\" is not a time: %.40s", *n, v->text);
            }
            *ret = tv_of_kind(TV_TIME, t);
            return 0;
        }
    }
    return tv_from_value(r, v, NULL, ret);
}

int tv_dict_at(struct rt *r, const struct tv *dict, size_t i, struct tv *key, struct tv *value)
{
    const struct tv_dict *d = dict->dict;

    if (d->src != NULL) {
        *key = tv_str(d->src->keys[i].text, d->src->keys[i].len);
        return member(r, d, i, value);
    }
    *key = d->keys[i];
    *value = d->values[i];
    return 0;
}

int tv_dict_find_str(struct rt *r, const struct tv *dict, const char *key, size_t n, struct tv *ret)
{
    const struct tv_dict *d = dict->dict;
    struct tv k = tv_str(key, n);
    size_t i = 0;
    int rc;

    if (d->src == NULL) {
        rc = find_index(r, d, &k, &i);
        if (rc == 1) {
            *ret = d->values[i];
        }
        return rc;
    }
    for (i = d->src->len; i-- > 0;) {
        if (d->src->keys[i].len == n && memcmp(d->src->keys[i].text, key, n) == 0) {
            rc = member(r, d, i, ret);
            return rc != 0 ? rc : 1;
        }
    }
    return 0;
}

int tv_dict_find(struct rt *r, const struct tv *dict, const struct tv *key, struct tv *ret)
{
    size_t i = 0;
    int rc = check_hashable(r, key);

    if (rc != 0) {
        return rc;
    }
    if (key->kind == TV_STR) {
        return tv_dict_find_str(r, dict, key->s, key->n, ret);
    }
    if (dict->dict->src != NULL) {
        return 0;
    }
    rc = find_index(r, dict->dict, key, &i);
    if (rc == 1) {
        *ret = dict->dict->values[i];
    }
    return rc;
}

static int iterate_str(struct rt *r, const struct tv *v, struct tv *ret)
{
    size_t i = 0;
    int rc = tv_list_new(r, TV_LIST, utf8_count(v->s, v->n), ret);

    while (rc == 0 && i < v->n) {
        size_t from = i;
        struct tv c;

        (void)utf8_next(v->s, v->n, &i);
        c = tv_str(v->s + from, i - from);
        rc = tv_list_push(r, ret, &c);
    }
    return rc;
}

int tv_iterate(struct rt *r, const struct tv *v, struct tv *ret)
{
    struct tv key, value;
    int rc = v->markup ? 0 : rt_defined(r, v);

    if (rc != 0 || v->kind == TV_UNDEFINED) {
        return rc != 0 ? rc : tv_list_new(r, TV_LIST, 0, ret);
    }
    if (tv_is_list(v)) {
        if (v->kind == TV_ITER && v->list->spent) {
            return tv_list_new(r, TV_LIST, 0, ret);
        }
        v->list->spent = true;
        *ret = *v;
        ret->kind = TV_LIST;
        return 0;
    }
    if (v->kind == TV_STR) {
        return iterate_str(r, v, ret);
    }
    if (v->kind != TV_DICT) {
        return rt_fail(r, ERR_INVALID, "'%s' object is not iterable", tv_type_name(v));
    }
    rc = tv_list_new(r, TV_LIST, tv_dict_len(v), ret);
    for (size_t i = 0; rc == 0 && i < tv_dict_len(v); i++) {
        rc = tv_dict_at(r, v, i, &key, &value);
        rc = rc != 0 ? rc : tv_list_push(r, ret, &key);
    }
    return rc;
}
