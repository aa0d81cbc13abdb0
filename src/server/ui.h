/* What the handlers of /ui share: the page's own interface beside Airflow's (api/openapi.yaml, tag Page). */
#ifndef TW_SERVER_UI_H
#define TW_SERVER_UI_H

#include "server/api.h"

struct nested;
struct nested_edge;
struct nested_node;

/* A letter for each state of an instance: "-" none. */
extern const char ui_letters[TASK_STATE_MAX_ + 1];
/* Of several instances the state that people should see: Airflow's order, failed first; none goes before success. */
int ui_worst(const uint32_t *counts);
/* {"success": 3, ...}: what is not zero. */
void ui_put_counts(struct call *c, const char *name, const uint32_t *counts);

/* The rows of a grid: a DAG's groups and tasks as a tree, each group before what is in it, by the order in which they run. */
struct ui_row {
    uint32_t task;  /* index, or UINT32_MAX: a group */
    uint32_t group; /* of a group: its index */
    int32_t parent; /* row, or -1 */
    uint32_t depth;
    uint32_t last; /* of a group: the last row in it; of a task: itself */
};
int ui_rows(struct arena *a, const struct dag *d, struct ui_row **ret, size_t *ret_len,
            struct err *e);

const char *ui_group_label(const struct dag *d,
                           uint32_t group); /* what follows the last dot of its id */

/* ui_graph.c: pictures, all with the same distances. */
#define UI_BOX_HEIGHT 40
int32_t ui_box_width(const char *label);
int ui_lay_out(struct nested_node *nodes, size_t nodes_len, struct nested_edge *edges,
               size_t edges_len, struct nested **ret, struct err *e);
void ui_put_box(struct call *c, const struct nested_node *n); /* members x, y, w, h */
void ui_put_points(struct call *c, const struct nested *p, const struct nested_edge *e);

/* The number of a version among those of its DAG, from 1; 0: not found. */
struct ui_versions {
    struct version_row *rows;
    size_t len;
};
int ui_versions(struct call *c, int64_t dag_key, struct ui_versions *ret, struct err *e);
int64_t ui_version_number(const struct ui_versions *v, int64_t version_key);
/* By the argument `name` (a number; not given: the current one). 404. */
int ui_find_version(struct call *c, const struct dag_row *row, const char *name,
                    struct version_row *ret, int64_t *ret_number, struct err *e);

/* A question to a person that is open. Texts are borrowed from the call's arena. */
struct ui_question {
    const char *dag_id, *run_id, *task_id;
    int32_t map_index;
    int64_t asked_us;
    const struct value *request;
};
/* Of all live runs; at most UI_QUESTIONS_MAX. */
#define UI_QUESTIONS_MAX 1000
int ui_questions(struct call *c, struct ui_question **ret, size_t *ret_len, struct err *e);

/* health.c: the member "health", as monitor/health tells it, with what is wrong in words. SUSPENDS. */
void api_put_health(struct call *c);

#endif
