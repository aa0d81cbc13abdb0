/*
 * The holder's own state; private to this folder. One thread, one epoll; everything hangs on struct
 * holder.
 */
#ifndef TW_HOLDER_PRIV_H
#define TW_HOLDER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/prng.h"
#include "base/wire.h"
#include "holder/holder.h"
#include "holder/journal.h"
#include "holder/output.h"
#include "holder/tree.h"

struct holder;
struct json_writer;
struct value;

/* A descriptor that the loop watches. */
struct source {
    int fd; /* -1: not watched; events that were reported before are dropped */
    void (*ready)(struct holder *h, struct source *s, uint32_t events);
    void *owner;
};

/* ---- attempts (attempt.c opens with the states and transitions) ---- */

enum attempt_state {
    ATTEMPT_QUEUED,   /* waits for the one before it */
    ATTEMPT_STARTING, /* Python: with the runner, the task process is not known yet */
    ATTEMPT_RUNNING,
    ATTEMPT_CLEANING, /* its main process ended; what it left behind is being ended */
    ATTEMPT_ENDED,    /* the end is kept until it is acknowledged */
};

enum kill_phase { KILL_NONE, KILL_TERM, KILL_FORCE };

struct attempt {
    struct attempt *next; /* in the order of their starts */
    struct holder *holder;
    enum attempt_state state;
    char id[UUID_TEXT_MAX];
    bool python;

    /* What to run; in the arena, until it ended. */
    struct arena arena;
    char *const *argv;
    const char *script; /* descriptor 3 of the process, or NULL */
    char *const *env;   /* complete */
    const char *cwd;
    const struct value *spec; /* of a Python attempt */
    const struct value *secrets;
    int64_t timeout_us, grace_us;

    struct output output;
    struct source output_source;
    struct source control; /* Python: the keeper's socket */
    struct wire_reader control_reader;
    int sends;    /* Python: how often it was given to a runner */
    pid_t keeper; /* Python: the task's parent; 0 = not known */
    uint64_t keeper_start;
    bool keeper_gone;
    bool held; /* Python: a message could not be taken for want of memory; its output waits too */
    int64_t held_until_us;
    size_t secret_bytes; /* Python: of secrets that the task named */

    pid_t pid;
    uint64_t pid_start;
    int64_t begun_boot_us; /* given to the runner, or spawned; 0 = not yet */
    int64_t started_us, started_boot_us;
    int64_t not_before_us; /* QUEUED: the journal could not be written; the next try */
    int64_t give_up_us;

    enum kill_phase kill;
    bool killed; /* by request or timeout: `reason` is reported */
    char reason[HOLDER_REASON_MAX];
    int64_t kill_at_us; /* TERM: when the grace ends; FORCE: the next round */
    int64_t kill_pause_us;

    bool exited; /* wait_status is the main process's */
    int wait_status;
    bool oom;
    char error[512]; /* not "": why it could not start, or HOLDER_NOT_SEEN */
    int64_t ended_us, duration_us;

    /* What was told to whom (record.c, engine.c). */
    bool intent_written, started_written, ended_written;
    bool started_sent, ended_sent;
};

void attempt_add(struct holder *h, struct attempt *a);
void attempt_free(struct attempt *a);
struct attempt *attempt_find(struct holder *h, const char *id);
void attempt_kill(struct holder *h, struct attempt *a, const char *reason, int64_t grace_us);
/* A child of the holder ended. */
void attempt_child_ended(struct holder *h, pid_t pid, int status);
/* Takes every attempt as far as it can go now. */
void attempts_step(struct holder *h);
/* Begins those that wait and may. */
void attempts_start(struct holder *h);
/* When attempts_step is to be called again at the latest; INT64_MAX: only after an event. */
int64_t attempts_deadline(const struct holder *h);
/* The end of an attempt, whatever its state. */
void attempt_finish(struct holder *h, struct attempt *a);
/* Python: the task's process is known. */
void attempt_runs(struct holder *h, struct attempt *a);
/* Python: the runner died before the task began; it is given to another one. */
void attempt_again(struct holder *h, struct attempt *a);
void attempt_fail(struct holder *h, struct attempt *a, const char *error);
/* The engine's connection is gone: starts that wait are forgotten. */
void attempts_forget_queued(struct holder *h);
/* The attempt's end is durable with the engine: it is forgotten. */
void attempt_forget(struct holder *h, struct attempt *a);

/* ---- Python (runner.c, control.c) ---- */

struct runner_frame {
    struct runner_frame *next;
    char attempt[UUID_TEXT_MAX]; /* whose start it is, or "" */
    char *bytes;                 /* owned */
    size_t len, sent;
    int fds[2]; /* owned; -1 = none */
};

struct parse_request {
    struct parse_request *next;
    char id[]; /* JSON text of the engine's id */
};

struct runner {
    char *const *argv; /* NULL: this holder has no Python; in the holder's setup arena */
    char *const *env;
    const char *cwd;
    pid_t pid; /* 0 = none runs */
    struct source socket, errors;
    struct wire_reader reader;
    struct runner_frame *frames, **frames_end;
    struct parse_request *parses;
    struct last_line error_line; /* the last line that the runner wrote */
};

/* Gives the attempt and its pipe to the runner. On failure the attempt is failed. */
void runner_start_attempt(struct holder *h, struct attempt *a, int out_fd); /* takes out_fd */
int runner_parse(struct holder *h, const char *id_json, const struct value *request);
void runner_ended(struct holder *h, int status); /* its process was reaped */
void runner_stop(struct holder *h);
/* The start is not sent yet, and is not going to be. False: too late. */
bool runner_take_back(struct holder *h, const struct attempt *a);
const char *runner_last_words(struct holder *h, char *text, size_t n);
void control_ready(struct holder *h, struct source *s, uint32_t events);
void control_closed(struct holder *h, struct attempt *a);
void control_retry(struct holder *h, struct attempt *a);

/* ---- the engine's connection (engine.c), messages (message.c) ---- */

struct engine {
    int version; /* what we say is of this one: set by setup */
    struct source listener, socket;
    struct wire_reader reader;
    struct buf out;
    bool set_up;                   /* setup was received on this connection */
    bool hello_due;                /* and is yet to be answered */
    bool writing;                  /* waits for room in the socket */
    struct parsed_answer *answers; /* `parsed` messages to send */
    struct parsed_answer **answers_end;
};
struct parsed_answer {
    struct parsed_answer *next;
    size_t len;
    char body[];
};

int engine_listen(struct holder *h, const char *name, struct err *e);
void engine_adopt_socket(struct holder *h, int fd); /* takes fd: the new connection */
void engine_close(struct holder *h);
void engine_pump(struct holder *h);
/* Queues a `parsed` message. `response` or `error` is NULL. -ERR_NOMEM. */
int engine_parsed(struct holder *h, const char *id_json, const struct value *response,
                  const char *error);

#define MESSAGE_ARENA_MAX (8 * LIMIT_MESSAGE) /* of one parsed message */
/* Makes an attempt from a `start`, and takes over the arena that the message was parsed into. On an
 * error *ret is still set (unless there was no memory for it, or no attempt was named; *ret is then
 * left alone): an attempt that can only fail. */
int message_start(struct holder *h, struct arena *arena, const struct value *message,
                  struct attempt **ret, struct err *e);
/* The members of `started` and `ended`; with the boot id for the journal. */
void message_started(struct json_writer *w, const struct holder *h, const struct attempt *a,
                     bool journal);
void message_ended(struct json_writer *w, const struct holder *h, const struct attempt *a,
                   bool journal);
const char *
message_string(const struct value *message,
               const char *key); /* NULL when absent, not a string, or with a NUL inside */
/* An array of strings as a NULL-terminated vector. */
int message_strings(struct arena *arena, const struct value *array, char ***ret, size_t *ret_len,
                    struct err *e);

/* ---- the journal (record.c) ---- */

int record_intent(struct holder *h, struct attempt *a, struct err *e);
void records_write(struct holder *h);   /* whatever is not written yet, and can be */
void records_shorten(struct holder *h); /* after an end was acknowledged */
bool records_written(const struct holder *h);

/* ---- all ---- */

struct holder {
    char id[HOLDER_ID_MAX + 1];
    char boot_id[BOOT_ID_MAX];
    int dir_fd, epoll_fd;
    char journal_name[HOLDER_ID_MAX + 16], socket_name[HOLDER_ID_MAX + 16];
    struct journal journal;
    struct buf record;        /* where journal lines are made */
    int64_t journal_retry_us; /* a write failed: not before; 0 = at once */
    struct source signals, timer;
    int64_t timer_us; /* what the timer is set to; INT64_MAX = off */
    int64_t now_us;   /* boot clock of this turn */

    struct arena setup_arena;
    char *const *base_env;
    int64_t idle_exit_us, idle_since_us; /* idle_since 0 = not idle */
    bool draining;

    struct attempt *attempts, **attempts_end;
    struct attempt *dead; /* forgotten in this turn; freed at its end */
    size_t attempts_len;
    struct attempt *current; /* the argv attempt that runs, or NULL */
    bool childless;          /* the last reaping found no child at all */
    int oom_score_adj;
    int cgroup_procs, cgroup_events; /* -1 = no cgroup of our own */
    int64_t cgroup_oom;              /* its counter when last read */
    struct tree tree;                /* room for walks */
    char *chunk;                     /* OUTPUT_CHUNK bytes */

    struct engine engine;
    struct runner runner;
};

int holder_watch(struct holder *h, struct source *s, int fd, uint32_t events); /* 0 or -ERR_IO */
void holder_rewatch(struct holder *h, struct source *s, uint32_t events);
void holder_unwatch(struct holder *h, struct source *s); /* does not close */
int64_t clock_boot_us(void);
int64_t clock_wall_us(void);

/* cgroup.c */
void cgroup_open(struct holder *h);
void cgroup_close(struct holder *h);
bool cgroup_oom_grew(struct holder *h); /* since the last call */

#endif
