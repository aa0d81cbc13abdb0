/*
 * A session: what a command needs of a TRADEWIND_HOME, opened and closed in one place. Commands that only read open the store
 * read-only; commands that change ask the process that holds the lock, or become it.
 */
#ifndef TW_CLI_SESSION_H
#define TW_CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "bundle/load.h"
#include "dagfile/ask.h"
#include "home/home.h"
#include "model/rows.h"

struct buf;
struct dag;
struct engine;
struct err;
struct lock;
struct loop;
struct store;
struct worker;

/* Runs `python -m MODULE WORDS` with our own standard files, our Python package, and the home in its environment. *ret_code: its exit code.
 * Blocks. */
struct cli;
int cli_python(struct cli *cli, const char *module, const char *const *words, size_t n,
               int *ret_code, struct err *e);

struct session_options {
    const char *home; /* absolute; made if it is not there */
    int jobs;         /* processes at once; 0 = the default */
    const char
        *python; /* interpreter; NULL = that of the active virtual environment, else python3 */
    const char *const *task_env;
    int64_t gather_us; /* -1 = the default */
    bool schedules;    /* runs that are due are created */
};

struct session {
    struct loop *loop;
    char home[4096];
    char holder[4096], python_path[4096], python[4096];
    struct ask_config ask;
    struct lock *lock;
    struct store *store;
    struct worker *worker;
    struct engine *engine;
    int64_t *others; /* runs that came over the socket: waited for before the end */
    size_t others_len, others_cap;
};

/* Removes a folder with all below it, and tells on stderr if something is left. */
void session_remove(const char *path);

/* The holder, the Python package and the interpreter: `python`, else what the configuration of s->home ("": the usual home) says, else as
 * session_options.python. What the configuration says for Python is in the environment from then on. */
int session_find_parts(struct session *s, const char *python, struct err *e);

/* What DAG files are read with: borrows from both. */
static inline struct load_env session_load_env(const struct session *s, const char *home)
{
    return (struct load_env){home, s->python, s->python_path};
}

/* The store, read-only. -ERR_NOTFOUND when nothing has run in this home yet. */
int store_open_for_reading(const char *home, struct store **ret, struct err *e);

/*
 * SUSPENDS. Becomes the one process that writes: lock, store, worker, engine. -ERR_BUSY: another one lives (its pid in *ret_pid): be its
 * client. run_keys, n: what is continued (engine.h, engine_recover).
 */
int session_open(struct session *s, struct loop *loop, const struct session_options *o,
                 const int64_t *run_keys, size_t n, int64_t *ret_pid, struct err *e);
void session_close(struct session *s); /* SUSPENDS */

/* Who, for the audit trail: "cli:" and the account of the machine. */
const char *session_actor(void);

/* One question to the living engine over its socket. SUSPENDS. `body`: the request's members after v, type and id; *ret: the
 * answer's "result" as JSON (mem_free), or NULL when it has none. -ERR_CLOSED: no engine lives. */
int engine_request(const char *home, const char *type, const char *members, char **ret,
                   struct err *e);

/*
 * A command to the engine: to the one that lives in the home, over its socket (type, and the request as a JSON object), else to one that this
 * process becomes for the moment, and which starts nothing: here(engine, arg). *ret_alive (may be NULL): it went over the socket.
 */
int session_command(const char *home, const char *type, struct buf *request,
                    int (*here)(struct engine *g, void *arg, struct err *e), void *arg,
                    bool *ret_alive, struct err *e);

#endif
