/*
 * The local executor's own state; private to this folder. local.c opens with the states and
 * invariants.
 */
#ifndef TW_EXEC_LOCAL_LOCAL_H
#define TW_EXEC_LOCAL_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prng.h"
#include "base/wire.h"
#include "exec/executor.h"
#include "holder/holder.h"
#include "holder/tree.h"
#include "runtime/co.h"

struct link;
struct local;
struct value;

/* ---- attempts ---- */

enum job_state {
    JOB_SOUGHT,  /* adoption: the store knows it, no holder has spoken of it yet */
    JOB_WAITING, /* for a slot */
    JOB_SENT,    /* to its link's holder, which has not confirmed it */
    JOB_STARTED,
    JOB_ENDED, /* told to the engine; until exec_ack */
};

struct grave { /* the journal of a dead holder: kept, and locked, until all that it tells is
                  acknowledged */
    int fd;
    int jobs;
    char name[HOLDER_ID_MAX + 16];
};

struct job {
    struct job *hash_next;
    TAILQ_ENTRY(job) in_queue; /* local.waiting, local.deferred or link.jobs */
    struct uuid attempt;
    char id[UUID_TEXT_MAX];
    enum job_state state;
    bool python;
    char *interpreter; /* owned; NULL = the configured one */
    struct buf frame;  /* the `start` message, until a holder confirmed it */
    struct link *link; /* SENT, STARTED, ENDED; NULL when its holder is dead or never was */
    struct grave *grave;
    int sends;
    bool deferred; /* in local.deferred: its end is ours to tell */
    bool kill;     /* asked for */
    bool urgent;   /* starts while paused, too */
    char reason[HOLDER_REASON_MAX];
    int64_t grace_us;
    char error[256]; /* deferred: why it could not start */
};
TAILQ_HEAD(job_list, job);

/* ---- holders ---- */

enum link_state {
    LINK_LOST,  /* no connection: its coroutine finds out whether the holder lives */
    LINK_FRESH, /* just started by us: starts may be sent before its hello */
    LINK_READY,
    LINK_GONE, /* the holder is dead and buried; the link is about to be freed */
};

struct link {
    TAILQ_ENTRY(link) in_list;
    struct local *local;
    char id[HOLDER_ID_MAX + 1];
    enum link_state state;
    bool python;
    char *interpreter; /* owned; NULL = the configured one */
    bool retiring;     /* of an interpreter that we do not know: nothing new is sent */
    bool settled;      /* adoption: what it holds is known */
    bool writing;      /* a coroutine writes the rest of `out` */
    bool dying;        /* an unanswering holder was killed by us */
    bool told;         /* that it is not understood */
    int fd;            /* -1 = none */
    int64_t pid;
    struct wire_reader reader;
    struct buf out;
    struct job_list jobs; /* SENT and STARTED */
    int jobs_len;
    int more_ends; /* of the hello at hand: that many `ended` belong to it */
};
TAILQ_HEAD(link_list, link);

struct parse_wait {
    TAILQ_ENTRY(parse_wait) in_list;
    struct link *link;
    int64_t id;
    bool done;
    int rc;
    char *response; /* owned */
    struct err *e;
    struct co *waiter;
};
TAILQ_HEAD(parse_list, parse_wait);

#define JOB_BUCKETS 1024

struct local {
    struct executor base;
    struct loop *loop;
    struct co_group group;
    char *dir, *program; /* owned */
    struct arena config; /* copies of the vectors */
    char *const *base_env;
    char *const *python_argv, *const *python_env;
    int idle_exit_s;
    int dir_fd;
    char boot_id[BOOT_ID_MAX];
    uint64_t next_id; /* of holders that we start */
    int64_t next_parse;

    struct job *jobs[JOB_BUCKETS]; /* by attempt */
    struct job_list waiting, deferred;
    struct link_list links;
    struct parse_list parses;
    struct co_cond changed; /* a deferred end; a link settled */
    bool paused;            /* nothing is taken from `waiting` */
    bool closing;
};

/* local.c */
struct job *job_find(struct local *l, const struct uuid *attempt);
struct job *job_new(struct local *l,
                    const struct uuid *attempt); /* NULL when out of memory; is in the table */
void job_free(struct local *l, struct job *j);   /* leaves the table, its link and its queue */
void job_to_link(struct job *j, struct link *k, enum job_state state);
void job_wait(struct local *l, struct job *j, bool first); /* to the queue */
void job_defer_end(struct local *l, struct job *j, const char *error);
void job_started(struct local *l, struct job *j, int64_t pid, int64_t at_us);
void job_ended(struct local *l, struct job *j, const struct exec_end *end);
void job_requeue(struct local *l, struct job *j, const char *why); /* its holder never began it */
void local_dispatch(struct local *l);

/* link.c */
/* "TRADEWIND_HOLDER=<id>" (holder/tree.h): in the environment of the holder and of its runner. */
#define HOLDER_MARK_MAX (sizeof HOLDER_MARK "=" + HOLDER_ID_MAX)
void link_mark(const char *id, char buf[HOLDER_MARK_MAX]);
int link_start(struct local *l, bool python, const char *interpreter, struct link **ret,
               struct err *e); /* a new holder */
int link_find(struct local *l, const char *holder_id,
              struct err *e); /* one of the folder; settles by itself */
int link_send(struct link *k, const void *frame,
              size_t n); /* -ERR_NOMEM; a lost connection is no error */
int link_send_kill(struct link *k, const char *id, const char *reason, int64_t grace_us);
int link_send_ack(struct link *k, const char *id);
int link_send_simple(struct link *k, const char *type);
void link_free(struct link *k);

/* message.c */
int message_start(struct local *l, const struct exec_spec *s, const char *id, struct buf *out,
                  struct err *e);
int message_setup(struct local *l, const struct link *k, struct buf *out);
int message_parse(int64_t id, const char *request_json, struct buf *out);
/* -ERR_PROTOCOL. Texts of *ret are borrowed from the message. */
int message_ended_read(const struct value *message, struct exec_end *ret);
int message_started_read(const struct value *message, struct uuid *ret_attempt, int64_t *ret_pid,
                         uint64_t *ret_pid_start, int64_t *ret_at_us);

/* dead.c */
/* SUSPENDS. The holder of the link is dead and its journal locked by us (fd, taken; -1: there is
 * none): ends what its attempts left behind, tells what became of them, and puts those that it
 * never began back into the queue. 0, or -ERR_CANCELED. */
int holder_bury(struct local *l, struct link *k, int fd);

#endif
