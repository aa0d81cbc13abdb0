/*
 * clone(CLONE_VM | CLONE_VFORK): the child runs on the parent's memory, on a stack of its own,
 * while the parent waits; no page tables are copied, so that a start costs the same whatever the
 * holder's size. Therefore the child may only make system calls and write its report: every string
 * is prepared before.
 */
#include "holder/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define CHILD_STACK 32768

struct child {
    const struct spawn *spawn;
    const char *path; /* what to execute; relative to the new folder */
    int null_fd;
    const char *step; /* the child's report: what failed, and why */
    int errnum;
};

/* What the holder ignores for itself, and its tasks must not. SIGXFSZ: a size limit is an error of write, like a full disk. */
static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

void spawn_signals(void)
{
    /* The kernel's own form: the C library keeps signals 32 and 33 to itself, but they may be inherited ignored. */
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {.handler = SIG_DFL};

    for (int i = 1; i < _NSIG; i++) {
        (void)syscall(SYS_rt_sigaction, i, &action, NULL, sizeof action.mask);
    }
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
}

/* All others are default since spawn_signals; execve resets what is caught. */
static void default_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        (void)sigaction(ignored[i], &action, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void write_path(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!write(fd, text, strlen(text));
        (void)close(fd);
    }
}

/* In the child: shares the parent's memory until execve. */
static int child_main(void *arg)
{
    struct child *c = arg;
    const struct spawn *s = c->spawn;
    int first_closed = s->extra >= 0 ? 4 : 3;

    (void)setsid();
    if (s->cgroup_fd >= 0) {
        (void)!write(s->cgroup_fd, "0", 1); /* without it there is only no word of memory limits */
    }
    c->step = "cannot set up its descriptors";
    /* The holder keeps its own descriptors above 3, so that none of these is overwritten before it
     * is used. */
    if (dup2(c->null_fd, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->errout, 2) < 0 ||
        (s->extra >= 0 && dup2(s->extra, 3) < 0)) {
        c->errnum = errno;
        _exit(127);
    }
    (void)syscall(SYS_close_range, first_closed, ~0u, 0);
    if (s->oom_score_adj_reset != 0) {
        write_path("/proc/self/oom_score_adj", "0");
    }
    (void)umask(022);
    if (s->cwd != NULL && chdir(s->cwd) != 0) {
        c->step = "cannot change to the folder";
        c->errnum = errno;
        _exit(127);
    }
    default_signals();
    (void)execve(c->path, s->argv, s->env);
    c->step = "cannot execute";
    c->errnum = errno;
    _exit(127);
}

static const char *env_get(char *const *env, const char *name)
{
    size_t n = strlen(name);

    for (; *env != NULL; env++) {
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
            return *env + n + 1;
        }
    }
    return NULL;
}

static int executable(int cwd_fd, const char *path)
{
    struct stat st;

    if (fstatat(cwd_fd, path, &st, 0) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return EACCES;
    }
    return faccessat(cwd_fd, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* argv[0] as a path: as it is, or the first executable of that name in PATH. */
static int look_up(const struct spawn *s, char path[PATH_MAX], struct err *e)
{
    const char *name = s->argv[0];
    const char *search = env_get(s->env, "PATH");
    int worst = ENOENT, cwd_fd = AT_FDCWD;

    if (strchr(name, '/') != NULL) {
        if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX) {
            return err_set(e, ERR_LIMIT, "cannot execute: the path is too long");
        }
        return 0;
    }
    search = search != NULL ? search : "/usr/local/bin:/usr/bin:/bin";
    if (s->cwd != NULL) {
        cwd_fd = open(s->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cwd_fd < 0) {
            return err_errno(e, errno, "cannot change to the folder %s", s->cwd);
        }
    }
    for (const char *p = search;;) {
        size_t n = strcspn(p, ":");
        int rc = snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, p, n != 0 ? "/" : "./", name);

        rc = rc < PATH_MAX ? executable(cwd_fd, path) : ENAMETOOLONG;
        if (rc == 0) {
            break;
        }
        if (rc == EACCES) {
            worst = EACCES; /* found, but not to be executed: says more than "not found" */
        }
        p += n;
        if (*p++ == '\0') {
            path[0] = '\0';
            break;
        }
    }
    if (cwd_fd != AT_FDCWD) {
        (void)close(cwd_fd);
    }
    if (path[0] == '\0') {
        return err_errno(e, worst, "cannot execute %s (PATH is %s)", name, search);
    }
    return 0;
}

int spawn_process(const struct spawn *s, pid_t *ret_pid, struct err *e)
{
    char path[PATH_MAX];
    char stack[CHILD_STACK] __attribute__((aligned(64)));
    struct child child = {.spawn = s, .path = path};
    sigset_t all, old;
    pid_t pid;
    int rc = look_up(s, path, e);

    if (rc != 0) {
        return rc;
    }
    child.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (child.null_fd < 0) {
        return err_errno(e, errno, "cannot open /dev/null");
    }
    /* No handler of the parent may run on the child's side of the shared memory. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &old);
    pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
    rc = pid < 0 ? errno : 0;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    (void)close(child.null_fd);
    if (pid < 0) {
        return err_errno(e, rc, "cannot make a process");
    }
    if (child.errnum != 0) {
        (void)!waitpid(pid, NULL, 0);
        if (s->cwd != NULL && strcmp(child.step, "cannot change to the folder") == 0) {
            return err_errno(e, child.errnum, "%s %s", child.step, s->cwd);
        }
        return err_errno(e, child.errnum, "%s %s", child.step, path);
    }
    *ret_pid = pid;
    return 0;
}
