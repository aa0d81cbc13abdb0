/*
 * Level 2 with many runs at once: several DAGs, each drawn with some features of a swarm, people who ask for things, and the engine in
 * between, which crashes. fleet.c lives the lives, fleet_draw.c draws what there is, fleet_people.c asks, fleet_check.c says at the end what
 * must have become of it; what must hold after every commit is the ledger's.
 */
#ifndef TW_SIM_FLEET_H
#define TW_SIM_FLEET_H

#include "model/timetable.h"
#include "sim2_world.h"

#define FLEET_DAGS    12
#define FLEET_TASKS   8
#define FLEET_INTENTS 40
#define FLEET_DATES   16
#define FLEET_POOLS   2

struct alert_channel;
struct alert_message;
struct engine;
struct err;
struct ledger;

/* What a seed may have. */
enum {
    FLEET_LIMITS = 1,     /* pools, parallelism, limits of runs and tasks, all small */
    FLEET_PAST = 2,       /* tasks that depend on the run before */
    FLEET_CLOCK = 4,      /* a schedule that catches up, and goes on for some minutes */
    FLEET_ASSETS = 8,     /* DAGs that wait for assets, and what makes their events */
    FLEET_BACKFILLS = 16, /* made, paused, cancelled */
    FLEET_ALERTS = 32,    /* rules and two channels */
    FLEET_CHILDREN = 64,  /* tasks that start runs of another DAG */
    FLEET_COMMANDS = 128, /* clear, mark, stop, of any run */
    FLEET_PAUSES = 256,   /* of DAGs */
    FLEET_DEATHS = 512,   /* the machine goes with the engine: processes whose exit nobody sees */
    FLEET_DEADLINES = 1024,
    FLEET_MAPS = 2048,
    FLEET_RULES = 4096, /* other trigger rules than the usual one, setups and teardowns */
    FLEET_ALL = 8191
};

struct fleet_dag {
    char id[16];
    char spec[2048];      /* as test_dag reads it; stored as its document */
    const char *schedule; /* JSON, or NULL */
    struct dag *dag;
    int64_t dag_key;            /* as the store has it; 0: it does not */
    const char *waits;          /* letters of assets whose events concern it; or NULL */
    bool only_partitions;       /* by partition: events with a key, the others without */
    bool only_alias;            /* events through the alias alone */
    bool always_holds;          /* one event is enough for a run: nothing waits for ever */
    bool timed;                 /* a clock starts it, too */
    bool backfills;             /* may have them */
    bool asks;                  /* people start runs of it */
    bool paused;                /* somebody paused it once: what came then was not for it */
    char outlet[FLEET_TASKS];   /* by task: a letter of an asset, or 0 */
    bool starts[FLEET_TASKS];   /* it starts a run of "child" */
    int64_t dates[FLEET_DATES]; /* of a clock: the logical dates of all its runs */
    size_t dates_len;
};

enum intent_kind {
    INTENT_RUN,
    INTENT_EVENT,
    INTENT_BACKFILL,
    INTENT_CHANGE, /* of a backfill */
    INTENT_CLEAR,
    INTENT_MARK,
    INTENT_STOP,
    INTENT_PAUSE,
    INTENT_POOL,
    INTENT_KINDS
};

/* What a person asks for: again after a crash, until it is known to be done, or refused. */
struct fleet_intent {
    enum intent_kind kind;
    unsigned number;
    size_t dag;  /* RUN, BACKFILL, PAUSE */
    char letter; /* EVENT */
    const char *partition;
    int64_t first_us, last_us; /* RUN: its date; BACKFILL */
    int n; /* BACKFILL: its limit; CHANGE: what; MARK: the state; POOL: slots; PAUSE: bool */
    int reprocess;
    bool backwards;
    int64_t run_key; /* whose it became when it was first asked; 0: not yet */
    uint32_t task;
    bool open, done;
    int rc; /* with which it was done */
};

struct fleet_pool {
    char name[8];
    int64_t slots; /* as was last asked for */
    bool known;    /* it is durable */
};

/* How often somebody is to be told of one thing through one channel. */
struct fleet_owed {
    const char *channel, *kind;
    char *run_id, *task_id; /* "" none */
    const char *dag_id;
    int64_t count;
};

struct fleet_message {
    char id[40];
    uint32_t content; /* a hash of what it says: the same in every try */
    bool sent;        /* a try of it went well */
};

struct fleet_missed { /* a deadline that is durably missed */
    int64_t run_key;
    int32_t n;
};

struct fleet {
    struct world w; /* first */
    struct ledger *ledger;
    unsigned features;
    struct fleet_dag dags[FLEET_DAGS];
    size_t dags_len;
    struct fleet_intent intents[FLEET_INTENTS];
    size_t intents_len;
    struct fleet_pool pools[FLEET_POOLS];
    size_t pools_len;
    int slots; /* of the worker */
    struct fleet_owed *owed;
    size_t owed_len, owed_cap;
    struct fleet_message *messages;
    size_t messages_len, messages_cap;
    struct fleet_missed *missed;
    size_t missed_len, missed_cap;
    int64_t *told_deadlines; /* runs whose callback was started */
    size_t told_len, told_cap;
    /* Of the life at hand. */
    struct engine *engine;
    int64_t *births; /* of all lives, by the world's clock */
    size_t births_len, births_cap;
    bool ready; /* it has recovered, and knows all DAGs */
    uint64_t suspensions;
};

/* fleet_draw.c */
void fleet_draw(struct fleet *f);
void fleet_undraw(struct fleet *f);
const struct fleet_dag *fleet_dag_of(const struct fleet *f, int64_t dag_key); /* or NULL */

/* fleet_people.c. SUSPENDS. All that is asked for, until it is known to be done; -ERR_CLOSED: the life ends. */
int fleet_person(struct fleet *f);
/* SUSPENDS. Everything that somebody paused goes on. */
int fleet_resume(struct fleet *f, struct err *e);
/* SUSPENDS. Stops the oldest run that has not ended: it waits for one that failed. */
int fleet_stop_oldest(struct fleet *f, unsigned number, struct err *e);

/* fleet_alerts.c */
struct alert_config *fleet_alert_config(void);
void fleet_owe(struct fleet *f, const char *kind, const char *dag_id, const char *run_id,
               const char *task_id);
int fleet_send(void *arg, const struct alert_channel *c, const struct alert_message *m,
               bool *ret_final, struct err *e); /* engine_config.send_alert */
void fleet_sender(struct fleet *f);             /* whose messages fleet_send's are */
void fleet_check_alerts(struct fleet *f, bool ended);
bool fleet_alerts_wait(struct fleet *f);

/* fleet_check.c: at the end, the store says what the world did. */
void fleet_check_end(struct fleet *f);
void fleet_tell_backfills(struct fleet *f); /* that have not ended, on stderr */
bool fleet_dates_missing(struct fleet *f);  /* of a clock: runs that are still to come */

#endif
