/* Where the DAGs that who asks may see name assets and aliases: read from the documents of their current versions, each once a call. */
#ifndef TW_SERVER_ASSET_REFS_H
#define TW_SERVER_ASSET_REFS_H

#include "server/api.h"

enum asset_role {
    ASSET_MADE,  /* an outlet of a task */
    ASSET_USED,  /* an inlet */
    ASSET_STARTS /* in the DAG's schedule */
};
struct asset_ref {
    size_t asset; /* which of those that were asked for */
    enum asset_role role;
    const char *dag_id, *task_id; /* task_id NULL with STARTS */
    int64_t at_us;                /* when the DAG changed last */
};
struct asset_alias_ref {
    const char *name, *group;
    int64_t id; /* of its name: the same wherever it stands */
};

/* By dag_id, then in the order of its document; in the call's arena. */
int api_asset_refs(struct call *c, const struct asset_row *assets, size_t n, struct asset_ref **ret,
                   size_t *ret_len, struct err *e);
/* By name. */
int api_asset_alias_refs(struct call *c, struct asset_alias_ref **ret, size_t *ret_len,
                         struct err *e);

#endif
