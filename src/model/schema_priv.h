/* Numbers and formats of JSON Schema. */
#ifndef TW_MODEL_SCHEMA_PRIV_H
#define TW_MODEL_SCHEMA_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct value;

/* Numbers as they are written, compared as decimals: -1, 0, 1. Beyond 36 digits as doubles. */
int schema_compare(const struct value *a, const struct value *b);
bool schema_is_integer(const struct value *v); /* 1.0 and 1e3 are */
bool schema_is_multiple(const struct value *v, const struct value *of);
/* As JSON: 1 equals 1.0, objects regardless of order. *steps counts what is looked at. */
bool schema_equal(const struct value *a, const struct value *b, size_t *steps);

/* Whether a format is known, and, if so, met. */
bool schema_format(const char *format, const char *text, size_t n, bool *ret_met);

#endif
