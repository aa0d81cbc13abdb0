/* Backfills asked for and changed: each change is one commit, with the audit's row in it. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/backfill_priv.h"
#include "engine/engine_priv.h"
#include "engine/world.h"
#include "model/dag.h"

struct ask_call {
    struct engine *g;
    const char *dag_id;
    int64_t backfill_key;
    struct arena arena;
    struct dag_row dag;
    struct backfill_row *active, row;
    size_t active_len;
    struct err *e;
};

static int do_find_dag(void *arg)
{
    struct ask_call *c = arg;
    struct store *s = c->g->store;
    int rc = s->ops->find_dag(s, c->dag_id, &c->arena, &c->dag, c->e);

    if (rc == -ERR_NOTFOUND) {
        return err_set(c->e, ERR_NOTFOUND,
                       "there is no DAG '%s' in this home; a DAG is known once its file was run "
                       "or a scheduler has read it",
                       c->dag_id);
    }
    return rc == 0 ? s->ops->get_backfills(s, c->dag.dag_key, true, 1, &c->arena, &c->active,
                                           &c->active_len, c->e)
                   : rc;
}

static int do_find_backfill(void *arg)
{
    struct ask_call *c = arg;

    return c->g->store->ops->get_backfill(c->g->store, c->backfill_key, &c->arena, &c->row, c->e);
}

/* ---- create ---- */

static int commit_new(struct engine *g, struct backfill_row *row, struct backfill_run_row *dates,
                      size_t n, const char *dag_id, struct err *e)
{
    char subject[48], after[80];
    struct active_backfill *b;
    struct audit_row audit = {.actor = row->actor != NULL ? row->actor : "cli",
                              .action = "backfill create",
                              .subject = dag_id,
                              .after = after,
                              .at_us = engine_now(g)};
    struct request r = {
        .backfill = row, .backfill_runs = dates, .backfill_runs_len = n, .audit = &audit};
    int rc = engine_next_key(g, &g->backfill_keys, "backfill", 1, &row->backfill_key, e);

    if (rc != 0) {
        return rc;
    }
    (void)snprintf(subject, sizeof subject, "backfill %lld", (long long)row->backfill_key);
    (void)snprintf(after, sizeof after, "{\"backfill\":%lld,\"dates\":%zu}",
                   (long long)row->backfill_key, n);
    for (size_t i = 0; i < n; i++) {
        dates[i].backfill_key = row->backfill_key;
    }
    b = backfills_add(g, row);
    if (b == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a backfill");
    }
    b->ended = true; /* until it is durable nobody looks at it */
    r.event = backfills_limit(b, false);
    rc = engine_ask(g, &r, e);
    b = backfills_find(g, row->backfill_key);
    if (b != NULL && rc == 0) {
        b->ended = false;
        b->carried = g->config.schedules;
    } else if (b != NULL) {
        b->row.completed_us = row->created_us; /* it never was: off the list */
    }
    return rc;
}

static int create(struct engine *g, const struct backfill_request *q, struct ask_call *c,
                  int64_t *ret_key, uint32_t *ret_dates, struct err *e)
{
    struct backfill_run_row *dates = NULL;
    const struct known_dag *known;
    struct backfill_row row;
    size_t n = 0;
    int rc = engine_on_store(g, do_find_dag, c);

    if (rc == 0 && c->active_len > 0) {
        rc = err_set(e, ERR_CONFLICT,
                     "backfill %lld of DAG '%s' has not ended; a DAG has one at a time "
                     "(`tradewind backfill show %lld`)",
                     (long long)c->active[0].backfill_key, q->dag_id,
                     (long long)c->active[0].backfill_key);
    }
    rc = rc == 0 ? register_stored_dag(g, &c->dag, e) : rc;
    known = rc == 0 ? register_known(g, c->dag.dag_key) : NULL;
    if (known != NULL) {
        rc = backfill_plan(q, known->dag, engine_now(g), &c->arena, &row, &dates, &n, e);
    }
    if (rc != 0) {
        return rc;
    }
    row.dag_key = c->dag.dag_key;
    row.max_active_runs =
        q->max_active_runs != 0 ? q->max_active_runs : g->settings.backfill_active;
    rc = commit_new(g, &row, dates, n, q->dag_id, e);
    *ret_key = row.backfill_key;
    *ret_dates = row.dates;
    return rc;
}

int engine_create_backfill(struct engine *g, const struct backfill_request *q, int64_t *ret_key,
                           uint32_t *ret_dates, struct err *e)
{
    struct ask_call c = {.g = g, .dag_id = q->dag_id, .e = e};
    int rc = backfills_lock(g, e);

    if (rc != 0) {
        return rc;
    }
    arena_init(&c.arena, MiB(256));
    rc = create(g, q, &c, ret_key, ret_dates, e);
    arena_fini(&c.arena);
    backfills_unlock(g);
    backfills_look(g);
    return rc;
}

/* ---- change ---- */

static int change(struct engine *g, enum backfill_change what, const char *actor,
                  struct ask_call *c, struct err *e)
{
    static const char *const words[] = {"backfill pause", "backfill unpause", "backfill cancel"};
    char subject[48];
    struct audit_row audit = {.actor = actor != NULL ? actor : "cli",
                              .action = words[what],
                              .subject = subject,
                              .at_us = engine_now(g)};
    struct request r = {.backfill = &c->row, .audit = &audit};
    struct active_backfill *b, changed = {0};
    int rc = engine_on_store(g, do_find_backfill, c);

    if (rc == 0 && (c->row.completed_us != TIME_NONE || c->row.cancelled_us != TIME_NONE)) {
        rc = err_set(e, ERR_CONFLICT, "backfill %lld %s", (long long)c->backfill_key,
                     c->row.cancelled_us != TIME_NONE ? "was cancelled" : "has ended");
    }
    if (rc != 0) {
        return rc;
    }
    (void)snprintf(subject, sizeof subject, "backfill %lld", (long long)c->backfill_key);
    c->row.paused = what == BACKFILL_PAUSE || what == BACKFILL_CANCEL;
    c->row.cancelled_us = what == BACKFILL_CANCEL ? engine_now(g) : TIME_NONE;
    changed.row = c->row;
    b = backfills_find(g, c->backfill_key);
    changed.first_run = b != NULL ? b->first_run : 0;
    r.event = backfills_limit(&changed, false);
    rc = engine_ask(g, &r, e);
    b = backfills_find(g, c->backfill_key);
    if (rc == 0 && b != NULL) {
        b->row.paused = c->row.paused;
        b->row.cancelled_us = c->row.cancelled_us;
        b->not_before_us = 0;
    }
    return rc;
}

int engine_change_backfill(struct engine *g, int64_t backfill_key, enum backfill_change what,
                           const char *actor, struct err *e)
{
    struct ask_call c = {.g = g, .backfill_key = backfill_key, .e = e};
    int rc = backfills_lock(g, e);

    if (rc != 0) {
        return rc;
    }
    arena_init(&c.arena, MiB(4));
    rc = change(g, what, actor, &c, e);
    arena_fini(&c.arena);
    backfills_unlock(g);
    /* Who cancels sees it ended: its queued runs are failed by whoever carries it out, here at least. */
    rc = rc == 0 && what == BACKFILL_CANCEL ? engine_carry_backfill(g, backfill_key, e) : rc;
    backfills_look(g);
    return rc;
}

/* ---- over the socket ---- */

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static bool flag_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

static int int_of(const struct value *o, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const struct value *v = value_get(o, name);

    return v == NULL ? 0 : value_int(v, min, max, ret);
}

int engine_answer_backfill_create(const struct world_call *c, struct err *e)
{
    const char *reprocess = text_of(c->rq, "reprocess_behavior");
    struct backfill_request q = {.dag_id = text_of(c->rq, "dag_id"),
                                 .from = text_of(c->rq, "from_date"),
                                 .to = text_of(c->rq, "to_date"),
                                 .backwards = flag_of(c->rq, "run_backwards"),
                                 .own_version = flag_of(c->rq, "own_version"),
                                 .conf = text_of(c->rq, "dag_run_conf"),
                                 .actor = text_of(c->rq, "actor")};
    int which = reprocess != NULL ? backfill_reprocess_from_string(reprocess) : BACKFILL_NONE;
    int64_t key = 0, most = 0;
    uint32_t dates = 0;
    int rc;

    if (q.dag_id == NULL || q.from == NULL || q.to == NULL || which < 0 ||
        int_of(c->rq, "max_active_runs", 1, LIMIT_BACKFILL_ACTIVE, &most) != 0) {
        return err_set(e, ERR_PROTOCOL,
                       "backfill_create needs dag_id, from_date, to_date, a known "
                       "reprocess_behavior and max_active_runs from 1 to %d",
                       LIMIT_BACKFILL_ACTIVE);
    }
    q.reprocess = (enum backfill_reprocess)which;
    q.max_active_runs = (int32_t)most;
    rc = engine_create_backfill(c->g, &q, &key, &dates, e);
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_key(c->w, "id");
        json_int(c->w, key);
        json_key(c->w, "dates");
        json_int(c->w, dates);
        json_key(c->w, "carried");
        json_bool(c->w, engine_carries_backfill(c->g, key));
        json_object_end(c->w);
    }
    return rc;
}

int engine_answer_backfill_change(const struct world_call *c, struct err *e)
{
    static const char *const words[] = {"pause", "unpause", "cancel"};
    const char *word = text_of(c->rq, "change");
    int64_t key = 0;

    if (word != NULL && int_of(c->rq, "backfill", 1, INT64_MAX, &key) == 0 && key != 0) {
        for (int i = 0; i <= BACKFILL_CANCEL; i++) {
            if (strcmp(word, words[i]) == 0) {
                return engine_change_backfill(c->g, key, (enum backfill_change)i,
                                              text_of(c->rq, "actor"), e);
            }
        }
    }
    return err_set(e, ERR_PROTOCOL,
                   "backfill_change needs a backfill, and pause, unpause or cancel");
}
