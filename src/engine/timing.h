/* What a DAG's schedule means: its time table with the data of its time zone. */
#ifndef TW_ENGINE_TIMING_H
#define TW_ENGINE_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/due.h"

struct dag;
struct err;
struct timing;

/*
 * Reads the zone's file (TZDIR, else /usr/share/zoneinfo). *ret NULL and 0 when no clock starts the DAG. Errors are the DAG's, in words:
 * -ERR_INVALID, -ERR_UNSUPPORTED ... Blocks for a small file.
 */
int timing_new(const struct dag *d, struct timing **ret, struct err *e);
/* Where the zones are; and the release of their data, "" when it is not known. Reads a small file. */
const char *timing_zone_folder(void);
void timing_zone_release(char *ret, size_t cap);
void timing_free(struct timing *p);
/* At most so many runs at once because of it and of the DAG's max_active_runs; 0 = no limit. */
int32_t timing_active_runs(const struct timing *p, const struct dag *d);

/* due.h's question for this DAG. */
enum due_next timing_next(const struct timing *p, const struct dag *d, const struct due_run *last,
                          int64_t now_us, struct due_run *ret);

#endif
