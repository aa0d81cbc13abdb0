/*
 * Simulation, level 2, many runs at once (fleet.h): the real engine on the virtual loop, over the memory store or SQLite on a disk that fails.
 * Several DAGs with limits, schedules, assets, backfills, runs that tasks start, alerts and deadlines, and people who ask for things; a crash
 * drops the engine at any suspension, and sometimes the machine goes with it.
 *
 * Safety is looked at after each commit (ledger.h) and at each start of a process (sim2_worker.c). Then faults stop, and everything that was
 * asked for must come to its end:
 *   L1  every run ends, every backfill, every alert, within BOUND_US
 *   L2  nothing waits that could go on (ledger_idle)
 *   L3  when all is done nothing wakes up any more
 * and the store says what the world did (fleet_check.c).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/engine_priv.h"
#include "fleet.h"
#include "front.h"
#include "ledger.h"
#include "model/alert.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "sim2_seeds.h"
#include "store/store.h"
#include "worker/worker.h"

#define LIVES_MAX 200
#define PEOPLE    2
#define BOUND_US  (8 * 3600 * TIME_SECOND) /* from when there are no faults any more */
#define STUCK     40 /* seconds without anything new: somebody stops what waits for a failed run */
#define QUIET     3  /* seconds */

static struct fleet *fleet_of(struct world *w)
{
    return (struct fleet *)w;
}

/* ---- the world asks ---- */

static const struct task *task_of(struct world *w, int64_t dag_key, uint32_t index)
{
    return &fleet_dag_of(fleet_of(w), dag_key)->dag->tasks[index];
}

static void see_dags(struct fleet *f, const struct store_batch *b)
{
    for (size_t i = 0; i < b->dags_len; i++) {
        for (size_t k = 0; k < f->dags_len; k++) {
            if (strcmp(f->dags[k].id, b->dags[i].dag_id) == 0) {
                f->dags[k].dag_key = b->dags[i].dag_key;
            }
        }
    }
}

/* Runs that end with this batch; before the ledger has it. */
static void owe_runs(struct fleet *f, const struct store_batch *b)
{
    for (size_t i = 0; i < b->runs_len; i++) {
        const struct run_row *run = &b->runs[i], *old;
        const char *id;

        old = ledger_run(f->ledger, run->run_key, &id);
        if (run_state_finished(run->state) && (old == NULL || !run_state_finished(old->state))) {
            fleet_owe(f, run->state == RUN_SUCCESS ? "run_success" : "run_failure",
                      fleet_dag_of(f, run->dag_key)->id, run->run_id, "");
        }
    }
}

static void owe_tasks(struct fleet *f, const struct store_batch *b)
{
    for (size_t i = 0; i < b->transitions_len; i++) {
        const struct transition_row *t = &b->transitions[i];
        const struct run_row *run;
        const struct fleet_dag *d;
        const char *id;

        if ((t->to != TASK_FAILED && t->to != TASK_UP_FOR_RETRY) ||
            (t->reason != NULL && strncmp(t->reason, "marked", 6) == 0)) {
            continue;
        }
        run = ledger_run(f->ledger, t->key.run_key, &id);
        d = run != NULL ? fleet_dag_of(f, run->dag_key) : NULL;
        if (d != NULL) {
            fleet_owe(f, t->to == TASK_FAILED ? "task_failure" : "task_retry", d->id, id,
                      d->dag->tasks[t->key.task].task_id);
        }
    }
}

static void owe_deadlines(struct fleet *f, const struct store_batch *b)
{
    for (size_t i = 0; i < b->deadlines_len; i++) {
        const struct deadline_row *x = &b->deadlines[i];
        struct fleet_missed fresh = {x->run_key, x->n};
        const struct run_row *run;
        const char *id;
        bool known = false;

        for (size_t k = 0; k < f->missed_len; k++) {
            known = known || (f->missed[k].run_key == x->run_key && f->missed[k].n == x->n);
        }
        run = ledger_run(f->ledger, x->run_key, &id);
        if (x->missed_us == TIME_NONE || known || run == NULL) {
            continue;
        }
        if (VEC_PUSH(f->missed, f->missed_len, f->missed_cap, fresh) != 0) {
            abort();
        }
        fleet_owe(f, "deadline_missed", fleet_dag_of(f, run->dag_key)->id, id, "");
    }
}

static void durable(struct world *w, const struct store_batch *b, int64_t wall_us)
{
    struct fleet *f = fleet_of(w);

    for (size_t i = 0; i < b->runs_len; i++) {
        const struct run_row *r = &b->runs[i];

        world_trace(w, "  run %lld is %s: %s of DAG %lld, cleared %u times, backfill %lld",
                    (long long)r->run_key, run_state_to_string(r->state), r->run_id,
                    (long long)r->dag_key, r->clear_number, (long long)r->backfill_key);
    }
    for (size_t i = 0; i < b->alerts_len; i++) {
        const struct alert_row *r = &b->alerts[i];

        world_trace(w, "  alert %lld is %s: %s of %s, %lld times, to %s", (long long)r->alert_key,
                    alert_state_to_string((enum alert_state)r->state), r->kind,
                    r->run_id != NULL ? r->run_id : "-", (long long)r->count, r->channel);
    }
    see_dags(f, b);
    owe_runs(f, b);
    ledger_batch(f->ledger, b, wall_us);
    owe_tasks(f, b);
    owe_deadlines(f, b);
}

static void give(struct world *w, const struct process *p, struct worker_end *end)
{
    const struct fleet_dag *d = fleet_dag_of(fleet_of(w), p->dag_key);
    char letter = p->key.task < FLEET_TASKS ? d->outlet[p->key.task] : '\0';
    char *name = arena_printf(&end->arena, "%c", letter);

    if (letter == '\0') {
        return;
    }
    end->asset_events = arena_array(&end->arena, 1, sizeof *end->asset_events);
    assert(name != NULL && end->asset_events != NULL);
    end->asset_events_len = 1;
    end->asset_events[0] = (struct worker_asset_event){.name = name, .uri = name, .group = "asset"};
    if (letter == 'x') {
        end->asset_events[0].aliases = "al\0";
        end->asset_events[0].aliases_len = 3;
    }
}

/* It starts a run, under a key of its own; the run says by its conf whose it is. */
static int work(struct world *w, size_t process)
{
    struct fleet *f = fleet_of(w);
    const struct process p = w->processes[process];
    char key[32], conf[32];
    struct engine_run_request rq = {
        .type = RUN_TYPE_MANUAL, .parent = p.key.run_key, .key = key, .conf = conf};
    int64_t run_key;
    int rc = -ERR_BUSY;

    if (p.outcome != WORKER_SUCCESS || p.key.task >= FLEET_TASKS ||
        !fleet_dag_of(f, p.dag_key)->starts[p.key.task]) {
        return 0;
    }
    (void)snprintf(key, sizeof key, "process%zu", process);
    (void)snprintf(conf, sizeof conf, "{\"by\":%zu}", process);
    for (size_t i = 0; i < f->dags_len; i++) {
        rq.dag_key = strcmp(f->dags[i].id, "child") == 0 ? f->dags[i].dag_key : rq.dag_key;
    }
    /* A date of its own: when the process ended, to the microsecond of its number. */
    rq.logical_date_us =
        p.ends_us - p.ends_us % 1000000 - 400 * 86400 * TIME_SECOND + (int64_t)process;
    while (rc != 0) {
        struct err e = {0};

        if (f->ready) {
            rc = engine_create_run(f->engine, &rq, &run_key, &e);
            world_trace(w, "process %zu starts a run: %d", process, rc);
        }
        if (rc == -ERR_CLOSED || (rc != 0 && co_sleep(TIME_SECOND / 20) != 0)) {
            return -ERR_CLOSED;
        }
        if (w->processes[process].killed) {
            return -ERR_CLOSED;
        }
    }
    return 0;
}

static void callback(struct world *w, const struct worker_callback *c)
{
    struct fleet *f = fleet_of(w);

    if (c->deadline &&
        VEC_PUSH(f->told_deadlines, f->told_len, f->told_cap, c->run->run_key) != 0) {
        abort();
    }
}

static const struct world_hooks hooks = {
    .task = task_of,
    .durable = durable,
    .work = work,
    .give = give,
    .callback = callback,
};

/* ---- a life ---- */

struct life {
    struct fleet *f;
    const struct seeds *o;
    struct store *store;
    uint64_t crash_at;
    bool done;
};

static int load_spec(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    struct fleet *f = arg;

    for (size_t i = 0; i < f->dags_len; i++) {
        if (strlen(f->dags[i].spec) == src->len &&
            memcmp(f->dags[i].spec, src->document, src->len) == 0) {
            *ret = dag_ref(f->dags[i].dag);
            return 0;
        }
    }
    return err_set(e, ERR_NOTFOUND, "no such DAG");
}

static bool crash_now(void *arg, uint64_t n)
{
    struct life *l = arg;

    l->f->suspensions = n;
    return (l->crash_at != 0 && n >= l->crash_at) || front_is_off(l->f->w.front) || l->f->w.failed;
}

static int add_dags(struct fleet *f, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->dags_len; i++) {
        struct fleet_dag *d = &f->dags[i];
        int64_t key;

        rc = engine_add_dag(f->engine, d->dag, d->spec, strlen(d->spec), &key, e);
        rc = rc == 0 ? engine_schedule_dag(f->engine, key, e) : rc;
    }
    return rc;
}

static bool is_quiet(struct fleet *f)
{
    struct backfill_row *rows;
    struct arena a;
    size_t n = 1;

    for (size_t i = 0; i < f->intents_len; i++) {
        if (!f->intents[i].done) {
            return false;
        }
    }
    if (ledger_unfinished(f->ledger, 0) != 0 || fleet_dates_missing(f) || fleet_alerts_wait(f)) {
        return false;
    }
    arena_init(&a, MiB(1));
    (void)f->w.store->ops->get_backfills(f->w.store, 0, true, 1, &a, &rows, &n, NULL);
    arena_fini(&a);
    return n == 0;
}

static bool has_closed(struct fleet *f)
{
    struct err ignored = {0};

    return engine_pause_dag(f->engine, "nobody's", false, NULL, &ignored) == -ERR_CLOSED;
}

/* Until nothing is left to do. */
static int wait_quiet(struct fleet *f, struct err *e)
{
    int64_t began = world_now(&f->w);
    uint64_t seen = 0, now;
    unsigned stops = 0;
    int rc = 0, stuck = 0;

    for (int quiet = 0; rc == 0 && quiet < QUIET && !f->w.failed;) {
        rc = co_sleep(TIME_SECOND);
        if (rc == 0 && has_closed(f)) {
            return err_set(e, ERR_CLOSED, "the engine has stopped");
        }
        quiet = is_quiet(f) ? quiet + 1 : 0;
        if (!f->w.healed) {
            continue;
        }
        ledger_idle(f->ledger, world_now(&f->w));
        now = ledger_changes(f->ledger);
        stuck = now == seen ? stuck + 1 : 0;
        seen = now;
        if (stuck >= STUCK && (f->features & FLEET_PAST) != 0) {
            rc = fleet_stop_oldest(f, ++stops, e);
            stuck = 0;
        }
        if (world_now(&f->w) - began > BOUND_US) {
            world_fail(&f->w, "L1: not all has ended: %s%s%s",
                       ledger_unfinished(f->ledger, 0) != 0 ? "a run has not" : "no run is left",
                       fleet_dates_missing(f) ? ", a date has no run" : "",
                       fleet_alerts_wait(f) ? ", an alert waits" : "");
            fleet_tell_backfills(f);
        }
    }
    return rc;
}

/* L3 */
static int check_timers(struct fleet *f)
{
    uint64_t before = f->suspensions;
    int rc;

    if (sched_next_timer(engine_sched(f->engine)) != TIME_NONE) {
        world_fail(&f->w, "L3: all is done, and the scheduler has a timer");
    }
    rc = co_sleep(5 * 3600 * TIME_SECOND);
    if (f->suspensions - before > 4) {
        world_fail(&f->w, "L3: all is done, and something woke up %llu times in five hours",
                   (unsigned long long)(f->suspensions - before));
    }
    return rc;
}

static int person_main(void *arg)
{
    return fleet_person(arg);
}

static int run_life(struct fleet *f, struct err *e)
{
    struct co_group people;
    int rc = engine_recover(f->engine, NULL, SIZE_MAX, load_spec, f, e);

    /* The files are read a while after the start: what goes on from the life before may end meanwhile. */
    rc = rc == 0 ? co_sleep((int64_t)prng_below(&f->w.prng, TIME_SECOND / 5)) : rc;
    rc = rc == 0 ? add_dags(f, e) : rc;
    f->ready = rc == 0;
    co_group_init(&people, loop_current());
    for (int i = 0; rc == 0 && !f->w.healed && i < PEOPLE; i++) {
        rc = co_spawn(&people, "person", person_main, f, NULL, e);
    }
    if (rc == 0 && f->w.healed) {
        rc = fleet_person(f);
        rc = rc == 0 ? fleet_resume(f, e) : rc;
    }
    rc = rc == 0 ? wait_quiet(f, e) : rc;
    co_group_close(&people);
    return rc == 0 && f->w.healed && !f->w.failed ? check_timers(f) : rc;
}

static int life_main(void *arg)
{
    struct life *l = arg;
    struct fleet *f = l->f;
    struct worker *worker = world_worker(&f->w, f->slots);
    struct err e = {0};
    struct engine_config c = {
        .loop = loop_current(),
        .store = l->store,
        .worker = worker,
        .owner = "sim",
        .seed = prng_next(&f->w.prng),
        .parallelism = f->slots,
        .gather_us = f->w.gather_us,
        .schedules = true,
        .alerts = (f->features & FLEET_ALERTS) != 0 ? fleet_alert_config() : NULL,
        .send_alert = fleet_send,
    };
    int rc;

    for (size_t i = 0; i < f->intents_len; i++) {
        f->intents[i].open = false;
    }
    rc = engine_open(&c, &f->engine, &e);
    if (rc == 0) {
        rc = run_life(f, &e);
        f->ready = false;
        l->done = rc == 0;
        engine_close(f->engine);
    }
    world_trace(&f->w, "life: %d %s", rc, rc != 0 ? err_str(&e) : "");
    worker->ops->close(worker);
    return rc;
}

/* 1: crashed, or the disk made it give up: it is started again. 0: all was done. */
static int live_once(struct fleet *f, const struct seeds *o, uint64_t crash_at, uint64_t cut)
{
    struct world *w = &f->w;
    struct loop_config lc = {.wall_start_us = w->now_us, .seed = prng_next(&w->prng)};
    struct life l = {.f = f, .o = o, .crash_at = crash_at};
    struct loop *loop;
    struct err e = {0};
    int rc = loop_virtual_new(&lc, &loop, &e);

    assert(rc == 0);
    f->ready = false;
    fleet_sender(f);
    if (VEC_PUSH(f->births, f->births_len, f->births_cap, w->now_us) != 0) {
        abort();
    }
    world_begin_life(w, loop);
    loop_virtual_on_suspend(loop, crash_now, &l);
    rc = front_open(w->front, w->healed, cut, &l.store, &e);
    rc = rc == 0 ? loop_main(loop, life_main, &l, &e) : rc;
    w->crashes += rc == -ERR_CANCELED;
    world_end_life(w, rc == -ERR_CANCELED);
    loop_free(loop);
    if (l.done) {
        return 0;
    }
    if (w->healed && !w->failed) {
        world_fail(w, "a life without faults ended: %s (%s)", err_name(rc), err_str(&e));
    }
    return 1;
}

static const struct dag *ledger_dag(void *arg, int64_t dag_key)
{
    return fleet_dag_of(arg, dag_key)->dag;
}

static void violated(void *arg, const char *text)
{
    world_fail(arg, "%s", text);
}

static void begin(struct fleet *f, const struct seeds *o, uint64_t seed)
{
    struct ledger_config c = {.dag = ledger_dag, .violated = violated, .arg = f};

    world_init(&f->w, &hooks, seed, true, o->disk, o->trace);
    fleet_draw(f);
    c.parallelism = (int32_t)engine_parallelism(f->slots);
    f->ledger = ledger_new(&c);
}

static void end(struct fleet *f)
{
    for (size_t i = 0; i < f->owed_len; i++) {
        mem_free(f->owed[i].run_id);
        mem_free(f->owed[i].task_id);
    }
    mem_free(f->owed);
    mem_free(f->messages);
    mem_free(f->missed);
    mem_free(f->told_deadlines);
    mem_free(f->births);
    world_fini(&f->w);
    ledger_free(f->ledger);
    fleet_undraw(f);
}

static void describe(const struct fleet *f, uint64_t seed)
{
    (void)fprintf(stderr, "seed %llu, features %x, %d slots, %zu intents:\n",
                  (unsigned long long)seed, f->features, f->slots, f->intents_len);
    for (size_t i = 0; i < f->dags_len; i++) {
        (void)fprintf(stderr, "  %s %s\n", f->dags[i].spec,
                      f->dags[i].schedule != NULL ? f->dags[i].schedule : "");
    }
}

static bool one_seed(const struct seeds *o, uint64_t seed, uint64_t *ret_hash)
{
    struct fleet f = {.engine = NULL};
    struct prng *p = &f.w.prng;
    uint64_t horizon;
    bool ok;
    int lives, rc = 1;

    begin(&f, o, seed);
    horizon = (uint64_t)60 << prng_below(p, 6);
    lives = (int)prng_below(p, prng_below(p, 2) == 0 ? 8 : 40);
    for (int life = 0; rc == 1 && life < lives && !f.w.failed; life++) {
        uint64_t cut = o->disk && prng_below(p, 2) == 0 ? 1 + prng_below(p, 2 * horizon) : 0;

        rc = live_once(&f, o, 1 + prng_below(p, horizon), cut);
        if (rc == 1 && (f.features & FLEET_DEATHS) != 0 && prng_below(p, 2) == 0) {
            world_reboot(&f.w);
        }
        if (rc == 1 && o->disk && !f.w.failed && prng_below(p, 4) == 0) {
            front_check(f.w.front);
        }
        fleet_check_alerts(&f, false);
    }
    if (!f.w.failed) {
        world_heal(&f.w);
        (void)live_once(&f, o, 0, 0);
    }
    if (!f.w.failed) {
        front_check(f.w.front);
        fleet_check_end(&f);
    }
    seeds_count(f.w.front, f.w.crashes);
    if (f.w.failed) {
        describe(&f, seed);
    }
    ok = !f.w.failed;
    *ret_hash = f.w.hash;
    end(&f);
    return ok;
}

int main(int argc, char **argv)
{
    struct seeds s;

    seeds_init(&s, "fleet");
    s.one = one_seed;
    for (int i = 1; i < argc; i++) {
        if (!seeds_option(&s, argc, argv, &i)) {
            (void)fprintf(stderr,
                          "usage: fleet [--disk] [--seeds N] [--seed FIRST] [--find] [--trace]\n");
            return 64;
        }
    }
    return s.count != 0 ? seeds_run(&s) : 0;
}
