/* Process trees: block-structured process models. A tree's nodes live in an arena. */
#ifndef TW_ANALYSIS_PTREE_H
#define TW_ANALYSIS_PTREE_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

enum ptree_op {
    PTREE_TAU,      /* nothing */
    PTREE_ACTIVITY, /* a leaf */
    PTREE_SEQUENCE,
    PTREE_CHOICE,   /* one of them */
    PTREE_PARALLEL, /* all of them, in any interleaving */
    PTREE_LOOP,     /* the first, then any number of times the second and the first again */
};

struct ptree {
    uint8_t op;
    uint32_t activity;
    struct ptree **children;
    uint32_t len, cap;
};

/* NULL when out of memory. */
struct ptree *ptree_new(struct arena *a, enum ptree_op op, uint32_t activity);
int ptree_add(struct arena *a, struct ptree *parent, struct ptree *child);
/* The same language in fewer nodes: nested operators of one kind, superfluous silent leaves, operators with one child. In place. */
int ptree_fold(struct arena *a, struct ptree *root);
/* All nodes, parents before their children; in the arena. */
int ptree_nodes(struct arena *a, struct ptree *root, struct ptree ***ret, size_t *ret_len);
/* As the literature writes them: ->( 'a', X( 'b', tau ) ). */
void ptree_text(const struct ptree *root, const char *const *names, struct buf *out);

#endif
