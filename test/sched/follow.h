/*
 * The follower drives a scheduler and keeps its own plain picture of every run. After each step it
 * replays the recorded transitions one by one and asks the oracle whether each was right at that
 * moment, then compares the whole: states, runs, tries, tokens, limits, and that nothing waits
 * without a reason.
 *
 *   S1 one live attempt of an instance; tries only grow; a stale token changes nothing
 *   S2 every transition starts where the instance was and is an edge of the table
 *   S3 a run ends exactly when its instances have, in the state that its leaves give
 *   S4 an instance left `none` only by its rule (or by hand), and none stays that could leave
 *   S5 what is queued and running fits pools, parallelism and limits
 *   S6 a failed attempt is retried exactly while tries are left, and not before its time
 *   L2 no instance stays scheduled while every limit has room for it
 *
 * Test code: running out of memory ends the program.
 */
#ifndef TW_TEST_SCHED_FOLLOW_H
#define TW_TEST_SCHED_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "oracle.h"
#include "sched/sched.h"

struct dag;

struct follow_ti {
    uint16_t try_number, max_tries;
    struct uuid token;
    int64_t worker, queued_us, next_us;
    bool dying; /* a kill was asked for its live attempt */
    struct uuid dying_token;
    bool dying_harmless;        /* it was deferred: nothing of it runs */
    struct uuid deferred_token; /* of the attempt that was deferred last */
};

/* What is known of the previous run, for depends_on_past. */
enum follow_past { FOLLOW_PAST_UNKNOWN, FOLLOW_PAST_NONE, FOLLOW_PAST_ROWS, FOLLOW_PAST_LIVE };

/* Of a mapped task whose length is not written in the DAG. */
struct follow_ask {
    int64_t question; /* open; 0 = none */
    int64_t deadline_us;
    bool stale; /* an instance was cleared: the length is asked again before one runs */
};

struct follow_run {
    int64_t run_key;
    struct dag *dag; /* one reference */
    struct run_row row;
    uint8_t state; /* enum run_state */
    /* Slots: the tasks, then the instances of mapped ones in the order in which they were made. */
    uint32_t len, cap;
    struct ti_key *at;
    uint8_t *states; /* enum task_state */
    struct follow_ti *tis;
    struct ti_row *rows;     /* as written last; key.run_key = 0: never written */
    uint32_t *left_out;      /* by which task's branch (index + 1) it was skipped last; 0 = none */
    struct oracle_map *maps; /* per task: slots has `made` entries, those from len on are removed */
    int32_t *made;
    struct follow_ask *asks; /* per task */
    bool by_hand;            /* stopped, or timed out: it will be failed */
    bool condemned;          /* stopped by fail_fast: the same */
    int64_t question;        /* about the previous run; 0 = not asked */
    bool deadlocked;         /* in this step: what is left in none is upstream_failed */
    enum follow_past past;
    uint8_t *past_states; /* FOLLOW_PAST_ROWS: by task */
    int64_t past_run;     /* FOLLOW_PAST_LIVE */
};

struct follow_resource {
    char name[64];
    int32_t slots, granted;
    bool exclusive, include_deferred;
};

/* A command for a run that was not held: it is carried out when the run is restored. */
#define FOLLOW_LATE 16
struct follow_late {
    enum sched_event_type type; /* 0 = none */
    int64_t run_key;
    uint32_t *tasks;    /* NULL = all */
    int32_t *map_index; /* one per task, or NULL */
    size_t tasks_len;
    uint8_t state;
};

/* What the answer of this step does to a mapped task and its group. */
enum follow_length { LENGTH_NONE, LENGTH_BAD, LENGTH_EMPTY, LENGTH_NEW, LENGTH_AGAIN };

struct follow {
    struct follow_run **runs;
    size_t runs_len, runs_cap;
    struct follow_resource resources[16];
    size_t resources_len;
    bool paused, full, shutdown; /* paused: the DAG of the runs (one DAG at a time) */
    int64_t queued_timeout_us;
    uint16_t queued_retries;
    int32_t max_map_length;
    bool
        slices; /* a step may leave instances to the next tick; the whole is compared when it did not */
    struct {
        enum follow_length what;
        struct follow_run *run;
        uint32_t task;
        bool too_long;
    } length;
    int64_t now_us;
    const struct sched_event *ev; /* the step's */
    struct arena arena;           /* reasons, once each */
    struct map reasons;
    bool restoring; /* runs are being restored: nothing is queued before another kind of event */
    struct follow_late late[FOLLOW_LATE]; /* the last ones; type 0 = free */
    size_t late_next;
    unsigned transitions; /* all that were checked */
    char text[512];       /* what was wrong */
};

void follow_init(struct follow *f, const struct sched_config *config);
void follow_fini(struct follow *f);

enum follow_depth { FOLLOW_CHANGED, FOLLOW_ALL };
/* One step with its checks: 0, or -1 with f->text. a must be empty before. FOLLOW_ALL compares
 * every instance. */
int follow_step(struct follow *f, struct sched *s, const struct sched_event *ev,
                struct sched_actions *a, enum follow_depth depth);
struct follow_run *follow_find(const struct follow *f, int64_t run_key); /* NULL if absent */
/* The slot of an instance, or UINT32_MAX; whether it is one now: not the task of an expanded one, nor a removed one. */
uint32_t follow_slot(const struct follow_run *run, const struct ti_key *key);
bool follow_counts(const struct follow_run *run, uint32_t slot);
const struct task *follow_task(const struct follow_run *run, uint32_t slot);
/* The rows written so far, into list (run->len at most); returns how many. What a restored scheduler is made from. */
size_t follow_rows(const struct follow_run *run, struct ti_row *list);
/* depends_on_past and wait_for_downstream, as far as they are known to be met. */
bool follow_past_ok(const struct follow *f, const struct follow_run *run, uint32_t slot);
/* Nothing in the run can go on before somebody clears or marks an earlier one. */
bool follow_held_by_past(const struct follow *f, const struct follow_run *run);
void follow_drop(struct follow *f, int64_t run_key);

#endif
