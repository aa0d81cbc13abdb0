/* The judge: may this instance make this change now? By the event that names it, by a command, by
 * its rule, or by time. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "follow_priv.h"
#include "model/dag.h"
#include "oracle.h"

void follow_before(const struct follow *f, const struct sched_event *ev, struct follow_before *b)
{
    const struct ti_key *key = NULL;
    const struct uuid *token = NULL;

    memset(b, 0, sizeof *b);
    switch (ev->type) {
    case SCHED_CLAIM:
    case SCHED_STARTED:
    case SCHED_DEFERRED:
    case SCHED_RESCHEDULE:
    case SCHED_LOST:
        key = &ev->attempt.key;
        token = &ev->attempt.token;
        break;
    case SCHED_ENDED:
    case SCHED_FIRED:
        key = &ev->ended.key;
        token = &ev->ended.token;
        break;
    default:
        return;
    }
    b->run = follow_find(f, key->run_key);
    b->slot = b->run != NULL ? follow_slot(b->run, key) : UINT32_MAX;
    if (b->slot == UINT32_MAX) {
        b->run = NULL;
        return;
    }
    b->token = *token;
    b->state = b->run->states[b->slot];
    b->valid = !uuid_is_zero(token) && uuid_cmp(token, &b->run->tis[b->slot].token) == 0;
}

static bool outcome_gives(const struct follow_run *run, uint32_t i, enum sched_outcome outcome,
                          uint8_t to)
{
    const struct follow_ti *ti = &run->tis[i];

    switch (outcome) {
    case SCHED_OUTCOME_SUCCESS:
        return to == TASK_SUCCESS;
    case SCHED_OUTCOME_FAILED:
        return to == (ti->try_number <= ti->max_tries ? TASK_UP_FOR_RETRY : TASK_FAILED);
    case SCHED_OUTCOME_FAILED_NO_RETRY:
        return to == TASK_FAILED;
    case SCHED_OUTCOME_SKIPPED:
        return to == TASK_SKIPPED;
    case SCHED_OUTCOME_RESUME:
        return to == TASK_SCHEDULED;
    case SCHED_OUTCOME_KILLED:
        return to == TASK_FAILED || to == TASK_SKIPPED || to == TASK_UP_FOR_RETRY;
    }
    return false;
}

static bool failed_fast(const struct follow_run *run)
{
    for (uint32_t i = 0; run->dag->fail_fast && i < run->len; i++) {
        if (follow_counts(run, i) && run->states[i] == TASK_FAILED) {
            return true;
        }
    }
    return run->condemned;
}

bool follow_is_ending(const struct follow *f, const struct follow_run *run)
{
    return follow_timed_out(f, run) || failed_fast(run) || run->by_hand;
}

/* The event is about this instance and carries its token. */
static bool by_event(const struct follow *f, const struct follow_before *b,
                     const struct follow_run *run, uint32_t i, uint8_t to)
{
    uint8_t from = run->states[i];

    bool ends = f->ev->type == SCHED_ENDED || f->ev->type == SCHED_DEFERRED ||
                f->ev->type == SCHED_RESCHEDULE;

    if (b->run != run || b->slot != i || !b->valid) {
        return false;
    }
    if (ends && b->state == TASK_QUEUED && from == TASK_QUEUED && to == TASK_RUNNING) {
        return true; /* the news of its start was lost or comes later: it did run */
    }
    if (b->state != from && !(ends && b->state == TASK_QUEUED && from == TASK_RUNNING)) {
        return false;
    }
    switch (f->ev->type) {
    case SCHED_STARTED:
        return to == TASK_RUNNING && (from == TASK_QUEUED || from == TASK_RESTARTING);
    case SCHED_DEFERRED:
        if (from == TASK_RESTARTING) {
            return to == TASK_NONE; /* it is over before its kill came */
        }
        return to == TASK_DEFERRED && (from == TASK_RUNNING || from == TASK_QUEUED);
    case SCHED_RESCHEDULE:
        if (from == TASK_RESTARTING) {
            return to == TASK_NONE;
        }
        return to == TASK_UP_FOR_RESCHEDULE && (from == TASK_RUNNING || from == TASK_QUEUED);
    case SCHED_LOST:
        return (to == TASK_SCHEDULED && (from == TASK_QUEUED || from == TASK_RUNNING)) ||
               (to == TASK_NONE && from == TASK_RESTARTING);
    case SCHED_FIRED:
        return from == TASK_DEFERRED && outcome_gives(run, i, f->ev->ended.outcome, to);
    case SCHED_ENDED:
        if (from == TASK_RESTARTING) {
            return to == TASK_NONE;
        }
        if (from != TASK_RUNNING && from != TASK_QUEUED) {
            return false;
        }
        if (failed_fast(run) && to == TASK_FAILED) { /* no retry any more */
            return f->ev->ended.outcome != SCHED_OUTCOME_SUCCESS;
        }
        if (run->by_hand || follow_timed_out(f, run)) {
            return to == TASK_SKIPPED || outcome_gives(run, i, f->ev->ended.outcome, to);
        }
        return outcome_gives(run, i, f->ev->ended.outcome, to);
    default:
        return false;
    }
}

/* Whether a list of tasks and map indexes (-1: all) names it. */
static bool listed(const struct follow_run *run, const uint32_t *tasks, const int32_t *indexes,
                   size_t len, uint32_t i)
{
    for (size_t k = 0; k < len; k++) {
        if (tasks[k] == run->at[i].task &&
            (indexes == NULL || indexes[k] < 0 || indexes[k] == run->at[i].map_index)) {
            return true;
        }
    }
    return false;
}

static bool command_gives(const struct follow_late *c, const struct follow_run *run, uint32_t i,
                          uint8_t to)
{
    const struct task *t = follow_task(run, i);
    bool unfinished = !task_state_finished(run->states[i]);
    bool named = c->tasks == NULL || listed(run, c->tasks, c->map_index, c->tasks_len, i);

    if (c->run_key != run->run_key) {
        return false;
    }
    switch (c->type) {
    case SCHED_CLEAR: /* its setups and teardowns may come with it */
        return (named || t->is_setup || t->is_teardown) &&
               (to == TASK_NONE || (to == TASK_RESTARTING && (unfinished || run->tis[i].dying)));
    case SCHED_MARK:
        return named && to == c->state;
    case SCHED_RUN_STOP:
        return unfinished && (!t->is_teardown || run->state != RUN_RUNNING) &&
               (to == TASK_SKIPPED || to == TASK_FAILED);
    default:
        return false;
    }
}

static bool by_command(const struct follow *f, const struct follow_run *run, uint32_t i, uint8_t to)
{
    const struct sched_event *ev = f->ev;

    if (ev->type == SCHED_CLEAR || ev->type == SCHED_MARK || ev->type == SCHED_RUN_STOP) {
        struct follow_late now = {ev->type,
                                  ev->command.run_key,
                                  (uint32_t *)ev->command.tasks,
                                  (int32_t *)ev->command.map_indexes,
                                  ev->command.tasks_len,
                                  ev->command.state};

        return command_gives(&now, run, i, to);
    }
    for (size_t k = 0; ev->type == SCHED_RUN_RESTORE && k < FOLLOW_LATE; k++) {
        if (f->late[k].type != 0 && command_gives(&f->late[k], run, i, to)) {
            return true;
        }
    }
    return false;
}

static uint8_t past_state(const struct follow *f, const struct follow_run *run, uint32_t task)
{
    const struct follow_run *before = follow_find(f, run->past_run);

    if (before != NULL) { /* held, again or still: followed */
        struct oracle_run v = follow_view(before);

        return oracle_task_state(&v, task);
    }
    return run->past_states[task];
}

/* All of a task's instances in the previous run are success or skipped. */
static bool past_good(const struct follow *f, const struct follow_run *run, uint32_t task)
{
    uint8_t st = past_state(f, run, task);

    return st == TASK_SUCCESS || st == TASK_SKIPPED;
}

bool follow_past_ok(const struct follow *f, const struct follow_run *run, uint32_t i)
{
    const struct task *t = follow_task(run, i);
    bool ok;

    if (!t->depends_on_past && !t->wait_for_downstream) {
        return true;
    }
    if (run->past == FOLLOW_PAST_NONE) {
        return true;
    }
    if (run->past == FOLLOW_PAST_UNKNOWN ||
        (run->past_states == NULL && follow_find(f, run->past_run) == NULL)) {
        return false;
    }
    ok = past_good(f, run, t->index);
    for (uint32_t k = run->dag->down_off[t->index];
         t->wait_for_downstream && k < run->dag->down_off[t->index + 1]; k++) {
        ok = ok && past_good(f, run, run->dag->down[k]);
    }
    return ok;
}

/* Its time has come, and its rule or the previous run does not let it. */
static bool held_back(const struct follow *f, const struct follow_run *run, uint32_t i)
{
    struct oracle_run v = follow_view(run);

    return follow_due(f, run, i) &&
           (!follow_past_ok(f, run, i) ||
            oracle_verdict(&v, run->at[i].task, run->at[i].map_index) == ORACLE_WAIT);
}

bool follow_held_by_past(const struct follow *f, const struct follow_run *run)
{
    bool held = false;

    for (uint32_t i = 0; i < run->len; i++) {
        if (!follow_counts(run, i)) {
            continue;
        }
        if (run->tis[i].dying || (!task_state_finished(run->states[i]) &&
                                  run->states[i] != TASK_NONE && !held_back(f, run, i))) {
            return false;
        }
        held = held || (!task_state_finished(run->states[i]) && !follow_past_ok(f, run, i));
    }
    return held && run->state == RUN_RUNNING;
}

bool follow_due(const struct follow *f, const struct follow_run *run, uint32_t i)
{
    return (run->states[i] == TASK_UP_FOR_RETRY || run->states[i] == TASK_UP_FOR_RESCHEDULE) &&
           run->tis[i].next_us != TIME_NONE && f->now_us >= run->tis[i].next_us;
}

bool follow_timed_out(const struct follow *f, const struct follow_run *run)
{
    return run->dag->dagrun_timeout_us > 0 && run->row.start_us != TIME_NONE &&
           f->now_us >= run->row.start_us + run->dag->dagrun_timeout_us;
}

/* A branch that just succeeded leaves it out. In a mapped group it speaks for its own index. */
static bool leaves_out(const struct follow *f, const struct follow_before *b,
                       const struct follow_run *run, uint32_t i)
{
    const struct sched_event *ev = f->ev;
    const struct ti_key *branch = &run->at[b->slot], *own = &run->at[i];
    bool by_index = branch->map_index >= 0 && own->map_index >= 0 &&
                    oracle_same_group(run->dag, branch->task, own->task);

    for (size_t k = 0; k < ev->ended.skip_len; k++) {
        int32_t index = ev->ended.skip_map != NULL ? ev->ended.skip_map[k] : -1;

        index = index < 0 && by_index ? branch->map_index : index;
        if (ev->ended.skip[k] == own->task && (index < 0 || index == own->map_index)) {
            return true;
        }
    }
    return false;
}

/* The branch that left it out is still success: its own index in a mapped group, else all of it. */
static bool branch_stands(const struct follow_run *run, uint32_t i)
{
    struct oracle_run v = follow_view(run);
    uint32_t branch = run->left_out[i] - 1;
    int32_t index = run->at[i].map_index;

    if (index >= 0 && oracle_same_group(run->dag, branch, run->at[i].task) &&
        index < run->maps[branch].len) {
        return run->states[run->maps[branch].slots[index]] == TASK_SUCCESS;
    }
    return oracle_task_state(&v, branch) == TASK_SUCCESS;
}

/* A branch did not follow it: in this step, or earlier and it was cleared alone. */
static bool left_out(const struct follow *f, const struct follow_before *b, struct follow_run *run,
                     uint32_t i)
{
    if (f->ev->type == SCHED_ENDED && b->run == run && b->valid &&
        f->ev->ended.outcome == SCHED_OUTCOME_SUCCESS && leaves_out(f, b, run, i)) {
        run->left_out[i] = run->at[b->slot].task + 1;
        return true;
    }
    return run->left_out[i] != 0 && branch_stands(run, i);
}

static int wrong_verdict(struct follow *f, const struct follow_run *run, uint32_t i, uint8_t to,
                         bool past)
{
    const struct dag *d = run->dag;
    uint32_t task = run->at[i].task;
    struct oracle_run v = follow_view(run);
    size_t n;

    follow_wrong(f, "S4: run %lld t%u[%d] (%s): %s -> %s, but the oracle says %s%s%s; upstream:",
                 (long long)run->run_key, task, run->at[i].map_index,
                 trigger_rule_to_string(d->tasks[task].trigger_rule),
                 task_state_to_string(run->states[i]), task_state_to_string(to),
                 oracle_verdict_to_string(oracle_verdict(&v, task, run->at[i].map_index)),
                 past ? "" : ", past not met",
                 follow_must_ask(f, run, i) ? ", length not asked again" : "");
    for (uint32_t k = 0; k < run->len; k++) {
        bool up = false;

        for (uint32_t j = d->up_off[task]; j < d->up_off[task + 1]; j++) {
            up = up || d->up[j] == run->at[k].task;
        }
        n = strlen(f->text);
        if (up && follow_counts(run, k)) {
            snprintf(f->text + n, sizeof f->text - n, " t%u[%d] %s", run->at[k].task,
                     run->at[k].map_index, task_state_to_string(run->states[k]));
        }
    }
    return -1;
}

/* By its rule: from none, or when the time of a retry or a reschedule has come, where the rule is
 * asked again. */
static int by_rule(struct follow *f, const struct follow_before *b, struct follow_run *run,
                   uint32_t i, uint8_t to)
{
    const struct task *t = follow_task(run, i);
    struct oracle_run view = follow_view(run);
    enum oracle_verdict v = oracle_verdict(&view, t->index, run->at[i].map_index);
    bool past = follow_past_ok(f, run, i), ok = false;
    bool may_run = v == ORACLE_RUN && past && (!t->mapped || run->at[i].map_index >= 0) &&
                   !follow_must_ask(f, run, i);

    switch (to) {
    case TASK_SCHEDULED:
        ok = may_run && !t->instant;
        break;
    case TASK_SUCCESS:
        ok = may_run && t->instant;
        break;
    case TASK_SKIPPED:
        ok = v == ORACLE_SKIPPED && (past || !t->wait_for_past_depends_before_skipping);
        ok = ok || left_out(f, b, run, i);
        break;
    case TASK_UPSTREAM_FAILED:
        run->deadlocked = run->deadlocked || oracle_deadlocked(&view);
        ok = v == ORACLE_UPSTREAM_FAILED || run->deadlocked;
        break;
    default:
        break;
    }
    if (ok && may_run && to != TASK_SKIPPED) {
        run->asks[t->index].stale = false; /* what it is mapped over is not there any more */
    }
    return ok ? 0 : wrong_verdict(f, run, i, to, past);
}

/* By time, or by what happened to the run. */
static bool by_itself(const struct follow *f, const struct follow_run *run, uint32_t i, uint8_t to)
{
    const struct follow_ti *ti = &run->tis[i];
    bool ended = follow_is_ending(f, run);
    uint8_t from = run->states[i];

    if (ended && !task_state_finished(from) && !follow_task(run, i)->is_teardown &&
        (to == TASK_SKIPPED || to == TASK_FAILED)) {
        return true;
    }
    switch (from) {
    case TASK_SCHEDULED: /* the run may have been queued when the step began */
        return to == TASK_QUEUED && !f->full && !f->paused && !f->shutdown &&
               (!run_state_finished(run->state) || f->ev->type == SCHED_CLEAR ||
                f->ev->type == SCHED_RUN_RESTORE);
    case TASK_QUEUED:
        return f->queued_timeout_us > 0 && f->now_us >= ti->queued_us + f->queued_timeout_us &&
               ti->worker == 0 &&
               (run->rows[i].requeues < f->queued_retries
                    ? to == TASK_SCHEDULED
                    : to == TASK_FAILED || to == TASK_UP_FOR_RETRY);
    case TASK_DEFERRED: /* its timeout: the attempt goes on once more, to fail by itself, or fails
                         */
        return ti->next_us != TIME_NONE && f->now_us >= ti->next_us &&
               (to == TASK_SCHEDULED || outcome_gives(run, i, SCHED_OUTCOME_FAILED, to));
    default:
        return false;
    }
}

int follow_judge(struct follow *f, const struct follow_before *b, struct follow_run *run,
                 uint32_t i, uint8_t to)
{
    uint8_t from = run->states[i];

    if (!oracle_edge(from, to)) {
        return follow_wrong(f, "S2: run %lld t%u[%d]: no edge %s -> %s", (long long)run->run_key,
                            run->at[i].task, run->at[i].map_index, task_state_to_string(from),
                            task_state_to_string(to));
    }
    if (follow_by_length(f, run, i, to)) {
        return 0;
    }
    if (!follow_counts(run, i)) {
        return follow_wrong(f, "M1: run %lld t%u[%d]: %s -> %s, but it is no instance",
                            (long long)run->run_key, run->at[i].task, run->at[i].map_index,
                            task_state_to_string(from), task_state_to_string(to));
    }
    if (by_event(f, b, run, i, to) || by_command(f, run, i, to) || by_itself(f, run, i, to)) {
        return 0;
    }
    if (from == TASK_SCHEDULED && to == TASK_SKIPPED && left_out(f, b, run, i)) {
        return 0; /* a fast rule had let it go, but it has not begun */
    }
    if (from == TASK_NONE || follow_due(f, run, i)) {
        return by_rule(f, b, run, i, to);
    }
    return follow_wrong(
        f, "S1/S6: run %lld t%u[%d]: %s -> %s (try %u of %u) is not what the event says",
        (long long)run->run_key, run->at[i].task, run->at[i].map_index, task_state_to_string(from),
        task_state_to_string(to), run->tis[i].try_number, run->tis[i].max_tries + 1u);
}
