/* The versions of DAGs that a thread of the server keeps parsed: a page of a list of runs asks for a hundred of them. */
#ifndef TW_SERVER_DAG_CACHE_H
#define TW_SERVER_DAG_CACHE_H

#include <stdint.h>

struct dag;

#define DAG_CACHE_SETS  64
#define DAG_CACHE_WAYS  8
#define DAG_CACHE_TASKS 100000 /* of all kept DAGs together: some 100 MiB at most */

struct dag_cache {
    struct dag_kept {
        int64_t version_key;
        struct dag *dag; /* owned; NULL: free */
        uint64_t used;
    } kept[DAG_CACHE_SETS][DAG_CACHE_WAYS];
    uint64_t uses;
    uint64_t tasks;
};

/* NULL: not kept. Borrowed until DAG_CACHE_WAYS others have been put, or the cache is emptied. */
const struct dag *server_dags_get(struct dag_cache *c, int64_t version_key);
/* Takes d over. Those that were used longest ago make room. */
void server_dags_put(struct dag_cache *c, int64_t version_key, struct dag *d);
void server_dags_clear(struct dag_cache *c);

#endif
