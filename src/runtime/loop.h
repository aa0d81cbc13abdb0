/*
 * The event loop: timers, descriptors, child processes and offloaded work for coroutines. Two implementations behind one interface:
 * libuv, and virtual time (when nothing is ready the clock jumps to the next timer; offloaded work completes in
 * order; no descriptors or processes). Code above never sees libuv.
 */
#ifndef TW_RUNTIME_LOOP_H
#define TW_RUNTIME_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/co.h"

struct loop;

struct loop_config {
    size_t stack_bytes;    /* of each coroutine; 0 = LIMIT_CO_STACK */
    int64_t wall_start_us; /* virtual loop: wall clock at start */
    uint64_t
        seed; /* virtual loop: when offloaded work runs relative to ready coroutines; 0 = after all of them */
};

int loop_uv_new(const struct loop_config *c, struct loop **ret, struct err *e);
int loop_virtual_new(const struct loop_config *c, struct loop **ret, struct err *e);
void loop_free(struct loop *l); /* no coroutine may live */
/* Runs until no coroutine of the loop lives, or loop_stop. -ERR_FAILED on the virtual loop when all wait and no timer is left (deadlock;
 * the text names them, and all are abandoned as in a crash). */
int loop_run(struct loop *l, struct err *e);
void loop_stop(
    struct loop *
        l); /* loop_run returns soon; coroutines stay as they are and go on with the next loop_run */
/* Runs fn as the root coroutine in the loop's root group, and the loop until it is done; then cancels and joins the rest of the root
 * group; returns fn's result (or loop_run's error). */
int loop_main(struct loop *l, co_fn fn, void *arg, struct err *e);
struct co_group *loop_root(struct loop *l);
struct loop *loop_current(void); /* the loop of the running coroutine */

int64_t
loop_now_us(struct loop *l); /* monotonic; counts suspend of the machine too (CLOCK_BOOTTIME) */
int64_t loop_wall_us(struct loop *l); /* may jump */
/* Virtual loop only, without running timers in between: moves the wall clock (a jump, either way), or both clocks (forward). */
void loop_virtual_jump_wall(struct loop *l, int64_t by_us);
void loop_virtual_advance(struct loop *l, int64_t by_us);
/* Virtual loop only: called at every suspension, and when offloaded work has run but its caller does not know yet, with a running
 * number (one series for both); returning true crashes: loop_run returns -ERR_CANCELED at once
 * and all coroutines are abandoned (their stacks freed without running). For crash simulation. */
void loop_virtual_on_suspend(struct loop *l, bool (*fn)(void *arg, uint64_t n), void *arg);

/* ---- descriptors (uv loop only) ---- */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
/* SUSPENDS until ready. The descriptor must be non-blocking; one waiter for reading, one for writing. May end without cause: try and
 * wait again. ret_events may be NULL. A descriptor that nobody waits for may be closed at any time, without telling the loop. */
int co_wait_fd(int fd, int events, int *ret_events);
/* SUSPENDS as needed (and now and then although ready, for fairness). -ERR_CLOSED, -ERR_IO ... */
int co_read(int fd, void *p, size_t n,
            size_t *ret_n); /* what is there, at least 1 byte; *ret_n = 0: end of stream */
int co_read_exact(int fd, void *p, size_t n); /* -ERR_CLOSED at an early end */
int co_write_all(int fd, const void *p,
                 size_t n); /* after an error an unknown part was written. Pipes: ignore SIGPIPE */
int co_accept(int listen_fd, int *ret_fd); /* close-on-exec, non-blocking */
int co_connect_unix(const char *path, int *ret_fd,
                    struct err *e); /* paths longer than sun_path are handled */
int listen_unix(const char *path, int *ret_fd,
                struct err *e); /* replaces a dead socket file; mode 0600; -ERR_BUSY if alive */

/* ---- child processes (uv loop only) ---- */
struct child_spec {
    const char *const *argv; /* argv[0] is looked up in the caller's PATH if it has no slash */
    const char *const *env;  /* NULL = inherit */
    const char *cwd;         /* NULL = inherit */
    int stdio[3];            /* descriptors to pass; -1 = /dev/null */
    int extra_fd;            /* passed as descriptor 3; -1 = none */
    bool new_session;        /* outlives us: setsid, not killed with us */
};
/* The child gets these descriptors and no others, default signal dispositions and an empty mask. Does not suspend. */
struct child;
int child_spawn(struct loop *l, const struct child_spec *s, struct child **ret, struct err *e);
pid_t child_pid(const struct child *c);
/* SUSPENDS until it ended. Exit code and 0, or -1 and the signal; -1 and 0 when somebody else took its status (exit not seen). */
int child_wait(struct child *c, int *ret_exit_code, int *ret_signal);
void child_release(
    struct child *c); /* stop caring; the process goes on (a zombie is still reaped) */

/* ---- offload: blocking calls on threads, a pool per use ---- */
struct pool;
/* threads >= 1. On the virtual loop there are none: work runs when its turn comes, in order. */
int pool_new(struct loop *l, const char *name, int threads, struct pool **ret, struct err *e);
void pool_free(
    struct pool *p); /* waits (blocking the thread) for what runs or is queued; before loop_free */
/* SUSPENDS until fn(arg) has run on a thread of the pool; returns its result. Not interruptible: when cancelled meanwhile it still returns
 * fn's result, and the next suspending call sees the cancel. When cancelled (or late) before, fn does not run. */
int co_offload(struct pool *p, int (*fn)(void *arg), void *arg);

/* ---- signals (uv loop only) ---- */
/* SUSPENDS until the process gets it. From the first wait on, the signal is caught for the life of the loop, and one that comes between
 * two waits ends the next one. Several may wait for the same: all are woken. */
int co_wait_signal(int signum);

/* As long as the group is there, on_signal(arg, signum) is called each time that the process gets the signal, in a coroutine of its own:
 * it may suspend. -ERR_NOMEM. */
typedef void on_signal_fn(void *arg, int signum);
int co_on_signal(struct co_group *group, int signum, on_signal_fn *on_signal, void *arg,
                 struct err *e);

#endif
