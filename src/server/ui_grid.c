/*
 * /ui/dags/{dag_id}/grid: the last runs of a DAG by its tasks, one letter a cell; and the states of one run. The rows are those of the
 * DAG's current version; a run of another one is matched by task ids.
 */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "server/ui.h"

#define RUNS_DEFAULT 10
#define RUNS_MAX     200

struct grid {
    struct call *c;
    struct dag_row row;
    const struct dag *dag; /* of the rows; a reference of its own */
    struct ui_row *rows;
    size_t rows_len;
    uint32_t *row_of; /* by task of `dag`: its row, or UINT32_MAX */
    struct run_row *runs;
    size_t runs_len;
    struct ui_versions versions;
    uint32_t *to; /* by task of the present run's version: its row, or UINT32_MAX */
    int64_t to_version;
    uint32_t to_len;
    uint32_t (*counts)[TASK_STATE_MAX_]; /* by row, of the present run */
};

/* ---- which rows ---- */

/* Whether a task is wanted: root=TASK leaves what it depends on and what depends on it, as asked. */
static int choose(struct grid *g, bool *take, struct err *e)
{
    const struct dag *d = g->dag;
    const char *root = call_query(g->c, "root");
    const struct task *t = root != NULL ? dag_task(d, root) : NULL;
    bool up = call_query_bool(g->c, "include_upstream", true);
    bool down = call_query_bool(g->c, "include_downstream", true);
    uint8_t *mark;

    if (root == NULL || *root == '\0') {
        memset(take, 1, d->tasks_len);
        return 0;
    }
    if (t == NULL) {
        return err_set(e, ERR_NOTFOUND, "Task with id %.200s was not found", root);
    }
    mark = arena_array(&g->c->arena, d->tasks_len, 1);
    if (mark == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a grid");
    }
    mark[t->index] = 3;
    for (uint32_t i = 0; down && i < d->tasks_len; i++) {
        for (uint32_t k = d->down_off[d->topo[i]];
             (mark[d->topo[i]] & 1) != 0 && k < d->down_off[d->topo[i] + 1]; k++) {
            mark[d->down[k]] |= 1;
        }
    }
    for (uint32_t i = d->tasks_len; up && i-- > 0;) {
        for (uint32_t k = d->up_off[d->topo[i]];
             (mark[d->topo[i]] & 2) != 0 && k < d->up_off[d->topo[i] + 1]; k++) {
            mark[d->up[k]] |= 2;
        }
    }
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        take[i] = mark[i] != 0;
    }
    return 0;
}

/* Rows of tasks that are wanted, and of groups that have one. */
static int reduce(struct grid *g, const bool *take, struct err *e)
{
    size_t kept = 0;
    uint32_t *now = arena_array(&g->c->arena, g->rows_len + 1, sizeof *now);
    bool *want = arena_array(&g->c->arena, g->rows_len + 1, sizeof *want);

    if (now == NULL || want == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a grid");
    }
    for (size_t i = g->rows_len; i-- > 0;) {
        want[i] = want[i] || (g->rows[i].task != UINT32_MAX && take[g->rows[i].task]);
        if (want[i] && g->rows[i].parent >= 0) {
            want[g->rows[i].parent] = true;
        }
    }
    for (size_t i = 0; i < g->rows_len; i++) {
        now[i] = (uint32_t)kept;
        if (want[i]) {
            struct ui_row r = g->rows[i];

            r.parent = r.parent >= 0 ? (int32_t)now[r.parent] : -1;
            g->rows[kept++] = r;
        }
    }
    g->rows_len = kept;
    return 0;
}

static int make_rows(struct grid *g, struct err *e)
{
    bool *take = arena_array(&g->c->arena, (size_t)g->dag->tasks_len + 1, sizeof *take);
    int rc = ui_rows(&g->c->arena, g->dag, &g->rows, &g->rows_len, e);

    g->row_of = arena_array(&g->c->arena, (size_t)g->dag->tasks_len + 1, sizeof *g->row_of);
    if (rc == 0 && (take == NULL || g->row_of == NULL)) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a grid");
    }
    rc = rc == 0 ? choose(g, take, e) : rc;
    rc = rc == 0 ? reduce(g, take, e) : rc;
    g->counts = rc == 0 ? arena_array(&g->c->arena, g->rows_len + 1, sizeof *g->counts) : NULL;
    if (rc == 0 && g->counts == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a grid");
    }
    for (uint32_t i = 0; rc == 0 && i < g->dag->tasks_len; i++) {
        g->row_of[i] = UINT32_MAX;
    }
    for (size_t i = 0; rc == 0 && i < g->rows_len; i++) {
        if (g->rows[i].task != UINT32_MAX) {
            g->row_of[g->rows[i].task] = (uint32_t)i;
        }
    }
    return rc;
}

/* ---- which runs ---- */

static int find_runs(struct grid *g, struct err *e)
{
    struct run_query q = {.dag_key = g->row.dag_key, .order = RUN_BY_RUN_AFTER, .descending = true};
    struct call *c = g->c;
    struct store *s;
    int64_t n = 0, before;
    int rc = call_query_int(c, "runs", 1, RUNS_MAX, RUNS_DEFAULT, &n, e);

    q.logical_date = q.run_after = q.start = q.end = (struct time_range){TIME_NONE, TIME_NONE};
    rc = rc == 0 ? call_query_time(c, "before", &before, e) : rc;
    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    q.run_after.to_us = before != TIME_NONE ? before - 1 : TIME_NONE;
    q.limit = (size_t)n;
    rc = api_run_types(c, &q.types, e);
    rc = rc == 0 ? api_run_states(c, "state", &q.states, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    return rc == 0 ? s->ops->query_runs(s, &q, &c->arena, &g->runs, &g->runs_len, e) : rc;
}

/* ---- writing ---- */

static void put_rows(struct grid *g)
{
    struct call *c = g->c;

    json_key(&c->w, "tasks");
    json_array(&c->w);
    for (size_t i = 0; i < g->rows_len; i++) {
        const struct ui_row *r = &g->rows[i];
        const struct task *t = r->task != UINT32_MAX ? &g->dag->tasks[r->task] : NULL;
        const struct task_group *tg = t == NULL ? &g->dag->groups[r->group] : NULL;

        json_object(&c->w);
        put_text(c, "id", t != NULL ? t->task_id : tg->group_id);
        put_text(c, "label", t != NULL ? t->display_name : ui_group_label(g->dag, r->group));
        put_int(c, "parent", r->parent);
        put_int(c, "depth", r->depth);
        put_bool(c, "group", t == NULL);
        put_bool(c, "mapped",
                 t != NULL ? t->mapped : tg->expand != NULL || tg->expand_kwargs != NULL);
        put_bool(c, "setup", t != NULL && t->is_setup);
        put_bool(c, "teardown", t != NULL && t->is_teardown);
        put_text(c, "operator", t != NULL ? t->operator_name : NULL);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

static bool has_note(struct store *s, struct call *c, int64_t run_key)
{
    struct note_row *rows;
    size_t n = 0;

    return s->ops->get_notes(s, run_key, &c->arena, &rows, &n, NULL) == 0 && n != 0 &&
           rows[n - 1].key.task == NOTE_OF_RUN;
}

static int put_runs(struct grid *g, struct err *e)
{
    struct call *c = g->c;
    struct store *s;
    int rc = server_store(c, &s, e);

    json_key(&c->w, "runs");
    json_array(&c->w);
    for (size_t i = g->runs_len; rc == 0 && i-- > 0;) {
        const struct run_row *r = &g->runs[i];

        json_object(&c->w);
        put_text(c, "run_id", r->run_id);
        put_text(c, "state", run_state_to_string(r->state));
        put_text(c, "run_type", run_type_to_string(r->type));
        put_time(c, "run_after", r->run_after_us);
        put_time(c, "logical_date", r->logical_date_us);
        put_time(c, "queued_at", r->queued_us);
        put_time(c, "start_date", r->start_us);
        put_time(c, "end_date", r->end_us);
        put_int(c, "version", ui_version_number(&g->versions, r->version_key));
        put_bool(c, "note", has_note(s, c, r->run_key));
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    return rc;
}

static void put_letters(struct call *c)
{
    json_key(&c->w, "letters");
    json_object(&c->w);
    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        char letter[2] = {ui_letters[i], '\0'};

        if (i == TASK_NONE) {
            put_null(c, letter);
        } else {
            put_text(c, letter, task_state_to_string(i));
        }
    }
    json_object_end(&c->w);
}

/* Which row each task of a run's version has. */
static int match(struct grid *g, int64_t version_key, struct err *e)
{
    const struct dag *d;
    int rc;

    if (g->to_version == version_key) {
        return 0;
    }
    rc = server_dag(g->c, version_key, &d, e);
    if (rc != 0) {
        return rc;
    }
    g->to = arena_array(&g->c->arena, (size_t)d->tasks_len + 1, sizeof *g->to);
    if (g->to == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a grid");
    }
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        const struct task *t = d == g->dag ? &d->tasks[i] : dag_task(g->dag, d->tasks[i].task_id);

        g->to[i] = t != NULL ? g->row_of[t->index] : UINT32_MAX;
    }
    g->to_len = d->tasks_len;
    g->to_version = version_key;
    return 0;
}

/* The states of one run's instances by row; a row without instances has none. */
static int count(struct grid *g, const struct run_row *run, struct err *e)
{
    struct ti_state *tis;
    struct store *s;
    size_t n = 0;
    int rc = match(g, run->version_key, e);

    rc = rc == 0 ? server_store(g->c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_ti_states(s, run->run_key, &g->c->arena, &tis, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    memset(g->counts, 0, g->rows_len * sizeof *g->counts);
    for (size_t i = 0; i < n; i++) {
        uint32_t row = tis[i].task < g->to_len ? g->to[tis[i].task] : UINT32_MAX;

        if (row == UINT32_MAX) {
            continue;
        }
        if (tis[i].map_index < 0 && tis[i].map_len > 0) { /* its instances that have no row yet */
            g->counts[row][TASK_NONE] += (uint32_t)tis[i].map_len;
        } else {
            g->counts[row][tis[i].state]++;
            if (tis[i].map_index >= 0 && g->counts[row][TASK_NONE] > 0) {
                g->counts[row][TASK_NONE]--;
            }
        }
    }
    for (size_t i = g->rows_len; i-- > 0;) {
        uint32_t *own = g->counts[i];
        int32_t parent = g->rows[i].parent;
        int worst = ui_worst(own);
        bool any = false;

        for (int k = 0; k < TASK_STATE_MAX_; k++) {
            any = any || own[k] != 0;
        }
        if (!any && g->rows[i].task != UINT32_MAX) {
            own[TASK_NONE] = 1;
        }
        for (int k = 0; parent >= 0 && g->rows[i].task != UINT32_MAX && k < TASK_STATE_MAX_; k++) {
            g->counts[parent][k] += k == worst; /* tasks, not instances */
        }
        for (int k = 0; parent >= 0 && g->rows[i].task == UINT32_MAX && k < TASK_STATE_MAX_; k++) {
            g->counts[parent][k] += own[k];
        }
    }
    return 0;
}

static int put_cells(struct grid *g, struct err *e)
{
    struct call *c = g->c;
    struct buf all BUF_CLEANUP;
    struct json_writer w;
    char *line = arena_alloc(&c->arena, g->rows_len + 1);
    int rc = line != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a grid");

    buf_init(&all, LIMIT_HTTPD_ANSWER);
    json_writer_init(&w, &all, 0);
    json_key(&c->w, "cells");
    json_array(&c->w);
    json_object(&w);
    for (size_t i = g->runs_len; rc == 0 && i-- > 0;) {
        rc = count(g, &g->runs[i], e);
        json_key(&w, g->runs[i].run_id);
        json_object(&w);
        for (size_t k = 0; rc == 0 && k < g->rows_len; k++) {
            const struct ui_row *r = &g->rows[k];
            char name[24];

            line[k] = ui_letters[ui_worst(g->counts[k])];
            if (r->task != UINT32_MAX && !g->dag->tasks[r->task].mapped) {
                continue;
            }
            (void)snprintf(name, sizeof name, "%zu", k);
            json_key(&w, name);
            json_object(&w);
            for (int st = 0; st < TASK_STATE_MAX_; st++) {
                if (g->counts[k][st] != 0) {
                    json_key(&w, task_state_to_string(st));
                    json_int(&w, g->counts[k][st]);
                }
            }
            json_object_end(&w);
        }
        json_object_end(&w);
        if (rc == 0) {
            json_string_n(&c->w, line, g->rows_len);
        }
    }
    json_object_end(&w);
    json_array_end(&c->w);
    if (rc == 0 && buf_status(&all) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for a grid");
    }
    json_key(&c->w, "counts");
    json_raw(&c->w, buf_cstr(&all), all.len);
    return rc;
}

int ui_grid(struct call *c, struct err *e)
{
    struct grid g = {.c = c};
    const struct dag *d;
    int rc = api_find_dag(c, &g.row, e);

    rc = rc == 0 ? find_runs(&g, e) : rc;
    rc = rc == 0 ? ui_versions(c, g.row.dag_key, &g.versions, e) : rc;
    rc = rc == 0 ? server_dag(c, g.row.version_key, &d, e) : rc;
    if (rc != 0) {
        return rc;
    }
    g.dag = dag_ref((struct dag *)(uintptr_t)d); /* other versions may drive it out of the cache */
    json_object(&c->w);
    put_text(c, "dag_id", g.row.dag_id);
    put_int(c, "version", ui_version_number(&g.versions, g.row.version_key));
    rc = make_rows(&g, e);
    if (rc == 0) {
        put_rows(&g);
        put_letters(c);
        rc = put_runs(&g, e);
    }
    rc = rc == 0 ? put_cells(&g, e) : rc;
    json_object_end(&c->w);
    dag_unref((struct dag *)(uintptr_t)g.dag);
    return rc;
}
