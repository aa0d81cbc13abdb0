/*
 * How fast the scheduler decides, and in how much memory: wide, chain and layered DAGs (three
 * upstreams a task), of 1,000, 10,000 and 100,000 tasks, instant and dispatched ones, no limits but
 * those of the machine. Prints transitions per second, microseconds per task and bytes per
 * instance; the slope is microseconds per task against the row of the smallest size: 1.00 means
 * that work is proportional to change. `bench-sched N` runs only sizes up to N.
 *
 * Then one mapped task of as many instances, whose length is answered: the longest of all steps, and what the largest
 * batch of one step writes. It does not grow with the length.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"
#include "model/dag.h"
#include "sched/sched.h"
#include "shapes.h"

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(int rc)
{
    if (rc != 0) {
        fprintf(stderr, "sched_step: %d\n", rc);
        exit(1);
    }
}

static void resource(struct sched *s, struct sched_actions *a, const char *name)
{
    struct sched_event ev = {.type = SCHED_RESOURCE};

    ev.resource.name = name;
    ev.resource.slots = -1;
    ev.resource.exclusive = true;
    must(sched_step(s, &ev, a));
}

/* Every dispatched attempt is claimed, started and ends, first come first served. */
static void drive(struct sched *s, struct sched_actions *a, struct sched_dispatch *queue)
{
    size_t head = 0, tail = 0;

    for (;;) {
        for (size_t i = 0; i < a->dispatches_len; i++) {
            queue[tail++] = a->dispatches[i];
        }
        sched_actions_clear(a);
        if (head == tail) {
            return;
        }
        struct sched_dispatch *d = &queue[head++];
        struct sched_event ev = {.type = SCHED_CLAIM};

        ev.attempt.key = d->key;
        ev.attempt.token = d->token;
        ev.attempt.worker = 1;
        must(sched_step(s, &ev, a));
        ev.type = SCHED_STARTED;
        must(sched_step(s, &ev, a));
        ev = (struct sched_event){.type = SCHED_ENDED};
        ev.ended.key = d->key;
        ev.ended.token = d->token;
        ev.ended.outcome = SCHED_OUTCOME_SUCCESS;
        must(sched_step(s, &ev, a));
    }
}

static double bench(enum shape shape, uint32_t n, bool instant, double first_us)
{
    struct sched_config config = {.seed = 1, .queued_timeout_us = 600 * TIME_SECOND};
    struct dag *d = shape_dag(shape, n, instant);
    struct sched *s = sched_new(&config);
    struct sched_actions a = {0};
    struct sched_event ev = {.type = SCHED_RUN_CREATE};
    struct run_row row = {.run_key = 1, .dag_key = 1, .version_key = 1, .run_id = "r"};
    struct sched_dispatch *queue = mem_array(n + 1, sizeof *queue);
    struct sched_stats stats;
    double begin, created, end, us;

    resource(s, &a, "parallelism");
    resource(s, &a, "default_pool");
    ev.run.row = &row;
    ev.run.dag = d;
    begin = seconds();
    must(sched_step(s, &ev, &a));
    created = seconds();
    drive(s, &a, queue);
    end = seconds();
    sched_get_stats(s, &stats);
    if (sched_get_run(s, 1, &row, NULL) != 0 || row.state != RUN_SUCCESS) {
        fprintf(stderr, "the run did not succeed\n");
        exit(1);
    }
    us = (end - begin) * 1e6 / n;
    printf("%-8s %-10s %7u tasks  %9.0f transitions/s  %6.3f us/task  slope %5.2f  create %7.2f ms "
           " %zu bytes/instance\n",
           shape_names[shape], instant ? "instant" : "dispatched", n,
           (double)stats.transitions / (end - begin), us, first_us > 0 ? us / first_us : 1.0,
           (created - begin) * 1e3, stats.bytes / n);
    sched_free(s);
    sched_actions_fini(&a);
    mem_free(queue);
    dag_unref(d);
    return us;
}

/* ---- a mapped task ---- */

struct longest {
    double ms; /* wall */
    size_t rows;
    uint32_t steps;
};

static double wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One step, as a batch of its own. */
static void timed(struct sched *s, struct sched_actions *a, struct sched_event *ev,
                  struct longest *l)
{
    double begin, ms;

    sched_actions_clear(a);
    begin = wall();
    must(sched_step(s, ev, a));
    ms = (wall() - begin) * 1e3;
    l->ms = ms > l->ms ? ms : l->ms;
    l->rows = a->tis_len + a->transitions_len > l->rows ? a->tis_len + a->transitions_len : l->rows;
    l->steps++;
}

/* a, and m that is mapped over it, and z that waits for all of m: until nothing is to be done at once. */
static void bench_mapped(uint32_t n)
{
    struct sched_config config = {.seed = 1, .max_map_length = (int32_t)n};
    struct dag *d = test_dag("a; m <- a map=-1 src=0; z <- m");
    struct sched *s = sched_new(&config);
    struct sched_actions a = {0};
    struct sched_event ev = {.type = SCHED_RUN_CREATE}, tick = {.type = SCHED_TICK};
    struct run_row row = {.run_key = 1, .dag_key = 1, .version_key = 1, .run_id = "r"};
    struct longest l = {0};
    struct sched_stats stats;
    double begin;

    ev.run.row = &row;
    ev.run.dag = d;
    must(sched_step(s, &ev, &a));
    ev = (struct sched_event){.type = SCHED_ENDED};
    ev.ended.key = a.dispatches[0].key;
    ev.ended.token = a.dispatches[0].token;
    ev.ended.outcome = SCHED_OUTCOME_SUCCESS;
    sched_actions_clear(&a);
    must(sched_step(s, &ev, &a));
    ev = (struct sched_event){.type = SCHED_ANSWER};
    ev.answer.question = a.questions[0].question;
    ev.answer.map_len = n;
    begin = wall();
    timed(s, &a, &ev, &l);
    while (sched_next_timer(s) == 0) { /* all happens at time 0 */
        timed(s, &a, &tick, &l);
    }
    sched_get_stats(s, &stats);
    printf("mapped   %7u instances  %4u steps in %7.2f ms, the longest %6.2f ms  at most %6zu rows "
           "a step  %u scheduled\n",
           n, l.steps, (wall() - begin) * 1e3, l.ms, l.rows, stats.ready + stats.parked);
    sched_free(s);
    sched_actions_fini(&a);
    dag_unref(d);
}

int main(int argc, char **argv)
{
    uint32_t max = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;

    for (int shape = 0; shape < SHAPES; shape++) {
        for (int instant = 1; instant >= 0; instant--) {
            double first = 0;

            for (uint32_t n = 1000; n <= max; n *= 10) {
                double us = bench((enum shape)shape, n, instant != 0, first);

                first = first > 0 ? first : us;
            }
        }
    }
    for (uint32_t n = 1000; n <= max; n *= 10) {
        bench_mapped(n);
    }
    return 0;
}
