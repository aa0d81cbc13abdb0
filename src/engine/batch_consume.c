/*
 * What comes into a batch: messages of the worker and of who asks become events for the scheduler and rows for the store.
 */
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/backfill.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/mappers.h"
#include "model/dag.h"

#define EXTRAS(g, list, value) \
    VEC_PUSH((g)->extras.list, (g)->extras.list##_len, (g)->extras.list##_cap, value)

static bool holds_token(struct engine *g, const struct ti_key *key, const struct uuid *token,
                        struct ti_row *row)
{
    return sched_get_ti(g->sched, key, row) == 0 && !uuid_is_zero(token) &&
           (ENGINE_CANARY == 8 || uuid_cmp(&row->attempt, token) == 0);
}

bool batch_is_live(struct engine *g, const struct ti_key *key, const struct uuid *token,
                   struct ti_row *row)
{
    return holds_token(g, key, token, row) && !task_state_finished(row->state);
}

static int consume_started(struct engine *g, struct msg *m)
{
    struct sched_event ev = {.type = SCHED_STARTED};
    struct attempt_row facts = {.key = m->key, .attempt = m->token, .pid = m->pid};
    struct ti_row row;
    int rc = 0;

    if (!batch_is_live(g, &m->key, &m->token, &row)) {
        return 0;
    }
    facts.try_number = row.try_number;
    facts.holder = m->holder;
    facts.log_path = m->log;
    if (m->log != NULL) {
        rc = EXTRAS(g, attempts, facts);
    }
    if (rc == 0 && row.try_number > 1 && row.state == TASK_QUEUED && row.start_us == TIME_NONE) {
        rc = EXTRAS(g, xcom_clears, m->key); /* as Airflow clears them when a task starts again */
    }
    ev.attempt.key = m->key;
    ev.attempt.token = m->token;
    ev.attempt.worker = g->worker->id;
    ev.attempt.at_us = m->at_us != 0 ? m->at_us : engine_now(g);
    return rc == 0 ? engine_feed(g, &ev) : rc;
}

static int add_xcom(struct engine *g, const struct ti_key *key, const struct uuid *attempt,
                    const struct worker_xcom *x)
{
    struct xcom_row row = {.key = *key, .name = x->name, .value = x->value, .value_len = x->len};
    char token[UUID_TEXT_MAX];

    row.at_us = engine_now(g);
    if (x->len > LIMIT_XCOM_INLINE && g->config.home != NULL) {
        struct spill s = {.data = x->value, .len = x->len};
        char *rel = arena_printf(&g->extras.arena, "xcom/%lld/%s-%08x", (long long)key->run_key,
                                 uuid_format(attempt, token), hash_bytes(x->name, strlen(x->name)));

        s.path = rel != NULL ? arena_printf(&g->extras.arena, "%s/%s", g->config.home, rel) : NULL;
        if (s.path == NULL || EXTRAS(g, spills, s) != 0) {
            return -ERR_NOMEM;
        }
        row.value = NULL;
        row.value_len = x->len;
        row.spill = rel;
    }
    return EXTRAS(g, xcoms, row);
}

static enum sched_outcome outcome_of(const struct worker_end *end)
{
    switch (end->outcome) {
    case WORKER_SUCCESS:
        return SCHED_OUTCOME_SUCCESS;
    case WORKER_SKIPPED:
        return SCHED_OUTCOME_SKIPPED;
    case WORKER_FAILED_NO_RETRY:
        return SCHED_OUTCOME_FAILED_NO_RETRY;
    case WORKER_KILLED:
        return SCHED_OUTCOME_KILLED;
    case WORKER_RESUME:
        return SCHED_OUTCOME_RESUME;
    default:
        return SCHED_OUTCOME_FAILED;
    }
}

static int feed_end(struct engine *g, const struct worker_end *end, uint8_t state)
{
    struct sched_event ev = {0};

    if (end->outcome == WORKER_LOST || end->outcome == WORKER_RESCHEDULE) {
        ev.type = end->outcome == WORKER_LOST ? SCHED_LOST : SCHED_RESCHEDULE;
        ev.attempt.key = end->key;
        ev.attempt.token = end->token;
        ev.attempt.worker = g->worker->id;
        ev.attempt.at_us = end->outcome == WORKER_LOST ? engine_now(g) : end->until_us;
        return engine_feed(g, &ev);
    }
    if (end->outcome == WORKER_DEFERRED) {
        ev.type = SCHED_DEFERRED;
        ev.attempt.key = end->key;
        ev.attempt.token = end->token;
        ev.attempt.worker = g->worker->id;
        ev.attempt.at_us = end->until_us;
        return engine_feed(g, &ev);
    }
    ev.type = end->from_wait && state == TASK_DEFERRED ? SCHED_FIRED : SCHED_ENDED;
    ev.ended.key = end->key;
    ev.ended.token = end->token;
    ev.ended.outcome = outcome_of(end);
    ev.ended.at_us = end->at_us != 0 ? end->at_us : engine_now(g);
    ev.ended.exit_code = end->exit_code;
    ev.ended.reason = end->reason;
    ev.ended.skip = end->skip;
    ev.ended.skip_len = end->skip_len;
    ev.ended.skip_map = end->skip_map;
    return engine_feed(g, &ev);
}

static int consume_ended(struct engine *g, struct msg *m)
{
    const struct worker_end *end = m->end;
    struct ti_row row;
    int rc = EXTRAS(g, acks, end->token); /* also when stale: the worker need not keep it */

    if (rc != 0 || !holds_token(g, &end->key, &end->token, &row)) {
        return rc;
    }
    if (task_state_finished(row.state)) {
        /* marked meanwhile: only its slots are still to be given back */
        return feed_end(g, end, row.state);
    }
    for (size_t i = 0; rc == 0 && i < end->xcoms_len; i++) {
        rc = add_xcom(g, &end->key, &end->token, &end->xcoms[i]);
    }
    if (rc == 0 && end->record != NULL) {
        struct worker_xcom record = {ENGINE_RECORD_STATE, end->record, strlen(end->record)};
        struct ti_key key = engine_record_key(&end->key);

        rc = add_xcom(g, &key, &end->token, &record);
    }
    if (rc == 0 && end->map_name != NULL) {
        struct worker_xcom name = {ENGINE_RECORD_NAME, end->map_name, strlen(end->map_name)};
        struct ti_key key = engine_record_key(&end->key);

        rc = add_xcom(g, &key, &end->token, &name);
    }
    if (rc == 0 && end->outcome == WORKER_SUCCESS) {
        rc = batch_add_asset_events(g, end);
    }
    if (rc == 0 && end->rendered != NULL) {
        rc = EXTRAS(g, rendered, ((struct rendered_row){.key = end->key, .json = end->rendered}));
    }
    return rc == 0 ? feed_end(g, end, row.state) : rc;
}

/* A command that the scheduler has refused already. */
static bool is_refused(const struct engine *g, const struct request *r)
{
    for (size_t i = g->actions.replies_len; r->wants_reply && i-- > 0;) {
        if (g->actions.replies[i].command == r->event.command.command) {
            return g->actions.replies[i].rc != 0;
        }
    }
    return r->rc != 0;
}

/* That a request was applied: its idempotency key, and who asked. */
static int record(struct engine *g, const struct request *r)
{
    int rc = r->command != NULL ? EXTRAS(g, commands, *r->command) : 0;

    return rc == 0 && r->audit != NULL ? EXTRAS(g, audits, *r->audit) : rc;
}

static struct request *request_of(struct engine *g, int64_t command)
{
    struct request *r = g->replies;

    while (r != NULL && r->event.command.command != command) {
        r = r->next_waiting;
    }
    return r;
}

/* A command may have waited for its run to be loaded. It is written down as applied in the very commit that applies it: else a kill in between
 * would lose it, and its key would say that it is done. One that was refused may be tried again. */
int batch_settle_commands(struct engine *g)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < g->actions.replies_len; i++) {
        const struct sched_reply *p = &g->actions.replies[i];
        const struct request *r = p->rc == 0 ? request_of(g, p->command) : NULL;

        rc = r != NULL ? record(g, r) : 0;
    }
    return rc;
}

static int take_lists(struct engine *g, const struct request *r)
{
    int rc = r->ti_delete != NULL ? EXTRAS(g, ti_deletes, *r->ti_delete) : 0;

    for (size_t i = 0; rc == 0 && i < r->alerts_len; i++) {
        rc = EXTRAS(g, alerts, r->alerts[i]);
    }
    for (size_t i = 0; rc == 0 && i < r->deadlines_len; i++) {
        rc = EXTRAS(g, deadlines, r->deadlines[i]);
    }
    for (size_t i = 0; rc == 0 && i < r->run_deletes_len; i++) {
        rc = EXTRAS(g, run_deletes, r->run_deletes[i]);
    }
    return rc;
}

static int consume_request(struct engine *g, struct msg *m)
{
    struct request *r = m->request;
    int rc = 0;

    if (r->turn != NULL && (r->rc = r->turn(g, r)) != 0) {
        r->next_waiting = g->requests;
        g->requests = r;
        return 0;
    }
    if (r->dag != NULL) {
        rc = EXTRAS(g, dags, *r->dag);
        consumers_paused(g, r->dag->dag_key, r->dag->paused);
    }
    if (rc == 0 && r->version != NULL) {
        rc = EXTRAS(g, versions, *r->version);
    }
    if (rc == 0 && !r->wants_reply) { /* else with the reply: batch_settle_commands */
        rc = record(g, r);
    }
    for (size_t i = 0; rc == 0 && i < r->arrivals_len; i++) {
        rc = EXTRAS(g, arrivals, r->arrivals[i]);
    }
    if (rc == 0 && r->command2 != NULL) {
        rc = EXTRAS(g, commands, *r->command2);
    }
    if (rc == 0 && r->note != NULL) {
        rc = EXTRAS(g, notes, *r->note);
    }
    for (size_t i = 0; rc == 0 && i < r->assets_len; i++) {
        rc = EXTRAS(g, assets, r->assets[i]);
    }
    if (rc == 0 && r->clear != NULL) {
        rc = EXTRAS(g, xcom_clears, *r->clear);
    }
    for (size_t i = 0; rc == 0 && r->row != NULL && i <= r->row_more; i++) {
        rc = EXTRAS(g, xcoms, r->row[i]);
    }
    rc = rc == 0 ? take_lists(g, r) : rc;
    if (rc == 0 && r->xcom != NULL) {
        struct ti_row row;

        if (batch_is_live(g, &r->xcom_key, &r->xcom_token, &row)) {
            rc = add_xcom(g, &r->xcom_key, &r->xcom_token, r->xcom);
        } else {
            r->rc = -ERR_STALE;
        }
    }
    if (r->wants_reply) {
        r->event.command.command = g->next_command++;
        r->next_waiting = g->replies;
        g->replies = r;
    } else {
        r->next_waiting = g->requests;
        g->requests = r;
    }
    if (rc == 0 && r->event.type != 0) {
        int step = engine_feed(g, &r->event);

        if (step == -ERR_NOMEM) {
            return step;
        }
        r->rc = step; /* -ERR_INVALID: refused, nothing changed */
    }
    if (rc == 0 && r->backfill != NULL) {
        rc = EXTRAS(g, backfills, *r->backfill);
    }
    for (size_t i = 0; rc == 0 && !is_refused(g, r) && i < r->backfill_runs_len; i++) {
        rc = EXTRAS(g, backfill_runs, r->backfill_runs[i]);
    }
    for (size_t i = 0; rc == 0 && r->rc == 0 && i < r->queue_len; i++) {
        rc = EXTRAS(g, asset_queue, r->queue[i]);
    }
    return rc;
}

static int consume_deferred(struct engine *g, struct msg *m)
{
    struct sched_event ev = {.type = SCHED_DEFERRED};

    ev.attempt.key = m->key;
    ev.attempt.token = m->token;
    ev.attempt.worker = g->worker->id;
    ev.attempt.at_us = m->at_us;
    return engine_feed(g, &ev);
}

int batch_consume(struct engine *g, struct msg *m)
{
    int rc = 0;

    if (m->type == MSG_ENDED && mappers_park(g, m)) {
        return 0;
    }
    m->next = g->consumed;
    g->consumed = m;
    switch (m->type) {
    case MSG_STARTED:
        rc = consume_started(g, m);
        break;
    case MSG_DEFERRED:
        rc = consume_deferred(g, m);
        break;
    case MSG_ENDED:
        rc = consume_ended(g, m);
        break;
    case MSG_REQUEST:
        rc = consume_request(g, m);
        break;
    case MSG_EVENT:
        if (facts_stale(g, m)) {
            if (m->asked.question != 0) {
                facts_answer(g, &m->asked); /* it is read anew */
            }
        } else {
            rc = engine_feed(g, &m->event);
        }
        break;
    }
    return rc == -ERR_NOMEM ? rc : 0; /* the scheduler counts what it ignores */
}
