/* The arguments of one instance of a mapped task. */
#ifndef TW_WORKER_MAPPED_H
#define TW_WORKER_MAPPED_H

#include "worker/local_priv.h"

struct value;
struct err;

/* It is one, and its arguments are found here: its operator is not Python's. */
bool attempt_is_mapped(const struct attempt *a);
/* SUSPENDS where XComs are pulled. Its arguments by name, or in a mapped group those of the group; in the attempt's arena. */
int attempt_mapped(struct attempt *a, struct value **ret, struct err *e);
void worker_mapped_fini(struct local_worker *w);

#endif
