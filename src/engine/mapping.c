/*
 * Mapped tasks, as far as the scheduler does not know them: their lengths are counted from XComs, and what their instances returned is
 * put together again.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/engine_priv.h"
#include "model/dag.h"
#include "model/mapping.h"

/* ---- lengths ---- */

struct counting {
    struct engine *g;
    const struct dag *dag;
    int64_t run_key;
    struct arena *arena;
    const char *why; /* there is no length: in words */
    struct err *e;
};

/* The elements of an XCom: lists and objects as they are; tuples, sets and objects with other keys as the Python side writes them. */
static bool elements(const struct value *v, int64_t *ret)
{
    const struct value *type = v->kind == VALUE_OBJECT ? value_get(v, "__type__") : NULL;
    const struct value *inner = type != NULL ? value_get(v, "value") : v;

    if (inner == NULL || (inner->kind != VALUE_ARRAY && inner->kind != VALUE_OBJECT)) {
        return false;
    }
    *ret = (int64_t)inner->len;
    return true;
}

static int refuse(struct counting *c, const char *task_id, const char *what)
{
    c->why =
        arena_printf(c->arena, "cannot map over %s: %s, not a list or an object", task_id, what);
    return c->why != NULL ? -ERR_INVALID : err_set(c->e, ERR_NOMEM, "out of memory for a length");
}

static int count_plain(struct counting *c, const struct task *t, const char *name, int64_t *ret)
{
    struct ti_key key = {c->run_key, t->index, -1};
    const char *json = NULL;
    struct value *v;
    size_t n = 0;
    int rc = facts_xcom(c->g, &key, name, c->arena, &json, &n, c->e);

    if (rc != 0) {
        return rc;
    }
    if (json == NULL) {
        return refuse(c, t->task_id, "it returned nothing");
    }
    rc = value_parse(c->arena, json, n, &v, c->e);
    if (rc == 0 && !elements(v, ret)) {
        char what[48];

        (void)snprintf(what, sizeof what, "its XCom is a %s", value_kind_name(v->kind));
        rc = refuse(c, t->task_id, what);
    }
    return rc;
}

/* As many as have one: of instances that failed or were skipped there is none. */
static int count_mapped(struct counting *c, const struct task *t, const char *name, int64_t *ret)
{
    struct ti_key from = {c->run_key, t->index, 0};
    struct xcom_row *rows;
    size_t n;
    int rc = facts_xcoms(c->g, &from, name, 0, c->arena, &rows, &n, c->e);

    *ret = rc == 0 ? (int64_t)n : 0;
    return rc;
}

static int count_xcom(void *user, const struct value *xcom, int64_t *ret)
{
    struct counting *c = user;
    const struct value *id = value_get(xcom, "task_id"), *key = value_get(xcom, "key");
    const struct task *t =
        id != NULL && id->kind == VALUE_STRING ? dag_task(c->dag, id->text) : NULL;
    const char *name = key != NULL && key->kind == VALUE_STRING ? key->text : "return_value";

    if (t == NULL) {
        return refuse(c, "an unknown task", "there is none");
    }
    return t->mapped ? count_mapped(c, t, name, ret) : count_plain(c, t, name, ret);
}

int mapping_answer(struct engine *g, const struct sched_question *q, struct sched_event *ev,
                   struct arena *a, struct err *e)
{
    struct counting c = {.g = g, .run_key = q->run_key, .arena = a, .e = e};
    const struct task *t;
    const struct value *expand, *kwargs;
    struct dag *keep;
    int64_t len = 0;
    int rc;

    ev->type = SCHED_ANSWER;
    ev->answer.question = q->question;
    c.dag = engine_run_dag(g, q->run_key);
    if (c.dag == NULL || q->task >= c.dag->tasks_len) {
        return err_set(e, ERR_NOTFOUND, "the run is not live any more");
    }
    keep = dag_ref((struct dag *)c.dag);
    t = &keep->tasks[q->task];
    expand = t->map_group != UINT32_MAX ? keep->groups[t->map_group].expand : t->expand;
    kwargs =
        t->map_group != UINT32_MAX ? keep->groups[t->map_group].expand_kwargs : t->expand_kwargs;
    rc = map_length(expand, kwargs, count_xcom, &c, &len);
    if (rc == -ERR_INVALID) {
        ev->answer.error = c.why != NULL ? c.why : "the arguments to map over are no lists";
        rc = 0;
    }
    ev->answer.map_len = len;
    dag_unref(keep);
    return rc;
}

/* ---- what they returned ---- */

int mapping_list(struct engine *g, const struct ti_key *key, const char *name, struct arena *a,
                 const char **ret, size_t *ret_len, struct err *e)
{
    struct ti_key from = {key->run_key, key->task, 0};
    struct xcom_row *rows;
    struct json_writer w;
    struct buf b BUF_CLEANUP = {0};
    size_t n;
    int rc = facts_xcoms(g, &from, name, 0, a, &rows, &n, e);

    if (rc != 0) {
        return rc;
    }
    buf_init(&b, LIMIT_XCOM_BYTES);
    json_writer_init(&w, &b, 0);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_raw(&w, rows[i].value, rows[i].value_len);
    }
    json_array_end(&w);
    if (buf_status(&b) != 0) {
        return err_set(e, ERR_LIMIT, "the XComs of the mapped task are more than %zu MiB together",
                       LIMIT_XCOM_BYTES >> 20);
    }
    *ret = arena_strdup(a, buf_cstr(&b));
    *ret_len = b.len;
    return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for XComs");
}
