#include "drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "model/dag.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND)

uint32_t odometer_choose(struct odometer *o, uint32_t n)
{
    assert_true(n > 0 && n < 256 && o->at < DRIVE_CHOICES);
    if (o->at == o->len) {
        o->taken[o->len] = 0;
        o->of[o->len++] = (uint8_t)n;
    }
    assert_int_equal(o->of[o->at], n);
    return o->taken[o->at++];
}

bool odometer_next(struct odometer *o)
{
    o->at = 0;
    while (o->len > 0) {
        if (++o->taken[o->len - 1] < o->of[o->len - 1]) {
            return true;
        }
        o->len--;
    }
    return false;
}

static struct sched_config configured(const struct drive_options *options, uint64_t seed)
{
    return (struct sched_config){
        .seed = seed, .question_timeout_us = 60 * TIME_SECOND, .map_slice = options->slice};
}

static void describe(const struct drive *w, const char *text)
{
    const struct dag *d = w->dag;

    print_error("%s\n", text);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        print_error("  t%u %s%s%s <-", t, trigger_rule_to_string(d->tasks[t].trigger_rule),
                    d->tasks[t].is_setup ? " setup" : "",
                    d->tasks[t].is_teardown ? " teardown" : "");
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            print_error(" t%u", d->up[i]);
        }
        print_error("%s%s = %s\n", d->tasks[t].mapped ? " mapped" : "",
                    d->tasks[t].map_group != UINT32_MAX ? " in the group" : "",
                    w->f.runs_len > 0 ? task_state_to_string(w->f.runs[0]->states[t]) : "?");
    }
    for (uint32_t i = d->tasks_len; w->f.runs_len > 0 && i < w->f.runs[0]->len; i++) {
        print_error("  t%u[%d] = %s\n", w->f.runs[0]->at[i].task, w->f.runs[0]->at[i].map_index,
                    task_state_to_string(w->f.runs[0]->states[i]));
    }
    print_error("  choices:");
    for (size_t i = 0; i < w->o.at; i++) {
        print_error(" %u/%u", w->o.taken[i], w->o.of[i]);
    }
    print_error("\n");
}

static void step(struct drive *w, struct sched_event *ev)
{
    ev->now_us = w->now_us;
    if (follow_step(&w->f, w->s, ev, &w->a, FOLLOW_ALL) < 0) {
        describe(w, w->f.text);
        fail();
    }
    for (size_t k = 0; k < w->a.questions_len; k++) {
        w->question = w->a.questions[k].question;
    }
    sched_actions_clear(&w->a);
    w->steps++;
}

static void drive_events(struct drive *w)
{
    static const char *const names[] = {"parallelism", "default_pool"};

    for (size_t k = 0; k < 2; k++) {
        struct sched_event ev = {.type = SCHED_RESOURCE};

        ev.resource.name = names[k];
        ev.resource.slots = -1;
        if (k == 0 && w->options->parallelism > 0) {
            ev.resource.slots = w->options->parallelism;
        }
        ev.resource.granted = ev.resource.slots;
        ev.resource.exclusive = true;
        step(w, &ev);
    }
    struct sched_event ev = {.type = SCHED_DAG};

    ev.dag.dag_key = ev.dag.version_key = 1;
    ev.dag.dag = w->dag;
    step(w, &ev);
}

static void drive_init(struct drive *w, struct dag *dag, const struct drive_options *options)
{
    struct sched_config config = configured(options, 1);

    memset(w, 0, offsetof(struct drive, drives));
    w->dag = dag;
    w->options = options;
    w->now_us = START_US;
    w->s = sched_new(&config);
    assert_non_null(w->s);
    follow_init(&w->f, &config);
    drive_events(w);
}

static void drive_fini(struct drive *w)
{
    sched_free(w->s);
    follow_fini(&w->f);
    sched_actions_fini(&w->a);
}

static void create_run(struct drive *w)
{
    struct run_row row = {.run_key = ++w->run_key,
                          .dag_key = 1,
                          .version_key = 1,
                          .run_id = "r",
                          .state = RUN_QUEUED,
                          .type = RUN_TYPE_MANUAL};
    struct sched_event ev = {.type = SCHED_RUN_CREATE};

    row.logical_date_us = row.run_after_us = row.queued_us = w->now_us;
    row.data_interval_start_us = row.data_interval_end_us = w->now_us;
    row.start_us = row.end_us = TIME_NONE;
    w->restored = w->cleared = false;
    w->question = 0;
    ev.run.row = &row;
    ev.run.dag = w->dag;
    step(w, &ev);
}

/* A new scheduler that knows only what was written. */
static void restore(struct drive *w)
{
    const struct follow_run *run = follow_find(&w->f, w->run_key);
    struct sched_config again = configured(w->options, w->steps + 2);
    struct ti_row rows[DRIVE_SLOTS];
    struct run_row row = run->row;
    struct sched_event ev = {.type = SCHED_RUN_RESTORE};

    ev.run.tis_len = follow_rows(run, rows);
    ev.run.tis = rows;
    ev.run.row = &row;
    ev.run.dag = w->dag;
    row.run_id = "r";
    w->restored = true;
    w->question = 0;
    sched_free(w->s);
    w->s = sched_new(&again); /* another life never makes the same tokens */
    assert_non_null(w->s);
    follow_drop(&w->f, w->run_key);
    drive_events(w);
    step(w, &ev);
}

static void start(struct drive *w, uint32_t slot)
{
    const struct follow_run *run = follow_find(&w->f, w->run_key);
    struct sched_event ev = {.type = SCHED_CLAIM};

    ev.attempt.key = run->at[slot];
    ev.attempt.token = run->tis[slot].token;
    ev.attempt.worker = 7;
    ev.attempt.at_us = w->now_us;
    step(w, &ev);
    ev.type = SCHED_STARTED;
    step(w, &ev);
}

static uint32_t descendants(const struct dag *d, uint32_t task)
{
    uint32_t set = 1u << task;

    for (uint32_t t = task + 1; t < d->tasks_len; t++) {
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            set |= set >> d->up[i] & 1 ? 1u << t : 0;
        }
    }
    return set & ~(1u << task);
}

/* One of the subsets of `set`, by choice; *ret_len of them in list. */
static size_t choose_subset(struct drive *w, uint32_t set, uint32_t *list)
{
    size_t n = 0;

    for (uint32_t t = 0; t < DRIVE_TASKS; t++) {
        if ((set >> t & 1) && odometer_choose(&w->o, 2) == 1) {
            list[n++] = t;
        }
    }
    return n;
}

static void answer(struct drive *w)
{
    struct sched_event ev = {.type = SCHED_ANSWER};

    ev.answer.question = w->question;
    ev.answer.map_len = odometer_choose(&w->o, w->options->lengths);
    w->question = 0;
    step(w, &ev);
}

static void end(struct drive *w, uint32_t slot)
{
    static const enum sched_outcome outcomes[] = {SCHED_OUTCOME_SUCCESS, SCHED_OUTCOME_FAILED,
                                                  SCHED_OUTCOME_SKIPPED};
    const struct follow_run *run = follow_find(&w->f, w->run_key);
    bool dying = run->tis[slot].dying;
    struct sched_event ev = {.type = SCHED_ENDED};
    uint32_t skip[DRIVE_TASKS];

    ev.ended.key = run->at[slot];
    ev.ended.token = dying ? run->tis[slot].dying_token : run->tis[slot].token;
    ev.ended.at_us = w->now_us;
    ev.ended.outcome =
        dying ? SCHED_OUTCOME_KILLED : outcomes[odometer_choose(&w->o, w->options->outcomes)];
    if (w->options->skips && ev.ended.outcome == SCHED_OUTCOME_SUCCESS) {
        ev.ended.skip = skip;
        ev.ended.skip_len = choose_subset(w, descendants(w->dag, run->at[slot].task), skip);
    }
    step(w, &ev);
}

static uint32_t pick(struct drive *w, uint32_t set)
{
    uint32_t list[DRIVE_SLOTS + 1], n = 0;

    for (uint32_t t = 0; t <= DRIVE_SLOTS; t++) {
        if (set >> t & 1) {
            list[n++] = t;
        }
    }
    switch (w->options->order) {
    case DRIVE_FIRST:
        return list[0];
    case DRIVE_LAST:
        return list[n - 1];
    case DRIVE_ALL:
        break;
    }
    return list[odometer_choose(&w->o, n)];
}

static void tick(struct drive *w, int64_t timer)
{
    w->now_us = timer > w->now_us ? timer : w->now_us + 1;
    step(w, &(struct sched_event){.type = SCHED_TICK});
}

static bool advance(struct drive *w)
{
    const struct follow_run *run = follow_find(&w->f, w->run_key);
    uint32_t set = 0;
    int64_t timer = sched_next_timer(w->s);

    assert_true(run->len <= DRIVE_SLOTS);
    if (w->options->slice > 0 && w->options->order == DRIVE_FIRST && timer != TIME_NONE &&
        timer <= w->now_us) {
        tick(w, timer);
        return true;
    }
    for (uint32_t t = 0; t < run->len; t++) {
        if (run->states[t] == TASK_QUEUED && run->tis[t].worker == 0) {
            start(w, t);
            return true;
        }
        set |= run->states[t] == TASK_RUNNING || run->tis[t].dying ? 1u << t : 0;
    }
    if (w->question != 0) {
        set |= 1u << DRIVE_SLOTS;
    }
    if (set != 0) {
        uint32_t slot;

        if (w->options->restores && !w->restored && odometer_choose(&w->o, 2) == 1) {
            restore(w);
            return true;
        }
        slot = pick(w, set);
        if (slot == DRIVE_SLOTS) {
            answer(w);
        } else {
            end(w, slot);
        }
        return true;
    }
    if (timer == TIME_NONE || run_state_finished(run->state)) {
        return false;
    }
    tick(w, timer);
    return true;
}

static void run_to_end(struct drive *w)
{
    unsigned turns = 0;

    while (advance(w)) {
        if (++turns > 100) {
            describe(w, "the run does not come to an end");
            fail();
        }
    }
    if (!run_state_finished(follow_find(&w->f, w->run_key)->state)) {
        describe(w, "L1: nothing is live and the run goes on");
        fail();
    }
}

static void clear(struct drive *w)
{
    const struct follow_run *run = follow_find(&w->f, w->run_key);
    uint32_t tasks[DRIVE_SLOTS];
    int32_t indexes[DRIVE_SLOTS];
    struct sched_event ev = {.type = SCHED_CLEAR};

    w->cleared = true;
    ev.command.command = 1;
    ev.command.run_key = w->run_key;
    ev.command.tasks = tasks;
    ev.command.map_indexes = indexes;
    for (uint32_t i = 0; i < run->len; i++) {
        if (follow_counts(run, i) && odometer_choose(&w->o, 2) == 1) {
            tasks[ev.command.tasks_len] = run->at[i].task;
            indexes[ev.command.tasks_len++] = run->at[i].map_index;
        }
    }
    if (ev.command.tasks_len > 0) {
        step(w, &ev);
    }
}

static void drive_one(struct drive *w)
{
    create_run(w);
    run_to_end(w);
    if (w->options->clears) {
        clear(w);
        run_to_end(w);
    }
    if (sched_forget_run(w->s, w->run_key) < 0) {
        describe(w, "a finished run cannot be forgotten");
        fail();
    }
    follow_drop(&w->f, w->run_key);
    w->drives++;
}

void drive_all(struct drive *w, struct dag *dag, const struct drive_options *options)
{
    drive_init(w, dag, options);
    do {
        drive_one(w);
    } while (odometer_next(&w->o));
    drive_fini(w);
    dag_unref(dag);
}
