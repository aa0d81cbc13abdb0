/* Runs and instances that somebody deletes: of a batch. */
#include "base/err.h"
#include "base/mem.h"
#include "store/mem/priv.h"

static const struct ti_key *key_of(enum kind kind, const void *row)
{
    switch (kind) {
    case KIND_TI:
    case KIND_TRY:
        return &((const struct ti_row *)row)->key;
    case KIND_TRANSITION:
        return &((const struct transition_row *)row)->key;
    case KIND_XCOM:
        return &((const struct xcom_row *)row)->key;
    case KIND_RENDERED:
        return &((const struct rendered_row *)row)->key;
    case KIND_ATTEMPT:
        return &((const struct attempt_row *)row)->key;
    case KIND_NOTE:
        return &((const struct note_row *)row)->key;
    default:
        return NULL;
    }
}

static bool is_of(enum kind kind, const void *row, const struct ti_key *ti)
{
    const struct ti_key *k = key_of(kind, row);

    return k != NULL && k->task == ti->task &&
           (k->map_index == ti->map_index ||
            (kind == KIND_XCOM && k->map_index == STORE_RECORD_INDEX(ti->map_index)));
}

/* ti NULL: all of the run. */
static int take_rows(struct mem_store *m, int64_t run_key, const struct ti_key *ti, struct err *e)
{
    struct owner *o = owners_find(&m->runs, run_key);
    int rc = 0;

    for (int k = 0; rc == 0 && o != NULL && k < KIND_MAX_; k++) {
        for (struct node *n = o->lists[k].first, *next; rc == 0 && n != NULL; n = next) {
            next = n->next;
            if (ti == NULL || is_of((enum kind)k, node_row(n), ti)) {
                rc = mem_take_out(m, n, e);
            }
        }
    }
    return rc;
}

static int take_run(struct mem_store *m, int64_t run_key, bool *ret_noted, struct err *e)
{
    struct run_row probe = {.run_key = run_key};
    struct node *n = mem_table_find(&m->keys[KIND_RUN], KIND_RUN, &probe, 0);
    const struct run_row *row = n != NULL ? node_row(n) : NULL;
    int rc;

    *ret_noted = false;
    if (row == NULL || !run_state_finished(row->state)) {
        return 0;
    }
    rc = mem_note_garbage(m, row);
    *ret_noted = rc == 0;
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    rc = take_rows(m, run_key, NULL, e);
    return rc == 0 ? mem_take_out(m, n, e) : rc;
}

/* Garbage is not in the undo log: what a failed batch noted goes here. */
int mem_put_deletes(struct mem_store *m, const struct store_batch *b, struct err *e)
{
    int rc = 0;
    bool noted;

    for (size_t i = 0; rc == 0 && i < b->ti_deletes_len; i++) {
        rc = take_rows(m, b->ti_deletes[i].run_key, &b->ti_deletes[i], e);
    }
    for (size_t i = 0; rc == 0 && i < b->run_deletes_len; i++) {
        rc = take_run(m, b->run_deletes[i], &noted, e);
        for (size_t k = 0; rc != 0 && k < i + noted; k++) {
            (void)mem_drop_garbage(&m->head, &b->run_deletes[k], 1, NULL);
        }
    }
    return rc;
}
