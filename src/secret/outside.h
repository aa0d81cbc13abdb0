/*
 * Variables and connections from outside of the store, which come before it: the secrets folder ($TRADEWIND_SECRETS_DIR, else
 * HOME/secrets: variables/KEY and connections/ID, one file each), then the environment (TRADEWIND_VAR_KEY, AIRFLOW_VAR_KEY, and _CONN_).
 */
#ifndef TW_SECRET_OUTSIDE_H
#define TW_SECRET_OUTSIDE_H

#include <stddef.h>

struct arena;
struct err;

enum outside_kind { OUTSIDE_VARIABLE, OUTSIDE_CONNECTION };

/* The text in the arena, or *ret NULL when there is none. One line end at the end of a file does not count. */
int outside_find(const char *home, enum outside_kind kind, const char *name, struct arena *a,
                 const char **ret, struct err *e);
/* From the folder alone. */
int outside_folder(const char *home, enum outside_kind kind, const char *name, struct arena *a,
                   const char **ret, struct err *e);

#endif
