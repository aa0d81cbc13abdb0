/*
 * Renders statements. Scopes as in Jinja2: the body of a loop, of with and of a filter block has
 * its own; if has none. A name set inside is gone at the end; a loop's body begins each round anew.
 */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "template/rt.h"

static int assign_attr(struct rt *r, const struct node *target, const struct tv *v)
{
    struct tv ns, key = tv_str(target->name, target->name_len);
    int rc = rt_eval(r, target->a, &ns);

    if (rc == 0 && ns.kind != TV_NAMESPACE) {
        return rt_fail(r, ERR_INVALID, "cannot assign attribute on non-namespace object");
    }
    return rc != 0 ? rc : tv_dict_set(r, &ns, &key, v);
}

static int assign(struct rt *r, const struct node *target, const struct tv *v)
{
    struct tv list, item;
    int rc;

    if (target->kind == N_NAME) {
        return rt_bind(r, target->name, target->name_len, v);
    }
    if (target->kind == N_ATTR) {
        return assign_attr(r, target, v);
    }
    rc = tv_iterate(r, v, &list);
    if (rc == 0 && tv_list_len(&list) != target->kids_len) {
        return rt_fail(r, ERR_INVALID, "cannot unpack %zu values into %zu names",
                       tv_list_len(&list), target->kids_len);
    }
    for (size_t i = 0; rc == 0 && i < target->kids_len; i++) {
        rc = tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc : assign(r, target->kids[i], &item);
    }
    return rc;
}

static int render_if(struct rt *r, const struct node *n)
{
    for (size_t i = 0; i < n->kids_len; i += 2) {
        struct tv v;
        bool yes;
        int rc = rt_eval_any(r, n->kids[i], &v);

        rc = rc != 0 ? rc : tv_truth(r, &v, &yes);
        if (rc != 0) {
            return rc;
        }
        if (yes) {
            return rt_render(r, n->kids[i + 1]);
        }
    }
    return rt_render(r, n->orelse);
}

/* The elements that the loop's own condition lets pass. */
static int filter_items(struct rt *r, const struct node *n, const struct tv *over, struct tv *ret)
{
    struct binding *scope = r->scope;
    struct tv item, v;
    bool yes;
    int rc = tv_list_new(r, TV_LIST, 0, ret);

    for (size_t i = 0; rc == 0 && i < tv_list_len(over); i++) {
        rc = tv_list_at(r, over, i, &item);
        rc = rc != 0 ? rc : assign(r, n->a, &item);
        rc = rc != 0 ? rc : rt_eval(r, n->c, &v);
        rc = rc != 0 ? rc : tv_truth(r, &v, &yes);
        r->scope = scope;
        if (rc == 0 && yes) {
            rc = tv_list_push(r, ret, &item);
        }
    }
    return rc;
}

static int render_for(struct rt *r, const struct node *n)
{
    struct binding *scope = r->scope;
    struct tv over, list, item, loop = {.kind = TV_LOOP};
    int rc = rt_eval(r, n->b, &over);

    r->at = n;
    rc = rc != 0 ? rc : tv_iterate(r, &over, &list);
    if (rc == 0 && n->c != NULL) {
        over = list;
        rc = filter_items(r, n, &over, &list);
    }
    if (rc != 0) {
        return rc;
    }
    if (tv_list_len(&list) == 0) {
        rc = rt_render(r, n->orelse);
        r->scope = scope;
        return rc;
    }
    loop.loop = rt_alloc(r, sizeof *loop.loop);
    if (loop.loop == NULL) {
        return rt_nomem(r);
    }
    *loop.loop = (struct tv_loop){.len = tv_list_len(&list), .over = list.list};
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        loop.loop->index0 = i;
        rc = rt_step(r, 1);
        rc = rc != 0 ? rc : rt_bind(r, "loop", 4, &loop);
        rc = rc != 0 ? rc : tv_list_at(r, &list, i, &item);
        rc = rc != 0 ? rc : assign(r, n->a, &item);
        rc = rc != 0 ? rc : rt_render(r, n->body);
        r->scope = scope;
    }
    return rc;
}

/* Renders `body` into a string instead of the output, in a scope of its own. */
static int capture(struct rt *r, const struct node *body, struct tv *ret)
{
    struct binding *scope = r->scope;
    struct buf *out = r->out, b;
    int rc;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    r->out = &b;
    rc = rt_render(r, body);
    r->out = out;
    r->scope = scope;
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

int rt_render_body(struct rt *r, struct tv *ret)
{
    *ret = r->captured;
    return 0;
}

static int render_captured(struct rt *r, const struct node *n)
{
    struct tv outer = r->captured, text, v;
    int rc = capture(r, n->body, &text);

    r->stmt = n;
    r->captured = text;
    rc = rc != 0 ? rc : rt_eval(r, n->b, &v);
    r->captured = outer;
    if (rc == 0 && n->kind == N_SET_BLOCK) {
        return assign(r, n->a, &v);
    }
    return rc != 0 ? rc : tv_print(r, &v, r->out);
}

static int render_with(struct rt *r, const struct node *n)
{
    struct binding *scope = r->scope, *own;
    struct tv v;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n->kids_len; i += 2) {
        own = r->scope; /* the values see the outer names only */
        r->scope = scope;
        rc = rt_eval(r, n->kids[i + 1], &v);
        r->scope = own;
        rc = rc != 0 ? rc : assign(r, n->kids[i], &v);
    }
    rc = rc != 0 ? rc : rt_render(r, n->body);
    r->scope = scope;
    return rc;
}

static int render_one(struct rt *r, const struct node *n)
{
    struct tv v;
    int rc;

    switch (n->kind) {
    case N_TEXT:
        buf_append(r->out, n->value.s, n->value.n);
        return 0;
    case N_PRINT:
        rc = rt_eval(r, n->a, &v);
        return rc != 0 ? rc : tv_print(r, &v, r->out);
    case N_IF:
        return render_if(r, n);
    case N_FOR:
        return render_for(r, n);
    case N_SET:
        rc = rt_eval(r, n->b, &v);
        return rc != 0 ? rc : assign(r, n->a, &v);
    case N_WITH:
        return render_with(r, n);
    default:
        return render_captured(r, n);
    }
}

int rt_render(struct rt *r, const struct node *first)
{
    for (const struct node *n = first; n != NULL; n = n->next) {
        int rc;

        r->stmt = n;
        r->at = n;
        rc = rt_step(r, 1);
        rc = rc != 0 ? rc : render_one(r, n);
        rc = rc != 0 ? rc : rt_buf_check(r, r->out);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int template_render(const struct template *t, const struct template_context *c, struct buf *out,
                    struct err *e)
{
    struct rt r = {.t = t, .c = c, .e = e};
    struct buf text;
    int rc;

    buf_init(&text, LIMIT_TEMPLATE_OUTPUT);
    arena_init(&r.arena, LIMIT_TEMPLATE_MEMORY);
    r.out = &text;
    rc = rt_render(&r, t->first);
    if (rc == 0 && buf_append(out, buf_cstr(&text), text.len) != 0) {
        rc = err_set(e, buf_status(out) == -ERR_NOMEM ? ERR_NOMEM : ERR_LIMIT,
                     "the rendered text does not fit");
    }
    arena_fini(&r.arena);
    buf_fini(&text);
    return rc;
}

struct walk {
    struct arena *a;
    const char **ids;
    size_t len, cap;
    bool all;
};

static int add_id(struct walk *w, const struct node *n)
{
    if (n == NULL || n->kind != N_CONST || n->value.kind != TV_STR) {
        w->all = w->all || n == NULL || n->kind != N_CONST || n->value.kind != TV_NONE;
        return 0;
    }
    for (size_t i = 0; i < w->len; i++) {
        if (strcmp(w->ids[i], n->value.s) == 0) {
            return 0;
        }
    }
    if (w->len == w->cap) {
        size_t cap = w->cap == 0 ? 8 : w->cap * 2;
        const char **ids = arena_array(w->a, cap, sizeof *ids);

        if (ids == NULL) {
            return -ERR_NOMEM;
        }
        if (w->len > 0) {
            memcpy(ids, w->ids, w->len * sizeof *ids);
        }
        w->ids = ids;
        w->cap = cap;
    }
    w->ids[w->len] = arena_strndup(w->a, n->value.s, n->value.n);
    return w->ids[w->len++] == NULL ? -ERR_NOMEM : 0;
}

static int walk(struct walk *w, const struct node *n)
{
    int rc = 0;

    for (; rc == 0 && n != NULL; n = n->next) {
        const struct node *parts[] = {n->a, n->b, n->c, n->body, n->orelse};
        const struct node *ids = n->kind == N_XCOM ? n->kids[0] : NULL;

        if (ids != NULL && (ids->kind == N_LIST || ids->kind == N_TUPLE)) {
            for (size_t i = 0; rc == 0 && i < ids->kids_len; i++) {
                rc = add_id(w, ids->kids[i]);
            }
        } else if (ids != NULL) {
            rc = add_id(w, ids);
        }
        for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++) {
            rc = walk(w, parts[i]);
        }
        for (size_t i = 0; rc == 0 && i < n->kids_len; i++) {
            rc = n->kids[i] != NULL ? walk(w, n->kids[i]) : 0;
        }
    }
    return rc;
}

int template_xcom_tasks(const struct template *t, struct arena *a, const char *const **ret,
                        size_t *ret_len, bool *ret_all)
{
    struct walk w = {.a = a};
    int rc = walk(&w, t->first);

    if (rc == 0) {
        *ret = w.ids;
        *ret_len = w.len;
        *ret_all = w.all;
    }
    return rc;
}
