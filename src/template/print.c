/* Values as text: str(), repr() and json.dumps() as Python writes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "template/rt.h"

/* The shortest digits that read back, laid out as Python's repr: an exponent below 1e-4 and from
 * 1e16. */
void repr_double(double d, struct buf *out)
{
    char text[40], digits[24], *exp_at;
    int precision, exp, n = 0;

    if (d != d || d > 1.7976931348623157e308 || d < -1.7976931348623157e308) {
        buf_str(out, d != d ? "nan" : d > 0 ? "inf" : "-inf");
        return;
    }
    for (precision = 0; precision < 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, d);
        if (strtod(text, NULL) == d) {
            break;
        }
    }
    exp_at = strchr(text, 'e');
    exp = (int)strtol(exp_at + 1, NULL, 10);
    for (const char *p = text; p < exp_at; p++) {
        if (*p >= '0' && *p <= '9') {
            digits[n++] = *p;
        }
    }
    digits[n] = 0;
    buf_str(out, text[0] == '-' ? "-" : "");
    if (exp < -4 || exp >= 16) {
        buf_printf(out, "%c%s%s", digits[0], n > 1 ? "." : "", digits + 1);
        buf_printf(out, "e%c%02d", exp < 0 ? '-' : '+', abs(exp));
        return;
    }
    if (exp < 0) {
        buf_str(out, "0.");
        for (int i = -1; i > exp; i--) {
            buf_char(out, '0');
        }
        buf_str(out, digits);
        return;
    }
    for (int i = 0; i <= exp || i < n; i++) {
        if (i == exp + 1) {
            buf_char(out, '.');
        }
        buf_char(out, i < n ? digits[i] : '0');
    }
    if (n <= exp + 1) {
        buf_str(out, ".0");
    }
}

void repr_string(const char *s, size_t n, struct buf *out)
{
    bool single = memchr(s, '\'', n) != NULL && memchr(s, '"', n) == NULL;
    char quote = single ? '"' : '\'';

    buf_char(out, quote);
    for (size_t i = 0; i < n;) {
        size_t from = i;
        uint32_t c = utf8_next(s, n, &i);

        if (c == (uint32_t)quote || c == '\\') {
            buf_char(out, '\\');
            buf_char(out, (char)c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            buf_str(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\x%02x", c);
        } else if (c < 0x7f || char_is_printable(c)) {
            buf_append(out, s + from, i - from);
        } else if (c < 0x100) {
            buf_printf(out, "\\x%02x", c);
        } else {
            buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        }
    }
    buf_char(out, quote);
}

static int repr(struct rt *r, const struct tv *v, int depth, struct buf *out);

static int repr_items(struct rt *r, const struct tv *v, int depth, struct buf *out)
{
    struct tv item;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < tv_list_len(v); i++) {
        if (i > 0) {
            buf_str(out, ", ");
        }
        rc = tv_list_at(r, v, i, &item);
        rc = rc != 0 ? rc : repr(r, &item, depth + 1, out);
    }
    return rc;
}

static int repr_list(struct rt *r, const struct tv *v, int depth, struct buf *out)
{
    int rc;

    switch (v->kind) {
    case TV_RANGE:
        buf_printf(out, "range(%lld, %lld", (long long)v->list->from, (long long)v->list->to);
        if (v->list->step != 1) {
            buf_printf(out, ", %lld", (long long)v->list->step);
        }
        buf_char(out, ')');
        return 0;
    case TV_TUPLE:
        buf_char(out, '(');
        rc = repr_items(r, v, depth, out);
        buf_str(out, tv_list_len(v) == 1 ? ",)" : ")");
        return rc;
    case TV_VIEW:
        buf_printf(out, "%s([", v->list->view);
        rc = repr_items(r, v, depth, out);
        buf_str(out, "])");
        return rc;
    default:
        buf_char(out, '[');
        rc = repr_items(r, v, depth, out);
        buf_char(out, ']');
        return rc;
    }
}

static int repr_dict(struct rt *r, const struct tv *v, int depth, struct buf *out)
{
    struct tv key, value;
    int rc = 0;

    buf_char(out, '{');
    for (size_t i = 0; rc == 0 && i < tv_dict_len(v); i++) {
        if (i > 0) {
            buf_str(out, ", ");
        }
        rc = tv_dict_at(r, v, i, &key, &value);
        rc = rc != 0 ? rc : repr(r, &key, depth + 1, out);
        buf_str(out, ": ");
        rc = rc != 0 ? rc : repr(r, &value, depth + 1, out);
    }
    buf_char(out, '}');
    return rc;
}

static int repr(struct rt *r, const struct tv *v, int depth, struct buf *out)
{
    int rc = rt_step(r, 1);

    rc = rc != 0 ? rc : rt_buf_check(r, out);
    if (rc != 0) {
        return rc;
    }
    if (depth > LIMIT_TEMPLATE_TREE) {
        return rt_fail(r, ERR_LIMIT, "a value nested deeper than %d", LIMIT_TEMPLATE_TREE);
    }
    switch (v->kind) {
    case TV_UNDEFINED:
        buf_str(out, "Undefined");
        return 0;
    case TV_NONE:
        buf_str(out, "None");
        return 0;
    case TV_BOOL:
        buf_str(out, v->b ? "True" : "False");
        return 0;
    case TV_INT:
        buf_printf(out, "%lld", (long long)v->i);
        return 0;
    case TV_FLOAT:
        repr_double(v->f, out);
        return 0;
    case TV_STR:
        buf_str(out, v->markup ? "Markup(" : "");
        repr_string(v->s, v->n, out);
        buf_str(out, v->markup ? ")" : "");
        return 0;
    case TV_LIST:
    case TV_TUPLE:
    case TV_VIEW:
    case TV_RANGE:
        return repr_list(r, v, depth, out);
    case TV_DICT:
        return repr_dict(r, v, depth, out);
    case TV_TIME:
    case TV_DATE:
    case TV_DELTA:
        return tvtime_repr(v, out);
    default:
        return rt_fail(r, ERR_UNSUPPORTED, "printing a %s is not supported (add |list)",
                       tv_type_name(v));
    }
}

int tv_repr(struct rt *r, const struct tv *v, struct buf *out)
{
    return repr(r, v, 0, out);
}

int tv_print(struct rt *r, const struct tv *v, struct buf *out)
{
    int rc = v->markup ? 0 : rt_defined(r, v);

    if (rc != 0 || v->kind == TV_UNDEFINED) {
        return rc;
    }
    if (v->kind == TV_STR) {
        buf_append(out, v->s, v->n);
        return 0;
    }
    if (v->kind == TV_TIME || v->kind == TV_DATE || v->kind == TV_DELTA) {
        return tvtime_print(v, out);
    }
    return repr(r, v, 0, out);
}

int tv_to_str(struct rt *r, const struct tv *v, struct tv *ret)
{
    struct buf b;
    int rc;

    if (v->kind == TV_STR) {
        *ret = *v;
        return 0;
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    rc = tv_print(r, v, &b);
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

static void json_text(const char *s, size_t n, struct buf *out)
{
    buf_char(out, '"');
    for (size_t i = 0; i < n;) {
        static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
        uint32_t c = utf8_next(s, n, &i);
        const char *hit = c < 128 && c != 0 ? strchr(from, (int)c) : NULL;

        if (hit != NULL) {
            buf_char(out, '\\');
            buf_char(out, to[hit - from]);
        } else if (c >= 0x20 && c < 0x7f) {
            buf_char(out, (char)c);
        } else if (c == 0x7f) {
            buf_char(out, (char)c);
        } else if (c < 0x10000) {
            buf_printf(out, "\\u%04x", c);
        } else {
            c -= 0x10000;
            buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
        }
    }
    buf_char(out, '"');
}

struct json_style {
    bool sort;
    int indent;
};

static void json_line(const struct json_style *s, int depth, struct buf *out)
{
    if (s->indent >= 0) {
        buf_char(out, '\n');
        for (int i = 0; i < depth * s->indent; i++) {
            buf_char(out, ' ');
        }
    }
}

static int json(struct rt *r, const struct tv *v, const struct json_style *s, int depth,
                struct buf *out);

static int json_key_text(struct rt *r, const struct tv *key, struct buf *out)
{
    struct buf text BUF_CLEANUP;
    int rc = 0;

    buf_init(&text, LIMIT_TEMPLATE_OUTPUT);
    if (key->kind == TV_STR) {
        json_text(key->s, key->n, out);
        return 0;
    }
    if (key->kind == TV_NONE || key->kind == TV_BOOL) {
        buf_printf(out, "\"%s\"", key->kind == TV_NONE ? "null" : key->b ? "true" : "false");
        return 0;
    }
    if (!tv_is_number(key)) {
        return rt_fail(r, ERR_INVALID, "keys must be str, int, float, bool or None, not %s",
                       tv_type_name(key));
    }
    rc = tv_print(r, key, &text);
    rc = rc != 0 ? rc : rt_buf_check(r, &text);
    json_text(buf_cstr(&text), text.len, out);
    return rc;
}

/* The members' order: as they stand, or by key. */
static int json_order(struct rt *r, const struct tv *v, bool sorted, size_t **ret)
{
    size_t n = tv_dict_len(v), *order = rt_alloc(r, (n + 1) * sizeof *order);
    struct tv x, y, ignored;
    int rc = 0;

    if (order == NULL) {
        return rt_nomem(r);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t k = i;

        order[i] = i;
        rc = sorted ? tv_dict_at(r, v, i, &x, &ignored) : 0;
        while (sorted && rc == 0 && k > 0) {
            bool before;

            rc = tv_dict_at(r, v, order[k - 1], &y, &ignored);
            rc = rc != 0 ? rc : tv_less(r, &x, &y, &before);
            if (rc != 0 || !before) {
                break;
            }
            order[k] = order[k - 1];
            order[--k] = i;
        }
    }
    *ret = order;
    return rc;
}

static int json_dict(struct rt *r, const struct tv *v, const struct json_style *s, int depth,
                     struct buf *out)
{
    struct tv key, value;
    size_t *order = NULL;
    int rc = json_order(r, v, s->sort, &order);

    buf_char(out, '{');
    for (size_t i = 0; rc == 0 && i < tv_dict_len(v); i++) {
        buf_str(out, i == 0 ? "" : s->indent >= 0 ? "," : ", ");
        json_line(s, depth + 1, out);
        rc = tv_dict_at(r, v, order[i], &key, &value);
        rc = rc != 0 ? rc : json_key_text(r, &key, out);
        buf_str(out, ": ");
        rc = rc != 0 ? rc : json(r, &value, s, depth + 1, out);
    }
    if (tv_dict_len(v) > 0) {
        json_line(s, depth, out);
    }
    buf_char(out, '}');
    return rc;
}

static int json_list(struct rt *r, const struct tv *v, const struct json_style *s, int depth,
                     struct buf *out)
{
    struct tv item;
    int rc = 0;

    buf_char(out, '[');
    for (size_t i = 0; rc == 0 && i < tv_list_len(v); i++) {
        buf_str(out, i == 0 ? "" : s->indent >= 0 ? "," : ", ");
        json_line(s, depth + 1, out);
        rc = tv_list_at(r, v, i, &item);
        rc = rc != 0 ? rc : json(r, &item, s, depth + 1, out);
    }
    if (tv_list_len(v) > 0) {
        json_line(s, depth, out);
    }
    buf_char(out, ']');
    return rc;
}

static int json(struct rt *r, const struct tv *v, const struct json_style *s, int depth,
                struct buf *out)
{
    int rc = rt_step(r, 1);

    rc = rc != 0 ? rc : rt_buf_check(r, out);
    rc = rc != 0 ? rc : rt_defined(r, v);
    if (rc != 0) {
        return rc;
    }
    if (depth > LIMIT_TEMPLATE_TREE) {
        return rt_fail(r, ERR_LIMIT, "a value nested deeper than %d", LIMIT_TEMPLATE_TREE);
    }
    switch (v->kind) {
    case TV_NONE:
        buf_str(out, "null");
        return 0;
    case TV_BOOL:
        buf_str(out, v->b ? "true" : "false");
        return 0;
    case TV_FLOAT:
        if (v->f != v->f || v->f - v->f != 0) {
            buf_str(out, v->f != v->f ? "NaN" : v->f > 0 ? "Infinity" : "-Infinity");
            return 0;
        }
        return repr(r, v, depth, out);
    case TV_INT:
        return repr(r, v, depth, out);
    case TV_STR:
        json_text(v->s, v->n, out);
        return 0;
    case TV_LIST:
    case TV_TUPLE:
        return json_list(r, v, s, depth, out);
    case TV_DICT:
        return json_dict(r, v, s, depth, out);
    default:
        return rt_fail(r, ERR_INVALID, "Object of type %s is not JSON serializable",
                       tv_type_name(v));
    }
}

int tv_json(struct rt *r, const struct tv *v, bool sort_keys, int indent, struct buf *out)
{
    const struct json_style s = {.sort = sort_keys, .indent = indent};

    return json(r, v, &s, 0, out);
}
