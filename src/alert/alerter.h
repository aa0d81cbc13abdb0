/*
 * The alerter: carries rows of alerts to their channels. It has no store, no clock and no network of its own: its host lends them, so that
 * it works on virtual time over any store.
 *
 * One lane for each channel that has, or had, something to say; a lane has one message under way at most. A message:
 *
 *   PENDING rows --taken: they get a message id, durably--> SENDING --sent--> SENT
 *                                                             |  ^ \--refused for good, or tries are over--> FAILED
 *                                                     a try   |  |
 *                                                     failed   \/
 *                                                            (next_us)
 *
 * Invariants
 *  1. A row is durable before its message is sent, and so is which message it is part of (rule 1). Killed at any point, the next start sends
 *     what has not ended; what was sent and not written down is sent again under the same id with the same content.
 *  2. Between two messages of a lane lies its gap (alert_pace_sent). A try that is repeated is the same message, and new rows wait for it.
 *  3. What is the same (kind, DAG, run, task; of an import error the file and its text) and was not taken yet is one row with a count.
 *  4. Nothing of a run waits for any of this; an error of a lane is that lane's.
 */
#ifndef TW_ALERT_ALERTER_H
#define TW_ALERT_ALERTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "store/store.h"

struct alerter;
struct co_group;

struct alerter_host {
    void *arg;
    struct co_group *group;    /* of its coroutines; closed before alerter_free */
    const char *name;          /* the machine's: shown in messages */
    int64_t (*now)(void *arg); /* wall time, which never goes back */
    /* SUSPENDS. Rows, after all that was noted before is durable. -ERR_CLOSED: the host ends. */
    int (*load)(void *arg, const struct alert_query *q, struct arena *a, struct alert_row **ret,
                size_t *ret_len, struct err *e);
    int (*save)(void *arg, const struct alert_row *rows, size_t n,
                struct err *e); /* SUSPENDS until durable */
    int (*prune)(void *arg, int64_t before_us, size_t keep, struct err *e); /* SUSPENDS */
    int (*send)(void *arg, const struct alert_channel *c, const struct alert_message *m,
                bool *ret_final, struct err *e); /* SUSPENDS: alert_send */
};

/* h is borrowed until alerter_free; it keeps a reference to c. seed: of the ids of messages. */
int alerter_new(const struct alerter_host *h, struct alert_config *c, uint64_t seed,
                struct alerter **ret, struct err *e);
void alerter_free(struct alerter *x); /* NULL is allowed */
/* In place of the configuration so far; it keeps a reference. Holds for what is sent from now on: a message that is under way, or is tried
 * again, goes to the channel of its name as it is then. */
void alerter_set_config(struct alerter *x, struct alert_config *c);
/* SUSPENDS. Once, before the first note: reads what still waits, and begins. */
int alerter_start(struct alerter *x, struct err *e);

/* A row that waits, as the batch at hand is to write it; it stays until a later load of its channel is done. */
struct alert_open {
    struct alert_row row;
    uint64_t batch; /* the caller's: which batch has it, and where */
    size_t at;
};
/*
 * Something happened that a channel is to tell: `what` without alert_key, state and count. Does not suspend. The row is to be written with the
 * batch at hand; alerter_told after that batch is durable. -ERR_NOMEM; -ERR_LIMIT: LIMIT_ALERT_LANES channels (mail addresses) are there.
 */
int alerter_note(struct alerter *x, const struct alert_row *what, struct alert_open **ret);
void alerter_told(struct alerter *x);

#endif
