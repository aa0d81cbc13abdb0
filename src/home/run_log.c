#include "home/run_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/log.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "home/home.h"
#include "model/dag.h"
#include "store/store.h"

#define PAGE  200     /* runs read at once */
#define PIECE KiB(64) /* about what is written at once */
#define KEPT  16      /* versions of the DAG that are kept parsed */

struct attempt { /* a try of an instance */
    const struct ti_row *row;
    uint32_t place; /* of its task: topological */
};

struct run_reader {
    struct store *s;
    struct arena pages;           /* of versions */
    struct version_row *versions; /* of the DAG, oldest first */
    size_t versions_len;
    struct kept {
        int64_t key;
        struct dag *dag;
        uint32_t *place; /* by task: where it stands in topological order */
    } kept[KEPT];
    size_t next;           /* which one is replaced */
    struct run_query runs; /* the next page of them */
    struct arena page;
    struct run_row *rows;
    size_t rows_len, at;
    bool ended; /* that was the last page */
    /* of the run at hand */
    struct arena arena;
    const struct run_row *run;
    const struct kept *version;
    char number[24]; /* of its version */
    struct attempt *attempts;
    size_t attempts_len, attempts_cap;
};

static void forget(struct kept *k)
{
    dag_unref(k->dag);
    mem_free(k->place);
    *k = (struct kept){0};
}

static int version_of(struct run_reader *r, int64_t key, struct err *e)
{
    struct kept *k = &r->kept[r->next];
    int rc;

    for (size_t i = 0; i < KEPT; i++) {
        if (r->kept[i].dag != NULL && r->kept[i].key == key) {
            r->version = &r->kept[i];
            return 0;
        }
    }
    forget(k);
    rc = home_load_version(r->s, key, &k->dag, e);
    if (rc != 0) {
        return rc;
    }
    k->place = mem_array(k->dag->tasks_len + 1, sizeof *k->place);
    if (k->place == NULL) {
        forget(k);
        return err_set(e, ERR_NOMEM, "out of memory for an event log");
    }
    for (uint32_t i = 0; i < k->dag->tasks_len; i++) {
        k->place[k->dag->topo[i]] = i;
    }
    k->key = key;
    r->version = k;
    r->next = (r->next + 1) % KEPT;
    return 0;
}

static void number_of(struct run_reader *r, int64_t key)
{
    size_t n = 0;

    while (n < r->versions_len && r->versions[n].version_key != key) {
        n++;
    }
    (void)snprintf(r->number, sizeof r->number, "%zu", n + 1);
}

static int by_place(const void *x, const void *y)
{
    const struct attempt *a = x, *b = y;

    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    if (a->row->key.map_index != b->row->key.map_index) {
        return a->row->key.map_index < b->row->key.map_index ? -1 : 1;
    }
    return a->row->try_number < b->row->try_number ? -1 : a->row->try_number > b->row->try_number;
}

static int add_attempts(struct run_reader *r, const struct ti_row *rows, size_t n)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].key.task < r->version->dag->tasks_len) {
            struct attempt a = {&rows[i], r->version->place[rows[i].key.task]};

            rc = VEC_PUSH(r->attempts, r->attempts_len, r->attempts_cap, a);
        }
    }
    return rc;
}

/* All tries of a run. A mapped task's own row, which stands for its instances, is none. */
static int load_run(struct run_reader *r, const struct run_row *run, struct err *e)
{
    struct ti_row *rows, *tries;
    size_t n = 0, m = 0;
    int rc;

    arena_fini(&r->arena);
    r->attempts_len = 0;
    r->run = run;
    number_of(r, run->version_key);
    rc = version_of(r, run->version_key, e);
    rc = rc == 0 ? r->s->ops->get_tis(r->s, run->run_key, 0, &r->arena, &rows, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].key.map_index < 0 && rows[i].map_len > 0) {
            continue;
        }
        if (rows[i].try_number > 1) {
            rc = r->s->ops->get_tries(r->s, &rows[i].key, &r->arena, &tries, &m, e);
            rc = rc == 0 && add_attempts(r, tries, m) != 0
                     ? err_set(e, ERR_NOMEM, "out of memory for an event log")
                     : rc;
        }
        if (rc == 0 && add_attempts(r, &rows[i], 1) != 0) {
            rc = err_set(e, ERR_NOMEM, "out of memory for an event log");
        }
    }
    if (rc == 0 && r->attempts_len > 0) {
        qsort(r->attempts, r->attempts_len, sizeof *r->attempts, by_place);
    }
    return rc;
}

static void reader_fini(struct run_reader *r)
{
    for (size_t i = 0; i < KEPT; i++) {
        forget(&r->kept[i]);
    }
    mem_free(r->attempts);
    arena_fini(&r->page);
    arena_fini(&r->arena);
    arena_fini(&r->pages);
}

/* reader_fini also after an error. */
static int reader_init(struct run_reader *r, struct store *s, const struct run_log_query *q,
                       struct err *e)
{
    int64_t all = 0;
    int rc;

    *r = (struct run_reader){.s = s,
                             .runs = {.dag_key = q->dag_key,
                                      .states = q->states,
                                      .logical_date = {TIME_NONE, TIME_NONE},
                                      .run_after = {q->from_us, q->to_us},
                                      .start = {TIME_NONE, TIME_NONE},
                                      .end = {TIME_NONE, TIME_NONE},
                                      .order = RUN_BY_RUN_AFTER,
                                      .limit = PAGE}};
    arena_init(&r->pages, MiB(256));
    arena_init(&r->arena, LIMIT_ANALYSIS_BYTES);
    arena_init(&r->page, MiB(256));
    rc = s->ops->get_dag_versions(s, q->dag_key, &r->pages, &r->versions, &r->versions_len, e);
    rc = rc == 0 ? s->ops->count_runs(s, &r->runs, &all, e) : rc;
    r->runs.offset = q->newest > 0 && all > (int64_t)q->newest ? (size_t)all - q->newest : 0;
    return rc;
}

/* The next run, oldest first, with its tries. 1: there is one, 0: there was none any more. */
static int reader_next(struct run_reader *r, struct err *e)
{
    int rc = 0;

    if (r->at == r->rows_len && r->ended) {
        return 0;
    }
    if (r->at == r->rows_len) {
        arena_fini(&r->page);
        rc = r->s->ops->query_runs(r->s, &r->runs, &r->page, &r->rows, &r->rows_len, e);
        r->at = 0;
        r->runs.offset += rc == 0 ? r->rows_len : 0;
        r->ended = rc != 0 || r->rows_len < PAGE;
        if (rc != 0 || r->rows_len == 0) {
            return rc;
        }
    }
    rc = load_run(r, &r->rows[r->at++], e);
    return rc == 0 ? 1 : rc;
}

/* ---- for analysis ---- */

struct execution {
    int64_t ready_us, start_us, end_us;
    bool failed;
};

static bool is_failure(const struct ti_row *t)
{
    return t->state == TASK_FAILED || t->state == TASK_UP_FOR_RETRY;
}

static bool was_carried_out(const struct ti_row *t)
{
    return t->end_us != TIME_NONE && (t->start_us != TIME_NONE || t->state == TASK_SUCCESS) &&
           t->state != TASK_REMOVED && t->state != TASK_UPSTREAM_FAILED;
}

/* last: no other try of the instance follows. */
static void widen(struct execution *x, const struct ti_row *t, bool last)
{
    bool first = x->end_us == TIME_NONE;

    x->ready_us = first || (t->scheduled_us != TIME_NONE && t->scheduled_us < x->ready_us)
                      ? t->scheduled_us
                      : x->ready_us;
    x->start_us = first || (t->start_us != TIME_NONE && t->start_us < x->start_us) ? t->start_us
                                                                                   : x->start_us;
    x->end_us = first || t->end_us > x->end_us ? t->end_us : x->end_us;
    x->failed = x->failed || (last && is_failure(t));
}

static int put_execution(struct plog *l, uint32_t c, uint32_t a, const struct execution *x,
                         struct err *e)
{
    int rc = 0;

    if (x->ready_us != TIME_NONE && x->ready_us <= x->end_us) {
        rc = plog_event(l, c, a, PLOG_SCHEDULE, x->ready_us, NULL, e);
    }
    if (rc == 0 && x->start_us != TIME_NONE) {
        rc = plog_event(l, c, a, PLOG_START, x->start_us < x->end_us ? x->start_us : x->end_us,
                        NULL, e);
    }
    return rc != 0
               ? rc
               : plog_event(l, c, a, x->failed ? PLOG_ABORT : PLOG_COMPLETE, x->end_us, NULL, e);
}

static int read_run(struct run_reader *r, struct plog *l, struct err *e)
{
    const struct dag *d = r->version->dag;
    uint32_t c, a;
    int rc = plog_case(l, r->run->run_id, strlen(r->run->run_id), &c, e);

    rc = rc == 0 ? plog_set_version(l, c, r->number, e) : rc;
    for (size_t i = 0, end; rc == 0 && i < r->attempts_len; i = end) {
        struct execution x = {TIME_NONE, TIME_NONE, TIME_NONE, false};
        const struct ti_key *key = &r->attempts[i].row->key;
        const struct task *t = &d->tasks[key->task];

        end = i;
        do { /* all of a mapped task; else one try */
            const struct ti_row *row = r->attempts[end++].row;
            bool last = key->map_index < 0 || end == r->attempts_len ||
                        r->attempts[end].row->key.task != key->task ||
                        r->attempts[end].row->key.map_index != row->key.map_index;

            if (was_carried_out(row)) {
                widen(&x, row, last);
            }
        } while (key->map_index >= 0 && end < r->attempts_len &&
                 r->attempts[end].row->key.task == key->task);
        if (x.end_us != TIME_NONE) {
            rc = plog_activity(l, t->task_id, strlen(t->task_id), &a, e);
            rc = rc == 0 ? put_execution(l, c, a, &x, e) : rc;
        }
    }
    return rc;
}

int run_log_read(struct store *s, const struct run_log_query *q, struct plog *ret, struct err *e)
{
    struct run_reader r;
    int rc = reader_init(&r, s, q, e);

    while (rc == 0 && (rc = reader_next(&r, e)) == 1) {
        rc = read_run(&r, ret, e);
    }
    reader_fini(&r);
    return rc == 0 ? plog_finish(ret, e) : rc;
}

/* ---- for other tools ---- */

struct run_log_writer {
    struct run_reader r;
    struct log_writer w;
    bool begun, ended;
    char *dag_id;
    enum log_format format;
    struct moment { /* an event of the run at hand */
        int64_t at_us;
        size_t order;
        const struct ti_row *row;
        const char *transition;
    } * moments;
    size_t len, cap;
};

static int by_time(const void *x, const void *y)
{
    const struct moment *a = x, *b = y;

    if (a->at_us != b->at_us) {
        return a->at_us < b->at_us ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static int add_moment(struct run_log_writer *w, const struct ti_row *t, int64_t at_us,
                      const char *word)
{
    struct moment m = {at_us, w->len, t, word};

    return at_us != TIME_NONE ? VEC_PUSH(w->moments, w->len, w->cap, m) : 0;
}

static const char *end_word(const struct ti_row *t)
{
    switch (t->state) {
    case TASK_SKIPPED:
        return t->start_us == TIME_NONE ? "autoskip" : "complete";
    case TASK_REMOVED:
    case TASK_UPSTREAM_FAILED:
        return "withdraw";
    default:
        return is_failure(t) ? "ate_abort" : "complete";
    }
}

static int moments_of(struct run_log_writer *w, const struct ti_row *t)
{
    int rc = add_moment(w, t, t->scheduled_us, "schedule");

    rc = rc == 0 ? add_moment(w, t, t->start_us, "start") : rc;
    if (rc == 0 && (task_state_finished(t->state) || t->state == TASK_UP_FOR_RETRY)) {
        rc = add_moment(w, t, t->end_us, end_word(t));
    }
    return rc;
}

static void put_moment(struct run_log_writer *w, const struct dag *d, const struct moment *m)
{
    const struct task *t = &d->tasks[m->row->key.task];
    char instance[64];
    struct log_event v = {.activity = t->task_id,
                          .transition = m->transition,
                          .instance = instance,
                          .at_us = m->at_us,
                          .group = t->pool,
                          .operator_name = t->operator_name,
                          .map_index = m->row->key.map_index,
                          .try_number = m->row->try_number};

    if (strcmp(m->transition, "schedule") == 0) {
        v.state = "scheduled";
    } else if (strcmp(m->transition, "start") == 0) {
        v.state = "running";
    } else {
        v.state = task_state_to_string(m->row->state);
    }
    (void)snprintf(instance, sizeof instance, "%u/%d/%u", m->row->key.task, m->row->key.map_index,
                   m->row->try_number);
    log_write_event(&w->w, &v);
}

static int write_run(struct run_log_writer *w, struct err *e)
{
    struct run_reader *r = &w->r;
    struct log_case c = {.id = r->run->run_id,
                         .version = r->number,
                         .state = run_state_to_string(r->run->state),
                         .type = run_type_to_string(r->run->type),
                         .logical_us = r->run->logical_date_us};
    int rc = 0;

    w->len = 0;
    for (size_t i = 0; rc == 0 && i < r->attempts_len; i++) {
        rc = moments_of(w, r->attempts[i].row);
    }
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for an event log");
    }
    if (w->len > 0) {
        qsort(w->moments, w->len, sizeof *w->moments, by_time);
    }
    log_write_case(&w->w, &c);
    for (size_t i = 0; i < w->len; i++) {
        put_moment(w, r->version->dag, &w->moments[i]);
    }
    log_write_case_end(&w->w);
    return 0;
}

int run_log_open(struct store *s, const struct run_log_query *q, enum log_format f,
                 const char *dag_id, struct run_log_writer **ret, struct err *e)
{
    struct run_log_writer *w = mem_zalloc(sizeof *w);
    int rc;

    if (w == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an event log");
    }
    w->format = f;
    w->dag_id = mem_strdup(dag_id);
    rc = reader_init(&w->r, s, q, e);
    if (rc == 0 && w->dag_id == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for an event log");
    }
    if (rc != 0) {
        run_log_close(w);
        return rc;
    }
    *ret = w;
    return 0;
}

int run_log_next(struct run_log_writer *w, struct buf *out, bool *ret_more, struct err *e)
{
    int rc = 1;

    if (!w->begun) {
        log_write_begin(&w->w, w->format, w->dag_id, out);
        w->begun = true;
    }
    while (!w->ended && out->len < PIECE && rc == 1) {
        rc = reader_next(&w->r, e);
        if (rc == 1) {
            rc = write_run(w, e);
            rc = rc == 0 ? 1 : rc;
        } else if (rc == 0) {
            log_write_end(&w->w);
            w->ended = true;
        }
    }
    *ret_more = !w->ended;
    if (rc >= 0 && buf_status(out) != 0) {
        rc = err_set(e, (enum err_code) - buf_status(out), "an event log cannot be written");
    }
    return rc < 0 ? rc : 0;
}

void run_log_close(struct run_log_writer *w)
{
    if (w != NULL) {
        reader_fini(&w->r);
        mem_free(w->moments);
        mem_free(w->dag_id);
        mem_free(w);
    }
}
