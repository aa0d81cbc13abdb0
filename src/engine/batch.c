/*
 * One batch: messages become events for the scheduler and rows for the store (batch_consume.c); the whole is committed; then its effects are released.
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
#include "engine/schedule.h"
#include "model/dag.h"

#define REPEAT_FIRST_US (TIME_SECOND / 20)
#define REPEAT_MAX_US   (2 * TIME_SECOND)
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
    int rc = batch_settle_commands(g);

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

    if (!batch_is_live(g, &d->key, &d->token, &row) ||
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
