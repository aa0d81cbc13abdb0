/*
 * One small DAG driven through everything that the world may do to it.
 *
 * A drive is one run of one DAG, from its creation to its end, and every decision that the world
 * may take in it (which running task ends next, how it ends, what a branch skips, whether the
 * scheduler is restored from its rows) is a choice of an odometer: all sequences of choices are
 * driven, one after another. After every event the follower compares all instances and the run with
 * the oracle; a difference fails the cmocka test with the DAG and the choices.
 */
#ifndef TW_TEST_SCHED_DRIVE_H
#define TW_TEST_SCHED_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow.h"

#define DRIVE_TASKS   4
#define DRIVE_SLOTS   16 /* tasks and instances of mapped ones */
#define DRIVE_CHOICES 64

/* odometer_choose answers as recorded, then 0; odometer_next goes on to the next sequence, false
 * after the last. */
struct odometer {
    uint8_t taken[DRIVE_CHOICES], of[DRIVE_CHOICES];
    size_t len, at;
};
uint32_t odometer_choose(struct odometer *o, uint32_t n);
bool odometer_next(struct odometer *o);

enum drive_order { DRIVE_FIRST, DRIVE_LAST, DRIVE_ALL };

struct drive_options {
    enum drive_order order; /* which of the running tasks ends next */
    uint32_t outcomes;      /* 3: success, failed, skipped; 2: without skipped */
    bool skips;             /* a success may skip any set of its descendants */
    bool restores;       /* once in a drive, at any end, the scheduler is rebuilt from its rows */
    bool clears;         /* once in a drive, when it has ended, any set of its tasks is cleared */
    int32_t parallelism; /* slots; 0 = unlimited */
    uint32_t lengths;    /* an asked length is 0 .. lengths - 1 */
    uint32_t
        slice; /* instances that a step looks at; with DRIVE_FIRST the rest is looked at before anything else happens, else after all of that */
};

struct drive {
    struct sched *s;
    struct follow f;
    struct sched_actions a;
    struct dag *dag;
    int64_t run_key, now_us;
    struct odometer o;
    const struct drive_options *options;
    bool restored, cleared;
    int64_t question;       /* open, about a length; 0 = none */
    uint64_t drives, steps; /* counted over all DAGs */
};

/* All drives of one DAG; takes the reference. w is zero before the first. */
void drive_all(struct drive *w, struct dag *dag, const struct drive_options *options);

#endif
