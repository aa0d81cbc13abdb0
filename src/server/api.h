/* What the handlers of /api/v2 share: pages, filters, names of the path, and how rows are written. Fields and errors are Airflow's. */
#ifndef TW_SERVER_API_H
#define TW_SERVER_API_H

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/rows.h"
#include "server/call.h"
#include "server/handlers.h"
#include "server/httpd_module.h"
#include "server/server_priv.h"
#include "store/store.h"

#define API_PAGE_DEFAULT 50

struct api_page {
    size_t limit, offset; /* limit 0: none of the rows, only their number */
};
int api_page(struct call *c, struct api_page *ret, struct err *e);
/* order_by: the index in `fields` (ends with NULL) of its field; "-field": descending. 422 for another one. */
int api_order(struct call *c, const char *const *fields, size_t dflt, bool dflt_down, size_t *ret,
              bool *ret_down, struct err *e);
/* As SQL's ILIKE '%pattern%': % and _ stand for any, case does not count. NULL fits everything. */
bool api_like(const char *pattern, const char *text);
/* NAME_gte, _gt, _lte, _lt of the arguments. */
int api_range(struct call *c, const char *name, struct time_range *ret, struct err *e);
/* A bit per state of the argument `state` (of runs), may be repeated. 422 for an unknown one. */
int api_run_states(struct call *c, const char *name, unsigned *ret, struct err *e);

/* The DAGs that who asks may see, by dag_id; changing: those that he may change. A list of DAGs, or of what belongs to them, begins with this
 * (and has ROUTE_TAGS). */
int api_get_dags(struct call *c, bool changing, struct dag_row **ret, size_t *ret_n, struct err *e);
/* By the path's names; 404 in Airflow's words. */
int api_find_dag(struct call *c, struct dag_row *ret, struct err *e);
int api_find_run(struct call *c, struct dag_row *ret_dag, struct run_row *ret, struct err *e);

/* A run with all that its instances need. */
struct api_run {
    struct dag_row row;
    struct run_row run;
    const struct dag *dag; /* borrowed until the next suspension */
    struct ti_row *tis;
    size_t tis_len;
    struct attempt_row *attempts;
    size_t attempts_len;
};
int api_open_run(struct call *c, struct api_run *ret, struct err *e);
int api_load_run(struct call *c, struct api_run *r, struct err *e); /* row and run are set */
/* The task of the path, and with map_index of path or arguments (-1: none). 404. */
int api_find_task(struct call *c, const struct api_run *r, const struct task **ret,
                  int32_t *ret_map_index, struct err *e);
struct ti_row api_ti(const struct api_run *r, uint32_t task, int32_t map_index, bool *ret_found);

/* Objects; name NULL: an element of an array. */
void api_put_run(struct call *c, const char *name, const struct dag *d, const struct run_row *r);
void api_put_ti(struct call *c, const char *name, const struct api_run *r, const struct ti_row *t,
                const char *rendered);
void api_put_version(struct call *c, const char *name, const char *dag_id, int64_t version_key,
                     int64_t created_us, int64_t number);
/* {"name": [ ... ], "total_entries": n}: begin, write elements, end. */
void api_list(struct call *c, const char *name);
void api_list_end(struct call *c, int64_t total);

/* Members of a body: -ERR_INVALID with 422 where they are of another kind. NULL: not there, or null. */
int body_text(struct call *c, const struct value *body, const char *name, const char **ret,
              struct err *e);
int body_bool(struct call *c, const struct value *body, const char *name, bool dflt, bool *ret,
              struct err *e);
/* A body with a member that is not of the list (ends with NULL): 422. */
int body_only(struct call *c, const struct value *body, const char *const *names, struct err *e);

/* A request to the engine: members of an object, then server_command. */
void api_command(struct call *c, struct buf *b, struct json_writer *w); /* begins it, with actor */
int api_send(struct call *c, const char *type, struct buf *b, struct json_writer *w,
             struct value **ret, bool *ret_later, struct err *e);

/* api_runs.c: a clear or a mark of a run; n 0: of all its tasks. SUSPENDS. */
int api_send_change(struct call *c, const char *op, const char *state, int64_t run_key,
                    const uint32_t *tasks, const int32_t *maps, size_t n, bool *ret_later,
                    struct err *e);
/* api_tis.c: these instances as a list; tasks NULL: all. */
int api_put_tis(struct call *c, const struct api_run *r, const uint32_t *tasks, const int32_t *maps,
                size_t n);

#endif
