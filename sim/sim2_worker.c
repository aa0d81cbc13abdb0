/*
 * The worker of level 2: processes live in the world, the worker only in one life of the engine. Checked of each start:
 *   R1  its claim is durable (commit before effect)
 *   S1  at most one live process per instance; a token starts at most once
 *   S6  no try before its time
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sim2_world.h"
#include "store/store.h"
#include "worker/worker.h"

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
        end->reason = p->dead ? "exit not seen" : p->killed ? "killed" : "simulated";
    } else if (s->world->hooks->give != NULL) {
        s->world->hooks->give(s->world, p, end);
    }
    p->told = true;
    world_trace(s->world, "told: run %lld task %u[%d] try %u ended", (long long)p->key.run_key,
                p->key.task, p->key.map_index, p->try_number);
    s->cb.ended(s->cb.arg, end);
}

/* SUSPENDS until the process has ended, and has done what it does elsewhere. False: the life ends, the next one hears of it. */
static bool see_end(struct watch *watch)
{
    struct world *w = watch->worker->world;
    struct process *p = find_process(w, &watch->token);
    int64_t left = p->ends_us - world_now(w);

    if (left > 0 && co_sleep(left) != 0) {
        return false;
    }
    p = find_process(w, &watch->token); /* the table may have moved */
    if (w->hooks->work != NULL && !p->dead && !p->waiting &&
        w->hooks->work(w, (size_t)(p - w->processes)) != 0) {
        return false;
    }
    return !world_fault(w, 10) || co_sleep(TIME_SECOND) == 0; /* late */
}

static int watch_main(void *arg)
{
    struct watch *watch = arg;
    struct sim_worker *s = watch->worker;

    if (see_end(watch)) {
        tell_end(s, find_process(s->world, &watch->token));
        if (world_fault(s->world, 8)) {
            tell_end(s, find_process(s->world, &watch->token)); /* twice */
        }
        if (!process_goes_on(find_process(s->world, &watch->token)) && world_fault(s->world, 12) &&
            co_sleep((int64_t)prng_below(&s->world->prng, 6000000)) == 0) {
            tell_end(s, find_process(s->world, &watch->token)); /* again when another try may run */
        }
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

static void check_alone(struct world *w, const struct worker_job *job)
{
    const struct task *t = &job->dag->tasks[job->key.task];
    int64_t now = world_now(w);
    unsigned task = job->key.task;
    int index = job->key.map_index;

    for (size_t i = 0; i < w->processes_len; i++) {
        const struct process *p = &w->processes[i];

        if (uuid_cmp(&p->token, &job->token) == 0) {
            world_fail(w, "S1: task %u[%d] try %u starts twice under one token", task, index,
                       job->try_number);
        }
        if (!process_is_of(p, &job->key)) {
            continue;
        }
        if (p->ends_us > now && !(w->commanded && p->waiting)) { /* what waits is no process */
            world_fail(w, "S1: task %u[%d] has two live attempts", task, index);
        } else if (p->try_number == job->try_number && !(process_goes_on(p) && job->resumed)) {
            world_fail(w, "S1: task %u[%d] try %u runs twice", task, index, job->try_number);
        } else if (!w->commanded && p->try_number + 1 == job->try_number &&
                   now - p->ends_us < t->retry_delay_us) {
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
    struct process p = {.token = job->token,
                        .key = job->key,
                        .dag_key = job->run->dag_key,
                        .task = w->hooks->task(w, job->run->dag_key, job->key.task),
                        .try_number = job->try_number};

    (void)e;
    check_claim(w, job);
    check_alone(w, job);
    p.started_us = world_now(w);
    p.ends_us = p.started_us + (int64_t)prng_below(&w->prng, 3000000);
    p.outcome = draw_outcome(w);
    p.length = (int)prng_below(&w->prng, 4);
    p.resumed = job->resumed;
    if (VEC_PUSH(w->processes, w->processes_len, w->processes_cap, p) != 0) {
        return -ERR_NOMEM;
    }
    world_trace(w, "start: run %lld task %u[%d] try %u%s", (long long)job->key.run_key,
                job->key.task, job->key.map_index, job->try_number, job->resumed ? " goes on" : "");
    if (!world_fault(w, 6)) { /* else its start is never told */
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
        p->ends_us = world_now(s->world) + (int64_t)prng_below(&s->world->prng, 4000000);
    }
    watch_process(s, &p->token);
}

/* What nobody knows any more (it was marked, and the kill did not come) is ended. */
static void end_unknown(struct world *w, const struct worker_job *jobs, size_t n,
                        const struct uuid *others, size_t others_len)
{
    for (size_t i = 0; i < w->processes_len; i++) {
        struct process *p = &w->processes[i];
        bool known = p->acked || p->ends_us <= world_now(w);

        for (size_t k = 0; !known && k < n; k++) {
            known = uuid_cmp(&jobs[k].token, &p->token) == 0;
        }
        for (size_t k = 0; !known && k < others_len; k++) {
            known = uuid_cmp(&others[k], &p->token) == 0;
        }
        if (!known) {
            p->outcome = WORKER_KILLED;
            p->killed = p->acked = true;
            p->ends_us = world_now(w);
            world_trace(w, "unknown: run %lld task %u[%d] try %u", (long long)p->key.run_key,
                        p->key.task, p->key.map_index, p->try_number);
        }
    }
}

static int sim_adopt(struct worker *base, const struct worker_job *jobs, size_t n,
                     const struct uuid *others, size_t others_len, struct err *e)
{
    struct sim_worker *s = (struct sim_worker *)base;

    end_unknown(s->world, jobs, n, others, others_len);
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
        p->killed = true;
        p->ends_us = world_now(s->world);
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

static int sim_callback(struct worker *base, const struct worker_callback *c, struct err *e)
{
    struct world *w = ((struct sim_worker *)base)->world;

    (void)e;
    if (w->hooks->callback != NULL) {
        w->hooks->callback(w, c);
    }
    return 0;
}

static const struct worker_ops sim_ops = {
    .set_callbacks = sim_set_callbacks,
    .adopt = sim_adopt,
    .start = sim_start,
    .kill = sim_kill,
    .ack = sim_ack,
    .find = sim_find,
    .pause = sim_pause,
    .callback = sim_callback,
    .close = sim_close,
};

struct worker *world_worker(struct world *w, int slots)
{
    struct sim_worker *s = mem_zalloc(sizeof *s);

    assert(s != NULL);
    s->base.ops = &sim_ops;
    s->base.id = 1;
    s->base.slots = slots;
    s->world = w;
    co_group_init(&s->group, w->loop);
    return &s->base;
}
