/*
 * Values while a template is rendered, with the manners of Python: how they print, compare, count
 * as true. Everything lives in the render's arena; lists and dicts may be views of the caller's
 * struct value, converted where they are touched.
 */
#ifndef TW_TEMPLATE_TV_H
#define TW_TEMPLATE_TV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt;
struct buf;
struct value;

enum tv_kind {
    TV_ABSENT, /* an argument that was not given */
    TV_UNDEFINED,
    TV_NONE,
    TV_BOOL,
    TV_INT,
    TV_FLOAT,
    TV_STR,
    TV_LIST,
    TV_TUPLE,
    TV_ITER,  /* a generator: may be walked once */
    TV_VIEW,  /* dict_keys, dict_values, dict_items */
    TV_RANGE, /* walked as a list, printed as range(0, 3) */
    TV_DICT,
    TV_NAMESPACE,
    TV_LOOP,
    TV_OBJECT, /* an object of Airflow, of which only some members are known here; n: which one */
    TV_TIME,   /* i: microseconds since 1970, UTC */
    TV_DATE,   /* i: microseconds of its midnight */
    TV_DELTA,  /* i: microseconds */
};

enum tv_object {
    OBJECT_MEMBERS, /* dict: the members that are known */
    OBJECT_VAR,
    OBJECT_VAR_VALUE,
    OBJECT_VAR_JSON,
};

struct tv_list {
    struct tv *items;
    size_t len, cap;
    const struct value *src; /* not NULL: the elements are src's, items is not used */
    const char *view;        /* VIEW: "dict_keys" ... */
    int64_t from, to, step;  /* RANGE */
    bool spent;              /* ITER: was walked */
};

struct tv_dict {
    struct tv *keys, *values; /* in insertion order */
    size_t len, cap;
    const struct value *src;
    const char *const *times; /* members of these names are points in time; may be NULL */
};

struct tv_loop {
    size_t index0, len;
    const struct tv_list *over;
};

struct tv {
    uint8_t kind;
    bool markup; /* STR: escaped for HTML already. UNDEFINED: of an if without else: prints as
                    nothing, is false and empty */
    union {
        bool b;
        int64_t i;
        double f;
        size_t n; /* STR: bytes; OBJECT: enum tv_object */
    };
    union {
        const char *s; /* STR; UNDEFINED: what is missing, in words */
        struct tv_list *list;
        struct tv_dict *dict; /* DICT, NAMESPACE; OBJECT_MEMBERS */
        struct tv_loop *loop;
    };
};

static inline struct tv tv_none(void)
{
    return (struct tv){.kind = TV_NONE};
}
static inline struct tv tv_bool(bool b)
{
    return (struct tv){.kind = TV_BOOL, .b = b};
}
static inline struct tv tv_int(int64_t i)
{
    return (struct tv){.kind = TV_INT, .i = i};
}
static inline struct tv tv_float(double f)
{
    return (struct tv){.kind = TV_FLOAT, .f = f};
}
static inline struct tv tv_str(const char *s, size_t n)
{
    return (struct tv){.kind = TV_STR, .n = n, .s = s};
}
static inline struct tv tv_of_kind(enum tv_kind kind, int64_t i)
{
    return (struct tv){.kind = (uint8_t)kind, .i = i};
}
static inline bool tv_is_number(const struct tv *v)
{
    return v->kind == TV_BOOL || v->kind == TV_INT || v->kind == TV_FLOAT;
}
static inline bool tv_is_int(const struct tv *v)
{
    return v->kind == TV_BOOL || v->kind == TV_INT;
}
static inline bool tv_is_list(const struct tv *v)
{
    return v->kind >= TV_LIST && v->kind <= TV_RANGE;
}
static inline int64_t tv_as_int(const struct tv *v) /* BOOL or INT */
{
    return v->kind == TV_BOOL ? v->b : v->i;
}
static inline double tv_as_double(const struct tv *v)
{
    return v->kind == TV_FLOAT ? v->f : (double)tv_as_int(v);
}

const char *tv_type_name(const struct tv *v); /* Python's: "int", "str", "NoneType" ... */

/* Making. All return 0 or a negative code, with the error set in the render. */
int tv_from_value(struct rt *r, const struct value *v, const char *const *times, struct tv *ret);
int tv_strdup(struct rt *r, const char *s, size_t n, struct tv *ret);
int tv_take_buf(struct rt *r, struct buf *b, struct tv *ret); /* copies the bytes; frees b */
int tv_list_new(struct rt *r, enum tv_kind kind, size_t cap, struct tv *ret);
int tv_list_push(struct rt *r, struct tv *list, const struct tv *item);
int tv_dict_new(struct rt *r, struct tv *ret);
int tv_dict_set(struct rt *r, struct tv *dict, const struct tv *key, const struct tv *value);

/* Reading. */
size_t tv_list_len(const struct tv *list);
int tv_list_at(struct rt *r, const struct tv *list, size_t i, struct tv *ret);
size_t tv_dict_len(const struct tv *dict);
int tv_dict_at(struct rt *r, const struct tv *dict, size_t i, struct tv *key, struct tv *value);
/* 1 and *ret set, 0 when absent, negative on error. */
int tv_dict_find(struct rt *r, const struct tv *dict, const struct tv *key, struct tv *ret);
int tv_dict_find_str(struct rt *r, const struct tv *dict, const char *key, size_t n,
                     struct tv *ret);
/* Any iterable as a list of its elements (a string: its characters; a dict: its keys); a generator
 * is spent by it. */
int tv_iterate(struct rt *r, const struct tv *v, struct tv *ret);

/* Python's meaning. */
int tv_truth(struct rt *r, const struct tv *v, bool *ret);
int tv_equal(struct rt *r, const struct tv *x, const struct tv *y, bool *ret);
int tv_less(struct rt *r, const struct tv *x, const struct tv *y, bool *ret);
int tv_contains(struct rt *r, const struct tv *haystack, const struct tv *needle, bool *ret);

/* Text. tv_print appends str(v), tv_repr repr(v); the buf's status is the caller's to check. */
int tv_print(struct rt *r, const struct tv *v, struct buf *out);
int tv_repr(struct rt *r, const struct tv *v, struct buf *out);
int tv_to_str(struct rt *r, const struct tv *v, struct tv *ret); /* str(v), itself for a str */
void repr_double(double d, struct buf *out);
void repr_string(const char *s, size_t n, struct buf *out);
/* json.dumps with Python's separators, sorted keys if asked for, an indent (-1: one line). */
int tv_json(struct rt *r, const struct tv *v, bool sort_keys, int indent, struct buf *out);

#endif
