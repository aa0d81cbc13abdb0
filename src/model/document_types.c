/* Checks of single values: what was found, what is expected, what to do. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/document_priv.h"
#include "model/mapping.h"

bool doc_is_template(const struct value *v)
{
    return v->kind == VALUE_STRING &&
           (strstr(v->text, "{{") != NULL || strstr(v->text, "{%") != NULL);
}

/* An XCom as an argument: {"__xcom__": {...}}. */
static bool is_xcom(const struct value *v)
{
    return v->kind == VALUE_OBJECT && v->len == 1 &&
           (strcmp(v->keys[0].text, "__xcom__") == 0 ||
            strcmp(v->keys[0].text, "__mapped__") == 0 || strcmp(v->keys[0].text, "__map__") == 0 ||
            strcmp(v->keys[0].text, "__zip__") == 0 || strcmp(v->keys[0].text, "__concat__") == 0);
}

static const char *found_text(const struct value *v, char *buf, size_t cap)
{
    switch (v->kind) {
    case VALUE_STRING:
        (void)snprintf(buf, cap, "the string '%.60s'%s", v->text, v->len > 60 ? "..." : "");
        break;
    case VALUE_NUMBER:
        (void)snprintf(buf, cap, "the number %.40s", v->text);
        break;
    case VALUE_BOOL:
        return v->boolean ? "true" : "false";
    case VALUE_NULL:
        return "nothing (null)";
    case VALUE_ARRAY:
        return "a list";
    case VALUE_OBJECT:
        return "an object";
    }
    return buf;
}

static const char *expected_text(const struct doc_rule *r, char *buf, size_t cap)
{
    switch (r->type) {
    case PARAM_STRING:
        return "a string";
    case PARAM_BOOL:
        return "true or false";
    case PARAM_INT:
        if (r->min != 0 || r->max != 0) {
            (void)snprintf(buf, cap, "an integer from %" PRId64 " to %" PRId64, r->min, r->max);
            return buf;
        }
        return "an integer";
    case PARAM_NUMBER:
        return "a number";
    case PARAM_DURATION:
        return "a duration of at most ten years: seconds, or text like 90s, 1h30m, 500ms, PT1H30M";
    case PARAM_TIME:
        return "a time like 2026-01-31T12:00:00Z, or a date";
    case PARAM_STRINGS:
        return "a list of strings";
    case PARAM_STRING_MAP:
        return "an object of strings";
    case DOC_SCHEDULE:
        return "a string, or an object with 'type', a string";
    case DOC_OBJECTS:
        return "a list of objects";
    case DOC_EXPAND:
        return "an object: a list, an object or an XCom by name";
    case DOC_EXPAND_KWARGS:
        return "a list of objects, or an XCom that is one";
    case DOC_CALLBACKS:
        return "an object: by word a function (file.py:function or module:function), or a list of "
               "them";
    case PARAM_OBJECT:
    case DOC_PARAMS:
    case DOC_DEFAULT_ARGS:
    case DOC_TASK_GROUPS:
    case DOC_TASKS:
    case DOC_PYTHON:
        return "an object";
    case PARAM_ARRAY:
        return "a list";
    case PARAM_STRING_OR_STRINGS:
        return "a string, or a list of strings";
    case PARAM_INTS:
        return "an integer, or a list of integers";
    case DOC_ID:
        return "an id: letters, digits, '-', '_', '.'";
    case DOC_NAME:
        return "a name of 1 to 250 bytes";
    case DOC_BACKOFF:
        return "a number from 0 to 1000, or true (2) or false";
    case DOC_VERSION:
        return "1 (a newer form needs a newer program)";
    default:
        return "something else";
    }
}

/* What people write where a boolean is meant: strings in YAML 1.2. */
static const char *remedy(const struct value *v, int type, bool element)
{
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n", "true", "false"};

    if (type == PARAM_BOOL && v->kind == VALUE_STRING) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (strcasecmp(v->text, words[i]) == 0) {
                return i % 2 == 0 ? "; write true, without quotes"
                                  : "; write false, without quotes";
            }
        }
    }
    if (element || type == PARAM_STRING || type == DOC_ID || type == DOC_NAME) {
        if (v->kind == VALUE_NUMBER || v->kind == VALUE_BOOL) {
            return "; write it in quotes";
        }
    }
    if (type == PARAM_STRINGS && v->kind == VALUE_STRING) {
        return "; write it in brackets: [ ]";
    }
    return "";
}

static bool wrong_at(struct doc *d, const struct value *v, const struct doc_rule *r, bool element)
{
    char found[120], expected[120];

    doc_finding(d, v->line, v->col, "'%.80s' must be %s; found %s%s", r->name,
                expected_text(r, expected, sizeof expected), found_text(v, found, sizeof found),
                remedy(v, r->type, element));
    return false;
}

static bool wrong(struct doc *d, const struct value *v, const struct doc_rule *r)
{
    return wrong_at(d, v, r, false);
}

static bool read_duration(const struct value *v, int64_t *ret)
{
    double s;

    if ((v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) &&
        duration_parse(v->text, v->len, ret) == 0) {
        return *ret <= LIMIT_DURATION_S * TIME_SECOND;
    }
    if (value_double(v, &s) == 0 && s >= 0 && s <= (double)LIMIT_DURATION_S) {
        *ret = (int64_t)(s * (double)TIME_SECOND + 0.5); /* a number with an exponent */
        return true;
    }
    return false;
}

int64_t doc_duration(const struct value *v)
{
    int64_t us = 0;
    bool ok = read_duration(v, &us);

    assert(ok);
    (void)ok;
    return us;
}

int32_t doc_int32(const struct value *v)
{
    int64_t x = 0;
    int rc = value_int(v, INT32_MIN, INT32_MAX, &x);

    assert(rc == 0);
    (void)rc;
    return (int32_t)x;
}

bool doc_check_id(struct doc *d, const char *what, const char *id, size_t n, int line, int col)
{
    if (n == 0) {
        doc_finding(d, line, col, "%s is empty", what);
        return false;
    }
    if (n > LIMIT_ID_BYTES) {
        doc_finding(d, line, col, "%s '%.40s...' is %zu bytes long; at most %d are allowed", what,
                    id, n, LIMIT_ID_BYTES);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = id[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';

        if (!ok) {
            doc_finding(d, line, col, "%s '%.80s' may only have letters, digits, '-', '_' and '.'",
                        what, id);
            return false;
        }
    }
    return true;
}

/* A word of a table of states.def. */
static bool check_word(struct doc *d, const struct value *v, const struct doc_rule *r)
{
    const char *words[32], *list = "";
    size_t n = 0;
    int max = r->type == DOC_TRIGGER_RULE ? (int)TRIGGER_RULE_MAX_ : (int)WEIGHT_RULE_MAX_;

    if (v->kind == VALUE_STRING &&
        (r->type == DOC_TRIGGER_RULE ? trigger_rule_from_string(v->text)
                                     : weight_rule_from_string(v->text)) >= 0) {
        return true;
    }
    for (int i = 0; i < max && n < 32 && d->errors->len < LIMIT_DOC_ERRORS; i++) {
        const char *all;

        words[n] =
            r->type == DOC_TRIGGER_RULE ? trigger_rule_to_string(i) : weight_rule_to_string(i);
        all = arena_printf(d->errors->arena, "%s%s%s", list, n == 0 ? "" : ", ", words[n]);
        list = all != NULL ? all : list;
        n++;
    }
    if (v->kind != VALUE_STRING) {
        char found[120];

        doc_finding(d, v->line, v->col, "'%s' must be one of %s; found %s", r->name, list,
                    found_text(v, found, sizeof found));
    } else {
        doc_finding(d, v->line, v->col, "unknown %s '%.60s'%s (one of %s)", r->name, v->text,
                    doc_hint(d, v->text, words, n), list);
    }
    return false;
}

static bool check_elems(struct doc *d, const struct value *v, const struct doc_rule *r,
                        enum value_kind kind)
{
    bool ok = true;

    for (size_t i = 0; i < v->len; i++) {
        const struct value *elem = v->elems[i];
        int64_t n;

        if (r->templated && is_xcom(elem)) {
            continue;
        }
        if (elem->kind == kind &&
            (kind != VALUE_NUMBER || value_int(elem, INT32_MIN, INT32_MAX, &n) == 0)) {
            continue;
        }
        ok = wrong_at(d, elem, r, kind == VALUE_STRING);
    }
    return ok;
}

/* {"success": "file.py:function"}, or a list of them; Python's documents have only the words. */
static bool check_callbacks(struct doc *d, const struct value *v, const struct doc_rule *r)
{
    if (v->kind == VALUE_ARRAY) {
        return check_elems(d, v, r, VALUE_STRING);
    }
    if (v->kind != VALUE_OBJECT) {
        return wrong(d, v, r);
    }
    for (size_t i = 0; i < v->len; i++) {
        const struct value *e = v->elems[i];

        if (e->kind == VALUE_ARRAY ? !check_elems(d, e, r, VALUE_STRING)
                                   : e->kind != VALUE_STRING) {
            return e->kind != VALUE_ARRAY && wrong(d, e, r);
        }
    }
    return true;
}

static bool check_expand(struct doc *d, const struct value *v, const struct doc_rule *r)
{
    if (v->kind != VALUE_OBJECT || v->len == 0) {
        return wrong(d, v, r);
    }
    for (size_t i = 0; i < v->len; i++) {
        const struct value *e = v->elems[i];

        if (e->kind != VALUE_ARRAY && e->kind != VALUE_OBJECT) {
            struct doc_rule of = *r;

            of.name = v->keys[i].text;
            return wrong(d, e, &of);
        }
    }
    return true;
}

/* Types that are checked element by element; false with a finding. */
static bool check_compound(struct doc *d, const struct value *v, const struct doc_rule *r)
{
    int64_t n;

    switch (r->type) {
    case DOC_SCHEDULE:
        if (v->kind == VALUE_OBJECT) {
            const struct value *type = value_get(v, "type");

            return (type != NULL && type->kind == VALUE_STRING && type->len > 0) || wrong(d, v, r);
        }
        return v->kind == VALUE_STRING || wrong(d, v, r);
    case DOC_OBJECTS:
        return v->kind == VALUE_ARRAY ? check_elems(d, v, r, VALUE_OBJECT) : wrong(d, v, r);
    case DOC_EXPAND:
        return check_expand(d, v, r);
    case DOC_EXPAND_KWARGS:
        if (v->kind == VALUE_ARRAY) {
            return check_elems(d, v, r, VALUE_OBJECT);
        }
        return map_is_reference(v) || wrong(d, v, r);
    case DOC_CALLBACKS:
        return check_callbacks(d, v, r);
    case PARAM_STRINGS:
        return v->kind == VALUE_ARRAY ? check_elems(d, v, r, VALUE_STRING) : wrong(d, v, r);
    case PARAM_STRING_MAP:
        return v->kind == VALUE_OBJECT ? check_elems(d, v, r, VALUE_STRING) : wrong(d, v, r);
    case PARAM_STRING_OR_STRINGS:
        if (v->kind == VALUE_STRING) {
            return true;
        }
        return v->kind == VALUE_ARRAY ? check_elems(d, v, r, VALUE_STRING) : wrong(d, v, r);
    case PARAM_INTS:
        if (value_int(v, INT32_MIN, INT32_MAX, &n) == 0) {
            return true;
        }
        return v->kind == VALUE_ARRAY ? check_elems(d, v, r, VALUE_NUMBER) : wrong(d, v, r);
    default:
        return true;
    }
}

bool doc_check(struct doc *d, const struct value *v, const struct doc_rule *r)
{
    double x;
    int64_t n;
    bool ok = true;

    if (v->kind == VALUE_NULL && (r->flags & MEMBER_NULL)) {
        return true;
    }
    if (r->templated && (doc_is_template(v) || is_xcom(v))) {
        return true; /* rendered first, checked by the operator then */
    }
    switch (r->type) {
    case PARAM_STRING:
        ok = v->kind == VALUE_STRING;
        break;
    case PARAM_BOOL:
        ok = v->kind == VALUE_BOOL;
        break;
    case PARAM_INT:
        ok = value_int(v, r->min != 0 || r->max != 0 ? r->min : INT64_MIN,
                       r->min != 0 || r->max != 0 ? r->max : INT64_MAX, &n) == 0;
        break;
    case PARAM_NUMBER:
        ok = value_double(v, &x) == 0;
        break;
    case PARAM_DURATION:
        ok = read_duration(v, &n);
        break;
    case PARAM_TIME:
        ok = v->kind == VALUE_STRING && time_parse(v->text, v->len, &n) == 0;
        break;
    case PARAM_ARRAY:
        ok = v->kind == VALUE_ARRAY;
        break;
    case DOC_NAME:
        ok = v->kind == VALUE_STRING && v->len >= 1 && v->len <= LIMIT_ID_BYTES;
        break;
    case DOC_BACKOFF:
        ok = v->kind == VALUE_BOOL || (value_double(v, &x) == 0 && x >= 0 && x <= 1000);
        break;
    case DOC_VERSION:
        ok = value_int(v, 1, 1, &n) == 0;
        break;
    case DOC_TRIGGER_RULE:
    case DOC_WEIGHT_RULE:
        return check_word(d, v, r);
    case DOC_ID:
        return v->kind == VALUE_STRING ? doc_check_id(d, r->name, v->text, v->len, v->line, v->col)
                                       : wrong(d, v, r);
    case PARAM_ANY:
        break;
    case PARAM_OBJECT:
    case DOC_PARAMS:
    case DOC_DEFAULT_ARGS:
    case DOC_TASK_GROUPS:
    case DOC_TASKS:
    case DOC_PYTHON:
        ok = v->kind == VALUE_OBJECT;
        break;
    default:
        return check_compound(d, v, r);
    }
    return ok || wrong(d, v, r);
}
