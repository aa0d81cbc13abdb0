/*
 * Connections as Airflow writes them: URIs and JSON objects, to a value and back. The value is an object with the members conn_type,
 * description, host, schema, login, password (strings), port (number), extra (a string of JSON); those that are not set are not there.
 */
#ifndef TW_SECRET_CONNECTION_H
#define TW_SECRET_CONNECTION_H

#include <stddef.h>

struct arena;
struct buf;
struct err;
struct value;

extern const char *const connection_members[]; /* ends with NULL */

/* From a text: JSON if it begins with `{`, else a URI. Errors never tell what stood in it: it may hold a password. */
int connection_parse(const char *text, size_t n, struct arena *a, struct value **ret,
                     struct err *e);
int connection_parse_uri(const char *uri, struct arena *a, struct value **ret, struct err *e);
/* From an object, whose extra may be an object and port a text. Other members are an error. */
int connection_from_value(const struct value *o, struct arena *a, struct value **ret,
                          struct err *e);
/* As a URI that connection_parse_uri reads back as the same. */
int connection_to_uri(const struct value *c, struct buf *out);

#endif
