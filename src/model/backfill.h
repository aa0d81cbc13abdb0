/*
 * Backfills: runs of a DAG for a range of dates in the past. What a backfill is, which dates it has, in which order, and what becomes of
 * each. Pure: the clock, the zone's data and the runs that are there are given. What decides differently from Airflow:
 * docs/guide/backfill.md.
 */
#ifndef TW_MODEL_BACKFILL_H
#define TW_MODEL_BACKFILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dag;
struct err;
struct timetable;
struct zone;

/* What becomes of a date that has a run already. Airflow's words. */
enum backfill_reprocess {
    BACKFILL_NONE,      /* it is left alone */
    BACKFILL_FAILED,    /* runs again if it failed */
    BACKFILL_COMPLETED, /* runs again */
    BACKFILL_REPROCESS_MAX_
};
const char *backfill_reprocess_to_string(enum backfill_reprocess r);
int backfill_reprocess_from_string(const char *text); /* -1: none of them */

/* What became of a date. Kept in stores: never renumber. */
enum backfill_outcome {
    BACKFILL_PLANNED,     /* nothing yet: its turn has not come */
    BACKFILL_CREATED,     /* a run was made */
    BACKFILL_CLEARED,     /* the run that was there runs again, as part of the backfill */
    BACKFILL_EXISTS,      /* a run is there and is left alone: "already exists" */
    BACKFILL_IN_FLIGHT,   /* a run is there that has not ended: "in flight" */
    BACKFILL_CANCELLED,   /* what PLANNED is called once the backfill was cancelled: not stored */
    BACKFILL_OTHER_TASKS, /* only in stores of earlier versions: a run with other tasks than the newest version was left alone */
    BACKFILL_ERROR,       /* no run could be made */
    BACKFILL_OUTCOME_MAX_
};
const char *backfill_outcome_to_string(enum backfill_outcome o); /* "planned", "already exists" */

struct backfill_row {
    int64_t backfill_key, dag_key;
    int64_t from_us, to_us;  /* logical dates, both included */
    int32_t max_active_runs; /* of its own: at least 1 */
    uint8_t reprocess;       /* enum backfill_reprocess */
    bool backwards;          /* the last date first */
    bool own_version;        /* a run that runs again keeps its version; else it gets the newest */
    bool paused;
    uint32_t dates;    /* how many it has */
    const char *conf;  /* JSON object, or NULL */
    const char *actor; /* who asked for it, or NULL */
    int64_t created_us;
    int64_t
        completed_us; /* all of its runs have ended, or it was cancelled; TIME_NONE: it is active */
    int64_t cancelled_us; /* TIME_NONE: it was not */
};

struct backfill_run_row { /* one date of it */
    int64_t backfill_key;
    uint32_t ordinal; /* its place in the order of the backfill: 1 to dates */
    uint8_t outcome;  /* enum backfill_outcome */
    int64_t
        run_key; /* CREATED, CLEARED: its run; EXISTS, IN_FLIGHT, OTHER_TASKS: the one that is there; else 0 */
    int64_t logical_us, start_us, end_us, run_after_us; /* as of struct timetable_run */
};

/* Can a DAG with this time table have a backfill at all? -ERR_UNSUPPORTED says why not. */
int backfill_check_timetable(const struct timetable *t, struct err *e);
/* May this DAG have this one? -ERR_INVALID: a range that is none, backwards or without
 * reprocessing where tasks depend on the past; run types that it does not allow. */
int backfill_check(const struct backfill_row *b, const struct dag *d, int64_t now_us,
                   struct err *e);

/*
 * The dates of [from_us, to_us], in the backfill's order: those of the time table from its first one at or after from_us on (catchup and
 * the DAG's own start and end do not count), whose data interval has ended before now_us. In the arena; none: *ret NULL. -ERR_LIMIT: more
 * than LIMIT_BACKFILL_DATES; else as timetable_next.
 */
int backfill_dates(const struct backfill_row *b, const struct timetable *t, const struct zone *zone,
                   int64_t now_us, struct arena *a, struct backfill_run_row **ret, size_t *ret_len,
                   struct err *e);

/* What is to be done for a date: CREATED (make a run), CLEARED (run it again), EXISTS or IN_FLIGHT. */
enum backfill_outcome backfill_decide(enum backfill_reprocess r, bool has_run, int run_state);

/*
 * How many runs may be made now: active ones (queued and running) of the backfill are kept at its limit and a few more, so that a
 * slot that becomes free is filled at once. 0: not before `active` has shrunk.
 */
uint32_t backfill_room(int32_t max_active_runs, uint32_t active);

#endif
