/* Runs that are watched: see late.h. */
#include "engine/late.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/engine_priv.h"
#include "engine/late_priv.h"
#include "model/dag.h"
#include "model/deadline.h"
#include "sched/heap.h"

#define RESTORED_US (2 * TIME_SECOND) /* what ended while nobody looked is told first */

/* ---- the heap of runs, by their earliest moment ---- */

static bool is_before(const struct late_run *a, const struct late_run *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->run_key < b->run_key;
}
#define MOVED(e, i) ((e)->heap_at = (i))
HEAP_DEFINE(heap, struct late_run *, is_before, MOVED)

static void heap_remove(struct late *x, struct late_run *r)
{
    size_t i = r->heap_at;

    if (i == SIZE_MAX) {
        return;
    }
    r->heap_at = SIZE_MAX;
    x->heap[i] = x->heap[--x->heap_len];
    if (i < x->heap_len) {
        x->heap[i]->heap_at = i;
        heap_fix(x->heap, x->heap_len, i);
    }
}

void late_set_due(struct engine *g, struct late_run *r)
{
    struct late *x = g->late;
    int64_t due = TIME_NONE;

    for (size_t i = 0; i < r->items_len; i++) {
        int64_t at = r->items[i].due_us;

        due = at != TIME_NONE && (due == TIME_NONE || at < due) ? at : due;
    }
    due = due != TIME_NONE && due < r->not_before_us ? r->not_before_us : due;
    if (due == TIME_NONE) {
        heap_remove(x, r);
        return;
    }
    r->due_us = due;
    if (r->heap_at != SIZE_MAX) {
        heap_fix(x->heap, x->heap_len, r->heap_at);
    } else if (VEC_PUSH(x->heap, x->heap_len, x->heap_cap, r) == 0) {
        r->heap_at = x->heap_len - 1;
        (void)heap_up(x->heap, r->heap_at);
    } else {
        log_error("alerts", "out of memory: a deadline of run %s is not watched", r->row.run_id);
    }
    if (x->waiting && x->heap_len > 0 && x->heap[0] == r) {
        co_wake(x->co);
    }
}

int late_push(struct late_run *r, const struct late_item *item)
{
    return VEC_PUSH(r->items, r->items_len, r->items_cap, *item);
}

/* ---- runs ---- */

static size_t slot_of(const struct late *x, int64_t run_key)
{
    size_t i = (size_t)run_key * 0x9e3779b97f4a7c15u >> 20 & (x->slots_len - 1);

    while (x->slots[i].run_key != 0 && x->slots[i].run_key != run_key) {
        i = (i + 1) & (x->slots_len - 1);
    }
    return i;
}

static int grow(struct late *x)
{
    struct late next = {.slots_len = x->slots_len == 0 ? 64 : x->slots_len};

    if ((x->slots_used + 1) * 2 <= x->slots_len) {
        return 0;
    }
    while ((x->live + 1) * 4 > next.slots_len) {
        next.slots_len *= 2;
    }
    next.slots = mem_array(next.slots_len, sizeof *next.slots);
    if (next.slots == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < x->slots_len; i++) {
        if (x->slots[i].run_key > 0) {
            next.slots[slot_of(&next, x->slots[i].run_key)] = x->slots[i];
        }
    }
    mem_free(x->slots);
    x->slots = next.slots;
    x->slots_len = next.slots_len;
    x->slots_used = x->live;
    return 0;
}

struct late_run *late_find(const struct engine *g, int64_t run_key)
{
    const struct late *x = g->late;
    size_t i = x->slots_len > 0 ? slot_of(x, run_key) : 0;

    return x->slots_len > 0 && x->slots[i].run_key == run_key ? x->slots[i].run : NULL;
}

void late_run_unref(struct late_run *r)
{
    if (--r->refs == 0) {
        dag_unref(r->dag);
        mem_free((char *)r->row.run_id);
        mem_free(r->items);
        mem_free(r->limits);
        mem_free(r);
    }
}

/* What rules of slowness or deadlines a DAG has. */
static bool is_watched(const struct engine *g, const struct dag *d, bool *ret_tasks)
{
    unsigned on = g->late->slow_rules;

    *ret_tasks = false;
    for (size_t i = 0; i < d->alerts_len; i++) {
        on |= d->alerts[i].on;
    }
    for (uint32_t t = 0; (on >> ALERT_TASK_SLOW & 1) != 0 && t < d->tasks_len && !*ret_tasks; t++) {
        *ret_tasks = alerts_rule(g, ALERT_TASK_SLOW, d, &d->tasks[t]) != NULL;
    }
    return *ret_tasks || d->deadlines_len != 0 ||
           ((on >> ALERT_RUN_SLOW & 1) != 0 && alerts_rule(g, ALERT_RUN_SLOW, d, NULL) != NULL);
}

static struct late_run *run_new(struct engine *g, const struct run_row *run, const struct dag *d,
                                bool tasks)
{
    struct late_run *r = mem_zalloc(sizeof *r);

    if (r == NULL || (r->row.run_id = mem_strdup(run->run_id)) == NULL) {
        mem_free(r);
        return NULL;
    }
    r->refs = 1;
    r->run_key = run->run_key;
    r->row = (struct run_row){.run_key = run->run_key,
                              .dag_key = run->dag_key,
                              .version_key = run->version_key,
                              .run_id = r->row.run_id,
                              .state = run->state,
                              .type = run->type,
                              .logical_date_us = run->logical_date_us,
                              .data_interval_start_us = run->data_interval_start_us,
                              .data_interval_end_us = run->data_interval_end_us,
                              .run_after_us = run->run_after_us,
                              .queued_us = run->queued_us,
                              .start_us = run->start_us,
                              .end_us = TIME_NONE};
    r->dag = dag_ref((struct dag *)d);
    r->tasks = tasks;
    r->heap_at = SIZE_MAX;
    return r;
}

/* Live runs have a slot each, so that their end is news once; those that are watched have a run in it. */
static int add(struct engine *g, const struct run_row *run, const struct dag *d,
               struct late_run **ret)
{
    struct late *x = g->late;
    bool tasks = false;
    size_t i;

    *ret = NULL;
    if (grow(x) != 0) {
        return -ERR_NOMEM;
    }
    if (is_watched(g, d, &tasks)) {
        *ret = run_new(g, run, d, tasks);
        if (*ret == NULL) {
            return -ERR_NOMEM;
        }
    }
    i = slot_of(x, run->run_key);
    x->slots[i].run_key = run->run_key;
    x->slots[i].run = *ret;
    x->live++;
    x->slots_used++;
    x->watched += *ret != NULL;
    return 0;
}

static void set_started(struct engine *g, struct late_run *r, const struct run_row *run)
{
    if (r->row.start_us == TIME_NONE && run->start_us != TIME_NONE) {
        r->row.start_us = run->start_us;
        if (r->ready) {
            late_add_run_slow(g, r);
        }
    }
}

/* A deadline that the run's end came after, before its timer did; not what ended while nobody looked. */
static bool has_missed(const struct late_run *r)
{
    if (r->row.end_us < r->not_before_us) {
        return false;
    }
    for (size_t i = 0; i < r->items_len; i++) {
        if (r->items[i].kind == LATE_DEADLINE && r->items[i].due_us <= r->row.end_us) {
            return true;
        }
    }
    return false;
}

bool late_saw_run(struct engine *g, const struct run_row *run, const struct dag *d)
{
    struct late *x = g->late;
    size_t i = x->slots_len > 0 ? slot_of(x, run->run_key) : 0;
    bool known = x->slots_len > 0 && x->slots[i].run_key == run->run_key;
    struct late_run *r = known ? x->slots[i].run : NULL;

    if (!run_state_finished(run->state)) {
        if (!known && add(g, run, d, &r) != 0) {
            log_error("alerts", "out of memory: run %s is not watched", run->run_id);
        } else if (!known && r != NULL) {
            late_prepare(g, r);
        } else if (r != NULL) {
            set_started(g, r, run);
        }
        return false;
    }
    if (!known) {
        return false;
    }
    x->slots[i].run_key = -1;
    x->slots[i].run = NULL;
    x->live--;
    if (r != NULL) {
        x->watched--;
        r->ended = true;
        r->row.state = run->state;
        r->row.end_us = run->end_us != TIME_NONE ? run->end_us : engine_now(g);
        heap_remove(x, r);
        if (has_missed(r)) {
            late_ended(g, r);
        }
        late_run_unref(r);
    }
    return true;
}

int late_restored(struct engine *g, const struct run_row *run, const struct dag *d,
                  const struct ti_row *tis, size_t n)
{
    struct late_run *r;
    int rc = g->late != NULL ? add(g, run, d, &r) : 0;

    if (rc != 0 || g->late == NULL || r == NULL) {
        return rc;
    }
    r->not_before_us = engine_now(g) + RESTORED_US;
    for (size_t i = 0; rc == 0 && r->tasks && i < n; i++) {
        if ((tis[i].state == TASK_RUNNING || tis[i].state == TASK_DEFERRED) &&
            tis[i].start_us != TIME_NONE) {
            rc = late_push(r, &(struct late_item){.kind = LATE_TASK,
                                                  .task = tis[i].key.task,
                                                  .map_index = tis[i].key.map_index,
                                                  .try_number = tis[i].try_number,
                                                  .from_us = tis[i].start_us,
                                                  .due_us = TIME_NONE});
        }
    }
    if (rc == 0) {
        late_prepare(g, r);
    }
    return rc;
}

/* ---- tasks ---- */

bool late_wants(const struct engine *g, const struct transition_row *t)
{
    const struct late_run *r;

    if (g->late->watched == 0 ||
        (t->to != TASK_RUNNING && t->from != TASK_RUNNING && t->from != TASK_DEFERRED)) {
        return false;
    }
    r = late_find(g, t->key.run_key);
    return r != NULL && r->tasks;
}

static struct late_item *find_task(struct late_run *r, const struct ti_key *key)
{
    for (size_t i = 0; i < r->items_len; i++) {
        struct late_item *p = &r->items[i];

        if (p->kind == LATE_TASK && p->task == key->task && p->map_index == key->map_index) {
            return p;
        }
    }
    return NULL;
}

void late_saw_task(struct engine *g, const struct transition_row *t)
{
    struct late_run *r = late_find(g, t->key.run_key);
    struct late_item *p = find_task(r, &t->key);
    bool runs = t->to == TASK_RUNNING || t->to == TASK_DEFERRED;
    struct ti_row row;

    if (!runs && p != NULL) {
        *p = r->items[--r->items_len];
    } else if (t->to == TASK_RUNNING && p == NULL && sched_get_ti(g->sched, &t->key, &row) == 0) {
        struct late_item item = {.kind = LATE_TASK,
                                 .task = t->key.task,
                                 .map_index = t->key.map_index,
                                 .try_number = t->try_number,
                                 .from_us = row.start_us != TIME_NONE ? row.start_us : t->at_us,
                                 .due_us = TIME_NONE};

        if (r->ready) {
            late_task_due(r, &item);
        }
        if (late_push(r, &item) != 0) {
            log_error("alerts", "out of memory: a task of run %s is not watched", r->row.run_id);
        }
    } else {
        return; /* the same try goes on */
    }
    late_set_due(g, r);
}

/* ---- what is due ---- */

/* Of the runs that are due the first one, out of the heap; NULL: none is. */
static struct late_run *take_due(struct late *x, int64_t now)
{
    struct late_run *r = x->heap_len > 0 ? x->heap[0] : NULL;

    if (r == NULL || r->due_us > now) {
        return NULL;
    }
    heap_remove(x, r);
    r->refs++;
    return r;
}

static int wait(struct engine *g)
{
    struct late *x = g->late;
    int64_t us = x->heap_len > 0 ? x->heap[0]->due_us - engine_now(g) : 0;
    struct co_deadline d;
    int rc;

    if (x->heap_len > 0 && us <= 0) {
        return 0;
    }
    x->waiting = true;
    if (x->heap_len > 0) {
        co_deadline_begin(&d, us);
        rc = co_suspend();
        co_deadline_end(&d);
    } else {
        rc = co_suspend();
    }
    x->waiting = false;
    return rc == -ERR_TIMEOUT ? 0 : rc;
}

static int late_main(void *arg)
{
    struct engine *g = arg;
    int rc = 0;

    late_call_again(g);
    while (rc == 0 && !g->closing && g->fatal == 0) {
        struct late_run *r = take_due(g->late, engine_now(g));

        if (r == NULL) {
            rc = wait(g);
            continue;
        }
        rc = late_tell(g, r);
        if (!r->ended) {
            late_set_due(g, r);
        }
        late_run_unref(r);
    }
    return 0;
}

/* ---- birth and death ---- */

void late_set_rules(struct engine *g, unsigned on)
{
    g->late->slow_rules = on & (1u << ALERT_TASK_SLOW | 1u << ALERT_RUN_SLOW);
}

int late_new(struct engine *g, unsigned on, struct err *e)
{
    g->late = mem_zalloc(sizeof *g->late);
    if (g->late == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for deadlines");
    }
    late_set_rules(g, on);
    return 0;
}

int late_start(struct engine *g, struct err *e)
{
    return co_spawn(&g->group, "deadlines", late_main, g, &g->late->co, e);
}

void late_free(struct engine *g)
{
    struct late *x = g->late;

    if (x == NULL) {
        return;
    }
    for (size_t i = 0; i < x->slots_len; i++) {
        if (x->slots[i].run_key > 0 && x->slots[i].run != NULL) {
            late_run_unref(x->slots[i].run);
        }
    }
    mem_free(x->slots);
    mem_free(x->heap);
    mem_free(x);
    g->late = NULL;
}
