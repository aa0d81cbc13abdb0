/* What the words on a command line mean: a DAG, a run of it, a task of that run. */
#ifndef TW_CLI_LOOKUP_H
#define TW_CLI_LOOKUP_H

#include "base/arena.h"
#include "model/dag.h"
#include "store/store.h"

struct found {
    struct arena arena; /* rows live here */
    struct store *store;
    struct dag_row dag_row;
    struct run_row run;
    struct dag *dag; /* of the run's version; one reference */
    const struct task *task;
    struct ti_row *tis; /* of the run: those that have a row */
    size_t tis_len;
    struct note_row *notes; /* of the run and its instances */
    size_t notes_len;
};

/* dag_id NULL: that of the newest run of all. run_id NULL: the last run of the DAG; it may be a logical date too. task_id NULL: none. Loads the instances too.
 * -ERR_NOTFOUND says what there is instead. Close it with found_fini, also after an error. */
int found_open(struct found *f, const char *home, const char *dag_id, const char *run_id,
               const char *task_id, struct err *e);
/* The same by the run's key. */
int found_open_key(struct found *f, const char *home, int64_t run_key, struct err *e);
void found_fini(struct found *f);
/* The row of a task, or what an absent row means (state none). */
struct ti_row found_ti(const struct found *f, uint32_t task);
/* How many instances of a mapped task are in each state; returns how many there are, 0 when it is one itself. */
int32_t found_counts(const struct found *f, uint32_t task, uint32_t ret[TASK_STATE_MAX_]);
/* -ERR_NOTFOUND, with what there is, where f->task has no instance of this index. */
int found_check_index(const struct found *f, int map_index, struct err *e);
/* One instance; -1: the task as a whole. */
struct ti_row found_child(const struct found *f, uint32_t task, int32_t map_index);
/* NULL: there is none. */
const struct note_row *found_note(const struct found *f, const struct ti_key *key);
/* The attempt facts of a task's try (0 = the last): NULL when it never started. */
const struct attempt_row *found_attempt(struct found *f, uint32_t task, unsigned try_number,
                                        struct err *e);

#endif
