/* Notes, file arrivals; and runs that go on with another version of their DAG. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "model/states.h"
#include "store/mem/priv.h"

static bool listed(uint32_t task)
{
    return task >> 30 != 1;
}

/* ---- moves ---- */

static struct ti_key *key_of(enum kind kind, void *row)
{
    switch (kind) {
    case KIND_TI:
    case KIND_TRY:
        return &((struct ti_row *)row)->key;
    case KIND_TRANSITION:
        return &((struct transition_row *)row)->key;
    case KIND_XCOM:
        return &((struct xcom_row *)row)->key;
    case KIND_RENDERED:
        return &((struct rendered_row *)row)->key;
    case KIND_NOTE:
        return &((struct note_row *)row)->key;
    default:
        return &((struct attempt_row *)row)->key;
    }
}

/* A row that is a task's, by its index: not a run's own record, nor one that is gone already. */
static bool is_of_task(enum kind kind, const struct ti_key *key)
{
    return key->task < STORE_GONE_TASK && !(kind == KIND_XCOM && key->map_index == INT32_MIN);
}

/* Out with all rows of the kind, and in again in their order: lists keep the order of history. */
static int move_kind(struct mem_store *m, struct owner *o, enum kind kind, const uint32_t *to,
                     size_t len, struct err *e)
{
    struct node **nodes = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;

    for (struct node *p = o->lists[kind].first; rc == 0 && p != NULL; p = p->next) {
        rc = VEC_PUSH(nodes, n, cap, p);
    }
    for (size_t i = n;
         rc == 0 && i-- > 0;) { /* the last first: undone in turn, they stand as before */
        rc = mem_take_out(m, nodes[i], e);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct node *copy = mem_node_new(kind, node_row(nodes[i]));
        struct ti_key *key = copy != NULL ? key_of(kind, node_row(copy)) : NULL;

        rc = copy == NULL ? -ERR_NOMEM : 0;
        if (rc == 0 && is_of_task(kind, key)) {
            if (key->task >= len) {
                rc = err_set(e, ERR_INVALID, "store: a row of a task that the move does not know");
            } else {
                key->task = to[key->task];
            }
            if (kind == KIND_TI && key->task >= STORE_GONE_TASK) {
                ((struct ti_row *)node_row(copy))->state = TASK_REMOVED;
            }
        }
        rc = rc == 0 ? mem_put(m, kind, node_row(copy), e) : rc;
        mem_free(copy);
    }
    mem_free(nodes);
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "store: out of memory") : rc;
}

static int move_run(struct mem_store *m, const struct move_row *move, struct err *e)
{
    static const enum kind kinds[] = {KIND_TI,       KIND_TRY,     KIND_TRANSITION, KIND_XCOM,
                                      KIND_RENDERED, KIND_ATTEMPT, KIND_NOTE};
    struct owner *o = owners_get(&m->runs, move->run_key);
    uint32_t *to = mem_array(move->len + 1, sizeof *to);
    uint32_t gone = STORE_GONE_TASK;
    int rc = o != NULL && to != NULL ? 0 : err_set(e, ERR_NOMEM, "store: out of memory");

    for (struct node *p = rc == 0 ? o->lists[KIND_GONE].first : NULL; p != NULL; p = p->next) {
        uint32_t task = ((struct gone_row *)node_row(p))->task;

        gone = task >= gone ? task + 1 : gone;
    }
    for (size_t i = 0; rc == 0 && i < move->len; i++) {
        struct gone_row row = {.run_key = move->run_key,
                               .task = gone,
                               .task_id = move->task_ids[i],
                               .version_key = move->version_key,
                               .at_us = move->at_us};

        to[i] = move->to[i];
        if (to[i] == TASK_GONE) {
            to[i] = gone++;
            rc = mem_put(m, KIND_GONE, &row, e);
        }
    }
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
        rc = move_kind(m, o, kinds[i], to, move->len, e);
    }
    mem_free(to);
    return rc;
}

int mem_put_moves(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->moves_len; i++) {
        rc = move_run(m, &b->moves[i], e);
    }
    return rc;
}

/* Copies of a list's rows that are to be shown. */
static int give(struct mem_store *m, int64_t run_key, enum kind kind,
                int (*compare)(const void *, const void *), struct arena *a, void **ret,
                size_t *ret_len, struct err *e)
{
    struct owner *o = owners_find(&m->runs, run_key);
    size_t n = 0;
    char *out;

    *ret = NULL;
    *ret_len = 0;
    for (struct node *p = o != NULL ? o->lists[kind].first : NULL; p != NULL; p = p->next) {
        n++;
    }
    out = n > 0 ? arena_array(a, n, row_size(kind)) : NULL;
    if (n > 0 && out == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    for (struct node *p = n > 0 ? o->lists[kind].first : NULL; p != NULL; p = p->next) {
        if (kind == KIND_NOTE && !listed(((struct note_row *)node_row(p))->key.task)) {
            continue;
        }
        if (row_copy(kind, node_row(p), a, out + *ret_len * row_size(kind)) != 0) {
            return err_set(e, ERR_NOMEM, "store: out of memory");
        }
        ++*ret_len;
    }
    if (*ret_len > 1) {
        qsort(out, *ret_len, row_size(kind), compare);
    }
    *ret = *ret_len > 0 ? out : NULL;
    return 0;
}

static int by_task(const void *x, const void *y)
{
    const struct gone_row *a = x, *b = y;

    return (a->task > b->task) - (a->task < b->task);
}

int mem_get_gone(struct store *s, int64_t run_key, struct arena *a, struct gone_row **ret,
                 size_t *ret_len, struct err *e)
{
    return give(mem_store(s), run_key, KIND_GONE, by_task, a, (void **)ret, ret_len, e);
}

/* ---- notes ---- */

int mem_put_notes(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->notes_len; i++) {
        struct node *old = mem_table_find(&m->keys[KIND_NOTE], KIND_NOTE, &b->notes[i], 0);

        if (b->notes[i].text != NULL) {
            rc = mem_put(m, KIND_NOTE, &b->notes[i], e);
        } else if (old != NULL) {
            rc = mem_take_out(m, old, e);
        }
    }
    return rc;
}

static int by_key(const void *x, const void *y)
{
    const struct ti_key *a = &((const struct note_row *)x)->key,
                        *b = &((const struct note_row *)y)->key;
    int c = (a->task > b->task) - (a->task < b->task);

    return c != 0 ? c : (a->map_index > b->map_index) - (a->map_index < b->map_index);
}

int mem_get_notes(struct store *s, int64_t run_key, struct arena *a, struct note_row **ret,
                  size_t *ret_len, struct err *e)
{
    return give(mem_store(s), run_key, KIND_NOTE, by_key, a, (void **)ret, ret_len, e);
}

static int by_run(const void *x, const void *y)
{
    const struct note_row *a = x, *b = y;

    return (a->key.run_key > b->key.run_key) - (a->key.run_key < b->key.run_key);
}

int mem_get_run_notes(struct store *s, const int64_t *run_keys, size_t n, struct arena *a,
                      struct note_row **ret, size_t *ret_len, struct err *e)
{
    struct note_row *out = arena_array(a, n + 1, sizeof *out);

    *ret = NULL;
    *ret_len = 0;
    for (size_t i = 0; i < n; i++) {
        const struct note_row key = {.key = {run_keys[i], NOTE_OF_RUN, -1}};
        struct node *p = mem_table_find(&mem_store(s)->keys[KIND_NOTE], KIND_NOTE, &key, 0);

        if (out == NULL ||
            (p != NULL && row_copy(KIND_NOTE, node_row(p), a, &out[(*ret_len)++]) != 0)) {
            return err_set(e, ERR_NOMEM, "store: out of memory");
        }
    }
    if (*ret_len > 0) {
        qsort(out, *ret_len, sizeof *out, by_run);
        *ret = out;
    }
    return 0;
}

/* ---- arrivals ---- */

int mem_put_arrivals(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->arrivals_len; i++) {
        struct node *old = mem_table_find(&m->keys[KIND_ARRIVAL], KIND_ARRIVAL, &b->arrivals[i], 0);

        if (b->arrivals[i].inode >= 0) {
            rc = mem_put(m, KIND_ARRIVAL, &b->arrivals[i], e);
        } else if (old != NULL) {
            rc = mem_take_out(m, old, e);
        }
    }
    return rc;
}

static int by_path(const void *x, const void *y)
{
    return strcmp(((const struct arrival_row *)x)->path, ((const struct arrival_row *)y)->path);
}

int mem_get_arrivals(struct store *s, const char *watcher, struct arena *a,
                     struct arrival_row **ret, size_t *ret_len, struct err *e)
{
    const struct table *t = &mem_store(s)->keys[KIND_ARRIVAL];
    struct arrival_row *out = arena_array(a, t->len + 1, sizeof *out);
    size_t n = 0;

    for (size_t i = 0; out != NULL && i < t->buckets_len; i++) {
        for (struct node *p = t->buckets[i]; p != NULL; p = p->chain[0]) {
            const struct arrival_row *r = node_row(p);

            if (strcmp(r->watcher, watcher) == 0 && row_copy(KIND_ARRIVAL, r, a, &out[n++]) != 0) {
                return err_set(e, ERR_NOMEM, "store: out of memory");
            }
        }
    }
    if (out == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (n > 1) {
        qsort(out, n, sizeof *out, by_path);
    }
    *ret = n > 0 ? out : NULL;
    *ret_len = n;
    return 0;
}
