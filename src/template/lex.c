/*
 * From text to tokens, by Jinja2's rules: newlines become \n and one at the end is dropped; a '-'
 * inside a tag's bounds takes the white space beside it away; brackets are balanced inside a tag,
 * so that {{ {'a': {}} }} ends at the last }}.
 */
#include "template/lex.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "template/rt.h"

struct lexer {
    struct arena *a;
    const char *src, *p, *end;
    int line;
    const char *line_start;
    struct token *tokens; /* on the heap while growing */
    size_t len, cap;
    int open; /* brackets open in the present tag */
    struct err *e;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int fail(struct lexer *l, const char *at, enum err_code code, const char *text)
{
    return err_at(l->e, code, l->line, (int)(at - l->line_start) + 1, "%s", text);
}

/* Moves on to `to`, counting lines. */
static void advance(struct lexer *l, const char *to)
{
    for (; l->p < to; l->p++) {
        if (*l->p == '\n') {
            l->line++;
            l->line_start = l->p + 1;
        }
    }
}

static struct token *push(struct lexer *l, enum token_kind kind, const char *at, const char *end)
{
    struct token t = {.kind = (uint8_t)kind,
                      .line = l->line,
                      .col = (int)(at - l->line_start) + 1,
                      .at = at,
                      .end = end,
                      .s = at,
                      .n = (size_t)(end - at)};

    return VEC_PUSH(l->tokens, l->len, l->cap, t) == 0 ? &l->tokens[l->len - 1] : NULL;
}

static int push_text(struct lexer *l, const char *from, const char *to, bool strip_right)
{
    const char *end = to;

    while (strip_right && end > from && is_space(end[-1])) {
        end--;
    }
    if (end > from && push(l, T_TEXT, from, end) == NULL) {
        return -ERR_NOMEM;
    }
    advance(l, to);
    return 0;
}

static const char *find2(const char *p, const char *end, const char *two)
{
    for (; p + 1 < end; p++) {
        if (p[0] == two[0] && p[1] == two[1]) {
            return p;
        }
    }
    return NULL;
}

/* Skips white space after a tag that ended in '-'. */
static void strip_after(struct lexer *l)
{
    const char *p = l->p;

    while (p < l->end && is_space(*p)) {
        p++;
    }
    advance(l, p);
}

static int lex_comment(struct lexer *l)
{
    const char *close = find2(l->p + 2, l->end, "#}");

    if (close == NULL) {
        return fail(l, l->p, ERR_SYNTAX, "a comment {# has no end #}");
    }
    advance(l, close + 2);
    if (close[-1] == '-') {
        strip_after(l);
    }
    return 0;
}

/* If a block tag `word` stands at p (after "{%"), the position behind it; *strip: it ended in -%}.
 */
static const char *block_word(const char *p, const char *end, const char *word, bool *strip)
{
    size_t n = strlen(word);

    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }
    while (p < end && is_space(*p)) {
        p++;
    }
    if ((size_t)(end - p) < n || memcmp(p, word, n) != 0) {
        return NULL;
    }
    p += n;
    while (p < end && is_space(*p)) {
        p++;
    }
    *strip = p < end && *p == '-';
    if (p < end && (*p == '-' || (*p == '+' && word[0] == 'e'))) {
        p++;
    }
    return end - p >= 2 && p[0] == '%' && p[1] == '}' ? p + 2 : NULL;
}

static int lex_raw(struct lexer *l, const char *after, bool strip)
{
    const char *from, *p, *behind = NULL;
    int rc;

    advance(l, after);
    if (strip) {
        strip_after(l);
    }
    from = l->p;
    for (p = from; (p = find2(p, l->end, "{%")) != NULL; p += 2) {
        behind = block_word(p + 2, l->end, "endraw", &strip);
        if (behind != NULL) {
            break;
        }
    }
    if (p == NULL) {
        return fail(l, l->p, ERR_SYNTAX, "{% raw %} has no {% endraw %}");
    }
    rc = push_text(l, from, p, p[2] == '-');
    if (rc != 0) {
        return rc;
    }
    advance(l, behind);
    if (strip) {
        strip_after(l);
    }
    return 0;
}

static bool hex_value(char c, unsigned *v)
{
    unsigned d;

    if (is_digit(c)) {
        d = (unsigned)(c - '0');
    } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
        d = (unsigned)((c | 32) - 'a' + 10);
    } else {
        return false;
    }
    *v = *v * 16 + d;
    return true;
}

/* One escape after the backslash at *pp; advances. False: unknown to this subset or malformed. */
static bool unescape(const char **pp, const char *end, struct buf *b)
{
    static const char from[] = "abfnrtv\\'\"\n", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char *p = *pp, *hit = memchr(from, *p, sizeof from - 1);
    unsigned v = 0;
    int digits = *p == 'x' ? 2 : *p == 'u' ? 4 : *p == 'U' ? 8 : 0;

    if (hit != NULL) {
        if (*p != '\n') {
            buf_char(b, to[hit - from]);
        }
        *pp = p + 1;
        return true;
    }
    if (*p >= '0' && *p <= '7') {
        for (int i = 0; i < 3 && p < end && *p >= '0' && *p <= '7'; i++) {
            v = v * 8 + (unsigned)(*p++ - '0');
        }
        utf8_put(b, v);
        *pp = p;
        return true;
    }
    if (digits == 0) {
        if (*p == 'N') {
            return false;
        }
        buf_char(b, '\\'); /* the character itself follows as it is */
        return true;
    }
    p++;
    for (int i = 0; i < digits; i++, p++) {
        if (p >= end || !hex_value(*p, &v)) {
            return false;
        }
    }
    if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return false;
    }
    utf8_put(b, v);
    *pp = p;
    return true;
}

static int lex_string(struct lexer *l)
{
    const char quote = *l->p, *p = l->p + 1, *start = l->p;
    struct buf b BUF_CLEANUP;
    struct token *t;

    buf_init(&b, LIMIT_STRING_BYTES * 2);
    while (p < l->end && *p != quote) {
        if (*p != '\\') {
            buf_char(&b, *p++);
            continue;
        }
        p++;
        if (p >= l->end) {
            break;
        }
        if (!unescape(&p, l->end, &b)) {
            return fail(l, start, ERR_UNSUPPORTED, "an escape in this string is not supported");
        }
    }
    if (p >= l->end) {
        return fail(l, start, ERR_SYNTAX, "a string has no end");
    }
    t = push(l, T_STRING, start, p + 1);
    if (t == NULL || buf_status(&b) != 0) {
        return -ERR_NOMEM;
    }
    t->n = b.len;
    t->s = arena_strndup(l->a, buf_cstr(&b), b.len);
    if (t->s == NULL) {
        return -ERR_NOMEM;
    }
    advance(l, p + 1);
    return 0;
}

/* Digits with single underscores between them, copied to b. */
static const char *digits(const char *p, const char *end, struct buf *b)
{
    while (p < end && (is_digit(*p) || (*p == '_' && p + 1 < end && is_digit(p[1])))) {
        if (*p != '_') {
            buf_char(b, *p);
        }
        p++;
    }
    return p;
}

static int based_number(struct lexer *l, int base)
{
    const char *p = l->p + 2, *start = l->p;
    uint64_t v = 0;
    struct token *t;
    int n = 0;

    for (; p < l->end; p++) {
        unsigned d = 0;

        if (*p == '_') {
            continue;
        }
        if (!hex_value(*p, &d) || d >= (unsigned)base) {
            break;
        }
        if (v > (uint64_t)INT64_MAX / (unsigned)base) {
            return fail(l, start, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported");
        }
        v = v * (unsigned)base + d;
        n++;
    }
    if (n == 0 || v > INT64_MAX) {
        return fail(l, start, ERR_SYNTAX, "not a number");
    }
    t = push(l, T_INT, start, p);
    if (t == NULL) {
        return -ERR_NOMEM;
    }
    t->i = (int64_t)v;
    advance(l, p);
    return 0;
}

static int lex_number(struct lexer *l)
{
    const char *start = l->p, *p = start, *q;
    bool is_float = false;
    struct buf b BUF_CLEANUP;
    struct token *t;

    buf_init(&b, KiB(64));
    if (*p == '0' && p + 2 < l->end && strchr("xXoObB", p[1]) != NULL) {
        return based_number(l, (p[1] | 32) == 'x' ? 16 : (p[1] | 32) == 'o' ? 8 : 2);
    }
    p = digits(p, l->end, &b);
    if (p + 1 < l->end && *p == '.' && is_digit(p[1]) && !(start > l->src && start[-1] == '.')) {
        buf_char(&b, '.');
        p = digits(p + 1, l->end, &b);
        is_float = true;
    }
    q = p < l->end && (*p | 32) == 'e' ? p + 1 : NULL;
    if (q != NULL && q < l->end && (*q == '+' || *q == '-')) {
        q++;
    }
    if (q != NULL && q < l->end && is_digit(*q)) {
        buf_append(&b, p, (size_t)(q - p));
        p = digits(q, l->end, &b);
        is_float = true;
    }
    if (!is_float && *start == '0') {
        for (p = start; p < l->end && (*p == '0' || (*p == '_' && p[1] == '0')); p++) {
        }
    }
    t = push(l, is_float ? T_FLOAT : T_INT, start, p);
    if (t == NULL || buf_status(&b) != 0) {
        return -ERR_NOMEM;
    }
    if (is_float) {
        t->f = strtod(buf_cstr(&b), NULL);
    } else if (b.len > 19 || (b.len == 19 && strcmp(buf_cstr(&b), "9223372036854775807") > 0)) {
        return fail(l, start, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported");
    } else {
        t->i = *start == '0' ? 0 : strtoll(buf_cstr(&b), NULL, 10);
    }
    advance(l, p);
    return 0;
}

static int lex_operator(struct lexer *l)
{
    static const char two[][3] = {"//", "**", "==", "!=", ">=", "<="};
    const char *p = l->p;
    int op = 0, n = 1;
    struct token *t;

    for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
        if (p + 1 < l->end && p[0] == two[i][0] && p[1] == two[i][1]) {
            op = OP2(p[0], p[1]);
            n = 2;
        }
    }
    if (op == 0) {
        if (*p == 0 || strchr("+-/*%~[](){}><=.:|,;", *p) == NULL) {
            return fail(l, p, ERR_SYNTAX, "a character that no expression has");
        }
        op = (unsigned char)*p;
    }
    if (op == '(' || op == '[' || op == '{') {
        l->open++;
    } else if (op == ')' || op == ']' || op == '}') {
        if (l->open-- == 0) {
            return fail(l, p, ERR_SYNTAX, "a bracket closes that was not opened");
        }
    }
    t = push(l, T_OP, p, p + n);
    if (t == NULL) {
        return -ERR_NOMEM;
    }
    t->op = op;
    advance(l, p + n);
    return 0;
}

/* 1 when the tag ended here, 0 when not. */
static int tag_end(struct lexer *l, enum token_kind kind)
{
    const char *p = l->p, c = kind == T_VAR_END ? '}' : '%';
    bool strip = false;

    if (l->open > 0) {
        return 0;
    }
    if (*p == '-' || (*p == '+' && kind == T_BLOCK_END)) {
        strip = *p == '-';
        p++;
    }
    if (l->end - p < 2 || p[0] != c || p[1] != '}') {
        return 0;
    }
    if (push(l, kind, l->p, p + 2) == NULL) {
        return -ERR_NOMEM;
    }
    advance(l, p + 2);
    if (strip) {
        strip_after(l);
    }
    return 1;
}

static int lex_tag(struct lexer *l, enum token_kind begin, enum token_kind end)
{
    const char *start = l->p;
    int rc;

    if (push(l, begin, start, start + 2) == NULL) {
        return -ERR_NOMEM;
    }
    l->open = 0;
    advance(l, start + 2);
    if (l->p < l->end && (*l->p == '-' || *l->p == '+')) {
        advance(l, l->p + 1);
    }
    while (l->p < l->end) {
        if (is_space(*l->p)) {
            advance(l, l->p + 1);
            continue;
        }
        rc = tag_end(l, end);
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
        if (is_name_start(*l->p)) {
            const char *p = l->p;

            while (p < l->end && (is_name_start(*p) || is_digit(*p))) {
                p++;
            }
            rc = push(l, T_NAME, l->p, p) == NULL ? -ERR_NOMEM : 0;
            advance(l, p);
        } else if (is_digit(*l->p)) {
            rc = lex_number(l);
        } else if (*l->p == '"' || *l->p == '\'') {
            rc = lex_string(l);
        } else if ((unsigned char)*l->p >= 0x80) {
            rc = fail(l, l->p, ERR_UNSUPPORTED, "names beyond ASCII are not supported");
        } else {
            rc = lex_operator(l);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return fail(l, l->p, ERR_SYNTAX, "a tag has no end before the text ends");
}

/* The next "{{", "{%" or "{#", or the end. */
static const char *next_tag(const char *p, const char *end)
{
    for (; p + 1 < end; p++) {
        if (*p == '{' && (p[1] == '{' || p[1] == '%' || p[1] == '#')) {
            return p;
        }
    }
    return end;
}

static int lex_all(struct lexer *l)
{
    while (l->p < l->end) {
        const char *tag = next_tag(l->p, l->end), *raw;
        bool strip = false;
        int rc = push_text(l, l->p, tag, tag + 2 < l->end && tag[2] == '-');

        if (rc != 0 || tag == l->end) {
            return rc;
        }
        raw = tag[1] == '%' ? block_word(tag + 2, l->end, "raw", &strip) : NULL;
        if (raw != NULL) {
            rc = lex_raw(l, raw, strip);
        } else if (tag[1] == '#') {
            rc = lex_comment(l);
        } else if (tag[1] == '{') {
            rc = lex_tag(l, T_VAR_BEGIN, T_VAR_END);
        } else {
            rc = lex_tag(l, T_BLOCK_BEGIN, T_BLOCK_END);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int template_lex(struct arena *a, const char *text, size_t n, struct token **ret, struct err *e)
{
    struct lexer l = {.a = a, .line = 1, .e = e};
    char *copy = arena_alloc(a, n + 1), *w = copy;
    int rc;

    if (copy == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\r') {
            *w++ = '\n';
            i += i + 1 < n && text[i + 1] == '\n';
        } else {
            *w++ = text[i];
        }
    }
    if (w > copy && w[-1] == '\n') {
        w--;
    }
    *w = 0;
    l.src = l.p = l.line_start = copy;
    l.end = w;
    rc = lex_all(&l);
    if (rc == 0 && push(&l, T_EOF, l.p, l.p) == NULL) {
        rc = -ERR_NOMEM;
    }
    if (rc == 0) {
        *ret = arena_array(a, l.len, sizeof **ret);
        if (*ret == NULL) {
            rc = -ERR_NOMEM;
        } else {
            memcpy(*ret, l.tokens, l.len * sizeof **ret);
        }
    }
    mem_free(l.tokens);
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory") : rc;
}
