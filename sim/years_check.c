#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/rows.h"
#include "years.h"

/* ---- the list ---- */

static void step_list(struct years *y, struct years_dag *d, const struct timetable_run *last)
{
    struct timetable_question q = {
        .zone = d->zone,
        .last = last,
        .restriction = {d->dag->start_date_us, d->dag->end_date_us, true},
        .now_us = d->dag->start_date_us,
    };
    struct timetable_run before, next;
    struct err e = {0};
    int rc;

    if (d->continuous) {
        return;
    }
    if (last != NULL) {
        before = *last;
        q.last = &before;
    }
    rc = timetable_next(d->dag->timetable, &q, &next, &e);
    if (rc < 0) {
        y->fail(y, d, "the list cannot be made", TIME_NONE);
    }
    d->has_next = rc == 1;
    if (d->has_next) {
        d->next = next;
    }
}

void years_first(struct years *y, struct years_dag *d)
{
    d->since_us = TIME_NONE;
    step_list(y, d, NULL);
}

static bool same(const struct timetable_run *a, const struct timetable_run *b)
{
    return a->run_after_us == b->run_after_us && a->start_us == b->start_us &&
           a->end_us == b->end_us && a->logical_us == b->logical_us;
}

/* ---- stretches ---- */

/* What is first on the list should have been there by now. */
static void check_late(struct years *y, struct years_dag *d, int64_t now_us)
{
    if (d->since_us == TIME_NONE || !d->has_next || now_us - d->since_now < LOOK_US ||
        d->next.run_after_us > y->seen_us - LOOK_US) {
        return;
    }
    /* Without catchup nothing is made up for once the schedule has ended. */
    if (!d->catchup && d->dag->end_date_us != TIME_NONE &&
        d->since_us + LOOK_US >= d->dag->end_date_us) {
        return;
    }
    if (d->from_now && d->next.run_after_us <= d->since_us + LOOK_US) {
        return;
    }
    y->fail(y, d, "late", d->next.run_after_us);
}

void years_stretch(struct years *y, struct years_dag *d, int64_t now_us)
{
    bool free = d->known && !d->paused && (d->max_active <= 0 || d->active < d->max_active);

    if (free && d->since_us == TIME_NONE) {
        d->since_us = y->seen_us;
        d->since_now = now_us;
    } else if (!free) {
        check_late(y, d, now_us);
        d->since_us = TIME_NONE;
    }
}

void years_break(struct years *y, int64_t now_us)
{
    for (size_t i = 0; i < y->dags_len && !y->failed; i++) {
        struct years_dag *d = &y->dags[i];

        check_late(y, d, now_us);
        d->since_us = TIME_NONE;
    }
}

/* ---- runs ---- */

/* Whether the first of the list may be left out, now that a later run is there; the list goes on behind it. */
static void leave_out(struct years *y, struct years_dag *d)
{
    struct timetable_run left = d->next;
    int64_t since = d->since_us;

    step_list(y, d, &left);
    d->left_out++;
    if (d->catchup) {
        y->fail(y, d, "missing", left.run_after_us);
    } else if (since != TIME_NONE && !d->from_now &&
               (!d->has_next ||
                d->next.run_after_us - d->dag->timetable->delay_us > since + LOOK_US)) {
        y->fail(y, d, "missing", left.run_after_us);
    } else if (since != TIME_NONE && d->from_now && left.run_after_us > since + LOOK_US) {
        y->fail(y, d, "missing", left.run_after_us);
    }
}

/* A period without catchup stands on no grid: what is later than a whole one begins anew. */
static bool begins_anew(const struct years_dag *d, const struct timetable_run *r)
{
    return d->floating && d->has_next && d->next.run_after_us < r->run_after_us &&
           (!d->has_last || d->next.run_after_us + d->dag->timetable->delta.us > r->run_after_us);
}

static void made(struct years *y, struct years_dag *d, const struct timetable_run *r)
{
    d->runs++;
    y->hash = y->hash * UINT64_C(1099511628211) ^ (uint64_t)r->run_after_us ^ (uint64_t)d->dag_key;
    if (r->run_after_us > y->seen_us) {
        y->fail(y, d, "early", r->run_after_us);
    }
    if (d->has_last &&
        (r->run_after_us < d->last.run_after_us ||
         (r->run_after_us == d->last.run_after_us && r->logical_us <= d->last.logical_us))) {
        y->fail(y, d, "double", r->run_after_us);
    }
    if (d->continuous && d->has_last && (r->start_us != d->last.end_us || d->active > 0)) {
        y->fail(y, d, "not after the one before it", r->run_after_us);
    }
    while (!y->failed && d->has_next && d->next.run_after_us < r->run_after_us &&
           !begins_anew(d, r)) {
        leave_out(y, d);
    }
    if (!y->failed && !d->continuous && (!d->has_next || !same(&d->next, r)) &&
        !begins_anew(d, r)) {
        y->fail(y, d, "foreign", r->run_after_us);
    }
    /* Its jitter comes after its time: what began anew may have done so because that was past. */
    if (begins_anew(d, r) && d->has_last && d->since_us != TIME_NONE &&
        d->next.run_after_us - d->dag->timetable->delay_us > d->since_us + LOOK_US) {
        y->fail(y, d, "missing", d->next.run_after_us);
    }
    d->last = *r;
    d->has_last = true;
    step_list(y, d, r);
}

static struct years_dag *find(struct years *y, int64_t dag_key)
{
    for (size_t i = 0; i < y->dags_len; i++) {
        size_t at = ((size_t)dag_key - 1 + i) % y->dags_len; /* keys mostly follow the order */

        if (y->dags[at].dag_key == dag_key) {
            return &y->dags[at];
        }
    }
    abort();
}

void years_saw(struct years *y, const struct run_row *run, int64_t now_us)
{
    struct years_dag *d = find(y, run->dag_key);
    int32_t at = 0;

    while (at < d->active && d->active_keys[at] != run->run_key) {
        at++;
    }
    if (at == d->active && run->run_key != d->last_key) {
        struct timetable_run r = {.run_after_us = run->run_after_us,
                                  .start_us = run->data_interval_start_us,
                                  .end_us = run->data_interval_end_us,
                                  .logical_us = run->logical_date_us,
                                  .partition_us = TIME_NONE};

        d->last_key = run->run_key;
        made(y, d, &r);
        if (d->max_active > 0 && d->active >= d->max_active) {
            y->fail(y, d, "more than max_active_runs", run->run_after_us);
        }
        if (!run_state_finished(run->state) && !y->failed) {
            d->active_keys[d->active++] = run->run_key;
        }
    } else if (at < d->active && run_state_finished(run->state)) {
        d->active_keys[at] = d->active_keys[--d->active];
    }
    years_stretch(y, d, now_us);
}
