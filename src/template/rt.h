/*
 * One render: its memory, output, counters and place. Internal to this folder.
 */
#ifndef TW_TEMPLATE_RT_H
#define TW_TEMPLATE_RT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "template/ast.h"
#include "template/template.h"
#include "template/tv.h"

struct binding {
    struct binding
        *next; /* the one set before; a scope ends by going back to the head it began with */
    const char *name;
    size_t len;
    struct tv value;
};

struct rt {
    const struct template *t;
    const struct template_context *c;
    struct arena arena;
    struct buf *out; /* where text goes now */
    uint64_t steps;  /* of LIMIT_TEMPLATE_STEPS */
    struct binding *scope;
    struct tv captured;      /* what N_BODY stands for */
    const struct node *at;   /* the innermost node being evaluated: where an error is */
    const struct node *stmt; /* the {{ }} or {% %} around it */
    struct err *e;
};

/* A call of a filter, test, method, macro or global: self, then argv as the descriptor's parameters
 * stand, ABSENT where not given; further ones after them where the descriptor takes any number,
 * then the keywords of `kw` where it takes any. */
struct call {
    const struct fn_desc *fn;
    const struct node *node;
    struct tv self;
    struct tv *argv;
    size_t argc;
    const struct keyword *kw; /* names of the last kw_len arguments */
    size_t kw_len;
};

int rt_fail(struct rt *r, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int rt_nomem(struct rt *r);
int rt_step(struct rt *r, uint64_t n);  /* counts; -ERR_LIMIT beyond LIMIT_TEMPLATE_STEPS */
void *rt_alloc(struct rt *r, size_t n); /* NULL: the error is set */
int rt_buf_check(struct rt *r, const struct buf *b);
/* A use of an undefined value is an error, as with StrictUndefined. */
int rt_defined(struct rt *r, const struct tv *v);

int rt_eval(struct rt *r, const struct node *n, struct tv *ret);
/* As rt_eval, where only a member or the truth of the value is asked for: it may be a TV_OBJECT. Everywhere else that is
 * -ERR_UNSUPPORTED: how it prints, what it equals and its other members are known to the Python runner alone. */
int rt_eval_any(struct rt *r, const struct node *n, struct tv *ret);
int rt_render(struct rt *r, const struct node *first);
/* The text captured for a filter block. */
int rt_render_body(struct rt *r, struct tv *ret);
int rt_bind(struct rt *r, const char *name, size_t len, const struct tv *v);
/* names.c: Airflow's names. The object that a name stands for has members that are not known here. */
bool name_is_object(const char *name, size_t n);
/* A name of Airflow's context that only the Python runner has. */
bool name_is_elsewhere(const char *name, size_t n);
/* What to say of a name that is not defined, beginning with ": "; "" for most. */
const char *name_hint(const char *name, size_t n);
/* var, var.value, var.json and what they give. */
int var_attr(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret);

/* Operators. */
int op_binary(struct rt *r, enum node_kind op, const struct tv *x, const struct tv *y,
              struct tv *ret);
int op_negate(struct rt *r, const struct tv *x, bool negative, struct tv *ret);
int op_attr(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret);
int op_item(struct rt *r, const struct tv *x, const struct tv *key, struct tv *ret);
int op_slice(struct rt *r, const struct tv *x, const struct tv *from, const struct tv *to,
             const struct tv *step, struct tv *ret);
/* A dotted path of attributes and items, as map(attribute=) and sort(attribute=) take it. */
int op_path(struct rt *r, const struct tv *x, const struct tv *path, struct tv *ret);
/* format(value, spec) for str, int and float: [[fill]align][sign][0][width][,][.precision][type].
 */
int format_spec(struct rt *r, const struct tv *v, const struct tv *spec, struct buf *out);
/* "%s %d" % args: Python's old formatting. */
int op_format(struct rt *r, const struct tv *fmt, const struct tv *args, struct tv *ret);

/* Tables of functions, each ending in a NULL name. */
extern const struct fn_desc filters_text[], filters_seq[], filters_more[], tests_table[],
    methods_str[], methods_str_more[], methods_dict[], methods_list[], methods_time[],
    methods_date[], methods_delta[], methods_var[], macros_table[], globals_table[];
const struct fn_desc *fn_find(const struct fn_desc *table, const char *name, size_t n);
const struct fn_desc *filter_find(const char *name, size_t n);
const struct fn_desc *test_find(const char *name, size_t n);
/* A method by its name, whatever it belongs to: the kind of value is known at the call. */
bool method_known(const char *name, size_t n);
const struct fn_desc *method_find(const struct tv *self, const char *name, size_t n);
int fn_call(struct rt *r, const struct fn_desc *fn, const struct tv *self, struct tv *argv,
            size_t argc, struct tv *ret);

/* Arguments. */
int arg_int(struct rt *r, const struct call *c, size_t i, int64_t dflt, int64_t *ret);
int arg_bool(struct rt *r, const struct call *c, size_t i, bool dflt, bool *ret);
int arg_str(struct rt *r, const struct call *c, size_t i, struct tv *ret); /* must be a str */
bool arg_given(const struct call *c, size_t i); /* neither absent nor None */

/* Characters of UTF-8. */
size_t utf8_count(const char *s, size_t n);
size_t utf8_offset(const char *s, size_t n, size_t chars); /* byte offset of character `chars` */
uint32_t utf8_next(const char *s, size_t n, size_t *i);
void utf8_put(struct buf *b, uint32_t c);
/* Case as Python's str methods have it. */
void text_upper(const char *s, size_t n, struct buf *out);
void text_lower(const char *s, size_t n, struct buf *out);
void text_capitalize(const char *s, size_t n, struct buf *out);
bool char_is_space(uint32_t c);
bool char_is_printable(uint32_t c);
uint32_t char_simple(uint32_t c, bool upper); /* the one-to-one case mapping */
bool char_is_alpha(uint32_t c);
bool char_is_digit(uint32_t c);
bool char_is_decimal(uint32_t c);
bool char_is_numeric(uint32_t c);
void text_title(const char *s, size_t n, struct buf *out);
void text_swapcase(const char *s, size_t n, struct buf *out);
bool text_is_case(const char *s, size_t n, bool upper);
void text_escape(const char *s, size_t n, struct buf *out); /* HTML, as markupsafe */
int text_strip(struct rt *r, const struct tv *s, const struct tv *chars, int sides, struct tv *ret);
int text_escaped_for(struct rt *r, const struct tv *self, struct tv *arg);
int text_replace(struct rt *r, const struct tv *s, const struct tv *old, const struct tv *with,
                 int64_t count, struct tv *ret);
int text_join(struct rt *r, const struct tv *sep, const struct tv *list, struct tv *ret);

/* Lines as str.splitlines; `last`: as if a newline stood at the end. */
int text_splitlines(struct rt *r, const struct tv *s, bool keep, bool last, struct tv *ret);
/* side: -1 padding on the right (ljust), 0 on both, 1 on the left. */
int text_pad(struct rt *r, const struct tv *s, int64_t width, int side, struct tv fill,
             struct tv *ret);

/* keys, values or items (by the first letter) of a dict, as TV_VIEW. */
int dict_view(struct rt *r, const struct tv *dict, char which, struct tv *ret);

/* Times. */
int tvtime_print(const struct tv *v, struct buf *out);
int tvtime_repr(const struct tv *v, struct buf *out);
int tvtime_attr(struct rt *r, const struct tv *v, const char *name, size_t n, struct tv *ret);
int tvtime_add(struct rt *r, const struct tv *v, int64_t delta_us, struct tv *ret);
int tvtime_text(struct rt *r, const struct tv *v, const char *fmt, struct tv *ret);

#endif
