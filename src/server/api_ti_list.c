/*
 * Lists of task instances: of a run, of a mapped task, of many runs (~). Of many runs those that fit are walked from the newest; a list by
 * offset looks at TI_RUNS_MAX of them at most, one by cursor goes on for as long as there are runs, a bounded slice at a call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api.h"

#define TI_RUNS_MAX   2000 /* runs that one list by offset looks at: 422 beyond it */
#define TI_RUNS_SLICE 500  /* that one page by cursor looks at */
#define TI_RUNS_PAGE  100
#define TI_ORDERS     4

enum order {
    BY_KEY,
    BY_STATE,
    BY_DURATION,
    BY_START,
    BY_END,
    BY_MAP_INDEX,
    BY_TRY,
    BY_LOGICAL,
    BY_RUN_AFTER,
    BY_TASK,
    BY_OPERATOR,
    BY_QUEUED,
    BY_SCHEDULED,
    BY_RUN_ID
};

/* What is asked for. */
struct wanted {
    unsigned states; /* 0: all; bit 0: none */
    struct time_range start, end, updated, run_after, logical;
    bool by_updated, by_duration, by_name;
    int64_t duration_from_us, duration_to_us;
    int64_t map_index, try_number, version; /* -2, -1, -1: any */
    const char *group;
    struct {
        enum order by;
        bool down;
    } orders[TI_ORDERS];
    size_t orders_len;
};

/* One that fits: what is needed to put it in order, and to find it again. */
struct item {
    struct ti_row row;
    const struct run_row *run;
    const struct dag_row *dag;
    const char *task_id, *operator_name;
};

struct listing {
    struct call *c;
    struct wanted w;
    struct item *items;
    size_t len, cap;
    struct err *e;
};

/* ---- what is asked for ---- */

static int states_of(struct call *c, unsigned *ret, struct err *e)
{
    const char *word;
    size_t at = 0;

    *ret = 0;
    while ((word = call_query_next(c, "state", &at)) != NULL) {
        bool none = *word == '\0' || strcmp(word, "no_status") == 0 || strcmp(word, "none") == 0;
        int s = none ? TASK_NONE : task_state_from_string(word);

        if (s < 0) {
            return call_invalid(c, e, "Invalid value for state: '%.100s'", word);
        }
        *ret |= 1U << s;
    }
    return 0;
}

static int orders_of(struct call *c, struct wanted *w, struct err *e)
{
    static const struct {
        const char *name;
        enum order by;
    } names[] = {{"id", BY_KEY},
                 {"ti_id", BY_KEY},
                 {"state", BY_STATE},
                 {"duration", BY_DURATION},
                 {"start_date", BY_START},
                 {"end_date", BY_END},
                 {"map_index", BY_MAP_INDEX},
                 {"rendered_map_index", BY_MAP_INDEX},
                 {"try_number", BY_TRY},
                 {"logical_date", BY_LOGICAL},
                 {"run_after", BY_RUN_AFTER},
                 {"task_id", BY_TASK},
                 {"task_display_name", BY_TASK},
                 {"operator", BY_OPERATOR},
                 {"operator_name", BY_OPERATOR},
                 {"queued_dttm", BY_QUEUED},
                 {"queued_when", BY_QUEUED},
                 {"scheduled_dttm", BY_SCHEDULED},
                 {"scheduled_when", BY_SCHEDULED},
                 {"run_id", BY_RUN_ID},
                 {"dag_run_id", BY_RUN_ID}};
    const char *word;
    size_t at = 0;

    while ((word = call_query_next(c, "order_by", &at)) != NULL) {
        bool down = *word == '-';
        size_t i = 0;

        while (i < sizeof names / sizeof names[0] && strcmp(names[i].name, word + down) != 0) {
            i++;
        }
        if (i == sizeof names / sizeof names[0] || w->orders_len == TI_ORDERS) {
            return call_invalid(c, e, "Ordering with '%.100s' is not possible here", word);
        }
        w->orders[w->orders_len].by = names[i].by;
        w->orders[w->orders_len++].down = down;
    }
    return 0;
}

static int read_wanted(struct call *c, struct wanted *w, struct err *e)
{
    int rc = states_of(c, &w->states, e);

    rc = rc == 0 ? orders_of(c, w, e) : rc;
    rc = rc == 0 ? api_range(c, "start_date", &w->start, e) : rc;
    rc = rc == 0 ? api_range(c, "end_date", &w->end, e) : rc;
    rc = rc == 0 ? api_range(c, "updated_at", &w->updated, e) : rc;
    w->by_name = call_query(c, "rendered_map_index_pattern") != NULL ||
                 call_query(c, "rendered_map_index_prefix_pattern") != NULL;
    rc = rc == 0 ? api_range(c, "run_after", &w->run_after, e) : rc;
    rc = rc == 0 ? api_range(c, "logical_date", &w->logical, e) : rc;
    rc = rc == 0 ? api_duration(c, &w->by_duration, &w->duration_from_us, &w->duration_to_us, e)
                 : rc;
    rc = rc == 0 ? call_query_int(c, "map_index", -1, INT32_MAX, -2, &w->map_index, e) : rc;
    rc = rc == 0 ? call_query_int(c, "try_number", 0, UINT16_MAX, -1, &w->try_number, e) : rc;
    rc = rc == 0 ? call_query_int(c, "version_number", 1, INT64_MAX, -1, &w->version, e) : rc;
    w->group = call_query(c, "task_group_id");
    if (rc != 0) {
        c->status = 422;
    }
    return rc;
}

static bool in_range(const struct time_range *r, int64_t t)
{
    return (r->from_us == TIME_NONE && r->to_us == TIME_NONE) ||
           (t != TIME_NONE && t >= r->from_us && (r->to_us == TIME_NONE || t <= r->to_us));
}

static bool in_group(const struct dag *d, const struct task *t, const char *group_id)
{
    if (group_id == NULL) {
        return true;
    }
    for (uint32_t g = t->group; g != UINT32_MAX; g = d->groups[g].parent) {
        if (strcmp(d->groups[g].group_id, group_id) == 0) {
            return true;
        }
    }
    return false;
}

static int64_t updated_of(const struct ti_row *t)
{
    return t->end_us != TIME_NONE      ? t->end_us
           : t->start_us != TIME_NONE  ? t->start_us
           : t->queued_us != TIME_NONE ? t->queued_us
                                       : t->scheduled_us;
}

static bool texts_fit(struct call *c, const struct task *t)
{
    return api_any_of(c, "task_id", t->task_id) && api_any_of(c, "task_ids", t->task_id) &&
           api_any_of(c, "pool", t->pool) && api_pattern(c, "pool_name", t->pool) &&
           api_any_of(c, "queue", t->queue != NULL ? t->queue : "default") &&
           api_pattern(c, "queue_name", t->queue != NULL ? t->queue : "default") &&
           api_any_of(c, "operator", t->operator_name) &&
           api_pattern(c, "operator_name", t->operator_name) && api_any_of(c, "executor", NULL) &&
           api_pattern(c, "task_display_name", t->display_name);
}

static bool fits(const struct listing *l, const struct api_run *r, const struct ti_row *t)
{
    const struct wanted *w = &l->w;
    const struct task *task = &r->dag->tasks[t->key.task];
    int64_t took =
        t->start_us != TIME_NONE && t->end_us != TIME_NONE ? t->end_us - t->start_us : -1;

    return (w->states == 0 || (w->states >> t->state & 1) != 0) &&
           in_range(&w->start, t->start_us) && in_range(&w->end, t->end_us) &&
           in_range(&w->updated, updated_of(t)) &&
           (!w->by_duration ||
            (took >= 0 && took >= w->duration_from_us && took <= w->duration_to_us)) &&
           (w->map_index == -2 || w->map_index == t->key.map_index) &&
           (w->try_number == -1 || w->try_number == t->try_number) &&
           in_group(r->dag, task, w->group) && texts_fit(l->c, task) &&
           (!w->by_name ||
            api_pattern(l->c, "rendered_map_index", api_map_name(l->c, r->dag, &t->key)));
}

static bool run_fits(struct listing *l, const struct run_row *r)
{
    return in_range(&l->w.run_after, r->run_after_us) &&
           in_range(&l->w.logical, r->logical_date_us) &&
           api_any_of(l->c, "dag_run_ids", r->run_id) && api_pattern(l->c, "run_id", r->run_id) &&
           (l->w.version == -1 || l->w.version == api_version_number(l->c, r->version_key));
}

/* ---- gathering ---- */

static int add(struct listing *l, const struct api_run *r, const struct run_row *run,
               const struct dag_row *dag, const struct ti_row *t)
{
    const struct task *task = &r->dag->tasks[t->key.task];

    if (!fits(l, r, t)) {
        return 0;
    }
    if (l->len == l->cap) {
        size_t cap = l->cap != 0 ? 2 * l->cap : 256;
        struct item *grown = arena_array(&l->c->arena, cap, sizeof *grown);

        if (grown == NULL) {
            return err_set(l->e, ERR_NOMEM, "out of memory for a list");
        }
        if (l->len != 0) {
            memcpy(grown, l->items, l->len * sizeof *grown);
        }
        l->items = grown;
        l->cap = cap;
    }
    l->items[l->len++] =
        (struct item){.row = *t,
                      .run = run,
                      .dag = dag,
                      .task_id = arena_strdup(&l->c->arena, task->task_id),
                      .operator_name = arena_strdup(&l->c->arena, task->operator_name)};
    return 0;
}

/* Each task of the run's version: its row, what an absent row means, or the instances that it was expanded to. */
static int gather_run(struct listing *l, const struct dag_row *dag, const struct run_row *run)
{
    struct api_run r = {.row = *dag, .run = *run};
    struct store *s;
    size_t at = 0;
    int rc = server_store(l->c, &s, l->e);

    rc = rc == 0 ? server_dag(l->c, run->version_key, &r.dag, l->e) : rc;
    rc = rc == 0 ? s->ops->get_tis(s, run->run_key, 0, &l->c->arena, &r.tis, &r.tis_len, l->e) : rc;
    for (uint32_t k = 0; rc == 0 && k < r.dag->tasks_len; k++) {
        bool listed = false;

        for (; rc == 0 && at < r.tis_len && r.tis[at].key.task == k; at++) {
            if (r.tis[at].key.map_index < 0 && r.tis[at].map_len > 0) {
                continue;
            }
            rc = add(l, &r, run, dag, &r.tis[at]);
            listed = true;
        }
        if (rc == 0 && !listed) {
            struct ti_row none = api_ti(&r, k, -1, &listed);

            rc = add(l, &r, run, dag, &none);
        }
    }
    return rc;
}

static int64_t number_of(const struct item *x, enum order by)
{
    switch (by) {
    case BY_STATE:
        return x->row.state;
    case BY_DURATION:
        return x->row.start_us != TIME_NONE && x->row.end_us != TIME_NONE
                   ? x->row.end_us - x->row.start_us
                   : -1;
    case BY_START:
        return x->row.start_us;
    case BY_END:
        return x->row.end_us;
    case BY_MAP_INDEX:
        return x->row.key.map_index;
    case BY_TRY:
        return x->row.try_number;
    case BY_LOGICAL:
        return x->run->logical_date_us;
    case BY_RUN_AFTER:
        return x->run->run_after_us;
    case BY_QUEUED:
        return x->row.queued_us;
    case BY_SCHEDULED:
        return x->row.scheduled_us;
    default:
        return 0;
    }
}

static int compare(const struct item *x, const struct item *y, enum order by)
{
    int64_t a = number_of(x, by), b = number_of(y, by);

    if (by == BY_TASK || by == BY_OPERATOR || by == BY_RUN_ID) {
        return by == BY_TASK       ? strcmp(x->task_id, y->task_id)
               : by == BY_OPERATOR ? strcmp(x->operator_name, y->operator_name)
                                   : strcmp(x->run->run_id, y->run->run_id);
    }
    return (a > b) - (a < b);
}

/* As gathered where they are equal: the newest run first, then by task and map index. */
static int by_orders(const void *x, const void *y, void *arg)
{
    const struct item *a = x, *b = y;
    const struct wanted *w = arg;
    int c = 0;

    for (size_t i = 0; c == 0 && i < w->orders_len; i++) {
        c = compare(a, b, w->orders[i].by);
        c = w->orders[i].down ? -c : c;
    }
    c = c != 0
            ? c
            : (a->row.key.run_key < b->row.key.run_key) - (a->row.key.run_key > b->row.key.run_key);
    c = c != 0 ? c : (a->row.key.task > b->row.key.task) - (a->row.key.task < b->row.key.task);
    return c != 0 ? c
                  : (a->row.key.map_index > b->row.key.map_index) -
                        (a->row.key.map_index < b->row.key.map_index);
}

/* ---- answering ---- */

/* Those from..to of the list; a run's facts are read once for those that follow one another. */
static int put_items(struct listing *l, size_t from, size_t to)
{
    struct api_run r = {0};
    int rc = 0;

    api_list(l->c, "task_instances");
    for (size_t i = from; rc == 0 && i < to; i++) {
        const struct item *x = &l->items[i];

        if (r.run.run_key != x->run->run_key) {
            r = (struct api_run){.row = *x->dag, .run = *x->run};
            rc = api_load_facts(l->c, &r, l->e);
        }
        if (rc == 0 && r.dag != NULL && x->row.key.task < r.dag->tasks_len) {
            api_put_ti(l->c, NULL, &r, &x->row, NULL);
        }
    }
    return rc;
}

static int put_list(struct listing *l, const struct api_page *p)
{
    size_t from, to;
    int rc;

    if (l->len > 1 && l->w.orders_len != 0) {
        qsort_r(l->items, l->len, sizeof *l->items, by_orders, &l->w);
    }
    from = p->offset < l->len ? p->offset : l->len;
    to = p->limit < l->len - from ? from + p->limit : l->len;
    rc = put_items(l, from, to);
    api_list_end(l->c, (int64_t)l->len);
    return rc;
}

static const char *cursor_of(struct call *c, const struct item *x)
{
    return arena_printf(&c->arena, "a%lld.%u.%d", (long long)x->row.key.run_key, x->row.key.task,
                        x->row.key.map_index);
}

static int read_cursor(struct call *c, const char *text, struct ti_key *ret, struct err *e)
{
    long long run;
    int n = 0;

    *ret = (struct ti_key){0};
    if (text[0] == '\0') {
        return 0;
    }
    if (sscanf(text, "a%lld.%u.%d%n", &run, &ret->task, &ret->map_index, &n) != 3 ||
        text[n] != '\0' || run <= 0) {
        return call_invalid(c, e, "This is no cursor");
    }
    ret->run_key = run;
    return 0;
}

/* next: where the next page begins, NULL at the end. */
static int put_page(struct listing *l, size_t from, size_t to, const char *next)
{
    int rc = put_items(l, from, to);

    json_array_end(&l->c->w);
    put_text(l->c, "next_cursor", next);
    put_null(l->c, "previous_cursor"); /* only forwards */
    json_object_end(&l->c->w);
    return rc;
}

/* Of one run: in any order, behind the instance that the cursor names. */
static int put_run_page(struct listing *l, const char *cursor, size_t limit)
{
    struct ti_key after;
    size_t from = 0, to;
    int rc = read_cursor(l->c, cursor, &after, l->e);

    if (rc != 0) {
        return rc;
    }
    if (l->len > 1 && l->w.orders_len != 0) {
        qsort_r(l->items, l->len, sizeof *l->items, by_orders, &l->w);
    }
    for (size_t i = 0; after.run_key != 0 && i < l->len; i++) {
        const struct ti_key *k = &l->items[i].row.key;

        if (k->task == after.task && k->map_index == after.map_index) {
            from = i + 1;
        }
    }
    if (after.run_key != 0 && from == 0) {
        return call_invalid(l->c, l->e, "The instance of this cursor is not in this list any more");
    }
    to = limit < l->len - from ? from + limit : l->len;
    return put_page(l, from, to,
                    to < l->len && to != 0 ? cursor_of(l->c, &l->items[to - 1]) : NULL);
}

/* ---- of one run ---- */

static int list_run(struct call *c, const char *only_task, struct err *e)
{
    struct listing l = {.c = c, .e = e};
    const char *cursor = call_query(c, "cursor");
    struct api_page p;
    struct run_row run;
    struct dag_row row;
    size_t kept = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? read_wanted(c, &l.w, e) : rc;
    rc = rc == 0 ? api_find_run(c, &row, &run, e) : rc;
    rc = rc == 0 && run_fits(&l, &run) ? gather_run(&l, &row, &run) : rc;
    for (size_t i = 0; only_task != NULL && i < l.len; i++) {
        if (strcmp(l.items[i].task_id, only_task) == 0) {
            l.items[kept++] = l.items[i];
        }
    }
    l.len = only_task != NULL ? kept : l.len;
    if (rc != 0) {
        return rc;
    }
    return cursor != NULL ? put_run_page(&l, cursor, p.limit) : put_list(&l, &p);
}

/* ---- of many runs ---- */

struct walk {
    struct listing l;
    struct run_query q;
    struct dag_row *dags; /* by dag_id */
    size_t dags_len, looked, max;
    const char *run_id; /* of one alone, or NULL */
    int64_t last;       /* the last run that was looked at */
    bool ended;         /* there is no further one */
    /* By cursor: behind this instance; so many at most. */
    struct ti_key after;
    size_t limit;
};

static const struct dag_row *dag_of(const struct walk *w, int64_t dag_key)
{
    for (size_t i = 0; i < w->dags_len; i++) {
        if (w->dags[i].dag_key == dag_key) {
            return &w->dags[i];
        }
    }
    return NULL;
}

static int walk_begin(struct walk *w, struct call *c, struct err *e)
{
    const char *dag_id = call_param(c, "dag_id"), *run_id = call_param(c, "dag_run_id");
    bool all = strcmp(dag_id, "~") == 0;
    int rc;

    w->l.c = c;
    w->l.e = e;
    w->q = (struct run_query){.order = RUN_BY_KEY, .descending = true, .limit = TI_RUNS_PAGE};
    w->q.start = w->q.end = w->q.logical_date = w->q.run_after =
        (struct time_range){TIME_NONE, TIME_NONE};
    w->run_id = strcmp(run_id, "~") != 0 ? run_id : NULL;
    rc = read_wanted(c, &w->l.w, e);
    w->q.logical_date = w->l.w.logical;
    w->q.run_after = w->l.w.run_after;
    rc = rc == 0 ? api_get_dags(c, false, &w->dags, &w->dags_len, e) : rc;
    if (rc == 0 && !access_sees_all(c)) {
        w->q.dag_keys_len = w->dags_len;
        rc = api_dag_keys(c, w->dags, w->dags_len, &w->q.dag_keys, e);
    }
    for (size_t i = 0; rc == 0 && !all && i < w->dags_len; i++) {
        if (strcmp(w->dags[i].dag_id, dag_id) == 0) {
            w->q.dag_key = w->dags[i].dag_key;
        }
    }
    return rc == 0 && !all && w->q.dag_key == 0
               ? err_set(e, ERR_NOTFOUND, "The DAG with ID: `%s` was not found", dag_id)
               : rc;
}

/* Behind the cursor's instance, of the run that it is in. */
static void drop_seen(struct walk *w, size_t first)
{
    size_t kept = first;

    for (size_t i = first; i < w->l.len; i++) {
        const struct ti_key *k = &w->l.items[i].row.key;

        if (k->task > w->after.task ||
            (k->task == w->after.task && k->map_index > w->after.map_index)) {
            w->l.items[kept++] = w->l.items[i];
        }
    }
    w->l.len = kept;
}

static int look_at(struct walk *w, const struct run_row *run)
{
    const struct dag_row *dag = dag_of(w, run->dag_key);
    size_t first = w->l.len;
    int rc;

    w->looked++;
    if (dag == NULL || (w->run_id != NULL && strcmp(w->run_id, run->run_id) != 0) ||
        !run_fits(&w->l, run) || !api_any_of(w->l.c, "dag_ids", dag->dag_id) ||
        !api_pattern(w->l.c, "dag_id", dag->dag_id)) {
        return 0;
    }
    rc = gather_run(&w->l, dag, run);
    if (rc == 0 && w->after.run_key == run->run_key) {
        drop_seen(w, first);
    }
    return rc;
}

/* Until enough is found, or as many runs as may be were looked at. */
static int walk_runs(struct walk *w)
{
    struct store *s;
    int rc = server_store(w->l.c, &s, w->l.e);
    struct run_row *rows;
    size_t n = TI_RUNS_PAGE;

    while (rc == 0 && n == TI_RUNS_PAGE && w->looked < w->max &&
           (w->limit == 0 || w->l.len <= w->limit)) {
        rc = s->ops->query_runs(s, &w->q, &w->l.c->arena, &rows, &n, w->l.e);
        for (size_t i = 0;
             rc == 0 && i < n && w->looked < w->max && (w->limit == 0 || w->l.len <= w->limit);
             i++) {
            rc = look_at(w, &rows[i]);
            w->last = rows[i].run_key;
            w->q.after_key = w->last;
            w->ended = n < TI_RUNS_PAGE && i + 1 == n;
        }
    }
    w->ended = w->ended || n == 0;
    return rc;
}

static int list_many(struct call *c, const struct api_page *p, struct err *e)
{
    struct walk w = {.max = TI_RUNS_MAX};
    int rc = walk_begin(&w, c, e);

    rc = rc == 0 ? walk_runs(&w) : rc;
    if (rc == 0 && !w.ended && w.looked == w.max) {
        return call_invalid(c, e,
                            "More than %d runs would have to be looked at: narrow it by dag_id, "
                            "run_after or logical_date, or page by cursor",
                            TI_RUNS_MAX);
    }
    return rc == 0 ? put_list(&w.l, p) : rc;
}

static int page_many(struct call *c, const char *cursor, size_t limit, struct err *e)
{
    struct walk w = {.max = TI_RUNS_SLICE, .limit = limit != 0 ? limit : 1};
    const char *next = NULL;
    struct run_row run;
    struct store *s;
    size_t to;
    int rc = walk_begin(&w, c, e);

    rc = rc == 0 ? read_cursor(c, cursor, &w.after, e) : rc;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0 && w.l.w.orders_len != 0) {
        return call_invalid(c, e, "Of many runs a cursor goes from the newest run on: no order_by");
    }
    if (rc == 0 &&
        w.after.run_key != 0) { /* the run that the last page ended in, then those behind it */
        rc = s->ops->get_run(s, w.after.run_key, &c->arena, &run, e);
        if (rc == -ERR_NOTFOUND) {
            return call_invalid(c, e, "The run of this cursor is gone: begin with an empty one");
        }
        rc = rc == 0 ? look_at(&w, &run) : rc;
        w.last = w.q.after_key = w.after.run_key;
    }
    rc = rc == 0 ? walk_runs(&w) : rc;
    if (rc != 0) {
        return rc;
    }
    to = w.l.len < w.limit ? w.l.len : w.limit;
    if (to < w.l.len) {
        next = cursor_of(c, &w.l.items[to - 1]);
    } else if (!w.ended) { /* the slice is over: behind all of the last run */
        next = arena_printf(&c->arena, "a%lld.%u.%d", (long long)w.last, UINT32_MAX, INT32_MAX);
    }
    return put_page(&w.l, 0, to, next);
}

int api_tis(struct call *c, struct err *e)
{
    const char *cursor = call_query(c, "cursor");
    struct api_page p;
    int rc;

    if (strcmp(call_param(c, "dag_id"), "~") != 0 &&
        strcmp(call_param(c, "dag_run_id"), "~") != 0) {
        return list_run(c, NULL, e);
    }
    rc = api_page(c, &p, e);
    if (rc != 0) {
        return rc;
    }
    return cursor != NULL ? page_many(c, cursor, p.limit, e) : list_many(c, &p, e);
}

/* The same with the arguments in a body. */
int api_tis_list(struct call *c, struct err *e)
{
    static const char *const names[] = {
        API_LIST_MEMBERS, "dag_run_ids", "dag_run_ids", "task_ids", "task_ids", "state",    "state",
        "pool",           "pool",        "queue",       "queue",    "executor", "executor", NULL};

    return api_list_by_body(c, names, api_tis, e);
}

int api_tis_mapped(struct call *c, struct err *e)
{
    const struct task *t;
    struct api_run r = {0};
    int rc = api_open_run(c, &r, e);

    t = rc == 0 ? dag_task(r.dag, call_param(c, "task_id")) : NULL;
    if (rc == 0 && t == NULL) {
        return err_set(e, ERR_NOTFOUND, "Task id %s not found", call_param(c, "task_id"));
    }
    if (rc == 0 && !t->mapped) {
        return err_set(e, ERR_NOTFOUND, "Task id %s is not mapped", t->task_id);
    }
    return rc == 0 ? list_run(c, arena_strdup(&c->arena, t->task_id), e) : rc;
}
