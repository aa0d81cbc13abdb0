/* The semantics of runtime/co.h: life, waking, cancellation, deadlines, shields, groups. */
#include "both.h"

#include <string.h>

#include "base/buf.h"

struct probe {
    struct loop *loop;
    int before, after, rc, rc2;
    int64_t us;
    struct co *co;
    int done;
};

static int sleeper(void *arg)
{
    struct probe *p = arg;

    p->before++;
    p->rc = co_sleep(p->us);
    p->rc2 = co_sleep(1);
    p->after++;
    return p->rc;
}

static int waiter(void *arg)
{
    struct probe *p = arg;

    p->before++;
    p->rc = co_suspend();
    p->after++;
    return p->rc;
}

static int seven(void *arg)
{
    (void)arg;
    return -7;
}

TEST_BOTH(result_and_wait_are_apart)
{
    struct loop *l = arg;
    struct co_group g;
    struct co *c;
    int result = 1;

    co_group_init(&g, l);
    assert_int_equal(co_spawn(&g, "seven", seven, NULL, &c, NULL), 0);
    assert_string_equal(co_name(c), "seven");
    assert_int_equal(g.live, 1);
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, -7);
    assert_int_equal(g.live, 0);
    /* A result that comes before the await waits for it. */
    assert_int_equal(co_spawn(&g, "seven", seven, NULL, &c, NULL), 0);
    assert_int_equal(co_yield (), 0);
    assert_int_equal(co_yield (), 0);
    assert_int_equal(g.live, 0);
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, -7);
    /* One that nobody asks for goes with the group. */
    assert_int_equal(co_spawn(&g, "seven", seven, NULL, &c, NULL), 0);
    assert_int_equal(co_group_join(&g), 0);
    assert_null(g.first);
    return 0;
}

TEST_BOTH(await_fails_child_goes_on)
{
    struct probe p = {.us = 50 * MS};
    struct co_deadline d;
    struct co_group g;
    struct co *c;
    int result = 1;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "sleeper", sleeper, &p, &c, NULL), 0);
    co_deadline_begin(&d, 5 * MS);
    assert_int_equal(co_await (c, &result), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(result, 1);
    assert_int_equal(p.after, 0);
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, 0);
    assert_int_equal(p.after, 1);
    co_group_close(&g);
    return 0;
}

TEST_BOTH(cancel_is_sticky)
{
    struct probe p = {.us = 3600 * 1000000LL};
    struct co_group g;
    struct co *c;
    int result;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "sleeper", sleeper, &p, &c, NULL), 0);
    assert_int_equal(co_yield (), 0);
    assert_int_equal(p.before, 1);
    co_cancel(c);
    co_cancel(c);
    assert_int_equal(p.after, 0);
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, -ERR_CANCELED);
    assert_int_equal(p.rc, -ERR_CANCELED);
    assert_int_equal(p.rc2, -ERR_CANCELED);
    co_group_close(&g);
    return 0;
}

/* Both happen before it runs again, in either order: cancellation is what it sees. */
TEST_BOTH(cancel_outranks_wake)
{
    for (int order = 0; order < 2; order++) {
        struct probe p = {0};
        struct co_group g;
        struct co *c;

        co_group_init(&g, arg);
        assert_int_equal(co_spawn(&g, "waiter", waiter, &p, &c, NULL), 0);
        assert_int_equal(co_yield (), 0);
        if (order == 0) {
            co_wake(c);
            co_cancel(c);
        } else {
            co_cancel(c);
            co_wake(c);
        }
        assert_int_equal(co_group_join(&g), 0);
        assert_int_equal(p.rc, -ERR_CANCELED);
    }
    return 0;
}

static int late_and_canceled(void *arg)
{
    struct probe *p = arg;
    struct co_deadline d;

    co_deadline_begin(&d, 0);
    p->rc = co_sleep(MS);
    co_cancel(co_self());
    p->rc2 = co_sleep(MS);
    co_deadline_end(&d);
    return 0;
}

TEST_BOTH(cancel_outranks_deadline)
{
    struct probe p = {0};
    struct co_group g;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "late", late_and_canceled, &p, NULL, NULL), 0);
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(p.rc, -ERR_TIMEOUT);
    assert_int_equal(p.rc2, -ERR_CANCELED);
    return 0;
}

static int frees_its_argument(void *arg)
{
    struct probe **pp = arg;
    struct probe *p = *pp;

    assert_true(co_canceled());
    p->before++;
    p->rc = co_yield ();
    mem_free(pp);
    return p->rc;
}

TEST_BOTH(canceled_before_start_still_runs)
{
    struct probe p = {0};
    struct probe **owned = mem_alloc(sizeof *owned);
    struct co_group g;
    struct co *c;
    int result;

    assert_non_null(owned);
    *owned = &p;
    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "fresh", frees_its_argument, owned, &c, NULL), 0);
    co_cancel(c);
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, -ERR_CANCELED);
    assert_int_equal(p.before, 1);
    co_group_close(&g);
    return 0;
}

TEST_BOTH(no_spawn_in_canceled_group)
{
    struct co_group g;
    struct err e;

    co_group_init(&g, arg);
    co_group_cancel(&g);
    assert_int_equal(co_spawn(&g, "late child", seven, NULL, NULL, &e), -ERR_CANCELED);
    assert_non_null(strstr(e.text, "late child"));
    co_group_close(&g);
    return 0;
}

TEST_BOTH(one_permit_is_kept)
{
    struct co_deadline d;

    co_wake(co_self());
    co_wake(co_self());
    assert_int_equal(co_suspend(), 0);
    co_deadline_begin(&d, MS);
    assert_int_equal(co_suspend(), -ERR_TIMEOUT);
    co_deadline_end(&d);
    /* A wake does not shorten a sleep, and is kept during it. */
    co_wake(co_self());
    assert_int_equal(co_sleep(MS), 0);
    assert_int_equal(co_suspend(), 0);
    return arg == NULL;
}

TEST_BOTH(deadlines_nest)
{
    struct co_deadline outer, inner;
    int64_t start = loop_now_us(arg);

    co_deadline_begin(&outer, 3 * MS);
    co_deadline_begin(&inner, 3600 * 1000000LL);
    assert_int_equal(co_sleep(1000 * MS), -ERR_TIMEOUT); /* the outer one comes first */
    assert_true(loop_now_us(arg) >= start + 3 * MS);
    assert_int_equal(co_yield (), -ERR_TIMEOUT);
    assert_int_equal(co_suspend(), -ERR_TIMEOUT);
    co_deadline_end(&inner);
    assert_int_equal(co_yield (), -ERR_TIMEOUT);
    co_deadline_end(&outer);
    assert_int_equal(co_yield (), 0);
    co_deadline_begin(&outer, 3600 * 1000000LL);
    co_deadline_begin(&inner, 2 * MS);
    assert_int_equal(co_sleep(1000 * MS), -ERR_TIMEOUT);
    co_deadline_end(&inner);
    assert_int_equal(co_sleep(MS), 0);
    co_deadline_end(&outer);
    co_deadline_begin(&outer, INT64_MAX); /* never */
    assert_int_equal(co_sleep(MS), 0);
    co_deadline_end(&outer);
    return 0;
}

static int cleans_up(void *arg)
{
    struct probe *p = arg;
    struct co_shield s, inner;
    struct co_deadline d;

    p->rc = co_sleep(3600 * 1000000LL);
    assert_true(co_canceled());
    co_shield_begin(&s, 3600 * 1000000LL);
    assert_false(co_canceled());
    assert_int_equal(co_sleep(2 * MS), 0);
    co_cancel(co_self()); /* again: changes nothing */
    assert_int_equal(co_yield (), 0);
    co_shield_begin(&inner, 2 * MS);
    assert_int_equal(co_suspend(), -ERR_TIMEOUT);
    co_shield_end(&inner);
    co_deadline_begin(&d, 2 * MS);
    assert_int_equal(co_suspend(), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(co_sleep(MS), 0);
    co_shield_end(&s);
    p->rc2 = co_yield ();
    p->done = 1;
    return 0;
}

TEST_BOTH(shield)
{
    struct probe p = {0};
    struct co_group g;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "cleans up", cleans_up, &p, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    co_group_cancel(&g);
    co_group_close(&g);
    assert_int_equal(p.rc, -ERR_CANCELED);
    assert_int_equal(p.rc2, -ERR_CANCELED);
    assert_int_equal(p.done, 1);
    return 0;
}

TEST_BOTH(shields_are_bounded)
{
    struct co_shield outer, inner;
    struct co_deadline d;

    /* A deadline that has passed does not reach into cleanup. */
    co_deadline_begin(&d, 0);
    assert_int_equal(co_yield (), -ERR_TIMEOUT);
    co_shield_begin(&outer, 1000 * MS);
    assert_int_equal(co_sleep(MS), 0);
    co_shield_end(&outer);
    assert_int_equal(co_yield (), -ERR_TIMEOUT);
    co_deadline_end(&d);
    /* An inner shield gives no more time than the outer one has. */
    co_shield_begin(&outer, 2 * MS);
    co_shield_begin(&inner, 3600 * 1000000LL);
    assert_int_equal(co_suspend(), -ERR_TIMEOUT);
    co_shield_end(&inner);
    assert_int_equal(co_suspend(), -ERR_TIMEOUT);
    co_shield_end(&outer);
    return arg == NULL;
}

static int parent(void *arg)
{
    struct probe *p = arg;
    struct probe child = {.us = 3600 * 1000000LL};
    struct co_group g;

    co_group_init(&g, p->loop);
    assert_int_equal(co_spawn(&g, "child", sleeper, &child, NULL, NULL), 0);
    p->rc = co_group_join(&g);
    assert_int_equal(g.live, 0);
    p->after = child.after;
    p->rc2 = child.rc;
    return p->rc;
}

TEST_BOTH(join_of_canceled_parent_ends_children)
{
    struct probe p = {.loop = arg};
    struct co_group g;
    struct co *c;
    int result;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "parent", parent, &p, &c, NULL), 0);
    assert_int_equal(co_sleep(MS), 0);
    co_cancel(c);
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, -ERR_CANCELED);
    assert_int_equal(p.after, 1);
    assert_int_equal(p.rc2, -ERR_CANCELED);
    co_group_close(&g);
    return 0;
}

TEST_BOTH(join_with_deadline)
{
    struct probe p = {.us = 3600 * 1000000LL};
    struct co_deadline d;
    struct co_group g;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "sleeper", sleeper, &p, NULL, NULL), 0);
    co_deadline_begin(&d, 2 * MS);
    assert_int_equal(co_group_join(&g), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(p.rc, -ERR_CANCELED);
    return 0;
}

static int stubborn(void *arg)
{
    struct probe *p = arg;
    struct co_shield s;

    (void)co_sleep(3600 * 1000000LL);
    co_shield_begin(&s, 3600 * 1000000LL);
    p->rc = co_sleep(5 * MS);
    co_shield_end(&s);
    p->after++;
    return 0;
}

/* Closing waits for cleanup, although the closing coroutine itself is cancelled. */
static int canceled_closer(void *arg)
{
    struct probe *p = arg;
    struct co_group g;

    co_group_init(&g, p->loop);
    assert_int_equal(co_spawn(&g, "stubborn", stubborn, p, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    co_cancel(co_self());
    co_group_close(&g);
    assert_int_equal(p->after, 1);
    return 0;
}

TEST_BOTH(close_never_leaves_a_child)
{
    struct probe p = {.loop = arg};
    struct co_group g;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "closer", canceled_closer, &p, NULL, NULL), 0);
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.after, 1);
    return 0;
}

static int awaits(void *arg)
{
    struct probe *p = arg;

    p->rc = co_await (p->co, &p->rc2);
    p->done = 1;
    return 0;
}

/* The child's group is joined by one while another awaits the child. */
TEST_BOTH(join_while_awaited)
{
    struct probe p = {.loop = arg};
    struct co_group children, others;

    co_group_init(&children, arg);
    co_group_init(&others, arg);
    assert_int_equal(co_spawn(&children, "seven", seven, NULL, &p.co, NULL), 0);
    assert_int_equal(co_spawn(&others, "awaits", awaits, &p, NULL, NULL), 0);
    assert_int_equal(co_group_join(&children), 0);
    assert_int_equal(co_group_join(&others), 0);
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.rc2, -7);
    return 0;
}

static int mark(void *arg)
{
    struct buf *b = arg;

    (void)buf_str(b, co_name(co_self()));
    (void)co_yield ();
    (void)buf_str(b, co_name(co_self()));
    return 0;
}

TEST_BOTH(ready_is_first_in_first_out)
{
    struct co_group g;
    struct buf b;

    buf_init(&b, 100);
    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "a", mark, &b, NULL, NULL), 0);
    assert_int_equal(co_spawn(&g, "b", mark, &b, NULL, NULL), 0);
    assert_int_equal(co_spawn(&g, "c", mark, &b, NULL, NULL), 0);
    assert_int_equal(co_group_join(&g), 0);
    assert_string_equal(buf_cstr(&b), "abcabc");
    buf_fini(&b);
    return 0;
}

struct many {
    struct probe *probes;
    int ended, canceled;
};

static int one_of_many(void *arg)
{
    struct many *m = arg;
    int rc = co_sleep(20 * MS + (m->ended + m->canceled) % 7);

    if (rc == -ERR_CANCELED) {
        m->canceled++;
    } else {
        m->ended++;
    }
    return rc;
}

TEST_BOTH(many_sleep_half_are_canceled)
{
    struct co **all = mem_array(MANY, sizeof *all);
    struct many m = {0};
    struct co_group g;
    int result;

    assert_non_null(all);
    co_group_init(&g, arg);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(co_spawn(&g, "one", one_of_many, &m, &all[i], NULL), 0);
    }
    assert_int_equal(co_yield (), 0);
    for (int i = 0; i < MANY; i += 2) {
        co_cancel(all[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(co_await (all[i], &result), 0);
    }
    assert_int_equal(m.canceled + m.ended, MANY);
    assert_true(m.canceled == MANY / 2); /* those were cancelled before their time had come */
    mem_free(all);
    co_group_close(&g);
    return 0;
}

static int use_stack(int depth)
{
    volatile char frame[1024];

    frame[0] = (char)depth;
    return depth == 0 ? frame[0] : use_stack(depth - 1) + frame[0] * 0;
}

static int deep(void *arg)
{
    (void)arg;
    return use_stack(100) + co_yield ();
}

/* Reuses the same stack often enough to have it trimmed. */
TEST_BOTH(stacks_are_reused)
{
    struct co_group g;

    co_group_init(&g, arg);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(co_spawn(&g, "deep", deep, NULL, NULL, NULL), 0);
        assert_int_equal(co_group_join(&g), 0);
    }
    return 0;
}

/* Floating point control words belong to the coroutine's context like any callee-saved register. */
static int computes(void *arg)
{
    volatile double x = 1;

    for (int i = 0; i < 100; i++) {
        x = x * 1.0625 + 0.5;
        assert_int_equal(co_yield (), 0);
    }
    *(double *)arg = x;
    return 0;
}

TEST_BOTH(registers_survive)
{
    double x[3], want = 1;
    struct co_group g;

    co_group_init(&g, arg);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(co_spawn(&g, "computes", computes, &x[i], NULL, NULL), 0);
    }
    assert_int_equal(co_group_join(&g), 0);
    for (int i = 0; i < 100; i++) {
        want = want * 1.0625 + 0.5;
    }
    for (int i = 0; i < 3; i++) {
        assert_true(x[i] == want);
    }
    return 0;
}

TEST_BOTH(spawn_without_memory)
{
    struct co_group g;
    struct err e;
    int rc, n = 0;

    co_group_init(&g, arg);
    do {
        mem_fail_at((uint64_t)++n, 0);
        rc = co_spawn(&g, "seven", seven, NULL, NULL, &e);
        mem_fail_at(0, 0);
        if (rc != 0) {
            assert_int_equal(rc, -ERR_NOMEM);
        }
    } while (rc != 0);
    assert_true(n > 1);
    assert_int_equal(co_group_join(&g), 0);
    return 0;
}

static int forever(void *arg)
{
    int *ended = arg;

    (void)co_suspend();
    (*ended)++;
    return 0;
}

static int ended_by_main;

static int leaves_children(void *arg)
{
    assert_ptr_equal(loop_current(), arg);
    assert_int_equal(co_spawn(loop_root(arg), "left", forever, &ended_by_main, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    return -ERR_FAILED;
}

static void main_cancels_the_rest(void **state)
{
    struct loop *l;
    struct err e;

    (void)state;
    assert_null(co_self());
    assert_int_equal(loop_uv_new(NULL, &l, &e), 0);
    ended_by_main = 0;
    assert_int_equal(loop_main(l, leaves_children, l, &e), -ERR_FAILED);
    assert_int_equal(ended_by_main, 1);
    assert_null(loop_current());
    loop_free(l);
}

static int stops(void *arg)
{
    loop_stop(arg);
    (void)co_yield ();
    (void)co_yield ();
    ended_by_main++;
    return 0;
}

static void stop_and_go_on(void **state)
{
    struct loop *l;

    (void)state;
    ended_by_main = 0;
    assert_int_equal(loop_uv_new(NULL, &l, NULL), 0);
    assert_int_equal(co_spawn(loop_root(l), "stops", stops, l, NULL, NULL), 0);
    assert_int_equal(
        co_spawn(loop_root(l), "sleeper", sleeper, &(struct probe){.us = 5000}, NULL, NULL), 0);
    while (ended_by_main == 0) {
        assert_int_equal(loop_run(l, NULL), 0);
    }
    assert_int_equal(loop_run(l, NULL), 0);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(result_and_wait_are_apart),
        BOTH(await_fails_child_goes_on),
        BOTH(cancel_is_sticky),
        BOTH(cancel_outranks_wake),
        BOTH(cancel_outranks_deadline),
        BOTH(canceled_before_start_still_runs),
        BOTH(no_spawn_in_canceled_group),
        BOTH(one_permit_is_kept),
        BOTH(deadlines_nest),
        BOTH(shield),
        BOTH(shields_are_bounded),
        BOTH(join_of_canceled_parent_ends_children),
        BOTH(join_with_deadline),
        BOTH(close_never_leaves_a_child),
        BOTH(join_while_awaited),
        BOTH(ready_is_first_in_first_out),
        BOTH(many_sleep_half_are_canceled),
        BOTH(stacks_are_reused),
        BOTH(registers_survive),
        BOTH(spawn_without_memory),
        cmocka_unit_test(main_cancels_the_rest),
        cmocka_unit_test(stop_and_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
