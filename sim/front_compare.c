#include "front_compare.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "store/store.h"

#define DUMP_MAX ((size_t)1 << 30)

struct dump {
    struct store *s;
    struct arena a;
    struct buf out;
    int rc; /* of the first read that failed */
};

static const char *dash(const char *s)
{
    return s != NULL ? s : "-";
}

static bool read_ok(struct dump *d, int rc)
{
    d->rc = d->rc == 0 && rc != 0 && rc != -ERR_NOTFOUND ? rc : d->rc;
    return rc == 0;
}

static void put_ti(struct dump *d, const char *what, const struct ti_row *t)
{
    char id[UUID_TEXT_MAX];

    buf_printf(&d->out,
               "%s %lld %u[%d] %s try %u/%u requeues %u %s worker %lld %lld %lld %lld %lld %lld "
               "exit %d len %d %s\n",
               what, (long long)t->key.run_key, t->key.task, t->key.map_index,
               task_state_to_string(t->state), t->try_number, t->max_tries, t->requeues,
               uuid_format(&t->attempt, id), (long long)t->worker, (long long)t->scheduled_us,
               (long long)t->queued_us, (long long)t->start_us, (long long)t->end_us,
               (long long)t->next_us, t->exit_code, t->map_len, dash(t->reason));
}

static void dump_instance(struct dump *d, const struct ti_key *key)
{
    const struct store_ops *ops = d->s->ops;
    struct ti_row *tries;
    struct xcom_row *x, one;
    const char *json;
    size_t n;

    if (read_ok(d, ops->get_tries(d->s, key, &d->a, &tries, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            put_ti(d, "try", &tries[i]);
        }
    }
    if (read_ok(d, ops->get_xcoms(d->s, key, &d->a, &x, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            if (!read_ok(d, ops->get_xcom(d->s, key, x[i].name, &d->a, &one, NULL))) {
                continue;
            }
            buf_printf(&d->out, "xcom %s at %lld %s %zu ", one.name, (long long)one.at_us,
                       dash(one.spill), one.value_len);
            (void)buf_append(&d->out, one.value != NULL ? one.value : "",
                             one.value != NULL ? one.value_len : 0);
            buf_char(&d->out, '\n');
        }
    }
    if (read_ok(d, ops->get_rendered(d->s, key, &d->a, &json, NULL))) {
        buf_printf(&d->out, "rendered %s\n", json);
    }
}

static void dump_run(struct dump *d, const struct run_row *r)
{
    const struct store_ops *ops = d->s->ops;
    struct ti_row *tis;
    struct transition_row *ts;
    struct attempt_row *as;
    size_t n;

    buf_printf(&d->out,
               "run %lld dag %lld version %lld %s %s type %d %lld %lld %lld after %lld %lld %lld "
               "%lld cleared %u backfill %lld %s %s %s\n",
               (long long)r->run_key, (long long)r->dag_key, (long long)r->version_key, r->run_id,
               run_state_to_string(r->state), r->type, (long long)r->logical_date_us,
               (long long)r->data_interval_start_us, (long long)r->data_interval_end_us,
               (long long)r->run_after_us, (long long)r->queued_us, (long long)r->start_us,
               (long long)r->end_us, r->clear_number, (long long)r->backfill_key, dash(r->reason),
               dash(r->conf), dash(r->partition_key));
    if (read_ok(d, ops->get_tis(d->s, r->run_key, 0, &d->a, &tis, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            put_ti(d, "ti", &tis[i]);
            dump_instance(d, &tis[i].key);
        }
    }
    if (read_ok(d, ops->get_transitions(d->s, r->run_key, NULL, 0, &d->a, &ts, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "edge %u[%d] %d -> %d try %u at %lld %s\n", ts[i].key.task,
                       ts[i].key.map_index, ts[i].from, ts[i].to, ts[i].try_number,
                       (long long)ts[i].at_us, dash(ts[i].reason));
        }
    }
    if (read_ok(d, ops->get_attempts(d->s, r->run_key, &d->a, &as, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "attempt %u[%d] %u %s\n", as[i].key.task, as[i].key.map_index,
                       as[i].try_number, dash(as[i].log_path));
        }
    }
}

static void dump_queue(struct dump *d, int64_t dag_key)
{
    const struct store_ops *ops = d->s->ops;
    struct asset_queue_shape *rows;
    size_t n;

    if (read_ok(d, ops->get_asset_queue(d->s, dag_key, &d->a, &rows, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "waits %s asset %lld count %lld %lld %lld\n", rows[i].partition,
                       (long long)rows[i].asset_key, (long long)rows[i].count,
                       (long long)rows[i].first_us, (long long)rows[i].last_us);
        }
    }
}

static void dump_dags(struct dump *d)
{
    const struct store_ops *ops = d->s->ops;
    struct dag_row *dags;
    struct pool_row *pools;
    struct version_row v;
    size_t n;

    if (read_ok(d, ops->get_dags(d->s, &d->a, &dags, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "dag %lld %s paused %d version %lld at %lld\n",
                       (long long)dags[i].dag_key, dags[i].dag_id, dags[i].paused,
                       (long long)dags[i].version_key, (long long)dags[i].updated_us);
            dump_queue(d, dags[i].dag_key);
            if (read_ok(d, ops->get_version(d->s, dags[i].version_key, &d->a, &v, NULL))) {
                buf_printf(&d->out, "version %lld %s %.*s\n", (long long)v.version_key, v.hash,
                           (int)v.document_len, v.document);
            }
        }
    }
    if (read_ok(d, ops->get_pools(d->s, &d->a, &pools, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "pool %s %lld %d\n", pools[i].name, (long long)pools[i].slots,
                       pools[i].include_deferred);
        }
    }
}

static void dump_assets(struct dump *d)
{
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    struct asset_event_row *rows;
    struct asset_row *assets;
    size_t n;

    if (read_ok(d, d->s->ops->get_assets(d->s, 0, 0, &d->a, &assets, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "asset %lld %s %s\n", (long long)assets[i].asset_key,
                       assets[i].name, assets[i].uri);
        }
    }
    if (read_ok(d, d->s->ops->get_asset_events(d->s, &q, &d->a, &rows, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "event %lld of %lld from %s %s %s[%d] at %lld\n",
                       (long long)rows[i].event_key, (long long)rows[i].asset_key,
                       dash(rows[i].dag_id), dash(rows[i].run_id), dash(rows[i].task_id),
                       rows[i].map_index, (long long)rows[i].at_us);
        }
    }
}

static void dump_alerts(struct dump *d)
{
    const struct store_ops *ops = d->s->ops;
    const struct alert_query q = {.limit = 0};
    struct alert_row *rows;
    char id[UUID_TEXT_MAX];
    size_t n;

    if (!read_ok(d, ops->get_alerts(d->s, &q, &d->a, &rows, &n, NULL))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct alert_row *r = &rows[i];

        buf_printf(&d->out,
                   "alert %lld %s %s %s %s %s[%d] try %u %lld %lld count %lld %s state %d %s tries "
                   "%u next %lld sent %lld %s\n",
                   (long long)r->alert_key, r->channel, r->kind, dash(r->dag_id), dash(r->run_id),
                   dash(r->task_id), r->map_index, r->try_number, (long long)r->at_us,
                   (long long)r->last_us, (long long)r->count, dash(r->reason), r->state,
                   uuid_format(&r->message, id), r->tries, (long long)r->next_us,
                   (long long)r->sent_us, dash(r->error));
    }
}

static void dump_backfills(struct dump *d)
{
    const struct store_ops *ops = d->s->ops;
    struct backfill_row *rows;
    struct backfill_run_row *dates;
    size_t n, len;

    if (!read_ok(d, ops->get_backfills(d->s, 0, false, 0, &d->a, &rows, &n, NULL))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct backfill_row *r = &rows[i];

        buf_printf(
            &d->out,
            "backfill %lld of %lld %lld-%lld active %d reprocess %d %d %d paused %d dates %u "
            "%s %s %lld %lld %lld\n",
            (long long)r->backfill_key, (long long)r->dag_key, (long long)r->from_us,
            (long long)r->to_us, r->max_active_runs, r->reprocess, r->backwards, r->own_version,
            r->paused, r->dates, dash(r->conf), dash(r->actor), (long long)r->created_us,
            (long long)r->completed_us, (long long)r->cancelled_us);
        if (!read_ok(d, ops->get_backfill_runs(d->s, r->backfill_key, false, 1, 0, &d->a, &dates,
                                               &len, NULL))) {
            continue;
        }
        for (size_t k = 0; k < len; k++) {
            buf_printf(&d->out, "date %u %d run %lld at %lld\n", dates[k].ordinal, dates[k].outcome,
                       (long long)dates[k].run_key, (long long)dates[k].logical_us);
        }
    }
}

/* What a run consumed, and by when it should have ended. */
static void dump_run_more(struct dump *d, int64_t run_key)
{
    const struct store_ops *ops = d->s->ops;
    struct asset_event_row *events;
    struct deadline_row *deadlines;
    size_t n;

    if (read_ok(d, ops->get_run_events(d->s, run_key, 0, 0, &d->a, &events, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "consumed %lld\n", (long long)events[i].event_key);
        }
    }
    if (read_ok(d, ops->get_deadlines(d->s, run_key, &d->a, &deadlines, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            buf_printf(&d->out, "deadline %d %s %lld missed %lld told %d\n", deadlines[i].n,
                       dash(deadlines[i].name), (long long)deadlines[i].due_us,
                       (long long)deadlines[i].missed_us, deadlines[i].told);
        }
    }
}

static void dump_all(struct dump *d, struct store *s)
{
    struct run_row *runs;
    size_t n;

    *d = (struct dump){.s = s};
    arena_init(&d->a, DUMP_MAX);
    buf_init(&d->out, DUMP_MAX);
    dump_dags(d);
    dump_assets(d);
    dump_backfills(d);
    dump_alerts(d);
    if (read_ok(d, s->ops->get_runs(s, 0, 0, 0, 0, &d->a, &runs, &n, NULL))) {
        for (size_t i = 0; i < n; i++) {
            dump_run(d, &runs[i]);
            dump_run_more(d, runs[i].run_key);
        }
    }
    d->rc = d->rc == 0 ? buf_status(&d->out) : d->rc;
}

static void dump_fini(struct dump *d)
{
    arena_fini(&d->a);
    buf_fini(&d->out);
}

bool front_same(struct store *a, struct store *b, char *text, size_t n)
{
    struct dump x, y;
    bool same;

    dump_all(&x, a);
    dump_all(&y, b);
    same = x.rc == 0 && y.rc == 0 && strcmp(buf_cstr(&x.out), buf_cstr(&y.out)) == 0;
    if (x.rc != 0 || y.rc != 0) {
        (void)snprintf(text, n, "%s cannot be read: %s", x.rc != 0 ? a->driver : b->driver,
                       err_name(x.rc != 0 ? x.rc : y.rc));
    } else if (!same) {
        const char *p = buf_cstr(&x.out), *q = buf_cstr(&y.out);
        size_t i = 0, line = 0;

        while (p[i] == q[i] && p[i] != '\0') {
            line = p[i] == '\n' ? i + 1 : line;
            i++;
        }
        (void)snprintf(text, n, "%s: %.*s / %s: %.*s", a->driver, (int)strcspn(p + line, "\n"),
                       p + line, b->driver, (int)strcspn(q + line, "\n"), q + line);
    }
    dump_fini(&x);
    dump_fini(&y);
    return same;
}

/* ---- replay ---- */

static size_t find_row(const struct ti_row *tis, size_t n, const struct ti_key *key)
{
    size_t i = 0;

    while (i < n && (tis[i].key.task != key->task || tis[i].key.map_index != key->map_index)) {
        i++;
    }
    return i;
}

static bool replay_run(struct store *s, int64_t run_key, struct arena *a, char *text, size_t cap)
{
    struct transition_row *ts;
    struct ti_row *tis;
    uint8_t *states;
    size_t n, len, at;

    if (s->ops->get_tis(s, run_key, 0, a, &tis, &n, NULL) != 0 ||
        s->ops->get_transitions(s, run_key, NULL, 0, a, &ts, &len, NULL) != 0) {
        (void)snprintf(text, cap, "run %lld cannot be read", (long long)run_key);
        return false;
    }
    states = arena_alloc(a, n + 1);
    for (size_t i = 0; i < len; i++) {
        at = find_row(tis, n, &ts[i].key);
        if (at == n || states[at] != ts[i].from) {
            (void)snprintf(text, cap,
                           "run %lld: the history has task %u[%d] go %s -> %s, it was %s",
                           (long long)run_key, ts[i].key.task, ts[i].key.map_index,
                           task_state_to_string(ts[i].from), task_state_to_string(ts[i].to),
                           at == n ? "never written" : task_state_to_string(states[at]));
            return false;
        }
        states[at] = ts[i].to;
    }
    for (size_t i = 0; i < n; i++) {
        if (states[i] != tis[i].state) {
            (void)snprintf(text, cap, "run %lld: task %u[%d] is %s, its history says %s",
                           (long long)run_key, tis[i].key.task, tis[i].key.map_index,
                           task_state_to_string(tis[i].state), task_state_to_string(states[i]));
            return false;
        }
    }
    return true;
}

bool front_replays(struct store *s, char *text, size_t n)
{
    struct run_row *runs;
    struct arena a;
    size_t len = 0;
    bool ok = true;

    arena_init(&a, DUMP_MAX);
    if (s->ops->get_runs(s, 0, 0, 0, 0, &a, &runs, &len, NULL) != 0) {
        (void)snprintf(text, n, "the runs cannot be read");
        ok = false;
    }
    for (size_t i = 0; ok && i < len; i++) {
        ok = replay_run(s, runs[i].run_key, &a, text, n);
    }
    arena_fini(&a);
    return ok;
}
