/* Inside the follower: what its files share. */
#ifndef TW_TEST_SCHED_FOLLOW_PRIV_H
#define TW_TEST_SCHED_FOLLOW_PRIV_H

#include "follow.h"

/* What was true before the step, of the instance that the event names. */
struct follow_before {
    struct follow_run *run; /* NULL: the event names no instance that is known */
    uint32_t task;
    uint8_t state;
    struct uuid token; /* the event's */
    bool valid;        /* the event's token is the live one */
};

/* Sets f->text and returns -1. */
int follow_wrong(struct follow *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *follow_key(const struct ti_key *k, char buf[64]);
void follow_before(const struct follow *f, const struct sched_event *ev, struct follow_before *b);
/* Whether this change was right at this moment; 0 or -1. */
int follow_judge(struct follow *f, const struct follow_before *b, struct follow_run *run,
                 uint32_t i, uint8_t to);
/* It waits for a time, and that has come. */
bool follow_due(const struct follow *f, const struct follow_run *run, uint32_t i);
bool follow_timed_out(const struct follow *f, const struct follow_run *run);
/* S5 and L2 over everything held. */
int follow_limits(struct follow *f);

#endif
