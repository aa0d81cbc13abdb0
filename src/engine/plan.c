/* Plans of clears and marks: which runs. What of each run: plan_run.c. */
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/plan_priv.h"

#define PAGE 1000

/* ---- which runs ---- */

static bool is_wanted(const struct plan *p, const struct run_row *base, const struct run_row *r)
{
    const struct plan_query *q = &p->q;

    if (q->all_runs) {
        return r->logical_date_us != TIME_NONE &&
               (q->from_us == TIME_NONE || r->logical_date_us >= q->from_us) &&
               (q->to_us == TIME_NONE || r->logical_date_us <= q->to_us);
    }
    if (r->run_key == base->run_key) {
        return true;
    }
    return r->logical_date_us != TIME_NONE &&
           ((q->past && r->logical_date_us < base->logical_date_us) ||
            (q->future && r->logical_date_us > base->logical_date_us));
}

static int add_run(struct plan *p, const struct run_row *r, struct err *e)
{
    struct plan_key k = {r->logical_date_us, r->run_after_us, r->run_key};

    if (p->keys_len >= LIMIT_PLAN_RUNS) {
        return err_set(e, ERR_LIMIT,
                       "more than %d runs of %s; take a shorter range of logical dates",
                       LIMIT_PLAN_RUNS, p->q.dag_id);
    }
    return VEC_PUSH(p->keys, p->keys_len, p->keys_cap, k);
}

/* Page by page: only the keys are kept. */
static int choose_runs(struct plan *p, const struct run_row *base, struct err *e)
{
    int64_t after = 0;
    size_t n = PAGE;
    int rc = 0;

    while (rc == 0 && n == PAGE) {
        struct run_row *rows;
        struct arena a;

        arena_init(&a, MiB(256));
        rc = p->store->ops->get_runs(p->store, p->dag.dag_key, 0, after, PAGE, &a, &rows, &n, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            after = rows[i].run_key;
            rc = is_wanted(p, base, &rows[i]) ? add_run(p, &rows[i], e) : 0;
        }
        arena_fini(&a);
    }
    return rc;
}

/* By its id, or the newest with that logical date. */
static int find_base(struct plan *p, struct run_row *ret, struct err *e)
{
    const struct store_ops *ops = p->store->ops;
    int64_t at, after = 0;
    struct run_row *rows;
    size_t n = PAGE;
    int rc;

    if (p->q.run_id == NULL) {
        rc = ops->get_runs(p->store, p->dag.dag_key, 0, 0, 1, &p->arena, &rows, &n, e);
        if (rc == 0 && n == 0) {
            return err_set(e, ERR_NOTFOUND, "DAG '%s' has not run yet", p->q.dag_id);
        }
        *ret = rc == 0 ? rows[0] : *ret;
        return rc;
    }
    rc = ops->find_run(p->store, p->dag.dag_key, p->q.run_id, &p->arena, ret, e);
    if (rc != -ERR_NOTFOUND || time_parse(p->q.run_id, strlen(p->q.run_id), &at) != 0) {
        return rc;
    }
    while (n == PAGE) {
        rc = ops->get_runs(p->store, p->dag.dag_key, 0, after, PAGE, &p->arena, &rows, &n, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            if (rows[i].logical_date_us == at) {
                *ret = rows[i];
                return 0;
            }
            after = rows[i].run_key;
        }
        if (rc != 0) {
            return rc;
        }
    }
    return -ERR_NOTFOUND;
}

static int find_runs(struct plan *p, struct err *e)
{
    struct run_row base = {0};
    int rc;

    if (p->q.all_runs) {
        return choose_runs(p, NULL, e);
    }
    rc = find_base(p, &base, e);
    if (rc == -ERR_NOTFOUND && p->q.run_id != NULL) {
        return err_set(e, ERR_NOTFOUND, "DAG '%s' has no run '%s'; see `tradewind runs list %s`",
                       p->q.dag_id, p->q.run_id, p->q.dag_id);
    }
    if (rc != 0) {
        return rc;
    }
    if (!p->q.past && !p->q.future) {
        return add_run(p, &base, e);
    }
    if (base.logical_date_us == TIME_NONE) {
        return err_set(e, ERR_USAGE,
                       "run %s has no logical date: there is no past and no future of it",
                       base.run_id);
    }
    return choose_runs(p, &base, e);
}

/* The earliest logical date first; those without one last, by when they were due. */
static int by_date(const void *x, const void *y)
{
    const struct plan_key *a = x, *b = y;
    bool none_a = a->logical_us == TIME_NONE, none_b = b->logical_us == TIME_NONE;

    if (none_a != none_b) {
        return none_a ? 1 : -1;
    }
    if (a->logical_us != b->logical_us) {
        return a->logical_us < b->logical_us ? -1 : 1;
    }
    if (a->after_us != b->after_us) {
        return a->after_us < b->after_us ? -1 : 1;
    }
    return (a->run_key > b->run_key) - (a->run_key < b->run_key);
}

/* ---- the plan ---- */

static int compile(struct plan *p, struct err *e)
{
    p->patterns = mem_array(p->q.tasks_len + 1, sizeof *p->patterns);
    if (p->patterns == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; p->q.regex && i < p->q.tasks_len; i++) {
        int rc = regcomp(&p->patterns[i], p->q.tasks[i], REG_EXTENDED | REG_NOSUB);
        char text[200];

        if (rc != 0) {
            (void)regerror(rc, &p->patterns[i], text, sizeof text);
            return err_set(e, ERR_USAGE, "\"%.60s\" is no pattern: %s", p->q.tasks[i], text);
        }
        p->patterns_len++;
    }
    return 0;
}

static int begin(struct plan *p, struct err *e)
{
    int rc = compile(p, e);

    rc = rc == 0 ? p->store->ops->find_dag(p->store, p->q.dag_id, &p->arena, &p->dag, e) : rc;
    if (rc == -ERR_NOTFOUND) {
        return err_set(e, ERR_NOTFOUND, "there is no DAG '%s'; see `tradewind dags list`",
                       p->q.dag_id);
    }
    if (rc == 0 && p->q.newest && p->q.op != ENGINE_CLEAR) {
        rc = err_set(e, ERR_USAGE, "only a clear can go on with the newest version");
    }
    rc = rc == 0 && p->q.newest ? p->load(p->store, p->dag.version_key, &p->newest, e) : rc;
    rc = rc == 0 ? find_runs(p, e) : rc;
    if (rc == 0 && p->keys_len > 1) {
        qsort(p->keys, p->keys_len, sizeof *p->keys, by_date);
    }
    return rc;
}

int plan_open(struct store *s, const struct plan_query *q,
              int (*load)(struct store *s, int64_t version_key, struct dag **ret, struct err *e),
              struct plan **ret, struct err *e)
{
    struct plan *p = mem_zalloc(sizeof *p);
    int rc;

    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a plan");
    }
    p->q = *q;
    p->store = s;
    p->load = load;
    arena_init(&p->arena, MiB(256));
    arena_init(&p->run_arena, (size_t)2 << 30);
    rc = begin(p, e);
    if (rc != 0) {
        plan_close(p);
        return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for a plan") : rc;
    }
    *ret = p;
    return 0;
}

void plan_close(struct plan *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->patterns_len; i++) {
        regfree(&p->patterns[i]);
    }
    mem_free(p->patterns);
    mem_free(p->keys);
    dag_unref(p->newest);
    dag_unref(p->own);
    arena_fini(&p->arena);
    arena_fini(&p->run_arena);
    mem_free(p);
}

size_t plan_runs(const struct plan *p)
{
    return p->keys_len;
}

/* The DAG of the run's version: runs next to one another have mostly the same. */
static int load_own(struct plan *p, int64_t version_key, struct err *e)
{
    if (p->own != NULL && p->own_key == version_key) {
        return 0;
    }
    dag_unref(p->own);
    p->own = NULL;
    p->own_key = version_key;
    return p->load(p->store, version_key, &p->own, e);
}

int plan_next(struct plan *p, const struct plan_run **ret, struct err *e)
{
    while (p->at < p->keys_len) {
        const struct store_ops *ops = p->store->ops;
        int64_t key = p->keys[p->at++].run_key;
        int rc;

        arena_fini(&p->run_arena);
        arena_init(&p->run_arena, (size_t)2 << 30);
        rc = ops->get_run(p->store, key, &p->run_arena, &p->run, e);
        if (rc == -ERR_NOTFOUND) {
            continue; /* cleaned meanwhile */
        }
        rc = rc == 0 ? load_own(p, p->run.version_key, e) : rc;
        rc = rc == 0 ? ops->get_tis(p->store, key, 0, &p->run_arena, &p->tis, &p->tis_len, e) : rc;
        rc = rc == 0 ? plan_make_run(p, e) : rc;
        if (rc != 0) {
            return rc;
        }
        if (p->out.tis_len > 0 || p->out.fresh_len > 0 || p->out.refused != NULL) {
            *ret = &p->out;
            return 1;
        }
    }
    return 0;
}

int plan_command(struct plan *p, const struct plan_run *r, const char *key, const char *actor,
                 struct engine_command *ret, struct err *e)
{
    size_t n = r->tis_len;
    uint32_t *tasks = arena_array(&p->run_arena, n + 1, sizeof *tasks);
    int32_t *maps = arena_array(&p->run_arena, n + 1, sizeof *maps);
    const char *own = key != NULL
                          ? arena_printf(&p->run_arena, "%s/%lld", key, (long long)r->run->run_key)
                          : NULL;

    if (tasks == NULL || maps == NULL || (key != NULL && own == NULL)) {
        return err_set(e, ERR_NOMEM, "out of memory for a command");
    }
    for (size_t i = 0; i < n; i++) {
        tasks[i] = r->tis[i].task;
        maps[i] = r->tis[i].map_index;
    }
    *ret = (struct engine_command){.op = p->q.op,
                                   .key = own,
                                   .actor = actor,
                                   .run_key = r->run->run_key,
                                   .tasks = tasks,
                                   .tasks_len = n,
                                   .map_indexes = maps,
                                   .version_key = r->version_key,
                                   .move = r->moves,
                                   .state = p->q.state};
    return 0;
}
