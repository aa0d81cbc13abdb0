/* Out of memory at the Nth allocation, once and from then on: -ERR_NOMEM, nothing leaked, nothing
 * crashed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"
#include "sched/sched.h"

#define SPEC                                                                                     \
    "@d max_active_tasks=3 max_active_runs=2 timeout=5000; s setup; a <- s retries=1 delay=10; " \
    "b <- a pool=p slots=2; c <- a per_dag=1; d <- b,c rule=none_failed; e past; t <- d,s "      \
    "teardown; i <- e instant; m <- a map=-1 src=1; x map=3 mgroup=1; y <- x map=3 mgroup=1"

struct driver {
    struct sched *s;
    struct sched_actions a;
    struct sched_dispatch queue[1024]; /* no allocation of the test's own while faults are on */
    size_t head, tail;
    int64_t questions[16];
    int64_t asked[16];
    size_t questions_len;
    int64_t now_us;
    int rc;
};

static int step(struct driver *d, struct sched_event *ev)
{
    int rc;

    ev->now_us = d->now_us;
    rc = sched_step(d->s, ev, &d->a);
    assert_true(rc == 0 || rc == -ERR_NOMEM);
    assert_true(d->rc == 0 || rc == -ERR_NOMEM); /* once broken, for good */
    d->rc = rc;
    for (size_t i = 0; rc == 0 && i < d->a.dispatches_len && d->tail < 1024; i++) {
        d->queue[d->tail++] = d->a.dispatches[i];
    }
    for (size_t i = 0; rc == 0 && i < d->a.questions_len && d->questions_len < 16; i++) {
        d->asked[d->questions_len] = d->a.questions[i].kind;
        d->questions[d->questions_len++] = d->a.questions[i].question;
    }
    sched_actions_clear(&d->a);
    return rc;
}

static void set_up(struct driver *d, struct dag *dag)
{
    struct sched_event ev = {.type = SCHED_DAG};
    struct run_row row = {.dag_key = 1, .run_id = "r", .state = RUN_QUEUED, .conf = "{}"};

    ev.dag.dag_key = 1;
    ev.dag.dag = dag;
    step(d, &ev);
    ev = (struct sched_event){.type = SCHED_RESOURCE};
    ev.resource.name = "p";
    ev.resource.slots = 4;
    ev.resource.granted = 2;
    step(d, &ev);
    for (int64_t key = 1; key <= 3; key++) {
        ev = (struct sched_event){.type = SCHED_RUN_CREATE};
        row.run_key = key;
        row.logical_date_us = key;
        ev.run.row = &row;
        ev.run.dag = dag;
        step(d, &ev);
    }
}

static void answer_all(struct driver *d)
{
    for (size_t i = 0; i < d->questions_len; i++) {
        struct sched_event ev = {.type = SCHED_ANSWER};

        ev.answer.question = d->questions[i];
        ev.answer.map_len = 34;
        ev.answer.run_key = d->asked[i] == SCHED_ASK_PREVIOUS && i > 0 ? 1 : 0;
        ev.answer.unknown = d->asked[i] == SCHED_ASK_RUN;
        step(d, &ev);
    }
    d->questions_len = 0;
}

static void work(struct driver *d, int n)
{
    for (; n > 0 && d->head < d->tail; n--) {
        struct sched_dispatch *q = &d->queue[d->head++];
        struct sched_event ev = {.type = SCHED_CLAIM};

        ev.attempt.key = q->key;
        ev.attempt.token = q->token;
        ev.attempt.worker = 1;
        step(d, &ev);
        ev.type = SCHED_STARTED;
        step(d, &ev);
        ev = (struct sched_event){.type = SCHED_ENDED};
        ev.ended.key = q->key;
        ev.ended.token = q->token;
        ev.ended.outcome =
            q->key.task == 1 && q->try_number == 1 ? SCHED_OUTCOME_FAILED : SCHED_OUTCOME_SUCCESS;
        ev.ended.reason = "as it happens";
        step(d, &ev);
        answer_all(d);
    }
}

static void command(struct driver *d, enum sched_event_type type, int64_t run, uint32_t task)
{
    struct sched_event ev = {.type = type};

    ev.command.run_key = run;
    ev.command.tasks = &task;
    ev.command.tasks_len = 1;
    ev.command.state = TASK_SUCCESS;
    ev.command.reason = "by hand";
    step(d, &ev);
}

static void scenario(struct driver *d, struct dag *dag)
{
    struct sched_event tick = {.type = SCHED_TICK};
    struct ti_key k = {1, 3, -1};
    struct buf why;

    set_up(d, dag);
    work(d, 4);
    d->now_us += 10 * TIME_SECOND;
    step(d, &tick);
    work(d, 6);
    command(d, SCHED_CLEAR, 1, 1);
    command(d, SCHED_MARK, 2, 2);
    command(d, SCHED_CLEAR, 99, 0);
    answer_all(d);
    work(d, 6);
    buf_init(&why, 4096);
    (void)sched_why(d->s, &k, d->now_us, &why);
    buf_fini(&why);
    command(d, SCHED_RUN_STOP, 2, 0);
    d->now_us += 60 * TIME_SECOND;
    step(d, &tick);
    work(d, 20);
    (void)sched_forget_run(d->s, 1);
    d->now_us += 9000 * TIME_SECOND;
    step(d, &tick);
    work(d, 20);
}

static bool one_run(struct dag *dag, uint64_t n, int forever)
{
    struct sched_config config = {
        .seed = 3, .queued_timeout_us = 600 * TIME_SECOND, .queued_retries = 1, .map_slice = 16};
    static struct driver d;
    bool failed;

    memset(&d, 0, sizeof d);
    mem_fail_at(n, forever);
    d.s = sched_new(&config);
    if (d.s != NULL) {
        scenario(&d, dag);
    }
    failed = d.s == NULL || d.rc != 0;
    mem_fail_at(0, 0);
    sched_free(d.s);
    sched_actions_fini(&d.a);
    assert_int_equal(dag->refs, 1);
    return failed;
}

static void fails_clean(int forever)
{
    struct dag *dag = test_dag(SPEC);
    uint64_t n = 1, clean = 0;

    /* A few allocations may fail without harm (forget, why): go on until a good stretch of runs saw
     * no failure. */
    for (; clean < 20 && n < 100000; n++) {
        clean = one_run(dag, n, forever) ? 0 : clean + 1;
    }
    assert_true(n > 100);
    assert_true(n < 100000);
    dag_unref(dag);
}

static void once(void **state)
{
    fails_clean(0);
}

static void for_good(void **state)
{
    fails_clean(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),
        cmocka_unit_test(for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
