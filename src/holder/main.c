/*
 * tradewind-holder DIR ID [FD]: owns the processes of attempts, one after another; outlives the
 * engine. The protocol is docs/internals/wire.md. FD is the first engine's connection, inherited,
 * so that a start need not wait for a connect.
 *
 * One turn of the loop: take events, reap, take attempts as far as they go, write the journal, tell
 * the engine, set the timer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "holder/priv.h"
#include "holder/spawn.h"

#define EVENTS_MAX 64
#define FIRST_FD   10 /* the holder's descriptors lie above those that a child is given */

int64_t clock_boot_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int holder_watch(struct holder *h, struct source *s, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = s};

    if (epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return -ERR_IO;
    }
    s->fd = fd;
    return 0;
}

void holder_rewatch(struct holder *h, struct source *s, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = s};

    (void)epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, s->fd, &event);
}

void holder_unwatch(struct holder *h, struct source *s)
{
    if (s->fd >= 0) {
        (void)epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    }
}

static void signals_ready(struct holder *h, struct source *s, uint32_t events)
{
    struct signalfd_siginfo info;

    while (read(s->fd, &info, sizeof info) > 0) {
    }
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0) {
            h->childless = pid < 0 && errno == ECHILD;
            return;
        }
        attempt_child_ended(h, pid, status);
        if (pid == h->runner.pid) {
            runner_ended(h, status);
        }
    }
}

static void timer_ready(struct holder *h, struct source *s, uint32_t events)
{
    uint64_t times;

    (void)!read(s->fd, &times, sizeof times);
    h->timer_us = INT64_MAX;
}

static void timer_set(struct holder *h, int64_t at_us)
{
    struct itimerspec spec = {0};

    if (at_us == h->timer_us) {
        return;
    }
    h->timer_us = at_us;
    if (at_us != INT64_MAX) {
        at_us = at_us > 0 ? at_us : 1;
        spec.it_value.tv_sec = at_us / 1000000;
        spec.it_value.tv_nsec = at_us % 1000000 * 1000 + 1; /* never 0, which would switch it off */
    }
    (void)timerfd_settime(h->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* ---- life ---- */

static bool holds_work(const struct holder *h)
{
    for (const struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (a->state != ATTEMPT_ENDED) {
            return true;
        }
    }
    return false;
}

/* Whether to exit now: told to drain and nothing is held, or idle for too long. An end that only
 * memory knows is stayed for. */
static bool done(struct holder *h)
{
    bool idle = h->engine.socket.fd < 0 && !holds_work(h) && records_written(h);

    if (h->draining && h->attempts == NULL) {
        return true;
    }
    if (!idle) {
        h->idle_since_us = 0;
        return false;
    }
    if (h->idle_since_us == 0) {
        h->idle_since_us = h->now_us;
    }
    return h->now_us - h->idle_since_us >= h->idle_exit_us;
}

static int64_t deadline(const struct holder *h)
{
    int64_t at = attempts_deadline(h);

    if (h->journal_retry_us != 0 && h->journal_retry_us < at) {
        at = h->journal_retry_us;
    }
    if (h->idle_since_us != 0 && h->idle_since_us + h->idle_exit_us < at) {
        at = h->idle_since_us + h->idle_exit_us;
    }
    return at;
}

static void bury(struct holder *h)
{
    while (h->dead != NULL) {
        struct attempt *next = h->dead->next;

        attempt_free(h->dead);
        h->dead = next;
    }
}

static void run(struct holder *h)
{
    struct epoll_event events[EVENTS_MAX];

    for (;;) {
        int n;

        h->now_us = clock_boot_us();
        attempts_step(h);
        records_write(h);
        engine_pump(h); /* ends are told before the next process is made, which takes longer than
                           all else */
        attempts_start(h);
        engine_pump(h);
        bury(h);
        if (done(h)) {
            return;
        }
        timer_set(h, deadline(h));
        n = epoll_wait(h->epoll_fd, events, EVENTS_MAX, -1);
        h->now_us = clock_boot_us();
        for (int i = 0; i < n; i++) {
            struct source *s = events[i].data.ptr;

            if (s->fd >= 0) {
                s->ready(h, s, events[i].events);
            }
        }
    }
}

/* ---- set-up ---- */

static bool id_valid(const char *id)
{
    size_t n = strlen(id);

    return n != 0 && n <= HOLDER_ID_MAX && id[0] != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

/* Descriptors 0 to 9 are /dev/null for good, 2 once the holder has nothing left to complain of;
 * what else was inherited is closed. Returns the connection above them, or -1. */
static int descriptors_set(int inherited)
{
    int kept = inherited >= 0 ? fcntl(inherited, F_DUPFD_CLOEXEC, FIRST_FD) : -1;
    int null = open("/dev/null", O_RDWR);

    for (int fd = 0; fd < FIRST_FD; fd++) {
        if (null >= 0 && fd != null && fd != 2) {
            (void)dup3(null, fd, fd > 2 ? O_CLOEXEC : 0);
        }
    }
    if (kept < 0) {
        (void)close_range(FIRST_FD, ~0u, 0);
        return -1;
    }
    if (kept > FIRST_FD) {
        (void)close_range(FIRST_FD, (unsigned)kept - 1, 0);
    }
    (void)close_range((unsigned)kept + 1, ~0u, 0);
    (void)fcntl(kept, F_SETFL, O_NONBLOCK);
    return kept;
}

static int oom_score_adj_read(void)
{
    char text[32] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        (void)close(fd);
    }
    return (int)strtol(text, NULL, 10);
}

static int journal_open(struct holder *h, struct err *e)
{
    off_t size;
    int rc = journal_lock(h->dir_fd, h->journal_name, true, &h->journal.fd, e);

    if (rc != 0) {
        return rc;
    }
    size = lseek(h->journal.fd, 0, SEEK_END);
    if (size != 0) {
        (void)close(h->journal.fd);
        return err_set(e, ERR_EXISTS, "the journal %s has records of an earlier holder",
                       h->journal_name);
    }
    return 0;
}

static int loop_open(struct holder *h, struct err *e)
{
    sigset_t signals;
    int fd;

    h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (h->epoll_fd < 0) {
        return err_errno(e, errno, "cannot make an epoll");
    }
    /* Ended only by SIGKILL or by itself: whoever stops the engine's group does not stop what it
     * left running. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    spawn_signals();
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    h->signals.ready = signals_ready;
    if (fd < 0 || holder_watch(h, &h->signals, fd, EPOLLIN) != 0) {
        return err_errno(e, errno, "cannot watch for children");
    }
    fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    h->timer.ready = timer_ready;
    h->timer_us = INT64_MAX;
    if (fd < 0 || holder_watch(h, &h->timer, fd, EPOLLIN) != 0) {
        return err_errno(e, errno, "cannot make a timer");
    }
    return 0;
}

static int holder_init(struct holder *h, const char *dir, const char *id, struct err *e)
{
    int rc;

    *h = (struct holder){.idle_exit_us = HOLDER_IDLE_EXIT_S * INT64_C(1000000), .childless = true};
    h->attempts_end = &h->attempts;
    h->engine.answers_end = &h->engine.answers;
    h->runner.frames_end = &h->runner.frames;
    h->signals.fd = h->timer.fd = h->engine.listener.fd = h->engine.socket.fd = -1;
    h->runner.socket.fd = h->runner.errors.fd = -1;
    (void)snprintf(h->id, sizeof h->id, "%s", id);
    (void)snprintf(h->journal_name, sizeof h->journal_name, "%s.journal", id);
    (void)snprintf(h->socket_name, sizeof h->socket_name, "%s.sock", id);
    boot_id_read(h->boot_id);
    h->oom_score_adj = oom_score_adj_read();
    arena_init(&h->setup_arena, MESSAGE_ARENA_MAX);
    buf_init(&h->record, LIMIT_MESSAGE);
    buf_init(&h->engine.out, LIMIT_MESSAGE + MiB(1));
    wire_reader_init(&h->engine.reader);
    wire_reader_init(&h->runner.reader);
    h->chunk = mem_alloc(OUTPUT_CHUNK);
    if (h->chunk == NULL || last_line_init(&h->runner.error_line, true) != 0 ||
        buf_reserve(&h->record, KiB(64)) != 0) {
        return err_set(e, ERR_NOMEM, "no memory");
    }
    (void)mkdir(dir, 0700);
    h->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h->dir_fd < 0 || fchdir(h->dir_fd) != 0) {
        return err_errno(e, errno, "cannot enter the folder %s", dir);
    }
    rc = journal_open(h, e);
    if (rc == 0) {
        rc = loop_open(h, e);
    }
    if (rc == 0) {
        rc = engine_listen(h, h->socket_name, e);
    }
    if (rc == 0) {
        cgroup_open(h);
    }
    return rc;
}

/* The socket's name goes first: who finds it gone looks at the journal, whose lock goes last. */
static void holder_fini(struct holder *h)
{
    bool empty = h->attempts == NULL;

    (void)unlinkat(h->dir_fd, h->socket_name, 0);
    engine_close(h);
    runner_stop(h);
    cgroup_close(h);
    if (empty) {
        (void)unlinkat(h->dir_fd, h->journal_name, 0);
    }
    (void)close(h->journal.fd);
}

int main(int argc, char **argv)
{
    static struct holder holder;
    struct err e = {0};
    int fd = -1, rc;

    if (argc < 3 || argc > 4 || !id_valid(argv[2])) {
        (void)fprintf(stderr,
                      "usage: tradewind-holder DIR ID [FD]\n"
                      "Owns the processes of task attempts; started by tradewind, not by hand.\n");
        return 64;
    }
    if (argc == 4) {
        fd = (int)strtol(argv[3], NULL, 10);
    }
    fd = descriptors_set(fd);
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rc = holder_init(&holder, argv[1], argv[2], &e);
    if (rc != 0) {
        (void)fprintf(stderr, "tradewind-holder: %s\n", err_str(&e));
        return err_exit_code(rc);
    }
    (void)dup2(0, 2);
    if (fd >= 0) {
        engine_adopt_socket(&holder, fd);
    }
    run(&holder);
    holder_fini(&holder);
    return 0;
}
