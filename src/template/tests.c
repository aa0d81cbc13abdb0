/* The tests behind `is`. */
#include <math.h>
#include <string.h>

#include "template/rt.h"

static int t_defined(struct rt *r, const struct call *c, struct tv *ret)
{
    *ret = tv_bool((c->self.kind != TV_UNDEFINED) == (c->fn->name[0] == 'd'));
    return 0;
}

static int t_kind(struct rt *r, const struct call *c, struct tv *ret)
{
    const char *n = c->fn->name;
    const struct tv *v = &c->self;
    bool yes = false;

    if (strcmp(n, "none") == 0) {
        yes = v->kind == TV_NONE;
    } else if (strcmp(n, "string") == 0) {
        yes = v->kind == TV_STR;
    } else if (strcmp(n, "number") == 0) {
        yes = tv_is_number(v);
    } else if (strcmp(n, "integer") == 0) {
        yes = v->kind == TV_INT;
    } else if (strcmp(n, "float") == 0) {
        yes = v->kind == TV_FLOAT;
    } else if (strcmp(n, "boolean") == 0) {
        yes = v->kind == TV_BOOL;
    } else if (strcmp(n, "true") == 0 || strcmp(n, "false") == 0) {
        yes = v->kind == TV_BOOL && v->b == (n[0] == 't');
    } else if (strcmp(n, "mapping") == 0) {
        yes = v->kind == TV_DICT;
    } else if (strcmp(n, "callable") == 0) {
        yes = false;
    } else { /* sequence: has len() and [] */
        yes = v->kind == TV_STR || v->kind == TV_DICT || v->kind == TV_LIST ||
              v->kind == TV_TUPLE || v->kind == TV_RANGE;
    }
    *ret = tv_bool(yes);
    return 0;
}

static int t_iterable(struct rt *r, const struct call *c, struct tv *ret)
{
    const struct tv *v = &c->self;

    *ret = tv_bool(v->kind == TV_STR || v->kind == TV_DICT || tv_is_list(v));
    return rt_defined(r, v);
}

static int t_number(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv by = c->argv != NULL && c->argc > 0 ? c->argv[0] : tv_int(2), mod;
    int rc = op_binary(r, N_MOD, &c->self, &by, &mod);
    bool zero = false;

    if (rc == 0 && !tv_is_number(&mod)) {
        rc = rt_fail(r, ERR_INVALID, "'%s' object is not a number", tv_type_name(&c->self));
    }
    if (rc == 0) {
        double m = tv_as_double(&mod);

        zero = c->fn->name[0] == 'o' ? m > 0.5 && m < 1.5 && m - floor(m) <= 0 : !(m < 0 || m > 0);
    }
    *ret = tv_bool(zero);
    return rc;
}

static int t_compare(struct rt *r, const struct call *c, struct tv *ret)
{
    const char *n = c->fn->name;
    const struct tv *x = &c->self, *y = &c->argv[0];
    bool yes, same = false;
    int rc;

    if (strcmp(n, "in") == 0) {
        rc = tv_contains(r, y, x, &yes);
    } else if (n[0] == 'e' || n[0] == '=' || n[0] == 's') {
        rc = tv_equal(r, x, y, &yes);
        if (rc == 0 && n[0] == 's') { /* sameas: identity, which only singletons show here */
            yes = yes && x->kind == y->kind;
        }
    } else if (n[0] == 'n' || n[0] == '!') {
        rc = tv_equal(r, x, y, &yes);
        yes = !yes;
    } else {
        bool greater = n[0] == 'g' || n[0] == '>';

        rc = greater ? tv_less(r, y, x, &yes) : tv_less(r, x, y, &yes);
        if (rc == 0 && !yes && (n[1] == '=' || strcmp(n, "ge") == 0 || strcmp(n, "le") == 0)) {
            rc = tv_equal(r, x, y, &same);
        }
    }
    *ret = tv_bool(rc == 0 && (yes || same));
    return rc;
}

static int t_case(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv s;
    int rc = tv_to_str(r, &c->self, &s);

    *ret = tv_bool(rc == 0 && text_is_case(s.s, s.n, c->fn->name[0] == 'u'));
    return rc;
}

const struct fn_desc tests_table[] = {
    {"defined", "", 0, t_defined},
    {"undefined", "", 0, t_defined},
    {"none", "", 0, t_kind},
    {"string", "", 0, t_kind},
    {"number", "", 0, t_kind},
    {"integer", "", 0, t_kind},
    {"float", "", 0, t_kind},
    {"boolean", "", 0, t_kind},
    {"true", "", 0, t_kind},
    {"false", "", 0, t_kind},
    {"mapping", "", 0, t_kind},
    {"sequence", "", 0, t_kind},
    {"callable", "", 0, t_kind},
    {"iterable", "", 0, t_iterable},
    {"even", "", 0, t_number},
    {"odd", "", 0, t_number},
    {"divisibleby", "num", 1, t_number},
    {"in", "seq", 1, t_compare},
    {"eq", "b", 1, t_compare},
    {"equalto", "b", 1, t_compare},
    {"==", "b", 1, t_compare},
    {"ne", "b", 1, t_compare},
    {"!=", "b", 1, t_compare},
    {"lt", "b", 1, t_compare},
    {"lessthan", "b", 1, t_compare},
    {"<", "b", 1, t_compare},
    {"le", "b", 1, t_compare},
    {"gt", "b", 1, t_compare},
    {"greaterthan", "b", 1, t_compare},
    {">", "b", 1, t_compare},
    {"ge", "b", 1, t_compare},
    {"<=", "b", 1, t_compare},
    {">=", "b", 1, t_compare},
    {"sameas", "other", 1, t_compare},
    {"upper", "", 0, t_case},
    {"lower", "", 0, t_case},
    {NULL, NULL, 0, NULL},
};
