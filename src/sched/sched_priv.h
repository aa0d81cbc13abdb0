/*
 * The scheduler's own structures. step.c says what they mean together; each file says what it does
 * with them.
 */
#ifndef TW_SCHED_SCHED_PRIV_H
#define TW_SCHED_SCHED_PRIV_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "sched/sched.h"

/* Builds of the simulator break one rule on purpose, to prove that it finds the fault. 0 in the
 * product. */
#ifndef SCHED_CANARY
#define SCHED_CANARY 0
#endif

#define PARALLELISM "parallelism" /* the resource that is not a pool */

struct run;
struct lane;

/* How the reason of an instance begins that a branch left out; the branch's task_id follows. Kept
 * when it is cleared. */
#define LEFT_OUT "left out by "
/* The reason of an expanded task (its -1) whose length is to be asked again; so the wish is in the rows. */
/* How the reason of a run begins that was marked failed: its live instances become failed, also after a restart. */
#define RUN_MARKED_FAILED "marked failed"
#define STALE_LENGTH      "cleared: its length is asked for again"

/* ---- small containers (table.c) ---- */

/* int64 -> pointer, sorted by key: iteration is in the order of keys. */
struct table {
    struct table_entry {
        int64_t key;
        void *value;
    } * entries;
    size_t len, cap;
};
void *table_find(const struct table *t, int64_t key);
int table_add(struct table *t, int64_t key, void *value); /* the key must be absent */
void table_remove(struct table *t, int64_t key);
size_t table_from(const struct table *t, int64_t key); /* index of the first entry >= key */

/* A text shared by reference count: reasons of many instances are often one. */
struct text {
    uint32_t refs;
    char s[];
};
struct text *
text_new(const char *s,
         size_t max); /* NULL when out of memory; cut at max bytes, between characters */
struct text *text_ref(struct text *t); /* NULL is allowed */
void text_unref(struct text *t);

/* ---- instances ---- */

enum upstream_class {
    UP_SUCCESS,
    UP_SKIPPED,
    UP_FAILED,
    UP_UPSTREAM_FAILED,
    UP_REMOVED,
    UP_CLASSES,
    UP_NONE = UP_CLASSES
};

enum ti_flags {
    TI_WORK = 1,     /* on the work list */
    TI_TOUCHED = 2,  /* on the touched list: its row goes out at the end of the step */
    TI_SLOTS = 4,    /* holds slots of parallelism, its run and its cap: it is live */
    TI_POOL = 8,     /* holds slots of its pool */
    TI_PAST = 16,    /* would go on, but waits for the previous run */
    TI_DUE = 32,     /* its retry or reschedule time has come */
    TI_KILLING = 64, /* it was asked to end */
};

struct ti {
    uint8_t state;
    uint8_t flags;
    uint8_t kill_state; /* what it becomes when its killed attempt has ended without a result; 0 =
                           nothing special */
    uint16_t try_number, max_tries, requeues;
    uint32_t up[UP_CLASSES]; /* finished direct upstreams, by class */
    uint32_t task;
    int32_t map_index; /* -1: not mapped, or all of a mapped task */
    uint32_t timer;    /* its place in the timer heap + 1; 0 = none */
    int32_t exit_code;
    uint32_t batch, row; /* its row in the actions of that batch */
    struct uuid attempt;
    int64_t worker;
    int64_t scheduled_us, queued_us, start_us, end_us, next_us;
    struct text *reason;
};
_Static_assert(sizeof(struct ti) <= 136, "an instance stays small");

/* Only of tasks with setup or teardown relations. */
struct extra {
    uint32_t setup[UP_CLASSES];                          /* indirect setups, by class */
    uint32_t direct_setup_success, direct_setup_skipped; /* direct upstreams that are setups */
    uint32_t scope_done;
    uint32_t setups, direct_setups, scope; /* how many there are of each */
};

/* ---- mapped tasks (mapped.c) ---- */

#define CHUNK 32

/* Children lie in chunks, so that none ever moves. */
struct chunk {
    struct run *run;
    struct extra *
        extras; /* in a mapped group: of each, what has its index; NULL where there are no setups */
    struct ti tis[CHUNK];
};

/* One mapped task of a run. Its ti in run->tis is the instance until it is expanded, and no instance from then on. */
struct mapping {
    struct run *run;
    uint32_t task;
    uint32_t timer;   /* of its question */
    int64_t question; /* open; 0 = none */
    int32_t len;      /* children that count; 0 = not expanded */
    int32_t
        made; /* children in memory. Below len: those that are not are none, as they were never looked at. From len
                         on: removed */
    int32_t sweep_at,
        sweep_left; /* which child is looked at next, and how many are to be (from 0 on again after len) */
    bool swept;          /* it is on the list of those to be looked at */
    int32_t was;         /* while it changes: len before */
    bool grows, shrinks; /* as well */
    bool stale;          /* its length is asked again before a child of it runs */
    struct chunk **chunks;
    size_t chunks_len, chunks_cap;
    uint32_t counts[TASK_STATE_MAX_]; /* children that count, by state */
};

/* ---- a DAG version, prepared (plan.c) ---- */

struct lane_spec {
    uint32_t task; /* the first task of this lane: its pool, slots and cap are the lane's */
};

struct plan {
    uint32_t refs;
    struct dag *dag;
    uint32_t *lane_of; /* per task */
    struct lane_spec *lanes;
    size_t lanes_len, lanes_cap;
    uint32_t
        *extra_of; /* per task: index into run->extras, or TASK_INDEX_NONE; NULL: no task has any */
    uint32_t extras_len;
    uint32_t *direct_setups; /* per task: how many direct upstreams are setups; NULL as above */
    uint32_t *setup_off, *setup_to; /* whose indirect setup a task is */
    uint32_t *scope_off, *scope_to; /* in which teardowns' scope a task is */
    uint32_t
        *map_of; /* per task: index into run->maps, or TASK_INDEX_NONE; NULL: nothing is mapped */
    uint32_t maps_len;
    uint32_t *source_off, *source_to; /* what is mapped over a task; NULL as above */
    uint32_t *map_first,
        *map_next; /* the tasks that are expanded together, ascending: the first of a task's, and the one
                                       after it or TASK_INDEX_NONE; NULL as above */
    uint8_t *leaf; /* per task: an effective leaf */
    bool has_past;
};

int plan_new(struct dag *d, struct plan **ret);
void plan_unref(struct plan *p);

/* ---- limits and lanes (limits.c) ---- */

enum limit_kind {
    LIMIT_OF_RUN,
    LIMIT_OF_TASK,
    LIMIT_OF_TASK_IN_RUN,
    LIMIT_OF_POOL,
    LIMIT_OF_PAUSE
};

struct bucket { /* parked lanes that need the same number of slots: a heap by priority */
    int32_t slots;
    struct lane **heap;
    size_t len, cap;
};

struct limit {
    uint8_t kind;
    bool known; /* pools: it exists */
    bool exclusive, include_deferred;
    bool changed;    /* on the list of resources to settle grants of */
    int64_t slots;   /* -1 = unlimited */
    int64_t granted; /* ours, when not exclusive */
    int64_t used;
    int64_t waiting; /* slots that lanes which wait for it could use */
    int64_t asked;   /* our open wish */
    bool backoff; /* it gave back what was too little to use, and wishes again when its timer fires
                   */
    int64_t retry_us; /* when to repeat it */
    uint32_t timer;
    struct bucket *buckets;
    size_t buckets_len, buckets_cap;
    uint32_t parked;   /* lanes */
    uint32_t woken;    /* lanes that it woke and that were not looked at yet: at most one */
    uint32_t bypassed; /* how many passed the lane below */
    const struct lane *bypassed_lane;
    char *name; /* pools and parallelism */
};

enum lane_place { LANE_IDLE, LANE_TOP, LANE_PARKED };

/* Higher weight, then task, then map index. */
struct lane_key {
    uint32_t weight, task, index;
};

/* The scheduled instances of one run that need the same limits, by priority. Lanes are parked and
 * woken, instances never move. */
struct lane {
    struct run *run;
    struct limit *pool, *cap; /* cap may be NULL */
    struct limit *run_cap;    /* max_active_tis_per_dagrun of its one task, owned; or NULL */
    int32_t slots;
    uint8_t place;
    uint32_t at;             /* its index in the top heap or in its bucket */
    struct limit *parked_on; /* while parked */
    struct limit *woken_by;  /* while in the top heap */
    struct lane_key head;    /* key of the best instance */
    struct lane_key *keys; /* a heap; may hold keys of instances that are not scheduled any more */
    size_t keys_len, keys_cap;
    uint32_t count; /* instances that are scheduled */
    int64_t counted_pool,
        counted_top; /* what it adds to the demand for its pool and for parallelism */
};

/* ---- runs, DAGs ---- */

enum previous { PREVIOUS_UNASKED, PREVIOUS_ASKED, PREVIOUS_KNOWN, PREVIOUS_UNKNOWN };
#define PAST_ABSENT 0xff

struct run {
    int64_t key, dag_key, version_key, backfill_key;
    struct plan *plan;
    struct dag *dag; /* the plan's */
    struct dag_state *owner;
    uint8_t state, type;
    bool stopping; /* it is being failed: no new work except teardowns */
    bool touched, checked, ignore_first, any_earlier;
    bool queued_in_group; /* it waits for max_active_runs */
    uint8_t previous;
    uint32_t clear_number;
    int64_t logical_date_us, interval_start_us, interval_end_us, run_after_us;
    int64_t queued_us, start_us, end_us;
    int64_t order_us; /* logical date, or run_after without one */
    int64_t
        turn; /* order_us; of a backwards backfill its negative: who starts first in its group */
    char *run_id, *conf, *partition_key, *triggering_user;
    uint8_t triggered_by;
    struct text *reason;
    uint64_t batch;
    size_t row;
    uint32_t unfinished, none, past_waiting, leaf_failed, failed, dying;
    uint32_t timer, question_timer;
    int64_t question, question_deadline_us;
    int64_t previous_key;     /* 0 = there is none */
    struct run *previous_run; /* when it is held here */
    struct run **next_runs;   /* held runs whose previous run this is */
    size_t next_len, next_cap;
    uint8_t
        *past; /* per task of ours: its state in a previous run that is not held, or PAST_ABSENT */
    struct limit limit; /* max_active_tasks */
    struct lane *lanes;
    struct extra *extras;
    struct mapping *maps;
    uint32_t *
        need; /* per task: upstream instances that each of its instances waits for; NULL: its edges */
    uint32_t map_waiting; /* open questions for lengths */
    uint32_t sweeping;    /* mappings of it on the list of sweeps */
    bool recheck;         /* look at it again when they are done */
    uint32_t instances;   /* in memory */
    size_t bytes;
    struct ti tis[];
};

struct group { /* runs of one (dag, backfill): max_active_runs */
    int64_t backfill_key;
    int32_t max_active_runs; /* of a backfill; 0: the DAG's */
    bool paused, backwards;  /* of a backfill */
    int64_t first_run;       /* of a backfill; or 0 */
    uint32_t active;
    struct run **queued; /* a heap */
    size_t queued_len, queued_cap;
};

struct cap { /* max_active_tis_per_dag of one task, over all versions */
    char *task_id;
    struct limit limit;
};

struct dag_state {
    int64_t key;
    struct dag *dag; /* current version; NULL until SCHED_DAG */
    bool paused, checked;
    uint32_t failed_in_row;
    struct group *groups;
    size_t groups_len, groups_cap;
    struct cap **caps;
    size_t caps_len, caps_cap;
    struct limit pause;
    struct plan *plan; /* the last one used: runs of one version share it */
};

struct pending { /* a command that waits for its run to be loaded */
    int64_t question, deadline_us, command, run_key;
    uint8_t type; /* enum sched_event_type */
    uint8_t state;
    bool all;
    uint32_t *tasks;
    int32_t *map_indexes;
    size_t tasks_len;
    int64_t version_key;
    struct dag *dag; /* one reference, or NULL */
    char *reason;
    uint32_t timer;
};

enum timer_kind { TIMER_TI, TIMER_RUN, TIMER_QUESTION, TIMER_PENDING, TIMER_GRANT, TIMER_MAP };
struct timer {
    int64_t at_us;
    void *what;
    uint8_t kind;
};

struct sched {
    struct sched_config config;
    struct prng prng;
    int64_t now_us;
    bool nomem, shutdown, full, draining;
    bool restoring; /* runs are being read back: nothing is queued or started until all are there */
    bool more;      /* this step left something to do: tis_per_step, restoring, sweeps */
    uint64_t batches;
    struct sched_actions *a;      /* of the step under way */
    const struct text *last_text; /* the reason copied last into the actions, and its copy */
    const char *last_copy;
    struct table runs, dags;
    int64_t questions; /* last id */
    struct pending **pending;
    size_t pending_len, pending_cap;
    struct limit **pools;
    size_t pools_len, pools_cap;
    struct limit parallelism;
    struct lane **top; /* lanes that may go on now, as far as known: a heap */
    size_t top_len, top_cap;
    struct timer *timers;
    size_t timers_len, timers_cap;
    /* Lists of the step under way. */
    struct mapping **
        sweeps; /* whose children are to be looked at, a slice a tick: first come, first served, in turns */
    size_t sweeps_len, sweeps_cap;
    uint32_t budget; /* children that this step may still look at */
    struct ti **work, **touched;
    size_t work_len, work_cap, work_at, touched_len, touched_cap;
    struct run **touched_runs, **check_runs;
    size_t touched_runs_len, touched_runs_cap, check_runs_len, check_runs_cap;
    struct dag_state **check_dags;
    size_t check_dags_len, check_dags_cap;
    struct limit **changed;
    size_t changed_len, changed_cap;
    struct sched_stats stats;
};

static inline const struct task *ti_task(const struct run *r, const struct ti *ti)
{
    return &r->dag->tasks[ti->task];
}
/*
 * In a mapped group index waits for index; but a rule that one upstream meets (one_success, one_failed, one_done) of a task directly in the group
 * looks at all instances of each upstream, as in Airflow.
 */
static inline bool task_by_index(const struct task *t)
{
    bool one = t->trigger_rule == RULE_ONE_SUCCESS || t->trigger_rule == RULE_ONE_FAILED ||
               t->trigger_rule == RULE_ONE_DONE;

    return SCHED_CANARY != 5 && t->map_group != UINT32_MAX && !(one && t->group == t->map_group);
}
/* Whether its failure can be the run's: not that of an ignorable teardown. */
static inline bool task_counts(const struct task *t)
{
    return !t->is_teardown || t->on_failure_fail_dagrun;
}
static inline bool task_same_group(const struct dag *d, uint32_t a, uint32_t b)
{
    return d->tasks[a].map_group != UINT32_MAX && d->tasks[a].map_group == d->tasks[b].map_group;
}
/* max_active_tis_per_dagrun, where it can bind: a task that is not mapped has one instance in a run. */
static inline int32_t task_run_cap(const struct task *t)
{
    return t->mapped && t->max_active_tis_per_dagrun > 0 ? t->max_active_tis_per_dagrun : 0;
}
/* The run that holds it: instances lie in their run, by task; children in chunks, by map index. */
static inline struct run *ti_run(const struct ti *ti)
{
    if (ti->map_index >= 0) {
        const struct ti *first = ti - ti->map_index % CHUNK;

        return ((const struct chunk *)((const char *)first - offsetof(struct chunk, tis)))->run;
    }
    return (struct run *)((char *)(uintptr_t)(ti - ti->task) - offsetof(struct run, tis));
}
static inline struct mapping *map_of(const struct run *r, uint32_t task)
{
    const struct plan *p = r->plan;

    return p->map_of != NULL && p->map_of[task] != TASK_INDEX_NONE ? &r->maps[p->map_of[task]]
                                                                   : NULL;
}
/* Calls it for each task that is expanded with this one: those of its mapped group, or itself. */
#define FOR_GROUP(r, task, t) \
    for (uint32_t t = (r)->plan->map_first[task]; t != TASK_INDEX_NONE; t = (r)->plan->map_next[t])
/* The mapping of a task that was expanded, or NULL. */
static inline struct mapping *map_expanded(const struct run *r, uint32_t task)
{
    struct mapping *m = map_of(r, task);

    return m != NULL && m->len > 0 ? m : NULL;
}
static inline struct ti *map_child(const struct mapping *m, int32_t i)
{
    assert(m != NULL);
    return &m->chunks[i / CHUNK]->tis[i % CHUNK];
}
/* How many children there are to walk over: those that count and are in memory. */
static inline int32_t map_walk(const struct mapping *m)
{
    return m->made < m->len ? m->made : m->len;
}
/* What a child has counted of what has its index; NULL: there is none such. */
static inline struct extra *map_extra(const struct mapping *m, int32_t i)
{
    struct extra *of = m->chunks[i / CHUNK]->extras;

    return of != NULL ? &of[i % CHUNK] : NULL;
}
/* An instance in memory, or NULL; -1 of an expanded task is what sums it up. */
static inline struct ti *run_ti(struct run *r, uint32_t task, int32_t map_index)
{
    const struct mapping *m;

    if (map_index < 0) {
        return &r->tis[task];
    }
    m = map_of(r, task);
    return m != NULL && map_index < m->made ? map_child(m, map_index) : NULL;
}
/* All instances that count and are in memory, by task and map index: `struct ti_each e = {0}; while ((ti = ti_next(r, &e)) != NULL)`. */
struct ti_each {
    uint32_t task;
    int32_t index;
};
static inline struct ti *ti_next(struct run *r, struct ti_each *e)
{
    while (e->task < r->dag->tasks_len) {
        const struct mapping *m = map_expanded(r, e->task);

        if (m == NULL) {
            return &r->tis[e->task++];
        }
        if (e->index < map_walk(m)) {
            return map_child(m, e->index++);
        }
        e->task++;
        e->index = 0;
    }
    return NULL;
}
static inline bool ti_live(const struct ti *ti)
{
    return (ti->flags & TI_SLOTS) != 0;
}

/* ---- actions.c: what goes out ---- */

void out_begin(struct sched *s, struct sched_actions *a);
void out_end(struct sched *s); /* rows of all that was touched */
void out_transition(struct sched *s, struct run *r, struct ti *ti, uint8_t from);
void out_try(struct sched *s, struct run *r,
             struct ti *ti); /* the try that just ended, for the history */
void out_dispatch(struct sched *s, struct run *r, struct ti *ti);
void out_kill(struct sched *s, struct run *r, struct ti *ti, const char *reason);
void out_question(struct sched *s, int64_t id, enum sched_ask kind, int64_t run_key, uint32_t task,
                  int64_t deadline_us);
void out_grant(struct sched *s, const char *resource, int64_t n);
void out_reply(struct sched *s, int64_t command, int rc, const char *text, uint32_t affected);
void out_pause(struct sched *s, int64_t dag_key, const char *reason);
void ti_to_row(const struct run *r, const struct ti *ti, struct ti_row *ret);
void run_to_row(const struct run *r, struct run_row *ret);
void touch_ti(struct sched *s, struct run *r, struct ti *ti);
void touch_run(struct sched *s, struct run *r);

/* ---- rules.c: pure verdicts ---- */

enum verdict { VERDICT_WAIT, VERDICT_RUN, VERDICT_SKIP, VERDICT_UPSTREAM_FAILED };
enum verdict rule_verdict(const struct run *r, const struct ti *ti);
enum upstream_class state_class(uint8_t state);

/* ---- instance.c: transitions ---- */

bool edge_allowed(uint8_t from, uint8_t to);
/* One reference, the caller's; NULL (and s->nomem) when out of memory. */
struct text *text_make(struct sched *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * The one place where a state changes: history, counters of the dependents, run counters, lane,
 * timer. Takes its own reference of `reason` (may be NULL).
 */
void ti_set(struct sched *s, struct run *r, struct ti *ti, uint8_t to, struct text *reason);
void ti_count_run(struct run *r, const struct ti *ti, uint8_t state,
                  uint32_t by); /* by: 1 or (uint32_t)-1 */
void ti_count(struct run *r, const struct ti *ti, enum upstream_class from, enum upstream_class to);
void ti_wake_dependents(struct sched *s, struct run *r, const struct ti *ti);
void ti_work(struct sched *s, struct run *r,
             struct ti *ti); /* look at it in this step, if its rule says anything */
void sched_task_work(struct sched *s, struct run *r, uint32_t task); /* all instances of a task */
void ti_settle(struct sched *s, struct run *r, struct ti *ti); /* one entry of the work list */
void ti_timer(struct sched *s, struct ti *ti);              /* the timer that its state asks for */
void ti_due(struct sched *s, struct run *r, struct ti *ti); /* that timer fired */
void ti_queue(struct sched *s, struct run *r,
              struct ti *ti); /* scheduled -> queued; its slots are taken */
void ti_requeue(struct sched *s, struct run *r, struct ti *ti,
                struct text *reason); /* live -> scheduled, same try */
void ti_detach(struct sched *s, struct run *r,
               struct ti *ti); /* its attempt is over: token, worker, slots */
void ti_finish(struct sched *s, struct run *r, struct ti *ti, uint8_t to, int64_t at_us,
               struct text *reason);
void ti_fail(struct sched *s, struct run *r, struct ti *ti, int64_t at_us, struct text *reason,
             bool may_retry);
/* From none, when the previous run lets it. */
void sched_ti_skip(struct sched *s, struct run *r, struct ti *ti, struct text *reason);
/* Ends it without a result: what does not live becomes `to` at once, what lives is killed and
 * becomes `to` when it has ended. */
void ti_stop(struct sched *s, struct run *r, struct ti *ti, uint8_t to, struct text *reason);
void ti_clear(struct sched *s, struct run *r, struct ti *ti); /* to none, or by way of restarting */
void ti_mark(struct sched *s, struct run *r, struct ti *ti, uint8_t to, struct text *reason);
/* Removed -> none, or restarting while its attempt lives. It is in no counter; the caller counts it. */
void sched_ti_return(struct sched *s, struct run *r, struct ti *ti);
void ti_cleared(struct sched *s, struct run *r,
                struct ti *ti); /* restarting -> none: its attempt has ended */

/* ---- mapped.c ---- */
int maps_init(struct run *r);
void maps_fini(struct sched *s, struct run *r);
/*
 * Children are made when they are looked at, or when somebody asks for them; in a mapped group all tasks make theirs together. The first
 * makes those below `upto`; the second all of a run's, for whoever wants to change every one of them at once.
 */
bool sched_map_make(struct sched *s, struct run *r, struct mapping *m, int32_t upto);
void sched_maps_make(struct sched *s, struct run *r);
/* The instance of a row; a child is made, or removed as the row is. NULL: the run has none such. */
struct ti *sched_map_row(struct sched *s, struct run *r, const struct ti_row *row);
/* The row of a child that is not made yet: true when it is one, and what it is like in *ret. */
bool sched_map_unmade(const struct run *r, uint32_t task, int32_t index, struct ti *ret);
/* Looks at all children: as many as the step may now, the others in the ticks that follow. */
void sched_map_work(struct sched *s, struct run *r, struct mapping *m);
/* In a tick: a slice of what waits to be looked at. False when nothing was done. */
bool sched_maps_sweep(struct sched *s);
/* The lengths that rows say; the run's and the dependents' counters follow. */
void sched_maps_rows(struct sched *s, struct run *r, const struct ti_row *rows, size_t n);
/* The lengths that the document says. */
void maps_literal(struct sched *s, struct run *r);
/* What may happen to a mapped task that is not expanded: one entry of the work list. */
void map_settle(struct sched *s, struct run *r, struct ti *ti);
/* What a child does of which its rule says so: what it is mapped over may have failed or been skipped since. */
enum verdict sched_map_child_verdict(const struct run *r, const struct ti *ti, enum verdict rule);
bool map_answer(struct sched *s, const struct sched_event *ev); /* false: not a question of ours */
void map_timeout(struct sched *s, struct mapping *m);
/* The state of all children: none while one has not ended. */
uint8_t map_summary(const struct mapping *m);
/* The state of a task as others see it: its own, or that of all its children. */
uint8_t task_state_of(const struct run *r, uint32_t task);
/* The lengths of cleared tasks are asked again; false: the child goes on at once. */
bool map_stale(struct sched *s, struct run *r, struct ti *ti);
void map_cleared(struct sched *s, struct run *r, uint32_t task);
/* map_counts.c: counts how many upstream instances it waits for, and those that have ended, anew. */
void map_recount(struct run *r, uint32_t task);
/* In a mapped group: the same of its setups and its scope. */
void sched_map_recount_extras(struct run *r, uint32_t task);
/*
 * A task counts `by` more instances for those that wait for it as a setup or in a scope. Where index waits for index it is one as before. All
 * lengths of its group are as they will be, or were.
 */
void sched_map_need(struct run *r, uint32_t task, int32_t by);

/* ---- attempt.c: events of attempts ---- */
void on_attempt(struct sched *s, const struct sched_event *ev);
void on_ended(struct sched *s, const struct sched_event *ev);

/* ---- retry.c ---- */
int64_t retry_delay_us(const struct dag *d, const struct task *t, int64_t logical_date_us,
                       uint32_t try_number);

/* ---- limits.c ---- */
void limit_init(struct limit *l, enum limit_kind kind, int64_t slots);
void limit_fini(struct limit *l);
int64_t limit_free(const struct limit *l);
void limit_wake(struct sched *s, struct limit *l);
struct limit *pool_get(struct sched *s,
                       const char *name); /* made unknown when absent; NULL when out of memory */
void on_resource(struct sched *s, const struct sched_event *ev);
int lanes_init(struct sched *s, struct run *r);
void lanes_fini(struct sched *s, struct run *r);
void lane_add(struct sched *s, struct run *r, struct ti *ti);  /* it became scheduled */
void lane_drop(struct sched *s, struct run *r, struct ti *ti); /* it is not scheduled any more */
void slots_take(struct sched *s, struct run *r, struct ti *ti);
void slots_give(struct sched *s, struct run *r, struct ti *ti, bool keep_pool);
void dispatch(struct sched *s);
void grants_settle(struct sched *s);
void grant_retry(struct sched *s, struct limit *l);
void pool_keep(struct sched *s, struct run *r, struct ti *ti); /* takes the pool's slots only */
void pool_deferred(struct sched *s, struct limit *pool); /* include_deferred changed: counts anew */
void resource_changed(struct sched *s, struct limit *l);
const struct limit *lane_blocker(const struct sched *s, const struct lane *l);

/* ---- timers.c ---- */
void timer_set(struct sched *s, enum timer_kind kind, void *what, uint32_t *place, int64_t at_us);
void timer_clear(struct sched *s, uint32_t *place);
void timers_drop(struct sched *s); /* all of them */
bool timer_pop(struct sched *s, int64_t now_us, struct timer *ret);

/* ---- run.c ---- */
struct run *run_find(const struct sched *s, int64_t key);
struct dag_state *dag_get(struct sched *s,
                          int64_t dag_key); /* made when absent; NULL when out of memory */
void on_dag(struct sched *s, const struct sched_event *ev);
int on_run_create(struct sched *s, const struct sched_event *ev);
int run_new(struct sched *s, const struct run_row *row, struct dag *d, struct run **ret);
void run_free(struct sched *s, struct run *r);
void run_enqueue(struct sched *s, struct run *r); /* queued: waits for max_active_runs */
void run_dequeue(struct sched *s, struct run *r); /* leaves that queue without having started */
void run_check(struct sched *s, struct run *r);   /* look at it at the end of the step */
void run_settle(struct sched *s, struct run *r);
void dag_check(struct sched *s, struct dag_state *d);
void dag_settle(struct sched *s, struct dag_state *d);
/* The run fails: live instances are killed and become live_to, the others are skipped; teardowns go
 * on. How many it touched. */
uint32_t run_stop(struct sched *s, struct run *r, struct text *reason, uint8_t live_to);
/* A finished run becomes failed, whatever its tasks are. */
void sched_run_mark_failed(struct sched *s, struct run *r, struct text *reason);
void run_timeout(struct sched *s, struct run *r);
void run_task_failed(struct sched *s, struct run *r, struct ti *ti); /* fail_fast */
struct group *group_get(struct sched *s, struct dag_state *d, int64_t backfill_key);
/* How many of its runs may run at once; 0 = no limit. */
int32_t sched_group_limit(const struct group *g, const struct dag_state *d, const struct run *r);

/* ---- backfill.c ---- */
void sched_on_backfill(struct sched *s, const struct sched_event *ev);
/* The run is that of its backfill's first date. */
bool sched_backfill_is_first(const struct run *r);

/* ---- restore.c ---- */
int on_run_restore(struct sched *s, const struct sched_event *ev);

/* ---- past.c ---- */
bool past_met(struct sched *s, struct run *r, struct ti *ti);
void past_notify(struct sched *s, struct run *r,
                 uint32_t task); /* a task of r ended: the next run may go on */
void on_answer(struct sched *s, const struct sched_event *ev);
void past_timeout(struct sched *s, struct run *r);
void past_link(struct sched *s,
               struct run *r); /* r was loaded: runs that knew it by copy follow it now */
void past_unlink(struct sched *s, struct run *r); /* r goes: runs that follow it keep a copy */

/* ---- commands.c ---- */
void on_command(struct sched *s, const struct sched_event *ev);
void pending_loaded(struct sched *s, int64_t run_key);
void pending_unknown(struct sched *s, int64_t question);
void pending_timeout(struct sched *s, struct pending *p);
void sched_out_move(struct sched *s, const struct sched_move *m);
/* move.c: a finished run goes on with another version of its DAG. *run becomes the new one. 0, or -ERR_CONFLICT with *ret_why. */
int sched_move(struct sched *s, struct run **run, struct dag *d, int64_t version_key,
               const char **ret_why);
void pending_free(struct sched *s, struct pending *p);

#endif
