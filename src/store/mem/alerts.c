/* Alerts, deadlines of runs, and how long runs and tasks took, in memory. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/states.h"
#include "store/mem/priv.h"

struct rows { /* pointers to rows that fit */
    const void **p;
    size_t len, cap;
};

static void rows_fini(struct rows *r)
{
    mem_free(r->p);
}
#define ROWS_CLEANUP __attribute__((cleanup(rows_fini)))

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "store: out of memory");
}

/* ---- alerts ---- */

static int by_alert(const void *x, const void *y)
{
    const struct alert_row *a = *(const struct alert_row *const *)x,
                           *b = *(const struct alert_row *const *)y;

    return (a->alert_key > b->alert_key) - (a->alert_key < b->alert_key);
}

static int by_newest_alert(const void *x, const void *y)
{
    return by_alert(y, x);
}

static bool alert_fits(const struct alert_row *r, const struct alert_query *q)
{
    return (q->states == 0 || (q->states >> r->state & 1) != 0) &&
           (q->channel == NULL || strcmp(q->channel, r->channel) == 0) &&
           (q->above_key == 0 || r->alert_key > q->above_key) &&
           (q->below_key == 0 || r->alert_key < q->below_key);
}

static int find_alerts(struct mem_store *m, const struct alert_query *q, struct rows *f)
{
    const struct table *t = &m->keys[KIND_ALERT];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->buckets_len; i++) {
        for (const struct node *x = t->buckets[i]; rc == 0 && x != NULL; x = x->chain[0]) {
            rc = alert_fits(node_row(x), q) ? VEC_PUSH(f->p, f->len, f->cap, node_row(x)) : 0;
        }
    }
    if (rc == 0 && f->len > 1) {
        qsort(f->p, f->len, sizeof *f->p, q->newest_first ? by_newest_alert : by_alert);
    }
    return rc;
}

int mem_get_alerts(struct store *s, const struct alert_query *q, struct arena *a,
                   struct alert_row **ret, size_t *ret_len, struct err *e)
{
    ROWS_CLEANUP struct rows f = {0};
    struct alert_row *out = NULL;
    int rc = find_alerts(mem_store(s), q, &f);
    size_t n = q->limit != 0 && q->limit < f.len ? q->limit : f.len;

    if (rc == 0 && n > 0) {
        out = arena_array(a, n, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = row_copy(KIND_ALERT, f.p[i], a, &out[i]);
    }
    if (rc != 0) {
        return no_memory(e);
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

int mem_prune_alerts(struct store *s, int64_t before_us, size_t keep, size_t limit,
                     int64_t *ret_rows, struct err *e)
{
    ROWS_CLEANUP struct rows f = {0};
    struct alert_query ended = {.states = STORE_ALERT_ENDED};
    struct mem_store *m = mem_store(s);
    size_t gone = 0;

    if (find_alerts(m, &ended, &f) != 0) {
        return no_memory(e);
    }
    for (size_t i = 0; i < f.len && (limit == 0 || gone < limit); i++) {
        const struct alert_row *r = f.p[i];

        if (r->sent_us < before_us || f.len - i > keep) {
            mem_drop(m, mem_table_find(&m->keys[KIND_ALERT], KIND_ALERT, r, 0));
            gone++;
        }
    }
    *ret_rows = (int64_t)gone;
    return 0;
}

/* ---- deadlines ---- */

static int by_deadline(const void *x, const void *y)
{
    const struct deadline_row *a = *(const struct deadline_row *const *)x,
                              *b = *(const struct deadline_row *const *)y;

    if (a->run_key != b->run_key) {
        return a->run_key < b->run_key ? -1 : 1;
    }
    return (a->n > b->n) - (a->n < b->n);
}

static int find_untold(struct mem_store *m, struct rows *f)
{
    const struct table *t = &m->keys[KIND_DEADLINE];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->buckets_len; i++) {
        for (const struct node *x = t->buckets[i]; rc == 0 && x != NULL; x = x->chain[0]) {
            const struct deadline_row *r = node_row(x);

            rc = r->missed_us != TIME_NONE && !r->told ? VEC_PUSH(f->p, f->len, f->cap, node_row(x))
                                                       : 0;
        }
    }
    return rc;
}

int mem_get_deadlines(struct store *s, int64_t run_key, struct arena *a, struct deadline_row **ret,
                      size_t *ret_len, struct err *e)
{
    ROWS_CLEANUP struct rows f = {0};
    const struct owner *owner = owners_find(&mem_store(s)->runs, run_key);
    const struct node *n = owner != NULL ? owner->lists[KIND_DEADLINE].first : NULL;
    struct deadline_row *out = NULL;
    int rc = run_key == 0 ? find_untold(mem_store(s), &f) : 0;

    for (; rc == 0 && n != NULL; n = n->next) {
        rc = VEC_PUSH(f.p, f.len, f.cap, node_row(n));
    }
    if (rc == 0 && f.len > 0) {
        qsort(f.p, f.len, sizeof *f.p, by_deadline);
        out = arena_array(a, f.len, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (size_t i = 0; rc == 0 && i < f.len; i++) {
        rc = row_copy(KIND_DEADLINE, f.p[i], a, &out[i]);
    }
    if (rc != 0) {
        return no_memory(e);
    }
    *ret = out;
    *ret_len = f.len;
    return 0;
}

/* ---- how long it took ---- */

static int by_newest_run(const void *x, const void *y)
{
    const struct run_row *a = *(const struct run_row *const *)x,
                         *b = *(const struct run_row *const *)y;

    if (a->run_after_us != b->run_after_us) {
        return a->run_after_us < b->run_after_us ? 1 : -1;
    }
    return (a->run_key < b->run_key) - (a->run_key > b->run_key);
}

static int find_runs(struct mem_store *m, int64_t dag_key, struct rows *f)
{
    const struct owner *dag = owners_find(&m->dags, dag_key);
    const struct node *n = dag != NULL ? dag->lists[KIND_RUN].first : NULL;
    int rc = 0;

    for (; rc == 0 && n != NULL; n = n->next) {
        rc = VEC_PUSH(f->p, f->len, f->cap, node_row(n));
    }
    if (rc == 0 && f->len > 1) {
        qsort(f->p, f->len, sizeof *f->p, by_newest_run);
    }
    return rc;
}

struct runtimes {
    struct runtime_row *p;
    size_t len, cap;
};

static int add_tasks(struct mem_store *m, const struct run_row *run, size_t max, struct runtimes *r)
{
    const struct owner *owner = owners_find(&m->runs, run->run_key);
    const struct node *n = owner != NULL ? owner->lists[KIND_TI].first : NULL;
    int rc = 0;

    for (; rc == 0 && n != NULL && (max == 0 || r->len < max); n = n->next) {
        const struct ti_row *t = node_row(n);
        struct runtime_row row = {run->run_key, run->version_key, t->key.task, 0};

        if (t->state == TASK_SUCCESS && t->start_us != TIME_NONE && t->end_us != TIME_NONE) {
            row.us = t->end_us - t->start_us;
            rc = VEC_PUSH(r->p, r->len, r->cap, row);
        }
    }
    return rc;
}

static int add_run(struct mem_store *m, const struct run_row *run, const struct runtime_query *q,
                   struct runtimes *r)
{
    struct runtime_row row = {run->run_key, run->version_key, UINT32_MAX, 0};

    if (q->tasks) {
        return add_tasks(m, run, q->limit, r);
    }
    row.us = run->end_us - run->start_us;
    return VEC_PUSH(r->p, r->len, r->cap, row);
}

int mem_get_runtimes(struct store *s, const struct runtime_query *q, struct arena *a,
                     struct runtime_row **ret, size_t *ret_len, struct err *e)
{
    ROWS_CLEANUP struct rows f = {0};
    struct runtimes r = {0};
    struct runtime_row *out = NULL;
    size_t used = 0;
    int rc = find_runs(mem_store(s), q->dag_key, &f);

    for (size_t i = 0; rc == 0 && i < f.len && i < STORE_RUNTIMES_LOOK && used < q->runs; i++) {
        const struct run_row *run = f.p[i];

        if ((q->states >> run->state & 1) != 0 && run->start_us != TIME_NONE &&
            run->end_us != TIME_NONE) {
            used++;
            rc = add_run(mem_store(s), run, q, &r);
        }
    }
    if (rc == 0 && r.len > 0) {
        out = arena_array(a, r.len, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    if (rc == 0 && r.len > 0) {
        memcpy(out, r.p, r.len * sizeof *out);
    }
    mem_free(r.p);
    if (rc != 0) {
        return no_memory(e);
    }
    *ret = out;
    *ret_len = r.len;
    return 0;
}
