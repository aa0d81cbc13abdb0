/* Looking functions up, and reading their arguments. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "template/rt.h"

const struct fn_desc *fn_find(const struct fn_desc *table, const char *name, size_t n)
{
    for (; table->name != NULL; table++) {
        if (strlen(table->name) == n && memcmp(table->name, name, n) == 0) {
            return table;
        }
    }
    return NULL;
}

const struct fn_desc *filter_find(const char *name, size_t n)
{
    const struct fn_desc *f = fn_find(filters_text, name, n);

    f = f != NULL ? f : fn_find(filters_seq, name, n);
    return f != NULL ? f : fn_find(filters_more, name, n);
}

const struct fn_desc *test_find(const char *name, size_t n)
{
    return fn_find(tests_table, name, n);
}

bool method_known(const char *name, size_t n)
{
    return fn_find(methods_str, name, n) != NULL || fn_find(methods_str_more, name, n) != NULL ||
           fn_find(methods_dict, name, n) != NULL || fn_find(methods_list, name, n) != NULL ||
           fn_find(methods_time, name, n) != NULL || fn_find(methods_date, name, n) != NULL ||
           fn_find(methods_delta, name, n) != NULL || fn_find(methods_var, name, n) != NULL;
}

const struct fn_desc *method_find(const struct tv *self, const char *name, size_t n)
{
    const struct fn_desc *f = NULL;

    switch (self->kind) {
    case TV_STR:
        f = fn_find(methods_str, name, n);
        return f != NULL ? f : fn_find(methods_str_more, name, n);
    case TV_DICT:
        return fn_find(methods_dict, name, n);
    case TV_LIST:
    case TV_TUPLE:
        return fn_find(methods_list, name, n);
    case TV_TIME:
        return fn_find(methods_time, name, n);
    case TV_DATE:
        return fn_find(methods_date, name, n);
    case TV_DELTA:
        return fn_find(methods_delta, name, n);
    case TV_OBJECT:
        return self->n >= OBJECT_VAR_VALUE ? fn_find(methods_var, name, n) : NULL;
    default:
        return NULL;
    }
}

bool arg_given(const struct call *c, size_t i)
{
    return i < c->argc && c->argv[i].kind != TV_ABSENT && c->argv[i].kind != TV_NONE;
}

int arg_int(struct rt *r, const struct call *c, size_t i, int64_t dflt, int64_t *ret)
{
    *ret = dflt;
    if (!arg_given(c, i)) {
        return 0;
    }
    if (!tv_is_int(&c->argv[i])) {
        int rc = rt_defined(r, &c->argv[i]);

        return rc != 0 ? rc
                       : rt_fail(r, ERR_INVALID, "%s: an argument must be an integer, not %s",
                                 c->fn->name, tv_type_name(&c->argv[i]));
    }
    *ret = tv_as_int(&c->argv[i]);
    return 0;
}

int arg_bool(struct rt *r, const struct call *c, size_t i, bool dflt, bool *ret)
{
    *ret = dflt;
    if (i >= c->argc || c->argv[i].kind == TV_ABSENT) {
        return 0;
    }
    return tv_truth(r, &c->argv[i], ret);
}

int arg_str(struct rt *r, const struct call *c, size_t i, struct tv *ret)
{
    int rc = rt_defined(r, &c->argv[i]);

    if (rc == 0 && c->argv[i].kind != TV_STR) {
        rc = rt_fail(r, ERR_INVALID, "%s: an argument must be a str, not %s", c->fn->name,
                     tv_type_name(&c->argv[i]));
    }
    *ret = c->argv[i];
    return rc;
}

/* ---- helpers on text that filters and methods share ---- */

static bool in_chars(uint32_t c, const struct tv *chars)
{
    if (chars == NULL) {
        return char_is_space(c);
    }
    for (size_t i = 0; i < chars->n;) {
        if (utf8_next(chars->s, chars->n, &i) == c) {
            return true;
        }
    }
    return false;
}

/* An argument of a method of escaped text is escaped first, as markupsafe does. */
int text_escaped_for(struct rt *r, const struct tv *self, struct tv *arg)
{
    struct buf b;

    if (!self->markup || arg->markup) {
        return 0;
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    text_escape(arg->s, arg->n, &b);
    return tv_take_buf(r, &b, arg);
}

/* sides: 1 left, 2 right, 3 both. chars NULL: white space. */
int text_strip(struct rt *r, const struct tv *s, const struct tv *chars, int sides, struct tv *ret)
{
    size_t from = 0, to = s->n;
    struct tv escaped;

    if (chars != NULL && chars->n > 64 && rt_step(r, s->n) != 0) {
        return -ERR_LIMIT;
    }
    if (chars != NULL) {
        int rc;

        escaped = *chars;
        rc = text_escaped_for(r, s, &escaped);
        if (rc != 0) {
            return rc;
        }
        chars = &escaped;
    }
    while ((sides & 1) != 0 && from < to) {
        size_t i = from;

        if (!in_chars(utf8_next(s->s, s->n, &i), chars)) {
            break;
        }
        from = i;
    }
    while ((sides & 2) != 0 && to > from) {
        size_t start = to - 1, i;

        while (start > from && ((unsigned char)s->s[start] & 0xc0) == 0x80) {
            start--;
        }
        i = start;
        if (!in_chars(utf8_next(s->s, s->n, &i), chars)) {
            break;
        }
        to = start;
    }
    *ret = tv_str(s->s + from, to - from);
    ret->markup = s->markup;
    return 0;
}

/* count < 0: all. An empty `old` stands between all characters. */
int text_replace(struct rt *r, const struct tv *s, const struct tv *old, const struct tv *with,
                 int64_t count, struct tv *ret)
{
    const char *p = s->s, *end = s->s + s->n;
    struct buf b;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    while (count != 0 && buf_status(&b) == 0) {
        const char *hit = old->n == 0 ? p : memmem(p, (size_t)(end - p), old->s, old->n);
        size_t i = 0;

        if (hit == NULL) {
            break;
        }
        buf_append(&b, p, (size_t)(hit - p));
        buf_append(&b, with->s, with->n);
        count -= count > 0;
        p = hit + old->n;
        if (old->n == 0) {
            if (p == end) {
                break;
            }
            (void)utf8_next(p, (size_t)(end - p), &i);
            buf_append(&b, p, i);
            p += i;
        }
    }
    if (p < end) {
        buf_append(&b, p, (size_t)(end - p));
    }
    return tv_take_buf(r, &b, ret);
}

/* str(sep).join(str(x) for x in list) */
int text_join(struct rt *r, const struct tv *sep, const struct tv *list, struct tv *ret)
{
    struct tv item;
    struct buf b;
    int rc = 0;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    for (size_t i = 0; rc == 0 && i < tv_list_len(list); i++) {
        if (i > 0) {
            buf_append(&b, sep->s, sep->n);
        }
        rc = tv_list_at(r, list, i, &item);
        rc = rc != 0 ? rc : tv_print(r, &item, &b);
        rc = rc != 0 ? rc : rt_step(r, 1);
        rc = rc != 0 ? rc : rt_buf_check(r, &b);
    }
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}
