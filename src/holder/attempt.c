/*
 * An attempt's life in the holder.
 *
 *   QUEUED ──begin──> RUNNING ──main process ended──> CLEANING ──nothing left──> ENDED
 *     │  └─Python──> STARTING ──pid──┘                                             ^
 *     └──────── could not start, or killed ────────────────────────────────────────┘
 *
 *   transition             function
 *   (none) -> QUEUED       attempt_add
 *   QUEUED -> RUNNING      begin: intent journalled, process spawned, `started` journalled
 *   QUEUED -> STARTING     runner_start_attempt
 *   STARTING -> RUNNING    attempt_runs, by the keeper's `pid` (control.c)
 *   STARTING -> QUEUED     attempt_again: its runner died before it began
 *   RUNNING -> CLEANING    main_ended, by waitpid or the keeper's `exit`; leftovers get SIGTERM
 *   any -> ENDED           attempt_finish, attempt_fail
 *   ENDED -> (none)        attempt_forget
 *
 * Ending a tree: NONE -> TERM (SIGTERM to all that live) -> FORCE (SIGKILL in rounds until nothing
 * is left). Whatever is born meanwhile is below us too, since we are the subreaper of everything
 * that we start, and the next round finds it.
 *
 * Invariants:
 *
 * H1  At most one argv attempt is RUNNING or CLEANING (holder.current): all that lives below the
 *     holder is its.
 *
 * H2  A process is spawned only after the journal says so (intent): a holder that dies in between
 *     leaves an attempt whose exit nobody saw, never one that seems not to have begun (rules 2, 8).
 *
 * H3  An attempt ENDS only when none of its processes lives. (Of a Python attempt the keeper, or
 *     the holder in its place, sees to it.)
 *
 * H4  An end is kept until it is acknowledged: in the attempt itself, whose memory was got before
 *     it began; no failure of memory or disk loses it while the holder lives.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "holder/priv.h"
#include "holder/spawn.h"

#define INTENT_RETRY_US 100000
#define INTENT_GIVE_UP_US \
    10000000                  /* how long a start waits for a journal that cannot be written \
                               */
#define SENDS_MAX       2     /* runners that may die with an attempt before it begins */
#define AGAIN_US        20000 /* until the end of a runner is seen on its other descriptors too */
#define FORCE_PAUSE_US  2000
#define FORCE_PAUSE_MAX 100000
#define FORCE_ROUNDS    8
#define READ_MAX        ((size_t)1 << 20) /* of one attempt's output in one turn */

static void begin(struct holder *h, struct attempt *a);
static void step(struct holder *h, struct attempt *a);

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void attempt_add(struct holder *h, struct attempt *a)
{
    assert(a->state == ATTEMPT_QUEUED && a->next == NULL);
    a->holder = h;
    *h->attempts_end = a;
    h->attempts_end = &a->next;
    h->attempts_len++;
}

struct attempt *attempt_find(struct holder *h, const char *id)
{
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (strcmp(a->id, id) == 0) {
            return a;
        }
    }
    return NULL;
}

void attempt_free(struct attempt *a)
{
    if (a != NULL) {
        output_fini(&a->output);
        wire_reader_fini(&a->control_reader);
        arena_fini(&a->arena);
        mem_free(a);
    }
}

/* Events of this turn may still name it: it is freed at the turn's end. */
static void unlink_attempt(struct holder *h, struct attempt *a)
{
    struct attempt **p = &h->attempts;

    while (*p != a) {
        p = &(*p)->next;
    }
    *p = a->next;
    if (h->attempts_end == &a->next) {
        h->attempts_end = p;
    }
    h->attempts_len--;
    a->next = h->dead;
    h->dead = a;
}

void attempt_forget(struct holder *h, struct attempt *a)
{
    assert(a->state == ATTEMPT_ENDED);
    unlink_attempt(h, a);
    records_shorten(h);
}

void attempts_forget_queued(struct holder *h)
{
    for (struct attempt *a = h->attempts, *next; a != NULL; a = next) {
        next = a->next;
        if (a->state == ATTEMPT_QUEUED && !a->intent_written) {
            unlink_attempt(h, a);
        }
    }
}

/* ---- the end ---- */

void attempt_finish(struct holder *h, struct attempt *a)
{
    assert(a->state != ATTEMPT_ENDED);
    assert(a->exited || a->error[0] != '\0');
    if (a->output_source.fd >= 0) {
        holder_unwatch(h, &a->output_source);
    }
    control_closed(h, a);
    output_close(&a->output, h->chunk, h->now_us);
    if (h->current == a) {
        bool grew = cgroup_oom_grew(h);

        a->oom =
            grew && a->exited && WIFSIGNALED(a->wait_status) && WTERMSIG(a->wait_status) == SIGKILL;
        h->current = NULL;
    }
    if (a->ended_us == 0) {
        a->ended_us = clock_wall_us();
        a->duration_us = a->started_boot_us != 0 ? clock_boot_us() - a->started_boot_us : 0;
    }
    a->state = ATTEMPT_ENDED;
    arena_fini(&a->arena); /* the environment's secrets go with it */
    a->argv = NULL;
    a->script = NULL;
    a->env = NULL;
    a->spec = a->secrets = NULL;
    records_write(h);
}

void attempt_fail(struct holder *h, struct attempt *a, const char *error)
{
    (void)snprintf(a->error, sizeof a->error, "%s", error);
    attempt_finish(h, a);
}

/* ---- ending a tree ---- */

/* What lives of an attempt. Below a keeper everything is its task's; an orphaned task is found by
 * its pid and session. */
static void collect(struct holder *h, const struct attempt *a)
{
    size_t kept = 0;

    h->tree.len = 0;
    if (!a->python) {
        tree_add_below(&h->tree, getpid());
        return;
    }
    if (a->keeper != 0 && !a->keeper_gone && process_lives(a->keeper, a->keeper_start)) {
        tree_add_below(&h->tree, a->keeper);
        return;
    }
    tree_add_below(&h->tree, getpid());
    for (size_t i = 0; i < h->tree.len; i++) { /* parents come before their children */
        const struct tree_process *p = &h->tree.items[i];
        bool ours = (p->pid == a->pid && p->start == a->pid_start) ||
                    (a->pid > 0 && p->session == a->pid) || process_has_attempt(p->pid, a->id);

        for (size_t k = 0; !ours && k < kept; k++) {
            ours = h->tree.items[k].pid == p->ppid;
        }
        if (ours) {
            h->tree.items[kept++] = *p;
        }
    }
    h->tree.len = kept;
}

static void force(struct holder *h, struct attempt *a)
{
    a->kill = KILL_FORCE;
    /* A process with SIGKILL pending cannot fork: each round leaves only what was born before its
     * parent was reached. */
    for (int i = 0; i < FORCE_ROUNDS; i++) {
        collect(h, a);
        if (h->tree.len == 0 || tree_signal(&h->tree, SIGKILL) == 0) {
            break;
        }
    }
    a->kill_pause_us =
        a->kill_pause_us == 0 ? FORCE_PAUSE_US : earlier(a->kill_pause_us * 2, FORCE_PAUSE_MAX);
    a->kill_at_us = h->now_us + a->kill_pause_us;
}

static void end_tree(struct holder *h, struct attempt *a, int64_t grace_us)
{
    if (a->kill == KILL_FORCE) {
        return;
    }
    if (grace_us <= 0) {
        force(h, a);
        return;
    }
    if (grace_us > INT64_MAX / 2) {
        grace_us = INT64_MAX / 2;
    }
    if (a->kill == KILL_TERM) {
        a->kill_at_us = earlier(a->kill_at_us, h->now_us + grace_us);
        return;
    }
    a->kill = KILL_TERM;
    a->kill_at_us = h->now_us + grace_us;
    collect(h, a);
    (void)tree_signal(&h->tree, SIGTERM);
    (void)tree_signal(&h->tree, SIGCONT); /* a stopped process takes SIGTERM only when it goes on */
}

void attempt_kill(struct holder *h, struct attempt *a, const char *reason, int64_t grace_us)
{
    if (a->state == ATTEMPT_ENDED) {
        return;
    }
    if (!a->killed && a->state != ATTEMPT_CLEANING) {
        a->killed = true;
        (void)snprintf(a->reason, sizeof a->reason, "%s", reason);
    }
    switch (a->state) {
    case ATTEMPT_QUEUED:
        attempt_fail(h, a, "killed before it started");
        return;
    case ATTEMPT_STARTING:
        if (runner_take_back(h, a)) {
            attempt_fail(h, a, "killed before it started");
            return;
        }
        /* nothing to signal yet: its pid, or the end of the grace, comes first
         */
        if (a->kill == KILL_NONE) {
            a->kill = KILL_TERM;
            a->kill_at_us = h->now_us + (grace_us > 0 && grace_us < INT64_MAX / 2 ? grace_us : 0);
        }
        return;
    default:
        end_tree(h, a, grace_us);
    }
}

/* ---- the course of events ---- */

void attempt_runs(struct holder *h, struct attempt *a)
{
    assert(a->state == ATTEMPT_STARTING);
    a->state = ATTEMPT_RUNNING;
    a->started_us = clock_wall_us();
    a->started_boot_us = clock_boot_us();
    records_write(h);
    if (a->killed) { /* asked for before there was anything to end */
        int64_t left_us = a->kill_at_us - h->now_us;

        a->kill = KILL_NONE;
        end_tree(h, a, left_us > 0 ? left_us : 0);
    }
}

void attempt_again(struct holder *h, struct attempt *a)
{
    assert(a->state == ATTEMPT_STARTING && a->control.fd < 0);
    if (a->output_source.fd >= 0) {
        holder_unwatch(h, &a->output_source);
        (void)close(a->output_source.fd);
        a->output_source.fd = a->output.fd = -1;
    }
    a->state = ATTEMPT_QUEUED;
    a->not_before_us = h->now_us + AGAIN_US;
}

static void main_ended(struct holder *h, struct attempt *a, int status)
{
    a->exited = true;
    a->wait_status = status;
    a->ended_us = clock_wall_us();
    a->duration_us = clock_boot_us() - a->started_boot_us;
    a->state = ATTEMPT_CLEANING;
}

void attempt_child_ended(struct holder *h, pid_t pid, int status)
{
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if ((a->state == ATTEMPT_RUNNING || a->state == ATTEMPT_CLEANING) && a->pid == pid &&
            !a->exited) {
            main_ended(h, a, status);
            return;
        }
        if (a->keeper == pid && a->state != ATTEMPT_ENDED) {
            a->keeper_gone = true;
        }
    }
}

/* The main process has ended: is anything left? */
static void step_cleaning(struct holder *h, struct attempt *a)
{
    if (!a->python && h->childless) {
        attempt_finish(h, a);
        return;
    }
    if (a->python) {
        collect(h, a);
        if (h->tree.len == 0) {
            attempt_finish(h, a);
            return;
        }
    }
    if (a->kill == KILL_NONE) {
        end_tree(h, a, a->grace_us);
    }
}

static void step_starting(struct holder *h, struct attempt *a)
{
    if (a->kill != KILL_NONE && h->now_us >= a->kill_at_us) {
        attempt_fail(h, a, "killed before it started");
    } else if (h->now_us >= a->begun_boot_us + LIMIT_PYTHON_START_S * INT64_C(1000000)) {
        attempt_fail(
            h, a, "the Python runner did not start it in time: importing its file takes too long");
    }
}

static void step(struct holder *h, struct attempt *a)
{
    if (a->held && h->now_us >= a->held_until_us) {
        control_retry(h, a);
    }
    if (a->state == ATTEMPT_STARTING) {
        step_starting(h, a);
        return;
    }
    if (a->state != ATTEMPT_RUNNING && a->state != ATTEMPT_CLEANING) {
        return;
    }
    if (a->state == ATTEMPT_RUNNING && a->timeout_us > 0 && !a->killed &&
        h->now_us - a->started_boot_us >= a->timeout_us) {
        attempt_kill(h, a, "timeout", a->grace_us);
    }
    if (a->state == ATTEMPT_CLEANING) {
        step_cleaning(h, a);
    }
    if (a->state != ATTEMPT_ENDED && a->kill != KILL_NONE && h->now_us >= a->kill_at_us) {
        force(h, a);
    }
}

/* The next of the queue. Python attempts do not wait for each other. */
void attempts_start(struct holder *h)
{
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (a->state == ATTEMPT_QUEUED && h->now_us >= a->not_before_us &&
            (a->python || h->current == NULL)) {
            begin(h, a);
        }
        if (!a->python && (h->current != NULL || a->state == ATTEMPT_QUEUED)) {
            break; /* in the order of their starts, also when the first must wait for the journal */
        }
    }
}

void attempts_step(struct holder *h)
{
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        step(h, a);
    }
}

int64_t attempts_deadline(const struct holder *h)
{
    int64_t at = INT64_MAX;

    for (const struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (a->state == ATTEMPT_QUEUED && a->not_before_us != 0) {
            at = earlier(at, a->not_before_us);
        }
        if (a->state == ATTEMPT_STARTING) {
            at = earlier(at, a->begun_boot_us + LIMIT_PYTHON_START_S * INT64_C(1000000));
        }
        if (a->state == ATTEMPT_RUNNING && a->timeout_us > 0 && !a->killed) {
            at = earlier(at, a->started_boot_us + a->timeout_us);
        }
        if (a->state != ATTEMPT_ENDED && a->state != ATTEMPT_QUEUED && a->kill != KILL_NONE) {
            at = earlier(at, a->kill_at_us);
        }
        if (a->held) {
            at = earlier(at, a->held_until_us);
        }
        if (a->python && a->state == ATTEMPT_CLEANING) {
            at = earlier(at, h->now_us + FORCE_PAUSE_MAX);
        }
    }
    return at;
}

/* ---- the beginning ---- */

static void output_ready(struct holder *h, struct source *s, uint32_t events)
{
    struct attempt *a = s->owner;

    /* What the task asked to be masked came before what it then wrote. */
    if (a->control.fd >= 0) {
        control_ready(h, &a->control, 0);
        if (a->output_source.fd < 0 || a->held) {
            return;
        }
    }
    /* The pipe is closed by the reading: it must leave the loop first, while its number is still
     * its own. */
    if (!output_read(&a->output, h->chunk, READ_MAX, h->now_us)) {
        a->output_source.fd = -1;
    }
}

/* The pipe's writing end, or an error. The reading end is watched. */
static int pipe_open(struct holder *h, struct attempt *a, int *ret_fd, struct err *e)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_errno(e, errno, "cannot make a pipe");
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    a->output.fd = fds[0];
    a->output_source.ready = output_ready;
    a->output_source.owner = a;
    if (holder_watch(h, &a->output_source, fds[0], EPOLLIN) != 0) {
        (void)close(fds[1]);
        return err_set(e, ERR_IO, "cannot watch a pipe");
    }
    *ret_fd = fds[1];
    return 0;
}

/* H2. False: not now, or not at all. */
static bool intent(struct holder *h, struct attempt *a)
{
    struct err e = {0};

    if (a->intent_written || record_intent(h, a, &e) == 0) {
        return true;
    }
    if (a->give_up_us == 0) {
        a->give_up_us = h->now_us + INTENT_GIVE_UP_US;
    }
    if (h->now_us >= a->give_up_us) {
        attempt_fail(h, a, err_str(&e));
    } else {
        a->not_before_us = h->now_us + INTENT_RETRY_US;
    }
    return false;
}

/* What must be in no command line: a file without a name, which only the process can read. */
static int script_open(const char *text, int *ret, struct err *e)
{
    size_t n = strlen(text), done = 0;
    int made = memfd_create("script", MFD_CLOEXEC), fd;

    while (made >= 0 && done < n) {
        ssize_t k = write(made, text + done, n - done);

        if (k < 0 && errno != EINTR) {
            break;
        }
        done += k > 0 ? (size_t)k : 0;
    }
    /* Above 3, as all descriptors of the holder. */
    fd = made >= 0 && done == n && lseek(made, 0, SEEK_SET) == 0 ? fcntl(made, F_DUPFD_CLOEXEC, 4)
                                                                 : -1;
    if (fd < 0) {
        (void)err_errno(e, errno, "cannot hand the script over");
    }
    if (made >= 0) {
        (void)close(made);
    }
    *ret = fd;
    return fd < 0 ? -1 : 0;
}

static void begin(struct holder *h, struct attempt *a)
{
    struct spawn spawn = {
        .argv = a->argv,
        .env = a->env,
        .cwd = a->cwd,
        .extra = -1,
        .cgroup_fd = h->cgroup_procs,
        .oom_score_adj_reset = h->oom_score_adj,
    };
    struct tree_process self;
    struct err e = {0};
    int rc, out = -1;

    if (a->error[0] != '\0') { /* its message already said something impossible */
        attempt_finish(h, a);
        return;
    }
    if (a->sends >= SENDS_MAX) {
        char words[512];

        attempt_fail(h, a, runner_last_words(h, words, sizeof words));
        return;
    }
    if (!intent(h, a)) {
        return;
    }
    rc = pipe_open(h, a, &out, &e);
    if (rc != 0) {
        attempt_fail(h, a, err_str(&e));
        return;
    }
    if (a->python) {
        runner_start_attempt(h, a, out);
        return;
    }
    if (a->script != NULL && script_open(a->script, &spawn.extra, &e) != 0) {
        (void)close(out);
        attempt_fail(h, a, err_str(&e));
        return;
    }
    spawn.out = spawn.errout = out;
    a->started_us = clock_wall_us();
    a->started_boot_us = clock_boot_us();
    rc = spawn_process(&spawn, &a->pid, &e);
    (void)close(out);
    if (spawn.extra >= 0) {
        (void)close(spawn.extra);
    }
    if (rc != 0) {
        a->pid = 0;
        attempt_fail(h, a, err_str(&e));
        return;
    }
    h->current = a;
    h->childless = false;
    a->state = ATTEMPT_RUNNING;
    a->pid_start = process_read(a->pid, &self) ? self.start : 0;
    records_write(h);
}
