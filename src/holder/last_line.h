/* The last line of a stream, as a BashOperator returns it: without its newline and trailing white
 * space, and at most its last bytes. */
#ifndef TW_HOLDER_LAST_LINE_H
#define TW_HOLDER_LAST_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct last_line {
    char *p; /* room for 2 * LIMIT_LAST_LINE; owned; NULL: not wanted */
    size_t len;
    bool ended; /* the line is complete; what comes next begins another */
};

int last_line_init(struct last_line *l, bool wanted); /* -ERR_NOMEM */
void last_line_fini(struct last_line *l);
void last_line_clear(struct last_line *l);
void last_line_feed(struct last_line *l, const char *p, size_t n);
/* The line (borrowed; NULL if not wanted), beginning with a whole UTF-8 character. */
const char *last_line_get(const struct last_line *l, size_t *ret_len);

#endif
