#include "model/backfill.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/states.h"
#include "model/timetable.h"

static const char *const reprocess_words[BACKFILL_REPROCESS_MAX_] = {"none", "failed", "completed"};
static const char *const outcome_words[BACKFILL_OUTCOME_MAX_] = {
    [BACKFILL_PLANNED] = "planned",           [BACKFILL_CREATED] = "created",
    [BACKFILL_CLEARED] = "cleared",           [BACKFILL_EXISTS] = "already exists",
    [BACKFILL_IN_FLIGHT] = "in flight",       [BACKFILL_CANCELLED] = "cancelled",
    [BACKFILL_OTHER_TASKS] = "tasks changed", [BACKFILL_ERROR] = "unknown",
};

const char *backfill_reprocess_to_string(enum backfill_reprocess r)
{
    return (unsigned)r < BACKFILL_REPROCESS_MAX_ ? reprocess_words[r] : "?";
}

int backfill_reprocess_from_string(const char *text)
{
    for (int i = 0; i < BACKFILL_REPROCESS_MAX_; i++) {
        if (strcmp(text, reprocess_words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

const char *backfill_outcome_to_string(enum backfill_outcome o)
{
    return (unsigned)o < BACKFILL_OUTCOME_MAX_ ? outcome_words[o] : "?";
}

int backfill_check_timetable(const struct timetable *t, struct err *e)
{
    switch (t->kind) {
    case TIMETABLE_CRON_TRIGGER:
    case TIMETABLE_CRON_DATA_INTERVAL:
    case TIMETABLE_MULTIPLE_CRON:
    case TIMETABLE_CALENDAR:
    case TIMETABLE_DELTA_TRIGGER:
    case TIMETABLE_DELTA_DATA_INTERVAL:
    case TIMETABLE_EVENTS:
        return 0;
    case TIMETABLE_ASSET_OR_TIME:
        return backfill_check_timetable(t->inner, e);
    case TIMETABLE_PYTHON:
        return err_set(e, ERR_UNSUPPORTED,
                       "its schedule is a class of its own in Python, which alone can tell its "
                       "dates; `tradewind dags trigger --logical-date` makes one run");
    case TIMETABLE_CRON_PARTITION:
    case TIMETABLE_PARTITIONED_ASSETS:
        return err_set(e, ERR_UNSUPPORTED,
                       "its runs are for partitions, and a backfill is over dates");
    default:
        return err_set(e, ERR_UNSUPPORTED,
                       "its schedule has no dates of its own (none, once, continuous and assets "
                       "have none); `tradewind dags trigger --logical-date` makes one run");
    }
}

static bool depends_on_past(const struct dag *d)
{
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        if (d->tasks[i].depends_on_past || d->tasks[i].wait_for_downstream) {
            return true;
        }
    }
    return false;
}

static bool allows_backfill(const struct dag *d)
{
    const struct value *types =
        d->document != NULL ? value_get(d->document, "allowed_run_types") : NULL;
    bool allowed = types == NULL || types->kind != VALUE_ARRAY;

    for (size_t i = 0; !allowed && i < types->len; i++) {
        allowed = types->elems[i]->kind == VALUE_STRING &&
                  strcmp(types->elems[i]->text, run_type_to_string(RUN_TYPE_BACKFILL)) == 0;
    }
    return allowed;
}

int backfill_check(const struct backfill_row *b, const struct dag *d, int64_t now_us, struct err *e)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];

    if (!allows_backfill(d)) {
        return err_set(e, ERR_INVALID, "its allowed_run_types allows no backfill runs");
    }
    if (b->from_us > b->to_us) {
        return err_set(e, ERR_INVALID, "the range ends (%s) before it begins (%s)",
                       time_format(b->to_us, to), time_format(b->from_us, from));
    }
    if (b->from_us >= now_us) {
        return err_set(e, ERR_INVALID, "the range begins in the future (%s)",
                       time_format(b->from_us, from));
    }
    if (depends_on_past(d) && b->backwards) {
        return err_set(e, ERR_INVALID,
                       "tasks of DAG '%s' depend on the previous run (depends_on_past): it cannot "
                       "be run backwards",
                       d->dag_id);
    }
    if (depends_on_past(d) && b->reprocess == BACKFILL_NONE) {
        return err_set(e, ERR_INVALID,
                       "tasks of DAG '%s' depend on the previous run (depends_on_past): say "
                       "--reprocess-behavior failed or completed, so that no date is left out",
                       d->dag_id);
    }
    if (b->max_active_runs < 1 || b->max_active_runs > LIMIT_BACKFILL_ACTIVE) {
        return err_set(e, ERR_INVALID, "max_active_runs is a number from 1 to %d",
                       LIMIT_BACKFILL_ACTIVE);
    }
    return 0;
}

/* Grows by doubling: the arena keeps what was outgrown, as much again at most. */
static int append(struct arena *a, struct backfill_run_row **rows, size_t *len, size_t *cap,
                  const struct backfill_run_row *row, struct err *e)
{
    if (*len == LIMIT_BACKFILL_DATES) {
        return err_set(e, ERR_LIMIT,
                       "the range has more than %d dates; make several backfills of parts of it",
                       LIMIT_BACKFILL_DATES);
    }
    if (*len == *cap) {
        size_t more = *cap == 0 ? 64 : *cap * 2;
        struct backfill_run_row *grown = arena_array(a, more, sizeof *grown);

        if (grown == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for the dates of a backfill");
        }
        if (*len > 0) {
            memcpy(grown, *rows, *len * sizeof *grown);
        }
        *rows = grown;
        *cap = more;
    }
    (*rows)[(*len)++] = *row;
    return 0;
}

static void finish(const struct backfill_row *b, struct backfill_run_row *rows, size_t n)
{
    for (size_t i = 0; b->backwards && i < n / 2; i++) {
        struct backfill_run_row first = rows[i];

        rows[i] = rows[n - 1 - i];
        rows[n - 1 - i] = first;
    }
    for (size_t i = 0; i < n; i++) {
        rows[i].ordinal = (uint32_t)i + 1;
    }
}

int backfill_dates(const struct backfill_row *b, const struct timetable *t, const struct zone *zone,
                   int64_t now_us, struct arena *a, struct backfill_run_row **ret, size_t *ret_len,
                   struct err *e)
{
    struct timetable_run last, next;
    struct timetable_question q = {
        .zone = zone,
        .restriction = {.earliest_us = b->from_us, .latest_us = b->to_us, .catchup = true},
        .now_us = now_us,
    };
    struct backfill_run_row *rows = NULL;
    size_t n = 0, cap = 0;
    int rc;

    while ((rc = timetable_next(t, &q, &next, e)) == 1 && next.logical_us <= b->to_us &&
           next.end_us < now_us) {
        struct backfill_run_row row = {.backfill_key = b->backfill_key,
                                       .logical_us = next.logical_us,
                                       .start_us = next.start_us,
                                       .end_us = next.end_us,
                                       .run_after_us = next.run_after_us};

        if (next.logical_us >= b->from_us) {
            rc = append(a, &rows, &n, &cap, &row, e);
            if (rc != 0) {
                return rc;
            }
        }
        last = next;
        q.last = &last;
    }
    if (rc < 0) {
        return rc;
    }
    finish(b, rows, n);
    *ret = rows;
    *ret_len = n;
    return 0;
}

enum backfill_outcome backfill_decide(enum backfill_reprocess r, bool has_run, int run_state)
{
    if (!has_run) {
        return BACKFILL_CREATED;
    }
    if (!run_state_finished((enum run_state)run_state)) {
        return BACKFILL_IN_FLIGHT;
    }
    return r == BACKFILL_COMPLETED || (r == BACKFILL_FAILED && run_state == RUN_FAILED)
               ? BACKFILL_CLEARED
               : BACKFILL_EXISTS;
}

uint32_t backfill_room(int32_t max_active_runs, uint32_t active)
{
    uint32_t max = (uint32_t)max_active_runs, most = max + LIMIT_BACKFILL_AHEAD;

    /* Filled up when half of what was ahead is used: many runs are made in one commit. */
    return active >= max + LIMIT_BACKFILL_AHEAD / 2 ? 0 : most - active;
}
