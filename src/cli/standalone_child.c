#include "cli/standalone_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/sd_notify.h"
#include "cli/supervised.h"
#include "runtime/loop.h"

#define LINE_MAX_BYTES KiB(64)

extern char **environ;

void standalone_wake(struct standalone *s)
{
    s->changed = true;
    if (s->conductor != NULL) {
        co_wake(s->conductor);
    }
}

void standalone_signal(struct service_child *c, int signum)
{
    if (c->process != NULL) {
        (void)kill(child_pid(c->process), signum);
    }
}

/* ---- its output ---- */

struct output {
    struct standalone *of;
    const char *name;
    int fd;
    struct buf line;
};

/* Never waits: who reads our output slowly must not hold up the supervisor. */
static void emit(struct standalone *s, const char *name, const char *line, size_t n)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    struct buf b BUF_CLEANUP;

    if (poll(&p, 1, 0) <= 0 || (p.revents & POLLOUT) == 0) {
        s->lost_lines++;
        return;
    }
    buf_init(&b, LINE_MAX_BYTES * 2);
    if (s->json && n > 1 && line[0] == '{') {
        (void)buf_printf(&b, "{\"process\":\"%s\",", name);
        (void)buf_append(&b, line + 1, n - 1);
        (void)buf_char(&b, '\n');
    } else {
        (void)buf_printf(&b, "%-10s | %.*s\n", name, (int)n, line);
    }
    if (buf_status(&b) == 0 && log_write(b.p, b.len) < 0) {
        s->lost_lines++;
    }
}

static void emit_lines(struct output *o, bool all)
{
    size_t at = 0;

    while (at < o->line.len) {
        const char *nl = memchr(o->line.p + at, '\n', o->line.len - at);
        size_t n = nl != NULL ? (size_t)(nl - (o->line.p + at)) : o->line.len - at;

        if (nl == NULL && !all && n < LINE_MAX_BYTES / 2) {
            break;
        }
        if (n > 0) {
            emit(o->of, o->name, o->line.p + at, n);
        }
        at += n + (nl != NULL);
    }
    buf_consume(&o->line, at);
}

/* Until nobody has the other end: a process that it started may have it longer than itself. */
static int copy_output(void *arg)
{
    struct output *o = arg;
    char part[4096];
    size_t n = 1;
    int rc = 0;

    while (rc == 0 && n > 0) {
        rc = co_read(o->fd, part, sizeof part, &n);
        if (rc == 0 && n > 0) {
            rc = buf_append(&o->line, part, n);
            emit_lines(o, false);
        }
    }
    emit_lines(o, true);
    (void)close(o->fd);
    buf_fini(&o->line);
    mem_free(o);
    return 0;
}

/* ---- its end ---- */

static int wait_for_end(void *arg)
{
    struct service_child *c = arg;
    int code = -1, signum = 0, rc = child_wait(c->process, &code, &signum);

    child_release(c->process);
    c->process = NULL;
    c->pid = 0;
    if (c->life_fd >= 0) {
        (void)close(c->life_fd);
        c->life_fd = -1;
    }
    if (rc == 0) {
        supervisor_exited(&c->machine, code, signum, loop_now_us(c->of->loop));
        standalone_wake(c->of);
    }
    return 0;
}

/* ---- its start ---- */

static bool is_ours(const char *entry)
{
    static const char *const names[] = {"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
                                        "TRADEWIND_TERMINAL=", (SUPERVISED_ENV "=")};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(entry, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The environment, but for what is between us and who started us. In the arena. */
static const char **child_environment(const struct service_child *c, struct arena *a)
{
    size_t n = 0, len = 0;
    const char **env;
    char tty[64];

    while (environ[n] != NULL) {
        n++;
    }
    env = arena_array(a, n + 5, sizeof *env);
    for (size_t i = 0; env != NULL && i < n; i++) {
        if (!is_ours(environ[i])) {
            env[len++] = environ[i];
        }
    }
    if (env == NULL) {
        return NULL;
    }
    env[len++] = arena_printf(a, "NOTIFY_SOCKET=%s", c->of->notify_name);
    env[len++] = arena_printf(a, SUPERVISED_ENV "=%d", (int)getpid());
    if (c->machine.policy.watchdog_us > 0) {
        env[len++] =
            arena_printf(a, "WATCHDOG_USEC=%lld", (long long)c->machine.policy.watchdog_us);
    }
    /* Where the person is who started us: what must stand in no log is told there. */
    if (isatty(STDERR_FILENO) && ttyname_r(STDERR_FILENO, tty, sizeof tty) == 0) {
        env[len++] = arena_printf(a, "TRADEWIND_TERMINAL=%s", tty);
    }
    for (size_t i = len - 3; i < len; i++) {
        if (env[i] == NULL) {
            return NULL;
        }
    }
    return env;
}

static void close_pair(int *fds)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

/* Its write end does not wait either: a line that finds no room is lost, and the process goes on. */
static int make_pipes(int *in, int *out, struct err *e)
{
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0) {
        return err_errno(e, errno, "cannot make a pipe");
    }
    (void)fcntl(out[1], F_SETPIPE_SZ, (int)MiB(1));
    return 0;
}

static int follow(struct service_child *c, int out_fd, struct err *e)
{
    struct output *o = mem_zalloc(sizeof *o);
    int rc;

    if (o == NULL) {
        (void)close(out_fd);
        return err_set(e, ERR_NOMEM, "out of memory for a process");
    }
    *o = (struct output){.of = c->of, .name = c->name, .fd = out_fd};
    buf_init(&o->line, LINE_MAX_BYTES);
    rc = co_spawn(&c->of->group, "output", copy_output, o, NULL, e);
    if (rc != 0) {
        (void)close(out_fd);
        mem_free(o);
        return rc;
    }
    return co_spawn(&c->of->group, "process", wait_for_end, c, NULL, e);
}

int standalone_spawn(struct service_child *c, struct err *e)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, rc = make_pipes(in, out, e);
    struct child_spec spec = {.argv = c->argv, .extra_fd = -1, .new_session = true};
    struct arena a;

    arena_init(&a, MiB(4));
    if (rc == 0) {
        spec.env = child_environment(c, &a);
        spec.stdio[0] = in[0];
        spec.stdio[1] = spec.stdio[2] = out[1];
        rc = spec.env != NULL ? child_spawn(c->of->loop, &spec, &c->process, e)
                              : err_set(e, ERR_NOMEM, "out of memory for an environment");
    }
    arena_fini(&a);
    if (rc != 0) {
        close_pair(in);
        close_pair(out);
        return rc;
    }
    (void)close(in[0]);
    (void)close(out[1]);
    c->life_fd = in[1];
    c->pid = child_pid(c->process);
    c->status[0] = '\0';
    rc = follow(c, out[0], e);
    if (rc != 0) { /* nobody would see its end */
        standalone_signal(c, SIGKILL);
        child_release(c->process);
        c->process = NULL;
    }
    return rc;
}

/* ---- what it tells ---- */

int standalone_listen(struct standalone *s, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof at;
    int on = 1;

    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->notify_fd < 0) {
        return err_errno(e, errno, "cannot make the socket of the processes");
    }
    /* An address that the kernel chooses, in the abstract names: no file is left behind, no path is too long. */
    if (bind(s->notify_fd, (struct sockaddr *)&at, sizeof(sa_family_t)) != 0 ||
        setsockopt(s->notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
        getsockname(s->notify_fd, (struct sockaddr *)&at, &len) != 0 ||
        len <= offsetof(struct sockaddr_un, sun_path) + 1) {
        return err_errno(e, errno, "cannot listen to the processes");
    }
    (void)snprintf(s->notify_name, sizeof s->notify_name, "@%.*s",
                   (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
    return 0;
}

static struct service_child *child_of(struct standalone *s, pid_t pid)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->children[i].process != NULL && s->children[i].pid == pid) {
            return &s->children[i];
        }
    }
    return NULL;
}

static void hear_line(struct service_child *c, const char *line, int64_t now)
{
    supervisor_heard(&c->machine, now);
    if (strcmp(line, "READY=1") == 0) {
        if (c->machine.state == SUPERVISOR_STARTING) {
            supervisor_ready(&c->machine, now);
            log_info("supervisor", "%s is ready (process %lld)", c->name, (long long)c->pid);
        }
    } else if (strncmp(line, "STATUS=", 7) == 0) {
        (void)snprintf(c->status, sizeof c->status, "%s", line + 7);
    } else if (strcmp(line, SD_NOTIFY_DRAINED) == 0) {
        c->of->drained = c->of->stopping = true;
    }
}

static void hear_message(struct standalone *s, char *text, pid_t pid)
{
    struct service_child *c = child_of(s, pid);

    for (char *p = text; c != NULL && *p != '\0';) {
        size_t n = strcspn(p, "\n");
        bool more = p[n] != '\0';

        p[n] = '\0';
        hear_line(c, p, loop_now_us(s->loop));
        p += n + more;
    }
    if (c != NULL) {
        standalone_wake(s);
    }
}

int standalone_hear(void *arg)
{
    struct standalone *s = arg;
    union {
        char room[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    char text[4096];
    int rc = 0;

    while (rc == 0) {
        struct iovec part = {text, sizeof text - 1};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(s->notify_fd, &m, MSG_CMSG_CLOEXEC);
        const struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
        struct ucred who = {0};

        if (n < 0) {
            rc = co_wait_fd(s->notify_fd, LOOP_READ, NULL);
            continue;
        }
        if (h != NULL && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(h), sizeof who);
        }
        text[n] = '\0';
        hear_message(s, text, who.pid);
    }
    return rc;
}
