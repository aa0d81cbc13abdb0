/*
 * From a document (a value tree with positions, however it was written) to a DAG. Pure. The form is
 * docs/reference/dag-document.md and schema/dag.schema.json.
 */
#ifndef TW_MODEL_DOCUMENT_H
#define TW_MODEL_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dag;
struct value;
struct err;

/* One finding; all of a file are reported at once, in the order of the file. */
struct doc_error {
    int line, col;       /* 0 = unknown */
    const char *task_id; /* or NULL */
    const char *text;    /* what is wrong, and the remedy */
};

struct doc_errors {
    struct arena
        *arena; /* where texts are made; set by the caller, lives as long as the errors are read */
    struct doc_error *items; /* in the arena */
    size_t len, cap;
    size_t more; /* findings beyond LIMIT_DOC_ERRORS */
};

/* An operator's parameters, so that documents are checked where they are loaded. Given by src/operators' table. */
enum param_type {
    PARAM_STRING,
    PARAM_BOOL,
    PARAM_INT,
    PARAM_NUMBER,
    PARAM_DURATION,
    PARAM_TIME,
    PARAM_STRINGS,
    PARAM_STRING_MAP,
    PARAM_OBJECT,
    PARAM_ARRAY,
    PARAM_ANY,
    PARAM_STRING_OR_STRINGS,
    PARAM_INTS /* an integer or a list of them */
};
struct operator_param {
    const char *name;
    enum param_type type;
    bool required;
    bool templated;
    const char *doc; /* one sentence */
};
struct operator_desc {
    const char *name;         /* "bash" */
    const char *airflow_name; /* "BashOperator", or NULL */
    const char *doc;
    const struct operator_param *params; /* ends with name == NULL */
    bool instant;                        /* needs no worker */
    /* Exactly one of these must be given; NULL-terminated, or NULL. python_callable may be left out where the DAG was written in Python. */
    const char *const *one_of;
};
/*
 * What a document does not say (docs/decisions/0020-defaults-of-dags.md). They hold when a document is made into a DAG, whenever that is, and
 * are no part of its version. The time zone alone is: it is added to a document that is no stored one, since dates of runs follow from it.
 */
struct dag_defaults {
    int32_t max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs;
    bool catchup, paused; /* paused: at creation */
    int32_t retries;
    int64_t retry_delay_us, execution_timeout_us; /* 0: no timeout */
    uint8_t weight_rule;
    const char *timezone; /* NULL: UTC */
};
extern const struct dag_defaults dag_defaults_builtin;

struct operator_table {
    const struct operator_desc *const *operators;
    size_t len;
    bool
        stored; /* for documents of stored versions: what was accepted once is not judged by newer rules (defaults of params) */
    const struct dag_defaults *defaults; /* NULL: dag_defaults_builtin */
};

/*
 * Builds a DAG from one document. Takes nothing: `document` is deep-copied into the DAG's arena. Returns 0 and *ret (one
 * reference, caller's), or -ERR_INVALID with findings in *errors, or -ERR_NOMEM / -ERR_LIMIT with *e. `file` is copied (may be NULL).
 */
int document_build(const struct value *document, const char *file, const struct operator_table *ops,
                   struct dag **ret, struct doc_errors *errors, struct err *e);
/*
 * The same without the copy: the arena in which `document` was made becomes the DAG's, and *arena is left empty. On failure it stays the
 * caller's (with more in it). What loads big files uses this.
 */
int document_build_take(struct arena *arena, struct value *document, const char *file,
                        const struct operator_table *ops, struct dag **ret,
                        struct doc_errors *errors, struct err *e);
/* Adds a finding (formatted into the arena); counts it in `more` beyond the limit. */
void doc_error_add(struct doc_errors *errors, int line, int col, const char *task_id,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The candidate nearest to `word` (Damerau-Levenshtein, at most a third of its length away), or NULL. */
const char *nearest_word(const char *word, const char *const *candidates, size_t n);
/* The JSON Schema of a document, generated from the same tables that check it. Written to *out (struct buf). */
struct buf;
int document_schema(const struct operator_table *ops, struct buf *out);

#endif
