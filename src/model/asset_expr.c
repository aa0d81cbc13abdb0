/* Conditions on assets. */
#include "model/asset_expr.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"

struct parser {
    struct arena *a;
    struct err *e;
    struct asset_leaf *leaves;
    struct asset_node *nodes;
    uint32_t leaves_len, nodes_len;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 && v->len == strlen(v->text) ? v->text
                                                                                           : NULL;
}

static int wrong(struct parser *p, const struct value *v, const char *text)
{
    return err_at(p->e, ERR_INVALID, v->line, v->col, "%s", text);
}

/* How many objects with a type there are: room for them all. */
static size_t count(const struct value *v)
{
    size_t n = 1;
    const struct value *of = v->kind == VALUE_OBJECT ? value_get(v, "of") : NULL;

    for (size_t i = 0; of != NULL && of->kind == VALUE_ARRAY && i < of->len; i++) {
        n += count(of->elems[i]);
    }
    return n;
}

static bool same_text(const char *x, const char *y)
{
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

static int add_leaf(struct parser *p, const struct asset_leaf *l)
{
    uint32_t i = 0;

    while (i < p->leaves_len &&
           !(p->leaves[i].kind == l->kind && same_text(p->leaves[i].name, l->name) &&
             same_text(p->leaves[i].uri, l->uri))) {
        i++;
    }
    if (i == p->leaves_len) {
        struct asset_leaf *to = &p->leaves[p->leaves_len++];

        *to = *l;
        to->name = l->name != NULL ? arena_strdup(p->a, l->name) : NULL;
        to->uri = l->uri != NULL ? arena_strdup(p->a, l->uri) : NULL;
        if ((l->name != NULL && to->name == NULL) || (l->uri != NULL && to->uri == NULL)) {
            return err_set(p->e, ERR_NOMEM, "no memory for the schedule");
        }
    }
    p->nodes[p->nodes_len] = (struct asset_node){ASSET_NODE_LEAF, i, p->nodes_len + 1};
    p->nodes_len++;
    return 0;
}

static int parse(struct parser *p, const struct value *v);

static int parse_several(struct parser *p, const struct value *v, enum asset_node_kind kind)
{
    const struct value *of = value_get(v, "of");
    uint32_t at = p->nodes_len++;
    int rc = 0;

    if (of == NULL || of->kind != VALUE_ARRAY || of->len == 0) {
        return wrong(p, v, "'of' must be a list of assets");
    }
    p->nodes[at].kind = kind;
    for (size_t i = 0; rc == 0 && i < of->len; i++) {
        rc = parse(p, of->elems[i]);
    }
    p->nodes[at].end = p->nodes_len;
    return rc;
}

/* Its depth is that of a document. */
static int parse(struct parser *p, const struct value *v)
{
    const char *type = v->kind == VALUE_OBJECT ? text_of(v, "type") : NULL;
    struct asset_leaf l = {ASSET_LEAF_ASSET, NULL, NULL};

    if (type == NULL) {
        return wrong(p, v, "an asset of a schedule must be an object with 'type'");
    }
    if (strcmp(type, "all") == 0 || strcmp(type, "any") == 0) {
        return parse_several(p, v, strcmp(type, "all") == 0 ? ASSET_NODE_ALL : ASSET_NODE_ANY);
    }
    l.name = text_of(v, "name");
    l.uri = text_of(v, "uri");
    if (l.name == NULL && l.uri == NULL) {
        return wrong(p, v, "an asset of a schedule needs 'name' or 'uri'");
    }
    if (strcmp(type, "asset") == 0) {
        l.name = l.name != NULL ? l.name : l.uri;
        l.uri = l.uri != NULL ? l.uri : l.name;
    } else if (strcmp(type, "asset_ref") == 0) {
        l.kind = l.name != NULL ? ASSET_LEAF_NAME : ASSET_LEAF_URI;
        l.uri = l.name != NULL ? NULL : l.uri;
    } else if (strcmp(type, "asset_alias") == 0 && l.name != NULL) {
        l.kind = ASSET_LEAF_ALIAS;
        l.uri = NULL;
    } else {
        return wrong(p, v, "the type of an asset is asset, asset_alias, asset_ref, all or any");
    }
    return add_leaf(p, &l);
}

int asset_expr_parse(struct arena *a, const struct value *condition, const struct asset_expr **ret,
                     struct err *e)
{
    struct parser p = {.a = a, .e = e};
    struct asset_expr *x = arena_alloc(a, sizeof *x);
    size_t n;
    int rc;

    if (condition == NULL || condition->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "the schedule's 'condition' is missing: the assets");
    }
    n = count(condition);
    if (n > LIMIT_ASSET_LEAVES) {
        return err_at(e, ERR_LIMIT, condition->line, condition->col,
                      "a schedule of more than %d assets", LIMIT_ASSET_LEAVES);
    }
    p.leaves = arena_array(a, n, sizeof *p.leaves);
    p.nodes = arena_array(a, n, sizeof *p.nodes);
    if (x == NULL || p.leaves == NULL || p.nodes == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the schedule");
    }
    rc = parse(&p, condition);
    *x = (struct asset_expr){p.leaves, p.leaves_len, p.nodes, p.nodes_len};
    *ret = rc == 0 ? x : NULL;
    return rc;
}

/* The tree is walked by its order: an ALL or ANY that is decided is left at its end. */
static bool holds(const struct asset_expr *x, uint32_t at, const uint64_t *bits)
{
    const struct asset_node *n = &x->nodes[at];
    bool all = n->kind == ASSET_NODE_ALL;

    if (n->kind == ASSET_NODE_LEAF) {
        return asset_bit(bits, n->leaf);
    }
    for (uint32_t i = at + 1; i < n->end; i = x->nodes[i].end) {
        if (holds(x, i, bits) != all) {
            return !all;
        }
    }
    return all;
}

bool asset_expr_holds(const struct asset_expr *x, const uint64_t *bits)
{
    return x->nodes_len > 0 && holds(x, 0, bits);
}

bool asset_leaf_is(const struct asset_leaf *l, const char *name, const char *uri,
                   const char *aliases, size_t aliases_len)
{
    switch (l->kind) {
    case ASSET_LEAF_ASSET:
        return strcmp(l->name, name) == 0 && strcmp(l->uri, uri) == 0;
    case ASSET_LEAF_NAME:
        return strcmp(l->name, name) == 0;
    case ASSET_LEAF_URI:
        return strcmp(l->uri, uri) == 0;
    case ASSET_LEAF_ALIAS:
        for (size_t at = 0; at < aliases_len; at += strlen(aliases + at) + 1) {
            if (strcmp(aliases + at, l->name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- words ---- */

void asset_leaf_describe(const struct asset_leaf *l, struct buf *out)
{
    (void)buf_printf(out, "%s %s", l->kind == ASSET_LEAF_ALIAS ? "alias" : "asset",
                     l->name != NULL ? l->name : l->uri);
}

static void describe(const struct asset_expr *x, uint32_t at, const uint64_t *bits, bool nested,
                     struct buf *out)
{
    const struct asset_node *n = &x->nodes[at];
    const char *word = n->kind == ASSET_NODE_ALL ? " and " : " or ";
    size_t shown = 0;
    bool several;

    if (n->kind == ASSET_NODE_LEAF) {
        asset_leaf_describe(&x->leaves[n->leaf], out);
        return;
    }
    for (uint32_t i = at + 1; i < n->end; i = x->nodes[i].end) {
        shown += bits == NULL || !holds(x, i, bits);
    }
    several = shown > 1;
    nested = nested && several;
    (void)buf_str(out, nested ? "(" : "");
    shown = 0;
    for (uint32_t i = at + 1; i < n->end; i = x->nodes[i].end) {
        if (bits == NULL || !holds(x, i, bits)) {
            (void)buf_str(out, shown++ > 0 ? word : "");
            describe(x, i, bits, several || nested, out);
        }
    }
    (void)buf_str(out, nested ? ")" : "");
}

void asset_expr_describe(const struct asset_expr *x, const uint64_t *bits, struct buf *out)
{
    if (x->nodes_len > 0 && (bits == NULL || !holds(x, 0, bits))) {
        describe(x, 0, bits, false, out);
    }
}
