/*
 * The release of the time zone data, recorded in the store: when another one is found, every due time that has not fired is computed anew. Runs
 * that were created stay as they are.
 */
#ifndef TW_ENGINE_ZONES_H
#define TW_ENGINE_ZONES_H

#include <stddef.h>

struct engine;
struct err;
struct store;

/* The release that schedules were made with last; "" when none was recorded. Blocks. */
int zones_recorded(struct store *s, char *ret, size_t cap, struct err *e);
/* SUSPENDS. Compares what is installed with what was used last; a change is logged and recorded, and the schedules of all known DAGs are made
 * anew. Cheap when nothing changed: call it now and then. */
int zones_refresh(struct engine *g, struct err *e);

#endif
