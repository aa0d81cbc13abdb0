/*
 * Backfills carried out. One coroutine does it for all of them; what it does with one:
 *
 *   PLANNED dates left, room, not paused --> a slice of dates is decided (backfill_slice.c) --> again
 *   no PLANNED date left, no run lives   --> ended: one commit
 *   cancelled                            --> its queued runs are stopped; when none is left: ended
 *   else                                 --> it sleeps until a run of one has ended, or one was asked for or changed
 *
 * Invariants
 *  1. The dates of a backfill are written with it, in one commit: none is forgotten, whatever the schedule or the zone's data becomes.
 *  2. What became of a date is in the commit that made its run, or made it run again: no date gets two, none is left out.
 *  3. Its queued and running runs are never more than its limit and LIMIT_BACKFILL_AHEAD; the running ones never more than its limit
 *     (the scheduler's, which knows it before any of its runs).
 *  4. Dates are decided in their order.
 *  5. Its row is written by one at a time, who knows what the one before wrote: that it ended is not undone by a change, nor a change by that.
 */
#include "engine/backfill.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/backfill_priv.h"
#include "engine/engine_priv.h"

#define AGAIN_US      (5 * TIME_SECOND)  /* after something went wrong */
#define SOON_US       (TIME_SECOND / 20) /* somebody else makes a run of one of its dates */
#define ACTIVE_MAX    10000
#define STOPS_AT_ONCE 64

/* ---- the list ---- */

struct backfills *backfills_get(struct engine *g)
{
    if (g->backfills == NULL) {
        g->backfills = mem_zalloc(sizeof *g->backfills);
        if (g->backfills != NULL) {
            co_cond_init(&g->backfills->free);
        }
    }
    return g->backfills;
}

struct active_backfill *backfills_find(const struct engine *g, int64_t backfill_key)
{
    for (size_t i = 0; g->backfills != NULL && i < g->backfills->len; i++) {
        if (g->backfills->list[i]->row.backfill_key == backfill_key) {
            return g->backfills->list[i];
        }
    }
    return NULL;
}

static void free_one(struct active_backfill *b)
{
    if (b != NULL) {
        mem_free((void *)(uintptr_t)b->row.conf);
        mem_free((void *)(uintptr_t)b->row.actor);
        mem_free(b->live);
        mem_free(b);
    }
}

struct active_backfill *backfills_add(struct engine *g, const struct backfill_row *row)
{
    struct backfills *all = backfills_get(g);
    struct active_backfill *b = all != NULL ? mem_zalloc(sizeof *b) : NULL;

    if (b == NULL) {
        return NULL;
    }
    b->row = *row;
    b->row.conf = row->conf != NULL ? mem_strdup(row->conf) : NULL;
    b->row.actor = row->actor != NULL ? mem_strdup(row->actor) : NULL;
    if ((row->conf != NULL && b->row.conf == NULL) ||
        (row->actor != NULL && b->row.actor == NULL) ||
        VEC_PUSH(all->list, all->len, all->cap, b) != 0) {
        free_one(b);
        return NULL;
    }
    return b;
}

void backfills_free(struct engine *g)
{
    struct backfills *all = g->backfills;

    if (all != NULL) {
        for (size_t i = 0; i < all->len; i++) {
            free_one(all->list[i]);
        }
        mem_free(all->list);
        mem_free(all->claims);
        mem_free(all->changed);
        mem_free(all);
        g->backfills = NULL;
    }
}

void backfills_look(struct engine *g)
{
    if (g->backfills != NULL && g->backfills->waiting) {
        co_wake(g->backfills->co);
    }
}

int backfills_lock(struct engine *g, struct err *e)
{
    struct backfills *all = backfills_get(g);

    if (all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a backfill");
    }
    while (all->busy) {
        if (co_cond_wait(&all->free) != 0) {
            return err_set(e, ERR_CLOSED, "interrupted");
        }
    }
    all->busy = true;
    return 0;
}

void backfills_unlock(struct engine *g)
{
    g->backfills->busy = false;
    co_cond_signal(&g->backfills->free);
}

struct sched_event backfills_limit(const struct active_backfill *b, bool ended)
{
    struct sched_event ev = {.type = SCHED_BACKFILL};

    ev.backfill.dag_key = b->row.dag_key;
    ev.backfill.backfill_key = b->row.backfill_key;
    ev.backfill.max_active_runs = ended ? 0 : b->row.max_active_runs;
    ev.backfill.paused = b->row.paused;
    ev.backfill.backwards = b->row.backwards;
    ev.backfill.first_run = b->first_run;
    return ev;
}

bool engine_carries_backfill(const struct engine *g, int64_t backfill_key)
{
    const struct active_backfill *b = backfills_find(g, backfill_key);

    return b != NULL && b->carried && !b->ended;
}

/* ---- its runs ---- */

void backfills_saw(struct engine *g, const struct run_row *run)
{
    struct active_backfill *b =
        run->backfill_key != 0 ? backfills_find(g, run->backfill_key) : NULL;
    size_t i = 0;

    if (g->backfills != NULL && g->backfills->watched_dag == run->dag_key) {
        g->backfills->missed |= VEC_PUSH(g->backfills->changed, g->backfills->changed_len,
                                         g->backfills->changed_cap, run->run_key) != 0;
    }
    if (b == NULL) {
        return;
    }
    b->saws++;
    while (i < b->live_len && b->live[i].run_key != run->run_key) {
        i++;
    }
    if (i < b->live_len) {
        b->queued -= b->live[i].state == RUN_QUEUED;
        if (run_state_finished(run->state)) {
            b->live[i] = b->live[--b->live_len];
            backfills_look(g);
            return;
        }
        b->live[i].state = run->state;
    } else if (!run_state_finished(run->state)) {
        struct live_run one = {run->run_key, run->state};

        if (VEC_PUSH(b->live, b->live_len, b->live_cap, one) != 0) {
            log_error("engine", "out of memory: a run is not counted for backfill %lld",
                      (long long)b->row.backfill_key);
            return;
        }
    } else {
        backfills_look(g); /* made and ended in one commit */
        return;
    }
    b->queued += run->state == RUN_QUEUED;
}

/* ---- dates that are being made ---- */

bool backfills_claim_date(struct engine *g, int64_t dag_key, int64_t logical_us)
{
    struct backfills *all = backfills_get(g);
    struct claimed_date d = {dag_key, logical_us};

    if (all == NULL) {
        return false;
    }
    for (size_t i = 0; ENGINE_CANARY != 4 && i < all->claims_len; i++) {
        if (all->claims[i].dag_key == dag_key && all->claims[i].logical_us == logical_us) {
            return false;
        }
    }
    return VEC_PUSH(all->claims, all->claims_len, all->claims_cap, d) == 0;
}

void backfills_release_date(struct engine *g, int64_t dag_key, int64_t logical_us)
{
    struct backfills *all = g->backfills;

    for (size_t i = 0; i < all->claims_len; i++) {
        if (all->claims[i].dag_key == dag_key && all->claims[i].logical_us == logical_us) {
            all->claims[i] = all->claims[--all->claims_len];
            return;
        }
    }
}

/* ---- one of them ---- */

/* Whoever changes it meanwhile writes its row, too: one after the other (invariant 5). */
static int end_it(struct engine *g, struct active_backfill *b, struct err *e)
{
    struct backfill_row row;
    struct request r = {.backfill = &row, .event = backfills_limit(b, true)};
    int rc = backfills_lock(g, e);

    if (rc != 0) {
        return rc;
    }
    row = b->row;
    row.completed_us = engine_now(g);
    rc = engine_ask(g, &r, e);
    if (rc == 0) {
        b->row.completed_us = row.completed_us;
        b->ended = true;
        log_info("backfill", "backfill %lld has ended", (long long)row.backfill_key);
    }
    backfills_unlock(g);
    return rc;
}

/* Queued runs never start: they are failed, some at a time. */
static int stop_queued(struct engine *g, struct active_backfill *b, struct err *e)
{
    int64_t keys[STOPS_AT_ONCE];
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < b->live_len && n < STOPS_AT_ONCE; i++) {
        if (b->live[i].state == RUN_QUEUED) {
            keys[n++] = b->live[i].run_key;
        }
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct engine_command c = {.op = ENGINE_STOP_RUN,
                                   .actor = b->row.actor,
                                   .run_key = keys[i],
                                   .reason = "the backfill was cancelled"};
        uint32_t affected;

        rc = engine_command(g, &c, &affected, e);
        rc = rc == -ERR_CONFLICT || rc == -ERR_NOTFOUND ? 0 : rc; /* it has ended meanwhile */
    }
    return rc;
}

/* *ret_again: there is more to do at once. */
static int advance(struct engine *g, struct active_backfill *b, bool *ret_again, struct err *e)
{
    uint32_t room;
    size_t done = 0;
    int rc = 0;

    if (b->row.cancelled_us != TIME_NONE) {
        if (b->queued == 0) {
            return end_it(g, b, e);
        }
        rc = stop_queued(g, b, e);
        *ret_again = true;
        return rc;
    }
    if (b->exhausted && b->live_len == 0) {
        return end_it(g, b, e);
    }
    room = backfill_room(b->row.max_active_runs, (uint32_t)b->live_len);
    if (b->exhausted || room == 0 || b->row.paused || g->interrupted) {
        return 0;
    }
    rc = backfill_slice(g, b, room, &done, e);
    b->exhausted = rc == 0 && done == 0;
    *ret_again = rc == 0;
    return rc;
}

static void drop_ended(struct backfills *all)
{
    size_t n = 0;

    for (size_t i = 0; i < all->len; i++) {
        if (all->list[i]->ended && all->list[i]->row.completed_us != TIME_NONE) {
            free_one(all->list[i]);
        } else {
            all->list[n++] = all->list[i];
        }
    }
    all->len = n;
}

/* Looks at each once. *ret_next_us: how long until one of them is to be tried again; -1: none. */
static bool look_at_all(struct engine *g, int64_t *ret_next_us)
{
    struct backfills *all = g->backfills;
    bool again = false;

    *ret_next_us = -1;
    for (size_t i = 0; i < all->len && !g->closing && g->fatal == 0; i++) {
        struct active_backfill *b = all->list[i];
        int64_t left = b->not_before_us - loop_now_us(g->loop);
        struct err e = {0};
        int rc = 0;

        if (b->carried && !b->ended && left <= 0) {
            rc = advance(g, b, &again, &e);
            left = rc == 0 ? 0 : rc == -ERR_BUSY ? SOON_US : AGAIN_US;
            b->not_before_us = rc != 0 ? loop_now_us(g->loop) + left : 0;
        }
        if (rc != 0 && rc != -ERR_CLOSED && rc != -ERR_CANCELED && rc != -ERR_BUSY) {
            log_error("backfill", "backfill %lld waits: %s", (long long)b->row.backfill_key,
                      err_str(&e));
        }
        if (b->carried && !b->ended && left > 0 && (*ret_next_us < 0 || left < *ret_next_us)) {
            *ret_next_us = left;
        }
    }
    return again;
}

static int backfill_main(void *arg)
{
    struct engine *g = arg;
    struct backfills *all = g->backfills;
    int rc = 0;

    while ((rc == 0 || rc == -ERR_TIMEOUT) && !g->closing && g->fatal == 0) {
        struct co_deadline d;
        int64_t next_us;

        rc = 0;
        if (look_at_all(g, &next_us)) {
            continue;
        }
        drop_ended(all);
        all->waiting = true;
        if (next_us >= 0) {
            co_deadline_begin(&d, next_us);
        }
        rc = co_suspend();
        if (next_us >= 0) {
            co_deadline_end(&d);
        }
        all->waiting = false;
    }
    return 0;
}

/* ---- from the store ---- */

struct load_backfills {
    struct engine *g;
    struct arena arena;
    int64_t key; /* 0: all that are active */
    struct backfill_row *rows, one;
    size_t len;
    struct backfill_run_row *first;
    size_t first_len;
    struct err *e;
};

static int do_get_active(void *arg)
{
    struct load_backfills *c = arg;
    struct store *s = c->g->store;
    int rc;

    if (c->key == 0) {
        return s->ops->get_backfills(s, 0, true, ACTIVE_MAX, &c->arena, &c->rows, &c->len, c->e);
    }
    rc = s->ops->get_backfill(s, c->key, &c->arena, &c->one, c->e);
    c->rows = &c->one;
    c->len = rc == 0 && c->one.completed_us == TIME_NONE;
    return rc;
}

static int do_get_first(void *arg)
{
    struct load_backfills *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_backfill_runs(s, c->key, false, 1, 1, &c->arena, &c->first, &c->first_len,
                                     c->e);
}

/* SUSPENDS. Only the engine's coroutine steps the scheduler, once there is one. */
static int tell_limit(struct engine *g, const struct active_backfill *b, struct err *e)
{
    struct request r = {.event = backfills_limit(b, false)};

    return g->started ? engine_ask(g, &r, e) : engine_feed(g, &r.event);
}

/* SUSPENDS. Takes those in that are not here yet, and tells the scheduler of them. */
static int take_in(struct load_backfills *c, bool carried)
{
    int rc = engine_on_store(c->g, do_get_active, c);

    for (size_t i = 0; rc == 0 && i < c->len; i++) {
        struct active_backfill *b = backfills_find(c->g, c->rows[i].backfill_key);

        if (b != NULL) {
            b->carried |= carried;
            continue;
        }
        c->key = c->rows[i].backfill_key;
        rc = engine_on_store(c->g, do_get_first, c);
        b = rc == 0 ? backfills_add(c->g, &c->rows[i]) : NULL;
        if (b == NULL) {
            return rc != 0 ? rc : err_set(c->e, ERR_NOMEM, "out of memory for a backfill");
        }
        b->first_run = c->first_len > 0 && (c->first[0].outcome == BACKFILL_CREATED ||
                                            c->first[0].outcome == BACKFILL_CLEARED)
                           ? c->first[0].run_key
                           : 0;
        b->carried = carried;
        rc = tell_limit(c->g, b, c->e);
    }
    return rc;
}

int backfills_recover(struct engine *g, const struct run_row *runs, const bool *chosen, size_t n,
                      struct err *e)
{
    struct load_backfills c = {.g = g, .e = e};
    int rc = 0;

    arena_init(&c.arena, MiB(64));
    if (g->config.schedules) {
        rc = take_in(&c, true);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (chosen[i] && runs[i].backfill_key != 0 &&
            backfills_find(g, runs[i].backfill_key) == NULL) {
            c.key = runs[i].backfill_key;
            rc = take_in(&c, false);
            if (rc == -ERR_NOTFOUND) { /* it is gone: the DAG's limit holds */
                *e = (struct err){0};
                rc = 0;
            }
        }
    }
    arena_fini(&c.arena);
    return rc;
}

int backfills_start(struct engine *g, struct err *e)
{
    struct backfills *all = backfills_get(g);

    if (all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for backfills");
    }
    return co_spawn(&g->group, "backfills", backfill_main, g, &all->co, e);
}

struct live_call {
    struct engine *g;
    struct active_backfill *b;
    struct arena arena;
    struct run_row *runs;
    size_t len;
    struct err *e;
};

#define LIVE_MAX 100000

static int do_get_live(void *arg)
{
    struct live_call *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_runs(s, c->b->row.dag_key, 1u << RUN_QUEUED | 1u << RUN_RUNNING, 0, LIVE_MAX,
                            &c->arena, &c->runs, &c->len, c->e);
}

/* Its runs that live, also those that were not brought back here: read anew where one of them changed meanwhile. */
static int count_live(struct live_call *c)
{
    uint64_t before;
    int rc;

    do {
        before = c->b->saws;
        rc = engine_on_store(c->g, do_get_live, c);
    } while (rc == 0 && c->b->saws != before);
    for (size_t i = 0; rc == 0 && i < c->len; i++) {
        backfills_saw(c->g, &c->runs[i]);
    }
    return rc;
}

int engine_carry_backfill(struct engine *g, int64_t backfill_key, struct err *e)
{
    struct load_backfills c = {.g = g, .key = backfill_key, .e = e};
    struct live_call l = {.g = g, .e = e};
    int rc = backfills_get(g) != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for backfills");

    arena_init(&c.arena, MiB(4));
    arena_init(&l.arena, MiB(256));
    rc = rc == 0 ? take_in(&c, false) : rc;
    l.b = rc == 0 ? backfills_find(g, backfill_key) : NULL;
    rc = rc == 0 && l.b != NULL && !l.b->carried ? count_live(&l) : rc;
    if (rc == 0 && l.b != NULL) {
        l.b->carried = true;
        backfills_look(g);
    }
    arena_fini(&l.arena);
    arena_fini(&c.arena);
    return rc;
}
