/* The processes of `standalone`: how one is started, and what is heard of it. */
#ifndef TW_CLI_STANDALONE_CHILD_H
#define TW_CLI_STANDALONE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/co.h"
#include "supervisor/supervisor.h"

struct child;
struct err;
struct loop;
struct standalone;

#define STANDALONE_CHILDREN 4
#define STANDALONE_ARGS     24

struct service_child {
    const char *name; /* "scheduler" */
    bool required;    /* without it the whole ends */
    struct supervisor_child machine;
    struct standalone *of;
    struct child *process; /* while it lives */
    int64_t pid;
    int life_fd; /* our end of its standard input: closed, it knows that we are gone */
    const char *argv[STANDALONE_ARGS];
    char status[200]; /* what it said last of itself */
};

/* All that the processes share. */
struct standalone {
    struct loop *loop;
    struct co_group group;
    struct co *conductor;
    char home[4096], program[4096], notify_name[80];
    int notify_fd;
    struct service_child children[STANDALONE_CHILDREN];
    size_t len;
    bool json, stopping, hurried, drained, told_ready;
    bool changed; /* the conductor has something to look at */
    int64_t lost_lines, stopping_us;
    int exit_code;
};

/* Opens the socket that children tell READY=1 and the like to. */
int standalone_listen(struct standalone *s, struct err *e);
/* Starts one: its end is told to its machine, its output is copied with its name before each line. */
int standalone_spawn(struct service_child *c, struct err *e);
void standalone_wake(struct standalone *s);
void standalone_signal(struct service_child *c, int signum);
/* A coroutine: what children tell. */
int standalone_hear(void *arg);

#endif
