/*
 * Retention: what is too old goes by itself, so that store and logs stay small. The newest run of each DAG that was not started by hand
 * stays, whatever its age, and so does all that is not finished.
 */
#ifndef TW_HOME_RETENTION_H
#define TW_HOME_RETENTION_H

#include <stdint.h>

struct config;
struct engine;
struct err;
struct loop;
struct store;

/* Ages in microseconds, since the end of a run, or since a row was written; 0: kept for ever. */
struct retention {
    int64_t runs_us;         /* runs with their history, XComs and logs */
    int64_t logs_us;         /* logs of runs that stay */
    int64_t asset_events_us; /* but for the newest of each asset */
    int64_t audits_us;
};

struct retention retention_of(const struct config *c);

/* Blocks: for commands, with the only writable store. Removes all runs that ended before a time, and the files of those that were removed
 * before. *ret_runs: how many runs. */
int retention_clean(struct store *s, const char *home, int64_t before_us, int64_t *ret_runs,
                    struct err *e);

/*
 * SUSPENDS until it is canceled. Looks a minute after the start, then every hour (or tenth of the shortest age), and removes in pieces that take a small part of the time of
 * the store's thread; files go on a thread of their own. What cannot be done is logged and tried again at the next look. *r may change between looks.
 */
int retention_keep(struct engine *g, struct loop *l, const char *home, const struct retention *r);

#endif
