/*
 * What an operator asks of a running scheduler: drain, reload, status. Over the engine's socket, and by SIGHUP.
 *
 *   RUNNING --drain--> DRAINING: nothing new starts --no process lives--> drained(arg): the service stops
 *                          \--cancel--> RUNNING
 *
 * D1  While DRAINING no attempt's process starts (the scheduler queues nothing, the worker takes nothing from its queue); callbacks of what
 *     ended do.
 * D2  A drain changes no state of a run: what was claimed and not started is started by the next start, under its token.
 */
#ifndef TW_CLI_SERVICE_CONTROL_H
#define TW_CLI_SERVICE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct cli;
struct config;
struct engine;
struct err;
struct json_writer;

struct service_control {
    struct cli *cli;
    const char *home;
    struct engine *engine;
    void (*reread)(void *arg);  /* the DAGs folder is to be looked at again */
    void (*drained)(void *arg); /* nothing runs any more: stop */
    void *arg;
    struct config *config;  /* what holds of the live settings */
    struct config *started; /* ... of the others */
    bool draining, reloading;
    int64_t since_us;
};

/* The configuration as it was at the start, and the answers to the socket. Without `config` set: reads it. */
int service_control_open(struct service_control *c, struct err *e);
void service_control_close(struct service_control *c);
/* SUSPENDS. w: gets the members of the answer, or NULL: it is logged only. -ERR_INVALID: the configuration has an error, nothing changed. */
int service_reload(struct service_control *c, struct json_writer *w, struct err *e);
/* A coroutine: sees the end of a drain. */
int service_drain_main(void *arg);

#endif
