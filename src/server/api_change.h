/* Clears and marks as the handlers share them: a plan of what is touched, its carrying out, and its telling. */
#ifndef TW_SERVER_API_CHANGE_H
#define TW_SERVER_API_CHANGE_H

#include "engine/plan.h"
#include "server/api.h"

/* What happens to one run; all of it in the call's arena. */
struct api_planned {
    int64_t run_key, version_key; /* that tasks are indices of */
    const char *run_id;
    bool moves;
    uint32_t *tasks;
    int32_t *maps;
    const char **ids; /* of the tasks */
    size_t len;
    const char **fresh; /* tasks that the run gets with a newer version */
    size_t fresh_len;
    const char *refused; /* why it stays as it is, or NULL */
};
struct api_plan {
    struct api_planned *runs;
    size_t len;
};

/* Adds to *ret, which begins as zeros, what the query means. Does not suspend. 422 for a query that makes no sense, 404 with what is not there. */
int api_plan(struct call *c, const struct plan_query *q, struct api_plan *ret, struct err *e);
/* SUSPENDS. A command for each run. -ERR_CONFLICT: the only run is refused. */
int api_apply(struct call *c, const struct plan_query *q, const struct api_plan *p, bool *ret_later,
              struct err *e);
/* The instances as they are now: {"task_instances": [...], "total_entries": n}. */
int api_put_plan(struct call *c, const struct dag_row *dag, const struct api_plan *p,
                 struct err *e);
/* An instance, or of map index -1 all that a mapped task became. How many. */
int api_put_ti_of(struct call *c, const struct api_run *r, uint32_t task, int32_t map);

/* SUSPENDS. of NULL: of the run. text NULL: it is removed. */
int api_send_note(struct call *c, int64_t run_key, const struct ti_key *of, const char *text,
                  bool *ret_later, struct err *e);
int api_note_plan(struct call *c, const struct api_plan *p, const char *text, bool *ret_later,
                  struct err *e);

/* A body that marks instances; q->state TASK_NONE: it has only a note. members: those that the body may have. */
int api_read_mark(struct call *c, const struct value *body, const char *const *members,
                  struct plan_query *q, const char **ret_note, bool *ret_has_note, struct err *e);
/* SUSPENDS. -ERR_CONFLICT: it is in that state already. */
int api_mark(struct call *c, struct plan_query *q, const struct ti_key *key, const char *task_id,
             const char *note, bool has_note, struct api_plan *p, bool *ret_later, struct err *e);

#endif
