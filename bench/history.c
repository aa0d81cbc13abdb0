/*
 * A past: fills the store of a home with finished runs of the DAGs that it knows, as the engine would have written them.
 *
 *   bench-history HOME RUNS
 *
 * Every run is an hour older than the one before of its DAG; every task of its DAG succeeded, with its four transitions, its attempt, and a
 * returned value. One run in fifty failed at its last task. Nobody may work in the home meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "home/home.h"
#include "model/dag.h"
#include "store/store.h"

#define BATCH 500 /* runs in one commit */

struct filler {
    struct store *s;
    struct dag_row *dags;
    struct dag **docs;
    size_t dags_len;
    int64_t now_us, epoch, seq;
    struct run_row runs[BATCH];
    struct ti_row *tis;
    struct transition_row *transitions;
    struct attempt_row *attempts;
    struct xcom_row *xcoms;
    size_t tis_len, transitions_len, tasks_max;
    char (*run_ids)[64];
    char (*logs)[128];
};

static _Noreturn void die(const char *what, const struct err *e)
{
    (void)fprintf(stderr, "bench-history: %s: %s\n", what, e != NULL ? err_str(e) : "");
    exit(1);
}

static void add_task(struct filler *f, const struct run_row *run, uint32_t task, bool failed)
{
    static const uint8_t path[] = {TASK_NONE, TASK_SCHEDULED, TASK_QUEUED, TASK_RUNNING};
    int64_t at = run->start_us + (int64_t)task * TIME_SECOND;
    struct ti_key key = {run->run_key, task, -1};
    struct uuid attempt = {{0}};
    size_t n = f->tis_len++;

    memcpy(attempt.b, &n, sizeof n);
    memcpy(attempt.b + 8, &run->run_key, 8);
    f->tis[n] = (struct ti_row){.key = key,
                                .state = failed ? TASK_FAILED : TASK_SUCCESS,
                                .try_number = 1,
                                .attempt = attempt,
                                .worker = 1,
                                .scheduled_us = at,
                                .queued_us = at + 1000,
                                .start_us = at + 3000,
                                .end_us = at + 900000,
                                .next_us = TIME_NONE,
                                .exit_code = failed};
    for (size_t i = 0; i < 4; i++) {
        f->transitions[f->transitions_len++] =
            (struct transition_row){.key = key,
                                    .from = path[i],
                                    .to = i < 3 ? path[i + 1] : f->tis[n].state,
                                    .try_number = i > 0,
                                    .at_us = at + (int64_t)i * 1000,
                                    .reason = i == 0 ? "all upstream tasks succeeded" : NULL};
    }
    (void)snprintf(f->logs[n], sizeof f->logs[n], "logs/%lld/%u/1.log", (long long)run->run_key,
                   task);
    f->attempts[n] = (struct attempt_row){.key = key,
                                          .try_number = 1,
                                          .attempt = attempt,
                                          .holder = "1",
                                          .pid = 4242,
                                          .log_path = f->logs[n]};
    f->xcoms[n] = (struct xcom_row){
        .key = key, .name = "return_value", .value = "42", .value_len = 2, .at_us = at};
}

static void add_run(struct filler *f, size_t slot, int64_t n, int64_t run_key)
{
    size_t d = (size_t)n % f->dags_len;
    int64_t at = f->now_us - (n / (int64_t)f->dags_len + 1) * (3600 * TIME_SECOND);
    bool failed = n % 50 == 7;
    char text[TIME_TEXT_MAX];

    (void)time_format(at, text);
    (void)snprintf(f->run_ids[slot], sizeof f->run_ids[slot], "scheduled__%s", text);
    f->runs[slot] = (struct run_row){.run_key = run_key,
                                     .dag_key = f->dags[d].dag_key,
                                     .version_key = f->dags[d].version_key,
                                     .run_id = f->run_ids[slot],
                                     .state = failed ? RUN_FAILED : RUN_SUCCESS,
                                     .type = RUN_TYPE_SCHEDULED,
                                     .logical_date_us = at,
                                     .data_interval_start_us = at,
                                     .data_interval_end_us = at + (3600 * TIME_SECOND),
                                     .run_after_us = at + (3600 * TIME_SECOND),
                                     .queued_us = at + (3600 * TIME_SECOND),
                                     .start_us = at + (3600 * TIME_SECOND) + 1000,
                                     .end_us = at + (3600 * TIME_SECOND) + 60 * TIME_SECOND};
    for (uint32_t t = 0; t < f->docs[d]->tasks_len; t++) {
        add_task(f, &f->runs[slot], t, failed && t + 1 == f->docs[d]->tasks_len);
    }
}

static void commit(struct filler *f, size_t runs)
{
    struct store_batch b = {.runs = f->runs,
                            .runs_len = runs,
                            .tis = f->tis,
                            .tis_len = f->tis_len,
                            .transitions = f->transitions,
                            .transitions_len = f->transitions_len,
                            .attempts = f->attempts,
                            .attempts_len = f->tis_len,
                            .xcoms = f->xcoms,
                            .xcoms_len = f->tis_len};
    struct err e = {0};
    bool more = true;

    if (f->s->ops->commit(f->s, 0, f->epoch, ++f->seq, &b, &e) != 0) {
        die("commit", &e);
    }
    if (f->s->ops->upkeep(f->s, &more, &e) != 0) {
        die("upkeep", &e);
    }
    f->tis_len = f->transitions_len = 0;
}

static void allocate(struct filler *f)
{
    size_t n = f->tasks_max * BATCH;

    f->tis = calloc(n, sizeof *f->tis);
    f->transitions = calloc(n * 4, sizeof *f->transitions);
    f->attempts = calloc(n, sizeof *f->attempts);
    f->xcoms = calloc(n, sizeof *f->xcoms);
    f->run_ids = calloc(BATCH, sizeof *f->run_ids);
    f->logs = calloc(n, sizeof *f->logs);
    if (f->tis == NULL || f->transitions == NULL || f->attempts == NULL || f->xcoms == NULL ||
        f->run_ids == NULL || f->logs == NULL) {
        die("out of memory", NULL);
    }
}

static void open_home(struct filler *f, const char *home, struct arena *a)
{
    struct err e = {0};

    if (home_open_store(home, &f->s, &e) != 0 ||
        f->s->ops->get_dags(f->s, a, &f->dags, &f->dags_len, &e) != 0) {
        die(home, &e);
    }
    f->docs = calloc(f->dags_len + 1, sizeof(struct dag *));
    for (size_t i = 0; i < f->dags_len; i++) {
        if (home_load_version(f->s, f->dags[i].version_key, &f->docs[i], &e) != 0) {
            die(f->dags[i].dag_id, &e);
        }
        f->tasks_max = f->docs[i]->tasks_len > f->tasks_max ? f->docs[i]->tasks_len : f->tasks_max;
    }
    if (f->dags_len == 0) {
        die("the home knows no DAG", NULL);
    }
    if (f->s->ops->acquire(f->s, 0, "bench", &f->epoch, &f->seq, &e) != 0) {
        die("acquire", &e);
    }
    allocate(f);
}

int main(int argc, char **argv)
{
    struct filler f = {.now_us = INT64_C(1767225600) * TIME_SECOND}; /* 2026-01-01 */
    int64_t total = argc == 3 ? strtoll(argv[2], NULL, 10) : 0, first;
    struct arena a;
    struct err e = {0};

    if (total <= 0) {
        (void)fprintf(stderr, "usage: bench-history HOME RUNS\n");
        return 2;
    }
    arena_init(&a, MiB(256));
    open_home(&f, argv[1], &a);
    if (f.s->ops->reserve_keys(f.s, "run", total, &first, &e) != 0) {
        die("keys", &e);
    }
    /* The oldest first, as it was. */
    for (int64_t n = total - 1; n >= 0;) {
        size_t runs = 0;

        for (; runs < BATCH && n >= 0; runs++, n--) {
            add_run(&f, runs, n, first + total - 1 - n);
        }
        commit(&f, runs);
    }
    store_close(f.s);
    return 0;
}
