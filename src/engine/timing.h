/* What a DAG's schedule means: its time table with the data of its time zone. */
#ifndef TW_ENGINE_TIMING_H
#define TW_ENGINE_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/due.h"

struct dag;
struct err;
struct timetable;
struct timing;
struct zone;

/*
 * Reads the zone's file (TZDIR, else /usr/share/zoneinfo). *ret NULL and 0 when no clock starts the DAG. Errors are the DAG's, in words:
 * -ERR_INVALID, -ERR_UNSUPPORTED ... Blocks for a small file.
 */
int timing_new(const struct dag *d, struct timing **ret, struct err *e);
/* Where the zones are; and the release of their data, "" when it is not known. Reads a small file. */
const char *timing_zone_folder(void);
void timing_zone_release(char *ret, size_t cap);
void timing_free(struct timing *p);
/* A zone by its name, from the same file. -ERR_INVALID in words. Blocks for a small file. */
int timing_load_zone(const char *name, struct zone **ret, struct err *e);
/* At most so many runs at once because of it and of the DAG's max_active_runs; 0 = no limit. */
int32_t timing_active_runs(const struct timing *p, const struct dag *d);

/* Borrowed. The zone may be NULL for kinds that have no cron expression. */
const struct timetable *timing_timetable(const struct timing *p);
const struct zone *timing_zone(const struct timing *p);
/* The partition of a run that was answered with this run_after; "" when its schedule has none. */
void timing_partition(const struct timing *p, int64_t run_after_us, char *ret, size_t cap);
/* The tick of that partition, if it has this key; else TIME_NONE. */
int64_t timing_partition_date(const struct timing *p, int64_t run_after_us, const char *key);

/* The data interval of a run by hand, where its kind is no Python class: -ERR_UNSUPPORTED. */
int timing_interval(const struct timing *p, int64_t run_after_us, int64_t *ret_start_us,
                    int64_t *ret_end_us, struct err *e);

/* due.h's question for this DAG. */
enum due_next timing_next(const struct timing *p, const struct dag *d, const struct due_run *last,
                          int64_t now_us, struct due_run *ret);

#endif
