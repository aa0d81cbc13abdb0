/* Where the DAGs that the store has name an asset. */
#ifndef TW_CLI_PRODUCERS_H
#define TW_CLI_PRODUCERS_H

#include <stddef.h>

struct arena;
struct err;
struct store;

enum asset_role {
    ASSET_MADE,  /* an outlet of a task */
    ASSET_USED,  /* an inlet */
    ASSET_STARTS /* in the DAG's schedule */
};

struct asset_mention {
    enum asset_role role;
    const char *dag_id, *file; /* of the DAG */
    const char *task_id;       /* NULL with STARTS */
};

/* By dag_id, then in the order of its document. Reads the current version of each DAG. */
int producers_find(struct store *s, const char *name, const char *uri, struct arena *a,
                   struct asset_mention **ret, size_t *ret_len, struct err *e);

#endif
