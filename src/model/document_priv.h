/* What the files of the document builder share. Private to src/model. */
#ifndef TW_MODEL_DOCUMENT_PRIV_H
#define TW_MODEL_DOCUMENT_PRIV_H

#include <stdint.h>

#include "base/map.h"
#include "model/dag.h"
#include "model/document.h"

struct value;
struct value_key;

/* Types of members beyond enum param_type. */
enum doc_type {
    DOC_ID = 100,     /* an id: letters, digits, '-', '_', '.' */
    DOC_NAME,         /* a name that people see: not empty, of an id's length */
    DOC_TRIGGER_RULE, /* a word of states.def */
    DOC_WEIGHT_RULE,
    DOC_BACKOFF, /* a number, or a boolean */
    DOC_VERSION, /* 1 */
    DOC_PARAMS,  /* the objects that have members of their own */
    DOC_DEFAULT_ARGS,
    DOC_TASK_GROUPS,
    DOC_TASKS,
    DOC_PYTHON,
    DOC_SCHEDULE,      /* a string, or an object with "type" */
    DOC_OBJECTS,       /* a list of objects */
    DOC_EXPAND,        /* by name: a list, an object or a reference to an XCom */
    DOC_EXPAND_KWARGS, /* a list of objects, or a reference */
    DOC_CALLBACKS,     /* words, or by word the functions */
};

enum member_flags {
    MEMBER_REQUIRED = 1,
    MEMBER_NULL = 2,     /* null means: not given */
    MEMBER_PER_TASK = 4, /* has no meaning in default_args */
};

enum member_id {
    /* of a task */
    M_OPERATOR,
    M_UPSTREAM,
    M_TRIGGER_RULE,
    M_RETRIES,
    M_RETRY_DELAY,
    M_RETRY_BACKOFF,
    M_MAX_RETRY_DELAY,
    M_EXECUTION_TIMEOUT,
    M_PRIORITY_WEIGHT,
    M_WEIGHT_RULE,
    M_POOL,
    M_POOL_SLOTS,
    M_MAX_TIS_PER_DAG,
    M_MAX_TIS_PER_DAGRUN,
    M_DEPENDS_ON_PAST,
    M_IGNORE_FIRST_DEPENDS_ON_PAST,
    M_WAIT_FOR_DOWNSTREAM,
    M_WAIT_FOR_PAST_BEFORE_SKIPPING,
    M_SETUP,
    M_TEARDOWN,
    M_ON_FAILURE_FAIL_DAGRUN,
    M_GROUP,
    M_DISPLAY_NAME,
    M_DOC_MD,
    M_OWNER,
    M_DO_XCOM_PUSH,
    M_EXPAND,
    M_EXPAND_KWARGS,
    M_MAP_INDEX_TEMPLATE,
    M_INLETS,
    M_OUTLETS,
    M_CALLBACKS,
    M_LISTENERS,
    M_QUEUE,
    M_EXECUTOR,
    M_EXECUTOR_CONFIG,
    M_EMAIL,
    M_EMAIL_ON_FAILURE,
    M_EMAIL_ON_RETRY,
    M_RUN_AS_USER,
    M_DOC_OTHER,
    M_LOGGER_NAME,
    /* of a DAG */
    M_DAG_ID,
    M_DESCRIPTION,
    M_SCHEDULE,
    M_TIMEZONE,
    M_START_DATE,
    M_END_DATE,
    M_CATCHUP,
    M_IS_PAUSED_UPON_CREATION,
    M_MAX_ACTIVE_TASKS,
    M_MAX_ACTIVE_RUNS,
    M_MAX_CONSECUTIVE_FAILED,
    M_DAGRUN_TIMEOUT,
    M_FAIL_FAST,
    M_TAGS,
    M_PARAMS,
    M_ENV,
    M_DEFAULT_ARGS,
    M_TASK_GROUPS,
    M_TASKS,
    M_VERSION,
    M_PYTHON,
    M_DEADLINE,
    M_ALERTS,
    M_OWNER_LINKS,
    M_ALLOWED_RUN_TYPES,
    M_LABELS,
    M_USER_MACROS,
    M_USER_FILTERS,
    M_TEMPLATE_SEARCHPATH,
    M_TEMPLATE_UNDEFINED,
    M_NATIVE_OBJECTS,
    M_JINJA_KWARGS,
    M_ACCESS_CONTROL,
    /* of a task group */
    M_TOOLTIP,
    M_PARENT,
};

/* One member of an object of the document: the one table that checks it and makes the schema. */
struct doc_member {
    const char *name;
    enum member_id id;
    int type; /* enum param_type or enum doc_type */
    unsigned flags;
    int64_t min, max; /* of PARAM_INT */
    const char *doc;  /* one sentence */
};
struct doc_members {
    const struct doc_member *items;
    size_t len;
};
extern const struct doc_members doc_dag_members, doc_task_members, doc_group_members;

/* One build. */
struct doc {
    struct dag *dag;
    struct arena *arena; /* the DAG's */
    const struct operator_table *ops;
    struct doc_errors *errors;
    struct err *e;
    const char *task_id;     /* whose members are looked at; NULL = the DAG's */
    struct map task_members; /* name -> struct doc_member * */
    struct map groups;       /* group id -> struct task_group * */
    const struct value *root;
    const struct value *default_args; /* checked, or NULL */
    const struct value *schedule;     /* the same */
    struct task proto;                /* every task begins as this: defaults and default_args */
    uint32_t *up;                     /* edges while they are collected */
    size_t up_len, up_cap;
};

/* A finding about the value or the key at this place. */
void doc_finding(struct doc *d, int line, int col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Findings so far: to see whether a step added some. */
size_t doc_findings(const struct doc *d);
int doc_nomem(struct doc *d); /* sets *e, returns -ERR_NOMEM */
/* "; did you mean 'x'?" for a word and its neighbours, or ""; in the errors' arena. */
const char *doc_hint(struct doc *d, const char *word, const char *const *candidates, size_t n);

/* Checks one value against a type; adds a finding and returns false when it does not fit. `name` is
 * the member's. */
struct doc_rule {
    const char *name;
    int type;
    unsigned flags;
    bool templated;
    int64_t min, max;
};
bool doc_check(struct doc *d, const struct value *v, const struct doc_rule *rule);
bool doc_check_id(struct doc *d, const char *what, const char *id, size_t n, int line, int col);
bool doc_is_template(const struct value *v);
/* Values that doc_check has accepted. */
int64_t doc_duration(const struct value *v);
int32_t doc_int32(const struct value *v);

const struct doc_member *doc_member_find(const struct doc_members *m, const char *name, size_t n);
/* Reports an unknown key with the nearest known one; `more` are the operator's parameters, or NULL.
 */
void doc_unknown_key(struct doc *d, const struct value_key *key, const struct doc_members *m,
                     const struct operator_desc *op);

/* The steps of a build, in order. 0, -ERR_NOMEM or -ERR_LIMIT; findings go to d->errors. */
int doc_walk(struct doc *d);  /* whole tree: duplicate keys, depth, sizes, NUL characters */
int doc_dag(struct doc *d);   /* members of the DAG, params, groups */
int doc_tasks(struct doc *d); /* tasks and edges */
int doc_default_args(struct doc *d);
int doc_edges(struct doc *d);
/* Mapping (document_map.c): a group's own arguments; then, with all tasks there and before the edges: groups, lengths; and after
 * them: sources. */
void doc_map_group(struct doc *d, struct task_group *g, const struct value *expand,
                   const struct value *kwargs);
void doc_map_tasks(struct doc *d);
int doc_map_sources(struct doc *d);
/* Whether a callback's words are of those that a DAG, or a task, can have; and that a document names their functions. */
void doc_check_callbacks(struct doc *d, const struct value *v, bool of_task);
/* The DAG's `listeners` likewise. */
void doc_check_listeners(struct doc *d, const struct value *v);
int doc_apply_task_member(struct doc *d, struct task *t, const struct doc_member *m,
                          const struct value *v);

/* ---- the graph (graph*.c): over up_off and up, which are there ---- */
int graph_link(struct dag *dag); /* down_off, down */
/* topo; *ret_sorted < tasks_len when there is a cycle. */
int graph_sort(struct dag *dag, uint32_t *ret_sorted);
int graph_report_cycles(struct doc *d);
int graph_weights(struct dag *dag);               /* effective_weight */
int graph_scopes(struct dag *dag, struct err *e); /* setups and scope */

#endif
