/*
 * JSON (RFC 8259): a pull reader with line and column that keeps numbers as text, a tree of values in an arena, and a
 * writer. Strings are checked UTF-8. The reader is bounded: depth LIMIT_JSON_DEPTH, no recursion, memory only for the
 * string at hand.
 */
#ifndef TW_BASE_JSON_H
#define TW_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct err;

/* ---- reader ---- */

enum json_event {
    JSON_END, /* the document is complete */
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER, /* text as written */
    JSON_STRING, /* unescaped */
    JSON_KEY,    /* unescaped; a value follows */
    JSON_ARRAY_START,
    JSON_ARRAY_END,
    JSON_OBJECT_START,
    JSON_OBJECT_END,
};

struct json_reader; /* opaque */

/* The input is borrowed and must outlive the reader. NULL when out of memory. */
struct json_reader *json_reader_new(const char *input, size_t n);
void json_reader_free(struct json_reader *r);
/*
 * The next event (>= 0), or a negative error with *e set (position included). For KEY, STRING and NUMBER, *ret_text and
 * *ret_len are valid until the next call; the text is NUL-terminated (a string may contain further NULs).
 */
int json_next(struct json_reader *r, const char **ret_text, size_t *ret_len, struct err *e);
void json_position(const struct json_reader *r, int *ret_line,
                   int *ret_col); /* of the last event; from 1 */

/* ---- values: a tree that remembers where it was written ---- */

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT };

struct value {
    enum value_kind kind;
    int line, col;        /* where it begins; 0 = made by the program */
    bool boolean;         /* BOOL */
    const char *text;     /* NUMBER (as written) and STRING; NUL-terminated */
    size_t len;           /* bytes of text; number of elements or members */
    struct value **elems; /* ARRAY: len elements; OBJECT: len values */
    struct value_key *
        keys; /* OBJECT: len keys, in written order; duplicates are kept for the caller to report */
};

struct value_key {
    const char *text; /* NUL-terminated */
    size_t len;
    int line, col;
};

/* Parses a whole document into the arena. Depth is bounded. Errors have a position. */
int value_parse(struct arena *a, const char *input, size_t n, struct value **ret, struct err *e);
/* The member's value, or NULL. The last one wins where a key stands twice, as in Python. */
struct value *value_get(const struct value *object, const char *key);
/* An integer in [min, max] written without fraction or exponent, or -ERR_INVALID. */
int value_int(const struct value *v, int64_t min, int64_t max, int64_t *ret);
int value_double(const struct value *v, double *ret);
const char *value_kind_name(enum value_kind k); /* "string", "number" ... */
/* Constructors; NULL when out of memory. Text is copied. */
struct value *value_new(struct arena *a, enum value_kind kind);
struct value *value_string(struct arena *a, const char *text, size_t n);
struct value *value_number_text(struct arena *a, const char *text);
struct value *value_bool(struct arena *a, bool b);
int value_append(struct arena *a, struct value *array, struct value *elem); /* amortised growth */
int value_set(struct arena *a, struct value *object, const char *key,
              struct value *member); /* appends; no search */
int value_set_key(struct arena *a, struct value *object, const struct value_key *key,
                  struct value *member); /* the same with position; the key's text is borrowed */
/* A deep copy with its positions. -ERR_NOMEM, -ERR_LIMIT (deeper than any document). */
int value_copy(struct arena *a, const struct value *v, struct value **ret);
bool value_equal(const struct value *x,
                 const struct value *y); /* numbers by text; objects regardless of order */

/* ---- writer ---- */

/* Writes to a buf, whose sticky status is the writer's. Commas and colons are put by the writer. */
struct json_writer {
    struct buf *out;
    int indent; /* spaces a level; 0 = compact */
    int depth;
    uint64_t nonempty; /* bit per depth: something was written there */
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct buf *out, int indent);
void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_string(struct json_writer *w, const char *s); /* NULL writes null */
void json_string_n(struct json_writer *w, const char *s,
                   size_t n); /* invalid UTF-8 becomes U+FFFD */
void json_int(struct json_writer *w, int64_t n);
void json_double(struct json_writer *w, double d); /* shortest that reads back; NaN and Inf: null */
void json_raw(struct json_writer *w, const char *text,
              size_t n); /* a complete JSON value, trusted */
void json_bool(struct json_writer *w, bool b);
void json_null(struct json_writer *w);
void json_value(struct json_writer *w, const struct value *v);
/* Canonical form: compact, members sorted by key bytes, numbers as written. What document hashes are made of. */
int value_canonical(const struct value *v, struct buf *out);

#endif
