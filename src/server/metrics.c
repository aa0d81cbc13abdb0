/*
 * What /metrics tells: of the scheduler (its request `stats`), of the store, and of this server. Names follow those of Airflow's statsd
 * metrics with our prefix (docs/decisions/0014-http-server.md); the table below is also docs/reference/metrics.md.
 */
#include "server/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "model/rows.h"
#include "server/handlers.h"
#include "server/server_priv.h"
#include "store/store.h"

#define BUCKETS_MAX 32
#define RUNS_MAX    10000 /* live runs that are counted */

struct scrape {
    struct call *c;
    struct buf *out;
    const struct value *stats; /* NULL: the scheduler does not answer */
    struct store *store;       /* NULL: there is none */
    int64_t bounds[BUCKETS_MAX];
    int bounds_len;
};

struct metric {
    const char *name;
    enum metric_type type;
    const char *label; /* or NULL */
    const char *help;
    const char *airflow; /* the statsd name that it follows, or NULL */
    void (*put)(struct scrape *s, const struct metric *m);
    const char *from; /* member of `stats` */
};

/* ---- of the scheduler ---- */

static int64_t stat_int(const struct scrape *s, const char *name)
{
    const struct value *v = value_get(s->stats, name);
    int64_t n = 0;

    return v != NULL && value_int(v, INT64_MIN, INT64_MAX, &n) == 0 ? n : 0;
}

static void put_int_of(struct scrape *s, const struct metric *m)
{
    metrics_int(s->out, m->name, NULL, NULL, stat_int(s, m->from));
}

static void put_us_of(struct scrape *s, const struct metric *m)
{
    metrics_seconds(s->out, m->name, NULL, NULL, stat_int(s, m->from));
}

static void put_time_of(struct scrape *s, const struct metric *m)
{
    const struct value *v = value_get(s->stats, m->from);
    int64_t us = 0;

    if (v != NULL && v->kind == VALUE_STRING && time_parse(v->text, v->len, &us) == 0) {
        metrics_seconds(s->out, m->name, NULL, NULL, us);
    }
}

/* An object: a sample per member. */
static void put_members(struct scrape *s, const struct metric *m)
{
    const struct value *v = value_get(s->stats, m->from);
    int64_t n;

    for (size_t i = 0; v != NULL && v->kind == VALUE_OBJECT && i < v->len; i++) {
        if (value_int(v->elems[i], INT64_MIN, INT64_MAX, &n) == 0) {
            metrics_int(s->out, m->name, m->label, v->keys[i].text, n);
        }
    }
}

static void put_histogram_of(struct scrape *s, const struct metric *m, const char *from,
                             const char *label_value)
{
    const struct value *h = value_get(s->stats, from);
    const struct value *n = h != NULL ? value_get(h, "buckets") : NULL;
    uint64_t counts[BUCKETS_MAX + 1];
    int64_t sum = 0, one;

    if (n == NULL || n->kind != VALUE_ARRAY || n->len != (size_t)s->bounds_len + 1 ||
        value_int(value_get(h, "sum_us"), INT64_MIN, INT64_MAX, &sum) != 0) {
        return;
    }
    for (size_t i = 0; i < n->len; i++) {
        counts[i] = value_int(n->elems[i], 0, INT64_MAX, &one) == 0 ? (uint64_t)one : 0;
    }
    metrics_histogram(s->out, m->name, m->label, label_value, s->bounds, counts, s->bounds_len,
                      sum);
}

static void put_histogram(struct scrape *s, const struct metric *m)
{
    put_histogram_of(s, m, m->from, NULL);
}

static void put_run_durations(struct scrape *s, const struct metric *m)
{
    put_histogram_of(s, m, "run_duration_success", "success");
    put_histogram_of(s, m, "run_duration_failed", "failed");
}

/* A pool's member; of `open` what is left of its slots. Without a limit there is nothing to tell of those. */
static void put_pools(struct scrape *s, const struct metric *m)
{
    const struct value *pools = value_get(s->stats, "pools");

    for (size_t i = 0; pools != NULL && pools->kind == VALUE_ARRAY && i < pools->len; i++) {
        const struct value *p = pools->elems[i], *name = value_get(p, "name");
        int64_t slots = 0, used = 0, n = 0;

        if (name == NULL || strcmp(name->text, "parallelism") == 0 ||
            value_int(value_get(p, "slots"), -1, INT64_MAX, &slots) != 0 ||
            value_int(value_get(p, "used"), 0, INT64_MAX, &used) != 0) {
            continue;
        }
        if (strcmp(m->from, "open") == 0) {
            n = slots - used;
        } else {
            (void)value_int(value_get(p, m->from), INT64_MIN, INT64_MAX, &n);
        }
        if (slots >= 0 || strcmp(m->from, "used") == 0 || strcmp(m->from, "waiting") == 0) {
            metrics_int(s->out, m->name, m->label, name->text, n);
        }
    }
}

static void put_open_slots(struct scrape *s, const struct metric *m)
{
    metrics_int(s->out, m->name, NULL, NULL, stat_int(s, "parallelism") - stat_int(s, "live"));
}

static void put_up(struct scrape *s, const struct metric *m)
{
    metrics_int(s->out, m->name, NULL, NULL, s->stats != NULL);
}

/* ---- of the store ---- */

static void put_store_up(struct scrape *s, const struct metric *m)
{
    metrics_int(s->out, m->name, NULL, NULL, s->store != NULL);
}

static void put_runs(struct scrape *s, const struct metric *m)
{
    int64_t counts[RUN_STATE_MAX_] = {0};
    struct run_row *rows;
    size_t n = 0;

    if (s->store == NULL ||
        s->store->ops->get_runs(s->store, 0, 1U << RUN_QUEUED | 1U << RUN_RUNNING, 0, RUNS_MAX,
                                &s->c->arena, &rows, &n, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        counts[rows[i].state]++;
    }
    metrics_int(s->out, m->name, m->label, run_state_to_string(RUN_QUEUED), counts[RUN_QUEUED]);
    metrics_int(s->out, m->name, m->label, run_state_to_string(RUN_RUNNING), counts[RUN_RUNNING]);
}

/* ---- of this server ---- */

static void put_requests(struct scrape *s, const struct metric *m)
{
    static const char *const words[] = {"lost", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const struct server *v = s->c->thread->server;

    for (int k = 0; k < 6; k++) {
        unsigned long long n = 0;

        for (int i = 0; i < v->config.threads; i++) {
            n += atomic_load_explicit(&v->threads[i].counts.by_class[k], memory_order_relaxed);
        }
        if (k != 1) {
            metrics_int(s->out, m->name, m->label, words[k], (int64_t)n);
        }
    }
}

static void put_request_times(struct scrape *s, const struct metric *m)
{
    const struct server *v = s->c->thread->server;
    uint64_t counts[HTTP_BUCKETS + 1] = {0};
    unsigned long long sum = 0;

    for (int i = 0; i < v->config.threads; i++) {
        for (int k = 0; k <= HTTP_BUCKETS; k++) {
            counts[k] +=
                atomic_load_explicit(&v->threads[i].counts.seconds[k], memory_order_relaxed);
        }
        sum += atomic_load_explicit(&v->threads[i].counts.us_sum, memory_order_relaxed);
    }
    metrics_histogram(s->out, m->name, NULL, NULL, http_bucket_us, counts, HTTP_BUCKETS,
                      (int64_t)sum);
}

static void put_connections(struct scrape *s, const struct metric *m)
{
    const struct server *v = s->c->thread->server;
    int64_t n = 0;

    for (int i = 0; i < v->config.threads; i++) {
        n += atomic_load_explicit(&v->threads[i].counts.connections, memory_order_relaxed);
    }
    metrics_int(s->out, m->name, NULL, NULL, n);
}

/* ---- the table ---- */

#define G METRIC_GAUGE
#define C METRIC_COUNTER
#define H METRIC_HISTOGRAM

static const struct metric table[] = {
    {"tradewind_scheduler_up", G, NULL, "1 while the scheduler answers", "scheduler_heartbeat",
     put_up},
    {"tradewind_scheduler_start_time_seconds", G, NULL, "when the scheduler started, since 1970",
     NULL, put_time_of, "started"},
    {"tradewind_scheduler_last_commit_time_seconds", G, NULL,
     "when it last wrote to the store, since 1970", NULL, put_time_of, "last_commit"},
    {"tradewind_scheduler_loop_lag_seconds", G, NULL, "how late its loop was when it was asked",
     "scheduler.scheduler_loop_duration", put_us_of, "loop_lag_us"},
    {"tradewind_scheduler_cpu_seconds_total", C, NULL, "CPU time of its process", NULL, put_us_of,
     "cpu_us"},
    {"tradewind_scheduler_memory_max_bytes", G, NULL, "most memory that its process had", NULL,
     put_int_of, "memory_max_bytes"},
    {"tradewind_scheduler_commits_total", C, NULL, "transactions written", NULL, put_int_of,
     "commits"},
    {"tradewind_scheduler_commit_seconds", H, NULL, "time of one, with its sync", NULL,
     put_histogram, "commit"},
    {"tradewind_scheduler_store_errors_total", C, NULL, "transactions that had to be repeated",
     NULL, put_int_of, "store_errors"},
    {"tradewind_scheduler_events_total", C, NULL, "events that were decided on", NULL, put_int_of,
     "events"},
    {"tradewind_scheduler_transitions_total", C, NULL, "changes of a task instance's state", NULL,
     put_int_of, "transitions"},
    {"tradewind_scheduler_tasks_executable", G, NULL,
     "scheduled task instances that no limit holds back", "scheduler.tasks.executable", put_int_of,
     "ready"},
    {"tradewind_scheduler_tasks_starving", G, NULL,
     "scheduled task instances that wait for slots or a limit", "scheduler.tasks.starving",
     put_int_of, "parked"},
    {"tradewind_executor_open_slots", G, NULL,
     "tasks that could be started now, by core.parallelism", "executor.open_slots", put_open_slots},
    {"tradewind_executor_live_tasks", G, NULL, "attempts that are queued or run",
     "executor.running_tasks", put_int_of, "live"},
    {"tradewind_task_instances", G, "state", "task instances of live runs, by unfinished state",
     NULL, put_members, "tasks"},
    {"tradewind_ti_start_total", C, NULL, "attempts started", "ti.start", put_int_of,
     "task_starts"},
    {"tradewind_ti_finish_total", C, "state", "task instances that came into a finished state",
     "ti.finish", put_members, "task_ends"},
    {"tradewind_task_start_delay_seconds", H, NULL, "from scheduled to running", NULL,
     put_histogram, "task_scheduled"},
    {"tradewind_task_queued_duration_seconds", H, NULL, "from queued to running",
     "task.queued_duration", put_histogram, "task_queued"},
    {"tradewind_task_duration_seconds", H, NULL, "from running to the end of the try",
     "task.duration", put_histogram, "task_duration"},
    {"tradewind_dagruns", G, "state", "runs that are queued or run", NULL, put_runs},
    {"tradewind_dagrun_schedule_delay_seconds", H, NULL,
     "of scheduled runs, from when they are due to running", "dagrun.schedule_delay", put_histogram,
     "run_delay"},
    {"tradewind_dagrun_duration_seconds", H, "state", "of finished runs", "dagrun.duration",
     put_run_durations},
    {"tradewind_pool_slots", G, "pool_name", "slots of a pool", NULL, put_pools, "slots"},
    {"tradewind_pool_open_slots", G, "pool_name", "of them free", "pool.open_slots", put_pools,
     "open"},
    {"tradewind_pool_used_slots", G, "pool_name", "of them taken", "pool.running_slots", put_pools,
     "used"},
    {"tradewind_pool_scheduled_slots", G, "pool_name",
     "slots that waiting task instances could use", "pool.scheduled_slots", put_pools, "waiting"},
    {"tradewind_dagbag_size", G, NULL, "DAGs of the DAGs folder", "dagbag_size", put_int_of,
     "dags"},
    {"tradewind_dag_processing_files", G, NULL, "files there", NULL, put_int_of, "files"},
    {"tradewind_dag_processing_import_errors", G, NULL, "of them with errors",
     "dag_processing.import_errors", put_int_of, "import_errors"},
    {"tradewind_dag_processing_total_parse_time_seconds", G, NULL, "the last look at the folder",
     "dag_processing.total_parse_time", put_us_of, "parse_us"},
    {"tradewind_dag_processing_parse_seconds", H, NULL, "looks at the folder", NULL, put_histogram,
     "parse"},
    {"tradewind_store_up", G, NULL, "1 while the store can be read", NULL, put_store_up},
    {"tradewind_http_requests_total", C, "code",
     "answers of this API server, by class of their status; lost: nobody heard it", NULL,
     put_requests},
    {"tradewind_http_request_seconds", H, NULL, "from a request's head to the end of the answer",
     NULL, put_request_times},
    {"tradewind_http_connections", G, NULL, "connections of this API server", NULL,
     put_connections},
};

static bool needs_scheduler(const struct metric *m)
{
    return m->from != NULL || m->put == put_open_slots || m->put == put_run_durations;
}

int api_metrics(struct call *c, struct err *e)
{
    struct scrape s = {.c = c, .out = &c->out};
    const struct value *bounds;

    (void)e;
    if (server_stats(c, &s.stats, NULL) != 0) {
        s.stats = NULL;
    }
    if (server_store(c, &s.store, NULL) != 0) {
        s.store = NULL;
    }
    bounds = s.stats != NULL ? value_get(s.stats, "bounds_us") : NULL;
    for (size_t i = 0; bounds != NULL && i < bounds->len && i < BUCKETS_MAX; i++) {
        (void)value_int(bounds->elems[i], 0, INT64_MAX, &s.bounds[s.bounds_len++]);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (s.stats != NULL || !needs_scheduler(&table[i])) {
            metrics_head(&c->out, table[i].name, table[i].type, table[i].help);
            table[i].put(&s, &table[i]);
        }
    }
    c->content_type = "text/plain; version=0.0.4; charset=utf-8";
    c->no_store = true;
    return 0;
}

int metrics_reference(struct buf *out)
{
    static const char *const words[] = {"gauge", "counter", "histogram"};

    (void)buf_str(out,
                  "# Metrics\n\nWhat `/metrics` of the API server tells (made by `tradewind man "
                  "--markdown`). "
                  "Names follow Airflow's statsd names, with our prefix and Prometheus' units. "
                  "Those of the scheduler are left out while it does not answer; counters begin "
                  "anew when it starts.\n\n"
                  "| name | type | labels | what | Airflow's |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct metric *m = &table[i];

        (void)buf_printf(out, "| `%s` | %s | %s | %s | %s%s%s |\n", m->name, words[m->type],
                         m->label != NULL ? m->label : "", m->help, m->airflow != NULL ? "`" : "",
                         m->airflow != NULL ? m->airflow : "", m->airflow != NULL ? "`" : "");
    }
    return buf_status(out);
}
