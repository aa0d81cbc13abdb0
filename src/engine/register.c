/* DAG versions and runs: how they come into the store and to the scheduler. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/asking.h"
#include "engine/engine_priv.h"
#include "engine/timing.h"
#include "model/dag.h"
#include "model/params.h"
#include "sched/due.h"

#define DAG_KEYS 64

#define MADE_RESULT "{\"run_key\":%lld}" /* of a command that made a run */

struct find_call {
    struct engine *g;
    const char *dag_id, *hash, *run_id, *key;
    int64_t dag_key, version_key;
    int64_t date_us; /* a backfill's run of this logical date counts too; TIME_NONE: none does */
    struct arena *arena;
    struct dag_row row;
    struct version_row stored;
    struct run_row run;
    struct err *e;
};

static int do_find_dag(void *arg)
{
    struct find_call *c = arg;
    struct store *s = c->g->store;
    int rc = s->ops->find_dag(s, c->dag_id, c->arena, &c->row, c->e);

    if (rc == -ERR_NOTFOUND) {
        return 0;
    }
    if (rc == 0) {
        c->dag_key = c->row.dag_key;
        rc = s->ops->find_version(s, c->dag_key, c->hash, &c->version_key, c->e);
    }
    if (rc == 0) {
        rc = s->ops->get_version(s, c->version_key, c->arena, &c->stored, c->e);
    }
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int do_find_run(void *arg)
{
    struct find_call *c = arg;
    struct store *s = c->g->store;
    int rc = s->ops->find_run(s, c->dag_key, c->run_id, c->arena, &c->run, c->e);

    if (rc == -ERR_NOTFOUND && c->date_us != TIME_NONE) {
        rc = s->ops->find_run_by_date(s, c->dag_key, c->date_us, c->arena, &c->run, c->e);
        if (rc == 0 && c->run.backfill_key == 0) {
            rc = err_set(c->e, ERR_NOTFOUND, "no backfill has a run of this date");
        }
    }
    return rc;
}

struct known_dag *register_known(struct engine *g, int64_t dag_key)
{
    for (size_t i = 0; i < g->dags_len; i++) {
        if (g->dags[i].dag_key == dag_key) {
            return &g->dags[i];
        }
    }
    return NULL;
}

static int remember(struct engine *g, int64_t dag_key, int64_t version_key, struct dag *d)
{
    struct known_dag *k = register_known(g, dag_key);
    struct known_dag new = {dag_key, version_key, dag_ref(d), NULL, 0};

    if (k != NULL) {
        dag_unref(k->dag);
        timing_free(k->timing);
        *k = new;
        return 0;
    }
    if (VEC_PUSH(g->dags, g->dags_len, g->dags_cap, new) != 0) {
        dag_unref(d);
        return -ERR_NOMEM;
    }
    return 0;
}

void register_forget(struct engine *g, int64_t dag_key)
{
    for (size_t i = 0; i < g->dags_len; i++) {
        if (g->dags[i].dag_key == dag_key) {
            dag_unref(g->dags[i].dag);
            timing_free(g->dags[i].timing);
            g->dags[i] = g->dags[--g->dags_len];
            return;
        }
    }
}

/* The same meaning may be written in another order; indices are those of the version that is stored. One reference. */
static int stored_order(struct engine *g, const struct find_call *c, struct dag *d,
                        const char *document, size_t n, struct dag **ret, struct err *e)
{
    if (c->stored.document == NULL ||
        (c->stored.document_len == n && memcmp(c->stored.document, document, n) == 0)) {
        *ret = dag_ref(d);
        return 0;
    }
    return facts_load_version(g, c->dag_key, c->version_key, ret, e);
}

int engine_add_dag(struct engine *g, struct dag *d, const char *document, size_t n,
                   int64_t *ret_dag_key, struct err *e)
{
    struct arena a;
    struct find_call c = {.g = g, .dag_id = d->dag_id, .hash = d->hash, .arena = &a, .e = e};
    struct dag_row dag = {.dag_id = d->dag_id, .file = d->file, .updated_us = engine_now(g)};
    struct version_row version = {.hash = d->hash,
                                  .document = document,
                                  .document_len = n,
                                  .bundle = d->bundle_version != NULL ? d->bundle : NULL,
                                  .bundle_version = d->bundle_version,
                                  .file = d->bundle_version != NULL ? d->file : NULL};
    struct request r = {.dag = &dag};
    struct asset_row *assets = NULL;
    int rc;

    arena_init(&a, MiB(512));
    rc = engine_on_store(g, do_find_dag, &c);
    if (rc == 0 && c.dag_key == 0) {
        rc = engine_next_key(g, &g->dag_keys, "dag", DAG_KEYS, &c.dag_key, e);
    }
    rc = rc == 0 ? stored_order(g, &c, d, document, n, &d, e) : rc;
    if (rc != 0) {
        arena_fini(&a);
        return rc;
    }
    if (c.version_key == 0) {
        rc = engine_next_key(g, &g->version_keys, "version", DAG_KEYS, &c.version_key, e);
        version.version_key = c.version_key;
        version.dag_key = c.dag_key;
        version.created_us = engine_now(g);
        r.version = &version;
        rc = rc == 0 ? engine_assets_of(d, engine_now(g), &a, &assets, &r.assets_len, e) : rc;
        r.assets = assets;
    }
    if (rc == 0) {
        dag.dag_key = c.dag_key;
        dag.version_key = c.version_key;
        dag.paused = c.row.dag_key != 0 ? c.row.paused : d->is_paused_upon_creation;
        r.event.type = SCHED_DAG;
        r.event.dag.dag_key = c.dag_key;
        r.event.dag.version_key = c.version_key;
        r.event.dag.dag = d;
        /* Without a schedule all runs are by hand, and go on in a paused DAG too. */
        r.event.dag.paused = g->schedule != NULL && dag.paused;
        if (r.version == NULL && c.row.version_key == c.version_key &&
            (dag.file == NULL || (c.row.file != NULL && strcmp(dag.file, c.row.file) == 0))) {
            r.dag = NULL; /* nothing new to store */
        }
        rc = engine_ask(g, &r, e);
    }
    if (rc == 0 && remember(g, c.dag_key, c.version_key, d) != 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a DAG");
    }
    dag_unref(d);
    arena_fini(&a);
    *ret_dag_key = c.dag_key;
    return rc;
}

int register_stored_dag(struct engine *g, const struct dag_row *row, struct err *e)
{
    const struct known_dag *known = register_known(g, row->dag_key);
    struct request r = {.event.type = SCHED_DAG};
    struct dag *d;
    int rc;

    if (known != NULL && known->version_key == row->version_key) {
        return 0;
    }
    rc = facts_load_version(g, row->dag_key, row->version_key, &d, e);
    if (rc != 0) {
        return rc;
    }
    r.event.dag.dag_key = row->dag_key;
    r.event.dag.version_key = row->version_key;
    r.event.dag.dag = d;
    r.event.dag.paused = g->schedule != NULL && row->paused;
    rc = engine_ask(g, &r, e);
    if (rc == 0 && remember(g, row->dag_key, row->version_key, d) != 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a DAG");
    }
    dag_unref(d);
    return rc;
}

static int do_find_key(void *arg)
{
    struct find_call *c = arg;
    const char *result;

    return c->g->store->ops->find_command(c->g->store, c->key, c->arena, &result, c->e);
}

/* The run that the request of this key made, as its row of commands tells. -ERR_NOTFOUND: none did, or it is gone. */
static int do_get_made(void *arg)
{
    struct find_call *c = arg;
    struct store *s = c->g->store;
    const char *result = NULL;
    long long run_key = 0;
    int rc = s->ops->find_command(s, c->key, c->arena, &result, c->e);

    if (rc == 0 && sscanf(result, MADE_RESULT, &run_key) != 1) {
        return err_set(c->e, ERR_NOTFOUND, "the command of this key made no run");
    }
    rc = rc == 0 ? s->ops->get_run(s, run_key, c->arena, &c->run, c->e) : rc;
    return rc == 0 && c->run.dag_key != c->dag_key
               ? err_set(c->e, ERR_NOTFOUND, "the run of this key is another DAG's")
               : rc;
}

/* The run of that id is there: because this very request made it? */
static int made_before(struct engine *g, struct find_call *c, struct err *e)
{
    struct err none = {0};

    c->e = &none;
    if (c->key != NULL && engine_on_store(g, do_find_key, c) == 0) {
        return 0;
    }
    return err_set(e, ERR_EXISTS,
                   "there is a run '%s' of this DAG already; choose another --run-id", c->run_id);
}

static int check_run_id(const char *id, struct err *e)
{
    size_t n = strlen(id);

    if (n == 0 || n > LIMIT_ID_BYTES) {
        return err_set(e, ERR_INVALID, "run_id: 1 to %d bytes", LIMIT_ID_BYTES);
    }
    for (size_t i = 0; i < n; i++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~:+-", id[i]) ==
            NULL) {
            return err_set(e, ERR_INVALID, "run_id '%s': letters, digits and _.~:+- only", id);
        }
    }
    return id[0] == '.' ? err_set(e, ERR_INVALID, "run_id '%s' begins with a dot", id) : 0;
}

/* What a run by hand is for, as its DAG's time table says: an instant, where it says nothing. SUSPENDS perhaps. */
static int manual_interval(struct engine *g, int64_t dag_key, struct run_row *row, struct err *e)
{
    struct known_dag *k = register_known(g, dag_key);
    struct dag *d = dag_ref(k->dag);
    struct err own = {0};
    int rc = 0;

    row->data_interval_start_us = row->data_interval_end_us = row->logical_date_us;
    if (k->timing == NULL && timing_new(k->dag, &k->timing, &own) != 0) {
        log_warning("schedule", "DAG '%s': the run's data interval is an instant: %s", d->dag_id,
                    err_str(&own));
    }
    if (k->timing != NULL && asking_needed(d)) {
        rc = asking_interval(g, d, row->logical_date_us, &row->data_interval_start_us,
                             &row->data_interval_end_us, e);
        rc = rc != 0 ? err_prefix(e, rc, "the data interval of a run of DAG '%s'", d->dag_id) : 0;
    } else if (k->timing != NULL) {
        rc = timing_interval(k->timing, row->logical_date_us, &row->data_interval_start_us,
                             &row->data_interval_end_us, e);
    }
    dag_unref(d);
    return rc;
}

/* What a run is given is checked by what its DAG says of its params, whoever asks for it. What the clock makes is given nothing, and the
 * defaults were checked when the DAG was read. */
static int check_conf(const struct dag *d, const struct engine_run_request *q, struct err *e)
{
    struct value *conf = NULL;
    struct arena a;
    int rc = 0;

    if (q->scheduled != NULL && q->conf == NULL) {
        return 0;
    }
    arena_init(&a, MiB(64));
    rc = q->conf != NULL ? value_parse(&a, q->conf, strlen(q->conf), &conf, e) : 0;
    if (rc == 0 && conf != NULL && conf->kind != VALUE_OBJECT) {
        rc = err_set(e, ERR_INVALID, "conf must be an object");
    }
    rc = rc == 0 ? params_check(d, conf, e) : rc;
    arena_fini(&a);
    return rc;
}

/* A request of this key was carried out: under another run id, which had the time of that request in it. */
static int made_as_another(struct engine *g, const struct engine_run_request *q,
                           struct find_call *c, struct run_row *row, bool *ret_applied,
                           struct err *e)
{
    struct err none = {0};

    c->e = &none;
    *ret_applied = q->key != NULL && engine_on_store(g, do_find_key, c) == 0;
    if (!*ret_applied) {
        return 0;
    }
    if (q->run_id != NULL || engine_on_store(g, do_get_made, c) != 0) {
        return err_set(e, ERR_EXISTS, "this request was carried out before, and made another run");
    }
    row->run_key = c->run.run_key;
    if (q->ret_found != NULL) {
        *q->ret_found = true;
    }
    return 0;
}

/* ---- what is about to be made ---- */

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool collide(const struct making *a, const struct making *b)
{
    bool keys = false;

    for (int i = 0; i < 4; i++) {
        keys = keys || same(a->keys[i / 2], b->keys[i % 2]);
    }
    return keys || (a->dag_key == b->dag_key && same(a->run_id, b->run_id));
}

int engine_make_begin(struct engine *g, struct making *m, struct err *e)
{
    const struct making *other = g->making;

    while (other != NULL) {
        if (collide(other, m)) {
            int rc = co_cond_wait(&g->made);

            if (rc != 0) {
                return err_set(e, (enum err_code) - rc, "%s", err_text(rc));
            }
            other = g->making;
        } else {
            other = other->next;
        }
    }
    m->next = g->making;
    g->making = m;
    return 0;
}

void engine_make_end(struct engine *g, struct making *m)
{
    struct making **at = &g->making;

    while (*at != m) {
        at = &(*at)->next;
    }
    *at = m->next;
    co_cond_broadcast(&g->made);
}

/* The run of the request, unless it is there; under engine_make_begin. c->run_id and c->key say what is looked for. */
static int insert_run(struct engine *g, const struct engine_run_request *q, struct find_call *c,
                      struct run_row *row, struct dag *d, struct err *e)
{
    char number[24], result[48];
    struct command_row made = {.key = q->key, .result = result, .at_us = engine_now(g)};
    struct xcom_row parent = {.name = PARENT_RECORD, .value = number, .at_us = engine_now(g)};
    struct request r = {.event.type = SCHED_RUN_CREATE};
    bool applied = false;
    int rc = engine_on_store(g, do_find_run, c);

    if (rc == 0) {
        rc = made_before(g, c, e);
        if (rc == 0 && q->ret_found != NULL) {
            *q->ret_found = true;
        }
        row->run_key = c->run.run_key;
        return rc;
    }
    if (rc == -ERR_NOTFOUND) {
        rc = made_as_another(g, q, c, row, &applied, e);
        rc = rc == 0 && !applied
                 ? engine_next_key(g, &g->run_keys, "run", RUN_KEYS, &row->run_key, e)
                 : rc;
    }
    if (rc != 0 || applied) {
        return rc;
    }
    (void)snprintf(result, sizeof result, MADE_RESULT, (long long)row->run_key);
    row->run_id = c->run_id;
    r.event.run.row = row;
    r.event.run.dag = d;
    r.command = q->key != NULL ? &made : NULL;
    if (q->parent != 0) {
        (void)snprintf(number, sizeof number, "%lld", (long long)q->parent);
        parent.key = parent_key(row->run_key);
        parent.value_len = strlen(number);
        r.row = &parent;
    }
    return engine_ask(g, &r, e);
}

/* SUSPENDS perhaps. */
static int set_dates(struct engine *g, struct run_row *row, const struct engine_run_request *q,
                     struct err *e)
{
    if (q->scheduled != NULL) {
        row->logical_date_us = q->scheduled->logical_us;
        row->data_interval_start_us = q->scheduled->start_us;
        row->data_interval_end_us = q->scheduled->end_us;
        row->run_after_us = q->scheduled->run_after_us;
        return 0;
    }
    if (q->has_interval) {
        row->data_interval_start_us = q->interval_start_us;
        row->data_interval_end_us = q->interval_end_us;
        return 0;
    }
    if (q->type == RUN_TYPE_MANUAL) {
        return manual_interval(g, q->dag_key, row, e);
    }
    row->data_interval_start_us = row->data_interval_end_us = row->logical_date_us;
    return 0;
}

static int check_request(const struct dag *d, const struct engine_run_request *q,
                         const char *run_id, struct err *e)
{
    int rc = check_run_id(run_id, e);

    if (rc == 0 && q->partition_key != NULL &&
        (q->partition_key[0] == '\0' || strlen(q->partition_key) > LIMIT_ID_BYTES)) {
        rc = err_set(e, ERR_INVALID, "partition_key: 1 to %d bytes", LIMIT_ID_BYTES);
    }
    return rc == 0 ? check_conf(d, q, e) : rc;
}

int engine_create_run(struct engine *g, const struct engine_run_request *q, int64_t *ret_run_key,
                      struct err *e)
{
    char id[TIME_TEXT_MAX + 32], when[TIME_TEXT_MAX];
    struct arena a;
    struct find_call c = {.g = g,
                          .dag_key = q->dag_key,
                          .date_us = TIME_NONE,
                          .run_id = q->run_id,
                          .key = q->key,
                          .arena = &a,
                          .e = e};
    struct making making = {.dag_key = q->dag_key, .keys = {q->key}};
    struct run_row row = {
        .dag_key = q->dag_key,
        .type = (uint8_t)q->type,
        .state = RUN_QUEUED,
        .queued_us = engine_now(g),
        .run_after_us = engine_now(g),
        .logical_date_us = q->logical_date_us != TIME_NONE ? q->logical_date_us : engine_now(g),
        .start_us = TIME_NONE,
        .end_us = TIME_NONE,
        .conf = q->conf,
        .partition_key = q->partition_key,
        .triggered_by = (uint8_t)(q->parent != 0 ? TRIGGERED_BY_OPERATOR : q->triggered_by),
        .triggering_user = q->triggering_user,
    };
    struct dag *d;
    int rc;

    if (register_known(g, q->dag_key) == NULL) {
        return err_set(e, ERR_NOTFOUND, "the DAG is not known to this engine");
    }
    rc = set_dates(g, &row, q, e);
    if (rc != 0) {
        return rc;
    }
    if (q->scheduled != NULL) {
        c.date_us = row.logical_date_us; /* a backfill may have made it */
    }
    row.version_key = register_known(g, q->dag_key)->version_key;
    d = dag_ref(register_known(g, q->dag_key)->dag); /* another version may come while we wait */
    if (c.run_id == NULL) {
        (void)snprintf(
            id, sizeof id, "%s__%s", run_type_to_string(q->type),
            time_format(q->scheduled != NULL ? row.run_after_us : row.logical_date_us, when));
        c.run_id = id;
    }
    making.run_id = c.run_id;
    rc = check_request(d, q, c.run_id, e);
    rc = rc == 0 ? engine_make_begin(g, &making, e) : rc;
    if (rc == 0) {
        arena_init(&a, MiB(64));
        rc = insert_run(g, q, &c, &row, d, e);
        arena_fini(&a);
        engine_make_end(g, &making);
        *ret_run_key = row.run_key;
    }
    dag_unref(d);
    return rc;
}
