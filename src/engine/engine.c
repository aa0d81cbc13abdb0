/*
 * The engine's loop.
 *
 *   WAITING --message or timer--> STEPPING --batch--> COMMITTING --durable--> EFFECTS --> WAITING
 *                                                      |  ^ \
 *                                            disk full,|  | not ours any more,
 *                                              busy    v  | out of memory
 *                                                   REPEATING     \--> FATAL
 *
 * Invariants
 *  1. No effect before its commit (rule 1): dispatches, kills, acknowledgements and replies of a batch are carried out only after
 *     commit(seq) returned 0. While REPEATING nothing is released, so nothing new starts; nothing is lost, since the batch stays.
 *  2. One batch is under way at a time, and the scheduler is not stepped meanwhile: the batch borrows its rows.
 *  3. seq grows by one per durable batch; a commit of unknown outcome is sent again under the same seq.
 *  4. A message is freed only after the batch that it became is durable.
 *  5. The engine's clock never goes back and does not follow jumps of the wall clock.
 */
#include "engine/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/backfill.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/late.h"
#include "engine/schedule.h"
#include "engine/timing.h"
#include "model/dag.h"

#define KEY_POLL_US        500
#define QUEUE_AHEAD        32 /* claimed beyond the worker's slots, at most: hides the commit */
#define MESSAGES_PER_BATCH 20000
#define CLOSE_US           (5 * TIME_SECOND)
/* Nothing follows from a start, and what it says is in the holder's journal: it waits so long for the end of a short task, so that
 * both are one commit. An end, or whatever else comes, never waits. */
#define STARTED_HOLD_US 10000

int64_t engine_now(const struct engine *g)
{
    return g->wall_base_us + (loop_now_us(g->loop) - g->mono_base_us);
}

void engine_post(struct engine *g, struct msg *m)
{
    m->next = NULL;
    if (m->type != MSG_STARTED) {
        g->urgent++;
    } else if (g->inbox == NULL) {
        g->hold_until_us = loop_now_us(g->loop) + STARTED_HOLD_US;
    }
    *g->inbox_last = m;
    g->inbox_last = &m->next;
    if (g->waiting) {
        co_wake(g->main);
    }
}

static struct msg *take_message(struct engine *g)
{
    struct msg *m = g->inbox;

    if (m != NULL) {
        g->inbox = m->next;
        if (g->inbox == NULL) {
            g->inbox_last = &g->inbox;
        }
        g->urgent -= m->type != MSG_STARTED;
    }
    return m;
}

static void set_fatal(struct engine *g, int rc, const char *text)
{
    g->fatal = rc;
    (void)snprintf(g->fatal_text, sizeof g->fatal_text, "%s", text);
    log_error("engine", "stops: %s", text);
}

int engine_feed(struct engine *g, struct sched_event *ev)
{
    int rc;

    ev->now_us = engine_now(g);
    g->stats.events++;
    rc = sched_step(g->sched, ev, &g->actions);
    if (rc == 0 && ev->type == SCHED_RUN_RESTORE) {
        metrics_restored(g, ev);
    }
    if (rc == 0 && ev->type == SCHED_RUN_CREATE && g->late != NULL) {
        (void)late_saw_run(g, ev->run.row, ev->run.dag); /* it may end in this very batch */
    }
    if (rc == -ERR_NOMEM) {
        set_fatal(g, rc, "out of memory in the scheduler");
    }
    return rc;
}

int engine_send(struct engine *g, struct request *r, struct err *e)
{
    struct msg *m;

    if (g->fatal != 0 || g->closing) {
        return err_set(e, ERR_CLOSED, "the engine has stopped%s%s", g->fatal != 0 ? ": " : "",
                       g->fatal_text);
    }
    m = mem_zalloc(sizeof *m);
    if (m == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    }
    m->type = MSG_REQUEST;
    m->request = r;
    r->co = co_self();
    engine_post(g, m);
    return 0;
}

int engine_await(struct request *r, struct err *e)
{
    while (!r->done) {
        struct co_shield s; /* the request lives in our frame: a cancel must not unwind it */

        co_shield_begin(&s, INT64_MAX / 4);
        (void)co_suspend();
        co_shield_end(&s);
    }
    return r->rc == 0 ? 0
                      : err_set(e, (enum err_code) - r->rc, "%s",
                                r->text[0] != '\0' ? r->text : err_text(r->rc));
}

int engine_ask(struct engine *g, struct request *r, struct err *e)
{
    int rc = engine_send(g, r, e);

    return rc == 0 ? engine_await(r, e) : rc;
}

static void release_waiters(struct engine *g)
{
    for (struct request *r = g->replies; r != NULL; r = g->replies) {
        g->replies = r->next_waiting;
        r->rc = -ERR_CLOSED;
        r->done = true;
        co_wake(r->co);
    }
    for (struct run_waiter *w = g->waiters; w != NULL; w = w->next) {
        co_wake(w->co);
    }
}

/* ---- the loop ---- */

/* Until the scheduler's next timer, or -1. */
static int64_t timer_delay(struct engine *g)
{
    int64_t at = sched_next_timer(g->sched);
    int64_t now = engine_now(g);

    if (at == TIME_NONE) {
        return -1;
    }
    return at <= now ? 0 : at - now;
}

/* Until something is due: of the scheduler's timers, or a start that was held; -1: nothing is. */
static int64_t next_delay(struct engine *g)
{
    int64_t timer = timer_delay(g), hold;

    if (g->inbox == NULL) {
        return timer;
    }
    hold = g->hold_until_us - loop_now_us(g->loop);
    hold = hold > 0 ? hold : 0;
    return timer >= 0 && timer < hold ? timer : hold;
}

/* Until there is something to do. Sleeps without any timer of its own: an idle engine costs nothing. */
static void wait_for_work(struct engine *g)
{
    while (g->urgent == 0 && !g->closing && batch_empty(g)) {
        int64_t delay = next_delay(g);
        struct co_deadline d;

        if (delay == 0) {
            return;
        }
        g->waiting = true;
        if (delay > 0) {
            co_deadline_begin(&d, delay);
        }
        (void)co_suspend();
        if (delay > 0) {
            co_deadline_end(&d);
        }
        g->waiting = false;
    }
}

static int step_all(struct engine *g)
{
    struct sched_event tick = {.type = SCHED_TICK};
    struct msg *m;
    int rc = 0;

    for (int n = 0; rc == 0 && n < MESSAGES_PER_BATCH && g->inbox != NULL; n++) {
        if (batch_is_alone(g->inbox) && !batch_empty(g)) {
            break;
        }
        m = take_message(g);
        rc = batch_consume(g, m);
    }
    if (rc == 0 && timer_delay(g) == 0) {
        rc = engine_feed(g, &tick);
    }
    if (rc == 0) {
        rc = batch_claim(g);
    }
    if (rc == -ERR_NOMEM && g->fatal == 0) {
        set_fatal(g, rc, "out of memory");
    }
    return g->fatal;
}

/* While the worker has enough claimed work to keep its slots busy, waiting a little gathers more ends into one sync. Whoever waits for
 * an answer is not made to. */
static void gather(struct engine *g)
{
    int64_t until = g->last_commit_us + g->config.gather_us;

    while (g->config.gather_us > 0 && !g->closing && g->requests == NULL &&
           g->worker->waiting >= g->worker->slots) {
        int64_t left = until - loop_now_us(g->loop);

        if (left <= 0 || co_sleep(left) != 0) {
            return;
        }
        if (step_all(g) != 0) {
            return;
        }
    }
}

/* Nothing. In the simulator's canaries (sim/meson.build), which it must find: effects before their commit, against invariant 1. */
static void release_early(struct engine *g)
{
#if defined(ENGINE_CANARY) && ENGINE_CANARY == 1
    batch_start(g);
    g->actions.dispatches_len = 0;
#elif defined(ENGINE_CANARY) && ENGINE_CANARY == 2
    batch_ack(g);
#elif defined(ENGINE_CANARY) && ENGINE_CANARY == 3
    for (size_t i = 0; i < g->actions.questions_len; i++) {
        facts_answer(g, &g->actions.questions[i]); /* lengths are counted of what is not written */
    }
    g->actions.questions_len = 0;
#else
    (void)g;
#endif
}

static int engine_main(void *arg)
{
    struct engine *g = arg;

    while (g->fatal == 0) {
        wait_for_work(g);
        if (g->closing && g->inbox == NULL && batch_empty(g)) {
            break;
        }
        if (step_all(g) != 0) {
            break;
        }
        gather(g);
        alerts_gather(g);
        release_early(g);
        if (g->fatal != 0 || (!batch_empty(g) && batch_commit(g) != 0)) {
            break;
        }
        batch_effects(g);
        batch_clear(g);
        g->last_commit_us = loop_now_us(g->loop);
    }
    for (struct msg *m = take_message(g); m != NULL; m = take_message(g)) {
        if (m->type == MSG_REQUEST) {
            m->request->next_waiting = g->replies;
            g->replies = m->request;
        }
        m->next = g->consumed;
        g->consumed = m;
    }
    for (struct request *r = g->requests; r != NULL; r = g->requests) {
        g->requests = r->next_waiting;
        r->next_waiting = g->replies;
        g->replies = r;
    }
    g->closing = true;
    release_waiters(g);
    batch_clear(g);
    return g->fatal;
}

int engine_start_main(struct engine *g, struct err *e)
{
    int rc = co_spawn(&g->group, "engine", engine_main, g, &g->main, e);

    g->started = rc == 0;
    return rc;
}

/* ---- birth and death ---- */

struct store_call {
    struct engine *g;
    const char *kind;
    int64_t n, first;
    struct arena *arena;
    struct pool_row *pools;
    size_t pools_len;
    struct err *e;
};

static int do_acquire(void *arg)
{
    struct store_call *c = arg;
    struct store *s = c->g->store;
    int rc = s->ops->acquire(s, ENGINE_SHARD, c->g->config.owner, &c->g->epoch, &c->g->seq, c->e);

    return rc != 0 ? rc : s->ops->get_pools(s, c->arena, &c->pools, &c->pools_len, c->e);
}

static int do_reserve(void *arg)
{
    struct store_call *c = arg;
    struct store *s = c->g->store;

    return s->ops->reserve_keys(s, c->kind, c->n, &c->first, c->e);
}

struct store *engine_store(struct engine *g)
{
    return g->store;
}

int engine_on_store(struct engine *g, int (*fn)(void *arg), void *arg)
{
    return co_offload(g->pool, fn, arg);
}

int engine_next_key(struct engine *g, struct key_block *b, const char *kind, int64_t n,
                    int64_t *ret, struct err *e)
{
    while (b->next == b->end) {
        struct store_call c = {.g = g, .kind = kind, .n = n, .e = e};
        int rc;

        if (b->reserving) { /* by another coroutine: one block is enough for all */
            rc = co_sleep(KEY_POLL_US);
            if (rc != 0) {
                return err_set(e, (enum err_code) - rc, "interrupted");
            }
            continue;
        }
        b->reserving = true;
        rc = engine_on_store(g, do_reserve, &c);
        b->reserving = false;
        if (rc != 0) {
            return rc;
        }
        b->next = c.first;
        b->end = c.first + n;
    }
    *ret = b->next++;
    return 0;
}

static int feed_resource(struct engine *g, const char *name, int64_t slots, bool include_deferred)
{
    struct sched_event ev = {.type = SCHED_RESOURCE};

    ev.resource.name = name;
    ev.resource.slots = (int32_t)slots;
    ev.resource.granted = (int32_t)slots;
    ev.resource.exclusive = true;
    ev.resource.include_deferred = include_deferred;
    return engine_feed(g, &ev);
}

/* Queued counts against parallelism, as in Airflow; what is claimed ahead of a free slot is queued. */
int64_t engine_parallelism(int32_t slots)
{
    int64_t ahead = slots < QUEUE_AHEAD ? slots : QUEUE_AHEAD;

    return slots + (slots < QUEUE_AHEAD / 2 ? QUEUE_AHEAD / 2 : ahead);
}

static int feed_resources(struct engine *g, const struct pool_row *pools, size_t n)
{
    bool has_default = false;
    int rc = feed_resource(g, "parallelism", engine_parallelism(g->config.parallelism), false);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        has_default = has_default || strcmp(pools[i].name, "default_pool") == 0;
        rc = feed_resource(g, pools[i].name, pools[i].slots, pools[i].include_deferred);
    }
    g->has_default_pool = has_default;
    if (rc == 0 && !has_default) {
        rc = feed_resource(g, "default_pool", g->settings.default_pool_slots, false);
    }
    return rc;
}

static int open_with(struct engine *g, struct err *e)
{
    struct sched_config sc = {
        .seed = g->config.seed,
        .max_map_length = g->settings.max_map_length,
        .queued_timeout_us = g->settings.queued_timeout_us,
        .queued_retries = (uint16_t)g->settings.queued_retries,
        .question_timeout_us = 60 * TIME_SECOND,
    };
    struct store_call c = {.g = g, .e = e};
    struct worker_callbacks cb = facts_callbacks(g);
    struct arena a;
    int rc;

    g->sched = sched_new(&sc);
    if (g->sched == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the scheduler");
    }
    rc = pool_new(g->loop, "store", 1, &g->pool, e);
    if (rc != 0) {
        return rc;
    }
    arena_init(&a, MiB(16));
    c.arena = &a;
    rc = engine_on_store(g, do_acquire, &c);
    if (rc == 0) {
        rc = feed_resources(g, c.pools, c.pools_len);
    }
    arena_fini(&a);
    g->worker->ops->set_callbacks(g->worker, &cb);
    return rc == 0 ? consumers_open(g, e) : rc;
}

int engine_open(const struct engine_config *c, struct engine **ret, struct err *e)
{
    struct engine *g = mem_zalloc(sizeof *g);
    int rc;

    if (g == NULL) {
        alert_config_free(c->alerts);
        return err_set(e, ERR_NOMEM, "out of memory for the engine");
    }
    g->config = *c;
    g->settings =
        c->settings != NULL ? *c->settings : (struct engine_settings)ENGINE_SETTINGS_DEFAULT;
    g->config.settings = NULL;
    g->loop = c->loop;
    g->store = c->store;
    g->worker = c->worker;
    g->inbox_last = &g->inbox;
    g->wall_base_us = loop_wall_us(c->loop);
    g->metrics.started_us = g->wall_base_us;
    g->metrics.last_commit_us = TIME_NONE;
    g->mono_base_us = loop_now_us(c->loop);
    g->next_command = 1;
    prng_seed(&g->callback_ids, c->seed ^ 0x63616c6c6261636bULL);
    arena_init(&g->extras.arena, MiB(64));
    co_group_init(&g->group, c->loop);
    co_cond_init(&g->made);
    co_cond_init(&g->answered);
    co_cond_init(&g->asked);
    rc = c->schedules ? schedule_new(g, e) : 0;
    rc = rc == 0 ? alerts_new(g, e) : rc;
    rc = rc == 0 ? open_with(g, e) : rc;
    if (rc != 0) {
        engine_close(g);
        return rc;
    }
    *ret = g;
    return 0;
}

static void free_extras(struct extras *x)
{
    mem_free(x->dags);
    mem_free(x->versions);
    mem_free(x->xcoms);
    mem_free(x->xcom_clears);
    mem_free(x->rendered);
    mem_free(x->attempts);
    mem_free(x->commands);
    mem_free(x->audits);
    mem_free(x->notes);
    mem_free(x->ti_deletes);
    mem_free(x->run_deletes);
    mem_free(x->arrivals);
    mem_free(x->assets);
    mem_free(x->asset_events);
    mem_free(x->backfills);
    mem_free(x->backfill_runs);
    mem_free(x->alerts);
    mem_free(x->deadlines);
    mem_free(x->asset_queue);
    mem_free(x->event_groups);
    mem_free(x->spills);
    mem_free(x->acks);
    arena_fini(&x->arena);
}

void engine_close(struct engine *g)
{
    if (g == NULL) {
        return;
    }
    socket_close(g);
    g->closing = true;
    g->close_by_us = loop_now_us(g->loop) + CLOSE_US;
    if (g->waiting) {
        co_wake(g->main);
    }
    if (g->started) {
        int rc;

        (void)co_await (g->main, &rc);
    }
    co_group_close(&g->group);
    alerts_free(g);
    arrivals_free(g);
    if (g->pool != NULL) {
        pool_free(g->pool);
    }
    sched_free(g->sched);
    schedule_free(g);
    backfills_free(g);
    consumers_free(g);
    for (size_t i = 0; i < g->dags_len; i++) {
        dag_unref(g->dags[i].dag);
        timing_free(g->dags[i].timing);
    }
    mem_free(g->dags);
    mem_free(g->children);
    mem_free(g->called_back);
    mem_free(g->heard);
    sched_actions_fini(&g->actions);
    free_extras(&g->extras);
    mem_free(g);
}

/* ---- reads ---- */

struct run_call {
    struct engine *g;
    int64_t run_key;
    struct arena arena;
    struct run_row row;
    struct err *e;
};

static int do_get_run(void *arg)
{
    struct run_call *c = arg;

    return c->g->store->ops->get_run(c->g->store, c->run_key, &c->arena, &c->row, c->e);
}

/* A run that the scheduler has forgotten is finished, and that is durable: the commit that made it may have ended it too. */
static int stored_state(struct engine *g, int64_t run_key, enum run_state *ret, struct err *e)
{
    struct run_call c = {.g = g, .run_key = run_key, .e = e};
    int rc;

    arena_init(&c.arena, MiB(64));
    rc = engine_on_store(g, do_get_run, &c);
    if (rc == 0 && run_state_finished(c.row.state)) {
        *ret = (enum run_state)c.row.state;
    } else if (rc == 0) {
        rc = err_set(e, ERR_NOTFOUND, "the run is not known to this engine");
    }
    arena_fini(&c.arena);
    return rc;
}

/* Finished, and that is durable: its waiters have been told. */
static bool is_over(struct engine *g, int64_t run_key)
{
    struct run_row row;
    const struct dag *d;
    bool over = sched_get_run(g->sched, run_key, &row, &d) != 0 || run_state_finished(row.state);

    for (size_t i = 0; i < g->actions.runs_len; i++) {
        over = over && (g->actions.runs[i].run_key != run_key ||
                        sched_get_run(g->sched, run_key, &row, &d) != 0);
    }
    return over;
}

int engine_wait_run(struct engine *g, int64_t run_key, enum run_state *ret, struct err *e)
{
    struct run_waiter w = {.next = g->waiters, .co = co_self(), .run_key = run_key, .state = -1};
    struct run_waiter **p;
    struct sched_stats st;
    int rc = 0;

    if (g->fatal == 0 && !g->closing && is_over(g, run_key)) {
        return stored_state(g, run_key, ret, e);
    }
    g->waiters = &w;
    while (w.state < 0 && !g->closing && rc == 0) {
        sched_get_stats(g->sched, &st);
        if (g->interrupted && st.live == 0 && g->inbox == NULL && batch_empty(g)) {
            break;
        }
        rc = co_suspend();
    }
    for (p = &g->waiters; *p != &w; p = &(*p)->next) {
    }
    *p = w.next;
    if (w.state >= 0) {
        *ret = (enum run_state)w.state;
        return 0;
    }
    if (g->fatal != 0) {
        return err_set(e, (enum err_code) - g->fatal, "%s", g->fatal_text);
    }
    return err_set(e, rc == 0 && g->interrupted ? ERR_CANCELED : ERR_CLOSED, "interrupted");
}

/* All instances of a run, those of a mapped task instead of itself: `struct each_ti i = {g, d, run_key}; while (each_ti_next(&i, &row))`. */
struct each_ti {
    struct engine *g;
    const struct dag *d; /* NULL: there is none */
    int64_t run_key;
    uint32_t task;
    int32_t index, len; /* of the task at hand; len 0: it is one itself */
};

static bool each_ti_next(struct each_ti *i, struct ti_row *ret)
{
    while (i->d != NULL && i->task < i->d->tasks_len) {
        struct ti_key key = {i->run_key, i->task, -1};

        if (i->len == 0) {
            if (sched_get_ti(i->g->sched, &key, ret) != 0) {
                return false;
            }
            i->len = ret->map_len;
            i->index = 0;
            if (i->len == 0) {
                i->task++;
                return true;
            }
        }
        key.map_index = i->index++;
        if (i->index >= i->len) {
            i->task++;
            i->len = 0;
        }
        if (sched_get_ti(i->g->sched, &key, ret) == 0) {
            return true;
        }
    }
    return false;
}

static void kill_live(struct engine *g)
{
    struct ti_row row;

    for (struct run_waiter *w = g->waiters; w != NULL; w = w->next) {
        struct each_ti i = {g, engine_run_dag(g, w->run_key), w->run_key, 0, 0, 0};

        while (each_ti_next(&i, &row)) {
            if (row.state == TASK_QUEUED || row.state == TASK_RUNNING) {
                g->worker->ops->kill(g->worker, &row.attempt, "interrupted");
            }
        }
    }
}

void engine_interrupt(struct engine *g)
{
    struct msg *m;

    if (g->interrupted || g->closing) {
        return;
    }
    g->interrupted = true;
    m = mem_zalloc(sizeof *m);
    if (m != NULL) {
        m->type = MSG_EVENT;
        m->event.type = SCHED_SHUTDOWN;
        engine_post(g, m);
    }
    g->worker->ops->pause(g->worker, true);
    kill_live(g);
    for (struct run_waiter *w = g->waiters; w != NULL; w = w->next) {
        co_wake(w->co);
    }
}

const struct dag *engine_run_dag(struct engine *g, int64_t run_key)
{
    struct run_row row;
    const struct dag *d;

    return sched_get_run(g->sched, run_key, &row, &d) == 0 ? d : NULL;
}

const int64_t *engine_children(struct engine *g, size_t *ret_len)
{
    *ret_len = g->children_len;
    return g->children;
}

struct sched *engine_sched(struct engine *g)
{
    return g->sched;
}

void engine_get_stats(const struct engine *g, struct engine_stats *ret)
{
    *ret = g->stats;
}

const struct sched_actions *engine_untold(const struct engine *g)
{
    return &g->actions;
}

void engine_on_commit(struct engine *g, void (*fn)(void *arg, const struct sched_actions *a),
                      void *arg)
{
    g->on_commit = fn;
    g->on_commit_arg = arg;
}
