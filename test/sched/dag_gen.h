/*
 * DAGs made by program, for tests that draw or enumerate them: dag_gen_init, fill gen->dag->tasks
 * and add edges, then dag_gen_finish. Edges go from a smaller to a larger index only, so the order
 * of the indices is the topological order. Test code: running out of memory ends the program.
 */
#ifndef TW_TEST_SCHED_DAG_GEN_H
#define TW_TEST_SCHED_DAG_GEN_H

#include <stddef.h>
#include <stdint.h>

#include "model/dag.h"

struct dag_gen {
    struct dag
        *dag; /* tasks have the defaults of a document: all_success, default_pool, weight 1 */
    uint32_t (*edges)[2];
    size_t edges_len, edges_cap;
};

void dag_gen_init(struct dag_gen *g, uint32_t tasks);
/* A second edge between the same tasks is ignored. */
void dag_gen_edge(struct dag_gen *g, uint32_t up, uint32_t down);
/* The task is mapped: over `len` values, or, with -1, over what `source` returns; the edge from it is added. */
void dag_gen_map(struct dag_gen *g, uint32_t task, int32_t len, uint32_t source);
/* Tasks from..to-1 are a mapped group; the source comes before all of those that have no upstream in it. */
void dag_gen_map_group(struct dag_gen *g, uint32_t group, uint32_t from, uint32_t to, int32_t len,
                       uint32_t source);
/* The DAG with its edges, weights, setups and scopes; one reference, the caller's. g is empty
 * afterwards. */
struct dag *dag_gen_finish(struct dag_gen *g);

#endif
