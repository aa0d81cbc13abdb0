/*
 * Simulated years of schedules through the real engine (engine_schedule_dag, src/engine/schedule.c) on the virtual loop and the memory
 * store: see years.h for what is checked, docs/internals/simulation.md for what it is part of.
 *
 *   years [--seed N] [--seeds N] [--schedules 500] [--days 730] [--twice] [--calm] [--find]
 *
 * A life of the engine lasts days to weeks; then it is dropped at a suspension (a crash), sometimes with a weekend before the next one.
 * Within a life, every day or so: the wall clock is set (seconds to two days, either way), DAGs are paused and go on, the store refuses
 * commits for a while. Each run that the store has taken is looked at once, as the commit is taken: also where its outcome is not told.
 */
#include "years.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"
#include "worker/worker.h"

#define DAY       (86400 * TIME_SECOND)
#define FROM      (INT64_C(20454) * DAY) /* 2026-01-01 */
#define KEEP_US   (5 * DAY)              /* of finished runs */
#define LIVES_MAX 100000

struct patched {
    struct store_ops ops; /* first: the store's ops point here */
    const struct store_ops *real;
    struct sim *sim;
};

struct sim {
    struct years y;
    struct store *store;
    struct patched patched;
    struct loop *loop; /* of the life at hand */
    int64_t to_us, wall_us, crash_at_us, fault_until_us, seq;
    bool crash, healed, calm, trace;
    uint64_t crashes, jumps, pauses, refused, suspensions;
};

static void trace(const struct sim *s, const char *what)
{
    char at[TIME_TEXT_MAX];

    if (s->trace) {
        (void)fprintf(stderr, "%s %s\n", time_format(loop_wall_us(s->loop), at), what);
    }
}

static void fail(struct years *y, const struct years_dag *d, const char *what, int64_t at_us)
{
    char at[TIME_TEXT_MAX] = "-", seen[TIME_TEXT_MAX], since[TIME_TEXT_MAX] = "hindered",
         last[TIME_TEXT_MAX] = "-", next[TIME_TEXT_MAX] = "-";

    if (y->failed) {
        return;
    }
    y->failed = true;
    if (at_us != TIME_NONE) {
        (void)time_format(at_us, at);
    }
    if (d->since_us != TIME_NONE) {
        (void)time_format(d->since_us, since);
    }
    if (d->has_next) {
        (void)time_format(d->next.run_after_us, next);
    }
    if (d->has_last) {
        (void)time_format(d->last.run_after_us, last);
    }
    (void)fprintf(
        stderr,
        "VIOLATION: S7: %s: run after %s; clock %s, free since %s, last run after %s, next on "
        "the list %s\n%s\n",
        what, at, time_format(y->seen_us, seen), since, last, next, d->document);
}

/* ---- the store ---- */

static void see_clock(struct sim *s)
{
    int64_t now = loop_wall_us(s->loop);

    s->y.seen_us = now > s->y.seen_us ? now : s->y.seen_us;
}

static int commit(struct store *store, int shard, int64_t epoch, int64_t seq,
                  const struct store_batch *b, struct err *e)
{
    struct patched *p = (struct patched *)(void *)store->ops;
    struct sim *s = p->sim;
    bool refused = loop_now_us(s->loop) < s->fault_until_us && prng_below(&s->y.prng, 3) != 0;
    int rc;

    if (refused && prng_below(&s->y.prng, 2) == 0) {
        s->refused++;
        return err_set(e, ERR_FULL, "simulated error before the commit");
    }
    rc = p->real->commit(store, shard, epoch, seq, b, e);
    if (rc == 0 && seq > s->seq) {
        s->seq = seq;
        see_clock(s);
        for (size_t i = 0; i < b->runs_len && !s->y.failed; i++) {
            years_saw(&s->y, &b->runs[i], loop_now_us(s->loop));
        }
    }
    s->refused += refused;
    return rc == 0 && refused ? err_set(e, ERR_IO, "simulated error after the commit") : rc;
}

/* ---- a worker whose tasks take hours; what becomes of them is another simulator's matter ---- */

struct hands {
    struct worker base;
    struct sim *sim;
    struct worker_callbacks cb;
    struct co_group group;
};

struct job {
    struct hands *h;
    struct ti_key key;
    struct uuid token;
    int64_t us;
};

static int work(void *arg)
{
    struct job *j = arg;
    struct hands *h = j->h;
    struct worker_end *end;

    if (co_sleep(j->us) == 0 &&
        (end = worker_end_new(&j->key, &j->token, WORKER_SUCCESS)) != NULL) {
        h->cb.ended(h->cb.arg, end);
    }
    mem_free(j);
    return 0;
}

static int start(struct worker *base, const struct worker_job *job, struct err *e)
{
    struct hands *h = (struct hands *)base;
    struct job *j = mem_zalloc(sizeof *j);

    assert(j != NULL);
    *j = (struct job){.h = h, .key = job->key, .token = job->token};
    j->us = (int64_t)(1 + prng_below(&h->sim->y.prng, 4 * 3600)) * TIME_SECOND;
    h->cb.started(h->cb.arg, &j->key, &j->token, 1, "sim", NULL, 0);
    return co_spawn(&h->group, "task", work, j, NULL, e);
}

static int adopt(struct worker *base, const struct worker_job *jobs, size_t n,
                 const struct uuid *others, size_t others_len, struct err *e)
{
    int rc = 0;

    (void)others;
    (void)others_len;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = start(base, &jobs[i], e);
    }
    return rc;
}

static void ignore_kill(struct worker *w, const struct uuid *token, const char *reason)
{
    (void)w;
    (void)token;
    (void)reason;
}
static void ignore_ack(struct worker *w, const struct uuid *token)
{
    (void)w;
    (void)token;
}
static bool find_none(struct worker *w, const struct uuid *token, struct ti_key *ret)
{
    (void)w;
    (void)token;
    (void)ret;
    return false;
}
static void ignore_pause(struct worker *w, bool paused)
{
    (void)w;
    (void)paused;
}
static void set_callbacks(struct worker *w, const struct worker_callbacks *cb)
{
    ((struct hands *)w)->cb = *cb;
}
static void close_hands(struct worker *w)
{
    co_group_close(&((struct hands *)w)->group);
    mem_free(w);
}

static const struct worker_ops hands_ops = {
    .set_callbacks = set_callbacks,
    .adopt = adopt,
    .start = start,
    .kill = ignore_kill,
    .ack = ignore_ack,
    .find = find_none,
    .pause = ignore_pause,
    .close = close_hands,
};

static struct worker *new_hands(struct sim *s)
{
    struct hands *h = mem_zalloc(sizeof *h);

    assert(h != NULL);
    h->base.ops = &hands_ops;
    h->base.id = 1;
    h->base.slots = 4096;
    h->sim = s;
    co_group_init(&h->group, s->loop);
    return &h->base;
}

/* ---- a life ---- */

static int load_dag(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    struct sim *s = arg;
    size_t i = (size_t)strtoull(src->document + strlen("{\"dag_id\":\""), NULL, 10);

    (void)e;
    assert(i < s->y.dags_len);
    *ret = dag_ref(s->y.dags[i].dag);
    return 0;
}

static bool crash_now(void *arg, uint64_t n)
{
    struct sim *s = arg;

    s->suspensions++;
    (void)n;
    return s->crash || s->y.failed || loop_now_us(s->loop) >= s->crash_at_us;
}

static void stretch(struct sim *s, struct years_dag *d)
{
    see_clock(s);
    years_stretch(&s->y, d, loop_now_us(s->loop));
}

static int begin(struct sim *s, struct engine *g, struct err *e)
{
    int rc = engine_recover(g, NULL, SIZE_MAX, load_dag, s, e);

    for (size_t i = 0; i < s->y.dags_len && rc == 0; i++) {
        struct years_dag *d = &s->y.dags[i];

        rc = engine_add_dag(g, d->dag, d->document, d->len, &d->dag_key, e);
        rc = rc == 0 ? engine_schedule_dag(g, d->dag_key, e) : rc;
        d->known = true;
        stretch(s, d);
    }
    return rc;
}

/* In small pieces: what is left of deleted runs is a short list in the memory store, or a slow one. Runs leave no files here. */
static int do_clean(void *arg)
{
    struct sim *s = arg;
    const struct store_ops *ops = s->store->ops;
    struct run_name *names;
    struct arena a;
    bool more = true;
    int64_t n, key;
    size_t len;
    int rc = 0;

    while (rc == 0 && more) {
        rc = ops->clean(s->store, s->wall_us, 200, &n, &more, NULL);
        more = more || n > 0;
        arena_init(&a, MiB(64));
        rc = rc == 0 ? ops->get_garbage(s->store, 0, &a, &names, &len, NULL) : rc;
        for (size_t i = 0; rc == 0 && i < len; i++) {
            key = names[i].run_key;
            rc = ops->drop_garbage(s->store, &key, 1, NULL);
        }
        arena_fini(&a);
    }
    return rc;
}

static int toggle(struct sim *s, struct engine *g, struct years_dag *d, bool paused, struct err *e)
{
    int rc;

    s->pauses += paused;
    d->paused = true; /* from here on, or until it goes on, it may be hindered */
    stretch(s, d);
    rc = engine_pause_dag(g, d->id, paused, "sim", e);
    d->paused = paused;
    stretch(s, d);
    return rc;
}

static void set_clock(struct sim *s)
{
    static const int64_t most[] = {2, 60, 3600, 7200, 86400, 2 * 86400};
    int64_t n = most[prng_below(&s->y.prng, 6)] * TIME_SECOND;

    see_clock(s);
    years_break(&s->y, loop_now_us(s->loop));
    loop_virtual_jump_wall(s->loop, (int64_t)prng_below(&s->y.prng, (uint64_t)(2 * n)) - n);
    see_clock(s);
    s->jumps++;
    for (size_t i = 0; i < s->y.dags_len; i++) {
        years_stretch(&s->y, &s->y.dags[i], loop_now_us(s->loop));
    }
    trace(s, "the clock is set");
}

static int act(struct sim *s, struct engine *g, struct err *e)
{
    struct prng *p = &s->y.prng;
    struct years_dag *d = &s->y.dags[prng_below(p, s->y.dags_len)];
    int rc = 0;

    switch (prng_below(p, 5)) {
    case 0:
        set_clock(s);
        break;
    case 1:
        s->fault_until_us = loop_now_us(s->loop) + (int64_t)prng_below(p, 20) * TIME_SECOND;
        break;
    case 2:
        rc = toggle(s, g, d, true, e);
        break;
    default:
        for (size_t i = 0; i < s->y.dags_len && rc == 0; i++) {
            if (s->y.dags[i].paused && prng_below(p, 2) == 0) {
                rc = toggle(s, g, &s->y.dags[i], false, e);
            }
        }
    }
    return rc;
}

/* No more faults: all go on, and what is due is made. */
static int heal(struct sim *s, struct engine *g, struct err *e)
{
    int rc = 0;

    s->healed = true;
    for (size_t i = 0; i < s->y.dags_len && rc == 0; i++) {
        rc = s->y.dags[i].paused ? toggle(s, g, &s->y.dags[i], false, e) : 0;
    }
    rc = rc == 0 ? co_sleep(30 * DAY) : rc; /* those that catch up one long run after the other */
    see_clock(s);
    years_break(&s->y, loop_now_us(s->loop));
    return rc;
}

static int life_main(void *arg)
{
    struct sim *s = arg;
    struct engine *g;
    struct err e = {0};
    struct worker *worker = new_hands(s);
    struct engine_config c = {
        .loop = loop_current(),
        .store = s->store,
        .worker = worker,
        .owner = "sim",
        .seed = prng_next(&s->y.prng),
        .parallelism = 4096,
        .schedules = true,
    };
    int rc = engine_open(&c, &g, &e);

    rc = rc == 0 ? begin(s, g, &e) : rc;
    while (rc == 0 && loop_wall_us(s->loop) < s->to_us) {
        rc = co_sleep((int64_t)prng_below(&s->y.prng, 2 * 86400) * TIME_SECOND);
        rc = rc == 0 ? act(s, g, &e) : rc;
        s->wall_us = loop_wall_us(s->loop) - KEEP_US;
        rc = rc == 0 ? engine_on_store(g, do_clean, s) : rc;
    }
    rc = rc == 0 ? heal(s, g, &e) : rc;
    if (rc != 0) {
        (void)fprintf(stderr, "life: %s\n", err_str(&e));
    }
    engine_close(g);
    worker->ops->close(worker);
    return rc;
}

/* 1: it crashed. */
static int live_once(struct sim *s, uint64_t life)
{
    struct prng *p = &s->y.prng;
    struct loop_config lc = {.wall_start_us = s->wall_us, .seed = prng_next(p)};
    struct err e = {0};
    int64_t began;
    int rc = loop_virtual_new(&lc, &s->loop, &e);

    assert(rc == 0);
    (void)life;
    began = loop_now_us(s->loop);
    s->y.seen_us = s->wall_us;
    s->crash = false;
    s->fault_until_us = 0;
    s->crash_at_us =
        began + (int64_t)prng_below(p, 40 * 86400) * TIME_SECOND + (int64_t)prng_below(p, 1000000);
    if (prng_below(p, 4) == 0) {
        s->crash_at_us =
            began + (int64_t)prng_below(p, 2000000); /* early: while it recovers or catches up */
    }
    if (s->wall_us >= s->to_us || s->calm) {
        s->crash_at_us = INT64_MAX;
    }
    loop_virtual_on_suspend(s->loop, crash_now, s);
    rc = loop_main(s->loop, life_main, s, &e);
    see_clock(s);
    years_break(&s->y, loop_now_us(s->loop));
    for (size_t i = 0; i < s->y.dags_len; i++) {
        s->y.dags[i].known = false;
    }
    s->wall_us = loop_wall_us(s->loop);
    if (prng_below(p, 3) == 0) {
        s->wall_us += (int64_t)prng_below(p, 3 * 86400) * TIME_SECOND; /* a weekend */
    }
    loop_free(s->loop);
    s->crashes += rc == -ERR_CANCELED;
    return rc == -ERR_CANCELED ? 1 : rc;
}

/* True: no violation. */
static bool simulate(uint64_t seed, size_t schedules, int64_t days, bool calm, bool traced,
                     uint64_t *ret_hash, uint64_t *ret_runs)
{
    struct sim s = {.y = {.fail = fail},
                    .to_us = FROM + days * DAY,
                    .wall_us = FROM,
                    .calm = calm,
                    .trace = traced};
    uint64_t left = 0, runs = 0;
    struct rusage use;
    bool ok;
    int rc = 1;

    prng_seed(&s.y.prng, seed);
    years_draw(&s.y, schedules, FROM, s.to_us);
    if (store_mem_open(&s.store, NULL) != 0) {
        abort();
    }
    s.patched = (struct patched){.ops = *s.store->ops, .real = s.store->ops, .sim = &s};
    s.patched.ops.commit = commit;
    s.store->ops = &s.patched.ops;
    for (uint64_t life = 0; rc == 1 && life < LIVES_MAX && !s.y.failed; life++) {
        rc = live_once(&s, life);
    }
    for (size_t i = 0; i < s.y.dags_len; i++) {
        runs += s.y.dags[i].runs;
        left += s.y.dags[i].left_out;
    }
    s.store->ops = s.patched.real;
    store_close(s.store);
    years_free(&s.y);
    ok = rc == 0 && !s.y.failed;
    (void)getrusage(RUSAGE_SELF, &use);
    (void)printf("years: seed %llu: %zu schedules, %lld days, %llu runs, %llu crashes, clock set "
                 "%llu times, %llu pauses, "
                 "%llu commits refused, %llu late ones left out without catchup, %ld MiB: %s\n",
                 (unsigned long long)seed, schedules, (long long)days, (unsigned long long)runs,
                 (unsigned long long)s.crashes, (unsigned long long)s.jumps,
                 (unsigned long long)s.pauses, (unsigned long long)s.refused,
                 (unsigned long long)left, use.ru_maxrss / 1024,
                 ok ? "none missing, early or double" : "VIOLATION");
    *ret_hash = s.y.hash;
    *ret_runs = runs;
    return ok;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: years [--seed FIRST] [--seeds N] [--schedules N] [--days N] "
                          "[--twice] [--calm] [--find] [--trace]\n");
    return 64;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 1, schedules = 500, days = 730, hash, again, runs;
    bool find = false, traced = false, twice = false, calm = false;

    for (int i = 1; i < argc; i++) {
        const struct {
            const char *name;
            uint64_t *n;
        } numbers[] = {{"--seed", &first},
                       {"--seeds", &count},
                       {"--schedules", &schedules},
                       {"--days", &days}};
        bool known = false;

        for (size_t k = 0; k < 4; k++) {
            if (strcmp(argv[i], numbers[k].name) == 0 && i + 1 < argc) {
                *numbers[k].n = strtoull(argv[++i], NULL, 10);
                known = true;
                break;
            }
        }
        find = find || strcmp(argv[i], "--find") == 0;
        twice = twice || strcmp(argv[i], "--twice") == 0;
        calm = calm || strcmp(argv[i], "--calm") == 0;
        traced = traced || strcmp(argv[i], "--trace") == 0;
        if (!known && strcmp(argv[i], "--find") != 0 && strcmp(argv[i], "--twice") != 0 &&
            strcmp(argv[i], "--calm") != 0 && strcmp(argv[i], "--trace") != 0) {
            return usage();
        }
    }
    log_setup(2, traced ? LOG_LEVEL_WARNING : LOG_LEVEL_OFF, 0, NULL);
    (void)setenv("TZDIR", "/usr/share/zoneinfo", 0);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!simulate(seed, schedules, (int64_t)days, calm, traced, &hash, &runs)) {
            return find ? 0 : 1;
        }
        if (twice && (!simulate(seed, schedules, (int64_t)days, calm, traced, &again, &runs) ||
                      again != hash)) {
            (void)printf("years: seed %llu does not repeat\n", (unsigned long long)seed);
            return 1;
        }
    }
    return find ? 1 : 0;
}
