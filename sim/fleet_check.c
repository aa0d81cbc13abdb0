/* At the end: everything that was asked for has happened once, and the store says what the world did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "fleet.h"
#include "ledger.h"
#include "model/backfill.h"
#include "model/dag.h"
#include "store/store.h"
#include "worker/worker.h"

struct check {
    struct fleet *f;
    const struct store_ops *ops;
    struct store *s;
    struct arena a;
    struct run_row *runs;
    size_t runs_len;
};

static bool must_read(struct check *c, int rc, const char *what)
{
    if (rc != 0) {
        world_fail(&c->f->w, "%s cannot be read", what);
    }
    return rc == 0;
}

static const struct run_row *run_of(const struct check *c, int64_t run_key)
{
    for (size_t i = 0; i < c->runs_len; i++) {
        if (c->runs[i].run_key == run_key) {
            return &c->runs[i];
        }
    }
    return NULL;
}

/* ---- what the world did ---- */

/* S8: the try of a process that went with its machine ends once in the history. */
static void check_dead(struct check *c, const struct process *p)
{
    struct transition_row *ts;
    size_t n, ends = 0;

    if (!must_read(c,
                   c->ops->get_transitions(c->s, p->key.run_key, &p->key, 0, &c->a, &ts, &n, NULL),
                   "a history")) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ends += ts[i].try_number == p->try_number &&
                (ts[i].from == TASK_QUEUED || ts[i].from == TASK_RUNNING) &&
                (ts[i].to == TASK_UP_FOR_RETRY || task_state_finished(ts[i].to));
    }
    if (ends != 1 && !c->f->w.commanded) {
        world_fail(&c->f->w, "S8: run %lld task %u[%d]: try %u, whose machine went, ends %zu times",
                   (long long)p->key.run_key, p->key.task, p->key.map_index, p->try_number, ends);
    }
}

/* Where a run was not stopped, by a person or because a task failed, what became of an instance is what its last process said. */
static void check_instance(struct check *c, const struct run_row *run, const struct ti_row *row)
{
    static const uint8_t states[] = {[WORKER_SUCCESS] = TASK_SUCCESS,
                                     [WORKER_FAILED] = TASK_FAILED,
                                     [WORKER_SKIPPED] = TASK_SKIPPED};
    struct world *w = &c->f->w;
    const struct process *last = NULL;
    unsigned ran = 0;

    for (size_t i = 0; i < w->processes_len; i++) {
        const struct process *p = &w->processes[i];

        if (process_is_of(p, &row->key)) {
            ran += !p->resumed;
            last = last == NULL || p->try_number >= last->try_number ? p : last;
        }
    }
    if (ran > 1u + row->max_tries) {
        world_fail(w, "S6: run %s task %u ran %u times, allowed %u", run->run_id, row->key.task,
                   ran, 1u + row->max_tries);
    }
    if (last == NULL || w->commanded || last->killed ||
        (run->reason != NULL && strcmp(run->reason, "stopped") == 0) ||
        fleet_dag_of(c->f, run->dag_key)->dag->fail_fast || last->try_number != row->try_number) {
        return;
    }
    if (process_goes_on(last)) {
        world_fail(w, "S9: run %s task %u[%d] was to go on, and did not: it is %s", run->run_id,
                   row->key.task, row->key.map_index, task_state_to_string(row->state));
    } else if (last->outcome <= WORKER_SKIPPED && states[last->outcome] != row->state) {
        world_fail(w, "S9: run %s task %u[%d]: the world ended try %u with %d, the store says %s",
                   run->run_id, row->key.task, row->key.map_index, last->try_number, last->outcome,
                   task_state_to_string(row->state));
    }
}

static void check_runs(struct check *c)
{
    for (size_t i = 0; i < c->runs_len; i++) {
        const struct run_row *run = &c->runs[i];
        struct ti_row *rows;
        size_t n;

        if (!run_state_finished(run->state)) {
            world_fail(&c->f->w, "L1: run %s is %s", run->run_id, run_state_to_string(run->state));
        }
        if (!must_read(c, c->ops->get_tis(c->s, run->run_key, 0, &c->a, &rows, &n, NULL),
                       "a run")) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            if (rows[k].key.map_index >= 0 || rows[k].map_len == 0) {
                check_instance(c, run, &rows[k]);
            }
        }
    }
    for (size_t i = 0; i < c->f->w.processes_len; i++) {
        if (c->f->w.processes[i].dead) {
            check_dead(c, &c->f->w.processes[i]);
        }
    }
}

/* ---- what was asked for ---- */

static size_t count_runs(const struct check *c, int64_t dag_key, const char *run_id,
                         const char *conf)
{
    size_t n = 0;

    for (size_t i = 0; i < c->runs_len; i++) {
        const struct run_row *r = &c->runs[i];

        n += r->dag_key == dag_key && (run_id == NULL || strcmp(r->run_id, run_id) == 0) &&
             (conf == NULL || (r->conf != NULL && strcmp(r->conf, conf) == 0));
    }
    return n;
}

/* Every run that somebody asked for is there once (S7), every event too. */
static void check_intents(struct check *c, const struct asset_event_row *events, size_t len)
{
    for (size_t i = 0; i < c->f->intents_len; i++) {
        const struct fleet_intent *x = &c->f->intents[i];
        char text[32];
        size_t n = 0;

        if (x->kind == INTENT_RUN) {
            (void)snprintf(text, sizeof text, "intent%u", x->number);
            n = count_runs(c, c->f->dags[x->dag].dag_key, text, NULL);
        } else if (x->kind == INTENT_EVENT) {
            (void)snprintf(text, sizeof text, "{\"n\":%u}", x->number);
            for (size_t k = 0; k < len; k++) {
                n += events[k].extra != NULL && strcmp(events[k].extra, text) == 0;
            }
        } else {
            continue;
        }
        if (n != 1) {
            world_fail(&c->f->w, "S7: %s was asked for once (%d), there are %zu", text, x->rc, n);
        }
    }
}

/* A process that ended well has started one run, any other one at most. */
static void check_children(struct check *c)
{
    const struct fleet_dag *child = NULL;

    for (size_t i = 0; i < c->f->dags_len; i++) {
        child = strcmp(c->f->dags[i].id, "child") == 0 ? &c->f->dags[i] : child;
    }
    for (size_t i = 0; child != NULL && i < c->f->w.processes_len; i++) {
        const struct process *p = &c->f->w.processes[i];
        const struct fleet_dag *d = fleet_dag_of(c->f, p->dag_key);
        bool starts = p->key.task < FLEET_TASKS && d->starts[p->key.task];
        bool well = starts && p->outcome == WORKER_SUCCESS && !p->killed && !p->dead &&
                    !c->f->w.commanded; /* marked while nobody looked: its end is nobody's */
        char conf[32];
        size_t n;

        (void)snprintf(conf, sizeof conf, "{\"by\":%zu}", i);
        n = count_runs(c, child->dag_key, NULL, conf);
        if (n > 1 || (well && n != 1) || (!starts && n != 0)) {
            world_fail(&c->f->w, "S7: run %lld task %u try %u has started %zu runs",
                       (long long)p->key.run_key, p->key.task, p->try_number, n);
        }
    }
}

/* ---- schedules and backfills ---- */

static size_t runs_of_date(const struct check *c, int64_t dag_key, int64_t logical_us)
{
    size_t n = 0;

    for (size_t i = 0; i < c->runs_len; i++) {
        n += c->runs[i].dag_key == dag_key && c->runs[i].logical_date_us == logical_us;
    }
    return n;
}

/* S7: each date of a schedule has its run, and no other has one. */
static void check_clock(struct check *c, const struct fleet_dag *d)
{
    for (size_t i = 0; i < d->dates_len; i++) {
        if (runs_of_date(c, d->dag_key, d->dates[i]) != 1) {
            world_fail(&c->f->w, "S7: date %zu of DAG %s has %zu runs", i, d->id,
                       runs_of_date(c, d->dag_key, d->dates[i]));
        }
    }
    for (size_t i = 0; i < c->runs_len; i++) {
        const struct run_row *r = &c->runs[i];
        bool named = false;

        for (size_t k = 0; k < d->dates_len; k++) {
            named = named || d->dates[k] == r->logical_date_us;
        }
        if (r->dag_key == d->dag_key && r->type == RUN_TYPE_SCHEDULED && !named) {
            world_fail(&c->f->w, "S7: the schedule of DAG %s does not name the date of run %s",
                       d->id, r->run_id);
        }
    }
}

/* A backfill has ended; unless it was cancelled each of its dates was dealt with, and has a run. */
static void check_backfill(struct check *c, const struct backfill_row *b)
{
    struct backfill_run_row *dates;
    size_t n;

    if (b->completed_us == TIME_NONE) {
        world_fail(&c->f->w, "L1: backfill %lld does not end", (long long)b->backfill_key);
    }
    if (!must_read(
            c,
            c->ops->get_backfill_runs(c->s, b->backfill_key, false, 1, 0, &c->a, &dates, &n, NULL),
            "a backfill")) {
        return;
    }
    if (n != b->dates) {
        world_fail(&c->f->w, "S7: backfill %lld has %zu dates, it began with %u",
                   (long long)b->backfill_key, n, b->dates);
    }
    for (size_t i = 0; i < n; i++) {
        const struct run_row *r = run_of(c, dates[i].run_key);

        if (dates[i].outcome == BACKFILL_PLANNED && b->cancelled_us != TIME_NONE) {
            continue;
        }
        if (dates[i].outcome == BACKFILL_PLANNED || dates[i].outcome == BACKFILL_ERROR ||
            r == NULL || r->logical_date_us != dates[i].logical_us) {
            world_fail(&c->f->w, "S7: date %u of backfill %lld is %s, with %s", dates[i].ordinal,
                       (long long)b->backfill_key, backfill_outcome_to_string(dates[i].outcome),
                       r != NULL ? r->run_id : "no run");
        }
    }
}

static void check_backfills(struct check *c)
{
    struct backfill_row *rows;
    size_t n;

    if (must_read(c, c->ops->get_backfills(c->s, 0, false, 0, &c->a, &rows, &n, NULL),
                  "the backfills")) {
        for (size_t i = 0; i < n; i++) {
            check_backfill(c, &rows[i]);
        }
    }
}

void fleet_tell_backfills(struct fleet *f)
{
    const struct store_ops *ops = f->w.store->ops;
    struct backfill_row *rows;
    struct backfill_count *counts;
    struct arena a;
    size_t n = 0, m = 0;

    arena_init(&a, MiB(16));
    (void)ops->get_backfills(f->w.store, 0, true, 0, &a, &rows, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(stderr, "backfill %lld of DAG %s, %s%s:", (long long)rows[i].backfill_key,
                      fleet_dag_of(f, rows[i].dag_key)->id, rows[i].paused ? "paused" : "active",
                      rows[i].cancelled_us != TIME_NONE ? ", cancelled" : "");
        if (ops->count_backfill(f->w.store, rows[i].backfill_key, &a, &counts, &m, NULL) != 0) {
            m = 0;
        }
        for (size_t k = 0; k < m; k++) {
            (void)fprintf(stderr, " %u %s (%d)", counts[k].n,
                          backfill_outcome_to_string(counts[k].outcome), counts[k].run_state);
        }
        (void)fprintf(stderr, "\n");
    }
    arena_fini(&a);
}

bool fleet_dates_missing(struct fleet *f)
{
    struct run_row row;
    struct arena a;
    bool missing = false;

    arena_init(&a, MiB(16));
    for (size_t i = 0; i < f->dags_len; i++) {
        for (size_t k = 0; k < f->dags[i].dates_len; k++) {
            missing = missing ||
                      f->w.store->ops->find_run_by_date(f->w.store, f->dags[i].dag_key,
                                                        f->dags[i].dates[k], &a, &row, NULL) != 0;
        }
    }
    arena_fini(&a);
    return missing;
}

/* ---- assets ---- */

static bool concerns(const struct fleet_dag *d, const struct asset_event_row *ev)
{
    return strchr(d->waits, ev->name[0]) != NULL &&
           d->only_partitions == (ev->partition_key != NULL) &&
           (!d->only_alias || ev->aliases_len > 0);
}

/* How many runs of the DAG consumed each event. */
static void count_consumed(struct check *c, const struct fleet_dag *d, int *count)
{
    for (size_t i = 0; i < c->runs_len; i++) {
        const struct run_row *r = &c->runs[i];
        struct asset_event_row *events;
        size_t n;

        if (r->dag_key != d->dag_key || (d->timed && r->type == RUN_TYPE_SCHEDULED) ||
            !must_read(c, c->ops->get_run_events(c->s, r->run_key, 0, 0, &c->a, &events, &n, NULL),
                       "events of a run")) {
            continue;
        }
        if (n == 0 || r->type != RUN_TYPE_ASSET_TRIGGERED) {
            world_fail(&c->f->w, "run %s of DAG %s consumed %zu events", r->run_id, d->id, n);
        }
        for (size_t k = 0; k < n; k++) {
            count[events[k].event_key]++;
        }
    }
}

/* Each event is of one run of each DAG that it concerns, or waits; where one is enough nothing waits. */
static void check_consumer(struct check *c, const struct fleet_dag *d,
                           const struct asset_event_row *events, size_t n)
{
    int *count = mem_array(n + 2, sizeof *count);
    struct asset_queue_shape *shapes;
    int64_t waiting = 0, missing = 0;
    size_t m = 0;

    if (count == NULL) {
        abort();
    }
    count_consumed(c, d, count);
    (void)must_read(c, c->ops->get_asset_queue(c->s, d->dag_key, &c->a, &shapes, &m, NULL),
                    "a queue");
    for (size_t i = 0; i < m; i++) {
        waiting += shapes[i].count;
    }
    for (size_t i = 0; i < n; i++) {
        int expected = concerns(d, &events[i]);

        if (count[events[i].event_key] > expected) {
            world_fail(&c->f->w, "DAG %s consumed event %lld %d times", d->id,
                       (long long)events[i].event_key, count[events[i].event_key]);
        }
        if (c->f->w.trace && count[events[i].event_key] < expected) {
            (void)fprintf(stderr, "event %lld of %s[%d] of run %s is of no run of %s\n",
                          (long long)events[i].event_key, events[i].task_id, events[i].map_index,
                          events[i].run_id, d->id);
        }
        missing += expected - count[events[i].event_key];
    }
    if (missing < waiting || (missing != waiting && !d->paused) ||
        (waiting > 0 && d->always_holds)) {
        world_fail(&c->f->w, "DAG %s: %lld events are of no run, %lld wait", d->id,
                   (long long)missing, (long long)waiting);
    }
    mem_free(count);
}

/* An event for each success of a task with an outlet, however often it was told. */
static void check_events(struct check *c, const struct asset_event_row *events, size_t n)
{
    size_t from_tasks = 0, successes = 0;

    for (size_t i = 0; i < n; i++) {
        from_tasks += events[i].task_id != NULL;
        if (events[i].event_key != (int64_t)i + 1) {
            world_fail(&c->f->w, "S9: asset event %zu has the key %lld", i,
                       (long long)events[i].event_key);
        }
    }
    for (size_t i = 0; i < c->f->w.processes_len; i++) {
        const struct process *p = &c->f->w.processes[i];
        const struct fleet_dag *d = fleet_dag_of(c->f, p->dag_key);

        successes += p->outcome == WORKER_SUCCESS && p->key.task < FLEET_TASKS &&
                     d->outlet[p->key.task] != '\0';
    }
    if (from_tasks > successes || (from_tasks != successes && !c->f->w.commanded)) {
        world_fail(&c->f->w, "S9: %zu tasks with an outlet succeeded, %zu events are there",
                   successes, from_tasks);
    }
}

/* ---- deadlines ---- */

/* An engine that has just begun tells nothing for two seconds: what ended while nobody looked is known by then. */
static bool ended_unseen(const struct fleet *f, int64_t end_us)
{
    for (size_t i = 0; i < f->births_len; i++) {
        if (end_us >= f->births[i] && end_us <= f->births[i] + 3 * TIME_SECOND) {
            return true;
        }
    }
    return false;
}

static void check_deadlines(struct check *c, const struct run_row *run)
{
    struct deadline_row *rows;
    bool told = false;
    size_t n;

    if (!must_read(c, c->ops->get_deadlines(c->s, run->run_key, &c->a, &rows, &n, NULL),
                   "deadlines")) {
        return;
    }
    for (size_t i = 0; i < c->f->told_len; i++) {
        told = told || c->f->told_deadlines[i] == run->run_key;
    }
    for (size_t i = 0; i < n; i++) {
        bool missed = rows[i].missed_us != TIME_NONE;

        if (run->clear_number == 0 && missed != (run->end_us >= rows[i].due_us) &&
            (missed || !ended_unseen(c->f, run->end_us))) {
            world_fail(&c->f->w, "run %s ended %lld us after its deadline, which was%s missed",
                       run->run_id, (long long)(run->end_us - rows[i].due_us),
                       missed ? "" : " not");
        }
        if (missed && (!rows[i].told || !told)) {
            world_fail(&c->f->w, "run %s has missed its deadline, and its callback was not called",
                       run->run_id);
        }
    }
}

void fleet_check_end(struct fleet *f)
{
    struct check c = {.f = f, .ops = f->w.store->ops, .s = f->w.store};
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    struct asset_event_row *events = NULL;
    size_t n = 0;

    arena_init(&c.a, MiB(512));
    (void)must_read(&c, c.ops->get_runs(c.s, 0, 0, 0, 0, &c.a, &c.runs, &c.runs_len, NULL),
                    "the runs");
    (void)must_read(&c, c.ops->get_asset_events(c.s, &q, &c.a, &events, &n, NULL), "the events");
    check_runs(&c);
    check_intents(&c, events, n);
    check_children(&c);
    check_events(&c, events, n);
    check_backfills(&c);
    for (size_t i = 0; i < f->dags_len; i++) {
        if (f->dags[i].dates_len > 0) {
            check_clock(&c, &f->dags[i]);
        }
        if (f->dags[i].waits != NULL) {
            check_consumer(&c, &f->dags[i], events, n);
        }
    }
    for (size_t i = 0; (f->features & FLEET_DEADLINES) != 0 && i < c.runs_len; i++) {
        check_deadlines(&c, &c.runs[i]);
    }
    fleet_check_alerts(f, true);
    arena_fini(&c.a);
}
