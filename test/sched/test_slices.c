/* Long mapped tasks: a step does a slice of them, the ticks that follow the rest, and others come in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "transcript.h"

static struct world w;

static void begin(const char *spec, uint32_t slice)
{
    world_init(&w, spec);
    w.config.map_slice = slice;
    world_restore(&w);
}

static bool goes_on(void)
{
    int64_t at = sched_next_timer(w.s);

    return at != TIME_NONE && at <= w.now_us;
}

static void the_rest_follows(void **state)
{
    begin("@d max_active_tasks=3; a; m <- a map=-1 src=0; z <- m", 2);
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    assert_false(goes_on());
    EXPECT(&w, "ok a", "a:running>success ask 1 length of m");
    EXPECT(&w, "answer 1 len=5",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued");
    assert_true(goes_on());
    EXPECT(&w, "why m", "is mapped, 5 instances: 3 none 2 queued\n");
    EXPECT(&w, "why m[4]", "");
    EXPECT(&w, "start m[0]", "m[0]:queued>running");
    EXPECT(&w, "ok m[0]", "m[0]:running>success");
    EXPECT(&w, "tick 0",
           "m[2]:none>scheduled m[3]:none>scheduled m[2]:scheduled>queued m[3]:scheduled>queued");
    assert_true(goes_on());
    EXPECT(&w, "tick 0", "m[4]:none>scheduled");
    assert_false(goes_on());
    EXPECT(&w, "mark success m",
           "m[1]:queued>success(marked success) m[2]:queued>success(marked success) "
           "m[3]:queued>success(marked success) m[4]:scheduled>success(marked success) "
           "z:none>scheduled z:scheduled>queued reply ok n=4");
    world_fini(&w);
}

/* A run that ends, and one that begins, while a long task of another is being worked off. */
static void others_come_in_between(void **state)
{
    begin("m map=5", 2);
    world_dag(&w, "b; c <- b");
    EXPECT(&w, "create 2 dag=2", "b@2:none>scheduled b@2:scheduled>queued run 2 running");
    EXPECT(&w, "start b@2", "b@2:queued>running");
    EXPECT(&w, "create 1",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "ok b@2", "b@2:running>success c@2:none>scheduled c@2:scheduled>queued");
    EXPECT(&w, "start c@2", "c@2:queued>running");
    EXPECT(&w, "tick 0",
           "m[2]:none>scheduled m[3]:none>scheduled m[2]:scheduled>queued m[3]:scheduled>queued");
    EXPECT(&w, "ok c@2", "c@2:running>success run 2 success");
    EXPECT(&w, "forget 2", "forgotten");
    EXPECT(&w, "tick 0", "m[4]:none>scheduled m[4]:scheduled>queued");
    assert_false(goes_on());
    world_fini(&w);
}

static void they_take_turns(void **state)
{
    begin("m map=5", 2);
    EXPECT(&w, "create 1",
           "m[0]:none>scheduled m[1]:none>scheduled m[0]:scheduled>queued m[1]:scheduled>queued "
           "run 1 running");
    EXPECT(&w, "create 2",
           "m[0]@2:none>scheduled m[1]@2:none>scheduled m[0]@2:scheduled>queued "
           "m[1]@2:scheduled>queued run 2 running");
    EXPECT(&w, "tick 0",
           "m[2]:none>scheduled m[3]:none>scheduled m[2]:scheduled>queued m[3]:scheduled>queued");
    EXPECT(&w, "tick 0",
           "m[2]@2:none>scheduled m[3]@2:none>scheduled m[2]@2:scheduled>queued "
           "m[3]@2:scheduled>queued");
    EXPECT(&w, "tick 0",
           "m[4]:none>scheduled m[4]@2:none>scheduled m[4]:scheduled>queued "
           "m[4]@2:scheduled>queued");
    assert_false(goes_on());
    world_fini(&w);
}

/* Those of an index are made together: one that ends finds its like. */
static void groups_go_on_by_index(void **state)
{
    begin("x map=4 mgroup=0; y <- x map=4 mgroup=0; z <- y", 2);
    EXPECT(&w, "create 1", "x[0]:none>scheduled x[0]:scheduled>queued run 1 running");
    EXPECT(&w, "start x[0]", "x[0]:queued>running");
    EXPECT(&w, "ok x[0]", "x[0]:running>success y[0]:none>scheduled y[0]:scheduled>queued");
    EXPECT(&w, "tick 0",
           "x[1]:none>scheduled x[2]:none>scheduled x[1]:scheduled>queued x[2]:scheduled>queued");
    EXPECT(&w, "restore", "dispatch x[1] dispatch x[2] dispatch y[0]");
    EXPECT(&w, "start x[2]", "x[2]:queued>running");
    EXPECT(&w, "fail x[2]", "x[2]:running>failed y[2]:none>upstream_failed z:none>upstream_failed");
    for (int i = 0; goes_on() && i < 20; i++) {
        world_do(&w, "tick 0");
    }
    assert_false(goes_on());
    EXPECT(&w, "why y[3]", "waits for x (2 of 4 ended)\n");
    EXPECT(&w, "start x[3]", "x[3]:queued>running");
    EXPECT(&w, "ok x[3]", "x[3]:running>success y[3]:none>scheduled y[3]:scheduled>queued");
    world_fini(&w);
}

/* Nothing can end a run whose instances were not all looked at, neither as a deadlock nor because it seems to be over. */
static void no_deadlock_before_all_are_looked_at(void **state)
{
    begin("a; m <- a map=3 instant; z <- m", 1);
    EXPECT(&w, "create 1", "a:none>scheduled a:scheduled>queued run 1 running");
    EXPECT(&w, "start a", "a:queued>running");
    EXPECT(&w, "ok a", "a:running>success m[0]:none>success");
    EXPECT(&w, "tick 0", "m[1]:none>success");
    EXPECT(&w, "tick 0", "m[2]:none>success z:none>scheduled z:scheduled>queued");
    assert_false(goes_on());
    EXPECT(&w, "mark failed z",
           "z:queued>failed(marked failed) run 1 failed(task z failed) reply ok n=1");
    EXPECT(&w, "clear m",
           "m[0]:success>none m[1]:success>none m[2]:success>none m[0]:none>success run 1 running "
           "reply ok n=3");
    EXPECT(&w, "tick 0", "m[1]:none>success");
    EXPECT(&w, "tick 0", "m[2]:none>success run 1 failed(task z failed)");
    world_fini(&w);
}

/* A run that is stopped, marked or forgotten takes its part of the list with it. */
static void whole_runs(void **state)
{
    begin("m map=4; z <- m", 1);
    EXPECT(&w, "create 1", "m[0]:none>scheduled m[0]:scheduled>queued run 1 running");
    EXPECT(&w, "stop",
           "m[0]:queued>skipped(stopped) m[1]:none>skipped(stopped) m[2]:none>skipped(stopped) "
           "m[3]:none>skipped(stopped) z:none>skipped(stopped) run 1 failed(stopped) reply ok n=5");
    EXPECT(&w, "forget 1", "forgotten");
    EXPECT(&w, "create 2", "m[0]@2:none>scheduled m[0]@2:scheduled>queued run 2 running");
    EXPECT(&w, "mark success m[3]@2", "m[3]@2:none>success(marked success) reply ok n=1");
    EXPECT(&w, "mark success *@2",
           "m[0]@2:queued>success(marked success) m[1]@2:none>success(marked success) "
           "m[2]@2:none>success(marked success) z@2:none>success(marked success) run 2 success "
           "reply ok n=4");
    EXPECT(&w, "tick 0", "");
    assert_false(goes_on());
    world_fini(&w);
}

/* ---- crashes ---- */

/* What is queued is started and succeeds; then time goes on as the scheduler asks. After `restore_at` of these moves the core is
 * dropped. How many moves there were. */
static int run_out(int restore_at)
{
    int moves = 0;
    bool moved = true;

    for (; moved && moves < 1000; moves++) {
        if (moves == restore_at) {
            world_do(&w, "restore");
            assert_int_equal(w.rc, 0);
        }
        moved = goes_on();
        if (moved) {
            world_do(&w, "tick 0");
        }
        for (size_t i = 0; i < w.tis_len; i++) {
            const struct ti_row *t = &w.tis[i];
            char text[64], name[32] = "";

            if (t->state != TASK_QUEUED) {
                continue;
            }
            if (t->key.map_index >= 0) {
                snprintf(name, sizeof name, "[%d]", t->key.map_index);
            }
            snprintf(text, sizeof text, "start %s%s", w.dags[0]->tasks[t->key.task].task_id, name);
            world_do(&w, text);
            memcpy(text, "ok   ", 5);
            world_do(&w, text);
            moved = true;
            break;
        }
    }
    assert_true(moves < 1000);
    return moves;
}

static const char *const spec =
    "@d max_active_tasks=4; a; x <- a map=-1 src=0 mgroup=0; y <- x map=-1 src=0 mgroup=0 instant; "
    "m <- a map=9; n <- m map=3; z <- y,n";

static int whole_life(int restore_at)
{
    int moves;

    begin(spec, 2);
    world_do(&w, "create 1");
    world_do(&w, "start a");
    world_do(&w, "ok a");
    world_do(&w, "answer 1 len=7");
    moves = run_out(restore_at);
    assert_int_equal(w.runs[0].state, RUN_SUCCESS);
    assert_int_equal(w.tis_len, 1 + 8 + 8 + 10 + 4 + 1); /* each -1 beside its children */
    for (size_t i = 0; i < w.tis_len; i++) {
        const struct ti_row *t = &w.tis[i];

        assert_int_equal(t->state, t->map_len > 0 ? TASK_NONE : TASK_SUCCESS);
        assert_int_equal(t->try_number,
                         t->map_len > 0 || w.dags[0]->tasks[t->key.task].instant ? 0 : 1);
    }
    world_fini(&w);
    return moves;
}

static void crashes_between_slices(void **state)
{
    int moves = whole_life(-1);

    assert_true(moves > 20);
    for (int at = 0; at < moves; at++) {
        (void)whole_life(at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_follows),
        cmocka_unit_test(others_come_in_between),
        cmocka_unit_test(they_take_turns),
        cmocka_unit_test(groups_go_on_by_index),
        cmocka_unit_test(no_deadlock_before_all_are_looked_at),
        cmocka_unit_test(whole_runs),
        cmocka_unit_test(crashes_between_slices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
