/* Backfills and their dates, found by key. A query looks through all of them: this driver holds little. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/mem/priv.h"

/* ---- written ---- */

int mem_put_backfills(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->backfills_len; i++) {
        struct dag_row probe = {.dag_key = b->backfills[i].dag_key};

        rc = mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0) != NULL
                 ? mem_put(m, KIND_BACKFILL, &b->backfills[i], e)
                 : err_set(e, ERR_INVALID, "backfill %lld: there is no DAG %lld",
                           (long long)b->backfills[i].backfill_key, (long long)probe.dag_key);
    }
    for (size_t i = 0; rc == 0 && i < b->backfill_runs_len; i++) {
        rc = mem_put(m, KIND_BACKFILL_RUN, &b->backfill_runs[i], e);
    }
    return rc;
}

/* ---- read ---- */

struct picked {
    const void **rows;
    size_t len, cap;
    int rc;
};

static void picked_fini(struct picked *p)
{
    mem_free(p->rows);
}
#define PICKED_CLEANUP __attribute__((cleanup(picked_fini)))

static void pick(struct picked *p, const void *row)
{
    if (p->rc == 0) {
        p->rc = VEC_PUSH(p->rows, p->len, p->cap, row);
    }
}

/* The rows in the arena, from the first to the limit. */
static int give(struct picked *p, enum kind kind, int (*compare)(const void *, const void *),
                size_t limit, struct arena *a, void **ret, size_t *ret_len, struct err *e)
{
    size_t n = limit != 0 && limit < p->len ? limit : p->len;
    char *out = NULL;
    int rc = p->rc;

    if (rc == 0 && n > 0) {
        qsort(p->rows, p->len, sizeof *p->rows, compare);
        out = arena_array(a, n, row_size(kind));
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = row_copy(kind, p->rows[i], a, out + i * row_size(kind));
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

/* for each row of a kind */
#define EACH(m, kind, x)                                        \
    for (size_t i_ = 0; i_ < (m)->keys[kind].buckets_len; i_++) \
        for (const struct node *(x) = (m)->keys[kind].buckets[i_]; (x) != NULL; (x) = (x)->chain[0])

static int newest_first(const void *x, const void *y)
{
    const struct backfill_row *a = *(const struct backfill_row *const *)x,
                              *b = *(const struct backfill_row *const *)y;

    return (a->backfill_key < b->backfill_key) - (a->backfill_key > b->backfill_key);
}

static int by_ordinal(const void *x, const void *y)
{
    const struct backfill_run_row *a = *(const struct backfill_run_row *const *)x,
                                  *b = *(const struct backfill_run_row *const *)y;

    return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

int mem_get_backfills(struct store *s, int64_t dag_key, bool active, size_t limit, struct arena *a,
                      struct backfill_row **ret, size_t *ret_len, struct err *e)
{
    PICKED_CLEANUP struct picked p = {0};

    EACH(mem_store(s), KIND_BACKFILL, n)
    {
        const struct backfill_row *r = node_row(n);

        if ((dag_key == 0 || r->dag_key == dag_key) && (!active || r->completed_us == TIME_NONE)) {
            pick(&p, r);
        }
    }
    return give(&p, KIND_BACKFILL, newest_first, limit, a, (void **)ret, ret_len, e);
}

int mem_get_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                     struct backfill_row *ret, struct err *e)
{
    struct backfill_row probe = {.backfill_key = backfill_key};
    const struct node *n =
        mem_table_find(&mem_store(s)->keys[KIND_BACKFILL], KIND_BACKFILL, &probe, 0);

    if (n == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no backfill %lld", (long long)backfill_key);
    }
    return row_copy(KIND_BACKFILL, node_row(n), a, ret) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "store: out of memory");
}

int mem_get_backfill_runs(struct store *s, int64_t backfill_key, bool planned, uint32_t from,
                          size_t limit, struct arena *a, struct backfill_run_row **ret,
                          size_t *ret_len, struct err *e)
{
    PICKED_CLEANUP struct picked p = {0};

    EACH(mem_store(s), KIND_BACKFILL_RUN, n)
    {
        const struct backfill_run_row *r = node_row(n);

        if (r->backfill_key == backfill_key && r->ordinal >= from &&
            (!planned || r->outcome == BACKFILL_PLANNED)) {
            pick(&p, r);
        }
    }
    return give(&p, KIND_BACKFILL_RUN, by_ordinal, limit, a, (void **)ret, ret_len, e);
}

static int state_of(struct mem_store *m, const struct backfill_run_row *r)
{
    struct run_row probe = {.run_key = r->run_key};
    const struct node *n = r->outcome == BACKFILL_CREATED || r->outcome == BACKFILL_CLEARED
                               ? mem_table_find(&m->keys[KIND_RUN], KIND_RUN, &probe, 0)
                               : NULL;

    return n != NULL ? ((const struct run_row *)node_row(n))->state : -1;
}

int mem_count_backfill(struct store *s, int64_t backfill_key, struct arena *a,
                       struct backfill_count **ret, size_t *ret_len, struct err *e)
{
    uint32_t counts[BACKFILL_OUTCOME_MAX_][RUN_STATE_MAX_ + 1] = {{0}};
    struct mem_store *m = mem_store(s);
    struct backfill_count *out =
        arena_array(a, BACKFILL_OUTCOME_MAX_ * (RUN_STATE_MAX_ + 1), sizeof *out);
    size_t n = 0;

    if (out == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    EACH(m, KIND_BACKFILL_RUN, node)
    {
        const struct backfill_run_row *r = node_row(node);

        if (r->backfill_key == backfill_key) {
            counts[r->outcome][state_of(m, r) + 1]++;
        }
    }
    for (int o = 0; o < BACKFILL_OUTCOME_MAX_; o++) {
        for (int st = -1; st < RUN_STATE_MAX_; st++) {
            if (counts[o][st + 1] > 0) {
                out[n++] = (struct backfill_count){(uint8_t)o, (int8_t)st, counts[o][st + 1]};
            }
        }
    }
    *ret = n > 0 ? out : NULL;
    *ret_len = n;
    return 0;
}

int mem_find_run_by_date(struct store *s, int64_t dag_key, int64_t logical_us, struct arena *a,
                         struct run_row *ret, struct err *e)
{
    struct owner *dag = owners_find(&mem_store(s)->dags, dag_key);
    const struct run_row *best = NULL;

    for (const struct node *n = dag != NULL ? dag->lists[KIND_RUN].first : NULL; n != NULL;
         n = n->next) {
        const struct run_row *r = node_row(n);

        if (r->logical_date_us == logical_us && (best == NULL || r->run_key > best->run_key)) {
            best = r;
        }
    }
    if (best == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no run of this date");
    }
    return row_copy(KIND_RUN, best, a, ret) == 0 ? 0
                                                 : err_set(e, ERR_NOMEM, "store: out of memory");
}

/* ---- deleted ---- */

bool mem_has_active_backfill(const struct mem_store *m, int64_t dag_key)
{
    EACH(m, KIND_BACKFILL, n)
    {
        const struct backfill_row *r = node_row(n);

        if (r->dag_key == dag_key && r->completed_us == TIME_NONE) {
            return true;
        }
    }
    return false;
}

static void drop_dates(struct mem_store *m, int64_t backfill_key, uint32_t dates)
{
    for (uint32_t i = 1; i <= dates; i++) {
        struct backfill_run_row probe = {.backfill_key = backfill_key, .ordinal = i};
        struct node *n = mem_table_find(&m->keys[KIND_BACKFILL_RUN], KIND_BACKFILL_RUN, &probe, 0);

        if (n != NULL) {
            mem_drop(m, n);
        }
    }
}

void mem_drop_backfills(struct mem_store *m, int64_t dag_key)
{
    struct table *t = &m->keys[KIND_BACKFILL];

    for (size_t i = 0; i < t->buckets_len; i++) {
        struct node *next;

        for (struct node *n = t->buckets[i]; n != NULL; n = next) {
            const struct backfill_row *r = node_row(n);

            next = n->chain[0];
            if (r->dag_key == dag_key) {
                drop_dates(m, r->backfill_key, r->dates);
                mem_drop(m, n);
            }
        }
    }
}

static bool has_runs(const struct mem_store *m, int64_t backfill_key)
{
    EACH(m, KIND_BACKFILL_RUN, n)
    {
        const struct backfill_run_row *x = node_row(n);
        struct run_row probe = {.run_key = x->run_key};

        if (x->backfill_key == backfill_key &&
            mem_table_find(&m->keys[KIND_RUN], KIND_RUN, &probe, 0) != NULL) {
            return true;
        }
    }
    return false;
}

static struct node *first_run_of(const struct mem_store *m, int64_t backfill_key)
{
    const struct node *first = NULL;

    EACH(m, KIND_BACKFILL_RUN, n)
    {
        const struct backfill_run_row *x = node_row(n);

        if (x->backfill_key == backfill_key &&
            (first == NULL ||
             x->ordinal < ((const struct backfill_run_row *)node_row(first))->ordinal)) {
            first = n;
        }
    }
    return (struct node *)first;
}

size_t mem_prune_backfills(struct mem_store *m, int64_t before_us, size_t limit)
{
    const struct node *old = NULL;
    struct node *run;
    int64_t key;
    size_t done = 0;

    EACH(m, KIND_BACKFILL, n)
    {
        const struct backfill_row *b = node_row(n);

        if (b->completed_us != TIME_NONE && b->completed_us < before_us &&
            (old == NULL ||
             b->backfill_key < ((const struct backfill_row *)node_row(old))->backfill_key) &&
            !has_runs(m, b->backfill_key)) {
            old = n;
        }
    }
    if (old == NULL) {
        return 0;
    }
    key = ((const struct backfill_row *)node_row(old))->backfill_key;
    while (done < limit && (run = first_run_of(m, key)) != NULL) {
        mem_drop(m, run);
        done++;
    }
    if (done < limit) {
        mem_drop(m, (struct node *)old);
        done++;
    }
    return done;
}
