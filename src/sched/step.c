/*
 * The scheduler, one step at a time. An event changes one instance, run or limit; what follows from it is worked off in
 * lists until nothing follows any more (settle), then the free slots are handed out (dispatch), then the rows of all that
 * changed are written into the actions. A step looks only at what the event touches: the dependents of a task that ended,
 * the one lane that a freed slot wakes, the timers that are due.
 *
 * An instance (a task in a run), and what moves it:
 *
 *   [*] --CREATE--> none --rule: run--> scheduled --slots free--> queued --STARTED--> running
 *
 *   none         rule: early verdict, branch --> skipped, upstream_failed, removed;  instant --> success;  deadlock --> upstream_failed
 *   queued       LOST, stuck --> scheduled;  stuck too often --> failed;  ENDED, DEFERRED, RESCHEDULE (its start was not told) --> as from running
 *   running      ENDED --> success, skipped, failed, up_for_retry;  DEFERRED --> deferred;  RESCHEDULE --> up_for_reschedule
 *                LOST (ended with its worker) --> scheduled, same try
 *   deferred     FIRED --> success, skipped, failed, up_for_retry; RESUME --> scheduled, same try;  timeout --> failed, up_for_retry
 *   up_for_*     due --> scheduled (or skipped, upstream_failed, where its rule says so by then)
 *   restarting   ENDED, LOST --> none
 *   any          MARK, stop --> success, failed, skipped;  CLEAR --> none; of a claimed attempt --> restarting, killed
 *
 *   transition                                 function                     file
 *   none -> scheduled                          ti_settle / schedule         instance.c   try_number + 1
 *   none -> success (instant)                  ti_settle / run_instant      instance.c
 *   none -> skipped, upstream_failed           ti_settle, run_stop, skip_left_out
 *   up_for_retry -> scheduled                  ti_due, ti_settle            instance.c   try_number + 1
 *   up_for_reschedule -> scheduled             ti_due, ti_settle            instance.c   same try
 *   scheduled -> queued                        dispatch / queue_head        limits.c     new token
 *   queued, claimed                            on_claim                     attempt.c    no transition: worker is set
 *   queued -> running                          start                        attempt.c
 *   queued, running -> scheduled               on_lost; stuck               attempt.c, instance.c
 *   running, queued -> success, skipped        end                          attempt.c
 *   running, queued -> failed, up_for_retry    end / ti_fail                retry.c      has the delay
 *   running -> deferred                        on_deferred                  attempt.c
 *   deferred -> scheduled                      on_fired (RESUME)            attempt.c    same try, new token
 *   deferred -> failed, up_for_retry           on_fired; ti_due (timeout)   instance.c
 *   running -> up_for_reschedule               on_reschedule                attempt.c
 *   running, queued (claimed) -> restarting    ti_clear                     commands.c
 *   restarting -> none                         ti_cleared                   commands.c
 *   any but live -> none                       ti_clear                     commands.c
 *   any -> success, failed, skipped            ti_mark; ti_stop             commands.c
 *   none -> upstream_failed (deadlock)         deadlock                     run.c
 *
 * A mapped task: one instance (-1) until it is expanded, its children from then on (mapped.c).
 *
 *   none -> success, failed, skipped ...        map_settle, end_unexpanded   mapped.c     it has no instances
 *   any but live -> removed                     shrink                       mapped.c     its length is less now
 *   removed -> none                             grow                         mapped.c     and more again
 *
 * A run: queued -> running (dag_settle, within max_active_runs) -> success or failed (run_finish) -> queued (CLEAR). A run that
 * is being failed (timeout, stop, fail_fast) is running with a reason: its instances are skipped or killed, its teardowns
 * go on.
 *
 * Invariants; asserts cite them:
 *   I1  An instance changes state only in ti_set, which records the transition once, moves the counters of its dependents
 *       and of its run, its lane and its timer. So counters, lanes and timers are functions of the states.
 *   I2  Every change is an edge of the table in instance.c.
 *   I3  At most one attempt lives: the token is set when an instance becomes queued and cleared when its attempt is known to
 *       have ended. An event with another token changes nothing (rule 2).
 *   I4  Slots are held exactly while a token is held (deferred ones: at most their pool's): taken in dispatch, given in
 *       ti_detach. For each limit used <= capacity, except after a restore or when the limit was lowered.
 *   I5  A claimed attempt that has to end is killed, and keeps token and slots until its end is reported: restarting (clear),
 *       its state until then (stop), or the final state already (mark: it is dying; its run cannot be forgotten).
 *   I6  A run is finished if and only if all its instances are; its state is a function of its effective leaves, or failed
 *       when it was stopped.
 *   I7  At the end of a step the work lists are empty (but for children of long mapped tasks: those wait for the next tick, and
 *       sched_next_timer says so), and no scheduled instance could be queued: each lane is parked on a
 *       limit that is full for it, unless the step was told to queue no more.
 *   I8  The decisions are a function of the events: ties are broken by keys; no address, hash order or history of a heap shows.
 *
 * Out of memory: the failing place sets nomem and goes on without looking at what it could not do; the step ends early and says
 * so, and every later one too. The driver drops the core and restores it from the store.
 */
#include "sched/sched_priv.h"

struct sched *sched_new(const struct sched_config *config)
{
    struct sched *s = mem_zalloc(sizeof *s);

    if (s == NULL) {
        return NULL;
    }
    s->config = *config;
    if (s->config.question_timeout_us <= 0) {
        s->config.question_timeout_us = 60 * TIME_SECOND;
    }
    if (s->config.max_map_length <= 0) {
        s->config.max_map_length = LIMIT_MAP_LENGTH;
    }
    if (s->config.map_slice == 0) {
        s->config.map_slice = LIMIT_MAP_SLICE;
    }
    prng_seed(&s->prng, config->seed);
    s->now_us = INT64_MIN + 1;
    s->restoring = true;
    limit_init(&s->parallelism, LIMIT_OF_POOL, DEFAULT_PARALLELISM);
    s->parallelism.name = mem_strdup(PARALLELISM);
    struct limit *pool = s->parallelism.name != NULL ? pool_get(s, "default_pool") : NULL;

    if (pool == NULL) {
        sched_free(s);
        return NULL;
    }
    pool->known = true;
    pool->slots = DEFAULT_POOL_SLOTS;
    return s;
}

static void dag_state_free(struct dag_state *d)
{
    for (size_t i = 0; i < d->caps_len; i++) {
        limit_fini(&d->caps[i]->limit);
        mem_free(d->caps[i]->task_id);
        mem_free(d->caps[i]);
    }
    for (size_t i = 0; i < d->groups_len; i++) {
        mem_free(d->groups[i].queued);
    }
    limit_fini(&d->pause);
    mem_free(d->caps);
    mem_free(d->groups);
    plan_unref(d->plan);
    dag_unref(d->dag);
    mem_free(d);
}

void sched_free(struct sched *s)
{
    if (s == NULL) {
        return;
    }
    timers_drop(s);
    for (size_t i = 0; i < s->runs.len; i++) {
        run_free(s, s->runs.entries[i].value);
    }
    for (size_t i = 0; i < s->pending_len; i++) {
        pending_free(s, s->pending[i]);
    }
    for (size_t i = 0; i < s->dags.len; i++) {
        dag_state_free(s->dags.entries[i].value);
    }
    for (size_t i = 0; i < s->pools_len; i++) {
        limit_fini(s->pools[i]);
        mem_free(s->pools[i]);
    }
    limit_fini(&s->parallelism);
    mem_free(s->runs.entries);
    mem_free(s->dags.entries);
    mem_free(s->pending);
    mem_free(s->pools);
    mem_free(s->top);
    mem_free(s->timers);
    mem_free(s->sweeps);
    mem_free(s->work);
    mem_free(s->touched);
    mem_free(s->touched_runs);
    mem_free(s->check_runs);
    mem_free(s->check_dags);
    mem_free(s->changed);
    mem_free(s);
}

/* ---- one step ---- */

static void fire(struct sched *s)
{
    struct timer t;

    while (!s->nomem && timer_pop(s, s->now_us, &t)) {
        switch ((enum timer_kind)t.kind) {
        case TIMER_TI:
            ti_due(s, ti_run(t.what), t.what);
            break;
        case TIMER_RUN:
            run_timeout(s, t.what);
            break;
        case TIMER_QUESTION:
            past_timeout(s, t.what);
            break;
        case TIMER_MAP:
            map_timeout(s, t.what);
            break;
        case TIMER_PENDING:
            pending_timeout(s, t.what);
            break;
        case TIMER_GRANT:
            grant_retry(s, t.what);
            break;
        }
    }
}

/* Works off what the event started: first instances, then runs, then DAGs, each of which may make
 * more of the former. */
static void settle(struct sched *s)
{
    while (!s->nomem) {
        if (s->work_at < s->work_len) {
            struct ti *ti = s->work[s->work_at++];

            if (s->work_at == s->work_len) {
                s->work_at = s->work_len = 0;
            }
            ti_settle(s, ti_run(ti), ti);
        } else if (s->check_runs_len > 0) {
            run_settle(s, s->check_runs[--s->check_runs_len]);
        } else if (s->check_dags_len > 0 && !s->restoring) {
            dag_settle(s, s->check_dags[--s->check_dags_len]);
        } else {
            return;
        }
    }
}

static bool valid(const struct sched_event *ev)
{
    switch (ev->type) {
    case SCHED_RESOURCE:
        return ev->resource.name != NULL;
    case SCHED_ENDED:
    case SCHED_FIRED:
        return ev->ended.outcome >= SCHED_OUTCOME_SUCCESS &&
               ev->ended.outcome <= SCHED_OUTCOME_KILLED &&
               (ev->ended.skip_len == 0 || ev->ended.skip != NULL);
    case SCHED_MARK:
        return ev->command.state == TASK_SUCCESS || ev->command.state == TASK_FAILED ||
               ev->command.state == TASK_SKIPPED;
    default:
        return ev->type >= SCHED_TICK && ev->type <= SCHED_STORE_FULL;
    }
}

static int apply(struct sched *s, const struct sched_event *ev)
{
    switch (ev->type) {
    case SCHED_TICK:
        fire(s);
        break;
    case SCHED_DAG:
        on_dag(s, ev);
        break;
    case SCHED_RESOURCE:
        on_resource(s, ev);
        break;
    case SCHED_RUN_CREATE:
        return on_run_create(s, ev);
    case SCHED_RUN_RESTORE:
        return on_run_restore(s, ev);
    case SCHED_CLAIM:
    case SCHED_STARTED:
    case SCHED_DEFERRED:
    case SCHED_RESCHEDULE:
    case SCHED_LOST:
        on_attempt(s, ev);
        break;
    case SCHED_ENDED:
    case SCHED_FIRED:
        on_ended(s, ev);
        break;
    case SCHED_CLEAR:
    case SCHED_MARK:
    case SCHED_RUN_STOP:
        on_command(s, ev);
        break;
    case SCHED_ANSWER:
        on_answer(s, ev);
        break;
    case SCHED_SHUTDOWN:
        s->shutdown = true;
        break;
    case SCHED_BACKFILL:
        sched_on_backfill(s, ev);
        break;
    case SCHED_STORE_FULL:
        s->full = ev->full.full;
        s->draining = ev->full.full && ev->full.draining;
        break;
    }
    return 0;
}

/* From the beginning, and whenever a run is read back, until an event of another kind: not all that
 * holds slots is here yet. */
static void note_restoring(struct sched *s, const struct sched_event *ev)
{
    if (ev->type == SCHED_RUN_RESTORE) {
        s->restoring |= ev->run.question == 0;
    } else if (ev->type != SCHED_DAG && ev->type != SCHED_RESOURCE && ev->type != SCHED_BACKFILL) {
        s->restoring = false;
    }
}

int sched_step(struct sched *s, const struct sched_event *ev, struct sched_actions *a)
{
    int rc;

    if (s->nomem) {
        return -ERR_NOMEM;
    }
    if (!valid(ev)) {
        return -ERR_INVALID;
    }
    s->stats.steps++;
    if (ev->now_us > s->now_us) {
        s->now_us = ev->now_us;
    }
    s->budget = s->config.map_slice;
    out_begin(s, a);
    rc = apply(s, ev);
    s->nomem |= rc == -ERR_NOMEM;
    if (rc == 0) {
        note_restoring(s, ev);
        settle(s);
        while (ev->type == SCHED_TICK && sched_maps_sweep(s)) {
            settle(s);
        }
        dispatch(s);
        s->more |= s->sweeps_len > 0;
        if (!s->restoring) {
            grants_settle(s);
        }
    }
    out_end(s);
    assert(s->nomem || (s->work_len == 0 && s->check_runs_len == 0)); /* I7 */
    assert(s->nomem || s->restoring || s->check_dags_len == 0);
    return s->nomem ? -ERR_NOMEM : rc;
}

/* ---- reads ---- */

void sched_get_stats(const struct sched *s, struct sched_stats *ret)
{
    *ret = s->stats;
    ret->ready = ret->parked = 0;
    for (size_t i = 0; i < s->runs.len; i++) {
        const struct run *r = s->runs.entries[i].value;

        for (size_t k = 0; k < r->plan->lanes_len; k++) {
            if (r->lanes[k].place == LANE_PARKED) {
                ret->parked += r->lanes[k].count;
            } else {
                ret->ready += r->lanes[k].count;
            }
        }
    }
}

int sched_get_run(const struct sched *s, int64_t run_key, struct run_row *ret,
                  const struct dag **ret_dag)
{
    const struct run *r = run_find(s, run_key);

    if (r == NULL) {
        return -ERR_NOTFOUND;
    }
    run_to_row(r, ret);
    if (ret_dag != NULL) {
        *ret_dag = r->dag;
    }
    return 0;
}

int sched_get_ti(const struct sched *s, const struct ti_key *key, struct ti_row *ret)
{
    const struct run *r = run_find(s, key->run_key);
    const struct ti *ti;
    struct ti unmade;

    if (r == NULL || key->task >= r->dag->tasks_len) {
        return -ERR_NOTFOUND;
    }
    ti = run_ti((struct run *)(uintptr_t)r, key->task, key->map_index);
    if (ti == NULL && sched_map_unmade(r, key->task, key->map_index, &unmade)) {
        ti = &unmade;
    }
    if (ti == NULL) {
        return -ERR_NOTFOUND;
    }
    ti_to_row(r, ti, ret);
    return 0;
}
