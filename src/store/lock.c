#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define PASSING_TRIES    300 /* 3 s */
#define PASSING_PAUSE_NS 10000000

struct lock {
    int fd;
};

/* A small file's text, NUL-terminated; its length or -errno. */
static ssize_t read_small(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return -errno;
    }
    n = read(fd, buf, cap - 1);
    n = n < 0 ? -errno : n;
    (void)close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

static uint64_t start_time_of(pid_t pid)
{
    char path[64], text[1024];
    const char *p;
    uint64_t t = 0;

    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    if (read_small(path, text, sizeof text) <= 0) {
        return 0;
    }
    p = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 2; p != NULL && field < 22; field++) {
        p = strchr(p + 1, ' ');
    }
    return p != NULL && sscanf(p, " %" SCNu64, &t) == 1 ? t : 0;
}

static void boot_id(char *buf, size_t cap)
{
    if (read_small("/proc/sys/kernel/random/boot_id", buf, cap) <= 0) {
        (void)snprintf(buf, cap, "-");
    }
    buf[strcspn(buf, "\n")] = '\0';
}

/* Who wrote the file, if it is a process that lives: 0 otherwise. */
static pid_t holder_of(int fd)
{
    char text[128], id[64], now[64];
    uint64_t start;
    long pid;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    if (sscanf(text, "%ld %63s %" SCNu64, &pid, id, &start) != 3) {
        return 0;
    }
    boot_id(now, sizeof now);
    return strcmp(id, now) == 0 && start_time_of((pid_t)pid) == start ? (pid_t)pid : 0;
}

/* Only says who holds the lock: a full disk, where it fails, must not keep the program from
 * starting. */
static void write_self(int fd)
{
    char text[128], id[64];
    int n;

    boot_id(id, sizeof id);
    n = snprintf(text, sizeof text, "%ld %s %" PRIu64 "\n", (long)getpid(), id,
                 start_time_of(getpid()));
    if (pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) != 0) {
        return; /* what half a text says is not believed: holder_of */
    }
}

static int busy(int fd, const char *home, pid_t *ret_holder, struct err *e)
{
    pid_t holder = holder_of(fd);

    if (ret_holder != NULL) {
        *ret_holder = holder;
    }
    if (holder == 0) {
        return err_set(e, ERR_BUSY, "%s is in use by another process", home);
    }
    return err_set(e, ERR_BUSY, "%s is in use by process %ld", home, (long)holder);
}

/*
 * 0, or -1 and errno. That nobody who lives has the lock, and yet it is taken, passes: a process that died had just forked, and its child
 * has not executed another program yet; or the owner has not said yet who it is.
 */
static int take(int fd)
{
    struct timespec pause = {0, PASSING_PAUSE_NS};

    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        int why = errno;

        if (why != EINTR && (why != EWOULDBLOCK || i >= PASSING_TRIES || holder_of(fd) != 0)) {
            errno = why;
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

int lock_acquire(const char *home, struct lock **ret, pid_t *ret_holder, struct err *e)
{
    size_t room = strlen(home) + sizeof "/lock";
    MEM_CLEANUP char *path = mem_alloc(room);
    MEM_CLEANUP struct lock *lock = mem_zalloc(sizeof *lock);
    int fd, rc;

    if (path == NULL || lock == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    (void)snprintf(path, room, "%s/lock", home);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "%s", path);
    }
    rc = take(fd);
    if (rc != 0) {
        rc = errno == EWOULDBLOCK ? busy(fd, home, ret_holder, e) : err_errno(e, errno, "%s", path);
    }
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    write_self(fd);
    lock->fd = fd;
    *ret = mem_take(lock);
    return 0;
}

void lock_release(struct lock *lock)
{
    if (lock != NULL) {
        /* Nobody is named while nobody holds it; the lock itself ends with close. */
        if (ftruncate(lock->fd, 0) != 0) {
            /* The text then names a process that will be dead: holder_of sees that. */
        }
        (void)close(lock->fd);
        mem_free(lock);
    }
}
