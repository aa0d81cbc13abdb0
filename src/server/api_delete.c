/* What is deleted for good: a DAG, a run, an instance. By the engine, which refuses what is at work. */
#include "server/api_delete.h"

#include "server/api.h"

static int send_key(struct call *c, const char *type, const char *member, int64_t key,
                    bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc;

    api_command(c, &b, &w);
    json_key(&w, member);
    json_int(&w, key);
    rc = api_send(c, type, &b, &w, &answer, ret_later, e);
    if (rc == 0 && !*ret_later) {
        c->status = 204;
    }
    return rc;
}

int api_send_delete_ti(struct call *c, const struct ti_key *key, bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_ti_command(c, key, &b, &w);
    return api_send(c, "ti_delete", &b, &w, &answer, ret_later, e);
}

int api_ti_delete(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct ti_row t;
    bool later = false;
    int rc = api_find_ti(c, &r, &t, e);

    if (rc == 0 && t.state == TASK_NONE && t.try_number == 0) {
        return err_set(e, ERR_NOTFOUND,
                       "The Task Instance with dag_id: `%s`, run_id: `%s`, task_id: `%s` and "
                       "map_index: `%d` was not found",
                       r.row.dag_id, r.run.run_id, call_param(c, "task_id"), t.key.map_index);
    }
    rc = rc == 0 ? api_send_delete_ti(c, &t.key, &later, e) : rc;
    if (rc == 0 && !later) { /* as Airflow: 200 with null */
        json_null(&c->w);
    }
    return rc;
}

int api_dag_run_delete(struct call *c, struct err *e)
{
    struct dag_row row;
    struct run_row run;
    bool later = false;
    int rc = api_find_run(c, &row, &run, e);

    if (rc == 0 && run.state == RUN_RUNNING) {
        return err_set(e, ERR_CONFLICT,
                       "The DagRun with dag_id: `%s` and run_id: `%s` cannot be deleted in running "
                       "state",
                       row.dag_id, run.run_id);
    }
    return rc == 0 ? send_key(c, "run_delete", "run_key", run.run_key, &later, e) : rc;
}

int api_dag_delete(struct call *c, struct err *e)
{
    struct dag_row row;
    bool later = false;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? send_key(c, "dag_delete", "dag_key", row.dag_key, &later, e) : rc;
    if (rc == 0 && !later) {
        c->status = 0;
        json_null(&c->w);
    }
    return rc;
}
