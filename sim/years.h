/*
 * Schedules through the real engine for simulated years: random time tables in random zones, instant tasks and long ones, crashes, times
 * without an engine, pauses, a wall clock that is set both ways, commits that fail. See years.c.
 *
 * The reference lists the runs of each time table from its beginning, one after the other, with nothing but timetable_next and catchup: no clock,
 * engine or store takes part. Beside it each DAG has a *stretch*: since when, by the engine's wall clock, nothing has hindered it (an engine
 * lives and knows it, it is not paused, max_active_runs has room, nobody set the clock). What must hold (S7):
 *   early     no run is durable before its run_after
 *   double    each is later than the one before it
 *   foreign   each is on the list
 *   missing   with catchup none on the list is left out. Without, one may be left out only if, when the stretch began or LOOK_US after it,
 *             the next one was due already.
 *   late      what is due for LOOK_US within a stretch is there
 */
#ifndef TW_SIM_YEARS_H
#define TW_SIM_YEARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "model/timetable.h"

struct dag;
struct run_row;
struct zone;

#define LOOK_US (60 * TIME_SECOND) /* twice the engine's */

struct years_dag {
    char id[24];
    char *document;
    size_t len;
    struct dag *dag;
    struct zone *zone;
    bool catchup, paused;
    bool from_now;   /* what is past is never made up for: listed events without catchup */
    bool floating;   /* a period that stands on no grid: a delta trigger without catchup */
    bool continuous; /* no list: each run begins where the one before it ended */
    int64_t dag_key;
    int32_t max_active, active;
    int64_t active_keys[16];
    int64_t last_key;
    struct timetable_run last,
        next; /* the newest durable run; the first on the list that comes after it */
    bool has_last, has_next;
    bool known; /* to the engine of this life */
    int64_t since_us,
        since_now; /* of the stretch: wall clock and monotonic clock; TIME_NONE: it is hindered */
    uint64_t runs, left_out;
};

struct years {
    struct prng prng;
    struct years_dag *dags;
    size_t dags_len;
    int64_t seen_us; /* the latest that the wall clock showed in this life */
    bool failed;
    void (*fail)(struct years *y, const struct years_dag *d, const char *what, int64_t at_us);
    uint64_t hash;
};

/* years_draw.c: n random DAGs whose runs lie in [from, to). Ends the program when one cannot be made. */
void years_draw(struct years *y, size_t n, int64_t from_us, int64_t to_us);
void years_free(struct years *y);

/* years_check.c */
void years_first(struct years *y, struct years_dag *d); /* begins the list */
/* The clock shows now; what hinders or no longer hinders the DAG has changed. now_us: monotonic. */
void years_stretch(struct years *y, struct years_dag *d, int64_t now_us);
void years_break(struct years *y, int64_t now_us); /* of all: a crash, or the clock is set */
/* A row of a run that is durable. */
void years_saw(struct years *y, const struct run_row *run, int64_t now_us);

#endif
