/* Operators, attributes, items and slices, as Python and Jinja2 have them. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "template/rt.h"

static const char *op_text(enum node_kind op)
{
    static const char *const text[] = {
        [N_ADD] = "+",       [N_SUB] = "-", [N_MUL] = "*",          [N_DIV] = "/",
        [N_FLOORDIV] = "//", [N_MOD] = "%", [N_POW] = "** or pow()"};

    return text[op];
}

static int bad_operands(struct rt *r, enum node_kind op, const struct tv *x, const struct tv *y)
{
    return rt_fail(r, ERR_INVALID, "unsupported operand type(s) for %s: '%s' and '%s'", op_text(op),
                   tv_type_name(x), tv_type_name(y));
}

static int overflow(struct rt *r)
{
    return rt_fail(r, ERR_UNSUPPORTED, "integers beyond 64 bits are not supported");
}

static int zero_division(struct rt *r)
{
    return rt_fail(r, ERR_INVALID, "division by zero");
}

static int int_power(struct rt *r, int64_t x, int64_t n, struct tv *ret)
{
    int64_t y = 1;

    if (n < 0) {
        if (x == 0) {
            return rt_fail(r, ERR_INVALID, "0.0 cannot be raised to a negative power");
        }
        *ret = tv_float(pow((double)x, (double)n));
        return 0;
    }
    for (; n > 0; n /= 2) {
        if (n % 2 == 1 && __builtin_mul_overflow(y, x, &y)) {
            return overflow(r);
        }
        if (n > 1 && __builtin_mul_overflow(x, x, &x)) {
            return overflow(r);
        }
    }
    *ret = tv_int(y);
    return 0;
}

static int int_op(struct rt *r, enum node_kind op, int64_t x, int64_t y, struct tv *ret)
{
    int64_t v = 0;
    bool over = false;

    switch (op) {
    case N_ADD:
        over = __builtin_add_overflow(x, y, &v);
        break;
    case N_SUB:
        over = __builtin_sub_overflow(x, y, &v);
        break;
    case N_MUL:
        over = __builtin_mul_overflow(x, y, &v);
        break;
    case N_POW:
        return int_power(r, x, y, ret);
    default: /* N_FLOORDIV, N_MOD */
        if (y == 0) {
            return rt_fail(r, ERR_INVALID, "integer %s by zero",
                           op == N_MOD ? "modulo" : "division or modulo");
        }
        if (y == -1) {
            over = op == N_FLOORDIV && x == INT64_MIN;
            v = op == N_MOD || over ? 0 : -x;
            break;
        }
        v = x / y;
        if (x % y != 0 && (x < 0) != (y < 0)) {
            v--;
        }
        v = op == N_MOD ? x - v * y : v;
        break;
    }
    if (over) {
        return overflow(r);
    }
    *ret = tv_int(v);
    return 0;
}

static double float_mod(double x, double y)
{
    double m = fmod(x, y);

    if (m < 0 || m > 0) {
        return (m < 0) != (y < 0) ? m + y : m;
    }
    return copysign(0.0, y);
}

static int float_op(struct rt *r, enum node_kind op, double x, double y, struct tv *ret)
{
    double v = 0, mod;

    if ((op == N_DIV || op == N_FLOORDIV || op == N_MOD) && !(y < 0 || y > 0 || y != y)) {
        return zero_division(r);
    }
    switch (op) {
    case N_ADD:
        v = x + y;
        break;
    case N_SUB:
        v = x - y;
        break;
    case N_MUL:
        v = x * y;
        break;
    case N_DIV:
        v = x / y;
        break;
    case N_MOD:
        v = float_mod(x, y);
        break;
    case N_FLOORDIV:
        mod = float_mod(x, y);
        v = (x - mod) / y;
        if (v < 0 || v > 0) {
            double f = floor(v);

            v = v - f > 0.5 ? f + 1 : f;
        } else {
            v = copysign(0.0, x / y);
        }
        break;
    default:
        if (x < 0 && y - floor(y) != 0) {
            return rt_fail(r, ERR_UNSUPPORTED, "complex numbers are not supported");
        }
        if (!(x < 0 || x > 0 || x != x) && y < 0) {
            return rt_fail(r, ERR_INVALID, "0.0 cannot be raised to a negative power");
        }
        v = pow(x, y);
        if (isinf(v) && !isinf(x) && !isinf(y)) {
            return rt_fail(r, ERR_INVALID, "Numerical result out of range");
        }
        break;
    }
    *ret = tv_float(v);
    return 0;
}

static int add_strings(struct rt *r, const struct tv *x, const struct tv *y, struct tv *ret)
{
    struct buf b;
    int rc;

    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    if (x->markup != y->markup) { /* the plain side is escaped, as markupsafe does */
        if (!x->markup) {
            text_escape(x->s, x->n, &b);
            buf_append(&b, y->s, y->n);
        } else {
            buf_append(&b, x->s, x->n);
            text_escape(y->s, y->n, &b);
        }
    } else {
        buf_append(&b, x->s, x->n);
        buf_append(&b, y->s, y->n);
    }
    rc = tv_take_buf(r, &b, ret);
    ret->markup = x->markup || y->markup;
    return rc;
}

static int add_lists(struct rt *r, const struct tv *x, const struct tv *y, struct tv *ret)
{
    struct tv item;
    int rc = tv_list_new(r, x->kind, tv_list_len(x) + tv_list_len(y), ret);

    for (size_t i = 0; rc == 0 && i < tv_list_len(x); i++) {
        rc = tv_list_at(r, x, i, &item);
        rc = rc != 0 ? rc : tv_list_push(r, ret, &item);
    }
    for (size_t i = 0; rc == 0 && i < tv_list_len(y); i++) {
        rc = tv_list_at(r, y, i, &item);
        rc = rc != 0 ? rc : tv_list_push(r, ret, &item);
    }
    return rc;
}

static int repeat(struct rt *r, const struct tv *x, int64_t n, struct tv *ret)
{
    struct tv item;
    struct buf b;
    int rc;

    if (x->kind == TV_STR) {
        buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
        for (int64_t i = 0; i < n && x->n > 0 && buf_status(&b) == 0; i++) {
            buf_append(&b, x->s, x->n);
        }
        rc = tv_take_buf(r, &b, ret);
        ret->markup = x->markup;
        return rc;
    }
    rc = tv_list_new(r, x->kind, 0, ret);
    for (int64_t i = 0; rc == 0 && i < n && tv_list_len(x) > 0; i++) {
        for (size_t k = 0; rc == 0 && k < tv_list_len(x); k++) {
            rc = tv_list_at(r, x, k, &item);
            rc = rc != 0 ? rc : tv_list_push(r, ret, &item);
        }
    }
    return rc;
}

static bool is_sequence(const struct tv *v)
{
    return v->kind == TV_STR || v->kind == TV_LIST || v->kind == TV_TUPLE;
}

static int time_op(struct rt *r, enum node_kind op, const struct tv *x, const struct tv *y,
                   struct tv *ret)
{
    bool xt = x->kind == TV_TIME || x->kind == TV_DATE;
    int64_t v;

    if (op == N_ADD && x->kind == TV_DELTA && (y->kind == TV_TIME || y->kind == TV_DATE)) {
        return tvtime_add(r, y, x->i, ret);
    }
    if (xt && y->kind == TV_DELTA && (op == N_ADD || op == N_SUB)) {
        return tvtime_add(r, x, op == N_ADD ? y->i : -y->i, ret);
    }
    if (xt && x->kind == y->kind && op == N_SUB) {
        *ret = tv_of_kind(TV_DELTA, x->i - y->i);
        return 0;
    }
    if (x->kind == TV_DELTA && y->kind == TV_DELTA && op == N_DIV && y->i != 0) {
        *ret = tv_float((double)x->i / (double)y->i);
        return 0;
    }
    if (x->kind == TV_DELTA && y->kind == TV_DELTA && (op == N_ADD || op == N_SUB)) {
        if (op == N_ADD ? __builtin_add_overflow(x->i, y->i, &v)
                        : __builtin_sub_overflow(x->i, y->i, &v)) {
            return overflow(r);
        }
        *ret = tv_of_kind(TV_DELTA, v);
        return 0;
    }
    if (op == N_MUL &&
        ((x->kind == TV_DELTA && tv_is_int(y)) || (y->kind == TV_DELTA && tv_is_int(x)))) {
        if (__builtin_mul_overflow(x->kind == TV_DELTA ? x->i : tv_as_int(x),
                                   y->kind == TV_DELTA ? y->i : tv_as_int(y), &v)) {
            return overflow(r);
        }
        *ret = tv_of_kind(TV_DELTA, v);
        return 0;
    }
    return bad_operands(r, op, x, y);
}

int op_binary(struct rt *r, enum node_kind op, const struct tv *x, const struct tv *y,
              struct tv *ret)
{
    int rc = rt_defined(r, x);

    rc = rc != 0 ? rc : rt_defined(r, y);
    if (rc != 0) {
        return rc;
    }
    if (tv_is_number(x) && tv_is_number(y)) {
        if (op == N_DIV && tv_is_int(x) && tv_is_int(y)) {
            return tv_as_int(y) == 0
                       ? zero_division(r)
                       : float_op(r, op, (double)tv_as_int(x), (double)tv_as_int(y), ret);
        }
        return tv_is_int(x) && tv_is_int(y)
                   ? int_op(r, op, tv_as_int(x), tv_as_int(y), ret)
                   : float_op(r, op, tv_as_double(x), tv_as_double(y), ret);
    }
    if (op == N_MOD && x->kind == TV_STR) {
        return op_format(r, x, y, ret);
    }
    if (op == N_ADD && x->kind == TV_STR && y->kind == TV_STR) {
        return add_strings(r, x, y, ret);
    }
    if (op == N_ADD && x->kind == y->kind && (x->kind == TV_LIST || x->kind == TV_TUPLE)) {
        return add_lists(r, x, y, ret);
    }
    if (op == N_MUL && is_sequence(x) && tv_is_int(y)) {
        return repeat(r, x, tv_as_int(y), ret);
    }
    if (op == N_MUL && is_sequence(y) && tv_is_int(x)) {
        return repeat(r, y, tv_as_int(x), ret);
    }
    if (x->kind >= TV_TIME || y->kind >= TV_TIME) {
        return time_op(r, op, x, y, ret);
    }
    return bad_operands(r, op, x, y);
}

int op_negate(struct rt *r, const struct tv *x, bool negative, struct tv *ret)
{
    int rc = rt_defined(r, x);

    if (rc != 0) {
        return rc;
    }
    if (x->kind == TV_FLOAT) {
        *ret = tv_float(negative ? -x->f : x->f);
        return 0;
    }
    if (tv_is_int(x) || x->kind == TV_DELTA) {
        int64_t i = x->kind == TV_DELTA ? x->i : tv_as_int(x);

        if (negative && i == INT64_MIN) {
            return overflow(r);
        }
        *ret = tv_of_kind(x->kind == TV_DELTA ? TV_DELTA : TV_INT, negative ? -i : i);
        return 0;
    }
    return rt_fail(r, ERR_INVALID, "bad operand type for unary %s: '%s'", negative ? "-" : "+",
                   tv_type_name(x));
}

static int undefined(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret)
{
    const char *type = tv_type_name(x);
    char *text = arena_printf(&r->arena, "'%s object' has no attribute '%.*s'", type,
                              (int)(n > 100 ? 100 : n), name);

    if (text == NULL) {
        return rt_nomem(r);
    }
    *ret = (struct tv){.kind = TV_UNDEFINED, .s = text};
    return 0;
}

static int loop_attr(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret)
{
    const struct tv_loop *l = x->loop;
    const struct {
        const char *name;
        int64_t v;
    } ints[] = {
        /* the depth grows in recursive loops only */
        {"index", (int64_t)l->index0 + 1},
        {"index0", (int64_t)l->index0},
        {"length", (int64_t)l->len},
        {"revindex", (int64_t)(l->len - l->index0)},
        {"revindex0", (int64_t)(l->len - l->index0) - 1},
        {"depth", 1},
        {"depth0", 0},
    };
    struct tv over = {.kind = TV_LIST, .list = (struct tv_list *)(uintptr_t)l->over};

    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        if (strlen(ints[i].name) == n && memcmp(ints[i].name, name, n) == 0) {
            *ret = tv_int(ints[i].v);
            return 0;
        }
    }
    if (n == 5 && memcmp(name, "first", 5) == 0) {
        *ret = tv_bool(l->index0 == 0);
        return 0;
    }
    if (n == 4 && memcmp(name, "last", 4) == 0) {
        *ret = tv_bool(l->index0 + 1 == l->len);
        return 0;
    }
    if (n == 8 && memcmp(name, "previtem", 8) == 0 && l->index0 > 0) {
        return tv_list_at(r, &over, l->index0 - 1, ret);
    }
    if (n == 8 && memcmp(name, "nextitem", 8) == 0 && l->index0 + 1 < l->len) {
        return tv_list_at(r, &over, l->index0 + 1, ret);
    }
    return undefined(r, x, name, n, ret);
}

static int object_attr(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret)
{
    struct tv dict = {.kind = TV_DICT, .dict = x->dict};
    int rc;

    if (x->n != OBJECT_MEMBERS) {
        return var_attr(r, x, name, n, ret);
    }
    rc = tv_dict_find_str(r, &dict, name, n, ret);
    return rc == 1  ? 0
           : rc < 0 ? rc
                    : rt_fail(r, ERR_UNSUPPORTED, "the attribute '%.*s' is not supported",
                              (int)(n > 100 ? 100 : n), name);
}

int op_attr(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret)
{
    int rc = rt_defined(r, x);

    if (rc != 0) {
        return rc;
    }
    if (x->kind == TV_DICT || x->kind == TV_NAMESPACE) {
        if (x->kind == TV_DICT && method_find(x, name, n) != NULL) {
            return rt_fail(r, ERR_UNSUPPORTED, "the method \"%.*s\" is used without a call", (int)n,
                           name);
        }
        rc = tv_dict_find_str(r, x, name, n, ret);
        return rc == 1 ? 0 : rc < 0 ? rc : undefined(r, x, name, n, ret);
    }
    if (x->kind == TV_OBJECT) {
        return object_attr(r, x, name, n, ret);
    }
    if (x->kind == TV_LOOP) {
        return loop_attr(r, x, name, n, ret);
    }
    if (x->kind >= TV_TIME) {
        rc = tvtime_attr(r, x, name, n, ret);
        return rc == 1 ? 0 : rc < 0 ? rc : undefined(r, x, name, n, ret);
    }
    return undefined(r, x, name, n, ret);
}

static int char_at(struct rt *r, const struct tv *x, int64_t i, struct tv *ret)
{
    size_t from = utf8_offset(x->s, x->n, (size_t)i), to = from;

    (void)utf8_next(x->s, x->n, &to);
    *ret = tv_str(x->s + from, to - from);
    ret->markup = x->markup;
    return rt_step(r, from / 64);
}

int op_item(struct rt *r, const struct tv *x, const struct tv *key, struct tv *ret)
{
    struct buf b BUF_CLEANUP;
    int rc = rt_defined(r, x);

    buf_init(&b, KiB(1));
    rc = rc != 0 ? rc : rt_defined(r, key);
    if (rc != 0) {
        return rc;
    }
    if (x->kind == TV_DICT) {
        rc = tv_dict_find(r, x, key, ret);
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
    } else if (tv_is_int(key) && (is_sequence(x) || x->kind == TV_RANGE)) {
        int64_t n = (int64_t)(x->kind == TV_STR ? utf8_count(x->s, x->n) : tv_list_len(x));
        int64_t i = tv_as_int(key) < 0 ? tv_as_int(key) + n : tv_as_int(key);

        if (i >= 0 && i < n) {
            return x->kind == TV_STR ? char_at(r, x, i, ret) : tv_list_at(r, x, (size_t)i, ret);
        }
    }
    if (key->kind == TV_STR) {
        return op_attr(r, x, key->s, key->n, ret);
    }
    rc = tv_repr(r, key, &b);
    return rc != 0 ? rc : undefined(r, x, buf_cstr(&b), b.len, ret);
}

/* Python's slice.indices for one bound. */
static int64_t clamp(int64_t i, int64_t n, bool down)
{
    if (i < 0) {
        i = i < -n ? -1 : i + n;
        return i < 0 ? (down ? -1 : 0) : i;
    }
    return i >= n ? (down ? n - 1 : n) : i;
}

static int slice_bound(struct rt *r, const struct tv *v, int64_t dflt, int64_t n, bool down,
                       int64_t *ret)
{
    *ret = dflt;
    if (v->kind == TV_ABSENT || v->kind == TV_NONE) {
        return 0;
    }
    if (!tv_is_int(v)) {
        return rt_fail(r, ERR_INVALID, "slice indices must be integers or None");
    }
    *ret = clamp(tv_as_int(v), n, down);
    return 0;
}

int op_slice(struct rt *r, const struct tv *x, const struct tv *from, const struct tv *to,
             const struct tv *step, struct tv *ret)
{
    struct tv list, out, item, empty = tv_str("", 0);
    int64_t n, i = 0, end = 0, by = 1;
    int rc = rt_defined(r, x);

    if (rc == 0 && !is_sequence(x)) {
        return rt_fail(r, ERR_INVALID, "'%s' object cannot be sliced", tv_type_name(x));
    }
    if (rc == 0 && step->kind != TV_ABSENT && step->kind != TV_NONE) {
        if (!tv_is_int(step) || tv_as_int(step) == 0) {
            return rt_fail(r, ERR_INVALID, "slice step must be an integer other than zero");
        }
        by = tv_as_int(step);
    }
    rc = rc != 0 ? rc : tv_iterate(r, x, &list);
    if (rc != 0) {
        return rc;
    }
    n = (int64_t)tv_list_len(&list);
    rc = slice_bound(r, from, by < 0 ? n - 1 : 0, n, by < 0, &i);
    rc = rc != 0 ? rc : slice_bound(r, to, by < 0 ? -1 : n, n, by < 0, &end);
    rc = rc != 0 ? rc : tv_list_new(r, x->kind == TV_STR ? TV_LIST : x->kind, 0, &out);
    while (rc == 0 && (by > 0 ? i < end : i > end)) {
        rc = tv_list_at(r, &list, (size_t)i, &item);
        rc = rc != 0 ? rc : tv_list_push(r, &out, &item);
        if (__builtin_add_overflow(i, by, &i)) {
            break;
        }
    }
    if (rc == 0 && x->kind == TV_STR) {
        rc = text_join(r, &empty, &out, ret);
        ret->markup = x->markup;
        return rc;
    }
    *ret = out;
    return rc;
}

int op_path(struct rt *r, const struct tv *x, const struct tv *path, struct tv *ret)
{
    const char *p, *end;
    int rc = 0;

    *ret = *x;
    if (path->kind != TV_STR) {
        return op_item(r, x, path, ret);
    }
    for (p = path->s; rc == 0 && p <= path->s + path->n; p = end + 1) {
        struct tv key, object = *ret;
        bool digits = true;
        int64_t i = 0;

        end = memchr(p, '.', (size_t)(path->s + path->n - p));
        end = end != NULL ? end : path->s + path->n;
        for (const char *q = p; q < end; q++) {
            digits = digits && *q >= '0' && *q <= '9' && i < 100000000;
            i = digits ? i * 10 + (*q - '0') : i;
        }
        key = digits && end > p ? tv_int(i) : tv_str(p, (size_t)(end - p));
        rc = op_item(r, &object, &key, ret);
    }
    return rc;
}
