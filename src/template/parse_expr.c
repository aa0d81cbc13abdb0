/*
 * Expressions: one function per level of Jinja2's grammar. Nesting is bounded by
 * LIMIT_TEMPLATE_DEPTH, and the tree's depth (chains of operators and filters too) by
 * LIMIT_TEMPLATE_TREE.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "template/parse.h"
#include "template/rt.h"

int parse_fail(struct parser *p, enum err_code code, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_at(p->e, code, p->t->line, p->t->col, "%s", text);
}

int parse_unexpected(struct parser *p, const char *wanted)
{
    const struct token *t = p->t;

    if (t->kind == T_EOF) {
        return parse_fail(p, ERR_SYNTAX, "expected %s, but the template ends", wanted);
    }
    return parse_fail(p, ERR_SYNTAX, "expected %s, found \"%.*s\"", wanted,
                      (int)(t->end - t->at > 40 ? 40 : t->end - t->at), t->at);
}

int parse_enter(struct parser *p)
{
    if (p->depth >= LIMIT_TEMPLATE_DEPTH) {
        return parse_fail(p, ERR_LIMIT, "nested deeper than %d levels", LIMIT_TEMPLATE_DEPTH);
    }
    p->depth++;
    return 0;
}

struct node *node_new(struct parser *p, enum node_kind kind, const struct token *at)
{
    struct node *n = arena_alloc(p->a, sizeof *n);

    if (n == NULL) {
        (void)err_set(p->e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    n->kind = (uint8_t)kind;
    n->line = at->line;
    n->col = at->col;
    return n;
}

static void deeper(uint16_t *depth, const struct node *n)
{
    for (; n != NULL; n = n->next) {
        if (n->depth > *depth) {
            *depth = n->depth;
        }
    }
}

int node_done(struct parser *p, struct node *n)
{
    uint16_t depth = 0;

    deeper(&depth, n->a);
    deeper(&depth, n->b);
    deeper(&depth, n->c);
    deeper(&depth, n->body);
    deeper(&depth, n->orelse);
    for (size_t i = 0; i < n->kids_len; i++) {
        deeper(&depth, n->kids[i]);
    }
    if (depth >= LIMIT_TEMPLATE_TREE) {
        return parse_fail(p, ERR_LIMIT, "an expression of more than %d steps in a chain",
                          LIMIT_TEMPLATE_TREE);
    }
    n->depth = (uint16_t)(depth + 1);
    return 0;
}

bool token_is(const struct token *t, const char *word)
{
    return t->kind == T_NAME && t->n == strlen(word) && memcmp(t->s, word, t->n) == 0;
}

int expect_op(struct parser *p, int op)
{
    char wanted[8] = {'"', (char)op, '"'};

    if (!at_op(p, op)) {
        return parse_unexpected(p, wanted);
    }
    p->t++;
    return 0;
}

int kids_add(struct parser *p, struct node *n, size_t *cap, struct node *kid)
{
    if (n->kids_len == *cap) {
        size_t more = *cap == 0 ? 4 : *cap * 2;
        struct node **kids = arena_array(p->a, more, sizeof *kids);

        if (kids == NULL) {
            return err_set(p->e, ERR_NOMEM, "out of memory");
        }
        if (n->kids_len > 0) {
            memcpy(kids, n->kids, n->kids_len * sizeof *kids);
        }
        n->kids = kids;
        *cap = more;
    }
    n->kids[n->kids_len++] = kid;
    return 0;
}

/* A node of two operands around *left. */
static int binary(struct parser *p, enum node_kind kind, const struct token *at, struct node **left,
                  struct node *right)
{
    struct node *n = node_new(p, kind, at);

    if (n == NULL) {
        return -ERR_NOMEM;
    }
    n->a = *left;
    n->b = right;
    *left = n;
    return node_done(p, n);
}

static int parse_sequence(struct parser *p, int close, bool dict, struct node **ret)
{
    struct node *n = node_new(p, dict ? N_DICT : N_LIST, p->t++), *kid;
    size_t cap = 0;
    int rc = n == NULL ? -ERR_NOMEM : 0;

    while (rc == 0 && !at_op(p, close)) {
        if (n->kids_len > 0) {
            rc = expect_op(p, ',');
            if (rc != 0 || at_op(p, close)) {
                break;
            }
        }
        rc = parse_expression(p, true, &kid);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, kid);
        if (rc == 0 && dict) {
            rc = expect_op(p, ':');
            rc = rc != 0 ? rc : parse_expression(p, true, &kid);
            rc = rc != 0 ? rc : kids_add(p, n, &cap, kid);
        }
    }
    rc = rc != 0 ? rc : expect_op(p, close);
    *ret = n;
    return rc != 0 ? rc : node_done(p, n);
}

static int parse_const(struct parser *p, struct tv value, struct node **ret)
{
    *ret = node_new(p, N_CONST, p->t++);
    if (*ret == NULL) {
        return -ERR_NOMEM;
    }
    (*ret)->value = value;
    return node_done(p, *ret);
}

static int parse_string(struct parser *p, struct node **ret)
{
    const struct token *first = p->t;
    size_t n = 0;
    char *s, *w;

    for (; p->t->kind == T_STRING; p->t++) {
        n += p->t->n;
    }
    s = w = arena_alloc(p->a, n + 1);
    if (s == NULL) {
        return err_set(p->e, ERR_NOMEM, "out of memory");
    }
    for (const struct token *t = first; t < p->t; t++) {
        memcpy(w, t->s, t->n);
        w += t->n;
    }
    p->t--;
    return parse_const(p, tv_str(s, n), ret);
}

static int parse_primary(struct parser *p, struct node **ret)
{
    const struct token *t = p->t;
    int rc;

    switch (t->kind) {
    case T_NAME:
        if (token_is(t, "true") || token_is(t, "True") || token_is(t, "false") ||
            token_is(t, "False")) {
            return parse_const(p, tv_bool((t->s[0] | 32) == 't'), ret);
        }
        if (token_is(t, "none") || token_is(t, "None")) {
            return parse_const(p, tv_none(), ret);
        }
        *ret = node_new(p, N_NAME, p->t++);
        if (*ret == NULL) {
            return -ERR_NOMEM;
        }
        (*ret)->name = t->s;
        (*ret)->name_len = t->n;
        return node_done(p, *ret);
    case T_STRING:
        return parse_string(p, ret);
    case T_INT:
        return parse_const(p, tv_int(t->i), ret);
    case T_FLOAT:
        return parse_const(p, tv_float(t->f), ret);
    default:
        break;
    }
    if (at_op(p, '(')) {
        p->t++;
        rc = parse_tuple(p, true, true, ret);
        return rc != 0 ? rc : expect_op(p, ')');
    }
    if (at_op(p, '[') || at_op(p, '{')) {
        return parse_sequence(p, t->op == '[' ? ']' : '}', t->op == '{', ret);
    }
    return parse_unexpected(p, "an expression");
}

/* What stands between [ and ]: an expression, or a slice, for which *ret is a new N_SLICE without
 * its object. */
static int parse_subscribed(struct parser *p, struct node **ret)
{
    struct node *first = NULL, *n;
    size_t cap = 0;
    int rc = 0;

    if (!at_op(p, ':')) {
        rc = parse_expression(p, true, &first);
        if (rc != 0 || !at_op(p, ':')) {
            *ret = first;
            return rc;
        }
    }
    n = *ret = node_new(p, N_SLICE, p->t);
    rc = n == NULL ? -ERR_NOMEM : kids_add(p, n, &cap, first);
    for (int i = 0; i < 2 && rc == 0; i++) {
        struct node *part = NULL;

        if (at_op(p, ':')) {
            p->t++;
            if (!at_op(p, ':') && !at_op(p, ']') && !at_op(p, ',')) {
                rc = parse_expression(p, true, &part);
            }
        }
        rc = rc != 0 ? rc : kids_add(p, n, &cap, part);
    }
    return rc;
}

static int parse_subscript(struct parser *p, struct node **node)
{
    const struct token *t = p->t++;
    struct node *n, *arg;
    int rc;

    if (t->op == '.') {
        if (p->t->kind == T_NAME) {
            n = node_new(p, N_ATTR, p->t);
            if (n == NULL) {
                return -ERR_NOMEM;
            }
            n->a = *node;
            n->name = p->t->s;
            n->name_len = p->t->n;
            p->t++;
            *node = n;
            return node_done(p, n);
        }
        if (p->t->kind != T_INT) {
            return parse_unexpected(p, "a name or a number after \".\"");
        }
        rc = parse_const(p, tv_int(p->t->i), &arg);
        return rc != 0 ? rc : binary(p, N_ITEM, t, node, arg);
    }
    if (at_op(p, ']')) {
        return parse_fail(p, ERR_UNSUPPORTED, "an index of no parts is not supported");
    }
    rc = parse_subscribed(p, &arg);
    if (rc == 0 && at_op(p, ',')) {
        return parse_fail(p, ERR_UNSUPPORTED, "an index of several parts is not supported");
    }
    rc = rc != 0 ? rc : expect_op(p, ']');
    if (rc != 0) {
        return rc;
    }
    if (arg->kind == N_SLICE && arg->a == NULL) {
        arg->a = *node;
        *node = arg;
        return node_done(p, arg);
    }
    return binary(p, N_ITEM, t, node, arg);
}

static int parse_postfix(struct parser *p, struct node **node)
{
    int rc = 0;

    while (rc == 0) {
        if (at_op(p, '.') || at_op(p, '[')) {
            rc = parse_subscript(p, node);
        } else if (at_op(p, '(')) {
            rc = parse_call(p, *node, node);
        } else {
            return 0;
        }
    }
    return rc;
}

int parse_filters(struct parser *p, bool inline_start, struct node *node, struct node **ret)
{
    int rc = 0;

    while (rc == 0 && (inline_start || at_op(p, '|'))) {
        struct node *n;

        p->t += !inline_start;
        inline_start = false;
        if (p->t->kind != T_NAME) {
            return parse_unexpected(p, "the name of a filter");
        }
        n = node_new(p, N_FILTER, p->t);
        if (n == NULL) {
            return -ERR_NOMEM;
        }
        n->a = node;
        n->name = p->t->s;
        n->name_len = p->t->n;
        n->fn = filter_find(p->t->s, p->t->n);
        if (n->fn == NULL) {
            return parse_fail(p, ERR_UNSUPPORTED, "filter \"%.*s\" is not supported", (int)p->t->n,
                              p->t->s);
        }
        p->t++;
        rc = parse_args(p, n, n->fn);
        rc = rc != 0 ? rc : node_done(p, n);
        node = n;
    }
    *ret = node;
    return rc;
}

/* "is [not] name [arguments]" behind *node. */
static int parse_test(struct parser *p, struct node **node)
{
    bool negated = false;
    struct node *n, *arg;
    size_t cap = 0;
    int rc = 0;

    p->t++;
    if (at_name(p, "not")) {
        negated = true;
        p->t++;
    }
    if (p->t->kind != T_NAME) {
        return parse_unexpected(p, "the name of a test");
    }
    n = node_new(p, N_TEST, p->t);
    if (n == NULL) {
        return -ERR_NOMEM;
    }
    n->a = *node;
    n->fn = test_find(p->t->s, p->t->n);
    if (n->fn == NULL) {
        return parse_fail(p, ERR_UNSUPPORTED, "test \"%.*s\" is not supported", (int)p->t->n,
                          p->t->s);
    }
    p->t++;
    if (at_op(p, '(')) {
        rc = parse_args(p, n, n->fn);
    } else if ((p->t->kind >= T_NAME && p->t->kind <= T_FLOAT && !at_name(p, "else") &&
                !at_name(p, "or") && !at_name(p, "and")) ||
               at_op(p, '[') || at_op(p, '{')) {
        if (at_name(p, "is")) {
            return parse_fail(p, ERR_SYNTAX, "tests cannot be chained with \"is\"");
        }
        rc = parse_primary(p, &arg);
        rc = rc != 0 ? rc : parse_postfix(p, &arg);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, arg);
        if (rc == 0 && n->fn->params[0] == 0) {
            return parse_fail(p, ERR_SYNTAX, "test \"%s\" takes no argument", n->fn->name);
        }
    } else if (n->fn->required > 0) {
        return parse_fail(p, ERR_SYNTAX, "test \"%s\" needs an argument", n->fn->name);
    }
    rc = rc != 0 ? rc : node_done(p, n);
    *node = n;
    if (rc == 0 && negated) {
        rc = binary(p, N_NOT, p->t, node, NULL);
    }
    return rc;
}

static int parse_unary(struct parser *p, bool with_filter, struct node **ret)
{
    const struct token *at = p->t;
    int rc = parse_enter(p);

    if (rc != 0) {
        return rc;
    }
    if (at_op(p, '-') || at_op(p, '+')) {
        p->t++;
        rc = parse_unary(p, false, ret);
        rc = rc != 0 ? rc : binary(p, at->op == '-' ? N_NEG : N_POS, at, ret, NULL);
    } else {
        rc = parse_primary(p, ret);
    }
    rc = rc != 0 ? rc : parse_postfix(p, ret);
    while (rc == 0 && with_filter) {
        if (at_op(p, '|')) {
            rc = parse_filters(p, false, *ret, ret);
        } else if (at_name(p, "is")) {
            rc = parse_test(p, ret);
        } else if (at_op(p, '(')) {
            rc = parse_call(p, *ret, ret);
        } else {
            break;
        }
    }
    p->depth--;
    return rc;
}

/* The operators of one level, from loosest to tightest: + -, ~, * / // %, **. */
static enum node_kind level_op(const struct parser *p, int level)
{
    static const struct {
        int op, level;
        enum node_kind kind;
    } ops[] = {
        {'+', 0, N_ADD},
        {'-', 0, N_SUB},
        {'~', 1, N_CONCAT},
        {'*', 2, N_MUL},
        {'/', 2, N_DIV},
        {'%', 2, N_MOD},
        {OP2('/', '/'), 2, N_FLOORDIV},
        {OP2('*', '*'), 3, N_POW},
    };

    for (size_t i = 0; p->t->kind == T_OP && i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].op == p->t->op && ops[i].level == level) {
            return ops[i].kind;
        }
    }
    return N_CONST;
}

static int parse_level(struct parser *p, int level, struct node **ret)
{
    enum node_kind kind;
    int rc = level == 4 ? parse_unary(p, true, ret) : parse_level(p, level + 1, ret);

    while (level < 4 && rc == 0 && (kind = level_op(p, level)) != N_CONST) {
        const struct token *at = p->t++;
        struct node *right;

        rc = parse_level(p, level + 1, &right);
        rc = rc != 0 ? rc : binary(p, kind, at, ret, right);
    }
    return rc;
}

/* The comparison at the cursor, behind which it then stands; -1 when there is none. */
static int compare_op(struct parser *p)
{
    static const struct {
        int op, cmp;
    } ops[] = {{OP2('=', '='), CMP_EQ}, {OP2('!', '='), CMP_NE}, {'<', CMP_LT},
               {OP2('<', '='), CMP_LE}, {'>', CMP_GT},           {OP2('>', '='), CMP_GE}};

    if (at_name(p, "in")) {
        p->t++;
        return CMP_IN;
    }
    if (at_name(p, "not") && token_is(p->t + 1, "in")) {
        p->t += 2;
        return CMP_NOT_IN;
    }
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (at_op(p, ops[i].op)) {
            p->t++;
            return ops[i].cmp;
        }
    }
    return -1;
}

static int parse_compare(struct parser *p, struct node **ret)
{
    struct node *n = NULL, *right;
    size_t cap = 0;
    int rc = parse_level(p, 0, ret), op;

    while (rc == 0) {
        const struct token *at = p->t;
        uint8_t *ops;

        op = compare_op(p);
        if (op < 0) {
            break;
        }
        if (n == NULL) {
            n = node_new(p, N_COMPARE, at);
            if (n == NULL) {
                return -ERR_NOMEM;
            }
            n->a = *ret;
        }
        rc = parse_level(p, 0, &right);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, right);
        ops = rc == 0 ? arena_alloc(p->a, n->kids_len) : NULL;
        if (ops == NULL) {
            return rc != 0 ? rc : err_set(p->e, ERR_NOMEM, "out of memory");
        }
        if (n->ops != NULL) {
            memcpy(ops, n->ops, n->kids_len - 1);
        }
        ops[n->kids_len - 1] = (uint8_t)op;
        n->ops = ops;
        if (n->kids_len > LIMIT_TEMPLATE_TREE) {
            return parse_fail(p, ERR_LIMIT, "too many comparisons in one chain");
        }
    }
    if (rc == 0 && n != NULL) {
        *ret = n;
        rc = node_done(p, n);
    }
    return rc;
}

static int parse_not(struct parser *p, struct node **ret)
{
    const struct token *at = p->t;
    int nots = 0, rc;

    for (; at_name(p, "not"); p->t++) {
        nots++;
    }
    rc = parse_compare(p, ret);
    for (; rc == 0 && nots > 0; nots--) {
        rc = binary(p, N_NOT, at, ret, NULL);
    }
    return rc;
}

static int parse_and(struct parser *p, struct node **ret)
{
    int rc = parse_not(p, ret);

    while (rc == 0 && at_name(p, "and")) {
        const struct token *at = p->t++;
        struct node *right;

        rc = parse_not(p, &right);
        rc = rc != 0 ? rc : binary(p, N_AND, at, ret, right);
    }
    return rc;
}

static int parse_or(struct parser *p, struct node **ret)
{
    int rc = parse_and(p, ret);

    while (rc == 0 && at_name(p, "or")) {
        const struct token *at = p->t++;
        struct node *right;

        rc = parse_and(p, &right);
        rc = rc != 0 ? rc : binary(p, N_OR, at, ret, right);
    }
    return rc;
}

static int parse_cond(struct parser *p, struct node **ret)
{
    int rc = parse_or(p, ret);

    while (rc == 0 && at_name(p, "if")) {
        struct node *n = node_new(p, N_COND, p->t++);

        if (n == NULL) {
            return -ERR_NOMEM;
        }
        n->a = *ret;
        rc = parse_or(p, &n->b);
        if (rc == 0 && at_name(p, "else")) {
            p->t++;
            rc = parse_enter(p);
            rc = rc != 0 ? rc : parse_cond(p, &n->c);
            p->depth--;
        }
        rc = rc != 0 ? rc : node_done(p, n);
        *ret = n;
    }
    return rc;
}

int parse_expression(struct parser *p, bool with_cond, struct node **ret)
{
    return with_cond ? parse_cond(p, ret) : parse_or(p, ret);
}

/* True where a tuple may end: at the end of its tag, at ')', or at "in" of a for. */
static bool tuple_end(const struct parser *p)
{
    return p->t->kind == T_VAR_END || p->t->kind == T_BLOCK_END || at_op(p, ')');
}

int parse_tuple(struct parser *p, bool with_cond, bool parens, struct node **ret)
{
    const struct token *at = p->t;
    struct node *n = NULL, *kid;
    size_t cap = 0;
    int rc;

    if (!(parens && at_op(p, ')'))) {
        rc = parse_expression(p, with_cond, ret);
        if (rc != 0 || !at_op(p, ',')) {
            return rc;
        }
    }
    n = node_new(p, N_TUPLE, at);
    if (n == NULL) {
        return -ERR_NOMEM;
    }
    rc = at_op(p, ',') ? kids_add(p, n, &cap, *ret) : 0;
    while (rc == 0 && at_op(p, ',')) {
        p->t++;
        if (tuple_end(p)) {
            break;
        }
        rc = parse_expression(p, with_cond, &kid);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, kid);
    }
    *ret = n;
    return rc != 0 ? rc : node_done(p, n);
}
