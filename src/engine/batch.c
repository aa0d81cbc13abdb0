/*
 * One batch: messages become events for the scheduler and rows for the store; the whole is committed; then its effects are released.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/backfill.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "engine/mappers.h"
#include "engine/schedule.h"
#include "model/dag.h"

#define REPEAT_FIRST_US (TIME_SECOND / 20)
#define REPEAT_MAX_US   (2 * TIME_SECOND)
#define EXTRAS(g, list, value) \
    VEC_PUSH((g)->extras.list, (g)->extras.list##_len, (g)->extras.list##_cap, value)

/* ---- messages in ---- */

static bool holds_token(struct engine *g, const struct ti_key *key, const struct uuid *token,
                        struct ti_row *row)
{
    return sched_get_ti(g->sched, key, row) == 0 && !uuid_is_zero(token) &&
           (ENGINE_CANARY == 8 || uuid_cmp(&row->attempt, token) == 0);
}

static bool is_live(struct engine *g, const struct ti_key *key, const struct uuid *token,
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

    if (!is_live(g, &m->key, &m->token, &row)) {
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
static int settle_commands(struct engine *g)
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
    if (rc == 0 && !r->wants_reply) { /* else with the reply: settle_commands */
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

        if (is_live(g, &r->xcom_key, &r->xcom_token, &row)) {
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

int batch_claim(struct engine *g)
{
    for (; g->claimed < g->actions.dispatches_len; g->claimed++) {
        const struct sched_dispatch *d = &g->actions.dispatches[g->claimed];
        struct sched_event ev = {.type = SCHED_CLAIM};
        int rc;

        ev.attempt.key = d->key;
        ev.attempt.token = d->token;
        ev.attempt.worker = g->worker->id;
        ev.attempt.at_us = engine_now(g);
        rc = engine_feed(g, &ev);
        if (rc == -ERR_NOMEM) {
            return rc;
        }
    }
    return 0;
}

/* ---- commit ---- */

bool batch_is_alone(const struct msg *m)
{
    return (m->type == MSG_EVENT && m->event.type == SCHED_RUN_RESTORE) ||
           (m->type == MSG_REQUEST && m->request->event.type == SCHED_CLEAR &&
            m->request->event.command.dag != NULL);
}

static bool nothing_durable(const struct engine *g)
{
    const struct sched_actions *a = &g->actions;
    const struct extras *x = &g->extras;

    return a->tis_len == 0 && a->runs_len == 0 && a->transitions_len == 0 && a->tries_len == 0 &&
           a->grants_len == 0 && x->dags_len == 0 && x->versions_len == 0 && x->xcoms_len == 0 &&
           x->rendered_len == 0 && x->attempts_len == 0 && x->commands_len == 0 &&
           x->audits_len == 0 && x->xcom_clears_len == 0 && x->assets_len == 0 &&
           x->asset_events_len == 0 && x->asset_queue_len == 0 && x->backfills_len == 0 &&
           x->backfill_runs_len == 0 && x->alerts_len == 0 && x->deadlines_len == 0 &&
           x->notes_len == 0 && x->arrivals_len == 0 && x->ti_deletes_len == 0 &&
           x->run_deletes_len == 0 && a->moves_len == 0;
}

bool batch_empty(const struct engine *g)
{
    const struct sched_actions *a = &g->actions;

    return nothing_durable(g) && a->dispatches_len == 0 && a->kills_len == 0 &&
           a->questions_len == 0 && a->replies_len == 0 && a->pauses_len == 0 &&
           g->extras.acks_len == 0 && g->requests == NULL;
}

static int write_spill(const struct spill *s, struct err *e)
{
    char tmp[4096];
    char *slash;
    size_t done = 0;
    int fd, rc = 0;

    if (snprintf(tmp, sizeof tmp, "%s.new", s->path) >= (int)sizeof tmp) {
        return err_set(e, ERR_LIMIT, "path too long: %s", s->path);
    }
    for (slash = strchr(tmp + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(tmp, 0700);
        *slash = '/';
    }
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "cannot write %s", tmp);
    }
    while (rc == 0 && done < s->len) {
        ssize_t n = write(fd, (const char *)s->data + done, s->len - done);

        if (n < 0) {
            rc = err_errno(e, errno, "cannot write %s", tmp);
        } else {
            done += (size_t)n;
        }
    }
    if (rc == 0 && fsync(fd) != 0) {
        rc = err_errno(e, errno, "cannot sync %s", tmp);
    }
    (void)close(fd);
    if (rc == 0 && rename(tmp, s->path) != 0) {
        rc = err_errno(e, errno, "cannot rename %s", tmp);
    }
    return rc;
}

struct commit_call {
    struct engine *g;
    struct store_batch batch;
    struct err e;
};

/* On the store's thread. Files of spilled XComs first: a row never names a file that is not there. */
static int do_commit(void *arg)
{
    struct commit_call *c = arg;
    struct engine *g = c->g;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < g->extras.spills_len; i++) {
        rc = write_spill(&g->extras.spills[i], &c->e);
    }
    return rc != 0 ? rc
                   : g->store->ops->commit(g->store, ENGINE_SHARD, g->epoch, g->seq + 1, &c->batch,
                                           &c->e);
}

/* In the extras' arena: NULL when out of memory. */
static const struct move_row *moves_of(struct engine *g)
{
    const struct sched_actions *a = &g->actions;
    struct move_row *rows = arena_array(&g->extras.arena, a->moves_len + 1, sizeof *rows);

    for (size_t i = 0; rows != NULL && i < a->moves_len; i++) {
        const struct sched_move *m = &a->moves[i];

        rows[i] = (struct move_row){.run_key = m->run_key,
                                    .version_key = m->version_key,
                                    .at_us = m->at_us,
                                    .to = m->to,
                                    .task_ids = m->task_ids,
                                    .len = m->to_len};
    }
    return rows;
}

static int fill(struct engine *g, struct store_batch *b)
{
    const struct sched_actions *a = &g->actions;
    const struct extras *x = &g->extras;
    const struct move_row *moves = a->moves_len > 0 ? moves_of(g) : NULL;

    if (moves == NULL && a->moves_len > 0) {
        return -ERR_NOMEM;
    }

    *b = (struct store_batch){
        .dags = x->dags,
        .dags_len = x->dags_len,
        .versions = x->versions,
        .versions_len = x->versions_len,
        .runs = a->runs,
        .runs_len = a->runs_len,
        .tis = a->tis,
        .tis_len = a->tis_len,
        .transitions = a->transitions,
        .transitions_len = a->transitions_len,
        .tries = a->tries,
        .tries_len = a->tries_len,
        .xcoms = x->xcoms,
        .xcoms_len = x->xcoms_len,
        .xcom_clears = x->xcom_clears,
        .xcom_clears_len = x->xcom_clears_len,
        .rendered = x->rendered,
        .rendered_len = x->rendered_len,
        .attempts = x->attempts,
        .attempts_len = x->attempts_len,
        .commands = x->commands,
        .commands_len = x->commands_len,
        .audits = x->audits,
        .audits_len = x->audits_len,
        .assets = x->assets,
        .assets_len = x->assets_len,
        .asset_events = x->asset_events,
        .asset_events_len = x->asset_events_len,
        .backfills = x->backfills,
        .backfills_len = x->backfills_len,
        .backfill_runs = x->backfill_runs,
        .backfill_runs_len = x->backfill_runs_len,
        .alerts = x->alerts,
        .alerts_len = x->alerts_len,
        .deadlines = x->deadlines,
        .deadlines_len = x->deadlines_len,
        .asset_queue = x->asset_queue,
        .asset_queue_len = x->asset_queue_len,
        .moves = moves,
        .moves_len = a->moves_len,
        .notes = x->notes,
        .notes_len = x->notes_len,
        .arrivals = x->arrivals,
        .arrivals_len = x->arrivals_len,
        .ti_deletes = x->ti_deletes,
        .ti_deletes_len = x->ti_deletes_len,
        .run_deletes = x->run_deletes,
        .run_deletes_len = x->run_deletes_len,
    };
    return 0;
}

static bool worth_repeating(int rc)
{
    return rc == -ERR_FULL || rc == -ERR_BUSY || rc == -ERR_IO || rc == -ERR_TIMEOUT ||
           rc == -ERR_NOMEM;
}

/* Between two tries of the same commit: said once, then quietly, with growing pauses. */
static void wait_to_repeat(struct engine *g, int rc, const struct err *e, int64_t *delay)
{
    if (g->stats.store_error == 0) {
        log_warning("engine", "the store cannot be written, nothing new starts until it can: %s",
                    err_str(e));
        g->worker->ops->pause(g->worker, true);
    }
    g->stats.store_error = rc;
    (void)co_sleep(*delay);
    *delay = *delay * 2 > REPEAT_MAX_US ? REPEAT_MAX_US : *delay * 2;
}

int batch_commit(struct engine *g)
{
    struct commit_call c = {.g = g};
    int64_t delay = REPEAT_FIRST_US, began = loop_now_us(g->loop);
    int rc = settle_commands(g);

    if (rc == 0 && nothing_durable(g)) {
        return 0;
    }
    if (rc != 0 || fill(g, &c.batch) != 0) {
        g->fatal = -ERR_NOMEM;
        (void)snprintf(g->fatal_text, sizeof g->fatal_text, "out of memory for a commit");
        log_error("engine", "%s", g->fatal_text);
        return g->fatal;
    }
    while ((rc = co_offload(g->pool, do_commit, &c)) != 0) {
        if (!worth_repeating(rc) || (g->closing && loop_now_us(g->loop) >= g->close_by_us)) {
            g->fatal = rc;
            (void)snprintf(g->fatal_text, sizeof g->fatal_text, "the store %s a commit: %s",
                           worth_repeating(rc) ? "could not take" : "refused", err_str(&c.e));
            log_error("engine", "%s", g->fatal_text);
            return rc;
        }
        g->metrics.store_errors++;
        wait_to_repeat(g, rc, &c.e, &delay);
    }
    if (g->stats.store_error != 0) {
        log_warning("engine", "the store can be written again");
        g->stats.store_error = 0;
        g->worker->ops->pause(g->worker, g->interrupted || g->draining);
    }
    g->seq++;
    g->stats.commits++;
    g->stats.rows += c.batch.tis_len + c.batch.runs_len;
    g->stats.transitions += c.batch.transitions_len;
    g->stats.commit_us += loop_now_us(g->loop) - began;
    metrics_committed(g, loop_now_us(g->loop) - began);
    return 0;
}

/* ---- effects ---- */

static void end_unstarted(struct engine *g, const struct sched_dispatch *d,
                          enum worker_outcome outcome, const char *why)
{
    struct worker_end *end = worker_end_new(&d->key, &d->token, outcome);

    if (end != NULL) {
        end->reason =
            arena_printf(&end->arena, outcome == WORKER_FAILED ? "cannot start: %s" : "%s", why);
        facts_callbacks(g).ended(g, end);
    }
}

static void start_one(struct engine *g, const struct sched_dispatch *d)
{
    struct worker_job job = {
        .key = d->key, .token = d->token, .resumed = d->resumed, .start_us = TIME_NONE};
    struct run_row run;
    struct ti_row row;
    const struct dag *dag;
    struct err e = {0};

    if (!is_live(g, &d->key, &d->token, &row) ||
        sched_get_run(g->sched, d->key.run_key, &run, &dag) != 0) {
        return; /* taken back within the batch */
    }
    if (row.state != TASK_QUEUED) { /* killed within the batch: it ends without having started */
        end_unstarted(g, d, WORKER_KILLED, "killed before it started");
        return;
    }
    job.start_us = row.start_us;
    job.try_number = row.try_number;
    job.max_tries = row.max_tries;
    job.dag = (struct dag *)dag;
    job.run = &run;
    if (g->worker->ops->start(g->worker, &job, &e) != 0) {
        end_unstarted(g, d, WORKER_FAILED, err_str(&e));
    }
}

static void answer_replies(struct engine *g)
{
    for (size_t i = 0; i < g->actions.replies_len; i++) {
        const struct sched_reply *p = &g->actions.replies[i];

        for (struct request **at = &g->replies; *at != NULL; at = &(*at)->next_waiting) {
            struct request *r = *at;

            if (r->event.command.command == p->command) {
                *at = r->next_waiting;
                r->rc = p->rc;
                r->affected = p->affected;
                (void)snprintf(r->text, sizeof r->text, "%s", p->text != NULL ? p->text : "");
                r->done = true;
                co_wake(r->co);
                break;
            }
        }
    }
    while (g->requests != NULL) {
        struct request *r = g->requests;

        g->requests = r->next_waiting;
        r->done = true;
        co_wake(r->co);
    }
}

/*
 * Runs that have ended and leave the scheduler without a row of their own in this batch: one that was ended by hand while attempts of it
 * lived, with the last of them; one that was read back for a command that changed instances alone, or nothing.
 */
static void forget_ended(struct engine *g)
{
    for (const struct msg *m = g->consumed; m != NULL; m = m->next) {
        bool read_back = m->type == MSG_EVENT && m->event.type == SCHED_RUN_RESTORE;
        int64_t run_key = m->type == MSG_ENDED ? m->end->key.run_key
                          : read_back          ? m->event.run.row->run_key
                                               : 0;
        struct run_row run;
        const struct dag *d;

        if (run_key != 0 && sched_get_run(g->sched, run_key, &run, &d) == 0 &&
            run_state_finished(run.state)) {
            (void)facts_forget(g, run.run_key);
        }
    }
}

static void tell_finished_runs(struct engine *g)
{
    for (size_t i = 0; i < g->actions.runs_len; i++) {
        const struct run_row *run = &g->actions.runs[i];

        for (struct run_waiter *w = g->waiters; w != NULL; w = w->next) {
            if (w->run_key == run->run_key && run_state_finished(run->state)) {
                w->state = run->state;
                co_wake(w->co);
            }
        }
    }
    for (struct run_waiter *w = g->waiters; g->interrupted && w != NULL; w = w->next) {
        co_wake(w->co);
    }
}

void batch_start(struct engine *g)
{
    for (size_t i = 0; i < g->actions.dispatches_len; i++) {
        start_one(g, &g->actions.dispatches[i]);
    }
}

void batch_ack(struct engine *g)
{
    for (size_t i = 0; i < g->extras.acks_len; i++) {
        g->worker->ops->ack(g->worker, &g->extras.acks[i]);
    }
}

void batch_effects(struct engine *g)
{
    if (g->on_commit != NULL) {
        g->on_commit(g->on_commit_arg, &g->actions);
    }
    batch_ack(g);
    batch_start(g);
    for (size_t i = 0; i < g->actions.kills_len; i++) {
        const struct sched_kill *k = &g->actions.kills[i];

        g->worker->ops->kill(g->worker, &k->token, k->reason != NULL ? k->reason : "killed");
    }
    for (size_t i = 0; i < g->actions.questions_len; i++) {
        facts_answer(g, &g->actions.questions[i]);
    }
    answer_replies(g);
    callbacks_of_runs(g);
    alerts_told(g);
    batch_tell_runs(g);
    batch_tell_events(g);
    tell_finished_runs(g);
    for (size_t i = 0; i < g->actions.runs_len; i++) {
        if (schedule_saw(g, &g->actions.runs[i]) != 0) {
            log_error("engine", "out of memory: a run is not counted for max_active_runs");
        }
        backfills_saw(g, &g->actions.runs[i]);
        if (run_state_finished(g->actions.runs[i].state)) {
            (void)facts_forget(g, g->actions.runs[i].run_key); /* or with its last attempt */
        }
    }
    forget_ended(g);
    consumers_look(g);
}

void batch_free_message(struct engine *g, struct msg *m)
{
    (void)g;
    mem_free(m->holder);
    mem_free(m->log);
    worker_end_free(m->end);
    arena_fini(&m->arena);
    if (m->type == MSG_EVENT && m->event.type == SCHED_RUN_RESTORE) {
        dag_unref(m->event.run.dag);
    }
    mem_free(m);
}

void batch_clear(struct engine *g)
{
    struct extras *x = &g->extras;

    sched_actions_clear(&g->actions);
    g->claimed = 0;
    x->dags_len = x->versions_len = x->xcoms_len = x->xcom_clears_len = x->rendered_len = 0;
    x->attempts_len = x->commands_len = x->audits_len = x->spills_len = x->acks_len = 0;
    x->notes_len = x->arrivals_len = x->ti_deletes_len = x->run_deletes_len = 0;
    x->assets_len = x->asset_events_len = x->asset_queue_len = x->event_groups_len = 0;
    x->backfills_len = x->backfill_runs_len = 0;
    x->alerts_len = x->deadlines_len = 0;
    arena_fini(&x->arena);
    for (struct msg *m = g->consumed; m != NULL; m = g->consumed) {
        g->consumed = m->next;
        batch_free_message(g, m);
    }
}
