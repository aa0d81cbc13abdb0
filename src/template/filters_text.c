/* Filters of text and numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "template/rt.h"

static int self_str(struct rt *r, const struct call *c, struct tv *ret)
{
    return tv_to_str(r, &c->self, ret); /* an undefined value is an error there */
}

/* A filter that maps the text by `fn`. */
static int map_text(struct rt *r, const struct call *c,
                    void (*fn)(const char *s, size_t n, struct buf *out), struct tv *ret)
{
    struct tv s;
    struct buf b;
    int rc = self_str(r, c, &s);

    if (rc != 0) {
        return rc;
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    fn(s.s, s.n, &b);
    rc = tv_take_buf(r, &b, ret);
    ret->markup = s.markup;
    return rc;
}

static int f_upper(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_upper, ret);
}

static int f_lower(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_lower, ret);
}

static int f_capitalize(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, text_capitalize, ret);
}

/* Jinja2's title: words are split at white space and - ( { [ <, unlike str.title. */
static void jinja_title(const char *s, size_t n, struct buf *out)
{
    size_t start = 0, i = 0;

    while (i <= n) {
        size_t at = i;
        uint32_t ch = i < n ? utf8_next(s, n, &i) : 0;

        if (at == n || char_is_space(ch) || (ch < 128 && ch != 0 && strchr("-({[<", (int)ch))) {
            if (at > start) {
                size_t first = start;

                (void)utf8_next(s, n, &first);
                text_upper(s + start, first - start, out);
                text_lower(s + first, at - first, out);
            }
            buf_append(out, s + at, i - at);
            start = i;
            if (at == n) {
                break;
            }
        }
    }
}

static int f_title(struct rt *r, const struct call *c, struct tv *ret)
{
    return map_text(r, c, jinja_title, ret);
}

static int f_trim(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s, chars;
    int rc = self_str(r, c, &s);

    if (rc == 0 && arg_given(c, 0)) {
        rc = arg_str(r, c, 0, &chars);
        return rc != 0 ? rc : text_strip(r, &s, &chars, 3, ret);
    }
    return rc != 0 ? rc : text_strip(r, &s, NULL, 3, ret);
}

static int f_replace(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s, old, with;
    int64_t count;
    int rc = self_str(r, c, &s);

    rc = rc != 0 ? rc : tv_to_str(r, &c->argv[0], &old);
    rc = rc != 0 ? rc : tv_to_str(r, &c->argv[1], &with);
    rc = rc != 0 ? rc : arg_int(r, c, 2, -1, &count);
    return rc != 0 ? rc : text_replace(r, &s, &old, &with, count, ret);
}

static int f_default(struct rt *r, const struct call *c, struct tv *ret)
{
    bool boolean, yes = true;
    int rc = arg_bool(r, c, 1, false, &boolean);

    if (rc == 0 && c->self.kind != TV_UNDEFINED && boolean) {
        rc = tv_truth(r, &c->self, &yes);
    }
    *ret = c->self;
    if (c->self.kind == TV_UNDEFINED || !yes) {
        *ret = c->argv[0].kind == TV_ABSENT ? tv_str("", 0) : c->argv[0];
    }
    return rc;
}

static int f_string(struct rt *r, const struct call *c, struct tv *ret)
{
    return self_str(r, c, ret);
}

static int f_escape(struct rt *r, const struct call *c, struct tv *ret)
{
    int rc;

    if (c->self.kind == TV_STR && c->self.markup && strcmp(c->fn->name, "forceescape") != 0) {
        *ret = c->self;
        return 0;
    }
    rc = map_text(r, c, text_escape, ret);
    ret->markup = true;
    return rc;
}

static int f_safe(struct rt *r, const struct call *c, struct tv *ret)
{
    int rc = self_str(r, c, ret);

    ret->markup = true;
    return rc;
}

static void put_url(const char *s, size_t n, bool query, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        char ch = s[i];

        if ((ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') ||
            (ch != 0 && strchr("_.-~", ch) != NULL) || (ch == '/' && !query)) {
            buf_char(out, ch);
        } else if (ch == ' ' && query) {
            buf_char(out, '+');
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)ch);
        }
    }
}

static int url_pair(struct rt *r, const struct tv *key, const struct tv *value, struct buf *out)
{
    struct tv k, v;
    int rc = tv_to_str(r, key, &k);

    rc = rc != 0 ? rc : tv_to_str(r, value, &v);
    if (rc == 0) {
        buf_str(out, out->len > 0 ? "&" : "");
        put_url(k.s, k.n, true, out);
        buf_char(out, '=');
        put_url(v.s, v.n, true, out);
        rc = rt_step(r, 1);
    }
    return rc;
}

static int f_urlencode(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s, key, value, list = {0};
    struct buf b;
    int rc = rt_defined(r, &c->self);
    bool dict = c->self.kind == TV_DICT;
    size_t n = 0;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    if (rc == 0 && !dict && !tv_is_list(&c->self)) {
        rc = self_str(r, c, &s);
        if (rc == 0) {
            put_url(s.s, s.n, false, &b);
        }
    } else if (rc == 0) {
        rc = dict ? 0 : tv_iterate(r, &c->self, &list);
        n = rc != 0 ? 0 : dict ? tv_dict_len(&c->self) : tv_list_len(&list);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (dict) {
            rc = tv_dict_at(r, &c->self, i, &key, &value);
        } else {
            struct tv pair, both;

            rc = tv_list_at(r, &list, i, &pair);
            rc = rc != 0 ? rc : tv_iterate(r, &pair, &both);
            if (rc == 0 && tv_list_len(&both) != 2) {
                rc = rt_fail(r, ERR_INVALID, "urlencode: a list must hold pairs");
            }
            rc = rc != 0 ? rc : tv_list_at(r, &both, 0, &key);
            rc = rc != 0 ? rc : tv_list_at(r, &both, 1, &value);
        }
        rc = rc != 0 ? rc : url_pair(r, &key, &value, &b);
    }
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

static int f_indent(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s = {0}, lines, line, pad;
    bool first, blank;
    struct buf b;
    int64_t width;
    int rc = c->self.kind == TV_STR ? self_str(r, c, &s)
                                    : rt_fail(r, ERR_INVALID, "indent: a str is needed, not '%s'",
                                              tv_type_name(&c->self));

    rc = rc != 0 ? rc : arg_bool(r, c, 1, false, &first);
    rc = rc != 0 ? rc : arg_bool(r, c, 2, false, &blank);
    if (rc == 0 && c->argv[0].kind == TV_STR) {
        pad = c->argv[0];
    } else if (rc == 0) {
        struct tv space = tv_str(" ", 1), n;

        rc = arg_int(r, c, 0, 4, &width);
        n = tv_int(rc == 0 ? width : 0);
        rc = rc != 0 ? rc : op_binary(r, N_MUL, &space, &n, &pad);
    }
    rc = rc != 0 ? rc : text_splitlines(r, &s, false, true, &lines);
    if (rc != 0) {
        return rc;
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&lines); i++) {
        rc = tv_list_at(r, &lines, i, &line);
        if (rc != 0) {
            break;
        }
        buf_str(&b, i > 0 ? "\n" : "");
        if (i == 0 ? first : (blank || line.n > 0)) {
            buf_append(&b, pad.s, pad.n);
        }
        buf_append(&b, line.s, line.n);
    }
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    rc = tv_take_buf(r, &b, ret);
    ret->markup = s.markup;
    return rc;
}

static int f_truncate(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s = {0}, end = tv_str("...", 3);
    int64_t length, leeway, chars, end_chars;
    bool kill_words;
    struct buf b;
    size_t cut;
    int rc = c->self.kind == TV_STR ? self_str(r, c, &s)
                                    : rt_fail(r, ERR_INVALID, "object of type '%s' has no len()",
                                              tv_type_name(&c->self));

    rc = rc != 0 ? rc : arg_int(r, c, 0, 255, &length);
    rc = rc != 0 ? rc : arg_bool(r, c, 1, false, &kill_words);
    rc = rc != 0 || !arg_given(c, 2) ? rc : arg_str(r, c, 2, &end);
    rc = rc != 0 ? rc : arg_int(r, c, 3, 5, &leeway);
    if (rc != 0) {
        return rc;
    }
    chars = (int64_t)utf8_count(s.s, s.n);
    end_chars = (int64_t)utf8_count(end.s, end.n);
    if (length < end_chars || leeway < 0 || length > (int64_t)LIMIT_STRING_BYTES) {
        return rt_fail(r, ERR_INVALID, "truncate: expected length >= %lld and leeway >= 0",
                       (long long)end_chars);
    }
    if (chars <= length + leeway) {
        *ret = s;
        return 0;
    }
    cut = utf8_offset(s.s, s.n, (size_t)(length - end_chars));
    if (!kill_words) {
        const char *space = memrchr(s.s, ' ', cut);

        cut = space != NULL ? (size_t)(space - s.s) : cut;
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    buf_append(&b, s.s, cut);
    buf_append(&b, end.s, end.n);
    rc = tv_take_buf(r, &b, ret);
    ret->markup = s.markup;
    return rc;
}

static int f_wordcount(struct rt *r, const struct call *c, struct tv *ret)
{
    int64_t words = 0;
    bool inside = false;
    struct tv s;
    int rc = self_str(r, c, &s);

    for (size_t i = 0; rc == 0 && i < s.n;) {
        uint32_t ch = utf8_next(s.s, s.n, &i);
        bool word = ch == '_' || char_is_alpha(ch) || char_is_numeric(ch);

        words += word && !inside;
        inside = word;
    }
    *ret = tv_int(words);
    return rc;
}

static int f_center(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s;
    int64_t width;
    int rc = self_str(r, c, &s);

    rc = rc != 0 ? rc : arg_int(r, c, 0, 80, &width);
    return rc != 0 ? rc : text_pad(r, &s, width, 0, tv_str(" ", 1), ret);
}

static int f_format(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s, args;
    int rc = self_str(r, c, &s);

    if (rc == 0 && c->kw_len > 0) {
        rc = tv_dict_new(r, &args);
        for (size_t i = 0; rc == 0 && i < c->kw_len; i++) {
            struct tv key = tv_str(c->kw[i].name, c->kw[i].len);

            rc = tv_dict_set(r, &args, &key, &c->argv[c->argc - c->kw_len + i]);
        }
        if (rc == 0 && c->argc > c->kw_len) {
            rc = rt_fail(r, ERR_INVALID, "can't handle positional and keyword arguments at once");
        }
        return rc != 0 ? rc : op_format(r, &s, &args, ret);
    }
    rc = rc != 0 ? rc : tv_list_new(r, TV_TUPLE, c->argc, &args);
    for (size_t i = 0; rc == 0 && i < c->argc; i++) {
        rc = tv_list_push(r, &args, &c->argv[i]);
    }
    return rc != 0 ? rc : op_format(r, &s, &args, ret);
}

static int f_tojson(struct rt *r, const struct call *c, struct tv *ret)
{
    struct buf b, safe;
    int64_t indent;
    int rc = arg_int(r, c, 0, -1, &indent);

    if (rc != 0 || indent > 64) {
        return rc != 0 ? rc : rt_fail(r, ERR_LIMIT, "tojson: an indent of more than 64");
    }
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    buf_init(&safe, LIMIT_TEMPLATE_OUTPUT);
    rc = tv_json(r, &c->self, true, (int)indent, &b);
    rc = rc != 0 ? rc : rt_buf_check(r, &b);
    for (size_t i = 0; rc == 0 && i < b.len; i++) {
        if (strchr("<>&'", b.p[i]) != NULL) {
            buf_printf(&safe, "\\u%04x", (unsigned)b.p[i]);
        } else {
            buf_char(&safe, b.p[i]);
        }
    }
    buf_fini(&b);
    if (rc != 0) {
        buf_fini(&safe);
        return rc;
    }
    rc = tv_take_buf(r, &safe, ret);
    ret->markup = true;
    return rc;
}

/* Airflow's filters of times; None stays None. */
static int time_filter(struct rt *r, const struct call *c, struct tv *ret)
{
    static const char *const formats[][2] = {{"ds", "%Y-%m-%d"},
                                             {"ds_nodash", "%Y%m%d"},
                                             {"ts", "iso"},
                                             {"ts_nodash", "%Y%m%dT%H%M%S"},
                                             {"ts_nodash_with_tz", "iso-nodash"}};
    const char *format = NULL;

    if (c->self.kind == TV_NONE) {
        *ret = tv_none();
        return 0;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(c->fn->name, formats[i][0]) == 0) {
            format = formats[i][1];
        }
    }
    if (c->self.kind != TV_TIME) {
        int rc = rt_defined(r, &c->self);

        return rc != 0 ? rc
                       : rt_fail(r, ERR_INVALID, "%s: '%s' object is not a time", c->fn->name,
                                 tv_type_name(&c->self));
    }
    return tvtime_text(r, &c->self, format, ret);
}

const struct fn_desc filters_text[] = {
    {"upper", "", 0, f_upper},
    {"lower", "", 0, f_lower},
    {"capitalize", "", 0, f_capitalize},
    {"title", "", 0, f_title},
    {"trim", "chars", 0, f_trim},
    {"replace", "old new count", 2, f_replace},
    {"default", "default_value boolean", 0, f_default},
    {"d", "default_value boolean", 0, f_default},
    {"string", "", 0, f_string},
    {"escape", "", 0, f_escape},
    {"e", "", 0, f_escape},
    {"forceescape", "", 0, f_escape},
    {"safe", "", 0, f_safe},
    {"urlencode", "", 0, f_urlencode},
    {"indent", "width first blank", 0, f_indent},
    {"truncate", "length killwords end leeway", 0, f_truncate},
    {"wordcount", "", 0, f_wordcount},
    {"center", "width", 0, f_center},
    {"format", "* **", 0, f_format},
    {"tojson", "indent", 0, f_tojson},
    {"ds", "", 0, time_filter},
    {"ds_nodash", "", 0, time_filter},
    {"ts", "", 0, time_filter},
    {"ts_nodash", "", 0, time_filter},
    {"ts_nodash_with_tz", "", 0, time_filter},
    {NULL, NULL, 0, NULL},
};
