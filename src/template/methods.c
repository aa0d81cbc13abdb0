/* More methods of str (padding, kinds of characters, format), and those of dict and list. */
#include <string.h>

#include "base/limits.h"
#include "template/rt.h"

int text_pad(struct rt *r, const struct tv *s, int64_t width, int side, struct tv fill,
             struct tv *ret)
{
    int64_t chars = (int64_t)utf8_count(s->s, s->n), left, pad = width - chars;
    struct buf b;
    int rc;

    if (pad <= 0) {
        *ret = *s;
        return 0;
    }
    if (pad > (int64_t)LIMIT_TEMPLATE_OUTPUT) {
        return rt_fail(r, ERR_LIMIT, "a text of more than %zu bytes", LIMIT_TEMPLATE_OUTPUT);
    }
    left = side > 0 ? pad : side < 0 ? 0 : pad / 2 + (pad & width & 1); /* as CPython centers */
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    for (int64_t i = 0; i < left; i++) {
        buf_append(&b, fill.s, fill.n);
    }
    buf_append(&b, s->s, s->n);
    for (int64_t i = left; i < pad; i++) {
        buf_append(&b, fill.s, fill.n);
    }
    rc = tv_take_buf(r, &b, ret);
    ret->markup = s->markup;
    return rc;
}

static int m_pad(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv fill = tv_str(" ", 1);
    int side = c->fn->name[0] == 'l' ? -1 : c->fn->name[0] == 'r' ? 1 : 0;
    int64_t width;
    int rc = arg_int(r, c, 0, 0, &width);

    rc = rc != 0 || !arg_given(c, 1) ? rc : arg_str(r, c, 1, &fill);
    if (rc == 0 && utf8_count(fill.s, fill.n) != 1) {
        rc = rt_fail(r, ERR_INVALID, "The fill character must be exactly one character long");
    }
    return rc != 0 ? rc : text_pad(r, &c->self, width, side, fill, ret);
}

static int m_zfill(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv rest = c->self, zeros, sign;
    int64_t width;
    int rc = arg_int(r, c, 0, 0, &width);

    if (rc == 0 && rest.n > 0 && (rest.s[0] == '+' || rest.s[0] == '-')) {
        sign = tv_str(rest.s, 1);
        rest.s++;
        rest.n--;
        rc = text_pad(r, &rest, width - 1, 1, tv_str("0", 1), &zeros);
        return rc != 0 ? rc : op_binary(r, N_ADD, &sign, &zeros, ret);
    }
    return rc != 0 ? rc : text_pad(r, &rest, width, 1, tv_str("0", 1), ret);
}

static int m_is(struct rt *r, const struct call *c, struct tv *ret)
{
    const char *kind = c->fn->name + 2;
    bool yes = c->self.n > 0;

    if (strcmp(kind, "upper") == 0 || strcmp(kind, "lower") == 0) {
        *ret = tv_bool(text_is_case(c->self.s, c->self.n, kind[0] == 'u'));
        return 0;
    }
    for (size_t i = 0; yes && i < c->self.n;) {
        uint32_t ch = utf8_next(c->self.s, c->self.n, &i);

        if (strcmp(kind, "alpha") == 0) {
            yes = char_is_alpha(ch);
        } else if (strcmp(kind, "alnum") == 0) {
            yes = char_is_alpha(ch) || char_is_numeric(ch);
        } else if (strcmp(kind, "digit") == 0) {
            yes = char_is_digit(ch);
        } else if (strcmp(kind, "decimal") == 0) {
            yes = char_is_decimal(ch);
        } else if (strcmp(kind, "numeric") == 0) {
            yes = char_is_numeric(ch);
        } else {
            yes = char_is_space(ch);
        }
    }
    *ret = tv_bool(yes);
    return 0;
}

/* The value that a replacement field names: "", "0", "name", with .attribute and [item] behind. */
static int field_value(struct rt *r, const struct call *c, const char *p, const char *end,
                       size_t *next, struct tv *ret)
{
    const char *stop = p;
    size_t args = c->argc - c->kw_len, i = 0;
    bool found = false;
    int rc = 0;

    while (stop < end && *stop != '.' && *stop != '[') {
        i = *stop >= '0' && *stop <= '9' && i < 100000 ? i * 10 + (size_t)(*stop - '0') : SIZE_MAX;
        stop++;
    }
    i = stop == p ? (*next)++ : i;
    if (i < args) {
        *ret = c->argv[i];
        found = true;
    }
    for (size_t k = 0; !found && k < c->kw_len; k++) {
        if (c->kw[k].len == (size_t)(stop - p) && memcmp(c->kw[k].name, p, c->kw[k].len) == 0) {
            *ret = c->argv[args + k];
            found = true;
        }
    }
    if (!found) {
        return rt_fail(r, ERR_INVALID, "format: no argument for {%.*s}", (int)(stop - p), p);
    }
    if (stop < end) {
        return rt_fail(r, ERR_UNSUPPORTED, "format: {%.*s} is not supported", (int)(end - p), p);
    }
    return rc;
}

static int format_field(struct rt *r, const struct call *c, const char *p, const char *end,
                        size_t *next, struct buf *out)
{
    const char *colon = memchr(p, ':', (size_t)(end - p)),
               *bang = memchr(p, '!', (size_t)(end - p));
    const char *name_end = bang != NULL && (colon == NULL || bang < colon) ? bang
                           : colon != NULL                                 ? colon
                                                                           : end;
    struct tv v, spec = tv_str("", 0);
    int rc = field_value(r, c, p, name_end, next, &v);

    if (rc == 0 && name_end == bang && bang != NULL) {
        const char *after = colon != NULL ? colon : end;

        if (after - bang != 2 || (bang[1] != 's' && bang[1] != 'r')) {
            return rt_fail(r, ERR_UNSUPPORTED, "format: only !s and !r are supported");
        }
        if (bang[1] == 'r') {
            struct buf b;

            buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
            rc = tv_repr(r, &v, &b);
            rc = rc != 0 ? (buf_fini(&b), rc) : tv_take_buf(r, &b, &v);
        } else {
            rc = tv_to_str(r, &v, &v);
        }
    }
    if (colon != NULL) {
        spec = tv_str(colon + 1, (size_t)(end - colon - 1));
    }
    return rc != 0 ? rc : format_spec(r, &v, &spec, out);
}

static int m_format(struct rt *r, const struct call *c, struct tv *ret)
{
    const char *p = c->self.s, *end = p + c->self.n;
    size_t next = 0;
    struct buf b;
    int rc = 0;

    if (c->self.markup) {
        return rt_fail(r, ERR_UNSUPPORTED, "formatting escaped text is not supported");
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    while (rc == 0 && p < end) {
        const char *close;

        if ((*p == '{' || *p == '}') && p + 1 < end && p[1] == *p) {
            buf_char(&b, *p);
            p += 2;
        } else if (*p == '}') {
            rc = rt_fail(r, ERR_INVALID, "Single '}' encountered in format string");
        } else if (*p == '{') {
            close = memchr(p, '}', (size_t)(end - p));
            if (close == NULL) {
                rc = rt_fail(r, ERR_INVALID, "expected '}' before end of string");
            } else if (memchr(p + 1, '{', (size_t)(close - p - 1)) != NULL) {
                rc = rt_fail(r, ERR_UNSUPPORTED, "format: nested fields are not supported");
            } else {
                rc = format_field(r, c, p + 1, close, &next, &b);
                p = close + 1;
            }
        } else {
            buf_char(&b, *p++);
        }
    }
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

const struct fn_desc methods_str_more[] = {
    {"ljust", "width fillchar", 1, m_pad},
    {"rjust", "width fillchar", 1, m_pad},
    {"center", "width fillchar", 1, m_pad},
    {"zfill", "width", 1, m_zfill},
    {"isupper", "", 0, m_is},
    {"islower", "", 0, m_is},
    {"isalpha", "", 0, m_is},
    {"isalnum", "", 0, m_is},
    {"isdigit", "", 0, m_is},
    {"isdecimal", "", 0, m_is},
    {"isnumeric", "", 0, m_is},
    {"isspace", "", 0, m_is},
    {"format", "* **", 0, m_format},
    {NULL, NULL, 0, NULL},
};

int dict_view(struct rt *r, const struct tv *dict, char which, struct tv *ret)
{
    struct tv key, value, pair;
    int rc = tv_list_new(r, TV_VIEW, tv_dict_len(dict), ret);

    for (size_t i = 0; rc == 0 && i < tv_dict_len(dict); i++) {
        rc = tv_dict_at(r, dict, i, &key, &value);
        if (rc == 0 && which == 'i') {
            rc = tv_list_new(r, TV_TUPLE, 2, &pair);
            rc = rc != 0 ? rc : tv_list_push(r, &pair, &key);
            rc = rc != 0 ? rc : tv_list_push(r, &pair, &value);
        }
        rc = rc != 0 ? rc
                     : tv_list_push(r, ret,
                                    which == 'i'   ? &pair
                                    : which == 'k' ? &key
                                                   : &value);
    }
    if (rc == 0) {
        ret->list->view = which == 'i' ? "dict_items" : which == 'k' ? "dict_keys" : "dict_values";
    }
    return rc;
}

static int m_view(struct rt *r, const struct call *c, struct tv *ret)
{
    return dict_view(r, &c->self, c->fn->name[0], ret);
}

static int m_get(struct rt *r, const struct call *c, struct tv *ret)
{
    int rc = tv_dict_find(r, &c->self, &c->argv[0], ret);

    if (rc == 0) {
        *ret = c->argv[1].kind != TV_ABSENT ? c->argv[1] : tv_none();
    }
    return rc < 0 ? rc : 0;
}

static int m_copy(struct rt *r, const struct call *c, struct tv *ret)
{
    (void)r;
    *ret = c->self; /* nothing changes a value in place: the same one serves */
    return 0;
}

const struct fn_desc methods_dict[] = {
    {"items", "", 0, m_view},         {"keys", "", 0, m_view}, {"values", "", 0, m_view},
    {"get", "key default", 1, m_get}, {"copy", "", 0, m_copy}, {NULL, NULL, 0, NULL},
};

static int m_list_find(struct rt *r, const struct call *c, struct tv *ret)
{
    bool count = c->fn->name[0] == 'c', same;
    struct tv item;
    int64_t n = 0;

    for (size_t i = 0; i < tv_list_len(&c->self); i++) {
        int rc = tv_list_at(r, &c->self, i, &item);

        rc = rc != 0 ? rc : tv_equal(r, &item, &c->argv[0], &same);
        if (rc != 0) {
            return rc;
        }
        if (same && !count) {
            *ret = tv_int((int64_t)i);
            return 0;
        }
        n += same;
    }
    if (!count) {
        return rt_fail(r, ERR_INVALID, "the value is not in the list");
    }
    *ret = tv_int(n);
    return 0;
}

const struct fn_desc methods_list[] = {
    {"index", "value", 1, m_list_find},
    {"count", "value", 1, m_list_find},
    {"copy", "", 0, m_copy},
    {NULL, NULL, 0, NULL},
};
