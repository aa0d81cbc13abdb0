/*
 * Bulk changes: {"actions": [{"action": "create" | "update" | "delete", "entities": [...], ...}]} -> what succeeded, what did not. As in
 * Airflow an action that fails on one of its entities before it has begun (one is there, one is not) changes nothing; the next goes on.
 */
#ifndef TW_SERVER_API_BULK_H
#define TW_SERVER_API_BULK_H

#include "server/api.h"

/* What of a kind a bulk change does. All SUSPEND, and may leave a call answered with 202 (*ret_later). Errors are the entity's. */
struct bulk_kind {
    const char *what;      /* "Pool": as errors name it */
    const char *id_member; /* of its body */
    int (*exists)(struct call *c, const char *id, bool *ret, struct err *e);
    int (*create)(struct call *c, const struct value *body, const char *id, bool overwrite,
                  bool *ret_later, struct err *e);
    int (*update)(struct call *c, const struct value *body, const char *id, bool *ret_later,
                  struct err *e); /* update_mask: an argument of the call, as for a single one */
    int (*drop)(struct call *c, const char *id, bool *ret_later, struct err *e);
};
extern const struct bulk_kind bulk_variables, bulk_connections, bulk_pools;

#endif
