/*
 * A compiled template: a tree in the template's arena. Every node knows its depth, which the
 * compiler bounds (LIMIT_TEMPLATE_TREE), so that walking it by recursion needs a bounded stack.
 */
#ifndef TW_TEMPLATE_AST_H
#define TW_TEMPLATE_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "template/tv.h"

struct call;
struct rt;

enum node_kind {
    N_CONST,
    N_NAME,
    N_LIST,
    N_TUPLE,
    N_DICT, /* kids: key, value, key, value ... */
    N_COND, /* a if b else c */
    N_OR,
    N_AND,
    N_NOT,
    N_COMPARE, /* a, then kids with their ops */
    N_ADD,
    N_SUB,
    N_MUL,
    N_DIV,
    N_FLOORDIV,
    N_MOD,
    N_POW,
    N_CONCAT, /* kids */
    N_NEG,
    N_POS,
    N_ATTR,
    N_ITEM,   /* a[b] */
    N_SLICE,  /* a[kids 0 : 1 : 2], NULL where left out */
    N_METHOD, /* a.name(kids) */
    N_CALL,   /* fn(kids): a macro or a global */
    N_XCOM,   /* ti.xcom_pull(kids 0: task_ids, 1: key, 2: default) */
    N_CYCLE,  /* loop.cycle(kids) */
    N_FILTER,
    N_TEST,
    /* statements, chained by next */
    N_TEXT,
    N_PRINT,        /* a */
    N_IF,           /* a, body; orelse */
    N_FOR,          /* target a, over b, if c, body; orelse */
    N_SET,          /* target a, b */
    N_SET_BLOCK,    /* target a, filters b (of N_BODY), body */
    N_WITH,         /* kids: target, value ...; body */
    N_FILTER_BLOCK, /* b, body */
    N_BODY,         /* stands for the captured text under a filter block */
};

enum compare_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE, CMP_IN, CMP_NOT_IN };

struct keyword {
    const char *name;
    size_t len;
};

/* A function that templates may call. params: names separated by spaces; a last "*" takes any
 * number more, "**" any keywords. */
struct fn_desc {
    const char *name;
    const char *params;
    int required;
    int (*call)(struct rt *r, const struct call *c, struct tv *ret);
};

struct node {
    uint8_t kind;
    uint16_t depth;
    int line, col;
    struct node *next; /* the next statement */
    struct node *a, *b, *c, *body, *orelse;
    struct node **kids;
    size_t kids_len;
    uint8_t *ops;     /* COMPARE */
    const char *name; /* NAME, ATTR, METHOD */
    size_t name_len;
    const struct fn_desc *fn; /* CALL, FILTER, TEST */
    const struct keyword
        *kw; /* of the last kw_len kids: METHOD and functions that take any keywords */
    size_t kw_len;
    struct tv value; /* CONST; TEXT */
    const char *src; /* statements: as written */
    size_t src_len;
};

struct template
{
    struct arena arena;
    struct node *first;
};

#endif
