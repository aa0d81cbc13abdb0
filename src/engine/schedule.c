/*
 * Scheduled runs. sched/due.h says which are due; one coroutine looks, and for each run another one creates it as anybody would
 * (engine_create_run), so that many runs are one commit. That coroutine sleeps until the next one is due by the wall clock, which may
 * jump: it looks again at least every LOOK_US.
 *
 * Runs that are queued or running are counted for max_active_runs, but for those of a backfill, which has a limit of its own.
 */
#include "engine/schedule.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/asking.h"
#include "engine/backfill.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/timing.h"
#include "engine/world.h"
#include "model/dag.h"
#include "sched/due.h"

#define LOOK_US       (30 * TIME_SECOND)
#define CLAIM_POLL_US (TIME_SECOND / 50)
#define CREATE_MAX    256 /* runs that are being created at once */

struct active {
    int64_t run_key, dag_key; /* run_key 0: the slot is free; -1: it was used */
};

struct schedule {
    struct due *due;
    struct co *co;
    bool waiting;
    unsigned creating;
    struct active *active; /* by hash of run_key */
    size_t active_len, active_used, active_cap;
};

struct creation {
    struct engine *g;
    struct due_run run;
};

static void look(struct engine *g)
{
    if (g->schedule->waiting) {
        co_wake(g->schedule->co);
    }
}

static int64_t wall(const struct engine *g)
{
    return loop_wall_us(g->loop);
}

/* ---- active runs ---- */

static size_t slot_of(const struct schedule *s, int64_t run_key)
{
    size_t i = (size_t)run_key * 0x9e3779b97f4a7c15u >> 20 & (s->active_cap - 1);

    while (s->active[i].run_key != 0 && s->active[i].run_key != run_key) {
        i = (i + 1) & (s->active_cap - 1);
    }
    return i;
}

static int grow(struct schedule *s)
{
    struct schedule next = {.active_cap = s->active_cap == 0 ? 64 : s->active_cap};

    if ((s->active_used + 1) * 2 <= s->active_cap) {
        return 0;
    }
    while ((s->active_len + 1) * 4 > next.active_cap) {
        next.active_cap *= 2;
    }
    next.active = mem_array(next.active_cap, sizeof *next.active);
    if (next.active == NULL) {
        return -ERR_NOMEM;
    }
    memset(next.active, 0, next.active_cap * sizeof *next.active);
    for (size_t i = 0; i < s->active_cap; i++) {
        if (s->active[i].run_key > 0) {
            next.active[slot_of(&next, s->active[i].run_key)] = s->active[i];
        }
    }
    mem_free(s->active);
    s->active = next.active;
    s->active_cap = next.active_cap;
    s->active_used = s->active_len;
    return 0;
}

int schedule_saw(struct engine *g, const struct run_row *run)
{
    struct schedule *s = g->schedule;
    bool is_active = run->state == RUN_QUEUED || run->state == RUN_RUNNING, was;
    size_t i;

    if (s == NULL || run->backfill_key != 0) {
        return 0;
    }
    if (grow(s) != 0) {
        return -ERR_NOMEM;
    }
    i = slot_of(s, run->run_key);
    was = s->active[i].run_key == run->run_key;
    if (is_active && !was) {
        s->active[i] = (struct active){run->run_key, run->dag_key};
        s->active_len++;
        s->active_used++;
        due_active(s->due, run->dag_key, 1, wall(g));
        consumers_active(g, run->dag_key, 1);
    } else if (!is_active && was) {
        s->active[i].run_key = -1;
        s->active_len--;
        due_active(s->due, run->dag_key, -1, wall(g));
        consumers_active(g, run->dag_key, -1);
        look(g);
    }
    return 0;
}

static int32_t count_active(const struct schedule *s, int64_t dag_key)
{
    int32_t n = 0;

    for (size_t i = 0; i < s->active_cap; i++) {
        n += s->active[i].run_key > 0 && s->active[i].dag_key == dag_key;
    }
    return n;
}

int32_t schedule_active_runs(const struct engine *g, int64_t dag_key)
{
    return g->schedule != NULL ? count_active(g->schedule, dag_key) : 0;
}

/* ---- creating ---- */

/* A run of that id is there already: it was made before, and counts. */
static int create_one(void *arg)
{
    struct creation *c = arg;
    struct engine *g = c->g;
    struct engine_run_request rq = {
        .dag_key = c->run.dag_key, .type = RUN_TYPE_SCHEDULED, .scheduled = &c->run};
    const struct known_dag *k = register_known(g, c->run.dag_key);
    char partition[LIMIT_ID_BYTES + 1] = "";
    struct err e = {0};
    int64_t run_key;
    int rc = 0;

    if (k != NULL && k->timing != NULL) {
        timing_partition(k->timing, c->run.run_after_us, partition, sizeof partition);
    }
    rq.partition_key = partition[0] != '\0' ? partition : NULL;
    while (rc == 0 && !backfills_claim_date(g, c->run.dag_key, c->run.logical_us)) {
        rc = co_sleep(CLAIM_POLL_US); /* a backfill makes a run of this date */
    }
    if (rc == 0) {
        rc = engine_create_run(g, &rq, &run_key, &e);
        backfills_release_date(g, c->run.dag_key, c->run.logical_us);
    }

    if (rc != 0 && rc != -ERR_EXISTS && rc != -ERR_CLOSED) {
        log_error("schedule", "a run of DAG %lld could not be created: %s",
                  (long long)c->run.dag_key, err_str(&e));
    }
    g->schedule->creating--;
    due_made(g->schedule->due, c->run.dag_key, rc == 0 || rc == -ERR_EXISTS, wall(g));
    look(g);
    mem_free(c);
    return 0;
}

static void start_creating(struct engine *g, const struct due_run *r)
{
    struct creation *c = mem_alloc(sizeof *c);

    if (c != NULL) {
        *c = (struct creation){g, *r};
    }
    if (c == NULL || co_spawn(&g->group, "scheduled run", create_one, c, NULL, NULL) != 0) {
        mem_free(c);
        due_made(g->schedule->due, r->dag_key, false, wall(g));
        return;
    }
    g->schedule->creating++;
}

/* A run that is due later is looked for at least every LOOK_US, as the clock may be set; where none is, nobody wakes up. */
static int wait_for_due(struct engine *g)
{
    struct schedule *s = g->schedule;
    int64_t at = due_at(s->due), us = LOOK_US;
    struct co_deadline d;
    int rc;

    if (at != TIME_NONE && s->creating < CREATE_MAX && at - wall(g) < us) {
        us = at - wall(g);
    }
    if (us <= 0) {
        return 0;
    }
    s->waiting = true;
    if (at == TIME_NONE && ENGINE_CANARY != 7) {
        rc = co_suspend();
        s->waiting = false;
        return rc;
    }
    co_deadline_begin(&d, us);
    rc = co_suspend();
    co_deadline_end(&d);
    s->waiting = false;
    return rc == -ERR_TIMEOUT ? 0 : rc;
}

static int schedule_main(void *arg)
{
    struct engine *g = arg;
    struct schedule *s = g->schedule;
    struct due_run r;
    int rc = 0;

    while (rc == 0 && !g->closing && g->fatal == 0) {
        while (s->creating < CREATE_MAX && due_take(s->due, wall(g), &r)) {
            start_creating(g, &r);
        }
        rc = wait_for_due(g);
    }
    return 0;
}

/* ---- DAGs ---- */

static enum due_next next_run(void *arg, int64_t dag_key, const struct due_run *last,
                              int64_t now_us, struct due_run *ret)
{
    struct engine *g = arg;
    const struct known_dag *k = register_known(g, dag_key);

    if (k != NULL && k->timing != NULL && asking_needed(k->dag)) {
        asking_start(g, dag_key, last);
        return DUE_ASK;
    }
    return k == NULL || k->timing == NULL ? DUE_NONE
                                          : timing_next(k->timing, k->dag, last, now_us, ret);
}

void schedule_answered(struct engine *g, int64_t dag_key, const struct due_run *run)
{
    due_answer(g->schedule->due, dag_key, run, wall(g));
    look(g);
}

struct last_call {
    struct engine *g;
    int64_t dag_key;
    const char *dag_id;
    struct arena arena;
    struct run_row row;
    bool paused, found;
    struct err *e;
};

static int do_get_last(void *arg)
{
    struct last_call *c = arg;
    struct store *s = c->g->store;
    struct dag_row dag = {0};
    int rc = s->ops->last_scheduled_run(s, c->dag_key, &c->arena, &c->row, NULL);

    c->found = rc == 0;
    rc = rc == -ERR_NOTFOUND || rc == 0
             ? s->ops->find_dag(s, c->dag_id, &c->arena, &dag, c->e)
             : err_set(c->e, (enum err_code) - rc, "the last run of a DAG cannot be read");
    c->paused = rc == 0 && dag.paused;
    return rc;
}

static int schedule_by_clock(struct engine *g, int64_t dag_key, struct err *e)
{
    struct last_call c = {.g = g, .dag_key = dag_key, .e = e};
    struct known_dag *k = register_known(g, dag_key);
    struct due_run last;
    struct due_dag d = {.dag_key = dag_key, .active = count_active(g->schedule, dag_key)};
    int rc = k != NULL && k->timing == NULL ? timing_new(k->dag, &k->timing, e) : 0;

    rc = rc == 0 && k != NULL ? arrivals_of(g, dag_key, k->dag, e) : rc;

    if (rc != 0 || k == NULL || k->timing == NULL) {
        due_remove(g->schedule->due, dag_key);
        return rc;
    }
    c.dag_id = k->dag->dag_id;
    d.max_active_runs = timing_active_runs(k->timing, k->dag);
    arena_init(&c.arena, MiB(64));
    rc = engine_on_store(g, do_get_last, &c);
    if (rc == 0) {
        d.paused = c.paused;
        if (c.found) {
            last = (struct due_run){dag_key, c.row.logical_date_us, c.row.data_interval_start_us,
                                    c.row.data_interval_end_us, c.row.run_after_us};
            d.last = &last;
        }
        rc = due_set(g->schedule->due, &d, wall(g));
        rc = rc != 0 ? err_set(e, ERR_NOMEM, "out of memory for a schedule") : 0;
        look(g);
    }
    arena_fini(&c.arena);
    return rc;
}

int engine_schedule_dag(struct engine *g, int64_t dag_key, struct err *e)
{
    int rc = consumers_set(g, dag_key, e);

    return rc == 0 ? schedule_by_clock(g, dag_key, e) : rc;
}

void engine_unschedule_dag(struct engine *g, int64_t dag_key)
{
    due_remove(g->schedule->due, dag_key);
    consumers_gone(g, dag_key);
    (void)arrivals_of(g, dag_key, NULL, NULL);
}

/* ---- what comes next ---- */

#define UPCOMING_MAX 100

struct upcoming {
    int64_t run_after_us;
    const char *dag_id;
};

static bool is_sooner(const struct upcoming *a, const struct upcoming *b)
{
    return a->run_after_us != b->run_after_us ? a->run_after_us < b->run_after_us
                                              : strcmp(a->dag_id, b->dag_id) < 0;
}

/* The soonest runs of the clock, each DAG's next one: {"limit"} -> [{"dag_id", "run_after_us"}], the soonest first. */
int engine_answer_upcoming(const struct world_call *c, struct err *e)
{
    struct engine *g = c->g;
    struct upcoming soon[UPCOMING_MAX];
    int64_t limit = 0;
    size_t n = 0;

    if (value_int(value_get(c->rq, "limit"), 1, UPCOMING_MAX, &limit) != 0) {
        return err_set(e, ERR_PROTOCOL, "upcoming needs a limit of 1 to %d", UPCOMING_MAX);
    }
    for (size_t i = 0; i < g->dags_len; i++) {
        const struct known_dag *k = &g->dags[i];
        struct upcoming one = {.dag_id = k->dag->dag_id};
        enum due_state state;
        struct due_run run;
        size_t at = n;

        if (!due_look(g->schedule->due, k->dag_key, &state, &run) || state == DUE_STATE_IDLE ||
            state == DUE_STATE_ASKING) {
            continue;
        }
        one.run_after_us = run.run_after_us;
        while (at > 0 && is_sooner(&one, &soon[at - 1])) {
            at--;
        }
        if (at == (size_t)limit) {
            continue;
        }
        n += n < (size_t)limit;
        memmove(&soon[at + 1], &soon[at], (n - 1 - at) * sizeof *soon);
        soon[at] = one;
    }
    json_key(c->w, "result");
    json_array(c->w);
    for (size_t i = 0; i < n; i++) {
        json_object(c->w);
        json_key(c->w, "dag_id");
        json_string(c->w, soon[i].dag_id);
        json_key(c->w, "run_after_us");
        json_int(c->w, soon[i].run_after_us);
        json_object_end(c->w);
    }
    json_array_end(c->w);
    return 0;
}

/* ---- birth and death ---- */

int schedule_new(struct engine *g, struct err *e)
{
    struct schedule *s = mem_zalloc(sizeof *s);

    if (s == NULL || (s->due = due_new(next_run, g)) == NULL) {
        mem_free(s);
        return err_set(e, ERR_NOMEM, "out of memory for the schedule");
    }
    g->schedule = s;
    return 0;
}

int schedule_start(struct engine *g, struct err *e)
{
    return co_spawn(&g->group, "schedule", schedule_main, g, &g->schedule->co, e);
}

void schedule_free(struct engine *g)
{
    if (g->schedule != NULL) {
        due_free(g->schedule->due);
        mem_free(g->schedule->active);
        mem_free(g->schedule);
        g->schedule = NULL;
    }
}
