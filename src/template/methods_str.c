/* The methods of str. Results of a Markup are Markup, as in markupsafe. */
#include <string.h>

#include "base/limits.h"
#include "template/rt.h"

static int map_text(struct rt *r, const struct call *c,
                    void (*fn)(const char *s, size_t n, struct buf *out), struct tv *ret)
{
    struct buf b;
    int rc;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    fn(c->self.s, c->self.n, &b);
    rc = tv_take_buf(r, &b, ret);
    ret->markup = c->self.markup;
    return rc;
}

static int m_upper(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_upper, ret);
}

static int m_lower(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_lower, ret);
}

static int m_capitalize(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_capitalize, ret);
}

static int m_title(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_title, ret);
}

static int m_swapcase(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_swapcase, ret);
}

static int m_strip(struct rt *r, const struct call *c, struct tv *ret)
{
    int sides = c->fn->name[0] == 'l' ? 1 : c->fn->name[0] == 'r' ? 2 : 3, rc;
    struct tv chars;

    if (!arg_given(c, 0)) {
        return text_strip(r, &c->self, NULL, sides, ret);
    }
    rc = arg_str(r, c, 0, &chars);
    return rc != 0 ? rc : text_strip(r, &c->self, &chars, sides, ret);
}

static int m_replace(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv old, with;
    int64_t count;
    int rc = arg_str(r, c, 0, &old);

    rc = rc != 0 ? rc : arg_str(r, c, 1, &with);
    rc = rc != 0 ? rc : arg_int(r, c, 2, -1, &count);
    rc = rc != 0 ? rc : text_escaped_for(r, &c->self, &old);
    rc = rc != 0 ? rc : text_escaped_for(r, &c->self, &with);
    rc = rc != 0 ? rc : text_replace(r, &c->self, &old, &with, count, ret);
    ret->markup = c->self.markup;
    return rc;
}

static int push_part(struct rt *r, const struct tv *s, size_t from, size_t to, struct tv *list)
{
    struct tv part = tv_str(s->s + from, to - from);

    part.markup = s->markup;
    return tv_list_push(r, list, &part);
}

/* split() at runs of white space; at most `max` times if that is not negative. */
static int split_space(struct rt *r, const struct tv *s, int64_t max, struct tv *ret)
{
    size_t i = 0, start, to;
    struct tv rest, stripped;
    int rc = 0;

    while (rc == 0) {
        rest = tv_str(s->s + i, s->n - i);
        rc = text_strip(r, &rest, NULL, 1, &stripped);
        start = i = s->n - stripped.n;
        if (rc != 0 || stripped.n == 0) {
            break;
        }
        if (max-- == 0) {
            rc = text_strip(r, &stripped, NULL, 2, &rest);
            return rc != 0 ? rc : push_part(r, s, start, start + rest.n, ret);
        }
        for (to = i; i < s->n; to = i) {
            if (char_is_space(utf8_next(s->s, s->n, &i))) {
                break;
            }
        }
        rc = push_part(r, s, start, to, ret);
    }
    return rc;
}

static int split_at(struct rt *r, const struct tv *s, const struct tv *sep, int64_t max,
                    struct tv *ret)
{
    size_t from = 0;
    int rc = 0;

    while (rc == 0 && max-- != 0) {
        const char *hit = memmem(s->s + from, s->n - from, sep->s, sep->n);

        if (hit == NULL) {
            break;
        }
        rc = push_part(r, s, from, (size_t)(hit - s->s), ret);
        from = (size_t)(hit - s->s) + sep->n;
    }
    return rc != 0 ? rc : push_part(r, s, from, s->n, ret);
}

static int reverse_list(struct tv *list)
{
    struct tv_list *l = list->list;

    for (size_t i = 0; i < l->len / 2; i++) {
        struct tv x = l->items[i];

        l->items[i] = l->items[l->len - 1 - i];
        l->items[l->len - 1 - i] = x;
    }
    return 0;
}

static const char *last_hit(const char *s, size_t n, const struct tv *sep)
{
    for (size_t i = n + 1; i-- > sep->n;) {
        if (memcmp(s + i - sep->n, sep->s, sep->n) == 0) {
            return s + i - sep->n;
        }
    }
    return NULL;
}

static int rsplit_at(struct rt *r, const struct tv *s, const struct tv *sep, int64_t max,
                     struct tv *ret)
{
    size_t to = s->n;
    int rc = 0;

    while (rc == 0 && max-- != 0) {
        const char *hit = last_hit(s->s, to, sep);

        if (hit == NULL) {
            break;
        }
        rc = push_part(r, s, (size_t)(hit - s->s) + sep->n, to, ret);
        to = (size_t)(hit - s->s);
    }
    rc = rc != 0 ? rc : push_part(r, s, 0, to, ret);
    return rc != 0 ? rc : reverse_list(ret);
}

static int m_split(struct rt *r, const struct call *c, struct tv *ret)
{
    bool right = c->fn->name[0] == 'r';
    struct tv sep;
    int64_t max;
    int rc = arg_int(r, c, 1, -1, &max);

    rc = rc != 0 ? rc : tv_list_new(r, TV_LIST, 0, ret);
    if (rc == 0 && !arg_given(c, 0)) {
        if (right && max >= 0) {
            return rt_fail(r, ERR_UNSUPPORTED, "rsplit with a maximum needs a separator");
        }
        return split_space(r, &c->self, max, ret);
    }
    rc = rc != 0 ? rc : arg_str(r, c, 0, &sep);
    if (rc == 0 && sep.n == 0) {
        return rt_fail(r, ERR_INVALID, "empty separator");
    }
    if (rc != 0) {
        return rc;
    }
    return right && max >= 0 ? rsplit_at(r, &c->self, &sep, max, ret)
                             : split_at(r, &c->self, &sep, max, ret);
}

static bool is_line_end(uint32_t c)
{
    return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

int text_splitlines(struct rt *r, const struct tv *s, bool keep, bool last, struct tv *ret)
{
    size_t start = 0;
    int rc = tv_list_new(r, TV_LIST, 0, ret);

    for (size_t i = 0; rc == 0 && i < s->n;) {
        size_t at = i;
        uint32_t c = utf8_next(s->s, s->n, &i);

        if (is_line_end(c)) {
            if (c == '\r' && i < s->n && s->s[i] == '\n') {
                i++;
            }
            rc = push_part(r, s, start, keep ? i : at, ret);
            start = i;
        }
    }
    if (rc == 0 && (start < s->n || last)) {
        rc = push_part(r, s, start, s->n, ret);
    }
    return rc;
}

static int m_splitlines(struct rt *r, const struct call *c, struct tv *ret)
{
    bool keep;
    int rc = arg_bool(r, c, 0, false, &keep);

    return rc != 0 ? rc : text_splitlines(r, &c->self, keep, false, ret);
}

static bool has_affix(const struct tv *s, const struct tv *affix, bool end)
{
    return affix->n <= s->n && memcmp(end ? s->s + s->n - affix->n : s->s, affix->s, affix->n) == 0;
}

static int m_affix(struct rt *r, const struct call *c, struct tv *ret)
{
    bool end = c->fn->name[0] == 'e', yes = false;
    struct tv item;
    int rc = 0;

    if (c->argv[0].kind == TV_TUPLE) {
        for (size_t i = 0; rc == 0 && !yes && i < tv_list_len(&c->argv[0]); i++) {
            rc = tv_list_at(r, &c->argv[0], i, &item);
            if (rc == 0 && item.kind != TV_STR) {
                rc = rt_fail(r, ERR_INVALID, "%s: a tuple of str is needed", c->fn->name);
            }
            yes = rc == 0 && has_affix(&c->self, &item, end);
        }
    } else {
        rc = arg_str(r, c, 0, &item);
        yes = rc == 0 && has_affix(&c->self, &item, end);
    }
    *ret = tv_bool(yes);
    return rc;
}

static int m_remove_affix(struct rt *r, const struct call *c, struct tv *ret)
{
    bool end = c->fn->name[6] == 's';
    struct tv affix;
    int rc = arg_str(r, c, 0, &affix);

    *ret = c->self;
    ret->markup = false; /* markupsafe does not wrap these two */
    if (rc == 0 && has_affix(&c->self, &affix, end)) {
        ret->s += end ? 0 : affix.n;
        ret->n -= affix.n;
    }
    return rc;
}

static int m_join(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv list, item;
    int rc = c->self.markup ? rt_fail(r, ERR_UNSUPPORTED, "join of escaped text is not supported")
                            : tv_iterate(r, &c->argv[0], &list);

    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        rc = tv_list_at(r, &list, i, &item);
        if (rc == 0 && item.kind != TV_STR) {
            rc = rt_fail(r, ERR_INVALID, "sequence item %zu: expected str instance, %s found", i,
                         tv_type_name(&item));
        }
    }
    return rc != 0 ? rc : text_join(r, &c->self, &list, ret);
}

static int m_find(struct rt *r, const struct call *c, struct tv *ret)
{
    const char *name = c->fn->name, *hit;
    struct tv needle;
    int rc = arg_str(r, c, 0, &needle);

    if (rc != 0) {
        return rc;
    }
    if (name[0] == 'r') {
        hit = last_hit(c->self.s, c->self.n, &needle);
    } else {
        hit = needle.n == 0 ? c->self.s : memmem(c->self.s, c->self.n, needle.s, needle.n);
    }
    if (hit == NULL && strstr(name, "index") != NULL) {
        return rt_fail(r, ERR_INVALID, "substring not found");
    }
    *ret = tv_int(hit == NULL ? -1 : (int64_t)utf8_count(c->self.s, (size_t)(hit - c->self.s)));
    return 0;
}

static int m_count(struct rt *r, const struct call *c, struct tv *ret)
{
    const char *p = c->self.s, *end = p + c->self.n;
    struct tv needle;
    int64_t n = 0;
    int rc = arg_str(r, c, 0, &needle);

    if (rc == 0 && needle.n == 0) {
        *ret = tv_int((int64_t)utf8_count(p, c->self.n) + 1);
        return 0;
    }
    while (rc == 0 && (p = memmem(p, (size_t)(end - p), needle.s, needle.n)) != NULL) {
        p += needle.n;
        n++;
    }
    *ret = tv_int(n);
    return rc;
}

const struct fn_desc methods_str[] = {
    {"upper", "", 0, m_upper},
    {"lower", "", 0, m_lower},
    {"capitalize", "", 0, m_capitalize},
    {"title", "", 0, m_title},
    {"swapcase", "", 0, m_swapcase},
    {"strip", "chars", 0, m_strip},
    {"lstrip", "chars", 0, m_strip},
    {"rstrip", "chars", 0, m_strip},
    {"replace", "old new count", 2, m_replace},
    {"split", "sep maxsplit", 0, m_split},
    {"rsplit", "sep maxsplit", 0, m_split},
    {"splitlines", "keepends", 0, m_splitlines},
    {"startswith", "prefix", 1, m_affix},
    {"endswith", "suffix", 1, m_affix},
    {"removeprefix", "prefix", 1, m_remove_affix},
    {"removesuffix", "suffix", 1, m_remove_affix},
    {"join", "iterable", 1, m_join},
    {"find", "sub", 1, m_find},
    {"rfind", "sub", 1, m_find},
    {"index", "sub", 1, m_find},
    {"rindex", "sub", 1, m_find},
    {"count", "sub", 1, m_count},
    {NULL, NULL, 0, NULL},
};
