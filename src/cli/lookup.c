#include "cli/lookup.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/session.h"
#include "model/document.h"

#define ARENA_MAX ((size_t)2 << 30)

void found_fini(struct found *f)
{
    dag_unref(f->dag);
    store_close(f->store);
    arena_fini(&f->arena);
    f->dag = NULL;
    f->store = NULL;
}

static int unknown_dag(struct found *f, const char *dag_id, struct err *e)
{
    struct dag_row *rows;
    const char *ids[256], *near;
    size_t n;

    if (f->store->ops->get_dags(f->store, &f->arena, &rows, &n, NULL) != 0) {
        n = 0;
    }
    n = n < 256 ? n : 256;
    for (size_t i = 0; i < n; i++) {
        ids[i] = rows[i].dag_id;
    }
    near = nearest_word(dag_id, ids, n);
    return near != NULL
               ? err_set(e, ERR_NOTFOUND, "there is no DAG '%s'; did you mean '%s'?", dag_id, near)
               : err_set(e, ERR_NOTFOUND, "there is no DAG '%s'; see `tradewind dags list`",
                         dag_id);
}

#define PAGE 500

/* A run id that reads as a time is the logical date of a run, of the newest with it. -ERR_NOTFOUND. */
static int find_dated(struct found *f, const char *text, struct err *e)
{
    struct run_row *rows;
    int64_t at, after = 0;
    size_t n = PAGE;
    int rc = time_parse(text, strlen(text), &at) == 0 ? 0 : -ERR_NOTFOUND;

    while (rc == 0 && n == PAGE) {
        rc = f->store->ops->get_runs(f->store, f->dag_row.dag_key, 0, after, PAGE, &f->arena, &rows,
                                     &n, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            if (rows[i].logical_date_us == at) {
                f->run = rows[i];
                return 0;
            }
            after = rows[i].run_key;
        }
    }
    return rc != 0 ? rc : -ERR_NOTFOUND;
}

static int find_run(struct found *f, const char *dag_id, const char *run_id, struct err *e)
{
    const struct store_ops *ops = f->store->ops;
    struct run_row *rows;
    size_t n;
    int rc = 0;

    if (dag_id != NULL) {
        rc = ops->find_dag(f->store, dag_id, &f->arena, &f->dag_row, e);
        if (rc == -ERR_NOTFOUND) {
            return unknown_dag(f, dag_id, e);
        }
    }
    if (rc == 0 && run_id != NULL) {
        rc = ops->find_run(f->store, f->dag_row.dag_key, run_id, &f->arena, &f->run, e);
        rc = rc == -ERR_NOTFOUND ? find_dated(f, run_id, e) : rc;
        return rc == -ERR_NOTFOUND
                   ? err_set(e, ERR_NOTFOUND,
                             "DAG '%s' has no run '%s'; see `tradewind runs list %s`", dag_id,
                             run_id, dag_id)
                   : rc;
    }
    if (rc == 0) {
        rc = ops->get_runs(f->store, f->dag_row.dag_key, 0, 0, 1, &f->arena, &rows, &n, e);
    }
    if (rc == 0 && n == 0) {
        return dag_id != NULL ? err_set(e, ERR_NOTFOUND, "DAG '%s' has not run yet", dag_id)
                              : err_set(e, ERR_NOTFOUND,
                                        "nothing has run yet; start with `tradewind run FILE`");
    }
    if (rc == 0) {
        f->run = rows[0];
    }
    return rc;
}

static int find_task(struct found *f, const char *task_id, struct err *e)
{
    const char *ids[1024], *near;
    size_t n = f->dag->tasks_len < 1024 ? f->dag->tasks_len : 1024;

    f->task = dag_task(f->dag, task_id);
    if (f->task != NULL) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        ids[i] = f->dag->tasks[i].task_id;
    }
    near = nearest_word(task_id, ids, n);
    return near != NULL ? err_set(e, ERR_NOTFOUND, "DAG '%s' has no task '%s'; did you mean '%s'?",
                                  f->dag->dag_id, task_id, near)
                        : err_set(e, ERR_NOTFOUND,
                                  "DAG '%s' has no task '%s'; see `tradewind tasks list %s`",
                                  f->dag->dag_id, task_id, f->dag->dag_id);
}

static int load_rows(struct found *f, struct err *e)
{
    const struct store_ops *ops = f->store->ops;
    int rc = ops->get_tis(f->store, f->run.run_key, 0, &f->arena, &f->tis, &f->tis_len, e);

    return rc == 0
               ? ops->get_notes(f->store, f->run.run_key, &f->arena, &f->notes, &f->notes_len, e)
               : rc;
}

const struct note_row *found_note(const struct found *f, const struct ti_key *key)
{
    for (size_t i = 0; i < f->notes_len; i++) {
        if (f->notes[i].key.task == key->task && f->notes[i].key.map_index == key->map_index) {
            return &f->notes[i];
        }
    }
    return NULL;
}

int found_open(struct found *f, const char *home, const char *dag_id, const char *run_id,
               const char *task_id, struct err *e)
{
    int rc;

    *f = (struct found){0};
    arena_init(&f->arena, ARENA_MAX);
    rc = store_open_for_reading(home, &f->store, e);
    rc = rc == 0 ? find_run(f, dag_id, run_id, e) : rc;
    rc = rc == 0 ? home_load_version(f->store, f->run.version_key, &f->dag, e) : rc;
    rc = rc == 0 && task_id != NULL ? find_task(f, task_id, e) : rc;
    return rc == 0 ? load_rows(f, e) : rc;
}

int found_open_key(struct found *f, const char *home, int64_t run_key, struct err *e)
{
    int rc;

    *f = (struct found){0};
    arena_init(&f->arena, ARENA_MAX);
    rc = store_open_for_reading(home, &f->store, e);
    rc = rc == 0 ? f->store->ops->get_run(f->store, run_key, &f->arena, &f->run, e) : rc;
    rc = rc == 0 ? home_load_version(f->store, f->run.version_key, &f->dag, e) : rc;
    return rc == 0 ? load_rows(f, e) : rc;
}

/* Its first row, or where it would be. */
static size_t first_row(const struct found *f, uint32_t task)
{
    size_t lo = 0, hi = f->tis_len;

    while (lo < hi) { /* by (task, map_index) */
        size_t mid = (lo + hi) / 2;

        if (f->tis[mid].key.task < task) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* A mapped task as one: the worst that its instances came to, once all have ended; its first start, its last end. */
static struct ti_row summary_of(const struct found *f, size_t at)
{
    struct ti_row all = f->tis[at];
    uint32_t n[TASK_STATE_MAX_];
    uint32_t ended = 0;

    found_counts(f, all.key.task, n);
    for (size_t i = at + 1; i < f->tis_len && f->tis[i].key.task == all.key.task; i++) {
        const struct ti_row *r = &f->tis[i];

        all.try_number = r->try_number > all.try_number ? r->try_number : all.try_number;
        all.max_tries = r->max_tries > all.max_tries ? r->max_tries : all.max_tries;
        if (r->start_us != TIME_NONE && (all.start_us == TIME_NONE || r->start_us < all.start_us)) {
            all.start_us = r->start_us;
        }
        if (r->end_us != TIME_NONE && (all.end_us == TIME_NONE || r->end_us > all.end_us)) {
            all.end_us = r->end_us;
        }
        if (r->state == TASK_FAILED && all.reason == NULL) {
            all.reason = r->reason;
        }
    }
    for (int s = 0; s < TASK_STATE_MAX_; s++) {
        ended += task_state_finished(s) ? n[s] : 0;
    }
    if (ended < (uint32_t)all.map_len) {
        all.state = n[TASK_RUNNING] > 0  ? TASK_RUNNING
                    : n[TASK_QUEUED] > 0 ? TASK_QUEUED
                                         : TASK_NONE;
        all.end_us = TIME_NONE;
    } else if (n[TASK_FAILED] > 0) {
        all.state = TASK_FAILED;
    } else if (n[TASK_UPSTREAM_FAILED] > 0) {
        all.state = TASK_UPSTREAM_FAILED;
    } else {
        all.state = n[TASK_SKIPPED] == (uint32_t)all.map_len ? TASK_SKIPPED : TASK_SUCCESS;
    }
    return all;
}

int32_t found_counts(const struct found *f, uint32_t task, uint32_t ret[TASK_STATE_MAX_])
{
    int32_t len = 0;
    uint32_t rows = 0;

    memset(ret, 0, TASK_STATE_MAX_ * sizeof *ret);
    for (size_t i = first_row(f, task); i < f->tis_len && f->tis[i].key.task == task; i++) {
        const struct ti_row *r = &f->tis[i];

        if (r->key.map_index < 0) {
            len = r->map_len;
        } else if (r->key.map_index < len) {
            ret[r->state]++;
            rows++;
        }
    }
    ret[TASK_NONE] += (uint32_t)len - rows;
    return len;
}

int found_check_index(const struct found *f, int map_index, struct err *e)
{
    uint32_t n[TASK_STATE_MAX_];
    int32_t len = f->task->mapped && map_index >= 0 ? found_counts(f, f->task->index, n) : 0;

    if (map_index < 0 || map_index < len) {
        return 0;
    }
    for (size_t i = 0; i < f->tis_len; i++) { /* one of an earlier, longer map */
        if (f->tis[i].key.task == f->task->index && f->tis[i].key.map_index == map_index) {
            return 0;
        }
    }
    if (!f->task->mapped) {
        return err_set(e, ERR_NOTFOUND, "task '%s' is not mapped: it has no --map-index",
                       f->task->task_id);
    }
    return len == 0 ? err_set(e, ERR_NOTFOUND, "task '%s' has no instances yet", f->task->task_id)
                    : err_set(e, ERR_NOTFOUND,
                              "task '%s' has no instance %d: its %d have --map-index 0 to %d",
                              f->task->task_id, map_index, len, len - 1);
}

struct ti_row found_child(const struct found *f, uint32_t task, int32_t map_index)
{
    struct ti_row row = found_ti(f, task);

    if (map_index < 0) {
        return row;
    }
    for (size_t i = first_row(f, task); i < f->tis_len && f->tis[i].key.task == task; i++) {
        if (f->tis[i].key.map_index == map_index) {
            return f->tis[i];
        }
    }
    row = (struct ti_row){.key = {f->run.run_key, task, map_index}, .exit_code = -1};
    row.start_us = row.end_us = row.queued_us = row.scheduled_us = row.next_us = TIME_NONE;
    return row;
}

struct ti_row found_ti(const struct found *f, uint32_t task)
{
    size_t lo = first_row(f, task);

    if (lo < f->tis_len && f->tis[lo].key.task == task) {
        return f->tis[lo].map_len > 0 ? summary_of(f, lo) : f->tis[lo];
    }
    return (struct ti_row){.key = {f->run.run_key, task, -1},
                           .max_tries = (uint16_t)f->dag->tasks[task].retries,
                           .scheduled_us = INT64_MIN,
                           .queued_us = INT64_MIN,
                           .start_us = INT64_MIN,
                           .end_us = INT64_MIN,
                           .next_us = INT64_MIN,
                           .exit_code = -1};
}

const struct attempt_row *found_attempt(struct found *f, uint32_t task, unsigned try_number,
                                        struct err *e)
{
    const struct attempt_row *best = NULL;
    struct attempt_row *rows;
    size_t n;

    if (f->store->ops->get_attempts(f->store, f->run.run_key, &f->arena, &rows, &n, e) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (rows[i].key.task == task && (try_number == 0 || rows[i].try_number == try_number) &&
            (best == NULL || rows[i].try_number > best->try_number)) {
            best = &rows[i];
        }
    }
    return best;
}
