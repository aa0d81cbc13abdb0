/* Queries that are put together: runs by what was asked for, versions of a DAG, the audit trail. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/mem/found.h"
#include "store/mem/priv.h"

static int three_way(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static bool in_range(const struct time_range *r, int64_t t)
{
    return (r->from_us == TIME_NONE && r->to_us == TIME_NONE) ||
           (t != TIME_NONE && t >= r->from_us && (r->to_us == TIME_NONE || t <= r->to_us));
}

static bool has_number(const int64_t *list, size_t n, int64_t x)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == x) {
            return true;
        }
    }
    return list == NULL;
}

static bool has_part(const char *part, const char *text)
{
    return part == NULL || (text != NULL && strstr(text, part) != NULL);
}

static bool begins(const char *prefix, const char *text)
{
    return prefix == NULL || (text != NULL && strncmp(text, prefix, strlen(prefix)) == 0);
}

static bool version_fits(struct mem_store *m, const struct run_query *q, const struct run_row *r)
{
    struct version_row probe = {.version_key = r->version_key};
    const struct node *n;
    const struct version_row *v;

    if (q->version_numbers == NULL && q->bundle_version == NULL) {
        return true;
    }
    n = mem_table_find(&m->keys[KIND_VERSION], KIND_VERSION, &probe, 0);
    v = n != NULL ? node_row(n) : NULL;
    return v != NULL && has_number(q->version_numbers, q->version_numbers_len, v->number) &&
           (q->bundle_version == NULL ||
            (v->bundle_version != NULL && strcmp(v->bundle_version, q->bundle_version) == 0));
}

static bool consumed(struct store *s, const char *part, int64_t run_key)
{
    struct asset_event_row *rows;
    struct arena a;
    size_t n = 0;
    bool found = part == NULL;

    if (found) {
        return true;
    }
    arena_init(&a, (size_t)1 << 30);
    if (mem_get_run_events(s, run_key, 0, 0, &a, &rows, &n, NULL) == 0) {
        for (size_t i = 0; i < n && !found; i++) {
            found = strstr(rows[i].name, part) != NULL || strstr(rows[i].uri, part) != NULL;
        }
    }
    arena_fini(&a);
    return found;
}

static int64_t updated_of(const struct run_row *r)
{
    return r->end_us != TIME_NONE     ? r->end_us
           : r->start_us != TIME_NONE ? r->start_us
                                      : r->queued_us;
}

static bool duration_fits(const struct run_query *q, const struct run_row *r)
{
    return !q->by_duration || (r->start_us != TIME_NONE && r->end_us != TIME_NONE &&
                               r->end_us - r->start_us >= q->duration_from_us &&
                               r->end_us - r->start_us <= q->duration_to_us);
}

static bool more_fits(struct store *s, const struct run_query *q, const struct run_row *r)
{
    return has_number(q->dag_keys, q->dag_keys_len, r->dag_key) &&
           begins(q->run_id_prefix, r->run_id) && has_part(q->conf_part, r->conf) &&
           has_part(q->partition_part, r->partition_key) &&
           begins(q->partition_prefix, r->partition_key) &&
           has_part(q->user_part, r->triggering_user) &&
           begins(q->user_prefix, r->triggering_user) &&
           (!q->by_updated || in_range(&q->updated, updated_of(r))) && duration_fits(q, r) &&
           version_fits(mem_store(s), q, r) && consumed(s, q->asset_part, r->run_key);
}

static bool fits(const struct run_query *q, const struct run_row *r)
{
    return (q->states == 0 || (q->states >> r->state & 1) != 0) &&
           (q->types == 0 || (q->types >> r->type & 1) != 0) &&
           (q->run_id_part == NULL || strstr(r->run_id, q->run_id_part) != NULL) &&
           in_range(&q->logical_date, r->logical_date_us) &&
           in_range(&q->run_after, r->run_after_us) && in_range(&q->start, r->start_us) &&
           in_range(&q->end, r->end_us);
}

static void find_runs(struct store *s, const struct run_query *q, struct found *f)
{
    size_t kept = 0;

    ms_runs_of(mem_store(s), q->dag_key, f);
    for (size_t i = 0; i < f->len; i++) {
        if (fits(q, f->rows[i]) && more_fits(s, q, f->rows[i])) {
            f->rows[kept++] = f->rows[i];
        }
    }
    f->len = kept;
}

static int by_query(const void *x, const void *y, void *arg)
{
    const struct run_row *a = *(const struct run_row *const *)x,
                         *b = *(const struct run_row *const *)y;
    const struct run_query *q = arg;
    int c = 0;

    switch (q->order) {
    case RUN_BY_RUN_AFTER:
        c = three_way(a->run_after_us, b->run_after_us);
        break;
    case RUN_BY_LOGICAL_DATE:
        c = three_way(a->logical_date_us, b->logical_date_us);
        break;
    case RUN_BY_START:
        c = three_way(a->start_us, b->start_us);
        break;
    case RUN_BY_END:
        c = three_way(a->end_us, b->end_us);
        break;
    case RUN_BY_STATE:
        c = three_way(a->state, b->state);
        break;
    case RUN_BY_RUN_ID:
        c = strcmp(a->run_id, b->run_id);
        break;
    case RUN_BY_KEY:
        break;
    }
    c = c != 0 ? c : three_way(a->run_key, b->run_key);
    return q->descending ? -c : c;
}

/* Leaves out those up to the run of after_key, whether it is among them or not. */
static int skip_to(struct store *s, const struct run_query *q, struct found *f, struct err *e)
{
    struct run_row probe = {.run_key = q->after_key};
    const struct node *n = mem_table_find(&mem_store(s)->keys[KIND_RUN], KIND_RUN, &probe, 0);
    const void *row = n != NULL ? node_row(n) : NULL;
    size_t kept = 0;

    if (row == NULL) {
        return err_set(e, ERR_NOTFOUND, "there is no run %lld", (long long)q->after_key);
    }
    for (size_t i = 0; i < f->len; i++) {
        if (by_query(&f->rows[i], &row, (void *)(uintptr_t)q) > 0) {
            f->rows[kept++] = f->rows[i];
        }
    }
    f->len = kept;
    return 0;
}

int mem_query_runs(struct store *s, const struct run_query *q, struct arena *a,
                   struct run_row **ret, size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    size_t skip;

    find_runs(s, q, &f);
    if (f.len > 1) {
        qsort_r(f.rows, f.len, sizeof *f.rows, by_query, (void *)(uintptr_t)q);
    }
    if (q->after_key != 0 && skip_to(s, q, &f, e) != 0) {
        return -ERR_NOTFOUND;
    }
    skip = q->offset < f.len ? q->offset : f.len;
    if (skip != 0) {
        f.len -= skip;
        memmove(f.rows, f.rows + skip, f.len * sizeof *f.rows);
    }
    return ms_give(&f, KIND_RUN, NULL, q->limit, a, (void **)ret, ret_len, e);
}

int mem_count_runs(struct store *s, const struct run_query *q, int64_t *ret, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};

    find_runs(s, q, &f);
    *ret = (int64_t)f.len;
    return f.rc == 0 ? 0 : err_set(e, ERR_NOMEM, "store: out of memory");
}

static int by_version(const void *x, const void *y)
{
    return three_way((*(const struct version_row *const *)x)->version_key,
                     (*(const struct version_row *const *)y)->version_key);
}

int mem_get_dag_versions(struct store *s, int64_t dag_key, struct arena *a,
                         struct version_row **ret, size_t *ret_len, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    size_t kept = 0;
    int rc;

    ms_all_of(&mem_store(s)->keys[KIND_VERSION], &f);
    for (size_t i = 0; i < f.len; i++) {
        if (((const struct version_row *)f.rows[i])->dag_key == dag_key) {
            f.rows[kept++] = f.rows[i];
        }
    }
    f.len = kept;
    rc = ms_give(&f, KIND_VERSION, by_version, 0, a, (void **)ret, ret_len, e);
    for (size_t i = 0; rc == 0 && i < *ret_len; i++) {
        (*ret)[i].document = NULL;
        (*ret)[i].document_len = 0;
    }
    return rc;
}

/* Their keys are their places, counted with those that were pruned: they are only appended. */
int mem_get_audits(struct store *s, int64_t below_key, size_t offset, size_t limit, struct arena *a,
                   struct audit_row **ret, size_t *ret_len, int64_t *ret_all, struct err *e)
{
    FOUND_CLEANUP struct found f = {0};
    struct mem_store *m = mem_store(s);
    int64_t newest = m->audits_gone;
    size_t skip, kept = 0;
    int rc;

    for (const struct node *n = m->audits.first; n != NULL; n = n->next) {
        newest++;
        found_add(&f, node_row(n));
    }
    if (ret_all != NULL) {
        *ret_all = (int64_t)f.len;
    }
    skip = offset + (below_key != 0 && newest >= below_key ? (size_t)(newest - below_key + 1) : 0);
    for (size_t i = 0; i < f.len / 2; i++) {
        const void *row = f.rows[i];

        f.rows[i] = f.rows[f.len - 1 - i];
        f.rows[f.len - 1 - i] = row;
    }
    for (size_t i = skip; i < f.len; i++) {
        f.rows[kept++] = f.rows[i];
    }
    f.len = kept;
    rc = ms_give(&f, KIND_AUDIT, NULL, limit, a, (void **)ret, ret_len, e);
    for (size_t i = 0; rc == 0 && i < *ret_len; i++) {
        (*ret)[i].audit_key = newest - (int64_t)(skip + i);
    }
    return rc;
}
