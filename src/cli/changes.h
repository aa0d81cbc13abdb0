/* Clears and marks from the command line: plan, tell, ask, apply (engine/plan.h). */
#ifndef TW_CLI_CHANGES_H
#define TW_CLI_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/plan.h"

struct cli;

struct changes {
    struct cli *cli;
    char home[4096];
    struct plan_query q;
    bool must_agree; /* also where nobody can be asked: --yes */
    struct err e;
    /* What was done. */
    size_t runs, refused;
    uint64_t instances;
    int64_t run_key; /* of the last run that was changed */
    char run_id[256];
    bool alive; /* a tradewind works in this home: the runs go on there */
};

/*
 * Reads --dry-run, --yes, --key, --quiet and --json. Nothing to do is no error: `runs` is 0 then. -ERR_USAGE: it was not agreed to, and nobody can
 * be asked; -ERR_CANCELED: a person said no. What one run refuses is told, and the others go on.
 */
int changes_run(struct changes *c);
/* The options --past, --future, --all-runs, --from, --to, --upstream, --failed, --running, --map-index and --newest of those that the command has. */
int changes_options(struct changes *c);

#endif
