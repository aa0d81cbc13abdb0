/* The compiler's parts. Internal to this folder. */
#ifndef TW_TEMPLATE_PARSE_H
#define TW_TEMPLATE_PARSE_H

#include "template/ast.h"
#include "template/lex.h"

struct parser {
    struct arena *a;
    const struct token *t; /* the present token */
    int depth;             /* of nesting, at most LIMIT_TEMPLATE_DEPTH */
    int loops;             /* for loops open here */
    struct err *e;
};

int parse_fail(struct parser *p, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int parse_unexpected(struct parser *p, const char *wanted);
int parse_enter(struct parser *p); /* one level deeper, or -ERR_LIMIT; p->depth-- leaves it */
struct node *node_new(struct parser *p, enum node_kind kind, const struct token *at); /* or NULL */
/* Sets n->depth from its children; -ERR_LIMIT when the tree became too deep. */
int node_done(struct parser *p, struct node *n);
static inline bool at_op(const struct parser *p, int op)
{
    return p->t->kind == T_OP && p->t->op == op;
}
bool token_is(const struct token *t, const char *word);
static inline bool at_name(const struct parser *p, const char *word)
{
    return token_is(p->t, word);
}
int expect_op(struct parser *p, int op);
int kids_add(struct parser *p, struct node *n, size_t *cap, struct node *kid);

int parse_expression(struct parser *p, bool with_cond, struct node **ret);
/* An expression, or several separated by commas: a tuple. end_word: a name that ends it ("in",
 * "recursive"), or NULL. */
int parse_tuple(struct parser *p, bool with_cond, bool parens, struct node **ret);
/* The filters that follow at '|' (or at once, if `inline_start`), around `node`. */
int parse_filters(struct parser *p, bool inline_start, struct node *node, struct node **ret);
int parse_body(struct parser *p, const char *const *ends, struct node **ret);

/* Arguments of a call: node's kids become the arguments as fn's parameters stand. Cursor at '(' or
 * at nothing to call. */
int parse_args(struct parser *p, struct node *n, const struct fn_desc *fn);
/* The call of `callee` (a name or attribute) at '('. */
int parse_call(struct parser *p, struct node *callee, struct node **ret);

#endif
