/*
 * Rows: the durable state of runs and task instances, as the scheduler gives it and the store keeps it. Strings are borrowed
 * from whoever made the row. Times are microseconds (base/time.h), TIME_NONE when not set.
 */
#ifndef TW_MODEL_ROWS_H
#define TW_MODEL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "model/states.h"

/* Which instance: map_index is -1 for a task that is not mapped. */
struct ti_key {
    int64_t run_key;
    uint32_t task; /* index within the run's DAG version */
    int32_t map_index;
};

/* The durable state of a task instance; what the store keeps, and what a restored run is made from. A row that the store
 * does not have means: state none, try 0. Times in microseconds; TIME_NONE when not set. */
struct ti_row {
    struct ti_key key;
    uint8_t state; /* enum task_state */
    uint16_t
        try_number; /* 0 before the first; grows when scheduled, except from up_for_reschedule and deferred */
    uint16_t max_tries;  /* retries allowed: set to the task's at first, raised by clear */
    uint16_t requeues;   /* times put back from queued because nobody took it */
    struct uuid attempt; /* the live attempt's token; zero when none */
    int64_t worker;      /* who claimed it; 0 = nobody yet */
    int64_t scheduled_us, queued_us, start_us, end_us;
    int64_t next_us;   /* up_for_retry, up_for_reschedule: not before; deferred: its timeout */
    int32_t exit_code; /* of the last end; -1 unknown */
    int32_t
        map_len; /* of the map_index -1 of a mapped task: how many instances it became; 0 = it is one itself */
    const char *reason; /* why it is in this state, in words, or NULL; at most 200 bytes */
};

struct run_row {
    int64_t run_key, dag_key, version_key;
    const char *run_id;
    uint8_t state;           /* enum run_state */
    uint8_t type;            /* enum run_type */
    int64_t logical_date_us; /* TIME_NONE: none (asset-triggered) */
    int64_t data_interval_start_us, data_interval_end_us;
    int64_t run_after_us; /* orders runs without a logical date */
    int64_t queued_us, start_us, end_us;
    int64_t backfill_key;  /* 0 = none: runs are limited per (dag, backfill) */
    uint32_t clear_number; /* how often the run was cleared */
    const char *
        reason; /* of a failed run: "task load failed", "timed out after 1h", "deadlocked" ..., or NULL */
    const char *conf;            /* JSON, opaque to the core; carried for the store; or NULL */
    const char *partition_key;   /* of what it is for, or NULL; never changes */
    uint8_t triggered_by;        /* enum run_trigger; never changes, and so: */
    const char *triggering_user; /* or NULL */
};

struct transition_row { /* one edge of one instance; the history */
    struct ti_key key;
    uint8_t from, to;
    uint16_t try_number;
    int64_t at_us;
    const char *reason; /* or NULL */
};

struct pool_row {
    const char *name;
    int64_t slots; /* -1 = unlimited */
    bool include_deferred;
    const char *description; /* or NULL */
};

#endif
