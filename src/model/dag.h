/*
 * A DAG version: immutable once built, reference-counted (not thread-safe: one loop owns it). Tasks are indices in the
 * order of the document. Everything lives in the DAG's own arena.
 */
#ifndef TW_MODEL_DAG_H
#define TW_MODEL_DAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "model/states.h"

struct alert_rule;
struct deadline;
struct value;
struct err;

#define TASK_INDEX_NONE UINT32_MAX

struct task {
    const char *task_id; /* with its groups: "group.task" */
    uint32_t index;
    uint32_t group;            /* index into dag->groups, or UINT32_MAX */
    const char *display_name;  /* task_id unless given */
    const char *operator_name; /* "bash", "python", "empty" ... */
    const struct value *
        spec; /* the task's object as written, default_args merged in: operators read their parameters here */
    int line, col; /* where it is written; 0 = unknown */

    uint8_t trigger_rule, weight_rule;
    bool depends_on_past, ignore_first_depends_on_past, wait_for_downstream;
    bool wait_for_past_depends_before_skipping;
    bool is_setup, is_teardown, on_failure_fail_dagrun;
    bool
        instant; /* succeeds in the scheduler, never dispatched: `empty` without callbacks, inlets or outlets */
    bool do_xcom_push;

    /* Mapping: instances by their arguments. In a mapped group every task is mapped, by the group. */
    bool mapped;
    bool effects;       /* it has callbacks, inlets or outlets: never instant */
    int32_t map_len;    /* how many instances; -1 = known only when its sources have ended */
    uint32_t map_group; /* the mapped group that it is in, or UINT32_MAX */
    const uint32_t *map_sources; /* tasks whose XComs give the length */
    uint32_t map_sources_len;
    const struct value *expand, *expand_kwargs; /* of the task itself; one of the two, or NULL */
    const char *map_index_template;             /* or NULL */
    const char *queue;                          /* or NULL */

    int32_t retries;
    int64_t retry_delay_us;
    double retry_multiplier;      /* 0 = constant delay; 2 = doubling */
    int64_t max_retry_delay_us;   /* 0 = only the global cap */
    int64_t execution_timeout_us; /* 0 = none */
    int32_t priority_weight;      /* as written */
    int32_t effective_weight;     /* by weight_rule, clamped to int32 */
    const char *pool;             /* "default_pool" unless given */
    int32_t pool_slots;           /* >= 1 */
    int32_t max_active_tis_per_dag, max_active_tis_per_dagrun; /* 0 = unlimited */

    /* Setup and teardown, precomputed (reference: airflow.md 1.3 "Extra", 1.7): tasks that this one additionally waits for. */
    const uint32_t
        *setups; /* indirect setups: an implicit all_success on them; a teardown has none */
    uint32_t setups_len;
    const uint32_t *
        scope; /* teardown only: all tasks between its setups and itself that are not direct upstream: waits until done */
    uint32_t scope_len;
};

struct task_group {
    const char *group_id;                       /* "outer.inner" */
    uint32_t parent;                            /* index, or UINT32_MAX */
    const char *tooltip;                        /* may be NULL */
    const struct value *expand, *expand_kwargs; /* a mapped group: one of the two */
    int32_t map_len;                            /* as of a task */
    const struct value *default_args;           /* of its tasks, with those around it; or NULL */
    bool defaults_done; /* while the DAG is built: they are with those around it */
};

struct dag_param {
    const char *name;
    const struct value *value;  /* default; NULL when required */
    const struct value *schema; /* the JSON Schema object, or NULL */
};

struct dag {
    unsigned refs;
    struct arena arena;
    const char *dag_id;
    const char *display_name, *description, *doc_md; /* may be NULL, except display_name */
    const char *file;                                /* source file as given, or NULL */
    /* Of a bundle that has versions of its own (git), else NULL: set by whoever reads it, borrowed from the arena. */
    const char *bundle, *bundle_version;
    bool is_python;         /* its python tasks are found by importing `file` */
    struct value *document; /* the whole document */
    char hash
        [65]; /* hex SHA-256 of the canonical form; set by whoever loads it (the pure layers have no SHA-256) */

    struct task *tasks;
    uint32_t tasks_len;
    /* Edges as compressed rows: upstream of t are up[up_off[t]] .. up[up_off[t + 1] - 1], ascending, no duplicates. */
    uint32_t *up_off, *up, *down_off, *down;
    uint32_t *topo;   /* task indices in topological order, smaller index first among equals */
    struct map by_id; /* task_id -> struct task * */
    struct task_group *groups;
    uint32_t groups_len;
    struct dag_param *params;
    uint32_t params_len;

    const char *schedule;              /* text as written, or the type of schedule_data, or NULL */
    const struct value *schedule_data; /* a schedule that is an object, or NULL */
    const char *timezone;              /* of a schedule that names none; NULL: UTC */
    const struct timetable *
        timetable; /* what the schedule says, by the default settings; NULL only in a DAG without a document */
    bool on_success, on_failure; /* it has such callbacks */
    struct deadline *deadlines;  /* model/deadline.h */
    size_t deadlines_len;
    struct alert_rule *alerts; /* model/alert.h */
    size_t alerts_len;
    int64_t start_date_us, end_date_us; /* TIME_NONE if not given */
    bool catchup, fail_fast, is_paused_upon_creation;
    int32_t max_active_tasks; /* per run */
    int32_t max_active_runs;
    int32_t max_consecutive_failed_dag_runs; /* 0 = off */
    int64_t dagrun_timeout_us;               /* 0 = none */
    const char *const *tags;
    uint32_t tags_len;
    const struct value *env; /* object of strings: environment of every task, or NULL */
};

struct dag *dag_ref(struct dag *d);
void dag_unref(struct dag *d);                                         /* NULL is allowed */
const struct task *dag_task(const struct dag *d, const char *task_id); /* NULL if absent */

#define OWNERS_MAX 100 /* of a DAG, that are listed */
/* Who answers for it; "airflow" where it names nobody, as in Airflow. */
const char *task_owner(const struct task *t);
/* The owners of its tasks, each once, in their order, at most `max`. Returns how many; the texts are the DAG's. */
size_t dag_owners(const struct dag *d, const char **ret, size_t max);
/* Whether `callbacks` of a DAG or a task (NULL: none) have that word: a list of words, or functions by word. */
bool dag_calls_back(const struct value *callbacks, const char *word);
/* A param is a JSON Schema, with its default in it, when it is an object with one of the words that schemas begin with. */
bool dag_param_is_schema(const struct value *v);

/* The mapped group around it, or NULL. */
static inline const struct task_group *task_map_group(const struct dag *d, const struct task *t)
{
    return t->map_group != UINT32_MAX ? &d->groups[t->map_group] : NULL;
}
static inline uint32_t dag_up_len(const struct dag *d, uint32_t t)
{
    return d->up_off[t + 1] - d->up_off[t];
}
static inline uint32_t dag_down_len(const struct dag *d, uint32_t t)
{
    return d->down_off[t + 1] - d->down_off[t];
}

#endif
