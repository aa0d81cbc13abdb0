/* Batches by chance, of few keys, so that they collide: some are refused. */
#ifndef TW_TEST_STORE_RANDOM_BATCH_H
#define TW_TEST_STORE_RANDOM_BATCH_H

#include "fixture.h"

#define RANDOM_RUNS   6
#define RANDOM_TASKS  4
#define RANDOM_ROWS   12
#define RANDOM_ASSETS 3

struct random_batch {
    struct store_batch b;
    struct dag_row dags[2];
    struct version_row versions[2];
    struct run_row runs[3];
    struct ti_row tis[RANDOM_ROWS], tries[3];
    struct transition_row transitions[RANDOM_ROWS];
    struct xcom_row xcoms[3];
    struct ti_key clears[2];
    struct rendered_row rendered[2];
    struct attempt_row attempts[3];
    struct command_row commands[1];
    struct grant_row grants[2];
    struct pool_row pools[2];
    struct audit_row audits[1];
    struct asset_row assets[2];
    struct asset_event_row events[3];
    struct asset_queue_row queue[6];
    struct move_row moves[1];
    uint32_t to[RANDOM_TASKS];
    struct note_row notes[2];
    struct arrival_row arrivals[2];
    char texts[64][24];
    size_t texts_len;
};

/* Points into itself: do not copy. */
void random_batch(struct prng *p, struct random_batch *r);

#endif
