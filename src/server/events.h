/*
 * What changed, told to browsers: one watcher per server process looks at the store (watch.c) and puts what it found into a ring; any number
 * of streams (/ui/events) read from it. However many streams there are, the scheduler and the store are asked by the watcher alone,
 * and only while somebody listens.
 *
 *   watcher (its own thread and loop) -> ring (under a lock) -> each server thread is woken by a descriptor -> its streams
 *
 * An event has a number; `id: SERIES-NUMBER`. The series is another one after each start of the watcher, and what has left the ring is
 * gone: a stream that cannot go on where it was told to gets one event `refresh` of topic "all".
 */
#ifndef TW_SERVER_EVENTS_H
#define TW_SERVER_EVENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/co.h"

struct err;
struct events;
struct loop;

#define EVENTS_RING        8192 /* events kept */
#define EVENTS_TOPICS      512  /* that all streams together may name */
#define EVENTS_ID_MAX      64
#define EVENTS_TICK_US     250000
#define EVENTS_LINGER_US   60000000 /* the watcher goes on for so long after the last stream */
#define EVENTS_BATCH_RUNS  200      /* more changes of runs in one look are one refresh */
#define EVENTS_BATCH_TASKS 500      /* of tasks of one run */

struct event {
    uint64_t n;
    const char *type;      /* literal */
    char *data;            /* JSON; owned */
    char *dag_id, *run_id; /* of an event for those who named them alone; or NULL: for all. Owned */
};

struct topic {
    char *dag_id, *run_id; /* owned; run_id NULL: all runs of the DAG */
    unsigned refs;
    uint64_t serial; /* of this naming: another one when it was free in between */
};

int events_new(const char *home, struct events **ret, struct err *e);
/* Starts the watcher's thread. */
int events_start(struct events *v, struct err *e);
void events_free(struct events *v); /* stops it; no stream may live */

/* ---- of a server thread ---- */
struct events_thread {
    struct events *events;
    int fd;              /* readable: there is something new */
    struct co_cond cond; /* its streams */
    bool stopping;
    struct co_group group;
    struct events_thread *next;
};
int events_join(struct events *v, struct events_thread *t, struct loop *l, struct err *e);
void events_leave(struct events_thread *t); /* SUSPENDS. Its streams end themselves */

/* ---- of the watcher (watch.c) ---- */
int events_watch(void *arg); /* the root coroutine of its loop; arg: struct events */
const char *events_home(const struct events *v);
int events_stop_fd(const struct events *v);
/* Whether anybody listens, or did until a moment ago. */
bool events_wanted(struct events *v, int64_t now_us);
/* A copy of the topics that are named now; *ret: mem_free, each text too (events_topics_free). -ERR_NOMEM */
int events_topics(struct events *v, struct topic **ret, size_t *ret_len);
void events_topics_free(struct topic *t, size_t n);
/* Whether it has had its first look: what changes from then on is told. */
void events_set_primed(struct events *v, bool primed);
void events_new_series(struct events *v);
/* Takes data and the ids over. Not seen before events_flush. Out of memory: the reader is told to refresh. */
void events_put(struct events *v, const char *type, char *data, const char *dag_id,
                const char *run_id);
void events_flush(struct events *v); /* wakes the readers, if there is something new */

#endif
