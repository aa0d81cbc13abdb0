/* Queries in memory: the rows that match are gathered, sorted, cut to the limit, and copied into
 * the caller's arena. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/mem/found.h"
#include "store/mem/priv.h"

/* Not of a task that the run's version has no more (moves.c). */
static bool is_listed(uint32_t task)
{
    return task >> 30 != 1;
}

/* Rows into the arena, in order. */
int ms_give(struct found *f, enum kind kind, compare_fn *compare, size_t limit, struct arena *a,
            void **ret, size_t *ret_len, struct err *e)
{
    size_t n = limit != 0 && limit < f->len ? limit : f->len;
    char *out = NULL;
    int rc = f->rc;

    if (rc == 0 && f->len > 1 && compare != NULL) {
        qsort(f->rows, f->len, sizeof *f->rows, compare);
    }
    if (rc == 0 && n > 0) {
        out = arena_array(a, n, row_size(kind));
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = row_copy(kind, f->rows[i], a, out + i * row_size(kind));
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

static int give_one(const struct node *n, struct arena *a, void *to, struct err *e)
{
    if (row_copy(n->kind, node_row(n), a, to) != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    return 0;
}

static int three_way(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_key(const struct ti_key *a, const struct ti_key *b)
{
    int c = three_way(a->task, b->task);

    return c != 0 ? c : three_way(a->map_index, b->map_index);
}

static int by_ti(const void *x, const void *y)
{
    return by_key(&(*(const struct ti_row *const *)x)->key,
                  &(*(const struct ti_row *const *)y)->key);
}

static int by_attempt(const void *x, const void *y)
{
    const struct attempt_row *a = *(const struct attempt_row *const *)x,
                             *b = *(const struct attempt_row *const *)y;
    int c = by_key(&a->key, &b->key);

    return c != 0 ? c : three_way(a->try_number, b->try_number);
}

static int by_dag_id(const void *x, const void *y)
{
    return strcmp((*(const struct dag_row *const *)x)->dag_id,
                  (*(const struct dag_row *const *)y)->dag_id);
}

static int by_pool(const void *x, const void *y)
{
    return strcmp((*(const struct pool_row *const *)x)->name,
                  (*(const struct pool_row *const *)y)->name);
}

static int newer(const struct run_row *a, const struct run_row *b)
{
    int c = three_way(b->run_after_us, a->run_after_us);

    return c != 0 ? c : three_way(b->run_key, a->run_key);
}

static int by_newest(const void *x, const void *y)
{
    return newer(*(const struct run_row *const *)x, *(const struct run_row *const *)y);
}

static int by_end(const void *x, const void *y)
{
    const struct run_row *a = *(const struct run_row *const *)x,
                         *b = *(const struct run_row *const *)y;
    int c = three_way(a->end_us, b->end_us);

    return c != 0 ? c : three_way(a->run_key, b->run_key);
}

static bool is_key(const struct ti_key *a, const struct ti_key *b)
{
    return a->run_key == b->run_key && a->task == b->task && a->map_index == b->map_index;
}

void ms_all_of(const struct table *t, struct found *f)
{
    for (size_t i = 0; i < t->buckets_len; i++) {
        for (const struct node *n = t->buckets[i]; n != NULL; n = n->chain[0]) {
            found_add(f, node_row(n));
        }
    }
}

static const struct node *first_of_run(struct mem_store *m, int64_t run_key, enum kind kind)
{
    struct owner *o = owners_find(&m->runs, run_key);

    return o != NULL ? o->lists[kind].first : NULL;
}

/* ---- DAGs, versions, runs ---- */

int mem_get_dags(struct store *s, struct arena *a, struct dag_row **ret, size_t *ret_len,
                 struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    ms_all_of(&mem_store(s)->keys[KIND_DAG], &f);
    return ms_give(&f, KIND_DAG, by_dag_id, 0, a, (void **)ret, ret_len, e);
}

int mem_find_dag(struct store *s, const char *dag_id, struct arena *a, struct dag_row *ret,
                 struct err *e)
{
    struct dag_row probe = {.dag_id = dag_id};
    struct node *n = mem_table_find(&mem_store(s)->names[KIND_DAG], KIND_DAG, &probe, 1);

    return n != NULL ? give_one(n, a, ret, e)
                     : err_set(e, ERR_NOTFOUND, "there is no DAG %s", dag_id);
}

int mem_get_version(struct store *s, int64_t version_key, struct arena *a, struct version_row *ret,
                    struct err *e)
{
    struct version_row probe = {.version_key = version_key};
    struct node *n = mem_table_find(&mem_store(s)->keys[KIND_VERSION], KIND_VERSION, &probe, 0);

    return n != NULL
               ? give_one(n, a, ret, e)
               : err_set(e, ERR_NOTFOUND, "there is no DAG version %lld", (long long)version_key);
}

static int by_version(const void *x, const void *y)
{
    return three_way((*(const struct version_row *const *)x)->version_key,
                     (*(const struct version_row *const *)y)->version_key);
}

int mem_get_versions(struct store *s, int64_t after_key, size_t limit, struct arena *a,
                     struct version_row **ret, size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    size_t n = 0;

    ms_all_of(&mem_store(s)->keys[KIND_VERSION], &f);
    for (size_t i = 0; i < f.len; i++) {
        if (((const struct version_row *)f.rows[i])->version_key > after_key) {
            f.rows[n++] = f.rows[i];
        }
    }
    f.len = n;
    return ms_give(&f, KIND_VERSION, by_version, limit, a, (void **)ret, ret_len, e);
}

int mem_find_version(struct store *s, int64_t dag_key, const char *hash, int64_t *ret_version_key,
                     struct err *e)
{
    struct version_row probe = {.dag_key = dag_key, .hash = hash};
    struct node *n = mem_table_find(&mem_store(s)->names[KIND_VERSION], KIND_VERSION, &probe, 1);

    if (n == NULL) {
        return err_set(e, ERR_NOTFOUND, "DAG %lld has no version %s", (long long)dag_key, hash);
    }
    *ret_version_key = ((struct version_row *)node_row(n))->version_key;
    return 0;
}

static const struct run_row *find_run(struct mem_store *m, int64_t run_key)
{
    struct run_row probe = {.run_key = run_key};
    struct node *n = mem_table_find(&m->keys[KIND_RUN], KIND_RUN, &probe, 0);

    return n != NULL ? node_row(n) : NULL;
}

void ms_runs_of(struct mem_store *m, int64_t dag_key, struct found *f)
{
    struct owner *dag = dag_key != 0 ? owners_find(&m->dags, dag_key) : NULL;

    if (dag_key == 0) {
        ms_all_of(&m->keys[KIND_RUN], f);
    }
    for (const struct node *n = dag != NULL ? dag->lists[KIND_RUN].first : NULL; n != NULL;
         n = n->next) {
        found_add(f, node_row(n));
    }
}

int mem_get_runs(struct store *s, int64_t dag_key, unsigned states, int64_t after_key, size_t limit,
                 struct arena *a, struct run_row **ret, size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    const struct run_row *after = after_key != 0 ? find_run(mem_store(s), after_key) : NULL;
    size_t kept = 0;

    if (after_key != 0 && after == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no run %lld", (long long)after_key);
    }
    ms_runs_of(mem_store(s), dag_key, &f);
    for (size_t i = 0; i < f.len; i++) {
        const struct run_row *r = f.rows[i];

        if ((states == 0 || (states >> r->state & 1) != 0) &&
            (after == NULL || newer(after, r) < 0)) {
            f.rows[kept++] = r;
        }
    }
    f.len = kept;
    return ms_give(&f, KIND_RUN, by_newest, limit, a, (void **)ret, ret_len, e);
}

int mem_get_run(struct store *s, int64_t run_key, struct arena *a, struct run_row *ret,
                struct err *e)
{
    struct run_row probe = {.run_key = run_key};
    struct node *n = mem_table_find(&mem_store(s)->keys[KIND_RUN], KIND_RUN, &probe, 0);

    return n != NULL ? give_one(n, a, ret, e)
                     : err_set(e, ERR_NOTFOUND, "there is no run %lld", (long long)run_key);
}

int mem_find_run(struct store *s, int64_t dag_key, const char *run_id, struct arena *a,
                 struct run_row *ret, struct err *e)
{
    struct run_row probe = {.dag_key = dag_key, .run_id = run_id};
    struct node *n = mem_table_find(&mem_store(s)->names[KIND_RUN], KIND_RUN, &probe, 1);

    return n != NULL ? give_one(n, a, ret, e)
                     : err_set(e, ERR_NOTFOUND, "there is no run %s", run_id);
}

int mem_previous_run(struct store *s, int64_t run_key, bool any_type, struct arena *a,
                     struct run_row *ret, struct err *e)
{
    struct mem_store *m = mem_store(s);
    const struct run_row *run = find_run(m, run_key);
    struct owner *dag = run != NULL ? owners_find(&m->dags, run->dag_key) : NULL;
    const struct node *best = NULL;
    const struct run_row *b = NULL;

    if (run == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no run %lld", (long long)run_key);
    }
    for (const struct node *n = dag != NULL ? dag->lists[KIND_RUN].first : NULL; n != NULL;
         n = n->next) {
        const struct run_row *r = node_row(n);
        bool type = any_type || r->type == RUN_TYPE_SCHEDULED || r->type == RUN_TYPE_BACKFILL ||
                    r->backfill_key != 0;

        if (!type || r->logical_date_us == TIME_NONE ||
            r->logical_date_us >= run->logical_date_us) {
            continue;
        }
        if (b == NULL || r->logical_date_us > b->logical_date_us ||
            (r->logical_date_us == b->logical_date_us && r->run_key > b->run_key)) {
            best = n;
            b = r;
        }
    }
    return best != NULL
               ? give_one(best, a, ret, e)
               : err_set(e, ERR_NOTFOUND, "run %lld has no previous run", (long long)run_key);
}

int mem_last_scheduled_run(struct store *s, int64_t dag_key, struct arena *a, struct run_row *ret,
                           struct err *e)
{
    struct owner *dag = owners_find(&mem_store(s)->dags, dag_key);
    const struct node *best = NULL;

    for (const struct node *n = dag != NULL ? dag->lists[KIND_RUN].first : NULL; n != NULL;
         n = n->next) {
        const struct run_row *r = node_row(n);

        if (r->type == RUN_TYPE_SCHEDULED && (best == NULL || newer(r, node_row(best)) < 0)) {
            best = n;
        }
    }
    return best != NULL
               ? give_one(best, a, ret, e)
               : err_set(e, ERR_NOTFOUND, "DAG %lld has no scheduled run", (long long)dag_key);
}

/* ---- what hangs on runs ---- */

int mem_get_tis(struct store *s, int64_t run_key, unsigned states, struct arena *a,
                struct ti_row **ret, size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    for (const struct node *n = first_of_run(mem_store(s), run_key, KIND_TI); n != NULL;
         n = n->next) {
        const struct ti_row *r = node_row(n);

        if (is_listed(r->key.task) && (states == 0 || (states >> r->state & 1) != 0)) {
            found_add(&f, r);
        }
    }
    return ms_give(&f, KIND_TI, by_ti, 0, a, (void **)ret, ret_len, e);
}

int mem_get_tries(struct store *s, const struct ti_key *key, struct arena *a, struct ti_row **ret,
                  size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    for (const struct node *n = first_of_run(mem_store(s), key->run_key, KIND_TRY); n != NULL;
         n = n->next) {
        if (is_key(&((const struct ti_row *)node_row(n))->key, key)) {
            found_add(&f, node_row(n));
        }
    }
    return ms_give(&f, KIND_TRY, NULL, 0, a, (void **)ret, ret_len, e);
}

int mem_get_attempts(struct store *s, int64_t run_key, struct arena *a, struct attempt_row **ret,
                     size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    for (const struct node *n = first_of_run(mem_store(s), run_key, KIND_ATTEMPT); n != NULL;
         n = n->next) {
        if (is_listed(((const struct attempt_row *)node_row(n))->key.task)) {
            found_add(&f, node_row(n));
        }
    }
    return ms_give(&f, KIND_ATTEMPT, by_attempt, 0, a, (void **)ret, ret_len, e);
}

int mem_get_transitions(struct store *s, int64_t run_key, const struct ti_key *key, size_t limit,
                        struct arena *a, struct transition_row **ret, size_t *ret_len,
                        struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    for (const struct node *n = first_of_run(mem_store(s), run_key, KIND_TRANSITION); n != NULL;
         n = n->next) {
        const struct transition_row *r = node_row(n);

        if ((key == NULL && is_listed(r->key.task)) ||
            (key != NULL && r->key.task == key->task && r->key.map_index == key->map_index)) {
            found_add(&f, r);
        }
        if (limit != 0 && f.len == limit) {
            break;
        }
    }
    return ms_give(&f, KIND_TRANSITION, NULL, limit, a, (void **)ret, ret_len, e);
}

int mem_get_xcom(struct store *s, const struct ti_key *key, const char *name, struct arena *a,
                 struct xcom_row *ret, struct err *e)
{
    struct xcom_row probe = {.key = *key, .name = name};
    struct node *n = mem_table_find(&mem_store(s)->keys[KIND_XCOM], KIND_XCOM, &probe, 0);

    return n != NULL ? give_one(n, a, ret, e)
                     : err_set(e, ERR_NOTFOUND, "there is no XCom %s", name);
}

static int by_xcom(const void *x, const void *y)
{
    return by_key(&(*(const struct xcom_row *const *)x)->key,
                  &(*(const struct xcom_row *const *)y)->key);
}

int mem_get_map_xcoms(struct store *s, const struct ti_key *from, const char *name, size_t limit,
                      struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e)
{
    int32_t first = from->map_index < 0 ? 0 : from->map_index;
    FOUND_CLEANUP struct found f = {0};

    for (const struct node *n = first_of_run(mem_store(s), from->run_key, KIND_XCOM); n != NULL;
         n = n->next) {
        const struct xcom_row *r = node_row(n);

        if (r->key.task == from->task && r->key.map_index >= first && strcmp(r->name, name) == 0) {
            found_add(&f, r);
        }
    }
    return ms_give(&f, KIND_XCOM, by_xcom, limit, a, (void **)ret, ret_len, e);
}

int mem_get_rendered(struct store *s, const struct ti_key *key, struct arena *a,
                     const char **ret_json, struct err *e)
{
    struct rendered_row probe = {.key = *key}, row;
    struct node *n = mem_table_find(&mem_store(s)->keys[KIND_RENDERED], KIND_RENDERED, &probe, 0);
    int rc = n != NULL ? give_one(n, a, &row, e)
                       : err_set(e, ERR_NOTFOUND, "nothing rendered is kept of this instance");

    if (rc == 0) {
        *ret_json = row.json;
    }
    return rc;
}

int mem_find_command(struct store *s, const char *key, struct arena *a, const char **ret_result,
                     struct err *e)
{
    struct command_row probe = {.key = key}, row;
    struct node *n = mem_table_find(&mem_store(s)->keys[KIND_COMMAND], KIND_COMMAND, &probe, 0);
    int rc = n != NULL ? give_one(n, a, &row, e)
                       : err_set(e, ERR_NOTFOUND, "no command %s was applied", key);

    if (rc == 0) {
        *ret_result = row.result;
    }
    return rc;
}

int mem_get_pools(struct store *s, struct arena *a, struct pool_row **ret, size_t *ret_len,
                  struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    ms_all_of(&mem_store(s)->keys[KIND_POOL], &f);
    return ms_give(&f, KIND_POOL, by_pool, 0, a, (void **)ret, ret_len, e);
}

static int by_xcom_name(const void *x, const void *y)
{
    return strcmp((*(const struct xcom_row *const *)x)->name,
                  (*(const struct xcom_row *const *)y)->name);
}

int mem_get_xcoms(struct store *s, const struct ti_key *key, struct arena *a, struct xcom_row **ret,
                  size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    int rc;

    for (const struct node *n = first_of_run(mem_store(s), key->run_key, KIND_XCOM); n != NULL;
         n = n->next) {
        const struct xcom_row *r = node_row(n);

        if (by_key(&r->key, key) == 0) {
            found_add(&f, r);
        }
    }
    rc = ms_give(&f, KIND_XCOM, by_xcom_name, 0, a, (void **)ret, ret_len, e);
    for (size_t i = 0; rc == 0 && i < *ret_len; i++) {
        (*ret)[i].value = NULL;
    }
    return rc;
}

/* ---- durations ---- */

struct sum {
    double us;
    int64_t n;
};

static int add_durations(struct mem_store *m, int64_t run_key, struct sum **sums, size_t *len)
{
    for (const struct node *n = first_of_run(m, run_key, KIND_TI); n != NULL; n = n->next) {
        const struct ti_row *r = node_row(n);

        if (r->state != TASK_SUCCESS || r->start_us == TIME_NONE || r->end_us == TIME_NONE) {
            continue;
        }
        if (r->key.task >= *len) {
            size_t need = (size_t)r->key.task + 1;
            struct sum *p = mem_realloc(*sums, need * sizeof *p);

            if (p == NULL) {
                return -ERR_NOMEM;
            }
            memset(p + *len, 0, (need - *len) * sizeof *p);
            *sums = p;
            *len = need;
        }
        (*sums)[r->key.task].us += (double)(r->end_us - r->start_us);
        (*sums)[r->key.task].n++;
    }
    return 0;
}

int mem_get_durations(struct store *s, int64_t version_key, size_t runs, struct arena *a,
                      int64_t **ret_us_by_task, size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    MEM_CLEANUP struct sum *sums = NULL;
    struct version_row probe = {.version_key = version_key};
    struct node *version =
        mem_table_find(&mem_store(s)->keys[KIND_VERSION], KIND_VERSION, &probe, 0);
    int64_t *out = NULL;
    size_t len = 0, used = 0;
    int rc;

    if (version != NULL) {
        ms_runs_of(mem_store(s), ((struct version_row *)node_row(version))->dag_key, &f);
    }
    rc = f.rc;
    if (rc == 0 && f.len > 1) {
        qsort(f.rows, f.len, sizeof *f.rows, by_newest);
    }
    for (size_t i = 0; i < f.len && rc == 0 && (runs == 0 || used < runs); i++) {
        const struct run_row *r = f.rows[i];

        if (r->version_key == version_key && run_state_finished(r->state)) {
            used++;
            rc = add_durations(mem_store(s), r->run_key, &sums, &len);
        }
    }
    if (rc == 0 && len > 0) {
        out = arena_array(a, len, sizeof *out);
        rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = sums[i].n > 0 ? (int64_t)(sums[i].us / (double)sums[i].n) : -1;
    }
    *ret_us_by_task = out;
    *ret_len = len;
    return 0;
}

/* ---- cleaning ---- */

/* Notes for each DAG its newest run that was not started by hand: that one stays. */
static void note_newest(struct mem_store *m, const struct found *f)
{
    for (size_t i = 0; i < f->len; i++) {
        owners_find(&m->dags, ((const struct run_row *)f->rows[i])->dag_key)->newest = NULL;
    }
    for (size_t i = 0; i < f->len; i++) {
        const struct run_row *r = f->rows[i];
        struct owner *dag = owners_find(&m->dags, r->dag_key);

        if (r->type != RUN_TYPE_MANUAL && (dag->newest == NULL || newer(r, dag->newest) < 0)) {
            dag->newest = r;
        }
    }
}

static void drop_run(struct mem_store *m, int64_t run_key)
{
    struct run_row probe = {.run_key = run_key};
    struct owner *owner = owners_find(&m->runs, run_key);

    for (int k = 0; owner != NULL && k < KIND_MAX_; k++) {
        while (owner->lists[k].first != NULL) {
            mem_drop(m, owner->lists[k].first);
        }
    }
    if (owner != NULL) {
        owners_remove(&m->runs, owner);
    }
    mem_drop(m, mem_table_find(&m->keys[KIND_RUN], KIND_RUN, &probe, 0));
}

/* The finished runs that ended before a time, oldest end first; but for the newest of each DAG. */
static void old_runs(struct mem_store *m, int64_t before_us, struct found *f)
{
    size_t n = 0;

    ms_all_of(&m->keys[KIND_RUN], f);
    if (f->rc != 0) {
        return;
    }
    note_newest(m, f);
    for (size_t i = 0; i < f->len; i++) {
        const struct run_row *r = f->rows[i];

        if (run_state_finished(r->state) && r->end_us != TIME_NONE && r->end_us < before_us &&
            owners_find(&m->dags, r->dag_key)->newest != r) {
            f->rows[n++] = r;
        }
    }
    f->len = n;
    if (n > 1) {
        qsort(f->rows, n, sizeof *f->rows, by_end);
    }
}

int mem_get_ended_runs(struct store *s, int64_t after_us, int64_t after_key, int64_t before_us,
                       size_t limit, struct arena *a, struct run_name **ret, size_t *ret_len,
                       struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    struct mem_store *m = mem_store(s);
    struct run_name *out = NULL;
    size_t n = 0;

    ms_all_of(&m->keys[KIND_RUN], &f);
    for (size_t i = 0; i < f.len; i++) {
        const struct run_row *r = f.rows[i];
        int c = three_way(r->end_us, after_us);

        if (run_state_finished(r->state) && r->end_us != TIME_NONE && r->end_us < before_us &&
            (c > 0 || (c == 0 && r->run_key > after_key))) {
            f.rows[n++] = r;
        }
    }
    if (n > 1) {
        qsort(f.rows, n, sizeof *f.rows, by_end);
    }
    n = limit != 0 && limit < n ? limit : n;
    if (f.rc == 0 && n > 0) {
        out = arena_array(a, n, sizeof *out);
        f.rc = out != NULL ? 0 : -ERR_NOMEM;
    }
    for (size_t i = 0; f.rc == 0 && i < n; i++) {
        const struct run_row *r = f.rows[i];
        struct dag_row probe = {.dag_key = r->dag_key};
        const struct dag_row *dag =
            node_row(mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0));
        struct run_name name = {r->run_key, dag->dag_id, r->run_id, r->end_us};

        f.rc = row_copy(KIND_GARBAGE, &name, a, &out[i]);
    }
    if (f.rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

int mem_count_old_runs(struct store *s, int64_t before_us, int64_t *ret, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    old_runs(mem_store(s), before_us, &f);
    *ret = (int64_t)f.len;
    return f.rc == 0 ? 0 : err_set(e, ERR_NOMEM, "store: out of memory");
}

/* Deletes a run, which becomes garbage. */
static int take_run(struct mem_store *m, const struct run_row *run)
{
    int rc = mem_note_garbage(m, run);

    if (rc == 0) {
        drop_run(m, run->run_key);
    }
    return rc;
}

int mem_clean(struct store *s, int64_t before_us, size_t limit, int64_t *ret_runs, bool *ret_more,
              struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    struct mem_store *m = mem_store(s);
    size_t n;

    m->changes++;
    old_runs(m, before_us, &f);
    n = limit != 0 && limit < f.len ? limit : f.len;
    for (size_t i = 0; i < n && f.rc == 0; i++) {
        f.rc = take_run(m, f.rows[i]);
    }
    if (f.rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret_runs = (int64_t)n;
    *ret_more = n != 0;
    return 0;
}

int mem_delete_dag(struct store *s, int64_t dag_key, int64_t *ret_runs, struct err *e)
{
    FOUND_CLEANUP struct found runs = {0};
    FOUND_CLEANUP struct found versions = {0};
    struct mem_store *m = mem_store(s);
    struct dag_row probe = {.dag_key = dag_key};
    struct node *dag = mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0);
    size_t n = 0;

    m->changes++;
    ms_all_of(&m->keys[KIND_RUN], &runs);
    ms_all_of(&m->keys[KIND_VERSION], &versions);
    if (runs.rc != 0 || versions.rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (dag == NULL) {
        return err_set(e, ERR_NOTFOUND, "store: there is no such DAG");
    }
    for (size_t i = 0; i < runs.len; i++) {
        const struct run_row *r = runs.rows[i];

        if (r->dag_key == dag_key && !run_state_finished(r->state)) {
            return err_set(e, ERR_CONFLICT, "a run of the DAG is not finished");
        }
        if (r->dag_key == dag_key) {
            runs.rows[n++] = r;
        }
    }
    if (mem_has_active_backfill(m, dag_key)) {
        return err_set(e, ERR_CONFLICT, "a backfill of the DAG is not finished");
    }
    for (size_t i = 0; i < n; i++) {
        if (take_run(m, runs.rows[i]) != 0) {
            return err_set(e, ERR_NOMEM, "store: out of memory");
        }
    }
    mem_drop_backfills(m, dag_key);
    for (size_t i = 0; i < versions.len; i++) {
        const struct version_row *v = versions.rows[i];

        if (v->dag_key == dag_key) {
            struct version_row key = {.version_key = v->version_key};

            mem_drop(m, mem_table_find(&m->keys[KIND_VERSION], KIND_VERSION, &key, 0));
        }
    }
    mem_forget_parsed(m, ((const struct dag_row *)node_row(dag))->dag_id);
    mem_drop_consumer(m, dag_key);
    mem_drop(m, dag);
    *ret_runs = (int64_t)n;
    return 0;
}
