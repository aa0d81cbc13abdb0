/*
 * The lock of a TRADEWIND_HOME: its holder is the one process that may write the store (rule: one
 * writer). It is an flock on $HOME/lock, so it ends with the process however that dies; the file's
 * text only says who holds it.
 */
#ifndef TW_STORE_LOCK_H
#define TW_STORE_LOCK_H

#include <sys/types.h>

struct err;
struct lock; /* opaque */

/*
 * Takes the lock. 0 and *ret (release it with lock_release), or -ERR_BUSY with the holder's pid in
 * *ret_holder (0 when it cannot be told; may be NULL), or another error (-ERR_NOTFOUND: no such
 * folder). The text of the file is "pid boot_id start_time", the start time being field 22 of
 * /proc/PID/stat, so that a pid used again is not taken for the holder. A child made by fork alone
 * shares the lock; exec drops it.
 */
int lock_acquire(const char *home, struct lock **ret, pid_t *ret_holder, struct err *e);
void lock_release(struct lock *lock); /* NULL is allowed. The file stays: removing it would let two
                                         hold "the" lock */

#endif
