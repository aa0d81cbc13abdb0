/* A plan under way: plan.c finds its runs, plan_run.c what of each. */
#ifndef TW_ENGINE_PLAN_PRIV_H
#define TW_ENGINE_PLAN_PRIV_H

#include <regex.h>

#include "base/arena.h"
#include "engine/plan.h"
#include "model/dag.h"
#include "store/store.h"

struct plan {
    struct plan_query q;
    struct store *store;
    int (*load)(struct store *s, int64_t version_key, struct dag **ret, struct err *e);
    struct arena arena, run_arena; /* run_arena: of the run at hand */
    struct dag_row dag;
    struct dag *newest; /* one reference; NULL: on the runs' own versions */
    struct dag *own;    /* of own_key; one reference, or NULL */
    int64_t own_key;
    regex_t *patterns;
    size_t patterns_len;
    struct plan_key {
        int64_t logical_us, after_us, run_key;
    } * keys;
    size_t keys_len, keys_cap, at;
    /* The run at hand. */
    struct run_row run;
    struct ti_row *tis; /* by (task, map_index) of its own version */
    size_t tis_len;
    struct plan_run out;
};

/* Fills p->out for p->run, p->own and p->tis. */
int plan_make_run(struct plan *p, struct err *e);

#endif
