/*
 * Stackful coroutines on one event loop. One loop, one thread; a coroutine never migrates. Only the loop resumes; a wake puts the
 * coroutine on one FIFO.
 *
 * Cancellation is sticky: co_cancel makes the suspending call at hand, and all later ones, return -ERR_CANCELED; it outranks
 * ordinary wakeups and deadlines, and is idempotent. It never destroys a stack: the coroutine returns by itself. Cleanup that
 * must wait runs between co_shield_begin and co_shield_end, where cancellation is not seen (until the shield's own deadline).
 * Structure: children live in a group; leaving the group's scope cancels and joins. "Waiting failed" and "the child's result"
 * are kept apart.
 *
 * Every function marked SUSPENDS must be called on a coroutine, never under CO_NO_SUSPEND, and errno is meaningless after it.
 */
#ifndef TW_RUNTIME_CO_H
#define TW_RUNTIME_CO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct co;
struct loop;
struct err;

typedef int (*co_fn)(void *arg); /* its result: 0 or negative, as any function's */

/* A scope for children. Lives in the parent's frame (or in a root owner's struct). */
struct co_group {
    struct loop *loop;
    struct co *first; /* live children, newest first, and those done whose result nobody took yet */
    struct co *waiter; /* who joins */
    size_t live;
    bool canceled;
};

void co_group_init(struct co_group *g, struct loop *loop);
/* Starts fn(arg) in the group at the next turn. name is borrowed (a literal). ret_co may be NULL; a co returned here stays valid
 * until co_await takes its result or the group is joined. -ERR_NOMEM; -ERR_LIMIT where the kernel allows no more stacks: the text
 * says which limit (vm.max_map_count) and how to raise it. In a cancelled group: -ERR_CANCELED. Once this returned 0, fn runs, even
 * if it is cancelled before it started (its first suspending call says so): fn may own arg and always gets to free it. */
int co_spawn(struct co_group *g, const char *name, co_fn fn, void *arg, struct co **ret_co,
             struct err *e);
/* Cancels all children (sticky); does not wait. */
void co_group_cancel(struct co_group *g);
/* SUSPENDS until no child lives. If the caller is cancelled meanwhile (or a deadline passes), the children are cancelled and joining
 * goes on; then -ERR_CANCELED (-ERR_TIMEOUT). Never returns while a child lives. */
int co_group_join(struct co_group *g);
/* SUSPENDS. Cancel and join: how every scope ends. */
void co_group_close(struct co_group *g);

/* SUSPENDS until `c` is done. Returns whether the wait succeeded; the child's own result goes to *ret_result, and `c` is gone. After
 * an error `c` may be awaited again. One awaiter at a time. */
int co_await (struct co *c, int *ret_result);
void co_cancel(struct co *c);
struct co *co_self(void); /* NULL outside coroutines */
bool co_canceled(void);   /* the caller was cancelled (and is not shielded) */
const char *co_name(const struct co *c);

/* SUSPENDS. 0, -ERR_CANCELED or -ERR_TIMEOUT (an outer deadline came first). us <= 0 only yields. */
int co_sleep(int64_t us);
int co_yield (void);
/* Everything suspending until co_deadline_end returns -ERR_TIMEOUT once the loop's monotonic clock passes now + us. Nests: the
 * earliest wins. d lives in the caller's frame. */
struct co_deadline {
    struct co_deadline *outer;
    int64_t at_us;
};
void co_deadline_begin(struct co_deadline *d, int64_t us);
void co_deadline_end(struct co_deadline *d);
/* Cleanup that may wait although cancelled, or although an outer deadline has passed: at most us; then -ERR_TIMEOUT. Nests: an inner
 * shield ends no later than an outer one. */
struct co_shield {
    struct co_deadline deadline;
    struct co_shield *outer;
};
void co_shield_begin(struct co_shield *s, int64_t us);
void co_shield_end(struct co_shield *s);

/* The one primitive under everything: SUSPENDS until co_wake(c), cancellation or a deadline. 0 when woken. A wake before the
 * suspend is kept (one permit). Callers loop on their own condition. */
int co_suspend(void);
void co_wake(struct co *c);

/* Debug: a scope in which suspending is a bug (asserted). */
void co_no_suspend_begin(void);
void co_no_suspend_end(void);

/* ---- condition: waiters in FIFO order ---- */
struct co_cond {
    struct co_waiter *first, **last;
};
void co_cond_init(struct co_cond *c);
int co_cond_wait(struct co_cond *c); /* SUSPENDS */
void co_cond_signal(struct co_cond *c);
void co_cond_broadcast(struct co_cond *c);

/* ---- channels: bounded FIFO of pointers ---- */
struct chan;
struct chan *chan_new(size_t capacity);    /* >= 1; NULL when out of memory */
void chan_free(struct chan *c);            /* no waiters may be left */
int chan_send(struct chan *c, void *item); /* SUSPENDS while full; -ERR_CLOSED */
int chan_recv(struct chan *c,
              void **ret); /* SUSPENDS while empty; -ERR_CLOSED when closed and drained */
int chan_try_send(struct chan *c, void *item); /* -ERR_BUSY when full */
int chan_try_recv(struct chan *c, void **ret); /* -ERR_BUSY when empty */
void chan_close(struct chan *c);
size_t chan_len(const struct chan *c);

/* ---- generators: a coroutine that produces values for the one that asks ---- */
struct gen;
typedef int (*gen_fn)(struct gen *g, void *arg);
/* Not started until the first gen_next. */
int gen_new(struct loop *loop, const char *name, gen_fn fn, void *arg, struct gen **ret,
            struct err *e);
/* SUSPENDS. Asks for the next value: 0 and *ret; -ERR_CLOSED when it has returned 0; or its error. */
int gen_next(struct gen *g, void **ret);
int gen_send(struct gen *g, void *value,
             void **ret); /* as gen_next; gen_yield returns `value` through *ret_sent */
int gen_throw(struct gen *g, int error,
              void **ret); /* gen_yield returns `error` in the generator */
void gen_close(
    struct gen *g); /* SUSPENDS. gen_yield returns -ERR_CANCELED; waits for its end; frees */
int gen_yield(struct gen *g, void *value, void **ret_sent); /* inside the generator. SUSPENDS */
int gen_delegate(
    struct gen *g,
    struct gen *inner); /* inside: yields all of inner's values; sends and throws pass through */

#endif
