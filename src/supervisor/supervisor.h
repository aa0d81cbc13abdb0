/*
 * What a supervisor does with one child process, decided from events and time alone: no clock, no process. The driver (cli/cmd_standalone.c)
 * tells what happened, carries out what supervisor_next says, and sleeps until supervisor_until.
 *
 *            start                        spawned                 ready
 *   IDLE ------------> WAITING(now) -----------------> STARTING ---------> READY
 *                        ^   ^                            |                  |
 *                        |   '-- exited: after a pause ---+------------------'
 *                        |            (exit code that another start cannot change, or too many in a row: FAILED)
 *   FAILED --revive------'
 *
 *   WAITING, FAILED --stop--> ENDED
 *   STARTING, READY --stop--> STOPPING: TERM, after stop_us KILL --exited--> ENDED
 *
 * S1  SPAWN is said only in WAITING, and not again before spawned or exited was told: there is never a second process.
 * S2  After stop nothing is spawned.
 * S3  The pauses between starts double from pause_min_us to pause_max_us; a child that was READY for steady_us begins anew.
 * S4  At most starts_max starts in a row without having been steady; 0: no limit.
 * S5  A READY child that was not heard for watchdog_us is killed (and then it has exited, as any other); 0: never.
 */
#ifndef TW_SUPERVISOR_SUPERVISOR_H
#define TW_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

enum supervisor_state {
    SUPERVISOR_IDLE,
    SUPERVISOR_WAITING, /* for its next start */
    SUPERVISOR_STARTING,
    SUPERVISOR_READY,
    SUPERVISOR_STOPPING,
    SUPERVISOR_ENDED,
    SUPERVISOR_FAILED, /* it is not started again by itself */
};

enum supervisor_action {
    SUPERVISOR_NOTHING,
    SUPERVISOR_SPAWN,
    SUPERVISOR_TERM,
    SUPERVISOR_KILL,
};

struct supervisor_policy {
    int64_t pause_min_us, pause_max_us, steady_us, watchdog_us, stop_us;
    int starts_max;
};

struct supervisor_child {
    struct supervisor_policy policy;
    enum supervisor_state state;
    int starts;       /* in a row, without having been steady */
    int64_t restarts; /* since the beginning */
    int64_t next_us;  /* WAITING: when it is started */
    int64_t ready_us; /* READY: since when */
    int64_t heard_us; /* READY: the last sign of life */
    int64_t kill_us;  /* STOPPING: when TERM has not been enough; INT64_MAX: it has been killed */
    bool spawning;    /* SPAWN was said */
    bool termed, killed;   /* TERM, KILL were said */
    int exit_code, signal; /* of the last end */
};

/* Exit codes that say that another start would end the same: a wrong command line, configuration, store, or right. */
bool supervisor_is_final(int exit_code);

void supervisor_init(struct supervisor_child *c, const struct supervisor_policy *p);
void supervisor_start(struct supervisor_child *c, int64_t now_us);
void supervisor_spawned(struct supervisor_child *c, int64_t now_us);
void supervisor_heard(struct supervisor_child *c, int64_t now_us); /* a ping */
void supervisor_ready(struct supervisor_child *c, int64_t now_us);
/* It has ended, or could not be spawned (exit_code 127). exit_code -1: by a signal. */
void supervisor_exited(struct supervisor_child *c, int exit_code, int signum, int64_t now_us);
void supervisor_stop(struct supervisor_child *c, int64_t now_us);
void supervisor_hurry(struct supervisor_child *c, int64_t now_us); /* STOPPING: no more patience */
void supervisor_revive(struct supervisor_child *c,
                       int64_t now_us); /* a FAILED one is tried again */

/* What is to be done now; each is said once. */
enum supervisor_action supervisor_next(struct supervisor_child *c, int64_t now_us);
/* When supervisor_next may say something, if nothing happens before; 0: now; INT64_MAX: never. */
int64_t supervisor_until(const struct supervisor_child *c);
static inline bool supervisor_lives(const struct supervisor_child *c)
{
    return c->state == SUPERVISOR_STARTING || c->state == SUPERVISOR_READY ||
           c->state == SUPERVISOR_STOPPING;
}
const char *supervisor_state_name(enum supervisor_state s);

#endif
