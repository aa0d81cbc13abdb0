/*
 * Calls. What may be called is known when the template is compiled: a method by its name, a macro,
 * a global, ti.xcom_pull. So what is not supported is found at load, and arguments are put in the
 * order of the callee's parameters.
 */
#include <string.h>

#include "base/limits.h"
#include "template/parse.h"
#include "template/rt.h"

static bool name_is(const struct node *n, const char *name)
{
    return n->name_len == strlen(name) && memcmp(n->name, name, n->name_len) == 0;
}

/* Parameter number i of a list of names, or NULL behind the last; *len its length. */
static const char *param_at(const char *params, size_t i, size_t *len)
{
    for (;; i--) {
        params += strspn(params, " ");
        *len = strcspn(params, " ");
        if (*len == 0 || i == 0) {
            return *len == 0 ? NULL : params;
        }
        params += *len;
    }
}

struct signature {
    size_t len; /* named parameters */
    bool any_args, any_kw;
};

static struct signature signature_of(const char *params)
{
    struct signature s = {0};
    const char *name;
    size_t len;

    while ((name = param_at(params, s.len + s.any_args + s.any_kw, &len)) != NULL) {
        if (name[0] != '*') {
            s.len++;
        } else if (len == 1) {
            s.any_args = true;
        } else {
            s.any_kw = true;
        }
    }
    return s;
}

static int param_index(const char *params, const struct token *name, size_t *ret)
{
    const char *at;
    size_t len;

    for (size_t i = 0; (at = param_at(params, i, &len)) != NULL; i++) {
        if (len == name->n && memcmp(at, name->s, len) == 0 && at[0] != '*') {
            *ret = i;
            return 0;
        }
    }
    return -ERR_NOTFOUND;
}

struct args {
    const struct fn_desc *fn;
    struct signature sig;
    size_t given; /* positional ones */
    size_t cap;   /* of kids */
    struct keyword *kw;
    struct node **kw_values;
    size_t kw_len;
};

static int put_keyword(struct parser *p, struct node *n, struct args *a)
{
    const struct token *name = p->t;
    struct node *value;
    size_t i;
    int rc;

    p->t += 2;
    rc = parse_expression(p, true, &value);
    if (rc != 0) {
        return rc;
    }
    if (param_index(a->fn->params, name, &i) == 0) {
        if (n->kids[i] != NULL) {
            return parse_fail(p, ERR_SYNTAX, "argument \"%.*s\" is given twice", (int)name->n,
                              name->s);
        }
        n->kids[i] = value;
        return 0;
    }
    if (!a->sig.any_kw) {
        return parse_fail(p, ERR_UNSUPPORTED, "argument \"%.*s\" of \"%s\" is not supported",
                          (int)name->n, name->s, a->fn->name);
    }
    if (a->kw_len == LIMIT_TEMPLATE_TREE) {
        return parse_fail(p, ERR_LIMIT, "too many keyword arguments");
    }
    if (a->kw == NULL) {
        a->kw = arena_array(p->a, LIMIT_TEMPLATE_TREE, sizeof *a->kw);
        a->kw_values = arena_array(p->a, LIMIT_TEMPLATE_TREE, sizeof *a->kw_values);
        if (a->kw == NULL || a->kw_values == NULL) {
            return err_set(p->e, ERR_NOMEM, "out of memory");
        }
    }
    a->kw[a->kw_len] = (struct keyword){name->s, name->n};
    a->kw_values[a->kw_len++] = value;
    return 0;
}

static int put_positional(struct parser *p, struct node *n, struct args *a)
{
    struct node *value;
    int rc;

    if (at_op(p, '*') || at_op(p, OP2('*', '*'))) {
        return parse_fail(p, ERR_UNSUPPORTED, "*args and **kwargs in calls are not supported");
    }
    rc = parse_expression(p, true, &value);
    if (rc != 0) {
        return rc;
    }
    if (a->given < a->sig.len) {
        n->kids[a->given++] = value;
        return 0;
    }
    if (!a->sig.any_args) {
        return parse_fail(p, ERR_SYNTAX, "\"%s\" takes at most %zu arguments", a->fn->name,
                          a->sig.len);
    }
    return kids_add(p, n, &a->cap, value);
}

static int parse_arg_list(struct parser *p, struct node *n, struct args *a)
{
    bool comma = false, keywords = false;
    int rc = 0;

    p->t++;
    while (rc == 0 && !at_op(p, ')')) {
        if (comma) {
            rc = expect_op(p, ',');
            if (rc != 0 || at_op(p, ')')) {
                break;
            }
        }
        comma = true;
        if (p->t->kind == T_NAME && p->t[1].kind == T_OP && p->t[1].op == '=') {
            keywords = true;
            rc = put_keyword(p, n, a);
        } else if (keywords) {
            rc = parse_unexpected(p, "a keyword argument");
        } else {
            rc = put_positional(p, n, a);
        }
    }
    return rc != 0 ? rc : expect_op(p, ')');
}

int parse_args(struct parser *p, struct node *n, const struct fn_desc *fn)
{
    struct args a = {.fn = fn, .sig = signature_of(fn->params)};
    int rc = 0;

    for (size_t i = 0; i < a.sig.len && rc == 0; i++) {
        rc = kids_add(p, n, &a.cap, NULL);
    }
    if (rc == 0 && at_op(p, '(')) {
        rc = parse_arg_list(p, n, &a);
    }
    for (size_t i = 0; i < a.kw_len && rc == 0; i++) {
        rc = kids_add(p, n, &a.cap, a.kw_values[i]);
    }
    n->kw = a.kw;
    n->kw_len = a.kw_len;
    for (size_t i = 0; i < (size_t)fn->required && rc == 0; i++) {
        if (n->kids[i] == NULL) {
            rc = parse_fail(p, ERR_SYNTAX, "\"%s\" needs more arguments: (%s)", fn->name,
                            fn->params);
        }
    }
    return rc;
}

/* Keywords are bound by name at run time, where the receiver's kind is known. */
static const struct fn_desc any_method = {"method", "* **", 0, NULL};
static const struct fn_desc xcom_pull = {"xcom_pull", "task_ids key default", 0, NULL};
static const struct fn_desc cycle = {"loop.cycle", "*", 1, NULL};

static int finish(struct parser *p, struct node *n, enum node_kind kind, const struct fn_desc *fn,
                  struct node **ret)
{
    int rc;

    n->kind = (uint8_t)kind;
    n->fn = fn;
    rc = parse_args(p, n, fn);
    *ret = n;
    return rc != 0 ? rc : node_done(p, n);
}

/* The dotted name "macros.x.y" of an attribute, for the table of macros; false when it is something
 * else. */
static bool macro_name(const struct node *n, char *out, size_t cap)
{
    const struct node *parts[4];
    size_t len = 0, used = 0;

    while (n->kind == N_ATTR && len < 4) {
        parts[len++] = n;
        n = n->a;
    }
    if (len == 0 || n->kind != N_NAME || !name_is(n, "macros")) {
        return false;
    }
    out[0] = 0;
    while (len-- > 0) {
        size_t need = parts[len]->name_len;

        if (used + need + 2 > cap) {
            return true;
        }
        if (used > 0) {
            out[used++] = '.';
        }
        memcpy(out + used, parts[len]->name, need);
        used += need;
        out[used] = 0;
    }
    return true;
}

static int call_attr(struct parser *p, struct node *callee, struct node *n, struct node **ret)
{
    const struct fn_desc *fn;
    char macro[64];

    if (macro_name(callee, macro, sizeof macro)) {
        fn = fn_find(macros_table, macro, strlen(macro));
        if (fn == NULL) {
            return parse_fail(p, ERR_UNSUPPORTED, "macros.%s is not supported", macro);
        }
        return finish(p, n, N_CALL, fn, ret);
    }
    if (name_is(callee, "xcom_pull")) {
        if (callee->a->kind != N_NAME ||
            (!name_is(callee->a, "ti") && !name_is(callee->a, "task_instance"))) {
            return parse_fail(p, ERR_UNSUPPORTED, "xcom_pull is supported of ti only");
        }
        return finish(p, n, N_XCOM, &xcom_pull, ret);
    }
    if (callee->a->kind == N_NAME && name_is(callee->a, "loop") && name_is(callee, "cycle")) {
        return finish(p, n, N_CYCLE, &cycle, ret);
    }
    if (!method_known(callee->name, callee->name_len)) {
        return parse_fail(p, ERR_UNSUPPORTED, "method \"%.*s\" is not supported",
                          (int)callee->name_len, callee->name);
    }
    n->a = callee->a;
    n->name = callee->name;
    n->name_len = callee->name_len;
    return finish(p, n, N_METHOD, &any_method, ret);
}

int parse_call(struct parser *p, struct node *callee, struct node **ret)
{
    struct token at = {.line = callee->line, .col = callee->col};
    struct node *n = node_new(p, N_CALL, &at);
    const struct fn_desc *fn;

    if (n == NULL) {
        return -ERR_NOMEM;
    }
    if (callee->kind == N_ATTR) {
        return call_attr(p, callee, n, ret);
    }
    if (callee->kind == N_NAME) {
        fn = fn_find(globals_table, callee->name, callee->name_len);
        if (fn != NULL) {
            return finish(p, n, N_CALL, fn, ret);
        }
        return parse_fail(p, ERR_UNSUPPORTED, "calling \"%.*s\" is not supported",
                          (int)callee->name_len, callee->name);
    }
    return parse_fail(p, ERR_UNSUPPORTED, "calling this expression is not supported");
}
