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
#define API_BUNDLE       "dags-folder" /* of a DAG of which nothing else is known */

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
/* The four members of a range, as call_take_body has them. */
#define API_RANGE_MEMBERS(n) \
    n "_gte", n "_gte", n "_gt", n "_gt", n "_lte", n "_lte", n "_lt", n "_lt"
/* What lists of runs and of task instances have in a body: pairs of call_take_body. */
#define API_LIST_MEMBERS                                                                          \
    "dag_ids", "dag_ids", "page_limit", "limit", "page_offset", "offset", "order_by", "order_by", \
        API_RANGE_MEMBERS("run_after"), API_RANGE_MEMBERS("logical_date"),                        \
        API_RANGE_MEMBERS("start_date"), API_RANGE_MEMBERS("end_date"),                           \
        API_RANGE_MEMBERS("duration")
/* The list that fn answers, with its arguments in a body. */
int api_list_by_body(struct call *c, const char *const *names,
                     int (*fn)(struct call *c, struct err *e), struct err *e);
/* The same of `duration`, in seconds there, in microseconds here, both ends included. *ret false: it is not asked for. */
int api_duration(struct call *c, bool *ret, int64_t *ret_from_us, int64_t *ret_to_us,
                 struct err *e);
/* NAME_pattern (api_like) and NAME_prefix_pattern fit the text, as far as they are given. */
bool api_pattern(struct call *c, const char *name, const char *text);
/* The argument is not given, or one of its values is the text. */
bool api_any_of(struct call *c, const char *name, const char *text);
/* A bit per type of the arguments `run_type`. 422 likewise. */
int api_run_types(struct call *c, unsigned *ret, struct err *e);
/* A bit per state of the argument `state` (of runs), may be repeated. 422 for an unknown one. */
int api_run_states(struct call *c, const char *name, unsigned *ret, struct err *e);

/* The DAGs that who asks may see, by dag_id; changing: those that he may change. A list of DAGs, or of what belongs to them, begins with this
 * (and has ROUTE_TAGS). */
int api_get_dags(struct call *c, bool changing, struct dag_row **ret, size_t *ret_n, struct err *e);
/* The same for what names DAGs otherwise: their rows are read only for who is limited. */
struct api_visible {
    bool all;
    struct dag_row *dags; /* unless all: by dag_id */
    size_t len;
};
int api_visible(struct call *c, struct api_visible *ret, struct err *e);
/* NULL, and a DAG that was deleted: only who sees all. */
bool api_sees_id(const struct api_visible *v, const char *dag_id);
/* What he may know of a file with errors, as in Airflow: of one whose DAGs he may see, all; of one of which he may see some, that it has errors. A
 * file of which no DAG was ever read is for those who see all. */
enum api_known { API_NOTHING, API_THAT_IT_IS, API_ALL_OF_IT };
#define API_REDACTED "REDACTED - you do not have read permission on all DAGs in the file"
struct api_files {
    struct api_visible v;
    struct dag_row *dags; /* all, unless v.all */
    size_t dags_len;
};
int api_files(struct call *c, struct api_files *ret, struct err *e);
enum api_known api_file_known(const struct api_files *f, const char *file); /* below its bundle */
/* Of a query: never NULL, so that of no DAGs there are no rows. */
int api_dag_keys(struct call *c, const struct dag_row *dags, size_t n, const int64_t **ret,
                 struct err *e);
/* May he see this DAG, or change it? For one that the path does not name. -ERR_NOTFOUND (without a text), -ERR_PERM. */
int api_may(struct call *c, const struct dag_row *row, bool changing, struct err *e);
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
    struct note_row *notes;
    size_t notes_len;
};
int api_open_run(struct call *c, struct api_run *ret, struct err *e);
int api_load_run(struct call *c, struct api_run *r, struct err *e);   /* row and run are set */
int api_load_facts(struct call *c, struct api_run *r, struct err *e); /* all but the instances */
/* The task of the path, and with map_index of path or arguments (-1: none). 404. */
int api_find_task(struct call *c, const struct api_run *r, const struct task **ret,
                  int32_t *ret_map_index, struct err *e);
/* The instance that the path names; 404, also where its map index is missing. */
int api_find_ti(struct call *c, struct api_run *r, struct ti_row *ret, struct err *e);
struct ti_row api_ti(const struct api_run *r, uint32_t task, int32_t map_index, bool *ret_found);

/* Objects; name NULL: an element of an array. */
void api_put_run(struct call *c, const char *name, const struct dag *d, const struct run_row *r,
                 const char *note);
int api_put_one_run(struct call *c, const struct run_row *r, struct err *e); /* all of an answer */
/* The notes of a page of runs, in one question: *ret[i] is that of rows[i], or NULL. */
int api_run_notes(struct call *c, const struct run_row *rows, size_t n, const char ***ret,
                  struct err *e);
void api_put_ti(struct call *c, const char *name, const struct api_run *r, const struct ti_row *t,
                const char *rendered);
void api_put_version(struct call *c, const char *name, const char *dag_id, int64_t version_key);
int64_t api_version_number(struct call *c, int64_t version_key); /* 0: it is gone */
const char *api_host(struct call *c);
/* What a mapped instance is called by its map_index_template; NULL: it is not, or not yet. */
const char *api_map_name(struct call *c, const struct dag *d, const struct ti_key *key);
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

/* api_dag_list.c: SUSPENDS. The DAGs that the arguments ask for, in their order; changing: as api_get_dags. */
int api_list_dags(struct call *c, bool changing, struct dag_row **ret, size_t *ret_n,
                  struct api_page *p, struct err *e);

/* api_favorites.c: of who asks. */
bool api_is_favorite(struct call *c, const char *dag_id);

/* api_masked.c: a text that may be JSON, and JSON, with *** in place of what stands under sensitive names. */
void api_put_masked_text(struct call *c, const char *name, const char *text);
void api_put_masked(struct call *c, const char *name, const char *json, const char *dflt);

/* A request to the engine: members of an object, then server_command. */
#define API_KEY_MAX 200 /* of an Idempotency-Key; a longer one is none */
/* What makes a command the same as that of an earlier request with this Idempotency-Key; nothing where the request has none. */
void api_put_key(struct call *c, struct json_writer *w, const char *op, int64_t run_key);
void api_command(struct call *c, struct buf *b, struct json_writer *w); /* begins it, with actor */
/* The same about an instance. */
void api_ti_command(struct call *c, const struct ti_key *key, struct buf *b, struct json_writer *w);
int api_send(struct call *c, const char *type, struct buf *b, struct json_writer *w,
             struct value **ret, bool *ret_later, struct err *e);

/* api_runs.c: a clear or a mark of a run; n 0: of all its tasks. SUSPENDS. */
int api_send_change(struct call *c, const char *op, const char *state, int64_t run_key,
                    const uint32_t *tasks, const int32_t *maps, size_t n, bool *ret_later,
                    struct err *e);
#endif
