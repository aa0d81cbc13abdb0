/* Filters of lists and dicts. Those that give a generator in Jinja2 give TV_ITER here: to be walked
 * once. */
#include <string.h>

#include "base/limits.h"
#include "template/rt.h"

static int undefined(const char *text, struct tv *ret)
{
    *ret = (struct tv){.kind = TV_UNDEFINED, .s = text};
    return 0;
}

static int f_length(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *v = &c->self;
    int rc = rt_defined(r, v);

    if (rc != 0) {
        return rc;
    }
    if (v->kind == TV_STR) {
        *ret = tv_int((int64_t)utf8_count(v->s, v->n));
    } else if (v->kind == TV_DICT) {
        *ret = tv_int((int64_t)tv_dict_len(v));
    } else if (tv_is_list(v) && v->kind != TV_ITER) {
        *ret = tv_int((int64_t)tv_list_len(v));
    } else {
        return rt_fail(r, ERR_INVALID, "object of type '%s' has no len()", tv_type_name(v));
    }
    return 0;
}

static int f_list(struct rt *r, const struct call *c, struct tv *ret)
{
    return tv_iterate(r, &c->self, ret);
}

static int f_first_last(struct rt *r, const struct call *c, struct tv *ret)
{
    bool last = c->fn->name[0] == 'l';
    struct tv list;
    int rc = 0;

    if (last && c->self.kind == TV_ITER) {
        return rt_fail(r, ERR_INVALID, "'generator' object is not reversible");
    }
    rc = tv_iterate(r, &c->self, &list);
    if (rc == 0 && tv_list_len(&list) == 0) {
        return undefined(
            last ? "No last item, sequence was empty." : "No first item, sequence was empty.", ret);
    }
    return rc != 0 ? rc : tv_list_at(r, &list, last ? tv_list_len(&list) - 1 : 0, ret);
}

/* The value that an element is sorted or compared by: its attributes, in lower case unless case
 * matters. */
static int key_of(struct rt *r, const struct tv *item, const struct tv *attribute,
                  bool case_sensitive, struct tv *ret)
{
    struct buf b;
    int rc = 0;

    *ret = *item;
    if (attribute != NULL) {
        rc = op_path(r, item, attribute, ret);
    }
    if (rc == 0 && ret->kind == TV_STR && !case_sensitive) {
        buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
        text_lower(ret->s, ret->n, &b);
        rc = tv_take_buf(r, &b, ret);
    }
    return rc;
}

/* sort takes several attributes, separated by commas: the key is the list of their values. */
static int keys_of(struct rt *r, const struct tv *item, const struct tv *attribute,
                   bool case_sensitive, struct tv *ret)
{
    const char *p, *end;
    struct tv part;
    int rc;

    if (attribute == NULL || attribute->kind != TV_STR ||
        memchr(attribute->s, ',', attribute->n) == NULL) {
        return key_of(r, item, attribute, case_sensitive, ret);
    }
    rc = tv_list_new(r, TV_LIST, 4, ret);
    for (p = attribute->s; rc == 0 && p <= attribute->s + attribute->n; p = end + 1) {
        struct tv name;

        end = memchr(p, ',', (size_t)(attribute->s + attribute->n - p));
        end = end != NULL ? end : attribute->s + attribute->n;
        name = tv_str(p, (size_t)(end - p));
        rc = key_of(r, item, &name, case_sensitive, &part);
        rc = rc != 0 ? rc : tv_list_push(r, ret, &part);
    }
    return rc;
}

struct sorted {
    struct tv key, item;
};

/* A stable merge sort from the bottom up; `reverse` keeps equal ones in their order too. */
static int merge_sort(struct rt *r, struct sorted *a, struct sorted *tmp, size_t n, bool reverse)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n;
            size_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            size_t i = lo, j = mid;

            for (size_t k = lo; k < hi; k++) {
                bool right = i >= mid;

                if (!right && j < hi) {
                    const struct tv *x = &a[i].key, *y = &a[j].key;
                    int rc = reverse ? tv_less(r, x, y, &right) : tv_less(r, y, x, &right);

                    if (rc != 0) {
                        return rc;
                    }
                }
                tmp[k] = right ? a[j++] : a[i++];
            }
        }
        memcpy(a, tmp, n * sizeof *a);
    }
    return 0;
}

static int sort_list(struct rt *r, const struct tv *list, const struct tv *attribute,
                     bool case_sensitive, bool reverse, struct tv *ret)
{
    size_t n = tv_list_len(list);
    struct sorted *a = rt_alloc(r, (n + 1) * sizeof *a), *tmp = rt_alloc(r, (n + 1) * sizeof *tmp);
    int rc = a == NULL || tmp == NULL ? rt_nomem(r) : tv_list_new(r, TV_LIST, n, ret);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = tv_list_at(r, list, i, &a[i].item);
        rc = rc != 0 ? rc : keys_of(r, &a[i].item, attribute, case_sensitive, &a[i].key);
    }
    rc = rc != 0 ? rc : merge_sort(r, a, tmp, n, reverse);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = tv_list_push(r, ret, &a[i].item);
    }
    return rc;
}

static int f_sort(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list;
    bool reverse, case_sensitive;
    int rc = tv_iterate(r, &c->self, &list);

    rc = rc != 0 ? rc : arg_bool(r, c, 0, false, &reverse);
    rc = rc != 0 ? rc : arg_bool(r, c, 1, false, &case_sensitive);
    return rc != 0 ? rc
                   : sort_list(r, &list, arg_given(c, 2) ? &c->argv[2] : NULL, case_sensitive,
                               reverse, ret);
}

static int f_dictsort(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv pairs, pair, key, value, by = tv_str("key", 3), which;
    bool case_sensitive, reverse;
    int rc = rt_defined(r, &c->self);

    rc = rc != 0 ? rc : arg_bool(r, c, 0, false, &case_sensitive);
    rc = rc != 0 || !arg_given(c, 1) ? rc : arg_str(r, c, 1, &by);
    rc = rc != 0 ? rc : arg_bool(r, c, 2, false, &reverse);
    if (rc == 0 && c->self.kind != TV_DICT) {
        rc = rt_fail(r, ERR_INVALID, "dictsort: '%s' object is not a dict", tv_type_name(&c->self));
    }
    if (rc == 0 && !(by.n == 3 && memcmp(by.s, "key", 3) == 0) &&
        !(by.n == 5 && memcmp(by.s, "value", 5) == 0)) {
        rc = rt_fail(r, ERR_INVALID, "You can only sort by either \"key\" or \"value\"");
    }
    rc = rc != 0 ? rc : tv_list_new(r, TV_LIST, 0, &pairs);
    for (size_t i = 0; rc == 0 && i < tv_dict_len(&c->self); i++) {
        rc = tv_dict_at(r, &c->self, i, &key, &value);
        rc = rc != 0 ? rc : tv_list_new(r, TV_TUPLE, 2, &pair);
        rc = rc != 0 ? rc : tv_list_push(r, &pair, &key);
        rc = rc != 0 ? rc : tv_list_push(r, &pair, &value);
        rc = rc != 0 ? rc : tv_list_push(r, &pairs, &pair);
    }
    which = tv_int(by.n == 5);
    return rc != 0 ? rc : sort_list(r, &pairs, &which, case_sensitive, reverse, ret);
}

static int f_unique(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list, item, key, seen, one = tv_none();
    bool case_sensitive;
    int rc = tv_iterate(r, &c->self, &list);

    rc = rc != 0 ? rc : arg_bool(r, c, 0, false, &case_sensitive);
    rc = rc != 0 ? rc : tv_dict_new(r, &seen);
    rc = rc != 0 ? rc : tv_list_new(r, TV_ITER, 0, ret);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        size_t before = tv_dict_len(&seen);

        rc = tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc
                     : key_of(r, &item, arg_given(c, 1) ? &c->argv[1] : NULL, case_sensitive, &key);
        rc = rc != 0 ? rc : tv_dict_set(r, &seen, &key, &one);
        if (rc == 0 && tv_dict_len(&seen) > before) {
            rc = tv_list_push(r, ret, &item);
        }
    }
    return rc;
}

static int f_reverse(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list, item, out, none = tv_str("", 0);
    bool text = c->self.kind == TV_STR;
    int rc = tv_iterate(r, &c->self, &list);

    rc = rc != 0 ? rc : tv_list_new(r, TV_ITER, tv_list_len(&list), &out);
    for (size_t i = rc != 0 ? 0 : tv_list_len(&list); rc == 0 && i-- > 0;) {
        rc = tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc : tv_list_push(r, &out, &item);
    }
    if (rc == 0 && text) {
        rc = text_join(r, &none, &out, ret);
        ret->markup = c->self.markup;
        return rc;
    }
    *ret = out;
    return rc;
}

static int f_join(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv sep = tv_str("", 0), list, item, value, out;
    int rc = tv_iterate(r, &c->self, &list);

    if (rc == 0 && c->argc > 0 && c->argv[0].kind != TV_ABSENT) {
        rc = tv_to_str(r, &c->argv[0], &sep);
    }
    if (rc == 0 && arg_given(c, 1)) {
        rc = tv_list_new(r, TV_LIST, 0, &out);
        for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
            rc = tv_list_at(r, &list, i, &item);
            rc = rc != 0 ? rc : op_path(r, &item, &c->argv[1], &value);
            rc = rc != 0 ? rc : tv_list_push(r, &out, &value);
        }
        list = out;
    }
    return rc != 0 ? rc : text_join(r, &sep, &list, ret);
}

static int f_min_max(struct rt *r, const struct call *c, struct tv *ret)
{
    bool max = c->fn->name[1] == 'a', case_sensitive, better;
    struct tv list, item, key, best = {0};
    int rc = tv_iterate(r, &c->self, &list);

    rc = rc != 0 ? rc : arg_bool(r, c, 0, false, &case_sensitive);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        rc = tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc
                     : key_of(r, &item, arg_given(c, 1) ? &c->argv[1] : NULL, case_sensitive, &key);
        better = true;
        if (rc == 0 && i > 0) {
            rc = max ? tv_less(r, &best, &key, &better) : tv_less(r, &key, &best, &better);
        }
        if (rc == 0 && better) {
            best = key;
            *ret = item;
        }
    }
    if (rc == 0 && tv_list_len(&list) == 0) {
        return undefined("No aggregated item, sequence was empty.", ret);
    }
    return rc;
}

static int f_sum(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list, item, value, total = tv_int(0);
    int rc = tv_iterate(r, &c->self, &list);

    if (c->argv[1].kind != TV_ABSENT) {
        total = c->argv[1];
    }
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        struct tv x = total;

        rc = tv_list_at(r, &list, i, &item);
        value = item;
        if (rc == 0 && arg_given(c, 0)) {
            rc = op_path(r, &item, &c->argv[0], &value);
        }
        rc = rc != 0 ? rc : op_binary(r, N_ADD, &x, &value, &total);
    }
    *ret = total;
    return rc;
}

static const struct tv *keyword(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->kw_len; i++) {
        if (c->kw[i].len == strlen(name) && memcmp(c->kw[i].name, name, c->kw[i].len) == 0) {
            return &c->argv[c->argc - c->kw_len + i];
        }
    }
    return NULL;
}

static int f_map(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *attribute = keyword(c, "attribute"), *dflt = keyword(c, "default");
    const struct fn_desc *fn = NULL;
    size_t args = c->argc - c->kw_len;
    struct tv list, item, value;
    int rc = tv_iterate(r, &c->self, &list);

    if (rc == 0 && attribute == NULL) {
        if (args == 0 || c->argv[0].kind != TV_STR) {
            return rt_fail(r, ERR_INVALID, "map requires a filter argument");
        }
        fn = filter_find(c->argv[0].s, c->argv[0].n);
        if (fn == NULL || c->kw_len > 0) {
            return rt_fail(r, ERR_UNSUPPORTED, "map: filter \"%.*s\" is not supported",
                           (int)(c->argv[0].n > 60 ? 60 : c->argv[0].n), c->argv[0].s);
        }
    }
    rc = rc != 0 ? rc : tv_list_new(r, TV_ITER, tv_list_len(&list), ret);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        rc = tv_list_at(r, &list, i, &item);
        if (rc == 0 && fn != NULL) {
            rc = fn_call(r, fn, &item, c->argv + 1, args - 1, &value);
        } else if (rc == 0) {
            rc = op_path(r, &item, attribute, &value);
            if (rc == 0 && value.kind == TV_UNDEFINED && dflt != NULL) {
                value = *dflt;
            }
        }
        rc = rc != 0 ? rc : tv_list_push(r, ret, &value);
    }
    return rc;
}

/* select, reject, selectattr, rejectattr */
static int f_select(struct rt *r, const struct call *c, struct tv *ret)
{
    bool attr = strlen(c->fn->name) > 6, keep = c->fn->name[0] == 's', yes;
    size_t skip = attr ? 1 : 0;
    const struct fn_desc *test = NULL;
    struct tv list, item, value, result;
    int rc = tv_iterate(r, &c->self, &list);

    if (rc == 0 && c->argc > skip) {
        test = c->argv[skip].kind == TV_STR ? test_find(c->argv[skip].s, c->argv[skip].n) : NULL;
        if (test == NULL) {
            return rt_fail(r, ERR_UNSUPPORTED, "%s: this test is not supported", c->fn->name);
        }
    }
    rc = rc != 0 ? rc : tv_list_new(r, TV_ITER, 0, ret);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        rc = tv_list_at(r, &list, i, &item);
        value = item;
        if (rc == 0 && attr) {
            rc = op_path(r, &item, &c->argv[0], &value);
        }
        if (rc == 0 && test != NULL) {
            rc = fn_call(r, test, &value, c->argv + skip + 1, c->argc - skip - 1, &result);
            value = result;
        }
        rc = rc != 0 ? rc : tv_truth(r, &value, &yes);
        if (rc == 0 && yes == keep) {
            rc = tv_list_push(r, ret, &item);
        }
    }
    return rc;
}

static int f_items(struct rt *r, const struct call *c, struct tv *ret)
{
    int rc;

    if (c->self.kind == TV_UNDEFINED) {
        return tv_list_new(r, TV_ITER, 0, ret);
    }
    if (c->self.kind != TV_DICT) {
        return rt_fail(r, ERR_INVALID, "Can only get item pairs from a mapping.");
    }
    rc = dict_view(r, &c->self, 'i', ret);
    ret->kind = TV_ITER;
    return rc;
}

const struct fn_desc filters_seq[] = {
    {"length", "", 0, f_length},
    {"count", "", 0, f_length},
    {"list", "", 0, f_list},
    {"first", "", 0, f_first_last},
    {"last", "", 0, f_first_last},
    {"join", "d attribute", 0, f_join},
    {"sort", "reverse case_sensitive attribute", 0, f_sort},
    {"dictsort", "case_sensitive by reverse", 0, f_dictsort},
    {"unique", "case_sensitive attribute", 0, f_unique},
    {"reverse", "", 0, f_reverse},
    {"min", "case_sensitive attribute", 0, f_min_max},
    {"max", "case_sensitive attribute", 0, f_min_max},
    {"sum", "attribute start", 0, f_sum},
    {"map", "* **", 0, f_map},
    {"select", "*", 0, f_select},
    {"reject", "*", 0, f_select},
    {"selectattr", "attribute *", 1, f_select},
    {"rejectattr", "attribute *", 1, f_select},
    {"items", "", 0, f_items},
    {NULL, NULL, 0, NULL},
};
