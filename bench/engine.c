/*
 * The whole engine in one process, with a worker that runs nothing: what a task costs beyond its
 * own work.
 *
 *   bench-engine FOLDER [TASKS [ROUNDS]]     (default: 100000 50)
 *
 * 1. TASKS tasks of three upstreams each, instant ones and dispatched ones, on the memory store and
 * on SQLite in FOLDER. With SQLite, the rows of every batch are also inserted by bare prepared
 * statements into a database beside it, batch by batch, so that both see the same disk; that time
 * is taken from the engine's.
 * 2. Three empty steps, one after the other, from the request to the durable success: the median of
 * ROUNDS.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "shapes.h"
#include "store/store.h"
#include "worker/worker.h"

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what, const struct err *e)
{
    (void)fprintf(stderr, "bench-engine: %s: %s\n", what, e != NULL ? err_str(e) : "");
    exit(1);
}

/* ---- a worker that runs nothing: every attempt has started and succeeded at once ---- */

struct null_worker {
    struct worker base;
    struct worker_callbacks cb;
};

static void null_set_callbacks(struct worker *w, const struct worker_callbacks *cb)
{
    ((struct null_worker *)w)->cb = *cb;
}

static int null_adopt(struct worker *w, const struct worker_job *jobs, size_t n,
                      const struct uuid *others, size_t others_len, struct err *e)
{
    return 0;
}

static int null_start(struct worker *w, const struct worker_job *job, struct err *e)
{
    struct null_worker *n = (struct null_worker *)w;
    struct worker_end *end = worker_end_new(&job->key, &job->token, WORKER_SUCCESS);

    if (end == NULL) {
        die("memory", NULL);
    }
    end->exit_code = 0;
    n->cb.started(n->cb.arg, &job->key, &job->token, 1, "null", "logs/none", 0);
    n->cb.ended(n->cb.arg, end);
    return 0;
}

static void null_kill(struct worker *w, const struct uuid *token, const char *reason)
{
}

static void null_ack(struct worker *w, const struct uuid *token)
{
}

static bool null_find(struct worker *w, const struct uuid *token, struct ti_key *ret)
{
    return false;
}

static void null_pause(struct worker *w, bool paused)
{
}

static void null_close(struct worker *w)
{
}

static const struct worker_ops null_ops = {
    .set_callbacks = null_set_callbacks,
    .adopt = null_adopt,
    .start = null_start,
    .kill = null_kill,
    .ack = null_ack,
    .find = null_find,
    .pause = null_pause,
    .close = null_close,
};

/* ---- a store that does every commit twice: through the driver, then by bare statements ---- */

struct twice {
    struct store base;
    struct store_ops ops;
    struct store *inner;
    sqlite3 *bare; /* NULL: only counted */
    sqlite3_stmt *ti, *transition, *attempt;
    int64_t n;
    double bare_s;
    size_t rows;
};

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "bench-engine: %s: %s\n", text, sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *text)
{
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db), NULL);
    }
    return st;
}

static void step(sqlite3_stmt *st)
{
    if (sqlite3_step(st) != SQLITE_DONE) {
        die("bare insert", NULL);
    }
    (void)sqlite3_reset(st);
}

static void bare_ti(struct twice *t, const struct ti_row *r)
{
    const int64_t v[] = {r->key.run_key,  r->key.task,  r->key.map_index, r->state,
                         r->try_number,   r->max_tries, r->requeues,      r->worker,
                         r->scheduled_us, r->queued_us, r->start_us,      r->end_us,
                         r->next_us,      r->exit_code};
    int i;

    for (i = 0; i < 14; i++) {
        if (v[i] != TIME_NONE) {
            (void)sqlite3_bind_int64(t->ti, i + 1, v[i]);
        } else {
            (void)sqlite3_bind_null(t->ti, i + 1);
        }
    }
    (void)sqlite3_bind_blob(t->ti, 15, r->attempt.b, 16, SQLITE_STATIC);
    (void)sqlite3_bind_text(t->ti, 16, r->reason, -1, SQLITE_STATIC);
    step(t->ti);
}

static void bare_transition(struct twice *t, const struct transition_row *r)
{
    const int64_t v[] = {r->key.run_key, t->n++, r->key.task,   r->key.map_index,
                         r->from,        r->to,  r->try_number, r->at_us};

    for (int i = 0; i < 8; i++) {
        (void)sqlite3_bind_int64(t->transition, i + 1, v[i]);
    }
    (void)sqlite3_bind_text(t->transition, 9, r->reason, -1, SQLITE_STATIC);
    step(t->transition);
}

static void bare_attempt(struct twice *t, const struct attempt_row *r)
{
    const int64_t v[] = {r->key.run_key, r->key.task, r->key.map_index, r->try_number, r->pid};

    for (int i = 0; i < 5; i++) {
        (void)sqlite3_bind_int64(t->attempt, i + 1, v[i]);
    }
    (void)sqlite3_bind_blob(t->attempt, 6, r->attempt.b, 16, SQLITE_STATIC);
    (void)sqlite3_bind_text(t->attempt, 7, r->holder, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(t->attempt, 8, r->log_path, -1, SQLITE_STATIC);
    step(t->attempt);
}

static int twice_commit(struct store *s, int shard, int64_t epoch, int64_t seq,
                        const struct store_batch *b, struct err *e)
{
    struct twice *t = (struct twice *)s;
    int rc = t->inner->ops->commit(t->inner, shard, epoch, seq, b, e);
    double began = now_s();

    t->rows += b->tis_len + b->transitions_len + b->attempts_len;
    if (t->bare == NULL) {
        return rc;
    }
    sql(t->bare, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < b->tis_len; i++) {
        bare_ti(t, &b->tis[i]);
    }
    for (size_t i = 0; i < b->transitions_len; i++) {
        bare_transition(t, &b->transitions[i]);
    }
    for (size_t i = 0; i < b->attempts_len; i++) {
        bare_attempt(t, &b->attempts[i]);
    }
    sql(t->bare, "COMMIT");
    t->bare_s += now_s() - began;
    return rc;
}

/* The rest goes to the driver as it is. */
#define INNER(s) (((struct twice *)(s))->inner)

static int twice_acquire(struct store *s, int shard, const char *owner, int64_t *ret_epoch,
                         int64_t *ret_seq, struct err *e)
{
    return INNER(s)->ops->acquire(INNER(s), shard, owner, ret_epoch, ret_seq, e);
}

static int twice_reserve_keys(struct store *s, const char *kind, int64_t n, int64_t *ret_first,
                              struct err *e)
{
    return INNER(s)->ops->reserve_keys(INNER(s), kind, n, ret_first, e);
}

static int twice_get_pools(struct store *s, struct arena *a, struct pool_row **ret, size_t *ret_len,
                           struct err *e)
{
    return INNER(s)->ops->get_pools(INNER(s), a, ret, ret_len, e);
}

static int twice_find_dag(struct store *s, const char *dag_id, struct arena *a, struct dag_row *ret,
                          struct err *e)
{
    return INNER(s)->ops->find_dag(INNER(s), dag_id, a, ret, e);
}

static int twice_find_run(struct store *s, int64_t dag_key, const char *run_id, struct arena *a,
                          struct run_row *ret, struct err *e)
{
    return INNER(s)->ops->find_run(INNER(s), dag_key, run_id, a, ret, e);
}

static int twice_get_run(struct store *s, int64_t run_key, struct arena *a, struct run_row *ret,
                         struct err *e)
{
    return INNER(s)->ops->get_run(INNER(s), run_key, a, ret, e);
}

static int twice_get_runs(struct store *s, int64_t dag_key, unsigned states, int64_t after_key,
                          size_t limit, struct arena *a, struct run_row **ret, size_t *ret_len,
                          struct err *e)
{
    return INNER(s)->ops->get_runs(INNER(s), dag_key, states, after_key, limit, a, ret, ret_len, e);
}

static int twice_get_asset_consumers(struct store *s, struct arena *a,
                                     struct asset_consumer_row **ret, size_t *ret_len,
                                     struct err *e)
{
    return INNER(s)->ops->get_asset_consumers(INNER(s), a, ret, ret_len, e);
}

static void twice_init(struct twice *t, struct store *inner, const char *bare)
{
    *t = (struct twice){.inner = inner};
    t->ops = (struct store_ops){
        .commit = twice_commit,
        .acquire = twice_acquire,
        .reserve_keys = twice_reserve_keys,
        .get_pools = twice_get_pools,
        .find_dag = twice_find_dag,
        .find_run = twice_find_run,
        .get_run = twice_get_run,
        .get_runs = twice_get_runs,
        .get_asset_consumers = twice_get_asset_consumers,
    };
    t->base = (struct store){.ops = &t->ops, .driver = "twice"};
    if (bare == NULL) {
        return;
    }
    if (sqlite3_open(bare, &t->bare) != SQLITE_OK) {
        die(bare, NULL);
    }
    sql(t->bare,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;"
        "CREATE TABLE transition (run_key INTEGER, n INTEGER, task INTEGER, map_index INTEGER, "
        "from_state INTEGER, to_state INTEGER, try_number INTEGER, at_us INTEGER, reason TEXT, "
        "PRIMARY KEY (run_key, n)) WITHOUT ROWID;"
        "CREATE TABLE ti (run_key INTEGER, task INTEGER, map_index INTEGER, state INTEGER, "
        "try_number INTEGER, max_tries INTEGER, requeues INTEGER, worker INTEGER, scheduled_us "
        "INTEGER, queued_us INTEGER, start_us INTEGER, end_us INTEGER, next_us INTEGER, exit_code "
        "INTEGER, attempt BLOB, reason TEXT, PRIMARY KEY (run_key, task, map_index)) WITHOUT ROWID;"
        "CREATE TABLE attempt (run_key INTEGER, task INTEGER, map_index INTEGER, try_number "
        "INTEGER, "
        "pid INTEGER, attempt BLOB, holder TEXT, log_path TEXT, "
        "PRIMARY KEY (run_key, task, map_index, try_number)) WITHOUT ROWID");
    t->ti = prepare(t->bare, "REPLACE INTO ti VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    t->transition = prepare(t->bare, "INSERT INTO transition VALUES (?,?,?,?,?,?,?,?,?)");
    t->attempt = prepare(t->bare, "REPLACE INTO attempt VALUES (?,?,?,?,?,?,?,?)");
}

static void twice_fini(struct twice *t)
{
    (void)sqlite3_finalize(t->ti);
    (void)sqlite3_finalize(t->transition);
    (void)sqlite3_finalize(t->attempt);
    (void)sqlite3_close(t->bare);
}

/* ---- one engine, in a loop of its own ---- */

struct job {
    struct loop *loop;
    struct store *store;
    struct dag *dag;
    int rounds;
    double seconds[1000]; /* of each round: from the request to the durable end */
    struct engine_stats stats;
};

static int no_dag(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    return err_set(e, ERR_NOTFOUND, "nothing to recover");
}

/* Slots without a limit: the figure is the engine's, not the pool's. */
static void open_pool(struct store *s, struct err *e)
{
    struct pool_row pool = {.name = "default_pool", .slots = -1};
    struct store_batch b = {.pools = &pool, .pools_len = 1};
    int64_t epoch, seq;

    if (s->ops->acquire(s, 0, "bench", &epoch, &seq, e) != 0 ||
        s->ops->commit(s, 0, epoch, seq + 1, &b, e) != 0) {
        die("pool", e);
    }
}

static int job_main(void *arg)
{
    struct job *j = arg;
    struct null_worker worker = {.base = {.ops = &null_ops, .id = 1, .slots = 1000000}};
    struct engine_config c = {.loop = j->loop,
                              .store = j->store,
                              .worker = &worker.base,
                              .owner = "bench",
                              .seed = 1,
                              .parallelism = 1000000};
    struct engine *g = NULL;
    struct err e = {0};
    int64_t dag_key, run_key;
    enum run_state state;

    open_pool(j->store, &e);
    if (engine_open(&c, &g, &e) != 0 || engine_recover(g, NULL, 0, no_dag, NULL, &e) != 0 ||
        engine_add_dag(g, j->dag, "{}", 2, &dag_key, &e) != 0) {
        die("open", &e);
    }
    for (int i = 0; i < j->rounds; i++) {
        char id[32];
        struct engine_run_request q = {
            .dag_key = dag_key, .run_id = id, .logical_date_us = TIME_NONE};
        double began = now_s();

        (void)snprintf(id, sizeof id, "r%d", i);
        if (engine_create_run(g, &q, &run_key, &e) != 0 ||
            engine_wait_run(g, run_key, &state, &e) != 0 || state != RUN_SUCCESS) {
            die("run", &e);
        }
        j->seconds[i] = now_s() - began;
    }
    engine_get_stats(g, &j->stats);
    engine_close(g);
    return 0;
}

static void run_job(struct job *j)
{
    struct err e = {0};

    if (loop_uv_new(NULL, &j->loop, &e) != 0 || loop_main(j->loop, job_main, j, &e) != 0) {
        die("loop", &e);
    }
    loop_free(j->loop);
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

/* ---- the figures ---- */

static void remove_all(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char name[600];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, tails[i]);
        (void)unlink(name);
    }
}

static void throughput(const char *folder, bool on_disk, bool instant, uint32_t n)
{
    struct job j = {.rounds = 1};
    struct twice t;
    struct store *inner = NULL;
    struct err e = {0};
    char ours[560], bare[560];
    double took;

    (void)snprintf(ours, sizeof ours, "%s/bench-engine.db", folder);
    (void)snprintf(bare, sizeof bare, "%s/bench-engine-bare.db", folder);
    remove_all(ours);
    remove_all(bare);
    if ((on_disk ? store_sqlite_open(ours, 0, &inner, &e) : store_mem_open(&inner, &e)) != 0) {
        die("store", &e);
    }
    twice_init(&t, inner, on_disk ? bare : NULL);
    j.store = &t.base;
    j.dag = shape_dag(LAYERED, n, instant);
    (void)snprintf(j.dag->hash, sizeof j.dag->hash, "%064x", n);
    run_job(&j);
    took = j.seconds[0] - t.bare_s;
    (void)printf("%-7s %-10s %u tasks: %.0f tasks/s, %.3f commits/task, %zu rows",
                 on_disk ? "sqlite" : "memory", instant ? "instant" : "dispatched", n, n / took,
                 (double)j.stats.commits / n, t.rows);
    if (on_disk) {
        (void)printf(", bare inserts %.3f s, whole engine %.3f s: ratio %.2f", t.bare_s, took,
                     took / t.bare_s);
    }
    (void)printf("\n");
    dag_unref(j.dag);
    twice_fini(&t);
    store_close(inner);
    remove_all(ours);
    remove_all(bare);
}

static void latency(const char *folder, int rounds)
{
    struct job j = {.rounds = rounds};
    struct err e = {0};
    char path[560];

    (void)snprintf(path, sizeof path, "%s/bench-engine.db", folder);
    remove_all(path);
    if (store_sqlite_open(path, 0, &j.store, &e) != 0) {
        die("store", &e);
    }
    j.dag = shape_dag(CHAIN, 3, true);
    (void)snprintf(j.dag->hash, sizeof j.dag->hash, "%064x", 3);
    run_job(&j);
    qsort(j.seconds, (size_t)rounds, sizeof j.seconds[0], by_value);
    (void)printf("latency three empty steps, from the request to the durable success: median %.2f "
                 "ms, 90%% %.2f ms "
                 "(%d runs, %.1f commits each)\n",
                 j.seconds[rounds / 2] * 1e3, j.seconds[rounds * 9 / 10] * 1e3, rounds,
                 (double)j.stats.commits / rounds);
    dag_unref(j.dag);
    store_close(j.store);
    remove_all(path);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    uint32_t n = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;
    int rounds = argc > 3 ? atoi(argv[3]) : 50;

    if (n == 0 || rounds < 1 || rounds > 1000) {
        (void)fprintf(stderr, "usage: bench-engine [FOLDER [TASKS [ROUNDS]]]\n");
        return 64;
    }
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        throughput(folder, on_disk != 0, true, n);
        throughput(folder, on_disk != 0, false, n);
    }
    latency(folder, rounds);
    return 0;
}
