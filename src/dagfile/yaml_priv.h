/* What the files of the YAML reader share. Private to src/dagfile. */
#ifndef TW_DAGFILE_YAML_PRIV_H
#define TW_DAGFILE_YAML_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct err;
struct value;

/*
 * A scalar's value by the core schema of YAML 1.2. `plain`: written without quotes; `tag`: its tag,
 * or NULL. Numbers become JSON numbers. -ERR_SYNTAX for what has no value in JSON (.inf, .nan, an
 * unknown tag), -ERR_NOMEM.
 */
int yaml_scalar(struct arena *a, const char *text, size_t n, bool plain, const char *tag, int line,
                int col, struct value **ret, struct err *e);
/* -ERR_SYNTAX with a position when the input is not UTF-8 or has control characters. */
int yaml_check_bytes(const char *input, size_t n, struct err *e);

#endif
