/* The lock of a TRADEWIND_HOME. */
#include "store/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static char home[] = "/tmp/tw-lock-XXXXXX";

static int set_up(void **state)
{
    return mkdtemp(home) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[64];

    snprintf(path, sizeof path, "%s/lock", home);
    unlink(path);
    return rmdir(home);
}

static void test_lock(void **state)
{
    struct lock *lock = NULL, *second = NULL;
    struct err e = {0};
    pid_t holder = -1;
    char path[64], text[128] = "";
    long pid = 0;
    int fd;

    assert_int_equal(lock_acquire(home, &lock, &holder, &e), 0);
    snprintf(path, sizeof path, "%s/lock", home);
    fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof text - 1) > 40);
    close(fd);
    assert_int_equal(sscanf(text, "%ld", &pid), 1);
    assert_int_equal(pid, getpid());
    assert_int_equal(lock_acquire(home, &second, &holder, &e), -ERR_BUSY);
    assert_int_equal(holder, getpid());
    assert_non_null(strstr(e.text, "in use by process"));
    assert_int_equal(lock_acquire(home, &second, NULL, NULL), -ERR_BUSY);
    lock_release(lock);
    lock_release(NULL);
    assert_int_equal(lock_acquire(home, &lock, NULL, &e), 0);
    lock_release(lock);
    assert_int_equal(lock_acquire("/tmp/tw-no-such-folder", &lock, NULL, &e), -ERR_NOTFOUND);
}

static void test_killed_holder(void **state)
{
    struct lock *lock = NULL;
    struct err e = {0};
    pid_t holder = 0;
    int pipes[2];
    char c;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        if (lock_acquire(home, &lock, NULL, NULL) != 0 || write(pipes[1], "x", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    assert_int_equal(lock_acquire(home, &lock, &holder, &e), -ERR_BUSY);
    assert_int_equal(holder, child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(lock_acquire(home, &lock, &holder, &e), 0);
    lock_release(lock);
    close(pipes[0]);
}

/* A killed owner's child that has not executed another program yet has the lock still: that passes, and is waited for. */
static void test_child_of_killed_holder(void **state)
{
    struct lock *lock = NULL;
    struct err e = {0};
    pid_t child;
    int ends[2], forked[2];
    char c;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(forked), 0);
    child = fork();
    if (child == 0) {
        if (lock_acquire(home, &lock, NULL, NULL) != 0 || fork() != 0 ||
            write(forked[1], "x", 1) != 1) {
            _exit(1); /* the owner dies */
        }
        (void)!read(ends[0], &c, 1); /* its child lives until it is told */
        _exit(0);
    }
    assert_int_equal(read(forked[0], &c, 1), 1);
    waitpid(child, NULL, 0);
    if (fork() == 0) { /* while the lock is waited for */
        usleep(100000);
        _exit(write(ends[1], "x", 1) != 1);
    }
    assert_int_equal(lock_acquire(home, &lock, NULL, &e), 0);
    lock_release(lock);
    wait(NULL);
    close(ends[0]), close(ends[1]), close(forked[0]), close(forked[1]);
}

static void test_no_memory(void **state)
{
    for (uint64_t n = 1; n <= 2; n++) {
        struct lock *lock = NULL;
        struct err e;

        mem_fail_at(n, 0);
        assert_int_equal(lock_acquire(home, &lock, NULL, &e), -ERR_NOMEM);
        mem_fail_at(0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock), cmocka_unit_test(test_killed_holder),
        cmocka_unit_test(test_child_of_killed_holder), cmocka_unit_test(test_no_memory)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
