/* Running: what `run` and `runs resume` share once they know which run it is. */
#ifndef TW_CLI_EXECUTE_H
#define TW_CLI_EXECUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/progress.h"
#include "cli/session.h"
#include "runtime/loop.h"

struct cli;
struct dag;
struct value;

/* --param NAME=VALUE and --conf JSON become the run's conf; each value is checked against the DAG's params. *ret: mem_free; NULL when
 * there is none. */
int conf_build(const struct dag *d, const char *conf, const char *const *params, size_t params_len,
               char **ret, struct err *e);

/* The mode that the options and the terminal ask for. */
enum progress_mode progress_mode_of(struct cli *cli);

/* SIGINT and SIGTERM while a run is carried out here: once ends what runs and keeps the rest for a resume, twice leaves at once. Watched from before
 * the run is made: its tasks may start before its maker comes to show it. */
struct interrupts {
    struct co_group watches;
    struct engine *engine;
    int last; /* the signal that came before, or 0 */
};

void execute_watch(struct interrupts *i, struct session *s);
/* SUSPENDS. */
void execute_unwatch(struct interrupts *i);

/* SUSPENDS. Shows the run until it is finished or interrupted. Other runs that came over the socket meanwhile are waited for too. Returns the exit
 * code. */
int execute_run(struct session *s, struct cli *cli, int64_t run_key, const char *run_id);

/* SUSPENDS. The other side of the socket's `run`: reads the file, creates the run. arg: the struct session. */
int execute_run_file(void *arg, const char *request_json, char **ret_json, struct err *e);
/* SUSPENDS. Has the living engine make a run. */
int execute_ask(const char *home, const char *members, int64_t *ret_run, struct err *e);
/* SUSPENDS. Shows what the store tells of a run until it has finished. Returns the exit code, or -ERR_... */
int execute_follow(struct cli *cli, const char *home, int64_t run_key, struct err *e);
/* SUSPENDS. As a client: has the living engine run it, and shows what the store tells. Returns the exit code. */
int execute_as_client(struct cli *cli, struct loop *l, const char *home, const char *members);

/* Carries a stored run to its end, as `runs resume`. Returns the exit code. */
int run_on(struct cli *cli, const char *home, int64_t run_key, const char *run_id);

/* SUSPENDS. Clears what failed, or was not reached for it, of a finished run, so that it goes on. */
int resume_failed(struct session *s, int64_t run_key, uint32_t *ret_affected, struct err *e);

#endif
