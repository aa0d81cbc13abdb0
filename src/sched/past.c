/*
 * The previous run: depends_on_past and wait_for_downstream. Which run came before is a fact that
 * the core asks for, once per run and only when an instance needs it. If that run is held here its
 * states are followed; else a copy of them is kept, until it is loaded. No answer in time: the
 * instance waits on (fails closed) and the question is asked again.
 */
#include "sched/sched_priv.h"

static bool good(uint8_t state)
{
    return state == TASK_SUCCESS || state == TASK_SKIPPED;
}

/* The state of our task in the previous run. */
static uint8_t past_state(const struct run *r, uint32_t task)
{
    const struct run *p = r->previous_run;
    const struct task *t;

    if (p == NULL) {
        return r->past != NULL ? r->past[task] : PAST_ABSENT;
    }
    if (p->dag == r->dag) {
        return task_state_of(p, task);
    }
    t = dag_task(p->dag, r->dag->tasks[task].task_id);
    return t != NULL ? task_state_of(p, t->index) : PAST_ABSENT;
}

static bool previous_allows(const struct run *r, const struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    const struct dag *d = r->dag;
    uint8_t state;

    if (r->previous_key == 0) {
        return true;
    }
    state = past_state(r, ti->task);
    if (state == PAST_ABSENT) {
        return (t->ignore_first_depends_on_past || r->ignore_first) && !r->any_earlier;
    }
    if (!good(state)) {
        return false;
    }
    for (uint32_t i = d->down_off[ti->task];
         t->wait_for_downstream && i < d->down_off[ti->task + 1]; i++) {
        state = past_state(r, d->down[i]);
        if (state != PAST_ABSENT && !good(state)) {
            return false;
        }
    }
    return true;
}

static void ask(struct sched *s, struct run *r)
{
    r->previous = PREVIOUS_ASKED;
    r->question = ++s->questions;
    r->question_deadline_us = s->now_us + s->config.question_timeout_us;
    timer_set(s, TIMER_QUESTION, r, &r->question_timer, r->question_deadline_us);
    out_question(s, r->question, SCHED_ASK_PREVIOUS, r->key, 0, r->question_deadline_us);
}

bool past_met(struct sched *s, struct run *r, struct ti *ti)
{
    const struct task *t = ti_task(r, ti);

    if ((!t->depends_on_past && !t->wait_for_downstream) || sched_backfill_is_first(r)) {
        return true;
    }
    if (r->previous == PREVIOUS_UNASKED) {
        ask(s, r);
    }
    return r->previous == PREVIOUS_KNOWN && previous_allows(r, ti);
}

static void look_again(struct sched *s, struct run *r)
{
    struct ti_each e = {0};
    struct ti *ti;

    while (r->past_waiting > 0 && (ti = ti_next(r, &e)) != NULL) {
        if ((ti->flags & TI_PAST) != 0) {
            ti_work(s, r, ti);
        }
    }
}

void past_timeout(struct sched *s, struct run *r)
{
    /* The first time it becomes unknown; later times it is asked anew. Either way nothing that
     * waits may go on. */
    if (r->past_waiting > 0) {
        ask(s, r);
    } else {
        r->previous = PREVIOUS_UNASKED;
    }
}

static void follow(struct sched *s, struct run *r, struct run *previous)
{
    if (VEC_PUSH(previous->next_runs, previous->next_len, previous->next_cap, r) != 0) {
        s->nomem = true;
        return;
    }
    r->previous_run = previous;
    mem_free(r->past);
    r->past = NULL;
}

/* A mapped task of the past is good when all its instances are. */
static uint8_t summary_of_rows(const struct sched_event *ev, const struct ti_row *all)
{
    int32_t fine = 0;

    for (size_t i = 0; i < ev->answer.tis_len; i++) {
        const struct ti_row *row = &ev->answer.tis[i];

        fine += row->key.task == all->key.task && row->key.map_index >= 0 &&
                row->key.map_index < all->map_len && good(row->state);
    }
    return fine == all->map_len ? TASK_SUCCESS : TASK_NONE;
}

static void keep_copy(struct sched *s, struct run *r, const struct sched_event *ev)
{
    uint32_t n = r->dag->tasks_len;

    mem_free(r->past);
    r->past = mem_alloc(n);
    if (r->past == NULL) {
        s->nomem = true;
        return;
    }
    memset(r->past, PAST_ABSENT, n);
    for (size_t i = 0; i < ev->answer.tis_len; i++) {
        const struct ti_row *row = &ev->answer.tis[i];

        if (row->key.task < n && row->key.map_index < 0) {
            r->past[row->key.task] = row->map_len > 0 ? summary_of_rows(ev, row) : row->state;
        }
    }
}

static struct run *run_of_question(struct sched *s, int64_t question)
{
    for (size_t i = 0; i < s->runs.len; i++) {
        struct run *r = s->runs.entries[i].value;

        if (r->previous == PREVIOUS_ASKED && r->question == question) {
            return r;
        }
    }
    return NULL;
}

void on_answer(struct sched *s, const struct sched_event *ev)
{
    struct run *r = run_of_question(s, ev->answer.question), *previous;

    if (r == NULL && map_answer(s, ev)) {
        return;
    }
    if (r == NULL) {
        pending_unknown(s, ev->answer.question);
        return;
    }
    if (ev->answer.unknown) {
        return; /* asked again when its time is over */
    }
    timer_clear(s, &r->question_timer);
    r->previous = PREVIOUS_KNOWN;
    r->previous_key = ev->answer.run_key;
    r->any_earlier = ev->answer.any_earlier;
    previous = r->previous_key != 0 ? run_find(s, r->previous_key) : NULL;
    if (previous != NULL && previous != r) {
        follow(s, r, previous);
    } else if (r->previous_key != 0) {
        keep_copy(s, r, ev);
    }
    look_again(s, r);
}

static void work_past(struct sched *s, struct run *r, uint32_t task)
{
    const struct mapping *m = map_expanded(r, task);

    for (int32_t i = m != NULL ? 0 : -1; i < (m != NULL ? map_walk(m) : 0); i++) {
        struct ti *ti = run_ti(r, task, i);

        if ((ti->flags & TI_PAST) != 0) {
            ti_work(s, r, ti);
        }
    }
}

void past_notify(struct sched *s, struct run *r, uint32_t task)
{
    for (size_t i = 0; i < r->next_len; i++) {
        struct run *n = r->next_runs[i];
        const struct task *own = &r->dag->tasks[task], *t;

        if (n->past_waiting == 0) {
            continue;
        }
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a run's DAG has its task */
        t = n->dag == r->dag ? own : dag_task(n->dag, own->task_id);
        if (t == NULL) {
            continue;
        }
        work_past(s, n, t->index);
        for (uint32_t k = n->dag->up_off[t->index]; k < n->dag->up_off[t->index + 1]; k++) {
            work_past(s, n, n->dag->up[k]); /* it may wait for this one as its downstream */
        }
    }
}

void past_link(struct sched *s, struct run *r)
{
    for (size_t i = 0; i < s->runs.len; i++) {
        struct run *n = s->runs.entries[i].value;

        if (n->previous == PREVIOUS_KNOWN && n->previous_key == r->key && n->previous_run == NULL) {
            follow(s, n, r);
            look_again(s, n);
        }
    }
}

void past_unlink(struct sched *s, struct run *r)
{
    for (size_t i = 0; i < r->next_len; i++) {
        struct run *n = r->next_runs[i];
        uint32_t tasks = n->dag->tasks_len;
        uint8_t *past = mem_alloc(tasks);

        if (past == NULL) {
            s->nomem = true;
            return;
        }
        for (uint32_t t = 0; t < tasks; t++) {
            past[t] = past_state(n, t);
        }
        n->past = past;
        n->previous_run = NULL;
    }
    r->next_len = 0;
    if (r->previous_run != NULL) {
        struct run *p = r->previous_run;
        size_t k = 0;

        while (k < p->next_len && p->next_runs[k] != r) {
            k++;
        }
        assert(k < p->next_len);
        memmove(p->next_runs + k, p->next_runs + k + 1,
                (p->next_len - 1 - k) * sizeof(struct run *));
        p->next_len--;
        r->previous_run = NULL;
    }
}
