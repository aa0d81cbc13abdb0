/*
 * JSON Schema: one function for each family of words, each of which says by the first word that is not met what is wrong. The place within
 * the value is kept as a path of names and numbers, and written as a JSON pointer when it is needed.
 */
#include "model/schema.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/utf8.h"
#include "model/schema_priv.h"

struct place { /* where in the value; the whole has no parent */
    const struct place *parent;
    const char *name; /* NULL: the number */
    size_t index;
};

struct check {
    const struct value *root; /* of references */
    struct arena arena;       /* compiled patterns */
    size_t steps;
    int depth;
    int quiet; /* within a word that asks whether something fits: no text is made */
    struct err *e;
};

static int check_value(struct check *c, const struct value *schema, const struct value *v,
                       const struct place *at);

/* ---- what is said ---- */

static void put_pointer(struct buf *b, const struct place *at)
{
    const struct place *steps[LIMIT_JSON_DEPTH + 2];
    size_t n = 0;

    for (; at->parent != NULL && n < LIMIT_JSON_DEPTH + 2; at = at->parent) {
        steps[n++] = at;
    }
    while (n-- > 0) {
        (void)buf_char(b, '/');
        if (steps[n]->name == NULL) {
            (void)buf_printf(b, "%zu", steps[n]->index);
            continue;
        }
        for (const char *p = steps[n]->name; *p != '\0'; p++) {
            if (*p == '~' || *p == '/') {
                (void)buf_str(b, *p == '~' ? "~0" : "~1");
            } else {
                (void)buf_char(b, *p);
            }
        }
    }
}

__attribute__((format(printf, 3, 4))) static int unmet(struct check *c, const struct place *at,
                                                       const char *format, ...)
{
    struct buf where BUF_CLEANUP;
    char text[400];
    va_list ap;

    buf_init(&where, KiB(4));
    if (c->quiet > 0) {
        return -ERR_INVALID;
    }
    put_pointer(&where, at);
    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return where.len == 0 ? err_set(c->e, ERR_INVALID, "%s", text)
                          : err_set(c->e, ERR_INVALID, "at %s: %s", buf_cstr(&where), text);
}

/* A value in few words. */
static const char *shown(const struct value *v, char buf[80])
{
    struct json_writer w;
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(4));
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    (void)snprintf(buf, 80, b.len > 60 ? "%.57s..." : "%s", buf_cstr(&b));
    return buf;
}

static bool fits(struct check *c, const struct value *schema, const struct value *v,
                 const struct place *at, int *rc)
{
    int one;

    c->quiet++;
    one = check_value(c, schema, v, at);
    c->quiet--;
    if (one != 0 && one != -ERR_INVALID) {
        *rc = one; /* it is not known: that is no "no" */
    }
    return one == 0;
}

/* A count that a word says. False: it says none. */
static bool count_of(const struct value *schema, const char *word, size_t *ret)
{
    const struct value *v = value_get(schema, word);
    double d;

    if (v == NULL || v->kind != VALUE_NUMBER || value_double(v, &d) != 0 || d < 0) {
        return false;
    }
    *ret = d > 1e15 ? SIZE_MAX : (size_t)d;
    return true;
}

/* ---- any value ---- */

static bool is_type(const char *type, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        return strcmp(type, "null") == 0;
    case VALUE_BOOL:
        return strcmp(type, "boolean") == 0;
    case VALUE_NUMBER:
        return strcmp(type, "number") == 0 ||
               (strcmp(type, "integer") == 0 && schema_is_integer(v));
    case VALUE_STRING:
        return strcmp(type, "string") == 0;
    case VALUE_ARRAY:
        return strcmp(type, "array") == 0;
    case VALUE_OBJECT:
        return strcmp(type, "object") == 0;
    }
    return false;
}

static int check_type(struct check *c, const struct value *s, const struct value *v,
                      const struct place *at)
{
    const struct value *type = value_get(s, "type");
    char text[80], types[80];
    bool ok = type == NULL || (type->kind == VALUE_STRING && is_type(type->text, v));

    for (size_t i = 0; !ok && type->kind == VALUE_ARRAY && i < type->len; i++) {
        ok = type->elems[i]->kind == VALUE_STRING && is_type(type->elems[i]->text, v);
    }
    if (ok) {
        return 0;
    }
    return type->kind == VALUE_STRING
               ? unmet(c, at, "expected %s, got %s (type)", type->text, value_kind_name(v->kind))
               : unmet(c, at, "expected one of %s, got %s: %s (type)", shown(type, types),
                       value_kind_name(v->kind), shown(v, text));
}

static int check_enum(struct check *c, const struct value *s, const struct value *v,
                      const struct place *at)
{
    const struct value *list = value_get(s, "enum"), *only = value_get(s, "const");
    char text[80], other[80];
    bool found = list == NULL || list->kind != VALUE_ARRAY;

    for (size_t i = 0; !found && i < list->len; i++) {
        found = schema_equal(list->elems[i], v, &c->steps);
    }
    if (!found) {
        return unmet(c, at, "%s is not one of its %zu allowed values: %s (enum)", shown(v, text),
                     list->len, shown(list, other));
    }
    if (only != NULL && !schema_equal(only, v, &c->steps)) {
        return unmet(c, at, "%s is not %s (const)", shown(v, text), shown(only, other));
    }
    return 0;
}

/* ---- numbers and texts ---- */

static int check_number(struct check *c, const struct value *s, const struct value *v,
                        const struct place *at)
{
    static const struct {
        const char *word, *says;
        int sign;   /* of what is refused */
        bool equal; /* the bound itself is refused too */
    } bounds[] = {
        {"minimum", "below its minimum", -1, false},
        {"maximum", "above its maximum", 1, false},
        {"exclusiveMinimum", "not above its exclusiveMinimum", -1, true},
        {"exclusiveMaximum", "not below its exclusiveMaximum", 1, true},
    };
    const struct value *of = value_get(s, "multipleOf");

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const struct value *b = value_get(s, bounds[i].word);
        int d = b != NULL && b->kind == VALUE_NUMBER ? schema_compare(v, b) : 0;

        if (b != NULL && b->kind == VALUE_NUMBER &&
            (d == bounds[i].sign || (d == 0 && bounds[i].equal))) {
            return unmet(c, at, "%.60s is %s %.60s", v->text, bounds[i].says, b->text);
        }
    }
    if (of != NULL && of->kind == VALUE_NUMBER && !schema_is_multiple(v, of)) {
        return unmet(c, at, "%.60s is no multiple of %.60s (multipleOf)", v->text, of->text);
    }
    return 0;
}

static size_t characters(const struct value *v)
{
    size_t n = 0;

    for (size_t i = 0; i < v->len; i++) {
        n += ((unsigned char)v->text[i] & 0xc0) != 0x80;
    }
    return n;
}

/* 1: found; 0: not; negative. */
static int matches(struct check *c, const char *pattern, size_t n, const char *text, size_t len)
{
    struct pattern *p;
    bool found = false;
    int rc = pattern_compile(&c->arena, pattern, n, &p, c->e);

    c->steps += len / 64;
    if (rc == 0) {
        rc = pattern_search(p, text, len, &found);
    }
    return rc != 0 ? (rc == -ERR_INVALID ? -ERR_UNSUPPORTED : rc) : found;
}

static int check_format(struct check *c, const struct value *s, const struct value *v,
                        const struct place *at)
{
    const struct value *format = value_get(s, "format");
    struct pattern *p;
    char text[80];
    bool met = true;

    if (format == NULL || format->kind != VALUE_STRING) {
        return 0;
    }
    if (strcmp(format->text, "regex") == 0) {
        int rc = pattern_compile(&c->arena, v->text, v->len, &p, NULL);

        met = rc == 0 || rc == -ERR_UNSUPPORTED;
    } else if (!schema_format(format->text, v->text, v->len, &met)) {
        return 0;
    }
    return met ? 0 : unmet(c, at, "%s is no %.40s (format)", shown(v, text), format->text);
}

static int check_string(struct check *c, const struct value *s, const struct value *v,
                        const struct place *at)
{
    const struct value *pattern = value_get(s, "pattern");
    size_t bound, n = characters(v);
    char text[80];
    int rc;

    if (count_of(s, "minLength", &bound) && n < bound) {
        return unmet(c, at, "%s has %zu characters, fewer than its minLength %zu", shown(v, text),
                     n, bound);
    }
    if (count_of(s, "maxLength", &bound) && n > bound) {
        return unmet(c, at, "%s has %zu characters, more than its maxLength %zu", shown(v, text), n,
                     bound);
    }
    if (pattern != NULL && pattern->kind == VALUE_STRING) {
        rc = matches(c, pattern->text, pattern->len, v->text, v->len);
        if (rc <= 0) {
            return rc < 0 ? rc
                          : unmet(c, at, "%s does not match its pattern %.100s", shown(v, text),
                                  pattern->text);
        }
    }
    return check_format(c, s, v, at);
}

/* ---- arrays ---- */

static int check_unique(struct check *c, const struct value *v, const struct place *at)
{
    for (size_t i = 0; i < v->len; i++) {
        for (size_t j = i + 1; j < v->len; j++) {
            if (c->steps > LIMIT_SCHEMA_STEPS) {
                return err_set(c->e, ERR_LIMIT, "the value is too large to be checked");
            }
            if (schema_equal(v->elems[i], v->elems[j], &c->steps)) {
                return unmet(c, at, "elements %zu and %zu are equal (uniqueItems)", i, j);
            }
        }
    }
    return 0;
}

static int check_contains(struct check *c, const struct value *s, const struct value *v,
                          const struct place *at)
{
    const struct value *wanted = value_get(s, "contains");
    size_t n = 0, min = 1, max = SIZE_MAX;
    int rc = 0;

    if (wanted == NULL) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        struct place in = {at, NULL, i};

        n += fits(c, wanted, v->elems[i], &in, &rc);
    }
    (void)count_of(s, "minContains", &min);
    (void)count_of(s, "maxContains", &max);
    if (rc == 0 && (n < min || n > max)) {
        rc = unmet(c, at, "%zu elements fit (contains)", n);
    }
    return rc;
}

static int check_items(struct check *c, const struct value *s, const struct value *v,
                       const struct place *at)
{
    const struct value *first = value_get(s, "prefixItems"), *rest = value_get(s, "items");
    int rc = 0;

    if (rest != NULL && rest->kind == VALUE_ARRAY) { /* as drafts up to 2019 write it */
        first = rest;
        rest = value_get(s, "additionalItems");
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        struct place in = {at, NULL, i};
        const struct value *own =
            first != NULL && first->kind == VALUE_ARRAY && i < first->len ? first->elems[i] : rest;

        rc = own != NULL ? check_value(c, own, v->elems[i], &in) : 0;
    }
    return rc;
}

static int check_array(struct check *c, const struct value *s, const struct value *v,
                       const struct place *at)
{
    const struct value *unique = value_get(s, "uniqueItems");
    size_t bound;
    int rc = 0;

    if (count_of(s, "minItems", &bound) && v->len < bound) {
        return unmet(c, at, "%zu elements, fewer than its minItems %zu", v->len, bound);
    }
    if (count_of(s, "maxItems", &bound) && v->len > bound) {
        return unmet(c, at, "%zu elements, more than its maxItems %zu", v->len, bound);
    }
    if (unique != NULL && unique->kind == VALUE_BOOL && unique->boolean) {
        rc = check_unique(c, v, at);
    }
    rc = rc == 0 ? check_items(c, s, v, at) : rc;
    return rc == 0 ? check_contains(c, s, v, at) : rc;
}

/* ---- objects ---- */

/* The member at i by all words that speak of it. */
static int check_member(struct check *c, const struct value *s, const struct value *v, size_t i,
                        const struct place *at)
{
    const struct value *props = value_get(s, "properties"),
                       *patterns = value_get(s, "patternProperties"),
                       *others = value_get(s, "additionalProperties"),
                       *names = value_get(s, "propertyNames");
    const struct value_key *key = &v->keys[i];
    const struct value *own = props != NULL ? value_get(props, key->text) : NULL;
    struct place in = {at, key->text, 0};
    struct value name = {.kind = VALUE_STRING, .text = key->text, .len = key->len};
    bool known = own != NULL;
    int rc = own != NULL ? check_value(c, own, v->elems[i], &in) : 0;

    for (size_t k = 0;
         rc == 0 && patterns != NULL && patterns->kind == VALUE_OBJECT && k < patterns->len; k++) {
        int one = matches(c, patterns->keys[k].text, patterns->keys[k].len, key->text, key->len);

        known = known || one == 1;
        rc = one < 0 ? one : one == 1 ? check_value(c, patterns->elems[k], v->elems[i], &in) : 0;
    }
    if (rc == 0 && !known && others != NULL) {
        rc = others->kind == VALUE_BOOL && !others->boolean
                 ? unmet(c, at, "'%.60s' is not one of its properties (additionalProperties)",
                         key->text)
                 : check_value(c, others, v->elems[i], &in);
    }
    if (rc == 0 && names != NULL && !fits(c, names, &name, &in, &rc) && rc == 0) {
        rc = unmet(c, at, "'%.60s' is no name that it may have (propertyNames)", key->text);
    }
    return rc;
}

static int check_required(struct check *c, const struct value *list, const struct value *v,
                          const struct place *at, const char *word)
{
    for (size_t i = 0; list != NULL && list->kind == VALUE_ARRAY && i < list->len; i++) {
        if (list->elems[i]->kind == VALUE_STRING && value_get(v, list->elems[i]->text) == NULL) {
            return unmet(c, at, "'%.60s' is missing (%s)", list->elems[i]->text, word);
        }
    }
    return 0;
}

/* What one member asks of the others: names, or a schema; draft 7 has both in one word. */
static int check_dependent(struct check *c, const struct value *s, const struct value *v,
                           const struct place *at)
{
    static const char *const words[] = {"dependentRequired", "dependentSchemas", "dependencies"};
    int rc = 0;

    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        const struct value *depend = value_get(s, words[w]);

        for (size_t i = 0;
             rc == 0 && depend != NULL && depend->kind == VALUE_OBJECT && i < depend->len; i++) {
            if (value_get(v, depend->keys[i].text) != NULL) {
                rc = depend->elems[i]->kind == VALUE_ARRAY
                         ? check_required(c, depend->elems[i], v, at, words[w])
                         : check_value(c, depend->elems[i], v, at);
            }
        }
    }
    return rc;
}

static int check_object(struct check *c, const struct value *s, const struct value *v,
                        const struct place *at)
{
    size_t bound;
    int rc = check_required(c, value_get(s, "required"), v, at, "required");

    rc = rc == 0 ? check_dependent(c, s, v, at) : rc;
    if (rc == 0 && count_of(s, "minProperties", &bound) && v->len < bound) {
        return unmet(c, at, "%zu properties, fewer than its minProperties %zu", v->len, bound);
    }
    if (rc == 0 && count_of(s, "maxProperties", &bound) && v->len > bound) {
        return unmet(c, at, "%zu properties, more than its maxProperties %zu", v->len, bound);
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = check_member(c, s, v, i, at);
    }
    return rc;
}

/* ---- schemas of schemas ---- */

static int check_all(struct check *c, const struct value *s, const struct value *v,
                     const struct place *at)
{
    const struct value *all = value_get(s, "allOf"), *any = value_get(s, "anyOf"),
                       *one = value_get(s, "oneOf"), *not = value_get(s, "not");
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && all != NULL && all->kind == VALUE_ARRAY && i < all->len; i++) {
        rc = check_value(c, all->elems[i], v, at);
    }
    for (size_t i = 0; rc == 0 && n == 0 && any != NULL && any->kind == VALUE_ARRAY && i < any->len;
         i++) {
        n += fits(c, any->elems[i], v, at, &rc);
    }
    if (rc == 0 && any != NULL && any->kind == VALUE_ARRAY && n == 0) {
        return unmet(c, at, "it fits none of %zu schemas (anyOf)", any->len);
    }
    n = 0;
    for (size_t i = 0; rc == 0 && one != NULL && one->kind == VALUE_ARRAY && i < one->len; i++) {
        n += fits(c, one->elems[i], v, at, &rc);
    }
    if (rc == 0 && one != NULL && one->kind == VALUE_ARRAY && n != 1) {
        return unmet(c, at, "it fits %zu of %zu schemas, not exactly one (oneOf)", n, one->len);
    }
    if (rc == 0 && not != NULL && fits(c, not, v, at, &rc)) {
        return unmet(c, at, "it fits the schema that it must not (not)");
    }
    return rc;
}

static int check_if(struct check *c, const struct value *s, const struct value *v,
                    const struct place *at)
{
    const struct value *test = value_get(s, "if"), *next;
    int rc = 0;

    if (test == NULL) {
        return 0;
    }
    next = value_get(s, fits(c, test, v, at, &rc) ? "then" : "else");
    return rc == 0 && next != NULL ? check_value(c, next, v, at) : rc;
}

/* One step of a JSON pointer, unescaped; of a reference, which may be percent-encoded. */
static const char *step_of(const char *p, char *out, size_t cap)
{
    size_t n = 0;

    for (; *p != '\0' && *p != '/' && n + 1 < cap; p++) {
        char c = *p;
        unsigned code;

        if (c == '~' && (p[1] == '0' || p[1] == '1')) {
            c = *++p == '0' ? '~' : '/';
        } else if (c == '%' && sscanf(p + 1, "%2x", &code) == 1) {
            c = (char)code;
            p += 2;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return p;
}

static int check_ref(struct check *c, const char *ref, const struct value *v,
                     const struct place *at)
{
    const struct value *to = c->root;
    const char *p = ref + 1;

    while (ref[0] == '#' && to != NULL && *p == '/') {
        char step[256], *end;
        unsigned long n;

        p = step_of(p + 1, step, sizeof step);
        if (to->kind == VALUE_ARRAY) {
            n = strtoul(step, &end, 10);
            to = *end == '\0' && n < to->len ? to->elems[n] : NULL;
        } else {
            to = to->kind == VALUE_OBJECT ? value_get(to, step) : NULL;
        }
    }
    if (ref[0] != '#' || to == NULL || *p != '\0') {
        return err_set(c->e, ERR_UNSUPPORTED,
                       "the schema refers to %.100s, which is no place within it ($ref)", ref);
    }
    return check_value(c, to, v, at);
}

static int check_words(struct check *c, const struct value *s, const struct value *v,
                       const struct place *at)
{
    static const char *const unknown[] = {"unevaluatedItems", "unevaluatedProperties",
                                          "$dynamicRef", "$recursiveRef"};
    const struct value *ref = value_get(s, "$ref");
    int rc;

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        if (value_get(s, unknown[i]) != NULL) {
            return err_set(c->e, ERR_UNSUPPORTED, "the schema uses %s, which is not supported",
                           unknown[i]);
        }
    }
    rc = ref != NULL && ref->kind == VALUE_STRING ? check_ref(c, ref->text, v, at) : 0;

    rc = rc == 0 ? check_type(c, s, v, at) : rc;
    rc = rc == 0 ? check_enum(c, s, v, at) : rc;
    if (rc == 0 && v->kind == VALUE_NUMBER) {
        rc = check_number(c, s, v, at);
    } else if (rc == 0 && v->kind == VALUE_STRING) {
        rc = check_string(c, s, v, at);
    } else if (rc == 0 && v->kind == VALUE_ARRAY) {
        rc = check_array(c, s, v, at);
    } else if (rc == 0 && v->kind == VALUE_OBJECT) {
        rc = check_object(c, s, v, at);
    }
    rc = rc == 0 ? check_all(c, s, v, at) : rc;
    return rc == 0 ? check_if(c, s, v, at) : rc;
}

static int check_value(struct check *c, const struct value *schema, const struct value *v,
                       const struct place *at)
{
    int rc;

    if (schema->kind == VALUE_BOOL) {
        return schema->boolean ? 0 : unmet(c, at, "nothing is allowed here (false)");
    }
    if (schema->kind != VALUE_OBJECT) {
        return err_set(c->e, ERR_UNSUPPORTED, "a schema must be an object, true or false; found %s",
                       value_kind_name(schema->kind));
    }
    if (++c->steps > LIMIT_SCHEMA_STEPS || c->depth >= LIMIT_SCHEMA_DEPTH) {
        return err_set(c->e, ERR_LIMIT,
                       c->depth >= LIMIT_SCHEMA_DEPTH
                           ? "the schema refers to itself without end, or is too deep"
                           : "the value or its schema is too large to be checked");
    }
    c->depth++;
    rc = check_words(c, schema, v, at);
    c->depth--;
    return rc;
}

/* Texts were cut somewhere, and names may be anything: no half characters, one line. */
static void mend(char *p)
{
    size_t n = strlen(p), len;

    for (size_t i = 0; i < n; i += len) {
        len = utf8_char_len(p + i, n - i);
        if (len == 0 || (unsigned char)p[i] < ' ') {
            p[i] = '?';
            len = 1;
        }
    }
}

int schema_check(const struct value *schema, const struct value *v, struct err *e)
{
    static const struct place whole = {0};
    struct err own = {0};
    struct check c = {.root = schema, .e = e != NULL ? e : &own};
    int rc;

    arena_init(&c.arena, MiB(64));
    rc = check_value(&c, schema, v, &whole);
    if (rc != 0) {
        mend(c.e->text);
    }
    arena_fini(&c.arena);
    return rc;
}
