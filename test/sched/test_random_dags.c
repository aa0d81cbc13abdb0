/*
 * Large DAGs drawn from seeds, with everything on: rules, retries, pools, slots, weights, limits,
 * past dependencies, setups, deferrals, reschedules, lost workers, clears, marks, pauses, stale and
 * doubled events, restores. Each step is checked by the follower where it changed something; the
 * whole every so many steps and at the end, when all runs must have ended.
 *
 *     test-random-dags SEED           one seed alone, with its events printed
 *     test-random-dags FIRST COUNT    many, of up to 12 tasks
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_draw.h"
#include "follow.h"
#include "model/dag.h"

#define RUNS_MAX 5

struct random_world {
    struct prng prng;
    uint64_t seed;
    struct sched *s;
    struct follow f;
    struct sched_actions a;
    struct dag *dag;
    int64_t now_us;
    int64_t last_run;
    struct {
        int64_t question, run_key;
        enum sched_ask kind;
    } asked[64];
    size_t asked_len;
    struct sched_event last; /* the last result, to be sent twice */
    uint32_t skip[8];
    bool paused, full, trace, draining;
    uint32_t whole_every; /* steps between two looks at everything */
    uint64_t steps;
};

static struct sched_config config = {.seed = 1,
                                     .queued_timeout_us = 600 * TIME_SECOND,
                                     .queued_retries = 2,
                                     .question_timeout_us = 86400 * TIME_SECOND,
                                     .max_map_length = DRAW_MAP_MAX};

static bool chance(struct random_world *w, uint32_t percent)
{
    return prng_below(&w->prng, 100) < percent;
}

/* Who has not ended, and why not. */
static void dump(struct random_world *w)
{
    for (size_t k = 0; k < w->f.runs_len; k++) {
        const struct follow_run *run = w->f.runs[k];

        printf("run %lld is %s\n", (long long)run->run_key, run_state_to_string(run->state));
        for (uint32_t t = 0; t < run->len; t++) {
            BUF_CLEANUP struct buf why;

            buf_init(&why, KiB(16));
            if (!task_state_finished(run->states[t]) || run->tis[t].dying) {
                sched_why(w->s, &run->at[t], w->now_us, &why);
                printf("  t%u[%d] %s%s: %s\n", run->at[t].task, run->at[t].map_index,
                       task_state_to_string(run->states[t]), run->tis[t].dying ? " (dying)" : "",
                       buf_cstr(&why));
            }
        }
    }
}

static void wrong(struct random_world *w, const char *text)
{
    if (w->trace) {
        dump(w);
    }
    print_error("seed %llu, step %llu: %s\n", (unsigned long long)w->seed,
                (unsigned long long)w->steps, text);
    fail();
}

static void step(struct random_world *w, struct sched_event *ev)
{
    bool whole = w->steps++ % w->whole_every == 0;

    ev->now_us = w->now_us;
    if (w->trace) {
        printf("%llu: event %d", (unsigned long long)w->steps, ev->type);
        if (ev->type == SCHED_ANSWER) {
            printf(": %lld: %lld %s%s", (long long)ev->answer.question,
                   (long long)ev->answer.map_len, ev->answer.unknown ? "unknown" : "",
                   ev->answer.error != NULL ? "error" : "");
        }
        printf("\n");
    }
    if (follow_step(&w->f, w->s, ev, &w->a, whole ? FOLLOW_ALL : FOLLOW_CHANGED) < 0) {
        wrong(w, w->f.text);
    }
    for (size_t k = 0; w->trace && k < w->a.transitions_len; k++) {
        const struct transition_row *t = &w->a.transitions[k];

        printf("  run %lld t%u[%d] %s -> %s (try %u) %s\n", (long long)t->key.run_key, t->key.task,
               t->key.map_index, task_state_to_string(t->from), task_state_to_string(t->to),
               t->try_number, t->reason != NULL ? t->reason : "");
    }
    for (size_t k = 0; w->trace && k < w->a.questions_len; k++) {
        printf("  run %lld t%u: question %lld of kind %d\n", (long long)w->a.questions[k].run_key,
               w->a.questions[k].task, (long long)w->a.questions[k].question,
               w->a.questions[k].kind);
    }
    for (size_t k = 0; k < w->a.questions_len && w->asked_len < 64; k++) {
        w->asked[w->asked_len].question = w->a.questions[k].question;
        w->asked[w->asked_len].kind = w->a.questions[k].kind;
        w->asked[w->asked_len++].run_key = w->a.questions[k].run_key;
    }
    sched_actions_clear(&w->a);
}

static void resources(struct random_world *w)
{
    static const char *const names[] = {"parallelism", "default_pool", "pool_a", "pool_b"};

    for (size_t k = 0; k < 4; k++) {
        struct sched_event ev = {.type = SCHED_RESOURCE};

        ev.resource.name = names[k];
        ev.resource.slots = ev.resource.granted = k < 2 ? 24 : 4;
        ev.resource.exclusive = true;
        ev.resource.include_deferred = k == 3;
        step(w, &ev);
    }
}

static void dag_event(struct random_world *w)
{
    struct sched_event ev = {.type = SCHED_DAG};

    ev.dag.dag_key = ev.dag.version_key = 1;
    ev.dag.dag = w->dag;
    ev.dag.paused = w->paused;
    step(w, &ev);
}

static void new_run(struct random_world *w)
{
    struct run_row row = {.run_key = ++w->last_run,
                          .dag_key = 1,
                          .version_key = 1,
                          .run_id = "r",
                          .state = RUN_QUEUED,
                          .type = RUN_TYPE_SCHEDULED,
                          .start_us = TIME_NONE,
                          .end_us = TIME_NONE};
    struct sched_event ev = {.type = SCHED_RUN_CREATE};

    row.logical_date_us = row.data_interval_start_us = w->now_us;
    row.data_interval_end_us = row.run_after_us = row.queued_us = w->now_us;
    ev.run.row = &row;
    ev.run.dag = w->dag;
    step(w, &ev);
}

/* Everything anew, from what was written. */
static void restore(struct random_world *w)
{
    struct sched_config again = config;
    struct run_row rows[RUNS_MAX];
    struct ti_row *tis[RUNS_MAX];
    size_t lens[RUNS_MAX], n = w->f.runs_len;

    for (size_t k = 0; k < n; k++) {
        const struct follow_run *run = w->f.runs[k];

        rows[k] = run->row;
        rows[k].run_id = "r";
        tis[k] = mem_array(run->len + 1, sizeof **tis);
        assert_non_null(tis[k]);
        lens[k] = follow_rows(run, tis[k]);
    }
    sched_free(w->s);
    again.seed = w->seed + w->steps;
    w->s = sched_new(&again);
    assert_non_null(w->s);
    for (size_t k = 0; k < n; k++) {
        follow_drop(&w->f, rows[k].run_key);
    }
    w->asked_len = 0;
    w->full = w->f.full = false;
    resources(w);
    dag_event(w);
    for (size_t k = 0; k < n; k++) {
        struct sched_event ev = {.type = SCHED_RUN_RESTORE};

        ev.run.row = &rows[k];
        ev.run.dag = w->dag;
        ev.run.tis = tis[k];
        ev.run.tis_len = lens[k];
        step(w, &ev);
        mem_free(tis[k]);
    }
}

/* An instance in one of the states (a set of bits), from a random place on; false when there is
 * none. */
static bool find(struct random_world *w, unsigned states, struct ti_key *ret)
{
    size_t k0 = w->f.runs_len > 0 ? prng_below(&w->prng, w->f.runs_len) : 0;

    for (size_t k = 0; k < w->f.runs_len; k++) {
        const struct follow_run *run = w->f.runs[(k0 + k) % w->f.runs_len];
        uint32_t n = run->len, i0 = (uint32_t)prng_below(&w->prng, n);

        for (uint32_t i = 0; i < n; i++) {
            uint32_t t = (i0 + i) % n;

            if (follow_counts(run, t) && (states >> run->states[t] & 1)) {
                *ret = run->at[t];
                return true;
            }
        }
    }
    return false;
}

static struct follow_ti *ti_of(struct random_world *w, const struct ti_key *key)
{
    struct follow_run *run = follow_find(&w->f, key->run_key);

    return &run->tis[follow_slot(run, key)];
}

static bool attempt_event(struct random_world *w, enum sched_event_type type, unsigned states,
                          int64_t at_us)
{
    struct sched_event ev = {.type = type};

    if (!find(w, states, &ev.attempt.key)) {
        return false;
    }
    ev.attempt.token = ti_of(w, &ev.attempt.key)->token;
    ev.attempt.worker = 1 + (int64_t)prng_below(&w->prng, 3);
    ev.attempt.at_us = at_us;
    step(w, &ev);
    return true;
}

static enum sched_outcome draw_outcome(struct random_world *w)
{
    uint64_t x = prng_below(&w->prng, 100);

    return x < 70   ? SCHED_OUTCOME_SUCCESS
           : x < 85 ? SCHED_OUTCOME_FAILED
           : x < 90 ? SCHED_OUTCOME_FAILED_NO_RETRY
                    : SCHED_OUTCOME_SKIPPED;
}

/* A few of the direct downstreams, as a branch leaves them out. */
static void draw_skips(struct random_world *w, struct sched_event *ev)
{
    const struct dag *d = w->dag;
    uint32_t t = ev->ended.key.task;

    if (ev->ended.outcome != SCHED_OUTCOME_SUCCESS || !chance(w, 10)) {
        return;
    }
    ev->ended.skip = w->skip;
    for (uint32_t i = d->down_off[t]; i < d->down_off[t + 1] && ev->ended.skip_len < 8; i++) {
        if (chance(w, 50)) {
            w->skip[ev->ended.skip_len++] = d->down[i];
        }
    }
}

static bool end_one(struct random_world *w)
{
    struct sched_event ev = {.type = SCHED_ENDED};
    unsigned live = 1u << TASK_RUNNING | 1u << TASK_RESTARTING;
    struct follow_ti *ti;

    if (!find(w, live, &ev.ended.key)) {
        return false;
    }
    ti = ti_of(w, &ev.ended.key);
    ev.ended.token = ti->token;
    ev.ended.outcome = ti->dying ? SCHED_OUTCOME_KILLED : draw_outcome(w);
    ev.ended.at_us = w->now_us;
    ev.ended.exit_code = -1;
    ev.ended.reason = ev.ended.outcome == SCHED_OUTCOME_SUCCESS ? NULL : "drawn";
    draw_skips(w, &ev);
    w->last = ev;
    step(w, &ev);
    return true;
}

/* The attempts that were told to end do so. */
static bool end_dying(struct random_world *w)
{
    for (size_t k = 0; k < w->f.runs_len; k++) {
        const struct follow_run *run = w->f.runs[k];

        for (uint32_t t = 0; t < run->len; t++) {
            struct sched_event ev = {.type = SCHED_ENDED};

            if (!run->tis[t].dying) {
                continue;
            }
            ev.ended.key = run->at[t];
            ev.ended.token = run->tis[t].dying_token;
            ev.ended.outcome = SCHED_OUTCOME_KILLED;
            ev.ended.at_us = w->now_us;
            ev.ended.exit_code = -1;
            step(w, &ev);
            return true;
        }
    }
    return false;
}

static bool fire(struct random_world *w)
{
    struct sched_event ev = {.type = SCHED_FIRED};

    if (!find(w, 1u << TASK_DEFERRED, &ev.ended.key)) {
        return false;
    }
    ev.ended.token = ti_of(w, &ev.ended.key)->token;
    ev.ended.outcome = chance(w, 70) ? SCHED_OUTCOME_RESUME : draw_outcome(w);
    ev.ended.outcome =
        ev.ended.outcome == SCHED_OUTCOME_FAILED_NO_RETRY ? SCHED_OUTCOME_FAILED : ev.ended.outcome;
    ev.ended.at_us = w->now_us;
    step(w, &ev);
    return true;
}

/* How long what a task is mapped over is: any length, too many, none at all. */
static void answer_length(struct random_world *w, struct sched_event *ev)
{
    ev->answer.map_len = (int64_t)prng_below(&w->prng, chance(w, 10) ? DRAW_MAP_MAX + 2 : 4);
    ev->answer.unknown = !w->draining && chance(w, 5);
    ev->answer.error = chance(w, 5) ? "drawn" : NULL;
    step(w, ev);
}

static void answer(struct random_world *w)
{
    struct sched_event ev = {.type = SCHED_ANSWER};
    struct ti_row *rows = NULL;
    const struct follow_run *before;
    enum sched_ask kind;
    size_t k;

    if (w->asked_len == 0) {
        return;
    }
    k = w->draining ? w->asked_len - 1 : prng_below(&w->prng, w->asked_len);
    before = follow_find(&w->f, w->asked[k].run_key - 1);
    ev.answer.question = w->asked[k].question;
    kind = w->asked[k].kind;
    w->asked[k] = w->asked[--w->asked_len];
    if (kind == SCHED_ASK_MAP) {
        answer_length(w, &ev);
        return;
    }
    if (before != NULL) {
        rows = mem_array(w->dag->tasks_len + 1, sizeof *rows);
        assert_non_null(rows);
        ev.answer.run_key = before->run_key;
        ev.answer.live = ev.answer.any_earlier = true;
        ev.answer.tis = rows;
        ev.answer.tis_len = w->dag->tasks_len;
        for (uint32_t t = 0; t < w->dag->tasks_len; t++) {
            rows[t].key = (struct ti_key){before->run_key, t, -1};
            rows[t].state = before->states[t]; /* it is held: its states are followed */
        }
    }
    step(w, &ev);
    mem_free(rows);
}

static void command(struct random_world *w, enum sched_event_type type)
{
    static const uint8_t marks[] = {TASK_SUCCESS, TASK_FAILED, TASK_SKIPPED};
    struct sched_event ev = {.type = type};
    const struct follow_run *run;
    uint32_t tasks[8];
    int32_t indexes[8];

    if (w->f.runs_len == 0) {
        return;
    }
    run = w->f.runs[prng_below(&w->prng, w->f.runs_len)];
    ev.command.command = (int64_t)w->steps;
    ev.command.run_key = run->run_key;
    ev.command.tasks = tasks;
    ev.command.tasks_len = 1 + prng_below(&w->prng, 8);
    ev.command.map_indexes = chance(w, 70) ? indexes : NULL;
    for (size_t k = 0; k < ev.command.tasks_len; k++) {
        const struct ti_key *key = &run->at[prng_below(&w->prng, run->len)];

        tasks[k] = key->task;
        indexes[k] =
            chance(w, 80) && key->map_index < run->maps[key->task].len ? key->map_index : -1;
    }
    ev.command.state = marks[prng_below(&w->prng, 3)];
    step(w, &ev);
}

/* An event that must change nothing: an old token, a wrong run, the last result once more. */
static void stale(struct random_world *w)
{
    static const enum sched_event_type types[] = {SCHED_CLAIM, SCHED_STARTED, SCHED_DEFERRED,
                                                  SCHED_RESCHEDULE, SCHED_LOST};
    struct sched_event ev = {.type = types[prng_below(&w->prng, 5)]};

    if (chance(w, 40) && w->last.type != 0) {
        ev = w->last;
    } else if (find(w, UINT32_MAX, &ev.attempt.key)) {
        ev.attempt.token = uuid_v7(w->now_us, &w->prng);
        ev.attempt.key.run_key += chance(w, 10) ? 1000 : 0;
        ev.attempt.at_us = w->now_us;
    }
    step(w, &ev);
}

static void tick(struct random_world *w)
{
    int64_t timer = sched_next_timer(w->s);

    w->now_us += (int64_t)prng_below(&w->prng, 20) * TIME_SECOND / 10;
    if (timer != TIME_NONE && chance(w, 40) && timer > w->now_us) {
        w->now_us = timer;
    }
    step(w, &(struct sched_event){.type = SCHED_TICK});
}

static void rare(struct random_world *w)
{
    struct sched_event ev = {.type = SCHED_STORE_FULL};

    switch (prng_below(&w->prng, 8)) {
    case 0:
        w->paused = !w->paused;
        dag_event(w);
        break;
    case 1:
        w->full = !w->full;
        ev.full.full = w->full;
        step(w, &ev);
        break;
    case 2:
        if (w->last_run < RUNS_MAX) {
            new_run(w);
        }
        break;
    case 3:
        restore(w);
        break;
    case 4:
        command(w, SCHED_CLEAR);
        break;
    case 5:
        command(w, SCHED_MARK);
        break;
    case 6:
        if (chance(w, 10)) {
            command(w, SCHED_RUN_STOP);
        }
        break;
    default:
        attempt_event(w, SCHED_LOST, 1u << TASK_QUEUED, w->now_us);
    }
}

static void random_step(struct random_world *w)
{
    uint64_t x = prng_below(&w->prng, 1000);

    if (x < 280) {
        attempt_event(w, SCHED_CLAIM, 1u << TASK_QUEUED, w->now_us);
    } else if (x < 520) {
        attempt_event(w, SCHED_STARTED, 1u << TASK_QUEUED, w->now_us);
    } else if (x < 780) {
        end_one(w);
    } else if (x < 820) {
        attempt_event(w, SCHED_DEFERRED, 1u << TASK_RUNNING,
                      chance(w, 50) ? TIME_NONE : w->now_us + 30 * TIME_SECOND);
    } else if (x < 860) {
        fire(w);
    } else if (x < 880) {
        attempt_event(w, SCHED_RESCHEDULE, 1u << TASK_RUNNING, w->now_us + 5 * TIME_SECOND);
    } else if (x < 920) {
        tick(w);
    } else if (x < 940) {
        stale(w);
    } else if (x < 955) {
        end_dying(w);
    } else if (x < 980) {
        answer(w);
    } else {
        rare(w);
    }
}

static bool all_ended(const struct random_world *w)
{
    for (size_t k = 0; k < w->f.runs_len; k++) {
        if (!run_state_finished(w->f.runs[k]->state)) {
            return false;
        }
    }
    return true;
}

/* Runs that wait for an earlier one that failed would wait for a person: here, to stop them, then
 * to mark what is left (a teardown that waits for the past outlives the stop). */
static bool stop_held(struct random_world *w)
{
    for (size_t k = 0; k < w->f.runs_len; k++) {
        const struct follow_run *run = w->f.runs[k];
        struct sched_event ev = {.type = SCHED_RUN_STOP};
        uint32_t tasks[1];

        if (run_state_finished(run->state) || !follow_held_by_past(&w->f, run)) {
            continue;
        }
        for (uint32_t t = 0; run->by_hand && t < run->len; t++) {
            if (follow_counts(run, t) && !task_state_finished(run->states[t]) &&
                !follow_past_ok(&w->f, run, t)) {
                tasks[0] = run->at[t].task;
                ev.type = SCHED_MARK;
                ev.command.tasks = tasks;
                ev.command.tasks_len = 1;
                ev.command.state = TASK_FAILED;
            }
        }
        ev.command.run_key = run->run_key;
        ev.command.command = (int64_t)w->steps;
        step(w, &ev);
        return true;
    }
    return false;
}

/* With small slices: often all of them, and often other events come in between. */
static void slices(struct random_world *w)
{
    int64_t timer = sched_next_timer(w->s);

    while (config.map_slice > 0 && timer != TIME_NONE && timer <= w->now_us && chance(w, 80)) {
        step(w, &(struct sched_event){.type = SCHED_TICK});
        timer = sched_next_timer(w->s);
    }
}

/* Nothing more goes wrong: every run must come to its end. */
static void drain(struct random_world *w, uint64_t steps_max)
{
    uint64_t until = w->steps + steps_max;
    struct sched_event ev = {.type = SCHED_STORE_FULL};

    w->paused = w->full = false;
    w->draining = true;
    dag_event(w);
    step(w, &ev);
    while (!all_ended(w)) {
        if (w->steps > until) {
            wrong(w, "L1: runs do not end");
        }
        answer(w);
        if (all_ended(w)) {
            break;
        }
        if (!attempt_event(w, SCHED_STARTED, 1u << TASK_QUEUED, w->now_us) && !end_one(w) &&
            !end_dying(w) && !fire(w)) {
            int64_t timer = sched_next_timer(w->s);

            if (timer == TIME_NONE && w->asked_len == 0 && stop_held(w)) {
                continue;
            }
            if (timer == TIME_NONE && w->asked_len == 0) {
                w->whole_every = 1;
                step(w, &(struct sched_event){.type = SCHED_TICK});
                wrong(w, all_ended(w) ? "only a tick ended it" : "L1: stuck without a timer");
            }
            w->now_us = timer > w->now_us ? timer : w->now_us;
            step(w, &(struct sched_event){.type = SCHED_TICK});
        }
    }
}

static void describe(const struct dag *d, uint32_t i)
{
    const struct task *t = &d->tasks[i];

    printf("t%u %s%s%s%s%s <-", i, trigger_rule_to_string(t->trigger_rule),
           t->is_setup ? " setup" : "", t->is_teardown ? " teardown" : "",
           t->depends_on_past || t->wait_for_downstream ? " past" : "",
           t->instant ? " instant" : "");
    for (uint32_t k = d->up_off[i]; k < d->up_off[i + 1]; k++) {
        printf(" t%u", d->up[k]);
    }
    if (t->mapped) {
        printf("; mapped %d, group %d over", t->map_len, (int)t->map_group);
    }
    for (uint32_t k = 0; k < t->map_sources_len; k++) {
        printf(" t%u", t->map_sources[k]);
    }
    printf("\n");
}

static uint64_t random_seed(uint64_t seed, uint32_t tasks_max, uint32_t steps, bool trace)
{
    struct random_world *w = mem_zalloc(sizeof *w);
    uint64_t done;
    uint32_t tasks;

    assert_non_null(w);
    prng_seed(&w->prng, seed);
    w->seed = seed;
    w->trace = trace;
    w->now_us = INT64_C(1700000000) * TIME_SECOND;
    tasks = 1 + (uint32_t)prng_below(&w->prng, tasks_max);
    w->whole_every = 1 + tasks * tasks / 400;
    w->dag = dag_draw(&w->prng, tasks,
                      (unsigned)prng_below(&w->prng, DRAW_FEATURES + 1) &
                          ~(tasks > 100 ? (unsigned)DRAW_SETUPS : 0));
    for (uint32_t t = 0; trace && t < tasks; t++) {
        describe(w->dag, t);
    }
    config.map_slice = seed % 3 == 0 ? 1 + (uint32_t)(seed / 3 % 3) : 0;
    w->s = sched_new(&config);
    assert_non_null(w->s);
    follow_init(&w->f, &config);
    resources(w);
    dag_event(w);
    new_run(w);
    for (uint32_t k = 0; k < steps; k++) {
        random_step(w);
        slices(w);
    }
    drain(w, 100 + (uint64_t)tasks * RUNS_MAX * 60);
    w->whole_every = 1;
    step(w, &(struct sched_event){.type = SCHED_TICK});
    done = w->f.transitions;
    sched_free(w->s);
    follow_fini(&w->f);
    sched_actions_fini(&w->a);
    dag_unref(w->dag);
    mem_free(w);
    return done;
}

static void seeds(const char *what, uint64_t first, uint64_t n, uint32_t tasks_max, uint32_t steps)
{
    uint64_t transitions = 0;

    for (uint64_t k = 0; k < n; k++) {
        transitions += random_seed(first + k, tasks_max, steps, false);
    }
    print_message("%s: %llu seeds, %llu transitions\n", what, (unsigned long long)n,
                  (unsigned long long)transitions);
}

static void small_dags(void **state)
{
    seeds("up to 12 tasks", 1, 4000, 12, 400);
}

static void middle_dags(void **state)
{
    seeds("up to 100 tasks", 10000, 400, 100, 1500);
}

static void large_dags(void **state)
{
    seeds("up to 2000 tasks", 20000, 12, 2000, 6000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_dags),
        cmocka_unit_test(middle_dags),
        cmocka_unit_test(large_dags),
    };

    if (argc > 2) {
        seeds("up to 12 tasks", strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10), 12, 400);
        return 0;
    }
    if (argc > 1) {
        uint64_t seed = strtoull(argv[1], NULL, 10);

        random_seed(seed,
                    seed < 10000 || seed >= 30000 ? 12
                    : seed < 20000                ? 100
                                                  : 2000,
                    seed < 10000 || seed >= 30000 ? 400
                    : seed < 20000                ? 1500
                                                  : 6000,
                    true);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
