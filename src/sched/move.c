/*
 * A finished run goes on with another version of its DAG (a clear with "newest version"). What is known of its instances goes over by
 * task id. A task that is not in the new version is gone: the store keeps what it did under an index of its own. One that is mapped
 * in another way (or was not mapped, or to another given length) is gone as well, and begins anew under its id. New tasks are none.
 *
 * The old run leaves the core and a new one is made of its rows, as after a restart: every counter, lane and question is that of the
 * new version. Nothing of the run lives, so no token, slot or timer is concerned.
 */
#include "sched/sched_priv.h"

bool sched_same_shape(const struct dag *a, const struct task *x, const struct dag *b,
                      const struct task *y)
{
    const struct task_group *g = task_map_group(a, x), *h = task_map_group(b, y);

    return x->mapped == y->mapped && (g == NULL) == (h == NULL) &&
           (!x->mapped || x->map_len == y->map_len) && (g == NULL || g->map_len == h->map_len);
}

struct rows {
    struct ti_row *p;
    size_t len, cap;
    struct arena *texts;
    bool nomem;
};

/* The old run is freed before its rows are used. */
static const char *keep(struct rows *rows, const char *text)
{
    char *p = text != NULL ? arena_strdup(rows->texts, text) : NULL;

    rows->nomem |= text != NULL && p == NULL;
    return p;
}

static int add_row(struct rows *rows, const struct run *r, const struct ti *ti, uint32_t to)
{
    struct ti_row row;

    ti_to_row(r, ti, &row);
    row.key.task = to;
    row.reason = keep(rows, row.reason);
    return rows->nomem ? -ERR_NOMEM : VEC_PUSH(rows->p, rows->len, rows->cap, row);
}

/* A task's instances with their new index. Those that never changed have no row in the store, and need none here. */
static int add_rows(struct rows *rows, const struct run *r, uint32_t task, uint32_t to)
{
    const struct mapping *m = map_expanded(r, task);
    int rc = add_row(rows, r, &r->tis[task], to);

    for (int32_t i = 0; rc == 0 && m != NULL && i < m->made; i++) {
        rc = add_row(rows, r, map_child(m, i), to);
    }
    return rc;
}

static void drop_from(struct run *r, struct ti **list, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < *len; i++) {
        if (ti_run(list[i]) != r) {
            list[n++] = list[i];
        } else {
            list[i]->flags &= (uint8_t)~TI_TOUCHED;
        }
    }
    *len = n;
}

static void drop_run_from(struct run *r, struct run **list, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < *len; i++) {
        if (list[i] != r) {
            list[n++] = list[i];
        }
    }
    *len = n;
}

/* The lists of the step under way know it no more. Of a finished run there is nothing in them that the new one will not say again. */
static void leave_step(struct sched *s, struct run *r)
{
    size_t kept = s->work_at;

    drop_from(r, s->touched, &s->touched_len);
    for (size_t i = s->work_at; i < s->work_len; i++) {
        if (ti_run(s->work[i]) != r) {
            s->work[kept++] = s->work[i];
        }
    }
    s->work_len = kept;
    drop_run_from(r, s->touched_runs, &s->touched_runs_len);
    drop_run_from(r, s->check_runs, &s->check_runs_len);
}

static void leave_core(struct sched *s, struct run *r)
{
    past_unlink(s, r);
    leave_step(s, r);
    table_remove(&s->runs, r->key);
    s->stats.runs--;
    s->stats.instances -= r->instances;
    s->stats.bytes -= r->bytes;
    run_free(s, r);
}

/* The new index of each task, and all rows under it. */
static int go_over(struct run *r, struct dag *d, struct rows *rows, uint32_t *to, const char **ids)
{
    int rc = 0;

    for (uint32_t t = 0; rc == 0 && t < r->dag->tasks_len; t++) {
        const struct task *old = &r->dag->tasks[t], *new = dag_task(d, old->task_id);

        if (new != NULL && !sched_same_shape(r->dag, old, d, new)) {
            new = NULL;
        }
        to[t] = new != NULL ? new->index : TASK_INDEX_NONE;
        ids[t] = old->task_id;
        rc = new != NULL ? add_rows(rows, r, t, new->index) : 0;
    }
    return rc;
}

static void make_again(struct sched *s, struct run **run, struct dag *d, int64_t version_key,
                       struct rows *rows)
{
    struct sched_event ev = {.type = SCHED_RUN_RESTORE, .now_us = s->now_us};
    struct run_row row;

    run_to_row(*run, &row);
    row.version_key = version_key;
    row.run_id = keep(rows, row.run_id);
    row.conf = keep(rows, row.conf);
    row.reason = keep(rows, row.reason);
    row.partition_key = keep(rows, row.partition_key);
    row.triggering_user = keep(rows, row.triggering_user);
    if (rows->nomem) {
        s->nomem = true;
        return;
    }
    leave_core(s, *run);
    ev.run.row = &row;
    ev.run.dag = d;
    ev.run.tis = rows->p;
    ev.run.tis_len = rows->len;
    s->nomem |= s->nomem || on_run_restore(s, &ev) != 0;
    *run = run_find(s, row.run_key);
    if (*run != NULL) {
        touch_run(s, *run);
    }
    s->nomem |= *run == NULL;
}

int sched_move(struct sched *s, struct run **run, struct dag *d, int64_t version_key,
               const char **ret_why)
{
    struct run *r = *run;
    struct dag *old = dag_ref((struct dag *)(uintptr_t)r->dag); /* ids[] borrow from it */
    uint32_t n = old->tasks_len;
    uint32_t *to = mem_array((size_t)n + 1, sizeof *to);
    const char **ids = mem_array((size_t)n + 1, sizeof *ids);
    struct rows rows = {.texts = &s->a->strings};
    int rc = 0;

    if (!run_state_finished(r->state) || r->unfinished > 0 || r->dying > 0) {
        *ret_why = "the run is at work: it can go on with another version when it has ended";
        rc = -ERR_CONFLICT;
    } else if (to == NULL || ids == NULL || go_over(r, d, &rows, to, ids) != 0) {
        s->nomem = true;
    } else {
        struct sched_move m = {r->key, version_key, s->now_us, to, ids, n};

        make_again(s, run, d, version_key, &rows);
        sched_out_move(s, &m);
    }
    dag_unref(old);
    mem_free(rows.p);
    mem_free(to);
    mem_free(ids);
    return rc;
}
