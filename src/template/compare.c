/* Truth, equality, order and membership, as Python has them. */
#include <string.h>

#include "base/limits.h"
#include "template/rt.h"

int tv_truth(struct rt *r, const struct tv *v, bool *ret)
{
    int rc = v->markup ? 0 : rt_defined(r, v);

    *ret = true;
    switch (v->kind) {
    case TV_UNDEFINED:
    case TV_NONE:
        *ret = false;
        break;
    case TV_BOOL:
        *ret = v->b;
        break;
    case TV_INT:
    case TV_DELTA:
        *ret = v->i != 0;
        break;
    case TV_FLOAT:
        *ret = v->f < 0 || v->f > 0 || v->f != v->f;
        break;
    case TV_STR:
        *ret = v->n > 0;
        break;
    case TV_LIST:
    case TV_TUPLE:
    case TV_VIEW:
    case TV_RANGE:
        *ret = tv_list_len(v) > 0;
        break;
    case TV_DICT:
        *ret = tv_dict_len(v) > 0;
        break;
    default:
        break;
    }
    return rc;
}

/* -1, 0, 1; 2 when one is not a number. Exact between int and double. */
static int number_cmp(const struct tv *x, const struct tv *y)
{
    double a, b;

    if (tv_is_int(x) && tv_is_int(y)) {
        int64_t i = tv_as_int(x), j = tv_as_int(y);

        return i < j ? -1 : i > j;
    }
    a = tv_as_double(x);
    b = tv_as_double(y);
    if (a != a || b != b) {
        return 2;
    }
    if (a < b || a > b) {
        return a < b ? -1 : 1;
    }
    /* Equal as doubles: an int beyond 2^53 may still differ. */
    if (tv_is_int(x) != tv_is_int(y) && a < 9.2e18 && a > -9.2e18) {
        int64_t i = tv_is_int(x) ? tv_as_int(x) : (int64_t)a;
        int64_t j = tv_is_int(y) ? tv_as_int(y) : (int64_t)b;

        return i < j ? -1 : i > j;
    }
    return 0;
}

static int equal(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret);

static int equal_lists(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret)
{
    size_t n = tv_list_len(x);
    struct tv a, b;
    int rc = 0;

    *ret = n == tv_list_len(y);
    for (size_t i = 0; rc == 0 && *ret && i < n; i++) {
        rc = tv_list_at(r, x, i, &a);
        rc = rc != 0 ? rc : tv_list_at(r, y, i, &b);
        rc = rc != 0 ? rc : equal(r, &a, &b, depth + 1, ret);
    }
    return rc;
}

static int equal_dicts(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret)
{
    struct tv key, a, b;
    int rc = 0;

    *ret = tv_dict_len(x) == tv_dict_len(y);
    for (size_t i = 0; rc == 0 && *ret && i < tv_dict_len(x); i++) {
        rc = tv_dict_at(r, x, i, &key, &a);
        rc = rc != 0 ? rc : tv_dict_find(r, y, &key, &b);
        if (rc <= 0) {
            *ret = false;
        } else {
            rc = equal(r, &a, &b, depth + 1, ret);
        }
    }
    return rc;
}

static int equal(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret)
{
    int rc = rt_step(r, 1);

    *ret = false;
    rc = rc != 0 ? rc : rt_defined(r, x);
    rc = rc != 0 ? rc : rt_defined(r, y);
    if (rc != 0) {
        return rc;
    }
    if (depth > LIMIT_TEMPLATE_TREE) {
        return rt_fail(r, ERR_LIMIT, "a value nested deeper than %d", LIMIT_TEMPLATE_TREE);
    }
    if (tv_is_number(x) && tv_is_number(y)) {
        *ret = number_cmp(x, y) == 0;
        return 0;
    }
    if (x->kind != y->kind) {
        return 0;
    }
    switch (x->kind) {
    case TV_NONE:
        *ret = true;
        return 0;
    case TV_STR:
        *ret = x->n == y->n && memcmp(x->s, y->s, x->n) == 0;
        return 0;
    case TV_LIST:
    case TV_TUPLE:
    case TV_RANGE:
        return equal_lists(r, x, y, depth, ret);
    case TV_DICT:
        return equal_dicts(r, x, y, depth, ret);
    case TV_TIME:
    case TV_DATE:
    case TV_DELTA:
        *ret = x->i == y->i;
        return 0;
    case TV_VIEW:
        return rt_fail(r, ERR_UNSUPPORTED, "comparing dict views is not supported");
    default:
        *ret = x->list == y->list;
        return 0;
    }
}

int tv_equal(struct rt *r, const struct tv *x, const struct tv *y, bool *ret)
{
    return equal(r, x, y, 0, ret);
}

static int less(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret);

static int less_lists(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret)
{
    size_t n = tv_list_len(x), m = tv_list_len(y);
    struct tv a, b;
    bool same;

    for (size_t i = 0; i < n && i < m; i++) {
        int rc = tv_list_at(r, x, i, &a);

        rc = rc != 0 ? rc : tv_list_at(r, y, i, &b);
        rc = rc != 0 ? rc : equal(r, &a, &b, depth + 1, &same);
        if (rc != 0) {
            return rc;
        }
        if (!same) {
            return less(r, &a, &b, depth + 1, ret);
        }
    }
    *ret = n < m;
    return 0;
}

static int less(struct rt *r, const struct tv *x, const struct tv *y, int depth, bool *ret)
{
    int rc = rt_step(r, 1);

    rc = rc != 0 ? rc : rt_defined(r, x);
    rc = rc != 0 ? rc : rt_defined(r, y);
    if (rc != 0) {
        return rc;
    }
    if (depth > LIMIT_TEMPLATE_TREE) {
        return rt_fail(r, ERR_LIMIT, "a value nested deeper than %d", LIMIT_TEMPLATE_TREE);
    }
    if (tv_is_number(x) && tv_is_number(y)) {
        *ret = number_cmp(x, y) == -1;
        return 0;
    }
    if (x->kind == TV_STR && y->kind == TV_STR) {
        size_t n = x->n < y->n ? x->n : y->n;
        int c = n > 0 ? memcmp(x->s, y->s, n) : 0;

        *ret = c < 0 || (c == 0 && x->n < y->n);
        return 0;
    }
    if (x->kind == y->kind && (x->kind == TV_LIST || x->kind == TV_TUPLE)) {
        return less_lists(r, x, y, depth, ret);
    }
    if (x->kind == y->kind && x->kind >= TV_TIME) {
        *ret = x->i < y->i;
        return 0;
    }
    return rt_fail(r, ERR_INVALID, "'<' not supported between instances of '%s' and '%s'",
                   tv_type_name(x), tv_type_name(y));
}

int tv_less(struct rt *r, const struct tv *x, const struct tv *y, bool *ret)
{
    return less(r, x, y, 0, ret);
}

int tv_contains(struct rt *r, const struct tv *haystack, const struct tv *needle, bool *ret)
{
    struct tv list, item;
    int rc = rt_defined(r, haystack);

    *ret = false;
    if (rc != 0) {
        return rc;
    }
    if (haystack->kind == TV_STR) {
        rc = rt_defined(r, needle);
        if (rc == 0 && needle->kind != TV_STR) {
            rc = rt_fail(r, ERR_INVALID, "'in <string>' requires string as left operand, not %s",
                         tv_type_name(needle));
        }
        *ret = rc == 0 &&
               (needle->n == 0 || memmem(haystack->s, haystack->n, needle->s, needle->n) != NULL);
        return rc;
    }
    if (haystack->kind == TV_DICT) {
        rc = tv_dict_find(r, haystack, needle, &item);
        *ret = rc == 1;
        return rc < 0 ? rc : 0;
    }
    if (!tv_is_list(haystack)) {
        return rt_fail(r, ERR_INVALID, "argument of type '%s' is not iterable",
                       tv_type_name(haystack));
    }
    rc = tv_iterate(r, haystack, &list);
    for (size_t i = 0; rc == 0 && !*ret && i < tv_list_len(&list); i++) {
        rc = tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc : tv_equal(r, &item, needle, ret);
    }
    return rc;
}
