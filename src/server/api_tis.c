/* Task instances of a run: lists, tries, clears and marks. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"

#define UNITS_MAX 10000000

/* ---- lists ---- */

struct listing {
    struct call *c;
    const struct api_run *r;
    struct api_page page;
    unsigned states; /* 0: all; bit 0: none */
    const char *only_task;
    int64_t total;
};

static int states_of(struct call *c, unsigned *ret, struct err *e)
{
    const char *word;
    size_t at = 0;

    *ret = 0;
    while ((word = call_query_next(c, "state", &at)) != NULL) {
        int s = strcmp(word, "no_status") == 0 ? TASK_NONE : task_state_from_string(word);

        if (s < 0) {
            return call_invalid(c, e, "Invalid value for state: '%.100s'", word);
        }
        *ret |= 1U << s;
    }
    return 0;
}

static void list_one(struct listing *l, const struct ti_row *t)
{
    const struct task *task = &l->r->dag->tasks[t->key.task];

    if ((l->states != 0 && (l->states >> t->state & 1) == 0) ||
        (l->only_task != NULL && strcmp(task->task_id, l->only_task) != 0) ||
        !api_like(call_query(l->c, "task_display_name_pattern"), task->display_name)) {
        return;
    }
    if (l->total >= (int64_t)l->page.offset &&
        l->total - (int64_t)l->page.offset < (int64_t)l->page.limit) {
        api_put_ti(l->c, NULL, l->r, t, NULL);
    }
    l->total++;
}

/* Each task of the run's version: its row, what an absent row means, or the instances that it was expanded to. */
static void list_all(struct listing *l)
{
    const struct api_run *r = l->r;
    size_t at = 0;

    for (uint32_t k = 0; k < r->dag->tasks_len; k++) {
        bool listed = false;

        for (; at < r->tis_len && r->tis[at].key.task == k; at++) {
            if (r->tis[at].key.map_index < 0 && r->tis[at].map_len > 0) {
                continue;
            }
            list_one(l, &r->tis[at]);
            listed = true;
        }
        if (!listed) {
            struct ti_row none = api_ti(r, k, -1, &listed);

            list_one(l, &none);
        }
    }
}

static int put_list(struct call *c, const struct api_run *r, const char *only_task, struct err *e)
{
    struct listing l = {.c = c, .r = r, .only_task = only_task};
    int rc = api_page(c, &l.page, e);

    rc = rc == 0 ? states_of(c, &l.states, e) : rc;
    if (rc == 0) {
        api_list(c, "task_instances");
        list_all(&l);
        api_list_end(c, l.total);
    }
    return rc;
}

int api_tis(struct call *c, struct err *e)
{
    struct api_run r = {0};
    int rc = api_open_run(c, &r, e);

    return rc == 0 ? put_list(c, &r, call_query(c, "task_id"), e) : rc;
}

int api_tis_mapped(struct call *c, struct err *e)
{
    const struct task *t;
    struct api_run r = {0};
    int32_t map;
    int rc = api_open_run(c, &r, e);

    rc = rc == 0 ? api_find_task(c, &r, &t, &map, e) : rc;
    if (rc == 0 && !t->mapped) {
        return err_set(e, ERR_NOTFOUND, "Task id %s is not mapped", t->task_id);
    }
    return rc == 0 ? put_list(c, &r, t->task_id, e) : rc;
}

int api_put_tis(struct call *c, const struct api_run *r, const uint32_t *tasks, const int32_t *maps,
                size_t n)
{
    struct listing l = {.c = c, .r = r, .page.limit = UNITS_MAX};

    api_list(c, "task_instances");
    for (size_t i = 0; i < n; i++) {
        bool found;
        struct ti_row t = api_ti(r, tasks[i], maps[i], &found);

        list_one(&l, &t);
    }
    if (tasks == NULL) {
        list_all(&l);
    }
    api_list_end(c, l.total);
    return 0;
}

/* ---- one ---- */

static int find_ti(struct call *c, struct api_run *r, struct ti_row *ret, struct err *e)
{
    const struct task *t;
    int32_t map;
    bool found;
    int rc = api_open_run(c, r, e);

    rc = rc == 0 ? api_find_task(c, r, &t, &map, e) : rc;
    if (rc == 0) {
        *ret = api_ti(r, t->index, map, &found);
    }
    if (rc == 0 && map < 0 && ret->map_len > 0) {
        return err_set(e, ERR_NOTFOUND,
                       "Task instance is mapped, add the map_index value to the URL");
    }
    return rc;
}

int api_ti_get(struct call *c, struct err *e)
{
    const char *rendered = NULL;
    struct api_run r = {0};
    struct ti_row t;
    struct store *s;
    int rc = find_ti(c, &r, &t, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0) {
        rc = s->ops->get_rendered(s, &t.key, &c->arena, &rendered, e);
        rc = rc == -ERR_NOTFOUND ? 0 : rc;
    }
    if (rc == 0) {
        api_put_ti(c, NULL, &r, &t, rendered);
    }
    return rc;
}

/* ---- tries ---- */

/* The tries that ended and were followed by another, then the present one. */
static int tries_of(struct call *c, struct api_run *r, struct ti_row **ret, size_t *ret_n,
                    struct err *e)
{
    struct ti_row now, *old = NULL, *all;
    struct store *s;
    size_t n = 0;
    int rc = find_ti(c, r, &now, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_tries(s, &now.key, &c->arena, &old, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    all = arena_array(&c->arena, n + 1, sizeof *all);
    if (all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for tries");
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = old[i];
    }
    if (now.try_number > 0 || now.state != TASK_NONE) {
        all[n++] = now;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}

int api_ti_tries(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct ti_row *all;
    size_t n;
    int rc = tries_of(c, &r, &all, &n, e);

    if (rc == 0) {
        api_list(c, "task_instances");
        for (size_t i = 0; i < n; i++) {
            api_put_ti(c, NULL, &r, &all[i], NULL);
        }
        api_list_end(c, (int64_t)n);
    }
    return rc;
}

int api_ti_try(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct ti_row *all;
    size_t n = 0;
    long number = strtol(call_param(c, "task_try_number"), NULL, 10);
    int rc = tries_of(c, &r, &all, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (all[i].try_number == number) {
            api_put_ti(c, NULL, &r, &all[i], NULL);
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND, "Try %s of task `%s` was not found",
                             call_param(c, "task_try_number"), call_param(c, "task_id"));
}

/* Why it does not run: asked of the scheduler, in its words. */
int api_ti_dependencies(struct call *c, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct api_run r = {0};
    struct ti_row t;
    struct value *answer = NULL;
    const struct value *text;
    int rc = find_ti(c, &r, &t, e);

    buf_init(&b, KiB(4));
    if (rc != 0) {
        return rc;
    }
    json_writer_init(&w, &b, 0);
    (void)buf_printf(&b, "\"run_key\":%lld,\"task\":%u,\"map_index\":%d", (long long)t.key.run_key,
                     t.key.task, t.key.map_index);
    rc = server_ask(c, "why", &b, &answer, e);
    text = rc == 0 && answer != NULL ? value_get(answer, "text") : NULL;
    if (rc != 0 && rc != -ERR_NOTFOUND) {
        return rc;
    }
    json_object(&c->w);
    json_key(&c->w, "dependencies");
    json_array(&c->w);
    for (const char *p = text != NULL ? text->text : ""; *p != '\0';) {
        size_t n = strcspn(p, "\n");

        json_object(&c->w);
        put_text(c, "name", "scheduler");
        json_key(&c->w, "reason");
        json_string_n(&c->w, p, n);
        json_object_end(&c->w);
        p += n + (p[n] == '\n');
    }
    json_array_end(&c->w);
    json_object_end(&c->w);
    return 0;
}

/* ---- which are meant ---- */

struct chosen {
    bool *take; /* by task */
    int32_t *map;
    uint32_t *tasks;
    int32_t *maps;
    size_t n;
};

static int chosen_new(struct call *c, const struct dag *d, struct chosen *ret, struct err *e)
{
    ret->take = arena_array(&c->arena, d->tasks_len, sizeof *ret->take);
    ret->map = arena_array(&c->arena, d->tasks_len, sizeof *ret->map);
    ret->tasks = arena_array(&c->arena, d->tasks_len, sizeof *ret->tasks);
    ret->maps = arena_array(&c->arena, d->tasks_len, sizeof *ret->maps);
    for (uint32_t i = 0; ret->map != NULL && i < d->tasks_len; i++) {
        ret->map[i] = -1;
    }
    return ret->take != NULL && ret->map != NULL && ret->tasks != NULL && ret->maps != NULL
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for the tasks of a DAG");
}

static void spread(const struct dag *d, struct chosen *x, bool down, bool up)
{
    bool *from_down = x->take;
    uint32_t n = d->tasks_len;

    for (uint32_t i = 0; down && i < n; i++) {
        uint32_t t = d->topo[i];

        for (uint32_t k = d->down_off[t]; from_down[t] && k < d->down_off[t + 1]; k++) {
            x->take[d->down[k]] = true;
        }
    }
    for (uint32_t i = n; up && i-- > 0;) {
        uint32_t t = d->topo[i];

        for (uint32_t k = d->up_off[t]; x->take[t] && k < d->up_off[t + 1]; k++) {
            x->take[d->up[k]] = true;
        }
    }
}

static bool state_taken(const struct api_run *r, uint32_t task, int32_t map, bool failed,
                        bool running)
{
    bool found;
    struct ti_row t = api_ti(r, task, map, &found);

    return (!failed || t.state == TASK_FAILED || t.state == TASK_UPSTREAM_FAILED) &&
           (!running || t.state == TASK_RUNNING);
}

static void finish(const struct api_run *r, struct chosen *x, bool failed, bool running)
{
    x->n = 0;
    for (uint32_t i = 0; i < r->dag->tasks_len; i++) {
        if (x->take[i] && state_taken(r, i, x->map[i], failed, running)) {
            x->tasks[x->n] = i;
            x->maps[x->n++] = x->map[i];
        }
    }
}

/* ---- clear ---- */

/* "task" or ["task", map_index]; NULL or empty: all tasks. */
static int name_tasks(struct call *c, const struct dag *d, const struct value *ids,
                      struct chosen *x, struct err *e)
{
    for (uint32_t i = 0; (ids == NULL || ids->len == 0) && i < d->tasks_len; i++) {
        x->take[i] = true;
    }
    for (size_t i = 0; ids != NULL && i < ids->len; i++) {
        const struct value *v = ids->elems[i], *name = v;
        int64_t map = -1;
        const struct task *t;

        if (v->kind == VALUE_ARRAY && v->len == 2) {
            name = v->elems[0];
            if (value_int(v->elems[1], -1, INT32_MAX, &map) != 0) {
                return call_invalid(c, e, "task_ids: a map index is an integer");
            }
        }
        if (name->kind != VALUE_STRING) {
            return call_invalid(c, e, "task_ids are names, or pairs of a name and a map index");
        }
        t = dag_task(d, name->text);
        if (t == NULL) {
            return err_set(e, ERR_NOTFOUND, "Task with id %.200s was not found", name->text);
        }
        x->take[t->index] = true;
        x->map[t->index] = (int32_t)map;
    }
    return 0;
}

struct clear_body {
    bool dry, failed, running, down, up;
    const char *run_id;
    const struct value *ids;
};

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
    static const char *const not_yet[] = {"include_future", "include_past",
                                          "run_on_latest_version"};
    struct value *body;
    bool flag;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "dry_run", true, &b->dry, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_failed", true, &b->failed, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "only_running", false, &b->running, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_downstream", false, &b->down, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_upstream", false, &b->up, e) : rc;
    rc = rc == 0 ? body_text(c, body, "dag_run_id", &b->run_id, e) : rc;
    for (size_t i = 0; rc == 0 && i < sizeof not_yet / sizeof not_yet[0]; i++) {
        rc = body_bool(c, body, not_yet[i], false, &flag, e);
        if (rc == 0 && flag) {
            rc = call_invalid(c, e, "%s is not possible here yet", not_yet[i]);
        }
    }
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
    return b->run_id != NULL
               ? 0
               : call_invalid(c, e, "dag_run_id must be given: one run is cleared at a time");
}

int api_clear_tis(struct call *c, struct err *e)
{
    struct clear_body b = {0};
    struct api_run r = {0};
    struct chosen x;
    struct store *s;
    bool later = false;
    int rc = read_clear(c, &b, e);

    rc = rc == 0 ? api_find_dag(c, &r.row, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0) {
        rc = s->ops->find_run(s, r.row.dag_key, b.run_id, &c->arena, &r.run, e);
        if (rc == -ERR_NOTFOUND) {
            return err_set(e, ERR_NOTFOUND, "Dag Run id %s not found in dag %s", b.run_id,
                           r.row.dag_id);
        }
    }
    rc = rc == 0 ? api_load_run(c, &r, e) : rc;
    rc = rc == 0 ? chosen_new(c, r.dag, &x, e) : rc;
    rc = rc == 0 ? name_tasks(c, r.dag, b.ids, &x, e) : rc;
    if (rc != 0) {
        return rc;
    }
    spread(r.dag, &x, b.down, b.up);
    finish(&r, &x, b.failed, b.running);
    if (!b.dry && x.n != 0) {
        rc = api_send_change(c, "clear", NULL, r.run.run_key, x.tasks, x.maps, x.n, &later, e);
        rc = rc == 0 && !later ? api_load_run(c, &r, e) : rc;
    }
    return rc == 0 && !later ? api_put_tis(c, &r, x.n != 0 ? x.tasks : x.tasks, x.maps, x.n) : rc;
}

/* ---- mark ---- */

static int patch(struct call *c, bool dry, struct err *e)
{
    static const char *const members[] = {
        "new_state",    "note", "include_upstream", "include_downstream", "include_future",
        "include_past", NULL};
    const char *state, *note;
    struct value *body;
    struct api_run r = {0};
    struct ti_row t;
    struct chosen x;
    bool up, down, future, past, later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "new_state", &state, e) : rc;
    rc = rc == 0 ? body_text(c, body, "note", &note, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_upstream", false, &up, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_downstream", false, &down, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_future", false, &future, e) : rc;
    rc = rc == 0 ? body_bool(c, body, "include_past", false, &past, e) : rc;
    if (rc == 0 && (note != NULL || future || past)) {
        return call_invalid(c, e,
                            "note, include_future and include_past are not possible here yet");
    }
    if (rc == 0 &&
        (state == NULL || (strcmp(state, "success") != 0 && strcmp(state, "failed") != 0 &&
                           strcmp(state, "skipped") != 0))) {
        return call_invalid(c, e, "new_state must be success, failed or skipped");
    }
    rc = rc == 0 ? find_ti(c, &r, &t, e) : rc;
    rc = rc == 0 ? chosen_new(c, r.dag, &x, e) : rc;
    if (rc != 0) {
        return rc;
    }
    x.take[t.key.task] = true;
    x.map[t.key.task] = t.key.map_index;
    spread(r.dag, &x, down, up);
    finish(&r, &x, false, false);
    if (!dry) {
        rc = api_send_change(c, "mark", state, r.run.run_key, x.tasks, x.maps, x.n, &later, e);
        rc = rc == 0 && !later ? api_load_run(c, &r, e) : rc;
    }
    return rc == 0 && !later ? api_put_tis(c, &r, x.tasks, x.maps, x.n) : rc;
}

int api_ti_patch(struct call *c, struct err *e)
{
    return patch(c, false, e);
}

int api_ti_patch_dry(struct call *c, struct err *e)
{
    return patch(c, true, e);
}
