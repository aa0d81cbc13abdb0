/* Runs and DAGs: creation, start within max_active_runs, end, timeout, stop. */
#include "sched/sched_priv.h"

#include <stdio.h>

#include "sched/heap.h"

/* Runs of one group start in the order of their logical dates. */
static inline bool run_before(const struct run *a, const struct run *b)
{
    return a->turn != b->turn ? a->turn < b->turn : a->key < b->key;
}
#define RUN_MOVED(e, i) ((void)(e), (void)(i))
HEAP_DEFINE(queue, struct run *, run_before, RUN_MOVED)

/* ---- DAGs ---- */

struct dag_state *dag_get(struct sched *s, int64_t dag_key)
{
    struct dag_state *d = table_find(&s->dags, dag_key);

    if (d != NULL) {
        return d;
    }
    d = mem_zalloc(sizeof *d);
    if (d == NULL || table_add(&s->dags, dag_key, d) != 0) {
        mem_free(d);
        s->nomem = true;
        return NULL;
    }
    d->key = dag_key;
    limit_init(&d->pause, LIMIT_OF_PAUSE, -1);
    return d;
}

struct group *group_get(struct sched *s, struct dag_state *d, int64_t backfill_key)
{
    struct group g = {.backfill_key = backfill_key};

    for (size_t i = 0; i < d->groups_len; i++) {
        if (d->groups[i].backfill_key == backfill_key) {
            return &d->groups[i];
        }
    }
    if (VEC_PUSH(d->groups, d->groups_len, d->groups_cap, g) != 0) {
        s->nomem = true;
        return NULL;
    }
    return &d->groups[d->groups_len - 1];
}

static void set_paused(struct sched *s, struct dag_state *d, bool paused)
{
    d->paused = paused;
    d->pause.slots = paused ? 0 : -1;
    if (!paused) {
        limit_wake(s, &d->pause);
    }
}

void on_dag(struct sched *s, const struct sched_event *ev)
{
    struct dag_state *d = dag_get(s, ev->dag.dag_key);
    struct dag *old;

    if (d == NULL) {
        return;
    }
    old = d->dag;
    d->dag = ev->dag.dag != NULL ? dag_ref(ev->dag.dag) : NULL;
    dag_unref(old);
    if (d->paused && !ev->dag.paused) {
        d->failed_in_row = 0; /* whoever goes on after a pause starts counting anew */
    }
    set_paused(s, d, ev->dag.paused);
    dag_check(s, d);
}

void dag_check(struct sched *s, struct dag_state *d)
{
    if (d->checked) {
        return;
    }
    if (VEC_PUSH(s->check_dags, s->check_dags_len, s->check_dags_cap, d) != 0) {
        s->nomem = true;
        return;
    }
    d->checked = true;
}

/* ---- a run's life in memory ---- */

struct run *run_find(const struct sched *s, int64_t key)
{
    return table_find(&s->runs, key);
}

static int run_plan(struct run *r, struct dag *d)
{
    struct dag_state *o = r->owner;

    if (o->plan == NULL || o->plan->dag != d) {
        struct plan *p;

        if (plan_new(d, &p) != 0) {
            return -ERR_NOMEM;
        }
        plan_unref(o->plan);
        o->plan = p;
    }
    r->plan = o->plan;
    r->plan->refs++;
    r->dag = d;
    return 0;
}

static void run_from_row(struct run *r, const struct run_row *row)
{
    r->key = row->run_key;
    r->dag_key = row->dag_key;
    r->version_key = row->version_key;
    r->backfill_key = row->backfill_key;
    r->state = row->state;
    r->type = row->type;
    r->clear_number = row->clear_number;
    r->logical_date_us = row->logical_date_us;
    r->interval_start_us = row->data_interval_start_us;
    r->interval_end_us = row->data_interval_end_us;
    r->run_after_us = row->run_after_us;
    r->queued_us = row->queued_us;
    r->start_us = row->start_us;
    r->end_us = row->end_us;
    r->order_us = row->logical_date_us != TIME_NONE ? row->logical_date_us : row->run_after_us;
}

static int run_fill(struct sched *s, struct run *r, const struct run_row *row, struct dag *d)
{
    r->owner = dag_get(s, row->dag_key);
    if (r->owner == NULL || run_plan(r, d) != 0) {
        return -ERR_NOMEM;
    }
    r->run_id = mem_strdup(row->run_id != NULL ? row->run_id : "");
    r->conf = row->conf != NULL ? mem_strdup(row->conf) : NULL;
    r->partition_key = row->partition_key != NULL ? mem_strdup(row->partition_key) : NULL;
    r->triggering_user = row->triggering_user != NULL ? mem_strdup(row->triggering_user) : NULL;
    r->triggered_by = row->triggered_by;
    r->reason = row->reason != NULL ? text_new(row->reason, LIMIT_REASON_BYTES) : NULL;
    if (r->run_id == NULL || (row->conf != NULL && r->conf == NULL) ||
        (row->partition_key != NULL && r->partition_key == NULL) ||
        (row->triggering_user != NULL && r->triggering_user == NULL) ||
        (row->reason != NULL && r->reason == NULL)) {
        return -ERR_NOMEM;
    }
    limit_init(&r->limit, LIMIT_OF_RUN, d->max_active_tasks > 0 ? d->max_active_tasks : -1);
    if (r->plan->extras_len > 0) {
        r->extras = mem_array(r->plan->extras_len, sizeof *r->extras);
        if (r->extras == NULL) {
            return -ERR_NOMEM;
        }
        r->bytes += r->plan->extras_len * sizeof *r->extras;
    }
    for (uint32_t t = 0; r->extras != NULL && t < d->tasks_len; t++) {
        if (r->plan->extra_of[t] != TASK_INDEX_NONE) {
            struct extra *x = &r->extras[r->plan->extra_of[t]];

            x->setups = d->tasks[t].setups_len;
            x->direct_setups = r->plan->direct_setups[t];
            x->scope = d->tasks[t].scope_len;
        }
    }
    if (maps_init(r) != 0) {
        return -ERR_NOMEM;
    }
    return lanes_init(s, r);
}

int run_new(struct sched *s, const struct run_row *row, struct dag *d, struct run **ret)
{
    size_t bytes = sizeof(struct run) + d->tasks_len * sizeof(struct ti);
    struct run *r = mem_zalloc(bytes);

    if (r == NULL) {
        return -ERR_NOMEM;
    }
    r->bytes = bytes;
    run_from_row(r, row);
    if (run_fill(s, r, row, d) != 0 || table_add(&s->runs, r->key, r) != 0) {
        run_free(s, r);
        return -ERR_NOMEM;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        struct ti *ti = &r->tis[t];
        int32_t retries = d->tasks[t].retries;

        ti->task = t;
        ti->map_index = -1;
        ti->exit_code = -1;
        ti->max_tries = (uint16_t)(retries < 0 ? 0 : retries > UINT16_MAX ? UINT16_MAX : retries);
        ti->scheduled_us = ti->queued_us = ti->start_us = ti->end_us = ti->next_us = TIME_NONE;
    }
    r->unfinished = r->none = d->tasks_len;
    s->stats.runs++;
    r->instances = d->tasks_len;
    s->stats.instances += d->tasks_len;
    s->stats.bytes += r->bytes;
    *ret = r;
    return 0;
}

void run_free(struct sched *s, struct run *r)
{
    lanes_fini(s, r);
    limit_fini(&r->limit);
    timer_clear(s, &r->timer);
    timer_clear(s, &r->question_timer);
    maps_fini(s, r);
    for (uint32_t t = 0; r->dag != NULL && t < r->dag->tasks_len; t++) {
        timer_clear(s, &r->tis[t].timer);
        text_unref(r->tis[t].reason);
    }
    mem_free(r->next_runs);
    mem_free(r->past);
    mem_free(r->extras);
    mem_free(r->run_id);
    mem_free(r->conf);
    mem_free(r->partition_key);
    mem_free(r->triggering_user);
    text_unref(r->reason);
    plan_unref(r->plan);
    mem_free(r);
}

int sched_forget_run(struct sched *s, int64_t run_key)
{
    struct run *r = run_find(s, run_key);

    if (r == NULL) {
        return -ERR_NOTFOUND;
    }
    if (!run_state_finished(r->state) || r->dying > 0) {
        return -ERR_CONFLICT;
    }
    past_unlink(s, r);
    if (s->nomem) {
        return -ERR_NOMEM;
    }
    table_remove(&s->runs, run_key);
    s->stats.runs--;
    s->stats.instances -= r->instances;
    s->stats.bytes -= r->bytes;
    run_free(s, r);
    return 0;
}

int on_run_create(struct sched *s, const struct sched_event *ev)
{
    const struct run_row *row = ev->run.row;
    struct run *r;

    if (row == NULL || ev->run.dag == NULL || row->state != RUN_QUEUED) {
        return -ERR_INVALID;
    }
    if (run_find(s, row->run_key) != NULL) {
        s->stats.ignored++;
        return 0;
    }
    if (run_new(s, row, ev->run.dag, &r) != 0) {
        return -ERR_NOMEM;
    }
    r->ignore_first = ev->run.ignore_first_depends_on_past;
    if (r->queued_us == TIME_NONE) {
        r->queued_us = s->now_us;
    }
    touch_run(s, r);
    maps_literal(s, r);
    past_link(s, r);
    run_enqueue(s, r);
    return 0;
}

/* ---- queued -> running ---- */

void run_enqueue(struct sched *s, struct run *r)
{
    struct group *g = group_get(s, r->owner, r->backfill_key);

    assert(r->state == RUN_QUEUED);
    if (g == NULL || r->queued_in_group) {
        return;
    }
    r->turn = g->backwards ? -r->order_us : r->order_us;
    if (VEC_PUSH(g->queued, g->queued_len, g->queued_cap, r) != 0) {
        s->nomem = true;
        return;
    }
    queue_up(g->queued, g->queued_len - 1);
    r->queued_in_group = true;
    dag_check(s, r->owner);
}

static void run_start(struct sched *s, struct run *r)
{
    r->state = RUN_RUNNING;
    r->start_us = s->now_us;
    touch_run(s, r);
    if (r->dag->dagrun_timeout_us > 0) {
        timer_set(s, TIMER_RUN, r, &r->timer, r->start_us + r->dag->dagrun_timeout_us);
    }
    for (uint32_t t = 0; t < r->dag->tasks_len; t++) {
        sched_task_work(s, r, t);
    }
    run_check(s, r);
}

static struct run *queue_pop(struct group *g)
{
    struct run *r = g->queued[0];

    g->queued[0] = g->queued[--g->queued_len];
    if (g->queued_len > 0) {
        queue_down(g->queued, g->queued_len, 0);
    }
    r->queued_in_group = false;
    return r;
}

void run_dequeue(struct sched *s, struct run *r)
{
    struct group *g = group_get(s, r->owner, r->backfill_key);

    for (size_t i = 0; r->queued_in_group && g != NULL && i < g->queued_len; i++) {
        if (g->queued[i] == r) {
            g->queued[i] = g->queued[--g->queued_len];
            if (i < g->queued_len) {
                queue_fix(g->queued, g->queued_len, i);
            }
            r->queued_in_group = false;
        }
    }
}

int32_t sched_group_limit(const struct group *g, const struct dag_state *d, const struct run *r)
{
    return g->max_active_runs > 0 ? g->max_active_runs
                                  : (d->dag != NULL ? d->dag : r->dag)->max_active_runs;
}

void dag_settle(struct sched *s, struct dag_state *d)
{
    d->checked = false;
    for (size_t i = 0; i < d->groups_len && !s->shutdown; i++) {
        struct group *g = &d->groups[i];

        while (g->queued_len > 0 && !d->paused && !g->paused && !s->nomem) {
            int32_t max = sched_group_limit(g, d, g->queued[0]);

            if (max > 0 && g->active >= (uint32_t)max) {
                break;
            }
            struct run *r = queue_pop(g);

            g->active++;
            run_start(s, r);
        }
    }
}

/* ---- ends ---- */

void run_check(struct sched *s, struct run *r)
{
    if (r->checked) {
        return;
    }
    if (VEC_PUSH(s->check_runs, s->check_runs_len, s->check_runs_cap, r) != 0) {
        s->nomem = true;
        return;
    }
    r->checked = true;
}

static struct text *failure_reason(struct sched *s, const struct run *r)
{
    for (uint32_t i = 0; i < r->dag->tasks_len; i++) {
        uint32_t t = r->dag->topo[i];

        if (task_state_of(r, t) == TASK_FAILED) {
            return text_make(s, "task %s failed", r->dag->tasks[t].task_id);
        }
    }
    return text_make(s, "a leaf is upstream_failed");
}

static void set_reason(struct run *r, struct text *reason)
{
    struct text *old = r->reason;

    r->reason = text_ref(reason);
    text_unref(old);
}

/* By the effective leaves; where fail_fast skipped what was left, by any task. */
static bool has_failed(const struct run *r)
{
    return r->leaf_failed > 0 || r->stopping || (r->dag->fail_fast && r->failed > 0);
}

static void set_final(struct sched *s, struct run *r)
{
    bool failed = has_failed(r);

    r->state = failed ? RUN_FAILED : RUN_SUCCESS;
    if (failed && r->reason == NULL) {
        r->reason = failure_reason(s, r);
    } else if (!failed) {
        set_reason(r, NULL);
    }
    touch_run(s, r);
}

static void count_failures(struct sched *s, const struct run *r)
{
    struct dag_state *d = r->owner;
    int32_t max = (d->dag != NULL ? d->dag : r->dag)->max_consecutive_failed_dag_runs;
    char why[80];

    d->failed_in_row = r->state == RUN_FAILED ? d->failed_in_row + 1 : 0;
    if (max > 0 && d->failed_in_row >= (uint32_t)max && !d->paused) {
        snprintf(why, sizeof why, "%u runs failed one after another", d->failed_in_row);
        set_paused(s, d, true);
        out_pause(s, d->key, why);
    }
}

static void run_finish(struct sched *s, struct run *r)
{
    struct group *g = group_get(s, r->owner, r->backfill_key);

    if (r->state == RUN_RUNNING && g != NULL) {
        assert(g->active > 0);
        g->active--;
    }
    r->end_us = s->now_us;
    set_final(s, r);
    r->stopping = false;
    timer_clear(s, &r->timer);
    if (r->previous == PREVIOUS_ASKED) {
        r->previous = PREVIOUS_UNASKED; /* nobody waits for the answer any more */
        timer_clear(s, &r->question_timer);
    }
    count_failures(s, r);
    dag_check(s, r->owner);
}

/* Nothing of it can ever go on by itself: its instances wait for what will not come. */
static void deadlock(struct sched *s, struct run *r)
{
    struct text *why = text_make(s, "deadlocked: no task of the run can ever start");

    set_reason(r, why);
    r->stopping = true;
    sched_maps_make(s, r);
    struct ti_each e = {0};

    for (struct ti *ti = ti_next(r, &e); ti != NULL; ti = ti_next(r, &e)) {
        if (ti->state == TASK_NONE) {
            ti_finish(s, r, ti, TASK_UPSTREAM_FAILED, s->now_us, why);
        }
    }
    text_unref(why);
}

void run_settle(struct sched *s, struct run *r)
{
    r->checked = false;
    if (r->state == RUN_RUNNING) {
        if (r->unfinished > 0 && r->unfinished == r->none && r->past_waiting == 0 &&
            r->map_waiting == 0) {
            if (r->sweeping > 0) {
                r->recheck = true; /* some were not looked at yet */
            } else {
                deadlock(s, r);
            }
        }
        if (r->unfinished == 0) {
            run_finish(s, r);
        }
    } else if (r->state == RUN_QUEUED && r->stopping && r->unfinished == 0) {
        run_finish(s, r);
    } else if (run_state_finished(r->state) && r->unfinished == 0 &&
               has_failed(r) != (r->state == RUN_FAILED)) {
        set_final(s, r); /* a task of a finished run was marked */
    }
}

/* ---- timeout, stop, fail_fast ---- */

uint32_t run_stop(struct sched *s, struct run *r, struct text *reason, uint8_t live_to)
{
    bool began = r->state == RUN_RUNNING;
    uint32_t n = 0;

    r->stopping = true;
    if (r->reason == NULL) {
        set_reason(r, reason);
        touch_run(s, r);
    }
    if (!began) {
        run_dequeue(s, r); /* it never starts: there is nothing to tear down either */
    }
    sched_maps_make(s, r);
    struct ti_each e = {0};

    for (struct ti *ti = ti_next(r, &e); ti != NULL; ti = ti_next(r, &e)) {
        if ((!began || !ti_task(r, ti)->is_teardown) && !task_state_finished(ti->state)) {
            ti_stop(s, r, ti, live_to, reason);
            n++;
        }
    }
    e = (struct ti_each){0};
    for (struct ti *ti = ti_next(r, &e); ti != NULL; ti = ti_next(r, &e)) {
        if (ti_task(r, ti)->is_teardown) {
            ti_work(s, r, ti);
        }
    }
    run_check(s, r);
    return n;
}

void sched_run_mark_failed(struct sched *s, struct run *r, struct text *reason)
{
    if (r->state != RUN_FAILED) {
        r->state = RUN_FAILED;
        set_reason(r, reason);
        touch_run(s, r);
    }
}

void run_timeout(struct sched *s, struct run *r)
{
    char text[TIME_TEXT_MAX];
    struct text *why =
        text_make(s, "timed out after %s", duration_format(r->dag->dagrun_timeout_us, text));

    if (!r->stopping && !s->nomem) {
        run_stop(s, r, why, TASK_SKIPPED);
    }
    text_unref(why);
}

void run_task_failed(struct sched *s, struct run *r, struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    struct text *why;

    if (!r->dag->fail_fast || r->stopping || r->state != RUN_RUNNING || !task_counts(t)) {
        return;
    }
    why = text_make(s, "task %s failed", t->task_id);
    if (why != NULL) {
        run_stop(s, r, why, TASK_FAILED);
        text_unref(why);
    }
}
