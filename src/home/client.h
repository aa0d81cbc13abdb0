/* The client's side of the engine's socket (docs/internals/wire.md). */
#ifndef TW_HOME_CLIENT_H
#define TW_HOME_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/*
 * SUSPENDS. One question to the engine that lives in the home. `members`: of the request after v, type and id, without braces; *ret (may be
 * NULL): the answer's "result" as JSON (mem_free), or NULL when it has none. -ERR_CLOSED, -ERR_NOTFOUND ...: no engine lives; *ret_refused
 * (may be NULL) is true where an engine lives and refused: the code is then the engine's own, as in err.def. -ERR_TIMEOUT: it has not answered
 * within timeout_us; it may still do what was asked.
 */
int home_request(const char *home, const char *type, const char *members, int64_t timeout_us,
                 char **ret, bool *ret_refused, struct err *e);

#endif
