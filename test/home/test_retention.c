/* Retention: what is too old goes, with its files; what is kept keeps them; whatever happens in between. Days pass on the virtual loop. */
#include "../engine/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "home/home.h"
#include "home/retention.h"

#define DAY    (24 * 3600 * TIME_SECOND)
#define SHARD  7 /* rows of the past come beside the engine's */
#define T(day) (world.now_us - (day)*DAY)

static char home[128];
static struct retention policy;

static const char *log_of(const char *run_id)
{
    static char path[512];

    (void)snprintf(path, sizeof path, "%s/logs/dag_id=shop/run_id=%s/task_id=a/attempt=1.log", home,
                   run_id);
    return path;
}

static bool has_log(const char *run_id)
{
    return access(log_of(run_id), F_OK) == 0;
}

static void make_file(const char *path)
{
    char part[512];
    FILE *f;

    (void)snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(part, 0700);
            *p = '/';
        }
    }
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs("x\n", f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

struct past {
    int64_t dag_key, version_key;
};

/* A run that ended so many days ago, with an instance and a log. */
static void add_past(const struct past *p, int64_t key, const char *run_id, int days, bool manual)
{
    static int64_t seq;
    struct store *s = world.store;
    struct run_row run = {.run_key = key,
                          .dag_key = p->dag_key,
                          .version_key = p->version_key,
                          .run_id = run_id,
                          .state = RUN_SUCCESS,
                          .type = manual ? RUN_TYPE_MANUAL : RUN_TYPE_SCHEDULED,
                          .logical_date_us = T(days),
                          .run_after_us = T(days),
                          .start_us = T(days),
                          .end_us = T(days)};
    struct ti_row ti = {.key = {key, 0, -1}, .state = TASK_SUCCESS, .try_number = 1};
    struct store_batch b = {.runs = &run, .runs_len = 1, .tis = &ti, .tis_len = 1};
    struct err e = {0};
    int64_t epoch, last;

    assert_int_equal(s->ops->acquire(s, SHARD, "past", &epoch, &last, &e), 0);
    seq = last + 1;
    assert_int_equal(s->ops->commit(s, SHARD, epoch, seq, &b, &e), 0);
    make_file(log_of(run_id));
}

static int keeper(void *arg)
{
    return retention_keep(arg, loop_current(), home, &policy);
}

/* Two hours of a scheduler. */
static void let_it_work(struct engine *g)
{
    struct co_group group;
    struct err e = {0};

    co_group_init(&group, loop_current());
    assert_int_equal(co_spawn(&group, "retention", keeper, g, NULL, &e), 0);
    assert_int_equal(co_sleep(2 * 3600 * TIME_SECOND), 0);
    co_group_close(&group);
}

static const char *runs_left(void)
{
    static char text[300];
    struct store *s = world.store;
    struct run_row *rows;
    struct arena a;
    struct err e = {0};
    size_t n;

    arena_init(&a, MiB(4));
    assert_int_equal(s->ops->get_runs(s, 0, 0, 0, 0, &a, &rows, &n, &e), 0);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
                       rows[i].run_id);
    }
    arena_fini(&a);
    return text;
}

static size_t garbage_left(void)
{
    struct store *s = world.store;
    struct run_name *rows;
    struct arena a;
    struct err e = {0};
    size_t n;

    arena_init(&a, MiB(4));
    assert_int_equal(s->ops->get_garbage(s, 0, &a, &rows, &n, &e), 0);
    arena_fini(&a);
    return n;
}

static struct past shop(struct engine *g)
{
    struct dag_row dag;
    struct arena a;
    struct err e = {0};
    int64_t key;
    struct past p;

    assert_int_equal(engine_add_dag(g, world.dag, world.spec, strlen(world.spec), &key, &e), 0);
    arena_init(&a, MiB(1));
    assert_int_equal(world.store->ops->find_dag(world.store, "shop", &a, &dag, &e), 0);
    p = (struct past){dag.dag_key, dag.version_key};
    arena_fini(&a);
    return p;
}

/* ---- runs and their logs ---- */

static int old_runs(struct engine *g, struct err *e)
{
    struct past p = shop(g);

    (void)e;
    add_past(&p, 901, "old", 40, false);
    add_past(&p, 902, "older", 50, true);
    add_past(&p, 903, "kept", 35, false); /* the schedule goes on from it */
    add_past(&p, 904, "young", 5, true);
    add_past(&p, 905, "younger", 1, true);
    policy = (struct retention){.runs_us = 30 * DAY, .logs_us = 3 * DAY};
    let_it_work(g);
    assert_string_equal(runs_left(), "younger young kept");
    assert_false(has_log("old"));
    assert_false(has_log("older"));
    assert_false(has_log("young")); /* its run is there */
    assert_true(has_log("younger"));
    assert_int_equal(garbage_left(), 0);
    /* It goes on from where it was: what became old since. */
    make_file(log_of("young"));
    assert_int_equal(co_sleep(3 * DAY), 0);
    world.now_us = loop_wall_us(loop_current());
    let_it_work(g);
    assert_false(has_log("younger"));
    assert_true(has_log("young")); /* it was looked at before */
    return 0;
}

static void nothing_goes_without_an_age(struct engine *g, const struct past *p)
{
    add_past(p, 911, "ancient", 4000, true);
    policy = (struct retention){0};
    let_it_work(g);
    assert_true(has_log("ancient"));
}

/* Killed after the rows went: the files are still known. Another run has the name of one by now. */
static int garbage(struct engine *g, struct err *e)
{
    struct past p = shop(g);
    int64_t n;
    bool more = true;

    nothing_goes_without_an_age(g, &p);
    add_past(&p, 921, "gone", 40, true);
    add_past(&p, 922, "again", 40, true);
    while (more) {
        assert_int_equal(world.store->ops->clean(world.store, T(30), 0, &n, &more, e), 0);
    }
    assert_int_equal(garbage_left(), 3);
    assert_true(has_log("gone"));
    add_past(&p, 923, "again", 1, true);
    let_it_work(g);
    assert_string_equal(runs_left(), "again");
    assert_false(has_log("gone"));
    assert_false(has_log("ancient"));
    assert_true(has_log("again"));
    assert_int_equal(garbage_left(), 0);
    return 0;
}

/* ---- a run that works is left alone ---- */

static int live_run(struct engine *g, struct err *e)
{
    policy = (struct retention){.runs_us = TIME_SECOND, .logs_us = TIME_SECOND};
    world.process_us = 3 * 3600 * TIME_SECOND;
    assert_int_equal(world_add(g, e), 0);
    make_file(log_of("r"));
    let_it_work(g);
    assert_string_equal(runs_left(), "r");
    assert_true(has_log("r"));
    return world_finish(g, e);
}

static void in_a_world(int (*fn)(struct engine *g, struct err *e))
{
    struct err e = {0};
    int rc;

    assert_int_equal(home_temporary(home, sizeof home, &e), 0);
    world_open("@shop; a");
    world.now_us = INT64_C(1790000000) * TIME_SECOND;
    rc = world_live(fn, &e);
    if (rc != 0) {
        fail_msg("%s: %s", err_name(rc), err_str(&e));
    }
    world_close();
    (void)home_remove(home);
}

static void test_old_runs(void **state)
{
    (void)state;
    in_a_world(old_runs);
}

static void test_garbage(void **state)
{
    (void)state;
    in_a_world(garbage);
}

static void test_live_run(void **state)
{
    (void)state;
    in_a_world(live_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_runs),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_live_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
