/* Scalars of YAML 1.2's core schema: null, bool, int, float; everything else is a string ("yes" and
 * "no" too). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "dagfile/yaml_priv.h"

static bool is_one_of(const char *text, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static size_t digits(const char *p)
{
    return strspn(p, "0123456789");
}

/*
 * A decimal number as JSON writes it: no plus, no leading zeros, digits on both sides of the point.
 * NULL: not a number, or out of memory (*ret_nomem).
 */
static const char *decimal(struct arena *a, const char *text, bool *ret_nomem)
{
    const char *p = text, *whole, *fraction = "", *sign = "", *out;
    size_t whole_n, fraction_n = 0;
    bool point = false;

    if (*p == '-' || *p == '+') {
        sign = *p++ == '-' ? "-" : "";
    }
    whole = p;
    whole_n = digits(p);
    p += whole_n;
    if (*p == '.') {
        point = true;
        fraction = ++p;
        fraction_n = digits(p);
        p += fraction_n;
    }
    if (whole_n == 0 && fraction_n == 0) {
        return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        size_t n = p[1] == '-' || p[1] == '+' ? 2 : 1;

        if (digits(p + n) == 0 || p[n + digits(p + n)] != '\0') {
            return NULL;
        }
    } else if (*p != '\0') {
        return NULL;
    }
    while (whole_n > 1 && *whole == '0') {
        whole++;
        whole_n--;
    }
    out = arena_printf(a, "%s%.*s%s%.*s%s", sign, whole_n != 0 ? (int)whole_n : 1,
                       whole_n != 0 ? whole : "0", point ? "." : "",
                       fraction_n != 0 ? (int)fraction_n : (int)point,
                       fraction_n != 0 ? fraction : "0", p);
    *ret_nomem = out == NULL;
    return out;
}

/* 0x1f and 0o17, as decimals. NULL as above; a number beyond 64 bits stays a string. */
static const char *prefixed(struct arena *a, const char *text, bool *ret_nomem)
{
    const char *set = text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
    const char *out;
    unsigned long long x;

    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'o') || text[2] == '\0' ||
        text[2 + strspn(text + 2, set)] != '\0') {
        return NULL;
    }
    errno = 0;
    x = strtoull(text + 2, NULL, text[1] == 'x' ? 16 : 8);
    if (errno != 0) {
        return NULL;
    }
    out = arena_printf(a, "%llu", x);
    *ret_nomem = out == NULL;
    return out;
}

/* What a plain scalar is. *ret stays NULL for a string. */
static int resolve(struct arena *a, const char *text, struct value **ret)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    bool nomem = false;
    const char *number;

    if (is_one_of(text, nulls)) {
        *ret = value_new(a, VALUE_NULL);
        return *ret != NULL ? 0 : -ERR_NOMEM;
    }
    if (is_one_of(text, trues) || is_one_of(text, falses)) {
        *ret = value_bool(a, is_one_of(text, trues));
        return *ret != NULL ? 0 : -ERR_NOMEM;
    }
    if (strchr("+-.0123456789", *text) == NULL) {
        return 0;
    }
    number = prefixed(a, text, &nomem);
    if (number == NULL && !nomem) {
        number = decimal(a, text, &nomem);
    }
    if (number == NULL) {
        return nomem ? -ERR_NOMEM : 0;
    }
    *ret = value_new(a, VALUE_NUMBER);
    if (*ret == NULL) {
        return -ERR_NOMEM;
    }
    (*ret)->text = number;
    (*ret)->len = strlen(number);
    return 0;
}

/* The kind that a tag asks for: -1 unknown, -2 none in particular. */
static int tag_kind(const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    static const struct {
        const char *name;
        int kind;
    } kinds[] = {{"str", VALUE_STRING},
                 {"int", VALUE_NUMBER},
                 {"float", VALUE_NUMBER},
                 {"bool", VALUE_BOOL},
                 {"null", VALUE_NULL}};

    if (tag == NULL) {
        return -2;
    }
    if (strcmp(tag, "!") == 0) {
        return VALUE_STRING;
    }
    if (strncmp(tag, prefix, sizeof prefix - 1) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(tag + sizeof prefix - 1, kinds[i].name) == 0) {
            return kinds[i].kind;
        }
    }
    return -1;
}

static bool is_infinite(const char *text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};

    return is_one_of(*text == '-' || *text == '+' ? text + 1 : text, words);
}

int yaml_scalar(struct arena *a, const char *text, size_t n, bool plain, const char *tag, int line,
                int col, struct value **ret, struct err *e)
{
    int kind = tag_kind(tag), rc = 0;
    struct value *v = NULL;

    if (kind == -1) {
        return err_at(
            e, ERR_SYNTAX, line, col,
            "unknown tag '%.60s': a DAG document is plain data (known: !!str !!int !!float "
            "!!bool !!null)",
            tag);
    }
    if (kind != VALUE_STRING && (plain || kind >= 0) && strlen(text) == n) {
        if (is_infinite(text)) {
            return err_at(e, ERR_SYNTAX, line, col,
                          "%.10s is not a number that a document can hold", text);
        }
        rc = resolve(a, text, &v);
    }
    if (rc == 0 && v == NULL) {
        v = value_string(a, text, n);
        rc = v != NULL ? 0 : -ERR_NOMEM;
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (kind >= 0 && v->kind != (enum value_kind)kind) {
        return err_at(e, ERR_SYNTAX, line, col, "'%.60s' does not fit its tag '%.60s'", text, tag);
    }
    v->line = line;
    v->col = col;
    *ret = v;
    return 0;
}

int yaml_check_bytes(const char *input, size_t n, struct err *e)
{
    int line = 1, col = 1;

    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)input[i];
        size_t len = utf8_char_len(input + i, n - i);

        if (len == 0) {
            return err_at(e, ERR_SYNTAX, line, col,
                          "byte 0x%02x is not UTF-8: save the file as UTF-8", c);
        }
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
            return err_at(e, ERR_SYNTAX, line, col, "control character 0x%02x", c);
        }
        col = c == '\n' ? 1 : col + 1;
        line += c == '\n';
        i += len;
    }
    return 0;
}
