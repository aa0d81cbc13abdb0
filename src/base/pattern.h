/*
 * Regular expressions as ECMA-262 and Python write them, matched in time linear in the text, whatever the pattern: no backtracking, so no pattern
 * can be catastrophic. Literals, `.`, classes, \d \w \s \b and their opposites (ASCII), anchors, groups, alternatives, all quantifiers (lazy ones
 * match the same texts). What is not regular (look-around, back references) and flags are refused with -ERR_UNSUPPORTED. Pure.
 */
#ifndef TW_BASE_PATTERN_H
#define TW_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct err;
struct pattern; /* opaque; in the arena */

/* Text is UTF-8. -ERR_INVALID, -ERR_UNSUPPORTED, -ERR_LIMIT (longer than LIMIT_PATTERN_PROGRAM when its counts are written out), -ERR_NOMEM. */
int pattern_compile(struct arena *a, const char *text, size_t n, struct pattern **ret,
                    struct err *e);
/* Whether it is found anywhere in the text. -ERR_NOMEM. */
int pattern_search(const struct pattern *p, const char *text, size_t n, bool *ret);

#endif
