/*
 * /ui/dags/{dag_id}/process and /event-log: what the runs of a DAG tell. Both read much: on a thread of their own, with a store handle of their own,
 * two at a time. The event log comes in pieces: the thread fills one while the last one is sent.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "analysis/process.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "home/home.h"
#include "home/run_log.h"
#include "runtime/loop.h"
#include "server/api.h"

#define AT_ONCE      2
#define RUNS_DEFAULT 10000
#define RUNS_MAX     100000

static atomic_int at_work;

struct work {
    char path[4200]; /* of the store */
    struct run_log_query q;
    struct process_options o;
    const char *dag_id;
    int64_t version_key; /* beside which the process is shown */
    struct json_writer *w;
    struct store *s;
    struct err e;
};

/* ---- asked ---- */

static int read_query(struct call *c, struct work *w, struct err *e)
{
    struct dag_row row;
    int64_t runs;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? call_query_time(c, "from", &w->q.from_us, e) : rc;
    rc = rc == 0 ? call_query_time(c, "to", &w->q.to_us, e) : rc;
    rc = rc == 0 ? call_query_int(c, "runs", 1, RUNS_MAX, RUNS_DEFAULT, &runs, e) : rc;
    if (rc == 0) {
        w->q.dag_key = row.dag_key;
        w->q.newest = (size_t)runs;
        w->dag_id = row.dag_id;
        w->version_key = row.version_key;
        (void)snprintf(w->path, sizeof w->path, "%s/%s", c->thread->server->config.home,
                       STORE_FILE);
    }
    return rc;
}

static int read_options(struct call *c, struct work *w, struct err *e)
{
    const char *word = call_query(c, "algorithm");
    int algorithm = process_algorithm_from_string(word != NULL ? word : "inductive");
    int64_t percent, variants;
    int rc;

    if (algorithm < 0) {
        return call_invalid(c, e, "algorithm is inductive, heuristic or dfg");
    }
    rc = call_query_int(c, "noise_percent", 0, 100, 0, &percent, e);
    rc = rc == 0 ? call_query_int(c, "variants", 1, 1000, 20, &variants, e) : rc;
    if (rc == 0) {
        w->o = (struct process_options){.algorithm = (enum process_algorithm)algorithm,
                                        .noise = (double)percent / 100,
                                        .variants_max = (size_t)variants};
    }
    return rc;
}

/* Runs the work on a thread of its own. SUSPENDS. */
static int carry_out(struct work *w, int (*fn)(void *arg), struct err *e)
{
    struct pool *pool = NULL;
    int rc = 0;

    if (atomic_fetch_add(&at_work, 1) >= AT_ONCE) {
        rc = err_set(e, ERR_BUSY, "%d analyses are at work already: ask again later", AT_ONCE);
    }
    rc = rc == 0 ? pool_new(loop_current(), "analysis", 1, &pool, e) : rc;
    if (rc == 0) {
        rc = co_offload(pool, fn, w);
        if (rc != 0 && w->e.code != 0) {
            *e = w->e;
        }
    }
    if (pool != NULL) {
        pool_free(pool);
    }
    (void)atomic_fetch_sub(&at_work, 1);
    return rc;
}

/* ---- the process ---- */

static int discover(void *arg)
{
    struct work *w = arg;
    struct process p = {0};
    struct dag *d = NULL;
    struct plog l;
    int rc = store_sqlite_open(w->path, STORE_READ_ONLY, &w->s, &w->e);

    plog_init(&l);
    w->s = rc == 0 ? w->s : NULL;
    rc = rc == 0 ? home_load_version(w->s, w->version_key, &d, &w->e) : rc;
    rc = rc == 0 ? run_log_read(w->s, &w->q, &l, &w->e) : rc;
    if (rc == 0) {
        w->o.dag = d;
        rc = process_discover(&l, &w->o, &p, &w->e);
    }
    if (rc == 0) {
        process_json(&p, w->w);
    }
    process_fini(&p);
    plog_fini(&l);
    dag_unref(d);
    store_close(w->s);
    return rc;
}

int ui_process(struct call *c, struct err *e)
{
    struct work w = {.w = &c->w, .q.states = 1u << RUN_SUCCESS | 1u << RUN_FAILED};
    int rc = read_query(c, &w, e);

    rc = rc == 0 ? read_options(c, &w, e) : rc;
    if (rc == 0) {
        json_object(&c->w);
        put_text(c, "dag_id", w.dag_id);
        rc = carry_out(&w, discover, e);
        json_object_end(&c->w);
    }
    return rc;
}

/* ---- the event log ---- */

struct export
{
    struct work *w;
    struct run_log_writer *log;
    enum log_format format;
    struct buf piece;
    bool more;
};

static int export_open(void *arg)
{
    struct export *x = arg;
    struct work *w = x->w;
    int rc = store_sqlite_open(w->path, STORE_READ_ONLY, &w->s, &w->e);

    w->s = rc == 0 ? w->s : NULL;
    return rc == 0 ? run_log_open(w->s, &w->q, x->format, w->dag_id, &x->log, &w->e) : rc;
}

static int export_next(void *arg)
{
    struct export *x = arg;

    return run_log_next(x->log, &x->piece, &x->more, &x->w->e);
}

/* From the first piece on an error can only cut the log short. SUSPENDS. */
static int send_log(struct call *c, struct pool *pool, struct export *x, struct err *e)
{
    int rc = co_offload(pool, export_open, x);

    rc = rc == 0 ? co_offload(pool, export_next, x) : rc;
    if (rc != 0) {
        *e = x->w->e.code != 0 ? x->w->e : *e;
        return rc;
    }
    rc = call_stream(c, x->format == LOG_CSV ? "text/csv; charset=utf-8" : "application/xml");
    rc = rc == 0 ? call_write(c, x->piece.p, x->piece.len) : rc;
    while (rc == 0 && x->more) {
        buf_clear(&x->piece);
        rc = co_offload(pool, export_next, x);
        rc = rc == 0 ? call_write(c, x->piece.p, x->piece.len) : rc;
    }
    return rc;
}

/* The DAG's id as a file's name: what is no letter, digit, dot, dash or underscore becomes one. */
static int name_file(struct call *c, const char *dag_id, const char *ending)
{
    char *name = arena_printf(&c->arena, "attachment; filename=\"%s.%s\"", dag_id, ending);

    for (char *p = name != NULL ? name + strlen("attachment; filename=\"") : NULL;
         p != NULL && *p != '\0' && strcmp(p, "\"") != 0; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("._-", *p) != NULL;

        *p = plain ? *p : '_';
    }
    return name != NULL ? call_set_header(c, "Content-Disposition", name) : -ERR_NOMEM;
}

int ui_event_log(struct call *c, struct err *e)
{
    const char *format = call_query(c, "format");
    struct work *w = arena_alloc(&c->arena, sizeof *w);
    struct export x = {.w = w};
    struct pool *pool = NULL;
    int rc = w == NULL ? -ERR_NOMEM : 0;

    if (format != NULL && strcmp(format, "xes") != 0 && strcmp(format, "csv") != 0) {
        return call_invalid(c, e, "format is xes or csv");
    }
    x.format = format != NULL && strcmp(format, "csv") == 0 ? LOG_CSV : LOG_XES;
    rc = rc == 0 ? read_query(c, w, e) : rc;
    rc = rc == 0 ? name_file(c, w->dag_id, x.format == LOG_CSV ? "csv" : "xes") : rc;
    if (rc == 0 && atomic_fetch_add(&at_work, 1) >= AT_ONCE) {
        (void)atomic_fetch_sub(&at_work, 1);
        return err_set(e, ERR_BUSY, "%d analyses are at work already: ask again later", AT_ONCE);
    }
    if (rc != 0) {
        return rc;
    }
    buf_init(&x.piece, LIMIT_HTTPD_ANSWER);
    rc = pool_new(loop_current(), "event log", 1, &pool, e);
    rc = rc == 0 ? send_log(c, pool, &x, e) : rc;
    if (pool != NULL) {
        pool_free(pool);
    }
    run_log_close(x.log);
    store_close(w->s);
    buf_fini(&x.piece);
    (void)atomic_fetch_sub(&at_work, 1);
    return rc;
}
