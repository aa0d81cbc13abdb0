/*
 * What a person deletes: an instance, a run, a DAG with all of its runs. The rows go in the commit at whose turn the scheduler does not know
 * the run (a run that is being read back just then is read anew, and is not there). What hangs on a run, and its files, go in pieces after it.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/world.h"

#define RUNS_AT_ONCE 50

struct deletion {
    struct request r; /* first: the request is the deletion */
    struct engine *g;
    int64_t dag_key;
    int64_t keys[RUNS_AT_ONCE];
    size_t len;
    struct ti_key ti;
    bool of_ti;
    struct run_row run;
    struct dag_row dag;
    struct arena arena;
    bool more;
    struct audit_row audit;
    char subject[2 * LIMIT_ID_BYTES + 64];
    struct err *e;
};

static int begin(struct deletion *d, const struct world_call *c, const char *action, struct err *e)
{
    const struct value *actor = value_get(c->rq, "actor");

    *d = (struct deletion){.g = c->g, .e = e};
    arena_init(&d->arena, MiB(256));
    d->audit = (struct audit_row){
        .actor = actor != NULL && actor->kind == VALUE_STRING ? actor->text : "api",
        .action = action,
        .subject = d->subject,
        .at_us = engine_now(c->g)};
    return 0;
}

/* ---- on the store's thread ---- */

static int do_get_run(void *arg)
{
    struct deletion *d = arg;
    struct store *s = d->g->store;

    return s->ops->get_run(s, d->keys[0], &d->arena, &d->run, d->e);
}

static int do_clean(void *arg)
{
    struct deletion *d = arg;
    struct store *s = d->g->store;
    int64_t none;

    return s->ops->clean(s, INT64_MIN, 1, &none, &d->more, d->e);
}

static int do_find_dag(void *arg)
{
    struct deletion *d = arg;
    struct store *s = d->g->store;
    struct dag_row *rows;
    size_t n = 0;
    int rc = s->ops->get_dags(s, &d->arena, &rows, &n, d->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].dag_key == d->dag_key) {
            d->dag = rows[i];
            return 0;
        }
    }
    return rc != 0 ? rc : err_set(d->e, ERR_NOTFOUND, "there is no such DAG");
}

static int do_check_dag(void *arg)
{
    const unsigned live = 1u << RUN_QUEUED | 1u << RUN_RUNNING;
    struct deletion *d = arg;
    struct store *s = d->g->store;
    struct backfill_row *backfills;
    struct run_row *runs;
    size_t n = 0, b = 0;
    int rc = s->ops->get_runs(s, d->dag_key, live, 0, 1, &d->arena, &runs, &n, d->e);

    rc = rc == 0 ? s->ops->get_backfills(s, d->dag_key, true, 1, &d->arena, &backfills, &b, d->e)
                 : rc;
    if (rc == 0 && n != 0) {
        return err_set(d->e, ERR_CONFLICT, "run %s of the DAG is not finished", runs[0].run_id);
    }
    return rc == 0 && b != 0 ? err_set(d->e, ERR_CONFLICT, "a backfill of the DAG has not ended")
                             : rc;
}

static int do_some_runs(void *arg)
{
    struct deletion *d = arg;
    struct store *s = d->g->store;
    const unsigned finished = 1u << RUN_SUCCESS | 1u << RUN_FAILED;
    struct run_row *runs;
    size_t n = 0;
    int rc = s->ops->get_runs(s, d->dag_key, finished, 0, RUNS_AT_ONCE, &d->arena, &runs, &n, d->e);

    d->len = rc == 0 ? n : 0;
    for (size_t i = 0; i < d->len; i++) {
        d->keys[i] = runs[i].run_key;
    }
    return rc;
}

static int do_delete_dag(void *arg)
{
    struct deletion *d = arg;
    struct store *s = d->g->store;
    int64_t none;

    return s->ops->delete_dag(s, d->dag_key, &none, d->e);
}

/* ---- rows ---- */

static bool is_known(struct engine *g, int64_t run_key)
{
    struct run_row run;
    const struct dag *dag;

    return sched_get_run(g->sched, run_key, &run, &dag) == 0;
}

/* Its turn in the batch. */
static int apply(struct engine *g, struct request *r)
{
    struct deletion *d = (struct deletion *)r;

    for (size_t i = 0; i < (d->of_ti ? 1 : d->len); i++) {
        if (is_known(g, d->keys[i])) {
            return -ERR_CONFLICT;
        }
    }
    for (size_t i = 0; i < (d->of_ti ? 1 : d->len); i++) {
        facts_changed(g, d->keys[i]);
    }
    return 0;
}

static int commit(struct deletion *d, bool audited, struct err *e)
{
    int rc;

    d->r = (struct request){.turn = apply, .audit = audited ? &d->audit : NULL};
    d->r.run_deletes = d->of_ti ? NULL : d->keys;
    d->r.run_deletes_len = d->of_ti ? 0 : d->len;
    d->r.ti_delete = d->of_ti ? &d->ti : NULL;
    rc = engine_ask(d->g, &d->r, e);
    return rc == -ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "the run is at work") : rc;
}

/* SUSPENDS between pieces, so that commits go on. What is left when it fails goes with the next cleaning. */
static int sweep(struct deletion *d)
{
    int rc = 0;

    d->more = true;
    while (rc == 0 && d->more) {
        rc = engine_on_store(d->g, do_clean, d);
    }
    return rc;
}

static void put_done(const struct world_call *c)
{
    json_key(c->w, "result");
    json_object(c->w);
    json_object_end(c->w);
}

/* ---- an instance ---- */

static int delete_ti(struct deletion *d, const struct world_call *c, struct err *e)
{
    const struct value *run = value_get(c->rq, "run_key"), *task = value_get(c->rq, "task"),
                       *map = value_get(c->rq, "map_index");
    int64_t t = 0, index = -1;
    int rc;

    if (run == NULL || task == NULL || value_int(run, 1, INT64_MAX, &d->keys[0]) != 0 ||
        value_int(task, 0, LIMIT_TASKS, &t) != 0 ||
        (map != NULL && value_int(map, -1, INT32_MAX, &index) != 0)) {
        return err_set(e, ERR_PROTOCOL, "ti_delete needs run_key, task and map_index");
    }
    rc = engine_on_store(d->g, do_get_run, d);
    if (rc == 0 && !run_state_finished(d->run.state)) {
        return err_set(e, ERR_CONFLICT, "run %s is %s: its instances are its own until it ends",
                       d->run.run_id, run_state_to_string(d->run.state));
    }
    d->of_ti = true;
    d->ti = (struct ti_key){d->keys[0], (uint32_t)t, (int32_t)index};
    (void)snprintf(d->subject, sizeof d->subject, "run %lld task %u[%d]", (long long)d->ti.run_key,
                   d->ti.task, d->ti.map_index);
    return rc == 0 ? commit(d, true, e) : rc;
}

int engine_answer_ti_delete(const struct world_call *c, struct err *e)
{
    struct deletion d;
    int rc = begin(&d, c, "delete task instance", e);

    rc = rc == 0 ? delete_ti(&d, c, e) : rc;
    arena_fini(&d.arena);
    if (rc == 0) {
        put_done(c);
    }
    return rc;
}

/* ---- a run ---- */

/* One that waits is ended first. */
static int stop_queued(struct deletion *d, struct err *e)
{
    struct engine_command stop = {
        .op = ENGINE_STOP_RUN, .actor = d->audit.actor, .run_key = d->keys[0], .reason = "deleted"};
    uint32_t affected;
    int rc = engine_command(d->g, &stop, &affected, e);

    return rc == 0 ? engine_on_store(d->g, do_get_run, d) : rc;
}

static int delete_run(struct deletion *d, const struct world_call *c, struct err *e)
{
    const struct value *run = value_get(c->rq, "run_key");
    int rc;

    if (run == NULL || value_int(run, 1, INT64_MAX, &d->keys[0]) != 0) {
        return err_set(e, ERR_PROTOCOL, "run_delete needs run_key");
    }
    rc = engine_on_store(d->g, do_get_run, d);
    rc = rc == 0 && d->run.state == RUN_QUEUED ? stop_queued(d, e) : rc;
    if (rc == 0 && !run_state_finished(d->run.state)) {
        return err_set(e, ERR_CONFLICT, "run %s is %s", d->run.run_id,
                       run_state_to_string(d->run.state));
    }
    d->len = 1;
    d->dag_key = rc == 0 ? d->run.dag_key : 0;
    rc = rc == 0 ? engine_on_store(d->g, do_find_dag, d) : rc;
    if (rc == 0) {
        (void)snprintf(d->subject, sizeof d->subject, "%s %s", d->dag.dag_id, d->run.run_id);
    }
    rc = rc == 0 ? commit(d, true, e) : rc;
    return rc == 0 ? sweep(d) : rc;
}

int engine_answer_run_delete(const struct world_call *c, struct err *e)
{
    struct deletion d;
    int rc = begin(&d, c, "delete run", e);

    rc = rc == 0 ? delete_run(&d, c, e) : rc;
    arena_fini(&d.arena);
    if (rc == 0) {
        put_done(c);
    }
    return rc;
}

/* ---- a DAG ---- */

static int delete_runs(struct deletion *d, struct err *e)
{
    int rc = 0;

    do {
        arena_fini(&d->arena);
        arena_init(&d->arena, MiB(256));
        rc = engine_on_store(d->g, do_some_runs, d);
        rc = rc == 0 && d->len != 0 ? commit(d, false, e) : rc;
        rc = rc == 0 && d->len != 0 ? sweep(d) : rc;
    } while (rc == 0 && d->len != 0);
    return rc;
}

/* The clock and events start nothing of it from here on; what a person triggers meanwhile makes the last step refuse. */
static int delete_dag(struct deletion *d, const struct world_call *c, struct err *e)
{
    const struct value *dag = value_get(c->rq, "dag_key");
    bool scheduled = d->g->schedule != NULL;
    int rc;

    if (dag == NULL || value_int(dag, 1, INT64_MAX, &d->dag_key) != 0) {
        return err_set(e, ERR_PROTOCOL, "dag_delete needs dag_key");
    }
    rc = engine_on_store(d->g, do_find_dag, d);
    rc = rc == 0 ? engine_on_store(d->g, do_check_dag, d) : rc;
    if (rc != 0) {
        return rc;
    }
    (void)snprintf(d->subject, sizeof d->subject, "%s", d->dag.dag_id);
    if (scheduled) {
        engine_unschedule_dag(d->g, d->dag_key);
    }
    rc = delete_runs(d, e);
    d->len = 0;
    rc = rc == 0 ? engine_on_store(d->g, do_delete_dag, d) : rc;
    if (rc != 0) {
        if (scheduled && register_known(d->g, d->dag_key) != NULL) {
            (void)engine_schedule_dag(d->g, d->dag_key, NULL);
        }
        return rc;
    }
    consumers_forget(d->g, d->dag_key);
    register_forget(d->g, d->dag_key);
    rc = commit(d, true, e);
    if (d->g->keeper.dag_deleted != NULL) { /* its file makes it anew, while it is there */
        d->g->keeper.dag_deleted(d->g->keeper.arg, d->dag_key);
    }
    return rc;
}

int engine_answer_dag_delete(const struct world_call *c, struct err *e)
{
    struct deletion d;
    int rc = begin(&d, c, "delete DAG", e);

    rc = rc == 0 ? delete_dag(&d, c, e) : rc;
    arena_fini(&d.arena);
    if (rc == 0) {
        put_done(c);
    }
    return rc;
}
