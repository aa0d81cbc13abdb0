#include "follow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "follow_priv.h"
#include "model/dag.h"
#include "oracle.h"

static void *checked(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

int follow_wrong(struct follow *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return -1;
}

void follow_init(struct follow *f, const struct sched_config *config)
{
    memset(f, 0, sizeof *f);
    arena_init(&f->arena, MiB(64));
    map_init(&f->reasons);
    f->queued_timeout_us = config->queued_timeout_us;
    f->queued_retries = config->queued_retries;
    f->slices = config->map_slice > 0;
    f->max_map_length = config->max_map_length > 0 ? config->max_map_length : LIMIT_MAP_LENGTH;
}

static void run_free(struct follow_run *run)
{
    for (uint32_t t = 0; t < run->dag->tasks_len; t++) {
        mem_free(run->maps[t].slots);
    }
    dag_unref(run->dag);
    mem_free(run->maps);
    mem_free(run->made);
    mem_free(run->asks);
    mem_free(run->at);
    mem_free(run->states);
    mem_free(run->tis);
    mem_free(run->rows);
    mem_free(run->left_out);
    mem_free(run->past_states);
    mem_free(run);
}

void follow_fini(struct follow *f)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        run_free(f->runs[k]);
    }
    mem_free(f->runs);
    for (size_t k = 0; k < FOLLOW_LATE; k++) {
        mem_free(f->late[k].tasks);
        mem_free(f->late[k].map_index);
    }
    map_fini(&f->reasons);
    arena_fini(&f->arena);
    memset(f, 0, sizeof *f);
}

struct follow_run *follow_find(const struct follow *f, int64_t run_key)
{
    for (size_t k = f->runs_len; k-- > 0;) {
        if (f->runs[k]->run_key == run_key) {
            return f->runs[k];
        }
    }
    return NULL;
}

size_t follow_rows(const struct follow_run *run, struct ti_row *list)
{
    size_t n = 0;

    for (uint32_t i = 0; i < run->len; i++) {
        if (run->rows[i].key.run_key != 0) {
            list[n++] = run->rows[i];
        }
    }
    return n;
}

/* Runs that follow the states of this one keep its last. */
static void leave_past(struct follow *f, const struct follow_run *gone)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        struct follow_run *run = f->runs[k];

        if (run->past_run == gone->run_key && run->past_states != NULL) {
            struct oracle_run v = follow_view(gone);

            run->past = FOLLOW_PAST_ROWS;
            for (uint32_t t = 0; t < gone->dag->tasks_len; t++) {
                run->past_states[t] = oracle_task_state(&v, t);
            }
        }
    }
}

void follow_drop(struct follow *f, int64_t run_key)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        if (f->runs[k]->run_key == run_key) {
            leave_past(f, f->runs[k]);
            run_free(f->runs[k]);
            memmove(&f->runs[k], &f->runs[k + 1], (--f->runs_len - k) * sizeof *f->runs);
            return;
        }
    }
}

/* The rows outlive the step, so their reasons are kept. */
static const char *keep(struct follow *f, const char *reason)
{
    char *copy;
    size_t n;

    if (reason == NULL) {
        return NULL;
    }
    n = strlen(reason);
    copy = map_find(&f->reasons, reason, n);
    if (copy == NULL) {
        copy = checked(arena_strdup(&f->arena, reason));
        if (map_add(&f->reasons, copy, n, copy, NULL) < 0) {
            abort();
        }
    }
    return copy;
}

static void take_row(struct follow *f, struct follow_run *run, const struct ti_row *row)
{
    uint32_t i = follow_slot(run, &row->key), by;
    struct follow_ti *ti = &run->tis[i];

    run->rows[i] = *row;
    run->rows[i].reason = keep(f, row->reason);
    run->states[i] = row->state;
    ti->try_number = row->try_number;
    ti->max_tries = row->max_tries;
    ti->token = row->attempt;
    ti->worker = row->worker;
    ti->queued_us = row->queued_us;
    ti->next_us = row->next_us;
    if ((row->state == TASK_SKIPPED || row->state == TASK_NONE) && row->reason != NULL &&
        sscanf(row->reason, "left out by t%u", &by) == 1) {
        run->left_out[i] = by + 1;
    }
}

/* It was stopped while it was not held, and is restored for that. */
static bool stopped_late(const struct follow *f, int64_t run_key)
{
    for (size_t k = 0; k < FOLLOW_LATE; k++) {
        if (f->late[k].type == SCHED_RUN_STOP && f->late[k].run_key == run_key) {
            return true;
        }
    }
    return false;
}

/* A restored instance that was cleared or marked while it lived still has its attempt. */
static void take_dying(struct follow_run *run, uint32_t i)
{
    struct follow_ti *ti = &run->tis[i];

    if ((task_state_finished(run->states[i]) || run->states[i] == TASK_RESTARTING) &&
        !uuid_is_zero(&ti->token)) {
        ti->dying = true;
        ti->dying_token = ti->token;
    }
    if (run->states[i] == TASK_DEFERRED) {
        ti->deferred_token = ti->token;
    }
}

static void run_slots(struct follow *f, struct follow_run *run, const struct sched_event *ev)
{
    uint32_t n = run->dag->tasks_len;

    run->maps = checked(mem_array(n + 1, sizeof *run->maps));
    run->made = checked(mem_array(n + 1, sizeof *run->made));
    run->asks = checked(mem_array(n + 1, sizeof *run->asks));
    for (uint32_t i = 0; i < n; i++) {
        (void)follow_slot_add(run, i, -1);
    }
    for (uint32_t i = 0; i < n; i++) {
        int32_t len = run->dag->tasks[i].map_len;

        run->maps[i].empty = run->dag->tasks[i].mapped && len == 0;
        if (run->dag->tasks[i].mapped && len > 0 && len <= f->max_map_length) {
            follow_expand(run, i, len);
        }
    }
    for (size_t k = 0; ev->type == SCHED_RUN_RESTORE && k < ev->run.tis_len; k++) {
        const struct ti_row *row = &ev->run.tis[k];

        (void)follow_make(run, row->key.task, row->key.map_index);
        if (row->map_len > 0) {
            follow_expand(run, row->key.task, row->map_len);
            run->asks[row->key.task].stale =
                row->reason != NULL && strncmp(row->reason, "cleared: ", 9) == 0;
        }
    }
}

static void run_add(struct follow *f, const struct sched_event *ev)
{
    struct follow_run *run;

    if (follow_find(f, ev->run.row->run_key) != NULL) {
        return;
    }
    run = checked(mem_zalloc(sizeof *run));
    run->run_key = ev->run.row->run_key;
    run->dag = dag_ref(ev->run.dag);
    run->row = *ev->run.row;
    run->row.run_id = run->row.conf = NULL;
    run->row.reason = keep(f, run->row.reason);
    run->state = ev->run.row->state;
    run_slots(f, run, ev);
    for (size_t k = 0; ev->type == SCHED_RUN_RESTORE && k < ev->run.tis_len; k++) {
        take_row(f, run, &ev->run.tis[k]);
        take_dying(run, follow_slot(run, &ev->run.tis[k].key));
    }
    if (ev->type == SCHED_RUN_RESTORE) { /* a run that goes on with a reason is being failed */
        run->by_hand = run->row.reason != NULL;
        run->by_hand = run->by_hand || stopped_late(f, run->run_key);
    }
    if (f->runs_len == f->runs_cap) {
        f->runs_cap = f->runs_cap == 0 ? 8 : 2 * f->runs_cap;
        f->runs = checked(mem_realloc(f->runs, f->runs_cap * sizeof(struct follow_run *)));
    }
    f->runs[f->runs_len++] = run;
}

static void take_resource(struct follow *f, const struct sched_event *ev)
{
    struct follow_resource *r = NULL;

    for (size_t k = 0; k < f->resources_len && r == NULL; k++) {
        r = strcmp(f->resources[k].name, ev->resource.name) == 0 ? &f->resources[k] : NULL;
    }
    if (r == NULL) {
        if (f->resources_len == 16) {
            abort();
        }
        r = &f->resources[f->resources_len++];
        snprintf(r->name, sizeof r->name, "%s", ev->resource.name);
    }
    r->slots = ev->resource.slots;
    r->granted = ev->resource.granted;
    r->exclusive = ev->resource.exclusive;
    r->include_deferred = ev->resource.include_deferred;
}

/* Of a mapped task: whether all of its instances are success or skipped. */
static void take_past(struct follow_run *run, const struct sched_event *ev,
                      const struct ti_row *row)
{
    int32_t good = 0;

    if (row->key.map_index >= 0) {
        return;
    }
    for (size_t i = 0; row->map_len > 0 && i < ev->answer.tis_len; i++) {
        const struct ti_row *x = &ev->answer.tis[i];

        good += x->key.task == row->key.task && x->key.map_index >= 0 &&
                x->key.map_index < row->map_len &&
                (x->state == TASK_SUCCESS || x->state == TASK_SKIPPED);
    }
    run->past_states[row->key.task] = row->map_len == 0      ? row->state
                                      : good == row->map_len ? TASK_SUCCESS
                                                             : TASK_NONE;
}

static void take_answer(struct follow *f, const struct sched_event *ev)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        struct follow_run *run = f->runs[k];

        if (run->question == 0 || run->question != ev->answer.question || ev->answer.unknown) {
            continue;
        }
        run->question = 0;
        run->past = ev->answer.run_key == 0 ? FOLLOW_PAST_NONE
                    : ev->answer.live       ? FOLLOW_PAST_LIVE
                                            : FOLLOW_PAST_ROWS;
        run->past_run = ev->answer.run_key;
        mem_free(run->past_states);
        run->past_states = checked(mem_alloc(run->dag->tasks_len + 1));
        memset(run->past_states, UINT8_MAX, run->dag->tasks_len);
        for (size_t i = 0; i < ev->answer.tis_len; i++) {
            take_past(run, ev, &ev->answer.tis[i]);
        }
    }
}

static void take_command(struct follow *f, const struct sched_event *ev)
{
    struct follow_run *run = follow_find(f, ev->command.run_key);
    size_t bytes = ev->command.tasks_len * sizeof(uint32_t);
    struct follow_late *late;

    if (run != NULL) {
        run->by_hand = run->by_hand || ev->type == SCHED_RUN_STOP;
        return;
    }
    late = &f->late[f->late_next++ % FOLLOW_LATE];
    mem_free(late->tasks);
    mem_free(late->map_index);
    *late = (struct follow_late){.type = ev->type,
                                 .run_key = ev->command.run_key,
                                 .tasks_len = ev->command.tasks_len,
                                 .state = ev->command.state};
    if (ev->command.tasks != NULL) {
        late->tasks = checked(mem_alloc(bytes + 1));
        memcpy(late->tasks, ev->command.tasks, bytes);
    }
    if (ev->command.tasks != NULL && ev->command.map_indexes != NULL) {
        late->map_index = checked(mem_alloc(bytes + 1));
        memcpy(late->map_index, ev->command.map_indexes, bytes);
    }
}

/* What the event says about the world, before the scheduler has seen it. */
static void take_event(struct follow *f, const struct sched_event *ev, struct follow_before *b)
{
    f->ev = ev;
    f->length.what = LENGTH_NONE;
    f->now_us = ev->now_us > f->now_us ? ev->now_us : f->now_us;
    follow_before(f, ev, b);
    switch (ev->type) {
    case SCHED_DAG:
        f->paused = ev->dag.paused;
        break;
    case SCHED_RESOURCE:
        take_resource(f, ev);
        break;
    case SCHED_RUN_CREATE:
    case SCHED_RUN_RESTORE:
        run_add(f, ev);
        break;
    case SCHED_CLEAR:
    case SCHED_MARK:
    case SCHED_RUN_STOP:
        take_command(f, ev);
        break;
    case SCHED_ANSWER:
        take_answer(f, ev);
        follow_take_length(f, ev);
        break;
    case SCHED_TICK:
        follow_take_length(f, ev);
        break;
    case SCHED_SHUTDOWN:
        f->shutdown = true;
        break;
    case SCHED_STORE_FULL:
        f->full = ev->full.full;
        break;
    default:
        break;
    }
    if (b->run != NULL && ev->type != SCHED_CLAIM && ev->type != SCHED_STARTED &&
        uuid_cmp(&b->run->tis[b->slot].dying_token, &b->token) == 0) {
        b->run->tis[b->slot].dying = false; /* however it ended: it has */
    }
}

static void apply(struct follow *f, struct follow_run *run, uint32_t i, uint8_t to)
{
    struct follow_ti *ti = &run->tis[i];
    uint8_t from = run->states[i];
    const struct task *t = follow_task(run, i);

    if (to == TASK_SCHEDULED && (from == TASK_NONE || from == TASK_UP_FOR_RETRY)) {
        ti->try_number++;
    }
    if (to == TASK_NONE) {
        ti->max_tries = (uint16_t)(ti->try_number + t->retries);
    }
    if ((to == TASK_NONE || to == TASK_RESTARTING) && run->at[i].map_index >= 0 && t->map_len < 0 &&
        (f->ev->type == SCHED_CLEAR || f->ev->type == SCHED_RUN_RESTORE)) {
        run->asks[run->at[i].task].stale = true;
    }
    if (to == TASK_NONE && run->at[i].map_index < 0) {
        run->maps[i].empty = t->mapped && t->map_len == 0; /* it is asked again */
    }
    if (to == TASK_DEFERRED) {
        ti->deferred_token = ti->token;
    }
    if (to == TASK_QUEUED) {
        ti->queued_us = f->now_us;
        ti->worker = 0;
    }
    run->states[i] = to;
}

static int replay(struct follow *f, const struct follow_before *b, const struct sched_actions *a)
{
    bool moved = false;

    for (size_t k = 0; k < a->transitions_len; k++) {
        const struct transition_row *t = &a->transitions[k];
        struct follow_run *run = follow_find(f, t->key.run_key);
        uint32_t i = run != NULL ? follow_slot(run, &t->key) : UINT32_MAX;
        char name[64];

        if (i == UINT32_MAX) {
            return follow_wrong(f, "a transition of an unknown instance: %s -> %s of %s",
                                task_state_to_string(t->from), task_state_to_string(t->to),
                                follow_key(&t->key, name));
        }
        if (run->states[i] != t->from) {
            return follow_wrong(f, "S2: %s is %s, not %s (-> %s)", follow_key(&t->key, name),
                                task_state_to_string(run->states[i]), task_state_to_string(t->from),
                                task_state_to_string(t->to));
        }
        if (follow_judge(f, b, run, i, t->to) < 0) {
            size_t n = strlen(f->text);

            snprintf(f->text + n, sizeof f->text - n, " (\"%s\")",
                     t->reason != NULL ? t->reason : "");
            return -1;
        }
        moved = moved || (run == b->run && i == b->slot);
        apply(f, run, i, t->to);
        f->transitions++;
    }
    if (b->valid && !moved && f->ev->type != SCHED_CLAIM &&
        (b->state == TASK_QUEUED || b->state == TASK_RUNNING) &&
        (f->ev->type == SCHED_ENDED || (f->ev->type == SCHED_STARTED && b->state == TASK_QUEUED) ||
         (f->ev->type == SCHED_LOST && b->state == TASK_QUEUED))) {
        return follow_wrong(f, "run %lld t%u[%d]: a valid event %d changed nothing (%s)",
                            (long long)b->run->run_key, b->run->at[b->slot].task,
                            b->run->at[b->slot].map_index, f->ev->type,
                            task_state_to_string(b->state));
    }
    return 0;
}

static bool holds_token(uint8_t state)
{
    return state == TASK_QUEUED || state == TASK_RUNNING || state == TASK_RESTARTING;
}

/* Airflow's bounds: constant, or between the exponential delay and its double, capped. */
static bool retry_in_time(const struct task *t, const struct ti_row *row)
{
    int64_t wait_us = row->next_us - row->end_us, low, high;
    double seconds = (double)t->retry_delay_us / 1e6;

    if (row->next_us == TIME_NONE || row->end_us == TIME_NONE) {
        return false;
    }
    if (t->retry_multiplier <= 0) {
        return wait_us == t->retry_delay_us;
    }
    for (int k = 1; k < row->try_number && seconds < 1e6; k++) {
        seconds *= t->retry_multiplier;
    }
    low = (int64_t)seconds;
    low += (double)low < seconds;
    low = low < 1 ? 1 : low;
    high = 2 * low - 1;
    low = low > LIMIT_RETRY_DELAY_S ? LIMIT_RETRY_DELAY_S : low;
    high = high > LIMIT_RETRY_DELAY_S ? LIMIT_RETRY_DELAY_S : high;
    low *= TIME_SECOND;
    high *= TIME_SECOND;
    if (t->max_retry_delay_us > 0) {
        low = low > t->max_retry_delay_us ? t->max_retry_delay_us : low;
        high = high > t->max_retry_delay_us ? t->max_retry_delay_us : high;
    }
    return wait_us >= low && wait_us <= high;
}

static int check_row(struct follow *f, struct follow_run *run, const struct ti_row *row)
{
    uint32_t i = follow_slot(run, &row->key);
    struct follow_ti *ti = &run->tis[i];
    uint8_t state = run->states[i];
    bool token = !uuid_is_zero(&row->attempt);
    int32_t len = row->key.map_index < 0 ? run->maps[row->key.task].len : 0;
    char name[64];

    follow_key(&row->key, name);
    if (row->state != state) {
        return follow_wrong(f, "%s: the row says %s, its transitions %s", name,
                            task_state_to_string(row->state), task_state_to_string(state));
    }
    if (row->map_len != len) {
        return follow_wrong(f, "M1: %s: the row says %d instances, must be %d", name, row->map_len,
                            len);
    }
    if (row->try_number != ti->try_number) {
        return follow_wrong(f, "S6: %s (%s): try %u, must be %u", name, task_state_to_string(state),
                            row->try_number, ti->try_number);
    }
    if (row->max_tries != ti->max_tries) {
        return follow_wrong(f, "S6: %s: max_tries %u, must be %u", name, row->max_tries,
                            ti->max_tries);
    }
    if (holds_token(state) != token && state != TASK_DEFERRED && state != TASK_SCHEDULED &&
        state != TASK_UP_FOR_RESCHEDULE && !ti->dying) {
        return follow_wrong(f, "S1: %s is %s with%s a token", name, task_state_to_string(state),
                            token ? "" : "out");
    }
    if (state == TASK_UP_FOR_RETRY && !retry_in_time(&run->dag->tasks[row->key.task], row)) {
        return follow_wrong(f, "S6: %s: try %u again after %lld us", name, row->try_number,
                            (long long)(row->next_us - row->end_us));
    }
    if (state == TASK_QUEUED && uuid_cmp(&row->attempt, &ti->deferred_token) == 0) {
        memset(&ti->deferred_token, 0, sizeof ti->deferred_token); /* it goes on under it */
    }
    take_row(f, run, row);
    return 0;
}

static int check_rows(struct follow *f, const struct sched_actions *a)
{
    for (size_t k = 0; k < a->tis_len; k++) {
        const struct ti_row *row = &a->tis[k];
        struct follow_run *run = follow_find(f, row->key.run_key);

        if (run == NULL || follow_slot(run, &row->key) == UINT32_MAX) {
            char name[64];

            return follow_wrong(f, "M1: a row of an unknown instance: %s",
                                follow_key(&row->key, name));
        }
        if (check_row(f, run, row) < 0) {
            return -1;
        }
    }
    for (size_t k = 0; k < a->runs_len; k++) {
        struct follow_run *run = follow_find(f, a->runs[k].run_key);

        if (run == NULL) {
            return follow_wrong(f, "a row of an unknown run");
        }
        run->row = a->runs[k];
        run->row.run_id = run->row.conf = NULL;
        run->row.reason = keep(f, run->row.reason);
        run->state = run->row.state;
        /* Once fail_fast has stopped a run it stays failed, whatever its tasks are marked as later: it is in its row, as a reason. */
        run->condemned = run->condemned || (run->dag->fail_fast && run->state == RUN_RUNNING &&
                                            run->row.reason != NULL);
    }
    return 0;
}

/* Attempts that are to end from now on. */
static int note_kills(struct follow *f, const struct sched_actions *a)
{
    for (size_t k = 0; k < a->kills_len; k++) {
        struct follow_run *run = follow_find(f, a->kills[k].key.run_key);
        uint32_t i = run != NULL ? follow_slot(run, &a->kills[k].key) : UINT32_MAX;
        struct follow_ti *ti;

        if (i == UINT32_MAX) {
            return follow_wrong(f, "a kill of an unknown instance");
        }
        ti = &run->tis[i];
        ti->dying = true;
        ti->dying_token = a->kills[k].token;
        ti->dying_harmless = uuid_cmp(&ti->deferred_token, &a->kills[k].token) == 0;
    }
    return 0;
}

/* A length is asked for when it can be counted, and once at a time. */
static int check_question(struct follow *f, struct follow_run *run, const struct sched_question *q)
{
    const struct task *t = &run->dag->tasks[q->task];
    struct follow_ask *ask = &run->asks[q->task];

    if (!t->mapped || t->map_len >= 0) {
        return follow_wrong(f, "M2: run %lld t%u: its length is asked, and known",
                            (long long)run->run_key, q->task);
    }
    if (ask->question != 0) {
        return follow_wrong(f, "M2: run %lld t%u: its length is asked twice",
                            (long long)run->run_key, q->task);
    }
    /* In a run that is failed in this very step a teardown did not wait for the answer after all. */
    if (run->maps[q->task].len > 0 && !ask->stale && !follow_is_ending(f, run)) {
        return follow_wrong(f, "M2: run %lld t%u: its length is asked again without need",
                            (long long)run->run_key, q->task);
    }
    ask->question = q->question;
    ask->deadline_us = q->deadline_us;
    run->maps[q->task].empty = false;
    return 0;
}

/* An attempt that is to end must not have a successor before it has ended. */
static int check_effects(struct follow *f, const struct sched_actions *a)
{
    for (size_t k = 0; k < a->dispatches_len; k++) {
        const struct sched_dispatch *x = &a->dispatches[k];
        struct follow_run *run = follow_find(f, x->key.run_key);
        uint32_t i = run != NULL ? follow_slot(run, &x->key) : UINT32_MAX;
        struct follow_ti *ti = i != UINT32_MAX ? &run->tis[i] : NULL;

        if (ti == NULL || run->states[i] != TASK_QUEUED || !follow_counts(run, i) ||
            uuid_cmp(&ti->token, &x->token) != 0 || ti->try_number != x->try_number) {
            return follow_wrong(f, "S1: a dispatch that is not the queued attempt's (t%u)",
                                x->key.task);
        }
        if (ti->dying && !ti->dying_harmless && uuid_cmp(&ti->dying_token, &x->token) != 0) {
            return follow_wrong(f, "S1: run %lld t%u is dispatched while its killed attempt lives",
                                (long long)run->run_key, x->key.task);
        }
    }
    for (size_t k = 0; k < a->questions_len; k++) {
        struct follow_run *run = follow_find(f, a->questions[k].run_key);

        if (run != NULL && a->questions[k].kind == SCHED_ASK_PREVIOUS) {
            run->question = a->questions[k].question;
            run->past = FOLLOW_PAST_UNKNOWN;
        }
        if (run != NULL && a->questions[k].kind == SCHED_ASK_MAP &&
            check_question(f, run, &a->questions[k]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A clear that was not refused lets the run be judged by its leaves again. */
static void take_reply(struct follow *f, const struct sched_event *ev,
                       const struct sched_actions *a)
{
    struct follow_run *run = NULL;

    if (ev->type == SCHED_CLEAR || ev->type == SCHED_RUN_RESTORE) {
        run = follow_find(f, ev->type == SCHED_CLEAR ? ev->command.run_key : ev->run.row->run_key);
    }
    for (size_t k = 0; run != NULL && k < a->transitions_len; k++) {
        if (a->transitions[k].to == TASK_NONE || a->transitions[k].to == TASK_RESTARTING) {
            run->by_hand = stopped_late(f, run->run_key);
            run->condemned = false;
        }
    }
}

static int check_run_state(struct follow *f, struct follow_run *run)
{
    struct oracle_run v = follow_view(run);
    enum run_state must = oracle_run_state(&v);
    bool ended_by_force;

    ended_by_force = run->by_hand || run->condemned || follow_timed_out(f, run);
    if (run->state == RUN_QUEUED) {
        return 0; /* max_active_runs, a paused DAG: the drivers that have none of them check it */
    }
    if (ended_by_force && (run->state == RUN_FAILED || must == RUN_RUNNING)) {
        return 0;
    }
    if (run->state == must) {
        return 0;
    }
    return follow_wrong(f, "S3: run %lld is %s, the oracle says %s", (long long)run->run_key,
                        run_state_to_string(run->state), run_state_to_string(must));
}

/* What it could leave none for is a length, and that is being asked for. */
static bool waits_for_length(const struct follow_run *run, uint32_t i, enum oracle_verdict v)
{
    const struct task *t = follow_task(run, i);
    struct oracle_run view = follow_view(run);

    if (!t->mapped || t->map_len >= 0 || follow_question(run, t->index) == 0) {
        return false;
    }
    return run->at[i].map_index < 0 ? oracle_sources(&view, t->index) == ORACLE_RUN
                                    : v == ORACLE_RUN && run->asks[t->index].stale;
}

/* S4, the other half: nobody stays in `none` who could leave it. */
static int check_waiting(struct follow *f, struct follow_run *run)
{
    struct oracle_run view = follow_view(run);

    for (uint32_t i = 0; run->state == RUN_RUNNING && !f->paused && i < run->len; i++) {
        const struct task *t = follow_task(run, i);
        enum oracle_verdict v;

        if (!follow_counts(run, i) || (run->states[i] != TASK_NONE &&
                                       (f->ev->type != SCHED_TICK || !follow_due(f, run, i)))) {
            continue;
        }
        v = oracle_verdict(&view, run->at[i].task, run->at[i].map_index);
        if (v == ORACLE_WAIT || (v == ORACLE_RUN && !follow_past_ok(f, run, i)) ||
            (v == ORACLE_SKIPPED && t->wait_for_past_depends_before_skipping &&
             !follow_past_ok(f, run, i)) ||
            waits_for_length(run, i, v)) {
            continue;
        }
        return follow_wrong(f, "S4: run %lld t%u[%d] (%s) stays in %s, the oracle says %s",
                            (long long)run->run_key, run->at[i].task, run->at[i].map_index,
                            trigger_rule_to_string(t->trigger_rule),
                            task_state_to_string(run->states[i]), oracle_verdict_to_string(v));
    }
    return 0;
}

static int check_reads(struct follow *f, struct sched *s, struct follow_run *run)
{
    for (uint32_t i = 0; i < run->len; i++) {
        const struct ti_key *key = &run->at[i];
        int32_t len = key->map_index < 0 ? run->maps[key->task].len : 0;
        struct ti_row row;
        bool never = !follow_counts(run, i) && run->rows[i].key.run_key == 0;

        if (never && f->slices && sched_get_ti(s, key, &row) < 0) {
            continue; /* it became shorter before this one was looked at */
        }
        if (sched_get_ti(s, key, &row) < 0 || row.state != run->states[i] || row.map_len != len) {
            return follow_wrong(f, "S10: run %lld t%u[%d]: the core does not have what it wrote",
                                (long long)run->run_key, key->task, key->map_index);
        }
    }
    return 0;
}

static int check_all(struct follow *f, struct sched *s)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        if (check_run_state(f, f->runs[k]) < 0 || check_waiting(f, f->runs[k]) < 0 ||
            check_reads(f, s, f->runs[k]) < 0) {
            return -1;
        }
    }
    return follow_limits(f);
}

/* Instances are looked at in small slices, and there are some left: the next tick is due now. */
static bool in_slices(const struct follow *f, const struct sched *s)
{
    int64_t timer = sched_next_timer(s);

    return f->slices && timer != TIME_NONE && timer <= f->now_us;
}

int follow_step(struct follow *f, struct sched *s, const struct sched_event *ev,
                struct sched_actions *a, enum follow_depth depth)
{
    struct follow_before b;
    int rc;

    take_event(f, ev, &b);
    f->restoring = (ev->type == SCHED_RUN_RESTORE && ev->run.question == 0) ||
                   (f->restoring && (ev->type == SCHED_DAG || ev->type == SCHED_RESOURCE));
    rc = sched_step(s, ev, a);
    if (rc < 0) {
        return follow_wrong(f, "sched_step: %s", err_text(rc));
    }
    take_reply(f, ev, a);
    if (replay(f, &b, a) < 0 || note_kills(f, a) < 0 || check_rows(f, a) < 0 ||
        check_effects(f, a) < 0) {
        return -1;
    }
    for (size_t k = 0; ev->type == SCHED_RUN_RESTORE && k < FOLLOW_LATE; k++) {
        if (f->late[k].run_key == ev->run.row->run_key) {
            f->late[k].type = 0;
        }
    }
    for (size_t k = 0; k < f->runs_len; k++) {
        f->runs[k]->deadlocked = false;
    }
    return depth == FOLLOW_ALL && !in_slices(f, s) ? check_all(f, s) : 0;
}
