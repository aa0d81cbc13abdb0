/* S5 and L2: what is used of every limit, counted anew, and what could go on. */
#include <string.h>

#include "base/time.h"
#include "ledger_priv.h"
#include "model/dag.h"

static bool is_live(uint8_t s)
{
    return s == TASK_QUEUED || s == TASK_RUNNING || s == TASK_RESTARTING;
}

static bool is_paused(const struct ledger *l, int64_t dag_key)
{
    for (size_t i = 0; i < l->paused_len; i++) {
        if (l->paused[i].dag_key == dag_key) {
            return l->paused[i].paused;
        }
    }
    return false;
}

static const struct backfill_row *active_backfill(const struct ledger *l, int64_t key)
{
    for (size_t i = 0; i < l->backfills_len; i++) {
        if (l->backfills[i].backfill_key == key && l->backfills[i].completed_us == TIME_NONE) {
            return &l->backfills[i];
        }
    }
    return NULL;
}

/* Of the (DAG, backfill) that the run is of. */
static int32_t runs_limit(const struct ledger *l, const struct book *k)
{
    const struct backfill_row *b = active_backfill(l, k->row.backfill_key);

    return b != NULL ? b->max_active_runs : k->dag->max_active_runs;
}

static int32_t runs_active(const struct ledger *l, const struct book *k)
{
    int32_t n = 0;

    for (size_t i = 0; i < l->len; i++) {
        n += l->books[i].row.state == RUN_RUNNING && l->books[i].row.dag_key == k->row.dag_key &&
             l->books[i].row.backfill_key == k->row.backfill_key;
    }
    return n;
}

/* Live instances of a task: of one run, or of all of its DAG. */
static int32_t task_live(const struct book *k, uint32_t task)
{
    int32_t n = 0;

    for (size_t i = 0; i < k->len; i++) {
        n += k->lines[i].row.key.task == task && is_live(k->lines[i].row.state);
    }
    return n;
}

static int32_t task_live_of_dag(const struct ledger *l, const struct book *k, uint32_t task)
{
    int32_t n = 0;

    for (size_t i = 0; i < l->len; i++) {
        n += l->books[i].row.dag_key == k->row.dag_key ? task_live(&l->books[i], task) : 0;
    }
    return n;
}

static int32_t run_live(const struct book *k)
{
    int32_t n = 0;

    for (size_t i = 0; i < k->len; i++) {
        n += is_live(k->lines[i].row.state);
    }
    return n;
}

static int64_t pool_live(const struct ledger *l, const char *name)
{
    int64_t n = 0;

    for (size_t i = 0; i < l->len; i++) {
        const struct book *k = &l->books[i];

        for (size_t j = 0; j < k->len; j++) {
            const struct task *t = &k->dag->tasks[k->lines[j].row.key.task];

            n += is_live(k->lines[j].row.state) && strcmp(t->pool, name) == 0 ? t->pool_slots : 0;
        }
    }
    return n;
}

static void check_book(struct ledger *l, const struct book *k)
{
    int32_t live = run_live(k);

    if (live == 0) {
        return;
    }
    if (k->dag->max_active_tasks > 0 && live > k->dag->max_active_tasks) {
        ledger_violated(l, "S5: run %s: %d live, max_active_tasks %d", k->run_id, live,
                        k->dag->max_active_tasks);
    }
    for (uint32_t t = 0; t < k->dag->tasks_len; t++) {
        const struct task *task = &k->dag->tasks[t];

        if (task->max_active_tis_per_dagrun > 0 &&
            task_live(k, t) > task->max_active_tis_per_dagrun) {
            ledger_violated(l, "S5: run %s task %u: more than %d live in a run", k->run_id, t,
                            task->max_active_tis_per_dagrun);
        }
        if (task->max_active_tis_per_dag > 0 &&
            task_live_of_dag(l, k, t) > task->max_active_tis_per_dag) {
            ledger_violated(l, "S5: run %s task %u: more than %d live in the DAG", k->run_id, t,
                            task->max_active_tis_per_dag);
        }
    }
}

void ledger_limits(struct ledger *l)
{
    int64_t live = 0;

    for (size_t i = 0; i < l->len; i++) {
        const struct book *k = &l->books[i];

        check_book(l, k);
        live += run_live(k);
        if (k->started && runs_active(l, k) > runs_limit(l, k)) {
            ledger_violated(l, "S5: run %s begins, %d run of %d", k->run_id, runs_active(l, k),
                            runs_limit(l, k));
        }
    }
    if (l->c.parallelism > 0 && live > l->c.parallelism) {
        ledger_violated(l, "S5: %lld live, parallelism %d", (long long)live, l->c.parallelism);
    }
    for (size_t i = 0; i < l->pools_len; i++) {
        struct ledger_pool *p = &l->pools[i];
        int64_t used = pool_live(l, p->name);

        /* A pool that was made smaller keeps what is in it. */
        if (used > p->slots && used > p->used) {
            ledger_violated(l, "S5: pool %s: %lld used of %lld", p->name, (long long)used,
                            (long long)p->slots);
        }
        p->used = used;
    }
    l->live = live;
}

/* ---- L2 ---- */

/* Who needs more slots than are free may keep the rest of the pool for himself. */
static bool pool_has_room(const struct ledger *l, const struct task *t)
{
    for (size_t i = 0; i < l->pools_len; i++) {
        int64_t left = l->pools[i].slots - l->pools[i].used;

        if (strcmp(l->pools[i].name, t->pool) != 0) {
            continue;
        }
        for (size_t b = 0; b < l->len; b++) {
            const struct book *k = &l->books[b];

            for (size_t j = 0; j < k->len; j++) {
                const struct task *other = &k->dag->tasks[k->lines[j].row.key.task];

                if (k->lines[j].row.state == TASK_SCHEDULED && strcmp(other->pool, t->pool) == 0 &&
                    other->pool_slots > left) {
                    return false;
                }
            }
        }
        return t->pool_slots <= left;
    }
    return true;
}

static bool could_be_queued(const struct ledger *l, const struct book *k, const struct task *t)
{
    return !is_paused(l, k->row.dag_key) && l->live < l->c.parallelism && pool_has_room(l, t) &&
           (k->dag->max_active_tasks <= 0 || run_live(k) < k->dag->max_active_tasks) &&
           (t->max_active_tis_per_dagrun <= 0 ||
            task_live(k, t->index) < t->max_active_tis_per_dagrun) &&
           (t->max_active_tis_per_dag <= 0 ||
            task_live_of_dag(l, k, t->index) < t->max_active_tis_per_dag);
}

static bool could_go_on(struct ledger *l, const struct book *k, const struct line *line)
{
    struct oracle_run r;

    if (line->row.state == TASK_SCHEDULED) {
        return could_be_queued(l, k, &k->dag->tasks[line->row.key.task]);
    }
    if (line->row.state == TASK_NONE && ledger_is_plain(k->dag)) {
        r = ledger_oracle(l, k);
        return oracle_verdict(&r, line->row.key.task, -1) != ORACLE_WAIT;
    }
    return false;
}

static bool too_long(int64_t *since_us, bool idle, int64_t now_us)
{
    *since_us = !idle ? 0 : *since_us == 0 ? now_us : *since_us;
    return idle && now_us - *since_us > LEDGER_IDLE_US;
}

static bool could_start(const struct ledger *l, const struct book *k)
{
    const struct backfill_row *b = active_backfill(l, k->row.backfill_key);

    return k->row.state == RUN_QUEUED && !is_paused(l, k->row.dag_key) &&
           (b == NULL || !b->paused) && runs_active(l, k) < runs_limit(l, k);
}

void ledger_idle(struct ledger *l, int64_t now_us)
{
    for (size_t i = 0; i < l->len; i++) {
        struct book *k = &l->books[i];

        if (too_long(&k->idle_us, could_start(l, k), now_us)) {
            ledger_violated(l, "L2: run %s is queued, %d run of %d", k->run_id, runs_active(l, k),
                            runs_limit(l, k));
        }
        for (size_t j = 0; j < k->len; j++) {
            struct line *line = &k->lines[j];

            if (too_long(&line->idle_us,
                         k->row.state == RUN_RUNNING && ledger_counts(k, line) &&
                             could_go_on(l, k, line),
                         now_us)) {
                ledger_violated(l, "L2: run %s task %u[%d] is %s, and could go on", k->run_id,
                                line->row.key.task, line->row.key.map_index,
                                task_state_to_string(line->row.state));
            }
        }
    }
}
