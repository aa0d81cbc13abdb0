/*
 * Cron expressions: from text to sets of bits, and the instants they name, on a calendar without time zones ("local"
 * microseconds: what a clock on the wall shows, as if it were UTC). What zones do to them is in timetable.h. Pure: no clock.
 *
 * Dialects (docs/internals/timetables.md has every rule):
 *   CRON_AIRFLOW  minute hour day month weekday [second [year]]; a day OR a weekday where both are restricted
 *   CRON_SPRING   second minute hour day month weekday; day AND weekday; adds L-3, LW, 5L, FRIL
 * Both: names (JAN, MON), lists, ranges also across the end (FRI-TUE), steps, ?, L, 15W, MON#2, and @hourly @daily @midnight
 * @weekly @monthly @quarterly @yearly @annually. Case is ignored. H and R (hashed expressions) are refused.
 */
#ifndef TW_MODEL_CRON_H
#define TW_MODEL_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum cron_dialect { CRON_AIRFLOW, CRON_SPRING };

/* How the day of the month and the day of the week make one day. */
enum cron_rule { CRON_BOTH, CRON_EITHER, CRON_DAY_ONLY, CRON_WEEKDAY_ONLY };

/* Days since 1970-01-01, ascending, each once. Borrowed. */
struct cron_dates {
    const int32_t *days;
    uint32_t len;
};

#define CRON_YEAR_MIN 1970
#define CRON_YEAR_MAX 2099

struct cron {
    uint64_t seconds, minutes; /* bit n: n is meant */
    uint32_t hours, days;      /* days: bits 1 to 31 */
    uint16_t months;           /* bits 1 to 12 */
    uint8_t weekdays;          /* bits 0 (Sunday) to 6 */
    uint8_t nth[7];            /* by weekday: bits 1 to 5, its nth of the month; bit 6, its last */
    uint32_t last;             /* bit n: the day n days before the last of the month */
    uint32_t nearest;          /* bit n: the weekday nearest to day n */
    uint64_t years[3];         /* bit n: CRON_YEAR_MIN + n */
    bool any_day, any_weekday, any_year; /* a star: the sets are not asked */
    bool last_weekday;                   /* LW: the last from Monday to Friday */
    bool
        nearest_in_month; /* nearest: a month without day n has none; else its last day stands for it */
    bool every_hour;      /* the hour is a star; time zones treat it in another way */
    bool has_seconds;     /* else the second is 0 and instants are whole minutes */
    enum cron_rule rule;
    struct cron_dates except,
        also; /* days taken out, and days put in whatever the other fields say */
};

/*
 * Parses n bytes. Errors: -ERR_SYNTAX with the column in the expression and a remedy; -ERR_INVALID when no date is ever meant
 * (30 February); -ERR_UNSUPPORTED for hashed expressions; -ERR_LIMIT beyond LIMIT_CRON_BYTES. *ret is set only on success.
 */
int cron_parse(const char *text, size_t n, enum cron_dialect dialect, struct cron *ret,
               struct err *e);

/*
 * The first instant strictly after, the last strictly before local_us. -ERR_NOTFOUND when there is none within
 * LIMIT_CRON_YEARS years (the list of years has ended; or between the rarest dates: never for others).
 */
int cron_next(const struct cron *c, int64_t local_us, int64_t *ret_us);
int cron_previous(const struct cron *c, int64_t local_us, int64_t *ret_us);

/* Whether the minute (or second) that local_us is in is meant. */
bool cron_matches(const struct cron *c, int64_t local_us);

/* The days of a month that are meant, as bits 1 to 31, whatever its month and year are. */
uint32_t cron_days_of(const struct cron *c, int year, int month);

#endif
