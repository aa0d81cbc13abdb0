/* What sim2 has in its world: one run of one DAG, and a person with commands for it. */
#ifndef TW_SIM_SIM2_SINGLE_H
#define TW_SIM_SIM2_SINGLE_H

#include "sim2_world.h"

#define SINGLE_PARALLELISM 4

struct ledger;

/* What a person asks for, under a key of its own: again after a crash, until it is known to be done. */
struct intent {
    int op; /* enum engine_op */
    uint32_t task;
    int state;
    unsigned number;
    bool open;
};

struct single {
    struct world world; /* first */
    struct ledger *ledger;
    const char *spec;
    struct dag *dag;
    int64_t run_key;
    unsigned commands; /* still to come */
    unsigned cleared;  /* intents to clear */
    struct intent intent;
    int32_t *lengths; /* per task: as committed last; 0 = not expanded */
};

void single_init(struct single *s, uint64_t seed, const char *spec, bool faults, bool disk,
                 bool trace);
void single_fini(struct single *s);
void single_check_end(struct single *s);

#endif
