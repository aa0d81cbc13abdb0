/* /ui/backfills: backfills of all DAGs with how far each is. What Airflow's own operations do not tell: its runs. */
#include <string.h>

#include "model/backfill.h"
#include "model/states.h"
#include "server/api.h"

#define BACKFILLS_MAX 10000 /* looked at for a list */
#define RUNS_MAX      5000  /* dates of one that are told */

/* The words are for people: as names they have no spaces. */
static const char *word_of(struct call *c, enum backfill_outcome o)
{
    char *word = arena_strdup(&c->arena, backfill_outcome_to_string(o));

    for (char *p = word; p != NULL && *p != '\0'; p++) {
        *p = *p == ' ' ? '_' : *p;
    }
    return word != NULL ? word : "";
}

static bool has_own_run(uint8_t outcome)
{
    return outcome == BACKFILL_CREATED || outcome == BACKFILL_CLEARED;
}

/* By the state of the run that is its own; "planned", and "left" for what it does not touch. A run that was deleted since counts as left. */
static int put_counts(struct call *c, struct store *s, int64_t key, struct err *e)
{
    struct backfill_count *rows;
    uint32_t planned = 0, left = 0, states[RUN_STATE_MAX_] = {0};
    size_t n = 0;
    int rc = s->ops->count_backfill(s, key, &c->arena, &rows, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].outcome == BACKFILL_PLANNED) {
            planned += rows[i].n;
        } else if (has_own_run(rows[i].outcome) && rows[i].run_state >= 0 &&
                   rows[i].run_state < RUN_STATE_MAX_) {
            states[rows[i].run_state] += rows[i].n;
        } else {
            left += rows[i].n;
        }
    }
    if (rc != 0) {
        return rc;
    }
    json_key(&c->w, "counts");
    json_object(&c->w);
    for (int i = 0; i < RUN_STATE_MAX_; i++) {
        if (states[i] != 0) {
            put_int(c, run_state_to_string((enum run_state)i), states[i]);
        }
    }
    if (planned != 0) {
        put_int(c, "planned", planned);
    }
    if (left != 0) {
        put_int(c, "left", left);
    }
    json_object_end(&c->w);
    return 0;
}

/* The members, within an object that is begun. */
static int put_members(struct call *c, struct store *s, const char *dag_id,
                       const struct backfill_row *b, struct err *e)
{
    put_int(c, "id", b->backfill_key);
    put_text(c, "dag_id", dag_id);
    put_time(c, "from_date", b->from_us);
    put_time(c, "to_date", b->to_us);
    put_bool(c, "is_paused", b->paused);
    put_text(c, "reprocess_behavior",
             backfill_reprocess_to_string((enum backfill_reprocess)b->reprocess));
    put_bool(c, "run_backwards", b->backwards);
    put_int(c, "max_active_runs", b->max_active_runs);
    api_put_masked(c, "dag_run_conf", b->conf, "{}");
    put_time(c, "created_at", b->created_us);
    put_time(c, "completed_at", b->completed_us);
    put_time(c, "cancelled_at", b->cancelled_us);
    put_text(c, "created_by", b->actor);
    put_int(c, "total_runs", b->dates);
    return put_counts(c, s, b->backfill_key, e);
}

/* NULL: it is gone, or not for who asks. */
static int dag_of(struct call *c, const struct dag_row *dags, size_t n, int64_t dag_key,
                  const char **ret, struct err *e)
{
    const struct dag *d;

    *ret = NULL;
    for (size_t i = 0; i < n; i++) {
        if (dags[i].dag_key == dag_key) {
            int rc = server_dag(c, dags[i].version_key, &d, e);

            *ret = rc == 0 && access_sees(c, d) ? dags[i].dag_id : NULL;
            return rc;
        }
    }
    return 0;
}

int ui_backfills(struct call *c, struct err *e)
{
    const char *wanted = call_query(c, "dag_id"), *dag_id;
    struct backfill_row *rows;
    struct dag_row *dags;
    struct api_page p;
    struct store *s;
    int64_t total = 0;
    size_t n = 0, dags_len = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_dags(s, &c->arena, &dags, &dags_len, e) : rc;
    rc = rc == 0 ? s->ops->get_backfills(s, 0, false, BACKFILLS_MAX, &c->arena, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "backfills");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = dag_of(c, dags, dags_len, rows[i].dag_key, &dag_id, e);
        if (rc != 0 || dag_id == NULL || (wanted != NULL && strcmp(wanted, dag_id) != 0) ||
            !api_like(call_query(c, "dag_id_pattern"), dag_id)) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            json_object(&c->w);
            rc = put_members(c, s, dag_id, &rows[i], e);
            json_object_end(&c->w);
        }
        total++;
    }
    api_list_end(c, total);
    return rc;
}

static int put_date(struct call *c, struct store *s, const struct backfill_run_row *d,
                    bool cancelled, struct err *e)
{
    struct run_row run;
    int rc = d->run_key != 0 ? s->ops->get_run(s, d->run_key, &c->arena, &run, e) : -ERR_NOTFOUND;
    enum backfill_outcome o = cancelled && d->outcome == BACKFILL_PLANNED
                                  ? BACKFILL_CANCELLED
                                  : (enum backfill_outcome)d->outcome;

    if (rc != 0 && rc != -ERR_NOTFOUND) {
        return rc;
    }
    json_object(&c->w);
    put_time(c, "logical_date", d->logical_us);
    put_text(c, "outcome", word_of(c, o));
    put_text(c, "run_id", rc == 0 ? run.run_id : NULL);
    put_text(c, "state", rc == 0 ? run_state_to_string(run.state) : NULL);
    put_time(c, "start_date", rc == 0 ? run.start_us : TIME_NONE);
    put_time(c, "end_date", rc == 0 ? run.end_us : TIME_NONE);
    json_object_end(&c->w);
    return 0;
}

int ui_backfill(struct call *c, struct err *e)
{
    char *end;
    const char *text = call_param(c, "backfill_id"), *dag_id = NULL;
    long long key = strtoll(text, &end, 10);
    struct backfill_run_row *dates;
    struct backfill_row b;
    struct dag_row *dags;
    struct store *s;
    size_t n = 0, dags_len = 0;
    int rc;

    if (*text == '\0' || *end != '\0' || key <= 0) {
        return call_invalid(c, e, "backfill_id must be a positive integer");
    }
    rc = server_store(c, &s, e);
    rc = rc == 0 ? s->ops->get_backfill(s, key, &c->arena, &b, e) : rc;
    rc = rc == 0 ? s->ops->get_dags(s, &c->arena, &dags, &dags_len, e) : rc;
    rc = rc == 0 ? dag_of(c, dags, dags_len, b.dag_key, &dag_id, e) : rc;
    if (rc == -ERR_NOTFOUND || (rc == 0 && dag_id == NULL)) {
        return err_set(e, ERR_NOTFOUND, "Could not find backfill with id %lld", key);
    }
    rc = rc == 0 ? s->ops->get_backfill_runs(s, key, false, 0, RUNS_MAX, &c->arena, &dates, &n, e)
                 : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    rc = put_members(c, s, dag_id, &b, e);
    json_key(&c->w, "runs");
    json_array(&c->w);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = put_date(c, s, &dates[i], b.cancelled_us != TIME_NONE, e);
    }
    json_array_end(&c->w);
    put_bool(c, "truncated", n < b.dates);
    json_object_end(&c->w);
    return rc;
}
