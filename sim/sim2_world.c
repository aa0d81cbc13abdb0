#include "sim2_world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"
#include "front.h"
#include "ledger.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"
#include "worker/worker.h"

static struct front *make_front(struct world *w, bool disk);
static void violated(void *arg, const char *text);

#define RETRY_DELAY_US TIME_SECOND /* of every task with retries, in all specs */

/* What a task, or the group that it is in, is mapped over, as a document says it: the XCom of its first source. */
static void give_expand(struct dag *d, struct task *t)
{
    const char *of = d->tasks[t->map_sources[0]].task_id;
    char *json = arena_printf(&d->arena, "{\"__xcom__\":{\"task_id\":\"%s\"}}", of);
    struct value *v;

    if (json == NULL || value_parse(&d->arena, json, strlen(json), &v, NULL) != 0) {
        assert(!"a reference");
        return;
    }
    t->expand_kwargs = v;
    if (t->map_group != UINT32_MAX) {
        d->groups[t->map_group].expand_kwargs = v;
        d->groups[t->map_group].map_len = -1;
    }
}

struct dag *world_dag(const char *spec)
{
    struct dag *d = test_dag(spec);

    d->groups = arena_array(&d->arena, 2, sizeof *d->groups);
    assert(d->groups != NULL);
    d->groups_len = 2;
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (d->tasks[t].mapped && d->tasks[t].map_len < 0) {
            give_expand(d, &d->tasks[t]);
        }
    }

    (void)snprintf(d->hash, sizeof d->hash, "%08x", hash_bytes(spec, strlen(spec)));
    return d;
}

void world_fail(struct world *w, const char *fmt, ...)
{
    va_list ap;

    w->failed = true;
    va_start(ap, fmt);
    (void)fprintf(stderr, "VIOLATION: ");
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
}

void world_trace(struct world *w, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    w->hash = w->hash * UINT64_C(1099511628211) ^ hash_bytes(line, strlen(line));
    if (w->trace) {
        (void)fprintf(stderr, "[%10.3f] %s\n",
                      (double)(w->loop != NULL ? loop_now_us(w->loop) : 0) / 1e6, line);
    }
}

void world_init(struct world *w, uint64_t seed, const char *spec, bool faults, bool disk,
                bool trace)
{
    *w = (struct world){
        .spec = spec, .faults = faults, .trace = trace, .now_us = 1000 * TIME_SECOND};
    prng_seed(&w->prng, seed);
    w->dag = world_dag(spec);
    w->lengths = mem_array(w->dag->tasks_len + 1, sizeof *w->lengths);
    assert(w->lengths != NULL);
    w->gather_us = prng_below(&w->prng, 2) == 0 ? 0 : 4000;
    w->defers = !faults || prng_below(&w->prng, 2) == 0;
    w->commands =
        faults && prng_below(&w->prng, 3) == 0 ? 1 + (unsigned)prng_below(&w->prng, 4) : 0;
    w->ledger = ledger_new(w->dag, violated, w);
    w->front = make_front(w, disk);
    w->store = front_model(w->front);
}

void world_fini(struct world *w)
{
    front_free(w->front);
    ledger_free(w->ledger);
    dag_unref(w->dag);
    mem_free(w->processes);
    mem_free(w->lengths);
}

void world_heal(struct world *w)
{
    w->healed = true;
    front_calm(w->front);
}

static bool fault(struct world *w, unsigned one_in)
{
    return w->faults && !w->healed && prng_below(&w->prng, one_in) == 0;
}

/* ---- the store ---- */

static int32_t length_of(const struct world *w, uint32_t task);

/* M1: a length is written once, and is that of what the world returned; no instance is beyond it. */
static void check_lengths(struct world *w, const struct store_batch *b)
{
    for (size_t i = 0; i < b->tis_len; i++) {
        const struct ti_row *row = &b->tis[i];
        int32_t *len = &w->lengths[row->key.task];

        if (row->key.map_index >= 0 || row->map_len == *len) {
            continue;
        }
        if (w->commanded) {
            *len = row->map_len; /* asked again after a clear, of what ran again */
            continue;
        }
        if (*len != 0 || row->map_len != length_of(w, row->key.task)) {
            world_fail(w, "M1: task %u has %d instances, then %d; the world says %d", row->key.task,
                       *len, row->map_len, length_of(w, row->key.task));
        }
        *len = row->map_len;
    }
    for (size_t i = 0; i < b->tis_len; i++) {
        const struct ti_row *row = &b->tis[i];

        if (row->key.map_index >= w->lengths[row->key.task] && row->state != TASK_REMOVED) {
            world_fail(w, "M1: task %u has %d instances, and a row of [%d]", row->key.task,
                       w->lengths[row->key.task], row->key.map_index);
        }
    }
}

static bool due_fault(void *arg, unsigned one_in)
{
    return fault(arg, one_in);
}

/* Somebody sets the wall clock: up to two days, either way. */
static void before_commit(void *arg)
{
    struct world *w = arg;

    if (fault(w, 10)) {
        loop_virtual_jump_wall(w->loop, (int64_t)prng_below(&w->prng, 4 * 86400) * TIME_SECOND -
                                            2 * 86400 * TIME_SECOND);
    }
}

static void durable(void *arg, int64_t seq, const struct store_batch *b)
{
    struct world *w = arg;

    (void)seq;
    ledger_batch(w->ledger, b);
    check_lengths(w, b);
    for (size_t i = 0; i < b->transitions_len; i++) {
        const struct transition_row *t = &b->transitions[i];

        world_trace(w, "  task %u[%d] try %u: %s -> %s %s", t->key.task, t->key.map_index,
                    t->try_number, task_state_to_string(t->from), task_state_to_string(t->to),
                    t->reason != NULL ? t->reason : "");
    }
}

static void told(void *arg, int64_t seq, int rc, const char *what)
{
    world_trace(arg, "commit %lld: %s %d", (long long)seq, what, rc);
}

static void violated(void *arg, const char *text)
{
    world_fail(arg, "%s", text);
}

static struct front *make_front(struct world *w, bool disk)
{
    const struct front_config c = {
        .disk = disk,
        .seed = prng_next(&w->prng),
        .arg = w,
        .fault = due_fault,
        .before = before_commit,
        .durable = durable,
        .told = told,
        .violated = violated,
    };

    return front_new(&c);
}

/* ---- the worker: processes live in the world, the worker only in one life ---- */

struct sim_worker {
    struct worker base;
    struct world *world;
    struct worker_callbacks cb;
    struct co_group group;
};

struct watch { /* a coroutine that waits for a process's end */
    struct sim_worker *worker;
    struct uuid token;
};

static struct process *find_process(struct world *w, const struct uuid *token)
{
    for (size_t i = 0; i < w->processes_len; i++) {
        if (uuid_cmp(&w->processes[i].token, token) == 0) {
            return &w->processes[i];
        }
    }
    return NULL;
}

/* A list, as long as was drawn when it started. */
static void give_result(struct worker_end *end, const struct process *p)
{
    char *json = arena_printf(&end->arena, "[%.*s]", p->length > 0 ? 2 * p->length - 1 : 0,
                              "0,0,0,0,0,0,0,0");

    end->xcoms = arena_array(&end->arena, 1, sizeof *end->xcoms);
    assert(json != NULL && end->xcoms != NULL);
    end->xcoms[0] = (struct worker_xcom){"return_value", json, strlen(json)};
    end->xcoms_len = 1;
}

static void tell_end(struct sim_worker *s, struct process *p)
{
    struct worker_end *end = worker_end_new(
        &p->key, &p->token, p->waiting ? WORKER_RESUME : (enum worker_outcome)p->outcome);

    assert(end != NULL);
    end->from_wait = p->waiting;
    end->until_us = p->outcome == WORKER_RESCHEDULE ? p->ends_us + 2 * TIME_SECOND : TIME_NONE;
    if (p->outcome == WORKER_SUCCESS) {
        give_result(end, p);
    }
    end->exit_code = p->outcome == WORKER_SUCCESS ? 0 : 1;
    end->at_us = p->ends_us;
    if (p->outcome != WORKER_SUCCESS) {
        end->reason = "simulated";
    } else {
        end->asset_events = arena_array(&end->arena, 1, sizeof *end->asset_events);
        assert(end->asset_events != NULL);
        end->asset_events[end->asset_events_len++] =
            (struct worker_asset_event){.name = "sim", .uri = "sim", .group = "asset"};
    }
    p->told = true;
    world_trace(s->world, "told: task %u[%d] try %u ended", p->key.task, p->key.map_index,
                p->try_number);
    s->cb.ended(s->cb.arg, end);
}

static int watch_main(void *arg)
{
    struct watch *watch = arg;
    struct sim_worker *s = watch->worker;
    struct process *p = find_process(s->world, &watch->token);
    int64_t left = p->ends_us - loop_now_us(s->world->loop) - s->world->now_us;

    if (left > 0 && co_sleep(left) != 0) {
        mem_free(watch);
        return 0;
    }
    p = find_process(s->world, &watch->token); /* the table may have moved */
    p->state = PROCESS_ENDED;
    if (fault(s->world, 10)) { /* late */
        if (co_sleep(TIME_SECOND) != 0) {
            mem_free(watch); /* the life has ended meanwhile: the next one hears of it */
            return 0;
        }
        p = find_process(s->world, &watch->token);
    }
    tell_end(s, p);
    if (fault(s->world, 8)) {
        tell_end(s, p); /* twice */
    }
    mem_free(watch);
    return 0;
}

static void watch_process(struct sim_worker *s, const struct uuid *token)
{
    struct watch *watch = mem_zalloc(sizeof *watch);

    assert(watch != NULL);
    watch->worker = s;
    watch->token = *token;
    if (co_spawn(&s->group, "process", watch_main, watch, NULL, NULL) != 0) {
        mem_free(watch);
    }
}

/* R1: the store must know the claim before the process begins. */
static void check_claim(struct world *w, const struct worker_job *job)
{
    struct arena a;
    struct ti_row *rows;
    size_t n;
    bool known = false;

    arena_init(&a, MiB(16));
    if (w->store->ops->get_tis(w->store, job->key.run_key, 0, &a, &rows, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            known = known || (rows[i].key.task == job->key.task &&
                              rows[i].key.map_index == job->key.map_index && rows[i].worker != 0 &&
                              uuid_cmp(&rows[i].attempt, &job->token) == 0);
        }
    }
    arena_fini(&a);
    if (!known) {
        world_fail(w, "R1: task %u try %u starts before its claim is durable", job->key.task,
                   job->try_number);
    }
}

static bool same_instance(const struct ti_key *a, const struct ti_key *b)
{
    return a->task == b->task && a->map_index == b->map_index;
}

/* It deferred or rescheduled itself: the same try goes on later. */
static bool goes_on(const struct process *p)
{
    return p->outcome == WORKER_DEFERRED || p->outcome == WORKER_RESCHEDULE;
}

static void check_alone(struct world *w, const struct worker_job *job)
{
    int64_t now = w->now_us + loop_now_us(w->loop);
    unsigned task = job->key.task;
    int index = job->key.map_index;

    for (size_t i = 0; i < w->processes_len; i++) {
        const struct process *p = &w->processes[i];

        if (uuid_cmp(&p->token, &job->token) == 0) {
            world_fail(w, "S1: task %u[%d] try %u starts twice under one token", task, index,
                       job->try_number);
        }
        if (!same_instance(&p->key, &job->key)) {
            continue;
        }
        if (p->ends_us > now && !(w->commanded && p->waiting)) { /* what waits is no process */
            world_fail(w, "S1: task %u[%d] has two live attempts", task, index);
        } else if (p->try_number == job->try_number && !(goes_on(p) && job->resumed)) {
            world_fail(w, "S1: task %u[%d] try %u runs twice", task, index, job->try_number);
        } else if (!w->commanded && p->try_number + 1 == job->try_number &&
                   now - p->ends_us < RETRY_DELAY_US) {
            world_fail(w, "S6: task %u[%d] try %u starts %lld us after the try before", task, index,
                       job->try_number, (long long)(now - p->ends_us));
        }
    }
}

static int draw_outcome(struct world *w)
{
    uint64_t dice = prng_below(&w->prng, w->defers ? 20 : 17);

    return dice < 12   ? WORKER_SUCCESS
           : dice < 15 ? WORKER_FAILED
           : dice < 17 ? WORKER_SKIPPED
           : dice < 19 ? WORKER_DEFERRED
                       : WORKER_RESCHEDULE;
}

static int sim_start(struct worker *base, const struct worker_job *job, struct err *e)
{
    struct sim_worker *s = (struct sim_worker *)base;
    struct world *w = s->world;
    struct process p = {.token = job->token, .key = job->key, .try_number = job->try_number};

    (void)e;
    check_claim(w, job);
    check_alone(w, job);
    p.started_us = w->now_us + loop_now_us(w->loop);
    p.ends_us = p.started_us + (int64_t)prng_below(&w->prng, 3000000);
    p.outcome = draw_outcome(w);
    p.length = (int)prng_below(&w->prng, 4);
    p.resumed = job->resumed;
    if (VEC_PUSH(w->processes, w->processes_len, w->processes_cap, p) != 0) {
        return -ERR_NOMEM;
    }
    world_trace(w, "start: task %u[%d] try %u%s", job->key.task, job->key.map_index,
                job->try_number, job->resumed ? " goes on" : "");
    if (!fault(w, 6)) { /* else its start is never told */
        s->cb.started(s->cb.arg, &p.key, &p.token, 1, "sim", NULL, p.started_us);
    }
    watch_process(s, &p.token);
    return 0;
}

/* That it deferred itself is durable: what it waits for comes a little later, and is told as its end. */
static void wait_for(struct sim_worker *s, struct process *p)
{
    if (!p->waiting) {
        p->waiting = true;
        p->told = false;
        p->ends_us = s->world->now_us + loop_now_us(s->world->loop) +
                     (int64_t)prng_below(&s->world->prng, 4000000);
    }
    watch_process(s, &p->token);
}

static int sim_adopt(struct worker *base, const struct worker_job *jobs, size_t n,
                     const struct uuid *others, size_t others_len, struct err *e)
{
    struct sim_worker *s = (struct sim_worker *)base;

    (void)others;
    (void)others_len;
    for (size_t i = 0; i < n; i++) {
        struct process *p = find_process(s->world, &jobs[i].token);
        int rc = 0;

        world_trace(s->world, "adopt: task %u[%d] try %u: %s", jobs[i].key.task,
                    jobs[i].key.map_index, jobs[i].try_number,
                    p == NULL  ? "never started"
                    : p->acked ? "forgotten"
                               : "known");
        if (p == NULL ||
            p->acked) { /* a worker that forgot it cannot tell it from one that never came */
            rc = sim_start(base, &jobs[i], e);
        } else if (jobs[i].deferred) {
            wait_for(s, p);
        } else {
            s->cb.started(s->cb.arg, &p->key, &p->token, 1, "sim", NULL, p->started_us);
            watch_process(s, &p->token);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void sim_kill(struct worker *base, const struct uuid *token, const char *reason)
{
    struct sim_worker *s = (struct sim_worker *)base;
    struct process *p = find_process(s->world, token);

    (void)reason;
    if (p != NULL && !p->told) {
        p->outcome = WORKER_KILLED;
        p->ends_us = s->world->now_us + loop_now_us(s->world->loop);
        p->state = PROCESS_ENDED;
        tell_end(s, p);
    }
}

static void sim_ack(struct worker *base, const struct uuid *token)
{
    struct sim_worker *s = (struct sim_worker *)base;
    struct process *p = find_process(s->world, token);

    if (p == NULL) {
        return;
    }
    if (p->outcome != WORKER_DEFERRED || (p->waiting && p->told)) {
        p->acked = true;
    } else if (!p->waiting) { /* else it was told twice, and is known twice */
        wait_for(s, p);
    }
}

static bool sim_find(struct worker *base, const struct uuid *token, struct ti_key *ret)
{
    const struct process *p = find_process(((struct sim_worker *)base)->world, token);

    if (p == NULL) {
        return false;
    }
    *ret = p->key;
    return true;
}

static void sim_pause(struct worker *base, bool paused)
{
    (void)base;
    (void)paused;
}

static void sim_set_callbacks(struct worker *base, const struct worker_callbacks *cb)
{
    ((struct sim_worker *)base)->cb = *cb;
}

static void sim_close(struct worker *base)
{
    co_group_close(&((struct sim_worker *)base)->group);
    mem_free(base);
}

static const struct worker_ops sim_ops = {
    .set_callbacks = sim_set_callbacks,
    .adopt = sim_adopt,
    .start = sim_start,
    .kill = sim_kill,
    .ack = sim_ack,
    .find = sim_find,
    .pause = sim_pause,
    .close = sim_close,
};

struct worker *world_worker(struct world *w)
{
    struct sim_worker *s = mem_zalloc(sizeof *s);

    assert(s != NULL);
    s->base.ops = &sim_ops;
    s->base.id = 1;
    s->base.slots = 4;
    s->world = w;
    co_group_init(&s->group, w->loop);
    return &s->base;
}

/* ---- lives ---- */

void world_begin_life(struct world *w, struct loop *loop)
{
    w->loop = loop;
    w->now_us -= loop_now_us(loop); /* so that now_us + the loop's clock is the world's time */
    for (size_t i = 0; i < w->processes_len; i++) {
        w->processes[i].told = false;
    }
    world_trace(w, "-- a life begins");
}

void world_end_life(struct world *w, bool crashed)
{
    w->now_us += loop_now_us(w->loop);
    world_trace(w, "-- a life ends");
    w->loop = NULL;
    w->now_us += (int64_t)prng_below(&w->prng, 2000000);
    front_close(w->front, crashed);
}

/* ---- at the end: the store says what the world did ---- */

/* One event of a success that its process told, none of anything else; however often it was told or committed. */
static void check_events(struct world *w, const struct ti_row *row, bool succeeded)
{
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    const char *task_id = w->dag->tasks[row->key.task].task_id;
    struct asset_event_row *events;
    struct arena a;
    size_t n = 0, mine = 0;

    arena_init(&a, MiB(64));
    if (w->store->ops->get_asset_events(w->store, &q, &a, &events, &n, NULL) != 0) {
        world_fail(w, "S9: the asset events cannot be read");
    }
    for (size_t i = 0; i < n; i++) {
        mine +=
            strcmp(events[i].task_id, task_id) == 0 && events[i].map_index == row->key.map_index;
        if (events[i].event_key != (int64_t)i + 1) {
            world_fail(w, "S9: asset event %zu has the key %lld", i,
                       (long long)events[i].event_key);
        }
    }
    if (mine != (succeeded ? 1 : 0)) {
        world_fail(w, "S9: task %u[%d] has %zu asset events, %d expected", row->key.task,
                   row->key.map_index, mine, (int)succeeded);
    }
    arena_fini(&a);
}

static void check_instance(struct world *w, const struct ti_row *row)
{
    const struct process *last = NULL;
    unsigned ran = 0;

    for (size_t i = 0; i < w->processes_len; i++) {
        const struct process *p = &w->processes[i];

        if (same_instance(&p->key, &row->key)) {
            ran += !p->resumed;
            last = last == NULL || p->try_number >= last->try_number ? p : last;
        }
    }
    if (!w->commanded && last != NULL && last->try_number == row->try_number) {
        static const uint8_t states[] = {[WORKER_SUCCESS] = TASK_SUCCESS,
                                         [WORKER_FAILED] = TASK_FAILED,
                                         [WORKER_SKIPPED] = TASK_SKIPPED};

        if (last->outcome <= WORKER_SKIPPED && states[last->outcome] != row->state &&
            last->outcome != WORKER_FAILED_NO_RETRY) {
            world_fail(w, "S9: task %u: the world ended try %u with %d, the store says %s",
                       row->key.task, last->try_number, last->outcome,
                       task_state_to_string(row->state));
        }
    }
    if (!w->commanded) {
        check_events(w, row,
                     last != NULL && last->try_number == row->try_number &&
                         last->outcome == WORKER_SUCCESS && row->state == TASK_SUCCESS);
    }
    if (!w->commanded && last != NULL && goes_on(last) && last->try_number == row->try_number) {
        world_fail(w, "S9: task %u[%d] was to go on, and did not: it is %s", row->key.task,
                   row->key.map_index, task_state_to_string(row->state));
    }
    if (ran > 1u + row->max_tries) {
        world_fail(w, "S6: task %u ran %u times, allowed %u", row->key.task, ran,
                   1u + row->max_tries);
    }
    if (!task_state_finished(row->state)) {
        world_fail(w, "S3: the run is finished, task %u is %s", row->key.task,
                   task_state_to_string(row->state));
    }
}

void world_check_end(struct world *w)
{
    struct arena a;
    struct run_row run;
    struct ti_row *rows;
    size_t n = 0, must = w->dag->tasks_len, removed = 0;

    arena_init(&a, MiB(64));
    if (w->store->ops->get_run(w->store, w->run_key, &a, &run, NULL) != 0 ||
        !run_state_finished(run.state)) {
        world_fail(w, "L1: the run is not finished in the store");
    } else if (run.clear_number > w->cleared) {
        world_fail(w, "S9: the run was cleared %u times, asked for %u", run.clear_number,
                   w->cleared);
    }
    if (w->store->ops->get_tis(w->store, w->run_key, 0, &a, &rows, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            /* The row of an expanded task is no instance: it says how many there are. */
            if (rows[i].key.map_index >= 0 || rows[i].map_len == 0) {
                check_instance(w, &rows[i]);
            }
            removed += rows[i].state == TASK_REMOVED; /* after a clear there may be fewer */
            must += rows[i].key.map_index < 0 ? (size_t)rows[i].map_len : 0;
        }
    }
    if (n - removed != must) {
        world_fail(w, "S3: %zu of %zu instances have a row", n - removed, must);
    }
    arena_fini(&a);
}

/* How many the task must become: what is written, or what the last process of its source returned; of a mapped one, how many succeeded. */
static int32_t length_of(const struct world *w, uint32_t task)
{
    const struct task *t = &w->dag->tasks[task];
    int32_t n = 0;

    if (t->map_len >= 0) {
        return t->map_len;
    }
    for (size_t i = 0; i < w->processes_len; i++) {
        const struct process *p = &w->processes[i];

        if (p->key.task == t->map_sources[0] && p->outcome == WORKER_SUCCESS) {
            n = p->key.map_index < 0 ? p->length : n + 1;
        }
    }
    return n;
}
