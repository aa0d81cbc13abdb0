/*
 * Time tables: what a DAG's `schedule` says, and from it the next run. Pure: the clock, the zone's data and the last run are
 * given. What each kind means, and every difference from Airflow: docs/internals/timetables.md.
 */
#ifndef TW_MODEL_TIMETABLE_H
#define TW_MODEL_TIMETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "model/cron.h"

struct arena;
struct buf;
struct err;
struct value;
struct zone;

enum timetable_kind {
    TIMETABLE_NONE,               /* no schedule: never */
    TIMETABLE_ONCE,               /* @once */
    TIMETABLE_CONTINUOUS,         /* @continuous: one run after the other */
    TIMETABLE_CRON_TRIGGER,       /* at each tick */
    TIMETABLE_CRON_DATA_INTERVAL, /* for each span between two ticks, at its end */
    TIMETABLE_MULTIPLE_CRON,      /* at each tick of any of several expressions */
    TIMETABLE_CRON_PARTITION,     /* at each tick, for the partition some ticks away */
    TIMETABLE_CALENDAR,           /* at each tick except on days off, and on days put in */
    TIMETABLE_DELTA_TRIGGER,      /* every so often */
    TIMETABLE_DELTA_DATA_INTERVAL,
    TIMETABLE_EVENTS,             /* at listed instants */
    TIMETABLE_ASSETS,             /* when assets are updated: no time of its own */
    TIMETABLE_PARTITIONED_ASSETS, /* the same, by partition */
    TIMETABLE_ASSET_OR_TIME,      /* both: times are those of `inner` */
    TIMETABLE_PYTHON,             /* a user's class: only Python can tell its times */
};

/* A length of time: exact, or of the calendar (in UTC), as Python's timedelta and relativedelta. */
struct timetable_delta {
    int32_t years, months;
    int64_t us;
    int8_t
        weekday; /* -1: none; else 0 (Monday) to 6: move to the nth such day, n > 0 forward, n < 0 back */
    int8_t nth;
};

/* Read-only for all but its makers; lives in the arena that it was parsed into. */
struct timetable {
    enum timetable_kind kind;
    const char *zone; /* name of the zone its ticks are in; "UTC" if it has none */
    struct cron *crons;
    const char *const *expressions; /* as written, one per cron */
    uint32_t crons_len;
    struct timetable_delta delta, interval;
    bool run_immediately;
    int64_t run_immediately_us; /* a limit instead of yes and no; TIME_NONE */
    const int64_t *events_us;   /* ascending */
    uint32_t events_len;
    bool restrict_to_events;
    int32_t run_offset; /* ticks from the run to its partition */
    const char *key_format;
    const char *summary; /* of events and Python's: as given */
    const struct timetable *inner;
    int64_t delay_us; /* jitter: added to run_after of every run */
};

struct timetable_options {
    const char *dag_id; /* what the jitter is made of; NULL: no jitter */
    const char *zone;   /* of schedules that name none: the DAG's; NULL: UTC */
    enum cron_dialect dialect;
    bool cron_data_intervals,
        delta_data_intervals; /* Airflow's settings create_..._data_intervals */
};

/*
 * From the member `schedule` of a document (NULL and null: none). All is copied into the arena. Errors: -ERR_SYNTAX, -ERR_INVALID,
 * -ERR_UNSUPPORTED, -ERR_LIMIT with the line and column of the value that is wrong, and a remedy; -ERR_NOMEM.
 * Zones are checked as names only: whether there is such a zone is seen by who loads it.
 */
int timetable_parse(struct arena *a, const struct value *schedule,
                    const struct timetable_options *o, const struct timetable **ret, struct err *e);

struct timetable_run {
    int64_t run_after_us;     /* it begins no earlier */
    int64_t start_us, end_us; /* its data interval; TIME_NONE for partitions */
    int64_t logical_us;       /* = start_us; TIME_NONE for partitions */
    int64_t partition_us;     /* TIME_NONE if it is not for a partition */
    char partition[250];      /* its key, or "" */
};

struct timetable_restriction {
    int64_t earliest_us, latest_us; /* start_date and end_date; TIME_NONE: no bound */
    bool catchup;
};

struct timetable_question {
    const struct zone
        *zone; /* that of t->zone; may be NULL for kinds that have no cron expression */
    const struct timetable_run
        *last; /* the last automatic run, as it was answered; NULL: none yet */
    struct timetable_restriction restriction;
    int64_t now_us;
};

/*
 * The next run: 1 and *ret; 0 when there is none (for ever, if the question stays the same but for its clock; kinds without
 * times always). Every answer's run_after_us and data interval lie after those of `last`, whatever it was made by.
 * -ERR_UNSUPPORTED: the kind is PYTHON, whose class must be asked. -ERR_LIMIT: more than LIMIT_SCHEDULE_STEPS periods since the
 * start. -ERR_INVALID: dates beyond the calendar (the years 1 to 9999).
 */
int timetable_next(const struct timetable *t, const struct timetable_question *q,
                   struct timetable_run *ret, struct err *e);

/* The key of the partition of a run that was answered with this run_after, and its tick: of CRON_PARTITION; "" and TIME_NONE for other kinds.
 * Errors as above. */
int timetable_partition(const struct timetable *t, const struct zone *zone, int64_t run_after_us,
                        char *ret, size_t cap, int64_t *ret_us, struct err *e);

/* The data interval of a run made by hand. Errors as above. */
int timetable_manual_interval(const struct timetable *t, const struct zone *zone,
                              int64_t run_after_us, int64_t *ret_start_us, int64_t *ret_end_us,
                              struct err *e);

/* Whether its runs come from a clock, at all: false for NONE, ASSETS and PARTITIONED_ASSETS. */
bool timetable_is_timed(const struct timetable *t);
/* How many runs may be active at once because of it: 1 for CONTINUOUS; 0: it does not say. */
int timetable_active_runs_limit(const struct timetable *t);

/* Airflow's summary: "0 0 * * *", "1 day, 0:00:00", "@once", "Asset or ..." */
void timetable_describe(const struct timetable *t, struct buf *out);

/* t + sign * delta. -ERR_INVALID beyond the calendar. */
int timetable_add(int64_t t_us, const struct timetable_delta *delta, int sign, int64_t *ret_us);

/*
 * Ticks of one expression in a zone. INT64_MAX: none after, TIME_NONE: none before. Not always monotonic, on purpose
 * (gaps and folds in docs/internals/timetables.md).
 */
int64_t timetable_tick_after(const struct cron *c, const struct zone *zone, int64_t utc_us);
int64_t timetable_tick_before(const struct cron *c, const struct zone *zone, int64_t utc_us);

#endif
