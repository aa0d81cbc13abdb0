/* Starting a process: a task's own, as docs/internals/wire.md defines it, or the Python runner. */
#ifndef TW_HOLDER_SPAWN_H
#define TW_HOLDER_SPAWN_H

#include <sys/types.h>

struct err;

struct spawn {
    char *const *argv; /* argv[0] is looked up in the PATH of env unless it has a slash */
    char *const *env;
    const char *cwd;         /* NULL = the holder's */
    int out, errout;         /* become descriptors 1 and 2 */
    int extra;               /* becomes descriptor 3; -1 = none */
    int cgroup_fd;           /* a cgroup.procs to enter; -1 = none */
    int oom_score_adj_reset; /* not 0: the holder's own value is not 0, the child's becomes 0 */
};

/* Once, before the first start: sets all signals of the holder, so that a start has next to nothing to reset. */
void spawn_signals(void);

/* Returns once the program runs, or with what failed. The program gets a session of its own,
 * default signals, no other descriptor. */
int spawn_process(const struct spawn *s, pid_t *ret_pid, struct err *e);

#endif
