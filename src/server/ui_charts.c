/* What the charts of a DAG show: a year by days, and how long runs took. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/timing.h"
#include "model/zone.h"
#include "runtime/loop.h"
#include "sched/due.h"
#include "server/ui.h"

#define DAY_US        (86400 * TIME_SECOND)
#define RUNS_MAX      200000 /* of a year that are counted */
#define PLANNED_STEPS 3000   /* runs of a schedule that are looked ahead */
#define YEAR_DAYS     366
#define DURATIONS_MAX 1000

/* ---- the calendar ---- */

struct day {
    uint32_t n[RUN_STATE_MAX_], planned;
};

struct year {
    struct call *c;
    struct store *s;
    struct zone *zone;
    int64_t first_wall, last_wall; /* as if it were UTC; the last: of the next year */
    struct day days[YEAR_DAYS];
    bool truncated;
};

/* Of the years 1 to 9999: days since 1970-01-01. */
static int64_t days_to(int64_t year)
{
    int64_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static struct day *day_of(struct year *y, int64_t utc_us)
{
    int64_t wall = zone_to_wall(y->zone, utc_us);

    return wall >= y->first_wall && wall < y->last_wall ? &y->days[(wall - y->first_wall) / DAY_US]
                                                        : NULL;
}

static int count_runs(struct year *y, int64_t dag_key, struct err *e)
{
    struct run_time *runs;
    int64_t from, to, other;
    size_t n = 0;
    int rc;

    (void)zone_to_utc(y->zone, y->first_wall, &from, &other);
    (void)zone_to_utc(y->zone, y->last_wall, &to, &other);
    rc = y->s->ops->get_run_times(y->s, dag_key, from, to - 1, RUNS_MAX + 1, &y->c->arena, &runs,
                                  &n, e);
    y->truncated = n > RUNS_MAX;
    for (size_t i = 0; rc == 0 && i < n && i < RUNS_MAX; i++) {
        struct day *d = day_of(y, runs[i].at_us);

        if (d != NULL) {
            d->n[runs[i].state]++;
        }
    }
    return rc;
}

/* By logical date, as the runs that were. A paused DAG plans nothing. */
static void count_planned(struct year *y, const struct dag_row *row, const struct dag *d)
{
    struct due_run last = {0}, next;
    struct timing *p = NULL;
    struct run_row run;
    int64_t now = loop_wall_us(loop_current());
    bool has_last;

    if (row->paused || timing_new(d, &p, NULL) != 0 || p == NULL) {
        return;
    }
    has_last = y->s->ops->last_scheduled_run(y->s, row->dag_key, &y->c->arena, &run, NULL) == 0;
    if (has_last) {
        last = (struct due_run){run.dag_key, run.logical_date_us, run.data_interval_start_us,
                                run.data_interval_end_us, run.run_after_us};
    }
    for (int i = 0; i < PLANNED_STEPS; i++) {
        int64_t at;
        struct day *day;

        next = (struct due_run){0};
        if (timing_next(p, d, has_last ? &last : NULL, now, &next) != DUE_FOUND) {
            break;
        }
        at = next.logical_us != TIME_NONE ? next.logical_us : next.run_after_us;
        day = day_of(y, at);
        if (day != NULL) {
            day->planned++;
        } else if (zone_to_wall(y->zone, at) >= y->last_wall) {
            break;
        }
        y->truncated = y->truncated || i == PLANNED_STEPS - 1;
        now = next.run_after_us > now ? next.run_after_us : now;
        last = next;
        has_last = true;
    }
    timing_free(p);
}

static void put_days(struct year *y)
{
    static const char *const names[] = {"success", "failed", "running", "queued"};
    static const int states[] = {RUN_SUCCESS, RUN_FAILED, RUN_RUNNING, RUN_QUEUED};
    struct call *c = y->c;

    json_key(&c->w, "days");
    json_array(&c->w);
    for (int i = 0; i < YEAR_DAYS; i++) {
        const struct day *d = &y->days[i];
        char date[TIME_TEXT_MAX];
        uint32_t all = d->planned;

        for (int k = 0; k < RUN_STATE_MAX_; k++) {
            all += d->n[k];
        }
        if (all == 0) {
            continue;
        }
        time_strftime(y->first_wall + i * DAY_US, "%Y-%m-%d", date, sizeof date);
        json_object(&c->w);
        put_text(c, "date", date);
        for (size_t k = 0; k < sizeof states / sizeof states[0]; k++) {
            put_int(c, names[k], d->n[states[k]]);
        }
        put_int(c, "planned", d->planned);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

static int find_zone(struct year *y, const struct dag *d, struct err *e)
{
    const char *name = d->timezone != NULL ? d->timezone : "UTC";

    return zone_is_fixed(name) ? zone_fixed(name, &y->zone, e)
                               : timing_load_zone(name, &y->zone, e);
}

int ui_calendar(struct call *c, struct err *e)
{
    struct year y = {.c = c};
    struct dag_row row;
    const struct dag *d;
    int64_t number;
    int rc =
        call_query_int(c, "year", 1970, 9998,
                       1970 + loop_wall_us(loop_current()) / TIME_SECOND / 31556952, &number, e);

    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    y.first_wall = days_to(number) * DAY_US;
    y.last_wall = days_to(number + 1) * DAY_US;
    rc = api_find_dag(c, &row, e);
    rc = rc == 0 ? server_store(c, &y.s, e) : rc;
    rc = rc == 0 ? server_dag(c, row.version_key, &d, e) : rc;
    rc = rc == 0 ? find_zone(&y, d, e) : rc;
    rc = rc == 0 ? count_runs(&y, row.dag_key, e) : rc;
    if (rc == 0) {
        count_planned(&y, &row, d);
        json_object(&c->w);
        put_text(c, "dag_id", row.dag_id);
        put_int(c, "year", number);
        put_text(c, "timezone", d->timezone != NULL ? d->timezone : "UTC");
        put_days(&y);
        put_bool(c, "truncated", y.truncated);
        json_object_end(&c->w);
    }
    zone_free(y.zone);
    return rc;
}

/* ---- durations ---- */

int ui_durations(struct call *c, struct err *e)
{
    struct dag_row row;
    struct run_row *runs;
    struct store *s;
    int64_t limit;
    size_t n = 0;
    int rc = call_query_int(c, "n", 1, DURATIONS_MAX, 100, &limit, e);

    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    rc = api_find_dag(c, &row, e);
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_runs(s, row.dag_key, 0, 0, (size_t)limit, &c->arena, &runs, &n, e)
                 : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    put_text(c, "dag_id", row.dag_id);
    json_key(&c->w, "runs");
    json_array(&c->w);
    for (size_t i = n; i-- > 0;) {
        json_object(&c->w);
        put_text(c, "run_id", runs[i].run_id);
        put_text(c, "state", run_state_to_string(runs[i].state));
        put_text(c, "run_type", run_type_to_string(runs[i].type));
        put_time(c, "run_after", runs[i].run_after_us);
        put_time(c, "start_date", runs[i].start_us);
        put_seconds(c, "queued_s", runs[i].queued_us, runs[i].start_us);
        put_seconds(c, "run_s", runs[i].start_us, runs[i].end_us);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    json_object_end(&c->w);
    return 0;
}
