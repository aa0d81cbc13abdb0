/* Inside the follower: what its files share. */
#ifndef TW_TEST_SCHED_FOLLOW_PRIV_H
#define TW_TEST_SCHED_FOLLOW_PRIV_H

#include "follow.h"

/* What was true before the step, of the instance that the event names. */
struct follow_before {
    struct follow_run *run; /* NULL: the event names no instance that is known */
    uint32_t slot;
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
struct oracle_run follow_view(const struct follow_run *run);
/* An answer about a length: what it must do, done. Time: a question is over. */
void follow_take_length(struct follow *f, const struct sched_event *ev);
bool follow_by_length(const struct follow *f, const struct follow_run *run, uint32_t i, uint8_t to);
bool follow_must_ask(const struct follow *f, const struct follow_run *run, uint32_t i);
/* It is being failed: stopped, timed out, or by fail_fast. */
bool follow_is_ending(const struct follow *f, const struct follow_run *run);
uint32_t follow_slot_add(struct follow_run *run, uint32_t task, int32_t index);
/* From none to this many; slots are made. */
void follow_expand(struct follow_run *run, uint32_t task, int32_t len);
/* A slot for it, made where there is none. */
uint32_t follow_make(struct follow_run *run, uint32_t task, int32_t index);
/* The open question about the length of a task, or of any in its group; 0 = none. */
int64_t follow_question(const struct follow_run *run, uint32_t task);
/* S5 and L2 over everything held. */
int follow_limits(struct follow *f);

#endif
