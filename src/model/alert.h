/*
 * Alerts: what people are told of, and the rules that say whom. Pure; what is sent and how is src/alert.
 *
 * A rule is an object, in the configuration (alerts.rules) or in a DAG's document (alerts):
 *
 *   on: a word or a list of them (alert_kind_to_string)      channels: names of channels, one or a list
 *   dags: glob of DAG ids     tags: the DAG has one of them     owner: glob     tasks: glob of task ids, with their groups
 *   last, at_least, factor, margin: of task_slow and run_slow, see alert_slow_limit
 *
 * What a rule does not say does not matter; of what has no task (a run) `tasks` and `owner` say nothing: such a rule does not match it. In a
 * DAG's own rules there are no dags and tags.
 */
#ifndef TW_MODEL_ALERT_H
#define TW_MODEL_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct value;

enum alert_kind {
    ALERT_TASK_FAILURE, /* no try is left */
    ALERT_TASK_RETRY,   /* a try failed, another follows */
    ALERT_TASK_SUCCESS,
    ALERT_TASK_SLOW, /* it runs longer than it used to */
    ALERT_RUN_FAILURE,
    ALERT_RUN_SUCCESS,
    ALERT_RUN_SLOW,
    ALERT_DEADLINE_MISSED,
    ALERT_IMPORT_ERROR, /* a DAG file cannot be read (any more) */
    ALERT_TEST,         /* somebody tries a channel: no rule has it */
    ALERT_KINDS
};
const char *alert_kind_to_string(enum alert_kind k);             /* "task_failure" ... */
int alert_kind_from_string(const char *s, enum alert_kind *ret); /* -ERR_NOTFOUND */

/* Of a row of the store. Numbers are kept: append, never renumber. */
enum alert_state {
    ALERT_PENDING = 0, /* part of no message yet */
    ALERT_SENDING = 1, /* of a message that is on its way, or comes again after a failed try */
    ALERT_SENT = 2,
    ALERT_FAILED = 3 /* given up */
};
const char *alert_state_to_string(enum alert_state s);

/* ---- longer than it used to take ---- */

struct alert_slow {
    int32_t last;      /* successes that are looked at, the newest ones; 20 */
    int32_t at_least;  /* with fewer nothing is said; 5 */
    double factor;     /* k; 3 */
    int64_t margin_us; /* at least so much longer than the median; 1 minute */
};
extern const struct alert_slow alert_slow_default;
/*
 * From when on a run or a task is slow: median + max(k * 1.4826 * MAD, margin), of what the last successes took. MAD is the median of the
 * distances from the median; 1.4826 makes it estimate the standard deviation of what is normally distributed. One that took a day does not
 * move it, where it would move a mean. (F. R. Hampel, The influence curve and its role in robust estimation, JASA 69, 1974; C. Leys et al.,
 * Detecting outliers, J. Exp. Soc. Psychology 49, 2013: why k = 3.) The margin keeps what always takes the same 2 s from being slow at 2.1 s.
 *
 * us: newest first, n of them; sorted in place. False: they are fewer than at_least.
 */
bool alert_slow_limit(const struct alert_slow *s, int64_t *us, size_t n, int64_t *ret_median_us,
                      int64_t *ret_limit_us);

/* ---- rules ---- */

struct alert_rule {
    unsigned on;                      /* bit per enum alert_kind */
    const char *dags, *tasks, *owner; /* globs, or NULL: any */
    const char *const *tags;          /* any of them; none: any DAG */
    size_t tags_len;
    const char *const *channels;
    size_t channels_len;
    struct alert_slow slow;
    int line, col;
};

/* What happened, to what. */
struct alert_subject {
    enum alert_kind kind;
    const char *dag_id; /* NULL: no DAG's (an import error) */
    const char *const *tags;
    size_t tags_len;
    const char *task_id, *owner; /* NULL: no task's */
};

/*
 * A list of rules (or one). Texts are borrowed from v, arrays are the arena's. of_dag: dags and tags are refused. -ERR_INVALID with the
 * place and the remedy.
 */
int alert_rules_parse(struct arena *a, const struct value *v, bool of_dag, struct alert_rule **ret,
                      size_t *ret_len, struct err *e);
bool alert_rule_matches(const struct alert_rule *r, const struct alert_subject *s);

/* A glob over a whole text: `*` any bytes, `?` one. Takes at most (length of text) * (length of pattern) steps. */
bool alert_glob(const char *pattern, const char *text);

/* ---- pieces of such objects, for whoever reads more of them (src/alert) ---- */

/* A member that is a text; *ret is left alone where it is not there. */
int alert_text(const struct value *o, const char *name, const char **ret, struct err *e);
/* One text or a list of them: an array of the arena. */
int alert_texts(struct arena *a, const struct value *o, const char *name, const char *const **ret,
                size_t *ret_len, struct err *e);
/* A duration: a number of seconds, or a text ("30s", "-5m"). A negative one only with `negative`. */
int alert_duration(const struct value *o, const char *name, bool negative, int64_t *ret_us,
                   struct err *e);
/* Refuses members that are none of the names (ends with NULL), with the nearest one. what: "a rule". */
int alert_known(const struct value *o, const char *what, const char *const *names, struct err *e);

#endif
