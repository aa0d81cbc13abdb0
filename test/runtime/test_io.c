/* Descriptors, sockets, signals: what only the libuv loop has; and offload on both. */
#include "both.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static void socket_pair(int fd[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
}

#define BIG 3000000

static int writes_big(void *arg)
{
    int fd = *(int *)arg;
    char *p = mem_alloc(BIG);
    int rc;

    assert_non_null(p);
    for (size_t i = 0; i < BIG; i++) {
        p[i] = (char)(i % 251);
    }
    rc = co_write_all(fd, p, BIG);
    (void)close(fd);
    mem_free(p);
    return rc;
}

TEST_UV(whole_buffers)
{
    char *p = mem_alloc(BIG);
    struct co_group g;
    struct co *c;
    int fd[2], result;
    size_t n = 1;

    assert_non_null(p);
    socket_pair(fd);
    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "writer", writes_big, &fd[1], &c, NULL), 0);
    assert_int_equal(co_read_exact(fd[0], p, BIG), 0);
    for (size_t i = 0; i < BIG; i++) {
        if (p[i] != (char)(i % 251)) {
            fail();
        }
    }
    assert_int_equal(co_await (c, &result), 0);
    assert_int_equal(result, 0);
    assert_int_equal(co_read(fd[0], p, 1, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(co_read_exact(fd[0], p, 1), -ERR_CLOSED);
    assert_int_equal(co_write_all(fd[0], p, 1), -ERR_CLOSED); /* without SIGPIPE */
    (void)close(fd[0]);
    mem_free(p);
    co_group_close(&g);
    return 0;
}

struct ping {
    int fd[2];
    int rounds;
};

static int pong(void *arg)
{
    struct ping *p = arg;
    char b;

    for (int i = 0; i < p->rounds; i++) {
        assert_int_equal(co_read_exact(p->fd[1], &b, 1), 0);
        assert_int_equal(co_write_all(p->fd[1], &b, 1), 0);
    }
    return 0;
}

/* Descriptors are closed without telling the loop, and their numbers come back. */
TEST_UV(numbers_come_back)
{
    struct co_group g;
    int first = -1;

    co_group_init(&g, arg);
    for (int i = 0; i < 50; i++) {
        struct ping p = {.rounds = 5};
        char b;

        socket_pair(p.fd);
        if (first < 0) {
            first = p.fd[0];
        }
        assert_int_equal(p.fd[0], first);
        assert_int_equal(co_spawn(&g, "pong", pong, &p, NULL, NULL), 0);
        for (int k = 0; k < p.rounds; k++) {
            b = (char)k;
            assert_int_equal(co_write_all(p.fd[0], &b, 1), 0);
            assert_int_equal(co_read_exact(p.fd[0], &b, 1), 0);
            assert_int_equal(b, k);
        }
        assert_int_equal(co_group_join(&g), 0);
        (void)close(p.fd[0]);
        (void)close(p.fd[1]);
    }
    return 0;
}

struct fd_wait {
    int fd, events, got, rc;
};

static int waits_fd(void *arg)
{
    struct fd_wait *w = arg;

    w->rc = co_wait_fd(w->fd, w->events, &w->got);
    return w->rc;
}

TEST_UV(two_directions_and_cancel)
{
    struct fd_wait r = {.events = LOOP_READ}, w = {.events = LOOP_WRITE};
    struct co_deadline d;
    struct co_group g;
    int fd[2], got = 0;
    char junk[4096] = {0};

    socket_pair(fd);
    while (write(fd[0], junk, sizeof junk) > 0) {
    }
    r.fd = w.fd = fd[0];
    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "r", waits_fd, &r, NULL, NULL), 0);
    assert_int_equal(co_spawn(&g, "w", waits_fd, &w, NULL, NULL), 0);
    assert_int_equal(co_sleep(MS), 0);
    assert_int_equal(g.live, 2);
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_int_equal(co_sleep(MS), 0);
    assert_int_equal(g.live, 1); /* the reader went, the writer waits on */
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.got, LOOP_READ);
    co_group_close(&g);
    assert_int_equal(w.rc, -ERR_CANCELED);
    co_deadline_begin(&d, MS);
    assert_int_equal(co_wait_fd(fd[0], LOOP_WRITE, NULL), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(co_wait_fd(fd[0], LOOP_READ | LOOP_WRITE, &got), 0);
    assert_int_equal(got, LOOP_READ);
    (void)close(fd[1]);
    assert_int_equal(co_wait_fd(fd[0], LOOP_WRITE, &got), 0); /* hang-up is an event of both */
    (void)close(fd[0]);
    assert_int_equal(co_wait_fd(fd[0], LOOP_READ, &got), -ERR_IO); /* EBADF */
    assert_int_equal(co_wait_fd(-1, LOOP_READ, &got), -ERR_INVALID);
    return 0;
}

TEST_UV(regular_files_are_always_ready)
{
    int got = 0, fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char magic[4];

    assert_true(fd >= 0);
    assert_int_equal(co_wait_fd(fd, LOOP_READ, &got), 0);
    assert_int_equal(got, LOOP_READ);
    assert_int_equal(co_read_exact(fd, magic, 4), 0);
    assert_memory_equal(magic, "\177ELF", 4);
    (void)close(fd);
    return arg == NULL;
}

/* ---- unix sockets ---- */

struct server {
    int listen_fd;
    int served;
};

static int serves(void *arg)
{
    struct server *s = arg;
    int fd, rc;
    char b;

    while ((rc = co_accept(s->listen_fd, &fd)) == 0) {
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        if (co_read_exact(fd, &b, 1) == 0) {
            assert_int_equal(co_write_all(fd, &b, 1), 0);
            s->served++;
        }
        (void)close(fd);
    }
    return rc;
}

static void serve_at(struct loop *l, const char *path)
{
    struct server s = {0};
    struct co_group g;
    struct err e;
    struct stat st;
    int fd, other;
    char b = 'x';

    assert_int_equal(co_connect_unix(path, &fd, &e), -ERR_NOTFOUND);
    assert_int_equal(listen_unix(path, &s.listen_fd, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    co_group_init(&g, l);
    assert_int_equal(co_spawn(&g, "server", serves, &s, NULL, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(co_connect_unix(path, &fd, &e), 0);
        assert_int_equal(co_write_all(fd, &b, 1), 0);
        assert_int_equal(co_read_exact(fd, &b, 1), 0);
        (void)close(fd);
    }
    assert_int_equal(listen_unix(path, &other, &e), -ERR_BUSY);
    co_group_close(&g);
    assert_int_equal(s.served, 3);
    (void)close(s.listen_fd);
    assert_int_equal(co_connect_unix(path, &fd, &e), -ERR_CLOSED); /* the file of a dead one */
    assert_int_equal(listen_unix(path, &s.listen_fd, &e), 0);
    (void)close(s.listen_fd);
    assert_int_equal(unlink(path), 0);
}

TEST_UV(unix_sockets)
{
    char dir[] = "/tmp/tw-io-XXXXXX";
    char path[500], name[200];
    struct err e;
    int fd;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/s.sock", dir);
    serve_at(arg, path);
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s/s.sock", dir, name);
    serve_at(arg, path);
    (void)snprintf(path, sizeof path, "%s/%s/%s", dir, name, name);
    assert_int_equal(listen_unix(path, &fd, &e), -ERR_LIMIT);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof path, "%s/no-socket", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(listen_unix(path, &fd, &e), -ERR_EXISTS);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(listen_unix("/nowhere/s.sock", &fd, &e), -ERR_NOTFOUND);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

/* ---- threads ---- */

struct call {
    pthread_t thread;
    int n;
};

static int on_thread(void *arg)
{
    struct call *c = arg;

    c->thread = pthread_self();
    c->n++;
    return -40 - c->n;
}

struct offloader {
    struct pool *pool;
    int sum;
};

static int offloads(void *arg)
{
    struct offloader *o = arg;
    struct call c = {.n = 0};

    for (int i = 0; i < 20; i++) {
        assert_int_equal(co_offload(o->pool, on_thread, &c), -41 - i);
    }
    o->sum += c.n;
    return 0;
}

TEST_BOTH(offload)
{
    struct offloader o = {0};
    struct co_group g;

    assert_int_equal(pool_new(arg, "a pool with a long name", 3, &o.pool, NULL), 0);
    co_group_init(&g, arg);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(co_spawn(&g, "offloads", offloads, &o, NULL, NULL), 0);
    }
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(o.sum, 200);
    pool_free(o.pool);
    pool_free(NULL);
    return 0;
}

static int offload_and_see(void *arg)
{
    struct offloader *o = arg;
    struct call c = {.n = 0};

    assert_int_equal(co_offload(o->pool, on_thread, &c), -41); /* the cancel came after it began */
    assert_true(co_canceled());
    assert_int_equal(co_offload(o->pool, on_thread, &c), -ERR_CANCELED);
    assert_int_equal(c.n, 1); /* and this one never began */
    o->sum = 1;
    return 0;
}

TEST_BOTH(offload_is_not_interrupted)
{
    struct offloader o = {0};
    struct co_group g;
    struct co *c;

    assert_int_equal(pool_new(arg, "pool", 1, &o.pool, NULL), 0);
    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "offloads", offload_and_see, &o, &c, NULL), 0);
    assert_int_equal(co_yield (), 0);
    co_cancel(c);
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(o.sum, 1);
    pool_free(o.pool);
    for (uint64_t n = 1; n <= 2; n++) {
        int rc;

        mem_fail_at(n, 0);
        rc = pool_new(arg, "pool", 1, &o.pool, NULL);
        mem_fail_at(0, 0);
        if (rc == 0) { /* the virtual one needs a single allocation */
            pool_free(o.pool);
        } else {
            assert_int_equal(rc, -ERR_NOMEM);
        }
    }
    return 0;
}

/* ---- signals ---- */

static int waits_signal(void *arg)
{
    int rc = co_wait_signal(SIGUSR1);

    if (rc == 0) {
        ++*(int *)arg;
    }
    return rc;
}

TEST_UV(signals)
{
    struct co_deadline d;
    struct co_group g;
    int n = 0;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "a", waits_signal, &n, NULL, NULL), 0);
    assert_int_equal(co_spawn(&g, "b", waits_signal, &n, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    (void)raise(SIGUSR1);
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(n, 2);
    (void)raise(SIGUSR1); /* nobody waits now: it does not kill us, and is kept */
    assert_int_equal(co_sleep(MS), 0);
    assert_int_equal(co_wait_signal(SIGUSR1), 0);
    co_deadline_begin(&d, MS);
    assert_int_equal(co_wait_signal(SIGUSR1), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(co_wait_signal(0), -ERR_INVALID);
    assert_int_equal(co_wait_signal(SIGKILL), -ERR_INVALID);
    return 0;
}

static void count_signal(void *arg, int signum)
{
    assert_int_equal(signum, SIGUSR2);
    ++*(int *)arg;
    (void)co_yield (); /* it may suspend */
}

/* Each signal is told, until the group ends; then it is nobody's. */
TEST_UV(signals_told)
{
    struct co_group g;
    int n = 0;

    co_group_init(&g, arg);
    assert_int_equal(co_on_signal(&g, SIGUSR2, count_signal, &n, NULL), 0);
    assert_int_equal(co_yield (), 0);
    for (int i = 0; i < 3; i++) {
        (void)raise(SIGUSR2);
        assert_int_equal(co_sleep(MS), 0);
    }
    assert_int_equal(n, 3);
    co_group_close(&g);
    (void)raise(SIGUSR2);
    assert_int_equal(co_sleep(MS), 0);
    assert_int_equal(n, 3);
    return 0;
}

/* ---- every allocation fails once ---- */

static int little_world(struct loop *l, const char *path)
{
    const char *argv[] = {"true", NULL};
    struct child_spec spec = {.argv = argv, .stdio = {-1, -1, -1}, .extra_fd = -1};
    struct server s = {.listen_fd = -1};
    struct child *child = NULL;
    struct pool *pool = NULL;
    struct call call = {.n = 0};
    struct co_group g;
    struct err e;
    int fd = -1, code, sig, rc;
    char b = 'x';

    co_group_init(&g, l);
    rc = listen_unix(path, &s.listen_fd, &e);
    if (rc == 0) {
        rc = co_spawn(&g, "server", serves, &s, NULL, &e);
    }
    if (rc == 0) {
        rc = co_connect_unix(path, &fd, &e);
    }
    if (rc == 0) {
        rc = co_write_all(fd, &b, 1);
    }
    if (rc == 0) {
        rc = pool_new(l, "pool", 1, &pool, &e);
    }
    if (rc == 0) {
        rc = co_offload(pool, on_thread, &call) == -41 ? 0 : -ERR_FAILED;
    }
    if (rc == 0) {
        rc = child_spawn(l, &spec, &child, &e);
    }
    if (rc == 0) {
        rc = child_wait(child, &code, &sig);
    }
    if (rc == 0) {
        struct co_deadline d;

        co_deadline_begin(&d, MS);
        rc = co_wait_signal(SIGUSR1);
        co_deadline_end(&d);
        rc = rc == -ERR_TIMEOUT ? 0 : rc;
    }
    child_release(child);
    pool_free(pool);
    co_group_close(&g);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (s.listen_fd >= 0) {
        (void)close(s.listen_fd);
    }
    return rc;
}

static int little_main(void *arg)
{
    char dir[] = "/tmp/tw-io-XXXXXX";
    char path[100];
    int rc;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/s.sock", dir);
    rc = little_world(arg, path);
    (void)unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return rc;
}

static void each_allocation_fails(void **state)
{
    struct loop *l;
    uint64_t n = 0;
    int rc;

    (void)state;
    (void)signal(SIGUSR1, SIG_IGN);
    do {
        mem_fail_at(++n, 0);
        rc = loop_uv_new(NULL, &l, NULL);
        if (rc == 0) {
            rc = loop_main(l, little_main, l, NULL);
            loop_free(l);
        }
        if (mem_count() < n) {
            assert_int_equal(rc, 0);
            break;
        }
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
    } while (n < 1000);
    mem_fail_at(0, 0);
    assert_true(n > 8);
    (void)signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONLY_UV(whole_buffers),
        ONLY_UV(numbers_come_back),
        ONLY_UV(two_directions_and_cancel),
        ONLY_UV(regular_files_are_always_ready),
        ONLY_UV(unix_sockets),
        BOTH(offload),
        BOTH(offload_is_not_interrupted),
        ONLY_UV(signals),
        ONLY_UV(signals_told),
        cmocka_unit_test(each_allocation_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
