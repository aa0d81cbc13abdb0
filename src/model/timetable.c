/*
 * The next run of a time table. Ticks are instants of UTC; those of cron expressions are looked up
 * on the wall of the zone and brought back. NEVER and EVER stand for "no tick after" and "no tick
 * before", and go through comparisons like any other instant.
 */
#include "model/timetable.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "model/timetable_priv.h"
#include "model/zone.h"

/* ---- one question ---- */

struct ask {
    const struct timetable *t;
    const struct zone *zone;
    const struct cron *cron; /* of the expression at hand; NULL: deltas */
    const struct timetable_question *q;
    struct err *e;
    int rc; /* the first failure; ticks are NEVER from then on */
};

static int64_t failed(struct ask *a, int rc, const char *text)
{
    if (a->rc == 0) {
        a->rc = err_set(a->e, (enum err_code) - rc, "%s", text);
    }
    return NEVER;
}

static int64_t moved(struct ask *a, int64_t t_us, const struct timetable_delta *delta, int sign)
{
    int64_t ret;

    if (t_us == NEVER || t_us == EVER) {
        return t_us;
    }
    if (timetable_add(t_us, delta, sign, &ret) != 0) {
        return failed(a, -ERR_INVALID,
                      "the schedule leads out of the calendar (the years 1 to 9999); look at "
                      "start_date and the length of its periods");
    }
    return ret;
}

static int64_t after(struct ask *a, int64_t t_us)
{
    if (a->cron != NULL) {
        return timetable_tick_after(a->cron, a->zone, t_us);
    }
    return moved(a, t_us, &a->t->delta, 1);
}

static int64_t before(struct ask *a, int64_t t_us)
{
    if (a->cron != NULL) {
        return timetable_tick_before(a->cron, a->zone, t_us);
    }
    return moved(a, t_us, &a->t->delta, -1);
}

/* The tick at t, or else the next one. Deltas have no ticks of their own: any instant is one. */
static int64_t align_after(struct ask *a, int64_t t_us)
{
    int64_t next;

    if (a->cron == NULL) {
        return t_us;
    }
    next = after(a, t_us);
    return next != NEVER && before(a, next) == t_us ? t_us : next;
}

static int64_t align_before(struct ask *a, int64_t t_us)
{
    int64_t previous;

    if (a->cron == NULL) {
        return t_us;
    }
    previous = before(a, t_us);
    if (previous == EVER) {
        int64_t next = after(a, t_us - 1); /* the very first tick may be t itself */

        return next == t_us ? t_us : EVER;
    }
    return after(a, previous) == t_us ? t_us : previous;
}

/* Clocks change in the days around t. */
static bool near_change(const struct ask *a, int64_t t_us)
{
    int64_t change;

    return a->cron != NULL && !a->cron->every_hour && t_us > TIME_MIN + CHANGE_US &&
           zone_next_change(a->zone, t_us - CHANGE_US, &change) && change < t_us + DAY_US;
}

/*
 * The last tick at or before t, as who goes forward from tick to tick finds it. One that is looked for backwards from within a change of clocks
 * may lie ahead, or be one that is left out (timetables.md); so there it is walked to, from well before the change. EVER: none.
 */
static int64_t last_tick(struct ask *a, int64_t t_us)
{
    int64_t tick = align_before(a, t_us), from, next;

    if (tick == EVER || (!near_change(a, t_us) && !near_change(a, tick))) {
        return tick;
    }
    from = (tick < t_us ? tick : t_us) - CHANGE_US;
    tick = before(a, from);
    tick = tick != EVER ? tick : after(a, from);
    for (next = tick; next != NEVER && next <= t_us; next = after(a, next)) {
        tick = next;
    }
    return tick <= t_us ? tick : EVER;
}

/* The tick before one of them. EVER: none. */
static int64_t tick_before(struct ask *a, int64_t tick_us)
{
    int64_t tick = before(a, tick_us);

    if (a->cron == NULL || (!near_change(a, tick_us) && (tick == EVER || !near_change(a, tick)))) {
        return tick;
    }
    return last_tick(a, tick_us - 1);
}

static int64_t max_of(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

/* ---- data intervals ---- */

/* Periods of the calendar are counted from the start, one by one: 31 January leads to 28 February
 * and from there to 28 March. Others stand on a grid from 1970. */
static int64_t round_down(struct ask *a, int64_t t_us, int64_t anchor_us)
{
    const struct timetable_delta *d = &a->t->delta;
    int64_t length = d->us, next;

    if (d->years == 0 && d->months == 0) {
        if (length <= 0) {
            return t_us; /* a weekday alone */
        }
        return t_us - ((t_us % length) + length) % length;
    }
    for (int i = 0; i < LIMIT_SCHEDULE_STEPS; i++) {
        next = after(a, anchor_us);
        if (next == NEVER || next > t_us || next <= anchor_us) {
            return anchor_us;
        }
        anchor_us = next;
    }
    return failed(a, -ERR_LIMIT,
                  "the schedule has more than a million periods since start_date; set a later one");
}

/* The start of the last interval that is complete now, but none before `earliest`. */
static int64_t latest_start(struct ask *a, int64_t earliest_us)
{
    int64_t now = a->q->now_us, last, start;

    if (a->cron == NULL) {
        int64_t anchor = earliest_us != TIME_NONE ? earliest_us : now;

        start = before(a, round_down(a, now, anchor));
        return earliest_us == TIME_NONE ? start : max_of(start, earliest_us);
    }
    last = last_tick(a, now);
    start = last != EVER ? tick_before(a, last) : EVER;
    if (start == EVER) {
        start = last == EVER ? after(a, now - 1) : last; /* the expression has only begun */
    }
    return earliest_us == TIME_NONE ? start : max_of(start, align_after(a, earliest_us));
}

static int next_interval(struct ask *a, struct timetable_run *ret)
{
    const struct timetable_restriction *r = &a->q->restriction;
    const struct timetable_run *last = a->q->last;
    int64_t start = r->earliest_us;

    if (!r->catchup) {
        start = latest_start(a, r->earliest_us);
    } else if (start != TIME_NONE) {
        start = align_after(a, start);
    }
    if (last == NULL) {
        if (start == TIME_NONE) {
            return a->rc;
        }
    } else {
        int64_t aligned = last_tick(a, last->end_us);

        start = start == TIME_NONE ? aligned : max_of(start, aligned);
        for (int i = 0; start != NEVER && start <= last->start_us; i++) {
            start = start == EVER ? after(a, last->start_us) : after(a, start);
            if (i == 2) { /* the schedule was changed to one whose ticks lie otherwise */
                start = after(a, last->start_us);
            }
        }
    }
    if (start == NEVER || (r->latest_us != TIME_NONE && start > r->latest_us)) {
        return a->rc;
    }
    ret->start_us = start;
    ret->end_us = ret->run_after_us = after(a, start);
    return a->rc < 0 ? a->rc : ret->end_us != NEVER;
}

/* ---- triggers ---- */

/* The tick to begin with where there is neither a start_date nor a run. */
static int64_t first_tick(struct ask *a)
{
    const struct timetable *t = a->t;
    int64_t now = a->q->now_us, past = align_before(a, now), next, limit;

    if (a->cron == NULL || past == EVER) {
        return past == EVER ? align_after(a, now) : past;
    }
    next = align_after(a, now);
    if (t->run_immediately) {
        return past;
    }
    if (t->run_immediately_us != TIME_NONE) {
        limit = t->run_immediately_us;
    } else {
        limit = next == NEVER ? 0 : (next - past) / 10;
        limit = max_of(limit, 300 * TIME_SECOND);
    }
    return now - past <= limit ? past : next;
}

/* The tick after a last one that ended at last_us (TIME_NONE: there is none). */
static int64_t next_tick(struct ask *a, int64_t last_us)
{
    const struct timetable_restriction *r = &a->q->restriction;
    int64_t tick;

    if (r->catchup) {
        if (last_us != TIME_NONE) {
            tick = after(a, last_us);
        } else {
            tick = r->earliest_us == TIME_NONE ? first_tick(a) : align_after(a, r->earliest_us);
        }
    } else {
        tick = last_tick(a, a->q->now_us);
        if (last_us != TIME_NONE) {
            tick = max_of(tick, after(a, last_us));
        } else if (r->earliest_us == TIME_NONE) {
            tick = max_of(tick, first_tick(a));
        }
        if (r->earliest_us != TIME_NONE) {
            tick = max_of(tick, align_after(a, r->earliest_us));
        }
        tick = tick == EVER ? NEVER : tick;
    }
    return r->latest_us != TIME_NONE && r->latest_us < tick ? NEVER : tick;
}

static int next_trigger(struct ask *a, struct timetable_run *ret)
{
    int64_t tick = next_tick(a, a->q->last != NULL ? a->q->last->end_us : TIME_NONE);

    if (tick == NEVER) {
        return a->rc;
    }
    ret->run_after_us = ret->end_us = tick;
    ret->start_us = moved(a, tick, &a->t->interval, -1);
    return a->rc < 0 ? a->rc : 1;
}

/* Whether x comes before y: with catchup the earlier one; else the latest that is due, or else the one due first. */
static bool is_sooner(const struct ask *a, const struct timetable_run *x,
                      const struct timetable_run *y)
{
    int64_t now = a->q->now_us;

    if (a->q->restriction.catchup || (x->start_us > now && y->start_us > now)) {
        return x->start_us < y->start_us;
    }
    if (x->start_us <= now && y->start_us <= now) {
        return x->start_us > y->start_us;
    }
    return x->start_us <= now;
}

static int next_of_several(struct ask *a, struct timetable_run *ret)
{
    int found = 0;

    for (uint32_t i = 0; i < a->t->crons_len; i++) {
        struct timetable_run one = *ret;
        int rc;

        a->cron = &a->t->crons[i];
        rc = next_trigger(a, &one);
        if (rc < 0) {
            return rc;
        }
        if (rc == 1 && (found == 0 || is_sooner(a, &one, ret))) {
            *ret = one;
            found = 1;
        }
    }
    return found;
}

/* ---- partitions ---- */

static int partition_of(struct ask *a, int64_t tick, struct timetable_run *ret)
{
    int offset = a->t->run_offset;
    int64_t at = tick;

    for (int i = 0; i < (offset > 0 ? offset : -offset); i++) {
        at = offset > 0 ? after(a, at) : before(a, at);
    }
    if (at == NEVER || at == EVER) {
        return 0;
    }
    if (time_strftime(zone_to_wall(a->zone, at), a->t->key_format, ret->partition,
                      sizeof ret->partition) != 0) {
        return err_set(a->e, ERR_LIMIT,
                       "the partition key is longer than %zu bytes; shorten 'key_format'",
                       sizeof ret->partition - 1);
    }
    ret->partition_us = at;
    ret->run_after_us = tick;
    ret->start_us = ret->end_us = TIME_NONE;
    return 1;
}

static int next_partition(struct ask *a, struct timetable_run *ret)
{
    const struct timetable_run *last = a->q->last;
    int64_t tick = next_tick(a, last != NULL ? last->run_after_us - a->t->delay_us : TIME_NONE);

    return tick == NEVER ? a->rc : partition_of(a, tick, ret);
}

/* ---- the simple ones ---- */

static int exactly(int64_t t_us, struct timetable_run *ret)
{
    ret->run_after_us = ret->start_us = ret->end_us = t_us;
    return 1;
}

static int next_once(struct ask *a, struct timetable_run *ret)
{
    const struct timetable_restriction *r = &a->q->restriction;
    int64_t at = r->earliest_us != TIME_NONE ? r->earliest_us : a->q->now_us;

    if (a->q->last != NULL || (r->latest_us != TIME_NONE && at > r->latest_us)) {
        return 0;
    }
    return exactly(at, ret);
}

static int next_continuous(struct ask *a, struct timetable_run *ret)
{
    const struct timetable_restriction *r = &a->q->restriction;
    const struct timetable_run *last = a->q->last;
    int64_t now = a->q->now_us, start = r->earliest_us != TIME_NONE ? r->earliest_us : now, end;

    if (last != NULL && last->end_us > now) { /* start_date lies in the future */
        end = start + (last->end_us - last->start_us);
    } else if (last != NULL) {
        start = last->end_us;
        end = now;
    } else {
        end = max_of(start, now);
    }
    if (r->latest_us != TIME_NONE && end > r->latest_us) {
        return 0;
    }
    ret->start_us = start;
    ret->end_us = ret->run_after_us = end;
    return 1;
}

/* The first event at or after t; events_len if there is none. */
static uint32_t event_from(const struct timetable *t, int64_t at_us)
{
    uint32_t low = 0, high = t->events_len;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->events_us[middle] < at_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int next_event(struct ask *a, struct timetable_run *ret)
{
    const struct timetable_restriction *r = &a->q->restriction;
    int64_t from = r->earliest_us; /* TIME_NONE is before all */
    uint32_t i;

    if (!r->catchup) {
        from = max_of(from, a->q->now_us);
    }
    if (a->q->last != NULL) {
        from = max_of(from, a->q->last->end_us + 1);
    }
    i = event_from(a->t, from);
    if (i == a->t->events_len || (r->latest_us != TIME_NONE && a->t->events_us[i] > r->latest_us)) {
        return 0;
    }
    return exactly(a->t->events_us[i], ret);
}

/* ---- from outside ---- */

static int python_only(struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED,
                   "the times of this schedule are known to its Python class only");
}

int timetable_next(const struct timetable *t, const struct timetable_question *q,
                   struct timetable_run *ret, struct err *e)
{
    struct timetable_run run = {.partition_us = TIME_NONE};
    struct ask a = {.t = t, .zone = q->zone, .q = q, .e = e};
    int rc = 0;

    if (t->kind == TIMETABLE_ASSET_OR_TIME) {
        return timetable_next(t->inner, q, ret, e);
    }
    assert(t->crons_len == 0 || q->zone != NULL);
    a.cron = t->crons_len > 0 ? &t->crons[0] : NULL;
    switch (t->kind) {
    case TIMETABLE_NONE:
    case TIMETABLE_ASSETS:
    case TIMETABLE_PARTITIONED_ASSETS:
        return 0;
    case TIMETABLE_PYTHON:
        return python_only(e);
    case TIMETABLE_ONCE:
        rc = next_once(&a, &run);
        break;
    case TIMETABLE_CONTINUOUS:
        rc = next_continuous(&a, &run);
        break;
    case TIMETABLE_EVENTS:
        rc = next_event(&a, &run);
        break;
    case TIMETABLE_CRON_DATA_INTERVAL:
    case TIMETABLE_DELTA_DATA_INTERVAL:
        rc = next_interval(&a, &run);
        break;
    case TIMETABLE_CRON_TRIGGER:
    case TIMETABLE_DELTA_TRIGGER:
    case TIMETABLE_CALENDAR:
        rc = next_trigger(&a, &run);
        break;
    case TIMETABLE_MULTIPLE_CRON:
        rc = next_of_several(&a, &run);
        break;
    case TIMETABLE_CRON_PARTITION:
        rc = next_partition(&a, &run);
        break;
    case TIMETABLE_ASSET_OR_TIME:
        break;
    }
    if (rc == 1) {
        run.logical_us = run.start_us;
        run.run_after_us += t->delay_us;
        *ret = run;
    }
    return rc;
}

int timetable_partition(const struct timetable *t, const struct zone *zone, int64_t run_after_us,
                        char *ret, size_t cap, int64_t *ret_us, struct err *e)
{
    struct timetable_run run = {.partition_us = TIME_NONE};
    struct timetable_question q = {.zone = zone, .now_us = run_after_us};
    struct ask a = {.t = t, .zone = zone, .q = &q, .e = e};
    int rc;

    ret[0] = '\0';
    *ret_us = TIME_NONE;
    if (t->kind == TIMETABLE_ASSET_OR_TIME) {
        return timetable_partition(t->inner, zone, run_after_us, ret, cap, ret_us, e);
    }
    if (t->kind != TIMETABLE_CRON_PARTITION) {
        return 0;
    }
    a.cron = &t->crons[0];
    rc = partition_of(&a, run_after_us - t->delay_us, &run);
    if (rc == 1 && strlen(run.partition) < cap) {
        memcpy(ret, run.partition, strlen(run.partition) + 1);
        *ret_us = run.partition_us;
    }
    return rc < 0 ? rc : 0;
}

static int manual_of_ticks(struct ask *a, int64_t run_after_us, int64_t *ret_start,
                           int64_t *ret_end)
{
    *ret_end = align_before(a, run_after_us);
    if (*ret_end == EVER) {
        *ret_end = run_after_us; /* before the first tick there ever is */
    }
    *ret_start = before(a, *ret_end);
    if (*ret_start == EVER) {
        *ret_start = *ret_end;
    }
    return a->rc;
}

int timetable_manual_interval(const struct timetable *t, const struct zone *zone,
                              int64_t run_after_us, int64_t *ret_start_us, int64_t *ret_end_us,
                              struct err *e)
{
    struct timetable_question q = {.zone = zone, .now_us = run_after_us};
    struct ask a = {.t = t, .zone = zone, .q = &q, .e = e};
    uint32_t i;

    a.cron = t->crons_len > 0 ? &t->crons[0] : NULL;
    *ret_start_us = *ret_end_us = run_after_us;
    switch (t->kind) {
    case TIMETABLE_PYTHON:
        return python_only(e);
    case TIMETABLE_ASSET_OR_TIME:
        return timetable_manual_interval(t->inner, zone, run_after_us, ret_start_us, ret_end_us, e);
    case TIMETABLE_CRON_TRIGGER:
    case TIMETABLE_MULTIPLE_CRON:
    case TIMETABLE_CALENDAR:
    case TIMETABLE_DELTA_TRIGGER:
    case TIMETABLE_CRON_PARTITION:
        *ret_start_us = moved(&a, run_after_us, &t->interval, -1);
        return a.rc;
    case TIMETABLE_CRON_DATA_INTERVAL:
        return manual_of_ticks(&a, run_after_us, ret_start_us, ret_end_us);
    case TIMETABLE_DELTA_DATA_INTERVAL:
        *ret_start_us = moved(&a, run_after_us, &t->delta, -1);
        return a.rc;
    case TIMETABLE_EVENTS:
        if (t->restrict_to_events && t->events_len > 0) {
            i = event_from(t, run_after_us + 1);
            *ret_start_us = *ret_end_us = t->events_us[i > 0 ? i - 1 : 0];
        }
        return 0;
    default:
        return 0;
    }
}

bool timetable_is_timed(const struct timetable *t)
{
    if (t->kind == TIMETABLE_ASSET_OR_TIME) {
        return timetable_is_timed(t->inner);
    }
    return t->kind != TIMETABLE_NONE && t->kind != TIMETABLE_ASSETS &&
           t->kind != TIMETABLE_PARTITIONED_ASSETS;
}

int timetable_active_runs_limit(const struct timetable *t)
{
    if (t->kind == TIMETABLE_ASSET_OR_TIME) {
        return timetable_active_runs_limit(t->inner);
    }
    return t->kind == TIMETABLE_CONTINUOUS;
}

/* ---- text ---- */

/* As Python prints a timedelta, or names the parts of a relativedelta. */
static void describe_delta(const struct timetable_delta *d, struct buf *out)
{
    static const char *const days[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
    int64_t day = d->us / DAY_US - (d->us % DAY_US < 0), rest = d->us - day * DAY_US;
    int64_t s = rest / TIME_SECOND;

    const char *gap = "";

    if (d->years != 0) {
        buf_printf(out, "%d year%s", d->years, d->years == 1 ? "" : "s");
        gap = " ";
    }
    if (d->months != 0) {
        buf_printf(out, "%s%d month%s", gap, d->months, d->months == 1 ? "" : "s");
        gap = " ";
    }
    if (d->weekday >= 0) {
        buf_printf(out, "%s%s(%+d)", gap, days[d->weekday], d->nth);
        gap = " ";
    }
    if (d->us == 0 && *gap != '\0') {
        return;
    }
    buf_str(out, gap);
    if (day != 0) {
        buf_printf(out, "%" PRId64 " day%s, ", day, day == 1 || day == -1 ? "" : "s");
    }
    buf_printf(out, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    if (rest % TIME_SECOND != 0) {
        buf_printf(out, ".%06d", (int)(rest % TIME_SECOND));
    }
}

void timetable_describe(const struct timetable *t, struct buf *out)
{
    switch (t->kind) {
    case TIMETABLE_NONE:
        buf_str(out, "None");
        break;
    case TIMETABLE_ONCE:
        buf_str(out, "@once");
        break;
    case TIMETABLE_CONTINUOUS:
        buf_str(out, "@continuous");
        break;
    case TIMETABLE_CALENDAR:
        if (t->summary != NULL) {
            buf_printf(out, "%s, %s", t->expressions[0], t->summary);
            break;
        }
        /* fallthrough */
    case TIMETABLE_CRON_TRIGGER:
    case TIMETABLE_CRON_DATA_INTERVAL:
    case TIMETABLE_MULTIPLE_CRON:
    case TIMETABLE_CRON_PARTITION:
        for (uint32_t i = 0; i < t->crons_len; i++) {
            buf_printf(out, "%s%s", i > 0 ? ", " : "", t->expressions[i]);
        }
        break;
    case TIMETABLE_DELTA_TRIGGER:
    case TIMETABLE_DELTA_DATA_INTERVAL:
        describe_delta(&t->delta, out);
        break;
    case TIMETABLE_EVENTS:
        if (t->summary != NULL) {
            buf_str(out, t->summary);
        } else {
            buf_printf(out, "%u events", t->events_len);
        }
        break;
    case TIMETABLE_ASSETS:
        buf_str(out, "Asset");
        break;
    case TIMETABLE_PARTITIONED_ASSETS:
        buf_str(out, "Partitioned Asset");
        break;
    case TIMETABLE_ASSET_OR_TIME:
        buf_str(out, "Asset or ");
        timetable_describe(t->inner, out);
        break;
    case TIMETABLE_PYTHON:
        buf_str(out, t->summary != NULL ? t->summary : "Python");
        break;
    }
}
