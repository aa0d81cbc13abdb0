/* Everything that two stores say of the same runs, side by side; and whether a store's history leads to its rows. */
#ifndef TW_SIM_FRONT_COMPARE_H
#define TW_SIM_FRONT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/* False: *text says where they differ, or what could not be read. */
bool front_same(struct store *a, struct store *b, char *text, size_t n);
/* S10. False: *text says of which instance. */
bool front_replays(struct store *s, char *text, size_t n);

#endif
