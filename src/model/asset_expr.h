/*
 * What a DAG waits for among assets: the member `condition` of its schedule as a tree. Pure. A leaf is an asset (by name and URI), a reference
 * to one (by name or by URI), or an alias, which stands for the assets whose events came through it.
 */
#ifndef TW_MODEL_ASSET_EXPR_H
#define TW_MODEL_ASSET_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct err;
struct value;

enum asset_leaf_kind { ASSET_LEAF_ASSET, ASSET_LEAF_NAME, ASSET_LEAF_URI, ASSET_LEAF_ALIAS };

struct asset_leaf {
    enum asset_leaf_kind kind;
    const char *name; /* NULL with LEAF_URI */
    const char *uri;  /* ASSET, URI; else NULL */
};

enum asset_node_kind { ASSET_NODE_LEAF, ASSET_NODE_ALL, ASSET_NODE_ANY };

struct asset_node {
    enum asset_node_kind kind;
    uint32_t leaf; /* of a leaf: its index */
    uint32_t
        end; /* the node behind its last descendant: nodes stand in the order in which they are written */
};

/* Read-only; lives in the arena that it was parsed into. Equal leaves are one. */
struct asset_expr {
    const struct asset_leaf *leaves;
    uint32_t leaves_len;
    const struct asset_node *nodes; /* the first is the root */
    uint32_t nodes_len;
};

/* From the member `condition`. Errors: -ERR_INVALID, -ERR_LIMIT (LIMIT_ASSET_LEAVES) with line and column; -ERR_NOMEM. */
int asset_expr_parse(struct arena *a, const struct value *condition, const struct asset_expr **ret,
                     struct err *e);

/* Bits of leaves: 64 in a word. */
#define ASSET_BITS_WORDS(leaves) (((leaves) + 63) / 64)
static inline bool asset_bit(const uint64_t *bits, uint32_t leaf)
{
    return (bits[leaf / 64] >> (leaf % 64) & 1) != 0;
}

/* Whether the condition holds when the leaves in `bits` do. */
bool asset_expr_holds(const struct asset_expr *x, const uint64_t *bits);

/* Whether an event of this asset, through these aliases (each with its NUL), is one of the leaf's own. */
bool asset_leaf_is(const struct asset_leaf *l, const char *name, const char *uri,
                   const char *aliases, size_t aliases_len);

/* A leaf in words: "asset orders", "asset s3://x/y", "alias later". */
void asset_leaf_describe(const struct asset_leaf *l, struct buf *out);
/* In words: "orders and (rates or alias later)". bits: only what does not hold yet of what is needed; NULL: all of it. */
void asset_expr_describe(const struct asset_expr *x, const uint64_t *bits, struct buf *out);

#endif
