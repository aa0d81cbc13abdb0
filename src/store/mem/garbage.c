/* What is left of deleted runs, and rows that grow old. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/mem/priv.h"

int mem_note_garbage(struct mem_store *m, const struct run_row *run)
{
    struct dag_row probe = {.dag_key = run->dag_key};
    const struct node *dag = mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0);
    struct run_name row = {run->run_key, ((const struct dag_row *)node_row(dag))->dag_id,
                           run->run_id, TIME_NONE};
    struct node *n = mem_node_new(KIND_GARBAGE, &row);

    if (n == NULL) {
        return -ERR_NOMEM;
    }
    (void)mem_drop_garbage(&m->head, &run->run_key, 1, NULL); /* one row a key */
    list_append(&m->garbage, n);
    return 0;
}

/* By run_key. The list is in order of deletion, and short. */
static const struct node *next_above(const struct mem_store *m, int64_t run_key)
{
    const struct node *best = NULL;
    int64_t best_key = INT64_MAX;

    for (const struct node *n = m->garbage.first; n != NULL; n = n->next) {
        int64_t key = ((const struct run_name *)node_row(n))->run_key;

        if (key > run_key && (best == NULL || key < best_key)) {
            best = n;
            best_key = key;
        }
    }
    return best;
}

int mem_get_garbage(struct store *s, size_t limit, struct arena *a, struct run_name **ret,
                    size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n = 0, len = 0;
    struct run_name *rows = NULL;
    int rc = 0;

    for (const struct node *x = m->garbage.first; x != NULL; x = x->next) {
        n++;
    }
    n = limit != 0 && limit < n ? limit : n;
    if (n != 0) {
        rows = arena_array(a, n, sizeof *rows);
        rc = rows != NULL ? 0 : -ERR_NOMEM;
    }
    for (int64_t last = 0; rc == 0 && len < n; len++) {
        rc = row_copy(KIND_GARBAGE, node_row(next_above(m, last)), a, &rows[len]);
        last = rc == 0 ? rows[len].run_key : last;
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = rows;
    *ret_len = n;
    return 0;
}

int mem_drop_garbage(struct store *s, const int64_t *run_keys, size_t n, struct err *e)
{
    struct mem_store *m = mem_store(s);

    (void)e;
    for (struct node *x = m->garbage.first, *next; x != NULL; x = next) {
        const struct run_name *row = node_row(x);

        next = x->next;
        for (size_t i = 0; i < n; i++) {
            if (row->run_key == run_keys[i]) {
                list_remove(x);
                mem_free(x);
                break;
            }
        }
    }
    return 0;
}

/* ---- rows that nothing hangs on ---- */

static bool is_newest(const struct node *n)
{
    int64_t asset = ((const struct asset_event_row *)node_row(n))->asset_key;

    for (const struct node *x = n->next; x != NULL; x = x->next) {
        if (((const struct asset_event_row *)node_row(x))->asset_key == asset) {
            return false;
        }
    }
    return true;
}

static bool waits(const struct mem_store *m, const struct node *n)
{
    int64_t key = ((const struct asset_event_row *)node_row(n))->event_key;

    for (const struct node *x = m->queued.first; x != NULL; x = x->next) {
        if (((const struct queued *)node_row(x))->event_key == key) {
            return true;
        }
    }
    return false;
}

static size_t prune_list(const struct mem_store *m, struct list *l, enum prune_kind kind,
                         int64_t before_us, size_t limit)
{
    size_t done = 0;

    for (struct node *n = l->first, *next; n != NULL && done < limit; n = next) {
        int64_t at = kind == PRUNE_AUDITS ? ((const struct audit_row *)node_row(n))->at_us
                                          : ((const struct asset_event_row *)node_row(n))->at_us;

        next = n->next;
        if (at < before_us && at != TIME_NONE &&
            (kind == PRUNE_AUDITS || (!is_newest(n) && !waits(m, n)))) {
            list_remove(n);
            mem_free(n);
            done++;
        }
    }
    return done;
}

static bool has_run(const struct mem_store *m, int64_t version_key)
{
    const struct table *t = &m->keys[KIND_RUN];

    for (size_t i = 0; i < t->buckets_len; i++) {
        for (const struct node *n = t->buckets[i]; n != NULL; n = n->chain[0]) {
            if (((const struct run_row *)node_row(n))->version_key == version_key) {
                return true;
            }
        }
    }
    return false;
}

static bool is_old(const struct mem_store *m, const struct node *n, int64_t before_us)
{
    const struct command_row *command = node_row(n);
    const struct version_row *v = node_row(n);
    struct dag_row probe = {0};
    const struct node *dag;
    const struct dag_row *row;

    if (n->kind == KIND_COMMAND) {
        return command->at_us != TIME_NONE && command->at_us < before_us;
    }
    probe.dag_key = v->dag_key;
    dag = mem_table_find(&m->keys[KIND_DAG], KIND_DAG, &probe, 0);
    row = dag != NULL ? node_row(dag) : NULL;
    return v->created_us != TIME_NONE && v->created_us < before_us && !has_run(m, v->version_key) &&
           (row == NULL || (row->version_key != v->version_key && row->updated_us < before_us));
}

static size_t prune_table(struct mem_store *m, enum kind kind, int64_t before_us, size_t limit)
{
    const struct table *t = &m->keys[kind];
    size_t done = 0;

    for (size_t i = 0; i < t->buckets_len; i++) {
        for (struct node *n = t->buckets[i], *next; n != NULL && done < limit; n = next) {
            next = n->chain[0];
            if (is_old(m, n, before_us)) {
                mem_drop(m, n);
                done++;
            }
        }
    }
    return done;
}

int mem_prune(struct store *s, enum prune_kind kind, int64_t before_us, size_t limit,
              int64_t *ret_rows, struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n;

    (void)e;
    if (kind == PRUNE_AUDITS || kind == PRUNE_ASSET_EVENTS) {
        n = prune_list(m, kind == PRUNE_AUDITS ? &m->audits : &m->events, kind, before_us, limit);
        m->audits_gone += kind == PRUNE_AUDITS ? (int64_t)n : 0;
    } else if (kind == PRUNE_BACKFILLS) {
        n = mem_prune_backfills(m, before_us, limit);
    } else {
        n = prune_table(m, kind == PRUNE_COMMANDS ? KIND_COMMAND : KIND_VERSION, before_us, limit);
    }
    *ret_rows = (int64_t)n;
    return 0;
}
