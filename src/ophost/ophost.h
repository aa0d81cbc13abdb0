/*
 * The operator host: one process per plug-in. Descriptor 3 is the worker's connection (docs/internals/operator-host.md); each attempt is a coroutine.
 * When the connection ends the process ends at once: nothing of an attempt outlives its worker.
 */
#ifndef TW_OPHOST_OPHOST_H
#define TW_OPHOST_OPHOST_H

#include <stdbool.h>
#include <tradewind/operator.h>

#include "base/arena.h"
#include "base/buf.h"
#include "holder/log.h"
#include "holder/mask.h"
#include "runtime/loop.h"

struct err;
struct value;

struct ophost {
    struct loop *loop;
    const struct tw_operator *op;
    struct pool *pool; /* offloaded work; made on first use */
    struct co_group group;
    struct buf out; /* frames to the worker */
    struct co_cond wake;
    struct tw_attempt *attempts;
};

struct tw_attempt {
    struct tw_attempt *next;
    struct ophost *host;
    struct co *co;
    struct arena arena;
    const struct value *start, *info; /* the message, and its `info` */
    const char *id, *params;
    struct value *xcoms; /* array of {key, value} */
    char reason[1024];
    bool canceled;
    struct mask mask;
    struct holder_log log;
};

/* plugin.c: loads the shared object and checks it. *ret lives as long as the process. */
int ophost_load(const char *path, const struct tw_operator **ret, struct err *e);
/* What it is, as JSON on standard output. */
int ophost_describe(const struct tw_operator *op, struct err *e);

/* attempt.c. Takes the message's arena. */
int ophost_begin(struct ophost *h, struct arena *a, const struct value *start, struct err *e);
void ophost_cancel(struct ophost *h, const char *id);
void ophost_log(struct tw_attempt *a, const char *text, size_t n);

/* services.c */
extern const struct tw_host ophost_services;

#endif
