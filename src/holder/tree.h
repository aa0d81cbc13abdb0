/*
 * Processes: who they are (pid and start time, since pids are reused), and the trees that they
 * form.
 */
#ifndef TW_HOLDER_TREE_H
#define TW_HOLDER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree_process {
    pid_t pid, ppid, session;
    uint64_t start; /* field 22 of /proc/PID/stat: clock ticks since boot */
    char state;     /* 'R', 'S', 'Z' ... */
};

struct tree {
    struct tree_process *items; /* owned */
    size_t len, cap;
};

#define BOOT_ID_MAX 37
/* "" when the kernel does not tell. */
void boot_id_read(char buf[BOOT_ID_MAX]);

/* False: there is no such process. */
bool process_read(pid_t pid, struct tree_process *ret);
/* Whether the process with that pid is the one that began then (a zombie counts as gone). */
bool process_lives(pid_t pid, uint64_t start);
/* Whether its environment, as it was when its program began, has TRADEWIND_ATTEMPT=attempt. */
bool process_has_attempt(pid_t pid, const char *attempt);
/* In the environment of a holder and of its Python runner. Their forks have it too, until they run another program: so
 * what a holder was about to start is found when it died before it could write down the pid. */
#define HOLDER_MARK "TRADEWIND_HOLDER"

void tree_fini(struct tree *t);
/* Adds every process below `root` (not itself) that lives now. What memory is lacking for is left
 * out: callers go on in rounds until nothing is left anyway, as processes are born meanwhile. */
void tree_add_below(struct tree *t, pid_t root);
/* Adds one process, if it lives and is not there yet. */
void tree_add(struct tree *t, pid_t pid);
/* Adds, of all processes of the machine, those with TRADEWIND_ATTEMPT=attempt in their environment
 * or of the session, with what is below. */
void tree_add_attempt(struct tree *t, const char *attempt, pid_t session);
/* Adds those with HOLDER_MARK=holder in their environment, with what is below. */
void tree_add_of_holder(struct tree *t, const char *holder);
/* Signals each, unless its pid went to another process meanwhile. Returns how many were there. */
size_t tree_signal(const struct tree *t, int signum);

#endif
