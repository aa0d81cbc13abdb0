/*
 * An event log in memory: cases (runs) with the activities (tasks) that were carried out in them, in order. What comes in are
 * events with a transition of XES' standard life cycle; what comes out are executions: one for each end, with the start that
 * belongs to it. Pure and deterministic; all memory is the log's own arena.
 *
 *     plog_init → plog_case, plog_event … → plog_finish → analysis → plog_fini
 *
 * A log without life cycle (each event is an activity) is one of ends alone. A log with several transitions is read by its ends:
 * `complete`, `ate_abort` and `pi_abort`; if it has none of these, every event counts.
 */
#ifndef TW_ANALYSIS_LOG_H
#define TW_ANALYSIS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"

struct err;

enum plog_transition {
    PLOG_COMPLETE,
    PLOG_ABORT, /* ate_abort, pi_abort: an execution that failed */
    PLOG_START,
    PLOG_SCHEDULE,
    PLOG_SKIP,  /* autoskip, manualskip: it was not carried out */
    PLOG_OTHER, /* assign, suspend ... */
};

struct plog_event { /* as it came in */
    uint32_t case_index, activity;
    uint8_t transition;
    int64_t at_us;     /* TIME_NONE: none; it stands where it was read */
    uint32_t instance; /* of the text concept:instance, or UINT32_MAX */
    uint32_t order;
};

struct plog_step { /* one execution */
    uint32_t activity;
    bool aborted;
    int64_t ready_us; /* when it was scheduled; TIME_NONE */
    int64_t start_us; /* TIME_NONE: not known */
    int64_t end_us;   /* TIME_NONE: the log has no times */
};

struct plog_case {
    const char *id;
    const char *version; /* of the process that it followed, or NULL */
    size_t
        first; /* its steps: steps[first] .. steps[first + len - 1], by end, as read among equals */
    size_t len;
    int64_t start_us, end_us; /* earliest start (or end), latest end; TIME_NONE */
};

struct plog {
    struct arena arena;
    struct map by_activity, by_case, by_instance;
    const char **activities;
    uint32_t activities_len;
    size_t activities_cap;
    struct plog_case *cases;
    size_t cases_len, cases_cap;
    struct plog_event *events; /* until plog_finish */
    size_t events_len, events_cap;
    struct plog_step *steps;
    size_t steps_len;
    size_t ignored; /* events that are no end, start or schedule of anything */
    bool timed;     /* every step has an end */
};

void plog_init(struct plog *l);
void plog_fini(struct plog *l);
/* Finds or adds. Texts are copied. -ERR_LIMIT, -ERR_NOMEM. */
int plog_activity(struct plog *l, const char *name, size_t n, uint32_t *ret, struct err *e);
int plog_case(struct plog *l, const char *id, size_t n, uint32_t *ret, struct err *e);
int plog_set_version(struct plog *l, uint32_t case_index, const char *version, struct err *e);
/* instance: which of several executions at once a start and an end belong to; or NULL. */
int plog_event(struct plog *l, uint32_t case_index, uint32_t activity, enum plog_transition t,
               int64_t at_us, const char *instance, struct err *e);
enum plog_transition plog_transition_from_string(const char *s, size_t n); /* case does not count */
/* Orders, pairs, and drops the events. Cases without a step stay: they are empty traces. */
int plog_finish(struct plog *l, struct err *e);

/* ---- variants: cases with the same activities in the same order ---- */

struct variant {
    const uint32_t *acts;
    uint32_t len;
    uint64_t n;
};
struct variants {
    struct variant *v; /* by n downwards, then by the activities' names */
    size_t len;
    size_t *case_of; /* by variant: its first case */
    uint32_t *of;    /* by case: its variant */
};
/* In the arena. Members of a filter (by case; NULL: all) that are false are left out: their `of` is UINT32_MAX. -ERR_LIMIT: too many
 * different ones. */
int variants_build(const struct plog *l, const bool *keep, struct arena *a, struct variants *ret,
                   struct err *e);

#endif
