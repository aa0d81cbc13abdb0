/* What the tests of backfills share: a DAG with a date each day, its life under an engine, and what must hold of a backfill at any time. */
#ifndef TW_TEST_ENGINE_BACKFILL_WORLD_H
#define TW_TEST_ENGINE_BACKFILL_WORLD_H

#include "engine/backfill.h"
#include "world.h"

#define DAY       (86400 * TIME_SECOND)
#define DATES_MAX 64

/* What a test is about. */
struct bf_it {
    struct arena arena; /* of the DAG's document */
    int64_t day0;       /* of the first date */
    uint32_t dates;
    int32_t limit;
    enum backfill_reprocess reprocess;
    bool backwards;
    int before[DATES_MAX];   /* by day: -1, or the state of the run that is there before */
    bool failing[DATES_MAX]; /* unused days are false */
    const char *
        older; /* spec of the DAG that these runs are of, or NULL: of the one that the backfill finds */
    int64_t key, older_version;
    int worst; /* most of its runs that ran at once */
    int most;  /* most that were queued or running */
};
extern struct bf_it it;

/* What the store says. */
struct seen {
    struct arena arena;
    struct backfill_row row;
    struct backfill_run_row *dates;
    size_t len;
    struct run_row *runs;
    size_t runs_len;
};

struct sched_actions;

void bf_set_schedule(const char *text);
void bf_begin(const char *spec, uint32_t dates, int32_t limit);
void bf_end(void);
void bf_see(struct seen *s);
void bf_unsee(struct seen *s);
const struct run_row *bf_run_of(const struct seen *s, int64_t run_key);
void bf_check(void);
void bf_on_commit(void *arg, const struct sched_actions *a);
int bf_ensure_dag(struct engine *g, int64_t *ret, struct err *e);
int bf_ensure_backfill(struct engine *g, struct err *e);
int bf_wait_over(struct engine *g, struct err *e);
int bf_life(struct engine *g, struct err *e);
int bf_life_before(struct engine *g, struct err *e);
void bf_live(int (*fn)(struct engine *g, struct err *e));
void bf_check_end(void);

#endif
