/*
 * How much the store costs over SQLite itself: transitions a second, and instance upserts a second,
 * through commit, against the same rows in the same batches by bare prepared statements on the same
 * disk, in one run. Then the in-memory driver.
 *
 *   bench-store [FOLDER [ROWS [BATCH]]]     (default: . 400000 2000)
 *
 * The two ways take turns batch by batch, so that both see the same disk.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "store/store.h"

struct bench {
    char ours[512], bare[512];
    size_t rows, batch;
    struct transition_row *transitions;
    struct ti_row *tis;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what, const struct err *e)
{
    (void)fprintf(stderr, "bench-store: %s: %s\n", what, e != NULL ? err_str(e) : "");
    exit(1);
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "bench-store: %s: %s\n", text, sqlite3_errmsg(db));
        exit(1);
    }
}

/* One batch: instances of 20 live runs that become running, or end, with the usual words. */
static void fill(struct bench *b, size_t first)
{
    static const char *const reasons[] = {NULL, NULL, NULL, "all upstream tasks succeeded",
                                          "exit code 1"};

    for (size_t i = 0; i < b->batch; i++) {
        size_t n = first + i;
        struct ti_key key = {.run_key = (int64_t)(1 + n % 20 + n / 20000 * 20),
                             .task = (uint32_t)(n / 20 % 1000),
                             .map_index = -1};
        int64_t at = INT64_C(1700000000000000) + (int64_t)n * 100;

        b->transitions[i] = (struct transition_row){
            .key = key, .from = 3, .to = 4, .try_number = 1, .at_us = at, .reason = reasons[n % 5]};
        b->tis[i] =
            (struct ti_row){.key = key,
                            .state = 4,
                            .try_number = 1,
                            .max_tries = 3,
                            .worker = 5,
                            .attempt = {{(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), 1}},
                            .scheduled_us = at,
                            .queued_us = at,
                            .start_us = at,
                            .end_us = TIME_NONE,
                            .next_us = TIME_NONE,
                            .exit_code = -1,
                            .reason = reasons[n % 5]};
    }
}

static sqlite3 *open_bare(const char *path)
{
    sqlite3 *db = NULL;

    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die(path, NULL);
    }
    sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;"
            "CREATE TABLE transition (run_key INTEGER, n INTEGER, task INTEGER, map_index INTEGER, "
            "from_state INTEGER,"
            " to_state INTEGER, try_number INTEGER, at_us INTEGER, reason TEXT, PRIMARY KEY "
            "(run_key, n)) WITHOUT ROWID;"
            "CREATE TABLE ti (run_key INTEGER, task INTEGER, map_index INTEGER, state INTEGER, "
            "try_number INTEGER,"
            " max_tries INTEGER, requeues INTEGER, attempt BLOB, worker INTEGER, scheduled_us "
            "INTEGER, queued_us INTEGER,"
            " start_us INTEGER, end_us INTEGER, next_us INTEGER, exit_code INTEGER, reason TEXT,"
            " PRIMARY KEY (run_key, task, map_index)) WITHOUT ROWID");
    return db;
}

static void bare_transitions(struct bench *b, sqlite3 *db, sqlite3_stmt *st, size_t first)
{
    sql(db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < b->batch; i++) {
        const struct transition_row *r = &b->transitions[i];

        sqlite3_bind_int64(st, 1, r->key.run_key);
        sqlite3_bind_int64(st, 2, (int64_t)(first + i));
        sqlite3_bind_int64(st, 3, r->key.task);
        sqlite3_bind_int64(st, 4, r->key.map_index);
        sqlite3_bind_int64(st, 5, r->from);
        sqlite3_bind_int64(st, 6, r->to);
        sqlite3_bind_int64(st, 7, r->try_number);
        sqlite3_bind_int64(st, 8, r->at_us);
        sqlite3_bind_text(st, 9, r->reason, -1, SQLITE_STATIC);
        if (sqlite3_step(st) != SQLITE_DONE) {
            die(sqlite3_errmsg(db), NULL);
        }
        sqlite3_reset(st);
    }
    sql(db, "COMMIT");
}

static void bare_tis(struct bench *b, sqlite3 *db, sqlite3_stmt *st)
{
    sql(db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < b->batch; i++) {
        const struct ti_row *r = &b->tis[i];
        const int64_t v[] = {r->key.run_key, r->key.task,  r->key.map_index, r->state,
                             r->try_number,  r->max_tries, r->requeues};

        for (int c = 0; c < 7; c++) {
            sqlite3_bind_int64(st, c + 1, v[c]);
        }
        sqlite3_bind_blob(st, 8, r->attempt.b, 16, SQLITE_STATIC);
        sqlite3_bind_int64(st, 9, r->worker);
        sqlite3_bind_int64(st, 10, r->scheduled_us);
        sqlite3_bind_int64(st, 11, r->queued_us);
        sqlite3_bind_int64(st, 12, r->start_us);
        sqlite3_bind_int64(st, 15, r->exit_code);
        sqlite3_bind_text(st, 16, r->reason, -1, SQLITE_STATIC);
        if (sqlite3_step(st) != SQLITE_DONE) {
            die(sqlite3_errmsg(db), NULL);
        }
        sqlite3_reset(st);
    }
    sql(db, "COMMIT");
}

struct result {
    double ours_s, bare_s, worst_s;
};

static void report(const struct bench *b, const char *what, struct result r)
{
    double n = (double)b->rows;

    (void)printf("%-22s %8.0f/s (%.2f us each) bare SQLite %8.0f/s (%.2f us): ratio %.2f; slowest "
                 "commit %.1f ms\n",
                 what, n / r.ours_s, r.ours_s / n * 1e6, n / r.bare_s, r.bare_s / n * 1e6,
                 r.bare_s / r.ours_s, r.worst_s * 1e3);
}

static double one_commit(struct store *s, int64_t epoch, int64_t *seq,
                         const struct store_batch *batch, struct result *r)
{
    struct err e = {0};
    double t = now_s(), took;
    bool more;

    if (s->ops->commit(s, 0, epoch, ++*seq, batch, &e) != 0) {
        die("commit", &e);
    }
    took = now_s() - t;
    r->worst_s = took > r->worst_s ? took : r->worst_s;
    if (s->ops->upkeep(s, &more, &e) != 0) {
        die("upkeep", &e);
    }
    return now_s() - t;
}

static void compare(struct bench *b, struct store *s, sqlite3 *db)
{
    struct result tr = {0}, ti = {0};
    sqlite3_stmt *add, *put;
    struct err e = {0};
    int64_t epoch, seq;
    double t;

    if (s->ops->acquire(s, 0, "bench", &epoch, &seq, &e) != 0) {
        die("acquire", &e);
    }
    sqlite3_prepare_v2(db, "INSERT INTO transition VALUES (?,?,?,?,?,?,?,?,?)", -1, &add, NULL);
    sqlite3_prepare_v2(db, "REPLACE INTO ti VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1, &put,
                       NULL);
    for (size_t first = 0; first < b->rows; first += b->batch) {
        fill(b, first);
        tr.ours_s += one_commit(
            s, epoch, &seq,
            &(struct store_batch){.transitions = b->transitions, .transitions_len = b->batch}, &tr);
        t = now_s();
        bare_transitions(b, db, add, first);
        tr.bare_s += now_s() - t;
        ti.ours_s += one_commit(s, epoch, &seq,
                                &(struct store_batch){.tis = b->tis, .tis_len = b->batch}, &ti);
        t = now_s();
        bare_tis(b, db, put);
        ti.bare_s += now_s() - t;
    }
    report(b, "transitions", tr);
    report(b, "instance upserts", ti);
    sqlite3_finalize(add);
    sqlite3_finalize(put);
}

static void in_memory(struct bench *b)
{
    struct store *s = NULL;
    struct err e = {0};
    struct result r = {0};
    int64_t epoch, seq;

    if (store_mem_open(&s, &e) != 0 || s->ops->acquire(s, 0, "bench", &epoch, &seq, &e) != 0) {
        die("mem", &e);
    }
    for (size_t first = 0; first < b->rows; first += b->batch) {
        fill(b, first);
        r.ours_s += one_commit(s, epoch, &seq,
                               &(struct store_batch){.transitions = b->transitions,
                                                     .transitions_len = b->batch,
                                                     .tis = b->tis,
                                                     .tis_len = b->batch},
                               &r);
    }
    (void)printf("%-22s %8.0f/s (%.2f us for an instance and its transition)\n", "in memory",
                 (double)b->rows / r.ours_s, r.ours_s / (double)b->rows * 1e6);
    store_close(s);
}

static void remove_all(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char name[600];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, tails[i]);
        (void)unlink(name);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 400000,
                      .batch = argc > 3 ? strtoull(argv[3], NULL, 10) : 2000};
    const char *folder = argc > 1 ? argv[1] : ".";
    struct err e = {0};
    struct store *s = NULL;
    sqlite3 *bare;

    (void)snprintf(b.ours, sizeof b.ours, "%s/bench-store-ours.db", folder);
    (void)snprintf(b.bare, sizeof b.bare, "%s/bench-store-bare.db", folder);
    b.transitions = calloc(b.batch, sizeof *b.transitions);
    b.tis = calloc(b.batch, sizeof *b.tis);
    remove_all(b.ours);
    remove_all(b.bare);
    if (b.batch == 0 || b.transitions == NULL || b.tis == NULL ||
        store_sqlite_open(b.ours, 0, &s, &e) != 0) {
        die("open", &e);
    }
    bare = open_bare(b.bare);
    compare(&b, s, bare);
    store_close(s);
    (void)sqlite3_close(bare);
    in_memory(&b);
    remove_all(b.ours);
    remove_all(b.bare);
    free(b.transitions);
    free(b.tis);
    return 0;
}
