/* The in-memory driver: opening and closing. For simulation, tests, and runs that nobody needs
 * afterwards. */
#include <assert.h>

#include "base/mem.h"
#include "store/mem/priv.h"

static void free_list(struct list *l)
{
    for (struct node *n = l->first, *next; n != NULL; n = next) {
        next = n->next;
        mem_free(n);
    }
}

static void op_close(struct store *s)
{
    struct mem_store *m = mem_store(s);

    free_list(&m->audits);
    free_list(&m->settings);
    free_list(&m->events);
    free_list(&m->parsed_dags);
    free_list(&m->import_errors);
    free_list(&m->garbage);
    free_list(&m->queued);
    /* History hangs only in the lists of its run. */
    for (size_t i = 0; m->runs.buckets != NULL && i < m->runs.buckets_len; i++) {
        for (struct owner *o = m->runs.buckets[i]; o != NULL; o = o->chain) {
            for (int k = KIND_TABLES_; k < KIND_MAX_; k++) {
                free_list(&o->lists[k]);
            }
        }
    }
    for (int k = 0; k < KIND_TABLES_; k++) {
        mem_table_fini(&m->names[k], 1);
        mem_table_fini(&m->keys[k], 0);
    }
    owners_fini(&m->runs);
    owners_fini(&m->dags);
    for (size_t i = 0; i < m->counters_len; i++) {
        mem_free(m->counters[i].kind);
    }
    mem_free(m->counters);
    mem_free(m->undo);
    mem_free(m);
}

static int op_check(struct store *s, struct err *e)
{
    struct mem_store *m = mem_store(s);

    for (int k = 0; k < KIND_TABLES_; k++) {
        size_t n = 0;

        for (size_t i = 0; i < m->keys[k].buckets_len; i++) {
            for (struct node *x = m->keys[k].buckets[i]; x != NULL; x = x->chain[0]) {
                n += x->kind == (enum kind)k &&
                     mem_table_find(&m->keys[k], x->kind, node_row(x), 0) == x;
            }
        }
        if (n != m->keys[k].len) {
            return err_set(e, ERR_CORRUPT, "store: table %d has %zu rows of %zu", k, n,
                           m->keys[k].len);
        }
    }
    return 0;
}

static int op_backup(struct store *s, const char *path, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "an in-memory store cannot be backed up");
}

static int op_schema_version(struct store *s, int *ret, int *ret_newest, struct err *e)
{
    *ret = 1;
    *ret_newest = 1;
    return 0;
}

static int op_upkeep(struct store *s, bool *ret_more, struct err *e)
{
    *ret_more = false;
    return 0;
}

static const struct store_ops ops = {
    .close = op_close,
    .commit = mem_commit,
    .acquire = mem_acquire,
    .reserve_keys = mem_reserve_keys,
    .get_dags = mem_get_dags,
    .find_dag = mem_find_dag,
    .get_version = mem_get_version,
    .get_versions = mem_get_versions,
    .find_version = mem_find_version,
    .get_runs = mem_get_runs,
    .query_runs = mem_query_runs,
    .count_runs = mem_count_runs,
    .get_dag_versions = mem_get_dag_versions,
    .get_audits = mem_get_audits,
    .get_run = mem_get_run,
    .get_ended_runs = mem_get_ended_runs,
    .find_run = mem_find_run,
    .previous_run = mem_previous_run,
    .last_scheduled_run = mem_last_scheduled_run,
    .get_tis = mem_get_tis,
    .get_ti_states = mem_get_ti_states,
    .get_run_times = mem_get_run_times,
    .get_change = mem_get_change,
    .get_tries = mem_get_tries,
    .get_attempts = mem_get_attempts,
    .get_transitions = mem_get_transitions,
    .get_xcom = mem_get_xcom,
    .get_map_xcoms = mem_get_map_xcoms,
    .get_rendered = mem_get_rendered,
    .get_gone = mem_get_gone,
    .get_notes = mem_get_notes,
    .get_run_notes = mem_get_run_notes,
    .get_arrivals = mem_get_arrivals,
    .find_command = mem_find_command,
    .get_pools = mem_get_pools,
    .get_xcoms = mem_get_xcoms,
    .get_settings = mem_get_settings,
    .put_settings = mem_put_settings,
    .put_pool = mem_put_pool,
    .change_settings = mem_change_settings,
    .put_parsed = mem_put_parsed,
    .get_parsed_dags = mem_get_parsed_dags,
    .get_import_errors = mem_get_import_errors,
    .get_bundle_versions = mem_get_bundle_versions,
    .get_durations = mem_get_durations,
    .get_assets = mem_get_assets,
    .find_asset = mem_find_asset,
    .get_asset_events = mem_get_asset_events,
    .count_asset_events = mem_count_asset_events,
    .get_backfills = mem_get_backfills,
    .get_backfill = mem_get_backfill,
    .get_backfill_runs = mem_get_backfill_runs,
    .count_backfill = mem_count_backfill,
    .find_run_by_date = mem_find_run_by_date,
    .get_alerts = mem_get_alerts,
    .get_deadlines = mem_get_deadlines,
    .get_runtimes = mem_get_runtimes,
    .prune_alerts = mem_prune_alerts,
    .get_asset_consumers = mem_get_asset_consumers,
    .get_asset_queue = mem_get_asset_queue,
    .get_run_events = mem_get_run_events,
    .check = op_check,
    .backup = op_backup,
    .clean = mem_clean,
    .count_old_runs = mem_count_old_runs,
    .get_garbage = mem_get_garbage,
    .drop_garbage = mem_drop_garbage,
    .prune = mem_prune,
    .delete_dag = mem_delete_dag,
    .schema_version = op_schema_version,
    .upkeep = op_upkeep,
};

int store_mem_open(struct store **ret, struct err *e)
{
    struct mem_store *m = mem_zalloc(sizeof *m);
    int rc = m != NULL ? 0 : -ERR_NOMEM;

    if (m == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    m->head = (struct store){.ops = &ops, .driver = "mem"};
    for (int k = 0; k < KIND_TABLES_ && rc == 0; k++) {
        rc = mem_table_init(&m->keys[k]);
        rc = rc != 0 ? rc : mem_table_init(&m->names[k]);
    }
    rc = rc != 0 ? rc : owners_init(&m->runs);
    rc = rc != 0 ? rc : owners_init(&m->dags);
    if (rc != 0) {
        op_close(&m->head);
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    *ret = &m->head;
    return 0;
}
