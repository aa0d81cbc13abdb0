/* What is read of a watched run before anything of it can be late. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/engine_priv.h"
#include "engine/late.h"
#include "engine/late_priv.h"
#include "model/dag.h"
#include "model/deadline.h"

#define TASK_ROWS_MAX 50000 /* successes of tasks that are looked at for one run */
#define RUNS_MAX      1000

struct reading {
    struct engine *g;
    struct late_run *r;
    struct arena arena;
    struct deadline_row *old, *new; /* deadlines: written before, and now */
    size_t old_len, new_len;
    struct runtime_row *ended, *won, *tasks; /* what took how long */
    size_t ended_len, won_len, tasks_len;
    int32_t last_runs, last_tasks; /* how many are asked for */
    bool average;
    struct err e;
};

static int get_runtimes(struct reading *c, unsigned states, size_t runs, bool tasks,
                        struct runtime_row **ret, size_t *ret_len)
{
    struct store *s = c->g->store;
    struct runtime_query q = {.dag_key = c->r->row.dag_key,
                              .states = states,
                              .runs = runs,
                              .tasks = tasks,
                              .limit = TASK_ROWS_MAX};

    return s->ops->get_runtimes(s, &q, &c->arena, ret, ret_len, &c->e);
}

static int do_read(void *arg)
{
    struct reading *c = arg;
    struct store *s = c->g->store;
    const unsigned won = 1u << RUN_SUCCESS, ended = won | 1u << RUN_FAILED;
    int rc = 0;

    if (c->r->dag->deadlines_len != 0) {
        rc = s->ops->get_deadlines(s, c->r->run_key, &c->arena, &c->old, &c->old_len, &c->e);
    }
    if (rc == 0 && c->average) {
        rc = get_runtimes(c, ended, RUNS_MAX, false, &c->ended, &c->ended_len);
    }
    if (rc == 0 && c->last_runs > 0) {
        rc = get_runtimes(c, won, (size_t)c->last_runs, false, &c->won, &c->won_len);
    }
    if (rc == 0 &&
        c->last_tasks > 0) { /* of runs that failed, too: their tasks may have ended well */
        rc = get_runtimes(c, ended, (size_t)c->last_tasks * 2, true, &c->tasks, &c->tasks_len);
    }
    return rc;
}

static int64_t *durations(struct reading *c, const struct runtime_row *rows, size_t n)
{
    int64_t *us = arena_array(&c->arena, n + 1, sizeof *us);

    for (size_t i = 0; us != NULL && i < n; i++) {
        us[i] = rows[i].us;
    }
    return us;
}

static const struct deadline_row *find_old(const struct reading *c, int32_t n)
{
    for (size_t i = 0; i < c->old_len; i++) {
        if (c->old[i].n == n) {
            return &c->old[i];
        }
    }
    return NULL;
}

/* The moments of the run's deadlines: those that were written before, and new ones. */
static int set_deadlines(struct reading *c)
{
    const struct dag *d = c->r->dag;
    int64_t *us = durations(c, c->ended, c->ended_len);
    int rc = us != NULL ? 0 : -ERR_NOMEM;

    c->new = arena_array(&c->arena, d->deadlines_len + 1, sizeof *c->new);
    rc = c->new == NULL ? -ERR_NOMEM : rc;
    for (size_t i = 0; rc == 0 && i < d->deadlines_len; i++) {
        const struct deadline_row *old = find_old(c, (int32_t)i);
        struct late_item item = {.kind = LATE_DEADLINE, .n = (int32_t)i, .map_index = -1};
        int64_t due;

        if (old != NULL && old->missed_us != TIME_NONE) {
            continue;
        }
        if (old == NULL && !deadline_moment(&d->deadlines[i], &c->r->row, engine_now(c->g), us,
                                            c->ended_len, &due)) {
            continue;
        }
        item.due_us = old != NULL ? old->due_us : due;
        if (old == NULL) {
            c->new[c->new_len++] = (struct deadline_row){.run_key = c->r->run_key,
                                                         .n = (int32_t)i,
                                                         .name = d->deadlines[i].name,
                                                         .due_us = due,
                                                         .missed_us = TIME_NONE};
        }
        rc = late_push(c->r, &item);
    }
    return rc;
}

static void set_limit(struct late_limit *l, const struct alert_rule *rule, int64_t *us, size_t n)
{
    if (rule != NULL && alert_slow_limit(&rule->slow, us, n, &l->usual_us, &l->us)) {
        l->successes = n > (size_t)rule->slow.last ? (size_t)rule->slow.last : n;
    }
}

/* The index in the run's version of each task of another one; UINT32_MAX: it has none of that id. */
static int map_tasks(struct reading *c, int64_t version_key, uint32_t **ret, uint32_t *ret_len)
{
    const struct dag *mine = c->r->dag;
    struct dag *other = NULL;
    int rc = facts_load_version(c->g, c->r->row.dag_key, version_key, &other, &c->e);

    *ret = rc == 0 ? arena_array(&c->arena, other->tasks_len + 1, sizeof **ret) : NULL;
    rc = rc == 0 && *ret == NULL ? -ERR_NOMEM : rc;
    for (uint32_t i = 0; rc == 0 && i < other->tasks_len; i++) {
        const struct task *t = dag_task(mine, other->tasks[i].task_id);

        (*ret)[i] = t != NULL ? t->index : UINT32_MAX;
    }
    *ret_len = rc == 0 ? other->tasks_len : 0;
    dag_unref(other);
    return rc;
}

/* SUSPENDS. The rows' tasks become those of the run's version. */
static int translate(struct reading *c)
{
    int64_t version = c->r->row.version_key;
    uint32_t *map = NULL, map_len = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->tasks_len; i++) {
        struct runtime_row *row = &c->tasks[i];

        if (row->version_key != version) { /* rows of a run follow each other */
            version = row->version_key;
            rc = version != c->r->row.version_key ? map_tasks(c, version, &map, &map_len) : 0;
        }
        if (rc == 0 && version != c->r->row.version_key) {
            row->task = row->task < map_len ? map[row->task] : UINT32_MAX;
        }
    }
    return rc;
}

static int by_task(const void *x,
                   const void *y) /* the newest first stays so: rows know their run */
{
    const struct runtime_row *a = x, *b = y;

    if (a->task != b->task) {
        return a->task < b->task ? -1 : 1;
    }
    return (a->run_key < b->run_key) - (a->run_key > b->run_key);
}

/* SUSPENDS perhaps. */
static int set_limits(struct reading *c)
{
    const struct dag *d = c->r->dag;
    int64_t *us = durations(c, c->won, c->won_len);
    int rc = us != NULL ? translate(c) : -ERR_NOMEM;

    if (rc != 0) {
        return rc;
    }
    set_limit(&c->r->slow, alerts_rule(c->g, ALERT_RUN_SLOW, d, NULL), us, c->won_len);
    if (c->tasks_len == 0) {
        return 0;
    }
    qsort(c->tasks, c->tasks_len, sizeof *c->tasks, by_task);
    us = durations(c, c->tasks, c->tasks_len);
    c->r->limits = mem_array(d->tasks_len, sizeof *c->r->limits);
    if (us == NULL || c->r->limits == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0, end; i < c->tasks_len && c->tasks[i].task < d->tasks_len; i = end) {
        uint32_t t = c->tasks[i].task;

        for (end = i + 1; end < c->tasks_len && c->tasks[end].task == t;) {
            end++;
        }
        set_limit(&c->r->limits[t], alerts_rule(c->g, ALERT_TASK_SLOW, d, &d->tasks[t]), us + i,
                  end - i);
    }
    return 0;
}

static void ask_for(struct reading *c)
{
    const struct dag *d = c->r->dag;
    const struct alert_rule *rule = alerts_rule(c->g, ALERT_RUN_SLOW, d, NULL);

    c->last_runs = rule != NULL ? rule->slow.last : 0;
    for (size_t i = 0; i < d->deadlines_len; i++) {
        c->average = c->average || d->deadlines[i].reference == DEADLINE_AVERAGE;
    }
    for (uint32_t t = 0; c->r->tasks && t < d->tasks_len; t++) {
        rule = alerts_rule(c->g, ALERT_TASK_SLOW, d, &d->tasks[t]);
        if (rule != NULL && rule->slow.last > c->last_tasks) {
            c->last_tasks = rule->slow.last;
        }
    }
}

void late_task_due(const struct late_run *r, struct late_item *item)
{
    const struct late_limit *l = r->limits != NULL ? &r->limits[item->task] : NULL;

    if (l != NULL && l->us > 0) {
        item->usual_us = l->usual_us;
        item->successes = l->successes;
        item->due_us = item->from_us + l->us;
    }
}

void late_add_run_slow(struct engine *g, struct late_run *r)
{
    struct late_item item = {.kind = LATE_RUN,
                             .map_index = -1,
                             .from_us = r->row.start_us,
                             .usual_us = r->slow.usual_us,
                             .successes = r->slow.successes,
                             .due_us = r->row.start_us + r->slow.us};

    if (r->slow.us > 0 && r->row.start_us != TIME_NONE && late_push(r, &item) == 0) {
        late_set_due(g, r);
    }
}

static void set_moments(struct reading *c)
{
    struct late_run *r = c->r;

    for (size_t i = 0; i < r->items_len; i++) {
        struct late_item *p = &r->items[i];

        if (p->kind == LATE_TASK) {
            late_task_due(r, p);
        }
    }
    r->ready = true;
    if (r->ended) {
        return;
    }
    late_add_run_slow(c->g, r);
    late_set_due(c->g, r);
}

/* SUSPENDS. */
static int prepare(struct reading *c)
{
    struct engine *g = c->g;
    struct request r = {0};
    int rc;

    ask_for(c);
    rc = engine_on_store(g, do_read, c);
    rc = rc == 0 ? set_deadlines(c) : rc;
    rc = rc == 0 ? set_limits(c) : rc;
    /* Of a run that has ended meanwhile what it has missed is written already, and the rest matters no more. */
    if (rc == 0 && c->new_len > 0 && !c->r->ended) {
        r.deadlines = c->new;
        r.deadlines_len = c->new_len;
        rc = engine_ask(g, &r, &c->e);
    }
    if (rc == 0) {
        set_moments(c);
    }
    return rc == 0 && c->r->ended ? late_tell(g, c->r) : rc;
}

static int prepare_main(void *arg)
{
    struct reading *c = arg;
    int rc;

    arena_init(&c->arena, MiB(64));
    rc = prepare(c);
    if (rc != 0 && rc != -ERR_CLOSED && rc != -ERR_CANCELED) {
        log_warning("alerts", "deadlines of run %s are not watched: %s", c->r->row.run_id,
                    c->e.code != 0 ? err_str(&c->e) : err_text(rc));
    }
    arena_fini(&c->arena);
    late_run_unref(c->r);
    mem_free(c);
    return 0;
}

void late_prepare(struct engine *g, struct late_run *r)
{
    struct reading *c = mem_zalloc(sizeof *c);

    r->refs++;
    if (c != NULL) {
        c->g = g;
        c->r = r;
    }
    if (c == NULL || co_spawn(&g->group, "deadlines", prepare_main, c, NULL, NULL) != 0) {
        log_error("alerts", "out of memory: deadlines of run %s are not watched", r->row.run_id);
        late_run_unref(r);
        mem_free(c);
    }
}
