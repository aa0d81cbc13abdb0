/* The side of a process that `standalone` started: it ends when its supervisor does, however that ended. */
#ifndef TW_CLI_SUPERVISED_H
#define TW_CLI_SUPERVISED_H

#include <stdbool.h>

struct co_group;
struct err;

#define SUPERVISED_ENV "TRADEWIND_SUPERVISOR" /* the supervisor's pid */

/* True if a supervisor started this process. */
bool supervised(void);
/* Starts a coroutine that calls gone(arg) once the supervisor is gone: its end of our standard input was closed. Nothing without one. */
int supervised_watch(struct co_group *g, void (*gone)(void *arg), void *arg, struct err *e);

#endif
