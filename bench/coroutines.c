/*
 * Coroutines against their peers and limits, in one run: what a switch costs (ucontext beside it),
 * what creating one costs (a thread beside it), what it occupies, how many live at once. Each time
 * is the median of ROUNDS.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co.h"
#include "runtime/co_stack.h"
#include "runtime/co_switch.h"
#include "runtime/loop.h"

#define ROUNDS 9

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

/* fn does n operations and returns what they took in ns. */
static double median(double (*fn)(int n), int n)
{
    double v[ROUNDS];

    (void)fn(n / 10 + 1);
    for (int i = 0; i < ROUNDS; i++) {
        v[i] = fn(n) / n;
    }
    qsort(v, ROUNDS, sizeof v[0], by_value);
    return v[ROUNDS / 2];
}

static void die(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(1);
}

/* ---- the bare switch ---- */

struct pair {
    void *main_sp, *co_sp;
};

static void bounce(void *arg)
{
    struct pair *p = arg;

    for (;;) {
        (void)co_switch(&p->co_sp, p->main_sp, p);
    }
}

static double bare(int n)
{
    static char stack[65536] __attribute__((aligned(16)));
    struct pair p;
    double t;

    p.co_sp = co_context(stack, sizeof stack, bounce);
    t = now_ns();
    for (int i = 0; i < n / 2; i++) {
        (void)co_switch(&p.main_sp, p.co_sp, &p);
    }
    return now_ns() - t;
}

static ucontext_t uc_main, uc_co;

static void uc_bounce(void)
{
    for (;;) {
        (void)swapcontext(&uc_co, &uc_main);
    }
}

static double bare_ucontext(int n)
{
    static char stack[65536];
    double t;

    (void)getcontext(&uc_co);
    uc_co.uc_stack.ss_sp = stack;
    uc_co.uc_stack.ss_size = sizeof stack;
    makecontext(&uc_co, uc_bounce, 0);
    t = now_ns();
    for (int i = 0; i < n / 2; i++) {
        (void)swapcontext(&uc_main, &uc_co);
    }
    return now_ns() - t;
}

/* ---- on the loop ---- */

struct task {
    struct loop *loop;
    int n;
    int fd[2];
    struct pool *pool;
    struct chan *chan;
    double ns;
};

static double on_loop(co_fn fn, int n)
{
    struct task t = {.n = n};
    struct err e;

    if (loop_uv_new(NULL, &t.loop, &e) != 0 || loop_main(t.loop, fn, &t, &e) != 0) {
        die("loop");
    }
    loop_free(t.loop);
    return t.ns;
}

static int yields(void *arg)
{
    struct task *t = arg;

    for (int i = 0; i < t->n / 2; i++) {
        (void)co_yield ();
    }
    return 0;
}

static int yield_main(void *arg)
{
    struct task *t = arg;
    struct co_group g;

    co_group_init(&g, t->loop);
    t->ns = now_ns();
    for (int i = 0; i < 2; i++) {
        if (co_spawn(&g, "yields", yields, t, NULL, NULL) != 0) {
            die("spawn");
        }
    }
    (void)co_group_join(&g);
    t->ns = now_ns() - t->ns;
    return 0;
}

static double yield(int n)
{
    return on_loop(yield_main, n);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int spawn_main(void *arg)
{
    struct task *t = arg;
    struct co_group g;

    co_group_init(&g, t->loop);
    t->ns = now_ns();
    for (int i = 0; i < t->n; i++) {
        if (co_spawn(&g, "nothing", nothing, NULL, NULL, NULL) != 0) {
            die("spawn");
        }
        if (i % 100 == 99) {
            (void)co_group_join(&g);
        }
    }
    (void)co_group_join(&g);
    t->ns = now_ns() - t->ns;
    return 0;
}

static double spawn_pooled(int n)
{
    return on_loop(spawn_main, n);
}

static double spawn_cold(int n)
{
    struct stack_pool p;
    struct stack *s;
    double t;

    stack_pool_init(&p, 0);
    p.pooled_max = 0;
    t = now_ns();
    for (int i = 0; i < n; i++) {
        if (stack_get(&p, &s, NULL) != 0) {
            die("stack");
        }
        *(volatile char *)((char *)s - 64) = 1;
        stack_put(&p, s);
    }
    t = now_ns() - t;
    stack_pool_fini(&p);
    return t;
}

static void *thread_nothing(void *arg)
{
    return arg;
}

static double threads(int n)
{
    double t = now_ns();

    for (int i = 0; i < n; i++) {
        pthread_t th;

        if (pthread_create(&th, NULL, thread_nothing, NULL) != 0) {
            die("pthread_create");
        }
        (void)pthread_join(th, NULL);
    }
    return now_ns() - t;
}

static int sleep_main(void *arg)
{
    struct task *t = arg;
    struct co_deadline d;

    t->ns = now_ns();
    for (int i = 0; i < t->n; i++) {
        co_deadline_begin(&d, 1000000);
        (void)co_yield ();
        co_deadline_end(&d);
    }
    t->ns = now_ns() - t->ns;
    return 0;
}

static double deadline_and_yield(int n)
{
    return on_loop(sleep_main, n);
}

static int echoes(void *arg)
{
    struct task *t = arg;
    char b;

    while (co_read_exact(t->fd[1], &b, 1) == 0) {
        (void)co_write_all(t->fd[1], &b, 1);
    }
    return 0;
}

static int ping_main(void *arg)
{
    struct task *t = arg;
    struct co_group g;
    char b = 'x';

    co_group_init(&g, t->loop);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, t->fd) != 0 ||
        co_spawn(&g, "echoes", echoes, t, NULL, NULL) != 0) {
        die("socketpair");
    }
    t->ns = now_ns();
    for (int i = 0; i < t->n; i++) {
        (void)co_write_all(t->fd[0], &b, 1);
        (void)co_read_exact(t->fd[0], &b, 1);
    }
    t->ns = now_ns() - t->ns;
    co_group_close(&g);
    (void)close(t->fd[0]);
    (void)close(t->fd[1]);
    return 0;
}

static double ping(int n)
{
    return on_loop(ping_main, n);
}

static int offload_main(void *arg)
{
    struct task *t = arg;

    if (pool_new(t->loop, "bench", 1, &t->pool, NULL) != 0) {
        die("pool");
    }
    t->ns = now_ns();
    for (int i = 0; i < t->n; i++) {
        (void)co_offload(t->pool, nothing, NULL);
    }
    t->ns = now_ns() - t->ns;
    pool_free(t->pool);
    return 0;
}

static double offload(int n)
{
    return on_loop(offload_main, n);
}

static int sends(void *arg)
{
    struct task *t = arg;

    for (int i = 0; i < t->n; i++) {
        (void)chan_send(t->chan, t);
    }
    chan_close(t->chan);
    return 0;
}

static int chan_main(void *arg)
{
    struct task *t = arg;
    struct co_group g;
    void *item;

    co_group_init(&g, t->loop);
    t->chan = chan_new(16);
    if (t->chan == NULL || co_spawn(&g, "sends", sends, t, NULL, NULL) != 0) {
        die("chan");
    }
    t->ns = now_ns();
    while (chan_recv(t->chan, &item) == 0) {
    }
    t->ns = now_ns() - t->ns;
    (void)co_group_join(&g);
    chan_free(t->chan);
    return 0;
}

static double channel(int n)
{
    return on_loop(chan_main, n);
}

/* ---- how many, and what they occupy ---- */

static long status_kib(const char *key)
{
    char line[256];
    long v = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            v = strtol(line + strlen(key), NULL, 10);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return v;
}

static long mappings(void)
{
    long n = 0;
    int c;
    FILE *f = fopen("/proc/self/maps", "re");

    while (f != NULL && (c = fgetc(f)) != EOF) {
        n += c == '\n';
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return n;
}

static int sleeps_long(void *arg)
{
    (void)arg;
    return co_sleep(INT64_C(3600000000));
}

static int alive_main(void *arg)
{
    struct task *t = arg;
    long rss = status_kib("VmRSS:"), tables = status_kib("VmPTE:"), maps = mappings();
    double start = now_ns();
    struct co_group g;
    struct err e;
    int n = 0;

    co_group_init(&g, t->loop);
    while (n < t->n && co_spawn(&g, "sleeps", sleeps_long, NULL, NULL, &e) == 0) {
        n++;
    }
    (void)co_sleep(1000);
    (void)printf(
        "alive %6d  rss %5.0f B each  page tables %4.0f B each  new mappings %ld  %.0f ns each\n",
        n, (double)(status_kib("VmRSS:") - rss) * 1024 / n,
        (double)(status_kib("VmPTE:") - tables) * 1024 / n, mappings() - maps,
        (now_ns() - start - 1e6) / n);
    if (n < t->n) {
        (void)printf("  stopped: %s\n", err_str(&e));
    }
    co_group_close(&g);
    return 0;
}

static void guards_by_mprotect(void)
{
    static struct stack *s[100000];
    struct stack_pool p;
    int n = 0;

    stack_pool_init(&p, 0);
    p.guard_by_madvise = false;
    p.pooled_max = 0;
    while (n < 100000 && stack_get(&p, &s[n], NULL) == 0) {
        n++;
    }
    (void)printf("with mprotect guards (kernels before 6.13): %d stacks, then vm.max_map_count\n",
                 n);
    while (n > 0) {
        stack_put(&p, s[--n]);
    }
    stack_pool_fini(&p);
}

int main(void)
{
    double sw = median(bare, 2000000), uc = median(bare_ucontext, 200000);
    double th = median(threads, 2000), pooled = median(spawn_pooled, 200000);

    (void)printf("switch, bare                    %8.1f ns\n", sw);
    (void)printf("switch, ucontext                %8.1f ns  (%.1f x)\n", uc, uc / sw);
    (void)printf("yield through the loop          %8.1f ns\n", median(yield, 1000000));
    (void)printf("deadline + yield                %8.1f ns\n", median(deadline_and_yield, 200000));
    (void)printf("channel, one item               %8.1f ns\n", median(channel, 1000000));
    (void)printf("spawn, run, end (pooled stack)  %8.1f ns\n", pooled);
    (void)printf("stack, new and unmapped         %8.1f ns\n", median(spawn_cold, 20000));
    (void)printf("thread, create and join         %8.1f ns  (%.1f x)\n", th, th / pooled);
    (void)printf("socket round trip, one loop     %8.1f ns\n", median(ping, 50000));
    (void)printf("offload round trip              %8.1f ns\n", median(offload, 20000));
    for (int n = 1000; n <= 100000; n *= 10) {
        (void)on_loop(alive_main, n);
    }
    guards_by_mprotect();
    return 0;
}
