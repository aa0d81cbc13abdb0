/* The loop on virtual time: order, clocks, repeatability, deadlock, crashes. And the limits of
 * stacks. */
#include "both.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/prng.h"
#include "runtime/co_stack.h"

static int clocks(void *arg)
{
    struct loop *l = arg;
    int64_t mono = loop_now_us(l), wall = loop_wall_us(l);

    assert_int_equal(wall, 1000);
    assert_int_equal(co_sleep(3600 * 1000000LL), 0);
    assert_int_equal(loop_now_us(l) - mono, 3600 * 1000000LL); /* exactly */
    assert_int_equal(loop_wall_us(l) - wall, 3600 * 1000000LL);
    loop_virtual_jump_wall(l, -7);
    assert_int_equal(loop_now_us(l) - mono, 3600 * 1000000LL);
    assert_int_equal(loop_wall_us(l) - wall, 3600 * 1000000LL - 7);
    loop_virtual_advance(l, 50);
    assert_int_equal(loop_now_us(l) - mono, 3600 * 1000000LL + 50);
    assert_int_equal(loop_wall_us(l) - wall, 3600 * 1000000LL + 43);
    return 0;
}

static void clocks_jump(void **state)
{
    struct loop_config c = {.wall_start_us = 1000};
    struct loop *l;

    (void)state;
    assert_int_equal(loop_virtual_new(&c, &l, NULL), 0);
    assert_int_equal(loop_main(l, clocks, l, NULL), 0);
    loop_free(l);
}

/* ---- a world with something of everything, and its trace ---- */

struct world {
    struct loop *loop;
    struct pool *pool;
    struct chan *chan;
    struct buf trace;
    struct prng prng;
    uint64_t crash_at;
    int next;
};

static void trace(struct world *w, const char *what, int id)
{
    (void)buf_printf(&w->trace, "%lld %s %d\n", (long long)loop_now_us(w->loop), what, id);
}

static int job(void *arg)
{
    *(int *)arg += 1;
    return 0;
}

static int actor(void *arg)
{
    struct world *w = arg;
    int id = w->next++, n = 0;
    void *item;

    for (int i = 0; i < 20; i++) {
        switch (prng_below(&w->prng, 4)) {
        case 0:
            (void)co_sleep((int64_t)prng_below(&w->prng, 1000));
            trace(w, "slept", id);
            break;
        case 1:
            (void)co_offload(w->pool, job, &n);
            trace(w, "worked", id);
            break;
        case 2:
            (void)chan_send(w->chan, w);
            trace(w, "sent", id);
            break;
        default:
            trace(w, chan_try_recv(w->chan, &item) == 0 ? "received" : "nothing", id);
            (void)co_yield ();
        }
    }
    return 0;
}

static int drainer(void *arg)
{
    struct world *w = arg;
    void *item;

    while (chan_recv(w->chan, &item) == 0) {
        trace(w, "drained", 0);
    }
    return 0;
}

static int world_main(void *arg)
{
    struct world *w = arg;
    struct co_group actors, drain;

    co_group_init(&actors, w->loop);
    co_group_init(&drain, w->loop);
    assert_int_equal(co_spawn(&drain, "drainer", drainer, w, NULL, NULL), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(co_spawn(&actors, "actor", actor, w, NULL, NULL), 0);
    }
    assert_int_equal(co_group_join(&actors), 0);
    chan_close(w->chan);
    assert_int_equal(co_group_join(&drain), 0);
    return 0;
}

static bool crash(void *arg, uint64_t n)
{
    struct world *w = arg;

    return n == w->crash_at;
}

/* Returns the number of suspensions that there were, or 0 when it crashed. */
static int run_world(uint64_t loop_seed, uint64_t crash_at, struct buf *ret)
{
    struct loop_config c = {.seed = loop_seed};
    struct world w = {.crash_at = crash_at};
    struct err e;
    int rc;

    buf_init(&w.trace, 1 << 20);
    prng_seed(&w.prng, 7);
    assert_int_equal(loop_virtual_new(&c, &w.loop, NULL), 0);
    assert_int_equal(pool_new(w.loop, "pool", 2, &w.pool, NULL), 0);
    w.chan = chan_new(2);
    loop_virtual_on_suspend(w.loop, crash, &w);
    rc = loop_main(w.loop, world_main, &w, &e);
    pool_free(w.pool);
    loop_free(w.loop);
    if (rc == 0) {
        chan_free(w.chan);
    } else {
        assert_int_equal(rc, -ERR_CANCELED);
        assert_non_null(strstr(e.text, "crashed"));
    }
    *ret = w.trace;
    return rc;
}

static void two_runs_are_equal(void **state)
{
    struct buf x, y, z;

    (void)state;
    assert_int_equal(run_world(0, 0, &x), 0);
    assert_int_equal(run_world(0, 0, &y), 0);
    assert_true(x.len > 1000);
    assert_string_equal(buf_cstr(&x), buf_cstr(&y));
    buf_fini(&y);
    assert_int_equal(run_world(5, 0, &y), 0);
    assert_int_equal(run_world(5, 0, &z), 0);
    assert_string_equal(buf_cstr(&y), buf_cstr(&z));
    assert_true(strcmp(buf_cstr(&x), buf_cstr(&y)) != 0); /* another seed, another order */
    buf_fini(&x);
    buf_fini(&y);
    buf_fini(&z);
}

/* Until the crash all is as without it. The channel's memory is in the crashed world, so it is
 * lost: none is used here. */
static int sleeps_and_works(void *arg)
{
    struct world *w = arg;
    int id = w->next++, n = 0;

    for (int i = 0; i < 5; i++) {
        (void)co_sleep(10 * (id + 1));
        trace(w, "slept", id);
        (void)co_offload(w->pool, job, &n);
        trace(w, "worked", id);
    }
    return 0;
}

static int run_small(uint64_t crash_at, struct buf *ret, uint64_t *ret_n)
{
    struct world w = {.crash_at = crash_at};
    int rc;

    buf_init(&w.trace, 1 << 20);
    assert_int_equal(loop_virtual_new(NULL, &w.loop, NULL), 0);
    assert_int_equal(pool_new(w.loop, "pool", 2, &w.pool, NULL), 0);
    loop_virtual_on_suspend(w.loop, crash, &w);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(co_spawn(loop_root(w.loop), "small", sleeps_and_works, &w, NULL, NULL), 0);
    }
    rc = loop_run(w.loop, NULL);
    *ret_n = (uint64_t)loop_now_us(w.loop);
    pool_free(w.pool);
    loop_free(w.loop);
    *ret = w.trace;
    return rc;
}

static void crash_at_every_suspension(void **state)
{
    struct buf whole, part;
    uint64_t now, n = 0;
    int rc;

    (void)state;
    assert_int_equal(run_small(0, &whole, &now), 0);
    do {
        rc = run_small(++n, &part, &now);
        assert_true(part.len <= whole.len);
        assert_memory_equal(part.p != NULL ? part.p : "", buf_cstr(&whole), part.len);
        buf_fini(&part);
        assert_true(rc == 0 || rc == -ERR_CANCELED);
    } while (rc != 0);
    assert_int_equal(n, 3 * 5 * 3 + 1); /* sleep, offload, and the moment between work and answer */
    buf_fini(&whole);
}

static int stuck(void *arg)
{
    (void)arg;
    return co_suspend();
}

static void deadlock_is_named(void **state)
{
    struct loop *l;
    struct err e;

    (void)state;
    assert_int_equal(loop_virtual_new(NULL, &l, NULL), 0);
    assert_int_equal(co_spawn(loop_root(l), "philosopher", stuck, NULL, NULL, NULL), 0);
    assert_int_equal(loop_run(l, &e), -ERR_FAILED);
    assert_non_null(strstr(e.text, "philosopher"));
    loop_free(l);
}

static int has_no_world(void *arg)
{
    const char *argv[] = {"true", NULL};
    struct child_spec s = {.argv = argv, .stdio = {-1, -1, -1}, .extra_fd = -1};
    struct child *c;
    struct err e;
    size_t n;
    char b;
    int fd;

    assert_int_equal(co_wait_fd(0, LOOP_READ, NULL), -ERR_UNSUPPORTED);
    assert_int_equal(co_read(0, &b, 1, &n), -ERR_UNSUPPORTED);
    assert_int_equal(co_write_all(0, &b, 1), -ERR_UNSUPPORTED);
    assert_int_equal(co_accept(0, &fd), -ERR_UNSUPPORTED);
    assert_int_equal(co_connect_unix("/tmp/x", &fd, &e), -ERR_UNSUPPORTED);
    assert_int_equal(co_wait_signal(SIGUSR1), -ERR_UNSUPPORTED);
    assert_int_equal(child_spawn(arg, &s, &c, &e), -ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "virtual"));
    return 0;
}

static void no_descriptors(void **state)
{
    (void)state;
    run_on(loop_virtual_new, has_no_world);
}

static void no_memory_for_loops(void **state)
{
    struct loop *l;

    (void)state;
    mem_fail_at(1, 0);
    assert_int_equal(loop_virtual_new(NULL, &l, NULL), -ERR_NOMEM);
    mem_fail_at(1, 0);
    assert_int_equal(loop_uv_new(NULL, &l, NULL), -ERR_NOMEM);
    mem_fail_at(0, 0);
}

/* ---- stacks ---- */

/* Runs fn in a child process; returns its wait status. */
static int in_child(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        for (int s = 1; s < 32; s++) {
            (void)signal(s, SIG_DFL);
        }
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int overflow(int depth)
{
    volatile char frame[2000];

    frame[0] = (char)depth;
    return depth > 1000000 ? 0 : overflow(depth + 1) + frame[0];
}

static int overflows(void *arg)
{
    return overflow(*(int *)arg);
}

static void overflow_main(void)
{
    struct loop *l;
    int zero = 0;

    if (loop_virtual_new(NULL, &l, NULL) == 0) {
        (void)loop_main(l, overflows, &zero, NULL);
    }
}

static void guard_stops_overflow(void **state)
{
    int status = in_child(overflow_main);

    (void)state;
    /* A sanitizer reports it and exits; otherwise the guard's SIGSEGV. */
    assert_true(
        (WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGABRT)) ||
        (WIFEXITED(status) && WEXITSTATUS(status) != 0));
}

static void touch_guard(bool by_madvise)
{
    struct stack_pool p;
    struct stack *s;

    stack_pool_init(&p, 0);
    p.guard_by_madvise = p.guard_by_madvise && by_madvise;
    if (stack_get(&p, &s, NULL) == 0) {
        s->lo[0] = 1;
        ((volatile char *)s->lo)[-1] = 1; /* without a guard this is ordinary memory */
    }
}

static void touch_madvise(void)
{
    touch_guard(true);
}

static void touch_mprotect(void)
{
    touch_guard(false);
}

static void guards_stand(void **state)
{
    (void)state;
    assert_int_not_equal(in_child(touch_madvise), 0);
    assert_int_not_equal(in_child(touch_mprotect), 0);
}

static int suspends_under_ban(void *arg)
{
    (void)arg;
    co_no_suspend_begin();
    co_no_suspend_begin();
    co_no_suspend_end();
    (void)co_yield ();
    _exit(0);
}

static void forbidden_suspend(void)
{
    struct loop *l;

    if (loop_virtual_new(NULL, &l, NULL) == 0) {
        (void)loop_main(l, suspends_under_ban, NULL, NULL);
    }
}

static void no_suspend_is_asserted(void **state)
{
    int status = in_child(forbidden_suspend);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void both_guards(void **state)
{
    (void)state;
    for (int by_mprotect = 0; by_mprotect < 2; by_mprotect++) {
        struct stack_pool p;
        struct stack *s, *t;

        stack_pool_init(&p, 0);
        if (by_mprotect) {
            p.guard_by_madvise = false;
        }
        p.pooled_max = 1;
        assert_int_equal(stack_get(&p, &s, NULL), 0);
        assert_int_equal(stack_get(&p, &t, NULL), 0);
        memset(s->lo, 1, s->size);
        assert_int_equal(p.live, 2);
        stack_put(&p, s);
        stack_put(&p, t); /* the pool is full: unmapped */
        assert_int_equal(p.pooled, 1);
        assert_int_equal(stack_get(&p, &t, NULL), 0);
        assert_ptr_equal(s, t);
        stack_put(&p, t);
        stack_pool_fini(&p);
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void until_limit(void)
{
    struct rlimit r = {1L << 30, 1L << 30};
    struct loop *l;
    struct err e = {0};
    int rc = 0, n = 0;

    if (loop_virtual_new(NULL, &l, NULL) != 0 || setrlimit(RLIMIT_AS, &r) != 0) {
        _exit(1);
    }
    while (rc == 0 && n < 100000) {
        rc = co_spawn(loop_root(l), "one", nothing, NULL, NULL, &e);
        n++;
    }
    if (rc != -ERR_LIMIT || strstr(e.text, "RLIMIT_AS") == NULL ||
        strstr(e.text, "ulimit") == NULL) {
        _exit(2);
    }
    if (loop_run(l, NULL) != 0) { /* those that were made run */
        _exit(3);
    }
    loop_free(l);
    _exit(0);
}

static void until_maps(void)
{
    static struct stack *s[70000];
    struct stack_pool p;
    struct err e = {0};
    int rc = 0, n = 0;

    stack_pool_init(&p, 0);
    p.guard_by_madvise = false;
    while (rc == 0 && n < 70000) {
        rc = stack_get(&p, &s[n], &e);
        n++;
    }
    _exit(rc == 0 || (rc == -ERR_LIMIT && strstr(e.text, "vm.max_map_count") != NULL) ? 0 : 2);
}

static void limit_is_named(void **state)
{
    int status;

    (void)state;
    if (getenv("LD_PRELOAD") != NULL || getenv("TW_UNDER_VALGRIND") != NULL) {
        skip();
    }
    status = in_child(until_limit);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    status = in_child(until_maps);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_jump),
        cmocka_unit_test(two_runs_are_equal),
        cmocka_unit_test(crash_at_every_suspension),
        cmocka_unit_test(deadlock_is_named),
        cmocka_unit_test(no_descriptors),
        cmocka_unit_test(no_memory_for_loops),
        cmocka_unit_test(guard_stops_overflow),
        cmocka_unit_test(guards_stand),
        cmocka_unit_test(no_suspend_is_asserted),
        cmocka_unit_test(both_guards),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(limit_is_named),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
