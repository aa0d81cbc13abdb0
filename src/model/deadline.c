/* Deadlines of runs, as data. */
#include "model/deadline.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "model/alert.h"
#include "model/rows.h"

#define AVERAGE_RUNS 10
#define RUNS_MAX     1000

static int runs_of(const struct value *o, const char *name, int32_t *ret, struct err *e)
{
    const struct value *v = value_get(o, name);
    int64_t n;

    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (value_int(v, 1, RUNS_MAX, &n) != 0) {
        return err_at(e, ERR_INVALID, v->line, v->col, "'%s' must be a number from 1 to %d", name,
                      RUNS_MAX);
    }
    *ret = (int32_t)n;
    return 0;
}

static int parse_fixed(const struct value *r, struct deadline *d, struct err *e)
{
    const struct value *v = value_get(r, "datetime");

    if (v == NULL || v->kind != VALUE_STRING || time_parse(v->text, v->len, &d->fixed_us) != 0) {
        v = v != NULL ? v : r;
        return err_at(e, ERR_INVALID, v->line, v->col,
                      "the reference fixed_datetime must have 'datetime', like "
                      "\"2026-01-31T12:00:00Z\"");
    }
    d->reference = DEADLINE_FIXED;
    return 0;
}

static int parse_average(const struct value *r, struct deadline *d, struct err *e)
{
    int rc;

    d->reference = DEADLINE_AVERAGE;
    d->max_runs = AVERAGE_RUNS;
    rc = runs_of(r, "max_runs", &d->max_runs, e);
    d->min_runs = d->max_runs;
    return rc == 0 ? runs_of(r, "min_runs", &d->min_runs, e) : rc;
}

static int parse_reference(const struct value *o, struct deadline *d, struct err *e)
{
    static const char *const names[] = {"type", "datetime", "max_runs", "min_runs", NULL};
    const struct value *r = value_get(o, "reference"), *type;
    int rc;

    if (r == NULL) {
        return err_at(e, ERR_INVALID, o->line, o->col,
                      "a deadline must have 'reference', like {type: dagrun_queued_at}");
    }
    rc = alert_known(r, "the reference of a deadline", names, e);
    type = rc == 0 ? value_get(r, "type") : NULL;
    if (rc != 0) {
        return rc;
    }
    if (type != NULL && type->kind == VALUE_STRING) {
        if (strcmp(type->text, "dagrun_logical_date") == 0) {
            d->reference = DEADLINE_LOGICAL_DATE;
            return 0;
        }
        if (strcmp(type->text, "dagrun_queued_at") == 0) {
            d->reference = DEADLINE_QUEUED_AT;
            return 0;
        }
        if (strcmp(type->text, "fixed_datetime") == 0) {
            return parse_fixed(r, d, e);
        }
        if (strcmp(type->text, "average_runtime") == 0) {
            return parse_average(r, d, e);
        }
    }
    type = type != NULL ? type : r;
    return err_at(e, ERR_INVALID, type->line, type->col,
                  "the reference of a deadline must have 'type': dagrun_logical_date, "
                  "dagrun_queued_at, fixed_datetime or average_runtime");
}

static bool is_path(const char *s)
{
    bool begins = true;

    for (; *s != '\0'; s++) {
        bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' ||
                      (unsigned char)*s >= 0x80;

        if (!letter && (begins || !((*s >= '0' && *s <= '9') || *s == '.'))) {
            return false;
        }
        begins = *s == '.';
    }
    return !begins;
}

static int parse_callback(const struct value *o, struct deadline *d, struct err *e)
{
    static const char *const names[] = {"type", "path", "kwargs", "executor", NULL};
    const struct value *c = value_get(o, "callback"), *type, *path, *kwargs;
    int rc;

    if (c == NULL || c->kind == VALUE_NULL) {
        return 0;
    }
    rc = alert_known(c, "the callback of a deadline", names, e);
    if (rc != 0) {
        return rc;
    }
    type = value_get(c, "type");
    path = value_get(c, "path");
    kwargs = value_get(c, "kwargs");
    if (type != NULL &&
        (type->kind != VALUE_STRING ||
         (strcmp(type->text, "SyncCallback") != 0 && strcmp(type->text, "AsyncCallback") != 0))) {
        return err_at(e, ERR_INVALID, type->line, type->col,
                      "the 'type' of a callback is SyncCallback or AsyncCallback");
    }
    if (path == NULL || path->kind != VALUE_STRING || !is_path(path->text)) {
        path = path != NULL ? path : c;
        return err_at(e, ERR_INVALID, path->line, path->col,
                      "the callback of a deadline must have 'path': \"module.function\"");
    }
    if (kwargs != NULL && kwargs->kind != VALUE_OBJECT && kwargs->kind != VALUE_NULL) {
        return err_at(e, ERR_INVALID, kwargs->line, kwargs->col, "'kwargs' must be an object");
    }
    d->callback = c;
    return 0;
}

static int parse_deadline(struct arena *a, const struct value *o, struct deadline *d, struct err *e)
{
    static const char *const names[] = {"reference", "interval", "callback",
                                        "channels",  "name",     NULL};
    int rc = alert_known(o, "a deadline", names, e);

    if (rc == 0 && value_get(o, "interval") == NULL) {
        rc = err_at(e, ERR_INVALID, o->line, o->col,
                    "a deadline must have 'interval': how long after its reference it is");
    }
    rc = rc == 0 ? parse_reference(o, d, e) : rc;
    rc = rc == 0 ? alert_duration(o, "interval", true, &d->interval_us, e) : rc;
    rc = rc == 0 ? alert_text(o, "name", &d->name, e) : rc;
    rc = rc == 0 ? alert_texts(a, o, "channels", &d->channels, &d->channels_len, e) : rc;
    rc = rc == 0 ? parse_callback(o, d, e) : rc;
    if (rc == 0 && d->callback == NULL && d->channels_len == 0) {
        rc = err_at(e, ERR_INVALID, o->line, o->col,
                    "a deadline must have 'callback' or 'channels': who is told");
    }
    return rc;
}

int deadlines_parse(struct arena *a, const struct value *v, struct deadline **ret, size_t *ret_len,
                    struct err *e)
{
    size_t n = v->kind == VALUE_ARRAY ? v->len : 1;
    struct deadline *all = n > 0 ? arena_array(a, n, sizeof *all) : NULL;
    int rc = 0;

    if (n > DEADLINES_MAX) {
        return err_at(e, ERR_LIMIT, v->line, v->col, "a DAG has at most %d deadlines",
                      DEADLINES_MAX);
    }
    if (n > 0 && all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for deadlines");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = parse_deadline(a, v->kind == VALUE_ARRAY ? v->elems[i] : v, &all[i], e);
    }
    if (rc == 0) {
        *ret = all;
        *ret_len = n;
    }
    return rc;
}

static bool mean(const struct deadline *d, const int64_t *us, size_t n, int64_t *ret_us)
{
    double sum = 0;

    n = n > (size_t)d->max_runs ? (size_t)d->max_runs : n;
    if (n == 0 || n < (size_t)d->min_runs) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        sum += (double)us[i];
    }
    *ret_us = (int64_t)(sum / (double)n);
    return true;
}

bool deadline_moment(const struct deadline *d, const struct run_row *run, int64_t now_us,
                     const int64_t *us, size_t n, int64_t *ret_us)
{
    int64_t from = TIME_NONE, took;

    switch (d->reference) {
    case DEADLINE_LOGICAL_DATE:
        from = run->logical_date_us;
        break;
    case DEADLINE_QUEUED_AT:
        from = run->queued_us;
        break;
    case DEADLINE_FIXED:
        from = d->fixed_us;
        break;
    case DEADLINE_AVERAGE:
        from = mean(d, us, n, &took) ? now_us + took : TIME_NONE;
        break;
    }
    if (from == TIME_NONE) {
        return false;
    }
    *ret_us = from + d->interval_us;
    return true;
}
