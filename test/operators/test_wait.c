/* Waits on the virtual loop: how long they take, how often they look, and how they end. */
#include "context.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/loop.h"

#define BEGIN (1767225600 * TIME_SECOND) /* 2026-01-01 */

struct trial {
    const char *params;
    int64_t logical_us;
    int64_t waited_before_us; /* in an earlier life */
    int64_t kill_after_us, limit_us;
    const char *make; /* a file that appears after 30 s */
    int rc;
    struct operator_result result;
    char reason[256], error[ERR_TEXT_MAX];
    int64_t took_us;
};

static int64_t clock_us(void *arg)
{
    return loop_wall_us(arg);
}

static struct http_client *no_http(void *arg)
{
    (void)arg;
    return NULL;
}

struct waiter {
    struct ground g;
    struct trial *t;
};

static int wait_main(void *arg)
{
    struct waiter *w = arg;
    struct trial *t = w->t;
    struct co_deadline d;

    if (t->limit_us != 0) {
        co_deadline_begin(&d, t->limit_us);
    }
    t->rc = w->g.op->wait(&w->g.c, &t->result, &w->g.e);
    if (t->limit_us != 0) {
        co_deadline_end(&d);
    }
    return 0;
}

static int maker_main(void *arg)
{
    FILE *f;

    if (co_sleep(30 * TIME_SECOND) == 0) {
        f = fopen(arg, "w");
        assert_non_null(f);
        (void)fclose(f);
    }
    return 0;
}

static int trial_main(void *arg)
{
    struct trial *t = arg;
    struct loop *loop = loop_current();
    struct waiter w = {.t = t};
    struct co_group group;
    int64_t began = loop_now_us(loop);
    struct co *co;
    char yaml[512];
    int rc;

    (void)snprintf(yaml, sizeof yaml, "dag_id: d\ntasks:\n  t: {%s}\n", t->params);
    ground_open(&w.g, yaml, "t");
    w.g.c.clock = clock_us;
    w.g.c.clock_arg = loop;
    w.g.c.http = no_http;
    w.g.c.logical_date_us = t->logical_us;
    w.g.c.now_us = loop_wall_us(loop);
    w.g.c.start_us = w.g.c.now_us - t->waited_before_us;
    co_group_init(&group, loop);
    assert_int_equal(co_spawn(&group, "wait", wait_main, &w, &co, NULL), 0);
    if (t->make != NULL) {
        assert_int_equal(co_spawn(&group, "maker", maker_main, (void *)t->make, NULL, NULL), 0);
    }
    if (t->kill_after_us != 0) {
        (void)co_sleep(t->kill_after_us);
        co_cancel(co);
    }
    assert_int_equal(co_await (co, &rc), 0);
    t->took_us = loop_now_us(loop) - began;
    (void)snprintf(t->reason, sizeof t->reason, "%s",
                   t->result.reason != NULL ? t->result.reason : "");
    (void)snprintf(t->error, sizeof t->error, "%s", w.g.e.text);
    co_group_close(&group);
    ground_close(&w.g);
    return 0;
}

static void run(struct trial *t)
{
    struct loop_config lc = {.wall_start_us = BEGIN};
    struct loop *loop;
    struct err e = {0};

    assert_int_equal(loop_virtual_new(&lc, &loop, &e), 0);
    assert_int_equal(loop_main(loop, trial_main, t, &e), 0);
    loop_free(loop);
}

static void until_a_time(void **state)
{
    struct trial t = {.params = "operator: wait_time, until: '2026-01-01T00:10:00Z'",
                      .logical_us = TIME_NONE};

    (void)state;
    run(&t);
    assert_int_equal(t.rc, 0);
    assert_int_equal(t.result.verdict, VERDICT_SUCCESS);
    assert_int_equal(t.took_us, 600 * TIME_SECOND);
    t = (struct trial){.params = "operator: wait_time, until: '2025-01-01'",
                       .logical_us = TIME_NONE};
    run(&t);
    assert_int_equal(t.took_us, 0); /* passed: at once */
}

static void for_a_while(void **state)
{
    struct trial t = {.params = "operator: wait_time, delta: 90s", .logical_us = TIME_NONE};

    (void)state;
    run(&t);
    assert_int_equal(t.took_us, 90 * TIME_SECOND);
    t = (struct trial){.params = "operator: wait_time, delta: 90s",
                       .logical_us = TIME_NONE,
                       .waited_before_us = 80 * TIME_SECOND};
    run(&t);
    assert_int_equal(t.took_us,
                     10 * TIME_SECOND); /* another life goes on from the start that the store has */
    t = (struct trial){.params = "operator: wait_time, delta: 1h",
                       .logical_us = BEGIN - 1800 * TIME_SECOND};
    run(&t);
    assert_int_equal(t.took_us, 1800 * TIME_SECOND); /* after the logical date */
}

static void a_time_that_is_none(void **state)
{
    struct trial t = {.params = "operator: wait_time, until: '{{ ds }} soon'",
                      .logical_us = TIME_NONE};

    (void)state;
    run(&t); /* as a template that rendered to this */
    assert_int_equal(t.rc, -ERR_INVALID);
    assert_non_null(strstr(t.error, "not a time"));
}

static void a_wait_is_killed(void **state)
{
    struct trial t = {.params = "operator: wait_time, delta: 1h",
                      .logical_us = TIME_NONE,
                      .kill_after_us = TIME_SECOND};

    (void)state;
    run(&t);
    assert_int_equal(t.rc, -ERR_CANCELED);
    assert_int_equal(t.took_us, TIME_SECOND);
    t = (struct trial){.params = "operator: wait_file, filepath: /nowhere/x",
                       .logical_us = TIME_NONE,
                       .kill_after_us = TIME_SECOND};
    run(&t);
    assert_int_equal(t.rc, -ERR_CANCELED);
    t = (struct trial){.params = "operator: wait_file, filepath: /nowhere/x",
                       .logical_us = TIME_NONE,
                       .limit_us = 7 * TIME_SECOND};
    run(&t);
    assert_int_equal(t.rc, -ERR_TIMEOUT);
    assert_int_equal(t.took_us, 7 * TIME_SECOND);
}

static void for_a_file(void **state)
{
    char dir[] = "/tmp/tw-wait-XXXXXX", path[64], params[256];
    struct trial t = {.logical_us = TIME_NONE, .make = path};

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/data-1.csv", dir);
    (void)snprintf(params, sizeof params,
                   "operator: wait_file, filepath: '%s/*.csv', poke_interval: 4", dir);
    t.params = params;
    run(&t);
    assert_int_equal(t.rc, 0);
    assert_int_equal(t.took_us, 32 * TIME_SECOND); /* the first look after it came */
    t = (struct trial){.params = params, .logical_us = TIME_NONE};
    run(&t);
    assert_int_equal(t.took_us, 0); /* it is there */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void in_vain(void **state)
{
    struct trial t = {
        .params = "operator: wait_file, filepath: /nowhere/x, timeout: 22, poke_interval: 10",
        .logical_us = TIME_NONE};

    (void)state;
    run(&t);
    assert_int_equal(t.rc, 0);
    assert_int_equal(t.result.verdict, VERDICT_FAILED);
    assert_true(t.took_us >= 22 * TIME_SECOND &&
                t.took_us < 23 * TIME_SECOND); /* never a whole interval late */
    assert_non_null(strstr(t.reason, "not there after"));
    t.params = "operator: wait_file, filepath: /nowhere/x, timeout: 22, soft_fail: true";
    run(&t);
    assert_int_equal(t.result.verdict, VERDICT_SKIPPED);
    t = (struct trial){.params = "operator: wait_file, filepath: /nowhere/x, timeout: 22",
                       .logical_us = TIME_NONE,
                       .waited_before_us = 20 * TIME_SECOND};
    run(&t);
    assert_true(t.took_us < 3 * TIME_SECOND); /* the timeout is of the whole wait, over all lives */
}

static void without_its_library(void **state)
{
    struct trial t = {.params = "operator: wait_http, url: 'http://localhost/'",
                      .logical_us = TIME_NONE};

    (void)state;
    run(&t);
    assert_int_equal(t.rc, -ERR_UNSUPPORTED);
    assert_non_null(strstr(t.error, "libcurl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_a_time),        cmocka_unit_test(for_a_while),
        cmocka_unit_test(a_time_that_is_none), cmocka_unit_test(a_wait_is_killed),
        cmocka_unit_test(for_a_file),          cmocka_unit_test(in_vain),
        cmocka_unit_test(without_its_library),
    };

    return cmocka_run_group_tests_name("operator waits", tests, NULL, NULL);
}
