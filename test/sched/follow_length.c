/* Mapped tasks, as the follower sees them: questions for lengths, and what an answer must do. */
#include <stdio.h>

#include "base/time.h"
#include "follow_priv.h"
#include "model/dag.h"

/* It is expanded together with `task`: it is that, or in the same mapped group. */
static bool together(const struct follow_run *run, uint32_t t, uint32_t task)
{
    return t == task || oracle_same_group(run->dag, t, task);
}

int64_t follow_question(const struct follow_run *run, uint32_t task)
{
    for (uint32_t t = 0; t < run->dag->tasks_len; t++) {
        if (together(run, t, task) && run->asks[t].question != 0) {
            return run->asks[t].question;
        }
    }
    return 0;
}

/* A length is that of the whole group: all that is expanded, and all that waits to be. Where there would be too many, those that are stay. */
static void take(struct follow *f, struct follow_run *run, uint32_t task, int64_t len)
{
    for (uint32_t t = 0; t < run->dag->tasks_len; t++) {
        struct oracle_map *m = &run->maps[t];

        if (!together(run, t, task)) {
            continue;
        }
        run->asks[t].stale = false;
        if (len > f->max_map_length) {
            continue;
        }
        m->len = m->len > 0 && len <= 0 ? 0 : m->len;
        if (len > 0 && (m->len > 0 || run->states[t] == TASK_NONE)) {
            follow_expand(run, t, (int32_t)len);
        } else if (m->len == 0 && run->states[t] == TASK_NONE) {
            m->empty = true;
        }
    }
}

/* Whom the answer is for: the one that asked, or another of its group where that is not waiting any more. */
static uint32_t waiting_one(const struct follow_run *run, uint32_t task)
{
    for (uint32_t t = 0; run->states[task] != TASK_NONE && t < run->dag->tasks_len; t++) {
        if (together(run, t, task) && run->maps[t].len == 0 && run->states[t] == TASK_NONE) {
            return t;
        }
    }
    return task;
}

static void answered(struct follow *f, struct follow_run *run, uint32_t task,
                     const struct sched_event *ev)
{
    struct oracle_run v = follow_view(run);
    int64_t len = ev->answer.map_len;

    if (run->state != RUN_RUNNING) {
        return;
    }
    if (run->maps[task].len > 0 && oracle_sources(&v, task) != ORACLE_RUN) {
        return;
    }
    if (run->maps[task].len > 0) {
        run->asks[task].stale = false;
        f->length.what = ev->answer.error == NULL ? LENGTH_AGAIN : LENGTH_NONE;
    } else {
        task = waiting_one(run, task);
        if (run->states[task] != TASK_NONE || oracle_sources(&v, task) != ORACLE_RUN) {
            return;
        }
        f->length.what = ev->answer.error != NULL || len > f->max_map_length ? LENGTH_BAD
                         : len <= 0                                          ? LENGTH_EMPTY
                                                                             : LENGTH_NEW;
    }
    f->length.run = run;
    f->length.task = task;
    f->length.too_long = ev->answer.error == NULL && len > f->max_map_length;
    if (ev->answer.error == NULL) {
        take(f, run, task, len);
    }
}

void follow_take_length(struct follow *f, const struct sched_event *ev)
{
    for (size_t k = 0; k < f->runs_len; k++) {
        struct follow_run *run = f->runs[k];

        for (uint32_t t = 0; t < run->dag->tasks_len; t++) {
            struct follow_ask *ask = &run->asks[t];

            if (ev->type == SCHED_TICK && ask->question != 0 && f->now_us >= ask->deadline_us) {
                ask->question = 0;
            } else if (ev->type == SCHED_ANSWER && ask->question != 0 &&
                       ask->question == ev->answer.question && !ev->answer.unknown) {
                ask->question = 0;
                answered(f, run, t, ev);
                return;
            }
        }
    }
}

/* What a length does, or that there is none. */
bool follow_by_length(const struct follow *f, const struct follow_run *run, uint32_t i, uint8_t to)
{
    const struct task *t = follow_task(run, i);
    bool mine = f->length.what != LENGTH_NONE && f->length.run == run &&
                together(run, t->index, f->length.task);
    struct oracle_run v = follow_view(run);
    uint8_t from = run->states[i];

    if (!t->mapped) {
        return false;
    }
    if (run->at[i].map_index >= 0) {
        return mine && (to == TASK_REMOVED ? f->length.what != LENGTH_NONE && !follow_counts(run, i)
                                           : from == TASK_REMOVED && follow_counts(run, i) &&
                                                 (to == TASK_NONE ||
                                                  (to == TASK_RESTARTING && run->tis[i].dying)));
    }
    if (from != TASK_NONE || run->maps[t->index].len > 0) {
        return false;
    }
    if (to == TASK_FAILED) {
        return t->map_len >= 0 ? t->map_len > f->max_map_length &&
                                     oracle_verdict(&v, t->index, -1) == ORACLE_RUN
                               : mine && (f->length.what == LENGTH_BAD || f->length.too_long);
    }
    return to == TASK_SKIPPED && run->maps[t->index].empty &&
           oracle_verdict(&v, t->index, -1) == ORACLE_RUN;
}

/* Its length has to be asked again before it may run; a teardown of a run that is being failed does not wait for that. */
bool follow_must_ask(const struct follow *f, const struct follow_run *run, uint32_t i)
{
    struct oracle_run v = follow_view(run);
    uint32_t task = run->at[i].task;

    return run->at[i].map_index >= 0 && run->asks[task].stale && !follow_is_ending(f, run) &&
           oracle_sources(&v, task) == ORACLE_RUN;
}
