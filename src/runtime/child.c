/*
 * Child processes. posix_spawn does the start (it shares memory with the child until exec, so a
 * large parent costs nothing, and it reports a failed exec); every descriptor is close-on-exec, and
 * closefrom in the child makes sure. The end is seen by a pidfd, and only this pid is reaped: other
 * children of the process are none of our business.
 *
 * A struct child is owned by the caller until child_release; if the process still lives then, the
 * loop keeps it to reap it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/loop_priv.h"

#define LOOK_US 5000 /* between two looks at a child without a pidfd */
#define HIGH_FD 16   /* copies of what is passed lie above the targets 0 to 3 */

extern char **environ;

struct child {
    struct loop *loop;
    pid_t pid;
    int pid_fd;
    bool ended;
    int exit_code, signal;     /* valid when ended */
    struct child *prev, *next; /* among the loop's orphans */
};

struct spawn {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int copies[4]; /* of stdio and extra_fd; -1 = none */
};

/* Copies first, so that passing 1 as 2 and 2 as 1 works. */
static int add_fd(struct spawn *s, int i, int fd)
{
    if (fd < 0) {
        return i < 3 ? posix_spawn_file_actions_addopen(&s->actions, i, "/dev/null",
                                                        i == 0 ? O_RDONLY : O_WRONLY, 0)
                     : 0;
    }
    s->copies[i] = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (s->copies[i] < 0) {
        return errno;
    }
    return posix_spawn_file_actions_adddup2(&s->actions, s->copies[i], i);
}

static int prepare(struct spawn *s, const struct child_spec *spec)
{
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;
    int rc = 0;

    for (int i = 0; rc == 0 && i < 3; i++) {
        rc = add_fd(s, i, spec->stdio[i]);
    }
    if (rc == 0) {
        rc = add_fd(s, 3, spec->extra_fd);
    }
    if (rc == 0) {
        rc = posix_spawn_file_actions_addclosefrom_np(&s->actions, spec->extra_fd >= 0 ? 4 : 3);
    }
    if (rc == 0 && spec->cwd != NULL) {
        rc = posix_spawn_file_actions_addchdir_np(&s->actions, spec->cwd);
    }
    /* Not sigfillset: it leaves out two signals of the C library's own, which the child would then
     * ignore. */
    memset(&all, 0xff, sizeof all);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_setsigdefault(&s->attr, &all);
    (void)posix_spawnattr_setsigmask(&s->attr, &none);
    if (spec->new_session) {
        flags |= POSIX_SPAWN_SETSID;
    }
    (void)posix_spawnattr_setflags(&s->attr, (short)flags);
    return rc;
}

static int spawn(const struct child_spec *spec, pid_t *ret_pid)
{
    struct spawn s = {.copies = {-1, -1, -1, -1}};
    char *const *env = spec->env != NULL ? (char *const *)(uintptr_t)spec->env : environ;
    int rc;

    rc = posix_spawn_file_actions_init(&s.actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&s.attr);
    if (rc == 0) {
        rc = prepare(&s, spec);
        if (rc == 0) {
            rc = posix_spawnp(ret_pid, spec->argv[0], &s.actions, &s.attr,
                              (char *const *)(uintptr_t)spec->argv, env);
        }
        (void)posix_spawnattr_destroy(&s.attr);
    }
    (void)posix_spawn_file_actions_destroy(&s.actions);
    for (int i = 0; i < 4; i++) {
        if (s.copies[i] >= 0) {
            (void)close(s.copies[i]);
        }
    }
    return rc;
}

/* Which of the two paths was wrong; the spawn tells only an errno. */
static int spawn_failed(const struct child_spec *spec, int errnum, struct err *e)
{
    if (spec->cwd != NULL && access(spec->cwd, X_OK) != 0) {
        return err_errno(e, errnum, "cannot start %s in the folder %s", spec->argv[0], spec->cwd);
    }
    return err_errno(e, errnum, "cannot start %s", spec->argv[0]);
}

/* 0 when it has been reaped. Also if somebody else took its status: then nobody saw the exit, and
 * it counts as such. */
static int reap(struct child *c, int options)
{
    siginfo_t info;
    int rc;

    if (c->ended) {
        return 0;
    }
    do {
        info.si_pid = 0;
        rc = waitid(P_PID, (id_t)c->pid, &info, WEXITED | options);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0 && info.si_pid == 0) {
        return -ERR_BUSY;
    }
    c->ended = true;
    c->exit_code = -1;
    if (rc == 0 && info.si_code == CLD_EXITED) {
        c->exit_code = info.si_status;
    } else if (rc == 0) {
        c->signal = info.si_status;
    }
    return 0;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

int child_wait(struct child *c, int *ret_exit_code, int *ret_signal)
{
    int rc = co_check(co_self());

    while (rc == 0 && reap(c, WNOHANG) != 0) {
        rc = c->pid_fd >= 0 ? co_wait_fd(c->pid_fd, LOOP_READ, NULL) : co_sleep(LOOK_US);
    }
    if (rc == 0) {
        *ret_exit_code = c->exit_code;
        *ret_signal = c->signal;
    }
    return rc;
}

static void child_free(struct child *c)
{
    if (c->pid_fd >= 0) {
        (void)close(c->pid_fd);
    }
    mem_free(c);
}

static void orphan_forget(struct child *c)
{
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        *loop_orphans(c->loop) = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    child_free(c);
}

static void orphan_ended(void *arg, int fd, int events)
{
    struct child *c = arg;

    (void)events;
    if (reap(c, WNOHANG) == 0) {
        (void)loop_watch_fd(c->loop, fd, 0, NULL, NULL);
        orphan_forget(c);
    }
}

static void reap_unwatched(struct loop *l)
{
    struct child *next;

    for (struct child *c = *loop_orphans(l); c != NULL; c = next) {
        next = c->next;
        if (c->pid_fd < 0 && reap(c, WNOHANG) == 0) {
            orphan_forget(c);
        }
    }
}

int child_spawn(struct loop *l, const struct child_spec *s, struct child **ret, struct err *e)
{
    struct child *c;
    int rc = loop_want_uv(l, "child processes", e);

    if (rc != 0) {
        return rc;
    }
    reap_unwatched(l);
    c = mem_zalloc(sizeof *c);
    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "cannot start %s: out of memory", s->argv[0]);
    }
    rc = spawn(s, &c->pid);
    if (rc != 0) {
        mem_free(c);
        return spawn_failed(s, rc, e);
    }
    c->loop = l;
    c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pid_fd >= 0) {
        (void)fcntl(c->pid_fd, F_SETFD, FD_CLOEXEC);
    } else if (errno != ENOSYS) {
        rc = err_errno(e, errno, "pidfd_open for %s", s->argv[0]);
        (void)kill(c->pid, SIGKILL);
        (void)reap(c, 0);
        mem_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void child_release(struct child *c)
{
    struct child **first;

    if (c == NULL) {
        return;
    }
    if (reap(c, WNOHANG) == 0) {
        child_free(c);
        return;
    }
    if (c->pid_fd >= 0 && loop_watch_fd(c->loop, c->pid_fd, LOOP_READ, orphan_ended, c) != 0) {
        (void)close(c->pid_fd); /* out of memory: it is reaped at the next spawn instead */
        c->pid_fd = -1;
    }
    first = loop_orphans(c->loop);
    c->next = *first;
    if (*first != NULL) {
        (*first)->prev = c;
    }
    *first = c;
}

void child_drop_orphans(struct child *first)
{
    while (first != NULL) {
        struct child *next = first->next;

        (void)reap(first, WNOHANG);
        child_free(first);
        first = next;
    }
}
