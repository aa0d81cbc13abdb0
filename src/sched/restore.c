/*
 * A run read back from its rows. Everything that is not in the rows is derived: counters, lanes,
 * slots, timers, questions. Decisions go on as if the core had never stopped: what was live is live
 * under the same token, what was queued and not claimed is offered again, kills that may have been
 * lost are said again.
 */
#include "sched/sched_priv.h"

static bool row_valid(const struct ti_row *row, const struct dag *d)
{
    bool needs_token = row->state == TASK_RUNNING || row->state == TASK_RESTARTING ||
                       row->state == TASK_DEFERRED || row->state == TASK_QUEUED;

    return row->key.task < d->tasks_len && row->key.map_index >= -1 &&
           (row->key.map_index == -1 || d->tasks[row->key.task].mapped) &&
           row->key.map_index < LIMIT_MAP_HARD && row->map_len >= 0 &&
           row->map_len <= LIMIT_MAP_HARD && row->state < TASK_STATE_MAX_ &&
           !(needs_token && uuid_is_zero(&row->attempt));
}

static void ti_from_row(struct sched *s, struct ti *ti, const struct ti_row *row)
{
    ti->state = row->state;
    ti->try_number = row->try_number;
    ti->max_tries = row->max_tries;
    ti->requeues = row->requeues;
    ti->attempt = row->attempt;
    ti->worker = row->worker;
    ti->scheduled_us = row->scheduled_us;
    ti->queued_us = row->queued_us;
    ti->start_us = row->start_us;
    ti->end_us = row->end_us;
    ti->next_us = row->next_us;
    ti->exit_code = row->exit_code;
    text_unref(ti->reason);
    ti->reason = NULL;
    if (row->reason != NULL) {
        ti->reason = text_new(row->reason, LIMIT_REASON_BYTES);
        s->nomem |= ti->reason == NULL;
    }
}

static void ti_revive(struct sched *s, struct run *r, struct ti *ti)
{
    switch (ti->state) {
    case TASK_SCHEDULED:
        lane_add(s, r, ti);
        break;
    case TASK_QUEUED:
        slots_take(s, r, ti);
        if (ti->worker == 0) {
            out_dispatch(s, r, ti);
        }
        break;
    case TASK_RUNNING:
        slots_take(s, r, ti);
        break;
    case TASK_RESTARTING:
        slots_take(s, r, ti);
        ti->flags |= TI_KILLING;
        out_kill(s, r, ti, "cleared");
        break;
    case TASK_DEFERRED:
        if (r->lanes[r->plan->lane_of[ti->task]].pool->include_deferred) {
            pool_keep(s, r, ti);
        }
        break;
    default:
        if (task_state_finished(ti->state) && !uuid_is_zero(&ti->attempt)) {
            slots_take(s, r, ti); /* marked while it lived, and not known to have ended */
            ti->flags |= TI_KILLING;
            r->dying++;
            out_kill(s, r, ti, "marked");
        }
        break;
    }
    ti_timer(s, ti);
}

/* What was removed and lives still; and whether a length is to be asked again. */
static void revive_mapped(struct sched *s, struct run *r)
{
    for (uint32_t k = 0; r->maps != NULL && k < r->plan->maps_len; k++) {
        struct mapping *m = &r->maps[k];
        const struct text *why = r->tis[m->task].reason;

        m->stale = m->len > 0 && why != NULL && strcmp(why->s, STALE_LENGTH) == 0;
        for (int32_t i = m->len; i < m->made; i++) {
            ti_revive(s, r, map_child(m, i));
        }
    }
}

static void load_tis(struct sched *s, struct run *r, const struct sched_event *ev)
{
    struct ti_each e = {0};

    sched_maps_rows(s, r, ev->run.tis, ev->run.tis_len);
    for (int children = 0; children < 2; children++) {
        for (size_t i = 0; i < ev->run.tis_len && !s->nomem; i++) {
            const struct ti_row *row = &ev->run.tis[i];
            struct ti *ti = sched_map_row(s, r, row);

            if (ti != NULL && (row->key.map_index >= 0) == (children == 1)) {
                ti_from_row(s, ti, row);
            }
        }
        if (children == 0) {
            maps_literal(s, r);
        }
    }
    for (struct ti *ti = ti_next(r, &e); ti != NULL; ti = ti_next(r, &e)) {
        if (ti->state != TASK_NONE) {
            ti_count_run(r, ti, TASK_NONE, (uint32_t)-1);
            ti_count_run(r, ti, ti->state, 1);
            ti_count(r, ti, UP_NONE, state_class(ti->state));
            ti_revive(s, r, ti);
        }
    }
    revive_mapped(s, r);
}

static void revive_running(struct sched *s, struct run *r)
{
    struct group *g = group_get(s, r->owner, r->backfill_key);

    if (g == NULL) {
        return;
    }
    g->active++;
    if (r->dag->dagrun_timeout_us > 0) {
        timer_set(s, TIMER_RUN, r, &r->timer, r->start_us + r->dag->dagrun_timeout_us);
    }
    if (r->reason != NULL) {
        /* A running run has a reason only when it is being failed: the stop goes on. */
        bool marked = strncmp(r->reason->s, RUN_MARKED_FAILED, strlen(RUN_MARKED_FAILED)) == 0;
        bool fast = r->dag->fail_fast && r->failed > 0;

        run_stop(s, r, r->reason, marked || fast ? TASK_FAILED : TASK_SKIPPED);
    }
    for (uint32_t t = 0; t < r->dag->tasks_len; t++) {
        sched_task_work(s, r, t);
    }
    run_check(s, r);
}

int on_run_restore(struct sched *s, const struct sched_event *ev)
{
    struct run *r;

    if (ev->run.row == NULL || ev->run.dag == NULL || ev->run.row->state >= RUN_STATE_MAX_) {
        return -ERR_INVALID;
    }
    for (size_t i = 0; i < ev->run.tis_len; i++) {
        if (!row_valid(&ev->run.tis[i], ev->run.dag)) {
            return -ERR_INVALID;
        }
    }
    if (run_find(s, ev->run.row->run_key) == NULL) {
        if (run_new(s, ev->run.row, ev->run.dag, &r) != 0) {
            return -ERR_NOMEM;
        }
        r->ignore_first = ev->run.ignore_first_depends_on_past;
        load_tis(s, r, ev);
        past_link(s, r);
        if (r->state == RUN_QUEUED && r->reason != NULL) {
            run_stop(s, r, r->reason,
                     TASK_SKIPPED); /* it was stopped before it began; something still lives */
        } else if (r->state == RUN_QUEUED) {
            run_enqueue(s, r);
        } else if (r->state == RUN_RUNNING) {
            revive_running(s, r);
        }
    } else {
        s->stats.ignored++;
    }
    pending_loaded(s, ev->run.row->run_key);
    return 0;
}
