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

static void load_tis(struct sched *s, struct run *r, const struct sched_event *ev)
{
    struct ti_each e = {0};

    for (size_t i = 0; i < ev->run.tis_len; i++) {
        const struct ti_row *row = &ev->run.tis[i];

        if (SCHED_CANARY != 6 && row->map_len > 0 && map_of(r, row->key.task) != NULL) {
            map_expand(s, r, row->key.task, row->map_len);
        }
    }
    for (size_t i = 0; i < ev->run.tis_len && !s->nomem; i++) {
        sched_map_reserve(s, r, ev->run.tis[i].key.task, ev->run.tis[i].key.map_index + 1);
    }
    for (int children = 0; children < 2; children++) {
        for (size_t i = 0; i < ev->run.tis_len && !s->nomem; i++) {
            const struct ti_row *row = &ev->run.tis[i];
            struct ti *ti = run_ti(r, row->key.task, row->key.map_index);

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
        run_stop(s, r, r->reason, r->dag->fail_fast && r->failed > 0 ? TASK_FAILED : TASK_SKIPPED);
    }
    struct ti_each e = {0};

    for (struct ti *ti = ti_next(r, &e); ti != NULL; ti = ti_next(r, &e)) {
        ti_work(s, r, ti);
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
