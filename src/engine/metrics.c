#include "engine/metrics.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "engine/world.h"

#define ERRORS_MAX   1000 /* import errors in one answer */
#define LAG_SLEEP_US 2000
#define POOLS_MAX    1000 /* told of */

const int64_t metrics_bounds_us[METRICS_BUCKETS] = {
    500,    1000,   2500,    5000,     10000,    25000,     50000,
    100000, 500000, 1000000, 10000000, 60000000, 600000000, 3600000000,
};

static void observe(struct metrics_histogram *h, int64_t us)
{
    size_t i = 0;

    us = us > 0 ? us : 0; /* clocks jump */
    while (i < METRICS_BUCKETS && us > metrics_bounds_us[i]) {
        i++;
    }
    h->n[i]++;
    h->sum_us += us;
}

/* ---- counting ---- */

static void count_start(struct engine *g, const struct transition_row *x)
{
    struct engine_metrics *m = &g->metrics;
    struct ti_row row;

    m->task_starts++;
    if (sched_get_ti(g->sched, &x->key, &row) != 0) {
        return;
    }
    if (row.scheduled_us != TIME_NONE) {
        observe(&m->task_scheduled, x->at_us - row.scheduled_us);
    }
    if (row.queued_us != TIME_NONE) {
        observe(&m->task_queued, x->at_us - row.queued_us);
    }
}

static void count_transition(struct engine *g, const struct transition_row *x)
{
    struct engine_metrics *m = &g->metrics;
    struct ti_row row;

    m->tasks[x->from]--;
    m->tasks[x->to]++;
    if (x->to == TASK_RUNNING) {
        count_start(g, x);
    }
    if (x->from == TASK_RUNNING && sched_get_ti(g->sched, &x->key, &row) == 0 &&
        row.start_us != TIME_NONE) {
        observe(&m->task_duration, x->at_us - row.start_us);
    }
    if (task_state_finished(x->to)) {
        m->task_ends[x->to]++;
    }
}

static void count_run(struct engine_metrics *m, const struct run_row *r)
{
    if (run_state_finished(r->state)) {
        if (r->start_us != TIME_NONE && r->end_us != TIME_NONE) {
            observe(&m->run_duration[r->state], r->end_us - r->start_us);
        }
    } else if (r->state == RUN_RUNNING && r->type == RUN_TYPE_SCHEDULED && r->clear_number == 0 &&
               r->start_us != TIME_NONE) {
        observe(&m->run_delay, r->start_us - r->run_after_us);
    }
}

void metrics_committed(struct engine *g, int64_t took_us)
{
    observe(&g->metrics.commit, took_us);
    g->metrics.last_commit_us = loop_wall_us(g->loop);
    for (size_t i = 0; i < g->actions.transitions_len; i++) {
        count_transition(g, &g->actions.transitions[i]);
    }
    for (size_t i = 0; i < g->actions.runs_len; i++) {
        count_run(&g->metrics, &g->actions.runs[i]);
    }
}

/* Those without a row are none, which nobody asks for. */
void metrics_restored(struct engine *g, const struct sched_event *ev)
{
    for (size_t i = 0; i < ev->run.tis_len; i++) {
        g->metrics.tasks[ev->run.tis[i].state]++;
    }
}

void engine_report_dags(struct engine *g, const struct engine_dags_report *r)
{
    struct engine_metrics *m = &g->metrics;

    m->dags = r->dags;
    m->files = r->files;
    m->import_errors = r->errors;
    m->parse_us = r->took_us;
    m->parses++;
    observe(&m->parse, r->took_us);
}

/* ---- telling ---- */

static void put(struct json_writer *w, const char *name, int64_t n)
{
    json_key(w, name);
    json_int(w, n);
}

static void put_time(struct json_writer *w, const char *name, int64_t us)
{
    char text[TIME_TEXT_MAX];

    json_key(w, name);
    json_string(w, us != TIME_NONE ? time_format(us, text) : NULL);
}

static void put_histogram(struct json_writer *w, const char *name,
                          const struct metrics_histogram *h)
{
    json_key(w, name);
    json_object(w);
    put(w, "sum_us", h->sum_us);
    json_key(w, "buckets");
    json_array(w);
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        json_int(w, (int64_t)h->n[i]);
    }
    json_array_end(w);
    json_object_end(w);
}

static void put_histograms(struct json_writer *w, const struct engine_metrics *m)
{
    json_key(w, "bounds_us");
    json_array(w);
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        json_int(w, metrics_bounds_us[i]);
    }
    json_array_end(w);
    put_histogram(w, "task_scheduled", &m->task_scheduled);
    put_histogram(w, "task_queued", &m->task_queued);
    put_histogram(w, "task_duration", &m->task_duration);
    put_histogram(w, "run_delay", &m->run_delay);
    put_histogram(w, "run_duration_success", &m->run_duration[RUN_SUCCESS]);
    put_histogram(w, "run_duration_failed", &m->run_duration[RUN_FAILED]);
    put_histogram(w, "commit", &m->commit);
    put_histogram(w, "parse", &m->parse);
}

static void put_states(struct json_writer *w, const struct engine_metrics *m)
{
    json_key(w, "tasks");
    json_object(w);
    for (int s = 1; s < TASK_STATE_MAX_; s++) {
        if (!task_state_finished(s)) {
            put(w, task_state_to_string(s), m->tasks[s] > 0 ? m->tasks[s] : 0);
        }
    }
    json_object_end(w);
    json_key(w, "task_ends");
    json_object(w);
    for (int s = 0; s < TASK_STATE_MAX_; s++) {
        if (task_state_finished(s)) {
            put(w, task_state_to_string(s), (int64_t)m->task_ends[s]);
        }
    }
    json_object_end(w);
}

static int put_pools(struct json_writer *w, struct engine *g, struct err *e)
{
    struct sched_pool *p = mem_array(POOLS_MAX, sizeof *p);
    size_t n = p != NULL ? sched_get_pools(g->sched, p, POOLS_MAX) : 0;

    json_key(w, "pools");
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        json_object(w);
        json_key(w, "name");
        json_string(w, p[i].name);
        put(w, "slots", p[i].slots);
        put(w, "used", p[i].used);
        put(w, "waiting", p[i].waiting);
        json_object_end(w);
    }
    json_array_end(w);
    mem_free(p);
    return p != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for the pools");
}

static void put_process(struct json_writer *w, const struct engine *g, int64_t lag_us)
{
    struct rusage u = {0};

    (void)getrusage(RUSAGE_SELF, &u);
    put(w, "pid", getpid());
    put_time(w, "started", g->metrics.started_us);
    put_time(w, "last_commit", g->metrics.last_commit_us);
    put(w, "loop_lag_us", lag_us);
    put(w, "cpu_us",
        (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * TIME_SECOND + u.ru_utime.tv_usec +
            u.ru_stime.tv_usec);
    put(w, "memory_max_bytes", u.ru_maxrss * 1024);
}

/* How late this coroutine is woken: what every other one waits, too. */
static int measure_lag(struct engine *g, int64_t *ret)
{
    int64_t due = loop_now_us(g->loop) + LAG_SLEEP_US;
    int rc = co_sleep(LAG_SLEEP_US);

    *ret = loop_now_us(g->loop) - due;
    *ret = *ret > 0 ? *ret : 0;
    return rc;
}

struct errors_call {
    struct engine *g;
    struct arena *arena;
    struct import_error_row *rows;
    size_t len;
    struct err *e;
};

static int do_get_errors(void *arg)
{
    struct errors_call *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_import_errors(s, 0, 0, ERRORS_MAX, c->arena, &c->rows, &c->len, c->e);
}

int metrics_answer_import_errors(const struct world_call *c, struct err *e)
{
    struct errors_call call = {.g = c->g, .arena = c->arena, .e = e};
    int rc = engine_on_store(c->g, do_get_errors, &call);

    json_key(c->w, "result");
    json_array(c->w);
    for (size_t i = 0; rc == 0 && i < call.len; i++) {
        const struct import_error_row *row = &call.rows[i];

        json_object(c->w);
        json_key(c->w, "import_error_id");
        json_int(c->w, row->error_key);
        json_key(c->w, "bundle_name");
        json_string(c->w, row->bundle);
        json_key(c->w, "filename");
        json_string(c->w, row->file);
        json_key(c->w, "timestamp_us");
        json_int(c->w, row->at_us);
        json_key(c->w, "stack_trace");
        json_string(c->w, row->text);
        json_object_end(c->w);
    }
    json_array_end(c->w);
    return rc;
}

int metrics_answer(const struct world_call *c, struct err *e)
{
    const struct engine_metrics *m = &c->g->metrics;
    struct engine_stats stats;
    struct sched_stats s;
    int64_t lag_us;
    int rc = measure_lag(c->g, &lag_us);

    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "the engine stops");
    }
    sched_get_stats(c->g->sched, &s);
    engine_get_stats(c->g, &stats);
    json_key(c->w, "result");
    json_object(c->w);
    put_process(c->w, c->g, lag_us);
    json_key(c->w, "store_error");
    json_string(c->w, stats.store_error != 0 ? err_text(stats.store_error) : NULL);
    put(c->w, "commits", (int64_t)stats.commits);
    put(c->w, "store_errors", (int64_t)m->store_errors);
    put(c->w, "events", (int64_t)stats.events);
    put(c->w, "rows", (int64_t)stats.rows);
    put(c->w, "transitions", (int64_t)stats.transitions);
    put(c->w, "runs", s.runs);
    put(c->w, "instances", s.instances);
    put(c->w, "live", s.live);
    put(c->w, "ready", s.ready);
    put(c->w, "parked", s.parked);
    put(c->w, "dags", m->dags);
    put(c->w, "files", m->files);
    put(c->w, "import_errors", m->import_errors);
    put(c->w, "parses", m->parses);
    put(c->w, "parse_us", m->parse_us);
    put(c->w, "task_starts", (int64_t)m->task_starts);
    put(c->w, "parallelism", c->g->config.parallelism);
    put_states(c->w, m);
    rc = put_pools(c->w, c->g, e);
    put_histograms(c->w, m);
    json_object_end(c->w);
    return rc;
}
