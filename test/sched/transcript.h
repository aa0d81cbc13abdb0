/*
 * Tests as transcripts: a world holds one scheduler; each command drives it by one or two events
 * and is compared with the literal account of what came out. See transcript.c for the commands.
 */
#ifndef TW_TEST_SCHED_TRANSCRIPT_H
#define TW_TEST_SCHED_TRANSCRIPT_H

#include <stdbool.h>

#include "base/buf.h"
#include "model/dag.h"
#include "sched/sched.h"

#define WORLD_ROWS 4096

struct world {
    struct sched *s;
    struct sched_config config;
    struct sched_actions a;
    struct dag *dags[4]; /* 1-based keys: dag key n is dags[n - 1] */
    int dags_len;
    int64_t now_us;
    bool paused[4];
    char resources[8][128]; /* the commands that set them, said again after a restore */
    int resources_len;
    int rc; /* of the last step */
    struct buf out;
    /* The store: rows as committed after each command, with copies of their strings. */
    struct ti_row tis[WORLD_ROWS];
    size_t tis_len;
    struct run_row runs[64];
    size_t runs_len;
};

/* One DAG; paused no. More by world_dag. */
void world_init(struct world *w, const char *spec);
void world_dag(struct world *w, const char *spec);
void world_fini(struct world *w);
/* Does a command; its account is in w->out until the next one. */
const char *world_do(struct world *w, const char *command);
/* Drops the core and builds a new one from the stored rows. */
void world_restore(struct world *w);
/* State of all instances of a run: "a=success b=none"; into a static buffer. */
const char *world_states(struct world *w, int64_t run_key);

void world_expect(struct world *w, const char *file, int line, const char *command,
                  const char *expected);
#define EXPECT(w, command, expected) world_expect(w, __FILE__, __LINE__, command, expected)

#endif
