/* DAGs drawn from a seed, by features: a swarm switches each on or off. */
#ifndef TW_TEST_SCHED_DAG_DRAW_H
#define TW_TEST_SCHED_DAG_DRAW_H

#include <stdint.h>

#include "base/prng.h"

struct dag;

enum dag_feature {
    DRAW_RULES = 1 << 0,   /* any trigger rule */
    DRAW_RETRIES = 1 << 1, /* with and without backoff */
    DRAW_POOLS = 1 << 2,   /* pools pool_a, pool_b beside default_pool; 1-3 slots */
    DRAW_WEIGHTS = 1 << 3, /* priorities and weight rules */
    DRAW_CAPS = 1 << 4,    /* max_active_tasks, max_active_tis_per_dag, _per_dagrun */
    DRAW_PAST = 1 << 5,    /* depends_on_past, wait_for_downstream */
    DRAW_SETUPS = 1 << 6,  /* setups and teardowns */
    DRAW_INSTANT = 1 << 7,
    DRAW_FAIL_FAST = 1 << 8,
    DRAW_TIMEOUT = 1 << 9,   /* dagrun_timeout */
    DRAW_MAX_RUNS = 1 << 10, /* max_active_runs */
    DRAW_MAPPED =
        1
        << 11, /* mapped tasks and groups; lengths written and asked, some 0 or over DRAW_MAP_MAX */
    DRAW_FEATURES = (1 << 12) - 1,
};

#define DRAW_MAP_MAX 5 /* whoever drives these sets it as max_map_length */

/* A chain, a fan, layers or anything, of `tasks` tasks. One reference, the caller's. */
struct dag *dag_draw(struct prng *p, uint32_t tasks, unsigned features);

#endif
