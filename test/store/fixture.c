#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fixture_reopen(struct fixture *f)
{
    store_close(f->s);
    f->s = NULL;
    if (strcmp(f->driver, "mem") == 0) {
        assert_int_equal(store_mem_open(&f->s, &f->e), 0);
    } else if (store_sqlite_open(f->path, 0, &f->s, &f->e) != 0) {
        fail_msg("open: %s", f->e.text);
    }
}

void fixture_open(struct fixture *f, const char *driver)
{
    char template[] = "/tmp/tw-store-XXXXXX";

    *f = (struct fixture){.driver = driver};
    f->dir = strdup(mkdtemp(template));
    assert_non_null(f->dir);
    snprintf(f->path, sizeof f->path, "%s/tradewind.db", f->dir);
    arena_init(&f->a, (size_t)1 << 30);
    fixture_reopen(f);
    assert_int_equal(f->s->ops->acquire(f->s, 0, "test", &f->epoch, &f->seq, &f->e), 0);
}

void fixture_close(struct fixture *f)
{
    DIR *d;
    struct dirent *entry;

    store_close(f->s);
    arena_fini(&f->a);
    d = opendir(f->dir);
    while (d != NULL && (entry = readdir(d)) != NULL) {
        char path[600];

        snprintf(path, sizeof path, "%s/%s", f->dir, entry->d_name);
        if (entry->d_name[0] != '.') {
            unlink(path);
        }
    }
    closedir(d);
    rmdir(f->dir);
    free(f->dir);
}

int fixture_set_up(void **state)
{
    static struct fixture f;

    fixture_open(&f, *state); /* the driver's name */
    *state = &f;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

int fixture_commit(struct fixture *f, const struct store_batch *b)
{
    int rc = f->s->ops->commit(f->s, 0, f->epoch, f->seq + 1, b, &f->e);

    if (rc == 0) {
        f->seq++;
    }
    return rc;
}

struct run_row sample_run(int64_t run_key, int64_t dag_key)
{
    static char ids[64][40];
    char *id = ids[run_key % 64];
    int64_t at = T0 + run_key * 3600 * TIME_SECOND;

    snprintf(id, sizeof ids[0], "scheduled__%lld", (long long)run_key);
    return (struct run_row){.run_key = run_key,
                            .dag_key = dag_key,
                            .version_key = dag_key,
                            .run_id = id,
                            .state = RUN_RUNNING,
                            .type = RUN_TYPE_SCHEDULED,
                            .logical_date_us = at,
                            .data_interval_start_us = at,
                            .data_interval_end_us = at + 3600 * TIME_SECOND,
                            .run_after_us = at + 3600 * TIME_SECOND,
                            .queued_us = at + 1,
                            .start_us = at + 2,
                            .end_us = TIME_NONE};
}

struct ti_row sample_ti(int64_t run_key, uint32_t task, int32_t map_index)
{
    return (struct ti_row){.key = {run_key, task, map_index},
                           .state = TASK_QUEUED,
                           .try_number = 1,
                           .max_tries = 2,
                           .attempt = {{1, 2, 3, (uint8_t)task, (uint8_t)run_key}},
                           .worker = 7,
                           .scheduled_us = T0,
                           .queued_us = T0 + 1,
                           .start_us = TIME_NONE,
                           .end_us = TIME_NONE,
                           .next_us = TIME_NONE,
                           .exit_code = -1};
}

struct transition_row sample_transition(int64_t run_key, uint32_t task, int64_t at_us,
                                        const char *reason)
{
    return (struct transition_row){.key = {run_key, task, -1},
                                   .from = TASK_NONE,
                                   .to = TASK_SCHEDULED,
                                   .try_number = 1,
                                   .at_us = at_us,
                                   .reason = reason};
}

void fixture_dag(struct fixture *f, int runs)
{
    struct dag_row dag = {
        .dag_key = 1, .dag_id = "etl", .file = "etl.yaml", .version_key = 1, .updated_us = T0};
    struct version_row version = {.version_key = 1,
                                  .dag_key = 1,
                                  .hash = "abc",
                                  .document = "{}",
                                  .document_len = 2,
                                  .created_us = T0};
    struct store_batch b = {.dags = &dag, .dags_len = 1, .versions = &version, .versions_len = 1};

    assert_int_equal(fixture_commit(f, &b), 0);
    for (int i = 1; i <= runs; i++) {
        struct run_row run = sample_run(i, 1);

        b = (struct store_batch){.runs = &run, .runs_len = 1};
        assert_int_equal(fixture_commit(f, &b), 0);
    }
}

static void dump_ti(const struct ti_row *t, struct buf *out)
{
    char id[UUID_TEXT_MAX];

    buf_printf(out,
               "  ti %u/%d state %d try %d/%d requeues %d %s worker %lld times %lld %lld %lld %lld "
               "%lld exit %d %s\n",
               t->key.task, t->key.map_index, t->state, t->try_number, t->max_tries, t->requeues,
               uuid_format(&t->attempt, id), (long long)t->worker, (long long)t->scheduled_us,
               (long long)t->queued_us, (long long)t->start_us, (long long)t->end_us,
               (long long)t->next_us, t->exit_code, t->reason != NULL ? t->reason : "-");
}

static void dump_run(const struct run_row *r, struct buf *out)
{
    buf_printf(out,
               "run %lld dag %lld version %lld %s state %d type %d %lld %lld %lld %lld %lld %lld "
               "%lld %lld %u %s %s %s %d %s\n",
               (long long)r->run_key, (long long)r->dag_key, (long long)r->version_key, r->run_id,
               r->state, r->type, (long long)r->logical_date_us,
               (long long)r->data_interval_start_us, (long long)r->data_interval_end_us,
               (long long)r->run_after_us, (long long)r->queued_us, (long long)r->start_us,
               (long long)r->end_us, (long long)r->backfill_key, r->clear_number,
               r->reason != NULL ? r->reason : "-", r->conf != NULL ? r->conf : "-",
               r->partition_key != NULL ? r->partition_key : "-", r->triggered_by,
               r->triggering_user != NULL ? r->triggering_user : "-");
}

static void dump_xcom(struct store *s, const struct ti_key *key, const char *name, struct arena *a,
                      struct buf *out)
{
    struct xcom_row x;

    if (s->ops->get_xcom(s, key, name, a, &x, NULL) == 0) {
        buf_printf(out, "    xcom %s %s %lld %zu ", x.name, x.spill != NULL ? x.spill : "-",
                   (long long)x.at_us, x.value_len);
        for (size_t i = 0; i < x.value_len; i++) {
            buf_printf(out, "%02x", ((const uint8_t *)x.value)[i]);
        }
        buf_char(out, '\n');
    }
}

static void dump_instance(struct store *s, const struct ti_key *key, struct arena *a,
                          struct buf *out)
{
    struct ti_row *tries;
    const char *json;
    size_t n;

    assert_int_equal(s->ops->get_tries(s, key, a, &tries, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_str(out, "   try");
        dump_ti(&tries[i], out);
    }
    dump_xcom(s, key, "return_value", a, out);
    dump_xcom(s, key, "other", a, out);
    if (s->ops->get_rendered(s, key, a, &json, NULL) == 0) {
        buf_printf(out, "    rendered %s\n", json);
    }
}

static void dump_under_run(struct store *s, int64_t run_key, uint32_t tasks_max, struct arena *a,
                           struct buf *out)
{
    struct ti_row *tis;
    struct transition_row *ts;
    struct attempt_row *as;
    size_t n;
    char id[UUID_TEXT_MAX];

    assert_int_equal(s->ops->get_tis(s, run_key, 0, a, &tis, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        dump_ti(&tis[i], out);
    }
    for (uint32_t t = 0; t < tasks_max; t++) {
        for (int32_t m = -1; m < 2; m++) {
            dump_instance(s, &(struct ti_key){run_key, t, m}, a, out);
        }
    }
    assert_int_equal(s->ops->get_transitions(s, run_key, NULL, 0, a, &ts, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "  transition %u/%d %d -> %d try %d at %lld %s\n", ts[i].key.task,
                   ts[i].key.map_index, ts[i].from, ts[i].to, ts[i].try_number,
                   (long long)ts[i].at_us, ts[i].reason != NULL ? ts[i].reason : "-");
    }
    assert_int_equal(s->ops->get_attempts(s, run_key, a, &as, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "  attempt %u/%d/%d %s %s %lld %s\n", as[i].key.task, as[i].key.map_index,
                   as[i].try_number, uuid_format(&as[i].attempt, id),
                   as[i].holder != NULL ? as[i].holder : "-", (long long)as[i].pid,
                   as[i].log_path != NULL ? as[i].log_path : "-");
    }
}

static void dump_dags(struct store *s, struct arena *a, struct buf *out)
{
    struct dag_row *dags;
    struct pool_row *pools;
    struct version_row v;
    int64_t *us;
    size_t n, len;

    assert_int_equal(s->ops->get_dags(s, a, &dags, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "dag %lld %s %s paused %d version %lld at %lld\n",
                   (long long)dags[i].dag_key, dags[i].dag_id,
                   dags[i].file != NULL ? dags[i].file : "-", dags[i].paused,
                   (long long)dags[i].version_key, (long long)dags[i].updated_us);
    }
    for (int64_t k = 1; k < 8; k++) {
        if (s->ops->get_version(s, k, a, &v, NULL) == 0) {
            buf_printf(out, "version %lld dag %lld %s %zu %s at %lld\n", (long long)k,
                       (long long)v.dag_key, v.hash, v.document_len, v.document,
                       (long long)v.created_us);
        }
        assert_int_equal(s->ops->get_durations(s, k, 3, a, &us, &len, NULL), 0);
        for (size_t i = 0; i < len; i++) {
            buf_printf(out, " mean %zu %lld\n", i, (long long)us[i]);
        }
    }
    assert_int_equal(s->ops->get_pools(s, a, &pools, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "pool %s %lld %d %s\n", pools[i].name, (long long)pools[i].slots,
                   pools[i].include_deferred,
                   pools[i].description != NULL ? pools[i].description : "-");
    }
}

static void dump_runs(struct store *s, int64_t dag_key, unsigned states, struct arena *a,
                      struct buf *out)
{
    struct run_row *runs;
    size_t n;

    assert_int_equal(s->ops->get_runs(s, dag_key, states, 0, 0, a, &runs, &n, NULL), 0);
    buf_printf(out, "runs of %lld in %x:", (long long)dag_key, states);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, " %lld", (long long)runs[i].run_key);
    }
    buf_char(out, '\n');
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void dump_events(struct store *s, const struct asset_event_query *q, struct arena *a,
                        struct buf *out)
{
    struct asset_event_row *rows;
    int64_t count, newest;
    size_t n;

    assert_int_equal(s->ops->get_asset_events(s, q, a, &rows, &n, NULL), 0);
    assert_int_equal(s->ops->count_asset_events(s, q, &count, &newest, NULL), 0);
    buf_printf(out, "events %lld newest %lld\n", (long long)count, (long long)newest);
    for (size_t i = 0; i < n; i++) {
        const struct asset_event_row *r = &rows[i];

        buf_printf(out, " event %lld of %lld %s %s %s %s: %s from %s %s %s/%d key %s at %lld by",
                   (long long)r->event_key, (long long)r->asset_key, r->name, r->uri, r->group,
                   or_dash(r->asset_extra), or_dash(r->extra), or_dash(r->dag_id),
                   or_dash(r->task_id), or_dash(r->run_id), r->map_index, or_dash(r->partition_key),
                   (long long)r->at_us);
        for (size_t k = 0; k < r->aliases_len; k++) {
            buf_char(out, r->aliases[k] != '\0' ? r->aliases[k] : ',');
        }
        buf_char(out, '\n');
    }
}

/* All assets, and their events as every kind of question finds them. */
static void dump_assets(struct store *s, struct arena *a, struct buf *out)
{
    struct asset_event_query q = {.from_us = TIME_NONE, .to_us = TIME_NONE};
    struct asset_row *rows, one;
    size_t n;

    assert_int_equal(s->ops->get_assets(s, 0, 0, a, &rows, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "asset %lld %s %s %s %s since %lld last %lld\n",
                   (long long)rows[i].asset_key, rows[i].name, rows[i].uri, rows[i].group,
                   or_dash(rows[i].extra), (long long)rows[i].created_us,
                   (long long)rows[i].last_event_us);
        assert_int_equal(s->ops->find_asset(s, rows[i].name, NULL, a, &one, NULL), 0);
        buf_printf(out, " by name %lld", (long long)one.asset_key);
        assert_int_equal(s->ops->find_asset(s, NULL, rows[i].uri, a, &one, NULL), 0);
        buf_printf(out, " by uri %lld\n", (long long)one.asset_key);
    }
    dump_events(s, &q, a, out);
    for (int64_t k = 1; k < 4; k++) {
        q = (struct asset_event_query){.asset_key = k, .newest_first = true, .from_us = T0 + 100};
        q.to_us = T0 + 900;
        dump_events(s, &q, a, out);
        q = (struct asset_event_query){
            .alias = k % 2 == 0 ? "one" : "two", .offset = (size_t)k, .limit = 3};
        q.from_us = q.to_us = TIME_NONE;
        q.asset_key = k == 3 ? 2 : 0;
        dump_events(s, &q, a, out);
        q.newest_first = true;
        q.above_key = k;
        q.below_key = 5 * k;
        dump_events(s, &q, a, out);
    }
}

static void dump_queues(struct store *s, struct arena *a, struct buf *out)
{
    struct asset_consumer_row *rows;
    struct asset_queue_shape *q;
    size_t n;

    assert_int_equal(s->ops->get_asset_consumers(s, a, &rows, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "consumer %lld %s %s %d\n", (long long)rows[i].dag_key, rows[i].dag_id,
                   rows[i].schedule, rows[i].paused);
    }
    for (int64_t k = 1; k < 4; k++) {
        assert_int_equal(s->ops->get_asset_queue(s, k, a, &q, &n, NULL), 0);
        for (size_t i = 0; i < n; i++) {
            buf_printf(out, " waits %lld '%s' %lld %s %s %zu %lld %lld %lld\n", (long long)k,
                       q[i].partition, (long long)q[i].asset_key, q[i].name, q[i].uri,
                       q[i].aliases_len, (long long)q[i].count, (long long)q[i].first_us,
                       (long long)q[i].last_us);
        }
    }
}

static void dump_run_events(struct store *s, int64_t run_key, struct arena *a, struct buf *out)
{
    struct asset_event_row *rows;
    size_t n;

    for (size_t offset = 0; offset < 2; offset++) {
        assert_int_equal(s->ops->get_run_events(s, run_key, offset, offset * 2, a, &rows, &n, NULL),
                         0);
        for (size_t i = 0; i < n; i++) {
            buf_printf(out, "  %zu consumed %lld %s %s\n", offset, (long long)rows[i].event_key,
                       rows[i].name, rows[i].uri);
        }
    }
}

static void dump_notes(struct store *s, int64_t run_key, struct arena *a, struct buf *out)
{
    struct note_row *notes;
    struct gone_row *gone;
    size_t n = 0;

    assert_int_equal(s->ops->get_notes(s, run_key, a, &notes, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, " note %u[%d] %s by %s at %lld\n", notes[i].key.task,
                   notes[i].key.map_index, notes[i].text,
                   notes[i].actor != NULL ? notes[i].actor : "-", (long long)notes[i].at_us);
    }
    assert_int_equal(s->ops->get_gone(s, run_key, a, &gone, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        struct ti_key key = {run_key, gone[i].task, -1};
        struct transition_row *rows;
        size_t len = 0;

        assert_int_equal(s->ops->get_transitions(s, run_key, &key, 0, a, &rows, &len, NULL), 0);
        buf_printf(out, " gone %u %s since %lld at %lld: %zu transitions\n", gone[i].task,
                   gone[i].task_id, (long long)gone[i].version_key, (long long)gone[i].at_us, len);
    }
}

static void dump_arrivals(struct store *s, const char *watcher, struct arena *a, struct buf *out)
{
    struct arrival_row *rows;
    size_t n = 0;

    assert_int_equal(s->ops->get_arrivals(s, watcher, a, &rows, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, " arrival %s %s %lld %lld %lld %lld\n", rows[i].watcher, rows[i].path,
                   (long long)rows[i].mtime_ns, (long long)rows[i].size, (long long)rows[i].inode,
                   (long long)rows[i].at_us);
    }
}

void store_dump(struct store *s, int64_t runs_max, uint32_t tasks_max, struct buf *out)
{
    struct arena a;

    arena_init(&a, (size_t)1 << 30);
    dump_dags(s, &a, out);
    dump_assets(s, &a, out);
    dump_queues(s, &a, out);
    for (unsigned states = 0; states < 16; states++) {
        dump_runs(s, 0, states, &a, out);
        dump_runs(s, 1, states, &a, out);
        dump_runs(s, 2, states, &a, out);
    }
    dump_arrivals(s, "w-0", &a, out);
    dump_arrivals(s, "w-1", &a, out);
    for (int64_t k = 1; k <= 2; k++) {
        struct run_row last;

        if (s->ops->last_scheduled_run(s, k, &a, &last, NULL) == 0) {
            buf_printf(out, " last scheduled: %lld\n", (long long)last.run_key);
        }
    }
    for (int64_t k = 1; k <= runs_max; k++) {
        struct run_row run, previous;
        char key[32];
        const char *result;

        if (s->ops->get_run(s, k, &a, &run, NULL) == 0) {
            dump_run(&run, out);
        }
        for (int any = 0; any < 2; any++) {
            if (s->ops->previous_run(s, k, any != 0, &a, &previous, NULL) == 0) {
                buf_printf(out, " previous %d: %lld\n", any, (long long)previous.run_key);
            }
        }
        dump_under_run(s, k, tasks_max, &a, out);
        dump_run_events(s, k, &a, out);
        dump_notes(s, k, &a, out);
        snprintf(key, sizeof key, "command-%lld", (long long)k);
        if (s->ops->find_command(s, key, &a, &result, NULL) == 0) {
            buf_printf(out, " %s -> %s\n", key, result);
        }
    }
    assert_int_equal(buf_status(out), 0);
    arena_fini(&a);
}
