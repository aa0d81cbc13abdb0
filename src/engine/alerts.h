/* Alerts: within the engine. What happened becomes rows of the same commit; src/alert carries them on. */
#ifndef TW_ENGINE_ALERTS_H
#define TW_ENGINE_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/alert.h"

struct alerts;
struct dag;
struct engine;
struct err;
struct run_row;
struct task;

int alerts_new(struct engine *g, struct err *e); /* g->alerts; NULL without config.alerts */
void alerts_free(struct engine *g);              /* after the engine's group is closed */
/* SUSPENDS. Before the engine's loop runs: what still waits to be sent. */
int alerts_start(struct engine *g, struct err *e);
/* Before a commit: what the batch at hand says of tasks and runs. Out of memory: it is logged, and nobody is told. */
void alerts_gather(struct engine *g);
void alerts_told(struct engine *g); /* after it */

/* One thing that happened, of a run: or of none (run NULL). */
struct alert_fact {
    enum alert_kind kind;
    const struct run_row *run;
    const struct dag *dag;
    const struct task *task; /* or NULL */
    int32_t map_index;       /* -1: none */
    uint16_t try_number;
    int64_t at_us;
    const char *reason;          /* or NULL */
    const char *const *channels; /* besides those of the rules */
    size_t channels_len;
};
/* Whom the rules name: rows in the batch at hand. To be called where a batch is made (batch_consume, alerts_gather). */
void alerts_add(struct engine *g, const struct alert_fact *f);
/* Of the rules that match, the first one; NULL: none does. */
const struct alert_rule *alerts_rule(const struct engine *g, enum alert_kind kind,
                                     const struct dag *d, const struct task *t);

#endif
