/* Child processes: how they end, what they inherit, who reaps them. */
#include "both.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

static int run_shell(struct loop *l, const char *script, int out_fd, int *ret_code, int *ret_signal)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct child_spec s = {.argv = argv, .stdio = {-1, out_fd, -1}, .extra_fd = -1};
    struct child *c;
    int rc = child_spawn(l, &s, &c, NULL);

    if (rc == 0) {
        assert_true(child_pid(c) > 0);
        rc = child_wait(c, ret_code, ret_signal);
        assert_int_equal(child_wait(c, ret_code, ret_signal), 0); /* again: the same */
        child_release(c);
    }
    return rc;
}

TEST_UV(child_ends)
{
    int code, sig;

    assert_int_equal(run_shell(arg, "exit 0", -1, &code, &sig), 0);
    assert_int_equal(code, 0);
    assert_int_equal(sig, 0);
    assert_int_equal(run_shell(arg, "exit 41", -1, &code, &sig), 0);
    assert_int_equal(code, 41);
    assert_int_equal(run_shell(arg, "kill -KILL $$", -1, &code, &sig), 0);
    assert_int_equal(code, -1);
    assert_int_equal(sig, SIGKILL);
    return 0;
}

static void read_all(int fd, struct buf *b)
{
    char p[512];
    size_t n = 1;

    while (n > 0) {
        assert_int_equal(co_read(fd, p, sizeof p, &n), 0);
        assert_int_equal(buf_append(b, p, n), 0);
    }
}

static void output_of(struct loop *l, const struct child_spec *proto, struct buf *b)
{
    struct child_spec s = *proto;
    struct child *c;
    struct err e = {0};
    int fd[2], code, sig;

    buf_init(b, 100000);
    assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
    s.stdio[1] = fd[1];
    assert_int_equal(child_spawn(l, &s, &c, &e), 0);
    (void)close(fd[1]);
    read_all(fd[0], b);
    assert_int_equal(child_wait(c, &code, &sig), 0);
    assert_int_equal(code, 0);
    child_release(c);
    (void)close(fd[0]);
}

TEST_UV(child_environment)
{
    const char *list[] = {"sh", "-c", "ls /proc/$$/fd; pwd; echo $X$HOME; readlink /proc/$$/fd/0",
                          NULL};
    const char *state[] = {"grep", "-E", "^(SigBlk|SigIgn)", "/proc/self/status", NULL};
    const char *session[] = {"sh", "-c", "test $(cut -d' ' -f6 /proc/$$/stat) = $$ && echo leader",
                             NULL};
    const char *env[] = {"X=y", "PATH=/usr/bin:/bin", NULL};
    struct child_spec s = {
        .argv = list, .env = env, .cwd = "/usr", .stdio = {-1, -1, -1}, .extra_fd = -1};
    int leak = fcntl(STDERR_FILENO, F_DUPFD, 40); /* not close-on-exec, as a careless library's */
    sigset_t some, old;
    struct buf b;

    output_of(arg, &s, &b);
    assert_string_equal(buf_cstr(&b), "0\n1\n2\n/usr\ny\n/dev/null\n");
    buf_fini(&b);
    (void)close(leak);
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &some, &old);
    (void)signal(SIGUSR2, SIG_IGN);
    s = (struct child_spec){.argv = state, .stdio = {-1, -1, -1}, .extra_fd = -1};
    output_of(arg, &s, &b);
    assert_string_equal(buf_cstr(&b), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    buf_fini(&b);
    (void)signal(SIGUSR2, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    s = (struct child_spec){
        .argv = session, .stdio = {-1, -1, -1}, .extra_fd = -1, .new_session = true};
    output_of(arg, &s, &b);
    assert_string_equal(buf_cstr(&b), "leader\n");
    buf_fini(&b);
    return 0;
}

/* Descriptors whose numbers collide with their targets, and the extra one. */
TEST_UV(child_descriptors)
{
    const char *argv[] = {"sh", "-c", "echo out; echo err >&2; echo extra >&3", NULL};
    struct child_spec s = {.argv = argv, .stdio = {-1, -1, -1}, .extra_fd = -1};
    int out[2], err[2], extra[2], code, sig;
    char got[16] = {0};
    struct child *c;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    assert_int_equal(pipe2(extra, O_CLOEXEC), 0);
    s.stdio[1] = out[1];
    s.stdio[2] = err[1];
    s.extra_fd = extra[1];
    assert_int_equal(child_spawn(arg, &s, &c, NULL), 0);
    assert_int_equal(child_wait(c, &code, &sig), 0);
    assert_int_equal(code, 0);
    child_release(c);
    assert_int_equal(read(out[0], got, sizeof got), 4);
    assert_memory_equal(got, "out\n", 4);
    assert_int_equal(read(err[0], got, sizeof got), 4);
    assert_memory_equal(got, "err\n", 4);
    assert_int_equal(read(extra[0], got, sizeof got), 6);
    assert_memory_equal(got, "extra\n", 6);
    for (int i = 0; i < 2; i++) {
        (void)close(out[i]);
        (void)close(err[i]);
        (void)close(extra[i]);
    }
    return 0;
}

TEST_UV(child_failures)
{
    const char *missing[] = {"no-such-program-here", NULL};
    const char *ok[] = {"true", NULL};
    struct child_spec s = {.argv = missing, .stdio = {-1, -1, -1}, .extra_fd = -1};
    struct child *c;
    struct err e;
    int n = 0, rc;

    if (getenv("TW_UNDER_VALGRIND") != NULL) {
        return 0; /* it makes vfork a fork, which hides that exec failed */
    }
    assert_int_equal(child_spawn(arg, &s, &c, &e), -ERR_NOTFOUND);
    assert_non_null(strstr(e.text, "no-such-program-here"));
    s.argv = ok;
    s.cwd = "/no/such/folder";
    assert_int_equal(child_spawn(arg, &s, &c, &e), -ERR_NOTFOUND);
    assert_non_null(strstr(e.text, "/no/such/folder"));
    s.cwd = NULL;
    s.stdio[1] = 9999;
    assert_true(child_spawn(arg, &s, &c, &e) < 0);
    s.stdio[1] = -1;
    do {
        mem_fail_at((uint64_t)++n, 0);
        rc = child_spawn(arg, &s, &c, &e);
        mem_fail_at(0, 0);
    } while (rc == -ERR_NOMEM);
    assert_int_equal(rc, 0);
    child_release(c);
    return 0;
}

/* Other children of the process are not ours to reap; a released one is. */
TEST_UV(only_ours_are_reaped)
{
    const char *argv[] = {"sh", "-c", "sleep 0.05", NULL};
    struct child_spec s = {.argv = argv, .stdio = {-1, -1, -1}, .extra_fd = -1};
    struct co_deadline d;
    struct child *c;
    pid_t other = fork(), pid;
    int status, code, sig;

    if (other == 0) {
        _exit(3);
    }
    assert_int_equal(child_spawn(arg, &s, &c, NULL), 0);
    pid = child_pid(c);
    co_deadline_begin(&d, 1);
    assert_int_equal(co_sleep(MS), -ERR_TIMEOUT);
    assert_int_equal(child_wait(c, &code, &sig), -ERR_TIMEOUT);
    co_deadline_end(&d);
    child_release(c);
    /* A zombie would be found for ever. (Valgrind has no pidfds: there it goes with the next
     * spawn.) */
    while (getenv("TW_UNDER_VALGRIND") == NULL && kill(pid, 0) == 0) {
        assert_int_equal(co_sleep(5 * MS), 0);
    }
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 3);
    /* One that still lives when the loop is freed. */
    assert_int_equal(child_spawn(arg, &s, &c, NULL), 0);
    child_release(c);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONLY_UV(child_ends),     ONLY_UV(child_environment),    ONLY_UV(child_descriptors),
        ONLY_UV(child_failures), ONLY_UV(only_ours_are_reaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
