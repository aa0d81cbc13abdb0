/*
 * Inside of the runtime: the loop, the coroutine, and what the loop's two implementations provide.
 * Only src/runtime and its tests include this.
 */
#ifndef TW_RUNTIME_LOOP_PRIV_H
#define TW_RUNTIME_LOOP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/co.h"
#include "runtime/co_stack.h"
#include "runtime/loop.h"
#include "runtime/timers.h"

enum co_state { CO_SUSPENDED, CO_RUNNING, CO_DONE }; /* a new one is suspended at its beginning */

struct co {
    void *sp;            /* its context while it does not run */
    void *fake;          /* AddressSanitizer's */
    struct stack *stack; /* NULL when done */
    struct loop *loop;
    const char *name; /* borrowed */
    co_fn fn;
    void *arg;
    int result; /* valid when done */
    enum co_state state;
    bool queued; /* in the ready FIFO */
    bool permit; /* co_wake came */
    bool canceled;
    bool interruptible; /* its present suspension ends by cancellation and deadlines */
    bool keep;          /* somebody may await it: the struct outlives the coroutine */
    int no_suspend;
    int io_streak; /* descriptor calls in a row that did not suspend */
    int fd_events; /* what became ready of what it waits for */
    struct co *ready_next;
    struct co *all_prev, *all_next; /* loop->all: live ones */
    struct co_group *group;         /* NULL: joined while somebody awaited it; the awaiter frees */
    struct co *group_prev, *group_next;
    struct co *awaiter;
    struct co_deadline *deadline; /* innermost; at_us is the effective one */
    struct co_shield *shield;     /* innermost */
    struct timer timer;
};

struct loop_ops {
    int64_t (*now_us)(struct loop *l);
    int64_t (*wall_us)(struct loop *l);
    /* Lets time and the world go on until something is ready; does not wait if the FIFO is not
     * empty. */
    int (*turn)(struct loop *l, struct err *e);
    void (*free)(struct loop *l);
};

struct loop {
    const struct loop_ops *ops;
    struct co *running;
    struct co *ready_first, **ready_last;
    struct co *all;
    size_t live;
    struct timers timers;
    struct stack_pool stacks;
    struct co_group root;
    int batch; /* resumes between two turns */
    bool running_loop, stop;
    bool crashed; /* virtual: on_suspend said so */
    bool (*on_suspend)(void *arg, uint64_t n);
    void *on_suspend_arg;
    uint64_t suspensions;
    void *main_sp, *main_fake, *main_fiber;
    const void *main_lo;
    size_t main_size;
};

int loop_init(struct loop *l, const struct loop_ops *ops, const struct loop_config *c);
void loop_abandon(struct loop *l); /* all coroutines: their stacks are freed without running */
struct loop *
loop_enter(struct loop *l); /* makes l the thread's current loop; returns the one before */

void co_resume(struct co *c); /* by the loop only */
void co_discard(struct co *c);
void co_ready(struct co *c); /* puts a suspended coroutine on the FIFO; no permit */
/* SUSPENDS. -ERR_CANCELED, -ERR_TIMEOUT or 0. Asserts that suspending is allowed. Every suspending
 * call begins with it. */
int co_check(struct co *c);
/*
 * SUSPENDS once: until co_ready, or at_us. Interruptible: cancellation and deadlines end it too,
 * and are returned. Callers loop on their own condition.
 */
enum co_block { CO_BLOCK_FIRMLY, CO_BLOCK };
int co_block(struct co *c, int64_t at_us, enum co_block how);
/* Called by descriptor calls that did not wait: yields now and then, so that a fast peer cannot
 * hold the loop. */
int co_io_fair(struct co *c);

/* ---- uv loop only; -ERR_UNSUPPORTED on the other ---- */
bool loop_is_uv(const struct loop *l);
int loop_want_uv(const struct loop *l, const char *what, struct err *e);
/* Persistent watch by callback, level-triggered, on the loop's own stack. events 0 ends it. The
 * descriptor's only watcher. */
typedef void (*fd_fn)(void *arg, int fd, int events);
int loop_watch_fd(struct loop *l, int fd, int events, fd_fn fn, void *arg);
int loop_wait_fd(struct loop *l, int fd, int events, int *ret_events);
int loop_wait_signal(struct loop *l, int signum);

/* Work that is done elsewhere comes back by this. Lives in the waiting frame. */
struct work {
    struct work *next;
    int (*fn)(void *arg);
    void *arg;
    int result;
    bool done;
    struct co *co;
};
void loop_work_done(struct loop *l, struct work *w);  /* from any thread; uv */
void loop_work_queue(struct loop *l, struct work *w); /* virtual: runs at its turn */

void child_drop_orphans(struct child *first);
struct child **loop_orphans(struct loop *l);

#endif
