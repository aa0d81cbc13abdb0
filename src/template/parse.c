/* Statements: text, {{ }}, if, for, set, with, filter. Everything else of Jinja2 is named as not
 * supported. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "template/parse.h"
#include "template/rt.h"

static int block_end(struct parser *p)
{
    if (p->t->kind != T_BLOCK_END) {
        return parse_unexpected(p, "the end of the statement \"%}\"");
    }
    p->t++;
    return 0;
}

/* The text of a tag from its begin to the token before the present one. */
static void set_src(struct parser *p, struct node *n, const struct token *begin)
{
    n->src = begin->at;
    n->src_len = (size_t)(p->t[-1].end - begin->at);
}

static int name_node(struct parser *p, struct node **ret)
{
    const struct token *t = p->t;

    if (t->kind != T_NAME || token_is(t, "true") || token_is(t, "false") || token_is(t, "none") ||
        token_is(t, "True") || token_is(t, "False") || token_is(t, "None")) {
        return parse_unexpected(p, "a name to assign to");
    }
    *ret = node_new(p, N_NAME, t);
    if (*ret == NULL) {
        return -ERR_NOMEM;
    }
    (*ret)->name = t->s;
    (*ret)->name_len = t->n;
    p->t++;
    return node_done(p, *ret);
}

/* One name, ns.attribute, or names separated by commas (a tuple, with or without parentheses). */
static int parse_target(struct parser *p, bool with_attr, struct node **ret)
{
    const struct token *at = p->t;
    bool parens = at_op(p, '(');
    struct node *n, *kid;
    size_t cap = 0;
    int rc;

    p->t += parens;
    rc = name_node(p, &kid);
    if (rc == 0 && with_attr && !parens && at_op(p, '.')) {
        n = node_new(p, N_ATTR, at);
        if (n == NULL || p->t[1].kind != T_NAME) {
            return n == NULL ? -ERR_NOMEM : parse_unexpected(p, "a name after \".\"");
        }
        n->a = kid;
        n->name = p->t[1].s;
        n->name_len = p->t[1].n;
        p->t += 2;
        *ret = n;
        return node_done(p, n);
    }
    if (rc != 0 || (!parens && !at_op(p, ','))) {
        *ret = kid;
        return rc;
    }
    n = node_new(p, N_TUPLE, at);
    rc = n == NULL ? -ERR_NOMEM : kids_add(p, n, &cap, kid);
    while (rc == 0 && at_op(p, ',')) {
        p->t++;
        if (at_op(p, ')') || at_op(p, '=') || at_name(p, "in")) {
            break;
        }
        rc = name_node(p, &kid);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, kid);
    }
    if (rc == 0 && parens) {
        rc = expect_op(p, ')');
    }
    *ret = n;
    return rc != 0 ? rc : node_done(p, n);
}

static int parse_if(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct node *cond, *body;
    size_t cap = 0;
    int rc;

    do {
        p->t++; /* if, elif */
        rc = parse_tuple(p, true, false, &cond);
        rc = rc != 0 ? rc : block_end(p);
        rc = rc != 0 ? rc : parse_body(p, ends, &body);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, cond);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, body);
    } while (rc == 0 && at_name(p, "elif"));
    if (rc == 0 && at_name(p, "else")) {
        p->t++;
        rc = block_end(p);
        rc = rc != 0 ? rc : parse_body(p, ends + 2, &n->orelse);
    }
    if (rc == 0) {
        p->t++; /* endif */
    }
    return rc;
}

static int parse_for(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"else", "endfor", NULL};
    int rc;

    p->t++;
    rc = parse_target(p, false, &n->a);
    if (rc == 0 && !at_name(p, "in")) {
        return parse_unexpected(p, "\"in\"");
    }
    p->t++;
    rc = rc != 0 ? rc : parse_tuple(p, false, false, &n->b);
    if (rc == 0 && at_name(p, "if")) {
        p->t++;
        rc = parse_expression(p, true, &n->c);
    }
    if (rc == 0 && at_name(p, "recursive")) {
        return parse_fail(p, ERR_UNSUPPORTED, "recursive loops are not supported");
    }
    rc = rc != 0 ? rc : block_end(p);
    rc = rc != 0 ? rc : parse_body(p, ends, &n->body);
    if (rc == 0 && at_name(p, "else")) {
        p->t++;
        rc = block_end(p);
        rc = rc != 0 ? rc : parse_body(p, ends + 1, &n->orelse);
    }
    if (rc == 0) {
        p->t++; /* endfor */
    }
    return rc;
}

static int body_node(struct parser *p, struct node **ret)
{
    *ret = node_new(p, N_BODY, p->t);
    return *ret == NULL ? -ERR_NOMEM : node_done(p, *ret);
}

static int parse_set(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"endset", NULL};
    int rc;

    p->t++;
    rc = parse_target(p, true, &n->a);
    if (rc != 0) {
        return rc;
    }
    if (at_op(p, '=')) {
        p->t++;
        return parse_tuple(p, true, false, &n->b);
    }
    n->kind = N_SET_BLOCK;
    rc = body_node(p, &n->b);
    rc = rc != 0 ? rc : parse_filters(p, false, n->b, &n->b);
    rc = rc != 0 ? rc : block_end(p);
    rc = rc != 0 ? rc : parse_body(p, ends, &n->body);
    if (rc == 0) {
        p->t++;
    }
    return rc;
}

static int parse_with(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"endwith", NULL};
    struct node *kid;
    size_t cap = 0;
    int rc = 0;

    p->t++;
    while (rc == 0 && p->t->kind != T_BLOCK_END) {
        if (n->kids_len > 0) {
            rc = expect_op(p, ',');
        }
        rc = rc != 0 ? rc : name_node(p, &kid);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, kid);
        rc = rc != 0 ? rc : expect_op(p, '=');
        rc = rc != 0 ? rc : parse_expression(p, true, &kid);
        rc = rc != 0 ? rc : kids_add(p, n, &cap, kid);
    }
    rc = rc != 0 ? rc : block_end(p);
    rc = rc != 0 ? rc : parse_body(p, ends, &n->body);
    if (rc == 0) {
        p->t++;
    }
    return rc;
}

static int parse_filter_block(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"endfilter", NULL};
    int rc;

    p->t++;
    rc = body_node(p, &n->b);
    rc = rc != 0 ? rc : parse_filters(p, true, n->b, &n->b);
    rc = rc != 0 ? rc : block_end(p);
    rc = rc != 0 ? rc : parse_body(p, ends, &n->body);
    if (rc == 0) {
        p->t++;
    }
    return rc;
}

static int parse_statement(struct parser *p, struct node **ret)
{
    static const struct {
        const char *word;
        enum node_kind kind;
        int (*parse)(struct parser *p, struct node *n);
    } words[] = {
        {"if", N_IF, parse_if},
        {"for", N_FOR, parse_for},
        {"set", N_SET, parse_set},
        {"with", N_WITH, parse_with},
        {"filter", N_FILTER_BLOCK, parse_filter_block},
    };
    static const char known[] =
        " macro call include import from extends block do autoescape trans break continue debug ";
    const struct token *begin = p->t++, *word = p->t;
    char spaced[20];

    if (word->kind != T_NAME) {
        return parse_unexpected(p, "a statement");
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (token_is(word, words[i].word)) {
            int rc;

            *ret = node_new(p, words[i].kind, begin);
            if (*ret == NULL) {
                return -ERR_NOMEM;
            }
            rc = parse_enter(p);
            rc = rc != 0 ? rc : words[i].parse(p, *ret);
            rc = rc != 0 ? rc : block_end(p);
            p->depth--;
            set_src(p, *ret, begin);
            for (size_t k = 0; k < (*ret)->src_len; k++) { /* only its first tag */
                if (k > 0 && (*ret)->src[k] == '}' && (*ret)->src[k - 1] == '%') {
                    (*ret)->src_len = k + 1;
                }
            }
            return rc != 0 ? rc : node_done(p, *ret);
        }
    }
    if (word->n < sizeof spaced - 2) {
        spaced[0] = ' ';
        memcpy(spaced + 1, word->s, word->n);
        memcpy(spaced + 1 + word->n, " ", 2);
        if (strstr(known, spaced) != NULL) {
            return parse_fail(p, ERR_UNSUPPORTED, "statement \"%.*s\" is not supported",
                              (int)word->n, word->s);
        }
    }
    return parse_fail(p, ERR_SYNTAX, "there is no statement \"%.*s\"",
                      (int)(word->n > 60 ? 60 : word->n), word->s);
}

static int parse_print(struct parser *p, struct node **ret)
{
    const struct token *begin = p->t++;
    int rc;

    *ret = node_new(p, N_PRINT, begin);
    if (*ret == NULL) {
        return -ERR_NOMEM;
    }
    rc = parse_tuple(p, true, false, &(*ret)->a);
    if (rc == 0 && p->t->kind != T_VAR_END) {
        return parse_unexpected(p, "an operator or \"}}\"");
    }
    p->t++;
    set_src(p, *ret, begin);
    return rc != 0 ? rc : node_done(p, *ret);
}

static bool at_end_word(const struct parser *p, const char *const *ends)
{
    for (; *ends != NULL; ends++) {
        if (token_is(p->t + 1, *ends)) {
            return true;
        }
    }
    return false;
}

/* Statements up to one of `ends`, at whose word the cursor then stands; ends[0] == NULL: up to the
 * end of the text. */
int parse_body(struct parser *p, const char *const *ends, struct node **ret)
{
    struct node **link = ret;
    int rc = 0;

    *ret = NULL;
    while (rc == 0) {
        if (p->t->kind == T_EOF) {
            if (ends[0] == NULL) {
                return 0;
            }
            while (ends[1] != NULL) {
                ends++;
            }
            return parse_fail(p, ERR_SYNTAX, "the template ends where {%% %s %%} is needed",
                              ends[0]);
        }
        if (p->t->kind == T_TEXT) {
            *link = node_new(p, N_TEXT, p->t);
            if (*link == NULL) {
                return -ERR_NOMEM;
            }
            (*link)->value = tv_str(p->t->s, p->t->n);
            (*link)->depth = 1;
            p->t++;
        } else if (p->t->kind == T_VAR_BEGIN) {
            rc = parse_print(p, link);
        } else if (at_end_word(p, ends)) {
            p->t++;
            return 0;
        } else {
            rc = parse_statement(p, link);
        }
        if (rc == 0) {
            link = &(*link)->next;
        }
    }
    return rc;
}

bool template_needed(const char *text, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        if (text[i] == '{' && (text[i + 1] == '{' || text[i + 1] == '%' || text[i + 1] == '#')) {
            return true;
        }
    }
    return false;
}

int template_compile(const char *text, size_t n, struct template **ret, struct err *e)
{
    static const char *const no_end[] = {NULL};
    struct template *t;
    struct token *tokens;
    struct parser p;
    int rc;

    if (n > LIMIT_STRING_BYTES) {
        return err_set(e, ERR_LIMIT, "a template of more than %zu bytes", LIMIT_STRING_BYTES);
    }
    t = mem_zalloc(sizeof *t);
    if (t == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    arena_init(&t->arena, LIMIT_TEMPLATE_COMPILED);
    rc = template_lex(&t->arena, text, n, &tokens, e);
    if (rc == 0) {
        p = (struct parser){.a = &t->arena, .t = tokens, .e = e};
        rc = parse_body(&p, no_end, &t->first);
    }
    if (rc == -ERR_NOMEM) {
        (void)err_set(e, ERR_NOMEM, "out of memory");
    }
    if (rc != 0) {
        template_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

void template_free(struct template *t)
{
    if (t != NULL) {
        arena_fini(&t->arena);
        mem_free(t);
    }
}
