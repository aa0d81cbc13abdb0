/*
 * Sign-ins that fail are slowed down: per address, per user, and per user from one address. Clock and key are inputs.
 *
 *   attempt --may?--> it counts as failed at once --right password--> the counts of this user and address are forgotten
 *                                                '--wrong----------> it stays counted; beyond the free ones each doubles the pause
 *   waiting: until the pause is over, every attempt is refused without looking at the password, and does not count
 *
 * Attempts count before their password is looked at, so that many at once are no more than one after another. A user from everywhere has
 * many free ones and a short pause: who guesses from many addresses is slowed down, and the user is not locked out for long.
 * Memory is fixed (LIMITER_SLOTS). Where there is no room, that which failed least, and longest ago, is forgotten.
 */
#ifndef TW_ACCESS_LIMITER_H
#define TW_ACCESS_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define LIMITER_SLOTS 4096
#define LIMITER_WAYS  8
#define LIMITER_FORGET_US \
    (60 * 60 * TIME_SECOND) /* so long without a failure: as if there was none */

struct limiter_slot {
    uint64_t key; /* 0: free */
    uint32_t failures;
    int64_t last_us, until_us;
};

struct limiter {
    unsigned char secret[16]; /* which slots a name takes is nobody's to foresee */
    struct limiter_slot slots[LIMITER_SLOTS];
};

void limiter_init(struct limiter *l, const unsigned char secret[16]);
/* 0: it may be tried, and counts as a failure until limiter_right. Else after how many microseconds it may be. */
int64_t limiter_attempt(struct limiter *l, const char *user, const char *address, int64_t now_us);
void limiter_right(struct limiter *l, const char *user, const char *address);

#endif
