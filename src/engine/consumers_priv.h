/* Between consumers.c (who waits for which assets, and events for them) and consumers_runs.c (the runs that become due by them). */
#ifndef TW_ENGINE_CONSUMERS_PRIV_H
#define TW_ENGINE_CONSUMERS_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prng.h"

struct asset_due;
struct co;
struct consumer; /* consumers.c's */
struct mappers;

struct consumers {
    struct asset_due *due;
    struct consumer **all; /* by dag_key */
    size_t len, cap;
    struct co *co;
    bool waiting;
    unsigned creating;
    struct prng ids;
    struct mappers *mappers;
};

#endif
