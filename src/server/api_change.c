/*
 * Clears and marks: what they touch is planned first (engine/plan.h, as the command line does), then each run is changed by a command of its
 * own. A dry run ends with the plan.
 */
#include "server/api_change.h"

#include <string.h>

#include "engine/plan.h"
#include "home/home.h"
#include "model/dag.h"

/* ---- the plan ---- */

/* Out of the plan's memory, which lasts until its next run. */
static int keep(struct call *c, struct plan *p, const struct plan_run *r, struct api_planned *ret,
                struct err *e)
{
    struct engine_command cmd;
    int rc = plan_command(p, r, NULL, c->actor, &cmd, e);

    if (rc != 0) {
        return rc;
    }
    *ret = (struct api_planned){.run_key = r->run->run_key,
                                .run_id = arena_strdup(&c->arena, r->run->run_id),
                                .version_key = cmd.version_key,
                                .moves = cmd.move,
                                .len = cmd.tasks_len,
                                .fresh_len = r->fresh_len};
    ret->tasks = arena_array(&c->arena, ret->len + 1, sizeof *ret->tasks);
    ret->maps = arena_array(&c->arena, ret->len + 1, sizeof *ret->maps);
    ret->ids = arena_array(&c->arena, ret->len + 1, sizeof *ret->ids);
    ret->fresh = arena_array(&c->arena, ret->fresh_len + 1, sizeof *ret->fresh);
    ret->refused = r->refused != NULL ? arena_strdup(&c->arena, r->refused) : NULL;
    if (ret->run_id == NULL || ret->tasks == NULL || ret->maps == NULL || ret->ids == NULL ||
        ret->fresh == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a plan");
    }
    for (size_t i = 0; i < ret->len; i++) {
        ret->tasks[i] = cmd.tasks[i];
        ret->maps[i] = cmd.map_indexes[i];
        ret->ids[i] = arena_strdup(&c->arena, r->dag->tasks[cmd.tasks[i]].task_id);
    }
    for (size_t i = 0; i < ret->fresh_len; i++) {
        ret->fresh[i] = arena_strdup(&c->arena, r->fresh[i]);
    }
    return 0;
}

int api_plan(struct call *c, const struct plan_query *q, struct api_plan *ret, struct err *e)
{
    const struct plan_run *r;
    struct plan *p = NULL;
    struct store *s;
    size_t cap;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? plan_open(s, q, home_load_version, &p, e) : rc;
    if (rc == 0) {
        cap = ret->len + plan_runs(p);
        struct api_planned *grown = arena_array(&c->arena, cap + 1, sizeof *grown);

        for (size_t i = 0; grown != NULL && i < ret->len; i++) {
            grown[i] = ret->runs[i];
        }
        ret->runs = grown;
        rc = grown != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a plan");
        while (rc == 0 && (rc = plan_next(p, &r, e)) == 1) {
            rc = keep(c, p, r, &ret->runs[ret->len], e);
            ret->len += rc == 0;
        }
    }
    plan_close(p);
    return rc == -ERR_USAGE || rc == -ERR_LIMIT
               ? call_invalid(c, e, "%s", arena_strdup(&c->arena, err_str(e)))
               : rc;
}

/* ---- its carrying out ---- */

static int send_one(struct call *c, const struct plan_query *q, const struct api_planned *r,
                    bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, q->op == ENGINE_CLEAR ? "clear" : "mark");
    api_put_key(c, &w, q->op == ENGINE_CLEAR ? "clear" : "mark", r->run_key);
    if (q->op == ENGINE_MARK) {
        json_key(&w, "state");
        json_string(&w, task_state_to_string((int)q->state));
    }
    json_key(&w, "run_key");
    json_int(&w, r->run_key);
    json_key(&w, "version_key");
    json_int(&w, r->version_key);
    json_key(&w, "move");
    json_bool(&w, r->moves);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < r->len; i++) {
        json_int(&w, r->tasks[i]);
    }
    json_array_end(&w);
    json_key(&w, "map_indexes");
    json_array(&w);
    for (size_t i = 0; i < r->len; i++) {
        json_int(&w, r->maps[i]);
    }
    json_array_end(&w);
    return api_send(c, "command", &b, &w, &answer, ret_later, e);
}

int api_apply(struct call *c, const struct plan_query *q, const struct api_plan *p, bool *ret_later,
              struct err *e)
{
    int rc = 0;

    *ret_later = false;
    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        if (p->runs[i].refused != NULL && p->len == 1) {
            return err_set(e, ERR_CONFLICT, "Run %s stays as it is: %s", p->runs[i].run_id,
                           p->runs[i].refused);
        }
        if (p->runs[i].refused == NULL) {
            rc = send_one(c, q, &p->runs[i], ret_later, e);
        }
    }
    return rc;
}

/* ---- notes ---- */

int api_send_note(struct call *c, int64_t run_key, const struct ti_key *of, const char *text,
                  bool *ret_later, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc;

    api_command(c, &b, &w);
    json_key(&w, "run_key");
    json_int(&w, run_key);
    if (of != NULL) {
        json_key(&w, "task");
        json_int(&w, of->task);
        json_key(&w, "map_index");
        json_int(&w, of->map_index);
    }
    json_key(&w, "text");
    json_string(&w, text);
    rc = api_send(c, "note", &b, &w, &answer, ret_later, e);
    return rc == -ERR_LIMIT || rc == -ERR_INVALID
               ? call_invalid(c, e, "%s", arena_strdup(&c->arena, err_str(e)))
               : rc;
}

int api_note_plan(struct call *c, const struct api_plan *p, const char *text, bool *ret_later,
                  struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        for (size_t k = 0; rc == 0 && k < p->runs[i].len; k++) {
            struct ti_key key = {p->runs[i].run_key, p->runs[i].tasks[k], p->runs[i].maps[k]};

            rc = api_send_note(c, key.run_key, &key, text, ret_later, e);
        }
    }
    return rc;
}

/* ---- telling ---- */

int api_put_ti_of(struct call *c, const struct api_run *r, uint32_t task, int32_t map)
{
    bool found;
    struct ti_row t = api_ti(r, task, map, &found);
    int n = 0;

    if (map >= 0 || t.map_len == 0) {
        api_put_ti(c, NULL, r, &t, NULL);
        return 1;
    }
    for (size_t i = 0; i < r->tis_len; i++) { /* all that it became */
        if (r->tis[i].key.task == task && r->tis[i].key.map_index >= 0) {
            api_put_ti(c, NULL, r, &r->tis[i], NULL);
            n++;
        }
    }
    return n;
}

static int put_run(struct call *c, struct store *s, const struct dag_row *dag,
                   const struct api_planned *p, int64_t *total, struct err *e)
{
    struct api_run r = {.row = *dag};
    int rc = s->ops->get_run(s, p->run_key, &c->arena, &r.run, e);

    rc = rc == 0 ? api_load_run(c, &r, e) : rc;
    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        const struct task *t = dag_task(r.dag, p->ids[i]); /* a move gives other indices */

        *total += t != NULL ? api_put_ti_of(c, &r, t->index, p->maps[i]) : 0;
    }
    for (size_t i = 0; rc == 0 && i < p->fresh_len; i++) {
        json_object(&c->w);
        put_text(c, "task_id", p->fresh[i]);
        put_text(c, "task_display_name", p->fresh[i]);
        json_object_end(&c->w);
        *total += 1;
    }
    return rc;
}

int api_put_plan(struct call *c, const struct dag_row *dag, const struct api_plan *p, struct err *e)
{
    struct store *s;
    int64_t total = 0;
    int rc = server_store(c, &s, e);

    if (rc != 0) {
        return rc;
    }
    api_list(c, "task_instances");
    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        rc = put_run(c, s, dag, &p->runs[i], &total, e);
    }
    api_list_end(c, total);
    return rc;
}

/* ---- clear ---- */

struct clear_body {
    struct plan_query q;
    bool dry, prevent;
    const char *note, *from, *to;
    const struct value *ids;
};

static int time_of(struct call *c, const char *name, const char *text, int64_t *ret, struct err *e)
{
    *ret = TIME_NONE;
    return text == NULL || time_parse(text, strlen(text), ret) == 0
               ? 0
               : call_invalid(c, e, "%s must be a time such as 2026-01-31T12:00:00Z", name);
}

static int read_clear(struct call *c, struct clear_body *b, struct err *e)
{
    static const char *const members[] = {"dry_run",
                                          "only_failed",
                                          "only_running",
                                          "reset_dag_runs",
                                          "task_ids",
                                          "dag_run_id",
                                          "include_upstream",
                                          "include_downstream",
                                          "include_future",
                                          "include_past",
                                          "start_date",
                                          "end_date",
                                          "run_on_latest_version",
                                          "prevent_running_task",
                                          "note",
                                          NULL};
    struct plan_query *q = &b->q;
    struct value *body;
    int rc = call_body(c, &body, e);

    *q = (struct plan_query){.op = ENGINE_CLEAR, .from_us = TIME_NONE, .to_us = TIME_NONE};
    q->map_index = -1;
    q->dag_id = call_param(c, "dag_id");
    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "dry_run", true, &b->dry, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_failed", true, &q->only_failed, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_running", false, &q->only_running, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_downstream", false, &q->downstream, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_upstream", false, &q->upstream, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_past", false, &q->past, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_future", false, &q->future, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "run_on_latest_version", false, &q->newest, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "prevent_running_task", false, &b->prevent, e) : rc;
    rc = rc == 0 ? body_text(c, body, "dag_run_id", &q->run_id, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", &b->note, e) : rc;
    rc = rc == 0 ? body_text(c, body, "start_date", &b->from, e) : rc;
    rc = rc == 0 ? body_text(c, body, "end_date", &b->to, e) : rc;
    rc = rc == 0 ? time_of(c, "start_date", b->from, &q->from_us, e) : rc;
    rc = rc == 0 ? time_of(c, "end_date", b->to, &q->to_us, e) : rc;
    if (rc != 0) {
        return rc;
    }
    b->ids = value_get(body, "task_ids");
    if (b->ids != NULL && b->ids->kind == VALUE_NULL) {
        b->ids = NULL;
    }
    if (b->ids != NULL && b->ids->kind != VALUE_ARRAY) {
        return call_invalid(c, e, "task_ids must be a list");
    }
    if (q->run_id == NULL && (q->past || q->future)) {
        return call_invalid(c, e, "include_past and include_future need a dag_run_id");
    }
    if (q->run_id != NULL && (b->from != NULL || b->to != NULL)) {
        return call_invalid(c, e, "Exactly one of dag_run_id or (start_date, end_date) is given");
    }
    q->all_runs = q->run_id == NULL;
    return 0;
}

/* "task" or ["task", map_index] */
static int read_id(struct call *c, const struct value *v, const char **ret, int32_t *ret_map,
                   struct err *e)
{
    int64_t map = -1;

    if (v->kind == VALUE_ARRAY && v->len == 2) {
        if (value_int(v->elems[1], -1, INT32_MAX, &map) != 0) {
            return call_invalid(c, e, "task_ids: a map index is an integer");
        }
        v = v->elems[0];
    }
    if (v->kind != VALUE_STRING) {
        return call_invalid(c, e, "task_ids are names, or pairs of a name and a map index");
    }
    *ret = v->text;
    *ret_map = (int32_t)map;
    return 0;
}

/* A plan for all names with the same map index, after one another. */
static int plan_ids(struct call *c, struct clear_body *b, struct api_plan *p, struct err *e)
{
    size_t n = b->ids != NULL ? b->ids->len : 0;
    const char **ids = arena_array(&c->arena, n + 1, sizeof *ids);
    const char **same = arena_array(&c->arena, n + 1, sizeof *same);
    int32_t *maps = arena_array(&c->arena, n + 1, sizeof *maps);
    int rc = 0;

    if (ids == NULL || same == NULL || maps == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for task ids");
    }
    if (n == 0) {
        return api_plan(c, &b->q, p, e);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = read_id(c, b->ids->elems[i], &ids[i], &maps[i], e);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t len = 0;

        if (ids[i] == NULL) {
            continue; /* it is in an earlier plan */
        }
        for (size_t k = i; k < n; k++) {
            if (ids[k] != NULL && maps[k] == maps[i]) {
                same[len++] = ids[k];
                ids[k] = k == i ? ids[k] : NULL;
            }
        }
        b->q.tasks = same;
        b->q.tasks_len = len;
        b->q.map_index = maps[i];
        rc = api_plan(c, &b->q, p, e);
    }
    return rc;
}

static bool any_running(struct call *c, const struct api_plan *p, struct err *e)
{
    struct store *s;

    for (size_t i = 0; server_store(c, &s, e) == 0 && i < p->len; i++) {
        struct ti_row *rows;
        size_t n = 0;

        if (s->ops->get_tis(s, p->runs[i].run_key, 1U << TASK_RUNNING, &c->arena, &rows, &n, e) !=
            0) {
            return false;
        }
        for (size_t k = 0; k < n; k++) {
            for (size_t t = 0; t < p->runs[i].len; t++) {
                if (rows[k].key.task == p->runs[i].tasks[t] &&
                    (p->runs[i].maps[t] < 0 || p->runs[i].maps[t] == rows[k].key.map_index)) {
                    return true;
                }
            }
        }
    }
    return false;
}

int api_clear_tis(struct call *c, struct err *e)
{
    struct clear_body b = {0};
    struct api_plan p = {0};
    struct dag_row row;
    struct run_row run;
    struct store *s;
    bool later = false;
    int rc = read_clear(c, &b, e);

    rc = rc == 0 ? api_find_dag(c, &row, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0 && b.q.run_id != NULL &&
        s->ops->find_run(s, row.dag_key, b.q.run_id, &c->arena, &run, e) != 0) {
        return err_set(e, ERR_NOTFOUND, "Dag Run id %s not found in dag %s", b.q.run_id,
                       row.dag_id);
    }
    rc = rc == 0 ? plan_ids(c, &b, &p, e) : rc;
    if (rc == 0 && b.prevent && any_running(c, &p, e)) {
        return err_set(e, ERR_CONFLICT, "A task instance is running, and is not to be interrupted");
    }
    if (rc == 0 && !b.dry) {
        rc = api_apply(c, &b.q, &p, &later, e);
        if (rc == 0 && !later && b.note != NULL) {
            rc = api_note_plan(c, &p, b.note, &later, e);
        }
    }
    return rc == 0 && !later ? api_put_plan(c, &row, &p, e) : rc;
}

/* ---- a run ---- */

int api_dag_run_clear(struct call *c, struct err *e)
{
    static const char *const members[] = {"dry_run", "only_failed",           "only_new",
                                          "note",    "run_on_latest_version", NULL};
    struct plan_query q = {.op = ENGINE_CLEAR,
                           .dag_id = call_param(c, "dag_id"),
                           .run_id = call_param(c, "dag_run_id"),
                           .from_us = TIME_NONE,
                           .to_us = TIME_NONE,
                           .map_index = -1};
    struct api_plan p = {0};
    const char *note = NULL;
    bool dry = true, only_new = false, later = false;
    struct value *body;
    struct dag_row row;
    struct run_row run;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "dry_run", true, &dry, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_failed", false, &q.only_failed, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_new", false, &only_new, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "run_on_latest_version", false, &q.newest, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", &note, e) : rc;
    if (rc == 0 && only_new && q.only_failed) {
        return call_invalid(c, e, "only_new and only_failed exclude one another");
    }
    rc = rc == 0 ? api_find_run(c, &row, &run, e) : rc;
    q.newest = q.newest || only_new;
    rc = rc == 0 ? api_plan(c, &q, &p, e) : rc;
    for (size_t i = 0; only_new && i < p.len; i++) {
        p.runs[i].len = 0; /* the run gets the tasks that are new, and what it has stays */
    }
    if (rc != 0 || dry) {
        return rc == 0 ? api_put_plan(c, &row, &p, e) : rc;
    }
    rc = api_apply(c, &q, &p, &later, e);
    if (rc == 0 && note != NULL) {
        rc = api_send_note(c, run.run_key, NULL, note, &later, e);
    }
    return rc == 0 && !later ? api_dag_run(c, e) : rc;
}

int api_dag_run_patch(struct call *c, struct err *e)
{
    static const char *const members[] = {"state", "note", NULL};
    const char *state, *note;
    struct value *body;
    struct run_row run;
    struct dag_row row;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "state", &state, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", &note, e) : rc;
    rc = rc == 0 ? api_find_run(c, &row, &run, e) : rc;
    if (rc == 0 && value_get(body, "note") != NULL) {
        rc = api_send_note(c, run.run_key, NULL, note, &later, e);
    }
    if (rc != 0 || state == NULL) {
        return rc == 0 && !later ? api_dag_run(c, e) : rc;
    }
    if (strcmp(state, "queued") == 0) { /* as in Airflow: from the beginning */
        rc = api_send_change(c, "clear", NULL, run.run_key, NULL, NULL, 0, &later, e);
    } else if (strcmp(state, "success") == 0 || strcmp(state, "failed") == 0) {
        rc = api_send_change(c, "mark", state, run.run_key, NULL, NULL, 0, &later, e);
    } else {
        return call_invalid(c, e, "state must be queued, success or failed");
    }
    if (rc == 0 && !later && run_state_finished(run.state) && strcmp(state, "queued") != 0) {
        rc = api_find_run(c, &row, &run, e);
        if (rc == 0 && strcmp(run_state_to_string(run.state), state) != 0) {
            return err_set(
                e, ERR_CONFLICT,
                "The run has finished as %s, as all of its tasks have; mark a task instead",
                run_state_to_string(run.state));
        }
    }
    return rc == 0 && !later ? api_dag_run(c, e) : rc;
}

/* ---- marks of instances ---- */

struct mark_body {
    struct plan_query q;
    const char *state, *note;
    bool has_note;
};

int api_read_mark(struct call *c, const struct value *body, const char *const *members,
                  struct plan_query *q, const char **ret_note, bool *ret_has_note, struct err *e)
{
    const char *state = NULL;
    int rc = body_only(c, body, members, e);

    *q = (struct plan_query){
        .op = ENGINE_MARK, .from_us = TIME_NONE, .to_us = TIME_NONE, .map_index = -1};
    rc = rc == 0 ? body_text(c, body, "new_state", &state, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", ret_note, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_upstream", false, &q->upstream, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_downstream", false, &q->downstream, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_future", false, &q->future, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_past", false, &q->past, e) : rc;
    *ret_has_note = rc == 0 && value_get(body, "note") != NULL;
    if (rc == 0 && state != NULL && strcmp(state, "success") != 0 && strcmp(state, "failed") != 0 &&
        strcmp(state, "skipped") != 0) {
        return call_invalid(c, e, "'%.60s' is not in ['success', 'failed', 'skipped']", state);
    }
    if (rc == 0 && state == NULL && !*ret_has_note) {
        return call_invalid(c, e, "new_state or note must be given");
    }
    q->state =
        state != NULL && rc == 0 ? (enum task_state)task_state_from_string(state) : TASK_NONE;
    return rc;
}

int api_mark(struct call *c, struct plan_query *q, const struct ti_key *key, const char *task_id,
             const char *note, bool has_note, struct api_plan *p, bool *ret_later, struct err *e)
{
    const char *words[1] = {task_id};
    int rc = 0;

    *ret_later = false;
    q->tasks = words;
    q->tasks_len = 1;
    q->map_index = key->map_index;
    if (q->state != TASK_NONE) {
        rc = api_plan(c, q, p, e);
        if (rc == 0 && p->len == 0) {
            rc = err_set(e, ERR_CONFLICT, "Task id %s is already in %s state", task_id,
                         task_state_to_string((int)q->state));
        }
        rc = rc == 0 ? api_apply(c, q, p, ret_later, e) : rc;
    }
    q->tasks = NULL;
    return rc == 0 && !*ret_later && has_note
               ? api_send_note(c, key->run_key, key, note, ret_later, e)
               : rc;
}

static int patch(struct call *c, bool dry, struct err *e)
{
    static const char *const members[] = {
        "new_state",    "note", "include_upstream", "include_downstream", "include_future",
        "include_past", NULL};
    const char *note = NULL, *words[1];
    struct value *body = NULL;
    struct api_plan p = {0};
    struct plan_query q;
    struct api_run r = {0};
    struct ti_row t;
    bool has_note = false, later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? api_read_mark(c, body, members, &q, &note, &has_note, e) : rc;
    rc = rc == 0 ? api_find_ti(c, &r, &t, e) : rc;
    if (rc != 0) {
        return rc;
    }
    q.dag_id = r.row.dag_id;
    q.run_id = r.run.run_id;
    words[0] = call_param(c, "task_id");
    if (dry && q.state != TASK_NONE) {
        q.tasks = words;
        q.tasks_len = 1;
        q.map_index = t.key.map_index;
        rc = api_plan(c, &q, &p, e);
    } else if (!dry) {
        rc = api_mark(c, &q, &t.key, words[0], note, has_note, &p, &later, e);
    }
    if (rc != 0 || later) {
        return rc;
    }
    if (q.state != TASK_NONE) {
        return api_put_plan(c, &r.row, &p, e);
    }
    rc = api_load_run(c, &r, e);
    if (rc == 0) {
        api_list(c, "task_instances");
        api_list_end(c, api_put_ti_of(c, &r, t.key.task, t.key.map_index));
    }
    return rc;
}

int api_ti_patch(struct call *c, struct err *e)
{
    return patch(c, false, e);
}

int api_ti_patch_dry(struct call *c, struct err *e)
{
    return patch(c, true, e);
}
