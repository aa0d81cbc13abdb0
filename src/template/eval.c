/*
 * Evaluates expressions. Recursion follows the compiled tree, whose depth the compiler bounded;
 * every node counts as a step.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "template/rt.h"

int rt_fail(struct rt *r, enum err_code code, const char *fmt, ...)
{
    const struct node *at = r->at != NULL ? r->at : r->stmt;
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->stmt == NULL || r->stmt->src_len == 0) {
        return err_at(r->e, code, at != NULL ? at->line : 0, at != NULL ? at->col : 0, "%s", text);
    }
    return err_at(r->e, code, at->line, at->col, "%s, in %.*s%s", text,
                  (int)(r->stmt->src_len > 200 ? 200 : r->stmt->src_len), r->stmt->src,
                  r->stmt->src_len > 200 ? " ..." : "");
}

/* What an allocation's failure means: the render's own limit, or no memory. */
int rt_nomem(struct rt *r)
{
    if (r->arena.used > r->arena.max / 2) {
        return rt_fail(r, ERR_LIMIT, "the template needs more than %zu bytes", r->arena.max);
    }
    return err_set(r->e, ERR_NOMEM, "out of memory");
}

int rt_step(struct rt *r, uint64_t n)
{
    r->steps += n;
    if (r->steps > LIMIT_TEMPLATE_STEPS) {
        return rt_fail(r, ERR_LIMIT, "the template takes more than %d steps", LIMIT_TEMPLATE_STEPS);
    }
    return 0;
}

void *rt_alloc(struct rt *r, size_t n)
{
    return arena_alloc(&r->arena, n);
}

int rt_buf_check(struct rt *r, const struct buf *b)
{
    if (buf_status(b) == -ERR_NOMEM) {
        return err_set(r->e, ERR_NOMEM, "out of memory");
    }
    if (buf_status(b) != 0) {
        return rt_fail(r, ERR_LIMIT, "a text of more than %zu bytes", b->max);
    }
    return 0;
}

int rt_defined(struct rt *r, const struct tv *v)
{
    return v->kind == TV_UNDEFINED ? rt_fail(r, ERR_INVALID, "%s", v->s) : 0;
}

int rt_bind(struct rt *r, const char *name, size_t len, const struct tv *v)
{
    struct binding *b = rt_alloc(r, sizeof *b);

    if (b == NULL) {
        return rt_nomem(r);
    }
    *b = (struct binding){.next = r->scope, .name = name, .len = len, .value = *v};
    r->scope = b;
    return 0;
}

static int eval_name(struct rt *r, const struct node *n, struct tv *ret)
{
    const struct template_context *c = r->c;
    struct tv root;
    char *text;
    int rc;

    for (const struct binding *b = r->scope; b != NULL; b = b->next) {
        if (b->len == n->name_len && memcmp(b->name, n->name, b->len) == 0) {
            *ret = b->value;
            return 0;
        }
    }
    if (c->variables != NULL) {
        rc = tv_from_value(r, c->variables, c->times, &root);
        rc = rc != 0 ? rc : tv_dict_find_str(r, &root, n->name, n->name_len, ret);
        if (rc != 0) {
            if (rc == 1 && ret->kind == TV_DICT && name_is_object(n->name, n->name_len)) {
                ret->dict->times = c->times;
                *ret = (struct tv){.kind = TV_OBJECT, .n = OBJECT_MEMBERS, .dict = ret->dict};
            }
            return rc < 0 ? rc : 0;
        }
    }
    if (n->name_len == 3 && memcmp(n->name, "var", 3) == 0) {
        *ret = (struct tv){.kind = TV_OBJECT, .n = OBJECT_VAR};
        return 0;
    }
    if (name_is_elsewhere(n->name, n->name_len)) {
        return rt_fail(r, ERR_UNSUPPORTED, "'%.*s' is not supported", (int)n->name_len, n->name);
    }
    text = arena_printf(&r->arena, "'%.*s' is undefined%s",
                        (int)(n->name_len > 100 ? 100 : n->name_len), n->name,
                        name_hint(n->name, n->name_len));
    if (text == NULL) {
        return rt_nomem(r);
    }
    *ret = (struct tv){.kind = TV_UNDEFINED, .s = text};
    return 0;
}

static int eval_items(struct rt *r, const struct node *n, struct tv *ret)
{
    struct tv item, key;
    int rc;

    if (n->kind == N_DICT) {
        rc = tv_dict_new(r, ret);
        for (size_t i = 0; rc == 0 && i < n->kids_len; i += 2) {
            rc = rt_eval(r, n->kids[i], &key);
            rc = rc != 0 ? rc : rt_eval(r, n->kids[i + 1], &item);
            rc = rc != 0 ? rc : tv_dict_set(r, ret, &key, &item);
        }
        return rc;
    }
    rc = tv_list_new(r, n->kind == N_TUPLE ? TV_TUPLE : TV_LIST, n->kids_len, ret);
    for (size_t i = 0; rc == 0 && i < n->kids_len; i++) {
        rc = rt_eval(r, n->kids[i], &item);
        rc = rc != 0 ? rc : tv_list_push(r, ret, &item);
    }
    return rc;
}

static int eval_logic(struct rt *r, const struct node *n, struct tv *ret)
{
    bool yes;
    int rc;

    if (n->kind == N_COND) {
        rc = rt_eval_any(r, n->b, ret);
        rc = rc != 0 ? rc : tv_truth(r, ret, &yes);
        if (rc == 0 && !yes && n->c == NULL) {
            *ret = (struct tv){.kind = TV_UNDEFINED,
                               .markup = true,
                               .s = "the inline if-expression has no else and its condition is "
                                    "false"};
            return 0;
        }
        return rc != 0 ? rc : rt_eval_any(r, yes ? n->a : n->c, ret);
    }
    rc = rt_eval_any(r, n->a, ret);
    rc = rc != 0 ? rc : tv_truth(r, ret, &yes);
    if (rc == 0 && n->kind == N_NOT) {
        *ret = tv_bool(!yes);
    } else if (rc == 0 && yes == (n->kind == N_AND)) {
        rc = rt_eval_any(r, n->b, ret);
    }
    return rc;
}

static int compare_one(struct rt *r, enum compare_op op, const struct tv *x, const struct tv *y,
                       bool *ret)
{
    bool same = false;
    int rc;

    switch (op) {
    case CMP_EQ:
    case CMP_NE:
        rc = tv_equal(r, x, y, ret);
        *ret = *ret == (op == CMP_EQ);
        return rc;
    case CMP_IN:
    case CMP_NOT_IN:
        rc = tv_contains(r, y, x, ret);
        *ret = *ret == (op == CMP_IN);
        return rc;
    case CMP_LT:
        return tv_less(r, x, y, ret);
    case CMP_GT:
        return tv_less(r, y, x, ret);
    default:
        rc = op == CMP_LE ? tv_less(r, x, y, ret) : tv_less(r, y, x, ret);
        rc = rc != 0 || *ret ? rc : tv_equal(r, x, y, &same);
        *ret = *ret || same;
        return rc;
    }
}

static int eval_compare(struct rt *r, const struct node *n, struct tv *ret)
{
    struct tv left, right;
    bool yes = true;
    int rc = rt_eval(r, n->a, &left);

    for (size_t i = 0; rc == 0 && yes && i < n->kids_len; i++) {
        rc = rt_eval(r, n->kids[i], &right);
        r->at = n;
        rc = rc != 0 ? rc : compare_one(r, n->ops[i], &left, &right, &yes);
        left = right;
    }
    *ret = tv_bool(yes);
    return rc;
}

static int eval_concat(struct rt *r, const struct node *n, struct tv *ret)
{
    struct buf b;
    struct tv x;
    int rc;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    rc = rt_eval(r, n->a, &x);
    rc = rc != 0 ? rc : tv_print(r, &x, &b);
    rc = rc != 0 ? rc : rt_eval(r, n->b, &x);
    rc = rc != 0 ? rc : tv_print(r, &x, &b);
    if (rc != 0) {
        buf_fini(&b);
        return rc;
    }
    return tv_take_buf(r, &b, ret);
}

static int eval_slice(struct rt *r, const struct node *n, struct tv *ret)
{
    struct tv x, part[3];
    int rc = rt_eval(r, n->a, &x);

    for (size_t i = 0; rc == 0 && i < 3; i++) {
        part[i] = (struct tv){.kind = TV_ABSENT};
        rc = n->kids[i] != NULL ? rt_eval(r, n->kids[i], &part[i]) : 0;
        rc = rc != 0 ? rc : rt_defined(r, &part[i]);
    }
    r->at = n;
    return rc != 0 ? rc : op_slice(r, &x, &part[0], &part[1], &part[2], ret);
}

static int eval_args(struct rt *r, const struct node *n, struct tv **ret)
{
    struct tv *argv = rt_alloc(r, (n->kids_len + 1) * sizeof *argv);
    int rc = argv == NULL ? rt_nomem(r) : 0;

    for (size_t i = 0; rc == 0 && i < n->kids_len; i++) {
        rc = n->kids[i] != NULL ? rt_eval(r, n->kids[i], &argv[i]) : 0;
    }
    *ret = argv;
    return rc;
}

/* A call by another function (map, select): positional arguments only. */
int fn_call(struct rt *r, const struct fn_desc *fn, const struct tv *self, struct tv *argv,
            size_t argc, struct tv *ret)
{
    struct call c = {.fn = fn, .node = r->at, .self = *self, .argc = argc};
    size_t params = 0;
    bool any = false;
    int rc = rt_step(r, 1);

    for (const char *p = fn->params; *p != 0; p++) {
        any = any || *p == '*';
        params += *p != '*' && (p == fn->params || p[-1] == ' ');
    }
    if (rc == 0 && (argc < (size_t)fn->required || (argc > params && !any))) {
        return rt_fail(r, ERR_INVALID, "%s takes other arguments: (%s)", fn->name, fn->params);
    }
    c.argv = rc == 0 ? rt_alloc(r, (argc + params + 1) * sizeof *c.argv) : NULL;
    if (c.argv == NULL) {
        return rc != 0 ? rc : rt_nomem(r);
    }
    if (argc > 0) {
        memcpy(c.argv, argv, argc * sizeof *argv);
    }
    return fn->call(r, &c, ret);
}

static int eval_function(struct rt *r, const struct node *n, struct tv *ret)
{
    struct call c = {.fn = n->fn, .node = n, .argc = n->kids_len, .kw = n->kw, .kw_len = n->kw_len};
    int rc = n->a != NULL ? rt_eval(r, n->a, &c.self) : 0;

    rc = rc != 0 ? rc : eval_args(r, n, &c.argv);
    r->at = n;
    return rc != 0 ? rc : n->fn->call(r, &c, ret);
}

/* Positional and keyword arguments in the order of the method's parameters, now that the receiver
 * is known. */
static int bind_method(struct rt *r, const struct node *n, struct tv *given, struct call *c)
{
    const char *params = c->fn->params;
    size_t len = 0, pos = n->kids_len - n->kw_len, i = 0;
    bool any = false, any_kw = false;

    c->argv = rt_alloc(r, (n->kids_len + 9) * sizeof *c->argv);
    if (c->argv == NULL) {
        return rt_nomem(r);
    }
    for (const char *p = params + strspn(params, " "); *p != 0; p += strspn(p, " "), i++) {
        len = strcspn(p, " ");
        if (p[0] == '*') {
            any = any || len == 1;
            any_kw = any_kw || len == 2;
            i--;
        }
        for (size_t k = 0; k < n->kw_len && p[0] != '*'; k++) {
            if (n->kw[k].len == len && memcmp(n->kw[k].name, p, len) == 0) {
                c->argv[i] = given[pos + k];
                c->kw_len++; /* counts the keywords found, for now */
            }
        }
        p += len;
    }
    if ((pos > i && !any) || (c->kw_len < n->kw_len && !any_kw)) {
        return rt_fail(r, ERR_INVALID, "%.*s() takes other arguments: (%s)", (int)n->name_len,
                       n->name, params);
    }
    memcpy(c->argv, given, pos * sizeof *given);
    c->argc = pos > i ? pos : i;
    c->kw_len = 0;
    if (any_kw) {
        memcpy(c->argv + pos, given + pos, n->kw_len * sizeof *given);
        c->argc = pos + n->kw_len;
        c->kw = n->kw;
        c->kw_len = n->kw_len;
    }
    for (size_t k = 0; k < (size_t)c->fn->required; k++) {
        if (c->argv[k].kind == TV_ABSENT) {
            return rt_fail(r, ERR_INVALID, "%.*s() needs more arguments: (%s)", (int)n->name_len,
                           n->name, params);
        }
    }
    return 0;
}

static int eval_method(struct rt *r, const struct node *n, struct tv *ret)
{
    struct call c = {.node = n};
    struct tv *given, member;
    int rc = rt_eval_any(r, n->a, &c.self);

    r->at = n;
    rc = rc != 0 ? rc : rt_defined(r, &c.self);
    rc = rc != 0 ? rc : eval_args(r, n, &given);
    r->at = n;
    if (rc != 0) {
        return rc;
    }
    c.fn = method_find(&c.self, n->name, n->name_len);
    if (c.fn == NULL) {
        rc = op_attr(r, &c.self, n->name, n->name_len, &member);
        if (rc != 0) {
            return rc;
        }
        return rt_fail(r, ERR_INVALID, "'%s' object has no method '%.*s'", tv_type_name(&c.self),
                       (int)n->name_len, n->name);
    }
    rc = bind_method(r, n, given, &c);
    for (size_t i = 0; rc == 0 && i < c.argc; i++) {
        rc = rt_defined(r, &c.argv[i]);
    }
    return rc != 0 ? rc : c.fn->call(r, &c, ret);
}

static int pull_one(struct rt *r, const struct tv *task_id, const struct tv *key_text,
                    const struct tv *dflt, struct tv *ret)
{
    const char *task = NULL, *key;
    struct value *v = NULL;
    int rc;

    if (task_id != NULL) { /* a part of another string has no NUL behind it: copy */
        task = arena_strndup(&r->arena, task_id->s, task_id->n);
    }
    key = arena_strndup(&r->arena, key_text->s, key_text->n);
    if (key == NULL || (task == NULL && task_id != NULL)) {
        return rt_nomem(r);
    }
    if (r->c->xcom_pull == NULL) {
        return rt_fail(r, ERR_UNSUPPORTED, "there is no XCom here");
    }
    rc = r->c->xcom_pull(r->c->arg, task, key, &r->arena, &v, r->e);
    if (rc != 0) {
        return rc;
    }
    if ((v == NULL || v->kind == VALUE_NULL) && dflt->kind != TV_ABSENT) {
        *ret = *dflt;
        return 0;
    }
    if (v == NULL) {
        *ret = tv_none();
        return 0;
    }
    return tv_from_value(r, v, NULL, ret);
}

static int eval_xcom(struct rt *r, const struct node *n, struct tv *ret)
{
    struct tv *argv, list, item, one, key = tv_str("return_value", 12);
    int rc = eval_args(r, n, &argv);

    r->at = n;
    for (int i = 0; rc == 0 && i < 2; i++) {
        rc = rt_defined(r, &argv[i]);
    }
    if (rc != 0) {
        return rc;
    }
    if (argv[1].kind == TV_STR) {
        key = argv[1];
    } else if (argv[1].kind != TV_ABSENT) {
        return rt_fail(r, ERR_INVALID, "xcom_pull: key must be a str");
    }
    if (argv[0].kind == TV_ABSENT || argv[0].kind == TV_NONE) {
        return pull_one(r, NULL, &key, &argv[2], ret);
    }
    if (argv[0].kind == TV_STR) {
        return pull_one(r, &argv[0], &key, &argv[2], ret);
    }
    rc = tv_iterate(r, &argv[0], &list);
    rc = rc != 0 ? rc : tv_list_new(r, TV_LIST, tv_list_len(&list), ret);
    for (size_t i = 0; rc == 0 && i < tv_list_len(&list); i++) {
        rc = tv_list_at(r, &list, i, &item);
        if (rc == 0 && item.kind != TV_STR) {
            rc = rt_fail(r, ERR_INVALID, "xcom_pull: task_ids must be strings");
        }
        rc = rc != 0 ? rc : pull_one(r, &item, &key, &argv[2], &one);
        rc = rc != 0 ? rc : tv_list_push(r, ret, &one);
    }
    return rc;
}

static int eval_cycle(struct rt *r, const struct node *n, struct tv *ret)
{
    const struct node name = {.kind = N_NAME, .name = "loop", .name_len = 4};
    struct tv loop;
    int rc = eval_name(r, &name, &loop);

    if (rc == 0 && loop.kind != TV_LOOP) {
        return rt_fail(r, ERR_INVALID, "loop.cycle outside of a loop");
    }
    return rc != 0 ? rc : rt_eval(r, n->kids[loop.loop->index0 % n->kids_len], ret);
}

static int eval_operands(struct rt *r, const struct node *n, struct tv *ret)
{
    struct tv x, y;
    int rc =
        n->kind == N_ATTR || n->kind == N_ITEM ? rt_eval_any(r, n->a, &x) : rt_eval(r, n->a, &x);

    if (rc == 0 && n->b != NULL) {
        rc = rt_eval(r, n->b, &y);
    }
    r->at = n;
    if (rc != 0) {
        return rc;
    }
    switch (n->kind) {
    case N_NEG:
    case N_POS:
        return op_negate(r, &x, n->kind == N_NEG, ret);
    case N_ATTR:
        return op_attr(r, &x, n->name, n->name_len, ret);
    case N_ITEM:
        return op_item(r, &x, &y, ret);
    default:
        return op_binary(r, n->kind, &x, &y, ret);
    }
}

int rt_eval_any(struct rt *r, const struct node *n, struct tv *ret)
{
    int rc;

    r->at = n;
    rc = rt_step(r, 1);
    if (rc != 0) {
        return rc;
    }
    switch (n->kind) {
    case N_CONST:
        *ret = n->value;
        return 0;
    case N_NAME:
        return eval_name(r, n, ret);
    case N_LIST:
    case N_TUPLE:
    case N_DICT:
        return eval_items(r, n, ret);
    case N_COND:
    case N_OR:
    case N_AND:
    case N_NOT:
        return eval_logic(r, n, ret);
    case N_COMPARE:
        return eval_compare(r, n, ret);
    case N_CONCAT:
        return eval_concat(r, n, ret);
    case N_SLICE:
        return eval_slice(r, n, ret);
    case N_METHOD:
        return eval_method(r, n, ret);
    case N_CALL:
    case N_FILTER:
    case N_TEST:
        return eval_function(r, n, ret);
    case N_XCOM:
        return eval_xcom(r, n, ret);
    case N_CYCLE:
        return eval_cycle(r, n, ret);
    case N_BODY:
        return rt_render_body(r, ret);
    default:
        return eval_operands(r, n, ret);
    }
}

int rt_eval(struct rt *r, const struct node *n, struct tv *ret)
{
    int rc = rt_eval_any(r, n, ret);

    if (rc == 0 && ret->kind == TV_OBJECT) {
        r->at = n;
        rc = rt_fail(r, ERR_UNSUPPORTED, "an object of Airflow as a value is not supported");
    }
    return rc;
}
