/* A copy of a batch that outlives whoever made it: what a commit of unknown outcome would have written. */
#ifndef TW_SIM_KEEP_H
#define TW_SIM_KEEP_H

#include "base/arena.h"
#include "store/store.h"

/* Ends the program when out of memory. */
void keep_batch(struct arena *a, const struct store_batch *b, struct store_batch *ret);

#endif
