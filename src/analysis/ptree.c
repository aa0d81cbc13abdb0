#include "analysis/ptree.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct ptree *ptree_new(struct arena *a, enum ptree_op op, uint32_t activity)
{
    struct ptree *t = arena_alloc(a, sizeof *t);

    if (t != NULL) {
        t->op = (uint8_t)op;
        t->activity = activity;
    }
    return t;
}

int ptree_add(struct arena *a, struct ptree *parent, struct ptree *child)
{
    if (parent->len == parent->cap) {
        uint32_t cap = parent->cap < 4 ? 4 : parent->cap * 2;
        struct ptree **more = arena_array(a, cap, sizeof(struct ptree *));

        if (more == NULL) {
            return -ERR_NOMEM;
        }
        if (parent->len > 0) {
            memcpy(more, parent->children, parent->len * sizeof(struct ptree *));
        }
        parent->children = more;
        parent->cap = cap;
    }
    parent->children[parent->len++] = child;
    return 0;
}

int ptree_nodes(struct arena *a, struct ptree *root, struct ptree ***ret, size_t *ret_len)
{
    size_t cap = 64, len = 1;
    struct ptree **all = arena_array(a, cap, sizeof(struct ptree *));

    if (all == NULL) {
        return -ERR_NOMEM;
    }
    all[0] = root;
    for (size_t i = 0; i < len; i++) {
        if (len + all[i]->len > cap) {
            struct ptree **more = arena_array(a, cap = 2 * (len + all[i]->len), sizeof root);

            if (more == NULL) {
                return -ERR_NOMEM;
            }
            memcpy(more, all, len * sizeof(struct ptree *));
            all = more;
        }
        for (uint32_t k = 0; k < all[i]->len; k++) {
            all[len++] = all[i]->children[k];
        }
    }
    *ret = all;
    *ret_len = len;
    return 0;
}

/* Its children are folded already. */
static int fold_one(struct arena *a, struct ptree *t)
{
    struct ptree kept = {.op = t->op};
    bool silent = false;

    for (uint32_t i = 0; i < t->len; i++) {
        struct ptree *c = t->children[i];

        if (c->op == PTREE_TAU && t->op != PTREE_LOOP) {
            silent = true;
        } else if (c->op == t->op && t->op != PTREE_LOOP) {
            for (uint32_t k = 0; k < c->len; k++) {
                silent = silent || c->children[k]->op == PTREE_TAU;
                if (c->children[k]->op != PTREE_TAU && ptree_add(a, &kept, c->children[k]) != 0) {
                    return -ERR_NOMEM;
                }
            }
        } else if (ptree_add(a, &kept, c) != 0) {
            return -ERR_NOMEM;
        }
    }
    if (t->op == PTREE_CHOICE && silent && kept.len > 0) { /* it may be left out */
        struct ptree *tau = ptree_new(a, PTREE_TAU, 0);

        if (tau == NULL || ptree_add(a, &kept, tau) != 0) {
            return -ERR_NOMEM;
        }
    }
    if (t->op == PTREE_LOOP && kept.len >= 2 && kept.children[0]->op == PTREE_TAU &&
        kept.children[1]->op == PTREE_TAU) {
        kept.len = 0;
    }
    if (kept.len == 0) {
        kept = (struct ptree){.op = PTREE_TAU};
    } else if (kept.len == 1) {
        kept = *kept.children[0];
    }
    *t = kept;
    return 0;
}

int ptree_fold(struct arena *a, struct ptree *root)
{
    struct ptree **all;
    size_t n;
    int rc = ptree_nodes(a, root, &all, &n);

    for (size_t i = n; rc == 0 && i-- > 0;) {
        if (all[i]->op != PTREE_TAU && all[i]->op != PTREE_ACTIVITY) {
            rc = fold_one(a, all[i]);
        }
    }
    return rc;
}

static void leaf_text(const struct ptree *t, const char *const *names, struct buf *out)
{
    if (t->op == PTREE_TAU) {
        (void)buf_str(out, "tau");
    } else {
        (void)buf_printf(out, "'%s'", names[t->activity]);
    }
}

/* The path from the root to where it writes: as deep as the tree. */
struct place {
    const struct ptree *t;
    uint32_t next;
};

void ptree_text(const struct ptree *root, const char *const *names, struct buf *out)
{
    static const char *const heads[] = {[PTREE_SEQUENCE] = "->( ",
                                        [PTREE_CHOICE] = "X( ",
                                        [PTREE_PARALLEL] = "+( ",
                                        [PTREE_LOOP] = "*( "};
    struct arena a;
    struct place *path = NULL;
    size_t depth = 0, cap = 0;

    arena_init(&a, SIZE_MAX);
    for (const struct ptree *t = root; t != NULL;) {
        if (t->op == PTREE_TAU || t->op == PTREE_ACTIVITY) {
            leaf_text(t, names, out);
            t = NULL;
        } else {
            if (depth == cap) {
                struct place *more = arena_array(&a, cap = 2 * cap + 16, sizeof *more);

                if (more == NULL) {
                    out->status = -ERR_NOMEM;
                    break;
                }
                if (depth > 0) {
                    memcpy(more, path, depth * sizeof *more);
                }
                path = more;
            }
            (void)buf_str(out, heads[t->op]);
            path[depth++] = (struct place){t, 0};
            t = NULL;
        }
        while (t == NULL && depth > 0) {
            struct place *p = &path[depth - 1];

            if (p->next == p->t->len) {
                (void)buf_str(out, " )");
                depth--;
                continue;
            }
            if (p->next > 0) {
                (void)buf_str(out, ", ");
            }
            t = p->t->children[p->next++];
            break;
        }
    }
    arena_fini(&a);
}
