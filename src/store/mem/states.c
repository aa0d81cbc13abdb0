/* What is asked often by pictures of runs: states of instances, and whether anything changed. */
#include "base/arena.h"
#include "base/time.h"
#include "store/mem/priv.h"

int mem_get_change(struct store *s, int64_t *ret, struct err *e)
{
    (void)e;
    *ret = mem_store(s)->changes;
    return 0;
}

int mem_get_ti_states(struct store *s, int64_t run_key, struct arena *a, struct ti_state **ret,
                      size_t *ret_len, struct err *e)
{
    struct ti_row *rows;
    struct ti_state *out;
    size_t n;
    int rc = mem_get_tis(s, run_key, 0, a, &rows, &n, e);

    out = rc == 0 && n > 0 ? arena_array(a, n, sizeof *out) : NULL;
    if (rc == 0 && n > 0 && out == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        out[i] = (struct ti_state){rows[i].key.task, rows[i].key.map_index, rows[i].map_len,
                                   rows[i].try_number, rows[i].state};
    }
    *ret = out;
    *ret_len = rc == 0 ? n : 0;
    return rc;
}

int mem_get_run_times(struct store *s, int64_t dag_key, int64_t from_us, int64_t to_us, size_t limit,
                      struct arena *a, struct run_time **ret, size_t *ret_len, struct err *e)
{
    struct run_row *rows;
    struct run_time *out;
    size_t n = 0, kept = 0;
    int rc = mem_get_runs(s, dag_key, 0, 0, 0, a, &rows, &n, e);

    out = rc == 0 && n > 0 ? arena_array(a, n, sizeof *out) : NULL;
    if (rc == 0 && n > 0 && out == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    for (size_t i = 0; rc == 0 && i < n && (limit == 0 || kept < limit); i++) {
        int64_t at = rows[i].logical_date_us != TIME_NONE ? rows[i].logical_date_us
                                                          : rows[i].run_after_us;

        if (at >= from_us && at <= to_us) {
            out[kept++] = (struct run_time){at, rows[i].state};
        }
    }
    *ret = kept > 0 ? out : NULL;
    *ret_len = kept;
    return rc;
}
